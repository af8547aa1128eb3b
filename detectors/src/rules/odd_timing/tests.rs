//! Hours that are not an account's, paces that are no person's; and night shifts, travellers and pages that refresh.

use crate::story::{check, check_confidence};
use expect_test::expect;

/// Five days of logins with two factors, between nine and eleven.
const A_WEEK: &str =
    "{0..4}d+09:10:00 198.51.100.4 -> login POST /login 401 user=ann outcome=second_factor every 1ns
     {0..4}d+09:10:05 198.51.100.4 -> mfa POST /mfa 200 user=ann every 1ns
     {0..4}d+11:20:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 every 1ns";

#[test]
fn a_login_at_night_after_a_week_of_mornings() {
    check(
        &format!(
            "{A_WEEK}
             5d+03:12:00 198.51.100.4 -> login POST /login 401 user=ann outcome=second_factor
             5d+03:12:07 198.51.100.4 -> mfa POST /mfa 200 user=ann
             6d+03:12:06 198.51.100.4 -> mfa POST /mfa 200 user=ann
             6d+21:12:06 198.51.100.4 -> mfa POST /mfa 200 user=ann"
        ),
        expect![[r#"
            03:12:07.000 TIM-01 odd_timing low user:ann: ann logged in at 03 h UTC, 6 h from the nearest of its hours (09, 11; limit 4 h)
            21:12:06.000 TIM-01 odd_timing low user:ann: ann logged in at 21 h UTC, 6 h from the nearest of its hours (03, 09, 11; limit 4 h)
        "#]],
    );
}

#[test]
fn three_hours_early_is_no_news_and_four_are() {
    check(&format!("{A_WEEK}\n5d+06:00:00 198.51.100.4 -> mfa POST /mfa 200 user=ann"), expect![""]);
    check(
        &format!("{A_WEEK}\n5d+05:59:59 198.51.100.4 -> mfa POST /mfa 200 user=ann"),
        expect![[r#"
        05:59:59.000 TIM-01 odd_timing low user:ann: ann logged in at 05 h UTC, 4 h from the nearest of its hours (09, 11; limit 4 h)
    "#]],
    );
    check(
        &format!("{A_WEEK}\n5d+15:00:00 198.51.100.4 -> mfa POST /mfa 200 user=ann"),
        expect![[r#"
        15:00:00.000 TIM-01 odd_timing low user:ann: ann logged in at 15 h UTC, 4 h from the nearest of its hours (09, 11; limit 4 h)
    "#]],
    );
    check(&format!("{A_WEEK}\n5d+14:59:59 198.51.100.4 -> mfa POST /mfa 200 user=ann"), expect![""]);
    // Use of a session at night may be the phone alone, and is learned.
    check(
        &format!(
            "{A_WEEK}
             5d+02:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1
             5d+03:00:00 198.51.100.4 -> mfa POST /mfa 200 user=ann"
        ),
        expect![""],
    );
}

#[test]
fn four_days_or_nine_steps_are_no_habit() {
    check(
        "{0..3}d+09:10:00 198.51.100.4 -> login POST /login 200 user=ann every 1ns
         {0..3}d+09:20:00 198.51.100.4 -> login POST /login 200 user=ann every 1ns
         {0..3}d+09:40:00 198.51.100.4 -> login POST /login 200 user=ann every 1ns
         5d+03:00:00 198.51.100.4 -> login POST /login 200 user=ann",
        expect![""],
    );
    check(
        "{0..8}d+09:10:00 198.51.100.4 -> login POST /login 200 user=ann every 1h
         9d+23:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1",
        expect![""],
    );
    check(
        "{0..4}d+09:10:00 198.51.100.4 -> login POST /login 200 user=ann every 1ns
         {0..3}d+09:20:00 198.51.100.4 -> login POST /login 200 user=ann every 1ns
         5d+03:00:00 198.51.100.4 -> login POST /login 200 user=ann",
        expect![""],
    );
    check(
        "{0..4}d+09:10:00 198.51.100.4 -> login POST /login 200 user=ann every 1ns
         {0..4}d+09:20:00 198.51.100.4 -> login POST /login 200 user=ann every 1ns
         5d+03:00:00 198.51.100.4 -> login POST /login 200 user=ann",
        expect![[r#"
            03:00:00.000 TIM-01 odd_timing low user:ann: ann logged in at 03 h UTC, 6 h from the nearest of its hours (09; limit 4 h)
        "#]],
    );
}

#[test]
fn the_travellers_clock_is_another_one() {
    let home = A_WEEK.replace("user=ann", "user=ann country=DE");
    check_confidence(
        &format!("{home}\n5d+03:00:00 198.51.100.4 -> mfa POST /mfa 200 user=ann country=DE"),
        expect!["TIM-01 low"],
    );
    check(
        &format!(
            "{home}
             5d+03:00:00 203.0.113.7 -> mfa POST /mfa 200 user=ann country=JP
             5d+03:30:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 country=JP
             6d+03:00:00 198.51.100.9 -> mfa POST /mfa 200 user=ann country=DE"
        ),
        expect![[r#"
            03:00:00.000 GEO-01 new_country low user:ann: ann active in JP from 203.0.113.7, with a second factor; seen before in DE
            03:00:00.000 TIM-01 odd_timing low user:ann: ann logged in at 03 h UTC, 6 h from the nearest of its hours (09, 11; limit 4 h)
        "#]],
    );
    // A tunnel's country is nobody's.
    check(
        &format!("{home}\n5d+03:00:00 203.0.113.7 -> mfa POST /mfa 200 user=ann country=JP class=vpn"),
        expect![[r#"
            03:00:00.000 GEO-01 new_country info user:ann: ann active in JP from 203.0.113.7 (vpn), with a second factor; seen before in DE
            03:00:00.000 TIM-01 odd_timing low user:ann: ann logged in at 03 h UTC, 6 h from the nearest of its hours (09, 11; limit 4 h)
        "#]],
    );
}

/// Seven hours on each of 29 days from a Saturday on; 203 hours.
const A_MONTH: &str = "{0..28}d+09:10:00 198.51.100.4 -> login POST /login 200 user=ann every 1ns
     {0..28}d+10:10:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 every 1ns
     {0..28}d+11:10:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 every 1ns
     {0..28}d+12:10:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 every 1ns
     {0..28}d+13:10:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 every 1ns
     {0..28}d+14:10:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 every 1ns";

#[test]
fn a_part_of_the_week_that_was_never_used() {
    // 174 hours so far: the month's shares cannot be told, the hours of the day can.
    check(
        &format!("{A_MONTH}\n29d+18:00:00 198.51.100.4 -> login POST /login 200 user=ann"),
        expect![[r#"
        18:00:00.000 TIM-01 odd_timing low user:ann: ann logged in at 18 h UTC, 4 h from the nearest of its hours (09-14; limit 4 h)
    "#]],
    );
    let month = format!(
        "{A_MONTH}\n{{2..27}}d+15:10:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 every 1ns"
    );
    check(
        &format!("{month}\n29d+21:00:00 198.51.100.4 -> login POST /login 200 user=ann"),
        expect![[r#"
        21:00:00.000 TIM-01 odd_timing low user:ann: ann logged in on a Sunday at 21 h UTC, where less than 5 in 1000 of its 200 hours are
    "#]],
    );
    check(&format!("{month}\n29d+20:59:59 198.51.100.4 -> login POST /login 200 user=ann"), expect![[""]]);
    check_confidence(
        &format!("{month}\n29d+21:00:00 198.51.100.4 -> login POST /login 200 user=ann"),
        expect!["TIM-01 high"],
    );
}

#[test]
fn logins_by_the_clock() {
    check(
        "10:00:00 198.51.100.4 -> login POST /login 200 user=ann x10 every 60s
         11:00:00 198.51.100.4 -> login POST /login 200 user=bob x9 every 60s",
        expect![[r#"
            10:09:00.000 TIM-01 odd_timing low user:ann: ann: 10 logins, one every 60.0 s, varying by 0.0 % (a machine's vary by less than 5 %)
        "#]],
    );
    // As many by hand, and by a service.
    check(
        "10:00:00 198.51.100.4 -> login POST /login 200 user=ann x6 every 130s
         10:00:50 198.51.100.4 -> login POST /login 200 user=ann x6 every 130s
         10:00:00 198.51.100.4 -> login POST /login 200 service=job x10 every 60s
         10:00:00 198.51.100.4 -> login POST /login 401 user=cid x9 every 60s",
        expect![[""]],
    );
}

#[test]
fn a_variation_of_five_per_cent_is_no_machines() {
    // Nine gaps: five of 100 s, two of 107.5 s, two of 92.5 s.
    let exactly_five = "10:00:00 198.51.100.4 -> login POST /login 200 user=ann x6 every 100s
         10:10:07.5 198.51.100.4 -> login POST /login 200 user=ann
         10:11:55 198.51.100.4 -> login POST /login 200 user=ann
         10:13:27.5 198.51.100.4 -> login POST /login 200 user=ann
         10:15:00 198.51.100.4 -> login POST /login 200 user=ann";
    check(exactly_five, expect![""]);
    check(
        &exactly_five.replace("10:15:00 ", "10:15:00.000001 "),
        expect![[r#"
        10:15:00.000 TIM-01 odd_timing low user:ann: ann: 10 logins, one every 100.0 s, varying by 5.0 % (a machine's vary by less than 5 %)
    "#]],
    );
}

#[test]
fn every_hour_is_a_pace_and_less_often_a_habit() {
    check(
        "00:00:00 198.51.100.4 -> login POST /login 200 user=ann x10 every 1h",
        expect![[r#"
        09:00:00.000 TIM-01 odd_timing low user:ann: ann: 10 logins, one every 3600.0 s, varying by 0.0 % (a machine's vary by less than 5 %)
    "#]],
    );
    check("00:00:00 198.51.100.4 -> login POST /login 200 user=ann x20 every 3600.000000001s", expect![""]);
}

#[test]
fn requests_by_the_clock() {
    check(
        "10:00:00 198.51.100.4 -> use GET /orders/{1..30} 200 user=ann session=s1 every 7s
         11:00:00 198.51.100.4 -> use GET /orders/{1..29} 200 user=bob session=s2 every 7s",
        expect![[r#"
            10:03:23.000 TIM-01 odd_timing low user:ann: ann: 30 requests, one every 7.0 s, varying by 0.0 % (a machine's vary by less than 5 %)
        "#]],
    );
    // A page that refreshes itself, and one that polls two things by turns more often than not one.
    check(
        "10:00:00 198.51.100.4 -> use GET /news 200 user=ann session=s1 x200 every 7s
         10:00:00 198.51.100.4 -> use GET /orders/{1..40} 200 user=bob key=k1 every 7s
         10:00:00 198.51.100.4 -> use GET /orders/{1..40} 401 user=cid session=s2 every 7s",
        expect![""],
    );
}

#[test]
fn a_machine_takes_over_from_a_person() {
    check(
        "09:00:00 198.51.100.4 -> use GET /orders/{1..5} 200 user=ann session=s1 every 61s
         09:06:00 198.51.100.4 -> use GET /orders/{1..20} 200 user=ann session=s1 every 11s
         10:00:00 198.51.100.4 -> use GET /orders/{1..30} 200 user=ann session=s1 every 7s",
        expect![[r#"
            10:03:23.000 TIM-01 odd_timing low user:ann: ann: 30 requests, one every 7.0 s, varying by 0.0 % (a machine's vary by less than 5 %)
        "#]],
    );
}
