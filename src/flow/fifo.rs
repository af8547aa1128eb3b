//! A bounded table whose entries all live for the same time: the oldest is always the first to go.
//! It is given entries under a flow key and the time they were put in.
//! It promises that a look-up never sees an entry past its time, however late the sweep comes.

use super::key::{ByHash, FlowKey};
use heelguard_detectors::time::EventTime;
use std::collections::VecDeque;
use std::time::Duration;

struct Entry<T> {
    key: FlowKey,
    hash: u64,
    since: EventTime,
    /// `None` once taken: its place stays until it is the oldest.
    value: Option<T>,
}

/// The table.
pub(super) struct Fifo<T> {
    entries: VecDeque<Entry<T>>,
    /// From a key's hash to the entry's running number.
    index: ByHash<u64>,
    /// The running number of the oldest entry.
    first: u64,
    entries_max: usize,
    timeout: Duration,
}

impl<T> Fifo<T> {
    pub(super) fn new(entries_max: usize, timeout: Duration) -> Self {
        let (entries, index) = (VecDeque::new(), ByHash::default());
        Self { entries, index, first: 0, entries_max: entries_max.max(1), timeout }
    }

    /// Puts an entry in, in place of an older one with the same key; at the limit the oldest goes.
    pub(super) fn insert(&mut self, hash: u64, key: FlowKey, now: EventTime, value: T) {
        self.remove(hash, &key);
        while self.is_full() {
            self.drop_oldest();
        }
        self.index.insert(hash, self.first + self.entries.len() as u64);
        self.entries.push_back(Entry { key, hash, since: now, value: Some(value) });
    }

    /// The entry, unless its time is over.
    pub(super) fn get_mut(&mut self, hash: u64, key: &FlowKey, now: EventTime) -> Option<&mut T> {
        let position = self.index.get(&hash)?.checked_sub(self.first)?;
        let entry = self.entries.get_mut(usize::try_from(position).ok()?)?;
        let alive = entry.key == *key && now < entry.since.after(self.timeout);
        entry.value.as_mut().filter(|_| alive)
    }

    /// Takes the entry out, with the time it was put in, unless its time is over.
    pub(super) fn take(&mut self, hash: u64, key: &FlowKey, now: EventTime) -> Option<(EventTime, T)> {
        self.remove(hash, key).filter(|(since, _)| now < since.after(self.timeout))
    }

    /// Takes the entry out even if its time is over.
    pub(super) fn remove(&mut self, hash: u64, key: &FlowKey) -> Option<(EventTime, T)> {
        let position = self.index.get(&hash)?.checked_sub(self.first)?;
        let entry = self.entries.get_mut(usize::try_from(position).ok()?)?;
        if entry.key != *key {
            return None;
        }
        self.index.remove(&hash);
        let (since, value) = (entry.since, entry.value.take());
        while self.entries.front().is_some_and(|oldest| oldest.value.is_none()) {
            self.drop_oldest();
        }
        value.map(|value| (since, value))
    }

    /// Drops entries whose time is over, at most `budget` of them.
    pub(super) fn expire(&mut self, now: EventTime, budget: usize) {
        for _ in 0..budget {
            if self.deadline().is_none_or(|deadline| now < deadline) {
                return;
            }
            self.drop_oldest();
        }
    }

    /// Takes the oldest entry out, with the time it was put in.
    pub(super) fn pop(&mut self) -> Option<(FlowKey, EventTime, T)> {
        loop {
            let (key, since, value) = self.drop_oldest()?;
            if let Some(value) = value {
                return Some((key, since, value));
            }
        }
    }

    /// When the time of the oldest entry is over.
    pub(super) fn deadline(&self) -> Option<EventTime> {
        self.entries.front().map(|oldest| oldest.since.after(self.timeout))
    }

    /// Whether the next entry costs the oldest one its place.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= self.entries_max
    }

    #[cfg(test)]
    pub(super) const ENTRY_BYTES: usize = size_of::<Entry<T>>();

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn drop_oldest(&mut self) -> Option<(FlowKey, EventTime, Option<T>)> {
        let oldest = self.entries.pop_front()?;
        if self.index.get(&oldest.hash) == Some(&self.first) {
            self.index.remove(&oldest.hash);
        }
        self.first += 1;
        Some((oldest.key, oldest.since, oldest.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Config;
    use crate::flow::tests_support::{client, segment, server};

    fn at(secs: u64) -> EventTime {
        EventTime::from_secs(secs)
    }

    fn table() -> (Fifo<char>, FlowKey) {
        let key = FlowKey::of(&segment(client(), server()), &Config::default());
        (Fifo::new(3, Duration::from_secs(10)), key)
    }

    #[test]
    fn entries_live_for_their_time_even_without_a_sweep() {
        let (mut table, key) = table();
        table.insert(1, key, at(0), 'a');
        assert_eq!(table.get_mut(1, &key, at(9)), Some(&mut 'a'));
        assert_eq!(table.get_mut(1, &key, at(10)), None);
        assert_eq!(table.take(1, &key, at(10)), None);
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn the_oldest_goes_at_the_limit() {
        let (mut table, key) = table();
        for (hash, value) in (1..).zip("abcd".chars()) {
            table.insert(hash, key, at(hash), value);
        }
        assert_eq!(table.get_mut(1, &key, at(5)), None);
        assert_eq!(table.get_mut(2, &key, at(5)), Some(&mut 'b'));
        assert_eq!(table.len(), 3);
    }

    #[test]
    fn taken_entries_leave_no_trace() {
        let (mut table, key) = table();
        table.insert(1, key, at(0), 'a');
        table.insert(2, key, at(1), 'b');
        assert_eq!(table.take(2, &key, at(2)), Some((at(1), 'b')));
        table.insert(2, key, at(3), 'c');
        table.expire(at(11), 100);
        assert_eq!(table.get_mut(2, &key, at(11)), Some(&mut 'c'));
        assert_eq!(table.take(1, &key, at(4)), None);
        table.expire(at(13), 100);
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn what_is_popped_is_the_oldest_that_was_not_taken() {
        let (mut table, key) = table();
        for (hash, value) in (1..).zip("abc".chars()) {
            table.insert(hash, key, at(hash), value);
        }
        assert!(table.is_full());
        assert_eq!(table.deadline(), Some(at(11)));
        table.take(2, &key, at(4));
        assert_eq!(table.pop(), Some((key, at(1), 'a')));
        assert_eq!(table.pop(), Some((key, at(3), 'c')));
        assert_eq!(table.pop(), None);
    }
}
