//! Whether bytes are what they seem: what a tunnel on an unknown port must show before it is believed.

use super::Inside;
use crate::decode::checksum;
use crate::decode::link::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_VLAN, Layer};

/// Ethernet pads a frame up to 60 bytes; so much may follow an IP packet that ends earlier.
const PADDING_MAX: usize = 46;
/// What may stand in an IPv6 header as the next one: extension headers, TCP, UDP, ICMP, tunnels, IPsec.
const IPV6_NEXT: [u8; 12] = [0, 4, 6, 17, 41, 43, 44, 47, 50, 51, 58, 60];

/// The length that an IP header states; nothing if the bytes are none.
pub(super) fn stated_len(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [first, _, l0, l1, ..] if first >> 4 == 4 => Some(usize::from(u16::from_be_bytes([*l0, *l1]))),
        [first, _, _, _, l0, l1, ..] if first >> 4 == 6 => {
            Some(usize::from(u16::from_be_bytes([*l0, *l1])) + 40)
        }
        _ => None,
    }
}

/// Whether an Ethernet frame with IP in it begins here.
pub(super) fn is_ethernet(bytes: &[u8]) -> bool {
    ip_in_ethernet(bytes).is_some()
}

/// Whether what is inside begins with an IP header that is right and as long as what is there, `missing` included. An
/// IPv4 header proves itself by its checksum; one of IPv6 by its length alone.
pub(super) fn holds(inside: &Inside<'_>, missing: u32) -> bool {
    let ip = match inside.layer {
        Layer::Ethernet => ip_in_ethernet(inside.bytes),
        _ => Some(inside.bytes),
    };
    let Some(ip) = ip else { return false };
    let (room, stated) = (ip.len() + missing as usize, stated_len(ip).unwrap_or(0));
    match ip {
        [first, ..] if first >> 4 == 4 => {
            let header = ip.get(..usize::from(first & 0x0f) * 4).filter(|header| header.len() >= 20);
            header.is_some_and(|header| checksum::sum(header) == 0xffff) && stated + PADDING_MAX >= room
        }
        [first, _, _, _, _, _, next, _, ..] if first >> 4 == 6 => {
            IPV6_NEXT.contains(next) && stated <= room && stated + PADDING_MAX >= room
        }
        _ => false,
    }
}

/// The IP packet in a frame, with one VLAN tag or none.
fn ip_in_ethernet(bytes: &[u8]) -> Option<&[u8]> {
    let (&[_, _, _, _, _, _, _, _, _, _, _, _, t0, t1], rest) = bytes.split_first_chunk()?;
    let (ethertype, ip) = match (u16::from_be_bytes([t0, t1]), rest) {
        (ETHERTYPE_VLAN, [_, _, t0, t1, rest @ ..]) => (u16::from_be_bytes([*t0, *t1]), rest),
        untagged => untagged,
    };
    let version = match ethertype {
        ETHERTYPE_IPV4 => 4,
        ETHERTYPE_IPV6 => 6,
        _ => return None,
    };
    ip.first().is_some_and(|first| first >> 4 == version).then_some(ip)
}
