//! One QUIC connection, from the client's first packet on.
//! It is given the datagrams of its path in order of arrival, and reads the hellos in those that it can open.
//! It promises that it is one connection whatever a server sends a client back for, and another one once a client begins
//! anew on the same path.
//!
//! Which keys: those of the connection id that the client began with hold for the Initial packets of both sides, under
//! whatever id they travel later (RFC 9001 section 5.2). After a Retry the client begins with the id that the server
//! gave it, and after a negotiation with one of its own; both open under keys of their own id.

use super::crypto::{Frames, Stream};
use super::packet;
use crate::decode::Segment;
use crate::decode::quic::{FIRST_ID_BYTES_MIN, ID_BYTES_MAX, Kind, Long, packets};
use crate::flow::{Direction, FlowInfo, Origin};
use crate::tls::{self, TlsShared};
use heelguard_detectors::anomaly::AnomalySet;
use heelguard_detectors::time::EventTime;

/// A connection id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Id {
    bytes: [u8; ID_BYTES_MAX],
    len: u8,
}

/// What a datagram is to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A packet of it was opened.
    Opened,
    /// It goes the connection's way, and says nothing that could be read.
    Nothing,
    /// The beginning of another one.
    Another,
}

/// The state of a connection.
pub(super) struct Connection {
    flow: FlowInfo,
    tls: tls::Connection,
    /// What its keys are made of.
    first_id: Id,
    /// The server asked the client to begin anew.
    is_sent_back: bool,
    streams: [Stream; 2],
    /// When its last datagram came.
    last: EventTime,
}

impl Connection {
    /// What begins with this datagram, if `take` opens it.
    pub(super) fn candidate(datagram: &Segment<'_>) -> Option<Self> {
        let first = packets(datagram.payload).next()?;
        Some(Self {
            flow: FlowInfo {
                initiator: datagram.src,
                responder: datagram.dst,
                vlans: datagram.vlans,
                tunnel: datagram.tunnel,
                opened_at: datagram.time,
                origin: Origin::Handshake,
                anomalies: AnomalySet::EMPTY,
            },
            tls: tls::Connection::over_quic(datagram.time),
            first_id: Id::of_first(&first)?,
            is_sent_back: false,
            streams: [Stream::default(), Stream::default()],
            last: datagram.time,
        })
    }

    /// The next datagram on its path.
    pub(super) fn take(
        &mut self,
        datagram: &Segment<'_>,
        scratch: &mut Vec<u8>,
        shared: &mut TlsShared,
    ) -> Found {
        let is_of_client = datagram.src == self.flow.initiator;
        let direction = if is_of_client { Direction::FromInitiator } else { Direction::FromResponder };
        let mut found = Found::Nothing;
        for packet in packets(datagram.payload) {
            match (packet.kind, direction) {
                (Kind::Initial, _) => match self.initial(direction, &packet, scratch, shared) {
                    Found::Another => return Found::Another,
                    Found::Opened => found = Found::Opened,
                    Found::Nothing => {}
                },
                (Kind::Retry, Direction::FromResponder) => {
                    self.is_sent_back |= packet::is_retry_of(&packet, self.first_id.bytes());
                }
                (Kind::Negotiation, Direction::FromResponder) => {
                    self.is_sent_back |= !self.tls.is_answered();
                }
                _ => {}
            }
        }
        self.tls.count(direction, bytes_of(datagram));
        self.last = datagram.time;
        found
    }

    /// When its last datagram came.
    pub(super) fn last(&self) -> EventTime {
        self.last
    }

    /// Bytes of the handshake that wait for others.
    pub(super) fn held_bytes(&self) -> usize {
        self.streams.iter().map(Stream::held_bytes).sum()
    }

    /// What is half read stays so.
    pub(super) fn give_up(&mut self) {
        self.streams.iter_mut().for_each(Stream::end_here);
    }

    /// It is over, and told.
    pub(super) fn closed(mut self, at: EventTime, shared: &mut TlsShared) {
        // Nothing is counted in here; the client's own number tells connections of one path and moment apart.
        let [a, b, c, d, ..] = self.first_id.bytes;
        self.tls.closed(&mut self.flow, at, (u32::from_be_bytes([a, b, c, d]), None), shared);
    }

    fn initial(
        &mut self,
        direction: Direction,
        packet: &Long<'_>,
        scratch: &mut Vec<u8>,
        shared: &mut TlsShared,
    ) -> Found {
        if let Some(frames) = packet::open(packet, direction, self.first_id.bytes(), scratch) {
            self.read(direction, frames, shared);
            return Found::Opened;
        }
        let anew =
            Id::of_first(packet).filter(|id| direction == Direction::FromInitiator && *id != self.first_id);
        if let Some(id) = anew
            && let Some(frames) = packet::open(packet, direction, id.bytes(), scratch)
        {
            if self.tls.is_offered() && !self.is_sent_back {
                return Found::Another;
            }
            (self.first_id, self.is_sent_back) = (id, false);
            self.streams = [Stream::default(), Stream::default()];
            self.read(direction, frames, shared);
            return Found::Opened;
        }
        shared.counters.quic.not_opened += 1;
        Found::Nothing
    }

    /// Reads the frames of an opened packet.
    fn read(&mut self, direction: Direction, frames: &[u8], shared: &mut TlsShared) {
        shared.counters.quic.opened += 1;
        let [of_client, of_server] = &mut self.streams;
        let stream = if direction == Direction::FromInitiator { of_client } else { of_server };
        if stream.is_over() {
            return;
        }
        for frame in Frames(frames) {
            let Ok((offset, bytes)) = frame else {
                self.tls.refuse(shared);
                return stream.end_here();
            };
            stream.add(offset, bytes);
        }
        while let Some(message) = stream.message() {
            if !self.tls.take(direction, &message, shared) {
                return stream.end_here();
            }
        }
        // The first hello of each side is the one that counts.
        let is_read = match direction {
            Direction::FromInitiator => self.tls.is_offered(),
            Direction::FromResponder => self.tls.is_answered(),
        };
        if is_read {
            stream.end_here();
        }
    }
}

impl Id {
    /// The id that a client began with, if it began with this packet.
    fn of_first(packet: &Long<'_>) -> Option<Self> {
        let id = packet.receiver_id;
        if packet.kind != Kind::Initial || id.len() < FIRST_ID_BYTES_MIN {
            return None;
        }
        let mut bytes = [0; ID_BYTES_MAX];
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        Some(Self { bytes, len: id.len() as u8 })
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

/// How long a datagram was on the wire.
pub(super) fn bytes_of(datagram: &Segment<'_>) -> u64 {
    datagram.payload.len() as u64 + u64::from(datagram.missing)
}
