//! Whether the end host would take a segment of a known flow.
//! It is given the segment and what is known of both directions.
//! It promises Linux's checks (`tcp_validate_incoming`, `tcp_ack`) wherever the capture tells enough, and
//! tolerance where it does not: what the capture lost must not make good segments look bad.

use super::overlap::Doubt;
use super::seq::{SeqNo, span};
use super::stream::{Phase, Stream};
use crate::decode::{Segment, TcpFlags};
use heelguard_detectors::anomaly::Anomaly;

/// What both ends agreed on in the handshake, or seem to have agreed on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Negotiated {
    /// Timestamps are in use, so PAWS applies.
    pub(super) timestamps: bool,
    /// Segments are signed (MD5, AO); otherwise no host takes a signed one.
    pub(super) signed: bool,
    /// Selective acknowledgements are in use.
    pub(super) sack: bool,
}

/// What the host does with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Takes it.
    Take,
    /// Takes it or not, for this reason; what comes later may tell.
    Doubt(Doubt),
    /// Drops it without a word: it is empty, and older than what it could tell.
    Stale,
    /// Drops it, for this reason.
    Refuse(Anomaly),
    /// Ends the connection.
    Reset,
}

/// Judges a segment without SYN. `stream` is the segment's direction, `answer` the opposite one; `unanswered` says that
/// the segment comes from the side whose answer to a SYN was not seen: before that answer no host takes anything.
pub(super) fn judge(
    segment: &Segment<'_>,
    stream: &Stream,
    answer: &Stream,
    negotiated: Negotiated,
    unanswered: bool,
) -> Verdict {
    let flags = segment.flags;
    let reset = flags.has(TcpFlags::RST);
    if !flags.has(TcpFlags::ACK) && !reset {
        return Verdict::Refuse(Anomaly::TcpInvalidSegment);
    }
    if segment.options.signed && !negotiated.signed {
        return Verdict::Refuse(Anomaly::TcpInvalidSegment);
    }
    if reset {
        // RFC 9293 3.10.7.3: who waits for the answer to its SYN is reset by a refusal of that SYN alone.
        let valid = if unanswered {
            flags.has(TcpFlags::ACK) && answer.start.is_some_and(|first| !SeqNo(segment.ack).before(first))
        } else {
            is_exact_reset(SeqNo(segment.seq), stream, negotiated)
        };
        return if valid { Verdict::Reset } else { Verdict::Refuse(Anomaly::TcpBadRst) };
    }
    let paws = negotiated.timestamps && is_older_than_timestamps_allow(segment, stream);
    if !carries(segment) {
        return if paws || is_left_behind(segment, stream) {
            Verdict::Stale
        } else {
            judge_ack(segment, answer)
        };
    }
    if paws {
        return Verdict::Refuse(Anomaly::TcpPawsDrop);
    }
    if let Some(anomaly) = misplaced(segment, stream) {
        return Verdict::Refuse(anomaly);
    }
    match judge_ack(segment, answer) {
        Verdict::Take if is_doubtful(segment, stream, unanswered) => Verdict::Doubt(Doubt::Untaken),
        verdict => verdict,
    }
}

/// Whether a segment takes sequence space.
pub(super) fn carries(segment: &Segment<'_>) -> bool {
    !segment.payload.is_empty() || segment.missing > 0 || segment.flags.has(TcpFlags::FIN)
}

/// Where a segment ends, a FIN included.
pub(super) fn end_of(segment: &Segment<'_>) -> SeqNo {
    let fin = u32::from(segment.flags.has(TcpFlags::FIN));
    SeqNo(segment.seq).plus(span(segment.payload.len())).plus(segment.missing).plus(fin)
}

/// RFC 7323 5.3: older than the newest timestamp, by more than the one tick Linux forgives. Zero is no time:
/// some systems write it on their SYNs alone.
fn is_older_than_timestamps_allow(segment: &Segment<'_>, stream: &Stream) -> bool {
    match (segment.options.timestamps, stream.timestamp) {
        (Some((value, _)), Some(newest)) if newest != 0 => newest.wrapping_sub(value).cast_signed() > 1,
        _ => false,
    }
}

/// An empty segment before what the receiver has acknowledged, as keep-alive probes are: the host answers
/// it, and reads nothing in it, no timestamp and no urgent pointer.
fn is_left_behind(segment: &Segment<'_>, stream: &Stream) -> bool {
    stream.sender_seen() && stream.receiver.acked.is_some_and(|acked| SeqNo(segment.seq).before(acked))
}

/// Whether the receiver alone can tell if a host takes a segment: what comes before the answer to a SYN, what lies
/// behind a FIN (which the kernel may have lost to overlapping data), what ends beyond the window.
fn is_doubtful(segment: &Segment<'_>, stream: &Stream, unanswered: bool) -> bool {
    is_beyond_window(segment, stream)
        || stream.phase == Phase::Ended
            && stream.receiver.acked.is_some()
            && end_of(segment).after(stream.next)
        || unanswered
}

/// Whether a segment ends beyond the window that its receiver has offered. Linux took such a segment up to
/// 6.16, and since then if its application has read everything; or the capture lost a wider offer.
fn is_beyond_window(segment: &Segment<'_>, stream: &Stream) -> bool {
    stream.sender_seen() && stream.window_edge().is_some_and(|edge| end_of(segment).after(edge))
}

/// A place in the sequence space where nothing can be.
fn misplaced(segment: &Segment<'_>, stream: &Stream) -> Option<Anomaly> {
    if !stream.sender_seen() {
        return None;
    }
    let start = SeqNo(segment.seq);
    if stream.phase == Phase::Ended && (!start.after(stream.next) || stream.receiver.acked.is_none()) {
        return end_of(segment).after(stream.next).then_some(Anomaly::TcpInvalidSegment);
    }
    if start.after(stream.next) {
        return (start.since(stream.next) >= stream.reach()).then_some(Anomaly::TcpOutOfWindow);
    }
    let end = start.plus(span(segment.payload.len())).plus(segment.missing);
    // A keep-alive probe right after the handshake repeats the SYN's own number, hence the one.
    let before_start = u64::from(stream.next.since(start)) > stream.passed.saturating_add(1);
    let left_of_all = stream.start.is_some() && before_start && !end.after(stream.next);
    left_of_all.then_some(Anomaly::TcpOutOfWindow)
}

/// RFC 9293 3.10.7.4 and RFC 5961 5: an acknowledgement of data never sent, or of long ago. Of the latter
/// Linux takes the data all the same if it comes on the fast path, which nobody sees from outside.
fn judge_ack(segment: &Segment<'_>, answer: &Stream) -> Verdict {
    let ack = SeqNo(segment.ack);
    if ack.before(answer.oldest_ack()) {
        return if carries(segment) { Verdict::Doubt(Doubt::Untaken) } else { Verdict::Stale };
    }
    let is_sent = |ack: SeqNo| {
        // What waits for proof was sent, too; this may be the proof.
        !ack.after(answer.sent_max) || answer.held_end().is_some_and(|end| !ack.after(end))
    };
    if !answer.sender_seen() || is_sent(ack) {
        return Verdict::Take;
    }
    // Beyond the window its own sender has offered, nothing can have been sent.
    let impossible = answer.window_edge().is_some_and(|edge| ack.after(edge));
    if impossible { Verdict::Refuse(Anomaly::TcpInvalidSegment) } else { Verdict::Doubt(Doubt::Unsent(ack)) }
}

/// RFC 5961 3.2 as Linux does it: at the next expected byte, at the end of the newest held data (SACK), or
/// one before the end after a FIN. The receiver's own word stands in where the capture lost data.
fn is_exact_reset(seq: SeqNo, stream: &Stream, negotiated: Negotiated) -> bool {
    match stream.phase {
        Phase::Unseen => true,
        Phase::Expected => seq == stream.next,
        Phase::Streaming => {
            let lost = stream.receiver.acked == Some(seq) && seq.after(stream.next);
            let sacked = negotiated.sack && stream.held_end() == Some(seq);
            seq == stream.next || lost || sacked
        }
        Phase::Ended => seq == stream.next || seq == stream.next.minus(1),
    }
}
