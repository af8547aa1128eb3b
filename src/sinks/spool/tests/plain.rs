//! What everybody may expect, on real files and in memory.

use super::super::*;
use crate::sinks::destination::Limits;

pub(super) const LIMITS: Limits =
    Limits { records_max: 100, bytes_max: 1 << 20, linger: Duration::ZERO, fixed: false };

pub(super) const LONG: Duration = Duration::from_secs(20);

pub(super) fn reading(sink: &str, lane: Lane) -> Reading {
    Reading { sink: sink.into(), lane }
}

pub(super) fn alert(id: u128) -> Record<'static> {
    Record { kind: Kind::Alert, raised_ms: id as u64, id, key: id / 2, body: b"{\"alert\":1}" }
}

/// All that comes within a moment, acknowledged.
pub(super) fn drain(reader: &mut Reader) -> Vec<u128> {
    let mut ids = Vec::new();
    while let Some(batch) = reader.next(&LIMITS, Duration::from_millis(200)) {
        ids.extend(batch.records().map(|record| record.id));
        reader.ack(&batch, 0);
    }
    ids
}

#[test]
fn what_is_raised_comes_again_until_it_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("spool");
    let who = reading("kafka", Lane::Alerts);
    let readings = [who.clone()];
    let (spool, told) = Spool::open(&dir, &Config::default(), Full::Drop, &readings).unwrap();
    assert_eq!(told, Vec::<String>::new());
    for id in 0..250 {
        assert!(spool.append(&alert(id)));
    }
    assert!(spool.sync());
    let mut reader = spool.reader(&who).unwrap();
    let first = reader.next(&LIMITS, LONG).unwrap();
    assert_eq!((first.len(), first.range()), (100, 0..100));
    assert_eq!(reader.next(&LIMITS, LONG), None, "one batch at a time");
    reader.ack(&first, 1);
    let second = reader.next(&LIMITS, LONG).unwrap();
    assert_eq!(second.range(), 100..200);
    let account = spool.account(&who);
    assert_eq!((account.queued, account.delivered, account.spooled, account.lost), (250, 99, 150, 1));
    assert_eq!(account.oldest_unsent_ms, Some(100));
    assert!(spool.close());
    assert_eq!(reader.next(&LIMITS, LONG), None);
    drop((reader, spool));
    let (spool, told) = Spool::open(&dir, &Config::default(), Full::Drop, &readings).unwrap();
    assert_eq!(told, Vec::<String>::new());
    assert_eq!(spool.account(&who).queued, 150);
    let mut reader = spool.reader(&who).unwrap();
    assert!(spool.append(&alert(250)));
    assert_eq!(drain(&mut reader), (100..251).collect::<Vec<u128>>());
    let account = spool.account(&who);
    assert_eq!((account.queued, account.delivered, account.spooled, account.lost), (151, 151, 0, 0));
}

#[test]
fn frames_of_sightings_come_back_byte_by_byte() {
    let folder = tempfile::tempdir().unwrap();
    let who = [reading("kafka", Lane::Sightings)];
    let (spool, _) = Spool::open(folder.path(), &Config::default(), Full::Drop, &who).unwrap();
    let frame = |number: u8| (0..500_000_u32).map(|at| (at % 251) as u8 ^ number).collect::<Vec<u8>>();
    for number in 0..10 {
        let (id, body) = (u128::from(number), frame(number));
        assert!(spool.append(&Record { kind: Kind::Sightings, raised_ms: 7, id, key: 3, body: &body }));
    }
    assert!(spool.append(&alert(1)), "a lane that nobody takes");
    assert!(spool.close());
    drop(spool);
    let (spool, told) = Spool::open(folder.path(), &Config::default(), Full::Drop, &who).unwrap();
    assert_eq!(told, Vec::<String>::new());
    let mut reader = spool.reader(&who[0]).unwrap();
    let limits = Limits { bytes_max: 64 << 20, ..LIMITS };
    let batch = reader.next(&limits, LONG).unwrap();
    assert_eq!((batch.len(), batch.lane()), (10, Lane::Sightings));
    for (number, record) in (0..).zip(batch.records()) {
        assert_eq!((record.kind, record.id, record.key), (Kind::Sightings, u128::from(number), 3));
        assert!(record.body == frame(number), "frame {number}");
    }
    reader.ack(&batch, 0);
    assert_eq!(spool.account(&who[0]).delivered, 10);
}

#[test]
fn memory_is_a_spool_too() {
    let who = reading("kafka", Lane::Alerts);
    let spool = Spool::in_memory(&Config::default(), Full::Wait, std::slice::from_ref(&who)).unwrap();
    let mut reader = spool.reader(&who).unwrap();
    for id in 0..1000 {
        assert!(spool.append(&alert(id)));
    }
    spool.sync();
    spool.hasten();
    assert_eq!(drain(&mut reader), (0..1000).collect::<Vec<u128>>());
}
