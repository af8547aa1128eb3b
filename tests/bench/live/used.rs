//! What a running process uses, as the kernel tells it.
//! It is given a process and gives processor time and memory of that moment.
//! It promises the whole process, all its threads, and nothing of its children.

use std::time::Duration;

/// Ticks of the kernel's accounts in a second, as all programs see them (`USER_HZ`).
const TICKS_PER_S: f64 = 100.0;

/// Processor time so far, and memory now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    /// In user mode and in the kernel.
    pub cpu: Duration,
    pub resident_kib: u64,
    /// The most that was ever resident.
    pub peak_kib: u64,
}

impl Used {
    pub(super) fn by(process: u32) -> Result<Self, String> {
        let read = |file: &str| {
            let path = format!("/proc/{process}/{file}");
            std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
        };
        let (stat, status) = (read("stat")?, read("status")?);
        // Behind the name, which may hold anything: state, and twelve fields later user and system ticks.
        let fields: Vec<&str> =
            stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
        let ticks = ticks(11).zip(ticks(12)).map(|(user, system)| user + system);
        let ticks = ticks.ok_or_else(|| format!("/proc/{process}/stat is in an unknown form"))?;
        let kib = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name))?;
            value.trim_start_matches(':').split_whitespace().next()?.parse().ok()
        };
        Ok(Self {
            cpu: Duration::from_secs_f64(ticks as f64 / TICKS_PER_S),
            resident_kib: kib("VmRSS").unwrap_or(0),
            peak_kib: kib("VmHWM").unwrap_or(0),
        })
    }
}
