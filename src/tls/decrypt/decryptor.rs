//! One connection's records made clear.
//! It is given what the hellos say and each record behind the ClientHello, and gives their content.
//! It promises that content leaves in the order of its side, and that what cannot be opened ends the attempt.

use super::{Clear, DecryptShared, GivenUp, Negotiated, Record, Side};

/// The reader of one connection. It has no `Debug`: it holds secrets.
pub struct Decryptor {
    client_random: [u8; 32],
    early_data_offered: bool,
    given_up: Option<GivenUp>,
}

impl Decryptor {
    /// For the connection that begins with a ClientHello of this random.
    pub fn new(client_random: [u8; 32], early_data_offered: bool) -> Self {
        Self { client_random, early_data_offered, given_up: None }
    }

    /// The server asked for another ClientHello: what the client sent as early data nobody takes.
    pub fn retried(&mut self) {
        self.early_data_offered = false;
    }

    /// A ServerHello was read, in the clear or in a sealed record (TLS 1.2 negotiates anew like that).
    pub fn negotiated(&mut self, negotiated: &Negotiated, _shared: &mut DecryptShared) {
        self.client_random = negotiated.client_random;
    }

    /// Takes a record, and gives what can be read now: its own content, or that of one that waited.
    pub fn record<'a>(&'a mut self, record: Record<'_>, shared: &'a mut DecryptShared) -> Option<Clear<'a>> {
        if self.given_up.is_some() {
            return None;
        }
        if !matches!(record.kind, 21 | 22) {
            self.given_up = Some(GivenUp::NoSecret);
            return None;
        }
        shared.buffer.clear();
        shared.buffer.extend_from_slice(record.body);
        let Record { side, at, kind, .. } = record;
        Some(Clear { side, at, kind, sealed: false, bytes: &shared.buffer })
    }

    /// What else can be read now. To be asked until there is nothing more.
    pub fn more<'a>(&'a mut self, _shared: &'a mut DecryptShared) -> Option<Clear<'a>> {
        None
    }

    /// So many records of this side were lost, for certain.
    pub fn lost(&mut self, _side: Side, _records: u32) {}

    /// Why nothing more can be read.
    pub fn given_up(&self) -> Option<GivenUp> {
        self.given_up
    }

    /// The connection is over: gives back what it held.
    pub fn closed(self, _shared: &mut DecryptShared) {}
}
