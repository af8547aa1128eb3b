//! One file of lines that turns over.
//! It is given whole lines, many at a time, and appends them in one piece.
//! It promises that after a failed write the file ends where it ended before, so that no line is ever half there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// When a file is put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turning {
    /// Before it would be larger than this.
    pub(super) bytes: u64,
    /// When it is older than this.
    pub(super) age: Option<Duration>,
    /// So many are kept.
    pub(super) keep: u32,
}

pub(super) struct LineFile {
    path: PathBuf,
    turning: Turning,
    /// Whether lines are on disk before they count as written.
    synced: bool,
    open: Option<Open>,
}

struct Open {
    file: File,
    /// Which file it is, however it is called by now.
    identity: (u64, u64),
    bytes: u64,
    since: SystemTime,
    /// A device or a pipe is written to and otherwise left alone.
    regular: bool,
}

impl LineFile {
    pub(super) fn new(path: &Path, turning: Turning, synced: bool) -> Self {
        Self { path: path.to_owned(), turning, synced, open: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes sure that there is a file to write to, and that it is the one the path names.
    pub(super) fn open(&mut self) -> io::Result<()> {
        let there = fs::metadata(&self.path).ok().map(|metadata| identity(&metadata));
        if self.open.as_ref().is_none_or(|open| there != Some(open.identity)) {
            self.open = Some(Open::at(&self.path)?);
        }
        Ok(())
    }

    /// Looks whether lines could be appended; makes no file, for whoever looks may be another user than the sensor's.
    pub(super) fn look(&self) -> io::Result<()> {
        match OpenOptions::new().append(true).open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => may_make_files(&self.path),
            other => other.map(drop),
        }
    }

    /// Appends whole lines.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        self.open()?;
        if self.open.as_ref().is_some_and(|open| self.is_full(open, lines.len())) {
            self.open = None;
            put_aside(&self.path, self.turning.keep)?;
            self.open()?;
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let written = open.file.write_all(lines);
        let written =
            written.and_then(|()| if self.synced && open.regular { open.file.sync_data() } else { Ok(()) });
        if written.is_ok() {
            open.bytes += lines.len() as u64;
        } else {
            // What is half there goes; a file that cannot even be cut is mended when it is opened again.
            if open.regular {
                let _ = open.file.set_len(open.bytes);
            }
            self.open = None;
        }
        written
    }

    fn is_full(&self, open: &Open, more: usize) -> bool {
        let old = self.turning.age.is_some_and(|age| open.since.elapsed().is_ok_and(|since| since >= age));
        open.regular && open.bytes > 0 && (old || open.bytes + more as u64 > self.turning.bytes)
    }
}

/// Whether a file could be made beside this path.
fn may_make_files(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    #[cfg(unix)]
    return Ok(rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)?);
    #[cfg(not(unix))]
    return fs::metadata(folder).map(drop);
}

impl Open {
    /// Opens behind what is there. A line that was left unfinished is ended, so that the next stands by itself.
    fn at(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).append(true).read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
        let mut file = options.open(path)?;
        let metadata = file.metadata()?;
        let mut bytes = metadata.len();
        if metadata.is_file() && bytes > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                bytes += 1;
            }
        }
        let since = metadata.created().unwrap_or_else(|_| SystemTime::now());
        let regular = metadata.is_file();
        if regular {
            // The name must be there after a power loss, not only the lines.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()?;
        }
        Ok(Self { file, identity: identity(&metadata), bytes, since, regular })
    }
}

/// `NAME` becomes `NAME.1`, that `NAME.2`, and so on; the one beyond `keep` goes.
fn put_aside(path: &Path, keep: u32) -> io::Result<()> {
    let aside = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    let missing_is_fine = |result: io::Result<()>| match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    };
    if keep == 0 {
        return missing_is_fine(fs::remove_file(path));
    }
    for number in (1..keep).rev() {
        missing_is_fine(fs::rename(aside(number), aside(number + 1)))?;
    }
    missing_is_fine(fs::rename(path, aside(1)))
}

#[cfg(unix)]
fn identity(metadata: &fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> (u64, u64) {
    (0, 0)
}
