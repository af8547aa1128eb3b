//! Fields as messages: a head with its start line, and what trailers say.
//! It is given the fields of a block and gives the `Message` that identity reads, as it reads those of HTTP/1.
//! It promises an empty method or target, or status 0, where those are not known.

use super::super::{Body, Header, Message, StartLine};
use super::fields::{Fields, slice};
use heelguard_detectors::time::EventTime;

/// Trailers that are kept: how a gRPC call ended.
const OUTCOMES: [&[u8]; 2] = [b"grpc-status", b"grpc-message"];

/// The request that these fields are the head of.
pub(super) fn request(fields: Fields, first_byte: EventTime, last_byte: EventTime) -> Message {
    let Fields { text, lines, pseudo, .. } = fields;
    // A tunnel has no path; its target is where it leads (RFC 9113 section 8.5).
    let target = pseudo.path.or(pseudo
        .authority
        .filter(|_| pseudo.method.as_ref().is_some_and(|method| slice(&text, method) == b"CONNECT")));
    let start =
        StartLine::Request { method: pseudo.method.unwrap_or_default(), target: target.unwrap_or_default() };
    message(text, start, lines, first_byte, last_byte)
}

/// The answer that these fields are the head of.
pub(super) fn response(fields: Fields, first_byte: EventTime, last_byte: EventTime) -> Message {
    let status = status(&fields).unwrap_or(0);
    message(fields.text, StartLine::Response { status }, fields.lines, first_byte, last_byte)
}

/// The status, if it is known and is one.
pub(super) fn status(fields: &Fields) -> Option<u16> {
    let digits = slice(&fields.text, fields.pseudo.status.as_ref()?);
    let &[a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] = digits else { return None };
    Some(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
}

/// Whether the fields say all that a head of their kind must say (RFC 9113 sections 8.3.1, 8.3.2 and 8.5).
pub(super) fn has_its_due(fields: &Fields, is_request: bool) -> bool {
    let said = &fields.pseudo;
    if !is_request {
        return status(fields).is_some() && said.method.is_none() && said.path.is_none();
    }
    let Some(method) = &said.method else { return false };
    let path = said.path.as_ref().map(|path| slice(&fields.text, path));
    if slice(&fields.text, method) == b"CONNECT" {
        let tunnel = path.is_none() && said.scheme.is_none();
        return said.authority.is_some() && tunnel == said.protocol.is_none() && said.status.is_none();
    }
    let has_path = path.is_some_and(|path| path.starts_with(b"/") || path == b"*");
    has_path && said.scheme.is_some() && said.protocol.is_none() && said.status.is_none()
}

/// Adds what trailers say of a call's outcome.
pub(super) fn add_trailers(message: &mut Message, fields: &Fields) {
    for line in &fields.lines {
        let name = slice(&fields.text, &line.name);
        if OUTCOMES.contains(&name) && message.trailers.len() < OUTCOMES.len() {
            let start = message.head.len() as u32;
            message.head.extend_from_slice(name);
            let middle = message.head.len() as u32;
            message.head.extend_from_slice(slice(&fields.text, &line.value));
            let end = message.head.len() as u32;
            message.trailers.push(Header { name: start..middle, value: middle..end });
        }
    }
}

fn message(
    mut head: Vec<u8>,
    start: StartLine,
    headers: Vec<Header>,
    first_byte: EventTime,
    last_byte: EventTime,
) -> Message {
    head.extend_from_slice(b"\r\n");
    Message { head, start, headers, trailers: Vec::new(), first_byte, last_byte, body: Body::default() }
}
