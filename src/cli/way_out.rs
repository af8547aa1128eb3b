//! The sinks of the configuration, as a command uses them: opened at the start, told of health, closed at the end.
//! It is given the configuration and gives records to `Delivery`.
//! It promises that what could not be delivered is told: it waits on disk, or it is lost and the run has failed.

use super::Failure;
use super::signals::Stop;
use crate::config::Raw;
use crate::metrics::{Counters, LiveRows, SinkCounters};
use crate::sinks::delivery::{Closed, Delivery, OpenError, Tell, by_sink, key_of};
use crate::sinks::inventory::Inventory;
use crate::sinks::record::{HealthRecord, Labels, ServiceRow};
use crate::sinks::spool::{Full, Kind, Lane};
use crate::sinks::status::Status;
use std::time::{Duration, Instant};

/// The open sinks of a run.
pub(super) struct WayOut {
    pub(super) delivery: Delivery,
    labels: Labels,
    patience: Duration,
    health_every: Duration,
    health_told: Instant,
    stop: Stop,
    tell: Tell,
    /// Whether what is left waits on disk.
    kept: bool,
}

impl WayOut {
    /// Opens what the configuration names; `None` when it names nothing. `full` says what happens when the spool is.
    pub(super) fn open(raw: &Raw, full: Full, stop: &Stop, tell: &Tell) -> Result<Option<Self>, Failure> {
        let folder = Some(raw.state.dir.as_path()).filter(|folder| !folder.as_os_str().is_empty());
        let labels = raw.labels();
        let delivery = Delivery::open(&raw.sinks, &raw.spool, folder, full, &labels, tell);
        let delivery = delivery.map_err(|error| match error {
            OpenError::Setting(message) => Failure::usage(message),
            OpenError::System(message) => Failure::running(message),
        })?;
        let Some(delivery) = delivery else { return Ok(None) };
        Ok(Some(Self {
            delivery,
            labels,
            patience: Duration::from_secs(raw.spool.drain_timeout_s.into()),
            health_every: Duration::from_secs(raw.sensor.health_interval_s),
            health_told: Instant::now(),
            stop: stop.clone(),
            tell: tell.clone(),
            kept: folder.is_some(),
        }))
    }

    /// Whether a sink takes reports, the inventory among them.
    pub(super) fn wants_inventory(&self) -> bool {
        self.delivery.takes(Lane::Reports)
    }

    /// Whether it is time to tell how the sensor is doing.
    pub(super) fn health_is_due(&self) -> bool {
        self.delivery.takes(Lane::Reports) && self.health_told.elapsed() >= self.health_every
    }

    /// Tells how the sensor is doing.
    pub(super) fn tell_health(
        &mut self,
        counters: &Counters,
        services: &[ServiceRow],
        live: &LiveRows,
        ended: bool,
    ) {
        if !self.delivery.takes(Lane::Reports) {
            return;
        }
        self.health_told = Instant::now();
        let statuses = self.delivery.statuses();
        let sinks = by_sink(&statuses);
        let record = HealthRecord::new(counters, services, &self.labels, (&statuses, &sinks), live, ended);
        let key = key_of(&["sensor", &self.labels.tenant, &self.labels.sensor]);
        self.delivery.report(Kind::Health, key, &record);
    }

    /// Tells all that is known of endpoints, credentials, principals and services.
    pub(super) fn tell_inventory(&mut self, inventory: &Inventory) {
        if self.wants_inventory() {
            inventory.write(&mut self.delivery);
        }
    }

    /// Waits for the sinks as long as they get on, and says what was lost and what is left.
    pub(super) fn close(self) -> (Vec<(String, SinkCounters)>, Result<(), Failure>) {
        let Self { delivery, patience, stop, tell, kept, .. } = self;
        let Closed { statuses, left } = delivery.close(patience, || stop.is_asked());
        let mut counters = by_sink(&statuses);
        let mut failures = Vec::new();
        for status in &statuses {
            for (promised, line) in losses(status, kept) {
                if promised { failures.push(line) } else { tell(&line) }
            }
        }
        if kept {
            for line in left {
                tell(&format!("{line}; kept in the spool"));
            }
        } else if !left.is_empty() {
            // Memory ends here.
            for (_, counters) in &mut counters {
                counters.lost += std::mem::take(&mut counters.spooled);
            }
            failures.extend(left);
            failures.push("lost: without state.dir nothing outlives the run".to_owned());
        }
        let outcome = if failures.is_empty() { Ok(()) } else { Err(Failure::running(failures.join("\n"))) };
        (counters, outcome)
    }
}

/// What one queue lost, a line a reason, and whether it was promised: alerts that had no room, and whatever was refused
/// where there is no folder for dead letters.
fn losses(status: &Status, kept: bool) -> impl Iterator<Item = (bool, String)> {
    let Status { sink, lane, counters, refused, corrupt, .. } = status;
    let no_room = counters.lost.saturating_sub(refused + corrupt);
    let reasons = [
        (*corrupt, false, "damaged in the spool"),
        (no_room, *lane == Lane::Alerts.name(), "lost, because there was no room for them"),
        (
            if kept { 0 } else { *refused },
            true,
            "refused, and without state.dir there is no place to keep them",
        ),
    ];
    reasons.into_iter().filter(|(count, ..)| *count > 0).map(move |(count, promised, reason)| {
        (promised, format!("sinks.{sink}: {count} of {lane} were {reason}"))
    })
}
