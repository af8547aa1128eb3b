//! The inside of a connection whose secrets may be known: whole records for the decryptor, and what comes back.
//! It is given parts of records in order of arrival, and hands on what the application said.
//! It promises that a record which came in one piece is not copied before it is opened.

use super::{Connection, Part, Turn};
use crate::flow::Direction;
use crate::tls::TlsShared;
use crate::tls::decrypt::{Clear, Decryptor, GivenUp, Negotiated, Record, Side as Speaker};
use crate::tls::handshake::{Joined, Joiner, Message};
use crate::tls::records::{APPLICATION, HANDSHAKE};
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::time::EventTime;

/// What a connection needs whose records are to be opened.
pub(super) struct Opening {
    decryptor: Decryptor,
    client_random: [u8; 32],
    /// The body of the present record of each direction, where it came in parts.
    bodies: [Vec<u8>; 2],
    /// Whether the present record of each direction began after the hello that made this.
    is_taking: [bool; 2],
    /// Handshake messages in sealed records, while there are parts of one: most connections have none for all their lives
    /// but the first moment.
    joiners: [Option<Box<Joiner>>; 2],
}

impl Opening {
    fn new(client_random: [u8; 32], early_data: bool) -> Self {
        Self {
            decryptor: Decryptor::new(client_random, early_data),
            client_random,
            bodies: [Vec::new(), Vec::new()],
            is_taking: [false; 2],
            joiners: [None, None],
        }
    }

    /// Bytes were lost: the present record cannot be opened. `is_known` when the one behind it begins at a known place.
    pub(super) fn lost(&mut self, direction: Direction, speaker: Speaker, is_known: bool) {
        let place = direction.index();
        self.is_taking[place] = false;
        self.bodies[place] = Vec::new();
        self.joiners[place].get_or_insert_default().lost();
        if is_known {
            self.decryptor.lost(speaker, 1);
        }
    }

    /// What a message means for the records behind it.
    fn turn(&mut self, turn: &Turn, shared: &mut TlsShared) {
        match *turn {
            Turn::None => {}
            Turn::Offered { random, .. } => self.client_random = random,
            Turn::Retried => self.decryptor.retried(&mut shared.decrypt),
            Turn::Negotiated { version, cipher, server_random, encrypt_then_mac } => {
                let client_random = self.client_random;
                let negotiated =
                    Negotiated { version, cipher, client_random, server_random, encrypt_then_mac };
                self.decryptor.negotiated(&negotiated, &mut shared.decrypt);
            }
        }
    }
}

impl Connection {
    /// What a message in the clear means for the records behind it.
    pub(super) fn turn(&mut self, turn: &Turn, shared: &mut TlsShared) {
        match (turn, &mut self.opening) {
            (&Turn::Offered { random, early_data }, None)
                if shared.decrypt.is_active() && !self.has_answer =>
            {
                self.opening = Some(Box::new(Opening::new(random, early_data)));
            }
            (turn, Some(opening)) => opening.turn(turn, shared),
            _ => {}
        }
    }

    /// Takes a part of a record, and opens the record when it is whole.
    pub(super) fn open(&mut self, part: &Part<'_>, shared: &mut TlsShared) {
        let Some(mut opening) = self.opening.take() else { return };
        let Part { direction, at, header: [kind, major, minor, high, low], bytes, first, last } = *part;
        let place = direction.index();
        opening.is_taking[place] |= first;
        let mut body = std::mem::take(&mut opening.bodies[place]);
        if opening.is_taking[place] && !(first && last) {
            if first {
                // Whoever announces much and sends little gets little.
                body.reserve(usize::from(u16::from_be_bytes([high, low])).min(4 * bytes.len()));
            }
            body.extend_from_slice(bytes);
        }
        if !last {
            opening.bodies[place] = body;
        } else if std::mem::take(&mut opening.is_taking[place]) {
            let body = if first { bytes } else { &body };
            let version = u16::from_be_bytes([major, minor]);
            let record = Record { side: self.speaker(direction), at, kind, version, body };
            self.pass(&mut opening, Some(record), shared);
        }
        self.opening = Some(opening);
        self.judge_opening(at, shared);
    }

    /// What waited for a secret is given up, or can be read now.
    pub fn wait_no_more(&mut self, at: EventTime, shared: &mut TlsShared) {
        if let Some(mut opening) = self.opening.take() {
            self.pass(&mut opening, None, shared);
            self.opening = Some(opening);
            self.judge_opening(at, shared);
        }
    }

    /// Stops when the decryptor has given up. What it read until then misses the rest.
    fn judge_opening(&mut self, at: EventTime, shared: &mut TlsShared) {
        let Some(why) = self.opening.as_ref().and_then(|opening| opening.decryptor.given_up()) else {
            return;
        };
        self.stop_opening(shared);
        if why == GivenUp::NotOpened {
            self.note(Anomaly::TlsDecryptFail, shared);
        }
        if self.was_read {
            for direction in [Direction::FromInitiator, Direction::FromResponder] {
                shared.clear.gap(direction, at, 1);
            }
        }
    }

    pub(super) fn stop_opening(&mut self, shared: &mut TlsShared) {
        if let Some(opening) = self.opening.take() {
            opening.decryptor.closed(&mut shared.decrypt);
        }
    }

    /// Gives a record to the decryptor and takes what comes back, of this record or of earlier ones.
    fn pass(&mut self, opening: &mut Opening, record: Option<Record<'_>>, shared: &mut TlsShared) {
        let mut record = record;
        let mut messages = Vec::new();
        loop {
            let clear = match record.take() {
                Some(record) => opening.decryptor.record(record, &mut shared.decrypt),
                None => opening.decryptor.more(&mut shared.decrypt),
            };
            let Some(Clear { side, at, kind, sealed, bytes }) = clear else { return };
            let Some(direction) = self.direction(side).filter(|_| sealed) else { continue };
            match kind {
                APPLICATION => {
                    if !std::mem::replace(&mut self.was_read, true) {
                        shared.alike.share(&mut self.facts);
                    }
                    shared.clear.bytes(direction, at, bytes);
                }
                HANDSHAKE => join(&mut opening.joiners[direction.index()], bytes, &mut messages),
                _ => {}
            }
            for message in messages.drain(..) {
                // What is opened is what was sent, and the peer would have refused what makes no sense.
                let turn = self.message(direction, &message, shared).unwrap_or(Turn::None);
                opening.turn(&turn, shared);
            }
        }
    }

    fn direction(&self, speaker: Speaker) -> Option<Direction> {
        let client = self.client?;
        Some(if speaker == Speaker::Client { client } else { client.opposite() })
    }
}

/// The messages that an opened handshake record makes whole.
fn join(place: &mut Option<Box<Joiner>>, mut bytes: &[u8], messages: &mut Vec<Message>) {
    let joiner = place.get_or_insert_default();
    while !joiner.is_broken()
        && let Some(Joined::Message(message)) = joiner.next(&mut bytes)
    {
        messages.push(message);
    }
    if joiner.is_idle() && !joiner.is_broken() {
        *place = None;
    }
}
