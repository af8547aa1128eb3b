//! The last stage of a sensor whose traffic is judged elsewhere: sightings leave in order, their tokens judged.
//! It is given what the merge lets go, and hands it to the outputs as plain data with how far it reaches.
//! It promises that no token leaves, that each transaction is counted once, and that time is told on when all is quiet.

use super::latency::{Clock, Latencies, Stage};
use super::merge::Released;
use super::now::Now;
use super::outgoing::Outgoing;
use super::{Options, Outputs, Progress};
use crate::capture::replay::Progress as Reading;
use crate::http::Bytes;
use crate::identity::jwt::Publication;
use crate::identity::{Bench, Sighting};
use crate::metrics::{Counters, ScaleCounters};
use crate::tls::decrypt::KeyStore;
use crossbeam_channel::{Receiver, Sender};
use heelguard_detectors::health::Kernel;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::tls::TlsConnection;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a sensor saw since it last handed something out.
#[derive(Debug)]
pub struct Forward {
    /// Exchanges, by end, then id. Their tokens were judged, and are not in here.
    pub sightings: Vec<Box<Sighting>>,
    /// Connections that were not read, in the same order.
    pub connections: Vec<Box<TlsConnection>>,
    /// Seconds in which anything was seen or lost, by their end.
    pub seconds: Vec<Second>,
    /// Nothing that is handed out later ended before.
    pub watermark: EventTime,
    /// How it goes on.
    pub phase: Phase,
}

/// How a sensor goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// More is to come.
    Goes,
    /// It was stopped and will come back: what is open stays open.
    Stopped,
    /// A capture is at its end, and `watermark` is when that was.
    Ended,
}

/// How well the sensor saw in one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Second {
    /// When it ends.
    pub end: EventTime,
    /// What was delivered and what was lost.
    pub bytes: Bytes,
    /// Packets since they were last told; a file has none.
    pub kernel: Kernel,
}

/// The ways between a sensor's bench and the other sensors.
#[derive(Clone, Debug)]
pub struct News {
    /// What issuers were seen to publish about their keys, for the others.
    pub told: Sender<Publication>,
    /// The same, from them.
    pub heard: Receiver<Publication>,
}

pub(super) struct Forwarding {
    bench: Bench,
    news: Option<News>,
    keys: Option<Arc<KeyStore>>,
    /// Whether there will be more traffic after this run.
    is_live: bool,
    outgoing: Outgoing,
    handed_out: ScaleCounters,
    /// How far was told.
    watermark: EventTime,
    /// Where traffic is read while it happens.
    now: Option<Now>,
}

impl Forwarding {
    /// `keys` are told of in the counters.
    pub(super) fn new(bench: Bench, keys: Option<Arc<KeyStore>>, news: Option<News>, is_live: bool) -> Self {
        Self {
            bench,
            news,
            keys,
            is_live,
            outgoing: Outgoing::default(),
            handed_out: ScaleCounters::default(),
            watermark: EventTime::ZERO,
            now: None,
        }
    }

    /// Traffic is read while it happens: from now on it is measured, and what the kernel says goes along.
    pub(super) fn is_of_now(&mut self, clock: Clock) {
        self.now = Some(Now::new(clock));
    }

    /// Tells how many packets came to the kernel, and were dropped by it, since this was last told.
    pub(super) fn tell_kernel(&mut self, received: u64, dropped: u64) {
        if let Some(now) = &mut self.now {
            now.tell_kernel(received, dropped);
        }
    }

    /// What was measured since this was last asked.
    pub(super) fn latencies(&mut self) -> Latencies {
        self.now.as_mut().map(Now::take_latencies).unwrap_or_default()
    }

    pub(super) fn consume(
        &mut self,
        released: Released<'_>,
        outputs: &mut dyn Outputs,
    ) -> anyhow::Result<()> {
        let began = self.now.as_ref().map(|now| (now.clock)());
        let Released { sightings, connections, seconds, watermark } = released;
        let mut sightings: Vec<Box<Sighting>> = sightings.collect();
        self.hear();
        for sighting in &mut sightings {
            if let Some(publication) = self.bench.judge(sighting) {
                self.tell(publication);
            }
            self.bench.veil(sighting);
            self.outgoing.count(&sighting.transaction);
        }
        // That the last shard has ended says nothing of the time; `finish` does.
        if watermark != EventTime::MAX {
            self.watermark = self.watermark.max(watermark);
        }
        let count = sightings.len() as u64;
        let forward = Forward {
            sightings,
            connections: connections.collect(),
            seconds: self.seconds(seconds),
            watermark: self.watermark,
            phase: Phase::Goes,
        };
        self.hand_out(forward, outputs)?;
        if let (Some(now), Some(began)) = (&mut self.now, began) {
            now.latencies.batch(Stage::Analysis, began, (now.clock)(), count);
        }
        Ok(())
    }

    /// Takes what others told.
    fn hear(&mut self) {
        let Some(news) = &self.news else { return };
        for publication in news.heard.try_iter() {
            self.bench.hear(&publication);
            self.handed_out.key_sets_heard += 1;
        }
    }

    /// Tells the others.
    fn tell(&mut self, publication: Publication) {
        let Some(news) = &self.news else { return };
        match news.told.try_send(publication) {
            Ok(()) => self.handed_out.key_sets_told += 1,
            Err(_) => self.handed_out.key_sets_untold += 1,
        }
    }

    /// Tokens are judged by another configuration from here on; all else that can change is the workers'.
    pub(super) fn reconfigure(&mut self, options: &Options) {
        self.bench.consult(Arc::clone(&options.lineage.tokens));
    }

    /// The input is over.
    pub(super) fn finish(&mut self, now: EventTime, outputs: &mut dyn Outputs) -> anyhow::Result<()> {
        let phase = if self.is_live { Phase::Stopped } else { Phase::Ended };
        let watermark = self.watermark.max(now);
        let kernel = self.take_kernel();
        let untold =
            (kernel != Kernel::default()).then(|| Second { end: now, bytes: Bytes::default(), kernel });
        let (sightings, connections) = (Vec::new(), Vec::new());
        let seconds = untold.into_iter().collect();
        self.hand_out(Forward { sightings, connections, seconds, watermark, phase }, outputs)
    }

    /// Nobody judges here, so there are no alerts.
    pub(super) fn progress(&self, reading: Option<Reading>) -> Progress {
        Progress { reading, transactions: self.outgoing.sum(), alerts: 0 }
    }

    pub(super) fn counters(&self) -> Counters {
        Counters {
            tokens: self.bench.counters(),
            secrets: self.keys.as_ref().map(|keys| keys.counters()).unwrap_or_default(),
            http: self.outgoing.http.clone(),
            transactions: self.outgoing.transactions.clone(),
            scale: self.handed_out.clone(),
            ..Counters::default()
        }
    }

    fn hand_out(&mut self, forward: Forward, outputs: &mut dyn Outputs) -> anyhow::Result<()> {
        let (sightings, connections) = (forward.sightings.len(), forward.connections.len());
        self.handed_out.frames_sent += outputs.forward(forward)?;
        self.handed_out.sightings_sent += sightings as u64;
        self.handed_out.connections_sent += connections as u64;
        Ok(())
    }

    /// The first second that is told carries what the kernel counted until now.
    fn seconds(&mut self, seconds: BTreeMap<EventTime, Bytes>) -> Vec<Second> {
        let tell = |(end, bytes)| Second { end, bytes, kernel: self.take_kernel() };
        seconds.into_iter().map(tell).collect()
    }

    fn take_kernel(&mut self) -> Kernel {
        self.now.as_mut().map(Now::take_kernel).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
