//! Mirrors whose packets come in tunnels, as captures: what reaches the records.
//! Each story is one conversation, wrapped in one way; told plainly, it is the innocent twin of all.

#![allow(clippy::expect_used, reason = "a test stops where it fails")]

mod support;

use etherparse::{IpNumber, PacketBuilder};
use serde_json::{Value, json};
use std::path::PathBuf;
use support::conversation;
use support::replay::{Replay, assert_same_for_all_shards_with, replay};

/// One packet of a capture: its header, and its frame.
type Packet = (Vec<u8>, Vec<u8>);

/// A list, asked for twice in each of two connections.
fn traffic() -> Vec<Packet> {
    let text = (0..2).map(|n| {
        let list = "x".repeat(2_000);
        let asked = format!(
            "@c{n}> +5ms\nGET /people HTTP/1.1\nHost: api.example.com\n\n\
             @c{n}< +5ms\nHTTP/1.1 200 OK\nContent-Type: text/plain\n\n{list}\n"
        );
        format!(
            "@open c{n} 84.128.212.178:{} -> 10.0.0.5:80 at 2026-11-21T10:00:{n:02}Z\n{asked}{asked}@close c{n} +5ms\n",
            20_000 + n
        )
    });
    packets(&conversation::pcap(&text.collect::<String>()))
}

fn packets(capture: &[u8]) -> Vec<Packet> {
    let mut rest = &capture[24..];
    let mut packets = Vec::new();
    while rest.len() > 16 {
        let size: [u8; 4] = rest[8..12].try_into().expect("four bytes");
        let (packet, after) = rest.split_at(16 + u32::from_le_bytes(size) as usize);
        packets.push((packet[..16].to_vec(), packet[16..].to_vec()));
        rest = after;
    }
    packets
}

/// Whether the server sent the frame.
fn is_answer(frame: &[u8]) -> bool {
    frame[26..30] == [10, 0, 0, 5]
}

/// Every frame in a tunnel of its own choice.
fn wrapped(wrap: impl Fn(&[u8]) -> Vec<u8>) -> Vec<Packet> {
    traffic().into_iter().map(|(head, frame)| resized(head, wrap(&frame))).collect()
}

/// A packet whose header tells the frame's length.
fn resized(mut head: Vec<u8>, frame: Vec<u8>) -> Packet {
    let size = (frame.len() as u32).to_le_bytes();
    head[8..12].copy_from_slice(&size);
    head[12..16].copy_from_slice(&size);
    (head, frame)
}

fn outer(protocol: IpNumber, payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 9, 1], [2, 0, 0, 0, 9, 2]);
    let mut bytes = Vec::new();
    let written = builder.ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64).write(&mut bytes, protocol, payload);
    written.expect("a packet");
    bytes
}

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 9, 1], [2, 0, 0, 0, 9, 2]);
    let mut bytes = Vec::new();
    let written =
        builder.ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64).udp(50_000, port).write(&mut bytes, payload);
    written.expect("a datagram");
    bytes
}

fn vxlan(vni: u32, frame: &[u8]) -> Vec<u8> {
    udp(4_789, &[&[8, 0, 0, 0][..], &(vni << 8).to_be_bytes(), frame].concat())
}

fn geneve(vni: u32, frame: &[u8]) -> Vec<u8> {
    let head = [&[1, 0, 0x65, 0x58][..], &(vni << 8).to_be_bytes(), &[9; 4]].concat();
    udp(6_081, &[&head[..], frame].concat())
}

fn tagged(frame: &[u8], vlan: u8) -> Vec<u8> {
    [&frame[..12], &[0x81, 0, 0, vlan], &frame[12..]].concat()
}

/// Captures in a folder that lives as long as the story.
struct Story {
    home: tempfile::TempDir,
    files: Vec<PathBuf>,
}

impl Story {
    fn new(captures: &[Vec<Packet>]) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let mut files = Vec::new();
        for (number, packets) in captures.iter().enumerate() {
            let mut bytes = conversation::pcap("")[..24].to_vec();
            for (head, frame) in packets {
                bytes.extend([&head[..], frame].concat());
            }
            let path = home.path().join(format!("{number}.pcap"));
            std::fs::write(&path, bytes).expect("written");
            files.push(path);
        }
        Self { home, files }
    }

    /// Told with one shard; with several it is the same.
    fn told(&self, options: &[&str]) -> Replay {
        assert!(self.home.path().is_dir());
        let files: Vec<_> = self.files.iter().map(PathBuf::as_path).collect();
        assert_same_for_all_shards_with(&files, options);
        let told = replay(&files, options);
        assert_eq!(told.stats["balanced"], json!(true), "{}", told.stats);
        told
    }
}

fn told(packets: Vec<Packet>, options: &[&str]) -> Replay {
    Story::new(&[packets]).told(options)
}

/// One field of the flow of every transaction.
fn flows<'r>(replay: &'r Replay, field: &str) -> Vec<&'r Value> {
    replay.transactions.iter().map(|record| &record["flow"][field]).collect()
}

fn whole(replay: &Replay) -> usize {
    replay.transactions.iter().filter(|record| record["completeness"] == "whole").count()
}

#[test]
fn told_plainly_there_is_no_tunnel() {
    let plain = told(traffic(), &[]);
    assert_eq!((whole(&plain), plain.transactions.len()), (4, 4));
    assert_eq!(flows(&plain, "tunnel"), [&Value::Null; 4]);
    assert_eq!(flows(&plain, "vni"), [&Value::Null; 4]);
    assert_eq!(plain.stats["sight"]["tunnel_packets"], 0);
}

#[test]
fn in_each_tunnel_the_same_transactions_are_found() {
    let cases: [(&str, Value, Vec<Packet>); 6] = [
        ("vxlan", json!(5_001), wrapped(|frame| vxlan(5_001, frame))),
        ("geneve", json!(7), wrapped(|frame| geneve(7, frame))),
        (
            "gre",
            json!(77),
            wrapped(|frame| outer(IpNumber::GRE, &[&[0x20, 0, 8, 0, 0, 0, 0, 77], &frame[14..]].concat())),
        ),
        (
            "erspan",
            Value::Null,
            wrapped(|frame| outer(IpNumber::GRE, &[&[0, 0, 0x88, 0xbe], frame].concat())),
        ),
        ("ipip", Value::Null, wrapped(|frame| outer(IpNumber::IPV4, &frame[14..]))),
        ("vxlan", json!(3), wrapped(|frame| geneve(9, &vxlan(3, frame)))),
    ];
    let plain = told(traffic(), &[]);
    for (tunnel, vni, packets) in cases {
        let count = packets.len();
        let found = told(packets, &[]);
        assert_eq!(flows(&found, "tunnel"), [&json!(tunnel); 4]);
        assert_eq!(flows(&found, "vni"), [&vni; 4]);
        assert_eq!(flows(&found, "community_id"), flows(&plain, "community_id"));
        assert_eq!(whole(&found), 4);
        assert_eq!(found.stats["sight"]["tunnel_packets"], json!(count));
        assert_eq!(found.stats["packets"]["processed"], json!(count));
    }
}

#[test]
fn two_tenants_with_the_same_addresses_at_the_same_time_are_two() {
    let both = |second: u32| {
        let pairs = wrapped(|frame| vxlan(5, frame)).into_iter().zip(wrapped(|frame| vxlan(second, frame)));
        pairs.flat_map(|(one, other)| [one, other]).collect::<Vec<_>>()
    };
    let two = told(both(6), &[]);
    assert_eq!((whole(&two), two.transactions.len()), (8, 8));
    assert_eq!(flows(&two, "vni").iter().filter(|vni| ***vni == json!(6)).count(), 4);
    let ids: std::collections::BTreeSet<_> =
        two.transactions.iter().map(|record| record["id"].to_string()).collect();
    assert_eq!(ids.len(), 8, "each has an id of its own");
    // A mirror that sends everything twice, on the other hand, shows one tenant's traffic twice.
    let one = told(both(5), &[]);
    assert_eq!((whole(&one), one.transactions.len()), (4, 4));
    assert!(one.stats["sight"]["copied_segments"].as_u64() > Some(0));
}

#[test]
fn a_mirror_that_numbers_directions_is_understood_when_the_operator_says_so() {
    let packets = || wrapped(|frame| geneve(1, &vxlan(if is_answer(frame) { 200 } else { 100 }, frame)));
    let joined = told(packets(), &["--set", "limits.vni_in_key=false"]);
    assert_eq!((whole(&joined), joined.transactions.len()), (4, 4));
    assert_eq!(flows(&joined, "vni"), [&json!(100); 4]);
    let apart = told(packets(), &[]);
    assert_eq!((whole(&apart), apart.transactions.len()), (0, 8));
}

#[test]
fn a_server_that_answers_past_the_balancers_tunnel() {
    let packets = || {
        wrapped(|frame| if is_answer(frame) { frame.to_vec() } else { outer(IpNumber::IPV4, &frame[14..]) })
    };
    let found = told(packets(), &[]);
    assert_eq!((whole(&found), found.transactions.len()), (4, 4));
    assert_eq!(flows(&found, "tunnel"), [&json!("ipip"); 4]);
}

#[test]
fn a_tap_with_a_file_and_a_tag_for_each_direction() {
    let (there, back): (Vec<Packet>, Vec<Packet>) =
        traffic().into_iter().partition(|(_, frame)| !is_answer(frame));
    let tag = |packets: Vec<Packet>, vlan: u8| {
        packets.into_iter().map(|(head, frame)| resized(head, tagged(&frame, vlan))).collect::<Vec<_>>()
    };
    let story = Story::new(&[tag(there, 10), tag(back, 20)]);
    let joined = story.told(&[]);
    assert_eq!((whole(&joined), joined.transactions.len()), (4, 4));
    assert_eq!(flows(&joined, "vlan"), [&json!([10]); 4]);
    let apart = story.told(&["--set", "limits.vlan_in_key=true"]);
    assert_eq!((whole(&apart), apart.transactions.len()), (0, 8));
}

#[test]
fn what_a_tunnels_mtu_cut_is_a_gap_of_the_right_length() {
    let cut = wrapped(|frame| vxlan(5, &frame[..frame.len().min(1_200)]));
    let found = told(cut, &[]);
    assert_eq!((whole(&found), found.transactions.len()), (0, 4));
    // The answers' lengths hold, so the second one of each connection is found behind the first one's hole.
    assert!(
        found.transactions.iter().all(|record| record["response"]["status"] == 200),
        "{:?}",
        found.transactions
    );
    assert!(found.stats["bytes"]["missing"].as_u64() > Some(1_000));
    assert!(found.stats["sight"]["cut_tunnel_packets"].as_u64() >= Some(4));
}

#[test]
fn what_is_no_tcp_inside_is_dropped_by_its_own_reason() {
    let arp = [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1, 8, 6], &[0; 28]].concat();
    let mut packets = wrapped(|frame| vxlan(5, frame));
    let head = packets[0].0.clone();
    let nested = (0..50).fold(traffic()[0].1.clone(), |frame, n| vxlan(n, &frame[..frame.len().min(60_000)]));
    for frame in [vxlan(5, &arp), vxlan(5, &udp(53, &[7; 20])), nested, outer(IpNumber::GRE, &[0, 0, 1, 1])] {
        packets.push(resized(head.clone(), frame));
    }
    let count = packets.len();
    let found = told(packets, &[]);
    let expected = json!({"not_ip": 1, "not_tcp": 1, "tunnel": 1, "tunnel_depth": 1});
    assert_eq!(found.stats["packets"]["dropped"], expected);
    assert_eq!(found.stats["packets"]["processed"], json!(count - 4));
    assert_eq!(whole(&found), 4);
}
