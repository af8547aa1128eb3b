//! Packets as TCP segments: link layer, tunnels, IP, fragments, TCP.
//! It is given `Packet`s and gives `Segment`s that borrow the packet, or says why there is none. QUIC's datagrams go
//! the same way, in the same form.
//! It promises that every packet is either a segment, of no interest, held as a fragment, or dropped by a counted reason.

mod checksum;
mod config;
mod defrag;
mod ip;
mod ipv4;
mod ipv6;
mod layers;
mod link;
pub mod quic;
mod senders;
mod tcp;
#[cfg(test)]
mod tests;
mod tunnel;
mod wlan;

pub use config::{Checksums, Config};
pub use tunnel::{Tenant, Tunnel, TunnelKind};

use crate::capture::Packet;
use crate::metrics::Counters;
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::time::EventTime;
use layers::{Layers, Refused, Tally};
use std::net::IpAddr;

/// At most this many VLAN tags are kept.
pub const VLANS_MAX: usize = 2;

/// The longest frame of an ordinary Ethernet: 1,500 bytes, a header and two VLAN tags.
const FRAME_BYTES_MAX: u32 = 1_522;
/// The longest frame of any wire: 9,216 bytes, a header and two VLAN tags.
const JUMBO_FRAME_BYTES_MAX: u32 = 9_238;

/// VLAN ids of a packet, outermost first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Vlans {
    ids: [u16; VLANS_MAX],
    len: u8,
}

impl Vlans {
    /// Adds the next inner id; ids beyond the limit are left out.
    pub fn push(&mut self, id: u16) {
        if let Some(slot) = self.ids.get_mut(usize::from(self.len)) {
            *slot = id;
            self.len += 1;
        }
    }

    /// These ids inside another network.
    #[must_use]
    pub fn inside(self, outer: u16) -> Self {
        let mut vlans = Self::default();
        if outer != 0 {
            vlans.push(outer);
        }
        self.as_slice().iter().for_each(|&id| vlans.push(id));
        vlans
    }

    /// The ids.
    pub fn as_slice(&self) -> &[u16] {
        self.ids.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The address.
    pub ip: IpAddr,
    /// The TCP port.
    pub port: u16,
}

/// The flag byte of a TCP header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// FIN.
    pub const FIN: u8 = 0x01;
    /// SYN.
    pub const SYN: u8 = 0x02;
    /// RST.
    pub const RST: u8 = 0x04;
    /// PSH.
    pub const PSH: u8 = 0x08;
    /// ACK.
    pub const ACK: u8 = 0x10;
    /// URG.
    pub const URG: u8 = 0x20;

    /// Whether all bits of `mask` are set.
    pub const fn has(self, mask: u8) -> bool {
        self.0 & mask == mask
    }
}

/// The options a passive observer needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "facts that are independent of each other")]
pub struct TcpOptions {
    /// Window scale (RFC 7323), on SYN only.
    pub window_scale: Option<u8>,
    /// Timestamp value and echo (RFC 7323).
    pub timestamps: Option<(u32, u32)>,
    /// An MD5 or AO signature: no ordinary host takes the segment.
    pub signed: bool,
    /// Selective acknowledgements are offered (RFC 2018), on SYN only.
    pub sack_permitted: bool,
    /// TCP Fast Open cookie on a SYN (RFC 7413).
    pub fast_open: bool,
    /// Options that contradict their lengths.
    pub malformed: bool,
}

/// One TCP segment, borrowed from the packet or from the decoder's fragment buffer.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// When it was captured.
    pub time: EventTime,
    /// The sender.
    pub src: Endpoint,
    /// The receiver.
    pub dst: Endpoint,
    /// VLAN ids, of the frame and of those inside tunnels.
    pub vlans: Vlans,
    /// The innermost tunnel, if it came through one.
    pub tunnel: Tunnel,
    /// The network inside tunnels that its addresses belong to.
    pub tenant: Tenant,
    /// IPv4 TTL or IPv6 hop limit.
    pub ttl: u8,
    /// Sequence number of the first payload byte (of the SYN, on a SYN).
    pub seq: u32,
    /// Acknowledgement number, meaningful with the ACK flag.
    pub ack: u32,
    /// The flags.
    pub flags: TcpFlags,
    /// The window field, unscaled.
    pub window: u16,
    /// The urgent pointer, meaningful with the URG flag.
    pub urgent: u16,
    /// Options.
    pub options: TcpOptions,
    /// The payload that was captured.
    pub payload: &'a [u8],
    /// Payload bytes that the snap length cut off behind `payload`.
    pub missing: u32,
    /// It is no segment but a datagram on a path of QUIC: of TCP's fields it has none, of what is sealed no payload.
    pub is_datagram: bool,
}

/// Packets in, segments out. One decoder sees the whole capture, so what it learns of senders
/// does not depend on how flows are spread over threads.
pub struct Decoder {
    layers: Layers,
    counters: Counters,
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new(config: Config) -> Self {
        Self { layers: Layers::new(config), counters: Counters::default() }
    }

    /// Decodes one packet. `None`: it was dropped (and counted), or is a fragment that waits for others.
    #[inline]
    pub fn decode<'a>(&'a mut self, packet: Packet<'a>) -> Option<Segment<'a>> {
        let Self { layers, counters } = self;
        counters.packets.read += 1;
        #[cfg(test)]
        crate::fault::poison::fail_at(packet.data);
        if packet.data.len() < packet.original_len as usize {
            counters.anomalies.count(Anomaly::CaptureTruncated);
        }
        if packet.original_len > FRAME_BYTES_MAX {
            let giant = packet.original_len > JUMBO_FRAME_BYTES_MAX;
            let sight = &mut counters.sight;
            *(if giant { &mut sight.giant_frames } else { &mut sight.jumbo_frames }) += 1;
        }
        let mut tally = Tally { counters, packets: 1 };
        match layers.segment(packet, &mut tally) {
            Ok(segment) => {
                tally.counters.packets.processed += tally.packets;
                Some(segment)
            }
            Err(Refused::Dropped(reason)) => {
                tally.counters.dropped.count(reason, tally.packets);
                None
            }
            Err(Refused::Held) => None,
        }
    }

    /// Packets, drops and anomalies so far. Fragments that wait are read and neither processed nor dropped.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The capture is over: fragments that still wait are dropped, and the packets' account is balanced.
    pub fn finish(&mut self) {
        self.layers.finish(&mut self.counters);
    }
}
