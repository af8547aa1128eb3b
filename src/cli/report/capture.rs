//! A report of captures: read as `replay` reads them, with every detector, and nothing written but the report.
//! It is given the files and the period.
//! It promises that detectors see the whole of the captures, so that an alert of the period knows what came before.

use crate::capture::replay::Timeline;
use crate::cli::confine::{Beyond, Confined};
use crate::cli::progress::Progress;
use crate::cli::replay::{SHARDS_MAX, machine_shards, settings};
use crate::cli::{Failure, described, keylog, page, warn};
use crate::config::Raw;
use crate::ledger::Ledger;
use crate::pipeline::{self, Outputs, checkpoint};
use crate::report::{Kind, Range, Report, Sight, Source, Told, of_ledger};
use clap::Args;
use heelguard_detectors::alert::Alert;
use heelguard_detectors::transaction::Transaction;
use std::path::{Path, PathBuf};

/// Which captures, and what helps to read them.
#[derive(Args, Debug)]
pub(super) struct CaptureArgs {
    /// TLS secrets in NSS key-log form
    #[arg(long, value_name = "FILE", requires = "files")]
    keylog: Option<PathBuf>,

    /// A MaxMind DB in place of the built-in one, repeatable (country or city, ASN)
    #[arg(long, value_name = "FILE", requires = "files")]
    geoip: Vec<PathBuf>,

    /// Parser threads; the report is the same for every number [default: by the machine]
    #[arg(long, value_name = "N", requires = "files", value_parser = clap::value_parser!(u64).range(1..=SHARDS_MAX))]
    shards: Option<u64>,

    /// Captures: pcap or pcapng, plain, .gz or .zst; `-` is stdin
    #[arg(value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
}

impl CaptureArgs {
    /// The report, which goes to `output`, and what is damaged of the captures.
    pub(super) fn report(
        self,
        raw: &mut Raw,
        range: Range,
        output: &Path,
    ) -> Result<(Report, Option<Failure>), Failure> {
        if !self.geoip.is_empty() {
            raw.geoip.databases.clone_from(&self.geoip);
        }
        if let Some(keylog) = &self.keylog {
            raw.tls.keylog.clone_from(keylog);
        }
        // What a sensor has learned is its own: captures are told from themselves alone.
        raw.state = checkpoint::Config::default();
        let mut timeline = Timeline::open(&self.files).map_err(Failure::running)?;
        let keys = keylog::read(raw, &mut timeline)?;
        let described = described::read_or_warn(raw);
        let shards = self.shards.map_or_else(machine_shards, |shards| shards as usize);
        let mut options = raw.options(settings(raw)?, shards);
        options.keys = keys;
        options.described = described;
        let last = Some(output.to_owned()).filter(|output| output.as_os_str() != "-");
        Confined::to(raw, &Beyond { reads: &self.files, last, ..Beyond::default() })?;
        let mut gathered = Gathered { ledger: Ledger::default(), range, progress: Progress::new() };
        let run = pipeline::run(&mut timeline, &options, &mut gathered);
        gathered.progress.end();
        let summary = run.map_err(|error| Failure::running(format!("{error:#}")))?;
        summary.warnings.iter().for_each(|warning| warn(warning));
        let source = Source { kind: Kind::Capture, name: page::names(&self.files) };
        let sight = Sight::of(&summary.counters);
        let labels = raw.labels();
        let told = Told { labels: &labels, source, range, sight };
        let damage: Vec<String> = summary.errors.iter().map(ToString::to_string).collect();
        let damage = (!damage.is_empty()).then(|| Failure::running(damage.join("\n")));
        Ok((of_ledger(&gathered.ledger, told), damage))
    }
}

/// What a run leaves for a report.
struct Gathered {
    ledger: Ledger,
    range: Range,
    progress: Progress,
}

impl Outputs for Gathered {
    fn alert(&mut self, alert: &Alert) -> anyhow::Result<()> {
        self.ledger.alert(alert);
        Ok(())
    }

    fn transaction(&mut self, transaction: &Transaction) -> anyhow::Result<()> {
        if self.range.holds(transaction.time) {
            self.ledger.observe(transaction);
        }
        Ok(())
    }

    fn progress(&mut self, progress: &pipeline::Progress) {
        self.progress.show(progress);
    }

    fn tell(&mut self, line: &str) {
        self.progress.aside(|| warn(line));
    }
}
