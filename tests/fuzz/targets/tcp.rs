//! The client's segments, cut, repeated and contradicting each other, beside the slow and obvious reading of Linux.
//! Where the model delivers bytes the flow table delivers the same, and two versions of a byte are never passed over in
//! silence. (`tests/kernel` asks a real kernel the same; here is no kernel, and a thousand times as many questions.)

use super::input::Input;
use crate::support::craft::{Tcp, endpoint};
use heelguard::decode::TcpFlags;
use heelguard::flow::{CloseReason, Config, Direction, FlowInfo, FlowTable, StreamHandler};
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::time::EventTime;
use std::collections::BTreeSet;
use std::time::Duration;

/// Bytes of the stream.
const STREAM_BYTES: usize = 1_024;
/// The window of 64 KiB is never full, and no limit of the table is met.
const SEGMENTS_MAX: usize = 200;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let isn = input.number();
    let mut table = FlowTable::<Listener>::new(Config::default());
    let mut heard = Heard::default();
    let mut model = Kernel::default();
    let mut now = EventTime::from_secs(1_000);
    let mut send = |tcp: Tcp, heard: &mut Heard| {
        now = now.after(Duration::from_millis(1));
        table.push(&Tcp { time: now, ..tcp }.segment(), heard);
        now
    };
    let [syn, syn_ack] = [TcpFlags::SYN, TcpFlags::SYN | TcpFlags::ACK];
    send(Tcp { flags: syn, seq: isn, ..client() }, &mut heard);
    send(Tcp { flags: syn_ack, seq: 99, ack: isn.wrapping_add(1), ..server() }, &mut heard);
    let at = |offset: usize| isn.wrapping_add(1).wrapping_add(offset as u32);
    send(Tcp { seq: at(0), ack: 100, ..client() }, &mut heard);
    let mut end = EventTime::ZERO;
    for _ in 0..SEGMENTS_MAX {
        if input.is_empty() {
            break;
        }
        let (start, length, letter) = (usize::from(input.short()) % STREAM_BYTES, input.byte(), input.byte());
        if length == 0 {
            // The receiver says what it has.
            end = send(Tcp { seq: 100, ack: at(model.next), ..server() }, &mut heard);
            model.acknowledge();
        } else {
            // Most copies agree: the true byte of a place follows from it.
            let byte = |place: usize| if letter < 200 { (place % 251) as u8 } else { letter };
            let bytes: Vec<u8> = (start..start + usize::from(length)).map(byte).collect();
            model.receive(start, &bytes);
            end = send(Tcp { seq: at(start), ack: 100, payload: bytes, ..client() }, &mut heard);
        }
    }
    assert_eq!(heard.bytes, model.delivered, "what the application has");
    let counters = table.counters();
    let conflicts = counters.anomalies.get(Anomaly::TcpOverlapConflict);
    assert!(!model.is_ambiguous() || conflicts > 0, "two versions of a byte, and nothing said");
    assert!(
        !model.all_agree() || model.is_cut || conflicts == 0,
        "all copies agree, and a conflict was told"
    );
    table.finish(end, &mut heard);
    assert_eq!(table.counters().imbalance(), None);
}

fn client() -> Tcp {
    Tcp::new(endpoint("198.51.100.4:51514"), endpoint("10.0.0.5:8080"))
}

fn server() -> Tcp {
    Tcp::new(endpoint("10.0.0.5:8080"), endpoint("198.51.100.4:51514"))
}

/// What the client's bytes became, up to the first gap that was given up.
#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
}

struct Listener;

impl StreamHandler for Listener {
    type Shared = Heard;

    fn opened(_: &FlowInfo, _: &mut Heard) -> Self {
        Self
    }

    fn data(&mut self, _: &mut FlowInfo, way: Direction, _: EventTime, bytes: &[u8], heard: &mut Heard) {
        assert_eq!(way, Direction::FromInitiator);
        heard.bytes.extend(bytes);
    }

    fn gap(&mut self, _: &mut FlowInfo, _: Direction, _: EventTime, _: u64, _: &mut Heard) {}

    fn half_closed(&mut self, _: &mut FlowInfo, _: Direction, _: EventTime, _: &mut Heard) {}

    fn closed(self, _: FlowInfo, _: EventTime, _: CloseReason, _: &mut Heard) {}
}

/// A receiver: a list of whole pieces, no search tree, no wrapping.
#[derive(Default)]
struct Kernel {
    next: usize,
    acknowledged: usize,
    delivered: Vec<u8>,
    /// Out of order: start and bytes, sorted by start.
    queue: Vec<(usize, Vec<u8>)>,
    /// The versions of each byte that came before the receiver had acknowledged it, and of those after.
    early: Vec<BTreeSet<u8>>,
    all: Vec<BTreeSet<u8>>,
    /// A copy came of bytes that were delivered and not acknowledged. Where it cuts through what was delivered at once
    /// nobody can say that they agree, and the flow table says so.
    is_cut: bool,
}

impl Kernel {
    /// `tcp_data_queue`.
    fn receive(&mut self, start: usize, bytes: &[u8]) {
        let end = start + bytes.len();
        self.all.resize(self.all.len().max(end), BTreeSet::new());
        self.early.resize(self.all.len(), BTreeSet::new());
        for (place, &byte) in (start..).zip(bytes) {
            self.all[place].insert(byte);
            if place >= self.acknowledged {
                self.early[place].insert(byte);
            }
        }
        self.is_cut |= start < self.next && end > self.acknowledged;
        if start > self.next {
            self.queue_piece(start, bytes);
        } else if end > self.next {
            self.deliver(start, bytes);
            // `tcp_ofo_queue`.
            while self.queue.first().is_some_and(|(start, _)| *start <= self.next) {
                let (start, bytes) = self.queue.remove(0);
                self.deliver(start, &bytes);
            }
        }
    }

    fn deliver(&mut self, start: usize, bytes: &[u8]) {
        let new = bytes.get(self.next - start..).unwrap_or_default();
        self.delivered.extend(new);
        self.next += new.len();
    }

    /// `tcp_data_queue_ofo`.
    fn queue_piece(&mut self, start: usize, bytes: &[u8]) {
        let end = start + bytes.len();
        let mut place = self.queue.iter().take_while(|(s, _)| *s <= start).count();
        let mut piece = (start, bytes.to_vec());
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
                old.extend(&piece.1);
                piece = self.queue.remove(place - 1);
                place -= 1;
            }
        }
        self.queue.insert(place, piece);
        while self.queue.get(place + 1).is_some_and(|(s, b)| end > *s && end >= *s + b.len()) {
            self.queue.remove(place + 1);
        }
    }

    fn acknowledge(&mut self) {
        self.acknowledged = self.next;
    }

    /// Two versions of a byte came while either could have become the application's.
    fn is_ambiguous(&self) -> bool {
        self.early.iter().any(|versions| versions.len() > 1)
    }

    fn all_agree(&self) -> bool {
        self.all.iter().all(|versions| versions.len() < 2)
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let story = |isn: u32, steps: &[(u16, u8, u8)]| {
        let steps = steps.iter().flat_map(|&(start, length, letter)| {
            let [low, high] = start.to_le_bytes();
            [low, high, length, letter]
        });
        [isn.to_le_bytes().to_vec(), steps.collect()].concat()
    };
    vec![
        story(7, &[(0, 10, 0), (10, 10, 0), (0, 0, 0), (20, 5, 0)]),
        story(u32::MAX - 5, &[(10, 10, 0), (20, 4, 0), (0, 10, 0), (5, 20, 0)]),
        story(1, &[(2, 4, 250), (0, 4, 251), (0, 10, 0)]),
        story(1, &[(1, 6, 250), (3, 2, 251), (1, 8, 252), (0, 1, 0)]),
        story(1, &[(4, 2, 250), (2, 2, 251), (4, 4, 252), (0, 2, 0), (0, 0, 0), (0, 2, 253)]),
    ]
}
