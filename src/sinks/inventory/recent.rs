//! The last few thousand things of one kind, to be asked for by name.
//! It is given things in event order; the oldest leaves when the room is full.
//! It promises that only look-ups depend on the hash, never an order.

use ahash::RandomState;
use heelguard_detectors::saved::{Damaged, Saved};
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Things of one kind that are remembered.
const RECENT_MAX: usize = 8_192;

pub(super) struct Recent<K, V> {
    things: HashMap<K, V, RandomState>,
    order: VecDeque<K>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { things: HashMap::default(), order: VecDeque::new() }
    }
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    /// Remembers a thing; one of the same name is replaced.
    pub(super) fn keep(&mut self, key: K, value: V) {
        if self.things.insert(key, value).is_some() {
            return;
        }
        self.order.push_back(key);
        // A name that was taken out still has its place in the queue; it makes room like any other.
        while self.order.len() > RECENT_MAX {
            let Some(oldest) = self.order.pop_front() else { return };
            self.things.remove(&oldest);
        }
    }

    pub(super) fn get(&self, key: K) -> Option<&V> {
        self.things.get(&key)
    }

    /// Takes a thing out.
    pub(super) fn take(&mut self, key: K) -> Option<V> {
        self.things.remove(&key)
    }
}

impl<K: Copy + Eq + Hash + Saved, V: Saved> Saved for Recent<K, V> {
    fn save(&self, out: &mut Vec<u8>) {
        self.order.len().save(out);
        for key in &self.order {
            key.save(out);
            let value = self.things.get(key);
            value.is_some().save(out);
            if let Some(value) = value {
                value.save(out);
            }
        }
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let mut recent = Self::default();
        for _ in 0..usize::load(from)? {
            let key = K::load(from)?;
            recent.order.push_back(key);
            if let Some(value) = Saved::load(from)? {
                recent.things.insert(key, value);
            }
        }
        if recent.order.len() > RECENT_MAX { Err(Damaged) } else { Ok(recent) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_leaves_and_what_was_taken_is_gone() {
        let mut recent = Recent::default();
        for n in 0..RECENT_MAX + 5 {
            recent.keep(n, n);
        }
        assert_eq!((recent.get(4), recent.get(5)), (None, Some(&5)));
        assert_eq!((recent.take(6), recent.take(6)), (Some(6), None));
        for _ in 0..3 * RECENT_MAX {
            recent.keep(6, 1);
            recent.take(6);
        }
        assert!(recent.order.len() <= RECENT_MAX);
    }
}
