//! Which ring a packet goes to: a classic BPF program for the kernel (PACKET_FANOUT_CBPF), and the same in Rust.
//! It is given a frame's network part and gives a number that both directions of a flow share, also inside VXLAN.
//! It promises that program and function agree, and that no packet is without a ring.
//!
//! The hash is over addresses and ports, each pair joined by XOR, so that direction does not matter. The kernel puts
//! IPv4 fragments together before it deals (PACKET_FANOUT_FLAG_DEFRAG). Fragments of IPv6, and what is neither TCP
//! nor UDP, go by their addresses; what is not IP goes to the first ring. One VLAN tag is taken out by the kernel;
//! two more are stepped over. The sum is not keyed: who aims at one ring slows that one, and no table depends on it.

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
const VXLAN_PORT: u16 = 4_789;
/// UDP, VXLAN and the inner Ethernet header up to its type.
const VXLAN_TO_TYPE: usize = 8 + 8 + 12;
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
    walk(kind, packet, 0, false).map_or(0, mix)
}

fn mix(sum: u32) -> u32 {
    let sum = sum ^ (sum >> 16);
    let sum = sum.wrapping_mul(MULTIPLIER);
    sum ^ (sum >> 16)
}

/// The packet's addresses and ports, at `base`. Inside a tunnel there is no other.
fn walk(mut kind: u16, packet: &[u8], mut base: usize, inside: bool) -> Option<u32> {
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
    match protocol {
        UDP if !inside && u16_at(packet, transport + 2)? == VXLAN_PORT => {
            let at = transport + VXLAN_TO_TYPE;
            return walk(u16_at(packet, at)?, packet, at + 2, true);
        }
        TCP | UDP => {}
        _ => return Some(addresses),
    }
    Some(addresses ^ u32::from(u16_at(packet, transport)?) ^ u32::from(u16_at(packet, transport + 2)?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
