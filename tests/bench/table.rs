//! The result on files: one line for each capture and program, as Markdown to read and JSON to keep.
//! It is given pairs of runs and gives medians and ratios.
//! It promises that a ratio is the median of the pairs' ratios, not a ratio of medians.

use serde_json::json;
use std::fmt::Write as _;
use std::time::Duration;

/// The heading above the lines.
pub(crate) const HEAD: &str = "\
| capture | program | x touch (spread) | x heelguard | µs/transaction | peak MiB | found |
|---|---|---:|---:|---:|---:|---|
";

/// What one run cost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub cpu: Duration,
    pub wall: Duration,
    pub peak_bytes: u64,
}

/// What memory a smaller capture of the same kind took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peak {
    pub connections: u64,
    pub bytes: u64,
}

/// All pairs of runs of one program on one capture: `touch` first, the program second.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    pub capture: String,
    pub program: String,
    /// What is in the capture.
    pub transactions: u64,
    pub connections: u64,
    pub bytes: u64,
    /// Bytes of its messages, as HTTP/1 writes them.
    pub content: u64,
    /// Transactions that the program found; `None` when it does not look for any.
    pub found: Option<u64>,
    pub pairs: Vec<(Cost, Cost)>,
    /// Whether memory is told for each connection too: all of them are open at one time.
    pub is_about_connections: bool,
    /// Where it says something how memory grows.
    pub tenth: Option<Peak>,
}

impl Measured {
    pub(crate) fn cpu_s(&self) -> f64 {
        median(&self.of_pairs(|(_, program)| program.cpu.as_secs_f64()))
    }

    /// The median of the pairs' ratios, the lowest and the highest.
    pub(crate) fn ratio(&self) -> (f64, f64, f64) {
        let tick = Duration::from_micros(1);
        let ratios =
            self.of_pairs(|(least, program)| program.cpu.as_secs_f64() / least.cpu.max(tick).as_secs_f64());
        let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = ratios.iter().copied().fold(0.0, f64::max);
        (median(&ratios), lowest, highest)
    }

    fn us_per_transaction(&self) -> f64 {
        self.cpu_s() * 1e6 / self.transactions as f64
    }

    pub(crate) fn peak_bytes(&self) -> u64 {
        self.pairs.iter().map(|(_, program)| program.peak_bytes).max().unwrap_or(0)
    }

    fn of_pairs(&self, value: impl Fn(&(Cost, Cost)) -> f64) -> Vec<f64> {
        self.pairs.iter().map(value).collect()
    }

    /// One line; `first` is the line that the others of the capture are compared with.
    fn line(&self, first: &Self) -> String {
        let (ratio, lowest, highest) = self.ratio();
        let against = if std::ptr::eq(self, first) {
            "1".to_owned()
        } else {
            digits(ratio / first.ratio().0.max(f64::MIN_POSITIVE))
        };
        let mut peak = format!("{:.0}", self.peak_bytes() as f64 / 1_048_576.0);
        if self.is_about_connections {
            let _ = write!(peak, " ({:.0} B/connection)", self.peak_bytes() as f64 / self.connections as f64);
        }
        let found = match self.found {
            None => "–".to_owned(),
            Some(found) if found == self.transactions => format!("all {found}"),
            Some(found) => format!("**{found} of {}**", self.transactions),
        };
        format!(
            "| {} | {} | {} ({}–{}) | {against} | {} | {peak} | {found} |\n",
            self.capture,
            self.program,
            digits(ratio),
            digits(lowest),
            digits(highest),
            digits(self.us_per_transaction()),
        )
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let (ratio, lowest, highest) = self.ratio();
        json!({
            "capture": self.capture,
            "program": self.program,
            "bytes": self.bytes,
            "content_bytes": self.content,
            "connections": self.connections,
            "transactions": self.transactions,
            "found": self.found,
            "cpu_s": self.cpu_s(),
            "touch_cpu_s": median(&self.of_pairs(|(least, _)| least.cpu.as_secs_f64())),
            "wall_s": median(&self.of_pairs(|(_, program)| program.wall.as_secs_f64())),
            "x_touch": ratio,
            "x_touch_lowest": lowest,
            "x_touch_highest": highest,
            "us_per_transaction": self.us_per_transaction(),
            "peak_bytes": self.peak_bytes(),
            "peak_bytes_of_a_tenth": self.tenth.map(|tenth| tenth.bytes),
        })
    }
}

/// The table; the first line of a capture is the sensor with alerts only.
pub(crate) fn markdown(rows: &[Measured]) -> String {
    let mut text = HEAD.to_owned();
    for row in rows {
        let first = rows.iter().find(|other| other.capture == row.capture).unwrap_or(row);
        text += &row.line(first);
    }
    text
}

/// The sensor with alerts only, and the peer that reassembles as it does: what fits into the README.
pub(crate) fn brief(rows: &[Measured]) -> String {
    let mut text = HEAD.to_owned();
    for row in rows {
        let first = rows.iter().find(|other| other.capture == row.capture).unwrap_or(row);
        if std::ptr::eq(row, first) || row.program.starts_with("suricata") {
            text += &row.line(first);
        }
    }
    text
}

/// The middle value; of an even number the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied().unwrap_or(f64::NAN);
    let lower = values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN);
    f64::midpoint(lower, upper)
}

/// A number with the digits that say something: 0.42, 3.9, 48.
pub(crate) fn digits(value: f64) -> String {
    match value {
        value if value >= 20.0 => format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
