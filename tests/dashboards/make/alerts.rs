//! Alert rules as Grafana's provisioning reads them.

use super::super::source::{Rule, Source, uid};
use super::yaml;
use serde_json::{Value, json};

const OPENING: &str = "\
# Alert rules for Grafana's provisioning. Made from src/alerts.toml: UPDATE_EXPECT=1 cargo test --test dashboards
# HEELGUARD_CLICKHOUSE_UID and HEELGUARD_PROMETHEUS_UID, in Grafana's environment, are the uids of the data sources.
";

/// The file.
pub fn alerts(source: &Source) -> String {
    let rules: Vec<Value> = source.alerts.rules.iter().map(|rule| made(source, rule)).collect();
    let group =
        json!({ "orgId": 1, "name": "Heelguard", "folder": "Heelguard", "interval": "1m", "rules": rules });
    OPENING.to_owned() + &yaml::text(&json!({ "apiVersion": 1, "groups": [group] }))
}

fn made(source: &Source, rule: &Rule) -> Value {
    let (kind, model) = match (&rule.sql, &rule.promql) {
        (Some(sql), None) => {
            let sql = source.written_out(sql);
            let model = json!({
                "refId": "A", "editorType": "sql", "queryType": "table", "format": 1, "rawSql": sql,
            });
            ("clickhouse", model)
        }
        (None, Some(expr)) => {
            let model = json!({ "refId": "A", "expr": expr, "instant": true, "range": false });
            ("prometheus", model)
        }
        _ => panic!("{}: one query", rule.uid),
    };
    let evaluator = match (rule.above, rule.below) {
        (Some(limit), None) => json!({ "type": "gt", "params": [limit] }),
        (None, Some(limit)) => json!({ "type": "lt", "params": [limit] }),
        _ => panic!("{}: one limit", rule.uid),
    };
    let span = json!({ "from": rule.minutes * 60, "to": 0 });
    let condition = json!({
        "refId": "B", "type": "threshold", "expression": "A", "conditions": [{ "evaluator": evaluator }],
    });
    let board = source.board(&rule.board);
    let own = rule.variable.as_ref().map_or_else(String::new, |name| {
        assert!(board.variables.contains(name), "{}: {} has no {name}", rule.uid, rule.board);
        format!("?var-{name}={{{{ .Labels.{name} }}}}")
    });
    let mut labels = json!({ "source": "heelguard" });
    if let Some(severity) = &rule.severity {
        labels["severity"] = severity.as_str().into();
    }
    json!({
        "uid": rule.uid,
        "title": format!("Heelguard: {}", rule.title),
        "condition": "B",
        "for": format!("{}m", rule.for_minutes),
        "noDataState": "OK",
        "execErrState": "Error",
        "isPaused": false,
        "labels": labels,
        "annotations": {
            "summary": rule.summary,
            "description": rule.action,
            "board": format!("/d/{}{own}", uid(&rule.board)),
        },
        "data": [
            { "refId": "A", "datasourceUid": source.alerts.sources[kind], "relativeTimeRange": span, "model": model },
            { "refId": "B", "datasourceUid": "__expr__", "relativeTimeRange": span, "model": condition },
        ],
    })
}
