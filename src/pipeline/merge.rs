//! Sightings of all shards in one order: by end, then id.
//! It is given each shard's sightings with a watermark, and gives out what no shard can precede any more.
//! It promises the same order for every number of shards.

use crate::http::Bytes;
use crate::identity::Sighting;
use heelguard_detectors::time::EventTime;
use std::collections::BTreeMap;

pub(super) struct Merge {
    waiting: Vec<Box<Sighting>>,
    /// Bytes of all shards by the end of their second.
    seconds: BTreeMap<EventTime, Bytes>,
    /// What each shard has promised not to go back behind.
    watermarks: Vec<EventTime>,
}

/// What no shard can precede any more.
pub(super) struct Released<'a> {
    /// By end, then id.
    pub(super) sightings: std::vec::Drain<'a, Box<Sighting>>,
    /// By end.
    pub(super) seconds: BTreeMap<EventTime, Bytes>,
    /// Everything that ended before this is out.
    pub(super) watermark: EventTime,
}

impl Merge {
    pub(super) fn new(shards: usize) -> Self {
        Self { waiting: Vec::new(), seconds: BTreeMap::new(), watermarks: vec![EventTime::ZERO; shards] }
    }

    pub(super) fn take(&mut self, shard: usize, sightings: &mut Vec<Box<Sighting>>, watermark: EventTime) {
        self.waiting.append(sightings);
        if let Some(mark) = self.watermarks.get_mut(shard) {
            *mark = (*mark).max(watermark);
        }
    }

    /// Adds a shard's bytes to those of the others.
    pub(super) fn take_seen(&mut self, seen: BTreeMap<EventTime, Bytes>) {
        for (second, bytes) in seen {
            self.seconds.entry(second).or_default().add(bytes);
        }
    }

    /// Nothing that comes later ended before.
    pub(super) fn watermark(&self) -> EventTime {
        self.watermarks.iter().copied().min().unwrap_or(EventTime::MAX)
    }

    /// Sightings that wait for other shards.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Everything that ended before all watermarks, in order, and the seconds that did.
    pub(super) fn release(&mut self) -> Released<'_> {
        let watermark = self.watermark();
        let mut seconds = std::mem::take(&mut self.seconds);
        if watermark != EventTime::MAX {
            self.seconds = seconds.split_off(&watermark);
        }
        self.waiting.sort_by_key(|s| (s.transaction.end, s.transaction.id));
        let ready = if watermark == EventTime::MAX {
            self.waiting.len()
        } else {
            self.waiting.partition_point(|s| s.transaction.end < watermark)
        };
        Released { sightings: self.waiting.drain(..ready), seconds, watermark }
    }
}
