//! The whole sensor on packets that hold no attack: what it says is counted, episode by episode.
//! It is given a source of packets, the moment from which traffic counts as learned, and what the operator silenced.
//! It promises one entry an episode, with the gravest state it ever had.

use heelguard::capture::replay::{Progress as Reading, Timeline};
use heelguard::capture::{CaptureError, Next};
use heelguard::config::Raw;
use heelguard::demo::{Week, WeekOptions};
use heelguard::identity::{Settings, geo::Geo, secret::Keyring};
use heelguard::metrics::Counters;
use heelguard::pipeline::{self, Outputs, Progress, Source};
use heelguard_detectors::alert::{Alert, AlertId, Severity};
use heelguard_detectors::suppress::Suppression;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::Transaction;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What was heard.
pub(crate) struct Heard {
    pub episodes: BTreeMap<AlertId, Episode>,
    pub transactions: u64,
    /// Of them after the moment of learning.
    pub learned: u64,
    pub suppressed: u64,
    learned_from: EventTime,
}

/// One episode.
pub(crate) struct Episode {
    /// Its gravest state.
    pub alert: Alert,
    /// Whether it began in learned traffic.
    pub is_learned: bool,
}

impl Heard {
    /// Episodes of a severity or above it.
    pub(crate) fn grave(&self, least: Severity) -> impl Iterator<Item = &Episode> {
        self.episodes.values().filter(move |episode| episode.alert.severity >= least)
    }

    /// Episodes below medium that began in learned traffic.
    pub(crate) fn slight(&self) -> usize {
        self.episodes.values().filter(|e| e.is_learned && e.alert.severity < Severity::Medium).count()
    }
}

/// The sensor on a generated week, with the load test silenced as an operator would.
pub(crate) fn week(options: WeekOptions) -> Result<(Heard, Week), String> {
    let mut source = Generated(Week::new(options));
    let learned_from = source.0.learned_from();
    let heard = run(&mut source, learned_from, Week::suppressions())?;
    let made = source.0.totals().transactions;
    if heard.transactions != made {
        return Err(format!("{} of {made} transactions were found", heard.transactions));
    }
    Ok((heard, source.0))
}

/// The sensor on a capture, all of it as if it were learned.
#[allow(dead_code, reason = "the small week has no captures")]
pub(crate) fn capture(path: PathBuf) -> Result<Heard, String> {
    let mut timeline = Timeline::open(&[path]).map_err(|error| error.to_string())?;
    run(&mut timeline, EventTime::ZERO, Vec::new())
}

fn run(
    source: &mut dyn Source,
    learned_from: EventTime,
    suppress: Vec<Suppression>,
) -> Result<Heard, String> {
    let raw = Raw { suppress, ..Raw::default() };
    let keyring = Keyring::from_bytes(&[7; 32])?;
    let settings = Settings::build(&raw.network, &raw.identity, &raw.privacy, keyring, Geo::builtin())?;
    let options = raw.options(Arc::new(settings), 1);
    let mut heard =
        Heard { episodes: BTreeMap::new(), transactions: 0, learned: 0, suppressed: 0, learned_from };
    let summary = pipeline::run(source, &options, &mut heard).map_err(|error| format!("{error:#}"))?;
    heard.suppressed = summary.counters.alerts.suppressed;
    match summary.counters.imbalance() {
        Some(account) => Err(format!("counters do not add up: {account}")),
        None => Ok(heard),
    }
}

struct Generated(Week);

impl Source for Generated {
    fn next(&mut self) -> Result<Next<'_>, CaptureError> {
        Ok(self.0.next_packet().into())
    }

    fn progress(&self) -> Reading {
        Reading { bytes_read: 0, bytes_total: None }
    }

    fn counters(&self) -> Counters {
        Counters::default()
    }

    fn warnings(&mut self) -> Vec<String> {
        Vec::new()
    }
}

impl Outputs for Heard {
    fn alert(&mut self, alert: &Alert) -> anyhow::Result<()> {
        let is_learned = alert.first_seen >= self.learned_from;
        let episode =
            self.episodes.entry(alert.id).or_insert_with(|| Episode { alert: alert.clone(), is_learned });
        if alert.severity > episode.alert.severity {
            episode.alert = alert.clone();
        }
        Ok(())
    }

    fn transaction(&mut self, transaction: &Transaction) -> anyhow::Result<()> {
        self.transactions += 1;
        self.learned += u64::from(transaction.end >= self.learned_from);
        Ok(())
    }

    fn progress(&mut self, _: &Progress) {}
}
