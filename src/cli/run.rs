//! `heelguard run`: the live sensor.
//! It is given interfaces and options, captures until it is told to stop, and writes what was asked for.
//! It promises that rights are given up as soon as interfaces and outputs are open, and system calls and folders as soon
//! as the configuration is understood: both before a byte of traffic is looked at, and before any thread is there.

use super::confine::{Beyond, Confined};
use super::records::{OutputArgs, Shipping};
use super::reload::{Reloader, asking};
use super::replay::{SHARDS_MAX, machine_shards, run_to_end, settings};
use super::signals::{self, Stop};
use super::systemd::Notifier;
use super::way_out::WayOut;
use super::{ConfigArgs, Failure, described, inform, keylog, news, page, privileges, warn};
use crate::capture::live::{self, OpenError};
use crate::capture::replay::Progress as Reading;
use crate::capture::{CaptureError, Next};
use crate::config::Raw;
use crate::metrics::Counters;
use crate::pipeline::{self, Source};
use crate::sinks::spool::Full;
use crate::web::{Live, Readings, Server};
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// After it was told to stop, the sensor has so long beyond `spool.drain_timeout_s`.
const STOP_TIME: Duration = Duration::from_secs(20);

const EXAMPLES: &str = "\
Examples:
  heelguard run -i eth1                                     alerts of a mirror port, readable on a terminal
  heelguard run -i eth1 -i eth2 --alerts alerts.jsonl       a tap that gives each direction a port of its own
  heelguard run --config /etc/heelguard.toml --user heelguard
  heelguard run -i eth1 --filter 'not port 22' --duration 60 --stats -
  kill -HUP $(pidof heelguard)                              reads the configuration anew";

/// Watch interfaces until told to stop.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Run {
    #[command(flatten)]
    config: ConfigArgs,

    #[command(flatten)]
    outputs: OutputArgs,

    #[command(flatten)]
    wire: Wire,

    /// Shards, each with a ring of its own on every interface [default: by the machine]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=SHARDS_MAX))]
    shards: Option<u64>,

    /// Stop after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    duration: Option<u64>,
}

/// What the command line says in place of the file.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Wire {
    /// The interface to listen on, repeatable: eth1
    #[arg(short, long = "interface", value_name = "NAME")]
    interfaces: Vec<String>,

    /// A capture filter in tcpdump's words; without it everything is looked at
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,

    /// TLS secrets in NSS key-log form: a file that grows, or a FIFO
    #[arg(long, value_name = "FILE")]
    keylog: Option<PathBuf>,

    /// A MaxMind DB in place of the built-in one, repeatable (country or city, ASN)
    #[arg(long, value_name = "FILE")]
    geoip: Vec<PathBuf>,

    /// Become this user once the interfaces are open; without state.dir and `XDG_STATE_HOME`, state and key are then in
    /// /var/lib/heelguard
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

impl Wire {
    /// Puts the command line's words, and what a sensor needs beyond the defaults, in their places.
    pub(super) fn amend(&self, raw: &mut Raw) {
        if !self.interfaces.is_empty() {
            raw.capture.live.interfaces.clone_from(&self.interfaces);
        }
        if let Some(filter) = &self.filter {
            raw.capture.live.filter.clone_from(filter);
        }
        if let Some(keylog) = &self.keylog {
            raw.tls.keylog.clone_from(keylog);
        }
        if !self.geoip.is_empty() {
            raw.geoip.databases.clone_from(&self.geoip);
        }
        raw.settle(self.user.is_some());
    }
}

impl Run {
    pub(super) fn run(self) -> Result<(), Failure> {
        let notifier = Notifier::from_env();
        let mut raw = self.config.load()?;
        self.wire.amend(&mut raw);
        let plan = self.outputs.plan(&[], &raw.sinks)?;
        let keylog = keylog::open(&raw)?;
        let server = Server::bind(&raw.web).map_err(Failure::running)?;
        let shards = self.shards.map_or_else(machine_shards, |shards| shards as usize);
        let mut opened = live::open(&raw.capture.live, shards).map_err(refused)?;
        let last = plan.last();
        // Where the caller stands is often no place for the user to write.
        let mut records = plan.open(raw.labels(), !raw.state.dir.as_os_str().is_empty())?;
        let user = self.wire.user.as_deref();
        privileges::make_home(user, &raw).map_err(Failure::running)?;
        privileges::drop_to(user).map_err(Failure::running)?;
        // Becoming another user made the process readable for that user again.
        if let Err(why) = crate::hardening::no_core_dumps() {
            warn(&why);
        }
        for warning in opened.warnings.drain(..) {
            warn(&warning);
        }

        if raw.state.dir.as_os_str().is_empty() {
            warn("state.dir: neither XDG_STATE_HOME nor HOME is set: what is learned ends with this run");
        }
        let described = described::read_or_warn(&mut raw);
        let identity = settings(&raw)?;
        let reads = self.config.config.as_slice();
        let confined = Confined::to(&raw, &Beyond { captures: true, reads, last })?;
        records.is_of_now();
        records.is_without_end();
        let shipping = Shipping::arrange(&mut raw, identity.state_id())?;
        let mut options = raw.options(Arc::clone(&identity), shards);
        options.described.clone_from(&described);
        let told = news::follow(&raw, records.teller())?;
        options.forward = shipping.is_some();
        options.news = told.as_ref().map(|told| told.news.clone());
        records.forward_by(shipping);
        let (asking, asked) = asking();
        let hung_up = asking.clone();
        let stop = signals::listen(move || hung_up.ask())
            .map_err(|error| Failure::running(format!("cannot listen to signals: {error}")))?;
        let tell = records.teller();
        let way_out = WayOut::open(&raw, Full::Drop, &stop, &tell)?;
        let sinks = way_out.as_ref().map(|way_out| way_out.delivery.observer());
        let source = format!("Live on {}", raw.capture.live.interfaces.join(", "));
        let shown = page::shown(&raw, source, records.survey(described.as_ref()));
        let readings = Arc::<Readings>::default();
        let reloading = Live::new(sinks).reloading(move || asking.ask(), Arc::clone(&readings));
        let live = Arc::new(reloading.telling(Arc::clone(&tell)).showing(shown).locked(confined.rows()));
        let origin = live.serve(server).map_err(Failure::running)?;
        records.show_on(live);
        records.listens_to(opened.observer);
        let patience = STOP_TIME + Duration::from_secs(raw.spool.drain_timeout_s.into());
        if let Some(way_out) = way_out {
            records.leave_by(way_out);
        }
        let interfaces = raw.capture.live.interfaces.clone();
        let listening = format!("listening on {}", interfaces.join(", "));
        let reloader = Reloader {
            config: self.config,
            wire: self.wire,
            started: raw,
            identity,
            shards,
            tell: Arc::clone(&tell),
            notifier: notifier.clone(),
            survey: records.survey(described.as_ref()),
            readings,
        };
        let started = |error: std::io::Error| Failure::running(format!("cannot start a thread: {error}"));
        if let Some((keys, follower)) = keylog {
            let tell = Arc::clone(&tell);
            follower.start(&keys, move |line| tell(line)).map_err(started)?;
            options.keys = Some(keys);
        }
        records.change_by(reloader.start(asked).map_err(started)?);
        let ending = Ending {
            stop,
            capture: opened.stop,
            notifier: notifier.clone(),
            duration: self.duration.map(Duration::from_secs),
            patience,
        };
        ending.watch().map_err(started)?;

        let mtu = smallest_mtu(&interfaces);
        let mut taps: Vec<Box<dyn Source>> = Vec::new();
        for tap in opened.taps {
            taps.push(Box::new(Listening(tap, mtu)));
        }
        opened.supervisor.start(Arc::clone(&tell)).map_err(started)?;
        confined.tell();
        inform(&format!("{listening}; the page is at {origin}/, metrics are at {origin}/metrics"));
        notifier.status(&listening);
        notifier.ready();
        records.alive_to(notifier);
        let ended = run_to_end(records, |records| match taps.as_mut_slice() {
            // One ring for several shards: its packets are dealt.
            [tap] if shards > 1 => pipeline::run(tap.as_mut(), &options, records),
            taps => pipeline::run_live(taps, &options, records),
        });
        ended.map(drop)
    }
}

/// The smallest MTU of these interfaces, where the system says.
fn smallest_mtu(interfaces: &[String]) -> Option<u32> {
    let mtu = |name: &String| {
        let text = std::fs::read_to_string(format!("/sys/class/net/{name}/mtu")).ok()?;
        text.trim().parse().ok()
    };
    interfaces.iter().filter_map(mtu).min()
}

/// What keeps a capture from being opened.
fn refused(error: OpenError) -> Failure {
    match error {
        OpenError::Setting(message) => Failure::usage(message),
        OpenError::Rights(message) => Failure::Rights(message),
        OpenError::System(message) => Failure::running(message),
    }
}

/// How a run ends.
struct Ending {
    /// Whether somebody wishes it to.
    stop: Stop,
    capture: live::Stop,
    notifier: Notifier,
    /// How long it is to last.
    duration: Option<Duration>,
    /// How long the rest may take.
    patience: Duration,
}

impl Ending {
    /// Closes the capture when somebody wishes so or the time is over, and ends the process when the rest does not.
    fn watch(self) -> std::io::Result<()> {
        const LOOK_EVERY: Duration = Duration::from_millis(50);
        let began = Instant::now();
        let watch = move || {
            while !self.stop.is_asked() {
                std::thread::sleep(LOOK_EVERY);
                if self.duration.is_some_and(|duration| began.elapsed() >= duration) {
                    self.stop.ask();
                }
            }
            self.notifier.stopping();
            self.capture.stop();
            std::thread::sleep(self.patience);
            let waited = self.patience.as_secs();
            warn(&format!(
                "not at an end {waited} s after it was to stop; what was not delivered waits in the spool"
            ));
            std::process::exit(1);
        };
        std::thread::Builder::new().name("ending".to_owned()).spawn(watch).map(drop)
    }
}

/// A tap as a source of packets, and the smallest MTU of what it listens to.
struct Listening(live::Tap, Option<u32>);

impl Source for Listening {
    fn next(&mut self) -> Result<Next<'_>, CaptureError> {
        self.0.next()
    }

    fn progress(&self) -> Reading {
        Reading { bytes_read: self.0.counters().capture.bytes, bytes_total: None }
    }

    fn counters(&self) -> Counters {
        self.0.counters()
    }

    fn warnings(&mut self) -> Vec<String> {
        self.0.warnings()
    }

    fn is_live(&self) -> bool {
        true
    }

    fn mtu(&self) -> Option<u32> {
        self.1
    }
}
