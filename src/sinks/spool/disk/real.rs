//! The real disk: one folder of mode 0700 that nobody else may write to, with files of mode 0600.
//! It is given the folder's path once, and from then on works through open folders, whatever becomes of the path.
//! It promises that no symbolic link is ever followed, and that a second sensor is refused.

#[cfg(any(test, feature = "seeded-bugs"))]
use super::super::fault::{self, Fault};
use super::{Disk, DiskFile, Folder};
use rustix::fs::{self as sys, AtFlags, Dir, FallocateFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};

/// A folder on a file system.
#[derive(Debug)]
pub(in super::super) struct RealDisk {
    path: PathBuf,
    /// In the order of `Folder::ALL`.
    folders: Vec<OwnedFd>,
    /// Held locked as long as this lives.
    _lock: OwnedFd,
}

/// Why a folder is not taken.
#[derive(Debug)]
pub(in super::super) enum Refused {
    /// Another sensor has it.
    InUse,
    /// It is not safe, or not a folder: in words.
    Unsafe(String),
    /// The system says no.
    Io(io::Error),
}

impl<E: Into<io::Error>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Io(error.into())
    }
}

impl RealDisk {
    /// Takes a folder, made where it is missing, and locks it.
    pub(in super::super) fn open(path: &Path) -> Result<Self, Refused> {
        if let Err(error) = DirBuilder::new().recursive(true).mode(0o700).create(path)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(error.into());
        }
        let root = open_folder(sys::CWD, path, "the folder")?;
        let lock = lock(&root)?;
        let mut folders = vec![root];
        for folder in Folder::ALL.iter().skip(1) {
            let root = folders.first().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
            match sys::mkdirat(root, folder.name(), Mode::RWXU) {
                Ok(()) => sys::fsync(root)?,
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            let folder = open_folder(root, Path::new(folder.name()), folder.name())?;
            folders.push(folder);
        }
        Ok(Self { path: path.to_path_buf(), folders, _lock: lock })
    }

    fn folder(&self, folder: Folder) -> io::Result<&OwnedFd> {
        let place = Folder::ALL.iter().position(|known| *known == folder);
        place.and_then(|place| self.folders.get(place)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn open_file(&self, folder: Folder, name: &str, flags: OFlags) -> io::Result<Box<dyn DiskFile>> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | flags;
        let file = sys::openat(self.folder(folder)?, name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(Box::new(RealFile(File::from(file))))
    }
}

/// Opens a folder and looks who may write to it.
fn open_folder(at: impl std::os::fd::AsFd, path: &Path, named: &str) -> Result<OwnedFd, Refused> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = match sys::openat(&at, path, flags, Mode::empty()) {
        Ok(folder) => folder,
        Err(Errno::LOOP | Errno::NOTDIR) => {
            let stat = sys::statat(&at, path, AtFlags::SYMLINK_NOFOLLOW)?;
            let what = match FileType::from_raw_mode(stat.st_mode) {
                FileType::Symlink => "a symbolic link; name the folder itself",
                _ => "not a folder",
            };
            return Err(Refused::Unsafe(format!("{named} is {what}")));
        }
        Err(error) => return Err(error.into()),
    };
    let stat = sys::fstat(&folder)?;
    let us = rustix::process::geteuid().as_raw();
    if stat.st_uid != us {
        let theirs = stat.st_uid;
        return Err(Refused::Unsafe(format!(
            "{named} belongs to user {theirs}, the sensor runs as user {us}; give it its own folder"
        )));
    }
    if stat.st_mode & 0o022 != 0 {
        return Err(Refused::Unsafe(format!("{named} can be written to by others; chmod 700 it")));
    }
    Ok(folder)
}

/// Locks the folder against a second sensor; the lock ends with the process, however it ends.
fn lock(root: &OwnedFd) -> Result<OwnedFd, Refused> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let lock = sys::openat(root, "lock", flags, Mode::RUSR | Mode::WUSR).map_err(|error| match error {
        Errno::LOOP => Refused::Unsafe("its file lock is a symbolic link; remove it".to_owned()),
        error => error.into(),
    })?;
    match sys::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(Errno::WOULDBLOCK) => Err(Refused::InUse),
        Err(error) => Err(error.into()),
    }
}

impl Disk for RealDisk {
    fn list(&self, folder: Folder) -> io::Result<Vec<(String, u64)>> {
        let folder = self.folder(folder)?;
        let mut found = Vec::new();
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            match sys::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
                    found.push((name.to_owned(), u64::try_from(stat.st_size).unwrap_or(0)));
                }
                Ok(_) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    }

    fn create(&self, folder: Folder, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.remove(folder, name)?;
        self.open_file(folder, name, OFlags::CREATE | OFlags::EXCL)
    }

    fn open(&self, folder: Folder, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.open_file(folder, name, OFlags::empty())
    }

    fn rename(&self, folder: Folder, from: &str, to: &str) -> io::Result<()> {
        let folder = self.folder(folder)?;
        Ok(sys::renameat(folder, from, folder, to)?)
    }

    fn remove(&self, folder: Folder, name: &str) -> io::Result<()> {
        match sys::unlinkat(self.folder(folder)?, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn sync_folder(&self, folder: Folder) -> io::Result<()> {
        Ok(sys::fsync(self.folder(folder)?)?)
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        let stat = sys::fstatvfs(self.folder(Folder::Root)?)?;
        Ok(Some(stat.f_bavail.saturating_mul(stat.f_frsize)))
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, offset + done as u64) {
                Ok(0) => break,
                Ok(more) => done += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        #[cfg(any(test, feature = "seeded-bugs"))]
        if fault::is(Fault::NoSync) {
            return Ok(());
        }
        self.0.sync_data()
    }

    fn cut(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        Ok(sys::fallocate(&self.0, FallocateFlags::empty(), 0, bytes)?)
    }
}
