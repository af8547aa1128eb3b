//! A report of what sensors wrote into ClickHouse.
//! It is given an address, or takes the sink of the configuration with its user and password.
//! It promises to read alone, and a message that names the setting or the server.

use crate::cli::Failure;
use crate::config::Raw;
use crate::report::{Range, Report, asked, of_database};
use crate::sinks::clickhouse::reading::Reader;

/// The section whose user, password and certificates are used.
const SECTION: &str = "sinks.clickhouse";

/// The report of the database at `url`, or of the one that the configuration names where that is empty.
pub(super) fn report(raw: &Raw, url: &str, range: Range) -> Result<Report, Failure> {
    let mut config = raw.sinks.clickhouse().cloned().unwrap_or_default();
    if !url.is_empty() {
        url.clone_into(&mut config.url);
    }
    if !config.is_on() {
        return Err(Failure::usage(format!(
            "{SECTION}.url is not set; name the server (--clickhouse http://localhost:8123) or give the sensor’s --config"
        )));
    }
    config.check("clickhouse").map_err(Failure::usage)?;
    let labels = raw.labels();
    let reader = Reader::open(&config, SECTION, asked(&labels, range)).map_err(Failure::running)?;
    let name = format!("database {}", config.database);
    of_database(&reader, &labels, name, range).map_err(Failure::running)
}
