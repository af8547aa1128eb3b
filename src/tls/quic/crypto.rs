//! The handshake that Initial packets carry: CRYPTO frames (RFC 9000 section 19.6) put in order, and cut into messages.
//! It is given the frames of packets in any order, several times over, and gives whole messages.
//! It promises to hold a direction's `WINDOW_BYTES` in order and as many behind holes at most, and of bytes that
//! contradict each other those that are in their place first.

use crate::decode::quic::varint;
use crate::tls::handshake::{MESSAGE_BYTES_MAX, Message};
use std::collections::BTreeMap;

/// So far ahead of what is read bytes are held: a message as long as they are kept, with its header.
const WINDOW_BYTES: usize = HEADER_BYTES + MESSAGE_BYTES_MAX;
/// Pieces that wait for others. Browsers cut a hello into some twenty, and shuffle them.
const PIECES_MAX: usize = 128;
/// What a piece takes beside its bytes.
const PIECE_OVERHEAD_BYTES: usize = 64;
const HEADER_BYTES: usize = 4;

mod kind {
    pub(super) const PADDING: u8 = 0x00;
    pub(super) const PING: u8 = 0x01;
    pub(super) const ACK: u8 = 0x02;
    pub(super) const ACK_WITH_COUNTS: u8 = 0x03;
    pub(super) const CRYPTO: u8 = 0x06;
    pub(super) const CLOSE: u8 = 0x1C;
}

/// A frame that no Initial packet has (RFC 9000 section 12.4), or one that contradicts its packet's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The frames of a packet, of which only those with handshake in them are told: where it stands, and its bytes.
pub(super) struct Frames<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Frames<'a> {
    type Item = Result<(u64, &'a [u8]), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (&kind, rest) = self.0.split_first()?;
            let behind = match kind {
                kind::PADDING | kind::PING => Some(rest),
                kind::ACK | kind::ACK_WITH_COUNTS => behind_ack(rest, kind == kind::ACK_WITH_COUNTS),
                kind::CRYPTO => {
                    if let Some((offset, bytes, behind)) = crypto(rest) {
                        self.0 = behind;
                        return Some(Ok((offset, bytes)));
                    }
                    None
                }
                kind::CLOSE => behind_close(rest),
                _ => None,
            };
            let is_malformed = behind.is_none();
            self.0 = behind.unwrap_or_default();
            if is_malformed {
                return Some(Err(Malformed));
            }
        }
    }
}

fn crypto(bytes: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let (offset, rest) = varint(bytes)?;
    let (length, rest) = varint(rest)?;
    let (data, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((offset, data, behind))
}

/// RFC 9000 section 19.3: two numbers, how many ranges, the first range, and two numbers for each further one.
fn behind_ack(bytes: &[u8], has_counts: bool) -> Option<&[u8]> {
    let (_, rest) = varint(bytes)?;
    let (_, rest) = varint(rest)?;
    let (ranges, mut rest) = varint(rest)?;
    let numbers = ranges.checked_mul(2)?.checked_add(if has_counts { 4 } else { 1 })?;
    for _ in 0..numbers {
        (_, rest) = varint(rest)?;
    }
    Some(rest)
}

/// RFC 9000 section 19.19: the error, the frame that it is about, and words.
fn behind_close(bytes: &[u8]) -> Option<&[u8]> {
    let (_, rest) = varint(bytes)?;
    let (_, rest) = varint(rest)?;
    let (words, rest) = varint(rest)?;
    rest.get(usize::try_from(words).ok()?..)
}

/// The handshake of one direction.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Bytes in order that make no message yet.
    bytes: Vec<u8>,
    /// Where they begin in the stream.
    start: u64,
    /// Pieces behind a hole.
    ahead: BTreeMap<u64, Box<[u8]>>,
    /// Their bytes together.
    ahead_bytes: usize,
    /// Of what is to come nothing is wanted.
    is_over: bool,
}

impl Stream {
    /// Takes bytes that stand at `offset`.
    pub(super) fn add(&mut self, offset: u64, bytes: &[u8]) {
        let room = (self.start + WINDOW_BYTES as u64).saturating_sub(offset);
        let bytes = usize::try_from(room).ok().and_then(|room| bytes.get(..room)).unwrap_or(bytes);
        if self.is_over || room == 0 || bytes.is_empty() {
            return;
        }
        if offset > self.end() {
            return self.put_by(offset, bytes);
        }
        self.append(offset, bytes);
        while let Some((&offset, _)) =
            self.ahead.first_key_value().filter(|(offset, _)| **offset <= self.end())
            && let Some(piece) = self.ahead.remove(&offset)
        {
            self.ahead_bytes -= piece.len();
            self.append(offset, &piece);
        }
    }

    /// The next message, or the beginning of one that is too long: behind that nothing is read.
    pub(super) fn message(&mut self) -> Option<Message> {
        let &[kind, a, b, c] = self.bytes.first_chunk::<HEADER_BYTES>()?;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        let end = HEADER_BYTES + length.min(MESSAGE_BYTES_MAX);
        let body = self.bytes.get(HEADER_BYTES..end)?.to_vec();
        let is_whole = body.len() == length;
        self.bytes.drain(..end);
        self.start += end as u64;
        if !is_whole {
            self.end_here();
        }
        Some(Message { kind, body, is_whole })
    }

    /// What is to come is not read, and nothing is held.
    pub(super) fn end_here(&mut self) {
        *self = Self { is_over: true, ..Self::default() };
    }

    /// Whether nothing more is read.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// How much memory it holds.
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.len() + self.ahead_bytes + self.ahead.len() * PIECE_OVERHEAD_BYTES
    }

    /// Keeps bytes behind a hole, if there is room for them.
    fn put_by(&mut self, offset: u64, bytes: &[u8]) {
        let known = self.ahead.get(&offset).map(|piece| piece.len());
        let has_room = self.ahead_bytes + bytes.len() <= WINDOW_BYTES
            && (known.is_some() || self.ahead.len() < PIECES_MAX);
        if has_room && known.is_none_or(|known| known < bytes.len()) {
            self.ahead_bytes += bytes.len() - known.unwrap_or(0);
            self.ahead.insert(offset, bytes.into());
        }
    }

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Takes what is new of bytes that begin at the end or before it.
    fn append(&mut self, offset: u64, bytes: &[u8]) {
        let known = usize::try_from(self.end().saturating_sub(offset)).unwrap_or(usize::MAX);
        self.bytes.extend_from_slice(bytes.get(known..).unwrap_or(&[]));
    }
}

#[cfg(test)]
mod tests;
