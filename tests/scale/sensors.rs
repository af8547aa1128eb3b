//! Sensors that are not as they should be: one with another key, one that dies, one that is late.
//! They are given short captures, by files and by pipes that stay open.
//! They promise that none of them holds up or spoils what the others see.

use crate::alerts::{Outlines, differences};
use crate::cluster::{Cluster, alone};
use crate::feed::Wire;
use crate::process::Process;
use crate::services::Service;
use crate::split::HEAD_BYTES;
use crate::stories::{EXPOSURES, START, burst, exposures, harmless};
use std::time::{Duration, Instant};

/// How long a silent sensor is waited for, in these tests.
const IDLE: Duration = Duration::from_secs(3);
/// What a machine may take beside it.
const SLACK: Duration = Duration::from_secs(8);
/// A token without a signature, a key in a URL: one request shows them, whenever it comes.
const ORDER_FREE: [&str; 2] = ["JWT-01", "KEY-06"];

#[test]
fn a_sensor_with_another_key_is_refused_with_what_to_do() {
    let Some(kafka) = Service::shared_kafka() else { return };
    let capture = burst("alice", 30_000, 0);
    let expected = alone(&capture);
    assert!(!expected.is_empty());
    let mut cluster = Cluster::new(kafka, "key", &["s1"], &[]);
    cluster.start_workers(2);
    // Settings that come later win.
    let stranger = cluster.sensor("s2", &burst("mallory", 31_000, 10), &["privacy.key_file=other-key"]);
    let sensor = cluster.sensor("s1", &capture, &[]);
    [stranger, sensor].into_iter().for_each(Process::succeeds);
    let line = cluster.until("a line about the other key", |cluster| {
        let said = cluster.said();
        said.lines().find(|line| line.contains("privacy.key_file")).map(str::to_owned)
    });
    assert!(line.contains("s2"), "whose key it is: {line}");
    let ended = cluster.tells(&expected, &[]);
    assert!(ended.count("frames_refused") > 0, "{:#?}", ended.stats);
}

#[test]
fn a_sensor_that_dies_holds_up_the_others_no_longer_than_it_may() {
    let Some(kafka) = Service::shared_kafka() else { return };
    let (first, second) = (burst("alice", 30_000, 0), burst("carol", 30_100, 1_000));
    let (knows_first, knows_second) = (alone(&first), alone(&second));
    let more = format!("scale.idle_s={}", IDLE.as_secs());
    let mut cluster = Cluster::new(kafka, "dies", &["s1", "s2"], &[&more]);
    cluster.start_workers(2);
    let (mut living, mut dying) = (cluster.piped("s1"), cluster.piped("s2"));
    let at = |seconds: u64| START + Duration::from_secs(seconds);
    let mut wire = Wire::begin(living.input(), &first, at(120));
    let mut other = Wire::begin(dying.input(), &harmless(30_200, 1), at(120));
    // While both are well, time goes on at both.
    let mut now = 120;
    cluster.until("the first attack", |cluster| {
        now += 1;
        wire.wait(at(now));
        other.wait(at(now));
        has_rule(&cluster.alerts().outlines(), &knows_first, "MFA-01")
    });
    assert!(now < 1_000, "the second attack is later: {now}");
    dying.kill();
    let died = Instant::now();
    wire.send(&second, at(1_100));
    let mut now = 1_100;
    let took = cluster.until("the second attack", |cluster| {
        now += 1;
        wire.wait(at(now));
        has_rule(&cluster.alerts().outlines(), &knows_second, "MFA-01").map(|()| died.elapsed())
    });
    eprintln!("dies: told {:.1} s after a sensor died, idle_s is {}", took.as_secs_f64(), IDLE.as_secs());
    assert!(took < IDLE + SLACK, "{took:?}");
    assert!(took > Duration::from_secs(1), "nobody waited for the sensor that died: {took:?}");
    drop(wire);
    living.succeeds();
    cluster.end();
}

/// Whether an episode of a rule that is expected was told.
fn has_rule(found: &Outlines, expected: &Outlines, rule: &str) -> Option<()> {
    let mut wanted = expected.iter().filter(|(_, outline)| outline.starts_with(rule)).map(|(id, _)| id);
    wanted.any(|id| found.contains_key(id)).then_some(())
}

#[test]
fn what_comes_too_late_is_counted_and_still_tells_what_needs_no_order() {
    let Some(kafka) = Service::shared_kafka() else { return };
    // An hour later than what comes behind it.
    let (timely, late) = (burst("alice", 30_000, 3_600), exposures());
    let (knows_timely, knows_late) = (alone(&timely), alone(&late));
    let mut cluster = Cluster::new(kafka, "late", &[], &[]);
    cluster.start_workers(2);
    cluster.sensor("s1", &timely, &[]).succeeds();
    cluster.until("what came in time", |cluster| {
        differences(&knows_timely, &cluster.alerts().outlines(), &[]).is_empty().then_some(())
    });
    cluster.sensor("s2", &late, &[]).succeeds();
    cluster.until("what came late", |cluster| {
        let told = cluster.alerts().outlines();
        ORDER_FREE.iter().all(|rule| has_rule(&told, &knows_late, rule).is_some()).then_some(())
    });
    let (ended, said) = cluster.end();
    let told = ended.alerts.outlines();
    let known: Outlines = knows_timely.clone().into_iter().chain(knows_late).collect();
    let invented: Vec<_> = told.iter().filter(|(id, _)| !known.contains_key(*id)).collect();
    assert!(invented.is_empty(), "{invented:#?}");
    for (id, outline) in &knows_timely {
        assert_eq!(told.get(id), Some(outline), "what came in time is not touched");
    }
    assert_eq!(ended.count("late"), EXPOSURES, "{said}");
}

#[test]
fn a_capture_behind_another_is_judged_as_if_they_were_one() {
    let Some(kafka) = Service::shared_kafka() else { return };
    let (first, second) = (burst("alice", 30_000, 0), burst("carol", 30_100, 7_200));
    let whole = [&first[..], &second[HEAD_BYTES..]].concat();
    let mut cluster = Cluster::new(kafka, "behind", &["s1"], &[]);
    cluster.start_workers(2);
    let knows_first = alone(&first);
    cluster.sensor("s1", &first, &[]).succeeds();
    cluster.until("the first capture", |cluster| {
        differences(&knows_first, &cluster.alerts().outlines(), &[]).is_empty().then_some(())
    });
    cluster.sensor("s1", &second, &[]).succeeds();
    let ended = cluster.tells(&alone(&whole), &[]);
    assert_eq!(ended.count("late"), 0, "{:#?}", ended.stats);
}
