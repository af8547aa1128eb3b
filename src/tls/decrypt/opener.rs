//! Opens one record with one key.
//! It is given a suite and key bytes once, and records with their numbers, in a buffer that it opens in place.
//! It promises that what it gives is what was sealed under this key and number: tag or MAC are always checked.

use super::cbc::Cbc;
use super::derive::expand_label;
use super::secret::Secret;
use super::suite::{Seal, Suite};
use ring::aead::{Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::ops::Range;
use zeroize::Zeroize as _;

/// The part of a GCM nonce that a record of TLS 1.2 brings along.
const EXPLICIT_NONCE_BYTES: usize = 8;
/// The part that does not change.
pub(super) const IMPLICIT_NONCE_BYTES: usize = NONCE_LEN - EXPLICIT_NONCE_BYTES;
/// The longest key of an AEAD.
const KEY_BYTES_MAX: usize = 32;
/// The authentication tag of every AEAD.
const TAG_BYTES: usize = 16;
/// Content of TLS 1.3 hides behind this type.
const APPLICATION_DATA: u8 = 23;

/// What a record's seal covers beside its content.
#[derive(Clone, Copy)]
pub(super) struct Head {
    /// How many records this key opened before.
    pub(super) number: u64,
    /// Type and version as on the wire.
    pub(super) kind: u8,
    pub(super) version: u16,
}

/// One direction's key of TLS 1.2.
pub(super) enum Opener {
    Gcm { key: AeadKey, implicit: [u8; IMPLICIT_NONCE_BYTES] },
    ChaCha { key: AeadKey, iv: [u8; NONCE_LEN] },
    Cbc(Box<Cbc>),
}

impl Opener {
    /// Opens a record of TLS 1.2, and says where its content is now.
    pub(super) fn open(&self, head: Head, buffer: &mut [u8]) -> Option<Range<usize>> {
        match self {
            Self::Cbc(cbc) => cbc.open(head, buffer),
            Self::Gcm { key, implicit } => {
                let (explicit, sealed) = buffer.split_first_chunk_mut::<EXPLICIT_NONCE_BYTES>()?;
                let mut nonce = [0; NONCE_LEN];
                let (front, back) = nonce.split_at_mut(IMPLICIT_NONCE_BYTES);
                front.copy_from_slice(implicit);
                back.copy_from_slice(explicit);
                let len = key.open(nonce, &head.covered(sealed.len().checked_sub(TAG_BYTES)?), sealed)?;
                Some(EXPLICIT_NONCE_BYTES..EXPLICIT_NONCE_BYTES + len)
            }
            Self::ChaCha { key, iv } => {
                let covered = head.covered(buffer.len().checked_sub(TAG_BYTES)?);
                Some(0..key.open(numbered(*iv, head.number), &covered, buffer)?)
            }
        }
    }
}

impl Head {
    /// Number, type, version and length of the content: what tag or MAC of TLS 1.2 cover (RFC 5246, 6.2.3).
    pub(super) fn covered(self, content_bytes: usize) -> [u8; 13] {
        let [n0, n1, n2, n3, n4, n5, n6, n7] = self.number.to_be_bytes();
        let [v0, v1] = self.version.to_be_bytes();
        // A record has at most 2^14 + 2048 bytes, and its header cannot say more than 2^16.
        let [l0, l1] = (content_bytes as u16).to_be_bytes();
        [n0, n1, n2, n3, n4, n5, n6, n7, self.kind, v0, v1, l0, l1]
    }
}

/// One direction's key of TLS 1.3.
pub(super) struct Opener13 {
    key: AeadKey,
    iv: [u8; NONCE_LEN],
}

/// A key of an AEAD, as short as it is: what the cipher makes of it has some 500 bytes, which an idle connection would
/// keep twice, and making them again costs a record little beside opening it.
pub(super) struct AeadKey {
    algorithm: &'static Algorithm,
    bytes: [u8; KEY_BYTES_MAX],
}

impl Opener13 {
    /// The key that belongs to a traffic secret (RFC 8446, 7.3).
    pub(super) fn new(suite: Suite, secret: &Secret) -> Option<Self> {
        let algorithm = match suite.seal {
            Seal::Gcm(algorithm) => algorithm,
            Seal::ChaCha => &CHACHA20_POLY1305,
            Seal::Cbc { .. } => return None,
        };
        let (mut key, mut iv) = (AeadKey { algorithm, bytes: [0; KEY_BYTES_MAX] }, [0; NONCE_LEN]);
        expand_label(suite.hash, secret, b"key", key.bytes.get_mut(..algorithm.key_len())?);
        expand_label(suite.hash, secret, b"iv", &mut iv);
        Some(Self { key, iv })
    }

    /// Opens a record, and gives its true type and where its content is now.
    pub(super) fn open(&self, number: u64, version: u16, buffer: &mut [u8]) -> Option<(u8, Range<usize>)> {
        let ([v0, v1], [l0, l1]) = (version.to_be_bytes(), u16::try_from(buffer.len()).ok()?.to_be_bytes());
        let covered = [APPLICATION_DATA, v0, v1, l0, l1];
        let len = self.key.open(numbered(self.iv, number), &covered, buffer)?;
        // Padding is zeros behind the type; content without a type is none.
        let end = buffer.get(..len)?.iter().rposition(|byte| *byte != 0)?;
        Some((*buffer.get(end)?, 0..end))
    }
}

impl AeadKey {
    /// Of as many bytes as the algorithm takes.
    pub(super) fn new(algorithm: &'static Algorithm, bytes: &[u8]) -> Option<Self> {
        let mut key = Self { algorithm, bytes: [0; KEY_BYTES_MAX] };
        key.bytes.get_mut(..algorithm.key_len())?.copy_from_slice(bytes.get(..algorithm.key_len())?);
        Some(key)
    }

    /// Opens in place; how many bytes of content there are, from the front.
    fn open(&self, nonce: [u8; NONCE_LEN], covered: &[u8], sealed: &mut [u8]) -> Option<usize> {
        let key = UnboundKey::new(self.algorithm, self.bytes.get(..self.algorithm.key_len())?).ok()?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let content = LessSafeKey::new(key).open_in_place(nonce, Aad::from(covered), sealed).ok()?;
        Some(content.len())
    }
}

impl Drop for AeadKey {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// The nonce of a record: the IV, with its number in the last bytes.
fn numbered(mut iv: [u8; NONCE_LEN], number: u64) -> [u8; NONCE_LEN] {
    iv.iter_mut().rev().zip(number.to_le_bytes()).for_each(|(byte, of_number)| *byte ^= of_number);
    iv
}
