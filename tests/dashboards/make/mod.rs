//! What Grafana reads, made from what people write.
//! It is given the source and gives the text of a board or of the alert rules.
//! It promises ids and places that follow from the order of the source, and no name of a data source.

mod alerts;
mod panel;
mod yaml;

pub use alerts::alerts;

use super::source::{self, Board, Source, Variable, VariableKind};
use serde_json::{Value, json};

/// What the form of a board is called; Grafana brings older ones up to date by itself.
const SCHEMA_VERSION: u32 = 39;
const WIDTH: u32 = 24;

/// A board's file.
pub fn board(source: &Source, board: &Board) -> String {
    let variables: Vec<Value> = board.variables.iter().map(|name| variable(source, name)).collect();
    let mut places = Places::default();
    let panels: Vec<Value> = (1..)
        .zip(&board.panels)
        .map(|(id, panel)| panel::panel(source, board, panel, id, &places.next(panel.size)))
        .collect();
    let board = json!({
        "uid": board.uid(),
        "title": format!("Heelguard: {}", board.title),
        "description": board.description,
        "tags": ["heelguard"],
        "id": null,
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": true,
        "graphTooltip": 1,
        "fiscalYearStartMonth": 0,
        "liveNow": false,
        "timezone": "browser",
        "refresh": "",
        "time": { "from": board.from, "to": "now" },
        "timepicker": {},
        "annotations": { "list": [] },
        "links": [{
            "type": "dashboards",
            "title": "Heelguard",
            "tags": ["heelguard"],
            "asDropdown": true,
            "includeVars": true,
            "keepTime": true,
            "targetBlank": false,
            "icon": "dashboard",
            "tooltip": "The other boards, with what was chosen here",
            "url": "",
        }],
        "templating": { "list": variables },
        "panels": panels,
    });
    text(&board)
}

/// The address of a board, or of one of its panels, that keeps the time and what may be chosen on both boards.
fn address(source: &Source, from: &Board, to: &Board, panel: Option<&str>, own: &str) -> String {
    let mut address = format!("/d/{}?${{__url_time_range}}", to.uid());
    let chosen = own.split('=').next().unwrap_or_default().trim_start_matches("&var-");
    for name in from.variables.iter().filter(|name| to.variables.contains(name) && *name != chosen) {
        assert!(source.common.variables.contains_key(name), "{name} is no variable");
        address.push_str(&format!("&${{{name}:queryparam}}"));
    }
    address.push_str(own);
    if let Some(title) = panel {
        let place = to.panels.iter().position(|panel| panel.title == title);
        let place = place.unwrap_or_else(|| panic!("{}: no panel is called {title}", to.name));
        address.push_str(&format!("&viewPanel={}", place + 1));
    }
    address
}

fn variable(source: &Source, name: &str) -> Value {
    let variable = source.common.variables.get(name).unwrap_or_else(|| panic!("{name} is no variable"));
    let Variable { kind, label, plugin, sql, promql } = variable;
    let mut made = json!({ "name": name, "label": label, "hide": 0, "skipUrlSync": false, "options": [] });
    let more = match kind {
        VariableKind::Datasource => json!({
            "type": "datasource", "query": plugin, "includeAll": false, "multi": false,
            "refresh": 1, "regex": "",
        }),
        VariableKind::Text => {
            json!({ "type": "textbox", "query": "", "current": { "text": "", "value": "" } })
        }
        VariableKind::Query => {
            let (datasource, query) = match (sql, promql) {
                (Some(sql), None) => {
                    let sql = source.written_out(sql);
                    (panel::CLICKHOUSE, json!({ "editorType": "sql", "rawSql": sql, "refId": "A" }))
                }
                (None, Some(promql)) => {
                    (panel::PROMETHEUS, json!({ "qryType": 5, "query": promql, "refId": "A" }))
                }
                _ => panic!("{name} has one query"),
            };
            json!({
                "type": "query", "datasource": datasource.json(), "query": query,
                "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
                "includeAll": true, "multi": true, "refresh": 2, "regex": "", "sort": 1,
            })
        }
    };
    merge(&mut made, more);
    made
}

/// Where panels lie: from left to right, and on to the next line where one has no room.
#[derive(Default)]
struct Places {
    x: u32,
    y: u32,
    height: u32,
}

impl Places {
    fn next(&mut self, [width, height]: [u32; 2]) -> Value {
        if self.x + width > WIDTH {
            (self.x, self.y, self.height) = (0, self.y + self.height, 0);
        }
        let place = json!({ "x": self.x, "y": self.y, "w": width, "h": height });
        self.x += width;
        self.height = self.height.max(height);
        place
    }
}

/// Puts the fields of one object into another.
fn merge(into: &mut Value, more: Value) {
    let (Value::Object(into), Value::Object(more)) = (into, more) else { panic!("two objects") };
    into.extend(more);
}

fn text(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

fn find<'a>(source: &'a Source, link: &'a str) -> (&'a Board, Option<&'a str>) {
    match link.split_once('/') {
        Some((name, panel)) => (source.board(name), Some(panel)),
        None => (source.board(link), None),
    }
}

/// The address that a panel's link stands for.
fn link(source: &Source, from: &Board, link: &str) -> (String, String) {
    let (to, panel) = find(source, link);
    assert!(panel.is_some() || to.name != from.name, "{}: a link to where one is", from.name);
    let title = panel.unwrap_or(to.title.as_str()).to_owned();
    (title, address(source, from, to, panel, ""))
}

/// The address that a cell's link stands for.
fn row_link(source: &Source, from: &Board, link: &source::Link) -> (String, String) {
    let to = source.board(&link.board);
    assert!(to.variables.contains(&link.variable), "{} has no {}", to.name, link.variable);
    let own = format!("&var-{}=${{__data.fields[\"{}\"]:percentencode}}", link.variable, link.field);
    (to.title.clone(), address(source, from, to, None, &own))
}
