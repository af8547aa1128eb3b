//! Joined late, or with bytes missing: what is known is told, what is not known is left out.

use crate::harness::Wire;
use crate::peer::{Peer, connected, data, ping, told};
use expect_test::expect;

#[test]
fn a_connection_joined_late_is_read_from_where_fields_are_known() {
    let (mut client, mut server) = (Peer::default(), Peer::default());
    // Before the sensor came.
    client.get(1, "/before", "tok-A");
    server.answer(1, "401", true);
    let mut wire = Wire::midstream();
    wire.client(client.get(3, "/seen", "tok-A")).server(server.answer(3, "401", true));
    wire.client(client.get(5, "/seen", "tok-B")).server(server.answer(5, "200", true));
    wire.client(client.get(7, "/seen", "tok-A")).server(server.answer(7, "401", true));
    let found = wire.close();
    expect![[r#"
        #0 GET /seen -> 0 gap [http2.hpack_desync http2.resync]
        #1 GET /seen -> 200 gap [http2.hpack_desync] authorization=Bearer tok-B
        #2 GET /seen -> 0 gap [http2.hpack_desync]
    "#]]
    .assert_eq(&told(&found));
}

#[test]
fn both_directions_are_found_whichever_comes_first() {
    for server_first in [false, true] {
        let (mut client, mut server) = (Peer::default(), Peer::default());
        let mut wire = Wire::midstream();
        if server_first {
            wire.server(server.answer(1, "200", true));
        }
        wire.client(client.get(3, "/a", "t")).server(server.answer(3, "200", true));
        let lines = told(&wire.close());
        assert!(lines.contains("GET /a -> 200"), "{lines}");
        assert_eq!(lines.contains("- -> 200 response_only"), server_first, "{lines}");
    }
}

#[test]
fn other_traffic_is_not_taken_for_http2_midstream() {
    let mut wire = Wire::midstream();
    for text in [
        b"\x00\x00\x05hello".as_slice(),
        b"\x00\x00\x04\x01\x00\x00\x00\x00\x00abcd",
        &[0; 100],
        b"some text\r\n",
    ] {
        wire.client(text).server(text);
    }
    let found = wire.close();
    assert_eq!(found.exchanges.len(), 0);
    assert_eq!(found.services.rows()[0].2.http2, 0);
}

#[test]
fn a_lost_head_makes_the_table_unknown_and_nobody_gets_anothers_token() {
    let (mut wire, mut client, mut server) = connected();
    wire.client(client.get(1, "/a", "tok-A")).server(server.answer(1, "200", true));
    let lost = client.get(3, "/b", "tok-B");
    wire.client_gap(lost.len() as u64).server(server.answer(3, "200", true));
    wire.client(client.get(5, "/a", "tok-A")).server(server.answer(5, "200", true));
    wire.client(client.get(7, "/a", "tok-B")).server(server.answer(7, "200", true));
    wire.client(client.get(9, "/c", "tok-C")).server(server.answer(9, "200", true));
    wire.client(client.get(11, "/c", "tok-C")).server(server.answer(11, "200", true));
    expect![[r#"
        #0 GET /a -> 200 whole authorization=Bearer tok-A
        #1 - -> 200 response_only [tcp.gap]
        #2 GET  -> 200 gap [http2.hpack_desync http2.resync]
        #3 GET  -> 200 gap [http2.hpack_desync]
        #4 GET /c -> 200 gap [http2.hpack_desync] authorization=Bearer tok-C
        #5 GET /c -> 200 gap [http2.hpack_desync] authorization=Bearer tok-C
    "#]]
    .assert_eq(&told(&wire.close()));
}

#[test]
fn a_gap_within_a_body_loses_nothing_else() {
    let (mut wire, mut client, mut server) = connected();
    let body = data(1, &[b'x'; 5_000], true);
    wire.client(client.post(1, "/up", "text/plain"))
        .client(&body[..1_000])
        .client_gap(2_000)
        .client(&body[3_000..]);
    wire.server(server.answer(1, "200", true));
    wire.client(client.get(3, "/next", "tok-N")).server(server.answer(3, "200", true));
    expect![[r#"
        #0 POST /up(5000?) -> 200 gap [tcp.gap]
        #1 GET /next -> 200 whole authorization=Bearer tok-N
    "#]]
    .assert_eq(&told(&wire.close()));
}

#[test]
fn a_gap_within_a_head_keeps_the_place_of_the_frames() {
    let (mut wire, mut client, mut server) = connected();
    let head = client.get(1, "/torn", "tok-T");
    wire.client(&head[..12]).client_gap(4).client(&head[16..]);
    wire.server(server.answer(1, "200", true));
    wire.client(client.get(3, "/next", "tok-N")).server(server.answer(3, "200", true));
    expect![[r#"
        #0 - -> 200 gap [tcp.gap http2.hpack_desync]
        #1 GET /next -> 200 gap [http2.hpack_desync] authorization=Bearer tok-N
    "#]]
    .assert_eq(&told(&wire.close()));
}

#[test]
fn an_answer_whose_end_was_lost_leaves_after_a_while() {
    let (mut wire, mut client, mut server) = connected();
    wire.client(client.get(1, "/a", "t")).server(server.answer(1, "200", false));
    wire.server_gap(5_000).server(ping());
    assert_eq!(wire.shared.exchanges.len(), 0);
    (0..12_000).for_each(|_| {
        wire.client(ping());
    });
    assert_eq!(
        told(&wire.shared),
        "#0 GET /a -> 200(0?) gap [tcp.gap http2.resync] authorization=Bearer t\n"
    );
}

#[test]
fn one_direction_alone_is_told() {
    let (mut client, mut server) = (Peer::default(), Peer::default());
    let mut wire = Wire::new();
    wire.client([crate::peer::PREFACE, &crate::peer::settings(&[])].concat())
        .client(client.get(1, "/a", "t"));
    assert_eq!(told(&wire.close()), "#0 GET /a -> - request_only authorization=Bearer t\n");
    let mut wire = Wire::new();
    wire.server(crate::peer::settings(&[])).server(server.answer(1, "200", true));
    assert_eq!(told(&wire.close()), "#0 - -> 200 response_only\n");
}
