//! Header blocks beside another decoder of HPACK: what that one reads, ours reads, field by field.
//! Neither may refuse what the other reads; what both refuse ends the comparison.

use super::input::{Input, piece};
use crate::support::encoder::{Encoder, Form};
use heelguard::fuzzing::header_blocks;

/// Blocks of a connection.
const BLOCKS_MAX: usize = 16;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut blocks = Vec::new();
    while !input.is_empty() && blocks.len() < BLOCKS_MAX {
        blocks.push(input.piece());
    }
    let ours = header_blocks(blocks.iter().copied());
    let mut decoder = loona_hpack::Decoder::new();
    for (block, ours) in blocks.iter().zip(ours) {
        let Ok(theirs) = decoder.decode(block) else {
            let excused = ours.is_none() || resizes_oddly(block);
            assert!(excused, "another decoder refuses {block:x?}, and ours reads {ours:?}");
            return;
        };
        let theirs: Vec<[Vec<u8>; 2]> =
            theirs.into_iter().map(|(name, value)| [name, value].map(Into::into)).collect();
        let Some(ours) = ours else {
            assert!(resizes_late(block), "another decoder reads {theirs:?}");
            return;
        };
        assert_eq!(lines(ours), lines(theirs));
    }
}

/// Sizes of tables that nobody has and an observer of settings it did not see cannot call wrong.
const HUGE: usize = 1 << 28;
/// Octets of an integer that everybody reads; zeros that say nothing may stand behind them.
const OCTETS_ALL_READ: usize = 5;

/// Whether a table's size is changed twice before the first field, or without one: neither is an error (RFC 7541 section
/// 4.2); or to a size that only those who agreed on a limit can refuse, or that is written at length. The other decoder
/// refuses all of them.
fn resizes_oddly(mut block: &[u8]) -> bool {
    let resizes = |block: &[u8]| block.first().is_some_and(|first| (0x20..0x40).contains(first));
    let whole = block.len();
    resizes(block)
        && integer(&mut block, 5).is_some_and(|size| {
            let is_long = whole - block.len() > OCTETS_ALL_READ;
            size >= HUGE || is_long || block.is_empty() || resizes(block)
        })
}

/// Whether a table's size is changed behind a field: that is an error (RFC 7541 section 4.2), which the other decoder
/// does not see.
fn resizes_late(mut block: &[u8]) -> bool {
    let mut fields = 0;
    while let Some(&first) = block.first() {
        let (bits, strings) = match first {
            0x80.. => (7, 0),
            0x40..0x80 => (6, 1),
            0x20..0x40 if fields > 0 => return true,
            0x20..0x40 => (5, 0),
            0..0x20 => (4, 1),
        };
        fields += usize::from(!(0x20..0x40).contains(&first));
        let Some(index) = integer(&mut block, bits) else { return false };
        for _ in 0..if index == 0 { 2 * strings } else { strings } {
            let Some(length) = integer(&mut block, 7) else { return false };
            block = block.get(length..).unwrap_or_default();
        }
    }
    false
}

/// RFC 7541 section 5.1.
fn integer(block: &mut &[u8], bits: u32) -> Option<usize> {
    let most = (1 << bits) - 1;
    let (&first, mut rest) = block.split_first()?;
    let mut value = usize::from(first) & most;
    if value == most {
        for shift in (0..=28).step_by(7) {
            let (&byte, more) = rest.split_first()?;
            rest = more;
            value += usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
    }
    *block = rest;
    Some(value)
}

/// Without what becomes the start line, and without the host, which the authority overrules.
fn lines(fields: Vec<[Vec<u8>; 2]>) -> Vec<[Vec<u8>; 2]> {
    fields.into_iter().filter(|[name, _]| name.first() != Some(&b':') && name != b"host").collect()
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for huffman in [false, true] {
        let mut encoder = Encoder::new(huffman);
        let fields = [("accept", "text/html"), ("x-a", "1"), ("cookie", "a=b"), (":path", "/x")];
        let first = encoder.indexed(fields);
        let second = encoder.block(fields.map(|(name, value)| (name, value, Form::Never)));
        let mut third = Vec::new();
        encoder.resize(100, &mut third);
        third.extend(encoder.block(fields.map(|(name, value)| (name, value, Form::Indexed))));
        third.extend(encoder.block([("x-b", "", Form::Plain)]));
        seeds.push([&first, &second, &third].map(piece).concat());
    }
    // Tables in which three entries of 47, 36 and 40 bytes have room, or just not.
    for capacity in [83, 122, 123, 124] {
        let mut encoder = Encoder::new(false);
        let fields = [("accept", "text/html"), ("x-a", "1"), ("cookie", "ab"), ("accept", "text/html")];
        let mut block = Vec::new();
        encoder.resize(capacity, &mut block);
        block.extend(encoder.indexed(fields));
        seeds.push([piece(block), piece([0xc0]), piece([0xbf]), piece([0xbe])].concat());
    }
    seeds
}
