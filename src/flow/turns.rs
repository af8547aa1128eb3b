//! Flows in the order in which they came to something: to holding bytes, to keeping much.
//! It is told when a flow comes to it and when that is over.
//! It promises the one that has been at it for longest; of a flow that is not, it takes no room.

use ahash::RandomState;
use std::collections::{BTreeMap, HashMap};

/// Those that are at it.
#[derive(Default)]
pub(super) struct Turns {
    in_order: BTreeMap<u64, u32>,
    turns: HashMap<u32, u64, RandomState>,
    ever: u64,
}

impl Turns {
    /// A flow comes to it, unless it is at it.
    pub(super) fn enter(&mut self, id: u32) {
        let turn = self.ever;
        if let std::collections::hash_map::Entry::Vacant(vacant) = self.turns.entry(id) {
            vacant.insert(turn);
            self.in_order.insert(turn, id);
            self.ever += 1;
        }
    }

    /// It is over for a flow, if it was at it.
    pub(super) fn leave(&mut self, id: u32) {
        if let Some(turn) = self.turns.remove(&id) {
            self.in_order.remove(&turn);
        }
    }

    /// Who has been at it for longest.
    pub(super) fn longest(&self) -> Option<u32> {
        self.in_order.first_key_value().map(|(_, &id)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_first_goes_first_and_comes_again_behind_the_others() {
        let mut turns = Turns::default();
        for id in [3, 1, 2, 3, 1] {
            turns.enter(id);
        }
        assert_eq!(turns.longest(), Some(3));
        turns.leave(3);
        turns.leave(3);
        assert_eq!(turns.longest(), Some(1));
        turns.enter(3);
        turns.leave(1);
        assert_eq!(turns.longest(), Some(2));
        turns.leave(2);
        turns.leave(3);
        assert_eq!((turns.longest(), turns.turns.len(), turns.in_order.len()), (None, 0, 0));
    }
}
