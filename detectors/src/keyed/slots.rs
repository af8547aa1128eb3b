//! Slots that never move: a list in pieces, so that it grows without being copied.
//! It is given values one after the other and gives places, which are numbers from zero.
//! It promises that adding a value costs at most the copy of one piece.

use std::ops::{Index, IndexMut};

/// Slots in a piece.
const PIECE: usize = 1 << PIECE_BITS;
const PIECE_BITS: u32 = 10;

/// A list in pieces. A place that was not given out is a fault of the program.
#[derive(Debug)]
pub(super) struct Slots<T>(Vec<Vec<T>>);

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Slots<T> {
    /// Slots there are.
    pub(super) fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * PIECE + last.len())
    }

    /// Adds a slot and says its place.
    pub(super) fn push(&mut self, slot: T) -> u32 {
        let place = self.len();
        match self.0.last_mut() {
            Some(last) if last.len() < PIECE => last.push(slot),
            // The first piece of a table that stays small stays small.
            None => self.0.push(vec![slot]),
            Some(_) => {
                let mut piece = Vec::with_capacity(PIECE);
                piece.push(slot);
                self.0.push(piece);
            }
        }
        place as u32
    }
}

impl<T> Index<u32> for Slots<T> {
    type Output = T;

    fn index(&self, place: u32) -> &T {
        &self.0[(place >> PIECE_BITS) as usize][place as usize % PIECE]
    }
}

impl<T> IndexMut<u32> for Slots<T> {
    fn index_mut(&mut self, place: u32) -> &mut T {
        &mut self.0[(place >> PIECE_BITS) as usize][place as usize % PIECE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_keeps_its_place() {
        let mut slots = Slots::default();
        for number in 0..=3 * PIECE as u32 {
            assert_eq!(slots.len(), number as usize);
            assert_eq!(slots.push(number), number);
        }
        slots[PIECE as u32] = 7;
        assert_eq!((slots[0], slots[PIECE as u32], slots[3 * PIECE as u32]), (0, 7, 3 * PIECE as u32));
    }
}
