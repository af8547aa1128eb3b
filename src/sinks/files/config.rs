//! `[sinks.jsonl]`: files of lines.

use super::super::form::Form;
use super::super::spool::{Kind, Lane};
use super::file::Turning;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `[sinks.jsonl]`: a file a kind of record; a kind without a path is not written.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The file for alerts.
    pub alerts: PathBuf,
    /// The file for transactions.
    pub transactions: PathBuf,
    /// The file for connections under TLS that were not read.
    pub tls: PathBuf,
    /// The file for the inventory.
    pub inventory: PathBuf,
    /// The file for the sensor's counters.
    pub health: PathBuf,
    /// `native`, `ocsf`, `ecs` or `eve`.
    pub form: Form,
    /// Bytes after which a file is put aside as `NAME.1`, and a new one begins.
    pub rotate_bytes: u64,
    /// Hours after which a file is put aside, however small; 0: never.
    pub rotate_hours: u64,
    /// Files put aside that are kept; older ones are deleted.
    pub keep_files: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            alerts: PathBuf::new(),
            transactions: PathBuf::new(),
            tls: PathBuf::new(),
            inventory: PathBuf::new(),
            health: PathBuf::new(),
            form: Form::Native,
            rotate_bytes: 256 << 20,
            rotate_hours: 24,
            keep_files: 7,
        }
    }
}

impl Config {
    /// Whether any file is named.
    pub fn is_on(&self) -> bool {
        Kind::ALL.iter().any(|kind| !self.path(*kind).as_os_str().is_empty())
    }

    /// Refuses what makes no sense.
    pub fn check(&self, name: &str) -> Result<(), String> {
        if self.rotate_bytes < 4096 {
            return Err(format!(
                "sinks.{name}.rotate_bytes: a file of {} bytes holds no record; wanted 4096 or more",
                self.rotate_bytes
            ));
        }
        let paths = Kind::ALL.iter().map(|kind| (*kind, self.path(*kind)));
        let named: Vec<_> = paths.filter(|(_, path)| !path.as_os_str().is_empty()).collect();
        for (index, (kind, path)) in named.iter().enumerate() {
            if let Some((other, _)) = named.iter().take(index).find(|(_, earlier)| earlier == path) {
                let (other, key) = (Self::key(*other), Self::key(*kind));
                return Err(format!("sinks.{name}.{key}: {other} are written to {} too", path.display()));
            }
        }
        Ok(())
    }

    /// Lanes of which something is written.
    pub fn lanes(&self) -> Vec<Lane> {
        let wanted = |lane: Lane| {
            Kind::ALL.iter().any(|kind| kind.lane() == lane && !self.path(*kind).as_os_str().is_empty())
        };
        Lane::ALL.iter().copied().filter(|lane| wanted(*lane)).collect()
    }

    /// The files that are named.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        Kind::ALL.iter().map(|kind| self.path(*kind)).filter(|path| !path.as_os_str().is_empty())
    }

    pub(super) fn path(&self, kind: Kind) -> &Path {
        match kind {
            Kind::Alert => &self.alerts,
            Kind::Transaction => &self.transactions,
            Kind::Connection => &self.tls,
            Kind::Inventory => &self.inventory,
            Kind::Health => &self.health,
            // They are for workers alone.
            Kind::Sightings => Path::new(""),
        }
    }

    pub(super) const fn key(kind: Kind) -> &'static str {
        match kind {
            Kind::Alert => "alerts",
            Kind::Transaction => "transactions",
            Kind::Connection => "tls",
            Kind::Inventory => "inventory",
            Kind::Health => "health",
            Kind::Sightings => "sightings",
        }
    }

    pub(super) fn turning(&self) -> Turning {
        let hours = Duration::from_secs(self.rotate_hours.saturating_mul(3_600));
        Turning { bytes: self.rotate_bytes, age: (!hours.is_zero()).then_some(hours), keep: self.keep_files }
    }
}
