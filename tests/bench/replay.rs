//! `cargo bench --bench replay`: what a replay costs, beside the least that reading a capture can cost.
//! It makes its own captures, runs `touch` (libpcap alone) and `heelguard replay` in turn, and compares CPU times.
//! It promises ratios of runs on one file in one session; bare times say little on shared machines.
//!
//! Options behind `--`: `--runs N` (pairs of runs, 5), `--quick` (captures a tenth as large),
//! `--only NAME` (`mixed`, `tiny`, `downloads`, `elephant`, `idle`).

mod captures;
mod spent;
mod table;

use captures::Capture;
use spent::Spent;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use table::{Measured, Report};

/// What is asked of the program, beside the file.
const WORKS: &[(&str, &[&str])] = &[
    ("alerts only", &["--shards", "1"]),
    ("every transaction written", &["--shards", "1", "--transactions", "/dev/null"]),
    ("alerts only, two shards", &["--shards", "2"]),
];

struct Asked {
    runs: usize,
    quick: bool,
    only: Option<String>,
}

fn main() -> ExitCode {
    let asked = match asked(std::env::args().skip(1)) {
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

/// Progress and problems; the table alone goes to standard output.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn asked(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked { runs: 5, quick: false, only: None };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => {} // cargo says so
            "--quick" => asked.quick = true,
            "--runs" => {
                let runs = arguments.next().and_then(|runs| runs.parse().ok()).filter(|runs| *runs > 0);
                asked.runs = runs.ok_or("--runs takes a number above 0")?;
            }
            "--only" => asked.only = Some(arguments.next().ok_or("--only takes the name of a capture")?),
            other => return Err(format!("unknown option {other}; known: --runs N, --quick, --only NAME")),
        }
    }
    Ok(asked)
}

fn bench(asked: &Asked) -> Result<(), String> {
    // The folder for temporary files lies in the target folder.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let touch = compile_touch(&folder)?;
    let mut report = Report::of_this_machine(asked.runs);
    for kind in captures::Kind::ALL {
        if asked.only.as_ref().is_some_and(|only| only != kind.name()) {
            continue;
        }
        let capture = captures::ready(&folder, *kind, asked.quick)?;
        for &(work, options) in WORKS {
            report.rows.push(measure(&folder, &touch, &capture, work, options, asked.runs)?);
        }
    }
    report.write(&folder)
}

/// Runs both programs in turn; a pair shares what the machine was doing at that time.
fn measure(
    folder: &Path,
    touch: &Path,
    capture: &Capture,
    work: &'static str,
    options: &[&str],
    runs: usize,
) -> Result<Measured, String> {
    let stats = folder.join("stats.json");
    let mut pairs = Vec::new();
    for run in 1..=runs {
        say(&format!("{}, {work}: run {run} of {runs}", capture.kind.name()));
        let least = spend(touch, &[capture.path.as_os_str()])?;
        let mut arguments = vec![OsStr::new("replay"), OsStr::new("--alerts"), OsStr::new("/dev/null")];
        arguments.extend([OsStr::new("--stats"), stats.as_os_str()]);
        arguments.extend(options.iter().map(OsStr::new));
        arguments.push(capture.path.as_os_str());
        pairs.push((least, spend(Path::new(env!("CARGO_BIN_EXE_heelguard")), &arguments)?));
    }
    Ok(Measured { kind: capture.kind, work, truth: capture.truth, found: found(&stats)?, pairs })
}

fn spend(program: &Path, arguments: &[&OsStr]) -> Result<Spent, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    Spent::by(command).map_err(|problem| format!("{}: {problem}", program.display()))
}

/// Transactions of every completeness that the last run counted.
fn found(stats: &Path) -> Result<u64, String> {
    let text = std::fs::read_to_string(stats).map_err(|error| format!("{}: {error}", stats.display()))?;
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let transactions = json.get("transactions").and_then(serde_json::Value::as_object);
    let counts = transactions.ok_or("the stats hold no transactions")?.values();
    Ok(counts.filter_map(serde_json::Value::as_u64).sum())
}

fn compile_touch(folder: &Path) -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/touch.c");
    let program = folder.join("touch");
    let mut compiler = Command::new("gcc");
    compiler.args(["-O3", "-march=native", "-Wall", "-o"]).arg(&program).arg(&source).arg("-lpcap");
    let output = compiler.output().map_err(|error| {
        format!(
            "gcc cannot be run ({error}); the comparison needs gcc and libpcap: apt install gcc libpcap-dev"
        )
    })?;
    if output.status.success() {
        return Ok(program);
    }
    let problem = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("touch.c cannot be compiled; it needs libpcap: apt install libpcap-dev\n{problem}"))
}
