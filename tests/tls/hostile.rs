//! Hellos and records that somebody made to confuse: each is told as it is, or as malformed, and bounded.

use crate::wire::{Side, client_hello, connection, extension, names, record, server_hello, told};
use heelguard_detectors::anomaly::Anomaly;
use serde_json::{Value, json};

fn client(bytes: Vec<u8>) -> (Side, Vec<u8>) {
    (Side::Client, bytes)
}

fn server(bytes: Vec<u8>) -> (Side, Vec<u8>) {
    (Side::Server, bytes)
}

/// Row 42.
#[test]
fn a_hello_in_records_of_one_byte_is_read() {
    let hello = client_hello(&names(&[b"real.api.test"]));
    let cut: Vec<u8> = hello[5..].iter().flat_map(|&byte| record(22, &[byte])).collect();
    for portion in [1, 6, 1_400] {
        let told = connection(&[client(cut.clone()), server(server_hello())], portion);
        assert_eq!(told["sni"], "real.api.test", "{portion}");
        assert_eq!(told["completeness"], "whole");
        assert_eq!(told["anomalies"], json!([]));
    }
    let whole = connection(&[client(hello), server(server_hello())], 1_400);
    assert_eq!(whole["ja4"], connection(&[client(cut), server(server_hello())], 7)["ja4"]);
}

/// Row 43.
#[test]
fn garbage_lengths_and_empty_records_are_malformed_and_no_more_is_read() {
    let empty = record(22, b"").repeat(2_000);
    let endless = record(23, b"").repeat(2_000);
    let long_record = [&[22, 3, 3, 0x48, 0x00][..], &[1, 0xFF, 0xFF, 0xFF]].concat();
    let cases =
        [empty, endless, long_record, record(22, &[1, 0xFF, 0xFF, 0xFF, 0]), record(22, &[99, 0, 0, 1, 0])];
    for garbage in cases {
        let said = [client(garbage.clone()), client(client_hello(&names(&[b"late.example"])))];
        let run = told(&said, 1_400);
        assert_eq!(run.counters.anomalies.get(Anomaly::TlsMalformed), 1, "{garbage:?}");
        assert!(run.connection_values().is_empty(), "{:?}", run.connection_values());
    }
    // What was known before stays known.
    let hello = client_hello(&names(&[b"real.api.test"]));
    let told =
        connection(&[client(hello), server(server_hello()), client(record(22, b"").repeat(2_000))], 1_400);
    assert_eq!((&told["sni"], &told["anomalies"]), (&json!("real.api.test"), &json!(["tls.malformed"])));
}

/// Row 44: the name, and whether it is flagged.
#[test]
fn odd_names_are_escaped_cut_and_flagged() {
    let long = b"host.example.".repeat(5_000);
    let cut = String::from_utf8_lossy(&long[..255]).into_owned();
    let list = |entries: &[&[u8]]| names(entries);
    let cases: [(Vec<u8>, Value, bool); 9] = [
        (list(&[b"real.api.test"]), json!("real.api.test"), false),
        (list(&[&long]), json!(cut), true),
        (list(&[b""]), json!(""), true),
        (list(&[b"nul\0.example"]), json!("nul\\x00.example"), true),
        (list(&[b"one.example", b"two.example"]), json!("one.example"), true),
        (list(&[b"192.0.2.1"]), json!("192.0.2.1"), true),
        (list(&[b"\xFF\xFE.example"]), json!("\\xff\\xfe.example"), true),
        (extension(0, b""), json!(""), true),
        (extension(21, b""), Value::Null, false),
    ];
    for (extensions, name, is_odd) in cases {
        let told = connection(&[client(client_hello(&extensions)), server(server_hello())], 1_400);
        let shown = format!("{:.60}", told["sni"].to_string());
        assert_eq!(told["sni"], name, "{shown}");
        let odd = told["anomalies"].as_array().expect("a list").contains(&json!("tls.odd_name"));
        assert_eq!(odd, is_odd, "{shown}");
    }
    let fronted = [names(&[b"front.example"]), extension(0xFE0D, &[0, 0, 1, 0, 1])].concat();
    let told = connection(&[client(client_hello(&fronted)), server(server_hello())], 1_400);
    assert_eq!((&told["sni"], &told["ech"]), (&json!("front.example"), &json!(true)));
}

/// Row 45.
#[test]
fn tls_in_a_tunnel_and_tls_after_other_words_are_found() {
    let connect = b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n".to_vec();
    let yes = b"HTTP/1.1 200 Connection established\r\n\r\n".to_vec();
    let hello = || client(client_hello(&names(&[b"inner.example"])));
    let run = told(&[client(connect.clone()), server(yes), hello(), server(server_hello())], 1_400);
    assert_eq!(run.connection_values()[0]["sni"], "inner.example");
    assert_eq!(run.transaction_values().len(), 1, "the CONNECT itself");
    // A tunnel that was refused carries no TLS: what comes is one more request, or nonsense.
    let no = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n".to_vec();
    assert!(told(&[client(connect), server(no), hello()], 1_400).connection_values().is_empty());

    let mail = [
        server(b"220 mail.example.com ESMTP\r\n".to_vec()),
        client(b"EHLO there\r\n".to_vec()),
        server(b"250-STARTTLS\r\n".to_vec()),
        client(b"STARTTLS\r\n".to_vec()),
        server(b"220 go ahead\r\n".to_vec()),
        hello(),
        server(server_hello()),
    ];
    let told = connection(&mail, 1_400);
    assert_eq!((&told["sni"], &told["completeness"]), (&json!("inner.example"), &json!("whole")));
}
