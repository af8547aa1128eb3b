//! HTTP/2 of any bytes behind its preface, or joined in the middle: any cut gives the same exchanges.

use super::input::{Input, Turn, turn};
use super::wire::{CLIENT, CLIENT_GAP, SERVER, SERVER_GAP, check};
use crate::support::encoder::Encoder;
use heelguard::flow::Origin;
use heelguard::http::Config;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
/// The turn's bytes are one frame's payload, whose head comes from its kind.
const FRAMED: u8 = 0x10;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (choice, cut) = (input.byte(), input.byte());
    let mut config = Config::default();
    if choice & 2 > 0 {
        config = Config {
            http2_block_bytes_max: 200,
            http2_block_frames_max: 3,
            http2_list_bytes_max: 400,
            http2_table_bytes_max: 200,
            http2_streams_max: 3,
            pipeline_bytes_max: 512,
            ..config
        };
    }
    let origin = if choice & 1 == 0 { Origin::Handshake } else { Origin::Midstream };
    let turns = input.turns();
    let framed: Vec<(u8, Vec<u8>)> = turns.iter().map(|turn| (turn.kind, framed(*turn))).collect();
    let mut all = Vec::new();
    if choice & 4 == 0 {
        all.extend([Turn { kind: CLIENT, bytes: PREFACE }, Turn { kind: SERVER, bytes: SETTINGS }]);
    }
    all.extend(framed.iter().map(|(kind, bytes)| Turn { kind: *kind, bytes }));
    check(&config, origin, &all, cut);
}

/// The turn's bytes, with a frame's head before them where the kind says so: a fuzzer learns lengths slowly.
fn framed(turn: Turn<'_>) -> Vec<u8> {
    if turn.kind & FRAMED == 0 || turn.kind & 6 != 0 {
        return turn.bytes.to_vec();
    }
    let [kind, flags, stream, payload @ ..] = turn.bytes else { return turn.bytes.to_vec() };
    frame(kind % 12, *flags, u32::from(*stream), payload)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

pub fn seeds() -> Vec<Vec<u8>> {
    let (mut asks, mut answers) = (Encoder::default(), Encoder::new(true));
    let framed = |kind: u8, flags: u8, stream: u8, payload: &[u8], side: u8| {
        turn(FRAMED | side, [&[kind, flags, stream], payload].concat())
    };
    let get = asks.indexed([
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/a"),
        (":authority", "h"),
        ("authorization", "Bearer tok"),
    ]);
    let post = asks.indexed([
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/b"),
        (":authority", "h"),
        ("content-type", "application/grpc"),
    ]);
    let again = asks.indexed([
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/a"),
        (":authority", "h"),
        ("authorization", "Bearer tok"),
    ]);
    let ok = answers.indexed([(":status", "200"), ("content-type", "application/json")]);
    let early = answers.indexed([(":status", "103"), ("link", "x")]);
    let trailers = answers.indexed([("grpc-status", "7"), ("grpc-message", "no")]);
    let exchange =
        [framed(1, 5, 1, &get, CLIENT), framed(1, 4, 1, &ok, SERVER), framed(0, 1, 1, b"{\"a\":1}", SERVER)]
            .concat();
    let (first, rest) = post.split_at(post.len() / 2);
    let call = [
        framed(1, 0, 3, first, CLIENT),
        framed(9, 4, 3, rest, CLIENT),
        framed(0, 9, 3, &[2, 0, 0, 0, 0, 2, 8, 1, 0, 0], CLIENT),
        framed(1, 4, 3, &early, SERVER),
        framed(1, 0x2c, 3, &[&[1, 0, 0, 0, 0, 16][..], &ok, &[0]].concat(), SERVER),
        framed(1, 5, 3, &trailers, SERVER),
    ]
    .concat();
    let odd = [
        framed(4, 0, 0, &[0, 1, 0, 0, 0, 0, 0, 5, 0, 0, 0x40, 0], CLIENT),
        framed(6, 0, 0, &[0; 8], SERVER),
        framed(2, 0, 5, &[0, 0, 0, 0, 16], CLIENT),
        framed(8, 0, 0, &[0, 0, 1, 0], SERVER),
        framed(3, 0, 1, &[0, 0, 0, 8], CLIENT),
        framed(7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0], SERVER),
        framed(5, 4, 1, &[&[0, 0, 0, 2][..], &again].concat(), SERVER),
    ]
    .concat();
    let again = framed(1, 5, 7, &again, CLIENT);
    vec![
        [&[0, 0], &exchange[..], &again].concat(),
        [&[0, 50], &call[..]].concat(),
        [&[2, 3], &exchange[..], &call, &again].concat(),
        [&[0, 7], &odd[..], &exchange].concat(),
        [&[5, 7], &exchange[..], &odd, &call].concat(),
        [&[0, 7], &exchange[..], &turn(CLIENT_GAP, "123456"), &again, &turn(SERVER_GAP, "123456"), &call]
            .concat(),
    ]
}
