//! A sensor ends when it is told to, with all that was captured; the next one goes on where it was.

use crate::network::Network;
use crate::sensor::Place;
use crate::traffic::{codes, exchanges};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

#[test]
fn what_was_captured_before_the_end_is_analysed() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let mut sensor = place.start("one", &["-i", cable.near, "--shards", "2"]);
    cable.send(&exchanges(0..1_000));
    // All is in the rings; hardly anything is read.
    let arrived = sensor.hears(&cable);
    let ended = sensor.end();
    ended.has_read(arrived);
    assert_eq!((ended.whole(), ended.transactions.len()), (1_000, 1_000));
    assert_eq!(ended.stats["flows"]["open"], 0, "{}", ended.stats);
}

#[test]
fn a_second_run_goes_on_with_the_episodes_of_the_first() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let more = ["-i", cable.near, "--shards", "2"];
    let mut sensor = place.start("first", &more);
    cable.send(&codes("alice", 50_001, 3, false));
    let arrived = sensor.hears(&cable);
    let first = sensor.end();
    first.has_read(arrived);

    let mut sensor = place.start("second", &more);
    // Ten times as many are news of the same episode.
    cable.send(&codes("alice", 50_002, 30, false));
    let second = cable.arrived() - arrived;
    sensor.receives(cable.near, second);
    let second_run = sensor.end();
    second_run.has_read(second);

    let of_burst = |alerts: &[Value]| -> Vec<(String, u64)> {
        let bursts = alerts.iter().filter(|alert| alert["rule"] == "MFA-01");
        bursts.map(|alert| (alert["id"].to_string(), alert["rev"].as_u64().unwrap())).collect()
    };
    let (before, after) = (of_burst(&first.alerts), of_burst(&second_run.alerts));
    assert_eq!(before.len(), 1, "{:?}", first.alerts);
    assert_eq!(before[0].1, 1);
    let all: BTreeSet<_> = first
        .alerts
        .iter()
        .chain(&second_run.alerts)
        .map(|alert| (alert["id"].to_string(), alert["rev"].to_string()))
        .collect();
    assert_eq!(all.len(), first.alerts.len() + second_run.alerts.len(), "each revision once");
    let grown = (2..).zip(&after).map(|(rev, _)| (before[0].0.clone(), rev)).collect::<Vec<_>>();
    assert!(!after.is_empty(), "it grew");
    assert_eq!(after, grown, "the same episode, and its next revisions");
}

#[test]
fn it_ends_by_itself_when_its_time_is_over() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let began = Instant::now();
    let sensor = place.start("one", &["-i", cable.near, "--shards", "1", "--duration", "3"]);
    cable.send(&exchanges(0..20));
    let ended = sensor.ended();
    assert!(began.elapsed() >= Duration::from_secs(3));
    ended.has_read(cable.arrived());
    assert_eq!(ended.whole(), 20);
}

#[test]
fn two_sensors_do_not_share_a_state_folder() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let sensor = place.start("one", &["-i", cable.near, "--shards", "1"]);
    let (code, said) = place.refused(&["-i", cable.near, "--shards", "1"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(place.path("state").to_str().unwrap()), "{said}");
    cable.send(&exchanges(0..20));
    let mut sensor = sensor;
    let arrived = sensor.hears(&cable);
    sensor.end().has_read(arrived);
}
