//! Places on this machine: the state folder, room for the spool, the fingerprint key, the port of the page.
//! It is given the configuration and tries each place as a run would.
//! It promises to leave no trace: a file it makes is removed, a port it takes is given back, no key is made.

use super::finding::{Finding, State};
use crate::cli::privileges::Status;
use crate::config::{Keys, Raw};
use crate::web::{Error as WebError, Server};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Below this the sensor keeps alerts only, and soon not even these.
const ROOM_BYTES_MIN: u64 = 64 << 20;

/// Folders within folders that are looked into for what the spool holds already.
const DEPTH_MAX: u32 = 4;

/// Looks at all of them. A run that begins as root may be about to make the usual folder.
pub(super) fn look(raw: &Raw, makes_home: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    if raw.state.dir.as_os_str().is_empty() {
        let found = "neither state.dir nor XDG_STATE_HOME nor HOME is set: what is learned, and what waits for sinks, \
                     ends with the run";
        let mend = "set it: `--set state.dir=/var/lib/heelguard`";
        findings.push(Finding::new("state", State::Warn, found).mend(mend));
    } else {
        findings.push(if makes_home && raw.state.dir == Path::new(Raw::SERVICE_HOME) {
            let home = Raw::SERVICE_HOME;
            Finding::new("state", State::Ok, format!("{home} is not there yet and is made by the first run"))
        } else {
            state(&raw.state.dir)
        });
        findings.extend(room(&raw.state.dir, raw.spool.bytes_max));
    }
    findings.push(key(raw, makes_home));
    findings.push(page(raw));
    findings
}

/// Whether files can be made where state is kept.
fn state(folder: &Path) -> Finding {
    let shown = folder.display();
    let there = nearest_existing(folder);
    let bad = |error: &io::Error| {
        let found = format!("{shown}: files cannot be made there: {error}");
        let owner = owner();
        let mend = format!("run `install -d -m 700 -o {owner} {shown}` as root, or name another folder");
        Finding::new("state", State::Bad, found).mend(mend)
    };
    match try_file(&there) {
        Err(error) => bad(&error),
        Ok(()) if folder.is_dir() => Finding::new("state", State::Ok, format!("{shown} can be written")),
        Ok(()) => Finding::new("state", State::Ok, format!("{shown} is not there yet and can be made")),
    }
}

/// Whose files a run would make, as `install` takes it.
fn owner() -> String {
    Status::read().map_or_else(|_| "USER".to_owned(), |status| status.users[1].to_string())
}

/// The folder itself, or the first one above it that is there.
fn nearest_existing(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    // Something that is there and no folder is in the way, and is what has to be complained about.
    absolute.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/")).to_owned()
}

/// Makes a file and removes it: asking for rights alone knows nothing of quotas, and of what is mounted read-only.
fn try_file(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!(".heelguard-doctor-{}", std::process::id()));
    let made = fs::OpenOptions::new().write(true).create_new(true).open(&path);
    made.and_then(|file| file.sync_all()).and_then(|()| fs::remove_file(&path))
}

/// Whether the spool may grow to its size; `None` where the system does not tell.
fn room(folder: &Path, bytes_max: u64) -> Option<Finding> {
    let free = free_bytes(&nearest_existing(folder))?;
    let holds = bytes_below(&folder.join("spool"), DEPTH_MAX);
    Some(judge_room(folder, free, holds, bytes_max))
}

fn judge_room(folder: &Path, free: u64, holds: u64, bytes_max: u64) -> Finding {
    let shown = folder.display();
    let (free_mib, max_mib) = (free >> 20, bytes_max >> 20);
    let words = format!("{free_mib} MiB are free at {shown}");
    let may_grow = bytes_max.saturating_sub(holds);
    if free < ROOM_BYTES_MIN.min(may_grow) {
        let found = format!("{words}: alerts could not be kept");
        return Finding::new("spool", State::Bad, found)
            .mend(format!("make room, or name another folder than {shown}"));
    }
    if free < may_grow {
        let found = format!("{words}, and the spool may grow to {max_mib} MiB");
        let fits = (free.saturating_add(holds) / 2).max(4 << 20);
        return Finding::new("spool", State::Warn, found)
            .mend(format!("make room, or `--set spool.bytes_max={fits}`"));
    }
    Finding::new("spool", State::Ok, format!("{words}; the spool may grow to {max_mib} MiB"))
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}

fn bytes_below(folder: &Path, depth: u32) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() && depth > 0 => bytes_below(&entry.path(), depth - 1),
        Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |metadata| metadata.len()),
        _ => 0,
    });
    bytes.fold(0, u64::saturating_add)
}

/// Whether the fingerprint key can be read, and by nobody else.
fn key(raw: &Raw, makes_home: bool) -> Finding {
    let Some(path) = raw.key_path() else {
        let found = "there is no place for it: fingerprints of two runs cannot be compared";
        return Finding::new("key", State::Warn, found).mend("name a file with privacy.key_file");
    };
    let shown = path.display();
    let previous = &raw.privacy.previous_key_file;
    let is_there = match path.try_exists() {
        Ok(is_there) => is_there,
        Err(error) => return Finding::new("key", State::Bad, format!("{shown} cannot be read: {error}")),
    };
    if !is_there && previous.as_os_str().is_empty() {
        let folder = path.parent().map(nearest_existing).unwrap_or_default();
        let is_made = makes_home && path.parent() == Some(Path::new(Raw::SERVICE_HOME));
        return match if is_made { Ok(()) } else { try_file(&folder) } {
            Ok(()) => Finding::new("key", State::Ok, format!("{shown} is made by the first run")),
            Err(error) => {
                let found = format!("{shown} cannot be made: {error}");
                Finding::new("key", State::Bad, found).mend("name a file with privacy.key_file")
            }
        };
    }
    if !path.exists() {
        return Finding::new(
            "key",
            State::Warn,
            format!("{shown} is not there, and a key before it is named"),
        )
        .mend("run `heelguard check` with the same configuration");
    }
    match Keys::load(raw) {
        Err(why) => Finding::new("key", State::Bad, why),
        Ok(keys) if keys.warnings.is_empty() => {
            Finding::new("key", State::Ok, format!("{shown} is readable to its owner alone"))
        }
        Ok(keys) => Finding::new("key", State::Warn, keys.warnings.join("; ")),
    }
}

/// Whether the page and `/metrics` get their port.
fn page(raw: &Raw) -> Finding {
    match Server::bind(&raw.web) {
        Ok(_) => Finding::new("page", State::Ok, format!("{} is free", raw.web.listen)),
        Err(WebError::Taken { address }) => {
            let found = format!("{address} is taken, by a sensor that runs already or by another program");
            Finding::new("page", State::Warn, found).mend("take another: `--set web.listen=127.0.0.1:0`")
        }
        Err(error) => Finding::new("page", State::Bad, error.to_string()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops where it fails")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_tried_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(state(folder.path()).state, State::Ok);
        assert_eq!(state(&folder.path().join("not/yet")).state, State::Ok);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        for in_the_way in [file.clone(), file.join("below")] {
            let finding = state(&in_the_way);
            assert_eq!(finding.state, State::Bad);
            assert!(finding.found.contains("cannot be made"), "{}", finding.found);
        }
    }

    #[test]
    fn the_spool_needs_what_it_may_still_grow() {
        let judge = |free, holds| judge_room(Path::new("/s"), free, holds, 1 << 30).state;
        assert_eq!(judge(1 << 30, 0), State::Ok);
        assert_eq!(judge((1 << 30) - 1, 0), State::Warn);
        assert_eq!(judge((1 << 30) - 1, 1), State::Ok);
        assert_eq!(judge(ROOM_BYTES_MIN, 0), State::Warn);
        assert_eq!(judge(ROOM_BYTES_MIN - 1, 0), State::Bad);
        // A spool that is full already needs nothing more.
        assert_eq!(judge(0, 1 << 30), State::Ok);
        let finding = judge_room(Path::new("/s"), 512 << 20, 0, 1 << 30);
        assert!(finding.mend.unwrap().contains("spool.bytes_max=268435456"));
    }

    #[test]
    fn what_the_spool_holds_is_added_up() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("alerts/old")).unwrap();
        fs::write(folder.path().join("alerts/1"), [0; 100]).unwrap();
        fs::write(folder.path().join("alerts/old/0"), [0; 11]).unwrap();
        assert_eq!(bytes_below(folder.path(), DEPTH_MAX), 111);
        assert_eq!(bytes_below(&folder.path().join("none"), DEPTH_MAX), 0);
    }
}
