//! Makes `src/identity/geo/countries.geo`, the built-in country table, from a MaxMind DB of countries.
//! It is given the database and the name and version of the package it came in; it writes the file and says its size.
//! It promises a table that answers as the database does: every network is looked up again before it is written.
//!
//! To renew the table:
//!
//! ```sh
//! npm pack @ip-location-db/geo-whois-asn-country-mmdb && tar xzf ip-location-db-*.tgz
//! cargo run --release --example geo_table -- package/geo-whois-asn-country.mmdb \
//!     "@ip-location-db/geo-whois-asn-country-mmdb 2.3.2026061719" src/identity/geo/countries.geo
//! ```

use anyhow::{Context, Result, ensure};
use heelguard::identity::geo::table::{Builder, Table};
use heelguard_detectors::identity::Country;
use maxminddb::{Reader, WithinOptions};
use std::net::{IpAddr, Ipv6Addr};

const LICENCE: &str = "CC0-1.0; holds data of the NRO (https://www.nro.net/) under CC BY 4.0";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [database, source, target] = arguments.as_slice() else {
        anyhow::bail!("usage: geo_table DATABASE \"PACKAGE VERSION\" TARGET");
    };
    let reader = Reader::open_readfile(database).with_context(|| format!("cannot read {database}"))?;
    let networks = networks(&reader)?;
    let made = reader.metadata().build_time()?;
    let date = humantime::format_rfc3339_seconds(made).to_string();
    let date = date.split('T').next().unwrap_or_default();

    let file = build(&networks).finish(date, &[("source", source), ("licence", LICENCE)])?;
    let table = Table::parse(&file).context("the table cannot be read back")?;
    for &(first, _, country) in &networks {
        let finer_than_the_table = matches!(first, IpAddr::V6(v6) if v6.segments()[4..] != [0; 4]);
        let found = table.index(first).map(|index| table.countries()[index]);
        ensure!(
            finer_than_the_table || found == Some(country),
            "{first}: {country} in the database, {found:?} in the table"
        );
    }
    std::fs::write(target, &file).with_context(|| format!("cannot write {target}"))?;
    let (v4, v6) = table.ranges();
    eprintln!(
        "{target}: {} bytes, {v4} + {v6} ranges, {} countries, {date}",
        file.len(),
        table.countries().len()
    );
    Ok(())
}

/// Every network of the database as first address, last address and country, in rising order, IPv4 first.
fn networks(reader: &Reader<Vec<u8>>) -> Result<Vec<(IpAddr, IpAddr, Country)>> {
    let mut networks = Vec::new();
    for found in reader.networks(WithinOptions::default())? {
        let found = found?;
        let network = found.network()?;
        let code: Option<&str> = found.decode_path(&[maxminddb::PathElement::Key("country_code")])?;
        if let Some(country) = code.and_then(Country::parse) {
            networks.push((network.network(), network.broadcast(), country));
        }
    }
    networks.sort_unstable_by_key(|&(first, ..)| first);
    Ok(networks)
}

/// Ranges with the holes between them.
fn build(networks: &[(IpAddr, IpAddr, Country)]) -> Builder {
    let mut builder = Builder::default();
    for (position, &(first, last, country)) in networks.iter().enumerate() {
        let next = networks.get(position + 1).map(|&(next, ..)| next);
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                builder.v4(first, Some(country));
                let after = last.to_bits().checked_add(1).map(|bits| IpAddr::V4(bits.into()));
                if let Some(IpAddr::V4(after)) = after.filter(|_| after != next) {
                    builder.v4(after, None);
                }
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                builder.v6(first, Some(country));
                let after = last.to_bits().checked_add(1).map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)));
                if let Some(IpAddr::V6(after)) = after.filter(|_| after != next) {
                    builder.v6(after, None);
                }
            }
            _ => {}
        }
    }
    builder
}
