//! State on disk: what detectors and lineage hold, written now and then, read back at the next start.
//! It is given named parts of bytes, one after the other, and keeps two generations of one file: `checkpoint` and
//! `checkpoint.old`.
//! It promises that a crash at any moment leaves a whole file behind, that a damaged one is never believed, and that
//! a damaged or newer file is set aside under a name of its own, never deleted.
//!
//! ```text
//! "HGSTATE\n" · version u32 · key id 8 bytes · (name · bytes)* · empty name · last end, id · BLAKE3 of all before
//! ```

mod look;

pub use look::look;

use heelguard_detectors::saved::{Damaged, Saved};
use heelguard_detectors::time::EventTime;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `[state]`: where what was learned outlives the process.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The folder; empty: nothing is kept.
    pub dir: PathBuf,
    /// Seconds of packet time between two checkpoints.
    pub interval_s: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { dir: PathBuf::new(), interval_s: 10 }
    }
}

/// How every file begins.
const MAGIC: &[u8; 8] = b"HGSTATE\n";
/// Raised when the layout changes; older files are then set aside, not guessed at.
const VERSION: u32 = 5;
/// Bytes of the checksum at the end: BLAKE3 over everything before it.
const SUM_BYTES: usize = 32;
/// The file that is not finished yet.
const DRAFT: &str = "checkpoint.new";
/// No sane state is larger; a larger file is set aside unread.
const FILE_BYTES_MAX: u64 = 8 << 30;

/// What one file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The end and id of the last transaction that the state knows: all up to it are in it.
    pub last: (EventTime, u128),
    /// Which fingerprint key the state was made under, and how names were written; under another it means nothing, or
    /// tells a name that is to be hidden.
    pub key: [u8; 8],
    /// Each part's name and bytes.
    pub parts: Vec<(Arc<str>, Vec<u8>)>,
}

/// How the names of what the outputs keep begin.
pub(super) const OUTPUT: &str = "output/";

/// Why a file was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Damaged,
    Newer,
    Older,
}

impl Checkpoint {
    /// The bytes of a part.
    pub fn part(&self, name: &str) -> Option<&[u8]> {
        self.parts.iter().find(|(known, _)| **known == *name).map(|(_, bytes)| bytes.as_slice())
    }

    /// What the bytes hold, if they are whole and were made under `key`; else why they cannot be used.
    fn made_under(key: [u8; 8], bytes: &[u8]) -> Result<Self, &'static str> {
        match Self::from_bytes(bytes) {
            Ok(checkpoint) if checkpoint.key == key => Ok(checkpoint),
            Ok(_) => Err(
                "was made under another fingerprint key, or with names written otherwise (privacy.principals)",
            ),
            Err(Fault::Damaged) => Err("is damaged"),
            Err(Fault::Newer) => Err("was written by a newer version"),
            Err(Fault::Older) => Err("was written by an older version"),
        }
    }

    /// What the outputs keep, by their own names.
    pub fn of_outputs(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.parts.iter().filter_map(|(name, bytes)| Some((name.strip_prefix(OUTPUT)?, bytes.as_slice())))
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(Fault::Damaged)?;
        let body_bytes = bytes.len().checked_sub(SUM_BYTES).ok_or(Fault::Damaged)?;
        let (body, sum) = bytes.split_at_checked(body_bytes).ok_or(Fault::Damaged)?;
        if blake3::hash(body).as_bytes() != sum {
            return Err(Fault::Damaged);
        }
        let mut from = rest.get(..rest.len().saturating_sub(SUM_BYTES)).unwrap_or(&[]);
        match u32::load(&mut from) {
            Ok(VERSION) => {}
            Ok(version) if version > VERSION => return Err(Fault::Newer),
            Ok(_) => return Err(Fault::Older),
            Err(Damaged) => return Err(Fault::Damaged),
        }
        let mut read = || -> Result<Self, Damaged> {
            let key = Saved::load(&mut from)?;
            let mut parts: Vec<(Arc<str>, Vec<u8>)> = Vec::new();
            loop {
                let name = Arc::<str>::load(&mut from)?;
                if name.is_empty() {
                    break;
                }
                let mut bytes: Vec<u8> = Saved::load(&mut from)?;
                match parts.last_mut() {
                    Some((last, slices)) if *last == name => slices.append(&mut bytes),
                    _ => parts.push((name, bytes)),
                }
            }
            let last = Saved::load(&mut from)?;
            if from.is_empty() { Ok(Self { last, key, parts }) } else { Err(Damaged) }
        };
        read().map_err(|Damaged| Fault::Damaged)
    }
}

/// Makes the folder of state with mode 0700 where it is missing.
pub fn make_folder(folder: &Path) -> Result<(), String> {
    let shown = folder.display();
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    if folder.is_file() {
        return Err(format!("state.dir {shown} is a file; name a folder"));
    }
    builder.create(folder).map_err(|error| format!("cannot make state folder {shown}: {error}"))
}

/// The folder that state is kept in; nobody else uses it while this lives.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Held locked.
    _lock: File,
}

impl Store {
    /// Opens the folder, made with mode 0700 where it is missing; refuses one that another sensor uses.
    pub fn open(folder: &Path) -> Result<Self, String> {
        let fail =
            |what: &str, error: io::Error| format!("{what} state folder {}: {error}", folder.display());
        make_folder(folder)?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options.open(folder.join("lock")).map_err(|error| fail("cannot write to", error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_path_buf(), _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => {
                let folder = folder.display();
                Err(format!(
                    "state folder {folder} is in use by another sensor; stop that one, or choose another with state.dir"
                ))
            }
            Err(fs::TryLockError::Error(error)) => Err(fail("cannot lock", error)),
        }
    }

    /// Begins a file beside the present one.
    pub fn begin(&self, key: [u8; 8]) -> io::Result<Draft<'_>> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = BufWriter::new(options.open(self.folder.join(DRAFT))?);
        let mut draft = Draft { store: self, file, sum: blake3::Hasher::new(), is_kept: false };
        let mut head = MAGIC.to_vec();
        VERSION.save(&mut head);
        key.save(&mut head);
        draft.write(&head)?;
        Ok(draft)
    }

    /// The newest state that is whole and was made under `key`. What is not is set aside, and `told` says so.
    pub fn read(&self, key: [u8; 8], told: &mut Vec<String>) -> io::Result<Option<Checkpoint>> {
        for name in ["checkpoint", "checkpoint.old"] {
            let path = self.folder.join(name);
            let bytes = match read_bounded(&path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            match Checkpoint::made_under(key, &bytes) {
                Ok(checkpoint) => return Ok(Some(checkpoint)),
                Err(why) => told.push(self.refuse(name, why)?),
            }
        }
        Ok(None)
    }

    /// Sets the present file aside, because what is in it cannot be used; says so in words.
    pub fn refuse(&self, name: &str, why: &str) -> io::Result<String> {
        let path = self.folder.join(name);
        let aside = self.set_aside(&path)?;
        Ok(format!("state {} {why}; set aside as {}", path.display(), aside.display()))
    }

    /// Renames a file that cannot be used to the first free `checkpoint.aside-N`.
    fn set_aside(&self, path: &Path) -> io::Result<PathBuf> {
        let free = (1..=u32::MAX)
            .map(|n| self.folder.join(format!("checkpoint.aside-{n}")))
            .find(|aside| !aside.exists())
            .ok_or_else(|| io::Error::other("no free name"))?;
        fs::rename(path, &free)?;
        Ok(free)
    }
}

/// A file that is being written. Dropped before its end, it is gone: half a file would only take the room of what is
/// still to be written.
#[derive(Debug)]
pub struct Draft<'a> {
    store: &'a Store,
    file: BufWriter<File>,
    sum: blake3::Hasher,
    is_kept: bool,
}

impl Draft<'_> {
    /// Appends a part, whose name is not empty, or another slice of the part before.
    pub fn part(&mut self, name: &Arc<str>, bytes: &[u8]) -> io::Result<()> {
        let mut head = Vec::new();
        name.save(&mut head);
        bytes.len().save(&mut head);
        self.write(&head)?;
        self.write(bytes)
    }

    /// Says what the last transaction was that all parts know, and puts the file in the place of the present one, which
    /// becomes the old one.
    pub fn finish(mut self, last: (EventTime, u128)) -> io::Result<()> {
        let mut end = Vec::new();
        Arc::<str>::default().save(&mut end);
        last.save(&mut end);
        self.write(&end)?;
        self.file.write_all(self.sum.finalize().as_bytes())?;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        let folder = &self.store.folder;
        let [fresh, present, old] = [DRAFT, "checkpoint", "checkpoint.old"].map(|name| folder.join(name));
        if present.exists() {
            fs::rename(&present, &old)?;
        }
        fs::rename(&fresh, &present)?;
        self.is_kept = true;
        File::open(folder)?.sync_all()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.file.write_all(bytes)
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_file(self.store.folder.join(DRAFT));
        }
    }
}

/// The file's bytes; one beyond the limit is read as empty, which is damaged.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    if file.metadata()?.len() <= FILE_BYTES_MAX {
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 8] = *b"key-one\n";

    fn state(n: u8) -> Checkpoint {
        Checkpoint {
            last: (EventTime::from_secs(u64::from(n)), u128::from(n)),
            key: KEY,
            parts: vec![("routes".into(), vec![n; 40]), ("lineage".into(), Vec::new())],
        }
    }

    fn write(store: &Store, checkpoint: &Checkpoint) {
        let mut draft = store.begin(checkpoint.key).unwrap();
        checkpoint.parts.iter().for_each(|(name, bytes)| draft.part(name, bytes).unwrap());
        draft.finish(checkpoint.last).unwrap();
    }

    fn bytes_of(checkpoint: &Checkpoint) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        write(&Store::open(folder.path()).unwrap(), checkpoint);
        fs::read(folder.path().join("checkpoint")).unwrap()
    }

    fn read(store: &Store) -> (Option<Checkpoint>, Vec<String>) {
        let mut told = Vec::new();
        let found = store.read(KEY, &mut told).unwrap();
        (found, told)
    }

    #[test]
    fn the_newest_is_read_and_the_one_before_stands_by() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("state")).unwrap();
        assert_eq!(read(&store), (None, Vec::new()));
        write(&store, &state(1));
        write(&store, &state(2));
        assert_eq!(read(&store), (Some(state(2)), Vec::new()));
        let present = folder.path().join("state/checkpoint");
        let whole = fs::read(&present).unwrap();
        fs::write(&present, &whole[..whole.len() - 1]).unwrap();
        let (found, told) = read(&store);
        assert_eq!((found, told.len()), (Some(state(1)), 1));
        assert!(told[0].contains("is damaged; set aside as"), "{told:?}");
        assert!(folder.path().join("state/checkpoint.aside-1").exists());
    }

    #[test]
    fn no_cut_and_no_flipped_bit_is_believed() {
        let whole = bytes_of(&state(3));
        assert_eq!(Checkpoint::from_bytes(&whole), Ok(state(3)));
        for end in 0..whole.len() {
            assert!(Checkpoint::from_bytes(&whole[..end]).is_err(), "{end}");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert!(Checkpoint::from_bytes(&damaged).is_err(), "{at}");
        }
    }

    #[test]
    fn a_newer_version_and_another_key_are_set_aside_with_their_reason() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut newer = bytes_of(&state(1));
        newer.truncate(newer.len() - SUM_BYTES);
        newer[8..12].copy_from_slice(&(VERSION + 1).to_le_bytes());
        let sum = blake3::hash(&newer);
        newer.extend_from_slice(sum.as_bytes());
        fs::write(folder.path().join("checkpoint"), &newer).unwrap();
        store_other_key(&folder.path().join("checkpoint.old"));
        let (found, told) = read(&store);
        assert_eq!(found, None);
        assert!(told[0].contains("newer version") && told[1].contains("another fingerprint key"), "{told:?}");
    }

    fn store_other_key(path: &Path) {
        fs::write(path, bytes_of(&Checkpoint { key: *b"key-two\n", ..state(1) })).unwrap();
    }

    #[test]
    fn slices_of_a_part_are_one_part() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut draft = store.begin(KEY).unwrap();
        for (name, bytes) in [("routes", [1; 3].as_slice()), ("routes", &[1; 37]), ("lineage", &[])] {
            draft.part(&name.into(), bytes).unwrap();
        }
        draft.finish(state(1).last).unwrap();
        assert_eq!(read(&store), (Some(state(1)), Vec::new()));
    }

    #[test]
    fn a_file_that_was_begun_and_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        write(&store, &state(1));
        let mut draft = store.begin(KEY).unwrap();
        draft.part(&"routes".into(), &[9; 40]).unwrap();
        assert!(folder.path().join(DRAFT).exists());
        drop(draft);
        assert!(!folder.path().join(DRAFT).exists());
        assert_eq!(read(&store), (Some(state(1)), Vec::new()));
    }

    #[test]
    fn a_second_sensor_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let first = Store::open(folder.path()).unwrap();
        assert!(Store::open(folder.path()).unwrap_err().contains("in use by another sensor"));
        drop(first);
        assert!(Store::open(folder.path()).is_ok());
    }
}
