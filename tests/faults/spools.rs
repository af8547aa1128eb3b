//! Damage to what waits on disk, for the whole program: it begins within two seconds, and brings what is whole.
//! A run whose sink is away leaves a spool; each damage is done to a copy of it, and a second run has its sink back.
//! What a record is, and what is lost with it, the spool's own tests say of every byte; these take samples.

use crate::conversation;
use crate::support::figures::{figure, sized};
use crate::support::replay::{heelguard, text};
use crate::traffic::Traffic;
use heelguard::sinks::spool::{Config, Full, Kind, Lane, Reading, Record, Spool};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const ALERTS: usize = 6;
/// From its start to its end, with all that waits delivered. A program that is not optimised is several times as slow.
const READY_MAX: Duration = Duration::from_secs(if cfg!(debug_assertions) { 6 } else { 2 });

/// A folder with a capture that says nothing new, and a spool in which every alert waits.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        fs::write(bench.path("alerts.pcap"), Traffic::new(ALERTS).capture()).unwrap();
        fs::write(bench.path("quiet.pcap"), conversation::pcap("")).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// One run on the state in a folder; what it said, and how long it took.
    fn run(&self, state: &Path, capture: &str) -> (String, Duration) {
        let mut command = heelguard(self.0.path());
        command.current_dir(state.parent().unwrap()).args(["replay", "--shards", "1"]);
        command.args(["--alerts", "/dev/null", "--set"]).arg(format!("state.dir={}", state.display()));
        let settings = [
            "sinks.file.type=jsonl",
            "sinks.file.alerts=later/alerts.jsonl",
            "spool.drain_timeout_s=1",
            "detectors.sensor_self_check.enabled=false",
            "limits.route_hosts_max=1000000",
        ];
        command.args(settings.iter().flat_map(|setting| ["--set", setting])).arg(self.path(capture));
        let began = Instant::now();
        let output = command.output().unwrap();
        let said = text(&output);
        assert!(!said.contains("a fault of its own") && output.status.code().is_some(), "{said}");
        (said, began.elapsed())
    }

    /// A copy of a place with all that waits in it, and its sink's folder there again.
    fn copy(&self, of: &Path, name: &str) -> PathBuf {
        let place = self.path(name);
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(place.join("later")).unwrap();
        let copied =
            std::process::Command::new("cp").arg("-a").arg(of.join("state")).arg(&place).status().unwrap();
        assert!(copied.success());
        place
    }
}

/// The alerts that the sink has.
fn delivered(place: &Path) -> BTreeSet<String> {
    let told = fs::read_to_string(place.join("later/alerts.jsonl")).unwrap_or_default();
    told.lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("whole records alone"))
        .map(|alert| format!("{} {}", alert["id"], alert["rev"]))
        .collect()
}

/// The newest file of a lane.
fn newest(place: &Path) -> PathBuf {
    let lane = place.join("state/spool/alerts");
    let mut files: Vec<PathBuf> = fs::read_dir(lane).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.pop().expect("a segment")
}

/// Where the records of a segment begin: each is a length, a checksum, and so many bytes.
fn starts(bytes: &[u8]) -> Vec<usize> {
    let (mut at, mut starts) = (64, Vec::new());
    while let Some(length) = bytes.get(at..at + 4).and_then(|length| length.first_chunk()) {
        let length = u32::from_le_bytes(*length) as usize;
        if length == 0 || at + 8 + length > bytes.len() {
            break;
        }
        starts.push(at);
        at += 8 + length;
    }
    starts.push(at);
    starts
}

#[test]
fn a_spool_that_was_damaged_opens_at_once_and_brings_what_is_whole() {
    let bench = Bench::new();
    let origin = bench.path("origin");
    fs::create_dir_all(&origin).unwrap();
    bench.run(&origin.join("state"), "alerts.pcap");
    let whole = bench.copy(&origin, "whole");
    bench.run(&whole.join("state"), "quiet.pcap");
    let all = delivered(&whole);
    assert!(all.len() >= ALERTS, "{all:?}");

    let bytes = fs::read(newest(&origin)).unwrap();
    let starts = starts(&bytes);
    let [.., last_but_one, _, end] = starts[..] else { panic!("several records wait: {starts:?}") };
    let mut damages: Vec<(String, Vec<u8>, usize)> = Vec::new();
    for at in (last_but_one..end).step_by(sized(331, 11)) {
        let good = starts.iter().filter(|start| **start <= at).count() - 1;
        damages.push((format!("cut at {at}"), bytes[..at].to_vec(), good));
    }
    for at in (0..end).step_by(sized(797, 61)) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        // One record at the most; the head of a file tells nothing that the others do not.
        damages.push((format!("bit of {at}"), flipped, starts.len() - 2));
    }
    let zeros = [&bytes[..end], &[0; 4_096][..]].concat();
    damages.push(("zeros behind".to_owned(), zeros, starts.len() - 1));
    for start in &starts[..starts.len() - 1] {
        let mut huge = bytes.clone();
        huge[*start..start + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        damages.push((format!("a huge length at {start}"), huge, starts.len() - 2));
    }

    let (mut slowest, mut wrong) = (Duration::ZERO, Vec::new());
    let count = damages.len();
    for (what, damaged, good) in damages {
        let place = bench.copy(&origin, "damaged");
        fs::write(newest(&place), damaged).unwrap();
        let (said, took) = bench.run(&place.join("state"), "quiet.pcap");
        slowest = slowest.max(took);
        let came = delivered(&place);
        // Records of one file are alike in number to the ids that come of it.
        if took > READY_MAX || !came.is_subset(&all) || came.len() < good {
            wrong.push(format!("{what}: {} of {good} in {took:?}: {said}", came.len()));
        }
    }
    let measured =
        format!("{count} damages, from start to end in {:.2} s at the longest", slowest.as_secs_f64());
    figure("F16", "start on a damaged spool, all whole records brought", &measured, wrong.is_empty());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_spool_full_of_records_opens_within_two_seconds() {
    let bench = Bench::new();
    let place = bench.path("full");
    fs::create_dir_all(place.join("state")).unwrap();
    bench.run(&place.join("state"), "quiet.pcap");
    let reading = Reading { sink: "file".into(), lane: Lane::Alerts };
    let mib: u64 = sized(64, 1_000);
    let config = Config { bytes_max: 1 << 30, ..Config::default() };
    let (spool, _) = Spool::open(&place.join("state/spool"), &config, Full::Drop, &[reading]).unwrap();
    let body = format!("{{\"id\":\"{}\"}}", "x".repeat(16_000));
    let mut taken = 0_u128;
    while (taken as u64) * (body.len() as u64) < mib << 20 {
        let record = Record { kind: Kind::Alert, raised_ms: 0, id: taken, key: 1, body: body.as_bytes() };
        if !spool.append(&record) {
            break;
        }
        taken += 1;
        if taken.is_multiple_of(500) {
            spool.sync();
        }
    }
    assert!(spool.sync() && spool.close());
    drop(spool);
    // The sink is away: what is measured is the start, and the second in which an end waits for it.
    let (said, took) = bench.run(&place.join("state"), "quiet.pcap");
    let start = took.saturating_sub(Duration::from_secs(1));
    assert!(said.contains(&taken.to_string()), "all of them wait: {said}");
    let measured = format!("{taken} records in {mib} MiB, {:.2} s", start.as_secs_f64());
    figure("F16", "start and end on a full spool", &measured, start < READY_MAX);
    assert!(start < READY_MAX, "{measured}");
}

#[test]
fn a_state_that_is_damaged_older_or_huge_is_a_cold_start_within_two_seconds() {
    let bench = Bench::new();
    let origin = bench.path("origin");
    fs::create_dir_all(origin.join("later")).unwrap();
    bench.run(&origin.join("state"), "alerts.pcap");
    let good = fs::read(origin.join("state/checkpoint")).unwrap();
    let mut damages: Vec<(String, Vec<u8>)> = vec![
        ("nothing".to_owned(), Vec::new()),
        ("garbage".to_owned(), b"garbage".repeat(1_000)),
        ("a page of zeros".to_owned(), vec![0; 4_096]),
    ];
    damages.extend((0..good.len()).step_by(good.len() / sized(6, 60)).map(|at| {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        (format!("bit of {at}"), flipped)
    }));
    damages.push(("a half".to_owned(), good[..good.len() / 2].to_vec()));
    let (mut slowest, count) = (Duration::ZERO, damages.len() + 1);
    for (what, bytes) in damages {
        let place = bench.copy(&origin, "damaged");
        fs::write(place.join("state/checkpoint"), bytes).unwrap();
        let (said, took) = bench.run(&place.join("state"), "alerts.pcap");
        assert!(said.contains("set aside"), "{what}: {said}");
        assert!(took < READY_MAX, "{what}: {took:?}");
        slowest = slowest.max(took);
    }
    // More than memory: nobody reads it.
    let place = bench.copy(&origin, "damaged");
    fs::File::create(place.join("state/checkpoint")).unwrap().set_len(64 << 30).unwrap();
    let (said, took) = bench.run(&place.join("state"), "alerts.pcap");
    assert!(said.contains("set aside") && took < READY_MAX, "{took:?}: {said}");
    let measured = format!("{count} damages, {:.2} s at the longest", slowest.max(took).as_secs_f64());
    figure("F16", "cold start on a damaged state", &measured, true);
}
