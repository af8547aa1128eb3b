//! Records read back as columns.

use super::database::{Database, alerts, batch, deliver, transaction, transactions};
use heelguard::sinks::spool::Lane;

#[test]
fn a_transaction_is_read_back_as_it_was() {
    let Some(database) = Database::shared("values_transaction") else { return };
    let mut transactions = database.ready(Lane::Transactions);
    deliver(&mut *transactions, &super::database::transactions(0, 1));
    let row = database.ask(
        "SELECT id, src_ip, dst_port, vlan, host, path, route, query_keys, labels, identity_headers, status, \
         grpc_status, client_ip, round(client_lat, 1), client_asn, principal_id, credentials, mfa_factor, proof_level, \
         account_has_mfa, session_id, session_renewals, session_end, repeat_of, toDate(time) = today(), \
         time = session_since, raised <= now64(3) + 1, tenant, sensor, anomalies FROM @.transactions",
    );
    let wanted = [
        "00000000-0000-4000-8000-000000000000",
        "::ffff:98.120.103.24",
        "8000",
        "[7,8]",
        "api.example.com",
        "/v1/users/0",
        "/v1/users/{id}",
        "['page','size']",
        "['users']",
        "[('x-user','user',true)]",
        "200",
        "\\N",
        "::ffff:98.120.103.24",
        "44.8",
        "16787",
        "u0@acme.example",
        "[('api_key','generic','header','x-api-key','00000000000000000000000000000000')]",
        "totp",
        "mfa",
        "true",
        "5c4a8d4d2805ec202d9590ed77d6defc",
        "2",
        "logout",
        "\\N",
        "1",
        "1",
        "1",
        "default",
        "sensor-1",
        "['tcp.gap']",
    ];
    assert_eq!(row.split('\t').collect::<Vec<_>>(), wanted);
    let pasted = "SELECT count() FROM @.transactions WHERE has(credentials.fingerprint, repeat('0', 32))";
    assert_eq!(database.ask(pasted), "1");
}

#[test]
fn an_alert_is_read_back_in_its_newest_state() {
    let Some(database) = Database::shared("values_alert") else { return };
    deliver(&mut *database.ready(Lane::Alerts), &alerts(0, 3));
    let row = database.ask(
        "SELECT id, rev, status, severity >= 'high', message, first_seen = time, window_s, client_ip, \
         credential_kind, evidence.note, evidence.status, facts, mitre, loss_pct FROM @.alerts_current",
    );
    let wanted = [
        "00000000-0000-4000-8000-000000000000",
        "3",
        "closed",
        "1",
        "3 wrong MFA codes",
        "1",
        "300",
        "2001:db8::7",
        "",
        "['wrong totp code']",
        "[401]",
        "{'distinct_codes':'3','factor':'totp','list':'[\"a\"]'}",
        "['T1621']",
        "0.5",
    ];
    assert_eq!(row.split('\t').collect::<Vec<_>>(), wanted);
}

#[test]
fn a_connection_that_was_not_read_has_a_row_in_a_table_of_its_own() {
    use heelguard::sinks::spool::{Batch, Kind, Record};
    let Some(database) = Database::shared("values_connections") else { return };
    let connection = r#"{"schema":"heelguard.tls/1","id":"00000000-0000-4000-8000-000000000007","time":"2026-11-21T10:03:00.120000Z","end":"2026-11-21T10:03:09.120000Z","flow":{"community_id":"1:x","src_ip":"198.51.100.4","src_port":51514,"dst_ip":"10.0.0.5","dst_port":443,"vlan":[7],"tunnel":null,"vni":null},"transport":"tcp","version":"1.2","cipher":"TLS_X","sni":"api.example.com","ech":false,"alpn":"h2","offered_alpn":["h2","http/1.1"],"ja4":"t12d1516h2_8daaf6152771_e5627efa2ab1","ja4_stable":null,"decrypted":false,"resumed":null,"certificate":{"subject":"api.example.com","names":["api.example.com","*.example.com"],"issuer":"Example CA","not_before":"2025-11-13T02:13:20.000000Z","not_after":null,"self_signed":false,"sha256":"c3","key_sha256":"5a"},"client_cert_requested":true,"client_cert":{"subject":"svc-billing","issuer":"Example CA","not_before":null,"not_after":null,"self_signed":false,"fingerprint":"5b0e","key_sha256":"5a"},"client":{"ip":"203.0.113.7","country":"DE","city":null,"lat":51.5,"lon":10.5,"asn":64500,"class":null,"claimed_ip":null},"bytes":{"client":2048,"server":9000},"completeness":"whole","anomalies":["tcp.gap"]}"#;
    let exchange = transaction(0, "api.example.com");
    let mut mixed = Batch::new(7, Lane::Transactions, 0);
    let records = [(Kind::Transaction, exchange.as_str()), (Kind::Connection, connection)];
    for (number, (kind, body)) in (0..).zip(records) {
        let (raised_ms, body) = (super::database::now_ms(), body.as_bytes());
        mixed.push(number, &Record { kind, raised_ms, id: u128::from(number), key: 0, body });
    }
    deliver(&mut *database.ready(Lane::Transactions), &mixed);
    assert_eq!(database.ask("SELECT count() FROM @.transactions"), "1");
    let row = database.ask(
        "SELECT id, end_time - time, src_ip, vlan, sni, offered_alpn, resumed, server_names, server_not_before, \
         server_not_after, client_cert_subject, client_cert, client_ip, client_lat, client_bytes, server_bytes, \
         completeness, anomalies, sensor FROM @.tls_connections",
    );
    let wanted = [
        "00000000-0000-4000-8000-000000000007",
        "9",
        "::ffff:198.51.100.4",
        "[7]",
        "api.example.com",
        "['h2','http/1.1']",
        "\\N",
        "['api.example.com','*.example.com']",
        "2025-11-13 02:13:20.000000",
        "\\N",
        "svc-billing",
        "5b0e",
        "::ffff:203.0.113.7",
        "51.5",
        "2048",
        "9000",
        "whole",
        "['tcp.gap']",
        "sensor-1",
    ];
    assert_eq!(row.split('\t').collect::<Vec<_>>(), wanted);
}

#[test]
fn reports_go_to_tables_of_their_own() {
    use heelguard::sinks::spool::{Batch, Kind, Record};
    let Some(database) = Database::shared("values_reports") else { return };
    let mut reports = Batch::new(7, Lane::Reports, 0);
    let service = r#"{"schema":"heelguard.inventory/1","kind":"service","first_seen":"2026-11-09T08:00:07.905998Z","last_seen":"2026-11-17T10:11:04.751402Z","transactions":973,"success":738,"denied":145,"host":"api","ip":"10.20.0.10","port":8000,"protocol":"http/1.1"}"#;
    let newer = service.replace("973", "974");
    let health = r#"{"schema":"heelguard.stats/1","balanced":true,"packets":{"read":9,"dropped":{"not_tcp":2}},"services":[{"host":"api","port":443,"tls":1,"http1":2,"http2":3,"unknown":4}]}"#;
    for (number, (kind, body)) in
        [(Kind::Inventory, service), (Kind::Health, health), (Kind::Inventory, &newer)]
            .into_iter()
            .enumerate()
    {
        let raised_ms = super::database::now_ms() + number as u64;
        reports.push(number as u64, &Record { kind, raised_ms, id: 5, key: 0, body: body.as_bytes() });
    }
    deliver(&mut *database.ready(Lane::Reports), &reports);
    assert_eq!(
        database.ask("SELECT kind, transactions, ip, port, first_seen FROM @.inventory_current"),
        "service\t974\t::ffff:10.20.0.10\t8000\t2026-11-09 08:00:07.905998"
    );
    assert_eq!(
        database
            .ask("SELECT balanced, counters['packets.dropped.not_tcp'], services.http2 FROM @.sensor_health"),
        "true\t2\t[3]"
    );
}

#[test]
fn names_that_would_break_out_are_names() {
    let Some(database) = Database::shared("values_names") else { return };
    let names = [
        "'); DROP TABLE transactions; --",
        "nul\0nul",
        "tab\tline\nend",
        "\\N",
        "`x`\"y\"{z:String}",
        "ü漢\u{202e}",
    ];
    let bodies: Vec<String> = (0..).zip(names).map(|(number, name)| transaction(number, name)).collect();
    deliver(&mut *database.ready(Lane::Transactions), &batch(Lane::Transactions, 0, &bodies));
    for (number, name) in names.iter().enumerate() {
        let hex: String = name.bytes().map(|byte| format!("{byte:02X}")).collect();
        let found =
            database.ask(&format!("SELECT hex(host) FROM @.transactions WHERE path = '/v1/users/{number}'"));
        assert_eq!(found, hex, "{name}");
    }
}

#[test]
fn a_capture_of_long_ago_is_kept_like_any_other() {
    let Some(database) = Database::shared("values_old") else { return };
    let year = transaction(0, "api").split_once("\"time\":\"").unwrap().1[..4].to_owned();
    let bodies: Vec<String> = (1971..2100)
        .map(|then| transaction(then, "api").replace(&format!("\"{year}-"), &format!("\"{then}-")))
        .collect();
    deliver(&mut *database.ready(Lane::Transactions), &batch(Lane::Transactions, 0, &bodies));
    database.run(&["OPTIMIZE TABLE @.transactions FINAL", "OPTIMIZE TABLE @.endpoint_latency_by_hour FINAL"]);
    assert_eq!(
        database.ask("SELECT count(), min(toYear(time)), max(toYear(time)) FROM @.transactions"),
        "129\t1971\t2099"
    );
    assert_eq!(database.ask("SELECT sum(requests) FROM @.endpoint_latency"), "129");
}

#[test]
fn latency_is_told_within_a_tenth() {
    let Some(database) = Database::shared("values_latency") else { return };
    deliver(&mut *database.ready(Lane::Transactions), &transactions(0, 1000));
    let exact = database.ask(
        "SELECT round(quantileExact(0.5)(ttfb_us) / 1000, 2), round(quantileExact(0.99)(ttfb_us) / 1000, 2) FROM @.transactions",
    );
    let told = database.ask("SELECT p50_ms, p99_ms, requests FROM @.endpoint_latency");
    let numbers = |text: &str| text.split('\t').map(|n| n.parse::<f64>().unwrap()).collect::<Vec<_>>();
    let (exact, told) = (numbers(&exact), numbers(&told));
    assert!((told[2] - 1000.0).abs() < f64::EPSILON);
    for (exact, told) in exact.iter().zip(&told) {
        assert!((told / exact - 1.0).abs() < 0.091, "{told} for {exact}");
    }
}
