//! One capture as several, each with some of its connections: what each of several sensors would have seen.
//! It is given a classic pcap of Ethernet frames, and to which part a connection goes.
//! It promises both directions of a connection to one part, every packet to exactly one, the order of time, and parts
//! that all end when the whole did.

use std::net::{IpAddr, SocketAddr};

/// The head of a classic pcap, and of each of its packets.
pub const HEAD_BYTES: usize = 24;
const PACKET_HEAD_BYTES: usize = 16;
/// LINKTYPE_ETHERNET.
const ETHERNET: [u8; 4] = [1, 0, 0, 0];
/// 802.1Q and 802.1ad.
const VLANS: [u16; 2] = [0x8100, 0x88a8];
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// An LLDP frame's head: nobody's connection.
const NOBODYS: [u8; 14] = [1, 0x80, 0xc2, 0, 0, 0x0e, 2, 0, 0, 0, 0, 1, 0x88, 0xcc];

/// Both ends of a connection, the lower one first: the same in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connection([SocketAddr; 2]);

impl Connection {
    fn new(a: SocketAddr, b: SocketAddr) -> Self {
        Self([a.min(b), a.max(b)])
    }

    /// The client's port, where the server's is a low one.
    pub fn high_port(&self) -> u16 {
        self.0.map(|end| end.port()).into_iter().max().expect("two ends")
    }

    /// A number that is the same in every run (FNV-1a over both ends).
    pub fn hash(&self) -> u64 {
        let text = format!("{} {}", self.0[0], self.0[1]);
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }
}

/// A packet as it lies in the capture: its head and its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a>(pub &'a [u8]);

impl Packet<'_> {
    /// Seconds and a fraction, as they are written.
    pub fn time(&self) -> &[u8] {
        &self.0[..8]
    }

    /// Whose it is; nobody's, if it is neither TCP nor UDP or no first fragment.
    fn connection(&self) -> Option<Connection> {
        let mut rest = self.0.get(PACKET_HEAD_BYTES + 12..)?;
        let mut kind = word(rest, 0)?;
        while VLANS.contains(&kind) {
            rest = rest.get(4..)?;
            kind = word(rest, 0)?;
        }
        let packet = rest.get(2..)?;
        let (ends, ports) = match kind {
            IPV4 => {
                let is_fragment = word(packet, 6)? & 0x1fff != 0;
                let is_read = matches!(*packet.get(9)?, TCP | UDP) && !is_fragment;
                let addresses = [packet.get(12..16)?, packet.get(16..20)?];
                let ends = addresses.map(|bytes| <[u8; 4]>::try_from(bytes).map(IpAddr::from).ok());
                (ends, packet.get(usize::from(packet[0] & 15) * 4..).filter(|_| is_read)?)
            }
            IPV6 => {
                let is_read = matches!(*packet.get(6)?, TCP | UDP);
                let addresses = [packet.get(8..24)?, packet.get(24..40)?];
                let ends = addresses.map(|bytes| <[u8; 16]>::try_from(bytes).map(IpAddr::from).ok());
                (ends, packet.get(40..).filter(|_| is_read)?)
            }
            _ => return None,
        };
        let [src, dst] = ends;
        let (src, dst) = ((src?, word(ports, 0)?).into(), (dst?, word(ports, 2)?).into());
        Some(Connection::new(src, dst))
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().map(u16::from_be_bytes).ok()
}

/// The head of a capture, and its packets.
pub fn packets(capture: &[u8]) -> (&[u8], Vec<Packet<'_>>) {
    let (head, mut rest) = capture.split_at(HEAD_BYTES);
    assert_eq!(head[20..], ETHERNET, "only Ethernet is split");
    let mut packets = Vec::new();
    while let Some(length) = rest.get(8..12).and_then(|length| length.first_chunk()) {
        let length = PACKET_HEAD_BYTES + u32::from_le_bytes(*length) as usize;
        let (packet, after) = rest.split_at_checked(length).expect("a capture that is not cut");
        packets.push(Packet(packet));
        rest = after;
    }
    (head, packets)
}

/// The capture in so many parts. What is nobody's goes to the first; behind each stands a frame of the moment at which
/// the whole ends, so that time goes on for every sensor as it does for one.
pub fn parts(capture: &[u8], count: usize, part_of: impl Fn(&Connection) -> usize) -> Vec<Vec<u8>> {
    let (head, packets) = packets(capture);
    let mut parts = vec![head.to_vec(); count];
    for packet in &packets {
        let part = packet.connection().map_or(0, |connection| part_of(&connection) % count);
        parts[part].extend(packet.0);
    }
    if let Some(last) = packets.last() {
        let end = nobodys(last.time());
        for part in &mut parts {
            part.extend(&end);
        }
    }
    parts
}

/// A packet of this moment that is nobody's.
pub fn nobodys(time: &[u8]) -> Vec<u8> {
    let length = u32::try_from(NOBODYS.len()).expect("short").to_le_bytes();
    [time, &length, &length, &NOBODYS].concat()
}

/// By connection, as a switch deals flows.
pub fn by_connection(connection: &Connection) -> usize {
    usize::try_from(connection.hash() >> 33).expect("31 bits")
}

#[test]
fn both_directions_go_to_one_part_and_nothing_is_lost() {
    let text = |port: u16| {
        format!(
            "@open a 84.128.212.178:{port} -> 10.0.0.5:80 at 2026-11-21T10:00:00Z\n\
             @a> +1ms\nGET / HTTP/1.1\nHost: a.example.com\n\n@a< +1ms\nHTTP/1.1 200 OK\n\n@close a +1ms\n"
        )
    };
    let texts: String = (20_000..20_040).map(text).collect();
    let capture = crate::support::conversation::pcap(&texts);
    let split = parts(&capture, 3, by_connection);
    let connections = |capture: &[u8]| -> Vec<Connection> {
        packets(capture).1.iter().filter_map(Packet::connection).collect()
    };
    let mut all: Vec<Connection> = split.iter().flat_map(|part| connections(part)).collect();
    let mut whole = connections(&capture);
    assert_eq!(whole.len(), packets(&capture).1.len(), "every packet is somebody's");
    all.sort();
    whole.sort();
    assert_eq!(all, whole);
    for part in &split {
        let own = connections(part);
        assert!(own.len() > 40, "{}", own.len());
        let elsewhere = split.iter().filter(|other| connections(other).iter().any(|one| own.contains(one)));
        assert_eq!(elsewhere.count(), 1, "no connection is in two parts");
    }
}
