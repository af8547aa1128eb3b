//! Packets that a hostile sender, a poor mirror or a short snap length leave behind, told to the whole sensor: how many
//! requests it tells, with which credentials, and what it says of the rest (RELIABILITY rows 1 to 5, 10, 40 and 57).
//! Each capture is one that is read whole, spoilt in one way; the unspoilt one is told first.

#![allow(clippy::expect_used, reason = "a test stops where it fails")]

mod support;

use heelguard::decode::TcpFlags;
use heelguard_detectors::time::EventTime;
use serde_json::Value;
use std::fmt::Write as _;
use support::conversation;
use support::craft::{self, Tcp};
use support::replay::{Replay, replay};
use support::story::{client, handshake, server};

/// Frames with their times.
type Frames = Vec<(EventTime, Vec<u8>)>;

const TOKEN: &str = "9f8e7d6c5b4a39281706f5e4d3c2b1a0";
/// Bytes of an Ethernet frame before the payload, where there are no options.
const HEADERS: usize = 14 + 20 + 20;

/// Five requests with a token, one connection each, and their answers.
fn five_requests() -> Frames {
    let mut text = String::new();
    for n in 0..5 {
        write!(
            text,
            "@open a 84.128.212.178:{} -> 10.0.0.5:80 at 2026-11-21T10:00:0{n}Z\n@a> +5ms\n\
             GET /v1/items/{n} HTTP/1.1\nHost: api.example.com\nAccept: application/json\nAuthorization: Bearer {TOKEN}\n\n\
             @a< +5ms\nHTTP/1.1 200 OK\nContent-Type: application/json\n\n{{\"item\":{n}}}\n@close a +5ms\n",
            40_000 + n
        )
        .expect("written");
    }
    frames(&conversation::pcap(&text))
}

fn frames(capture: &[u8]) -> Frames {
    let mut rest = &capture[24..];
    let mut frames = Vec::new();
    while let [s0, s1, s2, s3, u0, u1, u2, u3, l0, l1, l2, l3, _, _, _, _, more @ ..] = rest {
        let seconds = u32::from_le_bytes([*s0, *s1, *s2, *s3]);
        let micros = u32::from_le_bytes([*u0, *u1, *u2, *u3]);
        let (frame, after) = more.split_at(u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize);
        let time = EventTime::from_micros(u64::from(seconds) * 1_000_000 + u64::from(micros));
        frames.push((time, frame.to_vec()));
        rest = after;
    }
    frames
}

/// What the sensor tells of the frames, of which it was given so many bytes at most.
fn told_cut(frames: Frames, snap: usize) -> Replay {
    let home = tempfile::tempdir().expect("a temporary folder");
    let path = home.path().join("capture.pcap");
    let cut = frames.into_iter().map(|(time, mut frame)| {
        let missing = u32::try_from(frame.len().saturating_sub(snap)).expect("a short frame");
        frame.truncate(snap);
        (time, frame, missing)
    });
    std::fs::write(&path, craft::pcap_of_frames(cut)).expect("written");
    let told = replay(&[&path], &[]);
    assert_eq!(told.stats["balanced"], true, "{}", told.stats);
    told
}

fn told(frames: Frames) -> Replay {
    told_cut(frames, usize::MAX)
}

/// What it tells of crafted segments, a millisecond apart.
fn told_of(segments: impl IntoIterator<Item = Tcp>) -> Replay {
    let start = 1_795_255_200_000_000;
    let times = (start..).step_by(1_000).map(EventTime::from_micros);
    told(times.zip(segments.into_iter().map(|segment| segment.frame())).collect())
}

impl Replay {
    fn requests(&self) -> usize {
        self.transactions.iter().filter(|transaction| !transaction["request"].is_null()).count()
    }

    fn credentials(&self) -> usize {
        let of = |transaction: &Value| transaction["credentials"].as_array().map_or(0, Vec::len);
        self.transactions.iter().map(of).sum()
    }

    fn odd(&self, class: &str) -> u64 {
        self.stats["anomalies"][class].as_u64().unwrap_or(0)
    }

    fn each(&self, what: &str, expected: &Value) {
        for transaction in &self.transactions {
            assert_eq!(transaction.pointer(what), Some(expected), "{transaction}");
        }
    }
}

fn is_answer(frame: &[u8]) -> bool {
    frame[26..30] == [10, 0, 0, 5]
}

#[test]
fn five_ordinary_requests() {
    let told = told(five_requests());
    assert_eq!((told.requests(), told.credentials()), (5, 5));
    told.each("/completeness", &"whole".into());
    assert_eq!(told.stats["anomalies"], serde_json::json!({}));
}

#[test]
fn a_mirror_that_sends_every_packet_twice_gives_each_request_once() {
    let twice = five_requests().into_iter().flat_map(|packet| [packet.clone(), packet]).collect();
    let told = told(twice);
    assert_eq!((told.requests(), told.credentials()), (5, 5));
    told.each("/completeness", &"whole".into());
    assert!(told.odd("tcp.retransmission") >= 10);
}

#[test]
fn two_tags_that_differ_by_direction_make_no_two_connections() {
    let mut frames = five_requests();
    for (_, frame) in &mut frames {
        let (outer, inner) = if is_answer(frame) { (100, 7) } else { (200, 8) };
        frame.splice(12..12, [0x88, 0xa8, 0, outer, 0x81, 0, 0, inner]);
    }
    let told = told(frames);
    assert_eq!((told.requests(), told.transactions.len()), (5, 5));
    told.each("/completeness", &"whole".into());
}

#[test]
fn a_snap_length_inside_the_head_gives_no_credential() {
    for snap in [96, HEADERS + 100] {
        let told = told_cut(five_requests(), snap);
        assert_eq!(told.credentials(), 0, "{:?}", told.transactions);
        assert!(told.odd("capture.truncated") >= 5);
        let everything = String::from_utf8_lossy(&told.everything).into_owned();
        assert!(!everything.contains(&TOKEN[..6]), "no part of the token either");
    }
}

#[test]
fn a_connection_joined_in_its_middle_is_read_from_there() {
    let syns_away = |(_, frame): &(EventTime, Vec<u8>)| frame[47] & TcpFlags::SYN == 0;
    let told = told(five_requests().into_iter().filter(syns_away).collect());
    assert_eq!((told.requests(), told.credentials()), (5, 5));
    assert_eq!(told.odd("tcp.midstream"), 5);
}

#[test]
fn one_direction_alone_is_told_within_five_seconds_of_its_end() {
    let requests = five_requests().into_iter().filter(|(_, frame)| !is_answer(frame)).collect();
    let told = told(requests);
    assert_eq!((told.requests(), told.credentials()), (5, 5));
    told.each("/completeness", &"request_only".into());
    told.each("/response", &Value::Null);
    for transaction in &told.transactions {
        let time = |what: &str| {
            let text = transaction[what].as_str().expect("a time");
            humantime::parse_rfc3339(text).expect("a time")
        };
        let lasted = time("end").duration_since(time("time")).expect("in order");
        assert!(lasted.as_secs() < 5, "{transaction}");
    }
}

const REQUEST: &str = "GET /good HTTP/1.1\r\nHost: a\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// A text's length as an offset.
fn after(text: &str) -> i64 {
    i64::try_from(text.len()).expect("a short text")
}

/// A connection with one request, whose segments between handshake and answer a test gives.
fn asked_by(segments: Vec<Tcp>) -> Replay {
    let asked = after(REQUEST);
    let answer = [server(0, ANSWER).ack(asked), client(asked, "").ack(after(ANSWER))];
    told_of(handshake().into_iter().chain(segments).chain(answer))
}

fn paths(told: &Replay) -> Vec<&str> {
    told.transactions.iter().filter_map(|transaction| transaction["request"]["path"].as_str()).collect()
}

#[test]
fn a_decoy_that_dies_on_its_way_makes_one_request_and_a_word_of_doubt() {
    let mut decoy = client(0, &REQUEST.replace("good", "evil"));
    decoy.ttl = 3;
    let told = asked_by(vec![decoy, client(0, REQUEST)]);
    assert_eq!(told.requests(), 1);
    assert!(told.odd("ip.ttl_anomaly") >= 1 && told.odd("tcp.overlap_conflict") == 1, "{}", told.stats);
    assert_eq!(asked_by(vec![client(0, REQUEST)]).odd("ip.ttl_anomaly"), 0);
}

#[test]
fn a_decoy_that_no_host_takes_is_not_heard() {
    let evil = || client(0, &REQUEST.replace("good", "evil"));
    let no_ack = Tcp { flags: TcpFlags::PSH, ..evil() };
    let mut signed = evil();
    signed.options.signed = true;
    let decoys = [
        (no_ack, "tcp.invalid_segment"),
        (signed, "tcp.invalid_segment"),
        (evil().ack(10_000_000), "tcp.invalid_segment"),
        (evil().ack(-5), "tcp.overlap_conflict"),
        (client(10_000_000, "evil"), "tcp.out_of_window"),
        (client(5, "").rst(), "tcp.bad_rst"),
    ];
    for (decoy, odd) in decoys {
        let told = asked_by(vec![decoy, client(0, REQUEST)]);
        assert_eq!(paths(&told), ["/good"], "{odd}");
        assert!(told.odd(odd) >= 1, "{odd}: {}", told.stats);
    }
}

#[test]
fn windows_that_lie_are_advice() {
    let offering = |window: u16, mut tcp: Tcp| {
        tcp.window = window;
        tcp
    };
    let [syn, syn_ack, ack] = handshake();
    let scaled = |mut tcp: Tcp| {
        tcp.options.window_scale = Some(14);
        tcp
    };
    let asked = after(REQUEST);
    // First nothing at all, then a gibibyte; the client goes on as if nothing had been said.
    let story = [
        scaled(syn),
        offering(0, scaled(syn_ack)),
        ack,
        client(0, REQUEST),
        offering(0, server(0, "").ack(asked)),
        offering(u16::MAX, server(0, ANSWER).ack(asked)),
        client(asked, REQUEST).ack(after(ANSWER)),
        server(after(ANSWER), ANSWER).ack(2 * asked),
    ];
    let told = told_of(story);
    assert_eq!(paths(&told), ["/good", "/good"]);
    told.each("/completeness", &"whole".into());
    assert_eq!(told.odd("tcp.out_of_window"), 0);
}

#[test]
fn options_that_contradict_their_lengths_are_told() {
    let mut odd = client(0, REQUEST);
    odd.options.malformed = true;
    let told = asked_by(vec![odd]);
    assert_eq!((paths(&told), told.odd("tcp.invalid_segment")), (vec!["/good"], 1));
}

#[test]
fn two_thousand_methods_are_no_two_thousand_names() {
    let asked = |names: u32| {
        let mut text = "@open a 84.128.212.178:40000 -> 10.0.0.5:80 at 2026-11-21T10:00:00Z\n".to_owned();
        for n in 0..2_000 {
            let method = n % names;
            write!(text, "@a> +1ms\nM{method:04} / HTTP/1.1\nHost: a\n\n@a< +1ms\nHTTP/1.1 204 Fine\n\n")
                .expect("written");
        }
        told(frames(&conversation::pcap(&text)))
    };
    let (few, many) = (asked(2), asked(2_000));
    assert_eq!((few.requests(), many.requests()), (2_000, 2_000));
    // The counters have no row a method.
    assert!(many.stats.to_string().len() < few.stats.to_string().len() + 200);
    // What is longer than any method is none, and is not repeated.
    let long = "X".repeat(4_000);
    let text = format!(
        "@open a 84.128.212.178:40000 -> 10.0.0.5:80 at 2026-11-21T10:00:00Z\n@a> +1ms\n{long} / HTTP/1.1\nHost: a\n\n"
    );
    let told = told(frames(&conversation::pcap(&text)));
    assert_eq!(told.requests(), 0);
    assert!(!String::from_utf8_lossy(&told.everything).contains(&long[..33]));
}
