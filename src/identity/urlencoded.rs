//! `a=1&b=2`, as in queries and form bodies (WHATWG URL, application/x-www-form-urlencoded).
//! It is given raw bytes and gives raw pairs; decoding is asked for where a value is needed.
//! It promises to look at no more than a fixed number of pairs.

use std::borrow::Cow;

/// Pairs beyond this many are not looked at.
const PAIRS_MAX: usize = 1024;

/// Raw names and values in order; a pair without `=` has an empty value.
pub(crate) fn pairs(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|&b| b == b'&').filter(|pair| !pair.is_empty()).take(PAIRS_MAX).map(
        |pair| match memchr::memchr(b'=', pair) {
            Some(at) => (pair.get(..at).unwrap_or(&[]), pair.get(at + 1..).unwrap_or(&[])),
            None => (pair, [].as_slice()),
        },
    )
}

/// Whether there are more pairs than are looked at.
pub(crate) fn has_more(text: &[u8]) -> bool {
    text.split(|&b| b == b'&').filter(|pair| !pair.is_empty()).nth(PAIRS_MAX).is_some()
}

/// The bytes meant: `%41` is `A`, `+` is a blank; a broken escape stays as it is.
pub(crate) fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'%', b'+', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(h, l)| h << 4 | l),
            _ => None,
        };
        if let Some(byte) = escaped {
            out.push(byte);
            rest = tail.get(2..).unwrap_or(&[]);
        } else {
            out.push(if first == b'+' { b' ' } else { first });
            rest = tail;
        }
    }
    Cow::Owned(out)
}

/// As `decode`, but `+` is itself: for paths, where RFC 3986 gives it no meaning.
pub(crate) fn decode_path(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let kept: Vec<u8> =
        text.iter().flat_map(|&b| if b == b'+' { b"%2B".to_vec() } else { vec![b] }).collect();
    Cow::Owned(decode(&kept).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|d| d as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_escapes() {
        let read: Vec<_> = pairs(b"a=1&&b&c=x=y&=z").collect();
        let expected: [(&[u8], &[u8]); 4] = [(b"a", b"1"), (b"b", b""), (b"c", b"x=y"), (b"", b"z")];
        assert_eq!(read, expected);
        for (raw, meant) in
            [("a%40b", "a@b"), ("a+b", "a b"), ("100%", "100%"), ("%4", "%4"), ("%zz", "%zz"), ("%2B", "+")]
        {
            assert_eq!(decode(raw.as_bytes()), meant.as_bytes(), "{raw}");
        }
        assert_eq!(&*decode_path(b"a+b%20c"), b"a+b c");
        assert_eq!(pairs("a&".repeat(9999).as_bytes()).count(), PAIRS_MAX);
        assert!(
            has_more("a&".repeat(PAIRS_MAX + 1).as_bytes()) && !has_more("a&".repeat(PAIRS_MAX).as_bytes())
        );
    }
}
