//! Stories of keys that leave what they are used for, and of programs that are only given a new version.

use super::RULE;
use crate::story::check_rule;
use expect_test::{Expect, expect};

/// A key that read two routes for seven days, 51 calls, then something else.
fn known(story: &str) -> String {
    format!(
        "10:00:00 203.0.113.7 -> use GET /orders 200 key=k1 x50 every 1h
         7d+10:00:00 203.0.113.7 -> use GET /stock 200 key=k1
         {story}"
    )
}

fn tell(story: &str, expected: Expect) {
    check_rule(&RULE, story, expected);
}

#[test]
fn a_key_that_only_read_writes() {
    tell(
        &known(
            "7d+11:00:00 203.0.113.7 -> use POST /orders 201 key=k1
             7d+11:00:10 203.0.113.7 -> use POST /orders 201 key=k1
             9d+11:00:00 203.0.113.7 -> use DELETE /orders 204 key=k1",
        ),
        expect![[r#"
            11:00:00.000 KEY-03 key_scope_jump medium 4fe70c2b12730bbd30c371687045227c (write): api_key 4fe70c2b wrote for the first time, accepted: POST /orders; 51 calls on 2 routes before, to read
        "#]],
    );
}

#[test]
fn a_privileged_call_is_high_when_it_was_accepted() {
    tell(
        &known(
            "7d+11:00:00 203.0.113.7 -> use GET /users 403 key=k1 labels=users
             7d+11:30:00 203.0.113.7 -> use GET /users 403 key=k1 labels=users
             7d+12:00:00 203.0.113.7 -> use GET /users 200 key=k1 labels=users
             7d+13:00:00 203.0.113.7 -> use DELETE /keys 403 key=k1 labels=key
             8d+13:00:00 203.0.113.7 -> use DELETE /keys 204 key=k1 labels=key",
        ),
        expect![[r#"
            11:00:00.000 KEY-03 key_scope_jump medium 4fe70c2b12730bbd30c371687045227c (privileged): api_key 4fe70c2b did something privileged for the first time, refused: GET /users (users); 51 calls on 2 routes before, to read
            12:00:00.000 KEY-03 key_scope_jump high 4fe70c2b12730bbd30c371687045227c (privileged): api_key 4fe70c2b did something privileged for the first time, accepted: GET /users (users); 51 calls on 2 routes before, to read
            13:00:00.000 KEY-03 key_scope_jump medium 4fe70c2b12730bbd30c371687045227c (write): api_key 4fe70c2b wrote for the first time, refused: DELETE /keys; 52 calls on 3 routes before, to read
            13:00:00.000 KEY-03 key_scope_jump medium 4fe70c2b12730bbd30c371687045227c (write): api_key 4fe70c2b wrote for the first time, accepted: DELETE /keys; 52 calls on 3 routes before, to read
        "#]],
    );
}

#[test]
fn six_new_routes_in_ten_minutes() {
    tell(
        &known("7d+11:00:00 203.0.113.7 -> use GET /new/{1..6} 200 key=k1 every 2m"),
        expect![[r#"
        11:10:00.000 KEY-03 key_scope_jump medium 4fe70c2b12730bbd30c371687045227c (routes): api_key 4fe70c2b called 6 routes for the first time within 600 s, the last GET /new/6, accepted (limit 5 in 600 s); 56 calls on 7 routes before, to read
    "#]],
    );
    tell(&known("7d+11:00:00 203.0.113.7 -> use GET /new/{1..5} 200 key=k1 every 1s"), expect![[""]]);
    tell(&known("7d+11:00:00 203.0.113.7 -> use GET /new/{1..6} 200 key=k1 every 121s"), expect![[""]]);
    tell(
        &known("7d+11:00:00 203.0.113.7 -> use GET /new/{1..6} 401 key=k1 every 1s"),
        expect![[r#"
        11:00:05.000 KEY-03 key_scope_jump medium 4fe70c2b12730bbd30c371687045227c (routes): api_key 4fe70c2b called 6 routes for the first time within 5 s, the last GET /new/6, refused (limit 5 in 600 s); 51 calls on 2 routes before, to read
    "#]],
    );
}

#[test]
fn a_release_reaches_three_keys_within_an_hour() {
    let programs = "10:00:00 203.0.113.7 -> use GET /orders 200 key=k{1..5} every 1s
         10:10:00 203.0.113.7 -> use GET /orders 200 key=k{1..5} x50 every 1m
         7d+10:00:10 203.0.113.7 -> use GET /orders 200 key=k{1..5} every 1s";
    tell(
        &format!("{programs}\n7d+11:00:00 203.0.113.7 -> use POST /v2/orders 201 key=k{{1..5}} every 30m"),
        expect![[r#"
            11:00:00.000 KEY-03 key_scope_jump medium 4fe70c2b12730bbd30c371687045227c (write): api_key 4fe70c2b wrote for the first time, accepted: POST /v2/orders; 52 calls on 1 route before, to read
            11:30:00.000 KEY-03 key_scope_jump medium d9e44538c66f1a60d7528af7b3708f90 (write): api_key d9e44538 wrote for the first time, accepted: POST /v2/orders; 52 calls on 1 route before, to read
            12:00:00.000 KEY-03 key_scope_jump info POST api.example.com /v2/orders (write): 3 keys do POST /v2/orders for the first time within 3600 s, accepted: a release, or one hand behind them (limit 3 in 3600 s)
        "#]],
    );
    tell(
        &format!("{programs}\n7d+11:00:00 203.0.113.7 -> use POST /v2/orders 201 key=k{{1..3}} every 1801s"),
        expect![[r#"
            11:00:00.000 KEY-03 key_scope_jump medium 4fe70c2b12730bbd30c371687045227c (write): api_key 4fe70c2b wrote for the first time, accepted: POST /v2/orders; 52 calls on 1 route before, to read
            11:30:01.000 KEY-03 key_scope_jump medium d9e44538c66f1a60d7528af7b3708f90 (write): api_key d9e44538 wrote for the first time, accepted: POST /v2/orders; 52 calls on 1 route before, to read
            12:00:02.000 KEY-03 key_scope_jump medium c639e979642ce422ccf2b14c22d4b5ad (write): api_key c639e979 wrote for the first time, accepted: POST /v2/orders; 52 calls on 1 route before, to read
        "#]],
    );
    // Not the same call.
    tell(
        &format!("{programs}\n7d+11:00:00 203.0.113.7 -> use POST /v2/{{1..3}} 201 key=k{{1..3}} every 1s"),
        expect![[r#"
            11:00:00.000 KEY-03 key_scope_jump medium 4fe70c2b12730bbd30c371687045227c (write): api_key 4fe70c2b wrote for the first time, accepted: POST /v2/1; 52 calls on 1 route before, to read
            11:00:01.000 KEY-03 key_scope_jump medium d9e44538c66f1a60d7528af7b3708f90 (write): api_key d9e44538 wrote for the first time, accepted: POST /v2/2; 52 calls on 1 route before, to read
            11:00:02.000 KEY-03 key_scope_jump medium c639e979642ce422ccf2b14c22d4b5ad (write): api_key c639e979 wrote for the first time, accepted: POST /v2/3; 52 calls on 1 route before, to read
        "#]],
    );
    // Refused, it is no release, but it is one matter.
    tell(
        &format!(
            "{programs}\n7d+11:00:00 203.0.113.7 -> use POST /users 403 key=k{{1..5}} labels=users every 1s"
        ),
        expect![[r#"
            11:00:00.000 KEY-03 key_scope_jump medium 4fe70c2b12730bbd30c371687045227c (privileged): api_key 4fe70c2b did something privileged for the first time, refused: POST /users (users); 52 calls on 1 route before, to read
            11:00:01.000 KEY-03 key_scope_jump medium d9e44538c66f1a60d7528af7b3708f90 (privileged): api_key d9e44538 did something privileged for the first time, refused: POST /users (users); 52 calls on 1 route before, to read
            11:00:02.000 KEY-03 key_scope_jump medium POST api.example.com /users (privileged): 3 keys do POST /users for the first time within 2 s, refused: a release, or one hand behind them (limit 3 in 3600 s)
        "#]],
    );
}

#[test]
fn what_is_no_jump() {
    tell(
        &known(
            "7d+11:00:00 203.0.113.7 -> use POST /orders/search 200 key=k1
             7d+11:00:01 203.0.113.7 -> use POST /orders 201 user=ann session=s1 key=k1
             7d+11:00:02 203.0.113.7 -> use POST /orders 201 key=k2
             7d+11:00:03 203.0.113.7 -> use POST /orders 500 key=k1
             7d+11:00:04 203.0.113.7 -> use POST /orders - key=k1
             7d+11:00:05 203.0.113.7 -> use POST /orders 201 key=k1 repeat
             7d+11:00:06 203.0.113.7 -> token POST /token 200 service=robot secret=k1",
        ),
        expect![[""]],
    );
}

#[test]
fn a_key_is_learnt_for_seven_days_and_fifty_calls() {
    let learnt = |calls: u32, after: &str| {
        format!(
            "10:00:00 203.0.113.7 -> use GET /orders 200 key=k1 x{calls}
             {after} 203.0.113.7 -> use POST /orders 201 key=k1"
        )
    };
    tell(
        &learnt(50, "7d+10:00:00"),
        expect![[r#"
        10:00:00.000 KEY-03 key_scope_jump medium 4fe70c2b12730bbd30c371687045227c (write): api_key 4fe70c2b wrote for the first time, accepted: POST /orders; 50 calls on 1 route before, to read
    "#]],
    );
    tell(&learnt(50, "7d+09:59:59.999999999"), expect![[""]]);
    tell(&learnt(49, "7d+10:00:00"), expect![[""]]);
}

#[test]
fn a_key_used_for_everything_has_no_scope_but_for_what_it_never_did() {
    tell(
        "10:00:00 203.0.113.7 -> use GET /r/{1..128} 200 key=k1
         7d+10:00:00 203.0.113.7 -> use GET /new/{1..40} 200 key=k1
         7d+11:00:00 203.0.113.7 -> use POST /new/1 200 key=k1",
        expect![[r#"
            11:00:00.000 KEY-03 key_scope_jump medium 4fe70c2b12730bbd30c371687045227c (write): api_key 4fe70c2b wrote for the first time, accepted: POST /new/1; 168 calls on 128 routes before, to read
        "#]],
    );
}
