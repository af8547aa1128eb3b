//! How far a sink has come in a lane, in a small file that is written in place.
//! Two slots take turns, each with a generation and a checksum: one write touches one slot, so that the other is
//! whole whatever becomes of the write, and a full disk has room for it.
//! It promises that what was saved last, or what was saved before it, is found again, and nothing else.

use super::disk::{Disk, DiskFile, Folder, is_full};
use super::record::Lane;
use std::io;
use std::ops::Range;

/// How far a sink has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// All records before this one are delivered, or counted as lost.
    pub(super) position: u64,
    /// The end of the batch that was handed out under a name and may come again; before or at `position`: none.
    pub(super) fixed_end: u64,
    /// Records that were given up to make room, and are counted.
    pub(super) hole: Range<u64>,
    /// No record before this one is wanted from the disk again.
    pub(super) floor: u64,
}

impl Mark {
    /// A sink that has everything before this record behind it.
    pub(super) fn at(position: u64) -> Self {
        Self { position, fixed_end: position, hole: position..position, floor: position }
    }

    /// The lowest number that was never used, as far as this mark knows.
    pub(super) fn end(&self) -> u64 {
        self.position.max(self.fixed_end).max(self.hole.end).max(self.floor)
    }
}

/// Slots lie apart, so that no torn write reaches both.
const SLOT_STEP: u64 = 4096;
const SLOT_BYTES: usize = 64;
const MAGIC: &[u8; 8] = b"HGCURS1\n";
/// The name under which a new file is made ready.
const FRESH: &str = "new";

/// A sink's file.
pub(super) struct Cursor {
    name: String,
    salt: u32,
    file: Option<Box<dyn DiskFile>>,
    /// Whether this process made the file: what another one left was read, but whether it is on disk is not known.
    is_ours: bool,
    generation: u64,
    /// Where the next write goes: never over the newest slot that is on disk.
    slot: u64,
}

/// What a sink's file says.
pub(super) enum Loaded {
    /// There is none.
    Missing,
    /// Neither slot is whole.
    Damaged,
    /// This.
    Found(Mark),
}

impl Cursor {
    /// The file of a sink in a lane, and what it says.
    pub(super) fn load(disk: &dyn Disk, salt: u32, name: &str) -> io::Result<(Self, Loaded)> {
        let mut cursor =
            Self { name: name.to_owned(), salt, file: None, is_ours: false, generation: 0, slot: 0 };
        let file = match disk.open(Folder::Cursors, name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((cursor, Loaded::Missing)),
            Err(error) => return Err(error),
        };
        let mut newest = None;
        for slot in 0..2 {
            let mut bytes = [0; SLOT_BYTES];
            let read = file.read_at(slot * SLOT_STEP, &mut bytes)?;
            if let Some((generation, mark)) = bytes.get(..read).and_then(|bytes| decode(bytes, salt))
                && generation > cursor.generation
            {
                cursor.generation = generation;
                cursor.slot = slot ^ 1;
                newest = Some(mark);
            }
        }
        cursor.file = newest.is_some().then_some(file);
        Ok((cursor, newest.map_or(Loaded::Damaged, Loaded::Found)))
    }

    /// Saves a mark; when this returns it is on disk.
    pub(super) fn save(&mut self, disk: &dyn Disk, mark: &Mark) -> io::Result<()> {
        self.generation += 1;
        let bytes = encode(self.generation, mark, self.salt);
        if !self.is_ours {
            match self.renew(disk, &bytes) {
                Err(error) if self.file.is_some() && is_full(&error) => {}
                result => return result,
            }
        }
        let Some(file) = &self.file else { return Err(io::ErrorKind::NotFound.into()) };
        // After a failure the same slot is written again: nothing is known of it, all is known of the other one.
        file.write_at(self.slot * SLOT_STEP, &bytes)?;
        file.sync()?;
        self.slot ^= 1;
        Ok(())
    }

    /// Puts a new file in place of whatever is there.
    fn renew(&mut self, disk: &dyn Disk, bytes: &[u8]) -> io::Result<()> {
        let file = disk.create(Folder::Cursors, FRESH)?;
        file.write_at(0, bytes)?;
        // Both slots have their place from the beginning, for the day when there is no room.
        file.write_at(SLOT_STEP, &[0; SLOT_BYTES])?;
        file.sync()?;
        disk.rename(Folder::Cursors, FRESH, &self.name)?;
        // The file before has no name any more.
        self.file = None;
        disk.sync_folder(Folder::Cursors)?;
        self.file = Some(file);
        self.is_ours = true;
        self.slot = 1;
        Ok(())
    }
}

/// The file name of a sink's position in a lane: letters, digits, `-` and `_` as they are, all else as `%XX`.
pub(super) fn file_name(sink: &str, lane: Lane) -> String {
    let mut name = String::new();
    for byte in sink.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("{name}.{}", lane.name())
}

fn encode(generation: u64, mark: &Mark, salt: u32) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    let Mark { position, fixed_end, hole, floor } = mark;
    for number in [generation, *position, *fixed_end, hole.start, hole.end, *floor] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(&crc32c::crc32c_append(salt, &bytes).to_le_bytes());
    bytes.resize(SLOT_BYTES, 0);
    bytes
}

fn decode(bytes: &[u8], salt: u32) -> Option<(u64, Mark)> {
    let (covered, rest) = bytes.split_at_checked(MAGIC.len() + 6 * 8)?;
    let right = crc32c::crc32c_append(salt, covered).to_le_bytes();
    let numbers = covered.strip_prefix(MAGIC).filter(|_| rest.get(..4) == Some(&right))?;
    let mut numbers = numbers.chunks_exact(8).map(|number| number.try_into().map_or(0, u64::from_le_bytes));
    let generation = numbers.next()?;
    let (position, fixed_end) = (numbers.next()?, numbers.next()?);
    let hole = numbers.next()?..numbers.next()?;
    let mark = Mark { position, fixed_end, hole, floor: numbers.next()? };
    (mark.hole.start <= mark.hole.end).then_some((generation, mark))
}
