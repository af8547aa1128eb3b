//! Connections that say nothing for a long time: what later fields name is kept, as long as there is room for it.

use crate::peer::{PREFACE, Peer, settings, told};
use crate::support::craft::Tcp;
use crate::support::story::{CLIENT, client, handshake, server};
use expect_test::expect;
use heelguard::flow::{Config, FlowTable};
use heelguard::http::{HttpHandler, HttpShared};
use heelguard_detectors::time::EventTime;
use std::time::Duration;

/// Connections in one table, by the last digits of the client's port.
struct Sensor {
    flows: FlowTable<HttpHandler>,
    shared: HttpShared,
    now: EventTime,
}

/// A connection's own number, and what each side has sent.
struct Line {
    number: u16,
    sent: [i64; 2],
}

impl Sensor {
    fn new(config: Config) -> Self {
        let now = EventTime::from_secs(1_000);
        Self { flows: FlowTable::new(config), shared: HttpShared::default(), now }
    }

    fn push(&mut self, line: &Line, mut tcp: Tcp) {
        let end = if tcp.src == CLIENT() { &mut tcp.src } else { &mut tcp.dst };
        end.port = 40_000 + line.number;
        self.now = self.now.after(Duration::from_millis(1));
        tcp.time = self.now;
        self.flows.push(&tcp.segment(), &mut self.shared);
    }

    fn open(&mut self, number: u16) -> Line {
        let line = Line { number, sent: [0; 2] };
        for tcp in handshake() {
            self.push(&line, tcp);
        }
        line
    }

    fn client(&mut self, line: &mut Line, bytes: impl AsRef<[u8]>) {
        let tcp = client(line.sent[0], "").ack(line.sent[1]);
        line.sent[0] += i64::try_from(bytes.as_ref().len()).unwrap_or(i64::MAX);
        self.push(line, Tcp { payload: bytes.as_ref().to_vec(), ..tcp });
    }

    fn server(&mut self, line: &mut Line, bytes: impl AsRef<[u8]>) {
        let tcp = server(line.sent[1], "").ack(line.sent[0]);
        line.sent[1] += i64::try_from(bytes.as_ref().len()).unwrap_or(i64::MAX);
        self.push(line, Tcp { payload: bytes.as_ref().to_vec(), ..tcp });
    }

    /// Nothing is sent on any connection.
    fn wait(&mut self, minutes: u64) {
        self.now = self.now.after(Duration::from_secs(minutes * 60));
        self.flows.advance(self.now, &mut self.shared);
    }

    fn end(mut self) -> String {
        self.flows.finish(self.now, &mut self.shared);
        assert_eq!(self.flows.counters().imbalance(), None);
        told(&self.shared)
    }
}

/// An HTTP/2 connection that has made one request with a token.
fn connected(sensor: &mut Sensor) -> (Line, Peer, Peer) {
    let (mut line, mut ours, mut theirs) = (sensor.open(0), Peer::default(), Peer::default());
    sensor.client(&mut line, [PREFACE, &settings(&[])].concat());
    sensor.server(&mut line, settings(&[]));
    sensor.client(&mut line, ours.get(1, "/a", "tok-A"));
    sensor.server(&mut line, theirs.answer(1, "200", true));
    (line, ours, theirs)
}

/// The same request once more: every field of it is named by an index.
fn again(sensor: &mut Sensor, stream: u32, (line, ours, theirs): &mut (Line, Peer, Peer)) {
    sensor.client(line, ours.get(stream, "/a", "tok-A"));
    sensor.server(line, theirs.answer(stream, "200", true));
}

/// A request of HTTP/1 with its answer.
fn plain(sensor: &mut Sensor, line: &mut Line) {
    sensor.client(line, "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n");
    sensor.server(line, "HTTP/1.1 204 No Content\r\n\r\n");
}

#[test]
fn a_connection_that_was_silent_for_long_is_read_on() {
    let mut sensor = Sensor::new(Config::default());
    let mut connection = connected(&mut sensor);
    for (stream, minutes) in [(3, 5), (5, 25), (7, 55)] {
        sensor.wait(minutes);
        again(&mut sensor, stream, &mut connection);
    }
    assert_eq!(sensor.flows.counters().flows.opened, 1);
    expect![[r#"
        #0 GET /a -> 200 whole authorization=Bearer tok-A
        #1 GET /a -> 200 whole authorization=Bearer tok-A
        #2 GET /a -> 200 whole authorization=Bearer tok-A
        #3 GET /a -> 200 whole authorization=Bearer tok-A
    "#]]
    .assert_eq(&sensor.end());
}

#[test]
fn after_an_hour_it_is_forgotten_and_nothing_is_guessed() {
    let mut sensor = Sensor::new(Config::default());
    let mut connection = connected(&mut sensor);
    sensor.wait(61);
    again(&mut sensor, 3, &mut connection);
    assert_eq!(sensor.flows.counters().flows.opened, 2);
    expect![[r#"
        #0 GET /a -> 200 whole authorization=Bearer tok-A
        #0 GET  -> 200 gap [tcp.midstream http2.hpack_desync http2.resync]
    "#]]
    .assert_eq(&sensor.end());
}

#[test]
fn a_connection_of_http1_is_over_as_soon_as_ever() {
    let mut sensor = Sensor::new(Config::default());
    let mut line = sensor.open(0);
    plain(&mut sensor, &mut line);
    sensor.wait(11);
    assert_eq!(sensor.flows.counters().flows.open, 0);
    plain(&mut sensor, &mut line);
    assert_eq!(sensor.flows.counters().flows.opened, 2);
}

#[test]
fn silent_ones_give_way_to_those_that_come() {
    for (minutes, is_used, survives) in [(20, false, false), (5, false, false), (5, true, true)] {
        let mut sensor = Sensor::new(Config { flows_max: 3, ..Config::default() });
        let mut connection = connected(&mut sensor);
        sensor.wait(minutes);
        sensor.open(1);
        sensor.open(2);
        if is_used {
            again(&mut sensor, 3, &mut connection);
        }
        // One too many; of those that are in time, the one unused for longest goes.
        sensor.open(3);
        let flows = &sensor.flows.counters().flows;
        assert_eq!((flows.open, flows.evicted), (3, 1), "{minutes} minutes");
        again(&mut sensor, 5, &mut connection);
        let told = sensor.end();
        let requests = told.matches("GET /a -> 200 whole").count();
        assert_eq!(requests, 1 + usize::from(is_used) + usize::from(survives), "{minutes} minutes: {told}");
    }
}

/// What each connection holds is not much, and there are many: tables for later fields count, and so do hellos that are
/// never whole.
#[test]
fn what_connections_hold_has_a_limit_that_the_busy_one_does_not_pay_for() {
    const ROOM: usize = 200 << 10;
    let fill = |sensor: &mut Sensor, number: u16, with: &str| {
        let (mut line, mut ours) = (sensor.open(number), Peer::default());
        match with {
            "table" => {
                sensor.client(&mut line, [PREFACE, &settings(&[])].concat());
                sensor.client(&mut line, ours.get(1, "/a", &"x".repeat(3_000)));
            }
            "hello" => sensor.client(
                &mut line,
                [b"\x16\x03\x01\x10\x00\x01\x00\x20\x00".as_slice(), &[3; 3_500]].concat(),
            ),
            _ => sensor.client(&mut line, "GET / HTTP/1.1\r\nHost: a\r\n"),
        }
    };
    for (with, least, most) in [("table", 20, 60), ("hello", 80, 250), ("head", 120, 400)] {
        let config = Config { connection_bytes_max: ROOM, message_bytes_max: ROOM * 2, ..Config::default() };
        let mut sensor = Sensor::new(config);
        let mut connection = connected(&mut sensor);
        for number in 1..=1_000 {
            fill(&mut sensor, number, with);
            if number % 4 == 0 {
                again(&mut sensor, 1 + 2 * u32::from(number), &mut connection);
            }
        }
        let flows = sensor.flows.counters().flows.clone();
        assert!((least..=most).contains(&flows.open), "{with}: {} flows", flows.open);
        assert_eq!(flows.opened, flows.open + flows.evicted, "{with}");
        let told = sensor.end();
        assert_eq!(told.matches("whole authorization=Bearer tok-A").count(), 251, "{with}");
    }
}
