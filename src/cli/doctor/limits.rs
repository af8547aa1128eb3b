//! What the system allows this process: open files, and no core dumps.
//! It is given how many rings there will be and asks the process's own limits.
//! It promises to judge what a run would get that is started from the same place.

use super::finding::{Finding, State};
use super::machine::Rings;

/// Segments of the spool, connections to sinks, the page and its visitors, files of records.
const FILES_BESIDE_RINGS: u64 = 200;

/// Whether every ring, sink and visitor gets its descriptor.
#[cfg(unix)]
pub(super) fn open_files(rings: &Rings) -> Finding {
    use rustix::process::{Resource, getrlimit};
    // A limit that does not exist is no limit.
    judge(rings, getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX))
}

/// Only Unix has such a limit.
#[cfg(not(unix))]
pub(super) fn open_files(rings: &Rings) -> Finding {
    judge(rings, u64::MAX)
}

fn judge(rings: &Rings, allowed: u64) -> Finding {
    let wanted = rings.count().saturating_add(FILES_BESIDE_RINGS);
    let words = if allowed == u64::MAX { "any number".to_owned() } else { allowed.to_string() };
    if allowed < wanted {
        let found = format!("{words} may be open at once, and up to {wanted} are wanted");
        return Finding::new("open files", State::Bad, found)
            .mend(format!("run `ulimit -n {}` before, or set LimitNOFILE=", wanted.next_power_of_two()));
    }
    Finding::new("open files", State::Ok, format!("{words} may be open at once; up to {wanted} are wanted"))
}

/// Whether a crash could write secrets to disk.
#[cfg(target_os = "linux")]
pub(super) fn core_dumps() -> Finding {
    if crate::hardening::core_dumps_are_off() == (true, true) {
        return Finding::new("core dumps", State::Ok, "are off");
    }
    Finding::new("core dumps", State::Warn, "a crash may write what was heard to disk")
        .mend("run `ulimit -c 0` before, or set LimitCORE=0")
}

/// What is known of other systems is said at the start of every run.
#[cfg(not(target_os = "linux"))]
pub(super) fn core_dumps() -> Finding {
    Finding::new("core dumps", State::Ok, "are turned off as far as this system allows")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ring_is_a_file() {
        let rings = |interfaces, shards| Rings { interfaces, shards, mib: 1 };
        assert_eq!(judge(&rings(1, 4), 204).state, State::Ok);
        let few = judge(&rings(1, 4), 203);
        assert_eq!(
            (few.state, few.mend.as_deref()),
            (State::Bad, Some("run `ulimit -n 256` before, or set LimitNOFILE="))
        );
        assert_eq!(judge(&rings(64, 64), u64::MAX).state, State::Ok);
    }
}
