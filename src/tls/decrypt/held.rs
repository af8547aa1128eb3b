//! Records that wait for their secret, of all connections of one shard.
//! It is given records under a connection's ticket, and gives them back in their order.
//! It promises three bounds: bytes of one connection, bytes of all (those that wait longest leave first), and time.

use super::{Config, Record, Side};
use ahash::RandomState;
use heelguard_detectors::time::EventTime;
use std::collections::{HashMap, VecDeque};

/// Where a connection's records wait, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    number: u64,
    since: EventTime,
}

/// All that wait.
#[derive(Default)]
pub(super) struct Held {
    queues: HashMap<u64, Queue, RandomState>,
    /// Tickets by age. Those whose records have left are passed over.
    by_age: VecDeque<Ticket>,
    bytes: usize,
    tickets: u64,
}

/// The records of one connection, in the order in which they came.
#[derive(Default)]
struct Queue {
    records: VecDeque<HeldRecord>,
    bytes: usize,
}

/// A `Record` that is owned.
pub(super) struct HeldRecord {
    side: Side,
    at: EventTime,
    kind: u8,
    version: u16,
    body: Box<[u8]>,
}

impl HeldRecord {
    pub(super) fn of(record: &Record<'_>) -> Self {
        let Record { side, at, kind, version, body } = *record;
        Self { side, at, kind, version, body: body.into() }
    }

    pub(super) fn record(&self) -> Record<'_> {
        let Self { side, at, kind, version, body } = self;
        Record { side: *side, at: *at, kind: *kind, version: *version, body }
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.body.len()
    }
}

impl Ticket {
    /// Whether the records behind it have waited too long.
    pub(super) fn is_over(self, now: EventTime, config: &Config) -> bool {
        now.since(self.since) > config.secret_wait()
    }
}

impl Held {
    /// Takes a record behind those of the ticket, or under a new one; false when that is too much for a connection.
    pub(super) fn push(&mut self, ticket: &mut Option<Ticket>, record: HeldRecord, config: &Config) -> bool {
        let bytes = record.bytes();
        let before = ticket.and_then(|ticket| self.queues.get(&ticket.number)).map_or(0, |queue| queue.bytes);
        if before + bytes > config.held_bytes_per_connection_max {
            return false;
        }
        self.make_room(bytes, record.at, config);
        let ticket = *ticket.get_or_insert_with(|| {
            self.tickets += 1;
            let ticket = Ticket { number: self.tickets, since: record.at };
            self.by_age.push_back(ticket);
            ticket
        });
        let queue = self.queues.entry(ticket.number).or_default();
        queue.records.push_back(record);
        queue.bytes += bytes;
        self.bytes += bytes;
        true
    }

    /// Whether the ticket's records are still there.
    pub(super) fn has(&self, ticket: Ticket) -> bool {
        self.queues.contains_key(&ticket.number)
    }

    /// The ticket's first record, or the first that another side than this one sent.
    pub(super) fn first(&self, ticket: Ticket, not_of: Option<Side>) -> Option<(usize, Record<'_>)> {
        let records = self.queues.get(&ticket.number)?.records.iter();
        let mut fitting = records.enumerate().filter(|(_, record)| Some(record.side) != not_of);
        fitting.next().map(|(at, record)| (at, record.record()))
    }

    /// Whether this side has records waiting.
    pub(super) fn has_of(&self, ticket: Ticket, side: Side) -> bool {
        let queue = self.queues.get(&ticket.number);
        queue.is_some_and(|queue| queue.records.iter().any(|record| record.side == side))
    }

    /// Lets one record go; the ticket is over with the last of them.
    pub(super) fn remove(&mut self, ticket: &mut Option<Ticket>, at: usize) {
        let Some(number) = ticket.map(|ticket| ticket.number) else { return };
        let Some(queue) = self.queues.get_mut(&number) else { return };
        if let Some(record) = queue.records.remove(at) {
            queue.bytes -= record.bytes();
            self.bytes -= record.bytes();
        }
        if queue.records.is_empty() {
            self.queues.remove(&number);
            *ticket = None;
        }
    }

    /// Lets all of a ticket go.
    pub(super) fn release(&mut self, ticket: &mut Option<Ticket>) {
        if let Some(queue) = ticket.take().and_then(|ticket| self.queues.remove(&ticket.number)) {
            self.bytes -= queue.bytes;
        }
    }

    /// How much waits.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Lets go what waited too long, and what waited longest when there is too much of it.
    fn make_room(&mut self, bytes: usize, now: EventTime, config: &Config) {
        while let Some(oldest) = self.by_age.front() {
            let gone = !self.queues.contains_key(&oldest.number);
            if !gone && !oldest.is_over(now, config) && self.bytes + bytes <= config.held_bytes_max {
                break;
            }
            let mut oldest = self.by_age.pop_front();
            self.release(&mut oldest);
        }
    }
}
