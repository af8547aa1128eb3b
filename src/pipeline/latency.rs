//! How long packets take through the live sensor, stage by stage, from the wire to the alert.
//! It is given moments by its callers: the machine's clock in the form that packets have, since 1970.
//! It promises sets that add up, no allocation a packet, and nothing in a replay, where no packet waits for anybody.
//!
//! ```text
//! packet ──capture──▶ read ──shard──▶ parsed ──merge──▶ released ──analysis──▶ seen by all rules
//!    └──────────────────────────── packet_to_alert ─────────────────────────────▶ given to the outputs
//! ```

use crate::metrics::LatencyRow;
use hdrhistogram::Histogram;
use heelguard_detectors::time::EventTime;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Latencies are kept up to an hour, in microseconds.
const MICROS_MAX: u64 = 3_600_000_000;
/// Two digits: people read them.
const DIGITS: u8 = 2;
/// Half the time that quantiles look back.
const HALF: Duration = Duration::from_secs(30);
/// Rounds that may wait in the merge and still be measured; beyond, the oldest is not.
const WAITING_MAX: usize = 1_024;

macro_rules! stages {
    ($($(#[doc = $doc:literal])* $variant:ident => $name:literal,)*) => {
        /// A stretch of a packet's way.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Stage { $($(#[doc = $doc])* $variant,)* }

        impl Stage {
            /// Every stage, in the order of the way.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in records and metrics.
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $name,)* } }
        }
    };
}

stages! {
    /// From a packet's own time until it was read from the ring.
    Capture => "capture",
    /// From reading to parsed, a round at a time.
    Shard => "shard",
    /// From parsed until no other shard could have anything earlier.
    Merge => "merge",
    /// One transaction through lineage and detectors.
    Analysis => "analysis",
    /// Copying one part of what is remembered into the next checkpoint, while transactions wait.
    State => "state",
    /// From the time of the packet that completed an alert until the outputs have the alert.
    PacketToAlert => "packet_to_alert",
}

/// Where moments come from; tests have clocks of their own.
pub type Clock = fn() -> EventTime;

/// The machine's clock.
pub fn machine_clock() -> EventTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    EventTime::from_nanos(u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX))
}

/// Measurements of all stages. Each thread has its own set, and gives it away (`mem::take`) when it is asked.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    stages: [Option<Measured>; Stage::ALL.len()],
}

#[derive(Clone, Debug)]
struct Measured {
    micros: Histogram<u64>,
    sum: Duration,
}

impl Latencies {
    /// Something went through a stage between these moments. Clocks that disagree make it instant, not negative.
    pub fn span(&mut self, stage: Stage, from: EventTime, to: EventTime) {
        self.record(stage, to.since(from), 1);
    }

    /// Something took so long.
    pub fn lasted(&mut self, stage: Stage, took: Duration) {
        self.record(stage, took, 1);
    }

    /// `count` things went through a stage between these moments, one after the other.
    pub fn batch(&mut self, stage: Stage, from: EventTime, to: EventTime, count: u64) {
        let nanos = to.since(from).as_nanos().checked_div(u128::from(count)).unwrap_or_default();
        self.record(stage, Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)), count);
    }

    /// Adds the other set to this one.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.stages.iter_mut().zip(&other.stages) {
            match (mine, theirs) {
                (Some(mine), Some(theirs)) => {
                    // All histograms have the same bounds, so none is too narrow for another.
                    let _ = mine.micros.add(&theirs.micros);
                    mine.sum = mine.sum.saturating_add(theirs.sum);
                }
                (mine @ None, Some(theirs)) => *mine = Some(theirs.clone()),
                (_, None) => {}
            }
        }
    }

    /// The latency that this share of the measurements of a stage does not exceed; nothing if there are none.
    pub fn quantile(&self, stage: Stage, share: f64) -> Option<Duration> {
        let measured = self.stages.get(stage as usize)?.as_ref()?;
        Some(Duration::from_micros(measured.micros.value_at_quantile(share)))
    }

    fn record(&mut self, stage: Stage, took: Duration, count: u64) {
        let Some(slot) = self.stages.get_mut(stage as usize) else { return };
        if slot.is_none() && count > 0 {
            // The bounds are ones that the histogram accepts.
            let micros = Histogram::new_with_bounds(1, MICROS_MAX, DIGITS).ok();
            *slot = micros.map(|micros| Measured { micros, sum: Duration::ZERO });
        }
        let Some(measured) = slot else { return };
        let micros = u64::try_from(took.as_micros()).unwrap_or(MICROS_MAX).clamp(1, MICROS_MAX);
        measured.micros.saturating_record_n(micros, count);
        let all = took.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        measured.sum = measured.sum.saturating_add(all);
    }

    fn total(&self, stage: Stage) -> Total {
        let measured = self.stages.get(stage as usize).and_then(Option::as_ref);
        measured.map_or_else(Total::default, |m| Total { count: m.micros.len(), sum: m.sum })
    }
}

/// How often a stage was measured, ever.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    count: u64,
    sum: Duration,
}

/// The measurements of the last half to whole minute, and how many there ever were.
#[derive(Debug, Default)]
pub struct LastMinute {
    present: Latencies,
    before: Latencies,
    turned: EventTime,
    totals: [Total; Stage::ALL.len()],
}

impl LastMinute {
    /// Takes in what was measured since the last call.
    pub fn take(&mut self, measured: &Latencies, now: EventTime) {
        let since = now.since(self.turned);
        if since >= HALF {
            self.before = std::mem::take(&mut self.present);
            if since >= 2 * HALF {
                self.before = Latencies::default();
            }
            self.turned = now;
        }
        self.present.add(measured);
        for (total, &stage) in self.totals.iter_mut().zip(Stage::ALL) {
            let more = measured.total(stage);
            total.count = total.count.saturating_add(more.count);
            total.sum = total.sum.saturating_add(more.sum);
        }
    }

    /// Both halves.
    pub fn latencies(&self) -> Latencies {
        let mut all = self.before.clone();
        all.add(&self.present);
        all
    }

    /// Every stage that was ever measured.
    pub fn rows(&self) -> Vec<LatencyRow> {
        let latencies = self.latencies();
        let row = |(&stage, total): (&Stage, &Total)| {
            let at = |share| latencies.quantile(stage, share).unwrap_or_default().as_secs_f64();
            let (count, sum_s) = (total.count, total.sum.as_secs_f64());
            LatencyRow {
                stage: stage.name(),
                count,
                sum_s,
                p50_s: at(0.5),
                p99_s: at(0.99),
                p999_s: at(0.999),
                max_s: at(1.0),
            }
        };
        let rows = Stage::ALL.iter().zip(&self.totals);
        rows.filter(|(_, total)| total.count > 0).map(row).collect()
    }
}

/// Rounds of the shards whose sightings wait in the merge.
#[derive(Debug, Default)]
pub struct Waiting {
    /// The end of each round's newest sighting, and when the round was parsed.
    rounds: Vec<(EventTime, EventTime)>,
}

impl Waiting {
    /// A shard has parsed a round, and its newest sighting ends at `newest`.
    pub fn parsed(&mut self, newest: EventTime, at: EventTime) {
        if self.rounds.len() >= WAITING_MAX {
            self.rounds.remove(0);
        }
        self.rounds.push((newest, at));
    }

    /// The merge has let go of everything that ended before `watermark`.
    pub fn released(&mut self, watermark: EventTime, now: EventTime, latencies: &mut Latencies) {
        self.rounds.retain(|&(newest, parsed)| {
            let is_out = newest < watermark;
            if is_out {
                latencies.span(Stage::Merge, parsed, now);
            }
            !is_out
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> EventTime {
        EventTime::from_micros(millis * 1_000)
    }

    /// Whether it is this many milliseconds, to two digits.
    fn is_about(seconds: f64, millis: f64) -> bool {
        (seconds * 1_000.0 - millis).abs() <= millis / 50.0
    }

    #[test]
    fn sets_of_threads_add_up_to_one() {
        let (mut one, mut other) = (Latencies::default(), Latencies::default());
        for n in 1..=99 {
            one.span(Stage::Shard, at(0), at(n));
        }
        other.span(Stage::Shard, at(0), at(5_000));
        other.span(Stage::Capture, at(7), at(0));
        one.add(&other);
        let mut minute = LastMinute::default();
        minute.take(&one, at(1));
        let rows = minute.rows();
        assert_eq!(
            rows.iter().map(|row| (row.stage, row.count)).collect::<Vec<_>>(),
            [("capture", 1), ("shard", 100)]
        );
        assert!(is_about(rows[1].p50_s, 50.0) && is_about(rows[1].p99_s, 99.0), "{rows:?}");
        assert!(is_about(rows[1].p999_s, 5_000.0) && is_about(rows[1].max_s, 5_000.0), "{rows:?}");
        assert!((rows[1].sum_s - 9.95).abs() < 1e-9, "{rows:?}");
        assert!(rows[0].max_s < 0.001, "a packet from the future took no time: {rows:?}");
    }

    #[test]
    fn what_was_not_measured_is_no_row() {
        let mut latencies = Latencies::default();
        latencies.batch(Stage::Analysis, at(0), at(9), 0);
        let mut minute = LastMinute::default();
        minute.take(&latencies, at(0));
        assert!(minute.rows().is_empty());
        assert_eq!(latencies.quantile(Stage::Analysis, 0.5), None);
    }

    #[test]
    fn a_batch_is_shared_out_evenly() {
        let mut latencies = Latencies::default();
        latencies.batch(Stage::Analysis, at(1_000), at(3_000), 200);
        let middle = latencies.quantile(Stage::Analysis, 0.5).unwrap();
        assert!(is_about(middle.as_secs_f64(), 10.0), "{middle:?}");
        assert_eq!(latencies.total(Stage::Analysis).sum, Duration::from_secs(2));
    }

    #[test]
    fn a_slow_moment_is_forgotten_after_a_minute_and_stays_in_the_count() {
        let slow = |millis| {
            let mut latencies = Latencies::default();
            latencies.span(Stage::Merge, at(0), at(millis));
            latencies
        };
        let mut minute = LastMinute::default();
        minute.take(&slow(9_000), at(100_000));
        for (second, worst) in [(110, 9_000.0), (131, 9_000.0), (162, 5.0)] {
            minute.take(&slow(5), at(second * 1_000));
            let row = minute.rows()[0];
            assert!(is_about(row.max_s, worst), "at {second} s: {row:?}");
        }
        assert_eq!(minute.rows()[0].count, 4);
        // After a silence of minutes nothing of before is the last minute's.
        minute.take(&slow(7), at(999_000));
        assert!(is_about(minute.rows()[0].max_s, 7.0));
    }

    #[test]
    fn a_round_waits_in_the_merge_until_every_shard_is_past_it() {
        let (mut waiting, mut latencies) = (Waiting::default(), Latencies::default());
        waiting.parsed(at(10), at(100));
        waiting.parsed(at(20), at(100));
        waiting.released(at(20), at(130), &mut latencies);
        assert_eq!(latencies.total(Stage::Merge).sum, Duration::from_millis(30));
        waiting.released(EventTime::MAX, at(160), &mut latencies);
        assert_eq!(latencies.total(Stage::Merge).sum, Duration::from_millis(90));
        assert!(waiting.rounds.is_empty());
        for n in 0..3_000 {
            waiting.parsed(at(n), at(n));
        }
        assert_eq!(waiting.rounds.len(), WAITING_MAX);
    }
}
