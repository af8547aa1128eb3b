//! IPv4 headers (RFC 791).
//! It is given the bytes from the header on and gives the packet, padding removed.
//! It promises what a Linux host accepts: source routes and broken options are refused, as its defaults do.

use super::checksum;
use super::ip::{Fragment, HeaderSum, IpPacket, bounded};
use crate::metrics::DropReason;
use std::net::{IpAddr, Ipv4Addr};

const HEADER_BYTES: usize = 20;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET_MASK: u16 = 0x1fff;

/// A total length of zero is a frame still to be cut by the network card. Those are longer than an ordinary
/// packet; a short packet with length zero is none.
const UNCUT_BYTES_MIN: u32 = 1_280;

const OPTION_END: u8 = 0;
const OPTION_NOP: u8 = 1;
const OPTION_LOOSE_ROUTE: u8 = 131;
const OPTION_STRICT_ROUTE: u8 = 137;

/// Reads the header. `wire_len` is the length of `bytes` before the snap length cut them.
#[inline]
pub(super) fn parse(bytes: &[u8], wire_len: u32) -> Result<IpPacket<'_>, DropReason> {
    let short = || {
        if (bytes.len() as u64) < u64::from(wire_len) { DropReason::Truncated } else { DropReason::Malformed }
    };
    let head = bytes.first_chunk::<HEADER_BYTES>().ok_or_else(short)?;
    let [version_ihl, _, l0, l1, i0, i1, f0, f1, ttl, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *head;
    let header_len = usize::from(version_ihl & 0x0f) * 4;
    if version_ihl >> 4 != 4 || header_len < HEADER_BYTES {
        return Err(DropReason::Malformed);
    }
    let header = bytes.get(..header_len).ok_or_else(short)?;
    let written_length = u32::from(u16::from_be_bytes([l0, l1]));
    let uncut = written_length == 0 && wire_len >= UNCUT_BYTES_MIN;
    let total_length = if uncut { wire_len } else { written_length };
    let length = total_length.checked_sub(header_len as u32).ok_or(DropReason::Malformed)?;
    let payload = bytes.get(header_len..).unwrap_or(&[]);
    let (payload, missing) = bounded(payload, wire_len.saturating_sub(header_len as u32), length)?;
    if header_len > HEADER_BYTES {
        check_options(header.get(HEADER_BYTES..).unwrap_or(&[]))?;
    }
    let flags = u16::from_be_bytes([f0, f1]);
    let fragment = (flags & (MORE_FRAGMENTS | OFFSET_MASK) != 0).then(|| Fragment {
        id: u32::from(u16::from_be_bytes([i0, i1])),
        offset: u32::from(flags & OFFSET_MASK) * 8,
        more: flags & MORE_FRAGMENTS != 0,
    });
    Ok(IpPacket {
        src: IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3)),
        dst: IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3)),
        ttl,
        protocol,
        payload,
        missing,
        fragment,
        header_sum: match checksum::sum(header) {
            _ if uncut => HeaderSum::None,
            0xffff => HeaderSum::Good,
            _ => HeaderSum::Bad,
        },
        extensions: 0,
    })
}

#[cold]
fn check_options(mut options: &[u8]) -> Result<(), DropReason> {
    loop {
        match options {
            [] | [OPTION_END, ..] => return Ok(()),
            [OPTION_NOP, rest @ ..] => options = rest,
            [OPTION_LOOSE_ROUTE | OPTION_STRICT_ROUTE, ..] | [_] => return Err(DropReason::Malformed),
            [_, length, ..] => {
                let length = usize::from(*length);
                if length < 2 {
                    return Err(DropReason::Malformed);
                }
                options = options.get(length..).ok_or(DropReason::Malformed)?;
            }
        }
    }
}
