//! A bounded table of state by key, for keys that come from the wire.
//! When it is full a key that was quiet long goes, but a flood of new keys can only push out new keys:
//! a quarter of the room is kept for those known for ten minutes. It promises its limit and counts what it evicts.

mod index;
mod lookup;
mod slots;

use crate::saved::{Damaged, Saved};
use crate::shown::Entry;
use crate::time::EventTime;
use index::Index;
use slots::Slots;
use std::hash::Hash;
use std::time::Duration;

pub use lookup::{Hashed, Lookup, hash_of};

/// From this age on a key counts as known.
const KNOWN_AFTER_NS: u64 = 10 * 60 * 1_000_000_000;
/// No slot.
const NONE: u32 = u32::MAX;
/// Before a slot without a key stands this.
const FREE: u32 = NONE - 1;
/// Keys that were seen again since they were queued, and are queued anew before one goes after all.
const SPARED_MAX: usize = 8;
/// Look-ups that are remembered for whoever asks which keys a transaction was looked up under.
const RECENT: usize = 4;

/// State by key. Look-up only: there is no way to iterate, so hash order can reach no output.
#[derive(Debug)]
pub struct Keyed<K, S> {
    places: Index,
    slots: Slots<Slot<K, S>>,
    /// New keys and known keys, each in the order of being queued.
    queues: [Queue; 2],
    /// The latest look-ups, the latest first; a key may be there twice.
    recent: [u32; RECENT],
    limit: usize,
    idle: Duration,
    evicted: u64,
}

/// One key. To be seen again changes nothing but `last`: the queue learns of it when the key comes to its front.
#[derive(Debug)]
struct Slot<K, S> {
    key: K,
    /// When the key was last seen, and what that was when it was queued.
    last: EventTime,
    queued: EventTime,
    /// When a new key was first seen; `EventTime::MAX` for a known one.
    first: EventTime,
    before: u32,
    after: u32,
    state: S,
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
        let limit = limit.clamp(4, FREE as usize);
        Self {
            places: Index::new(limit),
            slots: Slots::default(),
            queues: [empty; 2],
            recent: [NONE; RECENT],
            limit,
            idle,
            evicted: 0,
        }
    }

    /// The key's state, made on first sight.
    pub fn entry(&mut self, key: impl Lookup<K>, now: EventTime) -> &mut S {
        let hash = key.hash();
        let place = match self.find(hash, &key) {
            Some(place) => place,
            None => self.meet(hash, key.make(), now),
        };
        self.seen(place, now)
    }

    /// As `entry`, for a key that is often the one of the latest look-up: that one is compared before it is hashed.
    pub fn entry_again(&mut self, key: impl Lookup<K>, now: EventTime) -> &mut S {
        let [latest, ..] = self.recent;
        if latest != NONE && key.is(&self.slots[latest].key) {
            return self.seen(latest, now);
        }
        self.entry(key, now)
    }

    /// The key's state, if there is one.
    #[expect(clippy::needless_pass_by_value, reason = "the same keys are given to `entry`, which keeps them")]
    pub fn get(&mut self, key: impl Lookup<K>, now: EventTime) -> Option<&mut S> {
        let place = self.find(key.hash(), &key)?;
        Some(self.seen(place, now))
    }

    /// Forgets keys that were quiet for longer than `idle`, looking at no more than `budget` of each age.
    pub fn expire(&mut self, now: EventTime, budget: usize) {
        for age in [Age::New, Age::Known] {
            for _ in 0..budget {
                let place = self.queues[age as usize].front;
                if place == NONE || now.since(self.slots[place].queued) <= self.idle {
                    break;
                }
                if now.since(self.slots[place].last) > self.idle {
                    self.remove(place);
                } else {
                    self.requeue(place);
                }
            }
        }
    }

    /// Keys held.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether no key is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keys given up because the table was full.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    fn find(&self, hash: u64, key: &impl Lookup<K>) -> Option<u32> {
        self.places.find(hash, |place| key.is(&self.slots[place].key))
    }

    /// Makes room for a new key and gives it a slot.
    #[cold]
    fn meet(&mut self, hash: u64, key: K, now: EventTime) -> u32 {
        self.expire(now, 1);
        self.evict_for_one();
        self.add(hash, key, now)
    }

    /// Notes that a key is seen now.
    fn seen(&mut self, place: u32, now: EventTime) -> &mut S {
        let [a, b, c, _] = self.recent;
        self.recent = [place, a, b, c];
        let slot = &mut self.slots[place];
        slot.last = slot.last.max(now);
        // A known key is never that old.
        if now.as_nanos().saturating_sub(slot.first.as_nanos()) >= KNOWN_AFTER_NS {
            self.make_known(place);
        }
        &mut self.slots[place].state
    }

    #[cold]
    fn make_known(&mut self, place: u32) {
        self.unlink(place);
        self.slots[place].first = EventTime::MAX;
        self.link(place);
    }

    fn evict_for_one(&mut self) {
        if let Some(age) = self.next_to_go(self.limit) {
            self.evict(age);
        }
    }

    /// Gives up so many keys, each as if what is held were all there is room for.
    pub fn shed(&mut self, keys: usize) {
        for _ in 0..keys {
            if let Some(age) = self.next_to_go(self.len()) {
                self.evict(age);
            }
        }
    }

    /// Of which age one goes before another key comes, if there is room for so many.
    fn next_to_go(&self, limit: usize) -> Option<Age> {
        let reserve = limit / 4;
        let [new, known] = self.queues;
        if new.len + reserve >= limit {
            Some(Age::New)
        } else if new.len + known.len >= limit {
            Some(if known.len > reserve { Age::Known } else { Age::New })
        } else {
            None
        }
    }

    /// The key at the front goes, unless it was seen since it was queued.
    fn evict(&mut self, age: Age) {
        for _ in 0..SPARED_MAX {
            let place = self.queues[age as usize].front;
            if place == NONE || self.slots[place].last == self.slots[place].queued {
                break;
            }
            self.requeue(place);
        }
        let place = self.queues[age as usize].front;
        if place != NONE {
            self.remove(place);
            self.evicted += 1;
        }
    }

    fn add(&mut self, hash: u64, key: K, now: EventTime) -> u32 {
        let state = S::default();
        let slot = Slot { key, last: now, queued: now, first: now, before: NONE, after: NONE, state };
        let place = self.slots.add(slot);
        self.places.insert(hash, place);
        self.link(place);
        place
    }

    fn remove(&mut self, place: u32) {
        self.unlink(place);
        self.recent.iter_mut().filter(|recent| **recent == place).for_each(|recent| *recent = NONE);
        self.places.remove(hash_of(&self.slots[place].key), place);
        self.give_back(place);
    }

    /// A slot is free for another key.
    fn give_back(&mut self, place: u32) {
        let slot = &mut self.slots[place];
        // What the state holds on the heap is given back now, not when the slot is used again.
        slot.state = S::default();
        slot.before = FREE;
        self.slots.free(place);
    }

    fn requeue(&mut self, place: u32) {
        self.unlink(place);
        self.link(place);
    }

    fn link(&mut self, place: u32) {
        let slot = &mut self.slots[place];
        let queue = &mut self.queues[slot.age() as usize];
        let back = std::mem::replace(&mut queue.back, place);
        queue.len += 1;
        (slot.before, slot.after, slot.queued) = (back, NONE, slot.last);
        if back == NONE {
            queue.front = place;
        } else {
            self.slots[back].after = place;
        }
    }

    fn unlink(&mut self, place: u32) {
        let slot = &self.slots[place];
        let (before, after) = (slot.before, slot.after);
        let queue = &mut self.queues[slot.age() as usize];
        queue.len -= 1;
        if before == NONE {
            queue.front = after;
        } else {
            self.slots[before].after = after;
        }
        if after == NONE {
            queue.back = before;
        } else {
            self.slots[after].before = before;
        }
    }
}

impl<K, S> Slot<K, S> {
    fn age(&self) -> Age {
        if self.first == EventTime::MAX { Age::Known } else { Age::New }
    }
}

impl<K: Hash + Eq + Clone + Saved, S: Default + Saved> Keyed<K, S> {
    /// Appends keys with their states in the order of their places, from this place on, until `out` is so long; says
    /// where to go on. Each call adds a number of keys and the keys; the last one adds none, and the count of evictions.
    pub fn save(&self, from: u32, out: &mut Vec<u8>, full_at: usize) -> Option<u32> {
        let head = out.len();
        0_u32.save(out);
        let (mut place, mut keys) = (from, 0_u32);
        while (place as usize) < self.slots.end() && (keys == 0 || out.len() < full_at) {
            if let Some(slot) = self.slots.get(place).filter(|slot| slot.before != FREE) {
                slot.key.save(out);
                slot.state.save(out);
                (slot.first, slot.last, slot.queued).save(out);
                keys += 1;
            }
            place += 1;
        }
        if let Some(count) = out.get_mut(head..head + size_of::<u32>()) {
            count.copy_from_slice(&keys.to_le_bytes());
        }
        if (place as usize) < self.slots.end() {
            return Some(place);
        }
        if keys > 0 {
            0_u32.save(out);
        }
        self.evicted.save(out);
        None
    }

    /// What was looked up at `at` and not since, the latest first.
    pub(crate) fn touched(&self, table: &'static str, at: EventTime) -> Vec<Entry> {
        let mut places: Vec<u32> = Vec::new();
        for place in self.recent.into_iter().filter(|&place| place != NONE) {
            if self.slots[place].last >= at && !places.contains(&place) {
                places.push(place);
            }
        }
        let slots = places.into_iter().map(|place| &self.slots[place]);
        slots.map(|slot| Entry { table, key: slot.key.shown(), state: slot.state.shown() }).collect()
    }

    /// Takes the place of what is held by what was saved; of more keys than there is room for now, those that were
    /// quiet long are left out and counted. Of a key that was met anew between two slices the older state is taken.
    pub fn load(&mut self, from: &mut &[u8]) -> Result<(), Damaged> {
        let mut loaded = Self::new(self.limit, self.idle);
        let mut order = [Vec::new(), Vec::new()];
        loop {
            let keys = u32::load(from)?;
            if keys == 0 {
                break;
            }
            for _ in 0..keys {
                let (key, state) = (K::load(from)?, S::load(from)?);
                let (first, last, queued) = Saved::load(from)?;
                let slot = Slot { key, last, queued, first, before: NONE, after: NONE, state };
                let age = slot.age();
                order[age as usize].push((queued, loaded.slots.add(slot)));
            }
        }
        for (queued, place) in order.iter_mut().flat_map(|places| {
            places.sort_unstable();
            places.iter().copied()
        }) {
            let key = &loaded.slots[place].key;
            let hash = hash_of(key);
            if loaded.find(hash, &key).is_some() {
                loaded.give_back(place);
                continue;
            }
            loaded.evict_for_one();
            loaded.places.insert(hash, place);
            loaded.link(place);
            loaded.slots[place].queued = queued;
        }
        loaded.evicted = loaded.evicted.saturating_add(u64::load(from)?);
        *self = loaded;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
