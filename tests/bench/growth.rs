//! What more identities cost: the same number of requests, by a thousand clients with keys and by a million.
//! It makes the traffic as the sensor reads it, so that nothing lies on a disk, and compares runs of one session.
//! It promises ratios to the smallest number of identities, and says how much of the traffic was found.

use crate::captures::{IDENTITIES, by_another_process};
use crate::table::{Cost, digits, median};
use crate::{found, say, spent};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs with one number of identities.
pub(crate) struct Grown {
    identities: u64,
    transactions: u64,
    found: u64,
    runs: Vec<Cost>,
}

/// Measures all numbers of identities in turn, so often.
pub(crate) fn measure(folder: &Path, runs: usize, is_quick: bool) -> Result<Vec<Grown>, String> {
    let (numbers, transactions): (&[u64], u64) = if is_quick {
        (&[1_000, 10_000, 100_000], 200_000)
    } else {
        (&[1_000, 10_000, 100_000, 1_000_000], 2_000_000)
    };
    let new = |&identities| Grown { identities, transactions, found: 0, runs: Vec::new() };
    let mut all: Vec<Grown> = numbers.iter().map(new).collect();
    let stats = folder.join("stats.json");
    for run in 1..=runs {
        for grown in &mut all {
            say(&format!("{} identities: run {run} of {runs}", grown.identities));
            let mut command = Command::new(env!("CARGO_BIN_EXE_heelguard"));
            command
                .args(["replay", "--shards", "1", "--alerts", "/dev/null", "--stats"])
                .arg(&stats)
                .arg("-");
            let numbers = [grown.identities, transactions].map(|number| number.to_string());
            let mut feeder = by_another_process(&[IDENTITIES, &numbers[0], &numbers[1]])?;
            let traffic = feeder.stdout.take().ok_or("the feeder has no output")?;
            command.stdin(traffic).stdout(Stdio::null()).stderr(Stdio::null());
            let cost = spent::by(command)?;
            feeder.wait().map_err(|error| error.to_string())?;
            grown.runs.push(cost);
            grown.found = found(&stats)?;
        }
    }
    Ok(all)
}

/// The table.
pub(crate) fn markdown(all: &[Grown]) -> String {
    let mut text = "\
| identities | x cost of a transaction (spread) | µs/transaction | peak MiB | found |
|---:|---:|---:|---:|---|
"
    .to_owned();
    let Some(least) = all.first() else { return text };
    for grown in all {
        let pairs = grown.runs.iter().zip(&least.runs);
        let ratios: Vec<f64> =
            pairs.map(|(mine, least)| mine.cpu.as_secs_f64() / least.cpu.as_secs_f64()).collect();
        let cpu: Vec<f64> = grown.runs.iter().map(|run| run.cpu.as_secs_f64()).collect();
        let peak = grown.runs.iter().map(|run| run.peak_bytes).max().unwrap_or(0) / 1_048_576;
        let found = if grown.found == grown.transactions {
            format!("all {}", grown.found)
        } else {
            format!("**{} of {}**", grown.found, grown.transactions)
        };
        text += &format!(
            "| {} | {} ({}–{}) | {} | {peak} | {found} |\n",
            grown.identities,
            digits(median(&ratios)),
            digits(ratios.iter().copied().fold(f64::INFINITY, f64::min)),
            digits(ratios.iter().copied().fold(0.0, f64::max)),
            digits(median(&cpu) * 1e6 / grown.transactions as f64),
        );
    }
    text
}
