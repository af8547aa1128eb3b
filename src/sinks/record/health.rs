//! `heelguard.stats/1` on its way to the sinks: the counters, whose they are, and how each sink is doing.
//! It is given a stats record and the sinks' statuses.
//! It promises every key of the stats record, and more at the end.

use super::super::clock::now_ms;
use super::super::status::Status;
use super::{Labels, ServiceRow, StatsRecord};
use crate::metrics::{Counters, SinkCounters};
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
}

impl<'a> HealthRecord<'a> {
    /// The report of a sensor.
    pub fn new(
        counters: &Counters,
        services: &'a [ServiceRow],
        labels: &'a Labels,
        (delivery, sinks): (&'a [Status], &'a [(String, SinkCounters)]),
        ended: bool,
    ) -> Self {
        let stats = StatsRecord::new(counters, sinks, services);
        let stats = if ended { stats } else { stats.so_far(counters, sinks) };
        let time_s = now_ms() / 1000;
        Self { stats, time_s, tenant: &labels.tenant, sensor: &labels.sensor, ended, delivery }
    }
}
