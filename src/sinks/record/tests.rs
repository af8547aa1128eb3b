//! Golden records: a change of a wire form is a change of these lines.

use super::{AlertRecord, ServiceRow, StatsRecord, TransactionRecord, samples};
use crate::metrics::{Counters, DropReason, SinkCounters};
use crate::sinks::escape::write_json_line;
use expect_test::{Expect, expect};
use heelguard_detectors::anomaly::Anomaly;
use serde::Serialize;

fn check(record: &impl Serialize, expected: &Expect) {
    let mut line = Vec::new();
    write_json_line(&mut line, record).unwrap();
    expected.assert_eq(&String::from_utf8(line).unwrap());
}

#[test]
fn an_alert_with_everything() {
    check(&AlertRecord::new(&samples::alert(), &samples::labels()), &expect![[]]);
}

#[test]
fn an_alert_with_nothing_that_can_be_left_out() {
    check(&AlertRecord::new(&samples::bare_alert(), &samples::labels()), &expect![[]]);
}

#[test]
fn a_transaction_with_everything() {
    check(&TransactionRecord::new(&samples::transaction()), &expect![[]]);
}

#[test]
fn a_lone_answer() {
    check(&TransactionRecord::new(&samples::bare_transaction()), &expect![[]]);
}

/// The random word that stands for a presented code must not leave.
#[test]
fn a_code_is_never_written() {
    let transaction = samples::transaction();
    let code = transaction.mfa.unwrap().code.unwrap();
    let line = serde_json::to_string(&TransactionRecord::new(&transaction)).unwrap();
    assert!(!line.contains(&code.to_string()) && !line.contains(&format!("{code:x}")), "{line}");
}

fn counters() -> Counters {
    let mut counters = Counters::default();
    counters.capture.files = 1;
    counters.packets.read = 3;
    counters.packets.processed = 1;
    counters.dropped.count(DropReason::NotTcp, 2);
    counters.anomalies.count(Anomaly::TcpGap);
    counters
}

#[test]
fn the_counters_of_a_run() {
    let sink = SinkCounters { queued: 2, delivered: 2, spooled: 0, lost: 0 };
    let service = ServiceRow { host: "api.example.com".to_owned(), port: 443, tls: 10, ..Default::default() };
    check(&StatsRecord::new(&counters(), &[("jsonl", sink)], &[service]), &expect![[]]);
}

#[test]
fn accounts_that_do_not_add_up_are_not_balanced() {
    let balanced = |counters: &Counters, sink: SinkCounters| {
        let record =
            serde_json::to_value(StatsRecord::new(counters, &[("jsonl", sink)], &[])).unwrap();
        record["balanced"].as_bool().unwrap()
    };
    assert!(balanced(&counters(), SinkCounters::default()));
    let mut short = counters();
    short.packets.read += 1;
    assert!(!balanced(&short, SinkCounters::default()));
    assert!(!balanced(&counters(), SinkCounters { queued: 1, ..Default::default() }));
}
