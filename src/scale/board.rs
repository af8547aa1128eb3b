//! What a worker holds: the partitions that the group gave it, each with what it knows.
//! It is given partitions, records and the time, and calls for state when it is due.
//! It promises that state never covers an alert or a parcel which could still be lost, and that a partition is given up
//! with its state written where that is possible.

use super::Judging;
use super::attribution::{Attribution, Record, Refused};
use super::config::Config;
use super::frame::Unreadable;
use super::lanes::LaneShare;
use super::log::Log;
use super::state::{Part, Place, Restored, Writer};
use crate::metrics::Counters;
use crate::pipeline::Outputs;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Parcels that are not full wait so long for more.
const FLUSH_EVERY: Duration = Duration::from_millis(100);
/// A partition that nothing is dealt to hears so often how far time is.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Where alerts have not arrived yet, they are asked after so often.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// Partitions that are given up together wait so long for alerts to arrive, before their state is left as it was.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// Which half of the work a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Half {
    Sightings,
    Lanes,
}

impl Half {
    /// In messages, in metrics and at the end of the state topics' names: never changed.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sightings => "sightings",
            Self::Lanes => "lanes",
        }
    }
}

/// A partition of one of the topics.
pub(super) type Key = (Half, i32);

/// What a worker works by.
pub(super) struct Setup {
    pub(super) judging: Judging,
    pub(super) config: Config,
    /// How many partitions the lanes have.
    pub(super) partitions: usize,
}

enum Work {
    Sightings(Box<Attribution>),
    Lanes(Box<LaneShare>),
}

struct Open {
    work: Work,
    writer: Writer,
    /// The first offset that was not taken; unknown until the first record where there was no state.
    next_offset: Option<i64>,
    /// That of the state that was written last.
    kept_offset: Option<i64>,
    kept_at: Instant,
    opened_at: Instant,
}

/// The partitions of one worker.
pub(super) struct Board<O> {
    setup: Setup,
    pub(super) outputs: O,
    log: Log,
    open: BTreeMap<Key, Open>,
    /// Of partitions that were given up.
    past: Counters,
    told: BTreeSet<String>,
    flushed_at: Instant,
    /// When state could last not be written, because something it covers had not arrived.
    waited_at: Option<Instant>,
    /// What state was written up to; whoever reads offsets elsewhere is told.
    pub(super) covered: Vec<(Key, i64)>,
    /// Why the worker cannot go on.
    pub(super) failure: Option<anyhow::Error>,
}

impl<O: Outputs> Board<O> {
    pub(super) fn new(setup: Setup, log: Log, outputs: O) -> Self {
        Self {
            setup,
            outputs,
            log,
            open: BTreeMap::new(),
            past: Counters::default(),
            told: BTreeSet::new(),
            flushed_at: Instant::now(),
            waited_at: None,
            covered: Vec::new(),
            failure: None,
        }
    }

    /// Takes a partition over and says where to begin; nothing where its state says nothing.
    pub(super) fn take_over(&mut self, key: Key) -> anyhow::Result<Option<i64>> {
        let (half, partition) = key;
        let restored = self.restore(key)?;
        let mut work = self.fresh(half)?;
        let (judging, found) = (&self.setup.judging, restored.as_ref());
        let loaded = found.map_or(Ok(()), |Restored { parts, .. }| match &mut work {
            Work::Sightings(work) => work.load(parts, judging),
            Work::Lanes(work) => work.load(parts),
        });
        let restored = if loaded.is_ok() {
            restored
        } else {
            self.tell_anew(key, "is damaged, or of another version");
            work = self.fresh(half)?;
            None
        };
        let start = restored.as_ref().map(|restored| restored.place.next_offset);
        if let Some(next) = start {
            self.past.scale.restored += 1;
            self.refuse_another_topic(key, next)?;
        }
        let writer = Writer::new(random()?, restored.as_ref());
        tracing::info!(half = half.name(), partition, from = start, "partition taken over");
        let now = Instant::now();
        let opened =
            Open { work, writer, next_offset: start, kept_offset: start, kept_at: now, opened_at: now };
        self.open.insert(key, opened);
        Ok(start)
    }

    fn restore(&mut self, key: Key) -> anyhow::Result<Option<Restored>> {
        let (half, partition) = key;
        let reading = self.log.read_state(half, partition)?;
        let partitions = u32::try_from(self.setup.partitions).unwrap_or(u32::MAX);
        match reading.restore(self.setup.judging.lineage.key, partitions) {
            Ok(restored) => Ok(restored),
            Err(why) => {
                self.tell_anew(key, &why);
                Ok(None)
            }
        }
    }

    /// A topic that ends before what state knows is not the one that state is of: numbers of the old one would hide what
    /// is in the new one.
    fn refuse_another_topic(&self, (half, partition): Key, next: i64) -> anyhow::Result<()> {
        let Config { sightings_topic, lanes_topic, .. } = &self.setup.config;
        let topic = if half == Half::Sightings { sightings_topic } else { lanes_topic };
        let (_, end) = self.log.ends(topic, partition)?;
        if next <= end {
            return Ok(());
        }
        Err(anyhow::anyhow!(
            "kafka topic {topic} was made anew: its partition {partition} ends at {end}, and the state covers {next}; remove \
             the topics of lanes and state, too, or name others (scale.lanes_topic, scale.state_topic)"
        ))
    }

    fn tell_anew(&mut self, (half, partition): Key, why: &str) {
        let half = half.name();
        self.outputs.tell(&format!(
            "the state of partition {partition} of the {half} {why}; it begins anew, and the old state is gone with the \
             next snapshot (scale.snapshot_s)"
        ));
    }

    fn fresh(&self, half: Half) -> anyhow::Result<Work> {
        let Setup { judging, config, partitions } = &self.setup;
        Ok(match half {
            Half::Sightings => Work::Sightings(Box::new(Attribution::new(judging, config, *partitions)?)),
            Half::Lanes => Work::Lanes(Box::new(LaneShare::new(judging, *partitions)?)),
        })
    }

    /// Takes a record of a partition.
    pub(super) fn take(&mut self, key: Key, record: &Record<'_>) -> anyhow::Result<()> {
        let offset = i64::try_from(record.offset).unwrap_or(i64::MAX);
        let Some(open) = self.open.get_mut(&key) else { return Ok(()) };
        let next = open.next_offset.unwrap_or(offset);
        // Fetched before the state was known that covers it.
        if offset < next {
            return Ok(());
        }
        // Kafka gave up what nobody had read.
        self.past.scale.records_gone += offset.abs_diff(next);
        open.next_offset = Some(offset.saturating_add(1));
        let (log, outputs) = (&self.log, &mut self.outputs);
        let refused = match &mut open.work {
            Work::Sightings(work) => {
                let taken = work.take(record, outputs, &mut |to, parcel| log.parcel(to, &parcel))?;
                taken.err().map(|refused| words(&refused, &self.setup))
            }
            Work::Lanes(work) => {
                let taken = work.take(record.bytes, outputs)?;
                let topic = &self.setup.config.lanes_topic;
                (!taken).then(|| {
                    format!(
                        "{topic} has parcels that are not ours: of another tenant, key or version, or dealt to another \
                         number of partitions; each tenant needs topics of its own (scale.lanes_topic)"
                    )
                })
            }
        };
        if let Some(line) = refused
            && self.told.insert(line.clone())
        {
            self.outputs.tell(&line);
        }
        self.log.check()
    }

    /// Does what is due: sends parcels, writes state.
    pub(super) fn tick(&mut self) -> anyhow::Result<()> {
        let since = self.flushed_at.elapsed();
        if since >= FLUSH_EVERY {
            let log = &self.log;
            for open in self.open.values_mut() {
                if let Work::Sightings(work) = &mut open.work
                    && (work.has_news() || since >= TELL_EVERY)
                {
                    work.flush(&mut |to, parcel| log.parcel(to, &parcel));
                    self.flushed_at = Instant::now();
                }
            }
        }
        self.tell_absent();
        let every = Duration::from_secs(u64::from(self.setup.config.snapshot_s.max(1)));
        let is_due = |open: &Open| open.kept_at.elapsed() >= every && open.next_offset > open.kept_offset;
        let due = self.open.iter().filter(|(_, open)| is_due(open)).map(|(key, _)| *key);
        let due = due.min_by_key(|key| self.open.get(key).map(|open| open.kept_at));
        if let Some(key) = due.filter(|_| self.waited_at.is_none_or(|at| at.elapsed() >= ASK_EVERY)) {
            let is_kept = self.keep(key)?;
            self.waited_at = (!is_kept).then(Instant::now);
        }
        self.log.check()
    }

    /// Says whom everything waits for, once.
    fn tell_absent(&mut self) {
        let patience = Duration::from_secs(self.setup.config.idle_s.into());
        let due = self.open.values().filter(|open| open.opened_at.elapsed() >= patience);
        let absent = due.filter_map(|open| match &open.work {
            Work::Sightings(work) => Some(work.absent()),
            Work::Lanes(_) => None,
        });
        for name in absent.flatten().collect::<Vec<_>>() {
            let line = format!(
                "sensor {name} of scale.sensors was never heard of, and nothing is judged until it is: start it, or take \
                 its name out of scale.sensors and restart the workers"
            );
            if self.told.insert(line.clone()) {
                self.outputs.tell(&line);
            }
        }
    }

    /// Writes the state of a partition, if all that it covers has arrived; says whether it did.
    fn keep(&mut self, key: Key) -> anyhow::Result<bool> {
        if !self.outputs.settle() || !self.outputs.is_delivered() {
            return Ok(false);
        }
        let Some(open) = self.open.get_mut(&key) else { return Ok(false) };
        let Some(next_offset) = open.next_offset else { return Ok(false) };
        let log = &self.log;
        if let Work::Sightings(work) = &mut open.work {
            work.flush(&mut |to, parcel| log.parcel(to, &parcel));
        }
        log.settle()?;
        let parts: Vec<(String, Part)> = match &open.work {
            Work::Sightings(work) => {
                work.parts().into_iter().map(|name| (name.clone(), work.save(&name))).collect()
            }
            Work::Lanes(work) => {
                work.parts().into_iter().map(|name| (name.clone(), work.save(&name))).collect()
            }
        };
        let partitions = u32::try_from(self.setup.partitions).unwrap_or(u32::MAX);
        let place = Place { key: self.setup.judging.lineage.key, partitions, next_offset };
        let (half, partition) = key;
        for group in open.writer.records(parts, &place)? {
            for record in &group {
                self.past.scale.snapshot_bytes += record.value.as_ref().map_or(0, |value| value.len() as u64);
                log.state(half, partition, record);
            }
            log.settle()?;
        }
        self.past.scale.snapshots += 1;
        (open.kept_offset, open.kept_at) = (open.next_offset, Instant::now());
        self.covered.push((key, next_offset));
        Ok(true)
    }

    /// Gives partitions up, with their state where that can be: whoever takes them over goes on from there.
    pub(super) fn give_up(&mut self, keys: &[Key], is_still_ours: bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + LEAVE_WITHIN;
        keys.iter().try_for_each(|key| self.give_up_one(*key, is_still_ours, deadline))
    }

    fn give_up_one(&mut self, key: Key, is_still_ours: bool, deadline: Instant) -> anyhow::Result<()> {
        let has_news = self.open.get(&key).is_some_and(|open| open.next_offset > open.kept_offset);
        while is_still_ours && has_news && Instant::now() < deadline {
            if self.keep(key)? {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if let Some(open) = self.open.remove(&key) {
            let mut counted = open.counters();
            let scale = &mut counted.scale;
            // What waits is the next one's.
            scale.sightings_in -= scale.waiting;
            (scale.waiting, scale.partitions) = (0, 0);
            self.past.add(&counted);
        }
        Ok(())
    }

    /// Gives all up; without their state where something could not be done.
    pub(super) fn close(&mut self, is_well: bool) -> anyhow::Result<()> {
        let keys: Vec<Key> = self.open.keys().copied().collect();
        self.give_up(&keys, is_well)
    }

    /// Goes on by another configuration. After an error all is as it was for the partitions that were not reached.
    pub(super) fn reconfigure(&mut self, judging: Judging) -> anyhow::Result<()> {
        for open in self.open.values_mut() {
            match &mut open.work {
                Work::Sightings(work) => work.reconfigure(&judging)?,
                Work::Lanes(work) => work.reconfigure(&judging)?,
            }
        }
        self.setup.judging = judging;
        Ok(())
    }

    /// Everything counted by this process.
    pub(super) fn counters(&self) -> Counters {
        let mut counters = self.past.clone();
        self.open.values().for_each(|open| counters.add(&open.counters()));
        counters
    }
}

impl Open {
    fn counters(&self) -> Counters {
        match &self.work {
            Work::Sightings(work) => work.counters(),
            Work::Lanes(work) => work.counters(),
        }
    }
}

/// A number that no other writer has.
fn random() -> anyhow::Result<u64> {
    getrandom::u64().map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))
}

/// What is wrong with a frame, and what to do.
fn words(refused: &Refused, setup: &Setup) -> String {
    let topic = &setup.config.sightings_topic;
    match refused {
        Refused::Unreadable(Unreadable::Newer(version)) => format!(
            "{topic} has frames of version {version}, which a newer sensor sent: update the workers first; they are \
             passed over"
        ),
        Refused::Unreadable(Unreadable::Damaged) => {
            format!("{topic} has records that are no frames of sensors; they are passed over")
        }
        Refused::Tenant { sensor, tenant } => format!(
            "sensor {sensor} sends sightings of tenant `{tenant}` to {topic}, and this worker is of `{}`: each tenant \
             needs topics of its own (scale.sightings_topic); they are passed over",
            setup.judging.detection.tenant
        ),
        Refused::Key { sensor } => format!(
            "sensor {sensor} makes fingerprints under another key than this worker: copy privacy.key_file to all \
             sensors and workers, and let privacy.principals agree; its sightings are passed over"
        ),
    }
}
