//! Packets in packets: what is inside a packet that carries no TCP of its own.
//! It is given an IP packet, or a stack of MPLS labels, and gives the layer inside with the tunnel's name and number.
//! It promises to enter a bounded number of tunnels and to believe no length further than the bytes that came.
//!
//! Some tunnels number the network that is inside them, because their users all have the same addresses: these numbers
//! make the `Tenant`, by which flows of equal addresses are told apart. What only names a way through the network does
//! not: keys of ERSPAN sessions, labels and bearers differ between the two directions of one connection.
//!
//! A mirror that sends packets through a tunnel adds 36 to 60 bytes to each. Where the path has no room for them, the
//! mirror cuts the packet (as those of clouds do), and its end is lost: often the end of a token or of a body.

mod gre;
mod mpls;
mod names;
mod proof;
mod udp;

pub use names::{Tenant, Tunnel, TunnelKind};

use super::Vlans;
use super::config::Config;
use super::ip::{IpPacket, PROTOCOL_GRE, PROTOCOL_IPV4, PROTOCOL_IPV6, PROTOCOL_MPLS, PROTOCOL_UDP};
use super::link::{self, Content, Frame, Layer, Miss};
use crate::metrics::{DropReason, SightCounters};

/// Tunnels of one packet that are entered. Mirrors of overlays have two, with a tunnel of the mirrored hosts three.
pub(super) const TUNNELS_MAX: usize = 4;

/// What is inside a tunnel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inside<'a> {
    kind: TunnelKind,
    layer: Layer,
    bytes: &'a [u8],
    /// The tunnel's number, as its header gives it.
    number: Option<u32>,
    /// The number of the network inside, where flows are to be told apart by it.
    network: Option<u32>,
    /// The VLAN that the mirrored frame was in, where the tunnel's header has it in place of the frame.
    vlan: Option<u16>,
}

/// The tunnels entered on the way to some bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Way {
    pub(super) tunnel: Tunnel,
    pub(super) tenant: Tenant,
    depth: u8,
}

/// What an IP packet carries that is not TCP.
#[cold]
pub(super) fn open<'a>(ip: &IpPacket<'a>, config: &Config) -> Result<Inside<'a>, DropReason> {
    let found = match ip.protocol {
        PROTOCOL_IPV4 => Ok(Inside::new(TunnelKind::IpInIp, Layer::V4, ip.payload)),
        PROTOCOL_IPV6 => Ok(Inside::new(TunnelKind::IpInIp, Layer::V6, ip.payload)),
        PROTOCOL_GRE => gre::open(ip.payload),
        PROTOCOL_UDP => udp::open(ip.payload, ip.missing, config),
        PROTOCOL_MPLS => mpls::open(ip.payload),
        _ => Err(Miss::Reason(DropReason::NotTcp)),
    };
    found.map_err(|miss| miss.reason(ip.missing > 0))
}

/// What labels of MPLS stand in front of.
#[cold]
pub(super) fn unlabel(bytes: &[u8], cut: bool) -> Result<Inside<'_>, DropReason> {
    mpls::open(bytes).map_err(|miss| miss.reason(cut))
}

/// Whether a protocol can carry others, so that its fragments are worth keeping.
pub(super) fn may_carry(protocol: u8) -> bool {
    matches!(protocol, PROTOCOL_IPV4 | PROTOCOL_IPV6 | PROTOCOL_GRE | PROTOCOL_UDP | PROTOCOL_MPLS)
}

impl Way {
    /// Goes inside. `cut` bytes of it were not captured; given back is how many are missing from the inner packet, which
    /// may be more, for the tunnel may have cut it before.
    pub(super) fn enter<'a>(
        &mut self,
        inside: Inside<'a>,
        mut vlans: Vlans,
        cut: u32,
        sight: &mut SightCounters,
    ) -> Result<(Frame<'a>, u32), DropReason> {
        if usize::from(self.depth) >= TUNNELS_MAX {
            return Err(DropReason::TunnelDepth);
        }
        if self.depth == 0 && cut == 0 {
            sight.tunnel_packets += 1;
        }
        self.depth += 1;
        self.tunnel = self.tunnel.then(inside.kind, inside.number);
        if let Some(network) = inside.network {
            self.tenant = self.tenant.within(inside.kind, network);
        }
        if let Some(id) = inside.vlan {
            vlans.push(id);
        }
        let frame = link::inside(inside.layer, inside.bytes, vlans, cut > 0)?;
        if frame.content == Content::Mpls {
            return Ok((frame, cut));
        }
        let stated = proof::stated_len(frame.bytes).unwrap_or(0);
        let missing = stated.saturating_sub(frame.bytes.len()) as u32;
        if missing > 0 && cut == 0 {
            sight.cut_tunnel_packets += 1;
        }
        Ok((frame, cut.max(missing)))
    }
}

impl<'a> Inside<'a> {
    fn new(kind: TunnelKind, layer: Layer, bytes: &'a [u8]) -> Self {
        Self { kind, layer, bytes, number: None, network: None, vlan: None }
    }

    /// With the number of the network that is inside.
    fn of_network(self, number: u32) -> Self {
        Self { number: Some(number), network: Some(number), ..self }
    }

    /// With a number that names the way only.
    fn numbered(self, number: u32) -> Self {
        Self { number: Some(number), ..self }
    }

    /// Not one of the flows outside. What anybody can send through a firewall, as UDP, must not write into them.
    fn apart(self) -> Self {
        Self { network: self.network.or(Some(0)), ..self }
    }
}

/// What follows `count` bytes of a header.
fn behind(bytes: &[u8], count: usize) -> Result<&[u8], Miss> {
    bytes.get(count..).ok_or(Miss::Short)
}
