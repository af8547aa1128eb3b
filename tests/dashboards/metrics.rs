//! What panels and alert rules ask of Prometheus, held against the list of the sensor's metrics in `docs/metrics.md`,
//! which is made from the page that the sensor serves.

use super::source::Source;
use std::collections::{BTreeMap, BTreeSet};

const LIST: &str = include_str!("../../docs/metrics.md");

/// What Prometheus itself puts on every series.
const TARGET_LABELS: &[&str] = &["instance", "job"];

/// Words of the query language that the boards use.
const WORDS: &[&str] =
    &["sum", "count", "max", "min", "rate", "increase", "clamp_min", "vector", "or", "by", "label_values"];

#[test]
fn every_metric_and_label_is_one_of_the_sensors() {
    let known = known();
    assert!(known.len() > 80, "the list is read");
    for (place, query) in queries() {
        for (metric, labels) in asked(&query) {
            let has = known.get(metric.as_str()).unwrap_or_else(|| panic!("{place}: no metric {metric}"));
            for label in labels {
                let is_there = has.labels.contains(label.as_str()) || TARGET_LABELS.contains(&label.as_str());
                assert!(is_there, "{place}: {metric} has no label {label}");
            }
            let is_rated =
                query.contains(&format!("rate({metric}")) || query.contains(&format!("increase({metric}"));
            if has.kind == "counter" && query.contains("$__rate_interval") {
                assert!(is_rated, "{place}: a counter is shown by how fast it grows");
            }
        }
    }
}

#[test]
fn the_reading_finds_what_is_not_there() {
    let found = asked(r#"sum by (sink, lane) (rate(a_total{x=~"$y",z="by (q)"}[5m])) / (b > 0)"#);
    let labels = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
    let by = ["sink", "lane"];
    let expected = [("a_total", labels(&[&by[..], &["x", "z"]].concat())), ("b", labels(&by))];
    assert_eq!(found, expected.map(|(name, labels)| (name.to_owned(), labels)).into());
}

struct Metric {
    kind: &'static str,
    labels: BTreeSet<&'static str>,
}

fn known() -> BTreeMap<&'static str, Metric> {
    let rows = LIST.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let name = cells.next()?.trim_end_matches('`');
        let kind = cells.next()?;
        let labels = cells.next()?.split(", ").filter(|label| !label.trim().is_empty()).collect();
        Some((name, Metric { kind, labels }))
    });
    rows.collect()
}

/// Where and what; `{{label}}` in a legend needs the label as well.
fn queries() -> Vec<(String, String)> {
    let source = Source::read();
    let mut queries = Vec::new();
    for board in &source.boards {
        for panel in &board.panels {
            for asked in &panel.promql {
                let place = format!("{}/{}", board.name, panel.title);
                let legend = asked.legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
                for label in legend.filter(|label| !TARGET_LABELS.contains(label)) {
                    let is_kept = asked.expr.split("by (").skip(1).any(|rest| {
                        rest.split(')')
                            .next()
                            .is_some_and(|names| names.split(", ").any(|name| name == label))
                    });
                    assert!(is_kept, "{place}: {label} in the legend is not kept");
                }
                queries.push((place, asked.expr.clone()));
            }
        }
    }
    let variables = source.common.variables.iter().filter_map(|(name, variable)| {
        let metric = variable.promql.as_ref()?.strip_prefix("label_values(")?.split(',').next()?;
        Some((name.clone(), metric.to_owned()))
    });
    queries.extend(variables);
    let rules = source.alerts.rules.iter().filter_map(|rule| Some((rule.uid.clone(), rule.promql.clone()?)));
    queries.extend(rules);
    queries
}

/// Metrics of a query, each with the labels that it is chosen or grouped by.
fn asked(query: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut grouping: BTreeSet<String> = BTreeSet::new();
    let mut rest = query;
    while let Some(at) = rest.find(|c: char| c.is_alphabetic() || matches!(c, '[' | '"')) {
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix('[') {
            rest = after.split_once(']').expect("a span ends").1;
            continue;
        }
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        if word == "by" {
            let (names, after) = after.trim_start()[1..].split_once(')').expect("a list ends");
            grouping.extend(names.split(',').map(|name| name.trim().to_owned()));
            rest = after;
        } else if !WORDS.contains(&word) {
            let labels = found.entry(word.to_owned()).or_default();
            if let Some(after) = after.strip_prefix('{') {
                let (matchers, after) = after.split_once('}').expect("a choice ends");
                labels.extend(
                    matchers
                        .split(',')
                        .filter_map(|one| Some(one.split_once(['=', '!'])?.0.trim().to_owned())),
                );
                rest = after;
            }
        }
    }
    for labels in found.values_mut() {
        labels.extend(grouping.iter().cloned());
    }
    found
}
