//! A table with a limit: things by a keyed hash of their name, the least used making room for new ones.
//! It is given the hash and makes the thing when it is met first; two names share a hash once in ten thousand million
//! full tables.
//! It promises that what was of use more than once lately outlives what was met once, and that finding room looks at
//! a few things only.

use super::Room;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Things that are looked at to find room.
const LOOKS_MAX: usize = 64;

pub(super) struct Slots<T> {
    places: HashMap<u64, usize, BuildHasherDefault<Ready>>,
    slots: Vec<Slot<T>>,
    /// Where room is sought next: the clock of page tables (Corbató 1968).
    hand: usize,
    max: usize,
    given_up: u64,
}

struct Slot<T> {
    key: u64,
    /// Whether it was of use again since the hand came by.
    is_used: bool,
    thing: T,
}

impl<T> Slots<T> {
    pub(super) fn new(max: usize) -> Self {
        Self { places: HashMap::default(), slots: Vec::new(), hand: 0, max: max.max(1), given_up: 0 }
    }

    /// The thing of `key`, made when it is not there. `is_use` says that this keeps it.
    pub(super) fn entry(&mut self, key: u64, is_use: bool, make: impl FnOnce() -> T) -> &mut T {
        let place = match self.places.get(&key) {
            Some(&place) => {
                self.slots[place].is_used |= is_use;
                place
            }
            None => self.put(Slot { key, is_used: false, thing: make() }),
        };
        &mut self.slots[place].thing
    }

    pub(super) fn find(&self, key: u64) -> Option<&T> {
        let place = *self.places.get(&key)?;
        self.slots.get(place).map(|slot| &slot.thing)
    }

    /// Adds copies of the next things to `rows`, which holds all before them; false when there are no more.
    pub(super) fn copy(&self, rows: &mut Vec<T>, at_once: usize) -> bool
    where
        T: Clone,
    {
        let from = rows.len().min(self.slots.len());
        let until = (from + at_once).min(self.slots.len());
        rows.extend(self.slots[from..until].iter().map(|slot| slot.thing.clone()));
        until < self.slots.len()
    }

    pub(super) fn room(&self, name: &'static str) -> Room {
        Room { name, used: self.slots.len(), max: self.max, given_up: self.given_up }
    }

    /// Puts a new thing where there is room, and says where.
    fn put(&mut self, slot: Slot<T>) -> usize {
        let key = slot.key;
        let place = if self.slots.len() < self.max {
            self.slots.push(slot);
            self.slots.len() - 1
        } else {
            let place = self.least_used();
            self.places.remove(&self.slots[place].key);
            self.slots[place] = slot;
            self.given_up += 1;
            place
        };
        self.places.insert(key, place);
        place
    }

    /// The next thing that was of no use again; where there is none nearby, the one at the hand.
    fn least_used(&mut self) -> usize {
        for _ in 0..LOOKS_MAX {
            let place = self.hand % self.slots.len();
            self.hand = place + 1;
            if !std::mem::take(&mut self.slots[place].is_used) {
                return place;
            }
        }
        self.hand % self.slots.len()
    }
}

/// A hash of something that is a keyed hash already.
#[derive(Default)]
struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_names_that_are_met_once_leaves_those_in_use() {
        let mut slots = Slots::new(100);
        for key in 0..50 {
            slots.entry(key, true, || key);
        }
        for flood in 1_000..6_000 {
            slots.entry(flood, false, || flood);
            slots.entry(flood % 50, true, || 0);
        }
        assert!(
            (0..50).all(|key| slots.find(key) == Some(&key)),
            "those in use are there with what they hold"
        );
        assert_eq!(slots.room("x"), Room { name: "x", used: 100, max: 100, given_up: 4_950 });
        assert!(slots.find(1_000).is_none() && slots.find(5_999).is_some());
    }

    #[test]
    fn a_full_table_of_things_in_use_still_takes_a_new_one() {
        let mut slots = Slots::new(64);
        for key in (0..64).chain(0..64) {
            slots.entry(key, true, || key);
        }
        slots.entry(99, true, || 99);
        assert_eq!((slots.find(99), slots.room("x").given_up), (Some(&99), 1));
    }

    #[test]
    fn all_rows_are_copied_in_slices() {
        let mut slots = Slots::new(1_000);
        for key in 0..300 {
            slots.entry(key, true, || key);
        }
        let (mut rows, mut rounds) = (Vec::new(), 1);
        while slots.copy(&mut rows, 128) {
            rounds += 1;
        }
        assert_eq!((rows, rounds), ((0..300).collect::<Vec<_>>(), 3));
    }
}
