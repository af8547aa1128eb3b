//! `make harden`: every proof of safety in its long form, one after the other, and the table of what was
//! promised and what was measured.
//! It is given the names of proofs (all of them, where none is named), runs each as its own command, and gathers the figures
//! that they tell (`tests/support/figures.rs`).
//! It promises that a promise without a figure, and a proof that failed, stand in the table as such.
//!
//! Options, in `HARDEN_ARGS`: `--quick` (the forms of `make test`), `--write` (renews docs/hardening.md), `--list`, names.

#[path = "../bench/document.rs"]
mod document;
#[path = "../bench/machine.rs"]
mod machine;

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

const PAGE: &str = "docs/hardening.md";
/// What long forms measure, but those that need a build of their own: the program that is delivered.
const PROGRAM: &str = "target/release/heelguard";

/// What is promised, in the order of its numbers.
const PROMISES: [(&str, &str); 20] = [
    (
        "F1",
        "Every parser withstands 10^9 inputs, or 24 hours, of a fuzzer: no panic, no second on one, no 512 MB",
    ),
    ("F2", "10,000 connections by chance are read as the kernel reads them"),
    ("F3", "No difference between two readings is silent"),
    ("F4", "No request under a wrong credential, with 1 to 20 % of HTTP/2 lost"),
    ("F5", "1 GiB of memory under every flood at once"),
    ("F6", "Honest requests are told, and alerts in 2 s, while a flood runs"),
    ("F7", "In = out + dropped, to the packet"),
    ("F8", "No alert lost, none invented, in 260 kills"),
    ("F9", "An hour without sinks loses nothing and drops no packet"),
    ("F10", "A full disk costs no alert as long as its reserve lasts"),
    ("F11", "No secret in any output"),
    ("F12", "No right but one, at most 70 system calls, no execution; exposure of the service at most 1.5"),
    ("F13", "No small capture costs 5 s or 256 MB"),
    ("F14", "At most 2,000 series, a scrape in 50 ms, a page that holds under 10,000 connections"),
    ("F15", "40 broken configurations are refused by place; reloads cost neither packets nor memory"),
    ("F16", "Ready in 2 s, whatever the spool is like"),
    ("F17", "Nothing in the sensor may panic by its form: no unwrap, expect, panic; overflow is checked"),
    ("F18", "No known hole in what is built in, every licence allowed, two builds equal"),
    ("F19", "The same bytes for every number of threads, every time"),
    ("F20", "Every proof finds the bugs that are put in for it"),
];

/// A proof: its name, its command, and which promise its success alone tells of, in words.
struct Proof {
    name: &'static str,
    command: &'static str,
    alone: Option<(&'static str, &'static str)>,
}

const fn proof(name: &'static str, command: &'static str) -> Proof {
    Proof { name, command, alone: None }
}

const fn alone(
    name: &'static str,
    command: &'static str,
    promise: &'static str,
    what: &'static str,
) -> Proof {
    Proof { name, command, alone: Some((promise, what)) }
}

const PROOFS: &[Proof] = &[
    alone("lints", "make lint", "F17", "clippy's panic family over the whole source, as errors"),
    proof("kernel", "cargo test --locked --test kernel"),
    proof("loss", "cargo test --locked --test loss"),
    proof("bombs", "cargo test --locked --test bombs"),
    proof("locks", "cargo test --locked --test hardening"),
    alone(
        "service",
        "cargo test --locked --test tidy service",
        "F12",
        "the units, judged by systemd-analyze",
    ),
    proof("live", "cargo test --locked --test live"),
    proof("faults", "cargo test --locked --test faults"),
    proof("page", "cargo test --locked --test page --test door"),
    proof("leaks", "cargo test --locked --test leaks"),
    proof("threads", "cargo test --locked --test corpus"),
    proof("floods", "cargo test --locked --test exhaustion"),
    proof("kills", "make kill-loop"),
    proof("outage", "make outage"),
    proof("mutants", "make mutants"),
    proof("fuzz", "make fuzz"),
    proof("coverage", "make fuzz-coverage"),
    alone("supply", "make supply", "F18", "licences, sources, known holes, bill of materials"),
    alone("reproduce", "make reproduce", "F18", "two builds from nothing are equal"),
];

/// What `make test` runs of a proof that has a command of its own.
fn quick(name: &str) -> Option<&'static str> {
    match name {
        "kills" => Some("cargo test --locked --test kill killed_again"),
        "outage" => Some("cargo test --locked --test kill outage"),
        "fuzz" => Some("cargo test --locked --test fuzz"),
        "mutants" => Some("cargo test --locked --test tidy mutants"),
        _ => None,
    }
}

/// A figure that a proof told.
struct Figure {
    what: String,
    measured: String,
    reached: bool,
    /// Of the form that `make test` runs, which is smaller than what is promised.
    is_quick: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if has("--list") {
        for Proof { name, command, .. } in PROOFS {
            say(&format!("{name:<10} {command}"));
        }
        return ExitCode::SUCCESS;
    }
    let named: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|name| !name.starts_with('-')).collect();
    match harden(&named, has("--quick"), has("--write")) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            say(&format!("harden: {problem}"));
            ExitCode::FAILURE
        }
    }
}

/// Progress and problems; the table alone goes to standard output.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Whether every proof that ran succeeded.
fn harden(named: &[&str], is_quick: bool, write: bool) -> Result<bool, String> {
    if let Some(unknown) = named.iter().find(|name| PROOFS.iter().all(|proof| proof.name != **name)) {
        return Err(format!("`{unknown}` is no proof; --list names them"));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/harden");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let path = folder.join("figures.jsonl");
    if !is_quick {
        let (is_built, took) = run("build", "make build", &folder, false)?;
        say(&format!("{PROGRAM}: built after {} s", took.as_secs()));
        if !is_built {
            return Err(format!("{PROGRAM} is not built; see {}", folder.join("build.log").display()));
        }
    }
    let mut ran = Vec::new();
    for Proof { name, command, alone } in
        PROOFS.iter().filter(|proof| named.is_empty() || named.contains(&proof.name))
    {
        forget(&path, name)?;
        let command = if is_quick { quick(name).unwrap_or(command) } else { command };
        say(&format!("{name}: {command}"));
        let (is_good, took) = run(name, command, &folder, is_quick)?;
        say(&format!("{name}: {} after {} s", if is_good { "good" } else { "FAILED" }, took.as_secs()));
        if let Some((promise, what)) = alone {
            let measured = if is_good { "holds" } else { "does not hold" };
            let line = serde_json::json!({ "promise": promise, "what": what, "measured": measured, "reached": is_good });
            note(&path, name, &line)?;
        } else if !is_good {
            let line = serde_json::json!({ "failed": true });
            note(&path, name, &line)?;
        }
        ran.push(is_good);
    }
    let text = table(&path)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| error.to_string())?;
    if write {
        document::renew(PAGE, "figures", &text)?;
    }
    Ok(ran.iter().all(|is_good| *is_good))
}

/// Runs a proof. What it says goes to a file of its own, its figures to another, and from there to those of all.
fn run(name: &str, command: &str, folder: &Path, is_quick: bool) -> Result<(bool, Duration), String> {
    let failed = |error: std::io::Error| format!("{name}: {error}");
    let mut words = command.split(' ');
    let program = words.next().ok_or_else(|| format!("{name} has no command"))?;
    let said = std::fs::File::create(folder.join(format!("{name}.log"))).map_err(failed)?;
    let told = folder.join(format!("{name}.jsonl"));
    let _ = std::fs::remove_file(&told);
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut process = Command::new(program);
    process.args(words).current_dir(home);
    if is_quick {
        process.env_remove("HEELGUARD_PROGRAM");
    } else {
        process.env("HEELGUARD_PROGRAM", home.join(PROGRAM));
    }
    process.env("HEELGUARD_FIGURES", &told).env("HEELGUARD_SERVICES", "required");
    process.env("HEELGUARD_HARDEN", if is_quick { "quick" } else { "long" });
    process.stdout(said.try_clone().map_err(failed)?).stderr(said);
    let began = Instant::now();
    let status = process.status().map_err(failed)?;
    for line in std::fs::read_to_string(&told).unwrap_or_default().lines() {
        let line: Value = serde_json::from_str(line).map_err(|error| format!("{name}: {error}: {line}"))?;
        note(&folder.join("figures.jsonl"), name, &line)?;
    }
    Ok((status.success(), began.elapsed()))
}

/// Takes what a proof told before out of the figures.
fn forget(path: &PathBuf, proof: &str) -> Result<(), String> {
    let kept: String = lines(path)?
        .into_iter()
        .filter(|line| line["proof"] != proof)
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(path, kept).map_err(|error| format!("{}: {error}", path.display()))
}

fn note(path: &Path, proof: &str, line: &Value) -> Result<(), String> {
    let mut line = line.clone();
    line["proof"] = proof.into();
    let opened = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let written = opened.and_then(|mut file| writeln!(file, "{line}"));
    written.map_err(|error| format!("{}: {error}", path.display()))
}

fn lines(path: &Path) -> Result<Vec<Value>, String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))).collect()
}

fn table(path: &Path) -> Result<String, String> {
    let mut figures: BTreeMap<String, Vec<Figure>> = BTreeMap::new();
    let mut failed = Vec::new();
    for line in lines(path)? {
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        if line["failed"] == true {
            failed.push(text("proof"));
            continue;
        }
        let (what, measured) = (text("what"), text("measured"));
        let (reached, is_quick) = (line["reached"] == true, line["long"] == false);
        figures.entry(text("promise")).or_default().push(Figure { what, measured, reached, is_quick });
    }
    let mut text = format!("{}; made by `make harden`.\n\n", machine::machine());
    text += "| | promised | measured | |\n|---|---|---|---|\n";
    for (promise, words) in PROMISES {
        let told = figures.remove(promise).unwrap_or_default();
        let word = match told.as_slice() {
            [] => "not measured",
            all if all.iter().any(|figure| !figure.reached) => "**missed**",
            all if all.iter().any(|figure| figure.is_quick) => "holds in its quick form",
            _ => "reached",
        };
        let measured: Vec<String> = told
            .iter()
            .map(|Figure { what, measured, reached, .. }| {
                format!("{what}: {measured}{}", if *reached { "" } else { " **(missed)**" })
            })
            .collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {promise} | {words} | {} | {word} |", measured.join("; "));
    }
    if !failed.is_empty() {
        let _ = writeln!(text, "\nProofs that failed: {}.", failed.join(", "));
    }
    Ok(text)
}
