//! The counters in Prometheus' text form (exposition format 0.0.4).
//! It is given every counter and the sinks' statuses and gives a page.
//! It promises closed label sets: no label holds a word of traffic, so the number of series is fixed.

use crate::metrics::Counters;
use crate::sinks::status::{State, Status};
use std::fmt::{Display, Write as _};

/// What goes up and down; all other counters only go up.
const GAUGES: &[(&str, &str)] =
    &[("flows", "open"), ("bytes", "buffered"), ("routes", "hosts"), ("routes", "routes")];

/// The page.
pub(super) fn exposition(counters: &Counters, sinks: &[Status]) -> String {
    let mut page = Page::default();
    let Counters { capture, packets, segments, bytes, flows, http, evicted, tokens, routes, .. } = counters;
    let groups = [
        ("capture", capture.rows()),
        ("packets", packets.rows()),
        ("segments", segments.rows()),
        ("bytes", bytes.rows()),
        ("flows", flows.rows()),
        ("http", http.rows()),
        ("evicted", evicted.rows()),
        ("tokens", tokens.rows()),
        ("routes", routes.rows()),
    ];
    for (group, rows) in groups {
        for (name, value) in rows {
            if GAUGES.contains(&(group, name)) {
                page.head(&format!("heelguard_{group}_{name}"), "gauge");
            } else {
                page.head(&format!("heelguard_{group}_{name}_total"), "counter");
            }
            page.value("", value);
        }
    }
    let labelled = [
        ("heelguard_packets_dropped_total", "reason", counters.dropped.rows()),
        ("heelguard_transactions_total", "completeness", counters.transactions.rows()),
        ("heelguard_alerts_total", "status", counters.alerts.rows()),
        ("heelguard_anomaly_total", "class", counters.anomalies.rows()),
        ("heelguard_mfa_outcomes_total", "row", counters.mfa_outcomes.rows()),
    ];
    for (name, label, rows) in labelled {
        page.head(name, "counter");
        for (row, value) in rows {
            page.value(&format!("{{{label}=\"{row}\"}}"), value);
        }
    }
    sinks_of(&mut page, sinks);
    page.text
}

fn sinks_of(page: &mut Page, sinks: &[Status]) {
    let mut family = |name: &str, kind: &str, value: &dyn Fn(&Status) -> Vec<(&'static str, f64)>| {
        page.head(name, kind);
        for status in sinks {
            for (more, value) in value(status) {
                page.value(&format!("{{sink=\"{}\",lane=\"{}\"{more}}}", status.sink, status.lane), value);
            }
        }
    };
    let one = |value: f64| vec![("", value)];
    family("heelguard_sink_up", "gauge", &|status| one(f64::from(u8::from(status.state == State::Up))));
    family("heelguard_sink_records_total", "counter", &|status| {
        let counters = &status.counters;
        vec![
            (",outcome=\"queued\"", counters.queued as f64),
            (",outcome=\"delivered\"", counters.delivered as f64),
            (",outcome=\"lost\"", counters.lost as f64),
        ]
    });
    family("heelguard_sink_refused_records_total", "counter", &|status| one(status.refused as f64));
    family("heelguard_sink_corrupt_records_total", "counter", &|status| one(status.corrupt as f64));
    family("heelguard_sink_spooled_records", "gauge", &|status| one(status.waiting as f64));
    family("heelguard_sink_oldest_unsent_seconds", "gauge", &|status| one(status.oldest_s));
    family("heelguard_sink_retries_total", "counter", &|status| one(status.retries as f64));
    family("heelguard_sink_delivery_seconds", "summary", &|status| {
        vec![(",quantile=\"0.5\"", status.lag_p50_s), (",quantile=\"0.99\"", status.lag_p99_s)]
    });
}

#[derive(Default)]
struct Page {
    text: String,
    family: String,
}

impl Page {
    fn head(&mut self, name: &str, kind: &str) {
        name.clone_into(&mut self.family);
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
    }

    fn value(&mut self, labels: &str, value: impl Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{}{labels} {value}", self.family);
    }
}
