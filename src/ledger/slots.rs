//! A table with a limit: things by a keyed hash of their name, the least used making room for new ones.
//! It is given the hash and makes the thing when it is met first; two names share a hash once in ten thousand million
//! full tables.
//! It promises that what never succeeded has a part of the room for itself and takes no more, that what was of use more
//! than once lately outlives what was met once, and that finding room looks at a few things only.

use super::Room;
use heelguard_detectors::saved::{Damaged, Saved};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// Things that are looked at to find room.
const LOOKS_MAX: usize = 64;
/// What never succeeded fills one part in this many of a table.
const UNPROVEN_SHARE: usize = 4;

/// Things that succeeded, and things that never did. Whoever invents names fills the second part and no more.
pub(super) struct Slots<T> {
    proven: Part<T>,
    unproven: Part<T>,
}

impl<T: Clone> Slots<T> {
    pub(super) fn new(max: usize) -> Self {
        let unproven_max = (max / UNPROVEN_SHARE).max(1);
        Self { proven: Part::new(max.saturating_sub(unproven_max)), unproven: Part::new(unproven_max) }
    }

    /// The thing of `key`, made when it is not there. A success keeps it, and the first one moves it over to what
    /// succeeded. A copy that somebody still reads is left as it is: then the thing goes on as a copy of its own.
    pub(super) fn entry(&mut self, key: u64, is_success: bool, make: impl FnOnce() -> T) -> &mut T {
        if let Some(place) = self.proven.place(key) {
            return self.proven.at(place, is_success);
        }
        let known = self.unproven.place(key);
        if !is_success {
            let place = known.unwrap_or_else(|| self.unproven.put(key, Arc::new(make())));
            // Of those that only fail, who is met again matters more than who is met once.
            return self.unproven.at(place, known.is_some());
        }
        let thing = known.map_or_else(|| Arc::new(make()), |place| self.unproven.take(place));
        let place = self.proven.put(key, thing);
        self.proven.at(place, false)
    }

    pub(super) fn find(&self, key: u64) -> Option<&Arc<T>> {
        self.proven.find(key).or_else(|| self.unproven.find(key))
    }

    /// Adds the next `at_once` things to `rows`, from the `from`th on; false when there are no more. What succeeded
    /// comes first: a thing that moves over between two calls may be left out, and is not there twice.
    pub(super) fn copy(&self, rows: &mut Vec<Arc<T>>, from: usize, at_once: usize) -> bool {
        let things = self.proven.slots.iter().chain(&self.unproven.slots);
        rows.extend(things.skip(from).take(at_once).map(|slot| Arc::clone(&slot.thing)));
        from + at_once < self.proven.slots.len() + self.unproven.slots.len()
    }

    /// How many things there are.
    pub(super) fn len(&self) -> usize {
        self.proven.slots.len() + self.unproven.slots.len()
    }

    /// The next things to be written down, as `copy`.
    pub(super) fn kept(&self, from: usize, at_once: usize) -> Vec<Kept<T>> {
        let proven = self.proven.slots.iter().map(|slot| (true, slot));
        let things = proven.chain(self.unproven.slots.iter().map(|slot| (false, slot)));
        let kept = |(is_proven, slot): (bool, &Slot<T>)| Kept {
            is_proven,
            is_used: slot.is_used,
            thing: Arc::clone(&slot.thing),
        };
        things.skip(from).take(at_once).map(kept).collect()
    }

    /// Takes a thing that was written down; one that is there already moved meanwhile, and stays as it is.
    pub(super) fn put_back(&mut self, key: u64, kept: Kept<T>) {
        let Kept { is_proven, is_used, thing } = kept;
        let is_known = self.find(key).is_some();
        let part = if is_proven { &mut self.proven } else { &mut self.unproven };
        if part.slots.len() < part.max && !is_known {
            let place = part.put(key, thing);
            part.slots[place].is_used = is_used;
        }
    }

    /// Where room is sought next, and how much was given up, of both parts.
    pub(super) fn hands(&self) -> [u64; 4] {
        let (proven, unproven) = (&self.proven, &self.unproven);
        [proven.hand as u64, proven.given_up, unproven.hand as u64, unproven.given_up]
    }

    /// Goes on from there.
    pub(super) fn set_hands(&mut self, [proven, given_up, unproven, more]: [u64; 4]) {
        (self.proven.hand, self.proven.given_up) = (proven as usize, given_up);
        (self.unproven.hand, self.unproven.given_up) = (unproven as usize, more);
    }

    pub(super) fn room(&self, name: &'static str) -> Room {
        let (proven, unproven) = (&self.proven, &self.unproven);
        Room {
            name,
            used: proven.slots.len() + unproven.slots.len(),
            max: proven.max + unproven.max,
            given_up: proven.given_up + unproven.given_up,
        }
    }
}

/// A thing that is written down, with what is known of its use.
pub(super) struct Kept<T> {
    is_proven: bool,
    is_used: bool,
    pub(super) thing: Arc<T>,
}

impl<T: Saved> Saved for Kept<T> {
    fn save(&self, out: &mut Vec<u8>) {
        (self.is_proven, self.is_used).save(out);
        self.thing.as_ref().save(out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let (is_proven, is_used) = Saved::load(from)?;
        Ok(Self { is_proven, is_used, thing: Arc::new(T::load(from)?) })
    }
}

/// One part of the room.
struct Part<T> {
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
    thing: Arc<T>,
}

impl<T: Clone> Part<T> {
    fn new(max: usize) -> Self {
        Self { places: HashMap::default(), slots: Vec::new(), hand: 0, max: max.max(1), given_up: 0 }
    }

    fn place(&self, key: u64) -> Option<usize> {
        self.places.get(&key).copied()
    }

    fn find(&self, key: u64) -> Option<&Arc<T>> {
        self.slots.get(self.place(key)?).map(|slot| &slot.thing)
    }

    fn at(&mut self, place: usize, is_use: bool) -> &mut T {
        let slot = &mut self.slots[place];
        slot.is_used |= is_use;
        Arc::make_mut(&mut slot.thing)
    }

    /// Puts a new thing where there is room, and says where.
    fn put(&mut self, key: u64, thing: Arc<T>) -> usize {
        let slot = Slot { key, is_used: false, thing };
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

    /// Takes a thing out; the last one takes its place.
    fn take(&mut self, place: usize) -> Arc<T> {
        let Slot { key, thing, .. } = self.slots.swap_remove(place);
        self.places.remove(&key);
        if let Some(moved) = self.slots.get(place) {
            self.places.insert(moved.key, place);
        }
        thing
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

    /// Copies of all rows, so many at once.
    fn copies<T: Clone>(slots: &Slots<T>, at_once: usize) -> (Vec<T>, usize) {
        let (mut rows, mut from, mut rounds) = (Vec::new(), 0, 1);
        while slots.copy(&mut rows, from, at_once) {
            from += at_once;
            rounds += 1;
        }
        (rows.iter().map(|row| row.as_ref().clone()).collect(), rounds)
    }

    #[test]
    fn a_flood_of_names_that_never_succeed_leaves_those_that_did_once() {
        let mut slots = Slots::new(100);
        for key in 0..75 {
            slots.entry(key, true, || key);
        }
        for flood in 1_000..6_000 {
            slots.entry(flood, false, || flood);
        }
        assert!((0..75).all(|key| slots.find(key).is_some()), "those that succeeded are there, used or not");
        assert_eq!(slots.room("x"), Room { name: "x", used: 100, max: 100, given_up: 4_975 });
        assert!(slots.find(1_000).is_none() && slots.find(5_999).is_some());
    }

    #[test]
    fn of_those_that_succeed_the_ones_in_use_stay() {
        let mut slots = Slots::new(100);
        for key in 0..30 {
            slots.entry(key, true, || key);
        }
        for flood in 1_000..6_000 {
            slots.entry(flood, true, || flood);
            slots.entry(flood % 30, true, || 0);
        }
        assert!(
            (0..30).all(|key| slots.find(key).is_some_and(|thing| **thing == key)),
            "with what they hold"
        );
        assert_eq!(slots.room("x").used, 75);
    }

    #[test]
    fn the_first_success_moves_a_thing_over_with_what_it_holds() {
        let mut slots = Slots::new(8);
        for key in [1, 2] {
            *slots.entry(key, false, || 0) += 10;
        }
        *slots.entry(1, true, || 0) += 1;
        for flood in 100..200 {
            slots.entry(flood, false, || 0);
        }
        *slots.entry(1, false, || 0) += 1;
        assert_eq!(slots.find(1).map(|thing| **thing), Some(12));
        assert!(slots.find(2).is_none());
        assert_eq!(slots.room("x").used, 3, "its place in the other part is free, or somebody else's");
        assert_eq!(copies(&slots, 2), (vec![12, 0, 0], 2));
    }

    #[test]
    fn of_those_that_fail_the_one_that_is_met_again_stays() {
        let mut slots = Slots::new(16);
        for flood in 100..200 {
            slots.entry(flood, false, || flood);
            slots.entry(7, false, || 7);
        }
        assert!(slots.find(7).is_some() && slots.find(198).is_some() && slots.find(150).is_none());
    }

    #[test]
    fn a_full_table_of_things_in_use_still_takes_a_new_one() {
        let mut slots = Slots::new(64);
        for key in (0..48).chain(0..48) {
            slots.entry(key, true, || key);
        }
        slots.entry(99, true, || 99);
        assert_eq!((slots.find(99).map(|thing| **thing), slots.room("x").given_up), (Some(99), 1));
    }

    #[test]
    fn all_rows_are_copied_in_slices() {
        let mut slots = Slots::new(1_000);
        for key in 0..300 {
            slots.entry(key, key < 200, || key);
        }
        assert_eq!(copies(&slots, 128), ((0..300).collect(), 3));
        assert_eq!(copies(&slots, 150).1, 2, "no empty round at the end");
    }

    #[test]
    fn what_was_copied_stays_as_it_was() {
        let mut slots = Slots::new(8);
        slots.entry(1, true, || 1);
        let mut rows = Vec::new();
        slots.copy(&mut rows, 0, 8);
        *slots.entry(1, true, || 1) += 1;
        assert_eq!((*rows[0], slots.find(1).map(|thing| **thing)), (1, Some(2)));
    }
}
