//! One connection for each way to be hostile (RELIABILITY rows 18 to 32, 39 and 40), in both roles of the kernel.
//! The stream is the alphabet; capital letters are what should not be there.

use crate::judge::{Case, Outcome};
use crate::moves::{Fault, Move, Piece};
use crate::peer::{Link, Role, Terms};
use heelguard::decode::TcpFlags;
use heelguard_detectors::anomaly::Anomaly;
use std::io::Write as _;

const TEXT: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

/// True bytes.
fn good(at: usize, length: usize) -> Move {
    Move::Piece(Piece::of_text(at, length))
}

/// Other bytes.
fn lie(letter: char, at: usize, length: usize) -> Move {
    Move::Piece(told(letter, at, length))
}

fn told(letter: char, at: usize, length: usize) -> Piece {
    Piece { own: Some(letter as u8), ..Piece::of_text(at, length) }
}

fn faulty(fault: Fault) -> Move {
    Move::Piece(Piece { fault, ..told('V', 0, 4) })
}

/// A connection, played with the kernel as a server and as a client, over both versions of IP.
struct Story<'l> {
    link: &'l Link,
    terms: Terms,
}

impl Story<'_> {
    /// What the application gets, and what of it the sensor finds odd. Both streams must be equal to it.
    #[track_caller]
    fn is(&self, moves: &[Move], received: &str, odd: &[Anomaly]) {
        self.begins(&[], moves, received, odd);
    }

    /// The same, with something before the end of the handshake.
    #[track_caller]
    fn begins(&self, early: &[Move], moves: &[Move], received: &str, odd: &[Anomaly]) {
        for (role, v6) in [(Role::Server, false), (Role::Client, false), (Role::Server, true)] {
            let terms = Terms { role, v6, ..self.terms };
            let outcome = self.play(terms, early, moves);
            let told = format!("{terms:?} {early:?} {moves:?}\n{}", outcome.show());
            assert_eq!(outcome.received.escape_ascii().to_string(), received, "the kernel: {told}");
            assert!(outcome.is_same(), "{told}");
            let missing: Vec<_> = odd.iter().filter(|&&anomaly| !outcome.has(anomaly)).collect();
            assert!(missing.is_empty(), "not told: {missing:?} {told}");
        }
    }

    fn play(&self, terms: Terms, early: &[Move], moves: &[Move]) -> Outcome {
        Case { terms, text: TEXT.to_vec(), early: early.to_vec(), moves: moves.to_vec() }.play(self.link)
    }
}

/// Tells stories on a wire; where there can be none, it says so.
fn tell(stories: impl FnOnce(Story<'_>) + Send + 'static) {
    // A thread of its own has a network of its own.
    let told = std::thread::spawn(|| match Link::new() {
        Ok(link) => stories(Story { link: &link, terms: Terms::default() }),
        Err(why) => {
            let told = format!("\n*** NOT RUN: this test makes a network of its own: {why} ***\n");
            std::io::stderr().write_all(told.as_bytes()).expect("standard error is open");
        }
    });
    if let Err(panic) = told.join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn copies_that_differ() {
    let conflict = [Anomaly::TcpOverlapConflict];
    tell(move |story| {
        let all = "abcdefghijklmnopqrstuvwxyz";
        story.is(&[good(3, 4), good(3, 4), good(0, 3), good(7, 19)], all, &[]);
        // Out of order: the same piece, a longer one, one that covers, one from the left, one to the right.
        let rest = |pieces: [Move; 2]| [&pieces[..], &[good(0, 3)]].concat();
        story.is(&rest([lie('V', 3, 4), lie('Y', 3, 4)]), "abcVVVVhijklmnopqrstuvwxyz", &conflict);
        story.is(&rest([lie('V', 3, 4), lie('Y', 3, 6)]), "abcYYYYYYjklmnopqrstuvwxyz", &conflict);
        story.is(&rest([lie('V', 5, 2), lie('Y', 3, 6)]), "abcYYYYYYjklmnopqrstuvwxyz", &conflict);
        story.is(&rest([lie('V', 5, 4), lie('Y', 3, 4)]), "abcYYYYVVjklmnopqrstuvwxyz", &conflict);
        story.is(&rest([lie('V', 3, 4), lie('Y', 5, 4)]), "abcVVVVYYjklmnopqrstuvwxyz", &conflict);
        story.is(&rest([lie('V', 3, 8), lie('Y', 5, 4)]), "abcVVVVVVVVlmnopqrstuvwxyz", &conflict);
        // What fills the hole wins, and what was delivered stays.
        story.is(&[lie('V', 3, 4), good(0, 5)], "abcdeVVhijklmnopqrstuvwxyz", &conflict);
        story.is(&[good(0, 4), lie('V', 0, 8)], "abcdVVVVijklmnopqrstuvwxyz", &[Anomaly::TcpRetransmission]);
    });
}

#[test]
fn segments_that_no_host_takes() {
    tell(|story| {
        let all = "abcdefghijklmnopqrstuvwxyz";
        let faults = [
            (Fault::TcpChecksum, Anomaly::TcpBadChecksum),
            (Fault::Flags(0), Anomaly::TcpInvalidSegment),
            (Fault::Flags(TcpFlags::PSH), Anomaly::TcpInvalidSegment),
            (Fault::Flags(TcpFlags::FIN), Anomaly::TcpInvalidSegment),
            (Fault::Signed, Anomaly::TcpInvalidSegment),
            (Fault::Acks(10_000_000), Anomaly::TcpInvalidSegment),
            (Fault::Clock(-500), Anomaly::TcpPawsDrop),
        ];
        for (fault, odd) in faults {
            story.is(&[faulty(fault)], all, &[odd]);
            story.is(&[good(0, 2), faulty(fault), good(8, 4)], all, &[odd]);
        }
        let oddities = [
            Fault::Clock(-1),
            Fault::NoClock,
            Fault::OddOption,
            Fault::BadOptions,
            Fault::MoreFlags(0xc0),
            Fault::Trailer,
        ];
        for fault in oddities {
            story.is(&[faulty(fault)], "VVVVefghijklmnopqrstuvwxyz", &[]);
        }
    });
}

#[test]
fn data_outside_of_the_window() {
    tell(|story| {
        let all = "abcdefghijklmnopqrstuvwxyz";
        let at = |at| Move::Piece(Piece { at, ..told('V', 0, 4) });
        story.is(&[at(-5_000), at(10_000_000), good(0, 9)], all, &[Anomaly::TcpOutOfWindow]);
        story.is(&[good(0, 9), Move::Edge(-1, told('V', 0, 4))], all, &[]);
    });
}

#[test]
fn resets_and_syns_inside() {
    tell(|story| {
        let all = "abcdefghijklmnopqrstuvwxyz";
        for with_ack in [false, true] {
            let reset = |from_next| Move::Reset { from_next, with_ack };
            for from_next in [-1, 1, 7, 1_000, -1_000, 1_000_000] {
                let odd = [Anomaly::TcpBadRst];
                story.is(&[good(0, 9), reset(from_next), good(9, 9)], all, &odd);
            }
            story.is(&[good(0, 9), reset(0), good(9, 9)], "abcdefghi", &[]);
            for from_next in [-9, -1, 0, 5, 100_000] {
                let syn = Move::Syn { from_next, with_ack, data: 4 };
                story.is(&[good(0, 9), syn, good(9, 9)], all, &[Anomaly::TcpInvalidSegment]);
            }
        }
    });
}

#[test]
fn urgent_bytes() {
    let odd = [Anomaly::TcpUrgent];
    tell(move |story| {
        let point = |urgent, piece: Piece| Move::Piece(Piece { urgent: Some(urgent), ..piece });
        let without_d = "abcefghijklmnopqrstuvwxyz";
        story.is(&[point(4, Piece::of_text(0, 9))], without_d, &odd);
        story.is(&[point(4, Piece::of_text(0, 2)), good(2, 9)], without_d, &odd);
        story.is(&[point(2, Piece::of_text(2, 9)), good(0, 2)], without_d, &odd);
        story.is(&[point(0, Piece::of_text(0, 9))], "bcdefghijklmnopqrstuvwxyz", &odd);
        let bare = Move::Probe { from_next: 0, window: u16::MAX, urgent: Some(4), fault: Fault::None };
        story.is(&[bare, good(0, 9)], without_d, &odd);
    });
}

#[test]
fn what_is_odd_and_harmless() {
    tell(|story| {
        let all = "abcdefghijklmnopqrstuvwxyz";
        let one_by_one: Vec<_> = (0..26).rev().map(|at| good(at, 1)).collect();
        story.is(&one_by_one, all, &[]);
        for isn in [u32::MAX - 10, u32::MAX, 0] {
            Story { terms: Terms { isn, ..story.terms }, ..story }.is(&[good(5, 9), good(0, 9)], all, &[]);
        }
        let fin = Move::Piece(Piece { fin: true, ..Piece::of_text(20, 6) });
        story.is(&[fin, good(4, 16), good(0, 4)], all, &[]);
        let alive = [Move::KeepAlive(None), Move::KeepAlive(Some(b'V'))];
        story.is(&[&alive[..], &[good(0, 9)], &alive, &[good(9, 3)]].concat(), all, &[]);
        let window = |window| Move::Probe { from_next: 0, window, urgent: None, fault: Fault::None };
        story.is(&[window(0), good(0, 9), Move::Write(500), window(u16::MAX), good(9, 3)], all, &[]);
        let early_lie = [Move::Piece(Piece { fault: Fault::Acks(-2), ..told('V', 0, 4) })];
        story.is(&early_lie, all, &[]);
    });
}

#[test]
fn before_the_handshake_is_over() {
    tell(|story| {
        let all = "abcdefghijklmnopqrstuvwxyz";
        let early = [faulty(Fault::Acks(77)), faulty(Fault::Acks(-77)), faulty(Fault::TcpChecksum)];
        for early in early {
            let terms = Terms { role: Role::Server, ..story.terms };
            let outcome = story.play(terms, &[early], &[]);
            assert_eq!(outcome.received.escape_ascii().to_string(), all, "{}", outcome.show());
            assert!(outcome.is_same(), "{}", outcome.show());
        }
    });
}
