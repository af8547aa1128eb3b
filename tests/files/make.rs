//! Capture files written byte by byte, so that reader and writer share no mistake.

use std::io::Write;

/// A byte order to write in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    Big,
    Little,
}

impl Order {
    pub(crate) const BOTH: [Self; 2] = [Self::Big, Self::Little];

    pub(crate) fn u16(self, value: u16) -> [u8; 2] {
        if self == Self::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub(crate) fn u32(self, value: u32) -> [u8; 4] {
        if self == Self::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }
}

pub(crate) fn pcap_header(order: Order, magic: u32, snap_len: u32, link: u32) -> Vec<u8> {
    let words = [magic, 0, 0, 0, snap_len, link].map(|word| order.u32(word));
    let mut header = words.concat();
    header[4..6].copy_from_slice(&order.u16(2));
    header[6..8].copy_from_slice(&order.u16(4));
    header
}

pub(crate) fn pcap_packet(order: Order, secs: u64, fraction: u32, data: &[u8]) -> Vec<u8> {
    let len = data.len() as u32;
    [&[secs as u32, fraction, len, len].map(|word| order.u32(word)).concat()[..], data].concat()
}

/// A plain pcap file: packets `0`, `1`, … at the given seconds.
pub(crate) fn pcap(times: &[u64]) -> Vec<u8> {
    let header = pcap_header(Order::Little, 0xa1b2_c3d4, 65_535, 1);
    let packets =
        times.iter().enumerate().map(|(i, secs)| pcap_packet(Order::Little, *secs, 0, &[b'0' + i as u8]));
    [header, packets.flatten().collect()].concat()
}

pub(crate) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let body = [body, &vec![0; body.len().next_multiple_of(4) - body.len()]].concat();
    let length = order.u32(body.len() as u32 + 12);
    [&order.u32(kind)[..], &length, &body, &length].concat()
}

pub(crate) fn section(order: Order) -> Vec<u8> {
    block(
        order,
        0x0a0d_0d0a,
        &[&order.u32(0x1a2b_3c4d)[..], &order.u16(1), &order.u16(0), &[0xff; 8]].concat(),
    )
}

pub(crate) fn interface(order: Order, link: u16, snap_len: u32, options: &[u8]) -> Vec<u8> {
    block(order, 1, &[&order.u16(link)[..], &[0, 0], &order.u32(snap_len), options].concat())
}

pub(crate) fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
    [&order.u16(code)[..], &order.u16(value.len() as u16), value, &padding].concat()
}

pub(crate) fn enhanced(order: Order, interface: u32, timestamp: u64, data: &[u8]) -> Vec<u8> {
    let len = data.len() as u32;
    let words = [interface, (timestamp >> 32) as u32, timestamp as u32, len, len].map(|word| order.u32(word));
    block(order, 6, &[&words.concat()[..], data].concat())
}

/// A plain pcapng file: packets `0`, `1`, … at the given seconds.
pub(crate) fn pcapng(times: &[u64]) -> Vec<u8> {
    let order = Order::Little;
    let packets =
        times.iter().enumerate().map(|(i, secs)| enhanced(order, 0, secs * 1_000_000, &[b'0' + i as u8]));
    [section(order), interface(order, 1, 0, &[]), packets.flatten().collect()].concat()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}
