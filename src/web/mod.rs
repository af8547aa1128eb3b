//! The local page: what a run found, to look at in a browser.
//! It is given a snapshot and an address and serves a few pages, rendered here, without scripts.
//! It promises to listen on loopback only, to answer known host names only, and to escape every word of traffic.

mod alert;
mod html;
mod live;
mod metrics;
mod overview;
mod process;
mod rules;
mod serve;
mod site;
mod stats;

#[cfg(test)]
mod tests;

pub use live::Live;

use crate::metrics::Counters;
use crate::sinks::record::{Labels, ServiceRow};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use heelguard_detectors::alert::Alert;
use serde::{Deserialize, Serialize};
use site::Site;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

/// `[web]`: the local page.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port; port 0 takes a free one.
    pub listen: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: "127.0.0.1:9470".to_owned() }
    }
}

impl Config {
    /// Refuses what is no address, or an address that others can reach.
    pub fn check(&self) -> Result<(), String> {
        self.address().map(drop)
    }

    fn address(&self) -> Result<SocketAddr, String> {
        let address: SocketAddr = self.listen.parse().map_err(|_| {
            format!(
                "`{}` is no address with port; wanted one such as 127.0.0.1:9470 or [::1]:9470",
                self.listen
            )
        })?;
        if !address.ip().is_loopback() {
            return Err(format!(
                "`{}` can be reached by others, and the page asks nobody who they are; wanted 127.0.0.1 or [::1]",
                self.listen
            ));
        }
        Ok(address)
    }
}

/// What the page shows: everything a run left behind.
pub struct Snapshot {
    /// Who saw it.
    pub labels: Labels,
    /// Where it was seen, in a few words.
    pub source: String,
    /// The last state of each episode, the newest first.
    pub episodes: Vec<Alert>,
    /// Every counter.
    pub counters: Counters,
    /// Servers and what was spoken with them.
    pub services: Vec<ServiceRow>,
}

/// Why the page cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is wrong; the configuration check says it first.
    #[error("web.listen: {0}")]
    Address(String),
    /// Somebody else has the port.
    #[error("{address} is taken by another program; choose a free port with --set web.listen=127.0.0.1:0")]
    Taken {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The system refused.
    #[error("cannot serve the page on {address}: {cause}")]
    Refused {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        cause: std::io::Error,
    },
}

/// A page that has its port and waits to be served.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Takes the port.
    pub fn bind(config: &Config) -> Result<Self, Error> {
        let address = config.address().map_err(Error::Address)?;
        let refused = |cause: std::io::Error| match cause.kind() {
            std::io::ErrorKind::AddrInUse => Error::Taken { address },
            _ => Error::Refused { address, cause },
        };
        let listener = TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the process is interrupted (SIGINT).
    pub fn serve_until_interrupted(self, snapshot: Snapshot) -> Result<(), Error> {
        let address = self.address;
        let refused = |cause| Error::Refused { address, cause };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(refused)?;
        let site = Arc::new(Site::new(snapshot));
        let router = Router::new().fallback(answer).with_state(site);
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(self.listener).map_err(refused)?;
            let interrupted = async {
                // Without a handler the default action ends the process, which is what is wanted.
                let _ = tokio::signal::ctrl_c().await;
            };
            tokio::select! {
                () = serve::serve(listener, router, serve::Limits::default()) => {}
                () = interrupted => {}
            }
            Ok(())
        })
    }
}

/// Every page that would be served of a run, as HTML.
pub fn pages(snapshot: Snapshot) -> Vec<String> {
    Site::new(snapshot).pages()
}

/// The only handler: `Site` decides what every request gets.
async fn answer(State(site): State<Arc<Site>>, request: Request) -> Response {
    let host = request.headers().get("host").and_then(|host| host.to_str().ok());
    site.respond(request.method().as_str(), host, request.uri().path())
}
