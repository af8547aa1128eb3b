//! One direction's record layer (RFC 8446 section 5.1): where records begin and end.
//! It is given bytes in any portions and gives headers and parts of bodies, without copying a body.
//! It promises to know its place for as long as that is certain: a loss inside a record of known length is bridged.

use super::wire::Cursor;

/// A record holds 2^14 bytes, and a cipher may add 2,048 (RFC 5246 section 6.2.3).
const BODY_BYTES_MAX: u16 = (1 << 14) + 2048;
/// Records without a byte in them, one after the other: OpenSSL gives up at as many.
const EMPTY_MAX: u8 = 32;
const HEADER_BYTES: usize = 5;

/// Change cipher spec.
pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
/// Handshake messages.
pub(super) const HANDSHAKE: u8 = 22;
/// What the application says; in TLS 1.3 anything that is protected.
pub(super) const APPLICATION: u8 = 23;
/// Heartbeats (RFC 6520).
const HEARTBEAT: u8 = 24;
/// Not a type of the wire: a hello in the form of SSL 2 (RFC 5246 appendix E.2).
pub(super) const SSL2_HELLO: u8 = 0x80;

/// The header of a record: type, version, length.
pub(super) type Header = [u8; HEADER_BYTES];

/// Where a direction stands.
///
/// ```text
/// Header ── five bytes ──▶ Body ── the last byte of the body ──▶ Header
///    └────────── bytes that are lost beyond a record's end, or nonsense ──▶ Lost
/// ```
#[derive(Debug)]
enum Place {
    /// In a header, of which so many bytes were read.
    Header(u8),
    /// In a body, of which so many bytes are to come.
    Body(u16),
    /// Nobody can say where the next record begins.
    Lost,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Records {
    header: Header,
    place: Place,
    /// A hello of SSL 2 may only be the first thing that a client says.
    fresh: bool,
    /// Records without a byte in them since the last one that had some.
    empty: u8,
}

/// A piece of a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'b> {
    /// A part of a body.
    Part {
        /// The header of the record.
        header: Header,
        /// The bytes, in order.
        bytes: &'b [u8],
        /// Whether the body begins with them.
        first: bool,
        /// Whether it ends with them.
        last: bool,
    },
    /// No record begins like this: the rest of the direction cannot be read.
    Malformed,
}

impl Records {
    pub(super) fn new() -> Self {
        Self { header: [0; HEADER_BYTES], place: Place::Header(0), fresh: true, empty: 0 }
    }

    /// Whether it is known where the next byte belongs.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.place, Place::Lost)
    }

    /// Reads no further.
    pub(super) fn give_up(&mut self) {
        self.place = Place::Lost;
    }

    /// The next piece; takes what it was read from off the front of `bytes`. `None`: more is needed.
    pub(super) fn next<'b>(&mut self, bytes: &mut &'b [u8]) -> Option<Piece<'b>> {
        let left = match self.place {
            Place::Lost => {
                *bytes = &[];
                return None;
            }
            Place::Body(left) => left,
            Place::Header(read) => match self.header(read, bytes)? {
                Begun::Body(left) => return Some(self.part(left, bytes, true)),
                Begun::Nonsense => {
                    self.place = Place::Lost;
                    return Some(Piece::Malformed);
                }
            },
        };
        if bytes.is_empty() { None } else { Some(self.part(left, bytes, false)) }
    }

    /// So many bytes will not come. Whether it is still known where the next record begins.
    pub(super) fn gap(&mut self, missing: u64) -> bool {
        self.place = match self.place {
            Place::Body(left) if missing < u64::from(left) => {
                Place::Body(left.saturating_sub(u16::try_from(missing).unwrap_or(u16::MAX)))
            }
            Place::Body(left) if missing == u64::from(left) => Place::Header(0),
            _ => Place::Lost,
        };
        !self.is_lost()
    }

    fn header(&mut self, read: u8, bytes: &mut &[u8]) -> Option<Begun> {
        let mut read = usize::from(read);
        while let Some((&byte, rest)) = bytes.split_first() {
            *bytes = rest;
            if let Some(slot) = self.header.get_mut(read) {
                *slot = byte;
            }
            read += 1;
            if let Some(begun) = self.begun(read) {
                self.fresh = false;
                return Some(begun);
            }
        }
        self.place = Place::Header(read as u8);
        None
    }

    /// What the first so many bytes of a header say, if they say anything yet.
    fn begun(&mut self, read: usize) -> Option<Begun> {
        let [kind, major, minor, ..] = self.header;
        match read {
            1 if kind & 0x80 != 0 => (!self.fresh).then_some(Begun::Nonsense),
            1 => (!(CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&kind)).then_some(Begun::Nonsense),
            2 if kind & 0x80 != 0 => {
                let left = u16::from_be_bytes([kind & 0x7F, major]);
                self.header = [SSL2_HELLO, 0, 2, kind & 0x7F, major];
                Some(if left == 0 { Begun::Nonsense } else { Begun::Body(left) })
            }
            2 => (major != 3).then_some(Begun::Nonsense),
            3 => (minor > 4).then_some(Begun::Nonsense),
            HEADER_BYTES => Some(self.sized(kind)),
            _ => None,
        }
    }

    fn sized(&mut self, kind: u8) -> Begun {
        let [_, _, _, high, low] = self.header;
        let length = u16::from_be_bytes([high, low]);
        self.empty = if length == 0 { self.empty.saturating_add(1) } else { 0 };
        let may_be_empty = kind == APPLICATION && self.empty <= EMPTY_MAX;
        if length > BODY_BYTES_MAX || length == 0 && !may_be_empty {
            Begun::Nonsense
        } else {
            Begun::Body(length)
        }
    }

    fn part<'b>(&mut self, left: u16, bytes: &mut &'b [u8], first: bool) -> Piece<'b> {
        let mut cursor = Cursor::new(bytes);
        let part = cursor.take(usize::from(left).min(bytes.len())).unwrap_or_default();
        *bytes = cursor.rest();
        let left = left.saturating_sub(part.len() as u16);
        self.place = if left == 0 { Place::Header(0) } else { Place::Body(left) };
        Piece::Part { header: self.header, bytes: part, first, last: left == 0 }
    }
}

/// How a header came out.
enum Begun {
    Body(u16),
    Nonsense,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type, length and end of each record, however the bytes are cut.
    fn read(bytes: &[u8], portion: usize) -> Vec<String> {
        let mut records = Records::new();
        let (mut told, mut length) = (Vec::new(), 0);
        for mut part in bytes.chunks(portion) {
            while let Some(piece) = records.next(&mut part) {
                match piece {
                    Piece::Malformed => told.push("malformed".to_owned()),
                    Piece::Part { header, bytes, first, last } => {
                        length = if first { bytes.len() } else { length + bytes.len() };
                        if last {
                            told.push(format!("{} of {length}", header[0]));
                        }
                    }
                }
            }
        }
        told
    }

    #[test]
    fn records_are_the_same_however_they_are_cut() {
        let bytes = b"\x16\x03\x01\x00\x03abc\x17\x03\x03\x00\x00\x15\x03\x03\x00\x02\x01\x00";
        for portion in 1..=bytes.len() {
            assert_eq!(read(bytes, portion), ["22 of 3", "23 of 0", "21 of 2"], "{portion}");
        }
    }

    #[test]
    fn nonsense_is_told_once_and_nothing_after_it() {
        for nonsense in [
            &b"GET / HTTP/1.1"[..],
            b"\x16\x02\x00\x00\x04abcd",
            b"\x16\x03\x05\x00\x04abcd",
            b"\x16\x03\x03\x48\x01abcd",
            b"\x16\x03\x03\x00\x00\x16\x03\x03\x00\x01a",
            b"\x13\x03\x03\x00\x01a",
            b"\x80\x00",
        ] {
            assert_eq!(read(nonsense, nonsense.len()), ["malformed"], "{}", nonsense.escape_ascii());
        }
        let empty = b"\x17\x03\x03\x00\x00";
        assert_eq!(read(&empty.repeat(32), 7).len(), 32, "a few empty records are a countermeasure");
        assert_eq!(read(&empty.repeat(2_000), 7).last().unwrap(), "malformed");
        assert_eq!(read(&empty.repeat(2_000), 7).len(), 33);
    }

    #[test]
    fn a_loss_is_bridged_within_its_record_only() {
        let after = |missing| {
            let mut records = Records::new();
            let mut bytes = &b"\x17\x03\x03\x00\x08ab"[..];
            records.next(&mut bytes).unwrap();
            records.gap(missing)
        };
        assert!(after(5) && after(6), "the next record begins where this one ends");
        assert!(!after(7), "a header is lost");
        assert!(!Records::new().gap(1));
    }

    #[test]
    fn a_hello_of_ssl_2_comes_first_or_not_at_all() {
        let hello = b"\x80\x03\x01\x00\x02\x16\x03\x00\x00\x01a";
        assert_eq!(read(hello, 1), ["128 of 3", "22 of 1"]);
        assert_eq!(read(b"\x16\x03\x00\x00\x01a\x80\x03\x01\x00\x02", 1), ["22 of 1", "malformed"]);
    }
}
