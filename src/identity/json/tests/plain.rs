//! The walk letter by letter, with a frame for each container: what the quick one is compared with.

use super::super::{DEPTH_MAX, Member, Summary, Text, Value, name_of};
use crate::identity::names::Names;

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
                    count(&mut summary, closed, depth == 1, false);
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
                        let behind = bytes.get(at..).unwrap_or(&[]).trim_ascii_start();
                        match behind.first() {
                            Some(b'}' | b']') => Value::Empty { is_list: byte == b'[' },
                            _ if byte == b'{' => Value::Object,
                            _ => Value::Array,
                        }
                    }
                    b'"' => match string(bytes, &mut at) {
                        text if text.cut => Value::Cut(text),
                        text => Value::Text(text),
                    },
                    _ => bare(bytes, &mut at, depth > 0),
                };
                let opened = matches!(value, Value::Object | Value::Array | Value::Empty { .. });
                visit(Member { key: under, name, parent, depth: depth - usize::from(opened), value });
                (key, name) = (None, &[]);
            }
        }
    }
    while let Some(open) = depth.checked_sub(1).and_then(|d| stack.get(d)) {
        count(&mut summary, open, depth == 1, true);
        depth -= 1;
    }
    if roots > 1 {
        // JSON lines: each line is a record.
        summary.items = Some(roots);
        summary.items_cut = false;
    }
    summary
}

fn count<K>(summary: &mut Summary, frame: &Frame<K>, root: bool, cut: bool) {
    let is_list = frame.array && !frame.in_array && (frame.records || root || frame.items == 0);
    if is_list && summary.items.is_none_or(|most| frame.items > most) {
        (summary.items, summary.items_cut) = (Some(frame.items), cut);
    }
}

/// The string whose opening quote is at `at`; moves `at` behind it. A cut string ends with the text.
fn string<'a>(bytes: &'a [u8], at: &mut usize) -> Text<'a> {
    let from = *at + 1;
    let (mut end, mut escaped, mut cut) = (from, false, false);
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
                (end, cut) = (bytes.len(), true);
                *at = end;
                break;
            }
        }
    }
    Text { raw: bytes.get(from..end).unwrap_or(&[]), escaped, cut }
}

/// The position of the next quote or backslash; the text's length when there is none.
fn next_special(bytes: &[u8], at: usize) -> usize {
    let next = bytes.iter().skip(at).position(|b| matches!(b, b'"' | b'\\'));
    next.map_or(bytes.len(), |next| at + next)
}

/// A number, a word, or rubbish up to the next delimiter.
fn bare<'a>(bytes: &'a [u8], at: &mut usize, inside: bool) -> Value<'a> {
    let from = *at;
    let rest = bytes.get(from..).unwrap_or(&[]);
    let len = rest.iter().position(|b| {
        matches!(b, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | b'"' | b'{' | b'[' | b':')
    });
    let text = rest.get(..len.unwrap_or(rest.len())).unwrap_or(&[]);
    *at = from + text.len().max(1);
    match text {
        raw if inside && *at >= bytes.len() => Value::Cut(Text { raw, escaped: false, cut: true }),
        b"true" => Value::Bool(true),
        b"false" => Value::Bool(false),
        b"null" => Value::Null,
        _ => Value::Number(text),
    }
}
