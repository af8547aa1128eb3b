//! A short memory of flows that have ended, as TIME_WAIT is in a host.
//! It is given where both directions of an ended flow stood.
//! It promises that late repetitions of its segments are known as such and open no phantom flow.

use super::CloseReason;
use super::fifo::Fifo;
use super::key::FlowKey;
use super::seq::{SeqNo, span};
use crate::decode::Segment;
use heelguard_detectors::time::EventTime;
use std::time::Duration;

/// Where a flow stood at its end.
struct Ended {
    /// The next byte of the lower and of the higher end.
    next: [Option<SeqNo>; 2],
    /// A FIN is final; after a reset, data that goes on may be a flow of its own.
    fin: bool,
}

/// What a segment with data is to an ended flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Late {
    /// Bytes that were known.
    Repeated,
    /// Data behind the end: no host takes it.
    Refused,
    /// Nothing to do with it.
    Unrelated,
}

/// All ended flows of the last seconds.
pub(super) struct Linger {
    table: Fifo<Ended>,
}

impl Linger {
    pub(super) fn new(entries_max: usize, timeout: Duration) -> Self {
        Self { table: Fifo::new(entries_max, timeout) }
    }

    /// Remembers a flow that ended by FIN or reset. `next` is by side, the lower end first.
    pub(super) fn remember(
        &mut self,
        hash: u64,
        key: FlowKey,
        at: EventTime,
        next: [Option<SeqNo>; 2],
        reason: CloseReason,
    ) {
        self.table.insert(hash, key, at, Ended { next, fin: reason == CloseReason::Fin });
    }

    /// What a segment with data is.
    pub(super) fn judge(&mut self, hash: u64, key: &FlowKey, segment: &Segment<'_>) -> Late {
        let Some(ended) = self.table.get_mut(hash, key, segment.time) else { return Late::Unrelated };
        let side = usize::from(!key.is_low(segment.src));
        let Some(next) = ended.next.get(side).copied().flatten() else { return Late::Unrelated };
        let end = SeqNo(segment.seq).plus(span(segment.payload.len())).plus(segment.missing);
        match (end.after(next), ended.fin) {
            (false, _) => Late::Repeated,
            (true, true) => Late::Refused,
            (true, false) => Late::Unrelated,
        }
    }

    /// Forgets a flow whose endpoints are in use again.
    pub(super) fn forget(&mut self, hash: u64, key: &FlowKey, now: EventTime) {
        self.table.take(hash, key, now);
    }

    pub(super) fn expire(&mut self, now: EventTime, budget: usize) {
        self.table.expire(now, budget);
    }
}
