//! A million connections whose addresses and ports somebody chose to fall together under a hash that everybody knows.
//! They are given to that hash, where they do, and to the one of this table, whose key is made by chance at each start;
//! flows have keys of the same kind and a hasher of the same kind.
//! They promise a ratio of work: the keys that a look-up would meet, whatever the machine.

use super::*;
use crate::decode::Endpoint;
use crate::flow::tests_support;
use std::hash::{Hash as _, Hasher};
use std::net::Ipv4Addr;

const CHOSEN: usize = 1 << 20;
/// What a table of so many has.
const BUCKETS: usize = CHOSEN * 2;

/// What rustc's own tables use: a word comes in, the state is turned, and multiplied by a number in the source.
#[derive(Default)]
struct Known(u64);

const TURN: u32 = 5;

impl Hasher for Known {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(TURN) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_u128(&mut self, words: u128) {
        self.write_u64(words as u64);
        self.write_u64((words >> 64) as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

fn key(ends: [(u32, u16); 2]) -> FlowKey {
    let [src, dst] = ends.map(|(ip, port)| Endpoint { ip: Ipv4Addr::from(ip).into(), port });
    let segment = tests_support::segment(src, dst);
    FlowKey::of(&segment, &flow::Config::default())
}

/// For any two ports, the addresses that undo in the second word what the ports did in the first.
fn chosen() -> impl Iterator<Item = FlowKey> {
    (0_u32..).filter_map(|ports| {
        let mut state = Known::default();
        state.write_u64(ports.into());
        let addresses = state.finish().rotate_left(TURN);
        let [low, high] = [(addresses >> 32) as u32, addresses as u32];
        (low < high).then(|| key([(low, (ports >> 16) as u16), (high, ports as u16)]))
    })
}

/// Clients of one server, as they come.
fn usual() -> impl Iterator<Item = FlowKey> {
    (0_u32..)
        .map(|client| key([(0x0a00_0000 + client / 50, 40_000 + (client % 50) as u16), (0x0a01_0203, 443)]))
}

/// Keys met when each is looked up once, and the most that share a place.
fn work(hashes: impl Iterator<Item = u64>) -> (u64, u64) {
    let mut places = vec![0_u64; BUCKETS];
    for hash in hashes.take(CHOSEN) {
        places[hash as usize % BUCKETS] += 1;
    }
    (places.iter().map(|keys| keys * (keys + 1) / 2).sum(), places.into_iter().max().unwrap())
}

#[test]
fn a_million_chosen_connections_cost_no_more_than_a_million_others() {
    let known = |key: FlowKey| {
        let mut state = Known::default();
        key.hash(&mut state);
        state.finish()
    };
    assert_eq!(work(chosen().map(known)).1, CHOSEN as u64, "they are well chosen: all of them in one place");
    let table = Quic::new(flow::Config::default());
    let hasher = table.connections.hasher();
    let keyed = |key: FlowKey| hasher.hash_one(key);
    let ((chosen, longest), (usual, _)) = (work(chosen().map(keyed)), work(usual().map(keyed)));
    assert!(chosen <= 2 * usual && longest <= 16, "{chosen} of {usual}, {longest} in one place");
    let other = Quic::new(flow::Config::default());
    let sample = key([(1, 2), (3, 4)]);
    assert_ne!(other.connections.hasher().hash_one(sample), keyed(sample), "a key by chance");
}
