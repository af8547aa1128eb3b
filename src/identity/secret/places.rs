//! What a worker remembers of values that come again, found by the value and without holding it.
//! It is given what to hash and what to remember, and gives that back for the same value.
//! It promises bounded memory: a value can lie at each place of its set, so that only a full set forgets one.

use ahash::{AHasher, RandomState};
use std::hash::{BuildHasher, Hasher};

const PLACES: usize = 4;

/// Something remembered of each of many values. A value is told by a 128-bit hash under two random keys, made when
/// the process begins: nobody outside can make two values that are taken for each other.
pub(crate) struct Places<T> {
    hashers: [RandomState; 2],
    hashes: Vec<[u128; PLACES]>,
    /// What is remembered at each place of each set.
    kept: Vec<Option<T>>,
    /// Counts what was forgotten, and so goes round the places.
    turns: usize,
}

impl<T> Places<T> {
    /// With nothing remembered yet.
    pub(crate) fn new(sets: usize) -> Self {
        Self {
            hashers: [RandomState::new(), RandomState::new()],
            hashes: vec![[0; PLACES]; sets],
            kept: (0..sets * PLACES).map(|_| None).collect(),
            turns: 0,
        }
    }

    /// What stands for a value here.
    pub(crate) fn hash(&self, value: impl Fn(&mut AHasher)) -> u128 {
        let [high, low] = self.hashers.each_ref().map(|keys| {
            let mut hasher = keys.build_hasher();
            value(&mut hasher);
            hasher.finish()
        });
        u128::from(high) << 64 | u128::from(low)
    }

    /// What is remembered of a value.
    pub(crate) fn find(&self, hash: u128) -> Option<&T> {
        let set = self.set(hash);
        let place = self.hashes.get(set)?.iter().position(|known| *known == hash)?;
        self.kept.get(set * PLACES + place)?.as_ref()
    }

    /// Remembers something of a value that is not remembered.
    pub(crate) fn insert(&mut self, hash: u128, what: T) {
        let set = self.set(hash);
        let Some(places) = self.kept.get_mut(set * PLACES..(set + 1) * PLACES) else { return };
        let place = places.iter().position(Option::is_none).unwrap_or_else(|| {
            self.turns = self.turns.wrapping_add(1);
            self.turns % PLACES
        });
        let hashes = self.hashes.get_mut(set).and_then(|hashes| hashes.get_mut(place));
        if let (Some(kept), Some(slot)) = (places.get_mut(place), hashes) {
            (*kept, *slot) = (Some(what), hash);
        }
    }

    fn set(&self, hash: u128) -> usize {
        hash as usize % self.hashes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::Hash;

    #[test]
    fn a_full_set_forgets_one_and_no_value_is_taken_for_another() {
        let mut places = Places::new(2);
        for turn in 0..3 {
            for n in 0..100u32 {
                let hash = places.hash(|hasher| n.hash(hasher));
                match places.find(hash) {
                    Some(&known) => assert_eq!(known, n),
                    None => places.insert(hash, n),
                }
                assert_eq!(places.find(hash), Some(&n), "turn {turn}");
            }
        }
        assert_eq!(places.kept.iter().flatten().count(), 8);
    }
}
