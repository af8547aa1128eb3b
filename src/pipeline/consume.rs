//! The last stage: what shards report, merged, analysed or handed on, and told, on the caller's thread.
//! It is given reports as they come, and looks up now and then although none does.
//! It promises that the last stage alone decides when a shard waits, and that a changed configuration is taken between two
//! transactions.

use super::last::Last;
use super::merge::Merge;
use super::snapshot::{Answer, Sum, Wanted};
use super::watch::Watch;
use super::{Outputs, Summary};
use crate::capture::CaptureError;
use crate::capture::replay::Progress as Reading;
use crate::http::{Bytes, Services};
use crate::identity::{Settings, Sighting};
use crate::metrics::{Counters, QueueRow};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::tls::TlsConnection;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Reports a shard may have waiting.
pub(super) const REPORTS_PER_SHARD: usize = 8;

/// Why a run ends that nobody wished to end.
const STOPPED: &str = "a parser failed again and again, a fault of this program: the lines before this one say where, please report them";

/// How often is looked up when no report comes.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A question that not all parts have answered stands for so long; an answer may have found no room.
const STANDS: Duration = Duration::from_secs(5);

/// What a shard tells after each round.
pub(super) struct Report {
    pub(super) shard: usize,
    pub(super) sightings: Vec<Box<Sighting>>,
    pub(super) connections: Vec<Box<TlsConnection>>,
    pub(super) seen: BTreeMap<EventTime, Bytes>,
    pub(super) watermark: EventTime,
    /// When the newest sighting ended and when the round was parsed, where somebody measures.
    pub(super) parsed: Option<(EventTime, EventTime)>,
    /// The shard's counters, when somebody asked.
    pub(super) answer: Option<Box<Answer>>,
    /// What an operator should know of the capture, where it goes on without an end.
    pub(super) warnings: Vec<String>,
    /// The shard is no more: nothing that waits for it will ever be let go.
    pub(super) is_last_word: bool,
}

impl Report {
    /// What is told for a shard that cannot tell it any more.
    pub(super) fn of_one_that_failed(shard: usize) -> Self {
        Self {
            shard,
            sightings: Vec::new(),
            connections: Vec::new(),
            seen: BTreeMap::new(),
            watermark: EventTime::ZERO,
            parsed: None,
            answer: None,
            warnings: Vec::new(),
            is_last_word: true,
        }
    }

    /// The end of its newest sighting.
    pub(super) fn newest(&self) -> Option<EventTime> {
        self.sightings.iter().map(|sighting| sighting.transaction.end).max()
    }
}

/// How far the reader is, its counters when somebody asked, and what an operator should know now.
pub(super) type Told = (Reading, Option<Box<Answer>>, Vec<String>);

/// What a stage in front of the analysis leaves behind.
#[derive(Default)]
pub(super) struct End {
    pub(super) counters: Counters,
    pub(super) services: Services,
    pub(super) errors: Vec<CaptureError>,
    pub(super) last_packet: EventTime,
}

impl End {
    /// Adds what another stage left.
    pub(super) fn add(&mut self, other: Self) {
        self.counters.add(&other.counters);
        self.services.add(&other.services);
        self.errors.extend(other.errors);
        self.last_packet = self.last_packet.max(other.last_packet);
    }
}

/// Who takes the reports, and what the shards are told.
pub(super) struct Consumer<'a> {
    pub(super) last: Last,
    pub(super) outputs: &'a mut dyn Outputs,
    pub(super) merge: Merge,
    pub(super) wanted: &'a Wanted,
    /// Parts that answer when counters are wanted.
    pub(super) parts: usize,
    /// Where a reader says how far it is; `None` where shards capture themselves.
    pub(super) progress: Option<Receiver<Told>>,
    /// How each shard gets other settings.
    pub(super) settings: Vec<Sender<Arc<Settings>>>,
    /// The sensor's look at itself, where traffic is read while it happens.
    pub(super) watch: Option<Watch>,
}

impl Consumer<'_> {
    /// Takes reports until the last shard is done. The receiver ends with this call: a failing output must not leave
    /// the other threads waiting on full queues.
    #[expect(clippy::needless_pass_by_value, reason = "it is dropped with this call")]
    pub(super) fn consume(&mut self, reports: Receiver<Report>) -> anyhow::Result<()> {
        let mut sum = Sum::default();
        let mut asked = None;
        if let Some(watch) = &self.watch {
            self.last.is_of_now(watch.clock);
        }
        loop {
            match reports.recv_timeout(LOOK_EVERY) {
                Ok(report) => self.take(report, &mut sum)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            self.look_up(&mut sum, &mut asked);
            // All shards, and the reader where there is one.
            if let Some((mut counters, services)) = sum.complete(self.parts) {
                asked = None;
                counters.add(&self.last.counters());
                if let Some(watch) = &mut self.watch {
                    let queue =
                        QueueRow::of("reports", reports.len(), reports.capacity().unwrap_or_default());
                    let queues = vec![queue, QueueRow::of("merge", self.merge.waiting(), 0)];
                    watch.judge(&counters, sum.latencies(), queues, &mut self.last, self.outputs);
                }
                self.outputs.counters(&counters, &services);
            }
        }
    }

    fn take(&mut self, mut report: Report, sum: &mut Sum) -> anyhow::Result<()> {
        anyhow::ensure!(!report.is_last_word, STOPPED);
        self.merge.take_report(&mut report);
        for line in &report.warnings {
            self.outputs.tell(line);
        }
        if let Some((watch, (newest, at))) = self.watch.as_mut().zip(report.parsed) {
            watch.parsed(newest, at);
        }
        let released = self.merge.release();
        let watermark = released.watermark;
        self.last.consume(released, self.outputs)?;
        if let Some(watch) = &mut self.watch {
            watch.released(watermark);
        }
        if let Some(answer) = &report.answer {
            sum.take(answer);
        }
        Ok(())
    }

    fn look_up(&mut self, sum: &mut Sum, asked: &mut Option<Instant>) {
        let reading = match &self.progress {
            None => None,
            Some(progress) => {
                let Ok((reading, answer, warnings)) = progress.try_recv() else { return };
                for line in &warnings {
                    self.outputs.tell(line);
                }
                if let Some(answer) = &answer {
                    sum.take(answer);
                }
                Some(reading)
            }
        };
        self.outputs.progress(&self.last.progress(reading));
        let is_wanted = self.outputs.wants_counters() | self.watch.as_mut().is_some_and(Watch::is_due);
        // Asked anew after each report, parts that report in turn would each answer another question for ever.
        if is_wanted && asked.is_none_or(|asked| asked.elapsed() >= STANDS) {
            *asked = Some(Instant::now());
            self.wanted.ask();
        }
        if let Some(options) = self.outputs.reload() {
            let outcome = self.last.reconfigure(&options);
            if outcome.is_ok() {
                for shard in &self.settings {
                    // A shard that has ended needs none.
                    let _ = shard.send(Arc::clone(&options.identity));
                }
            }
            self.outputs.reloaded(outcome);
        }
    }

    /// What is left once every stage has ended.
    pub(super) fn finish(mut self, mut end: End) -> anyhow::Result<Summary> {
        self.last.finish(end.last_packet, self.outputs)?;
        end.counters.add(&self.last.counters());
        let End { counters, services, errors, last_packet } = end;
        Ok(Summary { counters, services, errors, warnings: self.last.warnings(), last_packet })
    }
}

/// A worker that panicked is a fault of ours; the run ends instead of giving wrong results. What it said may quote traffic.
pub(super) fn joined<T>(result: thread::Result<T>) -> anyhow::Result<T> {
    result.map_err(|_| anyhow::anyhow!(STOPPED))
}
