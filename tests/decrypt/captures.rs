//! Captures of other people's connections, with the secrets that came with them.

use crate::reader::Reader;
use crate::support::replay::folder;
use heelguard::capture::replay::Timeline;
use heelguard::decode::{self, Decoder};
use heelguard::flow::{CloseReason, Config, Direction, FlowInfo, FlowTable, StreamHandler};
use heelguard::tls::decrypt::{GivenUp, KeyStore, Lines, Side};
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
    for name in ["tls12-allauth", "tls12rsa-allauth", "mtls13-allauth", "tls13-h2-allauth"] {
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
            assert_eq!(count(Side::Client, "PRI * HTTP/2.0\r\n"), readers.len(), "{name}");
        } else {
            assert_eq!(count(Side::Client, " HTTP/1.1\r\n"), truth, "{name}");
            assert_eq!(count(Side::Server, "HTTP/1.1 "), truth, "{name}");
        }
    }
}

/// Captures with one connection each, and how each side begins. An empty word is silence.
const CORPUS: &[(&str, &str, &str)] =
    &[("Voev_snet__tests__pcap__data__decrypt_by_keylog__TLS1_2_ECDHE-ECDSA-AES256-GCM-SHA384_auth", "", "")];

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
        for reader in readers {
            let first = |side: Side| {
                let text = String::from_utf8_lossy(&reader.said[side.index()]).into_owned();
                text.lines().next().unwrap_or_default().chars().take(40).collect::<String>()
            };
            told += &format!(
                "  {:?} {} {:?} {:?}\n",
                reader.given_up(),
                reader.counters().records,
                first(Side::Client),
                first(Side::Server)
            );
        }
    }
    println!("{told}");
    assert_eq!(told, "");
    let _ = (CORPUS, GivenUp::NoSecret);
}
