//! `cargo bench --bench replay`: what the sensor costs, beside the least that reading packets can cost, and its peers.
//! On files it runs `touch` (libpcap alone) and each program in turn and compares CPU times; on a virtual cable it looks
//! for the highest rate without a drop. It promises ratios of one session; bare times say little on shared machines.
//!
//! Options behind `--`: `--runs N` (pairs of runs, 5), `--quick` (captures a tenth as large, short steps),
//! `--only NAMES` (captures by their names, with commas: `mixed,http2`; or `identities`), `--files` or `--live` (that part alone),
//! `--write` (renews docs/performance.md, docs/performance.svg and the README's part on speed).

mod bars;
mod captures;
mod document;
mod files;
mod growth;
mod live;
mod machine;
mod peers;
mod picture;
mod plot;
mod rates;
mod spent;
mod table;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

/// Said below the table of rates.
const PICTURE: &str = "![Delivered packets, CPU and memory over the offered rate](performance.svg)\n";

/// What is measured, and how long.
struct Asked {
    runs: usize,
    is_quick: bool,
    only: Option<String>,
    part: Part,
    write: bool,
}

/// Which of the two parts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Both,
    Files,
    Live,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(made) = captures::make_as_asked(&arguments) {
        return made.map_or_else(|problem| told(&problem, 1), |()| ExitCode::SUCCESS);
    }
    let asked = match asked(arguments.into_iter()) {
        Ok(asked) => asked,
        Err(problem) => return told(&problem, 2),
    };
    match bench(&asked) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => told(&problem, 1),
    }
}

fn told(problem: &str, code: u8) -> ExitCode {
    say(&format!("bench: {problem}"));
    ExitCode::from(code)
}

/// Progress and problems; the tables alone go to standard output.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn asked(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked { runs: 5, is_quick: false, only: None, part: Part::Both, write: false };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => {} // cargo says so
            "--quick" => asked.is_quick = true,
            "--files" => asked.part = Part::Files,
            "--live" => asked.part = Part::Live,
            "--write" => asked.write = true,
            "--runs" => {
                let runs = arguments.next().and_then(|runs| runs.parse().ok()).filter(|runs| *runs > 0);
                asked.runs = runs.ok_or("--runs takes a number above 0")?;
            }
            "--only" => {
                asked.only = Some(arguments.next().ok_or("--only takes names of captures")?);
                asked.part = Part::Files;
            }
            other => return Err(format!("unknown option {other}; see the head of tests/bench/replay.rs")),
        }
    }
    if asked.write && (asked.only.is_some() || asked.is_quick) {
        return Err("--write renews whole tables: it goes with neither --only nor --quick".to_owned());
    }
    Ok(asked)
}

fn bench(asked: &Asked) -> Result<(), String> {
    // The folder for temporary files lies in the target folder.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let made_on = format!("{}; made by `make bench`", machine::machine());
    if asked.part != Part::Live {
        on_files(asked, &folder, &made_on)?;
    }
    if asked.part != Part::Files {
        // Last, because this process leaves the machine's network for it.
        on_the_wire(asked, &folder, &made_on)?;
    }
    Ok(())
}

/// The parts on files: captures, and ever more identities.
fn on_files(asked: &Asked, folder: &Path, made_on: &str) -> Result<(), String> {
    let is_wanted =
        |name: &str| asked.only.as_deref().is_none_or(|only| only.split(',').any(|only| only == name));
    let measured = files::measure(folder, asked.runs, asked.is_quick, &is_wanted)?;
    if !measured.rows.is_empty() {
        let made = format!("{made_on}; medians of {} pairs of runs.\n\n", asked.runs);
        let mut text = made.clone() + &table::markdown(&measured.rows);
        let _ = write!(text, "\n{}{}", bars::sentences(&measured.rows), measured.absent());
        show(&text)?;
        let json = serde_json::json!({
            "machine": made_on,
            "rows": measured.rows.iter().map(table::Measured::json).collect::<Vec<_>>(),
        });
        let path = folder.join("result.json");
        std::fs::write(&path, format!("{json:#}\n"))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        if asked.write {
            document::renew("docs/performance.md", "files", &text)?;
            document::renew("README.md", "speed", &(made + &table::brief(&measured.rows)))?;
        }
    }
    if !is_wanted("identities") {
        return Ok(());
    }
    let grown = growth::measure(folder, asked.runs.min(3), asked.is_quick)?;
    let text = format!("{made_on}.\n\n{}", growth::markdown(&grown));
    show(&text)?;
    if asked.write { document::renew("docs/performance.md", "identities", &text) } else { Ok(()) }
}

/// The live part; where it cannot be measured that is said, and is a failure only when nothing else was asked for.
fn on_the_wire(asked: &Asked, folder: &Path, made_on: &str) -> Result<(), String> {
    let climbs = match rates::measure(folder, asked.is_quick) {
        Err(problem) if asked.part == Part::Both => {
            say(&format!("live rates were not measured: {problem}"));
            return Ok(());
        }
        climbs => climbs?,
    };
    let text = format!("{made_on}.\n\n{}", rates::markdown(&climbs));
    show(&text)?;
    let picture = picture::svg(&climbs.climbs, made_on);
    std::fs::write(folder.join("performance.svg"), &picture).map_err(|error| error.to_string())?;
    if asked.write {
        let text = format!("{text}\n{PICTURE}");
        document::renew("docs/performance.md", "live", &text)?;
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.svg");
        std::fs::write(&path, picture).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

fn show(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| error.to_string())
}

/// Transactions of every completeness that the last run counted.
fn found(stats: &Path) -> Result<u64, String> {
    let text = std::fs::read_to_string(stats).map_err(|error| format!("{}: {error}", stats.display()))?;
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let transactions = json.get("transactions").and_then(serde_json::Value::as_object);
    let counts = transactions.ok_or("the stats hold no transactions")?.values();
    Ok(counts.filter_map(serde_json::Value::as_u64).sum())
}
