//! Everything that a running sensor lets out of itself, searched for what crossed its wire and for what it was trusted with.
//! It has every output on, a broker and a database that are away, a webhook that refuses, and every word of its log.
//! They promise that a secret of the capture, a password, the token and the key are in none of it, in any spelling.

use crate::running::Running;
use crate::support::figures::{figure, long};
use crate::support::realauth;
use crate::support::replay::folder;
use crate::support::secrets::{is_word, leaked};
use crate::visit::get;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

/// What the sensor is trusted with.
const TOKEN: &str = "5f0c1b7e93a84d26b1e0c7f2a95d3846";
const BROKER: &str = "Juniper-slate-4471-broker";
const DATABASE: &str = "Harbor-quill-9925-database";
const ROUTING: &str = "Copper-finch-3310-webhook";
/// Captures of more are for the long form.
const QUICK_BYTES_MAX: usize = 1_500_000;
/// Pages that are looked at of each run.
const PAGES_QUICK: usize = 60;

/// A webhook that wants none of it, so that what it is sent becomes a dead letter.
fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
            let mut sent = vec![0; 1 << 20];
            let _ = stream.read(&mut sent);
            let _ = stream.write_all(
                b"HTTP/1.1 422 Unprocessable Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        }
    });
    address
}

/// A sensor with every output on.
fn sensor(place: &Path, capture: &[u8]) -> Running {
    for (name, secret) in [("token", TOKEN), ("broker", BROKER), ("database", DATABASE)] {
        std::fs::write(place.join(name), format!("{secret}\n")).unwrap();
    }
    // Arguments are for everybody to read, so what is secret stands in a file.
    let header = format!("[sinks.webhook.headers]\nauthorization = \"{ROUTING}\"\n");
    std::fs::write(place.join("own.toml"), header).unwrap();
    let webhook = format!("sinks.webhook.url=http://{}/hook", refusing());
    let mut options: Vec<&str> = vec![
        "--config",
        "own.toml",
        "--alerts",
        "alerts",
        "--transactions",
        "transactions",
        "--inventory",
        "inventory",
        "--stats",
        "stats",
    ];
    for set in [
        "state.dir=kept",
        "spool.bytes_max=67108864",
        "spool.drain_timeout_s=1",
        "web.token_file=token",
        "sinks.kafka.brokers=127.0.0.1:1",
        "sinks.kafka.user=heelguard",
        "sinks.kafka.mechanism=PLAIN",
        "sinks.kafka.security=sasl_plaintext",
        "sinks.kafka.password_file=broker",
        "sinks.clickhouse.url=http://127.0.0.1:1",
        "sinks.clickhouse.user=heelguard",
        "sinks.clickhouse.password_file=database",
        &webhook,
    ] {
        options.extend(["--set", set]);
    }
    Running::start(place, &options, capture)
}

/// Every page that the pages lead to, and what stands beside them.
fn pages(address: SocketAddr, most: usize) -> Vec<u8> {
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    let mut waiting: Vec<String> =
        ["/metrics", "/health/ready", "/health/live", "/alerts.csv", "/alerts.jsonl", "/endpoints.csv", "/"]
            .map(str::to_owned)
            .to_vec();
    let mut known: BTreeSet<String> = waiting.iter().cloned().collect();
    let mut everything = Vec::new();
    let mut at = 0;
    while at < waiting.len().min(most) {
        let answer = get(address, &waiting[at], &bearer);
        assert_ne!(answer.status, 401, "{}", waiting[at]);
        for link in answer.body.split("href=\"/").skip(1) {
            let path = format!("/{}", link.split(['"', '#']).next().unwrap()).replace("&amp;", "&");
            if known.insert(path.clone()) {
                waiting.push(path);
            }
        }
        everything.extend(answer.body.into_bytes());
        at += 1;
    }
    assert!(at > 20, "only {at} pages");
    everything
}

/// What the kernel tells others of a process.
fn told_by_kernel(id: u32) -> Vec<u8> {
    let names = ["environ", "cmdline", "status", "limits", "comm", "maps"];
    names.iter().flat_map(|name| std::fs::read(format!("/proc/{id}/{name}")).unwrap_or_default()).collect()
}

/// Everything in a folder but the capture and what the sensor was trusted with.
fn files(place: &Path, found: &mut Vec<u8>) {
    for entry in std::fs::read_dir(place).unwrap().map_while(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if !["token", "broker", "database", "own.toml", "a.pcap"]
            .iter()
            .any(|name| path.ends_with(name))
            && path.extension().is_none_or(|ending| ending != "key")
        {
            found.extend(path.to_string_lossy().bytes());
            found.extend(std::fs::read(&path).unwrap());
        }
    }
}

/// What crossed the wire, as the labels say.
fn crossed(labels: &Value) -> BTreeSet<String> {
    let secrets = labels["secrets"].as_array().map(Vec::as_slice).unwrap_or_default().iter();
    secrets
        .filter_map(|secret| secret["value"].as_str())
        .filter(|value| !is_word(value))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_running_sensor_tells_no_secret_anywhere() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    let (mut swept, mut bytes, mut runs) = (0, 0, 0);
    let captures = realauth::captures(&realauth);
    let share = if long() { 1 } else { 3 };
    for (capture, labels) in captures.iter().step_by(share) {
        let place = tempfile::tempdir().unwrap();
        let raw = std::fs::read(capture).unwrap();
        if !long() && raw.len() > QUICK_BYTES_MAX {
            continue;
        }
        let running = sensor(place.path(), &raw);
        assert!(!running.said().contains('\u{1b}'), "the log paints what is no terminal");
        let mut everything = pages(running.address, if long() { usize::MAX } else { PAGES_QUICK });
        everything.extend(told_by_kernel(running.id()));
        assert!(running.end().success(), "{}", capture.display());
        let dead = place.path().join("kept/dead-letters");
        assert!(
            dead.is_dir() || !capture.to_string_lossy().contains("attack"),
            "no dead letters: {}",
            capture.display()
        );
        files(place.path(), &mut everything);

        let mut secrets = crossed(labels);
        let key = std::fs::read(place.path().join("heelguard/fingerprint.key")).unwrap();
        secrets.extend([TOKEN, BROKER, DATABASE, ROUTING].map(str::to_owned));
        secrets.insert(String::from_utf8_lossy(&key).trim().to_owned());
        let found = leaked(&everything, secrets.iter().cloned());
        assert!(found.is_empty(), "{}: {found:#?}", capture.display());
        for planted in [TOKEN, BROKER, secrets.first().unwrap()] {
            let planted = [everything.as_slice(), b" \"", planted.as_bytes(), b"\""].concat();
            assert!(!leaked(&planted, secrets.iter().cloned()).is_empty(), "the sweep is blind");
        }
        (swept, bytes, runs) = (swept + secrets.len(), bytes + everything.len(), runs + 1);
    }
    figure(
        "F11",
        "secrets in anything that a running sensor lets out",
        &format!("0 of {swept}, in {} MB of {runs} sensors", bytes / 1_000_000),
        true,
    );
    assert!(swept > 500, "only {swept} secrets were looked for");
}
