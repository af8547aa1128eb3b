//! Files that an operator names in a configuration, and that are read again whenever it is.
//! It is given a path and gives the file, or its content up to a limit.
//! It promises that no path makes the sensor wait or read without end: a pipe is told and not waited for.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Opens a file to be read. A pipe is none: it can be read once, and only when somebody writes.
pub fn open(path: &Path) -> io::Result<File> {
    let file = open_now(path)?;
    if is_pipe(&file)? {
        return Err(io::Error::other("a pipe, and a file is wanted: it is read again at each reload"));
    }
    Ok(file)
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

#[cfg(unix)]
fn is_pipe(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::FileTypeExt as _;
    Ok(file.metadata()?.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_pipe(_: &File) -> io::Result<bool> {
    Ok(false)
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
        assert_eq!(read(Path::new("/dev/zero"), 9).unwrap_err().to_string(), "more than 9 bytes");
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_file_of_the_very_limit_is_read_and_one_byte_more_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "123456789").unwrap();
        assert_eq!(read_text(&path, 9).unwrap(), "123456789");
        assert!(read(&path, 8).is_err());
        assert_eq!(read(Path::new("/dev/null"), 9).unwrap(), b"");
        std::fs::write(&path, b"\xff").unwrap();
        assert_eq!(read_text(&path, 9).unwrap_err().to_string(), "no text in UTF-8");
    }
}
