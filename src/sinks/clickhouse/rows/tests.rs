//! Records of every kind become whole rows: a small reader of blocks takes them apart again.

use super::*;
use crate::sinks::clickhouse::ddl;
use crate::sinks::record::{AlertRecord, TlsRecord, TransactionRecord, samples};
use heelguard_detectors::transaction::Transaction;
use serde_json::{Value, json};

/// Reads a block of one row: every column's cell, as text where it is text, else as hex.
fn read_back(bytes: &[u8]) -> Vec<(String, String)> {
    let mut rest = bytes;
    let (columns, rows) = (varint(&mut rest), varint(&mut rest));
    assert_eq!(rows, 1);
    let cells = (0..columns).map(|_| {
        let (name, type_name) = (text(&mut rest), text(&mut rest));
        (name, cell(&mut rest, &type_name, 1))
    });
    let cells = cells.collect();
    assert!(rest.is_empty(), "{} bytes are left", rest.len());
    cells
}

fn cell(rest: &mut &[u8], type_name: &str, count: usize) -> String {
    let inner = |head: &str| type_name.strip_prefix(head).and_then(|rest| rest.strip_suffix(')'));
    if let Some(inner) = inner("Nullable(") {
        let null = take(rest, count)[0] == 1;
        let value = cell(rest, inner, count);
        return if null { "null".to_owned() } else { value };
    }
    let list = inner("Array(Tuple(").map(|members| &members[..members.len() - 1]).or_else(|| inner("Map("));
    if let Some(members) = list {
        let items = u64::from_le_bytes(take(rest, 8).try_into().unwrap()) as usize;
        let members = members.replace(", 'UTC'", "").split(", ").map(str::to_owned).collect::<Vec<_>>();
        let values = members
            .iter()
            .map(|member| cell(rest, member.rsplit_once(' ').map_or(member, |(_, t)| t), items));
        return values.collect::<Vec<_>>().join(" | ");
    }
    if let Some(item) = inner("Array(") {
        let items = u64::from_le_bytes(take(rest, 8).try_into().unwrap()) as usize;
        return cell(rest, item, items);
    }
    let width = match type_name.split('(').next().unwrap() {
        "String" => return (0..count).map(|_| text(rest)).collect::<Vec<_>>().join(","),
        "Bool" | "Enum8" => 1,
        "UInt16" => 2,
        "UInt32" | "Float32" => 4,
        "UInt64" | "Int64" | "Float64" | "DateTime64" => 8,
        "UUID" | "IPv6" => 16,
        other => panic!("{other}"),
    };
    take(rest, width * count).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at(count);
    *rest = left;
    taken
}

fn varint(rest: &mut &[u8]) -> usize {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let byte = take(rest, 1)[0];
        number |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    number
}

fn text(rest: &mut &[u8]) -> String {
    let length = varint(rest);
    String::from_utf8(take(rest, length).to_vec()).unwrap()
}

/// The cells of a record, by column.
fn row(table: Table, kind: Kind, body: &[u8]) -> Result<Vec<(String, String)>, String> {
    let columns = ddl::columns(table.name());
    let mut block = Block::new(&columns);
    let record = Record { kind, raised_ms: 1_795_255_200_000, id: 7, key: 8, body };
    add(&mut block, &record, &samples::labels())?;
    let cells = read_back(&block.into_bytes());
    let names: Vec<&str> = cells.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, columns.iter().map(|column| column.name).collect::<Vec<_>>());
    Ok(cells)
}

fn is(cells: &[(String, String)], name: &str, wanted: &str) {
    let cell = cells.iter().find(|(known, _)| known == name).map(|(_, cell)| cell.as_str());
    assert_eq!(cell, Some(wanted), "{name}");
}

fn transaction(transaction: &Transaction) -> Vec<(String, String)> {
    let body = serde_json::to_vec(&TransactionRecord::new(transaction)).unwrap();
    row(Table::Transactions, Kind::Transaction, &body).unwrap()
}

#[test]
fn a_full_transaction_fills_its_columns() {
    let cells = transaction(&samples::transaction());
    is(&cells, "tenant", "default");
    is(&cells, "id", "ef8dab8967452301efcdab8967452381");
    is(&cells, "host", "api.example.com");
    is(&cells, "route", "/v1/users/{id}");
    is(&cells, "query_keys", "page");
    is(&cells, "labels", "users");
    is(&cells, "identity_headers", "x-forwarded-user | user | 00");
    is(&cells, "graphql_operation", "Login");
    is(&cells, "client_ip", "00000000000000000000ffffcb007107");
    is(&cells, "anomalies", "tcp.retransmission");
}

#[test]
fn a_full_alert_fills_its_columns_and_a_bare_one_leaves_them_empty() {
    let labels = samples::labels();
    let read = |alert| {
        let body = serde_json::to_vec(&AlertRecord::new(&alert, &labels)).unwrap();
        row(Table::Alerts, Kind::Alert, &body).unwrap()
    };
    let cells = read(samples::alert());
    for (name, wanted) in [
        ("sensor", "sensor-1"),
        ("id", "435a0c6f521a3f6f109b1e6c1f6c529a".to_owned().as_str()),
        ("severity", "03"),
        ("status", "01"),
        ("rule", "MFA-01"),
        ("subject", "user:alice@example.com"),
        ("window_s", "2c01000000000000"),
        ("client_ip", "00000000000000000000ffffcb007107"),
        ("credential_class", "session_cookie"),
        ("facts", "distinct_codes,factor | 3,totp"),
        ("mitre", "T1621,T1110.001"),
    ] {
        is(&cells, name, wanted);
    }
    let bare = read(samples::bare_alert());
    for (name, wanted) in [
        ("window_s", "null"),
        ("principal_id", ""),
        ("client_asn", "00000000"),
        ("evidence", " | ".repeat(5).as_str()),
    ] {
        is(&bare, name, wanted);
    }
}

#[test]
fn a_connection_that_was_not_read_fills_its_columns() {
    let body = serde_json::to_vec(&TlsRecord::new(&samples::connection())).unwrap();
    let cells = row(Table::TlsConnections, Kind::Connection, &body).unwrap();
    for (name, wanted) in [
        ("sensor", "sensor-1"),
        ("transport", "tcp"),
        ("sni", "api.example.com"),
        ("offered_alpn", "h2,http/1.1"),
        ("ja4", "t12d1516h2_8daaf6152771_e5627efa2ab1"),
        ("resumed", "00"),
        ("server_names", "api.example.com"),
        ("server_not_after", "null"),
        ("server_sha256", "c3".repeat(32).as_str()),
        ("client_cert_subject", "svc-billing"),
        ("client_ip", "00000000000000000000ffffcb007107"),
        ("client_bytes", "0008000000000000"),
        ("completeness", "whole"),
    ] {
        is(&cells, name, wanted);
    }
    let is_set = |name: &str| cells.iter().any(|(known, cell)| known == name && cell.len() == 32);
    assert!(is_set("client_cert"), "its fingerprint");
}

#[test]
fn reports_of_every_kind_become_rows() {
    let endpoint = json!({"schema": "heelguard.inventory/1", "kind": "endpoint", "host": "api", "route": "/x",
        "first_seen": "2026-11-09T08:00:30.745508Z", "last_seen": "2026-11-09T08:00:30.745508Z", "method": "GET",
        "transactions": 258, "proofs": {"none": 1, "mfa": 2}, "methods": ["GET", "PUT"], "labels": []});
    let cells = row(Table::Inventory, Kind::Inventory, endpoint.to_string().as_bytes()).unwrap();
    is(&cells, "transactions", "0201000000000000");
    is(&cells, "methods", "GET,PUT");
    is(&cells, "id", "00000000000000000700000000000000");
    let service =
        json!({"schema": "heelguard.inventory/1", "kind": "service", "ip": "10.0.0.5", "port": 8000});
    let cells = row(Table::Inventory, Kind::Inventory, service.to_string().as_bytes()).unwrap();
    is(&cells, "ip", "00000000000000000000ffff0a000005");
    let health = json!({"schema": "heelguard.stats/1", "balanced": true, "packets": {"read": 2, "dropped": {"x": 1}},
        "sinks": {"kafka": {"state": "up"}}, "services": [{"host": "api", "port": 1, "tls": 2}]});
    let cells = row(Table::SensorHealth, Kind::Health, health.to_string().as_bytes()).unwrap();
    is(&cells, "balanced", "01");
    is(&cells, "counters", "packets.dropped.x,packets.read | 000000000000f03f0000000000000040");
    is(&cells, "states", "schema,sinks.kafka.state | heelguard.stats/1,up");
    is(
        &cells,
        "services",
        "api | 0100 | 0200000000000000 | 0000000000000000 | 0000000000000000 | 0000000000000000 | 0000000000000000",
    );
}

#[test]
fn hostile_names_are_carried_as_they_are() {
    let mut exchange = samples::transaction();
    let name = "'); DROP TABLE alerts; --\0\t\n\\N{}`";
    if let Some(request) = &mut exchange.request {
        request.path = name.into();
    }
    is(&transaction(&exchange), "path", name);
}

#[test]
fn what_is_no_record_gives_no_row_and_the_reason() {
    let refused = |body: &[u8]| row(Table::Transactions, Kind::Transaction, body).unwrap_err();
    let record = TransactionRecord::new(&samples::transaction()).to_json();
    for (place, value, wanted) in [
        ("/id", json!("no uuid"), "expected a UUID"),
        ("/time", json!("yesterday"), "expected a time like"),
        ("/flow/src_port", json!(70_000), "expected u16"),
        ("/client/ip", json!("::zz"), "expected an IP address"),
    ] {
        let mut broken = record.clone();
        *broken.pointer_mut(place).unwrap() = value;
        let reason = refused(broken.to_string().as_bytes());
        assert!(
            reason.starts_with("not a heelguard.transaction/1 record: ") && reason.contains(wanted),
            "{reason}"
        );
    }
    let whole = record.to_string();
    assert!(refused(&whole.as_bytes()[..whole.len() / 2]).contains("EOF"));
    assert!(refused(b"\xff\xfe").contains("not a heelguard.transaction/1 record"));
}

trait ToJson {
    fn to_json(&self) -> Value;
}

impl ToJson for TransactionRecord<'_> {
    fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap()
    }
}

#[test]
fn a_record_at_which_this_program_fails_is_refused_and_spoils_no_other() {
    let called = |path: &str| {
        let mut exchange = samples::transaction();
        exchange.request.as_mut().unwrap().path = path.into();
        serde_json::to_vec(&TransactionRecord::new(&exchange)).unwrap()
    };
    let (well, other) = (called("/well"), called("/other"));
    let fatal = called(std::str::from_utf8(crate::fault::poison::POISON).unwrap());
    let record = |body| Record { kind: Kind::Transaction, raised_ms: 1, id: 7, key: 8, body };
    let columns = ddl::columns(Table::Transactions.name());
    let block_of = |records: &[(usize, Record<'_>)]| {
        let mut refused = BTreeMap::new();
        let block = block(&columns, records, &samples::labels(), &mut refused).into_bytes();
        (block, refused)
    };
    let among = [(4, record(&*well)), (5, record(&fatal)), (6, record(b"{}")), (7, record(&other))];
    let (rows, refused) = block_of(&among);
    assert_eq!(rows, block_of(&[(4, record(&well)), (7, record(&other))]).0, "nothing of it is left behind");
    assert_eq!(refused.keys().collect::<Vec<_>>(), [&5, &6]);
    assert_eq!(refused[&5], FormError::Fault.to_string());
}
