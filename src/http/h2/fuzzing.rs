//! What fuzz targets may give to HPACK (`crate::fuzzing`).

use super::fields::{Fields, slice};
use super::hpack::{Decoder, Scratch};

/// Bytes of table and of fields: more than a block of a fuzz target makes.
const KEPT: usize = 1 << 20;

/// Name and value of each field line of one direction's header blocks, without those that make up the start line; nothing
/// for a block that breaks off, or of which a field is not known.
pub fn header_blocks<'a>(blocks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Option<Vec<[Vec<u8>; 2]>>> {
    let (mut decoder, mut scratch) = (Decoder::new(), Scratch::default());
    decoder.allow_any();
    let mut read = |block| {
        let mut fields = Fields::new(KEPT);
        decoder.decode(block, KEPT, &mut scratch, &mut fields);
        let line = |name, value| [name, value].map(|range| slice(&fields.text, range).to_vec());
        fields.are_whole().then(|| fields.lines.iter().map(|field| line(&field.name, &field.value)).collect())
    };
    blocks.into_iter().map(&mut read).collect()
}
