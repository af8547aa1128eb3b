//! One flow's HTTP: finds out what the flow carries and hands its bytes to the right reader.
//! It is given a flow's bytes, gaps and ends by `flow` and feeds a `Connection`, or nobody.
//! It promises to know HTTP by its content on any port, and to cost next to nothing on flows that carry none.

use super::HttpShared;
use super::connection::{Connection, Context, Fate, flag_flow};
use super::encrypted::Encrypted;
use super::h2::{self, Recognised, Sender};
use super::opening::{self, Opening};
use super::preamble::{self, Preamble};
use super::seen::Bytes;
use super::services::ServiceKind;
use crate::flow::{CloseReason, Direction, FlowInfo, Kept, Origin, StreamHandler};
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::time::EventTime;
use std::net::IpAddr;

/// A tunnel in a tunnel in a tunnel: deeper ones are left alone.
const TUNNELS_MAX: u8 = 4;

/// The HTTP reader of one flow.
#[derive(Debug)]
pub struct HttpHandler {
    state: State,
    tunnels: u8,
    /// The source that a PROXY preamble named, for every exchange of the connection.
    proxied_for: Option<IpAddr>,
}

#[derive(Debug)]
enum State {
    /// It is not yet known what the flow carries.
    Looking(Box<Look>),
    /// HTTP/1.
    Http1(Box<Connection>),
    /// HTTP/2.
    Http2(Box<h2::Connection>),
    /// TLS.
    Tls(Box<Encrypted>),
    /// Not HTTP, or no longer: bytes are ignored.
    Opaque,
}

/// The search for a protocol.
#[derive(Debug)]
struct Look {
    /// First bytes of each direction, too few to tell.
    held: [Held; 2],
    /// The flow's beginning was not seen: anything may come before the first message.
    joining: bool,
    /// Nothing was read yet of a connection that was seen from its beginning: a PROXY preamble may come.
    fresh: bool,
    /// The side that sends requests, when that is certain.
    client: Option<Direction>,
    /// The next exchange's ordinal; not 0 inside a tunnel.
    ordinal: u32,
    seen: bool,
}

#[derive(Debug)]
struct Held {
    bytes: Vec<u8>,
    since: EventTime,
}

impl Look {
    fn kept_bytes(&self) -> usize {
        self.held.iter().map(|held| held.bytes.len()).sum()
    }
}

/// What looks like frames of HTTP/2 is.
enum Frames {
    /// Frames of the connection of this client; and of which directions, requests and answers, the beginning was missed.
    Of(Direction, [bool; 2]),
    /// More bytes will tell.
    Short,
    /// Something else.
    Other,
}

impl StreamHandler for HttpHandler {
    type Shared = HttpShared;

    fn opened(flow: &FlowInfo, _shared: &mut HttpShared) -> Self {
        let certain = flow.origin == Origin::Handshake;
        let client = certain.then_some(Direction::FromInitiator);
        let look = Look { fresh: certain, ..Look::new(!certain, client, 0) };
        Self { state: State::Looking(Box::new(look)), tunnels: 0, proxied_for: None }
    }

    fn data(
        &mut self,
        flow: &mut FlowInfo,
        direction: Direction,
        at: EventTime,
        bytes: &[u8],
        shared: &mut HttpShared,
    ) {
        let mut cx = Context { flow, shared, proxied_for: self.proxied_for };
        self.take(&mut cx, direction, at, bytes);
        let delivered = bytes.len() as u64;
        let is_dark = matches!(&self.state, State::Tls(encrypted) if encrypted.is_dark());
        let encrypted = if is_dark { delivered } else { 0 };
        shared.counters.sight.encrypted_bytes += encrypted;
        shared.seen.count(at, Bytes { delivered, encrypted, ..Bytes::default() });
    }

    fn gap(
        &mut self,
        flow: &mut FlowInfo,
        direction: Direction,
        at: EventTime,
        missing: u64,
        shared: &mut HttpShared,
    ) {
        shared.seen.count(at, Bytes { missing, ..Bytes::default() });
        self.miss(&mut Context { flow, shared, proxied_for: self.proxied_for }, direction, at, missing);
    }

    fn half_closed(
        &mut self,
        flow: &mut FlowInfo,
        direction: Direction,
        at: EventTime,
        shared: &mut HttpShared,
    ) {
        self.end_half(&mut Context { flow, shared, proxied_for: self.proxied_for }, direction, at);
    }

    fn kept(&self) -> Kept {
        match &self.state {
            State::Looking(look) => Kept { messages: look.kept_bytes(), standing: size_of::<Look>() },
            State::Http1(connection) => {
                Kept { messages: connection.kept_bytes(), standing: size_of::<Connection>() }
            }
            State::Http2(connection) => connection.kept(),
            State::Tls(encrypted) => encrypted.kept(),
            State::Opaque => Kept::default(),
        }
    }

    /// Fields of HTTP/2 name what was said before; sealed records are opened one after the other.
    fn is_worth_keeping(&self) -> bool {
        match &self.state {
            State::Http2(_) => true,
            State::Tls(encrypted) => !encrypted.is_dark(),
            State::Looking(_) | State::Http1(_) | State::Opaque => false,
        }
    }

    fn closed(self, mut flow: FlowInfo, at: EventTime, reason: CloseReason, shared: &mut HttpShared) {
        let mut cx = Context { flow: &mut flow, shared, proxied_for: self.proxied_for };
        self.end(&mut cx, at, reason);
    }
}

impl HttpHandler {
    /// For the inside of a connection whose client is known, after `ordinal` messages, inside so many tunnels.
    pub(super) fn inside(client: Option<Direction>, (ordinal, tunnels): (u32, u8)) -> Self {
        let look = Look::new(false, client, ordinal);
        Self { state: State::Looking(Box::new(look)), tunnels, proxied_for: None }
    }

    fn take(&mut self, cx: &mut Context<'_>, direction: Direction, at: EventTime, bytes: &[u8]) {
        match &mut self.state {
            State::Opaque if opening::is_client_hello(bytes) => self.start_tls(cx, direction, at, bytes),
            State::Opaque => {}
            State::Looking(_) => self.look(cx, direction, at, bytes),
            State::Http1(connection) => {
                let fate = connection.data(cx, direction, at, bytes);
                self.turn(cx, at, fate);
            }
            State::Http2(connection) => connection.data(cx, direction, at, bytes),
            State::Tls(encrypted) => encrypted.data(cx, direction, at, bytes),
        }
    }

    /// Bytes that will not come.
    pub(super) fn miss(&mut self, cx: &mut Context<'_>, direction: Direction, at: EventTime, missing: u64) {
        match &mut self.state {
            State::Opaque => {}
            State::Looking(look) => {
                look.seen = true;
                look.joining = true;
                // What is left of a preamble names nobody.
                look.fresh = false;
                look.take(direction);
            }
            State::Http1(connection) => {
                let fate = connection.gap(cx, direction, at, missing);
                self.turn(cx, at, fate);
            }
            State::Http2(connection) => connection.gap(cx, direction, at, missing),
            State::Tls(encrypted) => encrypted.gap(cx, direction, at, missing),
        }
    }

    /// A direction is over.
    pub(super) fn end_half(&mut self, cx: &mut Context<'_>, direction: Direction, at: EventTime) {
        match &mut self.state {
            State::Looking(_) | State::Opaque => {}
            State::Http1(connection) => connection.half_closed(cx, direction, at),
            State::Http2(connection) => connection.half_closed(cx, direction, at),
            State::Tls(encrypted) => encrypted.half_closed(cx, direction, at),
        }
    }

    /// Everything is over.
    pub(super) fn end(self, cx: &mut Context<'_>, at: EventTime, reason: CloseReason) {
        match self.state {
            State::Looking(look) if look.seen && look.ordinal == 0 => count(cx, ServiceKind::Unknown),
            State::Looking(_) | State::Opaque => {}
            State::Http1(connection) => connection.closed(cx, at, reason),
            State::Http2(connection) => connection.closed(cx, at, reason),
            State::Tls(encrypted) => encrypted.closed(cx, at, reason),
        }
    }

    /// Bytes of a flow whose protocol is not known.
    fn look(&mut self, cx: &mut Context<'_>, direction: Direction, at: EventTime, bytes: &[u8]) {
        let State::Looking(look) = &mut self.state else { return };
        look.seen = true;
        if look.fresh && direction == Direction::FromInitiator {
            return self.preamble(cx, at, bytes);
        }
        let held = &look.held[direction.index()];
        // Cheap enough: no more bytes are ever held than tell what they are.
        let joined = if held.bytes.is_empty() { Vec::new() } else { [&held.bytes, bytes].concat() };
        let all = if joined.is_empty() { bytes } else { &joined };
        let mut http2 = None;
        let client = match opening::opening(all) {
            Opening::Request => direction,
            Opening::Response => direction.opposite(),
            Opening::Http2 => {
                http2 = Some([false, look.joining]);
                direction
            }
            Opening::Frames => match look.frames(direction, all) {
                Frames::Of(client, joined) => {
                    http2 = Some(joined);
                    client
                }
                Frames::Short => return look.keep(direction, at, bytes),
                Frames::Other if !look.joining => return self.give_up(cx, ServiceKind::Unknown),
                Frames::Other => {
                    let (held, _) = look.take(direction);
                    if !held.is_empty() {
                        // What was held is none; this piece alone may begin some.
                        self.look(cx, direction, at, bytes);
                    }
                    return;
                }
            },
            // A record's header may come in pieces, in the middle of a flow, too.
            Opening::Short if !look.joining || opening::promising(bytes) || bytes.first() == Some(&0x16) => {
                return look.hold(direction, at, bytes);
            }
            // In the middle of a flow this piece may be part of anything; the next one may start a message.
            Opening::Short | Opening::Other | Opening::Socks if look.joining => {
                look.take(direction);
                return;
            }
            Opening::Socks => {
                // The relay's own words come first: whatever is HTTP after them shows itself.
                look.take(direction);
                look.joining = true;
                return;
            }
            Opening::Short | Opening::Other => return self.give_up(cx, ServiceKind::Unknown),
            Opening::Tls => return self.encrypted(cx, direction, at, bytes),
        };
        if look.client.is_some_and(|certain| certain != client) {
            return self.give_up(cx, ServiceKind::Unknown);
        }
        let held = [client, client.opposite()].map(|side| (side, look.take(side)));
        self.state = match http2 {
            Some(joined) => State::Http2(Box::new(h2::Connection::new(client, joined, look.ordinal))),
            None => State::Http1(Box::new(Connection::new(client, look.joining, look.ordinal))),
        };
        for (side, (bytes, since)) in held {
            self.feed(cx, side, since, &bytes);
        }
        self.feed(cx, direction, at, bytes);
    }

    /// The first bytes of the side that opened the connection.
    fn preamble(&mut self, cx: &mut Context<'_>, at: EventTime, bytes: &[u8]) {
        let State::Looking(look) = &mut self.state else { return };
        let held = &look.held[Direction::FromInitiator.index()].bytes;
        let before = held.len();
        let found =
            if held.is_empty() { preamble::read(bytes) } else { preamble::read(&[held, bytes].concat()) };
        let end = match found {
            Preamble::Short => return look.keep(Direction::FromInitiator, at, bytes),
            Preamble::None => {
                look.fresh = false;
                let (held, since) = look.take(Direction::FromInitiator);
                self.feed(cx, Direction::FromInitiator, since, &held);
                return self.feed(cx, Direction::FromInitiator, at, bytes);
            }
            Preamble::Endless => {
                flag_flow(cx, Anomaly::HttpProxyPreamble);
                return self.give_up(cx, ServiceKind::Unknown);
            }
            Preamble::Broken { bytes } => {
                flag_flow(cx, Anomaly::HttpProxyPreamble);
                bytes
            }
            Preamble::Whole { bytes, source } => {
                self.proxied_for = source;
                cx.proxied_for = source;
                bytes
            }
        };
        look.fresh = false;
        look.take(Direction::FromInitiator);
        // What was held was too short: the preamble ends within these bytes.
        let rest = bytes.get(end.saturating_sub(before)..).unwrap_or(&[]);
        self.feed(cx, Direction::FromInitiator, at, rest);
    }

    /// What the connection's last bytes did to the flow.
    fn turn(&mut self, cx: &mut Context<'_>, at: EventTime, fate: Fate<'_>) {
        let State::Http1(connection) = &mut self.state else { return };
        match fate {
            Fate::GoesOn if connection.is_barren() => {
                // A line that looked like a message's start in the middle of something else.
                self.state = State::Looking(Box::new(Look { seen: true, ..Look::new(true, None, 0) }));
            }
            Fate::GoesOn => {}
            Fate::Opaque => self.state = State::Opaque,
            Fate::Http2 { request, ahead, since, rest } => {
                let (client, ordinal) = (connection.client(), connection.ordinal());
                let connection = h2::Connection::upgraded(client, ordinal, *request);
                self.state = State::Http2(Box::new(connection));
                self.feed(cx, client, since, &ahead);
                self.feed(cx, client.opposite(), at, rest);
            }
            Fate::Tunnel { .. } if self.tunnels >= TUNNELS_MAX => self.state = State::Opaque,
            Fate::Tunnel { ahead, since, rest } => {
                self.tunnels += 1;
                let (client, ordinal) = (connection.client(), connection.ordinal());
                self.state = State::Looking(Box::new(Look::new(false, Some(client), ordinal)));
                // The client's bytes first: it speaks first in TLS and in HTTP.
                self.feed(cx, client, since, &ahead);
                self.feed(cx, client.opposite(), at, rest);
            }
        }
    }

    /// The first bytes of a TLS connection.
    fn encrypted(&mut self, cx: &mut Context<'_>, direction: Direction, at: EventTime, bytes: &[u8]) {
        let State::Looking(look) = &mut self.state else { return };
        let held = [direction.opposite(), direction].map(|side| (side, look.take(side)));
        let began =
            held.iter().filter(|(_, (bytes, _))| !bytes.is_empty()).map(|(_, (_, since))| *since).min();
        let place = (look.ordinal, self.tunnels);
        self.state =
            State::Tls(Box::new(Encrypted::new(look.client, look.joining, began.unwrap_or(at), place)));
        for (side, (bytes, since)) in held {
            self.feed(cx, side, since, &bytes);
        }
        self.feed(cx, direction, at, bytes);
    }

    /// Another protocol goes on under TLS; the connection was counted.
    fn start_tls(&mut self, cx: &mut Context<'_>, direction: Direction, at: EventTime, bytes: &[u8]) {
        let place = (1, self.tunnels);
        self.state = State::Tls(Box::new(Encrypted::new(Some(direction), false, at, place)));
        self.feed(cx, direction, at, bytes);
    }

    /// Bytes, if there are any.
    pub(super) fn feed(&mut self, cx: &mut Context<'_>, direction: Direction, at: EventTime, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.take(cx, direction, at, bytes);
        }
    }

    /// Nothing to read here.
    fn give_up(&mut self, cx: &mut Context<'_>, kind: ServiceKind) {
        if matches!(&self.state, State::Looking(look) if look.ordinal == 0) {
            count(cx, kind);
        }
        self.state = State::Opaque;
    }
}

impl Look {
    fn new(joining: bool, client: Option<Direction>, ordinal: u32) -> Self {
        let held = || Held { bytes: Vec::new(), since: EventTime::ZERO };
        Self { held: [held(), held()], joining, fresh: false, client, ordinal, seen: false }
    }

    /// Frames without the client's preface: those of a server that speaks first, or of a connection joined late.
    fn frames(&self, direction: Direction, bytes: &[u8]) -> Frames {
        if !self.joining {
            // A client begins with its own preface, or speaks something else.
            if self.client == Some(direction) {
                return Frames::Other;
            }
            return match h2::is_server_preface(bytes) {
                Some(true) => Frames::Of(direction.opposite(), [false; 2]),
                Some(false) => Frames::Other,
                None => Frames::Short,
            };
        }
        match h2::recognise(bytes) {
            Recognised::Frames(Sender::Client) => Frames::Of(direction, [true; 2]),
            Recognised::Frames(Sender::Server) => Frames::Of(direction.opposite(), [true; 2]),
            Recognised::Short => Frames::Short,
            Recognised::Other => Frames::Other,
        }
    }

    /// Keeps bytes until more of them tell; empty lines before a message tell nothing.
    fn hold(&mut self, direction: Direction, at: EventTime, bytes: &[u8]) {
        let empty = self.held[direction.index()].bytes.is_empty();
        self.keep(direction, at, if empty { opening::skip_newlines(bytes) } else { bytes });
    }

    /// Keeps bytes as they are.
    fn keep(&mut self, direction: Direction, at: EventTime, bytes: &[u8]) {
        let held = &mut self.held[direction.index()];
        if held.bytes.is_empty() {
            held.since = at;
        }
        held.bytes.extend_from_slice(bytes);
    }

    fn take(&mut self, direction: Direction) -> (Vec<u8>, EventTime) {
        let held = &mut self.held[direction.index()];
        (std::mem::take(&mut held.bytes), held.since)
    }
}

/// Counts the flow as a connection of its responder.
fn count(cx: &mut Context<'_>, kind: ServiceKind) {
    cx.shared.services.count(cx.flow.responder, None, kind);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_flow_is_small() {
        assert!(size_of::<HttpHandler>() <= 40, "{}", size_of::<HttpHandler>());
        assert!(size_of::<Connection>() <= 256, "{}", size_of::<Connection>());
        assert!(size_of::<h2::Connection>() <= 512, "{}", size_of::<h2::Connection>());
    }
}
