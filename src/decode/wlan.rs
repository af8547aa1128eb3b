//! Frames of wireless networks (IEEE 802.11), as monitors hear them, with or without what the radio tells (radiotap).
//! It is given a frame and gives what stands behind its headers: an LLC header, and behind that mostly IP.
//! It promises that what is encrypted, fragmented or no data is named as not IP.

use super::link::Miss;
use crate::metrics::DropReason;

const HEADER_BYTES: usize = 24;
/// Bits of the first byte: the subtypes of data frames.
const NO_DATA: u8 = 0x40;
const QOS: u8 = 0x80;
/// Bits of the second byte.
const BETWEEN_STATIONS: u8 = 0x03;
const MORE_FRAGMENTS: u8 = 0x04;
const PROTECTED: u8 = 0x40;
const HIGH_THROUGHPUT: u8 = 0x80;
/// A bit of the QoS field: several packets in one frame.
const AGGREGATE: u8 = 0x80;

/// Steps over what the radio tells. The second value says whether the frame's header is padded to whole words.
pub(super) fn radiotap(bytes: &[u8]) -> Result<(&[u8], bool), Miss> {
    const CLOCK: u8 = 0x01;
    const FLAGS: u8 = 0x02;
    const ANOTHER_MASK: u8 = 0x80;
    const PADDED: u8 = 0x20;
    let (&[_, _, l0, l1, first, ..], _) = bytes.split_first_chunk::<8>().ok_or(Miss::Short)?;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    let (radio, frame) = bytes.split_at_checked(length).ok_or(Miss::Short)?;
    let masks = radio.get(4..).unwrap_or(&[]).chunks_exact(4);
    let followed = masks.take_while(|mask| mask.last().is_some_and(|top| top & ANOTHER_MASK != 0)).count();
    let fields = 8 + 4 * followed;
    // The clock is eight bytes, at a multiple of eight; the flags follow it.
    let at = if first & CLOCK != 0 { fields.next_multiple_of(8) + 8 } else { fields };
    let is_padded = first & FLAGS != 0 && radio.get(at).is_some_and(|flags| flags & PADDED != 0);
    Ok((frame, is_padded))
}

/// What a data frame carries, from its LLC header on. Of several packets in one frame, the first.
pub(super) fn payload(bytes: &[u8], is_padded: bool) -> Result<&[u8], Miss> {
    let header = bytes.first_chunk::<HEADER_BYTES>().ok_or(Miss::Short)?;
    let [control, flags, .., sequence, _] = *header;
    let is_data = control & 0x0f == 0x08 && control & NO_DATA == 0;
    let is_part = flags & MORE_FRAGMENTS != 0 || sequence & 0x0f != 0;
    if !is_data || is_part || flags & PROTECTED != 0 {
        return Err(Miss::Reason(DropReason::NotIp));
    }
    // Three addresses, four where one access point sends to another.
    let addresses = HEADER_BYTES + if flags & BETWEEN_STATIONS == BETWEEN_STATIONS { 6 } else { 0 };
    let length = match (control & QOS != 0, flags & HIGH_THROUGHPUT != 0) {
        (false, _) => addresses,
        (true, false) => addresses + 2,
        (true, true) => addresses + 6,
    };
    let padded = if is_padded { length.next_multiple_of(4) } else { length };
    let rest = bytes.get(padded..).ok_or(Miss::Short)?;
    let is_aggregate = length > addresses && bytes.get(addresses).is_some_and(|qos| qos & AGGREGATE != 0);
    if !is_aggregate {
        return Ok(rest);
    }
    let (&[_, _, _, _, _, _, _, _, _, _, _, _, l0, l1], rest) =
        rest.split_first_chunk().ok_or(Miss::Short)?;
    Ok(rest.get(..usize::from(u16::from_be_bytes([l0, l1]))).unwrap_or(rest))
}
