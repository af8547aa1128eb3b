//! `heelguard demo`: a generated day of traffic with attacks in it, seen by the real sensor.
//! It is given the configuration, makes the packets, runs the pipeline and shows what was found.
//! It promises the same alerts every time, and a page to look at them until Ctrl-C.

use super::records::{OutputArgs, Records};
use super::replay::{run_to_end, settings};
use super::signals::{self, Stop};
use super::way_out::WayOut;
use super::{ConfigArgs, Failure, described, page};
use crate::capture::replay::Progress as Reading;
use crate::capture::{CaptureError, Next};
use crate::demo::{Day, Options, report, score};
use crate::metrics::Counters;
use crate::pipeline::{self, Source};
use crate::sinks::spool::Full;
use crate::web::{Live, Server};
use clap::Args;
use std::io::{self, Write as _};
use std::sync::Arc;

/// Replay a generated day of traffic with attacks in it, and show it.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  heelguard demo\n  heelguard demo --once | head -1\n  heelguard demo --set web.listen=127.0.0.1:0\n  heelguard demo --once --set sinks.kafka.brokers=127.0.0.1:9092 --set sinks.kafka.manage_topics=true"
)]
pub(super) struct Demo {
    /// Print the alerts and exit, without the page
    #[arg(long)]
    once: bool,

    #[command(flatten)]
    config: ConfigArgs,

    #[command(flatten)]
    outputs: OutputArgs,
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut raw = self.config.load()?;
        // A port that is taken is better told before the work than after it.
        let server = if self.once { None } else { Some(Server::bind(&raw.web).map_err(Failure::running)?) };
        let mut records = self.outputs.plan(&[], &raw.sinks)?.open(raw.labels(), false)?;
        records.keep_alerts();
        let described = described::read_or_warn(&mut raw);
        let survey = records.survey(described.as_ref());
        if let Some(way_out) = WayOut::open(&raw, Full::Wait, &Stop::default(), &records.teller())? {
            records.leave_by(way_out);
        }
        let mut shown_at = None;
        if let Some(server) = server {
            let shown = page::shown(&raw, "A generated day of traffic".to_owned(), survey);
            let live = Arc::new(Live::new(None).showing(shown));
            shown_at = Some(live.serve(server).map_err(Failure::running)?);
            records.show_on(live);
        }
        let mut source = Generated { day: Day::new(Options::default()), bytes: 0 };
        let mut options = raw.options(settings(&raw)?, 1);
        options.described = described;
        let run = |records: &mut Records| pipeline::run(&mut source, &options, records);
        let Some(ended) = run_to_end(records, run)? else { return Ok(()) };
        let verdict = report(&score(source.day.labels(), &ended.alerts));
        let _ = io::stderr().write_all(verdict.as_bytes());
        if let Some(origin) = shown_at {
            let stop = signals::listen(|| {})
                .map_err(|error| Failure::running(format!("cannot listen to signals: {error}")))?;
            page::stay(origin, &stop);
        }
        Ok(())
    }
}

/// Packets that never were on a wire, as a source of packets.
struct Generated {
    day: Day,
    bytes: u64,
}

impl Source for Generated {
    fn next(&mut self) -> Result<Next<'_>, CaptureError> {
        let packet = self.day.next_packet();
        self.bytes += packet.map_or(0, |packet| packet.data.len() as u64);
        Ok(packet.into())
    }

    fn progress(&self) -> Reading {
        Reading { bytes_read: self.bytes, bytes_total: None }
    }

    fn counters(&self) -> Counters {
        let mut counters = Counters::default();
        counters.capture.bytes = self.bytes;
        counters
    }

    fn warnings(&mut self) -> Vec<String> {
        Vec::new()
    }
}
