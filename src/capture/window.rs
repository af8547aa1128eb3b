//! The part of a file that is in memory: one buffer, filled again and again.
//! It is given a `Source` and gives the bytes at the front, as many as a format asks for.
//! It promises a fixed size: no length field in a file makes it grow.

use super::source::Source;
use std::io::{self, Read};

/// Size of the buffer: large enough for every packet.
pub(super) const WINDOW_BYTES: usize = 1024 * 1024;

/// A single read fills at most this much, so that packets are still in the near cache when they are decoded.
const READ_BYTES: usize = 256 * 1024;

/// A buffer over a source. `bytes[start..end]` is what was read and not yet taken.
pub(super) struct Window {
    source: Source,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset in the unpacked file of `bytes[end]`.
    offset_of_end: u64,
    /// Bytes to pass over before the next record: the tail of a packet that was delivered cut.
    owed: u64,
    ending: Ending,
}

/// Whether and how the source ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Open,
    Whole,
    /// The compressed stream ends before its own end mark.
    CutStream,
}

/// What is left at the front when no further record can be read.
pub(super) enum Rest {
    /// Nothing: the file ends where a record ends.
    Nothing,
    /// Nothing, but the compressed stream ends early.
    CutStream,
    /// Part of a record.
    Part,
}

impl Window {
    pub(super) fn new(source: Source) -> Self {
        let bytes = vec![0; WINDOW_BYTES];
        Self { source, bytes, start: 0, end: 0, offset_of_end: 0, owed: 0, ending: Ending::Open }
    }

    /// The source below.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Offset of the front in the unpacked file.
    pub(super) fn offset(&self) -> u64 {
        self.offset_of_end - (self.end - self.start) as u64
    }

    /// Reads until `wanted` bytes (at most `WINDOW_BYTES`) are at the front; false when the file ends before.
    #[inline]
    pub(super) fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        if self.end - self.start >= wanted {
            return Ok(true);
        }
        self.refill(wanted)
    }

    /// Everything that is at the front now.
    #[inline]
    pub(super) fn front(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or(&[])
    }

    /// Takes `count` bytes off the front. They stay readable by `slice` until the next `fill`.
    #[inline]
    pub(super) fn take(&mut self, count: usize) -> usize {
        let at = self.start;
        self.start = self.end.min(self.start + count);
        at
    }

    /// Bytes that were taken since the last `fill`.
    #[inline]
    pub(super) fn slice(&self, at: usize, len: usize) -> &[u8] {
        self.bytes.get(at..at + len).unwrap_or(&[])
    }

    /// Notes bytes to pass over later, when the record before them is no longer needed.
    pub(super) fn owe(&mut self, count: u64) {
        self.owed = count;
    }

    /// Passes over what is owed; false when the file ends before.
    #[inline]
    pub(super) fn settle(&mut self) -> io::Result<bool> {
        match std::mem::take(&mut self.owed) {
            0 => Ok(true),
            owed => self.skip(owed),
        }
    }

    /// Passes over `count` bytes without holding them; false when the file ends before.
    pub(super) fn skip(&mut self, mut count: u64) -> io::Result<bool> {
        while count > 0 {
            if !self.fill(1)? {
                return Ok(false);
            }
            let step = usize::try_from(count).unwrap_or(usize::MAX).min(self.end - self.start);
            self.take(step);
            count -= step as u64;
        }
        Ok(true)
    }

    /// How the file ends, after `fill` said that it does.
    pub(super) fn rest(&self) -> Rest {
        match (self.start < self.end, self.ending) {
            (true, _) => Rest::Part,
            (false, Ending::CutStream) => Rest::CutStream,
            (false, _) => Rest::Nothing,
        }
    }

    #[cold]
    #[inline(never)]
    fn refill(&mut self, wanted: usize) -> io::Result<bool> {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < wanted && self.ending == Ending::Open {
            let until = WINDOW_BYTES.min(self.end + READ_BYTES);
            let Some(room) = self.bytes.get_mut(self.end..until) else { break };
            match self.source.read(room) {
                Ok(0) => self.ending = Ending::Whole,
                Ok(count) => {
                    self.end += count;
                    self.offset_of_end += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.ending = Ending::CutStream,
                Err(error) => return Err(error),
            }
        }
        Ok(self.end >= wanted)
    }
}
