//! A presented token on its way from the shard to the desk, and what is known of one that was handed out.
//! It is given the token's bytes, and lends its parts inside this layer only.
//! It promises that the copy can be neither printed, cloned nor written, and is wiped when it ends.

use super::claims::{Claims, base64_any};
use heelguard_detectors::identity::Fingerprint;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Longest token that is carried: the limits of header and payload in base64, and an RSA signature of 8,192 bits.
const TOKEN_BYTES_MAX: usize = 64 * 1024;

/// A presented token with its claims.
pub(crate) struct SealedToken {
    bytes: Zeroizing<Box<[u8]>>,
    pub(super) claims: Arc<Claims>,
    pub(super) fingerprint: Fingerprint,
}

/// A token that an answer hands out: what it says, not what it is.
#[derive(Debug)]
pub(crate) struct IssuedToken {
    pub(crate) claims: Arc<Claims>,
    pub(crate) fingerprint: Fingerprint,
}

impl SealedToken {
    /// A copy of the token; of one that is too long, nothing but its claims.
    pub(crate) fn new(token: &[u8], claims: Arc<Claims>, fingerprint: Fingerprint) -> Self {
        let carried = if token.len() <= TOKEN_BYTES_MAX { token } else { &[] };
        Self { bytes: Zeroizing::new(carried.into()), claims, fingerprint }
    }

    /// What the signature covers, and the decoded signature (RFC 7515 5.2).
    pub(super) fn parts(&self) -> Option<(&[u8], Vec<u8>)> {
        let dot = memchr::memrchr(b'.', &self.bytes)?;
        let (input, signature) = (self.bytes.get(..dot)?, self.bytes.get(dot + 1..)?);
        let is_jws = memchr::memchr_iter(b'.', input).count() == 1;
        let signature = base64_any(signature).filter(|signature| !signature.is_empty())?;
        is_jws.then_some((input, signature))
    }
}

impl fmt::Debug for SealedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedToken")
    }
}
