//! Both ends of an HTTP/2 connection: frames as they go over the wire, and what is told of them.

use crate::harness::{Wire, line};
use heelguard::http::{Exchange, HttpShared, Message};
use heelguard_detectors::transaction::Protocol;

#[path = "../../src/http/h2/hpack/tests/encoder.rs"]
pub(crate) mod encoder;

pub(crate) use encoder::{Encoder, Form};

/// What a client sends first.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;
pub(crate) const PRIORITY: u8 = 0x20;

/// One frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

pub(crate) fn settings(list: &[(u16, u32)]) -> Vec<u8> {
    let entry = |&(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(4, 0, 0, &list.iter().flat_map(entry).collect::<Vec<u8>>())
}

pub(crate) fn data(stream: u32, bytes: &[u8], end: bool) -> Vec<u8> {
    frame(0, u8::from(end), stream, bytes)
}

pub(crate) fn reset(stream: u32) -> Vec<u8> {
    frame(3, 0, stream, &8_u32.to_be_bytes())
}

pub(crate) fn ping() -> Vec<u8> {
    frame(6, 0, 0, &[0; 8])
}

/// One end.
#[derive(Default)]
pub(crate) struct Peer {
    pub(crate) encoder: Encoder,
}

impl Peer {
    /// HEADERS with these fields.
    pub(crate) fn headers(&mut self, stream: u32, fields: &[(&str, &str)], end: bool) -> Vec<u8> {
        let block = self.encoder.indexed(fields.iter().copied());
        frame(1, END_HEADERS | u8::from(end), stream, &block)
    }

    /// A GET with a bearer token.
    pub(crate) fn get(&mut self, stream: u32, path: &str, token: &str) -> Vec<u8> {
        let bearer = format!("Bearer {token}");
        let fields = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "api.test"),
            (":path", path),
            ("authorization", &bearer),
        ];
        self.headers(stream, &fields, true)
    }

    /// A POST whose body follows.
    pub(crate) fn post(&mut self, stream: u32, path: &str, content_type: &str) -> Vec<u8> {
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "api.test"),
            (":path", path),
            ("content-type", content_type),
        ];
        self.headers(stream, &fields, false)
    }

    /// An answer; its body follows unless `end`.
    pub(crate) fn answer(&mut self, stream: u32, status: &str, end: bool) -> Vec<u8> {
        self.headers(stream, &[(":status", status), ("content-type", "application/json")], end)
    }
}

/// A connection whose both ends have said hello.
pub(crate) fn connected() -> (Wire, Peer, Peer) {
    let mut wire = Wire::new();
    wire.client([PREFACE, &settings(&[])].concat()).server(settings(&[(3, 100)]));
    (wire, Peer::default(), Peer::default())
}

/// All exchanges, a line each: as `harness` shows them, with protocol, token and trailers.
pub(crate) fn told(shared: &HttpShared) -> String {
    shared.exchanges.iter().map(|exchange| format!("{}{}\n", line(exchange), more(exchange))).collect()
}

fn more(exchange: &Exchange) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut words = match exchange.protocol {
        Protocol::Http2 => String::new(),
        other => format!(" {}", other.name()),
    };
    let said =
        |message: &Message, name: &str| message.header(name).map(|value| format!(" {name}={}", text(value)));
    if let Some(request) = &exchange.request {
        words.extend(said(request, "authorization"));
    }
    if let Some(response) = &exchange.response {
        let trailers = response.trailers.iter();
        words.extend(trailers.map(|line| {
            format!(" {}={}", text(response.slice(&line.name)), text(response.slice(&line.value)))
        }));
        words.extend(response.body.messages.map(|count| format!(" messages={count}")));
    }
    words
}
