//! The protection of Initial packets (RFC 9001 section 5, RFC 9369 section 3.3) and of Retry packets (section 5.8).
//! It is given packets as they crossed the wire, with the connection id that the client began with.
//! It promises that what it opens is what was sealed, to the last bit of the header.

use crate::decode::quic::{Long, Version};
use crate::flow::Direction;
use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

const TAG_BYTES: usize = 16;
/// The sample that the header is masked by begins so far behind the packet number (RFC 9001 section 5.4.2).
const SAMPLE_BEHIND: usize = 4;
/// The bits of the first byte that are masked.
const MASKED_BITS: u8 = 0x0F;
const NUMBER_LENGTH_BITS: u8 = 0x03;

/// What a version has of its own.
struct Words {
    salt: [u8; 20],
    key: &'static [u8],
    iv: &'static [u8],
    header: &'static [u8],
    retry_key: [u8; 16],
    retry_nonce: [u8; NONCE_LEN],
}

/// RFC 9001 sections 5.2 and 5.8.
const V1: Words = Words {
    salt: [
        0x38, 0x76, 0x2C, 0xF7, 0xF5, 0x59, 0x34, 0xB3, 0x4D, 0x17, 0x9A, 0xE6, 0xA4, 0xC8, 0x0C, 0xAD, 0xCC,
        0xBB, 0x7F, 0x0A,
    ],
    key: b"quic key",
    iv: b"quic iv",
    header: b"quic hp",
    retry_key: [
        0xBE, 0x0C, 0x69, 0x0B, 0x9F, 0x66, 0x57, 0x5A, 0x1D, 0x76, 0x6B, 0x54, 0xE3, 0x68, 0xC8, 0x4E,
    ],
    retry_nonce: [0x46, 0x15, 0x99, 0xD3, 0x5D, 0x63, 0x2B, 0xF2, 0x23, 0x98, 0x25, 0xBB],
};

/// RFC 9369 section 3.3.
const V2: Words = Words {
    salt: [
        0x0D, 0xED, 0xE3, 0xDE, 0xF7, 0x00, 0xA6, 0xDB, 0x81, 0x93, 0x81, 0xBE, 0x6E, 0x26, 0x9D, 0xCB, 0xF9,
        0xBD, 0x2E, 0xD9,
    ],
    key: b"quicv2 key",
    iv: b"quicv2 iv",
    header: b"quicv2 hp",
    retry_key: [
        0x8F, 0xB4, 0xB0, 0x1B, 0x56, 0xAC, 0x48, 0xE2, 0x60, 0xFB, 0xCB, 0xCE, 0xAD, 0x7C, 0xCC, 0x92,
    ],
    retry_nonce: [0xD8, 0x69, 0x69, 0xBC, 0x2D, 0x7C, 0x6D, 0x99, 0x90, 0xEF, 0xB0, 0x4A],
};

/// draft-ietf-quic-tls-29, sections 5.2 and 5.8.
const DRAFT: Words = Words {
    salt: [
        0xAF, 0xBF, 0xEC, 0x28, 0x99, 0x93, 0xD2, 0x4C, 0x9E, 0x97, 0x86, 0xF1, 0x9C, 0x61, 0x11, 0xE0, 0x43,
        0x90, 0xA8, 0x99,
    ],
    retry_key: [
        0xCC, 0xCE, 0x18, 0x7E, 0xD0, 0x9A, 0x09, 0xD0, 0x57, 0x28, 0x15, 0x5A, 0x6C, 0xB9, 0x6B, 0xE1,
    ],
    retry_nonce: [0xE5, 0x49, 0x30, 0xF9, 0x7F, 0x21, 0x36, 0xF0, 0x53, 0x0A, 0x8C, 0x1C],
    ..V1
};

impl Words {
    const fn of(version: Version) -> &'static Self {
        match version {
            Version::V1 => &V1,
            Version::V2 => &V2,
            Version::Draft => &DRAFT,
        }
    }
}

/// The keys of one side's Initial packets.
struct Keys {
    key: LessSafeKey,
    iv: [u8; NONCE_LEN],
    header: HeaderProtectionKey,
}

impl Keys {
    fn of(version: Version, sender: Direction, first_id: &[u8]) -> Option<Self> {
        let words = Words::of(version);
        let label: &[u8] = if sender == Direction::FromInitiator { b"client in" } else { b"server in" };
        let secret: [u8; 32] = expand(&Salt::new(HKDF_SHA256, &words.salt).extract(first_id), label)?;
        let secret = Prk::new_less_safe(HKDF_SHA256, &secret);
        let key: [u8; 16] = expand(&secret, words.key)?;
        let header: [u8; 16] = expand(&secret, words.header)?;
        Some(Self {
            key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?),
            iv: expand(&secret, words.iv)?,
            header: HeaderProtectionKey::new(&AES_128, &header).ok()?,
        })
    }

    fn nonce(&self, number: u32) -> Nonce {
        let mut nonce = self.iv;
        nonce.iter_mut().rev().zip(number.to_le_bytes()).for_each(|(byte, part)| *byte ^= part);
        Nonce::assume_unique_for_key(nonce)
    }
}

/// The frames of an Initial packet, opened into `scratch`. `first_id` is the connection id that the client began with.
/// `None`: it is not the `sender`'s, or not of this connection, or not as it was sent.
pub(super) fn open<'s>(
    packet: &Long<'_>,
    sender: Direction,
    first_id: &[u8],
    scratch: &'s mut Vec<u8>,
) -> Option<&'s [u8]> {
    let sample = packet.bytes.get(packet.number_at + SAMPLE_BEHIND..)?.first_chunk::<TAG_BYTES>()?;
    let keys = Keys::of(packet.version, sender, first_id)?;
    let [first_mask, number_masks @ ..] = keys.header.new_mask(sample).ok()?;
    scratch.clear();
    scratch.extend_from_slice(packet.bytes);
    let first = scratch.first_mut()?;
    *first ^= first_mask & MASKED_BITS;
    let number_bytes = usize::from(*first & NUMBER_LENGTH_BITS) + 1;
    let (header, sealed) = scratch.split_at_mut_checked(packet.number_at + number_bytes)?;
    // Packet numbers begin at 0, and few packets are Initial ones: what is written is all of the number.
    let mut number = 0;
    for (byte, mask) in header.get_mut(packet.number_at..)?.iter_mut().zip(number_masks) {
        *byte ^= mask;
        number = number << 8 | u32::from(*byte);
    }
    let clear = keys.key.open_in_place(keys.nonce(number), Aad::from(&*header), sealed).ok()?;
    Some(clear)
}

/// Whether a Retry packet answers the client that began with `first_id`.
pub(super) fn is_retry_of(packet: &Long<'_>, first_id: &[u8]) -> bool {
    let Some((said, &tag)) = packet.bytes.split_last_chunk::<TAG_BYTES>() else { return false };
    let words = Words::of(packet.version);
    let Ok(key) = UnboundKey::new(&AES_128_GCM, &words.retry_key) else { return false };
    let nonce = Nonce::assume_unique_for_key(words.retry_nonce);
    let covered = [&[first_id.len() as u8][..], first_id, said].concat();
    let mut sealed = tag;
    LessSafeKey::new(key).open_in_place(nonce, Aad::from(covered), &mut sealed).is_ok()
}

/// HKDF-Expand-Label (RFC 8446 section 7.1), as long as is asked for.
fn expand<const BYTES: usize>(secret: &Prk, label: &[u8]) -> Option<[u8; BYTES]> {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    const PREFIX: &[u8] = b"tls13 ";
    let length = (BYTES as u16).to_be_bytes();
    let words = [&length[..], &[(PREFIX.len() + label.len()) as u8], PREFIX, label, &[0]];
    let mut out = [0; BYTES];
    secret.expand(&words, Length(BYTES)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

#[cfg(test)]
pub(super) mod tests;
