//! The captures of other tools' test suites: every hello of the oracle found, with its name and protocols, and none
//! invented; and JA4 as other tools publish it of the same captures.

use crate::support::replay::folder;
use crate::support::sensor::run;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// Name and offered protocols of a hello.
type Row = (String, Vec<String>);

/// Reasons for differences, one file a line: `file-name: reason`.
const DIFFERENCES: &str = include_str!("differences.txt");

/// What others publish, one connection a line: `file-name JA4 where`.
const REFERENCES: &str = include_str!("ja4.txt");

/// Encapsulations that are counted as tunnels and not looked into.
const TUNNELS: &[&str] = &[
    "encap-gre",
    "encap-ipip",
    "encap-gtp",
    "encap-mpls",
    "encap-vxlan",
    "encap-wlan",
    "encap-radiotap",
    "encap-pwethheuristic",
];

#[test]
fn every_hello_of_the_oracle_is_found_and_none_is_invented() {
    let Some(corpus) = folder("HEELGUARD_CORPUS") else { return };
    let reasons: BTreeMap<&str, &str> =
        DIFFERENCES.lines().filter_map(|line| line.split_once(": ")).collect();
    let (mut expected, mut found, mut unexplained) = (0, 0, String::new());
    for capture in manifest(&corpus) {
        let tags = capture["tags"].as_array().cloned().unwrap_or_default();
        let in_tunnel = tags.iter().filter_map(Value::as_str).any(|tag| TUNNELS.contains(&tag));
        let trust = capture["trust"].as_str().unwrap_or_default();
        if in_tunnel || !["high", "medium"].contains(&trust) {
            continue;
        }
        let Ok(run) = run(&[&corpus.join(public(&capture, "path"))], 1) else { continue };
        let ours: Vec<Row> = run
            .connection_values()
            .iter()
            .filter(|record| record["transport"] == "tcp" && has_offer(record))
            .map(|record| (text(&record["sni"]), texts(&record["offered_alpn"])))
            .collect();
        let oracle = hellos(&corpus, &capture);
        let (missed, invented) = difference(&oracle, &ours);
        let name = public(&capture, "path").rsplit('/').next().unwrap_or_default().to_owned();
        if reasons.contains_key(name.as_str()) {
            continue;
        }
        expected += oracle.len();
        found += oracle.len() - missed.len();
        if !(missed.is_empty() && invented.is_empty()) {
            let _ = writeln!(unexplained, "{name}\n  missed {missed:?}\n  invented {invented:?}");
        }
    }
    println!("{found} of {expected} hellos of the oracle found");
    assert!(unexplained.is_empty(), "differences without a reason:\n{unexplained}");
    assert!(expected > 900, "only {expected} hellos were judged: is the corpus whole?");
    assert!(found * 1_000 >= expected * 995, "{found} of {expected} is below 99.5 %");
}

#[test]
fn ja4_is_what_others_publish_of_the_same_captures() {
    let Some(corpus) = folder("HEELGUARD_CORPUS") else { return };
    let mut published: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in REFERENCES.lines().filter(|line| !line.starts_with('#')) {
        let (file, rest) = line.split_once(' ').expect("a file and a JA4");
        published.entry(file).or_default().insert(rest.split(' ').next().expect("a JA4"));
    }
    let mut judged = 0;
    for capture in manifest(&corpus) {
        let path = public(&capture, "path");
        let Some(expected) = published.get(path.rsplit('/').next().unwrap_or_default()) else { continue };
        let run = run(&[&corpus.join(&path)], 1).expect("it is a capture");
        let records = run.connection_values();
        let ours: BTreeSet<&str> = records.iter().filter_map(|record| record["ja4"].as_str()).collect();
        assert!(expected.is_subset(&ours), "{path}: {expected:?} are published, ours are {ours:?}");
        judged += expected.len();
    }
    assert_eq!(judged, published.values().map(BTreeSet::len).sum::<usize>(), "a capture is missing");
}

/// The first hello of each stream: a second one answers a retry.
fn hellos(corpus: &Path, capture: &Value) -> Vec<Row> {
    let text_of = std::fs::read_to_string(corpus.join(public(capture, "oracle"))).expect("an oracle");
    let oracle: Value = serde_json::from_str(&text_of).expect("an oracle is JSON");
    let mut streams = BTreeSet::new();
    let hellos = oracle["client_hellos"].as_array().cloned().unwrap_or_default();
    let first =
        hellos.iter().filter(|hello| hello["transport"] == "tcp" && streams.insert(hello["stream"].as_u64()));
    first.map(|hello| (text(&hello["sni"]).to_ascii_lowercase(), texts(&hello["alpn"]))).collect()
}

/// Rows of the oracle that are missing, and rows of ours that are too many.
fn difference(oracle: &[Row], ours: &[Row]) -> (Vec<Row>, Vec<Row>) {
    let mut extra = ours.to_vec();
    let mut missed = oracle.to_vec();
    // Equal rows first: a name that looks like a secret could stand for several.
    for agree in [<Row as PartialEq>::eq, same] {
        missed.retain(|row| match extra.iter().position(|mine| agree(row, mine)) {
            Some(at) => {
                extra.swap_remove(at);
                false
            }
            None => true,
        });
    }
    (missed, extra)
}

/// Equal in everything that is recorded.
fn same(oracle: &Row, ours: &Row) -> bool {
    ours.0 == "{secret}" && oracle.1 == ours.1
}

/// Whether the client's hello was seen; one in the form of SSL 2 has no JA4.
fn has_offer(record: &Value) -> bool {
    record["ja4"].is_string() || ["whole", "request_only"].map(Value::from).contains(&record["completeness"])
}

fn manifest(corpus: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(corpus.join("manifest.jsonl")).expect("the manifest is there");
    text.lines().map(|line| serde_json::from_str(line).expect("a manifest line is JSON")).collect()
}

fn public(capture: &Value, key: &str) -> String {
    capture[key].as_str().unwrap_or_default().trim_start_matches("public/").to_string()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}
