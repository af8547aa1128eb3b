//! What happens when there is no room: who goes first, who waits, and what is counted.

use super::super::*;
use super::chance::Chance;
use super::plain::{LIMITS, LONG, alert, drain, reading};
use super::sim::SimDisk;
use crate::sinks::destination::Limits;

fn transaction(id: u128, body: &[u8]) -> Record<'_> {
    Record { kind: Kind::Transaction, raised_ms: 0, id, key: id, body }
}

const SMALL: Config = Config {
    bytes_max: 4 << 20,
    alerts_reserve_pct: 25,
    sync_transactions: false,
    commit_ms: 1,
    drain_timeout_s: 10,
};

#[test]
fn old_transactions_go_first_and_are_counted_and_alerts_stay() {
    let (alerts, transactions) = (reading("kafka", Lane::Alerts), reading("kafka", Lane::Transactions));
    let readings = [alerts.clone(), transactions.clone()];
    let spool = Spool::in_memory(&SMALL, Full::Drop, &readings).unwrap();
    let body = vec![b'x'; 2000];
    let mut refused = 0;
    for id in 0..10_000 {
        refused += u64::from(!spool.append(&transaction(id, &body)));
        assert!(spool.append(&alert(id)));
        if id % 50 == 0 {
            spool.sync();
        }
    }
    assert!(spool.sync());
    let used: u64 =
        Lane::ALL.iter().map(|&lane| spool.lane(lane).disk_bytes + spool.lane(lane).memory_bytes).sum();
    assert!(used <= SMALL.bytes_max, "{used} bytes");
    let lane = spool.lane(Lane::Transactions);
    assert!(lane.dropped_segments > 10 && lane.refused == refused, "{lane:?}");
    let before = spool.account(&transactions);
    assert!(before.lost > 5000 && before.queued == 10_000, "{before:?}");
    let mut reader = spool.reader(&transactions).unwrap();
    let ids = drain(&mut reader);
    assert_eq!(ids.last(), Some(&9_999), "the newest stay");
    let after = spool.account(&transactions);
    assert_eq!((after.delivered, after.lost, after.spooled), (ids.len() as u64, before.lost, 0));
    assert_eq!(after.corrupt, 0);
    assert_eq!(drain(&mut spool.reader(&alerts).unwrap()), (0..10_000).collect::<Vec<u128>>());
}

#[test]
fn alerts_push_out_transactions_and_are_refused_only_when_they_fill_all() {
    let (alerts, transactions) = (reading("kafka", Lane::Alerts), reading("kafka", Lane::Transactions));
    let readings = [alerts.clone(), transactions.clone()];
    let spool = Spool::in_memory(&SMALL, Full::Drop, &readings).unwrap();
    let body = vec![b'x'; 2000];
    for id in 0..2000 {
        spool.append(&transaction(id, &body));
        spool.sync();
    }
    let mut taken = 0;
    for id in 0..4000 {
        let record = Record { kind: Kind::Alert, body: &body, ..transaction(id, b"") };
        taken += u64::from(spool.append(&record));
        spool.sync();
    }
    let bytes = taken * segment::record_bytes(body.len()) as u64;
    assert!(bytes > SMALL.bytes_max * 85 / 100, "{bytes} bytes of alerts");
    let account = spool.account(&alerts);
    assert_eq!((account.queued, account.lost, account.spooled), (4000, 4000 - taken, taken));
    assert!(!spool.append(&transaction(1, &body)), "no room for others then");
    assert_eq!(drain(&mut spool.reader(&alerts).unwrap()), (0..u128::from(taken)).collect::<Vec<u128>>());
    assert!(spool.append(&alert(1)) && spool.sync(), "there is room again");
}

#[test]
fn a_replay_waits_for_its_sinks() {
    let who = reading("kafka", Lane::Transactions);
    let spool = Spool::in_memory(&SMALL, Full::Wait, std::slice::from_ref(&who)).unwrap();
    let mut reader = spool.reader(&who).unwrap();
    let sink = std::thread::spawn(move || {
        let mut ids = Vec::new();
        while let Some(batch) = reader.next(&LIMITS, LONG) {
            ids.extend(batch.records().map(|record| record.id));
            reader.ack(&batch, 0);
            if ids.last() == Some(&19_999) {
                break;
            }
        }
        ids
    });
    let body = vec![b'x'; 1000];
    assert!((0..20_000).all(|id| spool.append(&transaction(id, &body))));
    assert_eq!(sink.join().unwrap(), (0..20_000).collect::<Vec<u128>>());
    let account = spool.account(&who);
    assert_eq!((account.queued, account.delivered, account.lost), (20_000, 20_000, 0));
}

#[test]
fn a_replay_does_not_wait_for_ever() {
    let who = reading("kafka", Lane::Transactions);
    let spool = Spool::in_memory(&SMALL, Full::Wait, std::slice::from_ref(&who)).unwrap();
    let body = vec![b'x'; 1000];
    let begun = Instant::now();
    for id in 0..10_000 {
        spool.append(&transaction(id, &body));
    }
    assert!(begun.elapsed() >= STUCK_AFTER && begun.elapsed() < 3 * STUCK_AFTER, "{:?}", begun.elapsed());
    let account = spool.account(&who);
    assert_eq!(account.queued, 10_000);
    assert!(account.lost > 5000 && account.lost + account.spooled == 10_000, "{account:?}");
}

#[test]
fn a_sink_that_works_does_not_make_a_replay_wait_for_one_that_is_down() {
    let readings = ["up", "down"].map(|sink| reading(sink, Lane::Transactions));
    let spool = Spool::in_memory(&SMALL, Full::Wait, &readings).unwrap();
    let [mut up, mut down] = readings.each_ref().map(|who| spool.reader(who).unwrap());
    let is_stuck = || spool.0.shared.lock().stuck;
    let take = |reader: &mut Reader| {
        let batch = reader.next(&LIMITS, Duration::from_secs(20)).unwrap();
        reader.ack(&batch, 0);
    };
    assert!(spool.append(&transaction(1, b"{}")));
    spool.0.shared.lock().stuck = true;
    take(&mut up);
    assert!(is_stuck(), "no room came of it");
    take(&mut down);
    assert!(!is_stuck());
}

#[test]
fn a_lane_that_nobody_takes_swallows_all() {
    let spool = Spool::in_memory(&SMALL, Full::Wait, &[reading("pager", Lane::Alerts)]).unwrap();
    let body = vec![b'x'; 1000];
    assert!((0..10_000).all(|id| spool.append(&transaction(id, &body))));
    assert_eq!(spool.lane(Lane::Transactions), LaneAccount::default());
}

#[test]
fn a_record_beyond_the_limit_is_refused() {
    let who = reading("kafka", Lane::Transactions);
    let config = Config { bytes_max: 256 << 20, ..SMALL };
    let spool = Spool::in_memory(&config, Full::Drop, std::slice::from_ref(&who)).unwrap();
    let body = vec![b'x'; BODY_BYTES_MAX + 1];
    assert!(!spool.append(&transaction(1, &body)));
    assert!(spool.append(&transaction(2, &body[1..])));
    let mut reader = spool.reader(&who).unwrap();
    let batch = reader.next(&LIMITS, LONG).unwrap();
    assert_eq!((batch.len(), batch.bytes()), (1, BODY_BYTES_MAX));
    assert_eq!(spool.account(&who).lost, 1);
}

/// On a disk that others have filled, alerts get the room of transactions, then the reserve; then they are refused,
/// and all is well again when there is room.
#[test]
fn a_full_disk_takes_what_was_kept_for_alerts() {
    let disk = SimDisk::new(3);
    let (alerts, transactions) = (reading("kafka", Lane::Alerts), reading("kafka", Lane::Transactions));
    let readings = [alerts.clone(), transactions];
    let mut committer =
        assemble(Box::new(disk.clone()), &SMALL, Full::Drop, &readings, &mut Vec::new()).unwrap();
    let shared = committer.shared();
    committer.turn(Duration::ZERO);
    let body = vec![b'x'; 2000];
    let mut fill = |kind: Kind, count: u64, now: u64| {
        let mut taken = 0;
        committer.turn(Duration::from_secs(now));
        for id in 0..count {
            let record = Record { kind, ..transaction(u128::from(id), &body) };
            taken += u64::from(enqueue(&mut shared.lock(), &record));
            committer.turn(Duration::from_secs(now + id));
        }
        taken
    };
    assert_eq!(fill(Kind::Transaction, 500, 0), 500);
    let trouble = || shared.lock().troubles.iter().flatten().next().cloned();
    disk.leave_free(0);
    assert_eq!(fill(Kind::Alert, 500, 1000), 500, "transactions go, then the reserve");
    assert_eq!(trouble(), None);
    let taken = fill(Kind::Alert, 2000, 2000);
    assert!(taken < 2000);
    assert!(trouble().unwrap().starts_with("cannot write alerts to spool sim: "), "{:?}", trouble());
    disk.leave_free(usize::MAX);
    assert_eq!(fill(Kind::Alert, 1, 9000), 1);
    assert_eq!(trouble(), None);
    let mut reader = Reader::new(shared.clone(), 0).unwrap();
    let limits = Limits { records_max: usize::MAX, bytes_max: usize::MAX, ..LIMITS };
    reader.poll(&limits);
    assert_eq!(reader.take().len() as u64, 500 + taken + 1, "every alert that was taken");
    assert_eq!(shared.lock().readers[0].corrupt, 0);
}

#[test]
fn what_never_came_to_the_disk_is_lost_at_the_end_and_does_not_wait() {
    let disk = SimDisk::new(4);
    let who = reading("kafka", Lane::Transactions);
    let readings = std::slice::from_ref(&who);
    let committer = assemble(Box::new(disk.clone()), &SMALL, Full::Drop, readings, &mut Vec::new()).unwrap();
    let spool = Spool::start(committer).unwrap();
    let append = |count: u128| (0..count).all(|id| spool.append(&transaction(id, &[b'x'; 2000])));
    assert!(append(10));
    let patience = Instant::now() + Duration::from_secs(20);
    while spool.lane(Lane::Transactions).memory_bytes > 0 && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(1));
    }
    disk.leave_free(0);
    assert!(append(7));
    assert!(!spool.close());
    let Account { queued, delivered, spooled, lost, .. } = spool.account(&who);
    assert_eq!((queued, delivered, spooled, lost), (17, 0, 10, 7));
}

#[test]
fn several_threads_and_several_sinks_on_real_files() {
    let folder = tempfile::tempdir().unwrap();
    let readings: Vec<Reading> = ["a", "b", "c"].iter().map(|sink| reading(sink, Lane::Alerts)).collect();
    let (spool, _) = Spool::open(folder.path(), &SMALL, Full::Wait, &readings).unwrap();
    let sinks: Vec<_> = readings
        .iter()
        .enumerate()
        .map(|(index, who)| {
            let mut reader = spool.reader(who).unwrap();
            let limits = Limits { linger: Duration::from_millis(3), fixed: index == 1, ..LIMITS };
            let mut chance = Chance::new(index as u64);
            std::thread::spawn(move || {
                let mut ids = Vec::new();
                while ids.len() < 8000 {
                    let batch = reader.next(&limits, LONG).unwrap();
                    if chance.percent(10) {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    ids.extend(batch.records().map(|record| record.id));
                    reader.ack(&batch, 0);
                }
                ids
            })
        })
        .collect();
    let callers: Vec<_> = (0..4)
        .map(|caller| {
            let spool = spool.clone();
            std::thread::spawn(move || {
                for id in 0..2000 {
                    assert!(spool.append(&alert(caller * 2000 + id)));
                    assert!(id % 500 != 0 || spool.sync());
                }
            })
        })
        .collect();
    for caller in callers {
        caller.join().unwrap();
    }
    for sink in sinks {
        let mut ids = sink.join().unwrap();
        ids.sort_unstable();
        assert_eq!(ids, (0..8000).collect::<Vec<u128>>());
    }
    assert!(spool.close());
}
