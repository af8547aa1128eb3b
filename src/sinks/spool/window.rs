//! A part of a segment in memory, moved forward while records are taken from its beginning.
//! It is given a file and how far that may be read.
//! It promises to hold one chunk, or one record where that is larger, and to move on however damaged the file is.

use super::disk::DiskFile;
use super::record::Record;
use super::segment::{self, Found};
use std::io;
use std::ops::Range;

/// Read at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// Bytes of a file from some offset on.
pub(super) struct Window {
    bytes: Vec<u8>,
    /// Bytes at the beginning that are done with.
    done: usize,
    /// Where in the file `bytes` begins.
    begin: u64,
    /// The limit that the file did not keep, if it is shorter than it should be.
    short_of: Option<u64>,
}

impl Window {
    /// An empty window.
    pub(super) fn new(offset: u64) -> Self {
        Self { bytes: Vec::new(), done: 0, begin: offset, short_of: None }
    }

    /// Where in the file the next record is looked for.
    pub(super) fn offset(&self) -> u64 {
        self.begin + self.done as u64
    }

    /// Goes on behind what was found.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.done = (self.done + bytes).min(self.bytes.len());
    }

    /// Goes over bytes that cannot be read.
    pub(super) fn leap(&mut self, bytes: u64) {
        *self = Self::new(self.begin + self.bytes.len() as u64 + bytes);
    }

    /// The record that was found, by the bytes it takes.
    pub(super) fn record(&self, bytes: usize) -> Option<Record<'_>> {
        segment::decode(self.bytes.get(self.done..self.done.checked_add(bytes)?)?).map(|(_, record)| record)
    }

    /// What stands next in the file, of which `limit` bytes may be read; `None` at that limit. Never `More`.
    pub(super) fn find(
        &mut self,
        file: &dyn DiskFile,
        limit: u64,
        salt: u32,
        numbers: &Range<u64>,
    ) -> io::Result<Option<Found>> {
        let mut wanted = 1;
        loop {
            let last = self.read_to(file, limit, wanted)?;
            let rest = self.bytes.get(self.done..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(None);
            }
            match segment::find(rest, salt, numbers, last) {
                Found::More(more) => wanted = more,
                found => return Ok(Some(found)),
            }
        }
    }

    /// Reads until `wanted` bytes are there; true if there are no others behind those that are there.
    fn read_to(&mut self, file: &dyn DiskFile, limit: u64, wanted: usize) -> io::Result<bool> {
        let there = self.bytes.len() - self.done;
        let end = self.begin + self.bytes.len() as u64;
        let left = if self.short_of == Some(limit) { 0 } else { limit.saturating_sub(end) };
        if there >= wanted || left == 0 {
            return Ok(left == 0);
        }
        self.bytes.drain(..self.done);
        self.begin += self.done as u64;
        self.done = 0;
        let more = CHUNK_BYTES.max(wanted - there).min(usize::try_from(left).unwrap_or(usize::MAX));
        self.bytes.resize(there + more, 0);
        let read = file.read_at(end, self.bytes.get_mut(there..).unwrap_or_default());
        self.bytes.truncate(there + *read.as_ref().unwrap_or(&0));
        if read? < more {
            self.short_of = Some(limit);
        }
        Ok(self.short_of == Some(limit) || left == more as u64)
    }
}
