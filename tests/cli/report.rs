//! `report`: its figures against counts of the records by other means, its forms against each other, and what traffic
//! may not do to it.

use super::json_schema::violations;
use super::{Bench, Run, support};
use heelguard::demo::{Day, Options};
use heelguard::sinks::schema;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Kinds of credential that last beyond a login.
const LASTING: [&str; 7] =
    ["api_key", "basic", "client_certificate", "client_secret", "digest", "hawk", "signature"];

const EVENING: &str = include_str!("../support/evening.txt");

impl Bench {
    /// A part of the demonstration's day.
    fn day(&self) {
        let mut file = Vec::new();
        Day::new(Options { users: 24, ..Options::default() }).write_pcap(&mut file).unwrap();
        self.write("day.pcap", file);
    }

    /// Somebody proves a second factor where a key does without, on the evening of that day.
    fn evening(&self) {
        self.write("evening.pcap", support::conversation::pcap(EVENING));
    }

    fn report(&self, options: &[&str]) -> Value {
        let run = self.run(&[&["report", "--format", "json"], options].concat());
        serde_json::from_str(&run.succeeds().out).unwrap()
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        self.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Transactions once each, and every alert in its last state.
    fn records(&self) -> (Vec<Value>, Vec<Value>) {
        self.run(&["replay", "--alerts", "al", "--transactions", "tx", "day.pcap"]).succeeds();
        let mut transactions = self.lines("tx");
        transactions.retain(|tx| tx["schema"] == "heelguard.transaction/1" && tx["repeat_of"].is_null());
        let mut last = BTreeMap::new();
        for alert in self.lines("al") {
            last.insert(alert["id"].as_str().unwrap().to_owned(), alert);
        }
        (transactions, last.into_values().filter(|alert| alert["detector"] != "sensor_self_check").collect())
    }
}

fn count<'a>(records: &'a [Value], is: impl Fn(&'a Value) -> bool) -> usize {
    records.iter().filter(|record| is(record)).count()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The successes that the map of second factors is about.
fn used(transactions: &[Value]) -> Vec<&Value> {
    // A route is for what any of its requests was found to be for.
    let name = |tx: &Value| ["method", "host", "route"].map(|part| text(&tx["request"][part]));
    let labels = |tx: &Value| tx["request"]["labels"].as_array().cloned().unwrap_or_default();
    let signing_in: BTreeSet<_> = transactions
        .iter()
        .filter(|tx| {
            labels(tx)
                .iter()
                .any(|label| ["login", "mfa", "token", "sign_up"].map(Value::from).contains(label))
        })
        .map(name)
        .collect();
    let is_used = |tx: &&Value| {
        tx["outcome"] == "success" && !tx["request"].is_null() && !signing_in.contains(&name(tx))
    };
    transactions.iter().filter(is_used).collect()
}

#[test]
fn the_figures_of_a_report_are_those_of_the_records() {
    let bench = Bench::new();
    bench.day();
    let report = bench.report(&["day.pcap"]);
    let schema: Value = serde_json::from_str(schema::text("report").unwrap()).unwrap();
    assert_eq!(violations(&schema, &report), Vec::<String>::new());
    let (transactions, alerts) = bench.records();
    let seen = &report["seen"];
    assert_eq!(seen["transactions"], transactions.len());
    let distinct = |parts: &[&str]| {
        let with_request = transactions.iter().filter(|tx| !tx["request"].is_null());
        with_request
            .map(|tx| parts.iter().map(|part| text(&tx["request"][part])).collect())
            .collect::<BTreeSet<Vec<_>>>()
            .len()
    };
    assert_eq!(seen["hosts"], distinct(&["host"]));
    assert_eq!(seen["endpoints"], distinct(&["method", "host", "route"]));
    let users: BTreeSet<String> = transactions
        .iter()
        .filter(|tx| tx["principal"]["kind"] == "user")
        .map(|tx| text(&tx["principal"]["id"]))
        .collect();
    assert!(users.len() > 20);
    assert_eq!(seen["principals"]["user"], users.len());

    let used = used(&transactions);
    assert_eq!(report["coverage"]["successes"], used.len());
    for host in report["coverage"]["hosts"].as_array().unwrap() {
        for (level, told) in host["proofs"].as_object().unwrap() {
            let is_it =
                |tx: &&&Value| tx["request"]["host"] == host["host"] && tx["proof"]["level"] == **level;
            assert_eq!(*told, used.iter().filter(is_it).count(), "{} {level}", host["host"]);
        }
    }
    let around = |key: &&Value| key["around_mfa"].as_u64() > Some(0);
    let keys = report["keys"]["passports"].as_array().unwrap();
    assert_eq!(report["keys"]["around_mfa"], keys.iter().filter(around).count());
    assert!(keys.iter().any(|key| around(&key)), "the day has a key that walks around");

    let mut keys: BTreeMap<String, (u64, u64, BTreeSet<Vec<String>>)> = BTreeMap::new();
    for tx in &transactions {
        for credential in tx["credentials"].as_array().unwrap() {
            if !LASTING.map(Value::from).contains(&credential["kind"]) {
                continue;
            }
            let (calls, denied, routes) = keys.entry(text(&credential["fingerprint"])).or_default();
            *calls += 1;
            *denied += u64::from(tx["outcome"] == "denied");
            routes
                .insert(["method", "host", "route"].iter().map(|part| text(&tx["request"][part])).collect());
        }
    }
    assert_eq!(seen["keys"], keys.len());
    let passports = report["keys"]["passports"].as_array().unwrap();
    assert_eq!(passports.len(), keys.len().min(25));
    for passport in passports {
        let (calls, denied, routes) = &keys[passport["fingerprint"].as_str().unwrap()];
        assert_eq!((&passport["calls"], &passport["denied"]), (&json!(calls), &json!(denied)));
        let of = |part: &str| passport[part].as_u64().unwrap();
        let told = passport["grants"].as_array().unwrap().len() as u64 + of("refused_routes");
        assert_eq!(told + of("forgotten_routes"), routes.len() as u64, "{passport}");
    }

    assert_eq!(report["alerts"]["episodes"], alerts.len());
    for (severity, told) in report["alerts"]["by_severity"].as_object().unwrap() {
        assert_eq!(*told, count(&alerts, |alert| alert["severity"] == **severity), "{severity}");
    }
    for row in report["alerts"]["by_detector"].as_array().unwrap() {
        let of: Vec<&Value> = alerts.iter().filter(|alert| alert["rule"] == row["rule"]).collect();
        let events: u64 = of.iter().map(|alert| alert["count"].as_u64().unwrap()).sum();
        assert_eq!((&row["episodes"], &row["events"]), (&json!(of.len()), &json!(events)), "{row}");
    }
    let columns = report["alerts"]["over_time"]["columns"].as_array().unwrap();
    let in_columns: u64 =
        columns.iter().flat_map(|c| c.as_array().unwrap()).map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(in_columns, alerts.len() as u64, "each alert has its column");
    leave(&bench, &["day.pcap"], "demonstration");
}

/// Leaves the page in the folder that `HEELGUARD_PICTURES` names, if it does.
fn leave(bench: &Bench, captures: &[&str], name: &str) {
    let Some(folder) = std::env::var_os("HEELGUARD_PICTURES").map(std::path::PathBuf::from) else { return };
    let page = bench.run(&[&["report"], captures].concat());
    std::fs::write(folder.join(format!("report-{name}.html")), &page.succeeds().out).unwrap();
}

#[test]
fn two_halves_of_a_day_are_the_day() {
    let bench = Bench::new();
    bench.day();
    let (transactions, _) = bench.records();
    let times: Vec<String> = transactions.iter().map(|tx| text(&tx["time"])).collect();
    let middle = {
        let mut sorted = times.clone();
        sorted.sort();
        sorted[sorted.len() / 2].clone()
    };
    let before = times.iter().filter(|time| **time < middle).count();
    let [first, second] =
        [["--to", &middle, "day.pcap"], ["--from", &middle, "day.pcap"]].map(|o| bench.report(&o));
    assert_eq!(first["seen"]["transactions"], before);
    assert_eq!(second["seen"]["transactions"], times.len() - before);
    assert!(before > 100, "{middle}");
    assert_eq!(first["period"]["to"], *middle);
    assert!(!first["period"]["not_cut"].as_array().unwrap().is_empty(), "what could not be cut is told");
    let events = |report: &Value| report["coverage"]["successes"].as_u64().unwrap();
    assert_eq!(events(&first) + events(&second), events(&bench.report(&["day.pcap"])));
}

#[test]
fn the_same_bytes_in_every_form_twice_and_for_any_number_of_shards() {
    let bench = Bench::new();
    bench.day();
    for format in ["html", "md", "json"] {
        let written = |shards: &str| {
            bench.run(&["report", "--format", format, "--shards", shards, "day.pcap"]).succeeds().out.clone()
        };
        let one = written("1");
        assert!(one.len() > 5_000, "{format}");
        for shards in ["1", "2", "5"] {
            assert!(one == written(shards), "{format} with {shards} shards");
        }
    }
}

#[test]
fn a_page_needs_nothing_from_elsewhere_and_runs_nothing() {
    let bench = Bench::new();
    bench.day();
    let page = bench.run(&["report", "day.pcap"]).succeeds().out.clone();
    for part in [
        "<script",
        "<link",
        "<img",
        "<iframe",
        "url(",
        "@import",
        " src=",
        " onload",
        " onclick",
        "javascript:",
    ] {
        assert_eq!(page.find(part), None, "{part}");
    }
    let mut addresses: Vec<&str> =
        page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    addresses.retain(|address| !address.starts_with('#'));
    assert_eq!(
        addresses,
        ["https://db-ip.com"],
        "the licence's link alone leads away, for whoever follows it"
    );
    for part in ["visibility", "coverage", "keys", "exposures", "alerts"] {
        assert_eq!(page.matches(&format!("id=\"{part}\"")).count(), 1, "{part}");
    }
}

#[test]
fn names_that_traffic_made_up_stay_words() {
    let bench = Bench::new();
    let name = "\\u202e<img src=x onerror=alert(1)>|`x`\\n# y\\u200b[a](http://evil.example)\\u001b[2J";
    let hostile =
        include_str!("../cases/mfa-three-wrong-codes/traffic.txt").replace("alice@example.com", name);
    bench.write("a.pcap", support::conversation::pcap(&hostile));
    let written = |format: &str| bench.run(&["report", "--format", format, "a.pcap"]).succeeds().out.clone();
    let [html, markdown, json] = ["html", "md", "json"].map(written);
    for text in [&html, &markdown, &json] {
        assert!(text.contains("evil.example"), "the name is told: {text}");
        assert!(!text.contains(['\u{202e}', '\u{200b}', '\u{1b}']), "{text}");
    }
    assert!(html.contains("&lt;img src=x") && !html.contains("<img"), "{html}");
    assert!(markdown.contains("\\<img src=x") && !markdown.contains("[a](http://"), "{markdown}");
    assert!(!markdown.lines().any(|line| line.starts_with("# y")), "{markdown}");
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    for table in markdown.split("\n\n").filter(|block| block.trim_start().starts_with('|')) {
        let widths: BTreeSet<usize> = table.trim().lines().map(cells).collect();
        assert_eq!(widths.len(), 1, "a row has the cells of its head: {table}");
    }
}

#[test]
fn of_no_traffic_nothing_is_concluded() {
    let bench = Bench::new();
    bench.write("empty.pcap", support::conversation::pcap(""));
    let report = bench.report(&["empty.pcap"]);
    assert_eq!(
        (&report["visibility"]["verdict"], &report["seen"]["transactions"]),
        (&json!("blind"), &json!(0))
    );
    assert_eq!(report["findings"]["first"][0]["part"], "visibility");
    for format in ["html", "md"] {
        let text = bench.run(&["report", "--format", format, "empty.pcap"]).succeeds().out.clone();
        assert!(text.contains("nothing below is a finding"), "{text}");
    }
}

#[test]
fn the_form_is_told_by_the_name_of_the_file() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    for (file, beginning) in
        [("r.html", "<!doctype html>"), ("r.md", "# API"), ("r.json", "{\"schema\":\"heelguard.report/1\"")]
    {
        let run = bench.run(&["report", "--output", file, "a.pcap"]);
        assert_eq!(run.succeeds().out, "");
        assert!(bench.read(file).starts_with(beginning), "{file}");
    }
    bench.run(&["report", "--output", "r.json", "--format", "md", "a.pcap"]).succeeds();
    assert!(bench.read("r.json").starts_with("# API"));
}

#[test]
fn what_cannot_be_is_refused_with_what_to_do() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    let run = |options: &[&str]| -> Run { bench.run(&[&["report"], options].concat()) };
    run(&[]).fails_with(2, &["holds no state", "heelguard report capture.pcap", "--state DIR"]);
    run(&["--state", "nowhere"]).fails_with(2, &["nowhere holds no state"]);
    run(&["--state", "x", "a.pcap"]).fails_with(2, &["--state", "cannot be used with"]);
    run(&["--from", "yesterday", "a.pcap"]).fails_with(2, &["yesterday", "2026-11-21T10:03:00Z"]);
    run(&["--from", "2026-11-22", "--to", "2026-11-22", "a.pcap"]).fails_with(2, &["--from", "empty"]);
    run(&["--output", "a.pcap", "a.pcap"]).fails_with(2, &["--output", "overwrite the capture"]);
    run(&["missing.pcap"]).fails_with(1, &["missing.pcap"]);
    bench.write("no.pcap", "these are words");
    run(&["--output", "r.html", "no.pcap"]).fails_with(1, &["no.pcap"]);
    assert!(!bench.path("r.html").exists(), "nothing is written of what is no capture");
}

#[test]
fn the_state_of_a_sensor_tells_what_its_capture_tells_but_for_alerts() {
    let bench = Bench::new();
    bench.day();
    bench.evening();
    let captured = bench.report(&["day.pcap", "evening.pcap"]);
    bench
        .run(&["replay", "--set", "state.dir=kept", "--alerts", "al", "day.pcap", "evening.pcap"])
        .succeeds();
    let kept = bench.report(&["--state", "kept"]);
    let schema: Value = serde_json::from_str(schema::text("report").unwrap()).unwrap();
    assert_eq!(violations(&schema, &kept), Vec::<String>::new());
    for part in [
        "/seen",
        "/period",
        "/coverage",
        "/keys",
        "/exposures/data",
        "/exposures/endpoints",
        "/exposures/endpoints_in_all",
    ] {
        assert_eq!(kept.pointer(part), captured.pointer(part), "{part}");
    }
    assert!(captured["coverage"]["gaps_in_all"].as_u64() > Some(0), "there is something to tell");
    assert!(captured["keys"]["in_all"].as_u64() > Some(3));
    // What is not kept is said, wherever somebody may look for it.
    assert_eq!((&kept["alerts"]["is_known"], &captured["alerts"]["is_known"]), (&json!(false), &json!(true)));
    assert_eq!(kept["alerts"]["episodes"], 0);
    let of_endpoints = |report: &Value| -> Vec<Value> {
        let open = report["exposures"]["open"].as_array().unwrap().iter();
        open.filter(|open| open["told_by"] == "endpoints").map(|open| open["name"].clone()).collect()
    };
    assert_eq!(kept["exposures"]["open"].as_array().unwrap().len(), of_endpoints(&captured).len());
    assert_eq!(of_endpoints(&kept), of_endpoints(&captured));
    let not_looked_at = kept["not_looked_at"].to_string();
    assert!(not_looked_at.contains("does not keep alerts"), "{not_looked_at}");
    for format in ["html", "md"] {
        let text = bench.run(&["report", "--format", format, "--state", "kept"]).succeeds().out.clone();
        assert_eq!(
            text.matches("does not keep alerts").count(),
            3,
            "{format}: alerts, exposures and appendix"
        );
        assert!(!text.contains("None was raised"), "{format}");
    }
    leave(&bench, &["--state", "kept"], "state");
}

#[test]
fn the_inventory_names_the_gaps_and_the_keys_of_the_report() {
    let bench = Bench::new();
    bench.day();
    bench.evening();
    let report = bench.report(&["day.pcap", "evening.pcap"]);
    bench.run(&["replay", "--alerts", "al", "--inventory", "inv", "day.pcap", "evening.pcap"]).succeeds();
    let records = bench.lines("inv");
    let of_kind = |kind: &'static str| records.iter().filter(move |record| record["kind"] == kind);
    let gaps = report["coverage"]["gaps"].as_array().unwrap();
    assert_eq!(report["coverage"]["gaps_in_all"], of_kind("gap").count());
    assert!(!gaps.is_empty());
    for (gap, record) in gaps.iter().zip(of_kind("gap")) {
        for part in [
            "way",
            "weight",
            "granted",
            "around_mfa",
            "callers",
            "owners",
            "mfa",
            "mfa_sessions",
            "mfa_accounts",
            "evidence",
            "advice",
            "labels",
        ] {
            assert_eq!(gap[part], record[part], "{part} of {gap}");
        }
        for part in ["method", "host", "route"] {
            assert_eq!(gap["endpoint"][part], record[part], "{gap}");
        }
    }
    let passports = report["keys"]["passports"].as_array().unwrap();
    assert!(passports.len() > 3);
    for passport in passports {
        let record = of_kind("credential").find(|it| it["fingerprint"] == passport["fingerprint"]).unwrap();
        let of = &record["passport"];
        for part in [
            "age_days",
            "is_old",
            "issued",
            "idle_days",
            "networks",
            "networks_at_once",
            "devices",
            "devices_at_once",
            "countries",
            "privileged",
            "around_mfa",
            "replaced_by",
            "replaces",
            "refused_routes",
            "forgotten_routes",
        ] {
            assert_eq!(passport[part], of[part], "{part} of {passport}");
        }
        let mut grants = passport["grants"].as_array().unwrap().clone();
        grants.sort_by_key(|at| ["host", "route", "method"].map(|part| text(&at[part])));
        assert_eq!(Value::from(grants), of["grants"]);
    }
}

#[test]
fn the_state_of_a_sensor_is_told_under_its_own_key_alone() {
    let bench = Bench::new();
    bench.capture("a.pcap");
    bench.run(&["replay", "--set", "state.dir=kept", "--alerts", "al", "a.pcap"]).succeeds();
    let before = super::names(&bench.path("kept"));
    let run = bench.run(&["report", "--state", "kept", "--set", "privacy.key_file=other.key"]);
    run.fails_with(1, &["kept/checkpoint", "another fingerprint key"]);
    assert_eq!(super::names(&bench.path("kept")), before, "nothing is set aside");
}
