//! Workers that are killed and started again while the sensors send.
//! They are given a day's capture bit by bit, and killed two at a time.
//! They promise that nothing is lost, nothing invented, and that what is told twice is told in the same words.

use crate::cluster::Cluster;
use crate::feed::slowly;
use crate::process::Process;
use crate::services::Service;
use crate::split::{by_connection, parts};
use crate::stories::day;
use std::time::Duration;

/// How long the sensors send.
const SENDING: Duration = Duration::from_secs(26);
const PIECES: usize = 52;
/// Times between two kills, in milliseconds: two at short notice, then enough for the group to miss the dead (six
/// seconds), deal their partitions out anew and be in the middle of the work again.
const PAUSES_MS: [u64; 5] = [2_000, 1_200, 8_500, 1_500, 9_000];
const KILLS_MIN: usize = 5;

#[test]
fn workers_that_are_killed_again_and_again_lose_and_invent_nothing() {
    let Some(kafka) = Service::shared_kafka() else { return };
    let (capture, expected) = day();
    let names = ["s1", "s2", "s3"];
    let mut cluster = Cluster::new(kafka, "killed", &names, &[]);
    cluster.start_workers(4);
    let mut sensors: Vec<Process> = names.iter().map(|name| cluster.piped(name)).collect();
    let parts = parts(capture, names.len(), by_connection);
    let feeders: Vec<_> = sensors
        .iter_mut()
        .zip(&parts)
        .map(|(sensor, part)| slowly(sensor.input(), part, PIECES, SENDING))
        .collect();
    let mut kills = 0;
    while !feeders.iter().all(std::thread::JoinHandle::is_finished) {
        std::thread::sleep(Duration::from_millis(PAUSES_MS[kills % PAUSES_MS.len()]));
        cluster.kill_and_start(kills % 4);
        kills += 1;
    }
    for feeder in feeders {
        feeder.join().expect("a feeder does not panic").expect("the sensor reads to its end");
    }
    sensors.into_iter().for_each(Process::succeeds);
    // Once more with nobody sending: what was in its hands is taken up all the same.
    cluster.kill_and_start(kills % 4);
    assert!(kills >= KILLS_MIN, "only {kills} kills");
    cluster.tells(expected, &[]);
}

/// The broker is away for so long while sensors send and workers work.
const AWAY: Duration = Duration::from_secs(6);

#[test]
fn a_broker_that_is_killed_in_between_loses_and_invents_nothing() {
    let Some(kafka) = Service::kafka() else { return };
    let (capture, expected) = day();
    // A replay waits for the broker, as a live sensor does.
    let mut cluster = Cluster::new(&kafka, "away", &["s1", "s2"], &["spool.drain_timeout_s=60"]);
    cluster.start_workers(2);
    let parts = parts(capture, 2, by_connection);
    let mut sensors = ["s1", "s2"].map(|name| cluster.piped(name));
    let feeders: Vec<_> = sensors
        .iter_mut()
        .zip(&parts)
        .map(|(sensor, part)| slowly(sensor.input(), part, PIECES, SENDING))
        .collect();
    cluster.until("an alert", |cluster| (!cluster.alerts().outlines().is_empty()).then_some(()));
    kafka.kill();
    std::thread::sleep(AWAY);
    kafka.start();
    for feeder in feeders {
        feeder.join().expect("a feeder does not panic").expect("the sensor reads to its end");
    }
    sensors.into_iter().for_each(Process::succeeds);
    cluster.tells(expected, &[]);
}
