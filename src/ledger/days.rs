//! A calendar of use: calls, refusals and bytes of each of the last days, and sums over all of them.
//! It is given each call in order of time.
//! It promises `DAYS_MAX` days one by one, and that sums, days of use and the longest pause are exact beyond them.

use heelguard_detectors::saved::{Damaged, Saved, saved};
use heelguard_detectors::time::EventTime;
use std::collections::VecDeque;

/// Days that are kept one by one: thirteen weeks, so that an age of 90 days can be seen.
pub const DAYS_MAX: usize = 91;
const DAY_S: u64 = 86_400;

/// What happened on one day (UTC).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// All calls.
    pub calls: u32,
    /// Those that were refused.
    pub denied: u32,
    /// Bytes of request bodies.
    pub sent: u64,
    /// Bytes of answers' bodies.
    pub received: u64,
}

saved!(Day { calls, denied, sent, received });

/// The calendar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Days {
    /// The day of the first entry, in days since 1970.
    first: u64,
    days: VecDeque<Day>,
    /// Days with a call.
    pub active: u64,
    /// The most days in a row without one, between two calls.
    pub longest_pause: u64,
    /// Days without a call, between the first and the last.
    pub dormant: u64,
    /// All bytes of request bodies.
    pub sent: u64,
    /// All bytes of answers' bodies.
    pub received: u64,
}

impl Saved for Days {
    fn save(&self, out: &mut Vec<u8>) {
        (self.first, self.active, self.longest_pause, self.dormant).save(out);
        (self.sent, self.received).save(out);
        self.days.save(out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let (first, active, longest_pause, dormant) = Saved::load(from)?;
        let (sent, received) = Saved::load(from)?;
        let days: VecDeque<Day> = Saved::load(from)?;
        if days.len() > DAYS_MAX {
            return Err(Damaged);
        }
        Ok(Self { first, days, active, longest_pause, dormant, sent, received })
    }
}

impl Days {
    /// Takes in one call. What ends before the last day counts for the last day.
    pub fn note(&mut self, time: EventTime, is_denied: bool, sent: u64, received: u64) {
        let today = time.as_secs() / DAY_S;
        if self.days.is_empty() {
            (self.first, self.active) = (today, 1);
            self.add_day();
        }
        let passed = today.saturating_sub(self.last_day());
        if passed > 0 {
            self.active += 1;
            self.dormant += passed - 1;
            self.longest_pause = self.longest_pause.max(passed - 1);
            if passed >= DAYS_MAX as u64 {
                self.days.clear();
                self.first = today;
                self.add_day();
            } else {
                (0..passed).for_each(|_| self.add_day());
            }
        }
        self.sent = self.sent.saturating_add(sent);
        self.received = self.received.saturating_add(received);
        if let Some(day) = self.days.back_mut() {
            day.calls = day.calls.saturating_add(1);
            day.denied = day.denied.saturating_add(u32::from(is_denied));
            day.sent = day.sent.saturating_add(sent);
            day.received = day.received.saturating_add(received);
        }
    }

    /// The days that are kept, each with the moment it begins; days without a call among them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (EventTime, &Day)> + ExactSizeIterator {
        let first = self.first;
        self.days.iter().enumerate().map(move |(place, day)| {
            (EventTime::from_secs((first + place as u64).saturating_mul(DAY_S)), day)
        })
    }

    /// Days since the last call.
    pub fn idle(&self, now: EventTime) -> u64 {
        if self.days.is_empty() { 0 } else { (now.as_secs() / DAY_S).saturating_sub(self.last_day()) }
    }

    /// What it takes beside itself.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.days.capacity() * size_of::<Day>()
    }

    fn last_day(&self) -> u64 {
        self.first + (self.days.len() as u64).saturating_sub(1)
    }

    fn add_day(&mut self) {
        if self.days.len() == DAYS_MAX {
            self.days.pop_front();
            self.first += 1;
        }
        if self.days.len() == self.days.capacity() {
            // Most are met on one day, many on some; never more room than is ever needed.
            self.days.reserve_exact(self.days.len().clamp(1, DAYS_MAX - self.days.len()));
        }
        self.days.push_back(Day::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used_on(days: &[u64]) -> Days {
        let mut calendar = Days::default();
        for day in days {
            calendar.note(EventTime::from_secs(day * DAY_S + 7), false, 10, 100);
        }
        calendar
    }

    #[test]
    fn pauses_are_counted_between_two_calls() {
        let calendar = used_on(&[100, 100, 101, 105, 106]);
        assert_eq!((calendar.active, calendar.dormant, calendar.longest_pause), (4, 3, 3));
        assert_eq!((calendar.sent, calendar.received, calendar.iter().len()), (50, 500, 7));
        let calls: Vec<u32> = calendar.iter().map(|(_, day)| day.calls).collect();
        assert_eq!(calls, [2, 1, 0, 0, 0, 1, 1]);
        assert_eq!(calendar.idle(EventTime::from_secs(109 * DAY_S)), 3);
        assert_eq!(calendar.idle(EventTime::from_secs(3)), 0);
    }

    #[test]
    fn the_oldest_days_leave_one_by_one_and_the_sums_stay() {
        let days: Vec<u64> = (0..200).collect();
        let calendar = used_on(&days);
        assert_eq!((calendar.iter().len(), calendar.active, calendar.dormant), (DAYS_MAX, 200, 0));
        assert_eq!(calendar.iter().next().unwrap().0, EventTime::from_secs(109 * DAY_S));
        assert_eq!(calendar.heap_bytes(), DAYS_MAX * size_of::<Day>(), "no room that is never used");
        for pause in [89, 90, 91, 5_000] {
            let calendar = used_on(&[7, 7 + pause + 1]);
            assert_eq!((calendar.active, calendar.dormant, calendar.longest_pause), (2, pause, pause));
            assert!(calendar.iter().len() <= DAYS_MAX && calendar.iter().next_back().unwrap().1.calls == 1);
        }
    }

    #[test]
    fn what_comes_late_counts_for_the_last_day_and_the_end_of_time_is_taken() {
        let mut calendar = used_on(&[10, 8]);
        assert_eq!((calendar.active, calendar.iter().len()), (1, 1));
        calendar.note(EventTime::MAX, true, u64::MAX, u64::MAX);
        assert_eq!((calendar.active, calendar.received), (2, u64::MAX));
    }
}
