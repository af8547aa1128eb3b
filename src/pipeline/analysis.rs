//! The ordered half of the pipeline: lineage, learned routes, the legs of proxies, detectors, outputs.
//! It is given sightings in order of end and id, one at a time.
//! It promises to be a pure function of that order.

use super::keeping::{Keeper, Memory};
use super::latency::{Clock, Latencies, Stage};
use super::merge::Released;
use super::now::Now;
use super::outgoing::Outgoing;
use super::{Options, Outputs, Progress};
use crate::capture::replay::Progress as Reading;
use crate::http::Bytes;
use crate::identity::{Legs, Lineage, Routes};
use crate::metrics::{AlertCounters, Counters, EvictionCounters};
use crate::openapi::Book;
use crate::tls::decrypt::KeyStore;
use heelguard_detectors::alert::{Alert, Status};
use heelguard_detectors::health::Health;
use heelguard_detectors::runtime::Runtime;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::tls::TlsConnection;
use std::collections::btree_map;
use std::iter::Peekable;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Analysis {
    memory: Memory,
    keeper: Option<Keeper>,
    legs: Legs,
    keys: Option<Arc<KeyStore>>,
    /// What transactions are compared with.
    described: Option<Arc<Book>>,
    warnings: Vec<String>,
    /// Transactions that the state knew already.
    passed_over: u64,
    alerts: Vec<Alert>,
    outgoing: Outgoing,
    now: Option<Now>,
    /// How long the slowest alert in a hundred took lately.
    alert_p99: Option<Duration>,
}

/// Bytes of all shards by the end of their second.
type Seconds = Peekable<btree_map::IntoIter<EventTime, Bytes>>;

impl Analysis {
    pub(super) fn new(options: &Options, outputs: &mut dyn Outputs) -> anyhow::Result<Self> {
        let Options { lineage, routes, .. } = options;
        let detectors =
            || Runtime::new(options.detection.clone()).map_err(|message| anyhow::anyhow!("{message}"));
        let mut memory = Memory {
            lineage: Lineage::new(lineage),
            routes: Routes::new(routes.clone()),
            detectors: detectors()?,
        };
        let mut warnings = Vec::new();
        let keeper = if options.state.dir.as_os_str().is_empty() {
            None
        } else {
            let parts = (lineage, routes);
            Some(Keeper::open(&options.state, &mut memory, parts, detectors()?, outputs, &mut warnings)?)
        };
        Ok(Self {
            memory,
            keeper,
            legs: Legs::default(),
            keys: options.keys.clone(),
            described: options.described.clone(),
            warnings,
            passed_over: 0,
            alerts: Vec::new(),
            outgoing: Outgoing::default(),
            now: None,
            alert_p99: None,
        })
    }

    /// Traffic is read while it happens: from now on it is measured, and told what the sensor knows of itself.
    pub(super) fn is_of_now(&mut self, clock: Clock) {
        self.now = Some(Now::new(clock));
    }

    /// Tells how many packets came to the kernel, and were dropped by it, since this was last told.
    pub(super) fn tell_kernel(&mut self, received: u64, dropped: u64) {
        if let Some(now) = &mut self.now {
            now.tell_kernel(received, dropped);
        }
    }

    /// Tells how long the slowest alert in a hundred took lately.
    pub(super) fn tell_delay(&mut self, alert_p99: Option<Duration>) {
        self.alert_p99 = alert_p99;
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
        let (began, count) = (self.now.as_ref().map(|now| (now.clock)()), released.sightings.len() as u64);
        let mut seconds = released.seconds.into_iter().peekable();
        let mut connections = released.connections.peekable();
        for mut sighting in released.sightings {
            let place = (sighting.transaction.end, sighting.transaction.id);
            while let Some(connection) = connections.next_if(|other| (other.end, other.id) <= place) {
                self.check_up_until(connection.end, &mut seconds, outputs);
                self.tell_connection(&connection, outputs)?;
            }
            self.check_up_until(sighting.transaction.end, &mut seconds, outputs);
            self.outgoing.count(&sighting.transaction);
            sighting.transaction.repeat_of = self.legs.repeat_of(&sighting);
            if self.keeper.as_mut().is_some_and(|keeper| keeper.knows(&sighting.transaction)) {
                self.passed_over += 1;
                continue;
            }
            let Memory { lineage, routes, detectors } = &mut self.memory;
            lineage.complete(&mut sighting);
            let transaction = &mut sighting.transaction;
            routes.settle(transaction);
            if let Some(book) = &self.described {
                book.compare(transaction);
            }
            outputs.transaction(transaction)?;
            detectors.advance(transaction.end, &mut self.alerts);
            detectors.observe(transaction, &mut self.alerts);
            self.write_alerts(outputs)?;
            explain(&self.memory.detectors.explained(), outputs);
            if self.now.is_none()
                && let Some(keeper) = self.keeper.as_mut().filter(|keeper| keeper.is_due())
            {
                keeper.keep(&self.memory, outputs, &mut self.warnings);
            }
        }
        for connection in connections {
            self.check_up_until(connection.end, &mut seconds, outputs);
            self.tell_connection(&connection, outputs)?;
        }
        self.check_up_until(EventTime::MAX, &mut seconds, outputs);
        self.write_alerts(outputs)?;
        if let (Some(now), Some(began)) = (&mut self.now, began) {
            now.latencies.batch(Stage::Analysis, began, (now.clock)(), count);
            let keeper = self.keeper.as_mut();
            let paused =
                keeper.and_then(|keeper| keeper.keep_slice(&self.memory, outputs, &mut self.warnings));
            if let Some(paused) = paused {
                now.latencies.lasted(Stage::State, paused);
            }
            // Nobody waits for the end of a run that has none.
            self.warnings.drain(..).for_each(|line| outputs.tell(&line));
        }
        Ok(())
    }

    /// What the state knows of connections that were not read was told by the run before.
    fn tell_connection(
        &mut self,
        connection: &TlsConnection,
        outputs: &mut dyn Outputs,
    ) -> anyhow::Result<()> {
        if self.keeper.as_ref().is_some_and(|keeper| keeper.has_passed(connection.end)) {
            return Ok(());
        }
        outputs.connection(connection)?;
        self.memory.detectors.connection(connection, &mut self.alerts);
        self.write_alerts(outputs)
    }

    /// Goes on by other rules and limits. Windows, learned habits and open episodes stay; after an error all does.
    pub(super) fn reconfigure(&mut self, options: &Options) -> anyhow::Result<()> {
        let Memory { lineage, routes, detectors } = &mut self.memory;
        detectors.reconfigure(options.detection.clone()).map_err(|message| anyhow::anyhow!("{message}"))?;
        lineage.reconfigure(&options.lineage);
        routes.reconfigure(options.routes.clone());
        self.described.clone_from(&options.described);
        Ok(())
    }

    /// Tells of the seconds that are over by then.
    fn check_up_until(&mut self, end: EventTime, seconds: &mut Seconds, outputs: &dyn Outputs) {
        while let Some((second, bytes)) = seconds.next_if(|(second, _)| *second <= end) {
            self.check_up(second, bytes, outputs);
        }
    }

    /// Tells the detectors how well the sensor saw in the second that ends here.
    fn check_up(&mut self, end: EventTime, bytes: Bytes, outputs: &dyn Outputs) {
        let health = self.health(bytes, outputs);
        if let Some(now) = &mut self.now {
            now.take_kernel();
        }
        self.memory.detectors.health(&health, end, &mut self.alerts);
    }

    fn health(&self, bytes: Bytes, outputs: &dyn Outputs) -> Health {
        let EvictionCounters { handles, accounts, .. } = self.memory.lineage.evicted();
        let evicted = vec![
            ("sessions and tokens", "limits.handles_max", handles),
            ("accounts", "limits.accounts_max", accounts),
        ];
        let Bytes { delivered, missing, encrypted, quic } = bytes;
        let kernel = self.now.as_ref().map(Now::kernel).unwrap_or_default();
        let alert_p99_ms = self.alert_p99.map(|p99| u64::try_from(p99.as_millis()).unwrap_or(u64::MAX));
        let spool = outputs.spool();
        Health { delivered, missing, encrypted, quic, kernel, alert_p99_ms, evicted, spool }
    }

    /// The input is over. Where state is kept, what is open stays open for the next run; else it ends here.
    pub(super) fn finish(&mut self, now: EventTime, outputs: &mut dyn Outputs) -> anyhow::Result<()> {
        explain(&self.memory.detectors.account(), outputs);
        self.warnings.extend(self.memory.detectors.idle_suppressions(now));
        if let Some(keeper) = &mut self.keeper {
            if self.passed_over > 0 {
                let known = keeper.known_until();
                let what =
                    format!("{} transactions are no newer than the state, which knows", self.passed_over);
                self.warnings.push(format!("{what} everything up to {known}; they were passed over"));
            }
            keeper.keep(&self.memory, outputs, &mut self.warnings);
            return Ok(());
        }
        let health = self.health(Bytes::default(), outputs);
        self.memory.detectors.check_up(&health, now, &mut self.alerts);
        self.memory.detectors.finish(now, &mut self.alerts);
        self.write_alerts(outputs)
    }

    /// What an operator should know of the state folder.
    pub(super) fn warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    pub(super) fn progress(&self, reading: Option<Reading>) -> Progress {
        Progress { reading, transactions: self.outgoing.sum(), alerts: self.outgoing.alerts.open }
    }

    pub(super) fn counters(&self) -> Counters {
        let detected = self.memory.detectors.counters();
        let detector_keys = self.memory.detectors.evictions().map(|(_, keys)| keys).sum();
        Counters {
            evicted: EvictionCounters { detector_keys, ..self.memory.lineage.evicted() },
            tokens: self.memory.lineage.token_counters(),
            routes: self.memory.routes.counters(),
            secrets: self.keys.as_ref().map(|keys| keys.counters()).unwrap_or_default(),
            http: self.outgoing.http.clone(),
            transactions: self.outgoing.transactions.clone(),
            alerts: AlertCounters {
                findings: detected.findings,
                suppressed: detected.suppressed,
                ..self.outgoing.alerts.clone()
            },
            ..Counters::default()
        }
    }

    fn write_alerts(&mut self, outputs: &mut dyn Outputs) -> anyhow::Result<()> {
        for alert in self.alerts.drain(..) {
            outputs.alert(&alert)?;
            if let Some(now) = self.now.as_mut().filter(|_| alert.status != Status::Closed) {
                now.latencies.span(Stage::PacketToAlert, alert.time, (now.clock)());
            }
            self.outgoing.count_alert(&alert);
        }
        Ok(())
    }
}

fn explain(lines: &[String], outputs: &mut dyn Outputs) {
    if !lines.is_empty() {
        outputs.explained(lines);
    }
}
