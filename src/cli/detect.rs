//! `heelguard detect`: one of a group of workers that judge what sensors send to Kafka.
//! It is given a configuration with a Kafka sink, and writes what was asked for until it is told to stop.
//! It promises that a worker which ends, in order or not, leaves its share to the others where its state ends.

use super::confine::{Beyond, Confined};
use super::records::OutputArgs;
use super::reload::{Reloader, asking};
use super::replay::{SHARDS_MAX, settings};
use super::run::Wire;
use super::signals::{self, Stop};
use super::systemd::Notifier;
use super::way_out::WayOut;
use super::{ConfigArgs, Failure, described, inform, page, privileges, warn};
use crate::config::Raw;
use crate::metrics::Counters;
use crate::scale::{self, Worker};
use crate::sinks::kafka::Cluster;
use crate::sinks::record::imbalance;
use crate::sinks::spool::Full;
use crate::web::{Live, Readings, Server};
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Between two attempts to find Kafka.
const PAUSE: Duration = Duration::from_secs(2);

const EXAMPLES: &str = "\
Examples:
  heelguard detect --set sinks.kafka.brokers=kafka:9092                one worker; more of them on other machines
  heelguard detect --config /etc/heelguard.toml --alerts alerts.jsonl  alerts of this worker's share, in a file too
  heelguard run -i eth1 --set scale.forward=true --set sinks.kafka.brokers=kafka:9092    a sensor for them

Sensors and workers of one tenant share privacy.key_file and everything that says what a request means; see
docs/scale-out.md.";

/// Judge what sensors send to Kafka, as one of a group of workers, until told to stop.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Detect {
    #[command(flatten)]
    config: ConfigArgs,

    #[command(flatten)]
    outputs: OutputArgs,

    /// Of the sensors, which look addresses up; here without effect
    #[arg(long, value_name = "FILE")]
    geoip: Vec<PathBuf>,

    /// Of the sensors, which decrypt; here without effect
    #[arg(long, value_name = "FILE")]
    keylog: Option<PathBuf>,

    /// Of the sensors, which parse; here without effect: a worker has one thread, and a machine room for several
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=SHARDS_MAX))]
    shards: Option<u64>,
}

impl Detect {
    pub(super) fn run(self) -> Result<(), Failure> {
        let notifier = Notifier::from_env();
        let mut raw = self.config.load()?;
        raw.settle(false);
        let cluster = cluster(&raw)?;
        let config = raw.scale.clone();
        let plan = self.outputs.plan(&[], &raw.sinks)?;
        let last = plan.last();
        for (option, is_given) in [
            ("--geoip", !self.geoip.is_empty()),
            ("--keylog", self.keylog.is_some()),
            ("--shards", self.shards.is_some()),
        ] {
            if is_given {
                warn(&format!("{option} is for the sensors; a worker has no use for it"));
            }
        }
        let server = Server::bind(&raw.web).map_err(Failure::running)?;
        let mut records = plan.open(raw.labels(), !raw.state.dir.as_os_str().is_empty())?;
        // What is read from here on can be read again with a reload.
        privileges::drop_all().map_err(Failure::running)?;
        let described = described::read_or_warn(&mut raw);
        let identity = settings(&raw)?;
        let reads = self.config.config.as_slice();
        let confined = Confined::to(&raw, &Beyond { reads, last, ..Beyond::default() })?;
        confined.tell();
        records.is_of_now();
        records.is_without_end();
        let mut options = raw.options(Arc::clone(&identity), 1);
        options.described.clone_from(&described);
        let (asking, asked) = asking();
        let hung_up = asking.clone();
        let stop = signals::listen(move || hung_up.ask())
            .map_err(|error| Failure::running(format!("cannot listen to signals: {error}")))?;
        let tell = records.teller();
        let way_out = WayOut::open(&raw, Full::Wait, &stop, &tell)?;
        let sinks = way_out.as_ref().map(|way_out| way_out.delivery.observer());
        let source = format!("Worker of {}", config.group);
        let shown = page::shown(&raw, source, records.survey(described.as_ref()));
        let readings = Arc::<Readings>::default();
        let reloading = Live::new(sinks).reloading(move || asking.ask(), Arc::clone(&readings));
        let live = Arc::new(reloading.telling(Arc::clone(&tell)).showing(shown).locked(confined.rows()));
        let origin = live.serve(server).map_err(Failure::running)?;
        records.show_on(live);
        if let Some(way_out) = way_out {
            records.leave_by(way_out);
        }
        let working = format!("works in group {} on {}", config.group, config.sightings_topic);
        let reloader = Reloader {
            config: self.config,
            wire: Wire::default(),
            started: raw,
            identity,
            shards: 1,
            tell,
            notifier: notifier.clone(),
            survey: records.survey(described.as_ref()),
            readings,
        };
        let changes = reloader.start(asked);
        records
            .change_by(changes.map_err(|error| Failure::running(format!("cannot start a thread: {error}")))?);
        if !wait_for(&cluster, &config, &stop) {
            return records.finish(&Counters::default(), &[]).1;
        }
        inform(&format!("{working}; the page is at {origin}/, metrics are at {origin}/metrics"));
        notifier.status(&working);
        notifier.ready();
        records.alive_to(notifier.clone());

        let mut worker =
            Worker::join(&cluster, &config, options.into(), records).map_err(Failure::running)?;
        let outcome = worker.work(|| stop.is_asked());
        notifier.stopping();
        let (records, counters, left) =
            worker.leave(outcome.is_ok()).map_err(|error| Failure::running(format!("{error:#}")))?;
        let (_, written) = records.finish(&counters, &[]);
        if let Some(account) = imbalance(&counters, &[]) {
            warn(&format!("the counters do not add up: {account}"));
        }
        for ended in [outcome, left] {
            ended.map_err(|error| {
                Failure::running(format!("{error:#}; what was not kept is judged again from the state"))
            })?;
        }
        written
    }
}

/// The cluster that the configuration names.
pub(super) fn cluster(raw: &Raw) -> Result<Cluster, Failure> {
    let config = raw.scale.kafka(&raw.sinks).map_err(Failure::usage)?;
    let name = &raw.scale.sink;
    Cluster::new(config, &format!("sinks.{name}")).map_err(Failure::usage)
}

/// Waits until Kafka is there and has the topics; false when somebody wished to end before.
fn wait_for(cluster: &Cluster, config: &scale::Config, stop: &Stop) -> bool {
    let mut told = String::new();
    while !stop.is_asked() {
        match scale::prepare(cluster, config) {
            Ok(_) => return true,
            Err(line) => {
                if line != told {
                    warn(&format!("{line}; tried again until it works"));
                    told = line;
                }
                std::thread::sleep(PAUSE);
            }
        }
    }
    false
}
