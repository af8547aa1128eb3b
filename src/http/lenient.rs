//! A tolerant reader for heads that RFC 9112 forbids and some servers take.
//! It is given a whole head that `httparse` refused and gives its lines: folded, with blanks before the colon, with control bytes.
//! It promises to lose no line that any server could take for a header; whatever it reads is malformed.

use super::head::{Form, Layout, range_of};
use super::opening::METHOD_BYTES_MAX;
use super::{Header, Side, StartLine};
use memchr::memchr;

/// Reads a head; `None` when its first line is no HTTP start line.
pub(super) fn read(side: Side, head: &[u8]) -> Option<Layout> {
    let mut lines = Lines { rest: head };
    let first = lines.next()?;
    let (start, minor) = match side {
        Side::Request => request_line(head, first)?,
        Side::Response => status_line(first)?,
    };
    let mut headers: Vec<Header> = Vec::new();
    for line in lines {
        let folded = matches!(line.first(), Some(b' ' | b'\t'));
        if let (true, Some(previous)) = (folded, headers.last_mut()) {
            // obs-fold: the line goes on with the value before (RFC 9112 section 5.2).
            previous.value.end = range_of(head, line.trim_ascii_end()).end;
            continue;
        }
        if let Some(header) = header_line(head, line) {
            headers.push(header);
        }
    }
    Some(Layout { len: head.len(), start, headers, minor, form: Form::Refused })
}

/// Lines without their ends, `\r\n` or `\n`; the empty line at the end is left out.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..).unwrap_or(&[]);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() && self.rest.is_empty() { None } else { Some(line) }
    }
}

/// `method target [HTTP/x.y]` with any blanks; blanks within the target belong to it.
fn request_line(head: &[u8], line: &[u8]) -> Option<(StartLine, u8)> {
    let line = line.trim_ascii();
    let method_len = line.iter().position(|b| matches!(b, b' ' | b'\t'))?;
    let (method, rest) = line.split_at_checked(method_len)?;
    if method.len() > METHOD_BYTES_MAX || method == b"PRI" || !method.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let rest = rest.trim_ascii();
    let last = rest.iter().rposition(|b| matches!(b, b' ' | b'\t')).map_or(0, |at| at + 1);
    let (before, version) = rest.split_at_checked(last)?;
    let (target, minor) = match version.get(..5) {
        Some(prefix) if prefix.eq_ignore_ascii_case(b"HTTP/") => {
            (before.trim_ascii(), minor_version(version))
        }
        // Without a version it is HTTP/0.9, and only `GET /path` was ever that.
        _ if method == b"GET" && rest.first() == Some(&b'/') => (rest, 0),
        _ => return None,
    };
    if target.is_empty() {
        return None;
    }
    Some((StartLine::Request { method: range_of(head, method), target: range_of(head, target) }, minor))
}

/// `HTTP/x.y NNN reason` with any blanks; a status of other than three digits reads as 0.
fn status_line(line: &[u8]) -> Option<(StartLine, u8)> {
    let line = line.trim_ascii();
    let prefix = line.get(..5)?;
    if !prefix.eq_ignore_ascii_case(b"HTTP/") {
        return None;
    }
    let blank = line.iter().position(|b| matches!(b, b' ' | b'\t')).unwrap_or(line.len());
    let (version, rest) = line.split_at_checked(blank)?;
    let status = match rest.trim_ascii_start() {
        [a, b, c] | [a, b, c, b' ' | b'\t' | b'\r', ..] => {
            let digits = [*a, *b, *c].map(|digit| (digit as char).to_digit(10));
            digits.iter().try_fold(0, |status, digit| Some(status * 10 + (*digit)? as u16)).unwrap_or(0)
        }
        _ => 0,
    };
    Some((StartLine::Response { status }, minor_version(version)))
}

/// 0 for HTTP/1.0 and older, 1 for everything else.
fn minor_version(version: &[u8]) -> u8 {
    let number = version.get(5..).unwrap_or(&[]);
    u8::from(!(number == b"1.0" || number.first() == Some(&b'0')))
}

/// `name: value` with blanks and control bytes around either; `None` without a colon.
fn header_line(head: &[u8], line: &[u8]) -> Option<Header> {
    let colon = memchr(b':', line)?;
    let (name, value) = line.split_at_checked(colon)?;
    let (name, value) = (trim(name), trim(value.get(1..).unwrap_or(&[])));
    Some(Header { name: range_of(head, name), value: range_of(head, value) })
}

/// Takes blanks and control bytes from both ends: `Authorization\x0b:` is meant to be overlooked.
fn trim(bytes: &[u8]) -> &[u8] {
    let odd = |b: &u8| *b <= b' ' || *b == 0x7f;
    let Some(start) = bytes.iter().position(|b| !odd(b)) else { return bytes.get(..0).unwrap_or(&[]) };
    let end = bytes.iter().rposition(|b| !odd(b)).map_or(start, |last| last + 1);
    bytes.get(start..end).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(side: Side, head: &[u8]) -> Option<(String, Vec<String>)> {
        let text =
            |r: &std::ops::Range<u32>| head[r.start as usize..r.end as usize].escape_ascii().to_string();
        let layout = read(side, head)?;
        let start = match &layout.start {
            StartLine::Request { method, target } => format!("{}|{}", text(method), text(target)),
            StartLine::Response { status } => status.to_string(),
        };
        Some((
            start,
            layout.headers.iter().map(|h| format!("{}|{}", text(&h.name), text(&h.value))).collect(),
        ))
    }

    #[test]
    fn a_header_that_hides_is_found() {
        let head = b"GET /a b HTTP/1.2\r\nAuthorization : Bearer x\r\nCookie\x0b:\ta=b\n: none\r\nFold: a\r\n\tb\r\nno colon\r\n\r\n";
        let (start, headers) = show(Side::Request, head).unwrap();
        assert_eq!(start, "GET|/a b");
        assert_eq!(headers, ["Authorization|Bearer x", "Cookie|a=b", "|none", "Fold|a\\r\\n\\tb"]);
    }

    #[test]
    fn junk_is_no_request() {
        for junk in
            ["PRI * HTTP/2.0\r\n\r\n", "EHLO x\r\n\r\n", "GET HTTP/1.1\r\n\r\n", "\r\n\r\n", "x\r\n\r\n"]
        {
            assert_eq!(show(Side::Request, junk.as_bytes()), None, "{junk:?}");
        }
    }

    #[test]
    fn odd_status_lines_are_read() {
        for (line, status) in [
            ("HTTP/1.1  200 ok", "200"),
            ("http/1.1\t404", "404"),
            ("HTTP/1.1 2", "0"),
            ("HTTP/1.1 2000", "0"),
            ("HTTP/1.1", "0"),
        ] {
            let head = format!("{line}\r\n\r\n");
            assert_eq!(show(Side::Response, head.as_bytes()).unwrap().0, status, "{line}");
        }
    }
}
