//! What is kept of a credential that lasts beyond a login: its days, its devices, how many used it at once.
//! It is given the transactions that present it.
//! It promises bounded lists, and times of what was granted beside those of what was tried.

use super::at_once::AtOnce;
use super::days::Days;
use super::lanes::{Lanes, Tagged};
use super::rhythm::Beat;
use heelguard_detectors::saved::saved;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Device, Outcome, Transaction};
use std::time::Duration;

/// Devices that are kept of one.
const DEVICES_MAX: usize = 8;

/// What is kept beyond what is kept of any credential.
#[derive(Clone, Debug, Default)]
pub struct Lasting {
    /// When it was handed out, if that was seen.
    pub issued: Option<EventTime>,
    /// When it was granted something.
    pub granted: Option<Granted>,
    /// On which devices.
    pub devices: Lanes<Device>,
    /// Day by day.
    pub days: Days,
    /// By how many at once.
    pub at_once: AtOnce,
}

/// The successes of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The first.
    pub first: EventTime,
    /// The last.
    pub last: EventTime,
    /// The longest time between two of them.
    pub longest_pause: Duration,
}

saved!(Granted { first, last, longest_pause });
saved!(Lasting { issued, granted, devices, days, at_once });

impl Lasting {
    pub(super) fn note(&mut self, tx: &Transaction, now: (EventTime, Beat)) {
        let bytes = (
            tx.request.as_ref().map_or(0, |request| request.bytes),
            tx.response.as_ref().map_or(0, |response| response.bytes),
        );
        self.days.note(tx.end, tx.outcome == Outcome::Denied, bytes.0, bytes.1);
        self.at_once.note(tx);
        if tx.succeeded() {
            let start = Granted { first: tx.end, last: tx.end, longest_pause: Duration::ZERO };
            let granted = self.granted.get_or_insert(start);
            granted.longest_pause = granted.longest_pause.max(tx.end.since(granted.last));
            granted.last = granted.last.max(tx.end);
        }
        self.devices.halve(now.1);
        if let Some(device) = tx.device {
            self.devices.note(DEVICES_MAX, now, device.tag(), |known| *known == device, || device);
        }
    }

    /// What it takes beside itself.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.devices.heap_bytes() + self.days.heap_bytes() + self.at_once.heap_bytes()
    }
}
