//! What costs a server much and a client little: counted, bounded, and the innocent beside it is told.

use crate::harness::Wire;
use crate::peer::{END_HEADERS, Form, PREFACE, Peer, connected, data, frame, ping, reset, settings, told};
use expect_test::expect;
use heelguard::http::HttpShared;

fn counted(found: &HttpShared, class: &str) -> u64 {
    found.counters.anomalies.rows().iter().find(|(name, _)| *name == class).map_or(0, |(_, count)| *count)
}

#[test]
fn rapid_resets_are_counted_and_the_survivor_is_told() {
    let (mut wire, mut client, mut server) = connected();
    for n in 0..5_000 {
        wire.client([client.get(1 + 2 * n, "/r", "t"), reset(1 + 2 * n)].concat());
    }
    wire.client(client.get(20_001, "/survivor", "t")).server(server.answer(20_001, "200", true));
    let found = wire.close();
    assert!(counted(&found, "http2.rapid_reset") > 4_000);
    assert_eq!(found.exchanges.len(), 5_001);
    assert!(told(&found).contains("GET /survivor -> 200 whole"));

    // A browser that leaves a page gives up what it asked for.
    let (mut wire, mut client, _) = connected();
    for n in 0..60 {
        wire.client([client.get(1 + 2 * n, "/image", "t"), reset(1 + 2 * n)].concat());
    }
    assert_eq!(counted(&wire.close(), "http2.rapid_reset"), 0);
}

#[test]
fn a_block_without_end_is_given_up_and_other_connections_go_on() {
    let (mut wire, mut client, mut server) = connected();
    wire.client(client.get(1, "/before", "tok-1")).server(server.answer(1, "200", true));
    wire.client(frame(1, 1, 3, &[0x82]));
    for _ in 0..4_000 {
        wire.client(frame(9, 0, 3, &[b'x'; 100])).client(frame(9, 0, 3, b""));
    }
    wire.client(frame(9, END_HEADERS, 3, b""));
    wire.client(client.get(5, "/after", "tok-2")).server(server.answer(5, "200", true));
    let found = wire.close();
    assert_eq!(counted(&found, "http2.header_block_limit"), 1);
    assert!(counted(&found, "http2.empty_frames") > 3_000);
    let lines = told(&found);
    // The table is unknown from there: the host was inserted before, and what is named by it is left out.
    assert!(lines.contains("GET /after -> 200 gap") && lines.contains("tok-2"), "{lines}");
    assert!(lines.contains("#0 GET /before -> 200 whole"), "{lines}");
}

/// The block of a login whose last fields fill it up to so many bytes.
fn long_login(client: &mut Peer, bytes: usize) -> Vec<u8> {
    let mut block = client.encoder.indexed([
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "api.test"),
        (":path", "/login"),
        ("authorization", "Bearer tok-L"),
    ]);
    let filler = "x".repeat(1_000);
    while block.len() < bytes {
        block.extend(client.encoder.block([("x-filler", filler.as_str(), Form::Plain)]));
    }
    block
}

/// A block as HEADERS and CONTINUATION of stream 1, which says that nothing else follows.
fn in_frames(block: &[u8], ends: bool) -> Vec<u8> {
    let count = block.chunks(16_384).count();
    let frames = block.chunks(16_384).enumerate().map(|(number, piece)| {
        let kind = if number == 0 { 1 } else { 9 };
        let last = if ends && number + 1 == count { END_HEADERS } else { 0 };
        frame(kind, last | u8::from(number == 0), 1, piece)
    });
    frames.flatten().collect()
}

#[test]
fn a_request_beyond_the_limit_is_told_as_far_as_it_was_read() {
    let tell = |bytes: usize| {
        let (mut wire, mut client, mut server) = connected();
        let block = long_login(&mut client, bytes);
        wire.client(in_frames(&block, true)).server(server.answer(1, "431", true));
        wire.client(client.get(3, "/next", "tok-N")).server(server.answer(3, "200", true));
        let found = wire.close();
        assert_eq!(counted(&found, "http2.header_block_limit"), u64::from(bytes > 65_536));
        told(&found)
    };
    expect![[r#"
        #0 POST /login -> 431 gap [http2.header_block_limit http2.hpack_desync] authorization=Bearer tok-L
        #1 GET /next -> 200 gap [http2.hpack_desync] authorization=Bearer tok-N
    "#]]
    .assert_eq(&tell(70_000));
    expect![[r#"
        #0 POST /login -> 431 whole authorization=Bearer tok-L
        #1 GET /next -> 200 whole authorization=Bearer tok-N
    "#]]
    .assert_eq(&tell(60_000));
}

#[test]
fn a_request_whose_block_never_ends_is_told() {
    let (mut wire, mut client, _) = connected();
    let block = long_login(&mut client, 70_000);
    wire.client(in_frames(&block, false));
    expect![[r#"
        #0 POST /login -> - gap [http2.header_block_limit http2.hpack_desync] authorization=Bearer tok-L
    "#]]
    .assert_eq(&told(&wire.close()));
}

#[test]
fn of_a_frame_too_long_to_be_held_it_is_told_that_it_was_there() {
    let (mut wire, mut client, mut server) = connected();
    wire.server(settings(&[(5, 1 << 20)]));
    let block = long_login(&mut client, 80_000);
    wire.client(frame(1, END_HEADERS | 1, 1, &block)).server(server.answer(1, "431", true));
    expect![[r#"
        #0   -> 431 gap [http2.header_block_limit http2.hpack_desync]
    "#]]
    .assert_eq(&told(&wire.close()));
}

#[test]
fn fields_that_unpack_to_megabytes_are_not_unpacked() {
    let (mut wire, mut client, mut server) = connected();
    let value = "x".repeat(3_900);
    let mut block = client.encoder.indexed([
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/bomb"),
        ("b", value.as_str()),
    ]);
    let again = client.encoder.indexed([("b", value.as_str())]);
    (0..12_000).for_each(|_| block.extend_from_slice(&again));
    wire.client(frame(1, END_HEADERS | 1, 1, &block)).server(server.answer(1, "431", true));
    wire.client(client.headers(
        3,
        &[(":method", "GET"), (":scheme", "http"), (":path", "/next"), ("b", value.as_str())],
        true,
    ));
    wire.server(server.answer(3, "200", true));
    let found = wire.close();
    assert_eq!(counted(&found, "http2.header_list_limit"), 1);
    let next = found.exchanges[1].request.as_ref().unwrap();
    assert_eq!((next.target(), next.header("b").unwrap().len()), (b"/next".as_slice(), 3_900));
    assert!(found.exchanges[0].request.as_ref().unwrap().head.len() < 300_000);
}

#[test]
fn each_kind_of_flood_has_its_counter() {
    let floods: [(&str, Vec<u8>); 5] = [
        ("http2.settings_flood", settings(&[(3, 1)])),
        ("http2.ping_flood", ping()),
        ("http2.priority_flood", frame(2, 0, 1, &[0, 0, 0, 0, 1])),
        ("http2.window_flood", frame(8, 0, 0, &[0, 0, 0, 1])),
        ("http2.empty_frames", data(1, b"", false)),
    ];
    for (class, one) in floods {
        for (times, expected) in [(3_000, true), (50, false)] {
            let (mut wire, mut client, mut server) = connected();
            wire.client(client.post(1, "/a", "text/plain"));
            wire.client(one.repeat(times)).client(data(1, b"x", true)).server(server.answer(1, "200", true));
            let found = wire.close();
            assert_eq!(counted(&found, class) > 0, expected, "{class} {times}");
            assert!(told(&found).contains("POST /a(1) -> 200 whole"), "{class}: {}", told(&found));
        }
    }
}

#[test]
fn a_frame_of_16_megabytes_and_frames_of_no_known_type() {
    let (mut wire, mut client, mut server) = connected();
    wire.client(frame(0xFA, 0xFF, 77, b"extension"));
    wire.client(client.get(1, "/a", "t")).server(server.answer(1, "200", true));
    wire.client([0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 3]).client(client.get(3, "/b", "t"));
    let found = wire.close();
    assert_eq!(counted(&found, "http2.malformed"), 1);
    assert!(told(&found).starts_with("#0 GET /a -> 200 whole"));
}

#[test]
fn nothing_is_kept_of_streams_that_are_over() {
    let mut wire = Wire::new();
    wire.client([PREFACE, &settings(&[])].concat()).server(settings(&[]));
    let mut client = crate::peer::Peer::default();
    for n in 0..20_000 {
        wire.client([client.get(1 + 2 * n, "/r", "t"), reset(1 + 2 * n)].concat());
        wire.shared.exchanges.clear();
    }
    assert_eq!(wire.close().exchanges.len(), 0);
}
