//! A sensor that gets no time, and one that gets no files: it says so, counts, and goes on.

use crate::figures::sized;
use crate::manager::Manager;
use crate::network::Network;
use crate::sensor::Place;
use crate::traffic::exchanges;
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn a_sensor_that_was_stopped_counts_every_packet_and_takes_its_own_silence_for_none() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let path = place.path("notify");
    let manager = Manager::at(&path);
    let mut command = place.command("one", &["-i", cable.near, "--shards", "2"]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "1500000");
    let mut sensor = place.start_command("one", command);
    cable.send(&exchanges(0..20));
    sensor.until("what comes before", |sensor| (sensor.transactions().len() == 20).then_some(()));

    sensor.signal(Signal::STOP);
    std::thread::sleep(Duration::from_millis(200));
    let alive = manager.times("WATCHDOG=1");
    cable.send(&exchanges(20..120));
    std::thread::sleep(Duration::from_secs(sized(5, 30)));
    assert_eq!(manager.times("WATCHDOG=1"), alive, "it was stopped");
    sensor.signal(Signal::CONT);
    cable.send(&exchanges(120..140));
    sensor.until("signs of life", |_| (manager.times("WATCHDOG=1") >= alive + 3).then_some(()));
    sensor.until("what came meanwhile", |sensor| (sensor.transactions().len() == 140).then_some(()));

    let arrived = sensor.hears(&cable);
    let ended = sensor.end();
    ended.has_read(arrived);
    // That alerts were late is true, and told; that something was silent would not be.
    let is_of_silence = |alert: &&serde_json::Value| {
        let is_late = alert["subject"]["value"].as_str().is_some_and(|who| who.ends_with("(alert delay)"));
        alert["detector"] == "unusual_silence" || (alert["detector"] == "sensor_self_check" && !is_late)
    };
    assert_eq!(ended.alerts.iter().find(is_of_silence), None, "nothing was silent but the sensor itself");
}

/// Connections that say nothing: they take up what files are left.
fn hold(sensor: &crate::sensor::Sensor) -> Vec<TcpStream> {
    (0..40).filter_map(|_| TcpStream::connect(sensor.address).ok()).collect()
}

#[test]
fn a_sensor_without_a_file_to_open_refuses_its_page_in_one_line_and_goes_on_with_the_rest() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let sink = format!("sinks.file.alerts={}", place.path("sink.jsonl").display());
    let more = ["-i", cable.near, "--shards", "2", "--set", "sinks.file.type=jsonl", "--set", &sink];
    let mut sensor = place.start("one", &more);
    cable.send(&exchanges(0..20));
    sensor.until("what comes before", |sensor| (sensor.transactions().len() == 20).then_some(()));

    let pid = Pid::from_raw(sensor.id().cast_signed());
    let files = |count: u64| {
        let limit = Rlimit { current: Some(count), maximum: Some(1_024) };
        prlimit(pid, Resource::Nofile, limit).unwrap();
    };
    let open = std::fs::read_dir(format!("/proc/{}/fd", sensor.id())).unwrap().count() as u64;
    files(open + 4);
    let held = hold(&sensor);
    sensor.says("the page takes no connections for now", 1);
    cable.send(&exchanges(20..60));
    cable.send(&crate::traffic::codes("alice", 50_001, 3, false));
    sensor.until("what comes meanwhile", |sensor| (sensor.transactions().len() == 64).then_some(()));
    sensor.until("the sink's alert", |_| {
        let told = std::fs::read_to_string(place.path("sink.jsonl")).unwrap_or_default();
        told.contains("mfa_failure_burst").then_some(())
    });
    assert_eq!(sensor.said_times("the page takes no connections for now"), 1, "{}", sensor.said());

    drop(held);
    files(1_024);
    let arrived = sensor.hears(&cable);
    let ended = sensor.end();
    ended.has_read(arrived);
}
