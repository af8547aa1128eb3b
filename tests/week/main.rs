//! A small benign week through the whole sensor: what `cargo bench --bench calibration` measures on a large one.
//! It is the same generator with fewer people, and the same bar.

#![allow(clippy::expect_used, reason = "a test that cannot go on stops")]

#[path = "../bench/calibration/listen.rs"]
mod listen;

use heelguard::demo::{Happening, Week, WeekOptions, phone_networks};
use heelguard::identity::geo::Geo;
use heelguard_detectors::alert::Severity;
use heelguard_detectors::time::EventTime;
use listen::Episode;
use std::net::Ipv4Addr;

/// Some forty people from Wednesday to Friday; the first day is for learning.
const SMALL: WeekOptions =
    WeekOptions { seed: 1, users: 40, days: 3, start: EventTime::from_secs(1_795_564_800), learning_days: 1 };

#[test]
fn nothing_grave_is_said_of_an_ordinary_week() {
    let (heard, week) = listen::week(SMALL).expect("the week runs to its end");
    let line = |episode: &Episode| {
        let alert = &episode.alert;
        format!("{} {} {}: {}\n", alert.time, alert.detector, alert.severity, alert.message)
    };
    // Told once of a sensor's first day: nobody but their owners can tell these from what they look like.
    let is_first_sight = |episode: &&Episode| {
        let once = ["bulk_extraction", "mfa_bypass_by_key", "overage_mfa_session"];
        !episode.is_learned && once.contains(&episode.alert.detector)
    };
    let grave: String =
        heard.grave(Severity::Medium).filter(|episode| !is_first_sight(episode)).map(line).collect();
    assert_eq!(grave, "", "in {} transactions", heard.transactions);
    assert!(heard.grave(Severity::Medium).count() <= 4, "each is told once");
    let slight: String = heard.grave(Severity::Info).map(line).collect();
    assert!(heard.slight() as u64 * 200 <= heard.learned, "{} {slight}", heard.learned);
    assert!(heard.transactions > 10_000, "{}", heard.transactions);
    for what in [Happening::SignIn, Happening::AddressChange, Happening::FullSync, Happening::LoadTest] {
        assert!(week.count(what) > 0, "{}", what.text());
    }
}

#[test]
fn the_same_seed_makes_the_same_week() {
    let packets = |seed| {
        let mut week = Week::new(WeekOptions { seed, users: 6, days: 2, ..SMALL });
        let mut hash = std::hash::DefaultHasher::new();
        while let Some(packet) = week.next_packet() {
            std::hash::Hash::hash(&(packet.time.as_nanos(), packet.data), &mut hash);
        }
        (std::hash::Hasher::finish(&hash), week.totals().clone())
    };
    assert_eq!(packets(1), packets(1));
    assert_ne!(packets(1).0, packets(2).0);
}

#[test]
fn phone_networks_lie_in_their_country() {
    let geo = Geo::builtin();
    for (country, [a, b]) in phone_networks() {
        for c in 1..=254 {
            let found = geo.lookup(Ipv4Addr::new(a, b, c, 200).into());
            let found_country = found.country.map(|country| country.as_str().to_owned());
            assert_eq!(found_country.as_deref(), Some(country), "{a}.{b}.{c}.200 {:?}", found.asn);
        }
    }
}
