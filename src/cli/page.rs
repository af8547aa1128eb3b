//! What the commands that serve the local page have in common: what it shows, and staying until it was looked at.
//! It is given the configuration and a few words on where traffic comes from.
//! It promises that a page stays only where somebody can still end it.

use super::inform;
use super::signals::Stop;
use crate::config::Raw;
use crate::openapi::Survey;
use crate::web::{Origin, Shown};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What pages show of a run that has just begun.
pub(super) fn shown(raw: &Raw, source: String, survey: Arc<Survey>) -> Shown {
    let state_dir = Some(raw.state.dir.clone()).filter(|dir| !dir.as_os_str().is_empty());
    Shown { labels: raw.labels(), source, ledger: Arc::default(), survey, state_dir }
}

/// What a replay of these files is called.
pub(super) fn files(files: &[PathBuf]) -> String {
    format!("Replay of {}", names(files))
}

/// The names of a few files, and how many more there are.
pub(super) fn names(files: &[PathBuf]) -> String {
    const NAMED: usize = 3;
    let name = |file: &PathBuf| match file.file_name() {
        _ if file.as_os_str() == "-" => "standard input".to_owned(),
        Some(name) => name.to_string_lossy().into_owned(),
        None => file.to_string_lossy().into_owned(),
    };
    let named: Vec<String> = files.iter().take(NAMED).map(name).collect();
    let rest = files.len().saturating_sub(NAMED);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}

/// Waits until somebody wishes to end.
pub(super) fn stay(origin: Origin, stop: &Stop) {
    const LOOK_EVERY: Duration = Duration::from_millis(50);
    if stop.is_asked() {
        return;
    }
    inform(&format!("the page is at {origin}/ until Ctrl-C"));
    while !stop.is_asked() {
        std::thread::sleep(LOOK_EVERY);
    }
}
