//! What IPv4 and IPv6 have in common for the layers above.

use crate::metrics::DropReason;
use std::net::IpAddr;

/// Protocol numbers that matter here.
pub(super) const PROTOCOL_TCP: u8 = 6;
pub(super) const PROTOCOL_UDP: u8 = 17;
pub(super) const PROTOCOL_IPV4: u8 = 4;
pub(super) const PROTOCOL_IPV6: u8 = 41;
pub(super) const PROTOCOL_GRE: u8 = 47;
/// RFC 4023.
pub(super) const PROTOCOL_MPLS: u8 = 137;

/// One IP packet, headers read.
#[derive(Clone, Copy, Debug)]
pub(super) struct IpPacket<'a> {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) ttl: u8,
    /// The protocol of `payload`; for an IPv6 fragment the first header of the fragmentable part.
    pub(super) protocol: u8,
    /// What was captured of the payload; link-layer padding is not in it.
    pub(super) payload: &'a [u8],
    /// Payload bytes that the snap length cut off.
    pub(super) missing: u32,
    /// Set when the packet is part of a datagram.
    pub(super) fragment: Option<Fragment>,
    pub(super) header_sum: HeaderSum,
    /// IPv6 extension headers met so far.
    pub(super) extensions: u32,
}

/// Which part of a datagram a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    pub(super) id: u32,
    /// In bytes.
    pub(super) offset: u32,
    pub(super) more: bool,
}

/// What the IPv4 header checksum tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderSum {
    /// It is right.
    Good,
    /// It is wrong.
    Bad,
    /// There is none: IPv6, or a frame that the network card was still to cut into packets.
    None,
}

/// The payload of a packet that says it is `length` bytes long, given what was captured of it
/// and what the frame had room for on the wire.
#[inline]
pub(super) fn bounded(bytes: &[u8], wire_len: u32, length: u32) -> Result<(&[u8], u32), DropReason> {
    match bytes.get(..length as usize) {
        Some(whole) => Ok((whole, 0)),
        None if length <= wire_len => Ok((bytes, length.saturating_sub(bytes.len() as u32))),
        // More than the frame carried: no host takes it.
        None => Err(DropReason::Malformed),
    }
}

/// Why headers end too early: the snap length, or the packet itself.
#[inline]
pub(super) fn short(missing: u32) -> DropReason {
    if missing > 0 { DropReason::Truncated } else { DropReason::Malformed }
}
