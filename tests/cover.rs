//! Passports of keys and the map of second factors, against truth from elsewhere: what the drivers of real captures wrote
//! down, and a generated week with holes in known places.
//! Each passport equals a sum over the driver's list; the map finds every planted hole, and of its twins none.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a test stops where it fails")]

mod support;

use heelguard::capture::CaptureError;
use heelguard::capture::Next;
use heelguard::capture::replay::{Progress, Timeline};
use heelguard::demo::{HOLES, Week, WeekOptions};
use heelguard::ledger::Ledger;
use heelguard::ledger::passport::passports;
use heelguard::ledger::visited::Way;
use heelguard::metrics::Counters;
use heelguard::pipeline::Source;
use heelguard_detectors::identity::CredentialKind;
use heelguard_detectors::time::EventTime;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use support::realauth::{captures, list, truth};
use support::replay::folder;
use support::sensor::seen;

/// What the keys of one owner did.
#[derive(Debug, Default, PartialEq, Eq)]
struct Book {
    calls: u64,
    denied: u64,
    /// Seconds since 1970 of the first and the last answer.
    seen: (u64, u64),
    networks: BTreeSet<String>,
    countries: BTreeSet<String>,
    /// Countries that made room: they are not told by name.
    unnamed: u64,
    /// Method, route, and how often it was granted.
    granted: BTreeMap<(String, String), u64>,
}

/// How the labels call what is sent as a key.
const KEY: &str = "header:authorization:token";
/// What the driver calls the use of a key.
const BY_KEY: [&str; 2] = ["api_key_use", "api_key_admin"];

/// Whether a call came with a key: the driver says so, or the labels name the key that a client came with, or a program
/// reads from where it used its key before.
fn is_by_key(row: &Value, rows: &[Value], labels: &Value) -> bool {
    let ends_as_a_key = |end: &str| {
        let is_key =
            |secret: &&Value| secret["kinds"].as_array().is_some_and(|kinds| kinds.contains(&json!(KEY)));
        list(labels, "secrets")
            .filter(is_key)
            .any(|key| key["value"].as_str().is_some_and(|key| key.ends_with(end)))
    };
    let is_same = |one: &Value, other: &Value, name: &str| one[name] == other[name];
    match row["event"].as_str().unwrap_or_default() {
        event if BY_KEY.contains(&event) => true,
        // Elsewhere it is a token that stands there.
        "key_in_url" => row["uri"].as_str().is_some_and(|uri| uri.contains("api_key=")),
        "bulk_read" | "enum_read" => list(labels, "expected").any(|label| {
            is_same(label, row, "client_ip") && label["credential_last4"].as_str().is_some_and(ends_as_a_key)
        }),
        "api_read" => rows.iter().any(|other| {
            let is_key = other["event"].as_str().is_some_and(|event| BY_KEY.contains(&event));
            let is_before = other["t_req"].as_f64() < row["t_req"].as_f64();
            is_key && is_before && is_same(other, row, "client_ip") && is_same(other, row, "user")
        }),
        _ => false,
    }
}

/// By owner, from the driver's list.
fn from_truth(rows: &[Value], labels: &Value) -> BTreeMap<String, Book> {
    let mut books: BTreeMap<String, Book> = BTreeMap::new();
    for row in rows.iter().filter(|row| is_by_key(row, rows, labels)) {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let book = books.entry(text("user")).or_default();
        let end = Duration::from_secs_f64(row["t_resp"].as_f64().expect("an answer has its time")).as_secs();
        let first = if book.calls == 0 { end } else { book.seen.0 };
        book.seen = (first.min(end), book.seen.1.max(end));
        book.calls += 1;
        let status = row["status"].as_u64().unwrap_or_default();
        book.denied += u64::from([401, 403].contains(&status));
        book.networks.insert(text("client_ip"));
        book.countries.insert(text("country"));
        if status < 400 {
            *book.granted.entry((text("method"), text("template"))).or_default() += 1;
        }
    }
    books
}

/// By owner, from passports.
fn from_passports(ledger: &Ledger) -> BTreeMap<String, Book> {
    let credentials = ledger.credentials();
    let now = ledger.overview().span.map(|(_, last)| last).unwrap_or_default();
    let mut books: BTreeMap<String, Book> = BTreeMap::new();
    for passport in passports(&credentials, now).iter().filter(|it| it.of.kind == CredentialKind::ApiKey) {
        let of = passport.of;
        let owner = of.owner().map(|(_, id)| id.to_string()).unwrap_or_default();
        let book = books.entry(owner).or_default();
        let first = of.addresses.iter().map(|lane| lane.first.as_secs()).min().unwrap_or_default();
        let first = if book.calls == 0 { first } else { first.min(book.seen.0) };
        book.seen = (first, book.seen.1.max(of.last.as_secs()));
        book.calls += of.calls;
        book.denied += of.denied;
        book.networks.extend(of.addresses.iter().map(|lane| lane.name.to_string()));
        book.countries.extend(of.countries.iter().map(|lane| lane.name.to_string()));
        book.unnamed += of.countries.given_up;
        for lane in of.routes.iter().filter(|lane| lane.name.success > 0) {
            let at = (lane.name.method.to_string(), lane.name.route.to_string());
            *book.granted.entry(at).or_default() += lane.name.success;
        }
    }
    books
}

#[test]
fn passports_equal_what_the_drivers_of_real_captures_wrote_down() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    let mut compared = 0;
    for (capture, labels) in captures(&realauth) {
        let rows = truth(&realauth, &labels);
        let expected = from_truth(&rows, &labels);
        // Under TLS nothing is read here, and the same traffic in other dress has no list of its own.
        if expected.is_empty() || !labels["keylog"].is_null() || rows.is_empty() {
            continue;
        }
        let mut timeline = Timeline::open(std::slice::from_ref(&capture)).expect("the capture opens");
        let (ledger, _) = seen(&mut timeline);
        let mut told = from_passports(&ledger);
        for (owner, book) in &mut told {
            let all = expected.get(owner).map(|book| book.countries.clone()).unwrap_or_default();
            if book.unnamed > 0
                && book.countries.is_subset(&all)
                && book.countries.len() as u64 + book.unnamed == all.len() as u64
            {
                (book.countries, book.unnamed) = (all, 0);
            }
        }
        assert_eq!(told, expected, "{}", capture.display());
        compared += told.len();
        for gap in ledger.coverage().gaps.iter().filter(|gap| gap.way == Way::Key) {
            let at = (gap.endpoint.method.to_string(), gap.endpoint.route.to_string());
            let granted: u64 = expected.values().filter_map(|book| book.granted.get(&at)).sum();
            assert_eq!(gap.granted, granted, "{at:?}: a hole is as large as the driver made it");
        }
    }
    assert!(compared >= 2, "{compared} owners of keys");
}

struct Generated(Week);

impl Source for Generated {
    fn next(&mut self) -> Result<Next<'_>, CaptureError> {
        Ok(self.0.next_packet().into())
    }

    fn progress(&self) -> Progress {
        Progress { bytes_read: 0, bytes_total: None }
    }

    fn counters(&self) -> Counters {
        Counters::default()
    }

    fn warnings(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// Forty people for two working days.
const WEEK: WeekOptions =
    WeekOptions { seed: 1, users: 40, days: 2, start: EventTime::from_secs(1_795_564_800), learning_days: 1 };

fn holes(week: Week) -> BTreeSet<(String, String)> {
    let (ledger, _) = seen(&mut Generated(week));
    let gaps = ledger.coverage().gaps;
    for gap in &gaps {
        println!("{} {} {} {}", gap.way.name(), gap.endpoint.method, gap.endpoint.route, gap.evidence());
    }
    // A session without a factor is an account's choice in this company, or of somebody who joins it.
    let grave = gaps.iter().filter(|gap| gap.way != Way::Password);
    grave.map(|gap| (gap.endpoint.method.to_string(), gap.endpoint.route.to_string())).collect()
}

fn named((method, route): (&str, &str)) -> (String, String) {
    (method.to_owned(), route.to_owned())
}

#[test]
fn the_map_finds_exactly_the_holes_that_were_planted() {
    // The company's own programs do with static keys what its people do: the generator means them to.
    let by_design: BTreeSet<_> =
        [("GET", "/v1/orders"), ("GET", "/v1/settings"), ("POST", "/v1/events")].map(named).into();
    let planted: BTreeSet<_> = HOLES.map(named).into();
    assert_eq!(holes(Week::with_holes(WEEK)), &planted | &by_design);
}
