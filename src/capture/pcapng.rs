//! The pcapng format (draft-ietf-opsawg-pcapng): sections of blocks, interfaces of their own time and link type.
//! It is given the window and gives the packets of enhanced, simple and obsolete packet blocks, and the TLS secrets of
//! secrets blocks where they are asked for; other blocks are passed over.
//! It promises to hold no other block, bounds for those it holds, and to check each block's two lengths.

use super::LinkType;
use super::reader::{ByteOrder, Cut, Fault, LENGTH_MAX, PACKET_BYTES_MAX, Record, end_of_records};
use super::window::{WINDOW_BYTES, Window};
use zeroize::Zeroize;

/// The type of a section header block, which reads the same in both byte orders: a file's first bytes.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const INTERFACE_BLOCK: u32 = 1;
const OBSOLETE_PACKET_BLOCK: u32 = 2;
const SIMPLE_PACKET_BLOCK: u32 = 3;
const ENHANCED_PACKET_BLOCK: u32 = 6;
const SECRETS_BLOCK: u32 = 10;

/// Secrets in the form of an NSS key log.
const TLS_KEY_LOG: u32 = 0x544c_534b;
/// Secrets between two packets are kept up to here.
const SECRETS_BYTES_MAX: usize = 32 * 1024 * 1024;

const OPTION_END: u16 = 0;
const OPTION_TIME_RESOLUTION: u16 = 9;
const OPTION_TIME_OFFSET: u16 = 14;

/// Block type, length, and the length again at the end.
const FRAME_BYTES: u32 = 12;
/// Type, length and byte-order magic of a section header.
const SECTION_HEAD_BYTES: usize = 12;
/// A section may describe this many interfaces.
const INTERFACES_MAX: usize = 65_536;

/// The section being read: its byte order and its interfaces.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// None before the first section header.
    order: Option<ByteOrder>,
    interfaces: Vec<Interface>,
    /// The last packet's time, for packets that bring none.
    last_nanos: u64,
    /// What secrets blocks said since it was last taken; none where nobody asks.
    secrets: Option<Secrets>,
}

/// The text of secrets blocks, in pieces as they came. It has no `Debug` of its own making: it is not to be shown.
#[derive(Default)]
pub(super) struct Secrets {
    pub(super) pieces: Vec<Vec<u8>>,
    bytes: usize,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.bytes)
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        self.pieces.iter_mut().for_each(Zeroize::zeroize);
    }
}

#[derive(Clone, Debug)]
struct Interface {
    link: LinkType,
    snap_len: u32,
    clock: Resolution,
    offset_seconds: i64,
}

/// What one unit of a timestamp is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolution {
    /// So many nanoseconds.
    Nanos(u64),
    /// A nanosecond divided by this.
    NanosDividedBy(u64),
    /// A second divided by two to this.
    SecondShifted(u8),
}

/// The fixed part of a packet block.
struct PacketHead {
    interface: u32,
    /// Timestamp in the interface's unit; simple packets have none.
    timestamp: Option<u64>,
    captured: u32,
    original: u32,
    /// Bytes of the block before the packet's first byte.
    before_data: u32,
}

impl Section {
    pub(super) fn next(&mut self, window: &mut Window) -> Result<Option<Record>, Fault> {
        loop {
            if !window.fill(FRAME_BYTES as usize)? {
                return end_of_records(window, Cut::Block);
            }
            let Some(&[t0, t1, t2, t3, l0, l1, l2, l3]) = window.front().first_chunk() else {
                return Err(Fault::Cut(Cut::Block));
            };
            if [t0, t1, t2, t3] == MAGIC {
                self.begin(window)?;
                continue;
            }
            let Some(order) = self.order else {
                return Err(Fault::Damage("a block before the first section header".to_owned()));
            };
            let length = checked_length(order.u32([l0, l1, l2, l3]))?;
            match order.u32([t0, t1, t2, t3]) {
                kind @ (ENHANCED_PACKET_BLOCK | SIMPLE_PACKET_BLOCK | OBSOLETE_PACKET_BLOCK) => {
                    return self.packet(window, order, kind, length).map(Some);
                }
                INTERFACE_BLOCK => self.describe(window, order, length)?,
                SECRETS_BLOCK if self.secrets.is_some() => self.learn(window, order, length)?,
                _ => pass_over(window, order, length)?,
            }
        }
    }

    /// Secrets are kept from now on.
    pub(super) fn keep_secrets(&mut self) {
        self.secrets.get_or_insert_default();
    }

    /// What secrets blocks said since this was last asked.
    #[inline]
    pub(super) fn take_secrets(&mut self) -> Option<Secrets> {
        self.secrets.as_mut().filter(|secrets| secrets.bytes > 0).map(std::mem::take)
    }

    /// A section header: another byte order perhaps, and no interface is known.
    fn begin(&mut self, window: &mut Window) -> Result<(), Fault> {
        if !window.fill(SECTION_HEAD_BYTES)? {
            return Err(Fault::Cut(Cut::Header));
        }
        let Some(&[_, _, _, _, l0, l1, l2, l3, m0, m1, m2, m3]) = window.front().first_chunk() else {
            return Err(Fault::Cut(Cut::Header));
        };
        let order = [ByteOrder::Big, ByteOrder::Little]
            .into_iter()
            .find(|order| order.u32([m0, m1, m2, m3]) == BYTE_ORDER_MAGIC)
            .ok_or_else(|| Fault::Damage("a section header of no known byte order".to_owned()))?;
        let length = checked_length(order.u32([l0, l1, l2, l3]))?;
        pass_over(window, order, length)?;
        self.order = Some(order);
        self.interfaces.clear();
        Ok(())
    }

    /// An interface description block: link type, snap length, clock.
    fn describe(&mut self, window: &mut Window, order: ByteOrder, length: u32) -> Result<(), Fault> {
        let block = whole_block(window, order, length, Cut::Block)?;
        let body = block.get(8..block.len() - 4).unwrap_or(&[]);
        let Some((&[k0, k1, _, _, s0, s1, s2, s3], mut options)) = body.split_first_chunk() else {
            return Err(Fault::Damage("an interface block without its fixed part".to_owned()));
        };
        let mut interface = Interface {
            link: LinkType(u32::from(order.u16([k0, k1]))),
            snap_len: order.u32([s0, s1, s2, s3]),
            clock: Resolution::Nanos(1_000),
            offset_seconds: 0,
        };
        while let Some((&[c0, c1, n0, n1], rest)) = options.split_first_chunk() {
            let len = usize::from(order.u16([n0, n1]));
            let Some(value) = rest.get(..len) else { break };
            match (order.u16([c0, c1]), value) {
                (OPTION_END, _) => break,
                (OPTION_TIME_RESOLUTION, &[code]) => interface.clock = Resolution::from_code(code),
                (OPTION_TIME_OFFSET, value) => {
                    interface.offset_seconds = value.first_chunk().map_or(0, |seconds| order.i64(*seconds));
                }
                _ => {}
            }
            options = rest.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        }
        if self.interfaces.len() >= INTERFACES_MAX {
            return Err(Fault::Damage(format!("more than {INTERFACES_MAX} interfaces")));
        }
        self.interfaces.push(interface);
        window.take(length as usize);
        Ok(())
    }

    /// A secrets block: its text, in pieces, so that no length makes us hold what is not there. One that contradicts
    /// itself, or has secrets of another kind, says nothing.
    fn learn(&mut self, window: &mut Window, order: ByteOrder, length: u32) -> Result<(), Fault> {
        let Some(room) = length.checked_sub(SECRETS_HEAD_BYTES as u32 + 4) else {
            return pass_over(window, order, length);
        };
        if !window.fill(SECRETS_HEAD_BYTES)? {
            return Err(Fault::Cut(Cut::Block));
        }
        let Some(&[_, _, _, _, _, _, _, _, k0, k1, k2, k3, n0, n1, n2, n3]) = window.front().first_chunk()
        else {
            return Err(Fault::Cut(Cut::Block));
        };
        let (kind, text_bytes) = (order.u32([k0, k1, k2, k3]), order.u32([n0, n1, n2, n3]));
        let Some(secrets) = self.secrets.as_mut().filter(|_| kind == TLS_KEY_LOG && text_bytes <= room)
        else {
            return pass_over(window, order, length);
        };
        window.take(SECRETS_HEAD_BYTES);
        let mut missing = text_bytes as usize;
        while missing > 0 {
            if !window.fill(1)? {
                secrets.pieces.push(b"\n".to_vec());
                return Err(Fault::Cut(Cut::Block));
            }
            let front = window.front();
            let piece = front.get(..missing.min(SECRETS_PIECE_BYTES)).unwrap_or(front);
            let taken = piece.len();
            if secrets.bytes + taken <= SECRETS_BYTES_MAX {
                secrets.pieces.push(piece.to_vec());
                secrets.bytes += taken;
            }
            window.take(taken);
            missing -= taken;
        }
        // A block is a text of its own.
        secrets.pieces.push(b"\n".to_vec());
        pass_to_trailer(window, order, length, length - SECRETS_HEAD_BYTES as u32 - text_bytes)
    }

    fn packet(
        &mut self,
        window: &mut Window,
        order: ByteOrder,
        kind: u32,
        length: u32,
    ) -> Result<Record, Fault> {
        let head_bytes = (length as usize).min(ENHANCED_HEAD_BYTES);
        if !window.fill(head_bytes)? {
            return Err(Fault::Cut(Cut::Packet));
        }
        let head = window
            .front()
            .get(..head_bytes)
            .and_then(|front| PacketHead::parse(front, order, kind))
            .filter(|head| head.before_data + 4 <= length)
            .ok_or_else(|| Fault::Damage("a packet block without its fixed part".to_owned()))?;
        let interface = self.interfaces.get(head.interface as usize).ok_or_else(|| {
            Fault::Damage(format!("a packet of interface {}, which is not described", head.interface))
        })?;
        let room = length - head.before_data - 4;
        let captured = match (kind, interface.snap_len) {
            (SIMPLE_PACKET_BLOCK, 0) => head.captured.min(room),
            (SIMPLE_PACKET_BLOCK, snap_len) => head.captured.min(snap_len).min(room),
            _ => head.captured,
        };
        if captured > room {
            return Err(Fault::Damage(format!("a packet of {captured} bytes in a block of {length}")));
        }
        let kept = (captured as usize).min(PACKET_BYTES_MAX);
        let before = head.before_data as usize;
        let taken = if length as usize <= WINDOW_BYTES {
            whole_block(window, order, length, Cut::Packet)?;
            length as usize
        } else if window.fill(before + kept)? {
            before + kept
        } else {
            return Err(Fault::Cut(Cut::Packet));
        };
        if let Some(timestamp) = head.timestamp {
            self.last_nanos = interface.nanos(timestamp);
        }
        let at = window.take(taken) + before;
        window.owe(u64::from(length) - taken as u64);
        Ok(Record {
            nanos: self.last_nanos,
            link: interface.link,
            at,
            len: kept,
            original_len: head.original.max(captured),
        })
    }
}

/// Bytes before the text of a secrets block.
const SECRETS_HEAD_BYTES: usize = 16;
/// Its text is taken in pieces of this size.
const SECRETS_PIECE_BYTES: usize = 64 * 1024;
/// Bytes before the data of an enhanced or obsolete packet block.
const ENHANCED_HEAD_BYTES: usize = 28;
/// Bytes before the data of a simple packet block.
const SIMPLE_HEAD_BYTES: u32 = 12;

impl PacketHead {
    #[inline]
    fn parse(block: &[u8], order: ByteOrder, kind: u32) -> Option<Self> {
        if kind == SIMPLE_PACKET_BLOCK {
            let &[_, _, _, _, _, _, _, _, o0, o1, o2, o3] = block.first_chunk()?;
            let original = order.u32([o0, o1, o2, o3]);
            return Some(Self {
                interface: 0,
                timestamp: None,
                captured: original,
                original,
                before_data: SIMPLE_HEAD_BYTES,
            });
        }
        let (_, body) = block.split_first_chunk::<8>()?;
        let &[i0, i1, i2, i3, h0, h1, h2, h3, l0, l1, l2, l3, c0, c1, c2, c3, o0, o1, o2, o3] =
            body.first_chunk()?;
        let interface = if kind == OBSOLETE_PACKET_BLOCK {
            // The other half is a drop count.
            u32::from(order.u16([i0, i1]))
        } else {
            order.u32([i0, i1, i2, i3])
        };
        let high = u64::from(order.u32([h0, h1, h2, h3]));
        Some(Self {
            interface,
            timestamp: Some(high << 32 | u64::from(order.u32([l0, l1, l2, l3]))),
            captured: order.u32([c0, c1, c2, c3]),
            original: order.u32([o0, o1, o2, o3]),
            before_data: ENHANCED_HEAD_BYTES as u32,
        })
    }
}

impl Interface {
    /// A timestamp as nanoseconds since 1970, saturating.
    #[inline]
    fn nanos(&self, timestamp: u64) -> u64 {
        let nanos = match self.clock {
            Resolution::Nanos(unit) => timestamp.saturating_mul(unit),
            Resolution::NanosDividedBy(divisor) => timestamp / divisor.max(1),
            Resolution::SecondShifted(shift) => {
                let nanos = (u128::from(timestamp) * 1_000_000_000) >> shift;
                u64::try_from(nanos).unwrap_or(u64::MAX)
            }
        };
        let offset = self.offset_seconds.unsigned_abs().saturating_mul(1_000_000_000);
        if self.offset_seconds < 0 { nanos.saturating_sub(offset) } else { nanos.saturating_add(offset) }
    }
}

impl Resolution {
    /// From `if_tsresol`: a negative power of ten, or of two when the highest bit is set.
    fn from_code(code: u8) -> Self {
        let exponent = code & 0x7f;
        match (code & 0x80 != 0, exponent) {
            (true, _) => Self::SecondShifted(exponent),
            (false, 0..=9) => Self::Nanos(10_u64.pow(9 - u32::from(exponent))),
            (false, _) => match 10_u64.checked_pow(u32::from(exponent) - 9) {
                Some(divisor) => Self::NanosDividedBy(divisor),
                // So fine that no timestamp reaches a nanosecond.
                None => Self::SecondShifted(127),
            },
        }
    }
}

fn checked_length(length: u32) -> Result<u32, Fault> {
    match length {
        FRAME_BYTES..=LENGTH_MAX if length.is_multiple_of(4) => Ok(length),
        _ => Err(Fault::Damage(format!("a block said to have {length} bytes"))),
    }
}

/// The block at the front, held whole and its trailing length checked.
fn whole_block(window: &mut Window, order: ByteOrder, length: u32, part_of: Cut) -> Result<&[u8], Fault> {
    if length as usize > WINDOW_BYTES {
        return Err(Fault::Damage(format!("a description of {length} bytes")));
    }
    if !window.fill(length as usize)? {
        return Err(Fault::Cut(part_of));
    }
    let block = window.front().get(..length as usize).unwrap_or(&[]);
    check_trailer(block.last_chunk(), order, length)?;
    Ok(block)
}

fn pass_over(window: &mut Window, order: ByteOrder, length: u32) -> Result<(), Fault> {
    pass_to_trailer(window, order, length, length)
}

/// Passes over the rest of a block of `length` bytes, of which `rest` were not taken.
fn pass_to_trailer(window: &mut Window, order: ByteOrder, length: u32, rest: u32) -> Result<(), Fault> {
    if !window.skip(u64::from(rest) - 4)? || !window.fill(4)? {
        return Err(Fault::Cut(Cut::Block));
    }
    check_trailer(window.front().first_chunk(), order, length)?;
    window.take(4);
    Ok(())
}

#[inline]
fn check_trailer(trailer: Option<&[u8; 4]>, order: ByteOrder, length: u32) -> Result<(), Fault> {
    match trailer.map(|bytes| order.u32(*bytes)) {
        Some(trailing) if trailing == length => Ok(()),
        trailing => Err(Fault::Damage(format!(
            "a block of {length} bytes that ends with another length ({})",
            trailing.unwrap_or(0)
        ))),
    }
}
