//! Connections of a shard as stories: datagrams and the time, and what is told in the end.

use super::super::packet::tests::{sealed, vector};
use super::*;
use crate::decode::Endpoint;
use crate::flow::{Direction, tests_support};
use crate::tls::{Seen, Transport};
use heelguard_detectors::transaction::Completeness;

const FIRST_ID: [u8; 8] = [0x83, 0x94, 0xC8, 0xF0, 0x3E, 0x51, 0x57, 0x08];
/// The id that the server of the vectors gives itself.
const SERVER_ID: [u8; 8] = [0xF0, 0x67, 0xA5, 0x50, 0x2A, 0x42, 0x62, 0xB5];
const CLIENT_PORT: u16 = 51_000;

/// A shard with nothing but QUIC.
struct Bench {
    quic: Quic,
    shared: TlsShared,
}

impl Bench {
    fn new() -> Self {
        Self { quic: Quic::new(flow::Config::default()), shared: TlsShared::default() }
    }

    fn of(limits: Limits) -> Self {
        let mut bench = Self::new();
        bench.quic.limits = limits;
        bench
    }

    fn push(&mut self, secs: u64, ports: [u16; 2], payload: &[u8], missing: u32) -> Option<u64> {
        let [src, dst] = ports.map(|port| {
            let host = if port == 443 { 5 } else { 7 };
            Endpoint { ip: [10, 0, 0, host].into(), port }
        });
        let common = tests_support::segment(src, dst);
        let time = EventTime::from_secs(secs);
        let datagram = Segment { time, payload, missing, is_datagram: true, ..common };
        self.quic.push(&datagram, &mut self.shared)
    }

    fn client(&mut self, secs: u64, payload: &[u8]) -> Option<u64> {
        self.push(secs, [CLIENT_PORT, 443], payload, 0)
    }

    fn server(&mut self, secs: u64, payload: &[u8]) -> Option<u64> {
        self.push(secs, [443, CLIENT_PORT], payload, 0)
    }

    /// So many bytes under keys that nobody knows, of the client.
    fn dark(&mut self, secs: u64, bytes: u32) -> Option<u64> {
        self.push(secs, [CLIENT_PORT, 443], &[], bytes)
    }

    /// Time goes on; what has ended.
    fn advance(&mut self, secs: u64) -> Vec<Seen> {
        self.quic.advance(EventTime::from_secs(secs), &mut self.shared);
        std::mem::take(&mut self.shared.connections)
    }

    /// The capture is over; what has ended since it was last asked.
    fn finish(mut self, secs: u64) -> Vec<Seen> {
        self.quic.finish(EventTime::from_secs(secs), &mut self.shared);
        let Self { quic, shared } = self;
        let empty = (quic.connections.len(), quic.timers.len(), quic.waiting.len(), quic.held_bytes);
        assert_eq!(empty, (0, 0, 0, 0));
        let counters = &shared.counters.quic;
        assert_eq!(counters.datagrams, counters.followed + counters.strangers);
        shared.connections
    }
}

fn name(seen: &Seen) -> String {
    String::from_utf8_lossy(seen.facts.sni.as_deref().unwrap_or_default()).into_owned()
}

/// The first packet of a connection that begins with this id: the hello of the vectors.
fn first(id: &[u8]) -> Vec<u8> {
    sealed(Direction::FromInitiator, id, id, (0, &vector("client frames")))
}

#[test]
fn a_connection_is_told_once_however_often_it_says_hello() {
    for version in ["v1", "v2"] {
        let [client, server] = ["client", "server"].map(|side| vector(&format!("{version} {side}")));
        let mut bench = Bench::new();
        for (secs, payload) in [(10, &client), (11, &client)] {
            assert_eq!(bench.client(secs, payload), Some(1_200));
        }
        bench.server(11, &server);
        bench.client(12, &client);
        // An hour of what nobody can read.
        for minute in 1..60 {
            assert_eq!(bench.dark(minute * 60, 1_000), Some(1_000));
        }
        let told = bench.finish(3_600);
        let [seen] = &told[..] else { panic!("{version}: {told:?}") };
        assert_eq!((name(seen), seen.transport), ("example.com".to_owned(), Transport::Quic));
        assert_eq!((seen.facts.version, seen.facts.cipher), (Some(0x0304), Some(0x1301)));
        assert_eq!(seen.facts.ja4.map(|[ja4, _]| ja4[..10].to_vec()), Some(b"q13d0211an".to_vec()));
        assert_eq!(seen.bytes, [3 * 1_200 + 59 * 1_000, server.len() as u64]);
        assert_eq!((seen.time, seen.end), (EventTime::from_secs(10), EventTime::from_secs(3_600)));
        assert_eq!(seen.completeness, Completeness::Whole);
        assert_eq!((seen.client.port, seen.server.port), (CLIENT_PORT, 443));
    }
}

#[test]
fn nothing_is_claimed_of_a_connection_that_was_joined_late() {
    let mut bench = Bench::new();
    assert_eq!(bench.server(10, &vector("v1 server")), None);
    assert_eq!(bench.dark(11, 500), None);
    // Later packets go to the id that the server chose, and bear the keys of the first one.
    let later = sealed(Direction::FromInitiator, &FIRST_ID, &SERVER_ID, (1, &[1, 0, 0, 0]));
    assert_eq!(bench.client(12, &later), None);
    assert_eq!(bench.shared.counters.quic.strangers, 3);
    assert!(bench.finish(20).is_empty());
}

#[test]
fn a_silent_connection_ends_when_its_time_is_over_however_late_the_sweep_comes() {
    let deadline = EventTime::from_secs(15 + IDLE_TIMEOUT.as_secs());
    for sweeps in [vec![], vec![100, 134], vec![200]] {
        let mut bench = Bench::new();
        bench.client(10, &first(&FIRST_ID));
        bench.dark(15, 60);
        let mut told: Vec<Seen> = sweeps.iter().flat_map(|&secs| bench.advance(secs)).collect();
        // The same ends again, with a connection of their own.
        bench.client(300, &first(&SERVER_ID));
        told.append(&mut bench.shared.connections);
        assert_eq!(told.iter().map(|seen| seen.end).collect::<Vec<_>>(), [deadline], "{sweeps:?}");
        let [again] = &bench.finish(301)[..] else { panic!("the second one is told") };
        assert_eq!(again.time, EventTime::from_secs(300));
    }
}

#[test]
fn nothing_ends_before_the_time_that_was_promised() {
    let mut bench = Bench::new();
    bench.client(10, &first(&FIRST_ID));
    let mut promised = EventTime::ZERO;
    for secs in 11..400 {
        if secs < 90 {
            bench.dark(secs, 60);
        }
        let until = bench.quic.advance(EventTime::from_secs(secs), &mut bench.shared);
        assert!(bench.shared.connections.drain(..).all(|seen| seen.end >= promised), "{secs}");
        promised = until;
    }
    assert_eq!(promised, EventTime::from_secs(399), "nothing is left that holds time back");
}

#[test]
fn a_client_that_is_sent_back_goes_on_and_one_that_begins_anew_does_not() {
    let retry = vector("v1 retry");
    // After a Retry the client begins with the id that the server gave it.
    let again = first(&SERVER_ID);
    let told = |between: Option<&[u8]>| {
        let mut bench = Bench::new();
        bench.client(10, &first(&FIRST_ID));
        if let Some(answer) = between {
            bench.server(11, answer);
        }
        bench.client(12, &again);
        bench.server(13, &sealed(Direction::FromResponder, &SERVER_ID, &[], (0, &vector("server frames"))));
        bench.finish(14).iter().map(|seen| (seen.time.as_secs(), seen.completeness)).collect::<Vec<_>>()
    };
    assert_eq!(told(Some(&retry)), [(10, Completeness::Whole)]);
    let negotiation = [0x80, 0, 0, 0, 0, 0, 0, 0x6B, 0x33, 0x43, 0xCF];
    assert_eq!(told(Some(&negotiation)), [(10, Completeness::Whole)]);
    let two = [(10, Completeness::RequestOnly), (12, Completeness::Whole)];
    assert_eq!(told(None), two);
    // Anybody can write a Retry, but only who saw the client's id writes one that it takes.
    let mut forged = retry;
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(told(Some(&forged)), two);
}

#[test]
fn a_hello_in_several_packets_is_read_in_any_order_and_one_with_a_hole_says_so() {
    let frames = vector("client frames");
    let hello = &frames[4..];
    let part = |number: u8, range: std::ops::Range<usize>| {
        let [high, low] = (range.start as u16 | 0x4000).to_be_bytes();
        let length = [0x40, range.len() as u8];
        let frame = [&[0x01, 0x06, high, low][..], &length, &hello[range], &[0, 0]].concat();
        sealed(Direction::FromInitiator, &FIRST_ID, &FIRST_ID, (number, &frame))
    };
    let parts = [part(0, 0..100), part(1, 100..180), part(2, 180..hello.len())];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut bench = Bench::new();
        for at in order {
            bench.client(10, &parts[at]);
        }
        assert_eq!(bench.quic.held_bytes, 0, "{order:?}");
        let told = bench.finish(20);
        assert_eq!(told.iter().map(name).collect::<Vec<_>>(), ["example.com"], "{order:?}");
    }
    let mut bench = Bench::new();
    bench.client(10, &parts[0]);
    bench.client(11, &parts[2]);
    assert!(bench.quic.held_bytes > 0);
    let [seen] = &bench.finish(20)[..] else { panic!("it is a connection all the same") };
    assert_eq!((seen.completeness, seen.facts.ja4), (Completeness::Gap, None));
}

#[test]
fn what_only_looks_like_a_first_packet_is_a_stranger() {
    let mut changed = first(&FIRST_ID);
    *changed.last_mut().unwrap() ^= 1;
    let mut bench = Bench::new();
    assert_eq!(bench.client(10, &changed), None);
    assert_eq!(bench.dark(11, 400), None);
    assert!(bench.quic.connections.is_empty());
    let counters = &bench.shared.counters.quic;
    assert_eq!((counters.strangers, counters.not_opened, counters.connections), (2, 1, 0));
    // The true one goes its way, before it and behind it.
    assert!(bench.client(12, &first(&FIRST_ID)).is_some());
    assert!(bench.client(13, &changed).is_some(), "of the path, and unread");
    assert_eq!(bench.finish(14).len(), 1);
}

#[test]
fn a_handshake_that_makes_no_sense_is_malformed_and_no_connection_of_tls() {
    let nonsense: [&[u8]; 3] = [
        &[0x08, 0, 0, 0],
        &[0x06, 0, 8, 0x0B, 0, 0, 4, 1, 2, 3, 4],
        &[0x06, 0, 8, 0x01, 0, 0, 4, 1, 2, 3, 4],
    ];
    for frames in nonsense {
        let mut bench = Bench::new();
        let packet =
            sealed(Direction::FromInitiator, &FIRST_ID, &FIRST_ID, (0, &[frames, &[0; 20]].concat()));
        bench.client(10, &packet);
        bench.client(11, &packet);
        let malformed = heelguard_detectors::anomaly::Anomaly::TlsMalformed;
        assert_eq!(bench.shared.counters.anomalies.get(malformed), 1, "{frames:02x?}");
        assert!(bench.finish(20).is_empty());
    }
}

#[test]
fn a_flood_of_connections_is_bounded_and_each_is_told() {
    let mut bench = Bench::of(Limits { connections_max: 10, hello_bytes_max: 1 << 20 });
    let packet = first(&FIRST_ID);
    bench.push(1, [40_000, 443], &packet, 0);
    for port in 1..100 {
        bench.push(port.into(), [20_000 + port, 443], &packet, 0);
        // One of them is in use all the time.
        bench.push(port.into(), [40_000, 443], &[], 60);
        assert!(bench.quic.connections.len() <= 10 && bench.quic.timers.len() <= 10);
    }
    assert_eq!(bench.shared.counters.quic.evicted, 90);
    assert!(bench.shared.connections.iter().all(|seen| seen.client.port != 40_000));
    assert_eq!(bench.finish(100).len(), 100);
}

#[test]
fn half_read_hellos_take_no_more_than_their_limit() {
    // A thousand bytes of a hello that has twice as many.
    let frames = [&[0x06, 0, 0x43, 0xE8, 0x01, 0, 0x07, 0xD0][..], &[7; 996]].concat();
    let packet = sealed(Direction::FromInitiator, &FIRST_ID, &FIRST_ID, (0, &frames));
    let mut bench = Bench::of(Limits { connections_max: 1_000, hello_bytes_max: 10_500 });
    for port in 0..100 {
        bench.push(1, [20_000 + port, 443], &packet, 0);
        assert!(bench.quic.held_bytes <= 10_500 && bench.quic.waiting.len() <= 10);
    }
    assert_eq!(bench.shared.counters.quic.hellos_given_up, 90);
    let told = bench.finish(2);
    assert_eq!(told.len(), 100, "what was given up is told as far as it was read");
    assert!(told.iter().all(|seen| seen.completeness == Completeness::Gap));
}
