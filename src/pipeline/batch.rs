//! Segments on their way from the reader to a shard: owned, many at a time.
//! The reader fills a batch, the shard reads it back as borrowed segments.
//! It promises one copy of each payload and no allocation per segment.

use crate::decode::Segment;
use heelguard_detectors::time::EventTime;

/// Payload bytes after which a batch is sent.
const BATCH_BYTES: usize = 512 * 1024;
/// Segments after which a batch is sent.
const BATCH_SEGMENTS: usize = 1_024;

/// Owned segments, with the time up to which the reader has read.
pub(super) struct Batch {
    /// Segments without their payload, and where in `bytes` it ends.
    segments: Vec<(Segment<'static>, usize)>,
    bytes: Vec<u8>,
    pub(super) now: EventTime,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            segments: Vec::with_capacity(BATCH_SEGMENTS),
            bytes: Vec::with_capacity(BATCH_BYTES + 64 * 1024),
            now: EventTime::ZERO,
        }
    }

    pub(super) fn push(&mut self, segment: &Segment<'_>) {
        self.bytes.extend_from_slice(segment.payload);
        self.segments.push((Segment { payload: &[], ..*segment }, self.bytes.len()));
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= BATCH_BYTES || self.segments.len() >= BATCH_SEGMENTS
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let mut start = 0;
        self.segments.iter().map(move |&(segment, end)| {
            let payload = self.bytes.get(start..end).unwrap_or(&[]);
            start = end;
            Segment { payload, ..segment }
        })
    }

    pub(super) fn clear(&mut self) {
        self.segments.clear();
        self.bytes.clear();
    }
}
