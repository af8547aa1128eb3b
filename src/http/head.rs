//! Message heads: finding their end and reading their lines.
//! It is given the bytes from a start line on and gives a `Layout`: the start line and header ranges.
//! Plain heads are read by `plain`, other strict ones by `httparse`; what that refuses goes to `lenient`, so that
//! no evading header is lost.

use super::{Header, Side, StartLine, lenient, plain};
use memchr::memchr_iter;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Header lines for which there is room on the stack; more are parsed again with the full limit.
const USUAL_LINES: usize = 64;

/// Where things stand in a head.
#[derive(Debug)]
pub(super) struct Layout {
    /// Bytes of the head, the empty line included.
    pub(super) len: usize,
    /// The start line.
    pub(super) start: StartLine,
    /// Every header line.
    pub(super) headers: Vec<Header>,
    /// The minor version: 0 for HTTP/1.0 and older, 1 for all others.
    pub(super) minor: u8,
    /// The status that a tolerant client reads: framing follows it even where a strict one sees no status.
    /// 0 in a request.
    pub(super) status_meant: u16,
    /// Whether RFC 9112 allows the head as it is.
    pub(super) form: Form,
}

/// How well a head is formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// By the book.
    Strict,
    /// Lines that end in LF alone, which a recipient may take (RFC 9112 section 2.2).
    BareLf,
    /// What a strict server answers with 400.
    Refused,
}

/// What a strict look at the bytes says.
#[derive(Debug)]
pub(super) enum Strict {
    /// A whole head.
    Whole(Layout),
    /// So far no fault, and no end.
    Partial,
    /// Not well-formed; the lenient reader may still understand it.
    Refused,
    /// More header lines than the limit.
    TooManyLines,
}

/// Reads a head by the book.
#[inline]
pub(super) fn strict(side: Side, bytes: &[u8], lines_max: usize) -> Strict {
    plain::read(side, bytes, lines_max).unwrap_or_else(|| thorough(side, bytes, lines_max))
}

/// The same, whatever the head looks like.
#[cold]
#[inline(never)]
pub(super) fn thorough(side: Side, bytes: &[u8], lines_max: usize) -> Strict {
    let mut slots = [const { MaybeUninit::uninit() }; USUAL_LINES];
    let usual = slots.get_mut(..lines_max.min(USUAL_LINES)).unwrap_or(&mut []);
    match strict_within(side, bytes, usual) {
        Strict::TooManyLines if lines_max > USUAL_LINES => {
            strict_within(side, bytes, &mut vec![MaybeUninit::uninit(); lines_max])
        }
        outcome => outcome,
    }
}

/// Reads a whole head (up to its empty line) as tolerant servers would; `None` when it is no HTTP.
pub(super) fn tolerant(side: Side, head: &[u8]) -> Option<Layout> {
    lenient::read(side, head)
}

/// The length of the head at the start of `bytes`: up to and with the first empty line.
/// `scanned` bytes are known to hold no end.
pub(super) fn end(side: Side, bytes: &[u8], scanned: usize) -> Option<usize> {
    // An end may begin up to three bytes before what was scanned: `\n\r\r` and now `\n`.
    let from = scanned.saturating_sub(3);
    let tail = bytes.get(from..)?;
    memchr_iter(b'\n', tail).map(|at| from + at).find_map(|at| match bytes.get(at + 1..)? {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        // Clients take this for an empty line as well. Servers differ, and a header may hide behind it.
        [b'\r', b'\r', b'\n', ..] if side == Side::Response => Some(at + 4),
        _ => None,
    })
}

/// Where `part` stands in `whole`, of which it is a slice.
pub(super) fn range_of(whole: &[u8], part: &[u8]) -> Range<u32> {
    let start = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    start as u32..(start + part.len()) as u32
}

fn strict_within<'b>(side: Side, bytes: &'b [u8], slots: &mut [MaybeUninit<httparse::Header<'b>>]) -> Strict {
    match side {
        Side::Request => {
            let mut head = httparse::Request::new(&mut []);
            let outcome = head.parse_with_uninit_headers(bytes, slots);
            let (Some(method), Some(target)) = (head.method, head.path) else {
                return start_refused(outcome);
            };
            let start = StartLine::Request {
                method: range_of(bytes, method.as_bytes()),
                target: range_of(bytes, target.as_bytes()),
            };
            layout(bytes, outcome, start, head.headers, head.version)
        }
        Side::Response => {
            let mut head = httparse::Response::new(&mut []);
            let outcome =
                httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut head, bytes, slots);
            let Some(status) = head.code else { return start_refused(outcome) };
            layout(bytes, outcome, StartLine::Response { status }, head.headers, head.version)
        }
    }
}

fn start_refused(outcome: httparse::Result<usize>) -> Strict {
    if matches!(outcome, Ok(httparse::Status::Partial)) { Strict::Partial } else { Strict::Refused }
}

fn layout(
    bytes: &[u8],
    outcome: httparse::Result<usize>,
    start: StartLine,
    lines: &[httparse::Header<'_>],
    version: Option<u8>,
) -> Strict {
    let len = match outcome {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Strict::Partial,
        Err(httparse::Error::TooManyHeaders) => return Strict::TooManyLines,
        Err(_) => return Strict::Refused,
    };
    let mut headers = Vec::with_capacity(lines.len());
    // `httparse` takes a bare LF for a line's end. Not every server does: it must not pass unseen.
    let mut crlf = bytes.get(..len).is_some_and(|head| head.ends_with(b"\r\n\r\n"));
    for line in lines {
        let name = range_of(bytes, line.name.as_bytes());
        crlf &= bytes.get(..name.start as usize).is_some_and(|before| before.ends_with(b"\r\n"));
        headers.push(Header { name, value: range_of(bytes, line.value) });
    }
    let method_fits = match &start {
        StartLine::Request { method, .. } => method.len() <= super::opening::METHOD_BYTES_MAX,
        StartLine::Response { .. } => true,
    };
    let status_meant = match start {
        StartLine::Request { .. } => 0,
        StartLine::Response { status } => status,
    };
    if !method_fits {
        return Strict::Refused;
    }
    Strict::Whole(Layout {
        len,
        start,
        headers,
        minor: version.unwrap_or(1),
        status_meant,
        form: if crlf { Form::Strict } else { Form::BareLf },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_wherever_the_pieces_were_cut() {
        let heads: &[&[u8]] =
            &[b"a\r\n\r\nrest", b"a\nb\n\nrest", b"a\r\n\nrest", b"a\n\r\nrest", b"a\n\r\r\nrest"];
        for bytes in heads {
            let end = |bytes, scanned| end(Side::Response, bytes, scanned);
            let whole = end(bytes, 0).unwrap();
            for scanned in 0..whole {
                assert_eq!(end(bytes, scanned), Some(whole), "{} from {scanned}", bytes.escape_ascii());
                assert_eq!(end(&bytes[..scanned], 0), None, "{} cut at {scanned}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn two_returns_end_a_head_for_clients_and_may_hide_a_header_from_a_server() {
        let bytes = b"GET / HTTP/1.1\n\r\r\nAuthorization: x\r\n\r\n";
        assert_eq!(end(Side::Request, bytes, 0), Some(bytes.len()));
        assert_eq!(end(Side::Response, bytes, 0), Some(18));
    }

    #[test]
    fn a_bare_line_feed_is_read_but_not_well_formed() {
        let read = |bytes: &[u8]| match strict(Side::Request, bytes, 100) {
            Strict::Whole(layout) => (layout.headers.len(), layout.form == Form::Strict),
            other => panic!("{other:?}"),
        };
        assert_eq!(read(b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\r\n"), (2, true));
        assert_eq!(read(b"GET / HTTP/1.1\nHost: a\r\nX: b\r\n\r\n"), (2, false));
        assert_eq!(read(b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"), (2, false));
        assert_eq!(read(b"GET / HTTP/1.1\r\nHost: a\r\nX: b\n\r\n"), (2, false));
        assert_eq!(read(b"GET / HTTP/1.1\n\n"), (0, false));
    }

    #[test]
    fn lines_are_counted_up_to_the_limit() {
        let head = |lines: usize| {
            [b"GET / HTTP/1.1\r\n".to_vec(), b"A: b\r\n".repeat(lines), b"\r\n".to_vec()].concat()
        };
        assert!(matches!(strict(Side::Request, &head(100), 100), Strict::Whole(l) if l.headers.len() == 100));
        assert!(matches!(strict(Side::Request, &head(101), 100), Strict::TooManyLines));
    }
}
