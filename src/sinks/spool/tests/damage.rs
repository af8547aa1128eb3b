//! Damage to files: whatever bytes are wrong, what they do not touch is delivered, and what is missing is counted.

use super::super::commit::Committer;
use super::super::disk::{Disk, Folder};
use super::super::fault::{self, Fault};
use super::super::progress::Account;
use super::super::reader::Reader;
use super::super::record::Lane;
use super::super::segment::{self, HEAD_BYTES};
use super::super::state::Phase;
use super::super::{Config, Full, assemble, enqueue};
use super::chance::Chance;
use super::plain::{LIMITS, alert, reading};
use super::sim::SimDisk;
use std::time::Duration;

const ALERTS: Folder = Folder::Lane(Lane::Alerts);
/// Records in each of the three segments, and the bytes of one.
const EACH: u64 = 4;
const RECORD: u64 = segment::record_bytes(11) as u64;

/// What a spool gave that was opened on a disk.
#[derive(Debug)]
struct Given {
    ids: Vec<u64>,
    account: Account,
    told: Vec<String>,
}

fn start(disk: &SimDisk, told: &mut Vec<String>) -> Committer {
    let who = [reading("kafka", Lane::Alerts)];
    assemble(Box::new(disk.clone()), &Config::default(), Full::Drop, &who, told).unwrap()
}

fn close(mut committer: Committer) {
    committer.shared().lock().enter(Phase::Closed);
    committer.turn(Duration::from_secs(9));
}

/// Three segments: 0 to 3, 4 to 7, 8 to 11. The first record is acknowledged.
fn three_segments() -> SimDisk {
    let disk = SimDisk::new(1);
    for first in (0..3 * EACH).step_by(EACH as usize) {
        let mut committer = start(&disk, &mut Vec::new());
        committer.turn(Duration::ZERO);
        for id in first..first + EACH {
            assert!(enqueue(&mut committer.shared().lock(), &alert(u128::from(id))));
        }
        committer.turn(Duration::ZERO);
        close(committer);
    }
    disk
}

/// Opens the spool, takes one more record, and takes out all there is.
fn take_all(disk: &SimDisk) -> Given {
    let mut told = Vec::new();
    let calls = disk.calls();
    let mut committer = start(disk, &mut told);
    committer.turn(Duration::ZERO);
    let shared = committer.shared();
    assert!(enqueue(&mut shared.lock(), &alert(100)));
    committer.turn(Duration::ZERO);
    let mut reader = Reader::new(shared.clone(), 0).unwrap();
    let mut ids = Vec::new();
    loop {
        reader.poll(&LIMITS);
        if !reader.has_some() {
            break;
        }
        let batch = reader.take();
        ids.extend(batch.records().map(|record| record.id as u64));
        reader.ack(&batch, 0);
    }
    assert!(disk.calls() < calls + 1000, "{} disk calls", disk.calls() - calls);
    let state = shared.lock();
    let account = state.account(&state.readers[0]);
    assert_eq!(account.queued, account.delivered + account.lost, "{account:?}");
    assert_eq!(account.spooled, 0);
    Given { ids, account, told }
}

fn content(disk: &SimDisk, folder: Folder, name: &str) -> Vec<u8> {
    let mut bytes = vec![0; 1 << 16];
    let read = disk.open(folder, name).unwrap().read_at(0, &mut bytes).unwrap();
    bytes.truncate(read);
    bytes
}

fn put(disk: &SimDisk, folder: Folder, name: &str, bytes: &[u8]) {
    disk.create(folder, name).unwrap().write_at(0, bytes).unwrap();
}

fn without(missing: &[u64]) -> Vec<u64> {
    (0..3 * EACH).chain([100]).filter(|id| !missing.contains(id)).collect()
}

/// Every byte of a segment, flipped: the record it is in is missing, and no other. In words what is not so.
fn flip_each_byte(first: u64) -> Result<(), String> {
    let name = segment::file_name(first);
    for at in 0..(HEAD_BYTES + EACH * RECORD) as usize {
        let disk = three_segments();
        let mut wrong = content(&disk, ALERTS, &name);
        wrong[at] ^= 1 << (at % 8);
        put(&disk, ALERTS, &name, &wrong);
        let given = take_all(&disk);
        let hit = (at as u64).checked_sub(HEAD_BYTES).map(|offset| first + offset / RECORD);
        if given.ids != without(hit.as_slice()) {
            return Err(format!("byte {at}: {given:?}"));
        }
        // The last record of the last segment may have been torn before it was promised.
        let counted = u64::from(hit.is_some_and(|hit| hit != 3 * EACH - 1));
        if (given.account.lost, given.account.corrupt) != (counted, counted) {
            return Err(format!("byte {at}: {given:?}"));
        }
    }
    Ok(())
}

#[test]
fn a_flipped_bit_costs_one_record_and_is_counted() {
    for first in [0, EACH, 2 * EACH] {
        assert_eq!(flip_each_byte(first), Ok(()));
    }
}

#[test]
fn believing_a_damaged_length_would_cost_others_and_is_found() {
    let found = fault::with(Some(Fault::TrustLength), || flip_each_byte(EACH));
    assert!(found.is_err());
}

#[test]
fn no_length_is_believed() {
    for length in [0, 1, 48, 49, 50, 200, 1 << 20, 16 << 20, u32::MAX] {
        for record in 0..EACH {
            let disk = three_segments();
            let name = segment::file_name(EACH);
            let at = HEAD_BYTES + record * RECORD;
            disk.open(ALERTS, &name).unwrap().write_at(at, &u32::to_le_bytes(length)).unwrap();
            assert_eq!(take_all(&disk).ids, without(&[EACH + record]), "{length} in record {record}");
        }
    }
}

#[test]
fn a_torn_end_costs_what_was_torn() {
    let name = segment::file_name(2 * EACH);
    let all = (HEAD_BYTES + EACH * RECORD) as usize;
    for length in all - 2 * RECORD as usize..=all {
        for zeros in [0, 4096] {
            let disk = three_segments();
            let mut torn = content(&disk, ALERTS, &name);
            assert_eq!(torn.len(), all);
            torn.truncate(length);
            torn.resize(length + zeros, 0);
            put(&disk, ALERTS, &name, &torn);
            let given = take_all(&disk);
            let whole = (length as u64 - HEAD_BYTES) / RECORD;
            let missing: Vec<u64> = (2 * EACH + whole..3 * EACH).collect();
            assert_eq!(given.ids, without(&missing), "{length} bytes and {zeros} zeros");
            assert_eq!(given.account.lost, 0, "never promised");
        }
    }
}

#[test]
fn an_older_segment_that_was_cut_or_is_gone_is_counted() {
    let name = segment::file_name(EACH);
    let disk = three_segments();
    let bytes = content(&disk, ALERTS, &name);
    put(&disk, ALERTS, &name, &bytes[..bytes.len() - 1]);
    let given = take_all(&disk);
    assert_eq!((given.ids, given.account.lost), (without(&[7]), 1));
    let disk = three_segments();
    disk.remove(ALERTS, &name).unwrap();
    let given = take_all(&disk);
    assert_eq!((given.ids, given.account.lost), (without(&[4, 5, 6, 7]), 4));
}

#[test]
fn a_damaged_position_brings_records_again_and_loses_none() {
    for at in (0..64).chain(4096..4160) {
        let disk = three_segments();
        let mut wrong = content(&disk, Folder::Cursors, "kafka.alerts");
        wrong[at] ^= 1;
        put(&disk, Folder::Cursors, "kafka.alerts", &wrong);
        assert_eq!(take_all(&disk).ids, without(&[]), "byte {at}");
    }
    let disk = three_segments();
    put(&disk, Folder::Cursors, "kafka.alerts", &[7; 5000]);
    let given = take_all(&disk);
    assert_eq!(given.ids, without(&[]));
    assert!(given.told[0].contains("the position of kafka in alerts is damaged"), "{:?}", given.told);
}

#[test]
fn a_damaged_id_is_found_again_in_a_segment() {
    for at in 0..32 {
        let disk = three_segments();
        let mut wrong = content(&disk, Folder::Root, "id");
        wrong[at] ^= 0x40;
        put(&disk, Folder::Root, "id", &wrong);
        let given = take_all(&disk);
        assert_eq!(given.ids, without(&[]), "byte {at}");
        assert_eq!(given.told, ["spool sim: its id was damaged and is found again in a segment"]);
    }
}

#[test]
fn another_spools_segment_is_not_taken_for_ours() {
    let (ours, theirs) = (three_segments(), three_segments());
    let name = segment::file_name(EACH);
    put(&ours, ALERTS, &name, &content(&theirs, ALERTS, &name));
    assert_eq!(take_all(&ours).ids, without(&[4, 5, 6, 7]));
}

#[test]
fn garbage_is_no_record_and_no_hindrance() {
    let mut chance = Chance::new(5);
    for _ in 0..200 {
        let disk = three_segments();
        let first = EACH * chance.below(3);
        let garbage: Vec<u8> = (0..chance.below(3000)).map(|_| chance.number() as u8 % 7).collect();
        put(&disk, ALERTS, &segment::file_name(first), &garbage);
        let missing: Vec<u64> = (first..first + EACH).collect();
        assert_eq!(take_all(&disk).ids, without(&missing));
    }
}

#[test]
fn an_acknowledged_number_is_not_used_again() {
    let disk = three_segments();
    let mut committer = start(&disk, &mut Vec::new());
    committer.turn(Duration::ZERO);
    let mut reader = Reader::new(committer.shared(), 0).unwrap();
    reader.poll(&LIMITS);
    let batch = reader.take();
    assert_eq!(batch.range(), 0..12);
    reader.ack(&batch, 0);
    close(committer);
    // All segments are gone, as if a careless hand had emptied the folder.
    for (name, _) in disk.list(ALERTS).unwrap() {
        disk.remove(ALERTS, &name).unwrap();
    }
    let given = take_all(&disk);
    assert_eq!((given.ids, given.account.lost), (vec![100], 0));
}
