//! The vectors of RFC 9001 appendix A and RFC 9369 appendix A, byte for byte.

use super::*;
use crate::decode::quic::{Kind, packets};
use proptest::prelude::*;

const FIRST_ID: [u8; 8] = [0x83, 0x94, 0xC8, 0xF0, 0x3E, 0x51, 0x57, 0x08];

/// A section of the vectors.
pub(in crate::tls::quic) fn vector(name: &str) -> Vec<u8> {
    let sections = include_str!("vectors.txt").split("\n[").skip(1);
    let (_, digits) = sections.filter_map(|it| it.split_once("]\n")).find(|(it, _)| *it == name).unwrap();
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

/// An Initial packet of version 1 with these frames, sealed as its sender does.
pub(in crate::tls::quic) fn sealed(
    sender: Direction,
    first_id: &[u8],
    receiver_id: &[u8],
    (number, frames): (u8, &[u8]),
) -> Vec<u8> {
    let keys = Keys::of(Version::V1, sender, first_id).unwrap();
    let length = 0x4000 | (1 + frames.len() + TAG_BYTES) as u16;
    let id = [&[receiver_id.len() as u8][..], receiver_id].concat();
    let mut header = [&[0xC0, 0, 0, 0, 1][..], &id, &[0, 0], &length.to_be_bytes(), &[number]].concat();
    let mut body = frames.to_vec();
    keys.key.seal_in_place_append_tag(keys.nonce(number.into()), Aad::from(&header), &mut body).unwrap();
    let sample = body[SAMPLE_BEHIND - 1..].first_chunk::<TAG_BYTES>().unwrap();
    let [first_mask, number_mask, ..] = keys.header.new_mask(sample).unwrap();
    header[0] ^= first_mask & MASKED_BITS;
    *header.last_mut().unwrap() ^= number_mask;
    [header, body].concat()
}

fn opened(bytes: &[u8], sender: Direction, first_id: &[u8]) -> Option<Vec<u8>> {
    let packet = packets(bytes).next()?;
    assert_eq!(packet.kind, Kind::Initial);
    open(&packet, sender, first_id, &mut Vec::new()).map(<[u8]>::to_vec)
}

#[test]
fn the_first_packets_of_both_sides_open() {
    let [mut of_client, of_server] = ["client frames", "server frames"].map(vector);
    of_client.resize(1_162, 0);
    for version in ["v1", "v2"] {
        let [client, server] = ["client", "server"].map(|side| vector(&format!("{version} {side}")));
        assert_eq!(client.len(), 1_200);
        assert_eq!(
            opened(&client, Direction::FromInitiator, &FIRST_ID),
            Some(of_client.clone()),
            "{version}"
        );
        assert_eq!(
            opened(&server, Direction::FromResponder, &FIRST_ID),
            Some(of_server.clone()),
            "{version}"
        );
        // Neither side's packet is the other's, nor of a connection that began with another id.
        assert_eq!(opened(&client, Direction::FromResponder, &FIRST_ID), None);
        assert_eq!(opened(&server, Direction::FromResponder, &[0x83; 8]), None);
    }
}

#[test]
fn what_is_sealed_here_opens() {
    for (sender, number) in [(Direction::FromInitiator, 0), (Direction::FromResponder, 200)] {
        let packet = sealed(sender, &FIRST_ID, b"another id", (number, b"frames"));
        assert_eq!(opened(&packet, sender, &FIRST_ID).as_deref(), Some(&b"frames"[..]));
    }
}

#[test]
fn one_changed_bit_anywhere_and_nothing_opens() {
    let server = vector("v1 server");
    let header: usize = 18;
    for place in 0..server.len() {
        let mut changed = server.clone();
        changed[place] ^= 0x10;
        // In the header it may be no packet of this length or version any more.
        let is_packet = packets(&changed).next().is_some_and(|packet| packet.kind == Kind::Initial);
        assert!(is_packet || place < header, "{place}");
        if is_packet {
            assert_eq!(opened(&changed, Direction::FromResponder, &FIRST_ID), None, "{place}");
        }
    }
}

#[test]
fn a_retry_is_that_of_the_client_it_answers() {
    for version in ["v1", "v2"] {
        let bytes = vector(&format!("{version} retry"));
        let retry = packets(&bytes).next().unwrap();
        assert_eq!(retry.kind, Kind::Retry);
        assert!(is_retry_of(&retry, &FIRST_ID), "{version}");
        assert!(!is_retry_of(&retry, &[0x83; 8]), "{version}");
        let mut changed = bytes;
        *changed.last_mut().unwrap() ^= 1;
        assert!(!is_retry_of(&packets(&changed).next().unwrap(), &FIRST_ID), "{version}");
    }
}

proptest! {
    #[test]
    fn packets_of_any_bytes_stay_shut(
        head in prop_oneof![Just([0xC0, 0, 0, 0, 1]), Just([0xD0, 0x6B, 0x33, 0x43, 0xCF]), Just([0xC0, 0xFF, 0, 0, 0x1D])],
        body in prop::collection::vec(any::<u8>(), 0..64),
        length in 0..80_u8,
        tail in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        // An id of eight bytes, none of the sender, no token.
        let bytes = [&head[..], &[8], &[7; 8], &[0, 0, length % 64], &body, &tail].concat();
        for packet in packets(&bytes) {
            prop_assert!(open(&packet, Direction::FromInitiator, &[7; 8], &mut Vec::new()).is_none());
            prop_assert!(!is_retry_of(&packet, &[7; 8]));
        }
    }
}
