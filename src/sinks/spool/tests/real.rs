//! Real files: whose folder it is, who may look in, and what a second sensor is told.

use super::super::*;
use super::plain::{LIMITS, LONG, alert, drain, reading};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

fn open(dir: &Path, readings: &[Reading]) -> Result<(Spool, Vec<String>), String> {
    Spool::open(dir, &Config::default(), Full::Drop, readings).map_err(|error| error.to_string())
}

fn refused(dir: &Path) -> String {
    open(dir, &[]).err().unwrap_or_else(|| panic!("{} was taken", dir.display()))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn nobody_else_may_look_in() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("var/spool");
    let (spool, _) = open(&dir, &[reading("kafka", Lane::Alerts)]).unwrap();
    spool.append(&alert(1));
    assert!(spool.sync());
    for path in [&dir, &dir.join("alerts"), &dir.join("cursors")] {
        assert_eq!(mode(path), 0o700, "{}", path.display());
    }
    let files = files(&dir);
    for path in &files {
        assert_eq!(mode(path), 0o600, "{}", path.display());
    }
    let names: Vec<_> = files.iter().map(|path| path.strip_prefix(&dir).unwrap().to_str().unwrap()).collect();
    let expected = ["alerts/00000000000000000000.log", "cursors/kafka.alerts", "id", "lock", "reserve"];
    assert_eq!(names, expected);
}

#[test]
fn a_second_sensor_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), &[]).unwrap();
    let again = refused(folder.path());
    assert_eq!(again, format!("spool {} is in use by another sensor", folder.path().display()));
    drop(first);
    assert!(open(folder.path(), &[]).is_ok());
}

#[test]
fn an_unsafe_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("spool");
    fs::create_dir(&dir).unwrap();
    for wrong in [0o777, 0o720, 0o702] {
        fs::set_permissions(&dir, fs::Permissions::from_mode(wrong)).unwrap();
        let why = refused(&dir);
        assert!(why.ends_with("the folder can be written to by others; chmod 700 it"), "{why}");
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
    let link = folder.path().join("link");
    symlink(&dir, &link).unwrap();
    let why = refused(&link);
    assert!(why.ends_with("the folder is a symbolic link; name the folder itself"), "{why}");
    symlink(folder.path(), dir.join("alerts")).unwrap();
    let why = refused(&dir);
    assert!(why.ends_with("alerts is a symbolic link; name the folder itself"), "{why}");
    fs::remove_file(dir.join("alerts")).unwrap();
    fs::remove_file(dir.join("lock")).unwrap();
    symlink("/dev/null", dir.join("lock")).unwrap();
    let why = refused(&dir);
    assert!(why.ends_with("its file lock is a symbolic link; remove it"), "{why}");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let why = refused(&file);
    assert!(why.contains("not a folder") || why.contains("File exists"), "{why}");
}

#[test]
fn a_folder_of_somebody_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(folder.path(), Some(65534), None).unwrap();
        folder.path()
    } else {
        Path::new("/proc")
    };
    let why = refused(theirs);
    assert!(why.contains("belongs to user") && why.ends_with("give it its own folder"), "{why}");
}

#[test]
fn links_among_the_files_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("spool");
    let who = reading("kafka", Lane::Alerts);
    drop(open(&dir, &[]).unwrap());
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, dir.join("alerts").join(segment::file_name(0))).unwrap();
    symlink(&victim, dir.join("alerts/new")).unwrap();
    symlink(&victim, dir.join("cursors/kafka.alerts")).unwrap();
    fs::remove_file(dir.join("reserve")).unwrap();
    symlink(&victim, dir.join("reserve")).unwrap();
    let why = refused_or_told(&dir, &who);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious", "{why:?}");
}

fn refused_or_told(dir: &Path, who: &Reading) -> Option<String> {
    match open(dir, std::slice::from_ref(who)) {
        Ok((spool, _)) => {
            spool.append(&alert(1));
            spool.sync();
            assert_eq!(drain(&mut spool.reader(who).unwrap()), [1]);
            None
        }
        Err(why) => Some(why),
    }
}

#[test]
fn a_newer_layout_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), &[]).unwrap());
    fs::write(folder.path().join("id"), opening::encode_id(2, 77)).unwrap();
    let why = refused(folder.path());
    let expected =
        "was written by a newer version of the sensor (layout 2); use that version, or another folder";
    assert!(why.ends_with(expected), "{why}");
}

#[test]
fn a_sink_that_is_gone_is_forgotten_and_a_new_one_begins_now() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (reading("old/one", Lane::Alerts), reading("new", Lane::Alerts));
    let (spool, _) = open(folder.path(), std::slice::from_ref(&old)).unwrap();
    for id in 0..3 {
        spool.append(&alert(id));
    }
    drop(spool);
    let (spool, told) = open(folder.path(), std::slice::from_ref(&new)).unwrap();
    let expected = format!(
        "spool {}: no sink old%2Fone takes alerts any more; its position is dropped, 3 records were left to deliver",
        folder.path().display()
    );
    assert_eq!(told, [expected]);
    spool.append(&alert(3));
    let mut reader = spool.reader(&new).unwrap();
    let batch = reader.next(&LIMITS, LONG).unwrap();
    assert_eq!((batch.range(), batch.get(0).unwrap().id), (3..4, 3));
    assert!(spool.reader(&old).is_none());
    assert_eq!(spool.account(&old), Account::default());
}

#[test]
fn a_full_spool_opens_quickly() {
    let folder = tempfile::tempdir().unwrap();
    let who = reading("kafka", Lane::Transactions);
    // Sparse segments of the full size stand for a gibibyte: only names and the last one are looked at.
    let (spool, _) = open(folder.path(), std::slice::from_ref(&who)).unwrap();
    drop(spool);
    let lane = folder.path().join("transactions");
    for segment in 0..32 {
        let file = fs::File::create(lane.join(segment::file_name(segment * 1000))).unwrap();
        file.set_len(if segment < 31 { 32 << 20 } else { 1 << 20 }).unwrap();
    }
    let begun = Instant::now();
    let (spool, _) = open(folder.path(), &[who]).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(spool.trouble().is_none());
}

/// A disk that is really full: a small file system in memory, where the machine lets us have one.
#[test]
fn a_full_disk_keeps_alerts_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs"])
        .arg(folder.path())
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("NOT RUN: no right to mount a small file system; the simulated disk stands for it");
        return;
    }
    let result = std::panic::catch_unwind(|| fill(folder.path()));
    let unmounted = std::process::Command::new("umount").arg("-l").arg(folder.path()).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

fn fill(dir: &Path) {
    let (alerts, transactions) = (reading("kafka", Lane::Alerts), reading("kafka", Lane::Transactions));
    let dir = dir.join("spool");
    let config = Config { bytes_max: 64 << 20, ..Config::default() };
    let (spool, _) = Spool::open(&dir, &config, Full::Drop, &[alerts.clone(), transactions.clone()]).unwrap();
    let body = vec![b'x'; 1000];
    let append = |kind: Kind, count: u64| {
        let mut taken = 0;
        for id in 0..count {
            let record = Record { kind, raised_ms: 0, id: id.into(), key: 1, body: &body };
            taken += u64::from(spool.append(&record));
            // The writer is waited for: this is about a full disk, not about a slow one.
            if id % 500 == 0 {
                spool.sync();
            }
        }
        taken
    };
    append(Kind::Transaction, 30_000);
    assert!(
        spool.account(&transactions).lost > 15_000,
        "the oldest made room: {:?}",
        spool.account(&transactions)
    );
    assert_eq!(append(Kind::Alert, 3000), 3000);
    assert!(spool.sync(), "{:?}", spool.trouble());
    // More alerts than the disk can hold, with all that was kept for them.
    let mut taken = 3000;
    while spool.trouble().is_none() {
        assert!(taken < 50_000, "the disk is never full");
        taken += append(Kind::Alert, 1000);
    }
    let trouble = spool.trouble().unwrap();
    assert!(trouble.contains(dir.to_str().unwrap()) && trouble.contains("No space left"), "{trouble}");
    assert!(!spool.sync());
    // The sink takes what is there, and that is room again.
    let (mut first, mut second) = (spool.reader(&alerts).unwrap(), spool.reader(&transactions).unwrap());
    let mut ids = Vec::new();
    let begun = Instant::now();
    while spool.trouble().is_some() || spool.account(&alerts).spooled > 0 {
        ids.extend(drain(&mut first));
        assert!(begun.elapsed() < LONG, "{:?}", spool.trouble());
    }
    assert_eq!(ids.len() as u64, taken, "every alert that was taken");
    drain(&mut second);
    for who in [&alerts, &transactions] {
        let account = spool.account(who);
        assert_eq!(
            (account.queued, account.spooled, account.corrupt),
            (account.delivered + account.lost, 0, 0)
        );
    }
    assert!(spool.close());
}
