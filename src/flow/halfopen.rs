//! Connections that are only SYNs so far: kept apart, so that a flood of them never costs a flow.
//! It is given SYN and SYN-ACK segments and gives a `Handshake` when another segment makes it a flow.
//! It promises at most 128 bytes an entry, plus data of a Fast Open SYN within one packet's length.

use super::accept::Negotiated;
use super::fifo::Fifo;
use super::key::FlowKey;
use super::seq::{SeqNo, span};
use super::stream::Stream;
use crate::decode::{Endpoint, Segment, TcpFlags, Vlans};
use heelguard_detectors::anomaly::{Anomaly, AnomalySet};
use heelguard_detectors::time::EventTime;
use std::time::Duration;

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
    had_data: bool,
    vlans: Vlans,
    syn: Option<Syn>,
    syn_ack: Option<Syn>,
    fast_open_data: Option<Box<[u8]>>,
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

/// All half-open connections.
pub(super) struct HalfOpenTable {
    table: Fifo<HalfOpen>,
}

impl HalfOpenTable {
    pub(super) fn new(entries_max: usize, timeout: Duration) -> Self {
        Self { table: Fifo::new(entries_max, timeout) }
    }

    /// Records a segment with SYN.
    pub(super) fn record(&mut self, hash: u64, key: FlowKey, segment: &Segment<'_>) -> Recorded {
        let syn = Syn::of(segment);
        let is_answer = segment.flags.has(TcpFlags::ACK);
        let known = self.table.get_mut(hash, &key, segment.time);
        match known {
            Some(known) if is_answer && known.syn.is_some() => return known.answer(&key, segment),
            Some(known) if !is_answer && known.repeats(&key, segment) => return Recorded::Begun,
            Some(known) if !is_answer && known.is_answered() => return Recorded::Stray,
            _ => {}
        }
        let initiator = if is_answer { segment.dst } else { segment.src };
        let early =
            (!is_answer && segment.options.fast_open && segment.missing == 0).then_some(segment.payload);
        let entry = HalfOpen {
            initiator_is_low: key.is_low(initiator),
            had_data: has_data(segment),
            vlans: segment.vlans,
            syn: (!is_answer).then_some(syn),
            syn_ack: is_answer.then_some(syn),
            fast_open_data: early.filter(|data| !data.is_empty()).map(Box::from),
        };
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
        if valid {
            self.table.take(hash, key, segment.time);
        }
        Some(valid)
    }

    /// Takes the entry out because `segment` makes it a flow.
    pub(super) fn promote(&mut self, hash: u64, key: &FlowKey, segment: &Segment<'_>) -> Option<Handshake> {
        let (opened_at, known) = self.table.take(hash, key, segment.time)?;
        let from_initiator = known.initiator_is_low == key.is_low(segment.src);
        let (initiator, responder) =
            if from_initiator { (segment.src, segment.dst) } else { (segment.dst, segment.src) };
        let mut anomalies = AnomalySet::EMPTY;
        if known.had_data {
            anomalies.insert(Anomaly::TcpSynData);
        }
        let taken = known.fast_open_taken(from_initiator, segment);
        Some(Handshake {
            initiator,
            responder,
            vlans: known.vlans,
            opened_at,
            anomalies,
            syn: known.syn,
            syn_ack: known.syn_ack,
            fast_open_data: known.fast_open_data.filter(|_| taken),
        })
    }

    pub(super) fn expire(&mut self, now: EventTime, budget: usize) {
        self.table.expire(now, budget);
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
        let early = self.fast_open_data.as_ref().map_or(0, |data| span(data.len()));
        let acked = SeqNo(segment.ack).since(syn.first());
        let fits = acked == 0 || acked == early;
        if !fits {
            if self.is_answered() {
                return Recorded::Stray;
            }
            self.syn = Some(Syn { seq: SeqNo(segment.ack).minus(1), ..syn });
            self.fast_open_data = None;
        }
        self.syn_ack = Some(Syn::of(segment));
        self.had_data |= has_data(segment);
        if fits { Recorded::Answered } else { Recorded::Corrected }
    }

    /// The server took the SYN's data if its SYN-ACK acknowledges it, or, unseen, if the client goes on
    /// behind it (RFC 7413 4.2).
    fn fast_open_taken(&self, from_initiator: bool, segment: &Segment<'_>) -> bool {
        let Some((syn, data)) = self.syn.zip(self.fast_open_data.as_ref()) else { return false };
        let behind = syn.first().plus(span(data.len()));
        match self.syn_ack {
            Some(answer) => answer.ack == behind,
            None => from_initiator && !SeqNo(segment.seq).before(behind),
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
    pub(super) opened_at: EventTime,
    pub(super) anomalies: AnomalySet,
    syn: Option<Syn>,
    syn_ack: Option<Syn>,
    /// Data of a Fast Open SYN that the server took.
    pub(super) fast_open_data: Option<Box<[u8]>>,
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
