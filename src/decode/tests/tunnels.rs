//! Packets in packets: what is inside is read as if it came alone, and told with the tunnel it came through.

mod content;
mod hostile;
mod kinds;
mod pieces;

use super::*;
use crate::decode::{Segment, Tenant};

pub(super) const GRE: u8 = 47;
pub(super) const UDP: u8 = 17;

/// A mirrored frame of a request.
fn inner() -> Vec<u8> {
    ethernet(0x0800, &ipv4_part(7, 0, 6, &[], &tcp(A4, B4, 1, &[], b"GET / HTTP/1.1\r\n\r\n")))
}

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    udp_between(0xc000, port, payload)
}

fn udp_between(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16 + 8).to_be_bytes();
    [&from.to_be_bytes()[..], &to.to_be_bytes(), &length, &[0, 0], payload].concat()
}

fn vxlan(vni: u32, frame: &[u8]) -> Vec<u8> {
    [&[8, 0, 0, 0][..], &(vni << 8).to_be_bytes(), frame].concat()
}

/// A frame with a packet of this protocol.
fn outer(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ipv4_part(1, 0, protocol, &[], payload))
}

/// A frame inside VXLAN.
fn in_vxlan(vni: u32, frame: &[u8]) -> Vec<u8> {
    outer(UDP, &udp(4_789, &vxlan(vni, frame)))
}

/// What a segment says of its way: tunnel, number, VLANs.
fn way(segment: &Segment<'_>) -> String {
    let number = segment.tunnel.number().map_or("-".to_owned(), |number| number.to_string());
    format!("{} {number} {:?}", segment.tunnel.name().unwrap_or("-"), segment.vlans.as_slice())
}

/// Decodes one frame: its way and its tenant, or nothing.
fn decoded(decoder: &mut Decoder, link: LinkType, frame: &[u8]) -> Option<(String, Tenant)> {
    let time = EventTime::from_secs(1_000);
    let packet =
        Packet { time, link, data: frame, original_len: frame.len() as u32, offload: Offload::default() };
    decoder.decode(packet).map(|segment| (way(&segment), segment.tenant))
}

/// The way of the request in a frame, which must be read; cut at every byte, the frame is refused in peace.
fn check_way(link: LinkType, frame: &[u8], expected: &str) {
    let mut decoder = Decoder::new(Config::default());
    let found = decoded(&mut decoder, link, frame);
    assert_eq!(
        found.map(|found| found.0).as_deref(),
        Some(expected),
        "{:?}",
        decoder.counters().dropped.rows()
    );
    for end in 0..frame.len() {
        decoded(&mut decoder, link, &frame[..end]);
    }
    decoder.finish();
    assert_eq!(decoder.counters().imbalance(), None);
}

/// What becomes of a frame with such a payload.
fn fate(protocol: u8, payload: &[u8], expected: &str) {
    Bench::default().check(&outer(protocol, payload), expected);
}
