//! `heelguard check`: whether a configuration is valid, and what it comes to.
//! It is given a file and overrides and prints a word, or the whole with every default filled in.
//! It promises to create nothing: a key file that is not there yet stays so.

use super::{ConfigArgs, Failure, print, warn};
use crate::config;
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
        let previous =
            Some(raw.privacy.previous_key_file.clone()).filter(|path| !path.as_os_str().is_empty());
        for path in raw.key_path().into_iter().chain(previous) {
            for warning in config::key_warnings(&path) {
                warn(&warning);
            }
        }
        if self.effective { print(&config::effective(&raw)) } else { print("configuration is valid\n") }
    }
}
