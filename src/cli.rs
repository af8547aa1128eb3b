//! The command line: what can be asked for, and how it ends.
//! It is given the program's arguments, runs one command (a file each in `cli/`) and gives the exit code.
//! It promises the codes of the contract: 0 done, 1 failed while running, 2 wrong usage, 4 `--fail-on`, 77 a right is missing.

mod check;
mod confine;
mod demo;
mod described;
mod detect;
mod doctor;
mod explain;
mod failure;
mod fingerprint;
mod keylog;
mod logging;
mod news;
mod page;
mod place;
mod privileges;
mod progress;
mod records;
mod reload;
mod replay;
mod report;
mod rules;
mod run;
mod schema;
mod shell;
mod signals;
mod stopping;
mod summary;
mod systemd;
mod way_out;

pub use failure::Failure;

use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  heelguard replay capture.pcap                     alerts of a capture, readable on a terminal
  heelguard replay --transactions tx.jsonl *.pcap   several captures as one timeline
  heelguard run -i eth1                             alerts of a mirror port, as they happen
  heelguard detect --set sinks.kafka.brokers=k:9092 one of the workers that judge what many sensors see
  heelguard report --output report.html *.pcap      what was seen, for whoever was not there
  heelguard rules mfa_failure_burst                 the page of one detector
  heelguard doctor -i eth1                          whether this machine is ready to listen there
  heelguard demo                                    a generated day with attacks in it, and a page";

/// A passive sensor for API authentication: sees who called what with which proof, and when that turns bad.
#[derive(Debug, Parser)]
#[command(name = "heelguard", version, after_help = EXAMPLES, propagate_version = true, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// What to log on stderr: error, warn, info, debug or trace (or set `HEELGUARD_LOG`)
    #[arg(long, global = true, value_name = "LEVEL")]
    log: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch interfaces and write alerts, until told to stop
    Run(run::Run),
    /// Read captures as one timeline and write alerts
    Replay(replay::Replay),
    /// Judge what sensors send to Kafka, as one of a group of workers
    Detect(detect::Detect),
    /// Write a report: second factors, keys, what lies open, alerts, and how well it was seen
    Report(report::Report),
    /// Replay a generated day of traffic with attacks in it, and show it
    Demo(demo::Demo),
    /// Validate a configuration
    Check(check::Check),
    /// Look at this machine and say what to change before the sensor runs here
    Doctor(doctor::Doctor),
    /// Show the detectors, or the page of one
    Rules(rules::Rules),
    /// Print the schema of a record, of the configuration, or the tables to keep records in
    Schema(schema::Schema),
    /// Find a secret that an alert names: reads one a line on stdin, prints `fingerprint<TAB>class`
    Fingerprint(fingerprint::Fingerprint),
    /// Print a completion script for a shell
    Completions(shell::Completions),
    /// Print the man page
    Man(shell::Man),
}

/// Where a command takes its configuration from.
#[derive(Args, Debug)]
struct ConfigArgs {
    /// The TOML file; without it the built-in defaults are used
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Override one key, repeatable: `--set detectors.mfa_failure_burst.failures=5`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

impl ConfigArgs {
    fn load(&self) -> Result<crate::config::Raw, Failure> {
        Ok(crate::config::load(self.config.as_deref(), &self.overrides)?)
    }
}

/// Runs the program with these arguments, the first being its name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        // Help and version are no errors and go to stdout; clap knows which is which.
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()) * 2);
        }
    };
    if let Err(why) = crate::hardening::no_core_dumps() {
        warn(&why);
    }
    let outcome = logging::start(cli.log.as_deref()).and_then(|()| match cli.command {
        Command::Run(command) => command.run(),
        Command::Replay(command) => command.run(),
        Command::Detect(command) => command.run(),
        Command::Report(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Doctor(command) => command.run(),
        Command::Rules(command) => command.run(),
        Command::Schema(command) => command.run(),
        Command::Fingerprint(command) => command.run(),
        Command::Completions(command) => command.run::<Cli>(),
        Command::Man(shell::Man) => shell::Man::run::<Cli>(),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Writes a command's answer to stdout. A reader that has seen enough is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::running(format!("cannot write standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Tells the operator what the sensor does.
fn inform(message: &str) {
    let message = failure::without_numbers(message);
    let _ = writeln!(io::stderr(), "heelguard: {}", crate::sinks::escape::for_terminal(&message));
}

/// Tells the operator something that is worth knowing and stops nothing.
fn warn(message: &str) {
    let message = failure::without_numbers(message);
    let _ = writeln!(io::stderr(), "heelguard: warning: {}", crate::sinks::escape::for_terminal(&message));
}
