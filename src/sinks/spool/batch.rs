//! Records on their way out: some consecutive ones of one lane, in one piece of memory.
//! It is given what a reader found in the spool, and is handed to a destination, again and again if need be.
//! It promises that a batch of the same name always holds the same bytes.

use super::record::{Kind, Lane, Record};
use std::ops::Range;

/// Consecutive records of one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    spool: u128,
    lane: Lane,
    /// The number of the first record, and of the one behind the last.
    range: Range<u64>,
    heads: Vec<Head>,
    bodies: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Head {
    number: u64,
    kind: Kind,
    raised_ms: u64,
    id: u128,
    key: u128,
    body: Range<usize>,
}

impl Batch {
    /// An empty batch of a spool's lane, beginning with record number `from`.
    pub fn new(spool: u128, lane: Lane, from: u64) -> Self {
        Self { spool, lane, range: from..from, heads: Vec::new(), bodies: Vec::new() }
    }

    /// Adds a record. Numbers may be missing between two records: what could not be read is not in any batch.
    pub fn push(&mut self, number: u64, record: &Record<'_>) {
        let start = self.bodies.len();
        self.bodies.extend_from_slice(record.body);
        let Record { kind, raised_ms, id, key, .. } = *record;
        self.heads.push(Head { number, kind, raised_ms, id, key, body: start..self.bodies.len() });
        self.range.end = number + 1;
    }

    /// Says that it goes to record number `end`, though what is behind its last record could not be read.
    pub(super) fn extend_to(&mut self, end: u64) {
        self.range.end = self.range.end.max(end);
    }

    /// Takes the records from number `end` on out again.
    pub(super) fn cut_at(&mut self, end: u64) {
        let keep = self.heads.partition_point(|head| head.number < end);
        if let Some(first) = self.heads.get(keep) {
            self.bodies.truncate(first.body.start);
            self.heads.truncate(keep);
            self.range.end = self.heads.last().map_or(self.range.start, |last| last.number + 1);
        }
    }

    /// A name that no other batch of any spool has.
    pub fn name(&self) -> String {
        let Self { spool, lane, range, .. } = self;
        format!("{spool:032x}-{}-{}-{}", lane.name(), range.start, range.end)
    }

    /// Which lane.
    pub fn lane(&self) -> Lane {
        self.lane
    }

    /// The numbers it covers.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// The records, in order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        self.heads.iter().map(|head| self.record(head))
    }

    /// One record by its place.
    pub fn get(&self, index: usize) -> Option<Record<'_>> {
        self.heads.get(index).map(|head| self.record(head))
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Bytes of all bodies.
    pub fn bytes(&self) -> usize {
        self.bodies.len()
    }

    fn record(&self, head: &Head) -> Record<'_> {
        let Head { kind, raised_ms, id, key, ref body, .. } = *head;
        Record { kind, raised_ms, id, key, body: self.bodies.get(body.clone()).unwrap_or_default() }
    }
}
