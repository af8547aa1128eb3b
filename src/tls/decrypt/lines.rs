//! Pieces of key-log text, joined to lines.
//! It is given pieces as they are read, cut anywhere, and hands whole lines to a store.
//! It promises to hold less than one line, to pass over lines that are too long to be one, and to wipe what it held.

use super::KeyStore;
use super::keylog::LINE_BYTES_MAX;
use heelguard_detectors::time::EventTime;
use zeroize::Zeroize as _;

/// The beginning of a line whose end has not come.
#[derive(Default)]
pub struct Lines {
    begun: Vec<u8>,
    /// The line's beginning was too long, or not seen: nothing of it counts.
    passing: bool,
}

impl Lines {
    /// Of a text whose beginning is not seen: what comes before the first line's end is no line.
    pub(super) fn joined_late() -> Self {
        Self { begun: Vec::new(), passing: true }
    }

    /// Takes a piece in. Of `since`, see `KeyStore::read_key_log`.
    pub fn read(&mut self, mut piece: &[u8], since: EventTime, store: &KeyStore) {
        if let Some(end) = memchr::memchr2(b'\n', b'\r', piece).filter(|_| self.is_inside()) {
            let (line_end, rest) = piece.split_at(end);
            self.keep(line_end, store);
            self.end(since, store);
            piece = rest;
        }
        let whole = if self.is_inside() { 0 } else { memchr::memrchr2(b'\n', b'\r', piece).unwrap_or(0) };
        let (lines, begun) = piece.split_at(whole);
        if !lines.is_empty() {
            store.read_key_log(lines, since);
        }
        // A line's beginning: what stands before its first word, the end of the line before too, says nothing.
        let begun = if self.is_inside() { begun } else { begun.trim_ascii_start() };
        self.keep(begun, store);
    }

    /// The text ends here: what was begun is a line.
    pub fn end(&mut self, since: EventTime, store: &KeyStore) {
        if !self.passing && !self.begun.is_empty() {
            store.read_key_log(&self.begun, since);
        }
        self.forget();
    }

    /// What was begun has no end: its text was cut away.
    pub(super) fn forget(&mut self) {
        self.begun.zeroize();
        self.passing = false;
    }

    fn is_inside(&self) -> bool {
        self.passing || !self.begun.is_empty()
    }

    fn keep(&mut self, piece: &[u8], store: &KeyStore) {
        if self.passing || piece.is_empty() {
            return;
        }
        if self.begun.len() + piece.len() > LINE_BYTES_MAX {
            // A comment may be as long as it likes.
            if self.begun.first().or(piece.first()) != Some(&b'#') {
                store.count_junk();
            }
            self.forget();
            self.passing = true;
            return;
        }
        // Once and for all: a buffer that grows would leave copies behind.
        self.begun.reserve_exact(LINE_BYTES_MAX - self.begun.len());
        self.begun.extend_from_slice(piece);
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.begun.zeroize();
    }
}
