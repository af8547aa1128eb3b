//! What waits: in bounds of bytes and time, and let go when it should be.

use super::super::{Config, GivenUp};
use super::rfc8448::{RECORDS, SECRETS, section_3};
use super::*;

#[test]
fn a_connection_holds_so_much_and_no_more() {
    let mut wire = section_3(true);
    let bytes: usize = RECORDS[..3].iter().map(|(_, record)| unhex(record).len()).sum();
    wire.shared.config = Config { held_bytes_per_connection_max: bytes + 3 * 40, ..Config::default() };
    RECORDS[..3].iter().for_each(|(side, record)| wire.record(*side, record));
    assert_eq!(wire.decryptor.given_up(), None);
    wire.record(RECORDS[3].0, RECORDS[3].1);
    assert_eq!(wire.decryptor.given_up(), Some(GivenUp::NoSecret));
    // And what it held is free: another one may hold as much.
    assert_eq!(wire.shared.held.bytes(), 0);
}

#[test]
fn what_waits_longest_leaves_when_all_hold_too_much() {
    let mut wire = section_3(true);
    wire.server(RECORDS[0].1);
    let one = wire.shared.held.bytes();
    wire.shared.config = Config { held_bytes_max: 2 * one, ..Config::default() };
    let mut others: Vec<Decryptor> = Vec::new();
    for _ in 0..2 {
        // Another connection, in the same shard.
        let first = std::mem::replace(&mut wire.decryptor, Decryptor::new([1; 32], false));
        others.push(first);
        wire.server(RECORDS[0].1);
    }
    assert_eq!(wire.shared.held.bytes(), 2 * one);
    wire.log(SECRETS);
    wire.decryptor = others.swap_remove(0);
    wire.client(RECORDS[1].1);
    assert_eq!(wire.decryptor.given_up(), Some(GivenUp::NoSecret));
}

#[test]
fn what_waited_too_long_makes_room() {
    let mut wire = section_3(true);
    wire.server(RECORDS[0].1);
    let one = wire.shared.held.bytes();
    wire.now += Config::default().secret_wait_ms + 1;
    wire.decryptor = Decryptor::new([1; 32], false);
    wire.server(RECORDS[0].1);
    assert_eq!(wire.shared.held.bytes(), one);
}

#[test]
fn a_connection_that_ends_leaves_nothing() {
    let mut wire = section_3(true);
    wire.server(RECORDS[0].1);
    assert!(wire.shared.held.bytes() > 0);
    wire.decryptor.closed(&mut wire.shared);
    assert_eq!(wire.shared.held.bytes(), 0);
}

#[test]
fn a_reader_is_small() {
    assert!(size_of::<Decryptor>() <= 96, "{}", size_of::<Decryptor>());
}
