//! Interfaces go away and come back: what was sent while they were there is seen, and each change is told once.

use crate::network::{Cable, Network};
use crate::page;
use crate::sensor::{Place, Sensor};
use crate::traffic::exchanges;
use std::time::{Duration, Instant};

/// After an interface is back it is heard within this time.
const BACK_WITHIN: Duration = Duration::from_secs(5);

fn is(sensor: &mut Sensor, status: &str) {
    sensor.until(status, |sensor| (page::readiness(sensor.address)["status"] == status).then_some(()));
}

/// Waits until the sensor says that the interface is back, for the time in which it must.
fn comes_back(sensor: &mut Sensor, name: &str, times: usize) {
    let began = Instant::now();
    sensor.says(&format!("{name} is back after"), times);
    assert!(began.elapsed() < BACK_WITHIN, "{:?}", began.elapsed());
    is(sensor, "ready");
}

fn down_and_up(shards: &'static str, times: u16) {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let mut sensor = place.start("one", &["-i", cable.near, "--shards", shards]);
    is(&mut sensor, "ready");
    for round in 0..times {
        cable.send(&exchanges(round * 50..(round + 1) * 50));
        sensor.hears(&cable);
        cable.down();
        sensor.says("mirror is down or gone", usize::from(round) + 1);
        is(&mut sensor, "degraded");
        cable.up();
        comes_back(&mut sensor, "mirror", usize::from(round) + 1);
    }
    cable.send(&exchanges(times * 50..(times + 1) * 50));
    let arrived = sensor.hears(&cable);
    let ended = sensor.end();
    ended.has_read(arrived);
    assert_eq!(ended.whole(), u64::from(times + 1) * 50, "{}", ended.said);
    let changes = ["interface_losses", "interface_returns"].map(|name| ended.live(name));
    assert_eq!(changes, [u64::from(times); 2]);
    let told =
        ["mirror is down or gone", "mirror is back after"].map(|words| ended.said.matches(words).count());
    assert_eq!(told, [usize::from(times); 2], "{}", ended.said);
}

#[test]
fn an_interface_goes_down_and_comes_up() {
    down_and_up("1", 2);
}

#[test]
fn an_interface_with_three_rings_goes_down_and_comes_up() {
    down_and_up("3", 1);
}

#[test]
fn an_interface_is_deleted_and_made_again_while_another_goes_on() {
    let Some(network) = Network::new() else { return };
    let (first, other) = (network.cable("mirror"), network.cable("other"));
    let place = Place::new();
    let mut sensor = place.start("one", &["-i", first.near, "-i", other.near, "--shards", "2"]);
    first.send(&exchanges(0..50));
    let mut arrived = sensor.hears(&first);
    first.delete();
    sensor.says("mirror is down or gone", 1);
    is(&mut sensor, "degraded");
    other.send(&exchanges(100..150));
    let others = sensor.hears(&other);
    sensor.until("what came over the other", |sensor| (sensor.transactions().len() == 100).then_some(()));

    let again: Cable = network.cable("mirror");
    comes_back(&mut sensor, "mirror", 1);
    again.send(&exchanges(200..250));
    sensor.receives(again.near, arrived + again.arrived());
    arrived += again.arrived();

    let ended = sensor.end();
    ended.has_read(arrived + others);
    assert_eq!(ended.whole(), 150, "{}", ended.said);
    assert_eq!((ended.live("interface_losses"), ended.live("interface_returns")), (1, 1));
    let told = ["is down or gone", "is back after"].map(|words| ended.said.matches(words).count());
    assert_eq!(told, [1, 1], "{}", ended.said);
}

#[test]
fn an_interface_that_is_down_at_the_start_is_waited_for() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    cable.down();
    let place = Place::new();
    let mut sensor = place.start("one", &["-i", cable.near, "--shards", "2"]);
    assert_eq!(
        sensor.said_times("mirror is down: nothing is seen there until it is up"),
        1,
        "{}",
        sensor.said()
    );
    is(&mut sensor, "degraded");
    cable.up();
    comes_back(&mut sensor, "mirror", 1);
    cable.send(&exchanges(0..20));
    let arrived = sensor.hears(&cable);
    let ended = sensor.end();
    ended.has_read(arrived);
    assert_eq!(ended.whole(), 20);
}
