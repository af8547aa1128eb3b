//! A capture that lost packets: what is told of it, and by whom.
//! The same packets are missing for every number of parser threads, and the same is told.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it found"
)]

mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use support::conversation::pcap;
use support::figures::figure;
use support::replay::{Replay, folder, replay};

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

/// The capture's packets that `keep` wants, which sees each behind the 16 bytes that a file puts before it.
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

/// The capture with so many of so many packets lost, whichever they are.
fn holed(capture: &[u8], (lost, of): (u64, u64), seed: u64) -> Vec<u8> {
    let mut state = seed;
    kept(capture, |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % of >= lost
    })
}

/// How many bytes TCP carries in a capture that repeats none.
fn carried(capture: &[u8]) -> u64 {
    let mut bytes = 0;
    kept(capture, |packet| {
        let layers = etherparse::SlicedPacket::from_ethernet(&packet[16..]).expect("a whole packet");
        if let Some(etherparse::TransportSlice::Tcp(tcp)) = layers.transport {
            bytes += tcp.payload().len() as u64;
        }
        false
    });
    bytes
}

/// What records say: which request carried which credential, on which connection, and whose it is.
#[derive(Default)]
struct Claims {
    /// How often: connection, method, path, credential.
    requests: BTreeMap<[String; 4], usize>,
    /// Connection, credential, user.
    owners: BTreeSet<[String; 3]>,
}

impl Claims {
    fn of(transactions: &[Value]) -> Self {
        let mut claims = Self::default();
        for record in transactions.iter().filter(|record| record["request"].is_object()) {
            let text = |place: &str| record.pointer(place).map(Value::to_string).unwrap_or_default();
            let ends = ["src_ip", "src_port", "dst_ip", "dst_port"].map(|end| text(&format!("/flow/{end}")));
            let (connection, method, path) = (ends.join(" "), text("/request/method"), text("/request/path"));
            // Whom a token names that a server refuses, nobody knows who did not see the answer.
            let is_answered = record["outcome"] != "unknown";
            let user = record.pointer("/principal/id").filter(|_| record["principal"]["kind"] == "user");
            for credential in record["credentials"].as_array().into_iter().flatten() {
                let fingerprint = credential["fingerprint"].to_string();
                let request = [connection.clone(), method.clone(), path.clone(), fingerprint.clone()];
                *claims.requests.entry(request).or_default() += 1;
                if let Some(user) = user.filter(|_| is_answered) {
                    claims.owners.insert([connection.clone(), fingerprint, user.to_string()]);
                }
            }
        }
        claims
    }

    /// How many requests carried a credential.
    fn count(&self) -> usize {
        self.requests.values().sum()
    }

    /// Requests by connection and credential alone: of some the loss took the path.
    fn by_credential(&self) -> BTreeMap<[&str; 2], usize> {
        let mut counts = BTreeMap::new();
        for ([connection, _, _, fingerprint], count) in &self.requests {
            *counts.entry([connection.as_str(), fingerprint]).or_default() += count;
        }
        counts
    }

    /// What is said here and is not so.
    fn beyond(&self, truth: &Self) -> Vec<String> {
        let unknown = |request: &[String; 4]| request[1..3].iter().any(|word| word == "\"\"");
        let known = self.requests.iter().filter(|(request, _)| !unknown(request));
        let more = known.filter(|(request, count)| truth.requests.get(*request).unwrap_or(&0) < *count);
        let (ours, theirs) = (self.by_credential(), truth.by_credential());
        let oftener = ours.iter().filter(|(whose, count)| theirs.get(*whose).unwrap_or(&0) < *count);
        let owners = self.owners.difference(&truth.owners);
        let mut told: Vec<String> = more.map(|made_up| format!("{made_up:?}")).collect();
        told.extend(oftener.map(|made_up| format!("{made_up:?}")));
        told.extend(owners.map(|made_up| format!("{made_up:?}")));
        told
    }
}

/// Adds the accounts of a run up anew: what came in is what went out and what was dropped, by reason.
fn account(run: &Replay) {
    let stats = &run.stats;
    assert_eq!(stats["balanced"], true, "{stats}");
    let count = |place: &str| {
        let value = stats.pointer(place).unwrap_or_else(|| panic!("{place} in {stats}"));
        match value {
            Value::Object(reasons) => reasons.values().filter_map(Value::as_u64).sum(),
            number => number.as_u64().expect("a count"),
        }
    };
    for (came, went) in [
        ("/packets/read", &["/packets/processed", "/packets/dropped"][..]),
        ("/segments/received", &["/segments/accepted", "/segments/refused"]),
        ("/bytes/received", &["/bytes/delivered", "/bytes/duplicate", "/bytes/discarded", "/bytes/buffered"]),
        ("/flows/opened", &["/flows/closed", "/flows/evicted", "/flows/open"]),
    ] {
        let sum: u64 = went.iter().map(|part| count(part)).sum();
        assert_eq!(count(came), sum, "{came} is {went:?}: {stats}");
        assert!(sum > 0, "{came}: {stats}");
    }
    assert_eq!(count("/transactions"), run.transactions.len() as u64, "{stats}");
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

/// Packets lost in a hundred, and by which dice.
const SWEEP: [(u64, u64); 4] = [(1, 7), (5, 8), (20, 9), (20, 10)];
/// How many of a hundred requests with a credential are found at least, for each row of the sweep. What was spelled in
/// a lost packet is named by its index from then on: of a long connection whose clients never spell a cookie again,
/// one loss costs the rest; short ones begin anew.
const FOUND_MIN: [(&str, [usize; 4]); 2] =
    [("h2c-allauth.pcap", [36, 22, 12, 12]), ("grpc-auth.pcap", [95, 90, 76, 74])];

#[test]
fn a_lossy_capture_of_http2_shows_no_request_that_was_not_made() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    let home = tempfile::tempdir().expect("a temporary folder");
    let path = home.path().join("capture.pcap");
    for (name, found_min) in FOUND_MIN {
        let whole = std::fs::read(realauth.join(name)).expect("a capture");
        // One key for all runs: fingerprints can be compared.
        let key = format!("privacy.key_file={:?}", home.path().join("key"));
        let options = ["--set", key.as_str()];
        let run = replay(&[&realauth.join(name)], &options);
        account(&run);
        let truth = Claims::of(&run.transactions);
        assert!(truth.count() > 100 && !truth.owners.is_empty(), "{name}: {}", truth.count());
        for ((percent, seed), found_min) in SWEEP.into_iter().zip(found_min) {
            let holed = holed(&whole, (percent, 100), seed);
            std::fs::write(&path, &holed).expect("written");
            let run = replay(&[&path], &options);
            account(&run);
            let told = Claims::of(&run.transactions);
            assert_eq!(told.beyond(&truth), [""; 0], "{name}, {percent} % lost");
            let found = told.count() * 100 / truth.count();
            let what = format!("{name}, {percent} % lost");
            figure("F4", &what, &format!("0 of {} under a wrong credential", told.count()), true);
            println!("{name}, {percent} % lost: {} of {} requests", told.count(), truth.count());
            assert!(found >= found_min, "{name}, {percent} % lost: {found} % found, not {found_min} %");
        }
    }
}

/// Packets lost in a thousand.
const LOSSES: [u64; 5] = [1, 5, 10, 50, 200];

#[test]
fn the_bytes_that_were_lost_are_counted_by_those_that_were_not() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let path = home.path().join("capture.pcap");
    let whole = traffic();
    for per_mille in LOSSES {
        let holed = holed(&whole, (per_mille, 1_000), 11);
        std::fs::write(&path, &holed).expect("written");
        let run = replay(&[&path], &[]);
        account(&run);
        let lost = carried(&whole) - carried(&holed);
        let told = run.stats["bytes"]["missing"].as_u64().expect("a count");
        let within = told.abs_diff(lost) * 10 <= lost;
        let what = format!("lost bytes, {:.1} % of packets", per_mille as f64 / 10.0);
        figure("F7", &what, &format!("{told} told of {lost}"), within);
        assert!(lost > 0 && within, "{per_mille} of a thousand: {told} told of {lost}");
    }
}
