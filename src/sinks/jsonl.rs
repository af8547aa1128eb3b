//! Records as lines in a file or on standard output.
//! It is given records one at a time, gathers them in a buffer and writes whole lines.
//! It promises to count each record as delivered or lost, and to name the place and the cause when writing fails.

use super::escape;
use super::inventory::Take;
use crate::metrics::SinkCounters;
use serde::Serialize;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Lines are written when this many bytes have gathered, or when somebody asks.
const BUFFER_BYTES: usize = 64 * 1024;

/// Why records could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder of the file is missing.
    #[error("cannot create {}: the folder {} does not exist", path.display(), folder.display())]
    NoFolder {
        /// The file asked for.
        path: PathBuf,
        /// The folder that is not there.
        folder: PathBuf,
    },
    /// The file cannot be created.
    #[error("cannot create {}: {cause}", path.display())]
    Create {
        /// The file asked for.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A write failed; nothing was written since.
    #[error("cannot write {place}: {cause}; {lost} records lost")]
    Write {
        /// The file, or `standard output`.
        place: String,
        /// What the system says.
        cause: io::Error,
        /// Records that did not arrive.
        lost: u64,
    },
}

/// A file or standard output that takes records.
pub struct Jsonl {
    place: String,
    to: Box<dyn Write + Send>,
    buffer: Vec<u8>,
    /// Records in `buffer`.
    waiting: u64,
    counters: SinkCounters,
    /// The first failure; from then on every record is lost.
    failure: Option<io::Error>,
}

impl Jsonl {
    /// Creates or empties the file at `path`.
    pub fn create(path: &Path) -> Result<Self, Error> {
        folder_exists(path)?;
        let file = File::create(path).map_err(|cause| Error::Create { path: path.to_owned(), cause })?;
        Ok(Self::new(path.display().to_string(), Box::new(file)))
    }

    /// Opens the file at `path` behind what it holds, or creates it. A line that a killed run left unfinished is
    /// ended, so that the next one stands by itself.
    pub fn append(path: &Path) -> Result<Self, Error> {
        folder_exists(path)?;
        let open = || {
            let mut file = File::options().create(true).append(true).read(true).open(path)?;
            // Devices and pipes have no end to look at.
            if file.metadata()?.is_file() && file.metadata()?.len() > 0 {
                let mut last = [0];
                file.seek(SeekFrom::End(-1))?;
                file.read_exact(&mut last)?;
                if last != *b"\n" {
                    file.write_all(b"\n")?;
                }
            }
            Ok(file)
        };
        let file = open().map_err(|cause| Error::Create { path: path.to_owned(), cause })?;
        Ok(Self::new(path.display().to_string(), Box::new(file)))
    }

    /// Standard output.
    pub fn stdout() -> Self {
        Self::new("standard output".to_owned(), Box::new(io::stdout()))
    }

    /// Any place, with the name that messages use for it.
    pub fn new(place: String, to: Box<dyn Write + Send>) -> Self {
        Self {
            place,
            to,
            buffer: Vec::with_capacity(BUFFER_BYTES + BUFFER_BYTES / 4),
            waiting: 0,
            counters: SinkCounters::default(),
            failure: None,
        }
    }

    /// Takes one record as a line of JSON.
    pub fn write(&mut self, record: &impl Serialize) {
        self.write_with(|buffer| {
            escape::write_json_line(buffer, record).map_err(|error| io::Error::other(error.to_string()))
        });
    }

    /// Takes one record that `compose` appends to the buffer, in whatever form.
    pub fn write_with(&mut self, compose: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) {
        self.counters.queued += 1;
        if self.failure.is_some() {
            self.counters.lost += 1;
            return;
        }
        let whole = self.buffer.len();
        match compose(&mut self.buffer) {
            Ok(()) => self.waiting += 1,
            Err(error) => {
                self.buffer.truncate(whole);
                self.counters.lost += 1;
                self.failure = Some(error);
            }
        }
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush();
        }
    }

    /// Writes what has gathered.
    pub fn flush(&mut self) {
        if self.waiting == 0 {
            return;
        }
        let written = self.to.write_all(&self.buffer).and_then(|()| self.to.flush());
        match written {
            Ok(()) => self.counters.delivered += self.waiting,
            Err(error) => {
                self.counters.lost += self.waiting;
                self.failure.get_or_insert(error);
            }
        }
        self.waiting = 0;
        self.buffer.clear();
    }

    /// Whether a record was lost.
    pub fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// What an operator should know while there is no end at which it is said: nothing is written here any more.
    pub fn complaint(&self) -> Option<String> {
        let cause = self.failure.as_ref().filter(|cause| cause.kind() != io::ErrorKind::BrokenPipe)?;
        Some(format!(
            "cannot write {}: {cause}; what would come there is lost until the next start",
            self.place
        ))
    }

    /// Whether the reader of a pipe has gone away: it has all it wanted.
    pub fn reader_gone(&self) -> bool {
        self.failure.as_ref().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Writes the rest and gives the account. A reader that went away is no error.
    pub fn finish(mut self) -> (SinkCounters, Result<(), Error>) {
        self.flush();
        let outcome = match self.failure {
            Some(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::Write { place: self.place, cause, lost: self.counters.lost })
            }
            _ => Ok(()),
        };
        (self.counters, outcome)
    }
}

impl Take for Jsonl {
    fn take(&mut self, _: &[&str], record: &impl Serialize) {
        self.write(record);
    }
}

/// Whether the file could be created, as far as can be told without touching it.
pub fn folder_exists(path: &Path) -> Result<(), Error> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(Error::NoFolder { path: path.to_owned(), folder: folder.to_owned() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_types, reason = "a test looks at what a sink wrote")]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A disk with room for so many bytes.
    #[derive(Clone)]
    struct Disk {
        room: usize,
        holds: Arc<Mutex<Vec<u8>>>,
        full: io::ErrorKind,
    }

    impl Disk {
        fn with_room(room: usize) -> Self {
            Self { room, holds: Arc::default(), full: io::ErrorKind::StorageFull }
        }
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut holds = self.holds.lock().unwrap();
            let fits = bytes.len().min(self.room - holds.len());
            if fits == 0 {
                return Err(self.full.into());
            }
            holds.extend_from_slice(&bytes[..fits]);
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_record_arrives_and_is_counted_once() {
        let disk = Disk::with_room(usize::MAX);
        let mut sink = Jsonl::new("a".to_owned(), Box::new(disk.clone()));
        (0..20_000).for_each(|n| sink.write(&n));
        let (counters, outcome) = sink.finish();
        assert!(outcome.is_ok());
        assert_eq!((counters.queued, counters.delivered, counters.lost), (20_000, 20_000, 0));
        let text = String::from_utf8(std::mem::take(&mut *disk.holds.lock().unwrap())).unwrap();
        assert!(text.lines().map(|line| line.parse::<u32>().unwrap()).eq(0..20_000));
    }

    #[test]
    fn a_full_disk_is_named_and_what_did_not_fit_is_lost() {
        let mut sink = Jsonl::new("alerts.jsonl".to_owned(), Box::new(Disk::with_room(BUFFER_BYTES + 10)));
        assert_eq!(sink.complaint(), None);
        (0..40_000).for_each(|n| sink.write(&n));
        assert!(sink.complaint().is_some_and(|told| told.starts_with("cannot write alerts.jsonl: ")));
        let (counters, outcome) = sink.finish();
        assert_eq!(counters.queued, counters.delivered + counters.lost);
        assert!(counters.delivered > 0 && counters.lost > 0);
        let message = outcome.unwrap_err().to_string();
        assert!(message.starts_with("cannot write alerts.jsonl: "), "{message}");
        assert!(message.ends_with(&format!("{} records lost", counters.lost)), "{message}");
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_failure() {
        let disk = Disk { full: io::ErrorKind::BrokenPipe, ..Disk::with_room(0) };
        let mut sink = Jsonl::new("standard output".to_owned(), Box::new(disk));
        sink.write(&1);
        sink.flush();
        assert!(sink.reader_gone() && sink.complaint().is_none());
        sink.write(&2);
        let (counters, outcome) = sink.finish();
        assert!(outcome.is_ok());
        assert_eq!((counters.queued, counters.lost), (2, 2));
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = Jsonl::create(Path::new("no/such/folder/alerts.jsonl")).err().unwrap().to_string();
        assert_eq!(
            error,
            "cannot create no/such/folder/alerts.jsonl: the folder no/such/folder does not exist"
        );
    }

    #[test]
    fn what_is_there_stays_and_an_unfinished_line_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        for (before, after) in [("", "1\n"), ("\"a\"\n", "\"a\"\n1\n"), ("\"a\"\n{\"b", "\"a\"\n{\"b\n1\n")] {
            std::fs::write(&path, before).unwrap();
            let mut sink = Jsonl::append(&path).unwrap();
            sink.write(&1);
            sink.finish().1.unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
    }
}
