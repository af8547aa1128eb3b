//! One TCP connection as a tap in front of the server sees it: handshake, segments, acknowledgements, end.
//! It is given requests and responses as bytes and gives frames with their times.
//! It promises sequence numbers that add up, and now and then a swapped or repeated segment as real networks have.

use super::carriage::Said;
use super::frame::{self, Outgoing, payload_max};
use super::random::Random;
use crate::decode::TcpFlags;
use heelguard_detectors::time::EventTime;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

/// Between two segments of one burst: a full frame at 1 Gbit/s.
const PACE_US: u64 = 12;
/// Until the server's kernel acknowledges.
const SERVER_ACK_US: u64 = 38;
/// How long a server takes to answer what opens a connection.
const ACCEPT_US: u64 = 250;
/// Segments in flight before the first acknowledgement (RFC 6928).
const INITIAL_WINDOW: u64 = 10;
/// Segments in flight at most: the window the hosts announce.
const WINDOW_MAX: u64 = 44;
/// What both hosts announce: 64 KB. On a SYN the field is not scaled yet (RFC 7323 2.2), later on by 2^7.
const WINDOW_ON_SYN: u16 = 64_256;
const WINDOW_FIELD: u16 = WINDOW_ON_SYN >> 7;
/// Of ten thousand data segments, so many arrive behind their successor.
const SWAPPED_PER_10_000: u64 = 10;
/// Of ten thousand data segments, so many are sent twice.
const REPEATED_PER_10_000: u64 = 5;

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    fn index(self) -> usize {
        usize::from(self == Self::Server)
    }
}

/// Where a connection is in its life: `Fresh` → `Open` ⇄ `Open` → `Closing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fresh,
    Open,
    Closing,
}

/// One end's share of the connection.
#[derive(Clone, Copy, Debug)]
struct End {
    address: SocketAddr,
    ttl: u8,
    /// The next byte to send.
    seq: u32,
    /// Everything before it was received from the other end.
    received: u32,
    ip_id: u16,
    /// Where its millisecond clock stood in 1970.
    clock_offset: u32,
    /// The last timestamp it sent.
    clock_sent: u32,
}

/// A frame that will be sent.
#[derive(Clone, Debug)]
struct Planned {
    at: EventTime,
    from: Side,
    flags: u8,
    seq: u32,
    ack: u32,
    /// Bytes of the sender's message.
    payload: Range<usize>,
}

/// One connection; `said` is what its sides say in the exchange that is under way.
#[derive(Debug)]
pub(super) struct Connection {
    ends: [End; 2],
    rtt: Duration,
    state: State,
    pub said: Said,
    /// Ordered by time; empty when the connection is idle.
    frames: VecDeque<Planned>,
    /// When the last frame was sent.
    last_at: EventTime,
}

impl Connection {
    pub(super) fn new(client: SocketAddr, server: SocketAddr, rtt_us: u64, random: &mut Random) -> Self {
        // Hosts at a distance are some routers away; those of the data centre are one.
        let hops = if rtt_us > 1_000 { 7 + (rtt_us / 16_000).min(12) as u8 } else { 1 };
        let mut end = |address: SocketAddr, ttl: u8| End {
            address,
            ttl,
            seq: random.next() as u32,
            received: 0,
            ip_id: random.next() as u16,
            clock_offset: random.next() as u32,
            clock_sent: 0,
        };
        Self {
            ends: [end(client, 64 - hops), end(server, 64)],
            rtt: us(rtt_us),
            state: State::Fresh,
            said: Said::default(),
            frames: VecDeque::new(),
            last_at: EventTime::ZERO,
        }
    }

    /// Plans the exchange that `said` is about, which the caller has written. The answer's first byte leaves at the
    /// moment `answered_at(now)` told, unless something opens the connection first.
    pub(super) fn exchange(&mut self, now: EventTime, service: Duration, brisk: bool, random: &mut Random) {
        let mut at = now;
        let first = self.state == State::Fresh;
        if first {
            at = self.handshake(at);
        }
        let [opens, accepts] = self.said.opening;
        if opens > 0 {
            let asked = self.send(Side::Client, at, 0..opens, Tail::Piggyback);
            let accepted = self.send(Side::Server, asked.after(us(ACCEPT_US)), 0..accepts, Tail::Piggyback);
            at = accepted.after(self.rtt);
        }
        let (asked, answered) = (opens..self.said.client.len(), accepts..self.said.server.len());
        let sent = self.send(Side::Client, at, asked, if first { Tail::Ack } else { Tail::Piggyback });
        let tail = if brisk { Tail::Piggyback } else { Tail::Ack };
        self.send(Side::Server, sent.after(service), answered, tail);
        self.disturb(random);
    }

    /// When the server starts to answer an exchange that starts at `now`, if its request fits one segment.
    pub(super) fn answered_at(&self, now: EventTime, service: Duration) -> EventTime {
        let handshake =
            if self.state == State::Fresh { us(SERVER_ACK_US) + self.rtt } else { Duration::ZERO };
        now.after(handshake + service)
    }

    /// Plans the end, begun by `side`, behind all that is planned.
    pub(super) fn close(&mut self, now: EventTime, side: Side, reset: bool) {
        let at = self.frames.back().map_or(now, |last| last.at.after(us(PACE_US)));
        self.state = State::Closing;
        if reset {
            self.push(at, side, TcpFlags::RST | TcpFlags::ACK, 0..0);
            return;
        }
        let answered = at.after(self.delay(side));
        self.push(at, side, TcpFlags::FIN | TcpFlags::ACK, 0..0);
        self.push(answered, side.other(), TcpFlags::FIN | TcpFlags::ACK, 0..0);
        self.push(answered.after(self.delay(side.other())), side, TcpFlags::ACK, 0..0);
    }

    /// When the next frame is sent; `None` while the connection is idle or when it has ended.
    pub(super) fn next_at(&self) -> Option<EventTime> {
        self.frames.front().map(|frame| frame.at)
    }

    /// When the last frame was sent.
    pub(super) fn last_at(&self) -> EventTime {
        self.last_at
    }

    /// Whether the last frame was sent and no other will come.
    pub(super) fn ended(&self) -> bool {
        self.state == State::Closing && self.frames.is_empty()
    }

    /// Writes the next frame into `out` and gives its time.
    pub(super) fn emit(&mut self, out: &mut Vec<u8>) -> Option<EventTime> {
        let frame = self.frames.pop_front()?;
        self.last_at = frame.at;
        let echo = self.ends[frame.from.other().index()].clock_sent;
        let receiver = self.ends[frame.from.other().index()].address;
        let sender = &mut self.ends[frame.from.index()];
        sender.clock_sent = sender.clock_offset.wrapping_add((frame.at.as_nanos() / 1_000_000) as u32);
        sender.ip_id = sender.ip_id.wrapping_add(1);
        let message = if frame.from == Side::Client { &self.said.client } else { &self.said.server };
        let segment = Outgoing {
            src: sender.address,
            dst: receiver,
            ttl: sender.ttl,
            ip_id: sender.ip_id,
            seq: frame.seq,
            ack: frame.ack,
            flags: frame.flags,
            window: if frame.flags & TcpFlags::SYN == 0 { WINDOW_FIELD } else { WINDOW_ON_SYN },
            timestamps: (sender.clock_sent, echo),
            payload: message.get(frame.payload).unwrap_or(&[]),
        };
        frame::write(out, &segment);
        Some(frame.at)
    }

    fn handshake(&mut self, at: EventTime) -> EventTime {
        let answered = at.after(us(SERVER_ACK_US));
        let done = answered.after(self.rtt);
        self.push(at, Side::Client, TcpFlags::SYN, 0..0);
        self.push(answered, Side::Server, TcpFlags::SYN | TcpFlags::ACK, 0..0);
        self.push(done, Side::Client, TcpFlags::ACK, 0..0);
        self.state = State::Open;
        done.after(us(PACE_US))
    }

    /// Plans a part of what a side says in bursts that double, each waiting for the acknowledgements of the one before.
    /// Gives the time of the last data segment.
    fn send(&mut self, side: Side, start: EventTime, said: Range<usize>, tail: Tail) -> EventTime {
        let segment_max = payload_max(self.ends[side.index()].address.ip());
        let segments = said.len().div_ceil(segment_max) as u64;
        let (mut at, mut burst_left, mut window) = (start, INITIAL_WINDOW, INITIAL_WINDOW);
        for index in 0..segments {
            let from = said.start + index as usize * segment_max;
            let to = said.end.min(from + segment_max);
            let last = index + 1 == segments;
            burst_left -= 1;
            let pushed = if last || burst_left == 0 { TcpFlags::PSH } else { 0 };
            self.push(at, side, TcpFlags::ACK | pushed, from..to);
            // Receivers acknowledge every second segment, and the odd last one unless an answer carries it.
            if index % 2 == 1 || (last && tail == Tail::Ack) {
                self.push(at.after(self.delay(side)), side.other(), TcpFlags::ACK, 0..0);
            }
            if last {
                break;
            }
            at = at.after(us(PACE_US));
            if burst_left == 0 {
                window = (window * 2).min(WINDOW_MAX);
                burst_left = window;
                at = at.after(self.delay(side));
            }
        }
        self.frames.make_contiguous().sort_by_key(|frame| frame.at);
        at
    }

    /// How long until the answer to a segment passes the tap, which stands beside the server.
    fn delay(&self, sender: Side) -> Duration {
        match sender {
            Side::Client => us(SERVER_ACK_US),
            Side::Server => self.rtt,
        }
    }

    /// Plans one frame; sequence numbers move on by payload, SYN and FIN, and count as received at once.
    fn push(&mut self, at: EventTime, from: Side, flags: u8, payload: Range<usize>) {
        let counted = u32::from(flags & (TcpFlags::SYN | TcpFlags::FIN) != 0);
        let advance = payload.len() as u32 + counted;
        let sender = &mut self.ends[from.index()];
        let ack = if flags & TcpFlags::ACK == 0 { 0 } else { sender.received };
        let seq = sender.seq;
        sender.seq = seq.wrapping_add(advance);
        let next = sender.seq;
        self.ends[from.other().index()].received = next;
        self.frames.push_back(Planned { at, from, flags, seq, ack, payload });
    }

    /// Swaps and repeats a few data segments of what is planned.
    fn disturb(&mut self, random: &mut Random) {
        let is_data = |frame: &Planned| !frame.payload.is_empty();
        let mut repeated = Vec::new();
        for index in 0..self.frames.len() {
            if !is_data(&self.frames[index]) {
                continue;
            }
            let chance = random.below(10_000);
            if chance < REPEATED_PER_10_000 {
                let mut again = self.frames[index].clone();
                again.at = again.at.after(self.rtt.max(us(400)));
                repeated.push(again);
            } else if chance < REPEATED_PER_10_000 + SWAPPED_PER_10_000 {
                self.swap_with_next(index);
            }
        }
        if !repeated.is_empty() {
            self.frames.extend(repeated);
            self.frames.make_contiguous().sort_by_key(|frame| frame.at);
        }
    }

    /// Exchanges two neighbouring data segments of one side; the times stay where they were.
    fn swap_with_next(&mut self, index: usize) {
        let Some([first, second]) = self.frames.make_contiguous().get_mut(index..index + 2) else { return };
        if first.from == second.from && !first.payload.is_empty() && !second.payload.is_empty() {
            std::mem::swap(first, second);
            std::mem::swap(&mut first.at, &mut second.at);
        }
    }
}

/// Whether the last segment of a message is acknowledged by a frame of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    Ack,
    Piggyback,
}

pub(super) fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}
