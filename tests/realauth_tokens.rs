//! Tokens of real products, forged and lawful: what the records tell of them, against the labels.
//! Each forged token has its fact, no lawful one has any, and signatures are right where the issuer's keys were seen.

#![allow(clippy::expect_used, reason = "a test stops where it fails, and says what it found")]

mod support;

use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use support::replay::{folder, replay};

/// Captures in HTTP/1 and in the clear.
const CAPTURES: &[&str] =
    &["allauth-attack", "allauth-benign", "allauth-jwt", "nginx-allauth", "oidc-attack", "oidc-benign"];

#[test]
fn forged_tokens_have_their_fact_and_lawful_ones_have_none() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    let (mut wrong, mut met) = (String::new(), 0);
    for name in CAPTURES {
        let labels = labels(&realauth, name);
        let forged: Vec<&Value> = list(&labels, "expected").filter(|l| l["detector"] == "weak_jwt").collect();
        let run = replay(&[&realauth.join(name).with_extension("pcap")], &[]);
        for label in &forged {
            let about = run.transactions.iter().find(|tx| is_about(label, tx));
            if about.is_some_and(|tx| tells(&tx["jwt"], label)) {
                met += 1;
            } else {
                let _ = writeln!(wrong, "{name}: missed {label}: {:?}", about.map(|tx| &tx["jwt"]));
            }
        }
        let lawful = run.transactions.iter().filter(|tx| !forged.iter().any(|label| is_about(label, tx)));
        for jwt in lawful.map(|tx| &tx["jwt"]).filter(|jwt| jwt.is_object()) {
            if is_suspect(jwt) {
                let _ = writeln!(wrong, "{name}: a lawful token: {jwt}");
            }
        }
        assert_eq!(run.stats["tokens"]["over_budget"], 0, "{name}");
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(met, 10, "forged tokens of the labels");
}

#[test]
fn signatures_are_right_once_the_issuers_keys_were_seen() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    let run = replay(&[&realauth.join("oidc-benign.pcap")], &[]);
    assert_eq!(run.stats["tokens"]["key_sets"], 2, "the provider's configuration and its key set");
    let published = run.transactions.iter().position(|tx| tx["request"]["path"] == "/jwks");
    let (before, after) = run.transactions.split_at(published.expect("somebody asks for the keys"));
    let checks = |part: &[Value]| -> Vec<String> {
        let told = part.iter().filter_map(|tx| tx["jwt"]["check"].as_str());
        told.map(str::to_owned).collect()
    };
    assert!(checks(before).iter().all(|check| check == "not_checked"));
    assert!(checks(after).len() > 10 && checks(after).iter().all(|check| check == "valid"));
}

#[test]
fn another_issuers_key_makes_none_of_them_valid() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    let capture = std::fs::read(realauth.join("oidc-benign.pcap")).expect("the capture is there");
    let start = memchr::memmem::find(&capture, br#"{"keys":["#).expect("somebody asks for the keys");
    let length = memchr::memmem::find(&capture[start..], b"]}").expect("the set ends") + 2;
    let work = tempfile::tempdir().expect("a temporary folder");
    let file = work.path().join("jwks.json");
    std::fs::write(&file, &capture[start..start + length]).expect("the key set is written");
    let keys = format!(
        r#"identity.jwt.keys=[{{issuer="http://login.acme.example:4000",file="{}"}}]"#,
        file.display()
    );
    let checks = |name: &str| -> Vec<String> {
        let run = replay(&[&realauth.join(name)], &["--set", &keys]);
        let jwts = run.transactions.into_iter().filter(|tx| tx["jwt"]["kid"] == "k1");
        jwts.filter_map(|tx| tx["jwt"]["check"].as_str().map(str::to_owned)).collect()
    };
    let (own, other) = (checks("oidc-benign.pcap"), checks("oidc-attack.pcap"));
    assert!(own.len() > 50 && own.iter().all(|check| check == "valid"), "{own:?}");
    // The other capture's server had a key of its own under the same name.
    assert!(other.len() > 50 && other.iter().all(|check| check == "invalid"), "{other:?}");
}

/// DPoP: the access token is bound, and the proof's own key is no trait of it.
#[test]
fn bound_tokens_are_told() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    for name in ["oidc-attack", "oidc-benign"] {
        let run = replay(&[&realauth.join(name).with_extension("pcap")], &[]);
        let has_proof = |tx: &Value| list(tx, "credentials").any(|c| c["kind"] == "dpop");
        let proved = run.transactions.iter().filter(|tx| has_proof(tx) && tx["jwt"].is_object());
        let proved: Vec<_> = proved.map(|tx| &tx["jwt"]).collect();
        assert!(!proved.is_empty(), "{name}");
        assert!(proved.iter().all(|jwt| jwt["bound"] == true && jwt["header"] == serde_json::json!([])));
    }
}

fn labels(realauth: &Path, name: &str) -> Value {
    let text = std::fs::read_to_string(realauth.join(format!("{name}.labels.json")));
    serde_json::from_str(&text.expect("labels are readable")).expect("labels are JSON")
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

/// Whether a transaction is the labelled one: its client's, begun at that time.
fn is_about(label: &Value, tx: &Value) -> bool {
    let time = humantime::parse_rfc3339(tx["time"].as_str().expect("records have times"));
    let time = time.expect("times are RFC 3339").duration_since(std::time::UNIX_EPOCH);
    let apart = time.expect("after 1970").as_secs_f64() - label["t_request"].as_f64().expect("a time");
    tx["client"]["ip"] == label["client_ip"] && apart.abs() < 0.000_5
}

/// Whether the record tells what the label says.
fn tells(jwt: &Value, label: &Value) -> bool {
    let has = |header: &str| list(jwt, "header").any(|word| word == header);
    match label["variant"].as_str().expect("a variant") {
        "alg_none" => jwt["signature"] == "missing",
        "hs256_known_secret" => jwt["known_secret"]["list"] == "builtin",
        "tampered_payload" => jwt["tampered"] == true,
        // A changed header breaks the signature as well.
        "kid_injection" => has("kid_path") && jwt["tampered"] == true,
        "jku_injection" => has("jku") && jwt["tampered"] == true,
        other => unreachable!("{other} is no variant that is known here"),
    }
}

fn is_suspect(jwt: &Value) -> bool {
    jwt["signature"] == "missing"
        || !jwt["known_secret"].is_null()
        || !jwt["confusion"].is_null()
        || jwt["tampered"] == true
        || list(jwt, "header").next().is_some()
        || jwt["check"] == "invalid"
}
