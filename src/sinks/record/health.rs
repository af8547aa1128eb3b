//! `heelguard.stats/1` on its way to the sinks: the counters, whose they are, and how each sink is doing.
//! It is given a stats record and the sinks' statuses.
//! It promises every key of the stats record, and more at the end.

use super::super::clock::now_ms;
use super::super::status::Status;
use super::{Labels, ServiceRow, StatsRecord};
use crate::metrics::{Counters, InterfaceRow, LatencyRow, LiveRows, QueueRow, SinkCounters};
use serde::Serialize;

/// The sensor's counters as a report.
#[derive(Serialize)]
pub struct HealthRecord<'a> {
    #[serde(flatten)]
    stats: StatsRecord<'a>,
    /// By the machine's clock, in seconds since 1970.
    time_s: u64,
    tenant: &'a str,
    sensor: &'a str,
    /// Whether this is the last word of a run.
    ended: bool,
    delivery: &'a [Status],
    // Of a sensor that reads traffic while it happens.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    interfaces: &'a [InterfaceRow],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    queues: &'a [QueueRow],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    latencies: &'a [LatencyRow],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mirror_troubles: Vec<&'static str>,
}

impl<'a> HealthRecord<'a> {
    /// The report of a sensor.
    pub fn new(
        counters: &Counters,
        services: &'a [ServiceRow],
        labels: &'a Labels,
        (delivery, sinks): (&'a [Status], &'a [(String, SinkCounters)]),
        live: &'a LiveRows,
        ended: bool,
    ) -> Self {
        let stats = StatsRecord::new(counters, sinks, services);
        let stats = if ended { stats } else { stats.so_far(counters, sinks) };
        let time_s = now_ms() / 1000;
        let LiveRows { interfaces, queues, latencies, troubles } = live;
        let there = troubles.iter().filter(|(_, is_on)| *is_on);
        Self {
            stats,
            time_s,
            tenant: &labels.tenant,
            sensor: &labels.sensor,
            ended,
            delivery,
            interfaces,
            queues,
            latencies,
            mirror_troubles: there.map(|(name, _)| *name).collect(),
        }
    }
}
