//! Stories of keys that go where people need a second factor.

use crate::alert::{Scope, Severity};
use crate::runtime::RuntimeConfig;
use crate::story::{alerts, check, check_confidence};
use crate::suppress::Suppression;
use expect_test::expect;

/// So many sessions with a second factor on the route, and so many without.
fn people(with: u32, without: u32) -> String {
    let mut story = format!(
        "09:00:00 203.0.113.7 -> use POST /transfer 200 user=u{{1..{with}}} session=s{{1..{with}}} mfa=5m every 1ms"
    );
    if without > 0 {
        story += &format!(
            "\n09:00:10 203.0.113.7 -> use POST /transfer 200 user=v{{1..{without}}} session=v{{1..{without}}} every 1ms"
        );
    }
    story
}

#[test]
fn a_key_where_people_show_a_second_factor() {
    check(
        &format!(
            "{}
             10:00:00 198.51.100.4 -> use POST /transfer 200 key=k1 x3
             7d+09:00:02 203.0.113.7 -> use POST /transfer 200 user=u{{1..20}} session=s{{1..20}} mfa=5m every 1ms
             7d+09:59:59.999999999 198.51.100.4 -> use POST /transfer 200 key=k1
             7d+10:00:00 198.51.100.4 -> use POST /transfer 200 key=k1",
            people(20, 0)
        ),
        expect![[r#"
            10:00:00.000 KEY-01 mfa_bypass_by_key medium 4fe70c2b12730bbd30c371687045227c (asks_mfa): api_key 4fe70c2b did POST /transfer without a second factor (100 % of 20 accounts in 20 sessions show one)
            10:00:00.000 KEY-01 mfa_bypass_by_key low 4fe70c2b12730bbd30c371687045227c (asks_mfa): api_key 4fe70c2b did POST /transfer without a second factor (100 % of 20 accounts in 20 sessions show one)
        "#]],
    );
}

#[test]
fn nine_in_ten_of_twenty_sessions_are_a_route_that_asks() {
    let key = "10:00:00 198.51.100.4 -> use POST /transfer 200 key=k1";
    check(
        &format!("{}\n{key}", people(18, 2)),
        expect![[r#"
            10:00:00.000 KEY-01 mfa_bypass_by_key medium 4fe70c2b12730bbd30c371687045227c (asks_mfa): api_key 4fe70c2b did POST /transfer without a second factor (90 % of 20 accounts in 20 sessions show one)
        "#]],
    );
    check(&format!("{}\n{key}", people(17, 3)), expect![[""]]);
    check(&format!("{}\n{key}", people(19, 0)), expect![[""]]);
}

#[test]
fn sessions_speak_for_seven_days() {
    let later = |time: &str| {
        format!(
            "09:00:00 203.0.113.7 -> use POST /transfer 200 user=u{{1..20}} session=s{{1..20}} mfa=5m every 0s
             7d+{time} 198.51.100.4 -> use POST /transfer 200 key=k1"
        )
    };
    check(
        &later("09:00:00"),
        expect![[r#"
            09:00:00.000 KEY-01 mfa_bypass_by_key medium 4fe70c2b12730bbd30c371687045227c (asks_mfa): api_key 4fe70c2b did POST /transfer without a second factor (100 % of 20 accounts in 20 sessions show one)
        "#]],
    );
    check(&later("09:00:00.000000001"), expect![[""]]);
}

#[test]
fn a_privileged_route_whatever_people_show_there() {
    check(
        "10:00:00 198.51.100.4 -> use GET /admin/users 200 key=k1 labels=admin,users
         10:00:01 198.51.100.4 -> use POST /admin/users 201 key=k1 labels=admin,users
         10:00:02 198.51.100.4 -> use GET /export 200 key=k1 labels=export
         11:00:00 198.51.100.4 -> use DELETE /admin/users/7 204 user=root key=k2 has_mfa labels=admin,users
         12:00:00 198.51.100.4 -> use GET /admin/roles 200 user=bob basic labels=role
         12:00:01 198.51.100.4 -> use GET /admin/audit 200 user=eve basic has_mfa labels=admin",
        expect![[r#"
            10:00:00.000 KEY-01 mfa_bypass_by_key high 4fe70c2b12730bbd30c371687045227c (users): api_key 4fe70c2b did GET /admin/users (users) without a second factor
            10:00:01.000 KEY-09 administration_by_key high 4fe70c2b12730bbd30c371687045227c (user): api_key 4fe70c2b changes users, which it never did before: POST /admin/users on api.example.com
            10:00:02.000 KEY-01 mfa_bypass_by_key high 4fe70c2b12730bbd30c371687045227c (export): api_key 4fe70c2b did GET /export (export) without a second factor
            11:00:00.000 KEY-01 mfa_bypass_by_key critical d9e44538c66f1a60d7528af7b3708f90 (users): api_key d9e44538 of root did DELETE /admin/users/7 (users) without a second factor (its owner has one)
            11:00:00.000 KEY-09 administration_by_key high d9e44538c66f1a60d7528af7b3708f90 (user): api_key d9e44538 of root changes users, which it never did before: DELETE /admin/users/7 on api.example.com
            12:00:00.000 KEY-01 mfa_bypass_by_key high 3add0bde5be145601d1756509331823e (role): basic 3add0bde of bob did GET /admin/roles (role) without a second factor
            12:00:00.000 POS-01 basic_auth_in_use low api.example.com: Basic authentication accepted on api.example.com for bob
            12:00:01.000 KEY-01 mfa_bypass_by_key critical 3add0bde5be145601d1756509331823e (admin): basic 3add0bde of eve did GET /admin/audit (admin) without a second factor (its owner has one)
            12:00:01.000 POS-01 basic_auth_in_use medium api.example.com: Basic authentication accepted on api.example.com for eve, past the account's second factor
        "#]],
    );
}

#[test]
fn a_known_key_that_never_did_it() {
    let story = |time: &str| {
        format!(
            "09:30:00 198.51.100.4 -> use GET /status 200 key=k1
             {}
             7d+{time} 198.51.100.4 -> use POST /transfer 200 key=k1
             7d+10:00:00 198.51.100.4 -> use GET /export 200 key=k1 labels=export
             7d+10:00:01 198.51.100.4 -> use GET /export/all 200 key=k1 labels=export",
            people(20, 0).replace("09:00:00", "1d+09:00:00")
        )
    };
    check(
        &story("09:29:59.999999999"),
        expect![[r#"
            09:29:59.999 KEY-01 mfa_bypass_by_key medium 4fe70c2b12730bbd30c371687045227c (asks_mfa): api_key 4fe70c2b did POST /transfer without a second factor (100 % of 20 accounts in 20 sessions show one)
            10:00:00.000 KEY-01 mfa_bypass_by_key high 4fe70c2b12730bbd30c371687045227c (export): api_key 4fe70c2b did GET /export (export) for the first time, without a second factor
        "#]],
    );
    check(
        &story("09:30:00"),
        expect![[r#"
            09:30:00.000 KEY-01 mfa_bypass_by_key high 4fe70c2b12730bbd30c371687045227c (asks_mfa): api_key 4fe70c2b did POST /transfer for the first time, without a second factor (100 % of 20 accounts in 20 sessions show one)
            10:00:00.000 KEY-01 mfa_bypass_by_key high 4fe70c2b12730bbd30c371687045227c (export): api_key 4fe70c2b did GET /export (export) for the first time, without a second factor
        "#]],
    );
}

#[test]
fn a_key_that_did_it_before_the_route_asked() {
    check(
        &format!(
            "08:00:00 198.51.100.4 -> use POST /transfer 200 key=k1
             {}
             9d+10:00:00 198.51.100.4 -> use POST /transfer 200 key=k1",
            people(20, 0).replace("09:00:00", "9d+09:00:00")
        ),
        expect![[r#"
            10:00:00.000 KEY-01 mfa_bypass_by_key medium 4fe70c2b12730bbd30c371687045227c (asks_mfa): api_key 4fe70c2b did POST /transfer without a second factor (100 % of 20 accounts in 20 sessions show one)
        "#]],
    );
}

#[test]
fn many_keys_are_told_together_and_what_stands_out_by_itself() {
    let told = alerts(
        &format!(
            "{}
             10:00:00 198.51.100.4 -> use POST /transfer 200 key=k{{1..30}}
             11:00:00 198.51.100.4 -> use GET /export 200 user=ann key=k{{1..12}} has_mfa labels=export
             12:00:00 198.51.100.4 -> use GET /export 200 key=m{{1..20}} labels=export",
            people(20, 0)
        ),
        RuntimeConfig::default(),
    )
    .unwrap();
    let count = |severity, scope| {
        let opened = told.iter().filter(|alert| alert.rev == 1 && alert.severity == severity);
        opened.filter(|alert| alert.subject.scope == scope).count()
    };
    let by_key = [Severity::Medium, Severity::High, Severity::Critical].map(|s| count(s, Scope::Credential));
    assert_eq!(by_key, [10, 10, 12]);
    let together: Vec<&str> = told
        .iter()
        .filter(|alert| alert.rev == 1 && alert.subject.scope == Scope::Service)
        .map(|alert| alert.message.as_str())
        .collect();
    expect![[r#"
        [
            "more than 10 keys call routes of api.example.com that ask people for a second factor, the latest POST /transfer (100 % of 20 accounts in 20 sessions show one)",
            "more than 10 keys call privileged routes of api.example.com (export) without a second factor, the latest GET /export",
        ]
    "#]]
    .assert_debug_eq(&together);
}

#[test]
fn what_is_no_bypass() {
    check(
        &format!(
            "{}
             10:00:00 198.51.100.4 -> use POST /transfer 403 key=k1
             10:00:01 198.51.100.4 -> use POST /transfer 302 key=k1
             10:00:02 198.51.100.4 -> use POST /transfer - key=k1
             10:00:03 198.51.100.4 -> use POST /transfer 200 user=ann session=s1 key=app mfa=5m
             10:00:04 198.51.100.4 -> use POST /transfer 200 user=ann bearer=t1 key=app
             10:00:05 198.51.100.4 -> use POST /transfer 200 user=ann basic mfa=0s
             10:00:06 198.51.100.4 -> use POST /transfer 200 service=robot bearer=t2 proof=service_token
             10:00:07 198.51.100.4 -> use POST /transfer 200 key=k1 repeat
             10:00:08 198.51.100.4 -> use GET /health 200 key=probe x5
             10:00:09 198.51.100.4 -> use GET /me 200 user=ann key=k1 has_mfa
             10:00:10 198.51.100.4 -> token POST /token 200 service=robot client_secret labels=admin
             10:00:11 198.51.100.4 -> mfa POST /admin/verify 200 key=k1 user=bob labels=admin
             10:00:12 198.51.100.4 -> use GET /admin/users 403 key=k1 labels=admin",
            people(20, 0)
        ),
        expect![[r#"
            10:00:05.000 POS-01 basic_auth_in_use low api.example.com: Basic authentication accepted on api.example.com for ann
        "#]],
    );
}

#[test]
fn a_world_without_a_second_factor() {
    check(
        &format!("{}\n10:00:00 198.51.100.4 -> use POST /transfer 200 key=k1", people(1, 40)),
        expect![[""]],
    );
}

#[test]
fn rubbish_beside_the_key_does_not_hide_it() {
    check(
        "10:00:00 198.51.100.4 -> use GET /admin/users 200 user=root session=junk key=k1 proof=api_key has_mfa labels=users",
        expect![[r#"
            10:00:00.000 KEY-01 mfa_bypass_by_key critical 4fe70c2b12730bbd30c371687045227c (users): api_key 4fe70c2b of root did GET /admin/users (users) without a second factor (its owner has one)
        "#]],
    );
}

#[test]
fn one_key_is_acknowledged_for_one_thing() {
    let story = "10:00:00 198.51.100.4 -> use GET /export 200 key=k1 labels=export
         10:00:01 198.51.100.4 -> use GET /admin/roles 200 key=k1 labels=role
         10:00:02 198.51.100.4 -> use GET /export 200 key=k2 labels=export";
    let subjects = |config| -> Vec<String> {
        let told = alerts(story, config).unwrap();
        told.iter().filter(|alert| alert.rev == 1).map(|alert| alert.subject.value.to_string()).collect()
    };
    let all = subjects(RuntimeConfig::default());
    assert_eq!(all.len(), 3);
    let acknowledged = Suppression {
        rule: Some("mfa_bypass_by_key".into()),
        subject: Some(all[0].clone()),
        until: None,
        reason: "nightly export".into(),
    };
    let rest = subjects(RuntimeConfig { suppress: vec![acknowledged], ..RuntimeConfig::default() });
    assert_eq!(rest, all[1..]);
}

#[test]
fn what_was_cut_lowers_confidence() {
    check_confidence(
        "10:00:00 198.51.100.4 -> use GET /export 200 key=k1 labels=export gap",
        expect!["KEY-01 medium"],
    );
}
