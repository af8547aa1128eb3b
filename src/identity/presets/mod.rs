//! What real products call things, as data: one file a product, read at the start.
//! It is given the names of presets and paths of the operator's own files, and gives one vocabulary for the tables.
//! It promises that a preset is data only: the engine knows no product by name.

mod format;
mod roles;
mod routes;
mod vocabulary;

pub(crate) use format::Preset;
pub(crate) use routes::{Routes, Rule};
pub(crate) use vocabulary::Vocabulary;

use crate::files;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A file larger than this is no preset.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The files of this folder: names and texts, sorted.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/presets.rs"));

/// The word that stands for all built-in presets.
const ALL: &str = "all";

/// The built-in presets, parsed once.
static BUILT_IN: LazyLock<Result<Vec<Preset>, String>> = LazyLock::new(|| {
    FILES.iter().map(|(name, text)| Preset::parse(&format!("presets/{name}.toml"), text)).collect()
});

/// What the presets of these names and the files of these paths say; the files come first.
pub(crate) fn vocabulary(names: &[String], paths: &[PathBuf]) -> Result<Vocabulary, String> {
    let built_in = BUILT_IN.as_ref().map_err(Clone::clone)?;
    let own = paths.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let mut chosen = Vec::new();
    for ((name, _), preset) in FILES.iter().zip(built_in) {
        if names.iter().any(|wanted| wanted == name || wanted == ALL) {
            chosen.push(preset);
        }
    }
    for name in names {
        if name != ALL && !FILES.iter().any(|(known, _)| known == name) {
            return Err(unknown(name));
        }
    }
    let mut vocabulary = Vocabulary::default();
    vocabulary.add(&own.iter().collect::<Vec<_>>())?;
    vocabulary.add(&chosen)?;
    Ok(vocabulary)
}

fn read(path: &Path) -> Result<Preset, String> {
    let file = path.display().to_string();
    let text =
        files::read_text(path, FILE_BYTES_MAX).map_err(|error| format!("cannot read {file}: {error}"))?;
    Preset::parse(&file, &text)
}

fn unknown(name: &str) -> String {
    let known = || FILES.iter().map(|(known, _)| *known).chain([ALL]);
    let near = known()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(alike, _)| *alike >= 0.82)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(String::new, |(_, near)| format!("; did you mean `{near}`?"));
    format!("unknown preset `{name}`{near}; allowed: {}", known().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests;
