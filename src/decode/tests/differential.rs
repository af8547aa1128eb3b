//! The decoder against etherparse, an independent one, over mutated frames.

use super::*;
use crate::decode::Checksums;
use etherparse::{LaxNetSlice, LaxSlicedPacket, SlicedPacket, TransportSlice};
use proptest::prelude::*;

/// What both must agree on: addresses, ports, sequence number, payload.
type Facts = (IpAddr, IpAddr, u16, u16, u32, Vec<u8>);

fn ours(frame: &[u8]) -> Option<Facts> {
    let config = Config { checksums: Checksums::Off, ..Config::default() };
    let mut decoder = Decoder::new(config);
    let packet = Packet {
        time: EventTime::ZERO,
        link: ETHERNET,
        data: frame,
        original_len: frame.len() as u32,
        offload: Offload::default(),
    };
    let facts = decoder.decode(packet).map(|segment| {
        (
            segment.src.ip,
            segment.dst.ip,
            segment.src.port,
            segment.dst.port,
            segment.seq,
            segment.payload.to_vec(),
        )
    });
    decoder.finish();
    assert_eq!(decoder.counters().imbalance(), None);
    facts
}

fn theirs(frame: &[u8]) -> Option<Facts> {
    let packet = LaxSlicedPacket::from_ethernet(frame).ok()?;
    let (src, dst, fragmented) = match packet.net? {
        LaxNetSlice::Ipv4(ip) => (
            IpAddr::from(ip.header().source_addr()),
            IpAddr::from(ip.header().destination_addr()),
            ip.payload().fragmented,
        ),
        LaxNetSlice::Ipv6(ip) => (
            IpAddr::from(ip.header().source_addr()),
            IpAddr::from(ip.header().destination_addr()),
            ip.payload().fragmented,
        ),
        LaxNetSlice::Arp(_) => return None,
    };
    let Some(TransportSlice::Tcp(tcp)) = packet.transport else { return None };
    (!fragmented).then(|| {
        (src, dst, tcp.source_port(), tcp.destination_port(), tcp.sequence_number(), tcp.payload().to_vec())
    })
}

/// Frames of all kinds that both know.
fn frames() -> Vec<Vec<u8>> {
    let segment4 = tcp(A4, B4, 7, &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2], b"GET / HTTP/1.1\r\n\r\n");
    let segment6 = tcp(A6, B6, 7, &[2, 4, 5, 0xb4], b"GET / HTTP/1.1\r\n\r\n");
    let extended = [&[60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0][..], &segment6].concat();
    let tagged = [&[0, 5, 0x08, 0][..], &ipv4(&segment4)].concat();
    vec![
        ethernet(0x0800, &ipv4(&segment4)),
        ethernet(0x0800, &ipv4_part(1, 0x4000, 6, &[1, 1, 1, 0], &segment4)),
        ethernet(0x8100, &tagged),
        ethernet(0x86dd, &ipv6(6, &segment6)),
        ethernet(0x86dd, &ipv6(0, &extended)),
        [&ethernet(0x0800, &ipv4(&segment4))[..], &[0; 9]].concat(),
    ]
}

#[test]
fn an_authentication_header_shorter_than_its_fixed_part_is_refused() {
    let mut frame = frames()[4].clone();
    frame[54] = 51;
    assert_eq!((ours(&frame), theirs(&frame)), (None, None));
}

#[test]
fn plain_frames_agree() {
    for frame in frames() {
        assert!(ours(&frame).is_some());
        assert_eq!(ours(&frame), theirs(&frame), "{frame:02x?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// What we take as a segment, they read alike: we are stricter, never other.
    #[test]
    fn mutated_frames_agree_or_are_refused(
        which in 0..6_usize,
        changes in proptest::collection::vec((0..90_usize, any::<u8>()), 0..4),
        cut in 0..30_usize,
    ) {
        let mut frame = frames()[which].clone();
        for (at, value) in changes {
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
        }
        frame.truncate(frame.len() - cut);
        if let Some(facts) = ours(&frame) {
            prop_assert_eq!(Some(facts), theirs(&frame));
        } else if let Ok(SlicedPacket { transport: Some(TransportSlice::Tcp(_)), .. }) = SlicedPacket::from_ethernet(&frame) {
            // Refused on purpose: options of IP that a host drops, routes not at their end.
            let with_options = frame[14] & 0x0f > 5 || frame[14] >> 4 == 6 || frame[12] == 0x81;
            prop_assert!(with_options, "a plain frame was refused");
        }
    }

    /// Bytes of no meaning at all, on every link type.
    #[test]
    fn noise_is_refused_in_peace(link in 0..300_u32, bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        let mut decoder = Decoder::new(Config::default());
        let original_len = bytes.len() as u32 + link % 3;
        let packet = Packet { time: EventTime::ZERO, link: LinkType(link), data: &bytes, original_len, offload: Offload::default() };
        let _ = decoder.decode(packet);
        decoder.finish();
        prop_assert_eq!(decoder.counters().imbalance(), None);
    }
}
