//! Tokens out of their time, accepted where others are turned away; and the clocks and routes that excuse them.

use crate::story::check;
use expect_test::expect;

#[test]
fn three_tokens_after_their_end_on_a_route_that_turns_others_away() {
    check(
        "10:00:00 203.0.113.9 -> use GET /orders 401
         10:00:10 203.0.113.{1..3} -> use GET /orders 200 user=ann jwt=RS256 token=t{1..3} exp=-10m x1 every 10s",
        expect![[r#"
            10:00:30.000 JWT-05 expired_jwt_accepted high GET api.example.com /orders: 3 tokens out of their time accepted on GET /orders at api.example.com in 20 s, the last one 600 s after its end
        "#]],
    );
    check(
        "10:00:00 203.0.113.9 -> use GET /orders 401
         10:00:10 203.0.113.1 -> use GET /orders 200 user=ann jwt=RS256 token=t{1..3} nbf=10m exp=1h every 10s",
        expect![[r#"
            10:00:30.000 JWT-05 expired_jwt_accepted high GET api.example.com /orders: 3 tokens out of their time accepted on GET /orders at api.example.com in 20 s, the last one 600 s before its begin
        "#]],
    );
}

#[test]
fn two_tokens_and_one_token_used_often() {
    check(
        "10:00:00 203.0.113.9 -> use GET /orders 401
         10:00:10 203.0.113.1 -> use GET /orders 200 user=ann jwt=RS256 token=t{1..2} exp=-10m x6 every 10s",
        expect![""],
    );
}

#[test]
fn a_public_route_looks_at_no_token() {
    check(
        "10:00:00 203.0.113.9 -> use GET /orders 401
         10:00:01 203.0.113.9 -> use GET /news 429
         10:00:10 203.0.113.1 -> use GET /news 200 user=ann jwt=RS256 token=t{1..9} exp=-10m every 10s",
        expect![""],
    );
}

#[test]
fn one_that_did_not_speak_alone_or_is_what_the_request_is_about() {
    check(
        "10:00:00 203.0.113.9 -> use POST /orders 401
         10:01:00 203.0.113.1 -> use POST /orders 200 user=ann jwt=RS256 token=t{1..9} exp=-10m session=s1
         10:02:00 203.0.113.1 -> use POST /orders 200 user=ann jwt=RS256 token=t{1..9} in=form exp=-10m
         10:03:00 203.0.113.1 -> token POST /orders 200 user=ann jwt=RS256 token=t{1..9} exp=-10m
         10:04:00 203.0.113.1 -> logout POST /orders 200 user=ann jwt=RS256 token=t{1..9} exp=-10m
         10:05:00 203.0.113.1 -> use POST /orders 302 user=ann jwt=RS256 token=t{1..9} exp=-10m
         10:06:00 203.0.113.1 -> use POST /orders 401 user=ann jwt=RS256 token=t{1..9} exp=-10m",
        expect![""],
    );
}

#[test]
fn the_leeway_is_still_allowed() {
    check(
        "10:00:00 203.0.113.9 -> use GET /orders 401
         10:01:00 203.0.113.1 -> use GET /orders 200 user=ann jwt=RS256 token=t{1..3} exp=-60s
         10:02:00 203.0.113.1 -> use GET /orders 200 user=ann jwt=RS256 token=t{1..3} nbf=60s",
        expect![""],
    );
    check(
        "10:00:00 203.0.113.9 -> use GET /orders 401
         10:01:00 203.0.113.1 -> use GET /orders 200 user=ann jwt=RS256 token=t{1..3} exp=-61s
         10:02:00 203.0.113.9 -> use GET /bills 401
         10:03:00 203.0.113.1 -> use GET /bills 200 user=ann jwt=RS256 token=t{1..3} nbf=61s",
        expect![[r#"
            10:01:02.000 JWT-05 expired_jwt_accepted high GET api.example.com /orders: 3 tokens out of their time accepted on GET /orders at api.example.com in 2 s, the last one 61 s after its end
            10:03:02.000 JWT-05 expired_jwt_accepted high GET api.example.com /bills: 3 tokens out of their time accepted on GET /bills at api.example.com in 2 s, the last one 61 s before its begin
        "#]],
    );
}

/// A server that is two minutes behind thinks that these have a minute left.
#[test]
fn the_servers_own_clock_decides() {
    check(
        "10:00:00 203.0.113.9 -> use GET /orders 401
         10:01:00 203.0.113.1 -> use GET /orders 200 user=ann jwt=RS256 token=t{1..9} exp=-2m clock=-2m
         10:02:00 203.0.113.1 -> use GET /orders 200 user=ann jwt=RS256 token=t{1..9} nbf=2m clock=2m",
        expect![""],
    );
    check(
        "10:00:00 203.0.113.9 -> use GET /orders 401
         10:01:00 203.0.113.1 -> use GET /orders 200 user=ann jwt=RS256 token=t{1..3} exp=-181s clock=-2m",
        expect![[r#"
            10:01:02.000 JWT-05 expired_jwt_accepted high GET api.example.com /orders: 3 tokens out of their time accepted on GET /orders at api.example.com in 2 s, the last one 61 s after its end
        "#]],
    );
}

#[test]
fn once_a_day_for_each_route() {
    check(
        "10:00:00 203.0.113.9 -> use GET /orders 401
         10:01:00 203.0.113.1 -> use GET /orders 200 user=ann jwt=RS256 token=t{1..9} exp=-10m every 2h
         1d+08:00:00 203.0.113.9 -> use GET /orders 401
         1d+10:04:59 203.0.113.1 -> use GET /orders 200 user=ann jwt=RS256 token=t20 exp=-10m
         1d+14:01:00 203.0.113.1 -> use GET /orders 200 user=ann jwt=RS256 token=t21 exp=-10m",
        expect![[r#"
            14:01:00.000 JWT-05 expired_jwt_accepted high GET api.example.com /orders: 3 tokens out of their time accepted on GET /orders at api.example.com in 14400 s, the last one 600 s after its end
            14:01:00.000 JWT-05 expired_jwt_accepted high (update) GET api.example.com /orders: 9 tokens out of their time accepted on GET /orders at api.example.com in 86400 s, the last one 600 s after its end; 11 in all since 2026-11-21T10:01:00Z
        "#]],
    );
}
