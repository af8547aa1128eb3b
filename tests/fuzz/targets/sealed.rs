//! TLS 1.2 and 1.3 whose secrets are known, or come late: records that are sealed here, damaged, lost or made up on their
//! way. What becomes clear was sealed by that side, in that order; and where nothing was done to the records, all of it
//! becomes clear. Keys are derived here a second time (RFC 5246 6.3, RFC 8446 7.1 to 7.3), and records sealed by `ring`.

use super::input::{Input, Turn, turn};
use heelguard::tls::decrypt::{Clear, Config, DecryptShared, Decryptor, KeyStore, Negotiated, Record, Side};
use heelguard_detectors::time::EventTime;
use ring::aead::{AES_128_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;

const CLIENT_RANDOM: [u8; 32] = [9; 32];
const SERVER_RANDOM: [u8; 32] = [8; 32];
const MASTER: [u8; 48] = [5; 48];
/// Versions and suites: TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256, the same two of TLS 1.2 with ECDHE_RSA, and
/// two that are not sealed here: TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, and one of nobody.
const SUITES: [(u16, u16); 6] = [
    (0x0304, 0x1301),
    (0x0304, 0x1303),
    (0x0303, 0xc02f),
    (0x0303, 0xcca8),
    (0x0303, 0xc013),
    (0x0303, 0x0a0a),
];
/// How many of them are.
const SEALED_HERE: usize = 4;
/// Content types.
const CHANGE: u8 = 20;
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
    version: u16,
    algorithm: &'static Algorithm,
    /// Of TLS 1.3.
    secret: [u8; 32],
    /// Key and the fixed part of the nonce, of TLS 1.2.
    fixed: (Vec<u8>, Vec<u8>),
    sealed: u64,
    /// It has sent its Finished.
    is_ready: bool,
}

impl Peer {
    fn new((version, cipher): (u16, u16), side: usize) -> Self {
        let is_chacha = [0x1303, 0xcca8].contains(&cipher);
        let algorithm = if is_chacha { &CHACHA20_POLY1305 } else { &AES_128_GCM };
        // Both keys, then both fixed parts.
        let block = prf(b"key expansion", &[SERVER_RANDOM, CLIENT_RANDOM].concat());
        let (key, nonce) = (algorithm.key_len(), if is_chacha { 12 } else { 4 });
        let fixed = (block[key * side..][..key].to_vec(), block[2 * key + nonce * side..][..nonce].to_vec());
        Self { version, algorithm, secret: SECRETS[0][side], fixed, sealed: 0, is_ready: false }
    }

    /// From the next record on.
    fn turn_to(&mut self, secret: [u8; 32]) {
        (self.secret, self.sealed) = (secret, 0);
    }

    fn is_old(&self) -> bool {
        self.version == 0x0303
    }

    /// The record that holds this: its type, and its body.
    fn seal(&mut self, kind: u8, content: &[u8], zeros: usize) -> (u8, Vec<u8>) {
        let number = self.sealed.to_be_bytes();
        self.sealed += 1;
        let length = |bytes: usize| (bytes as u16).to_be_bytes();
        let mut body = content.to_vec();
        let mut nonce = [0; 12];
        if self.is_old() {
            let (key, fixed) = &self.fixed;
            nonce[..fixed.len()].copy_from_slice(fixed);
            nonce[4..].iter_mut().zip(number).for_each(|(byte, number)| *byte ^= number);
            let head = [&number[..], &[kind, 3, 3], &length(content.len())].concat();
            close(self.algorithm, key, nonce, &head, &mut body);
            // Where the number is all of the nonce that changes, it is sent.
            let sent = if fixed.len() == 4 { &number[..] } else { &[] };
            return (kind, [sent, &body].concat());
        }
        let mut key = vec![0; self.algorithm.key_len()];
        expand(&self.secret, b"key", &mut key);
        expand(&self.secret, b"iv", &mut nonce);
        nonce[4..].iter_mut().zip(number).for_each(|(byte, number)| *byte ^= number);
        body.push(kind);
        body.extend(vec![0; zeros]);
        let head = [&[DATA, 3, 3][..], &length(body.len() + 16)].concat();
        close(self.algorithm, &key, nonce, &head, &mut body);
        (DATA, body)
    }
}

fn close(algorithm: &'static Algorithm, key: &[u8], nonce: [u8; 12], head: &[u8], body: &mut Vec<u8>) {
    LessSafeKey::new(UnboundKey::new(algorithm, key).expect("it is as long as it must be"))
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(head), body)
        .expect("it is short");
}

/// The first bytes of the PRF of TLS 1.2, under the master secret.
fn prf(label: &[u8], seed: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &MASTER);
    let seed = [label, seed].concat();
    let (mut a, mut out) = (seed.clone(), Vec::new());
    for _ in 0..3 {
        a = hmac::sign(&key, &a).as_ref().to_vec();
        out.extend(hmac::sign(&key, &[a.as_slice(), &seed].concat()).as_ref());
    }
    out
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

/// The key log of whoever took part.
fn key_log() -> String {
    let names = ["CLIENT_HANDSHAKE", "SERVER_HANDSHAKE", "CLIENT", "SERVER"];
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a text takes it");
            text
        })
    };
    let old = format!("CLIENT_RANDOM {} {}\n", hex(&CLIENT_RANDOM), hex(&MASTER));
    let new = names.iter().zip(SECRETS.as_flattened()).map(|(name, secret)| {
        let number = if name.ends_with("HANDSHAKE") { "" } else { "_0" };
        format!("{name}_TRAFFIC_SECRET{number} {} {}\n", hex(&CLIENT_RANDOM), hex(secret))
    });
    old + &new.collect::<String>()
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
    let mut input = Input::new(data);
    let (which, how) = (usize::from(input.byte()) % SUITES.len(), input.byte());
    let (suite, known_at, hellos_at) = (SUITES[which], usize::from(how % 8), usize::from(how >> 5));
    let (is_early, is_retried) = (how & 8 > 0, how & 16 > 0);
    let turns = input.turns();
    let keys = Arc::new(KeyStore::new(10, true));
    let mut shared = DecryptShared::new(Config::default(), Some(Arc::clone(&keys)));
    let mut decryptor = Decryptor::new(CLIENT_RANDOM, is_early);
    if is_retried {
        decryptor.retried(&mut shared);
    }
    let negotiated = Negotiated {
        version: suite.0,
        cipher: suite.1,
        client_random: CLIENT_RANDOM,
        server_random: SERVER_RANDOM,
        encrypt_then_mac: false,
    };
    let mut peers = [0, 1].map(|side| Peer::new(suite, side));
    let mut said = Said::default();
    // Who waits for secrets has no room for all, nor all the time.
    let mut is_honest = known_at == 0 && hellos_at == 0 && which < SEALED_HERE && !is_early;
    for (number, turn) in turns.iter().enumerate() {
        if number == known_at {
            keys.read_key_log(key_log().as_bytes(), EventTime::from_secs(number as u64));
        }
        // What comes before the hellos is none of the conversation.
        if number == hellos_at {
            decryptor.negotiated(&negotiated, &mut shared);
        }
        let side = if turn.kind & 1 == 0 { Side::Client } else { Side::Server };
        let deed = (turn.kind >> 1) % 7;
        is_honest &= deed < IS_DAMAGED;
        let records = deed_of(&mut peers[side.index()], side, deed, turn, &mut said[side.index()]);
        if records.is_empty() {
            decryptor.lost(side, 1);
        }
        for (kind, body) in records {
            let at = EventTime::from_secs(number as u64);
            let mut clear =
                decryptor.record(Record { side, at, kind, version: 0x0303, body: &body }, &mut shared);
            while let Some(found) = clear {
                take(&found, &mut said);
                clear = decryptor.more(&mut shared);
            }
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

/// The records that a turn sends: types and bodies; none where what was sealed is lost. What is sealed is noted.
fn deed_of(
    peer: &mut Peer,
    side: Side,
    deed: u8,
    turn: &Turn<'_>,
    said: &mut VecDeque<(u8, Vec<u8>)>,
) -> Vec<(u8, Vec<u8>)> {
    if deed == IS_MADE_UP {
        return vec![(turn.kind >> 3, turn.bytes.to_vec())];
    }
    let message = |kind: u8, body: &[u8]| {
        let [_, l0, l1, l2] = (body.len() as u32).to_be_bytes();
        [&[kind, l0, l1, l2], body].concat()
    };
    let finishes = deed == FINISHES && !peer.is_ready;
    let renews = deed == RENEWS_ITS_KEY && peer.is_ready && !peer.is_old();
    let (kind, content) = match deed {
        _ if finishes => (HANDSHAKE, message(20, &[7; 32])),
        _ if renews => (HANDSHAKE, message(24, &[turn.bytes.len() as u8 & 1])),
        WARNS => (ALERT, vec![1, turn.bytes.first().copied().unwrap_or_default()]),
        _ if peer.is_ready => (DATA, turn.bytes.to_vec()),
        _ => (HANDSHAKE, message(8, turn.bytes)),
    };
    let mut records = Vec::new();
    if peer.is_old() && !peer.is_ready {
        if !finishes {
            return vec![(kind, content)];
        }
        records.push((CHANGE, vec![1]));
    }
    let (outer, mut body) = peer.seal(kind, &content, usize::from(turn.kind >> 6));
    if finishes {
        peer.is_ready = true;
        if !peer.is_old() {
            peer.turn_to(SECRETS[1][side.index()]);
        }
    } else if renews {
        let mut next = [0; 32];
        expand(&peer.secret, b"traffic upd", &mut next);
        peer.turn_to(next);
    } else if deed == IS_LOST {
        return Vec::new();
    } else if deed == IS_DAMAGED {
        let at = usize::from(turn.kind) * 7 % body.len();
        body[at] ^= 1;
    }
    if deed != IS_DAMAGED && !content.is_empty() {
        said.push_back((kind, content));
    }
    records.push((outer, body));
    records
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
    let talks = [
        with(renewed.clone()),
        with(does(1, IS_DAMAGED, "changed")),
        with(does(0, IS_LOST, "gone")),
        with([does(1, IS_LOST, ""), renewed, does(0, IS_LOST, "x")].concat()),
        with(does(1, IS_MADE_UP, "a record of nobody, as long as a tag")),
        [does(0, SAYS, "too early"), does(1, IS_LOST, "extensions"), begins.clone()].concat(),
    ];
    // Each suite, with its secrets known at once and late, behind early data and another hello.
    let ways = [
        [0, 0],
        [1, 0],
        [2, 0],
        [3, 0],
        [4, 0],
        [5, 0],
        [0, 4],
        [2, 5],
        [0, 8],
        [0, 24],
        [1, 0x58],
        [2, 0x40],
    ];
    ways.iter().flat_map(|way| talks.iter().map(move |talk| [&way[..], talk].concat())).collect()
}
