//! Plain heads, as nearly every peer writes them: first their end, then their lines, each once.
//! It is given the bytes from a start line on and gives a `Layout`, or passes: what is out of the ordinary is for `httparse`.
//! It promises what `httparse` would have said of a whole head, and lines that end in CRLF.

use super::head::{Form, Layout, Strict};
use super::opening::METHOD_BYTES_MAX;
use super::{Header, Side, StartLine};
use memchr::{memchr, memchr_iter};
use std::ops::Range;

/// Bytes of the names that plain heads use; other lawful ones are rare.
const NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let c = byte as u8;
        table[byte] = c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        byte += 1;
    }
    table
};

/// Reads a head; `None` when it is not plain. Without its end it is `Partial`, whatever it looks like so far.
#[inline]
pub(super) fn read(side: Side, bytes: &[u8], lines_max: usize) -> Option<Strict> {
    let (end, lines) = end(bytes)?;
    // Of too many lines it is known without their end that they are.
    if lines > lines_max {
        return None;
    }
    let Some(end) = end else { return Some(Strict::Partial) };
    let head = bytes.get(..end)?;
    let (start, minor, status_meant, mut at) = match side {
        Side::Request => request_line(head)?,
        Side::Response => status_line(head)?,
    };
    let mut headers = Vec::with_capacity(lines);
    while headers.len() < lines {
        let line = head.get(at..)?;
        let line = line.get(..memchr(b'\n', line)?)?.strip_suffix(b"\r")?;
        headers.push(header(at, line)?);
        at += line.len() + 2;
    }
    // Each line ended in CRLF, the start line and the empty one too: any other control byte is one too many.
    let form = Form::Strict;
    (controls(head) == 2 * (lines + 2)).then_some(Strict::Whole(Layout {
        len: end,
        start,
        headers,
        minor,
        status_meant,
        form,
    }))
}

/// Where the head ends, if it does, and the number of whole header lines; `None` when it ends in LF alone.
fn end(bytes: &[u8]) -> Option<(Option<usize>, usize)> {
    let mut lines = 0;
    for at in memchr_iter(b'\n', bytes) {
        match bytes.get(at + 1..)? {
            [b'\r', b'\n', ..] => return Some((Some(at + 3), lines)),
            [b'\n', ..] => return None,
            _ => lines += 1,
        }
    }
    Some((None, lines))
}

/// `name: value` that stands at `at`, without its CRLF.
#[inline]
fn header(at: usize, line: &[u8]) -> Option<Header> {
    let name_len = line.iter().position(|&byte| !NAME_BYTES[usize::from(byte)])?;
    let value = line.get(name_len..)?.strip_prefix(b":")?;
    let indent = value.iter().position(|&byte| byte != b' ')?;
    let kept = line.len() - line.iter().rev().take_while(|&&byte| byte == b' ').count();
    let value_at = at + name_len + 1 + indent;
    (name_len > 0).then(|| Header { name: range(at, at + name_len), value: range(value_at, at + kept) })
}

/// `METHOD target HTTP/1.x`: the line, its minor version, no status, and where the next line starts.
fn request_line(bytes: &[u8]) -> Option<(StartLine, u8, u16, usize)> {
    let method_len = bytes.iter().take(METHOD_BYTES_MAX + 1).position(|byte| !byte.is_ascii_alphabetic())?;
    let (_, rest) = bytes.split_at_checked(method_len)?;
    let target = rest.strip_prefix(b" ")?;
    let target_len = target.iter().position(|byte| !byte.is_ascii_graphic())?;
    let (_, version) = target.split_at_checked(target_len)?;
    let minor = match version.first_chunk::<11>()? {
        b" HTTP/1.1\r\n" => 1,
        b" HTTP/1.0\r\n" => 0,
        _ => return None,
    };
    if method_len == 0 || target_len == 0 {
        return None;
    }
    let target_at = method_len + 1;
    let start =
        StartLine::Request { method: range(0, method_len), target: range(target_at, target_at + target_len) };
    Some((start, minor, 0, target_at + target_len + 11))
}

/// `HTTP/1.x status reason`, likewise.
fn status_line(bytes: &[u8]) -> Option<(StartLine, u8, u16, usize)> {
    let (&[b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'0'..=b'1', b' ', a, b, c], reason) =
        bytes.split_first_chunk()?
    else {
        return None;
    };
    let digits = [a, b, c];
    if !digits.iter().all(u8::is_ascii_digit) || !matches!(reason.first(), Some(b' ' | b'\r')) {
        return None;
    }
    let status = digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
    let reason_len = memchr(b'\n', reason)?;
    reason.get(..reason_len)?.strip_suffix(b"\r")?;
    Some((StartLine::Response { status }, minor - b'0', status, 12 + reason_len + 1))
}

/// How many control bytes there are; a tab is one. Whole blocks are counted as one, which makes vector code of it.
#[inline]
fn controls(bytes: &[u8]) -> usize {
    let count = |bytes: &[u8]| {
        bytes.iter().fold(0u8, |count, &byte| count.wrapping_add(u8::from(byte < b' ' || byte == 0x7f)))
    };
    let (blocks, rest) = bytes.as_chunks::<64>();
    blocks.iter().map(|block| usize::from(count(block))).sum::<usize>() + usize::from(count(rest))
}

fn range(start: usize, end: usize) -> Range<u32> {
    start as u32..end as u32
}

#[cfg(test)]
mod tests {
    use super::super::head;
    use super::*;
    use proptest::prelude::*;

    /// What both readers say, in words that can be compared.
    fn said(outcome: Strict) -> String {
        match outcome {
            Strict::Whole(layout) => format!("{layout:?}"),
            other => format!("{other:?}"),
        }
    }

    /// Of what has no end yet it is only said that it has none, well-formed or not.
    fn agree(side: Side, bytes: &[u8]) {
        let thorough = head::thorough(side, bytes, 8);
        match read(side, bytes, 8) {
            None => {}
            Some(Strict::Partial) => {
                assert!(
                    matches!(thorough, Strict::Partial | Strict::Refused),
                    "{thorough:?} {}",
                    bytes.escape_ascii()
                );
            }
            Some(plain) => assert_eq!(said(plain), said(thorough), "{side:?} {}", bytes.escape_ascii()),
        }
    }

    const HEADS: &[&[u8]] = &[
        b"GET /a?b=c HTTP/1.1\r\nHost: api.example.com\r\nX-Key:k  \r\nAccept:    */*\r\n\r\nrest",
        b"POST / HTTP/1.0\r\nAuthorization: Bearer aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nDate: Mon, 09 Nov 2026 08:00:00 GMT\r\nServer: \xc3\xa9\r\n\r\n{}",
        b"HTTP/1.1 204\r\n\r\n",
        b"HTTP/1.0 404 \r\nA: b\r\n\r\n",
    ];

    #[test]
    fn ordinary_heads_are_plain() {
        for (head, whole) in HEADS.iter().zip([true; 5]) {
            let side = if head.starts_with(b"HTTP") { Side::Response } else { Side::Request };
            assert_eq!(
                matches!(read(side, head, 8), Some(Strict::Whole(_))),
                whole,
                "{}",
                head.escape_ascii()
            );
        }
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_read_as_httparse_reads_it() {
        for head in HEADS {
            let side = if head.starts_with(b"HTTP") { Side::Response } else { Side::Request };
            (0..=head.len()).for_each(|len| agree(side, &head[..len]));
            for at in 0..head.len() {
                for byte in 0..=255 {
                    let mut other = head.to_vec();
                    other[at] = byte;
                    agree(side, &other);
                }
            }
        }
    }

    #[test]
    fn a_line_too_many_is_left_to_the_thorough_reader() {
        let head = [b"GET / HTTP/1.1\r\n".to_vec(), b"A: b\r\n".repeat(9), b"\r\n".to_vec()].concat();
        assert!(read(Side::Request, &head, 8).is_none());
        assert!(matches!(read(Side::Request, &head, 9), Some(Strict::Whole(_))));
    }

    proptest! {
        #[test]
        fn controls_are_counted_wherever_they_stand(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(controls(&bytes), bytes.iter().filter(|byte| byte.is_ascii_control()).count());
        }

        #[test]
        fn any_lines_are_read_as_httparse_reads_them(text in "(GET|HTTP/1\\.1) [ -~]{0,9}( HTTP/1\\.1)?\r\n([A-Za-z: \t\r\n\u{7f}é-]{0,12}\r\n){0,10}\r\n") {
            agree(Side::Request, text.as_bytes());
            agree(Side::Response, text.as_bytes());
        }
    }
}
