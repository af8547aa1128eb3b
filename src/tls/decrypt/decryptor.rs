//! One connection's records made clear.
//! It is given what the hellos say and each record behind the ClientHello, and gives their content.
//! It promises that content leaves in the order of its side, that what both sides say after the handshake leaves in the
//! order in which it came, and that what cannot be opened ends the attempt.

use super::held::{HeldRecord, Ticket};
use super::step::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, Known, Step};
use super::suite::Suite;
use super::tls12::Tls12;
use super::tls13::{EarlyData, Tls13};
use super::{Clear, DecryptShared, GivenUp, KeyStore, Negotiated, Record, Side};
use crate::metrics::DecryptCounters;
use heelguard_detectors::time::EventTime;
use std::ops::Range;

/// The version from which on nothing is renegotiated.
const TLS_1_3: u16 = 0x0304;

/// The reader of one connection. It has no `Debug`: it holds secrets.
pub struct Decryptor {
    /// Of the ClientHello that counts.
    client_random: [u8; 32],
    early: EarlyData,
    /// The server asked for another ClientHello.
    retried: bool,
    state: State,
    /// Where records wait for a secret.
    ticket: Option<Ticket>,
    /// The time of the last record: what may be known.
    now: EventTime,
    /// Whether something sealed was opened.
    opened: bool,
}

enum State {
    /// The server has not answered.
    Hello,
    Tls12(Box<Tls12>),
    Tls13(Box<Tls13>),
    GivenUp(GivenUp),
}

/// Content that is in the buffer.
struct Found {
    side: Side,
    at: EventTime,
    kind: u8,
    sealed: bool,
    content: Range<usize>,
}

impl Decryptor {
    /// For the connection that begins with a ClientHello of this random.
    pub fn new(client_random: [u8; 32], early_data_offered: bool) -> Self {
        let early = if early_data_offered { EarlyData::Offered } else { EarlyData::None };
        let (state, now) = (State::Hello, EventTime::ZERO);
        Self { client_random, early, retried: false, state, ticket: None, now, opened: false }
    }

    /// The server asked for another ClientHello: what the client sent as early data nobody takes.
    pub fn retried(&mut self, shared: &mut DecryptShared) {
        if matches!(self.state, State::Hello) {
            self.retried = true;
            shared.held.release(&mut self.ticket);
            if self.early == EarlyData::Offered {
                self.early = EarlyData::Refused;
            }
        }
    }

    /// A ServerHello was read, in the clear or in a sealed record (TLS 1.2 negotiates anew like that).
    pub fn negotiated(&mut self, negotiated: &Negotiated, shared: &mut DecryptShared) {
        let Some(suite) = Suite::of(negotiated.version, negotiated.cipher) else {
            return self.give_up(GivenUp::Unsupported, shared);
        };
        match &mut self.state {
            State::GivenUp(_) => return,
            State::Hello if negotiated.version == TLS_1_3 => {
                self.state = State::Tls13(Box::new(Tls13::new(suite, self.early)));
            }
            State::Hello => self.state = State::Tls12(Box::new(Tls12::new(suite, negotiated))),
            State::Tls12(tls) if negotiated.version != TLS_1_3 => tls.renegotiated(suite, negotiated),
            State::Tls12(_) | State::Tls13(_) => return self.give_up(GivenUp::NotOpened, shared),
        }
        self.client_random = negotiated.client_random;
    }

    /// Takes a record, and gives what can be read now: its own content, or that of one that waited.
    pub fn record<'a>(&mut self, record: Record<'_>, shared: &'a mut DecryptShared) -> Option<Clear<'a>> {
        self.now = self.now.max(record.at);
        let found = self.take(&record, shared).or_else(|| self.next(shared));
        found.map(|found| found.clear(&shared.buffer))
    }

    /// What else can be read now. To be asked until there is nothing more.
    pub fn more<'a>(&mut self, shared: &'a mut DecryptShared) -> Option<Clear<'a>> {
        self.next(shared).map(|found| found.clear(&shared.buffer))
    }

    /// So many records of this side were lost, for certain.
    pub fn lost(&mut self, side: Side, records: u32) {
        match &mut self.state {
            State::Tls12(tls) => tls.lost(side, records),
            State::Tls13(tls) => tls.lost(side, records),
            // What was lost may be the hello itself; its absence shows when something sealed comes.
            State::Hello | State::GivenUp(_) => {}
        }
    }

    /// Whether something sealed was read.
    pub fn has_opened(&self) -> bool {
        self.opened
    }

    /// Why nothing more can be read.
    pub fn given_up(&self) -> Option<GivenUp> {
        match self.state {
            State::GivenUp(why) => Some(why),
            _ => None,
        }
    }

    /// The connection is over: lets go what waits.
    pub fn closed(mut self, shared: &mut DecryptShared) {
        shared.held.release(&mut self.ticket);
    }

    /// A record that came now: opened, or put behind those that wait.
    fn take(&mut self, record: &Record<'_>, shared: &mut DecryptShared) -> Option<Found> {
        if matches!(self.state, State::GivenUp(_)) {
            return None;
        }
        if let Some(ticket) = self.ticket {
            if !shared.held.has(ticket) || ticket.is_over(self.now, &shared.config) {
                self.give_up(GivenUp::NoSecret, shared);
                return None;
            }
            if self.is_past_handshake(record.side) || shared.held.has_of(ticket, record.side) {
                self.hold(HeldRecord::of(record), shared);
                return None;
            }
        }
        let DecryptShared { keys, buffer, counters, .. } = shared;
        let keys = keys.as_ref()?;
        match self.attempt(record, keys, buffer) {
            Step::Wait => {
                counters.held += 1;
                self.hold(HeldRecord::of(record), shared);
                None
            }
            step => self.found(record.side, record.at, step, shared),
        }
    }

    /// The next of those that wait that need not wait any more.
    fn next(&mut self, shared: &mut DecryptShared) -> Option<Found> {
        let mut waits = None;
        while let Some(ticket) = self.ticket {
            let DecryptShared { keys, buffer, held, .. } = &mut *shared;
            let (index, record) = held.first(ticket, waits)?;
            // What was said after the handshake does not overtake what was said before it.
            if waits.is_some() && self.is_past_handshake(record.side) {
                return None;
            }
            let (side, at) = (record.side, record.at);
            match self.attempt(&record, keys.as_ref()?, buffer) {
                Step::Wait if waits.is_none() => waits = Some(side),
                Step::Wait => return None,
                step => {
                    held.remove(&mut self.ticket, index);
                    let found = self.found(side, at, step, shared);
                    if found.is_some() {
                        return found;
                    }
                    // It may have told what the others wait for.
                    waits = None;
                }
            }
        }
        None
    }

    fn attempt(&mut self, record: &Record<'_>, keys: &KeyStore, buffer: &mut Vec<u8>) -> Step {
        let known = Known { keys, client_random: &self.client_random, now: self.now };
        match &mut self.state {
            State::Tls12(tls) => tls.open(record, known, buffer),
            State::Tls13(tls) => tls.open(record, known, buffer),
            State::GivenUp(why) => Step::Fail(*why),
            State::Hello => match record.kind {
                ALERT | HANDSHAKE => Step::plain(record, buffer),
                APPLICATION_DATA if self.early == EarlyData::Refused => Step::Refused,
                CHANGE_CIPHER_SPEC if self.retried => Step::Silent,
                // It is too early to say under which secret; whether there is one can be said.
                _ if keys.knows(&self.client_random) => Step::Wait,
                _ => known.missing(),
            },
        }
    }

    /// What a step means for the connection.
    fn found(&mut self, side: Side, at: EventTime, step: Step, shared: &mut DecryptShared) -> Option<Found> {
        match step {
            Step::Clear { kind, sealed, content } => {
                self.count(sealed, content.len(), &mut shared.counters);
                return Some(Found { side, at, kind, sealed, content });
            }
            Step::Refused => shared.counters.early_refused += 1,
            Step::Fail(why) => self.give_up(why, shared),
            Step::Silent | Step::Wait => {}
        }
        None
    }

    fn count(&mut self, sealed: bool, bytes: usize, counters: &mut DecryptCounters) {
        if sealed {
            counters.connections += u64::from(!self.opened);
            counters.records += 1;
            counters.bytes += bytes as u64;
            self.opened = true;
        }
    }

    fn hold(&mut self, record: HeldRecord, shared: &mut DecryptShared) {
        if !shared.held.push(&mut self.ticket, record, &shared.config) {
            self.give_up(GivenUp::NoSecret, shared);
        }
    }

    fn is_past_handshake(&self, side: Side) -> bool {
        match &self.state {
            State::Tls12(tls) => tls.is_sealed(side),
            State::Tls13(tls) => tls.is_past_handshake(side),
            State::Hello | State::GivenUp(_) => false,
        }
    }

    fn give_up(&mut self, why: GivenUp, shared: &mut DecryptShared) {
        if matches!(self.state, State::GivenUp(_)) {
            return;
        }
        let counters = &mut shared.counters;
        match why {
            GivenUp::NoSecret => counters.no_secret += 1,
            GivenUp::Unsupported => counters.unsupported += 1,
            GivenUp::NotOpened => counters.not_opened += 1,
        }
        shared.held.release(&mut self.ticket);
        self.state = State::GivenUp(why);
    }
}

impl Found {
    fn clear(self, buffer: &[u8]) -> Clear<'_> {
        let Self { side, at, kind, sealed, content } = self;
        Clear { side, at, kind, sealed, bytes: buffer.get(content).unwrap_or_default() }
    }
}
