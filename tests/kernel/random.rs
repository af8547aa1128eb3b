//! Ten thousand connections by chance, of one kind of mischief each.

use crate::chance::Chance;
use crate::craft;
use crate::figures::figure;
use crate::judge::{Case, Outcome};
use crate::moves::{Fault, Move, Piece};
use crate::peer::{Link, Role, Terms};
use heelguard::decode::TcpFlags;
use heelguard_detectors::anomaly::Anomaly;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

/// Connections in a run.
const CASES: usize = 10_000;
/// Side by side, each in a network of its own.
const WORKERS: usize = 2;
/// The seed of a run, unless `HEELGUARD_KERNEL_SEED` names another.
const SEED: u64 = 20_261_121;

/// What may go wrong in a connection, and by what the sensor may then excuse itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mischief {
    /// Nothing: any cut, order and repetition of the true bytes.
    None,
    /// Copies that say something else.
    Overlaps,
    /// Segments that no host takes.
    Refused,
    /// Acknowledgements of what was never sent, or long ago.
    Acks,
    /// Timestamps out of order.
    Clocks,
    /// Data at the window's edge and beyond.
    Edges,
    /// Resets and SYNs inside.
    Resets,
    Syns,
    /// Urgent bytes.
    Urgent,
    /// Ends before the end.
    Fins,
    /// Before the handshake is over.
    Early,
    /// Everything.
    All,
}

const MISCHIEFS: [Mischief; 12] = [
    Mischief::None,
    Mischief::Overlaps,
    Mischief::Refused,
    Mischief::Acks,
    Mischief::Clocks,
    Mischief::Edges,
    Mischief::Resets,
    Mischief::Syns,
    Mischief::Urgent,
    Mischief::Fins,
    Mischief::Early,
    Mischief::All,
];

impl Mischief {
    /// What excuses a difference: the sensor has said that what it tells may not be what the host got.
    fn excuses(self) -> &'static [Anomaly] {
        use Anomaly::{
            TcpBadRst, TcpGap, TcpInvalidSegment, TcpMidstream, TcpOutOfWindow, TcpOverlapConflict, TcpUrgent,
        };
        match self {
            Self::None | Self::Refused | Self::Resets | Self::Syns => &[],
            Self::Overlaps | Self::Clocks => &[TcpOverlapConflict],
            Self::Acks | Self::Fins => &[TcpInvalidSegment, TcpOverlapConflict],
            // What is sent behind the end contradicts the FIN.
            Self::Edges => &[TcpOutOfWindow, TcpOverlapConflict, TcpInvalidSegment],
            Self::Urgent => &[TcpUrgent],
            Self::Early | Self::All => &[
                TcpBadRst,
                TcpGap,
                TcpInvalidSegment,
                TcpMidstream,
                TcpOutOfWindow,
                TcpOverlapConflict,
                TcpUrgent,
            ],
        }
    }
}

/// The connection that a seed stands for.
fn case(seed: u64) -> (Mischief, Case) {
    let mut chance = Chance::new(seed);
    let mischief = chance.one_of(&MISCHIEFS);
    let mut terms = terms(&mut chance);
    terms.small |= mischief == Mischief::Edges && chance.percent(60);
    let length = match mischief {
        Mischief::Edges if terms.small => chance.below(30_000),
        _ if chance.percent(10) => chance.below(6_000),
        _ => chance.below(200),
    } + 1;
    let text: Vec<u8> = (0..length).map(|at| b'a' + u8::try_from(at % 26).expect("a letter")).collect();
    let mut writer = Writer { chance, mischief, length, letter: b'A' };
    let early = if mischief == Mischief::Early { writer.mischiefs(1, 3) } else { Vec::new() };
    let mut moves = writer.segments();
    let more = if mischief == Mischief::Early { Vec::new() } else { writer.mischiefs(1, 5) };
    for step in more {
        let place = writer.chance.below(moves.len() + 1);
        moves.insert(place, step);
    }
    (mischief, Case { terms, text, early, moves })
}

fn terms(chance: &mut Chance) -> Terms {
    let isn = match chance.below(3) {
        0 => u32::MAX - u32::try_from(chance.below(200)).expect("small"),
        _ => chance.number() as u32,
    };
    let clock = chance.one_of(&[None, Some(0), Some(1_000), Some(u32::MAX - 3), Some(0x7fff_fff0)]);
    Terms {
        role: chance.one_of(&[Role::Server, Role::Client]),
        v6: chance.percent(25),
        isn,
        clock,
        sack: chance.percent(80),
        scale: chance.one_of(&[None, Some(0), Some(7), Some(14)]),
        small: chance.percent(15),
    }
}

/// Writes moves.
struct Writer {
    chance: Chance,
    mischief: Mischief,
    /// Of the text.
    length: usize,
    /// The next copy that says something else says this.
    letter: u8,
}

impl Writer {
    /// True bytes in any cut, order and repetition, and what else is harmless.
    fn segments(&mut self) -> Vec<Move> {
        let mut moves: Vec<Move> = (0..self.chance.below(14)).map(|_| Move::Piece(self.piece())).collect();
        if self.length <= 60 && self.chance.percent(10) {
            moves = (0..self.length).rev().map(|at| Move::Piece(Piece::of_text(at, 1))).collect();
        }
        for _ in 0..self.chance.below(5) {
            let place = self.chance.below(moves.len() + 1);
            let harmless = self.harmless();
            moves.insert(place, harmless);
        }
        moves
    }

    fn piece(&mut self) -> Piece {
        let at = self.chance.below(self.length);
        let longest = if self.chance.percent(30) { 1_200 } else { 40 };
        let length = (1 + self.chance.below(longest)).min(self.length - at);
        let fin = at + length == self.length && self.chance.percent(30);
        let fragments = self.chance.percent(5).then(|| self.chance.percent(50));
        let fault = match self.chance.below(30) {
            0 => Fault::MoreFlags(self.chance.one_of(&[0x40, 0x80, 0xc0, TcpFlags::PSH])),
            1 => Fault::NoClock,
            2 => Fault::OddOption,
            3 => Fault::Window(self.chance.one_of(&[0, 1, 1_000])),
            4 => Fault::Trailer,
            _ => Fault::None,
        };
        Piece { fin, fragments, fault, ..Piece::of_text(at, length) }
    }

    fn harmless(&mut self) -> Move {
        match self.chance.below(8) {
            0 | 1 => Move::Read,
            2 | 3 => Move::Write(1 + self.chance.below(300)),
            4 => Move::Again(self.chance.below(6)),
            5 => Move::KeepAlive(None),
            6 => Move::KeepAlive(Some(b'~')),
            _ => Move::Probe {
                from_next: self.chance.one_of(&[0, 0, -1, 5, -20]),
                window: self.chance.one_of(&[0, 1, 500, u16::MAX]),
                urgent: None,
                fault: Fault::None,
            },
        }
    }

    fn mischiefs(&mut self, least: usize, more: usize) -> Vec<Move> {
        (0..least + self.chance.below(more)).map(|_| self.mischief()).collect()
    }

    fn mischief(&mut self) -> Move {
        let kind = match self.mischief {
            Mischief::All | Mischief::Early => self.chance.one_of(&MISCHIEFS[..10]),
            kind => kind,
        };
        match kind {
            Mischief::Overlaps => Move::Piece(self.lie()),
            Mischief::Refused => self.refused(),
            Mischief::Acks => self.with_acks(),
            Mischief::Clocks => self.with_clock(),
            Mischief::Edges => self.at_edge(),
            Mischief::Resets => Move::Reset { from_next: self.near(), with_ack: self.chance.percent(50) },
            Mischief::Syns => Move::Syn {
                from_next: self.near(),
                with_ack: self.chance.percent(50),
                data: self.chance.one_of(&[0, 0, 10]),
            },
            Mischief::Urgent => self.urgent(),
            Mischief::Fins => Move::Piece(Piece { fin: true, ..self.lie() }),
            Mischief::None | Mischief::Early | Mischief::All => self.harmless(),
        }
    }

    /// A place near the next byte, or far from it.
    fn near(&mut self) -> i64 {
        match self.chance.below(4) {
            0 => self.chance.one_of(&[-1, 0, 1]),
            1 => self.chance.between(-100_000, 100_000),
            2 => i64::from(self.chance.number() as u32),
            _ => self.chance.between(-30, 60),
        }
    }

    /// A piece that says something else, and may reach beyond the text's end.
    fn lie(&mut self) -> Piece {
        let at = self.chance.below(self.length);
        let length = 1 + self.chance.below(30);
        let own = Some(self.letter);
        self.letter = if self.letter == b'Z' { b'A' } else { self.letter + 1 };
        Piece { own, ..Piece::of_text(at, length) }
    }

    fn refused(&mut self) -> Move {
        let fault = match self.chance.below(6) {
            0 | 1 => Fault::TcpChecksum,
            2 => Fault::IpChecksum,
            3 => Fault::Flags(self.chance.one_of(&[0, TcpFlags::PSH, TcpFlags::URG, TcpFlags::FIN])),
            4 => Fault::Signed,
            _ => Fault::BadOffset,
        };
        Move::Piece(Piece { fault, ..self.lie() })
    }

    fn with_acks(&mut self) -> Move {
        let more = match self.chance.below(5) {
            0 => self.chance.one_of(&[1, 2, -1, -2]),
            1 => self.chance.between(1, 70_000),
            2 => self.chance.between(-70_000, -1),
            3 => i64::from(self.chance.number() as u32),
            _ => self.chance.between(-600, -1),
        };
        let fault = Fault::Acks(more);
        if self.chance.percent(30) {
            return Move::Probe { from_next: 0, window: u16::MAX, urgent: None, fault };
        }
        Move::Piece(Piece { fault, ..self.lie() })
    }

    fn with_clock(&mut self) -> Move {
        let more = match self.chance.below(5) {
            0 => self.chance.one_of(&[-1, -2, -3]),
            1 => self.chance.between(1, 100),
            2 => i64::from(i32::MAX) + self.chance.between(-2, 2),
            _ => self.chance.between(-900, -2),
        };
        let fault = Fault::Clock(more);
        if self.chance.percent(30) {
            let from_next = self.chance.one_of(&[0, 0, 1, -1]);
            return Move::Probe { from_next, window: u16::MAX, urgent: None, fault };
        }
        // A lie that is refused must not be heard; if it is taken, it is an overlap like any other.
        let true_bytes = self.chance.percent(50);
        let piece = if true_bytes { self.piece() } else { self.lie() };
        Move::Piece(Piece { fault, ..piece })
    }

    fn at_edge(&mut self) -> Move {
        let mut piece = self.lie();
        match self.chance.below(6) {
            2 => {
                // Right behind the end, which may be beyond the window now and inside it later.
                piece.at = i64::try_from(self.length).expect("short");
                Move::Piece(piece)
            }
            0 => {
                piece.at = -self.chance.between(1, 100_000);
                Move::Piece(piece)
            }
            1 => {
                piece.at = self.chance.between(60_000, 3_000_000);
                Move::Piece(piece)
            }
            _ => Move::Edge(self.chance.between(-60, 60), piece),
        }
    }

    fn urgent(&mut self) -> Move {
        let urgent = Some(match self.chance.below(4) {
            0 => 0,
            1 => self.chance.below(1_000) as u16,
            _ => self.chance.below(40) as u16,
        });
        if self.chance.percent(15) {
            let from_next = self.chance.one_of(&[0, 0, 3, -1]);
            return Move::Probe { from_next, window: u16::MAX, urgent, fault: Fault::None };
        }
        Move::Piece(Piece { urgent, ..self.piece() })
    }
}

/// What a run has seen of one kind.
#[derive(Default)]
struct Tally {
    cases: usize,
    flagged: usize,
    wrong: usize,
}

fn judge(mischief: Mischief, outcome: &Outcome) -> Result<bool, &'static str> {
    // Bytes behind the end are no second version, but nobody's.
    let told = [Anomaly::TcpOverlapConflict, Anomaly::TcpInvalidSegment].iter().any(|&a| outcome.has(a));
    if outcome.copies.differ && !told && mischief == Mischief::Overlaps {
        return Err("two versions of a byte and no word of it");
    }
    let repeated = [Anomaly::TcpOverlapConflict, Anomaly::TcpRetransmission, Anomaly::TcpInvalidSegment];
    if outcome.copies.differ_late && !repeated.iter().any(|&anomaly| outcome.has(anomaly)) {
        return Err("another version of an acknowledged byte and no word of it");
    }
    if outcome.is_same() {
        return Ok(true);
    }
    if mischief.excuses().iter().any(|&anomaly| outcome.has(anomaly)) {
        return Ok(false);
    }
    Err("a difference and no word of it")
}

#[test]
fn ten_thousand_connections_by_chance_are_read_as_the_kernel_reads_them() {
    let seed = std::env::var("HEELGUARD_KERNEL_SEED").map_or(SEED, |seed| seed.parse().expect("a number"));
    let cases =
        std::env::var("HEELGUARD_KERNEL_CASES").map_or(CASES, |cases| cases.parse().expect("a number"));
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| std::thread::spawn(move || run(seed, (worker..cases).step_by(WORKERS))))
        .collect();
    let mut all: BTreeMap<Mischief, Tally> = BTreeMap::new();
    let mut complaints = String::new();
    for worker in workers {
        let Some((tallies, words)) = worker.join().expect("a worker ends") else { return };
        complaints += &words;
        for (mischief, tally) in tallies {
            let sum = all.entry(mischief).or_default();
            sum.cases += tally.cases;
            sum.flagged += tally.flagged;
            sum.wrong += tally.wrong;
        }
    }
    let mut table = format!("seed {seed}\n");
    for (mischief, tally) in &all {
        let Tally { cases, flagged, wrong } = tally;
        writeln!(table, "{mischief:?}: {cases} connections, {flagged} flagged differences, {wrong} wrong")
            .expect("written");
    }
    eprintln!("{table}");
    let sum = |of: fn(&Tally) -> usize| all.values().map(of).sum::<usize>();
    let (flagged, wrong) = (sum(|tally| tally.flagged), sum(|tally| tally.wrong));
    let what = format!("{cases} random connections beside the kernel");
    figure("F2", &what, &format!("{wrong} read otherwise without a word"), wrong == 0);
    figure("F3", &what, &format!("{flagged} differences, each with its signal; {wrong} silent"), wrong == 0);
    assert!(complaints.is_empty(), "{complaints}\n{table}");
}

/// How many complaints a person reads.
const COMPLAINTS_MAX: usize = 6;

fn run(seed: u64, cases: impl Iterator<Item = usize>) -> Option<(BTreeMap<Mischief, Tally>, String)> {
    let link = match Link::new() {
        Ok(link) => link,
        Err(why) => {
            let told = format!("\n*** NOT RUN: this test makes a network of its own: {why} ***\n");
            std::io::stderr().write_all(told.as_bytes()).expect("standard error is open");
            return None;
        }
    };
    let mut tallies: BTreeMap<Mischief, Tally> = BTreeMap::new();
    let mut complaints = String::new();
    for number in cases {
        let (mischief, case) = case(seed.wrapping_mul(1 << 20).wrapping_add(number as u64));
        if std::env::var("HEELGUARD_KERNEL_CASE").is_ok_and(|only| only != number.to_string()) {
            continue;
        }
        let outcome = case.play(&link);
        let tally = tallies.entry(mischief).or_default();
        tally.cases += 1;
        match judge(mischief, &outcome) {
            Ok(true) => {}
            Ok(false) => {
                tally.flagged += 1;
                if std::env::var_os("HEELGUARD_KERNEL_SHOW").is_some() {
                    eprintln!("flagged: case {number}, {mischief:?}: {case:?}\n{}\n", outcome.show());
                    keep(number, &outcome);
                }
            }
            Err(why) => {
                tally.wrong += 1;
                if tallies.values().map(|tally| tally.wrong).sum::<usize>() <= COMPLAINTS_MAX {
                    let file = keep(number, &outcome);
                    writeln!(
                        complaints,
                        "case {number}, {mischief:?}: {why}\n{case:?}\n{}\n{file}\n",
                        outcome.show()
                    )
                    .expect("written");
                }
            }
        }
    }
    Some((tallies, complaints))
}

/// Keeps the connection as a capture, for a closer look.
fn keep(number: usize, outcome: &Outcome) -> String {
    let path = std::env::temp_dir().join(format!("heelguard-kernel-{number}.pcap"));
    let ethernet = |packet: &[u8]| {
        let kind: [u8; 2] = if packet[0] >> 4 == 4 { [8, 0] } else { [0x86, 0xdd] };
        [&[2; 12][..], &kind, packet].concat()
    };
    let frames = outcome.record.iter().map(|passed| (passed.time, ethernet(&passed.packet), 0));
    std::fs::write(&path, craft::pcap_of_frames(frames)).expect("a place for captures");
    path.display().to_string()
}
