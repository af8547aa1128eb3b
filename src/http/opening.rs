//! What a byte stream is, told from its first bytes.
//! It is given the start of what one side sends and says request, response, HTTP/2, TLS or something else.
//! It promises an answer within `LOOK_BYTES_MAX` bytes, and no HTTP where there is none: SMTP, SIP and RTSP look alike.

use memchr::memchr;

/// A method longer than this is no method; real ones end at 17 (`UPDATEREDIRECTREF`).
pub(super) const METHOD_BYTES_MAX: usize = 32;
/// With this many bytes and no end of line, only a well-known method still counts as a request.
pub(super) const LOOK_BYTES_MAX: usize = 2_048;

/// The HTTP/2 connection preface (RFC 9113 section 3.4) up to where it is unmistakable.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// The first bytes' meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// An HTTP/1 request line.
    Request,
    /// An HTTP/1 status line.
    Response,
    /// An HTTP/2 preface.
    Http2,
    /// What may be HTTP/2 frames; `h2` can tell.
    Frames,
    /// A TLS record.
    Tls,
    /// A SOCKS greeting: HTTP may come after it.
    Socks,
    /// Something else.
    Other,
    /// Too few bytes to say; more will tell.
    Short,
}

/// Tells what begins here.
pub(super) fn opening(bytes: &[u8]) -> Opening {
    let bytes = skip_newlines(bytes);
    let Some(&first) = bytes.first() else { return Opening::Short };
    match first {
        0x14..=0x17 => tls(bytes),
        0x80..=0xFF => hello_of_ssl2(bytes),
        4 | 5 => socks(bytes),
        // The length of a frame, in three bytes, begins with zero.
        0 => Opening::Frames,
        b'H' | b'h' if prefixed(bytes, b"HTTP/") => match bytes.get(5) {
            Some(b'0'..=b'9') => Opening::Response,
            Some(_) => Opening::Other,
            None => Opening::Short,
        },
        b'P' if agrees(bytes, HTTP2_PREFACE) => {
            if bytes.len() >= HTTP2_PREFACE.len() {
                Opening::Http2
            } else {
                Opening::Short
            }
        }
        _ if is_token(first) => request(bytes),
        _ => Opening::Other,
    }
}

/// Whether what may be a prefix of a message that a direction expects is still one.
pub(super) fn plausible(bytes: &[u8], response: bool) -> bool {
    match opening(bytes) {
        Opening::Short => true,
        Opening::Response => response,
        Opening::Request => !response,
        // `proto: HTTP/1.1` and the like never come from a server; junk is told early here.
        Opening::Http2 | Opening::Frames | Opening::Tls | Opening::Socks | Opening::Other => false,
    }
}

/// Whether bytes from the middle of a stream look like the start of a message, whole or at least well begun.
pub(super) fn promising(bytes: &[u8]) -> bool {
    match opening(bytes) {
        Opening::Request | Opening::Response => true,
        Opening::Short => {
            let known =
                [&b"HTTP/"[..], b"GET ", b"POST ", b"PUT ", b"HEAD ", b"DELETE ", b"PATCH ", b"OPTIONS "];
            known.iter().any(|start| agrees(bytes, start))
        }
        Opening::Http2 | Opening::Frames | Opening::Tls | Opening::Socks | Opening::Other => false,
    }
}

/// Whether a request line has no version: HTTP/0.9, whose whole request is this line.
pub(super) fn is_simple_request(line: &[u8]) -> bool {
    let Some(target) = line.strip_prefix(b"GET ") else { return false };
    target.first() == Some(&b'/') && target.iter().all(u8::is_ascii_graphic)
}

/// Skips the empty lines that may stand before a message (RFC 9112 section 2.2).
pub(super) fn skip_newlines(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or(&[])
}

/// Whether a byte may stand in a token (RFC 9110 section 5.6.2).
pub(super) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// A TLS record header: a known type, version 3.x, a length within the limit.
fn tls(bytes: &[u8]) -> Opening {
    match *bytes {
        [_, 3, 0..=4, high, ..] if high <= 0x48 => Opening::Tls,
        [_] | [_, 3] | [_, 3, 0..=4] => Opening::Short,
        _ => Opening::Other,
    }
}

/// Whether a TLS connection begins here for certain, as it may in the middle of another protocol (STARTTLS): a
/// handshake record with the beginning of a client's hello.
pub(super) fn is_client_hello(bytes: &[u8]) -> bool {
    let &[0x16, 3, 0..=4, high, low, 1, 0, length_high, length_low, 3, 0..=3, ..] = bytes else {
        return false;
    };
    let (record, message) = (u16::from_be_bytes([high, low]), u16::from_be_bytes([length_high, length_low]));
    // Version, random, and at least one cipher suite; a long hello goes on in the next record.
    (45..=0x4000).contains(&record) && message >= 41 && record <= message.saturating_add(4)
}

/// A client's hello in the form of SSL 2 (RFC 5246 appendix E.2), whose four lengths must add up.
fn hello_of_ssl2(bytes: &[u8]) -> Opening {
    let (Some((&[high, low, 1, major, minor], rest)), true) = (bytes.split_first_chunk(), bytes.len() >= 11)
    else {
        let is_beginning = matches!(bytes, [_] | [_, _] | [_, _, 1, ..]) && bytes.len() < 11;
        return if is_beginning { Opening::Short } else { Opening::Other };
    };
    let length = usize::from(u16::from_be_bytes([high & 0x7F, low]));
    let word =
        |at: usize| rest.get(at..at + 2).map_or(0, |two| usize::from(two[0]) << 8 | usize::from(two[1]));
    let [ciphers, session, challenge] = [0, 2, 4].map(word);
    let is_version = matches!((major, minor), (0, 2) | (3, 0..=3));
    let is_hello = is_version
        && ciphers > 0
        && ciphers.is_multiple_of(3)
        && matches!(session, 0 | 16)
        && (16..=32).contains(&challenge)
        && length == 9 + ciphers + session + challenge;
    if is_hello { Opening::Tls } else { Opening::Other }
}

/// SOCKS 4: version and CONNECT, port, address. SOCKS 5 (RFC 1928 section 3): version and a list of methods.
fn socks(bytes: &[u8]) -> Opening {
    match *bytes {
        [4, 1, _, _, _, _, _, _, ..] => Opening::Socks,
        [5, methods @ 1..=9, ref list @ ..] if list.len() == usize::from(methods) => Opening::Socks,
        [4 | 5] | [4, 1, ..] => Opening::Short,
        [5, methods @ 1..=9, ref list @ ..] if list.len() < usize::from(methods) => Opening::Short,
        _ => Opening::Other,
    }
}

/// `method SP target SP HTTP/x.y`, or the one line of HTTP/0.9.
fn request(bytes: &[u8]) -> Opening {
    let window = bytes.get(..METHOD_BYTES_MAX + 1).unwrap_or(bytes);
    let Some(method_len) = window.iter().position(|&b| !is_token(b)) else {
        return if bytes.len() > METHOD_BYTES_MAX { Opening::Other } else { Opening::Short };
    };
    let (method, rest) = bytes.split_at(method_len);
    if !matches!(rest.first(), Some(b' ' | b'\t')) {
        return Opening::Other;
    }
    let known = is_known(method);
    if let Some(end) = memchr(b'\n', rest) {
        let line = rest.get(..end).unwrap_or(rest);
        let whole = bytes.get(..method_len + end).unwrap_or(bytes);
        let simple = is_simple_request(whole.strip_suffix(b"\r").unwrap_or(whole));
        return if has_version(line) || simple { Opening::Request } else { Opening::Other };
    }
    let text = rest.iter().take(LOOK_BYTES_MAX).all(|&b| b >= b' ' || matches!(b, b'\t' | b'\r'));
    match (known, bytes.len() > LOOK_BYTES_MAX) {
        (true, true) => Opening::Request,
        (true, false) => Opening::Short,
        (false, false) if text => Opening::Short,
        (false, _) => Opening::Other,
    }
}

/// Whether a request line's rest ends in an HTTP/1 (or older) version after a target.
fn has_version(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii();
    let Some(blank) = rest.iter().rposition(|b| matches!(b, b' ' | b'\t')) else { return false };
    let (target, version) = rest.split_at(blank);
    let version = version.trim_ascii();
    !target.trim_ascii().is_empty()
        && prefixed(version, b"HTTP/")
        && version.len() > 5
        && version.get(5..).is_some_and(|v| v.iter().all(|b| b.is_ascii_digit() || *b == b'.'))
        && version.get(5) != Some(&b'2')
}

/// The methods that a first line is believed to be without having seen its end.
fn is_known(method: &[u8]) -> bool {
    matches!(
        method,
        b"GET"
            | b"POST"
            | b"PUT"
            | b"HEAD"
            | b"DELETE"
            | b"PATCH"
            | b"OPTIONS"
            | b"CONNECT"
            | b"TRACE"
            | b"PROPFIND"
    )
}

/// Whether `bytes` starts with `prefix` in any case, as far as there are bytes.
fn prefixed(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes.iter().zip(prefix).all(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// Whether the two agree as far as the shorter one goes, in the same case.
fn agrees(bytes: &[u8], preface: &[u8]) -> bool {
    bytes.iter().zip(preface).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_told_from_its_look_alikes() {
        let cases: &[(&[u8], Opening)] = &[
            (b"GET / HTTP/1.1\r\n", Opening::Request),
            (b"\r\n\r\nGET / HTTP/1.1\r\n", Opening::Request),
            (b"WEIRD /x HTTP/1.0\n", Opening::Request),
            (b"GET /old\r\n", Opening::Request),
            (b"HTTP/1.1 200 OK", Opening::Response),
            (b"PRI * HTTP/2.0\r\n\r\nSM", Opening::Http2),
            (b"\x16\x03\x01\x02\x00\x01", Opening::Tls),
            (b"EHLO mail.example.com\r\n", Opening::Other),
            (b"220 mail.example.com ESMTP\r\n", Opening::Other),
            (b"REGISTER sip:example.com SIP/2.0\r\n", Opening::Other),
            (b"OPTIONS rtsp://cam/1 RTSP/1.0\r\n", Opening::Other),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Opening::Other),
            (b"HTTPS is not a version\r\n", Opening::Other),
            (b"GET", Opening::Short),
            (b"GET /half", Opening::Short),
            (b"HTT", Opening::Short),
            (b"PRI * HTT", Opening::Short),
            (b"\x00\x01binary", Opening::Frames),
            (b"\x16\x03", Opening::Short),
            (b"\x80\x1c\x01\x03\x00\x00\x03\x00\x00\x00\x10\x00\x00\x05", Opening::Tls),
            (b"\x80\x1d\x01\x03\x00\x00\x03\x00\x00\x00\x10\x00\x00\x05", Opening::Other),
            (b"\x80\x1c\x01", Opening::Short),
            (b"\x80\x1c\x04\x03", Opening::Other),
            (b"\x16\x04\x00", Opening::Other),
            (b"\x05\x02\x00\x02", Opening::Socks),
            (b"\x04\x01\x00\x50\x0a\x00\x00\x01\x00", Opening::Socks),
            (b"\x05\x20\x00\x02", Opening::Other),
        ];
        for (bytes, expected) in cases {
            assert_eq!(opening(bytes), *expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_method_of_33_bytes_is_junk_and_one_of_32_is_not() {
        for (len, expected) in [(32, Opening::Request), (33, Opening::Other)] {
            let line = [vec![b'M'; len], b" / HTTP/1.1\r\n".to_vec()].concat();
            assert_eq!(opening(&line), expected, "{len}");
        }
    }

    #[test]
    fn a_url_without_end_is_a_request_only_with_a_known_method() {
        let long = |method: &str| [method.as_bytes(), b" /", &vec![b'a'; LOOK_BYTES_MAX]].concat();
        assert_eq!(opening(&long("GET")), Opening::Request);
        assert_eq!(opening(&long("WEIRD")), Opening::Other);
    }
}
