//! What holds for every input: cuts between segments do not matter, losses never make anything up, nothing panics.

use crate::harness::Wire;
use crate::peer::{PREFACE, Peer, data, frame, ping, reset, settings, told};
use heelguard::flow::{CloseReason, Direction};
use heelguard::http::{Exchange, HttpShared};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A conversation of many streams, in the order in which it goes over the wire.
fn conversation(choices: &[u8]) -> Vec<(Direction, Vec<u8>)> {
    let (mut client, mut server) = (Peer::default(), Peer::default());
    let mut turns = vec![
        (Direction::FromInitiator, [PREFACE, &settings(&[])].concat()),
        (Direction::FromResponder, settings(&[(1, 4_096), (3, 100)])),
    ];
    for (n, choice) in choices.iter().enumerate() {
        let stream = 1 + 2 * n as u32;
        let (path, token) = (format!("/{}/{n}", choice % 5), format!("tok-{}", choice % 7));
        let (asked, answered) = match choice % 8 {
            0 => (client.post(stream, &path, "application/json"), server.answer(stream, "201", true)),
            1 => ([client.get(stream, &path, &token), reset(stream)].concat(), ping()),
            2 => (
                client.get(stream, &path, &token),
                [server.headers(stream, &[(":status", "103")], false), server.answer(stream, "403", true)]
                    .concat(),
            ),
            3 => (
                client.get(stream, &path, &token),
                [server.answer(stream, "200", false), frame(0, 9, stream, &[2, b'x', b'y', 0, 0])].concat(),
            ),
            4 => {
                let block = client.encoder.indexed([
                    (":method", "GET"),
                    (":scheme", "http"),
                    (":path", path.as_str()),
                    ("authorization", "Bearer tok-c"),
                ]);
                let (first, rest) = block.split_at(block.len() / 2);
                (
                    [frame(1, 1, stream, first), frame(9, 0, stream, b""), frame(9, 4, stream, rest)]
                        .concat(),
                    server.answer(stream, "204", true),
                )
            }
            5 => (
                client.get(stream, &path, &token),
                [server.answer(stream, "200", false), data(stream, &[b'z'; 3_000], true)].concat(),
            ),
            6 => (
                client.get(stream, &path, &token),
                [settings(&[]), server.answer(stream, "500", true)].concat(),
            ),
            _ => (client.get(stream, &path, &token), server.answer(stream, "200", true)),
        };
        turns.push((Direction::FromInitiator, asked));
        if choice % 8 == 0 {
            turns.push((Direction::FromInitiator, data(stream, b"{\"user\":\"ann\"}", true)));
        }
        turns.push((Direction::FromResponder, answered));
    }
    turns
}

fn facts(found: &HttpShared) -> String {
    format!("{}{:?}", told(found), found.counters.anomalies.rows())
}

/// Path and token of a request, as far as they are known.
fn claim(exchange: &Exchange) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let request = exchange.request.as_ref()?;
    Some((request.target().to_vec(), request.header("authorization").map(<[u8]>::to_vec)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_cut_gives_the_same_exchanges(choices in prop::collection::vec(any::<u8>(), 1..12), cuts in prop::collection::vec(1_usize..60, 1..60)) {
        let turns = conversation(&choices);
        let (mut whole, mut pieces) = (Wire::new(), Wire::new());
        let mut sizes = cuts.iter().cycle().copied();
        for (direction, bytes) in &turns {
            whole.send(*direction, bytes);
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (piece, left) = rest.split_at(sizes.next().unwrap().min(rest.len()));
                pieces.send(*direction, piece);
                rest = left;
            }
        }
        prop_assert_eq!(facts(&whole.close()), facts(&pieces.close()));
    }

    #[test]
    fn a_loss_never_makes_up_a_request(
        choices in prop::collection::vec(any::<u8>(), 1..40),
        segment in 20_usize..400,
        lost in prop::collection::vec(0_u8..100, 1..200),
        percent in prop::sample::select(vec![1_u8, 5, 20]),
        midstream: bool,
    ) {
        let turns = conversation(&choices);
        let mut whole = Wire::new();
        for (direction, bytes) in &turns {
            whole.send(*direction, bytes);
        }
        let truth: BTreeSet<_> = whole.close().exchanges.iter().filter_map(claim).collect();
        let (paths, tokens): (BTreeSet<_>, BTreeSet<_>) = truth.iter().cloned().unzip();

        let mut wire = if midstream { Wire::midstream() } else { Wire::new() };
        let mut dice = lost.iter().cycle();
        for (direction, bytes) in turns.iter().skip(usize::from(midstream) * 4) {
            for piece in bytes.chunks(segment) {
                if *dice.next().unwrap() >= percent {
                    wire.send(*direction, piece);
                } else if *direction == Direction::FromInitiator {
                    wire.client_gap(piece.len() as u64);
                } else {
                    wire.server_gap(piece.len() as u64);
                }
            }
        }
        let found = wire.end(CloseReason::CaptureEnd);
        for (path, token) in found.exchanges.iter().filter_map(claim) {
            match (path.is_empty(), token) {
                (true, None) => {}
                (true, token) => prop_assert!(tokens.contains(&token)),
                (false, None) => prop_assert!(paths.contains(&path)),
                (false, token) => prop_assert!(truth.contains(&(path, token))),
            }
        }
    }

    #[test]
    fn any_bytes_are_answered(
        turns in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..120), 0_u8..10), 0..30),
        preface: bool,
    ) {
        let mut wire = if preface { Wire::new() } else { Wire::midstream() };
        wire.client([PREFACE, &settings(&[])].concat()).server(settings(&[]));
        for (of_client, bytes, kind) in &turns {
            let direction = if *of_client { Direction::FromInitiator } else { Direction::FromResponder };
            match kind {
                0..8 => wire.send(direction, &frame(*kind, bytes.len() as u8, u32::from(*kind) * 2 + 1, bytes)),
                8 => wire.send(direction, bytes),
                _ => wire.client_gap(bytes.len() as u64 + 1),
            };
        }
        let found = wire.close();
        prop_assert_eq!(found.counters.http.requests, found.exchanges.iter().filter(|e| e.request.is_some()).count() as u64);
    }
}
