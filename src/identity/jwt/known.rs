//! Secrets that everybody knows: a built-in list, and the operator's own.
//! It is given a signed text and tells which line of the list signs it.
//! It promises that a match is an index and a digest, that errors name file and line alone, and that the
//! operator's list is wiped when it ends.

use super::claims::base64_any;
use crate::files;
use heelguard_detectors::token::KnownSecret;
use ring::{digest, hmac};
use std::ops::Range;
use std::path::Path;
use std::sync::LazyLock;
use zeroize::Zeroizing;

/// Documented defaults, secrets of examples and common words; its head says how it is written.
static BUILTIN: LazyLock<SecretList> = LazyLock::new(|| SecretList::builtin(include_str!("secrets.txt")));

/// Most lines, bytes of a line, and bytes of the operator's file.
const LINES_MAX: usize = 100_000;
const LINE_BYTES_MAX: usize = 1024;
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Secrets, each with its line.
pub(super) struct SecretList {
    builtin: bool,
    bytes: Zeroizing<Vec<u8>>,
    secrets: Vec<(u32, Range<usize>)>,
}

/// The built-in list.
pub(super) fn builtin() -> &'static SecretList {
    &BUILTIN
}

impl SecretList {
    fn builtin(text: &str) -> Self {
        let mut list = Self::with_room(true, text.len());
        for (line, number) in text.lines().zip(1..) {
            if line.is_empty() || line == "#" || line.starts_with("# ") {
                continue;
            }
            match line.strip_prefix("base64:") {
                Some(coded) => list.push(number, &base64_any(coded.as_bytes()).unwrap_or_default()),
                None if line == "(empty)" => list.push(number, b""),
                None => list.push(number, line.as_bytes()),
            }
        }
        list
    }

    /// The operator's list: every line that is not empty is a secret, as it stands.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let fail = |error: std::io::Error| format!("secrets_file {shown}: {error}");
        let text = files::read_secret(path, FILE_BYTES_MAX).map_err(fail)?;
        Self::of_lines(&text).map_err(|why| format!("secrets_file {shown}{why}"))
    }

    fn of_lines(text: &[u8]) -> Result<Self, String> {
        let mut list = Self::with_room(false, text.len());
        for (line, number) in text.split(|&b| b == b'\n').zip(1..) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.len() > LINE_BYTES_MAX {
                return Err(format!(":{number}: a line of more than {LINE_BYTES_MAX} bytes"));
            }
            if !line.is_empty() {
                if list.len() == LINES_MAX {
                    return Err(format!(":{number}: more than {LINES_MAX} secrets"));
                }
                list.push(number, line);
            }
        }
        if list.len() == 0 { Err(": no line with a secret".to_owned()) } else { Ok(list) }
    }

    fn with_room(builtin: bool, bytes: usize) -> Self {
        Self { builtin, bytes: Zeroizing::new(Vec::with_capacity(bytes)), secrets: Vec::new() }
    }

    fn push(&mut self, line: u32, secret: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(secret);
        self.secrets.push((line, start..self.bytes.len()));
    }

    pub(super) fn len(&self) -> usize {
        self.secrets.len()
    }

    /// The secret whose HMAC over `input` is `signature`.
    pub(super) fn find(&self, alg: hmac::Algorithm, input: &[u8], signature: &[u8]) -> Option<KnownSecret> {
        self.secrets.iter().find_map(|(line, range)| {
            let secret = self.bytes.get(range.clone())?;
            signs(alg, secret, input, signature).then(|| KnownSecret {
                builtin: self.builtin,
                line: *line,
                digest: digest_of(secret),
            })
        })
    }
}

/// Whether this secret makes this signature.
pub(super) fn signs(alg: hmac::Algorithm, secret: &[u8], input: &[u8], signature: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(alg, secret), input, signature).is_ok()
}

fn digest_of(secret: &[u8]) -> [u8; 4] {
    let digest = digest::digest(&digest::SHA256, secret);
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn find(list: &SecretList, secret: &[u8]) -> Option<KnownSecret> {
        let alg = hmac::HMAC_SHA256;
        let signature = hmac::sign(&hmac::Key::new(alg, secret), b"header.payload");
        list.find(alg, b"header.payload", signature.as_ref())
    }

    #[test]
    fn the_builtin_list_knows_defaults_and_nothing_random() {
        let list = builtin();
        assert!((300..2000).contains(&list.len()), "{}", list.len());
        for secret in ["secret", "your-256-bit-secret", "changeme", "jwt_secret", "shhhhh", ""] {
            let known = find(list, secret.as_bytes()).expect(secret);
            assert!(known.builtin && known.line > 1, "{secret}");
        }
        // A default that its framework decodes before use.
        let decoded =
            base64_any(b"404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970").unwrap();
        assert!(find(list, &decoded).is_some());
        assert_eq!(find(list, b"secret ").map(|known| known.line), None);
        assert_eq!(find(list, b"3b0c6f5d9a1e47c28f60d1b7e5a49c03").map(|known| known.line), None);
    }

    #[test]
    fn every_builtin_secret_stands_once() {
        let list = builtin();
        let distinct: BTreeSet<_> =
            list.secrets.iter().map(|(_, range)| &list.bytes[range.clone()]).collect();
        assert_eq!(distinct.len(), list.len());
    }

    #[test]
    fn a_match_names_the_line_and_the_digest() {
        let list = SecretList::of_lines(b"first\r\n\n# no comment here\nthird\n").unwrap();
        let known = find(&list, b"third").unwrap();
        // SHA-256 of "third".
        assert_eq!((known.builtin, known.line, known.digest), (false, 4, [0xb1, 0xe9, 0x93, 0x24]));
        assert_eq!(find(&list, b"first").map(|known| known.line), Some(1));
        assert_eq!(find(&list, b"# no comment here").map(|known| known.line), Some(3));
    }

    #[test]
    fn a_bad_file_is_named_by_place_and_never_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |text: &[u8]| {
            let path = folder.path().join("list");
            std::fs::write(&path, text).unwrap();
            SecretList::read(&path).err().unwrap()
        };
        let long = [b"short\n".as_slice(), &b"hunter2".repeat(200)].concat();
        assert!(refused(&long).ends_with("list:2: a line of more than 1024 bytes"), "{}", refused(&long));
        assert!(refused(&b"x\n".repeat(LINES_MAX + 1)).ends_with("more than 100000 secrets"));
        assert!(refused(b"\n\n").ends_with("no line with a secret"));
        assert!(SecretList::read(&folder.path().join("none")).err().unwrap().contains("none: No such file"));
    }
}
