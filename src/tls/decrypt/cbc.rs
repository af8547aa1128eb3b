//! AES in cipher-block chaining with an HMAC, as TLS 1.2 has it: the MAC inside the encryption (RFC 5246, 6.2.3.2), or
//! outside of it (RFC 7366).
//! It is given keys once, and records in a buffer that it opens in place.
//! It promises that bytes whose MAC or padding is wrong are not given. How long that takes tells nobody anything: nobody
//! who sends records gets an answer from here.

use super::opener::Head;
use aes::{Aes128, Aes256};
use cbc::Decryptor;
use cbc::cipher::consts::U16;
use cbc::cipher::{Array, BlockModeDecrypt as _, InnerIvInit as _, KeyInit as _};
use ring::hmac;
use std::ops::Range;

const BLOCK_BYTES: usize = 16;

/// One direction's keys.
pub(super) struct Cbc {
    key: Key,
    mac: hmac::Key,
    mac_outside: bool,
}

enum Key {
    Aes128(Aes128),
    Aes256(Aes256),
}

impl Cbc {
    /// Of key bytes: 16 or 32 for the cipher, as many as the hash has for the MAC.
    pub(super) fn new(key: &[u8], mac: hmac::Algorithm, mac_key: &[u8], mac_outside: bool) -> Option<Self> {
        let key = match key.len() {
            16 => Key::Aes128(Aes128::new_from_slice(key).ok()?),
            _ => Key::Aes256(Aes256::new_from_slice(key).ok()?),
        };
        Some(Self { key, mac: hmac::Key::new(mac, mac_key), mac_outside })
    }

    /// Opens a record, and says where its content is now.
    pub(super) fn open(&self, head: Head, buffer: &mut [u8]) -> Option<Range<usize>> {
        let mac_bytes = self.mac.algorithm().digest_algorithm().output_len();
        if self.mac_outside {
            let (sealed, mac) = buffer.split_at_mut_checked(buffer.len().checked_sub(mac_bytes)?)?;
            self.vouches(head, sealed, mac)?;
            let content = self.decrypt(sealed)?;
            return Some(BLOCK_BYTES..BLOCK_BYTES + content);
        }
        let inner = self.decrypt(buffer)?;
        let content = inner.checked_sub(mac_bytes)?;
        let (content_bytes, mac) = buffer.get(BLOCK_BYTES..BLOCK_BYTES + inner)?.split_at_checked(content)?;
        self.vouches(head, content_bytes, mac)?;
        Some(BLOCK_BYTES..BLOCK_BYTES + content)
    }

    /// Decrypts what stands behind the first block, which is the IV; how many bytes there are without the padding.
    fn decrypt(&self, sealed: &mut [u8]) -> Option<usize> {
        let (iv, sealed) = sealed.split_first_chunk_mut::<BLOCK_BYTES>()?;
        let (blocks, rest) = Array::<u8, U16>::slice_as_chunks_mut(sealed);
        if !rest.is_empty() {
            return None;
        }
        let iv = &Array(*iv);
        match &self.key {
            Key::Aes128(key) => Decryptor::inner_iv_init(key, iv).decrypt_blocks(blocks),
            Key::Aes256(key) => Decryptor::inner_iv_init(key, iv).decrypt_blocks(blocks),
        }
        let (padding, _) = sealed.split_last()?;
        let padding_bytes = usize::from(*padding) + 1;
        let content = sealed.len().checked_sub(padding_bytes)?;
        sealed.get(content..)?.iter().all(|byte| byte == padding).then_some(content)
    }

    fn vouches(&self, head: Head, content: &[u8], mac: &[u8]) -> Option<()> {
        let mut expected = hmac::Context::with_key(&self.mac);
        expected.update(&head.covered(content.len()));
        expected.update(content);
        (expected.sign().as_ref() == mac).then_some(())
    }
}
