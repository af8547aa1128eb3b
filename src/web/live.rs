//! What is served of a run: to machines metrics, whether it lives, whether it is ready; to people its pages.
//! It is given counters now and then and asks the sinks itself, and serves both on the page's address.
//! It promises that a sink or an interface that is down makes the sensor degraded, not dead: restarting it would help
//! nobody; and that no page of somewhere else can make it read its configuration anew.

mod hear;

use super::door::{Door, RELOAD};
use super::metrics::{Exhibit, exposition};
use super::process::Process;
use super::serve::{Limits, serve};
use super::site::{Asked, Site, answer};
use super::{Error, Moment, Origin, Server, Shown};
use crate::ledger::Ledger;
use crate::metrics::{Counters, InterfaceRow, LiveRows};
use crate::sinks::delivery::{Observer, Tell};
use crate::sinks::record::ServiceRow;
use crate::sinks::status::{State, Status};
use axum::body::Body;
use axum::http::{Response, StatusCode};
use heelguard_detectors::alert::Alert;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[allow(clippy::disallowed_types, reason = "counters are put here a few times a second, and read by scrapes")]
type Mutex<T> = std::sync::Mutex<T>;

/// How it went when the configuration was read anew; shared between who reads and who tells.
#[derive(Debug, Default)]
pub struct Readings {
    done: AtomicU64,
    failed: AtomicU64,
    has_failed_last: AtomicBool,
}

impl Readings {
    /// One more, and whether it can be used.
    pub fn note(&self, went_well: bool) {
        let count = if went_well { &self.done } else { &self.failed };
        count.fetch_add(1, Ordering::Relaxed);
        self.has_failed_last.store(!went_well, Ordering::Relaxed);
    }

    /// Those that went well, those that failed, and whether the last one went well.
    pub(super) fn told(&self) -> (u64, u64, bool) {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (count(&self.done), count(&self.failed), !self.has_failed_last.load(Ordering::Relaxed))
    }
}

/// What is known of a running sensor.
#[derive(Default)]
pub struct Live {
    moment: Mutex<Moment>,
    sinks: Option<Observer>,
    /// Has the configuration read anew, where that can be done.
    reload: Option<Box<dyn Fn() + Send + Sync>>,
    /// What came of that.
    readings: Arc<Readings>,
    /// What this process took from itself, and whether that holds.
    locks: Vec<(&'static str, bool)>,
    /// Says a line to the operator, where there is somebody to read it.
    tell: Option<Tell>,
    /// The pages, where people look.
    site: Option<Site>,
}

/// `/health/ready`.
#[derive(Serialize)]
struct Readiness<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    interfaces: &'a [InterfaceRow],
    sinks: Vec<Status>,
}

impl Live {
    /// A sensor whose sinks can be asked.
    pub fn new(sinks: Option<Observer>) -> Self {
        Self { sinks, ..Self::default() }
    }

    /// With a way to read the configuration anew, and what comes of it.
    #[must_use]
    pub fn reloading(self, reload: impl Fn() + Send + Sync + 'static, readings: Arc<Readings>) -> Self {
        Self { reload: Some(Box::new(reload)), readings, ..self }
    }

    /// With somebody who reads what goes wrong.
    #[must_use]
    pub fn telling(self, tell: Tell) -> Self {
        Self { tell: Some(tell), ..self }
    }

    /// With pages for people.
    #[must_use]
    pub fn showing(self, shown: Shown) -> Self {
        Self { site: Some(Site::new(shown)), ..self }
    }

    /// With what this process took from itself.
    #[must_use]
    pub fn locked(self, locks: Vec<(&'static str, bool)>) -> Self {
        Self { locks, ..self }
    }

    /// Where transactions are to be written down for the pages, if there are any.
    pub fn ledger(&self) -> Option<Arc<Ledger>> {
        self.site.as_ref().map(Site::ledger)
    }

    /// Takes in a state of an alert, for the pages.
    pub fn alert(&self, alert: &Alert) {
        if let Some(site) = &self.site {
            site.ledger().alert(alert);
        }
    }

    /// The counters as they are now.
    pub fn put(&self, counters: &Counters, services: Vec<ServiceRow>) {
        self.with(|moment| {
            counters.clone_into(&mut moment.counters);
            moment.services = services;
        });
    }

    /// The counters as they stay: nothing more comes.
    pub fn put_last(&self, counters: &Counters, services: Vec<ServiceRow>) {
        self.put(counters, services);
        self.with(|moment| moment.is_over = true);
    }

    /// Interfaces, queues and latencies as they are now.
    pub fn put_rows(&self, rows: &LiveRows) {
        self.with(|moment| rows.clone_into(&mut moment.rows));
    }

    fn with<T>(&self, look: impl FnOnce(&mut Moment) -> T) -> T {
        look(&mut self.moment.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn moment(&self) -> Moment {
        Moment { sinks: self.statuses(), locks: self.locks.clone(), ..self.with(|moment| moment.clone()) }
    }

    /// Serves on a thread of its own until the process ends; gives where.
    pub fn serve(self: &Arc<Self>, server: Server) -> Result<Origin, Error> {
        let (address, origin) = (server.address, server.origin());
        let refused = move |cause| Error::Refused { address, cause };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(refused)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(server.listener).map_err(refused)?
        };
        let door = Door { live: Arc::clone(self), access: server.access };
        let limits = Limits::default();
        let router = hear::router(door, limits.head_within);
        let tell = self.tell.clone().unwrap_or_else(|| Arc::new(|_: &str| ()));
        let serve = move || runtime.block_on(serve(listener, server.seal, router, limits, tell));
        std::thread::Builder::new().name("metrics".to_owned()).spawn(serve).map_err(refused)?;
        Ok(origin)
    }

    /// The answer to a request of somebody who may look.
    pub(super) fn respond(&self, asked: &Asked<'_>) -> Response<Body> {
        const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
        if let Some(site) = self.site.as_ref().filter(|_| !is_for_machines(asked.path)) {
            return site.respond(asked, &self.moment());
        }
        if !matches!(asked.method, "GET" | "HEAD") {
            return answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, "this can only be read\n");
        }
        match asked.path {
            "/metrics" => answer(StatusCode::OK, TEXT, self.metrics()),
            "/health/live" => answer(StatusCode::OK, TEXT, "alive\n"),
            "/health/ready" => {
                let moment = self.moment();
                answer(StatusCode::OK, "application/json", readiness(&moment.rows.interfaces, moment.sinks))
            }
            _ => answer(StatusCode::NOT_FOUND, TEXT, "paths: /metrics /health/live /health/ready\n"),
        }
    }

    /// Whether the sensor is ready, for somebody who may not know more.
    pub(super) fn readiness_in_a_word(&self) -> Response<Body> {
        let moment = self.moment();
        answer(StatusCode::OK, "application/json", readiness_word(&moment.rows.interfaces, &moment.sinks))
    }

    /// The answer to a wish to read the configuration anew; `marked` says whether it came with its header.
    pub(super) fn reload(&self, marked: bool) -> Response<Body> {
        let Some(reload) = &self.reload else {
            return plain(StatusCode::NOT_FOUND, "this run reads its configuration once\n");
        };
        if !marked {
            let (name, value) = RELOAD;
            return plain(StatusCode::FORBIDDEN, &format!("wanted: a header {name}: {value}\n"));
        }
        reload();
        plain(StatusCode::ACCEPTED, "the configuration is being read anew; the log says what came of it\n")
    }

    fn metrics(&self) -> String {
        let Moment { counters, rows, sinks, .. } = self.moment();
        let (locks, process) = (self.locks.as_slice(), Process::now());
        let readings = &self.readings;
        exposition(&Exhibit { counters: &counters, sinks: &sinks, live: &rows, locks, readings, process })
    }

    fn statuses(&self) -> Vec<Status> {
        self.sinks.as_ref().map_or_else(Vec::new, Observer::statuses)
    }
}

/// What a sensor says that is asked whether it is ready.
pub(super) fn readiness(interfaces: &[InterfaceRow], sinks: Vec<Status>) -> String {
    let readiness = Readiness { status: word(interfaces, &sinks), interfaces, sinks };
    serde_json::to_string(&readiness).unwrap_or_default()
}

/// The same without what is behind it.
fn readiness_word(interfaces: &[InterfaceRow], sinks: &[Status]) -> String {
    format!("{{\"status\":\"{}\"}}", word(interfaces, sinks))
}

fn word(interfaces: &[InterfaceRow], sinks: &[Status]) -> &'static str {
    let down = sinks.iter().any(|sink| sink.state == State::Down) || interfaces.iter().any(|row| !row.up);
    if down { "degraded" } else { "ready" }
}

/// Whether a path is for programs: they get words, not pages.
pub(super) fn is_for_machines(path: &str) -> bool {
    matches!(path, "/metrics" | "/health/live" | "/health/ready" | "/reload")
}

/// A few words, for a program or a log.
pub(super) fn plain(status: StatusCode, words: &str) -> Response<Body> {
    answer(status, "text/plain; charset=utf-8", words.to_owned())
}
