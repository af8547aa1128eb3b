//! How much the handlers of all flows keep of messages that are not whole, or wait for their answers.
//! It is told what each flow keeps whenever that may have changed; what an ordinary request takes is not counted.
//! It promises the exact sum of the rest, and of those who keep much the one that has done so for longest.

use ahash::RandomState;
use std::collections::{BTreeMap, HashMap};

/// Less than this counts as nothing: flows that keep so little are bounded by their number.
const LITTLE_BYTES: usize = 1_024;
/// From here on a flow keeps much: an ordinary request is shorter.
const MUCH_BYTES: usize = 4_096;

/// The sum, and who keeps what.
#[derive(Default)]
pub(super) struct Keepers {
    pub(super) bytes: usize,
    /// A bit for each flow, set while it is in `kept`: nearly none is, and to learn so must cost nothing.
    keeps: Vec<u64>,
    kept: HashMap<u32, Kept, RandomState>,
    /// In the order in which it became much.
    much: BTreeMap<u64, u32>,
    ever: u64,
}

/// What one flow keeps.
#[derive(Clone, Copy, Default)]
struct Kept {
    bytes: usize,
    /// Its entry among those who keep much.
    place: Option<u64>,
}

impl Keepers {
    /// The flow with this number keeps so many bytes now; whether the sum has grown.
    pub(super) fn note(&mut self, id: u32, bytes: usize) -> bool {
        if bytes < LITTLE_BYTES {
            self.leave(id);
            return false;
        }
        let (word, bit) = place_of(id);
        self.keeps.resize(self.keeps.len().max(word + 1), 0);
        if let Some(word) = self.keeps.get_mut(word) {
            *word |= bit;
        }
        let kept = self.kept.entry(id).or_default();
        let before = std::mem::replace(&mut kept.bytes, bytes);
        self.bytes = self.bytes - before + bytes;
        match kept.place {
            None if bytes >= MUCH_BYTES => {
                self.ever += 1;
                kept.place = Some(self.ever);
                self.much.insert(self.ever, id);
            }
            Some(place) if bytes < MUCH_BYTES => {
                kept.place = None;
                self.much.remove(&place);
            }
            _ => {}
        }
        bytes > before
    }

    /// A flow keeps nothing any more, or is over.
    pub(super) fn leave(&mut self, id: u32) {
        let (word, bit) = place_of(id);
        match self.keeps.get_mut(word) {
            Some(word) if *word & bit != 0 => *word &= !bit,
            _ => return,
        }
        let Some(kept) = self.kept.remove(&id) else { return };
        self.bytes -= kept.bytes;
        if let Some(place) = kept.place {
            self.much.remove(&place);
        }
    }

    /// The flow that has kept much for longest.
    pub(super) fn longest(&self) -> Option<u32> {
        self.much.first_key_value().map(|(_, &id)| id)
    }
}

/// The word of a flow's bit, and the bit.
fn place_of(id: u32) -> (usize, u64) {
    (id as usize / 64, 1 << (id % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_exact_and_the_longest_goes_first() {
        let mut keepers = Keepers::default();
        for (id, bytes) in [(0, 2_000), (1, 5_000), (2, 4_096), (1, 9_000), (2, 4_095), (0, 8_000)] {
            keepers.note(id, bytes);
        }
        assert_eq!((keepers.bytes, keepers.longest()), (21_095, Some(1)));
        keepers.leave(1);
        assert_eq!((keepers.bytes, keepers.longest()), (12_095, Some(0)));
        keepers.note(0, 1_023);
        assert_eq!((keepers.bytes, keepers.longest()), (4_095, None));
        keepers.leave(2);
        assert_eq!((keepers.bytes, keepers.longest(), keepers.kept.len()), (0, None, 0));
    }
}
