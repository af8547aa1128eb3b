//! Which alerts are wanted, and in what order.
//! It is given what stands behind the question mark; what it does not know it leaves out of account.
//! It promises the same list for the page and for what is taken away from it.

use super::Sight;
use super::about::is_about;
use super::parts::finds;
use crate::web::ask::Pairs;
use heelguard_detectors::alert::{Alert, Severity, Status};
use std::cmp::Reverse;
use std::sync::Arc;

/// Where an alert is in its life, and in its readers' eyes.
pub(super) const STATES: [(&str, &str); 4] = [
    ("new", "nobody has looked"),
    ("open", "going on"),
    ("closed", "over"),
    ("acknowledged", "acknowledged"),
];

/// Orders of the list; the first one holds where none is asked for.
pub(super) const ORDERS: [(&str, &str); 5] = [
    ("urgent", "most urgent"),
    ("newest", "newest"),
    ("severity", "severity"),
    ("count", "events"),
    ("oldest", "oldest"),
];

/// The alerts that were asked for, in the order that was asked for.
pub(in crate::web) fn alerts(sight: &Sight<'_>) -> Vec<Arc<Alert>> {
    let asked = sight.asked;
    let severity = Severity::parse(asked.get("severity"));
    let mut alerts = sight.ledger.alerts();
    alerts.retain(|alert| {
        severity.is_none_or(|wanted| alert.severity == wanted)
            && (asked.get("rule").is_empty() || alert.rule == asked.get("rule"))
            && (asked.get("about").is_empty() || is_about(alert, asked.get("about")))
            && is_in_state(sight, alert)
            && matches(asked, alert)
    });
    match asked.get("sort") {
        "severity" => alerts.sort_by_key(|a| (Reverse(a.severity), Reverse(a.time), a.id)),
        "count" => alerts.sort_by_key(|a| (Reverse(a.count), Reverse(a.time), a.id)),
        "oldest" => alerts.sort_by_key(|a| (a.first_seen, a.id)),
        "newest" => alerts.sort_by_key(|a| (Reverse(a.last_seen), a.id)),
        _ => by_urgency(sight, &mut alerts),
    }
    alerts
}

/// What nobody has looked at first, then the worst, then the newest.
pub(super) fn by_urgency(sight: &Sight<'_>, alerts: &mut [Arc<Alert>]) {
    alerts.sort_by_cached_key(|a| (sight.notes.cover(a), Reverse(a.severity), Reverse(a.last_seen), a.id));
}

fn is_in_state(sight: &Sight<'_>, alert: &Alert) -> bool {
    let is_seen_to = || sight.notes.cover(alert);
    match sight.asked.get("state") {
        "open" => alert.status != Status::Closed,
        "closed" => alert.status == Status::Closed,
        "new" => !is_seen_to(),
        "acknowledged" => is_seen_to(),
        _ => true,
    }
}

/// Free text: principal, host, address, rule, and the words of the story.
fn matches(asked: &Pairs, alert: &Alert) -> bool {
    let words = asked.get("q");
    if words.is_empty() {
        return true;
    }
    let address = alert.client.as_ref().map(|client| client.ip.to_string()).unwrap_or_default();
    let fingerprint = alert.credential.as_ref().map(|c| c.fingerprint.to_string()).unwrap_or_default();
    let principal = alert.principal.as_ref().map_or("", |principal| &principal.id);
    let (host, route) = alert.endpoint.as_ref().map_or(("", ""), |e| (&*e.host, &*e.route));
    let texts = [
        alert.message.as_str(),
        &alert.subject.value,
        principal,
        &address,
        &fingerprint,
        host,
        route,
        alert.rule,
        alert.detector,
        alert.title,
    ];
    finds(words, &texts)
}
