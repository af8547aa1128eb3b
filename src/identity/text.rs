//! Texts from the wire as they may be written down: bounded, escaped, and names that name somebody.
//! It is given raw bytes and gives `Arc<str>`, shared where the same text comes again.
//! It promises no control byte, valid UTF-8 and a length limit in everything it gives.

use super::credential::is_ticket;
use super::encoded;
use super::shape;
use super::urlencoded;
use ahash::RandomState;
use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

/// What stands for a secret in a text.
pub(crate) const MASK: &str = "{secret}";
/// What stands for an account's name where names are not written.
pub(crate) const NAME: &str = "{name}";
/// Shorter words with digits in them are words.
const RANDOM_BYTES_MIN: usize = 12;
/// What stands for an e-mail address where names are not written.
const ADDRESS: &str = "{email}";
/// A shorter piece tells nothing.
const TELLING_BYTES_MIN: usize = 18;
/// Most bytes of an account name.
const NAME_BYTES_MAX: usize = 256;
/// Texts a worker shares; a collision of slots only costs an allocation.
const SLOTS: usize = 4096;
/// Bytes of an escaped byte: `\x0a`.
const ESCAPED_BYTES: usize = 4;
/// Longer texts are put into lower case on the heap.
const LOWER_BYTES: usize = 64;

/// What of `raw` fits into `max` bytes, with control bytes and what is no UTF-8 as `\xNN`.
pub(crate) fn bounded(raw: &[u8], max: usize) -> String {
    let raw = raw.get(..max.min(raw.len())).unwrap_or(raw);
    let mut out = String::with_capacity(raw.len());
    for chunk in raw.utf8_chunks() {
        for letter in chunk.valid().chars() {
            let room = max.saturating_sub(out.len());
            if letter.is_control() && room >= ESCAPED_BYTES {
                let _ = write!(out, "\\x{:02x}", u32::from(letter));
            } else if !letter.is_control() && room >= letter.len_utf8() {
                out.push(letter);
            } else {
                return out;
            }
        }
        for byte in chunk.invalid() {
            if max.saturating_sub(out.len()) < ESCAPED_BYTES {
                return out;
            }
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// As `bounded`, to be shared. Most texts are plain letters and are copied once.
pub(crate) fn written(raw: &[u8], max: usize) -> Arc<str> {
    let raw = raw.get(..max.min(raw.len())).unwrap_or(raw);
    let plain = raw.iter().fold(true, |plain, b| plain & (b' '..=b'~').contains(b));
    match std::str::from_utf8(raw) {
        Ok(text) if plain => text.into(),
        _ => bounded(raw, max).into(),
    }
}

/// An account's or client's name; `None` for what names nobody and for what looks like a key or token.
pub(crate) fn name(raw: &[u8]) -> Option<Arc<str>> {
    let raw = raw.trim_ascii();
    let nobody = [
        "-",
        "null",
        "none",
        "nil",
        "unknown",
        "anonymous",
        "undefined",
        "n/a",
        "nan",
        "[object object]",
        "\0",
    ];
    if raw.is_empty() || nobody.iter().any(|n| raw.eq_ignore_ascii_case(n.as_bytes())) {
        return None;
    }
    let is_credential =
        shape::known_key(raw).is_some() || matches!(shape::class(raw), shape::JWT | shape::JWE | "paseto");
    (!is_credential).then(|| written(raw, NAME_BYTES_MAX))
}

/// Whether a piece of the text says that it is a key or token.
pub(crate) fn tells_secret(text: &[u8]) -> bool {
    shape::holds_key(text) || text.len() >= TELLING_BYTES_MIN && pieces(text).any(is_telling)
}

/// Whether a piece of the text is a key or token by what it says or by how it looks.
fn seems_secret(piece: &[u8]) -> bool {
    is_telling(piece) || shape::looks_secret(piece) || shape::holds_key(piece)
}

/// The text with every piece masked that is a key or token, by what it says or by how it looks.
pub(crate) fn mask_secrets(text: &[u8]) -> Vec<u8> {
    replace_pieces(text, is_separator, seems_secret, MASK)
}

/// The text with pieces masked that are e-mail addresses.
pub(crate) fn mask_addresses(text: &[u8]) -> Vec<u8> {
    let ends = |b: u8| !(is_address_byte(b) || b == b'@' || b == b'%');
    let is_address = |piece: &[u8]| {
        let decoded = urlencoded::decode_path(piece);
        let at = memchr::memchr(b'@', &decoded).unwrap_or(0);
        at > 0 && decoded.get(at + 1..).is_some_and(|domain| domain.contains(&b'.'))
    };
    replace_pieces(text, ends, is_address, ADDRESS)
}

/// The text with every word masked that is meant: a run of letters, digits and `._-%` between other letters.
pub(crate) fn mask_words(text: &[u8], is_meant: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    replace_pieces(text, |b| !(is_address_byte(b) || b == b'%'), is_meant, NAME)
}

/// A name of a parameter or cookie without the words in it that are random.
pub(crate) fn mask_random_words(name: &[u8]) -> Cow<'_, [u8]> {
    let is_random = |word: &[u8]| word.len() >= RANDOM_BYTES_MIN && is_ticket(word);
    let ends = |b: u8| !b.is_ascii_alphanumeric();
    if name.split(|&b| ends(b)).any(is_random) {
        replace_pieces(name, ends, is_random, MASK).into()
    } else {
        name.into()
    }
}

fn replace_pieces(
    text: &[u8],
    ends: impl Fn(u8) -> bool,
    is_meant: impl Fn(&[u8]) -> bool,
    with: &str,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for piece in text.split_inclusive(|&b| ends(b)) {
        let (word, tail) = match piece.split_last() {
            Some((&last, word)) if ends(last) => (word, Some(last)),
            _ => (piece, None),
        };
        out.extend_from_slice(if is_meant(word) { with.as_bytes() } else { word });
        out.extend(tail);
    }
    out
}

fn pieces(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&b| is_separator(b))
}

fn is_telling(piece: &[u8]) -> bool {
    piece.len() >= TELLING_BYTES_MIN
        && (shape::known_key(piece).is_some()
            || piece.starts_with(b"ey") && shape::class(piece) != shape::OPAQUE)
}

fn is_separator(b: u8) -> bool {
    !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'+' | b'~'))
}

fn is_address_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b >= 0x80 || matches!(b, b'_' | b'-' | b'.' | b'+')
}

/// What a text looks like by itself; what was presented beside it is another matter.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, none a state")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Looks {
    /// A piece is a key or token, by what it says or by how it looks.
    pub(crate) secret: bool,
    /// A piece may be somebody's secret in other letters: base64, hexadecimal, percent-encoding.
    pub(crate) coded: bool,
    /// A piece is a key or token, by what it says (`tells_secret`).
    pub(crate) tells: bool,
    /// A host's label is a key or token, by what it says or by how it looks.
    pub(crate) secret_label: bool,
    /// A media type's half looks like a secret.
    pub(crate) secret_half: bool,
}

impl Looks {
    fn of(text: &[u8]) -> Self {
        Self {
            secret: shape::holds_key(text) || pieces(text).any(seems_secret),
            coded: text.contains(&b'%') || encoded::reads_otherwise(text),
            tells: tells_secret(text),
            secret_label: text.split(|&b| b == b'.').any(|l| tells_secret(l) || shape::looks_secret(l)),
            secret_half: text.split(|&b| b == b'/').any(shape::looks_secret),
        }
    }
}

/// A worker's shared texts. What a text looks like is remembered beside it once somebody asked:
/// that a text is shared says nothing about it.
pub(crate) struct Texts {
    hasher: RandomState,
    slots: Vec<Option<Shared>>,
}

#[derive(Clone)]
struct Shared {
    text: Arc<str>,
    looks: Option<Looks>,
    /// What `tells_secret` says of it.
    tells: Option<bool>,
}

impl Texts {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), slots: vec![None; SLOTS] }
    }

    /// What `raw` looks like.
    pub(crate) fn looks(&mut self, raw: &[u8]) -> Looks {
        let known = self.slot(raw).and_then(Option::as_mut).filter(|shared| shared.text.as_bytes() == raw);
        match known {
            Some(shared) => *shared.looks.get_or_insert_with(|| Looks::of(raw)),
            None => Looks::of(raw),
        }
    }

    /// Whether a piece of a name says that it is a key or token (`tells_secret`). What says so is not remembered.
    pub(crate) fn tells(&mut self, name: &Arc<str>) -> bool {
        let find_out = || tells_secret(name.as_bytes());
        let Some(slot) = self.slot(name.as_bytes()) else { return find_out() };
        if let Some(known) = slot.as_mut().filter(|shared| shared.text == *name) {
            return *known.tells.get_or_insert_with(find_out);
        }
        let tells = find_out();
        if !tells {
            *slot = Some(Shared { text: name.clone(), looks: None, tells: Some(false) });
        }
        tells
    }

    /// The text of `raw`, at most `max` bytes.
    pub(crate) fn share(&mut self, raw: &[u8], max: usize) -> Arc<str> {
        let raw = raw.get(..max.min(raw.len())).unwrap_or(raw);
        let Some(slot) = self.slot(raw) else { return written(raw, max) };
        if let Some(known) = slot
            && known.text.as_bytes() == raw
        {
            return known.text.clone();
        }
        let text = written(raw, max);
        if text.as_bytes() == raw {
            *slot = Some(Shared { text: text.clone(), looks: None, tells: None });
        }
        text
    }

    /// As `share`, in lower case.
    pub(crate) fn share_lower(&mut self, raw: &[u8], max: usize) -> Arc<str> {
        if !raw.iter().any(u8::is_ascii_uppercase) {
            return self.share(raw, max);
        }
        let raw = raw.get(..max.min(raw.len())).unwrap_or(raw);
        let mut lower = [0u8; LOWER_BYTES];
        match lower.get_mut(..raw.len()) {
            Some(lower) => {
                lower.copy_from_slice(raw);
                lower.make_ascii_lowercase();
                self.share(lower, max)
            }
            None => self.share(&raw.to_ascii_lowercase(), max),
        }
    }

    fn slot(&mut self, raw: &[u8]) -> Option<&mut Option<Shared>> {
        let slot = self.hasher.hash_one(raw) as usize % SLOTS;
        self.slots.get_mut(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_bounded() {
        assert_eq!(bounded(b"a\r\nb\xFFc\x1b", 99), "a\\x0d\\x0ab\\xffc\\x1b");
        assert_eq!(bounded("ééé".as_bytes(), 3), "é");
        assert_eq!(bounded(&[0xFF; 99], 11), "\\xff\\xff");
        assert_eq!(bounded(b"ab\ncd", 5), "ab");
        assert_eq!(bounded(b"ab\ncd", 6), "ab\\x0a");
        for text in ["plain ~", "ééé", "a\x1bb", "a\x7f", ""] {
            assert_eq!(*written(text.as_bytes(), 3), bounded(text.as_bytes(), 3), "{text}");
        }
        let mut texts = Texts::new();
        let (a, b) = (texts.share(b"curl/8", 99), texts.share(b"curl/8", 99));
        assert!(Arc::ptr_eq(&a, &b));
        assert_eq!(&*texts.share(b"a\nb", 99), "a\\x0ab");
        assert_eq!(&*texts.share_lower(b"API.Example", 3), "api");
    }

    #[test]
    fn that_a_text_is_shared_says_nothing_about_it() {
        let mut texts = Texts::new();
        let key = format!("tool/{}{}", "sk_live_", "4eC39HqLyjWDarjtT1zdp7dc");
        let shared = texts.share(key.as_bytes(), 99);
        assert_eq!(&*shared, key, "`share` is for what was looked at before");
        assert!(texts.looks(key.as_bytes()).secret && texts.looks(key.as_bytes()).secret);
        let plain =
            Looks { secret: false, coded: false, tells: false, secret_label: false, secret_half: false };
        for _ in 0..2 {
            assert_eq!(texts.looks(b"curl/8.7.1"), plain);
            texts.share(b"curl/8.7.1", 99);
        }
    }

    #[test]
    fn random_pieces_are_masked_and_words_are_not() {
        let masked = |text: &str| String::from_utf8(mask_secrets(text.as_bytes())).unwrap();
        assert_eq!(masked("tool/1 (tnbb4188906e52l9fo856k8e1irfcnzd)"), "tool/1 ({secret})");
        assert_eq!(masked(&format!("my-{}{}", "hvs.", "Zx9".repeat(10))), "{secret}");
        for agent in [
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
            "aws-sdk-java/2.20.26 Linux/5.10.179-168.710.amzn2.x86_64 OpenJDK_64-Bit_Server_VM/17.0.8+7-LTS Java/17.0.8",
            "Dalvik/2.1.0 (Linux; U; Android 13; SM-S918B Build/TP1A.220624.014)",
            "com.apple.WebKit.Networking/8617.1.17.10.9 CFNetwork/1490.0.4 Darwin/23.2.0",
            "Microsoft-CryptoAPI/10.0 Microsoft-Delivery-Optimization/10.1",
        ] {
            assert_eq!(masked(agent), agent);
        }
    }

    #[test]
    fn addresses_are_masked_where_names_are_not_written() {
        let masked = |text: &str| String::from_utf8(mask_addresses(text.as_bytes())).unwrap();
        assert_eq!(masked("/u:alice@x.example/a"), "/u:{email}/a");
        assert_eq!(masked("/u/alice%40x.example"), "/u/{email}");
        assert_eq!(masked("bot/1 (+al.b+c@x.example)"), "bot/1 ({email})");
        for innocent in ["/@scope/package", "/a@b/c", "/a/b.c", "user@"] {
            assert_eq!(masked(innocent), innocent);
        }
    }

    #[test]
    fn names_of_nobody_are_no_names() {
        for nobody in [
            "",
            " ",
            "-",
            "NULL",
            "unknown",
            "Anonymous",
            "undefined",
            "N/A",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
            "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        ] {
            assert_eq!(name(nobody.as_bytes()), None, "{nobody}");
        }
        assert_eq!(name(b" alice@example.com ").as_deref(), Some("alice@example.com"));
        assert_eq!(name(b"0").as_deref(), Some("0"));
    }
}
