//! What sensors and workers send each other: frames, parcels, and the records of a partition's memory.
//! What is read is written back as it was, and nothing of any other bytes is believed.

use super::bodies::sighting;
use super::credentials::frame;
use super::input::{Input, Turn, turn};
use super::wire::{CLIENT, SERVER, found};
use heelguard::flow::Origin;
use heelguard::fuzzing::{parcel, sealed, worker_state};
use heelguard::http::Config;
use heelguard::scale::frame::Frame;
use heelguard_detectors::story::transactions;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match input.byte() % 3 {
        0 => {
            let bytes = input.rest();
            if let Ok(frame) = Frame::read(bytes) {
                let mut written = Vec::new();
                frame.write(&mut written);
                let again = Frame::read(&written).expect("what was written is read");
                assert_eq!(format!("{frame:?}"), format!("{again:?}"));
            }
        }
        1 => {
            let bytes = input.rest();
            assert!(parcel(bytes).is_none_or(|items| items <= bytes.len()), "no item is a byte long");
        }
        _ => {
            let turns = input.turns();
            let records = turns.chunks(2).filter_map(|pair| {
                let [key, value] = pair else { return None };
                Some((key.bytes, (value.kind & 1 == 0).then_some(value.bytes)))
            });
            let _ = worker_state(records, [0; 8], 4);
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let asked = b"POST /login HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: application/json\r\nCookie: session=abc\r\nContent-Length: 33\r\n\r\n{\"username\":\"ann\",\"password\":\"p\"}";
    let answered = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=xyz\r\nContent-Length: 0\r\n\r\n";
    let turns = [Turn { kind: CLIENT, bytes: asked }, Turn { kind: SERVER, bytes: answered }];
    let exchanges = found(&Config::default(), Origin::Handshake, &turns, None).exchanges;
    let (mut full, mut empty) = (vec![0], vec![0]);
    frame(exchanges.into_iter().map(|exchange| Box::new(sighting(exchange))).collect()).write(&mut full);
    frame(Vec::new()).write(&mut empty);
    let records = [turn(0, "state/manifest"), turn(0, [1; 60]), turn(0, "state/1/0/x"), turn(1, "")].concat();
    let parcel = [&[1, 1][..], &[0; 40]].concat();
    let story =
        transactions("10:00:00 203.0.113.9 -> login POST /v1/login 401 user=ann x2").expect("a story");
    let held = [vec![1], sealed(&story)].concat();
    assert_eq!(heelguard::fuzzing::parcel(&held[1..]), Some(story.len()), "what was sealed is read");
    vec![full, empty, parcel, held, [vec![2], records].concat()]
}
