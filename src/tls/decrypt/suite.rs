//! Cipher suites by their numbers (the TLS registry of IANA): how records are sealed, and with which hash keys are made.
//! It is given version and number, and gives a suite or nothing.
//! It promises that a suite that is given can be opened; RC4, 3DES, Camellia, ARIA and CCM are not.

use ring::{aead, hmac};

/// How a connection's records are sealed.
#[derive(Clone, Copy)]
pub(super) struct Suite {
    pub(super) seal: Seal,
    /// The hash of the key derivation.
    pub(super) hash: hmac::Algorithm,
}

/// What seals a record.
#[derive(Clone, Copy)]
pub(super) enum Seal {
    /// AES in Galois/Counter Mode; in TLS 1.2 a part of the nonce is in the record (RFC 5288).
    Gcm(&'static aead::Algorithm),
    /// ChaCha20 with Poly1305; its nonce is never in the record (RFC 7905).
    ChaCha,
    /// AES in cipher-block chaining with a MAC of its own (RFC 5246, 6.2.3.2).
    Cbc { key_bytes: usize, mac: hmac::Algorithm },
}

/// TLS 1.2, as the hello says it.
const TLS_1_2: u16 = 0x0303;
/// TLS 1.3.
const TLS_1_3: u16 = 0x0304;

impl Suite {
    /// By version and number.
    pub(super) fn of(version: u16, cipher: u16) -> Option<Self> {
        match version {
            TLS_1_2 => of_tls_1_2(cipher),
            TLS_1_3 => of_tls_1_3(cipher),
            _ => None,
        }
    }
}

fn of_tls_1_3(cipher: u16) -> Option<Suite> {
    let (seal, hash) = match cipher {
        0x1301 => (Seal::Gcm(&aead::AES_128_GCM), hmac::HMAC_SHA256),
        0x1302 => (Seal::Gcm(&aead::AES_256_GCM), hmac::HMAC_SHA384),
        0x1303 => (Seal::ChaCha, hmac::HMAC_SHA256),
        _ => return None,
    };
    Some(Suite { seal, hash })
}

/// The key exchange does not matter to who has its outcome: RSA, DH, ECDH, PSK and SRP suites stand side by side.
fn of_tls_1_2(cipher: u16) -> Option<Suite> {
    let sha1 = hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
    let (seal, hash) = match cipher {
        0x009c | 0x009e | 0x00a0 | 0x00a2 | 0x00a4 | 0x00a6 | 0x00a8 | 0x00aa | 0x00ac | 0xc02b | 0xc02d
        | 0xc02f | 0xc031 | 0xd001 => (Seal::Gcm(&aead::AES_128_GCM), hmac::HMAC_SHA256),
        0x009d | 0x009f | 0x00a1 | 0x00a3 | 0x00a5 | 0x00a7 | 0x00a9 | 0x00ab | 0x00ad | 0xc02c | 0xc02e
        | 0xc030 | 0xc032 | 0xd002 => (Seal::Gcm(&aead::AES_256_GCM), hmac::HMAC_SHA384),
        0xcca8..=0xccae => (Seal::ChaCha, hmac::HMAC_SHA256),
        0x002f..=0x0034
        | 0x008c
        | 0x0090
        | 0x0094
        | 0xc004
        | 0xc009
        | 0xc00e
        | 0xc013
        | 0xc018
        | 0xc01d
        | 0xc01e
        | 0xc01f
        | 0xc035 => (cbc(16, sha1), hmac::HMAC_SHA256),
        0x0035..=0x003a
        | 0x008d
        | 0x0091
        | 0x0095
        | 0xc005
        | 0xc00a
        | 0xc00f
        | 0xc014
        | 0xc019
        | 0xc020
        | 0xc021
        | 0xc022
        | 0xc036 => (cbc(32, sha1), hmac::HMAC_SHA256),
        0x003c | 0x003e | 0x003f | 0x0040 | 0x0067 | 0x006c | 0x00ae | 0x00b2 | 0x00b6 | 0xc023 | 0xc025
        | 0xc027 | 0xc029 | 0xc037 => (cbc(16, hmac::HMAC_SHA256), hmac::HMAC_SHA256),
        0x003d | 0x0068..=0x006b | 0x006d => (cbc(32, hmac::HMAC_SHA256), hmac::HMAC_SHA256),
        0x00af | 0x00b3 | 0x00b7 | 0xc024 | 0xc026 | 0xc028 | 0xc02a | 0xc038 => {
            (cbc(32, hmac::HMAC_SHA384), hmac::HMAC_SHA384)
        }
        _ => return None,
    };
    Some(Suite { seal, hash })
}

fn cbc(key_bytes: usize, mac: hmac::Algorithm) -> Seal {
    Seal::Cbc { key_bytes, mac }
}
