//! Servers without a lock, with a late one, and with one for addresses only; and the locks that work.

use super::RULE;
use crate::story::{check_confidence, check_rule};
use expect_test::expect;

#[test]
fn a_fourth_wrong_code_of_a_second_account() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=ann x4 every 20s
         11:00:00 203.0.113.8 -> mfa POST /mfa/verify 401 user=bob x4 every 20s",
        expect![[r#"
            11:01:00.000 MFA-05 mfa_lockout_missing high POST api.example.com /mfa/verify: 2 MFA codes of 2 accounts judged on POST /mfa/verify after 3 wrong ones in 300 s: no lock came
        "#]],
    );
}

#[test]
fn one_account_alone_may_be_an_exception_until_ten_extra_attempts() {
    check_rule(&RULE, "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=ann x12 every 1s", expect![""]);
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=ann x13 every 1s",
        expect![[r#"
            10:00:12.000 MFA-05 mfa_lockout_missing high POST api.example.com /mfa/verify: 10 MFA codes of 1 account judged on POST /mfa/verify after 3 wrong ones in 300 s: no lock came
        "#]],
    );
}

#[test]
fn the_locks_window_closes_to_the_nanosecond() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..2} x3 every 1s
         10:05:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..2} every 1s",
        expect![[r#"
            10:05:01.000 MFA-05 mfa_lockout_missing high POST api.example.com /mfa/verify: 2 MFA codes of 2 accounts judged on POST /mfa/verify after 3 wrong ones in 300 s: no lock came
        "#]],
    );
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..2} x3 every 1s
         10:05:00.000000001 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..2} every 1s",
        expect![""],
    );
}

#[test]
fn three_codes_in_any_five_minutes_are_as_the_lock_lets_them_through() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u1 x100 every 101s
         10:00:50 203.0.113.7 -> mfa POST /mfa/verify 401 user=u2 x100 every 101s",
        expect![""],
    );
}

#[test]
fn evidence_of_a_day_counts_to_the_nanosecond() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=ann x4 every 1s
         1d+10:00:00 203.0.113.8 -> mfa POST /mfa/verify 401 user=bob x4 every 1s",
        expect![[r#"
            10:00:03.000 MFA-05 mfa_lockout_missing high POST api.example.com /mfa/verify: 2 MFA codes of 2 accounts judged on POST /mfa/verify after 3 wrong ones in 300 s: no lock came
        "#]],
    );
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=ann x4 every 1s
         1d+10:00:00.000000001 203.0.113.8 -> mfa POST /mfa/verify 401 user=bob x4 every 1s",
        expect![""],
    );
}

#[test]
fn a_server_that_locks_or_slows_down_is_left_alone() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..9} x3 every 1s
         10:00:30 203.0.113.7 -> mfa POST /mfa/verify 423 user=u{1..9} x10 every 1s
         10:10:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=v{1..9} x3 every 1s
         10:10:30 203.0.113.7 -> mfa POST /mfa/verify 429 user=v{1..9} x10 every 1s",
        expect![""],
    );
}

#[test]
fn a_lock_that_ran_out_lets_three_more_through() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..4} x3 every 1s
         10:00:20 203.0.113.7 -> mfa POST /mfa/verify 423 user=u{1..4} every 1s
         10:01:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..4} x3 every 1s",
        expect![""],
    );
}

#[test]
fn a_lock_of_the_address_and_not_of_the_account() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..2} x3 every 1s
         10:00:20 203.0.113.7 -> mfa POST /mfa/verify 429 user=u{1..2} every 1s
         10:00:30 198.51.100.4 -> mfa POST /mfa/verify 401 user=u{1..2} every 1s",
        expect![[r#"
            10:00:31.000 MFA-05 mfa_lockout_missing high POST api.example.com /mfa/verify: 2 MFA codes of 2 accounts judged on POST /mfa/verify after 3 wrong ones in 300 s: a lock held for one address only
        "#]],
    );
}

#[test]
fn a_lock_that_comes_late_is_a_smaller_matter() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=ann x5 every 1s
         10:00:10 203.0.113.7 -> mfa POST /mfa/verify 423 user=ann
         10:20:00 203.0.113.8 -> mfa POST /mfa/verify 401 user=bob x4 every 1s",
        expect![[r#"
            10:20:03.000 MFA-05 mfa_lockout_missing medium POST api.example.com /mfa/verify: 3 MFA codes of 2 accounts judged on POST /mfa/verify after 3 wrong ones in 300 s: a lock came only after 5
        "#]],
    );
}

#[test]
fn an_accepted_code_is_proof_and_told_within_the_day() {
    let story = "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..2} x4 every 1s
         12:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u3 x5 every 1s
         12:00:05 203.0.113.7 -> mfa POST /mfa/verify 200 user=u3
         13:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{4..9} x4 every 1s";
    check_rule(
        &RULE,
        story,
        expect![[r#"
            10:00:07.000 MFA-05 mfa_lockout_missing high POST api.example.com /mfa/verify: 2 MFA codes of 2 accounts judged on POST /mfa/verify after 3 wrong ones in 300 s: no lock came
            12:00:05.000 MFA-05 mfa_lockout_missing critical (update) POST api.example.com /mfa/verify: 5 MFA codes of 3 accounts judged on POST /mfa/verify after 3 wrong ones in 300 s: no lock came, and a right code was accepted
        "#]],
    );
    check_confidence(
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..2} x4 every 151ms",
        expect![[r#"
            MFA-01 high
            MFA-01 high
            MFA-05 medium"#]],
    );
    check_confidence(
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..2} x4 every 1s
         10:00:10 203.0.113.7 -> mfa POST /mfa/verify 200 user=u2",
        expect![[r#"
            MFA-01 high
            MFA-01 high
            MFA-05 medium
            MFA-04 high
            MFA-05 high"#]],
    );
}

#[test]
fn a_right_code_ends_the_count_and_what_was_not_seen_does_so_after_a_while() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..5} x2 every 1s
         10:00:20 203.0.113.7 -> mfa POST /mfa/verify 200 user=u{1..5} every 1s
         10:00:30 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..5} x2 every 1s
         10:00:50 203.0.113.7 -> mfa POST /mfa/verify 200 user=u{1..5} every 1s",
        expect![""],
    );
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..5} x3 every 1s
         10:00:20 203.0.113.7 -> mfa POST /mfa/verify - user=u{1..5} every 1s
         10:01:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..5} x3 every 1s
         10:01:20 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..5} code=7 gap every 1s
         10:02:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..5} x3 every 1s",
        expect![""],
    );
}

#[test]
fn faults_other_proofs_programs_and_strangers_do_not_count() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 503 user=u{1..2} x20 every 1s
         10:01:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..2} outcome=fail_other x20 every 1s
         10:02:00 203.0.113.7 -> mfa POST /mfa/push 401 user=u{1..2} factor=push x20 every 1s
         10:03:00 203.0.113.7 -> mfa POST /mfa/key 401 user=u{1..2} factor=webauthn x20 every 1s
         10:04:00 203.0.113.7 -> mfa POST /mfa/verify 401 service=checker x20 every 1s
         10:05:00 203.0.113.7 -> mfa POST /mfa/verify 401 x20 every 1s
         10:06:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..2} repeat x20 every 1s",
        expect![""],
    );
}

#[test]
fn a_request_repeated_word_for_word_is_one_attempt() {
    crate::story::check_in_one_run(
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=ann mark=1 x2 every 1s
         10:00:05 203.0.113.7 -> mfa POST /mfa/verify 401 user=ann mark=2 x2 every 10s
         10:00:30 203.0.113.8 -> mfa POST /mfa/verify 401 user=bob mark=3 x2 every 10s
         10:00:50 203.0.113.8 -> mfa POST /mfa/verify 401 user=bob mark=4 x2 every 10s",
        expect![[r#"
            10:00:05.000 MFA-01 mfa_failure_burst medium user:ann: 3 wrong MFA codes in 5 s for ann on POST /mfa/verify (limit 3 in 300 s)
            10:00:50.000 MFA-01 mfa_failure_burst medium user:bob: 3 wrong MFA codes in 20 s for bob on POST /mfa/verify (limit 3 in 300 s)
        "#]],
    );
}

#[test]
fn it_is_told_again_after_a_day() {
    check_rule(
        &RULE,
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..2} x4 every 1s
         22:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=u{1..2} x4 every 1s
         1d+10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=ann x3 every 1s
         1d+10:00:07 203.0.113.7 -> mfa POST /mfa/verify 401 user=ann x3 every 1ns",
        expect![[r#"
            10:00:07.000 MFA-05 mfa_lockout_missing high POST api.example.com /mfa/verify: 2 MFA codes of 2 accounts judged on POST /mfa/verify after 3 wrong ones in 300 s: no lock came
            10:00:07.000 MFA-05 mfa_lockout_missing high POST api.example.com /mfa/verify: 4 MFA codes of 3 accounts judged on POST /mfa/verify after 3 wrong ones in 300 s: no lock came
        "#]],
    );
}

#[test]
fn the_facts_give_the_schedule_and_the_odds() {
    let told = crate::story::alerts(
        "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=ann x21 every 1s",
        crate::runtime::RuntimeConfig::default(),
    );
    let alert = told.unwrap().into_iter().find(|alert| alert.rule == RULE.id).unwrap();
    let facts: Vec<String> = alert.facts.iter().map(|(name, fact)| format!("{name}: {fact:?}\n")).collect();
    expect![[r#"
        extra_attempts: Count(10)
        accounts: Count(1)
        examples: List(["ann"])
        accepted: Flag(false)
        past_address_lock: Flag(false)
        most_judged: Count(13)
        attempts_per_min: Number(60.0)
        guess_odds_pct: Number(0.0039)
        even_odds_after_h: Number(64.2)
    "#]]
    .assert_eq(&facts.concat());
}

#[test]
fn a_factor_taken_away_with_a_code_and_without() {
    let wrong = "-> removal POST /mfa/disable 400 outcome=fail_code x3 every 5s";
    let story = |right: &str| {
        format!(
            "10:00:00 203.0.113.7 {wrong} user=ann
             10:00:30 203.0.113.7 -> removal POST /mfa/disable 200 user=ann outcome=success {right}
             11:00:00 203.0.113.8 {wrong} user=bob
             11:00:30 203.0.113.8 -> removal POST /mfa/disable 200 user=bob outcome=success {right}"
        )
    };
    check_rule(
        &RULE,
        &story("code=4"),
        expect![[r#"
        11:00:30.000 MFA-05 mfa_lockout_missing critical POST api.example.com /mfa/disable: 2 MFA codes of 2 accounts judged on POST /mfa/disable after 3 wrong ones in 300 s: no lock came, and a right code was accepted
    "#]],
    );
    check_rule(&RULE, &story(""), expect![""]);
}

#[test]
fn answers_that_were_not_seen_hide_a_lock_only_if_there_was_time_for_one() {
    let story = |pause: &str| {
        format!(
            "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=ann x3 every 1s
             10:00:03 203.0.113.7 -> mfa POST /mfa/verify - user=ann
             10:00:03+{pause} 203.0.113.7 -> mfa POST /mfa/verify 401 user=ann
             11:00:00 203.0.113.8 -> mfa POST /mfa/verify 401 user=bob x4 every 1s"
        )
    };
    check_rule(
        &RULE,
        &story("29999999999ns"),
        expect![[r#"
        11:00:03.000 MFA-05 mfa_lockout_missing high POST api.example.com /mfa/verify: 2 MFA codes of 2 accounts judged on POST /mfa/verify after 3 wrong ones in 300 s: no lock came
    "#]],
    );
    check_rule(&RULE, &story("30s"), expect![""]);
}
