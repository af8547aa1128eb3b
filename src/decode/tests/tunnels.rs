//! Packets in packets: those that a tunnel carries whole, and those that it had to cut.

use super::{A4, B4, Bench, ethernet, ipv4_part, ipv6, tcp};

/// A mirrored frame of a request.
fn inner() -> Vec<u8> {
    ethernet(0x0800, &ipv4_part(7, 0, 6, &[], &tcp(A4, B4, 1, &[], b"GET / HTTP/1.1\r\n\r\n")))
}

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16 + 8).to_be_bytes();
    [&[0xc0, 0, port.to_be_bytes()[0], port.to_be_bytes()[1]][..], &length, &[0, 0], payload].concat()
}

/// Each way to wrap an inner frame, with its IP protocol.
fn wrapped(frame: &[u8]) -> Vec<(&'static str, u8, Vec<u8>)> {
    let packet = &frame[14..];
    let vlan = [&frame[..12], &[0x81, 0, 0, 42], &frame[12..]].concat();
    let gre = |head: &[u8], rest: &[u8]| [head, rest].concat();
    vec![
        ("IP in IP", 4, packet.to_vec()),
        ("GRE", 47, gre(&[0, 0, 8, 0], packet)),
        ("GRE with a key", 47, gre(&[0x20, 0, 8, 0, 0, 0, 0, 1], packet)),
        ("GRE with a bridged frame", 47, gre(&[0, 0, 0x65, 0x58], frame)),
        ("ERSPAN I", 47, gre(&[0, 0, 0x88, 0xbe], frame)),
        ("ERSPAN II", 47, gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0], frame)),
        (
            "ERSPAN III",
            47,
            gre(&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], frame),
        ),
        ("VXLAN", 17, udp(4_789, &gre(&[8, 0, 0, 0, 0, 0, 1, 0], frame))),
        ("VXLAN with a tagged frame", 17, udp(4_789, &gre(&[8, 0, 0, 0, 0, 0, 1, 0], &vlan))),
        ("Geneve with an option", 17, udp(6_081, &gre(&[1, 0, 0x65, 0x58, 0, 0, 1, 0, 9, 9, 9, 9], frame))),
    ]
}

/// Packets of tunnels, and how many of them were cut.
fn seen(protocol: u8, payload: &[u8], cut: u32) -> (u64, u64) {
    let mut bench = Bench { cut, ..Bench::default() };
    let reason = if [4, 41, 47].contains(&protocol) { "tunnel" } else { "not_tcp" };
    let mut packet = ipv4_part(1, 0, protocol, &[], payload);
    if cut > 0 {
        // The outer packet is longer than what was captured of it.
        let length = (packet.len() as u16 + cut as u16).to_be_bytes();
        packet[2..4].copy_from_slice(&length);
        packet[10..12].copy_from_slice(&[0, 0]);
        let sum = super::checksum(&[&packet[..20]]);
        packet[10..12].copy_from_slice(&sum);
    }
    bench.check(&ethernet(0x0800, &packet), reason);
    let sight = bench.finish().counters().sight.clone();
    (sight.tunnel_packets, sight.cut_tunnel_packets)
}

#[test]
fn a_tunnel_without_room_cuts_and_one_with_room_does_not() {
    let frame = inner();
    for (name, protocol, payload) in wrapped(&frame) {
        assert_eq!(seen(protocol, &payload, 0), (1, 0), "{name}");
        let shorter = &payload[..payload.len() - 1];
        if protocol == 17 {
            // The outer header tells the length that was sent.
            let mut shorter = shorter.to_vec();
            let length = (shorter.len() as u16).to_be_bytes();
            shorter[4..6].copy_from_slice(&length);
            assert_eq!(seen(protocol, &shorter, 0), (1, 1), "{name}");
        } else {
            assert_eq!(seen(protocol, shorter, 0), (1, 1), "{name}");
        }
        assert_eq!(seen(protocol, shorter, 1), (0, 0), "{name}: the snap length cut it, not the tunnel");
    }
    let six = ipv6(6, &tcp(super::A6, super::B6, 1, &[], b"GET"));
    assert_eq!((seen(41, &six, 0), seen(41, &six[..six.len() - 1], 0)), ((1, 0), (1, 1)));
}

#[test]
fn what_only_looks_like_a_tunnel_is_none() {
    assert_eq!(seen(17, &udp(53, &[0; 40]), 0), (0, 0), "a name service");
    assert_eq!(seen(47, &[0, 0, 0x88, 0x0b, 1, 2, 3, 4], 0), (0, 0), "GRE with PPP in it");
    // Cut at every byte, nothing is out of bounds.
    for (_, protocol, payload) in wrapped(&inner()) {
        for end in 0..payload.len() {
            let (tunnels, cut) = seen(protocol, &payload[..end], 0);
            assert!(cut <= tunnels && tunnels <= 1);
        }
    }
}

#[test]
fn frames_are_counted_by_what_a_wire_can_carry() {
    let frames = |length: usize| {
        let mut bench = Bench::default();
        bench.check(&ethernet(0x0806, &vec![0; length - 14]), "not_ip");
        let sight = bench.finish().counters().sight.clone();
        (sight.jumbo_frames, sight.giant_frames)
    };
    assert_eq!((frames(1_522), frames(1_523)), ((0, 0), (1, 0)));
    assert_eq!((frames(9_238), frames(9_239)), ((1, 0), (0, 1)));
}
