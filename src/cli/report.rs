//! `heelguard report`: what was seen, for somebody who was not there.
//! It is given captures, the state of a sensor or a database, and a period, and writes one file.
//! It promises that nothing is written before all of it is known, and that a running sensor is not disturbed.

mod capture;
mod database;
mod state;

use super::place::{Place, refuse_collisions};
use super::{ConfigArgs, Failure, print};
use crate::report::{Form, Range, Report as Document, moment};
use clap::{Args, ValueEnum};
use heelguard_detectors::time::EventTime;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  heelguard report --output report.html monday.pcapng.zst tuesday.pcap.gz
  heelguard report --output report.html                                 of the sensor that runs here
  heelguard report --state /var/lib/heelguard --format md
  heelguard report --clickhouse http://localhost:8123 --from 2026-11-01 --to 2026-12-01 --output november.html
  heelguard report --from 2026-11-01 --to 2026-12-01 --output november.md capture.pcap
  heelguard report --format json capture.pcap | jq .coverage.gaps";

/// Write a report: second factors, keys, what lies open, alerts, and how well it was seen.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Report {
    #[command(flatten)]
    config: ConfigArgs,

    /// The first moment of the period, in UTC: 2026-11-21 or 2026-11-21T10:03:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<EventTime>,

    /// The first moment behind the period
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<EventTime>,

    /// How it is written; the default is by the ending of `--output`, and html
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,

    /// Where it is written; `-` is stdout and the default
    #[arg(long, value_name = "PATH", default_value = "-")]
    output: PathBuf,

    #[command(flatten)]
    capture: capture::CaptureArgs,

    /// The state folder of a sensor, which may be running [default: state.dir]
    #[arg(long, value_name = "DIR", conflicts_with = "files")]
    state: Option<PathBuf>,

    /// What sensors wrote into ClickHouse; without a URL at that of sinks.clickhouse, whose user and password are used
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["files", "state"])]
    clickhouse: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Html,
    Md,
    Json,
}

impl Report {
    pub(super) fn run(self) -> Result<(), Failure> {
        let range = Range { from: self.from, to: self.to };
        if let (Some(from), Some(to)) = (range.from, range.to)
            && from >= to
        {
            return Err(Failure::usage("--from is not before --to: the period is empty"));
        }
        let mut raw = self.config.load()?;
        let place = Place::of(&self.output);
        refuse_collisions(&[("--output", &place)], &self.capture.files)?;
        let form = form(self.format, &self.output);
        if let Some(url) = &self.clickhouse {
            return write(&database::report(&raw, url, range)?, form, &place);
        }
        if self.capture.files.is_empty() {
            let report = state::report(&mut raw, self.state.as_deref(), range)?;
            return write(&report, form, &place);
        }
        let (report, damage) = self.capture.report(&mut raw, range, &self.output)?;
        write(&report, form, &place)?;
        damage.map_or(Ok(()), Err)
    }
}

/// The form that was asked for, or the one that the file's name tells.
fn form(format: Option<Format>, output: &Path) -> Form {
    let ending = output.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match (format, ending) {
        (Some(Format::Md), _) | (None, "md" | "markdown") => Form::Markdown,
        (Some(Format::Json), _) | (None, "json") => Form::Json,
        (Some(Format::Html) | None, _) => Form::Html,
    }
}

fn write(report: &Document, form: Form, place: &Place) -> Result<(), Failure> {
    let text = report.write(form);
    match place {
        Place::Stdout => print(&text),
        Place::File(path) => std::fs::write(path, &text)
            .map_err(|error| Failure::running(format!("cannot write {}: {error}", path.display()))),
    }
}
