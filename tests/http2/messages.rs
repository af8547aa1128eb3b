//! How a connection begins, and what its messages are.

use crate::harness::Wire;
use crate::peer::{
    END_HEADERS, END_STREAM, PADDED, PREFACE, PRIORITY, Peer, connected, data, frame, settings, told,
};
use expect_test::expect;

#[test]
fn requests_and_answers_on_one_connection() {
    let (mut wire, mut client, mut server) = connected();
    wire.client(client.get(1, "/a", "tok-A")).server(server.answer(1, "200", false));
    wire.server(data(1, b"{\"a\":1}", true));
    wire.client(client.post(3, "/login", "application/json")).client(data(3, b"{\"user\":\"ann\"}", true));
    wire.server(server.answer(3, "401", true));
    let found = wire.close();
    expect![[r#"
        #0 GET /a -> 200(7) whole authorization=Bearer tok-A
        #1 POST /login(14) -> 401 whole
    "#]]
    .assert_eq(&told(&found));
    let login = found.exchanges[1].request.as_ref().unwrap();
    assert_eq!(login.body.prefix, b"{\"user\":\"ann\"}");
    assert_eq!(login.header("host"), Some(b"api.test".as_slice()));
    assert_eq!(found.services.rows()[0].2.http2, 1);
}

#[test]
fn a_server_may_speak_first() {
    let (mut client, mut server) = (Peer::default(), Peer::default());
    let mut wire = Wire::new();
    wire.server(&settings(&[(3, 100)])[..5]).server(&settings(&[(3, 100)])[5..]);
    wire.client(PREFACE)
        .client(settings(&[]))
        .client(client.get(1, "/", "t"))
        .server(server.answer(1, "204", true));
    expect![[r#"
        #0 GET / -> 204 whole authorization=Bearer t
    "#]]
    .assert_eq(&told(&wire.close()));
}

#[test]
fn an_upgrade_makes_the_request_that_of_stream_1() {
    let mut server = Peer::default();
    let mut client = Peer::default();
    let mut wire = Wire::new();
    wire.client(
        "GET /export HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    );
    wire.server(
        [
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n".as_slice(),
            &settings(&[]),
        ]
        .concat(),
    );
    wire.client([PREFACE, &settings(&[])].concat());
    wire.server(server.answer(1, "200", false)).server(data(1, b"rows", true));
    wire.client(client.get(3, "/more", "t")).server(server.answer(3, "200", true));
    expect![[r#"
        #0 GET /export -> 200(4) whole
        #1 GET /more -> 200 whole authorization=Bearer t
    "#]]
    .assert_eq(&told(&wire.close()));

    // The nearest innocent: the server stays with HTTP/1.
    let mut wire = Wire::new();
    wire.client("GET /a HTTP/1.1\r\nUpgrade: h2c\r\n\r\n")
        .server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    wire.client("GET /b HTTP/1.1\r\n\r\n").server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    expect![[r#"
        #0 GET /a -> 200 whole http/1.1
        #1 GET /b -> 200 whole http/1.1
    "#]]
    .assert_eq(&told(&wire.close()));
}

#[test]
fn padding_priority_and_continuation_are_no_part_of_a_message() {
    let (mut wire, mut client, mut server) = connected();
    let block = client.encoder.indexed([
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "api.test"),
        (":path", "/long"),
        ("authorization", "Bearer tok-L"),
    ]);
    let padded = [&[3, 0, 0, 0, 0, 16], &block[..2], &[0; 3]].concat();
    let mut bytes = frame(1, PADDED | PRIORITY, 1, &padded);
    let pieces: Vec<&[u8]> = block[2..].chunks((block.len() - 2).div_ceil(7)).collect();
    for (n, piece) in pieces.iter().enumerate() {
        bytes.extend(frame(9, if n + 1 == pieces.len() { END_HEADERS } else { 0 }, 1, piece));
    }
    bytes.extend(frame(0, PADDED | END_STREAM, 1, &[&[4], b"hello".as_slice(), &[0; 4]].concat()));
    bytes.chunks(3).for_each(|piece| {
        wire.client(piece);
    });
    wire.server(server.answer(1, "200", true));
    expect![[r#"
        #0 POST /long(5) -> 200 whole authorization=Bearer tok-L
    "#]]
    .assert_eq(&told(&wire.close()));
}

#[test]
fn interim_answers_and_trailers_are_not_the_answer() {
    let (mut wire, mut client, mut server) = connected();
    wire.client(client.get(1, "/", "t"));
    wire.server(server.headers(1, &[(":status", "103"), ("link", "</a.css>")], false));
    wire.server(server.answer(1, "200", false)).server(data(1, b"x", false));
    wire.server(server.headers(1, &[("x-checksum", "1"), ("grpc-status", "7")], true));
    // Trailers of a request carry no credential.
    wire.client(client.post(3, "/up", "text/plain")).client(data(3, b"x", false));
    wire.client(client.headers(3, &[("authorization", "Bearer trailer")], true));
    wire.server(server.answer(3, "200", true));
    let found = wire.close();
    expect![[r#"
        #0 GET / -> 200(1) whole authorization=Bearer t grpc-status=7
        #1 POST /up(1) -> 200 whole
    "#]]
    .assert_eq(&told(&found));
    assert_eq!(found.counters.http.interim, 1);
}

#[test]
fn a_promise_is_a_request_and_has_its_answer() {
    let (mut wire, mut client, mut server) = connected();
    wire.client(client.get(1, "/", "t"));
    let fields =
        [(":method", "GET"), (":scheme", "http"), (":authority", "api.test"), (":path", "/style.css")];
    let promise = [2_u32.to_be_bytes().to_vec(), server.encoder.indexed(fields)].concat();
    wire.server(frame(5, END_HEADERS, 1, &promise));
    wire.server(server.answer(1, "200", true)).server(server.answer(2, "200", false));
    wire.server(data(2, b"body{}", true));
    expect![[r#"
        #0 GET / -> 200 whole authorization=Bearer t
        #1 GET /style.css -> 200(6) whole
    "#]]
    .assert_eq(&told(&wire.close()));
}

#[test]
fn a_tunnel_and_a_websocket_are_told_when_they_open() {
    let (mut wire, mut client, mut server) = connected();
    wire.client(client.headers(1, &[(":method", "CONNECT"), (":authority", "db.test:5432")], false));
    wire.server(server.headers(1, &[(":status", "200")], false));
    wire.client(data(1, b"GET /inside HTTP/1.1\r\n\r\n", false));
    let handshake = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":authority", "api.test"),
        (":path", "/chat"),
        ("authorization", "Bearer ws"),
    ];
    wire.client(client.headers(3, &handshake, false)).server(server.headers(3, &[(":status", "200")], false));
    wire.client(data(3, b"\x81\x05hello", false)).server(data(3, b"\x81\x05hello", true));
    expect![[r#"
        #0 CONNECT db.test:5432(0?) -> 200(0?) whole
        #1 CONNECT /chat(0?) -> 200(0?) whole authorization=Bearer ws
    "#]]
    .assert_eq(&told(&wire.close()));
}

#[test]
fn what_the_rfc_forbids_is_told() {
    let odd: [&[(&str, &str)]; 5] = [
        &[(":method", "GET"), (":path", "/no-scheme")],
        &[(":method", "GET"), (":scheme", "http"), (":path", "/two"), (":path", "/paths")],
        &[(":method", "GET"), (":scheme", "http"), (":path", "/late"), ("a", "b"), (":authority", "x")],
        &[(":method", "GET"), (":scheme", "http"), (":path", "/x"), ("transfer-encoding", "chunked")],
        &[(":method", "GET"), (":scheme", "http"), (":path", "/y"), ("a", "b\r\nauthorization: c")],
    ];
    for fields in odd {
        let (mut wire, mut client, mut server) = connected();
        wire.client(client.headers(1, fields, true)).server(server.answer(1, "400", true));
        let lines = told(&wire.close());
        assert!(lines.ends_with("400 whole [http2.malformed]\n"), "{fields:?}: {lines}");
    }
}

#[test]
fn a_later_preface_and_other_text_is_no_connection() {
    let mut wire = Wire::new();
    wire.client(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").client(b"who knows");
    assert_eq!(told(&wire.close()), "");
    // Piece by piece it is one.
    let mut wire = Wire::new();
    let (mut client, mut server) = (Peer::default(), Peer::default());
    for byte in PREFACE {
        wire.client([*byte]);
    }
    wire.client(settings(&[]))
        .client(client.get(1, "/", "t"))
        .server(settings(&[]))
        .server(server.answer(1, "200", true));
    assert_eq!(told(&wire.close()), "#0 GET / -> 200 whole authorization=Bearer t\n");
}
