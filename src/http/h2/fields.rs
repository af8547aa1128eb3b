//! The fields of one header block: their lines, written as a message's head, and what is said beside them.
//! It is given names and values in order by `hpack` and keeps them up to a limit.
//! It promises to note what RFC 9113 section 8.2 forbids, and never to hold a field of which a part is unknown.

use super::super::{Header, opening};
use std::ops::Range;

/// What each field counts beside its bytes (RFC 9113 section 6.5.2).
const FIELD_OVERHEAD: usize = 32;

/// Fields that are about one connection: whoever writes them into HTTP/2 hopes that somebody else reads them.
const FORBIDDEN: [&[u8]; 5] =
    [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"];

/// A block's fields.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts that are independent of each other")]
pub(super) struct Fields {
    /// `name: value` lines, each with its end.
    pub(super) text: Vec<u8>,
    /// Where names and values of the lines stand.
    pub(super) lines: Vec<Header>,
    /// What the pseudo-fields say.
    pub(super) pseudo: Pseudo,
    /// Fields that are there and are not known.
    pub(super) unknown: u32,
    /// The block breaks off in something that no peer can read.
    pub(super) broken: bool,
    /// There are more fields than the limit; those beyond it are not kept.
    pub(super) over_limit: bool,
    /// Something is forbidden.
    pub(super) malformed: bool,
    /// What the first field is, which tells a head from trailers.
    first: First,
    /// The host line is the authority's.
    has_authority: bool,
    size: usize,
    size_max: usize,
    regular_met: bool,
}

/// Values of pseudo-fields, as ranges of the text (RFC 9113 section 8.3).
#[derive(Debug, Default)]
pub(super) struct Pseudo {
    pub(super) method: Option<Range<u32>>,
    pub(super) path: Option<Range<u32>>,
    pub(super) authority: Option<Range<u32>>,
    pub(super) scheme: Option<Range<u32>>,
    /// Of extended CONNECT (RFC 8441).
    pub(super) protocol: Option<Range<u32>>,
    pub(super) status: Option<Range<u32>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    None,
    Pseudo,
    Regular,
    Unknown,
}

impl Fields {
    /// No field yet; at most `size_max` bytes of them are kept, counted as RFC 9113 section 6.5.2 does.
    pub(super) fn new(size_max: usize) -> Self {
        Self {
            text: Vec::new(),
            lines: Vec::new(),
            pseudo: Pseudo::default(),
            unknown: 0,
            broken: false,
            over_limit: false,
            malformed: false,
            first: First::None,
            has_authority: false,
            size: 0,
            size_max,
            regular_met: false,
        }
    }

    /// A block of this many bytes is coming; the one before it had so many bytes of text, and lines.
    pub(super) fn expect(&mut self, block_bytes: usize, [text, lines]: [usize; 2]) {
        const TEXT_MAX: usize = 4_096;
        const LINES_MAX: usize = 32;
        // Room for what is a little longer than the last one, and for the empty line behind it.
        self.text.reserve((text + text / 8).max(block_bytes * 2).min(TEXT_MAX) + 2);
        self.lines.reserve(lines.max(block_bytes / 16).min(LINES_MAX) + 1);
    }

    /// Whether no field was met yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.first == First::None
    }

    /// Whether this may be a message's head: those begin with a pseudo-field, trailers have none. Of a block beyond all
    /// limits not even the first field may be known.
    pub(super) fn may_be_head(&self) -> bool {
        match self.first {
            First::Pseudo | First::Unknown => true,
            First::None => self.over_limit,
            First::Regular => false,
        }
    }

    /// Whether all fields are known.
    pub(super) fn are_whole(&self) -> bool {
        self.unknown == 0 && !self.broken && !self.over_limit
    }

    /// A field that is there; what it says is not known.
    pub(super) fn add_unknown(&mut self) {
        self.unknown = self.unknown.saturating_add(1);
        if self.first == First::None {
            self.first = First::Unknown;
        }
    }

    /// The rest of the block cannot be read.
    pub(super) fn break_off(&mut self) {
        self.broken = true;
    }

    /// The next field. It `is_sound` when nothing is forbidden in it by itself, as `is_sound` says.
    pub(super) fn add(&mut self, name: &[u8], value: &[u8], is_sound: bool) {
        let is_pseudo = name.first() == Some(&b':');
        if self.first == First::None {
            self.first = if is_pseudo { First::Pseudo } else { First::Regular };
        }
        self.size = self.size.saturating_add(name.len() + value.len() + FIELD_OVERHEAD);
        if self.size > self.size_max {
            self.over_limit = true;
            return;
        }
        self.malformed |= !is_sound || is_pseudo && self.regular_met;
        if is_pseudo {
            return self.pseudo_field(name, value);
        }
        self.regular_met = true;
        if name == b"host" {
            return self.host(value);
        }
        let line = self.write(name, value);
        self.lines.push(line);
    }

    fn pseudo_field(&mut self, name: &[u8], value: &[u8]) {
        if name == b":authority" {
            if self.pseudo.authority.is_some() {
                self.malformed = true;
            } else {
                self.authority(value);
            }
            return;
        }
        let line = self.write(name, value);
        let said = line.value.clone();
        let place = match name {
            b":method" => &mut self.pseudo.method,
            b":path" => &mut self.pseudo.path,
            b":status" => &mut self.pseudo.status,
            b":scheme" => &mut self.pseudo.scheme,
            b":protocol" => &mut self.pseudo.protocol,
            _ => {
                self.malformed = true;
                return;
            }
        };
        // Of two the first counts, as in nearly every peer that does not refuse both.
        self.malformed |= place.is_some();
        place.get_or_insert(said);
        if matches!(name, b":scheme" | b":protocol") {
            self.lines.push(line);
        }
    }

    /// The authority is the host, whatever a field of that name says (RFC 9113 section 8.3.1).
    fn authority(&mut self, value: &[u8]) {
        let said = self.host_line().map(|host| host.value.clone());
        let differs = said.is_some_and(|host| slice(&self.text, &host) != value);
        // Userinfo must not be sent (section 8.3.1).
        self.malformed |= differs || value.contains(&b'@');
        self.lines.retain(|line| slice(&self.text, &line.name) != b"host");
        let line = self.write(b"host", value);
        self.pseudo.authority = Some(line.value.clone());
        self.lines.push(line);
        self.has_authority = true;
    }

    fn host(&mut self, value: &[u8]) {
        if !self.has_authority {
            let line = self.write(b"host", value);
            self.lines.push(line);
        } else if let Some(authority) = &self.pseudo.authority {
            self.malformed |= !slice(&self.text, authority).eq_ignore_ascii_case(value);
        }
    }

    fn host_line(&self) -> Option<&Header> {
        self.lines.iter().find(|line| slice(&self.text, &line.name) == b"host")
    }

    fn write(&mut self, name: &[u8], value: &[u8]) -> Header {
        let start = self.text.len() as u32;
        let (name_end, value_start) = (start + name.len() as u32, start + name.len() as u32 + 2);
        self.text.extend_from_slice(name);
        self.text.extend_from_slice(b": ");
        self.text.extend_from_slice(value);
        self.text.extend_from_slice(b"\r\n");
        Header { name: start..name_end, value: value_start..value_start + value.len() as u32 }
    }
}

/// Whether nothing is forbidden in a field, whatever stands beside it (RFC 9113 sections 8.2 and 8.3).
pub(super) fn is_sound(name: &[u8], value: &[u8]) -> bool {
    let is_pseudo = name.first() == Some(&b':');
    let is_name = || {
        name.iter().all(|byte| NAME_BYTES[usize::from(*byte)])
            && !name.is_empty()
            && !is_forbidden(name, value)
    };
    !is_spoilt(value) && (is_pseudo || is_name())
}

/// Bytes of a text.
pub(super) fn slice<'t>(text: &'t [u8], range: &Range<u32>) -> &'t [u8] {
    text.get(range.start as usize..range.end as usize).unwrap_or(&[])
}

/// Whether a value has what ends a line of HTTP/1, or a blank at its ends (RFC 9113 section 8.2.1).
fn is_spoilt(value: &[u8]) -> bool {
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    memchr::memchr3(b'\r', b'\n', 0, value).is_some() || blank(value.first()) || blank(value.last())
}

/// The bytes that may stand in a field's name: a token's, without capitals (RFC 9113 section 8.2.1).
static NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < u8::MAX {
        table[byte as usize] = opening::is_token(byte) && !byte.is_ascii_uppercase();
        byte += 1;
    }
    table
};

fn is_forbidden(name: &[u8], value: &[u8]) -> bool {
    FORBIDDEN.contains(&name) || name == b"te" && !value.eq_ignore_ascii_case(b"trailers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(fields: &mut Fields, name: &[u8], value: &[u8]) {
        fields.add(name, value, is_sound(name, value));
    }

    fn told(list: &[(&str, &str)]) -> String {
        let mut fields = Fields::new(1_000);
        for (name, value) in list {
            add(&mut fields, name.as_bytes(), value.as_bytes());
        }
        let lines = fields.lines.iter().map(|line| {
            let text = |range| String::from_utf8_lossy(slice(&fields.text, range)).into_owned();
            format!("{}={} ", text(&line.name), text(&line.value))
        });
        format!("{}{}", lines.collect::<String>(), if fields.malformed { "malformed" } else { "" })
    }

    #[test]
    fn the_authority_is_the_host() {
        assert_eq!(told(&[(":authority", "a"), ("x", "y")]), "host=a x=y ");
        assert_eq!(told(&[(":authority", "a"), ("host", "a")]), "host=a ");
        assert_eq!(told(&[(":authority", "a"), ("host", "b")]), "host=a malformed");
        assert_eq!(told(&[("host", "b"), (":authority", "a")]), "host=a malformed");
        assert_eq!(told(&[("host", "b")]), "host=b ");
    }

    #[test]
    fn what_is_forbidden_is_noted() {
        let fine = [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("te", "trailers")];
        assert_eq!(told(&fine), ":scheme=http te=trailers ");
        for wrong in [
            ("X-Upper", "1"),
            ("bad name", "1"),
            ("", "1"),
            ("x", "a\r\nb"),
            ("x", " a"),
            ("connection", "close"),
            ("transfer-encoding", "chunked"),
            ("te", "gzip"),
            (":unheard", "x"),
        ] {
            assert!(told(&[wrong]).ends_with("malformed"), "{wrong:?}");
        }
        assert!(told(&[(":path", "/a"), (":path", "/b")]).ends_with("malformed"));
        assert!(told(&[("a", "b"), (":path", "/b")]).ends_with("malformed"));
    }

    #[test]
    fn beyond_the_limit_nothing_is_kept() {
        let mut fields = Fields::new(100);
        add(&mut fields, b"a", b"1");
        add(&mut fields, b"b", &[b'x'; 50]);
        add(&mut fields, b"c", b"3");
        assert_eq!((fields.lines.len(), fields.over_limit, fields.are_whole()), (1, true, false));
    }
}
