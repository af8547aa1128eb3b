//! The first half of a tenant's detection: who is who, over what all sensors saw.
//! It is given frames in the order of the topic, judges by the rules that need all of a tenant's traffic, and deals the
//! rest to the partitions of the lanes.
//! It promises to be a function of the frames: a worker that goes on from kept state gives each transaction the number
//! and the content that the one before gave it.

mod kept;

use super::Judging;
use super::config::Config;
use super::dealer::Dealer;
use super::frame::{Frame, Second, Sender, Unreadable};
use super::order::{Held, Order, Released};
use super::parcel::Label;
use super::twins::Twins;
use crate::identity::secret::ListedKeys;
use crate::identity::{Legs, Lineage, Routes};
use crate::metrics::{AlertCounters, Counters, EvictionCounters, HttpCounters, ScaleCounters};
use crate::openapi::Book;
use crate::pipeline::{Outgoing, Outputs};
use heelguard_detectors::alert::Alert;
use heelguard_detectors::health::Health;
use heelguard_detectors::lane::{Lane, Lanes, Wanting};
use heelguard_detectors::runtime::Runtime;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::tls::TlsConnection;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where parcels go: the partition, and the parcel.
pub(super) type Send<'a> = &'a mut dyn FnMut(usize, Vec<u8>);

/// Numbers between two frames: more than one frame can let go.
const PER_FRAME: u64 = 1 << 24;

/// A record of the topic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) offset: u64,
    /// When it came to the topic, where the broker says so.
    pub(super) at_ms: Option<u64>,
    pub(super) bytes: &'a [u8],
}

/// Why a frame was not taken, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It cannot be read.
    Unreadable(Unreadable),
    /// It is of another tenant.
    Tenant { sensor: Arc<str>, tenant: Arc<str> },
    /// The sensor makes fingerprints, or writes names, in another way.
    Key { sensor: Arc<str> },
}

/// What one partition of sightings knows.
pub(super) struct Attribution {
    tenant: Arc<str>,
    key: [u8; 8],
    order: Order,
    twins: Twins,
    legs: Legs,
    lineage: Lineage,
    routes: Routes,
    described: Option<Arc<Book>>,
    listed: Arc<ListedKeys>,
    detectors: Runtime,
    wanting: Wanting,
    dealer: Dealer,
    /// What the last transaction was given: by the frame that let it go, so that nobody gives one twice.
    number: u64,
    /// Everything that ended before was judged.
    watermark: EventTime,
    /// Seconds that the lanes were not told of yet.
    seconds: Vec<Second>,
    ended: Option<EventTime>,
    quota: Quota,
    /// What was counted; not part of the state.
    scale: ScaleCounters,
    outgoing: Outgoing,
    busy: Duration,
    alerts: Vec<Alert>,
}

/// Transactions of a tenant in a second of its traffic.
#[derive(Debug, Default)]
struct Quota {
    max: u32,
    second: u64,
    used: u32,
}

impl Quota {
    /// Whether one more may pass.
    fn admits(&mut self, end: EventTime) -> bool {
        if self.max == 0 {
            return true;
        }
        let second = end.as_secs();
        if second > self.second {
            (self.second, self.used) = (second, 0);
        }
        self.used = self.used.saturating_add(1);
        self.used <= self.max
    }
}

impl Attribution {
    /// Knows nothing yet. `partitions` is how many the lanes have.
    pub(super) fn new(judging: &Judging, config: &Config, partitions: usize) -> anyhow::Result<Self> {
        let detectors = Runtime::new_in(judging.detection.clone(), Lanes::of(Lane::Tenant));
        Ok(Self {
            tenant: judging.detection.tenant.clone(),
            key: judging.lineage.key,
            order: Order::new(config),
            twins: Twins::default(),
            legs: Legs::default(),
            lineage: Lineage::new(&judging.lineage),
            routes: Routes::new(judging.routes.clone()),
            described: judging.described.clone(),
            listed: Arc::clone(&judging.listed),
            detectors: detectors.map_err(|message| anyhow::anyhow!("{message}"))?,
            wanting: Wanting::new(&judging.detection),
            dealer: Dealer::new(partitions),
            number: 0,
            watermark: EventTime::ZERO,
            seconds: Vec::new(),
            ended: None,
            quota: Quota { max: config.tenant_rate_max, ..Quota::default() },
            scale: ScaleCounters::default(),
            outgoing: Outgoing::default(),
            busy: Duration::ZERO,
            alerts: Vec::new(),
        })
    }

    /// Takes a frame, judges what is in order behind it, and sends parcels that are full.
    pub(super) fn take(
        &mut self,
        record: &Record<'_>,
        outputs: &mut dyn Outputs,
        send: Send<'_>,
    ) -> anyhow::Result<Result<(), Refused>> {
        let began = Instant::now();
        self.scale.frames_in += 1;
        self.number = self.number.max(record.offset.saturating_mul(PER_FRAME));
        let frame = match self.accept(record.bytes) {
            Ok(frame) => frame,
            Err(refused) => {
                self.scale.frames_refused += 1;
                return Ok(Err(refused));
            }
        };
        let at_ms = record.at_ms.unwrap_or(frame.sent_ms);
        self.order.take(frame, at_ms, &mut self.scale);
        let released = self.order.release();
        self.judge(released, outputs, send)?;
        self.busy += began.elapsed();
        Ok(Ok(()))
    }

    fn accept(&self, bytes: &[u8]) -> Result<Frame, Refused> {
        let frame = Frame::read(bytes).map_err(Refused::Unreadable)?;
        let Sender { tenant, sensor, key, .. } = &frame.sender;
        if *tenant != self.tenant {
            return Err(Refused::Tenant { sensor: sensor.clone(), tenant: tenant.clone() });
        }
        if *key != self.key {
            return Err(Refused::Key { sensor: sensor.clone() });
        }
        if !self.order.believes(&frame.sender, frame.number) {
            return Err(Refused::Unreadable(Unreadable::Damaged));
        }
        Ok(frame)
    }

    fn judge(&mut self, released: Released, outputs: &mut dyn Outputs, send: Send<'_>) -> anyhow::Result<()> {
        let Released { late, sightings, connections, seconds, watermark, ended } = released;
        let mut seconds = seconds.into_iter().peekable();
        let mut connections = connections.into_iter().peekable();
        for held in late {
            self.scale.late += 1;
            self.attribute(held, true, outputs, send)?;
        }
        for held in sightings {
            let place = (held.sighting.transaction.end, held.sighting.transaction.id);
            while let Some((connection, pair)) =
                connections.next_if(|(other, _)| (other.end, other.id) <= place)
            {
                self.tell_connection(&connection, &pair, outputs)?;
            }
            while let Some(second) = seconds.next_if(|second| second.end <= place.0) {
                self.check_up(second);
            }
            self.watermark = self.watermark.max(place.0);
            self.attribute(held, false, outputs, send)?;
        }
        for (connection, pair) in connections {
            self.tell_connection(&connection, &pair, outputs)?;
        }
        seconds.for_each(|second| self.check_up(second));
        self.watermark = self.watermark.max(watermark);
        self.detectors.advance(self.watermark, &mut self.alerts);
        if let Some(end) = ended {
            self.detectors.finish(end, &mut self.alerts);
            self.ended = Some(end);
            self.flush(send);
        }
        self.write_alerts(outputs)
    }

    /// Completes one exchange and hands it on.
    fn attribute(
        &mut self,
        held: Held,
        is_late: bool,
        outputs: &mut dyn Outputs,
        send: Send<'_>,
    ) -> anyhow::Result<()> {
        if self.twins.knows(&held) {
            self.scale.twins += 1;
            return Ok(());
        }
        let mut sighting = held.sighting;
        if !self.quota.admits(sighting.transaction.end) {
            self.scale.over_limit += 1;
            return Ok(());
        }
        self.scale.released += 1;
        sighting.transaction.repeat_of = self.legs.repeat_of(&sighting);
        self.lineage.complete_judged(&mut sighting);
        let transaction = &mut sighting.transaction;
        self.listed.mark(transaction);
        self.routes.settle(transaction);
        if let Some(book) = &self.described {
            book.compare(transaction);
        }
        self.outgoing.count(transaction);
        outputs.transaction(transaction)?;
        self.number += 1;
        if is_late {
            self.detectors.observe_late(transaction, Lanes::of(Lane::Tenant), &mut self.alerts);
        } else {
            self.detectors.advance(transaction.end, &mut self.alerts);
            self.detectors.observe_in(transaction, Lanes::of(Lane::Tenant), &mut self.alerts);
        }
        self.write_alerts(outputs)?;
        let lanes = self.wanting.lanes(transaction).without(Lane::Tenant);
        if self.dealer.deal((self.number, is_late), transaction, lanes, &mut self.scale) {
            let label = self.label();
            self.dealer.send(&label, false, &mut *send);
        }
        Ok(())
    }

    fn tell_connection(
        &mut self,
        connection: &TlsConnection,
        pair: &Arc<str>,
        outputs: &mut dyn Outputs,
    ) -> anyhow::Result<()> {
        if self.twins.knows_connection(connection, pair) {
            return Ok(());
        }
        outputs.connection(connection)?;
        self.detectors.connection(connection, &mut self.alerts);
        self.write_alerts(outputs)
    }

    /// Tells the rules how well all sensors saw in a second.
    fn check_up(&mut self, second: Second) {
        let health = health_of(&second, &self.lineage.evicted());
        self.detectors.health(&health, second.end, &mut self.alerts);
        self.seconds.push(second);
    }

    /// Sends all that waits, and how far time is.
    pub(super) fn flush(&mut self, send: Send<'_>) {
        let label = self.label();
        self.dealer.send(&label, true, send);
        self.seconds.clear();
        self.ended = None;
    }

    /// Whether a parcel would say more than the time: transactions, seconds, or the end.
    pub(super) fn has_news(&self) -> bool {
        !self.dealer.is_empty() || !self.seconds.is_empty() || self.ended.is_some()
    }

    fn label(&self) -> Label {
        Label {
            tenant: self.tenant.clone(),
            key: self.key,
            number: self.number,
            partitions: u32::try_from(self.dealer.partitions()).unwrap_or(u32::MAX),
            watermark: self.watermark,
            seconds: self.seconds.clone(),
            ended: self.ended,
        }
    }

    fn write_alerts(&mut self, outputs: &mut dyn Outputs) -> anyhow::Result<()> {
        for alert in self.alerts.drain(..) {
            outputs.alert(&alert)?;
            self.outgoing.count_alert(&alert);
        }
        Ok(())
    }

    /// Sensors without which nothing is judged, and that were never heard of.
    pub(super) fn absent(&self) -> Vec<String> {
        self.order.absent().map(ToString::to_string).collect()
    }

    /// Sightings that wait for slower sensors.
    pub(super) fn waiting(&self) -> usize {
        self.order.waiting()
    }

    /// Goes on by other rules and limits; after an error by those of before.
    pub(super) fn reconfigure(&mut self, judging: &Judging) -> anyhow::Result<()> {
        let detection = judging.detection.clone();
        self.detectors.reconfigure(detection).map_err(|message| anyhow::anyhow!("{message}"))?;
        self.lineage.reconfigure(&judging.lineage);
        self.routes.reconfigure(judging.routes.clone());
        self.described.clone_from(&judging.described);
        self.listed = Arc::clone(&judging.listed);
        self.wanting = Wanting::new(&judging.detection);
        Ok(())
    }

    /// What was counted since this process took the partition.
    pub(super) fn counters(&self) -> Counters {
        let detected = self.detectors.counters();
        let detector_keys = self.detectors.evictions().map(|(_, keys)| keys).sum();
        let Outgoing { http, transactions, alerts } = &self.outgoing;
        Counters {
            scale: ScaleCounters {
                waiting: self.waiting() as u64,
                partitions: 1,
                sightings_busy_ms: u64::try_from(self.busy.as_millis()).unwrap_or(u64::MAX),
                ..self.scale.clone()
            },
            evicted: EvictionCounters { detector_keys, ..self.lineage.evicted() },
            routes: self.routes.counters(),
            // Messages are counted where they are read: what came is what goes.
            http: HttpCounters { requests: http.requests_out, responses: http.responses_out, ..http.clone() },
            transactions: transactions.clone(),
            alerts: AlertCounters {
                findings: detected.findings,
                suppressed: detected.suppressed,
                ..alerts.clone()
            },
            ..Counters::default()
        }
    }
}

/// What the rules are told of a second, without what only a sensor knows of itself.
pub(super) fn health_of(second: &Second, evicted: &EvictionCounters) -> Health {
    let Second { bytes, kernel, .. } = second;
    Health {
        delivered: bytes.delivered,
        missing: bytes.missing,
        encrypted: bytes.encrypted,
        quic: bytes.quic,
        kernel: *kernel,
        evicted: vec![
            ("sessions and tokens", "limits.handles_max", evicted.handles),
            ("accounts", "limits.accounts_max", evicted.accounts),
        ],
        ..Health::default()
    }
}
