//! Stories of sessions that outlive what should have ended them, and of servers that do it right.

use crate::story::check;
use expect_test::expect;

/// So many sessions that were replaced at the second factor, and so many that were kept.
fn factors(replaced: u32, kept: u32) -> String {
    let mut story = format!(
        "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=u{{1..{replaced}}} session=s{{1..{replaced}}} rotated=true"
    );
    if kept > 0 {
        story += &format!(
            "\n10:10:00 203.0.113.7 -> mfa POST /mfa 200 user=v{{1..{kept}}} session=v{{1..{kept}}} rotated=false"
        );
    }
    story
}

#[test]
fn five_of_twenty_sessions_are_kept_through_the_second_factor() {
    check(
        &factors(15, 5),
        expect![[r#"
        10:10:04.000 SES-02 session_not_rotated high api.example.com: 5 of 20 sessions of api.example.com kept through the second factor (limit 5 of 20)
    "#]],
    );
    check(&factors(16, 4), expect![[""]]);
    check(&factors(14, 5), expect![[""]]);
    check(
        &format!(
            "{}\n8d+10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=ann session=s rotated=false",
            factors(15, 5)
        ),
        expect![[r#"
            10:10:04.000 SES-02 session_not_rotated high api.example.com: 5 of 20 sessions of api.example.com kept through the second factor (limit 5 of 20)
        "#]],
    );
}

#[test]
fn what_is_no_first_proof_or_was_not_seen_whole() {
    check(
        &format!(
            "{}
             11:00:00 203.0.113.7 -> mfa POST /mfa 200 user=w{{1..9}} session=w{{1..9}} rotated=false proved=1h
             11:10:00 203.0.113.7 -> confirmation POST /mfa 200 user=x{{1..9}} session=x{{1..9}} rotated=false
             11:20:00 203.0.113.7 -> mfa POST /mfa 200 user=y{{1..9}} session=y{{1..9}} rotated=false gap
             11:30:00 203.0.113.7 -> mfa POST /mfa 401 user=z{{1..9}} session=z{{1..9}} rotated=false",
            factors(20, 0)
        ),
        expect![[r#"
            11:30:04.000 MFA-02 mfa_failure_spray high 203.0.113.7: 5 wrong MFA codes over 5 accounts in 4 s from 203.0.113.7 (limit 5 over 3 in 300 s)
        "#]],
    );
}

/// Twenty sessions log out; a stranger is turned away at `/me`; then something happens with them.
fn logged_out(after: &str) -> String {
    format!(
        "10:00:00 203.0.113.7 -> logout POST /logout 204 user=u{{1..20}} session=s{{1..20}} every 0s
         10:00:00 203.0.113.9 -> use GET /me 401
         {after}"
    )
}

#[test]
fn sessions_that_live_on_after_the_logout() {
    check(
        &logged_out(
            "10:01:01 203.0.113.7 -> use GET /me 200 user=u{1..5} session=s{1..5} ended=logout:61s every 0s",
        ),
        expect![[r#"
            10:01:01.000 SES-02 session_not_rotated high api.example.com: 5 of 20 sessions of api.example.com served after their logout, up to 61 s later (limit 5 of 20)
        "#]],
    );
    check(
        &logged_out(
            "10:01:01 203.0.113.7 -> use GET /me 200 user=u{1..4} session=s{1..4} ended=logout:61s every 0s",
        ),
        expect![[""]],
    );
    check(
        &logged_out(
            "10:01:00 203.0.113.7 -> use GET /me 200 user=u{1..5} session=s{1..5} ended=logout:60s every 0s",
        ),
        expect![[""]],
    );
}

#[test]
fn tokens_that_no_server_remembers_are_told_as_such() {
    check(
        "10:00:00 203.0.113.7 -> logout POST /logout 204 user=u{1..20} jwt=RS256 token=t{1..20} every 0s
         10:00:00 203.0.113.9 -> use GET /me 401
         10:05:00 203.0.113.7 -> use GET /me 200 user=u{1..5} jwt=RS256 token=t{1..5} ended=logout:5m every 0s",
        expect![[r#"
            10:05:00.000 SES-02 session_not_rotated low api.example.com: 5 of 20 sessions of api.example.com served after their logout, up to 300 s later, 5 of them JWTs, which a server that keeps no list cannot end (limit 5 of 20)
        "#]],
    );
}

#[test]
fn five_that_a_server_could_end_are_worse_than_many_tokens() {
    let story = |sessions: u32| {
        format!(
            "10:00:00 203.0.113.7 -> logout POST /logout 204 user=u{{1..20}} jwt=RS256 token=t{{1..20}} every 0s
             10:00:00 203.0.113.9 -> use GET /me 401
             10:05:00 203.0.113.7 -> use GET /me 200 user=u{{1..5}} jwt=RS256 token=t{{1..5}} ended=logout:5m every 0s
             10:06:00 203.0.113.7 -> use GET /me 200 user=u{{1..{sessions}}} session=s{{1..{sessions}}} ended=logout:5m"
        )
    };
    check(
        &story(5),
        expect![[r#"
        10:05:00.000 SES-02 session_not_rotated low api.example.com: 5 of 20 sessions of api.example.com served after their logout, up to 300 s later, 5 of them JWTs, which a server that keeps no list cannot end (limit 5 of 20)
        10:06:04.000 SES-02 session_not_rotated high (update) api.example.com: 10 of 25 sessions of api.example.com served after their logout, up to 300 s later, 5 of them JWTs, which a server that keeps no list cannot end (limit 5 of 20); 15 in all since 2026-11-21T10:00:00Z
    "#]],
    );
    check(
        &story(4),
        expect![[r#"
        10:05:00.000 SES-02 session_not_rotated low api.example.com: 5 of 20 sessions of api.example.com served after their logout, up to 300 s later, 5 of them JWTs, which a server that keeps no list cannot end (limit 5 of 20)
    "#]],
    );
}

#[test]
fn a_new_password_ends_nothing() {
    check(
        "10:00:00 203.0.113.7 -> use GET /me 401 user=u{1..15} session=s{1..15} ended=password_change:5m
         10:01:00 203.0.113.7 -> use GET /me 200 user=v{1..5} session=v{1..5} ended=password_change:5m",
        expect![[r#"
            10:01:04.000 SES-02 session_not_rotated high api.example.com: 5 of 20 sessions of api.example.com served after the password was changed, up to 300 s later (limit 5 of 20)
        "#]],
    );
}

#[test]
fn who_is_served_for_another_reason_does_not_count() {
    check(
        &logged_out(
            "10:10:00 203.0.113.7 -> use GET /public 200 user=u{1..20} session=s{1..20} ended=logout:10m
             10:20:00 203.0.113.7 -> use GET /me 200 user=u{1..20} session=s{1..20} key=k1 ended=logout:20m
             10:30:00 203.0.113.7 -> use GET /me 200 user=u{1..20} session=s{1..20} ended=rotation:20m
             10:40:00 203.0.113.7 -> login POST /login 200 user=u{1..20} session=s{1..20} ended=logout:40m
             10:50:00 203.0.113.7 -> use GET /me 302 user=u{1..20} session=s{1..20} ended=logout:50m
             2d+10:00:00 203.0.113.7 -> use GET /me 200 user=u{1..20} session=s{1..20} ended=logout:2d",
        ),
        expect![[""]],
    );
}

#[test]
fn a_host_is_told_once_a_week_for_each_fault() {
    check(
        &format!(
            "{}
             {}
             7d+10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=w{{1..20}} session=w{{1..20}} rotated=false",
            factors(15, 5),
            logged_out(
                "12:00:00 203.0.113.7 -> use GET /me 200 user=u{1..5} session=s{1..5} ended=logout:2h"
            ),
        ),
        expect![[r#"
            10:10:04.000 SES-02 session_not_rotated high api.example.com: 5 of 20 sessions of api.example.com kept through the second factor (limit 5 of 20)
            12:00:04.000 SES-02 session_not_rotated high api.example.com: 5 of 20 sessions of api.example.com served after their logout, up to 7200 s later (limit 5 of 20)
        "#]],
    );
}
