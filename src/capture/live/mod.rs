//! Interfaces as packets: one tap for each shard, each with a ring of every interface.
//! It is given names and settings and gives taps, a supervisor that brings back what goes away, and an observer.
//! It promises that nothing is lost uncounted, and that both directions of a connection come to one tap, even where
//! each has an interface of its own.

#[cfg(target_os = "linux")]
mod bpf;
mod config;
#[cfg(target_os = "linux")]
mod fanout;
#[cfg(target_os = "linux")]
mod group;
mod libpcap;
mod observer;
#[cfg(target_os = "linux")]
mod opening;
mod present;
#[cfg(target_os = "linux")]
mod ring;
#[cfg(target_os = "linux")]
mod rings;
#[cfg(target_os = "linux")]
mod supervisor;
#[cfg(target_os = "linux")]
mod sys;
mod tap;

pub use config::{Backend, Config, HardwareTimestamps};
pub use observer::{Observer, Status};
pub use tap::Tap;

use super::LinkType;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Says a line to the operator, from any thread.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// Frames that begin with an Ethernet header.
const ETHERNET: LinkType = LinkType(1);
/// Frames that begin with an IP header.
const RAW_IP: LinkType = LinkType(101);

/// An open capture. Nothing runs yet: rights can be given up before anything does.
pub struct Opened {
    /// One for each shard; one in all with libpcap.
    pub taps: Vec<Tap>,
    /// Brings back interfaces.
    pub supervisor: Supervisor,
    /// Tells how the interfaces are doing.
    pub observer: Observer,
    /// Ends it all.
    pub stop: Stop,
    /// What an operator should know.
    pub warnings: Vec<String>,
}

/// Brings back interfaces that went away, once it is started.
pub struct Supervisor {
    #[cfg(target_os = "linux")]
    watcher: Option<supervisor::Watcher>,
}

impl Supervisor {
    /// Starts to watch, on a thread of its own that ends with the capture. What happens to interfaces is told.
    /// Libpcap's handles look after themselves.
    pub fn start(self, tell: Tell) -> std::io::Result<()> {
        #[cfg(target_os = "linux")]
        if let Some(watcher) = self.watcher {
            return watcher.start(tell);
        }
        drop(tell);
        Ok(())
    }
}

/// Ends a capture, from any thread: what the kernel has taken is still given, then the taps end.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Takes nothing more in.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Why nothing can be captured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// A setting, or what it names, is at fault.
    #[error("{0}")]
    Setting(String),
    /// This user may not listen.
    #[error("{0}")]
    Rights(String),
    /// The system refused.
    #[error("{0}")]
    System(String),
}

/// Opens every interface, with a ring for each shard. An interface that is there and down is waited for; one that is
/// not there is an error.
pub fn open(config: &Config, shards: usize) -> Result<Opened, OpenError> {
    config.check().map_err(OpenError::Setting)?;
    if config.interfaces.is_empty() {
        let known = known_interfaces();
        return Err(OpenError::Setting(format!(
            "capture.interfaces: none is named; use -i NAME or the configuration{known}"
        )));
    }
    match config.backend {
        #[cfg(target_os = "linux")]
        Backend::AfPacket => opening::open(config, shards.max(1)),
        #[cfg(not(target_os = "linux"))]
        Backend::AfPacket => Err(OpenError::Setting(
            "capture.backend: \"af_packet\" is of Linux; set \"libpcap\" here".to_owned(),
        )),
        Backend::Libpcap => libpcap::open(config),
    }
}

/// The interfaces of this machine, as the end of a sentence.
fn known_interfaces() -> String {
    let mut names = names();
    names.sort();
    if names.is_empty() { String::new() } else { format!("; there are: {}", names.join(", ")) }
}

/// The interfaces of the network that this thread is in.
#[cfg(target_os = "linux")]
fn names() -> Vec<String> {
    let table = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap_or_default();
    table.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}

#[cfg(not(target_os = "linux"))]
fn names() -> Vec<String> {
    pcap::Device::list().map_or_else(|_| Vec::new(), |all| all.into_iter().map(|one| one.name).collect())
}

/// What it takes to be allowed to.
fn not_permitted(name: &str) -> OpenError {
    OpenError::Rights(format!(
        "{name}: packets may not be captured by this user. Either give the program the right with `sudo setcap \
         cap_net_raw=ep $(command -v heelguard)`, or run it as root, with `--user NAME` to give rights up at once"
    ))
}

/// Only the kernel's own hash deals packets.
#[cfg(target_os = "linux")]
fn kernel_deals(name: &str) -> String {
    format!(
        "{name}: this kernel does not take a program that deals packets to shards; its own hash is used, which splits \
         connections inside VXLAN: where there are any, use --shards 1"
    )
}
