//! The deployment's key, and the keyed hashes that stand for secrets outside.
//! It is given one or two key files and gives fingerprints under the newest, names of the generations in force, seeds
//! for marks of requests, and marks of one-time codes under a key that lives ten minutes of packet time.
//! It promises that keys are wiped when a keyring ends, and that a missing key is made for its owner alone.

use crate::files;
use crate::identity::shape;
use heelguard_detectors::identity::Fingerprint;
use heelguard_detectors::time::EventTime;
use std::io::{self, Read, Write};
use std::path::Path;
use zeroize::{Zeroize, Zeroizing};

/// How long a one-time code's key lives, in seconds of packet time.
const CODE_KEY_SECONDS: u64 = 600;
/// Purpose strings of the derived keys (BLAKE3 `derive_key`); changing one changes every fingerprint.
const FINGERPRINT_PURPOSE: &str = "heelguard.example 2026 credential fingerprint v1";
const CODE_PURPOSE: &str = "heelguard.example 2026 one-time code mark v1";
const ID_PURPOSE: &str = "heelguard.example 2026 key generation id v1";
const NAME_PURPOSE: &str = "heelguard.example 2026 account name v1";
const MARK_PURPOSE: &str = "heelguard.example 2026 request mark v1";

/// Digits and letters that are not mistaken for each other (Crockford's base 32).
const PSEUDONYM_LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The deployment's keys and what is derived from them.
#[derive(Clone)]
pub struct Keyring {
    /// Fingerprints are made under this one.
    current: Generation,
    /// The one before it, for recognising what older records name.
    previous: Option<Generation>,
    /// Random for each process and shared by its threads: a mark may leave the sensor, the key that codes could be tried
    /// with never does. So two sensors have different marks for one code.
    codes: [u8; 32],
}

/// What one key file is worth.
#[derive(Clone)]
struct Generation {
    fingerprints: [u8; 32],
    /// Account names have a key of their own: whoever may resolve names need not be able to test secrets.
    names: [u8; 32],
    /// Marks of requests are compared with those of other sensors of the deployment.
    marks: [u8; 32],
    /// Names the key without telling it.
    id: [u8; 8],
}

impl Drop for Keyring {
    fn drop(&mut self) {
        self.codes.zeroize();
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.fingerprints.zeroize();
        self.names.zeroize();
        self.marks.zeroize();
    }
}

impl Generation {
    fn new(key: &[u8; 32]) -> Self {
        let id = blake3::derive_key(ID_PURPOSE, key).first_chunk().copied().unwrap_or_default();
        Self {
            fingerprints: blake3::derive_key(FINGERPRINT_PURPOSE, key),
            names: blake3::derive_key(NAME_PURPOSE, key),
            marks: blake3::derive_key(MARK_PURPOSE, key),
            id,
        }
    }

    fn hash(&self, class: &str, value: &[u8]) -> Fingerprint {
        Fingerprint(keyed(&self.fingerprints, class, value))
    }
}

impl Keyring {
    /// From the 32 bytes of the key file.
    pub fn from_bytes(key: &[u8; 32]) -> Result<Self, String> {
        let codes = Zeroizing::new(random_key()?);
        let codes = blake3::derive_key(CODE_PURPOSE, &*codes);
        Ok(Self { current: Generation::new(key), previous: None, codes })
    }

    /// A key that lives as long as the process, for replays without a key file.
    pub fn ephemeral() -> Result<Self, String> {
        Self::from_bytes(&Zeroizing::new(random_key()?))
    }

    /// Reads the key file, or makes it with mode 0600. It holds 64 hex digits and a line end.
    pub fn load_or_create(path: &Path) -> Result<Self, String> {
        match files::open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let key = Zeroizing::new(random_key()?);
                write_private(path, &key)
                    .map_err(|e| format!("cannot create key file {}: {e}", path.display()))?;
                Self::from_bytes(&key)
            }
            opened => Self::from_bytes(&*read_key(path, opened)?),
        }
    }

    /// Takes the key before this one too. A file that is named and missing is an error: nothing is made.
    pub fn with_previous(mut self, path: &Path) -> Result<Self, String> {
        let key = read_key(path, files::open(path))?;
        self.previous = Some(Generation::new(&key));
        if self.previous.as_ref().is_some_and(|previous| previous.id == self.current.id) {
            return Err(format!("key file {} holds the current key, not the one before it", path.display()));
        }
        Ok(self)
    }

    /// Names the key that fingerprints are made under, without telling it: what was fingerprinted under one key means
    /// nothing under another.
    pub fn id(&self) -> [u8; 8] {
        self.current.id
    }

    /// Names the keys in force, the newest first.
    pub fn ids(&self) -> impl Iterator<Item = [u8; 8]> {
        self.in_force().map(|generation| generation.id)
    }

    /// Fingerprint and class of a value: the same wherever the value was carried.
    pub fn fingerprint(&self, value: &[u8]) -> (Fingerprint, &'static str) {
        let class = shape::class(value);
        (self.hash(class, value), class)
    }

    /// The fingerprints of a value under every key in force, the newest first.
    pub fn generations(&self, value: &[u8]) -> impl Iterator<Item = Fingerprint> {
        let class = shape::class(value);
        self.in_force().map(move |generation| generation.hash(class, value))
    }

    fn in_force(&self) -> impl Iterator<Item = &Generation> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// Keyed hash of a public name (a user of Basic, a key id), kept apart from secrets by its class.
    pub(crate) fn hash(&self, class: &str, value: &[u8]) -> Fingerprint {
        self.current.hash(class, value)
    }

    /// What stands for an account's name: `h:` and 16 hex digits.
    pub(in crate::identity) fn hashed_name(&self, name: &str) -> String {
        format!("h:{:016x}", self.name_hash(name))
    }

    /// What stands for an account's name, to be read and said: `p-7kq3vm2xdb`, and of an address the domain.
    pub(in crate::identity) fn pseudonym(&self, name: &str) -> String {
        let bits = self.name_hash(name);
        let letter = |n: u32| PSEUDONYM_LETTERS.get((bits >> (5 * n) & 31) as usize).copied().unwrap_or(b'0');
        let word: String = (0..10).map(|n| char::from(letter(n))).collect();
        match name.rsplit_once('@').filter(|(_, domain)| domain.contains('.')) {
            Some((_, domain)) => format!("p-{word}@{}", domain.to_lowercase()),
            None => format!("p-{word}"),
        }
    }

    fn name_hash(&self, name: &str) -> u64 {
        let hash = keyed(&self.current.names, "account", name.to_lowercase().as_bytes());
        u64::from_be_bytes(hash.first_chunk().copied().unwrap_or_default())
    }

    /// Seeds for hashes that all sensors of the deployment share, and that nobody else can make.
    pub(crate) fn mark_seeds(&self) -> [u64; 4] {
        let (words, _) = self.current.marks.as_chunks::<8>();
        std::array::from_fn(|n| words.get(n).map_or(0, |word| u64::from_le_bytes(*word)))
    }

    /// What stands for a mark outside the sensor. A mark is a quick hash, from which a short secret in what was hashed
    /// could be found by trying; equal marks give equal ones, and nobody without the key can try.
    pub(crate) fn veiled(&self, mark: u64) -> u64 {
        let hash = blake3::keyed_hash(&self.current.marks, &mark.to_le_bytes());
        hash.as_bytes().first_chunk().map_or(0, |half| u64::from_le_bytes(*half))
    }

    /// The mark of a one-time code: upper half under the key of the ten minutes of `at`, lower half
    /// under the key of the ten minutes before, so that two marks can be compared across a border.
    pub(crate) fn code_mark(&self, code: &[u8], at: EventTime) -> u64 {
        let slot = at.as_secs() / CODE_KEY_SECONDS;
        let half = |slot: u64| {
            let mut hasher = blake3::Hasher::new_keyed(&self.codes);
            hasher.update(&slot.to_be_bytes()).update(code);
            u64::from(hasher.finalize().as_bytes().first_chunk().map_or(0, |half| u32::from_be_bytes(*half)))
        };
        half(slot) << 32 | half(slot.wrapping_sub(1))
    }
}

fn keyed(key: &[u8; 32], class: &str, value: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(class.as_bytes()).update(&[0]).update(value);
    hasher.finalize().as_bytes().first_chunk().copied().unwrap_or_default()
}

fn random_key() -> Result<[u8; 32], String> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|e| format!("the system gives no random bytes: {e}"))?;
    Ok(key)
}

fn read_key(path: &Path, opened: io::Result<std::fs::File>) -> Result<Zeroizing<[u8; 32]>, String> {
    let shown = path.display();
    let file = opened.map_err(|e| format!("cannot open key file {shown}: {e}"))?;
    // Room for all that is read, so that no growing buffer leaves a copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(4096));
    file.take(4096).read_to_end(&mut text).map_err(|e| format!("cannot read key file {shown}: {e}"))?;
    parse_hex_key(text.trim_ascii()).ok_or_else(|| format!("key file {shown} must hold 64 hex digits"))
}

fn parse_hex_key(text: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    if text.len() != 64 || !text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (slot, pair) in key.iter_mut().zip(text.chunks_exact(2)) {
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
        for broken in ["not a key", "", &"g".repeat(64), &"a".repeat(63), &format!("+{}", "a".repeat(63))] {
            std::fs::write(&path, broken).unwrap();
            assert!(Keyring::load_or_create(&path).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_rotated_key_still_recognises_what_the_old_one_named() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        let before = Keyring::load_or_create(&old).unwrap();
        let after = Keyring::load_or_create(&new).unwrap().with_previous(&old).unwrap();
        let value = b"5357442683a5ad1695b3b8a7aa0a6e69ae5d7ec2";
        let known: Vec<_> = after.generations(value).collect();
        assert_eq!(known, [after.fingerprint(value).0, before.fingerprint(value).0]);
        assert_eq!(after.ids().collect::<Vec<_>>(), [after.id(), before.id()]);
        assert_eq!(before.generations(value).count(), 1);
        assert_ne!(before.id(), after.id());
        // The same file twice is no rotation, and a previous key is never made up.
        assert!(Keyring::load_or_create(&new).unwrap().with_previous(&new).is_err());
        assert!(Keyring::load_or_create(&new).unwrap().with_previous(&folder.path().join("x")).is_err());
        assert!(!folder.path().join("x").exists());
    }

    #[test]
    fn a_pseudonym_is_stable_keyed_and_keeps_the_domain() {
        let (keys, others) = (Keyring::from_bytes(&[7; 32]).unwrap(), Keyring::from_bytes(&[8; 32]).unwrap());
        let alice = keys.pseudonym("Alice@X.example");
        assert!(alice.starts_with("p-") && alice.ends_with("@x.example") && alice.len() == 22, "{alice}");
        assert_eq!(alice, keys.pseudonym("alice@x.example"));
        assert_ne!(alice, others.pseudonym("alice@x.example"));
        assert_ne!(alice, keys.pseudonym("bob@x.example"));
        assert_eq!(keys.pseudonym("alice").len(), 12);
        assert_ne!(keys.pseudonym("alice").get(..12), alice.get(..12), "who shares a name is not the same");
        assert_eq!(keys.hashed_name("alice").len(), 18);
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
    fn sensors_of_one_key_share_the_seeds_of_marks_and_no_codes() {
        let [first, second, other] = [7, 7, 8].map(|byte| Keyring::from_bytes(&[byte; 32]).unwrap());
        assert_eq!(first.mark_seeds(), second.mark_seeds());
        assert_eq!(first.veiled(7), second.veiled(7));
        assert!(first.veiled(7) != first.veiled(8) && first.veiled(7) != other.veiled(7));
        assert!(first.mark_seeds().iter().zip(other.mark_seeds()).all(|(one, two)| *one != two));
        let code = |keys: &Keyring| keys.code_mark(b"123456", EventTime::from_secs(600));
        assert_ne!(code(&first), code(&second));
    }
}
