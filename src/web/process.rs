//! What the system says of this process: memory, time, files.
//! It is given the texts of `/proc` and reads the numbers out of them.
//! It promises all of them or nothing: a system without `/proc` has no such metrics.

use std::fs;

/// `/proc` counts processor time in hundredths of a second (`USER_HZ`), whatever the kernel's own tick is.
const TICKS_PER_S: f64 = 100.0;

/// This process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Process {
    pub(super) cpu_s: f64,
    pub(super) resident_bytes: u64,
    pub(super) virtual_bytes: u64,
    pub(super) threads: u64,
    pub(super) open_files: u64,
    pub(super) open_files_max: u64,
    /// In seconds since 1970.
    pub(super) start_s: f64,
}

impl Process {
    /// As it is now.
    pub(super) fn now() -> Option<Self> {
        let text = |path: &str| fs::read_to_string(path).ok();
        let texts = [
            text("/proc/self/stat")?,
            text("/proc/self/status")?,
            text("/proc/self/limits")?,
            text("/proc/stat")?,
        ];
        // The folder that is being read is open too.
        let open_files = (fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1);
        Self::read(&texts, open_files)
    }

    /// From `stat`, `status` and `limits` of the process, and the machine's `stat`.
    fn read([stat, status, limits, machine]: &[String; 4], open_files: u64) -> Option<Self> {
        // The program's name stands in parentheses and may hold anything, so what counts comes after the last one.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        // Numbers as in proc(5); the third field is the first behind the name.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let boot_s = number_after(machine, "btime")?;
        Some(Self {
            cpu_s: (field(14)? + field(15)?) as f64 / TICKS_PER_S,
            resident_bytes: number_after(status, "VmRSS:")?.saturating_mul(1_024),
            virtual_bytes: field(23)?,
            threads: field(20)?,
            open_files,
            open_files_max: number_after(limits, "Max open files").unwrap_or(u64::MAX),
            start_s: boot_s as f64 + field(22)? as f64 / TICKS_PER_S,
        })
    }
}

/// The first number of the line that begins so.
fn number_after(text: &str, head: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(head))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_blanks_hides_no_number() {
        let stat = "42 (a) b) R 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 7 0 6000 123456789 2000 184";
        let status = "Name:\tx\nVmRSS:\t    2048 kB\n";
        let limits =
            "Limit    Soft Limit  Hard Limit  Units\nMax open files            1024   4096   files\n";
        let machine = "cpu 1 2 3\nbtime 1795255200\n";
        let texts = [stat, status, limits, machine].map(str::to_owned);
        let process = Process::read(&texts, 9).unwrap();
        assert_eq!(
            process,
            Process {
                cpu_s: 3.0,
                resident_bytes: 2_097_152,
                virtual_bytes: 123_456_789,
                threads: 7,
                open_files: 9,
                open_files_max: 1_024,
                start_s: 1_795_255_260.0,
            }
        );
        for missing in 0..3 {
            let mut texts = texts.clone();
            if missing != 2 {
                texts[missing].clear();
                assert_eq!(Process::read(&texts, 9), None, "text {missing}");
            }
        }
        let unlimited = limits.replace("1024", "unlimited");
        let texts = [stat, status, &unlimited, machine].map(str::to_owned);
        assert_eq!(Process::read(&texts, 9).unwrap().open_files_max, u64::MAX);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_and_files_and_began_in_the_past() {
        let process = Process::now().unwrap();
        assert!(process.resident_bytes > 1_000_000 && process.virtual_bytes > process.resident_bytes);
        assert!(process.open_files > 0 && process.open_files < process.open_files_max);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let age = now.as_secs_f64() - process.start_s;
        assert!((-2.0..100_000.0).contains(&age), "{age} s old");
    }
}
