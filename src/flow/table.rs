//! All flows of a shard: found by key, looked at when their time comes, given up at a limit.
//! It is given segments in order of time and calls each flow's handler.
//! It promises bounded memory, and that a flow's fate depends on its own segments and on packet time alone:
//! how late a sweep comes changes nothing. Only the limits (`flows_max` and those in bytes) look
//! across flows.

mod room;

use super::accept::carries;
use super::conversation::{Context, Conversation, Fate};
use super::halfopen::{HalfOpenTable, Recorded, Unanswered};
use super::keepers::{Keepers, Share};
use super::key::{ByHash, FlowKey};
use super::linger::{Late, Linger};
use super::recent::ByteHash;
use super::slot::{Found, Slot, slot_mut};
use super::turns::Turns;
use super::{CloseReason, Config, StreamHandler};
use crate::decode::{Segment, TcpFlags};
use crate::metrics::Counters;
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::time::EventTime;
use std::collections::BTreeSet;

/// At most this many deadlines are worked off in one call of `advance`.
const EXPIRY_BUDGET: usize = 4096;
/// Data on SYNs may take this part of `buffer_bytes_max`: a flood of it costs flows little.
const SYN_DATA_PART: usize = 16;

/// The flow table of one shard.
pub struct FlowTable<H: StreamHandler> {
    config: Config,
    counters: Counters,
    hasher: ahash::RandomState,
    byte_hash: ByteHash,
    index: ByHash<u32>,
    /// The flow whose segment came last: segments come in trains, and the next one is often its own.
    last: Option<Found>,
    /// Boxed, so that the table grows without moving flows and an unused place costs a word.
    slots: Vec<Option<Box<Slot<H>>>>,
    free: Vec<u32>,
    half_open: HalfOpenTable,
    linger: Linger,
    /// One entry a flow: a time at or before its deadline, moved on when it comes (lazy re-arming).
    timers: BTreeSet<(EventTime, u32)>,
    /// Those entries of `timers` whose flows are idle beyond the usual time: the first to give way.
    overtime: BTreeSet<(EventTime, u32)>,
    /// Flows that hold bytes out of order, the longest waiting first.
    holders: Turns,
    held_bytes: usize,
    keepers: Keepers,
    /// Flows that end with the capture and have not yet, the oldest last.
    ending: Option<Vec<u32>>,
    /// Where those stand of whom one is given up next at a limit.
    hand: usize,
}

impl<H: StreamHandler> FlowTable<H> {
    /// An empty table.
    pub fn new(config: Config) -> Self {
        let hasher = ahash::RandomState::new();
        Self {
            byte_hash: ByteHash::new(&hasher),
            hasher,
            counters: Counters::default(),
            index: ByHash::default(),
            last: None,
            slots: Vec::new(),
            free: Vec::new(),
            half_open: HalfOpenTable::new(
                config.half_open_max,
                config.half_open_timeout(),
                config.buffer_bytes_max / SYN_DATA_PART,
            ),
            linger: Linger::new(config.closing_max, config.closing_timeout()),
            timers: BTreeSet::new(),
            overtime: BTreeSet::new(),
            holders: Turns::default(),
            held_bytes: 0,
            keepers: Keepers::new(Slot::<H>::BYTES),
            ending: None,
            hand: 0,
            config,
        }
    }

    /// Takes in one segment.
    pub fn push(&mut self, segment: &Segment<'_>, shared: &mut H::Shared) {
        self.counters.segments.received += 1;
        let key = FlowKey::of(segment, &self.config);
        let known = self.last.filter(|last| last.key == key);
        let hash = known.map_or_else(|| self.hasher.hash_one(key), |last| last.hash);
        let id = known.map(|last| last.id).or_else(|| self.find(hash, &key));
        self.last = id.map(|id| Found { key, hash, id });
        if let Some(id) = id
            && self.fire_due(id, segment.time, shared) == Fate::Open
        {
            self.push_to_flow(id, hash, key, segment, shared);
        } else {
            self.push_without_flow(hash, key, segment, shared);
        }
        self.tell_unanswered(shared);
    }

    /// Does what is due at `now`, within a budget. Nothing that happens later in this table carries a time
    /// earlier than the one returned.
    pub fn advance(&mut self, now: EventTime, shared: &mut H::Shared) -> EventTime {
        let unanswered = self.half_open.expire(now, EXPIRY_BUDGET);
        self.tell_unanswered(shared);
        self.linger.expire(now, EXPIRY_BUDGET);
        for _ in 0..EXPIRY_BUDGET {
            match self.timers.first() {
                Some(&(due, id)) if due <= now => _ = self.fire_due(id, now, shared),
                _ => break,
            }
        }
        self.timers.first().map_or(now, |&(due, _)| due).min(unanswered)
    }

    /// The capture ends at `at`: what is due comes first, then all flows end, the oldest first.
    pub fn finish(&mut self, at: EventTime, shared: &mut H::Shared) {
        while self.finish_some(at, usize::MAX, shared) {}
    }

    /// As `finish`, for so many flows; whether there are more.
    pub fn finish_some(&mut self, at: EventTime, flows_max: usize, shared: &mut H::Shared) -> bool {
        let mut ending = self.ending.take().unwrap_or_else(|| self.prepare_end(at, shared));
        for id in ending.split_off(ending.len().saturating_sub(flows_max)).into_iter().rev() {
            self.close(id, at, CloseReason::CaptureEnd, shared);
        }
        let is_more = !ending.is_empty();
        self.ending = is_more.then_some(ending);
        is_more
    }

    /// Does what is due at the end of the capture, and gives all flows, the oldest last.
    fn prepare_end(&mut self, at: EventTime, shared: &mut H::Shared) -> Vec<u32> {
        while self.timers.first().is_some_and(|&(due, _)| due <= at) {
            self.advance(at, shared);
        }
        self.half_open.finish(at);
        self.tell_unanswered(shared);
        let mut open: Vec<_> = self
            .slots
            .iter()
            .enumerate()
            .filter_map(|(id, slot)| {
                let slot = slot.as_ref()?;
                Some((slot.flow.info().opened_at, slot.key, u32::try_from(id).ok()?))
            })
            .collect();
        open.sort_unstable();
        open.into_iter().rev().map(|(_, _, id)| id).collect()
    }

    /// Segments, bytes, flows and anomalies.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

/// What a segment does.
impl<H: StreamHandler> FlowTable<H> {
    fn push_to_flow(
        &mut self,
        id: u32,
        hash: u64,
        key: FlowKey,
        segment: &Segment<'_>,
        shared: &mut H::Shared,
    ) {
        let Some(slot) = slot_mut(&mut self.slots, id) else { return };
        if segment.flags.has(TcpFlags::SYN) {
            return self.push_syn_to_flow(id, hash, key, segment, shared);
        }
        if slot.rival
            && slot.flow.may_be_replaced_by(segment)
            && self.half_open.continues(hash, &key, segment)
        {
            self.close(id, segment.time, CloseReason::Reused, shared);
            return self.push_without_flow(hash, key, segment, shared);
        }
        let mut ctx = Context {
            shared: &mut *shared,
            counters: &mut self.counters,
            config: &self.config,
            key: &self.byte_hash,
        };
        let was_overtime = std::mem::take(&mut slot.is_overtime);
        match slot.flow.segment(segment, &mut ctx) {
            Fate::Closed(reason) => self.close(id, segment.time, reason, shared),
            Fate::Open if slot.held_bytes == 0 && slot.flow.is_quiet() && !was_overtime => {
                self.note_kept(id, segment.time, shared);
            }
            Fate::Open => self.settle(id, segment.time, shared),
        }
    }

    /// A SYN on a living flow. The host keeps the connection; only a SYN-ACK that answers this SYN, or data
    /// behind it in a one-way capture, shows that the endpoints were in use again.
    fn push_syn_to_flow(
        &mut self,
        id: u32,
        hash: u64,
        key: FlowKey,
        segment: &Segment<'_>,
        shared: &mut H::Shared,
    ) {
        let Some(slot) = slot_mut(&mut self.slots, id) else { return };
        if slot.flow.is_opened_by(segment) {
            self.counters.segments.accepted += 1;
            return;
        }
        if slot.flow.awaits(segment) {
            if slot.flow.is_answered_by(segment) {
                self.counters.segments.accepted += 1;
                return self.settle(id, segment.time, shared);
            }
            self.counters.anomalies.count(Anomaly::TcpInvalidSegment);
            self.close(id, segment.time, CloseReason::Reused, shared);
            return self.push_without_flow(hash, key, segment, shared);
        }
        if self.half_open.record(hash, key, segment, true) == Recorded::Answered {
            self.counters.segments.accepted += 1;
            return self.close(id, segment.time, CloseReason::Reused, shared);
        }
        slot.rival = true;
        let mut ctx =
            Context { shared, counters: &mut self.counters, config: &self.config, key: &self.byte_hash };
        slot.flow.challenge(segment, &mut ctx);
    }

    fn push_without_flow(&mut self, hash: u64, key: FlowKey, segment: &Segment<'_>, shared: &mut H::Shared) {
        let has_data = !segment.payload.is_empty() || segment.missing > 0;
        if segment.flags.has(TcpFlags::SYN) {
            if has_data {
                self.counters.anomalies.count(Anomaly::TcpSynData);
                if !self.half_open.has_room(segment) {
                    self.counters.anomalies.count(Anomaly::TcpBufferLimit);
                }
            }
            return match self.half_open.record(hash, key, segment, false) {
                Recorded::Stray => self.refuse(Anomaly::TcpInvalidSegment),
                Recorded::Begun | Recorded::Answered => self.counters.segments.accepted += 1,
                Recorded::Corrected => {
                    self.counters.segments.accepted += 1;
                    self.counters.anomalies.count(Anomaly::TcpInvalidSegment);
                }
            };
        }
        if segment.flags.has(TcpFlags::RST) {
            return match self.half_open.reset(hash, &key, segment) {
                Some(false) => self.refuse(Anomaly::TcpBadRst),
                Some(true) | None => self.counters.segments.accepted += 1,
            };
        }
        if !segment.flags.has(TcpFlags::ACK) {
            return self.refuse(Anomaly::TcpInvalidSegment);
        }
        if let Some(mut handshake) = self.half_open.promote(hash, &key, segment) {
            self.make_room(segment.time, shared);
            let flow = Conversation::from_handshake(&mut handshake, segment.time, &mut self.context(shared));
            return self.open(flow, hash, key, segment, shared);
        }
        let late = if has_data { self.linger.judge(hash, &key, segment) } else { Late::Repeated };
        match late {
            Late::Repeated if has_data && carries(segment) => {
                self.counters.segments.accepted += 1;
                self.counters.bytes.received += segment.payload.len() as u64;
                self.counters.bytes.duplicate += segment.payload.len() as u64;
                self.counters.anomalies.count(Anomaly::TcpRetransmission);
            }
            Late::Repeated => self.counters.segments.accepted += 1,
            Late::Refused => self.refuse(Anomaly::TcpOutOfWindow),
            Late::Unrelated => {
                self.make_room(segment.time, shared);
                let flow = Conversation::from_midstream(segment, &mut self.context(shared));
                self.open(flow, hash, key, segment, shared);
            }
        }
    }

    fn refuse(&mut self, anomaly: Anomaly) {
        self.counters.segments.refused += 1;
        self.counters.anomalies.count(anomaly);
    }
}

/// How flows come and go.
impl<H: StreamHandler> FlowTable<H> {
    fn find(&self, hash: u64, key: &FlowKey) -> Option<u32> {
        let id = *self.index.get(&hash)?;
        self.slots.get(id as usize)?.as_ref().filter(|slot| slot.key == *key).map(|_| id)
    }

    /// Puts a new flow in and gives it the segment that opened it.
    fn open(
        &mut self,
        flow: Conversation<H>,
        hash: u64,
        key: FlowKey,
        segment: &Segment<'_>,
        shared: &mut H::Shared,
    ) {
        self.linger.forget(hash, &key, segment.time);
        // Two keys with one 64-bit keyed hash: nobody can bring this about, so the older simply gives way.
        if let Some(&other) = self.index.get(&hash) {
            self.close(other, segment.time, CloseReason::Evicted, shared);
        }
        let armed = flow.deadline(&self.config, self.config.idle_timeout());
        let (rival, is_overtime, share) = (false, false, Share::default());
        let slot = Slot { key, armed, is_overtime, rival, held_bytes: 0, share, flow };
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(place) = self.slots.get_mut(id as usize) {
            *place = Some(Box::new(slot));
        }
        self.index.insert(hash, id);
        self.timers.insert((armed, id));
        self.counters.flows.opened += 1;
        self.counters.flows.open += 1;
        self.push_to_flow(id, hash, key, segment, shared);
    }

    /// Flows that were one SYN with data and nothing else.
    fn tell_unanswered(&mut self, shared: &mut H::Shared) {
        while let Some(Unanswered { mut handshake, at, reason }) = self.half_open.next_unanswered() {
            self.counters.flows.opened += 1;
            match reason {
                CloseReason::Evicted => self.counters.flows.evicted += 1,
                _ => self.counters.flows.closed += 1,
            }
            let mut ctx = self.context(shared);
            let sent_at = handshake.opened_at;
            Conversation::<H>::from_handshake(&mut handshake, sent_at, &mut ctx).close(at, reason, &mut ctx);
        }
    }

    fn close(&mut self, id: u32, at: EventTime, reason: CloseReason, shared: &mut H::Shared) {
        let Some(slot) = self.slots.get_mut(id as usize).and_then(Option::take) else { return };
        let slot = *slot;
        self.last = self.last.filter(|last| last.id != id);
        let hash = self.hasher.hash_one(slot.key);
        self.index.remove(&hash);
        self.timers.remove(&(slot.armed, id));
        self.overtime.remove(&(slot.armed, id));
        if slot.held_bytes > 0 {
            self.holders.leave(id);
        }
        self.held_bytes -= slot.held_bytes as usize;
        self.keepers.leave(id, slot.share);
        self.free.push(id);
        self.counters.flows.open -= 1;
        match reason {
            CloseReason::Evicted => self.counters.flows.evicted += 1,
            _ => self.counters.flows.closed += 1,
        }
        if matches!(reason, CloseReason::Fin | CloseReason::Reset) {
            let [initiator, responder] = slot.flow.ends();
            let initiator_is_low = slot.key.is_low(slot.flow.info().initiator);
            let next = if initiator_is_low { [initiator, responder] } else { [responder, initiator] };
            self.linger.remember(hash, slot.key, at, next, reason);
        }
        slot.flow.close(at, reason, &mut self.context(shared));
    }

    /// Does what is due for one flow, each thing at its own time, and sets its timer anew.
    fn fire_due(&mut self, id: u32, now: EventTime, shared: &mut H::Shared) -> Fate {
        let Some(slot) = slot_mut(&mut self.slots, id) else { return Fate::Closed(CloseReason::Idle) };
        if now < slot.armed {
            return Fate::Open;
        }
        loop {
            let deadline = slot.deadline(&self.config);
            if deadline > now {
                break;
            }
            let mut ctx = Context {
                shared: &mut *shared,
                counters: &mut self.counters,
                config: &self.config,
                key: &self.byte_hash,
            };
            match slot.flow.fire(deadline, &mut ctx) {
                Fate::Open => {}
                Fate::Closed(CloseReason::Idle)
                    if !slot.is_overtime && slot.flow.handler.is_worth_keeping() =>
                {
                    slot.is_overtime = true;
                }
                Fate::Closed(reason) => {
                    self.close(id, deadline, reason, shared);
                    return Fate::Closed(reason);
                }
            }
        }
        self.arm(id);
        self.settle(id, now, shared);
        match slot_mut(&mut self.slots, id) {
            Some(_) => Fate::Open,
            None => Fate::Closed(CloseReason::Evicted),
        }
    }

    /// Sets a flow's timer to its deadline.
    fn arm(&mut self, id: u32) {
        let Some(slot) = slot_mut(&mut self.slots, id) else { return };
        let deadline = slot.deadline(&self.config);
        self.timers.remove(&(slot.armed, id));
        self.overtime.remove(&(slot.armed, id));
        slot.armed = deadline;
        self.timers.insert((deadline, id));
        if slot.is_overtime {
            self.overtime.insert((deadline, id));
        }
    }

    fn context<'a>(&'a mut self, shared: &'a mut H::Shared) -> Context<'a, H::Shared> {
        Context { shared, counters: &mut self.counters, config: &self.config, key: &self.byte_hash }
    }
}
