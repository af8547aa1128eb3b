//! Tunnels over UDP: VXLAN, Geneve, GTP-U, Teredo, L2TP, and GRE and MPLS in UDP.
//! It is given a UDP datagram and looks at its ports, and at its first bytes where the ports say nothing.
//! It promises that a tunnel on an unknown port is believed only with an IP header in it that proves itself.

use super::{Inside, TunnelKind, behind, gre, mpls, proof};
use crate::decode::Config;
use crate::decode::link::{ETHERTYPE_BRIDGED, ETHERTYPE_MPLS, ETHERTYPE_NSH, Layer, Miss};
use crate::metrics::DropReason;

const PORT_L2TP: u16 = 1_701;
const PORT_TEREDO: u16 = 3_544;
/// RFC 8086.
const PORT_GRE: u16 = 4_754;
const PORT_VXLAN_GPE: u16 = 4_790;
/// RFC 7510.
const PORT_MPLS: u16 = 6_635;

/// Extension headers of one GTP packet; real ones have one or two.
const GTP_EXTENSIONS_MAX: usize = 16;
/// Addresses of Teredo begin so (RFC 4380, 2.6).
const TEREDO_PREFIX: [u8; 4] = [0x20, 0x01, 0, 0];

/// It is no tunnel.
const OTHER: Miss = Miss::Reason(DropReason::NotTcp);

/// Reads a datagram of which `missing` bytes were not captured.
pub(super) fn open<'a>(bytes: &'a [u8], missing: u32, config: &Config) -> Result<Inside<'a>, Miss> {
    let (&[s0, s1, d0, d1, l0, l1, _, _], rest) = bytes.split_first_chunk().ok_or(OTHER)?;
    let length = usize::from(u16::from_be_bytes([l0, l1])).checked_sub(8);
    let payload = length.and_then(|length| rest.get(..length)).unwrap_or(rest);
    let ports = [u16::from_be_bytes([d0, d1]), u16::from_be_bytes([s0, s1])];
    let found = match by_port(ports, payload, config) {
        Err(Miss::Reason(DropReason::NotTcp)) if config.tunnels_by_content => by_content(payload, missing),
        found => found,
    };
    found.map(Inside::apart)
}

/// By the receiver's port, and for those that answer from their own port by the sender's.
fn by_port<'a>([to, from]: [u16; 2], payload: &'a [u8], config: &Config) -> Result<Inside<'a>, Miss> {
    let either = |ports: &[u16]| ports.contains(&to) || ports.contains(&from);
    if config.vxlan_ports.contains(&to) || to == PORT_VXLAN_GPE {
        vxlan(payload)
    } else if config.geneve_ports.contains(&to) {
        geneve(payload)
    } else if either(&config.gtp_ports) {
        gtp(payload)
    } else if to == PORT_GRE {
        gre::open(payload)
    } else if to == PORT_MPLS {
        mpls::open(payload)
    } else if either(&[PORT_L2TP]) {
        l2tp(payload)
    } else if either(&[PORT_TEREDO]) {
        teredo(payload)
    } else {
        Err(OTHER)
    }
}

/// By the first bytes, of which a tunnel has few that vary, and the proof inside.
fn by_content(payload: &[u8], missing: u32) -> Result<Inside<'_>, Miss> {
    let found = match payload {
        [0x08, 0, 0, 0, _, _, _, 0, ..] => vxlan(payload),
        [0..=0x3f, 0 | 0x40, 0x65, 0x58, _, _, _, 0, ..] => geneve(payload),
        [0x30..=0x37, 0xff, ..] => gtp(payload),
        [first, ..] if first >> 4 == 6 => {
            let is_teredo = [8, 24].iter().any(|&at| payload.get(at..at + 4) == Some(&TEREDO_PREFIX));
            if is_teredo { teredo(payload) } else { Err(OTHER) }
        }
        _ => Err(OTHER),
    };
    found.ok().filter(|inside| proof::holds(inside, missing)).ok_or(OTHER)
}

/// RFC 7348, with group policy, and the extension that names another protocol than Ethernet.
fn vxlan(bytes: &[u8]) -> Result<Inside<'_>, Miss> {
    const HAS_NETWORK: u8 = 0x08;
    const HAS_PROTOCOL: u8 = 0x04;
    const HAS_GROUP: u8 = 0x80;
    let (&[flags, _, _, protocol, v0, v1, v2, _], rest) = bytes.split_first_chunk().ok_or(Miss::Short)?;
    let names_protocol = flags & (HAS_PROTOCOL | HAS_GROUP) == HAS_PROTOCOL;
    if flags & HAS_NETWORK == 0 && !names_protocol {
        return Err(OTHER);
    }
    let layer = match protocol {
        _ if !names_protocol => Layer::Ethernet,
        1 => Layer::V4,
        2 => Layer::V6,
        3 => Layer::Ethernet,
        4 => Layer::Ethertype(ETHERTYPE_NSH),
        5 => Layer::Ethertype(ETHERTYPE_MPLS),
        _ => return Err(Miss::Reason(DropReason::Tunnel)),
    };
    let inside = Inside::new(TunnelKind::Vxlan, layer, rest);
    let network = u32::from_be_bytes([0, v0, v1, v2]);
    Ok(if flags & HAS_NETWORK == 0 { inside } else { inside.of_network(network) })
}

/// RFC 8926; options are stepped over.
fn geneve(bytes: &[u8]) -> Result<Inside<'_>, Miss> {
    const IS_CONTROL: u8 = 0x80;
    let (&[version, flags, p0, p1, v0, v1, v2, _], rest) = bytes.split_first_chunk().ok_or(Miss::Short)?;
    if version >> 6 != 0 {
        return Err(OTHER);
    }
    let rest = behind(rest, usize::from(version & 0x3f) * 4)?;
    let layer = match u16::from_be_bytes([p0, p1]) {
        _ if flags & IS_CONTROL != 0 => return Err(Miss::Reason(DropReason::Tunnel)),
        ETHERTYPE_BRIDGED => Layer::Ethernet,
        protocol if Layer::is_known(protocol) => Layer::Ethertype(protocol),
        _ => return Err(Miss::Reason(DropReason::Tunnel)),
    };
    Ok(Inside::new(TunnelKind::Geneve, layer, rest).of_network(u32::from_be_bytes([0, v0, v1, v2])))
}

/// 3GPP TS 29.281, 5.1. The endpoint's number differs by direction, so flows are not told apart by it.
fn gtp(bytes: &[u8]) -> Result<Inside<'_>, Miss> {
    const USER_DATA: u8 = 0xff;
    const HAS_EXTENSION: u8 = 0x04;
    const HAS_OPTIONAL: u8 = 0x07;
    let (&[flags, kind, l0, l1, t0, t1, t2, t3], rest) = bytes.split_first_chunk().ok_or(Miss::Short)?;
    // Version 1, and not the variant for charging.
    if flags >> 4 != 3 {
        return Err(OTHER);
    }
    if kind != USER_DATA {
        return Err(Miss::Reason(DropReason::Tunnel));
    }
    let mut rest = rest.get(..usize::from(u16::from_be_bytes([l0, l1]))).unwrap_or(rest);
    if flags & HAS_OPTIONAL != 0 {
        let (&[_, _, _, mut next], after) = rest.split_first_chunk().ok_or(Miss::Short)?;
        rest = after;
        let mut extensions = 0;
        while flags & HAS_EXTENSION != 0 && next != 0 {
            // In units of four bytes; the last one says what follows.
            let units = usize::from(*rest.first().ok_or(Miss::Short)?);
            let (extension, after) = rest.split_at_checked(units * 4).ok_or(Miss::Short)?;
            extensions += 1;
            next = *extension.last().ok_or(Miss::Reason(DropReason::Malformed))?;
            if extensions > GTP_EXTENSIONS_MAX {
                return Err(Miss::Reason(DropReason::Malformed));
            }
            rest = after;
        }
    }
    let bearer = u32::from_be_bytes([t0, t1, t2, t3]);
    Ok(Inside::new(TunnelKind::Gtp, Layer::Ip, rest).numbered(bearer))
}

/// RFC 4380, 5.1.1: an authentication header and an origin indication may come before the packet.
fn teredo(mut bytes: &[u8]) -> Result<Inside<'_>, Miss> {
    if let [0, 1, id, value, rest @ ..] = bytes {
        bytes = behind(rest, usize::from(*id) + usize::from(*value) + 9)?;
    }
    if let [0, 0, rest @ ..] = bytes {
        bytes = behind(rest, 6)?;
    }
    match bytes.first().ok_or(Miss::Short)? >> 4 {
        6 => Ok(Inside::new(TunnelKind::Teredo, Layer::V6, bytes)),
        _ => Err(OTHER),
    }
}

/// RFC 2661, 3.1: data messages; those of control are no packets.
fn l2tp(bytes: &[u8]) -> Result<Inside<'_>, Miss> {
    const IS_CONTROL: u16 = 0x8000;
    const HAS_LENGTH: u16 = 0x4000;
    const HAS_SEQUENCE: u16 = 0x0800;
    const HAS_OFFSET: u16 = 0x0200;
    const VERSION: u16 = 0x000f;
    let (&[f0, f1], rest) = bytes.split_first_chunk().ok_or(Miss::Short)?;
    let flags = u16::from_be_bytes([f0, f1]);
    if flags & IS_CONTROL != 0 || flags & VERSION != 2 {
        return Err(OTHER);
    }
    let has = |flag: u16, bytes: usize| if flags & flag != 0 { bytes } else { 0 };
    let mut rest = behind(rest, has(HAS_LENGTH, 2) + 4 + has(HAS_SEQUENCE, 4))?;
    if flags & HAS_OFFSET != 0 {
        let (&[o0, o1], after) = rest.split_first_chunk().ok_or(Miss::Short)?;
        rest = behind(after, usize::from(u16::from_be_bytes([o0, o1])))?;
    }
    Ok(Inside::new(TunnelKind::L2tp, Layer::Ppp, rest))
}
