//! Values that must not leave: how they are held, and what stands for them outside.
//! It is given raw values and gives fingerprints under the deployment's key, remembered for values that come again.
//! It promises that a `Secret` cannot be printed, copied or written, and wipes the memory it owns.

mod keyring;
mod listed;
mod places;

pub use keyring::Keyring;
pub(crate) use listed::ListedKeys;
pub(crate) use places::Places;

use super::jwt::{self, Claims};
use super::shape;
use heelguard_detectors::identity::{Fingerprint, KnownKey, Stage};
use std::borrow::Cow;
use std::hash::Hash;
use std::sync::Arc;
use zeroize::Zeroize;

/// A value that crossed the wire as a credential. It borrows the message, or owns a decoded form,
/// which it wipes when it is dropped.
///
/// It can be held:
///
/// ```
/// use heelguard::identity::secret::Secret;
/// let secret = Secret::new(b"hunter2".as_slice());
/// drop(secret);
/// ```
///
/// It cannot be printed for debugging, nor can anything that derives `Debug` hold it:
///
/// ```compile_fail
/// use heelguard::identity::secret::Secret;
/// let secret = Secret::new(b"hunter2".as_slice());
/// println!("{secret:?}");
/// ```
///
/// It cannot be shown:
///
/// ```compile_fail
/// use heelguard::identity::secret::Secret;
/// let secret = Secret::new(b"hunter2".as_slice());
/// println!("{secret}");
/// ```
///
/// It cannot be copied:
///
/// ```compile_fail
/// use heelguard::identity::secret::Secret;
/// let secret = Secret::new(b"hunter2".as_slice());
/// let copy = secret.clone();
/// ```
///
/// It cannot be written to a record:
///
/// ```compile_fail
/// use heelguard::identity::secret::Secret;
/// let secret = Secret::new(b"hunter2".as_slice());
/// serde_json::to_string(&secret);
/// ```
///
/// Its bytes are for this layer alone:
///
/// ```compile_fail
/// use heelguard::identity::secret::Secret;
/// let secret = Secret::new(b"hunter2".as_slice());
/// secret.bytes();
/// ```
pub struct Secret<'a>(Cow<'a, [u8]>);

impl<'a> Secret<'a> {
    /// Takes a value in.
    pub fn new(value: impl Into<Cow<'a, [u8]>>) -> Self {
        Self(value.into())
    }

    /// The value, for hashing and comparing inside this layer only.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Secret<'_> {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Overwrites a value that is owned; what is borrowed belongs to a packet buffer, which is reused.
pub(crate) fn wipe(value: &mut Cow<'_, [u8]>) {
    if let Cow::Owned(bytes) = value {
        bytes.zeroize();
    }
}

/// What is known of a value that was seen before.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) class: &'static str,
    pub(crate) fingerprint: Fingerprint,
    /// Where it is listed as known to others.
    pub(crate) listed: Option<KnownKey>,
    /// What it says it is for.
    pub(crate) stage: Option<Stage>,
    /// The claims, when it is a readable JWT.
    pub(crate) claims: Option<Arc<Claims>>,
    /// Whether it is a JWT beyond the decode limits.
    pub(crate) beyond_limit: bool,
}

/// Sets of values a worker remembers.
const SETS: usize = 8192;
/// Tokens whose claims have more letters are read each time.
const CLAIMS_BYTES_MAX: usize = 2048;

impl Known {
    /// Whether it may be remembered: whoever makes tokens chooses how much they say.
    pub(crate) fn is_light(&self) -> bool {
        self.claims.as_ref().is_none_or(|claims| claims.text_bytes() <= CLAIMS_BYTES_MAX)
    }
}

/// A worker's memory of values: a repeated token costs a fast hash instead of BLAKE3 and JSON.
pub(crate) struct Memory {
    lists: Arc<ListedKeys>,
    known: Places<Known>,
}

impl Memory {
    pub(crate) fn new(lists: Arc<ListedKeys>) -> Self {
        Self { lists, known: Places::new(SETS) }
    }

    /// Class, fingerprint and claims of a value.
    pub(crate) fn know(&mut self, secret: &Secret<'_>, keyring: &Keyring, claim: Option<&[u8]>) -> Known {
        let value = secret.bytes();
        let hash = self.known.hash(|hasher| value.hash(hasher));
        if let Some(known) = self.known.find(hash) {
            return known.clone();
        }
        let known = self.find_out(value, keyring, claim);
        if known.is_light() {
            self.known.insert(hash, known.clone());
        }
        known
    }

    fn find_out(&self, value: &[u8], keyring: &Keyring, claim: Option<&[u8]>) -> Known {
        let (fingerprint, class) = keyring.fingerprint(value);
        let (claims, beyond_limit) = match class {
            shape::JWT | shape::JWE => jwt::read(value, claim, keyring),
            _ => (None, false),
        };
        let listed = self.lists.find(value, fingerprint, keyring);
        let stage = shape::stage(value);
        Known { class, fingerprint, listed, stage, claims: claims.map(Arc::new), beyond_limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};

    #[test]
    fn memory_tells_the_same_as_the_keyring() {
        let keys = Keyring::ephemeral().unwrap();
        let mut memory = Memory::new(Arc::default());
        for n in 0..100_000u32 {
            let value = format!("value-{}", n % 50_000);
            let known = memory.know(&Secret::new(value.as_bytes()), &keys, None);
            assert_eq!(known.fingerprint, keys.fingerprint(value.as_bytes()).0);
        }
    }

    #[test]
    fn tokens_that_say_much_are_not_remembered() {
        let keys = Keyring::ephemeral().unwrap();
        let mut memory = Memory::new(Arc::default());
        let base64 = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let mut told = |scopes: usize| {
            let scope = format!("{:0100} ", 7).repeat(scopes);
            let claims = base64(&format!(r#"{{"sub":"al","scope":"{scope}"}}"#));
            let token = format!("{}.{claims}.c2lnbmF0dXJl", base64(r#"{"alg":"RS256"}"#));
            let known = memory.know(&Secret::new(token.as_bytes()), &keys, None);
            let again = memory.know(&Secret::new(token.as_bytes()), &keys, None);
            assert_eq!(known.claims, again.claims);
            Arc::ptr_eq(&known.claims.unwrap(), &again.claims.unwrap())
        };
        assert!(told(20));
        assert!(!told(21));
    }

    #[test]
    fn what_a_secret_owns_is_wiped_and_what_it_borrows_is_left_alone() {
        let message = b"hunter2".to_vec();
        drop(Secret::new(&*message));
        assert_eq!(message, b"hunter2");
        let mut owned = Cow::Owned(message);
        wipe(&mut owned);
        assert!(owned.is_empty());
    }
}
