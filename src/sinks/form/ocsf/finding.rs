//! Detection Finding (2004): one state of an episode.
//! It is given an alert; the first piece of evidence says who and where, the others are its transactions.
//! It promises that an episode which ended is not called resolved: nobody has looked at it yet.

use super::{Class, OTHER, Observable, classify, client_endpoint, observable, origin, user};
use crate::sinks::form::attack::technique;
use crate::sinks::form::family::family;
use crate::sinks::form::json::Json;
use crate::sinks::form::native::{Alert, Endpoint, Evidence, host_and_port};
use heelguard_detectors::alert::{Confidence, Severity, Status};
use heelguard_detectors::identity::PrincipalKind;

const FINDING: Class = Class { uid: 2004, name: "Detection Finding", category_uid: 2, category: "Findings" };

/// Writes the alert.
pub(in crate::sinks::form) fn finding(alert: &Alert<'_>, json: &mut Json<'_>) {
    let (activity, activity_name) = match alert.status {
        Status::Open => (1, "Create"),
        Status::Update => (2, "Update"),
        Status::Closed => (3, "Close"),
    };
    classify(json, &FINDING, activity, activity_name);
    states(alert, json);
    json.put("time", alert.time.millis());
    json.put("start_time", alert.first_seen.millis());
    json.put("end_time", alert.last_seen.millis());
    json.put("count", alert.count);
    json.put("message", &alert.message);
    json.put("is_alert", alert.status != Status::Closed);
    json.object("metadata", |metadata| {
        origin(metadata, &alert.schema, &alert.tenant, &alert.sensor);
        metadata.put("uid", format_args!("{}:{}", &*alert.id, alert.rev));
        metadata.put("correlation_uid", &alert.id);
        metadata.put("event_code", &alert.rule);
        metadata.put("sequence", alert.rev);
        metadata.put("original_time", alert.time.text());
    });
    json.object("finding_info", |info| finding_info(alert, info));
    json.list("evidences", |list| {
        list.item_object(|first| about(alert, first));
        for evidence in &alert.evidence {
            list.item_object(|item| transaction(evidence, item));
        }
    });
    json.list("resources", |list| {
        if let Some(endpoint) = &alert.endpoint {
            list.item_object(|resource| target(endpoint, resource));
        }
    });
    json.object("remediation", |remediation| remediation.put("desc", &alert.response));
    json.list("observables", |list| observables(alert, list));
    json.object("unmapped", |unmapped| {
        unmapped.put("threshold", alert.threshold);
        unmapped.some("window_s", alert.window_s);
        unmapped.put("subject", &alert.subject);
        unmapped.some("principal_source", alert.principal.as_ref().map(|principal| &principal.source));
        unmapped.some("credential", alert.credential.as_ref());
        unmapped.put("facts", alert.facts);
        unmapped.each("owasp", &alert.owasp);
        unmapped.put("visibility", alert.visibility);
    });
}

/// Severity, confidence and status. An episode that is over is neither resolved nor archived: that is for people to say.
fn states(alert: &Alert<'_>, json: &mut Json<'_>) {
    let (severity, severity_name) = match alert.severity {
        Severity::Info => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    };
    let (confidence, confidence_name) = match alert.confidence {
        Confidence::Low => (1, "Low"),
        Confidence::Medium => (2, "Medium"),
        Confidence::High => (3, "High"),
    };
    let (status, status_name) = match alert.status {
        Status::Open | Status::Update => (1, "New"),
        Status::Closed => (OTHER, "Closed"),
    };
    json.put("severity_id", severity);
    json.put("severity", severity_name);
    json.put("confidence_id", confidence);
    json.put("confidence", confidence_name);
    json.put("status_id", status);
    json.put("status", status_name);
}

fn finding_info(alert: &Alert<'_>, info: &mut Json<'_>) {
    info.put("uid", &alert.id);
    info.put("title", &alert.title);
    info.put("desc", &alert.message);
    info.put("first_seen_time", alert.first_seen.millis());
    info.put("last_seen_time", alert.last_seen.millis());
    info.some("modified_time", (alert.rev > 1).then(|| alert.time.millis()));
    let family = family(&alert.rule).map(|family| family.name);
    info.object("analytic", |analytic| {
        analytic.put("uid", &alert.rule);
        analytic.put("name", &alert.detector);
        analytic.some("category", family);
        analytic.put("type_id", 1);
        analytic.put("type", "Rule");
    });
    info.list("attacks", |list| {
        for id in &alert.mitre {
            list.item_object(|attack| attacks(id, attack));
        }
    });
    info.each("types", family);
}

fn attacks(id: &str, attack: &mut Json<'_>) {
    let known = technique(id);
    attack.object("tactic", |tactic| {
        if let Some((uid, name)) = known.tactic {
            tactic.put("uid", uid);
            tactic.put("name", name);
        }
    });
    attack.object("technique", |technique| {
        technique.put("uid", known.id);
        technique.some("name", known.name);
    });
    attack.object("sub_technique", |technique| {
        if let Some((uid, name)) = known.sub {
            technique.put("uid", uid);
            technique.some("name", name);
        }
    });
}

/// Who, from where, with what, at which endpoint: what the episode as a whole is about. Its key stands for these when
/// none of them is known.
fn about(alert: &Alert<'_>, first: &mut Json<'_>) {
    first.put("name", "episode");
    first.object("data", |data| data.put("subject", &alert.subject));
    first.object("user", |json| {
        let Some(principal) = &alert.principal else { return };
        user(principal, json);
    });
    first.object("src_endpoint", |endpoint| {
        let Some(client) = &alert.client else { return };
        client_endpoint(client, client.device.as_deref(), endpoint);
    });
    first.object("api", |api| {
        let Some(endpoint) = &alert.endpoint else { return };
        api.put("operation", format_args!("{} {}", &*endpoint.method, &*endpoint.route));
        api.object("service", |service| service.put("name", &endpoint.host));
    });
}

/// One transaction that speaks for the alert.
fn transaction(evidence: &Evidence<'_>, item: &mut Json<'_>) {
    item.put("uid", &evidence.transaction);
    item.put("name", "transaction");
    item.object("data", |data| {
        data.put("time", &evidence.time);
        data.put("note", &evidence.note);
    });
    item.object("http_request", |request| {
        request.put("http_method", &evidence.method);
        request.object("url", |url| url.put("path", &evidence.path));
    });
    item.object("http_response", |response| response.some("code", evidence.status));
}

fn target(endpoint: &Endpoint<'_>, resource: &mut Json<'_>) {
    resource.put("name", format_args!("{} {}", &*endpoint.method, &*endpoint.route));
    resource.put("type", "API endpoint");
    resource.put("hostname", host_and_port(&endpoint.host).0);
    resource.put("role_id", 1);
    resource.put("role", "Target");
}

fn observables(alert: &Alert<'_>, list: &mut Json<'_>) {
    if let Some(client) = &alert.client {
        observable(list, Observable::IpAddress, "evidences[].src_endpoint.ip", client.ip);
        if let Some(country) = &client.country {
            observable(list, Observable::Country, "evidences[].src_endpoint.location.country", country);
        }
    }
    if let Some(principal) = &alert.principal
        && principal.kind() == Some(PrincipalKind::User)
    {
        observable(list, Observable::UserName, "evidences[].user.name", &principal.id);
    }
    if let Some(endpoint) = &alert.endpoint {
        observable(list, Observable::Hostname, "resources[].hostname", host_and_port(&endpoint.host).0);
    }
    if let Some(credential) = &alert.credential {
        observable(list, Observable::Other, "unmapped.credential.fingerprint", &credential.fingerprint);
    }
}
