//! An issuer that one sensor hears, and an API that another one hears.
//! They are given a key set in an answer, and tokens under its key and under another one.
//! They promise that a forged token is found wherever it is used, and only if its issuer's keys were seen at all.

use crate::alerts::{Outlines, rules};
use crate::cluster::{Cluster, alone};
use crate::services::Service;
use crate::split::HEAD_BYTES;
use crate::stories::{START, call};
use crate::support::conversation;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as B64;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// A token with a wrong signature was accepted.
const FORGED: &str = "JWT-07";
const ISSUER: &str = "id.acme.example";

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a key")
}

/// The issuer's own key, and one that is not.
fn genuine() -> Ed25519KeyPair {
    pair(7)
}

/// A token that was issued so many seconds behind the begin.
fn token(by: &Ed25519KeyPair, account: &str, at_s: u64) -> String {
    let header = r#"{"alg":"EdDSA","typ":"JWT","kid":"k1"}"#;
    let issued = START.as_secs() + at_s;
    let claims =
        format!(r#"{{"iss":"https://{ISSUER}","sub":"{account}","iat":{issued},"exp":{}}}"#, issued + 3_600);
    let input = format!("{}.{}", B64.encode(header), B64.encode(claims));
    let signature = B64.encode(by.sign(input.as_bytes()));
    format!("{input}.{signature}")
}

/// The issuer's keys, as somebody fetches them.
fn published() -> Vec<u8> {
    let x = B64.encode(genuine().public_key());
    let set = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"{x}"}}]}}"#);
    let request = format!("GET /jwks.json HTTP/1.1\nHost: {ISSUER}\n");
    let answer = format!("HTTP/1.1 200 OK\nContent-Type: application/json\n\n{set}\n");
    conversation::pcap(&call(30_000, 0, &request, &answer))
}

/// A refused call of an API, and accepted ones: under another key than the issuer's and under its own, in turn.
fn calls() -> Vec<u8> {
    let request = |more: &str| format!("GET /v1/orders HTTP/1.1\nHost: api.acme.example\n{more}");
    let mut text = call(30_099, 30, &request(""), "HTTP/1.1 401 Unauthorized\n\nwho?\n");
    let signed = [pair(8), genuine()];
    for number in 0..10_u16 {
        let (by, at_s) = (&signed[usize::from(number % 2)], 60 + 5 * u64::from(number));
        let token = token(by, &format!("user-{number}"), at_s);
        let request = request(&format!("Authorization: Bearer {token}\n"));
        text += &call(30_100 + number, at_s, &request, "HTTP/1.1 200 OK\n\nfine\n");
    }
    conversation::pcap(&text)
}

fn has(told: &Outlines) -> bool {
    rules(told).contains(&FORGED)
}

#[test]
fn a_forged_token_is_found_where_another_sensor_saw_its_issuers_keys() {
    let Some(kafka) = Service::shared_kafka() else { return };
    let (at_issuer, at_api) = (published(), calls());
    let expected = alone(&[&at_issuer[..], &at_api[HEAD_BYTES..]].concat());
    assert!(has(&expected), "one process tells it: {expected:#?}");
    assert!(!has(&alone(&at_api)), "without the issuer's keys nobody can");
    let mut cluster = Cluster::new(kafka, "issuer", &["s1", "s2"], &[]);
    cluster.start_workers(1);
    cluster.sensor("s1", &at_issuer, &[]).succeeds();
    cluster.sensor("s2", &at_api, &[]).succeeds();
    cluster.tells(&expected, &[]);
}

#[test]
fn sensors_that_tell_each_other_nothing_know_what_they_see() {
    let Some(kafka) = Service::shared_kafka() else { return };
    let mut cluster = Cluster::new(kafka, "untold", &["s1", "s2"], &["scale.keys_topic="]);
    cluster.start_workers(1);
    cluster.sensor("s1", &published(), &[]).succeeds();
    cluster.sensor("s2", &calls(), &[]).succeeds();
    cluster.tells(&alone(&calls()), &[]);
}
