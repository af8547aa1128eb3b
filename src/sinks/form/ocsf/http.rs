//! HTTP Activity (4002): one exchange, as it was seen on the network, with the `host` profile for who made it.
//! It is given a transaction; API Activity is for providers that log their own calls, and has no place for a connection.
//! It promises at least one of request and response, as the class demands.

use super::{Class, OTHER, Observable, classify, client_endpoint, observable, origin, user};
use crate::sinks::form::json::Json;
use crate::sinks::form::native::{Request, Response, Transaction, host_and_port};
use crate::sinks::record::Labels;
use heelguard_detectors::identity::PrincipalKind;
use heelguard_detectors::transaction::Outcome;
use std::net::IpAddr;

const HTTP: Class = Class { uid: 4002, name: "HTTP Activity", category_uid: 4, category: "Network Activity" };

/// TCP, as IANA numbers it.
const TCP: u32 = 6;

/// Writes the transaction.
pub(in crate::sinks::form) fn http_activity(tx: &Transaction<'_>, labels: &Labels, json: &mut Json<'_>) {
    let method = tx.request.as_ref().map(|request| &*request.method);
    let (activity, activity_name) = activity(method);
    classify(json, &HTTP, activity, activity_name);
    json.put("severity_id", 1);
    json.put("severity", "Informational");
    outcome(tx, json);
    json.put("time", tx.time.millis());
    json.put("start_time", tx.time.millis());
    json.put("end_time", tx.end.millis());
    json.put("duration", tx.end.millis().saturating_sub(tx.time.millis()));
    json.object("metadata", |metadata| {
        origin(metadata, &tx.schema, &labels.tenant, &labels.sensor);
        metadata.put("uid", &tx.id);
        metadata.put("original_time", tx.time.text());
        metadata.each("profiles", ["host"]);
    });
    json.object("actor", |actor| who(tx, actor));
    json.object("src_endpoint", |endpoint| {
        client_endpoint(&tx.client, tx.device.as_deref(), endpoint);
        let forwarded = tx.client.ip != tx.flow.src_ip;
        endpoint.some("port", (!forwarded).then_some(tx.flow.src_port));
        endpoint.each("intermediate_ips", forwarded.then_some(tx.flow.src_ip));
    });
    json.object("dst_endpoint", |endpoint| {
        endpoint.put("ip", tx.flow.dst_ip);
        endpoint.put("port", tx.flow.dst_port);
        endpoint.some("hostname", tx.request.as_ref().map(|request| host_and_port(&request.host).0));
        endpoint.some("vlan_uid", tx.flow.vlan.first().map(u16::to_string));
    });
    json.object("connection_info", |connection| connection_info(tx, connection));
    json.put("app_protocol_name", &tx.protocol);
    json.object("http_request", |json| {
        let Some(request) = &tx.request else { return };
        http_request(tx, request, json);
    });
    json.object("http_response", |json| {
        let Some(response) = &tx.response else { return };
        http_response(tx, response, json);
    });
    json.list("observables", |list| observables(tx, list));
    json.object("unmapped", |unmapped| rest(tx, unmapped));
}

fn activity(method: Option<&str>) -> (u32, &str) {
    match method {
        None => (0, "Unknown"),
        Some("CONNECT") => (1, "Connect"),
        Some("DELETE") => (2, "Delete"),
        Some("GET") => (3, "Get"),
        Some("HEAD") => (4, "Head"),
        Some("OPTIONS") => (5, "Options"),
        Some("POST") => (6, "Post"),
        Some("PUT") => (7, "Put"),
        Some("TRACE") => (8, "Trace"),
        Some("PATCH") => (9, "Patch"),
        Some(other) => (OTHER, other),
    }
}

fn outcome(tx: &Transaction<'_>, json: &mut Json<'_>) {
    let (status, name) = match Outcome::parse(&tx.outcome) {
        Some(Outcome::Success) => (1, "Success"),
        Some(Outcome::Denied | Outcome::Error) => (2, "Failure"),
        Some(Outcome::Unknown) | None => (0, "Unknown"),
    };
    json.put("status_id", status);
    json.put("status", name);
    let code = tx.response.as_ref().and_then(|response| response.status);
    json.some("status_code", code.map(|code| code.to_string()));
    json.put("status_detail", &tx.outcome);
}

/// The user and the session; an actor has at least one of these.
fn who(tx: &Transaction<'_>, actor: &mut Json<'_>) {
    actor.object("user", |json| {
        if tx.principal.kind() != Some(PrincipalKind::Anonymous) {
            user(&tx.principal, json);
            json.put("has_mfa", tx.proof.account_has_mfa);
        }
    });
    actor.object("session", |json| {
        let Some(session) = &tx.session else { return };
        json.put("uid", &session.id);
        json.put("created_time", session.since.millis());
        json.put("is_mfa", &*tx.proof.level == "mfa");
    });
}

fn connection_info(tx: &Transaction<'_>, connection: &mut Json<'_>) {
    connection.put("community_uid", &tx.flow.community_id);
    connection.put("direction_id", 0);
    connection.put("direction", "Unknown");
    connection.put("protocol_name", "tcp");
    connection.put("protocol_num", TCP);
    let version = match tx.flow.src_ip {
        IpAddr::V4(_) => 4,
        IpAddr::V6(_) => 6,
    };
    connection.put("protocol_ver_id", version);
}

fn http_request(tx: &Transaction<'_>, request: &Request<'_>, json: &mut Json<'_>) {
    json.put("uid", &tx.id);
    json.put("http_method", &request.method);
    json.object("url", |url| {
        let (hostname, port) = host_and_port(&request.host);
        url.put("scheme", &request.scheme);
        url.put("hostname", hostname);
        url.some("port", port);
        url.put("path", &request.path);
    });
    json.put("body_length", request.bytes);
    json.some("user_agent", request.user_agent.as_ref());
    json.put("version", &tx.protocol);
}

/// The code is demanded; 0 is a status that was no number.
fn http_response(tx: &Transaction<'_>, response: &Response<'_>, json: &mut Json<'_>) {
    json.put("code", response.status.unwrap_or_default());
    json.put("body_length", response.bytes);
    json.some("content_type", response.content_type.as_ref());
    json.some("latency", tx.ttfb_us.map(|micros| micros / 1000));
}

fn observables(tx: &Transaction<'_>, list: &mut Json<'_>) {
    observable(list, Observable::IpAddress, "src_endpoint.ip", tx.client.ip);
    observable(list, Observable::IpAddress, "dst_endpoint.ip", tx.flow.dst_ip);
    if let Some(request) = &tx.request {
        observable(list, Observable::Hostname, "dst_endpoint.hostname", host_and_port(&request.host).0);
    }
    if let Some(country) = &tx.client.country {
        observable(list, Observable::Country, "src_endpoint.location.country", country);
    }
    if tx.principal.kind() == Some(PrincipalKind::User) {
        observable(list, Observable::UserName, "actor.user.name", &tx.principal.id);
    }
}

/// What the class has no place for, by its native names.
fn rest(tx: &Transaction<'_>, json: &mut Json<'_>) {
    json.put("activity", &tx.activity);
    json.put("completeness", &tx.completeness);
    json.put("principal_source", &tx.principal.source);
    if let Some(request) = &tx.request {
        json.put("route", &request.route);
        json.each("labels", &request.labels);
        json.each("query_keys", &request.query_keys);
        json.some("request_content_type", request.content_type.as_ref());
        json.put("agent_kind", &request.agent_kind);
        json.each("identity_headers", &request.identity_headers);
    }
    if let Some(response) = &tx.response {
        json.some("grpc_status", response.grpc_status);
        json.some("items", response.items);
        json.some("retry_after_s", response.retry_after_s);
    }
    json.some("address_class", tx.client.class.as_ref());
    json.some("claimed_ip", tx.client.claimed_ip);
    json.put("proof", &tx.proof);
    json.each("credentials", &tx.credentials);
    json.some("jwt", tx.jwt);
    json.some("mfa", tx.mfa);
    json.some("login", tx.login);
    json.each("exposed", &tx.exposed);
    json.some("graphql", tx.graphql);
    json.some("tls", tx.tls);
    json.some("reuse", tx.reuse);
    json.some("repeat_of", tx.repeat_of.as_ref());
    json.each("anomalies", &tx.anomalies);
}
