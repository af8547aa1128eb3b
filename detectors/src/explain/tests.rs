//! Stories of questions: why was there an alert, and why was there none.

use super::*;
use crate::runtime::{Runtime, RuntimeConfig};
use crate::story;
use crate::suppress::Suppression;
use expect_test::{Expect, expect};

fn runtime(subject: &str, rule: Option<&str>, suppress: Vec<Suppression>) -> Runtime {
    let watch = Some(Watched { subject: subject.into(), rule: rule.map(Into::into) });
    Runtime::new(RuntimeConfig { suppress, watch, ..RuntimeConfig::default() }).unwrap()
}

/// Everything that is said about the subject and one rule.
fn explain(mut runtime: Runtime, story: &str) -> String {
    let mut alerts = Vec::new();
    let mut lines = Vec::new();
    for tx in story::transactions(story).unwrap() {
        runtime.observe(&tx, &mut alerts);
        lines.extend(runtime.explained());
    }
    lines.extend(runtime.account());
    lines.join("\n")
}

#[expect(clippy::needless_pass_by_value, reason = "reads best")]
fn check(subject: &str, rule: &str, story: &str, expected: Expect) {
    expected.assert_eq(&explain(runtime(subject, Some(rule), Vec::new()), story));
}

#[test]
fn why_two_wrong_codes_were_no_alert() {
    check(
        "user:alice",
        "mfa_failure_burst",
        "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=alice factor=totp x2 every 60s
         10:00:30 203.0.113.8 -> mfa POST /mfa 401 user=bob x3 every 1s
         10:07:00 203.0.113.7 -> use GET /me 200 user=alice session=s",
        expect![[r#"
            2026-11-21T10:00:00.000000Z POST /mfa 401 user:alice from 203.0.113.7: MFA attempt (totp) fail_code
              MFA-01 mfa_failure_burst
                actors user:alice: 1 in 0 s, events [2026-11-21T10:00:00Z (sample 2026-11-21T10:00:00Z POST /mfa 401, factor totp)]
            2026-11-21T10:01:00.000000Z POST /mfa 401 user:alice from 203.0.113.7: MFA attempt (totp) fail_code
              MFA-01 mfa_failure_burst
                actors user:alice:
                  2 in 60 s
                  events
                    - 2026-11-21T10:00:00Z (sample 2026-11-21T10:00:00Z POST /mfa 401, factor totp)
                    - 2026-11-21T10:01:00Z (sample 2026-11-21T10:01:00Z POST /mfa 401, factor totp)
            user:alice: 3 transactions from 2026-11-21T10:00:00.000000Z to 2026-11-21T10:07:00.000000Z; 1 of them changed nothing in a rule
              MFA-01 mfa_failure_burst (failures = 3, high_failures = 10, privileged_ids = [], window_s = 300)
                findings: none: no threshold was crossed
                actors user:alice:
                  2 in 60 s
                  events
                    - 2026-11-21T10:00:00Z (sample 2026-11-21T10:00:00Z POST /mfa 401, factor totp)
                    - 2026-11-21T10:01:00Z (sample 2026-11-21T10:01:00Z POST /mfa 401, factor totp)"#]],
    );
}

#[test]
fn why_the_third_was_one_and_the_fourth_told_nothing_new() {
    check(
        "user:alice",
        "MFA-01",
        "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=alice x4 every 1s",
        expect![[r#"
            2026-11-21T10:00:00.000000Z POST /mfa 401 user:alice from 203.0.113.7: MFA attempt (totp) fail_code
              MFA-01 mfa_failure_burst
                actors user:alice: 1 in 0 s, events [2026-11-21T10:00:00Z (sample 2026-11-21T10:00:00Z POST /mfa 401, factor totp)]
            2026-11-21T10:00:01.000000Z POST /mfa 401 user:alice from 203.0.113.7: MFA attempt (totp) fail_code
              MFA-01 mfa_failure_burst
                actors user:alice:
                  2 in 1 s
                  events
                    - 2026-11-21T10:00:00Z (sample 2026-11-21T10:00:00Z POST /mfa 401, factor totp)
                    - 2026-11-21T10:00:01Z (sample 2026-11-21T10:00:01Z POST /mfa 401, factor totp)
            2026-11-21T10:00:02.000000Z POST /mfa 401 user:alice from 203.0.113.7: MFA attempt (totp) fail_code
              MFA-01 mfa_failure_burst
                actors user:alice:
                  3 in 2 s
                  events
                    - 2026-11-21T10:00:00Z (sample 2026-11-21T10:00:00Z POST /mfa 401, factor totp)
                    - 2026-11-21T10:00:01Z (sample 2026-11-21T10:00:01Z POST /mfa 401, factor totp)
                    - 2026-11-21T10:00:02Z (sample 2026-11-21T10:00:02Z POST /mfa 401, factor totp)
                finding of medium severity about user:alice: opened an alert
            2026-11-21T10:00:03.000000Z POST /mfa 401 user:alice from 203.0.113.7: MFA attempt (totp) fail_code
              MFA-01 mfa_failure_burst
                actors user:alice:
                  4 in 3 s
                  events
                    - 2026-11-21T10:00:00Z (sample 2026-11-21T10:00:00Z POST /mfa 401, factor totp)
                    - 2026-11-21T10:00:01Z (sample 2026-11-21T10:00:01Z POST /mfa 401, factor totp)
                    - 2026-11-21T10:00:02Z (sample 2026-11-21T10:00:02Z POST /mfa 401, factor totp)
                    - 2026-11-21T10:00:03Z (sample 2026-11-21T10:00:03Z POST /mfa 401, factor totp)
                finding of medium severity about user:alice: not told: nothing new
            user:alice: 4 transactions from 2026-11-21T10:00:00.000000Z to 2026-11-21T10:00:03.000000Z; 0 of them changed nothing in a rule
              MFA-01 mfa_failure_burst (failures = 3, high_failures = 10, privileged_ids = [], window_s = 300)
                findings: 1 opened an alert, 1 not told: nothing new
                actors user:alice:
                  4 in 3 s
                  events
                    - 2026-11-21T10:00:00Z (sample 2026-11-21T10:00:00Z POST /mfa 401, factor totp)
                    - 2026-11-21T10:00:01Z (sample 2026-11-21T10:00:01Z POST /mfa 401, factor totp)
                    - 2026-11-21T10:00:02Z (sample 2026-11-21T10:00:02Z POST /mfa 401, factor totp)
                    - 2026-11-21T10:00:03Z (sample 2026-11-21T10:00:03Z POST /mfa 401, factor totp)"#]],
    );
}

#[test]
fn why_a_load_test_was_silent() {
    let entry = Suppression {
        rule: Some("MFA-01".into()),
        subject: Some("user:load-*".into()),
        until: None,
        reason: "load test".into(),
    };
    let runtime = runtime("user:load-1", Some("mfa_failure_burst"), vec![entry]);
    let said = explain(runtime, "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=load-1 x3 every 1s");
    assert!(said.contains("not told: silenced by entry 1 of [[suppress]]"), "{said}");
}

#[test]
fn of_every_rule_only_those_that_know_it_are_listed() {
    let said = explain(
        runtime("203.0.113.7", None, Vec::new()),
        "10:00:00 203.0.113.7 -> login POST /login 401 user=u{1..3} every 1s
         10:00:01 203.0.113.9 -> login POST /login 401 user=other",
    );
    assert!(said.contains("ABU-01 credential_stuffing"), "{said}");
    assert!(said.contains("know nothing of it and found nothing: mfa_failure_burst"), "{said}");
    assert!(said.contains("203.0.113.7: 3 transactions from"), "{said}");
    assert!(!said.contains("203.0.113.9"), "{said}");
}

#[test]
fn nothing_is_said_of_whom_nobody_saw() {
    let story = "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=alice x3 every 1s";
    assert_eq!(explain(runtime("user:alicia", None, Vec::new()), story), "");
}

#[test]
fn a_rule_that_is_none_is_refused() {
    let watch = Some(Watched { subject: "user:alice".into(), rule: Some("mfa_failure".into()) });
    let refused = Runtime::new(RuntimeConfig { watch, ..RuntimeConfig::default() }).unwrap_err();
    assert_eq!(refused.0, "there is no rule `mfa_failure` to explain");
}

/// Marks of one-time codes and of requests are under keys of this process, and nobody's business.
#[test]
fn no_mark_is_shown() {
    let story =
        "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=alice factor=totp code=987654321 x2 every 15s";
    let said = explain(runtime("user:alice", None, Vec::new()), story);
    assert!(said.contains("one_time_code_replay"), "{said}");
    assert!(!said.contains("987654321"), "{said}");
}
