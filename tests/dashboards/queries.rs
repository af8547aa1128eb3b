//! Every query of every panel, variable and alert rule, asked of ClickHouse as Grafana would.
//! It promises the columns and types that stand in `shapes.txt`, rows wherever the demonstration has such data, and the
//! same answers when every row has come twice.

use super::engine::{self, Answer, Engine};
use super::grafana::Visit;
use super::picture;
use super::source::{Board, Kind, Panel, Source};
use super::truth;
use expect_test::expect_file;
use serde_json::Value;
use std::collections::BTreeMap;

/// What the demonstration has no data for, and why.
const EMPTY: &[(&str, &str)] = &[
    ("mfa/Factors added, changed and removed", "nobody changes a factor on that day"),
    ("mfa/Clocks that are off", "its servers' clocks are right"),
    ("api/Old versions beside newer ones", "its API has one version"),
    ("alert/The same rule before and after", "the alert that is opened is the only one of its rule"),
    ("heelguard-old-key", "a key is a day old at most"),
    ("heelguard-episode", "every episode has ended when the capture has"),
];

/// Where a panel shows the clock of the machine, or more rows because rows came twice in time.
const OF_THE_CLOCK: &[&str] = &["health/Records of health", "overview/Sensors silent for five minutes"];

#[test]
fn every_query_answers_in_its_shape() {
    let Some(mut engine) = Engine::filled() else { return };
    let source = Source::read();
    let day = visit(&engine);
    let month = Visit { from: day.to - 30 * 86_400, interval: 7_200, ..day.clone() };
    let mut shapes = variables(&engine, &source, &day);
    let mut once = BTreeMap::new();
    for (place, panel, sql) in panels(&source) {
        let answer = asked(&engine, &place, &day.sql(&sql));
        looks_as_drawn(&source, &place, panel, &answer);
        let wide = asked(&engine, &place, &month.sql(&sql));
        assert_eq!(columns(&wide), columns(&answer), "{place}: the columns do not depend on the time chosen");
        if !OF_THE_CLOCK.contains(&place.as_str()) {
            assert_eq!(wide.rows.is_empty(), answer.rows.is_empty(), "{place}: a month holds the day");
        }
        has_rows_or_a_reason(&place, &answer);
        shapes.push_str(&format!("{place}: {}\n", columns(&answer)));
        once.insert(place, answer);
    }
    for rule in &source.alerts.rules {
        let Some(sql) = &rule.sql else { continue };
        // What came today, of the demonstration's day: from then to now.
        let since = Visit { to: engine::now() + 60, ..day.clone() };
        let answer = asked(&engine, &rule.uid, &since.sql(&source.written_out(sql)));
        let numbers = answer.columns.iter().filter(|column| is_number(&column.type_name)).count();
        let texts = answer.columns.iter().filter(|column| is_text(&column.type_name)).count();
        assert_eq!((numbers, texts), (1, answer.columns.len() - 1), "{}: a number and its labels", rule.uid);
        has_rows_or_a_reason(&rule.uid, &answer);
        shapes.push_str(&format!("{}: {}\n", rule.uid, columns(&answer)));
    }
    expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dashboards/shapes.txt")].assert_eq(&shapes);

    if let Some(folder) = std::env::var_os("HEELGUARD_PICTURES") {
        picture::boards(folder.as_ref(), &source, &once);
    }
    truth::holds(&engine, &once);
    nothing_that_was_on_the_wire_ends_a_string(&engine, &source, &day);

    // A sensor that lost its state reads the day again: every row is there twice.
    engine.replay("twice");
    engine.alerts.clear();
    for (place, _, sql) in panels(&source) {
        if !OF_THE_CLOCK.contains(&place.as_str()) {
            let again = asked(&engine, &place, &day.sql(&sql));
            assert_eq!(rounded(&again), rounded(&once[&place]), "{place}: counts what came twice once");
        }
    }
    truth::holds_beyond_the_day(&engine, |wanted| {
        let (place, _, sql) = panels(&source).into_iter().find(|(place, ..)| place == wanted).unwrap();
        asked(&engine, &place, &day.sql(&sql))
    });
}

/// What a visitor chose who looks at the day, at its largest extraction and at who did it.
fn visit(engine: &Engine) -> Visit {
    let alert = engine.alerts.iter().find(|alert| alert["detector"] == "bulk_extraction").unwrap();
    let one = |value: &str| vec![value.to_owned()];
    let chosen = [
        ("tenant", one("default")),
        ("sensor", one("sensor-1")),
        ("alert", one(alert["id"].as_str().unwrap())),
        ("principal", one(alert["subject"]["value"].as_str().unwrap())),
    ];
    Visit { from: engine.from, to: engine.to, interval: 300, chosen: chosen.into() }
}

/// Place, panel and query of all that ask ClickHouse.
fn panels(source: &Source) -> Vec<(String, &Panel, String)> {
    let of_board = |board: &'_ Board, panel: &Panel| format!("{}/{}", board.name, panel.title);
    let all = source.boards.iter().flat_map(|board| board.panels.iter().map(move |panel| (board, panel)));
    let asking = all.filter_map(|(board, panel)| {
        let sql = source.written_out(panel.sql.as_ref()?);
        Some((of_board(board, panel), panel, sql))
    });
    asking.collect()
}

fn variables(engine: &Engine, source: &Source, visit: &Visit) -> String {
    let mut shapes = String::new();
    for (name, variable) in &source.common.variables {
        let Some(sql) = &variable.sql else { continue };
        let answer = asked(engine, name, &visit.sql(&source.written_out(sql)));
        let values: Vec<&Value> = answer.rows.iter().map(|row| &row[0]).collect();
        assert_eq!(values, [visit.chosen[name.as_str()][0].as_str()], "{name}");
        shapes.push_str(&format!("{name}: {}\n", columns(&answer)));
    }
    shapes
}

/// Whether Grafana can draw it as it shall.
fn looks_as_drawn(source: &Source, place: &str, panel: &Panel, answer: &Answer) {
    let types: Vec<&str> = answer.columns.iter().map(|column| column.type_name.as_str()).collect();
    let names: Vec<&str> = answer.columns.iter().map(|column| column.name.as_str()).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), names.len(), "{place}: a name is there twice");
    match panel.kind {
        Kind::Stat => {
            assert!(types.len() == 1 && is_number(types[0]) && answer.rows.len() == 1, "{place}: {types:?}");
            assert!(!answer.rows[0][0].is_null(), "{place}: the demonstration has such data");
        }
        Kind::Words => assert!(types.len() == 1 && is_text(types[0]) && answer.rows.len() == 1, "{place}"),
        Kind::Ranking | Kind::Pie => {
            assert!(types.len() == 2 && is_text(types[0]) && is_number(types[1]), "{place}: {types:?}");
        }
        Kind::Bars | Kind::Lines => {
            assert!(names[0] == "time" && types[0].starts_with("DateTime"), "{place}: {types:?}");
            let (labels, numbers): (Vec<_>, Vec<_>) =
                answer.columns[1..].iter().partition(|column| is_text(&column.type_name));
            assert!(numbers.iter().all(|column| is_number(&column.type_name)), "{place}: {types:?}");
            let labels: Vec<&str> = labels.iter().map(|column| column.name.as_str()).collect();
            assert_eq!(labels, panel.legend.as_deref().into_iter().collect::<Vec<_>>(), "{place}");
            let times = answer.rows.iter().map(|row| row[0].as_str());
            assert!(times.is_sorted(), "{place}: in order of time");
            let drawn = panel.colors.keys().all(|name| names.contains(&name.as_str()));
            assert!(drawn, "{place}: a color of no series");
        }
        Kind::Table => {
            let columns = source.common.columns.iter().chain(&panel.columns);
            let linked = columns.filter(|(name, _)| names.contains(&name.as_str()));
            for link in linked.filter_map(|(_, column)| column.link.as_ref()) {
                assert!(names.contains(&link.field.as_str()), "{place}: no field {}", link.field);
            }
            assert!(panel.columns.keys().all(|name| names.contains(&name.as_str())), "{place}: {names:?}");
        }
    }
}

fn has_rows_or_a_reason(place: &str, answer: &Answer) {
    match EMPTY.iter().find(|(empty, _)| *empty == place) {
        None => assert!(!answer.rows.is_empty(), "{place} has no rows"),
        Some((_, why)) => assert!(answer.rows.is_empty(), "{place} has rows, though {why}"),
    }
}

/// A client may be called anything; its name comes back in links.
fn nothing_that_was_on_the_wire_ends_a_string(engine: &Engine, source: &Source, day: &Visit) {
    for name in
        [r"user:\' OR 1 = 1 OR principal_id = \'", "user:' OR 1 = 1 --", r"user:x\", "%27 OR 1=1", "$x"]
    {
        let mut visit = day.clone();
        visit.chosen.insert("principal", vec![name.to_owned()]);
        visit.chosen.insert("alert", vec![name.to_owned()]);
        for (place, panel, sql) in panels(source) {
            if !sql.contains(":percentencode}") {
                continue;
            }
            let answer = asked(engine, &place, &visit.sql(&sql));
            let is_nothing = |row: &Vec<Value>| panel.kind == Kind::Stat && row.iter().all(is_zero);
            assert!(answer.rows.iter().all(is_nothing), "{place} answers {name}: {answer:?}");
        }
    }
}

fn is_zero(value: &Value) -> bool {
    value.is_null() || value.as_f64() == Some(0.0) || value == "0"
}

fn asked(engine: &Engine, place: &str, sql: &str) -> Answer {
    engine.ask(sql).unwrap_or_else(|error| panic!("{place}: {error}\n{sql}"))
}

fn columns(answer: &Answer) -> String {
    let columns = answer.columns.iter().map(|column| format!("{} {}", column.name, column.type_name));
    columns.collect::<Vec<_>>().join(", ")
}

/// Sums of fractions depend on the order in which they are added, in their last digits.
fn rounded(answer: &Answer) -> Vec<Vec<String>> {
    let text = |value: &Value| match value {
        Value::Number(number) if number.is_f64() => format!("{:.6}", number.as_f64().unwrap_or_default()),
        other => other.to_string(),
    };
    answer.rows.iter().map(|row| row.iter().map(text).collect()).collect()
}

fn is_number(type_name: &str) -> bool {
    let inner = type_name.trim_start_matches("Nullable(");
    ["UInt", "Int", "Float"].iter().any(|number| inner.starts_with(number))
}

fn is_text(type_name: &str) -> bool {
    let inner = type_name.trim_start_matches("LowCardinality(").trim_start_matches("Nullable(");
    inner.starts_with("String")
}
