//! A flow table told a story of segments, and the story its handlers tell back as text.
//! It is given crafted segments and writes what the application would have received, and every counter that
//! is out of the ordinary. It promises that the counters add up at the end of each story.

use super::craft::{Tcp, endpoint};
use heelguard::decode::{Endpoint, TcpFlags};
use heelguard::flow::{CloseReason, Config, Direction, FlowInfo, FlowTable, Origin, StreamHandler};
use heelguard::metrics::Counters;
use heelguard_detectors::anomaly::{Anomaly, AnomalySet};
use heelguard_detectors::time::EventTime;
use std::fmt::Write;
use std::time::Duration;

const CLIENT_ISN: u32 = 1_000;
const SERVER_ISN: u32 = 5_000;

/// The client's end.
#[expect(non_snake_case, reason = "reads as a constant")]
pub fn CLIENT() -> Endpoint {
    endpoint("198.51.100.4:51514")
}

/// The server's end.
#[expect(non_snake_case, reason = "reads as a constant")]
pub fn SERVER() -> Endpoint {
    endpoint("10.0.0.5:8080")
}

/// The client's bytes at an offset in its stream; they acknowledge nothing yet.
pub fn client(offset: i64, text: &str) -> Tcp {
    let mut tcp = Tcp::new(CLIENT(), SERVER());
    (tcp.seq, tcp.ack) = (at_offset(CLIENT_ISN, offset), at_offset(SERVER_ISN, 0));
    tcp.payload = text.as_bytes().to_vec();
    tcp
}

/// The server's bytes at an offset in its stream.
pub fn server(offset: i64, text: &str) -> Tcp {
    let mut tcp = Tcp::new(SERVER(), CLIENT());
    (tcp.seq, tcp.ack) = (at_offset(SERVER_ISN, offset), at_offset(CLIENT_ISN, 0));
    tcp.payload = text.as_bytes().to_vec();
    tcp
}

/// SYN, SYN-ACK, ACK.
pub fn handshake() -> [Tcp; 3] {
    let mut syn = client(-1, "");
    (syn.flags, syn.ack) = (TcpFlags::SYN, 0);
    let mut syn_ack = server(-1, "");
    syn_ack.flags = TcpFlags::SYN | TcpFlags::ACK;
    [syn, syn_ack, client(0, "")]
}

fn at_offset(isn: u32, offset: i64) -> u32 {
    let offset = u32::try_from(offset.rem_euclid(1 << 32)).expect("reduced");
    isn.wrapping_add(1).wrapping_add(offset)
}

impl Tcp {
    /// Acknowledges the other side's bytes up to this offset.
    pub fn ack(mut self, offset: i64) -> Self {
        let isn = if self.src == CLIENT() { SERVER_ISN } else { CLIENT_ISN };
        self.ack = at_offset(isn, offset);
        self
    }

    /// With FIN.
    pub fn fin(mut self) -> Self {
        self.flags |= TcpFlags::FIN;
        self
    }

    /// With RST.
    pub fn rst(mut self) -> Self {
        self.flags |= TcpFlags::RST;
        self
    }

    /// With an urgent pointer.
    pub fn urgent(mut self, pointer: u16) -> Self {
        self.flags |= TcpFlags::URG;
        self.urgent = pointer;
        self
    }

    /// Some seconds after the segment before it, not the usual millisecond.
    pub fn later(mut self, secs: u64) -> Self {
        self.time = EventTime::from_secs(secs);
        self
    }
}

/// One flow's share of the story.
pub struct Teller {
    number: usize,
}

/// What all flows told.
#[derive(Default)]
pub struct Told {
    pub text: String,
    flows: usize,
    /// The flow and direction whose bytes the last line shows.
    speaking: Option<(usize, Direction)>,
    /// What the flows themselves were told to be odd.
    odd: AnomalySet,
}

/// A table with its story so far.
pub struct Story {
    table: FlowTable<Teller>,
    pub told: Told,
    now: EventTime,
    /// How often the table is swept between segments, if it is.
    sweep: Option<Duration>,
}

impl Default for Story {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl Story {
    pub fn new(config: Config) -> Self {
        let start = EventTime::from_secs(1_000);
        Self { table: FlowTable::new(config), told: Told::default(), now: start, sweep: None }
    }

    /// Sweeps the table this often.
    pub fn swept_every(mut self, step: Duration) -> Self {
        self.sweep = Some(step);
        self
    }

    /// Pushes segments a millisecond apart.
    pub fn tell(mut self, segments: impl IntoIterator<Item = Tcp>) -> Self {
        self.push(segments);
        self
    }

    pub fn push(&mut self, segments: impl IntoIterator<Item = Tcp>) {
        for mut tcp in segments {
            let pause = tcp.time.since(EventTime::ZERO).max(Duration::from_millis(1));
            tcp.time = self.now.after(pause);
            while let Some(step) = self.sweep
                && self.now.after(step) < tcp.time
            {
                self.now = self.now.after(step);
                assert!(self.table.advance(self.now, &mut self.told) <= self.now);
            }
            self.now = tcp.time;
            self.table.push(&tcp.segment(), &mut self.told);
        }
    }

    pub fn advance(&mut self, now: EventTime) -> EventTime {
        self.now = now;
        self.table.advance(now, &mut self.told)
    }

    pub fn counters(&self) -> &Counters {
        self.table.counters()
    }

    /// Ends the capture; the story in one line, with what was odd.
    pub fn end(mut self) -> String {
        self.table.finish(self.now, &mut self.told);
        let counters = self.table.counters();
        assert_eq!(counters.imbalance(), None, "{counters:?}");
        assert_eq!((counters.bytes.buffered, counters.flows.open), (0, 0), "all is over: {counters:?}");
        let counted = counters.anomalies.rows();
        for odd in self.told.odd.iter() {
            let decoder_counts = odd == Anomaly::CaptureTruncated;
            assert!(
                decoder_counts || counted.iter().any(|(name, _)| *name == odd.name()),
                "{odd:?} is counted"
            );
        }
        let mut text = self.told.text;
        if !counted.is_empty() {
            let counted: Vec<_> = counted.iter().map(|(name, count)| format!("{name} {count}")).collect();
            _ = writeln!(text, "odd: {}", counted.join(", "));
        }
        text.trim_end().replace('\n', "; ")
    }
}

impl Teller {
    /// Bytes of one direction in a row are one line, however they were cut.
    fn say(&self, direction: Direction, bytes: &[u8], told: &mut Told) {
        let escaped = bytes.escape_ascii();
        let speaking = Some((self.number, direction));
        if told.speaking == speaking {
            told.text.truncate(told.text.len() - 2);
            _ = writeln!(told.text, "{escaped}'");
        } else {
            self.remark(&format!("{} '{escaped}'", side(direction)), told);
        }
        told.speaking = speaking;
    }

    /// The first flow goes without its number.
    fn remark(&self, remark: &str, told: &mut Told) {
        told.speaking = None;
        _ = match self.number {
            1 => writeln!(told.text, "{remark}"),
            number => writeln!(told.text, "[{number}] {remark}"),
        };
    }
}

impl StreamHandler for Teller {
    type Shared = Told;

    fn opened(flow: &FlowInfo, told: &mut Told) -> Self {
        told.flows += 1;
        let teller = Self { number: told.flows };
        if told.flows > 1 || flow.origin == Origin::Midstream {
            teller.remark(&format!("opened {:?} to {}", flow.origin, flow.responder.port), told);
        }
        teller
    }

    fn data(&mut self, _: &mut FlowInfo, direction: Direction, _: EventTime, bytes: &[u8], told: &mut Told) {
        assert!(!bytes.is_empty(), "no empty data");
        self.say(direction, bytes, told);
    }

    fn gap(&mut self, _: &mut FlowInfo, direction: Direction, _: EventTime, missing: u64, told: &mut Told) {
        self.remark(&format!("{} gap {missing}", side(direction)), told);
    }

    fn half_closed(&mut self, _: &mut FlowInfo, direction: Direction, _: EventTime, told: &mut Told) {
        self.remark(&format!("{} fin", side(direction)), told);
    }

    fn closed(self, flow: FlowInfo, at: EventTime, reason: CloseReason, told: &mut Told) {
        told.odd.merge(flow.anomalies);
        if reason != CloseReason::CaptureEnd {
            self.remark(
                &format!("closed {reason:?} after {} ms", at.since(flow.opened_at).as_millis()),
                told,
            );
        }
    }
}

fn side(direction: Direction) -> &'static str {
    match direction {
        Direction::FromInitiator => ">",
        Direction::FromResponder => "<",
    }
}
