//! The wiring: packets in, alerts and transactions out, on one thread or several.
//! It is given a packet source, the layers' configurations and outputs, and runs until the source ends.
//! It promises the same output bytes for every number of shards: packet time alone decides the order.
//!
//! ```text
//! source → decoder → shard: flow · http · extract          (inline, or one thread a shard)
//!                      ↓ sightings + watermark
//!                    merge by (end, id) → legs → lineage → routes → detectors → outputs
//!                                       or → outputs, for workers elsewhere (`forward`)
//! ```

mod analysis;
mod batch;
pub mod checkpoint;
mod consume;
pub mod eyes;
mod forward;
mod guard;
mod keeping;
mod last;
pub mod latency;
mod live;
mod merge;
mod now;
mod outgoing;
mod scribe;
mod shard;
mod snapshot;
mod threads;
mod watch;

pub use forward::{Forward, News, Phase, Second};
pub use outgoing::Outgoing;

use crate::capture::replay::{Progress as Reading, Timeline};
use crate::capture::{CaptureError, Next};
use crate::decode;
use crate::flow;
use crate::http;
use crate::identity::{LineageConfig, RoutesConfig, Settings};
use crate::metrics::{Counters, LiveRows};
use crate::openapi::Book;
use crate::tls::decrypt::{self, KeyStore};
use consume::End;
use crossbeam_channel::Receiver;
use guard::{Decoding, Parsing};
use heelguard_detectors::alert::Alert;
use heelguard_detectors::health::Spool;
use heelguard_detectors::runtime::RuntimeConfig;
use heelguard_detectors::saved::Damaged;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::tls::TlsConnection;
use heelguard_detectors::transaction::Transaction;
use last::Last;
use merge::Merge;
use std::sync::Arc;
use std::time::Duration;

/// What the pipeline is built from; every part was checked before.
pub struct Options {
    /// Parser threads; 1 runs everything on the caller's thread.
    pub shards: usize,
    /// Link to TCP.
    pub decode: decode::Config,
    /// Reassembly.
    pub flow: flow::Config,
    /// TLS.
    pub tls: decrypt::Config,
    /// TLS secrets, where there are any or may be.
    pub keys: Option<Arc<KeyStore>>,
    /// HTTP.
    pub http: http::Config,
    /// Who is who, in one exchange.
    pub identity: Arc<Settings>,
    /// Who is who, over time.
    pub lineage: LineageConfig,
    /// How much is learned of routes.
    pub routes: RoutesConfig,
    /// Descriptions of APIs, where there are any.
    pub described: Option<Arc<Book>>,
    /// Rules, episodes, suppression.
    pub detection: RuntimeConfig,
    /// Where what was learned outlives the process.
    pub state: checkpoint::Config,
    /// Whether what is seen is handed to the outputs as it is, and judged elsewhere.
    pub forward: bool,
    /// Where that is so: what sensors tell each other.
    pub news: Option<News>,
}

/// Where packets come from.
pub trait Source: Send {
    /// What comes next. After an error the next call goes on with what is left.
    fn next(&mut self) -> Result<Next<'_>, CaptureError>;
    /// How far it is.
    fn progress(&self) -> Reading;
    /// What it counted.
    fn counters(&self) -> Counters;
    /// What an operator should know, once.
    fn warnings(&mut self) -> Vec<String>;
    /// Whether packets come as they happen, so that nothing may wait for more of them.
    fn is_live(&self) -> bool {
        false
    }
    /// The longest packet of the wire it listens to, where that is known.
    fn mtu(&self) -> Option<u32> {
        None
    }
}

impl Source for Timeline {
    fn next(&mut self) -> Result<Next<'_>, CaptureError> {
        Ok(Timeline::next(self)?.into())
    }

    fn progress(&self) -> Reading {
        Timeline::progress(self)
    }

    fn counters(&self) -> Counters {
        Counters {
            capture: Timeline::counters(self).clone(),
            anomalies: Timeline::anomalies(self).clone(),
            ..Counters::default()
        }
    }

    fn warnings(&mut self) -> Vec<String> {
        Timeline::warnings(self).collect()
    }
}

/// How far the run is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Bytes read of the capture, and of how many.
    pub reading: Option<Reading>,
    /// Transactions so far.
    pub transactions: u64,
    /// Alerts opened so far.
    pub alerts: u64,
}

/// Where records go. An error stops the run.
pub trait Outputs {
    /// One state of one episode.
    fn alert(&mut self, alert: &Alert) -> anyhow::Result<()>;
    /// One transaction, in order of `end`, then `id`.
    fn transaction(&mut self, transaction: &Transaction) -> anyhow::Result<()>;
    /// One connection of which nothing inside could be read, among the transactions in order of `end`, then `id`.
    fn connection(&mut self, _: &TlsConnection) -> anyhow::Result<()> {
        Ok(())
    }
    /// What was seen, where it is judged elsewhere (`Options::forward`), all in order. Says how many frames it became:
    /// none, where it says too little to be sent by itself.
    fn forward(&mut self, _: Forward) -> anyhow::Result<u64> {
        anyhow::bail!("these outputs take nothing that is to be judged elsewhere")
    }
    /// What the detectors say about the subject that is to be explained, in lines.
    fn explained(&mut self, _: &[String]) {}
    /// Called now and then.
    fn progress(&mut self, progress: &Progress);
    /// Whether the counters are wanted now; adding them up costs a little.
    fn wants_counters(&mut self) -> bool {
        false
    }
    /// The counters so far, some time after they were wanted. What is between two stages is not in them.
    fn counters(&mut self, _: &Counters, _: &http::Services) {}
    /// Another configuration to go on with, once, when somebody asked for it.
    fn reload(&mut self) -> Option<Box<Options>> {
        None
    }
    /// Whether that configuration is in force now.
    fn reloaded(&mut self, _: anyhow::Result<()>) {}
    /// Something that an operator should know now.
    fn tell(&mut self, _: &str) {}
    /// Queues and latencies, told before the counters where traffic is read while it happens.
    fn live(&mut self, _: &LiveRows) {}
    /// What waits to be delivered; nothing where nothing is to be delivered.
    fn spool(&self) -> Option<Spool> {
        None
    }
    /// Called before state is kept that knows all that was told so far: writes what has gathered, and says whether
    /// everything was written. What is told to memory is.
    fn settle(&mut self) -> bool {
        true
    }
    /// Whether everybody whom alerts are for has those that were told so far, so that nobody needs this process to get
    /// them. What is told to memory has arrived.
    fn is_delivered(&mut self) -> bool {
        true
    }
    /// The parts of what the outputs have gathered over all transactions, to be kept with the state; none by default.
    fn parts(&self) -> Vec<String> {
        Vec::new()
    }
    /// One of them.
    fn memory(&self, _part: &str) -> Option<Vec<u8>> {
        None
    }
    /// Takes back what was kept; a part that is not known any more is passed over. After an error nothing of it is
    /// believed.
    fn remember(&mut self, _part: &str, _: &[u8]) -> Result<(), Damaged> {
        Ok(())
    }
}

/// What a run leaves behind.
#[derive(Debug, Default)]
pub struct Summary {
    /// Every counter of the run.
    pub counters: Counters,
    /// Connections by service.
    pub services: http::Services,
    /// Captures that are damaged; everything before the damage was used.
    pub errors: Vec<CaptureError>,
    /// What an operator should know.
    pub warnings: Vec<String>,
    /// The last packet's time.
    pub last_packet: EventTime,
}

/// Runs the source to its end.
pub fn run(source: &mut dyn Source, options: &Options, outputs: &mut dyn Outputs) -> anyhow::Result<Summary> {
    let last = Last::new(options, outputs, source.is_live())?;
    let mut summary = if options.shards <= 1 {
        run_inline(source, options, last, outputs)?
    } else {
        threads::run(source, options, last, outputs)?
    };
    summary.counters.add(&source.counters());
    summary.warnings.extend(source.warnings());
    summary.warnings.extend(eyes::verdict(&summary.counters));
    Ok(summary)
}

/// Runs taps, one a shard, to their ends: both directions of a flow must come from one of them.
pub fn run_live(
    taps: &mut [Box<dyn Source + '_>],
    options: &Options,
    outputs: &mut dyn Outputs,
) -> anyhow::Result<Summary> {
    let last = Last::new(options, outputs, true)?;
    let mut summary = live::run(taps, options, last, outputs)?;
    summary.warnings.extend(taps.iter_mut().flat_map(|tap| tap.warnings()));
    Ok(summary)
}

/// Segments between two looks at the merge.
const ROUND_SEGMENTS: u32 = 4_096;

/// Packet time between two looks at the merge, where packets come as they happen.
const ROUND_TIME: Duration = Duration::from_millis(50);

/// The settings that were sent last. Those before them are over, and each holds what a whole configuration takes.
fn newest<T>(changed: &Receiver<T>) -> Option<T> {
    changed.try_iter().last()
}

fn run_inline(
    source: &mut dyn Source,
    options: &Options,
    mut last: Last,
    outputs: &mut dyn Outputs,
) -> anyhow::Result<Summary> {
    let mut decoder = Decoding::new(&options.decode);
    let mut shard = Parsing::new(options);
    let mut merge = Merge::new(1);
    let mut errors = Vec::new();
    let mut now = EventTime::ZERO;
    let mut in_round = 0;
    loop {
        match source.next() {
            Ok(Next::Packet(packet)) => {
                now = packet.time;
                decoder.decode(packet, |segment| shard.push(segment));
            }
            Ok(Next::Quiet(time)) => now = now.max(time),
            Ok(Next::End) => break,
            Err(error) => errors.push(error),
        }
        in_round += 1;
        if in_round >= ROUND_SEGMENTS || shard.is_laden() {
            in_round = 0;
            let question = outputs.wants_counters().then_some(0);
            let mut report = shard.report(0, now, question);
            merge.take_report(&mut report);
            report.warnings.iter().for_each(|line| outputs.tell(line));
            last.consume(merge.release(), outputs)?;
            outputs.progress(&last.progress(Some(source.progress())));
            if let Some(mut answer) = report.answer {
                for part in [&decoder.counters(), &source.counters(), &last.counters()] {
                    answer.counters.add(part);
                }
                outputs.counters(&answer.counters, &answer.services);
            }
        }
    }
    decoder.finish();
    let mut report = shard.last_report(0, now);
    merge.take_report(&mut report);
    report.warnings.iter().for_each(|line| outputs.tell(line));
    last.consume(merge.release(), outputs)?;
    last.finish(now, outputs)?;
    outputs.progress(&last.progress(Some(source.progress())));

    let End { mut counters, services, .. } = shard.into_end(now);
    counters.add(&decoder.counters());
    counters.add(&last.counters());
    Ok(Summary { counters, services, errors, warnings: last.warnings(), last_packet: now })
}

#[cfg(test)]
mod tests {
    #[test]
    fn of_settings_that_wait_the_newest_are_taken_and_none_is_left() {
        let (sender, changed) = crossbeam_channel::unbounded();
        assert_eq!(super::newest(&changed), None);
        (1..=3).for_each(|settings| assert_eq!(sender.send(settings), Ok(())));
        assert_eq!((super::newest(&changed), changed.len()), (Some(3), 0));
    }
}
