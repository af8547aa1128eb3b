//! Two sensors on one mirror: what the second of a pair saw again is passed over.
//! It is given sightings in order, each with the pair its sensor is one of.
//! It promises that an exchange is dropped only where another sensor of the pair told of it: the same place in the same
//! connection, or the same request on it, within two seconds.

use super::order::Held;
use ahash::RandomState;
use heelguard_detectors::saved::{Damaged, Saved, saved};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::tls::TlsConnection;
use heelguard_detectors::transaction::Transaction;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How far apart the clocks of a pair may be; both hang on one wire.
const CLOCKS_APART: Duration = Duration::from_secs(2);
/// Exchanges remembered; older ones are forgotten first, and their second sight then counts again.
const RECENT_MAX: usize = 262_144;

/// The same of one connection.
const OF_ONE_MAX: usize = 256;

type Ends = (SocketAddr, SocketAddr);

/// What one of a pair saw and the other has not told of yet.
#[derive(Clone, Debug)]
struct Seen {
    pair: Arc<str>,
    sensor: Arc<str>,
    time: EventTime,
    end: EventTime,
    ordinal: u32,
    /// The mark of the request, where it was seen.
    request: Option<u64>,
}

saved!(Seen { pair, sensor, time, end, ordinal, request });

/// What pairs saw lately.
#[derive(Debug, Default)]
pub(super) struct Twins {
    recent: HashMap<Ends, VecDeque<Seen>, RandomState>,
    order: VecDeque<(Ends, EventTime)>,
}

impl Twins {
    /// Whether another sensor of the pair told of this exchange.
    pub(super) fn knows(&mut self, held: &Held) -> bool {
        let Held { sighting, sensor, pair } = held;
        let Transaction { flow, time, end, request, .. } = &sighting.transaction;
        let seen = Seen {
            pair: pair.clone(),
            sensor: sensor.clone(),
            time: *time,
            end: *end,
            ordinal: sighting.clues.ordinal,
            request: request.as_ref().map(|_| sighting.clues.request_hash),
        };
        self.meets((flow.src, flow.dst), seen)
    }

    /// The same of a connection that was not read.
    pub(super) fn knows_connection(&mut self, connection: &TlsConnection, pair: &Arc<str>) -> bool {
        let ends = (connection.flow.src, connection.flow.dst);
        // Both are of one pair, and each tells of a connection once.
        let (time, end) = (connection.time, connection.end);
        let (pair, sensor) = (pair.clone(), Arc::default());
        self.meets(ends, Seen { pair, sensor, time, end, ordinal: u32::MAX, request: None })
    }

    fn meets(&mut self, ends: Ends, seen: Seen) -> bool {
        if seen.pair.is_empty() {
            return false;
        }
        let now = seen.end;
        self.forget(now);
        let others = self.recent.entry(ends).or_default();
        let is_other = |other: &Seen| other.sensor != seen.sensor || seen.sensor.is_empty();
        let is_near = |other: &Seen| {
            let apart = other.time.since(seen.time).max(seen.time.since(other.time));
            other.pair == seen.pair && is_other(other) && apart <= CLOCKS_APART
        };
        // A sensor that came late counts from another exchange on, and one that lost a request knows no mark of it.
        let by_both = |other: &Seen| other.ordinal == seen.ordinal && other.request == seen.request;
        let by_request = |other: &Seen| other.request.is_some() && other.request == seen.request;
        let by_place = |other: &Seen| {
            other.ordinal == seen.ordinal && (other.request.is_none() || seen.request.is_none())
        };
        let found = |is_same: &dyn Fn(&Seen) -> bool| {
            others.iter().position(|other| is_near(other) && is_same(other))
        };
        if let Some(place) = found(&by_both).or_else(|| found(&by_request)).or_else(|| found(&by_place)) {
            others.remove(place);
            return true;
        }
        if others.len() >= OF_ONE_MAX {
            others.pop_front();
        }
        others.push_back(seen);
        self.order.push_back((ends, now));
        false
    }

    /// What is too old to be met again goes.
    fn forget(&mut self, now: EventTime) {
        while let Some(&(ends, end)) = self.order.front() {
            if now.since(end) <= CLOCKS_APART * 2 && self.order.len() <= RECENT_MAX {
                return;
            }
            self.order.pop_front();
            if let Some(seen) = self.recent.get_mut(&ends) {
                // The one that was queued with it, unless it was met since; where there is no room, whichever is oldest.
                if self.order.len() >= RECENT_MAX || seen.front().is_some_and(|one| one.end <= end) {
                    seen.pop_front();
                }
                if seen.is_empty() {
                    self.recent.remove(&ends);
                }
            }
        }
    }

    /// What is remembered, as bytes: by connection, and in each in the order in which it came.
    pub(super) fn save(&self, out: &mut Vec<u8>) {
        let mut rows: Vec<(Ends, VecDeque<Seen>)> =
            self.recent.iter().map(|(ends, seen)| (*ends, seen.clone())).collect();
        rows.sort_unstable_by_key(|(ends, _)| *ends);
        rows.save(out);
        self.order.save(out);
    }

    /// Takes it back.
    pub(super) fn load(&mut self, from: &mut &[u8]) -> Result<(), Damaged> {
        let rows: Vec<(Ends, VecDeque<Seen>)> = Saved::load(from)?;
        self.recent = rows.into_iter().collect();
        self.order = Saved::load(from)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Sighting;
    use heelguard_detectors::story::transactions;

    fn held(sensor: &str, pair: &str, shift_ms: u64) -> Held {
        let mut tx = transactions("10:00:00 203.0.113.9 -> use GET / 200").unwrap().remove(0);
        let shift = Duration::from_millis(shift_ms);
        (tx.time, tx.end) = (tx.time.after(shift), tx.end.after(shift));
        Held { sighting: Box::new(Sighting::plain(tx)), sensor: sensor.into(), pair: pair.into() }
    }

    #[test]
    fn the_other_of_a_pair_tells_nothing_new_once() {
        let mut twins = Twins::default();
        assert!(!twins.knows(&held("a", "p", 0)));
        assert!(twins.knows(&held("b", "p", 1)));
        assert!(!twins.knows(&held("b", "p", 2)), "a second exchange alike is another");
    }

    #[test]
    fn one_sensor_twice_or_two_that_are_no_pair_or_two_clocks_apart_are_two() {
        for second in [held("a", "p", 1), held("b", "", 1), held("b", "q", 1), held("b", "p", 2_001)] {
            let mut twins = Twins::default();
            assert!(!twins.knows(&held("a", "p", 0)));
            assert!(!twins.knows(&second));
        }
        let mut twins = Twins::default();
        assert!(!twins.knows(&held("a", "p", 0)));
        assert!(twins.knows(&held("b", "p", 2_000)));
    }

    #[test]
    fn what_is_remembered_is_saved_and_goes() {
        let mut twins = Twins::default();
        twins.knows(&held("a", "p", 0));
        let mut bytes = Vec::new();
        twins.save(&mut bytes);
        let mut again = Twins::default();
        again.load(&mut bytes.as_slice()).unwrap();
        assert!(again.knows(&held("b", "p", 1)));
        twins.knows(&held("a", "p", 60_000));
        assert_eq!(twins.recent.len(), 1, "one connection");
        assert_eq!(twins.recent.values().map(VecDeque::len).sum::<usize>(), 1);
    }
}
