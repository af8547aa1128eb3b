//! The counters in Prometheus' text form (exposition format 0.0.4).
//! It is given every counter, the sinks' statuses, a live sensor's rows and the process, and gives a page.
//! It promises closed label sets: no label holds a word of traffic, so the number of series is fixed.

use super::live::Readings;
use super::process::Process;
use crate::metrics::{Counters, DropReason, InterfaceRow, LatencyRow, LiveRows, QueueRow};
use crate::sinks::status::{State, Status};
use heelguard_detectors::anomaly::Anomaly;
use std::fmt::{Display, Write as _};

#[cfg(test)]
mod tests;

/// What goes up and down; all other counters only go up.
const GAUGES: &[(&str, &str)] = &[
    ("live", "waiting"),
    ("flows", "open"),
    ("bytes", "buffered"),
    ("routes", "hosts"),
    ("routes", "routes"),
    ("scale", "waiting"),
    ("scale", "partitions"),
];

/// Everything that is on the page.
pub(super) struct Exhibit<'a> {
    pub(super) counters: &'a Counters,
    pub(super) sinks: &'a [Status],
    pub(super) live: &'a LiveRows,
    /// What the process took from itself, and whether that holds.
    pub(super) locks: &'a [(&'static str, bool)],
    /// What came of reading the configuration anew.
    pub(super) readings: &'a Readings,
    /// Nothing where the system does not say.
    pub(super) process: Option<Process>,
}

/// The page.
pub(super) fn exposition(exhibit: &Exhibit<'_>) -> String {
    let mut page = Page::default();
    page.family("heelguard_build_info", "gauge", "The version that runs; always 1.");
    page.series(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    counters(&mut page, exhibit.counters);
    sinks(&mut page, exhibit.sinks);
    interfaces(&mut page, &exhibit.live.interfaces);
    queues(&mut page, &exhibit.live.queues);
    troubles(&mut page, &exhibit.live.troubles);
    latencies(&mut page, &exhibit.live.latencies);
    locks(&mut page, exhibit.locks);
    readings(&mut page, exhibit.readings);
    if let Some(process) = &exhibit.process {
        self::process(&mut page, process);
    }
    page.text
}

fn counters(page: &mut Page, counters: &Counters) {
    let Counters {
        capture,
        live,
        packets,
        segments,
        bytes,
        flows,
        sight,
        tls,
        quic,
        decrypt,
        secrets,
        http,
        evicted,
        tokens,
        routes,
        contents,
        scale,
        faults,
        ..
    } = counters;
    let groups = [
        ("capture", capture.described()),
        ("live", live.described()),
        ("packets", packets.described()),
        ("segments", segments.described()),
        ("bytes", bytes.described()),
        ("flows", flows.described()),
        ("sight", sight.described()),
        ("tls", tls.described()),
        ("quic", quic.described()),
        ("decrypt", decrypt.described()),
        ("secrets", secrets.described()),
        ("http", http.described()),
        ("evicted", evicted.described()),
        ("tokens", tokens.described()),
        ("routes", routes.described()),
        ("contents", contents.described()),
        ("scale", scale.described()),
        ("faults", faults.described()),
    ];
    for (group, rows) in groups {
        for (name, meaning, value) in rows {
            if GAUGES.contains(&(group, name)) {
                page.family(&format!("heelguard_{group}_{name}"), "gauge", meaning);
            } else {
                page.family(&format!("heelguard_{group}_{name}_total"), "counter", meaning);
            }
            page.series(&[], value);
        }
    }
    // All of a closed list from the start: what grows from nothing is seen to grow.
    let dropped = DropReason::ALL.iter().map(|&reason| (reason.name(), counters.dropped.get(reason)));
    let odd = Anomaly::ALL.iter().map(|&class| (class.name(), counters.anomalies.get(class)));
    let labelled = [
        ("heelguard_packets_dropped_total", "reason", "Packets not processed, by reason.", dropped.collect()),
        (
            "heelguard_transactions_total",
            "completeness",
            "Transactions, by how much of them was seen.",
            counters.transactions.rows(),
        ),
        (
            "heelguard_alerts_total",
            "status",
            "Findings of the rules, and what became of them: findings = open + update + suppressed.",
            counters.alerts.rows(),
        ),
        ("heelguard_anomaly_total", "class", "What was odd in traffic, by class.", odd.collect()),
        (
            "heelguard_mfa_outcomes_total",
            "row",
            "Second-factor steps, by the row of the table that decided them.",
            counters.mfa_outcomes.rows(),
        ),
    ];
    for (name, label, meaning, rows) in labelled {
        let rows: Vec<(&'static str, u64)> = rows;
        page.family(name, "counter", meaning);
        for (row, value) in rows {
            page.series(&[(label, row)], value);
        }
    }
}

fn sinks(page: &mut Page, sinks: &[Status]) {
    type Rows = Vec<(Option<(&'static str, &'static str)>, f64)>;
    let mut family = |name: &str, kind: &str, meaning: &str, rows: &dyn Fn(&Status) -> Rows| {
        page.family(name, kind, meaning);
        for status in sinks {
            for (more, value) in rows(status) {
                let mut labels = vec![("sink", status.sink.as_str()), ("lane", status.lane)];
                labels.extend(more);
                page.series(&labels, value);
            }
        }
    };
    let one = |value: f64| vec![(None, value)];
    family("heelguard_sink_up", "gauge", "Whether the last attempt to deliver went well.", &|status| {
        one(f64::from(u8::from(status.state == State::Up)))
    });
    family(
        "heelguard_sink_records_total",
        "counter",
        "Records given to a sink, and what became of them.",
        &|status| {
            let counters = &status.counters;
            let outcomes =
                [("queued", counters.queued), ("delivered", counters.delivered), ("lost", counters.lost)];
            outcomes.map(|(outcome, count)| (Some(("outcome", outcome)), count as f64)).to_vec()
        },
    );
    family(
        "heelguard_sink_refused_records_total",
        "counter",
        "Records the far side will never take; part of the lost ones.",
        &|status| one(status.refused as f64),
    );
    family(
        "heelguard_sink_corrupt_records_total",
        "counter",
        "Records that were damaged in the spool; part of the lost ones.",
        &|status| one(status.corrupt as f64),
    );
    family("heelguard_sink_spooled_records", "gauge", "Records that wait for a sink.", &|status| {
        one(status.waiting as f64)
    });
    family(
        "heelguard_sink_oldest_unsent_seconds",
        "gauge",
        "How long the oldest of the waiting records has waited.",
        &|status| one(status.oldest_s),
    );
    family("heelguard_sink_retries_total", "counter", "Attempts to deliver that failed.", &|status| {
        one(status.retries as f64)
    });
    family(
        "heelguard_sink_delivery_seconds",
        "summary",
        "From raising a record to the far side's word for it.",
        &|status| {
            let quantile = |share| Some(("quantile", share));
            vec![(quantile("0.5"), status.lag_p50_s), (quantile("0.99"), status.lag_p99_s)]
        },
    );
}

fn interfaces(page: &mut Page, interfaces: &[InterfaceRow]) {
    let mut family = |name: &str, kind: &str, meaning: &str, value: fn(&InterfaceRow) -> u64| {
        page.family(name, kind, meaning);
        for row in interfaces {
            page.series(&[("interface", &row.name)], value(row));
        }
    };
    family("heelguard_up", "gauge", "Whether packets can come from an interface.", |row| row.up.into());
    family(
        "heelguard_interface_received_packets_total",
        "counter",
        "Packets that came to the kernel, dropped ones too.",
        |row| row.received,
    );
    family(
        "heelguard_interface_dropped_packets_total",
        "counter",
        "Packets the kernel dropped because a ring was full.",
        |row| row.dropped,
    );
    family(
        "heelguard_interface_freezes_total",
        "counter",
        "Times the kernel had to wait for the sensor to free a block of a ring.",
        |row| row.freezes,
    );
}

fn queues(page: &mut Page, queues: &[QueueRow]) {
    page.family(
        "heelguard_queue_filled",
        "gauge",
        "What waits in a queue between threads; at a worker, records that wait in a topic.",
    );
    for row in queues {
        page.series(&[("queue", row.name)], row.filled);
    }
    page.family(
        "heelguard_queue_room",
        "gauge",
        "What may wait in a queue between threads; 0 where nothing bounds it but the watermarks.",
    );
    for row in queues {
        page.series(&[("queue", row.name)], row.room);
    }
}

fn troubles(page: &mut Page, troubles: &[(&'static str, bool)]) {
    page.family("heelguard_mirror_trouble", "gauge", "Whether something is wrong with the mirror now.");
    for &(name, is_on) in troubles {
        page.series(&[("trouble", name)], u8::from(is_on));
    }
}

fn latencies(page: &mut Page, latencies: &[LatencyRow]) {
    page.family(
        "heelguard_stage_latency_seconds",
        "summary",
        "How long a stage took; quantiles of the last minute, 1 is the slowest.",
    );
    for row in latencies {
        let quantiles = [("0.5", row.p50_s), ("0.99", row.p99_s), ("0.999", row.p999_s), ("1", row.max_s)];
        for (quantile, seconds) in quantiles {
            page.series(&[("stage", row.stage), ("quantile", quantile)], seconds);
        }
        page.part("_sum", &[("stage", row.stage)], row.sum_s);
        page.part("_count", &[("stage", row.stage)], row.count);
    }
}

fn locks(page: &mut Page, locks: &[(&'static str, bool)]) {
    page.family("heelguard_hardening", "gauge", "Whether what the process took from itself is gone.");
    for &(name, holds) in locks {
        page.series(&[("lock", name)], u8::from(holds));
    }
}

fn readings(page: &mut Page, readings: &Readings) {
    let (done, failed, is_well) = readings.told();
    page.family(
        "heelguard_config_reloads_total",
        "counter",
        "Times the configuration was read anew and taken.",
    );
    page.series(&[], done);
    page.family(
        "heelguard_config_reload_failed_total",
        "counter",
        "Times the configuration was read anew and could not be used; the one before stays in force.",
    );
    page.series(&[], failed);
    page.family(
        "heelguard_config_last_reload_ok",
        "gauge",
        "Whether the configuration that was read last is in force.",
    );
    page.series(&[], u8::from(is_well));
}

/// The names are those that every exporter uses.
fn process(page: &mut Page, process: &Process) {
    let mut single = |name: &str, kind: &str, meaning: &str, value: f64| {
        page.family(name, kind, meaning);
        page.series(&[], value);
    };
    single("process_cpu_seconds_total", "counter", "User and system time, in seconds.", process.cpu_s);
    single("process_resident_memory_bytes", "gauge", "Resident memory.", process.resident_bytes as f64);
    single("process_virtual_memory_bytes", "gauge", "Virtual memory.", process.virtual_bytes as f64);
    single("process_threads", "gauge", "Threads.", process.threads as f64);
    single("process_open_fds", "gauge", "Open files and sockets.", process.open_files as f64);
    single("process_max_fds", "gauge", "Open files and sockets at most.", process.open_files_max as f64);
    single("process_start_time_seconds", "gauge", "When it began, in seconds since 1970.", process.start_s);
}

#[derive(Default)]
struct Page {
    text: String,
    family: String,
}

impl Page {
    /// Begins a family; what follows belongs to it.
    fn family(&mut self, name: &str, kind: &str, meaning: &str) {
        name.clone_into(&mut self.family);
        let meaning = meaning.trim();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "# HELP {name} {meaning}\n# TYPE {name} {kind}\n");
    }

    fn series(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.part("", labels, value);
    }

    /// A series whose name is the family's and a suffix.
    fn part(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.text, "{}{suffix}", self.family);
        for (place, (name, text)) in labels.iter().enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{before}{name}=\"{}\"", escaped(text));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{after} {value}");
    }
}

/// A label's value: operators name sinks and interfaces as they like.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
