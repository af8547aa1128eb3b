//! How a spool is found again: from what lies in its folders, whatever the last process was doing when it ended.
//! It is given a disk and who reads what; it reads the last segment of each lane and every sink's position.
//! It promises that no number is used again that a sink has acknowledged or a whole record bears, and to be quick.

use super::OpenError;
use super::Reading;
use super::cursor::{self, Cursor, Loaded, Mark};
use super::disk::{Disk, Folder};
use super::lane::{LaneState, Segment};
use super::progress::ReaderState;
use super::record::Lane;
use super::segment::{self, Found, HEAD_BYTES, VERSION};
use super::window::Window;
use std::io;

const ID_NAME: &str = "id";
const ID_FRESH: &str = "id.new";
const ID_MAGIC: &[u8; 8] = b"HGSPLID\n";
/// Magic, version, id and checksum.
const ID_BYTES: usize = 8 + 4 + 16 + 4;
/// No last segment is read further: a file of this size was not made by us.
const LAST_BYTES_MAX: u64 = 160 << 20;

/// What was found.
pub(super) struct Opened {
    pub(super) spool: u128,
    pub(super) lanes: [LaneState; Lane::ALL.len()],
    pub(super) readers: Vec<ReaderState>,
    /// In the order of the readers.
    pub(super) cursors: Vec<Cursor>,
}

/// Finds lanes and positions. What an operator should know is added to `told`.
pub(super) fn open(
    disk: &dyn Disk,
    readings: &[Reading],
    told: &mut Vec<String>,
) -> Result<Opened, OpenError> {
    let fail = |error| OpenError::Io(disk.name(), error);
    let spool = spool_id(disk, told)?;
    let mut lanes: [LaneState; Lane::ALL.len()] = Default::default();
    for (&lane, state) in Lane::ALL.iter().zip(&mut lanes) {
        *state = open_lane(disk, spool, lane).map_err(fail)?;
        state.readers = readings.iter().filter(|reading| reading.lane == lane).count();
    }
    let names = disk.list(Folder::Cursors).map_err(fail)?;
    let mut found = Vec::new();
    for (name, _) in names {
        let Some(lane) = lane_of(&name) else { continue };
        let state = &mut lanes[lane as usize];
        let (cursor, loaded) = Cursor::load(disk, state.salt, &name).map_err(fail)?;
        if let Loaded::Found(mark) = &loaded {
            state.next = state.next.max(mark.end());
        }
        found.push((name, lane, cursor, loaded));
    }
    for state in &mut lanes {
        state.visible = state.next;
    }
    let mut readers = Vec::new();
    let mut cursors = Vec::new();
    for reading in readings {
        let name = cursor::file_name(&reading.sink, reading.lane);
        let place = found.iter().position(|(known, ..)| *known == name);
        let (cursor, loaded) = match place.map(|place| found.swap_remove(place)) {
            Some((_, _, cursor, loaded)) => (cursor, loaded),
            None => Cursor::load(disk, lanes[reading.lane as usize].salt, &name).map_err(fail)?,
        };
        let state = &lanes[reading.lane as usize];
        readers.push(reader(disk, reading, state, &loaded, told));
        cursors.push(cursor);
    }
    for (name, lane, _, loaded) in found {
        told.push(forgotten(disk, &lanes[lane as usize], &name, &loaded));
        disk.remove(Folder::Cursors, &name).map_err(fail)?;
    }
    disk.sync_folder(Folder::Cursors).map_err(fail)?;
    Ok(Opened { spool, lanes, readers, cursors })
}

/// The reader of a lane that goes on where its file says.
fn reader(
    disk: &dyn Disk,
    reading: &Reading,
    lane: &LaneState,
    loaded: &Loaded,
    told: &mut Vec<String>,
) -> ReaderState {
    match loaded {
        Loaded::Found(mark) => ReaderState::new(reading.clone(), mark.clone()),
        // A sink that is new gets what is raised from now on.
        Loaded::Missing => ReaderState::new(reading.clone(), Mark::at(lane.next)),
        // Better twice than not at all.
        Loaded::Damaged => {
            let (sink, name, oldest) = (&reading.sink, reading.lane.name(), lane.oldest());
            told.push(format!(
                "spool {}: the position of {sink} in {name} is damaged; it begins with the oldest record, {oldest}",
                disk.name()
            ));
            ReaderState::new(reading.clone(), Mark::at(oldest))
        }
    }
}

/// What an operator is told of a sink that is no longer there.
fn forgotten(disk: &dyn Disk, lane: &LaneState, name: &str, loaded: &Loaded) -> String {
    let left = match loaded {
        Loaded::Found(mark) => lane.next.saturating_sub(mark.position.max(lane.oldest())).to_string(),
        Loaded::Missing | Loaded::Damaged => "an unknown number of".to_owned(),
    };
    let (sink, lane) = name.rsplit_once('.').unwrap_or((name, ""));
    format!(
        "spool {}: no sink {sink} takes {lane} any more; its position is dropped, {left} records were left to deliver",
        disk.name()
    )
}

fn lane_of(name: &str) -> Option<Lane> {
    let (_, ending) = name.rsplit_once('.')?;
    Lane::ALL.iter().copied().find(|lane| lane.name() == ending)
}

/// The segments of a lane, and the number behind the last whole record.
fn open_lane(disk: &dyn Disk, spool: u128, lane: Lane) -> io::Result<LaneState> {
    let folder = Folder::Lane(lane);
    let mut state = LaneState::default();
    state.salt = segment::salt(spool, lane);
    let mut segments: Vec<Segment> = Vec::new();
    for (name, bytes) in disk.list(folder)? {
        if let Some(first) = segment::number_in(&name) {
            segments.push(Segment { first, bytes });
        }
    }
    segments.sort_by_key(|segment| segment.first);
    if let Some(last) = segments.last_mut() {
        let (bytes, end) = measure(disk, folder, *last, state.salt);
        last.bytes = bytes;
        state.next = end;
    }
    state.visible = state.next;
    for segment in segments {
        state.add_segment(segment);
    }
    Ok(state)
}

/// How far the last segment can be read, and the number behind its last record. What only the last process saw is
/// made to last, so that it is never undone after a sink has seen it.
fn measure(disk: &dyn Disk, folder: Folder, last: Segment, salt: u32) -> (u64, u64) {
    let Segment { first, bytes } = last;
    // Without a look inside, no more records than this can be in it.
    let most = first.saturating_add(bytes / segment::RECORD_BYTES_MIN as u64);
    let Ok(file) = disk.open(folder, &segment::file_name(first)) else { return (bytes, most) };
    // A disk that cannot sync now will be met again with the first record, and then told.
    let _ = file.sync().and_then(|()| disk.sync_folder(folder));
    let limit = bytes.min(LAST_BYTES_MAX);
    let mut window = Window::new(HEAD_BYTES);
    let (mut end, mut whole_to) = (first, HEAD_BYTES);
    loop {
        let numbers = end..most.saturating_add(1);
        let step = match window.find(&*file, limit, salt, &numbers) {
            Err(_) => return (bytes, most),
            Ok(None) => return (whole_to, end),
            Ok(Some(Found::Record { number, bytes })) => {
                end = number + 1;
                whole_to = window.offset() + bytes as u64;
                bytes
            }
            Ok(Some(Found::More(bytes) | Found::Nothing(bytes))) => bytes,
        };
        window.advance(step);
    }
}

/// The spool's id: as its file says, or as a segment says, or a new one.
fn spool_id(disk: &dyn Disk, told: &mut Vec<String>) -> Result<u128, OpenError> {
    let fail = |error| OpenError::Io(disk.name(), error);
    let damaged = match disk.open(Folder::Root, ID_NAME) {
        Ok(file) => {
            let mut bytes = [0; ID_BYTES];
            let read = file.read_at(0, &mut bytes).map_err(fail)?;
            match decode_id(bytes.get(..read).unwrap_or_default()) {
                Some((VERSION, id)) => return Ok(id),
                Some((version, _)) => return Err(OpenError::Newer(disk.name(), version)),
                None => true,
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(fail(error)),
    };
    let known = id_in_segments(disk).map_err(fail)?;
    if damaged {
        let how = if known.is_some() { "found again in a segment" } else { "made new" };
        told.push(format!("spool {}: its id was damaged and is {how}", disk.name()));
    }
    let id = match known {
        Some(id) => id,
        None => random_id()?,
    };
    write_id(disk, id).map_err(fail)?;
    Ok(id)
}

/// A random id.
pub(super) fn random_id() -> Result<u128, OpenError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| OpenError::Random(error.to_string()))?;
    Ok(u128::from_le_bytes(bytes))
}

fn id_in_segments(disk: &dyn Disk) -> io::Result<Option<u128>> {
    for &lane in Lane::ALL {
        let mut names = disk.list(Folder::Lane(lane))?;
        names.retain(|(name, _)| segment::number_in(name).is_some());
        names.sort();
        for (name, _) in names {
            let mut head = [0; HEAD_BYTES as usize];
            let read = disk.open(Folder::Lane(lane), &name).and_then(|file| file.read_at(0, &mut head));
            let id = read.ok().and_then(|read| head.get(..read)).and_then(segment::spool_in);
            if id.is_some() {
                return Ok(id);
            }
        }
    }
    Ok(None)
}

fn write_id(disk: &dyn Disk, id: u128) -> io::Result<()> {
    let file = disk.create(Folder::Root, ID_FRESH)?;
    file.write_at(0, &encode_id(VERSION, id))?;
    file.sync()?;
    disk.rename(Folder::Root, ID_FRESH, ID_NAME)?;
    disk.sync_folder(Folder::Root)
}

/// The bytes of the file `id`.
pub(super) fn encode_id(version: u32, id: u128) -> Vec<u8> {
    let mut bytes = ID_MAGIC.to_vec();
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&id.to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}

fn decode_id(bytes: &[u8]) -> Option<(u32, u128)> {
    let (covered, sum) = bytes.split_at_checked(ID_BYTES - 4)?;
    let rest = covered.strip_prefix(ID_MAGIC).filter(|_| sum == crc32c::crc32c(covered).to_le_bytes())?;
    let (version, id) = rest.split_first_chunk()?;
    Some((u32::from_le_bytes(*version), u128::from_le_bytes(id.try_into().ok()?)))
}
