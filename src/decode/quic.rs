//! QUIC in UDP, as far as it lies open: long headers (RFC 9000 section 17.2), and the paths that they were seen on.
//! It is given datagrams that are no tunnel, and tells by their content which of them belong to QUIC, on any port.
//! It promises that a path counts as one of QUIC only behind what looks like a client's first packet: behind it every
//! datagram goes on to whoever opens packets, and before it none does.

mod paths;

pub(super) use paths::{Datagram, Paths};

/// The shortest datagram that a client begins with (RFC 9000 section 14.1).
const FIRST_DATAGRAM_BYTES_MIN: usize = 1_200;
/// The shortest connection id that a client makes up for the server (RFC 9000 section 7.2).
pub const FIRST_ID_BYTES_MIN: usize = 8;
/// A connection id is no longer (RFC 9000 section 17.2).
pub const ID_BYTES_MAX: usize = 20;

const IS_LONG: u8 = 0x80;
const IS_FIXED: u8 = 0x40;

/// A version that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// RFC 9000.
    V1,
    /// RFC 9369.
    V2,
    /// The drafts from 29 to 32, which clients spoke before there was a version 1.
    Draft,
}

/// What a packet with a long header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The hellos are in these.
    Initial,
    /// What a client says before the server has answered.
    EarlyData,
    /// The rest of the handshake.
    Handshake,
    /// The server wants the first packet once more, with a token.
    Retry,
    /// The server speaks other versions (RFC 8999 section 6).
    Negotiation,
}

/// A packet with a long header.
#[derive(Clone, Copy, Debug)]
pub struct Long<'a> {
    /// Its version; of a negotiation none is meant.
    pub version: Version,
    /// What it is.
    pub kind: Kind,
    /// The connection id of its receiver.
    pub receiver_id: &'a [u8],
    /// All of it, to its last byte.
    pub bytes: &'a [u8],
    /// Where its protected packet number begins; of packets without one, where they end.
    pub number_at: usize,
}

impl Version {
    fn of(number: u32) -> Option<Self> {
        match number {
            0x0000_0001 => Some(Self::V1),
            0x6B33_43CF => Some(Self::V2),
            0xFF00_001D..=0xFF00_0020 => Some(Self::Draft),
            _ => None,
        }
    }

    /// Version 2 numbers the same kinds anew (RFC 9369 section 3.2).
    fn kind(self, first: u8) -> Kind {
        const KINDS: [Kind; 4] = [Kind::Initial, Kind::EarlyData, Kind::Handshake, Kind::Retry];
        let place = usize::from(first >> 4 & 3);
        KINDS[if self == Self::V2 { (place + 3) % 4 } else { place }]
    }
}

impl<'a> Long<'a> {
    /// The packet that the bytes begin with, and what comes behind it. `None`: a short header, another version, or a
    /// packet that is not all there.
    pub fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&[first, v0, v1, v2, v3], rest) = bytes.split_first_chunk()?;
        if first & IS_LONG == 0 {
            return None;
        }
        let (receiver_id, rest) = id(rest)?;
        let (_, rest) = id(rest)?;
        let endless = |version, kind| Self { version, kind, receiver_id, bytes, number_at: bytes.len() };
        let version = match u32::from_be_bytes([v0, v1, v2, v3]) {
            0 => return Some((endless(Version::V1, Kind::Negotiation), &[])),
            number => Version::of(number).filter(|_| first & IS_FIXED != 0)?,
        };
        let kind = version.kind(first);
        let rest = match kind {
            Kind::Retry => return Some((endless(version, kind), &[])),
            Kind::Initial => {
                let (token, rest) = varint(rest)?;
                rest.get(usize::try_from(token).ok()?..)?
            }
            _ => rest,
        };
        let (length, rest) = varint(rest)?;
        let number_at = bytes.len().checked_sub(rest.len())?;
        let end = number_at.checked_add(usize::try_from(length).ok()?)?;
        let (bytes, behind) = bytes.split_at_checked(end)?;
        Some((Self { version, kind, receiver_id, bytes, number_at }, behind))
    }

    /// Whether a client may have begun with it, in a datagram of so many bytes.
    fn may_be_first(&self, datagram_bytes: usize) -> bool {
        self.kind == Kind::Initial
            && self.receiver_id.len() >= FIRST_ID_BYTES_MIN
            && datagram_bytes >= FIRST_DATAGRAM_BYTES_MIN
    }
}

/// Packets of one datagram that are looked at: there are few, and each one costs keys. A hello that goes on behind them
/// stays half read, and its record says `gap`.
const PACKETS_MAX: usize = 8;

/// The packets of a datagram that have long headers, in order. All are for one receiver: behind one that is for
/// another, nobody reads on (RFC 9000 section 12.2).
pub fn packets(datagram: &[u8]) -> impl Iterator<Item = Long<'_>> {
    let (mut rest, mut receiver) = (datagram, None);
    std::iter::from_fn(move || {
        let (packet, behind) = Long::read(rest)?;
        rest = behind;
        (*receiver.get_or_insert(packet.receiver_id) == packet.receiver_id).then_some(packet)
    })
    .take(PACKETS_MAX)
}

/// A number of one, two, four or eight bytes (RFC 9000 section 16), and what comes behind it.
pub fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (more, rest) = rest.split_at_checked((1 << (first >> 6)) - 1)?;
    let value = more.iter().fold(u64::from(first & 0x3F), |value, &byte| value << 8 | u64::from(byte));
    Some((value, rest))
}

/// A connection id behind its length.
fn id(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    let length = usize::from(length);
    if length > ID_BYTES_MAX { None } else { rest.split_at_checked(length) }
}

#[cfg(test)]
mod tests;
