//! Calls under TLS 1.3 with AES-128-GCM (RFC 8446), and the secrets of every connection in a key log.
//! It is given messages and seals them into records; hellos and certificates are plausible and nobody's.
//! It promises records that open under the secrets that it logged, and nothing to cryptography.

#![expect(clippy::expect_used, reason = "what cannot fail for the lengths that stand here")]

use heelguard::demo::{Call, Carriage, Said};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk};
use std::collections::HashMap;
use std::io::Write;

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const APPLICATION: u8 = 23;
/// What a record holds at most.
const RECORD_BYTES: usize = 1 << 14;
/// A certificate and its issuer's.
const CERTIFICATE_BYTES: usize = 2_300;
const SERVER_NAME: &[u8] = b"api.example.com";

/// Both directions, the client first.
const HANDSHAKE_SECRETS: [&str; 2] = ["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET"];
const TRAFFIC_SECRETS: [&str; 2] = ["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"];

/// The connections that are open, and where their secrets go.
pub(super) struct Tls13<W> {
    keys: W,
    opened: u64,
    connections: HashMap<usize, [Seal; 2]>,
}

/// One direction's key.
struct Seal {
    key: LessSafeKey,
    iv: [u8; NONCE_LEN],
    records: u64,
}

impl<W: Write> Tls13<W> {
    /// Writes the secrets of each connection to `keys`.
    pub(super) fn new(keys: W) -> Self {
        Self { keys, opened: 0, connections: HashMap::new() }
    }

    /// The hellos and the rest of the handshake; the calls follow in the same flight as the client's Finished.
    fn open(&mut self, place: usize, said: &mut Said) {
        self.opened += 1;
        let chance = |what: &str| bytes(what, self.opened);
        let random = chance("client");
        client_hello(&random, &chance("session"), &chance("share"), &mut said.client);
        said.opening[0] = said.client.len();
        server_hello(&chance("server"), &chance("session"), &chance("other share"), &mut said.server);

        let mut secret = |label: &str| {
            let secret = chance(label);
            // A log that cannot be written shows: nothing will be opened.
            let _ = writeln!(self.keys, "{label} {} {}", hex(&random), hex(&secret));
            Seal::new(&secret)
        };
        let [mut client, mut server] = HANDSHAKE_SECRETS.map(&mut secret);
        let mut traffic = TRAFFIC_SECRETS.map(secret);

        said.server.extend_from_slice(&[CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1]);
        let alpn = extension(16, &vector16(&vector8(b"http/1.1")));
        let certificate = vector24(&[vector24(&[0x30; CERTIFICATE_BYTES]), vec![0; 2]].concat());
        let flight = [
            message(8, &vector16(&alpn)),
            message(11, &[&[0][..], &certificate].concat()),
            message(15, &[&[8, 4][..], &vector16(&[7; 256])].concat()),
            message(20, &[3; 32]),
        ];
        server.seal(HANDSHAKE, &flight.concat(), &mut said.server);
        said.opening[1] = said.server.len();

        said.client.extend_from_slice(&[CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1]);
        client.seal(HANDSHAKE, &message(20, &[4; 32]), &mut said.client);
        for nonce in 0..2 {
            let ticket = [&[0, 0, 28, 32, 1, 2, 3, 4, 1, nonce][..], &vector16(&[9; 192]), &[0, 0]].concat();
            traffic[1].seal(HANDSHAKE, &message(4, &ticket), &mut said.server);
        }
        self.connections.insert(place, traffic);
    }
}

impl<W: Write + Send> Carriage for Tls13<W> {
    fn port(&self) -> u16 {
        443
    }

    fn carry(&mut self, place: usize, is_new: bool, calls: &[Call], said: &mut Said) {
        said.clear();
        if is_new {
            self.open(place, said);
        }
        let Some([client, server]) = self.connections.get_mut(&place) else { return };
        for Call { request, response } in calls {
            client.seal(APPLICATION, request, &mut said.client);
            server.seal(APPLICATION, response, &mut said.server);
        }
    }
}

impl Seal {
    fn new(secret: &[u8; 32]) -> Self {
        let (mut key, mut iv) = ([0; 16], [0; NONCE_LEN]);
        expand(secret, b"key", &mut key);
        expand(secret, b"iv", &mut iv);
        let key = UnboundKey::new(&AES_128_GCM, &key).expect("a key of 16 bytes");
        Self { key: LessSafeKey::new(key), iv, records: 0 }
    }

    /// Content as records, each as full as can be.
    fn seal(&mut self, kind: u8, content: &[u8], out: &mut Vec<u8>) {
        for part in content.chunks(RECORD_BYTES) {
            let [high, low] = ((part.len() + 1 + AES_128_GCM.tag_len()) as u16).to_be_bytes();
            let header = [APPLICATION, 3, 3, high, low];
            let mut nonce = self.iv;
            for (byte, number) in nonce[4..].iter_mut().zip(self.records.to_be_bytes()) {
                *byte ^= number;
            }
            self.records += 1;
            let mut body = [part, &[kind]].concat();
            let nonce = Nonce::assume_unique_for_key(nonce);
            self.key.seal_in_place_append_tag(nonce, Aad::from(header), &mut body).expect("a short record");
            out.extend_from_slice(&header);
            out.extend_from_slice(&body);
        }
    }
}

/// HKDF-Expand-Label without a context (RFC 8446 section 7.1).
fn expand(secret: &[u8; 32], label: &[u8], out: &mut [u8]) {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let label = [b"tls13 ".as_slice(), label].concat();
    let info = [&(out.len() as u16).to_be_bytes()[..], &vector8(&label), &[0]].concat();
    let info = [info.as_slice()];
    let secret = Prk::new_less_safe(HKDF_SHA256, secret);
    let expanded = secret.expand(&info, Length(out.len()));
    expanded.and_then(|expanded| expanded.fill(out)).expect("as long as was asked for");
}

fn client_hello(random: &[u8; 32], session: &[u8; 32], share: &[u8; 32], out: &mut Vec<u8>) {
    let name = vector16(&[&[0][..], &vector16(SERVER_NAME)].concat());
    let groups: Vec<u8> = [29_u16, 23, 24].iter().flat_map(|group| group.to_be_bytes()).collect();
    let signatures: Vec<u8> =
        [0x0403_u16, 0x0804, 0x0401, 0x0503, 0x0805].iter().flat_map(|kind| kind.to_be_bytes()).collect();
    let key = [&29_u16.to_be_bytes()[..], &vector16(share)].concat();
    let extensions = [
        extension(0, &name),
        extension(10, &vector16(&groups)),
        extension(13, &vector16(&signatures)),
        extension(16, &vector16(&[vector8(b"h2"), vector8(b"http/1.1")].concat())),
        extension(43, &[4, 3, 4, 3, 3]),
        extension(45, &[1, 1]),
        extension(51, &vector16(&key)),
    ];
    let suites = [0x13, 0x01, 0x13, 0x02, 0x13, 0x03, 0xC0, 0x2F, 0xC0, 0x30];
    let parts: [&[u8]; 6] =
        [&[3, 3], random, &vector8(session), &vector16(&suites), &[1, 0], &vector16(&extensions.concat())];
    record(&message(1, &parts.concat()), out);
}

fn server_hello(random: &[u8; 32], session: &[u8; 32], share: &[u8; 32], out: &mut Vec<u8>) {
    let key = [&29_u16.to_be_bytes()[..], &vector16(share)].concat();
    let extensions = [extension(43, &[3, 4]), extension(51, &key)].concat();
    let parts: [&[u8]; 5] = [&[3, 3], random, &vector8(session), &[0x13, 0x01, 0], &vector16(&extensions)];
    record(&message(2, &parts.concat()), out);
}

/// A handshake record in the clear.
fn record(message: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[HANDSHAKE, 3, 1]);
    out.extend_from_slice(&vector16(message));
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &vector24(body)].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector16(content)].concat()
}

fn vector8(content: &[u8]) -> Vec<u8> {
    [&[content.len() as u8][..], content].concat()
}

fn vector16(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes()[..], content].concat()
}

fn vector24(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32).to_be_bytes()[1..], content].concat()
}

/// Bytes that are as good as random and the same in every run.
fn bytes(what: &str, connection: u64) -> [u8; 32] {
    let hashed = digest(&SHA256, format!("{what} {connection}").as_bytes());
    hashed.as_ref().try_into().expect("32 bytes")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
