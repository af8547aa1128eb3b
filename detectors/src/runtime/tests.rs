//! Stories of episodes: how they open, grow, close, are suppressed and are capped.

use super::*;
use crate::alert::{Severity, Status};
use crate::story;
use std::fmt::Write;
use std::time::Duration;

fn lines(alerts: &[Alert]) -> String {
    let line = |alert: &Alert| format!("{} {} {}", alert.id, alert.rev, story::line_of(alert));
    alerts.iter().map(line).collect::<Vec<_>>().concat()
}

/// Runs the story and returns its alerts with the runtime.
fn run(story: &str, config: RuntimeConfig) -> (Vec<Alert>, Runtime) {
    let mut runtime = Runtime::new(config).unwrap();
    let mut alerts = Vec::new();
    let transactions = story::transactions(story).unwrap();
    for tx in &transactions {
        runtime.observe(tx, &mut alerts);
    }
    (alerts, runtime)
}

fn assert_balanced(runtime: &Runtime) {
    let counters = runtime.counters();
    assert_eq!(counters.findings, counters.open + counters.update + counters.suppressed, "{counters:?}");
}

const BURST: &str = "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=ann x3 every 1s";

#[test]
fn an_episode_opens_grows_and_closes() {
    let story = "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=ann x400 every 2s
                 11:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s";
    let mut config = RuntimeConfig::default();
    // It speaks of the same attempts.
    config.rules.mfa_lockout_missing.enabled = false;
    let (alerts, runtime) = run(story, config);
    let burst: Vec<String> = alerts
        .iter()
        .map(|alert| {
            format!("{} {} {} {}", &alert.time.to_string()[11..19], alert.rev, alert.status, alert.count)
        })
        .collect();
    // Third failure; ten make it high; thirty and three hundred are ten and a hundred times as many;
    // in between every five minutes; closed ten minutes after the last failure.
    let expected = [
        "10:00:04 1 open 3",
        "10:00:18 2 update 10",
        "10:00:58 3 update 30",
        "10:05:58 4 update 180",
        "10:09:58 5 update 300",
        "10:23:18 6 closed 400",
    ];
    assert_eq!(burst, expected);
    assert!(alerts.iter().all(|alert| alert.id == alerts[0].id));
    assert_balanced(&runtime);
}

#[test]
fn the_id_is_a_uuid_and_depends_on_tenant_rule_subject_and_minute_alone() {
    let id = |story: &str, tenant: &str| {
        let config =
            RuntimeConfig { tenant: tenant.into(), sensor: story.into(), ..RuntimeConfig::default() };
        run(story, config).0[0].id.to_string()
    };
    let first = id(BURST, "default");
    assert_eq!((&first[14..15], first.len()), ("8", 36));
    assert!("89ab".contains(&first[19..20]));
    // Written down once: a change would break every consumer that keys on it.
    assert_eq!(first, "15f46174-b9d0-8986-8418-c00fbe9dc6c9");
    assert_eq!(first, id("10:00:59 198.51.100.1 -> mfa POST /other 400 user=ann x3 every 9s", "default"));
    assert_ne!(first, id("10:01:00 203.0.113.7 -> mfa POST /mfa 401 user=ann x3 every 1s", "default"));
    assert_ne!(first, id("10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=bob x3 every 1s", "default"));
    assert_ne!(first, id(BURST, "other"));
}

#[test]
fn a_flood_of_alerts_is_capped_and_said_so() {
    let story = "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=u{1..1000} x3 every 10ms
        10:00:40 203.0.113.8 -> use GET /admin 200 user=eve jwt=none unsigned";
    let (alerts, mut runtime) = run(story, RuntimeConfig::default());
    let told = alerts.iter().filter(|alert| alert.detector == "mfa_failure_burst").count();
    let spray = alerts.iter().filter(|alert| alert.detector == "mfa_failure_spray").count();
    let cap: Vec<&Alert> = alerts.iter().filter(|alert| alert.rule == "POS-06").collect();
    // Bursts are medium: they leave a quarter of the room to what is grave.
    assert!(told < 150 && told + spray >= 150, "{told} {spray}");
    assert!(alerts.iter().any(|alert| alert.rule == "JWT-01" && alert.severity == Severity::Critical));
    assert_eq!(
        cap[0].message,
        "alerts beyond the limit of 200 in 60 s, slight ones beyond half of it, are only counted; most by \
         mfa_failure_burst"
    );
    assert!(cap.len() < 5);
    assert_balanced(&runtime);
    let mut closed = Vec::new();
    runtime.finish(EventTime::MAX, &mut closed);
    assert_eq!(runtime.counters().closed, runtime.counters().open);
}

#[test]
fn a_flood_of_grave_alerts_leaves_room_to_a_rule_that_tells_little() {
    let story = "10:00:00 203.0.113.{1..250} -> use GET /all 200 user=root jwt=none unsigned every 50ms
        10:00:30 198.51.100.7 -> mfa POST /mfa 401 user=ann x3 every 1s";
    let (alerts, runtime) = run(story, RuntimeConfig::default());
    let told = |name: &str| alerts.iter().filter(|alert| alert.detector == name).count();
    assert!(told("unsigned_jwt") >= 170 && told("unsigned_jwt") <= 175, "{}", told("unsigned_jwt"));
    assert_eq!(told("mfa_failure_burst"), 1);
    assert_balanced(&runtime);
}

#[test]
fn a_suppressed_finding_is_counted_and_not_told() {
    let config = || {
        let text = r#"
            [[suppress]]
            rule = "MFA-01"
            subject = "user:load-*"
            until = "2026-11-21T12:00:00Z"
            reason = "load test"
        "#;
        let mut table: toml::Table = text.parse().unwrap();
        let suppress = table.remove("suppress").unwrap().try_into().unwrap();
        RuntimeConfig { suppress, ..RuntimeConfig::default() }
    };
    let silent = "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=load-1 x4 every 1s";
    let (alerts, runtime) = run(silent, config());
    assert_eq!((alerts.len(), runtime.counters().suppressed), (0, 2));
    assert_balanced(&runtime);
    assert_eq!(run(BURST, config()).0.len(), 1);
    assert_eq!(run(&silent.replace("10:00", "13:00"), config()).0.len(), 1);
}

#[test]
fn an_acknowledgement_that_does_nothing_any_more_is_told() {
    let entry = |subject: &str, until: Option<&str>| Suppression {
        rule: Some("MFA-01".into()),
        subject: Some(subject.into()),
        until: until.map(Into::into),
        reason: "load test".into(),
    };
    let suppress = vec![
        entry("user:ann", Some("2026-11-21T11:00:00Z")),
        entry("user:bob", None),
        entry("user:ann", None),
        entry("user:z*", Some("2026-11-21T10:00:00Z")),
    ];
    let (alerts, runtime) = run(BURST, RuntimeConfig { suppress, ..RuntimeConfig::default() });
    assert!(alerts.is_empty());
    let at = |clock| EventTime::from_nanos(humantime_nanos(clock));
    let told = runtime.idle_suppressions(at("2026-11-21T10:00:02Z"));
    assert_eq!(
        told,
        [
            "[[suppress]] of MFA-01 for user:bob silenced nothing",
            // The first entry that fits is the one that counts.
            "[[suppress]] of MFA-01 for user:ann silenced nothing",
            "[[suppress]] of MFA-01 for user:z* ended at 2026-11-21T10:00:00Z; it silenced 0 findings before",
        ]
    );
    let told = runtime.idle_suppressions(at("2026-11-21T11:00:00Z"));
    assert_eq!(
        told[0],
        "[[suppress]] of MFA-01 for user:ann ended at 2026-11-21T11:00:00Z; it silenced 1 finding before"
    );
}

fn humantime_nanos(clock: &str) -> u64 {
    let since = humantime::parse_rfc3339(clock).unwrap().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap().as_nanos()).unwrap()
}

#[test]
fn a_suppression_without_a_reason_is_refused() {
    let entry = Suppression { rule: None, subject: Some("user:ann".into()), until: None, reason: " ".into() };
    let config = RuntimeConfig { suppress: vec![entry], ..RuntimeConfig::default() };
    assert_eq!(
        Runtime::new(config).unwrap_err().0,
        "suppress.reason: [[suppress]] of every rule for user:ann has none; say why, for whoever reads it next year"
    );
}

#[test]
fn a_suppression_of_no_rule_is_refused() {
    let entry = Suppression { rule: Some("MFA-99".into()), subject: None, until: None, reason: "?".into() };
    let config = RuntimeConfig { suppress: vec![entry], ..RuntimeConfig::default() };
    assert_eq!(
        Runtime::new(config).unwrap_err().0,
        "suppress.rule: there is no rule `MFA-99`; `heelguard rules` lists them"
    );
}

#[test]
fn the_operator_may_turn_a_rule_off_or_set_its_severity() {
    let config = |text: &str| {
        let rules: rules::Config = toml::from_str(text).unwrap();
        RuntimeConfig { rules, ..RuntimeConfig::default() }
    };
    assert!(run(BURST, config("[mfa_failure_burst]\nenabled = false")).0.is_empty());
    let critical = run(BURST, config("[mfa_failure_burst]\nseverity = \"critical\"")).0;
    assert_eq!(critical[0].severity, Severity::Critical);
    assert!(run(BURST, config("[mfa_failure_burst]\nfailures = 4")).0.is_empty());
}

/// A day of every kind of traffic, drawn by a fixed generator.
fn mixed_day() -> Vec<Transaction> {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |n: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % n
    };
    let mut story = String::new();
    for _ in 0..3_000 {
        let (hour, minute, second) = (draw(24), draw(60), draw(60));
        let (client, user) = (draw(6), draw(12));
        let country = ["DE", "FR", "US"][draw(3) as usize];
        let what = match draw(7) {
            0 => "login POST /login 200",
            1 => "login POST /login 401",
            2 => "mfa POST /mfa 401 x3 every 20s",
            3 => "mfa POST /mfa 200 factor=backup",
            4 => "use GET /rows 200 session=s items=700 limit=200 x5 every 900ms",
            5 => "use GET /me 200 basic plain",
            _ => "use GET /me 401 jwt=none unsigned",
        };
        let who = format!("user=u{user} country={country}");
        writeln!(story, "{hour:02}:{minute:02}:{second:02} 203.0.113.{client} -> {what} {who}").unwrap();
    }
    story::transactions(&story).unwrap()
}

#[test]
fn the_same_input_gives_the_same_alerts_however_often_time_is_told() {
    let day = mixed_day();
    let tell = |every: Option<u64>| {
        let mut runtime = Runtime::new(RuntimeConfig::default()).unwrap();
        let mut alerts = Vec::new();
        for (place, tx) in day.iter().enumerate() {
            if every.is_some_and(|every| (place as u64).is_multiple_of(every)) {
                runtime.advance(tx.end.before(Duration::from_secs(2)), &mut alerts);
            }
            runtime.observe(tx, &mut alerts);
        }
        runtime.finish(day.last().unwrap().end, &mut alerts);
        assert_balanced(&runtime);
        assert_eq!(runtime.counters().open, runtime.counters().closed);
        alerts
    };
    let (first, again, ticking) = (tell(None), tell(None), tell(Some(3)));
    assert!(first.len() > 1_000, "{}", first.len());
    assert_eq!(lines(&first), lines(&again));
    assert_eq!(lines(&first), lines(&ticking));
    assert!(first.windows(2).all(|pair| pair[0].time <= pair[1].time));
}

#[test]
fn a_slow_attacker_is_seen_inside_a_flood_of_new_identities() {
    let limits = Limits { keys_per_table_max: 1_000, ..Limits::default() };
    let mut runtime = Runtime::new(RuntimeConfig { limits, ..RuntimeConfig::default() }).unwrap();
    let mut alerts = Vec::new();
    let known = "09:45:00 203.0.113.9 -> mfa POST /mfa 401 user=victim
                 09:49:00 203.0.113.9 -> mfa POST /mfa 200 user=victim
                 09:53:00 203.0.113.9 -> mfa POST /mfa 200 user=victim
                 09:57:00 203.0.113.9 -> mfa POST /mfa 200 user=victim";
    let slow = "10:00:00 203.0.113.9 -> mfa POST /mfa 401 user=victim x3 every 140s";
    let mut all = story::transactions(&format!("{known}\n{slow}")).unwrap();
    let template = story::transactions("10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=x").unwrap().remove(0);
    for n in 0..100_000_u64 {
        let mut tx = template.clone();
        tx.end = tx.end.after(Duration::from_millis(n * 3));
        tx.id.0 = u128::from(n) + 1_000;
        tx.principal.id = format!("flood-{n}").into();
        all.push(tx);
    }
    all.sort_by_key(|tx| (tx.end, tx.id));
    for tx in &all {
        runtime.observe(tx, &mut alerts);
    }
    let burst: Vec<&str> = alerts
        .iter()
        .filter(|alert| alert.detector == "mfa_failure_burst")
        .map(|alert| &*alert.subject.value)
        .collect();
    assert_eq!(burst, ["user:victim"]);
    let evicted: u64 = runtime.evictions().map(|(_, evicted)| evicted).sum();
    assert!(evicted > 90_000, "{evicted}");
}

#[test]
fn closings_come_in_the_order_of_their_times() {
    let story = "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=a{1..3} x3 every 1s
                 10:05:00 203.0.113.7 -> mfa POST /mfa 401 user=a1
                 12:00:00 203.0.113.7 -> use GET /me 200 user=z session=s";
    let (alerts, _) = run(story, RuntimeConfig::default());
    let closed: Vec<&str> = alerts
        .iter()
        .filter(|alert| alert.status == Status::Closed && alert.rule == "MFA-01")
        .map(|alert| &*alert.subject.value)
        .collect();
    assert_eq!(closed.len(), 3);
    assert!(alerts.windows(2).all(|pair| pair[0].time <= pair[1].time));
}

#[test]
fn a_share_of_more_than_all_is_refused_by_name() {
    let config =
        |text: &str| RuntimeConfig { rules: toml::from_str(text).unwrap(), ..RuntimeConfig::default() };
    assert!(Runtime::new(config("[mfa_bypass_by_key]\nasks_pct = 100")).is_ok());
    let refusal = Runtime::new(config("[mfa_bypass_by_key]\nasks_pct = 101")).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "detectors.mfa_bypass_by_key.asks_pct: 101 per cent is more than all; at most 100"
    );
}

#[test]
fn what_is_remembered_goes_on_under_another_configuration() {
    let two_wrong = "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=ann x2 every 1s
                     10:00:02 203.0.113.9 -> use GET /orders/{1..30} 200 user=bob route=/orders/{id} every 1s";
    let third = "10:01:00 203.0.113.7 -> mfa POST /mfa 401 user=ann";
    // As it was; another threshold of this rule, and of another; other limits; a severity.
    let changes: [fn(&mut RuntimeConfig); 5] = [
        |_| (),
        |config| config.rules.mfa_failure_burst.thresholds.window_s = 301,
        |config| config.rules.object_enumeration.enabled = false,
        |config| config.limits.keys_per_table_max = 1_000,
        |config| config.rules.mfa_failure_burst.severity = Some(Severity::Critical),
    ];
    for change in changes {
        let (_, mut runtime) = run(two_wrong, RuntimeConfig::default());
        let mut config = RuntimeConfig::default();
        change(&mut config);
        let before = runtime.save();
        runtime.reconfigure(config.clone()).unwrap();
        let is_on = |(name, _): &&(&str, Vec<u8>)| {
            config.rules.object_enumeration.enabled || *name != "object_enumeration"
        };
        assert!(runtime.save().iter().eq(before.iter().filter(is_on)));
        let mut alerts = Vec::new();
        story::transactions(third).unwrap().iter().for_each(|tx| runtime.observe(tx, &mut alerts));
        let bursts = alerts.iter().filter(|alert| alert.detector == "mfa_failure_burst");
        let severity = config.rules.mfa_failure_burst.severity.unwrap_or(Severity::Medium);
        assert_eq!(bursts.map(|alert| alert.severity).collect::<Vec<_>>(), [severity]);
    }
}

#[test]
fn a_configuration_that_makes_no_sense_changes_nothing() {
    let (_, mut runtime) = run(BURST, RuntimeConfig::default());
    let before = runtime.save();
    let mut config = RuntimeConfig::default();
    config.rules.mfa_failure_spray.thresholds.failing_share_pct = 101;
    assert!(runtime.reconfigure(config).is_err());
    assert!(runtime.save() == before);
}
