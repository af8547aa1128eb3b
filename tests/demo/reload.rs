//! A configuration read anew while traffic goes on: nothing is lost, nothing is forgotten, and what changed holds.

use super::sensor::{Heard, WORD, heard_live, options};
use heelguard::config::{self, Raw};
use heelguard::demo::{Day, Options};
use heelguard_detectors::alert::Alert;

fn day() -> Day {
    Day::new(Options { seed: 5, users: 8, ..Options::default() })
}

/// What people would compare. That this day is long over when it is heard is the sensor's own word about itself.
fn told(alerts: &[Alert]) -> Vec<String> {
    let of_traffic = alerts.iter().filter(|alert| alert.detector != "sensor_self_check");
    of_traffic.map(|alert| format!("{alert:?}")).collect()
}

#[test]
fn thirty_reloads_of_the_same_configuration_change_nothing() {
    let quiet = heard_live(day(), |_| None);
    assert!(quiet.alerts.len() > 10, "{}", quiet.alerts.len());
    // What a tap has to say is told while it listens, once.
    let words: Vec<u64> =
        quiet.told.iter().filter(|(line, _)| line == WORD).map(|(_, before)| *before).collect();
    assert!(words.len() == 1 && words[0] < quiet.transactions / 10, "{words:?}");
    let mut reloads = 0;
    let every = quiet.transactions / 30;
    let disturbed = heard_live(day(), |heard: &Heard| {
        let is_due = reloads < 30 && heard.transactions >= reloads * every;
        is_due.then(|| {
            reloads += 1;
            Box::new(options(&Raw::default()))
        })
    });
    assert_eq!(reloads, 30);
    assert_eq!(disturbed.transactions, quiet.transactions);
    assert_eq!(told(&disturbed.alerts), told(&quiet.alerts));
}

#[test]
fn a_rule_that_is_turned_off_in_the_middle_is_silent_from_then_on_and_no_other_is() {
    let rule = "mfa_failure_burst";
    let quiet = heard_live(day(), |_| None);
    let of_rule = |alerts: &[Alert], wanted: bool| {
        let those = alerts.iter().filter(|alert| (alert.detector == rule) == wanted);
        told(&those.cloned().collect::<Vec<_>>())
    };
    assert!(!of_rule(&quiet.alerts, true).is_empty(), "the day has one");

    let mut off = config::load(None, &[format!("detectors.{rule}.enabled=false")]).unwrap();
    off.sensor = Raw::default().sensor;
    let mut changed = false;
    let silenced =
        heard_live(day(), |_| (!std::mem::replace(&mut changed, true)).then(|| Box::new(options(&off))));
    assert_eq!(of_rule(&silenced.alerts, true), Vec::<String>::new());
    assert_eq!(of_rule(&silenced.alerts, false), of_rule(&quiet.alerts, false));
}
