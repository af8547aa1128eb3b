//! Which ring a packet goes to: a classic BPF program for the kernel (PACKET_FANOUT_CBPF), and the same in Rust.
//! It is given a frame's network part and gives a number that both directions of a flow share, also inside tunnels.
//! It promises that program and function agree, and that no packet is without a ring.
//!
//! The hash is over addresses and ports, each pair joined by XOR, so that direction does not matter. The kernel puts
//! IPv4 fragments together before it deals (PACKET_FANOUT_FLAG_DEFRAG). Fragments of IPv6, and what is neither TCP
//! nor UDP, go by their addresses; what is not IP goes to the first ring. One VLAN tag is taken out by the kernel;
//! two more are stepped over. The sum is not keyed: who aims at one ring slows that one, and no table depends on it.
//!
//! Two tunnels are entered: VXLAN and Geneve on their own ports, GRE, ERSPAN, IP in IP. The other tunnels of UDP go by
//! the addresses of their ends, which are the same two for both directions of what is inside; MPLS and PPPoE go to the
//! first ring. What this program cannot see (tunnels on ports of the operator's own, fragments inside tunnels) needs one
//! shard, or libpcap, where the decoder reads first and deals then.

mod program;
#[cfg(test)]
mod tests;

pub(super) use program::program;

use crate::capture::LinkType;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLANS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
/// Tags in the frame that are stepped over.
const TAGS_MAX: usize = 2;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// IPv6 hop-by-hop options, which frames longer than 64 KiB have.
const HOP_BY_HOP: u8 = 0;
const IPV4_IN_IP: u8 = 4;
const IPV6_IN_IP: u8 = 41;
const GRE: u8 = 47;
/// Tunnels in tunnels that are entered.
const TUNNELS_MAX: u8 = 2;
const VXLAN_PORTS: [u16; 2] = [4_789, 8_472];
const GENEVE_PORT: u16 = 6_081;
/// L2TP, GTP-U, GRE and MPLS in UDP, VXLAN with other protocols than Ethernet: the sender's port may be anything.
const ADDRESSED_PORTS: [u16; 5] = [1_701, 2_152, 4_754, 4_790, 6_635];
/// Routes and other versions of GRE: not stepped over.
const GRE_OTHER: u16 = 0x4007;
/// Checksum, key and sequence number: four bytes each.
const GRE_OPTIONAL: [u16; 3] = [0x8000, 0x2000, GRE_SEQUENCE];
const GRE_SEQUENCE: u16 = 0x1000;
const BRIDGED: u16 = 0x6558;
const ERSPAN: u16 = 0x88be;
const ERSPAN_3: u16 = 0x22eb;
/// An Ethernet header, and where its type is.
const ETHERNET_BYTES: usize = 14;
const ETHERNET_TYPE_AT: usize = 12;
const MULTIPLIER: u32 = 0x9E37_79B1;

/// The shard of a connection's first packet; of others nothing is said. It is asked for each packet and so looks at
/// TCP's flags first, at the places where they nearly always are.
#[inline]
pub(super) fn shard_of_syn(link: LinkType, frame: &[u8], shards: usize) -> Option<usize> {
    let (kind, packet) = network_part(link, frame)?;
    let flags = match kind {
        IPV4 if *packet.get(9)? == TCP => packet.get(usize::from(packet.first()? & 0x0f) * 4 + 13)?,
        IPV6 if *packet.get(6)? == TCP => packet.get(53)?,
        _ => return None,
    };
    (flags & 0x02 != 0).then(|| hash(kind, packet) as usize % shards.max(1))
}

/// A frame's type and what follows, as the kernel has them.
fn network_part(link: LinkType, frame: &[u8]) -> Option<(u16, &[u8])> {
    if link == super::ETHERNET {
        return Some((u16_at(frame, 12)?, frame.get(14..)?));
    }
    match frame.first()? >> 4 {
        4 => Some((IPV4, frame)),
        6 => Some((IPV6, frame)),
        _ => None,
    }
}

/// The hash of a packet. What ends too early hashes to zero, as a load beyond the end stops a BPF program with zero.
fn hash(kind: u16, packet: &[u8]) -> u32 {
    walk(kind, packet, 0, 0).map_or(0, mix)
}

fn mix(sum: u32) -> u32 {
    let sum = sum ^ (sum >> 16);
    let sum = sum.wrapping_mul(MULTIPLIER);
    sum ^ (sum >> 16)
}

/// The addresses and ports of the packet at `base`, inside so many tunnels.
fn walk(mut kind: u16, packet: &[u8], mut base: usize, tunnels: u8) -> Option<u32> {
    for _ in 0..TAGS_MAX {
        if !VLANS.contains(&kind) {
            break;
        }
        kind = u16_at(packet, base + 2)?;
        base += 4;
    }
    let (addresses, protocol, transport) = match kind {
        IPV4 => {
            let addresses = u32_at(packet, base + 12)? ^ u32_at(packet, base + 16)?;
            // More fragments, or an offset: there may be no ports.
            if u16_at(packet, base + 6)? & 0x3fff != 0 {
                return Some(addresses);
            }
            let length = usize::from(packet.get(base)? & 0x0f) * 4;
            (addresses, *packet.get(base + 9)?, base + length)
        }
        IPV6 => {
            let mut addresses = 0;
            for word in 0..8 {
                addresses ^= u32_at(packet, base + 8 + word * 4)?;
            }
            match *packet.get(base + 6)? {
                HOP_BY_HOP => {
                    let length = (usize::from(*packet.get(base + 41)?) + 1) * 8;
                    (addresses, *packet.get(base + 40)?, base + 40 + length)
                }
                protocol => (addresses, protocol, base + 40),
            }
        }
        // Not IP: the first ring.
        _ => return None,
    };
    let way = match protocol {
        TCP => Way::Ports,
        UDP if tunnels == TUNNELS_MAX => Way::Ports,
        _ if tunnels == TUNNELS_MAX => Way::Addresses,
        UDP => in_udp(packet, transport)?,
        GRE => in_gre(packet, transport)?,
        IPV4_IN_IP => Way::Inside(IPV4, transport),
        IPV6_IN_IP => Way::Inside(IPV6, transport),
        _ => Way::Addresses,
    };
    match way {
        Way::Addresses => Some(addresses),
        Way::Ports => {
            let ports = [u16_at(packet, transport)?, u16_at(packet, transport + 2)?];
            Some(addresses ^ u32::from(ports[0]) ^ u32::from(ports[1]))
        }
        Way::Inside(kind, base) => walk(kind, packet, base, tunnels + 1),
    }
}

/// By what a packet is dealt.
enum Way {
    /// By its addresses alone.
    Addresses,
    /// By its ports as well.
    Ports,
    /// By the packet of this type in it.
    Inside(u16, usize),
}

fn in_udp(packet: &[u8], at: usize) -> Option<Way> {
    match u16_at(packet, at + 2)? {
        port if VXLAN_PORTS.contains(&port) => in_ethernet(packet, at + 16),
        GENEVE_PORT => {
            let kind = u16_at(packet, at + 10)?;
            let options = usize::from(packet.get(at + 8)? & 0x3f) * 4;
            in_protocol(kind, packet, at + 16 + options)
        }
        port if ADDRESSED_PORTS.contains(&port) => Some(Way::Addresses),
        _ => Some(Way::Ports),
    }
}

fn in_gre(packet: &[u8], mut at: usize) -> Option<Way> {
    let flags = u16_at(packet, at)?;
    if flags & GRE_OTHER != 0 {
        return Some(Way::Addresses);
    }
    let kind = u16_at(packet, at + 2)?;
    at += 4 + 4 * GRE_OPTIONAL.iter().filter(|&&flag| flags & flag != 0).count();
    match kind {
        ERSPAN if flags & GRE_SEQUENCE != 0 => in_ethernet(packet, at + 8),
        ERSPAN => in_ethernet(packet, at),
        ERSPAN_3 => {
            let platform = usize::from(packet.get(at + 11)? & 1) * 8;
            in_ethernet(packet, at + 12 + platform)
        }
        kind => in_protocol(kind, packet, at),
    }
}

fn in_protocol(kind: u16, packet: &[u8], at: usize) -> Option<Way> {
    match kind {
        IPV4 | IPV6 => Some(Way::Inside(kind, at)),
        BRIDGED => in_ethernet(packet, at),
        _ => Some(Way::Addresses),
    }
}

fn in_ethernet(packet: &[u8], at: usize) -> Option<Way> {
    Some(Way::Inside(u16_at(packet, at + ETHERNET_TYPE_AT)?, at + ETHERNET_BYTES))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
