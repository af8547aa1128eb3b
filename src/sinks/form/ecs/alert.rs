//! One state of an episode as an alert of the Elastic Common Schema.
//! It is given an alert; `rule.id` and `event.code` are the rule, `event.id` is one for each state.
//! It promises the numbers that Elastic Security gives to the same words of severity.

use super::{MODULE, origin, place, related_user, user};
use crate::sinks::form::attack::technique;
use crate::sinks::form::family::family;
use crate::sinks::form::json::Json;
use crate::sinks::form::native::{Alert, host_and_port};
use heelguard_detectors::alert::Severity;

/// Writes the alert.
pub(in crate::sinks::form) fn alert(alert: &Alert<'_>, json: &mut Json<'_>) {
    json.put("@timestamp", &alert.time);
    json.put("message", &alert.message);
    origin(json, &alert.tenant, &alert.sensor);
    json.object("event", |json| event(alert, json));
    json.object("rule", |rule| {
        rule.put("id", &alert.rule);
        rule.put("name", &alert.title);
        rule.some("category", family(&alert.rule).map(|family| family.name));
        rule.put("ruleset", MODULE);
    });
    json.object("threat", |json| threat(alert, json));
    json.object("source", |source| {
        let Some(client) = &alert.client else { return };
        place(client, source);
    });
    json.object("user", |json| {
        let Some(principal) = &alert.principal else { return };
        user(principal, json);
    });
    let host = alert.endpoint.as_ref().map(|endpoint| host_and_port(&endpoint.host));
    if let Some(endpoint) = &alert.endpoint {
        let (domain, port) = host_and_port(&endpoint.host);
        json.object("http", |http| {
            http.object("request", |request| request.put("method", &endpoint.method));
        });
        json.object("url", |url| {
            url.put("domain", domain);
            url.some("port", port);
            url.put("path", &endpoint.route);
        });
    }
    json.object("related", |related| {
        related.each("ip", alert.client.as_ref().map(|client| client.ip));
        related.each("user", related_user(alert.principal.as_ref()));
        related.each("hosts", host.map(|(name, _)| name));
    });
    json.object(MODULE, |own| rest(alert, own));
}

fn event(alert: &Alert<'_>, event: &mut Json<'_>) {
    event.put("kind", "alert");
    event.each("category", family(&alert.rule).map_or(&["intrusion_detection"][..], |family| family.ecs));
    event.each("type", ["info"]);
    event.put("id", format_args!("{}:{}", &*alert.id, alert.rev));
    event.put("sequence", alert.rev);
    event.put("code", &alert.rule);
    event.put("action", &alert.detector);
    event.put("reason", &alert.message);
    let severity = match alert.severity {
        Severity::Info => 1,
        Severity::Low => 21,
        Severity::Medium => 47,
        Severity::High => 73,
        Severity::Critical => 99,
    };
    event.put("severity", severity);
    event.put("start", &alert.first_seen);
    event.put("end", &alert.last_seen);
    event.put("module", MODULE);
    event.put("dataset", "heelguard.alert");
}

/// Techniques and tactics, each once, in the rule's order. Ids and names are lists of their own in this schema.
fn threat(alert: &Alert<'_>, threat: &mut Json<'_>) {
    if alert.mitre.is_empty() {
        return;
    }
    let techniques: Vec<_> = alert.mitre.iter().map(|id| technique(id)).collect();
    let known = unique(techniques.iter().map(|known| (known.id, known.name)));
    let subs = unique(techniques.iter().filter_map(|known| known.sub));
    let tactics = unique(techniques.iter().filter_map(|known| known.tactic));
    threat.put("framework", "MITRE ATT&CK");
    threat.object("tactic", |json| {
        json.each("id", tactics.iter().map(|(id, _)| id));
        json.each("name", tactics.iter().map(|(_, name)| name));
    });
    threat.object("technique", |json| {
        json.each("id", known.iter().map(|(id, _)| id));
        json.each("name", known.iter().filter_map(|(_, name)| *name));
        json.object("subtechnique", |json| {
            json.each("id", subs.iter().map(|(id, _)| id));
            json.each("name", subs.iter().filter_map(|(_, name)| *name));
        });
    });
}

/// What differs, in the order of first sight.
fn unique<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for value in values {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    seen
}

/// What the schema has no field for, by its native names.
fn rest(alert: &Alert<'_>, own: &mut Json<'_>) {
    own.object("alert", |json| {
        json.put("schema", &alert.schema);
        json.put("id", &alert.id);
        json.put("status", alert.status.name());
        json.put("severity", alert.severity.name());
        json.put("confidence", alert.confidence.name());
        json.put("count", alert.count);
        json.put("threshold", alert.threshold);
        json.some("window_s", alert.window_s);
        json.put("subject", &alert.subject);
        json.some("principal_kind", alert.principal.as_ref().map(|principal| &principal.kind));
        json.some("principal_source", alert.principal.as_ref().map(|principal| &principal.source));
        json.some("device", alert.client.as_ref().and_then(|client| client.device.as_ref()));
        json.some("credential", alert.credential.as_ref());
        json.each("evidence", &alert.evidence);
        json.put("facts", alert.facts);
        json.put("response", &alert.response);
        json.each("owasp", &alert.owasp);
        json.put("visibility", alert.visibility);
    });
}
