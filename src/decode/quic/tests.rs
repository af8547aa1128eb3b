//! Long headers as they stand in the standards, and as somebody could write them.

use super::*;
use proptest::prelude::*;

fn kinds(datagram: &[u8]) -> Vec<(Version, Kind, usize)> {
    packets(datagram).map(|packet| (packet.version, packet.kind, packet.bytes.len())).collect()
}

/// A packet with ids of three and four bytes, and `length` bytes behind its header.
fn packet(first: u8, version: u32, token: Option<&[u8]>, length: u8) -> Vec<u8> {
    let mut packet = vec![first];
    packet.extend(version.to_be_bytes());
    packet.extend([3, 1, 2, 3, 4, 5, 6, 7, 8]);
    if let Some(token) = token {
        packet.push(token.len() as u8);
        packet.extend(token);
    }
    packet.push(length);
    packet.extend(vec![9; length.into()]);
    packet
}

/// RFC 9000 section 16 and appendix A.1.
#[test]
fn numbers_are_as_long_as_they_say() {
    let read = |bytes: &[u8]| varint(bytes).map(|(value, rest)| (value, rest.len()));
    assert_eq!(
        read(&[0xC2, 0x19, 0x7C, 0x5E, 0xFF, 0x14, 0xE8, 0x8C, 1]),
        Some((151_288_809_941_952_652, 1))
    );
    assert_eq!(read(&[0x9D, 0x7F, 0x3E, 0x7D]), Some((494_878_333, 0)));
    assert_eq!(
        (read(&[0x7B, 0xBD]), read(&[0x40, 0x25]), read(&[0x25])),
        (Some((15_293, 0)), Some((37, 0)), Some((37, 0)))
    );
    assert_eq!((read(&[0x7B]), read(&[])), (None, None));
}

#[test]
fn packets_in_one_datagram_are_told_apart() {
    let (v1, v2) = (1, 0x6B33_43CF);
    let token = Some(&b"token"[..]);
    let coalesced = [packet(0xC3, v1, token, 40), packet(0xD0, v1, None, 30), packet(0xE5, v1, None, 20)];
    let lengths: Vec<usize> = coalesced.iter().map(Vec::len).collect();
    let datagram = [&coalesced.concat()[..], &[0x41, 1, 2, 3]].concat();
    assert_eq!(
        kinds(&datagram),
        [Kind::Initial, Kind::EarlyData, Kind::Handshake]
            .into_iter()
            .zip(lengths)
            .map(|(kind, length)| (Version::V1, kind, length))
            .collect::<Vec<_>>()
    );
    assert_eq!(kinds(&packet(0xD0, v2, Some(&[]), 40)), [(Version::V2, Kind::Initial, 56)]);
    assert_eq!(kinds(&packet(0xC0, v2, Some(&[]), 40)), [(Version::V2, Kind::Retry, 56)]);
    assert_eq!(kinds(&packet(0xF0, v1, Some(&[]), 40)), [(Version::V1, Kind::Retry, 56)]);
    assert_eq!(kinds(&packet(0x80, 0, None, 8)), [(Version::V1, Kind::Negotiation, 23)]);
}

#[test]
fn what_is_not_all_there_or_of_no_known_version_is_no_packet() {
    let whole = packet(0xC3, 1, Some(b"token"), 40);
    assert_eq!(kinds(&whole).len(), 1);
    for end in 0..whole.len() {
        assert!(kinds(&whole[..end]).is_empty(), "{end}");
    }
    assert!(kinds(&packet(0x83, 1, Some(b"token"), 40)).is_empty(), "without the fixed bit");
    assert!(kinds(&packet(0xC3, 2, Some(b"token"), 40)).is_empty(), "an unknown version");
    let mut long_id = whole;
    long_id[5] = 21;
    assert!(kinds(&long_id).is_empty(), "an id of 21 bytes");
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_their_end_at_most(
        head in prop_oneof![Just(vec![0xC0, 0, 0, 0, 1]), Just(vec![0xD0, 0x6B, 0x33, 0x43, 0xCF]), Just(vec![])],
        tail in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let datagram = [head, tail].concat();
        let read: usize = packets(&datagram).map(|packet| {
            prop_assert!(packet.number_at <= packet.bytes.len());
            Ok(packet.bytes.len())
        }).collect::<Result<Vec<_>, _>>()?.iter().sum();
        prop_assert!(read <= datagram.len());
    }
}
