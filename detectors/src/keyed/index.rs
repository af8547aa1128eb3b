//! Where a key's slot is: a place by the key's hash, in an open-addressed table of eight bytes an entry.
//! It is given hashes of a keyed hash function, which spread evenly, and asks its owner whether the key is the same.
//! It promises that growth never visits the whole table: it is many small ones, and each grows for itself.

/// Entries that one small table holds, about, when the index is as full as it may get.
const SEGMENT_KEYS: usize = 1024;
const SEGMENTS_MAX: usize = 4096;
/// Entries of a small table at first.
const ENTRIES_MIN: usize = 8;

/// Places by hash. Equal hashes are told apart by whoever asks.
#[derive(Debug)]
pub(super) struct Index {
    /// A power of two of them; which one is said by the upper half of the hash.
    segments: Vec<Segment>,
    len: usize,
}

#[derive(Clone, Debug, Default)]
struct Segment {
    /// The lower half of the hash above the place; a power of two of them, searched from the hash on.
    entries: Box<[Option<Entry>]>,
    len: usize,
}

/// The lower half of a hash, and a place plus one, so that an entry which is not there takes no room of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry(std::num::NonZeroU64);

impl Index {
    /// For about so many keys at most.
    pub(super) fn new(keys: usize) -> Self {
        let segments = (keys / SEGMENT_KEYS).clamp(1, SEGMENTS_MAX).next_power_of_two();
        Self { segments: vec![Segment::default(); segments], len: 0 }
    }

    /// Places held.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The place with this hash that `is_meant`.
    pub(super) fn find(&self, hash: u64, mut is_meant: impl FnMut(u32) -> bool) -> Option<u32> {
        let entries = &self.segments[self.segment(hash)].entries;
        let mut at = hash as usize;
        loop {
            // A table without entries has no place to look at; one with entries has always one free.
            let entry = (*entries.get(at & entries.len().wrapping_sub(1))?)?;
            if entry.tag() == hash as u32 && is_meant(entry.place()) {
                return Some(entry.place());
            }
            at = at.wrapping_add(1);
        }
    }

    /// Adds a place that is not there.
    pub(super) fn insert(&mut self, hash: u64, place: u32) {
        let segment = self.segment(hash);
        let segment = &mut self.segments[segment];
        if (segment.len + 1) * 4 > segment.entries.len() * 3 {
            segment.grow();
        }
        segment.put(Entry::new(hash as u32, place));
        segment.len += 1;
        self.len += 1;
    }

    /// Takes a place away, if it is there.
    pub(super) fn remove(&mut self, hash: u64, place: u32) {
        let segment = self.segment(hash);
        if self.segments[segment].take(Entry::new(hash as u32, place)) {
            self.len -= 1;
        }
    }

    fn segment(&self, hash: u64) -> usize {
        (hash >> 32) as usize & (self.segments.len() - 1)
    }
}

impl Segment {
    fn grow(&mut self) {
        let doubled = (self.entries.len() * 2).max(ENTRIES_MIN);
        let before = std::mem::replace(&mut self.entries, vec![None; doubled].into());
        before.into_iter().flatten().for_each(|entry| self.put(entry));
    }

    fn put(&mut self, entry: Entry) {
        let mask = self.entries.len() - 1;
        let mut at = entry.tag() as usize & mask;
        while self.entries[at].is_some() {
            at = (at + 1) & mask;
        }
        self.entries[at] = Some(entry);
    }

    /// Entries behind the one that goes move up, as far as that brings them nearer to where their search begins.
    fn take(&mut self, gone: Entry) -> bool {
        let mask = self.entries.len().wrapping_sub(1);
        let mut hole = gone.tag() as usize & mask;
        loop {
            match self.entries.get(hole) {
                Some(Some(entry)) if *entry == gone => break,
                Some(Some(_)) => hole = (hole + 1) & mask,
                _ => return false,
            }
        }
        let mut at = (hole + 1) & mask;
        while let Some(entry) = self.entries[at] {
            let from_begin = at.wrapping_sub(entry.tag() as usize) & mask;
            if from_begin >= at.wrapping_sub(hole) & mask {
                self.entries[hole] = Some(entry);
                hole = at;
            }
            at = (at + 1) & mask;
        }
        self.entries[hole] = None;
        self.len -= 1;
        true
    }
}

impl Entry {
    fn new(tag: u32, place: u32) -> Self {
        let place = u64::from(place).saturating_add(1);
        Self(std::num::NonZeroU64::MIN.saturating_add(place - 1) | u64::from(tag) << 32)
    }

    fn tag(self) -> u32 {
        (self.0.get() >> 32) as u32
    }

    fn place(self) -> u32 {
        (self.0.get() as u32).wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// Few different hashes, so that searches run into each other and around the end.
    #[test]
    fn it_holds_what_a_map_holds() {
        let (mut index, mut map) = (Index::new(3_000), HashMap::new());
        let mut random = 1_u64;
        for step in 0..60_000_u32 {
            random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            let key = (random >> 33) % 3_000;
            let hash = (key / 4 * 0x0001_0000_0003) ^ 0xFFFF_FFF0;
            if let Some(place) = map.remove(&key) {
                index.remove(hash, place);
            } else {
                map.insert(key, step);
                index.insert(hash, step);
            }
            assert_eq!(index.len(), map.len());
            let wanted = map.get(&key).copied();
            assert_eq!(index.find(hash, |place| Some(place) == wanted), wanted);
        }
        for (key, place) in map {
            let hash = (key / 4 * 0x0001_0000_0003) ^ 0xFFFF_FFF0;
            assert_eq!(index.find(hash, |found| found == place), Some(place));
            index.remove(hash, place);
            assert_eq!(index.find(hash, |found| found == place), None);
        }
        assert_eq!(index.len(), 0);
    }

    #[test]
    fn the_last_place_there_is_can_be_kept() {
        let mut index = Index::new(4);
        index.insert(u64::MAX, u32::MAX - 1);
        index.insert(0, 0);
        assert_eq!(index.find(u64::MAX, |_| true), Some(u32::MAX - 1));
        assert_eq!(index.find(0, |_| true), Some(0));
        index.remove(0, 1);
        assert_eq!(index.len(), 2);
    }

    #[test]
    fn growth_stays_small() {
        let mut index = Index::new(1_000_000);
        for place in 0..1_000_000_u32 {
            let hash = u64::from(place).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            index.insert(hash ^ hash >> 29, place);
        }
        let longest = index.segments.iter().map(|segment| segment.entries.len()).max();
        assert!(longest.is_some_and(|longest| longest <= 4 * SEGMENT_KEYS), "{longest:?}");
    }
}
