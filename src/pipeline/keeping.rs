//! The memory of the ordered half between two runs: lineage, tokens, learned routes, detectors, the outputs' inventory.
//! It is given the state folder at the start, and all of them now and then: of one moment where captures are read, part
//! by part where traffic would have to wait.
//! It promises that a later run goes on behind the last transaction of the checkpoint: what is in it is not seen twice.

use super::Outputs;
use super::checkpoint::{Checkpoint, Config, OUTPUT, Store};
use super::scribe::Scribe;
use crate::identity::{Lineage, LineageConfig, Routes, RoutesConfig};
use heelguard_detectors::runtime::Runtime;
use heelguard_detectors::slice::Cursor;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::Transaction;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The names of parts, and how those of rules and outputs begin.
const LINEAGE: &str = "lineage";
const TOKENS: &str = "tokens";
const ROUTES: &str = "routes";
const RULE: &str = "rule/";

/// What is remembered: the parts of a checkpoint.
pub(super) struct Memory {
    pub(super) lineage: Lineage,
    pub(super) routes: Routes,
    pub(super) detectors: Runtime,
}

impl Memory {
    /// The parts of a checkpoint, in the order in which they are written.
    fn parts(&self, outputs: &dyn Outputs) -> Vec<Arc<str>> {
        let own = [LINEAGE, TOKENS, ROUTES].map(Arc::from);
        let rules = self.detectors.parts().map(|name| format!("{RULE}{name}").into());
        let told = outputs.parts().into_iter().map(|name| format!("{OUTPUT}{name}").into());
        own.into_iter().chain(rules).chain(told).collect()
    }

    /// The next slice of a part, and where to go on if there is more; no bytes where it is no more.
    fn slice(&self, name: &str, from: Cursor, outputs: &dyn Outputs) -> (Vec<u8>, Option<Cursor>) {
        let whole = match name {
            LINEAGE => self.lineage.save(),
            TOKENS => self.lineage.save_tokens(),
            ROUTES => self.routes.save(),
            _ => {
                let Some(rule) = name.strip_prefix(RULE) else {
                    let told = name.strip_prefix(OUTPUT).and_then(|name| outputs.memory(name));
                    return (told.unwrap_or_default(), None);
                };
                let mut slice = Vec::new();
                let rest = self.detectors.save_slice(rule, from, SLICE_BYTES, &mut slice);
                return (slice, rest);
            }
        };
        (whole, None)
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
        let part = |name: &str| kept.part(name).ok_or_else(|| format!("has no part `{name}`"));
        let mut lineage = unreadable(LINEAGE, Lineage::restore(lineage, &mut part(LINEAGE)?))?;
        unreadable(TOKENS, lineage.load_tokens(part(TOKENS)?))?;
        let routes = unreadable(ROUTES, Routes::restore(part(ROUTES)?, routes.clone()))?;
        let mut detectors = detectors;
        let under = |group| {
            kept.parts.iter().filter_map(move |(name, bytes)| Some((name.strip_prefix(group)?, bytes)))
        };
        for (rule, bytes) in under(RULE) {
            unreadable(rule, detectors.load_part(rule, bytes))?;
        }
        // Last: it is not ours to take back.
        for (name, bytes) in kept.of_outputs() {
            unreadable(name, outputs.remember(name, bytes))?;
        }
        *self = Self { lineage, routes, detectors };
        Ok(())
    }
}

/// About so much of a rule's state is written at once: milliseconds of work.
const SLICE_BYTES: usize = 1 << 20;
/// A live sensor keeps state for one part in so many of its time at the most.
const PAUSE_SHARE: u32 = 50;

/// Writes checkpoints when they are due.
pub(super) struct Keeper {
    scribe: Scribe,
    /// As it is configured.
    interval_min: Duration,
    interval: Duration,
    /// The last transaction that the memory knows.
    last: (EventTime, u128),
    written_at: EventTime,
    began_at: EventTime,
    turn: Turn,
    /// Whether writing failed; said once.
    failed: bool,
}

/// How far the checkpoint of a live sensor is.
enum Turn {
    /// It is not due.
    Rest,
    /// The parts that are still to be written.
    Parts(Parts),
    /// All is written, and not on disk yet.
    End,
}

struct Parts {
    /// The part that is being written, from there on.
    present: Option<(Arc<str>, Cursor)>,
    next: std::vec::IntoIter<Arc<str>>,
    /// How long it took so far.
    took: Duration,
}

impl Parts {
    fn of(memory: &Memory, outputs: &dyn Outputs) -> Self {
        Self { present: None, next: memory.parts(outputs).into_iter(), took: Duration::ZERO }
    }

    /// The next slice to be written; nothing when all is.
    fn slice(&mut self, memory: &Memory, outputs: &dyn Outputs) -> Option<(Arc<str>, Vec<u8>)> {
        loop {
            let fresh = || self.next.next().map(|name| (name, Cursor::default()));
            let (name, from) = self.present.take().or_else(fresh)?;
            let (bytes, rest) = memory.slice(&name, from, outputs);
            self.present = rest.map(|cursor| (Arc::clone(&name), cursor));
            // A part that is no more, or never was, is not written.
            if !bytes.is_empty() {
                return Some((name, bytes));
            }
        }
    }
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
        let scribe = Scribe::start(store, lineage.key)
            .map_err(|error| anyhow::anyhow!("cannot start the thread that writes state: {error}"))?;
        let interval = Duration::from_secs(u64::from(config.interval_s.max(1)));
        Ok(Self {
            scribe,
            interval_min: interval,
            interval,
            last,
            written_at: last.0,
            began_at: last.0,
            turn: Turn::Rest,
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

    /// Writes a checkpoint at once, all parts of one moment. A folder that cannot be written to is told once; the run
    /// goes on.
    pub(super) fn keep(&mut self, memory: &Memory, outputs: &mut dyn Outputs, told: &mut Vec<String>) {
        if matches!(std::mem::replace(&mut self.turn, Turn::Rest), Turn::End) {
            self.tell(self.scribe.wait(), told);
        }
        self.written_at = self.last.0;
        // State that knows an alert which was not written would lose it.
        if !outputs.settle() {
            return;
        }
        self.scribe.drop_draft();
        let mut parts = Parts::of(memory, outputs);
        while let Some((name, bytes)) = parts.slice(memory, outputs) {
            self.scribe.part(name, bytes);
        }
        self.scribe.end(self.last);
        let ended = self.scribe.wait();
        self.tell(ended, told);
    }

    /// Writes the next slice of a checkpoint, if one is due, while traffic waits; says how long that took. After a crash
    /// what was written first may so lack seconds that the rest has.
    pub(super) fn keep_slice(
        &mut self,
        memory: &Memory,
        outputs: &mut dyn Outputs,
        told: &mut Vec<String>,
    ) -> Option<Duration> {
        let is_due = self.is_due();
        match &mut self.turn {
            Turn::Rest if !is_due => None,
            Turn::Rest => {
                self.written_at = self.last.0;
                self.turn = Turn::Parts(Parts::of(memory, outputs));
                None
            }
            Turn::Parts(_) if !self.scribe.has_room() => None,
            Turn::Parts(parts) => {
                let began = Instant::now();
                if let Some((name, bytes)) = parts.slice(memory, outputs) {
                    self.scribe.part(name, bytes);
                    let took = began.elapsed();
                    parts.took += took;
                    return Some(took);
                }
                let all = parts.took;
                // The larger it grows, the less often it is kept.
                self.interval = self.interval_min.max(all.saturating_mul(PAUSE_SHARE));
                if outputs.settle() {
                    self.scribe.end(self.last);
                    self.turn = Turn::End;
                } else {
                    self.scribe.drop_draft();
                    self.turn = Turn::Rest;
                }
                Some(began.elapsed())
            }
            Turn::End => {
                let ended = self.scribe.ended()?;
                self.turn = Turn::Rest;
                self.tell(ended, told);
                None
            }
        }
    }

    fn tell(&mut self, ended: std::io::Result<()>, told: &mut Vec<String>) {
        match ended {
            Ok(()) => self.failed = false,
            Err(error) if !self.failed => {
                self.failed = true;
                told.push(format!("state cannot be written, a restart would forget: {error}"));
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
