//! Factors changed after what should make one look twice, and changed on a quiet day.

use super::RULE;
use crate::story::{check_rule, tell};
use expect_test::expect;

/// Ten logins of ann on her own device, at home.
const HABIT: &str =
    "08:00:00 203.0.113.7 -> login POST /login 200 user=ann device=abcd country=DE x10 every 1m\n";

fn after_habit(story: &str) -> String {
    format!("{HABIT}{story}")
}

#[test]
fn a_factor_enrolled_from_a_new_device_and_from_the_old_one() {
    check_rule(
        &RULE,
        &after_habit("1d+09:00:00 203.0.113.9 -> confirmation POST /mfa/totp 200 user=ann device=wxyz"),
        expect![[r#"
            09:00:00.000 MFA-13 risky_factor_change high user:ann: confirmation of the factor totp by ann along with a new device
        "#]],
    );
    check_rule(
        &RULE,
        &after_habit("1d+09:00:00 203.0.113.7 -> confirmation POST /mfa/totp 200 user=ann device=abcd"),
        expect![""],
    );
}

#[test]
fn a_day_after_a_new_country_to_the_nanosecond() {
    check_rule(
        &RULE,
        &after_habit(
            "1d+09:00:00 198.51.100.4 -> login POST /login 200 user=ann device=abcd country=BR
             2d+09:00:00 203.0.113.7 -> removal DELETE /mfa/totp 204 user=ann device=abcd country=DE",
        ),
        expect![[r#"
            09:00:00.000 MFA-13 risky_factor_change high user:ann: removal of the factor totp by ann 86400 s after a new country
        "#]],
    );
    check_rule(
        &RULE,
        &after_habit(
            "1d+09:00:00 198.51.100.4 -> login POST /login 200 user=ann device=abcd country=BR
             2d+09:00:00.000000001 203.0.113.7 -> removal DELETE /mfa/totp 204 user=ann device=abcd country=DE",
        ),
        expect![""],
    );
}

#[test]
fn a_tunnels_country_is_not_the_persons() {
    check_rule(
        &RULE,
        &after_habit(
            "1d+09:00:00 198.51.100.4 -> login POST /login 200 user=ann device=abcd country=BR class=vpn
             1d+09:01:00 198.51.100.4 -> reset POST /mfa/reset 200 user=ann device=abcd country=BR class=vpn",
        ),
        expect![""],
    );
}

#[test]
fn after_a_changed_password_or_a_burst_of_wrong_codes() {
    check_rule(
        &RULE,
        &after_habit(
            "09:00:00 203.0.113.7 -> sensitive POST /account/password 200 user=ann session=s labels=password
             09:30:00 203.0.113.7 -> regeneration POST /mfa/codes 200 user=ann factor=backup",
        ),
        expect![[r#"
            09:30:00.000 MFA-13 risky_factor_change high user:ann: regeneration of backup codes by ann 1800 s after a password change
        "#]],
    );
    check_rule(
        &RULE,
        &after_habit(
            "09:00:00 203.0.113.7 -> sensitive POST /account/password 403 user=ann session=s labels=password
             09:10:00 203.0.113.7 -> sensitive POST /account/avatar 200 user=ann session=s
             09:30:00 203.0.113.7 -> regeneration POST /mfa/codes 200 user=ann factor=backup",
        ),
        expect![""],
    );
    check_rule(
        &RULE,
        "09:00:00 203.0.113.7 -> mfa POST /mfa 401 user=bob x3 every 1s
         09:01:00 203.0.113.7 -> mfa POST /mfa 200 user=bob
         09:10:00 203.0.113.7 -> removal DELETE /mfa/sms 204 user=bob factor=sms",
        expect![[r#"
            09:10:00.000 MFA-13 risky_factor_change high user:bob: removal of the factor sms by bob 598 s after a burst of wrong codes
        "#]],
    );
    check_rule(
        &RULE,
        "09:00:00 203.0.113.7 -> mfa POST /mfa 401 user=bob x2 every 1s
         09:01:00 203.0.113.7 -> mfa POST /mfa 200 user=bob
         09:10:00 203.0.113.7 -> removal DELETE /mfa/sms 204 user=bob factor=sms",
        expect![""],
    );
}

#[test]
fn a_new_phone_with_the_old_one_at_hand_is_a_smaller_matter() {
    for (proof, severity) in [
        ("10:00:00 203.0.113.9 -> mfa POST /mfa 200 user=ann device=wxyz factor=totp", "medium"),
        ("10:00:00 203.0.113.9 -> mfa POST /mfa 200 user=ann device=wxyz factor=backup", "high"),
        ("09:59:59.999999999 203.0.113.9 -> mfa POST /mfa 200 user=ann device=wxyz factor=totp", "high"),
    ] {
        let change = "10:10:00 203.0.113.9 -> confirmation POST /mfa/totp 200 user=ann device=wxyz";
        let told = tell(&after_habit(&format!("{proof}\n{change}"))).unwrap();
        assert!(told.contains(&format!("MFA-13 risky_factor_change {severity} ")), "{proof}: {told}");
    }
}

#[test]
fn an_enrolment_is_told_once_and_a_refused_one_never() {
    check_rule(
        &RULE,
        &after_habit(
            "1d+09:00:00 203.0.113.9 -> login POST /login 200 user=ann device=wxyz
             1d+09:01:00 203.0.113.9 -> enrolment POST /mfa/sms 202 user=ann device=wxyz factor=sms
             1d+09:02:00 203.0.113.9 -> enrolment POST /mfa/sms 200 user=ann device=wxyz factor=sms
             1d+09:03:00 203.0.113.9 -> confirmation POST /mfa/sms/confirm 400 user=ann device=wxyz factor=sms
             1d+09:04:00 203.0.113.9 -> confirmation POST /mfa/sms/confirm 200 user=ann device=wxyz factor=sms
             1d+09:30:00 203.0.113.9 -> removal DELETE /mfa/totp 403 user=ann device=wxyz outcome=fail_other
             1d+09:40:00 203.0.113.9 -> confirmation POST /mfa/totp 200 device=wxyz
             1d+09:50:00 203.0.113.9 -> confirmation POST /mfa/totp 200 service=desk device=wxyz",
        ),
        expect![[r#"
            09:02:00.000 MFA-13 risky_factor_change high user:ann: enrolment of the factor sms by ann 120 s after a new device
        "#]],
    );
}

#[test]
fn a_factor_that_nobody_replaced() {
    check_rule(
        &RULE,
        "09:00:00 203.0.113.7 -> removal DELETE /mfa/totp 204 user=ann
         20:59:59.999999999 203.0.113.7 -> login POST /login 200 user=ann
         21:00:00 203.0.113.7 -> login POST /login 200 user=ann x3 every 1h",
        expect![[r#"
            21:00:00.000 MFA-13 risky_factor_change medium user:ann: ann logged in without a second factor 43200 s after one was removed and not replaced
        "#]],
    );
    check_rule(
        &RULE,
        "09:00:00 203.0.113.7 -> removal DELETE /mfa/totp 204 user=ann
         10:00:00 203.0.113.7 -> confirmation POST /mfa/totp 200 user=ann
         22:00:00 203.0.113.7 -> login POST /login 200 user=ann
         09:00:00 203.0.113.8 -> removal DELETE /mfa/totp 204 user=bob
         22:00:00 203.0.113.8 -> login POST /login 200 user=bob has_mfa
         23:00:00 203.0.113.8 -> login POST /login 200 user=bob",
        expect![""],
    );
}

#[test]
fn a_young_acquaintance_lowers_confidence() {
    crate::story::check_confidence(
        "08:00:00 203.0.113.7 -> login POST /login 200 user=ann device=abcd
         09:00:00 203.0.113.7 -> confirmation POST /mfa/totp 200 user=ann device=wxyz",
        expect![[r#"
            MFA-13 low
            DEV-01 low"#]],
    );
}

#[test]
fn a_new_hire_changes_the_password_that_was_given_out_and_enrols() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> login POST /login 200 user=new device=abcd country=DE
         10:01:00 203.0.113.7 -> sensitive POST /password 200 user=new labels=password device=abcd country=DE
         10:01:30 203.0.113.7 -> enrolment POST /mfa/enrol 200 user=new factor=totp device=abcd country=DE
         11:00:00 203.0.113.7 -> mfa POST /mfa 200 user=old factor=totp device=abcd country=DE
         11:01:00 203.0.113.7 -> sensitive POST /password 200 user=old labels=password device=abcd country=DE
         11:12:30 203.0.113.7 -> enrolment POST /mfa/enrol 200 user=old factor=totp device=abcd country=DE",
        expect![[r#"
            10:01:30.000 MFA-13 risky_factor_change low user:new: enrolment of the factor totp by new 30 s after a password change
            11:12:30.000 MFA-13 risky_factor_change high user:old: enrolment of the factor totp by old 690 s after a password change
        "#]],
    );
}
