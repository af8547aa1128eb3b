//! JA4: the name of a TLS client by what its first message offers, and a variant that resumption does not change.
//! It is given a client's hello and gives 36 letters, as the specification by FoxIO says, edge cases included.
//! It promises the same name whatever the order in which a client sends its extensions, and GREASE to count nothing.
//!
//! `ja4_stable` is JA4 over the hello without the extensions that depend on what the client remembers of the
//! server, on the length of the hello or on the server's own wish: `padding`, `session_ticket`, `pre_shared_key`,
//! `early_data` and `cookie`. They are left out of the count as well. A client that resumes a session keeps its name.
//!
//! The JA4 specification is Copyright (c) 2023 FoxIO, under the BSD 3-Clause licence that `docs/dependencies.md`
//! repeats. JA4S, JA4H, JA4X and the others of its family are under another licence, and are not here.

use super::hello::{ClientHello, extension};
use super::wire::{is_grease, numbers};
use ring::digest::{SHA256, digest};
use std::fmt::Write as _;

/// A JA4: 36 letters and digits of ASCII.
pub type Ja4 = [u8; 36];

/// Which transport a hello came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TLS over TCP.
    Tcp,
    /// QUIC over UDP.
    Quic,
}

/// Extensions that come and go with what the client remembers of the server.
const FLEETING: [u16; 5] = [
    extension::PADDING,
    extension::SESSION_TICKET,
    extension::PRE_SHARED_KEY,
    extension::EARLY_DATA,
    extension::COOKIE,
];
/// What stands for the hash of an empty list.
const NOTHING: &str = "000000000000";
/// Hex digits of a hash that are kept.
const HASH_DIGITS: usize = 12;

/// JA4 and its stable variant.
pub(super) fn of(hello: &ClientHello<'_>, transport: Transport) -> [Ja4; 2] {
    let ciphers: Vec<u16> = numbers(hello.ciphers).filter(|&cipher| !is_grease(cipher)).collect();
    let mut sorted = ciphers.clone();
    sorted.sort_unstable();
    let cipher_hash = hashed(&list(&sorted));
    let extensions: Vec<u16> = hello.extensions().map(|(kind, _)| kind).filter(|&e| !is_grease(e)).collect();
    [false, true].map(|is_stable| {
        let counted = extensions.iter().copied().filter(|kind| !is_stable || !FLEETING.contains(kind));
        let counted: Vec<u16> = counted.collect();
        let mut text = String::with_capacity(36);
        text.push(if transport == Transport::Quic { 'q' } else { 't' });
        text.push_str(version(hello.version()));
        text.push(if counted.contains(&extension::SERVER_NAME) { 'd' } else { 'i' });
        let _ = write!(text, "{:02}{:02}", ciphers.len().min(99), counted.len().min(99));
        text.extend(ends(hello.alpn().next().unwrap_or_default()));
        text.push('_');
        text.push_str(&cipher_hash);
        text.push('_');
        text.push_str(&extension_hash(counted, hello));
        text.as_bytes().try_into().unwrap_or([b'0'; 36])
    })
}

/// Extensions in order of their numbers, without those that part one tells, then the signature algorithms as sent.
fn extension_hash(mut extensions: Vec<u16>, hello: &ClientHello<'_>) -> String {
    extensions.retain(|&kind| kind != extension::SERVER_NAME && kind != extension::ALPN);
    extensions.sort_unstable();
    let mut text = list(&extensions);
    let algorithms: Vec<u16> = hello.signature_algorithms().filter(|&a| !is_grease(a)).collect();
    if !text.is_empty() && !algorithms.is_empty() {
        text.push('_');
        text.push_str(&list(&algorithms));
    }
    hashed(&text)
}

/// Two letters for the version.
fn version(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xFEFF => "d1",
        0xFEFD => "d2",
        0xFEFC => "d3",
        _ => "00",
    }
}

/// The first and last letter of a protocol's name, or of its hex digits where one of the two is neither letter nor
/// digit.
fn ends(name: &[u8]) -> [char; 2] {
    let (Some(&first), Some(&last)) = (name.first(), name.last()) else { return ['0', '0'] };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [first.into(), last.into()];
    }
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    [digit(first >> 4), digit(last & 0xF)]
}

/// Four hex digits each, with commas.
fn list(numbers: &[u16]) -> String {
    let mut text = String::with_capacity(numbers.len() * 5);
    for number in numbers {
        if !text.is_empty() {
            text.push(',');
        }
        let _ = write!(text, "{number:04x}");
    }
    text
}

fn hashed(text: &str) -> String {
    if text.is_empty() {
        return NOTHING.to_owned();
    }
    let hash = digest(&SHA256, text.as_bytes());
    let mut hex = String::with_capacity(HASH_DIGITS);
    for byte in hash.as_ref().iter().take(HASH_DIGITS / 2) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests;
