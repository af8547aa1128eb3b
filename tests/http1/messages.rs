//! Ordinary and odd but lawful traffic: pairing, pipelining, interim answers, switches of protocol, limits.

use crate::harness::Wire;
use expect_test::{Expect, expect};
use heelguard::flow::{CloseReason, Direction, Origin};
use heelguard::http::Config;
use heelguard_detectors::anomaly::Anomaly;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Replays `C`lient and `S`erver segments and compares the exchanges.
#[track_caller]
fn check(segments: &[(char, &str)], expected: &Expect) {
    let mut wire = Wire::new();
    for (side, bytes) in segments {
        let direction = if *side == 'C' { Direction::FromInitiator } else { Direction::FromResponder };
        wire.send(direction, bytes.as_bytes());
    }
    expected.assert_eq(&wire.lines());
}

#[test]
fn a_request_and_its_answer() {
    let mut wire = Wire::new();
    wire.client("POST /login?x=1 HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"u\"");
    wire.client(":\"a\"}")
        .server("HTTP/1.1 401 Unauthorized\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nno")
        .server("pe!");
    let exchange = wire.close().exchanges.remove(0);
    let (request, response) = (exchange.request.unwrap(), exchange.response.unwrap());
    assert_eq!(request.header("host"), Some(&b"api.test"[..]));
    assert_eq!(request.body.prefix, b"{\"u\":\"a\"}");
    assert_eq!((response.status(), response.body.bytes), (401, 5));
    assert_eq!(response.body.prefix, b"nope!", "a form that comes back says how a login ended");
    let ms = |at: heelguard_detectors::time::EventTime| at.as_nanos() / 1_000_000 - 1_000;
    let times =
        [request.first_byte, request.last_byte, response.first_byte, response.last_byte, exchange.end];
    assert_eq!(times.map(ms), [1, 2, 3, 4, 4]);
    assert_eq!((exchange.client.port, exchange.server.port), (40_000, 80));
}

#[test]
fn an_answer_whose_status_a_strict_client_does_not_read() {
    let odd = [
        "HTTP/1.1\n 200 ok\r\n",
        " HTTP/1.1 200 ok\r\n",
        "HTTP/1.1 \t200 ok\r\n",
        "http/1.1 200 ok\r\n",
        "HTTP/1.1 20 ok\r\n",
        "HTTP/1.1 2XX OK\r\n",
        "\r\n\r\nHTTP/1.1 200 ok\r\n",
        "\n\rHTTP/1.1 200 ok\r\n",
    ];
    for line in odd {
        let answer = format!("{line}Content-Length: 2\r\n\r\nokHTTP/1.1 204 No Content\r\n\r\n");
        check(
            &[('C', "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"), ('S', &answer)],
            &expect![[r#"
                #0 GET /1 -> 0(2) whole [http1.malformed]
                #1 GET /2 -> 204 whole
            "#]],
        );
    }
    // One empty line and a second space are odd, and no reason for doubt.
    check(
        &[('C', "GET /1 HTTP/1.1\r\n\r\n"), ('S', "\r\nHTTP/1.1  204 none\r\n\r\n")],
        &expect![[r#"
            #0 GET /1 -> 204 whole [http1.malformed]
        "#]],
    );
    // A status that a strict client does not read still frames the answer: a tolerant client waits for no body.
    check(
        &[
            ('C', "GET /1 HTTP/1.1\r\n\r\n"),
            ('S', "http/1.1 204 none\r\n\r\n"),
            ('C', "GET /2 HTTP/1.1\r\n\r\n"),
            ('S', OK),
        ],
        &expect![[r#"
            #0 GET /1 -> 0 whole [http1.malformed]
            #1 GET /2 -> 200(2) whole
        "#]],
    );
}

#[test]
fn empty_lines_behind_an_answer_are_not_before_the_next_one() {
    let ok_and_more = format!("{OK}\r\n");
    check(
        &[('C', "GET /1 HTTP/1.1\r\n\r\n"), ('S', &ok_and_more), ('C', "GET /2 HTTP/1.1\r\n\r\n"), ('S', OK)],
        &expect![[r#"
            #0 GET /1 -> 200(2) whole
            #1 GET /2 -> 200(2) whole
        "#]],
    );
}

#[test]
fn a_head_that_ends_with_two_returns_is_read_and_flagged() {
    check(
        &[('C', "GET /1 HTTP/1.1\r\n\r\n"), ('S', "HTTP/1.1 200 ok\r\nContent-Length: 2\n\r\r\nok")],
        &expect![[r#"
            #0 GET /1 -> 200(2) whole [http1.malformed]
        "#]],
    );
}

#[test]
fn answers_that_have_no_body_do_not_eat_the_next_one() {
    check(
        &[
            ('C', "HEAD /head HTTP/1.1\r\n\r\nGET /304 HTTP/1.1\r\n\r\nGET /204 HTTP/1.1\r\n\r\n"),
            ('C', "PUT /100 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"),
            (
                'S',
                "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
            ),
            (
                'S',
                "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
            ),
            ('C', "body"),
            ('S', OK),
            ('C', "GET /after HTTP/1.1\r\n\r\n"),
            ('S', OK),
        ],
        &expect![[r#"
            #0 HEAD /head -> 200 whole
            #1 GET /304 -> 304 whole
            #2 GET /204 -> 204 whole
            #3 PUT /100(4) -> 200(2) whole
            #4 GET /after -> 200(2) whole
        "#]],
    );
}

#[test]
fn a_thousand_pipelined_requests_keep_their_order() {
    let mut wire = Wire::new();
    let requests: String =
        (0..1_000).map(|n| format!("GET /{n} HTTP/1.1\r\nAuthorization: t{n}\r\n\r\n")).collect();
    let answers: String =
        (0..1_000).map(|n| format!("HTTP/1.1 {} x\r\nContent-Length: 0\r\n\r\n", 200 + n % 100)).collect();
    for piece in requests.as_bytes().chunks(1_448) {
        wire.client(piece);
    }
    for piece in answers.as_bytes().chunks(1_448) {
        wire.server(piece);
    }
    let found = wire.close();
    assert_eq!(found.exchanges.len(), 1_000);
    for (n, exchange) in found.exchanges.iter().enumerate() {
        let request = exchange.request.as_ref().unwrap();
        assert_eq!(request.header("authorization"), Some(format!("t{n}").as_bytes()));
        assert_eq!(usize::from(exchange.response.as_ref().unwrap().status()), 200 + n % 100);
        assert!(exchange.anomalies.is_empty());
    }
}

#[test]
fn more_waiting_requests_than_the_limit_lose_their_answers_but_not_the_order() {
    let config = Config { pipeline_max: 2, ..Config::default() };
    let mut wire = Wire::with(config, Origin::Handshake);
    wire.client("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nHEAD /3 HTTP/1.1\r\n\r\n");
    wire.server(OK).server(OK).server("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
    wire.client("GET /4 HTTP/1.1\r\n\r\n").server(OK);
    expect![[r#"
        #2 HEAD /3 -> - request_only [http1.pipeline_limit]
        #0 GET /1 -> 200(2) whole
        #1 GET /2 -> 200(2) whole
        #3 - -> 200 response_only
        #4 GET /4 -> 200(2) whole
    "#]]
    .assert_eq(&wire.lines());
}

#[test]
fn an_answer_may_come_before_the_request_ends() {
    check(
        &[
            ('C', "POST /big HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234"),
            ('S', "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"),
            ('C', "56789"),
            ('C', "GET /next HTTP/1.1\r\n\r\n"),
            ('S', OK),
        ],
        &expect![[r#"
            #0 POST /big(10) -> 413 whole
            #1 GET /next -> 200(2) whole
        "#]],
    );
}

#[test]
fn an_answer_without_a_request_stands_alone() {
    check(
        &[('S', "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")],
        &expect![[r#"
        #0 - -> 408 response_only [http1.unpaired_response]
    "#]],
    );
}

#[test]
fn an_answer_without_length_ends_with_the_connection() {
    let mut wire = Wire::new();
    wire.client("GET / HTTP/1.0\r\n\r\n")
        .server("HTTP/1.0 200 OK\r\n\r\nso much")
        .server(" more")
        .server_fin();
    expect![[r#"
        #0 GET / -> 200(12) whole
    "#]]
    .assert_eq(&wire.lines());
    wire.client("GET / HTTP/1.0\r\n\r\n").server("HTTP/1.0 200 OK\r\n\r\nso much");
    expect![[r#"
        #0 GET / -> 200(7?) truncated
    "#]]
    .assert_eq(&crate::harness::show(&wire.end(CloseReason::CaptureEnd)));
}

#[test]
fn a_request_without_answer_leaves_when_the_server_closes() {
    let mut wire = Wire::new();
    wire.client("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n").server(OK).server_fin();
    assert_eq!(wire.shared.exchanges.len(), 2, "before the flow is closed");
    expect![[r#"
        #0 GET /a -> 200(2) whole
        #1 GET /b -> - request_only
    "#]]
    .assert_eq(&wire.lines());
}

#[test]
fn a_head_that_never_ends_is_no_request() {
    let mut wire = Wire::new();
    wire.client("GET / HTTP/1.1\r\nAuthorization: Bearer half-a-tok");
    let found = wire.close();
    assert!(found.exchanges.is_empty());
    assert_eq!(found.counters.anomalies.get(Anomaly::Http1Malformed), 1);
}

#[test]
fn what_goes_through_a_websocket_is_not_http() {
    check(
        &[
            ('C', "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
            ('S', "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x01\x02"),
            ('C', "GET /decoy HTTP/1.1\r\nHost: x\r\n\r\n"),
            ('S', OK),
        ],
        &expect![[r#"
            #0 GET /ws -> 101 whole
        "#]],
    );
}

#[test]
fn a_switch_nobody_asked_for_loses_no_request() {
    check(
        &[
            ('C', "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n"),
            ('S', "HTTP/1.1 101 Switching Protocols\r\n\r\n\x01\x02"),
            ('C', "GET /decoy HTTP/1.1\r\n\r\n"),
        ],
        &expect![[r#"
            #0 GET /a -> 101 whole
            #1 GET /b -> - request_only
        "#]],
    );
}

#[test]
fn an_upgrade_that_is_refused_changes_nothing() {
    check(
        &[
            ('C', "GET /a HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
            ('S', OK),
            ('C', "GET /b HTTP/1.1\r\n\r\n"),
            ('S', OK),
        ],
        &expect![[r#"
            #0 GET /a -> 200(2) whole
            #1 GET /b -> 200(2) whole
        "#]],
    );
}

#[test]
fn http_inside_a_tunnel_is_found_and_tls_is_let_be() {
    check(
        &[
            ('C', "CONNECT api.test:80 HTTP/1.1\r\n\r\n"),
            ('S', "HTTP/1.1 200 Established\r\n\r\n"),
            ('C', "GET /inside HTTP/1.1\r\nHost: api.test\r\n\r\n"),
            ('S', OK),
        ],
        &expect![[r#"
            #0 CONNECT api.test:80 -> 200 whole
            #1 GET /inside -> 200(2) whole
        "#]],
    );
    check(
        &[
            ('C', "CONNECT api.test:443 HTTP/1.1\r\n\r\n"),
            ('S', "HTTP/1.1 200 Established\r\n\r\n"),
            ('C', "\x16\x03\x01\x02\x00\x01"),
            ('C', "GET /not-here HTTP/1.1\r\n\r\n"),
        ],
        &expect![[r#"
            #0 CONNECT api.test:443 -> 200 whole
        "#]],
    );
    check(
        &[
            ('C', "CONNECT api.test:443 HTTP/1.1\r\n\r\n"),
            ('S', "HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n"),
            ('C', "GET /same-proxy HTTP/1.1\r\n\r\n"),
            ('S', OK),
        ],
        &expect![[r#"
            #0 CONNECT api.test:443 -> 407 whole
            #1 GET /same-proxy -> 200(2) whole
        "#]],
    );
}

#[test]
fn http_behind_a_socks_relay_is_found() {
    check(
        &[
            ('C', "\x05\x01\0"),
            ('S', "\x05\0"),
            ('C', "\x05\x01\0\x01\x0a\0\0\x01\0\x50"),
            ('S', "\x05\0\0\x01\0\0\0\0\0\0"),
            ('C', "GET /through HTTP/1.1\r\n\r\n"),
            ('S', OK),
        ],
        &expect![[r#"
            #0 GET /through -> 200(2) whole
        "#]],
    );
}

#[test]
fn a_tunnel_in_a_tunnel_ends_somewhere() {
    let mut wire = Wire::new();
    wire.client("CONNECT a HTTP/1.1\r\n\r\n".repeat(2_000)).server("HTTP/1.1 200 OK\r\n\r\n".repeat(2_000));
    assert_eq!(wire.close().exchanges.len(), 5);
}

#[test]
fn other_protocols_give_no_requests() {
    let flows: [&[(char, &str)]; 5] = [
        &[('S', "220 mail ESMTP\r\n"), ('C', "EHLO x\r\n"), ('C', "GET / HTTP/1.1\r\n\r\n")],
        &[('C', "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP x\r\n\r\n")],
        &[('C', "DESCRIBE rtsp://cam RTSP/1.0\r\n\r\n")],
        &[('C', "\x16\x03\x01\x00\x05hello"), ('C', "GET / HTTP/1.1\r\n\r\n")],
        &[('C', "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ('C', "GET / HTTP/1.1\r\n\r\n")],
    ];
    for flow in flows {
        check(flow, &expect![[""]]);
    }
}

#[test]
fn services_are_counted_by_what_their_connections_carry() {
    let mut wire = Wire::new();
    wire.client("GET / HTTP/1.1\r\nHost: Api.Test:80\r\n\r\nGET / HTTP/1.1\r\nHost: other\r\n\r\n");
    let found = wire.close();
    let rows: Vec<_> =
        found.services.rows().iter().map(|(host, port, c)| (format!("{host}:{port}"), c.http1)).collect();
    assert_eq!(rows, [("api.test:80".to_owned(), 1)]);
    for (bytes, expected) in [
        ("\x16\x03\x01\x00\x05hello", (1, 0, 0, 0)),
        ("HTTP/1.1 200 OK\r\n\r\n", (0, 0, 0, 1)),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (0, 0, 1, 0)),
        ("\0\0\0", (0, 0, 0, 1)),
        ("GE", (0, 0, 0, 1)),
    ] {
        let found = Wire::new().client(bytes).close();
        let counts = found.services.rows().first().map(|row| row.2).unwrap();
        assert_eq!((counts.tls, counts.http1, counts.http2, counts.unknown), expected, "{bytes:?}");
    }
}

#[test]
fn heads_without_end_are_cut_off_at_the_limit() {
    let line_of_1mb = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(1 << 20));
    let url_of_1mb = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20));
    let many_lines = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(5_000));
    for head in [line_of_1mb, url_of_1mb, many_lines] {
        let mut wire = Wire::new();
        for piece in head.as_bytes().chunks(1_448) {
            wire.client(piece);
        }
        // Its answer shows where the next request starts.
        wire.server("HTTP/1.1 431 Too Large\r\nContent-Length: 0\r\n\r\n");
        wire.client("GET /next HTTP/1.1\r\n\r\n").server(OK);
        expect![[r#"
            #0 - -> 431 response_only [http1.header_limit http1.unpaired_response]
            #1 GET /next -> 200(2) gap [http1.resync]
        "#]]
        .assert_eq(&wire.lines());
    }
    let fits = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(60_000));
    assert_eq!(Wire::new().client(fits).lines(), "#0 GET / -> - request_only\n");
}

#[test]
fn old_and_strange_first_messages_are_flagged() {
    check(
        &[('C', "GET /old\r\n"), ('S', "<html>")],
        &expect![[r#"
        #0 GET /old -> - request_only [http1.malformed]
    "#]],
    );
    check(
        &[
            ('C', "GET / HTTP/1.1\r\n\r\n"),
            ('S', OK),
            ('C', "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            ('S', "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"),
        ],
        &expect![[r#"
            #0 GET / -> 200(2) whole
            #1 - -> 400 response_only [http1.malformed http1.unpaired_response]
        "#]],
    );
    let methods = format!("{} /long HTTP/1.1\r\n\r\n", "M".repeat(4_096));
    check(
        &[('C', "GET / HTTP/1.1\r\n\r\n"), ('S', OK), ('C', &methods), ('S', OK)],
        &expect![[r#"
        #0 GET / -> 200(2) whole
        #1 - -> 200(2) response_only [http1.malformed http1.unpaired_response]
    "#]],
    );
}

#[test]
fn ten_thousand_interim_answers_are_flagged_once() {
    let mut wire = Wire::new();
    wire.client("GET / HTTP/1.1\r\n\r\n").server("HTTP/1.1 102 Wait\r\n\r\n".repeat(10_000)).server(OK);
    let found = wire.close();
    assert_eq!(crate::harness::show(&found), "#0 GET / -> 200(2) whole [http1.malformed]\n");
    assert_eq!(
        (found.counters.http.interim, found.counters.anomalies.get(Anomaly::Http1Malformed)),
        (10_000, 1)
    );
}

#[test]
fn an_interim_answer_that_no_client_reads_is_not_passed_over_in_silence() {
    for head in
        ["HTTP//.1 100 O\r\u{1c}K\n\r\n", "HTTP/1.1 100 Continue\n\n", "HTTP/1.1 103 Hints\r\nA : b\r\n\r\n"]
    {
        let expected = expect!["#0 GET / -> 200(2) whole [http1.malformed]\n"];
        check(&[('C', "GET / HTTP/1.1\r\n\r\n"), ('S', &[head, OK].concat())], &expected);
    }
}

#[test]
fn roles_of_a_joined_flow_follow_from_its_content() {
    // The capture took the server for the initiator.
    let mut wire = Wire::midstream();
    wire.server("GET /a HTTP/1.1\r\n\r\n").client(OK).server("GET /b HTTP/1.1\r\n\r\n").client(OK);
    let found = wire.close();
    assert_eq!(found.exchanges[0].client.port, 80);
    expect![[r#"
        #0 GET /a -> 200(2) whole
        #1 GET /b -> 200(2) whole
    "#]]
    .assert_eq(&crate::harness::show(&found));
}
