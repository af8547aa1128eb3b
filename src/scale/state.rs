//! The state of a partition as named parts, and as records of a compacted topic.
//! It is given parts of one moment with the offset that they cover, and gives records: chunks first, the manifest last.
//! It promises that a manifest names only chunks that were written before it, that a writer writes a part
//! again only when it changed, and that of damaged, torn or foreign records nothing is believed.
//!
//! ```text
//! WRITER/ROUND/PART/CHUNK → zstd of at most half a megabyte      manifest/WRITER → what belongs together, and up to
//!                                                                                  which offset
//! ```

use heelguard_detectors::runtime::Runtime;
use heelguard_detectors::saved::{Damaged, Saved, saved};
use heelguard_detectors::slice::Cursor;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The bytes of one part.
pub(super) type Part = Vec<u8>;

/// Raised when the form of any part changes.
const VERSION: u8 = 1;
/// How the keys of manifests begin.
const MANIFEST: &str = "manifest/";
/// How the names of rules' parts begin.
const RULE: &str = "rule/";
/// So much of a part is one record: well below what brokers take, packed or not.
const CHUNK_BYTES: usize = 512 * 1024;
/// Quick, and a third of the size.
const LEVEL: i32 = 1;

/// The parts of a runtime.
pub(super) fn rules(runtime: &Runtime) -> impl Iterator<Item = String> {
    runtime.parts().map(|name| format!("{RULE}{name}"))
}

/// Appends one of them.
pub(super) fn save_rule(runtime: &Runtime, part: &str, out: &mut Part) {
    if let Some(rule) = part.strip_prefix(RULE) {
        runtime.save_slice(rule, Cursor::default(), usize::MAX, out);
    }
}

/// Takes one of them back; what is of no rule is passed over.
pub(super) fn load_rule(runtime: &mut Runtime, part: &str, bytes: &[u8]) -> Result<(), Damaged> {
    part.strip_prefix(RULE).map_or(Ok(()), |rule| runtime.load_part(rule, bytes))
}

/// A record of the topic; without a value it takes back the one with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: String,
    pub(super) value: Option<Vec<u8>>,
}

/// Where a part lies.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Placed {
    name: String,
    writer: u64,
    round: u64,
    chunks: u32,
    sum: [u8; 32],
}

saved!(Placed { name, writer, round, chunks, sum });

impl Placed {
    fn keys(&self) -> impl Iterator<Item = String> {
        let Self { name, writer, round, chunks, .. } = self;
        (0..*chunks).map(move |chunk| key_of(*writer, *round, name, chunk))
    }
}

fn key_of(writer: u64, round: u64, part: &str, chunk: u32) -> String {
    format!("{writer:016x}/{round}/{part}/{chunk}")
}

/// What the parts belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Which key the fingerprints were made under.
    pub(super) key: [u8; 8],
    /// How many partitions the lanes had.
    pub(super) partitions: u32,
    /// The first offset of the input that is not in the state.
    pub(super) next_offset: i64,
}

/// What belongs together.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Manifest {
    key: [u8; 8],
    partitions: u32,
    next_offset: u64,
    parts: Vec<Placed>,
}

saved!(Manifest { key, partitions, next_offset, parts });

impl Manifest {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (&version, mut from) = bytes.split_first()?;
        let manifest = (version == VERSION).then(|| Self::load(&mut from).ok())??;
        from.is_empty().then_some(manifest)
    }
}

/// Writes one partition's state again and again.
#[derive(Debug)]
pub(super) struct Writer {
    /// Nobody else's: what another process wrote is never written over.
    id: u64,
    round: u64,
    /// The parts of the last manifest, this writer's or the one it went on from.
    last: Vec<Placed>,
    /// The key of the one it went on from, until its own is written.
    before: Option<String>,
}

impl Writer {
    /// Goes on from what was restored.
    pub(super) fn new(id: u64, restored: Option<&Restored>) -> Self {
        let last = restored.map(|restored| restored.placed.clone()).unwrap_or_default();
        Self { id, round: 0, last, before: restored.map(|restored| restored.manifest.clone()) }
    }

    /// The records of these parts: chunks of those that changed, then the manifest, then what takes back those that
    /// nobody needs any more. Each group must have arrived before the next is sent.
    pub(super) fn records(
        &mut self,
        parts: Vec<(String, Part)>,
        place: &Place,
    ) -> std::io::Result<[Vec<Record>; 3]> {
        self.round += 1;
        let (mut chunks, mut placed) = (Vec::new(), Vec::new());
        for (name, bytes) in parts {
            let sum = *blake3::hash(&bytes).as_bytes();
            let known = self.last.iter().find(|known| known.name == name && known.sum == sum);
            // What another wrote, it may take back.
            if let Some(known) = known.filter(|known| known.writer == self.id) {
                placed.push(known.clone());
                continue;
            }
            let pieces = bytes.chunks(CHUNK_BYTES);
            let count = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
            for (chunk, piece) in (0..).zip(pieces) {
                let value = Some(zstd::bulk::compress(piece, LEVEL)?);
                chunks.push(Record { key: key_of(self.id, self.round, &name, chunk), value });
            }
            placed.push(Placed { name, writer: self.id, round: self.round, chunks: count, sum });
        }
        let Place { key, partitions, next_offset } = *place;
        let next_offset = u64::try_from(next_offset).unwrap_or(0);
        let manifest = Manifest { key, partitions, next_offset, parts: placed };
        let mut value = vec![VERSION];
        manifest.save(&mut value);
        let is_needed = |old: &Placed| manifest.parts.contains(old);
        let gone = self.last.iter().filter(|old| !is_needed(old)).flat_map(Placed::keys);
        let gone = gone.chain(self.before.take()).map(|key| Record { key, value: None }).collect();
        self.last = manifest.parts;
        let own = Record { key: format!("{MANIFEST}{:016x}", self.id), value: Some(value) };
        Ok([chunks, vec![own], gone])
    }
}

/// State that was put together again.
#[derive(Clone, Debug)]
pub(super) struct Restored {
    pub(super) parts: Vec<(String, Part)>,
    pub(super) place: Place,
    placed: Vec<Placed>,
    /// The key of its manifest.
    manifest: String,
}

/// Reads a partition of the topic from its beginning.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    chunks: BTreeMap<String, Vec<u8>>,
    /// Each manifest that is still there, the oldest first.
    manifests: Vec<(String, Manifest)>,
    /// Records that are neither.
    unreadable: u64,
}

impl Reading {
    /// Takes the next record.
    pub(super) fn take(&mut self, key: &[u8], value: Option<&[u8]>) {
        let Ok(key) = std::str::from_utf8(key) else {
            self.unreadable += 1;
            return;
        };
        match (key.starts_with(MANIFEST), value) {
            (true, Some(value)) => match Manifest::read(value) {
                Some(manifest) => self.manifests.push((key.to_owned(), manifest)),
                None => self.unreadable += 1,
            },
            (true, None) => self.manifests.retain(|(known, _)| known != key),
            (false, Some(value)) => drop(self.chunks.insert(key.to_owned(), value.to_vec())),
            (false, None) => drop(self.chunks.remove(key)),
        }
    }

    /// The newest state that is whole; nothing where none was ever written. The error says why what is there cannot be
    /// used.
    pub(super) fn restore(mut self, key: [u8; 8], partitions: u32) -> Result<Option<Restored>, String> {
        let mut why = String::new();
        while let Some((written, manifest)) = self.manifests.pop() {
            if manifest.key != key {
                return Err("was made under another fingerprint key, or with names written otherwise (privacy.key_file, \
                     privacy.principals)"
                    .into());
            }
            if manifest.partitions != partitions {
                return Err(format!(
                    "was made when the lanes had {} partitions; now they have {partitions}",
                    manifest.partitions
                ));
            }
            match self.gather(&manifest) {
                Ok(parts) => {
                    let Manifest { key, partitions, next_offset, parts: placed } = manifest;
                    let next_offset = i64::try_from(next_offset).unwrap_or(0);
                    return Ok(Some(Restored {
                        parts,
                        place: Place { key, partitions, next_offset },
                        placed,
                        manifest: written,
                    }));
                }
                Err(name) => {
                    why.clear();
                    // Writing to a string cannot fail.
                    let _ = write!(why, "has a part `{name}` that is not whole");
                }
            }
        }
        match (why.is_empty(), self.unreadable) {
            (true, 0) => Ok(None),
            (true, _) => Err("was written by another version, or is damaged".to_owned()),
            (false, _) => Err(why),
        }
    }

    /// The parts that a manifest names; the error is the first that is not whole.
    fn gather(&self, manifest: &Manifest) -> Result<Vec<(String, Part)>, String> {
        let mut parts = Vec::new();
        for placed in &manifest.parts {
            let mut bytes = Part::new();
            for key in placed.keys() {
                let piece =
                    self.chunks.get(&key).and_then(|value| zstd::bulk::decompress(value, CHUNK_BYTES).ok());
                bytes.extend(piece.ok_or_else(|| placed.name.clone())?);
            }
            if *blake3::hash(&bytes).as_bytes() != placed.sum {
                return Err(placed.name.clone());
            }
            parts.push((placed.name.clone(), bytes));
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests;
