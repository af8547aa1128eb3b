//! Stories of a sensor that sees less than it should, second by second.

use crate::alert::{Alert, Confidence, Status};
use crate::health::{Health, Kernel, Spool};
use crate::rules;
use crate::runtime::{Limits, Runtime, RuntimeConfig};
use crate::story;
use crate::time::EventTime;
use std::time::Duration;

/// The beginning of every story: 10:00 on the day of stories.
const START: u64 = 1_795_255_200;

struct Sensor {
    config: RuntimeConfig,
    runtime: Runtime,
}

fn sensor(section: &str, limits: Limits) -> Sensor {
    let rules: rules::Config = toml::from_str(&format!("[sensor_self_check]\n{section}")).unwrap();
    let config = RuntimeConfig { rules, limits, ..RuntimeConfig::default() };
    Sensor { runtime: Runtime::new(config.clone()).unwrap(), config }
}

/// Tells so many seconds of this traffic, from `from` seconds after the start; a restart in the middle changes nothing.
fn watch(sensor: &mut Sensor, from: u64, seconds: u64, delivered: u64, missing: u64) -> Vec<Alert> {
    live(sensor, from, seconds, &Health { delivered, missing, ..Health::default() })
}

/// The same, of traffic that may be read while it happens.
fn live(sensor: &mut Sensor, from: u64, seconds: u64, health: &Health) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for second in from..from + seconds {
        let end = EventTime::from_secs(START + second + 1);
        sensor.runtime.health(health, end, &mut alerts);
        if second == from + seconds / 2 {
            let saved = sensor.runtime.save();
            sensor.runtime = Runtime::new(sensor.config.clone()).unwrap();
            sensor.runtime.load(&saved).unwrap();
            assert!(sensor.runtime.save() == saved, "what was loaded is not what was saved");
        }
    }
    alerts
}

fn about(alerts: &[Alert], part: &str) -> Vec<String> {
    let told = alerts.iter().filter(|alert| alert.status != Status::Closed);
    told.filter(|alert| alert.subject.value.ends_with(part)).map(story::line_of).collect()
}

#[test]
fn two_per_cent_lost_are_told_once_and_a_tenth_is_worse() {
    let mut sensor = sensor("", Limits::default());
    let alerts = watch(&mut sensor, 0, 290, 98_000, 2_000);
    assert_eq!(
        about(&alerts, "(loss)"),
        [
            "10:00:40.000 POS-06 sensor_self_check medium sensor (loss): 2 % of 4000000 bytes were lost in 300 s: what \
          happened in them is in no count (limit 1 %)\n"
        ]
    );
    let worse = about(&watch(&mut sensor, 290, 200, 50_000, 50_000), "(loss)");
    assert!(worse.iter().any(|line| line.contains("sensor_self_check high (update)")), "{worse:?}");
}

#[test]
fn one_per_cent_is_not_more_than_one_per_cent() {
    let limits = Limits::default();
    assert!(about(&watch(&mut sensor("", limits), 0, 300, 990_000, 10_000), "(loss)").is_empty());
    assert!(!about(&watch(&mut sensor("", limits), 0, 300, 989_999, 10_001), "(loss)").is_empty());
    let two = "lost_pct = 2";
    assert!(about(&watch(&mut sensor(two, limits), 0, 300, 980_000, 20_000), "(loss)").is_empty());
}

#[test]
fn a_burst_on_a_quiet_line_is_no_loss() {
    let burst = |missing| {
        let mut sensor = sensor("", Limits::default());
        let mut alerts = watch(&mut sensor, 0, 1, 1_000, missing);
        alerts.extend(watch(&mut sensor, 1, 60, 1_000, 0));
        about(&alerts, "(loss)").len()
    };
    assert_eq!((burst(65_535), burst(65_536)), (0, 1));
}

#[test]
fn what_was_lost_leaves_the_window_with_its_second() {
    let later = |seconds| {
        let mut sensor = sensor("lost_window_s = 120", Limits::default());
        watch(&mut sensor, 0, 1, 0, 0);
        watch(&mut sensor, 8, 1, 0, 70_000);
        about(&watch(&mut sensor, seconds, 1, 1_000, 0), "(loss)").len()
    };
    // The second that ended 9 s after the start is in the window of 120 s until 128 s.
    assert_eq!((later(119), later(129)), (1, 0));
}

#[test]
fn an_alert_says_what_was_lost_while_it_formed_and_is_less_sure() {
    let told = |missing| {
        let mut sensor = sensor("", Limits::default());
        watch(&mut sensor, 0, 60, 100_000 - missing, missing);
        let mut alerts = Vec::new();
        let burst = "10:01:00 203.0.113.7 -> mfa POST /mfa 401 user=ann x3 every 1s";
        for tx in story::transactions(burst).unwrap() {
            sensor.runtime.observe(&tx, &mut alerts);
        }
        (alerts[0].visibility.loss_pct, alerts[0].confidence)
    };
    assert_eq!(told(0), (0.0, Confidence::High));
    assert_eq!(told(1_000), (1.0, Confidence::High));
    assert_eq!(told(1_010), (1.01, Confidence::Medium));
}

/// What is said of a ring in which so many of these packets a second find no room, for a minute.
fn with_drops(section: &str, received: u64, dropped: u64) -> Vec<String> {
    let health = Health { delivered: 1, kernel: Kernel { received, dropped }, ..Health::default() };
    about(&live(&mut sensor(section, Limits::default()), 0, 60, &health), "(kernel drops)")
}

#[test]
fn packets_that_the_kernel_drops_are_told_like_lost_bytes() {
    assert_eq!(
        with_drops("", 1_000, 20),
        [
            "10:00:10.000 POS-06 sensor_self_check medium sensor (kernel drops): the kernel dropped 2 % of 10000 packets in \
          300 s: the sensor is too slow for this traffic, or its rings are too small (limit 1 %)\n"
        ]
    );
    assert!(with_drops("", 1_000, 10).is_empty(), "one per cent is not more than one per cent");
    let worse = with_drops("", 1_000, 101);
    assert!(worse.iter().any(|line| line.contains(" high ")), "{worse:?}");
    let not_yet = with_drops("", 1_000, 100);
    assert!(!not_yet.iter().any(|line| line.contains(" high ")), "{not_yet:?}");
    assert!(with_drops("lost_pct = 2", 1_000, 20).is_empty());
}

#[test]
fn a_hiccup_is_no_state_of_the_kernel() {
    let hiccup = |section: &str, dropped| {
        let mut sensor = sensor(section, Limits::default());
        let kernel = Kernel { received: 1_000, dropped };
        let mut alerts = live(&mut sensor, 0, 1, &Health { kernel, ..Health::default() });
        alerts.extend(watch(&mut sensor, 1, 60, 1_000, 0));
        about(&alerts, "(kernel drops)").len()
    };
    assert_eq!((hiccup("", 99), hiccup("", 100)), (0, 1));
    assert_eq!((hiccup("dropped_packets = 150", 149), hiccup("dropped_packets = 150", 150)), (0, 1));
}

#[test]
fn what_the_kernel_dropped_makes_other_alerts_less_sure() {
    let told = |dropped| {
        let mut sensor = sensor("", Limits::default());
        let kernel = Kernel { received: 10_000, dropped };
        live(&mut sensor, 0, 60, &Health { delivered: 1_000, kernel, ..Health::default() });
        let mut alerts = Vec::new();
        let burst = "10:01:00 203.0.113.7 -> mfa POST /mfa 401 user=ann x3 every 1s";
        for tx in story::transactions(burst).unwrap() {
            sensor.runtime.observe(&tx, &mut alerts);
        }
        (alerts[0].visibility.loss_pct, alerts[0].confidence)
    };
    assert_eq!(told(0), (0.0, Confidence::High));
    assert_eq!(told(100), (1.0, Confidence::High));
    assert_eq!(told(101), (1.01, Confidence::Medium));
}

/// What is said of a minute of this traffic.
fn with_tls(section: &str, delivered: u64, encrypted: u64) -> Vec<String> {
    let health = Health { delivered, encrypted, ..Health::default() };
    about(&live(&mut sensor(section, Limits::default()), 0, 60, &health), "(encrypted)")
}

#[test]
fn a_site_that_is_mostly_encrypted_is_told_with_its_share() {
    assert_eq!(
        with_tls("", 1_000_000, 600_000),
        [
            "10:00:10.000 POS-06 sensor_self_check low sensor (encrypted): 60 % of 10000000 bytes in 300 s were in \
          connections that begin with TLS, and were not read (limit 50 %)\n"
        ]
    );
    assert!(with_tls("", 1_000_000, 500_000).is_empty(), "half is not most");
    assert!(!with_tls("", 1_000_000, 500_001).is_empty());
    assert!(with_tls("encrypted_pct = 90", 1_000_000, 900_000).is_empty());
    assert!(!with_tls("encrypted_pct = 90", 1_000_000, 900_001).is_empty());
}

#[test]
fn a_little_that_is_encrypted_says_nothing_of_a_site() {
    let once = |section: &str, encrypted| {
        let mut sensor = sensor(section, Limits::default());
        let health = Health { delivered: encrypted, encrypted, ..Health::default() };
        let mut alerts = live(&mut sensor, 0, 1, &health);
        alerts.extend(watch(&mut sensor, 1, 60, 1, 0));
        about(&alerts, "(encrypted)").len()
    };
    assert_eq!((once("", 1_048_575), once("", 1_048_576)), (0, 1));
    assert_eq!((once("encrypted_bytes = 7", 6), once("encrypted_bytes = 7", 7)), (0, 1));
}

/// What is said when one alert in a hundred takes so long.
fn with_delay(section: &str, alert_p99_ms: Option<u64>) -> Vec<String> {
    let health = Health { delivered: 1, alert_p99_ms, ..Health::default() };
    about(&live(&mut sensor(section, Limits::default()), 0, 30, &health), "(alert delay)")
}

#[test]
fn alerts_that_come_late_are_told_and_a_file_has_none() {
    assert_eq!(
        with_delay("", Some(5_200)),
        [
            "10:00:01.000 POS-06 sensor_self_check medium sensor (alert delay): one alert in a hundred takes 5.2 s or \
          more from its packet to the outputs: the sensor lags behind its traffic (limit 5 s)\n"
        ]
    );
    assert!(with_delay("", Some(5_000)).is_empty() && !with_delay("", Some(5_001)).is_empty());
    assert!(with_delay("alert_delay_s = 9", Some(9_000)).is_empty());
    assert_eq!(with_delay("alert_delay_s = 9", Some(9_001)).len(), 1);
    assert!(with_delay("", None).is_empty());
}

#[test]
fn second_factors_that_fall_silent() {
    let section = "silence_days = 0\nsilence_steps = 5\nsilence_min_s = 60";
    let quiet = |steps: u64, seconds| {
        let mut sensor = sensor(section, Limits::default());
        let mut alerts = Vec::new();
        for step in 0..steps {
            alerts.extend(watch(&mut sensor, step * 100, 100, 1_000, 0));
            let end = EventTime::from_secs(START + (step + 1) * 100);
            let mut tx =
                story::transactions("10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=ann").unwrap().remove(0);
            tx.end = end;
            sensor.runtime.observe(&tx, &mut alerts);
        }
        // A night in which nobody watched is no silence.
        alerts.extend(watch(&mut sensor, steps * 100 + 40_000, seconds, 1_000, 0));
        about(&alerts, "(second factors)")
    };
    let told = quiet(5, 400);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("no second-factor step for 210 s of traffic; the longest silence"), "{told:?}");
    assert!(quiet(5, 200).is_empty());
    assert!(quiet(4, 400).is_empty(), "too few steps to be missed");
}

#[test]
fn a_flood_of_identities_is_one_alert_that_names_the_table_and_its_limit() {
    let flood = |per_second: u64| {
        let limits = Limits { keys_per_table_max: 1_000, ..Limits::default() };
        let mut sensor = sensor("", limits);
        let mut alerts = Vec::new();
        let one = story::transactions("10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=x").unwrap().remove(0);
        for n in 0..120 * per_second {
            let mut tx = one.clone();
            tx.end = EventTime::from_secs(START).after(Duration::from_micros(n * 1_000_000 / per_second));
            tx.id.0 = u128::from(n);
            tx.principal.id = format!("flood-{n}").into();
            if n % per_second == 0 {
                sensor.runtime.health(&Health { delivered: 1, ..Health::default() }, tx.end, &mut alerts);
            }
            sensor.runtime.observe(&tx, &mut alerts);
        }
        about(&alerts, "(identity flood)")
    };
    let told = flood(100);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("pushed out of the full table backup_code_use.accounts: who is in it is forgotten (room by limits.keys_per_table_max;"),
        "{told:?}"
    );
    assert!(flood(10).is_empty(), "600 a minute are under the limit");
}

/// What is said of a spool that is so full for half a minute.
fn with_spool(section: &str, fill_pct: u32) -> Vec<String> {
    let mut sensor = sensor(section, Limits::default());
    let sinks = vec![("kafka (alerts)".to_owned(), 12), ("kafka (transactions)".to_owned(), 34_000)];
    let health = Health { delivered: 1, spool: Some(Spool { fill_pct, sinks }), ..Health::default() };
    let mut alerts = Vec::new();
    for second in 0..30 {
        sensor.runtime.health(&health, EventTime::from_secs(START + second + 1), &mut alerts);
    }
    about(&alerts, "(spool)")
}

#[test]
fn a_spool_that_fills_names_the_sinks_that_take_nothing() {
    assert_eq!(
        with_spool("", 51),
        [
            "10:00:01.000 POS-06 sensor_self_check medium sensor (spool): 51 % of the spool is full, and records wait for \
          kafka (alerts): 12, kafka (transactions): 34000 (limit 50 %; room by spool.bytes_max)\n"
        ]
    );
    assert!(with_spool("", 50).is_empty());
    assert!(with_spool("spool_pct = 80", 80).is_empty());
    assert_eq!(with_spool("spool_pct = 80", 81).len(), 1);
    let (below, at) = (with_spool("", 89), with_spool("", 90));
    assert!(
        below.iter().all(|line| line.contains(" medium ")) && at.iter().any(|line| line.contains(" high "))
    );
}
