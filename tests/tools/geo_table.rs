//! Makes the built-in tables in `src/identity/geo`: countries and autonomous systems by address.
//! It is given a source of ranges and the name and version of the package it came in; it writes a file, says its size.
//! It promises a table that answers as the source does: every range is looked up again before it is written.
//!
//! To renew the tables (`docs/geoip.md` names the licences):
//!
//! ```sh
//! npm pack @ip-location-db/geo-whois-asn-country-mmdb && tar xzf ip-location-db-geo-*.tgz
//! cargo run --release --example geo_table -- countries package/geo-whois-asn-country.mmdb 2026-06-17 \
//!     "@ip-location-db/geo-whois-asn-country-mmdb 2.3.2026061719" src/identity/geo/countries.geo
//! npm pack @ip-location-db/asn && tar xzf ip-location-db-asn-2*.tgz
//! cat package/asn-ipv4.csv package/asn-ipv6.csv >asn.csv
//! cargo run --release --example geo_table -- networks asn.csv 2026-06-17 \
//!     "@ip-location-db/asn 2.3.2026061719" src/identity/geo/networks.geo
//! ```

use anyhow::{Context, Result, ensure};
use heelguard::identity::geo::table::{Builder, Table};
use heelguard_detectors::identity::Country;
use maxminddb::{Reader, WithinOptions};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const COUNTRIES_LICENCE: &str = "CC0-1.0; holds data of the NRO (https://www.nro.net/) under CC BY 4.0";
const NETWORKS_LICENCE: &str = "CC BY 4.0: data of RouteViews (https://www.routeviews.org/), DB-IP (https://db-ip.com/) \
     and the NRO (https://www.nro.net/), reduced to the number of each network";

/// First address, last address, value.
type Range = (IpAddr, IpAddr, u32);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, file, date, source, target] = arguments.as_slice() else {
        anyhow::bail!("usage: geo_table countries|networks FILE YYYY-MM-DD \"PACKAGE VERSION\" TARGET");
    };
    let (mut ranges, licence) = match kind.as_str() {
        "countries" => (countries(file)?, COUNTRIES_LICENCE),
        "networks" => (networks(file)?, NETWORKS_LICENCE),
        other => anyhow::bail!("`{other}` is no kind of table: countries or networks"),
    };
    ranges.sort_unstable_by_key(|&(first, ..)| first);
    end_before_the_next(&mut ranges);
    let mut builder = Builder::default();
    for &(first, last, value) in &ranges {
        builder.add(first, last, value);
    }
    let bytes = builder.finish(date, &[("source", source), ("licence", licence)])?;

    let table = Table::parse(&bytes).context("the table cannot be read back")?;
    for &(first, _, value) in &ranges {
        // Finer than a /64, or outside of what is given to anybody.
        let left_out =
            matches!(first, IpAddr::V6(v6) if v6.segments()[4..] != [0; 4] || v6.segments()[0] >> 13 != 1);
        let found = table.find(first);
        ensure!(left_out || found == Some(value), "{first}: {value} in the source, {found:?} in the table");
    }
    std::fs::write(target, &bytes).with_context(|| format!("cannot write {target}"))?;
    let (v4, v6) = table.ranges();
    eprintln!("{target}: {} bytes, {v4} + {v6} ranges, {} values", bytes.len(), table.values().len());
    Ok(())
}

/// Of two ranges that overlap, as a few do, the later one is the finer.
fn end_before_the_next(ranges: &mut [Range]) {
    let mut following = None;
    for (first, last, _) in ranges.iter_mut().rev() {
        match (*last, following) {
            (IpAddr::V4(end), Some(IpAddr::V4(next))) if end >= next => {
                *last = Ipv4Addr::from_bits(next.to_bits() - 1).into();
            }
            (IpAddr::V6(end), Some(IpAddr::V6(next))) if end >= next => {
                *last = Ipv6Addr::from_bits(next.to_bits() - 1).into();
            }
            _ => {}
        }
        following = Some(*first);
    }
}

/// The networks of a MaxMind DB with their countries.
fn countries(file: &str) -> Result<Vec<Range>> {
    let reader = Reader::open_readfile(file).with_context(|| format!("cannot read {file}"))?;
    let mut ranges = Vec::new();
    for found in reader.networks(WithinOptions::default())? {
        let found = found?;
        let network = found.network()?;
        let code: Option<&str> = found.decode_path(&[maxminddb::PathElement::Key("country_code")])?;
        if let Some(country) = code.and_then(Country::parse) {
            ranges.push((network.network(), network.broadcast(), u32::from(u16::from_be_bytes(country.0))));
        }
    }
    Ok(ranges)
}

/// The lines `first,last,number,name` of a CSV file.
fn networks(file: &str) -> Result<Vec<Range>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let line = |line: &str| {
        let mut fields = line.split(',');
        let mut field = || fields.next().with_context(|| format!("too few fields: {line}"));
        Ok((field()?.parse()?, field()?.parse()?, field()?.parse()?))
    };
    text.lines().map(line).collect()
}
