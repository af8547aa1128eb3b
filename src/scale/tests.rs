//! A whole deployment in memory: frames of several sensors, the attribution, the shares of the lanes, and their logs.
//! Records are read in any order that Kafka may give them, and workers are lost at any moment.

use super::Judging;
use super::attribution::{Attribution, Record, Refused};
use super::config::Config;
use super::frame::{Frame, Phase, Sender};
use super::lanes::LaneShare;
use super::state::{Part, Place, Reading, Restored, Writer};
use crate::identity::{Legs, Lineage, LineageConfig, Routes, RoutesConfig, Sighting};
use crate::metrics::Counters;
use crate::pipeline::{Outputs, Progress};
use heelguard_detectors::alert::{Alert, Status};
use heelguard_detectors::runtime::{Limits, Runtime, RuntimeConfig};
use heelguard_detectors::story::transactions;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::Transaction;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const PARTITIONS: usize = 5;

/// Guesses, a spray, a stolen session, bulk reading, a journey, and people who do nothing wrong.
const DAY: &str = "
    09:00:00 198.51.100.{1..30} -> login POST /login 200 user=p{1..30} every 7s
    09:00:03 198.51.100.{1..30} -> use GET /orders/{1..30} 200 user=p{1..30} session=s{1..30} items=3 every 7s
    09:10:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=ann factor=totp code={1..9} every 9s
    09:10:05 203.0.113.{20..59} -> mfa POST /mfa/verify 401 user=v{1..40} factor=totp code={11..50} every 1s
    09:11:00 203.0.113.99 -> login POST /login 401 user=u{1..60} every 500ms
    09:12:00 203.0.113.98 -> login POST /login 401 user=bob every 2s x30
    09:20:00 198.51.100.77 -> use GET /export 200 user=carl session=c1 items=900 every 1s x40
    09:30:00 203.0.113.50 -> use GET /orders/{1..80} 404 user=eve session=e1 every 400ms
    09:40:00 84.128.0.9 -> login POST /login 200 user=dora country=DE place=52.5,13.4
    09:41:00 1.1.1.9 -> use GET /me 200 user=dora country=AU place=-33.9,151.2
    09:43:00 203.0.113.51 -> use GET /admin/users 200 user=gil jwt=none unsigned
    09:44:00 203.0.113.52 -> use GET /me 200 user=fred basic plain
    09:45:00 203.0.113.53 -> use GET /me 200 key=k1 exposed=query:api_key:token
    09:50:00 203.0.113.7 -> mfa POST /mfa/verify 200 user=ann factor=totp code=99
";

#[derive(Clone, Default)]
struct Collected(Vec<Alert>);

impl Outputs for Collected {
    fn alert(&mut self, alert: &Alert) -> anyhow::Result<()> {
        self.0.push(alert.clone());
        Ok(())
    }

    fn transaction(&mut self, _: &Transaction) -> anyhow::Result<()> {
        Ok(())
    }

    fn progress(&mut self, _: &Progress) {}
}

/// A pseudo-random number below `limit`, the next each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

fn judging() -> Judging {
    let limits = Limits { alerts_per_minute_max: 100_000, ..Limits::default() };
    let detection = RuntimeConfig { limits, ..RuntimeConfig::default() };
    let (lineage, routes) =
        (LineageConfig { key: [7; 8], ..LineageConfig::default() }, RoutesConfig::default());
    Judging { lineage, routes, described: None, detection, listed: Arc::default() }
}

fn config(sensors: &[&str]) -> Config {
    let sensors = sensors.iter().map(|name| (*name).to_owned()).collect();
    Config { sensors, lateness_ms: 0, ..Config::default() }
}

fn sender(sensor: &str, pair: &str) -> Sender {
    let key = judging().lineage.key;
    Sender { tenant: "default".into(), sensor: sensor.into(), pair: pair.into(), key, run: 1 }
}

/// What a sensor sends of these: frames of a few, then its end.
fn frames(sender: &Sender, seen: &[Transaction], size: usize) -> Vec<Frame> {
    let end = seen.last().map_or(EventTime::ZERO, |tx| tx.end);
    let mut frames = Vec::new();
    for (number, part) in seen.chunks(size).enumerate() {
        let watermark = part.last().map_or(EventTime::ZERO, |tx| tx.end);
        frames.push(frame(sender, number as u64, watermark, part, Phase::Goes));
    }
    frames.push(frame(sender, frames.len() as u64, end, &[], Phase::Ended));
    frames
}

fn frame(sender: &Sender, number: u64, watermark: EventTime, part: &[Transaction], phase: Phase) -> Frame {
    let sightings = part.iter().map(|tx| Box::new(Sighting::plain(tx.clone()))).collect();
    let (connections, seconds) = (Vec::new(), Vec::new());
    // All are sent at once, however long ago they were seen.
    let sent_ms = 1_000;
    Frame { sender: sender.clone(), number, sent_ms, watermark, phase, sightings, connections, seconds }
}

fn written(frame: &Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.write(&mut bytes);
    bytes
}

/// The frames of all sensors, each sensor's in order, in any order of sensors.
fn mixed(mut sensors: Vec<Vec<Frame>>, dice: &mut Dice) -> Vec<Vec<u8>> {
    for frames in &mut sensors {
        frames.reverse();
    }
    let mut log = Vec::new();
    while sensors.iter().any(|frames| !frames.is_empty()) {
        let place = dice.below(sensors.len());
        log.extend(sensors[place].pop().map(|frame| written(&frame)));
    }
    log
}

/// Each client's traffic at one of so many sensors.
fn dealt(all: &[Transaction], sensors: usize) -> Vec<Vec<Transaction>> {
    let mut parts = vec![Vec::new(); sensors];
    for tx in all {
        let octets = tx.client.ip.to_string();
        parts[octets.bytes().map(usize::from).sum::<usize>() % sensors].push(tx.clone());
    }
    parts
}

/// What one process says of all.
fn alone(all: &[Transaction]) -> Vec<Alert> {
    let judging = judging();
    let (mut legs, mut lineage) = (Legs::default(), Lineage::new(&judging.lineage));
    let (mut routes, mut alerts) = (Routes::new(judging.routes.clone()), Vec::new());
    let mut detectors = Runtime::new(judging.detection).unwrap();
    for tx in all {
        let mut sighting = Sighting::plain(tx.clone());
        sighting.transaction.repeat_of = legs.repeat_of(&sighting);
        lineage.complete(&mut sighting);
        routes.settle(&mut sighting.transaction);
        detectors.observe(&sighting.transaction, &mut alerts);
    }
    detectors.finish(all.last().unwrap().end, &mut alerts);
    alerts
}

/// The last state of each episode, in words that leave out only when it was told.
fn last_states(alerts: &[Alert]) -> BTreeMap<u128, String> {
    let mut states: BTreeMap<u128, Alert> = BTreeMap::new();
    for alert in alerts {
        let known = states.entry(alert.id.0).or_insert_with(|| alert.clone());
        if alert.rev > known.rev {
            known.clone_from(alert);
        }
    }
    let words = |alert: &Alert| {
        let Alert { rule, subject, severity, first_seen, last_seen, count, message, status, .. } = alert;
        format!("{rule} {} {severity} {first_seen} {last_seen} {count} {status} {message}", subject.value)
    };
    states.iter().map(|(id, alert)| (*id, words(alert))).collect()
}

/// One worker for everything, that can be lost.
struct Deployment {
    judging: Judging,
    config: Config,
    attribution: Attribution,
    shares: Vec<LaneShare>,
    parcels: Vec<Vec<Vec<u8>>>,
    /// How far each share has read.
    read: Vec<usize>,
    taken: usize,
    kept: BTreeMap<usize, (Writer, Reading)>,
    outputs: Collected,
    refused: Vec<Refused>,
}

impl Deployment {
    fn new(config: &Config) -> Self {
        let judging = judging();
        Self {
            attribution: Attribution::new(&judging, config, PARTITIONS).unwrap(),
            shares: (0..PARTITIONS).map(|_| LaneShare::new(&judging, PARTITIONS).unwrap()).collect(),
            judging,
            config: config.clone(),
            parcels: vec![Vec::new(); PARTITIONS],
            read: vec![0; PARTITIONS],
            taken: 0,
            kept: BTreeMap::new(),
            outputs: Collected::default(),
            refused: Vec::new(),
        }
    }

    /// Takes the next frame, if there is one.
    fn take(&mut self, log: &[Vec<u8>]) -> bool {
        let Some(bytes) = log.get(self.taken) else { return false };
        self.taken += 1;
        let parcels = &mut self.parcels;
        let record = Record { offset: self.taken as u64 - 1, at_ms: None, bytes };
        let taken =
            self.attribution.take(&record, &mut self.outputs, &mut |to, parcel| parcels[to].push(parcel));
        self.refused.extend(taken.unwrap().err());
        true
    }

    fn flush(&mut self) {
        let parcels = &mut self.parcels;
        self.attribution.flush(&mut |to, parcel| parcels[to].push(parcel));
    }

    /// One share takes its next parcel, if there is one.
    fn judge(&mut self, share: usize) -> bool {
        let Some(parcel) = self.parcels[share].get(self.read[share]) else { return false };
        self.read[share] += 1;
        assert!(self.shares[share].take(parcel, &mut self.outputs).unwrap());
        true
    }

    fn run(&mut self, log: &[Vec<u8>]) {
        while self.take(log) {}
        self.flush();
        for share in 0..PARTITIONS {
            while self.judge(share) {}
        }
    }

    /// Writes state: of the attribution as the last, of the shares by their numbers.
    fn keep(&mut self, which: usize) {
        let (parts, next): (Vec<(String, Part)>, usize) = if which == PARTITIONS {
            self.flush();
            let work = &self.attribution;
            (work.parts().into_iter().map(|name| (name.clone(), work.save(&name))).collect(), self.taken)
        } else {
            let work = &self.shares[which];
            (
                work.parts().into_iter().map(|name| (name.clone(), work.save(&name))).collect(),
                self.read[which],
            )
        };
        let place =
            Place { key: self.judging.lineage.key, partitions: 5, next_offset: i64::try_from(next).unwrap() };
        let (writer, topic) =
            self.kept.entry(which).or_insert_with(|| (Writer::new(which as u64, None), Reading::default()));
        for record in writer.records(parts, &place).unwrap().into_iter().flatten() {
            topic.take(record.key.as_bytes(), record.value.as_deref());
        }
    }

    /// Loses a worker, and goes on from its state.
    fn lose(&mut self, which: usize) {
        let key = self.judging.lineage.key;
        let restored = self.kept.get(&which).and_then(|(_, topic)| topic.clone().restore(key, 5).unwrap());
        let next = restored
            .as_ref()
            .map_or(0, |restored: &Restored| usize::try_from(restored.place.next_offset).unwrap());
        if which == PARTITIONS {
            self.attribution = Attribution::new(&self.judging, &self.config, PARTITIONS).unwrap();
            if let Some(restored) = restored {
                self.attribution.load(&restored.parts, &self.judging).unwrap();
            }
            self.taken = next;
        } else {
            self.shares[which] = LaneShare::new(&self.judging, PARTITIONS).unwrap();
            if let Some(restored) = restored {
                self.shares[which].load(&restored.parts).unwrap();
            }
            self.read[which] = next;
        }
    }

    fn counters(&self) -> Counters {
        let mut counters = self.attribution.counters();
        self.shares.iter().for_each(|share| counters.add(&share.counters()));
        counters
    }
}

#[test]
fn three_sensors_and_five_shares_say_what_one_process_says() {
    let all = transactions(DAY).unwrap();
    let expected = last_states(&alone(&all));
    assert!(expected.len() >= 7, "{expected:#?}");
    for seed in 0..8 {
        let mut dice = Dice(seed);
        let size = 1 + dice.below(40);
        let sensors: Vec<_> = dealt(&all, 3)
            .iter()
            .zip(["a", "b", "c"])
            .map(|(part, name)| frames(&sender(name, ""), part, size))
            .collect();
        let mut deployment = Deployment::new(&config(&["a", "b", "c"]));
        deployment.run(&mixed(sensors, &mut dice));
        pretty(&last_states(&deployment.outputs.0), &expected, seed);
        let scale = deployment.counters().scale;
        assert_eq!((scale.late, scale.released), (0, all.len() as u64));
        assert_eq!(scale.sightings_in, scale.released + scale.twins + scale.over_limit + scale.waiting);
        assert_eq!(scale.lanes_in, scale.lanes_out);
    }
}

#[test]
fn a_worker_lost_at_any_moment_loses_and_invents_nothing() {
    let all = transactions(DAY).unwrap();
    let expected = last_states(&alone(&all));
    for seed in 0..12 {
        let mut dice = Dice(1_000 + seed);
        let sensors: Vec<_> = dealt(&all, 3)
            .iter()
            .zip(["a", "b", "c"])
            .map(|(part, name)| frames(&sender(name, ""), part, 5))
            .collect();
        let log = mixed(sensors, &mut dice);
        let mut deployment = Deployment::new(&config(&["a", "b", "c"]));
        for _ in 0..600 {
            let which = dice.below(PARTITIONS + 1);
            match dice.below(10) {
                0 => deployment.keep(which),
                1 => deployment.lose(which),
                2 => deployment.flush(),
                3..6 => drop(deployment.judge(which % PARTITIONS)),
                _ => drop(deployment.take(&log)),
            }
        }
        deployment.run(&log);
        pretty(&last_states(&deployment.outputs.0), &expected, seed);
        let mut contents: BTreeMap<(u128, u32), String> = BTreeMap::new();
        for alert in &deployment.outputs.0 {
            let mut alert = alert.clone();
            // Marks of codes are in no state: a worker that begins anew counts those that it sees.
            alert.facts.retain(|(name, _)| *name != "distinct_codes");
            let told = format!("{alert:?}");
            let known = contents.entry((alert.id.0, alert.rev)).or_insert_with(|| told.clone());
            assert_eq!(*known, told, "a state of an episode is told again as it was");
        }
    }
}

/// Which episodes differ, and how.
fn pretty(told: &BTreeMap<u128, String>, expected: &BTreeMap<u128, String>, seed: u64) {
    let missing: Vec<&String> =
        expected.iter().filter(|(id, _)| !told.contains_key(id)).map(|row| row.1).collect();
    let invented: Vec<&String> =
        told.iter().filter(|(id, _)| !expected.contains_key(id)).map(|row| row.1).collect();
    let other: Vec<_> = expected
        .iter()
        .filter_map(|(id, words)| told.get(id).filter(|other| *other != words).map(|other| (words, other)))
        .collect();
    let is_same = missing.is_empty() && invented.is_empty() && other.is_empty();
    assert!(is_same, "seed {seed}: missing {missing:#?}, invented {invented:#?}, other {other:#?}");
}

#[test]
fn two_sensors_on_one_mirror_count_once() {
    let all = transactions(DAY).unwrap();
    let expected = last_states(&alone(&all));
    let skewed: Vec<Transaction> = all
        .iter()
        .map(|tx| {
            let mut tx = tx.clone();
            let shift = Duration::from_micros(300);
            (tx.time, tx.end) = (tx.time.after(shift), tx.end.after(shift));
            tx.id.0 ^= 1;
            tx
        })
        .collect();
    let pair = [frames(&sender("a", "east"), &all, 7), frames(&sender("b", "east"), &skewed, 11)];
    let mut deployment = Deployment::new(&config(&["a", "b"]));
    deployment.run(&mixed(pair.into(), &mut Dice(3)));
    assert_eq!(deployment.counters().scale.twins, all.len() as u64);
    pretty(&last_states(&deployment.outputs.0), &expected, 0);

    // Without being a pair, they are two places where much happens.
    let both = [frames(&sender("a", ""), &all, 7), frames(&sender("b", ""), &skewed, 11)];
    let mut deployment = Deployment::new(&config(&["a", "b"]));
    deployment.run(&mixed(both.into(), &mut Dice(3)));
    assert_eq!(deployment.counters().scale.twins, 0);
    assert_ne!(last_states(&deployment.outputs.0), expected);
}

#[test]
fn an_attack_that_no_sensor_sees_enough_of_is_seen() {
    let all = transactions(
        "10:00:00 203.0.113.9 -> mfa POST /mfa/verify 401 user=ann factor=totp code={1..6} every 20s",
    )
    .unwrap();
    let parts: Vec<Vec<Transaction>> =
        (0..3).map(|sensor| all.iter().skip(sensor).step_by(3).cloned().collect()).collect();
    for part in &parts {
        assert_eq!(last_states(&alone(part)).len(), 0, "no sensor alone");
    }
    let sensors = parts.iter().zip(["a", "b", "c"]).map(|(part, name)| frames(&sender(name, ""), part, 1));
    let mut deployment = Deployment::new(&config(&["a", "b", "c"]));
    deployment.run(&mixed(sensors.collect(), &mut Dice(5)));
    let told = deployment.outputs.0;
    assert!(told.iter().any(|alert| alert.rule == "MFA-01" && alert.status == Status::Open), "{told:?}");
}

#[test]
fn what_comes_too_late_is_counted_and_counts() {
    let all =
        transactions("10:00:00 203.0.113.9 -> login POST /login 401 user=u{1..20} every 500ms").unwrap();
    let other = transactions("10:00:30 198.51.100.4 -> use GET /me 200 user=bob").unwrap();
    let quick = [&all[..9], &all[10..], &other].concat();
    let quick = frames(&sender("quick", ""), &quick, 1);
    let slow = frames(&sender("slow", ""), &all[9..10], 1);
    let (before, behind) = quick.split_at(19);
    let log: Vec<Vec<u8>> = before.iter().chain(&slow).chain(behind).map(written).collect();
    for (log, is_whole) in [(log.clone(), true), (quick.iter().map(written).collect(), false)] {
        let mut deployment = Deployment::new(&config(&[]));
        deployment.run(&log);
        assert_eq!(deployment.counters().scale.late, u64::from(is_whole));
        let told = deployment.outputs.0.iter().any(|alert| alert.detector == "credential_stuffing");
        assert_eq!(told, is_whole, "twenty are told, nineteen are not");
    }
}

#[test]
fn more_than_a_tenant_may_send_is_dropped_and_counted() {
    let all = transactions("10:00:00 203.0.113.9 -> use GET /me 200 user=ann every 10ms x100").unwrap();
    let config = Config { tenant_rate_max: 40, ..config(&[]) };
    let mut deployment = Deployment::new(&config);
    let log: Vec<Vec<u8>> = frames(&sender("a", ""), &all, 10).iter().map(written).collect();
    deployment.run(&log);
    let scale = deployment.counters().scale;
    assert_eq!((scale.released, scale.over_limit), (40, 60));
}

#[test]
fn foreign_frames_are_refused_with_what_to_do() {
    let all = transactions("10:00:00 203.0.113.9 -> use GET /me 200 user=ann").unwrap();
    let other_key = Sender { key: [9; 8], ..sender("a", "") };
    let other_tenant = Sender { tenant: "theirs".into(), ..sender("b", "") };
    let log = [other_key, other_tenant].map(|sender| written(&frames(&sender, &all, 1)[0]));
    let mut deployment = Deployment::new(&config(&[]));
    deployment.run(&[log[0].clone(), log[1].clone(), b"rubbish".to_vec(), Vec::new()]);
    assert!(matches!(&deployment.refused[0], Refused::Key { sensor } if &**sensor == "a"));
    assert!(matches!(&deployment.refused[1], Refused::Tenant { tenant, .. } if &**tenant == "theirs"));
    assert_eq!(deployment.counters().scale.frames_refused, 4);
}

#[test]
fn a_parcel_of_a_newer_worker_is_judged_by_whoever_can_read_it() {
    let mut share = LaneShare::new(&judging(), PARTITIONS).unwrap();
    let why = share.take(&[u8::MAX], &mut Collected::default()).unwrap_err();
    assert!(
        why.to_string().contains("version 255") && why.to_string().contains("update this worker"),
        "{why}"
    );
    assert!(!share.take(b"", &mut Collected::default()).unwrap(), "what is no parcel is passed over");
}
