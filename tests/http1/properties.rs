//! What holds for every input: cuts between segments do not matter, and nothing panics or grows.

use crate::harness::{Wire, show};
use heelguard::flow::{CloseReason, Direction, Origin};
use heelguard::http::{Config, HttpShared};
use proptest::prelude::*;

/// Conversations with every kind of framing, in the order in which they went over the wire.
fn conversation(choices: &[u8]) -> Vec<(Direction, Vec<u8>)> {
    let mut turns = Vec::new();
    for (n, choice) in choices.iter().enumerate() {
        let (request, response) = match choice % 12 {
            0 => (format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".into()),
            1 => (format!("HEAD /{n} HTTP/1.1\r\n\r\n"), "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n".into()),
            2 => (
                format!("POST /{n} HTTP/1.1\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nabcde\r\n00\r\nT: u\r\n\r\n"),
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".into(),
            ),
            3 => (
                format!("PUT /{n} HTTP/1.1\r\nContent-Length: 30\r\n\r\nGET /decoy HTTP/1.1\r\nHost: x\r\n\r"),
                "HTTP/1.1 304 No\r\nContent-Length: 7\r\n\r\n".into(),
            ),
            4 => (format!("\r\nGET /{n} HTTP/1.1\nA: b\n\n"), "HTTP/1.1 200 OK\nContent-Length: 1\n\nx".to_owned()),
            5 => (format!("GET /{n} HTTP/1.1\r\nAuthorization : x\r\nB: c\r\n\td\r\n\r\n"), "HTTP/1.1  200\r\nContent-Length: 0\r\n\r\n".into()),
            6 => (
                format!("POST /{n} HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /in HTTP/1.1\r\n\r\n"),
                "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n".into(),
            ),
            7 => (
                format!("GET /{n} HTTP/1.1\r\nUpgrade: h2c\r\n\r\nGET /{n}b HTTP/1.1\r\n\r\n"),
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2".into(),
            ),
            8 => (
                format!("CONNECT h{n}:1 HTTP/1.1\r\n\r\n"),
                "HTTP/1.1 200 OK\r\n\r\n".to_owned(),
            ),
            9 => (format!("POST /{n} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n"), "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n".into()),
            10 => (format!("GET /{n} HTTP/1.1\r\n\r\nGET /{n}c HTTP/1.1\r\n\r\n"), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 204 No\r\n\r\n".into()),
            _ => (format!("POST /{n} HTTP/1.1\r\nContent-Length: +1\r\n\r\nx"), "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n".into()),
        };
        turns.push((Direction::FromInitiator, request.into_bytes()));
        turns.push((Direction::FromResponder, response.into_bytes()));
    }
    turns
}

/// Everything an exchange says, without the times.
fn facts(found: &HttpShared) -> String {
    let bodies: String = found
        .exchanges
        .iter()
        .flat_map(|e| [&e.request, &e.response])
        .map(|m| {
            m.as_ref().map_or_else(String::new, |m| {
                format!("{} {:?} {}\n", m.head.escape_ascii(), m.headers, m.body.prefix.escape_ascii())
            })
        })
        .collect();
    format!("{}{bodies}{:?}", show(found), found.counters.anomalies.rows())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_cut_gives_the_same_exchanges(choices in prop::collection::vec(any::<u8>(), 1..6), cuts in prop::collection::vec(1_usize..40, 1..60)) {
        // Behind a request whose end nobody can know, only the start of a segment can prove the next one.
        let ends = choices.iter().position(|choice| matches!(choice % 12, 9 | 11)).map_or(choices.len(), |at| at + 1);
        let turns = conversation(&choices[..ends]);
        let mut whole = Wire::new();
        let mut pieces = Wire::new();
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
        prop_assert_eq!(facts(&pieces.close()), facts(&whole.close()));
    }

    #[test]
    fn mutated_and_lost_bytes_are_survived(
        choices in prop::collection::vec(any::<u8>(), 1..8),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..6), 0..12),
        midstream in any::<bool>(),
    ) {
        let small = Config { head_bytes_max: 256, header_lines_max: 8, pipeline_max: 3, trailer_bytes_max: 32, chunk_line_bytes_max: 16, ..Config::default() };
        let mut wire = Wire::with(small, if midstream { Origin::Midstream } else { Origin::Handshake });
        let mut turns = conversation(&choices);
        for (place, byte, kind) in &edits {
            let at = place.index(turns.len());
            let bytes = &mut turns[at].1;
            let spot = place.index(bytes.len() + 1);
            match kind {
                0 => bytes.insert(spot, *byte),
                1 => bytes.truncate(spot),
                2 => { let copy = bytes.clone(); bytes.extend(copy); }
                _ => if let Some(old) = bytes.get_mut(spot) { *old = *byte },
            }
        }
        for (n, (direction, bytes)) in turns.iter().enumerate() {
            match edits.get(n).map(|edit| edit.2) {
                Some(4) if *direction == Direction::FromInitiator => { wire.client_gap(u64::from(edits[n].1)); }
                Some(4) => { wire.server_gap(u64::from(edits[n].1)); }
                Some(5) if *direction == Direction::FromInitiator => { wire.client_fin(); }
                Some(5) => { wire.server_fin(); }
                _ => { wire.send(*direction, bytes); }
            }
        }
        let found = wire.end(CloseReason::Reset);
        let http = &found.counters.http;
        prop_assert_eq!(http.requests, found.exchanges.iter().filter(|e| e.request.is_some()).count() as u64);
        prop_assert_eq!(http.responses, found.exchanges.iter().filter(|e| e.response.is_some()).count() as u64);
        for exchange in &found.exchanges {
            prop_assert!(exchange.request.is_some() || exchange.response.is_some());
            for message in [&exchange.request, &exchange.response].into_iter().flatten() {
                prop_assert!(message.head.len() <= 256 && message.headers.len() <= 8);
                prop_assert!(message.first_byte <= message.last_byte && message.last_byte <= exchange.end);
            }
        }
    }

    #[test]
    fn noise_is_no_http(bytes in prop::collection::vec(any::<u8>(), 0..400), size in 1_usize..50) {
        let mut wire = Wire::midstream();
        for piece in bytes.chunks(size) {
            wire.client(piece).server(piece);
        }
        prop_assert!(wire.close().exchanges.is_empty());
    }
}
