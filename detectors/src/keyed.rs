//! A bounded table of state by key, for keys that come from the wire.
//! When it is full the key that was quiet longest goes, but a flood of new keys can only push out new keys:
//! a quarter of the room is kept for those known for ten minutes. It promises its limit and counts what it evicts.

use crate::saved::{Damaged, Saved};
use crate::shown::Entry;
use crate::time::EventTime;
use ahash::RandomState;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// From this age on a key counts as known.
const KNOWN_AFTER: Duration = Duration::from_mins(10);
/// No slot.
const NONE: u32 = u32::MAX;

/// State by key. Look-up only: there is no way to iterate, so hash order can reach no output.
#[derive(Debug)]
pub struct Keyed<K, S> {
    places: HashMap<K, u32, RandomState>,
    slots: Vec<Slot<K, S>>,
    /// Slots whose key is gone.
    free: Vec<u32>,
    /// New keys and known keys, each from longest quiet to just seen.
    queues: [Queue; 2],
    limit: usize,
    idle: Duration,
    evicted: u64,
}

#[derive(Debug)]
struct Slot<K, S> {
    key: K,
    state: S,
    first: EventTime,
    last: EventTime,
    age: Age,
    before: u32,
    after: u32,
}

/// Which queue a slot is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    New,
    Known,
}

#[derive(Clone, Copy, Debug)]
struct Queue {
    front: u32,
    back: u32,
    len: usize,
}

impl<K: Hash + Eq + Clone, S: Default> Keyed<K, S> {
    /// At most `limit` keys (at least four); a key quiet for longer than `idle` may be forgotten at any time.
    pub fn new(limit: usize, idle: Duration) -> Self {
        let empty = Queue { front: NONE, back: NONE, len: 0 };
        Self {
            places: HashMap::with_hasher(RandomState::new()),
            slots: Vec::new(),
            free: Vec::new(),
            queues: [empty; 2],
            limit: limit.clamp(4, NONE as usize),
            idle,
            evicted: 0,
        }
    }

    /// The key's state, made on first sight.
    pub fn entry(&mut self, key: &K, now: EventTime) -> &mut S {
        let place = if let Some(&place) = self.places.get(key) {
            self.touch(place, now);
            place
        } else {
            self.make_room(now);
            self.add(key.clone(), now)
        };
        &mut self.slots[place as usize].state
    }

    /// The key's state, if there is one.
    pub fn get(&mut self, key: &K, now: EventTime) -> Option<&mut S> {
        let place = *self.places.get(key)?;
        self.touch(place, now);
        Some(&mut self.slots[place as usize].state)
    }

    /// Forgets keys that were quiet for longer than `idle`, at most `budget` of each age.
    pub fn expire(&mut self, now: EventTime, budget: usize) {
        for age in [Age::New, Age::Known] {
            for _ in 0..budget {
                let place = self.queues[age as usize].front;
                if place == NONE || now.since(self.slots[place as usize].last) <= self.idle {
                    break;
                }
                self.remove(place);
            }
        }
    }

    /// Keys held.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether no key is held.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Keys given up because the table was full.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    fn make_room(&mut self, now: EventTime) {
        self.expire(now, 1);
        self.evict_for_one();
    }

    fn evict_for_one(&mut self) {
        let reserve = self.limit / 4;
        let [new, known] = self.queues;
        if new.len + reserve >= self.limit {
            self.evict(Age::New);
        } else if new.len + known.len >= self.limit {
            self.evict(if known.len > reserve { Age::Known } else { Age::New });
        }
    }

    fn evict(&mut self, age: Age) {
        let place = self.queues[age as usize].front;
        if place != NONE {
            self.remove(place);
            self.evicted += 1;
        }
    }

    fn add(&mut self, key: K, now: EventTime) -> u32 {
        let slot = Slot {
            key: key.clone(),
            state: S::default(),
            first: now,
            last: now,
            age: Age::New,
            before: NONE,
            after: NONE,
        };
        let place = if let Some(place) = self.free.pop() {
            self.slots[place as usize] = slot;
            place
        } else {
            self.slots.push(slot);
            (self.slots.len() - 1) as u32
        };
        self.places.insert(key, place);
        self.link(place);
        place
    }

    fn touch(&mut self, place: u32, now: EventTime) {
        let slot = &mut self.slots[place as usize];
        slot.last = slot.last.max(now);
        let grown = slot.age == Age::New && now.since(slot.first) >= KNOWN_AFTER;
        // The key just seen again is the common case: it is at the back already.
        if slot.after == NONE && !grown {
            return;
        }
        self.unlink(place);
        if grown {
            self.slots[place as usize].age = Age::Known;
        }
        self.link(place);
    }

    fn remove(&mut self, place: u32) {
        self.unlink(place);
        let slot = &mut self.slots[place as usize];
        // What the state holds on the heap is given back now, not when the slot is used again.
        slot.state = S::default();
        self.places.remove(&slot.key);
        self.free.push(place);
    }

    fn link(&mut self, place: u32) {
        let age = self.slots[place as usize].age;
        let queue = &mut self.queues[age as usize];
        let back = std::mem::replace(&mut queue.back, place);
        queue.len += 1;
        if back == NONE {
            queue.front = place;
        } else {
            self.slots[back as usize].after = place;
        }
        let slot = &mut self.slots[place as usize];
        (slot.before, slot.after) = (back, NONE);
    }

    fn unlink(&mut self, place: u32) {
        let Slot { age, before, after, .. } = self.slots[place as usize];
        let queue = &mut self.queues[age as usize];
        queue.len -= 1;
        if before == NONE {
            queue.front = after;
        } else {
            self.slots[before as usize].after = after;
        }
        let queue = &mut self.queues[age as usize];
        if after == NONE {
            queue.back = before;
        } else {
            self.slots[after as usize].before = before;
        }
    }
}

impl<K: Hash + Eq + Clone + Saved, S: Default + Saved> Keyed<K, S> {
    /// Appends every key with its state, each queue from longest quiet to just seen.
    pub fn save(&self, out: &mut Vec<u8>) {
        for age in [Age::New, Age::Known] {
            let queue = self.queues[age as usize];
            queue.len.save(out);
            let mut place = queue.front;
            while place != NONE {
                let slot = &self.slots[place as usize];
                slot.key.save(out);
                slot.state.save(out);
                (slot.first, slot.last).save(out);
                place = slot.after;
            }
        }
        self.evicted.save(out);
    }

    /// What was looked up at `at` and not since, which is now the youngest of its queue.
    pub(crate) fn touched(&self, table: &'static str, at: EventTime) -> Vec<Entry> {
        let back = |queue: &Queue| {
            std::iter::successors(Some(queue.back), |&p| Some(self.slots.get(p as usize)?.before))
        };
        let slots = self.queues.iter().flat_map(|queue| {
            back(queue).map_while(|place| self.slots.get(place as usize)).take_while(|slot| slot.last >= at)
        });
        slots.map(|slot| Entry { table, key: slot.key.shown(), state: slot.state.shown() }).collect()
    }

    /// Takes the place of what is held by what was saved; of more keys than there is room for now, the longest
    /// quiet are left out and counted.
    pub fn load(&mut self, from: &mut &[u8]) -> Result<(), Damaged> {
        let mut loaded = Self::new(self.limit, self.idle);
        for age in [Age::New, Age::Known] {
            for _ in 0..usize::load(from)? {
                let key = K::load(from)?;
                let state = S::load(from)?;
                let (first, last) = Saved::load(from)?;
                if loaded.places.contains_key(&key) {
                    return Err(Damaged);
                }
                loaded.evict_for_one();
                let place = loaded.add(key, first);
                loaded.unlink(place);
                let slot = &mut loaded.slots[place as usize];
                (slot.state, slot.last, slot.age) = (state, last, age);
                loaded.link(place);
            }
        }
        loaded.evicted = loaded.evicted.saturating_add(u64::load(from)?);
        *self = loaded;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_hours(1);

    fn at(secs: u64) -> EventTime {
        EventTime::from_secs(secs)
    }

    #[test]
    fn a_loaded_table_goes_on_as_the_saved_one_would() {
        let mut table: Keyed<u32, u32> = Keyed::new(8, IDLE);
        for (key, secs) in [(1, 0), (2, 1), (3, 2), (1, 700), (4, 701), (2, 702), (5, 703)] {
            *table.entry(&key, at(secs)) += 1;
        }
        let mut bytes = Vec::new();
        table.save(&mut bytes);
        let mut other: Keyed<u32, u32> = Keyed::new(8, IDLE);
        other.load(&mut bytes.as_slice()).unwrap();
        for key in 6..20 {
            table.entry(&key, at(800));
            other.entry(&key, at(800));
        }
        let held = |table: &mut Keyed<u32, u32>| {
            (0..20).map(|key| table.get(&key, at(801)).copied()).collect::<Vec<_>>()
        };
        assert_eq!(held(&mut table), held(&mut other));
        assert_eq!(table.evicted(), other.evicted());
        for end in 0..bytes.len() {
            assert!(other.load(&mut &bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn the_longest_quiet_key_goes_first() {
        let mut table: Keyed<u32, u32> = Keyed::new(4, IDLE);
        for key in [1, 2, 3] {
            *table.entry(&key, at(u64::from(key))) = key;
        }
        table.entry(&1, at(4));
        table.entry(&9, at(5));
        assert_eq!((table.len(), table.evicted()), (3, 1));
        assert!(table.get(&2, at(6)).is_none());
        assert_eq!(table.get(&1, at(6)), Some(&mut 1));
    }

    #[test]
    fn a_flood_of_new_keys_leaves_known_ones() {
        let mut table: Keyed<u32, u32> = Keyed::new(1_000, IDLE);
        for key in 0..250 {
            table.entry(&key, at(0));
        }
        for key in 0..250 {
            *table.entry(&key, at(600)) = key;
        }
        for key in 1_000..1_001_000 {
            table.entry(&key, at(601));
        }
        assert_eq!(table.len(), 1_000);
        assert!((0..250).all(|key| table.get(&key, at(602)).is_some()));
        assert_eq!(table.evicted(), 1_000_000 - 750);
        assert!(table.slots.len() <= 1_000);
    }

    #[test]
    fn known_keys_give_way_to_new_ones_beyond_their_reserve() {
        let mut table: Keyed<u32, u32> = Keyed::new(8, IDLE);
        for now in [0, 600] {
            for key in 0..6 {
                table.entry(&key, at(now));
            }
        }
        for key in 10..14 {
            table.entry(&key, at(601));
        }
        assert_eq!((table.len(), table.evicted()), (8, 2));
        assert!(table.get(&0, at(602)).is_none());
        assert!(table.get(&5, at(602)).is_some());
    }

    #[test]
    fn idle_keys_are_forgotten_within_the_budget() {
        let mut table: Keyed<u32, Vec<u8>> = Keyed::new(100, IDLE);
        for key in 0..10 {
            table.entry(&key, at(0));
        }
        table.expire(at(3600), 100);
        assert_eq!(table.len(), 10);
        table.expire(at(3601), 4);
        assert_eq!(table.len(), 6);
        table.expire(at(3601), 100);
        assert!(table.is_empty());
        assert_eq!(table.evicted(), 0);
    }
}
