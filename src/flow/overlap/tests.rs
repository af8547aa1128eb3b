//! The queue against a byte-by-byte model of the kernel's two functions, on random pieces.

use super::*;
use proptest::prelude::*;

/// The kernel's out-of-order queue written down as directly as it can be: a list of whole pieces, no search
/// tree, no wrapping, every byte on its own.
#[derive(Default)]
struct Kernel {
    /// Start and bytes, sorted by start.
    queue: Vec<(usize, Vec<u8>)>,
}

impl Kernel {
    /// `tcp_data_queue_ofo`.
    fn queue(&mut self, start: usize, bytes: &[u8]) {
        let end = start + bytes.len();
        let mut place = self.queue.iter().take_while(|(s, _)| *s <= start).count();
        let mut bytes = (start, bytes.to_vec());
        if place > 0 {
            let (old_start, old) = &mut self.queue[place - 1];
            let old_end = *old_start + old.len();
            if start < old_end && end <= old_end {
                return;
            }
            if start < old_end && start == *old_start {
                self.queue.remove(place - 1);
                place -= 1;
            } else if start == old_end {
                old.extend(&bytes.1);
                bytes = self.queue.remove(place - 1);
                place -= 1;
            }
        }
        self.queue.insert(place, bytes);
        while self.queue.get(place + 1).is_some_and(|(s, b)| end > *s && end >= *s + b.len()) {
            self.queue.remove(place + 1);
        }
    }

    /// `tcp_ofo_queue`: what the application gets once everything before `next` is there.
    fn deliver(&self, mut next: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for (start, bytes) in &self.queue {
            for (position, byte) in (*start..).zip(bytes) {
                if *start <= next && position == next {
                    out.push(*byte);
                    next += 1;
                }
            }
        }
        out
    }
}

fn piece(start: u32, bytes: &[u8]) -> Piece {
    Piece { start: SeqNo(start), bytes: bytes.to_vec(), missing: 0, fin: false, unproved: None }
}

fn deliver(queue: &mut Queue, mut next: SeqNo) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(piece) = queue.pop_ready(next) {
        if piece.end().after(next) {
            out.extend(&piece.bytes[next.since(piece.start) as usize..]);
            next = piece.end();
        }
    }
    out
}

/// Starts and lengths; each piece's bytes are its own number, so every choice shows.
fn pieces() -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop::collection::vec((1..24usize, 1..12usize), 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn random_pieces_resolve_as_in_the_kernel(pieces in pieces(), base in any::<u32>()) {
        let (mut kernel, mut queue) = (Kernel::default(), Queue::default());
        let mut copies = vec![std::collections::BTreeSet::new(); 64];
        let (mut received, mut outcome) = (0, Outcome::default());
        for (number, &(start, len)) in (b'a'..).zip(&pieces) {
            let bytes = vec![number; len];
            kernel.queue(start, &bytes);
            let one = queue.insert(piece(base.wrapping_add(start as u32), &bytes));
            outcome.conflict |= one.conflict;
            outcome.duplicate += one.duplicate;
            received += len as u64;
            (start..start + len).for_each(|position| _ = copies[position].insert(number));
        }
        // Whatever the hole is filled up to, the same bytes follow.
        let held: u64 = queue.pieces.iter().map(|p| p.bytes.len() as u64).sum();
        prop_assert_eq!(received, held + outcome.duplicate);
        prop_assert_eq!(queue.charge(), queue.pieces.iter().map(Piece::charge).sum::<usize>());
        let ordered = queue.pieces.iter().zip(queue.pieces.iter().skip(1));
        prop_assert!(ordered.into_iter().all(|(a, b)| a.start.before(b.start) && a.end().before(b.end())));
        let first = pieces.iter().map(|p| p.0).min().unwrap_or(1);
        prop_assert_eq!(deliver(&mut queue, SeqNo(base.wrapping_add(first as u32))), kernel.deliver(first));
        // Ambiguity is never silent.
        let ambiguous = copies.iter().any(|numbers| numbers.len() > 1);
        prop_assert_eq!(ambiguous, outcome.conflict);
    }
}

fn check(pieces: &[(u32, &str)], expected: &str) {
    let mut queue = Queue::default();
    for &(start, text) in pieces {
        queue.insert(piece(start, text.as_bytes()));
    }
    let first = pieces.iter().map(|p| p.0).min().unwrap_or(0);
    assert_eq!(String::from_utf8_lossy(&deliver(&mut queue, SeqNo(first))), expected);
}

#[test]
fn the_table_of_cases() {
    check(&[(0, "AAAAAA"), (2, "bb")], "AAAAAA");
    check(&[(0, "AAAA"), (0, "bbbbbb")], "bbbbbb");
    check(&[(2, "AA"), (0, "bbbbbb")], "bbbbbb");
    check(&[(2, "AAAA"), (0, "bbbb")], "bbbbAA");
    check(&[(0, "AAAA"), (2, "bbbb")], "AAAAbb");
}

#[test]
fn adjacent_pieces_are_one_from_then_on() {
    check(&[(0, "AA"), (2, "BB"), (2, "cccc")], "AABBcc");
    check(&[(2, "BB"), (0, "AA"), (2, "cccc")], "AAcccc");
}

#[test]
fn an_unproved_piece_gives_way_and_waits() {
    let unproved = Piece { unproved: Some(Doubt::Unsent(SeqNo(900))), ..piece(0, b"evil") };
    let mut queue = Queue::default();
    queue.insert(unproved);
    assert!(queue.pop_ready(SeqNo(0)).is_none(), "nothing proves it");
    let outcome = queue.insert(piece(2, b"good"));
    assert_eq!(outcome, Outcome { duplicate: 0, overruled: 2, conflict: true });
    assert_eq!(queue.insert(piece(0, b"ev")), Outcome { duplicate: 2, overruled: 0, conflict: false });
    queue.take(0);
    queue.insert(Piece { unproved: Some(Doubt::Unsent(SeqNo(900))), ..piece(0, b"ok") });
    queue.prove(None, Some(SeqNo(899)));
    assert!(queue.pop_ready(SeqNo(0)).is_none(), "899 is not 900");
    queue.prove(None, Some(SeqNo(900)));
    assert_eq!(deliver(&mut queue, SeqNo(0)), b"okgood");
}

#[test]
fn what_is_left_of_an_unproved_piece_waits_on() {
    let unproved = |start, bytes| Piece { unproved: Some(Doubt::Untaken), ..piece(start, bytes) };
    // Both its ends stick out of what is certain: they are delivered if the receiver says so.
    let mut queue = Queue::default();
    queue.insert(unproved(0, b"ABCDEFGH"));
    assert_eq!(queue.insert(piece(3, b"de")), Outcome { duplicate: 0, overruled: 2, conflict: true });
    assert!(queue.pop_ready(SeqNo(0)).is_none());
    queue.prove(Some(SeqNo(8)), None);
    assert_eq!(deliver(&mut queue, SeqNo(0)), b"ABCdeFGH");
    // The same if it comes later than what is certain.
    queue.insert(piece(3, b"de"));
    assert_eq!(
        queue.insert(unproved(0, b"ABCDEFGH")),
        Outcome { duplicate: 0, overruled: 2, conflict: true }
    );
    queue.prove(Some(SeqNo(8)), None);
    assert_eq!(deliver(&mut queue, SeqNo(0)), b"ABCdeFGH");
    assert_eq!((queue.charge(), queue.len()), (0, 0));
}

#[test]
fn a_piece_is_cut_with_its_missing_end_and_its_fin() {
    let whole = || Piece { missing: 4, fin: true, ..piece(10, b"abcdef") };
    let shape = |part: Option<Piece>| {
        part.map(|p| (p.start.0, String::from_utf8_lossy(&p.bytes).into_owned(), p.missing, p.fin))
    };
    let parts = |start, end| whole().around(SeqNo(start), SeqNo(end)).map(shape);
    assert_eq!(parts(12, 14), [Some((10, "ab".into(), 0, false)), Some((14, "ef".into(), 4, true))]);
    assert_eq!(parts(17, 18), [Some((10, "abcdef".into(), 1, false)), Some((18, String::new(), 2, true))]);
    assert_eq!(parts(5, 20), [None, Some((20, String::new(), 0, true))]);
    assert_eq!(parts(10, 21), [None, None]);
}

#[test]
fn an_end_where_another_copy_goes_on_is_a_conflict() {
    let end = |start, bytes| Piece { fin: true, ..piece(start, bytes) };
    let conflict = |first: Piece, second: Piece| {
        let mut queue = Queue::default();
        queue.insert(first);
        queue.insert(second).conflict
    };
    assert!(conflict(piece(0, b"abcd"), end(2, b"")));
    assert!(conflict(end(0, b"ab"), piece(0, b"abcd")));
    assert!(conflict(end(0, b"ab"), end(0, b"abcd")));
    assert!(!conflict(piece(0, b"abcd"), end(2, b"cd")));
    assert!(!conflict(end(0, b"abcd"), piece(2, b"cd")));
    assert!(!conflict(end(0, b"abcd"), end(2, b"cd")));
}
