//! A flow: two streams, their handler, and what each segment does to them.
//! It is given the flow's segments and deadlines in order of time and calls the handler.
//! It promises that everything about one flow follows from its own segments, whatever others do.

use super::accept::{self, Negotiated, Verdict};
use super::halfopen::Handshake;
use super::overlap::{Extent, Piece};
use super::recent::ByteHash;
use super::seq::{SeqNo, span};
use super::stream::{Held, Hole, Phase, Stream};
use super::{CloseReason, Config, Direction, FlowInfo, Origin, StreamHandler};
use crate::decode::{Segment, TcpFlags};
use crate::metrics::Counters;
use heelguard_detectors::anomaly::{Anomaly, AnomalySet};
use heelguard_detectors::time::EventTime;

/// TTLs of one sender may differ by this much from segment to segment: routes change a little.
const TTL_DRIFT_MAX: u8 = 3;
const DIRECTIONS: [Direction; 2] = [Direction::FromInitiator, Direction::FromResponder];

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
    info: FlowInfo,
    handler: H,
    streams: [Stream; 2],
    last_seen: EventTime,
    negotiated: Negotiated,
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
            opened_at: handshake.opened_at,
            origin: Origin::Handshake,
            anomalies: handshake.anomalies,
        };
        let mut streams = [Stream::unseen(), Stream::unseen()];
        let negotiated = handshake.apply_to(&mut streams);
        let handler = H::opened(&info, ctx.shared);
        let mut flow = Self { info, handler, streams, last_seen: at, negotiated };
        if let Some(early) = handshake.fast_open_data.take() {
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
            negotiated: Negotiated { timestamps: true, signed: segment.options.signed },
        };
        flow.note(Anomaly::TcpMidstream, ctx);
        flow
    }

    pub(super) fn info(&self) -> &FlowInfo {
        &self.info
    }

    /// Takes in one segment without SYN.
    pub(super) fn segment(&mut self, segment: &Segment<'_>, ctx: &mut Context<'_, H::Shared>) -> Fate {
        let at = self.touch(segment.time);
        let direction = self.direction_of(segment);
        let [stream, answer] = [direction, direction.opposite()].map(|d| &self.streams[d.index()]);
        let unproved = match accept::judge(segment, stream, answer, self.negotiated) {
            Verdict::Take => None,
            Verdict::TakeIfSent(ack) => Some(ack),
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
        self.learn_timestamp(direction, segment);
        self.streams[direction.opposite().index()].acknowledge(SeqNo(segment.ack), segment.window, true);
        self.review(at, ctx);
        if accept::carries(segment) {
            self.note_ttl(direction, segment, ctx);
            self.point_urgent(direction, segment, ctx);
            self.place(direction, segment, unproved, at, ctx);
            self.prove(at, ctx);
        }
        self.fate()
    }

    /// Notes a SYN that came inside the connection: the host answers with a challenge, and lives on.
    /// One that repeats the opening is an ordinary retransmission.
    pub(super) fn syn_inside(&mut self, segment: &Segment<'_>, ctx: &mut Context<'_, H::Shared>) -> bool {
        self.touch(segment.time);
        let stream = &self.streams[self.direction_of(segment).index()];
        let repeats = stream.start == Some(SeqNo(segment.seq).plus(1));
        if repeats {
            ctx.counters.segments.accepted += 1;
        } else {
            ctx.counters.segments.refused += 1;
            self.note(Anomaly::TcpInvalidSegment, ctx);
        }
        repeats
    }

    /// Whether only one side was ever seen, and this is not where it would go on.
    pub(super) fn may_be_replaced_by(&self, segment: &Segment<'_>) -> bool {
        let direction = self.direction_of(segment);
        let stream = &self.streams[direction.index()];
        !self.receiver_seen(direction) && stream.next != SeqNo(segment.seq)
    }

    /// When this flow has to be looked at again if no segment comes.
    pub(super) fn deadline(&self, config: &Config) -> EventTime {
        let closing = self
            .streams
            .iter()
            .all(|s| s.phase == Phase::Ended || s.held.as_ref().is_some_and(|held| held.queue.has_fin()));
        let timeout = if closing { config.closing_timeout() } else { config.idle_timeout() };
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
                        self.note(Anomaly::TcpGap, ctx);
                        self.discard_held(direction, ctx);
                    }
                }
            }
        }
        self.handler.closed(self.info, at, reason, ctx.shared);
    }
}

/// Where segments go.
impl<H: StreamHandler> Conversation<H> {
    /// Puts a segment's bytes where they belong: delivered, held or known already.
    fn place(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        unproved: Option<SeqNo>,
        at: EventTime,
        ctx: &mut Context<'_, H::Shared>,
    ) {
        let start = SeqNo(segment.seq);
        let fin = segment.flags.has(TcpFlags::FIN);
        let end = start.plus(span(segment.payload.len())).plus(segment.missing).plus(u32::from(fin));
        ctx.counters.bytes.received += segment.payload.len() as u64;
        if segment.missing > 0 {
            self.note(Anomaly::CaptureTruncated, ctx);
        }
        let stream = &mut self.streams[direction.index()];
        if !stream.sender_seen() {
            stream.begin_midstream(start);
        }
        if unproved.is_none() {
            stream.sent_max = stream.sent_max.later(end);
        }
        if !end.after(stream.next) {
            self.repeat(direction, start, segment.payload, ctx);
        } else if start.after(stream.next) || unproved.is_some() {
            let (bytes, missing) = (segment.payload.to_vec(), segment.missing);
            self.hold(direction, Piece { start, bytes, missing, fin, unproved }, at, ctx);
        } else {
            if stream.held.is_some() {
                self.overrule_held(
                    direction,
                    Extent { start, end, bytes: segment.payload, proved: true },
                    ctx,
                );
            }
            self.take(direction, start, segment.payload, segment.missing, fin, at, ctx);
            if let Some(held) = &mut self.streams[direction.index()].held {
                held.moved(at);
                self.drain(direction, at, ctx);
            }
        }
    }

    /// Delivers a segment or piece that reaches beyond `next` and starts at or before it.
    #[expect(clippy::too_many_arguments, reason = "the parts of a segment and of a held piece")]
    fn take(
        &mut self,
        direction: Direction,
        start: SeqNo,
        bytes: &[u8],
        missing: u32,
        fin: bool,
        at: EventTime,
        ctx: &mut Context<'_, H::Shared>,
    ) {
        let known = self.streams[direction.index()].next.since(start);
        let (old, new) = bytes.split_at_checked(known as usize).unwrap_or((bytes, &[]));
        if known > 0 {
            self.repeat(direction, start, old, ctx);
        }
        if !new.is_empty() {
            self.deliver(direction, at, new, ctx);
        }
        let cut_end = start.plus(span(bytes.len())).plus(missing);
        let next = self.streams[direction.index()].next;
        if cut_end.after(next) {
            self.skip(direction, cut_end.since(next), at, ctx);
        }
        if fin {
            self.end(direction, at, ctx);
        }
    }

    /// Counts bytes that were delivered before, and compares them with what was.
    fn repeat(&mut self, direction: Direction, start: SeqNo, bytes: &[u8], ctx: &mut Context<'_, H::Shared>) {
        ctx.counters.bytes.duplicate += bytes.len() as u64;
        let stream = &self.streams[direction.index()];
        let conflict =
            !bytes.is_empty() && stream.recent.contradicts(start, bytes, stream.receiver.acked, ctx.key);
        self.note(Anomaly::TcpRetransmission, ctx);
        if conflict {
            self.note(Anomaly::TcpOverlapConflict, ctx);
        }
    }

    /// Hands bytes at `next` to the handler, without the urgent one.
    fn deliver(
        &mut self,
        direction: Direction,
        at: EventTime,
        bytes: &[u8],
        ctx: &mut Context<'_, H::Shared>,
    ) {
        let receiver_seen = self.receiver_seen(direction);
        let stream = &mut self.streams[direction.index()];
        let urgent_at = stream.urgent.map(|urgent| urgent.since(stream.next) as usize);
        stream.recent.remember(stream.next, bytes, receiver_seen, ctx.key);
        stream.pass(span(bytes.len()));
        let Some((before, rest)) = urgent_at.and_then(|offset| bytes.split_at_checked(offset)) else {
            ctx.counters.bytes.delivered += bytes.len() as u64;
            return self.handler.data(&mut self.info, direction, at, bytes, ctx.shared);
        };
        let Some((_, after)) = rest.split_first() else {
            ctx.counters.bytes.delivered += before.len() as u64;
            return self.handler.data(&mut self.info, direction, at, before, ctx.shared);
        };
        stream.urgent = None;
        ctx.counters.bytes.discarded += 1;
        for part in [before, after].into_iter().filter(|part| !part.is_empty()) {
            ctx.counters.bytes.delivered += part.len() as u64;
            self.handler.data(&mut self.info, direction, at, part, ctx.shared);
        }
    }

    /// Tells the handler of bytes that will not come.
    fn skip(&mut self, direction: Direction, missing: u32, at: EventTime, ctx: &mut Context<'_, H::Shared>) {
        ctx.counters.bytes.missing += u64::from(missing);
        self.streams[direction.index()].pass(missing);
        self.handler.gap(&mut self.info, direction, at, u64::from(missing), ctx.shared);
    }

    /// The sender's FIN was reached: nothing can follow, so what was held is dropped, as Linux does.
    fn end(&mut self, direction: Direction, at: EventTime, ctx: &mut Context<'_, H::Shared>) {
        let stream = &mut self.streams[direction.index()];
        stream.pass(1);
        stream.phase = Phase::Ended;
        if stream.held.as_ref().is_some_and(|held| !held.queue.is_empty()) {
            self.note(Anomaly::TcpInvalidSegment, ctx);
        }
        self.discard_held(direction, ctx);
        self.handler.half_closed(&mut self.info, direction, at, ctx.shared);
    }
}

/// What waits out of order.
impl<H: StreamHandler> Conversation<H> {
    fn hold(&mut self, direction: Direction, piece: Piece, at: EventTime, ctx: &mut Context<'_, H::Shared>) {
        let len = piece.bytes.len() as u64;
        let stream = &mut self.streams[direction.index()];
        let held = stream.held.get_or_insert_with(|| Box::new(Held::new(at)));
        let outcome = held.queue.insert(piece);
        if held.queue.is_empty() {
            stream.held = None;
        }
        let bytes = &mut ctx.counters.bytes;
        bytes.buffered = (bytes.buffered + len) - outcome.duplicate - outcome.overruled;
        bytes.duplicate += outcome.duplicate;
        bytes.discarded += outcome.overruled;
        self.note_outcome(&outcome, ctx);
        while self.is_over_limit(direction, ctx.config) {
            self.note(Anomaly::TcpBufferLimit, ctx);
            self.give_up_hole(direction, at, ctx);
        }
    }

    /// A segment in order decides over held pieces that it overlaps.
    fn overrule_held(&mut self, direction: Direction, new: Extent<'_>, ctx: &mut Context<'_, H::Shared>) {
        let Some(held) = &mut self.streams[direction.index()].held else { return };
        let outcome = held.queue.overrule(&new);
        ctx.counters.bytes.buffered -= outcome.overruled;
        ctx.counters.bytes.discarded += outcome.overruled;
        self.note_outcome(&outcome, ctx);
    }

    /// Delivers every held piece that `next` has reached.
    fn drain(&mut self, direction: Direction, at: EventTime, ctx: &mut Context<'_, H::Shared>) {
        loop {
            let stream = &mut self.streams[direction.index()];
            let Some(held) = &mut stream.held else { return };
            let Some(piece) = held.queue.pop_ready(stream.next) else {
                if held.queue.is_empty() {
                    stream.held = None;
                }
                return;
            };
            held.moved(at);
            ctx.counters.bytes.buffered -= piece.bytes.len() as u64;
            if piece.end().after(stream.next) {
                self.take(direction, piece.start, &piece.bytes, piece.missing, piece.fin, at, ctx);
            } else {
                ctx.counters.bytes.duplicate += piece.bytes.len() as u64;
            }
        }
    }

    /// Takes the bytes before the first held piece for lost, or the piece itself for good, and goes on.
    fn give_up_hole(&mut self, direction: Direction, at: EventTime, ctx: &mut Context<'_, H::Shared>) {
        let stream = &mut self.streams[direction.index()];
        let Some(held) = &mut stream.held else { return };
        let start = held.queue.first().map_or(stream.next, |first| first.start);
        held.moved(at);
        if start.after(stream.next) {
            let missing = start.since(stream.next);
            self.note(Anomaly::TcpGap, ctx);
            self.skip(direction, missing, at, ctx);
        } else if held.queue.believe_first() {
            self.note(Anomaly::TcpInvalidSegment, ctx);
        }
        self.drain(direction, at, ctx);
    }

    fn discard_held(&mut self, direction: Direction, ctx: &mut Context<'_, H::Shared>) {
        if let Some(mut held) = self.streams[direction.index()].held.take() {
            let bytes = held.queue.clear();
            ctx.counters.bytes.buffered -= bytes;
            ctx.counters.bytes.discarded += bytes;
        }
    }

    fn is_over_limit(&self, direction: Direction, config: &Config) -> bool {
        self.streams[direction.index()].held.as_ref().is_some_and(|held| {
            held.queue.charge() > config.direction_buffer_bytes_max
                || held.queue.len() > config.direction_segments_max
        })
    }

    /// Looks at what this moment's evidence says about holes and unproved pieces.
    fn review(&mut self, at: EventTime, ctx: &mut Context<'_, H::Shared>) {
        if self.streams.iter().all(|s| s.held.is_none()) {
            return;
        }
        self.prove(at, ctx);
        for direction in DIRECTIONS {
            if self.streams[direction.index()].weigh_evidence(at) {
                self.give_up_hole(direction, at, ctx);
            }
        }
    }

    fn prove(&mut self, at: EventTime, ctx: &mut Context<'_, H::Shared>) {
        for direction in DIRECTIONS {
            let answer = &self.streams[direction.opposite().index()];
            let sent = answer.sender_seen().then_some(answer.sent_max);
            let stream = &mut self.streams[direction.index()];
            if let Some(held) = &mut stream.held {
                held.queue.prove(stream.receiver.acked, sent);
                self.drain(direction, at, ctx);
            }
        }
    }

    fn hole_deadline(&self, config: &Config) -> Option<(Direction, EventTime)> {
        DIRECTIONS
            .into_iter()
            .filter_map(|d| Some((d, self.streams[d.index()].hole_deadline(config.gap_timeout())?)))
            .min_by_key(|&(_, at)| at)
    }
}

/// What a segment says beside its bytes.
impl<H: StreamHandler> Conversation<H> {
    fn direction_of(&self, segment: &Segment<'_>) -> Direction {
        if segment.src == self.info.initiator { Direction::FromInitiator } else { Direction::FromResponder }
    }

    fn touch(&mut self, time: EventTime) -> EventTime {
        self.last_seen = self.last_seen.max(time);
        self.last_seen
    }

    fn receiver_seen(&self, direction: Direction) -> bool {
        self.streams[direction.index()].receiver.acked.is_some()
    }

    /// The host remembers a timestamp only of segments that begin at or before what it has acknowledged.
    fn learn_timestamp(&mut self, direction: Direction, segment: &Segment<'_>) {
        let Some((value, _)) = segment.options.timestamps else { return };
        let stream = &mut self.streams[direction.index()];
        let newer = stream.timestamp.is_none_or(|newest| value.wrapping_sub(newest).cast_signed() >= 0);
        let acked = stream.receiver.acked.unwrap_or(stream.next);
        if newer && (!stream.sender_seen() || !SeqNo(segment.seq).after(acked)) {
            stream.timestamp = Some(value);
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

    fn note_outcome(&mut self, outcome: &super::overlap::Outcome, ctx: &mut Context<'_, H::Shared>) {
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

    fn note(&mut self, anomaly: Anomaly, ctx: &mut Context<'_, H::Shared>) {
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
