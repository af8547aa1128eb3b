//! Connections are seen whole however they come: a direction on each interface, in VLANs, in tunnels, by libpcap.

use crate::network::Network;
use crate::sensor::Place;
use crate::traffic::{exchanges, is_answer, mirrored, outline, tagged, wrapped};
use serde_json::{Value, json};

#[test]
fn a_tap_with_an_interface_for_each_direction_gives_whole_transactions() {
    let Some(network) = Network::new() else { return };
    let (out, back) = (network.cable("out"), network.cable("back"));
    let place = Place::new();
    let mut sensor = place.start("one", &["-i", out.near, "-i", back.near, "--shards", "2"]);
    let frames = exchanges(0..100);
    for turn in frames.chunk_by(|a, b| is_answer(a) == is_answer(b)) {
        let cable = if is_answer(&turn[0]) { &back } else { &out };
        cable.send(turn);
    }
    let arrived = sensor.hears(&out) + sensor.hears(&back);
    assert_eq!(arrived, frames.len() as u64, "the cables lost nothing");
    let ended = sensor.end();
    ended.has_read(arrived);
    assert_eq!((ended.whole(), ended.transactions.len()), (100, 100), "{}", ended.stats);
    assert_eq!(ended.live("misrouted"), 0);
}

#[test]
fn the_tag_that_the_kernel_takes_out_of_a_frame_is_in_the_record() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let mut sensor = place.start("one", &["-i", cable.near, "--shards", "4"]);
    let in_vlan = |numbers, vlan| {
        let frames = exchanges(numbers);
        frames.iter().map(|frame| tagged(frame, vlan)).collect::<Vec<_>>()
    };
    cable.send(&in_vlan(0..20, 42));
    cable.send(&exchanges(20..40));
    // One tag for the provider, one for the customer.
    let twice: Vec<_> = in_vlan(40..60, 7).iter().map(|frame| tagged(frame, 300)).collect();
    cable.send(&twice);
    let arrived = sensor.hears(&cable);
    let ended = sensor.end();
    ended.has_read(arrived);
    assert_eq!((ended.whole(), ended.live("misrouted")), (60, 0));
    for (ports, vlan) in [(0..20, json!([42])), (20..40, json!([])), (40..60, json!([300, 7]))] {
        let of = |record: &&Value| ports.contains(&(record["flow"]["src_port"].as_u64().unwrap() - 20_000));
        let found: Vec<_> =
            ended.transactions.iter().filter(of).map(|record| &record["flow"]["vlan"]).collect();
        assert_eq!(found, [&vlan; 20]);
    }
}

#[test]
fn both_directions_inside_a_tunnel_come_to_one_shard() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let mut sensor = place.start("one", &["-i", cable.near, "--shards", "4"]);
    let frames: Vec<_> = exchanges(0..100).iter().map(|frame| wrapped(frame, 5_001)).collect();
    cable.send(&frames);
    let arrived = sensor.hears(&cable);
    let ended = sensor.end();
    ended.has_read(arrived);
    assert_eq!(ended.stats["sight"]["tunnel_packets"], 1_000, "{}", ended.stats);
    assert_eq!((ended.whole(), ended.live("misrouted")), (100, 0));
    for record in &ended.transactions {
        assert_eq!((&record["flow"]["tunnel"], &record["flow"]["vni"]), (&json!("vxlan"), &json!(5_001)));
    }
}

#[test]
fn both_directions_inside_a_tunnel_inside_a_tunnel_come_to_one_shard() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let mut sensor = place.start("one", &["-i", cable.near, "--shards", "4"]);
    // Two switches, each of which mirrors one direction of an overlay's traffic.
    let frames: Vec<_> =
        exchanges(0..100).iter().map(|frame| mirrored(&wrapped(frame, 7), is_answer(frame))).collect();
    cable.send(&frames);
    let arrived = sensor.hears(&cable);
    let ended = sensor.end();
    ended.has_read(arrived);
    assert_eq!(ended.whole(), 100, "{}", ended.stats);
    assert!(ended.transactions.iter().all(|record| record["flow"]["vni"] == 7));
}

#[test]
fn libpcap_hears_what_the_ring_hears() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let mut ring = place.start("ring", &["-i", cable.near, "--shards", "2"]);
    let other = Place::new();
    let portable = ["-i", cable.near, "--shards", "2", "--set", "capture.backend=libpcap"];
    let mut portable = other.start("portable", &portable);
    cable.send(&exchanges(0..100));
    let arrived = ring.hears(&cable);
    portable.hears(&cable);
    let (ring, portable) = (ring.end(), portable.end());
    ring.has_read(arrived);
    portable.has_read(arrived);
    assert_eq!((ring.whole(), portable.whole()), (100, 100));
    assert_eq!(outline(&portable.transactions), outline(&ring.transactions));
}

#[test]
fn a_filter_lets_in_what_it_names_and_the_rest_is_not_counted() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let filter = "tcp port 20007 or tcp port 20008";
    let mut sensor = place.start("one", &["-i", cable.near, "--shards", "2", "--filter", filter]);
    cable.send(&exchanges(0..20));
    sensor.receives(cable.near, 20);
    let ended = sensor.end();
    ended.has_read(20);
    assert_eq!(ended.whole(), 2);
}
