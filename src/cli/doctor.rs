//! `heelguard doctor`: looks at this machine and says what to change before the sensor runs here.
//! It is given the configuration, interfaces and a user, and prints one line for each thing it looked at: whether that
//! is well, what was found, and the command that mends it.
//! It promises to change nothing but for a file it makes and removes in the state folder, to need no rights, and to
//! end within seconds, however silent the far sides are.

mod ask;
mod card;
mod ethtool;
mod finding;
mod interface;
mod limits;
mod machine;
mod offers;
mod places;
mod rights;

use super::privileges;
use super::{ConfigArgs, Failure, print};
use crate::config::Raw;
use crate::sinks::reach::reach;
use clap::{Args, ValueEnum};
use finding::{Finding, Report, State};
use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

/// Sinks that have not answered by then are down for whoever waits in front of a terminal.
const SINKS_WITHIN: Duration = Duration::from_secs(9);

/// Where Linux tells of its interfaces.
const INTERFACES: &str = "/sys/class/net";

/// Looks at this machine
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  heelguard doctor                                 which interfaces there are, and what is not well\n  heelguard doctor -i eth1 --config heelguard.toml what a run with these would meet\n  sudo heelguard doctor -i eth1 --user heelguard   the same, as that user\n  heelguard doctor --format json                   for programs\n\nExit codes: 0 nothing is bad, 1 something is, 2 wrong usage or configuration"
)]
pub(super) struct Doctor {
    #[command(flatten)]
    config: ConfigArgs,

    /// The interface that will be listened on, repeatable; without any, also in the file, candidates are listed
    #[arg(short, long = "interface", value_name = "IFACE")]
    interfaces: Vec<String>,

    /// Parser threads of the run, each with a ring on every interface [default: by the machine]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=super::replay::SHARDS_MAX))]
    shards: Option<u64>,

    /// Look as this user would, as `run --user` does; needs root
    #[arg(long, value_name = "USER")]
    user: Option<String>,

    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Doctor {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut raw = self.config.load()?;
        raw.settle(self.user.is_some());
        if raw.scale.forward {
            raw.sinks.send_sightings(&raw.scale.sink, &raw.scale.sightings_topic);
        }
        let makes_home = self.user.is_some() && privileges::makes_home(&raw);
        if let Some(user) = &self.user {
            privileges::drop_to(Some(user)).map_err(Failure::running)?;
        }
        let shards = self.shards.unwrap_or_else(|| super::replay::machine_shards() as u64);
        let mut named = HashSet::new();
        let wanted =
            if self.interfaces.is_empty() { raw.capture.live.interfaces.clone() } else { self.interfaces };
        let interfaces: Vec<String> = wanted.into_iter().filter(|name| named.insert(name.clone())).collect();
        let report = Report(examine(&raw, &interfaces, shards, makes_home));
        match self.format {
            Format::Text => print(&report.text())?,
            Format::Json => print(&report.json())?,
        }
        match report.bad() {
            None => Ok(()),
            Some(bad) => Err(Failure::running(bad)),
        }
    }
}

/// Everything there is to look at, in the order in which it is mended.
fn examine(raw: &Raw, interfaces: &[String], shards: u64, makes_home: bool) -> Vec<Finding> {
    let mut findings = rights::look(&raw.hardening);
    let folder = Path::new(INTERFACES);
    if interfaces.is_empty() {
        findings.extend(offers::look(folder));
    }
    for name in interfaces {
        findings.extend(interface::look(folder, name));
    }
    let mib = raw.capture.live.ring_mib.into();
    let rings = machine::Rings { interfaces: interfaces.len().max(1) as u64, shards, mib };
    findings.extend(machine::look(&rings, raw.limits.memory_mib));
    findings.push(limits::open_files(&rings));
    findings.extend(places::look(raw, makes_home));
    findings.extend(sinks(raw));
    findings
}

/// Whether Kafka, ClickHouse, webhooks and files would take records now.
fn sinks(raw: &Raw) -> Vec<Finding> {
    let reached = reach(&raw.sinks, &raw.labels(), SINKS_WITHIN);
    if reached.is_empty() {
        return vec![Finding::new(
            "sinks",
            State::Ok,
            "none is configured: alerts go to standard output or a file",
        )];
    }
    let finding = |reached: crate::sinks::reach::Reached| {
        let about = format!("sinks.{}", reached.sink);
        match reached.trouble {
            None => {
                Finding::new("sinks", State::Ok, format!("takes {}", reached.lanes.join(", "))).about(about)
            }
            Some(why) => Finding::new("sinks", State::Bad, why).about(about),
        }
    };
    reached.into_iter().map(finding).collect()
}
