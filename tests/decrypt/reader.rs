//! A connection's bytes as records and hellos, for a `Decryptor`: the plainest reader that can do it.
//! It is given bytes of both sides in their order, and keeps what each side said.

use crate::hello::{self, Hello};
use heelguard::metrics::DecryptCounters;
use heelguard::tls::decrypt::{Clear, Config, DecryptShared, Decryptor, GivenUp, KeyStore, Record, Side};
use heelguard_detectors::time::EventTime;
use std::sync::Arc;

/// One connection.
pub struct Reader {
    shared: DecryptShared,
    decryptor: Option<Decryptor>,
    client_random: [u8; 32],
    bytes: [Vec<u8>; 2],
    handshake: [Vec<u8>; 2],
    records: u64,
    /// Records of application data that are left out, by their number: they count as lost.
    pub lost: Vec<u64>,
    /// What each side said.
    pub said: [Vec<u8>; 2],
}

impl Reader {
    pub fn new(keys: &Arc<KeyStore>) -> Self {
        Self {
            shared: DecryptShared::new(Config::default(), Some(Arc::clone(keys))),
            decryptor: None,
            client_random: [0; 32],
            bytes: Default::default(),
            handshake: Default::default(),
            records: 0,
            lost: Vec::new(),
            said: Default::default(),
        }
    }

    pub fn given_up(&self) -> Option<GivenUp> {
        self.decryptor.as_ref().and_then(Decryptor::given_up)
    }

    pub fn counters(&self) -> &DecryptCounters {
        &self.shared.counters
    }

    pub fn read(&mut self, side: Side, bytes: &[u8]) {
        let at = side.index();
        self.bytes[at].extend_from_slice(bytes);
        while let Some(&[kind, v0, v1, l0, l1]) = self.bytes[at].first_chunk() {
            let len = 5 + usize::from(u16::from_be_bytes([l0, l1]));
            if self.bytes[at].len() < len {
                break;
            }
            let whole: Vec<u8> = self.bytes[at].drain(..len).collect();
            self.record(side, kind, u16::from_be_bytes([v0, v1]), &whole[5..]);
        }
    }

    fn record(&mut self, side: Side, kind: u8, version: u16, body: &[u8]) {
        self.records += u64::from(kind == 23);
        let at = EventTime::from_secs(1);
        let Some(decryptor) = &mut self.decryptor else {
            if kind == 22 {
                self.heard(side, body);
            }
            return;
        };
        if kind == 23 && self.lost.contains(&self.records) {
            return decryptor.lost(side, 1);
        }
        let mut clear = decryptor.record(Record { side, at, kind, version, body }, &mut self.shared);
        while let Some(Clear { side, kind, sealed, bytes, .. }) = clear {
            assert!(sealed || kind != 23, "application data that was not sealed");
            let bytes = bytes.to_vec();
            match kind {
                22 => self.heard(side, &bytes),
                23 => self.said[side.index()].extend(bytes),
                _ => {}
            }
            let Some(decryptor) = &mut self.decryptor else { return };
            clear = decryptor.more(&mut self.shared);
        }
    }

    /// Handshake messages, sealed or not.
    fn heard(&mut self, side: Side, bytes: &[u8]) {
        let at = side.index();
        self.handshake[at].extend_from_slice(bytes);
        while let Some(&[_, l0, l1, l2]) = self.handshake[at].first_chunk() {
            let len = 4 + u32::from_be_bytes([0, l0, l1, l2]) as usize;
            if self.handshake[at].len() < len {
                break;
            }
            let message: Vec<u8> = self.handshake[at].drain(..len).collect();
            match hello::read(&message, self.client_random) {
                Some(Hello::Client { random, early_data }) => {
                    self.client_random = random;
                    self.decryptor.get_or_insert_with(|| Decryptor::new(random, early_data));
                }
                Some(Hello::Retry) => {
                    if let Some(decryptor) = &mut self.decryptor {
                        decryptor.retried(&mut self.shared);
                    }
                }
                Some(Hello::Server(negotiated)) => {
                    if let Some(decryptor) = &mut self.decryptor {
                        decryptor.negotiated(&negotiated, &mut self.shared);
                    }
                }
                None => {}
            }
        }
    }
}
