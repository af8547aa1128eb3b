//! gRPC over HTTP/2: which protocol, how many messages, and how a call ended.

use crate::peer::{Peer, connected, data, told};
use expect_test::expect;

const GRPC: &str = "application/grpc";

fn message(bytes: &[u8]) -> Vec<u8> {
    [&[0], &(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

fn answer(server: &mut Peer, stream: u32) -> Vec<u8> {
    server.headers(stream, &[(":status", "200"), ("content-type", GRPC)], false)
}

#[test]
fn how_a_call_ended_is_in_its_trailers() {
    let (mut wire, mut client, mut server) = connected();
    wire.client(client.post(1, "/pay.Pay/List", GRPC)).client(data(1, &message(b"\x10\x14"), true));
    wire.server(answer(&mut server, 1));
    for _ in 0..3 {
        wire.server(data(1, &message(b"row"), false));
    }
    wire.server(server.headers(1, &[("grpc-status", "0")], true));
    // Trailers only: one block is head and trailers.
    wire.client(client.post(3, "/pay.Pay/Send", GRPC)).client(data(3, &message(b""), true));
    let refused =
        [(":status", "200"), ("content-type", GRPC), ("grpc-status", "16"), ("grpc-message", "no%20token")];
    wire.server(server.headers(3, &refused, true));
    expect![[r#"
        #0 POST /pay.Pay/List(7) -> 200(24) whole grpc grpc-status=0 messages=3
        #1 POST /pay.Pay/Send(5) -> 200 whole grpc messages=0
    "#]]
    .assert_eq(&told(&wire.close()));
}

#[test]
fn a_call_may_stream_both_ways_for_a_long_time() {
    let (mut wire, mut client, mut server) = connected();
    wire.client(client.post(1, "/chat.Chat/Talk", GRPC)).server(answer(&mut server, 1));
    for _ in 0..50 {
        wire.client(data(1, &message(b"ping"), false)).server(data(1, &message(b"pong"), false));
    }
    assert_eq!(wire.shared.exchanges.len(), 0);
    wire.client(data(1, b"", true)).server(server.headers(1, &[("grpc-status", "0")], true));
    expect![[r#"
        #0 POST /chat.Chat/Talk(450) -> 200(450) whole grpc grpc-status=0 messages=50
    "#]]
    .assert_eq(&told(&wire.close()));
}
