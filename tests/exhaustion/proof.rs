//! The proof: each flood alone, and all at once.
//! It is given the figures of RELIABILITY F5, and a part of them in the quick form.
//! It promises to ask the same of every flood: memory, honest clients, attackers, accounts, alerts a minute and words.

use crate::attackers::{self, Attackers};
use crate::floods::{Flood, Kind};
use crate::honest::Honest;
use crate::requests::{New, Requests};
use crate::run::{Outcome, run};
use crate::story::{Beat, FLOOD_SPAN_US, FLOOD_US, SECOND_US, Voice};
use crate::support::figures::{figure, long, sized};
use serde_json::Value;
use std::collections::VecDeque;

/// The quick form is this part of everything.
const PART: u64 = 100;
/// What is promised of the memory.
const BAR_BYTES: u64 = 1 << 30;
/// What tables without a setting take when floods fill all of them: they do not become less in the quick form.
const FIXED_BYTES: u64 = 40_000_000;
/// What the program takes before it has read anything; its own code counts, and a debug build's is large.
const IDLE_BYTES: u64 = 110_000_000;
/// What may be said on standard error, whatever comes.
const SAID_BYTES_MAX: u64 = 20_000;
const ALERTS_PER_MINUTE_MAX: u64 = 200;
/// The limits that the floods fill, with their defaults.
const LIMITS: [(&str, u64); 13] = [
    ("flows_max", 1_000_000),
    ("half_open_max", 100_000),
    ("closing_max", 100_000),
    ("connection_bytes_max", 117_440_512),
    ("buffer_bytes_max", 33_554_432),
    ("message_bytes_max", 33_554_432),
    ("handles_max", 350_000),
    ("accounts_max", 175_000),
    ("route_hosts_max", 1_000),
    ("routes_per_host_max", 2_000),
    ("keys_per_table_max", 80_000),
    ("keys_max", 250_000),
    ("fragment_bytes_max", 33_554_432),
];

fn settings() -> Vec<String> {
    if long() {
        return Vec::new();
    }
    let part = |(name, value): &(&str, u64)| {
        let section = if name.starts_with("fragment") { "capture" } else { "limits" };
        format!("{section}.{name}={}", value / PART)
    };
    LIMITS.iter().map(part).collect()
}

fn scaled(count: u64) -> u64 {
    sized(count / PART, count)
}

/// A bar, or what is left of it for a part of everything: what an idle program takes does not become less.
fn part_of(bytes: u64) -> u64 {
    sized(IDLE_BYTES + (bytes - IDLE_BYTES) / PART, bytes)
}

/// A flood of packets, in a time that lets its table fill.
fn packets(kind: Kind) -> Box<dyn Voice> {
    let (count, span_s) = match kind {
        Kind::Syns | Kind::Fragments => (1_000_000, 20),
        Kind::HalfRequests => (500_000, 500),
        // A hole is given up after three seconds.
        Kind::Holes => (200_000, 3),
        Kind::Heads => (5_000, 500),
    };
    // The last second of all is that of the longest.
    let begin_us = FLOOD_US + (500 - span_s) * SECOND_US;
    Box::new(Flood::new(kind, Beat::new(begin_us, span_s * SECOND_US, scaled(count))))
}

fn requests(new: New) -> Box<dyn Voice> {
    let count = match new {
        New::Identity | New::Path => 10_000_000,
        New::Host | New::Method => 1_000_000,
        // Each of a client of its own.
        New::ForgedToken => 200_000,
    };
    Box::new(Requests::new(new, FLOOD_US, FLOOD_SPAN_US, scaled(count)))
}

/// The floods with honest clients and slow attackers in them.
fn check(name: &str, floods: Vec<Box<dyn Voice>>) -> Outcome {
    check_within(BAR_BYTES, name, floods)
}

/// The same, with a limit of its own.
fn check_within(limit_bytes: u64, name: &str, floods: Vec<Box<dyn Voice>>) -> Outcome {
    let seconds = (FLOOD_US + FLOOD_SPAN_US) / SECOND_US + 30;
    let mut voices: Vec<Box<dyn Voice>> = vec![Box::new(Honest::new(seconds)), Box::new(Attackers::new())];
    voices.extend(floods);
    let outcome = run(voices, &settings(), limit_bytes / 4 * 5);
    let peak_bytes = outcome.used.peak_kib << 10;
    let mib = peak_bytes >> 20;
    println!(
        "{name}: {} packets, {} transactions, peak {mib} MiB of {}, {:.1} s of CPU in {:.1} s, {} alerts, {} bytes said, evicted {}, {}",
        outcome.packets,
        outcome.records,
        part_of(BAR_BYTES) >> 20,
        outcome.used.cpu.as_secs_f64(),
        outcome.wall.as_secs_f64(),
        outcome.alerts.len(),
        outcome.said,
        outcome.stats["evicted"],
        outcome.stats["alerts"],
    );
    let enclosed = if outcome.enclosed { ", in a control group" } else { "" };
    let reached = peak_bytes <= part_of(BAR_BYTES);
    figure("F5", &format!("peak memory: {name}"), &format!("{mib} MiB{enclosed}"), reached);
    outcome.honest.are_all(Honest::requests(seconds));
    attackers::are_told(&outcome.alerts);
    assert!(peak_bytes <= part_of(limit_bytes), "{name}: {mib} MiB");
    adds_up(&outcome);
    assert!(outcome.said <= SAID_BYTES_MAX, "{name}: {} bytes on standard error", outcome.said);
    outcome
}

/// What came in is what went out and what was dropped, and what was raised is what was told and what was not.
fn adds_up(outcome: &Outcome) {
    let count = |path| outcome.count(path);
    assert_eq!(outcome.stats["balanced"], true, "{}", outcome.stats);
    let dropped = outcome.stats["packets"]["dropped"].as_object().unwrap();
    let dropped: u64 = dropped.values().filter_map(Value::as_u64).sum();
    assert_eq!(count("/packets/read"), outcome.packets);
    assert_eq!(count("/packets/read"), count("/packets/processed") + dropped, "{}", outcome.stats);
    assert_eq!(count("/flows/opened"), count("/flows/closed") + count("/flows/evicted"), "{}", outcome.stats);
    assert_eq!(
        count("/alerts/findings"),
        count("/alerts/open") + count("/alerts/update") + count("/alerts/suppressed")
    );
    let told = outcome.alerts.iter().filter(|alert| alert["status"] != "closed");
    assert_eq!(told.clone().count() as u64, count("/alerts/open") + count("/alerts/update"));
    let mut minute = VecDeque::new();
    for alert in told {
        let at = seconds_of(alert["time"].as_str().unwrap());
        minute.push_back(at);
        while minute.front().is_some_and(|first| at - first > 59) {
            minute.pop_front();
        }
        // That the limit is reached is said beside it.
        assert!(minute.len() as u64 <= ALERTS_PER_MINUTE_MAX + 2, "{} alerts in a minute", minute.len());
    }
}

fn seconds_of(time: &str) -> u64 {
    humantime::parse_rfc3339(time).unwrap().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn without_a_flood_all_is_told() {
    let outcome = check("no flood", Vec::new());
    assert_eq!(outcome.count("/flows/evicted"), 0);
    assert!(outcome.used.peak_kib << 10 <= IDLE_BYTES, "{:?}", outcome.used);
}

#[test]
fn a_flood_of_syns_takes_a_table_of_its_own() {
    let outcome = check("1 M SYNs", vec![packets(Kind::Syns)]);
    assert_eq!(outcome.count("/flows/evicted"), 0, "no flow that lives gives way to a SYN");
}

#[test]
fn half_requests_hold_little() {
    check("500 k half requests", vec![packets(Kind::HalfRequests)]);
}

#[test]
fn holes_pin_no_more_than_the_buffers_limit() {
    let outcome = check("200 k holes", vec![packets(Kind::Holes)]);
    assert!(
        outcome.count("/bytes/missing") > 0 || outcome.count("/bytes/discarded") > 0,
        "{}",
        outcome.stats
    );
}

#[test]
fn fragments_whose_rest_never_comes_are_given_up() {
    let outcome = check("1 M fragments", vec![packets(Kind::Fragments)]);
    assert!(outcome.count("/packets/dropped/frag_cap") > 0, "{}", outcome.stats);
}

#[test]
fn long_heads_keep_no_more_than_the_messages_limit() {
    let outcome = check("5 k heads of 64 kB", vec![packets(Kind::Heads)]);
    assert!(outcome.count("/flows/evicted") > 0, "{}", outcome.stats["flows"]);
}

#[test]
fn new_identities_push_out_new_identities() {
    let outcome = check("10 M identities", vec![requests(New::Identity)]);
    assert!(
        outcome.count("/evicted/handles") > 0 && outcome.count("/evicted/detector_keys") > 0,
        "{}",
        outcome.stats
    );
    let flood = |alert: &Value| {
        alert["rule"] == "POS-06" && alert["subject"]["value"].as_str().unwrap().contains("identity flood")
    };
    assert!(outcome.alerts.iter().any(flood), "the flood itself is told");
}

#[test]
fn new_paths_share_one_route() {
    let outcome = check("10 M paths", vec![requests(New::Path)]);
    // With the limits of the long form, what changes is seen to be a parameter before there are too many routes.
    let share = sized("/routes/other", "/routes/slugs");
    assert!(outcome.count(share) > 0, "{}", outcome.stats);
    assert!((1..100).contains(&outcome.count("/routes/routes")), "{}", outcome.stats);
}

#[test]
fn new_hosts_share_one_list_of_routes() {
    let outcome = check("1 M hosts", vec![requests(New::Host)]);
    assert!(outcome.count("/routes/other_hosts") > 0, "{}", outcome.stats);
}

#[test]
fn new_methods_are_no_more_than_requests() {
    check("1 M methods", vec![requests(New::Method)]);
}

#[test]
fn a_flood_of_alerts_hides_no_slow_attacker() {
    let outcome = check("200 k forged tokens", vec![requests(New::ForgedToken)]);
    assert!(outcome.count("/alerts/suppressed") > 0, "{}", outcome.stats["alerts"]);
}

#[test]
fn all_floods_at_once_leave_honest_clients_and_slow_attackers_as_they_are() {
    let kinds = [Kind::Syns, Kind::HalfRequests, Kind::Holes, Kind::Fragments, Kind::Heads].map(packets);
    let news = [New::Identity, New::Path, New::Host, New::Method, New::ForgedToken].map(requests);
    let floods = kinds.into_iter().chain(news).collect();
    let outcome = check_within(BAR_BYTES + sized(FIXED_BYTES * PART, 0), "everything at once", floods);
    let honest = outcome.count("/transactions/whole");
    figure("F6", "honest requests under every flood", &format!("each of them once, of {honest} whole"), true);
}
