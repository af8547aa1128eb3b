//! The pace of one account: whether what it does comes as evenly as only a machine does it.
//! It is given one moment after the other, and keeps sums over the gaps between them.
//! It promises exact arithmetic, so that a limit is a limit; of a long run the older half weighs half.

use crate::saved::saved;
use crate::time::EventTime;
use std::time::Duration;

/// Gaps that are summed up; then all are halved.
const GAPS_MAX: u32 = 64;
/// A longer gap begins a new run: who logs in each morning at nine is even as well. No sum can overflow so.
const GAP_MAX: Duration = Duration::from_hours(1);

/// Events at about the same distance from each other.
#[derive(Debug, Default)]
pub(super) struct Run {
    last: Option<EventTime>,
    events: u32,
    gaps: u32,
    /// Gaps that led to another path.
    moves: u32,
    path: u64,
    /// Microseconds.
    sum: u64,
    /// Of microseconds.
    squares: u128,
}

saved!(Run { last, events, gaps, moves, path, sum, squares });

impl Run {
    /// Adds an event; a gap unlike those before, or over an hour, begins a new run. What has no path always counts as moving.
    pub(super) fn add(&mut self, now: EventTime, path: Option<u64>) {
        let before = self.last.replace(now);
        let moved = path != Some(self.path);
        self.path = path.unwrap_or(0);
        let gap = before.map(|before| now.since(before)).filter(|gap| *gap <= GAP_MAX);
        let gap_us = gap.map_or(0, |gap| gap.as_micros());
        if gap.is_none() || !self.is_like_mean(gap_us) {
            *self = Self { last: self.last, path: self.path, events: 1, ..Self::default() };
        }
        if gap.is_none() {
            return;
        }
        if self.gaps >= GAPS_MAX {
            (self.gaps, self.moves) = (self.gaps / 2, self.moves / 2);
            (self.sum, self.squares) = (self.sum / 2, self.squares / 2);
        }
        self.events = self.events.saturating_add(1);
        self.gaps += 1;
        self.moves += u32::from(moved);
        self.sum = self.sum.saturating_add(gap_us as u64);
        self.squares = self.squares.saturating_add(gap_us * gap_us);
    }

    /// So many events, most of them somewhere else, at gaps whose variation is below so many per cent.
    pub(super) fn is_machines(&self, events: u32, variation_pct: u32) -> bool {
        if self.events < events.max(3) || self.moves * 2 < self.gaps {
            return false;
        }
        let (spread, sum) = self.spread();
        let limit = u128::from(variation_pct.min(100));
        spread * 10_000 < limit * limit * sum * sum
    }

    /// Events of the run.
    pub(super) fn events(&self) -> u32 {
        self.events
    }

    /// The mean gap in seconds.
    pub(super) fn mean_gap_s(&self) -> f64 {
        self.sum as f64 / f64::from(self.gaps.max(1)) / 1e6
    }

    /// The gaps' standard deviation in per cent of their mean.
    pub(super) fn variation_pct(&self) -> f64 {
        let (spread, sum) = self.spread();
        (spread as f64).sqrt() / (sum as f64).max(1.0) * 100.0
    }

    /// Variance and mean, each times what makes them whole: n² times the one, n times the other.
    fn spread(&self) -> (u128, u128) {
        let sum = u128::from(self.sum);
        ((u128::from(self.gaps) * self.squares).saturating_sub(sum * sum), sum)
    }

    /// Whether the gap is within half of the mean so far.
    fn is_like_mean(&self, gap: u128) -> bool {
        let sum = u128::from(self.sum);
        (gap * u128::from(self.gaps)).abs_diff(sum) * 2 <= sum
    }
}
