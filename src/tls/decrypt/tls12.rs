//! The sealed part of a TLS 1.2 connection (RFC 5246).
//! It is given what was negotiated, also when that happens again, and the records behind the ClientHello.
//! It promises to change keys exactly at each side's ChangeCipherSpec, and that a sealed record is opened or refused,
//! never taken for content.

use super::cbc::Cbc;
use super::derive::prf;
use super::opener::{AeadKey, Head, IMPLICIT_NONCE_BYTES, Opener};
use super::secret::{Label, Secret};
use super::step::{ALERT, CHANGE_CIPHER_SPEC, HANDSHAKE, Known, Step, fill};
use super::suite::{Seal, Suite};
use super::{GivenUp, Negotiated, Record, Side};
use ring::aead::{CHACHA20_POLY1305, NONCE_LEN};
use std::ops::Range;
use zeroize::Zeroize as _;

/// The longest key block: two MAC keys of SHA-384, two keys of 256 bits, two IVs.
const KEY_BLOCK_BYTES_MAX: usize = 2 * (48 + 32 + NONCE_LEN);

/// Both directions of a connection.
pub(super) struct Tls12 {
    suite: Suite,
    server_random: [u8; 32],
    encrypt_then_mac: bool,
    /// Keys that were agreed on and are not yet in use: each side begins when it says so.
    agreed: [Option<Opener>; 2],
    /// Whether they were made.
    made: bool,
    halves: [Half; 2],
}

/// What one side sends.
#[derive(Default)]
struct Half {
    opener: Option<Opener>,
    /// Records that the key in use opened.
    number: u64,
    /// Records that were lost since.
    lost: u32,
}

impl Tls12 {
    pub(super) fn new(suite: Suite, negotiated: &Negotiated) -> Self {
        Self {
            suite,
            server_random: negotiated.server_random,
            encrypt_then_mac: negotiated.encrypt_then_mac,
            agreed: [None, None],
            made: false,
            halves: Default::default(),
        }
    }

    /// Something else was agreed on, under the keys in use.
    pub(super) fn renegotiated(&mut self, suite: Suite, negotiated: &Negotiated) {
        let halves = std::mem::take(&mut self.halves);
        *self = Self { halves, ..Self::new(suite, negotiated) };
    }

    pub(super) fn lost(&mut self, side: Side, records: u32) {
        let half = &mut self.halves[side.index()];
        half.lost = half.lost.saturating_add(records);
    }

    /// Whether what this side sends is sealed by now.
    pub(super) fn is_sealed(&self, side: Side) -> bool {
        self.halves[side.index()].opener.is_some()
    }

    pub(super) fn open(&mut self, record: &Record<'_>, known: Known<'_>, buffer: &mut Vec<u8>) -> Step {
        let at = record.side.index();
        if record.kind == CHANGE_CIPHER_SPEC {
            return self.change(record, known, buffer).unwrap_or_else(|step| step);
        }
        if self.halves[at].opener.is_none() {
            if self.halves[at].lost > 0 && self.change_was_lost(record, known, buffer) {
                return self.halves[at].open(record, buffer);
            }
            return match record.kind {
                ALERT | HANDSHAKE => Step::plain(record, buffer),
                _ => Step::Fail(GivenUp::NotOpened),
            };
        }
        self.halves[at].open(record, buffer)
    }

    /// From the next record on this side uses what was agreed on.
    fn change(&mut self, record: &Record<'_>, known: Known<'_>, buffer: &mut Vec<u8>) -> Result<Step, Step> {
        self.agree(known)?;
        let at = record.side.index();
        // In a renegotiation this record is sealed itself.
        if self.halves[at].opener.is_some() {
            match self.halves[at].open(record, buffer) {
                Step::Clear { .. } => {}
                step => return Err(step),
            }
        }
        let opener = self.agreed[at].take().ok_or(Step::Fail(GivenUp::NotOpened))?;
        self.halves[at] = Half { opener: Some(opener), ..Half::default() };
        Ok(Step::Silent)
    }

    /// Whether a record only makes sense if this side's change of keys was among what is lost.
    fn change_was_lost(&mut self, record: &Record<'_>, known: Known<'_>, buffer: &mut Vec<u8>) -> bool {
        let at = record.side.index();
        if self.agree(known).is_err() {
            return false;
        }
        let Some(opener) = self.agreed[at].take() else { return false };
        // One of the lost records was the change itself.
        let numbers = 0..u64::from(self.halves[at].lost);
        let Some((number, _)) = opened_as(&opener, record, numbers, buffer) else {
            self.agreed[at] = Some(opener);
            return false;
        };
        self.halves[at] = Half { opener: Some(opener), number, lost: 0 };
        true
    }

    /// Makes the keys that were agreed on, once for both sides.
    fn agree(&mut self, known: Known<'_>) -> Result<(), Step> {
        if self.made {
            return Ok(());
        }
        let master = known.get(Label::Master)?;
        let openers = self.openers(&master, known.client_random);
        let [Some(client), Some(server)] = openers else { return Err(Step::Fail(GivenUp::Unsupported)) };
        self.agreed = [Some(client), Some(server)];
        self.made = true;
        Ok(())
    }

    /// The keys of both sides (RFC 5246, 6.3).
    fn openers(&self, master: &Secret, client_random: &[u8; 32]) -> [Option<Opener>; 2] {
        let (mac_bytes, key_bytes, iv_bytes) = match self.suite.seal {
            Seal::Gcm(algorithm) => (0, algorithm.key_len(), IMPLICIT_NONCE_BYTES),
            Seal::ChaCha => (0, CHACHA20_POLY1305.key_len(), NONCE_LEN),
            Seal::Cbc { key_bytes, mac } => (mac.digest_algorithm().output_len(), key_bytes, 0),
        };
        let mut block = [0; KEY_BLOCK_BYTES_MAX];
        let seed: [&[u8]; 2] = [&self.server_random, client_random];
        prf(self.suite.hash, master, b"key expansion", seed, &mut block);
        let mut rest: &[u8] = &block;
        let mut pair = |bytes: usize| {
            let (two, behind) = rest.split_at_checked(2 * bytes).unwrap_or_default();
            rest = behind;
            two.split_at_checked(bytes).unwrap_or_default()
        };
        let (macs, keys, ivs) = (pair(mac_bytes), pair(key_bytes), pair(iv_bytes));
        let openers = [self.opener(macs.0, keys.0, ivs.0), self.opener(macs.1, keys.1, ivs.1)];
        block.zeroize();
        openers
    }

    fn opener(&self, mac: &[u8], key: &[u8], iv: &[u8]) -> Option<Opener> {
        Some(match self.suite.seal {
            Seal::Gcm(algorithm) => {
                Opener::Gcm { key: AeadKey::new(algorithm, key)?, implicit: iv.try_into().ok()? }
            }
            Seal::ChaCha => {
                Opener::ChaCha { key: AeadKey::new(&CHACHA20_POLY1305, key)?, iv: iv.try_into().ok()? }
            }
            Seal::Cbc { mac: hash, .. } => {
                Opener::Cbc(Box::new(Cbc::new(key, hash, mac, self.encrypt_then_mac)?))
            }
        })
    }
}

impl Half {
    /// Opens a record with the key in use; if some were lost, as the one behind them.
    fn open(&mut self, record: &Record<'_>, buffer: &mut Vec<u8>) -> Step {
        let Some(opener) = &self.opener else { return Step::Fail(GivenUp::NotOpened) };
        let numbers = self.number..self.number.saturating_add(u64::from(self.lost) + 1);
        match opened_as(opener, record, numbers, buffer) {
            Some((number, content)) => {
                self.number = number.saturating_add(1);
                self.lost = 0;
                Step::Clear { kind: record.kind, sealed: true, content }
            }
            None => Step::Fail(GivenUp::NotOpened),
        }
    }
}

/// Opens a record as the first of these numbers that it can have been sealed as.
fn opened_as(
    opener: &Opener,
    record: &Record<'_>,
    mut numbers: Range<u64>,
    buffer: &mut Vec<u8>,
) -> Option<(u64, Range<usize>)> {
    numbers.find_map(|number| {
        fill(buffer, record.body);
        let head = Head { number, kind: record.kind, version: record.version };
        opener.open(head, buffer).map(|content| (number, content))
    })
}
