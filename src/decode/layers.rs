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
use super::ip::{HeaderSum, IpPacket, PROTOCOL_TCP};
use super::link::{self, Content, Frame};
use super::quic::{Datagram, Paths};
use super::senders::{Layer, Senders};
use super::tunnel::{self, TUNNELS_MAX, Way};
use super::{Endpoint, Segment, TcpFlags, TcpOptions, Tenant, ipv4, ipv6, tcp};
use crate::capture::{Checksum, Packet};
use crate::metrics::{Counters, DropReason};
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::time::EventTime;
use std::slice::IterMut;
use std::time::Duration;

/// The longest frame of any ordinary network; what is longer was captured before it was cut, or after it was joined.
const WIRE_BYTES_MAX: usize = 9_216;

/// Everything that decoding remembers.
pub(super) struct Layers {
    reader: Reader,
    paths: Paths,
    /// Datagrams that were put together: of a packet in tunnels, at most one around each, and its own.
    assembled: [Vec<u8>; TUNNELS_MAX + 1],
}

/// Reads one IP header after the other.
struct Reader {
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
        let reader = Reader { config, senders: Senders::default(), defrag };
        Self { reader, paths: Paths::default(), assembled: Default::default() }
    }

    #[inline]
    pub(super) fn segment<'a>(
        &'a mut self,
        packet: Packet<'a>,
        tally: &mut Tally<'_>,
    ) -> Result<Segment<'a>, Refused> {
        let Self { reader, paths, assembled } = self;
        reader.defrag.expire(packet.time, tally.counters);
        let mut cut_bytes = packet.original_len.saturating_sub(packet.data.len() as u32);
        let mut frame = link::strip(packet.link, packet.data, cut_bytes > 0)?;
        if let Some(id) = packet.offload.vlan {
            frame.vlans = frame.vlans.inside(id);
        }
        let mut known = packet.offload.checksum;
        let (mut way, mut spare) = (Way::default(), assembled.iter_mut());
        let ip = loop {
            let inside = match frame.content {
                Content::Mpls => tunnel::unlabel(frame.bytes, cut_bytes > 0)?,
                Content::V4 | Content::V6 => {
                    let ip = reader.ip(&frame, cut_bytes, way.tenant, packet.time, &mut spare, tally)?;
                    if ip.protocol == PROTOCOL_TCP {
                        break ip;
                    }
                    let inside = tunnel::open(&ip, &reader.config);
                    if let Err(DropReason::NotTcp) = inside
                        && let Some(datagram) = paths.read(&ip, way.tenant)
                    {
                        return Ok(of_quic(&datagram, &ip, packet.time, &frame, &way));
                    }
                    cut_bytes = ip.missing;
                    inside?
                }
            };
            (frame, cut_bytes) = way.enter(inside, frame.vlans, cut_bytes, &mut tally.counters.sight)?;
            known = known.inside();
        };
        let tcp = tcp::parse(ip.payload, ip.missing)?;
        reader.judge_segment(known, &ip, way.tenant, tally)?;
        Ok(Segment {
            time: packet.time,
            src: Endpoint { ip: ip.src, port: tcp.src_port },
            dst: Endpoint { ip: ip.dst, port: tcp.dst_port },
            vlans: frame.vlans,
            tunnel: way.tunnel,
            tenant: way.tenant,
            ttl: ip.ttl,
            seq: tcp.seq,
            ack: tcp.ack,
            flags: tcp.flags,
            window: tcp.window,
            urgent: tcp.urgent,
            options: tcp.options,
            payload: tcp.payload,
            missing: ip.missing,
            is_datagram: false,
        })
    }

    pub(super) fn finish(&mut self, counters: &mut Counters) {
        self.reader.defrag.finish(counters);
    }
}

impl Reader {
    /// The IP packet of a frame of which `cut_bytes` were not captured; whole, if it came in fragments.
    #[inline]
    fn ip<'a>(
        &mut self,
        frame: &Frame<'a>,
        cut_bytes: u32,
        tenant: Tenant,
        time: EventTime,
        spare: &mut IterMut<'a, Vec<u8>>,
        tally: &mut Tally<'_>,
    ) -> Result<IpPacket<'a>, Refused> {
        let wire_len = (frame.bytes.len() as u32).saturating_add(cut_bytes);
        let extensions_max = self.config.ip_extension_headers_max;
        let ip = match frame.content {
            Content::V4 => ipv4::parse(frame.bytes, wire_len)?,
            _ => ipv6::parse(frame.bytes, wire_len, extensions_max)
                .inspect_err(|reason| note_ext_limit(*reason, tally))?,
        };
        self.judge_header(&ip, tenant, tally)?;
        let Some(fragment) = ip.fragment else { return Ok(ip) };
        // IPv4 fragments all bear the protocol, so others need not be kept.
        if ip.src.is_ipv4() && ip.protocol != PROTOCOL_TCP && !tunnel::may_carry(ip.protocol) {
            return Err(DropReason::NotTcp.into());
        }
        let first = fragment.offset == 0;
        if first && ip.src.is_ipv6() && !ipv6::holds_all_headers(ip, extensions_max) {
            return Err(DropReason::Malformed.into());
        }
        let buffer = spare.next().ok_or(DropReason::TunnelDepth)?;
        let whole = self.defrag.add(ip, fragment, (frame.vlans, tenant), (time, buffer), tally)?;
        let whole = ipv6::walk_on(whole, extensions_max);
        Ok(whole.inspect_err(|reason| note_ext_limit(*reason, tally))?)
    }

    /// The IPv4 header checksum.
    #[inline]
    fn judge_header(
        &mut self,
        ip: &IpPacket<'_>,
        tenant: Tenant,
        tally: &mut Tally<'_>,
    ) -> Result<(), DropReason> {
        let checksums = self.config.checksums;
        match (ip.header_sum, checksums) {
            (_, Checksums::Off) | (HeaderSum::None, _) => return Ok(()),
            (HeaderSum::Good, _) => {
                self.senders.note((ip.src, tenant), Layer::Ip);
                return Ok(());
            }
            (HeaderSum::Bad, _) => tally.counters.anomalies.count(Anomaly::IpBadChecksum),
        }
        let decoy = checksums == Checksums::Strict || self.senders.is_exact((ip.src, tenant), Layer::Ip);
        if decoy { Err(DropReason::BadIpChecksum) } else { Ok(()) }
    }

    /// The TCP checksum; a segment that was not captured whole cannot be judged.
    #[inline]
    fn judge_segment(
        &mut self,
        known: Checksum,
        ip: &IpPacket<'_>,
        tenant: Tenant,
        tally: &mut Tally<'_>,
    ) -> Result<(), DropReason> {
        let checksums = self.config.checksums;
        if checksums == Checksums::Off || ip.missing > 0 {
            return Ok(());
        }
        let sender = (ip.src, tenant);
        let aware = checksums == Checksums::OffloadAware;
        // The kernel knows of a frame, not of the datagram that several made.
        let known = if tally.packets == 1 { known } else { Checksum::Unknown };
        match known {
            // Summed up by the card: nothing is left to do, and the sender is one that writes right ones.
            Checksum::Right => {
                self.senders.note(sender, Layer::Tcp);
                return Ok(());
            }
            Checksum::Unwritten if aware => return Ok(()),
            Checksum::Unwritten | Checksum::Unknown => {}
        }
        let verdict = checksum::judge_tcp(ip.src, ip.dst, ip.payload);
        if verdict == Verdict::Good {
            self.senders.note(sender, Layer::Tcp);
            return Ok(());
        }
        let exact = self.senders.is_exact(sender, Layer::Tcp);
        if verdict == Verdict::Partial && aware && !exact {
            return Ok(());
        }
        tally.counters.anomalies.count(Anomaly::TcpBadChecksum);
        let uncut = tally.packets == 1 && ip.payload.len() > WIRE_BYTES_MAX;
        let passes = aware && (verdict == Verdict::Partial || !exact || uncut);
        if passes { Ok(()) } else { Err(DropReason::BadTcpChecksum) }
    }
}

/// A datagram in the form of a segment.
#[cold]
fn of_quic<'a>(
    datagram: &Datagram<'a>,
    ip: &IpPacket<'_>,
    time: EventTime,
    frame: &Frame<'_>,
    way: &Way,
) -> Segment<'a> {
    let [src, dst] = datagram.ports;
    Segment {
        time,
        src: Endpoint { ip: ip.src, port: src },
        dst: Endpoint { ip: ip.dst, port: dst },
        vlans: frame.vlans,
        tunnel: way.tunnel,
        tenant: way.tenant,
        ttl: ip.ttl,
        seq: 0,
        ack: 0,
        flags: TcpFlags::default(),
        window: 0,
        urgent: 0,
        options: TcpOptions::default(),
        payload: datagram.payload,
        missing: datagram.missing,
        is_datagram: true,
    }
}

fn note_ext_limit(reason: DropReason, tally: &mut Tally<'_>) {
    if reason == DropReason::ExtLimit {
        tally.counters.anomalies.count(Anomaly::IpExtLimit);
    }
}
