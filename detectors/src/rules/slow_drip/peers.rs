//! What accounts of one kind take in a day: on 99 of 100 days.
//! It is told each account's days when they are over.
//! It promises a few hundred bytes a kind, and that a seventh is forgotten each day.

use super::super::octaves;
use super::Measure;
use super::days::Volume;
use crate::saved::saved;

/// Half octaves up to 2^44 bytes.
const CLASSES: usize = 88;

/// Days by their size, of bytes and of records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peers {
    day: u64,
    by_bytes: [u16; CLASSES],
    by_records: [u16; CLASSES],
}

saved!(Peers { day, by_bytes, by_records });

impl Default for Peers {
    fn default() -> Self {
        Self { day: 0, by_bytes: [0; CLASSES], by_records: [0; CLASSES] }
    }
}

impl Peers {
    /// An account took so much on a day that is over.
    pub(super) fn note(&mut self, taken: Volume, now_day: u64) {
        if now_day > self.day {
            self.forget(now_day - self.day);
            self.day = now_day;
        }
        for (counts, taken) in [(&mut self.by_bytes, taken.bytes), (&mut self.by_records, taken.records)] {
            if let Some(count) = counts.get_mut(octaves::class(taken).min(CLASSES - 1)) {
                *count = count.saturating_add(1);
            }
        }
    }

    fn forget(&mut self, days: u64) {
        // After so many days nothing is left.
        for _ in 0..days.min(90) {
            self.by_bytes
                .iter_mut()
                .chain(&mut self.by_records)
                .for_each(|count| *count -= count.div_ceil(7));
        }
    }

    /// What 99 of 100 days come to at most, once so many are known.
    pub(super) fn largest_but_one(&self, measure: Measure, days_min: u32) -> Option<u64> {
        let counts = match measure {
            Measure::Bytes => &self.by_bytes,
            Measure::Records => &self.by_records,
        };
        let known: u64 = counts.iter().map(|&count| u64::from(count)).sum();
        if known < u64::from(days_min) {
            return None;
        }
        octaves::percentile(counts).map(octaves::upper_edge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_day_in_a_hundred_may_be_larger_and_all_are_forgotten() {
        let mut peers = Peers::default();
        let day = |records| Volume { bytes: 1, records };
        (0..199).for_each(|_| peers.note(day(100), 7));
        assert_eq!(peers.largest_but_one(Measure::Records, 200), None);
        peers.note(day(1_000_000), 7);
        assert_eq!(peers.largest_but_one(Measure::Records, 200), Some(128));
        peers.note(day(1_000_000), 7);
        (0..2).for_each(|_| peers.note(day(1_000_000), 7));
        assert!(peers.largest_but_one(Measure::Records, 1) > Some(1_000_000));
        peers.note(day(3), 100);
        assert_eq!(
            (peers.largest_but_one(Measure::Records, 1), peers.largest_but_one(Measure::Records, 2)),
            (Some(4), None)
        );
    }
}
