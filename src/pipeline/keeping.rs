//! The memory of the ordered half between two runs: lineage, tokens, learned routes, detectors, the outputs' inventory.
//! It is given the state folder at the start, and all of them now and then.
//! It promises that a later run goes on behind the last transaction of the checkpoint: what is in it is not seen twice.

use super::Outputs;
use super::checkpoint::{Checkpoint, Config, Store};
use crate::identity::{Lineage, LineageConfig, Routes, RoutesConfig};
use heelguard_detectors::runtime::Runtime;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::Transaction;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

/// What is remembered: the parts of a checkpoint.
pub(super) struct Memory {
    pub(super) lineage: Lineage,
    pub(super) routes: Routes,
    pub(super) detectors: Runtime,
}

impl Memory {
    fn sections(&self, outputs: &dyn Outputs) -> std::io::Result<Vec<(Arc<str>, Vec<u8>)>> {
        let mut lineage = Vec::new();
        self.lineage.save(&mut lineage)?;
        let mut sections: Vec<(Arc<str>, Vec<u8>)> = vec![
            ("lineage".into(), lineage),
            ("tokens".into(), self.lineage.save_tokens()),
            ("routes".into(), self.routes.save()),
            ("detectors".into(), self.detectors.save()),
        ];
        sections.extend(outputs.memory().map(|inventory| ("inventory".into(), inventory)));
        Ok(sections)
    }

    /// Takes over what a checkpoint holds; the error says which part cannot be read. Then nothing was taken.
    fn load(
        &mut self,
        kept: &Checkpoint,
        lineage: &LineageConfig,
        routes: &RoutesConfig,
        detectors: Runtime,
        outputs: &mut dyn Outputs,
    ) -> Result<(), String> {
        fn unreadable<T, E: Display>(name: &str, read: Result<T, E>) -> Result<T, String> {
            read.map_err(|error| format!("has a part `{name}` that cannot be read ({error})"))
        }
        let section = |name: &str| kept.section(name).ok_or_else(|| format!("has no part `{name}`"));
        let mut lineage = unreadable("lineage", Lineage::restore(lineage, &mut section("lineage")?))?;
        unreadable("tokens", lineage.load_tokens(section("tokens")?))?;
        let routes = unreadable("routes", Routes::restore(section("routes")?, routes.clone()))?;
        let mut detectors = detectors;
        unreadable("detectors", detectors.load(section("detectors")?))?;
        // Last: it is not ours to take back.
        if let Some(inventory) = kept.section("inventory") {
            unreadable("inventory", outputs.remember(inventory))?;
        }
        *self = Self { lineage, routes, detectors };
        Ok(())
    }
}

/// A live sensor keeps state for one part in so many of its time at the most.
const PAUSE_SHARE: u32 = 50;

/// Writes checkpoints when they are due.
pub(super) struct Keeper {
    store: Store,
    key: [u8; 8],
    /// As it is configured.
    interval_min: Duration,
    interval: Duration,
    /// The last transaction that the memory knows.
    last: (EventTime, u128),
    written_at: EventTime,
    began_at: EventTime,
    /// Whether writing failed; said once.
    failed: bool,
}

impl Keeper {
    /// Opens the folder and takes over what is there; what cannot be used is set aside and told.
    pub(super) fn open(
        config: &Config,
        memory: &mut Memory,
        (lineage, routes): (&LineageConfig, &RoutesConfig),
        empty: Runtime,
        outputs: &mut dyn Outputs,
        told: &mut Vec<String>,
    ) -> anyhow::Result<Self> {
        let store = Store::open(&config.dir).map_err(|message| anyhow::anyhow!("{message}"))?;
        let failed = |error| anyhow::anyhow!("cannot read state folder {}: {error}", config.dir.display());
        let mut last = (EventTime::ZERO, 0);
        if let Some(kept) = store.read(lineage.key, told).map_err(failed)? {
            match memory.load(&kept, lineage, routes, empty, outputs) {
                Ok(()) => last = kept.last,
                Err(why) => told.push(store.refuse("checkpoint", &why).map_err(failed)?),
            }
        }
        let interval = Duration::from_secs(u64::from(config.interval_s.max(1)));
        Ok(Self {
            store,
            key: lineage.key,
            interval_min: interval,
            interval,
            last,
            written_at: last.0,
            began_at: last.0,
            failed: false,
        })
    }

    /// Whether the memory has this transaction already. If not, it will have.
    pub(super) fn knows(&mut self, tx: &Transaction) -> bool {
        let place = (tx.end, tx.id.0);
        let known = place <= self.last;
        self.last = self.last.max(place);
        known
    }

    /// Whether what ended then was over when the state was kept that this run began with.
    pub(super) fn has_passed(&self, end: EventTime) -> bool {
        end <= self.began_at
    }

    /// The end of the last transaction that was in the state when this run began.
    pub(super) fn known_until(&self) -> EventTime {
        self.began_at
    }

    /// Whether the next checkpoint is due.
    pub(super) fn is_due(&self) -> bool {
        self.last.0.since(self.written_at) >= self.interval
    }

    /// Keeping state took so long, while traffic was waiting: the larger it grows, the less often it is kept.
    pub(super) fn rest_after(&mut self, took: Duration) {
        self.interval = self.interval_min.max(took.saturating_mul(PAUSE_SHARE));
    }

    /// Writes a checkpoint. A folder that cannot be written to is told once; the run goes on.
    pub(super) fn keep(&mut self, memory: &Memory, outputs: &dyn Outputs, told: &mut Vec<String>) {
        self.written_at = self.last.0;
        let written = memory
            .sections(outputs)
            .and_then(|sections| self.store.write(&Checkpoint { last: self.last, key: self.key, sections }));
        match written {
            Ok(()) => self.failed = false,
            Err(error) if !self.failed => {
                self.failed = true;
                told.push(format!("state cannot be written, a restart would forget: {error}"));
            }
            Err(_) => {}
        }
    }
}
