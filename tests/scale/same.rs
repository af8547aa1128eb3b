//! Three sensors and four workers say what one process says: of a generated day, and of captures of real products.
//! They are given captures that are split by connection, so that each sensor sees its part and no worker sees all.
//! They promise to compare every episode by id, and to name the few that may differ.

use crate::alerts::Outlines;
use crate::cluster::{Cluster, Ended, alone};
use crate::process::Process;
use crate::services::Service;
use crate::split::{by_connection, parts};
use crate::stories::day;
use crate::support::replay::folder;

/// The sensors of a split capture.
const SENSORS: [&str; 3] = ["s1", "s2", "s3"];

/// Captures with attacks in them, over many connections: sessions, keys and lists, both legs of a proxy, an OpenID provider.
const REAL: [&str; 3] = ["allauth-attack", "nginx-allauth", "oidc-attack"];

/// What is compared by marks of codes, or with tokens, that each sensor remembers by itself (docs/scale-out.md).
const BOUNDED: [&str; 2] = ["one_time_code_replay", "jwt_claim_tampering"];

#[track_caller]
fn over_three(kafka: &Service, name: &str, capture: &[u8], expected: &Outlines, bounded: &[&str]) -> Ended {
    let mut cluster = Cluster::new(kafka, name, &SENSORS, &[]);
    cluster.start_workers(4);
    let parts = parts(capture, SENSORS.len(), by_connection);
    let is_share = |part: &Vec<u8>| part.len() > capture.len() / 30;
    assert!(parts.iter().all(is_share), "{name}: a sensor sees next to nothing");
    let sensors: Vec<Process> =
        SENSORS.iter().zip(&parts).map(|(sensor, part)| cluster.sensor(sensor, part, &[])).collect();
    sensors.into_iter().for_each(Process::succeeds);
    cluster.tells(expected, bounded)
}

#[test]
fn a_day_over_three_sensors_and_four_workers_is_told_as_by_one_process() {
    let Some(kafka) = Service::shared_kafka() else { return };
    let (capture, expected) = day();
    assert!(expected.len() >= 20, "only {} alerts: {expected:#?}", expected.len());
    let ended = over_three(kafka, "day", capture, expected, &[]);
    assert!(ended.tellers > 1, "one worker told everything");
    assert_eq!((ended.count("late"), ended.count("twins")), (0, 0));
    assert!(ended.stats.iter().all(|stats| stats["balanced"] == true), "{:#?}", ended.stats);
}

#[test]
fn captures_of_real_products_over_three_sensors_are_told_as_by_one_process() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    let Some(kafka) = Service::shared_kafka() else { return };
    for name in REAL {
        let capture = std::fs::read(realauth.join(name).with_extension("pcap")).expect("a capture");
        let expected = alone(&capture);
        assert!(expected.len() >= 5, "{name}: {expected:#?}");
        over_three(kafka, name, &capture, &expected, &BOUNDED);
    }
}

#[test]
fn two_sensors_of_a_pair_are_told_once() {
    let Some(kafka) = Service::shared_kafka() else { return };
    let (capture, expected) = day();
    let mut cluster = Cluster::new(kafka, "pair", &["s1", "s2"], &["scale.pair=tap"]);
    cluster.start_workers(2);
    let sensors = ["s1", "s2"].map(|name| cluster.sensor(name, capture, &[]));
    sensors.into_iter().for_each(Process::succeeds);
    let ended = cluster.tells(expected, &[]);
    // Each exchange is let go once, and its second sight is passed over.
    let (released, twins) = (ended.count("released"), ended.count("twins"));
    assert!(released > 0 && released == twins, "{released} let go, {twins} passed over");
}
