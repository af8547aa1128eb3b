//! Every story once more over lanes: each transaction dealt out to the processes that want it, and some that come late.
//! It is given a story's transactions and the configuration they are told under, by whoever tells a story in a test.
//! It promises that all processes together open, grow and close what one alone does, however many share the work.

use super::{Lanes, Wanting, key};
use crate::alert::{Alert, Status};
use crate::rules;
use crate::runtime::{Limits, Runtime, RuntimeConfig};
use crate::story::line_of;
use crate::time::EventTime;
use crate::transaction::Transaction;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many processes share the lanes.
const PARTITIONS: [u64; 3] = [1, 3, 7];
/// What comes late is so late at most, and behind so many others.
const LATE: Duration = Duration::from_secs(10);
const BEHIND_MAX: usize = 20;
/// Openings of a story that are told late; each tells the story again.
const LATE_OPENINGS: usize = 3;

/// Tells a story over lanes. A configuration that makes no sense has nothing to tell.
pub(crate) fn check(transactions: &[Transaction], config: &RuntimeConfig) {
    // Each process has a cap and tables of its own, so that what they give up differs.
    let limits = Limits { alerts_per_minute_max: 1_000_000, ..Limits::default() };
    let config = RuntimeConfig { limits, watch: None, ..config.clone() };
    if Runtime::new(config.clone()).is_err() {
        return;
    }
    let whole = in_one(transactions, &config, Lanes::ALL);
    let tenant = in_one(transactions, &config, Lanes::of(super::Lane::Tenant));
    for partitions in PARTITIONS {
        let dealt = in_order(dealt_out(transactions, &config, partitions).chain(tenant.iter().cloned()));
        assert_eq!(lines(&whole), lines(&dealt), "over lanes in {partitions} processes");
        assert!(whole == dealt, "in {partitions} processes alerts differ in what their lines do not show");
    }
    for (place, opening) in openings(transactions, &config).into_iter().take(LATE_OPENINGS) {
        check_late(transactions, &config, place, &opening);
    }
}

/// One process and what it told.
struct Process {
    runtime: Runtime,
    told: Vec<Alert>,
}

impl Process {
    fn new(config: &RuntimeConfig, lanes: Lanes) -> Self {
        Self { runtime: Runtime::new_in(config.clone(), lanes).unwrap(), told: Vec::new() }
    }

    fn finish(mut self, end: EventTime) -> Vec<Alert> {
        self.runtime.finish(end, &mut self.told);
        self.told
    }
}

/// What one process tells that has the rules of these lanes.
fn in_one(transactions: &[Transaction], config: &RuntimeConfig, lanes: Lanes) -> Vec<Alert> {
    let mut process = Process::new(config, lanes);
    for tx in transactions {
        process.runtime.observe_in(tx, lanes, &mut process.told);
    }
    in_order(process.finish(end_of(transactions)).into_iter())
}

/// What processes tell that share all lanes but the tenant's.
fn dealt_out(
    transactions: &[Transaction],
    config: &RuntimeConfig,
    partitions: u64,
) -> impl Iterator<Item = Alert> + use<> {
    let wanting = Wanting::new(config);
    let mut processes: BTreeMap<u64, Process> = BTreeMap::new();
    for tx in transactions {
        let mut wanted: BTreeMap<u64, Lanes> = BTreeMap::new();
        for lane in wanting.lanes(tx).iter().filter(|lane| Lanes::DEALT.has(*lane)) {
            let lanes = wanted.entry(key(lane, tx) % partitions).or_default();
            *lanes = lanes.with(lane);
        }
        for (number, lanes) in wanted {
            let process = processes.entry(number).or_insert_with(|| Process::new(config, Lanes::DEALT));
            process.runtime.observe_in(tx, lanes, &mut process.told);
        }
    }
    let end = end_of(transactions);
    processes.into_values().flat_map(move |process| process.finish(end))
}

/// The alerts of rules that count rightly what comes late, with the transactions that opened them.
fn openings(transactions: &[Transaction], config: &RuntimeConfig) -> Vec<(usize, Alert)> {
    let is_order_free = |alert: &Alert| {
        rules::catalogue().iter().any(|entry| entry.rule.name == alert.detector && entry.rule.order_free)
    };
    let mut process = Process::new(config, Lanes::ALL);
    let mut openings = Vec::new();
    for (place, tx) in transactions.iter().enumerate() {
        process.runtime.observe(tx, &mut process.told);
        let opened = process.told.drain(..).filter(|alert| alert.status == Status::Open);
        openings.extend(opened.filter(is_order_free).map(|alert| (place, alert)));
    }
    openings
}

/// Tells the story with the transaction that opened an alert moved behind those of the next seconds.
fn check_late(transactions: &[Transaction], config: &RuntimeConfig, place: usize, opening: &Alert) {
    let late = &transactions[place];
    let next = transactions.iter().skip(place + 1).take(BEHIND_MAX);
    let behind = next.take_while(|tx| tx.end.since(late.end) <= LATE).count();
    if behind == 0 {
        return;
    }
    let mut process = Process::new(config, Lanes::ALL);
    for (number, tx) in transactions.iter().enumerate() {
        if number != place {
            process.runtime.observe(tx, &mut process.told);
        }
        if number == place + behind {
            process.runtime.observe_late(late, Lanes::ALL, &mut process.told);
        }
    }
    let told = process.finish(end_of(transactions));
    let is_same = |alert: &Alert| {
        alert.status == Status::Open && alert.rule == opening.rule && alert.subject == opening.subject
    };
    assert!(
        told.iter().any(is_same),
        "behind {behind} others it is not told: {}what is told:\n{}",
        line_of(opening),
        lines(&told)
    );
}

fn end_of(transactions: &[Transaction]) -> EventTime {
    transactions.last().map_or(EventTime::ZERO, |tx| tx.end)
}

/// By episodes and their states: which process told something first says nothing.
fn in_order(alerts: impl Iterator<Item = Alert>) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = alerts.collect();
    alerts.sort_by_key(|alert| (alert.first_seen, alert.rule, alert.id, alert.time, alert.rev));
    alerts
}

fn lines(alerts: &[Alert]) -> String {
    let line = |alert: &Alert| format!("{} {} {}", alert.id, alert.rev, line_of(alert));
    alerts.iter().map(line).collect()
}
