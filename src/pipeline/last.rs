//! What stands last in the pipeline: the analysis, or what hands everything to those who analyse it elsewhere.
//! It is given what the merge lets go, in order.
//! It promises that the stages before it need not know which of the two it is.

use super::analysis::Analysis;
use super::forward::Forwarding;
use super::latency::{Clock, Latencies};
use super::merge::Released;
use super::{Options, Outputs, Progress};
use crate::capture::replay::Progress as Reading;
use crate::identity::Bench;
use crate::metrics::Counters;
use heelguard_detectors::time::EventTime;
use std::sync::Arc;
use std::time::Duration;

pub(super) enum Last {
    Judge(Box<Analysis>),
    Forward(Box<Forwarding>),
}

impl Last {
    /// `is_live`: the traffic has no end, only this run of the sensor has.
    pub(super) fn new(options: &Options, outputs: &mut dyn Outputs, is_live: bool) -> anyhow::Result<Self> {
        if options.forward {
            let bench = Bench::new(Arc::clone(&options.lineage.tokens), options.identity.keyring());
            let keys = options.keys.clone();
            return Ok(Self::Forward(Box::new(Forwarding::new(bench, keys, options.news.clone(), is_live))));
        }
        Ok(Self::Judge(Box::new(Analysis::new(options, outputs)?)))
    }

    /// Traffic is read while it happens: from now on it is measured, and told what the sensor knows of itself.
    pub(super) fn is_of_now(&mut self, clock: Clock) {
        match self {
            Self::Judge(analysis) => analysis.is_of_now(clock),
            Self::Forward(forwarding) => forwarding.is_of_now(clock),
        }
    }

    /// Tells how many packets came to the kernel, and were dropped by it, since this was last told.
    pub(super) fn tell_kernel(&mut self, received: u64, dropped: u64) {
        match self {
            Self::Judge(analysis) => analysis.tell_kernel(received, dropped),
            Self::Forward(forwarding) => forwarding.tell_kernel(received, dropped),
        }
    }

    /// Tells how long the slowest alert in a hundred took lately.
    pub(super) fn tell_delay(&mut self, alert_p99: Option<Duration>) {
        match self {
            Self::Judge(analysis) => analysis.tell_delay(alert_p99),
            // Alerts are raised elsewhere, and measured there.
            Self::Forward(_) => {}
        }
    }

    /// What was measured since this was last asked.
    pub(super) fn latencies(&mut self) -> Latencies {
        match self {
            Self::Judge(analysis) => analysis.latencies(),
            Self::Forward(forwarding) => forwarding.latencies(),
        }
    }

    pub(super) fn consume(
        &mut self,
        released: Released<'_>,
        outputs: &mut dyn Outputs,
    ) -> anyhow::Result<()> {
        match self {
            Self::Judge(analysis) => analysis.consume(released, outputs),
            Self::Forward(forwarding) => forwarding.consume(released, outputs),
        }
    }

    /// Goes on by another configuration; after an error all is as it was.
    pub(super) fn reconfigure(&mut self, options: &Options) -> anyhow::Result<()> {
        match self {
            Self::Judge(analysis) => analysis.reconfigure(options),
            Self::Forward(forwarding) => {
                forwarding.reconfigure(options);
                Ok(())
            }
        }
    }

    /// The input is over.
    pub(super) fn finish(&mut self, now: EventTime, outputs: &mut dyn Outputs) -> anyhow::Result<()> {
        match self {
            Self::Judge(analysis) => analysis.finish(now, outputs),
            Self::Forward(forwarding) => forwarding.finish(now, outputs),
        }
    }

    /// What an operator should know at the end.
    pub(super) fn warnings(&mut self) -> Vec<String> {
        match self {
            Self::Judge(analysis) => analysis.warnings(),
            Self::Forward(_) => Vec::new(),
        }
    }

    pub(super) fn progress(&self, reading: Option<Reading>) -> Progress {
        match self {
            Self::Judge(analysis) => analysis.progress(reading),
            Self::Forward(forwarding) => forwarding.progress(reading),
        }
    }

    pub(super) fn counters(&self) -> Counters {
        match self {
            Self::Judge(analysis) => analysis.counters(),
            Self::Forward(forwarding) => forwarding.counters(),
        }
    }
}
