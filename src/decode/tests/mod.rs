//! Packets made by hand, and what becomes of them.

mod checksums;
mod differential;
mod fragments;
mod headers;
mod links;
mod tunnels;

use super::{Config, Decoder};
use crate::capture::{LinkType, Offload, Packet};
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::time::EventTime;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) const ETHERNET: LinkType = LinkType(1);
pub(super) const A4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
pub(super) const B4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
pub(super) const A6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
pub(super) const B6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2));

/// A decoder under test: packets go in, words come out.
pub(super) struct Bench {
    pub(super) decoder: Decoder,
    pub(super) link: LinkType,
    pub(super) seconds: u64,
    /// Bytes of each packet that the snap length cuts off.
    pub(super) cut: u32,
    /// What the kernel says of each.
    pub(super) offload: Offload,
}

impl Bench {
    pub(super) fn new(config: Config) -> Self {
        Self {
            decoder: Decoder::new(config),
            link: ETHERNET,
            seconds: 1_000,
            cut: 0,
            offload: Offload::default(),
        }
    }

    /// What becomes of a frame: `seq payload`, `held`, or the reason of its drop.
    pub(super) fn check(&mut self, frame: &[u8], expected: &str) {
        let before = self.decoder.counters().dropped.clone();
        let packet = Packet {
            time: EventTime::from_secs(self.seconds),
            link: self.link,
            data: frame,
            original_len: frame.len() as u32 + self.cut,
            offload: self.offload,
        };
        let segment = self.decoder.decode(packet).map(|segment| {
            let missing = if segment.missing > 0 { format!(" +{}", segment.missing) } else { String::new() };
            format!("{} {}{missing}", segment.seq, String::from_utf8_lossy(segment.payload))
        });
        let after = &self.decoder.counters().dropped;
        let found = segment.unwrap_or_else(|| {
            let grown = after.rows().into_iter().find(|(name, count)| {
                before.rows().into_iter().find(|row| row.0 == *name).is_none_or(|row| row.1 < *count)
            });
            grown.map_or("held", |row| row.0).to_owned()
        });
        assert_eq!(found, expected, "frame {frame:02x?}");
    }

    pub(super) fn anomalies(&self, anomaly: Anomaly) -> u64 {
        self.decoder.counters().anomalies.get(anomaly)
    }

    /// Ends the capture and adds up the account.
    pub(super) fn finish(mut self) -> Decoder {
        self.decoder.finish();
        assert_eq!(self.decoder.counters().imbalance(), None);
        self.decoder
    }
}

impl Default for Bench {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

/// RFC 1071, word by word.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let bytes = parts.concat();
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

pub(super) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The pseudo-header's folded sum, as an operating system leaves it for its network card.
pub(super) fn partial_sum(src: IpAddr, dst: IpAddr, length: u32) -> [u8; 2] {
    let length = length.to_be_bytes();
    checksum(&[&octets(src), &octets(dst), &length, &[0, 0, 0, 6]]).map(|byte| !byte)
}

/// A TCP segment with a right checksum.
pub(super) fn tcp(src: IpAddr, dst: IpAddr, seq: u32, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let offset = 5 + options.len().div_ceil(4) as u8;
    let mut bytes =
        [&[0x9c, 0x40, 0, 80][..], &seq.to_be_bytes(), &[0, 0, 0, 9, offset << 4, 0x18, 1, 0]].concat();
    bytes.extend_from_slice(&[0, 0, 0, 0]);
    bytes.extend_from_slice(options);
    bytes.resize(usize::from(offset) * 4, 0);
    bytes.extend_from_slice(payload);
    let length = (bytes.len() as u32).to_be_bytes();
    let sum = checksum(&[&octets(src), &octets(dst), &length, &[0, 0, 0, 6], &bytes]);
    bytes[16..18].copy_from_slice(&sum);
    bytes
}

/// An IPv4 packet with a right checksum; `flags` is the field of flags and fragment offset.
pub(super) fn ipv4_part(id: u16, flags: u16, protocol: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let header_len = 20 + options.len();
    let length = ((header_len + payload.len()) as u16).to_be_bytes();
    let mut header = vec![0x40 | (header_len / 4) as u8, 0];
    header.extend_from_slice(&length);
    header.extend_from_slice(&id.to_be_bytes());
    header.extend_from_slice(&flags.to_be_bytes());
    header.extend_from_slice(&[64, protocol, 0, 0]);
    header.extend_from_slice(&octets(A4));
    header.extend_from_slice(&octets(B4));
    header.extend_from_slice(options);
    let sum = checksum(&[&header]);
    header[10..12].copy_from_slice(&sum);
    [&header[..], payload].concat()
}

pub(super) fn ipv4(payload: &[u8]) -> Vec<u8> {
    ipv4_part(1, 0, 6, &[], payload)
}

pub(super) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16).to_be_bytes();
    [&[0x60, 0, 0, 0][..], &length, &[next, 64], &octets(A6), &octets(B6), payload].concat()
}

pub(super) fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&[2; 6][..], &[4; 6], &ethertype.to_be_bytes(), payload].concat()
}

/// A frame with TCP over IPv4 in it.
pub(super) fn frame4(seq: u32, payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ipv4(&tcp(A4, B4, seq, &[], payload)))
}

/// A frame with TCP over IPv6 in it.
pub(super) fn frame6(seq: u32, payload: &[u8]) -> Vec<u8> {
    ethernet(0x86dd, &ipv6(6, &tcp(A6, B6, seq, &[], payload)))
}
