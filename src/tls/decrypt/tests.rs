//! Connections as records: the traces of RFC 8448, and what may befall a connection whose secrets are late, wrong or
//! missing.

mod held;
mod lines;
mod rfc8448;

use super::{Clear, Config, DecryptShared, Decryptor, KeyStore, Negotiated, Record, Side};
use heelguard_detectors::time::EventTime;
use std::sync::Arc;

/// A connection that is told record by record.
struct Wire {
    keys: Arc<KeyStore>,
    shared: DecryptShared,
    decryptor: Decryptor,
    now: u64,
    /// What was read: side, type, and whether it was sealed.
    heard: Vec<(Side, u8, bool, Vec<u8>)>,
}

impl Wire {
    fn new(client_random: &str, early_data: bool, grows: bool) -> Self {
        let keys = Arc::new(KeyStore::new(10, grows));
        let shared = DecryptShared::new(Config::default(), Some(Arc::clone(&keys)));
        let decryptor = Decryptor::new(random(client_random), early_data);
        Self { keys, shared, decryptor, now: 1_000, heard: Vec::new() }
    }

    fn log(&self, lines: &str) {
        self.keys.read_key_log(lines.as_bytes(), EventTime::ZERO);
    }

    /// A whole record in hexadecimal digits, header first. The clock moves by a millisecond with each.
    fn record(&mut self, side: Side, digits: &str) {
        let bytes = unhex(digits);
        self.now += 1;
        let at = EventTime::from_nanos(self.now * 1_000_000);
        let version = u16::from_be_bytes([bytes[1], bytes[2]]);
        let record = Record { side, at, kind: bytes[0], version, body: &bytes[5..] };
        let mut clear = self.decryptor.record(record, &mut self.shared);
        while let Some(Clear { side, kind, sealed, bytes, .. }) = clear {
            self.heard.push((side, kind, sealed, bytes.to_vec()));
            clear = self.decryptor.more(&mut self.shared);
        }
    }

    fn client(&mut self, digits: &str) {
        self.record(Side::Client, digits);
    }

    fn server(&mut self, digits: &str) {
        self.record(Side::Server, digits);
    }

    fn negotiated(&mut self, version: u16, cipher: u16, client_random: &str) {
        let (client_random, server_random) = (random(client_random), [0; 32]);
        let negotiated =
            Negotiated { version, cipher, client_random, server_random, encrypt_then_mac: false };
        self.decryptor.negotiated(&negotiated, &mut self.shared);
    }

    /// Application data of both sides, in the order in which it could be read.
    fn said(&self) -> Vec<(Side, Vec<u8>)> {
        let data = self.heard.iter().filter(|(_, kind, sealed, _)| *kind == 23 && *sealed);
        data.map(|(side, _, _, bytes)| (*side, bytes.clone())).collect()
    }
}

fn random(digits: &str) -> [u8; 32] {
    unhex(digits).try_into().expect("32 bytes")
}

fn unhex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let value = |digit: u8| char::from(digit).to_digit(16).expect("a digit") as u8;
    digits.chunks(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()
}
