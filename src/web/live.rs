//! What a running sensor tells machines: metrics, whether it lives, whether it is ready.
//! It is given counters now and then and asks the sinks itself, and serves a few paths on the page's address.
//! It promises that a sink or an interface that is down makes the sensor degraded, not dead: restarting it would help
//! nobody; and that no page of somewhere else can make it read its configuration anew.

use super::metrics::{Exhibit, exposition};
use super::process::Process;
use super::serve::{Limits, serve};
use super::site::is_ours;
use super::{Error, Server};
use crate::metrics::{Counters, InterfaceRow, LiveRows};
use crate::sinks::delivery::Observer;
use crate::sinks::status::{State, Status};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::http::{Method, Response, StatusCode, header};
use serde::Serialize;
use std::net::SocketAddr;
use std::sync::Arc;

#[allow(clippy::disallowed_types, reason = "counters are put here a few times a second, and read by scrapes")]
type Mutex<T> = std::sync::Mutex<T>;

/// What is known of a running sensor.
#[derive(Default)]
pub struct Live {
    counters: Mutex<Counters>,
    rows: Mutex<LiveRows>,
    sinks: Option<Observer>,
    /// Has the configuration read anew, where that can be done.
    reload: Option<Box<dyn Fn() + Send + Sync>>,
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
    pub fn new(sinks: Option<Observer>) -> Arc<Self> {
        Arc::new(Self { sinks, ..Self::default() })
    }

    /// One whose configuration can be read anew, too.
    pub fn with_reload(sinks: Option<Observer>, reload: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { sinks, reload: Some(Box::new(reload)), ..Self::default() })
    }

    /// The counters as they are now.
    pub fn put(&self, counters: &Counters) {
        counters.clone_into(&mut self.counters.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    /// Interfaces, queues and latencies as they are now.
    pub fn put_rows(&self, rows: &LiveRows) {
        rows.clone_into(&mut self.rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
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
    pub(super) fn respond(&self, method: &str, host: Option<&str>, path: &str) -> Response<Body> {
        const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
        if !host.is_some_and(is_ours) {
            return reply(StatusCode::MISDIRECTED_REQUEST, TEXT, "this answers to localhost only\n".into());
        }
        if !matches!(method, "GET" | "HEAD") {
            return reply(StatusCode::METHOD_NOT_ALLOWED, TEXT, "this can only be read\n".into());
        }
        match path {
            "/metrics" => reply(StatusCode::OK, TEXT, self.metrics()),
            "/health/live" => reply(StatusCode::OK, TEXT, "alive\n".into()),
            "/health/ready" => {
                let rows = self.rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
                reply(StatusCode::OK, "application/json", readiness(&rows.interfaces, self.statuses()))
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
        let counters = self.counters.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let live = self.rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let (sinks, process) = (self.statuses(), Process::now());
        exposition(&Exhibit { counters: &counters, sinks: &sinks, live: &live, process })
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
    let host = request.headers().get("host").and_then(|host| host.to_str().ok());
    if request.method() == Method::POST && request.uri().path() == "/reload" {
        let (name, value) = RELOAD;
        return live.reload(host, request.headers().get(name).is_some_and(|given| given == value));
    }
    live.respond(request.method().as_str(), host, request.uri().path())
}
