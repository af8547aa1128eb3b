//! State that outlives the process: windows, learning, open episodes and who is who.
//! A run that ends, or is killed, and a second run over the rest must tell what one run over everything tells.
//! Damaged state is set aside with a message and never stops a run.

#![allow(clippy::expect_used, reason = "a test stops where it fails")]

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};
use support::conversation::pcap;
use support::replay::{folder, heelguard, text};

/// One wrong code on a connection of its own.
fn wrong_code(connection: &str, port: u16, clock: &str) -> String {
    format!(
        "@open {connection} 84.128.212.178:{port} -> 10.0.0.5:443 at 2026-11-21T{clock}Z
@{connection}> +1s
POST /mfa/verify HTTP/1.1
Host: api.example.com
Content-Type: application/json

{{\"mfa_token\":\"tkt_alice_9f2c41d07ab3\",\"code\":\"11111{connection}\"}}
@{connection}< +150ms
HTTP/1.1 401 Unauthorized
Content-Type: application/json

{{\"error\":\"invalid_code\"}}
@close {connection} +1s
"
    )
}

const LOGIN: &str = "@open l 84.128.212.178:51000 -> 10.0.0.5:443 at 2026-11-21T10:00:00Z
@l> +1s
POST /login HTTP/1.1
Host: api.example.com
Content-Type: application/json

{\"username\":\"alice@example.com\",\"password\":\"correct horse 41\"}
@l< +200ms
HTTP/1.1 401 Unauthorized
Content-Type: application/json

{\"error\":\"mfa_required\",\"mfa_token\":\"tkt_alice_9f2c41d07ab3\"}
@close l +1s
";

/// Runs a capture with state; what it printed, and the alerts that opened or grew.
fn run(home: &Path, capture: &Path, state: Option<&Path>) -> (Output, BTreeSet<String>) {
    let mut command = heelguard(home);
    command.args(["replay", "--shards", "1", "--format", "jsonl"]).arg(capture);
    if let Some(state) = state {
        command.arg("--set").arg(format!("state.dir={}", state.display()));
    }
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{}", text(&output));
    let told = told(&output.stdout);
    (output, told)
}

/// Detector, id, state and message of every alert that opened or grew.
fn told(records: &[u8]) -> BTreeSet<String> {
    let lines = records.split(|&b| b == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let news = lines.filter(|alert| alert["status"] != "closed");
    news.map(|alert| format!("{} {} {} {}", alert["detector"], alert["id"], alert["rev"], alert["message"]))
        .collect()
}

#[test]
fn the_third_wrong_code_after_a_restart() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, content: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, pcap(content)).expect("written");
        path
    };
    let before = [LOGIN, &wrong_code("1", 51001, "10:01:00"), &wrong_code("2", 51002, "10:02:00")].concat();
    let after = wrong_code("3", 51003, "10:03:00");
    let whole = file("whole.pcap", &[before.as_str(), &after].concat());
    let (before, after) = (file("before.pcap", &before), file("after.pcap", &after));
    let state = home.path().join("state");

    let (_, expected) = run(home.path(), &whole, None);
    let (_, first) = run(home.path(), &before, Some(&state));
    let (_, second) = run(home.path(), &after, Some(&state));
    assert!(expected.iter().any(|alert| alert.contains("mfa_failure_burst") && alert.contains("alice")));
    assert_eq!(first.union(&second).cloned().collect::<BTreeSet<_>>(), expected);

    // The innocent twin: without state the second run knows neither the person nor the first two codes.
    let (_, alone) = run(home.path(), &after, None);
    assert!(!alone.iter().any(|alert| alert.contains("mfa_failure_burst")), "{alone:?}");

    // What is in the state is not counted again.
    let (output, again) = run(home.path(), &whole, Some(&state));
    assert_eq!(again, BTreeSet::new());
    assert!(text(&output).contains("4 transactions are no newer than the state"), "{}", text(&output));
}

#[test]
fn names_that_were_kept_plain_are_not_told_once_they_are_to_be_hidden() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, content: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, pcap(content)).expect("written");
        path
    };
    let (before, after) =
        (file("before.pcap", LOGIN), file("after.pcap", &wrong_code("1", 51001, "10:01:00")));
    let state = home.path().join("state");
    run(home.path(), &before, Some(&state));
    let hidden = |principals: &str| {
        let mut command = heelguard(home.path());
        command.args(["replay", "--alerts", "/dev/null", "--transactions", "-"]).arg(&after);
        command.arg("--set").arg(format!("state.dir={}", state.display()));
        command.arg("--set").arg(format!("privacy.principals={principals}"));
        text(&command.output().expect("the program starts"))
    };
    let told = hidden("hashed");
    assert!(!told.contains("alice"), "{told}");
    assert!(told.contains("privacy.principals") && told.contains("set aside"), "{told}");
    // The twin: what was kept hidden is gone on with.
    let told = hidden("hashed");
    assert!(!told.contains("alice") && !told.contains("set aside"), "{told}");
}

#[test]
fn damaged_state_is_set_aside_and_the_run_goes_on() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let capture = home.path().join("capture.pcap");
    std::fs::write(&capture, pcap(LOGIN)).expect("written");
    let state = home.path().join("state");
    run(home.path(), &capture, Some(&state));
    let checkpoint = state.join("checkpoint");
    let mut bytes = std::fs::read(&checkpoint).expect("a checkpoint was written");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&checkpoint, &bytes).expect("written");
    let (output, _) = run(home.path(), &capture, Some(&state));
    assert!(text(&output).contains("is damaged; set aside as"), "{}", text(&output));
    assert!(state.join("checkpoint.aside-1").exists());
    let leaked = bytes.windows(12).any(|window| window == b"correct hors" || window == b"tkt_alice_9f");
    assert!(!leaked, "a secret is in the state");
}

#[test]
fn state_of_a_newer_version_is_set_aside_and_not_guessed_at() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let capture = home.path().join("capture.pcap");
    std::fs::write(&capture, pcap(LOGIN)).expect("written");
    let state = home.path().join("state");
    run(home.path(), &capture, Some(&state));
    let checkpoint = state.join("checkpoint");
    let mut bytes = std::fs::read(&checkpoint).expect("a checkpoint was written");
    bytes.truncate(bytes.len() - 32);
    bytes[8] += 1;
    let sum = blake3::hash(&bytes);
    bytes.extend(sum.as_bytes());
    std::fs::write(&checkpoint, &bytes).expect("written");
    let (output, _) = run(home.path(), &capture, Some(&state));
    assert!(text(&output).contains("was written by a newer version; set aside as"), "{}", text(&output));
    assert_eq!(std::fs::read(state.join("checkpoint.aside-1")).expect("set aside"), bytes);
}

/// What there is does not depend on where a run was cut, nor on whether every run was asked for it.
#[test]
fn the_inventory_goes_on_after_a_restart() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let before = [LOGIN, &wrong_code("1", 51001, "10:01:00")].concat();
    let after = [wrong_code("2", 51002, "10:02:00"), wrong_code("3", 51003, "10:03:00")].concat();
    let inventory = |content: &str, state: bool, wanted: bool| {
        let capture = home.path().join("capture.pcap");
        std::fs::write(&capture, pcap(content)).expect("written");
        let mut command = heelguard(home.path());
        command.args(["replay", "--shards", "1", "--alerts", "/dev/null"]).arg(&capture);
        if state {
            command.arg("--set").arg(format!("state.dir={}", home.path().join("state").display()));
        }
        let path = home.path().join("inventory.jsonl");
        if wanted {
            command.arg("--inventory").arg(&path);
        }
        let output = command.output().expect("the program starts");
        assert!(output.status.success(), "{}", text(&output));
        if wanted { std::fs::read_to_string(&path).expect("it was written") } else { String::new() }
    };
    let expected = inventory(&[before.as_str(), &after].concat(), false, true);
    inventory(&before, true, false);
    assert_eq!(inventory(&after, true, true), expected);
    assert_ne!(inventory(&after, false, true), expected, "the innocent twin knows the second half alone");
}

/// Kill in the middle, start again over the same capture: every alert is told, under the id it would have had.
#[test]
fn a_killed_run_goes_on_where_its_checkpoint_was() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    let capture = realauth.join("allauth-attack.pcap");
    let home = tempfile::tempdir().expect("a temporary folder");
    let (_, expected) = run(home.path(), &capture, Some(&home.path().join("undisturbed")));
    assert!(expected.len() > 10);

    let state = home.path().join("state");
    let alerts = home.path().join("alerts.jsonl");
    let command = |input: &Path| {
        let mut command = heelguard(home.path());
        command.args(["replay", "--shards", "1", "--alerts"]).arg(&alerts);
        command.arg("--set").arg(format!("state.dir={}", state.display())).arg(input);
        command
    };
    let mut child = command(Path::new("-"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let bytes = std::fs::read(&capture).expect("the capture is readable");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(&bytes[..bytes.len() * 3 / 5]).expect("the program reads");
    let patience = Instant::now() + Duration::from_secs(20);
    while !state.join("checkpoint").exists() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("it runs");
    drop(input);
    child.wait().expect("it ended");
    let read = || told(&std::fs::read(&alerts).expect("alerts were written"));
    assert!(read().len() < expected.len(), "it was killed too late");

    // The same command again goes on in the same file.
    let output = command(&capture).output().expect("the program starts");
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("are no newer than the state"), "{}", text(&output));
    assert_eq!(read(), expected);
}
