//! Captures of other people's connections, with the secrets that came with them.

use crate::reader::Reader;
use crate::support::replay::folder;
use heelguard::capture::replay::Timeline;
use heelguard::decode::{self, Decoder};
use heelguard::flow::{CloseReason, Config, Direction, FlowInfo, FlowTable, StreamHandler};
use heelguard::tls::decrypt::{KeyStore, Lines, Side};
use heelguard_detectors::time::EventTime;
use std::path::Path;
use std::sync::Arc;

/// A flow that is read.
struct Handler(Reader);

/// Where finished connections go.
struct Finished {
    keys: Arc<KeyStore>,
    readers: Vec<Reader>,
}

impl StreamHandler for Handler {
    type Shared = Finished;

    fn opened(_: &FlowInfo, shared: &mut Finished) -> Self {
        Self(Reader::new(&shared.keys))
    }

    fn data(&mut self, _: &mut FlowInfo, direction: Direction, _: EventTime, bytes: &[u8], _: &mut Finished) {
        let side = if direction == Direction::FromInitiator { Side::Client } else { Side::Server };
        self.0.read(side, bytes);
    }

    fn gap(&mut self, _: &mut FlowInfo, _: Direction, _: EventTime, _: u64, _: &mut Finished) {}

    fn half_closed(&mut self, _: &mut FlowInfo, _: Direction, _: EventTime, _: &mut Finished) {}

    fn closed(self, _: FlowInfo, _: EventTime, _: CloseReason, shared: &mut Finished) {
        shared.readers.push(self.0);
    }
}

/// Every connection of a capture, read with the secrets of a key log, if there is one, and of the capture itself.
fn connections(capture: &Path, keylog: Option<&Path>) -> Vec<Reader> {
    let keys = Arc::new(KeyStore::new(10_000, false));
    if let Some(keylog) = keylog {
        assert_eq!(keys.read_file(keylog).unwrap(), None);
    }
    let mut timeline = Timeline::open(&[capture.to_owned()]).unwrap();
    let (mut lines, store) = (Lines::default(), Arc::clone(&keys));
    timeline.tell_secrets(Box::new(move |piece, since| lines.read(piece, since, &store)));
    let mut decoder = Decoder::new(decode::Config::default());
    let mut flows = FlowTable::<Handler>::new(Config::default());
    let mut finished = Finished { keys, readers: Vec::new() };
    while let Ok(Some(packet)) = timeline.next() {
        if let Some(segment) = decoder.decode(packet) {
            flows.push(&segment, &mut finished);
        }
    }
    flows.finish(EventTime::MAX, &mut finished);
    finished.readers
}

#[test]
fn every_connection_of_real_products_is_read() {
    let Some(folder) = folder("HEELGUARD_REALAUTH") else { return };
    // Requests that never were answered are not in the list of what truly happened: two, under a client certificate
    // that the server did not take.
    for (name, unanswered) in
        [("tls12-allauth", 0), ("tls12rsa-allauth", 0), ("mtls13-allauth", 2), ("tls13-h2-allauth", 0)]
    {
        let keylog = folder.join(format!("{name}.keys.txt"));
        let readers = connections(&folder.join(format!("{name}.pcap")), Some(&keylog));
        let truth =
            std::fs::read_to_string(folder.join(format!("{name}.txns.jsonl"))).unwrap().lines().count();
        let unread: Vec<_> = readers.iter().filter_map(Reader::given_up).collect();
        assert_eq!(unread, [], "{name}");
        let count = |side: Side, what: &str| -> usize {
            let said = readers.iter().map(|reader| String::from_utf8_lossy(&reader.said[side.index()]));
            said.map(|said| said.matches(what).count()).sum()
        };
        if name.contains("-h2-") {
            let spoken = readers.iter().filter(|reader| !reader.said[0].is_empty()).count();
            assert!(spoken > 40, "{name}: {spoken} connections");
            assert_eq!(count(Side::Client, "PRI * HTTP/2.0\r\n"), spoken, "{name}");
        } else {
            assert_eq!(count(Side::Client, " HTTP/1.1\r\n"), truth + unanswered, "{name}");
            assert_eq!(count(Side::Server, "HTTP/1.1 "), truth, "{name}");
        }
    }
}

/// How each capture's connections end, and how their sides begin; equal ones are counted.
#[test]
fn captures_of_other_tools_are_read_or_refused() {
    let Some(corpus) = folder("HEELGUARD_CORPUS") else { return };
    let mut told = String::new();
    let mut paths: Vec<_> =
        std::fs::read_dir(corpus.join("pcap/tls-keys")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let keylog = corpus.join("keys").join(format!("{name}.keylog"));
        let readers = connections(&path, keylog.exists().then_some(keylog.as_path()));
        told += &format!("{}\n", name.rsplit("__").next().unwrap());
        let outcomes: Vec<String> = readers.iter().filter_map(outcome).collect();
        for same in outcomes.chunk_by(PartialEq::eq) {
            told += &format!("  {} {}\n", same.len(), same[0]);
        }
    }
    expect_test::expect![[r#"
        TLS1_2_CAMELLIA128-SHA256_auth.pcap
          1 Unsupported
        TLS1_2_CAMELLIA256-SHA256_auth.pcap
          1 Unsupported
        TLS1_2_ECDHE-ECDSA-AES256-GCM-SHA384_auth.pcap
          1 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" ""
        TLS1_2_ECDHE-RSA-AES256-GCM-SHA384_auth.pcap
          1 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" ""
        TLS1_2_ECDHE-RSA-AES256-SHA384_auth.pcap
          1 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" ""
        TLS1_2_ECDHE-RSA-CHACHA20-POLY1305_auth.pcap
          1 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" ""
        mTLS1_2_RSA.pcap
          1 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" ""
        ssl3_0.pcap
          1 Unsupported
        tls1_0.pcap
          1 Unsupported
        tls1_2.pcap
          1 "GET / HTTP/1.1" "GET / HTTP/1.1"
        tls_AES128-GCM-SHA256.pcap
          1 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" ""
        tls_AES128-SHA256.pcap
          1 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" ""
        tls_CAMELLIA128-SHA256.pcap
          1 Unsupported
        tls_CAMELLIA256-SHA256.pcap
          1 Unsupported
        tls_DHE-DSS-AES256-SHA256.pcap
          1 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" ""
        tls_DHE-DSS-ARIA128-GCM-SHA256.pcap
          1 Unsupported
        tls_DHE-DSS-ARIA256-GCM-SHA384.pcap
          1 Unsupported
        tls_DHE-RSA-ARIA256-GCM-SHA384.pcap
          1 Unsupported
        all_ciphers.pcap
          1 "GET / HTTP/1.1" "HTTP/1.0 200 ok"
          1 "hello there!" "hey"
          1 "GET / HTTP/1.1" "HTTP/1.0 200 ok"
          1 "hello there!" "hey"
          7 "GET / HTTP/1.1" "HTTP/1.0 200 ok"
          1 Unsupported
          1 "hello" "hello"
          1 Unsupported
          9 "hello" "hello"
          2 Unsupported
          5 "hello" "hello"
          1 Unsupported
        feature_test.pcap
          1 "GET / HTTP/1.1" "HTTP/1.0 200 ok"
          1 NoSecret
          1 Unsupported
        system-tests.pcap
          1 Unsupported
        system-tests.pcapng
          1 Unsupported
        tls_nss_example.pcap
          2 "GET /pki/srv_key.pem HTTP/1.0" "HTTP/1.0 200 ok"
        capture.pcap
          1 "ping" "pong"
        capture.pcap
          1 "ping" "pong"
        tls12-chacha20poly1305.pcap
          7 "GET / HTTP/1.1" "HTTP/1.0 200 ok"
        tls12-dsb.pcapng
          2 "HEAD / HTTP/1.1" "HTTP/1.1 200 OK"
        tls13-20-chacha20poly1305.pcap
          2 Unsupported
        tls13-rfc8446.pcap
          1 "GET /first HTTP/1.1" "HTTP/1.1 200 OK"
          1 "GET /early HTTP/1.1" "HTTP/1.1 200 OK"
        wireguard-ping-tcp-dsb.pcapng
    "#]]
    .assert_eq(&told);
}

/// Nothing for what is no TLS.
fn outcome(reader: &Reader) -> Option<String> {
    let first = |side: Side| {
        let text = String::from_utf8_lossy(&reader.said[side.index()]).into_owned();
        text.lines().next().unwrap_or_default().chars().take(30).collect::<String>()
    };
    match reader.given_up() {
        Some(why) => Some(format!("{why:?}")),
        None if reader.counters().records == 0 => None,
        None => Some(format!("{:?} {:?}", first(Side::Client), first(Side::Server))),
    }
}
