//! The one place that writes: records of many callers with one sync, positions, and removals.
//! It is given time and what lies in memory; each turn does all that is due, in an order that any crash may cut.
//! It promises that nothing is seen before it is written, that no failed write or sync is believed, and that a
//! segment goes only after every sink that might want it has said on disk that it does not.

use super::cursor::{Cursor, Mark};
use super::disk::{DiskFile, Folder, is_full};
#[cfg(any(test, feature = "seeded-bugs"))]
use super::fault::{self, Fault};
use super::lane::Segment;
use super::progress::ReaderState;
use super::record::Lane;
use super::segment::{self, HEAD_BYTES};
use super::shared::Shared;
use super::state::{Source, State};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// After the first failure; doubled with each further one.
const RETRY_MIN: Duration = Duration::from_millis(100);
/// At most so long between two tries.
const RETRY_MAX: Duration = Duration::from_secs(5);
/// How old a position on disk may be, but for alerts, whose positions are saved each turn.
const CURSOR_AGE_MAX: Duration = Duration::from_secs(1);
/// So much in memory is written without waiting for more.
pub(super) const AT_ONCE_BYTES: usize = 1 << 20;
/// The name under which a new segment is made ready.
const FRESH: &str = "new";

/// Everything that writes.
pub(super) struct Committer {
    shared: Arc<Shared>,
    sync_transactions: bool,
    /// In the order of `Lane::ALL`.
    writers: [Writer; Lane::ALL.len()],
    /// In the order of the readers.
    cursors: Vec<Cursor>,
    cursors_retry: Retry,
    /// When positions of all lanes were saved.
    cursors_saved: Duration,
    reserve: super::reserve::Reserve,
}

/// What is being written of one lane.
#[derive(Default)]
struct Writer {
    /// The segment that grows, with its bytes so far.
    file: Option<(Box<dyn DiskFile>, u64)>,
    /// Records taken from memory and not yet seen by anybody.
    writing: Vec<u8>,
    /// The number behind the last of them.
    end: u64,
    retry: Retry,
}

/// When to try again.
#[derive(Default)]
struct Retry {
    at: Option<Duration>,
    pause: Duration,
}

impl Retry {
    fn is_due(&self, now: Duration) -> bool {
        self.at.is_none_or(|at| at <= now)
    }

    fn failed(&mut self, now: Duration) {
        self.pause = (self.pause * 2).clamp(RETRY_MIN, RETRY_MAX);
        self.at = Some(now + self.pause);
    }

    fn succeeded(&mut self) {
        *self = Self::default();
    }
}

impl Committer {
    /// `cursors` are in the order of the readers.
    pub(super) fn new(
        shared: Arc<Shared>,
        sync_transactions: bool,
        cursors: Vec<Cursor>,
        reserve: super::reserve::Reserve,
    ) -> Self {
        Self {
            shared,
            sync_transactions,
            writers: Default::default(),
            cursors,
            cursors_retry: Retry::default(),
            cursors_saved: Duration::ZERO,
            reserve,
        }
    }

    /// What it works on.
    pub(super) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// Does all that is due.
    pub(super) fn turn(&mut self, now: Duration) {
        let (hurried, synced) = {
            let mut state = self.shared.lock();
            let synced = std::mem::take(&mut state.sync_wanted);
            (state.waiting > 0 || state.is_closed(), synced)
        };
        self.make_room();
        #[cfg(any(test, feature = "seeded-bugs"))]
        if fault::is(Fault::UnlinkFirst) {
            self.remove_read();
        }
        for &lane in Lane::ALL {
            self.commit(lane, now, synced || hurried);
        }
        self.save_cursors(now, hurried);
        self.remove_read();
        let well = self.shared.lock().troubles.iter().all(Option::is_none);
        self.reserve.keep(&*self.shared.disk, now, well);
    }

    /// The next moment at which something is due, if nothing happens until then.
    pub(super) fn next_due(&self, now: Duration, state: &State) -> Duration {
        if state.is_closed() || state.sync_wanted {
            return now;
        }
        let soon = now + self.shared.commit_every;
        let mut due = now + RETRY_MAX;
        for (lane, writer) in state.lanes.iter().zip(&self.writers) {
            let hurried = state.waiting > 0 || lane.pending.len() >= AT_ONCE_BYTES;
            let wish = if hurried { now } else { soon };
            if !lane.pending.is_empty() || !writer.writing.is_empty() {
                due = due.min(writer.retry.at.unwrap_or(wish));
            }
        }
        for reader in state.readers.iter().filter(|reader| reader.is_dirty()) {
            let wish = match reader.reading.lane {
                _ if state.waiting > 0 || is_awaited(reader) => now,
                Lane::Alerts => soon,
                Lane::Transactions | Lane::Reports | Lane::Sightings => self.cursors_saved + CURSOR_AGE_MAX,
            };
            due = due.min(self.cursors_retry.at.unwrap_or(wish));
        }
        due
    }

    /// Drops what is oldest of all but alerts until all is within its bounds.
    fn make_room(&mut self) {
        loop {
            let over = self.shared.lock().over_budget();
            match over {
                Some(lane) if self.drop_oldest(lane) => {}
                _ => return,
            }
        }
    }

    /// Gives up the oldest segment of a lane and removes it; false if it cannot go.
    fn drop_oldest(&mut self, lane: Lane) -> bool {
        let before = {
            let mut state = self.shared.lock();
            if !state.give_up_oldest(lane) {
                return false;
            }
            state.lane(lane).segments().len()
        };
        self.save_cursors_of(|reader| reader.reading.lane == lane);
        self.remove_read();
        self.shared.lock().lane(lane).segments().len() < before
    }

    /// Writes what a lane has in memory, and makes it seen.
    fn commit(&mut self, lane: Lane, now: Duration, forced: bool) {
        if !forced && !self.writers[lane as usize].retry.is_due(now) {
            return;
        }
        loop {
            let again = !self.writers[lane as usize].writing.is_empty();
            let result = self.write(lane);
            let writer = &mut self.writers[lane as usize];
            let Err(error) = result else {
                writer.retry.succeeded();
                if again {
                    // That was what had failed before; what came meanwhile is next.
                    continue;
                }
                self.shared.lock().set_trouble(Source::Writing(lane), None);
                return;
            };
            // Never written to again: what was made seen stays in it, all else goes to the next segment.
            if let Some((file, bytes)) = writer.file.take() {
                // Room for others; what cannot be cut off is not read.
                let _ = file.cut(bytes);
            }
            if is_full(&error) && self.sacrifice_for(lane) {
                continue;
            }
            self.writers[lane as usize].retry.failed(now);
            let what = format!("cannot write {} to spool {}: {error}", lane.name(), self.shared.disk.name());
            let mut state = self.shared.lock();
            state.lane_mut(lane).failures += 1;
            state.set_trouble(Source::Writing(lane), Some(what));
            drop(state);
            self.shared.ring();
            return;
        }
    }

    /// The disk is full: what may go so that this lane can be written. Each thing goes once, so this comes to an end.
    fn sacrifice_for(&mut self, lane: Lane) -> bool {
        match lane {
            Lane::Alerts => {
                self.drop_oldest(Lane::Transactions)
                    || self.drop_oldest(Lane::Sightings)
                    || self.drop_oldest(Lane::Reports)
                    || self.reserve.give_up(&*self.shared.disk)
            }
            Lane::Transactions | Lane::Reports | Lane::Sightings => {
                self.drop_oldest(Lane::Transactions) || self.drop_oldest(Lane::Sightings)
            }
        }
    }

    fn write(&mut self, lane: Lane) -> io::Result<()> {
        let writer = &mut self.writers[lane as usize];
        if writer.writing.is_empty() {
            let mut state = self.shared.lock();
            let pending = state.lane_mut(lane);
            std::mem::swap(&mut pending.pending, &mut writer.writing);
            writer.end = pending.next;
        }
        if writer.writing.is_empty() {
            return Ok(());
        }
        // A sink whose position was never saved would not get these records after a restart.
        if self.shared.lock().readers_of(lane).any(|reader| reader.durable.is_none()) {
            self.save_cursors_of_checked(|reader| reader.durable.is_none())?;
        }
        self.writers[lane as usize].write(&self.shared, lane, !lane.is_bulk() || self.sync_transactions)
    }

    /// Saves positions that have changed, where it is time.
    fn save_cursors(&mut self, now: Duration, hurried: bool) {
        if !hurried && !self.cursors_retry.is_due(now) {
            return;
        }
        let all = hurried || now >= self.cursors_saved + CURSOR_AGE_MAX;
        if all {
            self.cursors_saved = now;
        }
        let due = |reader: &ReaderState| all || reader.reading.lane == Lane::Alerts || is_awaited(reader);
        let result = self.save_cursors_of_checked(due);
        match result {
            Ok(()) => self.cursors_retry.succeeded(),
            Err(_) => self.cursors_retry.failed(now),
        }
    }

    fn save_cursors_of(&mut self, due: impl Fn(&ReaderState) -> bool) {
        // What went wrong is in the state already; the next turn tries again.
        let _ = self.save_cursors_of_checked(due);
    }

    fn save_cursors_of_checked(&mut self, due: impl Fn(&ReaderState) -> bool) -> io::Result<()> {
        let mut result = Ok(());
        let mut saved = false;
        for (index, cursor) in self.cursors.iter_mut().enumerate() {
            let mark = {
                let state = self.shared.lock();
                state
                    .readers
                    .get(index)
                    .filter(|reader| due(reader) && reader.is_dirty())
                    .map(ReaderState::mark)
            };
            let Some(mark) = mark else { continue };
            match cursor.save(&*self.shared.disk, &mark) {
                Ok(()) => {
                    saved = true;
                    if let Some(reader) = self.shared.lock().readers.get_mut(index) {
                        reader.durable = Some(mark);
                    }
                }
                Err(error) => result = Err(error),
            }
        }
        if saved || result.is_err() {
            let trouble = result
                .as_ref()
                .err()
                .map(|error| format!("cannot save positions in spool {}: {error}", self.shared.disk.name()));
            self.shared.lock().set_trouble(Source::Cursors, trouble);
            self.shared.ring();
        }
        result
    }

    /// Removes segments that nobody wants any more. The last of a lane stays: its name keeps the count.
    fn remove_read(&mut self) {
        for &lane in Lane::ALL {
            loop {
                let first = removable(&mut self.shared.lock(), lane);
                let Some(first) = first else { break };
                let name = segment::file_name(first);
                let result = self.shared.disk.remove(Folder::Lane(lane), &name);
                let trouble = result.as_ref().err().map(|error| {
                    format!("cannot remove {name} from spool {}: {error}", self.shared.disk.name())
                });
                let mut state = self.shared.lock();
                state.set_trouble(Source::Removing, trouble);
                if result.is_err() {
                    break;
                }
                state.lane_mut(lane).remove_oldest();
                drop(state);
                self.shared.ring();
            }
        }
    }
}

/// Whether somebody waits until this position is saved.
fn is_awaited(reader: &ReaderState) -> bool {
    let fixes = |durable: &Mark| reader.fixed_end > reader.position.max(durable.fixed_end);
    reader.durable.as_ref().is_none_or(fixes)
}

/// The oldest segment of a lane, if no sink wants it, and all have said so on disk.
fn removable(state: &mut State, lane: Lane) -> Option<u64> {
    let (first, end) = {
        let mut segments = state.lane(lane).segments();
        (segments.next()?.first, segments.next()?.first)
    };
    let floor = |reader: &ReaderState| {
        #[cfg(any(test, feature = "seeded-bugs"))]
        if fault::is(Fault::UnlinkFirst) {
            return reader.floor;
        }
        reader.durable.as_ref().map_or(0, |durable| durable.floor)
    };
    state.readers_of(lane).all(|reader| floor(reader) >= end).then_some(first)
}

impl Writer {
    /// Appends to the segment that grows, or to a new one.
    fn write(&mut self, shared: &Shared, lane: Lane, synced: bool) -> io::Result<()> {
        let limits = shared.lock().limits;
        if self.file.as_ref().is_none_or(|(_, bytes)| *bytes >= limits.segment_bytes) {
            self.file = None;
            self.file = Some((begin_segment(shared, lane)?, HEAD_BYTES));
        }
        let Some((file, bytes)) = &mut self.file else { return Ok(()) };
        file.write_at(*bytes, &self.writing)?;
        if synced {
            let result = file.sync();
            #[cfg(any(test, feature = "seeded-bugs"))]
            let result = if fault::is(Fault::BelieveSync) { Ok(()) } else { result };
            result?;
        }
        *bytes += self.writing.len() as u64;
        let mut state = shared.lock();
        let written = state.lane_mut(lane);
        written.publish(*bytes, self.end);
        written.memory_bytes = written.memory_bytes.saturating_sub(self.writing.len() as u64);
        drop(state);
        self.writing.clear();
        shared.ring();
        Ok(())
    }
}

/// Makes a segment for the records that are not seen yet. It has its name only when its head is on disk.
fn begin_segment(shared: &Shared, lane: Lane) -> io::Result<Box<dyn DiskFile>> {
    let first = shared.lock().lane(lane).visible;
    let folder = Folder::Lane(lane);
    let file = shared.disk.create(folder, FRESH)?;
    file.write_at(0, &segment::head(shared.spool, lane, first))?;
    file.sync()?;
    shared.disk.rename(folder, FRESH, &segment::file_name(first))?;
    shared.disk.sync_folder(folder)?;
    shared.lock().lane_mut(lane).add_segment(Segment { first, bytes: HEAD_BYTES });
    Ok(file)
}
