//! All QUIC connections of a shard: found by their path, over when their time comes, given up at a limit.
//! It is given datagrams in order of time.
//! It promises bounded memory, and that a connection's fate depends on its own datagrams and on packet time alone, how
//! late a sweep comes notwithstanding. Only the limits look across connections.

use super::connection::{Connection, Found, bytes_of};
use crate::decode::Segment;
use crate::flow::{self, FlowKey};
use crate::tls::TlsShared;
use heelguard_detectors::time::EventTime;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// Connections kept at once.
const CONNECTIONS_MAX: usize = 65_536;
/// Bytes of hellos that are half read, of all connections.
const HELLO_BYTES_MAX: usize = 16 << 20;
/// QUIC says its goodbye under encryption. A path that was silent for so long has been forgotten by those who translate
/// addresses, too (RFC 4787 section 4.3).
const IDLE_TIMEOUT: Duration = Duration::from_mins(2);
/// At most this many are ended in one call of `advance`.
const EXPIRY_BUDGET: usize = 4_096;
/// Connections in use that are passed over before one goes after all.
const SPARED_MAX: usize = 8;

/// The connections of one shard.
pub struct Quic {
    config: flow::Config,
    limits: Limits,
    connections: HashMap<FlowKey, Box<Entry>, ahash::RandomState>,
    /// One entry a connection: a time at or before its end, moved on when it comes.
    timers: BTreeSet<(EventTime, FlowKey)>,
    /// Connections whose hello is half read, the longest waiting first.
    waiting: BTreeSet<(EventTime, FlowKey)>,
    held_bytes: usize,
    /// Where packets are opened.
    scratch: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    connections_max: usize,
    hello_bytes_max: usize,
}

/// A connection and the table's notes about it.
struct Entry {
    connection: Connection,
    /// Its entry in `timers`.
    armed: EventTime,
    /// Since when it holds bytes, and how many: its entry in `waiting`.
    held: Option<(EventTime, usize)>,
}

impl Entry {
    fn deadline(&self) -> EventTime {
        self.connection.last().after(IDLE_TIMEOUT)
    }
}

impl Quic {
    /// An empty table, whose paths are told apart as flows are.
    pub fn new(config: flow::Config) -> Self {
        let limits = Limits { connections_max: CONNECTIONS_MAX, hello_bytes_max: HELLO_BYTES_MAX };
        Self {
            config,
            limits,
            connections: HashMap::default(),
            timers: BTreeSet::new(),
            waiting: BTreeSet::new(),
            held_bytes: 0,
            scratch: Vec::new(),
        }
    }

    /// Takes in one datagram; how many bytes of a connection it is, if it is of one.
    pub fn push(&mut self, datagram: &Segment<'_>, shared: &mut TlsShared) -> Option<u64> {
        shared.counters.quic.datagrams += 1;
        let key = FlowKey::of(datagram, &self.config);
        self.end_if_due(key, datagram.time, shared);
        let found = match self.connections.get_mut(&key) {
            Some(entry) => entry.connection.take(datagram, &mut self.scratch, shared),
            None => Found::Another,
        };
        if found == Found::Another {
            // The same ends begin anew.
            self.close(key, datagram.time, shared);
            if !self.begin(key, datagram, shared) {
                shared.counters.quic.strangers += 1;
                return None;
            }
        }
        self.settle(key, datagram.time, shared);
        let bytes = bytes_of(datagram);
        shared.counters.quic.followed += 1;
        shared.counters.quic.bytes += bytes;
        Some(bytes)
    }

    /// Ends what was silent for long, within a budget. Nothing that ends later in this table does so before the time
    /// returned.
    pub fn advance(&mut self, now: EventTime, shared: &mut TlsShared) -> EventTime {
        for _ in 0..EXPIRY_BUDGET {
            match self.timers.first() {
                Some(&(due, key)) if due <= now => self.end_if_due(key, now, shared),
                _ => break,
            }
        }
        self.timers.first().map_or(now, |&(due, _)| due.min(now))
    }

    /// The capture ends at `at`: what is due comes first, then all connections end.
    pub fn finish(&mut self, at: EventTime, shared: &mut TlsShared) {
        while self.advance(at, shared) < at {}
        while let Some(&(_, key)) = self.timers.first() {
            self.close(key, at, shared);
        }
    }

    /// Puts a connection in, if the datagram's first packet opens.
    fn begin(&mut self, key: FlowKey, datagram: &Segment<'_>, shared: &mut TlsShared) -> bool {
        let Some(mut connection) = Connection::candidate(datagram) else { return false };
        if connection.take(datagram, &mut self.scratch, shared) != Found::Opened {
            return false;
        }
        while self.connections.len() >= self.limits.connections_max.max(1) {
            self.make_room(datagram.time, shared);
        }
        shared.counters.quic.connections += 1;
        let entry = Entry { armed: datagram.time.after(IDLE_TIMEOUT), connection, held: None };
        self.timers.insert((entry.armed, key));
        self.connections.insert(key, Box::new(entry));
        true
    }

    /// Ends a connection whose time is over, at the time when it was; sets the timer of another one anew.
    fn end_if_due(&mut self, key: FlowKey, now: EventTime, shared: &mut TlsShared) {
        let Some(entry) = self.connections.get_mut(&key) else { return };
        let deadline = entry.deadline();
        if deadline <= now {
            return self.close(key, deadline, shared);
        }
        if entry.armed <= now {
            self.timers.remove(&(entry.armed, key));
            entry.armed = deadline;
            self.timers.insert((deadline, key));
        }
    }

    /// Gives up the connection that was silent for longest, or one that nearly was.
    fn make_room(&mut self, at: EventTime, shared: &mut TlsShared) {
        for _ in 0..SPARED_MAX {
            let Some(&(armed, key)) = self.timers.first() else { return };
            let Some(entry) = self.connections.get_mut(&key).filter(|entry| entry.deadline() > armed) else {
                break;
            };
            self.timers.remove(&(armed, key));
            entry.armed = entry.deadline();
            self.timers.insert((entry.armed, key));
        }
        if let Some(&(_, key)) = self.timers.first() {
            shared.counters.quic.evicted += 1;
            self.close(key, at, shared);
        }
    }

    /// Keeps the notes about a connection true after it may have taken or given up bytes, and the limit of all bytes.
    fn settle(&mut self, key: FlowKey, at: EventTime, shared: &mut TlsShared) {
        self.note_held(key, at);
        while self.held_bytes > self.limits.hello_bytes_max
            && let Some(&(_, longest_waiting)) = self.waiting.first()
        {
            shared.counters.quic.hellos_given_up += 1;
            if let Some(entry) = self.connections.get_mut(&longest_waiting) {
                entry.connection.give_up();
            }
            self.note_held(longest_waiting, at);
        }
    }

    fn note_held(&mut self, key: FlowKey, at: EventTime) {
        let Some(entry) = self.connections.get_mut(&key) else { return };
        let before = entry.held;
        let bytes = entry.connection.held_bytes();
        entry.held = (bytes > 0).then(|| (before.map_or(at, |(since, _)| since), bytes));
        self.held_bytes = self.held_bytes - before.map_or(0, |(_, bytes)| bytes) + bytes;
        match (before, entry.held) {
            (None, Some((since, _))) => _ = self.waiting.insert((since, key)),
            (Some((since, _)), None) => _ = self.waiting.remove(&(since, key)),
            _ => {}
        }
    }

    fn close(&mut self, key: FlowKey, at: EventTime, shared: &mut TlsShared) {
        let Some(entry) = self.connections.remove(&key) else { return };
        self.timers.remove(&(entry.armed, key));
        if let Some((since, bytes)) = entry.held {
            self.waiting.remove(&(since, key));
            self.held_bytes -= bytes;
        }
        entry.connection.closed(at, shared);
    }
}

#[cfg(test)]
mod collisions;
#[cfg(test)]
mod tests;
