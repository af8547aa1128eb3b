//! A bounded table: what was not used since the hand last passed leaves first (CLOCK).
//! It is given keys and values in event order.
//! It promises never to hold more than its limit, and to count what left.

use ahash::RandomState;
use heelguard_detectors::saved::{Damaged, Saved};
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

struct Entry<V> {
    value: V,
    used: bool,
}

/// At most `max` values by key.
pub(super) struct Shelf<K, V> {
    table: HashMap<K, Entry<V>, RandomState>,
    clock: VecDeque<K>,
    max: usize,
    pub(super) evicted: u64,
}

impl<K: Clone + Eq + Hash, V> Shelf<K, V> {
    pub(super) fn new(max: usize) -> Self {
        Self { table: HashMap::default(), clock: VecDeque::new(), max: max.max(1), evicted: 0 }
    }

    /// The value as it is; that it was looked at is no use of it.
    pub(super) fn peek(&self, key: &K) -> Option<&V> {
        self.table.get(key).map(|entry| &entry.value)
    }

    pub(super) fn get(&mut self, key: &K) -> Option<&mut V> {
        let entry = self.table.get_mut(key)?;
        entry.used = true;
        Some(&mut entry.value)
    }

    /// The value, made when it is not there.
    pub(super) fn entry(&mut self, key: &K, make: impl FnOnce() -> V) -> &mut V {
        if !self.table.contains_key(key) {
            while self.table.len() >= self.max {
                self.evict_one();
            }
            self.clock.push_back(key.clone());
        }
        let entry = self.table.entry(key.clone()).or_insert_with(|| Entry { value: make(), used: false });
        &mut entry.value
    }

    /// Second chance: what was used goes to the back once.
    fn evict_one(&mut self) {
        while let Some(candidate) = self.clock.pop_front() {
            match self.table.get_mut(&candidate) {
                Some(entry) if entry.used => {
                    entry.used = false;
                    self.clock.push_back(candidate);
                }
                _ => {
                    self.table.remove(&candidate);
                    self.evicted += 1;
                    return;
                }
            }
        }
    }
}

impl<K: Clone + Eq + Hash + Saved, V: Saved> Shelf<K, V> {
    /// Appends every value with its key, from next to leave to last.
    pub(super) fn save(&self, out: &mut Vec<u8>) {
        self.clock.len().save(out);
        for key in &self.clock {
            key.save(out);
            let entry = self.table.get(key);
            entry.map(|entry| entry.used).save(out);
            if let Some(entry) = entry {
                entry.value.save(out);
            }
        }
    }

    /// A shelf with what was saved; of more than there is room for now, what would leave first is left out.
    pub(super) fn load(max: usize, from: &mut &[u8]) -> Result<Self, Damaged> {
        let mut shelf = Self::new(max);
        for _ in 0..usize::load(from)? {
            let key = K::load(from)?;
            let Some(used) = Option::<bool>::load(from)? else { continue };
            let value = V::load(from)?;
            shelf.entry(&key, || value);
            if let Some(entry) = shelf.table.get_mut(&key) {
                entry.used = used;
            }
        }
        Ok(shelf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_what_leaves_is_counted() {
        let mut shelf = Shelf::new(3);
        for key in 0..3 {
            *shelf.entry(&key, || 0) += key;
        }
        assert_eq!(shelf.get(&0), Some(&mut 0));
        shelf.entry(&3, || 3);
        assert_eq!(shelf.get(&1), None);
        assert_eq!(shelf.evicted, 1);
        assert!(shelf.get(&0).is_some() && shelf.get(&2).is_some() && shelf.get(&3).is_some());
        for key in 10..1000 {
            shelf.entry(&key, || key);
        }
        assert_eq!((shelf.table.len(), shelf.clock.len(), shelf.evicted), (3, 3, 991));
    }

    #[test]
    fn a_loaded_shelf_goes_on_as_the_saved_one_would() {
        let mut shelf = Shelf::new(4);
        (0..4u32).for_each(|key| *shelf.entry(&key, || 0u32) += key);
        shelf.get(&0);
        let mut bytes = Vec::new();
        shelf.save(&mut bytes);
        let mut loaded: Shelf<u32, u32> = Shelf::load(4, &mut bytes.as_slice()).unwrap();
        for shelf in [&mut shelf, &mut loaded] {
            shelf.entry(&9, || 9);
            assert_eq!((shelf.get(&0).copied(), shelf.get(&1).copied()), (Some(0), None));
        }
        for end in 0..bytes.len() {
            assert!(Shelf::<u32, u32>::load(4, &mut &bytes[..end]).is_err(), "{end}");
        }
    }
}
