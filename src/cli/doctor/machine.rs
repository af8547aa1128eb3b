//! The machine: its kernel, memory for the rings, and whether its clock is right.
//! It is given how many rings there will be and reads `/proc`, `/sys/fs/cgroup` and what time services tell.
//! It promises to compare with what is free now: rings are taken at once and not given back.

use super::ask::{Answer, ask};
use super::finding::{Finding, State};
use std::path::Path;

/// `TPACKET_V3` came with 3.2.
const KERNEL_MIN: (u32, u32) = (3, 2);

/// What the sensor wants at least, beside the rings.
const LEAST_MIB: u64 = 256;

/// What is little for one of several shards: they divide the memory.
const SHARD_MIB: u64 = 256;

/// The rings of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rings {
    pub(super) interfaces: u64,
    pub(super) shards: u64,
    /// The size of one.
    pub(super) mib: u64,
}

impl Rings {
    pub(super) fn count(&self) -> u64 {
        self.interfaces.saturating_mul(self.shards)
    }

    fn mib_in_all(&self) -> u64 {
        self.count().saturating_mul(self.mib)
    }
}

/// Looks at kernel, memory and clock.
pub(super) fn look(rings: &Rings, memory_mib: u64) -> Vec<Finding> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cgroup = cgroup_limit_mib(Path::new("/sys/fs/cgroup"), &read("/proc/self/cgroup"));
    vec![
        kernel(read("/proc/sys/kernel/osrelease").trim()),
        memory(rings, memory_mib, available_mib(&read("/proc/meminfo")), cgroup),
        clock(),
    ]
}

fn kernel(release: &str) -> Finding {
    let mut parts = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().ok());
    let (Some(Some(major)), Some(Some(minor))) = (parts.next(), parts.next()) else {
        return Finding::new("kernel", State::Warn, "cannot be told: live capture is made for Linux");
    };
    if (major, minor) < KERNEL_MIN {
        let (major, minor) = KERNEL_MIN;
        let found =
            format!("{release} is older than {major}.{minor}: it has no rings for packets (TPACKET_V3)");
        return Finding::new("kernel", State::Bad, found).mend("install a newer kernel");
    }
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Finding::new("kernel", State::Ok, format!("{release}, {processors} processors for this process"))
}

/// Rings are memory of the kernel and count against the machine; tables count against the control group, too.
fn memory(rings: &Rings, memory_mib: u64, available: Option<u64>, limit: Option<u64>) -> Finding {
    let wanted = rings.mib_in_all();
    let Rings { interfaces, shards, mib } = rings;
    let words = format!(
        "{wanted} MiB of rings (interfaces {interfaces} x shards {shards} x {mib} MiB), {memory_mib} MiB at most beside them"
    );
    let Some(available) = available else {
        return Finding::new("memory", State::Warn, format!("{words}; what is available cannot be told"));
    };
    if wanted.saturating_add(LEAST_MIB) > available {
        let found = format!("{words}, and {available} MiB are available");
        return Finding::new("memory", State::Bad, found)
            .mend("use fewer shards (--shards) or smaller rings");
    }
    if let Some(limit) = limit.filter(|limit| *limit < memory_mib) {
        let found = format!("{words}; the control group allows {limit} MiB");
        return Finding::new("memory", State::Warn, found)
            .mend(format!("allow {memory_mib} MiB (MemoryMax=), or lower limits.memory_mib"));
    }
    if wanted.saturating_add(memory_mib) > available {
        let found = format!("{words}, and {available} MiB are available: a flood could take them all");
        return Finding::new("memory", State::Warn, found).mend("lower limits.memory_mib");
    }
    let shared = SHARD_MIB.saturating_mul(*shards);
    if memory_mib < shared {
        let found = format!("{words}, shared by {shards} shards: each has room for few connections");
        return Finding::new("memory", State::Warn, found).mend(format!("set limits.memory_mib = {shared}"));
    }
    Finding::new("memory", State::Ok, format!("{words}; {available} MiB are available"))
}

fn available_mib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib / 1_024)
}

/// The least limit of the control group and those above it, in version 2 or 1.
fn cgroup_limit_mib(root: &Path, groups: &str) -> Option<u64> {
    let mut least = None;
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (root, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            "memory" => (root.join("memory"), "memory.limit_in_bytes"),
            _ => continue,
        };
        let group = root.join(path.trim_start_matches('/'));
        for folder in group.ancestors().take_while(|folder| folder.starts_with(&root)) {
            let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
            let limit = text.trim().parse::<u64>().ok().map(|bytes| bytes >> 20);
            least = least.into_iter().chain(limit).min();
        }
    }
    least
}

/// Records carry the kernel's time: two sensors with clocks apart tell two stories.
fn clock() -> Finding {
    if Path::new("/run/systemd/timesync/synchronized").exists() {
        return Finding::new("clock", State::Ok, "is kept right by systemd-timesyncd");
    }
    let timedatectl = ask("timedatectl", &["show", "--property=NTPSynchronized", "--value"]);
    let chrony = || ask("chronyc", &["-n", "tracking"]);
    judge_clock(&timedatectl, chrony)
}

fn judge_clock(timedatectl: &Answer, chrony: impl FnOnce() -> Answer) -> Finding {
    if matches!(timedatectl, Answer::Said(text) if text.trim() == "yes") {
        return Finding::new("clock", State::Ok, "is kept right by a time service");
    }
    let chrony = chrony();
    if let Answer::Said(text) = &chrony
        && text.lines().any(|line| line.starts_with("Leap status") && !line.contains("Not synchronised"))
    {
        return Finding::new("clock", State::Ok, "is kept right by chrony");
    }
    let told = [timedatectl, &chrony].iter().any(|answer| matches!(answer, Answer::Said(_)));
    let found = if told {
        "is not kept right by any time service: times in alerts cannot be compared with those of other machines"
    } else {
        "whether it is kept right cannot be told: neither timedatectl nor chronyc answers"
    };
    Finding::new("clock", State::Warn, found).mend("run `timedatectl set-ntp true`, or install chrony")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops where it fails")]
mod tests {
    use super::*;

    const RINGS: Rings = Rings { interfaces: 2, shards: 4, mib: 64 };

    #[test]
    fn rings_must_fit_into_what_is_free() {
        assert_eq!(memory(&RINGS, 1_024, Some(1_536), None).state, State::Ok);
        assert_eq!(memory(&RINGS, 1_024, Some(1_535), None).state, State::Warn);
        assert_eq!(memory(&RINGS, 1_024, Some(768), None).state, State::Warn);
        assert_eq!(
            memory(&RINGS, 1_023, Some(4_000), None).mend.as_deref(),
            Some("set limits.memory_mib = 1024")
        );
        let tight = memory(&RINGS, 1_024, Some(767), None);
        assert_eq!(tight.state, State::Bad);
        assert!(
            tight.found.contains("512 MiB of rings (interfaces 2 x shards 4 x 64 MiB)"),
            "{}",
            tight.found
        );
        assert_eq!(memory(&RINGS, 1_024, Some(4_000), Some(1_023)).state, State::Warn);
        assert_eq!(memory(&RINGS, 1_024, Some(4_000), Some(1_024)).state, State::Ok);
        assert_eq!(memory(&RINGS, 1_024, None, None).state, State::Warn);
        let endless = Rings { interfaces: u64::MAX, shards: u64::MAX, mib: u64::MAX };
        assert_eq!(memory(&endless, 1_024, Some(4_000), None).state, State::Bad);
    }

    #[test]
    fn memory_is_read_in_mebibytes() {
        assert_eq!(available_mib("MemTotal: 1 kB\nMemAvailable:   2097152 kB\n"), Some(2_048));
        assert_eq!(available_mib("MemTotal: 1 kB\n"), None);
    }

    #[test]
    fn the_least_limit_on_the_way_up_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("a/memory.max", "536870912\n");
        write("a/b/memory.max", "max\n");
        assert_eq!(cgroup_limit_mib(root.path(), "0::/a/b\n"), Some(512));
        assert_eq!(cgroup_limit_mib(root.path(), "0::/\n"), None);
        write("memory/x/memory.limit_in_bytes", "134217728\n");
        assert_eq!(cgroup_limit_mib(root.path(), "8:pids:/a\n4:memory:/x\n0::/a\n"), Some(128));
        assert_eq!(cgroup_limit_mib(root.path(), "garbage"), None);
    }

    #[test]
    fn kernels_are_compared_by_number() {
        assert_eq!(kernel("6.1.0-28-amd64").state, State::Ok);
        assert_eq!(kernel("3.10.0-1160.el7").state, State::Ok);
        assert_eq!(kernel("3.1.9").state, State::Bad);
        assert_eq!(kernel("2.6.32").state, State::Bad);
        assert_eq!(kernel("").state, State::Warn);
    }

    #[test]
    fn one_time_service_is_enough() {
        let said = |text: &str| Answer::Said(text.to_owned());
        let state = |timedatectl: Answer, chrony: Answer| judge_clock(&timedatectl, || chrony).state;
        assert_eq!(state(said("yes\n"), Answer::Missing), State::Ok);
        assert_eq!(state(said("no\n"), said("Leap status     : Normal\n")), State::Ok);
        assert_eq!(state(said("no\n"), said("Leap status     : Not synchronised\n")), State::Warn);
        assert_eq!(state(Answer::Missing, Answer::Failed), State::Warn);
    }
}
