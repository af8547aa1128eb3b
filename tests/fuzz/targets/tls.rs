//! TLS of any bytes in both directions: records, hellos, certificates.
//! Any cut gives the same facts, and names are as short as promised.

use super::input::{Input, Turn, cuts, in_pieces, turn};
use super::wire::{CERTIFICATE, CLIENT, CLIENT_GAP, SERVER, direction, flow};
use crate::support::hello::{client_hello, extension, message, names, record, server_hello, vector16};
use heelguard::flow::{Direction, Origin};
use heelguard::tls::{Connection, TlsShared};
use std::time::Duration;

/// Of the server's name (`Facts`).
const NAME_BYTES_MAX: usize = 255;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (choice, cut) = (input.byte(), input.byte());
    let turns = input.turns();
    let whole = told(choice, &turns, None);
    let pieces = told(choice, &turns, Some(cut));
    assert!(whole == pieces, "a cut changes what is told:\n{whole}\n--- and in pieces\n{pieces}");
}

fn told(choice: u8, turns: &[Turn<'_>], cut: Option<u8>) -> String {
    let client =
        [None, Some(Direction::FromInitiator), Some(Direction::FromResponder)][usize::from(choice % 3)];
    let mut flow = flow(Origin::Handshake);
    let mut shared = TlsShared::default();
    let mut now = flow.opened_at;
    let mut connection = Connection::new(client, choice & 0x80 > 0, now);
    let mut cut = cut.map(cuts);
    for &turn in turns {
        now = now.after(Duration::from_millis(1));
        let way = direction(turn);
        match &mut cut {
            _ if turn.kind & 6 == CLIENT_GAP => {
                connection.gap(way, now, turn.bytes.len() as u64 + 1, &mut shared);
            }
            None => connection.data(way, now, turn.bytes, &mut shared),
            Some(cut) => {
                in_pieces(turn.bytes, cut).for_each(|piece| connection.data(way, now, piece, &mut shared));
            }
        }
    }
    connection.closed(&mut flow, now, (0, None), &mut shared);
    for seen in &shared.connections {
        assert!(seen.facts.sni.as_ref().is_none_or(|name| name.len() <= NAME_BYTES_MAX));
        assert!(seen.facts.offered.len() <= 8 && seen.facts.offered.iter().all(|name| name.len() <= 32));
    }
    format!("{:#?}\n{:?}\n{:?}", shared.connections, shared.counters.tls, shared.counters.anomalies.rows())
}

pub fn seeds() -> Vec<Vec<u8>> {
    let alpn = extension(16, &vector16(b"\x02h2\x08http/1.1"));
    let versions = extension(43, &[4, 3, 4, 3, 3]);
    let hello = client_hello(&[names(&[b"api.example.com"]), alpn.clone(), versions].concat());
    let odd = [
        client_hello(&names(&[b""])),
        client_hello(&names(&[b"a\0b", b"second"])),
        client_hello(&names(&[&[b'x'; 300]])),
        client_hello(&[extension(0xfe0d, &[0; 20]), names(&[b"\xff\xfe"])].concat()),
        client_hello(&extension(0, &[0xff; 9])),
        [&[0x80, 46, 1, 3, 1, 0, 21, 0, 0, 0, 16][..], &[9; 37]].concat(),
    ];
    let chain = |der: &[u8]| {
        let [_, _, l0, l1] = (der.len() as u32).to_be_bytes();
        let [_, _, a0, a1] = (der.len() as u32 + 3).to_be_bytes();
        message(11, &[&[0, a0, a1, 0, l0, l1][..], der].concat())
    };
    let certificate = chain(b"\x30\x01\x00");
    let own = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, CERTIFICATE).expect("it is base64");
    let flight =
        [server_hello(), certificate, message(14, b""), record(20, &[1]), record(22, &[7; 40])].concat();
    let talk = [turn(CLIENT, &hello), turn(SERVER, &flight), turn(CLIENT, record(23, &[5; 90]))].concat();
    let mut seeds =
        vec![[&[0, 0], &talk[..]].concat(), [&[1, 40], &talk[..]].concat(), [&[0x80, 3], &talk[..]].concat()];
    seeds.extend(
        odd.iter().map(|hello| [vec![0, 9], turn(CLIENT, hello), turn(SERVER, server_hello())].concat()),
    );
    seeds.push(
        [vec![1, 2], turn(CLIENT_GAP, "lost"), talk.clone(), turn(SERVER, record(21, &[2, 40]))].concat(),
    );
    let both = [server_hello(), chain(&own), message(13, &[1, 1, 0, 0]), message(14, b"")].concat();
    let proved =
        [chain(&own), message(16, &[1, 4]), message(15, &[4, 3, 0, 1, 9]), record(20, &[1])].concat();
    seeds.push([vec![0, 5], turn(CLIENT, &hello), turn(SERVER, both), turn(CLIENT, proved)].concat());
    seeds
}
