//! Stories of keys that others know: by a list, and by what the sensor saw.

use crate::story::{check, check_confidence, check_rule};
use expect_test::expect;

#[test]
fn refused_then_accepted_then_told_once_a_day() {
    check(
        "10:00:00 203.0.113.7 -> use GET /me 401 key=k1 known=reported
         10:00:01 203.0.113.7 -> use GET /me 401 key=k1 known=reported
         11:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1 known=reported
         12:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1 known=reported
         1d+10:59:59.999999999 203.0.113.7 -> use GET /me 200 user=ann key=k1 known=reported
         1d+11:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1 known=reported",
        expect![[r#"
            10:00:00.000 KEY-08 compromised_key_use low 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b tried from 203.0.113.7: listed as compromised (line 7)
            11:00:00.000 KEY-08 compromised_key_use critical 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann accepted from 203.0.113.7: listed as compromised (line 7)
            11:00:00.000 KEY-08 compromised_key_use critical 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann accepted from 203.0.113.7: listed as compromised (line 7)
        "#]],
    );
}

#[test]
fn an_example_a_test_key_and_what_else_may_be_listed() {
    check(
        "10:00:00 203.0.113.7 -> use GET /me 200 key=example known=example
         10:00:01 203.0.113.7 -> use GET /me 403 key=test known=test
         10:00:02 203.0.113.7 -> use GET /me 200 key=test known=test
         10:00:03 203.0.113.7 -> use GET /me - key=other known=example
         10:00:03 203.0.113.7 -> use GET /me 401 key=changeme known=placeholder
         10:00:03 203.0.113.7 -> use GET /me 200 key=changeme known=placeholder
         10:00:04 203.0.113.7 -> token POST /token 200 service=robot secret=s1 known=reported
         10:00:05 203.0.113.7 -> use GET /me 200 user=ann session=s1 known=reported",
        expect![[r#"
            10:00:00.000 KEY-08 compromised_key_use critical 2cf10fd03f2be6c69ff2ee4d4bcd4a09: api_key 2cf10fd0 accepted from 203.0.113.7: an example that everybody can read (somewhere)
            10:00:01.000 KEY-08 compromised_key_use info 4a8fa83b9535f97b4bf553a0c0fd20dc: api_key 4a8fa83b tried from 203.0.113.7: a published test key (somewhere)
            10:00:02.000 KEY-08 compromised_key_use low 4a8fa83b9535f97b4bf553a0c0fd20dc: api_key 4a8fa83b accepted from 203.0.113.7: a published test key (somewhere)
            10:00:03.000 KEY-08 compromised_key_use low 557363b9c4a81d3e0aa8afe21236fdce: api_key 557363b9 tried from 203.0.113.7: an example that everybody can read (somewhere)
            10:00:03.000 KEY-08 compromised_key_use critical 4758aee139cedad0fa5012b97ff3141a: api_key 4758aee1 accepted from 203.0.113.7: a placeholder of examples
            10:00:04.000 KEY-08 compromised_key_use critical 2b818967e2e654b0bc6923b75bfde00d: client_secret 2b818967 of robot accepted from 203.0.113.7: listed as compromised (line 7)
            10:00:05.000 KEY-08 compromised_key_use critical 5a8a20dffa5a79e669ad22be83bbd9bf: session_cookie 5a8a20df of ann accepted from 203.0.113.7: listed as compromised (line 7)
        "#]],
    );
}

#[test]
fn a_key_beside_a_session_was_not_what_was_believed() {
    check(
        "10:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 key=k1 known=example",
        expect![[r#"
            10:00:00.000 KEY-08 compromised_key_use low 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b tried from 203.0.113.7: an example that everybody can read (somewhere)
        "#]],
    );
}

#[test]
fn a_key_that_nobody_knows() {
    check(
        "10:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1
         10:00:01 203.0.113.7 -> use GET /me 200 user=ann key=k1 known=reported repeat",
        expect![[""]],
    );
}

#[test]
fn what_was_cut_lowers_confidence() {
    check_confidence(
        "10:00:00 203.0.113.7 -> use GET /me 200 key=k1 known=example gap",
        expect!["KEY-08 medium"],
    );
}

/// A key at home at one address, then given to another.
const OPEN: &str = "10:00:00 192.0.2.1 -> use GET /me 200 service=shop key=stripe_live:k1
     11:00:00 203.0.113.9 -> use GET /config.json 200 exposed=response:stripe_live:secret:k1";

#[track_caller]
fn check_open(story: &str, expected: expect_test::Expect) {
    check_rule(&super::RULE, &format!("{OPEN}\n{story}"), expected);
}

#[test]
fn a_key_that_was_laid_open_is_used_by_who_was_given_it() {
    check_open(
        "12:00:00 203.0.113.9 -> use GET /me 200 service=shop key=stripe_live:k1 x2",
        expect![[r#"
        12:00:00.000 KEY-08 compromised_key_use critical 6b8498eca2b132fd5320c1c6795b08e4: stripe_live 6b8498ec of shop accepted from 203.0.113.9, which was given it: laid open in an answer of GET /config.json on api.example.com to 203.0.113.9 at 2026-11-21T11:00:00.000000Z
    "#]],
    );
}

#[test]
fn a_key_that_was_laid_open_is_used_by_a_stranger_once_a_day() {
    check_open(
        "12:00:00 198.51.100.7 -> use GET /me 200 service=shop key=stripe_live:k1 x2
         1d+11:59:59.999999999 198.51.100.7 -> use GET /me 200 service=shop key=stripe_live:k1
         1d+12:00:00 198.51.100.8 -> use GET /me 200 service=shop key=stripe_live:k1",
        expect![[r#"
            12:00:00.000 KEY-08 compromised_key_use critical 6b8498eca2b132fd5320c1c6795b08e4: stripe_live 6b8498ec of shop accepted from 198.51.100.7, which had not used it before: laid open in an answer of GET /config.json on api.example.com to 203.0.113.9 at 2026-11-21T11:00:00.000000Z
            12:00:00.000 KEY-08 compromised_key_use critical 6b8498eca2b132fd5320c1c6795b08e4: stripe_live 6b8498ec of shop accepted from 198.51.100.8, which had not used it before: laid open in an answer of GET /config.json on api.example.com to 203.0.113.9 at 2026-11-21T11:00:00.000000Z
        "#]],
    );
}

#[test]
fn its_owner_who_goes_on_is_told_once_and_a_thief_at_once() {
    check_open(
        "12:00:00 192.0.2.1 -> use GET /me 200 service=shop key=stripe_live:k1 x2
         5d+12:00:00 192.0.2.200 -> use GET /me 200 service=shop key=stripe_live:k1
         5d+12:00:01 198.51.100.7 -> use GET /me 200 service=shop key=stripe_live:k1
         6d+12:00:02 192.0.2.1 -> use GET /me 200 service=shop key=stripe_live:k1",
        expect![[r#"
            12:00:00.000 KEY-08 compromised_key_use medium 6b8498eca2b132fd5320c1c6795b08e4: stripe_live 6b8498ec of shop accepted from 192.0.2.1, as before; it is open and still works: laid open in an answer of GET /config.json on api.example.com to 203.0.113.9 at 2026-11-21T11:00:00.000000Z
            12:00:01.000 KEY-08 compromised_key_use critical 6b8498eca2b132fd5320c1c6795b08e4: stripe_live 6b8498ec of shop accepted from 198.51.100.7, which had not used it before: laid open in an answer of GET /config.json on api.example.com to 203.0.113.9 at 2026-11-21T11:00:00.000000Z
        "#]],
    );
}

#[test]
fn a_replaced_key_is_no_matter_of_its_owner_and_a_sign_of_somebody_elses() {
    check_open(
        "12:00:00 192.0.2.1 -> use GET /me 401 service=shop key=stripe_live:k1
         12:00:01 198.51.100.7 -> use GET /me 401 key=stripe_live:k1 x2",
        expect![[r#"
            12:00:01.000 KEY-08 compromised_key_use low 6b8498eca2b132fd5320c1c6795b08e4: stripe_live 6b8498ec tried from 198.51.100.7, which had not used it before: laid open in an answer of GET /config.json on api.example.com to 203.0.113.9 at 2026-11-21T11:00:00.000000Z
        "#]],
    );
}

#[test]
fn a_key_with_a_test_in_its_name_opens_little() {
    check_open(
        "12:00:00 192.0.2.1 -> use GET /me 200 service=shop key=stripe_live:k1 stage=test
         12:00:01 198.51.100.7 -> use GET /me 200 service=shop key=stripe_live:k1 stage=test",
        expect![[r#"
            12:00:00.000 KEY-08 compromised_key_use info 6b8498eca2b132fd5320c1c6795b08e4: stripe_live 6b8498ec of shop accepted from 192.0.2.1, as before; it is open and still works: laid open in an answer of GET /config.json on api.example.com to 203.0.113.9 at 2026-11-21T11:00:00.000000Z
            12:00:01.000 KEY-08 compromised_key_use low 6b8498eca2b132fd5320c1c6795b08e4: stripe_live 6b8498ec of shop accepted from 198.51.100.7, which had not used it before: laid open in an answer of GET /config.json on api.example.com to 203.0.113.9 at 2026-11-21T11:00:00.000000Z
        "#]],
    );
}

#[test]
fn a_network_is_a_system_where_systems_are_known() {
    check_rule(
        &super::RULE,
        "10:00:00 192.0.2.1 -> use GET /me 200 service=shop key=stripe_live:k1 asn=64501
         11:00:00 203.0.113.9 -> use GET /config.json 200 exposed=response:stripe_live:secret:k1 asn=64501
         12:00:00 198.51.100.7 -> use GET /me 200 service=shop key=stripe_live:k1 asn=64501
         12:00:01 192.0.2.1 -> use GET /me 200 service=shop key=stripe_live:k1 asn=64502",
        expect![[r#"
            12:00:00.000 KEY-08 compromised_key_use medium 6b8498eca2b132fd5320c1c6795b08e4: stripe_live 6b8498ec of shop accepted from 198.51.100.7, as before; it is open and still works: laid open in an answer of GET /config.json on api.example.com to 203.0.113.9 at 2026-11-21T11:00:00.000000Z
            12:00:01.000 KEY-08 compromised_key_use critical 6b8498eca2b132fd5320c1c6795b08e4: stripe_live 6b8498ec of shop accepted from 192.0.2.1, which had not used it before: laid open in an answer of GET /config.json on api.example.com to 203.0.113.9 at 2026-11-21T11:00:00.000000Z
        "#]],
    );
}

#[test]
fn where_no_use_was_seen_before_an_owner_looks_like_a_stranger() {
    let story = |user: &str| {
        format!(
            "11:00:00 203.0.113.9 -> use GET /config.json 200 exposed=response:stripe_live:secret:k1
             12:00:00 {user} -> use GET /me 200 service=shop key=stripe_live:k1"
        )
    };
    check_confidence(
        &story("192.0.2.1"),
        expect![[r#"
        KEY-06 high
        KEY-08 low"#]],
    );
    check_confidence(
        &story("203.0.113.9"),
        expect![[r#"
        KEY-06 high
        KEY-08 high"#]],
    );
}

#[test]
fn whoever_sends_a_referer_had_the_key() {
    check_rule(
        &super::RULE,
        "11:00:00 203.0.113.9 -> use GET /logo.png 200 exposed=referer:stripe_live:key:k1
         12:00:00 203.0.113.9 -> use GET /me 200 service=shop key=stripe_live:k1
         12:00:01 198.51.100.7 -> use GET /me 200 service=shop key=stripe_live:k1",
        expect![[r#"
            12:00:00.000 KEY-08 compromised_key_use medium 6b8498eca2b132fd5320c1c6795b08e4: stripe_live 6b8498ec of shop accepted from 203.0.113.9, as before; it is open and still works: laid open in the Referer of GET /logo.png on api.example.com from 203.0.113.9 at 2026-11-21T11:00:00.000000Z
            12:00:01.000 KEY-08 compromised_key_use critical 6b8498eca2b132fd5320c1c6795b08e4: stripe_live 6b8498ec of shop accepted from 198.51.100.7, which had not used it before: laid open in the Referer of GET /logo.png on api.example.com from 203.0.113.9 at 2026-11-21T11:00:00.000000Z
        "#]],
    );
}

#[test]
fn a_page_at_work_with_its_key_lays_nothing_open() {
    check_rule(
        &super::RULE,
        "11:00:00 203.0.113.9 -> use GET /me 200 service=shop key=stripe_live:k1 exposed=referer:stripe_live:key:k1
         12:00:01 198.51.100.7 -> use GET /me 200 service=shop key=stripe_live:k1",
        expect![[""]],
    );
}

#[test]
fn what_is_handed_out_public_inside_or_not_a_key() {
    let used = "12:00:00 198.51.100.7 -> use GET /me 200 service=shop key=stripe_live:k1
                12:00:01 198.51.100.7 -> use GET /map 200 key=google_api_key:g1
                12:00:02 203.0.113.9 -> use GET /me 200 service=shop key=stripe_live:k1";
    for given in [
        // Its owner, or somebody who showed something.
        "GET /settings 200 user=ann session=s1 exposed=response:stripe_live:secret:k1",
        "GET /settings 200 service=shop key=other exposed=response:stripe_live:secret:k1",
        // What is made for the caller.
        "POST /devices 201 exposed=response:stripe_live:secret:k1",
        "GET /v1/keys 200 labels=key exposed=response:stripe_live:secret:k1",
        "GET /setup 200 labels=sign_up exposed=response:stripe_live:secret:k1",
        // What may have had a credential that was not seen.
        "GET /config.json 200 gap exposed=response:stripe_live:secret:k1",
        // The second sight of an exchange.
        "GET /config.json 200 repeat exposed=response:stripe_live:secret:k1",
        // Public by design, or not to be recognised.
        "GET /config.json 200 exposed=response:google_api_key:key:g1",
        "GET /config.json 200 exposed=response:stripe_live:secret",
        // In its own address a key is shown by whoever uses it.
        "GET /config.json 200 exposed=query:stripe_live:secret:k1",
    ] {
        check_rule(&super::RULE, &format!("11:00:00 203.0.113.9 -> use {given}\n{used}"), expect![[""]]);
    }
    check_rule(
        &super::RULE,
        &format!("11:00:00 10.0.0.9 -> use GET /config 200 exposed=response:stripe_live:secret:k1\n{used}"),
        expect![[""]],
    );
}

#[test]
fn an_error_lays_open_what_its_page_shows() {
    check_rule(
        &super::RULE,
        "11:00:00 203.0.113.9 -> use POST /orders 500 exposed=response:stripe_live:key:k1
         12:00:00 203.0.113.9 -> use GET /me 200 service=shop key=stripe_live:k1",
        expect![[r#"
            12:00:00.000 KEY-08 compromised_key_use critical 6b8498eca2b132fd5320c1c6795b08e4: stripe_live 6b8498ec of shop accepted from 203.0.113.9, which was given it: laid open in an answer of POST /orders on api.example.com to 203.0.113.9 at 2026-11-21T11:00:00.000000Z
        "#]],
    );
}

#[test]
fn a_key_beside_a_session_was_not_used() {
    check_open(
        "12:00:00 198.51.100.7 -> use GET /me 200 user=eve session=s1 key=stripe_live:k1",
        expect![[r#"
            12:00:00.000 KEY-08 compromised_key_use low 6b8498eca2b132fd5320c1c6795b08e4: stripe_live 6b8498ec tried from 198.51.100.7, which had not used it before: laid open in an answer of GET /config.json on api.example.com to 203.0.113.9 at 2026-11-21T11:00:00.000000Z
        "#]],
    );
}

#[test]
fn a_key_that_is_listed_is_told_by_its_list() {
    check_open(
        "12:00:00 198.51.100.7 -> use GET /me 200 service=shop key=stripe_live:k1 known=reported",
        expect![[r#"
            12:00:00.000 KEY-08 compromised_key_use critical 6b8498eca2b132fd5320c1c6795b08e4: stripe_live 6b8498ec of shop accepted from 198.51.100.7: listed as compromised (line 7)
        "#]],
    );
}

#[test]
fn a_key_that_is_used_everywhere_has_no_strangers() {
    let story = |homes: u32| {
        format!(
            "10:00:00 192.0.2.1 -> use GET /me 200 service=shop key=stripe_live:k1 asn={{64501..{}}}
             11:00:00 203.0.113.9 -> use GET /config.json 200 exposed=response:stripe_live:secret:k1
             12:00:00 198.51.100.7 -> use GET /me 200 service=shop key=stripe_live:k1 asn=64999",
            64500 + homes
        )
    };
    check_rule(
        &super::RULE,
        &story(31),
        expect![[r#"
        12:00:00.000 KEY-08 compromised_key_use critical 6b8498eca2b132fd5320c1c6795b08e4: stripe_live 6b8498ec of shop accepted from 198.51.100.7, which had not used it before: laid open in an answer of GET /config.json on api.example.com to 203.0.113.9 at 2026-11-21T11:00:00.000000Z
    "#]],
    );
    check_rule(
        &super::RULE,
        &story(32),
        expect![[r#"
            12:00:00.000 KEY-08 compromised_key_use medium 6b8498eca2b132fd5320c1c6795b08e4: stripe_live 6b8498ec of shop accepted from 198.51.100.7, as before; it is open and still works: laid open in an answer of GET /config.json on api.example.com to 203.0.113.9 at 2026-11-21T11:00:00.000000Z
        "#]],
    );
}

#[test]
fn a_key_that_nobody_uses_for_ninety_days_is_forgotten_with_its_leak() {
    let story = |another: &str| {
        format!(
            "{OPEN}
             {another} 192.0.2.77 -> use GET /me 200 service=other key=stripe_live:k2
             95d+12:00:00 198.51.100.7 -> use GET /me 200 service=shop key=stripe_live:k1"
        )
    };
    check_rule(
        &super::RULE,
        &story("90d+11:00:00"),
        expect![[r#"
        12:00:00.000 KEY-08 compromised_key_use critical 6b8498eca2b132fd5320c1c6795b08e4: stripe_live 6b8498ec of shop accepted from 198.51.100.7, which had not used it before: laid open in an answer of GET /config.json on api.example.com to 203.0.113.9 at 2026-11-21T11:00:00.000000Z
    "#]],
    );
    check_rule(&super::RULE, &story("90d+11:00:00.000000001"), expect![[""]]);
}
