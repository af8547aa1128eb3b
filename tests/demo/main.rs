//! The generated traffic: sound to the last bit, true in its counts, the same for the same seed;
//! and the whole sensor on it, which must say what the labels say and nothing else.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

mod reading;
mod reload;
mod sensor;

use heelguard::demo::{Day, Load, Options};
use reading::{Reading, requests_if_any};

fn small_day(seed: u64) -> Day {
    Day::new(Options { seed, users: 24, ..Options::default() })
}

#[test]
fn every_frame_of_the_day_is_sound_and_every_count_is_true() {
    let mut day = small_day(1);
    let mut reading = Reading::default();
    while let Some(packet) = day.next_packet() {
        assert_eq!(packet.original_len as usize, packet.data.len());
        reading.packet(packet.time.as_nanos(), packet.data);
    }
    reading.agrees_with(day.totals());
    assert!(reading.swapped > 0 && reading.repeated > 0, "networks are not perfect");
    assert!(reading.streams.keys().any(|(src, ..)| src.is_ipv6()));
    let busiest = reading.streams.values().map(|stream| requests_if_any(&stream.bytes)).max();
    assert!(busiest > Some(100), "connections are kept alive, {busiest:?}");
}

#[test]
fn loads_hold_as_many_transactions_as_they_say() {
    let mut tiny = Load::tiny(3_001, 7);
    let mut reading = Reading::default();
    while let Some(packet) = tiny.next_packet() {
        reading.packet(packet.time.as_nanos(), packet.data);
    }
    reading.agrees_with(tiny.totals());
    assert_eq!(tiny.totals().transactions, 3_001);
    assert!(reading.packets < 3 * 3_001, "acknowledgements ride along");

    let mut mixed = Load::mixed(6_000_000, 7);
    let mut reading = Reading::default();
    while let Some(packet) = mixed.next_packet() {
        reading.packet(packet.time.as_nanos(), packet.data);
    }
    reading.agrees_with(mixed.totals());
    let asked_for = 6_000_000.0;
    let ratio = mixed.totals().bytes as f64 / asked_for;
    assert!((0.8..1.2).contains(&ratio), "{ratio}");
}

#[test]
fn the_same_seed_tells_the_same_day() {
    let pcap = |seed| {
        let mut file = Vec::new();
        let mut day = Day::new(Options { seed, users: 6, ..Options::default() });
        day.write_pcap(&mut file).expect("memory");
        file
    };
    let (one, same, other) = (pcap(1), pcap(1), pcap(2));
    assert!(one == same);
    assert!(one != other);
    assert_eq!(one[..4], 0xA1B2_3C4D_u32.to_le_bytes());
}

#[test]
fn labels_lie_inside_the_day_and_name_someone() {
    let options = Options::default();
    let day = small_day(1);
    let first = options.start.as_nanos();
    let last = first + 86_400 * 1_000_000_000;
    let attacks: Vec<&str> = day.labels().iter().filter(|l| !l.benign).map(|l| l.detector).collect();
    for detector in [
        "mfa_failure_burst",
        "mfa_failure_spray",
        "backup_code_use",
        "new_country",
        "impossible_travel",
        "bulk_extraction",
        "credential_exposure",
        "basic_auth_in_use",
        "credential_stuffing",
        "unsigned_jwt",
    ] {
        assert!(attacks.contains(&detector), "{detector} is in the day");
        assert!(
            day.labels().iter().any(|l| l.benign && l.detector == detector),
            "{detector} has its innocent"
        );
    }
    for label in day.labels() {
        assert!(label.from <= label.to, "{label:?}");
        assert!(label.from.as_nanos() >= first && label.to.as_nanos() <= last, "{label:?}");
        let about = !label.principals.is_empty() || !label.clients.is_empty() || label.endpoint.is_some();
        assert!(about, "{label:?}");
    }
}

#[test]
fn a_load_of_any_size_is_made_while_it_is_read() {
    let mut load = Load::mixed(1 << 40, 1);
    for _ in 0..20_000 {
        assert!(load.next_packet().is_some());
    }
    assert!(load.totals().transactions < 20_000);
}

#[test]
fn the_sensor_says_what_the_labels_say_whatever_the_seed() {
    for seed in [1, 2] {
        let day = Day::new(Options { seed, users: 24, ..Options::default() });
        let (score, said) = sensor::score_of(day);
        assert!(score.perfect(), "seed {seed}:\n{said}");
        assert!(score.caught() >= 13 && score.left_alone() >= 16, "seed {seed}:\n{said}");
    }
}
