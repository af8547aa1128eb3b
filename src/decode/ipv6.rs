//! IPv6 headers and extension headers (RFC 8200).
//! It is given the bytes from the header on and gives the packet behind its extension headers.
//! It promises what a Linux host accepts, and a bounded walk.

use super::ip::{Fragment, HeaderSum, IpPacket, PROTOCOL_TCP, bounded, short};
use crate::metrics::DropReason;
use std::net::{IpAddr, Ipv6Addr};

const HEADER_BYTES: usize = 40;
/// A payload length of zero without a jumbo option is a frame still to be cut by the network card,
/// and then longer than this.
const UNCUT_BYTES_MIN: u32 = 1_280;
/// A jumbo payload is longer than this (RFC 2675).
const ORDINARY_PAYLOAD_MAX: u32 = 65_535;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
/// Next header, length, reserved, index and sequence number.
const AUTHENTICATION_BYTES_MIN: usize = 12;
const DESTINATION: u8 = 60;

const OPTION_PAD1: u8 = 0;
const OPTION_PADN: u8 = 1;
const OPTION_JUMBO: u8 = 0xc2;
/// Hosts with mobility support know it in spite of its type's action bits.
const OPTION_HOME_ADDRESS: u8 = 0xc9;
/// If these are not zero, a host that does not know the option drops the packet.
const OPTION_ACTION: u8 = 0xc0;
/// A PadN is at most this long in all; Linux drops packets with longer ones.
const PADDING_MAX: usize = 7;

const TCP_HEADER_BYTES: usize = 20;

/// Reads the header and its extension headers. `wire_len` is the length of `bytes` before the snap length cut them.
#[inline]
pub(super) fn parse(bytes: &[u8], wire_len: u32, extensions_max: u32) -> Result<IpPacket<'_>, DropReason> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(short(wire_len.saturating_sub(bytes.len() as u32)));
    };
    let ([version, _, _, _, l0, l1, next, hop_limit], addresses) =
        head.split_first_chunk::<8>().ok_or(DropReason::Malformed)?;
    let (src, dst) = addresses.split_first_chunk::<16>().ok_or(DropReason::Malformed)?;
    let dst = dst.first_chunk::<16>().ok_or(DropReason::Malformed)?;
    if version >> 4 != 6 {
        return Err(DropReason::Malformed);
    }
    let room = wire_len.saturating_sub(HEADER_BYTES as u32);
    let (length, jumbo) = match (u32::from(u16::from_be_bytes([*l0, *l1])), jumbo_length(rest)) {
        (0, Some(length)) if *next == HOP_BY_HOP => (length, true),
        (0, _) if room >= UNCUT_BYTES_MIN => (room, false),
        (length, _) => (length, false),
    };
    let (payload, missing) = bounded(rest, room, length)?;
    let packet = IpPacket {
        src: IpAddr::V6(Ipv6Addr::from(*src)),
        dst: IpAddr::V6(Ipv6Addr::from(*dst)),
        ttl: *hop_limit,
        protocol: *next,
        payload,
        missing,
        fragment: None,
        header_sum: HeaderSum::None,
        extensions: 0,
    };
    if *next == PROTOCOL_TCP {
        return Ok(packet);
    }
    walk(packet, extensions_max, jumbo)
}

/// Walks the extension headers at the front of `packet.payload`, up to a protocol or a fragment header.
/// A jumbo option must be there exactly when the payload is `jumbo`.
pub(super) fn walk(
    mut packet: IpPacket<'_>,
    extensions_max: u32,
    jumbo: bool,
) -> Result<IpPacket<'_>, DropReason> {
    let mut jumbo_seen = false;
    loop {
        let first_of_packet = packet.extensions == 0;
        let step = match packet.protocol {
            HOP_BY_HOP if first_of_packet => eight_byte_units(&packet),
            // Only directly behind the IPv6 header.
            HOP_BY_HOP => return Err(DropReason::Malformed),
            DESTINATION | ROUTING => eight_byte_units(&packet),
            FRAGMENT => packet.payload.get(..8),
            AUTHENTICATION => four_byte_units(&packet),
            _ if jumbo != jumbo_seen => return Err(DropReason::Malformed),
            _ => return Ok(packet),
        };
        let header = step.ok_or(short(packet.missing))?;
        packet.extensions += 1;
        if packet.extensions > extensions_max {
            return Err(DropReason::ExtLimit);
        }
        match (packet.protocol, header) {
            (HOP_BY_HOP, [_, _, options @ ..]) => jumbo_seen |= check_options(options, jumbo)?,
            (DESTINATION, [_, _, options @ ..]) => _ = check_options(options, false)?,
            // Its fixed part is longer than its length field can say (RFC 4302 2.2).
            (AUTHENTICATION, header) if header.len() < AUTHENTICATION_BYTES_MIN => {
                return Err(DropReason::Malformed);
            }
            // A route that is not at its end names another receiver.
            (ROUTING, [_, _, _, segments_left, ..]) if *segments_left > 0 => {
                return Err(DropReason::Malformed);
            }
            _ => {}
        }
        let rest = packet.payload.get(header.len()..).unwrap_or(&[]);
        if let (FRAGMENT, [next, _, o0, o1, i0, i1, i2, i3]) = (packet.protocol, header) {
            let field = u16::from_be_bytes([*o0, *o1]);
            let fragment = Fragment {
                id: u32::from_be_bytes([*i0, *i1, *i2, *i3]),
                offset: u32::from(field & 0xfff8),
                more: field & 1 != 0,
            };
            (packet.protocol, packet.payload) = (*next, rest);
            // An atomic fragment (RFC 6946) is a whole datagram, whatever else bears its id.
            if fragment.offset == 0 && !fragment.more {
                continue;
            }
            if jumbo {
                return Err(DropReason::Malformed);
            }
            packet.fragment = Some(fragment);
            return Ok(packet);
        }
        let [next, ..] = header else { return Err(DropReason::Malformed) };
        (packet.protocol, packet.payload) = (*next, rest);
    }
}

/// Walks on through the headers that were fragmented with the payload. Fragments in fragments are refused.
pub(super) fn walk_on(whole: IpPacket<'_>, extensions_max: u32) -> Result<IpPacket<'_>, DropReason> {
    if whole.src.is_ipv4() {
        return Ok(whole);
    }
    match walk(whole, extensions_max, false)? {
        IpPacket { fragment: Some(_), .. } => Err(DropReason::Malformed),
        packet => Ok(packet),
    }
}

/// Whether a first fragment holds all headers up to and with TCP's. Linux drops those that do not
/// (RFC 8200, 4.5), and they are a way to hide ports from filters.
pub(super) fn holds_all_headers(first: IpPacket<'_>, extensions_max: u32) -> bool {
    let first = IpPacket { fragment: None, ..first };
    walk(first, extensions_max, false)
        .is_ok_and(|inner| inner.protocol != PROTOCOL_TCP || inner.payload.len() >= TCP_HEADER_BYTES)
}

fn eight_byte_units<'a>(packet: &IpPacket<'a>) -> Option<&'a [u8]> {
    let units = usize::from(*packet.payload.get(1)?);
    packet.payload.get(..(units + 1) * 8)
}

fn four_byte_units<'a>(packet: &IpPacket<'a>) -> Option<&'a [u8]> {
    let units = usize::from(*packet.payload.get(1)?);
    packet.payload.get(..(units + 2) * 4)
}

/// The length in a jumbo option of the hop-by-hop header at the front.
fn jumbo_length(bytes: &[u8]) -> Option<u32> {
    let units = usize::from(*bytes.get(1)?);
    let mut options = bytes.get(2..(units + 1) * 8)?;
    loop {
        match options {
            [OPTION_PAD1, rest @ ..] => options = rest,
            [OPTION_JUMBO, 4, a, b, c, d, ..] => {
                return Some(u32::from_be_bytes([*a, *b, *c, *d]))
                    .filter(|length| *length > ORDINARY_PAYLOAD_MAX);
            }
            [_, length, rest @ ..] => options = rest.get(usize::from(*length)..)?,
            _ => return None,
        }
    }
}

/// Checks options as Linux does and says whether a jumbo option is among them.
fn check_options(mut options: &[u8], jumbo_allowed: bool) -> Result<bool, DropReason> {
    let mut jumbo_seen = false;
    let mut padding = 0;
    loop {
        let (kind, length) = match options {
            [] => return Ok(jumbo_seen),
            [OPTION_PAD1, rest @ ..] => {
                padding += 1;
                if padding > PADDING_MAX {
                    return Err(DropReason::Malformed);
                }
                options = rest;
                continue;
            }
            [kind, length, ..] => (*kind, usize::from(*length) + 2),
            [_] => return Err(DropReason::Malformed),
        };
        let option = options.get(2..length).ok_or(DropReason::Malformed)?;
        let acceptable = match kind {
            OPTION_PADN => {
                padding += length;
                padding <= PADDING_MAX && option.iter().all(|byte| *byte == 0)
            }
            OPTION_JUMBO => {
                jumbo_seen = true;
                jumbo_allowed
            }
            OPTION_HOME_ADDRESS => true,
            _ => kind & OPTION_ACTION == 0,
        };
        if !acceptable {
            return Err(DropReason::Malformed);
        }
        if kind != OPTION_PADN {
            padding = 0;
        }
        options = options.get(length..).unwrap_or(&[]);
    }
}
