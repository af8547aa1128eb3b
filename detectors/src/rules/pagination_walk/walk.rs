//! One caller's way through one list.
//! It is given the positions asked for, in order, and says which of them are steps.
//! It promises a few numbers of memory, however long the way, and that a restart loses no step.

use super::depths::class;
use crate::detector::Samples;
use crate::position::Position;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::Transaction;
use std::ops::Range;
use std::time::Duration;

/// A gap may be so many times the usual one, or that part of it.
const GAP_TIMES: u64 = 4;
/// Pages that come late lie behind by so many usual gaps at most.
const LATE_GAPS: u64 = 8;
/// Latest cursors that are remembered; one of them again is no step.
const CURSORS: usize = 4;

/// One caller's way through one list.
#[derive(Debug, Default)]
pub(super) struct Walk {
    steps: u32,
    first: EventTime,
    last: EventTime,
    /// The first number of the walk, and the farthest.
    from: u64,
    at: Option<u64>,
    is_downward: bool,
    /// The gaps of this walk, added up, and how many.
    gaps: (u64, u64),
    /// The latest cursors: their marks mean nothing to another process.
    cursors: [u64; CURSORS],
    records: u64,
    fresh: u64,
    /// Classes of depth that the route knows of.
    reached: u8,
    /// Steps of the longest walk that was told, and whether this one was.
    told: u32,
    is_told: bool,
    pub(super) samples: Samples,
}

saved!(Walk {
    steps, first, last, from, at, is_downward, gaps, records, fresh, reached, told, is_told, samples
} fresh { cursors });

/// What a position is to the walk so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    On,
    /// The same again, or one that comes late.
    Nothing,
    Elsewhere,
}

impl Walk {
    /// Notes a position; whether it was a step.
    pub(super) fn goes_on(&mut self, position: Position, tx: &Transaction, pause: Duration) -> bool {
        let step = match position {
            _ if self.steps == 0 || tx.end.since(self.last) > pause => Step::Elsewhere,
            Position::Number(number) => self.number(number),
            Position::Cursor(mark) => self.cursor(mark),
        };
        match step {
            Step::Nothing => return false,
            Step::On => {}
            Step::Elsewhere => self.begin(position, tx.end),
        }
        self.steps = self.steps.saturating_add(1);
        self.fresh = self.fresh.saturating_add(1);
        self.last = tx.end.max(self.last);
        let items = tx.response.as_ref().and_then(|response| response.items);
        self.records = self.records.saturating_add(u64::from(items.unwrap_or(0)));
        self.samples.push(tx, "a step");
        true
    }

    fn begin(&mut self, position: Position, now: EventTime) {
        let (reached, told) = (self.reached, self.told);
        let (at, cursors) = match position {
            Position::Number(number) => (Some(number), [0; CURSORS]),
            Position::Cursor(mark) => (None, [mark, 0, 0, 0]),
        };
        let from = at.unwrap_or(0);
        *self = Self { first: now, last: now, from, at, cursors, reached, told, ..Self::default() };
    }

    fn number(&mut self, number: u64) -> Step {
        let Some(at) = self.at else { return Step::Elsewhere };
        let gap = number.abs_diff(at);
        let is_down = number < at;
        let (sum, count) = self.gaps;
        let Some(usual) = sum.checked_div(count) else {
            if gap == 0 {
                return Step::Nothing;
            }
            return self.first_step_to(number, is_down);
        };
        let is_beyond_start = if self.is_downward { number > self.from } else { number < self.from };
        match gap {
            0 => Step::Nothing,
            // Of requests side by side the later ones may be answered first: which way it goes shows in a while.
            _ if is_beyond_start && count < LATE_GAPS => self.first_step_to(number, is_down),
            _ if is_down != self.is_downward && gap <= usual.saturating_mul(LATE_GAPS) => Step::Nothing,
            _ if is_down != self.is_downward => Step::Elsewhere,
            _ if gap > usual.saturating_mul(GAP_TIMES) || gap.saturating_mul(GAP_TIMES) < usual => {
                Step::Elsewhere
            }
            _ => self.step_to(number, gap),
        }
    }

    fn first_step_to(&mut self, number: u64, is_down: bool) -> Step {
        (self.is_downward, self.gaps) = (is_down, (0, 0));
        self.step_to(number, number.abs_diff(self.from))
    }

    fn step_to(&mut self, number: u64, gap: u64) -> Step {
        let (sum, count) = self.gaps;
        self.gaps = (sum.saturating_add(gap), count.saturating_add(1));
        self.at = Some(number);
        Step::On
    }

    fn cursor(&mut self, mark: u64) -> Step {
        if self.at.is_some() || self.cursors.contains(&mark) {
            return Step::Elsewhere;
        }
        let [a, b, c, _] = self.cursors;
        self.cursors = [mark, a, b, c];
        Step::On
    }

    /// Steps in a row.
    pub(super) fn steps(&self) -> u32 {
        self.steps
    }

    /// When the walk began.
    pub(super) fn first(&self) -> EventTime {
        self.first
    }

    /// Records that the answers held.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Classes of depth that this caller reached just now.
    pub(super) fn newly_reached(&mut self) -> Range<u8> {
        let (from, until) = (self.reached, class(self.steps) + 1);
        self.reached = until.max(from);
        from..until
    }

    /// Whether it is told already that this caller goes so far.
    pub(super) fn is_news(&self) -> bool {
        self.is_told || self.steps > self.told.saturating_mul(2)
    }

    /// It is told; gives the steps since it was told last.
    pub(super) fn tell(&mut self) -> u64 {
        self.is_told = true;
        self.told = self.told.max(self.steps);
        std::mem::take(&mut self.fresh)
    }
}
