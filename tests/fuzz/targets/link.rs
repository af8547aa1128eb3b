//! Packets of any link type through the decoder: IP, its fragments, tunnels, TCP and QUIC in UDP.
//! Nothing is told of bytes that are not there, and every packet is accounted for.

use super::input::{Input, turn};
use crate::support::craft::{Tcp, checksum, endpoint};
use crate::support::initial;
use heelguard::capture::{LinkType, Offload, Packet};
use heelguard::decode::{Config, Decoder, TcpFlags};
use heelguard_detectors::time::EventTime;
use std::time::Duration;

/// Ethernet, raw IP, Linux's two, loopbacks, radiotap and 802.11, and one that is nothing.
const LINKS: [u32; 12] = [1, 101, 113, 276, 0, 108, 127, 105, 228, 229, 12, 9_999];

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let link = LinkType(input.one_of(&LINKS));
    let mut decoder = Decoder::new(Config::default());
    let mut now = EventTime::from_secs(1_000);
    let mut given = 0;
    for turn in input.turns() {
        // Fragments wait for seconds.
        now = now.after(Duration::from_millis(u64::from(turn.kind & 0x70) * 100 + 1));
        let missing = u32::from(turn.kind & 0x0f);
        let original_len = turn.bytes.len() as u32 + if missing > 8 { missing * 99 } else { 0 };
        given += turn.bytes.len();
        let offload = Offload::default();
        if let Some(segment) =
            decoder.decode(Packet { time: now, link, data: turn.bytes, original_len, offload })
        {
            assert!(segment.payload.len() <= given, "no payload is longer than what came");
            assert_eq!(segment.time, now);
        }
    }
    decoder.finish();
    assert_eq!(decoder.counters().imbalance(), None);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut tcp = Tcp::new(endpoint("10.0.0.1:4000"), endpoint("10.0.0.2:80"));
    tcp.payload = b"GET / HTTP/1.1\r\n\r\n".to_vec();
    tcp.flags |= TcpFlags::PSH;
    let mut six = Tcp::new(endpoint("[2001:db8::1]:4000"), endpoint("[2001:db8::2]:80"));
    six.payload.clone_from(&tcp.payload);
    let mut tagged = tcp.clone();
    tagged.vlans = vec![7, 8];
    tagged.options.timestamps = Some((1, 2));
    let of = |link: u8, frames: &[Vec<u8>]| {
        [vec![link], frames.iter().flat_map(|frame| turn(0, frame)).collect()].concat()
    };
    let packet = tcp.packet();
    let mut seeds = vec![
        of(0, &[tcp.frame()]),
        of(0, &[six.frame()]),
        of(0, &[tagged.frame()]),
        of(1, &[tcp.packet(), six.packet()]),
        of(2, &[cooked(&packet)]),
        of(3, &[[&[8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0][..], &packet].concat()]),
        of(4, &[[&[2, 0, 0, 0][..], &packet].concat()]),
        of(1, &fragments(&packet)),
    ];
    seeds.extend(tunnels(&packet, &tcp.frame()).map(|inner| of(1, &[inner])));
    let hello = initial::packet(initial::CLIENT, 0, &initial::crypto(0, b"\x01\x00\x00\x00"), 1_200);
    seeds.push(of(0, &[initial::frame(endpoint("10.0.0.1:4000"), endpoint("10.0.0.2:443"), &hello)]));
    seeds
}

fn cooked(packet: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0][..], packet].concat()
}

/// An IPv4 packet around some bytes.
fn around(protocol: u8, inner: &[u8]) -> Vec<u8> {
    header(protocol, inner, 0x4000)
}

fn header(protocol: u8, inner: &[u8], flags_and_offset: u16) -> Vec<u8> {
    let length = (20 + inner.len() as u16).to_be_bytes();
    let [more, offset] = flags_and_offset.to_be_bytes();
    let mut head =
        [&[0x45, 0][..], &length, &[0, 9, more, offset, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]]
            .concat();
    let sum = checksum(&[&head]);
    head[10..12].copy_from_slice(&sum.to_be_bytes());
    [&head, inner].concat()
}

fn fragments(packet: &[u8]) -> Vec<Vec<u8>> {
    let (first, later) = packet[20..].split_at(24);
    vec![header(6, later, 3), header(6, first, 0x2000)]
}

/// The packet inside GRE, IP in IP, VXLAN, Geneve, GTP and MPLS over UDP.
fn tunnels(packet: &[u8], frame: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let udp = |port: u16, inner: &[u8]| {
        let length = (8 + inner.len() as u16).to_be_bytes();
        around(17, &[&[0xc0, 1][..], &port.to_be_bytes(), &length, &[0, 0], inner].concat())
    };
    let tunnels = [
        around(4, packet),
        around(47, &[&[0, 0, 8, 0][..], packet].concat()),
        around(47, &[&[0x20, 0, 0x65, 0x58, 0, 0, 1, 7][..], frame].concat()),
        around(47, &[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 1, 0, 2, 0, 0, 0, 0][..], frame].concat()),
        udp(4_789, &[&[8, 0, 0, 0, 0, 0, 7, 0][..], frame].concat()),
        udp(6_081, &[&[1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 3, 0][..], frame].concat()),
        udp(2_152, &[&[0x30, 0xff, 0, packet.len() as u8, 0, 0, 0, 1][..], packet].concat()),
        udp(6_635, &[&[0, 0, 0x11, 64][..], packet].concat()),
        udp(37_008, &[&[1, 0, 0, 1, 1][..], frame].concat()),
    ];
    tunnels.into_iter()
}
