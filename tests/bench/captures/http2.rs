//! Calls as HTTP/2 with prior knowledge (RFC 9113): what common clients and servers make of them.
//! It is given messages of HTTP/1 and writes frames: fields by HPACK with its table and Huffman's code, bodies in turns.
//! It promises one stream a call and the content of the messages, byte by byte.

use super::messages::Message;
use encoder::{Encoder, Form};
use heelguard::demo::{Call, Carriage, Said};
use std::collections::HashMap;

#[path = "../../../src/http/h2/hpack/tests/encoder.rs"]
mod encoder;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What a server writes of one body before it turns to the next.
const TURN_BYTES: usize = 8_192;
/// A client gives room back when it has read as much.
const ROOM_BYTES: usize = 32_768;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const CANCEL: u32 = 8;

/// What becomes of the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Answered,
    /// The client gives each up at once.
    Reset,
}

/// The connections that are open.
pub(super) struct Http2 {
    calls: Use,
    connections: HashMap<usize, Connection>,
}

struct Connection {
    requests: Encoder,
    responses: Encoder,
    next_stream: u32,
    /// Bytes that the client has read and not given room for.
    read: usize,
}

/// An answer that is being written.
struct Answering<'a> {
    stream: u32,
    body: &'a [u8],
}

impl Http2 {
    /// Every call is answered; those that go out together are answered in turns.
    pub(super) fn answered() -> Self {
        Self { calls: Use::Answered, connections: HashMap::new() }
    }

    /// Every call is given up at once, and nothing is answered.
    pub(super) fn reset() -> Self {
        Self { calls: Use::Reset, connections: HashMap::new() }
    }
}

impl Carriage for Http2 {
    fn port(&self) -> u16 {
        80
    }

    fn carry(&mut self, place: usize, is_new: bool, calls: &[Call], said: &mut Said) {
        said.clear();
        if is_new {
            self.connections.insert(place, Connection::new());
            open(said);
        }
        let Some(connection) = self.connections.get_mut(&place) else { return };
        connection.give_room(&mut said.client);
        let first = connection.next_stream;
        for call in calls {
            connection.request(&call.request, self.calls, &mut said.client);
        }
        if self.calls == Use::Answered {
            let bodies: Vec<Vec<u8>> =
                calls.iter().map(|call| Message::of(&call.response).body().into_owned()).collect();
            connection.answer(first, calls, &bodies, &mut said.server);
        }
    }
}

impl Connection {
    fn new() -> Self {
        Self { requests: Encoder::default(), responses: Encoder::default(), next_stream: 1, read: 0 }
    }

    fn give_room(&mut self, out: &mut Vec<u8>) {
        if self.read >= ROOM_BYTES {
            frame(WINDOW_UPDATE, 0, 0, &(self.read as u32).to_be_bytes(), out);
            self.read = 0;
        }
    }

    fn request(&mut self, message: &[u8], calls: Use, out: &mut Vec<u8>) {
        let message = Message::of(message);
        let stream = self.next_stream;
        self.next_stream += 2;
        let mut words = message.start.split(' ');
        let mut fields = vec![
            (":method", words.next().unwrap_or_default(), Form::Indexed),
            (":scheme", "http", Form::Indexed),
            (":authority", message.field("Host").unwrap_or_default(), Form::Indexed),
            (":path", words.next().unwrap_or_default(), Form::Plain),
        ];
        let names = message.lower_names();
        fields.extend(message.fields(&names));
        let block = self.requests.block(fields);
        let body = message.body();
        let ends = if body.is_empty() { END_STREAM } else { 0 };
        frame(HEADERS, END_HEADERS | ends, stream, &block, out);
        if !body.is_empty() {
            frame(DATA, END_STREAM, stream, &body, out);
        }
        if calls == Use::Reset {
            frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes(), out);
        }
    }

    /// Heads as they are ready, which is not the order of the requests, and bodies in turns.
    fn answer(&mut self, first: u32, calls: &[Call], bodies: &[Vec<u8>], out: &mut Vec<u8>) {
        let mut waiting: Vec<Answering<'_>> = Vec::new();
        for (nth, (call, body)) in calls.iter().zip(bodies).enumerate().rev() {
            let stream = first + 2 * nth as u32;
            let message = Message::of(&call.response);
            let status = message.start.split(' ').nth(1).unwrap_or_default();
            let names = message.lower_names();
            let mut fields = vec![(":status", status, Form::Indexed)];
            fields.extend(message.fields(&names));
            let block = self.responses.block(fields);
            let ends = if body.is_empty() { END_STREAM } else { 0 };
            frame(HEADERS, END_HEADERS | ends, stream, &block, out);
            if !body.is_empty() {
                waiting.push(Answering { stream, body });
            }
            self.read += body.len();
        }
        while !waiting.is_empty() {
            waiting.retain_mut(|answering| {
                let (turn, rest) = answering.body.split_at(answering.body.len().min(TURN_BYTES));
                answering.body = rest;
                let ends = if rest.is_empty() { END_STREAM } else { 0 };
                frame(DATA, ends, answering.stream, turn, out);
                !rest.is_empty()
            });
        }
    }
}

/// What both sides say first; the client does not wait for the server (RFC 9113 section 3.4).
fn open(said: &mut Said) {
    said.client.extend_from_slice(PREFACE);
    let of_client = settings(&[(2, 0), (3, 100), (4, 1 << 20), (6, 65_536)]);
    frame(SETTINGS, 0, 0, &of_client, &mut said.client);
    frame(WINDOW_UPDATE, 0, 0, &(15_u32 << 20).to_be_bytes(), &mut said.client);
    let of_server = settings(&[(3, 128), (4, 65_536), (5, (1 << 24) - 1)]);
    frame(SETTINGS, 0, 0, &of_server, &mut said.server);
    frame(SETTINGS, ACK, 0, &[], &mut said.server);
}

fn settings(list: &[(u16, u32)]) -> Vec<u8> {
    list.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
    out.extend_from_slice(&[a, b, c, kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

impl<'m> Message<'m> {
    fn lower_names(&self) -> Vec<String> {
        self.lines.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
    }

    /// The fields that HTTP/2 has too, in the form that nghttp2 writes them; crumbs of a cookie apart, as browsers do.
    fn fields<'f>(&self, names: &'f [String]) -> Vec<(&'f str, &'f str, Form)>
    where
        'm: 'f,
    {
        let mut fields = Vec::new();
        for (name, &(_, value)) in names.iter().zip(&self.lines) {
            match name.as_str() {
                "host" | "connection" | "transfer-encoding" => {}
                "cookie" => fields.extend(value.split("; ").map(|crumb| ("cookie", crumb, Form::Indexed))),
                "authorization" => fields.push((name.as_str(), value, Form::Never)),
                "content-length" => fields.push((name.as_str(), value, Form::Plain)),
                _ => fields.push((name.as_str(), value, Form::Indexed)),
            }
        }
        fields
    }
}
