//! The configuration: one TOML file and `--set` overrides, understood once at the start.
//! It is given a path and overrides, and composes what the layers define: raw text to raw values to checked ones.
//! It promises that every error names the key, where it was written, and what is allowed.

mod blame;
mod document;
mod effective;
mod files;
mod keyfile;
mod memory;
mod nearest;
mod raw;

#[cfg(test)]
mod tests;

pub use effective::{differing, effective, json_schema};
pub use files::files;
pub use keyfile::Keys;
pub use nearest::nearest;
pub use raw::Raw;

use document::Document;
use serde::Deserialize as _;
use std::path::{Path, PathBuf};

/// The annotated whole: every key with its default.
pub const ANNOTATED: &str = include_str!("../deploy/heelguard.toml");

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The text is no TOML, or says something that is not allowed.
    #[error("{place}: {problem}")]
    Refused {
        /// `FILE:LINE:COLUMN` or `--set KEY`.
        place: String,
        /// The key, what is wrong with it, and what is allowed.
        problem: String,
    },
}

/// Reads the file, if one is given, and the overrides over it.
pub fn load(file: Option<&Path>, overrides: &[String]) -> Result<Raw, ConfigError> {
    let mut document = match file {
        Some(path) => Document::read(path)?,
        None => Document::default(),
    };
    for text in overrides {
        document.add_override(text)?;
    }
    understand(document.merged()).map_err(|_| blame::first_culprit(&document.leaves))
}

/// Raw values of a whole table, checked by the layers that own them.
fn understand(mut table: toml::Table) -> Result<Raw, String> {
    memory::share_out(&mut table);
    let raw = Raw::deserialize(table).map_err(|error| error.message().to_owned())?;
    raw.check()?;
    Ok(raw)
}
