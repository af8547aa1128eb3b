//! A tolerant reader for heads that RFC 9112 forbids and some servers take.
//! It is given a whole head that `httparse` refused and gives its lines: folded, with blanks before the colon, with control bytes.
//! It promises to lose no line that any server could take for a header, and no status that a strict client would
//! not read; whatever it reads is malformed.

use super::head::{Form, Layout, range_of};
use super::opening::METHOD_BYTES_MAX;
use super::{Header, Side, StartLine};
use memchr::memchr;

/// Reads a head; `None` when its first line is no HTTP start line.
pub(super) fn read(side: Side, head: &[u8]) -> Option<Layout> {
    let mut lines = Lines { rest: head };
    let first = lines.next()?;
    let (start, minor, status_meant) = match side {
        Side::Request => request_line(head, first).map(|(start, minor)| (start, minor, 0))?,
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
    Some(Layout { len: head.len(), start, headers, minor, status_meant, form: Form::Refused })
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

/// `HTTP/x.y NNN reason` with any blanks: what a strict client reads, the minor version, and the status that a
/// tolerant one reads. A status of other than three digits reads as 0.
fn status_line(whole: &[u8]) -> Option<(StartLine, u8, u16)> {
    let line = whole.trim_ascii();
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
    let strict = if is_status_line(whole) { status } else { 0 };
    Some((StartLine::Response { status: strict }, minor_version(version), status))
}

/// RFC 9112 section 4, but for two liberties that every client takes: more than one space before the status,
/// and none before an empty reason.
fn is_status_line(line: &[u8]) -> bool {
    let Some((&[b'H', b'T', b'T', b'P', b'/', major, b'.', minor, b' '], rest)) = line.split_first_chunk()
    else {
        return false;
    };
    let status =
        rest.iter().position(|&b| b != b' ').and_then(|spaces| rest.get(spaces..)?.split_first_chunk());
    let Some((&[a, b, c], reason)) = status else { return false };
    [major, minor, a, b, c].iter().all(u8::is_ascii_digit) && matches!(reason, [] | [b' ', ..])
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
    fn an_odd_status_line_has_no_status_for_a_strict_client() {
        for (line, strict, meant) in [
            ("HTTP/1.2 404 no", 404, 404),
            ("HTTP/1.1 404", 404, 404),
            ("HTTP/1.1  200 ok", 200, 200),
            ("HTTP/1.1 \t200 ok", 0, 200),
            (" HTTP/1.1 200 ok", 0, 200),
            ("http/1.1 404 no", 0, 404),
            ("HTTP/1.1 2", 0, 0),
            ("HTTP/1.1 2000", 0, 0),
            ("HTTP/1.1\n 200 ok", 0, 0),
            ("HTTP/1.1", 0, 0),
        ] {
            let layout = read(Side::Response, format!("{line}\r\n\r\n").as_bytes()).unwrap();
            let read = (layout.start, layout.status_meant, layout.form);
            assert_eq!(read, (StartLine::Response { status: strict }, meant, Form::Refused), "{line:?}");
        }
    }
}
