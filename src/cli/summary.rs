//! The closing words of a run, for a person: what was read, what was raised, what could not be seen.
//! It is given the run's summary and tally and writes a few lines on stderr.
//! It promises to name what the sensor was blind to, not only what it saw.

use super::records::Tally;
use crate::pipeline::Summary;
use crate::sinks::record::ServiceRow;
use heelguard_detectors::alert::Severity;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

/// Says how the run went.
pub(super) fn print(summary: &Summary, services: &[ServiceRow], tally: &Tally, took: Duration) {
    let _ = io::stderr().write_all(words(summary, services, tally, took).as_bytes());
}

fn words(summary: &Summary, services: &[ServiceRow], tally: &Tally, took: Duration) -> String {
    let counters = &summary.counters;
    let transactions = counters.transactions.rows().iter().map(|row| row.1).sum::<u64>();
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{} packets, {transactions} transactions, {} in {:.1} s",
        counters.packets.read,
        raised(tally),
        took.as_secs_f64(),
    );
    for blind in blind_spots(summary, services) {
        let _ = writeln!(text, "  not seen: {blind}");
    }
    text
}

/// `3 alerts (1 critical, 2 low)`.
fn raised(tally: &Tally) -> String {
    let by_severity: Vec<String> = Severity::ALL
        .iter()
        .zip(tally.opened)
        .rev()
        .filter(|(_, count)| *count > 0)
        .map(|(severity, count)| format!("{count} {severity}"))
        .collect();
    let total = tally.opened.iter().sum::<u64>();
    match total {
        0 => "no alerts".to_owned(),
        1 => format!("1 alert ({})", by_severity.join(", ")),
        _ => format!("{total} alerts ({})", by_severity.join(", ")),
    }
}

fn blind_spots(summary: &Summary, services: &[ServiceRow]) -> Vec<String> {
    let counters = &summary.counters;
    let sum = |count: fn(&ServiceRow) -> u64| services.iter().map(count).sum::<u64>();
    let half = counters.transactions.request_only + counters.transactions.response_only;
    let cut = counters.transactions.gap + counters.transactions.truncated;
    [
        (sum(|s| s.tls), "TLS connections, which could not be read"),
        (sum(|s| s.quic), "QUIC connections, which are not read"),
        (counters.live.kernel_dropped, "packets that the kernel had no room for"),
        (counters.bytes.missing, "bytes missing from the capture"),
        (half, "transactions with one side only"),
        (cut, "transactions with a part missing"),
        (counters.flows.evicted, "connections given up for a limit"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect()
}
