//! `heelguard check`: whether a configuration is valid, and what it comes to.
//! It is given a file and overrides and prints a word, or the whole with every default filled in.
//! It promises to find fault with every file that a run would, and to create nothing: a key file that is not there
//! yet stays so.

use super::{ConfigArgs, Failure, described, print, warn};
use crate::config::{self, Keys, Raw};
use crate::identity::Settings;
use crate::identity::geo::Geo;
use crate::identity::secret::Keyring;
use crate::web;
use clap::Args;

/// Validate a configuration.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  heelguard check --config heelguard.toml\n  heelguard check --effective > heelguard.toml\n  heelguard check --set limits.flows_max=50000"
)]
pub(super) struct Check {
    #[command(flatten)]
    config: ConfigArgs,

    /// Print the configuration with every default filled in; secrets are masked
    #[arg(long)]
    effective: bool,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let raw = self.config.load()?;
        for warning in files(&raw).map_err(Failure::usage)? {
            warn(&warning);
        }
        if self.effective { print(&config::effective(&raw)) } else { print("configuration is valid\n") }
    }
}

/// Reads what the configuration names; what an operator should know of it.
fn files(raw: &Raw) -> Result<Vec<String>, String> {
    let mut warnings = Vec::new();
    let keyring = if raw.key_path().is_some_and(|path| path.exists()) {
        let keys = Keys::load(raw)?;
        warnings = keys.warnings;
        keys.keyring
    } else {
        let previous = &raw.privacy.previous_key_file;
        let fresh = Keyring::ephemeral()?;
        if previous.as_os_str().is_empty() { fresh } else { fresh.with_previous(previous)? }
    };
    let geo = match raw.geoip.databases.as_slice() {
        [] => Geo::builtin(),
        databases => Geo::with_databases(databases).map_err(|error| error.to_string())?,
    };
    let described = described::read(raw);
    if !described.unusable.is_empty() {
        return Err(described.unusable.join("\n"));
    }
    warnings.extend(described.warnings);
    raw.sinks.try_open(&raw.labels())?;
    web::try_files(&raw.web)?;
    Settings::build(&raw.network, &raw.identity, &raw.privacy, keyring, geo)?.with_tokens(&raw.identity)?;
    Ok(warnings)
}
