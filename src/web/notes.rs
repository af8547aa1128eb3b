//! What people said about alerts: that they were seen to, how far they had come by then, and a few words.
//! It is given ids and words by the page's form, and keeps them in the state folder, where there is one.
//! It promises at most `NOTES_MAX` notes of bounded length, a file that is whole or as it was before, and that one which
//! could not be read is never written over.

use super::ask::Pairs;
use super::views::alert::parse;
use crate::sinks::escape::write_json_line;
use heelguard_detectors::alert::{Alert, AlertId, Severity};
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
/// An episode that has grown by more than this is another thing than what was looked at.
const GROWTH_MAX: u64 = 2;

/// How far an episode had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) severity: Severity,
    /// Events.
    pub(super) count: u64,
}

impl Extent {
    /// How far an alert has come.
    pub(super) fn of(alert: &Alert) -> Self {
        Self { severity: alert.severity, count: alert.count }
    }

    /// What a form says that it showed of an alert; never more than there is.
    pub(super) fn shown(form: &Pairs, alert: &Alert) -> Option<Self> {
        let (severity, count) =
            (Severity::parse(form.get("severity"))?, form.get("count").parse::<u64>().ok()?);
        Some(Self { severity: severity.min(alert.severity), count: count.min(alert.count) })
    }
}

/// What was said about one alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// When, in UTC to the second.
    pub(super) when: String,
    /// What, if anything.
    pub(super) words: String,
    /// What the form showed to whoever said it; lines of older versions do not tell.
    pub(super) of: Option<Extent>,
}

impl Note {
    /// Whether who said this has seen about as much as there is now. What they saw is not guessed at.
    pub(super) fn covers(&self, alert: &Alert) -> bool {
        self.of.is_some_and(|of| {
            alert.severity <= of.severity && alert.count <= of.count.saturating_mul(GROWTH_MAX)
        })
    }
}

/// All notes.
#[derive(Default)]
pub(super) struct Notes {
    place: Place,
    kept: Mutex<BTreeMap<AlertId, Note>>,
}

/// Where notes are kept.
#[derive(Default)]
enum Place {
    /// In memory: there is no state folder.
    #[default]
    Memory,
    /// In this file.
    File(PathBuf),
    /// In memory: there is a file that could not be read, and somebody may still want it.
    Unreadable,
}

/// A line of the file.
#[derive(Deserialize, Serialize)]
struct Line {
    alert: String,
    when: String,
    note: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    severity: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

impl Notes {
    /// Notes that are kept in this folder, with those that are there; in memory where it is `None`.
    pub(super) fn open(folder: Option<&Path>) -> Self {
        let Some(file) = folder.map(|folder| folder.join(FILE)) else { return Self::default() };
        let (place, kept) = match read(&file) {
            Ok(kept) => (Place::File(file), kept),
            Err(_) => (Place::Unreadable, BTreeMap::new()),
        };
        Self { place, kept: Mutex::new(kept) }
    }

    /// What was said about an alert.
    pub(super) fn get(&self, id: AlertId) -> Option<Note> {
        self.with(|kept| kept.get(&id).cloned())
    }

    /// Whether somebody has looked at an alert as it is now.
    pub(super) fn cover(&self, alert: &Alert) -> bool {
        self.with(|kept| kept.get(&alert.id).is_some_and(|note| note.covers(alert)))
    }

    /// Says that an alert was seen to, as far as it had come on the page with the form.
    pub(super) fn put(&self, id: AlertId, of: Option<Extent>, words: &str) -> io::Result<()> {
        let words = words.trim().chars().take(NOTE_CHARS_MAX).collect();
        self.with(|kept| {
            kept.insert(id, Note { when: now(), words, of });
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
        match self.place {
            Place::File(_) => "Acknowledgements are kept in the sensor’s state folder.",
            Place::Memory => {
                "Acknowledgements are kept in memory and end with this run: state.dir is not set."
            }
            Place::Unreadable => {
                "Acknowledgements are kept in memory and end with this run: acknowledged.jsonl in state.dir could \
                 not be read when it began. It is left as it is; mend or move it and start again."
            }
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut BTreeMap<AlertId, Note>) -> T) -> T {
        look(&mut self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Writes all beside the present file, then puts it in its place.
    fn write(&self, kept: &BTreeMap<AlertId, Note>) -> io::Result<()> {
        let Place::File(file) = &self.place else { return Ok(()) };
        let mut bytes = Vec::new();
        for (id, Note { when, words, of }) in kept {
            let line = Line {
                alert: id.to_string(),
                when: when.clone(),
                note: words.clone(),
                severity: of.map(|of| of.severity.name().to_owned()),
                count: of.map(|of| of.count),
            };
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

/// What is in the file; a line that is none of ours is passed over, and bytes that are no text are replaced. A file that
/// is not there is empty; one that cannot be read, or is not ours, is an error.
fn read(file: &Path) -> io::Result<BTreeMap<AlertId, Note>> {
    let bytes = match fs::metadata(file) {
        Ok(of) if of.is_file() && of.len() <= FILE_BYTES_MAX => fs::read(file)?,
        Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    let notes = lines.filter_map(|line| {
        let words = line.note.chars().take(NOTE_CHARS_MAX).collect();
        let when = line.when.chars().take(19).collect();
        let severity = line.severity.as_deref().and_then(Severity::parse);
        let of = severity.zip(line.count).map(|(severity, count)| Extent { severity, count });
        Some((parse(&line.alert)?, Note { when, words, of }))
    });
    Ok(notes.take(NOTES_MAX).collect())
}

/// The time on the wall: a person's act has no packet.
fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    EventTime::ZERO.after(since).to_string().get(..19).unwrap_or_default().replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::record::samples;

    #[test]
    fn what_was_said_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let notes = Notes::open(Some(folder.path()));
        notes.put(AlertId(1), None, "  the load test\u{202e} ").unwrap();
        notes.put(AlertId(2), None, &"x".repeat(9_000)).unwrap();
        notes.put(AlertId(3), None, "").unwrap();
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
            again.put(AlertId(4), None, "").unwrap();
            assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    fn alert(severity: Severity, count: u64) -> Alert {
        Alert { severity, count, ..samples::alert() }
    }

    #[test]
    fn an_episode_that_outgrows_what_was_looked_at_is_looked_at_again() {
        let folder = tempfile::tempdir().unwrap();
        let notes = Notes::open(Some(folder.path()));
        let small = alert(Severity::Low, 3);
        assert!(!notes.cover(&small));
        // Nobody has seen more than there was.
        let form = Pairs::read("severity=critical&count=9999");
        notes.put(small.id, Extent::shown(&form, &small), "").unwrap();
        for again in [notes, Notes::open(Some(folder.path()))] {
            assert!(again.cover(&small) && again.cover(&alert(Severity::Low, 6)));
            assert!(!again.cover(&alert(Severity::Low, 7)), "more than doubled");
            assert!(!again.cover(&alert(Severity::Medium, 3)), "worse");
            assert!(again.cover(&alert(Severity::Info, 3)));
        }
        // A line of an older version does not say what was looked at; nor does a form without these fields.
        assert_eq!(Extent::shown(&Pairs::read("severity=low&count=x"), &small), None);
        let line =
            format!("{{\"alert\":\"{}\",\"when\":\"2026-11-21 10:03:00\",\"note\":\"x\"}}\n", small.id);
        fs::write(folder.path().join(FILE), line).unwrap();
        let older = Notes::open(Some(folder.path()));
        assert_eq!(older.get(small.id).unwrap().words, "x");
        assert!(!older.cover(&small));
    }

    #[test]
    fn one_damaged_byte_costs_no_acknowledgement() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let notes = Notes::open(Some(folder.path()));
        notes.put(AlertId(1), None, "one").unwrap();
        notes.put(AlertId(2), None, "two").unwrap();
        let mut bytes = fs::read(&file).unwrap();
        let place = bytes.windows(3).position(|word| word == b"two").unwrap();
        bytes[place] = 0xff;
        fs::write(&file, bytes).unwrap();
        Notes::open(Some(folder.path())).put(AlertId(3), None, "three").unwrap();
        let again = Notes::open(Some(folder.path()));
        let words = [1, 2, 3].map(|id| again.get(AlertId(id)).unwrap().words);
        assert_eq!(words, ["one", "\u{fffd}wo", "three"]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_never_written_over() {
        // Root may read whatever it likes, so the files are of kinds that nobody takes for a list of notes.
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        fs::File::create(&file).unwrap().set_len(FILE_BYTES_MAX + 1).unwrap();
        let notes = Notes::open(Some(folder.path()));
        notes.put(AlertId(1), None, "seen").unwrap();
        assert_eq!(notes.get(AlertId(1)).unwrap().words, "seen");
        assert_eq!(fs::metadata(&file).unwrap().len(), FILE_BYTES_MAX + 1);
        assert!(notes.where_kept().contains("could not be read"), "{}", notes.where_kept());
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        let notes = Notes::open(Some(folder.path()));
        notes.put(AlertId(1), None, "seen").unwrap();
        assert!(file.is_dir() && notes.where_kept().contains("could not be read"));
        fs::remove_dir(&file).unwrap();
        assert!(Notes::open(Some(folder.path())).where_kept().contains("state folder"), "not there is empty");
    }

    #[test]
    fn without_a_folder_they_are_kept_in_memory_and_that_is_said() {
        let notes = Notes::open(None);
        notes.put(AlertId(1), None, "seen").unwrap();
        assert_eq!(notes.get(AlertId(1)).unwrap().words, "seen");
        assert!(notes.where_kept().contains("in memory"));
    }
}
