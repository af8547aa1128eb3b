//! Which pairs of ends speak QUIC, as far as anybody can tell who opens no packet.
//! It is given UDP datagrams and gives those on a path where a client's first packet was seen, that one included.
//! It promises bounded memory, and that what was asked of it does not depend on keyed hashing.

use super::{Long, packets};
use crate::decode::ip::{IpPacket, PROTOCOL_UDP};
use crate::decode::{Endpoint, Tenant};
use ahash::RandomState;
use std::collections::HashSet;
use std::mem;

/// Paths of one generation. When it is full it becomes the old one and the old one is forgotten, so a path is
/// remembered while it is among the last 32,768 at least.
const PATHS_MAX: usize = 32_768;

const HEADER_BYTES: usize = 8;

/// A datagram that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) struct Datagram<'a> {
    pub(in crate::decode) ports: [u16; 2],
    /// Its packets, where they may say anything to somebody who has no secrets.
    pub(in crate::decode) payload: &'a [u8],
    /// Bytes of it behind `payload`.
    pub(in crate::decode) missing: u32,
}

/// Both ends, the lower one first, and their network.
type Path = (Endpoint, Endpoint, Tenant);

/// The paths.
#[derive(Debug, Default)]
pub(in crate::decode) struct Paths {
    young: HashSet<Path, RandomState>,
    old: HashSet<Path, RandomState>,
}

impl Paths {
    /// Reads an IP packet that is neither TCP nor a tunnel. `None`: it is of no path of QUIC.
    #[cold]
    pub(in crate::decode) fn read<'a>(&mut self, ip: &IpPacket<'a>, tenant: Tenant) -> Option<Datagram<'a>> {
        if ip.protocol != PROTOCOL_UDP {
            return None;
        }
        let (&[s0, s1, d0, d1, l0, l1, _, _], rest) = ip.payload.split_first_chunk::<HEADER_BYTES>()?;
        let stated = usize::from(u16::from_be_bytes([l0, l1])).checked_sub(HEADER_BYTES)?;
        if stated > rest.len() + ip.missing as usize {
            // More than the packet carries: no host takes it.
            return None;
        }
        let payload = rest.get(..stated).unwrap_or(rest);
        let ports = [u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1])];
        let [src, dst] = [(ip.src, ports[0]), (ip.dst, ports[1])].map(|(ip, port)| Endpoint { ip, port });
        let path = (src.min(dst), src.max(dst), tenant);
        let is_first = |packet: Long<'_>| packet.may_be_first(payload.len());
        if !self.knows(&path) {
            if !packets(payload).next().is_some_and(is_first) {
                return None;
            }
            self.note(path);
        }
        // Behind short headers everything is sealed: how much it is says all there is to say.
        let payload = if packets(payload).next().is_some() { payload } else { &[] };
        let missing = stated.saturating_sub(payload.len()) as u32;
        Some(Datagram { ports, payload, missing })
    }

    /// Whether the path is known. One that is in use is kept.
    fn knows(&mut self, path: &Path) -> bool {
        let is_known = self.young.contains(path);
        if !is_known && self.old.remove(path) {
            self.note(*path);
            return true;
        }
        is_known
    }

    fn note(&mut self, path: Path) {
        if self.young.len() >= PATHS_MAX {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::ip::HeaderSum;
    use std::net::Ipv4Addr;

    /// What looks like a client's first packet: an Initial of version 1 to an id of eight bytes.
    fn first() -> Vec<u8> {
        let mut packet = [&[0xC0, 0, 0, 0, 1, 8][..], &[7; 8], &[0, 0, 0x44, 0x9E]].concat();
        packet.resize(1_200, 0x55);
        packet
    }

    fn udp(payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u16 + 8).to_be_bytes();
        [&[0xC0, 0x00, 0x01, 0xBB][..], &length, &[0, 0], payload].concat()
    }

    fn ip(client: u32, datagram: &[u8]) -> IpPacket<'_> {
        IpPacket {
            src: Ipv4Addr::from_bits(client).into(),
            dst: Ipv4Addr::new(10, 0, 0, 5).into(),
            ttl: 64,
            protocol: PROTOCOL_UDP,
            payload: datagram,
            missing: 0,
            fragment: None,
            header_sum: HeaderSum::Good,
            extensions: 0,
        }
    }

    #[test]
    fn short_headers_go_on_only_behind_a_first_packet() {
        let mut paths = Paths::default();
        let (short, first) = (udp(&[0x41; 700]), udp(&first()));
        assert_eq!(paths.read(&ip(1, &short), Tenant::default()), None);
        let begun = paths.read(&ip(1, &first), Tenant::default()).expect("it begins a path");
        assert_eq!((begun.payload.len(), begun.missing, begun.ports), (1_200, 0, [49_152, 443]));
        let sealed = paths.read(&ip(1, &short), Tenant::default()).expect("it is on the path");
        assert_eq!((sealed.payload.len(), sealed.missing), (0, 700));
        assert_eq!(paths.read(&ip(2, &short), Tenant::default()), None, "another client");
    }

    #[test]
    fn what_no_client_begins_with_begins_no_path() {
        let with = |change: fn(&mut Vec<u8>)| {
            let mut packet = first();
            change(&mut packet);
            Paths::default().read(&ip(1, &udp(&packet)), Tenant::default()).is_some()
        };
        assert!(with(|_| ()));
        assert!(!with(|packet| packet.truncate(1_199)), "too short a datagram");
        assert!(!with(|packet| packet[0] = 0x80), "without the fixed bit");
        assert!(!with(|packet| packet[0] = 0xE0), "a handshake packet");
        assert!(!with(|packet| packet[4] = 9), "an unknown version");
        assert!(!with(|packet| packet[5] = 7), "too short an id");
        assert!(!with(|packet| packet[16] = 0x7F), "longer than its datagram");
    }

    #[test]
    fn a_flood_of_paths_is_bounded_and_one_in_use_survives_it() {
        let mut paths = Paths::default();
        let (short, first) = (udp(&[0x41; 60]), udp(&first()));
        for client in 0..3 * PATHS_MAX as u32 {
            paths.read(&ip(client, &first), Tenant::default());
            if client % 10_000 == 0 {
                assert!(paths.read(&ip(0, &short), Tenant::default()).is_some(), "{client}");
            }
        }
        assert!(paths.young.len() + paths.old.len() <= 2 * PATHS_MAX);
        assert_eq!(paths.read(&ip(1, &short), Tenant::default()), None, "long silent, forgotten");
    }
}
