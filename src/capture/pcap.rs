//! The pcap format (draft-ietf-opsawg-pcap): one header, then packets.
//! It is given the window and gives records; micro- and nanoseconds, both byte orders, Kuznetzov's longer records.
//! It promises to take no length on trust: what cannot be a packet is a damage.

use super::LinkType;
use super::reader::{ByteOrder, Cut, Fault, LENGTH_MAX, PACKET_BYTES_MAX, Record, end_of_records};
use super::window::Window;

/// Length of the file header.
pub(super) const HEADER_BYTES: usize = 24;

/// Times in microseconds.
const MICROS: u32 = 0xa1b2_c3d4;
/// Times in nanoseconds.
const NANOS: u32 = 0xa1b2_3c4d;
/// Microseconds, and eight more bytes a record (interface, protocol, direction), from old Linux patches.
const KUZNETZOV: u32 = 0xa1b2_cd34;

/// The upper bits of the link type say whether and how long a frame check sequence follows.
const LINK_TYPE_MASK: u32 = 0x03ff_ffff;

/// A writer may exceed the snap length it wrote down, but no packet is longer than this without one.
const CAPTURED_WITHOUT_SNAPLEN_MAX: u32 = 256 * 1024;

/// Files before version 2.4 may hold the two lengths of a record in the other order.
const VERSION_MINOR_WITH_ORDERED_LENGTHS: u16 = 4;

/// What the file header says about all packets.
#[derive(Debug)]
pub(super) struct Header {
    order: ByteOrder,
    nanos_per_unit: u64,
    record_bytes: usize,
    lengths_may_be_swapped: bool,
    captured_max: u32,
    link: LinkType,
}

/// Whether a file that begins so is a pcap file.
pub(super) fn is_magic(magic: [u8; 4]) -> bool {
    order_and_magic(magic).is_some()
}

impl Header {
    pub(super) fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let [m0, m1, m2, m3, _, _, v0, v1, _, _, _, _, _, _, _, _, s0, s1, s2, s3, l0, l1, l2, l3] = *bytes;
        let (order, magic) = order_and_magic([m0, m1, m2, m3])?;
        let snap_len = order.u32([s0, s1, s2, s3]);
        Some(Self {
            order,
            nanos_per_unit: if magic == NANOS { 1 } else { 1_000 },
            record_bytes: if magic == KUZNETZOV { 24 } else { 16 },
            lengths_may_be_swapped: order.u16([v0, v1]) < VERSION_MINOR_WITH_ORDERED_LENGTHS,
            captured_max: snap_len.clamp(CAPTURED_WITHOUT_SNAPLEN_MAX, LENGTH_MAX),
            link: LinkType(order.u32([l0, l1, l2, l3]) & LINK_TYPE_MASK),
        })
    }

    #[inline]
    pub(super) fn next(&self, window: &mut Window) -> Result<Option<Record>, Fault> {
        if !window.fill(self.record_bytes)? {
            return end_of_records(window, Cut::Packet);
        }
        let Some(head) = window.front().first_chunk::<16>() else {
            return Err(Fault::Cut(Cut::Packet));
        };
        let [s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, o0, o1, o2, o3] = *head;
        let (seconds, fraction) = (self.order.u32([s0, s1, s2, s3]), self.order.u32([f0, f1, f2, f3]));
        let (mut captured, mut original) =
            (self.order.u32([c0, c1, c2, c3]), self.order.u32([o0, o1, o2, o3]));
        if self.lengths_may_be_swapped && captured > original {
            std::mem::swap(&mut captured, &mut original);
        }
        if captured > self.captured_max {
            return Err(Fault::Damage(format!("a packet said to have {captured} captured bytes")));
        }
        let kept = (captured as usize).min(PACKET_BYTES_MAX);
        if !window.fill(self.record_bytes + kept)? {
            return Err(Fault::Cut(Cut::Packet));
        }
        let at = window.take(self.record_bytes + kept) + self.record_bytes;
        window.owe(u64::from(captured) - kept as u64);
        Ok(Some(Record {
            nanos: u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * self.nanos_per_unit,
            link: self.link,
            at,
            len: kept,
            original_len: original.max(captured),
        }))
    }
}

fn order_and_magic(bytes: [u8; 4]) -> Option<(ByteOrder, u32)> {
    [ByteOrder::Big, ByteOrder::Little]
        .map(|order| (order, order.u32(bytes)))
        .into_iter()
        .find(|(_, magic)| matches!(*magic, MICROS | NANOS | KUZNETZOV))
}
