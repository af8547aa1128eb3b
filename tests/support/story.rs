//! A flow table told a story of segments, and the story its handlers tell back as text.
//! It is given crafted segments and writes what the application would have received, and every counter that
//! is out of the ordinary. It promises that the counters add up at the end of each story.

use super::craft::{Tcp, endpoint};
use heelguard::decode::{Endpoint, TcpFlags};
use heelguard::flow::{CloseReason, Config, Direction, FlowInfo, FlowTable, StreamHandler};
use heelguard::metrics::Counters;
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
    name: String,
    speaking: Option<Direction>,
}

/// What all flows told.
#[derive(Default)]
pub struct Told {
    pub text: String,
    flows: usize,
}

/// A table with its story so far.
pub struct Story {
    table: FlowTable<Teller>,
    pub told: Told,
    now: EventTime,
}

impl Default for Story {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl Story {
    pub fn new(config: Config) -> Self {
        let start = EventTime::from_secs(1_000);
        Self { table: FlowTable::new(config), told: Told::default(), now: start }
    }

    /// Pushes segments a millisecond apart.
    pub fn tell(mut self, segments: impl IntoIterator<Item = Tcp>) -> Self {
        self.push(segments);
        self
    }

    pub fn push(&mut self, segments: impl IntoIterator<Item = Tcp>) {
        for mut tcp in segments {
            let pause = tcp.time.since(EventTime::ZERO).max(Duration::from_millis(1));
            self.now = self.now.after(pause);
            tcp.time = self.now;
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

    /// Ends the capture; the story with what was odd.
    pub fn end(mut self) -> String {
        self.table.finish(self.now, &mut self.told);
        let counters = self.table.counters();
        assert_eq!(counters.imbalance(), None, "{counters:?}");
        assert_eq!((counters.bytes.buffered, counters.flows.open), (0, 0), "all is over: {counters:?}");
        let mut text = self.told.text;
        for (name, count) in counters.anomalies.rows() {
            _ = writeln!(text, "{name} {count}");
        }
        text
    }
}

impl Teller {
    /// Bytes of one direction in a row are one line, however they were cut.
    fn say(&mut self, direction: Direction, bytes: &[u8], told: &mut Told) {
        let escaped = bytes.escape_ascii().to_string();
        if self.speaking == Some(direction) && told.text.ends_with("'\n") {
            told.text.truncate(told.text.len() - 2);
            _ = writeln!(told.text, "{escaped}'");
        } else {
            _ = writeln!(told.text, "{}{} '{escaped}'", self.name, side(direction));
        }
        self.speaking = Some(direction);
    }

    fn remark(&mut self, remark: &str, told: &mut Told) {
        self.speaking = None;
        _ = writeln!(told.text, "{}{remark}", self.name);
    }
}

impl StreamHandler for Teller {
    type Shared = Told;

    fn opened(flow: &FlowInfo, told: &mut Told) -> Self {
        told.flows += 1;
        let name = if told.flows == 1 { String::new() } else { format!("[{}] ", told.flows) };
        let mut teller = Self { name, speaking: None };
        let (origin, port) = (flow.origin, flow.responder.port);
        teller.remark(&format!("opened {origin:?} to {port}"), told);
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

    fn closed(mut self, flow: FlowInfo, at: EventTime, reason: CloseReason, told: &mut Told) {
        let lasted = at.since(flow.opened_at).as_millis();
        let odd: Vec<_> = flow.anomalies.iter().map(|anomaly| anomaly.name()).collect();
        self.remark(&format!("closed {reason:?} after {lasted} ms {odd:?}"), told);
    }
}

fn side(direction: Direction) -> &'static str {
    match direction {
        Direction::FromInitiator => ">",
        Direction::FromResponder => "<",
    }
}
