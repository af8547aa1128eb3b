//! The ordered half of the pipeline: lineage, learned routes, the legs of proxies, detectors, outputs.
//! It is given sightings in order of end and id, one at a time.
//! It promises to be a pure function of that order.

use super::{Outputs, Progress};
use crate::capture::replay::Progress as Reading;
use crate::identity::{Legs, Lineage, LineageConfig, Routes, RoutesConfig, Sighting};
use crate::metrics::{AlertCounters, Counters, EvictionCounters, HttpCounters, TransactionCounters};
use heelguard_detectors::alert::{Alert, Status};
use heelguard_detectors::runtime::{Runtime, RuntimeConfig};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Completeness, Transaction};

pub(super) struct Analysis {
    lineage: Lineage,
    legs: Legs,
    routes: Routes,
    detectors: Runtime,
    alerts: Vec<Alert>,
    http_out: HttpCounters,
    transactions: TransactionCounters,
    written: AlertCounters,
}

impl Analysis {
    pub(super) fn new(
        lineage: &LineageConfig,
        routes: RoutesConfig,
        detection: RuntimeConfig,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            lineage: Lineage::new(lineage),
            legs: Legs::default(),
            routes: Routes::new(routes),
            detectors: Runtime::new(detection).map_err(|message| anyhow::anyhow!("{message}"))?,
            alerts: Vec::new(),
            http_out: HttpCounters::default(),
            transactions: TransactionCounters::default(),
            written: AlertCounters::default(),
        })
    }

    pub(super) fn consume(
        &mut self,
        sightings: impl Iterator<Item = Box<Sighting>>,
        outputs: &mut dyn Outputs,
    ) -> anyhow::Result<()> {
        for mut sighting in sightings {
            sighting.transaction.repeat_of = self.legs.repeat_of(&sighting);
            let mut transaction = self.lineage.attribute(*sighting);
            self.routes.settle(&mut transaction);
            self.count(&transaction);
            outputs.transaction(&transaction)?;
            self.detectors.advance(transaction.end, &mut self.alerts);
            self.detectors.observe(&transaction, &mut self.alerts);
            self.write_alerts(outputs)?;
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, now: EventTime, outputs: &mut dyn Outputs) -> anyhow::Result<()> {
        self.detectors.finish(now, &mut self.alerts);
        self.write_alerts(outputs)
    }

    pub(super) fn progress(&self, reading: Option<Reading>) -> Progress {
        let transactions = self.transactions.rows().iter().map(|row| row.1).sum();
        Progress { reading, transactions, alerts: self.written.open }
    }

    pub(super) fn counters(&self) -> Counters {
        let detected = self.detectors.counters();
        let detector_keys = self.detectors.evictions().map(|(_, keys)| keys).sum();
        Counters {
            evicted: EvictionCounters { detector_keys, ..self.lineage.evicted() },
            tokens: self.lineage.token_counters(),
            routes: self.routes.counters(),
            http: self.http_out.clone(),
            transactions: self.transactions.clone(),
            alerts: AlertCounters {
                findings: detected.findings,
                suppressed: detected.suppressed,
                ..self.written.clone()
            },
            ..Counters::default()
        }
    }

    fn count(&mut self, transaction: &Transaction) {
        let (request, response) = (transaction.request.is_some(), transaction.response.is_some());
        self.http_out.requests_out += u64::from(request);
        self.http_out.responses_out += u64::from(response);
        self.http_out.pairs += u64::from(request && response);
        let counter = match transaction.completeness {
            Completeness::Whole => &mut self.transactions.whole,
            Completeness::RequestOnly => &mut self.transactions.request_only,
            Completeness::ResponseOnly => &mut self.transactions.response_only,
            Completeness::Gap => &mut self.transactions.gap,
            Completeness::Truncated => &mut self.transactions.truncated,
        };
        *counter += 1;
    }

    fn write_alerts(&mut self, outputs: &mut dyn Outputs) -> anyhow::Result<()> {
        for alert in self.alerts.drain(..) {
            outputs.alert(&alert)?;
            match alert.status {
                Status::Open => self.written.open += 1,
                Status::Update => self.written.update += 1,
                Status::Closed => self.written.closed += 1,
            }
        }
        Ok(())
    }
}
