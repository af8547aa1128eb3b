//! `cargo bench --bench calibration`: what the sensor says about a week in which nothing bad happens.
//! It makes the week in memory, runs the whole sensor over it with the built-in defaults, prints alerts per million
//! transactions by detector and severity, and does the same over the captures in `HEELGUARD_REALAUTH`.
//! It promises to fail when an alert of medium or above comes more often than once in 100,000
//! transactions of learned traffic.
//!
//! Options behind `--`: `--write` (renews the tables in `detectors/README.md`), `--users N`, `--days N`, `--seed N`,
//! `--list SEVERITY` (every alert at or above it, with its evidence), `--pcap FILE` (the week as a capture, and no more).

#[path = "calibration/listen.rs"]
mod listen;
#[path = "calibration/page.rs"]
mod page;
#[path = "calibration/table.rs"]
mod table;

use heelguard::demo::{Week, WeekOptions};
use heelguard_detectors::alert::Severity;
use listen::Heard;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// An alert of medium or above may come once in so many transactions.
const TRANSACTIONS_PER_GRAVE_MIN: u64 = 100_000;
/// Alerts below medium among a thousand transactions of learned traffic.
const SLIGHT_PER_THOUSAND_MAX: f64 = 5.0;

/// Captures without attacks, and the detectors that their labels name all the same: they are in plain text.
const CAPTURES: &[(&str, &[&str])] = &[
    ("allauth-benign", &["credential_exposure", "totp_secret_exposure"]),
    ("oidc-benign", &["credential_exposure"]),
];

/// What was heard of a capture.
struct Captured {
    name: &'static str,
    heard: Heard,
    expected: &'static [&'static str],
}

impl Captured {
    /// Episodes of a severity that no label names.
    fn unexpected(&self, severity: Severity) -> u64 {
        let is = |episode: &&listen::Episode| {
            episode.alert.severity == severity && !self.expected.contains(&episode.alert.detector)
        };
        self.heard.episodes.values().filter(is).count() as u64
    }
}

/// What was asked for.
struct Asked {
    week: WeekOptions,
    write: bool,
    list: Option<Severity>,
    pcap: Option<PathBuf>,
}

fn main() -> ExitCode {
    let asked = match asked(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(problem) => return told(&problem, 2),
    };
    match calibrate(&asked) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => told(&problem, 1),
    }
}

fn told(problem: &str, code: u8) -> ExitCode {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "calibration: {problem}");
    ExitCode::from(code)
}

fn asked(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let write = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut asked = Asked { week: WeekOptions::default(), write, list: None, pcap: None };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} takes a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("`{text}` is no number"));
        match argument.as_str() {
            "--bench" => {} // cargo says so
            "--write" => asked.write = true,
            "--users" => asked.week.users = number(value()?)? as usize,
            "--days" => asked.week.days = number(value()?)?,
            "--seed" => asked.week.seed = number(value()?)?,
            "--pcap" => asked.pcap = Some(value()?.into()),
            "--list" => {
                let name = value()?;
                let known = Severity::ALL.iter().copied().find(|severity| severity.name() == name);
                asked.list = Some(known.ok_or(format!("`{name}` is no severity"))?);
            }
            other => return Err(format!("unknown option {other}")),
        }
    }
    Ok(asked)
}

fn calibrate(asked: &Asked) -> Result<(), String> {
    if let Some(path) = &asked.pcap {
        let file = File::create(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut out = BufWriter::new(file);
        return Week::new(asked.week)
            .write_pcap(&mut out)
            .and_then(|()| out.flush())
            .map_err(|error| error.to_string());
    }
    let (heard, week) = listen::week(asked.week)?;
    let captures = captures()?;
    let mut text = String::new();
    if let Some(least) = asked.list {
        text += &table::list(&heard, least);
        for Captured { name, heard, .. } in &captures {
            text += &format!("\n{name}\n{}", table::list(heard, least));
        }
    }
    text += &table::population(&asked.week, &week, &heard);
    text += &table::rates(&heard);
    text += &table::of_captures(&captures);
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| error.to_string())?;
    if asked.write {
        page::renew("week", &(table::population(&asked.week, &week, &heard) + &table::rates(&heard)))?;
        if !captures.is_empty() {
            page::renew("captures", &table::of_captures(&captures))?;
        }
    }
    judge(&heard)?;
    captures.iter().try_for_each(judge_capture)
}

/// Whether the bar is held.
fn judge(heard: &Heard) -> Result<(), String> {
    let grave = heard.grave(Severity::Medium).filter(|episode| episode.is_learned).count() as u64;
    if grave * TRANSACTIONS_PER_GRAVE_MIN >= heard.learned {
        return Err(format!("{grave} alerts of medium or above in {} learned transactions", heard.learned));
    }
    let slight = heard.slight() as f64 * 1_000.0 / heard.learned.max(1) as f64;
    if slight > SLIGHT_PER_THOUSAND_MAX {
        return Err(format!("{slight:.2} alerts below medium in 1,000 transactions of learned traffic"));
    }
    Ok(())
}

/// Beside what the labels name, nothing above low, and as little below as in the week.
fn judge_capture(captured: &Captured) -> Result<(), String> {
    let Captured { name, heard, .. } = captured;
    let count = |from: Severity, to: Severity| {
        let between = Severity::ALL.iter().copied().filter(|severity| (from..=to).contains(severity));
        between.map(|severity| captured.unexpected(severity)).sum::<u64>()
    };
    let (slight, grave) = (count(Severity::Info, Severity::Low), count(Severity::Medium, Severity::Critical));
    if grave > 0 || slight as f64 * 1_000.0 > heard.transactions as f64 * SLIGHT_PER_THOUSAND_MAX {
        return Err(format!("{name}: {grave} alerts above low and {slight} others in no label"));
    }
    Ok(())
}

/// The captures of real products without attacks in them, where there are any.
fn captures() -> Result<Vec<Captured>, String> {
    let Some(folder) = std::env::var_os("HEELGUARD_REALAUTH").map(PathBuf::from) else {
        return Ok(Vec::new());
    };
    let run = |&(name, expected): &(&'static str, &'static [&'static str])| {
        let heard = listen::capture(folder.join(format!("{name}.pcap")))?;
        Ok(Captured { name, heard, expected })
    };
    CAPTURES.iter().map(run).collect()
}
