//! Sightings of all shards in one order: by end, then id.
//! It is given each shard's sightings with a watermark, and gives out what no shard can precede any more.
//! It promises the same order for every number of shards.

use super::consume::Report;
use crate::http::Bytes;
use crate::identity::Sighting;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::tls::TlsConnection;
use std::collections::BTreeMap;

pub(super) struct Merge {
    waiting: Vec<Box<Sighting>>,
    connections: Vec<Box<TlsConnection>>,
    /// Bytes of all shards by the end of their second.
    seconds: BTreeMap<EventTime, Bytes>,
    /// What each shard has promised not to go back behind.
    watermarks: Vec<EventTime>,
}

/// What no shard can precede any more.
pub(super) struct Released<'a> {
    /// By end, then id.
    pub(super) sightings: std::vec::Drain<'a, Box<Sighting>>,
    /// The same of connections that were not read.
    pub(super) connections: std::vec::Drain<'a, Box<TlsConnection>>,
    /// By end.
    pub(super) seconds: BTreeMap<EventTime, Bytes>,
    /// Everything that ended before this is out.
    pub(super) watermark: EventTime,
}

impl Merge {
    pub(super) fn new(shards: usize) -> Self {
        let (waiting, connections) = (Vec::new(), Vec::new());
        Self { waiting, connections, seconds: BTreeMap::new(), watermarks: vec![EventTime::ZERO; shards] }
    }

    /// Takes what a shard told.
    pub(super) fn take_report(&mut self, report: &mut Report) {
        self.take(report.shard, &mut report.sightings, report.watermark);
        self.take_connections(&mut report.connections);
        self.take_seen(std::mem::take(&mut report.seen));
    }

    pub(super) fn take(&mut self, shard: usize, sightings: &mut Vec<Box<Sighting>>, watermark: EventTime) {
        self.waiting.append(sightings);
        if let Some(mark) = self.watermarks.get_mut(shard) {
            *mark = (*mark).max(watermark);
        }
    }

    /// Takes connections that ended unread; their shard's watermark holds for them, too.
    pub(super) fn take_connections(&mut self, connections: &mut Vec<Box<TlsConnection>>) {
        self.connections.append(connections);
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
        self.connections.sort_by_key(|connection| (connection.end, connection.id));
        let is_out = |end: EventTime| watermark == EventTime::MAX || end < watermark;
        let ready = self.waiting.partition_point(|s| is_out(s.transaction.end));
        let over = self.connections.partition_point(|connection| is_out(connection.end));
        let (sightings, connections) = (self.waiting.drain(..ready), self.connections.drain(..over));
        Released { sightings, connections, seconds, watermark }
    }
}
