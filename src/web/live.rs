//! What is served of a run: to machines metrics, whether it lives, whether it is ready; to people its pages.
//! It is given counters now and then and asks the sinks itself, and serves both on the page's address.
//! It promises that a sink or an interface that is down makes the sensor degraded, not dead: restarting it would help
//! nobody; and that no page of somewhere else can make it read its configuration anew.

use super::metrics::{Exhibit, exposition};
use super::process::Process;
use super::serve::{Limits, serve};
use super::site::{Asked, FORM_BYTES_MAX, Site, is_ours};
use super::{Error, Moment, Server, Shown};
use crate::metrics::{Counters, InterfaceRow, LiveRows};
use crate::sinks::delivery::Observer;
use crate::sinks::record::ServiceRow;
use crate::sinks::status::{State, Status};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::http::{Method, Response, StatusCode, header};
use heelguard_detectors::alert::Alert;
use heelguard_detectors::transaction::Transaction;
use serde::Serialize;
use std::net::SocketAddr;
use std::sync::Arc;

#[allow(clippy::disallowed_types, reason = "counters are put here a few times a second, and read by scrapes")]
type Mutex<T> = std::sync::Mutex<T>;

/// What is known of a running sensor.
#[derive(Default)]
pub struct Live {
    moment: Mutex<Moment>,
    sinks: Option<Observer>,
    /// Has the configuration read anew, where that can be done.
    reload: Option<Box<dyn Fn() + Send + Sync>>,
    /// The pages, where people look.
    site: Option<Site>,
}

/// What a request to read the configuration anew must say. A page of somewhere else cannot send a header of its own
/// without asking first, and nobody answers that.
const RELOAD: (&str, &str) = ("x-heelguard", "reload");

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

    /// With a way to read the configuration anew.
    #[must_use]
    pub fn reloading(self, reload: impl Fn() + Send + Sync + 'static) -> Self {
        Self { reload: Some(Box::new(reload)), ..self }
    }

    /// With pages for people.
    #[must_use]
    pub fn showing(self, shown: Shown) -> Self {
        Self { site: Some(Site::new(shown)), ..self }
    }

    /// Takes in a transaction, for the pages.
    pub fn transaction(&self, transaction: &Transaction) {
        if let Some(site) = &self.site {
            site.ledger().observe(transaction);
        }
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
        Moment { sinks: self.statuses(), ..self.with(|moment| moment.clone()) }
    }

    /// Serves on a thread of its own until the process ends; gives where.
    pub fn serve(self: &Arc<Self>, server: Server) -> Result<SocketAddr, Error> {
        let address = server.address;
        let refused = move |cause| Error::Refused { address, cause };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(refused)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(server.listener).map_err(refused)?
        };
        let router = Router::new().fallback(answer).with_state(Arc::clone(self));
        let serve = move || runtime.block_on(serve(listener, router, Limits::default()));
        std::thread::Builder::new().name("metrics".to_owned()).spawn(serve).map_err(refused)?;
        Ok(address)
    }

    /// The answer to any request.
    pub(super) fn respond(&self, asked: &Asked<'_>) -> Response<Body> {
        const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
        let is_for_machines = matches!(asked.path, "/metrics" | "/health/live" | "/health/ready");
        if let Some(site) = self.site.as_ref().filter(|_| !is_for_machines) {
            return site.respond(asked, &self.moment());
        }
        if !asked.host.is_some_and(is_ours) {
            return reply(StatusCode::MISDIRECTED_REQUEST, TEXT, "this answers to localhost only\n".into());
        }
        if !matches!(asked.method, "GET" | "HEAD") {
            return reply(StatusCode::METHOD_NOT_ALLOWED, TEXT, "this can only be read\n".into());
        }
        match asked.path {
            "/metrics" => reply(StatusCode::OK, TEXT, self.metrics()),
            "/health/live" => reply(StatusCode::OK, TEXT, "alive\n".into()),
            "/health/ready" => {
                let moment = self.moment();
                reply(StatusCode::OK, "application/json", readiness(&moment.rows.interfaces, moment.sinks))
            }
            _ => reply(StatusCode::NOT_FOUND, TEXT, "paths: /metrics /health/live /health/ready\n".into()),
        }
    }

    /// The answer to a wish to read the configuration anew; `marked` says whether it came with its header.
    pub(super) fn reload(&self, host: Option<&str>, marked: bool) -> Response<Body> {
        const TEXT: &str = "text/plain; charset=utf-8";
        let Some(reload) = &self.reload else {
            return reply(StatusCode::NOT_FOUND, TEXT, "this run reads its configuration once\n".into());
        };
        if !host.is_some_and(is_ours) {
            return reply(StatusCode::MISDIRECTED_REQUEST, TEXT, "this answers to localhost only\n".into());
        }
        if !marked {
            let (name, value) = RELOAD;
            return reply(StatusCode::FORBIDDEN, TEXT, format!("wanted: a header {name}: {value}\n"));
        }
        reload();
        reply(
            StatusCode::ACCEPTED,
            TEXT,
            "the configuration is being read anew; the log says what came of it\n".into(),
        )
    }

    fn metrics(&self) -> String {
        let Moment { counters, rows, sinks, .. } = self.moment();
        exposition(&Exhibit { counters: &counters, sinks: &sinks, live: &rows, process: Process::now() })
    }

    fn statuses(&self) -> Vec<Status> {
        self.sinks.as_ref().map_or_else(Vec::new, Observer::statuses)
    }
}

/// What a sensor says that is asked whether it is ready.
pub(super) fn readiness(interfaces: &[InterfaceRow], sinks: Vec<Status>) -> String {
    let down = sinks.iter().any(|sink| sink.state == State::Down) || interfaces.iter().any(|row| !row.up);
    let readiness = Readiness { status: if down { "degraded" } else { "ready" }, interfaces, sinks };
    serde_json::to_string(&readiness).unwrap_or_default()
}

fn reply(status: StatusCode, kind: &str, body: String) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::CACHE_CONTROL, "no-store")
        .body(Body::from(body))
        .unwrap_or_default()
}

async fn answer(Shared(live): Shared<Arc<Live>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let word = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let (method, path) = (head.method.as_str(), head.uri.path());
    if head.method == Method::POST && path == "/reload" {
        let (name, value) = RELOAD;
        return live.reload(word("host"), word(name) == Some(value));
    }
    // A body that is too long for a form of ours is none.
    let form = axum::body::to_bytes(body, FORM_BYTES_MAX).await.unwrap_or_default();
    live.respond(&Asked {
        method,
        host: word("host"),
        path,
        query: head.uri.query().unwrap_or_default(),
        origin: word("origin"),
        fetch_site: word("sec-fetch-site"),
        form: std::str::from_utf8(&form).unwrap_or_default(),
    })
}
