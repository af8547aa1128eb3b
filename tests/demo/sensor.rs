//! The whole sensor on a generated day, with its built-in configuration.
//! It is given a day and runs the pipeline to its end.
//! It promises the score of everything that was said.

use heelguard::capture::replay::Progress as Reading;
use heelguard::capture::{CaptureError, Next};
use heelguard::config::Raw;
use heelguard::demo::{Day, Score, report, score};
use heelguard::identity::{Settings, geo::Geo, secret::Keyring};
use heelguard::metrics::Counters;
use heelguard::pipeline::{self, Options, Outputs, Progress, Source};
use heelguard_detectors::alert::Alert;
use heelguard_detectors::transaction::Transaction;
use std::sync::Arc;

/// The score, and the report that people would read.
pub(crate) fn score_of(day: Day) -> (Score, String) {
    let mut source = Generated { day, warnings: Vec::new() };
    let mut heard = Heard::default();
    pipeline::run(&mut source, &options(&Raw::default()), &mut heard).expect("it runs to its end");
    assert_eq!(heard.transactions, source.day.totals().transactions, "every transaction is found");
    let score = score(source.day.labels(), &heard.alerts);
    let text = report(&score);
    (score, text)
}

/// What the built-in configuration makes of the pipeline, or another one.
pub(crate) fn options(raw: &Raw) -> Options {
    let keyring = Keyring::from_bytes(&[7; 32]).expect("a key");
    let settings = Settings::build(&raw.network, &raw.identity, &raw.privacy, keyring, Geo::builtin());
    raw.options(Arc::new(settings.expect("it is right")), 1)
}

/// A day heard as from a wire: what was raised and how many transactions there were. `changes` gives the configuration
/// to go on with, each time the sensor asks.
pub(crate) fn heard_live(day: Day, changes: impl FnMut(&Heard) -> Option<Box<Options>>) -> Heard {
    let mut heard = Live { heard: Heard::default(), changes };
    let mut taps: Vec<Box<dyn Source>> = vec![Box::new(Generated { day, warnings: vec![WORD.to_owned()] })];
    let summary =
        pipeline::run_live(&mut taps, &options(&Raw::default()), &mut heard).expect("it runs to its end");
    assert_eq!(summary.counters.imbalance(), None);
    heard.heard
}

struct Live<C> {
    heard: Heard,
    changes: C,
}

impl<C: FnMut(&Heard) -> Option<Box<Options>>> Outputs for Live<C> {
    fn alert(&mut self, alert: &Alert) -> anyhow::Result<()> {
        self.heard.alert(alert)
    }

    fn transaction(&mut self, transaction: &Transaction) -> anyhow::Result<()> {
        self.heard.transaction(transaction)
    }

    fn progress(&mut self, _: &Progress) {}

    fn tell(&mut self, line: &str) {
        let transactions = self.heard.transactions;
        self.heard.told.push((line.to_owned(), transactions));
    }

    fn reload(&mut self) -> Option<Box<Options>> {
        (self.changes)(&self.heard)
    }

    fn reloaded(&mut self, outcome: anyhow::Result<()>) {
        outcome.expect("it can be used");
    }
}

/// What a tap has to say.
pub(crate) const WORD: &str = "the mirror is crooked";

struct Generated {
    day: Day,
    warnings: Vec<String>,
}

impl Source for Generated {
    fn next(&mut self) -> Result<Next<'_>, CaptureError> {
        Ok(self.day.next_packet().into())
    }

    fn progress(&self) -> Reading {
        Reading { bytes_read: 0, bytes_total: None }
    }

    fn counters(&self) -> Counters {
        Counters::default()
    }

    fn warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }
}

/// What came out.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) alerts: Vec<Alert>,
    pub(crate) transactions: u64,
    /// What an operator was told, each with the transactions there were before.
    pub(crate) told: Vec<(String, u64)>,
}

impl Outputs for Heard {
    fn alert(&mut self, alert: &Alert) -> anyhow::Result<()> {
        self.alerts.push(alert.clone());
        Ok(())
    }

    fn transaction(&mut self, _: &Transaction) -> anyhow::Result<()> {
        self.transactions += 1;
        Ok(())
    }

    fn progress(&mut self, _: &Progress) {}
}
