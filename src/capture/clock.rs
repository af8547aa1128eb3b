//! Packet times made monotone.
//! It is given times as a capture file tells them and gives times that never go back.
//! It promises that one broken timestamp cannot move time, and that a changed clock goes on with its own differences.

use heelguard_detectors::time::EventTime;

/// Packets of several interfaces may be this far out of order; they get the latest time.
const DISORDER_NANOS_MAX: u64 = 2_000_000_000;

/// A longer jump ahead is believed only when the packets after it agree.
const JUMP_NANOS_MAX: u64 = 31 * 24 * 3600 * 1_000_000_000;

/// So many packets in a row must agree.
const WITNESSES: u8 = 3;

/// Clocks that may be interleaved in one file: the true one, and those that were set back.
const BASES: usize = 4;

/// The clock of one capture file.
#[derive(Debug, Default)]
pub(super) struct Clock {
    last: Option<u64>,
    /// What is added to a packet's time, one entry for each clock met; the first is always zero.
    /// Of those that do not lead back, the smallest is taken: time stays as near to the packets' as it can.
    bases: [u64; BASES],
    /// The one that led to the last time.
    base_in_use: u64,
    /// The entry to be replaced next, less one.
    replace: usize,
    ahead: Option<Ahead>,
}

/// Packets that claim a time far ahead.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    raw: u64,
    witnesses: u8,
}

/// A packet's place on the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) time: EventTime,
    /// The time jumped, and what was made of it is a guess.
    pub(super) anomalous: bool,
}

impl Clock {
    /// The time of the next packet, given in nanoseconds since 1970.
    #[inline]
    pub(super) fn stamp(&mut self, raw: u64) -> Stamp {
        let last = self.last.unwrap_or(raw);
        if raw >= last && raw - last <= JUMP_NANOS_MAX {
            self.ahead = None;
            self.base_in_use = 0;
            return self.at(raw, false);
        }
        self.stamp_odd(raw, last)
    }

    fn at(&mut self, nanos: u64, anomalous: bool) -> Stamp {
        self.last = Some(nanos);
        Stamp { time: EventTime::from_nanos(nanos), anomalous }
    }

    #[cold]
    fn stamp_odd(&mut self, raw: u64, last: u64) -> Stamp {
        let leads_on = |base: &u64| raw.saturating_add(*base) >= last.saturating_sub(DISORDER_NANOS_MAX);
        let Some(base) = self.bases.into_iter().filter(leads_on).min() else {
            return self.set_back(raw, last);
        };
        let time = raw.saturating_add(base);
        if time <= last.saturating_add(JUMP_NANOS_MAX) {
            self.ahead = None;
            // A clock that was set back and runs on is no news; the step back was.
            let stepped_back = base != 0 && base != self.base_in_use;
            self.base_in_use = base;
            return self.at(time.max(last), stepped_back);
        }
        let witnesses = match self.ahead {
            Some(earlier) if agree(earlier.raw, raw) => earlier.witnesses + 1,
            _ => 1,
        };
        if witnesses < WITNESSES {
            self.ahead = Some(Ahead { raw, witnesses });
            return self.at(last, true);
        }
        self.ahead = None;
        if raw >= last { self.at(raw, true) } else { self.set_back(raw, last) }
    }

    /// The clock now tells an earlier time: what it tells from here on is added to the last time.
    fn set_back(&mut self, raw: u64, last: u64) -> Stamp {
        self.ahead = None;
        self.base_in_use = last - raw;
        if let Some(base) = self.bases.get_mut(1 + self.replace) {
            *base = self.base_in_use;
        }
        self.replace = (self.replace + 1) % (BASES - 1);
        self.at(last, true)
    }
}

fn agree(earlier: u64, later: u64) -> bool {
    later >= earlier.saturating_sub(DISORDER_NANOS_MAX) && later <= earlier.saturating_add(JUMP_NANOS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3600;
    const YEAR: u64 = 365 * DAY;
    const NOW: u64 = 56 * YEAR;

    /// Times in seconds in, times in seconds and the number of anomalies out.
    fn check(raw: &[u64], expected: &[u64], anomalies: usize) {
        let mut clock = Clock::default();
        let stamps: Vec<_> = raw.iter().map(|&secs| clock.stamp(secs * 1_000_000_000)).collect();
        let times: Vec<_> = stamps.iter().map(|stamp| stamp.time.as_secs()).collect();
        assert_eq!(times, expected, "for {raw:?}");
        assert_eq!(stamps.iter().filter(|stamp| stamp.anomalous).count(), anomalies, "for {raw:?}");
    }

    #[test]
    fn an_ordinary_clock_is_believed() {
        check(&[NOW, NOW + 1, NOW + 1, NOW + 30 * DAY], &[NOW, NOW + 1, NOW + 1, NOW + 30 * DAY], 0);
    }

    #[test]
    fn interfaces_out_of_order_by_two_seconds_are_clamped_and_by_thirty_are_an_anomaly() {
        check(&[NOW, NOW - 2, NOW + 1], &[NOW, NOW, NOW + 1], 0);
        check(&[NOW, NOW - 30, NOW - 29, NOW - 25], &[NOW, NOW, NOW + 1, NOW + 5], 1);
    }

    #[test]
    fn one_packet_of_1970_moves_nothing() {
        check(&[NOW, 0, NOW + 1, NOW + 2], &[NOW, NOW, NOW + 1, NOW + 2], 1);
    }

    #[test]
    fn a_clock_reset_to_1970_goes_on_with_its_own_differences_and_returns() {
        check(&[NOW, 0, 5, 9, NOW + 20], &[NOW, NOW, NOW + 5, NOW + 9, NOW + 20], 1);
    }

    #[test]
    fn one_packet_ten_years_ahead_moves_nothing() {
        check(&[NOW, NOW + 10 * YEAR, NOW + 1], &[NOW, NOW, NOW + 1], 1);
        check(
            &[NOW, NOW + 10 * YEAR, NOW + 10 * YEAR, NOW + 1, NOW + 10 * YEAR, NOW + 2],
            &[NOW, NOW, NOW, NOW + 1, NOW + 1, NOW + 2],
            3,
        );
    }

    #[test]
    fn three_packets_ahead_that_agree_are_believed_and_that_disagree_are_not() {
        let then = NOW + YEAR;
        check(&[NOW, then, then + 1, then + 2, then + 3], &[NOW, NOW, NOW, then + 2, then + 3], 3);
        check(&[NOW, then, then + YEAR, then + 2 * YEAR, NOW + 1], &[NOW, NOW, NOW, NOW, NOW + 1], 3);
    }

    #[test]
    fn two_interleaved_clocks_do_not_race() {
        let raw: Vec<_> = (0..100).flat_map(|i| [NOW + i, NOW + i - 10]).collect();
        let mut clock = Clock::default();
        let last = raw.iter().map(|&secs| clock.stamp(secs * 1_000_000_000)).last().unwrap();
        assert_eq!(last.time.as_secs(), NOW + 99);
    }

    #[test]
    fn the_end_of_time_saturates() {
        let mut clock = Clock::default();
        for raw in [u64::MAX, 0, u64::MAX, 1, u64::MAX - 1, 1 << 62, u64::MAX] {
            let before = clock.last;
            let stamp = clock.stamp(raw);
            assert!(before.is_none_or(|last| stamp.time.as_nanos() >= last));
        }
    }
}
