//! How much work may be spent in a second of packet time: a token bucket.
//! It is given costs and times; what is left over is kept for one second.
//! It promises that a whole bucket pays for any one thing, and that first things may take next second's share.

use heelguard_detectors::saved::{Damaged, Saved};
use heelguard_detectors::time::EventTime;

/// A bucket that fills with time.
#[derive(Debug)]
pub(super) struct Budget {
    per_second: i64,
    level: i64,
    filled_at: EventTime,
}

impl Budget {
    pub(super) fn new(per_second: u32) -> Self {
        let per_second = i64::from(per_second);
        Self { per_second, level: per_second, filled_at: EventTime::ZERO }
    }

    /// Takes the cost, or nothing. `first`: a thing of its kind that was not seen before.
    pub(super) fn take(&mut self, cost: usize, first: bool, now: EventTime) -> bool {
        self.fill(now);
        let cost = i64::try_from(cost).unwrap_or(i64::MAX);
        let debt = if first { self.per_second } else { 0 };
        // What costs more than a second's share waits for a full bucket, and then overdraws it.
        let needed = cost.min(self.per_second);
        if self.level.saturating_add(debt) < needed {
            return false;
        }
        self.level = self.level.saturating_sub(cost);
        true
    }

    /// Appends what is left, and since when.
    pub(super) fn save(&self, out: &mut Vec<u8>) {
        (self.level, self.filled_at).save(out);
    }

    /// Goes on with what was left; never with more than a second's share.
    pub(super) fn load(&mut self, from: &mut &[u8]) -> Result<(), Damaged> {
        let (level, filled_at): (i64, _) = Saved::load(from)?;
        (self.level, self.filled_at) = (level.min(self.per_second), filled_at);
        Ok(())
    }

    fn fill(&mut self, now: EventTime) {
        let elapsed = now.since(self.filled_at).as_micros();
        let gained = elapsed.saturating_mul(self.per_second.unsigned_abs().into()) / 1_000_000;
        // Time that buys nothing yet goes on counting.
        if gained > 0 {
            let gained = i64::try_from(gained).unwrap_or(i64::MAX);
            self.level = self.level.saturating_add(gained).min(self.per_second);
            self.filled_at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> EventTime {
        EventTime::from_micros(1_000_000_000 + millis * 1000)
    }

    #[test]
    fn a_second_buys_its_share_and_no_more() {
        let mut budget = Budget::new(10);
        assert_eq!((0..20).filter(|_| budget.take(1, false, at(0))).count(), 10);
        assert_eq!((0..20).filter(|_| budget.take(1, false, at(500))).count(), 5);
        assert_eq!((0..20).filter(|_| budget.take(1, false, at(60_000))).count(), 10, "no more is saved up");
    }

    #[test]
    fn what_is_new_is_paid_in_advance_but_not_without_end() {
        let mut budget = Budget::new(10);
        assert_eq!((0..50).filter(|_| budget.take(1, false, at(0))).count(), 10);
        assert_eq!((0..50).filter(|_| budget.take(1, true, at(0))).count(), 10);
        assert!(!budget.take(1, false, at(900)), "the advance is paid back first");
        assert!(budget.take(1, false, at(1100)));
    }

    #[test]
    fn what_costs_more_than_a_second_waits_for_a_full_bucket() {
        let mut budget = Budget::new(10);
        assert!(budget.take(30, false, at(0)));
        assert!(!budget.take(30, false, at(2900)));
        assert!(budget.take(30, false, at(3100)));
    }

    #[test]
    fn time_that_goes_back_buys_nothing() {
        let mut budget = Budget::new(1);
        assert!(budget.take(1, false, at(5000)));
        assert!(!budget.take(1, false, at(0)));
    }
}
