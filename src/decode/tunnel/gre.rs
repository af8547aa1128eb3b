//! GRE (RFC 2784, RFC 2890) and what is built on it: NVGRE, ERSPAN, PPTP, web cache redirection, wireless controllers.
//! It is given the bytes from the GRE header on.
//! It promises to step over every optional field that the flags announce. Its checksum is not judged: the packet inside
//! has its own.

use super::{Inside, TunnelKind, behind};
use crate::decode::link::{ETHERTYPE_BRIDGED, Layer, Miss};
use crate::metrics::DropReason;

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const VERSION: u16 = 0x0007;
/// In version 1 alone.
const ACKNOWLEDGMENT: u16 = 0x0080;

const PROTOCOL_PPP: u16 = 0x880b;
const PROTOCOL_WCCP: u16 = 0x883e;
/// ERSPAN types I and II.
const PROTOCOL_ERSPAN: u16 = 0x88be;
const PROTOCOL_ERSPAN_3: u16 = 0x22eb;
/// Frames of access points (Aruba).
const PROTOCOL_WLAN: std::ops::RangeInclusive<u16> = 0x8200..=0x83ff;

/// Source routes of one packet; RFC 1701 gives no limit.
const ROUTES_MAX: usize = 16;
/// Virtual subnets as NVGRE numbers them (RFC 7637, 3.2): smaller ones are reserved.
const SUBNETS: std::ops::RangeInclusive<u32> = 0x1000..=0x00ff_fffe;

pub(super) fn open(bytes: &[u8]) -> Result<Inside<'_>, Miss> {
    let (&[f0, f1, p0, p1], mut rest) = bytes.split_first_chunk().ok_or(Miss::Short)?;
    let (flags, protocol) = (u16::from_be_bytes([f0, f1]), u16::from_be_bytes([p0, p1]));
    match flags & VERSION {
        0 => {}
        1 if protocol == PROTOCOL_PPP => return pptp(flags, rest),
        _ => return Err(Miss::Reason(DropReason::Tunnel)),
    }
    if flags & (CHECKSUM | ROUTING) != 0 {
        rest = behind(rest, 4)?;
    }
    let mut key = None;
    if flags & KEY != 0 {
        let (bytes, after) = rest.split_first_chunk().ok_or(Miss::Short)?;
        (key, rest) = (Some(u32::from_be_bytes(*bytes)), after);
    }
    let is_numbered = flags & SEQUENCE != 0;
    if is_numbered {
        rest = behind(rest, 4)?;
    }
    if flags & ROUTING != 0 {
        rest = past_routes(rest)?;
    }
    match protocol {
        PROTOCOL_ERSPAN if is_numbered => erspan_2(rest),
        // The first type has no header of its own, and no sequence number.
        PROTOCOL_ERSPAN => Ok(Inside::new(TunnelKind::Erspan, Layer::Ethernet, rest)),
        PROTOCOL_ERSPAN_3 => erspan_3(rest),
        _ => keyed(protocol, key, rest),
    }
}

/// The ordinary tunnel, whose key is a network's number.
fn keyed(protocol: u16, key: Option<u32>, bytes: &[u8]) -> Result<Inside<'_>, Miss> {
    let gre = |layer, bytes| {
        let inside = Inside::new(TunnelKind::Gre, layer, bytes);
        key.map_or(inside, |key| inside.of_network(key))
    };
    Ok(match protocol {
        ETHERTYPE_BRIDGED => match key.map(|key| key >> 8).filter(|subnet| SUBNETS.contains(subnet)) {
            // The low byte spreads flows and differs between them.
            Some(subnet) => Inside::new(TunnelKind::Nvgre, Layer::Ethernet, bytes).of_network(subnet),
            None => gre(Layer::Ethernet, bytes),
        },
        // The second version puts four bytes in front of the IP header, the first of which cannot begin one.
        PROTOCOL_WCCP if bytes.first().is_some_and(|first| first >> 4 == 4) => gre(Layer::V4, bytes),
        PROTOCOL_WCCP => gre(Layer::V4, behind(bytes, 4)?),
        PROTOCOL_PPP => gre(Layer::Ppp, bytes),
        protocol if PROTOCOL_WLAN.contains(&protocol) => gre(Layer::Wlan, bytes),
        protocol if Layer::is_known(protocol) => gre(Layer::Ethertype(protocol), bytes),
        _ => return Err(Miss::Reason(DropReason::Tunnel)),
    })
}

/// Source route entries (RFC 1701), up to an empty one.
fn past_routes(mut bytes: &[u8]) -> Result<&[u8], Miss> {
    for _ in 0..ROUTES_MAX {
        let (&[a0, a1, _, length], rest) = bytes.split_first_chunk().ok_or(Miss::Short)?;
        bytes = behind(rest, usize::from(length))?;
        if (a0, a1, length) == (0, 0, 0) {
            return Ok(bytes);
        }
    }
    Err(Miss::Reason(DropReason::Malformed))
}

fn erspan_2(bytes: &[u8]) -> Result<Inside<'_>, Miss> {
    let (&[v0, v1, s0, s1, _, _, _, _], frame) = bytes.split_first_chunk().ok_or(Miss::Short)?;
    Ok(mirrored([v0, v1, s0, s1], frame))
}

fn erspan_3(bytes: &[u8]) -> Result<Inside<'_>, Miss> {
    const FRAME_TYPE: u8 = 0x7c;
    const FRAME_TYPE_IP: u8 = 2 << 2;
    const PLATFORM_HEADER: u8 = 0x01;
    let (&[v0, v1, s0, s1, _, _, _, _, _, _, kind, flags], mut frame) =
        bytes.split_first_chunk().ok_or(Miss::Short)?;
    if flags & PLATFORM_HEADER != 0 {
        frame = behind(frame, 8)?;
    }
    let inside = mirrored([v0, v1, s0, s1], frame);
    let layer = if kind & FRAME_TYPE == FRAME_TYPE_IP { Layer::Ip } else { Layer::Ethernet };
    Ok(Inside { layer, ..inside })
}

/// What types II and III have in common: version, VLAN, class, encapsulation, truncation and session.
fn mirrored([v0, v1, s0, s1]: [u8; 4], frame: &[u8]) -> Inside<'_> {
    /// The frame still has its tag.
    const TAG_IN_FRAME: u16 = 3;
    let (vlan, session) = (u16::from_be_bytes([v0, v1]) & 0x0fff, u16::from_be_bytes([s0, s1]));
    let has_tag = (session >> 11) & 3 == TAG_IN_FRAME;
    let vlan = (vlan != 0 && !has_tag).then_some(vlan);
    let inside = Inside::new(TunnelKind::Erspan, Layer::Ethernet, frame);
    Inside { vlan, ..inside.numbered(u32::from(session & 0x03ff)) }
}

/// The second half of the key names the call, which differs by direction; the first half is the payload's length.
fn pptp(flags: u16, bytes: &[u8]) -> Result<Inside<'_>, Miss> {
    let (&[l0, l1, _, _], rest) = bytes.split_first_chunk().ok_or(Miss::Short)?;
    let optional = [SEQUENCE, ACKNOWLEDGMENT].iter().filter(|&&flag| flags & flag != 0).count();
    let rest = behind(rest, 4 * optional)?;
    match usize::from(u16::from_be_bytes([l0, l1])) {
        // An acknowledgment alone.
        0 => Err(Miss::Reason(DropReason::NotIp)),
        length => Ok(Inside::new(TunnelKind::Pptp, Layer::Ppp, rest.get(..length).unwrap_or(rest))),
    }
}
