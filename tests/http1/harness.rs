//! A wire for one flow: what each side sends, in order, and the exchanges that come of it, one line each.

#![allow(dead_code, reason = "tests of both versions of HTTP use their own part of it")]

use heelguard::decode::{Endpoint, Tunnel, Vlans};
use heelguard::flow::{CloseReason, Direction, FlowInfo, Origin, StreamHandler};
use heelguard::http::{Config, Exchange, HttpHandler, HttpShared, Message};
use heelguard_detectors::anomaly::{Anomaly, AnomalySet};
use heelguard_detectors::time::EventTime;
use std::time::Duration;

/// One flow and what was found in it.
pub(crate) struct Wire {
    handler: HttpHandler,
    pub(crate) flow: FlowInfo,
    pub(crate) shared: HttpShared,
    now: EventTime,
}

impl Wire {
    pub(crate) fn new() -> Self {
        Self::with(Config::default(), Origin::Handshake)
    }

    pub(crate) fn midstream() -> Self {
        Self::with(Config::default(), Origin::Midstream)
    }

    pub(crate) fn with(config: Config, origin: Origin) -> Self {
        let end = |last, port| Endpoint { ip: [10, 0, 0, last].into(), port };
        let now = EventTime::from_secs(1);
        let flow = FlowInfo {
            initiator: end(1, 40_000),
            responder: end(2, 80),
            vlans: Vlans::default(),
            tunnel: Tunnel::default(),
            opened_at: now,
            origin,
            anomalies: AnomalySet::EMPTY,
        };
        let mut shared = HttpShared::new(config);
        Self { handler: HttpHandler::opened(&flow, &mut shared), flow, shared, now }
    }

    /// The client sends one segment.
    pub(crate) fn client(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.send(Direction::FromInitiator, bytes.as_ref())
    }

    /// The server sends one segment.
    pub(crate) fn server(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.send(Direction::FromResponder, bytes.as_ref())
    }

    pub(crate) fn send(&mut self, direction: Direction, bytes: &[u8]) -> &mut Self {
        self.tick();
        self.handler.data(&mut self.flow, direction, self.now, bytes, &mut self.shared);
        self
    }

    /// Bytes of the client that will not come.
    pub(crate) fn client_gap(&mut self, missing: u64) -> &mut Self {
        self.gap(Direction::FromInitiator, missing)
    }

    /// Bytes of the server that will not come.
    pub(crate) fn server_gap(&mut self, missing: u64) -> &mut Self {
        self.gap(Direction::FromResponder, missing)
    }

    fn gap(&mut self, direction: Direction, missing: u64) -> &mut Self {
        self.tick();
        self.flow.anomalies.insert(Anomaly::TcpGap);
        self.handler.gap(&mut self.flow, direction, self.now, missing, &mut self.shared);
        self
    }

    pub(crate) fn client_fin(&mut self) -> &mut Self {
        self.fin(Direction::FromInitiator)
    }

    pub(crate) fn server_fin(&mut self) -> &mut Self {
        self.fin(Direction::FromResponder)
    }

    fn fin(&mut self, direction: Direction) -> &mut Self {
        self.tick();
        self.handler.half_closed(&mut self.flow, direction, self.now, &mut self.shared);
        self
    }

    fn tick(&mut self) {
        self.now = self.now.after(Duration::from_millis(1));
    }

    /// Ends the flow in order.
    pub(crate) fn close(&mut self) -> HttpShared {
        self.end(CloseReason::Fin)
    }

    /// Ends the flow for `reason` and starts a fresh one in its place.
    pub(crate) fn end(&mut self, reason: CloseReason) -> HttpShared {
        self.tick();
        let fresh = HttpHandler::opened(&self.flow, &mut self.shared);
        let handler = std::mem::replace(&mut self.handler, fresh);
        handler.closed(self.flow.clone(), self.now, reason, &mut self.shared);
        let config = self.shared.config.clone();
        std::mem::replace(&mut self.shared, HttpShared::new(config))
    }

    /// Ends the flow in order and shows what was found.
    pub(crate) fn lines(&mut self) -> String {
        show(&self.close())
    }
}

/// All exchanges, one line each: `#ordinal method target -> status completeness [anomalies]`,
/// with body lengths where there are any, `?` behind those that are not complete.
pub(crate) fn show(shared: &HttpShared) -> String {
    shared.exchanges.iter().map(|exchange| line(exchange) + "\n").collect()
}

pub(crate) fn line(exchange: &Exchange) -> String {
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let body = |message: &Message| match (message.body.bytes, message.body.complete) {
        (0, true) => String::new(),
        (bytes, complete) => format!("({bytes}{})", if complete { "" } else { "?" }),
    };
    let request = exchange
        .request
        .as_ref()
        .map_or_else(|| "-".to_owned(), |m| format!("{} {}{}", text(m.method()), text(m.target()), body(m)));
    let response =
        exchange.response.as_ref().map_or_else(|| "-".to_owned(), |m| format!("{}{}", m.status(), body(m)));
    let anomalies: Vec<&str> = exchange.anomalies.iter().map(Anomaly::name).collect();
    let anomalies = if anomalies.is_empty() { String::new() } else { format!(" [{}]", anomalies.join(" ")) };
    let completeness = exchange.completeness.name();
    format!("#{} {request} -> {response} {completeness}{anomalies}", exchange.ordinal)
}
