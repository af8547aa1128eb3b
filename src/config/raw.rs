//! What was written: the sections of the file, each in the type of the layer that owns it.
//! It is given a TOML table and gives raw values; keys that are missing have their defaults.
//! It promises to refuse unknown keys, and values that are of the right type but make no sense.

use crate::capture::live;
use crate::hardening;
use crate::identity;
use crate::openapi;
use crate::pipeline;
use crate::scale;
use crate::sinks::record::Labels;
use crate::sinks::{self, spool};
use crate::tls::decrypt;
use crate::{decode, flow, http, web};
use heelguard_detectors::rules;
use heelguard_detectors::runtime::{self, Runtime, RuntimeConfig};
use heelguard_detectors::suppress::Suppression;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Raw {
    /// `[sensor]`
    pub sensor: Sensor,
    /// `[capture]`
    pub capture: Capture,
    /// `[limits]`
    pub limits: Limits,
    /// `[tls]`
    pub tls: decrypt::Config,
    /// `[network]`
    pub network: identity::config::Network,
    /// `[geoip]`
    pub geoip: identity::config::Geoip,
    /// `[identity]`
    pub identity: identity::config::Identity,
    /// `[privacy]`
    pub privacy: identity::config::Privacy,
    /// `[openapi]`
    pub openapi: openapi::Config,
    /// `[state]`
    pub state: pipeline::checkpoint::Config,
    /// `[spool]`
    pub spool: spool::Config,
    /// `[sinks.<name>]`
    pub sinks: sinks::config::Sinks,
    /// `[scale]`
    pub scale: scale::Config,
    /// `[web]`
    pub web: web::Config,
    /// `[hardening]`
    pub hardening: hardening::Config,
    /// `[[suppress]]`
    pub suppress: Vec<Suppression>,
    /// `[detectors.<name>]`
    pub detectors: rules::Config,
}

/// `[capture]`: where packets come from and how they are read; the layers' own settings stand beside each other.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Capture {
    /// Interfaces.
    #[serde(flatten)]
    pub live: live::Config,
    /// Packets.
    #[serde(flatten)]
    pub decode: decode::Config,
}

/// `[sensor]`: who writes the records.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Sensor {
    /// The sensor's name in alerts.
    pub name: String,
    /// Whose traffic this is; part of every alert's id.
    pub tenant: String,
    /// Seconds between two reports of the counters to the sinks.
    pub health_interval_s: u64,
}

impl Default for Sensor {
    fn default() -> Self {
        Self { name: "sensor-1".to_owned(), tenant: "default".to_owned(), health_interval_s: 10 }
    }
}

/// `[limits]`: how much each table may hold; the layers' own limits stand beside each other.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The memory, in MiB, that everything from the wire may take with the program itself: limits of tables and buffers
    /// that are not written follow it.
    pub memory_mib: u64,
    /// Flows and reassembly.
    #[serde(flatten)]
    pub flow: flow::Config,
    /// Messages.
    #[serde(flatten)]
    pub http: http::Config,
    /// Sessions, tokens, tickets, codes and keys remembered.
    pub handles_max: usize,
    /// Accounts remembered.
    pub accounts_max: usize,
    /// Hosts whose routes are learned.
    pub route_hosts_max: usize,
    /// Routes learned of one host.
    pub routes_per_host_max: usize,
    /// Words at one place of a host's paths before the place is a parameter.
    pub route_words_max: usize,
    /// Keys in each table of each detector.
    pub keys_per_table_max: usize,
    /// Keys in all tables of all detectors.
    pub keys_max: usize,
    /// Opened and updated alerts in any minute.
    pub alerts_per_minute_max: usize,
}

impl Limits {
    /// Sizes that make sense: smaller, the program itself has no room.
    pub(super) const MEMORY_MIB: RangeInclusive<u64> = 256..=1 << 20;
    /// What the built-in limits are made for.
    pub(super) const MEMORY_MIB_DEFAULT: u64 = 1024;
}

impl Default for Limits {
    fn default() -> Self {
        let lineage = identity::LineageConfig::default();
        let routes = identity::RoutesConfig::default();
        let detection = runtime::Limits::default();
        Self {
            memory_mib: Self::MEMORY_MIB_DEFAULT,
            flow: flow::Config::default(),
            http: http::Config::default(),
            handles_max: lineage.handles_max,
            accounts_max: lineage.accounts_max,
            route_hosts_max: routes.hosts_max,
            routes_per_host_max: routes.routes_per_host_max,
            route_words_max: routes.words_per_place_max,
            keys_per_table_max: detection.keys_per_table_max,
            keys_max: detection.keys_max,
            alerts_per_minute_max: detection.alerts_per_minute_max,
        }
    }
}

/// The fingerprint key among it.
const KEY_NAME: &str = "fingerprint.key";

/// Longest name of a sensor or tenant.
const NAME_BYTES_MAX: usize = 128;

impl Raw {
    /// Where the sensor of a machine keeps what outlives it.
    pub const SERVICE_HOME: &str = "/var/lib/heelguard";

    /// Refuses values that no layer can work with. What needs files is built later, in `options`.
    pub(super) fn check(&self) -> Result<(), String> {
        for name in [&self.sensor.name, &self.sensor.tenant] {
            if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(char::is_control) {
                return Err(format!(
                    "wanted a name of 1 to {NAME_BYTES_MAX} bytes without control characters"
                ));
            }
        }
        let limits = toml::Table::try_from(&self.limits).map_err(|error| error.to_string())?;
        if limits.values().any(|limit| limit.as_integer() == Some(0)) {
            return Err("a limit of 0 leaves nothing to work with; wanted 1 or more".to_owned());
        }
        if !Limits::MEMORY_MIB.contains(&self.limits.memory_mib) {
            return Err("wanted 256 to 1048576 MiB".to_owned());
        }
        self.capture.live.check()?;
        self.tls.check()?;
        self.spool.check()?;
        self.sinks.check()?;
        self.scale.check(&self.sinks)?;
        self.web.check()?;
        identity::Settings::check(&self.network, &self.identity, &self.privacy)?;
        Runtime::new(self.detection()).map(drop).map_err(|error| error.to_string())
    }

    /// Who writes the records.
    pub fn labels(&self) -> Labels {
        Labels { tenant: self.sensor.tenant.clone(), sensor: self.sensor.name.clone() }
    }

    /// What the detectors are built from.
    fn detection(&self) -> RuntimeConfig {
        RuntimeConfig {
            tenant: self.sensor.tenant.as_str().into(),
            sensor: self.sensor.name.as_str().into(),
            rules: self.detectors.clone(),
            suppress: self.suppress.clone(),
            limits: runtime::Limits {
                keys_per_table_max: self.limits.keys_per_table_max,
                keys_max: self.limits.keys_max,
                alerts_per_minute_max: self.limits.alerts_per_minute_max,
            },
            watch: None,
        }
    }

    /// What the pipeline is built from.
    pub fn options(&self, identity: Arc<identity::Settings>, shards: usize) -> pipeline::Options {
        let tokens = identity.tokens();
        pipeline::Options {
            shards,
            decode: self.capture.decode.clone(),
            flow: self.limits.flow.of_one(shards),
            tls: self.tls.of_one(shards),
            keys: None,
            http: self.limits.http.clone(),
            lineage: identity::LineageConfig {
                handles_max: self.limits.handles_max,
                accounts_max: self.limits.accounts_max,
                tokens,
                key: identity.state_id(),
            },
            routes: identity::RoutesConfig {
                hosts_max: self.limits.route_hosts_max,
                routes_per_host_max: self.limits.routes_per_host_max,
                words_per_place_max: self.limits.route_words_max,
            },
            identity,
            described: None,
            detection: self.detection(),
            state: self.state.clone(),
            forward: false,
            news: None,
        }
    }

    /// Where the fingerprint key is kept; `None` when neither the file nor the environment says.
    pub fn key_path(&self) -> Option<PathBuf> {
        let written = &self.privacy.key_file;
        if !written.as_os_str().is_empty() {
            return Some(written.clone());
        }
        Some(home(false, folder_of_environment)?.join(KEY_NAME))
    }

    /// Says where a live sensor keeps what outlives it, if nobody did. One that becomes another user has its key there,
    /// too: the caller's home is not for that user to write.
    pub fn settle(&mut self, becomes_user: bool) {
        let Some(home) = home(becomes_user, folder_of_environment) else { return };
        let key = &mut self.privacy.key_file;
        if becomes_user && key.as_os_str().is_empty() {
            *key = home.join(KEY_NAME);
        }
        if self.state.dir.as_os_str().is_empty() {
            self.state.dir = home;
        }
    }
}

/// Where a sensor keeps what outlives it, unless it is told otherwise; `None` when the environment does not say.
fn home(becomes_user: bool, folder: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let own = folder("XDG_STATE_HOME");
    if own.is_none() && becomes_user {
        return Some(PathBuf::from(Raw::SERVICE_HOME));
    }
    let state = own.or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    Some(state.join("heelguard"))
}

fn folder_of_environment(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_outlives_the_sensor_is_where_its_user_may_write() {
        let home_of = |becomes_user, known: &[(&str, &str)]| {
            let folder = |name: &str| known.iter().find(|(key, _)| *key == name).map(|(_, path)| path.into());
            home(becomes_user, folder).map(|home| home.display().to_string())
        };
        let (own, named) = (("HOME", "/home/anna"), ("XDG_STATE_HOME", "/srv/state"));
        assert_eq!(home_of(false, &[own]).as_deref(), Some("/home/anna/.local/state/heelguard"));
        assert_eq!(home_of(true, &[own]).as_deref(), Some(Raw::SERVICE_HOME));
        assert_eq!(home_of(true, &[]).as_deref(), Some(Raw::SERVICE_HOME));
        for becomes_user in [false, true] {
            assert_eq!(home_of(becomes_user, &[own, named]).as_deref(), Some("/srv/state/heelguard"));
        }
        assert_eq!(home_of(false, &[]), None);
    }
}
