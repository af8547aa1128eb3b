//! Link layers: everything in front of an IP header.
//! It is given a link type and a frame and gives the IP packet inside with its VLAN ids.
//! It promises to read no byte twice and to name what is not IP. Labels of MPLS it only finds: they are a tunnel.

use super::{Vlans, wlan};
use crate::capture::LinkType;
use crate::metrics::DropReason;

/// VLAN tags of one frame; real networks stack two.
const VLAN_TAGS_MAX: u32 = 4;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) content: Content,
    pub(super) vlans: Vlans,
    /// From the IP header (or the first label) to the frame's captured end, padding included.
    pub(super) bytes: &'a [u8],
}

/// What the link layer announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    V4,
    V6,
    /// A stack of labels, and something behind it.
    Mpls,
}

/// What bytes inside a tunnel begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// IP of the version that its first bits say.
    Ip,
    V4,
    V6,
    Ethernet,
    /// What follows an ethertype.
    Ethertype(u16),
    Ppp,
    Wlan,
}

impl Layer {
    /// Whether something is found behind this ethertype.
    pub(super) fn is_known(ethertype: u16) -> bool {
        matches!(
            ethertype,
            ETHERTYPE_IPV4
                | ETHERTYPE_IPV6
                | ETHERTYPE_VLAN
                | ETHERTYPE_PROVIDER_VLAN
                | ETHERTYPE_MPLS
                | ETHERTYPE_MPLS_MULTICAST
                | ETHERTYPE_NSH
        )
    }
}

pub(super) const ETHERTYPE_IPV4: u16 = 0x0800;
pub(super) const ETHERTYPE_IPV6: u16 = 0x86dd;
pub(super) const ETHERTYPE_VLAN: u16 = 0x8100;
/// Transparent bridging (RFC 1701): an Ethernet frame.
pub(super) const ETHERTYPE_BRIDGED: u16 = 0x6558;
const ETHERTYPE_PROVIDER_VLAN: u16 = 0x88a8;
const ETHERTYPE_OLD_QINQ: u16 = 0x9100;
/// VN-Tag (IEEE 802.1BR in its first form): a virtual interface, and another ethertype.
const ETHERTYPE_VN_TAG: u16 = 0x8926;
/// Service chains (RFC 8300).
pub(super) const ETHERTYPE_NSH: u16 = 0x894f;
pub(super) const ETHERTYPE_MPLS: u16 = 0x8847;
const ETHERTYPE_MPLS_MULTICAST: u16 = 0x8848;
const ETHERTYPE_PPPOE_SESSION: u16 = 0x8864;
/// Smaller values are the length of an IEEE 802.3 frame.
const ETHERTYPE_MIN: u16 = 0x0600;

const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;

/// Finds the IP packet in a captured frame. `cut` says that the snap length cut the frame, which explains a short one.
#[inline]
pub(super) fn strip(link: LinkType, bytes: &[u8], cut: bool) -> Result<Frame<'_>, DropReason> {
    let found = match link.0 {
        1 => ethernet(bytes, Vlans::default()),
        0 | 108 => null(bytes),
        7 => arcnet(bytes, 2),
        9 => ppp(bytes, Vlans::default()),
        12 | 14 | 101 => raw(bytes, Vlans::default()),
        50 => ppp_or_cisco_hdlc(bytes),
        51 => pppoe(bytes, Vlans::default()),
        104 => cisco_hdlc(bytes),
        105 => wireless(bytes, false, Vlans::default()),
        113 => linux_cooked(bytes),
        127 => {
            wlan::radiotap(bytes).and_then(|(frame, is_padded)| wireless(frame, is_padded, Vlans::default()))
        }
        129 => arcnet(bytes, 4),
        228 => Ok(untagged(Content::V4, bytes)),
        229 => Ok(untagged(Content::V6, bytes)),
        276 => linux_cooked_2(bytes),
        _ => Err(Miss::Reason(DropReason::UnknownLink)),
    };
    found.map_err(|miss| miss.reason(cut))
}

/// Finds the IP packet inside a tunnel, whose frame was in `vlans` already.
pub(super) fn inside(layer: Layer, bytes: &[u8], vlans: Vlans, cut: bool) -> Result<Frame<'_>, DropReason> {
    let found = match layer {
        Layer::Ip => raw(bytes, vlans),
        Layer::V4 => Ok(Frame { content: Content::V4, vlans, bytes }),
        Layer::V6 => Ok(Frame { content: Content::V6, vlans, bytes }),
        Layer::Ethernet => ethernet(bytes, vlans),
        Layer::Ethertype(ethertype) => by_ethertype(ethertype, bytes, vlans),
        Layer::Ppp => ppp(bytes, vlans),
        Layer::Wlan => wireless(bytes, false, vlans),
    };
    found.map_err(|miss| miss.reason(cut))
}

/// Why there is no IP packet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Miss {
    Reason(DropReason),
    /// The bytes end inside a header.
    Short,
}

impl Miss {
    /// The reason. `cut` says that the snap length cut the bytes.
    pub(super) fn reason(self, cut: bool) -> DropReason {
        match self {
            Self::Reason(reason) => reason,
            Self::Short if cut => DropReason::Truncated,
            Self::Short => DropReason::Malformed,
        }
    }
}

type Found<'a> = Result<Frame<'a>, Miss>;

#[inline]
fn ethernet(bytes: &[u8], vlans: Vlans) -> Found<'_> {
    let (ethertype, bytes) = ethertype_of(bytes)?;
    match ethertype {
        ETHERTYPE_IPV4 => Ok(Frame { content: Content::V4, vlans, bytes }),
        _ => by_ethertype(ethertype, bytes, vlans),
    }
}

/// An Ethernet frame's type, and what follows.
#[inline]
fn ethertype_of(frame: &[u8]) -> Result<(u16, &[u8]), Miss> {
    let (&[_, _, _, _, _, _, _, _, _, _, _, _, t0, t1], rest) =
        frame.split_first_chunk().ok_or(Miss::Short)?;
    Ok((u16::from_be_bytes([t0, t1]), rest))
}

/// What follows an ethertype; tags are followed further.
fn by_ethertype(mut ethertype: u16, mut bytes: &[u8], mut vlans: Vlans) -> Found<'_> {
    for _ in 0..=VLAN_TAGS_MAX {
        match ethertype {
            ETHERTYPE_IPV4 => return Ok(Frame { content: Content::V4, vlans, bytes }),
            ETHERTYPE_IPV6 => return Ok(Frame { content: Content::V6, vlans, bytes }),
            ETHERTYPE_VLAN | ETHERTYPE_PROVIDER_VLAN | ETHERTYPE_OLD_QINQ => {
                let (&[i0, i1, t0, t1], rest) = bytes.split_first_chunk().ok_or(Miss::Short)?;
                // Id 0 marks a priority, not a network.
                match u16::from_be_bytes([i0, i1]) & 0x0fff {
                    0 => {}
                    id => vlans.push(id),
                }
                (ethertype, bytes) = (u16::from_be_bytes([t0, t1]), rest);
            }
            ETHERTYPE_MPLS | ETHERTYPE_MPLS_MULTICAST => {
                return Ok(Frame { content: Content::Mpls, vlans, bytes });
            }
            ETHERTYPE_PPPOE_SESSION => return pppoe(bytes, vlans),
            ETHERTYPE_VN_TAG => {
                let (&[_, _, _, _, t0, t1], rest) = bytes.split_first_chunk().ok_or(Miss::Short)?;
                (ethertype, bytes) = (u16::from_be_bytes([t0, t1]), rest);
            }
            ETHERTYPE_NSH => (ethertype, bytes) = chained(bytes)?,
            // IEEE 802.3: LLC with a SNAP header that has an ethertype of its own.
            length if length < ETHERTYPE_MIN => {
                (ethertype, bytes) = snap(bytes.get(..usize::from(length)).unwrap_or(bytes))?;
            }
            _ => return Err(Miss::Reason(DropReason::NotIp)),
        }
    }
    Err(Miss::Reason(DropReason::Malformed))
}

/// IEEE 802.2 with a SNAP header (RFC 1042).
fn snap(bytes: &[u8]) -> Result<(u16, &[u8]), Miss> {
    match bytes.split_first_chunk() {
        Some((&[0xaa, 0xaa, 0x03, 0, 0, 0, t0, t1], rest)) => Ok((u16::from_be_bytes([t0, t1]), rest)),
        _ => Err(Miss::Reason(DropReason::NotIp)),
    }
}

/// A service chain's header (RFC 8300), its length in words.
fn chained(bytes: &[u8]) -> Result<(u16, &[u8]), Miss> {
    let (&[_, length, _, next], _) = bytes.split_first_chunk().ok_or(Miss::Short)?;
    let rest = bytes.get(usize::from(length & 0x3f) * 4..).ok_or(Miss::Short)?;
    match next {
        1 => Ok((ETHERTYPE_IPV4, rest)),
        2 => Ok((ETHERTYPE_IPV6, rest)),
        3 => ethertype_of(rest),
        5 => Ok((ETHERTYPE_MPLS, rest)),
        _ => Err(Miss::Reason(DropReason::NotIp)),
    }
}

fn wireless(bytes: &[u8], is_padded: bool, vlans: Vlans) -> Found<'_> {
    let (ethertype, bytes) = snap(wlan::payload(bytes, is_padded)?)?;
    by_ethertype(ethertype, bytes, vlans)
}

/// BSD loopback: an address family in the byte order of the capturing machine (or, as type 108, of the network).
fn null(bytes: &[u8]) -> Found<'_> {
    let (&family, rest) = bytes.split_first_chunk().ok_or(Miss::Short)?;
    let family = u32::from_be_bytes(family);
    let family = if family > 0xffff { family.swap_bytes() } else { family };
    match family {
        2 => Ok(untagged(Content::V4, rest)),
        // AF_INET6 of Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS.
        10 | 23 | 24 | 28 | 30 => Ok(untagged(Content::V6, rest)),
        _ => Err(Miss::Reason(DropReason::NotIp)),
    }
}

/// ARCNET: addresses, on Linux an offset, then the code of a protocol of RFC 1051 or of RFC 1201.
fn arcnet(bytes: &[u8], code_at: usize) -> Found<'_> {
    let (&code, rest) = bytes.get(code_at..).and_then(<[u8]>::split_first).ok_or(Miss::Short)?;
    match (code, rest) {
        (240, _) => Ok(untagged(Content::V4, rest)),
        // RFC 1201 splits long packets; a split flag of 0 says that this is a whole one.
        (212, [0, _, _, ip @ ..]) => Ok(untagged(Content::V4, ip)),
        (196, [0, _, _, ip @ ..]) => Ok(untagged(Content::V6, ip)),
        _ => Err(Miss::Reason(DropReason::NotIp)),
    }
}

fn raw(bytes: &[u8], vlans: Vlans) -> Found<'_> {
    match bytes.first().ok_or(Miss::Short)? >> 4 {
        4 => Ok(Frame { content: Content::V4, vlans, bytes }),
        6 => Ok(Frame { content: Content::V6, vlans, bytes }),
        _ => Err(Miss::Reason(DropReason::NotIp)),
    }
}

fn linux_cooked(bytes: &[u8]) -> Found<'_> {
    let (head, rest) = bytes.split_first_chunk::<16>().ok_or(Miss::Short)?;
    let [.., t0, t1] = *head;
    by_ethertype(u16::from_be_bytes([t0, t1]), rest, Vlans::default())
}

fn linux_cooked_2(bytes: &[u8]) -> Found<'_> {
    let (head, rest) = bytes.split_first_chunk::<20>().ok_or(Miss::Short)?;
    let [t0, t1, ..] = *head;
    by_ethertype(u16::from_be_bytes([t0, t1]), rest, Vlans::default())
}

/// PPP (RFC 1661), with or without HDLC-like framing (RFC 1662).
fn ppp(bytes: &[u8], vlans: Vlans) -> Found<'_> {
    let bytes = bytes.strip_prefix(&[0xff, 0x03]).unwrap_or(bytes);
    by_ppp_protocol(bytes, vlans)
}

fn ppp_or_cisco_hdlc(bytes: &[u8]) -> Found<'_> {
    match bytes.first() {
        Some(0x0f | 0x8f) => cisco_hdlc(bytes),
        _ => ppp(bytes, Vlans::default()),
    }
}

fn cisco_hdlc(bytes: &[u8]) -> Found<'_> {
    let (&[_, _, t0, t1], rest) = bytes.split_first_chunk().ok_or(Miss::Short)?;
    by_ethertype(u16::from_be_bytes([t0, t1]), rest, Vlans::default())
}

/// A PPPoE session packet (RFC 2516).
fn pppoe(bytes: &[u8], vlans: Vlans) -> Found<'_> {
    let (&[_, code, _, _, l0, l1], rest) = bytes.split_first_chunk().ok_or(Miss::Short)?;
    if code != 0 {
        return Err(Miss::Reason(DropReason::NotIp));
    }
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    by_ppp_protocol(rest.get(..length).unwrap_or(rest), vlans)
}

fn by_ppp_protocol(bytes: &[u8], vlans: Vlans) -> Found<'_> {
    // An odd first byte is a whole protocol number, compressed (RFC 1661, 6.5).
    let (protocol, bytes) = match bytes {
        [p, rest @ ..] if p & 1 == 1 => (u16::from(*p), rest),
        [p0, p1, rest @ ..] => (u16::from_be_bytes([*p0, *p1]), rest),
        _ => return Err(Miss::Short),
    };
    match protocol {
        PPP_IPV4 => Ok(Frame { content: Content::V4, vlans, bytes }),
        PPP_IPV6 => Ok(Frame { content: Content::V6, vlans, bytes }),
        _ => Err(Miss::Reason(DropReason::NotIp)),
    }
}

#[inline]
fn untagged(content: Content, bytes: &[u8]) -> Frame<'_> {
    Frame { content, vlans: Vlans { ids: [0; super::VLANS_MAX], len: 0 }, bytes }
}
