//! A TLS 1.2 conversation told to a connection whole, cut, damaged and with holes; and any bytes at all.

use super::*;
use crate::decode::{Tunnel, Vlans};
use crate::flow::Origin;
use crate::tls::hello::tests::{Offer, vector16};

const CLIENT: Direction = Direction::FromInitiator;
const SERVER: Direction = Direction::FromResponder;

/// A record.
fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &vector16(body)].concat()
}

/// A handshake message.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = (body.len() as u32).to_be_bytes();
    [&[kind, a, b, c], body].concat()
}

fn offer() -> Vec<u8> {
    let offer = Offer::new(&[0xC02F, 0x009C]).named(b"real.api.test").speaking(&[b"h2", b"http/1.1"]);
    message(1, &offer.signing(&[0x0403]).body())
}

/// A server's hello of TLS 1.2 that takes HTTP/1.1.
fn answer(session_id: &[u8]) -> Vec<u8> {
    let alpn = [&16u16.to_be_bytes()[..], &vector16(&vector16(b"\x08http/1.1"))].concat();
    let body =
        [&[3, 3][..], &[9; 32], &[session_id.len() as u8], session_id, &[0xC0, 0x2F, 0], &vector16(&alpn)];
    message(2, &body.concat())
}

/// Both sides of a handshake, and a little of what is said under it.
fn conversation() -> Vec<(Direction, Vec<u8>)> {
    vec![
        (CLIENT, record(22, &offer())),
        (SERVER, record(22, &[answer(b""), message(14, b"")].concat())),
        (CLIENT, [record(20, b"\x01"), record(22, &[0x55; 40])].concat()),
        (SERVER, [record(20, b"\x01"), record(22, &[0x66; 40])].concat()),
        (CLIENT, record(23, &[0x77; 300])),
        (SERVER, record(23, &[0x88; 3_000])),
    ]
}

struct Wire {
    connection: Connection,
    shared: TlsShared,
    flow: FlowInfo,
}

impl Wire {
    fn new(is_joined: bool) -> Self {
        let end = |last, port| Endpoint { ip: [10, 0, 0, last].into(), port };
        let at = EventTime::from_secs(1);
        let flow = FlowInfo {
            initiator: end(1, 40_000),
            responder: end(2, 443),
            vlans: Vlans::default(),
            tunnel: Tunnel::default(),
            opened_at: at,
            origin: if is_joined { Origin::Midstream } else { Origin::Handshake },
            anomalies: AnomalySet::EMPTY,
        };
        let client = (!is_joined).then_some(CLIENT);
        Self { connection: Connection::new(client, is_joined, at), shared: TlsShared::default(), flow }
    }

    fn send(&mut self, direction: Direction, bytes: &[u8]) -> &mut Self {
        self.connection.data(direction, EventTime::from_secs(2), bytes, &mut self.shared);
        self
    }

    fn lose(&mut self, direction: Direction, missing: u64) -> &mut Self {
        self.connection.gap(direction, EventTime::from_secs(2), missing, &mut self.shared);
        self
    }

    /// What is told of the connection, in one line.
    fn end(self) -> String {
        let Self { connection, mut shared, mut flow } = self;
        connection.closed(&mut flow, EventTime::from_secs(9), (0, None), &mut shared);
        let malformed = shared.counters.anomalies.get(Anomaly::TlsMalformed);
        let Some(seen) = shared.connections.pop() else { return format!("nothing, {malformed} malformed") };
        let facts = &seen.facts;
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        format!(
            "{} {} {} {:?} {:?} {malformed} malformed",
            facts.version.map_or("-".into(), |version| format!("{version:04x}")),
            facts.sni.as_deref().map_or("-".into(), text),
            facts.alpn.as_deref().map_or("-".into(), text),
            seen.completeness,
            seen.bytes,
        )
    }
}

const WHOLE: &str = "0303 real.api.test http/1.1 Whole [458, 3124] 0 malformed";

fn told(pieces: &[(Direction, Vec<u8>)]) -> String {
    let mut wire = Wire::new(false);
    for (direction, bytes) in pieces {
        wire.send(*direction, bytes);
    }
    wire.end()
}

#[test]
fn a_handshake_is_the_same_however_its_bytes_are_cut() {
    for portion in [1, 2, 3, 5, 7, 64, 1_400, 10_000] {
        let cut = |(direction, bytes): &(Direction, Vec<u8>)| {
            bytes.chunks(portion).map(|part| (*direction, part.to_vec())).collect::<Vec<_>>()
        };
        assert_eq!(told(&conversation().iter().flat_map(cut).collect::<Vec<_>>()), WHOLE, "{portion}");
    }
}

#[test]
fn a_hello_in_records_of_one_byte_is_a_hello() {
    let mut conversation = conversation();
    conversation[0].1 = offer().iter().flat_map(|&byte| record(22, &[byte])).collect();
    let bytes = 458 - record(22, &offer()).len() + conversation[0].1.len();
    let expected = WHOLE.replace("458", &bytes.to_string());
    assert_eq!(told(&conversation), expected);
}

#[test]
fn nonsense_ends_the_reading_and_what_was_known_stays() {
    let told_with = |last: Vec<u8>| {
        let mut conversation = conversation();
        conversation.truncate(2);
        conversation.push((CLIENT, last));
        told(&conversation)
    };
    for nonsense in [record(22, b""), vec![22, 3, 3, 0xFF, 0xFF, 1], b"QUIT\r\n".to_vec(), record(99, b"x")] {
        let told = told_with(nonsense);
        assert!(told.starts_with("0303 real.api.test http/1.1 Whole"), "{told}");
        assert!(told.ends_with(" 1 malformed"), "{told}");
    }
    assert_eq!(told(&[(CLIENT, record(22, &message(1, b"too short")))]), "nothing, 1 malformed");
    assert_eq!(told(&[(CLIENT, record(23, b"").repeat(2_000))]), "nothing, 1 malformed");
    assert_eq!(told(&[(CLIENT, record(22, &message(14, b"")))]), "nothing, 1 malformed");
}

#[test]
fn a_joined_flow_that_only_looks_like_tls_is_no_malformed_tls() {
    let mut wire = Wire::new(true);
    wire.send(CLIENT, b"\x17\x03\x03\x00\x02abcdefgh");
    assert_eq!(wire.end(), "nothing, 0 malformed");
    let mut wire = Wire::new(true);
    wire.send(CLIENT, &record(23, b"abc")).send(SERVER, &record(22, &[0x99; 40]));
    assert_eq!(wire.end(), "- - - Gap [8, 45] 0 malformed", "records that fit together are TLS");
}

#[test]
fn a_loss_in_a_sealed_record_is_bridged_and_one_in_the_handshake_is_told() {
    let mut wire = Wire::new(false);
    for (direction, bytes) in conversation() {
        wire.send(direction, &bytes);
    }
    let long = record(23, &[1; 1_000]);
    wire.send(SERVER, &long[..100]).lose(SERVER, 800).send(SERVER, &long[900..]).send(SERVER, &long);
    assert_eq!(wire.end(), "0303 real.api.test http/1.1 Whole [458, 4334] 0 malformed");

    let mut wire = Wire::new(false);
    let (_, hello) = &conversation()[0];
    wire.send(CLIENT, &hello[..50]).lose(CLIENT, 20).send(CLIENT, &hello[70..]);
    for (direction, bytes) in &conversation()[1..] {
        wire.send(*direction, bytes);
    }
    let told = wire.end();
    assert!(told.starts_with("0303 - http/1.1 Gap"), "{told}");
    assert!(told.ends_with(" 0 malformed"), "{told}");
}

#[test]
fn a_session_that_goes_on_is_told_from_one_that_begins() {
    let resumed = |client_id: &[u8], server_id: &[u8]| {
        let mut wire = Wire::new(false);
        let mut body = Offer::new(&[0xC02F]).body();
        body.splice(34..35, [&[client_id.len() as u8], client_id].concat());
        wire.send(CLIENT, &record(22, &message(1, &body)));
        wire.send(SERVER, &[record(22, &answer(server_id)), record(20, b"\x01")].concat());
        wire.connection.facts().is_resumed
    };
    assert_eq!(resumed(&[5; 32], &[5; 32]), Some(true));
    assert_eq!(resumed(&[5; 32], &[6; 32]), Some(false));
    assert_eq!(resumed(b"", b""), Some(false));
}

#[test]
fn an_idle_connection_is_small() {
    assert!(size_of::<Connection>() <= 320, "{}", size_of::<Connection>());
    assert!(size_of::<Facts>() <= 224, "{}", size_of::<Facts>());
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_taken(
        pieces in proptest::collection::vec((proptest::bool::ANY, 0..4u8, proptest::collection::vec(0..=255u8, 0..80)), 0..20)
    ) {
        let mut wire = Wire::new(false);
        for (is_client, what, bytes) in pieces {
            let direction = if is_client { CLIENT } else { SERVER };
            match what {
                0 => wire.lose(direction, bytes.len() as u64),
                1 => wire.send(direction, &bytes),
                2 => wire.send(direction, &record(22, &bytes)),
                _ => wire.send(direction, &record(22, &message(bytes.first().copied().unwrap_or(1) % 16, &bytes))),
            };
        }
        wire.end();
    }
}
