//! Lists to take away: alerts as JSON Lines and as CSV, endpoints as CSV.
//! It is given what the filter left, in its order.
//! It promises that no cell is a formula to a spreadsheet, whichever separator it looks for, and no text moves a
//! terminal's cursor.

use super::notes::Notes;
use super::views::endpoints::Judged;
use crate::ledger::endpoint::names::Names;
use crate::ledger::spread::Spread;
use crate::sinks::escape::{for_terminal, write_json_line};
use crate::sinks::record::{AlertRecord, Labels};
use heelguard_detectors::alert::Alert;
use heelguard_detectors::label::Label;
use std::sync::Arc;

const COLUMNS: [&str; 20] = [
    "id",
    "status",
    "severity",
    "confidence",
    "rule",
    "title",
    "message",
    "first_seen",
    "last_seen",
    "count",
    "subject",
    "principal",
    "client_ip",
    "country",
    "credential",
    "method",
    "host",
    "route",
    "acknowledged",
    "note",
];

const ENDPOINT_COLUMNS: [&str; 24] = [
    "method",
    "host",
    "route",
    "labels",
    "risk",
    "reasons",
    "data",
    "calls",
    "none",
    "1xx",
    "2xx",
    "3xx",
    "4xx",
    "5xx",
    "p50_us",
    "p99_us",
    "request_bytes_p50",
    "answer_bytes_p50",
    "without_credential",
    "from_outside",
    "parameters",
    "fields",
    "first_seen",
    "last_seen",
];

/// One alert record a line.
pub(super) fn json_lines(alerts: &[Arc<Alert>], labels: &Labels) -> Vec<u8> {
    let mut out = Vec::new();
    for alert in alerts {
        let before = out.len();
        if write_json_line(&mut out, &AlertRecord::new(alert, labels)).is_err() {
            out.truncate(before);
        }
    }
    out
}

/// One alert a row (RFC 4180), under the names of the columns.
pub(super) fn csv(alerts: &[Arc<Alert>], notes: &Notes) -> Vec<u8> {
    let mut out = String::new();
    row(&mut out, &COLUMNS.map(str::to_owned));
    for alert in alerts {
        row(&mut out, &cells(alert, notes));
    }
    out.into_bytes()
}

fn cells(alert: &Alert, notes: &Notes) -> [String; 20] {
    let endpoint = alert.endpoint.as_ref();
    let note = notes.get(alert.id);
    [
        alert.id.to_string(),
        alert.status.to_string(),
        alert.severity.to_string(),
        alert.confidence.to_string(),
        alert.rule.to_owned(),
        alert.title.to_owned(),
        alert.message.clone(),
        alert.first_seen.to_string(),
        alert.last_seen.to_string(),
        alert.count.to_string(),
        alert.subject.value.to_string(),
        alert.principal.as_ref().map(heelguard_detectors::identity::Principal::key).unwrap_or_default(),
        alert.client.as_ref().map(|client| client.ip.to_string()).unwrap_or_default(),
        alert.client.as_ref().and_then(|c| c.country).map(|country| country.to_string()).unwrap_or_default(),
        alert.credential.as_ref().map(|c| c.fingerprint.to_string()).unwrap_or_default(),
        endpoint.map(|endpoint| endpoint.method.to_string()).unwrap_or_default(),
        endpoint.map(|endpoint| endpoint.host.to_string()).unwrap_or_default(),
        endpoint.map(|endpoint| endpoint.route.to_string()).unwrap_or_default(),
        note.as_ref().map(|note| note.when.clone()).unwrap_or_default(),
        note.map(|note| note.words).unwrap_or_default(),
    ]
}

/// One endpoint a row, as the alerts.
pub(super) fn endpoints(endpoints: &[Judged]) -> Vec<u8> {
    let mut out = String::new();
    row(&mut out, &ENDPOINT_COLUMNS.map(str::to_owned));
    for judged in endpoints {
        row(&mut out, &endpoint_cells(judged));
    }
    out.into_bytes()
}

fn endpoint_cells((of, risk): &Judged) -> [String; 24] {
    let joined = |words: Vec<&str>| words.join(" ");
    let quantile = |spread: &Spread, share| spread.quantile(share).map(|q| q.to_string()).unwrap_or_default();
    let names = |names: &Names| joined(names.iter().map(|name| &*name.name).collect());
    let [none, s1, s2, s3, s4, s5] = of.statuses.map(|count| count.to_string());
    [
        of.method.to_string(),
        of.host.to_string(),
        of.route.to_string(),
        joined(of.labels.iter().map(Label::name).collect()),
        risk.score.to_string(),
        joined(risk.reasons.iter().map(|reason| reason.danger.name()).collect()),
        joined(of.sensitive().map(|(class, _)| class.name()).collect()),
        of.calls.to_string(),
        none,
        s1,
        s2,
        s3,
        s4,
        s5,
        quantile(&of.latency, 0.5),
        quantile(&of.latency, 0.99),
        quantile(&of.request_bytes, 0.5),
        quantile(&of.answer_bytes, 0.5),
        of.without_credential.to_string(),
        of.from_outside.to_string(),
        names(&of.parameters),
        names(&of.fields),
        of.first.to_string(),
        of.last.to_string(),
    ]
}

fn row(out: &mut String, cells: &[String]) {
    for (place, text) in cells.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        cell(out, text);
    }
    out.push_str("\r\n");
}

/// What separates cells, depending on the country of the one who opens the file.
const SEPARATORS: [char; 4] = [',', ';', '|', '\t'];

/// What begins a formula; the wide forms do so where people write Chinese or Japanese.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// A cell in quotes. What a spreadsheet would take for a formula gets an apostrophe in front, blanks before it or not:
/// a cell's beginning, and what would be one to somebody whose spreadsheet separates cells at another character.
fn cell(out: &mut String, text: &str) {
    out.push('"');
    let rest = text.trim_start();
    if text.starts_with(['\t', '\r', '\n']) || rest.starts_with(FORMULA) {
        out.push('\'');
    }
    put(out, text.strip_suffix(rest).unwrap_or_default());
    for (place, piece) in rest.split_inclusive(SEPARATORS).enumerate() {
        let begins_with = piece.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
        if place > 0 && begins_with.starts_with(FORMULA) {
            out.push('\'');
        }
        put(out, piece);
    }
    out.push('"');
}

fn put(out: &mut String, text: &str) {
    out.push_str(&for_terminal(text).replace('"', "\"\""));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::record::samples;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, expected) in [
            ("=HYPERLINK(\"http://x\")", r#""'=HYPERLINK(""http://x"")""#),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\\u{9}=1\""),
            ("\r=1", "\"'\\u{d}=1\""),
            ("  =1", "\"'  =1\""),
            ("\u{ff1d}1", "\"'\u{ff1d}1\""),
            ("a=1", "\"a=1\""),
            // Excel separates at `;` in Germany and France; others at tabs and bars.
            ("x;=cmd|' /C calc'!A0;y", "\"x;'=cmd|' /C calc'!A0;y\""),
            ("x,=1|+1\t-1;@A", "\"x,'=1|'+1\\u{9}'-1;'@A\""),
            ("x; \u{a0}=1", "\"x;' \u{a0}=1\""),
            ("x;\"=1\"", "\"x;'\"\"=1\"\"\""),
            ("x;\u{ff0b}1", "\"x;'\u{ff0b}1\""),
            (";=1", "\";'=1\""),
            ("a; b, c | d-e", "\"a; b, c | d-e\""),
            ("a,\"b\"\nc", "\"a,\"\"b\"\"\\u{a}c\""),
            ("\u{202e}cod.exe", "\"\\u{202e}cod.exe\""),
        ] {
            let mut out = String::new();
            cell(&mut out, text);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn both_forms_hold_every_alert() {
        let mut hostile = samples::alert();
        hostile.message = "=cmd|' /C calc'!A0 \u{202e}".to_owned();
        let alerts = [Arc::new(hostile), Arc::new(samples::bare_alert())];
        let text = String::from_utf8(csv(&alerts, &Notes::default())).unwrap();
        assert_eq!((text.matches("\r\n").count(), text.contains("\"'=cmd|")), (3, true), "{text}");
        let lines = String::from_utf8(json_lines(&alerts, &samples::labels())).unwrap();
        let ids: Vec<String> = lines
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].to_string())
            .collect();
        assert_eq!(ids, vec![format!("\"{}\"", samples::alert().id); 2]);
    }
}
