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
    assert_eq!(table.save(0, &mut bytes, usize::MAX), None);
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
fn slices_of_any_size_are_one_table() {
    let mut table: Keyed<u32, u32> = Keyed::new(1_000, IDLE);
    for key in 0..300 {
        *table.entry(&key, at(u64::from(key))) = key;
    }
    // Some are known, some gone.
    (0..300).step_by(7).for_each(|key| *table.entry(&key, at(1_000)) += 1);
    table.expire(at(3_700), 50);
    let whole = loaded(&[&saved(&table, usize::MAX)]);
    for bytes in [1, 20, 100, 100_000] {
        let slices = slices(&table, bytes);
        assert_eq!(slices.len() > 1, bytes < 100_000, "{bytes}");
        let slices: Vec<&[u8]> = slices.iter().map(Vec::as_slice).collect();
        assert_eq!(saved(&loaded(&slices), usize::MAX), saved(&whole, usize::MAX), "{bytes}");
    }
}

#[test]
fn keys_that_come_and_go_between_two_slices_are_there_once() {
    let mut table: Keyed<u32, u32> = Keyed::new(8, IDLE);
    (0..6).for_each(|key| *table.entry(&key, at(u64::from(key))) = key);
    let mut first = Vec::new();
    let next = table.save(0, &mut first, 1).unwrap();
    // The key of the slice before makes room, and comes again elsewhere.
    (10..16).for_each(|key| *table.entry(&key, at(u64::from(key))) = key);
    *table.entry(&0, at(20)) = 100;
    let mut rest = Vec::new();
    assert_eq!(table.save(next, &mut rest, usize::MAX), None);
    let mut other = loaded(&[&first, &rest]);
    assert!(other.len() <= 8);
    assert!((1..6).chain(10..16).filter(|key| other.get(key, at(21)).is_some()).count() >= 5);
    assert_eq!(other.get(&0, at(21)), Some(&mut 0), "of two states the older one");
}

fn saved(table: &Keyed<u32, u32>, bytes: usize) -> Vec<u8> {
    slices(table, bytes).concat()
}

fn slices(table: &Keyed<u32, u32>, bytes: usize) -> Vec<Vec<u8>> {
    let (mut slices, mut next) = (Vec::new(), Some(0));
    while let Some(from) = next {
        let mut slice = Vec::new();
        next = table.save(from, &mut slice, bytes);
        slices.push(slice);
    }
    slices
}

fn loaded(slices: &[&[u8]]) -> Keyed<u32, u32> {
    let mut table = Keyed::new(1_000, IDLE);
    table.load(&mut slices.concat().as_slice()).unwrap();
    table
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
    assert!(table.slots.capacity() <= 1_024);
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

#[test]
fn what_is_shed_is_what_a_full_table_would_give_up_and_its_room_is_given_back() {
    let mut table: Keyed<u32, u32> = Keyed::new(100_000, IDLE);
    for now in [0, 600] {
        for key in 0..1_000 {
            table.entry(&key, at(now));
        }
    }
    for key in 10_000..50_000 {
        table.entry(&key, at(601));
    }
    table.shed(38_000);
    assert_eq!((table.len(), table.evicted()), (3_000, 38_000));
    // A quarter of what is left are known: one in three of them stayed.
    let known = (0..1_000).filter(|key| table.get(key, at(602)).is_some()).count();
    assert_eq!(known, 750);
    assert!((49_000..50_000).all(|key| table.get(&key, at(602)).is_some()), "the newest stay");
    assert!(table.slots.capacity() <= 6 * 1_024, "{}", table.slots.capacity());
    table.shed(10_000);
    assert!(table.is_empty());
}
