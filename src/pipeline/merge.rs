//! Sightings of all shards in one order: by end, then id.
//! It is given each shard's sightings with a watermark, and gives out what no shard can precede any more.
//! It promises the same order for every number of shards.

use crate::identity::Sighting;
use heelguard_detectors::time::EventTime;

pub(super) struct Merge {
    waiting: Vec<Box<Sighting>>,
    /// What each shard has promised not to go back behind.
    watermarks: Vec<EventTime>,
}

impl Merge {
    pub(super) fn new(shards: usize) -> Self {
        Self { waiting: Vec::new(), watermarks: vec![EventTime::ZERO; shards] }
    }

    pub(super) fn take(&mut self, shard: usize, sightings: &mut Vec<Box<Sighting>>, watermark: EventTime) {
        self.waiting.append(sightings);
        if let Some(mark) = self.watermarks.get_mut(shard) {
            *mark = (*mark).max(watermark);
        }
    }

    /// Everything that ended before all watermarks, in order.
    pub(super) fn release(&mut self) -> std::vec::Drain<'_, Box<Sighting>> {
        let watermark = self.watermarks.iter().copied().min().unwrap_or(EventTime::MAX);
        self.waiting.sort_by_key(|s| (s.transaction.end, s.transaction.id));
        let ready = if watermark == EventTime::MAX {
            self.waiting.len()
        } else {
            self.waiting.partition_point(|s| s.transaction.end < watermark)
        };
        self.waiting.drain(..ready)
    }
}
