//! Parsers that may fail: a fault of ours in a decoder or a parser costs what it held, and not the sensor.
//! It is given what they are given, and begins a failed one anew with the same settings.
//! It promises that what was completed before is told, that what is lost is counted, so that all accounts add up, and that
//! one who fails a third time within a minute is not lived with.

use super::Options;
use super::consume::{End, Report};
use super::latency::Latencies;
use super::shard::Shard;
use crate::capture::Packet;
use crate::decode::{self, Decoder, Segment};
use crate::fault::{Fault, contain};
use crate::identity::Settings;
use crate::metrics::{Counters, DropReason};
use heelguard_detectors::time::EventTime;
use std::sync::Arc;
use std::time::Duration;

/// Faults within `WITHIN` that are lived with.
const FAULTS_MAX: usize = 2;
const WITHIN: Duration = Duration::from_mins(1);

/// When it failed lately.
#[derive(Default)]
struct Faults {
    at: Vec<EventTime>,
}

impl Faults {
    /// Notes one; gives up where it is one too many.
    fn note(&mut self, now: EventTime, fault: Fault) {
        self.at.retain(|at| now.since(*at) < WITHIN);
        if self.at.len() >= FAULTS_MAX {
            fault.pass_on();
        }
        self.at.push(now);
    }
}

/// A decoder that may fail.
pub(super) struct Decoding<'o> {
    decoder: Decoder,
    config: &'o decode::Config,
    /// What those before it counted.
    before: Counters,
    faults: Faults,
}

impl<'o> Decoding<'o> {
    pub(super) fn new(config: &'o decode::Config) -> Self {
        let (before, faults) = (Counters::default(), Faults::default());
        Self { decoder: Decoder::new(config.clone()), config, before, faults }
    }

    /// Hands the packet's segment to `take`, where it has one.
    pub(super) fn decode(&mut self, packet: Packet<'_>, take: impl FnOnce(&Segment<'_>)) {
        let (now, decoder) = (packet.time, &mut self.decoder);
        let fault = match contain(|| decoder.decode(packet)) {
            Ok(segment) => {
                if let Some(segment) = segment {
                    take(&segment);
                }
                return;
            }
            Err(fault) => fault,
        };
        self.faults.note(now, fault);
        let failed = std::mem::replace(&mut self.decoder, Decoder::new(self.config.clone()));
        let mut counters = failed.counters().clone();
        let known = counters.packets.processed + counters.dropped.sum();
        counters.dropped.count(DropReason::Fault, counters.packets.read.saturating_sub(known));
        counters.faults.decoders += 1;
        self.before.add(&counters);
    }

    /// The input is over.
    pub(super) fn finish(&mut self) {
        self.decoder.finish();
    }

    pub(super) fn counters(&self) -> Counters {
        let mut counters = self.before.clone();
        counters.add(self.decoder.counters());
        counters
    }
}

/// A shard that may fail.
pub(super) struct Parsing<'o> {
    shard: Shard,
    options: &'o Options,
    /// Those in force; the options' own until they change.
    settings: Arc<Settings>,
    faults: Faults,
    /// What an operator should know.
    warnings: Vec<String>,
}

impl<'o> Parsing<'o> {
    pub(super) fn new(options: &'o Options) -> Self {
        let (settings, faults) = (Arc::clone(&options.identity), Faults::default());
        Self { shard: Shard::new(options), options, settings, faults, warnings: Vec::new() }
    }

    pub(super) fn push(&mut self, segment: &Segment<'_>) {
        self.attempt(segment.time, |shard| shard.push(segment));
    }

    /// What was completed since the last report; with counters, if they are asked for.
    pub(super) fn report(&mut self, index: usize, now: EventTime, question: Option<u64>) -> Report {
        let mut report = self.insist(now, |shard| shard.report(index, now, question));
        report.warnings = std::mem::take(&mut self.warnings);
        report
    }

    /// The input is over: what is still open ends now.
    pub(super) fn last_report(&mut self, index: usize, now: EventTime) -> Report {
        let mut report = self.insist(now, |shard| shard.last_report(index, now));
        report.warnings = std::mem::take(&mut self.warnings);
        report
    }

    pub(super) fn is_laden(&self) -> bool {
        self.shard.is_laden()
    }

    pub(super) fn latencies(&mut self) -> &mut Latencies {
        self.shard.latencies()
    }

    /// From here on exchanges are read by other settings.
    pub(super) fn reconfigure(&mut self, settings: Arc<Settings>) {
        self.settings = Arc::clone(&settings);
        self.shard.reconfigure(settings);
    }

    /// What it leaves behind.
    pub(super) fn into_end(self, last_packet: EventTime) -> End {
        self.shard.into_end(last_packet)
    }

    /// Does it, if need be with another shard: the faults' own limit ends this.
    fn insist<T>(&mut self, now: EventTime, work: impl Fn(&mut Shard) -> T) -> T {
        loop {
            if let Some(done) = self.attempt(now, &work) {
                return done;
            }
        }
    }

    fn attempt<T>(&mut self, now: EventTime, work: impl FnOnce(&mut Shard) -> T) -> Option<T> {
        let shard = &mut self.shard;
        match contain(|| work(shard)) {
            Ok(done) => Some(done),
            Err(fault) => {
                self.begin_anew(now, fault);
                None
            }
        }
    }

    #[cold]
    fn begin_anew(&mut self, now: EventTime, fault: Fault) {
        self.faults.note(now, fault);
        let lost = self.shard.begin_anew(self.options, Arc::clone(&self.settings));
        self.warnings.push(format!(
            "a parser failed, a fault of this program: it was begun anew, and {lost} flows that it followed are lost; the line \
             before this one says where, please report it"
        ));
    }
}

#[cfg(test)]
mod tests;
