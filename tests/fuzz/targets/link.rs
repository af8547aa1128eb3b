//! Packets of any link type through the decoder: IP, its fragments, tunnels, TCP and QUIC in UDP.
//! Nothing is told of bytes that are not there, and every packet is accounted for.

use super::input::{Input, turn};
use crate::support::craft::{Tcp, checksum, endpoint};
use crate::support::initial;
use heelguard::capture::{LinkType, Offload, Packet};
use heelguard::decode::{Config, Decoder, TcpFlags};
use heelguard_detectors::time::EventTime;
use std::time::Duration;

/// Ethernet, raw IP, Linux's two, loopbacks, radiotap and 802.11, one that is nothing, PPP, HDLC and ARCNET.
const LINKS: [u32; 18] = [1, 101, 113, 276, 0, 108, 127, 105, 228, 229, 12, 9_999, 7, 9, 50, 51, 104, 129];

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
    seeds.extend(links(&packet).map(|(link, frame)| of(link, &[frame])));
    seeds.extend(ethertypes(&packet).map(|frame| of(0, &[frame])));
    seeds.extend(headers(&six.packet()).map(|packets| of(1, &packets)));
    seeds.extend(options(&packet).map(|packet| of(1, &[packet])));
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

/// The packet behind each link type's own head.
fn links(packet: &[u8]) -> impl Iterator<Item = (u8, Vec<u8>)> {
    let snap = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    let wlan = |control: [u8; 2], addresses: usize| {
        [&control[..], &[0; 2], &vec![2; addresses - 4], &snap, packet].concat()
    };
    let heads = [
        (4, [&[0, 0, 0, 2][..], packet].concat()),
        (5, [&[0, 0, 0, 2][..], packet].concat()),
        (6, [&[0, 0, 8, 0, 0, 0, 0, 0][..], &wlan([8, 1], 24)].concat()),
        (7, wlan([8, 1], 24)),
        (7, wlan([8, 3], 30)),
        (7, wlan([0x88, 1], 26)),
        (12, [&[1, 2, 240][..], packet].concat()),
        (12, [&[1, 2, 212, 0, 0, 1][..], packet].concat()),
        (13, [&[0xff, 3, 0, 0x21][..], packet].concat()),
        (14, [&[0x21][..], packet].concat()),
        (14, [&[0x0f, 0, 8, 0][..], packet].concat()),
        (15, [&[0x11, 0, 0, 1][..], &(packet.len() as u16 + 2).to_be_bytes(), &[0, 0x21], packet].concat()),
        (16, [&[0x0f, 0, 8, 0][..], packet].concat()),
        (17, [&[1, 2, 0, 0, 240][..], packet].concat()),
    ];
    heads.into_iter()
}

/// Ethernet frames with something between the addresses and the packet.
fn ethertypes(packet: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let length = packet.len() as u16;
    let between = [
        [&[0x88, 0x64, 0x11, 0, 0, 1][..], &(length + 2).to_be_bytes(), &[0, 0x21]].concat(),
        vec![0x89, 0x26, 0, 0, 0, 1, 8, 0],
        vec![0x89, 0x4f, 0, 2, 1, 1, 0, 0, 0, 0],
        vec![0x89, 0x4f, 0, 2, 1, 5, 0, 0, 0, 0, 0, 0, 0x11, 64],
        vec![0x88, 0x47, 0, 0, 0x10, 64, 0, 0, 0x11, 64],
        vec![0x91, 0, 0, 7, 0x88, 0xa8, 0, 0, 8, 0],
        [&(length + 8).to_be_bytes()[..], &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0]].concat(),
    ];
    let packet = packet.to_vec();
    between.into_iter().map(move |head| [&[2; 12][..], &head, &packet].concat())
}

/// The IPv6 packet with headers between it and its payload, whole and in fragments.
fn headers(packet: &[u8]) -> impl Iterator<Item = Vec<Vec<u8>>> {
    let (head, payload) = packet.split_at(40);
    let with = |first: u8, between: &[u8], payload: &[u8]| {
        let mut packet = [head, between, payload].concat();
        packet[6] = first;
        packet[4..6].copy_from_slice(&((between.len() + payload.len()) as u16).to_be_bytes());
        packet
    };
    let (early, late) = payload.split_at(24);
    let jumbo = [&[6, 0, 0xc2, 4][..], &(payload.len() as u32 + 8).to_be_bytes()].concat();
    let packets = [
        vec![with(0, &[6, 0, 5, 2, 0, 0, 1, 0], payload)],
        vec![with(60, &[43, 0, 0x01, 4, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0], payload)],
        vec![with(
            60,
            &[6, 2, 0xc9, 16, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 0, 0],
            payload,
        )],
        vec![with(51, &[6, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1], payload)],
        vec![with(44, &[6, 0, 0, 0, 0, 0, 0, 9], payload)],
        vec![with(44, &[6, 0, 0, 1, 0, 0, 0, 9], early), with(44, &[6, 0, 0, 24, 0, 0, 0, 9], late)],
        vec![with(44, &[6, 0, 0, 24, 0, 0, 0, 9], late), with(44, &[60, 0, 0, 1, 0, 0, 0, 9], early)],
        vec![with(0, &jumbo, payload)],
        vec![with(0, &[60, 0, 1, 4, 0, 0, 0, 0, 60, 0, 1, 4, 0, 0, 0, 0].repeat(9), payload)],
    ];
    packets.into_iter()
}

/// The packet with TCP options of every kind, as data and as a SYN.
fn options(packet: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let tcp = &packet[20..];
    let with = |flags: u8, options: &[u8]| {
        let mut tcp = [&tcp[..20], options, &tcp[20..]].concat();
        (tcp[12], tcp[13]) = (((20 + options.len()) as u8 / 4) << 4, flags);
        header(6, &tcp, 0x4000)
    };
    let signature = [&[19, 18][..], &[7; 16], &[1, 1]].concat();
    let all = [
        with(0x18, &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]),
        with(0x10, &[1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2]),
        with(0x02, &[2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7]),
        with(0x02, &[34, 6, 1, 2, 3, 4, 1, 1]),
        with(0x02, &[254, 8, 0xf9, 0x89, 1, 2, 3, 4]),
        with(0x18, &signature),
        with(0x18, &[29, 4, 1, 2]),
        with(0x18, &[1, 1, 1, 8]),
        with(0x18, &[9, 1, 0, 0]),
    ];
    all.into_iter()
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
        around(47, &[&[0, 0, 0x88, 0xbe][..], frame].concat()),
        around(
            47,
            &[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 8], frame]
                .concat(),
        ),
        around(
            47,
            &[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0, 2, 0, 0, 0, 0, 0, 0, 8, 0][..], packet].concat(),
        ),
        around(47, &[&[0x20, 0, 0x65, 0x58, 1, 2, 3, 4][..], frame].concat()),
        around(47, &[&[0, 0, 0x88, 0x3e][..], packet].concat()),
        around(47, &[&[0, 0, 0x88, 0x3e, 0, 0, 0, 0][..], packet].concat()),
        around(47, &[&[0, 0, 0x88, 0x0b, 0, 0x21][..], packet].concat()),
        around(47, &[&[0xc0, 0, 8, 0, 0, 0, 0, 0, 0, 7, 0, 4, 1, 2, 3, 4, 0, 0, 0, 0][..], packet].concat()),
        around(
            47,
            &[
                &[0x30, 0x81, 0x88, 0x0b][..],
                &(packet.len() as u16 + 4).to_be_bytes(),
                &[0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 3, 0, 0x21],
                packet,
            ]
            .concat(),
        ),
        udp(4_789, &[&[8, 0, 0, 0, 0, 0, 7, 0][..], frame].concat()),
        udp(6_081, &[&[1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 3, 0][..], frame].concat()),
        udp(2_152, &[&[0x30, 0xff, 0, packet.len() as u8, 0, 0, 0, 1][..], packet].concat()),
        udp(6_635, &[&[0, 0, 0x11, 64][..], packet].concat()),
        udp(37_008, &[&[1, 0, 0, 1, 1][..], frame].concat()),
    ];
    tunnels.into_iter()
}
