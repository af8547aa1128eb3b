//! Where outputs go: standard output or files, and which of them would destroy each other.
//! It is given what the command line says and refuses two outputs in one place, or an output over an input.
//! It promises that nothing is created or emptied while it looks.

use super::Failure;
use crate::sinks::jsonl::{Jsonl, folder_exists};
use std::path::{Path, PathBuf};

/// One output's destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Stdout,
    File(PathBuf),
}

impl Place {
    /// `-` is standard output.
    pub(super) fn of(path: &Path) -> Self {
        if path.as_os_str() == "-" { Self::Stdout } else { Self::File(path.to_owned()) }
    }

    /// Opens it; a file is created or emptied now.
    pub(super) fn open(&self) -> Result<Jsonl, Failure> {
        match self {
            Self::Stdout => Ok(Jsonl::stdout()),
            Self::File(path) => Jsonl::create(path).map_err(Failure::running),
        }
    }

    /// Opens it behind what it holds.
    pub(super) fn add_to(&self) -> Result<Jsonl, Failure> {
        match self {
            Self::Stdout => Ok(Jsonl::stdout()),
            Self::File(path) => Jsonl::append(path).map_err(Failure::running),
        }
    }
}

/// Refuses outputs that would overwrite each other or an input. Each output comes with its option.
pub(super) fn refuse_collisions(outputs: &[(&str, &Place)], inputs: &[PathBuf]) -> Result<(), Failure> {
    for (index, (option, place)) in outputs.iter().enumerate() {
        let earlier = outputs.iter().take(index).find(|(_, other)| same_place(place, other));
        match (place, earlier) {
            (Place::Stdout, Some((other, _))) => {
                return Err(Failure::usage(format!(
                    "{other} and {option} both write to standard output; give one of them a file"
                )));
            }
            (Place::File(path), Some((other, _))) => {
                return Err(Failure::usage(format!("{other} and {option} both write to {}", path.display())));
            }
            (Place::Stdout, None) => {}
            (Place::File(path), None) => {
                folder_exists(path).map_err(Failure::running)?;
                if inputs.iter().any(|input| same_file(path, input)) {
                    return Err(Failure::usage(format!(
                        "{option} would overwrite the capture {}",
                        path.display()
                    )));
                }
            }
        }
    }
    Ok(())
}

/// Refuses an output or input that a sink of the configuration writes to, too: lines of both would be mixed.
pub(super) fn refuse_shared<'a>(
    outputs: &[(&str, &Place)],
    inputs: &[PathBuf],
    sinks: impl Iterator<Item = (&'a str, &'a Path)>,
) -> Result<(), Failure> {
    for (sink, path) in sinks {
        let place = Place::File(path.to_owned());
        if let Some((option, _)) = outputs.iter().find(|(_, output)| same_place(output, &place)) {
            let path = path.display();
            return Err(Failure::usage(format!("{option} and sinks.{sink} both write to {path}")));
        }
        if inputs.iter().any(|input| same_file(path, input)) {
            let path = path.display();
            return Err(Failure::usage(format!("sinks.{sink} would write into the capture {path}")));
        }
    }
    Ok(())
}

fn same_place(a: &Place, b: &Place) -> bool {
    match (a, b) {
        (Place::Stdout, Place::Stdout) => true,
        (Place::File(a), Place::File(b)) => same_file(a, b) || (a == b && !a.exists()),
        _ => false,
    }
}

/// Whether two paths are one regular file, by whatever links; devices may be shared.
fn same_file(a: &Path, b: &Path) -> bool {
    let (Ok(a), Ok(b)) = (std::fs::metadata(a), std::fs::metadata(b)) else { return false };
    a.is_file() && b.is_file() && identity(&a) == identity(&b)
}

#[cfg(unix)]
fn identity(metadata: &std::fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(metadata: &std::fs::Metadata) -> (u64, Option<std::time::SystemTime>) {
    (metadata.len(), metadata.created().ok())
}
