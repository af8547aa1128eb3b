//! Tables at their limit, under a flood, and after a restart.

use super::*;

const IDLE: Duration = Duration::from_hours(1);

fn at(secs: u64) -> EventTime {
    EventTime::from_secs(secs)
}

#[test]
fn a_loaded_table_goes_on_as_the_saved_one_would() {
    let mut table: Keyed<u32, u32> = Keyed::new(8, IDLE);
    for (key, secs) in [(1, 0), (2, 1), (3, 2), (1, 700), (4, 701), (2, 702), (5, 703)] {
        *table.entry(&key, at(secs)) += 1;
    }
    let mut bytes = Vec::new();
    table.save(&mut bytes);
    let mut other: Keyed<u32, u32> = Keyed::new(8, IDLE);
    other.load(&mut bytes.as_slice()).unwrap();
    for key in 6..20 {
        table.entry(&key, at(800));
        other.entry(&key, at(800));
    }
    let held = |table: &mut Keyed<u32, u32>| {
        (0..20).map(|key| table.get(&key, at(801)).copied()).collect::<Vec<_>>()
    };
    assert_eq!(held(&mut table), held(&mut other));
    assert_eq!(table.evicted(), other.evicted());
    for end in 0..bytes.len() {
        assert!(other.load(&mut &bytes[..end]).is_err(), "{end}");
    }
}

#[test]
fn the_longest_quiet_key_goes_first() {
    let mut table: Keyed<u32, u32> = Keyed::new(4, IDLE);
    for key in [1, 2, 3] {
        *table.entry(&key, at(u64::from(key))) = key;
    }
    table.entry(&1, at(4));
    table.entry(&9, at(5));
    assert_eq!((table.len(), table.evicted()), (3, 1));
    assert!(table.get(&2, at(6)).is_none());
    assert_eq!(table.get(&1, at(6)), Some(&mut 1));
}

#[test]
fn a_flood_of_new_keys_leaves_known_ones() {
    let mut table: Keyed<u32, u32> = Keyed::new(1_000, IDLE);
    for key in 0..250 {
        table.entry(&key, at(0));
    }
    for key in 0..250 {
        *table.entry(&key, at(600)) = key;
    }
    for key in 1_000..1_001_000 {
        table.entry(&key, at(601));
    }
    assert_eq!(table.len(), 1_000);
    assert!((0..250).all(|key| table.get(&key, at(602)).is_some()));
    assert_eq!(table.evicted(), 1_000_000 - 750);
    assert!(table.slots.len() <= 1_000);
}

#[test]
fn known_keys_give_way_to_new_ones_beyond_their_reserve() {
    let mut table: Keyed<u32, u32> = Keyed::new(8, IDLE);
    for now in [0, 600] {
        for key in 0..6 {
            table.entry(&key, at(now));
        }
    }
    for key in 10..14 {
        table.entry(&key, at(601));
    }
    assert_eq!((table.len(), table.evicted()), (8, 2));
    assert!(table.get(&0, at(602)).is_none());
    assert!(table.get(&5, at(602)).is_some());
}

#[test]
fn idle_keys_are_forgotten_within_the_budget() {
    let mut table: Keyed<u32, Vec<u8>> = Keyed::new(100, IDLE);
    for key in 0..10 {
        table.entry(&key, at(0));
    }
    table.expire(at(3600), 100);
    assert_eq!(table.len(), 10);
    table.expire(at(3601), 4);
    assert_eq!(table.len(), 6);
    table.expire(at(3601), 100);
    assert!(table.is_empty());
    assert_eq!(table.evicted(), 0);
}
