//! A disk that loses power: what was not synced is kept, lost or torn, sector by sector and name by name, as chance
//! has it; syncs fail, room runs out, calls break off in the middle.
//! It is given a seed, and behaves the same for the same calls.
//! It promises to keep what was synced, as a real disk does, and nothing else: it is as harsh as a disk may be.
#![expect(clippy::disallowed_types, reason = "stands for a disk")]

use super::super::disk::{Disk, DiskFile, Folder};
use super::chance::Chance;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

const SECTOR: usize = 512;

/// The disk; clones are the same one.
#[derive(Clone)]
pub(super) struct SimDisk(Arc<Mutex<Sim>>);

/// What the disk says about syncing and does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lie {
    /// Contents of segments are synced: they are not.
    Contents,
    /// Names of segments are synced: they are not.
    Names,
}

/// How the machine stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crash {
    /// The process is killed; what it wrote stays.
    Kill,
    /// The power goes.
    Power,
}

struct Sim {
    chance: Chance,
    files: Vec<SimFile>,
    folders: BTreeMap<Folder, SimFolder>,
    /// Calls until everything breaks off.
    breaks_in: Option<u64>,
    broken: bool,
    /// One in so many syncs fails; 0: none.
    failing_syncs: u64,
    /// Bytes there are.
    room: usize,
    lie: Option<Lie>,
    calls: u64,
    /// Syncs that failed so far.
    failed_syncs: u64,
}

#[derive(Default)]
struct SimFile {
    seen: Vec<u8>,
    lasting: Vec<u8>,
    /// Written since the last sync.
    written: Vec<Written>,
}

enum Written {
    Bytes(usize, Vec<u8>),
    Cut(usize),
}

#[derive(Default)]
struct SimFolder {
    seen: BTreeMap<String, usize>,
    lasting: BTreeMap<String, usize>,
    /// Changed since the last sync.
    changed: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Named(String, usize),
    Renamed(String, String, usize),
    Removed(String),
}

impl SimDisk {
    pub(super) fn new(seed: u64) -> Self {
        let folders = Folder::ALL.iter().map(|&folder| (folder, SimFolder::default())).collect();
        Self(Arc::new(Mutex::new(Sim {
            chance: Chance::new(seed),
            files: Vec::new(),
            folders,
            breaks_in: None,
            broken: false,
            failing_syncs: 0,
            room: usize::MAX,
            lie: None,
            calls: 0,
            failed_syncs: 0,
        })))
    }

    fn sim(&self) -> MutexGuard<'_, Sim> {
        self.0.lock().unwrap()
    }

    pub(super) fn lie(&self, lie: Option<Lie>) {
        self.sim().lie = lie;
    }

    pub(super) fn break_in(&self, calls: u64) {
        self.sim().breaks_in = Some(calls);
    }

    pub(super) fn is_broken(&self) -> bool {
        self.sim().broken
    }

    pub(super) fn fail_syncs(&self, one_in: u64) {
        self.sim().failing_syncs = one_in;
    }

    pub(super) fn failed_syncs(&self) -> u64 {
        self.sim().failed_syncs
    }

    /// Leaves so many bytes free.
    pub(super) fn leave_free(&self, bytes: usize) {
        let mut sim = self.sim();
        sim.room = sim.used().saturating_add(bytes);
    }

    pub(super) fn calls(&self) -> u64 {
        self.sim().calls
    }

    /// The machine stops, and starts again with a sound disk.
    pub(super) fn restart(&self, crash: Crash) {
        let mut sim = self.sim();
        if crash == Crash::Power {
            sim.lose_power();
        }
        (sim.breaks_in, sim.broken, sim.failing_syncs, sim.room) = (None, false, 0, usize::MAX);
    }
}

impl Sim {
    fn used(&self) -> usize {
        let named = self.folders.values().flat_map(|folder| folder.seen.values());
        named.filter_map(|file| self.files.get(*file)).map(|file| file.seen.len()).sum()
    }

    /// Every call begins here.
    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        if let Some(left) = &mut self.breaks_in {
            *left = left.saturating_sub(1);
            self.broken |= *left == 0;
        }
        if self.broken { Err(io::Error::other("the machine has stopped")) } else { Ok(()) }
    }

    fn folder(&mut self, folder: Folder) -> &mut SimFolder {
        self.folders.get_mut(&folder).unwrap()
    }

    fn lose_power(&mut self) {
        // Some crashes lose everything, some nothing, most something.
        let kept = [0, 50, 100][self.chance.below(3) as usize];
        for file in &mut self.files {
            let mut lasting = std::mem::take(&mut file.lasting);
            for written in file.written.drain(..) {
                let (offset, bytes) = match written {
                    Written::Bytes(offset, bytes) => (offset, bytes),
                    Written::Cut(end) => {
                        lasting.truncate(if self.chance.percent(kept) { end } else { usize::MAX });
                        continue;
                    }
                };
                let mut at = offset;
                while at < offset + bytes.len() {
                    let end = ((at / SECTOR + 1) * SECTOR).min(offset + bytes.len());
                    let keeps = self.chance.percent(kept);
                    // A size may last where the content does not.
                    if (keeps || self.chance.percent(kept / 4)) && lasting.len() < end {
                        lasting.resize(end, 0);
                    }
                    if keeps {
                        lasting[at..end].copy_from_slice(&bytes[at - offset..end - offset]);
                    }
                    at = end;
                }
            }
            file.seen.clone_from(&lasting);
            file.lasting = lasting;
        }
        for folder in self.folders.values_mut() {
            for change in std::mem::take(&mut folder.changed) {
                if self.chance.percent(kept) {
                    change.apply(&mut folder.lasting);
                }
            }
            folder.seen.clone_from(&folder.lasting);
        }
    }
}

impl Change {
    fn apply(self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Named(name, file) => {
                names.insert(name, file);
            }
            Self::Renamed(from, to, file) => {
                if names.get(&from) == Some(&file) {
                    names.remove(&from);
                }
                names.insert(to, file);
            }
            Self::Removed(name) => {
                names.remove(&name);
            }
        }
    }
}

impl Disk for SimDisk {
    fn list(&self, folder: Folder) -> io::Result<Vec<(String, u64)>> {
        let mut sim = self.sim();
        sim.call()?;
        let names = sim.folder(folder).seen.clone();
        Ok(names.into_iter().map(|(name, file)| (name, sim.files[file].seen.len() as u64)).collect())
    }

    fn create(&self, folder: Folder, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.remove(folder, name)?;
        let mut sim = self.sim();
        sim.call()?;
        let file = sim.files.len();
        sim.files.push(SimFile::default());
        let names = sim.folder(folder);
        names.seen.insert(name.to_owned(), file);
        names.changed.push(Change::Named(name.to_owned(), file));
        Ok(Box::new(SimOpen { disk: self.clone(), folder, file }))
    }

    fn open(&self, folder: Folder, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut sim = self.sim();
        sim.call()?;
        match sim.folder(folder).seen.get(name) {
            Some(&file) => Ok(Box::new(SimOpen { disk: self.clone(), folder, file })),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn rename(&self, folder: Folder, from: &str, to: &str) -> io::Result<()> {
        let mut sim = self.sim();
        sim.call()?;
        let names = sim.folder(folder);
        let file = *names.seen.get(from).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let change = Change::Renamed(from.to_owned(), to.to_owned(), file);
        change.clone().apply(&mut names.seen);
        names.changed.push(change);
        Ok(())
    }

    fn remove(&self, folder: Folder, name: &str) -> io::Result<()> {
        let mut sim = self.sim();
        sim.call()?;
        let names = sim.folder(folder);
        if names.seen.remove(name).is_some() {
            names.changed.push(Change::Removed(name.to_owned()));
        }
        Ok(())
    }

    fn sync_folder(&self, folder: Folder) -> io::Result<()> {
        let mut sim = self.sim();
        sim.call()?;
        if sim.lie == Some(Lie::Names) && matches!(folder, Folder::Lane(_)) {
            return Ok(());
        }
        let one_in = sim.failing_syncs;
        if one_in > 0 && sim.chance.below(one_in) == 0 {
            return Err(io::Error::other("sync failed"));
        }
        let names = sim.folder(folder);
        names.changed.clear();
        names.lasting.clone_from(&names.seen);
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        let mut sim = self.sim();
        sim.call()?;
        Ok(Some(sim.room.saturating_sub(sim.used()).min(1 << 20) as u64))
    }

    fn name(&self) -> String {
        "sim".to_owned()
    }
}

struct SimOpen {
    disk: SimDisk,
    folder: Folder,
    file: usize,
}

impl DiskFile for SimOpen {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let mut sim = self.disk.sim();
        sim.call()?;
        let rest = sim.files[self.file].seen.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut sim = self.disk.sim();
        let called = sim.call();
        // A call that breaks off has done a part of its work.
        let most =
            if called.is_err() { sim.chance.below(bytes.len() as u64 + 1) as usize } else { bytes.len() };
        let file = &sim.files[self.file];
        let new = (offset as usize + bytes.len()).saturating_sub(file.seen.len());
        let free = sim.room.saturating_sub(sim.used());
        let most = most.min(bytes.len() - new.saturating_sub(free).min(bytes.len()));
        let file = &mut sim.files[self.file];
        let end = offset as usize + most;
        if file.seen.len() < end {
            file.seen.resize(end, 0);
        }
        file.seen[offset as usize..end].copy_from_slice(&bytes[..most]);
        file.written.push(Written::Bytes(offset as usize, bytes[..most].to_vec()));
        called?;
        if most < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        let mut sim = self.disk.sim();
        sim.call()?;
        if sim.lie == Some(Lie::Contents) && matches!(self.folder, Folder::Lane(_)) {
            return Ok(());
        }
        let one_in = sim.failing_syncs;
        let fails = one_in > 0 && sim.chance.below(one_in) == 0;
        let Sim { chance, files, failed_syncs, .. } = &mut *sim;
        let file = &mut files[self.file];
        for written in file.written.drain(..) {
            // What a failed sync did not write is written by no later sync: the system believes it done.
            let lasts = !fails || chance.percent(30);
            match written {
                Written::Bytes(offset, bytes) if lasts => {
                    let end = offset + bytes.len();
                    if file.lasting.len() < end {
                        file.lasting.resize(end, 0);
                    }
                    file.lasting[offset..end].copy_from_slice(&bytes);
                }
                Written::Cut(end) if lasts => file.lasting.truncate(end),
                Written::Bytes(..) | Written::Cut(_) => {}
            }
        }
        *failed_syncs += u64::from(fails);
        if fails { Err(io::Error::other("sync failed")) } else { Ok(()) }
    }

    fn cut(&self, bytes: u64) -> io::Result<()> {
        let mut sim = self.disk.sim();
        sim.call()?;
        let file = &mut sim.files[self.file];
        file.seen.truncate(bytes as usize);
        file.written.push(Written::Cut(bytes as usize));
        Ok(())
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.write_at(0, &vec![0; bytes as usize])
    }
}
