//! The captures of other tools' test suites, judged by their oracle: every request found, none invented.
//! Differences that are right, or not ours to decide, stand in `tests/corpus_differences.txt` with their reason.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it found"
)]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use support::replay::{folder, replay};
use support::sensor::run;

/// Method, host, path and status of a request: what the oracle and a transaction must agree in.
type Row = (String, String, String, Option<u64>);

/// Reasons for differences, one file a line: `file-name: reason`.
const DIFFERENCES: &str = include_str!("corpus_differences.txt");

#[test]
fn every_request_of_the_oracle_is_found_and_none_is_invented() {
    let Some(corpus) = folder("HEELGUARD_CORPUS") else { return };
    let reasons: BTreeMap<&str, &str> =
        DIFFERENCES.lines().filter_map(|line| line.split_once(": ")).collect();
    let (mut expected, mut found, mut unexplained) = (0, 0, String::new());
    for capture in manifest(&corpus) {
        let judged = ["high", "medium"].contains(&capture["trust"].as_str().unwrap_or_default());
        let name = file_name(&capture, "path");
        // Some captures of the file-format tests are no captures at all; then there is nothing to find.
        let path = corpus.join(public(&capture, "path"));
        let Ok(run) = run(&[&path], 1) else { continue };
        if !judged {
            continue;
        }
        let oracle = oracle_rows(&corpus, &capture);
        let ours = if is_sealed(&capture) {
            let secrets = capture["keylog"].is_string().then(|| corpus.join(public(&capture, "keylog")));
            let options = secrets.iter().flat_map(|path| ["--keylog", path.to_str().unwrap_or_default()]);
            rows(&replay(&[&path], &options.collect::<Vec<_>>()).transactions)
        } else {
            rows(&run.transaction_values())
        };
        let (missed, invented) = difference(&oracle, &ours);
        expected += oracle.len();
        found += oracle.len() - missed.len();
        let differs = !missed.is_empty() || !invented.is_empty();
        if differs && !reasons.contains_key(name.as_str()) {
            let _ = writeln!(unexplained, "{name}\n  missed {missed:?}\n  invented {invented:?}");
        }
    }
    println!("{found} of {expected} oracle requests found");
    assert!(expected > 800, "only {expected} requests were judged: is the corpus whole?");
    assert!(unexplained.is_empty(), "differences without a reason:\n{unexplained}");
    assert!(found * 1_000 >= expected * 995, "{found} of {expected} is below 99.5 %");
}

#[test]
fn output_is_the_same_bytes_for_every_number_of_shards() {
    let Some(corpus) = folder("HEELGUARD_CORPUS") else { return };
    for capture in manifest(&corpus) {
        let path = corpus.join(public(&capture, "path"));
        let Ok(one) = run(&[&path], 1) else { continue };
        for shards in [2, 5] {
            let many = run(&[&path], shards).expect("it could be opened before");
            assert!(one == many, "{}: 1 and {shards} shards differ", path.display());
        }
    }
}

/// Captures whose requests are read with secrets that lie beside them, or in them.
fn is_sealed(capture: &Value) -> bool {
    let tags = capture["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    let has_secrets = capture["category"] == "tls-keys" || capture["keylog"].is_string();
    has_secrets || tags.iter().any(|tag| tag == "tls-decrypted-http")
}

fn manifest(corpus: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(corpus.join("manifest.jsonl")).expect("the manifest is there");
    text.lines().map(|line| serde_json::from_str(line).expect("a manifest line is JSON")).collect()
}

fn public(capture: &Value, key: &str) -> String {
    capture[key].as_str().unwrap_or_default().trim_start_matches("public/").to_string()
}

fn file_name(capture: &Value, key: &str) -> String {
    public(capture, key).rsplit('/').next().unwrap_or_default().to_string()
}

fn oracle_rows(corpus: &Path, capture: &Value) -> Vec<Row> {
    let text = std::fs::read_to_string(corpus.join(public(capture, "oracle"))).expect("an oracle");
    let oracle: Value = serde_json::from_str(&text).expect("an oracle is JSON");
    let requests = oracle["requests"].as_array().cloned().unwrap_or_default();
    let orphans = oracle["orphan_responses"].as_array().cloned().unwrap_or_default();
    // A request that asked for HTTP/2 is stream 1's (RFC 7540 section 3.2), whose answer the oracle gives to nobody.
    let mut of_streams = orphans.iter().filter(|orphan| orphan["protocol"] == "h2");
    let mut status = |request: &Value| match request["status"].as_u64() {
        Some(101) => of_streams.next().map_or(Some(101), |answer| answer["status"].as_u64()),
        status => status,
    };
    requests
        .iter()
        .filter(|r| r["transport"] == "tcp")
        .map(|r| {
            let text = |key: &str| r[key].as_str().unwrap_or_default().to_string();
            // The oracle gives the Host line alone; the target of CONNECT is a host too (RFC 9112 section 3.3).
            let named = if r["method"] == "CONNECT" && text("host").is_empty() { "uri" } else { "host" };
            // A name and password in front of the host are never recorded.
            let host = text(named).rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
            (text("method"), host, path_of(&text("uri")), status(r))
        })
        .collect()
}

fn rows(transactions: &[Value]) -> Vec<Row> {
    let requests = transactions.iter().filter(|t| t["request"].is_object());
    requests
        .map(|t| {
            let text = |key: &str| t["request"][key].as_str().unwrap_or_default().to_string();
            (text("method"), text("host"), text("path"), t["response"]["status"].as_u64())
        })
        .collect()
}

/// The path of a target: without query and fragment, and of an absolute URL its path alone.
fn path_of(uri: &str) -> String {
    let after_scheme = uri.split_once("://").filter(|(scheme, _)| !scheme.contains(['/', '?']));
    let target = after_scheme.map_or(uri, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    target.split(['?', '#']).next().unwrap_or_default().to_string()
}

/// Rows of the oracle that are missing, and rows of ours that are too many.
fn difference(oracle: &[Row], ours: &[Row]) -> (Vec<Row>, Vec<Row>) {
    let mut extra = ours.to_vec();
    let mut missed = oracle.to_vec();
    // Equal rows first: one whose path has a `{secret}` could stand for several.
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

/// Equal in everything that is recorded; a path segment that looks like a secret is not.
fn same(oracle: &Row, ours: &Row) -> bool {
    let segments = |path: &str| path.split('/').map(str::to_string).collect::<Vec<_>>();
    let (theirs, mine) = (segments(&oracle.2), segments(&ours.2));
    oracle.0 == ours.0
        && oracle.1 == ours.1
        && oracle.3 == ours.3
        && theirs.len() == mine.len()
        && theirs.iter().zip(&mine).all(|(their, my)| their == my || my == "{secret}")
}
