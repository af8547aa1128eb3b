//! Key logs as files: they grow, are cut, replaced, moved, are not there yet, or are something else.

use heelguard::tls::decrypt::{Follower, KeyLogError, KeyStore};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn line(number: u32) -> String {
    format!("CLIENT_RANDOM {number:064x} {}\n", "a5".repeat(48))
}

/// A key log that is followed.
struct Followed {
    folder: TempDir,
    keys: Arc<KeyStore>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Followed {
    /// `make` puts something at the path, or nothing.
    fn new(make: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        make(&folder.path().join("keys.log"));
        let keys = Arc::new(KeyStore::new(1_000_000, true));
        let told = Arc::new(Mutex::new(Vec::new()));
        let follower = Follower::open(&folder.path().join("keys.log")).unwrap();
        let telling = Arc::clone(&told);
        follower.start(&keys, move |line| telling.lock().unwrap().push(line.to_owned())).unwrap();
        Self { folder, keys, told }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("keys.log")
    }

    fn append(&self, text: &str) {
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path())
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    /// Waits until so many secrets are known.
    #[track_caller]
    fn knows(&self, secrets: u64) {
        let began = Instant::now();
        while self.keys.counters().taken < secrets && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(self.keys.counters().taken, secrets, "{:?}", self.told.lock().unwrap());
    }

    #[track_caller]
    fn says(&self, words: &str) {
        let began = Instant::now();
        let said = || self.told.lock().unwrap().iter().any(|line| line.contains(words));
        while !said() && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(said(), "{words:?} is not in {:?}", self.told.lock().unwrap());
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_log_that_grows_is_known_as_it_grows() {
    let log = Followed::new(|path| write(path, &line(1)));
    log.knows(1);
    log.append(&line(2));
    log.knows(2);
    // A line is one when it has its end.
    log.append(&line(3)[..100]);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!((log.keys.counters().taken, log.keys.counters().junk_lines), (2, 0));
    log.append(&line(3)[100..]);
    log.knows(3);
}

#[test]
fn a_log_that_is_not_there_yet_is_waited_for_by_nobody_else() {
    let log = Followed::new(|_| ());
    log.says("not there yet");
    log.append(&line(1));
    log.knows(1);
    assert_eq!(log.told.lock().unwrap().iter().filter(|line| line.contains("not there")).count(), 1);
}

#[test]
fn a_link_to_nowhere_is_a_log_that_is_not_there_yet() {
    let log = Followed::new(|path| symlink(path.with_extension("real"), path).unwrap());
    log.says("not there yet");
    write(&log.path().with_extension("real"), &line(1));
    log.knows(1);
}

#[test]
fn a_log_that_is_cut_is_read_from_its_beginning() {
    let log = Followed::new(|path| write(path, &[line(1), line(2)].concat()));
    log.knows(2);
    write(&log.path(), &line(3));
    log.knows(3);
    log.append(&line(4));
    log.knows(4);
}

#[test]
fn a_log_that_is_moved_away_is_read_to_its_end_and_then_the_next_one() {
    let log = Followed::new(|path| write(path, &line(1)));
    log.knows(1);
    let mut old = OpenOptions::new().append(true).open(log.path()).unwrap();
    std::fs::rename(log.path(), log.path().with_extension("1")).unwrap();
    old.write_all(line(2).as_bytes()).unwrap();
    log.knows(2);
    log.append(&[line(3), line(4)].concat());
    log.knows(4);
    log.says("from its beginning");
}

#[test]
fn a_pipe_is_followed_and_waits_for_its_writers() {
    let log = Followed::new(|path| {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    });
    for number in 1..3 {
        let mut writer = OpenOptions::new().write(true).open(log.path()).unwrap();
        writer.write_all(line(number).as_bytes()).unwrap();
        drop(writer);
        log.knows(number.into());
    }
}

#[test]
fn a_log_of_a_hundred_gigabytes_is_read_from_its_last_ones_on() {
    let log = Followed::new(|path| File::create(path).unwrap().set_len(100_000_000_000).unwrap());
    log.append("\n");
    log.append(&line(1));
    log.knows(1);
}

#[test]
fn what_can_be_no_log_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Follower::open(folder.path()), Err(KeyLogError::NotAFile { .. })));
    assert!(matches!(Follower::open(Path::new("/dev/zero")), Err(KeyLogError::NotAFile { .. })));
    let keys = KeyStore::new(10, false);
    assert!(matches!(keys.read_file(folder.path()), Err(KeyLogError::NotAFile { .. })));
    let missing = keys.read_file(&folder.path().join("missing"));
    assert!(matches!(missing, Err(KeyLogError::Io { .. })));
}

#[test]
fn a_replay_reads_a_log_whole_and_a_pipe_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.log");
    let text: String = (0..3_000).map(line).collect();
    write(&path, text.trim_end());
    let keys = KeyStore::new(10_000, false);
    assert_eq!(keys.read_file(&path).unwrap(), None);
    assert_eq!(keys.counters().taken, 3_000);
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writing = pipe.clone();
    let writer = std::thread::spawn(move || {
        let mut writer = OpenOptions::new().write(true).open(writing).unwrap();
        text.as_bytes().chunks(50_000).for_each(|piece| {
            writer.write_all(piece).unwrap();
            std::thread::sleep(Duration::from_millis(20));
        });
    });
    let keys = KeyStore::new(10_000, false);
    assert_eq!(keys.read_file(&pipe).unwrap(), None);
    writer.join().unwrap();
    assert_eq!(keys.counters().taken, 3_000);
}
