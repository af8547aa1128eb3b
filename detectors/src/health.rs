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
    /// Of the delivered bytes, those of connections that begin with TLS and are not read.
    pub encrypted: u64,
    /// Bytes of QUIC, beside those delivered: none of them is read.
    pub quic: u64,
    /// What the kernel counted since it was last told; a file has no kernel.
    pub kernel: Kernel,
    /// How long the slowest alert in a hundred of the last minute took from its packet to the outputs, in
    /// milliseconds; a file has no such time.
    pub alert_p99_ms: Option<u64>,
    /// Keys given up since the start by tables outside the detectors: the table, the setting that bounds it, how many.
    pub evicted: Vec<(&'static str, &'static str, u64)>,
    /// What waits to be delivered, where something is to deliver to.
    pub spool: Option<Spool>,
}

/// Packets of all interfaces, as the kernel counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
    /// Those that came, dropped ones too.
    pub received: u64,
    /// Those that found no room in a ring.
    pub dropped: u64,
}

saved!(Kernel { received, dropped });

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
    /// How long the slowest alert in a hundred took lately, in milliseconds.
    pub alert_p99_ms: Option<u64>,
}

/// What was seen and lost in the last hour, by the second.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    /// The end of each second that saw or lost anything, with what it saw and lost.
    seconds: VecDeque<(EventTime, Seen)>,
    /// Seconds that saw bytes, ever.
    watched: u64,
    until: EventTime,
}

saved!(Losses { seconds, watched, until });

/// What a span saw and lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Bytes delivered.
    pub delivered: u64,
    /// Bytes missing.
    pub missing: u64,
    /// Bytes delivered that are encrypted.
    pub encrypted: u64,
    /// Bytes of QUIC.
    pub quic: u64,
    /// Packets that came to the kernel.
    pub received: u64,
    /// Packets that it dropped.
    pub dropped: u64,
}

saved!(Seen { delivered, missing, encrypted, quic, received, dropped });

/// A part of a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// The part.
    pub part: u64,
    /// All of it.
    pub whole: u64,
}

impl Losses {
    /// Notes the second that ends at `end`; false if it is known already.
    pub(crate) fn note(&mut self, end: EventTime, health: &Health) -> bool {
        if end <= self.until {
            return false;
        }
        self.until = end;
        self.watched += u64::from(health.delivered > 0 || health.missing > 0);
        let seen = Seen::of(health);
        if seen != Seen::default() {
            self.seconds.push_back((end, seen));
        }
        while self.seconds.front().is_some_and(|(second, _)| end.since(*second) > KEPT) {
            self.seconds.pop_front();
        }
        true
    }

    /// What was seen and lost from `first` until now: of one minute at least, of the last hour at most.
    pub fn since(&self, first: EventTime) -> Seen {
        self.within(first.min(self.until.before(SPAN_MIN)), self.until)
    }

    /// When the first second that saw anything after `first` began.
    pub fn begun_after(&self, first: EventTime) -> EventTime {
        let seconds = self.seconds.iter().rev().map(|(second, _)| *second);
        let second = seconds.take_while(|second| *second > first).last().unwrap_or(self.until);
        second.before(SECOND)
    }

    /// What was seen and lost in the seconds that end after `first`, up to `last`.
    pub fn within(&self, first: EventTime, last: EventTime) -> Seen {
        let span = self.seconds.iter().rev().skip_while(|(second, _)| *second > last);
        let span = span.take_while(|(second, _)| *second > first);
        span.fold(Seen::default(), |all, (_, seen)| all.plus(seen))
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

impl Seen {
    fn of(health: &Health) -> Self {
        let &Health { delivered, missing, encrypted, quic, kernel: Kernel { received, dropped }, .. } =
            health;
        Self { delivered, missing, encrypted, quic, received, dropped }
    }

    fn plus(self, other: &Self) -> Self {
        Self {
            delivered: self.delivered.saturating_add(other.delivered),
            missing: self.missing.saturating_add(other.missing),
            encrypted: self.encrypted.saturating_add(other.encrypted),
            quic: self.quic.saturating_add(other.quic),
            received: self.received.saturating_add(other.received),
            dropped: self.dropped.saturating_add(other.dropped),
        }
    }

    /// Bytes that were never seen, of all that TCP's numbers account for.
    pub fn lost(&self) -> Share {
        Share { part: self.missing, whole: self.delivered.saturating_add(self.missing) }
    }

    /// Packets that the kernel dropped, of all that came.
    pub fn dropped(&self) -> Share {
        Share { part: self.dropped, whole: self.received }
    }

    /// Bytes that cannot be read, of those that were delivered and of QUIC.
    pub fn encrypted(&self) -> Share {
        let all = |bytes: u64| bytes.saturating_add(self.quic);
        Share { part: all(self.encrypted), whole: all(self.delivered) }
    }

    /// The lost share in hundredths of a per cent. Bytes and dropped packets tell of one loss in two ways, and
    /// each is blind to some of it, so the larger counts.
    pub fn lost_bp(&self) -> u32 {
        self.lost().bp().max(self.dropped().bp())
    }
}

impl Share {
    /// In hundredths of a per cent, rounded down.
    pub fn bp(self) -> u32 {
        u32::try_from(u128::from(self.part) * 10_000 / u128::from(self.whole.max(1))).unwrap_or(u32::MAX)
    }

    /// In per cent, to two places.
    pub fn pct(self) -> f64 {
        f64::from(self.bp()) / 100.0
    }

    /// Whether it is more than this.
    pub fn exceeds_pct(self, percent: u32) -> bool {
        u128::from(self.part) * 100 > u128::from(self.whole) * u128::from(percent)
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
        assert_eq!(losses.since(at(1_075)).lost(), Share { part: 0, whole: 2_000 });
        assert_eq!(losses.since(at(999)).lost(), Share { part: 100, whole: 3_000 });
        assert_eq!(losses.since(at(999)).lost_bp(), 333);
        let lost = losses.since(at(999)).lost();
        assert!(lost.exceeds_pct(3) && !lost.exceeds_pct(4));
        assert_eq!(Share::default().bp(), 0);
    }

    #[test]
    fn a_second_counts_once_and_an_hour_is_kept() {
        let mut losses = told(&[(1, 5, 5), (2, 0, 0)]);
        assert!(!losses.note(at(2), &Health { delivered: 9, ..Health::default() }));
        assert_eq!((losses.watched(), losses.seconds.len()), (1, 1));
        assert!(losses.note(at(3_602), &Health { delivered: 9, ..Health::default() }));
        assert_eq!(losses.since(at(0)), Seen { delivered: 9, ..Seen::default() });
    }

    #[test]
    fn what_the_kernel_dropped_is_lost_too_and_no_time_in_which_anything_was_seen() {
        let mut losses = told(&[(1, 980, 20)]);
        let kernel = Kernel { received: 200, dropped: 10 };
        assert!(losses.note(at(2), &Health { kernel, ..Health::default() }));
        assert_eq!((losses.watched(), losses.seconds.len()), (1, 2));
        let seen = losses.since(at(0));
        assert_eq!((seen.lost().bp(), seen.dropped().bp(), seen.lost_bp()), (200, 500, 500));
    }
}
