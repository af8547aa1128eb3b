//! What systemd is told: that the sensor is ready, reads its files anew, ends, what it is doing, and that it is alive.
//! It is given these moments by the run, and writes to the socket that `NOTIFY_SOCKET` names.
//! It promises silence where nobody listens, and no thread of its own: the watchdog is fed by whoever does the work, so
//! that a sensor which has stopped working is started anew.

#[cfg(all(test, target_os = "linux"))]
mod tests;

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

#[allow(
    clippy::disallowed_types,
    reason = "a few words a second, from the run and from whoever reads files anew"
)]
type Mutex<T> = std::sync::Mutex<T>;

/// Fed three times as often as must be: one feeding may come late, and one may be lost.
const FEEDINGS: u32 = 3;

/// The line to the service manager; does nothing without one. Clones are the same line.
#[derive(Clone, Debug, Default)]
pub(super) struct Notifier {
    /// How often the watchdog is fed.
    every: Option<Duration>,
    said: Arc<Mutex<Said>>,
}

/// What was said already.
#[derive(Debug, Default)]
struct Said {
    status: String,
    fed: Option<Instant>,
    /// A complaint about the line itself, once: the sensor works without systemd.
    complaint: bool,
}

impl Notifier {
    /// Looks whether a service manager listens, and whether it wants a sign of life.
    pub(super) fn from_env() -> Self {
        Self { every: manager::watchdog().map(|within| within / FEEDINGS), ..Self::default() }
    }

    /// The sensor captures. Said at the start, and again when files have been read anew, or could not be.
    pub(super) fn ready(&self) {
        self.tell(manager::ready());
    }

    /// Files are being read anew; `ready` must follow, whatever comes of it.
    pub(super) fn reloading(&self) {
        self.tell(manager::reloading());
    }

    /// The sensor ends.
    pub(super) fn stopping(&self) {
        self.tell(manager::stopping());
    }

    /// What `systemctl status` shows, in one line; what was said last is not said again.
    pub(super) fn status(&self, line: &str) {
        let is_new = self.said(|said| {
            let is_new = said.status != line;
            line.clone_into(&mut said.status);
            is_new
        });
        if is_new {
            self.tell(manager::status(line));
        }
    }

    /// How long until `alive` wants to be called again; `None` where nobody watches.
    pub(super) fn watchdog_due(&self) -> Option<Duration> {
        let every = self.every?;
        Some(self.said(|said| said.fed.map_or(Duration::ZERO, |fed| every.saturating_sub(fed.elapsed()))))
    }

    /// The analysis has moved on. Cheap: it tells the manager only when that is due.
    pub(super) fn alive(&self) {
        if self.watchdog_due().is_some_and(|left| left.is_zero()) {
            self.said(|said| said.fed = Some(Instant::now()));
            self.tell(manager::alive());
        }
    }

    fn tell(&self, told: std::io::Result<()>) {
        if let Err(error) = told
            && !self.said(|said| std::mem::replace(&mut said.complaint, true))
        {
            super::warn(&format!("systemd (NOTIFY_SOCKET) cannot be told how the sensor is: {error}"));
        }
    }

    fn said<T>(&self, look: impl FnOnce(&mut Said) -> T) -> T {
        look(&mut self.said.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(target_os = "linux")]
mod manager {
    use sd_notify::NotifyState::{MonotonicUsec, Ready, Reloading, Status, Stopping, Watchdog};
    use sd_notify::{NotifyState, notify, watchdog_enabled};
    use std::io::Result;
    use std::time::Duration;

    pub(super) fn watchdog() -> Option<Duration> {
        watchdog_enabled().filter(|within| !within.is_zero())
    }

    pub(super) fn ready() -> Result<()> {
        notify(&[Ready])
    }

    /// The time lets systemd tell the answer to this reload from that to an earlier one.
    pub(super) fn reloading() -> Result<()> {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let now_us = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
        notify(&[Reloading, MonotonicUsec(now_us)])
    }

    pub(super) fn stopping() -> Result<()> {
        notify(&[Stopping])
    }

    /// One line: a line break would begin another assignment.
    pub(super) fn status(line: &str) -> Result<()> {
        notify(&[Status(&line.replace(char::is_control, " "))])
    }

    pub(super) fn alive() -> Result<()> {
        notify(&[Watchdog] as &[NotifyState<'_>])
    }
}

/// There is no systemd here.
#[cfg(not(target_os = "linux"))]
mod manager {
    use std::io::Result;
    use std::time::Duration;

    pub(super) fn watchdog() -> Option<Duration> {
        None
    }

    pub(super) fn ready() -> Result<()> {
        Ok(())
    }

    pub(super) use ready as reloading;
    pub(super) use ready as stopping;
    pub(super) use ready as alive;

    pub(super) fn status(_line: &str) -> Result<()> {
        Ok(())
    }
}
