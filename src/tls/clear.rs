//! What became readable of a connection, on its way to the layer above.
//! It is given clear bytes and losses in order, and gives them back in that order.
//! It promises one buffer for all connections of a shard.

use crate::flow::Direction;
use heelguard_detectors::time::EventTime;
use std::ops::Range;

/// Clear bytes and losses, in order.
#[derive(Debug, Default)]
pub struct Clear {
    bytes: Vec<u8>,
    pieces: Vec<(Direction, EventTime, What)>,
}

#[derive(Clone, Debug)]
enum What {
    Bytes(Range<usize>),
    Gap(u64),
}

/// What became readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside<'a> {
    /// The next bytes of a direction.
    Bytes(&'a [u8]),
    /// Bytes that were lost, about so many.
    Gap(u64),
}

impl Clear {
    /// Whether nothing became readable.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Direction, time and content of each piece, in order.
    pub fn pieces(&self) -> impl Iterator<Item = (Direction, EventTime, Inside<'_>)> {
        self.pieces.iter().map(|(direction, at, what)| {
            let inside = match what {
                What::Bytes(range) => Inside::Bytes(self.bytes.get(range.clone()).unwrap_or(&[])),
                What::Gap(missing) => Inside::Gap(*missing),
            };
            (*direction, *at, inside)
        })
    }

    /// Forgets everything but the memory it took.
    #[must_use]
    pub fn emptied(mut self) -> Self {
        self.bytes.clear();
        self.pieces.clear();
        self
    }

    pub(super) fn bytes(&mut self, direction: Direction, at: EventTime, bytes: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.pieces.push((direction, at, What::Bytes(start..self.bytes.len())));
    }

    pub(super) fn gap(&mut self, direction: Direction, at: EventTime, missing: u64) {
        self.pieces.push((direction, at, What::Gap(missing)));
    }
}
