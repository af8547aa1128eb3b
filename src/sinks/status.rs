//! How one sink's queue is doing: what its worker does, and what whoever watches reads.
//! It is given every attempt's end and keeps state, tries, the last trouble and how long records took.
//! It promises that asking never holds the worker up for longer than a copy.

use super::clock::now_ms;
use super::destination::Trouble;
use super::spool::{Account, Lane};
use crate::metrics::SinkCounters;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[allow(
    clippy::disallowed_types,
    reason = "shared with the page and the metrics; the data path never takes it"
)]
type Mutex<T> = std::sync::Mutex<T>;

/// Trouble of one kind is told once in this time.
const TOLD_EVERY: Duration = Duration::from_secs(30);
/// Delivery times are kept up to here, in milliseconds: a day.
const LAG_MS_MAX: u64 = 86_400_000;

/// What a worker is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It has not reached the far side yet.
    #[default]
    Starting,
    /// The last attempt went well.
    Up,
    /// The last attempt failed; records wait.
    Down,
}

impl State {
    /// The word in records and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// Shared by a worker and those who watch it.
#[derive(Clone)]
pub(super) struct Watch {
    inner: Arc<Mutex<Inner>>,
    told: Told,
}

/// What the workers of one sink said lately: its lanes mostly meet the same trouble.
#[derive(Clone, Default)]
pub(super) struct Told(Arc<Mutex<Vec<(String, Instant)>>>);

impl Told {
    /// Whether the line is worth saying now.
    fn is_due(&self, line: &str) -> bool {
        let mut told = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        told.retain(|(_, when)| when.elapsed() < TOLD_EVERY);
        let is_due = told.iter().all(|(said, _)| said != line);
        if is_due {
            told.push((line.to_owned(), Instant::now()));
        }
        is_due
    }
}

struct Inner {
    state: State,
    retries: u64,
    refused: u64,
    trouble: Option<String>,
    lag_ms: Option<Histogram<u64>>,
    progress: Instant,
    delivering: bool,
}

/// One sink's queue, as it is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// The section's name.
    pub sink: String,
    /// Which records.
    pub lane: &'static str,
    /// What the worker is at.
    pub state: State,
    /// Records, by what became of them.
    #[serde(skip)]
    pub counters: SinkCounters,
    /// Records that wait.
    pub waiting: u64,
    /// How long the oldest of them has waited, in seconds.
    pub oldest_s: f64,
    /// Attempts that failed.
    pub retries: u64,
    /// Records the far side will never take; part of what is lost.
    pub refused: u64,
    /// Records that were damaged in the spool; part of what is lost.
    pub corrupt: u64,
    /// Seconds from raising a record to the far side's word for it: the middle one, and the slowest in a hundred.
    pub lag_p50_s: f64,
    /// See `lag_p50_s`.
    pub lag_p99_s: f64,
    /// Why it is down.
    pub trouble: Option<String>,
}

impl Watch {
    pub(super) fn new(told: Told) -> Self {
        // Two digits: people read them. The bounds are ones that the histogram accepts.
        let lag_ms = Histogram::new_with_bounds(1, LAG_MS_MAX, 2).ok();
        let inner = Arc::new(Mutex::new(Inner {
            state: State::Starting,
            retries: 0,
            refused: 0,
            trouble: None,
            lag_ms,
            progress: Instant::now(),
            delivering: false,
        }));
        Self { inner, told }
    }

    /// The far side answered well. Gives the line to be told, when it was down before.
    pub(super) fn up(&self, sink: &str) -> Option<String> {
        let mut inner = self.lock();
        let was_down = std::mem::replace(&mut inner.state, State::Up) == State::Down;
        inner.trouble = None;
        let line = format!("sinks.{sink}: delivering again");
        (was_down && self.told.is_due(&line)).then_some(line)
    }

    /// Whether a line is worth saying now.
    pub(super) fn is_news(&self, line: &str) -> bool {
        self.told.is_due(line)
    }

    /// A batch arrived, so many milliseconds after its records were raised.
    pub(super) fn delivered(&self, lags_ms: impl Iterator<Item = u64>, refused: u64) {
        let mut inner = self.lock();
        inner.progress = Instant::now();
        inner.refused += refused;
        let Some(histogram) = &mut inner.lag_ms else { return };
        for lag in lags_ms {
            histogram.saturating_record(lag.clamp(1, LAG_MS_MAX));
        }
    }

    /// An attempt failed. Gives the line to be told, when it is due.
    pub(super) fn down(&self, trouble: &Trouble) -> Option<String> {
        let mut inner = self.lock();
        inner.state = State::Down;
        inner.retries += 1;
        inner.trouble = Some(trouble.message.clone());
        self.told.is_due(&trouble.message).then(|| trouble.message.clone())
    }

    /// A batch is being handed over, or no longer.
    pub(super) fn delivering(&self, is_at_it: bool) {
        self.lock().delivering = is_at_it;
    }

    /// Whether a batch is being handed over.
    pub(super) fn is_delivering(&self) -> bool {
        self.lock().delivering
    }

    /// When a record last arrived.
    pub(super) fn progress(&self) -> Instant {
        self.lock().progress
    }

    /// All of it, with what the spool counted.
    pub(super) fn status(&self, sink: &str, lane: Lane, account: &Account) -> Status {
        let inner = self.lock();
        let lag = |share: f64| {
            let ms = inner.lag_ms.as_ref().map_or(0, |histogram| histogram.value_at_quantile(share));
            ms as f64 / 1_000.0
        };
        let oldest_ms = account.oldest_unsent_ms.map_or(0, |raised| now_ms().saturating_sub(raised));
        let &Account { queued, delivered, spooled, lost, corrupt, .. } = account;
        Status {
            sink: sink.to_owned(),
            lane: lane.name(),
            state: inner.state,
            waiting: spooled,
            counters: SinkCounters { queued, delivered, spooled, lost },
            oldest_s: oldest_ms as f64 / 1_000.0,
            retries: inner.retries,
            refused: inner.refused,
            corrupt,
            lag_p50_s: lag(0.5),
            lag_p99_s: lag(0.99),
            trouble: inner.trouble.clone(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // A worker that panicked leaves numbers that are still worth reading.
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(watch: &Watch) -> Status {
        watch.status("kafka", Lane::Alerts, &Account::default())
    }

    #[test]
    fn trouble_is_told_once_and_another_trouble_at_once() {
        let others = Told::default();
        let (watch, lane) = (Watch::new(others.clone()), Watch::new(others));
        assert_eq!(told(&watch).state, State::Starting);
        let refused = Trouble::new("refused");
        assert_eq!(watch.down(&refused).as_deref(), Some("refused"));
        assert_eq!(watch.down(&refused), None);
        assert_eq!(lane.down(&refused), None, "another lane of the sink says nothing new");
        assert_eq!(watch.down(&Trouble::new("wrong password")).as_deref(), Some("wrong password"));
        let status = told(&watch);
        assert_eq!((status.state, status.retries), (State::Down, 3));
        assert_eq!(status.trouble.as_deref(), Some("wrong password"));
        assert_eq!(watch.up("far").as_deref(), Some("sinks.far: delivering again"));
        assert_eq!((watch.up("far"), lane.up("far")), (None, None));
        assert_eq!((told(&watch).state, told(&watch).trouble), (State::Up, None));
    }

    #[test]
    fn lag_is_the_middle_and_the_slowest_in_a_hundred() {
        let watch = Watch::new(Told::default());
        watch.delivered((1..=1_000).map(|n| n * 10), 3);
        let status = told(&watch);
        assert!((4.9..=5.1).contains(&status.lag_p50_s), "{}", status.lag_p50_s);
        assert!((9.8..=10.1).contains(&status.lag_p99_s), "{}", status.lag_p99_s);
        assert_eq!(status.refused, 3);
    }
}
