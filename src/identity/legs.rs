//! One exchange seen twice: both legs of a reverse proxy, or two taps.
//! It is given sightings in order of end; the inner leg, which ends first, is the original.
//! It promises to call two exchanges one only when hashes, containment in time and the proxy's address all agree.

use super::clues::Sighting;
use ahash::RandomState;
use heelguard_detectors::saved::{Damaged, Saved, saved};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Completeness, TransactionId};
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How much earlier the inner leg may end.
const LEGS_APART: Duration = Duration::from_secs(10);
/// Exchanges remembered; older ones are forgotten first, and their outer legs then count again.
const RECENT_MAX: usize = 65_536;

/// The recent exchanges.
#[derive(Default)]
pub struct Legs {
    recent: HashMap<(u64, u64), Leg, RandomState>,
    order: VecDeque<((u64, u64), EventTime)>,
}

#[derive(Clone, Copy)]
struct Leg {
    id: TransactionId,
    time: EventTime,
    end: EventTime,
    src: SocketAddr,
    dst: SocketAddr,
    client: IpAddr,
}

saved!(Leg { id, time, end, src, dst, client });

impl Legs {
    /// The exchange this one repeats, if it does.
    pub fn repeat_of(&mut self, sighting: &Sighting) -> Option<TransactionId> {
        let tx = &sighting.transaction;
        if tx.completeness != Completeness::Whole {
            return None;
        }
        let key = (sighting.clues.request_hash, sighting.clues.response_hash);
        let outer = Leg {
            id: tx.id,
            time: tx.time,
            end: tx.end,
            src: tx.flow.src,
            dst: tx.flow.dst,
            client: tx.client.ip,
        };
        self.forget(tx.end);
        match self.recent.get(&key) {
            Some(inner) if outer.relays(inner) => Some(inner.id),
            _ => {
                self.recent.insert(key, outer);
                self.order.push_back((key, tx.end));
                None
            }
        }
    }

    /// Appends them, in the order in which they are forgotten. Of one exchange that came again the later sight alone is
    /// remembered.
    pub fn save(&self, out: &mut Vec<u8>) {
        self.order.len().save(out);
        for &(key, end) in &self.order {
            (key, end).save(out);
            self.recent.get(&key).filter(|leg| leg.end == end).copied().save(out);
        }
    }

    /// Goes on from what was saved. After an error these are of no use.
    pub fn load(&mut self, from: &mut &[u8]) -> Result<(), Damaged> {
        *self = Self::default();
        let count = usize::load(from)?;
        // One more is let in before the first is forgotten.
        if count > RECENT_MAX + 1 {
            return Err(Damaged);
        }
        for _ in 0..count {
            let key: (u64, u64) = Saved::load(from)?;
            let (end, leg): (EventTime, Option<Leg>) = Saved::load(from)?;
            self.order.push_back((key, end));
            match leg {
                Some(leg) if leg.end != end => return Err(Damaged),
                Some(leg) => _ = self.recent.insert(key, leg),
                None => {}
            }
        }
        Ok(())
    }

    fn forget(&mut self, now: EventTime) {
        while let Some(&(key, end)) = self.order.front() {
            if now.since(end) <= LEGS_APART && self.order.len() <= RECENT_MAX {
                return;
            }
            self.order.pop_front();
            if self.recent.get(&key).is_some_and(|leg| leg.end == end) {
                self.recent.remove(&key);
            }
        }
    }
}

impl Leg {
    /// Whether this exchange is what the inner one was made for: it holds the inner one in time, goes
    /// to another server, and ends where the inner one starts or has the same client.
    fn relays(&self, inner: &Self) -> bool {
        let contains = self.time <= inner.time && inner.end <= self.end;
        let other_connection = self.dst != inner.dst && self.src != inner.src;
        let linked = inner.src.ip() == self.dst.ip() || inner.client == self.client;
        contains && other_connection && linked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::extract::tests::{exchange, extractor};

    /// The inner leg to `server`, or the outer one to the proxy that made it.
    fn leg(path: &str, inner: bool, second: u64) -> Sighting {
        let mut exchange = exchange(&format!("GET {path} HTTP/1.1\nHost: api.example"), "200\n\n{}");
        let at = |millis| EventTime::from_secs(1_794_211_200 + second).after(Duration::from_millis(millis));
        if inner {
            exchange.client.ip = [10, 0, 0, 2].into();
            exchange.server.ip = [10, 0, 0, 9].into();
            exchange.client.port = 40_000;
        } else {
            exchange.server.ip = [10, 0, 0, 2].into();
        }
        let edge = u64::from(inner);
        (exchange.time, exchange.end) = (at(edge), at(10 - edge));
        extractor().extract(exchange)
    }

    #[test]
    fn legs_that_were_saved_are_recognised_and_forgotten_in_their_order() {
        let mut whole = Legs::default();
        // The same request again: what was remembered of the first is given up before its time is over.
        for (path, second) in [("/a", 0), ("/b", 1), ("/a", 2), ("/c", 3)] {
            assert_eq!(whole.repeat_of(&leg(path, true, second)), None);
        }
        let mut bytes = Vec::new();
        whole.save(&mut bytes);
        let mut from = bytes.as_slice();
        let mut loaded = Legs::default();
        loaded.load(&mut from).unwrap();
        assert!(from.is_empty());
        let mut again = Vec::new();
        loaded.save(&mut again);
        assert!(again == bytes, "saved again it is the same");
        let later = [("/a", 2), ("/c", 3), ("/b", 1), ("/b", 12), ("/c", 14)];
        let told = later.map(|(path, second)| {
            let sighting = leg(path, false, second);
            let told = whole.repeat_of(&sighting);
            assert_eq!(loaded.repeat_of(&sighting), told, "{path} {second}");
            told.is_some()
        });
        assert_eq!(told, [true, true, true, false, false]);
        assert_eq!(loaded.recent.len(), whole.recent.len());
        assert_eq!(loaded.order, whole.order);
    }

    #[test]
    fn damage_and_more_than_there_can_be_are_refused() {
        let mut legs = Legs::default();
        legs.repeat_of(&leg("/a", true, 0));
        let mut bytes = Vec::new();
        legs.save(&mut bytes);
        for end in 0..bytes.len() {
            assert!(Legs::default().load(&mut &bytes[..end]).is_err(), "{end}");
        }
        let mut many = Vec::new();
        (RECENT_MAX + 2).save(&mut many);
        assert!(Legs::default().load(&mut many.as_slice()).is_err());
    }
}
