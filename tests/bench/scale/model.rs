//! What a deployment needs for so many transactions a second: cores, partitions, bandwidth, memory, money.
//! It is given what one core did here and gives a row for each load.
//! It promises plain arithmetic whose every constant stands here, so that it can be argued with.

use std::fmt::Write as _;

/// What was measured on one machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// Transactions that one core of a sensor captures, parses and sends in a second.
    pub(crate) sensor_per_core: f64,
    /// Transactions that one core of a worker puts in order, attributes and deals in a second.
    pub(crate) attribution_per_core: f64,
    /// Shares of transactions that one core of a worker judges in a second.
    pub(crate) lanes_per_core: f64,
    /// Transactions for which one core of a worker packs, sends and fetches in a second.
    pub(crate) beside_per_core: f64,
    /// Shares that a transaction is dealt as.
    pub(crate) shares: f64,
    /// Bytes of a transaction in the topic of sightings, packed.
    pub(crate) sighting_bytes: f64,
    /// Bytes of a share in the topic of lanes, packed.
    pub(crate) share_bytes: f64,
    /// Bytes of state on disk, packed, for a principal that was seen.
    pub(crate) state_bytes: f64,
}

/// Of a core's time this much is used; the rest is for bursts and for catching up.
const USED: f64 = 0.6;
/// Copies of each record.
const COPIES: f64 = 3.0;
/// A broker takes in so many bytes a second, copies included, with its disks and network half idle.
const BROKER_BYTES: f64 = 200e6;
/// Hours that sightings are kept, so that workers may be away.
const KEPT_HOURS: f64 = 6.0;
/// Principals for each transaction a second: a person who is there calls every ten seconds, and one in ten is there.
const PRINCIPALS_PER_RATE: f64 = 100.0;
/// Prices in dollars: a core for an hour, and a gigabyte of disk for an hour.
const CORE_HOUR: f64 = 0.04;
const GB_HOUR: f64 = 0.000_1;

/// The loads of the table, in transactions a second, each with the share of the largest tenant.
const LOADS: [(f64, f64); 5] = [(1e4, 1.0), (1e5, 1.0), (1e6, 1.0), (1e6, 0.1), (1e7, 0.01)];

/// What one load needs.
struct Needs {
    sensors: f64,
    attribution: f64,
    lanes: f64,
    /// Cores that the one partition of the largest tenant's sightings would need.
    busiest: f64,
    kafka_bytes: f64,
    brokers: f64,
    kept_bytes: f64,
    state_bytes: f64,
    dollars: f64,
}

fn needs(measured: &Measured, load: f64, largest: f64) -> Needs {
    let Measured { sensor_per_core, attribution_per_core, lanes_per_core, shares, .. } = *measured;
    let sensors = load / sensor_per_core / USED;
    let attribution = load / attribution_per_core / USED;
    let lanes = load * (shares / lanes_per_core + 1.0 / measured.beside_per_core) / USED;
    let kafka_bytes = load * (measured.sighting_bytes + shares * measured.share_bytes);
    let brokers = (kafka_bytes * COPIES / BROKER_BYTES).max(3.0).ceil();
    let kept_bytes = kafka_bytes * COPIES * KEPT_HOURS * 3_600.0;
    let state_bytes = load * PRINCIPALS_PER_RATE * measured.state_bytes;
    // A broker is a machine of eight cores.
    let cores = sensors + attribution + lanes + 8.0 * brokers;
    let dollars = cores * CORE_HOUR + (kept_bytes + state_bytes * COPIES) / 1e9 * GB_HOUR;
    let busiest = load * largest / attribution_per_core / USED;
    Needs { sensors, attribution, lanes, busiest, kafka_bytes, brokers, kept_bytes, state_bytes, dollars }
}

/// The table, and where it bends.
pub(crate) fn markdown(measured: &Measured) -> String {
    let mut text = String::from(
        "| transactions/s | largest tenant | sensor cores | attribution cores | cores of lanes and Kafka clients | Kafka, one copy | brokers | kept \
         for 6 h | state | $ an hour for each million/s |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (load, largest) in LOADS {
        let needs = needs(measured, load, largest);
        let bend = if needs.busiest > 1.0 { " (beyond one core: tenants of its parts)" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {:.0} %{bend} | {:.0} | {:.0} | {:.0} | {:.0} MB/s | {:.0} | {:.1} TB | {:.0} GB | {:.0} |",
            grouped(load),
            largest * 100.0,
            needs.sensors.ceil(),
            needs.attribution.ceil(),
            needs.lanes.ceil(),
            needs.kafka_bytes / 1e6,
            needs.brokers,
            needs.kept_bytes / 1e12,
            needs.state_bytes / 1e9,
            needs.dollars / load * 1e6,
        );
    }
    let most = measured.attribution_per_core * USED;
    let _ = writeln!(
        text,
        "\nIt bends at one tenant of more than {} transactions/s: what all its sensors see is put in one order, by one \
         core. Sensors, lanes, brokers and tenants grow side by side; this does not.",
        grouped((most / 1e3).floor() * 1e3)
    );
    text
}

/// `1,000,000`.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
