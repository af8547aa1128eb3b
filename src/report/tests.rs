//! Stories told to a ledger, and what a report makes of them.

use super::findings::counted;
use super::model::{Part, Verdict};
use super::*;
use crate::ledger::Ledger;
use crate::sinks::record::samples;
use heelguard_detectors::runtime::RuntimeConfig;
use heelguard_detectors::story::{alerts, transactions};
use heelguard_detectors::time::EventTime;

fn ledger(story: &str) -> Ledger {
    let ledger = Ledger::default();
    transactions(story).unwrap().iter().for_each(|tx| ledger.observe(tx));
    alerts(story, RuntimeConfig::default()).unwrap().iter().for_each(|alert| ledger.alert(alert));
    ledger
}

/// Counters of a run in which everything was seen.
fn whole() -> Counters {
    let mut counters = Counters::default();
    counters.transactions.whole = 1_000;
    counters.bytes.delivered = 1_000_000;
    counters.flows.opened = 1_000;
    counters.packets.read = 10_000;
    counters
}

fn report_in(story: &str, counters: &Counters, range: Range, kind: Kind) -> Report {
    let source = Source { kind, name: "a.pcap".to_owned() };
    let sight = Sight::of(counters);
    of_ledger(&ledger(story), Told { labels: &samples::labels(), source, range, sight })
}

fn report(story: &str) -> Report {
    report_in(story, &whole(), Range::default(), Kind::Capture)
}

const AROUND: &str =
    "09:00:00 203.0.113.7 -> use GET /admin/users 200 user=ann session=s1 proof=mfa has_mfa labels=admin x9
     10:00:00 203.0.113.7 -> use GET /admin/users 200 user=ann key=k1 proof=api_key has_mfa labels=admin x3";

#[test]
fn a_key_where_people_prove_a_second_factor_is_a_gap_and_the_first_thing_to_mend() {
    let report = report(AROUND);
    let [gap] = report.coverage.gaps.as_slice() else { panic!("{}", report.coverage.gaps.len()) };
    assert_eq!((gap.way, gap.weight, gap.granted, gap.callers, gap.mfa), ("api_key", "privileged", 3, 1, 9));
    assert_eq!(
        gap.evidence,
        "3 successes by 1 key, beside 9 with a second factor by 1 session of 1 account; 3 for an account that has one"
    );
    assert_eq!(&*gap.endpoint.route, "/admin/users");
    assert!(
        report.findings.first.iter().any(|action| action.part == Part::Coverage),
        "{:?}",
        report.findings.first
    );
    let [key] = report.keys.passports.as_slice() else { panic!("{}", report.keys.passports.len()) };
    assert_eq!(
        (key.around_mfa, key.privileged, key.calls, key.owner.as_deref()),
        (3, 3, 3, Some("user:ann"))
    );
    assert_eq!(key.grants.len(), 1);
    assert!(
        report.findings.headline.starts_with("One way leads around the second factor, "),
        "{}",
        report.findings.headline
    );
    assert!(
        key.risk >= 70 && key.reasons.iter().any(|reason| reason.contains("3 privileged")),
        "{:?}",
        key.reasons
    );
}

#[test]
fn a_route_that_only_programs_use_is_no_gap_and_its_key_no_worry() {
    let report = report(
        "09:00:00 203.0.113.7 -> use GET /jobs 200 service=batch key=k1 proof=api_key x9
         10:00:00 203.0.113.8 -> use GET /me 200 user=ann session=s1 proof=mfa has_mfa x3",
    );
    assert_eq!((report.coverage.gaps.len(), report.coverage.successes), (0, 12));
    assert_eq!((report.keys.in_all, report.keys.with_reasons), (1, 0));
    assert_eq!(report.findings.first, []);
    assert_eq!(report.findings.headline, "Nothing was found that presses.");
    assert!(report.findings.summary.contains("12 requests to 1 host"), "{}", report.findings.summary);
}

#[test]
fn what_is_not_known_closes_no_gap_and_opens_none() {
    let report = report(
        "09:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 proof=mfa has_mfa x3
         09:10:00 203.0.113.8 -> use GET /me 200 user=bob session=s2 proof=unknown x7",
    );
    assert_eq!(report.coverage.gaps.len(), 0);
    assert!(report.findings.summary.contains("of 70.0 % it is not known"), "{}", report.findings.summary);
}

#[test]
fn a_view_that_lost_more_than_a_fiftieth_limits_what_is_concluded_and_is_said_first() {
    let mut counters = whole();
    let verdict = |counters: &Counters| report_in(AROUND, counters, Range::default(), Kind::Capture);
    (counters.bytes.delivered, counters.bytes.missing) = (980, 20);
    assert_eq!(verdict(&counters).visibility.verdict, Verdict::Good);
    counters.bytes.missing = 21;
    let limited = verdict(&counters);
    assert_eq!((limited.visibility.verdict, limited.visibility.limits.len()), (Verdict::Limited, 1));
    let care = limited.findings.care.unwrap();
    assert!(care.starts_with("Read this with care: 2.1 % of the bytes"), "{care}");
    let blind = report_in("", &Counters::default(), Range::default(), Kind::Capture);
    assert_eq!((blind.visibility.verdict, blind.findings.first.len()), (Verdict::Blind, 1));
    assert_eq!(blind.findings.first.first().map(|action| action.part), Some(Part::Visibility));
}

#[test]
fn rows_that_are_sums_are_left_out_whole_or_kept_whole_and_it_is_said() {
    let at = |clock: &str| moment(&format!("2026-11-21T{clock}Z")).unwrap();
    let first = transactions(AROUND).unwrap().iter().map(|tx| tx.time).min().unwrap();
    assert_eq!(first, at("09:00:00"), "the day that stories are told of");
    let cut = |from, to| report_in(AROUND, &whole(), Range { from: Some(from), to: Some(to) }, Kind::State);
    let later = cut(at("09:30:00"), at("11:00:00"));
    assert_eq!((later.seen.tokens, later.seen.keys, later.seen.transactions), (0, 1, 12));
    assert!(later.period.not_cut.iter().any(|sentence| sentence.contains("kept as sums")));
    assert_eq!(cut(at("11:00:00"), at("12:00:00")).seen.keys, 0);
    assert!(report(AROUND).period.not_cut.is_empty(), "of no period there is nothing to say");
}

#[test]
fn alerts_stand_by_severity_and_the_sensor_s_own_apart() {
    let ledger = Ledger::default();
    let mine = heelguard_detectors::alert::Alert {
        detector: "sensor_self_check",
        rule: "POS-06",
        id: heelguard_detectors::alert::AlertId(7),
        ..samples::alert()
    };
    ledger.alert(&samples::alert());
    ledger.alert(&mine);
    let source = Source { kind: Kind::Capture, name: String::new() };
    let sight = Sight::of(&whole());
    let told = Told { labels: &samples::labels(), source, range: Range::default(), sight };
    let report = of_ledger(&ledger, told);
    assert_eq!((report.alerts.episodes, report.alerts.of_the_sensor, report.alerts.top.len()), (1, 1, 1));
    assert_eq!(report.alerts.by_severity.of("medium"), 1);
    assert_eq!((report.exposures.open.len(), report.alerts.over_time.columns.len()), (0, 1));
}

#[test]
fn times_that_a_file_made_up_make_no_endless_picture() {
    let ledger = Ledger::default();
    for (id, first_seen) in [(1, EventTime::ZERO), (2, EventTime::MAX)] {
        let id = heelguard_detectors::alert::AlertId(id);
        ledger.alert(&heelguard_detectors::alert::Alert {
            id,
            first_seen,
            last_seen: first_seen,
            ..samples::alert()
        });
    }
    let source = Source { kind: Kind::Capture, name: String::new() };
    let sight = Sight::of(&whole());
    let told = Told { labels: &samples::labels(), source, range: Range::default(), sight };
    let columns = of_ledger(&ledger, told).alerts.over_time.columns;
    assert_eq!(columns.iter().flatten().sum::<u64>(), 2);
    assert!(columns.len() <= 60, "{}", columns.len());
}

#[test]
fn one_is_one_and_more_are_more() {
    assert_eq!([counted(0, "key", "keys"), counted(1, "key", "keys")], ["0 keys", "1 key"]);
}
