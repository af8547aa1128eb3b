//! The veil: every secret of one exchange, and whether a text about to be written holds one of them.
//! It is given secrets while the exchange is read, and texts when it is recorded.
//! It promises to see a secret in its own letters, percent-encoded, in base64 and in hexadecimal; and that with
//! more secrets than it can compare, every text is taken for one.

use super::Presented;
use crate::identity::encoded;
use crate::identity::secret::Secret;
use crate::identity::shape;
use crate::identity::text::{self, Looks, MASK};
use crate::identity::urlencoded;
use std::borrow::Cow;
use std::ops::Range;

/// Shorter values are no tokens, and would mask innocent text.
pub(crate) const SECRET_BYTES_MIN: usize = 6;
/// Secrets without a fingerprint that are compared with.
const HIDDEN_MAX: usize = 2048;
/// A shorter part of a secret is also met where it means nothing.
const PART_BYTES_MIN: usize = 8;

impl<'a> Presented<'a> {
    /// Remembers a value for masking, and what it means without its percent-encoding.
    pub(super) fn hide(&mut self, value: impl Into<Cow<'a, [u8]>>) {
        let value = value.into();
        if value.len() < SECRET_BYTES_MIN {
            return;
        }
        if value.contains(&b'%')
            && let Cow::Owned(meant) = urlencoded::decode_path(&value)
            && meant.len() >= SECRET_BYTES_MIN
        {
            self.keep(Secret::new(meant));
        }
        self.keep(Secret::new(value));
    }

    /// Remembers a code as it was sent and without what people write between its digits: `6019 4716`.
    pub(super) fn hide_code(&mut self, code: impl Into<Cow<'a, [u8]>>) {
        let code = code.into();
        let is_digits = |b: &u8| b.is_ascii_digit() || b" -.+".contains(b);
        if code.iter().all(is_digits) {
            let digits: Vec<u8> = code.iter().copied().filter(u8::is_ascii_digit).collect();
            self.hide(digits);
        }
        self.hide(code);
    }

    /// Remembers what the answer hands out: the same exchange may repeat it in its path.
    pub(crate) fn also_hides(&mut self, value: Cow<'a, [u8]>) {
        self.hide(value);
    }

    /// Nothing of this exchange can be told from a secret.
    pub(super) fn distrust_all(&mut self) {
        self.too_many = true;
    }

    fn keep(&mut self, secret: Secret<'a>) {
        if self.hidden.len() < HIDDEN_MAX {
            self.hidden.push(secret);
        } else {
            self.too_many = true;
        }
    }

    /// Whether a presented value stands somewhere in `text`.
    pub(crate) fn is_within(&self, text: &[u8]) -> bool {
        let fits = SECRET_BYTES_MIN..=text.len();
        self.too_many && text.len() >= SECRET_BYTES_MIN
            || self.values().any(|value| fits.contains(&value.len()) && holds(text, value))
    }

    /// Whether a presented value stands somewhere in `text`, which will be written in lower case.
    pub(crate) fn is_within_any_case(&self, text: &[u8]) -> bool {
        let fits = SECRET_BYTES_MIN..=text.len();
        let holds_any_case = |value: &[u8]| {
            fits.contains(&value.len())
                && text.windows(value.len()).any(|piece| piece.eq_ignore_ascii_case(value))
        };
        self.too_many && text.len() >= SECRET_BYTES_MIN || self.values().any(holds_any_case)
    }

    /// Whether a segment of a path is a presented value, holds one, is a part of one, or is one in other letters.
    pub(crate) fn tells(&self, segment: &[u8]) -> bool {
        let knows_secrets = self.too_many || !self.found.is_empty() || !self.hidden.is_empty();
        knows_secrets && (self.is_within(segment) || self.is_part(segment) || self.reads_within(segment))
    }

    /// Whether a text, about to be written, must be masked first.
    pub(crate) fn spoils(&self, raw: &[u8], looks: Looks) -> bool {
        looks.secret
            || self.is_within(raw)
            || looks.coded && (self.reads_within(raw) || self.is_within(&urlencoded::decode_path(raw)))
    }

    /// Whether a name is or holds a presented value, in whatever letters; that it looks random is no reason.
    pub(crate) fn spoils_name(&self, name: &[u8]) -> bool {
        self.is_within(name)
            || self.reads_within(name)
            || name.contains(&b'%') && self.is_within(&urlencoded::decode_path(name))
    }

    /// The text with every presented value masked, whatever letters it is in, and every piece that seems a secret.
    pub(crate) fn masked(&self, raw: &[u8]) -> Vec<u8> {
        if self.too_many {
            return MASK.into();
        }
        let is_in_mask = |value: &&[u8]| holds(MASK.as_bytes(), value);
        let long = || self.values().filter(|v| v.len() >= SECRET_BYTES_MIN);
        // What is part of the mask itself (`secret` is a popular password) comes first, and spoils no mask then.
        let out = long().filter(is_in_mask).fold(raw.to_vec(), replaced);
        let mut out = long().filter(|value| !is_in_mask(value)).fold(out, replaced);
        let mut coded: Vec<Range<usize>> = Vec::new();
        encoded::readings(&out, |range, said| {
            if self.is_within(said) && coded.last() != Some(&range) {
                coded.push(range);
            }
        });
        for range in coded.into_iter().rev() {
            out.splice(range, MASK.bytes());
        }
        let out = text::mask_secrets(&out);
        let meant = urlencoded::decode_path(&out);
        if long().filter(|value| !is_in_mask(value)).any(|value| holds(&meant, value)) {
            MASK.into()
        } else {
            out
        }
    }

    /// A long piece of a presented value: the ticket before a signature, the id inside a cookie.
    fn is_part(&self, segment: &[u8]) -> bool {
        let digits = segment.iter().filter(|b| b.is_ascii_digit()).count();
        let is_random = segment.len() >= PART_BYTES_MIN
            && (1..segment.len()).contains(&digits)
            && segment.iter().any(u8::is_ascii_alphabetic);
        is_random
            && !shape::is_uuid(segment)
            && self
                .values()
                .any(|value| value.len() > segment.len() && memchr::memmem::find(value, segment).is_some())
    }

    fn reads_within(&self, text: &[u8]) -> bool {
        // What a text says in other letters is three quarters as long, or less.
        let fits = SECRET_BYTES_MIN..=text.len() / 4 * 3 + 3;
        if !self.too_many && !self.values().any(|value| fits.contains(&value.len())) {
            return false;
        }
        let mut found = false;
        encoded::readings(text, |_, said| found |= self.is_within(said));
        found
    }

    /// Every value of this exchange that is secret.
    fn values(&self) -> impl Iterator<Item = &[u8]> {
        let found = self.found.iter().filter(|f| f.named.is_none()).map(|f| f.secret.bytes());
        found.chain(self.hidden.iter().map(Secret::bytes))
    }
}

/// Whether `value` stands in `text`. Texts are short: to prepare a searcher costs more than to look.
fn holds(text: &[u8], value: &[u8]) -> bool {
    let Some(&first) = value.first() else { return false };
    memchr::memchr_iter(first, text).any(|at| text.get(at..).is_some_and(|rest| rest.starts_with(value)))
}

/// The text with the mask in place of `value`.
fn replaced(text: Vec<u8>, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_slice();
    while let Some(at) = memchr::memmem::find(rest, value) {
        out.extend_from_slice(rest.get(..at).unwrap_or(&[]));
        out.extend_from_slice(MASK.as_bytes());
        rest = rest.get(at + value.len()..).unwrap_or(&[]);
    }
    if out.is_empty() {
        return text;
    }
    out.extend_from_slice(rest);
    out
}
