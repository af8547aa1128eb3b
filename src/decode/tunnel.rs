//! Packets in packets, as far as it takes to see that a tunnel cuts them.
//! It is given an IP packet that is not TCP and counts it, if it is one of a tunnel, and if its inner packet is cut.
//! It promises not to read the inner packet any further: what is inside is dropped by its reason, as before.
//!
//! A mirror that sends packets through a tunnel adds 36 to 60 bytes to each. Where the path has no room for them, the
//! mirror cuts the packet (as those of clouds do), and its end is lost: often the end of a token or of a body.

use super::ip::{IpPacket, PROTOCOL_GRE, PROTOCOL_IPV4, PROTOCOL_IPV6};
use crate::metrics::SightCounters;

const PROTOCOL_UDP: u8 = 17;
const PORT_VXLAN: u16 = 4_789;
const PORT_GENEVE: u16 = 6_081;

const GRE_CHECKSUM: u16 = 0x8000;
const GRE_KEY: u16 = 0x2000;
const GRE_SEQUENCE: u16 = 0x1000;
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_VLAN: u16 = 0x8100;
const ETHERTYPE_BRIDGED: u16 = 0x6558;
const ETHERTYPE_ERSPAN_2: u16 = 0x88be;
const ETHERTYPE_ERSPAN_3: u16 = 0x22eb;

/// Counts a packet of a tunnel. What the snap length cut is counted elsewhere.
#[cold]
pub(super) fn look_into(ip: &IpPacket<'_>, sight: &mut SightCounters) {
    if ip.missing > 0 {
        return;
    }
    let inner = match ip.protocol {
        PROTOCOL_IPV4 | PROTOCOL_IPV6 => Some(ip.payload),
        PROTOCOL_GRE => gre(ip.payload),
        PROTOCOL_UDP => udp(ip.payload),
        _ => None,
    };
    let Some(inner) = inner else { return };
    sight.tunnel_packets += 1;
    if stated_len(inner).is_some_and(|stated| stated > inner.len()) {
        sight.cut_tunnel_packets += 1;
    }
}

/// The length that an IP header states; nothing if the bytes are none.
fn stated_len(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [first, _, l0, l1, ..] if first >> 4 == 4 => Some(usize::from(u16::from_be_bytes([*l0, *l1]))),
        [first, _, _, _, l0, l1, ..] if first >> 4 == 6 => {
            Some(usize::from(u16::from_be_bytes([*l0, *l1])) + 40)
        }
        _ => None,
    }
}

/// RFC 2784 and RFC 2890; ERSPAN as Cisco and Linux write it.
fn gre(bytes: &[u8]) -> Option<&[u8]> {
    let (&[f0, f1, p0, p1], _) = bytes.split_first_chunk()?;
    let (flags, protocol) = (u16::from_be_bytes([f0, f1]), u16::from_be_bytes([p0, p1]));
    let optional = [GRE_CHECKSUM, GRE_KEY, GRE_SEQUENCE].iter().filter(|&&flag| flags & flag != 0).count();
    let inner = bytes.get(4 + 4 * optional..)?;
    match protocol {
        ETHERTYPE_IPV4 | ETHERTYPE_IPV6 => Some(inner),
        ETHERTYPE_BRIDGED => ethernet(inner),
        // The first version has no header of its own, and no sequence number.
        ETHERTYPE_ERSPAN_2 if flags & GRE_SEQUENCE == 0 => ethernet(inner),
        ETHERTYPE_ERSPAN_2 => ethernet(inner.get(8..)?),
        ETHERTYPE_ERSPAN_3 => ethernet(inner.get(12..)?),
        _ => None,
    }
}

/// VXLAN (RFC 7348) and Geneve (RFC 8926).
fn udp(bytes: &[u8]) -> Option<&[u8]> {
    let (&[_, _, d0, d1, _, _, _, _, options, _, p0, p1], _) = bytes.split_first_chunk()?;
    let header = bytes.get(8..)?;
    match (u16::from_be_bytes([d0, d1]), u16::from_be_bytes([p0, p1])) {
        (PORT_VXLAN, _) => ethernet(header.get(8..)?),
        (PORT_GENEVE, ETHERTYPE_BRIDGED) => ethernet(header.get(8 + 4 * usize::from(options & 0x3f)..)?),
        _ => None,
    }
}

fn ethernet(bytes: &[u8]) -> Option<&[u8]> {
    let (&[_, _, _, _, _, _, _, _, _, _, _, _, t0, t1], rest) = bytes.split_first_chunk()?;
    match (u16::from_be_bytes([t0, t1]), rest) {
        (ETHERTYPE_IPV4 | ETHERTYPE_IPV6, _) => Some(rest),
        (ETHERTYPE_VLAN, [_, _, t0, t1, rest @ ..]) => {
            matches!(u16::from_be_bytes([*t0, *t1]), ETHERTYPE_IPV4 | ETHERTYPE_IPV6).then_some(rest)
        }
        _ => None,
    }
}
