//! The local page: what a run found, to look at in a browser, while it runs and after.
//! It is given the run's ledger and counters now and then, and an address, and serves pages rendered here, without scripts.
//! It promises to answer this machine alone or whoever knows the token, and to escape every word of traffic.

mod access;
mod ask;
mod door;
mod export;
mod frame;
mod live;
mod metrics;
mod notes;
mod process;
mod seal;
mod serve;
mod site;
mod views;

#[cfg(test)]
mod tests;

pub use live::{Live, Readings};

use crate::ledger::Ledger;
use crate::markup::html;
use crate::metrics::{Counters, LiveRows};
use crate::openapi::Survey;
use crate::sinks::record::{Labels, ServiceRow};
use crate::sinks::status::Status;
use access::Access;
use seal::Seal;
use serde::{Deserialize, Serialize};
use site::Site;
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `[web]`: the local page.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port; port 0 takes a free one.
    pub listen: String,
    /// The certificate with its chain (PEM) that the page comes with.
    pub cert_file: PathBuf,
    /// The key to it (PEM).
    pub key_file: PathBuf,
    /// A file with the token that everybody is asked for.
    pub token_file: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9470".to_owned(),
            cert_file: PathBuf::new(),
            key_file: PathBuf::new(),
            token_file: PathBuf::new(),
        }
    }
}

impl Config {
    /// Refuses what is no address, and an address that others can reach without TLS and a token. Reads no file.
    pub fn check(&self) -> Result<(), String> {
        seal::files(&self.cert_file, &self.key_file).check()?;
        let address = self.address().map_err(|why| format!("web.listen: {why}"))?;
        let is_set = |file: &Path| !file.as_os_str().is_empty();
        if address.ip().is_loopback() || (is_set(&self.cert_file) && is_set(&self.token_file)) {
            return Ok(());
        }
        Err(format!(
            "web.listen: `{}` can be reached by others, so the page needs web.cert_file and web.key_file (TLS) and \
             web.token_file (who may look); or keep 127.0.0.1 and come by `ssh -L 9470:127.0.0.1:9470`",
            self.listen
        ))
    }

    fn address(&self) -> Result<SocketAddr, String> {
        self.listen.parse().map_err(|_| {
            format!(
                "`{}` is no address with port; wanted one such as 127.0.0.1:9470 or [::1]:9470",
                self.listen
            )
        })
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
    /// How it stands to descriptions of APIs.
    pub survey: Arc<Survey>,
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
    /// What this process took from itself, and whether that holds.
    locks: Vec<(&'static str, bool)>,
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
    /// A setting is wrong, which the configuration check says first, or a file cannot be used.
    #[error("{0}")]
    Settings(String),
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
    access: Access,
    seal: Option<Seal>,
}

/// Where the page is, as a browser is told: `http://127.0.0.1:9470`.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    is_sealed: bool,
    address: SocketAddr,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_sealed { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.address)
    }
}

impl Server {
    /// Reads the files and takes the port.
    pub fn bind(config: &Config) -> Result<Self, Error> {
        let (seal, access) = guards(config).map_err(Error::Settings)?;
        let address = config.address().map_err(Error::Settings)?;
        let refused = |cause: std::io::Error| match cause.kind() {
            std::io::ErrorKind::AddrInUse => Error::Taken { address },
            _ => Error::Refused { address, cause },
        };
        let listener = TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address, access, seal })
    }

    fn origin(&self) -> Origin {
        Origin { is_sealed: self.seal.is_some(), address: self.address }
    }
}

/// Whether the files that the page needs can be used; takes no port.
pub fn try_files(config: &Config) -> Result<(), String> {
    guards(config).map(drop)
}

/// What stands before the page: TLS and the token, where they are wanted.
fn guards(config: &Config) -> Result<(Option<Seal>, Access), String> {
    config.check()?;
    let seal = Seal::read(&config.cert_file, &config.key_file)?;
    let access = Access::read(&config.token_file, seal.is_some())?;
    Ok((seal, access))
}

/// Every page that would be served of a run that is over, as HTML, or the path where one is missing.
pub fn pages(shown: Shown, counters: &Counters, services: &[ServiceRow]) -> Result<Vec<String>, String> {
    let moment = Moment {
        counters: counters.clone(),
        services: services.to_vec(),
        is_over: true,
        ..Moment::default()
    };
    Site::new(shown).pages(&moment)
}
