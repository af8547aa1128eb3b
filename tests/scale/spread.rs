//! Attacks of which each sensor sees less than the threshold.
//! They are given a capture and its parts, by sensor.
//! They promise that the cluster tells of what no sensor alone could.

use crate::alerts::rules;
use crate::cluster::{Cluster, alone};
use crate::process::Process;
use crate::services::Service;
use crate::split::parts;
use crate::stories::{SENSORS, distributed, hears};

/// Wrong codes for one account, wrong codes over many, wrong passwords for one.
const SPREAD: [&str; 3] = ["MFA-01", "MFA-02", "ABU-02"];

#[test]
fn attacks_spread_over_three_sensors_are_told_and_none_of_them_could_tell() {
    let Some(kafka) = Service::shared_kafka() else { return };
    let capture = distributed();
    let expected = alone(&capture);
    for rule in SPREAD {
        assert!(rules(&expected).contains(&rule), "{rule} is in the whole: {expected:#?}");
    }
    let parts = parts(&capture, usize::from(SENSORS), hears);
    for (number, part) in parts.iter().enumerate() {
        let told = alone(part);
        let known: Vec<&str> = rules(&told).into_iter().filter(|rule| SPREAD.contains(rule)).collect();
        assert!(known.is_empty(), "sensor {number} alone tells {known:?}");
    }
    let names = ["s1", "s2", "s3"];
    let mut cluster = Cluster::new(kafka, "spread", &names, &[]);
    cluster.start_workers(3);
    let sensors: Vec<Process> =
        names.iter().zip(&parts).map(|(name, part)| cluster.sensor(name, part, &[])).collect();
    sensors.into_iter().for_each(Process::succeeds);
    cluster.tells(&expected, &[]);
}
