//! What everybody who uses the spool sees, under one lock that is never held during a disk call.
//! It is given records by those who raise them, room and segments by the committer, acknowledgements by the readers.
//! It promises that for every sink and lane, at any moment, queued = delivered + spooled + lost.

use super::cursor::Mark;
use super::record::{Lane, Record};
use super::segment;
#[cfg(test)]
use super::tests::fault::{self, Fault};
use super::{Config, Full, Reading};
use std::collections::VecDeque;
use std::ops::Range;

/// No lane holds more in memory before it is written; twice that while it is being written.
const PENDING_BYTES_MAX: u64 = 8 << 20;
/// Smaller segments cost more files than they save room.
const SEGMENT_BYTES_MIN: u64 = 256 << 10;
/// Larger ones make opening slow: the last of each lane is read whole.
const SEGMENT_BYTES_MAX: u64 = 64 << 20;
/// Segments in a full spool: what is dropped at a time is one of them.
const SEGMENTS: u64 = 32;

/// Everything but the files.
pub(super) struct State {
    pub(super) limits: Bounds,
    pub(super) full: Full,
    /// In the order of `Lane::ALL`.
    pub(super) lanes: [LaneState; 3],
    pub(super) readers: Vec<ReaderState>,
    /// What does not work now, by who met it; in the order of `Source`.
    pub(super) troubles: [Option<String>; Source::COUNT],
    /// Somebody waits for the alerts to be durable.
    pub(super) sync_wanted: bool,
    /// Somebody waits for room.
    pub(super) room_wanted: bool,
    /// Nobody made room while somebody waited for it: no use in waiting again.
    pub(super) stuck: bool,
    /// Acknowledgements, counted, so that somebody who waits for room sees progress.
    pub(super) progress: u64,
    /// Rings of the bell for news, counted, so that none is missed by somebody who is about to wait.
    pub(super) rings: u64,
    /// Readers no longer wait for more.
    pub(super) hasty: bool,
    /// No record is taken and none handed out.
    pub(super) closed: bool,
}

/// Bounds that follow from the configuration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) bytes_max: u64,
    /// What transactions and reports may use together.
    pub(super) others_max: u64,
    pub(super) segment_bytes: u64,
    pub(super) pending_bytes_max: u64,
}

impl Bounds {
    pub(super) fn new(config: &Config) -> Self {
        let reserve = config.bytes_max / 100 * u64::from(config.alerts_reserve_pct.min(100));
        let segment_bytes = (config.bytes_max / SEGMENTS).clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
        Self {
            bytes_max: config.bytes_max,
            others_max: config.bytes_max - reserve,
            segment_bytes,
            pending_bytes_max: segment_bytes.min(PENDING_BYTES_MAX),
        }
    }
}

/// Who met trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Writing(Lane),
    Cursors,
    Removing,
    Reading,
}

impl Source {
    const COUNT: usize = 6;

    fn index(self) -> usize {
        match self {
            Self::Writing(lane) => lane as usize,
            Self::Cursors => 3,
            Self::Removing => 4,
            Self::Reading => 5,
        }
    }
}

/// One lane.
#[derive(Default)]
pub(super) struct LaneState {
    pub(super) salt: u32,
    /// Sinks that take the lane; without any, nothing is written.
    pub(super) readers: usize,
    /// Records that wait for the committer, as they will lie on disk.
    pub(super) pending: Vec<u8>,
    /// Bytes in memory: those pending, and those the committer has taken and not yet written.
    pub(super) memory_bytes: u64,
    /// The number of the next record.
    pub(super) next: u64,
    /// Readers may see records before this one.
    pub(super) visible: u64,
    /// Oldest first; a segment ends where the next begins, the last one at `visible`.
    segments: VecDeque<Segment>,
    /// Bytes of all segments.
    disk_bytes: u64,
    /// Records not taken.
    pub(super) refused: u64,
    /// Segments dropped with records in them that not everybody had.
    pub(super) dropped_segments: u64,
    /// Commits that failed.
    pub(super) failures: u64,
}

/// A segment file, as far as readers may read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) first: u64,
    pub(super) bytes: u64,
}

impl LaneState {
    /// Bytes in memory and on disk.
    pub(super) fn used(&self) -> u64 {
        self.memory_bytes + self.disk_bytes
    }

    /// The segments, oldest first.
    pub(super) fn segments(&self) -> impl ExactSizeIterator<Item = &Segment> {
        self.segments.iter()
    }

    /// Another segment behind the others. One that begins where it begins holds nothing, and is replaced.
    pub(super) fn add_segment(&mut self, segment: Segment) {
        if self.segments.back().is_some_and(|last| last.first == segment.first) {
            self.remove_segment_at(self.segments.len() - 1);
        }
        self.disk_bytes += segment.bytes;
        self.segments.push_back(segment);
    }

    /// The last segment is so many bytes long now, and holds records before `visible`.
    pub(super) fn publish(&mut self, bytes: u64, visible: u64) {
        if let Some(last) = self.segments.back_mut() {
            self.disk_bytes = (self.disk_bytes + bytes).saturating_sub(last.bytes);
            last.bytes = bytes;
        }
        self.visible = visible;
    }

    /// The oldest segment is gone.
    pub(super) fn remove_oldest(&mut self) {
        self.remove_segment_at(0);
    }

    fn remove_segment_at(&mut self, index: usize) {
        let gone = self.segments.remove(index);
        self.disk_bytes = self.disk_bytes.saturating_sub(gone.map_or(0, |segment| segment.bytes));
    }

    /// Bytes that dropping segments would not free.
    fn held_bytes(&self) -> u64 {
        self.memory_bytes + self.segments.back().map_or(0, |segment| segment.bytes)
    }

    /// The segment that a record would be in, and the number at which it ends.
    pub(super) fn locate(&self, number: u64) -> Option<(Segment, u64)> {
        let after = self.segments.partition_point(|segment| segment.first <= number);
        let segment = *self.segments.get(after.checked_sub(1)?)?;
        let end = self.segments.get(after).map_or(self.visible, |next| next.first);
        Some((segment, end))
    }

    /// The first number that any segment may hold.
    pub(super) fn oldest(&self) -> u64 {
        self.segments.front().map_or(self.visible, |segment| segment.first)
    }
}

/// One sink's reading of a lane.
pub(super) struct ReaderState {
    pub(super) reading: Reading,
    /// All records before this one are delivered or lost.
    pub(super) position: u64,
    /// Records from `position` to here are in the reader's memory, or known to be missing.
    pub(super) held: u64,
    /// Records behind `held` that were given up and counted as lost; empty: none.
    pub(super) hole: Range<u64>,
    /// The end of the batch that must come again as it was; at or before `position`: none.
    pub(super) fixed_end: u64,
    /// No record before this one is wanted from the disk.
    pub(super) floor: u64,
    /// What the file says.
    pub(super) durable: Option<Mark>,
    /// Where this process began to count.
    pub(super) start: u64,
    pub(super) delivered: u64,
    pub(super) lost: u64,
    pub(super) corrupt: u64,
    /// When the oldest record not delivered was raised, as far as it was read.
    pub(super) oldest_ms: Option<u64>,
}

impl ReaderState {
    /// A sink that goes on from a mark. It is saved again at once: that it was read does not mean that it would be
    /// read after a power loss.
    pub(super) fn new(reading: Reading, mark: Mark) -> Self {
        let Mark { position, fixed_end, hole, floor } = mark;
        let mut reader = Self {
            reading,
            position,
            held: position,
            start: position + hole.end.saturating_sub(hole.start),
            hole,
            fixed_end,
            floor,
            durable: None,
            delivered: 0,
            lost: 0,
            corrupt: 0,
            oldest_ms: None,
        };
        reader.jump();
        reader
    }

    /// What is to be saved.
    pub(super) fn mark(&self) -> Mark {
        #[cfg(test)]
        if fault::is(Fault::AckEarly) {
            return Mark::at(self.held);
        }
        let hole = if self.hole.is_empty() { self.position..self.position } else { self.hole.clone() };
        Mark {
            position: self.position,
            fixed_end: self.fixed_end.max(self.position),
            hole,
            floor: self.floor,
        }
    }

    /// Whether there is something to be saved.
    pub(super) fn is_dirty(&self) -> bool {
        self.durable.as_ref() != Some(&self.mark())
    }

    /// Where reading must stop for now.
    pub(super) fn stop(&self, visible: u64) -> u64 {
        let hole = if self.hole.is_empty() { u64::MAX } else { self.hole.start };
        let fixed = if self.fixed_end > self.position { self.fixed_end } else { u64::MAX };
        visible.min(hole).min(fixed)
    }

    /// All up to `end` is dealt with: so many delivered, so many missing, the others refused by the far side.
    pub(super) fn advance(&mut self, end: u64, delivered: u64, missing: u64) {
        let all = end.saturating_sub(self.position);
        self.delivered += delivered;
        self.corrupt += missing;
        self.lost += all.saturating_sub(delivered);
        self.position = end;
        self.held = self.held.max(end);
        self.floor = self.floor.max(end);
        self.jump();
    }

    /// The disk needs room: records before `end` that are not in memory are given up.
    pub(super) fn give_up(&mut self, end: u64) {
        let from = if self.hole.is_empty() { self.held } else { self.hole.end };
        if end > from {
            self.lost += end - from;
            self.hole = if self.hole.is_empty() { from..end } else { self.hole.start..end };
            // A batch that was to come again as it was ends where the hole begins.
            self.fixed_end = self.fixed_end.min(self.hole.start);
        }
        self.floor = self.floor.max(end);
        self.jump();
    }

    /// Goes over the hole when its edge is reached.
    fn jump(&mut self) {
        if !self.hole.is_empty() && self.position >= self.hole.start {
            self.position = self.position.max(self.hole.end);
            self.held = self.held.max(self.position);
            self.floor = self.floor.max(self.position);
            self.hole = self.position..self.position;
        }
    }

    fn spooled(&self, next: u64) -> u64 {
        next.saturating_sub(self.position).saturating_sub(self.hole.end.saturating_sub(self.hole.start))
    }
}

/// One sink's account of a lane; queued = delivered + spooled + lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Records raised in this process, and those that waited when it began.
    pub queued: u64,
    /// Records the far side has.
    pub delivered: u64,
    /// Records that wait, here or on disk.
    pub spooled: u64,
    /// Records given up: no room, unreadable, or refused by the far side.
    pub lost: u64,
    /// Those of the lost that could not be read back.
    pub corrupt: u64,
    /// When the oldest record that waits was raised, in milliseconds since 1970; `None`: none was read yet.
    pub oldest_unsent_ms: Option<u64>,
}

/// One lane's account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneAccount {
    /// Bytes of its segments on disk.
    pub disk_bytes: u64,
    /// Bytes that wait to be written.
    pub memory_bytes: u64,
    /// Segment files.
    pub segments: u64,
    /// Records not taken, for want of room.
    pub refused: u64,
    /// Segments dropped to make room, with records in them that not every sink had.
    pub dropped_segments: u64,
}

impl State {
    pub(super) fn lane(&self, lane: Lane) -> &LaneState {
        &self.lanes[lane as usize]
    }

    pub(super) fn lane_mut(&mut self, lane: Lane) -> &mut LaneState {
        &mut self.lanes[lane as usize]
    }

    /// Readers of a lane.
    pub(super) fn readers_of(&mut self, lane: Lane) -> impl Iterator<Item = &mut ReaderState> {
        self.readers.iter_mut().filter(move |reader| reader.reading.lane == lane)
    }

    /// Whether a record of this size may be taken now. `patient`: only if nothing else has to go for it.
    pub(super) fn has_room(&self, lane: Lane, bytes: u64, patient: bool) -> bool {
        let [alerts, transactions, reports] = &self.lanes;
        let mine = self.lane(lane);
        let pending = mine.pending.len() as u64;
        let (bytes_max, others_max) = self.budget();
        let in_memory = pending == 0 || pending + bytes <= self.limits.pending_bytes_max;
        let others = if patient {
            transactions.used() + reports.used()
        } else {
            transactions.held_bytes() + reports.held_bytes()
        };
        let others_max = others_max.min(bytes_max.saturating_sub(alerts.used()));
        in_memory
            && match lane {
                Lane::Alerts => alerts.used() + others + bytes <= bytes_max,
                Lane::Transactions | Lane::Reports => others + bytes <= others_max,
            }
    }

    /// What may be used in all, and by transactions and reports: less than allowed by the heads of new segments,
    /// which what is in memory may come to lie in.
    fn budget(&self) -> (u64, u64) {
        let heads = Lane::ALL.len() as u64 * segment::HEAD_BYTES;
        let Bounds { bytes_max, others_max, .. } = self.limits;
        (bytes_max.saturating_sub(heads), others_max.saturating_sub(heads))
    }

    /// Takes a record into its lane's memory.
    pub(super) fn push(&mut self, record: &Record<'_>) {
        let lane = self.lane_mut(record.kind.lane());
        let before = lane.pending.len();
        segment::encode(&mut lane.pending, lane.salt, lane.next, record);
        lane.next += 1;
        lane.memory_bytes += (lane.pending.len() - before) as u64;
    }

    /// The lane whose oldest segment is to go, as long as there is more than may be.
    pub(super) fn over_budget(&self) -> Option<Lane> {
        let [alerts, transactions, reports] = &self.lanes;
        let others = transactions.used() + reports.used();
        let (bytes_max, others_max) = self.budget();
        let over = others > others_max || alerts.used() + others > bytes_max;
        let droppable = |lane: &Lane| self.lane(*lane).segments.len() > 1;
        if over { [Lane::Transactions, Lane::Reports].into_iter().find(droppable) } else { None }
    }

    /// Gives up the oldest segment of a lane: from here on nobody wants it. The last one always stays.
    pub(super) fn give_up_oldest(&mut self, lane: Lane) -> bool {
        let Some(next) = self.lane(lane).segments.get(1).map(|segment| segment.first) else { return false };
        let before: u64 = self.readers_of(lane).map(|reader| reader.lost).sum();
        self.readers_of(lane).for_each(|reader| reader.give_up(next));
        let after: u64 = self.readers_of(lane).map(|reader| reader.lost).sum();
        self.lane_mut(lane).dropped_segments += u64::from(after > before);
        true
    }

    /// Remembers what does not work, or that it works again.
    pub(super) fn set_trouble(&mut self, source: Source, trouble: Option<String>) {
        if let Some(place) = self.troubles.get_mut(source.index()) {
            *place = trouble;
        }
    }

    pub(super) fn account(&self, reader: &ReaderState) -> Account {
        let lane = self.lane(reader.reading.lane);
        Account {
            queued: lane.next.saturating_sub(reader.start) + lane.refused,
            delivered: reader.delivered,
            spooled: reader.spooled(lane.next),
            lost: reader.lost + lane.refused,
            corrupt: reader.corrupt,
            oldest_unsent_ms: reader.oldest_ms,
        }
    }

    pub(super) fn lane_account(&self, lane: Lane) -> LaneAccount {
        let lane = self.lane(lane);
        LaneAccount {
            disk_bytes: lane.disk_bytes,
            memory_bytes: lane.memory_bytes,
            segments: lane.segments.len() as u64,
            refused: lane.refused,
            dropped_segments: lane.dropped_segments,
        }
    }
}
