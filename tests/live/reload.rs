//! The configuration is read anew while traffic goes on.

use crate::broken::{BROKEN, clear};
use crate::figures::{figure, sized};
use crate::network::Network;
use crate::page;
use crate::sensor::{Place, Sensor};
use crate::traffic::{codes, exchanges, frames};
use heelguard::identity::secret::Keyring;
use rustix::process::Signal;

const IN_FORCE: &str = "the configuration was read anew and is in force";

fn bursts_of(sensor: &Sensor, account: &str) -> usize {
    let of = |alert: &serde_json::Value| {
        alert["rule"] == "MFA-01" && alert["principal"]["id"] == format!("{account}@example.com")
    };
    sensor.alerts().iter().filter(|alert| of(alert)).count()
}

fn limit(failures: u32) -> String {
    format!("[detectors.mfa_failure_burst]\nfailures = {failures}\n")
}

/// What may come to resident memory with each reload, in the second half of them, if they are to leave nothing behind; ten
/// requests are seen with each. It is told, and not insisted on: the allocator takes memory by megabytes.
const GROWTH_MAX_KIB: f64 = 8.0;
/// What is insisted on: of a hundred, less than what one configuration takes, of a thousand, a tenth of it.
const CONFIGURATION_KIB: f64 = 640.0;

fn resident_kib(sensor: &Sensor) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", sensor.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// How much a row of numbers rises from one to the next: the line that is nearest to all of them.
fn slope(row: &[f64]) -> f64 {
    let middle = (row.len() - 1) as f64 / 2.0;
    let mean = row.iter().sum::<f64>() / row.len() as f64;
    let away = |place: usize| place as f64 - middle;
    let risen: f64 = row.iter().enumerate().map(|(place, value)| away(place) * (value - mean)).sum();
    risen / (0..row.len()).map(|place| away(place).powi(2)).sum::<f64>()
}

#[test]
fn a_hundred_reloads_cost_no_packet_no_transaction_and_no_memory() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let mut sensor = place.start("one", &["-i", cable.near, "--shards", "2"]);
    let reloads: u16 = sized(100, 1_000);
    let mut resident = Vec::new();
    for number in 0..reloads {
        cable.send(&exchanges(number * 10..number * 10 + 5));
        sensor.signal(Signal::HUP);
        cable.send(&exchanges(number * 10 + 5..number * 10 + 10));
        sensor.until("the configuration that was read", |sensor| {
            (page::counter(sensor.address, "config_reloads") > number.into()).then_some(())
        });
        resident.push(resident_kib(&sensor));
    }
    sensor.says(IN_FORCE, reloads.into());
    let arrived = sensor.hears(&cable);
    let ended = sensor.end();
    ended.has_read(arrived);
    let all = usize::from(reloads) * 10;
    assert_eq!((ended.whole(), ended.transactions.len()), (all as u64, all));
    assert_eq!((ended.live("kernel_dropped"), ended.live("lost")), (0, 0));
    let some: Vec<f64> = resident.iter().copied().step_by(resident.len() / 20).collect();
    println!("resident, in KiB, at twenty moments: {some:?}");
    let rises = slope(&resident[resident.len() / 2..]);
    let reached = rises < GROWTH_MAX_KIB;
    let measured =
        format!("{rises:.1} KiB each in the second half of {reloads}; {arrived} of {arrived} packets read");
    figure("F15", "resident memory that a reload under traffic leaves behind", &measured, reached);
    let grown = resident.last().unwrap() - resident.first().unwrap();
    let insisted = sized(CONFIGURATION_KIB, CONFIGURATION_KIB / 10.0);
    assert!(grown / f64::from(reloads) < insisted, "{grown} KiB: {resident:?}");
}

#[test]
fn no_broken_configuration_changes_what_is_in_force_or_costs_a_packet() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let file = place.path("heelguard.toml");
    std::fs::write(&file, limit(3)).unwrap();
    let path = file.display().to_string();
    let mut sensor = place.start("one", &["-i", cable.near, "--shards", "2", "--config", &path]);
    let mut expected = 0;
    for (number, broken) in (0..).zip(BROKEN) {
        cable.send(&exchanges(number * 2..number * 2 + 1));
        broken.put(&file);
        sensor.signal(Signal::HUP);
        cable.send(&exchanges(number * 2 + 1..number * 2 + 2));
        expected += 1;
        sensor.until(broken.name, |sensor| {
            (page::counter(sensor.address, "config_reload_failed") == expected).then_some(())
        });
    }
    let told = sensor.said_times("the configuration stays as it was: ");
    assert_eq!(told as u64, expected, "each is told once: {}", sensor.said());
    let is_well = |sensor: &Sensor| {
        let (_, metrics) = page::ask(sensor.address, "GET", "/metrics", "");
        metrics.contains("heelguard_config_last_reload_ok 1\n")
    };
    assert!(!is_well(&sensor));
    assert_eq!(sensor.said_times(IN_FORCE), 0);
    // What was in force still is, and a file that can be used is taken.
    cable.send(&codes("alice", 50_001, 3, false));
    sensor.until("alice's alert", |sensor| (bursts_of(sensor, "alice") == 1).then_some(()));
    clear(&file);
    std::fs::write(&file, limit(4)).unwrap();
    sensor.signal(Signal::HUP);
    sensor.says(IN_FORCE, 1);
    assert!(is_well(&sensor));
    let arrived = sensor.hears(&cable);
    let ended = sensor.end();
    ended.has_read(arrived);
    assert_eq!(ended.transactions.len(), BROKEN.len() * 2 + 4);
    let measured = format!("{expected} of {}, {arrived} of {arrived} packets read", BROKEN.len());
    figure("F15", "broken configurations read anew that changed nothing", &measured, true);
}

#[test]
fn a_changed_threshold_holds_from_then_on_and_a_broken_file_changes_nothing() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let file = place.path("heelguard.toml");
    std::fs::write(&file, limit(4)).unwrap();
    let path = file.display().to_string();
    let mut sensor = place.start("one", &["-i", cable.near, "--shards", "2", "--config", &path]);
    let mut transactions = 0;
    let mut three_wrong_codes = |sensor: &mut Sensor, account: &str, port: u16| {
        cable.send(&codes(account, port, 3, false));
        transactions += 4;
        sensor.until(account, |sensor| (sensor.transactions().len() == transactions).then_some(()));
    };
    three_wrong_codes(&mut sensor, "alice", 50_001);

    std::fs::write(&file, limit(3)).unwrap();
    sensor.signal(Signal::HUP);
    sensor.says(IN_FORCE, 1);
    three_wrong_codes(&mut sensor, "bob", 50_002);
    sensor.until("bob's alert", |sensor| (bursts_of(sensor, "bob") == 1).then_some(()));
    assert_eq!(bursts_of(&sensor, "alice"), 0, "four were wanted when she failed");

    std::fs::write(&file, "[detectors.mfa_failure_burst]\nfailures = many\n").unwrap();
    sensor.signal(Signal::HUP);
    sensor.says(&format!("the configuration stays as it was: {path}:2:"), 1);
    three_wrong_codes(&mut sensor, "carol", 50_003);
    sensor.until("carol's alert", |sensor| (bursts_of(sensor, "carol") == 1).then_some(()));

    std::fs::write(&file, format!("{}[capture]\nsnaplen = 4096\n", limit(5))).unwrap();
    let (status, body) = page::ask(sensor.address, "POST", "/reload", "");
    assert_eq!(status, 403, "{body}");
    assert!(body.contains("x-heelguard: reload"), "{body}");
    assert_eq!(sensor.said_times(IN_FORCE), 1, "without the header nothing is read");
    let (status, body) = page::ask(sensor.address, "POST", "/reload", "X-Heelguard: reload\r\n");
    assert_eq!(status, 202, "{body}");
    sensor.says("capture.snaplen has changed: it takes effect when this process is started anew", 1);
    sensor.says(IN_FORCE, 2);
    three_wrong_codes(&mut sensor, "dave", 50_004);

    let arrived = sensor.hears(&cable);
    let ended = sensor.end();
    ended.has_read(arrived);
    let of_dave = |alert: &&serde_json::Value| {
        alert["rule"] == "MFA-01" && alert["principal"]["id"] == "dave@example.com"
    };
    assert_eq!(ended.alerts.iter().find(of_dave), None, "five are wanted now");
}

/// A call with a static key, accepted.
fn call(key: &str, port: u16) -> Vec<Vec<u8>> {
    frames(&format!(
        "@open a 84.128.212.178:{port} -> 10.0.0.5:443 at 2026-11-21T10:00:00Z\n\
         @a> +1ms\n\
         GET /v1/items HTTP/1.1\n\
         Host: api.example.com\n\
         X-API-Key: {key}\n\
         @a< +1ms\n\
         HTTP/1.1 200 OK\n\
         Content-Type: application/json\n\
         \n\
         {{\"items\":[]}}\n\
         @close a +1ms\n"
    ))
}

#[test]
fn a_list_of_compromised_keys_is_read_anew_and_a_broken_one_changes_nothing() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let (list, key_file) = (place.path("keys.list"), place.path("fingerprint.key"));
    let keyring = Keyring::load_or_create(&key_file).unwrap();
    let (first, second) =
        ("5357442683a5ad1695b3b8a7aa0a6e69ae5d7ec2", "9b1fd05e27c84a6f8d3305bb17ac42e6d0f49a73");
    let line = |key: &str| format!("{} wiki\n", keyring.fingerprint(key.as_bytes()).0);
    std::fs::write(&list, "# none yet\n").unwrap();
    let (listed, keyed) = (
        format!("identity.compromised_keys={}", list.display()),
        format!("privacy.key_file={}", key_file.display()),
    );
    let mut sensor = place.start("one", &["-i", cable.near, "--set", &listed, "--set", &keyed]);
    let told = |sensor: &Sensor| sensor.alerts().iter().filter(|alert| alert["rule"] == "KEY-08").count();
    let mut calls = 0;
    let mut calls_with = |sensor: &mut Sensor, key: &str| {
        calls += 1;
        cable.send(&call(key, 50_000 + calls));
        sensor.until("the call", |sensor| (sensor.transactions().len() == usize::from(calls)).then_some(()));
    };
    calls_with(&mut sensor, first);

    std::fs::write(&list, format!("{}{}", line(first), line(second))).unwrap();
    sensor.signal(Signal::HUP);
    sensor.says(IN_FORCE, 1);
    calls_with(&mut sensor, first);
    sensor.until("the first key's alert", |sensor| (told(sensor) == 1).then_some(()));

    std::fs::write(&list, format!("{first}\n")).unwrap();
    sensor.signal(Signal::HUP);
    let why = format!("identity.compromised_keys: {}:1: no fingerprint of 32 hex digits", list.display());
    sensor.says(&format!("the configuration stays as it was: --set {why}"), 1);
    calls_with(&mut sensor, second);
    sensor.until("the second key's alert", |sensor| (told(sensor) == 2).then_some(()));
    assert!(!sensor.said().contains(first), "a key that was put there by mistake is not quoted");

    let arrived = sensor.hears(&cable);
    let ended = sensor.end();
    ended.has_read(arrived);
    assert_eq!(ended.transactions.len(), usize::from(calls));
}
