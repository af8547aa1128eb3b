//! A walk over JSON text that may be cut, broken or hostile: known keys with their values, and a count of records.
//! It is given bytes and a set of names and calls back for every scalar and for every container, in the order of the text.
//! It promises one pass, no recursion, no allocation, at most `DEPTH_MAX` levels, and an answer for any bytes.

mod nest;

use super::names::Names;
use nest::Nest;
use std::borrow::Cow;

/// Levels of nesting that are followed.
pub(crate) const DEPTH_MAX: usize = 128;
/// Bytes of a key with escapes in it that are looked at: forty letters, each as `\u0061`.
const KEY_MAX: usize = 6 * 40;

/// A value at its place.
pub(crate) struct Member<'a, K> {
    /// The key it stands under, if that is known; an array's elements stand under the array's key.
    pub(crate) key: Option<K>,
    /// The key as it is written; empty for the elements of an array.
    pub(crate) name: &'a [u8],
    /// The key of the object around, if that is known.
    pub(crate) parent: Option<K>,
    /// Containers around the value.
    pub(crate) depth: usize,
    pub(crate) value: Value<'a>,
}

/// A scalar, or the opening of a container.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(Text<'a>),
    Number(&'a [u8]),
    /// A text, number or word that the end of the bytes cut: what it was is not known.
    Cut(Text<'a>),
    Bool(bool),
    Null,
    Object,
    Array,
    /// An object or an array with nothing in it.
    Empty {
        is_list: bool,
    },
}

/// A string without its quotes.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) raw: &'a [u8],
    escaped: bool,
    /// There is no quote behind it.
    cut: bool,
}

impl<'a> Text<'a> {
    /// The bytes meant, escapes resolved; a lone surrogate becomes U+FFFD.
    pub(crate) fn decoded(self) -> Cow<'a, [u8]> {
        if self.escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }

    #[inline]
    fn value(self) -> Value<'a> {
        if self.cut { Value::Cut(self) } else { Value::Text(self) }
    }
}

/// What the walk found out about the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Elements of the largest array of records that stands in no other array.
    pub(crate) items: Option<u32>,
    /// That array was still open where the text ended.
    pub(crate) items_cut: bool,
    /// The text is deeper than `DEPTH_MAX`; what lies below was not read.
    pub(crate) beyond_limit: bool,
}

/// Walks `bytes`, calling `visit` for what it meets.
pub(crate) fn walk<'a, K: Copy>(
    bytes: &'a [u8],
    names: &Names<K>,
    mut visit: impl FnMut(Member<'a, K>),
) -> Summary {
    let mut nest = Nest::new();
    let (mut key, mut name): (Option<K>, &'a [u8]) = (None, &[]);
    let mut expect_key = false;
    let mut rest = bytes;
    while let Some((&byte, behind)) = rest.split_first() {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' | b':' => {
                rest = behind;
                continue;
            }
            b'"' if expect_key => {
                expect_key = false;
                (key, name, rest) = texts(behind, names, &nest, &mut visit);
                continue;
            }
            b'"' => {
                let (text, behind) = string(behind);
                rest = behind;
                let (under, parent, depth) = nest.scalar(key);
                visit(Member { key: under, name, parent, depth, value: text.value() });
            }
            b',' => {
                rest = behind;
                expect_key = nest.in_object();
            }
            b'}' | b']' => {
                rest = behind;
                nest.close();
                expect_key = false;
            }
            b'{' | b'[' => {
                rest = behind;
                let (under, parent, depth) = (nest.under(key), nest.key, nest.depth);
                nest.element(true);
                if !nest.open(byte == b'[', under) {
                    break;
                }
                expect_key = byte == b'{';
                visit(Member { key: under, name, parent, depth, value: container(byte, behind) });
            }
            _ => {
                let (value, behind) = bare(rest, nest.depth > 0);
                rest = behind;
                let (under, parent, depth) = nest.scalar(key);
                visit(Member { key: under, name, parent, depth, value });
            }
        }
        (key, name) = (None, &[]);
    }
    nest.finish()
}

/// Members whose values are strings, one right behind the other, as most are. It is given the text behind the first
/// key's opening quote, and gives the key of the first value that is no string, and where that may begin.
#[inline]
fn texts<'a, K: Copy>(
    text: &'a [u8],
    names: &Names<K>,
    nest: &Nest<K>,
    visit: &mut impl FnMut(Member<'a, K>),
) -> (Option<K>, &'a [u8], &'a [u8]) {
    let (parent, depth) = (nest.key, nest.depth);
    let mut rest = text;
    loop {
        let (written, behind) = string(rest);
        let (key, name) = (name_of(names, written), written.raw);
        rest = behind.strip_prefix(b":").unwrap_or(behind);
        let Some(begun) = rest.strip_prefix(b"\"") else { return (key, name, rest) };
        let (value, behind) = string(begun);
        visit(Member { key, name, parent, depth, value: value.value() });
        match behind.strip_prefix(b",\"") {
            Some(another) => rest = another,
            None => return (None, &[], behind),
        }
    }
}

/// The string whose opening quote stands before `text`, and what is behind it. A cut string ends with the text.
#[inline]
fn string(text: &[u8]) -> (Text<'_>, &[u8]) {
    match text.split_at_checked(special(text)) {
        Some((raw, [b'"', behind @ ..])) => (Text { raw, escaped: false, cut: false }, behind),
        _ => odd_string(text),
    }
}

/// The same for a string with escapes in it, or without an end.
#[cold]
fn odd_string(text: &[u8]) -> (Text<'_>, &[u8]) {
    let (mut end, mut escaped) = (special(text), false);
    while text.get(end) == Some(&b'\\') {
        escaped = true;
        end += 2;
        end += special(text.get(end..).unwrap_or(&[]));
    }
    let (raw, behind) = text.split_at_checked(end).unwrap_or((text, &[]));
    (Text { raw, escaped, cut: behind.is_empty() }, behind.get(1..).unwrap_or(&[]))
}

/// The position of the next quote or backslash, eight bytes at a time; the text's length when there is none.
fn special(text: &[u8]) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // Bytes equal to zero have their high bit set in the result; the lowest such bit is exact.
    let zeros = |word: u64| word.wrapping_sub(LOW) & !word;
    let (words, tail) = text.as_chunks::<8>();
    let mut before = 0usize;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let hits = (zeros(word ^ (LOW * 0x22)) | zeros(word ^ (LOW * 0x5C))) & HIGH;
        if hits != 0 {
            return before + (hits.trailing_zeros() / 8) as usize;
        }
        before = before.wrapping_add(8);
    }
    before.wrapping_add(tail.iter().take_while(|&&byte| !matches!(byte, b'"' | b'\\')).count())
}

/// What a bracket opens, by what stands behind it.
fn container(bracket: u8, behind: &[u8]) -> Value<'static> {
    match behind.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'}' | b']') => Value::Empty { is_list: bracket == b'[' },
        _ if bracket == b'{' => Value::Object,
        _ => Value::Array,
    }
}

/// A number, a word, or rubbish up to the next delimiter, and what is behind it; never nothing. One that must end
/// before the text does (`inside` a container) and does not was cut.
#[inline]
fn bare(text: &[u8], inside: bool) -> (Value<'_>, &[u8]) {
    let len = text.iter().skip(1).position(|&byte| DELIMITERS.get(usize::from(byte)) == Some(&true));
    if inside && len.is_none() {
        return (Value::Cut(Text { raw: text, escaped: false, cut: true }), &[]);
    }
    let (text, behind) = len.and_then(|len| text.split_at_checked(len + 1)).unwrap_or((text, &[]));
    let value = match text {
        b"true" => Value::Bool(true),
        b"false" => Value::Bool(false),
        b"null" => Value::Null,
        _ => Value::Number(text),
    };
    (value, behind)
}

/// The bytes that end a number or a word.
const DELIMITERS: [bool; 256] = {
    let (mut ends, letters, mut at) = ([false; 256], b",}] \n\r\t\"{[:", 0);
    while at < letters.len() {
        ends[letters[at] as usize] = true;
        at += 1;
    }
    ends
};

#[inline]
fn name_of<K: Copy>(names: &Names<K>, text: Text<'_>) -> Option<K> {
    if text.escaped { escaped_name_of(names, text.raw) } else { names.get(text.raw) }
}

#[cold]
fn escaped_name_of<K: Copy>(names: &Names<K>, raw: &[u8]) -> Option<K> {
    if raw.len() <= KEY_MAX { names.get(&unescape(raw)) } else { names.get(raw) }
}

pub(crate) fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let (b'\\', Some((&letter, tail))) = (byte, tail.split_first()) else {
            out.push(byte);
            continue;
        };
        rest = tail;
        match letter {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => {
                let (unit, tail) = utf16_unit(rest);
                rest = tail;
                let mut point = u32::from(unit);
                if (0xD800..0xDC00).contains(&unit)
                    && let Some(after) = rest.strip_prefix(b"\\u")
                {
                    let (low, tail) = utf16_unit(after);
                    if (0xDC00..0xE000).contains(&low) {
                        point = 0x1_0000 + ((point - 0xD800) << 10) + (u32::from(low) - 0xDC00);
                        rest = tail;
                    }
                }
                let letter = char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => out.push(other),
        }
    }
    out
}

/// Four hex digits; U+FFFD when they are not.
fn utf16_unit(text: &[u8]) -> (u16, &[u8]) {
    match text.split_at_checked(4) {
        Some((digits, rest)) => {
            let unit = std::str::from_utf8(digits).ok().and_then(|d| u16::from_str_radix(d, 16).ok());
            (unit.unwrap_or(0xFFFD), rest)
        }
        None => (0xFFFD, &[]),
    }
}

#[cfg(test)]
mod tests;
