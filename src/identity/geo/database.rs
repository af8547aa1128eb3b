//! A database in MaxMind's format (country, city or ASN), read into memory.
//! It is given a file in MaxMind's own layout or in the flat one of DB-IP and its kin.
//! It promises that every record was read once at start-up: a torn download is an error then, not a silence later.

use super::Located;
use crate::files;
use heelguard_detectors::identity::{Country, Place};
use maxminddb::{MaxMindDbError, Reader, WithinOptions};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// How far a client may be from the city's coordinates when the database does not say.
const CITY_RADIUS_KM: f64 = 100.0;

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// It cannot be read.
    #[error("geoip.databases {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no MaxMind database, or a damaged one.
    #[error("geoip.databases {}: damaged, or of another format: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and how.
        source: MaxMindDbError,
    },
    /// It is sound, and holds neither countries nor cities nor autonomous systems.
    #[error("geoip.databases {}: a database of {kind}, which knows neither country nor city nor ASN", path.display())]
    OfNoUse {
        /// The file.
        path: PathBuf,
        /// The type it states.
        kind: String,
    },
}

/// The largest that are sold have a tenth of it.
const FILE_BYTES_MAX: u64 = 4 << 30;

/// One database.
pub(super) struct Database {
    reader: Reader<Vec<u8>>,
}

impl Database {
    /// Reads and verifies a file.
    pub(super) fn open(path: &Path) -> Result<Self, GeoError> {
        let bytes = files::read(path, FILE_BYTES_MAX)
            .map_err(|source| GeoError::Unreadable { path: path.to_owned(), source })?;
        let damaged = |source| GeoError::Damaged { path: path.to_owned(), source };
        let reader = Reader::from_source(bytes).map_err(damaged)?;
        if !knows_anything(&reader).map_err(damaged)? {
            let kind = reader.metadata().database_type.clone();
            return Err(GeoError::OfNoUse { path: path.to_owned(), kind });
        }
        Ok(Self { reader })
    }

    /// Adds to `located` what is still unknown there and known here. City and point are taken only from a record
    /// of the same country, so that two databases cannot mix two places.
    pub(super) fn complete(&self, ip: IpAddr, located: &mut Located) {
        if ip.is_ipv6() && self.reader.metadata().ip_version == 4 {
            return;
        }
        // Every record was read at start-up, so an error means that there is none.
        let Ok(found) = self.reader.lookup(ip) else { return };
        let Ok(Some(record)) = found.decode::<Record<'_>>() else { return };
        located.asn = located.asn.or(record.asn());
        let country = record.country();
        if located.country.is_none() || located.country == country {
            located.country = country;
            located.city = located.city.take().or_else(|| record.city().map(Into::into));
            located.place = located.place.or(record.place());
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(&self.reader.metadata().database_type).finish()
    }
}

/// Reads every record once; whether one of them says something that is asked for. `Reader::verify` would refuse
/// good files for a missing description, and does not know the shapes that are read here.
fn knows_anything(reader: &Reader<Vec<u8>>) -> Result<bool, MaxMindDbError> {
    let mut seen = HashSet::new();
    let mut useful = false;
    for found in reader.networks(WithinOptions::default())? {
        let found = found?;
        if found.offset().is_some_and(|offset| seen.insert(offset))
            && let Some(record) = found.decode::<Record<'_>>()?
        {
            useful |= record.country().is_some() || record.place().is_some() || record.asn().is_some();
        }
    }
    Ok(useful)
}

/// The union of the layouts. MaxMind: `country.iso_code`, `city.names.en`, `location.*`,
/// `autonomous_system_number`. Flat: `country_code`, `city`, `latitude`, `longitude`, the same number.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow)]
    country: Labelled<'a>,
    registered_country: Labelled<'a>,
    country_code: Option<&'a str>,
    city: Labelled<'a>,
    location: Option<Location>,
    latitude: Option<Number>,
    longitude: Option<Number>,
    autonomous_system_number: Option<Number>,
}

#[derive(Deserialize)]
struct Location {
    latitude: Option<Number>,
    longitude: Option<Number>,
    accuracy_radius: Option<Number>,
}

impl Record<'_> {
    fn country(&self) -> Option<Country> {
        let codes = [self.country.iso_code, self.country_code, self.registered_country.iso_code];
        codes.into_iter().flatten().find_map(Country::parse)
    }

    fn city(&self) -> Option<&str> {
        self.city.name.filter(|name| !name.is_empty())
    }

    fn place(&self) -> Option<Place> {
        let (lat, lon, radius) = match &self.location {
            Some(location) => (location.latitude, location.longitude, location.accuracy_radius),
            None => (self.latitude, self.longitude, None),
        };
        let (lat, lon) = (lat?.real(), lon?.real());
        let radius = radius.map(Number::real);
        let radius_km = radius.filter(|radius| *radius > 0.0 && radius.is_finite()).unwrap_or(CITY_RADIUS_KM);
        let on_earth = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
        on_earth.then_some(Place { lat, lon, radius_km })
    }

    fn asn(&self) -> Option<u32> {
        self.autonomous_system_number?.whole().filter(|&asn| asn != 0)
    }
}

/// A country or city: in MaxMind's layout a map with `iso_code` and `names`, in the flat ones a name.
#[derive(Default)]
struct Labelled<'a> {
    iso_code: Option<&'a str>,
    name: Option<&'a str>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Labelled<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LabelledVisitor)
    }
}

struct LabelledVisitor;

impl<'de> Visitor<'de> for LabelledVisitor {
    type Value = Labelled<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name, or a map with iso_code or names")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Labelled { iso_code: None, name: Some(name) })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut labelled = Labelled::default();
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "iso_code" => labelled.iso_code = Some(map.next_value()?),
                "names" => labelled.name = map.next_value::<Names<'_>>()?.en,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(labelled)
    }
}

/// A number of whichever of the format's types the maker chose.
#[derive(Clone, Copy)]
enum Number {
    Whole(u32),
    Real(f64),
}

impl Number {
    fn real(self) -> f64 {
        match self {
            Self::Whole(number) => f64::from(number),
            Self::Real(number) => number,
        }
    }

    fn whole(self) -> Option<u32> {
        match self {
            Self::Whole(number) => Some(number),
            Self::Real(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
        Ok(u32::try_from(number).map_or(Number::Real(number as f64), Number::Whole))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
        Ok(u32::try_from(number).map_or(Number::Real(number as f64), Number::Whole))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
        Ok(Number::Real(number))
    }
}

#[derive(Deserialize)]
struct Names<'a> {
    #[serde(borrow)]
    en: Option<&'a str>,
}
