//! What is known of addresses, with the built-in table alone and with databases before it.

mod mmdb;

use super::{BUILTIN, Geo, GeoError, Located, centroids};
use mmdb::mmdb;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

/// `country city lat/lon~radius AS`, with `-` for what is unknown.
fn show(located: &Located) -> String {
    let country = located.country.map_or_else(|| "-".to_owned(), |country| country.to_string());
    let city = located.city.as_deref().unwrap_or("-");
    let place =
        located.place.map_or_else(|| "-".to_owned(), |p| format!("{}/{}~{}", p.lat, p.lon, p.radius_km));
    let asn = located.asn.map_or_else(|| "-".to_owned(), |asn| format!("AS{asn}"));
    format!("{country} {city} {place} {asn}")
}

#[track_caller]
fn check(geo: &Geo, expected: &[(&str, &str)]) {
    for (ip, expected) in expected {
        assert_eq!(show(&geo.lookup(ip.parse().unwrap())), *expected, "{ip}");
    }
}

/// Databases from `(IP version, networks)`.
fn with(databases: &[(u16, &[(&str, Value)])]) -> Result<Geo, GeoError> {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (position, (version, networks)) in databases.iter().enumerate() {
        paths.push(folder.path().join(format!("{position}.mmdb")));
        std::fs::write(&paths[position], mmdb(*version, networks)).unwrap();
    }
    Geo::with_databases(&paths)
}

fn maxmind_city() -> Value {
    json!({
        "city": {"geoname_id": 2_643_743, "names": {"de": "London", "en": "London"}},
        "country": {"iso_code": "GB", "names": {"en": "United Kingdom"}},
        "location": {"accuracy_radius": 10, "latitude": 51.5142, "longitude": -0.0931, "time_zone": "Europe/London"},
        "registered_country": {"iso_code": "US"},
    })
}

#[test]
fn registered_addresses_have_a_country_and_its_middle() {
    check(
        &Geo::builtin(),
        &[
            ("87.123.13.252", "DE - 51.2/10.4~337 AS8881"),
            ("::ffff:87.123.13.252", "DE - 51.2/10.4~337 AS8881"),
            ("193.0.6.139", "NL - 52.3/5.6~108 AS3333"),
            ("2001:67c:2e8:22::c100:68b", "NL - 52.3/5.6~108 AS3333"),
        ],
    );
    assert_eq!(Geo::builtin_date(), "2026-06-17");
}

#[test]
fn addresses_that_nobody_can_own_have_none() {
    let private =
        ["10.0.0.1", "172.31.0.9", "192.168.1.1", "100.64.3.2", "127.0.0.1", "169.254.0.1", "0.0.0.0"];
    let reserved = ["192.0.2.1", "198.51.100.4", "203.0.113.7", "198.19.0.1", "224.0.0.1", "255.255.255.255"];
    let v6 = ["::", "::1", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1", "3fff::1", "64:ff9b::808:808"];
    for ip in private.into_iter().chain(reserved).chain(v6) {
        check(&Geo::builtin(), &[(ip, "- - - -")]);
    }
    // Their neighbours can be owned.
    for ip in ["9.255.255.255", "172.32.0.1", "100.128.0.1", "198.20.0.1", "203.0.114.1"] {
        assert!(Geo::builtin().lookup(ip.parse().unwrap()).country.is_some(), "{ip}");
    }
}

#[test]
fn the_network_table_is_whole() {
    let (v4, v6) = BUILTIN.networks.ranges();
    assert!(v4 > 400_000 && v6 > 150_000, "the table is not whole: {v4} and {v6} ranges");
    assert_eq!(BUILTIN.networks.date(), "2026-06-17");
}

#[test]
fn every_country_of_the_table_has_a_middle_on_earth() {
    let (v4, v6) = BUILTIN.countries.ranges();
    assert!(v4 > 300_000 && v6 > 200_000, "the table is not whole: {v4} and {v6} ranges");
    assert!(BUILTIN.places.len() > 200, "{} countries", BUILTIN.places.len());
    for &(country, _) in &BUILTIN.places {
        let place = centroids::centroid(country).unwrap_or_else(|| panic!("{country} has no middle"));
        assert!(place.lat.abs() <= 90.0 && place.lon.abs() <= 180.0, "{country}: {place:?}");
        assert!((100.0..2500.0).contains(&place.radius_km), "{country}: {place:?}");
    }
}

#[test]
fn maxmind_layout_gives_city_and_point() {
    let geo = with(&[(6, &[("81.2.69.0/24", maxmind_city()), ("2001:218::/32", maxmind_city())])]).unwrap();
    check(
        &geo,
        &[
            ("81.2.69.160", "GB London 51.5142/-0.0931~10 AS20712"),
            ("::ffff:81.2.69.160", "GB London 51.5142/-0.0931~10 AS20712"),
            ("2001:218::9", "GB London 51.5142/-0.0931~10 AS2914"),
            // Not in the database: the built-in table answers.
            ("87.123.13.252", "DE - 51.2/10.4~337 AS8881"),
        ],
    );
}

#[test]
fn flat_layout_gives_the_same() {
    let record =
        json!({"city": "Lyon", "country_code": "FR", "latitude": 45.75, "longitude": 4.85, "state1": "ARA"});
    let empty = json!({"city": "", "country_code": "FR"});
    let geo = with(&[(4, &[("90.30.0.0/16", record), ("90.31.0.0/16", empty)])]).unwrap();
    check(
        &geo,
        &[("90.30.176.244", "FR Lyon 45.75/4.85~100 AS3215"), ("90.31.0.1", "FR - 46.5/2.6~417 AS3215")],
    );
}

#[test]
fn a_database_without_ipv6_leaves_ipv6_to_the_table() {
    let geo = with(&[(4, &[("81.2.69.0/24", maxmind_city())])]).unwrap();
    check(&geo, &[("2001:67c:2e8:22::c100:68b", "NL - 52.3/5.6~108 AS3333")]);
}

#[test]
fn databases_complete_each_other() {
    let country = json!({"country_code": "GB"});
    let asn = json!({"autonomous_system_number": 64500, "autonomous_system_organization": "Andrews"});
    let elsewhere = json!({"city": "Lyon", "country_code": "FR", "latitude": 45.75, "longitude": 4.85});
    let geo = with(&[
        (4, &[("81.2.69.0/24", country.clone()), ("81.2.70.0/24", country)]),
        (4, &[("81.2.0.0/16", asn)]),
        (6, &[("81.2.69.0/24", maxmind_city()), ("81.2.70.0/24", elsewhere)]),
    ]);
    check(
        &geo.unwrap(),
        &[
            ("81.2.69.160", "GB London 51.5142/-0.0931~10 AS64500"),
            // The last one contradicts the first: its city is not mixed in.
            ("81.2.70.1", "GB - 54/-2.8~278 AS64500"),
        ],
    );
}

#[test]
fn an_operators_own_database_may_name_private_networks() {
    let geo = with(&[(4, &[("10.1.0.0/16", json!({"country_code": "PT"}))])]).unwrap();
    check(&geo, &[("10.1.2.3", "PT - 39.6/-8.6~170 -"), ("10.2.0.1", "- - - -")]);
}

#[test]
fn coordinates_off_the_map_are_not_believed() {
    let record = json!({"country_code": "FR", "latitude": 451.0, "longitude": 4.85});
    check(&with(&[(4, &[("90.30.0.0/16", record)])]).unwrap(), &[("90.30.0.1", "FR - 46.5/2.6~417 AS3215")]);
}

#[test]
fn errors_name_file_and_cause() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.mmdb");
    let error = Geo::with_databases(std::slice::from_ref(&missing)).unwrap_err();
    assert!(matches!(error, GeoError::Unreadable { .. }));
    assert!(error.to_string().contains(missing.to_str().unwrap()), "{error}");

    let text = folder.path().join("text.mmdb");
    std::fs::write(&text, "no database").unwrap();
    let error = Geo::with_databases(&[text]).unwrap_err();
    assert!(matches!(error, GeoError::Damaged { .. }));
    assert!(error.to_string().contains("text.mmdb"), "{error}");

    let error = with(&[(4, &[("90.30.0.0/16", json!({"is_anonymous_vpn": 1}))])]).unwrap_err();
    assert!(matches!(error, GeoError::OfNoUse { .. }), "{error}");
}

#[test]
fn a_damaged_database_is_an_error_or_at_least_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.mmdb");
    let whole = mmdb(4, &[("81.2.69.0/24", maxmind_city())]);
    let open = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Geo::with_databases(std::slice::from_ref(&path))
    };
    assert!(open(&whole).is_ok());
    for length in 0..whole.len() {
        assert!(open(&whole[..length]).is_err(), "cut at {length}");
    }
    for byte in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[byte] ^= 0xff;
        if let Ok(geo) = open(&bytes) {
            geo.lookup([81, 2, 69, 160].into());
        }
    }
}

#[test]
fn a_changed_file_is_read_again_and_an_unchanged_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let [city, own] = ["city.mmdb", "own.mmdb"].map(|name| folder.path().join(name));
    std::fs::write(&city, mmdb(4, &[("81.2.69.0/24", maxmind_city())])).unwrap();
    std::fs::write(&own, mmdb(4, &[("10.1.0.0/16", json!({"country_code": "PT"}))])).unwrap();
    let geo = Geo::with_databases(&[city.clone(), own.clone()]).unwrap();
    assert!(geo.reload().is_empty(), "nothing changed");
    let generation = geo.generation();

    replace(
        &own,
        &mmdb(4, &[("10.1.0.0/16", json!({"country_code": "ES"})), ("10.2.0.0/16", maxmind_city())]),
    );
    let outcomes = geo.reload();
    assert!(matches!(&outcomes[..], [Ok(path)] if *path == own), "{outcomes:?}");
    assert_ne!(geo.generation(), generation);
    check(
        &geo,
        &[
            ("10.1.2.3", "ES - 40.2/-3.7~401 -"),
            ("10.2.0.1", "GB London 51.5142/-0.0931~10 -"),
            ("81.2.69.160", "GB London 51.5142/-0.0931~10 AS20712"),
        ],
    );
    assert!(geo.reload().is_empty(), "it is known now");
}

#[test]
fn a_broken_file_leaves_the_old_database_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.mmdb");
    let whole = mmdb(4, &[("10.1.0.0/16", json!({"country_code": "PT"}))]);
    std::fs::write(&path, &whole).unwrap();
    let geo = Geo::with_databases(std::slice::from_ref(&path)).unwrap();
    let generation = geo.generation();

    replace(&path, &whole[..whole.len() / 2]);
    let outcomes = geo.reload();
    assert!(matches!(&outcomes[..], [Err(error)] if error.to_string().contains("own.mmdb")), "{outcomes:?}");
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(&geo.reload()[..], [Err(GeoError::Unreadable { .. })]));
    assert_eq!(geo.generation(), generation);
    check(&geo, &[("10.1.2.3", "PT - 39.6/-8.6~170 -")]);

    replace(&path, &mmdb(4, &[("10.1.0.0/16", json!({"country_code": "ES", "city": "Vigo"}))]));
    assert!(matches!(&geo.reload()[..], [Ok(_)]));
    check(&geo, &[("10.1.2.3", "ES Vigo 40.2/-3.7~401 -")]);
}

/// Another file by rename, as databases should be replaced.
fn replace(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, bytes).unwrap();
    std::fs::rename(beside, path).unwrap();
}

/// The clients of recorded traffic, whose countries are known.
#[test]
fn labelled_clients_are_where_their_labels_say() {
    let Some(folder) = std::env::var_os("HEELGUARD_REALAUTH").map(PathBuf::from) else {
        let notice = "NOT RUN: labelled_clients_are_where_their_labels_say needs HEELGUARD_REALAUTH\n";
        std::io::stderr().write_all(notice.as_bytes()).unwrap();
        return;
    };
    let mut labels = BTreeSet::new();
    for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        if file.to_string_lossy().ends_with(".txns.jsonl") {
            for line in std::fs::read_to_string(&file).unwrap().lines() {
                let transaction: Value = serde_json::from_str(line).unwrap();
                let field = |name: &str| transaction[name].as_str().unwrap_or("-").to_owned();
                labels.insert((field("client_ip"), field("country")));
            }
        }
    }
    assert!(labels.len() > 100, "only {} labelled clients in {}", labels.len(), folder.display());
    let geo = Geo::builtin();
    for (ip, country) in labels {
        let found = geo.lookup(ip.parse().unwrap()).country.map(|country| country.to_string());
        assert_eq!(found, Some(country), "{ip}");
    }
}
