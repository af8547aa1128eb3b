//! Clocks that are surely off, that only may be, and several behind one address.

use crate::runtime::RuntimeConfig;
use crate::story::{alerts, check};
use expect_test::expect;

#[test]
fn a_clock_that_is_off_is_told_by_its_address() {
    check(
        "10:00:00.5 203.0.113.{1..9} -> use GET /health 200 clock=40s x4 every 1s",
        expect![[r#"
        10:00:29.500 MFA-16 server_clock_drift medium 10.0.0.5:443: the clock of 10.0.0.5:443 is 39.5 to 40.5 s ahead of the capture's, by 30 exchanges in 29 s
    "#]],
    );
    check(
        "10:00:00.5 203.0.113.{1..9} -> use GET /health 200 clock=-100s x4 every 1s",
        expect![[r#"
        10:00:29.500 MFA-16 server_clock_drift high 10.0.0.5:443: the clock of 10.0.0.5:443 is 99.5 to 100.5 s behind the capture's, by 30 exchanges in 29 s
    "#]],
    );
}

#[test]
fn a_clock_that_is_right_slow_answers_and_answers_of_caches() {
    check(
        "10:00:00.5 203.0.113.{1..9} -> use GET /health 200 clock=1s x10 every 1s
         11:00:00 203.0.113.1 -> use GET /events 200 clock=0s took=55s x40 every 1s
         12:00:00 203.0.113.1 -> use GET /health 200 x40 every 1s",
        expect![""],
    );
}

#[test]
fn thirty_exchanges_in_five_minutes_to_the_nanosecond() {
    check("10:00:00 203.0.113.1 -> use GET /health 200 clock=40s x29 every 1s", expect![""]);
    check(
        "10:00:00 203.0.113.1 -> use GET /health 200 clock=40s x29 every 1s
         10:05:00 203.0.113.1 -> use GET /health 200 clock=40s",
        expect![[r#"
            10:05:00.000 MFA-16 server_clock_drift medium 10.0.0.5:443: the clock of 10.0.0.5:443 is 40.0 to 41.0 s ahead of the capture's, by 30 exchanges in 300 s
        "#]],
    );
    check(
        "10:00:00 203.0.113.1 -> use GET /health 200 clock=40s x29 every 1s
         10:05:00.000000001 203.0.113.1 -> use GET /health 200 clock=40s",
        expect![""],
    );
}

#[test]
fn each_limit_is_met_by_the_whole_span() {
    check(
        "10:00:00 203.0.113.1 -> use GET /health 200 clock=14.999999999s x30 every 1s
         11:00:00 203.0.113.1 -> use GET /health 200 clock=15s x30 every 1s
         12:00:00 203.0.113.1 -> use GET /health 200 clock=29.999999999s x30 every 1s
         13:00:00 203.0.113.1 -> use GET /health 200 clock=30s x30 every 1s
         14:00:00 203.0.113.1 -> use GET /health 200 clock=89.999999999s x30 every 1s
         15:00:00 203.0.113.1 -> use GET /health 200 clock=90s x30 every 1s",
        expect![[r#"
            11:00:29.000 MFA-16 server_clock_drift low 10.0.0.5:443: the clock of 10.0.0.5:443 is 15.0 to 16.0 s ahead of the capture's, by 30 exchanges in 29 s
            13:00:29.000 MFA-16 server_clock_drift medium 10.0.0.5:443: the clock of 10.0.0.5:443 is 30.0 to 31.0 s ahead of the capture's, by 30 exchanges in 29 s
            15:00:29.000 MFA-16 server_clock_drift high 10.0.0.5:443: the clock of 10.0.0.5:443 is 90.0 to 91.0 s ahead of the capture's, by 30 exchanges in 29 s
        "#]],
    );
}

#[test]
fn two_clocks_behind_one_address() {
    check(
        "10:00:00.5 203.0.113.1 -> use GET /health 200 clock=0s x20 every 2s
         10:00:01.5 203.0.113.1 -> use GET /health 200 clock=-41s x20 every 2s",
        expect![[r#"
            10:00:29.500 MFA-16 server_clock_drift medium 10.0.0.5:443: clocks behind 10.0.0.5:443 differ by at least 40.0 s, by 30 exchanges in 29 s
        "#]],
    );
    // Clocks that differ by what nobody minds, and a stored answer whose date stands still.
    check(
        "10:00:00.5 203.0.113.1 -> use GET /health 200 clock=0s x30 every 2s
         10:00:01.5 203.0.113.1 -> use GET /health 200 clock=-5s x30 every 2s
         11:00:00.5 203.0.113.1 -> use GET /health 200 clock=0s x30 every 3s
         11:00:01.5 203.0.113.1 -> use GET /static 200 clock=-3600s
         11:00:11.5 203.0.113.1 -> use GET /static 200 clock=-3610s
         11:00:21.5 203.0.113.1 -> use GET /static 200 clock=-3620s",
        expect![""],
    );
}

#[test]
fn it_is_told_again_after_six_hours_and_when_it_gets_worse() {
    check(
        "10:00:00 203.0.113.1 -> use GET /health 200 clock=20s x8000 every 5s",
        expect![[r#"
        10:02:25.000 MFA-16 server_clock_drift low 10.0.0.5:443: the clock of 10.0.0.5:443 is 20.0 to 21.0 s ahead of the capture's, by 30 exchanges in 145 s
        16:03:20.000 MFA-16 server_clock_drift low (update) 10.0.0.5:443: the clock of 10.0.0.5:443 is 20.0 to 21.0 s ahead of the capture's, by 30 exchanges in 145 s; 60 in all since 2026-11-21T10:00:00Z
    "#]],
    );
    check(
        "10:00:00 203.0.113.1 -> use GET /health 200 clock=20s x60 every 5s
         10:10:00 203.0.113.1 -> use GET /health 200 clock=40s x60 every 5s",
        expect![[r#"
            10:02:25.000 MFA-16 server_clock_drift low 10.0.0.5:443: the clock of 10.0.0.5:443 is 20.0 to 21.0 s ahead of the capture's, by 30 exchanges in 145 s
            10:12:25.000 MFA-16 server_clock_drift medium (update) 10.0.0.5:443: the clock of 10.0.0.5:443 is 40.0 to 41.0 s ahead of the capture's, by 30 exchanges in 145 s; 60 in all since 2026-11-21T10:00:00Z
        "#]],
    );
}

/// Opened, kept open at 12 s, closed ten minutes after it was right.
#[test]
fn an_episode_ends_when_the_clock_is_right_again() {
    let story = "10:00:00 203.0.113.1 -> use GET /health 200 clock=20s x60 every 5s
                 10:06:00 203.0.113.1 -> use GET /health 200 clock=12s x240 every 5s
                 10:30:00 203.0.113.1 -> use GET /health 200 clock=1s x360 every 5s
                 11:05:00 203.0.113.1 -> use GET /health 200 clock=20s x60 every 5s";
    let told = alerts(story, RuntimeConfig::default()).unwrap();
    let told: Vec<String> = told.iter().map(|alert| format!("{} {}", alert.time, alert.status)).collect();
    expect![[r#"
        2026-11-21T10:02:25.000000Z open
        2026-11-21T10:33:40.000000Z closed"#]]
    .assert_eq(&told.join("\n"));
}
