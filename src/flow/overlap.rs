//! Out-of-order pieces of one direction, and who wins where they overlap.
//! It is given pieces ahead of the next expected byte and gives them back once that byte is reached.
//! It promises Linux's choices (`tcp_data_queue_ofo`, `tcp_ofo_queue`), which are not "first copy wins":
//!
//! ```text
//! old      ..[=====]..       new                      who wins on the overlap
//!            [---]           inside an old piece      old: the new one is dropped
//!            [-------]       same start, longer       new: it replaces the old one
//!          [---------]       covers old pieces        new: they are dropped
//!         [---]              reaches in from the left new: the old one keeps its tail
//!               [----]       starts inside, goes on   old: the new one gives its tail
//! ```
//!
//! Behind that stand two rules: a piece covered by a later one is removed, and of two that remain the one
//! that starts first is delivered first. A piece that begins exactly where another ends is joined to it and
//! counts as one piece from then on, as the kernel's coalescing does. (In a chain of three or more that
//! overlap, what the kernel joins depends on the shape of its search tree and on how the driver laid out
//! the buffers. Here the choice is the usual one; that bytes differed is reported in every case.)

use super::seq::{SeqNo, span};
use std::collections::VecDeque;

/// What a held piece costs beside its bytes, for the memory limits.
const PIECE_OVERHEAD_BYTES: usize = 96;

/// A segment's payload, held until its place in the stream is reached.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) start: SeqNo,
    pub(super) bytes: Vec<u8>,
    /// Bytes behind `bytes` that the snap length cut off.
    pub(super) missing: u32,
    /// Whether a FIN follows; it takes one sequence number.
    pub(super) fin: bool,
    /// Whether the host took the segment at all; until something proves it, the piece is not delivered.
    pub(super) unproved: Option<Doubt>,
}

/// Why a host may not have taken a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It acknowledges up to here, which was not seen to be sent: the host takes it only if that was lost by
    /// the capture.
    Unsent(SeqNo),
    /// It ends beyond the receiver's window, or acknowledges what is long past: the receiver alone can tell.
    Untaken,
}

impl Piece {
    pub(super) fn end(&self) -> SeqNo {
        self.start.plus(span(self.bytes.len())).plus(self.missing).plus(u32::from(self.fin))
    }

    fn extent(&self) -> Extent<'_> {
        let proved = self.unproved.is_none();
        Extent { start: self.start, end: self.end(), bytes: &self.bytes, fin: self.fin, proved }
    }

    fn charge(&self) -> usize {
        self.bytes.len() + PIECE_OVERHEAD_BYTES
    }

    /// What of it lies before `start`, and what behind `end`.
    fn around(mut self, start: SeqNo, end: SeqNo) -> [Option<Self>; 2] {
        let behind = self.end().after(end).then(|| {
            let from = end.later(self.start);
            let passed = from.since(self.start) as usize;
            let bytes = self.bytes.get(passed..).unwrap_or(&[]).to_vec();
            let lost = span(passed.saturating_sub(self.bytes.len()));
            Self { start: from, bytes, missing: self.missing.saturating_sub(lost), ..self }
        });
        let before = self.start.before(start).then(|| {
            let kept = start.since(self.start);
            self.bytes.truncate(kept as usize);
            let missing = self.missing.min(kept - span(self.bytes.len()));
            Self { missing, fin: false, ..self }
        });
        [before, behind]
    }
}

/// A piece, or a segment that need not become one: its place in the stream and its bytes.
#[derive(Clone, Copy)]
pub(super) struct Extent<'a> {
    pub(super) start: SeqNo,
    pub(super) end: SeqNo,
    pub(super) bytes: &'a [u8],
    pub(super) fin: bool,
    pub(super) proved: bool,
}

impl Extent<'_> {
    /// Whether the two, which overlap, disagree about a byte that both have, or about the end.
    fn contradicts(&self, other: &Self) -> bool {
        if self.ends_inside(other) || other.ends_inside(self) {
            return true;
        }
        let start = self.start.later(other.start);
        let tail = |e: &Self| e.bytes.len().min(start.since(e.start) as usize);
        let (mine, theirs) = (self.bytes.split_at(tail(self)).1, other.bytes.split_at(tail(other)).1);
        mine.iter().zip(theirs).any(|(a, b)| a != b)
    }

    /// Whether this one ends the stream before the other's last byte.
    fn ends_inside(&self, other: &Self) -> bool {
        self.fin && other.end.minus(u32::from(other.fin)).after(self.end.minus(1))
    }
}

/// What taking a piece in did to others.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Bytes that turned out to be known (of the new piece or of those it replaced).
    pub(super) duplicate: u64,
    /// Bytes of unproved pieces that something proven overruled.
    pub(super) overruled: u64,
    /// Whether two copies of one byte differ.
    pub(super) conflict: bool,
}

impl Outcome {
    /// Where the bytes of an unproved piece count that gives way: as known ones if they say the same.
    fn gone(&mut self) -> &mut u64 {
        if self.conflict { &mut self.overruled } else { &mut self.duplicate }
    }
}

/// Held pieces. Between calls their starts strictly increase, and so do their ends.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pieces: VecDeque<Piece>,
    charge: usize,
}

impl Queue {
    pub(super) fn first(&self) -> Option<&Piece> {
        self.pieces.front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Bytes of memory held.
    pub(super) fn charge(&self) -> usize {
        self.charge
    }

    /// Where the last piece ends.
    pub(super) fn end(&self) -> Option<SeqNo> {
        self.pieces.back().map(Piece::end)
    }

    /// Where the pieces end that follow on each other from `next` on, if the first of them is unproved.
    pub(super) fn unproved_run(&self, next: SeqNo) -> Option<SeqNo> {
        self.first().filter(|first| first.unproved.is_some() && !first.start.after(next))?;
        let mut end = next;
        for piece in &self.pieces {
            if piece.start.after(end) {
                break;
            }
            end = end.later(piece.end());
        }
        Some(end)
    }

    pub(super) fn has_fin(&self) -> bool {
        self.pieces.back().is_some_and(|piece| piece.fin)
    }

    /// Takes a piece in.
    pub(super) fn insert(&mut self, new: Piece) -> Outcome {
        let mut outcome = self.overrule(&new.extent());
        if new.unproved.is_some() {
            self.insert_unproved(new, &mut outcome);
            return outcome;
        }
        let after = self.pieces.partition_point(|p| !p.start.after(new.start));
        let mut at = after;
        if let Some(left) = after.checked_sub(1)
            && let Some(old) = self.pieces.get_mut(left)
        {
            if new.start.before(old.end()) {
                if !new.end().after(old.end()) {
                    outcome.duplicate += new.bytes.len() as u64;
                    return outcome;
                }
                if old.start == new.start {
                    at = left;
                }
            } else if new.start == old.end() && joins(old, &new) {
                old.bytes.extend_from_slice(&new.bytes);
                (old.missing, old.fin) = (new.missing, new.fin);
                self.charge += new.bytes.len();
                let end = new.end();
                outcome.duplicate += self.remove_covered(left + 1, end);
                return outcome;
            }
        }
        outcome.duplicate += self.remove_covered(at, new.end());
        self.put(at, new);
        outcome
    }

    /// Takes in what of an unproved piece no other piece has.
    fn insert_unproved(&mut self, new: Piece, outcome: &mut Outcome) {
        let mut index = self.pieces.partition_point(|p| !p.end().after(new.start));
        let mut rest = Some(new);
        while let Some(piece) = rest {
            let Some(old) = self.pieces.get(index).filter(|old| old.start.before(piece.end())) else {
                return self.put(index, piece);
            };
            let (start, end, length) = (old.start, old.end(), piece.bytes.len());
            let [before, behind] = piece.around(start, end);
            let kept = [&before, &behind].map(|part| part.as_ref().map_or(0, |part| part.bytes.len()));
            *outcome.gone() += (length - kept.iter().sum::<usize>()) as u64;
            if let Some(before) = before {
                self.put(index, before);
                index += 1;
            }
            index += 1;
            rest = behind;
        }
    }

    /// Compares a piece that is about to be delivered in order, or taken in, with what it overlaps:
    /// unproved pieces give way to it.
    pub(super) fn overrule(&mut self, new: &Extent<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        let mut index = self.pieces.partition_point(|p| !p.end().after(new.start));
        while let Some(old) = self.pieces.get(index)
            && old.start.before(new.end)
        {
            outcome.conflict |= old.extent().contradicts(new);
            if old.unproved.is_some() && new.proved {
                *outcome.gone() += self.cut_out(&mut index, new);
            } else {
                index += 1;
            }
        }
        outcome
    }

    /// Takes out of a piece what is in `new`; `index` moves behind what is left of it. The bytes taken.
    fn cut_out(&mut self, index: &mut usize, new: &Extent<'_>) -> u64 {
        let Some(old) = self.take(*index) else { return 0 };
        let mut taken = old.bytes.len();
        for part in old.around(new.start, new.end).into_iter().flatten() {
            taken -= part.bytes.len();
            self.put(*index, part);
            *index += 1;
        }
        taken as u64
    }

    /// The next piece that starts at or before `next` and may be delivered.
    pub(super) fn pop_ready(&mut self, next: SeqNo) -> Option<Piece> {
        let first = self.pieces.front()?;
        if first.start.after(next) || (first.unproved.is_some() && first.end().after(next)) {
            return None;
        }
        self.take(0)
    }

    /// Lets pieces count as proved: the receiver took them (`acked`), or what they acknowledged (`sent`)
    /// was seen after all.
    pub(super) fn prove(&mut self, acked: Option<SeqNo>, sent: Option<SeqNo>) {
        for piece in self.pieces.iter_mut().filter(|p| p.unproved.is_some()) {
            let end = piece.end();
            let taken = acked.is_some_and(|acked| !acked.before(end));
            let seen = match piece.unproved {
                Some(Doubt::Unsent(ack)) => sent.is_some_and(|sent| !sent.before(ack)),
                _ => false,
            };
            if taken || seen {
                piece.unproved = None;
            }
        }
    }

    /// Lets the first piece count as proved for want of better knowledge; whether it was not.
    pub(super) fn believe_first(&mut self) -> bool {
        self.pieces.front_mut().is_some_and(|first| first.unproved.take().is_some())
    }

    /// Removes everything; the bytes given up.
    pub(super) fn clear(&mut self) -> u64 {
        self.charge = 0;
        self.pieces.drain(..).map(|piece| piece.bytes.len() as u64).sum()
    }

    /// Removes pieces from `index` on that end at or before `end`; the bytes they held.
    fn remove_covered(&mut self, index: usize, end: SeqNo) -> u64 {
        let mut bytes = 0;
        while self.pieces.get(index).is_some_and(|p| p.start.before(end) && !p.end().after(end)) {
            bytes += self.take(index).map_or(0, |p| p.bytes.len() as u64);
        }
        bytes
    }

    fn put(&mut self, index: usize, piece: Piece) {
        self.charge += piece.charge();
        self.pieces.insert(index, piece);
    }

    fn take(&mut self, index: usize) -> Option<Piece> {
        let piece = self.pieces.remove(index)?;
        self.charge -= piece.charge().min(self.charge);
        Some(piece)
    }
}

/// Whether the kernel would make one of two adjacent pieces.
fn joins(old: &Piece, new: &Piece) -> bool {
    old.missing == 0 && !old.fin && old.unproved.is_none() && new.unproved.is_none()
}

#[cfg(test)]
mod tests;
