//! Tunnels in tunnels, lengths that lie, and bytes without meaning.

use super::*;
use crate::decode::Checksums;
use proptest::prelude::*;

/// One more tunnel around a frame.
type Wrap = fn(&[u8]) -> Vec<u8>;

const WRAPS: [Wrap; 6] = [
    |frame| in_vxlan(1, frame),
    |frame| outer(GRE, &[&[0, 0, 0x65, 0x58][..], frame].concat()),
    |frame| outer(GRE, &[&[0, 0, 0x88, 0xbe][..], frame].concat()),
    |frame| outer(4, &frame[14..]),
    |frame| outer(UDP, &udp(6_081, &[&[0, 0, 0x65, 0x58, 0, 0, 1, 0][..], frame].concat())),
    |frame| ethernet(0x8847, &[&[0, 0, 1, 64, 0, 0, 0, 0][..], frame].concat()),
];

#[test]
fn four_tunnels_are_entered_and_the_fifth_is_not() {
    for wrap in WRAPS {
        let nested = |depth: usize| (0..depth).fold(inner(), |frame, _| wrap(&frame));
        for depth in 0..=4 {
            Bench::default().check(&nested(depth), "1 GET / HTTP/1.1\r\n\r\n");
        }
        for depth in [5, 6, 50] {
            let mut bench = Bench::default();
            bench.check(&nested(depth), "tunnel_depth");
            assert_eq!(bench.finish().counters().sight.tunnel_packets, 1);
        }
    }
    // Of mixed kinds, too.
    let mixed = (0..50).fold(inner(), |frame, n| WRAPS[n % WRAPS.len()](&frame));
    Bench::default().check(&mixed, "tunnel_depth");
}

#[test]
fn lengths_that_lie_are_refused() {
    // Options of Geneve, routes of GRE, and an extension of GTP beyond the end; an end that never comes.
    fate(UDP, &udp(6_081, &[0x3f, 0, 0x65, 0x58, 0, 0, 1, 0, 1, 2, 3]), "malformed");
    fate(GRE, &[0x40, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 255, 1, 2, 3], "malformed");
    fate(GRE, &[&[0x40, 0, 8, 0, 0, 0, 0, 0][..], &[8, 0, 0, 0].repeat(99)].concat(), "malformed");
    fate(UDP, &udp(2_152, &[0x34, 0xff, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0x85, 255, 0, 0, 0]), "malformed");
    let extensions =
        [&[0x34, 0xff, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0x85][..], &[1, 0, 0, 0x85].repeat(60)].concat();
    fate(UDP, &udp(2_152, &extensions), "malformed");
    fate(UDP, &udp(3_544, &[0, 1, 255, 255, 1, 2, 3]), "malformed");
    // Headers shorter than they are.
    fate(GRE, &[0xb0, 0, 8, 0, 0, 0], "malformed");
    fate(GRE, &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0], "malformed");
    fate(UDP, &udp(4_789, &[8, 0, 0]), "malformed");
    // A UDP length beyond the packet or of nothing is not believed; a shorter one is the end.
    let mut datagram = udp(4_789, &vxlan(1, &inner()));
    for (length, expected) in
        [(0xffff_u16, "1 GET / HTTP/1.1\r\n\r\n"), (0, "1 GET / HTTP/1.1\r\n\r\n"), (20, "malformed")]
    {
        datagram[4..6].copy_from_slice(&length.to_be_bytes());
        fate(UDP, &datagram, expected);
    }
}

#[test]
fn what_a_host_drops_outside_it_drops_inside() {
    let reason = |frame: &[u8], reason| Bench::default().check(&in_vxlan(1, frame), reason);
    // A hundred extension headers, and a route that is not at its end.
    let headers = [&[60, 0, 1, 4, 0, 0, 0, 0].repeat(99)[..], &[6, 0, 1, 4, 0, 0, 0, 0]].concat();
    reason(&ethernet(0x86dd, &ipv6(60, &headers)), "ext_limit");
    reason(&ethernet(0x86dd, &ipv6(43, &[6, 2, 0, 1, 0, 0, 0, 0].repeat(3))), "malformed");
    // Fragments that overlap.
    let segment = tcp(A4, B4, 1, &[], b"GET /good HTTP/1.1");
    let part = |at: usize, until: usize, more: u16| {
        in_vxlan(1, &ethernet(0x0800, &ipv4_part(9, (at / 8) as u16 | more, 6, &[], &segment[at..until])))
    };
    let mut bench = Bench::default();
    bench.check(&part(0, 24, 0x2000), "held");
    bench.check(&part(16, segment.len(), 0), "frag_overlap");
    assert_eq!(bench.finish().counters().dropped.rows(), [("frag_overlap", 2)]);
}

#[test]
fn a_flood_of_fragments_in_tunnels_stays_within_the_limit() {
    let config = Config { fragment_bytes_max: 100_000, ..Config::default() };
    let mut decoder = Decoder::new(config);
    for n in 0..5_000_u32 {
        let fragment = ipv4_part(n as u16, 0x2000, 6, &[], &[0; 1_200]);
        decoded(&mut decoder, ETHERNET, &in_vxlan(n, &ethernet(0x0800, &fragment)));
    }
    let dropped = decoder.counters().dropped.clone();
    assert!(dropped.sum() >= 5_000 - 100, "{:?}", dropped.rows());
    decoder.finish();
    assert_eq!(decoder.counters().imbalance(), None);
}

#[test]
fn an_inner_packet_that_claims_more_than_came_is_as_long_as_what_came() {
    let mut frame = inner();
    frame[14 + 2..14 + 4].copy_from_slice(&[0xff, 0xff]);
    frame[14 + 10..14 + 12].copy_from_slice(&[0, 0]);
    let sum = super::super::checksum(&[&frame[14..34]]);
    frame[14 + 10..14 + 12].copy_from_slice(&sum);
    Bench::default().check(&in_vxlan(1, &frame), "1 GET / HTTP/1.1\r\n\r\n +65477");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    /// Whatever stands in and behind a tunnel's header: no panic, and every packet is accounted for.
    #[test]
    fn any_bytes_in_any_tunnel(
        kind in 0..12_usize,
        depth in 0..4_usize,
        bytes in proptest::collection::vec(any::<u8>(), 0..160),
        cut in 0..3_u32,
    ) {
        const PORTS: [u16; 9] = [4_789, 4_790, 6_081, 2_152, 3_544, 1_701, 4_754, 6_635, 9];
        let payload = |frame: Vec<u8>| (0..depth).fold(frame, |frame, n| WRAPS[n](&frame));
        let frame = payload(match kind {
            0 => outer(GRE, &bytes),
            1 => outer(4, &bytes),
            2 => ethernet(0x8847, &bytes),
            kind => outer(UDP, &udp(PORTS[kind - 3], &bytes)),
        });
        let mut decoder = Decoder::new(Config::default());
        let original_len = frame.len() as u32 + cut;
        let time = EventTime::ZERO;
        let packet = Packet { time, link: ETHERNET, data: &frame, original_len, offload: Offload::default() };
        let _ = decoder.decode(packet);
        decoder.finish();
        prop_assert_eq!(decoder.counters().imbalance(), None);
    }

    /// A tunnel around a frame whose bytes were changed: what is read inside is what is read of the frame alone.
    #[test]
    fn inside_is_read_as_outside(
        wrap in 0..WRAPS.len(),
        changes in proptest::collection::vec((14..70_usize, any::<u8>()), 0..4),
    ) {
        let mut frame = inner();
        for (at, value) in changes {
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
        }
        let alone = fates(&frame);
        let inside = fates(&WRAPS[wrap](&frame));
        // A length beyond the frame is a lie alone, and a cut inside a tunnel.
        let is_cut = u16::from_be_bytes([frame[16], frame[17]]) as usize > frame.len() - 14;
        prop_assert!(alone == inside || is_cut || frame[23] != 6, "{} {}", alone, inside);
    }
}

/// What becomes of a frame, in words.
fn fates(frame: &[u8]) -> String {
    // The outer packet's right checksums are not to tell anything of the inner one's sender.
    let strict = Config { checksums: Checksums::Strict, ..Config::default() };
    let mut decoder = Decoder::new(strict);
    let packet = Packet {
        time: EventTime::ZERO,
        link: ETHERNET,
        data: frame,
        original_len: frame.len() as u32,
        offload: Offload::default(),
    };
    let segment = decoder.decode(packet).map(|segment| {
        let Segment { src, dst, seq, payload, missing, .. } = segment;
        format!("{src:?} {dst:?} {seq} {payload:?} {missing}")
    });
    segment.unwrap_or_else(|| format!("{:?}", decoder.counters().dropped.rows()))
}
