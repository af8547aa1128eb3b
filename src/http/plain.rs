//! Plain heads, as nearly every peer writes them, read in one pass.
//! It is given the bytes from a start line on and gives a `Layout`, or passes: what is out of the ordinary is for `httparse`.
//! It promises what `httparse` would have said of the same bytes, and lines that end in CRLF.

use super::head::{Form, Layout, Strict};
use super::opening::METHOD_BYTES_MAX;
use super::{Header, Side, StartLine};
use std::ops::Range;

/// Header lines for which room is made at once: most heads have fewer.
const USUAL_LINES: usize = 16;

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

/// Reads a head; `None` when it is not plain, or ends before its first line does.
#[inline]
pub(super) fn read(side: Side, bytes: &[u8], lines_max: usize) -> Option<Strict> {
    let (start, minor, status_meant, mut at) = match side {
        Side::Request => request_line(bytes)?,
        Side::Response => status_line(bytes)?,
    };
    let mut headers = Vec::with_capacity(USUAL_LINES.min(lines_max));
    loop {
        let line = bytes.get(at..)?;
        match line {
            [b'\r', b'\n', ..] => break,
            [] | [b'\r'] => return Some(Strict::Partial),
            _ if headers.len() >= lines_max => return None,
            _ => {}
        }
        let Some(name_len) = line.iter().position(|&byte| !NAME_BYTES[usize::from(byte)]) else {
            return Some(Strict::Partial);
        };
        if name_len == 0 || line.get(name_len) != Some(&b':') {
            return None;
        }
        let blanks = line.get(name_len + 1..)?;
        let Some(indent) = blanks.iter().position(|&byte| byte != b' ') else {
            return Some(Strict::Partial);
        };
        let value = blanks.get(indent..)?;
        let Some(value_len) = control(value) else { return Some(Strict::Partial) };
        let (value, end) = value.split_at_checked(value_len)?;
        match end {
            [b'\r', b'\n', ..] => {}
            [b'\r'] => return Some(Strict::Partial),
            _ => return None,
        }
        let kept = value.len() - value.iter().rev().take_while(|&&byte| byte == b' ').count();
        if kept == 0 {
            return None;
        }
        let value_at = at + name_len + 1 + indent;
        headers.push(Header { name: range(at, at + name_len), value: range(value_at, value_at + kept) });
        at = value_at + value_len + 2;
    }
    let (len, form) = (at + 2, Form::Strict);
    Some(Strict::Whole(Layout { len, start, headers, minor, status_meant, form }))
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
    let reason_len = control(reason)?;
    let end = reason.get(reason_len..)?;
    end.starts_with(b"\r\n").then_some((
        StartLine::Response { status },
        minor - b'0',
        status,
        12 + reason_len + 2,
    ))
}

/// Where the first control byte stands; a tab is one.
#[inline]
fn control(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    let (blocks, _) = bytes.as_chunks::<32>();
    let is_control = |byte: u8| byte < b' ' || byte == 0x7f;
    // Whole blocks are looked at as one, which makes vector code of it.
    let clean =
        blocks.iter().take_while(|block| !block.iter().fold(false, |any, &byte| any | is_control(byte)));
    let from = clean.count() * 32;
    let rest = bytes.get(from..)?;
    let (words, tail) = rest.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let delete = word ^ (ONES * 0x7f);
        // A byte's high bit is set where the byte is below a blank, or is DEL; above the first such byte a
        // borrow may set others, which does not matter.
        let below = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (below | delete.wrapping_sub(ONES) & !delete) & (ONES << 7);
        if found != 0 {
            return Some(from + index * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    let before = bytes.len() - tail.len();
    tail.iter().position(|&byte| is_control(byte)).map(|at| before + at)
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

    fn agree(side: Side, bytes: &[u8]) {
        if let Some(plain) = read(side, bytes, 8) {
            let thorough = said(head::thorough(side, bytes, 8));
            assert_eq!(said(plain), thorough, "{side:?} {}", bytes.escape_ascii());
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
        fn controls_are_found_wherever_they_stand(bytes in proptest::collection::vec(any::<u8>(), 0..120), at in 0..120usize) {
            let mut bytes: Vec<u8> = bytes.into_iter().map(|b| if b < 32 || b == 127 { b'x' } else { b }).collect();
            prop_assert_eq!(control(&bytes), None);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = b'\r';
                prop_assert_eq!(control(&bytes), Some(at));
                bytes.push(0x7f);
                prop_assert_eq!(control(&bytes), Some(at));
            }
        }

        #[test]
        fn any_lines_are_read_as_httparse_reads_them(text in "(GET|HTTP/1\\.1) [ -~]{0,9}( HTTP/1\\.1)?\r\n([A-Za-z: \t\r\n\u{7f}é-]{0,12}\r\n){0,10}\r\n") {
            agree(Side::Request, text.as_bytes());
            agree(Side::Response, text.as_bytes());
        }
    }
}
