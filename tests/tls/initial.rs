//! Initial packets of QUIC made to measure (RFC 9001 section 5), in datagrams, as a capture.

use crate::support::craft::{checksum, endpoint, pcap_of_frames};
use heelguard::decode::Endpoint;
use heelguard_detectors::time::EventTime;
use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use std::net::IpAddr;
use std::time::Duration;

pub(crate) const V1: u32 = 1;
pub(crate) const V2: u32 = 0x6B33_43CF;
/// The id that the client begins with.
pub(crate) const FIRST_ID: &[u8] = b"first id";

/// Who sends a packet, and under which keys.
#[derive(Clone, Copy)]
pub(crate) struct Sender {
    pub(crate) version: u32,
    pub(crate) is_client: bool,
    pub(crate) first_id: &'static [u8],
    pub(crate) receiver_id: &'static [u8],
}

pub(crate) const CLIENT: Sender =
    Sender { version: V1, is_client: true, first_id: FIRST_ID, receiver_id: FIRST_ID };
pub(crate) const SERVER: Sender =
    Sender { version: V1, is_client: false, first_id: FIRST_ID, receiver_id: b"" };

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand(secret: &Prk, label: &str, length: usize) -> Vec<u8> {
    let label = format!("tls13 {label}");
    let info = [&[0, length as u8, label.len() as u8][..], label.as_bytes(), &[0]].concat();
    let mut out = vec![0; length];
    secret.expand(&[&info], Length(length)).unwrap().fill(&mut out).unwrap();
    out
}

/// A packet with these frames, padded so that it fills `bytes`.
pub(crate) fn packet(sender: Sender, number: u16, frames: &[u8], bytes: usize) -> Vec<u8> {
    let (salt, word, kind): ([u8; 20], _, _) = match sender.version {
        V2 => (
            *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
            "quicv2",
            0xD1,
        ),
        _ => (
            *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a",
            "quic",
            0xC1,
        ),
    };
    let initial = Salt::new(HKDF_SHA256, &salt).extract(sender.first_id);
    let side = if sender.is_client { "client in" } else { "server in" };
    let secret = Prk::new_less_safe(HKDF_SHA256, &expand(&initial, side, 32));
    let [key, iv, mask] = [("key", 16), ("iv", 12), ("hp", 16)]
        .map(|(part, length)| expand(&secret, &format!("{word} {part}"), length));

    let id = [&[sender.receiver_id.len() as u8][..], sender.receiver_id].concat();
    let mut header = [&[kind][..], &sender.version.to_be_bytes(), &id, &[0, 0]].concat();
    let mut body = frames.to_vec();
    body.resize(frames.len().max(bytes.saturating_sub(header.len() + 4 + 16)), 0);
    header.extend((0x4000 | (2 + body.len() + 16) as u16).to_be_bytes());
    header.extend(number.to_be_bytes());
    let mut nonce: [u8; 12] = iv.try_into().unwrap();
    nonce.iter_mut().rev().zip(number.to_le_bytes()).for_each(|(byte, part)| *byte ^= part);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::from(&header), &mut body).unwrap();

    let mask = HeaderProtectionKey::new(&AES_128, &mask).unwrap();
    let mask = mask.new_mask(&body[2..18]).unwrap();
    header[0] ^= mask[0] & 0x0F;
    let number_at = header.len() - 2;
    header[number_at..].iter_mut().zip(&mask[1..]).for_each(|(byte, mask)| *byte ^= mask);
    [header, body].concat()
}

/// A CRYPTO frame.
pub(crate) fn crypto(offset: usize, bytes: &[u8]) -> Vec<u8> {
    let number = |value: usize| (0x8000_0000 | value as u32).to_be_bytes();
    [&[6][..], &number(offset), &number(bytes.len()), bytes].concat()
}

/// Datagrams on their way, a millisecond apart.
pub(crate) struct Wire {
    pub(crate) ends: [Endpoint; 2],
    pub(crate) now: EventTime,
    pub(crate) frames: Vec<(EventTime, Vec<u8>, u32)>,
}

impl Wire {
    pub(crate) fn new() -> Self {
        Self::between("203.0.113.7:51000", "10.0.0.5:8443")
    }

    pub(crate) fn between(client: &str, server: &str) -> Self {
        let (now, frames) = (EventTime::from_secs(1_794_000_000), Vec::new());
        Self { ends: [client, server].map(endpoint), now, frames }
    }

    /// The same, later, from another port of the client.
    pub(crate) fn move_to_port(&mut self, port: u16) {
        self.ends[0].port = port;
    }

    pub(crate) fn client(&mut self, payload: &[u8]) {
        let [client, server] = self.ends;
        self.send(client, server, payload);
    }

    pub(crate) fn server(&mut self, payload: &[u8]) {
        let [client, server] = self.ends;
        self.send(server, client, payload);
    }

    pub(crate) fn wait(&mut self, secs: u64) {
        self.now = self.now.after(Duration::from_secs(secs));
    }

    /// Of the last datagram so many bytes were not captured.
    pub(crate) fn cut(&mut self, bytes: usize) {
        let (_, frame, missing) = self.frames.last_mut().unwrap();
        frame.truncate(frame.len() - bytes);
        *missing = bytes as u32;
    }

    pub(crate) fn capture(&self) -> Vec<u8> {
        pcap_of_frames(self.frames.clone())
    }

    fn send(&mut self, src: Endpoint, dst: Endpoint, payload: &[u8]) {
        self.now = self.now.after(Duration::from_millis(1));
        self.frames.push((self.now, frame(src, dst, payload), 0));
    }
}

/// A datagram in its frame.
pub(crate) fn frame(src: Endpoint, dst: Endpoint, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16 + 8).to_be_bytes();
    let udp = [&src.port.to_be_bytes()[..], &dst.port.to_be_bytes(), &length, &[0, 0], payload].concat();
    let macs = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    match (src.ip, dst.ip) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let length = (udp.len() as u16 + 20).to_be_bytes();
            let mut ip =
                [&[0x45, 0][..], &length, &[0, 1, 0x40, 0, 64, 17, 0, 0], &src.octets(), &dst.octets()]
                    .concat();
            let sum = checksum(&[&ip]);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
            [&macs[..], &[8, 0], &ip, &udp].concat()
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let length = (udp.len() as u16).to_be_bytes();
            let ip = [&[0x60, 0, 0, 0][..], &length, &[17, 64], &src.octets(), &dst.octets()].concat();
            [&macs[..], &[0x86, 0xDD], &ip, &udp].concat()
        }
        _ => panic!("both ends are of one family"),
    }
}
