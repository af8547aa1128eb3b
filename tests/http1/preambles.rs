//! The PROXY protocol before HTTP: for whom a connection was opened, wherever segments end, and what spoils it.

use crate::harness::{Wire, line};
use heelguard::flow::Origin;
use heelguard::http::{Config, HttpShared};
use heelguard_detectors::anomaly::Anomaly;
use proptest::prelude::*;

const V1: &[u8] = b"PROXY TCP4 203.0.113.9 10.0.0.5 51514 80\r\n";
const V2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x13\xCB\0\x71\x09\x0A\0\0\x05\xC9\x3A\0\x50\x04\0\x04\x01\x02\x03\x04";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
const TURNS: [&str; 2] =
    ["GET /a HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"];

/// What was found: an exchange a line, with the source that was named for it.
fn told(found: &HttpShared) -> String {
    let source = |ip: std::net::IpAddr| format!(" for {ip}");
    let one = |e: &heelguard::http::Exchange| {
        format!("{}{}\n", line(e), e.proxied_for.map_or_else(String::new, source))
    };
    let lines: String = found.exchanges.iter().map(one).collect();
    let odd = found.counters.anomalies.get(Anomaly::HttpProxyPreamble);
    if odd == 0 { lines } else { format!("{lines}odd {odd}\n") }
}

/// A preamble, then two requests and their answers on one connection.
#[track_caller]
fn check(preamble: &[u8], expected: &str) {
    let mut wire = Wire::new();
    wire.client([preamble, TURNS[0].as_bytes()].concat()).server(TURNS[1]).client(TURNS[0]).server(TURNS[1]);
    assert_eq!(told(&wire.close()), expected, "{}", preamble.escape_ascii());
}

#[test]
fn every_exchange_of_the_connection_is_for_the_named_source() {
    let named = "#0 GET /a -> 200(2) whole for 203.0.113.9\n#1 GET /a -> 200(2) whole for 203.0.113.9\n";
    check(V1, named);
    check(V2, named);
    let unnamed = "#0 GET /a -> 200(2) whole\n#1 GET /a -> 200(2) whole\n";
    check(LOCAL, unnamed);
    check(b"PROXY UNKNOWN\r\n", unnamed);
    check(b"", unnamed);
}

#[test]
fn a_preamble_that_makes_no_sense_names_nobody_and_is_noted() {
    let odd = "#0 GET /a -> 200(2) whole [http.proxy_preamble]\n#1 GET /a -> 200(2) whole\nodd 1\n";
    check(b"PROXY TCP4 203.0.113.999 10.0.0.5 51514 80\r\n", odd);
    check(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04\xCB\0\x71\x09", odd);
    check(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xFF\xFF", "odd 1\n");
}

#[test]
fn only_the_first_bytes_of_the_opening_side_are_a_preamble() {
    // A method of that name is a request.
    check(
        b"PROXY /x HTTP/1.1\r\n\r\n",
        "#0 PROXY /x -> 200(2) whole\n#1 GET /a -> 200(2) whole\n#2 GET /a -> - request_only\n",
    );
    // A second preamble is read as HTTP, which it is not.
    let mut wire = Wire::new();
    wire.client([V1, b"PROXY TCP4 1.1.1.1 10.0.0.5 1 80\r\n"].concat()).client(TURNS[0]).server(TURNS[1]);
    assert!(!told(&wire.close()).contains("1.1.1.1"));
    // Of a connection joined later nobody knows whether these are its first bytes.
    let mut wire = Wire::with(Config::default(), Origin::Midstream);
    wire.client(V1).client(TURNS[0]).server(TURNS[1]);
    assert_eq!(told(&wire.close()), "#0 GET /a -> 200(2) whole\n");
    // Nor may the server name anybody.
    let mut wire = Wire::new();
    wire.server(V1).client(TURNS[0]).server(TURNS[1]);
    assert!(!told(&wire.close()).contains("203.0.113.9"));
}

#[test]
fn a_preamble_with_a_hole_names_nobody() {
    for preamble in [V1, V2] {
        let mut wire = Wire::new();
        wire.client(&preamble[..14]).client_gap(5).client(&preamble[19..]);
        wire.client(TURNS[0]).server(TURNS[1]);
        let told = told(&wire.close());
        assert!(told.contains("GET /a") && !told.contains(" for "), "{told}");
    }
}

#[test]
fn a_preamble_may_stand_before_tls() {
    let mut wire = Wire::new();
    wire.client([V2, b"\x16\x03\x01\x02\0\x01\0"].concat());
    assert_eq!(told(&wire.close()), "");
}

proptest! {
    #[test]
    fn any_cut_names_the_same_source(which in 0_usize..4, cuts in prop::collection::vec(1_usize..20, 1..60)) {
        let preamble = [V1, V2, LOCAL, b""][which];
        let client = [preamble, TURNS[0].as_bytes()].concat();
        let mut whole = Wire::new();
        whole.client(&client).server(TURNS[1]);
        let mut pieces = Wire::new();
        let mut rest = client.as_slice();
        for size in cuts.iter().cycle() {
            let (piece, left) = rest.split_at((*size).min(rest.len()));
            pieces.client(piece);
            rest = left;
            if rest.is_empty() {
                break;
            }
        }
        pieces.server(TURNS[1]);
        prop_assert_eq!(told(&pieces.close()), told(&whole.close()));
    }
}
