//! Values that must not leave: how they are held, and the keyed hashes that stand for them outside.
//! It is given raw values and gives fingerprints under the deployment's key, or marks of one-time codes
//! under a key that lives ten minutes of packet time. A `Secret` cannot be printed, copied or written.

use super::jwt::{self, Claims};
use super::shape;
use ahash::RandomState;
use heelguard_detectors::identity::Fingerprint;
use heelguard_detectors::time::EventTime;
use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

/// A value that crossed the wire as a credential. It borrows the message, or owns the decoded form.
pub(crate) struct Secret<'a>(Cow<'a, [u8]>);

impl<'a> Secret<'a> {
    pub(crate) fn new(value: impl Into<Cow<'a, [u8]>>) -> Self {
        Self(value.into())
    }

    /// The value, for hashing and comparing inside this layer only.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// How long a one-time code's key lives, in seconds of packet time.
const CODE_KEY_SECONDS: u64 = 600;
/// Purpose strings of the derived keys (BLAKE3 `derive_key`); changing one changes every fingerprint.
const FINGERPRINT_PURPOSE: &str = "heelguard.example 2026 credential fingerprint v1";
const CODE_PURPOSE: &str = "heelguard.example 2026 one-time code mark v1";
const ID_PURPOSE: &str = "heelguard.example 2026 key id v1";

/// The deployment's key and what is derived from it.
#[derive(Clone)]
pub struct Keyring {
    fingerprints: [u8; 32],
    /// Random for each process and shared by its threads: marks are compared, never written.
    codes: [u8; 32],
}

impl Keyring {
    /// From the 32 bytes of the key file.
    pub fn from_bytes(key: &[u8; 32]) -> Result<Self, String> {
        let codes = random_key()?;
        let fingerprints = blake3::derive_key(FINGERPRINT_PURPOSE, key);
        Ok(Self { fingerprints, codes: blake3::derive_key(CODE_PURPOSE, &codes) })
    }

    /// A key that lives as long as the process, for replays without a key file.
    pub fn ephemeral() -> Result<Self, String> {
        Self::from_bytes(&random_key()?)
    }

    /// Reads the key file, or makes it with mode 0600. It holds 64 hex digits and a line end.
    pub fn load_or_create(path: &Path) -> Result<Self, String> {
        let fail = |what: &str, e: io::Error| format!("{what} key file {}: {e}", path.display());
        match std::fs::File::open(path) {
            Ok(file) => {
                let mut text = String::new();
                file.take(4096).read_to_string(&mut text).map_err(|e| fail("cannot read", e))?;
                let key = parse_hex_key(text.trim())
                    .ok_or_else(|| format!("key file {} must hold 64 hex digits", path.display()))?;
                Self::from_bytes(&key)
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let key = random_key()?;
                write_private(path, &key).map_err(|e| fail("cannot create", e))?;
                Self::from_bytes(&key)
            }
            Err(e) => Err(fail("cannot open", e)),
        }
    }

    /// Names the key without telling it: what was fingerprinted under one key means nothing under another.
    pub fn id(&self) -> [u8; 8] {
        let mut id = [0; 8];
        let derived = blake3::derive_key(ID_PURPOSE, &self.fingerprints);
        id.iter_mut().zip(derived).for_each(|(byte, derived)| *byte = derived);
        id
    }

    /// Fingerprint and class of a value: the same wherever the value was carried.
    pub fn fingerprint(&self, value: &[u8]) -> (Fingerprint, &'static str) {
        let class = shape::class(value);
        (self.hash(class, value), class)
    }

    /// Keyed hash of a public name (a user of Basic, a key id), kept apart from secrets by its class.
    pub(crate) fn hash(&self, class: &str, value: &[u8]) -> Fingerprint {
        let mut hasher = blake3::Hasher::new_keyed(&self.fingerprints);
        hasher.update(class.as_bytes()).update(&[0]).update(value);
        let mut out = [0; 16];
        hasher.finalize_xof().fill(&mut out);
        Fingerprint(out)
    }

    /// The mark of a one-time code: upper half under the key of the ten minutes of `at`, lower half
    /// under the key of the ten minutes before, so that two marks can be compared across a border.
    pub(crate) fn code_mark(&self, code: &[u8], at: EventTime) -> u64 {
        let slot = at.as_secs() / CODE_KEY_SECONDS;
        let half = |slot: u64| {
            let mut hasher = blake3::Hasher::new_keyed(&self.codes);
            hasher.update(&slot.to_be_bytes()).update(code);
            let mut out = [0; 4];
            hasher.finalize_xof().fill(&mut out);
            u64::from(u32::from_be_bytes(out))
        };
        half(slot) << 32 | half(slot.wrapping_sub(1))
    }
}

/// What is known of a value that was seen before.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) class: &'static str,
    pub(crate) fingerprint: Fingerprint,
    /// The claims, when it is a readable JWT.
    pub(crate) claims: Option<Arc<Claims>>,
    /// Whether it is a JWT beyond the decode limits.
    pub(crate) beyond_limit: bool,
}

/// Values a worker remembers; a collision of slots only costs the hash again.
const MEMORY_SLOTS: usize = 8192;

/// A worker's memory of values: a repeated token costs a fast hash instead of BLAKE3 and JSON.
/// It holds no value, only a 128-bit hash under two random keys of its own.
pub(crate) struct Memory {
    hashers: [RandomState; 2],
    slots: Vec<Option<(u128, Known)>>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self { hashers: [RandomState::new(), RandomState::new()], slots: vec![None; MEMORY_SLOTS] }
    }

    /// Class, fingerprint and claims of a value.
    pub(crate) fn know(&mut self, secret: &Secret<'_>, keyring: &Keyring, claim: Option<&[u8]>) -> Known {
        let value = secret.bytes();
        let [high, low] = self.hashers.each_ref().map(|h| h.hash_one(value));
        let key = u128::from(high) << 64 | u128::from(low);
        let slot = low as usize % MEMORY_SLOTS;
        if let Some(Some((known_key, known))) = self.slots.get(slot)
            && *known_key == key
        {
            return known.clone();
        }
        let (fingerprint, class) = keyring.fingerprint(value);
        let (claims, beyond_limit) = match class {
            shape::JWT => jwt::read(value, claim),
            _ => (None, false),
        };
        let known = Known { class, fingerprint, claims: claims.map(Arc::new), beyond_limit };
        if let Some(slot) = self.slots.get_mut(slot) {
            *slot = Some((key, known.clone()));
        }
        known
    }
}

fn random_key() -> Result<[u8; 32], String> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|e| format!("the system gives no random bytes: {e}"))?;
    Ok(key)
}

fn parse_hex_key(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (slot, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *slot = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(key)
}

fn write_private(path: &Path, key: &[u8; 32]) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    for byte in key {
        write!(file, "{byte:02x}")?;
    }
    writeln!(file)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_decides_the_fingerprint_and_the_file_keeps_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let first = Keyring::load_or_create(&path).unwrap();
        let again = Keyring::load_or_create(&path).unwrap();
        let other = Keyring::ephemeral().unwrap();
        let value = b"5357442683a5ad1695b3b8a7aa0a6e69ae5d7ec2";
        assert_eq!(first.fingerprint(value), again.fingerprint(value));
        assert_ne!(first.fingerprint(value), other.fingerprint(value));
        assert_ne!(first.fingerprint(value), first.fingerprint(&value[1..]));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&path, "not a key").unwrap();
        assert!(Keyring::load_or_create(&path).is_err());
    }

    #[test]
    fn a_code_is_recognised_for_ten_minutes_and_not_after_twenty() {
        let keys = Keyring::ephemeral().unwrap();
        let mark = |code: &[u8], s| keys.code_mark(code, EventTime::from_secs(s));
        assert_eq!(mark(b"123456", 600), mark(b"123456", 1199));
        assert_ne!(mark(b"123456", 600), mark(b"123457", 600));
        assert_eq!(mark(b"123456", 1199) >> 32, mark(b"123456", 1200) & 0xFFFF_FFFF);
        assert_ne!(mark(b"123456", 1199), mark(b"123456", 2400));
    }

    #[test]
    fn memory_tells_the_same_as_the_keyring() {
        let keys = Keyring::ephemeral().unwrap();
        let mut memory = Memory::new();
        for n in 0..20_000u32 {
            let value = format!("value-{}", n % 10_000);
            let known = memory.know(&Secret::new(value.as_bytes()), &keys, None);
            assert_eq!(known.fingerprint, keys.fingerprint(value.as_bytes()).0);
        }
    }
}
