//! Chunked bodies (RFC 9112 section 7.1), resumable at every byte.
//! It is given body bytes as they come and gives the data without the chunk lines.
//! It promises checked sizes, and to tell whatever strict readers may read in another way.
//!
//! ```text
//! Size ──"1f;ext\r\n"──> Data ──all──> DataEnd ──"\r\n"──> Size
//!   └───"0\r\n"──> Trailer ──empty line──> end
//! ```

use super::Config;
use heelguard_detectors::anomaly::Anomaly;

/// More digits than any size needs; what exceeds them is leading zeros.
const DIGITS_MAX: u32 = 16;
/// No body is this long; larger sizes are made to overflow somebody's arithmetic.
const SIZE_MAX: u64 = 1 << 62;

/// A decoder's state.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    /// Bytes of the current size line, or of the trailer section.
    line: u32,
    /// The byte before, within a line.
    last: u8,
    /// Something a strict reader refuses was tolerated.
    odd: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size { value: u64, digits: u32, closed: bool },
    Data { remaining: u64 },
    DataEnd,
    Trailer { content: bool },
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Body bytes.
    Data(&'a [u8]),
    /// The body ended.
    End,
    /// This is no chunked body.
    Broken(Anomaly),
}

impl Chunked {
    /// Before the first chunk.
    pub(super) fn new() -> Self {
        Self { state: NEXT_SIZE, line: 0, last: 0, odd: false }
    }

    /// Whether something was tolerated that a strict reader refuses.
    pub(super) fn is_odd(&self) -> bool {
        self.odd
    }

    /// Takes bytes from `rest`; `None` when it needs more.
    pub(super) fn step<'a>(&mut self, rest: &mut &'a [u8], config: &Config) -> Option<Piece<'a>> {
        loop {
            if let State::Data { remaining } = &mut self.state {
                let len = usize::try_from(*remaining).unwrap_or(usize::MAX).min(rest.len());
                let (data, left) = rest.split_at_checked(len)?;
                *remaining -= len as u64;
                *rest = left;
                if *remaining == 0 {
                    self.state = State::DataEnd;
                    self.last = 0;
                }
                return (len > 0).then_some(Piece::Data(data));
            }
            let (&byte, left) = rest.split_first()?;
            *rest = left;
            match self.line_byte(byte, config) {
                Ok(false) => self.last = byte,
                Ok(true) => return Some(Piece::End),
                Err(anomaly) => return Some(Piece::Broken(anomaly)),
            }
        }
    }

    /// Jumps over bytes that were not seen; `false` when they were more than data.
    pub(super) fn skip(&mut self, missing: u64) -> bool {
        let State::Data { remaining } = &mut self.state else { return false };
        let Some(left) = remaining.checked_sub(missing) else { return false };
        *remaining = left;
        if left == 0 {
            self.state = State::DataEnd;
            self.last = 0;
        }
        true
    }

    /// One byte outside of data; `true` at the body's end.
    fn line_byte(&mut self, byte: u8, config: &Config) -> Result<bool, Anomaly> {
        self.line = self.line.saturating_add(1);
        match &mut self.state {
            State::Size { .. } if self.line as usize > config.chunk_line_bytes_max => {
                Err(Anomaly::Http1FramingConflict)
            }
            State::Trailer { .. } if self.line as usize > config.trailer_bytes_max => {
                Err(Anomaly::Http1HeaderLimit)
            }
            State::Size { value, digits, closed } => {
                let (value, digits, closed) = (*value, *digits, *closed);
                self.size_byte(byte, value, digits, closed).map(|()| false)
            }
            State::DataEnd => {
                match byte {
                    b'\r' if self.last != b'\r' => {}
                    b'\n' => {
                        self.odd |= self.last != b'\r';
                        self.begin(NEXT_SIZE);
                    }
                    _ => return Err(Anomaly::Http1FramingConflict),
                }
                Ok(false)
            }
            State::Trailer { content } => {
                match byte {
                    b'\n' => {
                        self.odd |= self.last != b'\r';
                        if !std::mem::take(content) {
                            return Ok(true);
                        }
                    }
                    b'\r' if self.last != b'\r' => {}
                    _ => *content = true,
                }
                Ok(false)
            }
            State::Data { .. } => Ok(false),
        }
    }

    /// One byte of a size line. `closed` says that the digits are over.
    fn size_byte(&mut self, byte: u8, value: u64, digits: u32, closed: bool) -> Result<(), Anomaly> {
        if self.last == b'\r' && byte != b'\n' {
            // A bare CR ends the line for some readers.
            if !closed {
                return Err(Anomaly::Http1FramingConflict);
            }
            self.odd = true;
        }
        let digit = (byte as char).to_digit(16);
        self.state = match (byte, digit) {
            (b'\n', _) => {
                if digits == 0 {
                    return Err(Anomaly::Http1FramingConflict);
                }
                self.odd |= self.last != b'\r';
                self.begin(if value == 0 {
                    State::Trailer { content: false }
                } else {
                    State::Data { remaining: value }
                });
                return Ok(());
            }
            _ if closed => State::Size { value, digits, closed },
            (b'\r', _) => State::Size { value, digits, closed },
            (_, Some(digit)) => {
                let value = value.checked_mul(16).map(|v| v | u64::from(digit)).filter(|v| *v < SIZE_MAX);
                self.odd |= digits >= DIGITS_MAX;
                let Some(value) = value else { return Err(Anomaly::Http1FramingConflict) };
                State::Size { value, digits: digits + 1, closed }
            }
            (b';', _) if digits > 0 => State::Size { value, digits, closed: true },
            (b' ' | b'\t', _) => {
                self.odd = true;
                State::Size { value, digits, closed: digits > 0 }
            }
            _ => return Err(Anomaly::Http1FramingConflict),
        };
        Ok(())
    }

    fn begin(&mut self, state: State) {
        self.state = state;
        self.line = 0;
        self.last = 0;
    }
}

const NEXT_SIZE: State = State::Size { value: 0, digits: 0, closed: false };

#[cfg(test)]
mod tests {
    use super::*;

    /// The data, and how it ended: `end`, `odd end`, `more` or the anomaly.
    fn decode(pieces: &[&[u8]]) -> (String, String) {
        let (mut chunked, config, mut out) = (Chunked::new(), Config::default(), Vec::new());
        for mut rest in pieces.iter().copied() {
            while let Some(piece) = chunked.step(&mut rest, &config) {
                match piece {
                    Piece::Data(data) => out.extend_from_slice(data),
                    Piece::End => {
                        let end = if chunked.is_odd() { "odd end" } else { "end" };
                        return (String::from_utf8(out).unwrap(), format!("{end}, {} left", rest.len()));
                    }
                    Piece::Broken(anomaly) => {
                        return (String::from_utf8(out).unwrap(), anomaly.name().to_owned());
                    }
                }
            }
        }
        (String::from_utf8(out).unwrap(), "more".to_owned())
    }

    #[test]
    fn lawful_oddities_pass() {
        for body in [
            "5\r\nhello\r\n0\r\n\r\n",
            "0005;name=\"quoted; value\"\r\nhello\r\n0;last\r\n\r\n",
            "2\r\nhe\r\n3\r\nllo\r\n000\r\nAuthorization: trailer\r\nX: y\r\n\r\n",
        ] {
            assert_eq!(
                decode(&[body.as_bytes(), b"next"]),
                ("hello".into(), "end, 0 left".into()),
                "{body:?}"
            );
            let single: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
            assert_eq!(decode(&single), ("hello".into(), "end, 0 left".into()), "{body:?} by bytes");
        }
    }

    #[test]
    fn what_readers_disagree_about_is_odd() {
        for body in [
            "5\nhello\r\n0\r\n\r\n",
            "5 \r\nhello\r\n0\r\n\r\n",
            " 5\r\nhello\r\n0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhello\r\n0\n\n",
            "5;a\rb\r\nhello\r\n0\r\n\r\n",
            "00000000000000000005\r\nhello\r\n0\r\n\r\n",
        ] {
            assert_eq!(decode(&[body.as_bytes()]), ("hello".into(), "odd end, 0 left".into()), "{body:?}");
        }
    }

    #[test]
    fn sizes_that_are_none_break_the_body() {
        for size in ["ffffffffffffffff", "8000000000000000", "-1", "0x5", "", "+5", "5\r5", "g", ";ext"] {
            let body = format!("{size}\r\nhello\r\n0\r\n\r\n");
            assert_eq!(decode(&[body.as_bytes()]).1, "http1.framing_conflict", "{size:?}");
        }
        let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "e".repeat(65_536));
        assert_eq!(decode(&[long.as_bytes()]).1, "http1.framing_conflict");
        let trailers = format!("0\r\n{}\r\n", "A: b\r\n".repeat(20_000));
        assert_eq!(decode(&[trailers.as_bytes()]).1, "http1.header_limit");
    }

    #[test]
    fn a_gap_inside_a_chunk_is_bridged_and_no_other() {
        let mut chunked = Chunked::new();
        let mut rest: &[u8] = b"a\r\n01";
        assert_eq!(chunked.step(&mut rest, &Config::default()), Some(Piece::Data(b"01")));
        assert!(!chunked.skip(9));
        assert!(chunked.skip(8));
        let mut rest: &[u8] = b"\r\n0\r\n\r\n";
        assert_eq!(chunked.step(&mut rest, &Config::default()), Some(Piece::End));
        assert!(!Chunked::new().skip(1));
    }
}
