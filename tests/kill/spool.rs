//! The spool's files, read by somebody else than the spool.
//! It is given the folder of a sensor that is not running, and looks whether its files keep the promises that they
//! alone can show: no record that a sink has not acknowledged is missing.
//! It can also take back what was not synced, as a power loss would.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

const SEGMENT_HEAD_BYTES: usize = 64;
const RECORD_HEAD_BYTES: usize = 57;
const SLOT_BYTES: usize = 4_096;

/// What lies in the lane of alerts.
pub struct Alerts {
    /// Bodies of whole records by number, as far as the last segments go.
    pub records: BTreeMap<u64, String>,
    /// What should not be.
    pub wrong: Vec<String>,
}

/// Reads the lane of alerts and every sink's position in it.
pub fn alerts(spool: &Path) -> Alerts {
    let mut found = Alerts { records: BTreeMap::new(), wrong: Vec::new() };
    let Some(salt) = salt(spool) else { return found };
    let mut segments = files(&spool.join("alerts"), |name| first_in(name).is_some());
    segments.sort();
    let mut oldest = None;
    for (name, path) in &segments {
        let first = first_in(name).expect("a segment");
        oldest = oldest.or(Some(first));
        let bytes = std::fs::read(path).expect("a segment can be read");
        read_segment(&bytes, salt, first, &mut found.records);
    }
    for (name, path) in files(&spool.join("cursors"), |name| name.ends_with(".alerts")) {
        let bytes = std::fs::read(path).expect("a position can be read");
        let Some(position) = position(&bytes, salt) else {
            found.wrong.push(format!("{name}: neither slot is whole"));
            continue;
        };
        let last = found.records.keys().next_back().map_or(position, |last| last + 1);
        let missing = (position..last).filter(|number| !found.records.contains_key(number)).count();
        if missing > 0 {
            let oldest = oldest.unwrap_or(0);
            found.wrong.push(format!(
                "{name}: {missing} of {position}..{last} are not there and not acknowledged (oldest {oldest})"
            ));
        }
    }
    found
}

fn files(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()));
    named.filter(|(name, _)| wanted(name)).collect()
}

/// The number in a segment's name.
fn first_in(name: &str) -> Option<u64> {
    name.strip_suffix(".log")?.parse().ok()
}

/// What checksums of alerts begin with.
fn salt(spool: &Path) -> Option<u32> {
    let id = std::fs::read(spool.join("id")).ok()?;
    Some(crc32c::crc32c_append(crc32c::crc32c(id.get(12..28)?), b"alerts"))
}

/// Records one after the other: length, CRC32C, number, kind, time, id, key, body. What is not whole ends it.
fn read_segment(bytes: &[u8], salt: u32, first: u64, records: &mut BTreeMap<u64, String>) {
    let mut rest = bytes.get(SEGMENT_HEAD_BYTES..).unwrap_or_default();
    let mut number = first;
    while let Some((length, sum)) = rest.get(..8).map(|head| head.split_at(4)) {
        let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
        let sum = u32::from_le_bytes(sum.try_into().expect("four bytes"));
        let Some(record) = rest.get(8..8 + length).filter(|r| crc32c::crc32c_append(salt, r) == sum) else {
            return;
        };
        let told = record[..8].try_into().map(u64::from_le_bytes).expect("eight bytes");
        assert!(told >= number, "numbers rise within a segment");
        number = told;
        let body = record.get(RECORD_HEAD_BYTES - 8..).unwrap_or_default();
        records.insert(number, String::from_utf8(body.to_vec()).expect("a body is JSON"));
        number += 1;
        rest = &rest[8 + length..];
    }
}

/// The newer of two slots: magic, generation, position, …, CRC32C.
fn position(bytes: &[u8], salt: u32) -> Option<u64> {
    let slots = [bytes, bytes.get(SLOT_BYTES..).unwrap_or_default()];
    let whole = slots.iter().filter_map(|slot| {
        let (covered, sum) = slot.get(..60)?.split_at(56);
        let is_whole = crc32c::crc32c_append(salt, covered).to_le_bytes() == sum;
        let number = |at: usize| covered[at..at + 8].try_into().map_or(0, u64::from_le_bytes);
        is_whole.then(|| (number(8), number(16)))
    });
    whole.max().map(|(_, position)| position)
}

/// Takes back what a killed process wrote into the spool and did not sync, as its journal tells (`powerloss.c`).
pub fn lose_power(spool: &Path, journal: &Path) {
    let bytes = std::fs::read(journal).unwrap_or_default();
    let folders = ["", "alerts", "transactions", "reports", "sightings", "cursors"];
    let named = folders.iter().flat_map(|folder| files(&spool.join(folder), |_| true));
    let mut written: BTreeMap<u64, Vec<Entry<'_>>> = BTreeMap::new();
    let mut rest = bytes.as_slice();
    while let Some((entry, after)) = Entry::read(rest) {
        rest = after;
        let of_file = written.entry(entry.inode).or_default();
        if entry.synced { of_file.clear() } else { of_file.push(entry) }
    }
    for (_, path) in named.filter(|(_, path)| path.is_file()) {
        let inode = std::fs::metadata(&path).expect("it is there").ino();
        let Some(entries) = written.get(&inode) else { continue };
        let file: File = OpenOptions::new().write(true).open(&path).expect("it is ours");
        for entry in entries.iter().rev() {
            file.write_all_at(entry.before, entry.offset).expect("the disk takes it");
            file.set_len(entry.size).expect("the disk takes it");
        }
    }
    std::fs::remove_file(journal).unwrap_or_default();
}

/// What a file was before a write, or that it was synced.
struct Entry<'a> {
    synced: bool,
    inode: u64,
    offset: u64,
    size: u64,
    before: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Five numbers of eight bytes: kind, inode, offset, size before, bytes that follow.
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (head, rest) = bytes.split_at_checked(40)?;
        let number = |at: usize| head[at * 8..at * 8 + 8].try_into().map_or(0, u64::from_le_bytes);
        let (before, rest) = rest.split_at_checked(number(4) as usize)?;
        let entry =
            Self { synced: number(0) == 1, inode: number(1), offset: number(2), size: number(3), before };
        Some((entry, rest))
    }
}
