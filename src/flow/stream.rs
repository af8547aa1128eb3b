//! One direction of a flow: what its receiver has taken, and what waits for its place.
//! It is given the sender's positions and the receiver's acknowledgements.
//! It promises to know, as well as the capture allows, the receiver's next expected byte and window.

use super::overlap::Queue;
use super::recent::Recent;
use super::seq::SeqNo;
use heelguard_detectors::time::EventTime;
use std::time::Duration;

/// The widest window there is (RFC 7323 2.3); assumed where the receiver's own word is unknown.
const WINDOW_MAX: u32 = 1 << 30;
/// Scale assumed for a receiver whose SYN was not seen.
const SCALE_UNKNOWN: u8 = 14;
/// A hole is lost once this many segments of the flow have come, counted from the acknowledgement that
/// covers it: directions may be captured a little out of step.
const COVER_SEGMENTS: u8 = 2;
/// A covered hole is lost after this time even if nothing more comes.
const COVER_GRACE: Duration = Duration::from_millis(100);

/// How far a direction is known.
///
/// ```text
/// Unseen ── the receiver acknowledges ──▶ Expected ── data ──▶ Streaming ── FIN in order ──▶ Ended
///    └─────────────── SYN, or data of a flow joined midstream ────▲
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing is known.
    Unseen,
    /// The receiver's acknowledgement says where it stands; the sender was not seen.
    Expected,
    /// The sender was seen.
    Streaming,
    /// The sender's FIN was reached in order.
    Ended,
}

/// What the receiver of a direction has said about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Receiver {
    /// The highest acknowledgement.
    pub(super) acked: Option<SeqNo>,
    /// The right edge of its window; meaningful with `acked`.
    edge: SeqNo,
    /// The widest window it offered.
    pub(super) window_max: u32,
    scale: u8,
}

/// One direction.
pub(super) struct Stream {
    pub(super) phase: Phase,
    /// The byte the receiver's application gets next.
    pub(super) next: SeqNo,
    /// The end of what was seen sent.
    pub(super) sent_max: SeqNo,
    /// Where the stream began, when a SYN told.
    pub(super) start: Option<SeqNo>,
    /// Bytes from the beginning to `next`, lost ones too.
    pub(super) passed: u64,
    pub(super) receiver: Receiver,
    /// The sender's newest timestamp, as the receiver keeps it for PAWS.
    pub(super) timestamp: Option<u32>,
    /// The sender's TTL in its last segment.
    pub(super) ttl: Option<u8>,
    /// The byte that an urgent pointer takes out of the stream.
    pub(super) urgent: Option<SeqNo>,
    pub(super) recent: Recent,
    /// Boxed: most directions never hold anything.
    pub(super) held: Option<Box<Held>>,
}

/// Pieces that wait behind a hole.
pub(super) struct Held {
    pub(super) queue: Queue,
    /// When the hole opened, or last moved.
    pub(super) since: EventTime,
    /// Since when the receiver's acknowledgement covers the hole, and segments seen from then on.
    covered: Option<(EventTime, u8)>,
    /// The receiver has spoken since: unless it acknowledges the hole, it waits for those bytes too.
    pub(super) receiver_spoke: bool,
}

/// What is to be made of a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hole {
    /// The receiver has these bytes, or nobody can say: the capture lost them.
    Lost,
    /// The receiver waits for them as well.
    Open,
}

impl Stream {
    pub(super) fn unseen() -> Self {
        Self {
            phase: Phase::Unseen,
            next: SeqNo::default(),
            sent_max: SeqNo::default(),
            start: None,
            passed: 0,
            receiver: Receiver { acked: None, edge: SeqNo::default(), window_max: 0, scale: SCALE_UNKNOWN },
            timestamp: None,
            ttl: None,
            urgent: None,
            recent: Recent::default(),
            held: None,
        }
    }

    /// Begins at the first byte after a SYN.
    pub(super) fn begin_with_syn(&mut self, start: SeqNo) {
        (self.phase, self.next, self.sent_max) = (Phase::Streaming, start, start);
        self.start = Some(start);
    }

    /// Begins anew with a SYN that came after other segments of its sender: of what those said, only the
    /// bytes that wait may be true.
    pub(super) fn begin_with_late_syn(&mut self, start: SeqNo) {
        let (receiver, held) = (self.receiver, self.held.take());
        *self = Self { receiver, held, ..Self::unseen() };
        self.begin_with_syn(start);
    }

    /// Begins at the first data seen, or where the receiver said it stands if that is earlier.
    pub(super) fn begin_midstream(&mut self, first: SeqNo) {
        let known = if self.phase == Phase::Expected { self.next.earlier(first) } else { first };
        (self.phase, self.next, self.sent_max) = (Phase::Streaming, known, known);
    }

    pub(super) fn sender_seen(&self) -> bool {
        matches!(self.phase, Phase::Streaming | Phase::Ended)
    }

    /// The receiver's window scale, once both SYNs were seen.
    pub(super) fn set_receiver_scale(&mut self, scale: u8) {
        self.receiver.scale = scale.min(SCALE_UNKNOWN);
    }

    /// The same for the answer to a SYN: windows are scaled only if both sides say so.
    pub(super) fn set_receiver_scale_late(&mut self, scale: Option<u8>) {
        self.receiver.scale = scale.map_or(0, |scale| scale.min(self.receiver.scale));
    }

    /// Takes in an acknowledgement by the receiver. `window` is the field as sent.
    pub(super) fn acknowledge(&mut self, ack: SeqNo, window: u16, scaled: bool) {
        let window = u32::from(window) << if scaled { self.receiver.scale } else { 0 };
        let edge = ack.plus(window);
        let receiver = &mut self.receiver;
        receiver.edge = receiver.acked.map_or(edge, |_| receiver.edge.later(edge));
        let acked = receiver.acked.map_or(ack, |acked| acked.later(ack));
        receiver.acked = Some(acked);
        receiver.window_max = receiver.window_max.max(window);
        if !self.sender_seen() {
            (self.phase, self.next) = (Phase::Expected, acked);
        }
        self.recent.retire(acked);
        if let Some(held) = &mut self.held {
            held.receiver_spoke = true;
        }
    }

    /// Takes in an acknowledgement of what was not seen to be sent: only how far the window may reach.
    pub(super) fn hear_claim(&mut self, ack: SeqNo, window: u16) {
        let receiver = &mut self.receiver;
        let edge = ack.plus(u32::from(window) << receiver.scale);
        receiver.edge = receiver.acked.map_or(edge, |_| receiver.edge.later(edge));
    }

    /// The oldest acknowledgement with which the sender takes data, as far as the window and the stream go
    /// back (RFC 5961 5.2, and Linux since 6.7 no further than the first byte).
    pub(super) fn oldest_ack(&self) -> SeqNo {
        let Some(acked) = self.receiver.acked else {
            return self.start.unwrap_or(self.next.minus(WINDOW_MAX));
        };
        let so_far = self.start.map_or(WINDOW_MAX, |start| acked.since(start));
        acked.minus(self.receiver.window_max.min(so_far))
    }

    /// The right edge of the window as far as it was seen.
    pub(super) fn window_edge(&self) -> Option<SeqNo> {
        self.receiver.acked.map(|_| self.receiver.edge)
    }

    /// How far beyond `next` data may begin. The window is only advisory: acknowledgements that the capture
    /// lost may have moved it, so as much again is allowed beyond its edge.
    pub(super) fn reach(&self) -> u32 {
        let Some(edge) = self.window_edge() else { return WINDOW_MAX };
        let ahead = if edge.after(self.next) { edge.since(self.next) } else { 0 };
        let slack = self.receiver.window_max.max(u32::from(u16::MAX));
        ahead.saturating_add(slack).min(WINDOW_MAX)
    }

    /// Moves on by `count` bytes.
    pub(super) fn pass(&mut self, count: u32) {
        self.next = self.next.plus(count);
        self.passed = self.passed.saturating_add(u64::from(count));
        self.sent_max = self.sent_max.later(self.next);
    }

    /// Counts a segment against a covered hole; whether the hole is lost now.
    pub(super) fn weigh_evidence(&mut self, at: EventTime) -> bool {
        if self.hole() != Some(Hole::Lost) || !self.covers_hole() {
            return false;
        }
        let Some(held) = &mut self.held else { return false };
        let (since, seen) = held.covered.unwrap_or((at, 0));
        held.covered = Some((since, seen.saturating_add(1)));
        seen + 1 >= COVER_SEGMENTS || at.since(since) >= COVER_GRACE
    }

    /// When the hole is to be given up if nothing changes.
    pub(super) fn hole_deadline(&self, gap_timeout: Duration) -> Option<EventTime> {
        let held = self.held.as_ref()?;
        let unsure = (!held.receiver_spoke).then(|| held.since.after(gap_timeout));
        let covered = held.covered.map(|(since, _)| since.after(COVER_GRACE));
        match (covered, unsure) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// What is to be made of the hole before the held pieces, if there are any.
    pub(super) fn hole(&self) -> Option<Hole> {
        let held = self.held.as_ref()?;
        let lost = self.covers_hole() || !held.receiver_spoke;
        Some(if lost { Hole::Lost } else { Hole::Open })
    }

    /// Whether what waits came after the sender's FIN, and its receiver has not said that it has it.
    pub(super) fn is_behind_the_end(&self) -> bool {
        self.phase == Phase::Ended && self.is_first_unproved()
    }

    /// Where the last of what waits ends.
    pub(super) fn held_end(&self) -> Option<SeqNo> {
        self.held.as_ref().and_then(|held| held.queue.end())
    }

    /// Whether what waits first may never have been taken.
    pub(super) fn is_first_unproved(&self) -> bool {
        self.held.as_ref().and_then(|held| held.queue.first()).is_some_and(|first| first.unproved.is_some())
    }

    fn covers_hole(&self) -> bool {
        let first = self.held.as_ref().and_then(|held| held.queue.first());
        let end = first.map(|piece| if piece.unproved.is_some() { piece.end() } else { piece.start });
        end.zip(self.receiver.acked).is_some_and(|(end, acked)| !acked.before(end))
    }
}

impl Held {
    pub(super) fn new(since: EventTime) -> Self {
        Self { queue: Queue::default(), since, covered: None, receiver_spoke: false }
    }

    /// `next` has moved: what was known about the hole no longer counts.
    pub(super) fn moved(&mut self, at: EventTime) {
        (self.since, self.covered, self.receiver_spoke) = (at, None, false);
    }
}
