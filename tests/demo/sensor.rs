//! The whole sensor on a generated day, with its built-in configuration.
//! It is given a day and runs the pipeline to its end.
//! It promises the score of everything that was said.

use heelguard::capture::replay::Progress as Reading;
use heelguard::capture::{CaptureError, Next};
use heelguard::config::Raw;
use heelguard::demo::{Day, Score, report, score};
use heelguard::identity::{Settings, geo::Geo, secret::Keyring};
use heelguard::metrics::Counters;
use heelguard::pipeline::{self, Outputs, Progress, Source};
use heelguard_detectors::alert::Alert;
use heelguard_detectors::transaction::Transaction;
use std::sync::Arc;

/// The score, and the report that people would read.
pub(crate) fn score_of(day: Day) -> (Score, String) {
    let raw = Raw::default();
    let keyring = Keyring::from_bytes(&[7; 32]).expect("a key");
    let settings = Settings::build(&raw.network, &raw.identity, &raw.privacy, keyring, Geo::builtin());
    let options = raw.options(Arc::new(settings.expect("the defaults are right")), 1);
    let mut source = Generated(day);
    let mut heard = Heard { alerts: Vec::new(), transactions: 0 };
    pipeline::run(&mut source, &options, &mut heard).expect("it runs to its end");
    assert_eq!(heard.transactions, source.0.totals().transactions, "every transaction is found");
    let score = score(source.0.labels(), &heard.alerts);
    let text = report(&score);
    (score, text)
}

struct Generated(Day);

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

struct Heard {
    alerts: Vec<Alert>,
    transactions: u64,
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
