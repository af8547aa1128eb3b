//! One lane as everybody sees it: what waits in memory, and the segments that may be read.
//! It is given records by callers and segments by the committer.
//! It promises that its bytes are the sum of what lies in memory and of its segments, at every moment.

use std::collections::VecDeque;

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

    /// Gives up what never came to the disk, as if it had been refused. Says how many records that are.
    pub(super) fn forget(&mut self) -> u64 {
        let forgotten = self.next.saturating_sub(self.visible);
        self.refused += forgotten;
        self.next -= forgotten;
        self.pending.clear();
        self.memory_bytes = 0;
        forgotten
    }

    /// Where the second segment begins, if there is one: the oldest may go then, the last one always stays.
    pub(super) fn second(&self) -> Option<u64> {
        self.segments.get(1).map(|segment| segment.first)
    }

    /// What it takes up.
    pub(super) fn account(&self) -> LaneAccount {
        LaneAccount {
            disk_bytes: self.disk_bytes,
            memory_bytes: self.memory_bytes,
            segments: self.segments.len() as u64,
            refused: self.refused,
            dropped_segments: self.dropped_segments,
        }
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
    pub(super) fn held_bytes(&self) -> u64 {
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
