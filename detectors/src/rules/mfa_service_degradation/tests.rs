//! Each measure of a service above its limit, and the chance or attack that looks like it.

use crate::alert::Alert;
use crate::runtime::RuntimeConfig;
use crate::story::{alerts, check};
use expect_test::expect;

/// Accounts that get in, each from an address of its own.
const GOOD: &str = "10:00:00 203.0.{1..10}.{1..240} -> mfa POST /mfa 200 user=good{1..240} every 3s";
/// The attempt two spans later that ends the wait.
const LATER: &str = "10:30:00 203.0.113.7 -> mfa POST /mfa 200 user=later";

#[test]
fn some_do_not_get_in() {
    check(
        &format!(
            "{GOOD}\n10:05:00 198.51.100.{{1..7}} -> mfa POST /mfa 400 user=bad{{1..7}} every 1m\n{LATER}"
        ),
        expect![[r#"
            10:30:00.000 MFA-15 mfa_service_degradation low POST api.example.com /mfa (totp success): 7 of 247 totp series did not succeed at api.example.com: 2.8 %, surely above 1.4 % (limit 0.5 %)
        "#]],
    );
    // Three of 303 may be chance; and those who get in at the second try got in.
    check(
        &format!(
            "{GOOD}
             10:00:00 198.51.100.{{1..3}} -> mfa POST /mfa 400 user=bad{{1..3}} every 1m
             10:04:00 198.51.101.{{1..60}} -> mfa POST /mfa 400 user=slip{{1..60}}
             10:08:00 198.51.101.{{1..60}} -> mfa POST /mfa 200 user=slip{{1..60}}
             {LATER}"
        ),
        expect![[""]],
    );
}

#[test]
fn an_attack_is_no_fault_of_the_service() {
    // One account under fire from many addresses, and many accounts tried from one.
    let told = alerts(
        &format!(
            "{GOOD}
             10:00:00 198.51.100.{{1..200}} -> mfa POST /mfa 400 user=victim every 2s
             10:00:00 198.51.101.9 -> mfa POST /mfa 400 user=v{{1..200}} every 2s
             {LATER}"
        ),
        RuntimeConfig::default(),
    )
    .unwrap();
    assert!(!told.iter().any(is_health));
}

#[test]
fn late_answers() {
    let story = "10:00:00 203.0.{1..10}.{1..200} -> mfa POST /mfa 200 user=u{1..200} ttfb=3s every 3s
         10:00:01 198.51.100.{1..18} -> mfa POST /mfa 200 user=w{1..18} ttfb=3.1s every 3s";
    check(
        &format!("{story}\n{LATER}"),
        expect![[r#"
            10:30:00.000 MFA-15 mfa_service_degradation low POST api.example.com /mfa (totp latency): 18 of 218 totp attempts were answered late at api.example.com: 8.3 %, surely above 5.3 % (limit 5.0 %)
        "#]],
    );
    check(&format!("{}\n{LATER}", story.replace("..18}", "..17}")), expect![[""]]);
}

#[test]
fn prompts_that_nobody_answers() {
    check(
        "10:00:00 203.0.{1..10}.{1..220} -> challenge POST /push 200 user=u{1..220} factor=push every 3s
         10:00:02 203.0.{1..10}.{1..190} -> mfa GET /push 202 user=u{1..190} factor=push every 3s
         10:00:20 203.0.{1..10}.{1..190} -> mfa GET /push 200 user=u{1..190} factor=push every 3s
         10:30:00 203.0.113.7 -> challenge POST /push 200 user=later factor=push",
        expect![[r#"
            10:30:00.000 MFA-15 mfa_service_degradation low POST api.example.com /push (push answer): 30 of 220 push prompts were not answered at api.example.com: 13.6 %, surely above 9.7 % (limit 5.0 %)
        "#]],
    );
    // Denied is answered.
    check(
        "10:00:00 203.0.{1..10}.{1..220} -> challenge POST /push 200 user=u{1..220} factor=push every 3s
         10:00:20 203.0.{1..10}.{1..220} -> mfa GET /push 403 user=u{1..220} factor=push every 3s
         10:30:00 203.0.113.7 -> challenge POST /push 200 user=later factor=push",
        expect![[""]],
    );
}

#[test]
fn set_ups_that_fail() {
    check(
        "10:00:00 203.0.113.{1..40} -> enrolment POST /totp 200 user=u{1..40} outcome=pending every 3s
         10:00:30 203.0.113.{1..24} -> confirmation POST /totp/confirm 400 user=u{1..24} every 3s
         10:01:30 203.0.113.{1..32} -> confirmation POST /totp/confirm 200 user=u{1..32} every 3s
         10:30:00 203.0.113.250 -> enrolment POST /totp 200 user=later outcome=pending",
        expect![[r#"
            10:30:00.000 MFA-15 mfa_service_degradation low POST api.example.com /totp (totp confirmation): 24 of 56 totp confirming codes were wrong at api.example.com: 42.9 %, surely above 30.8 % (limit 20.0 %)
            10:30:00.000 MFA-15 mfa_service_degradation low POST api.example.com /totp (totp registration): 8 of 40 totp set-ups were not confirmed at api.example.com: 20.0 %, surely above 10.5 % (limit 5.0 %)
        "#]],
    );
    check(
        "10:00:00 203.0.113.{1..40} -> enrolment POST /totp 200 user=u{1..40} outcome=pending every 3s
         10:00:30 203.0.113.{1..8} -> confirmation POST /totp/confirm 400 user=u{1..8} every 3s
         10:01:30 203.0.113.{1..40} -> confirmation POST /totp/confirm 200 user=u{1..40} every 3s
         10:30:00 203.0.113.250 -> enrolment POST /totp 200 user=later outcome=pending",
        expect![[""]],
    );
}

#[test]
fn assertions_that_are_refused() {
    check(
        "10:00:00 203.0.113.{1..24} -> mfa POST /webauthn 400 user=u{1..24} factor=webauthn
         10:05:00 203.0.{1..10}.{1..220} -> mfa POST /webauthn 200 user=u{1..220} factor=webauthn
         10:30:00 203.0.113.7 -> mfa POST /webauthn 200 user=later factor=webauthn",
        expect![[r#"
            10:30:00.000 MFA-15 mfa_service_degradation low POST api.example.com /webauthn (webauthn rejection): 24 of 244 webauthn assertions were refused at api.example.com: 9.8 %, surely above 6.7 % (limit 5.0 %)
        "#]],
    );
}

fn is_health(alert: &Alert) -> bool {
    alert.detector == super::RULE.name
}
