//! The wire, or a file of it, as packets.
//! It is given file paths or interfaces and gives `Packet`s that borrow its buffer, in one timeline.
//! It promises bounded memory whatever lengths a file claims, and everything before a damage reported.

mod clock;
pub mod live;
mod pcap;
mod pcapng;
mod reader;
pub mod replay;
mod source;
mod window;

pub use source::end_input;

use heelguard_detectors::time::EventTime;

/// How a packet's first byte is to be read: the pcap link-layer type (LINKTYPE_ number).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkType(pub u32);

/// One captured packet, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// When it was captured, made monotone by `clock`.
    pub time: EventTime,
    /// How to read its first byte.
    pub link: LinkType,
    /// The captured bytes.
    pub data: &'a [u8],
    /// Its length on the wire; more than `data.len()` when the snap length cut it.
    pub original_len: u32,
    /// What the network card did to it; of files nothing is known.
    pub offload: Offload,
}

/// What a network card, or its driver, took out of a frame or already knows about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offload {
    /// The outermost VLAN id, when its tag was taken out of the bytes. Zero marks a priority, not a network.
    pub vlan: Option<u16>,
    /// What is known about the outermost transport checksum.
    pub checksum: Checksum,
}

/// What is known about a transport checksum before anybody has summed the bytes up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    /// Nothing: it has to be judged by itself.
    #[default]
    Unknown,
    /// The card was still to write it, or the frame was joined from several: the field means nothing.
    Unwritten,
    /// The receiving side found it right.
    Right,
}

impl Checksum {
    /// What is known about a packet inside this one: that a card was still to write it, or nothing.
    #[must_use]
    pub fn inside(self) -> Self {
        if self == Self::Unwritten { self } else { Self::Unknown }
    }
}

/// What a source gives next.
#[derive(Clone, Copy, Debug)]
pub enum Next<'a> {
    /// A packet.
    Packet(Packet<'a>),
    /// Nothing came for a moment; no packet that comes later is older than this.
    Quiet(EventTime),
    /// Nothing will come any more.
    End,
}

impl<'a> From<Option<Packet<'a>>> for Next<'a> {
    fn from(packet: Option<Packet<'a>>) -> Self {
        packet.map_or(Self::End, Self::Packet)
    }
}

/// What to do about an error of the system, where that is not plain.
fn hint(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::IsADirectory => "; name the captures in it, as in `FOLDER/*.pcap`",
        std::io::ErrorKind::PermissionDenied => "; whoever runs this must be able to read it",
        _ => "",
    }
}

/// Why a capture could not be read (further).
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The system refused.
    #[error("{file}: {source}{}", hint(.source))]
    Io {
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is something else.
    #[error("{file}: not a capture but {found}; pcap and pcapng are read, plain or packed with gzip or zstd")]
    NotACapture {
        /// The file.
        file: String,
        /// What it looks like.
        found: String,
    },
    /// What follows cannot be told apart any more; everything before was delivered.
    #[error("{file}: damaged at byte {offset}, in or before packet {packet_no}: {what}")]
    Damaged {
        /// The file.
        file: String,
        /// The packet, from 1, that would have come next.
        packet_no: u64,
        /// Where, in the unpacked file.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
}
