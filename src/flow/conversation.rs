//! A flow: two streams, their handler, and what each segment does to them.
//! It is given the flow's segments and deadlines in order of time and calls the handler.
//! It promises that everything about one flow follows from its own segments, whatever others do.

use super::accept::{self, Negotiated, Verdict};
use super::halfopen::Handshake;
use super::overlap::Doubt;
use super::recent::ByteHash;
use super::seq::{SeqNo, span};
use super::stream::{Hole, Phase, Stream};
use super::{CloseReason, Config, Direction, FlowInfo, Origin, StreamHandler};
use crate::decode::{Segment, TcpFlags};
use crate::metrics::Counters;
use heelguard_detectors::anomaly::{Anomaly, AnomalySet};
use heelguard_detectors::time::EventTime;
use std::time::Duration;

/// TTLs of one sender may differ by this much from segment to segment: routes change a little.
const TTL_DRIFT_MAX: u8 = 3;
/// The same bytes again so soon after the flow's newest are a copy made by the mirror: no sender repeats itself within
/// a millisecond, for it waits at least as long as an answer takes. In units of 1,024 ns.
const COPY_WITHIN: u32 = 977;
/// Both ways, in the order in which what is due at one time is done.
pub(super) const DIRECTIONS: [Direction; 2] = [Direction::FromInitiator, Direction::FromResponder];

/// What a flow needs from its table.
pub(super) struct Context<'a, S> {
    pub(super) shared: &'a mut S,
    pub(super) counters: &'a mut Counters,
    pub(super) config: &'a Config,
    pub(super) key: &'a ByteHash,
}

/// Whether a flow goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It does.
    Open,
    /// It is over; the table removes it.
    Closed(CloseReason),
}

/// A flow.
pub(super) struct Conversation<H> {
    pub(super) info: FlowInfo,
    pub(super) handler: H,
    pub(super) streams: [Stream; 2],
    last_seen: EventTime,
    negotiated: Negotiated,
    /// When the newest bytes came, in units of 1,024 ns; it wraps after an hour, which is long enough to tell a copy.
    new_at: u32,
    /// Whether it is counted which directions the mirror shows.
    sides_told: bool,
}

impl<H: StreamHandler> Conversation<H> {
    /// A flow whose SYN or SYN-ACK was seen. `at` is the time of the segment that made it a flow.
    pub(super) fn from_handshake(
        handshake: &mut Handshake,
        at: EventTime,
        ctx: &mut Context<'_, H::Shared>,
    ) -> Self {
        let info = FlowInfo {
            initiator: handshake.initiator,
            responder: handshake.responder,
            vlans: handshake.vlans,
            tunnel: handshake.tunnel,
            opened_at: handshake.opened_at,
            origin: Origin::Handshake,
            anomalies: handshake.anomalies,
        };
        let mut streams = [Stream::unseen(), Stream::unseen()];
        let negotiated = handshake.apply_to(&mut streams);
        let handler = H::opened(&info, ctx.shared);
        let mut flow =
            Self { info, handler, streams, last_seen: at, negotiated, new_at: 0, sides_told: false };
        if let Some(early) = handshake.syn_data.take() {
            ctx.counters.bytes.received += early.len() as u64;
            flow.deliver(Direction::FromInitiator, at, &early, ctx);
        }
        flow
    }

    /// A flow whose beginning was not seen. A guess: servers have the lower port.
    pub(super) fn from_midstream(segment: &Segment<'_>, ctx: &mut Context<'_, H::Shared>) -> Self {
        let from_responder = segment.src.port < segment.dst.port;
        let (initiator, responder) =
            if from_responder { (segment.dst, segment.src) } else { (segment.src, segment.dst) };
        let info = FlowInfo {
            initiator,
            responder,
            vlans: segment.vlans,
            tunnel: segment.tunnel,
            opened_at: segment.time,
            origin: Origin::Midstream,
            anomalies: AnomalySet::EMPTY,
        };
        let handler = H::opened(&info, ctx.shared);
        let mut flow = Self {
            info,
            handler,
            streams: [Stream::unseen(), Stream::unseen()],
            last_seen: segment.time,
            negotiated: Negotiated { timestamps: true, signed: segment.options.signed, sack: true },
            new_at: 0,
            sides_told: false,
        };
        flow.note(Anomaly::TcpMidstream, ctx);
        flow
    }

    pub(super) fn info(&self) -> &FlowInfo {
        &self.info
    }

    fn judge(&self, direction: Direction, segment: &Segment<'_>) -> Verdict {
        let [stream, answer] = [direction, direction.opposite()].map(|d| &self.streams[d.index()]);
        let unanswered = direction == Direction::FromResponder && self.is_unanswered();
        accept::judge(segment, stream, answer, self.negotiated, unanswered)
    }

    /// Takes in one segment without SYN.
    pub(super) fn segment(&mut self, segment: &Segment<'_>, ctx: &mut Context<'_, H::Shared>) -> Fate {
        let at = self.touch(segment.time);
        let direction = self.direction_of(segment);
        let mut verdict = self.judge(direction, segment);
        if verdict == Verdict::Refuse(Anomaly::TcpOutOfWindow)
            && self.believe_up_to(direction, SeqNo(segment.seq), at, ctx)
        {
            verdict = self.judge(direction, segment);
        }
        let unproved = match verdict {
            Verdict::Take => None,
            Verdict::Doubt(doubt) => Some(doubt),
            Verdict::Stale => {
                ctx.counters.segments.accepted += 1;
                return Fate::Open;
            }
            Verdict::Refuse(anomaly) => {
                ctx.counters.segments.refused += 1;
                self.note(anomaly, ctx);
                return Fate::Open;
            }
            Verdict::Reset => {
                ctx.counters.segments.accepted += 1;
                self.note_ttl(direction, segment, ctx);
                return Fate::Closed(CloseReason::Reset);
            }
        };
        ctx.counters.segments.accepted += 1;
        if segment.options.malformed {
            self.note(Anomaly::TcpInvalidSegment, ctx);
        }
        if !segment.payload.is_empty() {
            self.note_copy(direction, segment, ctx);
        }
        self.learn_timestamp(direction, segment);
        if !self.sides_told {
            self.tell_sides(direction, segment, ctx);
        }
        let answer = &mut self.streams[direction.opposite().index()];
        match unproved {
            None => answer.acknowledge(SeqNo(segment.ack), segment.window, true),
            Some(Doubt::Unsent(ack)) => answer.hear_claim(ack, segment.window),
            Some(Doubt::Untaken) => {}
        }
        self.review(at, ctx);
        self.point_urgent(direction, segment, ctx);
        if accept::carries(segment) {
            self.note_ttl(direction, segment, ctx);
            self.place(direction, segment, unproved, at, ctx);
            self.prove(at, ctx);
        }
        self.fate()
    }

    /// Whether a SYN only repeats the one that opened this flow.
    pub(super) fn is_opened_by(&self, segment: &Segment<'_>) -> bool {
        self.streams[self.direction_of(segment).index()].start == Some(SeqNo(segment.seq).plus(1))
    }

    /// Takes in the SYN-ACK of a flow whose SYN alone was seen before others of its segments. `false`: those
    /// contradict it, so no host took them, and the connection begins now.
    pub(super) fn is_answered_by(&mut self, segment: &Segment<'_>) -> bool {
        let first = SeqNo(segment.seq).plus(1);
        let [upstream, downstream] = &mut self.streams;
        let sent = if downstream.sender_seen() { downstream.sent_max.later(first) } else { first };
        let sent = downstream.held_end().map_or(sent, |end| end.later(sent));
        let acked = downstream.receiver.acked;
        if acked.is_some_and(|acked| acked.before(first) || acked.after(sent)) || downstream.passed > 0 {
            return false;
        }
        downstream.begin_with_late_syn(first);
        downstream.timestamp = segment.options.timestamps.map(|(value, _)| value);
        downstream.ttl = Some(segment.ttl);
        upstream.set_receiver_scale_late(segment.options.window_scale);
        upstream.acknowledge(SeqNo(segment.ack), segment.window, false);
        self.negotiated.timestamps &= segment.options.timestamps.is_some();
        self.negotiated.sack &= segment.options.sack_permitted;
        true
    }

    /// Whether the SYN was seen, and its answer was not.
    fn is_unanswered(&self) -> bool {
        self.streams[0].start.is_some() && self.streams[1].start.is_none()
    }

    /// Whether a segment is the SYN-ACK that this flow was opened without.
    pub(super) fn awaits(&self, segment: &Segment<'_>) -> bool {
        self.is_unanswered()
            && segment.flags.has(TcpFlags::SYN | TcpFlags::ACK)
            && self.direction_of(segment) == Direction::FromResponder
            && self.streams[0].start == Some(SeqNo(segment.ack))
    }

    /// Notes a SYN that came inside the connection: the host answers with a challenge, and lives on.
    pub(super) fn challenge(&mut self, segment: &Segment<'_>, ctx: &mut Context<'_, H::Shared>) {
        self.touch(segment.time);
        ctx.counters.segments.refused += 1;
        self.note(Anomaly::TcpInvalidSegment, ctx);
    }

    /// Whether only one side was ever seen, and this is not where it would go on.
    pub(super) fn may_be_replaced_by(&self, segment: &Segment<'_>) -> bool {
        let direction = self.direction_of(segment);
        let stream = &self.streams[direction.index()];
        !self.receiver_seen(direction) && stream.next != SeqNo(segment.seq)
    }

    /// When this flow has to be looked at again if no segment comes, and it may be idle for so long.
    pub(super) fn deadline(&self, config: &Config, idle_timeout: Duration) -> EventTime {
        let closing = self.both_ended_or_ending();
        let timeout = if closing { config.closing_timeout() } else { idle_timeout };
        self.hole_deadline(config).map_or(EventTime::MAX, |(_, at)| at).min(self.last_seen.after(timeout))
    }

    /// Does what is due at `deadline`.
    pub(super) fn fire(&mut self, deadline: EventTime, ctx: &mut Context<'_, H::Shared>) -> Fate {
        match self.hole_deadline(ctx.config) {
            Some((direction, due)) if due <= deadline => {
                self.give_up_hole(direction, deadline, ctx);
                self.fate()
            }
            _ if self.both_ended_or_ending() => Fate::Closed(CloseReason::Fin),
            _ => Fate::Closed(CloseReason::Idle),
        }
    }

    /// Gives up every hole to free memory.
    pub(super) fn release_held(&mut self, at: EventTime, ctx: &mut Context<'_, H::Shared>) -> Fate {
        self.note(Anomaly::TcpBufferLimit, ctx);
        for direction in DIRECTIONS {
            while self.streams[direction.index()].held.is_some() {
                self.give_up_hole(direction, at, ctx);
            }
        }
        self.fate()
    }

    /// Memory held for pieces out of order.
    pub(super) fn held_bytes(&self) -> usize {
        self.streams.iter().filter_map(|s| s.held.as_ref()).map(|held| held.queue.charge()).sum()
    }

    /// Whether the flow waits for something else than its next segment.
    pub(super) fn is_quiet(&self) -> bool {
        self.streams.iter().all(|s| s.held.is_none() && s.phase != Phase::Ended)
    }

    /// Where both directions stand.
    pub(super) fn ends(&self) -> [Option<SeqNo>; 2] {
        [&self.streams[0], &self.streams[1]].map(|s| s.sender_seen().then_some(s.next))
    }

    /// Ends the flow. Held bytes that the host has, or may have, are still delivered; bytes it was waiting
    /// to complete are not.
    pub(super) fn close(mut self, at: EventTime, reason: CloseReason, ctx: &mut Context<'_, H::Shared>) {
        for direction in DIRECTIONS {
            while let Some(hole) = self.streams[direction.index()].hole() {
                match hole {
                    Hole::Lost => self.give_up_hole(direction, at, ctx),
                    Hole::Open => {
                        let unproved = self.streams[direction.index()].is_first_unproved();
                        self.note(if unproved { Anomaly::TcpInvalidSegment } else { Anomaly::TcpGap }, ctx);
                        self.discard_held(direction, ctx);
                    }
                }
            }
        }
        self.handler.closed(self.info, at, reason, ctx.shared);
    }
}

/// What a segment says beside its bytes.
impl<H: StreamHandler> Conversation<H> {
    fn direction_of(&self, segment: &Segment<'_>) -> Direction {
        if segment.src == self.info.initiator { Direction::FromInitiator } else { Direction::FromResponder }
    }

    /// When its last segment came.
    pub(super) fn last_seen(&self) -> EventTime {
        self.last_seen
    }

    fn touch(&mut self, time: EventTime) -> EventTime {
        self.last_seen = self.last_seen.max(time);
        self.last_seen
    }

    pub(super) fn receiver_seen(&self, direction: Direction) -> bool {
        self.streams[direction.index()].receiver.acked.is_some()
    }

    /// The host remembers a timestamp only of segments that begin at or before what it has acknowledged, and do not
    /// end before it: those it drops.
    fn learn_timestamp(&mut self, direction: Direction, segment: &Segment<'_>) {
        let Some((value, _)) = segment.options.timestamps else { return };
        let stream = &mut self.streams[direction.index()];
        let newer = stream
            .timestamp
            .is_none_or(|newest| newest == 0 || newest.wrapping_sub(value).cast_signed() <= 0);
        let acked = stream.receiver.acked.unwrap_or(stream.next);
        let here = !SeqNo(segment.seq).after(acked) && !accept::end_of(segment).before(acked);
        if newer && (!stream.sender_seen() || here) {
            stream.timestamp = Some(value);
        }
    }

    /// Counts a segment that only says again what was just said: the newest bytes, or others with a timestamp of then.
    /// A sender that repeats older bytes writes the time at which it does.
    fn note_copy(&mut self, direction: Direction, segment: &Segment<'_>, ctx: &mut Context<'_, H::Shared>) {
        let stream = &self.streams[direction.index()];
        let at = (segment.time.as_nanos() >> 10) as u32;
        let end = SeqNo(segment.seq).plus(span(segment.payload.len())).plus(segment.missing);
        if !stream.sender_seen() || end.after(stream.next) {
            self.new_at = at;
            return;
        }
        let of_then = || match (segment.options.timestamps, stream.timestamp) {
            (Some((value, _)), Some(newest)) => newest.wrapping_sub(value).cast_signed() >= 0,
            _ => false,
        };
        if at.wrapping_sub(self.new_at) <= COPY_WITHIN && (end == stream.next || of_then()) {
            ctx.counters.sight.copied_segments += 1;
        }
    }

    /// Counts the flow once it is plain which directions the mirror shows. It shows one only if nothing of the other
    /// was seen, not even an acknowledgement, while bytes of it are acknowledged (a FIN alone is one).
    fn tell_sides(&mut self, direction: Direction, segment: &Segment<'_>, ctx: &mut Context<'_, H::Shared>) {
        let other = &self.streams[direction.opposite().index()];
        if other.sender_seen() {
            if !segment.payload.is_empty() {
                self.sides_told = true;
                ctx.counters.sight.two_way_flows += 1;
            }
            return;
        }
        let new = other.receiver.acked.map_or(0, |acked| SeqNo(segment.ack).later(acked).since(acked));
        if new > 1 && !self.receiver_seen(direction) {
            self.sides_told = true;
            ctx.counters.sight.one_way_flows += 1;
        }
    }

    /// Linux's reading of the urgent pointer: it points behind the byte. Of two, the later one counts.
    fn point_urgent(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        ctx: &mut Context<'_, H::Shared>,
    ) {
        if !segment.flags.has(TcpFlags::URG) {
            return;
        }
        let stream = &mut self.streams[direction.index()];
        let urgent = SeqNo(segment.seq).plus(u32::from(segment.urgent.saturating_sub(1)));
        let pending = stream.urgent.filter(|pending| !pending.before(stream.next));
        if !stream.sender_seen() || !urgent.before(stream.next) {
            stream.urgent = Some(pending.map_or(urgent, |pending| pending.later(urgent)));
            self.note(Anomaly::TcpUrgent, ctx);
        }
    }

    fn note_ttl(&mut self, direction: Direction, segment: &Segment<'_>, ctx: &mut Context<'_, H::Shared>) {
        let usual = self.streams[direction.index()].ttl.replace(segment.ttl);
        if usual.is_some_and(|usual| usual.abs_diff(segment.ttl) > TTL_DRIFT_MAX) {
            self.note(Anomaly::IpTtlAnomaly, ctx);
        }
    }

    pub(super) fn note_outcome(
        &mut self,
        outcome: &super::overlap::Outcome,
        ctx: &mut Context<'_, H::Shared>,
    ) {
        if outcome.duplicate > 0 {
            self.note(Anomaly::TcpRetransmission, ctx);
        }
        if outcome.conflict {
            self.note(Anomaly::TcpOverlapConflict, ctx);
        }
        if outcome.overruled > 0 {
            self.note(Anomaly::TcpInvalidSegment, ctx);
        }
    }

    pub(super) fn note(&mut self, anomaly: Anomaly, ctx: &mut Context<'_, H::Shared>) {
        ctx.counters.anomalies.count(anomaly);
        self.info.anomalies.insert(anomaly);
    }

    fn both_ended_or_ending(&self) -> bool {
        self.streams
            .iter()
            .all(|s| s.phase == Phase::Ended || s.held.as_ref().is_some_and(|held| held.queue.has_fin()))
    }

    /// Over once both sides have ended, or the only one that is seen.
    fn fate(&self) -> Fate {
        let over = DIRECTIONS.into_iter().all(|d| {
            let never_seen =
                self.streams[d.index()].phase != Phase::Streaming && !self.receiver_seen(d.opposite());
            self.streams[d.index()].phase == Phase::Ended || never_seen
        });
        if over { Fate::Closed(CloseReason::Fin) } else { Fate::Open }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_flow_leaves_its_handler_nearly_all_of_a_kibibyte() {
        assert!(size_of::<Conversation<()>>() <= 280, "{}", size_of::<Conversation<()>>());
    }
}
