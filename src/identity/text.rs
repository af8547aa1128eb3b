//! Texts from the wire as they may be written down: bounded, escaped, and names that name somebody.
//! It is given raw bytes and gives `Arc<str>`, shared where the same text comes again.
//! It promises no control byte, valid UTF-8 and a length limit in everything it gives.

use super::shape;
use ahash::RandomState;
use std::fmt::Write;
use std::sync::Arc;

/// What stands for a secret in a text.
pub(crate) const MASK: &str = "{secret}";
/// Most bytes of an account name.
const NAME_BYTES_MAX: usize = 256;
/// Texts a worker shares; a collision of slots only costs an allocation.
const SLOTS: usize = 4096;

/// At most `max` bytes of `raw`, control bytes and what is no UTF-8 as `\xNN`.
pub(crate) fn bounded(raw: &[u8], max: usize) -> String {
    let raw = raw.get(..max.min(raw.len())).unwrap_or(raw);
    let mut out = String::with_capacity(raw.len());
    for chunk in raw.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() {
                let _ = write!(out, "\\x{:02x}", u32::from(letter));
            } else {
                out.push(letter);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
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
    (!is_credential).then(|| bounded(raw, NAME_BYTES_MAX).into())
}

/// Whether a piece of the text says that it is a key or token.
pub(crate) fn tells_secret(text: &[u8]) -> bool {
    pieces(text).any(is_telling)
}

/// The text with pieces masked that say that they are keys or tokens.
pub(crate) fn mask_telling(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for piece in text.split_inclusive(|&b| is_separator(b)) {
        let (word, tail) = match piece.split_last() {
            Some((&last, word)) if is_separator(last) => (word, Some(last)),
            _ => (piece, None),
        };
        out.extend_from_slice(if is_telling(word) { MASK.as_bytes() } else { word });
        out.extend(tail);
    }
    out
}

fn pieces(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&b| is_separator(b))
}

fn is_telling(piece: &[u8]) -> bool {
    piece.len() >= 18
        && (shape::known_key(piece).is_some()
            || piece.starts_with(b"ey") && shape::class(piece) != shape::OPAQUE)
}

fn is_separator(b: u8) -> bool {
    !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'+'))
}

/// A worker's shared texts.
pub(crate) struct Texts {
    hasher: RandomState,
    slots: Vec<Option<Arc<str>>>,
}

impl Texts {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), slots: vec![None; SLOTS] }
    }

    /// The shared text that equals `raw`, if there is one.
    pub(crate) fn known(&self, raw: &[u8]) -> Option<&Arc<str>> {
        let slot = self.hasher.hash_one(raw) as usize % SLOTS;
        self.slots.get(slot)?.as_ref().filter(|known| known.as_bytes() == raw)
    }

    /// The text of `raw`, at most `max` bytes.
    pub(crate) fn share(&mut self, raw: &[u8], max: usize) -> Arc<str> {
        let raw = raw.get(..max.min(raw.len())).unwrap_or(raw);
        let slot = self.hasher.hash_one(raw) as usize % SLOTS;
        if let Some(Some(known)) = self.slots.get(slot)
            && known.as_bytes() == raw
        {
            return known.clone();
        }
        let text: Arc<str> = bounded(raw, max).into();
        if let Some(slot) = self.slots.get_mut(slot)
            && text.as_bytes() == raw
        {
            *slot = Some(text.clone());
        }
        text
    }

    /// As `share`, in lower case.
    pub(crate) fn share_lower(&mut self, raw: &[u8], max: usize) -> Arc<str> {
        if raw.iter().any(u8::is_ascii_uppercase) {
            let raw = raw.get(..max.min(raw.len())).unwrap_or(raw);
            self.share(&raw.to_ascii_lowercase(), max)
        } else {
            self.share(raw, max)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_bounded() {
        assert_eq!(bounded(b"a\r\nb\xFFc\x1b", 99), "a\\x0d\\x0ab\\xffc\\x1b");
        assert_eq!(bounded("ééé".as_bytes(), 3), "é\\xc3");
        let mut texts = Texts::new();
        let (a, b) = (texts.share(b"curl/8", 99), texts.share(b"curl/8", 99));
        assert!(Arc::ptr_eq(&a, &b));
        assert_eq!(&*texts.share(b"a\nb", 99), "a\\x0ab");
        assert_eq!(&*texts.share_lower(b"API.Example", 3), "api");
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
