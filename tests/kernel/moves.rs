//! What a peer may do: each move a packet or two, or something the application does.
//! A move is told where in the stream it strikes and carries it out on a connection.
//! It promises to be plain data, so that a connection that went wrong can be shown and played again.

use crate::craft::{Tcp, checksum};
use crate::peer::Peer;
use heelguard::decode::TcpFlags;

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Move {
    /// A segment with data.
    Piece(Piece),
    /// The same from the edge of the window on: as many bytes before it (or, if negative, beyond it).
    Edge(i64, Piece),
    /// A segment without data, so far from the next byte that the kernel expects.
    Probe { from_next: i64, window: u16, urgent: Option<u16>, fault: Fault },
    /// What keeps a connection alive: the last byte again, right or as garbage, or none.
    KeepAlive(Option<u8>),
    /// A reset, so far from the next byte that the kernel expects.
    Reset { from_next: i64, with_ack: bool },
    /// A SYN inside the connection, so far from the next byte that the kernel expects.
    Syn { from_next: i64, with_ack: bool, data: usize },
    /// A packet of before once more, byte by byte; counted back from the last.
    Again(usize),
    /// The application reads what there is.
    Read,
    /// The application writes so many bytes.
    Write(usize),
}

/// A segment with data of the stream.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Where in the stream.
    pub at: i64,
    pub length: usize,
    /// Other bytes than the true ones.
    pub own: Option<u8>,
    pub fin: bool,
    pub urgent: Option<u16>,
    /// The IP packet comes in two fragments; the later one first if so told.
    pub fragments: Option<bool>,
    pub fault: Fault,
}

/// What is wrong with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    TcpChecksum,
    IpChecksum,
    /// No ACK flag, but these.
    Flags(u8),
    /// With these flags beside ACK.
    MoreFlags(u8),
    Signed,
    /// Acknowledges so much more than the kernel has sent, or less.
    Acks(i64),
    /// A timestamp so far from the peer's clock.
    Clock(i64),
    NoClock,
    /// Options that contradict their lengths.
    BadOptions,
    /// An option nobody knows.
    OddOption,
    /// A data offset behind the segment's end.
    BadOffset,
    /// This window.
    Window(u16),
    /// Bytes behind the IP packet's end, as short Ethernet frames have.
    Trailer,
}

impl Move {
    /// Does it on a connection whose stream is `text`.
    pub fn play(&self, peer: &mut Peer<'_>, text: &[u8]) {
        match self {
            Self::Piece(piece) => piece.play(peer, text),
            Self::Edge(before, piece) => {
                Piece { at: peer.edge() - before, ..piece.clone() }.play(peer, text);
            }
            Self::Probe { from_next, window, urgent, fault } => {
                let mut tcp = peer.at(peer.acked() + from_next);
                tcp.window = *window;
                point(&mut tcp, *urgent);
                let packet = fault.spoil(tcp, peer);
                peer.send_packet(packet);
            }
            Self::KeepAlive(byte) => {
                let mut tcp = peer.at(peer.acked() - 1);
                tcp.payload = byte.iter().copied().collect();
                peer.send(&tcp);
            }
            Self::Reset { from_next, with_ack } => {
                let mut tcp = peer.at(peer.acked() + from_next);
                tcp.flags = TcpFlags::RST | if *with_ack { TcpFlags::ACK } else { 0 };
                peer.send(&tcp);
            }
            Self::Syn { from_next, with_ack, data } => {
                let mut tcp = peer.at(peer.acked() + from_next);
                tcp.flags = TcpFlags::SYN | if *with_ack { TcpFlags::ACK } else { 0 };
                tcp.payload = vec![b'S'; *data];
                peer.send(&tcp);
            }
            Self::Again(back) => {
                let last = peer.record.len() - 1;
                let mut sent =
                    peer.record[..=last].iter().rev().filter(|passed| is_from(peer, &passed.packet));
                if let Some(packet) = sent.nth(*back).map(|passed| passed.packet.clone()) {
                    peer.send_packet(packet);
                }
            }
            Self::Read => peer.read(),
            Self::Write(length) => peer.write(*length),
        }
    }
}

impl Piece {
    /// True bytes.
    pub fn of_text(at: usize, length: usize) -> Self {
        let at = i64::try_from(at).expect("a short text");
        Self { at, length, own: None, fin: false, urgent: None, fragments: None, fault: Fault::None }
    }

    /// The bytes: those of the text, and behind its end zeros, or its own.
    pub fn bytes(&self, text: &[u8]) -> Vec<u8> {
        let byte = |at: i64| usize::try_from(at).ok().and_then(|at| text.get(at)).copied().unwrap_or(b'0');
        let places = self.at..self.at + i64::try_from(self.length).expect("short");
        places.map(|at| self.own.unwrap_or_else(|| byte(at))).collect()
    }

    fn play(&self, peer: &mut Peer<'_>, text: &[u8]) {
        let mut tcp = peer.at(self.at);
        tcp.payload = self.bytes(text);
        tcp.flags |= if self.fin { TcpFlags::FIN } else { 0 };
        point(&mut tcp, self.urgent);
        let packet = self.fault.spoil(tcp, peer);
        match self.fragments.filter(|_| packet[0] == 0x45 && packet.len() > 60) {
            None => peer.send_packet(packet),
            Some(later_first) => {
                let [first, later] = fragments(&packet);
                let order = if later_first { [later, first] } else { [first, later] };
                for fragment in order {
                    peer.send_packet(fragment);
                }
            }
        }
    }
}

impl Fault {
    /// The packet with this fault.
    fn spoil(self, mut tcp: Tcp, peer: &Peer<'_>) -> Vec<u8> {
        match self {
            Self::Flags(flags) => tcp.flags = flags,
            Self::MoreFlags(flags) => tcp.flags |= flags,
            Self::Signed => tcp.options.signed = true,
            Self::Acks(more) => tcp.ack = peer.host_next.wrapping_add(wrapped(more)),
            Self::Clock(more) => {
                if let Some((clock, _)) = &mut tcp.options.timestamps {
                    *clock = clock.wrapping_add(wrapped(more));
                }
            }
            Self::NoClock => tcp.options.timestamps = None,
            Self::BadOptions => tcp.options.malformed = true,
            Self::OddOption => tcp.more_options = vec![253, 6, 1, 2, 3, 4],
            Self::Window(window) => tcp.window = window,
            Self::None | Self::TcpChecksum | Self::IpChecksum | Self::BadOffset | Self::Trailer => {}
        }
        let mut packet = tcp.packet();
        let header = if tcp.src.ip.is_ipv4() { 20 } else { 40 };
        match self {
            Self::IpChecksum if header == 20 => packet[10] ^= 0x5a,
            // IPv6 has no checksum of its own.
            Self::TcpChecksum | Self::IpChecksum => packet[header + 16] ^= 0x5a,
            Self::BadOffset => packet[header + 12] = 0xf0,
            Self::Trailer => packet.extend([0xee; 7]),
            _ => {}
        }
        packet
    }
}

fn point(tcp: &mut Tcp, urgent: Option<u16>) {
    if let Some(pointer) = urgent {
        tcp.flags |= TcpFlags::URG;
        tcp.urgent = pointer;
    }
}

fn wrapped(number: i64) -> u32 {
    u32::try_from(number.rem_euclid(1 << 32)).expect("reduced")
}

fn is_from(peer: &Peer<'_>, packet: &[u8]) -> bool {
    let ports = if packet[0] >> 4 == 4 { 20 } else { 40 };
    packet.get(ports..ports + 2) == Some(&peer.me.port.to_be_bytes()[..])
}

/// An IPv4 packet without options as two fragments, cut behind 32 bytes of its payload.
fn fragments(packet: &[u8]) -> [Vec<u8>; 2] {
    let (header, payload) = packet.split_at(20);
    let (first, later) = payload.split_at(32);
    let part = |bytes: &[u8], flags_and_offset: u16| {
        let mut header = header.to_vec();
        let length = u16::try_from(20 + bytes.len()).expect("a short packet");
        header[2..4].copy_from_slice(&length.to_be_bytes());
        // Each datagram has a number of its own: the checksum of what it carries is as good as any.
        header[4..6].copy_from_slice(&payload[16..18]);
        header[6..8].copy_from_slice(&flags_and_offset.to_be_bytes());
        header[10..12].fill(0);
        let sum = checksum(&[&header]);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        [header, bytes.to_vec()].concat()
    };
    [part(first, 0x2000), part(later, 4)]
}
