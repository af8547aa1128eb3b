//! Keys that others know: those that everybody can read in documentation, and those that the operator lists.
//! It is given a value with its fingerprint and tells its place in a list.
//! It promises that neither list holds a key, SHA-256 digests in the one and keyed fingerprints in the other, and that
//! errors name file and line alone.

use super::Keyring;
use crate::files;
use ahash::RandomState;
use heelguard_detectors::identity::{Fingerprint, KnownKey, Notoriety};
use heelguard_detectors::transaction::Transaction;
use ring::digest;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;

/// Documented examples and defaults; its head says how it is written.
static BUILTIN: LazyLock<HashMap<[u8; 32], KnownKey, RandomState>> =
    LazyLock::new(|| builtin(include_str!("known_keys.txt")));

/// Most lines and bytes of the operator's file.
const LINES_MAX: usize = 1_000_000;
const FILE_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// The longest of the documented keys is shorter.
const VALUE_BYTES_MAX: usize = 128;
/// A shorter name is no key id.
const NAME_BYTES_MIN: usize = 16;

/// The operator's list.
#[derive(Default)]
pub(crate) struct ListedKeys(HashMap<Fingerprint, u32, RandomState>);

impl ListedKeys {
    /// Reads the list: a fingerprint a line, as `heelguard fingerprint` prints it, and anything behind it.
    /// Empty lines and lines that begin with `#` are passed over.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let fail = |error: std::io::Error| format!("{shown}: {error}");
        let mut text = Vec::new();
        let file = files::open(path).map_err(fail)?;
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(fail)?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(format!("{shown}: more than {FILE_BYTES_MAX} bytes"));
        }
        Self::of_lines(&text).map_err(|why| format!("{shown}{why}"))
    }

    fn of_lines(text: &[u8]) -> Result<Self, String> {
        let mut keys = HashMap::default();
        for (line, number) in text.split(|&b| b == b'\n').zip(1_u32..) {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            if keys.len() == LINES_MAX {
                return Err(format!(":{number}: more than {LINES_MAX} fingerprints"));
            }
            let word = line.split(u8::is_ascii_whitespace).next().unwrap_or_default();
            let bytes = hex::<16>(word).ok_or_else(|| {
                // The line may be a key, put there by mistake.
                format!(":{number}: no fingerprint of 32 hex digits, as `heelguard fingerprint` prints them")
            })?;
            keys.entry(Fingerprint(bytes)).or_insert(number);
        }
        Ok(Self(keys))
    }

    /// Where a value is listed, if it is; `shown` is the fingerprint that records show of it.
    pub(crate) fn find(&self, value: &[u8], shown: Fingerprint, keyring: &Keyring) -> Option<KnownKey> {
        self.own(value, shown, keyring).or_else(|| documented(value))
    }

    /// Marks what a transaction presents that is listed here, and was not where it was seen.
    pub(crate) fn mark(&self, transaction: &mut Transaction) {
        if self.0.is_empty() {
            return;
        }
        for credential in transaction.credentials.iter_mut().filter(|credential| credential.known.is_none()) {
            let line = self.0.get(&credential.fingerprint).copied();
            let known = |line| KnownKey { why: Notoriety::Reported, line, source: "compromised_keys" };
            credential.known = line.map(known);
        }
    }

    /// The same for a public name, such as a key id or the user of Basic. Short ones are words: `apikey` is a user name
    /// that vendors ask for.
    pub(crate) fn find_name(&self, name: &[u8], shown: Fingerprint, keyring: &Keyring) -> Option<KnownKey> {
        let is_word = name.len() < NAME_BYTES_MIN;
        self.own(name, shown, keyring).or_else(|| if is_word { None } else { documented(name) })
    }

    /// A list may have been made under the key before this one; a key id that is sent as a name is listed as a value.
    fn own(&self, value: &[u8], shown: Fingerprint, keyring: &Keyring) -> Option<KnownKey> {
        if self.0.is_empty() {
            return None;
        }
        let line = self.0.get(&shown).copied();
        let line =
            line.or_else(|| keyring.generations(value).find_map(|other| self.0.get(&other).copied()))?;
        Some(KnownKey { why: Notoriety::Reported, line, source: "compromised_keys" })
    }
}

fn documented(value: &[u8]) -> Option<KnownKey> {
    if value.len() > VALUE_BYTES_MAX {
        return None;
    }
    let digest = digest::digest(&digest::SHA256, value);
    BUILTIN.get(digest.as_ref()).copied()
}

fn builtin(text: &'static str) -> HashMap<[u8; 32], KnownKey, RandomState> {
    let read = |(line, number): (&'static str, u32)| {
        let mut words = line.split(' ');
        let digest = hex::<32>(words.next()?.as_bytes())?;
        let why = Notoriety::parse(words.next()?)?;
        Some((digest, KnownKey { why, line: number, source: words.next()? }))
    };
    text.lines().zip(1..).filter_map(read).collect()
}

fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != N * 2 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |at: usize| pair.get(at).and_then(|&b| char::from(b).to_digit(16));
        *byte = u8::try_from(digit(0)? << 4 | digit(1)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keyring {
        Keyring::from_bytes(&[7; 32]).unwrap()
    }

    fn find(list: &ListedKeys, value: &[u8]) -> Option<(Notoriety, u32)> {
        let keys = keys();
        list.find(value, keys.fingerprint(value).0, &keys).map(|known| (known.why, known.line))
    }

    #[test]
    fn documented_keys_are_known_and_their_neighbours_are_not() {
        let list = ListedKeys::default();
        let why = |value: &str| find(&list, value.as_bytes()).map(|(why, _)| why);
        // In two parts: whole, a scanner would take them for a leak.
        assert_eq!(why(&["AKIA", "IOSFODNN7EXAMPLE"].concat()), Some(Notoriety::Example));
        assert_eq!(why(&["sk_test_", "4eC39HqLyjWDarjtT1zdp7dc"].concat()), Some(Notoriety::Test));
        assert_eq!(why("edd1c9f034335f136f87ad84b625c8f1"), Some(Notoriety::Example));
        assert_eq!(why("edd1c9f034335f136f87ad84b625c8f2"), None);
        assert_eq!(why(""), None);
        let name = |name: &str| list.find_name(name.as_bytes(), Fingerprint([0; 16]), &keys()).is_some();
        assert!(name(&["AKIA", "IOSFODNN7EXAMPLE"].concat()));
        assert!(why("apikey").is_some() && !name("apikey"));
    }

    #[test]
    fn every_line_of_the_builtin_list_is_read_and_stands_once() {
        let text = include_str!("known_keys.txt");
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
        assert_eq!(BUILTIN.len(), lines);
        assert!(lines >= 30);
    }

    #[test]
    fn the_operators_list_is_read_by_fingerprint_under_either_key() {
        let older = Keyring::from_bytes(&[8; 32]).unwrap();
        let line = |keyring: &Keyring, value: &[u8]| keyring.fingerprint(value).0.to_string();
        let text = format!(
            "# leaked in March\n\n{}\tapi_key\r\n{}",
            line(&keys(), b"first"),
            line(&older, b"second").to_uppercase()
        );
        let list = ListedKeys::of_lines(text.as_bytes()).unwrap();
        assert_eq!(find(&list, b"first"), Some((Notoriety::Reported, 3)));
        assert_eq!(find(&list, b"second"), None, "no key of that time is in force");
        assert_eq!(find(&list, b"third"), None);

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("previous.key");
        std::fs::write(&path, format!("{}\n", "08".repeat(32))).unwrap();
        let both = keys().with_previous(&path).unwrap();
        let shown = both.fingerprint(b"second").0;
        assert_eq!(list.find(b"second", shown, &both).map(|known| known.line), Some(4));
        // A key id that is sent as a name has a fingerprint of its own, and is found by its value.
        let named = both.hash("key_id", b"first");
        assert_eq!(list.find(b"first", named, &both).map(|known| known.line), Some(3));
    }

    #[test]
    fn a_bad_list_is_named_by_place_and_never_quoted() {
        let refused = |text: &str| ListedKeys::of_lines(text.as_bytes()).err().unwrap();
        let expected = ":2: no fingerprint of 32 hex digits, as `heelguard fingerprint` prints them";
        assert_eq!(refused("# a comment\nhunter2"), expected);
        assert_eq!(refused(&format!("\n{}", "0".repeat(31))), expected);
        assert_eq!(refused(&format!("\n{}", "g".repeat(32))), expected);
        assert!(ListedKeys::read(Path::new("no/such/file")).err().unwrap().starts_with("no/such/file: "));
    }
}
