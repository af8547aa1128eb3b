//! The files as Grafana gets them, read as plain JSON: ids, places, data sources, words, and where links lead.
//! What Grafana's published types ask is in `schema.rs`; these are the rules of the house.

use super::source::{self, Source};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const TYPES: &[&str] = &["stat", "timeseries", "bargauge", "piechart", "table"];

fn boards() -> BTreeMap<String, Value> {
    let names = source::names(source::FOLDER).into_iter().filter(|name| name.ends_with(".json"));
    let read = |name: String| {
        let text = std::fs::read_to_string(format!("{}/{name}", source::FOLDER)).unwrap();
        let board: Value = serde_json::from_str(&text).unwrap();
        (text_of(&board["uid"]).to_owned(), board)
    };
    names.map(read).collect()
}

fn panels(board: &Value) -> &Vec<Value> {
    board["panels"].as_array().unwrap()
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn number_of(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn boards_and_panels_are_told_apart() {
    let boards = boards();
    assert_eq!(boards.len(), Source::read().boards.len(), "no uid is there twice");
    let titles: BTreeSet<&str> = boards.values().map(|board| text_of(&board["title"])).collect();
    assert_eq!(titles.len(), boards.len(), "no title is there twice");
    for (uid, board) in &boards {
        assert!(uid.len() <= 40 && board["id"].is_null(), "{uid}: Grafana gives the number");
        let ids: BTreeSet<u64> = panels(board).iter().map(|panel| number_of(&panel["id"])).collect();
        let names: BTreeSet<&str> = panels(board).iter().map(|panel| text_of(&panel["title"])).collect();
        assert_eq!((ids.len(), names.len()), (panels(board).len(), panels(board).len()), "{uid}");
        let types = panels(board).iter().map(|panel| text_of(&panel["type"]));
        assert!(types.into_iter().all(|kind| TYPES.contains(&kind)), "{uid}: core panels only");
    }
}

#[test]
fn no_panel_lies_on_another_or_leaves_a_hole() {
    for (uid, board) in boards() {
        let mut cells = BTreeSet::new();
        for panel in panels(&board) {
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| number_of(&panel["gridPos"][side]));
            assert!(w >= 4 && h >= 4 && x + w <= 24, "{uid}: {}", panel["title"]);
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(cells.insert(cell), "{uid}: {} lies on another", panel["title"]);
            }
        }
        let lowest = cells.iter().map(|(_, y)| y + 1).max().unwrap();
        assert_eq!(cells.len() as u64, 24 * lowest, "{uid}: the lines are full");
    }
}

#[test]
fn data_sources_are_chosen_and_never_named() {
    for (uid, board) in boards() {
        let variables: Vec<&str> =
            board["templating"]["list"].as_array().unwrap().iter().map(|one| text_of(&one["name"])).collect();
        let mut used = BTreeSet::new();
        each_object(&board, &mut |object| {
            if let Some(source) = object.get("datasource") {
                let chosen = text_of(&source["uid"]).trim_start_matches("${").trim_end_matches('}');
                assert!(text_of(&source["uid"]).starts_with("${"), "{uid}: {source}");
                assert!(variables.contains(&chosen), "{uid}: {chosen} cannot be chosen");
                used.insert(chosen.to_owned());
            }
            for query in ["rawSql", "expr"].iter().filter_map(|field| object.get(*field)) {
                used.extend(variables_of(text_of(query)));
            }
        });
        for name in &used {
            assert!(variables.contains(&name.as_str()), "{uid}: {name} cannot be chosen");
        }
        for name in variables.iter().filter(|name| !["tenant", "sensor"].contains(*name)) {
            assert!(used.contains(*name), "{uid}: {name} is chosen for nothing");
        }
    }
}

#[test]
fn every_panel_says_what_it_shows_and_what_to_do_and_leads_on() {
    for (uid, board) in boards() {
        assert!(text_of(&board["description"]).len() > 40, "{uid}");
        for panel in panels(&board) {
            let place = format!("{uid}/{}", text_of(&panel["title"]));
            let said = text_of(&panel["description"]);
            assert!(said.len() >= 60 && said.ends_with('.'), "{place}: {said}");
            assert!(said.matches(". ").count() + said.matches(": ").count() >= 1, "{place}: and what to do?");
            assert!(!links(panel).is_empty(), "{place} leads nowhere");
            assert!(!panel["targets"].as_array().unwrap().is_empty(), "{place} asks nothing");
        }
    }
}

#[test]
fn who_reads_the_exchanges_themselves_says_so() {
    for board in &Source::read().boards {
        for panel in &board.panels {
            let is_long = panel.sql.as_ref().is_some_and(|sql| sql.contains("FROM transactions"));
            // A principal or an alert is found by an index.
            let is_found = ["principal", "alert"].contains(&board.name.as_str());
            let is_told = panel.description.contains("exchanges");
            assert!(!is_long || is_found || is_told, "{}/{}: keep to days", board.name, panel.title);
        }
    }
}

#[test]
fn records_of_health_are_read_where_they_are_newest_or_in_the_time_that_was_chosen() {
    for board in &Source::read().boards {
        for panel in &board.panels {
            let Some(sql) = panel.sql.as_ref().filter(|sql| sql.contains("counters")) else { continue };
            let is_bounded =
                sql.contains("$__timeFilter(raised)") || sql.contains("(tenant, sensor, raised) GLOBAL IN");
            assert!(is_bounded, "{}/{}: three months of maps", board.name, panel.title);
        }
    }
}

#[test]
fn every_link_leads_to_a_board_a_variable_and_a_panel_that_are_there() {
    let boards = boards();
    for (uid, board) in &boards {
        for panel in panels(board) {
            for url in links(panel) {
                let place = format!("{uid}/{}: {url}", text_of(&panel["title"]));
                leads_somewhere(&boards, board, &place, &url);
            }
        }
    }
    for rule in &Source::read().alerts.rules {
        assert!(boards.contains_key(&source::uid(&rule.board)), "{}", rule.uid);
    }
}

fn leads_somewhere(boards: &BTreeMap<String, Value>, from: &Value, place: &str, url: &str) {
    let (path, query) = url.split_once('?').unwrap_or_else(|| panic!("{place}"));
    let to = path.strip_prefix("/d/").and_then(|uid| boards.get(uid)).unwrap_or_else(|| panic!("{place}"));
    let has = |board: &Value, name: &str| {
        board["templating"]["list"].as_array().unwrap().iter().any(|one| one["name"] == name)
    };
    let mut has_time = false;
    for part in query.split('&') {
        match (part.strip_prefix("var-"), part.strip_prefix("${"), part.strip_prefix("viewPanel=")) {
            (Some(own), ..) => assert!(has(to, own.split('=').next().unwrap()), "{place}"),
            (_, Some("__url_time_range}"), _) => has_time = true,
            (_, Some(variable), _) => {
                let name = variable.strip_suffix(":queryparam}").unwrap_or_else(|| panic!("{place}"));
                assert!(has(to, name) && has(from, name), "{place}");
            }
            (.., Some(id)) => {
                assert!(panels(to).iter().any(|panel| panel["id"].as_u64() == id.parse().ok()), "{place}");
            }
            _ => panic!("{place}: {part}"),
        }
    }
    assert!(has_time, "{place} loses the time");
}

#[test]
fn alert_rules_ask_without_variables_of_a_board() {
    let source = Source::read();
    let mut uids = BTreeSet::new();
    for rule in &source.alerts.rules {
        let query = rule.sql.as_ref().or(rule.promql.as_ref()).unwrap();
        let query = source.written_out(query);
        assert_eq!(variables_of(&query), Vec::<String>::new(), "{}", rule.uid);
        assert!(uids.insert(&rule.uid) && rule.uid.len() <= 40, "{}", rule.uid);
        // Grafana's provisioning takes a dollar in an annotation for a variable of its environment.
        assert!(!rule.summary.contains('$') && !rule.action.contains('$'), "{}", rule.uid);
        let severity = rule.severity.as_deref();
        let is_known =
            severity.is_none_or(|severity| ["critical", "high", "medium", "low"].contains(&severity));
        assert!(is_known && (severity.is_some() || query.contains(" AS severity")), "{}", rule.uid);
        // Every text is a label, and another label is another alert: an episode tells its story anew as it grows.
        let is_of_episodes = query.contains("FROM alerts");
        assert!(!is_of_episodes || query.contains("status != 'closed'"), "{}: an end is no news", rule.uid);
        assert!(!is_of_episodes || !query.contains("message"), "{}", rule.uid);
    }
}

#[test]
fn what_is_privileged_here_is_what_the_detectors_call_so() {
    let labels = heelguard_detectors::label::Labels::PRIVILEGED;
    let names: Vec<String> = labels.iter().map(|label| format!("'{}'", label.name())).collect();
    assert_eq!(Source::read().common.sql["privileged"], format!("[{}]", names.join(", ")));
}

/// Variables that a query names: `${name:format}` and `$name`; macros begin with two underscores.
fn variables_of(query: &str) -> Vec<String> {
    let parts = query.split('$').skip(1).map(|part| part.trim_start_matches('{'));
    let names =
        parts.map(|part| part.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default());
    names.filter(|name| !name.starts_with("__") && !name.is_empty()).map(str::to_owned).collect()
}

/// The addresses to which a panel leads, from its head and from its cells.
fn links(panel: &Value) -> Vec<String> {
    let mut urls = Vec::new();
    each_object(panel, &mut |object| {
        if let Some(url) = object.get("url") {
            urls.push(text_of(url).to_owned());
        }
    });
    urls
}

fn each_object(value: &Value, visit: &mut dyn FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(object);
            object.values().for_each(|value| each_object(value, visit));
        }
        Value::Array(items) => items.iter().for_each(|item| each_object(item, visit)),
        _ => {}
    }
}
