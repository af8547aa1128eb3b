//! What one account took on each of its latest days.
//! It is told each day when it is over, and gives the usual one.
//! It promises that one day never teaches more than the rule's own limit, and 14 days of memory.

use crate::saved::saved;
use std::collections::VecDeque;
use std::time::Duration;

pub(super) const DAY: Duration = Duration::from_hours(24);
/// Days with a read that are remembered.
const DAYS_MAX: usize = 14;

/// What was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Volume {
    pub(super) bytes: u64,
    pub(super) records: u64,
}

saved!(Volume { bytes, records });

impl Volume {
    pub(super) fn plus(self, more: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(more.bytes),
            records: self.records.saturating_add(more.records),
        }
    }
}

/// The latest days on which anything was taken, in order.
#[derive(Debug, Default)]
pub(super) struct Days {
    latest: VecDeque<Volume>,
}

saved!(Days { latest });

/// What is usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Habit {
    pub(super) usual: u64,
    /// It is the first of days of which none was below the one before.
    pub(super) is_rising: bool,
}

impl Days {
    /// Remembers a day, as so many median days at most; gives it as it is remembered.
    pub(super) fn learn(&mut self, day: Volume, times_max: u32) -> Volume {
        let capped = |taken: u64, measure: fn(Volume) -> u64| {
            let median = self.median(measure).filter(|&median| median > 0);
            median.map_or(taken, |median| taken.min(median.saturating_mul(u64::from(times_max))))
        };
        let day = Volume {
            bytes: capped(day.bytes, |volume| volume.bytes),
            records: capped(day.records, |volume| volume.records),
        };
        if self.latest.len() >= DAYS_MAX {
            self.latest.pop_front();
        }
        self.latest.push_back(day);
        day
    }

    /// The usual day by this measure, once so many are known.
    pub(super) fn habit(&self, measure: impl Fn(Volume) -> u64, days_min: u32) -> Option<Habit> {
        if self.latest.len() < days_min as usize {
            return None;
        }
        let first = self.latest.front().map(|day| measure(*day))?;
        let is_rising = self.latest.iter().map(|day| measure(*day)).is_sorted();
        let usual = if is_rising { first } else { self.median(measure)? };
        Some(Habit { usual, is_rising })
    }

    fn median(&self, measure: impl Fn(Volume) -> u64) -> Option<u64> {
        let mut days: Vec<u64> = self.latest.iter().map(|day| measure(*day)).collect();
        days.sort_unstable();
        days.get(days.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(records: &[u64]) -> Days {
        let mut days = Days::default();
        for &records in records {
            days.learn(Volume { bytes: 0, records }, 8);
        }
        days
    }

    fn usual(records: &[u64]) -> Option<(u64, bool)> {
        days(records).habit(|day| day.records, 3).map(|habit| (habit.usual, habit.is_rising))
    }

    #[test]
    fn the_median_unless_it_rises_all_the_time() {
        assert_eq!(usual(&[5, 4]), None);
        assert_eq!(usual(&[5, 9, 4]), Some((5, false)));
        assert_eq!(usual(&[4, 5, 9]), Some((4, true)));
        assert_eq!(usual(&[4, 4, 4]), Some((4, true)));
    }

    #[test]
    fn one_day_teaches_eight_times_the_median_at_most_and_two_weeks_are_kept() {
        assert_eq!(days(&[10, 12, 11, 900]).latest.back().unwrap().records, 88);
        assert_eq!(days(&[9; 30]).latest.len(), DAYS_MAX);
    }
}
