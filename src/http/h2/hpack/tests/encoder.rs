//! An encoder for tests: every form in which HPACK can write a field, chosen by whoever writes the test.

#![allow(dead_code, unreachable_pub, reason = "unit tests and tests of the whole use their own parts of it")]

use std::collections::VecDeque;
use std::sync::OnceLock;

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// By an index if the table has it, else in letters and inserted.
    Indexed,
    /// In letters, not inserted.
    Plain,
    /// In letters, never to be inserted by anybody.
    Never,
}

/// One direction's encoder.
#[derive(Clone, Debug)]
pub struct Encoder {
    table: VecDeque<(Vec<u8>, Vec<u8>)>,
    capacity: usize,
    /// Whether strings are Huffman coded.
    huffman: bool,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { table: VecDeque::new(), capacity: 4_096, huffman: true }
    }
}

impl Encoder {
    /// An encoder that codes strings, or writes them as they are.
    pub fn new(huffman: bool) -> Self {
        Self { huffman, ..Self::default() }
    }

    /// A block of fields, each in its form.
    pub fn block<'f>(&mut self, fields: impl IntoIterator<Item = (&'f str, &'f str, Form)>) -> Vec<u8> {
        let mut out = Vec::new();
        fields.into_iter().for_each(|(name, value, form)| self.field(name, value, form, &mut out));
        out
    }

    /// A block whose fields are all indexed as far as they can be.
    pub fn indexed<'f>(&mut self, fields: impl IntoIterator<Item = (&'f str, &'f str)>) -> Vec<u8> {
        self.block(fields.into_iter().map(|(name, value)| (name, value, Form::Indexed)))
    }

    /// Changes the table's size; the block that follows in `out` must be the next one.
    pub fn resize(&mut self, capacity: usize, out: &mut Vec<u8>) {
        self.capacity = capacity;
        self.evict();
        integer(capacity, 5, 0x20, out);
    }

    fn field(&mut self, name: &str, value: &str, form: Form, out: &mut Vec<u8>) {
        let found = self.find(name, Some(value));
        if let (Some(index), Form::Indexed) = (found, form) {
            integer(index, 7, 0x80, out);
            return;
        }
        let index = self.find(name, None).unwrap_or(0);
        match form {
            Form::Indexed => integer(index, 6, 0x40, out),
            Form::Plain => integer(index, 4, 0, out),
            Form::Never => integer(index, 4, 0x10, out),
        }
        if index == 0 {
            self.string(name.as_bytes(), out);
        }
        self.string(value.as_bytes(), out);
        if form == Form::Indexed {
            self.table.push_front((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
            self.evict();
        }
    }

    fn find(&self, name: &str, value: Option<&str>) -> Option<usize> {
        let same =
            |n: &[u8], v: &[u8]| n == name.as_bytes() && value.is_none_or(|value| v == value.as_bytes());
        let fixed = STATIC.iter().position(|(n, v)| same(n.as_bytes(), v.as_bytes())).map(|at| at + 1);
        fixed.or_else(|| self.table.iter().position(|(n, v)| same(n, v)).map(|at| at + STATIC.len() + 1))
    }

    fn evict(&mut self) {
        let size = |table: &VecDeque<(Vec<u8>, Vec<u8>)>| {
            table.iter().map(|(name, value)| name.len() + value.len() + 32).sum::<usize>()
        };
        while size(&self.table) > self.capacity {
            self.table.pop_back();
        }
    }

    fn string(&self, text: &[u8], out: &mut Vec<u8>) {
        let coded = huffman(text);
        if self.huffman && coded.len() <= text.len() {
            integer(coded.len(), 7, 0x80, out);
            out.extend(coded);
        } else {
            integer(text.len(), 7, 0, out);
            out.extend_from_slice(text);
        }
    }
}

/// An integer with a prefix of `bits` bits; `first` has the bits above it.
pub fn integer(value: usize, bits: u32, first: u8, out: &mut Vec<u8>) {
    let mask = (1_usize << bits) - 1;
    if value < mask {
        out.push(first | value as u8);
        return;
    }
    out.push(first | mask as u8);
    let mut rest = value - mask;
    while rest >= 128 {
        out.push(0x80 | (rest & 0x7F) as u8);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// The Huffman code of a text.
pub fn huffman(text: &[u8]) -> Vec<u8> {
    let (mut out, mut window, mut bits) = (Vec::new(), 0_u64, 0_u32);
    for &byte in text {
        let (code, length) = code_of(byte);
        window = window << length | u64::from(code);
        bits += length;
        while bits >= 8 {
            bits -= 8;
            out.push((window >> bits) as u8);
        }
    }
    if bits > 0 {
        out.push((window << (8 - bits)) as u8 | 0xFF >> bits);
    }
    out
}

/// A symbol's code, which its length and its place among the codes of that length give (RFC 7541 appendix B).
fn code_of(symbol: u8) -> (u32, u32) {
    static CODES: OnceLock<[(u32, u32); 257]> = OnceLock::new();
    CODES.get_or_init(|| {
        let mut codes = [(0, 0); 257];
        let (mut code, mut length) = (0_u32, 0);
        let mut order: Vec<usize> = (0..=256).collect();
        order.sort_by_key(|&at| (LENGTHS[at], at));
        for at in order {
            code <<= LENGTHS[at] - length;
            length = LENGTHS[at];
            codes[at] = (code, u32::from(length));
            code += 1;
        }
        codes
    })[usize::from(symbol)]
}

const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6,
    6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7,
    8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7,
    15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24,
    23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23,
    23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26,
    26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20,
    21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27,
    27, 27, 26, 30,
];

const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];
