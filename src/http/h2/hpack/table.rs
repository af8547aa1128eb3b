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

/// The entries that are known.
#[derive(Debug)]
pub(super) struct Table {
    /// Newest first.
    entries: VecDeque<Entry>,
    /// What they count together; of entries without a known name the least it can be.
    size: usize,
    /// The largest size the table can have.
    capacity: usize,
    /// Whether there is nothing in the table beside `entries`.
    whole: bool,
}

/// One entry.
#[derive(Debug)]
pub(super) enum Entry {
    /// Name and value in one piece.
    Known { bytes: Box<[u8]>, name_len: u32 },
    /// Its name stood in an entry that is not known.
    Nameless { value_len: usize },
}

/// What an index names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lookup<'t> {
    /// Name and value.
    Known(&'t [u8], &'t [u8]),
    /// An entry that was not seen.
    Unknown,
    /// Nothing: a peer gives up the connection.
    Nothing,
}

impl Entry {
    /// A field.
    pub(super) fn known(name: &[u8], value: &[u8]) -> Self {
        Self::Known { bytes: [name, value].concat().into(), name_len: name.len() as u32 }
    }

    fn size(&self) -> usize {
        let bytes = match self {
            Self::Known { bytes, .. } => bytes.len(),
            Self::Nameless { value_len } => *value_len,
        };
        bytes + ENTRY_OVERHEAD
    }
}

impl Table {
    /// The table of a connection seen from its first byte.
    pub(super) fn new() -> Self {
        Self { entries: VecDeque::new(), size: 0, capacity: DEFAULT_CAPACITY as usize, whole: true }
    }

    /// The entry inserted `age`-th last, from 0.
    pub(super) fn get(&self, age: usize) -> Lookup<'_> {
        match self.entries.get(age) {
            Some(Entry::Known { bytes, name_len }) => match bytes.split_at_checked(*name_len as usize) {
                Some((name, value)) => Lookup::Known(name, value),
                None => Lookup::Unknown,
            },
            None if self.whole => Lookup::Nothing,
            Some(Entry::Nameless { .. }) | None => Lookup::Unknown,
        }
    }

    /// Inserts a field; `kept_max` bounds what is remembered, whatever the peers agreed on.
    pub(super) fn insert(&mut self, entry: Entry, kept_max: usize) {
        self.size += entry.size();
        self.entries.push_front(entry);
        self.evict(kept_max);
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
        *self = Self { entries: VecDeque::new(), size: 0, capacity: capacity_max, whole: false };
    }

    /// Drops what the table has no room for. Of what is dropped because even the largest table has no room for it,
    /// all that is older is gone as well, seen or not; what is dropped to save memory is merely unknown from then on.
    fn evict(&mut self, kept_max: usize) {
        while self.size > self.capacity.min(kept_max) {
            let Some(oldest) = self.entries.pop_back() else { return };
            self.whole = self.size > self.capacity;
            self.size -= oldest.size();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: usize = 65_536;

    fn name(table: &Table, age: usize) -> &str {
        match table.get(age) {
            Lookup::Known(name, _) => std::str::from_utf8(name).unwrap(),
            Lookup::Unknown => "?",
            Lookup::Nothing => "-",
        }
    }

    #[test]
    fn the_oldest_leave_for_the_newest() {
        let mut table = Table::new();
        table.resize(100, KEPT);
        for word in ["aaa", "bbb", "ccc"] {
            table.insert(Entry::known(word.as_bytes(), b"1"), KEPT);
        }
        assert_eq!([0, 1, 2].map(|age| name(&table, age)), ["ccc", "bbb", "-"]);
        table.insert(Entry::known(&[b'x'; 100], b""), KEPT);
        assert_eq!(name(&table, 0), "-", "an entry larger than the table empties it");
    }

    #[test]
    fn after_a_loss_only_what_came_since_is_known() {
        let mut table = Table::new();
        table.insert(Entry::known(b"before", b"1"), KEPT);
        table.lose(4_096);
        assert_eq!(name(&table, 0), "?");
        table.insert(Entry::known(b"since", b"1"), KEPT);
        assert_eq!([0, 1, 2].map(|age| name(&table, age)), ["since", "?", "?"]);
        table.insert(Entry::Nameless { value_len: 5 }, KEPT);
        assert_eq!([0, 1, 2].map(|age| name(&table, age)), ["?", "since", "?"]);
    }

    #[test]
    fn a_table_that_was_filled_since_the_loss_is_whole_again() {
        let mut table = Table::new();
        table.lose(4_096);
        for n in 0..4 {
            table.insert(Entry::known(b"n", &[b'x'; 1_000]), KEPT);
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
            table.insert(Entry::known(word.as_bytes(), b"1"), 100);
        }
        assert_eq!([0, 1, 2].map(|age| name(&table, age)), ["ccc", "bbb", "?"]);
    }
}
