//! QUIC as captures: what is told of its connections, and what is not.
//! Each story is told with one shard, two and five.

use crate::initial::{CLIENT, FIRST_ID, SERVER, Sender, V2, Wire, crypto, frame, packet};
use crate::support::craft::endpoint;
use crate::support::replay::{assert_same_for_all_shards, folder, replay};
use crate::support::sensor::{Run, run};
use crate::wire::{client_hello, extension, names, vector16};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;

/// The message of a client that offers HTTP/3, with so many bytes that say nothing: a key share of our days has 1,200.
fn hello(name: &str, filler: usize) -> Vec<u8> {
    let versions = extension(43, &[2, 3, 4]);
    let protocols = extension(16, &vector16(b"\x02h3"));
    let extensions =
        [names(&[name.as_bytes()]), protocols, versions, extension(51, &vec![7; filler])].concat();
    client_hello(&extensions)[5..].to_vec()
}

/// The server's: TLS 1.3 with AES-128.
fn answer() -> Vec<u8> {
    let body = [&[3, 3][..], &[9; 32], &[0, 0x13, 0x01, 0], &vector16(&extension(43, &[3, 4]))].concat();
    [&[2, 0, 0, body.len() as u8][..], &body].concat()
}

/// The client's first datagram, with all of its hello.
fn first(sender: Sender, name: &str) -> Vec<u8> {
    packet(sender, 0, &crypto(0, &hello(name, 32)), 1_200)
}

/// The server's, with a packet behind it that stays shut.
fn reply(sender: Sender) -> Vec<u8> {
    let acknowledged = [2, 0, 0, 0, 0];
    let initial = packet(sender, 0, &[&acknowledged[..], &crypto(0, &answer())].concat(), 0);
    let handshake = [&[0xE3][..], &sender.version.to_be_bytes(), &[0, 0, 0x40, 200], &[0x5A; 200]].concat();
    [initial, handshake].concat()
}

/// The same for one shard, two and five.
fn told(wire: &Wire) -> Run {
    let mut capture = tempfile::NamedTempFile::new().expect("a file");
    capture.write_all(&wire.capture()).expect("room for a capture");
    let [alone, pair, five] =
        [1, 2, 5].map(|shards| run(&[capture.path()], shards).expect("it is a capture"));
    assert!(alone == pair && alone == five, "{:?}", alone.connection_values());
    alone
}

fn connections(wire: &Wire) -> Vec<Value> {
    told(wire).connection_values()
}

#[test]
fn a_connection_is_told_as_those_over_tcp_are() {
    let mut wire = Wire::new();
    wire.client(&first(CLIENT, "API.example.com"));
    wire.server(&reply(SERVER));
    let later = Sender { receiver_id: b"server's", ..CLIENT };
    wire.client(&packet(later, 1, &[2, 0, 0, 0, 0], 1_200));
    for _ in 0..50 {
        wire.server(&[0x41; 1_250]);
    }
    let run = told(&wire);
    let [connection] = &run.connection_values()[..] else { panic!("{:#?}", run.connection_values()) };
    let expected = json!({
        "transport": "quic", "version": "TLS 1.3", "cipher": "TLS_AES_128_GCM_SHA256", "sni": "api.example.com",
        "alpn": null, "offered_alpn": ["h3"], "resumed": false, "decrypted": false, "certificate": null,
        "completeness": "whole", "anomalies": [],
    });
    for (key, value) in expected.as_object().expect("an object") {
        assert_eq!(&connection[key], value, "{key}");
    }
    assert_eq!(connection["ja4"].as_str().map(|ja4| &ja4[..10]), Some("q13d0204h3"));
    assert_eq!(connection["bytes"], json!({"client": 2_400, "server": reply(SERVER).len() + 50 * 1_250}));
    assert_eq!(connection["flow"]["dst_port"], 8_443);
    // Ports and addresses of UDP, by the specification's reference implementation.
    assert_eq!(connection["flow"]["community_id"], "1:YzjrsvtYit4QGp9iHJqsk2KTyXY=");
    assert_eq!((run.counters.packets.processed, run.counters.dropped.sum()), (53, 0));
    let quic = &run.counters.quic;
    assert_eq!((quic.datagrams, quic.followed, quic.connections, quic.opened), (53, 53, 1, 3));
}

#[test]
fn what_stays_dark_is_in_the_services() {
    let mut wire = Wire::new();
    wire.client(&first(CLIENT, "api.example.com"));
    wire.server(&[0x41; 1_250]);
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(&wire.capture()).expect("room for a capture");
    let told = replay(&[file.path()], &[]);
    let expected = json!([{"host": "api.example.com", "port": 8_443, "tls": 0, "http1": 0, "http2": 0, "quic": 1, "unknown": 0}]);
    assert_eq!((&told.stats["services"], &told.stats["balanced"]), (&expected, &json!(true)));
    assert_eq!(told.stats["packets"], json!({"read": 2, "processed": 2, "dropped": {}}));
    assert_same_for_all_shards(&[file.path()]);
}

/// As browsers send it since keys are long: over several packets, cut anywhere, shuffled, with PING and padding between.
#[test]
fn a_long_hello_in_shuffled_frames_of_shuffled_packets_is_read() {
    let hello = hello("long.example.com", 2_600);
    let cuts = [0, 40, 90, 900, 1_000, 1_001, 1_700, 2_200, hello.len()];
    let pieces: Vec<Vec<u8>> = cuts.windows(2).map(|cut| crypto(cut[0], &hello[cut[0]..cut[1]])).collect();
    let packets = [[7, 0, 4], [5, 3, 1], [6, 2, 2]].map(|places| {
        let frames: Vec<u8> = places.iter().flat_map(|&at| [&[1, 0, 0][..], &pieces[at]].concat()).collect();
        packet(CLIENT, places[0] as u16, &frames, 1_250)
    });
    let whole = {
        let mut wire = Wire::new();
        wire.client(&packet(CLIENT, 0, &crypto(0, &hello), 0));
        connections(&wire)
    };
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut wire = Wire::new();
        for at in order {
            wire.client(&packets[at]);
        }
        wire.client(&packets[0]);
        let [connection] = &connections(&wire)[..] else { panic!("one connection") };
        assert_eq!(connection["ja4"], whole[0]["ja4"], "{order:?}");
        assert_eq!(
            (&connection["sni"], &connection["completeness"]),
            (&json!("long.example.com"), &json!("request_only"))
        );
    }
    let mut wire = Wire::new();
    wire.client(&packets[0]);
    wire.client(&packets[2]);
    let [connection] = &connections(&wire)[..] else { panic!("one connection") };
    assert_eq!((&connection["ja4"], &connection["completeness"]), (&Value::Null, &json!("gap")));
}

#[test]
fn version_2_and_six_are_read_and_tunnels_entered() {
    let (client, server) = (Sender { version: V2, ..CLIENT }, Sender { version: V2, ..SERVER });
    let mut wire = Wire::between("[2001:db8::7]:51000", "[2001:db8::5]:443");
    wire.client(&first(client, "six.example.com"));
    wire.server(&reply(server));
    let plain = connections(&wire);
    assert_eq!((&plain[0]["sni"], &plain[0]["completeness"]), (&json!("six.example.com"), &json!("whole")));
    let ends = ["192.0.2.1:50000", "192.0.2.2:4789"].map(endpoint);
    for (_, inner, _) in &mut wire.frames {
        *inner = frame(ends[0], ends[1], &[&[8, 0, 0, 0, 0, 0, 42, 0][..], inner].concat());
    }
    let inside = connections(&wire);
    assert_eq!((&inside[0]["flow"]["tunnel"], &inside[0]["flow"]["vni"]), (&json!("vxlan"), &json!(42)));
    assert_eq!((&inside[0]["sni"], &inside[0]["ja4"]), (&plain[0]["sni"], &plain[0]["ja4"]));
}

#[test]
fn a_client_that_was_told_other_versions_begins_anew_on_the_same_connection() {
    let mut wire = Wire::new();
    wire.client(&first(CLIENT, "api.example.com"));
    wire.server(&[&[0x80, 0, 0, 0, 0, 0, 0][..], &V2.to_be_bytes()].concat());
    let anew = Sender { version: V2, first_id: b"second id", receiver_id: b"second id", ..CLIENT };
    wire.client(&first(anew, "api.example.com"));
    wire.server(&reply(Sender { version: V2, first_id: b"second id", ..SERVER }));
    let told = connections(&wire);
    assert_eq!(told.iter().map(|one| &one["completeness"]).collect::<Vec<_>>(), ["whole"]);
}

#[test]
fn an_hour_on_one_path_is_one_record_and_a_new_beginning_is_another() {
    let mut wire = Wire::new();
    wire.client(&first(CLIENT, "one.example.com"));
    for _ in 0..60 {
        wire.wait(60);
        wire.client(&[0x55; 40]);
        wire.server(&[0x55; 1_000]);
    }
    wire.wait(600);
    wire.server(&[0x55; 1_000]);
    wire.client(&first(CLIENT, "two.example.com"));
    let told = connections(&wire);
    let names: Vec<_> = told.iter().map(|one| (&one["sni"], &one["bytes"]["server"])).collect();
    assert_eq!(names, [(&json!("one.example.com"), &json!(60_000)), (&json!("two.example.com"), &json!(0))]);
}

/// A receiver drops a packet for another id (RFC 9000 section 12.2), and reads the datagram's others.
#[test]
fn a_packet_for_another_connection_behind_the_first_hides_nothing_and_begins_nothing() {
    let other = Sender { first_id: b"other id", receiver_id: b"other id", ..CLIENT };
    let stray = packet(other, 0, &[1, 0, 0, 0], 60);
    let mut wire = Wire::new();
    wire.client(&[first(CLIENT, "api.example.com"), stray.clone()].concat());
    wire.server(&reply(SERVER));
    wire.client(&[packet(CLIENT, 1, &[2, 0, 0, 0, 0], 1_200), stray].concat());
    let run = told(&wire);
    let [connection] = &run.connection_values()[..] else { panic!("{:#?}", run.connection_values()) };
    assert_eq!(
        (&connection["sni"], &connection["completeness"]),
        (&json!("api.example.com"), &json!("whole"))
    );
    let quic = &run.counters.quic;
    assert_eq!((quic.datagrams, quic.followed, quic.connections, quic.opened), (3, 3, 1, 3));
}

#[test]
fn a_length_beyond_what_the_packet_carries_is_no_datagram() {
    let mut wire = Wire::new();
    wire.client(&first(CLIENT, "api.example.com"));
    wire.client(&[0x55; 40]);
    wire.client(&[0x55; 40]);
    let (_, lying, _) = wire.frames.last_mut().expect("three were sent");
    // Behind Ethernet, IPv4 and both ports.
    lying[14 + 20 + 4..14 + 20 + 6].fill(0xFF);
    let run = told(&wire);
    assert_eq!(run.connection_values()[0]["bytes"]["client"], 1_240);
    assert_eq!(run.counters.dropped.sum(), 1);
}

#[test]
fn connections_of_one_path_and_moment_have_records_of_their_own() {
    let other = Sender { first_id: b"other id", receiver_id: b"other id", ..CLIENT };
    let mut wire = Wire::new();
    wire.client(&first(CLIENT, "one.example.com"));
    wire.client(&first(other, "two.example.com"));
    let at = wire.frames[0].0;
    wire.frames[1].0 = at;
    let told = connections(&wire);
    let [one, two] = &told[..] else { panic!("{told:#?}") };
    assert_ne!(one["id"], two["id"]);
}

#[test]
fn what_only_looks_like_quic_makes_no_record_and_is_counted() {
    let looks = |tail: &[u8]| {
        let mut datagram = [&[0xC3, 0, 0, 0, 1, 8][..], FIRST_ID, &[0, 0, 0x44, 0x9E], tail].concat();
        datagram.resize(1_200, 0xA5);
        datagram
    };
    let mut corrupted = first(CLIENT, "api.example.com");
    corrupted[700] ^= 1;
    let mut wire = Wire::new();
    for (port, datagram) in [(1, looks(b"noise")), (2, looks(&[0; 30])), (3, corrupted)] {
        wire.move_to_port(50_000 + port);
        wire.client(&datagram);
        wire.server(&[0x41; 300]);
    }
    let run = told(&wire);
    assert!(run.connections.is_empty(), "{:?}", run.connection_values());
    let quic = &run.counters.quic;
    assert_eq!((quic.datagrams, quic.strangers, quic.not_opened, quic.connections), (6, 6, 3, 0));
    assert_eq!(run.counters.packets.processed, 6);
}

#[test]
fn other_datagrams_stay_what_they_were() {
    let mut wire = Wire::new();
    let true_one = first(CLIENT, "api.example.com");
    // A query, a voice, a handshake of DTLS, short headers, a first packet in too short a datagram, other versions.
    wire.client(
        &[&[0x7B, 0x2C, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"\x03api\x07example\x03com\0\0\x01\0\x01"]
            .concat(),
    );
    wire.server(&[0x80; 172]);
    wire.client(&[&[22, 0xFE, 0xFD][..], &[1; 200]].concat());
    wire.client(&[0x41; 1_200]);
    wire.client(&packet(CLIENT, 0, &crypto(0, &hello("api.example.com", 32)), 1_199));
    wire.client(&[&[0xC3, 0x51, 0x30, 0x34, 0x36][..], &true_one[5..]].concat());
    wire.client(&true_one);
    wire.cut(100);
    wire.server(&reply(SERVER));
    let run = told(&wire);
    assert!(run.connections.is_empty(), "{:?}", run.connection_values());
    assert_eq!(run.counters.dropped.rows(), [("not_tcp", 8)]);
    assert_eq!(run.counters.quic.datagrams, 0);
}

/// Names and offers as Wireshark reads them.
#[test]
fn hellos_of_other_tools_captures_are_found_and_none_is_invented() {
    let Some(corpus) = folder("HEELGUARD_CORPUS") else { return };
    let manifest = std::fs::read_to_string(corpus.join("manifest.jsonl")).expect("the manifest is there");
    let (mut expected, mut missed, mut invented) = (0, Vec::new(), Vec::new());
    for line in manifest.lines() {
        let capture: Value = serde_json::from_str(line).expect("a manifest line is JSON");
        let oracle = hellos(&corpus, &capture);
        if oracle.is_empty() {
            continue;
        }
        expected += oracle.len();
        let path = corpus.join(capture["path"].as_str().expect("a path").trim_start_matches("public/"));
        let records = run(&[&path], 1).expect("it is a capture").connection_values();
        let over_quic = records.iter().filter(|record| record["transport"] == "quic");
        let mut ours: Vec<String> =
            over_quic.map(|record| shown(&record["sni"], &record["offered_alpn"])).collect();
        for row in oracle {
            match ours.iter().position(|mine| *mine == row) {
                Some(at) => _ = ours.swap_remove(at),
                None => missed.push(row),
            }
        }
        invented.append(&mut ours);
    }
    println!("{} of {expected} hellos over QUIC found", expected - missed.len());
    assert!(expected > 50, "only {expected} were judged: is the corpus whole?");
    assert!(invented.is_empty(), "{invented:#?}");
    // The second hello of one connection, which the server asked for.
    assert_eq!(missed, [shown(&json!("localhost"), &json!(["h3-29"]))]);
}

/// suricata-verify, `tests/ja4-quic/test.yaml`: eleven connections of one browser.
#[test]
fn ja4_is_what_others_say_of_the_same_capture() {
    let Some(corpus) = folder("HEELGUARD_CORPUS") else { return };
    let run = run(&[&corpus.join("pcap/tcp/OISF_suricata-verify__tests__ja4-quic__input.pcap")], 1);
    let names: Vec<Value> = run
        .expect("it is a capture")
        .connection_values()
        .iter()
        .map(|record| record["ja4"].clone())
        .collect();
    assert_eq!(names, vec![json!("q13d0310h3_55b375c5d22e_cd85d2d88918"); 11]);
}

fn hellos(corpus: &Path, capture: &Value) -> Vec<String> {
    let path = capture["oracle"].as_str().expect("a path").trim_start_matches("public/");
    let text = std::fs::read_to_string(corpus.join(path)).expect("an oracle");
    let oracle: Value = serde_json::from_str(&text).expect("an oracle is JSON");
    let hellos = oracle["client_hellos"].as_array().cloned().unwrap_or_default();
    let over_quic = hellos.iter().filter(|hello| hello["transport"] == "quic");
    over_quic.map(|hello| shown(&hello["sni"], &hello["alpn"])).collect()
}

/// As much as is recorded: eight of the protocols.
fn shown(name: &Value, protocols: &Value) -> String {
    let protocols: Vec<_> = protocols.as_array().into_iter().flatten().take(8).collect();
    format!("{} {protocols:?}", name.as_str().unwrap_or_default().to_ascii_lowercase())
}
