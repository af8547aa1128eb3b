//! A connection under TLS: what is sealed is counted, what is opened is read as if it had come in the clear.
//! It is given a flow's bytes and gaps, and looks for HTTP inside as `HttpHandler` does outside.
//! It promises that an exchange says by which handshake it was covered, and that a connection counts once.

use super::HttpHandler;
use super::connection::Context;
use super::services::ServiceKind;
use crate::flow::{CloseReason, Direction, Kept, StreamHandler};
use crate::tls::{Connection, Inside};
use heelguard_detectors::time::EventTime;

/// The reader of one connection.
pub(super) struct Encrypted {
    connection: Connection,
    /// Absent until something inside is read.
    inside: Option<HttpHandler>,
    /// Messages in the flow before this one.
    ordinal: u32,
    tunnels: u8,
    /// Whether the connection was counted for its service.
    is_counted: bool,
}

impl std::fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encrypted").field("inside", &self.inside).finish_non_exhaustive()
    }
}

impl Encrypted {
    /// Messages and tables inside, and handshake messages that are not whole; what waits to be made clear has limits of
    /// its own.
    pub(super) fn kept(&self) -> Kept {
        let inside = self.inside.as_ref().map_or_else(Kept::default, StreamHandler::kept);
        let messages = inside.messages + self.connection.kept_bytes();
        Kept { messages, standing: inside.standing + size_of::<Self>() }
    }

    /// A connection whose first bytes came at `began`; `client` is the side that must begin, where that is certain.
    pub(super) fn new(
        client: Option<Direction>,
        is_joined: bool,
        began: EventTime,
        (ordinal, tunnels): (u32, u8),
    ) -> Self {
        let connection = Connection::new(client, is_joined, began);
        Self { connection, inside: None, ordinal, tunnels, is_counted: ordinal > 0 }
    }

    /// Whether its bytes are not read.
    pub(super) fn is_dark(&self) -> bool {
        self.connection.is_dark()
    }

    pub(super) fn data(&mut self, cx: &mut Context<'_>, direction: Direction, at: EventTime, bytes: &[u8]) {
        self.connection.data(direction, at, bytes, &mut cx.shared.tls);
        self.read(cx);
        if self.connection.is_answered() && self.connection.is_dark() {
            self.count(cx);
        }
    }

    pub(super) fn gap(&mut self, cx: &mut Context<'_>, direction: Direction, at: EventTime, missing: u64) {
        self.connection.gap(direction, at, missing, &mut cx.shared.tls);
        self.read(cx);
    }

    pub(super) fn half_closed(&mut self, cx: &mut Context<'_>, direction: Direction, at: EventTime) {
        self.connection.wait_no_more(at, &mut cx.shared.tls);
        self.read(cx);
        if let Some(inside) = &mut self.inside {
            let before = cx.shared.exchanges.len();
            inside.end_half(cx, direction, at);
            self.cover(cx, before);
        }
    }

    pub(super) fn closed(mut self, cx: &mut Context<'_>, at: EventTime, reason: CloseReason) {
        self.connection.wait_no_more(at, &mut cx.shared.tls);
        self.read(cx);
        self.count(cx);
        if let Some(inside) = self.inside.take() {
            let before = cx.shared.exchanges.len();
            inside.end(cx, at, reason);
            self.cover(cx, before);
        }
        self.connection.closed(cx.flow, at, (self.ordinal, cx.proxied_for), &mut cx.shared.tls);
    }

    /// Reads what became readable.
    fn read(&mut self, cx: &mut Context<'_>) {
        if cx.shared.tls.clear.is_empty() {
            return;
        }
        let (client, place) = (self.connection.client(), (self.ordinal, self.tunnels));
        let inside = self.inside.get_or_insert_with(|| HttpHandler::inside(client, place));
        let before = cx.shared.exchanges.len();
        // What is read may be TLS once more, which puts its own clear bytes there.
        let clear = std::mem::take(&mut cx.shared.tls.clear);
        for (direction, at, what) in clear.pieces() {
            match what {
                Inside::Bytes(bytes) => inside.feed(cx, direction, at, bytes),
                Inside::Gap(missing) => inside.miss(cx, direction, at, missing),
            }
        }
        cx.shared.tls.clear = clear.emptied();
        self.cover(cx, before);
    }

    /// Says of the exchanges from `before` on what covered them.
    fn cover(&self, cx: &mut Context<'_>, before: usize) {
        for exchange in cx.shared.exchanges.iter_mut().skip(before) {
            // Of TLS inside TLS the inner one is meant.
            exchange.tls.get_or_insert_with(|| self.connection.facts().clone());
        }
    }

    /// Counts the connection as one that could not be read, unless it was.
    fn count(&mut self, cx: &mut Context<'_>) {
        if self.connection.was_read() || std::mem::replace(&mut self.is_counted, true) {
            return;
        }
        let is_reversed = self.connection.client() == Some(Direction::FromResponder);
        let server = if is_reversed { cx.flow.initiator } else { cx.flow.responder };
        cx.shared.services.count(server, self.connection.facts().sni.as_deref(), ServiceKind::Tls);
    }
}
