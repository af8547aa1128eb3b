//! Where an address is: country, city, point with radius, and autonomous system.
//! It is given the tables that are built in and, if the operator names them, MaxMind databases.
//! It promises no panic, no file access but at start-up and on `reload`, and an honest radius: a country is wide.
//!
//! A database is believed where it knows something, for any address; what it does not know comes from the next one
//! and at last from the built-in tables. Those are silent about private and reserved addresses.

mod centroids;
mod database;
mod ranges;
pub mod table;

pub use database::GeoError;

use database::Database;
use heelguard_detectors::identity::{Country, Place};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::SystemTime;
use table::Table;

/// Made by `tests/tools/geo_table.rs`; `docs/geoip.md` names sources and licences.
static BUILTIN: LazyLock<Builtin> = LazyLock::new(|| {
    // The bytes are part of the program and a test reads them; were they damaged, all places would be unknown.
    let countries = Table::parse(include_bytes!("geo/countries.geo")).unwrap_or_default();
    let networks = Table::parse(include_bytes!("geo/networks.geo")).unwrap_or_default();
    let place = |&letters: &u32| {
        let country = Country((letters as u16).to_be_bytes());
        (country, centroids::centroid(country))
    };
    let places = countries.values().iter().map(place).collect();
    Builtin { countries, places, networks }
});

/// The built-in tables, and beside the countries the middle of each.
struct Builtin {
    countries: Table,
    places: Vec<(Country, Option<Place>)>,
    networks: Table,
}

impl Builtin {
    fn country(&self, ip: IpAddr) -> Option<(Country, Option<Place>)> {
        self.places.get(self.countries.index(ip)?).copied()
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
    /// The autonomous system's number.
    pub asn: Option<u32>,
}

/// Looks addresses up; shared between threads.
#[derive(Debug, Default)]
pub struct Geo {
    sources: RwLock<Vec<Source>>,
    /// Counts the databases that were exchanged.
    generation: AtomicU64,
}

/// A database and the file it was read from.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    stamp: Option<Stamp>,
    database: Database,
}

/// What changes when a file is written anew or another one takes its place.
type Stamp = (SystemTime, u64);

impl Geo {
    /// With the built-in tables alone.
    pub fn builtin() -> Self {
        LazyLock::force(&BUILTIN);
        Self::default()
    }

    /// With databases in MaxMind's format, the one to be asked first in front. Each is read into memory and verified.
    pub fn with_databases(paths: &[PathBuf]) -> Result<Self, GeoError> {
        let sources = paths.iter().map(|path| Source::open(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { sources: RwLock::new(sources), ..Self::builtin() })
    }

    /// The day the built-in country table's data was made, `YYYY-MM-DD`.
    pub fn builtin_date() -> &'static str {
        BUILTIN.countries.date()
    }

    /// What is known of `ip`. An IPv4-mapped address is IPv4.
    pub fn lookup(&self, ip: IpAddr) -> Located {
        let ip = ip.to_canonical();
        let mut located = Located::default();
        for source in self.sources().iter() {
            source.database.complete(ip, &mut located);
        }
        let public = is_public(ip);
        if let Some(country) = located.country {
            located.place = located.place.or_else(|| centroids::centroid(country));
        } else if let Some((country, place)) = BUILTIN.country(ip).filter(|_| public) {
            located.country = Some(country);
            located.place = located.place.or(place);
        }
        located.asn = located.asn.or_else(|| BUILTIN.networks.find(ip).filter(|_| public));
        located
    }

    /// Reads the files that changed since they were read last: the path of each that was exchanged, and the error of
    /// each that cannot be used, in whose place what was read before stays in force. For live use; a replay that
    /// looked at files again would not be a function of its input.
    pub fn reload(&self) -> Vec<Result<PathBuf, GeoError>> {
        let known: Vec<_> = self.sources().iter().map(|source| (source.path.clone(), source.stamp)).collect();
        let mut outcomes = Vec::new();
        for (position, (path, stamp)) in known.into_iter().enumerate() {
            if stamp.is_some() && stamp_of(&path) == stamp {
                continue;
            }
            // The file is read before the lock is taken: look-ups do not wait for it.
            let opened = Source::open(&path).map(|source| {
                let mut sources = self.sources.write().unwrap_or_else(PoisonError::into_inner);
                if let Some(place) = sources.get_mut(position) {
                    *place = source;
                }
                self.generation.fetch_add(1, Ordering::Release);
                path
            });
            outcomes.push(opened);
        }
        outcomes
    }

    /// Changes whenever answers may have changed.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn sources(&self) -> RwLockReadGuard<'_, Vec<Source>> {
        self.sources.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    fn open(path: &Path) -> Result<Self, GeoError> {
        // The stamp first: what is written while the file is read changes it again.
        let stamp = stamp_of(path);
        let database = Database::open(path)?;
        Ok(Self { path: path.to_owned(), stamp, database })
    }
}

fn stamp_of(path: &Path) -> Option<Stamp> {
    let facts = std::fs::metadata(path).ok()?;
    Some((facts.modified().ok()?, facts.len()))
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
