//! A flood on the wire: honest requests and alerts come through it, whole and in time, and what the sensor says of itself
//! stays as short as it was.

use crate::figures::{figure, sized};
use crate::network::{Cable, Network};
use crate::page;
use crate::sensor::{Place, Sensor};
use crate::traffic::{codes, exchanges, frames};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// From the packet on the wire to the line in the file.
const WITHIN: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(100);
/// Every so many ticks somebody fails at a second factor.
const BURST_EVERY: u16 = 5;
const SERIES_MAX: usize = 2_000;
const PAGE_BYTES_MAX: usize = 1_000_000;
/// A debug build is slower, and the machine may be busy.
const SCRAPE_MAX: Duration = Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 50 });
const SAID_BYTES_MAX: usize = 20_000;

/// Connections that are new in every way: client, host, path, method and key; of each third only the handshake comes.
fn mischief(numbers: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    let mut text = String::new();
    for number in numbers {
        let [_, a, b, c] = number.to_be_bytes();
        writeln!(text, "@open f{number} 31.{a}.{b}.{c}:4321 -> 10.0.0.9:80 at 2026-11-21T10:00:00Z").unwrap();
        let mixed = u64::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // A key in the clear is an alert for each host.
        let head = match number % 3 {
            0 => continue,
            1 => format!("Host: h{number}.strange.example\n"),
            _ => format!("Host: strange.example\nAuthorization: Bearer {mixed:016x}\n"),
        };
        write!(
            text,
            "@f{number}> +1ms\nM{number} /strange{number}/part HTTP/1.1\n{head}\n\
             @f{number}< +1ms\nHTTP/1.1 200 OK\n\n"
        )
        .unwrap();
    }
    frames(&text)
}

/// When the alert about each account was first in the file.
fn seen(sensor: &Sensor, is_over: &AtomicBool) -> BTreeMap<String, Instant> {
    let mut seen = BTreeMap::new();
    while !is_over.load(Ordering::Relaxed) {
        for alert in sensor.alerts().iter().filter(|alert| alert["rule"] == "MFA-01") {
            let account = alert["principal"]["id"].as_str().unwrap().to_owned();
            seen.entry(account).or_insert_with(Instant::now);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    seen
}

/// Sends everything; gives when each account's third wrong code was on the wire.
fn send(cable: &Cable, flood: &[Vec<u8>], ticks: u16) -> BTreeMap<String, Instant> {
    let mut sent = BTreeMap::new();
    let mut shares = flood.chunks(flood.len().div_ceil(usize::from(ticks)));
    let begun = Instant::now();
    for tick in 0..ticks {
        cable.send(shares.next().unwrap_or_default());
        cable.send(&exchanges(tick..tick + 1));
        if tick % BURST_EVERY == 0 {
            let account = format!("account{tick}");
            cable.send(&codes(&account, 40_000 + tick, 3, false));
            sent.insert(format!("{account}@example.com"), Instant::now());
        }
        std::thread::sleep((TICK * u32::from(tick + 1)).saturating_sub(begun.elapsed()));
    }
    sent
}

#[test]
fn a_flood_on_the_wire_delays_no_alert_and_hides_no_request() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let (ticks, connections) = sized((100, 10_000), (600, 540_000));
    let flood = mischief(0..connections);
    let ring = ["-i", cable.near, "--shards", "2", "--set", "capture.ring_mib=64"];
    let mut sensor = place.start("one", &ring);

    let is_over = AtomicBool::new(false);
    let (sent, seen) = std::thread::scope(|scope| {
        let watch = scope.spawn(|| seen(&sensor, &is_over));
        let sent = send(&cable, &flood, ticks);
        std::thread::sleep(WITHIN);
        is_over.store(true, Ordering::Relaxed);
        (sent, watch.join().unwrap())
    });
    let arrived = sensor.hears(&cable);
    speaks_shortly(&sensor);

    let mut delays: Vec<Duration> = sent
        .iter()
        .map(|(account, sent)| {
            seen.get(account).map_or(Duration::MAX, |seen| seen.saturating_duration_since(*sent))
        })
        .collect();
    delays.sort();
    let p99 = delays[(delays.len() * 99).div_ceil(100) - 1];
    let rate = flood.len() as f64 / (TICK * u32::from(ticks)).as_secs_f64();
    let ended = sensor.end();
    ended.has_received(arrived);
    let honest = ended.transactions.iter().filter(|record| record["request"]["path"] == "/v1/items");
    let whole = honest.clone().filter(|record| record["completeness"] == "whole");
    let ports: BTreeSet<u64> = whole.filter_map(|record| record["flow"]["src_port"].as_u64()).collect();
    figure(
        "F6",
        "alert latency, packet to file, in a flood on the wire",
        &format!("p99 {} ms of {} alerts at {rate:.0} packets/s", p99.as_millis(), delays.len()),
        p99 <= WITHIN,
    );
    figure(
        "F6",
        "honest requests told in a flood on the wire",
        &format!("{} of {ticks} at {rate:.0} packets/s", ports.len()),
        ports.len() == usize::from(ticks),
    );
    assert!(p99 <= WITHIN, "{delays:?}");
    assert_eq!(
        (ports.len(), honest.count()),
        (usize::from(ticks), usize::from(ticks)),
        "{}",
        ended.stats["live"]
    );
    assert!(ended.said.len() <= SAID_BYTES_MAX, "{} bytes on standard error", ended.said.len());
}

/// The page of metrics is short, quick and without a word of the wire.
fn speaks_shortly(sensor: &Sensor) {
    let mut quickest = Duration::MAX;
    let mut metrics = String::new();
    for _ in 0..5 {
        let begun = Instant::now();
        metrics = page::ask(sensor.address, "GET", "/metrics", "").1;
        quickest = quickest.min(begun.elapsed());
    }
    let series = metrics.lines().filter(|line| !line.starts_with('#')).count();
    let reached = series <= SERIES_MAX && metrics.len() < PAGE_BYTES_MAX && quickest <= SCRAPE_MAX;
    figure(
        "F14",
        "metrics after a flood of paths, hosts and methods",
        &format!("{series} series, {} bytes, {} ms", metrics.len(), quickest.as_millis()),
        reached,
    );
    assert!(reached, "{series} series, {} bytes, {quickest:?}", metrics.len());
    assert!(series > 100, "the page is whole");
    for word in ["strange.example", "/v1/items", "31.0."] {
        assert!(!metrics.contains(word), "{word} is on the page of metrics");
    }
}
