//! TCP headers and options (RFC 9293).
//! It is given a TCP segment's bytes and gives the fields and the payload.
//! It promises to read options as Linux does: up to the first one that contradicts its length, which is noted.

use super::ip::short;
use super::{TcpFlags, TcpOptions};
use crate::metrics::DropReason;

const HEADER_BYTES: usize = 20;

const OPTION_END: u8 = 0;
const OPTION_NOP: u8 = 1;
const OPTION_WINDOW_SCALE: u8 = 3;
const OPTION_SACK_PERMITTED: u8 = 4;
const OPTION_TIMESTAMPS: u8 = 8;
const OPTION_MD5: u8 = 19;
const OPTION_AO: u8 = 29;
const OPTION_FAST_OPEN: u8 = 34;
const OPTION_EXPERIMENT: u8 = 254;
/// The experiment that Fast Open was before it had a number (RFC 7413, 4.1.1).
const FAST_OPEN_EXPERIMENT: [u8; 2] = [0xf9, 0x89];

/// The fields of a TCP header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tcp<'a> {
    pub(super) src_port: u16,
    pub(super) dst_port: u16,
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) flags: TcpFlags,
    pub(super) window: u16,
    pub(super) urgent: u16,
    pub(super) options: TcpOptions,
    pub(super) payload: &'a [u8],
}

/// Reads a segment of which `missing` bytes were not captured.
#[inline]
pub(super) fn parse(bytes: &[u8], missing: u32) -> Result<Tcp<'_>, DropReason> {
    let head = bytes.first_chunk::<HEADER_BYTES>().ok_or(short(missing))?;
    let [p0, p1, q0, q1, s0, s1, s2, s3, a0, a1, a2, a3, offset, flags, w0, w1, _, _, u0, u1] = *head;
    let header_len = usize::from(offset >> 4) * 4;
    if header_len < HEADER_BYTES {
        return Err(DropReason::Malformed);
    }
    let (header, payload) = bytes.split_at_checked(header_len).ok_or(short(missing))?;
    let options = header.get(HEADER_BYTES..).unwrap_or(&[]);
    Ok(Tcp {
        src_port: u16::from_be_bytes([p0, p1]),
        dst_port: u16::from_be_bytes([q0, q1]),
        seq: u32::from_be_bytes([s0, s1, s2, s3]),
        ack: u32::from_be_bytes([a0, a1, a2, a3]),
        flags: TcpFlags(flags),
        window: u16::from_be_bytes([w0, w1]),
        urgent: u16::from_be_bytes([u0, u1]),
        options: parse_options(options, TcpFlags(flags)),
        payload,
    })
}

#[inline]
fn parse_options(options: &[u8], flags: TcpFlags) -> TcpOptions {
    match options {
        [] => TcpOptions::default(),
        // What nearly every segment of a connection carries.
        [OPTION_NOP, OPTION_NOP, OPTION_TIMESTAMPS, 10, v0, v1, v2, v3, e0, e1, e2, e3] => TcpOptions {
            timestamps: Some((
                u32::from_be_bytes([*v0, *v1, *v2, *v3]),
                u32::from_be_bytes([*e0, *e1, *e2, *e3]),
            )),
            ..TcpOptions::default()
        },
        _ => walk_options(options, flags),
    }
}

fn walk_options(mut options: &[u8], flags: TcpFlags) -> TcpOptions {
    let mut found = TcpOptions::default();
    loop {
        let (kind, length) = match options {
            [] | [OPTION_END, ..] => return found,
            [OPTION_NOP, rest @ ..] => {
                options = rest;
                continue;
            }
            [kind, length, ..] => (*kind, usize::from(*length)),
            [_] => {
                found.malformed = true;
                return found;
            }
        };
        let Some(value) = options.get(2..length) else {
            found.malformed = true;
            return found;
        };
        // A known option of another length than its own is passed over, as Linux does.
        match (kind, value) {
            (OPTION_WINDOW_SCALE, [shift]) if flags.has(TcpFlags::SYN) => found.window_scale = Some(*shift),
            (OPTION_TIMESTAMPS, [v0, v1, v2, v3, e0, e1, e2, e3]) => {
                found.timestamps = Some((
                    u32::from_be_bytes([*v0, *v1, *v2, *v3]),
                    u32::from_be_bytes([*e0, *e1, *e2, *e3]),
                ));
            }
            (OPTION_SACK_PERMITTED, []) => found.sack_permitted = flags.has(TcpFlags::SYN),
            (OPTION_MD5, signature) if signature.len() == 16 => found.signed = true,
            (OPTION_AO, [_, _, ..]) => found.signed = true,
            (OPTION_FAST_OPEN, cookie) if flags.has(TcpFlags::SYN) => found.fast_open |= is_cookie(cookie),
            (OPTION_EXPERIMENT, [m0, m1, cookie @ ..]) if flags.has(TcpFlags::SYN) => {
                found.fast_open |= [*m0, *m1] == FAST_OPEN_EXPERIMENT && is_cookie(cookie);
            }
            _ => {}
        }
        options = options.get(length..).unwrap_or(&[]);
    }
}

/// A Fast Open cookie; an empty one only asks for a cookie, and data with it waits for the handshake.
fn is_cookie(value: &[u8]) -> bool {
    matches!(value.len(), 4..=16) && value.len().is_multiple_of(2)
}
