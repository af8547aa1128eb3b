//! One capture file as records.
//! It is given a path, finds out the format and hands each packet's place in the window to the timeline.
//! It promises whole records only, and says how the file ends: whole, cut, damaged.

use super::source::{Source, is_stdin};
use super::window::{Rest, Window};
use super::{CaptureError, LinkType, pcap, pcapng};
use std::io;
use std::path::Path;

/// Longer packets are delivered as their first bytes, as a snap length would.
/// Twice the largest that Linux makes (256 KiB, with BIG TCP).
pub(super) const PACKET_BYTES_MAX: usize = 512 * 1024;

/// No packet and no block is longer; a length beyond this is a damage.
pub(super) const LENGTH_MAX: u32 = 256 * 1024 * 1024;

/// A packet's place in the window, valid until the next record is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// Its time as written, in nanoseconds since 1970.
    pub(super) nanos: u64,
    pub(super) link: LinkType,
    pub(super) at: usize,
    pub(super) len: usize,
    pub(super) original_len: u32,
}

/// Why there is no further record.
#[derive(Debug)]
pub(super) enum Fault {
    /// The file ends too early.
    Cut(Cut),
    /// What stands there makes no sense.
    Damage(String),
    /// Reading failed.
    Io(io::Error),
}

/// What the file's end cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    Header,
    Packet,
    Block,
    Stream,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The byte order a file or section was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Big,
    Little,
}

impl ByteOrder {
    #[inline]
    pub(super) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Big => u16::from_be_bytes(bytes),
            Self::Little => u16::from_le_bytes(bytes),
        }
    }

    #[inline]
    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Big => u32::from_be_bytes(bytes),
            Self::Little => u32::from_le_bytes(bytes),
        }
    }

    pub(super) fn i64(self, bytes: [u8; 8]) -> i64 {
        match self {
            Self::Big => i64::from_be_bytes(bytes),
            Self::Little => i64::from_le_bytes(bytes),
        }
    }
}

/// An open capture file.
pub(super) struct Reader {
    window: Window,
    format: Format,
}

enum Format {
    Pcap(pcap::Header),
    Pcapng(pcapng::Section),
    /// The magic is there, the rest of the header is not.
    Headless,
}

impl Reader {
    /// Opens a file and finds out whether it is a capture.
    pub(super) fn open(path: &Path) -> Result<Self, CaptureError> {
        let io_error = |source| CaptureError::Io { file: name_of(path), source };
        let mut window = Window::new(Source::open(path).map_err(io_error)?);
        if let Err(error) = window.fill(pcap::HEADER_BYTES) {
            // A packing that breaks before the first header is no capture; a failing disk is neither.
            return Err(match (window.source().packing(), error.raw_os_error()) {
                (Some(packing), None) => CaptureError::NotACapture {
                    file: name_of(path),
                    found: format!("a damaged {packing} stream ({error})"),
                },
                _ => io_error(error),
            });
        }
        let format = match window.front().first_chunk::<4>() {
            Some(magic) if *magic == pcapng::MAGIC => Some(Format::Pcapng(pcapng::Section::default())),
            Some(magic) if pcap::is_magic(*magic) => {
                let header = window.front().first_chunk().and_then(pcap::Header::parse);
                Some(header.map_or(Format::Headless, Format::Pcap))
            }
            _ => None,
        };
        let Some(format) = format else {
            return Err(CaptureError::NotACapture { file: name_of(path), found: looks_like(&window) });
        };
        if matches!(format, Format::Pcap(_)) {
            window.take(pcap::HEADER_BYTES);
        }
        Ok(Self { window, format })
    }

    /// The next packet; `None` at the end.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Record>, Fault> {
        if !self.window.settle()? {
            return Err(Fault::Cut(Cut::Packet));
        }
        match &mut self.format {
            Format::Pcap(header) => header.next(&mut self.window),
            Format::Pcapng(section) => section.next(&mut self.window),
            Format::Headless => Err(Fault::Cut(Cut::Header)),
        }
    }

    /// The bytes of the record that `next` gave last.
    #[inline]
    pub(super) fn bytes(&self, record: &Record) -> &[u8] {
        self.window.slice(record.at, record.len)
    }

    /// Whether the format has secrets blocks.
    pub(super) fn is_pcapng(&self) -> bool {
        matches!(self.format, Format::Pcapng(_))
    }

    /// Secrets blocks are kept from now on.
    pub(super) fn keep_secrets(&mut self) {
        if let Format::Pcapng(section) = &mut self.format {
            section.keep_secrets();
        }
    }

    /// What secrets blocks said since this was last asked.
    #[inline]
    pub(super) fn take_secrets(&mut self) -> Option<pcapng::Secrets> {
        match &mut self.format {
            Format::Pcapng(section) => section.take_secrets(),
            Format::Pcap(_) | Format::Headless => None,
        }
    }

    /// Where in the unpacked file the reader stands.
    pub(super) fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// Bytes taken from the file as it is on disk.
    pub(super) fn bytes_read(&self) -> u64 {
        self.window.source().bytes_read()
    }

    /// The name of the packing, if the file is packed.
    pub(super) fn packing(&self) -> Option<&'static str> {
        self.window.source().packing()
    }
}

/// What it means that the window holds less than the next record's fixed part.
pub(super) fn end_of_records(window: &Window, part_of: Cut) -> Result<Option<Record>, Fault> {
    match window.rest() {
        Rest::Nothing => Ok(None),
        Rest::CutStream => Err(Fault::Cut(Cut::Stream)),
        Rest::Part => Err(Fault::Cut(part_of)),
    }
}

/// A path as messages name it.
pub(super) fn name_of(path: &Path) -> String {
    if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() }
}

/// Other things people hand to a capture reader, by their first bytes.
const KNOWN_BEGINNINGS: &[(&[u8], &str)] = &[
    (b"\x7fELF", "an ELF program"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\xfd7zXZ\0", "an xz stream"),
    (b"BZh", "a bzip2 stream"),
    (b"\x04\x22\x4d\x18", "an lz4 stream"),
    (b"\x1f\x8b", "a gzip stream inside another"),
    (b"\x28\xb5\x2f\xfd", "a zstd stream inside another"),
    (b"snoop\0\0\0", "a snoop capture"),
    (b"GMBU", "a Network Monitor capture"),
    (b"RTSS", "a Network Monitor capture"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"SQLite format 3", "an SQLite database"),
    (b"{", "JSON or other text"),
    (b"<", "XML or HTML"),
];

fn looks_like(window: &Window) -> String {
    let front = window.front();
    let known = KNOWN_BEGINNINGS.iter().find(|(beginning, _)| front.starts_with(beginning));
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    let what = match (front, known) {
        (_, Some((_, name))) => (*name).to_owned(),
        ([], _) => "an empty file".to_owned(),
        (bytes, _) if bytes.iter().take(pcap::HEADER_BYTES).all(is_text) => "text".to_owned(),
        ([a, b, c, d, ..], _) => format!("a file that begins {a:02x} {b:02x} {c:02x} {d:02x}"),
        (few, _) => format!("a file of {} bytes", few.len()),
    };
    match window.source().packing() {
        Some(packing) => format!("{what} in a {packing} stream"),
        None => what,
    }
}
