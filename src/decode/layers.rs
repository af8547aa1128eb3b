//! The way of a packet through the layers, on one screen.
//! It is given a packet and gives its segment, or the reason why there is none.
//! It promises one reading of each packet: that of a Linux host behind the wire.
//!
//! Checksums, offload-aware. A receiver drops what is wrong, so a wrong segment is a decoy — unless the capture
//! was taken on the sending host, whose network card fills checksums in later. These two are told apart by sender:
//! a checksum that covers exactly the pseudo-header was left so on purpose and passes; any other wrong one passes
//! while the sender's address has never written a right one, and is dropped from then on. Frames longer
//! than any wire carries never crossed one, and pass. A live capture is told by the kernel, frame by frame, which
//! checksums are still to be written and which were found right: nothing is guessed of those.
//! Whatever passes in doubt is counted.

use super::checksum::{self, Verdict};
use super::config::{Checksums, Config};
use super::defrag::Defrag;
use super::ip::{HeaderSum, IpPacket, PROTOCOL_GRE, PROTOCOL_IPV4, PROTOCOL_IPV6, PROTOCOL_TCP};
use super::link::{self, IpVersion};
use super::senders::{Layer, Senders};
use super::{Endpoint, Segment, ipv4, ipv6, tcp, tunnel};
use crate::capture::{Checksum, Packet};
use crate::metrics::{Counters, DropReason};
use heelguard_detectors::anomaly::Anomaly;
use std::time::Duration;

/// The longest frame of any ordinary network; what is longer was captured before it was cut, or after it was joined.
const WIRE_BYTES_MAX: usize = 9_216;

/// Everything that decoding remembers.
pub(super) struct Layers {
    config: Config,
    senders: Senders,
    defrag: Defrag,
}

/// Where the present packet is counted.
pub(super) struct Tally<'c> {
    pub(super) counters: &'c mut Counters,
    /// Packets that stand behind the outcome: more than one when fragments made a datagram.
    pub(super) packets: u64,
}

/// Why a packet gives no segment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refused {
    Dropped(DropReason),
    /// A fragment that waits for others.
    Held,
}

impl From<DropReason> for Refused {
    fn from(reason: DropReason) -> Self {
        Self::Dropped(reason)
    }
}

impl Layers {
    pub(super) fn new(config: Config) -> Self {
        let timeout = Duration::from_millis(config.fragment_timeout_ms);
        let defrag = Defrag::new(config.fragment_bytes_max, timeout);
        Self { config, senders: Senders::default(), defrag }
    }

    #[inline]
    pub(super) fn segment<'a>(
        &'a mut self,
        packet: Packet<'a>,
        tally: &mut Tally<'_>,
    ) -> Result<Segment<'a>, Refused> {
        let Self { config, senders, defrag } = self;
        defrag.expire(packet.time, tally.counters);
        let cut_bytes = packet.original_len.saturating_sub(packet.data.len() as u32);
        let mut frame = link::strip(packet.link, packet.data, cut_bytes > 0)?;
        if let Some(id) = packet.offload.vlan {
            frame.vlans = frame.vlans.inside(id);
        }
        // The packet inside a tunnel would go through the lines below as a frame of its own.
        let wire_len = (frame.bytes.len() as u32).saturating_add(cut_bytes);
        let extensions_max = config.ip_extension_headers_max;
        let ip = match frame.version {
            IpVersion::V4 => ipv4::parse(frame.bytes, wire_len)?,
            IpVersion::V6 => ipv6::parse(frame.bytes, wire_len, extensions_max)
                .inspect_err(|reason| note_ext_limit(*reason, tally))?,
        };
        judge_header(config.checksums, &ip, senders, tally)?;
        let ip = match ip.fragment {
            None => ip,
            // IPv4 fragments all bear the protocol, so others need not be kept.
            Some(_) if ip.src.is_ipv4() && ip.protocol != PROTOCOL_TCP => {
                return Err(other(ip.protocol).into());
            }
            Some(fragment) => {
                let first = fragment.offset == 0;
                if first && ip.src.is_ipv6() && !ipv6::holds_all_headers(ip, extensions_max) {
                    return Err(DropReason::Malformed.into());
                }
                let whole = defrag.add(ip, fragment, frame.vlans, packet.time, tally)?;
                ipv6::walk_on(whole, extensions_max).inspect_err(|reason| note_ext_limit(*reason, tally))?
            }
        };
        if ip.protocol != PROTOCOL_TCP {
            tunnel::look_into(&ip, &mut tally.counters.sight);
            return Err(other(ip.protocol).into());
        }
        let tcp = tcp::parse(ip.payload, ip.missing)?;
        judge_segment(config.checksums, packet.offload.checksum, &ip, senders, tally)?;
        Ok(Segment {
            time: packet.time,
            src: Endpoint { ip: ip.src, port: tcp.src_port },
            dst: Endpoint { ip: ip.dst, port: tcp.dst_port },
            vlans: frame.vlans,
            ttl: ip.ttl,
            seq: tcp.seq,
            ack: tcp.ack,
            flags: tcp.flags,
            window: tcp.window,
            urgent: tcp.urgent,
            options: tcp.options,
            payload: tcp.payload,
            missing: ip.missing,
        })
    }

    pub(super) fn finish(&mut self, counters: &mut Counters) {
        self.defrag.finish(counters);
    }
}

/// What a protocol is that is not TCP.
fn other(protocol: u8) -> DropReason {
    match protocol {
        PROTOCOL_IPV4 | PROTOCOL_IPV6 | PROTOCOL_GRE => DropReason::Tunnel,
        _ => DropReason::NotTcp,
    }
}

fn note_ext_limit(reason: DropReason, tally: &mut Tally<'_>) {
    if reason == DropReason::ExtLimit {
        tally.counters.anomalies.count(Anomaly::IpExtLimit);
    }
}

/// The IPv4 header checksum.
#[inline]
fn judge_header(
    checksums: Checksums,
    ip: &IpPacket<'_>,
    senders: &mut Senders,
    tally: &mut Tally<'_>,
) -> Result<(), DropReason> {
    match (ip.header_sum, checksums) {
        (_, Checksums::Off) | (HeaderSum::None, _) => return Ok(()),
        (HeaderSum::Good, _) => {
            senders.note(ip.src, Layer::Ip);
            return Ok(());
        }
        (HeaderSum::Bad, _) => tally.counters.anomalies.count(Anomaly::IpBadChecksum),
    }
    let decoy = checksums == Checksums::Strict || senders.is_exact(ip.src, Layer::Ip);
    if decoy { Err(DropReason::BadIpChecksum) } else { Ok(()) }
}

/// The TCP checksum; a segment that was not captured whole cannot be judged.
#[inline]
fn judge_segment(
    checksums: Checksums,
    known: Checksum,
    ip: &IpPacket<'_>,
    senders: &mut Senders,
    tally: &mut Tally<'_>,
) -> Result<(), DropReason> {
    if checksums == Checksums::Off || ip.missing > 0 {
        return Ok(());
    }
    let aware = checksums == Checksums::OffloadAware;
    // The kernel knows of a frame, not of the datagram that several made.
    let known = if tally.packets == 1 { known } else { Checksum::Unknown };
    match known {
        // Summed up by the card: nothing is left to do, and the sender is one that writes right ones.
        Checksum::Right => {
            senders.note(ip.src, Layer::Tcp);
            return Ok(());
        }
        Checksum::Unwritten if aware => return Ok(()),
        Checksum::Unwritten | Checksum::Unknown => {}
    }
    let verdict = checksum::judge_tcp(ip.src, ip.dst, ip.payload);
    if verdict == Verdict::Good {
        senders.note(ip.src, Layer::Tcp);
        return Ok(());
    }
    let exact = senders.is_exact(ip.src, Layer::Tcp);
    if verdict == Verdict::Partial && aware && !exact {
        return Ok(());
    }
    tally.counters.anomalies.count(Anomaly::TcpBadChecksum);
    let uncut = tally.packets == 1 && ip.payload.len() > WIRE_BYTES_MAX;
    let passes = aware && (verdict == Verdict::Partial || !exact || uncut);
    if passes { Ok(()) } else { Err(DropReason::BadTcpChecksum) }
}
