//! Mirrors that serve the sensor badly, as captures: what is counted, and what an operator is told at the end.
//! Each capture is one conversation, spoilt in one way; the unspoilt one is the innocent twin of all.

#![allow(clippy::expect_used, reason = "a test stops where it fails")]

mod support;

use heelguard_detectors::time::EventTime;
use serde_json::Value;
use std::fmt::Write as _;
use support::conversation::pcap;
use support::craft::{self, Tcp};
use support::replay::{heelguard, replay, text};
use support::story::{client, handshake, server};

/// One packet of a capture: its header, and its frame.
type Packet = (Vec<u8>, Vec<u8>);

/// Lists, asked for in forty connections.
fn traffic() -> Vec<Packet> {
    let list = format!("[{}]", vec!["{\"name\":\"somebody with a name of some length\"}"; 60].join(","));
    let mut text = String::new();
    for n in 0..40 {
        writeln!(
            text,
            "@open c{n} 84.128.212.178:{} -> 10.0.0.5:80 at 2026-11-21T10:00:{n:02}Z\n\
             @c{n}> +5ms\nGET /people HTTP/1.1\nHost: api.example.com\n\n\
             @c{n}< +5ms\nHTTP/1.1 200 OK\nContent-Type: application/json\n\n{list}\n\
             @c{n}> +5ms\nGET /people HTTP/1.1\nHost: api.example.com\n\n\
             @c{n}< +5ms\nHTTP/1.1 200 OK\nContent-Type: application/json\n\n{list}\n@close c{n} +5ms",
            20_000 + n
        )
        .expect("written");
    }
    packets(&pcap(&text))
}

fn packets(capture: &[u8]) -> Vec<Packet> {
    let mut rest = &capture[24..];
    let mut packets = Vec::new();
    while rest.len() > 16 {
        let size: [u8; 4] = rest[8..12].try_into().expect("four bytes");
        let (packet, after) = rest.split_at(16 + u32::from_le_bytes(size) as usize);
        packets.push((packet[..16].to_vec(), packet[16..].to_vec()));
        rest = after;
    }
    packets
}

/// What a run counted of the mirror, and the warnings it ended with; the same for every number of shards.
fn told(packets: &[Packet]) -> (Value, Vec<String>) {
    let home = tempfile::tempdir().expect("a temporary folder");
    let path = home.path().join("capture.pcap");
    let mut capture = pcap("")[..24].to_vec();
    for (head, frame) in packets {
        capture.extend([&head[..], frame].concat());
    }
    std::fs::write(&path, capture).expect("written");
    let run = |shards: &str| {
        let stats = replay(&[&path], &["--shards", shards]).stats["sight"].clone();
        let output = heelguard(home.path()).args(["replay", "--shards", shards]).arg(&path).output();
        let output = output.expect("the program starts");
        assert!(output.status.success(), "{}", text(&output));
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        let warnings = words.lines().filter_map(|line| line.strip_prefix("heelguard: warning: "));
        (stats, warnings.filter(|line| line.contains('%')).map(str::to_owned).collect::<Vec<_>>())
    };
    let one = run("1");
    assert_eq!(one, run("3"), "three shards");
    one
}

/// Whether the server sent the frame.
fn is_answer(frame: &[u8]) -> bool {
    frame[26..30] == [10, 0, 0, 5]
}

#[test]
fn a_mirror_that_shows_everything_once_is_not_complained_about() {
    let (sight, warnings) = told(&traffic());
    assert_eq!(warnings, Vec::<String>::new());
    for (counter, count) in sight.as_object().expect("counters") {
        let expected = if counter == "two_way_flows" { 40 } else { 0 };
        assert_eq!(count, &Value::from(expected), "{counter}");
    }
}

#[test]
fn a_mirror_of_one_direction() {
    for answers in [false, true] {
        let mut packets = traffic();
        packets.retain(|(_, frame)| is_answer(frame) == answers);
        let (sight, warnings) = told(&packets);
        assert_eq!((&sight["one_way_flows"], &sight["two_way_flows"]), (&Value::from(40), &Value::from(0)));
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with("100.0 % of connections show one direction only"), "{warnings:?}");
    }
}

#[test]
fn a_mirror_that_sends_everything_twice_and_a_host_that_repeats_itself() {
    // Fifty microseconds later, or as much later as a host waits for an answer.
    let again = |micros: u32| {
        let mut packets = traffic();
        let copies = packets.clone().into_iter().map(|(mut head, frame)| {
            let time: [u8; 4] = head[4..8].try_into().expect("four bytes");
            head[4..8].copy_from_slice(&(u32::from_le_bytes(time) + micros).to_le_bytes());
            (head, frame)
        });
        packets.extend(copies.collect::<Vec<_>>());
        let time = |head: &[u8]| {
            let part = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
            (part(0), part(4))
        };
        packets.sort_by_key(|(head, _)| time(head));
        // Of so few packets a share is no judgement: the same capture ten times over, on other days.
        let days = (0..10).flat_map(|day| packets.iter().map(move |packet| (day, packet)));
        let days = days.map(|(day, (head, frame))| {
            let mut head = head.clone();
            let seconds = time(&head).0 + day * 86_400;
            head[..4].copy_from_slice(&seconds.to_le_bytes());
            (head, frame.clone())
        });
        told(&days.collect::<Vec<_>>())
    };
    let (sight, warnings) = again(50);
    assert!(sight["copied_segments"].as_u64() > Some(1_000), "{sight}");
    assert!(warnings.iter().any(|line| line.contains("of segments come twice")), "{warnings:?}");
    let (sight, warnings) = again(2_000);
    assert_eq!(sight["copied_segments"], 0, "{sight}");
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn a_mirror_in_a_tunnel_that_has_no_room() {
    let wrapped = |room: usize| {
        let mut packets = traffic();
        for (head, frame) in &mut packets {
            frame.truncate(room);
            let outer = 20 + 8 + 8 + frame.len();
            let mut ip = [0x45, 0, 0, 0, 0, 1, 0, 0, 64, 17, 0, 0, 10, 9, 9, 9, 10, 9, 9, 8];
            ip[2..4].copy_from_slice(&(outer as u16).to_be_bytes());
            let sum: u32 = ip.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
            ip[10..12].copy_from_slice(&(!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes());
            let length = (outer as u16 - 20).to_be_bytes();
            let udp = [0xc0, 0, 0x12, 0xb5, length[0], length[1], 0, 0];
            let vxlan = [8, 0, 0, 0, 0, 0, 1, 0];
            *frame = [&[2; 12][..], &[8, 0], &ip, &udp, &vxlan, frame].concat();
            let size = (frame.len() as u32).to_le_bytes();
            head[8..12].copy_from_slice(&size);
            head[12..16].copy_from_slice(&size);
        }
        told(&packets)
    };
    let (sight, warnings) = wrapped(1_000);
    assert!(sight["cut_tunnel_packets"].as_u64() > Some(10), "{sight}");
    assert!(warnings.len() == 1 && warnings[0].contains("the MTU on the way cuts them"), "{warnings:?}");
    let (sight, warnings) = wrapped(9_000);
    assert_eq!(sight["cut_tunnel_packets"], 0);
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn a_snap_length_that_cuts() {
    let mut packets = traffic();
    for (head, frame) in &mut packets {
        frame.truncate(300);
        head[8..12].copy_from_slice(&(frame.len() as u32).to_le_bytes());
    }
    let (_, warnings) = told(&packets);
    assert!(warnings.iter().any(|line| line.contains("cut by the snap length")), "{warnings:?}");
}

/// Three megabytes from a server in half a minute, after these first bytes.
fn download(opening: &[u8]) -> Vec<Packet> {
    let start = EventTime::from_secs(1_795_255_200);
    let mut segments: Vec<Tcp> = handshake().into();
    segments.push(Tcp { payload: opening.to_vec(), ..client(0, "") });
    for n in 0..2_200 {
        let mut answer = server(n * 1_400, "").ack(i64::try_from(opening.len()).expect("short"));
        answer.payload = vec![0x17; 1_400];
        if n == 0 {
            answer.payload[..5].copy_from_slice(&[0x16, 3, 3, 0x10, 0]);
        }
        segments.push(answer);
        segments.push(client(i64::try_from(opening.len()).expect("short"), "").ack((n + 1) * 1_400));
    }
    for (n, segment) in segments.iter_mut().enumerate() {
        segment.time = EventTime::from_micros(start.as_nanos() / 1_000 + n as u64 * 7_000);
    }
    packets(&craft::pcap(&segments))
}

#[test]
fn a_site_under_tls_is_told_as_a_warning_and_as_an_alert() {
    let (sight, warnings) = told(&download(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]));
    assert!(sight["encrypted_bytes"].as_u64() > Some(3_000_000), "{sight}");
    assert!(warnings.len() == 1 && warnings[0].contains("begin with TLS"), "{warnings:?}");
    let (sight, warnings) = told(&download(b"no protocol that anybody knows\r\n"));
    assert_eq!((&sight["encrypted_bytes"], warnings), (&Value::from(0), Vec::new()));

    let about_tls = |capture: &[Packet]| {
        let home = tempfile::tempdir().expect("a temporary folder");
        let path = home.path().join("capture.pcap");
        let bytes: Vec<u8> = capture.iter().flat_map(|(head, frame)| [&head[..], frame].concat()).collect();
        std::fs::write(&path, [&pcap("")[..24], &bytes].concat()).expect("written");
        let run = |shards| replay(&[&path], &["--shards", shards]).alerts;
        let alerts = run("1");
        assert_eq!(alerts, run("3"), "three shards");
        alerts.iter().filter(|alert| alert["subject"]["value"] == "sensor-1 (encrypted)").count()
    };
    assert!(about_tls(&download(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])) > 0);
    assert_eq!(about_tls(&traffic()), 0);
}

#[test]
fn an_older_segment_again_is_a_copy_if_its_timestamp_is_of_then() {
    let copies = |again: u32| {
        let stamped = |mut segment: Tcp, value: u32| {
            segment.options.timestamps = Some((value, 1));
            segment
        };
        let mut segments: Vec<Tcp> = handshake().into_iter().map(|segment| stamped(segment, 7)).collect();
        segments.push(stamped(client(0, "GET / HTTP/1.1\r\n"), 8));
        segments.push(stamped(client(16, "Host: x\r\n\r\n"), 8));
        segments.push(stamped(client(0, "GET / HTTP/1.1\r\n"), again));
        for (n, segment) in segments.iter_mut().enumerate() {
            segment.time = EventTime::from_micros(1_795_255_200_000_000 + n as u64 * 300);
        }
        told(&packets(&craft::pcap(&segments))).0["copied_segments"].clone()
    };
    assert_eq!((copies(8), copies(9)), (Value::from(1), Value::from(0)));
}
