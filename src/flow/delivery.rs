//! Where a flow's bytes go: to its handler, into the queue of what waits, or nowhere.
//! It is given segments that the host takes and the evidence about holes.
//! It promises that every accepted byte is counted once: delivered, duplicate, discarded or buffered.

use super::conversation::{Context, Conversation, DIRECTIONS};
use super::overlap::{Doubt, Extent, Piece};
use super::seq::{SeqNo, span};
use super::stream::{Held, Phase, Stream};
use super::{Config, Direction, StreamHandler};
use crate::decode::{Segment, TcpFlags};
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::time::EventTime;

/// Where segments go.
impl<H: StreamHandler> Conversation<H> {
    /// Puts a segment's bytes where they belong: delivered, held or known already.
    pub(super) fn place(
        &mut self,
        direction: Direction,
        segment: &Segment<'_>,
        unproved: Option<Doubt>,
        at: EventTime,
        ctx: &mut Context<'_, H::Shared>,
    ) {
        let start = SeqNo(segment.seq);
        let fin = segment.flags.has(TcpFlags::FIN);
        let end = start.plus(span(segment.payload.len())).plus(segment.missing).plus(u32::from(fin));
        ctx.counters.bytes.received += segment.payload.len() as u64;
        if segment.missing > 0 {
            // Counted where the packet was decoded.
            self.info.anomalies.insert(Anomaly::CaptureTruncated);
        }
        let stream = &mut self.streams[direction.index()];
        if !stream.sender_seen() {
            stream.begin_midstream(start);
        }
        if unproved.is_none() {
            stream.sent_max = stream.sent_max.later(end);
        }
        if !end.after(stream.next) {
            // An end before bytes that were delivered says that those were none.
            let contradicts = fin && stream.phase != Phase::Ended;
            self.repeat(direction, start, segment.payload, ctx);
            if contradicts {
                self.note(Anomaly::TcpOverlapConflict, ctx);
            }
        } else if start.after(stream.next) || unproved.is_some() {
            let (bytes, missing) = (segment.payload.to_vec(), segment.missing);
            self.hold(direction, Piece { start, bytes, missing, fin, unproved }, at, ctx);
        } else {
            let known = stream.next.since(start) as usize;
            if known > 0 {
                let old = segment.payload.get(..known).unwrap_or(segment.payload);
                self.repeat(direction, start, old, ctx);
            }
            let extent = Extent { start, end, bytes: segment.payload, fin, proved: true };
            self.overrule_held(direction, extent, ctx);
            self.take(direction, start, segment.payload, segment.missing, fin, at, ctx);
            if let Some(held) = &mut self.streams[direction.index()].held {
                held.moved(at);
                self.drain(direction, at, ctx);
            }
        }
    }

    /// Delivers what lies beyond `next` of a segment or piece that starts at or before it.
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
        let known = self.streams[direction.index()].next.since(start) as usize;
        if let Some(new) = bytes.get(known..).filter(|new| !new.is_empty()) {
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
    pub(super) fn deliver(
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
        ctx.counters.bytes.buffered -= outcome.overruled + outcome.duplicate;
        ctx.counters.bytes.discarded += outcome.overruled;
        ctx.counters.bytes.duplicate += outcome.duplicate;
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
            // What of it is known by now was compared when it came, or when the known bytes came.
            let known = piece.bytes.len().min(stream.next.since(piece.start) as usize);
            ctx.counters.bytes.duplicate += known as u64;
            if piece.end().after(stream.next) {
                self.take(direction, piece.start, &piece.bytes, piece.missing, piece.fin, at, ctx);
            }
        }
    }

    /// Takes the bytes before the first held piece for lost, or the piece itself for good, and goes on. Behind a FIN
    /// nothing is good that the receiver has not acknowledged.
    pub(super) fn give_up_hole(
        &mut self,
        direction: Direction,
        at: EventTime,
        ctx: &mut Context<'_, H::Shared>,
    ) {
        if self.streams[direction.index()].is_behind_the_end() {
            self.note(Anomaly::TcpInvalidSegment, ctx);
            return self.discard_held(direction, ctx);
        }
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

    /// A segment begins further ahead than the window allows, and where what waits to be proved ends. Its sender would
    /// not go on so without the receiver's word, which the capture then lacks: what waits counts as taken. Whether
    /// something did.
    pub(super) fn believe_up_to(
        &mut self,
        direction: Direction,
        start: SeqNo,
        at: EventTime,
        ctx: &mut Context<'_, H::Shared>,
    ) -> bool {
        let waits = |stream: &Stream| {
            let held = stream.held.as_ref()?;
            held.queue.unproved_run(stream.next).filter(|end| !start.after(*end))
        };
        let mut believed = false;
        while waits(&self.streams[direction.index()]).is_some() {
            self.give_up_hole(direction, at, ctx);
            believed = true;
        }
        believed
    }

    pub(super) fn discard_held(&mut self, direction: Direction, ctx: &mut Context<'_, H::Shared>) {
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
    pub(super) fn review(&mut self, at: EventTime, ctx: &mut Context<'_, H::Shared>) {
        if !self.holds_any() {
            return;
        }
        self.prove(at, ctx);
        for direction in DIRECTIONS {
            if self.streams[direction.index()].weigh_evidence(at) {
                self.give_up_hole(direction, at, ctx);
            }
        }
    }

    /// Lets held pieces go that what was seen since has proved.
    pub(super) fn prove(&mut self, at: EventTime, ctx: &mut Context<'_, H::Shared>) {
        if !self.holds_any() {
            return;
        }
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

    fn holds_any(&self) -> bool {
        self.streams.iter().any(|stream| stream.held.is_some())
    }

    /// When the first hole is to be given up, and whose.
    pub(super) fn hole_deadline(&self, config: &Config) -> Option<(Direction, EventTime)> {
        DIRECTIONS
            .into_iter()
            .filter_map(|d| Some((d, self.streams[d.index()].hole_deadline(config.gap_timeout())?)))
            .min_by_key(|&(_, at)| at)
    }
}
