//! How long a message's body is (RFC 9112 section 6), and what else its header lines say to the parser.
//! It is given a head and gives `Facts`, then a `Length`; it looks at each header line once.
//! It promises the RFC's reading where there is one, and tells when a second reading is possible.

use super::{Header, Message};

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// After this many bytes.
    Sized(u64),
    /// With the last chunk and its trailers.
    Chunked,
    /// With the connection.
    UntilClose,
    /// Nobody can say: servers refuse such a request, clients such a response.
    Undecided,
}

/// What a body's length was read from, and whether it can be read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Framing {
    /// Where the body ends.
    pub(super) length: Length,
    /// Whether another reader may see another end.
    pub(super) conflict: bool,
}

/// What the request says about the form of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// An ordinary answer.
    Ordinary,
    /// No body (HEAD).
    NoBody,
    /// A tunnel on success (CONNECT).
    Tunnel,
    /// Perhaps another protocol (Upgrade).
    Upgrade,
}

/// The header values that matter here.
#[derive(Debug, Default)]
pub(super) struct Facts<'a> {
    /// The first Host.
    pub(super) host: Option<&'a [u8]>,
    /// The first Content-Type.
    pub(super) content_type: Option<&'a [u8]>,
    /// There is an Upgrade header.
    pub(super) upgrade: bool,
    content_length: ContentLength,
    codings: Codings,
    /// A framing header is repeated, listed or hidden.
    untidy: bool,
}

/// All Content-Length lines together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ContentLength {
    #[default]
    Absent,
    Valid(u64),
    Invalid,
}

/// All Transfer-Encoding lines together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Codings {
    #[default]
    Absent,
    /// The last coding is chunked.
    Chunked,
    /// Something else.
    Other,
}

impl<'a> Facts<'a> {
    /// Reads the header lines of a head.
    pub(super) fn of(message: &'a Message) -> Self {
        let mut facts = Self::default();
        for header in &message.headers {
            let name = message.slice(&header.name);
            match name.len() {
                4 if name.eq_ignore_ascii_case(b"host") && facts.host.is_none() => {
                    facts.host = Some(message.slice(&header.value));
                }
                7 if name.eq_ignore_ascii_case(b"upgrade") => facts.upgrade = true,
                12 if name.eq_ignore_ascii_case(b"content-type") && facts.content_type.is_none() => {
                    facts.content_type = Some(message.slice(&header.value));
                }
                14 if name.eq_ignore_ascii_case(b"content-length") => {
                    facts.untidy |= !is_tidy(&message.head, header);
                    facts.content_length(message.slice(&header.value));
                }
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                    facts.untidy |= !is_tidy(&message.head, header);
                    facts.transfer_encoding(message.slice(&header.value));
                }
                _ => {}
            }
        }
        facts
    }

    /// Where a request's body ends; `minor` is 0 for HTTP/1.0.
    pub(super) fn request_framing(&self, minor: u8) -> Framing {
        let conflict = self.conflict(minor);
        let length = match (self.codings, self.content_length) {
            (Codings::Chunked, _) => Length::Chunked,
            (_, ContentLength::Valid(bytes)) => Length::Sized(bytes),
            (Codings::Absent, ContentLength::Absent) => Length::Sized(0),
            (Codings::Other, _) | (_, ContentLength::Invalid) => Length::Undecided,
        };
        Framing { length, conflict }
    }

    /// Where the body of a final response ends.
    pub(super) fn response_framing(&self, minor: u8, status: u16, expect: Expect) -> Framing {
        let tunnel = expect == Expect::Tunnel && (200..300).contains(&status);
        if tunnel || expect == Expect::NoBody || matches!(status, 101 | 204 | 304) {
            return Framing { length: Length::Sized(0), conflict: false };
        }
        let conflict = self.conflict(minor);
        let length = match (self.codings, self.content_length) {
            (Codings::Chunked, _) => Length::Chunked,
            (_, ContentLength::Valid(bytes)) => Length::Sized(bytes),
            (_, ContentLength::Invalid) => Length::Undecided,
            (_, ContentLength::Absent) => Length::UntilClose,
        };
        Framing { length, conflict }
    }

    /// Whether two careful readers could disagree about the end (RFC 9112 section 6.3, items 3 to 5).
    fn conflict(&self, minor: u8) -> bool {
        let both = self.codings != Codings::Absent && self.content_length != ContentLength::Absent;
        let old = self.codings != Codings::Absent && minor == 0;
        self.untidy
            || both
            || old
            || self.codings == Codings::Other
            || self.content_length == ContentLength::Invalid
    }

    fn content_length(&mut self, value: &[u8]) {
        if self.content_length == ContentLength::Absent
            && let Some(bytes) = parse_decimal(value)
        {
            self.content_length = ContentLength::Valid(bytes);
            return;
        }
        for number in value.split(|&b| b == b',') {
            let number = parse_decimal(number.trim_ascii());
            // A repeated, equal length is understood by all who accept it, and refused by some.
            self.untidy |= self.content_length != ContentLength::Absent;
            self.content_length = match (self.content_length, number) {
                (ContentLength::Absent, Some(n)) => ContentLength::Valid(n),
                (ContentLength::Valid(old), Some(new)) if old == new => ContentLength::Valid(old),
                _ => ContentLength::Invalid,
            };
        }
    }

    fn transfer_encoding(&mut self, value: &[u8]) {
        for coding in value.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|c| !c.is_empty()) {
            // Chunked twice, or anything after chunked, is forbidden.
            self.untidy |= self.codings == Codings::Chunked;
            self.codings =
                if coding.eq_ignore_ascii_case(b"chunked") { Codings::Chunked } else { Codings::Other };
        }
        if self.codings == Codings::Absent {
            self.codings = Codings::Other;
        }
    }
}

/// Whether a header line looks as it must: the name at the line's start, the colon behind it, blanks, the value, the line's end.
/// A bare LF before it is a line's end to some and part of the value before to others.
fn is_tidy(head: &[u8], header: &Header) -> bool {
    let at = |from: u32, to: u32| head.get(from as usize..to as usize).unwrap_or(&[]);
    let before = head.get(..header.name.start as usize).unwrap_or(&[]);
    let between = at(header.name.end, header.value.start);
    let behind = head.get(header.value.end as usize);
    before.ends_with(b"\r\n")
        && between.first() == Some(&b':')
        && between.iter().skip(1).all(|b| matches!(b, b' ' | b'\t'))
        && matches!(behind, Some(b'\r' | b'\n' | b' ' | b'\t'))
        && !at(header.value.start, header.value.end).iter().any(u8::is_ascii_control)
}

/// Digits only: no sign, no blank, no overflow.
fn parse_decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Body, Side, StartLine, head};
    use super::*;
    use heelguard_detectors::time::EventTime;

    fn message(side: Side, lines: &str) -> (Message, u8) {
        let first = if side == Side::Request { "POST / HTTP/1.1" } else { "HTTP/1.1 200 OK" };
        let bytes = format!("{first}\r\n{lines}\r\n\r\n").into_bytes();
        let layout = match head::strict(side, &bytes, 100) {
            head::Strict::Whole(layout) => layout,
            _ => head::tolerant(side, &bytes).unwrap(),
        };
        let (minor, start, headers) = (layout.minor, layout.start, layout.headers);
        let at = EventTime::ZERO;
        let (trailers, body) = (Vec::new(), Body::default());
        (Message { head: bytes, start, headers, trailers, first_byte: at, last_byte: at, body }, minor)
    }

    fn request(lines: &str) -> (Length, bool) {
        let (message, minor) = message(Side::Request, lines);
        let framing = Facts::of(&message).request_framing(minor);
        (framing.length, framing.conflict)
    }

    #[test]
    fn request_lengths_and_their_conflicts() {
        let cases = [
            ("A: b", Length::Sized(0), false),
            ("Content-Length: 5", Length::Sized(5), false),
            ("transfer-encoding: Chunked", Length::Chunked, false),
            ("Transfer-Encoding: gzip, chunked", Length::Chunked, false),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked", Length::Chunked, true),
            ("Content-Length: 5\r\nContent-Length: 5", Length::Sized(5), true),
            ("Content-Length: 5, 5", Length::Sized(5), true),
            ("Content-Length: 5\r\nContent-Length: 6", Length::Undecided, true),
            ("Content-Length: +5", Length::Undecided, true),
            ("Content-Length: 5 5", Length::Undecided, true),
            ("Content-Length:", Length::Undecided, true),
            ("Content-Length: 18446744073709551616", Length::Undecided, true),
            ("Transfer-Encoding : chunked", Length::Chunked, true),
            ("Transfer-Encoding:\u{b}chunked", Length::Chunked, true),
            ("Transfer-Encoding: chunked\0", Length::Chunked, true),
            ("Transfer-Encoding: xchunked", Length::Undecided, true),
            ("Transfer-Encoding: chunked, identity", Length::Undecided, true),
            ("Transfer-Encoding: chunked, chunked", Length::Chunked, true),
            ("Transfer-Encoding: identity\r\nContent-Length: 5", Length::Sized(5), true),
        ];
        for (lines, length, conflict) in cases {
            assert_eq!(request(lines), (length, conflict), "{lines:?}");
        }
    }

    #[test]
    fn some_answers_have_no_body_whatever_they_say() {
        let (message, minor) = message(Side::Response, "Content-Length: 5");
        let facts = Facts::of(&message);
        let length = |status, expect| facts.response_framing(minor, status, expect).length;
        assert_eq!(length(200, Expect::Ordinary), Length::Sized(5));
        assert_eq!(length(200, Expect::NoBody), Length::Sized(0));
        assert_eq!(length(204, Expect::Ordinary), Length::Sized(0));
        assert_eq!(length(304, Expect::Ordinary), Length::Sized(0));
        assert_eq!(length(200, Expect::Tunnel), Length::Sized(0));
        assert_eq!(length(407, Expect::Tunnel), Length::Sized(5));
        assert!(matches!(message.start, StartLine::Response { status: 200 }));
    }
}
