//! How records lie in a segment file, and how they are found again when bytes are wrong.
//! A head, then records: length, CRC32C, number, kind, time, id, key, body; all numbers little-endian.
//! It promises that what is given back was written by this spool, and that damage costs only what it touched.

#[cfg(any(test, feature = "seeded-bugs"))]
use super::fault::{self, Fault};
use super::record::{Kind, Lane, Record};
use std::ops::Range;

/// The layout's version; a spool of a newer one is left alone.
pub(super) const VERSION: u32 = 1;
/// Bytes of the head.
pub(super) const HEAD_BYTES: u64 = 64;
/// No body is larger.
pub(super) const BODY_BYTES_MAX: usize = 16 << 20;
/// Length and checksum.
const FRAME_BYTES: usize = 8;
/// Number, kind, time, id and key.
const FIXED_BYTES: usize = 8 + 1 + 8 + 16 + 16;
/// No record is smaller.
pub(super) const RECORD_BYTES_MIN: usize = FRAME_BYTES + FIXED_BYTES;

const MAGIC: &[u8; 8] = b"HGSPOOL\n";
const ENDING: &str = ".log";

/// The file name of the segment whose first record has this number.
pub(super) fn file_name(first: u64) -> String {
    format!("{first:020}{ENDING}")
}

/// The number in a segment's file name; `None` for any other file.
pub(super) fn number_in(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(ENDING)?;
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    // A number in the upper half was not reached by counting.
    digits.parse().ok().filter(|number| plain && *number <= u64::MAX / 2)
}

/// The bytes of a record on disk.
pub(super) const fn record_bytes(body: usize) -> usize {
    RECORD_BYTES_MIN + body
}

/// What checksums of a lane begin with, so that no other spool's and no other lane's record is taken for its own.
pub(super) fn salt(spool: u128, lane: Lane) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&spool.to_le_bytes()), lane.name().as_bytes())
}

/// The head of a segment.
pub(super) fn head(spool: u128, lane: Lane, first: u64) -> Vec<u8> {
    let mut head = Vec::with_capacity(HEAD_BYTES as usize);
    head.extend_from_slice(MAGIC);
    head.extend_from_slice(&VERSION.to_le_bytes());
    head.extend_from_slice(&spool.to_le_bytes());
    head.extend_from_slice(&first.to_le_bytes());
    head.extend_from_slice(lane.name().as_bytes());
    head.resize(HEAD_BYTES as usize - 4, 0);
    let sum = crc32c::crc32c(&head);
    head.extend_from_slice(&sum.to_le_bytes());
    head
}

/// The spool a whole head names: records can be read without it, but a lost spool id is found again here.
pub(super) fn spool_in(head: &[u8]) -> Option<u128> {
    let (covered, sum) = head.split_at_checked(HEAD_BYTES as usize - 4)?;
    let whole = covered.starts_with(MAGIC) && sum.get(..4)? == crc32c::crc32c(covered).to_le_bytes();
    let spool = covered.get(12..28).filter(|_| whole)?;
    Some(u128::from_le_bytes(spool.try_into().ok()?))
}

/// Appends a record. The caller has looked at the length of its body.
pub(super) fn encode(out: &mut Vec<u8>, salt: u32, number: u64, record: &Record<'_>) {
    let Record { kind, raised_ms, id, key, body } = *record;
    let mut fixed = [0; FIXED_BYTES];
    put(&mut fixed, 0, &number.to_le_bytes());
    put(&mut fixed, 8, &[kind as u8]);
    put(&mut fixed, 9, &raised_ms.to_le_bytes());
    put(&mut fixed, 17, &id.to_le_bytes());
    put(&mut fixed, 33, &key.to_le_bytes());
    let sum = crc32c::crc32c_append(crc32c::crc32c_append(salt, &fixed), body);
    let length = u32::try_from(FIXED_BYTES + body.len()).unwrap_or(u32::MAX);
    out.reserve(record_bytes(body.len()));
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&sum.to_le_bytes());
    out.extend_from_slice(&fixed);
    out.extend_from_slice(body);
}

fn put(fixed: &mut [u8; FIXED_BYTES], at: usize, bytes: &[u8]) {
    if let Some(place) = fixed.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// What stands at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A whole record: its number, and the bytes it takes.
    Record { number: u64, bytes: usize },
    /// Perhaps a record, if there are this many bytes in all.
    More(usize),
    /// Nothing that begins before this many bytes.
    Nothing(usize),
}

/// Looks for a record at the beginning of `bytes`, which is one of these numbers. `last` tells that no bytes follow.
pub(super) fn find(bytes: &[u8], salt: u32, numbers: &Range<u64>, last: bool) -> Found {
    let wanted = match frame(bytes, numbers) {
        Frame::Short => FRAME_BYTES + 8,
        Frame::Plausible(wanted) => wanted,
        Frame::Wrong => return Found::Nothing(distance(bytes, numbers)),
    };
    match bytes.get(..wanted) {
        Some(whole) if is_whole(whole, salt) => match decode(whole) {
            Some((number, _)) => Found::Record { number, bytes: wanted },
            None => Found::Nothing(wanted),
        },
        #[cfg(any(test, feature = "seeded-bugs"))]
        Some(_) if fault::is(Fault::TrustLength) => Found::Nothing(wanted),
        Some(_) => Found::Nothing(distance(bytes, numbers)),
        None if last => Found::Nothing(distance(bytes, numbers)),
        None => Found::More(wanted),
    }
}

/// How far to the next place where a record could begin. What a wrong record says of its length is not believed.
fn distance(bytes: &[u8], numbers: &Range<u64>) -> usize {
    let possible = |at: &usize| !matches!(frame(bytes.get(*at..).unwrap_or_default(), numbers), Frame::Wrong);
    (1..bytes.len()).find(possible).unwrap_or(bytes.len()).max(1)
}

enum Frame {
    Short,
    Plausible(usize),
    Wrong,
}

/// Whether length and number could be those of a record.
fn frame(bytes: &[u8], numbers: &Range<u64>) -> Frame {
    let length = bytes.first_chunk().map(|length| u32::from_le_bytes(*length) as usize);
    if length.is_some_and(|length| !(FIXED_BYTES..=FIXED_BYTES + BODY_BYTES_MAX).contains(&length)) {
        return Frame::Wrong;
    }
    let number = bytes.get(FRAME_BYTES..).and_then(|rest| rest.first_chunk());
    let (Some(length), Some(number)) = (length, number) else { return Frame::Short };
    if numbers.contains(&u64::from_le_bytes(*number)) {
        Frame::Plausible(FRAME_BYTES + length)
    } else {
        Frame::Wrong
    }
}

/// Whether the checksum is right.
fn is_whole(bytes: &[u8], salt: u32) -> bool {
    let sum = bytes.get(4..FRAME_BYTES).and_then(|sum| sum.first_chunk());
    sum.is_some_and(|sum| {
        crc32c::crc32c_append(salt, bytes.get(FRAME_BYTES..).unwrap_or_default()) == u32::from_le_bytes(*sum)
    })
}

/// The number and the record in bytes that were found whole.
pub(super) fn decode(bytes: &[u8]) -> Option<(u64, Record<'_>)> {
    let (number, rest) = bytes.get(FRAME_BYTES..)?.split_first_chunk()?;
    let (kind, rest) = rest.split_first()?;
    let (raised_ms, rest) = rest.split_first_chunk()?;
    let (id, rest) = rest.split_first_chunk()?;
    let (key, body) = rest.split_first_chunk()?;
    let record = Record {
        kind: Kind::from_number(*kind)?,
        raised_ms: u64::from_le_bytes(*raised_ms),
        id: u128::from_le_bytes(*id),
        key: u128::from_le_bytes(*key),
        body,
    };
    Some((u64::from_le_bytes(*number), record))
}
