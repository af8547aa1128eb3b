//! Key logs of any text: any cut gives the same secrets, and junk is counted as such.

use super::input::{Input, cuts, in_pieces};
use heelguard::tls::decrypt::{KeyStore, Lines};
use heelguard_detectors::time::EventTime;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let cut = input.byte();
    let text = input.rest();
    let told = |cut: &mut dyn FnMut() -> usize| {
        let (store, mut lines) = (KeyStore::new(4, true), Lines::default());
        in_pieces(text, cut).for_each(|piece| lines.read(piece, EventTime::ZERO, &store));
        lines.end(EventTime::ZERO, &store);
        format!("{:?}", store.counters())
    };
    assert_eq!(told(&mut || usize::MAX), told(&mut cuts(cut)), "a cut changes what is read");
}

pub fn seeds() -> Vec<Vec<u8>> {
    let random = "0123456789abcdef".repeat(4);
    let line = |label: &str, bytes: usize| format!("{label} {random} {}\n", "5a".repeat(bytes));
    let lines = [
        line("CLIENT_RANDOM", 48),
        line("CLIENT_HANDSHAKE_TRAFFIC_SECRET", 32),
        line("SERVER_TRAFFIC_SECRET_0", 48),
        line("EXPORTER_SECRET", 32),
        "# a comment\r\n\r\nRSA 0123456789abcdef ff\n".to_owned(),
        line("CLIENT_RANDOM", 4_000),
    ];
    let mut seeds: Vec<Vec<u8>> = lines.iter().map(|line| [&[0], line.as_bytes()].concat()).collect();
    seeds.push([&[77], lines.concat().as_bytes()].concat());
    seeds
}
