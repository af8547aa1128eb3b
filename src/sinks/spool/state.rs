//! What everybody who uses the spool sees, under one lock that is never held during a disk call.
//! It is given records by those who raise them, room and segments by the committer, acknowledgements by the readers.
//! It promises that for every sink and lane, at any moment, queued = delivered + spooled + lost.

use super::lane::LaneState;
use super::progress::{Account, ReaderState};
use super::record::{Lane, Record};
use super::segment;
use super::{Config, Full};

/// No lane holds more in memory before it is written; twice that while it is being written.
const PENDING_BYTES_MAX: u64 = 8 << 20;
/// Smaller segments cost more files than they save room.
const SEGMENT_BYTES_MIN: u64 = 256 << 10;
/// Larger ones make opening slow: the last of each lane is read whole.
const SEGMENT_BYTES_MAX: u64 = 64 << 20;
/// Segments in a full spool: what is dropped at a time is one of them.
const SEGMENTS: u64 = 32;

/// What makes room for others, in this order: what alerts are made from goes behind what only tells of them.
const FIRST_TO_GO: [Lane; 3] = [Lane::Transactions, Lane::Sightings, Lane::Reports];

/// Everything but the files.
pub(super) struct State {
    pub(super) limits: Bounds,
    pub(super) full: Full,
    /// In the order of `Lane::ALL`.
    pub(super) lanes: [LaneState; Lane::ALL.len()],
    pub(super) readers: Vec<ReaderState>,
    /// What does not work now, by who met it; in the order of `Source`.
    pub(super) troubles: [Option<String>; Source::COUNT],
    /// Somebody waits for the alerts to be durable.
    pub(super) sync_wanted: bool,
    /// How many wait for room.
    pub(super) waiting: usize,
    /// Nobody made room while somebody waited for it: no use in waiting again.
    pub(super) stuck: bool,
    /// Acknowledgements that make room, counted, so that somebody who waits for it sees progress.
    pub(super) progress: u64,
    /// Rings of the bell for news, counted, so that none is missed by somebody who is about to wait.
    pub(super) rings: u64,
    /// What may still come.
    pub(super) phase: Phase,
}

/// Bounds that follow from the configuration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) bytes_max: u64,
    /// What all but alerts may use together.
    pub(super) others_max: u64,
    pub(super) segment_bytes: u64,
    pub(super) pending_bytes_max: u64,
}

impl Bounds {
    pub(super) fn new(config: &Config) -> Self {
        let reserve = config.bytes_max / 100 * u64::from(config.alerts_reserve_pct.min(100));
        let segment_bytes = (config.bytes_max / SEGMENTS).clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
        Self {
            bytes_max: config.bytes_max,
            others_max: config.bytes_max - reserve,
            segment_bytes,
            pending_bytes_max: segment_bytes.min(PENDING_BYTES_MAX),
        }
    }
}

/// What may still come; a later phase never goes back to an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Records come, and readers wait for them.
    Open,
    /// Readers no longer wait for more.
    Hasty,
    /// No record is taken and none handed out.
    Closed,
}

/// Who met trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Writing(Lane),
    Cursors,
    Removing,
    Reading,
}

impl Source {
    const COUNT: usize = Lane::ALL.len() + 3;

    fn index(self) -> usize {
        match self {
            Self::Writing(lane) => lane as usize,
            Self::Cursors => Lane::ALL.len(),
            Self::Removing => Lane::ALL.len() + 1,
            Self::Reading => Lane::ALL.len() + 2,
        }
    }
}

impl State {
    /// Goes on to a phase, if it is a later one.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = self.phase.max(phase);
    }

    /// Whether all is over.
    pub(super) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    pub(super) fn lane(&self, lane: Lane) -> &LaneState {
        &self.lanes[lane as usize]
    }

    pub(super) fn lane_mut(&mut self, lane: Lane) -> &mut LaneState {
        &mut self.lanes[lane as usize]
    }

    /// Readers of a lane.
    pub(super) fn readers_of(&mut self, lane: Lane) -> impl Iterator<Item = &mut ReaderState> {
        self.readers.iter_mut().filter(move |reader| reader.reading.lane == lane)
    }

    /// Whether a record of this size may be taken now. `patient`: only if nothing else has to go for it.
    pub(super) fn has_room(&self, lane: Lane, bytes: u64, patient: bool) -> bool {
        let [alerts, rest @ ..] = &self.lanes;
        let mine = self.lane(lane);
        let pending = mine.pending.len() as u64;
        let (bytes_max, others_max) = self.budget();
        let in_memory = pending == 0 || pending + bytes <= self.limits.pending_bytes_max;
        let others: u64 = if patient {
            rest.iter().map(LaneState::used).sum()
        } else {
            rest.iter().map(LaneState::held_bytes).sum()
        };
        let others_max = others_max.min(bytes_max.saturating_sub(alerts.used()));
        in_memory
            && match lane {
                Lane::Alerts => alerts.used() + others + bytes <= bytes_max,
                Lane::Transactions | Lane::Reports | Lane::Sightings => others + bytes <= others_max,
            }
    }

    /// What may be used in all, and by all but alerts: less than allowed by the heads of new segments,
    /// which what is in memory may come to lie in.
    fn budget(&self) -> (u64, u64) {
        let heads = Lane::ALL.len() as u64 * segment::HEAD_BYTES;
        let Bounds { bytes_max, others_max, .. } = self.limits;
        (bytes_max.saturating_sub(heads), others_max.saturating_sub(heads))
    }

    /// Takes a record into its lane's memory.
    pub(super) fn push(&mut self, record: &Record<'_>) {
        let lane = self.lane_mut(record.kind.lane());
        let before = lane.pending.len();
        segment::encode(&mut lane.pending, lane.salt, lane.next, record);
        lane.next += 1;
        lane.memory_bytes += (lane.pending.len() - before) as u64;
    }

    /// The lane whose oldest segment is to go, as long as there is more than may be.
    pub(super) fn over_budget(&self) -> Option<Lane> {
        let [alerts, rest @ ..] = &self.lanes;
        let others: u64 = rest.iter().map(LaneState::used).sum();
        let (bytes_max, others_max) = self.budget();
        let over = others > others_max || alerts.used() + others > bytes_max;
        let droppable = |lane: &Lane| self.lane(*lane).second().is_some();
        if over { FIRST_TO_GO.into_iter().find(droppable) } else { None }
    }

    /// What the last of a lane's readers has acknowledged: all before it is room.
    pub(super) fn slowest(&mut self, lane: Lane) -> Option<u64> {
        self.readers_of(lane).map(|reader| reader.position).min()
    }

    /// Gives up the oldest segment of a lane: from here on nobody wants it. The last one always stays.
    pub(super) fn give_up_oldest(&mut self, lane: Lane) -> bool {
        let Some(next) = self.lane(lane).second() else { return false };
        let before: u64 = self.readers_of(lane).map(|reader| reader.lost).sum();
        self.readers_of(lane).for_each(|reader| reader.give_up(next));
        let after: u64 = self.readers_of(lane).map(|reader| reader.lost).sum();
        self.lane_mut(lane).dropped_segments += u64::from(after > before);
        true
    }

    /// Remembers what does not work, or that it works again.
    pub(super) fn set_trouble(&mut self, source: Source, trouble: Option<String>) {
        if let Some(place) = self.troubles.get_mut(source.index()) {
            *place = trouble;
        }
    }

    pub(super) fn account(&self, reader: &ReaderState) -> Account {
        reader.account(self.lane(reader.reading.lane))
    }
}
