//! Sightings that leave: in order, counted as if they were judged here, and with how far they reach.

use super::super::merge::Merge;
use super::*;
use crate::identity::secret::Keyring;
use heelguard_detectors::alert::Alert;
use heelguard_detectors::story::transactions;
use heelguard_detectors::transaction::Transaction;

const STORY: &str = "10:00:00 203.0.113.7 -> login  POST /login 401 user=u{1..40} every 500ms";

/// What was handed out, a frame each time.
#[derive(Default)]
struct Taken(Vec<Forward>);

impl Outputs for Taken {
    fn alert(&mut self, _: &Alert) -> anyhow::Result<()> {
        anyhow::bail!("nobody judges here")
    }
    fn transaction(&mut self, _: &Transaction) -> anyhow::Result<()> {
        anyhow::bail!("nobody judges here")
    }
    fn forward(&mut self, released: Forward) -> anyhow::Result<u64> {
        self.0.push(released);
        Ok(1)
    }
    fn progress(&mut self, _: &Progress) {}
}

fn sightings() -> Vec<Box<Sighting>> {
    transactions(STORY).unwrap().into_iter().map(|tx| Box::new(Sighting::plain(tx))).collect()
}

fn forwarding(is_live: bool) -> Forwarding {
    let bench = Bench::new(Arc::default(), &Keyring::ephemeral().unwrap());
    Forwarding::new(bench, None, None, is_live)
}

fn at_ten() -> EventTime {
    sightings().first().unwrap().transaction.end
}

#[test]
fn two_shards_leave_as_one_in_order_and_as_far_as_both_are() {
    let (mut merge, mut taken, mut last) = (Merge::new(2), Taken::default(), forwarding(false));
    let all: Vec<_> = sightings().iter().map(|s| (s.transaction.end, s.transaction.id)).collect();
    let until = all[20].0;
    let (mut early, mut later): (Vec<_>, Vec<_>) =
        sightings().into_iter().partition(|sighting| sighting.transaction.end < until);
    early.reverse();
    let mut other = early.split_off(7);
    merge.take(0, &mut early, until);
    last.consume(merge.release(), &mut taken).unwrap();
    assert!(taken.0[0].sightings.is_empty() && taken.0[0].watermark == EventTime::ZERO);
    merge.take(1, &mut other, EventTime::MAX);
    last.consume(merge.release(), &mut taken).unwrap();
    assert_eq!((taken.0[1].sightings.len(), taken.0[1].watermark), (20, until));
    merge.take(0, &mut later, EventTime::MAX);
    last.consume(merge.release(), &mut taken).unwrap();
    last.finish(all[39].0, &mut taken).unwrap();

    let gone = taken.0.iter().flat_map(|forward| &forward.sightings);
    let gone: Vec<_> = gone.map(|sighting| (sighting.transaction.end, sighting.transaction.id)).collect();
    assert_eq!(gone, all);
    // That no shard goes on is not yet that nothing more comes: the end says that.
    let reach: Vec<_> = taken.0.iter().map(|forward| (forward.watermark, forward.phase)).collect();
    let goes = |until| (until, Phase::Goes);
    assert_eq!(reach, [goes(EventTime::ZERO), goes(until), goes(until), (all[39].0, Phase::Ended)]);
    let counters = last.counters();
    let ScaleCounters { frames_sent, sightings_sent, connections_sent, .. } = counters.scale;
    assert_eq!((frames_sent, sightings_sent, connections_sent), (4, 40, 0));
    assert_eq!(counters.transactions.rows().iter().map(|row| row.1).sum::<u64>(), 40);
    assert_eq!(counters.http.requests_out, 40);
    assert_eq!(last.progress(None).transactions, 40);
}

#[test]
fn a_sensor_that_stops_says_how_far_it_saw_and_what_the_kernel_counted() {
    let (mut merge, mut taken, mut last) = (Merge::new(1), Taken::default(), forwarding(true));
    last.is_of_now(|| EventTime::ZERO);
    last.tell_kernel(100, 1);
    last.tell_kernel(10, 0);
    let (first, second) = (at_ten(), at_ten().after(std::time::Duration::from_secs(1)));
    let bytes = Bytes { delivered: 5, ..Bytes::default() };
    merge.take_seen([(first, bytes), (second, bytes)].into());
    merge.take(0, &mut Vec::new(), EventTime::MAX);
    last.consume(merge.release(), &mut taken).unwrap();
    let told = Kernel { received: 110, dropped: 1 };
    let expected = [(first, told), (second, Kernel::default())];
    assert_eq!(taken.0[0].seconds, expected.map(|(end, kernel)| Second { end, bytes, kernel }));
    last.tell_kernel(7, 2);
    last.finish(second, &mut taken).unwrap();
    let rest = Second { end: second, bytes: Bytes::default(), kernel: Kernel { received: 7, dropped: 2 } };
    assert_eq!(taken.0[1].seconds, [rest]);
    assert_eq!((taken.0[1].watermark, taken.0[1].phase), (second, Phase::Stopped));
}

#[test]
fn outputs_that_take_nothing_stop_the_run() {
    struct Deaf;
    impl Outputs for Deaf {
        fn alert(&mut self, _: &Alert) -> anyhow::Result<()> {
            Ok(())
        }
        fn transaction(&mut self, _: &Transaction) -> anyhow::Result<()> {
            Ok(())
        }
        fn progress(&mut self, _: &Progress) {}
    }
    assert!(forwarding(false).finish(at_ten(), &mut Deaf).is_err());
}
