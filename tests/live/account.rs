//! What is sent is what is processed and what is counted as dropped, to the packet.

use crate::figures::figure;
use crate::network::Network;
use crate::page;
use crate::sensor::Place;
use crate::traffic::{EXCHANGE_FRAMES, exchanges};
use rustix::process::Signal;

/// A ring that a few thousand frames fill, for each shard.
const SMALL_RING: [&str; 4] = ["--set", "capture.ring_mib=1", "--set", "capture.block_kib=64"];

/// Frames come while the sensor may not run. What finds no room is counted; what comes afterwards is seen.
fn overrun(shards: &'static str) {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let more = [&["-i", cable.near, "--shards", shards], SMALL_RING.as_slice()].concat();
    let mut sensor = place.start("one", &more);

    cable.send(&exchanges(0..50));
    sensor.until("what comes before", |sensor| (sensor.transactions().len() == 50).then_some(()));
    sensor.signal(Signal::STOP);
    cable.send(&exchanges(1_000..3_500));
    sensor.signal(Signal::CONT);
    sensor.hears(&cable);
    sensor.until("the end of what is in the ring", |sensor| {
        let [received, read, dropped] = ["live_received", "packets_read", "live_kernel_dropped"]
            .map(|name| page::counter(sensor.address, name));
        (received >= cable.arrived() && received == read + dropped).then_some(())
    });
    cable.send(&exchanges(10_000..10_050));
    let arrived = sensor.hears(&cable);

    let ended = sensor.end();
    ended.has_received(arrived);
    let dropped = ended.live("kernel_dropped");
    let what = format!("a ring that overran, {shards} shards");
    figure("F7", &what, &format!("{arrived} sent = read + {dropped} dropped by the kernel"), true);
    assert!(dropped > 0, "{}", ended.stats);
    assert!(ended.live("ring_freezes") > 0, "{}", ended.stats);
    assert_eq!((ended.live("lost"), ended.live("misrouted")), (0, 0));
    let of = |ports: std::ops::Range<u64>| {
        let ports = &ports;
        let port = |record: &serde_json::Value| record["flow"]["src_port"].as_u64().unwrap();
        ended.transactions.iter().filter(|record| ports.contains(&port(record))).count()
    };
    assert_eq!((of(20_000..20_050), of(30_000..30_050)), (50, 50), "those before and those after");
    // Frames are dropped one by one: a few connections may have lost no more than an acknowledgement.
    assert!(of(21_000..23_500) < 2_500);
}

#[test]
fn what_a_small_ring_drops_is_counted_to_the_packet() {
    overrun("1");
}

#[test]
fn what_three_small_rings_drop_is_counted_to_the_packet() {
    overrun("3");
}

/// The same without the stop: as much as fits, so that a slow machine drops nothing either.
fn at_ease(shards: &'static str) {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let mut sensor = place.start("one", &["-i", cable.near, "--shards", shards]);
    cable.send(&exchanges(0..1_000));
    let arrived = sensor.hears(&cable);
    assert_eq!(arrived, 1_000 * EXCHANGE_FRAMES, "the cable lost nothing");
    let ended = sensor.end();
    ended.has_read(arrived);
    let live =
        ["kernel_dropped", "lost", "misrouted", "ring_freezes", "truncated"].map(|name| ended.live(name));
    assert_eq!(live, [0; 5]);
    assert_eq!((ended.whole(), ended.transactions.len()), (1_000, 1_000));
}

#[test]
fn nothing_is_dropped_where_there_is_room() {
    at_ease("1");
}

#[test]
fn nothing_is_dropped_nor_misrouted_where_four_rings_have_room() {
    at_ease("4");
}
