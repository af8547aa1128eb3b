//! Messages that two readers understand in two ways: never silent, and never an ordinary request inside.

use crate::harness::{Wire, line, show};
use expect_test::expect;
use heelguard::http::Exchange;
use heelguard_detectors::anomaly::Anomaly;

const BAD: &str = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const INNER: &str = "GET /admin HTTP/1.1\r\nHost: inner\r\nAuthorization: Bearer stolen\r\n\r\n";

fn is_flagged(exchange: &Exchange) -> bool {
    [Anomaly::Http1Malformed, Anomaly::Http1FramingConflict].iter().any(|&a| exchange.anomalies.contains(a))
}

fn gadgets() -> Vec<(&'static str, String)> {
    let post = |lines: &str, body: &str| format!("POST /outer HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n{body}");
    let chunked = format!("0\r\n\r\n{INNER}");
    let len = chunked.len();
    vec![
        (
            "length and chunked",
            post(&format!("Content-Length: {len}\r\nTransfer-Encoding: chunked"), &chunked),
        ),
        ("two lengths", post(&format!("Content-Length: 0\r\nContent-Length: {}", INNER.len()), INNER)),
        ("signed length", post("Content-Length: +0", INNER)),
        ("hidden chunked", post("Content-Length: 0\r\nTransfer-Encoding : chunked", &chunked)),
        ("xchunked", post("Transfer-Encoding: xchunked", &chunked)),
        ("chunked, identity", post("Transfer-Encoding: chunked, identity", &chunked)),
        ("list of lengths", post("Content-Length: 0, 0", INNER)),
        ("NUL", post("Transfer-Encoding: chunked\0", &chunked)),
        ("bare CR", post("X: y\rTransfer-Encoding: chunked", &chunked)),
        ("folded", post("Content-Length: 0\r\nX: y\r\n Transfer-Encoding: chunked", &chunked)),
        (
            "old and chunked",
            post("Transfer-Encoding: chunked", &chunked)
                .replace("HTTP/1.1\r\nHost: a", "HTTP/1.0\r\nHost: a"),
        ),
        ("odd chunk end", post("Transfer-Encoding: chunked", &format!("1\r\nx\n0\r\n\r\n{INNER}"))),
        ("broken chunk size", post("Transfer-Encoding: chunked", &format!("-1\r\n{INNER}"))),
    ]
}

#[test]
fn a_gadget_is_flagged_and_its_inside_is_no_request() {
    for (name, bytes) in gadgets() {
        let mut wire = Wire::new();
        let found = wire.client(&bytes).server(BAD).server_fin().close();
        assert_eq!(found.exchanges.len(), 1, "{name}: {}", show(&found));
        let exchange = &found.exchanges[0];
        assert!(is_flagged(exchange), "{name}: {}", line(exchange));
        assert_eq!(exchange.request.as_ref().unwrap().target(), b"/outer", "{name}");
        assert_eq!(exchange.response.as_ref().unwrap().status(), 400, "{name}");
    }
}

#[test]
fn a_second_answer_proves_that_the_server_took_the_bait() {
    for (name, bytes) in gadgets() {
        let mut wire = Wire::new();
        let found = wire.client(&bytes).server(OK).server(OK).close();
        assert_eq!(found.exchanges.len(), 2, "{name}: {}", show(&found));
        assert!(
            found.exchanges.iter().all(|exchange| is_flagged(exchange) || exchange.request.is_none()),
            "{name}: {}",
            show(&found)
        );
    }
}

#[test]
fn a_sloppy_client_that_waits_for_answers_is_read_to_the_end() {
    let sloppy = "POST /a HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let mut wire = Wire::new();
    wire.client(sloppy)
        .server(OK)
        .client("GET /b HTTP/1.1\r\n\r\n")
        .server(OK)
        .client("GET /c HTTP/1.1\r\n\r\n")
        .server(OK);
    expect![[r#"
        #0 POST /a -> 200(2) whole [http1.framing_conflict]
        #1 GET /b -> 200(2) whole
        #2 GET /c -> 200(2) whole
    "#]]
    .assert_eq(&wire.lines());
}

#[test]
fn a_credential_that_hides_from_strict_parsers_is_seen() {
    let lines = [
        "Authorization : Bearer t",
        "Authorization\t: Bearer t",
        "X: \u{1}\r\nAuthorization: Bearer t",
        "AUTHORIZATION:Bearer t\u{7f}",
    ];
    for hidden in lines {
        let found = Wire::new().client(format!("GET / HTTP/1.1\r\n{hidden}\r\n\r\n")).server(OK).close();
        let request = found.exchanges[0].request.as_ref().unwrap();
        assert_eq!(request.header("authorization"), Some(&b"Bearer t"[..]), "{hidden:?}");
        assert!(found.exchanges[0].anomalies.contains(Anomaly::Http1Malformed), "{hidden:?}");
    }
    let found = Wire::new().client("GET / HTTP/1.1\r\nAuthorization:\t Bearer t \r\n\r\n").server(OK).close();
    assert_eq!(found.exchanges[0].request.as_ref().unwrap().header("authorization"), Some(&b"Bearer t"[..]));
    assert!(found.exchanges[0].anomalies.is_empty());
}

#[test]
fn one_odd_byte_anywhere_is_read_strictly_or_flagged() {
    // A byte is put at ten places of a head with a body; whatever happens, a reading other than the strict one is flagged.
    let places: [&dyn Fn(&str) -> String; 10] = [
        &|x| format!("{x}POST /outer HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
        &|x| format!("POST{x} /outer HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
        &|x| format!("POST /outer{x} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
        &|x| format!("POST /outer HTTP/1.1{x}\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
        &|x| format!("POST /outer HTTP/1.1\r\n{x}Host: a\r\nContent-Length: 0\r\n\r\n"),
        &|x| format!("POST /outer HTTP/1.1\r\nHost{x}: a\r\nContent-Length: 0\r\n\r\n"),
        &|x| format!("POST /outer HTTP/1.1\r\nHost:{x} a\r\nContent-Length: 0\r\n\r\n"),
        &|x| format!("POST /outer HTTP/1.1\r\nHost: a{x}\r\nContent-Length: 0\r\n\r\n"),
        &|x| format!("POST /outer HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:{x}chunked\r\n\r\n0\r\n\r\n"),
        &|x| format!("POST /outer HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked{x}\r\n\r\n0\r\n\r\n"),
    ];
    let odd = (0_u8..=0x20).chain([0x7f, 0x80, 0xff]);
    let mut verdicts = String::new();
    for byte in odd {
        verdicts.push_str(&format!("{byte:02x} "));
        for place in places {
            // The marker is one byte in the text and replaced behind the formatter's back.
            let mut bytes = place("\u{1}").into_bytes();
            let at = bytes.iter().position(|&b| b == 1).unwrap();
            bytes[at] = byte;
            let found = Wire::new().client([&bytes, INNER.as_bytes()].concat()).server(BAD).close();
            let inner =
                found.exchanges.iter().any(|e| e.request.as_ref().is_some_and(|r| r.target() == b"/admin"));
            let flagged = found.exchanges.iter().any(is_flagged)
                || found.counters.anomalies.get(Anomaly::Http1Malformed) > 0;
            verdicts.push(match (found.exchanges.iter().any(|e| e.request.is_some()), flagged, inner) {
                (false, ..) => '.',
                (true, false, true) => 's',
                (true, true, false) => 'F',
                (true, false, false) => '!',
                (true, true, true) => 'X',
            });
        }
        verdicts.push('\n');
    }
    // s: the strict reading, with the pipelined request behind it; F: flagged, nothing behind it; .: not HTTP.
    assert!(!verdicts.contains(['!', 'X']), "{verdicts}");
    expect![[r#"
        00 ..F.FFFFFF
        01 ..F.FFFFFF
        02 ..F.FFFFFF
        03 ..F.FFFFFF
        04 ..F.FFFFFF
        05 ..F.FFFFFF
        06 ..F.FFFFFF
        07 ..F.FFFFFF
        08 ..F.FFFFFF
        09 .FFFFFssss
        0a s..FFFFFFF
        0b ..F.FFFFFF
        0c ..FFFFFFFF
        0d s.FFFFFFFF
        0e ..F.FFFFFF
        0f ..F.FFFFFF
        10 ..F.FFFFFF
        11 ..F.FFFFFF
        12 ..F.FFFFFF
        13 ..F.FFFFFF
        14 ..F.FFFFFF
        15 ..F.FFFFFF
        16 ..F.FFFFFF
        17 ..F.FFFFFF
        18 ..F.FFFFFF
        19 ..F.FFFFFF
        1a ..F.FFFFFF
        1b ..F.FFFFFF
        1c ..F.FFFFFF
        1d ..F.FFFFFF
        1e ..F.FFFFFF
        1f ..F.FFFFFF
        20 .FFFFFssss
        7f ..F.FFFFFF
        80 ..F.FFssFF
        ff ..F.FFssFF
    "#]]
    .assert_eq(&verdicts);
}

#[test]
fn a_decoy_at_a_segment_start_stays_a_body() {
    let mut wire = Wire::new();
    let decoy = "GET /decoy HTTP/1.1\r\nHost: x\r\n\r\n";
    wire.client(format!("POST /a HTTP/1.1\r\nContent-Length: {}\r\n\r\n", decoy.len()))
        .client(decoy)
        .server(OK);
    wire.client("GET /b HTTP/1.1\r\n\r\n")
        .server("HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n")
        .server("HTTP/1.1 500 Decoy\n\n");
    expect![[r#"
        #0 POST /a(32) -> 200(2) whole
        #1 GET /b -> 200(19) whole
    "#]]
    .assert_eq(&wire.lines());
}

#[test]
fn lines_that_end_in_lf_alone_are_flagged_and_believed() {
    let found = Wire::new()
        .client("GET /a HTTP/1.1\nHost: a\n\nGET /b HTTP/1.1\r\n\r\n")
        .server(OK)
        .server(OK)
        .close();
    expect![[r#"
        #0 GET /a -> 200(2) whole [http1.malformed]
        #1 GET /b -> 200(2) whole
    "#]]
    .assert_eq(&show(&found));
    // To a server that keeps to CRLF this length is part of a value.
    let hidden = format!("POST /outer HTTP/1.1\r\nX: y\nContent-Length: {}\r\n\r\n{INNER}", INNER.len());
    let found = Wire::new().client(hidden).server(BAD).close();
    expect![[r#"
        #0 POST /outer(66) -> 400 whole [http1.framing_conflict http1.malformed]
    "#]]
    .assert_eq(&show(&found));
}

#[test]
fn without_the_servers_direction_what_is_on_hold_is_shown_and_flagged() {
    let found =
        Wire::new().client(format!("POST /outer HTTP/1.1\r\nContent-Length: 0, 0\r\n\r\n{INNER}")).close();
    expect![[r#"
        #0 POST /outer -> - request_only [http1.framing_conflict]
        #1 GET /admin -> - request_only [http1.framing_conflict]
    "#]]
    .assert_eq(&show(&found));
}
