//! A broker that is killed, stopped and started again while batches are under way.

use super::reading::ids;
use super::{Kind, Lane, batch, config, destination};
use crate::services::Service;
use std::time::{Duration, Instant};

const BATCHES: u64 = 200;
const RECORDS: u64 = 100;

#[test]
fn nothing_is_missing_after_a_broker_was_killed_and_paused() {
    let Some(server) = Service::kafka() else { return };
    let config = config(&server, "PLAINTEXT", "outage", "manage_topics = true");
    let mut kafka = destination(&config, Lane::Alerts);
    kafka.prepare().unwrap();
    let deadline = Instant::now() + Duration::from_mins(2);
    std::thread::scope(|scope| {
        let outages = scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            server.kill();
            server.start();
            std::thread::sleep(Duration::from_millis(300));
            server.pause();
            std::thread::sleep(Duration::from_secs(2));
            server.resume();
        });
        let mut number = 0;
        while number < BATCHES || !outages.is_finished() {
            let batch = batch(Kind::Alert, number * RECORDS, (number + 1) * RECORDS);
            while let Err(trouble) = kafka.deliver(&batch) {
                assert!(Instant::now() < deadline, "{}", trouble.message);
                std::thread::sleep(Duration::from_millis(100));
            }
            number += 1;
            std::thread::sleep(Duration::from_millis(5));
        }
        outages.join().unwrap();
        let (records, distinct) = ids(&server, "outage.alerts");
        assert_eq!(distinct.len() as u64, number * RECORDS);
        eprintln!("{number} batches, {} records twice", records - distinct.len());
    });
}
