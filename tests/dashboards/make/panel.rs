//! One panel: what it asks, how it looks, where it leads.

use super::super::source::{Board, Column, Kind, Panel, Source, Step};
use super::{link, merge, row_link};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A kind of data source; which one of it is the board's variable.
#[derive(Clone, Copy)]
pub(super) struct Datasource {
    plugin: &'static str,
    variable: &'static str,
}

pub(super) const CLICKHOUSE: Datasource =
    Datasource { plugin: "grafana-clickhouse-datasource", variable: "${clickhouse}" };
pub(super) const PROMETHEUS: Datasource = Datasource { plugin: "prometheus", variable: "${prometheus}" };

impl Datasource {
    pub(super) fn json(self) -> Value {
        json!({ "type": self.plugin, "uid": self.variable })
    }
}

/// The panel of this number in its place.
pub(super) fn panel(source: &Source, board: &Board, panel: &Panel, id: u32, place: &Value) -> Value {
    let (datasource, targets) = targets(source, panel);
    let (plugin, options, custom) = look(panel);
    let mut defaults = json!({ "custom": custom, "color": color(panel), "mappings": [] });
    if !panel.steps.is_empty() || panel.limit.is_some() {
        merge(&mut defaults, json!({ "thresholds": thresholds(&steps(panel)) }));
    }
    if let Some(unit) = &panel.unit {
        merge(&mut defaults, json!({ "unit": unit }));
    }
    if let Some(decimals) = panel.decimals {
        merge(&mut defaults, json!({ "decimals": decimals }));
    }
    if let Some(label) = &panel.legend {
        merge(&mut defaults, json!({ "displayName": format!("${{__field.labels.{label}}}") }));
    }
    let mut made = json!({
        "id": id,
        "title": panel.title,
        "description": panel.description,
        "type": plugin,
        "gridPos": place,
        "datasource": datasource.json(),
        "targets": targets,
        "options": options,
        "fieldConfig": { "defaults": defaults, "overrides": overrides(source, board, panel) },
    });
    if let Some(target) = &panel.link {
        let (title, url) = link(source, board, target);
        let link = json!({
            "type": "link", "title": title, "url": url, "tags": [], "icon": "", "tooltip": "", "asDropdown": false,
            "includeVars": false, "keepTime": false, "targetBlank": false,
        });
        merge(&mut made, json!({ "links": [link] }));
    }
    if panel.sql.as_ref().is_some_and(|sql| sql.contains("{point}")) {
        // No point is narrower than the rollup's hours.
        merge(&mut made, json!({ "interval": "1h" }));
    }
    if panel.kind == Kind::Table && !panel.promql.is_empty() {
        let organize = json!({
            "excludeByName": { "Time": true }, "indexByName": {}, "renameByName": { "Value": "value" },
        });
        merge(&mut made, json!({ "transformations": [{ "id": "organize", "options": organize }] }));
    }
    made
}

/// The steps of its colors; a line to stay below is one too.
fn steps(panel: &Panel) -> Vec<Step> {
    match panel.limit {
        Some(limit) => vec![
            Step { color: "green".to_owned(), at: None },
            Step { color: "red".to_owned(), at: Some(limit) },
        ],
        None => panel.steps.clone(),
    }
}

fn thresholds(steps: &[Step]) -> Value {
    let steps: Vec<Value> =
        steps.iter().map(|step| json!({ "color": step.color, "value": step.at })).collect();
    json!({ "mode": "absolute", "steps": steps })
}

fn color(panel: &Panel) -> Value {
    let mode = match panel.kind {
        Kind::Stat | Kind::Words | Kind::Table if panel.steps.is_empty() => {
            return json!({ "mode": "fixed", "fixedColor": "text" });
        }
        Kind::Stat | Kind::Words | Kind::Table => "thresholds",
        Kind::Ranking => return json!({ "mode": "fixed", "fixedColor": "blue" }),
        Kind::Bars | Kind::Lines | Kind::Pie => "palette-classic-by-name",
    };
    json!({ "mode": mode })
}

fn targets(source: &Source, panel: &Panel) -> (Datasource, Vec<Value>) {
    if let Some(sql) = &panel.sql {
        assert!(panel.promql.is_empty(), "{}: one kind of query", panel.title);
        let (format, kind) = match panel.kind {
            Kind::Bars | Kind::Lines => (0, "timeseries"),
            _ => (1, "table"),
        };
        let target = json!({
            "refId": "A", "datasource": CLICKHOUSE.json(), "editorType": "sql", "queryType": kind,
            "format": format, "rawSql": source.written_out(sql),
        });
        return (CLICKHOUSE, vec![target]);
    }
    let is_now = !matches!(panel.kind, Kind::Bars | Kind::Lines);
    let targets = ('A'..).zip(&panel.promql).map(|(letter, asked)| {
        json!({
            "refId": letter.to_string(), "datasource": PROMETHEUS.json(), "editorMode": "code",
            "expr": asked.expr, "legendFormat": asked.legend, "instant": is_now, "range": !is_now,
            "format": if panel.kind == Kind::Table { "table" } else { "time_series" },
        })
    });
    (PROMETHEUS, targets.collect())
}

/// The plugin that draws it, its options, and how its fields are drawn.
fn look(panel: &Panel) -> (&'static str, Value, Value) {
    let one = json!({ "values": false, "calcs": ["lastNotNull"], "fields": "" });
    let each = json!({ "values": true, "calcs": ["lastNotNull"], "fields": "", "limit": 50 });
    let legend = json!({ "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] });
    let tooltip = json!({ "mode": "multi", "sort": "desc" });
    match panel.kind {
        Kind::Stat => {
            let options = json!({
                "reduceOptions": one, "colorMode": "value", "graphMode": "none", "justifyMode": "auto",
                "orientation": "auto", "textMode": "value", "wideLayout": true,
                "showPercentChange": false, "percentChangeColorMode": "standard",
            });
            ("stat", options, json!({}))
        }
        Kind::Words => {
            let options = json!({
                "reduceOptions": { "values": false, "calcs": ["lastNotNull"], "fields": "/.*/" },
                "colorMode": "none", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
                "textMode": "value", "wideLayout": true, "showPercentChange": false,
                "percentChangeColorMode": "standard", "text": { "valueSize": 18 },
            });
            ("stat", options, json!({}))
        }
        Kind::Bars => {
            let custom = json!({
                "drawStyle": "bars", "fillOpacity": 80, "lineWidth": 0, "showPoints": "never",
                "barAlignment": 0, "stacking": { "mode": "normal", "group": "A" }, "axisSoftMin": 0,
            });
            ("timeseries", json!({ "legend": legend, "tooltip": tooltip }), custom)
        }
        Kind::Lines => {
            let style = if panel.limit.is_some() { "line" } else { "off" };
            let custom = json!({
                "drawStyle": "line", "fillOpacity": 10, "lineWidth": 2, "showPoints": "auto",
                "spanNulls": true, "axisSoftMin": 0, "thresholdsStyle": { "mode": style },
            });
            ("timeseries", json!({ "legend": legend, "tooltip": tooltip }), custom)
        }
        Kind::Ranking => {
            let options = json!({
                "reduceOptions": each, "orientation": "horizontal", "displayMode": "basic",
                "showUnfilled": true, "valueMode": "color", "namePlacement": "left", "sizing": "auto",
                "minVizWidth": 8, "minVizHeight": 16, "maxVizHeight": 300,
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": [] },
            });
            ("bargauge", options, json!({}))
        }
        Kind::Pie => {
            let legend = json!({
                "displayMode": "table", "placement": "bottom", "showLegend": true,
                "values": ["value", "percent"], "calcs": [],
            });
            let options = json!({
                "reduceOptions": each, "pieType": "donut", "orientation": "auto", "sort": "desc", "legend": legend, "displayLabels": [],
                "tooltip": { "mode": "single", "sort": "none" },
            });
            ("piechart", options, json!({}))
        }
        Kind::Table => {
            let options = json!({ "showHeader": true, "cellHeight": "sm", "frameIndex": 0 });
            let custom = json!({
                "align": "auto", "cellOptions": { "type": "auto" }, "inspect": true, "filterable": true,
            });
            ("table", options, custom)
        }
    }
}

fn overrides(source: &Source, board: &Board, panel: &Panel) -> Vec<Value> {
    let by_name = |name: &str, properties: Vec<Value>| json!({ "matcher": { "id": "byName", "options": name }, "properties": properties });
    let series = panel.colors.iter().map(|(name, color)| {
        by_name(name, vec![json!({ "id": "color", "value": { "mode": "fixed", "fixedColor": color } })])
    });
    let mut made: Vec<Value> = series.collect();
    if panel.kind == Kind::Table {
        let mut columns: BTreeMap<&String, &Column> = source.common.columns.iter().collect();
        columns.extend(&panel.columns);
        let sql = panel.sql.as_deref().unwrap_or_default();
        let asked = columns.iter().filter(|(name, _)| panel.columns.contains_key(**name) || has(sql, name));
        made.extend(asked.map(|(name, column)| by_name(name, properties(source, board, column))));
    }
    made
}

/// Whether a query gives a column of this name: as an alias, or as it stands.
fn has(sql: &str, column: &str) -> bool {
    let head = sql.split_once("\nFROM").map_or(sql, |(head, _)| head);
    let words = head.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == column);
    head.contains(&format!("AS \"{column}\"")) || words && !column.contains(' ')
}

fn properties(source: &Source, board: &Board, column: &Column) -> Vec<Value> {
    let mut made = Vec::new();
    let mut property = |id: &str, value: Value| made.push(json!({ "id": id, "value": value }));
    if let Some(width) = column.width {
        property("custom.width", json!(width));
    }
    if let Some(unit) = &column.unit {
        property("unit", json!(unit));
    }
    if let Some(decimals) = column.decimals {
        property("decimals", json!(decimals));
    }
    if column.hidden {
        property("custom.hidden", json!(true));
    }
    if column.bar {
        property("min", json!(0));
        property("max", json!(1));
        property("color", json!({ "mode": "fixed", "fixedColor": "blue" }));
        property(
            "custom.cellOptions",
            json!({ "type": "gauge", "mode": "basic", "valueDisplayMode": "text" }),
        );
    }
    if !column.colors.is_empty() {
        let texts = column
            .colors
            .iter()
            .enumerate()
            .map(|(index, (text, color))| (text.clone(), json!({ "color": color, "index": index })));
        let texts: serde_json::Map<String, Value> = texts.collect();
        property("mappings", json!([{ "type": "value", "options": texts }]));
        property("custom.cellOptions", json!({ "type": "color-text" }));
    }
    if !column.steps.is_empty() {
        property("thresholds", thresholds(&column.steps));
        property("color", json!({ "mode": "thresholds" }));
        property("custom.cellOptions", json!({ "type": "color-text" }));
    }
    if let Some(link) = &column.link {
        let (title, url) = row_link(source, board, link);
        property("links", json!([{ "title": title, "url": url, "targetBlank": false }]));
    }
    made
}
