//! One exchange seen twice: both legs of a reverse proxy, or two taps.
//! It is given sightings in order of end; the inner leg, which ends first, is the original.
//! It promises to call two exchanges one only when hashes, containment in time and the proxy's address all agree.

use super::clues::Sighting;
use ahash::RandomState;
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
