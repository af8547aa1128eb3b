//! The result: one line for each capture and work, as Markdown to read and JSON to keep.
//! It is given pairs of runs and gives medians and ratios.
//! It promises that a ratio is the median of the pairs' ratios, not a ratio of medians.

use crate::captures::{Kind, Truth};
use crate::spent::Spent;
use serde_json::json;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

/// All pairs of runs of one work on one capture: `touch` first, `heelguard` second.
pub(crate) struct Measured {
    pub kind: Kind,
    pub work: &'static str,
    pub truth: Truth,
    /// Transactions that the sensor counted.
    pub found: u64,
    pub pairs: Vec<(Spent, Spent)>,
}

/// All that was measured.
pub(crate) struct Report {
    machine: String,
    runs: usize,
    pub rows: Vec<Measured>,
}

impl Measured {
    fn cpu_s(&self) -> f64 {
        median(self.pairs.iter().map(|(_, sensor)| sensor.cpu.as_secs_f64()))
    }

    fn touch_s(&self) -> f64 {
        median(self.pairs.iter().map(|(least, _)| least.cpu.as_secs_f64()))
    }

    fn wall_s(&self) -> f64 {
        median(self.pairs.iter().map(|(_, sensor)| sensor.wall.as_secs_f64()))
    }

    fn ratio(&self) -> f64 {
        let tick = Duration::from_micros(1);
        median(
            self.pairs
                .iter()
                .map(|(least, sensor)| sensor.cpu.as_secs_f64() / least.cpu.max(tick).as_secs_f64()),
        )
    }

    fn cpu_s_per_gb(&self) -> f64 {
        self.cpu_s() / (self.truth.bytes as f64 / 1e9)
    }

    fn us_per_transaction(&self) -> f64 {
        self.cpu_s() * 1e6 / self.truth.transactions as f64
    }

    fn peak_mib(&self) -> f64 {
        self.pairs.iter().map(|(_, sensor)| sensor.peak_bytes).max().unwrap_or(0) as f64 / 1_048_576.0
    }
}

impl Report {
    pub(crate) fn of_this_machine(runs: usize) -> Self {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let machine = format!("{}, {cores} cores", model.unwrap_or("unknown processor"));
        Self { machine, runs, rows: Vec::new() }
    }

    /// The table to standard output, the numbers to `result.json`.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), String> {
        let mut out = std::io::stdout().lock();
        out.write_all(self.markdown().as_bytes()).map_err(|error| error.to_string())?;
        let path = folder.join("result.json");
        let text = format!("{:#}\n", self.json());
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn markdown(&self) -> String {
        let mut text = format!("{}; medians of {} pairs of runs\n\n", self.machine, self.runs);
        text +=
            "| capture | work | CPU s | x touch | CPU s/GB | µs/transaction | wall s | peak MiB | found |\n";
        text += "|---|---|---:|---:|---:|---:|---:|---:|---|\n";
        for row in &self.rows {
            let truth = row.truth.transactions;
            let found = if row.found == truth {
                format!("all {truth}")
            } else {
                format!("**{} of {truth}**", row.found)
            };
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "| {} | {} | {:.2} | {:.1} | {:.2} | {:.2} | {:.2} | {:.0} | {found} |",
                row.kind.name(),
                row.work,
                row.cpu_s(),
                row.ratio(),
                row.cpu_s_per_gb(),
                row.us_per_transaction(),
                row.wall_s(),
                row.peak_mib(),
            );
        }
        text
    }

    fn json(&self) -> serde_json::Value {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "capture": row.kind.name(),
                    "work": row.work,
                    "bytes": row.truth.bytes,
                    "packets": row.truth.packets,
                    "connections": row.truth.connections,
                    "transactions": row.truth.transactions,
                    "found": row.found,
                    "cpu_s": row.cpu_s(),
                    "touch_cpu_s": row.touch_s(),
                    "x_touch": row.ratio(),
                    "wall_s": row.wall_s(),
                    "cpu_s_per_gb": row.cpu_s_per_gb(),
                    "us_per_transaction": row.us_per_transaction(),
                    "peak_mib": row.peak_mib(),
                })
            })
            .collect();
        json!({ "machine": self.machine, "runs": self.runs, "rows": rows })
    }
}

/// The middle value; of an even number the upper of the two in the middle.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
