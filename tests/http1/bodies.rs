//! Bodies: chunks with everything the grammar allows, trailers that are no headers, types that are kept.

use crate::harness::Wire;
use expect_test::expect;
use heelguard_detectors::anomaly::Anomaly;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn odd_but_lawful_chunks_and_a_credential_in_the_trailer() {
    let mut wire = Wire::new();
    wire.client("POST /a HTTP/1.1\r\nContent-Type: text/plain\r\nTransfer-Encoding: Chunked\r\n\r\n");
    wire.client("0A;name=\"va;lue\"\r\n0123456789\r\n0000b;x\r\nabcdefghijk\r\n0;last\r\nAuthorization: Bearer trailer\r\n\r\n");
    wire.server(OK).client("GET /b HTTP/1.1\r\n\r\n").server(OK);
    let found = wire.close();
    let request = found.exchanges[0].request.as_ref().unwrap();
    assert_eq!(request.body.prefix, b"0123456789abcdefghijk");
    assert_eq!(request.header("authorization"), None);
    expect![[r#"
        #0 POST /a(21) -> 200(2) whole
        #1 GET /b -> 200(2) whole
    "#]]
    .assert_eq(&crate::harness::show(&found));
}

#[test]
fn chunk_sizes_made_to_overflow_are_conflicts() {
    for size in ["ffffffffffffffff", "8000000000000000", "-1", "00000000000000000001", "zz"] {
        let mut wire = Wire::new();
        wire.client("GET / HTTP/1.1\r\n\r\n")
            .server(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\nx\r\n0\r\n\r\n"));
        let found = wire.close();
        assert_eq!(found.exchanges.len(), 1, "{size}");
        assert!(found.exchanges[0].anomalies.contains(Anomaly::Http1FramingConflict), "{size}");
    }
    let mut wire = Wire::new();
    wire.client("GET / HTTP/1.1\r\n\r\n")
        .server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0001\r\nx\r\n0\r\n\r\n");
    assert_eq!(wire.lines(), "#0 GET / -> 200(1) whole\n");
}

#[test]
fn answers_with_a_doubtful_length_are_flagged_and_the_next_one_is_found() {
    for lines in ["Content-Length: 3\r\nContent-Length: 9", "Content-Length: x", "Content-Length: -3"] {
        let mut wire = Wire::new();
        wire.client("GET /a HTTP/1.1\r\n\r\n").server(format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\nabc"));
        wire.client("GET /b HTTP/1.1\r\n\r\n").server(OK);
        assert_eq!(
            wire.lines(),
            "#0 GET /a -> 200(3?) whole [http1.framing_conflict]\n#1 GET /b -> 200(2) whole\n",
            "{lines}"
        );
    }
}

#[test]
fn bodies_are_kept_by_type_and_up_to_the_limit() {
    let kept = |content_type: &str| {
        let mut wire = Wire::new();
        wire.shared.config.response_body_prefix_bytes_max = 8;
        wire.client("GET / HTTP/1.1\r\n\r\n");
        wire.server(format!("HTTP/1.1 200 OK\r\n{content_type}Content-Length: 12\r\n\r\n012345"))
            .server("6789ab");
        let response = wire.close().exchanges.remove(0).response.unwrap();
        assert_eq!((response.body.bytes, response.body.complete), (12, true));
        response.body.prefix.len()
    };
    for (content_type, expected) in [
        ("", 8),
        ("Content-Type: application/json; charset=utf-8\r\n", 8),
        ("Content-Type: application/problem+JSON\r\n", 8),
        ("Content-Type: application/x-www-form-urlencoded\r\n", 8),
        ("Content-Type: text/plain\r\n", 8),
        ("Content-Type: text/html\r\n", 0),
        ("Content-Type: image/png\r\n", 0),
        ("Content-Type: application/octet-stream\r\n", 0),
    ] {
        assert_eq!(kept(content_type), expected, "{content_type:?}");
    }
}
