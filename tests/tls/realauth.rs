//! Captures of real products under TLS: one record a connection without their secrets, and with them every exchange
//! as if it had come in the clear.

use crate::support::realauth::{self, truth};
use crate::support::replay::{
    Replay, assert_same_for_all_shards, assert_same_for_all_shards_with, folder, replay,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Captures under TLS with the file of their secrets, and the truth about them.
fn captures(realauth: &Path) -> Vec<(PathBuf, String, Vec<Value>)> {
    let with_secrets = realauth::captures(realauth).into_iter().filter_map(|(path, labels)| {
        let secrets = PathBuf::from(path.to_string_lossy().replace(".pcap", ".keys.txt"));
        let secrets = secrets.is_file().then(|| secrets.to_string_lossy().into_owned())?;
        Some((path, secrets, truth(realauth, &labels)))
    });
    with_secrets.collect()
}

/// The client's ports of what was said.
fn ports(truth: &[Value]) -> BTreeSet<u64> {
    truth.iter().filter_map(|row| row["sport"].as_u64()).collect()
}

#[test]
fn each_connection_that_is_not_read_is_told_once() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    let captures = captures(&realauth);
    assert!(captures.len() >= 4, "{captures:?}");
    for (path, _, truth) in captures {
        let Replay { connections, transactions, stats, .. } = replay(&[&path], &[]);
        assert!(transactions.is_empty(), "{}: {transactions:?}", path.display());
        let met: Vec<u64> =
            connections.iter().filter_map(|record| record["flow"]["src_port"].as_u64()).collect();
        let once: BTreeSet<u64> = met.iter().copied().collect();
        assert_eq!(met.len(), once.len(), "{}: a connection is told twice", path.display());
        let missing: Vec<_> = ports(&truth).difference(&once).copied().collect();
        assert!(missing.is_empty(), "{}: connections from {missing:?} are not told", path.display());
        for record in &connections {
            assert!(record["ja4"].is_string(), "{record}");
            assert_eq!(record["completeness"], "whole", "{record}");
            let odd = record["anomalies"].as_array().expect("a list").iter().filter_map(Value::as_str);
            assert!(!odd.into_iter().any(|name| name.starts_with("tls.")), "{record}");
        }
        assert_eq!(stats["tls"]["unread"], connections.len());
        let seen: u64 =
            stats["services"].as_array().expect("rows").iter().filter_map(|row| row["tls"].as_u64()).sum();
        assert_eq!(seen, connections.len() as u64, "each counts for its service");
        assert_same_for_all_shards(&[&path]);
    }
}

#[test]
fn with_its_secrets_a_connection_reads_as_if_it_were_clear() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    // HTTP/2 inside is for the tests of HTTP/2.
    for (path, secrets, truth) in captures(&realauth).into_iter().filter(|(path, ..)| !is_http2(path)) {
        let options = ["--keylog", secrets.as_str()];
        let Replay { transactions, connections, .. } = replay(&[&path], &options);
        assert!(connections.is_empty(), "{}: {connections:?}", path.display());
        // A client without a certificate is told so only after it has asked.
        let (answered, refused): (Vec<_>, Vec<_>) =
            transactions.iter().cloned().partition(|transaction| transaction["response"].is_object());
        assert!(refused.iter().all(|one| one["completeness"] == "request_only"), "{refused:?}");
        let (said, read) = (count(&truth, said), count(&answered, read));
        assert_eq!(read, said, "{}", path.display());
        for transaction in &transactions {
            let (tls, request) = (&transaction["tls"], &transaction["request"]);
            assert_eq!(
                (&tls["decrypted"], &request["scheme"]),
                (&json!(true), &json!("https")),
                "{transaction}"
            );
            assert!(tls["ja4"].is_string() && tls["cipher"].is_string(), "{transaction}");
        }
        assert_same_for_all_shards_with(&[&path], &options);
    }
}

#[test]
fn a_clients_certificate_is_its_credential() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    let captures = captures(&realauth);
    let (path, secrets, _) =
        captures.iter().find(|(path, ..)| is_mutual(path)).expect("a capture with certificates");
    let Replay { transactions, .. } = replay(&[path], &["--keylog", secrets]);
    let mut shown = BTreeMap::new();
    for transaction in &transactions {
        let credentials = transaction["credentials"].as_array().expect("a list");
        let Some(own) = credentials.iter().find(|c| c["location"] == "tls") else { continue };
        assert_eq!(
            (&own["kind"], &own["class"]),
            (&json!("client_certificate"), &json!("client_certificate"))
        );
        assert_eq!(own["fingerprint"], transaction["tls"]["client_cert"]);
        *shown.entry(own["fingerprint"].as_str().expect("hex").to_owned()).or_insert(0) += 1;
    }
    println!("{shown:?}");
    assert_eq!(shown.len(), 2, "two workloads: {shown:?}");
    assert_eq!(shown.values().sum::<u32>(), 87, "all that were answered: {shown:?}");
}

fn is_http2(path: &Path) -> bool {
    path.to_string_lossy().contains("-h2-")
}

fn is_mutual(path: &Path) -> bool {
    path.to_string_lossy().contains("mtls")
}

type Row = (String, String, u64);

fn said(row: &Value) -> Row {
    let path = row["uri"].as_str().unwrap_or_default().split('?').next().unwrap_or_default();
    (text(&row["method"]), path.to_owned(), row["status"].as_u64().unwrap_or_default())
}

fn read(record: &Value) -> Row {
    let status = record["response"]["status"].as_u64().unwrap_or_default();
    (text(&record["request"]["method"]), text(&record["request"]["path"]), status)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn count(rows: &[Value], of: fn(&Value) -> Row) -> BTreeMap<Row, u32> {
    let mut counted = BTreeMap::new();
    for row in rows {
        *counted.entry(of(row)).or_insert(0) += 1;
    }
    counted
}
