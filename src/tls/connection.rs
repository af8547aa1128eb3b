//! One TLS connection as seen from outside, and its inside where secrets are known.
//! It is given bytes and gaps by direction, keeps what the handshake says, and hands clear bytes on.
//! It promises that an idle connection is small, and that sealed records are stepped over without being copied.

mod messages;
mod opening;

use super::decrypt::Side as Speaker;
use super::handshake::{Joined, Joiner, Message, kind};
use super::records::{CHANGE_CIPHER_SPEC, HANDSHAKE, Header, Piece, Records, SSL2_HELLO};
use super::{Facts, Seen, TlsShared, Transport};
use crate::decode::Endpoint;
use crate::flow::{Direction, FlowInfo};
use heelguard_detectors::anomaly::{Anomaly, AnomalySet};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::Completeness;
use messages::Turn;
use opening::Opening;
use std::net::IpAddr;
use std::sync::Arc;

/// TLS 1.3, in which everything behind the hellos is sealed.
const TLS_1_3: u16 = 0x0304;

/// The state of a connection.
#[expect(clippy::struct_excessive_bools, reason = "facts that are independent of each other")]
pub struct Connection {
    transport: Transport,
    sides: [Side; 2],
    client: Option<Direction>,
    /// Its beginning was not seen: handshake records may be sealed, and what looks like a record may be none.
    is_joined: bool,
    began: EventTime,
    has_offer: bool,
    has_answer: bool,
    facts: Arc<Facts>,
    /// What the client offered: if it comes back, TLS 1.2 resumes a session.
    session_id: Box<[u8]>,
    anomalies: AnomalySet,
    /// Something was lost before the handshake was over.
    has_holes: bool,
    was_read: bool,
    opening: Option<Box<Opening>>,
}

/// One direction.
struct Side {
    records: Records,
    joiner: Joiner,
    /// Handshake messages are encrypted from here on.
    is_sealed: bool,
    bytes: u64,
}

/// A part of a record's body, and where it stands.
#[derive(Clone, Copy)]
struct Part<'b> {
    direction: Direction,
    at: EventTime,
    header: Header,
    bytes: &'b [u8],
    first: bool,
    last: bool,
}

/// The rest makes no sense.
struct Malformed;

impl Connection {
    /// Bytes it keeps of handshake messages that are not whole.
    pub fn kept_bytes(&self) -> usize {
        self.sides.iter().map(|side| side.joiner.kept_bytes()).sum()
    }

    /// A connection whose first bytes came at `began`. `client` is the side that must speak first, where that is
    /// certain; `is_joined` when the beginning was not seen.
    pub fn new(client: Option<Direction>, is_joined: bool, began: EventTime) -> Self {
        let side = || Side { records: Records::new(), joiner: Joiner::default(), is_sealed: false, bytes: 0 };
        Self {
            transport: Transport::Tcp,
            sides: [side(), side()],
            client,
            is_joined,
            began,
            has_offer: false,
            has_answer: false,
            facts: Arc::default(),
            session_id: Box::default(),
            anomalies: AnomalySet::EMPTY,
            has_holes: false,
            was_read: false,
            opening: None,
        }
    }

    /// A connection over QUIC whose first packet came at `began`: its messages come without records.
    pub(super) fn over_quic(began: EventTime) -> Self {
        let client = Some(Direction::FromInitiator);
        Self { transport: Transport::Quic, ..Self::new(client, false, began) }
    }

    /// Takes a message that came without a record; false where no connection begins with it.
    pub(super) fn take(&mut self, direction: Direction, message: &Message, shared: &mut TlsShared) -> bool {
        let is_hello = matches!(message.kind, kind::CLIENT_HELLO | kind::SERVER_HELLO);
        let is_taken = is_hello && self.message(direction, message, shared).is_ok();
        if !is_taken {
            self.malformed(shared);
        }
        is_taken
    }

    /// What came without a record makes no sense.
    pub(super) fn refuse(&mut self, shared: &mut TlsShared) {
        self.malformed(shared);
    }

    /// Bytes that came without a record.
    pub(super) fn count(&mut self, direction: Direction, bytes: u64) {
        self.sides[direction.index()].bytes += bytes;
    }

    /// Whether the client's hello was read.
    pub(super) fn is_offered(&self) -> bool {
        self.has_offer
    }

    /// What is known of it.
    pub fn facts(&self) -> &Arc<Facts> {
        &self.facts
    }

    /// The direction of the client, as far as it is known.
    pub fn client(&self) -> Option<Direction> {
        self.client
    }

    /// Whether its bytes cannot be read, for now at least.
    pub fn is_dark(&self) -> bool {
        self.opening.is_none()
    }

    /// Whether both sides agreed on TLS.
    pub fn is_answered(&self) -> bool {
        self.has_answer
    }

    /// Whether anything inside was read.
    pub fn was_read(&self) -> bool {
        self.was_read
    }

    /// The next bytes in one direction.
    pub fn data(&mut self, direction: Direction, at: EventTime, mut bytes: &[u8], shared: &mut TlsShared) {
        let place = direction.index();
        self.sides[place].bytes += bytes.len() as u64;
        while let Some(piece) = self.sides[place].records.next(&mut bytes) {
            match piece {
                Piece::Malformed => self.malformed(shared),
                Piece::Part { header, bytes, first, last } => {
                    let part = Part { direction, at, header, bytes, first, last };
                    if self.part(&part, shared).is_err() {
                        self.malformed(shared);
                    }
                }
            }
        }
    }

    /// `missing` bytes will not come in this direction.
    pub fn gap(&mut self, direction: Direction, at: EventTime, missing: u64, shared: &mut TlsShared) {
        let side = &mut self.sides[direction.index()];
        let is_known = side.records.gap(missing);
        side.joiner.lost();
        // What is lost of an open connection costs nothing that is known of the handshake.
        self.has_holes |= !(side.is_sealed || self.has_offer && self.has_answer);
        let speaker = self.speaker(direction);
        if let Some(opening) = &mut self.opening {
            opening.lost(direction, speaker, is_known);
            if self.was_read {
                shared.clear.gap(direction, at, missing);
            }
        }
    }

    /// The connection is over; what was not read of it is told. `ordinal` counts the messages of its flow before it.
    pub fn closed(
        mut self,
        flow: &mut FlowInfo,
        at: EventTime,
        (ordinal, proxied_for): (u32, Option<IpAddr>),
        shared: &mut TlsShared,
    ) {
        self.stop_opening(shared);
        let is_tls = self.has_offer || self.has_answer || !self.anomalies.contains(Anomaly::TlsMalformed);
        if self.was_read || !is_tls {
            return;
        }
        let client = self.client.unwrap_or(Direction::FromInitiator);
        let [client_end, server_end]: [Endpoint; 2] = match client {
            Direction::FromInitiator => [flow.initiator, flow.responder],
            Direction::FromResponder => [flow.responder, flow.initiator],
        };
        self.anomalies.merge(flow.anomalies.take());
        shared.counters.tls.unread += 1;
        shared.connections.push(Seen {
            client: client_end,
            server: server_end,
            proxied_for,
            vlans: flow.vlans,
            tunnel: flow.tunnel,
            flow_opened_at: flow.opened_at,
            ordinal,
            transport: self.transport,
            time: self.began,
            end: at,
            bytes: [client, client.opposite()].map(|direction| self.sides[direction.index()].bytes),
            completeness: self.completeness(),
            anomalies: self.anomalies,
            facts: self.facts,
        });
    }

    /// A part of a record's body.
    fn part(&mut self, part: &Part<'_>, shared: &mut TlsShared) -> Result<(), Malformed> {
        let Part { direction, header: [kind, ..], last, .. } = *part;
        match kind {
            SSL2_HELLO if last => self.hello_of_ssl2(direction, shared),
            HANDSHAKE => self.handshake(part, shared)?,
            // In TLS 1.3 it means nothing (RFC 8446 appendix D.4).
            CHANGE_CIPHER_SPEC if last && self.facts.version != Some(TLS_1_3) => {
                self.change_cipher(direction, shared);
            }
            _ => {}
        }
        if self.opening.is_some() {
            self.open(part, shared);
        }
        Ok(())
    }

    /// A part of a handshake record that is in the clear, or was until now.
    fn handshake(&mut self, part: &Part<'_>, shared: &mut TlsShared) -> Result<(), Malformed> {
        let Part { direction, mut bytes, .. } = *part;
        let has_begun = self.has_offer || self.has_answer;
        let side = &mut self.sides[direction.index()];
        if self.is_joined && !has_begun && side.joiner.is_idle() && matches!(bytes.first(), Some(0 | 3..)) {
            side.is_sealed = true;
        }
        if side.is_sealed || side.joiner.is_broken() {
            return Ok(());
        }
        while let Some(joined) = self.sides[direction.index()].joiner.next(&mut bytes) {
            let Joined::Message(message) = joined else { return Err(Malformed) };
            let turn = self.message(direction, &message, shared)?;
            self.turn(&turn, shared);
        }
        Ok(())
    }

    /// From here on this direction is sealed. A server that does so without a certificate goes on with an old session.
    fn change_cipher(&mut self, direction: Direction, shared: &mut TlsShared) {
        self.sides[direction.index()].is_sealed = true;
        let is_server = self.client == Some(direction.opposite());
        if is_server && self.has_answer && self.facts.is_resumed.is_none() && !self.has_holes {
            let is_resumed = self.facts.server_certificate.is_none() && !self.session_id.is_empty();
            Arc::make_mut(&mut self.facts).is_resumed = Some(is_resumed);
        }
        shared.alike.share(&mut self.facts);
    }

    /// A client that also speaks SSL 2, or nothing else. Its hello is recognised, and not read.
    fn hello_of_ssl2(&mut self, direction: Direction, shared: &mut TlsShared) {
        shared.counters.tls.client_hellos += 1;
        self.client = self.client.or(Some(direction));
        self.has_offer = true;
    }

    /// Who speaks in a direction.
    fn speaker(&self, direction: Direction) -> Speaker {
        if self.client == Some(direction.opposite()) { Speaker::Server } else { Speaker::Client }
    }

    fn completeness(&self) -> Completeness {
        match (self.has_offer, self.has_answer) {
            _ if self.has_holes => Completeness::Gap,
            (true, true) => Completeness::Whole,
            (true, false) => Completeness::RequestOnly,
            (false, true) => Completeness::ResponseOnly,
            (false, false) => Completeness::Gap,
        }
    }

    fn malformed(&mut self, shared: &mut TlsShared) {
        for side in &mut self.sides {
            side.records.give_up();
        }
        self.stop_opening(shared);
        // In the middle of a flow anything may look like a record for once.
        let is_certain = !self.is_joined || self.has_offer || self.has_answer;
        if is_certain {
            shared.counters.anomalies.count(Anomaly::TlsMalformed);
        }
        self.anomalies.insert(Anomaly::TlsMalformed);
    }
}

#[cfg(test)]
mod tests;
