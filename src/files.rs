//! Files that an operator names in a configuration, and that are read again whenever it is.
//! It is given a path and gives the file, or its content up to a limit.
//! It promises that no path makes the sensor wait or read without end: a pipe or a device is told and not read.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use zeroize::Zeroizing;

/// Opens a file to be read. A pipe is none: it can be read once, and only when somebody writes. A device has no end.
pub fn open(path: &Path) -> io::Result<File> {
    let file = open_now(path)?;
    match odd(&file)? {
        Some(odd) => {
            Err(io::Error::other(format!("{odd}, and a file is wanted: it is read again at each reload")))
        }
        None => Ok(file),
    }
}

/// The content of a file that may have so many bytes.
pub fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    open(path)?.take(bytes_max.saturating_add(1)).read_to_end(&mut content)?;
    if content.len() as u64 > bytes_max {
        return Err(io::Error::other(format!("more than {bytes_max} bytes")));
    }
    Ok(content)
}

/// The same of a file that holds a secret: no copy of it stays behind in memory that was given back.
pub fn read_secret(path: &Path, bytes_max: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    // Room for all of it at once, and for the byte that would be too many: a buffer that grows leaves copies.
    let room = usize::try_from(length.min(bytes_max)).unwrap_or(0).saturating_add(1);
    let mut content = Zeroizing::new(Vec::with_capacity(room));
    if length <= bytes_max {
        file.take(bytes_max.saturating_add(1)).read_to_end(&mut content)?;
    }
    if length.max(content.len() as u64) > bytes_max {
        return Err(io::Error::other(format!("more than {bytes_max} bytes")));
    }
    Ok(content)
}

/// The same as text.
pub fn read_text(path: &Path, bytes_max: u64) -> io::Result<String> {
    let content = read(path, bytes_max)?;
    String::from_utf8(content).map_err(|_| io::Error::other("no text in UTF-8"))
}

/// Opens whatever it is, and waits for nobody.
#[cfg(unix)]
pub fn open_now(path: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    // Opening a pipe otherwise waits for somebody to write.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    // Not `open`: that system call is not among those that a sensor keeps.
    Ok(openat(CWD, path, flags, Mode::empty())?.into())
}

/// Opens whatever it is.
#[cfg(not(unix))]
pub fn open_now(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// What has no end that can be waited for, by its name. The empty device is as good as an empty file.
#[cfg(unix)]
fn odd(file: &File) -> io::Result<Option<&'static str>> {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    let found = file.metadata()?;
    let is_empty = || std::fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == found.rdev());
    Ok(match found.file_type() {
        kind if kind.is_fifo() => Some("a pipe"),
        kind if kind.is_block_device() || (kind.is_char_device() && !is_empty()) => Some("a device"),
        _ => None,
    })
}

#[cfg(not(unix))]
fn odd(_: &File) -> io::Result<Option<&'static str>> {
    Ok(None)
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "a test stops where it fails")]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn what_never_ends_and_what_never_begins_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        let began = Instant::now();
        assert!(read(&pipe, 9).unwrap_err().to_string().starts_with("a pipe"));
        assert!(read_secret(&pipe, 9).unwrap_err().to_string().starts_with("a pipe"));
        for endless in ["/dev/zero", "/dev/full", "/dev/urandom"].map(Path::new) {
            assert!(read(endless, 9).unwrap_err().to_string().starts_with("a device"));
            assert!(read_secret(endless, 9).unwrap_err().to_string().starts_with("a device"));
        }
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_file_of_the_very_limit_is_read_and_one_byte_more_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "123456789").unwrap();
        assert_eq!(read_text(&path, 9).unwrap(), "123456789");
        assert_eq!(**read_secret(&path, 9).unwrap(), *b"123456789");
        assert!(read(&path, 8).is_err() && read_secret(&path, 8).is_err());
        assert_eq!(read(Path::new("/dev/null"), 9).unwrap(), b"");
        std::fs::write(&path, b"\xff").unwrap();
        assert_eq!(read_text(&path, 9).unwrap_err().to_string(), "no text in UTF-8");
    }
}
