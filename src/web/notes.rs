//! What people said about alerts: that they were seen to, and a few words.
//! It is given ids and words by the page's form, and keeps them in the state folder, where there is one.
//! It promises at most `NOTES_MAX` notes of bounded length, and a file that is whole or as it was before.

use super::views::alert::parse;
use crate::sinks::escape::write_json_line;
use heelguard_detectors::alert::AlertId;
use heelguard_detectors::time::EventTime;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

#[allow(clippy::disallowed_types, reason = "people write here, now and then; the data path never does")]
type Mutex<T> = std::sync::Mutex<T>;

/// Letters of a note.
pub(super) const NOTE_CHARS_MAX: usize = 500;
/// Notes that are kept; the oldest one makes room.
const NOTES_MAX: usize = 10_000;
/// A longer file is not ours.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// The file's name in the state folder.
const FILE: &str = "acknowledged.jsonl";

/// What was said about one alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// When, in UTC to the second.
    pub(super) when: String,
    /// What, if anything.
    pub(super) words: String,
}

/// All notes.
#[derive(Default)]
pub(super) struct Notes {
    file: Option<PathBuf>,
    kept: Mutex<BTreeMap<AlertId, Note>>,
}

/// A line of the file.
#[derive(Deserialize, Serialize)]
struct Line {
    alert: String,
    when: String,
    note: String,
}

impl Notes {
    /// Notes that are kept in this folder, with those that are there; in memory where it is `None`.
    pub(super) fn open(folder: Option<&Path>) -> Self {
        let file = folder.map(|folder| folder.join(FILE));
        let kept = file.as_deref().map(read).unwrap_or_default();
        Self { file, kept: Mutex::new(kept) }
    }

    /// What was said about an alert.
    pub(super) fn get(&self, id: AlertId) -> Option<Note> {
        self.with(|kept| kept.get(&id).cloned())
    }

    /// Says that an alert was seen to.
    pub(super) fn put(&self, id: AlertId, words: &str) -> io::Result<()> {
        let words = words.trim().chars().take(NOTE_CHARS_MAX).collect();
        self.with(|kept| {
            kept.insert(id, Note { when: now(), words });
            if kept.len() > NOTES_MAX
                && let Some(oldest) =
                    kept.iter().min_by(|a, b| a.1.when.cmp(&b.1.when)).map(|(oldest, _)| *oldest)
            {
                kept.remove(&oldest);
            }
            self.write(kept)
        })
    }

    /// Takes it back.
    pub(super) fn take_back(&self, id: AlertId) -> io::Result<()> {
        self.with(|kept| {
            kept.remove(&id);
            self.write(kept)
        })
    }

    /// Where notes are, for those who write one.
    pub(super) fn where_kept(&self) -> &'static str {
        match self.file {
            Some(_) => "Acknowledgements are kept in the sensor’s state folder.",
            None => "Acknowledgements are kept in memory and end with this run: state.dir is not set.",
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut BTreeMap<AlertId, Note>) -> T) -> T {
        look(&mut self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Writes all beside the present file, then puts it in its place.
    fn write(&self, kept: &BTreeMap<AlertId, Note>) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut bytes = Vec::new();
        for (id, Note { when, words }) in kept {
            let line = Line { alert: id.to_string(), when: when.clone(), note: words.clone() };
            write_json_line(&mut bytes, &line)?;
        }
        let fresh = file.with_extension("new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut out = options.open(&fresh)?;
        out.write_all(&bytes)?;
        out.sync_all()?;
        fs::rename(fresh, file)
    }
}

/// What is in the file; a line that is none of ours is passed over.
fn read(file: &Path) -> BTreeMap<AlertId, Note> {
    let is_ours = fs::metadata(file).is_ok_and(|file| file.is_file() && file.len() <= FILE_BYTES_MAX);
    let text = if is_ours { fs::read_to_string(file).unwrap_or_default() } else { String::new() };
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    lines
        .filter_map(|line| {
            let words = line.note.chars().take(NOTE_CHARS_MAX).collect();
            let when = line.when.chars().take(19).collect();
            Some((parse(&line.alert)?, Note { when, words }))
        })
        .take(NOTES_MAX)
        .collect()
}

/// The time on the wall: a person's act has no packet.
fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    EventTime::ZERO.after(since).to_string().get(..19).unwrap_or_default().replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let notes = Notes::open(Some(folder.path()));
        notes.put(AlertId(1), "  the load test\u{202e} ").unwrap();
        notes.put(AlertId(2), &"x".repeat(9_000)).unwrap();
        notes.put(AlertId(3), "").unwrap();
        notes.take_back(AlertId(3)).unwrap();
        let file = folder.path().join(FILE);
        let damaged = fs::read_to_string(&file).unwrap() + "{\"alert\":\"x\"}\nno line of ours";
        fs::write(&file, damaged).unwrap();
        let again = Notes::open(Some(folder.path()));
        assert_eq!(again.get(AlertId(1)).unwrap().words, "the load test\u{202e}");
        assert_eq!(again.get(AlertId(2)).unwrap().words.len(), NOTE_CHARS_MAX);
        assert_eq!(again.get(AlertId(3)), None);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            again.put(AlertId(4), "").unwrap();
            assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn without_a_folder_they_are_kept_in_memory_and_that_is_said() {
        let notes = Notes::open(None);
        notes.put(AlertId(1), "seen").unwrap();
        assert_eq!(notes.get(AlertId(1)).unwrap().words, "seen");
        assert!(notes.where_kept().contains("in memory"));
    }
}
