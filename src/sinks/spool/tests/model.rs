//! The spool against a disk that loses power: many lives of one spool, each ended at some disk call or in peace.
//! It is given a seed and a world, does what callers, the committer and sinks might do, and keeps its own books.
//! It promises to tell the first promise that was broken, and to find each of the mistakes that are put in.

use super::super::Account;
use super::super::batch::Batch;
use super::super::commit::Committer;
use super::super::fault::{self, Fault};
use super::super::lane::LaneState;
use super::super::reader::{Polled, Reader};
use super::super::record::{Kind, Lane, Record};
use super::super::shared::Shared;
use super::super::state::{Bounds, Phase};
use super::super::{Config, Full, OpenError, Reading, assemble, enqueue};
use super::chance::Chance;
use super::plain::reading;
use super::sim::{Crash, Lie, SimDisk};
use crate::sinks::destination::Limits;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What may happen.
#[derive(Clone, Copy, Debug)]
struct World {
    crashes: Option<Crash>,
    /// Syncs fail and the disk fills up at times.
    troubles: bool,
    sync_transactions: bool,
}

/// Bounds so small that segments come and go all the time.
const BOUNDS: Bounds =
    Bounds { bytes_max: 16 << 10, others_max: 12 << 10, segment_bytes: 1 << 10, pending_bytes_max: 2 << 10 };

macro_rules! hold {
    ($held:expr, $($what:tt)*) => {
        if !$held { return Err(format!($($what)*)); }
    };
}

/// One sink's reading, as the model knows it.
struct Sink {
    reading: Reading,
    fixed: bool,
    reader: Option<Reader>,
    /// The batch in the sink's hands.
    hands: Option<Batch>,
    /// Ids it took, in any life; ids it refused for ever.
    taken: BTreeSet<u64>,
    /// In this life: the last id it was given; records taken and refused; the account at the beginning.
    last: Option<u64>,
    delivered: u64,
    refused: u64,
    begun: u64,
    /// In all lives: records the spool said are lost, but for those the sink refused or the spool never took.
    lost: u64,
    /// The last batch handed out in any life, and whether it was acknowledged.
    latest: Option<(Batch, bool)>,
    /// Whether no batch was handed out yet in this life.
    fresh: bool,
}

struct Model {
    disk: SimDisk,
    chance: Chance,
    world: World,
    /// There was trouble, once.
    troubled: bool,
    now: Duration,
    committer: Option<Committer>,
    shared: Option<Arc<Shared>>,
    sinks: Vec<Sink>,
    /// Records by lane: how many ids were used, and which number has which id.
    ids: [u64; Lane::ALL.len()],
    numbers: [BTreeMap<u64, u64>; Lane::ALL.len()],
    /// Ids that the spool said are durable, or that must outlive a kill.
    promised: [BTreeSet<u64>; Lane::ALL.len()],
    /// Ids that were taken in any life.
    accepted: [BTreeSet<u64>; Lane::ALL.len()],
    /// Appends in this life, taken or not.
    appends: [u64; Lane::ALL.len()],
}

type Held = Result<(), String>;

fn body_of(lane: Lane, id: u64) -> Vec<u8> {
    let length = 5 + (id * 37 + lane as u64) % 150;
    (0..length).map(|at| (at ^ id ^ 0x5a) as u8).collect()
}

impl Model {
    fn new(seed: u64, world: World, lie: Option<Lie>) -> Self {
        let mut chance = Chance::new(seed);
        let disk = SimDisk::new(chance.number());
        disk.lie(lie);
        let all = [
            ("house", Lane::Alerts, true),
            ("kafka", Lane::Alerts, false),
            ("house", Lane::Transactions, true),
            ("kafka", Lane::Transactions, false),
            ("kafka", Lane::Reports, false),
        ];
        let sink = |(name, lane, fixed): (&str, Lane, bool)| Sink {
            reading: reading(name, lane),
            fixed,
            reader: None,
            hands: None,
            taken: BTreeSet::new(),
            last: None,
            delivered: 0,
            refused: 0,
            begun: 0,
            lost: 0,
            latest: None,
            fresh: true,
        };
        Self {
            disk,
            chance,
            world,
            troubled: false,
            now: Duration::ZERO,
            committer: None,
            shared: None,
            sinks: all.into_iter().map(sink).collect(),
            ids: [0; Lane::ALL.len()],
            numbers: Default::default(),
            promised: Default::default(),
            accepted: Default::default(),
            appends: [0; Lane::ALL.len()],
        }
    }

    /// Opens the spool; `false` if the disk broke off meanwhile.
    fn open(&mut self) -> Result<bool, String> {
        let calls = self.disk.calls();
        let readings: Vec<Reading> = self.sinks.iter().map(|sink| sink.reading.clone()).collect();
        let config = Config { sync_transactions: self.world.sync_transactions, ..Config::default() };
        let disk = Box::new(self.disk.clone());
        let opened = assemble(disk, &config, Full::Drop, &readings, &mut Vec::new());
        hold!(self.disk.calls() < calls + 2000, "opening takes {} disk calls", self.disk.calls() - calls);
        let mut committer = match opened {
            Ok(committer) => committer,
            Err(OpenError::Io(..)) if self.disk.is_broken() => return Ok(false),
            Err(error) => return Err(format!("the spool does not open: {error}")),
        };
        let shared = committer.shared();
        shared.lock().limits = BOUNDS;
        self.now = Duration::ZERO;
        committer.turn(self.now);
        self.committer = Some(committer);
        self.appends = [0; Lane::ALL.len()];
        for (index, sink) in self.sinks.iter_mut().enumerate() {
            sink.reader = Reader::new(shared.clone(), index);
            (sink.hands, sink.last, sink.delivered, sink.refused, sink.fresh) = (None, None, 0, 0, true);
            let state = shared.lock();
            sink.begun = state.account(&state.readers[index]).queued;
        }
        self.shared = Some(shared);
        Ok(true)
    }

    /// The process ends, after a last turn if it ends in peace.
    fn end(&mut self, in_peace: bool) -> Result<Vec<Account>, String> {
        let shared = self.shared.take().ok_or("not open")?;
        let mut accounts = Vec::new();
        for &lane in Lane::ALL {
            // What was not seen by now is promised by no later life.
            self.numbers[lane as usize].split_off(&shared.lock().lane(lane).visible);
        }
        if in_peace {
            shared.lock().enter(Phase::Closed);
            if let Some(committer) = &mut self.committer {
                committer.turn(self.now);
            }
        }
        for (index, sink) in self.sinks.iter_mut().enumerate() {
            let state = shared.lock();
            let account = state.account(&state.readers[index]);
            sink.lost += account.lost - state.lane(sink.reading.lane).refused - sink.refused;
            sink.reader = None;
            accounts.push(account);
        }
        self.committer = None;
        Ok(accounts)
    }

    fn account(&self, index: usize) -> Account {
        let state = self.shared.as_ref().unwrap().lock();
        state.account(&state.readers[index])
    }

    fn append(&mut self) {
        // Sightings fare as transactions do; nobody takes them here.
        let lane = Lane::ALL[self.chance.below(3) as usize];
        let shared = self.shared.as_ref().unwrap();
        let number = shared.lock().lane(lane).next;
        let id = self.ids[lane as usize];
        self.ids[lane as usize] += 1;
        self.appends[lane as usize] += 1;
        let kind = match lane {
            Lane::Alerts => Kind::Alert,
            Lane::Transactions => Kind::Transaction,
            Lane::Reports => Kind::Health,
            Lane::Sightings => Kind::Sightings,
        };
        let body = body_of(lane, id);
        let record = Record { kind, raised_ms: id, id: u128::from(id), key: u128::from(id / 3), body: &body };
        if enqueue(&mut shared.lock(), &record) {
            self.numbers[lane as usize].insert(number, id);
            self.accepted[lane as usize].insert(id);
        }
    }

    /// A turn of the committer; what it made seen is promised, as far as it outlives what this world does.
    fn turn(&mut self, sync: bool) -> Held {
        self.now += Duration::from_millis(self.chance.below(400));
        let shared = self.shared.clone().ok_or("not open")?;
        shared.lock().sync_wanted = sync;
        let calls = self.disk.calls();
        if let Some(committer) = &mut self.committer {
            committer.turn(self.now);
        }
        hold!(self.disk.calls() < calls + 3000, "a turn takes {} disk calls", self.disk.calls() - calls);
        if self.disk.is_broken() {
            return Ok(());
        }
        let state = shared.lock();
        for &lane in Lane::ALL {
            let lasts =
                !lane.is_bulk() || self.world.sync_transactions || self.world.crashes != Some(Crash::Power);
            if lasts {
                let seen = self.numbers[lane as usize].range(..state.lane(lane).visible);
                self.promised[lane as usize].extend(seen.map(|(_, id)| *id));
            }
        }
        let used: u64 = state.lanes.iter().map(LaneState::used).sum();
        // What a torn or failed write leaves behind is cut off where the disk lets it, and else is room lost.
        let torn = self.world.crashes == Some(Crash::Power) || self.world.troubles || self.troubled;
        hold!(torn || used <= BOUNDS.bytes_max, "{used} bytes are used");
        Ok(())
    }

    /// A sink asks for a batch.
    fn next(&mut self, index: usize) -> Held {
        let sink = &mut self.sinks[index];
        let limits = Limits {
            records_max: 1 + self.chance.below(8) as usize,
            bytes_max: 1 + self.chance.below(600) as usize,
            linger: Duration::ZERO,
            fixed: sink.fixed,
        };
        let (Some(reader), None) = (&mut sink.reader, &sink.hands) else { return Ok(()) };
        let calls = self.disk.calls();
        let polled = reader.poll(&limits);
        hold!(self.disk.calls() < calls + 2000, "a poll takes {} disk calls", self.disk.calls() - calls);
        if self.disk.is_broken()
            || polled == Polled::Unreadable
            || !reader.has_some()
            || !reader.is_fixed(&limits)
        {
            return Ok(());
        }
        let batch = reader.take();
        self.check_batch(index, &batch)?;
        let sink = &mut self.sinks[index];
        sink.latest = Some((batch.clone(), false));
        sink.fresh = false;
        sink.hands = Some(batch);
        Ok(())
    }

    fn check_batch(&self, index: usize, batch: &Batch) -> Held {
        let sink = &self.sinks[index];
        let lane = sink.reading.lane;
        let name = batch.name();
        let mut last = sink.last;
        hold!(!batch.is_empty(), "{name} is empty");
        for record in batch.records() {
            let id = record.id as u64;
            hold!(self.accepted[lane as usize].contains(&id), "{name} has {id}, which was never taken");
            hold!(record.body == body_of(lane, id), "{name} has a wrong body in {id}");
            hold!(record.kind.lane() == lane && record.raised_ms == id, "{name} has wrong fields in {id}");
            hold!(last.is_none_or(|last| last < id), "{name} has {id} behind {last:?}");
            last = Some(id);
        }
        // A batch under a name must come again as it was, where nothing may be lost.
        let lasts = !lane.is_bulk() || self.world.sync_transactions;
        if let (Some((latest, _)), true, true) =
            (&sink.latest, sink.fixed && sink.fresh, lasts && lane == Lane::Alerts)
        {
            let (then, now) = (latest.range(), batch.range());
            hold!(now.start <= then.end, "{name} comes after {}", latest.name());
            hold!(now.start != then.start || latest == batch, "{name} comes again as {}", latest.name());
        }
        Ok(())
    }

    fn acknowledge(&mut self, index: usize) {
        let refused = u64::from(self.chance.percent(5));
        let sink = &mut self.sinks[index];
        let (Some(reader), Some(batch)) = (&mut sink.reader, sink.hands.take()) else { return };
        reader.ack(&batch, refused);
        sink.delivered += batch.len() as u64 - refused;
        sink.refused += refused;
        sink.taken.extend(batch.records().map(|record| record.id as u64));
        sink.last = batch.records().last().map(|record| record.id as u64);
        sink.latest = Some((batch, true));
    }

    /// Whether the accounts add up, and say what the model knows.
    fn check_accounts(&self) -> Held {
        for (index, sink) in self.sinks.iter().enumerate() {
            let account = self.account(index);
            let Account { queued, delivered, spooled, lost, .. } = account;
            let who = (&sink.reading.sink, sink.reading.lane);
            hold!(queued == delivered + spooled + lost, "{who:?} does not add up: {account:?}");
            hold!(delivered == sink.delivered, "{who:?} took {}: {account:?}", sink.delivered);
            let appends = self.appends[sink.reading.lane as usize];
            hold!(
                queued == sink.begun + appends,
                "{who:?}: {} + {appends} appended: {account:?}",
                sink.begun
            );
            let refused = self.shared.as_ref().unwrap().lock().lane(sink.reading.lane).refused;
            // A torn record that was never promised may be counted, when whole ones follow it; `drain` looks closer.
            let torn = self.world.crashes == Some(Crash::Power) || self.disk.failed_syncs() > 0;
            let may_lose = sink.reading.lane != Lane::Alerts || torn;
            hold!(may_lose || lost == sink.refused + refused, "{who:?} lost an alert: {account:?}");
        }
        Ok(())
    }

    fn step(&mut self) -> Held {
        let sink = self.chance.below(self.sinks.len() as u64) as usize;
        match self.chance.below(100) {
            0..45 => self.append(),
            45..60 => self.turn(false)?,
            60..65 => self.turn(true)?,
            65..80 => self.next(sink)?,
            80..94 => self.acknowledge(sink),
            94 => {
                let index = sink;
                let sink = &mut self.sinks[index];
                (sink.hands, sink.reader) = (None, None);
                sink.reader = self.shared.clone().and_then(|shared| Reader::new(shared, index));
            }
            95 if self.world.troubles => self.disk.fail_syncs(self.chance.below(4)),
            96 if self.world.troubles => self.disk.leave_free(self.chance.below(4096) as usize),
            97 if self.world.troubles => self.disk.leave_free(usize::MAX),
            98 if self.world.crashes.is_some() => self.disk.break_in(1 + self.chance.below(40)),
            99 if self.chance.percent(20) => return self.reopen(true),
            _ => {}
        }
        if self.disk.is_broken() {
            return self.reopen(false);
        }
        self.check_accounts()
    }

    fn reopen(&mut self, in_peace: bool) -> Held {
        if in_peace {
            self.disk.restart(Crash::Kill);
        }
        let before = self.end(in_peace)?;
        let crash = match self.world.crashes {
            Some(crash) if !in_peace => crash,
            _ => Crash::Kill,
        };
        loop {
            self.disk.restart(crash);
            if !in_peace && self.chance.percent(20) {
                self.disk.break_in(1 + self.chance.below(60));
            }
            if self.open()? {
                break;
            }
        }
        for (before, sink) in before.iter().zip(&self.sinks) {
            let who = (&sink.reading.sink, sink.reading.lane);
            hold!(
                !in_peace || sink.begun == before.spooled,
                "{who:?} begins with {} after {before:?}",
                sink.begun
            );
        }
        if self.disk.is_broken() { self.reopen(false) } else { self.check_accounts() }
    }

    /// All faults end; every sink takes all there is. Then nothing promised may be missing but what was counted.
    fn drain(&mut self) -> Held {
        self.troubled = std::mem::take(&mut self.world.troubles);
        self.reopen(true)?;
        self.turn(true)?;
        for index in 0..self.sinks.len() {
            loop {
                self.next(index)?;
                self.turn(false)?;
                self.next(index)?;
                if self.sinks[index].hands.is_none() {
                    break;
                }
                self.acknowledge(index);
                self.check_accounts()?;
            }
            let account = self.account(index);
            hold!(account.spooled == 0, "{} records do not come", account.spooled);
        }
        self.end(true)?;
        for sink in &self.sinks {
            let lane = sink.reading.lane as usize;
            let who = (&sink.reading.sink, sink.reading.lane);
            let missing = self.promised[lane].difference(&sink.taken).count() as u64;
            hold!(missing == 0 || sink.reading.lane != Lane::Alerts, "{who:?} misses {missing} alerts");
            hold!(missing <= sink.lost, "{who:?} misses {missing}, {} are counted as lost", sink.lost);
            let gone = self.accepted[lane].difference(&sink.taken).count() as u64;
            let exact = self.world.crashes.is_none();
            hold!(!exact || gone == sink.lost, "{who:?} misses {gone}, {} are counted as lost", sink.lost);
        }
        Ok(())
    }
}

/// Many steps in one world.
fn live(seed: u64, world: World, lie: Option<Lie>, steps: u64) -> Held {
    let mut model = Model::new(seed, world, lie);
    let tell = |step: u64, what: String| format!("seed {seed}, {world:?}, step {step}: {what}");
    model.open().map_err(|what| tell(0, what))?;
    for step in 0..steps {
        model.step().map_err(|what| tell(step, what))?;
    }
    model.drain().map_err(|what| tell(steps, what))
}

const STEPS: u64 = 2000;

fn worlds() -> Vec<World> {
    let mut worlds = Vec::new();
    for crashes in [None, Some(Crash::Kill), Some(Crash::Power)] {
        for (troubles, sync_transactions) in [(false, false), (true, false), (false, true), (true, true)] {
            worlds.push(World { crashes, troubles, sync_transactions });
        }
    }
    worlds
}

/// `HEELGUARD_SPOOL_STEPS` asks for more than the usual number.
#[test]
fn every_promise_holds_wherever_the_machine_stops() {
    let steps = std::env::var("HEELGUARD_SPOOL_STEPS").ok().and_then(|steps| steps.parse().ok());
    let steps: u64 = steps.unwrap_or(100_000);
    let first: u64 =
        std::env::var("HEELGUARD_SPOOL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    for (seed, world) in (first..).zip(worlds().into_iter().cycle()).take((steps / STEPS) as usize) {
        if let Err(what) = live(seed, world, None, STEPS) {
            panic!("{what}");
        }
    }
}

/// How a mistake shows within some lives; `None`: it does not.
fn found(fault: Option<Fault>, lie: Option<Lie>, crash: Crash, troubles: bool) -> Option<String> {
    let world = World { crashes: Some(crash), troubles, sync_transactions: true };
    (0..60).find_map(|seed| fault::with(fault, || live(seed, world, lie, STEPS)).err())
}

#[test]
fn the_model_finds_what_would_break_a_promise() {
    let mistakes = [
        ("records are seen before they are synced", None, Some(Lie::Contents), Crash::Power, false),
        ("a segment's name is not synced", None, Some(Lie::Names), Crash::Power, false),
        ("a failed sync is believed", Some(Fault::BelieveSync), None, Crash::Power, true),
        ("what was handed out is acknowledged", Some(Fault::AckEarly), None, Crash::Kill, false),
        ("segments go before positions are saved", Some(Fault::UnlinkFirst), None, Crash::Kill, false),
    ];
    for (mistake, fault, lie, crash, troubles) in mistakes {
        assert!(found(fault, lie, crash, troubles).is_some(), "unnoticed: {mistake}");
    }
}
