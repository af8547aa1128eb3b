//! `cargo bench --bench soak`: an hour of traffic at one rate, and whether the sensor grows or loses count.
//! It sends rounds of mixed traffic over a virtual cable, looks at the sensor every ten seconds, and adds up at the end.
//! It promises to fail when a packet is unaccounted for, a transaction is missing without a drop, or memory grows.
//!
//! Options behind `--`: `--minutes N` (60), `--rate PACKETS_PER_S` (50000), `--shards N` (1), `--csv FILE`
//! (`target/bench/soak.csv`), `--of tcpdump` (the same with tcpdump in the sensor's place). Takes root.

mod live;
#[allow(dead_code, reason = "of the peers only their names are needed")]
mod peers;
mod trend;

use live::{Listener, Listening, Outcome, Round, Sender, Told, Used, Wire};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use trend::Trend;

/// Bytes of one round of mixed traffic.
const ROUND_BYTES: u64 = 100_000_000;
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Memory before this is warming up; of shorter runs, the first third.
const WARM_UP: Duration = Duration::from_mins(10);

struct Asked {
    time: Duration,
    packets_per_s: f64,
    listener: Listener,
    csv: PathBuf,
}

/// One look at the sensor.
struct Look {
    after: Duration,
    sent: u64,
    cpu_percent: f64,
    used: Used,
}

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    let asked = match asked(std::env::args().skip(1), &folder) {
        Ok(asked) => asked,
        Err(problem) => return told(&problem, 2),
    };
    match soak(&asked, &folder) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => told(&problem, 1),
    }
}

fn told(problem: &str, code: u8) -> ExitCode {
    say(&format!("soak: {problem}"));
    ExitCode::from(code)
}

/// Progress and problems; the result alone goes to standard output.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn asked(mut arguments: impl Iterator<Item = String>, folder: &Path) -> Result<Asked, String> {
    let (mut minutes, mut rate, mut shards, mut is_control) = (60.0, 50_000.0, 1, false);
    let mut csv = folder.join("soak.csv");
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} takes a value"));
        let number = |text: String| {
            let number = text.parse::<f64>().ok().filter(|number| *number > 0.0);
            number.ok_or(format!("{argument} takes a number above 0, not {text}"))
        };
        match argument.as_str() {
            "--bench" => {} // cargo says so
            "--minutes" => minutes = number(value()?)?,
            "--rate" => rate = number(value()?)?,
            "--shards" => shards = value()?.parse().map_err(|_| "--shards takes a small number")?,
            "--csv" => csv = value()?.into(),
            "--of" => {
                is_control = match value()?.as_str() {
                    "tcpdump" => true,
                    "heelguard" => false,
                    other => return Err(format!("--of takes heelguard or tcpdump, not {other}")),
                }
            }
            other => return Err(format!("unknown option {other}; see the head of tests/bench/soak.rs")),
        }
    }
    let listener = if is_control { Listener::Tcpdump } else { Listener::Heelguard { shards } };
    Ok(Asked { time: Duration::from_secs_f64(minutes * 60.0), packets_per_s: rate, listener, csv })
}

/// Runs it; `true` when everything holds.
fn soak(asked: &Asked, folder: &Path) -> Result<bool, String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    say("making a round of mixed traffic");
    let round = Round::of_mixed(ROUND_BYTES);
    let wire = Wire::stretch()?;
    let mut sender = Sender::new(&wire, &round)?;
    let listening = asked.listener.start(&wire, folder)?;
    say(&format!(
        "{} listens; {} packets of {:.0} bytes and {} transactions a round, {:.0} packets/s",
        asked.listener.name(),
        round.packets(),
        round.mean_bytes(),
        round.transactions,
        asked.packets_per_s,
    ));
    let told = Told::default();
    let (sent, looks) = std::thread::scope(|scope| {
        let sending = scope.spawn(|| sender.send(asked.packets_per_s, &told));
        let looks = watch(asked, &listening, &told, &|| sending.is_finished());
        told.is_enough.store(true, Ordering::Relaxed);
        let sent = sending.join().map_err(|_| "the sender broke down".to_owned())?;
        Ok::<_, String>((sent?, looks?))
    })?;
    let (rounds, time) = sent;
    let outcome = listening.stop()?;
    let (arrived, lost) = wire.arrived()?;
    let sent = rounds * round.packets();
    let mut report = format!(
        "{:.1} minutes, {rounds} rounds, {sent} packets sent at {:.0} packets/s ({:.0} Mbit/s), {arrived} arrived, \
         {lost} lost in the cable\n",
        time.as_secs_f64() / 60.0,
        sent as f64 / time.as_secs_f64(),
        sent as f64 * round.mean_bytes() * 8.0 / time.as_secs_f64() / 1e6,
    );
    let balance = balance(&outcome, sent, rounds * round.transactions);
    report += &balance.0;
    let memory = memory(&looks, time);
    report += &memory.0;
    std::io::stdout().write_all(report.as_bytes()).map_err(|error| error.to_string())?;
    Ok(balance.1 && memory.1)
}

/// Looks at the listener until the time is over; each look is a line of the table.
fn watch(
    asked: &Asked,
    listening: &Listening,
    told: &Told,
    is_over: &dyn Fn() -> bool,
) -> Result<Vec<Look>, String> {
    let problem = |error: std::io::Error| format!("{}: {error}", asked.csv.display());
    let mut csv = File::create(&asked.csv).map_err(problem)?;
    writeln!(csv, "s,sent,packets_per_s,received,dropped,transactions,cpu_percent,rss_kib")
        .map_err(problem)?;
    let begun = Instant::now();
    let mut looks: Vec<Look> = Vec::new();
    let mut before = (Duration::ZERO, 0, listening.used()?);
    while begun.elapsed() < asked.time && !is_over() {
        let next = LOOK_EVERY * (looks.len() as u32 + 1);
        std::thread::sleep(next.min(asked.time).saturating_sub(begun.elapsed()));
        let (after, sent, used) = (begun.elapsed(), told.sent.load(Ordering::Relaxed), listening.used()?);
        let passed = after.saturating_sub(before.0).as_secs_f64();
        let cpu_percent = used.cpu.saturating_sub(before.2.cpu).as_secs_f64() / passed * 100.0;
        let rate = (sent - before.1) as f64 / passed;
        let counts = listening.counts().unwrap_or_default();
        writeln!(
            csv,
            "{:.1},{sent},{rate:.0},{},{},{},{cpu_percent:.1},{}",
            after.as_secs_f64(),
            counts.received,
            counts.dropped,
            counts.transactions,
            used.resident_kib,
        )
        .map_err(problem)?;
        looks.push(Look { after, sent, cpu_percent, used });
        before = (after, sent, used);
        if looks.len().is_multiple_of(30) {
            say(&format!("{:.0} s: {sent} sent, {} dropped", after.as_secs_f64(), counts.dropped));
        }
    }
    Ok(looks)
}

/// The account of packets and transactions in words, and whether it is right.
fn balance(outcome: &Outcome, sent: u64, transactions: u64) -> (String, bool) {
    let &Outcome { received, dropped, read, .. } = outcome;
    let is_whole = received == sent && read + dropped == received && outcome.balanced != Some(false);
    let verdict = if is_whole { "exact" } else { "**NOT exact**" };
    let mut text = format!(
        "packets: {sent} sent, {received} received = {read} read + {dropped} dropped; own accounts {}: {verdict}\n",
        match outcome.balanced {
            Some(true) => "balanced",
            Some(false) => "NOT balanced",
            None => "not kept",
        }
    );
    let Some(found) = outcome.transactions else { return (text, is_whole) };
    // Where packets were dropped, pieces of a transaction may count apart.
    let is_found = found == transactions || dropped > 0;
    let verdict = if found == transactions { "all found" } else { "**not all found**" };
    text += &format!("transactions: {transactions} sent, {found} found: {verdict}\n");
    (text, is_whole && is_found)
}

/// How memory and processor time went, in words, and whether memory stood still.
fn memory(looks: &[Look], time: Duration) -> (String, bool) {
    let warm = WARM_UP.min(time / 3);
    let rest: Vec<&Look> = looks.iter().filter(|look| look.after >= warm).collect();
    let points: Vec<(f64, f64)> =
        rest.iter().map(|look| (look.after.as_secs_f64() / 3_600.0, look.used.resident_kib as f64)).collect();
    let Some(trend) = Trend::of(&points) else {
        return ("memory: too few looks for a slope\n".to_owned(), true);
    };
    let cpu = rest.iter().map(|look| look.cpu_percent).sum::<f64>() / rest.len() as f64;
    let peak = looks.iter().map(|look| look.used.peak_kib).max().unwrap_or(0);
    let verdict = if trend.is_flat() { "zero within noise" } else { "**NOT zero**" };
    let text = format!(
        "memory: mean {:.0} KiB, peak {peak} KiB, slope {:+.0} ± {:.0} KiB/h after {:.0} minutes: {verdict}\n\
         CPU: {cpu:.1} % of a core on average over {} looks, {} packets\n",
        trend.mean,
        trend.slope,
        trend.margin,
        warm.as_secs_f64() / 60.0,
        rest.len(),
        rest.last().map_or(0, |look| look.sent),
    );
    (text, trend.is_flat())
}
