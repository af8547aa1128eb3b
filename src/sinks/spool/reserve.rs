//! Room on the disk that is taken in advance, so that alerts can still be written when others have filled it.
//! It is given the disk now and then, when all is well, and once when nothing else is left to give up.
//! It promises to take at most a quarter of what is free.

use super::disk::{Disk, Folder};
use std::io;
use std::time::Duration;

const NAME: &str = "reserve";
/// So long between two attempts to take the room again.
const RETRY: Duration = Duration::from_mins(1);
/// Less is not worth a file.
const BYTES_MIN: u64 = 64 << 10;

/// The file that holds the room.
#[derive(Debug, Default)]
pub(super) struct Reserve {
    bytes: u64,
    is_there: bool,
    next_try: Duration,
}

impl Reserve {
    /// Room of so many bytes, found in a listing of the root folder or taken at the next turn.
    pub(super) fn new(bytes: u64, listing: &[(String, u64)]) -> Self {
        let is_there = listing.iter().any(|(name, size)| name == NAME && *size > 0);
        Self { bytes, is_there, next_try: Duration::ZERO }
    }

    /// Takes the room if it is not taken, when all is well.
    pub(super) fn keep(&mut self, disk: &dyn Disk, now: Duration, well: bool) {
        if self.is_there || !well || now < self.next_try {
            return;
        }
        self.next_try = now + RETRY;
        // Without the reserve the spool works all the same; it is tried again.
        self.is_there = matches!(self.take(disk), Ok(true));
    }

    /// Gives the room to whoever writes next; false if there is none to give.
    pub(super) fn give_up(&mut self, disk: &dyn Disk) -> bool {
        let given = self.is_there && disk.remove(Folder::Root, NAME).is_ok();
        self.is_there = false;
        given
    }

    fn take(&self, disk: &dyn Disk) -> io::Result<bool> {
        let Some(free) = disk.free_bytes()? else { return Ok(false) };
        let bytes = self.bytes.min(free / 4);
        if bytes < BYTES_MIN {
            return Ok(false);
        }
        let file = disk.create(Folder::Root, NAME)?;
        if let Err(error) = file.allocate(bytes) {
            disk.remove(Folder::Root, NAME)?;
            return Err(error);
        }
        Ok(true)
    }
}
