//! Suricata's Extensible Event Format: alerts as `alert`, transactions as `http`.
//! It is given native records. The format is closed: what it has no field for goes to the places it leaves open,
//! `alert.context` and `metadata.flowvars`.
//! It promises signature numbers of their own range, and Suricata's way to write a time.

use super::family::{family, signature_id};
use super::json::Json;
use super::native::{Alert, Endpoint, Time, Transaction, host_and_port};
use super::{FormError, PRODUCT};
use crate::sinks::record::Labels;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use heelguard_detectors::alert::Severity;
use std::net::IpAddr;

/// The engine that text rules belong to; our numbers lie in the range left to local rules.
const GENERATOR: u32 = 1;

/// Our rules have no revisions: what changes gets a new id.
const REVISION: u32 = 1;

/// Writes the alert. Only the client's side of a connection is known: an episode is made of many.
pub(super) fn alert(alert: &Alert<'_>, json: &mut Json<'_>) -> Result<(), FormError> {
    let signature = signature_id(&alert.rule).ok_or_else(|| FormError::Rule(alert.rule.to_string()))?;
    head(json, &alert.time, "alert", &alert.sensor);
    if let Some(client) = &alert.client {
        json.put("src_ip", client.ip);
        json.put("ip_v", version(client.ip));
    }
    json.put("proto", "TCP");
    json.put("app_proto", "http");
    json.object("alert", |json| {
        json.put("action", "allowed");
        json.put("gid", GENERATOR);
        json.put("signature_id", signature);
        json.put("rev", REVISION);
        json.put("signature", format_args!("{PRODUCT} {} {}", &*alert.rule, &*alert.title));
        json.some("category", family(&alert.rule).map(|family| family.name));
        json.put("severity", severity(alert.severity));
        json.object("source", |source| source.some("ip", alert.client.as_ref().map(|client| client.ip)));
        json.object("metadata", |metadata| {
            metadata.each("signature_severity", [alert.severity.name()]);
            metadata.each("confidence", [alert.confidence.name()]);
            metadata.each("mitre_technique_id", &alert.mitre);
            metadata.each("owasp", &alert.owasp);
        });
        json.object("context", |context| context.object("heelguard", |own| rest(alert, own)));
    });
    json.object("http", |http| {
        let Some(endpoint) = &alert.endpoint else { return };
        target(endpoint, http);
    });
    Ok(())
}

/// Writes the transaction.
pub(super) fn http(tx: &Transaction<'_>, labels: &Labels, json: &mut Json<'_>) {
    head(json, &tx.time, "http", &labels.sensor);
    json.some("flow_id", flow_id(&tx.flow.community_id));
    json.put("src_ip", tx.flow.src_ip);
    json.put("src_port", tx.flow.src_port);
    json.put("dest_ip", tx.flow.dst_ip);
    json.put("dest_port", tx.flow.dst_port);
    json.put("ip_v", version(tx.flow.src_ip));
    json.put("proto", "TCP");
    let second = !tx.protocol.starts_with("http/1") && !tx.protocol.starts_with("http/0");
    json.put("app_proto", if second { "http2" } else { "http" });
    json.each("vlan", &tx.flow.vlan);
    json.put("community_id", &tx.flow.community_id);
    json.object("http", |http| {
        if let Some(request) = &tx.request {
            let (hostname, port) = host_and_port(&request.host);
            http.put("hostname", hostname);
            http.some("http_port", port);
            http.put("url", &request.path);
            http.some("http_user_agent", request.user_agent.as_ref());
            http.put("http_method", &request.method);
        }
        if second {
            http.put("version", "2");
        } else {
            http.put("protocol", tx.protocol.to_ascii_uppercase());
        }
        if let Some(response) = &tx.response {
            http.some("http_content_type", response.content_type.as_ref());
            http.some("status", response.status);
            http.put("length", response.bytes);
        }
        http.some("xff", (tx.client.ip != tx.flow.src_ip).then_some(tx.client.ip));
    });
    json.object("metadata", |metadata| metadata.list("flowvars", |list| variables(tx, list)));
}

fn head(json: &mut Json<'_>, time: &Time<'_>, event_type: &str, sensor: &str) {
    // Suricata writes an offset without a colon, and never `Z`.
    json.put("timestamp", format_args!("{}+0000", time.text().trim_end_matches('Z')));
    json.put("event_type", event_type);
    json.put("host", sensor);
}

/// Suricata counts from 1, the worst, as its classification does.
fn severity(severity: Severity) -> u32 {
    match severity {
        Severity::Critical | Severity::High => 1,
        Severity::Medium => 2,
        Severity::Low => 3,
        Severity::Info => 4,
    }
}

fn version(ip: IpAddr) -> u32 {
    match ip {
        IpAddr::V4(_) => 4,
        IpAddr::V6(_) => 6,
    }
}

/// A number for a connection, the same in both directions: the first 51 bits of its Community ID, which every reader
/// of JSON can hold.
fn flow_id(community_id: &str) -> Option<u64> {
    let digest = STANDARD.decode(community_id.strip_prefix("1:")?).ok()?;
    Some(u64::from_be_bytes(*digest.first_chunk()?) >> 13)
}

fn target(endpoint: &Endpoint<'_>, http: &mut Json<'_>) {
    let (hostname, port) = host_and_port(&endpoint.host);
    http.put("hostname", hostname);
    http.some("http_port", port);
    http.put("url", &endpoint.route);
    http.put("http_method", &endpoint.method);
}

/// The episode, by its native names.
fn rest(alert: &Alert<'_>, own: &mut Json<'_>) {
    own.put("schema", &alert.schema);
    own.put("id", &alert.id);
    own.put("rev", alert.rev);
    own.put("status", alert.status.name());
    own.put("detector", &alert.detector);
    own.put("severity", alert.severity.name());
    own.put("message", &alert.message);
    own.put("first_seen", &alert.first_seen);
    own.put("last_seen", &alert.last_seen);
    own.put("count", alert.count);
    own.put("threshold", alert.threshold);
    own.some("window_s", alert.window_s);
    own.put("subject", &alert.subject);
    own.some("principal", alert.principal.as_ref());
    own.object("client", |json| {
        let Some(client) = &alert.client else { return };
        json.some("country", client.country.as_ref());
        json.some("asn", client.asn);
        json.some("device", client.device.as_ref());
    });
    own.some("credential", alert.credential.as_ref());
    own.each("evidence", &alert.evidence);
    own.put("facts", alert.facts);
    own.put("response", &alert.response);
    own.put("visibility", alert.visibility);
    own.put("tenant", &alert.tenant);
}

/// Who made the exchange, with what proof, and how it ended: variables of the flow, in words.
fn variables(tx: &Transaction<'_>, list: &mut Json<'_>) {
    let mut variable = |name: &str, value: &str| list.item_object(|item| item.put(name, value));
    variable("heelguard.transaction", &tx.id);
    variable("heelguard.principal", &format!("{}:{}", &*tx.principal.kind, &*tx.principal.id));
    variable("heelguard.activity", &tx.activity);
    variable("heelguard.proof", &tx.proof.level);
    variable("heelguard.outcome", &tx.outcome);
    variable("heelguard.completeness", &tx.completeness);
    if let Some(request) = &tx.request {
        variable("heelguard.route", &request.route);
    }
    if let Some(device) = &tx.device {
        variable("heelguard.device", device);
    }
    if let Some(country) = &tx.client.country {
        variable("heelguard.country", country);
    }
    if let Some(session) = &tx.session {
        variable("heelguard.session", &session.id);
    }
}
