//! Rounds of traffic: the same requests on other connections, and nothing a host would refuse.
//! They are replayed by the sensor's own parts, which check every checksum and follow every connection.
//! They promise that each round is found whole, and that no connection of one round is met in the next.

use crate::round::Round;
use heelguard::demo::Load;
use std::collections::BTreeSet;

const TCP_IN_V4: usize = 34;
const TCP_IN_V6: usize = 54;

fn small() -> Round {
    Round::of(Load::mixed(300_000, 7))
}

fn frames(round: &Round, number: u64) -> Vec<Vec<u8>> {
    let mut frame = Vec::new();
    (0..).map_while(|at| round.write(at, number, &mut frame).then(|| frame.clone())).collect()
}

/// RFC 1071 over the pseudo header and the segment: zero when the checksum is right.
fn remainder(frame: &[u8]) -> u16 {
    let (addresses, tcp) = if frame[12..14] == [0x86, 0xDD] {
        (&frame[22..54], &frame[TCP_IN_V6..])
    } else {
        (&frame[26..34], &frame[TCP_IN_V4..])
    };
    let words = |bytes: &[u8]| {
        bytes
            .chunks(2)
            .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
            .sum::<u32>()
    };
    let mut sum = words(addresses) + 6 + tcp.len() as u32 + words(tcp);
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !(sum as u16)
}

fn ports(frame: &[u8]) -> (u16, u16) {
    let tcp = if frame[12..14] == [0x86, 0xDD] { TCP_IN_V6 } else { TCP_IN_V4 };
    let port = |at: usize| u16::from_be_bytes([frame[tcp + at], frame[tcp + at + 1]]);
    (port(0), port(2))
}

/// Addresses and ports of the client.
fn clients(frames: &[Vec<u8>]) -> BTreeSet<(Vec<u8>, u16)> {
    let client = |frame: &Vec<u8>| {
        let (from, to) = ports(frame);
        let is_v6 = frame[12..14] == [0x86, 0xDD];
        let (source, target) = if is_v6 { (22..38, 38..54) } else { (26..30, 30..34) };
        if to == 80 { (frame[source].to_vec(), from) } else { (frame[target].to_vec(), to) }
    };
    frames.iter().map(client).collect()
}

#[test]
fn the_first_round_is_the_load_itself() {
    let mut load = Load::mixed(300_000, 7);
    let mut packets = Vec::new();
    while let Some(packet) = load.next_packet() {
        packets.push(packet.data.to_vec());
    }
    assert_eq!(frames(&small(), 0), packets);
}

#[test]
fn every_round_has_right_checksums_and_a_server_on_port_80() {
    let round = small();
    for number in [1, 2, 13, 4_000, 1_000_003] {
        for frame in frames(&round, number) {
            assert_eq!(remainder(&frame), 0, "round {number}");
            let (from, to) = ports(&frame);
            assert!((from == 80) != (to == 80), "round {number}: {from} to {to}");
            assert!(from.max(to) >= 1_025);
        }
    }
}

#[test]
fn a_changed_byte_is_a_wrong_checksum() {
    let mut frame = frames(&small(), 3).swap_remove(0);
    frame[TCP_IN_V4 + 4] ^= 1;
    assert_ne!(remainder(&frame), 0);
}

#[test]
fn neighbouring_rounds_share_no_connection() {
    let round = small();
    let (one, two) = (clients(&frames(&round, 5)), clients(&frames(&round, 6)));
    assert_eq!(one.len(), two.len());
    assert!(one.is_disjoint(&two));
}

#[test]
fn within_a_round_bytes_follow_each_other_as_in_the_load() {
    let round = small();
    let sequence = |frame: &[u8]| {
        let tcp = if frame[12..14] == [0x86, 0xDD] { TCP_IN_V6 } else { TCP_IN_V4 };
        u32::from_be_bytes(frame[tcp + 4..tcp + 8].try_into().expect("four bytes"))
    };
    let moved: BTreeSet<u32> = frames(&round, 0)
        .iter()
        .zip(frames(&round, 9))
        .map(|(before, after)| sequence(&after).wrapping_sub(sequence(before)))
        .collect();
    assert_eq!(moved.len(), 1, "all sequence numbers move by the same");
}
