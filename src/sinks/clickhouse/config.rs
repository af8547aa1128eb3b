//! `[sinks.clickhouse]`: where the database is, what it gets, and how long it keeps it.
//! It is given by the configuration file and checked before anything starts.
//! It promises that a message names the key and what is allowed.

use crate::sinks::http;
use crate::sinks::spool::Lane;
use crate::sinks::tls::TlsFiles;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::path::PathBuf;

const ROWS: RangeInclusive<usize> = 1..=1_000_000;
const SECONDS: RangeInclusive<u64> = 1..=600;
const DAYS: RangeInclusive<u32> = 1..=36_500;

/// The ClickHouse destination.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the operator's")]
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The HTTP interface, `https://clickhouse.example:8443`; empty: off.
    pub url: String,
    /// The database; made when it is missing and `migrate` is `auto`.
    pub database: String,
    /// The user.
    pub user: String,
    /// Their password, or `${NAME}` of an environment variable.
    pub password: String,
    /// A file that holds the password.
    pub password_file: PathBuf,
    /// Whether the password may cross the network without TLS. To this machine it always may.
    pub allow_plain: bool,
    /// Authorities to trust (PEM), in place of the system's.
    pub ca_file: PathBuf,
    /// Our certificate (PEM), if the server asks for one.
    pub cert_file: PathBuf,
    /// The key to it (PEM).
    pub key_file: PathBuf,
    /// What to do when the tables are older than this program.
    pub migrate: Migrate,
    /// Makes Replicated and Distributed tables on this cluster; empty: one server.
    pub cluster: String,
    /// Whether transactions are sent; alerts always are.
    pub transactions: bool,
    /// Whether inventory and health are sent.
    pub reports: bool,
    /// Whether inserts are compressed on the wire (zstd).
    pub compress: bool,
    /// Rows of one insert at most.
    pub batch_rows: usize,
    /// Seconds that the first row waits for others.
    pub batch_wait_s: u64,
    /// The same for alerts.
    pub alerts_wait_s: u64,
    /// Days that tables keep rows, counted from when the sensor wrote them; taken when the tables are made.
    pub keep_days: KeepDays,
}

/// Days that tables keep rows.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct KeepDays {
    /// Alerts.
    pub alerts: u32,
    /// Transactions.
    pub transactions: u32,
    /// Inventory.
    pub inventory: u32,
    /// The sensors' counters.
    pub health: u32,
    /// What is added up by hour and by key.
    pub rollups: u32,
}

/// What to do when the tables are older than this program.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Migrate {
    /// Bring them up to date.
    Auto,
    /// Say what is missing and wait.
    Check,
    /// Leave the versions alone; only the columns that are written are looked at.
    Off,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: String::new(),
            database: "heelguard".to_owned(),
            user: "default".to_owned(),
            password: String::new(),
            password_file: PathBuf::new(),
            allow_plain: false,
            ca_file: PathBuf::new(),
            cert_file: PathBuf::new(),
            key_file: PathBuf::new(),
            migrate: Migrate::Auto,
            cluster: String::new(),
            transactions: true,
            reports: true,
            compress: true,
            batch_rows: 50_000,
            batch_wait_s: 5,
            alerts_wait_s: 1,
            keep_days: KeepDays::default(),
        }
    }
}

impl Default for KeepDays {
    fn default() -> Self {
        Self { alerts: 365, transactions: 30, inventory: 365, health: 90, rollups: 365 }
    }
}

impl Config {
    /// Whether it has an address.
    pub fn is_on(&self) -> bool {
        !self.url.is_empty()
    }

    /// Whether the settings can work; `name` is that of the section. Reads no file and no network.
    pub fn check(&self, name: &str) -> Result<(), String> {
        if !self.is_on() {
            return Ok(());
        }
        let section = format!("sinks.{name}");
        http::check_url(&format!("{section}.url"), &self.url)?;
        if self.url.contains(['?', '#']) {
            return Err(format!(
                "{section}.url: a query has no place here; the database has a key of its own"
            ));
        }
        let has_password = !self.password.is_empty() || !self.password_file.as_os_str().is_empty();
        if has_password && !self.allow_plain && http::is_plain_to_others(&self.url) {
            return Err(format!(
                "{section}.url: a password would cross the network in clear; use https://, or set \
                 {section}.allow_plain = true"
            ));
        }
        if !is_identifier(&self.database) {
            return Err(format!("{section}.database: allowed are letters, digits and _, at most 64"));
        }
        if !self.cluster.is_empty() && !is_identifier(&self.cluster) {
            return Err(format!(
                "{section}.cluster: allowed are letters, digits and _, at most 64, or nothing"
            ));
        }
        if self.user.is_empty() || self.user.contains(|c: char| c == ':' || c.is_control()) {
            return Err(format!("{section}.user: allowed is a name without `:`"));
        }
        within(&section, "batch_rows", &self.batch_rows, &ROWS)?;
        within(&section, "batch_wait_s", &self.batch_wait_s, &SECONDS)?;
        within(&section, "alerts_wait_s", &self.alerts_wait_s, &SECONDS)?;
        for (key, days) in self.keep_days.rows() {
            within(&section, &format!("keep_days.{key}"), &days, &DAYS)?;
        }
        self.tls(&section).check()
    }

    /// What it takes.
    pub fn lanes(&self) -> Vec<Lane> {
        let wanted =
            [(Lane::Alerts, true), (Lane::Transactions, self.transactions), (Lane::Reports, self.reports)];
        wanted.into_iter().filter(|(_, wanted)| self.is_on() && *wanted).map(|(lane, _)| lane).collect()
    }

    pub(super) fn tls<'a>(&'a self, section: &'a str) -> TlsFiles<'a> {
        TlsFiles { section, ca_file: &self.ca_file, cert_file: &self.cert_file, key_file: &self.key_file }
    }
}

impl KeepDays {
    pub(super) fn rows(&self) -> [(&'static str, u32); 5] {
        let Self { alerts, transactions, inventory, health, rollups } = *self;
        [
            ("alerts", alerts),
            ("transactions", transactions),
            ("inventory", inventory),
            ("health", health),
            ("rollups", rollups),
        ]
    }
}

/// A name that needs no quoting anywhere.
pub(super) fn is_identifier(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn within<T: Copy + PartialOrd + std::fmt::Display>(
    section: &str,
    key: &str,
    value: &T,
    allowed: &RangeInclusive<T>,
) -> Result<(), String> {
    if allowed.contains(value) {
        return Ok(());
    }
    Err(format!("{section}.{key} = {value}: allowed is {} to {}", allowed.start(), allowed.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on() -> Config {
        Config { url: "http://localhost:8123".to_owned(), ..Config::default() }
    }

    #[test]
    fn off_without_an_address() {
        let off = Config::default();
        assert_eq!((off.is_on(), off.check("clickhouse"), off.lanes()), (false, Ok(()), Vec::new()));
        let all = vec![Lane::Alerts, Lane::Transactions, Lane::Reports];
        assert_eq!((on().check("clickhouse"), on().lanes()), (Ok(()), all));
        let alerts_only = Config { transactions: false, reports: false, ..on() };
        assert_eq!(alerts_only.lanes(), [Lane::Alerts]);
    }

    #[test]
    fn what_cannot_work_is_named_with_what_can() {
        let cases: [(Config, &str); 8] = [
            (Config { url: "localhost:8123".to_owned(), ..on() }, "sinks.ch.url: allowed is http://host"),
            (Config { url: "http://h/?database=x".to_owned(), ..on() }, "sinks.ch.url: a query has no place"),
            (Config { database: "x`; DROP TABLE y".to_owned(), ..on() }, "sinks.ch.database: allowed are"),
            (Config { cluster: "a'b".to_owned(), ..on() }, "sinks.ch.cluster: allowed are"),
            (Config { user: "a:b".to_owned(), ..on() }, "sinks.ch.user: allowed is"),
            (Config { batch_rows: 0, ..on() }, "sinks.ch.batch_rows = 0: allowed is 1 to 1000000"),
            (Config { cert_file: "our.pem".into(), ..on() }, "sinks.ch.cert_file is set without"),
            (
                Config { keep_days: KeepDays { alerts: 0, ..KeepDays::default() }, ..on() },
                "sinks.ch.keep_days.alerts = 0: allowed is 1 to 36500",
            ),
        ];
        for (config, wanted) in cases {
            let error = config.check("ch").unwrap_err();
            assert!(error.starts_with(wanted), "{error}");
        }
    }

    #[test]
    fn a_key_that_is_not_there_is_refused() {
        let unknown = toml::from_str::<Config>("urll = 'http://localhost'").unwrap_err();
        assert!(unknown.to_string().contains("unknown field `urll`"), "{unknown}");
        let read: Config = toml::from_str("migrate = 'check'\nkeep_days.alerts = 7").unwrap();
        assert_eq!((read.migrate, read.keep_days.alerts, read.keep_days.rollups), (Migrate::Check, 7, 365));
    }
}
