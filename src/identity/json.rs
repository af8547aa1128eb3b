//! A walk over JSON text that may be cut, broken or hostile: known keys with their values, and a count of records.
//! It is given bytes and a set of names and calls back for every scalar and for every container under a known key.
//! It promises one pass, no recursion, no allocation, at most `DEPTH_MAX` levels, and an answer for any bytes.

use super::names::Names;
use std::borrow::Cow;

/// Levels of nesting that are followed.
pub(crate) const DEPTH_MAX: usize = 128;
/// Letters of a key with escapes in it that are looked at.
const KEY_MAX: usize = 64;

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
    Bool(bool),
    Null,
    Object,
    Array,
}

/// A string without its quotes.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) raw: &'a [u8],
    escaped: bool,
}

impl<'a> Text<'a> {
    /// The bytes meant, escapes resolved; a lone surrogate becomes U+FFFD.
    pub(crate) fn decoded(self) -> Cow<'a, [u8]> {
        if self.escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
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

#[derive(Clone, Copy)]
struct Frame<K> {
    array: bool,
    key: Option<K>,
    /// Elements begun.
    items: u32,
    /// An element is a container: these are records, not words.
    records: bool,
    /// An array is around.
    in_array: bool,
}

/// Walks `bytes`, calling `visit` for what it meets.
pub(crate) fn walk<'a, K: Copy>(
    bytes: &'a [u8],
    names: &Names<K>,
    mut visit: impl FnMut(Member<'a, K>),
) -> Summary {
    let root = Frame { array: false, key: None, items: 0, records: false, in_array: false };
    let mut stack = [root; DEPTH_MAX];
    let mut depth = 0usize;
    let mut summary = Summary::default();
    let mut key: Option<K> = None;
    let mut name: &'a [u8] = &[];
    let mut expect_key = false;
    let mut roots = 0u32;
    let mut at = 0usize;

    while let Some(&byte) = bytes.get(at) {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' | b':' => at += 1,
            b',' => {
                at += 1;
                (key, name) = (None, &[]);
                expect_key = depth > 0 && stack.get(depth - 1).is_some_and(|f| !f.array);
            }
            b'}' | b']' => {
                at += 1;
                if let Some(closed) = depth.checked_sub(1).and_then(|d| stack.get(d)) {
                    summary.count(closed, depth == 1, false);
                    depth -= 1;
                }
                (key, name) = (None, &[]);
                expect_key = false;
            }
            b'"' if expect_key => {
                let text = string(bytes, &mut at);
                (key, name) = (name_of(names, text), text.raw);
                expect_key = false;
            }
            _ => {
                // A value begins.
                let (mut under, mut parent, mut in_array) = (key, None, false);
                if let Some(frame) = depth.checked_sub(1).and_then(|d| stack.get_mut(d)) {
                    frame.items = frame.items.saturating_add(1);
                    frame.records |= matches!(byte, b'{' | b'[');
                    in_array = frame.array || frame.in_array;
                    parent = frame.key;
                    if frame.array {
                        under = frame.key;
                    }
                } else {
                    roots = roots.saturating_add(1);
                }
                let value = match byte {
                    b'{' | b'[' => {
                        at += 1;
                        let Some(frame) = stack.get_mut(depth) else {
                            summary.beyond_limit = true;
                            break;
                        };
                        *frame =
                            Frame { array: byte == b'[', key: under, items: 0, records: false, in_array };
                        depth += 1;
                        expect_key = byte == b'{';
                        if byte == b'{' { Value::Object } else { Value::Array }
                    }
                    b'"' => Value::Text(string(bytes, &mut at)),
                    _ => bare(bytes, &mut at),
                };
                let opened = matches!(value, Value::Object | Value::Array);
                if under.is_some() || !opened {
                    visit(Member { key: under, name, parent, depth: depth - usize::from(opened), value });
                }
                (key, name) = (None, &[]);
            }
        }
    }
    while let Some(open) = depth.checked_sub(1).and_then(|d| stack.get(d)) {
        summary.count(open, depth == 1, true);
        depth -= 1;
    }
    if roots > 1 {
        // JSON lines: each line is a record.
        summary.items = Some(roots);
        summary.items_cut = false;
    }
    summary
}

impl Summary {
    /// Takes an array's length into account when it closes, or when the text ends inside it.
    fn count<K>(&mut self, frame: &Frame<K>, root: bool, cut: bool) {
        let is_list = frame.array && !frame.in_array && (frame.records || root || frame.items == 0);
        if is_list && self.items.is_none_or(|most| frame.items > most) {
            (self.items, self.items_cut) = (Some(frame.items), cut);
        }
    }
}

/// The string whose opening quote is at `at`; moves `at` behind it. A cut string ends with the text.
fn string<'a>(bytes: &'a [u8], at: &mut usize) -> Text<'a> {
    let from = *at + 1;
    let (mut end, mut escaped) = (from, false);
    loop {
        end = next_special(bytes, end);
        match bytes.get(end) {
            Some(b'\\') => {
                escaped = true;
                end += 2;
            }
            Some(_) => {
                *at = end + 1;
                break;
            }
            None => {
                end = bytes.len();
                *at = end;
                break;
            }
        }
    }
    Text { raw: bytes.get(from..end).unwrap_or(&[]), escaped }
}

/// The position of the next quote or backslash, eight bytes at a time; the text's length when there is none.
fn next_special(bytes: &[u8], mut at: usize) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // Bytes equal to zero have their high bit set in the result; the lowest such bit is exact.
    let zeros = |word: u64| word.wrapping_sub(LOW) & !word & HIGH;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let hits = zeros(word ^ (LOW * 0x22)) | zeros(word ^ (LOW * 0x5C));
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    bytes
        .get(at..)
        .and_then(|rest| rest.iter().position(|b| matches!(b, b'"' | b'\\')))
        .map_or(bytes.len(), |p| at + p)
}

/// A number, a word, or rubbish up to the next delimiter.
fn bare<'a>(bytes: &'a [u8], at: &mut usize) -> Value<'a> {
    let from = *at;
    let rest = bytes.get(from..).unwrap_or(&[]);
    let len = rest.iter().position(|b| {
        matches!(b, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | b'"' | b'{' | b'[' | b':')
    });
    let text = rest.get(..len.unwrap_or(rest.len())).unwrap_or(&[]);
    *at = from + text.len().max(1);
    match text {
        b"true" => Value::Bool(true),
        b"false" => Value::Bool(false),
        b"null" => Value::Null,
        _ => Value::Number(text),
    }
}

fn name_of<K: Copy>(names: &Names<K>, text: Text<'_>) -> Option<K> {
    if text.escaped && text.raw.len() <= KEY_MAX {
        names.get(&unescape(text.raw))
    } else {
        names.get(text.raw)
    }
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
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn told(text: &str) -> (String, Summary) {
        let names = Names::new([("email", "email"), ("data", "data"), ("error", "error"), ("amr", "amr")]);
        let mut lines = String::new();
        let summary = walk(text.as_bytes(), &names, |m| {
            if let Some(key) = m.key {
                let value = match m.value {
                    Value::Text(t) => String::from_utf8_lossy(&t.decoded()).into_owned(),
                    Value::Number(n) => String::from_utf8_lossy(n).into_owned(),
                    Value::Bool(b) => b.to_string(),
                    Value::Null => "null".into(),
                    Value::Object => "{}".into(),
                    Value::Array => "[]".into(),
                };
                lines += &format!(
                    "{}{key}@{} {value}\n",
                    m.parent.map_or(String::new(), |p| format!("{p}.")),
                    m.depth
                );
            }
        });
        (lines, summary)
    }

    #[expect(clippy::needless_pass_by_value, reason = "an expectation is written where it is checked")]
    fn check(text: &str, expected: Expect) {
        let (lines, summary) = told(text);
        expected.assert_eq(&format!("{lines}{summary:?}\n"));
    }

    #[test]
    fn keys_at_any_depth_with_escapes_and_arrays() {
        check(
            r#"{"data":{"user":{"em\u0061il":"a\u0040b\"\ud83d\ude00"}, "error" : null}, "amr":["pwd","otp"], "error":{"email":12.5}}"#,
            expect![[r#"
                data@1 {}
                email@3 a@b"😀
                data.error@2 null
                amr@1 []
                amr.amr@2 pwd
                amr.amr@2 otp
                error@1 {}
                error.email@2 12.5
                Summary { items: None, items_cut: false, beyond_limit: false }
            "#]],
        );
    }

    #[test]
    fn records_are_counted_and_words_are_not() {
        let items = |text: &str| (told(text).1.items, told(text).1.items_cut);
        assert_eq!(items(r#"[{"a":1},{"a":2},{"a":[{},{},{},{}]}]"#), (Some(3), false));
        assert_eq!(items(r#"{"results":[{"tags":["x","y","z"]}],"count":99}"#), (Some(1), false));
        assert_eq!(items(r#"{"page":{"items":[[1],[2]]},"links":[{}]}"#), (Some(2), false));
        assert_eq!(items(r#"{"results":[]}"#), (Some(0), false));
        assert_eq!(items(r#"{"roles":["a","b"]}"#), (None, false));
        assert_eq!(items(r"[1,2,3]"), (Some(3), false));
        assert_eq!(items(r#"{"a":[{"b":1},{"b":2},{"b"#), (Some(3), true));
        assert_eq!(items("{\"a\":1}\n{\"a\":2}\n"), (Some(2), false));
    }

    #[test]
    fn hostile_text_ends() {
        let deep = "[".repeat(200_000);
        assert!(told(&deep).1.beyond_limit);
        let objects = "{\"email\":".repeat(200_000);
        assert!(told(&objects).1.beyond_limit);
        assert!(!told(&format!("{}\"error\":\"x\"", "{\"a\":".repeat(100))).1.beyond_limit);
        for text in [
            "",
            "\"",
            "\\",
            "{\"",
            "{\"email\"",
            "{\"email\":",
            "{\"email\":\"\\",
            "]]}}",
            "{\"email\":\"\\u12",
            ",,,:::",
        ] {
            told(text);
        }
        let number = format!("{{\"email\":{}}}", "9".repeat(1_000_000));
        assert_eq!(told(&number).0.len(), 1_000_000 + "email@1 \n".len());
        check(
            "{\"email\":\"\\ud800\"}",
            expect![[r"
            email@1 �
            Summary { items: None, items_cut: false, beyond_limit: false }
        "]],
        );
        let twice = format!("{{{}\"email\":\"last\"}}", "\"email\":\"x\",".repeat(60_000));
        assert!(told(&twice).0.ends_with("email@1 last\n"));
    }

    #[test]
    fn a_special_letter_is_found_at_every_offset() {
        for len in 0..40 {
            for at in 0..len {
                let mut text = vec![0xA2; len];
                text[at] = b'"';
                assert_eq!(next_special(&text, 0), at);
            }
        }
    }
}
