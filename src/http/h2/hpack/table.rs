//! The dynamic table of one direction (RFC 7541 section 2.3.2), as far as it is known from outside.
//! It is given insertions, changes of size and losses, and finds entries by index.
//! It promises never to give an entry that the index does not name, whatever was lost before.
//!
//! Why an index after a loss can be trusted at all: index 62 + k means the entry inserted k-th last. Entries leave
//! only at the old end, so the size of the table decides whether index 62 + k means anything, not what it means.
//! Therefore, after blocks were lost, the k-th last insertion seen since is what the index names, for every k below
//! the number seen since; what is beyond was inserted before or within the loss and is unknown. How large the table
//! is, and how large the unknown entries are, need not be known. A sender that names an entry which its own table
//! has dropped makes a connection error (section 2.3.3): nobody acts on that block, and it tells nothing wrong about
//! others. Where even the largest size the table can have has no room for an entry, that is told as the error it is.

use std::collections::VecDeque;

/// The table's size until somebody changes it (RFC 9113 section 6.5.2).
pub(super) const DEFAULT_CAPACITY: u32 = 4_096;

/// What each entry counts beside its bytes (RFC 7541 section 4.1).
pub(super) const ENTRY_OVERHEAD: usize = 32;

/// The entries that are known, with little room to spare: idle connections keep their tables.
#[derive(Debug)]
pub(super) struct Table {
    /// Oldest first.
    entries: VecDeque<Entry>,
    /// Names and values, oldest first; what stands before the first entry has left.
    text: Vec<u8>,
    /// How much of the text was dropped since the first insertion; wraps.
    dropped: u32,
    /// What the entries count together; of those without a known name the least it can be.
    size: usize,
    /// The largest size the table can have.
    capacity: usize,
    /// Whether there is nothing in the table beside `entries`.
    whole: bool,
}

/// One entry.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Where its name begins among all text that was ever inserted; wraps.
    start: u32,
    /// `NAMELESS` where its name stood in an entry that is not known: then there is no text.
    name_len: u32,
    value_len: u32,
    /// Nothing is forbidden in it.
    is_sound: bool,
}

const NAMELESS: u32 = u32::MAX;

/// What an index names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lookup<'t> {
    /// Name and value, and whether nothing is forbidden in them.
    Known(&'t [u8], &'t [u8], bool),
    /// An entry that was not seen.
    Unknown,
    /// Nothing: a peer gives up the connection.
    Nothing,
}

impl Entry {
    /// Bytes of its text.
    fn text_len(self) -> usize {
        if self.name_len == NAMELESS { 0 } else { self.name_len as usize + self.value_len as usize }
    }

    fn size(self) -> usize {
        let name_len = if self.name_len == NAMELESS { 0 } else { self.name_len as usize };
        name_len + self.value_len as usize + ENTRY_OVERHEAD
    }
}

impl Table {
    /// The table of a connection seen from its first byte.
    pub(super) fn new() -> Self {
        Self::empty(DEFAULT_CAPACITY as usize, true)
    }

    fn empty(capacity: usize, whole: bool) -> Self {
        Self { entries: VecDeque::new(), text: Vec::new(), dropped: 0, size: 0, capacity, whole }
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.text.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    /// The entry inserted `age`-th last, from 0.
    pub(super) fn get(&self, age: usize) -> Lookup<'_> {
        let place = self.entries.len().checked_sub(age.saturating_add(1));
        let Some(&entry) = place.and_then(|place| self.entries.get(place)) else {
            return if self.whole { Lookup::Nothing } else { Lookup::Unknown };
        };
        let start = entry.start.wrapping_sub(self.dropped) as usize;
        let text = self.text.get(start..start + entry.text_len());
        match text.and_then(|text| text.split_at_checked(entry.name_len as usize)) {
            Some((name, value)) => Lookup::Known(name, value, entry.is_sound),
            None => Lookup::Unknown,
        }
    }

    /// Inserts a field; `kept_max` bounds what is remembered, whatever the peers agreed on.
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8], is_sound: bool, kept_max: usize) {
        let entry = self.entry(name.len() as u32, value.len(), is_sound);
        self.make_room(entry.text_len());
        self.text.extend_from_slice(name);
        self.text.extend_from_slice(value);
        self.push(entry, kept_max);
    }

    /// Inserts a field whose name stands in the entry inserted `age`-th last.
    pub(super) fn insert_named_as(&mut self, age: usize, value: &[u8], is_sound: bool, kept_max: usize) {
        // The name is copied before anything leaves: it may stand in an entry that leaves for it (section 4.4).
        let Lookup::Known(name, ..) = self.get(age) else {
            return self.insert_nameless(value.len(), kept_max);
        };
        let name_len = name.len();
        let entry = self.entry(name_len as u32, value.len(), is_sound);
        self.make_room(entry.text_len());
        let place = self.entries.len().checked_sub(age.saturating_add(1));
        let start = place.and_then(|place| self.entries.get(place)).map_or(0, |named| named.start);
        let start = start.wrapping_sub(self.dropped) as usize;
        self.text.extend_from_within(start..start + name_len);
        self.text.extend_from_slice(value);
        self.push(entry, kept_max);
    }

    /// Inserts a field whose name stood in an entry that is not known.
    pub(super) fn insert_nameless(&mut self, value_len: usize, kept_max: usize) {
        let entry = self.entry(NAMELESS, value_len, false);
        self.push(entry, kept_max);
    }

    /// The sender set the table's size.
    pub(super) fn resize(&mut self, capacity: usize, kept_max: usize) {
        self.capacity = capacity;
        self.evict(kept_max);
        if capacity < ENTRY_OVERHEAD {
            self.whole = true;
        }
    }

    /// Blocks were lost: what the table holds is unknown, and so is its size, up to `capacity_max`.
    pub(super) fn lose(&mut self, capacity_max: usize) {
        *self = Self::empty(capacity_max, false);
    }

    /// An entry whose text is written next.
    fn entry(&self, name_len: u32, value_len: usize, is_sound: bool) -> Entry {
        let start = self.dropped.wrapping_add(self.text.len() as u32);
        Entry { start, name_len, value_len: value_len as u32, is_sound }
    }

    fn push(&mut self, entry: Entry, kept_max: usize) {
        self.size += entry.size();
        self.entries.push_back(entry);
        self.evict(kept_max);
    }

    /// Makes room for text: what has left makes way where that is much; else the text grows by a quarter.
    fn make_room(&mut self, bytes: usize) {
        if self.text.capacity() - self.text.len() >= bytes {
            return;
        }
        let begin = self
            .entries
            .front()
            .map_or(self.text.len(), |oldest| oldest.start.wrapping_sub(self.dropped) as usize);
        let kept = self.text.len().saturating_sub(begin);
        if begin >= kept / 4 {
            self.text.drain(..begin);
            self.dropped = self.dropped.wrapping_add(begin as u32);
        }
        if self.text.capacity() - self.text.len() < bytes {
            self.text.reserve_exact(bytes.max(kept / 4));
        }
    }

    /// Drops what the table has no room for. Of what is dropped because even the largest table has no room for it,
    /// all that is older is gone as well, seen or not; what is dropped to save memory is merely unknown from then on.
    fn evict(&mut self, kept_max: usize) {
        while self.size > self.capacity.min(kept_max) {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.whole = self.size > self.capacity;
            self.size -= oldest.size();
        }
        if self.entries.is_empty() {
            // One field larger than the table empties it, and leaves nothing behind.
            self.text = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: usize = 65_536;

    fn name(table: &Table, age: usize) -> &str {
        match table.get(age) {
            Lookup::Known(name, ..) => std::str::from_utf8(name).unwrap(),
            Lookup::Unknown => "?",
            Lookup::Nothing => "-",
        }
    }

    #[test]
    fn the_oldest_leave_for_the_newest() {
        let mut table = Table::new();
        table.resize(100, KEPT);
        for word in ["aaa", "bbb", "ccc"] {
            table.insert(word.as_bytes(), b"1", true, KEPT);
        }
        assert_eq!([0, 1, 2].map(|age| name(&table, age)), ["ccc", "bbb", "-"]);
        table.insert(&[b'x'; 100], b"", true, KEPT);
        assert_eq!(name(&table, 0), "-", "an entry larger than the table empties it");
    }

    #[test]
    fn after_a_loss_only_what_came_since_is_known() {
        let mut table = Table::new();
        table.insert(b"before", b"1", true, KEPT);
        table.lose(4_096);
        assert_eq!(name(&table, 0), "?");
        table.insert(b"since", b"1", true, KEPT);
        assert_eq!([0, 1, 2].map(|age| name(&table, age)), ["since", "?", "?"]);
        table.insert_nameless(5, KEPT);
        assert_eq!([0, 1, 2].map(|age| name(&table, age)), ["?", "since", "?"]);
    }

    #[test]
    fn a_table_that_was_filled_since_the_loss_is_whole_again() {
        let mut table = Table::new();
        table.lose(4_096);
        for n in 0..4 {
            table.insert(b"n", &[b'x'; 1_000], true, KEPT);
            assert_eq!(table.whole, n == 3);
        }
        assert_eq!([2, 3].map(|age| name(&table, age)), ["n", "-"]);
        // So it is when the sender empties it.
        table.lose(4_096);
        table.resize(0, KEPT);
        assert!(table.whole);
    }

    #[test]
    fn what_is_dropped_to_save_memory_is_unknown() {
        let mut table = Table::new();
        table.resize(1_000_000, 100);
        for word in ["aaa", "bbb", "ccc"] {
            table.insert(word.as_bytes(), b"1", true, 100);
        }
        assert_eq!([0, 1, 2].map(|age| name(&table, age)), ["ccc", "bbb", "?"]);
    }
}
