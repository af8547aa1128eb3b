//! Records on disk between the sensor and its sinks: four lanes, each a log of segments, each sink with its position.
//! It is given records that were raised and hands them out in batches, in order, until they are acknowledged.
//! It promises that an alert for which `sync` said yes is handed out until every sink has it, through kill -9, power
//! loss and full disks; that all else is handed out or counted as lost, exactly; and that its room is bounded.

mod batch;
mod commit;
mod cursor;
mod disk;
#[cfg(any(test, feature = "seeded-bugs"))]
mod fault;
pub(crate) mod fuzzing;
mod lane;
mod opening;
mod progress;
mod reader;
mod record;
mod reserve;
mod segment;
mod shared;
mod state;
#[cfg(test)]
mod tests;
mod window;

pub use batch::Batch;
pub use lane::LaneAccount;
pub use progress::Account;
pub use reader::Reader;
pub use record::{Kind, Lane, Record};

use commit::Committer;
use disk::Disk;
use disk::memory::MemoryDisk;
use disk::real::{RealDisk, Refused};
use lane::LaneState;
use progress::ReaderState;
use reserve::Reserve;
use segment::BODY_BYTES_MAX;
use serde::{Deserialize, Serialize};
use shared::Shared;
use state::{Bounds, Phase, State};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// `[spool]`: what may wait on disk, and how safely.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Bytes of all records that wait, at least 4 MiB.
    pub bytes_max: u64,
    /// Percent of `bytes_max` that only alerts may use, 1 to 90.
    pub alerts_reserve_pct: u8,
    /// Whether transactions and sightings, too, must survive a power loss; alerts always do.
    pub sync_transactions: bool,
    /// Milliseconds that a record may wait to be written together with others, 1 to 50.
    pub commit_ms: u32,
    /// Seconds that the end of a run waits for sinks of which none makes progress.
    pub drain_timeout_s: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bytes_max: 1 << 30,
            alerts_reserve_pct: 25,
            sync_transactions: false,
            commit_ms: 20,
            drain_timeout_s: 10,
        }
    }
}

impl Config {
    /// Says which setting is not possible.
    pub fn check(&self) -> Result<(), String> {
        if self.bytes_max < 4 << 20 {
            return Err("spool.bytes_max must be at least 4194304 (4 MiB)".to_owned());
        }
        if !(1..=90).contains(&self.alerts_reserve_pct) {
            return Err("spool.alerts_reserve_pct must be from 1 to 90".to_owned());
        }
        if !(1..=50).contains(&self.commit_ms) {
            return Err("spool.commit_ms must be from 1 to 50".to_owned());
        }
        Ok(())
    }
}

/// What becomes of a record when there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The oldest transactions make room, or the record is refused and counted: capture never waits.
    Drop,
    /// Whoever appends waits, as long as sinks make progress: a replay can wait.
    Wait,
}

/// A sink that takes a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The name of the sink's section.
    pub sink: Arc<str>,
    /// The lane it takes.
    pub lane: Lane,
}

/// Why a spool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("spool {0} is in use by another sensor")]
    InUse(String),
    /// It is no safe place.
    #[error("spool {0}: {1}")]
    Unsafe(String, String),
    /// It was written by a version that came later.
    #[error(
        "spool {0} was written by a newer version of the sensor (layout {1}); use that version, or another folder"
    )]
    Newer(String, u32),
    /// The system says no.
    #[error("cannot use spool {0}: {1}")]
    Io(String, #[source] io::Error),
    /// No id can be made.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
}

/// No append waits longer for room when no sink makes progress.
const STUCK_AFTER: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });

/// The records that wait. Clones are the same spool; it is closed by `close`, or with the last of them.
#[derive(Clone)]
pub struct Spool(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    committer: Slot,
}

#[expect(clippy::disallowed_types, reason = "taken once, at the end")]
type Slot = std::sync::Mutex<Option<JoinHandle<()>>>;

impl Spool {
    /// Opens a folder, made where it is missing, and says what an operator should know about what was found.
    pub fn open(
        folder: &Path,
        config: &Config,
        full: Full,
        readings: &[Reading],
    ) -> Result<(Self, Vec<String>), OpenError> {
        let name = || folder.display().to_string();
        let disk = RealDisk::open(folder).map_err(|refused| match refused {
            Refused::InUse => OpenError::InUse(name()),
            Refused::Unsafe(why) => OpenError::Unsafe(name(), why),
            Refused::Io(error) => OpenError::Io(name(), error),
        })?;
        let mut told = Vec::new();
        let committer = assemble(Box::new(disk), config, full, readings, &mut told)?;
        Ok((Self::start(committer)?, told))
    }

    /// A spool that forgets all with the process, for a replay without a folder to keep anything in.
    pub fn in_memory(config: &Config, full: Full, readings: &[Reading]) -> Result<Self, OpenError> {
        let disk = Box::new(MemoryDisk::default());
        Self::start(assemble(disk, config, full, readings, &mut Vec::new())?)
    }

    /// Takes a record. False: it was refused, and counted as lost for every sink of its lane. A lane that no sink
    /// takes swallows all.
    pub fn append(&self, record: &Record<'_>) -> bool {
        let shared = &self.0.shared;
        let lane = record.kind.lane();
        let mut state = shared.lock();
        if state.lane(lane).readers == 0 {
            return true;
        }
        let bytes = segment::record_bytes(record.body.len()) as u64;
        if state.full == Full::Wait && bytes <= state.limits.others_max {
            state = wait_for_room(shared, state, lane, bytes);
        }
        let before = state.lane(lane).pending.len();
        let taken = enqueue(&mut state, record);
        let after = state.lane(lane).pending.len();
        drop(state);
        if before == 0 || (before < commit::AT_ONCE_BYTES && after >= commit::AT_ONCE_BYTES) {
            shared.work.notify_one();
        }
        taken
    }

    /// Waits until all alerts appended so far are on disk. False: not known to be, for now; the spool keeps trying.
    pub fn sync(&self) -> bool {
        let shared = &self.0.shared;
        let mut state = shared.lock();
        let (end, failures) = (state.lane(Lane::Alerts).next, state.lane(Lane::Alerts).failures);
        let begun = Instant::now();
        while state.lane(Lane::Alerts).visible < end {
            let left = STUCK_AFTER.saturating_sub(begun.elapsed());
            if state.is_closed() || state.lane(Lane::Alerts).failures != failures || left.is_zero() {
                return false;
            }
            state.sync_wanted = true;
            shared.work.notify_one();
            state = Shared::wait(&shared.news, state, left);
        }
        true
    }

    /// The reader of one of the readings the spool was opened with; `None` for any other. One at a time.
    pub fn reader(&self, reading: &Reading) -> Option<Reader> {
        let index = self.0.shared.lock().readers.iter().position(|reader| reader.reading == *reading)?;
        Reader::new(self.0.shared.clone(), index)
    }

    /// From now on no reader waits: each gives what is there, or nothing.
    pub fn hasten(&self) {
        self.0.shared.lock().enter(Phase::Hasty);
        self.0.shared.ring();
    }

    /// How one sink stands with one lane; all zero for a reading the spool does not know.
    pub fn account(&self, reading: &Reading) -> Account {
        let state = self.0.shared.lock();
        let reader = state.readers.iter().find(|reader| reader.reading == *reading);
        reader.map(|reader| state.account(reader)).unwrap_or_default()
    }

    /// What a lane takes up.
    pub fn lane(&self, lane: Lane) -> LaneAccount {
        self.0.shared.lock().lane(lane).account()
    }

    /// How much of the room is used, in per cent.
    pub fn fill_pct(&self) -> u32 {
        let state = self.0.shared.lock();
        let used: u64 = Lane::ALL.iter().map(|lane| state.lane(*lane).account().disk_bytes).sum();
        (used.saturating_mul(100) / state.limits.bytes_max.max(1)) as u32
    }

    /// What does not work now, in one line that names the folder and the cause; `None` when all is well.
    pub fn trouble(&self) -> Option<String> {
        self.0.shared.lock().troubles.iter().flatten().next().cloned()
    }

    /// Writes what is in memory and every position, and stops. Readers then give nothing more. True if all of it is
    /// on disk; records that are not, end here, and are counted as lost.
    pub fn close(&self) -> bool {
        self.0.close();
        let mut state = self.0.shared.lock();
        let forgotten: u64 = state.lanes.iter_mut().map(LaneState::forget).sum();
        forgotten == 0 && !state.readers.iter().any(ReaderState::is_dirty)
    }

    fn start(mut committer: Committer) -> Result<Self, OpenError> {
        let shared = committer.shared();
        let begun = Instant::now();
        // Sinks that are new have their positions on disk before the first record comes.
        committer.turn(Duration::ZERO);
        let fail = |error| OpenError::Io(shared.disk.name(), error);
        let thread = std::thread::Builder::new().name("spool".to_owned());
        let thread = thread.spawn(move || run(committer, begun)).map_err(fail)?;
        Ok(Self(Arc::new(Handle { shared, committer: Slot::new(Some(thread)) })))
    }
}

impl Handle {
    fn close(&self) {
        self.shared.lock().enter(Phase::Closed);
        self.shared.work.notify_one();
        self.shared.ring();
        let thread = self.committer.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A committer that panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

/// What the committer's thread does: a turn whenever something is due, and one at the end.
fn run(mut committer: Committer, begun: Instant) {
    let shared = committer.shared();
    let mut due = Duration::ZERO;
    loop {
        let mut state = shared.lock();
        let closed = loop {
            let now = begun.elapsed();
            due = due.min(committer.next_due(now, &state));
            if due <= now {
                break state.is_closed();
            }
            state = Shared::wait(&shared.work, state, due.saturating_sub(now));
        };
        drop(state);
        committer.turn(begun.elapsed());
        if closed {
            return;
        }
        due = Duration::MAX;
    }
}

/// Takes a record into memory, or counts it as refused.
fn enqueue(state: &mut State, record: &Record<'_>) -> bool {
    let lane = record.kind.lane();
    let bytes = segment::record_bytes(record.body.len()) as u64;
    let fits = record.body.len() <= BODY_BYTES_MAX && state.has_room(lane, bytes, false);
    if fits && !state.is_closed() {
        state.push(record);
    } else {
        state.lane_mut(lane).refused += 1;
    }
    fits && !state.is_closed()
}

/// Waits until a record has room without anything being dropped for it, or until waiting has no use.
fn wait_for_room<'a>(
    shared: &'a Shared,
    mut state: shared::Guard<'a>,
    lane: Lane,
    bytes: u64,
) -> shared::Guard<'a> {
    let mut since = Instant::now();
    let mut progress = state.progress;
    state.waiting += 1;
    while !state.is_closed() && !state.stuck && !state.has_room(lane, bytes, true) {
        if state.progress != progress {
            (since, progress) = (Instant::now(), state.progress);
        }
        let left = STUCK_AFTER.saturating_sub(since.elapsed());
        state.stuck = left.is_zero();
        shared.work.notify_one();
        state = Shared::wait(&shared.news, state, left);
    }
    state.waiting -= 1;
    state
}

/// Puts the parts of a spool together, but for the thread.
fn assemble(
    disk: Box<dyn Disk>,
    config: &Config,
    full: Full,
    readings: &[Reading],
    told: &mut Vec<String>,
) -> Result<Committer, OpenError> {
    let opened = opening::open(&*disk, readings, told)?;
    let listing = disk.list(disk::Folder::Root).map_err(|error| OpenError::Io(disk.name(), error))?;
    let limits = Bounds::new(config);
    let reserve = Reserve::new(limits.bytes_max - limits.others_max, &listing);
    let state = State {
        limits,
        full,
        lanes: opened.lanes,
        readers: opened.readers,
        troubles: Default::default(),
        sync_wanted: false,
        waiting: 0,
        stuck: false,
        progress: 0,
        rings: 0,
        phase: Phase::Open,
    };
    let commit_every = Duration::from_millis(u64::from(config.commit_ms));
    let shared = Arc::new(Shared::new(state, disk, opened.spool, commit_every));
    Ok(Committer::new(shared, config.sync_transactions, opened.cursors, reserve))
}
