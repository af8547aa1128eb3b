//! One kind of thing, by name: how often it was seen, and when.
//! It is given observations and keeps the first `ENTRIES_MAX` things.
//! It promises to count what it leaves out, and to go on counting what it knows.

use heelguard_detectors::saved::{Damaged, Saved, saved};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Outcome, Transaction};
use std::collections::BTreeMap;

/// Entries of each kind; later ones are counted and left out.
pub const ENTRIES_MAX: usize = 50_000;

/// How often a thing was seen, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) transactions: u64,
    pub(super) success: u64,
    pub(super) denied: u64,
    pub(super) first: EventTime,
    pub(super) last: EventTime,
}

saved!(Seen { transactions, success, denied, first, last });

impl Seen {
    fn first_at(time: EventTime) -> Self {
        Self { transactions: 0, success: 0, denied: 0, first: time, last: time }
    }

    pub(super) fn add(&mut self, tx: &Transaction) {
        self.transactions += 1;
        self.success += u64::from(tx.outcome == Outcome::Success);
        self.denied += u64::from(tx.outcome == Outcome::Denied);
        self.first = self.first.min(tx.time);
        self.last = self.last.max(tx.end);
    }
}

/// One kind of thing, bounded.
pub(super) struct Table<K, V> {
    entries: BTreeMap<K, (Seen, V)>,
    pub(super) left_out: u64,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), left_out: 0 }
    }
}

impl<K: Ord, V> Table<K, V> {
    /// The entry of `key`, made when there is room.
    pub(super) fn entry(
        &mut self,
        key: K,
        time: EventTime,
        value: impl FnOnce() -> V,
    ) -> Option<&mut (Seen, V)> {
        if self.entries.len() >= ENTRIES_MAX && !self.entries.contains_key(&key) {
            self.left_out += 1;
            return None;
        }
        Some(self.entries.entry(key).or_insert_with(|| (Seen::first_at(time), value())))
    }

    /// All entries, in the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &(Seen, V))> {
        self.entries.iter()
    }
}

impl<K: Ord + Saved, V: Saved> Saved for Table<K, V> {
    fn save(&self, out: &mut Vec<u8>) {
        self.entries.save(out);
        self.left_out.save(out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        Ok(Self { entries: Saved::load(from)?, left_out: Saved::load(from)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_names_is_bounded_and_counted() {
        let mut table: Table<u32, ()> = Table::default();
        for key in 0..ENTRIES_MAX as u32 + 7 {
            table.entry(key, EventTime::ZERO, || ());
        }
        assert!(table.entry(0, EventTime::ZERO, || ()).is_some(), "known entries go on being counted");
        assert_eq!((table.iter().count(), table.left_out), (ENTRIES_MAX, 7));
    }
}
