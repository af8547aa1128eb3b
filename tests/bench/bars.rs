//! The bars for what is not clear HTTP/1, as sentences below the table: each figure beside what it must stay below.
//! It is given the table's rows and compares rows of one session.
//! It promises to say nothing of what was not measured.

use crate::table::{Measured, digits};

/// Processor time for a byte of content, as a multiple of that of clear HTTP/1.
const TIMES_MIXED_MAX: f64 = 2.5;
/// Memory of a connection that is open and silent.
const IDLE_BYTES_MAX: f64 = 1_024.0;
/// Streams that are opened and reset, in a second of one core.
const RESETS_PER_S_MIN: f64 = 200_000.0;

/// A sentence for each bar that these rows say something about.
pub(crate) fn sentences(rows: &[Measured]) -> String {
    let told = [content(rows), resets(rows), idle(rows)];
    told.into_iter().flatten().map(|sentence| sentence + "\n").collect()
}

/// The sensor with alerts only.
fn first<'r>(rows: &'r [Measured], capture: &str) -> Option<&'r Measured> {
    rows.iter().find(|row| row.capture == capture)
}

fn content(rows: &[Measured]) -> Option<String> {
    let of = |row: &Measured, bytes: u64| row.cpu_s() / bytes as f64;
    let mixed = first(rows, "mixed")?;
    let told = [("http2", "HTTP/2"), ("tls13", "TLS 1.3 with its secrets")].into_iter().filter_map(
        |(name, words)| {
            let row = first(rows, name)?;
            let of_content = of(row, row.content) / of(mixed, mixed.content);
            let of_capture = of(row, row.bytes) / of(mixed, mixed.bytes);
            Some(format!("{words} {} ({} by bytes of the capture)", digits(of_content), digits(of_capture)))
        },
    );
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| {
        let bar = digits(TIMES_MIXED_MAX);
        format!("Processor time for the same content, x mixed (bar: {bar}): {}.", told.join(", "))
    })
}

fn resets(rows: &[Measured]) -> Option<String> {
    let row = first(rows, "resets")?;
    let mut told = format!(
        "Streams opened and reset in a second of one core (bar: {RESETS_PER_S_MIN:.0}): {:.0}",
        row.transactions as f64 / row.cpu_s()
    );
    if let Some(tenth) = row.tenth {
        let times = row.peak_bytes() as f64 / tenth.bytes as f64;
        told += &format!("; memory at its peak is {times:.2} times that of a tenth as many");
    }
    Some(told + ".")
}

/// What a connection more costs: fixed costs fall out.
fn idle(rows: &[Measured]) -> Option<String> {
    let kinds = [("idle", "HTTP/1"), ("idle-http2", "HTTP/2"), ("idle-tls13", "TLS 1.3 with its secrets")];
    let told: Vec<String> = kinds
        .into_iter()
        .filter_map(|(name, words)| {
            let row = first(rows, name)?;
            let tenth = row.tenth?;
            let grown = row.peak_bytes() as f64 - tenth.bytes as f64;
            Some(format!("{words} {:.0} B", grown / (row.connections - tenth.connections) as f64))
        })
        .collect();
    (!told.is_empty()).then(|| {
        format!("Memory of one more idle connection (bar: {IDLE_BYTES_MAX:.0} B): {}.", told.join(", "))
    })
}
