//! An alert is there while the traffic that made it is still fresh.

use crate::network::Network;
use crate::sensor::{Place, Sensor};
use crate::traffic::codes;
use serde_json::Value;
use std::time::{Duration, Instant};

/// From the packet on the wire to the line in the file.
const WITHIN: Duration = Duration::from_secs(2);

fn bursts(sensor: &Sensor) -> Vec<Value> {
    sensor.alerts().into_iter().filter(|alert| alert["rule"] == "MFA-01").collect()
}

#[test]
fn three_wrong_codes_are_an_alert_within_two_seconds_and_two_are_none() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let mut sensor = place.start("one", &["-i", cable.near, "--shards", "2"]);

    cable.send(&codes("bob", 50_001, 2, true));
    sensor.until("the innocent's transactions", |sensor| (sensor.transactions().len() == 4).then_some(()));

    let sent = Instant::now();
    cable.send(&codes("alice", 50_002, 3, false));
    let alert = sensor.until("the alert", |sensor| bursts(sensor).pop());
    let took = sent.elapsed();
    assert!(took < WITHIN, "{took:?}");
    assert_eq!(alert["principal"]["id"], "alice@example.com", "{alert}");
    assert_eq!((&alert["status"], &alert["count"]), (&Value::from("open"), &Value::from(3)), "{alert}");

    let arrived = sensor.hears(&cable);
    let ended = sensor.end();
    ended.has_read(arrived);
    assert_eq!((ended.transactions.len(), ended.whole()), (8, 8));
    let of_bob = |alert: &&Value| alert["rule"] == "MFA-01" && alert["principal"]["id"] == "bob@example.com";
    assert_eq!(ended.alerts.iter().find(of_bob), None);
}
