//! What fuzz targets may give to the reader of a segment's bytes (`crate::fuzzing`).

use super::record::{Kind, Record};
use super::segment::{self, Found};

/// The salt of a spool that never was.
const SALT: u32 = 7;
/// No file of a real spool holds as many.
const NUMBERS: std::ops::Range<u64> = 0..1 << 20;

/// A record as a segment holds it.
pub fn write(number: u64, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    segment::encode(&mut out, SALT, number, &Record { kind: Kind::Alert, raised_ms: 0, id: 1, key: 2, body });
    out
}

/// The whole records in some bytes, each with its place, as a reader goes through them.
pub fn records(bytes: &[u8]) -> Vec<(usize, u64, &[u8])> {
    let (mut at, mut records) = (0, Vec::new());
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match segment::find(rest, SALT, &NUMBERS, true) {
            Found::Record { number, bytes } => {
                let body =
                    rest.get(..bytes).and_then(segment::decode).map_or(&[][..], |(_, record)| record.body);
                records.push((at, number, body));
                at += bytes;
            }
            Found::Nothing(bytes) => at += bytes,
            Found::More(_) => break,
        }
    }
    records
}
