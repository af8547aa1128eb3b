//! Logs on stderr, for whoever looks for a fault.
//! It is given a level from the command line or the environment and starts the subscriber once.
//! It promises silence by default: warnings and errors of a command are told without it.

use super::Failure;
use std::io::IsTerminal as _;
use tracing::level_filters::LevelFilter;

/// The environment variable that sets the level when the command line does not.
const VARIABLE: &str = "HEELGUARD_LOG";

const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

/// Starts logging at the level asked for.
pub(super) fn start(asked: Option<&str>) -> Result<(), Failure> {
    let from_environment = std::env::var(VARIABLE).ok().filter(|level| !level.is_empty());
    let (place, level) = match (asked, &from_environment) {
        (Some(level), _) => ("--log", level),
        (None, Some(level)) => (VARIABLE, level.as_str()),
        (None, None) => return Ok(()),
    };
    if !LEVELS.contains(&level) {
        return Err(Failure::usage(format!(
            "{place}: `{level}` is no level; allowed: {}",
            LEVELS.join(", ")
        )));
    }
    let filter: LevelFilter = level.parse().unwrap_or(LevelFilter::OFF);
    // A journal or a file is not painted.
    let is_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_max_level(filter)
        .with_ansi(is_terminal)
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}
