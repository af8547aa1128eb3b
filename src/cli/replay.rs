//! `heelguard replay`: captures in, records out.
//! It is given files and options, runs the pipeline over them as one timeline, and writes what was asked for.
//! It promises that nothing is written before every file is known to be a capture.

use super::confine::{Beyond, Confined};
use super::explain::ExplainArgs;
use super::records::{OutputArgs, ReaderGone, Records, Shipping, Tally};
use super::stopping::Stopping;
use super::way_out::WayOut;
use super::{ConfigArgs, Failure, described, keylog, news, page, signals, summary, warn};
use crate::capture::replay::Timeline;
use crate::config::{Keys, Raw};
use crate::http::Services;
use crate::identity::Settings;
use crate::identity::geo::Geo;
use crate::pipeline::{self, Summary};
use crate::sinks::record::{ServiceRow, imbalance};
use crate::sinks::spool::Full;
use crate::web::{Live, Server};
use clap::Args;
use heelguard_detectors::alert::{Alert, Severity};
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Parser threads at most: beyond this, queues cost more than they save.
pub(super) const SHARDS_MAX: u64 = 64;

const EXAMPLES: &str = "\
Examples:
  heelguard replay capture.pcap
  heelguard replay --transactions tx.jsonl --stats stats.json monday.pcapng.zst tuesday.pcap.gz
  heelguard replay --fail-on high --alerts alerts.jsonl capture.pcap    exit code 4 if something bad is in it
  heelguard replay --set detectors.mfa_failure_burst.failures=5 capture.pcap
  heelguard replay --explain user:alice@example.com capture.pcap        why she did or did not alert
  heelguard replay --explain 203.0.113.7 --explain-rule credential_stuffing capture.pcap
  tcpdump -i eth1 -w - tcp | heelguard replay --serve -
  heelguard replay --set sinks.kafka.brokers=kafka:9092 --set state.dir=/var/lib/heelguard capture.pcap";

/// Read captures as one timeline and write alerts.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Replay {
    #[command(flatten)]
    config: ConfigArgs,

    #[command(flatten)]
    outputs: OutputArgs,

    #[command(flatten)]
    explain: ExplainArgs,

    /// TLS secrets in NSS key-log form
    #[arg(long, value_name = "FILE")]
    keylog: Option<PathBuf>,

    /// A MaxMind DB in place of the built-in one, repeatable (country or city, ASN)
    #[arg(long, value_name = "FILE")]
    geoip: Vec<PathBuf>,

    /// Parser threads; the output is the same for every number [default: by the machine]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=SHARDS_MAX))]
    shards: Option<u64>,

    /// Exit with 4 if an alert of this severity or worse was raised: info, low, medium, high or critical
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    fail_on: Option<Severity>,

    /// Serve the page, /metrics and /health on web.listen while this runs and, of files, until Ctrl-C
    #[arg(long)]
    serve: bool,

    /// Captures: pcap or pcapng, plain, .gz or .zst; `-` is stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Replay {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut raw = self.config.load()?;
        if !self.geoip.is_empty() {
            raw.geoip.databases.clone_from(&self.geoip);
        }
        if let Some(keylog) = &self.keylog {
            raw.tls.keylog.clone_from(keylog);
        }
        let plan = self.outputs.plan(&self.files, &raw.sinks)?;
        let explained = self.explain.understand()?;
        let server = if self.serve { Some(Server::bind(&raw.web).map_err(Failure::running)?) } else { None };
        let mut timeline = Timeline::open(&self.files).map_err(Failure::running)?;
        let keys = keylog::read(&raw, &mut timeline)?;
        let described = described::read_or_warn(&mut raw);
        let identity = settings(&raw)?;
        let last = plan.last();
        let mut outputs = plan.open(raw.labels(), !raw.state.dir.as_os_str().is_empty())?;
        let shards = self.shards.map_or_else(machine_shards, |shards| shards as usize);
        let confined = Confined::to(&raw, &Beyond { reads: &self.files, last, ..Beyond::default() })?;
        let shipping = Shipping::arrange(&mut raw, identity.state_id())?;
        let mut options = raw.options(identity, shards);
        options.keys = keys;
        options.described.clone_from(&described);
        let told = news::follow(&raw, outputs.teller())?;
        options.forward = shipping.is_some();
        options.news = told.as_ref().map(|told| told.news.clone());
        outputs.forward_by(shipping);
        outputs.survey(described.as_ref());
        if let Some((watched, explainer)) = explained {
            options.detection.watch = Some(watched);
            outputs.explain_by(explainer);
        }
        // What was published before these captures is known to them from the first packet on.
        if let Some(told) = &told {
            told.catch_up();
        }
        // Files are looked at anew with every batch; the signal only must not end us.
        let stop = signals::listen(|| {})
            .map_err(|error| Failure::running(format!("cannot listen to signals: {error}")))?;
        let is_piped = self.files.iter().any(|file| file.as_os_str() == "-");
        if is_piped {
            outputs.is_of_now();
        }
        // A replay can wait for its sinks; a wire cannot.
        let way_out = WayOut::open(&raw, Full::Wait, &stop, &outputs.teller())?;
        let mut shown_at = None;
        if let Some(server) = server {
            let sinks = way_out.as_ref().map(|way_out| way_out.delivery.observer());
            let shown = page::shown(&raw, page::files(&self.files), outputs.survey(described.as_ref()));
            let live = Arc::new(Live::new(sinks).showing(shown).locked(confined.rows()));
            let origin = live.serve(server).map_err(Failure::running)?;
            warn(&format!("the page is at {origin}/, metrics are at {origin}/metrics"));
            outputs.show_on(live);
            // Whoever pipes into this ends it by ending the pipe.
            shown_at = (!is_piped).then_some(origin);
        }
        if let Some(way_out) = way_out {
            outputs.leave_by(way_out);
        }
        let mut source = Stopping { source: &mut timeline, stop: stop.clone() };
        let run = |records: &mut Records| pipeline::run(&mut source, &options, records);
        let Some(ended) = run_to_end(outputs, run)? else { return Ok(()) };
        if let Some(origin) = shown_at {
            page::stay(origin, &stop);
        }
        match self.fail_on {
            Some(limit) if ended.tally.worst >= Some(limit) => Err(Failure::AlertRaised),
            _ => Ok(()),
        }
    }
}

/// What identity works with: presets, networks, GeoIP and the fingerprint key.
pub(super) fn settings(raw: &Raw) -> Result<Arc<Settings>, Failure> {
    let keys = Keys::load(raw).map_err(Failure::running)?;
    for warning in &keys.warnings {
        warn(warning);
    }
    let settings = Settings::build(&raw.network, &raw.identity, &raw.privacy, keys.keyring, geo(raw)?);
    let settings = settings.and_then(|settings| settings.with_tokens(&raw.identity));
    settings.map(Arc::new).map_err(Failure::running)
}

/// Where addresses are.
pub(super) fn geo(raw: &Raw) -> Result<Geo, Failure> {
    match raw.geoip.databases.as_slice() {
        [] => Ok(Geo::builtin()),
        databases => Geo::with_databases(databases).map_err(Failure::running),
    }
}

/// What a run leaves for the command that asked for it.
pub(super) struct Ended {
    pub(super) tally: Tally,
    /// Every alert, when the records were told to keep them.
    pub(super) alerts: Vec<Alert>,
}

/// Runs into outputs until there is no more to read, and closes them; nothing is left to say when the reader of stdout
/// went away.
pub(super) fn run_to_end(
    mut records: Records,
    run: impl FnOnce(&mut Records) -> anyhow::Result<Summary>,
) -> Result<Option<Ended>, Failure> {
    let started = Instant::now();
    let mut summary = match run(&mut records) {
        Ok(summary) => summary,
        Err(error) => {
            records.abandon();
            return if error.is::<ReaderGone>() {
                Ok(None)
            } else {
                Err(Failure::running(format!("{error:#}")))
            };
        }
    };
    let services = service_rows(&summary.services);
    let wants_words = records.is_for_a_person() || io::stderr().is_terminal();
    let alerts = records.take_alerts();
    let (tally, written) = records.finish(&summary.counters, &services);
    for warning in summary.warnings.drain(..) {
        warn(&warning);
    }
    if let Some(account) = imbalance(&summary.counters, &[]) {
        warn(&format!("the counters do not add up: {account}"));
    }
    if wants_words {
        summary::print(&summary, &services, &tally, started.elapsed());
    }
    written?;
    if !summary.errors.is_empty() {
        let messages: Vec<String> = summary.errors.iter().map(ToString::to_string).collect();
        return Err(Failure::running(messages.join("\n")));
    }
    Ok(Some(Ended { tally, alerts }))
}

/// The services in the form of records.
pub(super) fn service_rows(services: &Services) -> Vec<ServiceRow> {
    let rows = services.rows().into_iter();
    rows.map(|(host, port, counts)| ServiceRow {
        host: host.to_owned(),
        port,
        tls: counts.tls,
        http1: counts.http1,
        http2: counts.http2,
        quic: counts.quic,
        unknown: counts.unknown,
    })
    .collect()
}

/// One parser thread for each two processors: the reader and the analysis want theirs too.
pub(super) fn machine_shards() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| (processors.get() / 2).clamp(1, 8))
}

fn severity(text: &str) -> Result<Severity, String> {
    let known = || Severity::ALL.iter().map(|severity| severity.name());
    Severity::ALL.iter().copied().find(|severity| severity.name() == text).ok_or_else(|| {
        let hint = crate::config::nearest(text, known()).map(|near| format!("; did you mean `{near}`?"));
        format!("allowed: {}{}", known().collect::<Vec<_>>().join(", "), hint.unwrap_or_default())
    })
}
