//! A capture that lost packets: what is told of it, and by whom.
//! The same packets are missing for every number of parser threads, and the same is told.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it found"
)]

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use support::conversation::pcap;
use support::replay::{folder, replay};

/// Wrong codes and long lists, one connection a second.
fn traffic() -> Vec<u8> {
    let list = format!("[{}]", vec!["{\"name\":\"somebody with a name of some length\"}"; 100].join(","));
    let mut text = String::new();
    for n in 0..240 {
        let (minute, second) = (n / 60, n % 60);
        let (port, code) = (20_000 + n, n * 37);
        writeln!(
            text,
            "@open c{n} 84.128.212.178:{port} -> 10.0.0.5:80 at 2026-11-21T10:{minute:02}:{second:02}Z\n\
             @c{n}> +1ms\nPOST /mfa/verify HTTP/1.1\nHost: api.example.com\nContent-Type: application/json\n\n\
             {{\"username\":\"alice\",\"code\":\"{code:06}\"}}\n\
             @c{n}< +5ms\nHTTP/1.1 401 Unauthorized\nContent-Type: application/json\n\n\
             {{\"error\":\"invalid_code\"}}\n\
             @c{n}> +5ms\nGET /people HTTP/1.1\nHost: api.example.com\n\n\
             @c{n}< +5ms\nHTTP/1.1 200 OK\nContent-Type: application/json\n\n{list}\n@close c{n} +5ms"
        )
        .expect("written");
    }
    pcap(&text)
}

/// The capture without every `nth` of its larger packets.
fn thinned(capture: &[u8], nth: usize) -> Vec<u8> {
    let mut large = 0;
    kept(capture, |packet| {
        large += usize::from(packet.len() > 1_000);
        packet.len() <= 1_000 || !large.is_multiple_of(nth)
    })
}

/// The capture's packets that `keep` wants.
fn kept(capture: &[u8], mut keep: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let (head, mut rest) = capture.split_at(24);
    let mut kept = head.to_vec();
    while rest.len() > 16 {
        let size: [u8; 4] = rest[8..12].try_into().expect("four bytes");
        let (packet, after) = rest.split_at(16 + u32::from_le_bytes(size) as usize);
        if keep(packet) {
            kept.extend(packet);
        }
        rest = after;
    }
    kept
}

/// The capture with this share of its packets lost, whichever they are.
fn holed(capture: &[u8], percent: u64, seed: u64) -> Vec<u8> {
    let mut state = seed;
    kept(capture, |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % 100 >= percent
    })
}

/// What a record claims: which credential went to which path, and whose it is. Of a path that is not known, the rest.
fn claims(transactions: &[Value]) -> BTreeSet<[String; 3]> {
    let mut claims = BTreeSet::new();
    for record in transactions.iter().filter(|record| record["request"].is_object()) {
        let path = record["request"]["path"].to_string();
        // Whom a token names that a server refuses, nobody knows who did not see the answer.
        let is_answered = record["outcome"] != "unknown";
        let whose = if is_answered && record["principal"]["kind"] == "user" {
            record["principal"]["id"].to_string()
        } else {
            String::new()
        };
        claims.insert([path.clone(), String::new(), String::new()]);
        for credential in record["credentials"].as_array().into_iter().flatten() {
            let fingerprint = credential["fingerprint"].to_string();
            claims.insert([path.clone(), fingerprint.clone(), String::new()]);
            claims.insert([String::new(), fingerprint.clone(), whose.clone()]);
            claims.insert([String::new(), fingerprint, String::new()]);
        }
    }
    claims
}

fn told(home: &Path, capture: &[u8], shards: &str) -> Vec<Value> {
    let path = home.join("capture.pcap");
    std::fs::write(&path, capture).expect("written");
    replay(&[&path], &["--shards", shards]).alerts
}

#[test]
fn what_was_lost_is_told_the_same_way_by_every_number_of_shards() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let whole = traffic();
    let thin = thinned(&whole, 7);
    assert!(thin.len() < whole.len());
    let one = told(home.path(), &thin, "1");
    for shards in ["2", "5"] {
        assert_eq!(one, told(home.path(), &thin, shards), "{shards} shards");
    }
    let own: Vec<&Value> = one.iter().filter(|alert| alert["rule"] == "POS-06").collect();
    assert!(!own.is_empty() && own[0]["severity"] == "high", "{own:?}");
    assert_eq!(own[0]["subject"]["value"], "sensor-1 (loss)", "{own:?}");
    let bursts = one.iter().filter(|alert| alert["detector"] == "mfa_failure_burst" && alert["rev"] != 1);
    let lost: Vec<f64> = bursts.filter_map(|alert| alert["visibility"]["loss_pct"].as_f64()).collect();
    assert!(!lost.is_empty() && lost.iter().all(|percent| (5.0..20.0).contains(percent)), "{lost:?}");

    // The innocent twin: nothing lost, nothing to tell.
    let alerts = told(home.path(), &whole, "2");
    assert!(alerts.iter().all(|alert| alert["rule"] != "POS-06"), "{alerts:?}");
    assert!(alerts.iter().all(|alert| alert["visibility"]["loss_pct"] == 0.0));
}

#[test]
fn a_lossy_capture_of_http2_shows_no_request_that_was_not_made() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    let home = tempfile::tempdir().expect("a temporary folder");
    let path = home.path().join("capture.pcap");
    for name in ["h2c-allauth.pcap", "grpc-auth.pcap"] {
        let whole = std::fs::read(realauth.join(name)).expect("a capture");
        // One key for all runs: fingerprints can be compared.
        let key = format!("privacy.key_file={:?}", home.path().join("key"));
        let options = ["--set", key.as_str()];
        let truth = claims(&replay(&[&realauth.join(name)], &options).transactions);
        for (percent, seed) in [(1, 7), (5, 8), (20, 9), (20, 10)] {
            std::fs::write(&path, holed(&whole, percent, seed)).expect("written");
            let run = replay(&[&path], &options);
            assert_eq!(run.stats["balanced"], true, "{}", run.stats);
            let told = claims(&run.transactions);
            let unknown = "\"\"";
            let made_up: Vec<_> =
                told.iter().filter(|claim| claim[0] != unknown && !truth.contains(*claim)).collect();
            assert!(made_up.is_empty(), "{name}, {percent} % lost: {made_up:?}");
            println!(
                "{name}, {percent} % lost: {} of {} claims",
                told.intersection(&truth).count(),
                truth.len()
            );
        }
    }
}
