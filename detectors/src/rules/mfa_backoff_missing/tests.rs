//! Codes judged sooner than they should be, and servers that make their senders wait.

use super::RULE;
use crate::alert::Confidence;
use crate::story::check_rule;
use expect_test::expect;

#[test]
fn the_fifth_series_without_a_wait() {
    check_rule(&RULE, "10:00:00 203.0.113.{1..4} -> mfa POST /mfa 401 user=u{1..4} x4 every 1s", expect![""]);
    check_rule(
        &RULE,
        "10:00:00 203.0.113.{1..5} -> mfa POST /mfa 401 user=u{1..5} x4 every 1s",
        expect![[r#"
            10:00:19.000 MFA-06 mfa_backoff_missing medium POST api.example.com /mfa: 5 series of wrong MFA codes on POST /mfa without back-off: the next code judged 5 s after wrong code 3 (30 s wanted)
        "#]],
    );
}

#[test]
fn each_wait_less_its_tolerance_to_the_nanosecond() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.{1..5} -> mfa POST /mfa 401 user=u{1..5} every 1ns
         10:00:01 203.0.113.{1..5} -> mfa POST /mfa 401 user=u{1..5} every 1ns
         10:00:02 203.0.113.{1..5} -> mfa POST /mfa 401 user=u{1..5} every 1ns
         10:00:26 203.0.113.{1..5} -> mfa POST /mfa 401 user=u{1..5} every 1ns
         10:01:14 203.0.113.{1..5} -> mfa POST /mfa 401 user=u{1..5} every 1ns
         10:02:50 203.0.113.{1..5} -> mfa POST /mfa 401 user=u{1..5} every 1ns
         10:06:50 203.0.113.{1..5} -> mfa POST /mfa 401 user=u{1..5} every 1ns
         10:10:50 203.0.113.{1..5} -> mfa POST /mfa 401 user=u{1..5} every 1ns",
        expect![""],
    );
    for fourth_to_seventh in [
        ["10:00:25.999999999", "10:02:00", "10:05:00", "10:10:00"],
        ["10:00:26", "10:01:13.999999999", "10:05:00", "10:10:00"],
        ["10:00:26", "10:02:00", "10:03:35.999999999", "10:10:00"],
        ["10:00:26", "10:02:00", "10:05:00", "10:08:59.999999999"],
    ] {
        let story: String = ["10:00:00", "10:00:01", "10:00:02"]
            .iter()
            .chain(&fourth_to_seventh)
            .map(|time| format!("{time} 203.0.113.1 -> mfa POST /mfa 401 user=u{{1..5}} every 1ns\n"))
            .collect();
        let told = crate::story::tell(&story).unwrap();
        assert_eq!(told.matches(RULE.id).count(), 1, "{story}");
    }
}

#[test]
fn whoever_is_made_to_wait_by_a_lock_is_not_held_against_the_server() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.{1..9} -> mfa POST /mfa 401 user=u{1..9} x3 every 1s
         10:01:00 203.0.113.{1..9} -> mfa POST /mfa 429 user=u{1..9} every 1s
         10:01:30 203.0.113.{1..9} -> mfa POST /mfa 401 user=u{1..9} x3 every 1s",
        expect![""],
    );
    check_rule(
        &RULE,
        "10:00:00 203.0.113.{1..4} -> mfa POST /mfa 401 user=u{1..4} x5 every 1s
         10:01:00 203.0.113.{1..4} -> mfa POST /mfa 423 user=u{1..4} every 1s
         10:02:00 203.0.113.{1..4} -> mfa POST /mfa 401 user=v{1..4} x5 every 1s",
        expect![""],
    );
}

#[test]
fn a_code_accepted_too_soon_is_proof() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.{1..5} -> mfa POST /mfa 401 user=u{1..5} x3 every 1s
         10:00:20 203.0.113.{1..5} -> mfa POST /mfa 200 user=u{1..5} every 1s",
        expect![[r#"
            10:00:24.000 MFA-06 mfa_backoff_missing medium POST api.example.com /mfa: 5 series of wrong MFA codes on POST /mfa without back-off: the next code judged 10 s after wrong code 3 (30 s wanted)
        "#]],
    );
    let confidence = |last: &str| {
        let story = format!(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=u{{1..5}} x3 every 1s
             10:00:20 203.0.113.7 -> mfa POST /mfa {last} user=u{{1..5}} every 1s"
        );
        let told = crate::story::alerts(&story, crate::runtime::RuntimeConfig::default()).unwrap();
        told.iter().find(|alert| alert.rule == RULE.id).map(|alert| alert.confidence)
    };
    assert_eq!(confidence("401"), Some(Confidence::Medium));
    assert_eq!(confidence("200"), Some(Confidence::High));
}

#[test]
fn what_was_sent_before_the_answer_is_not_measured() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.{1..9} -> mfa POST /mfa 401 user=u{1..9} x6 every 50ms took=500ms",
        expect![""],
    );
}

#[test]
fn two_wrong_codes_then_the_right_one_and_later_again() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.{1..9} -> mfa POST /mfa 401 user=u{1..9} x2 every 1s
         10:00:30 203.0.113.{1..9} -> mfa POST /mfa 200 user=u{1..9} every 1s
         10:01:00 203.0.113.{1..9} -> mfa POST /mfa 401 user=u{1..9} x3 every 1s
         10:02:00 203.0.113.{1..9} -> mfa POST /mfa - user=u{1..9} every 1s
         10:03:00 203.0.113.{1..9} -> mfa POST /mfa 401 user=u{1..9} x3 every 1s",
        expect![""],
    );
}

#[test]
fn it_is_told_again_after_a_day() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.{1..5} -> mfa POST /mfa 401 user=u{1..5} x4 every 1s
         22:00:00 203.0.113.{1..9} -> mfa POST /mfa 401 user=v{1..9} x4 every 1s
         1d+10:00:00 203.0.113.{1..5} -> mfa POST /mfa 401 user=w{1..5} x4 every 1s
         1d+11:00:00 203.0.113.{1..5} -> mfa POST /mfa 401 user=x{1..5} x4 every 1s",
        expect![[r#"
            10:00:19.000 MFA-06 mfa_backoff_missing medium POST api.example.com /mfa: 5 series of wrong MFA codes on POST /mfa without back-off: the next code judged 5 s after wrong code 3 (30 s wanted)
            11:00:15.000 MFA-06 mfa_backoff_missing medium POST api.example.com /mfa: 15 series of wrong MFA codes on POST /mfa without back-off: the next code judged 5 s after wrong code 3 (30 s wanted)
        "#]],
    );
}
