//! How well the sensor sees: bytes delivered and lost by the second, and keys that tables gave up.
//! It is given one second of packet time after the other, before the first transaction that ended later.
//! It promises bounded memory and the same shares for the same packets: a second counts by packet time alone.

use crate::saved::saved;
use crate::time::EventTime;
use std::collections::VecDeque;
use std::time::Duration;

/// Health is told by the second.
const SECOND: Duration = Duration::from_secs(1);
/// How far back a share can reach.
const KEPT: Duration = Duration::from_hours(1);
/// The share of a shorter span says little: one lost segment is much of one second.
const SPAN_MIN: Duration = Duration::from_mins(1);

/// One second of the sensor's life.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Bytes that reassembly delivered.
    pub delivered: u64,
    /// Bytes that it never saw.
    pub missing: u64,
    /// Keys given up since the start by tables outside the detectors: the table, the setting that bounds it, how many.
    pub evicted: Vec<(&'static str, &'static str, u64)>,
    /// What waits to be delivered, where something is to deliver to.
    pub spool: Option<Spool>,
}

/// Records that wait for the sinks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spool {
    /// How much of the room for them is used, in per cent.
    pub fill_pct: u32,
    /// Whom they wait for, with the count for each.
    pub sinks: Vec<(String, u64)>,
}

/// What a rule about the sensor itself looks at.
#[derive(Debug)]
pub struct Checkup<'a> {
    /// Until when.
    pub now: EventTime,
    /// Every table: its name, the setting that bounds it, keys given up since the start.
    pub evicted: &'a [(String, &'static str, u64)],
    /// What waits to be delivered.
    pub spool: Option<&'a Spool>,
}

/// Delivered and missing bytes of the last hour, by the second.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    /// The end of each second that saw bytes, with those delivered and those missing.
    seconds: VecDeque<(EventTime, u64, u64)>,
    /// Seconds that saw bytes, ever.
    watched: u64,
    until: EventTime,
}

saved!(Losses { seconds, watched, until });

/// Bytes of a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Delivered.
    pub delivered: u64,
    /// Missing.
    pub missing: u64,
}

impl Losses {
    /// Notes the second that ends at `end`; false if it is known already.
    pub(crate) fn note(&mut self, end: EventTime, health: &Health) -> bool {
        if end <= self.until {
            return false;
        }
        self.until = end;
        if health.delivered > 0 || health.missing > 0 {
            self.watched += 1;
            self.seconds.push_back((end, health.delivered, health.missing));
        }
        while self.seconds.front().is_some_and(|(second, ..)| end.since(*second) > KEPT) {
            self.seconds.pop_front();
        }
        true
    }

    /// What was delivered and lost from `first` until now: of one minute at least, of the last hour at most.
    pub fn since(&self, first: EventTime) -> Share {
        self.within(first.min(self.until.before(SPAN_MIN)), self.until)
    }

    /// When the first second that saw anything after `first` began.
    pub fn begun_after(&self, first: EventTime) -> EventTime {
        let seconds = self.seconds.iter().rev().map(|(second, ..)| *second);
        let second = seconds.take_while(|second| *second > first).last().unwrap_or(self.until);
        second.before(SECOND)
    }

    /// What was delivered and lost in the seconds that end after `first`, up to `last`.
    pub fn within(&self, first: EventTime, last: EventTime) -> Share {
        let span = self.seconds.iter().rev().skip_while(|(second, ..)| *second > last);
        let span = span.take_while(|(second, ..)| *second > first);
        span.fold(Share::default(), |share, (_, delivered, missing)| Share {
            delivered: share.delivered.saturating_add(*delivered),
            missing: share.missing.saturating_add(*missing),
        })
    }

    /// The end of the last second that was told.
    pub(crate) fn until(&self) -> EventTime {
        self.until
    }

    /// Seconds in which anything was seen, ever: time in which the sensor could have seen more.
    pub fn watched(&self) -> u64 {
        self.watched
    }
}

impl Share {
    /// The lost share in hundredths of a per cent, rounded down.
    pub fn lost_bp(self) -> u32 {
        let all = u128::from(self.delivered) + u128::from(self.missing);
        u32::try_from(u128::from(self.missing) * 10_000 / all.max(1)).unwrap_or(u32::MAX)
    }

    /// Whether more than this share is lost.
    pub fn exceeds_pct(self, percent: u32) -> bool {
        let all = u128::from(self.delivered) + u128::from(self.missing);
        u128::from(self.missing) * 100 > all * u128::from(percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> EventTime {
        EventTime::from_secs(secs)
    }

    fn told(seconds: &[(u64, u64, u64)]) -> Losses {
        let mut losses = Losses::default();
        for &(end, delivered, missing) in seconds {
            losses.note(at(end), &Health { delivered, missing, ..Health::default() });
        }
        losses
    }

    #[test]
    fn a_share_is_of_its_span_of_a_minute_at_least() {
        let losses = told(&[(1_000, 900, 100), (1_030, 1_000, 0), (1_080, 1_000, 0)]);
        assert_eq!(losses.since(at(1_075)), Share { delivered: 2_000, missing: 0 });
        assert_eq!(losses.since(at(999)), Share { delivered: 2_900, missing: 100 });
        assert_eq!(losses.since(at(999)).lost_bp(), 333);
        assert!(losses.since(at(999)).exceeds_pct(3) && !losses.since(at(999)).exceeds_pct(4));
        assert_eq!(Share::default().lost_bp(), 0);
    }

    #[test]
    fn a_second_counts_once_and_an_hour_is_kept() {
        let mut losses = told(&[(1, 5, 5), (2, 0, 0)]);
        assert!(!losses.note(at(2), &Health { delivered: 9, ..Health::default() }));
        assert_eq!((losses.watched(), losses.seconds.len()), (1, 1));
        assert!(losses.note(at(3_602), &Health { delivered: 9, ..Health::default() }));
        assert_eq!(losses.since(at(0)), Share { delivered: 9, missing: 0 });
    }
}
