//! A disk in memory, for a replay that has no folder to keep anything in.
//! It is given the same calls as the real one.
//! It promises to forget all of it with the process.
#![expect(
    clippy::disallowed_types,
    reason = "stands for a disk: the data path hands its bytes to one thread"
)]

use super::{Disk, DiskFile, Folder};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Files by folder and name.
#[derive(Default)]
pub(in super::super) struct MemoryDisk {
    files: Mutex<BTreeMap<(Folder, String), Content>>,
}

type Content = Arc<Mutex<Vec<u8>>>;

impl MemoryDisk {
    fn files(&self) -> std::sync::MutexGuard<'_, BTreeMap<(Folder, String), Content>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for MemoryDisk {
    fn list(&self, folder: Folder) -> io::Result<Vec<(String, u64)>> {
        let files = self.files();
        let inside = files.iter().filter(|((place, _), _)| *place == folder);
        Ok(inside.map(|((_, name), content)| (name.clone(), lock(content).len() as u64)).collect())
    }

    fn create(&self, folder: Folder, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let content = Content::default();
        self.files().insert((folder, name.to_owned()), content.clone());
        Ok(Box::new(MemoryFile(content)))
    }

    fn open(&self, folder: Folder, name: &str) -> io::Result<Box<dyn DiskFile>> {
        match self.files().get(&(folder, name.to_owned())) {
            Some(content) => Ok(Box::new(MemoryFile(content.clone()))),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn rename(&self, folder: Folder, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.files();
        let content = files.remove(&(folder, from.to_owned()));
        let content = content.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        files.insert((folder, to.to_owned()), content);
        Ok(())
    }

    fn remove(&self, folder: Folder, name: &str) -> io::Result<()> {
        self.files().remove(&(folder, name.to_owned()));
        Ok(())
    }

    fn sync_folder(&self, _folder: Folder) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        Ok(None)
    }

    fn name(&self) -> String {
        "memory".to_owned()
    }
}

struct MemoryFile(Content);

impl DiskFile for MemoryFile {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let content = lock(&self.0);
        let rest = usize::try_from(offset).ok().and_then(|from| content.get(from..)).unwrap_or_default();
        let count = rest.len().min(bytes.len());
        if let (Some(to), Some(from)) = (bytes.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut content = lock(&self.0);
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let end = from.saturating_add(bytes.len());
        if content.len() < end {
            content.resize(end, 0);
        }
        if let Some(to) = content.get_mut(from..end) {
            to.copy_from_slice(bytes);
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn cut(&self, bytes: u64) -> io::Result<()> {
        lock(&self.0).truncate(usize::try_from(bytes).map_err(io::Error::other)?);
        Ok(())
    }

    fn allocate(&self, _bytes: u64) -> io::Result<()> {
        Ok(())
    }
}

fn lock(content: &Content) -> std::sync::MutexGuard<'_, Vec<u8>> {
    content.lock().unwrap_or_else(PoisonError::into_inner)
}
