//! Connections that are only SYNs so far: kept apart, so that a flood of them never costs a flow.
//! It is given SYN and SYN-ACK segments and gives a `Handshake` when another segment makes it a flow, or when
//! data on a SYN is all that ever came.
//! It promises at most 128 bytes an entry, and for all data on SYNs together a limit of its own.

use super::CloseReason;
use super::accept::Negotiated;
use super::fifo::Fifo;
use super::key::FlowKey;
use super::seq::{SeqNo, span};
use super::stream::Stream;
use crate::decode::{Endpoint, Segment, TcpFlags, Tunnel, Vlans};
use heelguard_detectors::anomaly::{Anomaly, AnomalySet};
use heelguard_detectors::time::EventTime;
use std::collections::VecDeque;
use std::time::Duration;

/// Data on one SYN: what a jumbo frame carries.
const SYN_DATA_BYTES_MAX: usize = 9_216;

/// What one SYN says.
#[derive(Clone, Copy)]
struct Syn {
    seq: SeqNo,
    ack: SeqNo,
    /// Meaningful with `has_timestamp`; kept apart for size.
    timestamp: u32,
    has_timestamp: bool,
    window: u16,
    scale: Option<u8>,
    ttl: u8,
    signed: bool,
    sack: bool,
}

impl Syn {
    fn of(segment: &Segment<'_>) -> Self {
        Self {
            seq: SeqNo(segment.seq),
            ack: SeqNo(segment.ack),
            timestamp: segment.options.timestamps.map_or(0, |(value, _)| value),
            has_timestamp: segment.options.timestamps.is_some(),
            window: segment.window,
            scale: segment.options.window_scale,
            ttl: segment.ttl,
            signed: segment.options.signed,
            sack: segment.options.sack_permitted,
        }
    }

    /// The first byte after it.
    fn first(&self) -> SeqNo {
        self.seq.plus(1)
    }
}

/// A connection's SYNs.
struct HalfOpen {
    initiator_is_low: bool,
    load: Load,
    vlans: Vlans,
    tunnel: Tunnel,
    syn: Option<Syn>,
    syn_ack: Option<Syn>,
    /// Data of the SYN, until it is known whether the server took it.
    data: Option<Box<Data>>,
}

/// Behind a pointer of one word: few SYNs carry data.
struct Data(Box<[u8]>);

/// Whether there was data on a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    None,
    Some,
    /// On a SYN inside a living connection: unless it is answered, nobody takes it.
    Stray,
}

/// What a SYN or SYN-ACK did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    /// It began a connection, or repeated what was known.
    Begun,
    /// It is the answer to the SYN on record.
    Answered,
    /// It answers another SYN than the one on record: the server's word counts, that SYN was a decoy.
    Corrected,
    /// It contradicts a handshake that is answered already; the host challenges it.
    Stray,
}

/// A connection of which only a SYN with data was ever seen: of a one-sided capture nobody can tell whether
/// the server took it.
pub(super) struct Unanswered {
    pub(super) handshake: Handshake,
    /// When no answer was waited for any more, and why.
    pub(super) at: EventTime,
    pub(super) reason: CloseReason,
}

/// All half-open connections.
pub(super) struct HalfOpenTable {
    table: Fifo<HalfOpen>,
    timeout: Duration,
    data_bytes: usize,
    data_bytes_max: usize,
    /// Left the table and not yet told.
    unanswered: VecDeque<Unanswered>,
}

impl HalfOpenTable {
    pub(super) fn new(entries_max: usize, timeout: Duration, data_bytes_max: usize) -> Self {
        let table = Fifo::new(entries_max, timeout);
        Self { table, timeout, data_bytes: 0, data_bytes_max, unanswered: VecDeque::new() }
    }

    /// Bytes of data that SYNs on record carried.
    pub(super) fn data_bytes(&self) -> usize {
        self.data_bytes
    }

    /// Whether there is room for the data of a SYN.
    pub(super) fn has_room(&self, segment: &Segment<'_>) -> bool {
        self.data_bytes + segment.payload.len() <= self.data_bytes_max
    }

    /// Records a segment with SYN; `living` says that it came inside a living connection.
    pub(super) fn record(
        &mut self,
        hash: u64,
        key: FlowKey,
        segment: &Segment<'_>,
        living: bool,
    ) -> Recorded {
        let syn = Syn::of(segment);
        let is_answer = segment.flags.has(TcpFlags::ACK);
        let known = self.table.get_mut(hash, &key, segment.time);
        match known {
            Some(known) if is_answer && known.syn.is_some() => {
                let before = known.data_len();
                let recorded = known.answer(&key, segment);
                self.data_bytes -= before - known.data_len();
                return recorded;
            }
            Some(known) if !is_answer && known.repeats(&key, segment) => {
                known.note_load(segment);
                return Recorded::Begun;
            }
            Some(known) if !is_answer && known.is_answered() => return Recorded::Stray,
            _ => {}
        }
        let initiator = if is_answer { segment.dst } else { segment.src };
        if let Some((since, old)) = self.table.remove(hash, &key) {
            self.leave(key, since, old, segment.time, CloseReason::Reused);
        }
        while self.table.is_full()
            && let Some((key, since, oldest)) = self.table.pop()
        {
            self.leave(key, since, oldest, segment.time, CloseReason::Evicted);
        }
        let fits = matches!(segment.payload.len(), 1..=SYN_DATA_BYTES_MAX) && self.has_room(segment);
        let keeps = !is_answer && segment.missing == 0 && fits;
        let entry = HalfOpen {
            initiator_is_low: key.is_low(initiator),
            load: Load::of(segment, living),
            vlans: segment.vlans,
            tunnel: segment.tunnel,
            syn: (!is_answer).then_some(syn),
            syn_ack: is_answer.then_some(syn),
            data: keeps.then(|| Box::new(Data(segment.payload.into()))),
        };
        self.data_bytes += entry.data_len();
        self.table.insert(hash, key, segment.time, entry);
        Recorded::Begun
    }

    /// Whether `segment` is its sender's first data after the SYN on record.
    pub(super) fn continues(&mut self, hash: u64, key: &FlowKey, segment: &Segment<'_>) -> bool {
        self.table.get_mut(hash, key, segment.time).is_some_and(|known| {
            let sender =
                if known.initiator_is_low == key.is_low(segment.src) { known.syn } else { known.syn_ack };
            sender.is_some_and(|syn| syn.first() == SeqNo(segment.seq))
        })
    }

    /// A reset: `None` without an entry, else whether it was right and ended it.
    pub(super) fn reset(&mut self, hash: u64, key: &FlowKey, segment: &Segment<'_>) -> Option<bool> {
        let known = self.table.get_mut(hash, key, segment.time)?;
        let from_initiator = known.initiator_is_low == key.is_low(segment.src);
        let (mine, theirs) =
            if from_initiator { (known.syn, known.syn_ack) } else { (known.syn_ack, known.syn) };
        let in_place = mine.is_some_and(|syn| syn.first() == SeqNo(segment.seq));
        let refusal = segment.flags.has(TcpFlags::ACK)
            && theirs.is_some_and(|syn| !SeqNo(segment.ack).before(syn.first()));
        let valid = if mine.is_some() { in_place } else { refusal };
        if valid && let Some((_, refused)) = self.table.remove(hash, key) {
            self.data_bytes -= refused.data_len();
        }
        Some(valid)
    }

    /// Takes the entry out because `segment` makes it a flow.
    pub(super) fn promote(&mut self, hash: u64, key: &FlowKey, segment: &Segment<'_>) -> Option<Handshake> {
        let (since, known) = self.table.remove(hash, key)?;
        if since.after(self.timeout) <= segment.time {
            self.leave(*key, since, known, segment.time, CloseReason::Idle);
            return None;
        }
        self.data_bytes -= known.data_len();
        let from_initiator = known.initiator_is_low == key.is_low(segment.src);
        let taken = known.is_data_taken(from_initiator, segment);
        let mut handshake = known.into_handshake(key, since);
        if !taken {
            handshake.syn_data = None;
        }
        Some(handshake)
    }

    /// Lets entries go whose time is over, at most `budget` of them. What is told of them later carries no
    /// time earlier than the one returned.
    pub(super) fn expire(&mut self, now: EventTime, budget: usize) -> EventTime {
        for _ in 0..budget {
            match self.table.deadline().filter(|&deadline| deadline <= now) {
                Some(_) => self.leave_oldest(now),
                None => return now,
            }
        }
        self.table.deadline().map_or(now, |deadline| deadline.min(now))
    }

    /// The capture ends: nothing will be answered any more.
    pub(super) fn finish(&mut self, at: EventTime) {
        while self.table.deadline().is_some() {
            self.leave_oldest(at);
        }
    }

    /// The next connection that ended unanswered, and had data.
    pub(super) fn next_unanswered(&mut self) -> Option<Unanswered> {
        self.unanswered.pop_front()
    }

    fn leave_oldest(&mut self, at: EventTime) {
        if let Some((key, since, oldest)) = self.table.pop() {
            self.leave(key, since, oldest, at, CloseReason::CaptureEnd);
        }
    }

    /// An entry left by itself, at the end of its time or, if that was earlier, at `at` for `reason`.
    fn leave(&mut self, key: FlowKey, since: EventTime, entry: HalfOpen, at: EventTime, reason: CloseReason) {
        self.data_bytes -= entry.data_len();
        if entry.data.is_none() || entry.syn_ack.is_some() || entry.load == Load::Stray {
            return;
        }
        let deadline = since.after(self.timeout);
        let (at, reason) = if deadline <= at { (deadline, CloseReason::Idle) } else { (at, reason) };
        self.unanswered.push_back(Unanswered { handshake: entry.into_handshake(&key, since), at, reason });
    }
}

impl Load {
    fn of(segment: &Segment<'_>, living: bool) -> Self {
        match has_data(segment) {
            false => Self::None,
            true if living => Self::Stray,
            true => Self::Some,
        }
    }
}

impl HalfOpen {
    fn repeats(&self, key: &FlowKey, segment: &Segment<'_>) -> bool {
        self.initiator_is_low == key.is_low(segment.src)
            && self.syn.is_some_and(|syn| syn.seq == SeqNo(segment.seq))
    }

    fn is_answered(&self) -> bool {
        self.syn.is_some() && self.syn_ack.is_some()
    }

    fn answer(&mut self, key: &FlowKey, segment: &Segment<'_>) -> Recorded {
        let (Some(syn), false) = (self.syn, self.initiator_is_low == key.is_low(segment.src)) else {
            return Recorded::Stray;
        };
        let early = span(self.data_len());
        let acked = SeqNo(segment.ack).since(syn.first());
        let fits = acked == 0 || acked == early;
        if !fits {
            if self.is_answered() {
                return Recorded::Stray;
            }
            self.syn = Some(Syn { seq: SeqNo(segment.ack).minus(1), ..syn });
            self.data = None;
        }
        self.syn_ack = Some(Syn::of(segment));
        self.note_load(segment);
        if fits { Recorded::Answered } else { Recorded::Corrected }
    }

    /// The server took the SYN's data if its SYN-ACK acknowledges it (RFC 7413 4.2; RFC 9293 3.10.7.2 without
    /// Fast Open), or, unseen, if the client goes on behind it or the server's next segment acknowledges it.
    fn is_data_taken(&self, from_initiator: bool, segment: &Segment<'_>) -> bool {
        let Some((syn, data)) = self.syn.zip(self.data.as_ref()) else { return false };
        let behind = syn.first().plus(span(data.0.len()));
        match self.syn_ack {
            Some(answer) => answer.ack == behind,
            None if from_initiator => !SeqNo(segment.seq).before(behind),
            None => SeqNo(segment.ack) == behind,
        }
    }

    fn note_load(&mut self, segment: &Segment<'_>) {
        if self.load == Load::None {
            self.load = Load::of(segment, false);
        }
    }

    fn data_len(&self) -> usize {
        self.data.as_ref().map_or(0, |data| data.0.len())
    }

    fn into_handshake(self, key: &FlowKey, opened_at: EventTime) -> Handshake {
        let [low, high] = key.ends();
        let (initiator, responder) = if self.initiator_is_low { (low, high) } else { (high, low) };
        let mut anomalies = AnomalySet::EMPTY;
        if self.load != Load::None {
            anomalies.insert(Anomaly::TcpSynData);
        }
        Handshake {
            initiator,
            responder,
            vlans: self.vlans,
            tunnel: self.tunnel,
            opened_at,
            anomalies,
            syn: self.syn,
            syn_ack: self.syn_ack,
            syn_data: self.data.map(|data| data.0),
        }
    }
}

fn has_data(segment: &Segment<'_>) -> bool {
    !segment.payload.is_empty() || segment.missing > 0
}

/// What a flow knows from its SYNs.
pub(super) struct Handshake {
    pub(super) initiator: Endpoint,
    pub(super) responder: Endpoint,
    pub(super) vlans: Vlans,
    pub(super) tunnel: Tunnel,
    pub(super) opened_at: EventTime,
    pub(super) anomalies: AnomalySet,
    syn: Option<Syn>,
    syn_ack: Option<Syn>,
    /// Data of the SYN that the server took.
    pub(super) syn_data: Option<Box<[u8]>>,
}

impl Handshake {
    /// Begins both directions where the SYNs say.
    pub(super) fn apply_to(&self, streams: &mut [Stream; 2]) -> Negotiated {
        for (stream, syn) in streams.iter_mut().zip([self.syn, self.syn_ack]) {
            if let Some(syn) = syn {
                stream.begin_with_syn(syn.first());
                stream.timestamp = syn.has_timestamp.then_some(syn.timestamp);
                stream.ttl = Some(syn.ttl);
            }
        }
        let [upstream, downstream] = streams;
        match (self.syn, self.syn_ack) {
            (Some(syn), Some(answer)) => {
                let both = syn.scale.zip(answer.scale);
                upstream.set_receiver_scale(both.map_or(0, |(_, responder)| responder));
                downstream.set_receiver_scale(both.map_or(0, |(initiator, _)| initiator));
            }
            (Some(Syn { scale: None, .. }), None) | (None, Some(Syn { scale: None, .. })) => {
                upstream.set_receiver_scale(0);
                downstream.set_receiver_scale(0);
            }
            _ => {}
        }
        if let Some(answer) = self.syn_ack {
            upstream.acknowledge(answer.ack, answer.window, false);
        }
        Negotiated {
            timestamps: [self.syn, self.syn_ack].into_iter().flatten().all(|syn| syn.has_timestamp),
            signed: self.syn_ack.or(self.syn).is_some_and(|syn| syn.signed),
            sack: [self.syn, self.syn_ack].into_iter().flatten().all(|syn| syn.sack),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_small() {
        assert_eq!(Fifo::<HalfOpen>::ENTRY_BYTES, 128);
    }
}
