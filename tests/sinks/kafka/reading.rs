//! What arrived, as kcat reads it: count, keys, headers, times and bodies.

use super::{Kind, Lane, all_arrived, batch, config, destination};
use crate::services::Service;
use std::collections::BTreeSet;
use std::process::Command;

/// A record as kcat tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    pub(super) key: String,
    pub(super) headers: String,
    pub(super) time: String,
    pub(super) body: String,
}

/// The whole topic.
pub(super) fn read(server: &Service, topic: &str) -> Vec<Seen> {
    let told = Command::new("kcat")
        .args(["-C", "-q", "-e", "-o", "beginning", "-b", server.get("PLAINTEXT"), "-t", topic])
        .args(["-f", "%k\\t%h\\t%T\\t%s\\n"])
        .output()
        .expect("kcat is installed where Kafka is");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let text = String::from_utf8(told.stdout).unwrap();
    text.lines().map(seen).collect()
}

fn seen(line: &str) -> Seen {
    let mut parts = line.split('\t').map(str::to_owned);
    let mut part = || parts.next().unwrap();
    Seen { key: part(), headers: part(), time: part(), body: part() }
}

fn now_ms() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()
}

/// The ids of what is in a topic, and how many records there are.
pub(super) fn ids(server: &Service, topic: &str) -> (usize, BTreeSet<String>) {
    let all = read(server, topic);
    (all.len(), all.into_iter().map(|seen| seen.headers).collect())
}

#[test]
fn every_kind_arrives_with_its_key_headers_and_time() {
    let Some(server) = Service::shared_kafka() else { return };
    let config = config(server, "PLAINTEXT", "reading", "manage_topics = true\npartitions = 3");
    let start_ms = now_ms();
    for (lane, kind) in Lane::ALL.iter().zip([Kind::Alert, Kind::Transaction, Kind::Inventory]) {
        let mut kafka = destination(&config, *lane);
        kafka.prepare().unwrap();
        assert_eq!(kafka.deliver(&batch(kind, 0, 1000)).unwrap(), all_arrived());
    }
    let alerts = read(server, "reading.alerts");
    assert_eq!(alerts.len(), 1000);
    let alert = alerts.iter().find(|seen| seen.key.ends_with("2ff")).unwrap();
    assert_eq!(alert.key, "00000000-0000-0000-0000-0000000002ff");
    assert_eq!(
        alert.headers,
        "schema=heelguard.alert/1,tenant=default,sensor=sensor-1,id=00000000-0000-0000-0000-0000000002ff"
    );
    // That of sending, not that of the record.
    let time_ms: u128 = alert.time.parse().unwrap();
    assert!((start_ms..=now_ms()).contains(&time_ms), "{time_ms}");
    assert_eq!(alert.body, r#"{"schema":"heelguard.alert/1","number":767,"message":"€ \u0000"}"#);
    let (records, distinct) = ids(server, "reading.transactions");
    assert_eq!((records, distinct.len()), (1000, 1000));
    let keys: BTreeSet<_> = read(server, "reading.transactions").into_iter().map(|seen| seen.key).collect();
    assert_eq!(keys.first().unwrap(), "00000000000000000000000000000000");
    assert_eq!(keys.len(), 7);
    assert_eq!(read(server, "reading.inventory").len(), 1000);
}

#[test]
fn records_of_one_key_stay_in_order() {
    let Some(server) = Service::shared_kafka() else { return };
    let config = config(server, "PLAINTEXT", "order", "manage_topics = true\npartitions = 4");
    let mut kafka = destination(&config, Lane::Transactions);
    for start in (0..5000).step_by(1000) {
        assert_eq!(kafka.deliver(&batch(Kind::Transaction, start, start + 1000)).unwrap(), all_arrived());
    }
    let mut latest = std::collections::BTreeMap::new();
    for seen in read(server, "order.transactions") {
        // The id stands last in the headers, and all before it is the same.
        let before = latest.insert(seen.key.clone(), seen.headers.clone());
        assert!(before.is_none_or(|before| before < seen.headers), "{seen:?}");
    }
    assert_eq!(latest.len(), 7);
}
