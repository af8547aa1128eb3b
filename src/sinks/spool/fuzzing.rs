//! What fuzz targets may give to the reader of a segment's bytes (`crate::fuzzing`).

use super::record::{Kind, Lane, Record};
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

/// The head of a spool's segment.
pub fn head(spool: u128, first: u64) -> Vec<u8> {
    segment::head(spool, Lane::Alerts, first)
}

/// The spool that a whole head names.
pub fn spool_in(head: &[u8]) -> Option<u128> {
    segment::spool_in(head)
}

/// The first number that a segment's name says, and the name that says it.
pub fn number_in(name: &str) -> Option<(u64, String)> {
    segment::number_in(name).map(|number| (number, segment::file_name(number)))
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
