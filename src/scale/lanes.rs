//! The second half of a tenant's detection: one partition's share of the keys, judged by the rules of their lanes.
//! It is given parcels in the order of the topic.
//! It promises to judge each transaction once, however often it is sent, and to raise what one process would have.

use super::Judging;
use super::attribution::health_of;
use super::frame::Unreadable;
use super::parcel::{Item, Label, Parcel};
use super::state::{self, Part};
use crate::metrics::{AlertCounters, Counters, EvictionCounters, ScaleCounters};
use crate::pipeline::{Outgoing, Outputs};
use heelguard_detectors::alert::Alert;
use heelguard_detectors::lane::Lanes;
use heelguard_detectors::runtime::Runtime;
use heelguard_detectors::saved::{Damaged, Saved};
use heelguard_detectors::time::EventTime;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What one partition of the lanes knows.
pub(super) struct LaneShare {
    tenant: Arc<str>,
    key: [u8; 8],
    partitions: u32,
    detectors: Runtime,
    /// The number of the last transaction that was judged.
    known: u64,
    watermark: EventTime,
    scale: ScaleCounters,
    outgoing: Outgoing,
    busy: Duration,
    alerts: Vec<Alert>,
}

impl LaneShare {
    /// Knows nothing yet.
    pub(super) fn new(judging: &Judging, partitions: usize) -> anyhow::Result<Self> {
        let detectors = Runtime::new_in(judging.detection.clone(), Lanes::DEALT);
        Ok(Self {
            tenant: judging.detection.tenant.clone(),
            key: judging.lineage.key,
            partitions: u32::try_from(partitions).unwrap_or(u32::MAX),
            detectors: detectors.map_err(|message| anyhow::anyhow!("{message}"))?,
            known: 0,
            watermark: EventTime::ZERO,
            scale: ScaleCounters::default(),
            outgoing: Outgoing::default(),
            busy: Duration::ZERO,
            alerts: Vec::new(),
        })
    }

    /// Judges what a parcel brings; false where it cannot be for us. One that a newer worker sent is an error: whoever can
    /// read it must judge it, and passing it over would lose it.
    pub(super) fn take(&mut self, bytes: &[u8], outputs: &mut dyn Outputs) -> anyhow::Result<bool> {
        let began = Instant::now();
        let read = Parcel::read(bytes);
        if let Err(Unreadable::Newer(version)) = read {
            anyhow::bail!(
                "the lanes have parcels of version {version}, which a newer worker sent: update this worker, which goes on \
                 where it was"
            );
        }
        let parcel = read.ok().filter(|Parcel { label, .. }| {
            label.tenant == self.tenant && label.key == self.key && label.partitions == self.partitions
        });
        let Some(Parcel { label, items }) = parcel else {
            self.scale.parcels_refused += 1;
            return Ok(false);
        };
        let Label { number: last, watermark, seconds, ended, .. } = label;
        let mut seconds = seconds.iter().peekable();
        for Item { number, lanes, is_late, transaction } in items {
            self.scale.lanes_in += 1;
            if number <= self.known {
                self.scale.lanes_repeated += 1;
                continue;
            }
            self.known = number;
            while let Some(second) = seconds.next_if(|second| second.end <= transaction.end) {
                let health = health_of(second, &EvictionCounters::default());
                self.detectors.health(&health, second.end, &mut self.alerts);
            }
            if is_late {
                self.detectors.observe_late(&transaction, lanes, &mut self.alerts);
            } else {
                self.detectors.advance(transaction.end, &mut self.alerts);
                self.detectors.observe_in(&transaction, lanes, &mut self.alerts);
            }
            self.write_alerts(outputs)?;
        }
        for second in seconds {
            let health = health_of(second, &EvictionCounters::default());
            self.detectors.health(&health, second.end, &mut self.alerts);
        }
        self.watermark = self.watermark.max(watermark);
        self.detectors.advance(self.watermark, &mut self.alerts);
        // An end that is told again is none for what came behind it.
        if let Some(end) = ended.filter(|_| last >= self.known) {
            self.detectors.finish(end, &mut self.alerts);
        }
        self.write_alerts(outputs)?;
        self.busy += began.elapsed();
        Ok(true)
    }

    fn write_alerts(&mut self, outputs: &mut dyn Outputs) -> anyhow::Result<()> {
        for alert in self.alerts.drain(..) {
            outputs.alert(&alert)?;
            self.outgoing.count_alert(&alert);
        }
        Ok(())
    }

    /// Goes on by other rules and limits; after an error by those of before.
    pub(super) fn reconfigure(&mut self, judging: &Judging) -> anyhow::Result<()> {
        let detection = judging.detection.clone();
        self.detectors.reconfigure(detection).map_err(|message| anyhow::anyhow!("{message}"))
    }

    /// What was counted since this process took the partition.
    pub(super) fn counters(&self) -> Counters {
        let detected = self.detectors.counters();
        let detector_keys = self.detectors.evictions().map(|(_, keys)| keys).sum();
        Counters {
            scale: ScaleCounters {
                partitions: 1,
                lanes_busy_ms: u64::try_from(self.busy.as_millis()).unwrap_or(u64::MAX),
                ..self.scale.clone()
            },
            evicted: EvictionCounters { detector_keys, ..EvictionCounters::default() },
            alerts: AlertCounters {
                findings: detected.findings,
                suppressed: detected.suppressed,
                ..self.outgoing.alerts.clone()
            },
            ..Counters::default()
        }
    }

    /// The names of the parts of its state.
    pub(super) fn parts(&self) -> Vec<String> {
        std::iter::once("place".to_owned()).chain(state::rules(&self.detectors)).collect()
    }

    /// One of them.
    pub(super) fn save(&self, part: &str) -> Part {
        let mut out = Part::new();
        match part {
            "place" => (self.known, self.watermark).save(&mut out),
            rule => state::save_rule(&self.detectors, rule, &mut out),
        }
        out
    }

    /// Takes all parts back. After an error this is of no use.
    pub(super) fn load(&mut self, parts: &[(String, Part)]) -> Result<(), Damaged> {
        for (name, bytes) in parts {
            match name.as_str() {
                "place" => (self.known, self.watermark) = Saved::load(&mut bytes.as_slice())?,
                rule => state::load_rule(&mut self.detectors, rule, bytes)?,
            }
        }
        Ok(())
    }
}
