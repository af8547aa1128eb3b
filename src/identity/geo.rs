//! Where an address is: country, city, point with radius, and autonomous system.
//! It is given the table that is built in and, if the operator names them, MaxMind databases.
//! It promises no panic, no file access after start-up, and an honest radius: a country is a wide place.
//!
//! A database is believed where it knows something, for any address; what it does not know comes from the next one
//! and at last from the built-in table. That table is silent about private and reserved addresses.

mod centroids;
mod database;
mod ranges;
pub mod table;

pub use database::GeoError;

use database::Database;
use heelguard_detectors::identity::{Country, Place};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use table::Table;

/// Made by `tests/tools/geo_table.rs`; `docs/geoip.md` names its source and licence.
static BUILTIN: LazyLock<Builtin> = LazyLock::new(|| {
    // The bytes are part of the program and a test reads them; were they damaged, all places would be unknown.
    let table = Table::parse(include_bytes!("geo/countries.geo")).unwrap_or_default();
    let places = table.countries().iter().map(|&country| (country, centroids::centroid(country))).collect();
    Builtin { table, places }
});

/// The built-in table, and beside it the middle of each of its countries.
struct Builtin {
    table: Table,
    places: Vec<(Country, Option<Place>)>,
}

impl Builtin {
    fn find(&self, ip: IpAddr) -> Option<(Country, Option<Place>)> {
        if !is_public(ip) {
            return None;
        }
        self.places.get(self.table.index(ip)?).copied()
    }
}

/// What is known of an address.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Located {
    /// The country.
    pub country: Option<Country>,
    /// The city's English name; only from a database.
    pub city: Option<Arc<str>>,
    /// The point, at worst the country's middle.
    pub place: Option<Place>,
    /// The autonomous system's number; only from a database.
    pub asn: Option<u32>,
}

/// Looks addresses up; cheap to share between threads.
#[derive(Debug, Default)]
pub struct Geo {
    databases: Vec<Database>,
}

impl Geo {
    /// With the built-in country table alone.
    pub fn builtin() -> Self {
        LazyLock::force(&BUILTIN);
        Self::default()
    }

    /// With databases in MaxMind's format, the one to be asked first in front. Each is read into memory and verified.
    pub fn with_databases(paths: &[PathBuf]) -> Result<Self, GeoError> {
        let databases = paths.iter().map(|path| Database::open(path)).collect::<Result<_, _>>()?;
        LazyLock::force(&BUILTIN);
        Ok(Self { databases })
    }

    /// The day the built-in table's data was made, `YYYY-MM-DD`.
    pub fn builtin_date() -> &'static str {
        BUILTIN.table.date()
    }

    /// What is known of `ip`. An IPv4-mapped address is IPv4.
    pub fn lookup(&self, ip: IpAddr) -> Located {
        let ip = ip.to_canonical();
        let mut located = Located::default();
        for database in &self.databases {
            database.complete(ip, &mut located);
        }
        if let Some(country) = located.country {
            located.place = located.place.or_else(|| centroids::centroid(country));
        } else if let Some((country, place)) = BUILTIN.find(ip) {
            located.country = Some(country);
            located.place = located.place.or(place);
        }
        located
    }
}

/// Whether the registries could have given `ip` to somebody: not private, reserved, shared, local or for
/// documentation (RFC 6890). The table's source files some of those under the registry's own country.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    !matches!(
        ip.octets(),
        [0 | 10 | 127 | 224..=255, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 168, ..]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    )
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    // 2000::/3 without 2001:db8::/32 and 3fff::/20, which are for documentation.
    matches!(ip.segments(), [0x2000..=0x3fff, ..])
        && !matches!(ip.segments(), [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..])
}

#[cfg(test)]
mod tests;
