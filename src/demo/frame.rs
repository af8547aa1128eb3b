//! TCP segments as Ethernet frames: IPv4 or IPv6, timestamps, and checksums that are right.
//! It is given one segment's facts and writes its bytes into a buffer that is used again and again.
//! It promises frames that any host would accept.

use crate::decode::TcpFlags;
use std::net::{IpAddr, SocketAddr};

/// The most payload in one frame of 1514 bytes with timestamps, over IPv4 and IPv6.
pub(super) fn payload_max(address: IpAddr) -> usize {
    if address.is_ipv4() { 1_448 } else { 1_428 }
}

/// One segment to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing<'a> {
    pub src: SocketAddr,
    pub dst: SocketAddr,
    pub ttl: u8,
    /// IPv4 identification.
    pub ip_id: u16,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub window: u16,
    /// Timestamp value and echo (RFC 7323).
    pub timestamps: (u32, u32),
    pub payload: &'a [u8],
}

/// Writes the whole frame into `out`, which is cleared first.
pub(super) fn write(out: &mut Vec<u8>, segment: &Outgoing<'_>) {
    out.clear();
    ethernet(out, segment);
    let mut buffer = [0u8; 20];
    let options_len = options(segment, &mut buffer);
    let options = &buffer[..options_len];
    let tcp_len = 20 + options.len() + segment.payload.len();
    let pseudo_sum = match (segment.src.ip(), segment.dst.ip()) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            ipv4(out, segment, src.octets(), dst.octets(), tcp_len);
            sum(&src.octets()) + sum(&dst.octets())
        }
        (src, dst) => {
            let (src, dst) = (v6_octets(src), v6_octets(dst));
            ipv6(out, segment, src, dst, tcp_len);
            sum(&src) + sum(&dst)
        }
    };
    tcp(out, segment, options, pseudo_sum + 6 + tcp_len as u64);
}

/// Locally administered addresses, a stable one for each host.
fn ethernet(out: &mut Vec<u8>, segment: &Outgoing<'_>) {
    for host in [segment.dst, segment.src] {
        let tail = match host.ip() {
            IpAddr::V4(ip) => ip.octets(),
            IpAddr::V6(ip) => {
                let [.., a, b, c, d] = ip.octets();
                [a, b, c, d]
            }
        };
        out.extend_from_slice(&[0x02, 0x42]);
        out.extend_from_slice(&tail);
    }
    let ether_type: u16 = if segment.src.is_ipv4() { 0x0800 } else { 0x86DD };
    out.extend_from_slice(&ether_type.to_be_bytes());
}

fn ipv4(out: &mut Vec<u8>, segment: &Outgoing<'_>, src: [u8; 4], dst: [u8; 4], tcp_len: usize) {
    let mut header = [0u8; 20];
    header[0] = 0x45;
    header[2..4].copy_from_slice(&((20 + tcp_len) as u16).to_be_bytes());
    header[4..6].copy_from_slice(&segment.ip_id.to_be_bytes());
    header[6] = 0x40; // don't fragment
    header[8] = segment.ttl;
    header[9] = 6; // TCP
    header[12..16].copy_from_slice(&src);
    header[16..20].copy_from_slice(&dst);
    let checksum = fold(sum(&header));
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    out.extend_from_slice(&header);
}

fn ipv6(out: &mut Vec<u8>, segment: &Outgoing<'_>, src: [u8; 16], dst: [u8; 16], tcp_len: usize) {
    let flow_label = u32::from(segment.src.port()) << 3 | u32::from(segment.dst.port() & 7);
    out.extend_from_slice(&(0x6000_0000 | flow_label).to_be_bytes());
    out.extend_from_slice(&(tcp_len as u16).to_be_bytes());
    out.extend_from_slice(&[6, segment.ttl]);
    out.extend_from_slice(&src);
    out.extend_from_slice(&dst);
}

fn tcp(out: &mut Vec<u8>, segment: &Outgoing<'_>, options: &[u8], pseudo_sum: u64) {
    let start = out.len();
    let header_words = (20 + options.len()) / 4;
    out.extend_from_slice(&segment.src.port().to_be_bytes());
    out.extend_from_slice(&segment.dst.port().to_be_bytes());
    out.extend_from_slice(&segment.seq.to_be_bytes());
    out.extend_from_slice(&segment.ack.to_be_bytes());
    out.extend_from_slice(&[(header_words << 4) as u8, segment.flags]);
    out.extend_from_slice(&segment.window.to_be_bytes());
    out.extend_from_slice(&[0; 4]); // checksum and urgent pointer
    out.extend_from_slice(options);
    out.extend_from_slice(segment.payload);
    let checksum = fold(pseudo_sum + sum(&out[start..]));
    out[start + 16..start + 18].copy_from_slice(&checksum.to_be_bytes());
}

/// On a SYN: segment size, SACK, timestamps, window scale; otherwise timestamps alone.
fn options(segment: &Outgoing<'_>, buffer: &mut [u8; 20]) -> usize {
    let [v0, v1, v2, v3] = segment.timestamps.0.to_be_bytes();
    let [e0, e1, e2, e3] = segment.timestamps.1.to_be_bytes();
    if segment.flags & TcpFlags::SYN == 0 {
        buffer[..12].copy_from_slice(&[1, 1, 8, 10, v0, v1, v2, v3, e0, e1, e2, e3]);
        return 12;
    }
    let [m0, m1] = (payload_max(segment.src.ip()) as u16 + 12).to_be_bytes();
    *buffer = [2, 4, m0, m1, 4, 2, 8, 10, v0, v1, v2, v3, e0, e1, e2, e3, 1, 3, 3, 7];
    20
}

/// The sum of big-endian 16-bit words (RFC 1071), folded by `fold`; 2^40 bytes fit.
fn sum(bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(2);
    let mut total: u64 = words.by_ref().map(|pair| u64::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    if let [last] = words.remainder() {
        total += u64::from(*last) << 8;
    }
    total
}

fn fold(mut total: u64) -> u16 {
    while total > 0xFFFF {
        total = (total & 0xFFFF) + (total >> 16);
    }
    !(total as u16)
}

fn v6_octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}
