//! The story language itself: what each word makes of a transaction.

use super::*;
use crate::identity::ProofLevel;
use crate::transaction::LoginOutcome;

#[test]
fn numbers_and_repetitions_are_counted_through() {
    let told = transactions("10:00:00 203.0.113.{1..2} -> login POST /login 401 user=u{1..4} x2 every 0.5s")
        .unwrap();
    let names: Vec<String> =
        told.iter().map(|tx| format!("{} {} {}", tx.client.ip, tx.principal.id, tx.end)).collect();
    assert_eq!(names.len(), 8);
    assert_eq!(names[1], "203.0.113.2 u2 2026-11-21T10:00:00.500000Z");
    assert_eq!(names[6], "203.0.113.1 u3 2026-11-21T10:00:03.000000Z");
}

#[test]
fn a_list_is_gone_through_as_long_as_there_are_transactions() {
    let told = transactions("10:00:00 10.0.0.9 -> use GET /{a,b} 200 user=u{1..3}").unwrap();
    let paths: Vec<&str> = told.iter().map(|tx| &*tx.request.as_ref().unwrap().path).collect();
    assert_eq!(paths, ["/a", "/b", "/a"]);
}

#[test]
fn outcomes_follow_the_status_unless_said_otherwise() {
    let outcome = |words: &str| transactions(words).unwrap().remove(0).login.unwrap().outcome;
    assert_eq!(outcome("10:00:00 10.0.0.9 -> login POST /login 429 user=a"), LoginOutcome::Throttled);
    let second = "10:00:00 10.0.0.9 -> login POST /login 401 user=a outcome=second_factor";
    assert_eq!(outcome(second), LoginOutcome::SecondFactor);
}

#[test]
fn a_later_day_and_a_proof() {
    let tx =
        transactions("2d+09:00:00.25 10.0.0.9 -> use GET / 200 user=a session=s mfa=5m").unwrap().remove(0);
    assert_eq!(tx.end.to_string(), "2026-11-23T09:00:00.250000Z");
    assert_eq!(tx.proof.mfa_at.unwrap().to_string(), "2026-11-23T08:55:00.250000Z");
    assert_eq!((tx.proof.level, tx.client.external), (ProofLevel::Mfa, false));
}

#[test]
fn durations_are_added_to_a_time() {
    let moment = |time: &str| transactions(&format!("{time} 10.0.0.9 -> use GET / 200")).unwrap()[0].end;
    assert_eq!(moment("10:00:00+300s+1ns"), moment("10:05:00.000000001"));
    assert_eq!(moment("10:00:00+1d"), moment("1d+10:00:00"));
}

#[test]
fn what_it_does_not_know_is_refused() {
    for (story, complaint) in [
        ("10:00:00 203.0.113.7 -> use GET / 200 usr=a", "`usr` is no word"),
        ("10:00:00 203.0.113.7 -> use GET / 200 loud", "`loud` is no word"),
        ("10:00:00 203.0.113.7 -> dance GET / 200", "`dance` is no kind"),
        ("10:00:00 203.0.113.7 -> use GET / 2oo", "`2oo` is no status"),
        ("10:00:00 203.0.113.7 -> use GET /", "a line is TIME CLIENT -> KIND METHOD PATH STATUS words"),
        ("10:00 203.0.113.7 -> use GET / 200", "`10:00` is no time of day"),
        ("10:00:00 203.0.113.7 -> use GET / 200 every soon", "`soon` is no duration"),
        ("10:00:00 203.0.113.7 -> use GET / 200 user=u{2..1}", "`user=u{2..1}` has no range such as {1..3}"),
    ] {
        assert_eq!(transactions(story).unwrap_err(), format!("{complaint}, in: {story}"));
    }
}
