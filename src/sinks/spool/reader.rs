//! One sink's reading of one lane: batches in order, each acknowledged before the next.
//! It is given what was committed; it waits for more where that makes better batches.
//! It promises that each record comes again until it is acknowledged, in the same batch where that is asked for, and
//! that records which cannot be read are passed over and counted.

use super::batch::Batch;
use super::disk::{DiskFile, Folder};
use super::lane::Segment;
use super::record::Lane;
use super::segment::{self, Found, HEAD_BYTES};
use super::shared::Shared;
use super::state::{Phase, Source};
use super::window::Window;
use crate::sinks::destination::Limits;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So long after a failed read.
const READ_PAUSE: Duration = Duration::from_millis(200);
/// So often in a row, then the place is passed over.
const READ_TRIES: u32 = 50;
/// What is passed over at a time.
const UNREADABLE_BYTES: u64 = 4096;
/// A batch whose end cannot be saved is handed out after so long all the same: better twice than never.
const FIXED_WAIT: Duration = Duration::from_secs(5);

/// Reads a lane for a sink. There is one at a time.
pub struct Reader {
    shared: Arc<Shared>,
    /// Its place among the readers.
    index: usize,
    lane: Lane,
    salt: u32,
    /// The next record to read.
    number: u64,
    segment: Option<Open>,
    /// Failed reads in a row, and whether the state knows of one.
    failures: u32,
    troubled: bool,
    /// What is read and not handed out, since when, and whether the next record does not fit in.
    batch: Batch,
    since: Option<Instant>,
    full: bool,
    /// What is handed out and not acknowledged.
    out: Option<Range<u64>>,
}

/// The segment that is being read.
struct Open {
    first: u64,
    file: Box<dyn DiskFile>,
    window: Window,
    /// The lowest number that can come next.
    next: u64,
}

/// How far reading may go now.
struct View {
    stop: u64,
    /// What was read so far is a batch, whatever comes.
    closing: bool,
    /// The batch must be as it was, whatever the limits.
    fixed: bool,
    /// Where the next record is, and the number behind that segment's last.
    segment: Option<(Segment, u64)>,
    oldest: u64,
}

/// What a look at the spool brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Polled {
    /// A batch that is as large as it may be, or must not grow.
    Ready,
    /// All there is, for now; perhaps nothing.
    Open,
    /// The disk does not give what it should; to be tried again after a pause.
    Unreadable,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, index: usize) -> Option<Self> {
        let mut state = shared.lock();
        let reader = state.readers.get_mut(index)?;
        // A reader before this one may have gone with a batch in its hands: that is read again.
        let (lane, position) = (reader.reading.lane, reader.position);
        let salt = state.lane(lane).salt;
        drop(state);
        let batch = Batch::new(shared.spool, lane, position);
        Some(Self {
            shared,
            index,
            lane,
            salt,
            number: position,
            segment: None,
            failures: 0,
            troubled: false,
            batch,
            since: None,
            full: false,
            out: None,
        })
    }

    /// The next batch, waited for at most so long. `None`: nothing came, or `Spool::hasten` was called and all is
    /// read, or the last batch was not acknowledged.
    pub fn next(&mut self, limits: &Limits, wait: Duration) -> Option<Batch> {
        let begun = Instant::now();
        loop {
            if self.out.is_some() {
                return None;
            }
            let rings = self.shared.lock().rings;
            let polled = self.poll(limits);
            let waited = begun.elapsed();
            let lingered = self.since.map_or(Duration::ZERO, |since| since.elapsed());
            let state = self.shared.lock();
            if state.is_closed() {
                return None;
            }
            let hasty = state.phase == Phase::Hasty;
            let enough = polled == Polled::Ready || lingered >= limits.linger || hasty;
            if self.has_some() && enough {
                drop(state);
                return self.hand_out(limits);
            }
            if hasty || waited >= wait {
                return None;
            }
            let mut pause = wait.saturating_sub(waited);
            if polled == Polled::Unreadable {
                pause = pause.min(READ_PAUSE);
            } else if state.rings != rings {
                continue;
            }
            if self.since.is_some() {
                pause = pause.min(limits.linger.saturating_sub(lingered));
            }
            drop(Shared::wait(&self.shared.news, state, pause));
        }
    }

    /// All records of a batch are dealt with; so many of them the far side will never take.
    pub fn ack(&mut self, batch: &Batch, refused: u64) {
        let range = batch.range();
        if self.out.as_ref() != Some(&range) {
            return;
        }
        self.out = None;
        let mut state = self.shared.lock();
        let next = state.lane(self.lane).next;
        let slowest = state.slowest(self.lane);
        let Some(reader) = state.readers.get_mut(self.index) else { return };
        let records = batch.len() as u64;
        let missing = range.end.saturating_sub(range.start).saturating_sub(records);
        reader.advance(range.end, records.saturating_sub(refused), missing);
        reader.oldest_ms = match batch.len().checked_sub(1).and_then(|last| batch.get(last)) {
            Some(last) if reader.position < next => Some(last.raised_ms),
            _ => None,
        };
        self.number = self.number.max(reader.position);
        self.batch = Batch::new(self.shared.spool, self.lane, reader.position);
        // A quick sink makes no room as long as a slower one needs it.
        if state.slowest(self.lane) > slowest {
            state.progress += 1;
            state.stuck = false;
        }
        drop(state);
        self.shared.work.notify_one();
    }

    /// Reads what is there, up to the limits.
    pub(super) fn poll(&mut self, limits: &Limits) -> Polled {
        loop {
            let Some(view) = self.view() else { return Polled::Open };
            if self.number >= view.stop {
                if self.batch.is_empty() && self.pass_over() {
                    continue;
                }
                return if view.closing && self.has_some() { Polled::Ready } else { Polled::Open };
            }
            let full =
                self.full || self.batch.len() >= limits.records_max || self.batch.bytes() >= limits.bytes_max;
            if full && !view.fixed && !self.batch.is_empty() {
                return Polled::Ready;
            }
            let result = self.read(&view, limits);
            self.settle();
            match result {
                Ok(()) => self.well(),
                Err(error) if self.has_failed(&error, &view) => return Polled::Unreadable,
                Err(_) => {}
            }
        }
    }

    /// Gives the batch away. Where its end must be on disk before, asks for that and waits.
    fn hand_out(&mut self, limits: &Limits) -> Option<Batch> {
        let begun = Instant::now();
        while !self.is_fixed(limits) && begun.elapsed() < FIXED_WAIT {
            let state = self.shared.lock();
            if state.is_closed() {
                return None;
            }
            self.shared.work.notify_one();
            drop(Shared::wait(&self.shared.news, state, READ_PAUSE));
        }
        Some(self.take())
    }

    /// Whether the batch may be handed out; asks for it if not.
    pub(super) fn is_fixed(&mut self, limits: &Limits) -> bool {
        let mut state = self.shared.lock();
        let Some(reader) = state.readers.get_mut(self.index) else { return true };
        if reader.fixed_end > reader.position {
            self.batch.extend_to(reader.fixed_end);
        } else if limits.fixed {
            reader.fixed_end = self.batch.range().end;
        }
        let saved = reader.durable.as_ref().map_or(0, |durable| durable.fixed_end);
        !limits.fixed || saved >= self.batch.range().end
    }

    /// Whether there is a batch, of whatever size.
    pub(super) fn has_some(&self) -> bool {
        !self.batch.is_empty()
    }

    /// The batch itself.
    pub(super) fn take(&mut self) -> Batch {
        let range = self.batch.range();
        let next = Batch::new(self.shared.spool, self.lane, range.end);
        self.since = None;
        self.full = false;
        self.out = Some(range);
        std::mem::replace(&mut self.batch, next)
    }

    fn view(&mut self) -> Option<View> {
        let state = self.shared.lock();
        let lane = state.lane(self.lane);
        let reader = state.readers.get(self.index)?;
        let stop = reader.stop(lane.visible);
        let at_hole = !reader.hole.is_empty() && stop == reader.hole.start;
        let fixed = reader.fixed_end > reader.position;
        Some(View {
            stop,
            closing: at_hole || (fixed && stop == reader.fixed_end),
            fixed,
            segment: lane.locate(self.number),
            oldest: lane.oldest(),
        })
    }

    /// Reads on in one segment until it ends, the batch is full, or reading must stop.
    fn read(&mut self, view: &View, limits: &Limits) -> io::Result<()> {
        let Some((segment, end)) = view.segment else {
            self.number = view.oldest.clamp(self.number, view.stop);
            return Ok(());
        };
        if self.segment.as_ref().is_none_or(|open| open.first != segment.first) {
            self.segment = None;
            let file = self.shared.disk.open(Folder::Lane(self.lane), &segment::file_name(segment.first))?;
            let window = Window::new(HEAD_BYTES);
            self.segment = Some(Open { first: segment.first, file, window, next: segment.first });
        }
        let Some(open) = &mut self.segment else { return Ok(()) };
        loop {
            let found = open.window.find(&*open.file, segment.bytes, self.salt, &(open.next..end))?;
            self.failures = 0;
            let (number, bytes) = match found {
                Some(Found::Record { number, bytes }) => (number, bytes),
                Some(Found::Nothing(bytes) | Found::More(bytes)) => {
                    open.window.advance(bytes);
                    continue;
                }
                None => {
                    self.number = end.min(view.stop);
                    return Ok(());
                }
            };
            if number >= view.stop {
                self.number = view.stop;
                return Ok(());
            }
            if number >= self.number
                && let Some(record) = open.window.record(bytes)
            {
                let more = self.batch.bytes() + record.body.len();
                let fits = self.batch.is_empty() || view.fixed || more <= limits.bytes_max;
                let full = self.batch.len() >= limits.records_max && !view.fixed;
                if !fits || (full && !self.batch.is_empty()) {
                    self.full = true;
                    return Ok(());
                }
                self.batch.push(number, &record);
                self.number = number + 1;
            }
            open.next = number + 1;
            open.window.advance(bytes);
        }
    }

    /// Tells the state how far reading has come; lets go of what was given up meanwhile.
    fn settle(&mut self) {
        let mut state = self.shared.lock();
        let Some(reader) = state.readers.get_mut(self.index) else { return };
        if reader.position > self.batch.range().start {
            // All that was read was given up before it was told that it is read.
            self.batch = Batch::new(self.shared.spool, self.lane, reader.position);
            self.number = reader.position;
            self.segment = None;
            self.full = false;
        } else if !reader.hole.is_empty() && self.number > reader.hole.start {
            self.batch.cut_at(reader.hole.start);
            self.number = reader.hole.start;
            self.segment = None;
            self.full = false;
        }
        reader.held = reader.held.max(self.number);
        if let Some(first) = self.batch.get(0) {
            reader.oldest_ms = Some(first.raised_ms);
            self.since.get_or_insert_with(Instant::now);
        } else {
            self.since = None;
        }
    }

    /// Counts as lost what could not be read, where no batch is there to count it. False if there is nothing.
    fn pass_over(&mut self) -> bool {
        let mut state = self.shared.lock();
        let Some(reader) = state.readers.get_mut(self.index) else { return false };
        let missing = self.number.saturating_sub(reader.position);
        if missing > 0 {
            reader.advance(self.number, 0, missing);
        }
        self.number = self.number.max(reader.position);
        self.batch = Batch::new(self.shared.spool, self.lane, reader.position);
        missing > 0
    }

    /// Reading works, again or as ever.
    fn well(&mut self) {
        if std::mem::take(&mut self.troubled) {
            self.shared.lock().set_trouble(Source::Reading, None);
        }
    }

    /// Whether to pause before the next try. A place that was tried often enough is passed over.
    fn has_failed(&mut self, error: &io::Error, view: &View) -> bool {
        let mut state = self.shared.lock();
        if state.lane(self.lane).locate(self.number) != view.segment {
            // It was dropped while it was being read.
            return false;
        }
        let (lane, spool) = (self.lane.name(), self.shared.disk.name());
        state.set_trouble(Source::Reading, Some(format!("cannot read {lane} from spool {spool}: {error}")));
        self.troubled = true;
        self.failures += 1;
        if self.failures < READ_TRIES && error.kind() != io::ErrorKind::NotFound {
            return true;
        }
        match (&mut self.segment, view.segment) {
            (Some(open), _) => open.window.leap(UNREADABLE_BYTES),
            (None, Some((_, end))) => self.number = end.min(view.stop),
            (None, None) => {}
        }
        false
    }
}
