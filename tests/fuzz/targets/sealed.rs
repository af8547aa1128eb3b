//! TLS 1.3 whose secrets are known: records that are sealed here, damaged, lost or made up on their way.
//! What becomes clear was sealed by that side, in that order; and where nothing was done to the records, all of it becomes
//! clear. Keys are derived here a second time (RFC 8446 7.1 to 7.3), and records sealed by `ring`.

use super::input::{Input, Turn, turn};
use heelguard::tls::decrypt::{Clear, Config, DecryptShared, Decryptor, KeyStore, Negotiated, Record, Side};
use heelguard_detectors::time::EventTime;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;

const CLIENT_RANDOM: [u8; 32] = [9; 32];
/// TLS_AES_128_GCM_SHA256.
const CIPHER: u16 = 0x1301;
/// Content types.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

/// What a turn does, in the bits above that of its side.
const SAYS: u8 = 0;
const FINISHES: u8 = 1;
const RENEWS_ITS_KEY: u8 = 2;
const WARNS: u8 = 3;
const IS_DAMAGED: u8 = 4;
const IS_LOST: u8 = 5;
const IS_MADE_UP: u8 = 6;

/// One side, as it seals.
struct Peer {
    secret: [u8; 32],
    sealed: u64,
    /// It has sent its Finished.
    is_ready: bool,
}

impl Peer {
    fn new(secret: [u8; 32]) -> Self {
        Self { secret, sealed: 0, is_ready: false }
    }

    /// From the next record on.
    fn turn_to(&mut self, secret: [u8; 32]) {
        (self.secret, self.sealed) = (secret, 0);
    }

    /// The body of a record that holds this, and zeros behind it.
    fn seal(&mut self, kind: u8, content: &[u8], zeros: usize) -> Vec<u8> {
        let mut key = [0; 16];
        let mut nonce = [0; 12];
        expand(&self.secret, b"key", &mut key);
        expand(&self.secret, b"iv", &mut nonce);
        nonce[4..].iter_mut().zip(self.sealed.to_be_bytes()).for_each(|(byte, number)| *byte ^= number);
        self.sealed += 1;
        let mut body = [content, &[kind], &vec![0; zeros]].concat();
        let length = (body.len() as u16 + 16).to_be_bytes();
        let head = [DATA, 3, 3, length[0], length[1]];
        LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).expect("sixteen bytes"))
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(head), &mut body)
            .expect("it is short");
        body
    }
}

/// HKDF-Expand-Label with no context, of less than one block.
fn expand(secret: &[u8], label: &[u8], out: &mut [u8]) {
    let label = [b"tls13 ", label].concat();
    let info = [&[0, out.len() as u8, label.len() as u8][..], &label, &[0, 1]].concat();
    let block = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), &info);
    out.copy_from_slice(&block.as_ref()[..out.len()]);
}

/// The secrets of both sides, before and after their Finished.
const SECRETS: [[[u8; 32]; 2]; 2] = [[[1; 32], [2; 32]], [[3; 32], [4; 32]]];

fn keys() -> Arc<KeyStore> {
    let names = ["CLIENT_HANDSHAKE", "SERVER_HANDSHAKE", "CLIENT", "SERVER"];
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a text takes it");
            text
        })
    };
    let text: String = names
        .iter()
        .zip(SECRETS.as_flattened())
        .map(|(name, secret)| {
            let number = if name.ends_with("HANDSHAKE") { "" } else { "_0" };
            format!("{name}_TRAFFIC_SECRET{number} {} {}\n", hex(&CLIENT_RANDOM), hex(secret))
        })
        .collect();
    let keys = KeyStore::new(10, false);
    keys.read_key_log(text.as_bytes(), EventTime::ZERO);
    Arc::new(keys)
}

/// What each side sealed and nobody has read yet.
type Said = [VecDeque<(u8, Vec<u8>)>; 2];

/// Takes what becomes clear out of what was said.
fn take(clear: &Clear<'_>, said: &mut Said) {
    if !clear.sealed || clear.bytes.is_empty() {
        return;
    }
    let (kind, bytes) = (clear.kind, clear.bytes);
    let said = &mut said[clear.side.index()];
    while let Some((next, content)) = said.pop_front() {
        if (next, content.as_slice()) == (kind, bytes) {
            return;
        }
    }
    panic!("{:?} never sealed {bytes:x?} of {kind}, or not then", clear.side);
}

pub fn run(data: &[u8]) {
    let turns = Input::new(data).turns();
    let mut shared = DecryptShared::new(Config::default(), Some(keys()));
    let mut decryptor = Decryptor::new(CLIENT_RANDOM, false);
    let negotiated = Negotiated {
        version: 0x0304,
        cipher: CIPHER,
        client_random: CLIENT_RANDOM,
        server_random: [8; 32],
        encrypt_then_mac: false,
    };
    decryptor.negotiated(&negotiated, &mut shared);
    let mut peers = SECRETS[0].map(Peer::new);
    let mut said = Said::default();
    let mut is_honest = true;
    for (number, turn) in (1..).zip(&turns) {
        let side = if turn.kind & 1 == 0 { Side::Client } else { Side::Server };
        let deed = (turn.kind >> 1) % 7;
        let (body, is_sent) = deed_of(&mut peers[side.index()], side, deed, turn, &mut said[side.index()]);
        is_honest &= deed < IS_DAMAGED;
        if !is_sent {
            decryptor.lost(side, 1);
            continue;
        }
        let kind = if deed == IS_MADE_UP { turn.kind >> 3 } else { DATA };
        let record = Record { side, at: EventTime::from_secs(number), kind, version: 0x0303, body: &body };
        let mut clear = decryptor.record(record, &mut shared);
        while let Some(found) = clear {
            take(&found, &mut said);
            clear = decryptor.more(&mut shared);
        }
    }
    while let Some(found) = decryptor.more(&mut shared) {
        take(&found, &mut said);
    }
    if is_honest {
        assert_eq!(decryptor.given_up(), None);
        assert!(said.iter().all(VecDeque::is_empty), "not all became clear: {said:x?}");
    }
    decryptor.closed(&mut shared);
}

/// The body of the record that a turn sends, and whether it arrives. What is sealed is noted.
fn deed_of(
    peer: &mut Peer,
    side: Side,
    deed: u8,
    turn: &Turn<'_>,
    said: &mut VecDeque<(u8, Vec<u8>)>,
) -> (Vec<u8>, bool) {
    if deed == IS_MADE_UP {
        return (turn.bytes.to_vec(), true);
    }
    let message = |kind: u8, body: &[u8]| {
        let [_, l0, l1, l2] = (body.len() as u32).to_be_bytes();
        [&[kind, l0, l1, l2], body].concat()
    };
    let (kind, content) = match deed {
        FINISHES if !peer.is_ready => (HANDSHAKE, message(20, &[7; 32])),
        RENEWS_ITS_KEY if peer.is_ready => (HANDSHAKE, message(24, &[turn.bytes.len() as u8 & 1])),
        WARNS => (ALERT, vec![1, turn.bytes.first().copied().unwrap_or_default()]),
        _ if peer.is_ready => (DATA, turn.bytes.to_vec()),
        _ => (HANDSHAKE, message(8, turn.bytes)),
    };
    let mut body = peer.seal(kind, &content, usize::from(turn.kind >> 6));
    match deed {
        FINISHES if !peer.is_ready => {
            peer.turn_to(SECRETS[1][side.index()]);
            peer.is_ready = true;
        }
        RENEWS_ITS_KEY if peer.is_ready => {
            let mut next = [0; 32];
            expand(&peer.secret, b"traffic upd", &mut next);
            peer.turn_to(next);
        }
        IS_DAMAGED => {
            let at = usize::from(turn.kind) * 7 % body.len();
            body[at] ^= 1;
            return (body, true);
        }
        IS_LOST => return (body, false),
        _ => {}
    }
    if !content.is_empty() {
        said.push_back((kind, content));
    }
    (body, true)
}

pub fn seeds() -> Vec<Vec<u8>> {
    let does = |side: u8, deed: u8, bytes: &str| turn(deed << 1 | side, bytes);
    let begins = [
        does(1, SAYS, "extensions"),
        does(1, FINISHES, ""),
        does(0, FINISHES, ""),
        does(0, SAYS, "GET / HTTP/1.1\r\n\r\n"),
        does(1, SAYS, "HTTP/1.1 204 No\r\n\r\n"),
    ]
    .concat();
    let renewed =
        [does(0, RENEWS_ITS_KEY, ""), does(0, SAYS, "again"), does(1, RENEWS_ITS_KEY, "x")].concat();
    let ends = [does(1, SAYS, "more"), turn(0xc0 | WARNS << 1, "\0"), does(1, WARNS, "\0")].concat();
    let with = |between: Vec<u8>| [&begins[..], &between, &ends].concat();
    vec![
        with(renewed.clone()),
        with(does(1, IS_DAMAGED, "changed")),
        with(does(0, IS_LOST, "gone")),
        with([does(1, IS_LOST, ""), renewed, does(0, IS_LOST, "x")].concat()),
        with(does(1, IS_MADE_UP, "a record of nobody, as long as a tag")),
        [does(0, SAYS, "too early"), does(1, IS_LOST, "extensions"), begins.clone()].concat(),
    ]
}
