//! gRPC calls: what a method's name says, what stands in its messages, and how the call ended.
//! It is given messages whose content type is gRPC's or gRPC-Web's and fills the request's fields and the answer.
//! It promises to read no more into a message without schema than is said here.
//!
//! A message has field numbers and no names, so the method's name has to say what is done. Of a call that logs in
//! field 1 is the account's name, unless it looks like a key or token, and every other text may be the password: empty
//! fields are not sent, so the place of a text says nothing. Who signs in again in a running session is known, and
//! names nobody. Of a call about a second factor a text that names a factor does so, one that looks like a code is the
//! code, and a longer one is the ticket. What an answer to either hands out is a token when it looks like one; a text
//! that looks random is the ticket of the step that follows where the answer names factors as well, and a token
//! otherwise. A JWT is a token everywhere. Messages of other calls are not read. Compressed ones are unpacked within
//! the limits of a body.

use super::answer::{Answer, factor};
use super::clues::HandleKind;
use super::fields::{Fields, Known};
use super::graphql::labels_of_name;
use super::labels::Labels;
use super::markers::Marker;
use super::protobuf::{self, Value};
use super::settings::Settings;
use super::shape;
use super::tables::Field;
use super::urlencoded;
use crate::http::Message;
use crate::http::body::BodyDecoder;
use crate::http::grpc;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use heelguard_detectors::anomaly::{Anomaly, AnomalySet};
use heelguard_detectors::identity::Location;
use std::borrow::Cow;

/// Messages of one body that are read.
const MESSAGES_MAX: usize = 4;
/// Shorter texts are no tickets and no tokens.
const TICKET_BYTES_MIN: usize = 16;
/// Longer texts are no codes.
const CODE_BYTES_MAX: usize = 14;

/// What a call is for, by its method's name: the last segment of the path.
pub(crate) fn labels(path: &[u8]) -> Labels {
    labels_of_name(path.rsplit(|&b| b == b'/').next().unwrap_or(path))
}

/// Reads the messages of a call, whose `body` is without content codings; what kept it from being read.
pub(crate) fn read_request(
    fields: &mut Fields<'_>,
    labels: Labels,
    (message, body): (&Message, &[u8]),
    decoder: &mut BodyDecoder,
    settings: &Settings,
) -> Option<Anomaly> {
    let logs_in = labels.any(Labels::LOGIN.or(Labels::REAUTH));
    let names = labels.any(Labels::LOGIN) && !labels.any(Labels::REAUTH);
    let proves = labels.any(Labels::MFA.or(Labels::MAYBE_MFA).or(Labels::BACKUP));
    let mut add = |field, name: &'static [u8], value: &[u8]| {
        fields.add(Known { field, name, value: value.to_vec().into(), location: Location::Form });
    };
    let body = unwrapped(message.header("content-type").unwrap_or_default(), body);
    let unpacked = decoder.decode_messages(message, &body, MESSAGES_MAX);
    for texts in messages(unpacked.bytes) {
        // Of a field that is there twice the last counts.
        let name = texts.iter().rposition(|text| (text.number, text.depth) == (1, 0)).filter(|_| names);
        // The tenant beside `ana@acme.example` may be `acme`: to hide it would hide the name, which tells it. What is
        // the only text beside the name is the password, whatever it is.
        let domain = name.and_then(|at| domain_of(texts.get(at)?.bytes)).unwrap_or_default();
        let is_tenant = |bytes: &[u8]| memchr::memmem::find(domain, bytes).is_some();
        let has_password = texts.iter().enumerate().any(|(at, t)| name != Some(at) && !is_tenant(t.bytes));
        for (at, &Text { bytes, .. }) in texts.iter().enumerate() {
            if shape::class(bytes) == shape::JWT {
                add(Field::Access, b"token", bytes);
            } else if proves {
                if factor(bytes, &settings.factors).is_some() {
                    add(Field::Factor, b"method", bytes);
                } else if is_code(bytes) {
                    add(Field::Code, b"code", bytes);
                } else if is_ticket(bytes) {
                    add(Field::Ticket, b"ticket", bytes);
                }
            } else if logs_in && name == Some(at) && may_name(bytes) {
                add(Field::Name, b"username", bytes);
            } else if logs_in && !(has_password && is_tenant(bytes)) {
                add(Field::Password, b"password", bytes);
            }
        }
    }
    unpacked.anomaly
}

/// Reads how a call ended, and what its answer hands out; notes what kept that from being read.
pub(crate) fn read_answer(
    answer: &mut Answer<'_>,
    message: &Message,
    labels: Labels,
    [decoder, messages_decoder]: [&mut BodyDecoder; 2],
    settings: &Settings,
    noted: &mut AnomalySet,
) {
    let content_type = answer.content_type.unwrap_or_default();
    // gRPC-Web goes over servers that pack any body.
    let whole = decoder.decode(message);
    whole.anomaly.into_iter().for_each(|anomaly| noted.insert(anomaly));
    let body = unwrapped(content_type, whole.bytes);
    let mut ended = Ended::default();
    message.header_lines().for_each(|(name, value)| ended.line(name, value));
    for line in &message.trailers {
        ended.line(message.slice(&line.name), message.slice(&line.value));
    }
    grpc::messages(&body).filter(|message| message.trailers).for_each(|web| ended.lines(web.bytes));
    answer.grpc_status = ended.status;
    answer.items = message.body.messages.filter(|&messages| messages > 1);
    if let Some(words) = &ended.message {
        answer.reason(&urlencoded::decode_path(words), settings);
    }
    if answer.status == 200 {
        answer.status = ended.status.map_or(0, http_status);
    }
    let steps = Labels::LOGIN
        .or(Labels::REAUTH)
        .or(Labels::MFA)
        .or(Labels::MAYBE_MFA)
        .or(Labels::BACKUP)
        .or(Labels::TOKEN);
    if !labels.any(steps) {
        return;
    }
    let unpacked = messages_decoder.decode_messages(message, &body, MESSAGES_MAX);
    let (mut random, mut token, mut offers) = (None, false, false);
    for Text { bytes, .. } in messages(unpacked.bytes).flatten() {
        if shape::class(bytes) == shape::JWT {
            token = true;
            answer.hand_out(HandleKind::Access, bytes.to_vec().into());
        } else if let Some(factor) = factor(bytes, &settings.factors) {
            offers = true;
            answer.offer(factor);
        } else if is_ticket(bytes) && shape::looks_secret(bytes) && random.is_none() {
            random = Some(bytes.to_vec());
        }
    }
    if let Some(random) = random.filter(|_| !token) {
        let kind = if offers { HandleKind::Challenge } else { HandleKind::Access };
        answer.hand_out(kind, random.into());
    }
    if offers && !token && answer.status == 200 {
        answer.markers.insert(Marker::NeedsMfa);
    }
    unpacked.anomaly.into_iter().for_each(|anomaly| noted.insert(anomaly));
}

/// How a call ended, as its trailers say; the last of several counts, as those of the body come last.
#[derive(Default)]
struct Ended<'m> {
    status: Option<u32>,
    message: Option<Cow<'m, [u8]>>,
}

impl<'m> Ended<'m> {
    fn line(&mut self, name: &[u8], value: &'m [u8]) {
        if name.eq_ignore_ascii_case(b"grpc-status") {
            self.status = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
        } else if name.eq_ignore_ascii_case(b"grpc-message") {
            self.message = Some(Cow::Borrowed(value));
        }
    }

    /// gRPC-Web's trailers: lines as HTTP/1 has them.
    fn lines(&mut self, text: &[u8]) {
        for line in text.split(|&b| b == b'\n') {
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            let (name, value) = (line.get(..colon).unwrap_or(&[]), line.get(colon + 1..).unwrap_or(&[]));
            let mut told = Ended::default();
            told.line(name.trim_ascii(), value.trim_ascii());
            self.status = told.status.or(self.status);
            self.message = told.message.map(|words| Cow::Owned(words.into_owned())).or(self.message.take());
        }
    }
}

/// The status that HTTP would have had (`google/rpc/code.proto`): what an answer means is decided by one table.
fn http_status(status: u32) -> u16 {
    match status {
        0 => 200,
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}

/// A body as gRPC's; gRPC-Web may have written it in base64, in pieces that are padded each.
fn unwrapped<'b>(content_type: &[u8], body: &'b [u8]) -> Cow<'b, [u8]> {
    if !grpc::is_text(content_type) {
        return Cow::Borrowed(body);
    }
    let mut plain = Vec::with_capacity(body.len() / 4 * 3);
    for four in body.chunks_exact(4) {
        if STANDARD.decode_vec(four, &mut plain).is_err() {
            break;
        }
    }
    Cow::Owned(plain)
}

/// A text of a message, with its field's number and the messages around it.
#[derive(Clone, Copy)]
struct Text<'b> {
    number: u32,
    depth: usize,
    bytes: &'b [u8],
}

/// A body's first messages, by their texts.
fn messages(body: &[u8]) -> impl Iterator<Item = Vec<Text<'_>>> {
    let messages = grpc::messages(body).filter(|m| !m.trailers && !m.packed).take(MESSAGES_MAX);
    messages.map(|message| {
        let fields = protobuf::fields(message.bytes).unwrap_or_default();
        let texts = fields.iter().filter_map(|field| match field.value {
            Value::Text(bytes) => Some(Text { number: field.number, depth: field.depth, bytes }),
            Value::Number(_) | Value::Bytes(_) => None,
        });
        texts.collect()
    })
}

/// What stands behind the `@` of an e-mail address.
fn domain_of(name: &[u8]) -> Option<&[u8]> {
    name.get(memchr::memrchr(b'@', name)? + 1..)
}

/// Whether a text where the account's name belongs may be one: no key or token, and no message that looks like a text.
fn may_name(text: &[u8]) -> bool {
    let is_message = || {
        let fields = protobuf::fields(text).unwrap_or_default();
        fields.iter().any(|field| matches!(field.value, Value::Text(_)))
    };
    !shape::looks_secret(text) && !matches!(shape::class(text), "hex" | "uuid") && !is_message()
}

/// A one-time code, or a backup code: short, of letters and digits with a digit among them, in groups at most.
fn is_code(text: &[u8]) -> bool {
    (4..=CODE_BYTES_MAX).contains(&text.len())
        && text.iter().filter(|b| b.is_ascii_digit()).count() >= 2
        && text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b' '))
}

/// A ticket or a token: long and in one piece.
fn is_ticket(text: &[u8]) -> bool {
    text.len() >= TICKET_BYTES_MIN && text.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests;
