//! The wire, or a file of it, as packets.
//! It is given file paths (later: interfaces) and gives `Packet`s that borrow its buffer, in one timeline.
//! It promises bounded memory whatever lengths a file claims, and everything before a damage reported.

pub mod replay;

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
}
