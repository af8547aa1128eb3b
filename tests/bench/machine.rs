//! What the measurements were made on: the processor's name, cores, the kernel, and the day.
//! It is given nothing and asks the system.
//! It promises no name of the machine or of anyone on it.

use std::time::SystemTime;

/// One line: `AMD EPYC, 2 cores, Linux 6.18, 2026-11-22`.
pub(crate) fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // What follows the numbers is a name that somebody gave to a build.
    let version = release.trim().split(|c: char| c != '.' && !c.is_ascii_digit()).next().unwrap_or_default();
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = SystemTime::UNIX_EPOCH + since_1970;
    let day = humantime::format_rfc3339_seconds(now).to_string();
    let day = day.split('T').next().unwrap_or_default();
    format!("{}, {cores} cores, Linux {version}, {day}", model.unwrap_or("unknown processor"))
}
