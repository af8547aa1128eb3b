//! `cargo bench -p heelguard-detectors`: what the detectors cost a transaction, and what they hold of an identity.
//! It makes transactions of a million identities (a tenth with `--quick`), shows them to all rules at once and to each
//! rule alone, and prints nanoseconds a transaction, bytes an identity, bytes with every table full, the longest call.
//! It promises sums that are of this machine, at this hour, and bytes that are the same everywhere.
//!
//! Options behind `--`: `--quick`, `--identities N`, `--rounds N` (transactions an identity after the first, 4),
//! `--profile` (only the loop over all rules, for a profiler).

#![allow(clippy::disallowed_methods, reason = "a bench has a clock")]
#![allow(clippy::expect_used, clippy::panic, reason = "a bench that cannot go on says so and ends")]
#![allow(missing_docs, reason = "a program")]
#![allow(
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "no count here is near the end of its type"
)]

mod heap;
mod traffic;

use heelguard_detectors::alert::Alert;
use heelguard_detectors::rules::{self, catalogue};
use heelguard_detectors::runtime::{Limits, Runtime, RuntimeConfig};
use heelguard_detectors::transaction::Transaction;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Instant;
use traffic::{Order, Traffic};

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

/// Transactions made at once: few enough to stay in the cache, as the sensor's own do.
const AT_ONCE: usize = 256;
/// Runs of which the shortest time of each single call counts: the rest is the machine's.
const CALL_RUNS: usize = 3;

#[derive(Clone, Copy)]
struct Asked {
    identities: usize,
    rounds: usize,
    profile: bool,
}

fn main() {
    let mut asked = Asked { identities: 1_000_000, rounds: 4, profile: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => {} // cargo says so
            "--quick" => asked.identities = 100_000,
            "--profile" => asked.profile = true,
            "--rounds" => asked.rounds = number(arguments.next()),
            "--identities" => asked.identities = number(arguments.next()),
            other => panic!("no option {other}: --quick, --identities N, --rounds N, --profile"),
        }
    }
    let mut out = String::new();
    if asked.profile {
        profile(asked, &mut out);
    } else {
        costs(asked, &mut out);
        longest_calls(asked, &mut out);
        full(&mut out);
    }
    std::io::stdout().write_all(out.as_bytes()).expect("standard output is open");
}

fn number(written: Option<String>) -> usize {
    written.and_then(|number| number.parse().ok()).expect("the option needs a number")
}

/// Rules at work, what they cost and what they hold.
struct Bench {
    name: &'static str,
    runtime: Runtime,
    alerts: Vec<Alert>,
    findings: u64,
    /// Nanoseconds of each batch.
    spent: Vec<u32>,
    held: isize,
}

impl Bench {
    fn new(name: &'static str, rules: rules::Config, keys_per_table_max: usize) -> Self {
        let before = heap::in_use();
        let limits = Limits { keys_per_table_max, ..Limits::default() };
        let config = RuntimeConfig { rules, limits, ..RuntimeConfig::default() };
        let runtime = Runtime::new(config).expect("the defaults make sense");
        let held = heap::in_use() as isize - before as isize;
        Self { name, runtime, alerts: Vec::new(), findings: 0, spent: Vec::new(), held }
    }

    fn all(keys_per_table_max: usize) -> Self {
        Self::new("all rules", rules::Config::default(), keys_per_table_max)
    }

    fn observe(&mut self, transactions: &[Transaction]) {
        let before = heap::in_use();
        let start = Instant::now();
        for tx in transactions {
            self.runtime.advance(tx.end, &mut self.alerts);
            self.runtime.observe(tx, &mut self.alerts);
        }
        self.spent.push(start.elapsed().as_nanos() as u32);
        self.findings += self.alerts.len() as u64;
        self.alerts = Vec::new();
        self.held += heap::in_use() as isize - before as isize;
    }

    /// Nanoseconds a transaction since this was last asked: of the median batch, for others use the machine too.
    fn take_ns(&mut self) -> f64 {
        let mut spent = std::mem::take(&mut self.spent);
        spent.sort_unstable();
        f64::from(spent.get(spent.len() / 2).copied().unwrap_or(0)) / AT_ONCE as f64
    }
}

/// The configuration in which one rule runs.
fn only(name: &str) -> rules::Config {
    let mut table = toml::Table::try_from(rules::Config::default()).expect("a configuration is a table");
    for (each, section) in &mut table {
        let section = section.as_table_mut().expect("a section is a table");
        section.insert("enabled".into(), (each == name).into());
    }
    table.try_into().expect("what was written is read")
}

/// Time and memory, of all rules and of each alone.
fn costs(asked: Asked, out: &mut String) {
    let keys = asked.identities * 2;
    let mut benches = vec![Bench::all(keys)];
    benches.extend(catalogue().iter().map(|row| Bench::new(row.rule.name, only(row.rule.name), keys)));
    let mut traffic = Traffic::new(asked.identities);
    let parts = [
        (Order::Once, asked.identities),
        (Order::Uniform, asked.identities * asked.rounds),
        (Order::Zipf, asked.identities),
    ];
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); benches.len()];
    for (order, count) in parts {
        for _ in 0..count / AT_ONCE {
            let transactions = traffic.next(AT_ONCE, order);
            benches.iter_mut().for_each(|bench| bench.observe(&transactions));
        }
        for (bench, times) in benches.iter_mut().zip(&mut times) {
            times.push(bench.take_ns());
        }
    }
    let _ = writeln!(
        out,
        "{} identities, {} transactions\n{:<36} {:>8} {:>8} {:>8} {:>12} {:>8}",
        asked.identities,
        parts.iter().map(|(_, count)| count).sum::<usize>(),
        "nanoseconds a transaction",
        "first",
        "uniform",
        "zipf",
        "B/identity",
        "alerts"
    );
    let mut rows: Vec<(&Bench, &Vec<f64>)> = benches.iter().zip(&times).collect();
    rows.sort_by(|(_, a), (_, b)| b[1].total_cmp(&a[1]));
    for (bench, times) in rows {
        let bytes = bench.held as f64 / asked.identities as f64;
        let [first, uniform, zipf] = times[..] else { continue };
        let _ = writeln!(
            out,
            "{:<36} {first:>8.0} {uniform:>8.0} {zipf:>8.0} {bytes:>12.0} {:>8}",
            bench.name, bench.findings
        );
    }
}

/// The longest single call, while all tables grow and while they are used.
fn longest_calls(asked: Asked, out: &mut String) {
    let count = asked.identities * 2 / AT_ONCE;
    let mut least: Vec<u32> = vec![u32::MAX; count * AT_ONCE];
    for _ in 0..CALL_RUNS {
        let mut bench = Bench::all(asked.identities * 2);
        let mut traffic = Traffic::new(asked.identities);
        for batch in 0..count {
            let order = if batch < count / 2 { Order::Once } else { Order::Uniform };
            for (place, tx) in traffic.next(AT_ONCE, order).iter().enumerate() {
                let start = Instant::now();
                bench.runtime.advance(tx.end, &mut bench.alerts);
                bench.runtime.observe(tx, &mut bench.alerts);
                let spent = start.elapsed().as_nanos() as u32;
                let known = &mut least[batch * AT_ONCE + place];
                *known = spent.min(*known);
            }
            bench.alerts.clear();
        }
    }
    least.sort_unstable();
    let at = |share: f64| f64::from(least[(least.len() as f64 * share) as usize]) / 1e3;
    let longest = f64::from(*least.last().unwrap_or(&0)) / 1e3;
    let _ = writeln!(
        out,
        "\nmicroseconds of a single call, all rules: median {:.2}, p99 {:.2}, p99.99 {:.1}, longest {longest:.0}",
        at(0.5),
        at(0.99),
        at(0.9999),
    );
}

/// Everything that the tables may hold by default, when somebody fills them all; of all rules and of each alone.
fn full(out: &mut String) {
    let keys = Limits::default().keys_per_table_max;
    let mut benches = vec![Bench::all(keys)];
    benches.extend(catalogue().iter().map(|row| Bench::new(row.rule.name, only(row.rule.name), keys)));
    let mut traffic = Traffic::new(keys * 2);
    traffic.turn_hostile();
    for _ in 0..keys * 24 / AT_ONCE {
        let transactions = traffic.next(AT_ONCE, Order::Uniform);
        benches.iter_mut().for_each(|bench| bench.observe(&transactions));
    }
    let _ = writeln!(out, "\n{:<36} {:>8} {:>8} {:>10}", "every table full", "MiB", "ns", "evicted");
    benches.sort_by_key(|bench| -bench.held);
    for bench in &mut benches {
        let evicted: u64 = bench.runtime.evictions().map(|(_, evicted)| evicted).sum();
        let (held, ns) = (bench.held as f64 / f64::from(1 << 20), bench.take_ns());
        let _ = writeln!(out, "{:<36} {held:>8.1} {ns:>8.0} {evicted:>10}", bench.name);
    }
}

/// Nothing but the loop over all rules, on identities that come at random.
fn profile(asked: Asked, out: &mut String) {
    let mut bench = Bench::all(asked.identities * 2);
    let mut traffic = Traffic::new(asked.identities);
    for order in [Order::Once, Order::Uniform] {
        for _ in 0..asked.identities * asked.rounds / AT_ONCE {
            let transactions = traffic.next(AT_ONCE, order);
            bench.observe(&transactions);
        }
        let _ = writeln!(out, "{order:?}: {:.0} ns, {} B held", bench.take_ns(), bench.held);
    }
}
