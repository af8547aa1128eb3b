//! The local page: what a run found, to look at in a browser, while it runs and after.
//! It is given the run's ledger and counters now and then, and an address, and serves pages rendered here, without scripts.
//! It promises to listen on loopback only, to answer known host names only, and to escape every word of traffic.

mod ask;
mod export;
mod frame;
mod html;
mod live;
mod metrics;
mod notes;
mod process;
mod serve;
mod site;
mod views;

#[cfg(test)]
mod tests;

pub use live::Live;

use crate::ledger::Ledger;
use crate::metrics::{Counters, LiveRows};
use crate::sinks::record::{Labels, ServiceRow};
use crate::sinks::status::Status;
use serde::{Deserialize, Serialize};
use site::Site;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
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

/// What the pages show beside the counters.
pub struct Shown {
    /// Who sees it.
    pub labels: Labels,
    /// Where it is seen, in a few words.
    pub source: String,
    /// What was seen.
    pub ledger: Arc<Ledger>,
    /// Where acknowledgements are kept; in memory without it.
    pub state_dir: Option<PathBuf>,
}

/// What is told of the sensor itself, for one moment.
#[derive(Clone, Debug, Default)]
struct Moment {
    counters: Counters,
    services: Vec<ServiceRow>,
    rows: LiveRows,
    sinks: Vec<Status>,
    /// Whether nothing more comes, so that nothing is between two stages.
    is_over: bool,
}

impl Moment {
    /// The first account that does not add up.
    fn imbalance(&self) -> Option<String> {
        if self.is_over { self.counters.imbalance() } else { self.counters.imbalance_so_far() }
    }
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
}

/// Every page that would be served of a run that is over, as HTML.
pub fn pages(shown: Shown, counters: &Counters, services: &[ServiceRow]) -> Vec<String> {
    let moment = Moment {
        counters: counters.clone(),
        services: services.to_vec(),
        is_over: true,
        ..Moment::default()
    };
    Site::new(shown).pages(&moment)
}
