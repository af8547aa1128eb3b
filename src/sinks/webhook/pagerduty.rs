//! An alert as an event of PagerDuty's Events API v2: an episode is one incident.
//! It is given an alert and the integration key; the episode's id is the key that its states share.
//! It promises that the end of an episode resolves the incident, and that all else triggers it anew.

use super::cut;
use crate::sinks::form::json::Json;
use crate::sinks::form::native::{Alert, Raw};
use heelguard_detectors::alert::{Severity, Status};

/// Characters of a summary.
const SUMMARY_MAX: usize = 1024;

/// Writes the event; `native` is the record that stands behind it.
pub(super) fn event(alert: &Alert<'_>, native: Raw<'_>, routing_key: &str, json: &mut Json<'_>) {
    json.put("routing_key", routing_key);
    json.put("dedup_key", &alert.id);
    if alert.status == Status::Closed {
        json.put("event_action", "resolve");
        return;
    }
    json.put("event_action", "trigger");
    json.put("client", crate::sinks::form::PRODUCT);
    json.object("payload", |payload| {
        let summary = format!("{} {}: {}", &*alert.rule, &*alert.title, &*alert.message);
        payload.put("summary", cut(&summary, SUMMARY_MAX));
        payload.put("source", &alert.sensor);
        payload.put(
            "severity",
            match alert.severity {
                Severity::Critical => "critical",
                Severity::High => "error",
                Severity::Medium => "warning",
                Severity::Low | Severity::Info => "info",
            },
        );
        payload.put("timestamp", &alert.time);
        payload.some("component", alert.endpoint.as_ref().map(|endpoint| &endpoint.host));
        payload.put("group", &alert.tenant);
        payload.put("class", &alert.rule);
        payload.put("custom_details", native);
    });
}
