//! Slots that never move: a list in pieces, so that it grows without being copied, and whose pieces go when nothing is in
//! them any more. It is given values and gives places, which are numbers; a place that was freed is given again.
//! It promises that adding a value costs at most the making of one piece, and that a table which shrank gives room back:
//! what was added together mostly goes together.

use std::ops::{Index, IndexMut};

/// Slots in a piece.
const PIECE: usize = 1 << PIECE_BITS;
const PIECE_BITS: u32 = 10;

/// A list in pieces. A place that was not given out is a fault of the program.
#[derive(Debug)]
pub(super) struct Slots<T> {
    pieces: Vec<Piece<T>>,
    /// Pieces with room; the last is the next to be filled.
    roomy: Vec<u32>,
}

#[derive(Debug)]
struct Piece<T> {
    slots: Vec<T>,
    /// Places of it whose value is of no use any more.
    free: Vec<u16>,
}

impl<T> Piece<T> {
    fn is_full(&self) -> bool {
        self.free.is_empty() && self.slots.len() == PIECE
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { pieces: Vec::new(), roomy: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// One more than the last place there may be.
    pub(super) fn end(&self) -> usize {
        self.pieces.len() * PIECE
    }

    /// What stands at a place, in use or free.
    pub(super) fn get(&self, place: u32) -> Option<&T> {
        self.pieces.get((place >> PIECE_BITS) as usize)?.slots.get(place as usize % PIECE)
    }

    /// Puts a value in and says its place.
    pub(super) fn add(&mut self, value: T) -> u32 {
        let number = self.roomy.last().copied().unwrap_or_else(|| {
            // The first piece of a table that stays small stays small.
            let room = if self.pieces.is_empty() { 0 } else { PIECE };
            self.pieces.push(Piece { slots: Vec::with_capacity(room), free: Vec::new() });
            let number = (self.pieces.len() - 1) as u32;
            self.roomy.push(number);
            number
        });
        let piece = &mut self.pieces[number as usize];
        let place = if let Some(place) = piece.free.pop() {
            piece.slots[usize::from(place)] = value;
            place
        } else {
            piece.slots.push(value);
            (piece.slots.len() - 1) as u16
        };
        if piece.is_full() {
            self.roomy.pop();
        }
        number << PIECE_BITS | u32::from(place)
    }

    /// Frees a place. Its value goes when the place, or none of its piece, is used again.
    pub(super) fn free(&mut self, place: u32) {
        let number = place >> PIECE_BITS;
        let piece = &mut self.pieces[number as usize];
        if piece.is_full() {
            self.roomy.push(number);
        }
        piece.free.push((place as usize % PIECE) as u16);
        if piece.free.len() == piece.slots.len() {
            *piece = Piece { slots: Vec::new(), free: Vec::new() };
        }
    }

    /// Slots that memory is taken for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.pieces.iter().map(|piece| piece.slots.capacity()).sum()
    }
}

impl<T> Index<u32> for Slots<T> {
    type Output = T;

    fn index(&self, place: u32) -> &T {
        &self.pieces[(place >> PIECE_BITS) as usize].slots[place as usize % PIECE]
    }
}

impl<T> IndexMut<u32> for Slots<T> {
    fn index_mut(&mut self, place: u32) -> &mut T {
        &mut self.pieces[(place >> PIECE_BITS) as usize].slots[place as usize % PIECE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_keeps_its_place() {
        let mut slots = Slots::default();
        for number in 0..=3 * PIECE as u32 {
            assert_eq!(slots.add(number), number);
        }
        slots[PIECE as u32] = 7;
        assert_eq!((slots[0], slots[PIECE as u32], slots[3 * PIECE as u32]), (0, 7, 3 * PIECE as u32));
    }

    #[test]
    fn a_freed_place_is_given_again_before_the_list_grows() {
        let mut slots = Slots::default();
        for number in 0..2 * PIECE as u32 {
            slots.add(number);
        }
        for place in [3, PIECE as u32 + 5, 4] {
            slots.free(place);
        }
        let mut given = [slots.add(0), slots.add(0), slots.add(0)];
        given.sort_unstable();
        assert_eq!((given, slots.add(0)), ([3, 4, PIECE as u32 + 5], 2 * PIECE as u32));
    }

    #[test]
    fn pieces_without_a_value_take_no_memory_and_are_used_again() {
        let mut slots = Slots::default();
        let many = 8 * PIECE as u32;
        (0..many).for_each(|number| _ = slots.add(number));
        // One value in the third piece stays.
        let stays = 2 * PIECE as u32 + 9;
        (0..many).filter(|place| *place != stays).for_each(|place| slots.free(place));
        assert_eq!((slots.capacity(), slots[stays]), (PIECE, stays));
        let mut given: Vec<u32> = (1..many).map(|number| slots.add(number)).collect();
        given.push(stays);
        given.sort_unstable();
        assert_eq!(given, (0..many).collect::<Vec<_>>(), "and no place is given twice");
        assert_eq!(slots.end(), many as usize);
    }
}
