//! A key log as a file: read whole before a replay, followed while a sensor runs.
//! It is given a path, a file or a FIFO, and a store; a file that is cut or replaced is read anew, as `tail -F` does.
//! It promises that no thread but its own ever waits for that file, that it reads no more than it can keep, and that
//! it says once what is wrong with it.

use super::KeyStore;
use super::lines::Lines;
use crate::files;
use heelguard_detectors::time::EventTime;
use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use zeroize::Zeroize as _;

/// Read before a replay, at most; of a longer file, the end.
const WHOLE_BYTES_MAX: u64 = 1 << 30;
/// Read of what a file holds when a sensor starts, at most: connections that began before it cannot be read anyway.
const BACKLOG_BYTES_MAX: u64 = 64 << 20;
/// Read between two pauses, at most: a file that grows without end must not take a processor.
const ROUND_BYTES_MAX: usize = 1 << 20;
const BUFFER_BYTES: usize = 64 << 10;
/// A secret that is written is known this much later.
const PAUSE: Duration = Duration::from_millis(20);
/// How often it is looked whether another file stands at the path.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A FIFO that says nothing for so long before a replay has nobody at its other end.
const FIFO_SILENCE: Duration = Duration::from_secs(10);

/// Why a key log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KeyLogError {
    /// The system refused.
    #[error("key log {}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// It is neither a file nor a FIFO.
    #[error("key log {}: neither a file nor a pipe", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Nobody writes into the FIFO.
    #[error("key log {}: nothing came through this pipe for {} s", path.display(), FIFO_SILENCE.as_secs())]
    Silent {
        /// The FIFO.
        path: PathBuf,
    },
}

impl KeyLogError {
    /// Whether the file may only be late: programs make it with the first secret they write.
    fn is_absence(&self) -> bool {
        matches!(self, Self::Io { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
    }
}

impl KeyStore {
    /// Reads a key log to its end. The answer is what an operator should know of it.
    pub fn read_file(&self, path: &Path) -> Result<Option<String>, KeyLogError> {
        let mut log = Log::open(path, WHOLE_BYTES_MAX)?;
        if log.is_fifo {
            log.wait(path)?;
        }
        loop {
            match log.read(self) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => log.wait(path)?,
                Err(cause) => return Err(KeyLogError::Io { path: path.to_owned(), cause }),
            }
        }
        log.lines.end(EventTime::ZERO, self);
        let shown = path.display();
        let cut = log.passed_over > 0;
        Ok(cut.then(|| format!("key log {shown}: only its last {} MiB were read", WHOLE_BYTES_MAX >> 20)))
    }
}

/// A key log that grows while it is read.
pub struct Follower {
    path: PathBuf,
    log: Option<Log>,
    /// What was said about the file last.
    said: Option<String>,
}

impl Follower {
    /// Opens the file, which may not be there yet. What cannot become a key log by waiting is refused.
    pub fn open(path: &Path) -> Result<Self, KeyLogError> {
        let log = match Log::open(path, BACKLOG_BYTES_MAX) {
            Ok(log) => Some(log),
            Err(error) if error.is_absence() => None,
            Err(error) => return Err(error),
        };
        Ok(Self { path: path.to_owned(), log, said: None })
    }

    /// Follows the file into the store, on a thread of its own, for as long as anybody else holds the store. `tell` is
    /// given what an operator should know.
    pub fn start(mut self, store: &Arc<KeyStore>, tell: impl Fn(&str) + Send + 'static) -> io::Result<()> {
        let store = Arc::downgrade(store);
        let follow = move || self.follow(&store, &tell);
        std::thread::Builder::new().name("key log".to_owned()).spawn(follow).map(drop)
    }

    fn follow(&mut self, store: &Weak<KeyStore>, tell: &dyn Fn(&str)) {
        let mut looked = None;
        while let Some(store) = store.upgrade() {
            let came = self.read(&store, tell);
            let due = looked.is_none_or(|looked: Instant| looked.elapsed() >= LOOK_EVERY);
            // Another file is turned to only when this one has nothing more to say.
            if came == 0 && due {
                looked = Some(Instant::now());
                self.look(tell);
            }
            drop(store);
            std::thread::sleep(PAUSE);
        }
    }

    /// Reads what came, within a bound; how many bytes.
    fn read(&mut self, store: &KeyStore, tell: &dyn Fn(&str)) -> usize {
        let Some(log) = &mut self.log else { return 0 };
        let mut came = 0;
        while came < ROUND_BYTES_MAX {
            match log.read(store) {
                Ok(0) => break,
                Ok(bytes) => came += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    self.log = None;
                    self.say(format!("{error}; it is tried again"), tell);
                    break;
                }
            }
        }
        came
    }

    /// Looks whether the file was cut, or another one stands in its place.
    fn look(&mut self, tell: &dyn Fn(&str)) {
        if let Some(log) = &mut self.log {
            match std::fs::metadata(&self.path) {
                // A file that is moved away is read on until another one is there.
                Err(_) => return,
                Ok(there) if identity(&there) == log.identity && !log.is_beyond(&there) => return,
                Ok(_) => {}
            }
        }
        // All of it is new, but the secrets of a large one that was moved here are those of the past.
        match Log::open(&self.path, BACKLOG_BYTES_MAX) {
            Ok(log) => {
                let anew = self.log.replace(log).is_some() || self.said.is_some();
                self.said = None;
                if anew {
                    tell(&format!("key log {}: read from its beginning", self.path.display()));
                }
            }
            Err(error) => {
                let shown = if error.is_absence() { "not there yet".to_owned() } else { plain(&error) };
                self.say(shown, tell);
            }
        }
    }

    /// Says what is wrong, once.
    fn say(&mut self, what: String, tell: &dyn Fn(&str)) {
        if self.said.as_ref() != Some(&what) {
            tell(&format!("key log {}: {what}", self.path.display()));
            self.said = Some(what);
        }
    }
}

/// An error without the path that `say` names.
fn plain(error: &KeyLogError) -> String {
    match error {
        KeyLogError::Io { cause, .. } => cause.to_string(),
        KeyLogError::NotAFile { .. } => "neither a file nor a pipe".to_owned(),
        KeyLogError::Silent { .. } => "nothing comes through this pipe".to_owned(),
    }
}

/// An open key log.
struct Log {
    file: File,
    identity: (u64, u64),
    is_fifo: bool,
    /// Bytes up to which it was read.
    position: u64,
    /// Bytes of its beginning that were not.
    passed_over: u64,
    lines: Lines,
    buffer: Box<[u8]>,
}

impl Log {
    /// Opens without waiting, and goes to the last so many bytes.
    fn open(path: &Path, bytes_max: u64) -> Result<Self, KeyLogError> {
        let failed = |cause| KeyLogError::Io { path: path.to_owned(), cause };
        let mut file = files::open_now(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let is_fifo = is_fifo(&metadata);
        if !metadata.is_file() && !is_fifo {
            return Err(KeyLogError::NotAFile { path: path.to_owned() });
        }
        let passed_over = if metadata.is_file() { metadata.len().saturating_sub(bytes_max) } else { 0 };
        if passed_over > 0 {
            file.seek(SeekFrom::Start(passed_over)).map_err(failed)?;
        }
        let lines = if passed_over > 0 { Lines::joined_late() } else { Lines::default() };
        let (identity, buffer) = (identity(&metadata), vec![0; BUFFER_BYTES].into());
        Ok(Self { file, identity, is_fifo, position: passed_over, passed_over, lines, buffer })
    }

    /// Whether more was read than there is now: the file was cut.
    fn is_beyond(&self, there: &Metadata) -> bool {
        there.is_file() && there.len() < self.position
    }

    /// Reads one piece into the store; 0 at the end, for now.
    fn read(&mut self, store: &KeyStore) -> io::Result<usize> {
        let count = loop {
            match self.file.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => break outcome?,
            }
        };
        let piece = self.buffer.get_mut(..count).unwrap_or_default();
        self.lines.read(piece, EventTime::ZERO, store);
        piece.zeroize();
        self.position += count as u64;
        Ok(count)
    }

    /// Waits until a FIFO has something to say, or nobody is there any more to say it.
    #[cfg(unix)]
    fn wait(&self, path: &Path) -> Result<(), KeyLogError> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let limit = Timespec { tv_sec: FIFO_SILENCE.as_secs().cast_signed(), tv_nsec: 0 };
        match poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&limit)) {
            Ok(0) => Err(KeyLogError::Silent { path: path.to_owned() }),
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(KeyLogError::Io { path: path.to_owned(), cause: error.into() }),
        }
    }

    #[cfg(not(unix))]
    fn wait(&self, path: &Path) -> Result<(), KeyLogError> {
        Err(KeyLogError::Silent { path: path.to_owned() })
    }
}

#[cfg(unix)]
fn is_fifo(metadata: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    metadata.file_type().is_fifo()
}

#[cfg(not(unix))]
fn is_fifo(_: &Metadata) -> bool {
    false
}

/// Which file it is, whatever its name.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}
