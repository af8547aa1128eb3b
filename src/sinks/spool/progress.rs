//! How far one sink has come in one lane, and the account that follows from it.
//! It is given what its reader holds, what is acknowledged, and what is given up to make room.
//! It promises that each record is counted once: as delivered, as lost, or as waiting.

use super::Reading;
use super::cursor::Mark;
#[cfg(any(test, feature = "seeded-bugs"))]
use super::fault::{self, Fault};
use super::lane::LaneState;
use std::ops::Range;

/// One sink's reading of a lane.
pub(super) struct ReaderState {
    pub(super) reading: Reading,
    /// All records before this one are delivered or lost.
    pub(super) position: u64,
    /// Records from `position` to here are in the reader's memory, or known to be missing.
    pub(super) held: u64,
    /// Records behind `held` that were given up and counted as lost; empty: none.
    pub(super) hole: Range<u64>,
    /// The end of the batch that must come again as it was; at or before `position`: none.
    pub(super) fixed_end: u64,
    /// No record before this one is wanted from the disk.
    pub(super) floor: u64,
    /// What the file says.
    pub(super) durable: Option<Mark>,
    /// Where this process began to count.
    pub(super) start: u64,
    pub(super) delivered: u64,
    pub(super) lost: u64,
    pub(super) corrupt: u64,
    /// When the oldest record not delivered was raised, as far as it was read.
    pub(super) oldest_ms: Option<u64>,
}

impl ReaderState {
    /// A sink that goes on from a mark. It is saved again at once: that it was read does not mean that it would be
    /// read after a power loss.
    pub(super) fn new(reading: Reading, mark: Mark) -> Self {
        let Mark { position, fixed_end, hole, floor } = mark;
        let mut reader = Self {
            reading,
            position,
            held: position,
            start: position + hole.end.saturating_sub(hole.start),
            hole,
            fixed_end,
            floor,
            durable: None,
            delivered: 0,
            lost: 0,
            corrupt: 0,
            oldest_ms: None,
        };
        reader.jump();
        reader
    }

    /// What is to be saved.
    pub(super) fn mark(&self) -> Mark {
        #[cfg(any(test, feature = "seeded-bugs"))]
        if fault::is(Fault::AckEarly) {
            return Mark::at(self.held);
        }
        let hole = if self.hole.is_empty() { self.position..self.position } else { self.hole.clone() };
        Mark {
            position: self.position,
            fixed_end: self.fixed_end.max(self.position),
            hole,
            floor: self.floor,
        }
    }

    /// Whether there is something to be saved.
    pub(super) fn is_dirty(&self) -> bool {
        self.durable.as_ref() != Some(&self.mark())
    }

    /// Where reading must stop for now.
    pub(super) fn stop(&self, visible: u64) -> u64 {
        let hole = if self.hole.is_empty() { u64::MAX } else { self.hole.start };
        let fixed = if self.fixed_end > self.position { self.fixed_end } else { u64::MAX };
        visible.min(hole).min(fixed)
    }

    /// All up to `end` is dealt with: so many delivered, so many missing, the others refused by the far side.
    pub(super) fn advance(&mut self, end: u64, delivered: u64, missing: u64) {
        let all = end.saturating_sub(self.position);
        self.delivered += delivered;
        self.corrupt += missing;
        self.lost += all.saturating_sub(delivered);
        self.position = end;
        self.held = self.held.max(end);
        self.floor = self.floor.max(end);
        self.jump();
    }

    /// The disk needs room: records before `end` that are not in memory are given up.
    pub(super) fn give_up(&mut self, end: u64) {
        let from = if self.hole.is_empty() { self.held } else { self.hole.end };
        if end > from {
            self.lost += end - from;
            self.hole = if self.hole.is_empty() { from..end } else { self.hole.start..end };
            // A batch that was to come again as it was ends where the hole begins.
            self.fixed_end = self.fixed_end.min(self.hole.start);
        }
        self.floor = self.floor.max(end);
        self.jump();
    }

    /// Goes over the hole when its edge is reached.
    fn jump(&mut self) {
        if !self.hole.is_empty() && self.position >= self.hole.start {
            self.position = self.position.max(self.hole.end);
            self.held = self.held.max(self.position);
            self.floor = self.floor.max(self.position);
            self.hole = self.position..self.position;
        }
    }

    /// The account of this process, in a lane as it is now.
    pub(super) fn account(&self, lane: &LaneState) -> Account {
        Account {
            queued: lane.next.saturating_sub(self.start) + lane.refused,
            delivered: self.delivered,
            spooled: self.spooled(lane.next),
            lost: self.lost + lane.refused,
            corrupt: self.corrupt,
            oldest_unsent_ms: self.oldest_ms,
        }
    }

    fn spooled(&self, next: u64) -> u64 {
        next.saturating_sub(self.position).saturating_sub(self.hole.end.saturating_sub(self.hole.start))
    }
}

/// One sink's account of a lane; queued = delivered + spooled + lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Records raised in this process, and those that waited when it began.
    pub queued: u64,
    /// Records the far side has.
    pub delivered: u64,
    /// Records that wait, here or on disk.
    pub spooled: u64,
    /// Records given up: no room, unreadable, or refused by the far side.
    pub lost: u64,
    /// Those of the lost that could not be read back.
    pub corrupt: u64,
    /// When the oldest record that waits was raised, in milliseconds since 1970; `None`: none was read yet.
    pub oldest_unsent_ms: Option<u64>,
}
