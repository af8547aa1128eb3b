//! What the spool asks of a disk, and nothing more, so that tests can put a disk beneath it that loses power.
//! It is given folders and names, never paths: all files lie in the spool's own folders.
//! It promises nothing about what a crash leaves but what was synced: contents by the file, names by the folder.

pub(super) mod memory;
pub(super) mod real;

use super::record::Lane;
use std::io;

/// One of the spool's folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Folder {
    /// The spool's folder itself.
    Root,
    /// The positions of the sinks.
    Cursors,
    /// The segments of one lane.
    Lane(Lane),
}

impl Folder {
    /// Every folder; the root first.
    pub(super) const ALL: &'static [Self] = &[
        Self::Root,
        Self::Cursors,
        Self::Lane(Lane::Alerts),
        Self::Lane(Lane::Transactions),
        Self::Lane(Lane::Reports),
        Self::Lane(Lane::Sightings),
    ];

    /// Its name below the root; empty for the root.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Root => "",
            Self::Cursors => "cursors",
            Self::Lane(lane) => lane.name(),
        }
    }
}

/// A place for files.
pub(super) trait Disk: Send + Sync {
    /// Names and sizes of the regular files in a folder, in any order.
    fn list(&self, folder: Folder) -> io::Result<Vec<(String, u64)>>;

    /// A new, empty file. A file that already has the name is removed first.
    fn create(&self, folder: Folder, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// A file that is there, to read and write.
    fn open(&self, folder: Folder, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Another name for a file, in place of whatever has that name now: at every moment one of the two is there.
    fn rename(&self, folder: Folder, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. One that is not there is removed already.
    fn remove(&self, folder: Folder, name: &str) -> io::Result<()>;

    /// Makes the names of a folder last.
    fn sync_folder(&self, folder: Folder) -> io::Result<()>;

    /// Bytes that can still be written; `None` where that means nothing.
    fn free_bytes(&self) -> io::Result<Option<u64>>;

    /// How messages name the place.
    fn name(&self) -> String;
}

/// An open file.
pub(super) trait DiskFile: Send + Sync {
    /// Reads at a place; fewer bytes than asked for means that the file ends.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize>;

    /// Writes all of it at a place. After an error any part of it may be there.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes the content last. After an error nothing is known of what was written since the last success, and
    /// asking again proves nothing.
    fn sync(&self) -> io::Result<()>;

    /// Ends the file here.
    fn cut(&self, bytes: u64) -> io::Result<()>;

    /// Takes room without writing.
    fn allocate(&self, bytes: u64) -> io::Result<()>;
}

/// Whether room would help.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
