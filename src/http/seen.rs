//! Bytes of all flows by the second they were delivered, or given up, in: what the sensor saw and what it lost.
//! It is given what `flow` gives each handler, and is drained by the shard.
//! It promises one row a second, whatever the order in which flows speak of it.

use heelguard_detectors::time::EventTime;
use std::collections::BTreeMap;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Bytes of one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Delivered in order.
    pub delivered: u64,
    /// Never seen.
    pub missing: u64,
    /// Of those delivered: in connections that begin with TLS and are not read.
    pub encrypted: u64,
    /// Of QUIC, beside those delivered.
    pub quic: u64,
}

impl Bytes {
    /// Adds the other's to these.
    pub fn add(&mut self, other: Self) {
        self.delivered = self.delivered.saturating_add(other.delivered);
        self.missing = self.missing.saturating_add(other.missing);
        self.encrypted = self.encrypted.saturating_add(other.encrypted);
        self.quic = self.quic.saturating_add(other.quic);
    }
}

/// Seconds by their end.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The second that was spoken of last: nearly always that of the next bytes.
    present: (EventTime, Bytes),
    others: BTreeMap<EventTime, Bytes>,
}

impl Seen {
    /// Counts bytes of QUIC.
    pub fn count_quic(&mut self, at: EventTime, bytes: u64) {
        self.count(at, Bytes { quic: bytes, ..Bytes::default() });
    }

    /// Counts bytes.
    pub(super) fn count(&mut self, at: EventTime, bytes: Bytes) {
        let end = EventTime::from_secs(at.as_secs()).after(SECOND);
        if self.present.0 != end {
            self.put_by();
            self.present.0 = end;
        }
        self.present.1.add(bytes);
    }

    /// Every second with bytes since the last call, in order.
    pub fn take(&mut self) -> BTreeMap<EventTime, Bytes> {
        self.put_by();
        std::mem::take(&mut self.others)
    }

    fn put_by(&mut self) {
        let (end, bytes) = std::mem::take(&mut self.present);
        if bytes != Bytes::default() {
            self.others.entry(end).or_default().add(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_one_row_in_whatever_order_it_is_spoken_of() {
        let at = |millis: u64| EventTime::from_micros(millis * 1_000);
        let mut seen = Seen::default();
        for (millis, delivered, missing) in [(100, 1, 0), (1_500, 2, 0), (999, 4, 8), (1_000, 16, 0)] {
            seen.count(at(millis), Bytes { delivered, missing, ..Bytes::default() });
        }
        let rows: Vec<_> = seen.take().into_iter().collect();
        let bytes = |delivered, missing| Bytes { delivered, missing, ..Bytes::default() };
        assert_eq!(rows, [(at(1_000), bytes(5, 8)), (at(2_000), bytes(18, 0))]);
        assert!(seen.take().is_empty());
    }
}
