//! Streams beside each other, and how they end.

use crate::harness::Wire;
use crate::peer::{END_HEADERS, Form, Peer, connected, data, frame, ping, reset, settings, told};
use expect_test::expect;
use heelguard::flow::{CloseReason, Origin};
use heelguard::http::Config;

#[test]
fn streams_are_woven_into_each_other() {
    let (mut wire, mut client, mut server) = connected();
    wire.client([client.post(1, "/a", "text/plain"), client.post(3, "/b", "text/plain")].concat());
    wire.client(
        [data(3, b"b1", false), data(1, b"a1", false), data(3, b"b2", true), data(1, b"a2", true)].concat(),
    );
    wire.server([server.answer(3, "200", false), server.answer(1, "404", false)].concat());
    wire.server([data(1, b"A", true), ping(), data(3, b"BB", true)].concat());
    expect![[r#"
        #0 POST /a(4) -> 404(1) whole
        #1 POST /b(4) -> 200(2) whole
    "#]]
    .assert_eq(&told(&wire.close()));
}

#[test]
fn a_stream_that_is_given_up_is_told_at_once() {
    let (mut wire, mut client, mut server) = connected();
    wire.client(client.get(1, "/gone", "t")).client(reset(1));
    assert_eq!(wire.shared.exchanges.len(), 1);
    // Its answer was on the way; nobody gets it.
    wire.server(server.answer(1, "200", true));
    wire.client(client.get(3, "/early", "t")).server(server.answer(3, "413", false)).server(reset(3));
    wire.client(client.get(5, "/kept", "t")).server(server.answer(5, "200", true));
    expect![[r#"
        #0 GET /gone -> - request_only authorization=Bearer t
        #1 GET /early -> 413(0?) whole authorization=Bearer t
        #2 GET /kept -> 200 whole authorization=Bearer t
    "#]]
    .assert_eq(&told(&wire.close()));
}

#[test]
fn an_answer_may_come_before_the_request_has_ended() {
    let (mut wire, mut client, mut server) = connected();
    wire.client(client.post(1, "/up", "text/plain")).client(data(1, b"some", false));
    wire.server(server.answer(1, "401", true));
    assert_eq!(wire.shared.exchanges.len(), 0);
    wire.client(data(1, b" more", true));
    assert_eq!(told(&wire.close()), "#0 POST /up(9) -> 401 whole\n");
}

#[test]
fn what_is_open_leaves_with_the_connection() {
    for (reason, expected) in [
        (
            CloseReason::Fin,
            "#0 GET /a -> - request_only authorization=Bearer t\n#1 POST /b(1?) -> 200(0?) whole\n",
        ),
        (
            CloseReason::CaptureEnd,
            "#0 GET /a -> - request_only authorization=Bearer t\n#1 POST /b(1?) -> 200(0?) truncated\n",
        ),
    ] {
        let (mut wire, mut client, mut server) = connected();
        wire.client(client.get(1, "/a", "t"))
            .client(client.post(3, "/b", "text/plain"))
            .client(data(3, b"x", false));
        wire.server(server.answer(3, "200", false));
        assert_eq!(told(&wire.end(reason)), expected);
    }
}

#[test]
fn ids_go_up_and_are_the_clients_own() {
    let (mut wire, mut client, mut server) = connected();
    wire.client(client.get(5, "/five", "t")).server(server.answer(5, "200", true));
    // Used again, lower, even: no client does that, and no server answers.
    for stream in [5, 3, 2] {
        wire.client(client.get(stream, "/never", "t"));
    }
    wire.client(client.get(7, "/seven", "t")).server(server.answer(7, "200", true));
    expect![[r#"
        #0 GET /five -> 200 whole authorization=Bearer t
        #1 GET /seven -> 200 whole [http2.malformed] authorization=Bearer t
    "#]]
    .assert_eq(&told(&wire.close()));
    // A promise by a client is none either.
    let (mut wire, mut client, _) = connected();
    let promise =
        [2_u32.to_be_bytes().to_vec(), client.encoder.indexed([(":method", "GET"), (":path", "/pushed")])];
    wire.client(frame(5, END_HEADERS, 1, &promise.concat()));
    assert_eq!(told(&wire.close()), "");
}

#[test]
fn more_streams_than_the_limit_are_told_without_their_answers() {
    let config = Config { http2_streams_max: 2, ..Config::default() };
    let (mut client, mut server) = (Peer::default(), Peer::default());
    let mut wire = Wire::with(config, Origin::Handshake);
    wire.client([crate::peer::PREFACE, &settings(&[])].concat()).server(settings(&[]));
    (0..4).for_each(|n| {
        wire.client(client.get(1 + 2 * n, &format!("/{n}"), "t"));
    });
    (0..4).for_each(|n| {
        wire.server(server.answer(1 + 2 * n, "200", true));
    });
    expect![[r#"
        #2 GET /2 -> - request_only [http2.stream_limit] authorization=Bearer t
        #3 GET /3 -> - request_only [http2.stream_limit] authorization=Bearer t
        #0 GET /0 -> 200 whole authorization=Bearer t
        #1 GET /1 -> 200 whole authorization=Bearer t
    "#]]
    .assert_eq(&told(&wire.close()));
}

#[test]
fn frames_between_those_of_a_block_make_it_unreadable() {
    let (mut wire, mut client, mut server) = connected();
    let block =
        client.encoder.indexed([(":method", "GET"), (":scheme", "http"), (":path", "/torn"), ("x", "1")]);
    wire.client([frame(1, 1, 1, &block[..3]), ping(), frame(9, END_HEADERS, 1, &block[3..])].concat());
    wire.client(client.get(3, "/next", "tok-N")).server(server.answer(3, "200", true));
    let lines = told(&wire.close());
    assert!(!lines.contains("/torn") && lines.contains("http2.malformed"), "{lines}");
    assert!(lines.contains("GET /next -> 200") && lines.contains("tok-N"), "{lines}");
}

#[test]
fn tables_may_be_resized_and_emptied_at_any_time() {
    let (mut wire, mut client, mut server) = connected();
    wire.server(settings(&[(1, 65_536)]));
    for n in 0..40_u32 {
        let stream = 1 + 2 * n;
        let (path, bearer) = (format!("/item/{n}"), format!("Bearer tok-{}", n % 7));
        let mut block = Vec::new();
        match n % 8 {
            3 => client.encoder.resize(0, &mut block),
            5 => client.encoder.resize(200, &mut block),
            7 => client.encoder.resize(8_192, &mut block),
            _ => {}
        }
        let form = if n % 3 == 0 { Form::Never } else { Form::Indexed };
        let filler = "f".repeat(n as usize * 20);
        block.extend(client.encoder.block([
            (":method", "GET", Form::Indexed),
            (":scheme", "http", Form::Indexed),
            (":path", path.as_str(), Form::Plain),
            ("x-filler", filler.as_str(), Form::Indexed),
            ("authorization", bearer.as_str(), form),
        ]));
        wire.client(frame(1, END_HEADERS | 1, stream, &block)).server(server.answer(stream, "200", true));
    }
    let found = wire.close();
    let lines: String = (0..40)
        .map(|n| format!("#{n} GET /item/{n} -> 200 whole authorization=Bearer tok-{}\n", n % 7))
        .collect();
    assert_eq!(told(&found), lines);
}
