//! One exchange as a web event of the Elastic Common Schema.
//! It is given a transaction: `source` and `destination` are the connection's ends, `client` is who is behind it.
//! It promises `event.category` `authentication` for logins and second factors, whichever way they ended.

use super::{MODULE, origin, place, related_user, user};
use crate::sinks::form::json::Json;
use crate::sinks::form::native::{Request, Transaction, host_and_port};
use crate::sinks::record::Labels;
use heelguard_detectors::transaction::{Activity, Outcome};
use std::net::IpAddr;

/// Writes the transaction.
pub(in crate::sinks::form) fn transaction(tx: &Transaction<'_>, labels: &Labels, json: &mut Json<'_>) {
    json.put("@timestamp", &tx.time);
    origin(json, &labels.tenant, &labels.sensor);
    json.object("event", |json| event(tx, json));
    json.object("source", |source| {
        source.put("ip", tx.flow.src_ip);
        source.put("port", tx.flow.src_port);
    });
    json.object("destination", |destination| {
        destination.put("ip", tx.flow.dst_ip);
        destination.put("port", tx.flow.dst_port);
    });
    json.object("client", |client| place(&tx.client, client));
    json.object("network", |json| network(tx, json));
    json.object("http", |json| http(tx, json));
    json.object("tls", |tls| tls.some("established", tx.tls.map(|_| true)));
    if let Some(request) = &tx.request {
        json.object("url", |json| url(request, json));
        json.object("user_agent", |agent| agent.some("original", request.user_agent.as_ref()));
    }
    json.object("user", |json| user(&tx.principal, json));
    json.object("related", |related| {
        let forwarded = (tx.client.ip != tx.flow.src_ip).then_some(tx.client.ip);
        related.each("ip", [Some(tx.flow.src_ip), Some(tx.flow.dst_ip), forwarded].into_iter().flatten());
        related.each("user", related_user(Some(&tx.principal)));
        related.each("hosts", tx.request.as_ref().map(|request| host_and_port(&request.host).0));
    });
    json.object(MODULE, |own| own.object("transaction", |json| rest(tx, json)));
}

fn event(tx: &Transaction<'_>, event: &mut Json<'_>) {
    let outcome = Outcome::parse(&tx.outcome).unwrap_or(Outcome::Unknown);
    let authentication = matches!(Activity::parse(&tx.activity), Some(Activity::Login | Activity::Mfa));
    event.put("kind", "event");
    event.list("category", |list| {
        list.item("web");
        if authentication {
            list.item("authentication");
        }
    });
    event.list("type", |list| {
        list.item("access");
        if outcome == Outcome::Error {
            list.item("error");
        }
        if authentication {
            list.item(if outcome == Outcome::Success { "start" } else { "info" });
        }
    });
    event.put(
        "outcome",
        match outcome {
            Outcome::Success => "success",
            Outcome::Denied | Outcome::Error => "failure",
            Outcome::Unknown => "unknown",
        },
    );
    event.put("id", &tx.id);
    event.put("action", &tx.activity);
    event.put("start", &tx.time);
    event.put("end", &tx.end);
    event.put("duration", tx.end.micros().saturating_sub(tx.time.micros()).saturating_mul(1000));
    event.put("module", MODULE);
    event.put("dataset", "heelguard.transaction");
}

fn network(tx: &Transaction<'_>, network: &mut Json<'_>) {
    network.put("transport", "tcp");
    network.put("protocol", "http");
    network.put(
        "type",
        match tx.flow.src_ip {
            IpAddr::V4(_) => "ipv4",
            IpAddr::V6(_) => "ipv6",
        },
    );
    network.put("community_id", &tx.flow.community_id);
    network.object("vlan", |vlan| vlan.some("id", tx.flow.vlan.first().map(u16::to_string)));
}

fn http(tx: &Transaction<'_>, http: &mut Json<'_>) {
    http.put("version", tx.protocol.strip_prefix("http/").unwrap_or("2"));
    http.object("request", |json| {
        let Some(request) = &tx.request else { return };
        json.put("method", &request.method);
        json.some("mime_type", request.content_type.as_ref());
        json.object("body", |body| body.put("bytes", request.bytes));
    });
    http.object("response", |json| {
        let Some(response) = &tx.response else { return };
        json.some("status_code", response.status);
        json.some("mime_type", response.content_type.as_ref());
        json.object("body", |body| body.put("bytes", response.bytes));
    });
}

fn url(request: &Request<'_>, url: &mut Json<'_>) {
    let (domain, port) = host_and_port(&request.host);
    url.put("scheme", &request.scheme);
    url.put("domain", domain);
    url.some("port", port);
    url.put("path", &request.path);
}

/// What the schema has no field for, by its native names.
fn rest(tx: &Transaction<'_>, own: &mut Json<'_>) {
    own.put("schema", &tx.schema);
    own.put("protocol", &tx.protocol);
    own.some("ttfb_us", tx.ttfb_us);
    own.put("outcome", &tx.outcome);
    own.put("completeness", &tx.completeness);
    own.put("principal_kind", &tx.principal.kind);
    own.put("principal_source", &tx.principal.source);
    own.some("device", tx.device.as_ref());
    if let Some(request) = &tx.request {
        own.put("route", &request.route);
        own.each("labels", &request.labels);
        own.each("query_keys", &request.query_keys);
        own.put("agent_kind", &request.agent_kind);
        own.each("identity_headers", &request.identity_headers);
    }
    if let Some(response) = &tx.response {
        own.some("grpc_status", response.grpc_status);
        own.some("items", response.items);
        own.some("retry_after_s", response.retry_after_s);
    }
    own.some("address_class", tx.client.class.as_ref());
    own.some("claimed_ip", tx.client.claimed_ip);
    own.put("proof", &tx.proof);
    own.each("credentials", &tx.credentials);
    own.some("jwt", tx.jwt);
    own.some("mfa", tx.mfa);
    own.some("login", tx.login);
    own.each("exposed", &tx.exposed);
    own.some("graphql", tx.graphql);
    own.some("session", tx.session.as_ref().map(|session| &session.id));
    own.some("reuse", tx.reuse);
    own.some("repeat_of", tx.repeat_of.as_ref());
    own.each("anomalies", &tx.anomalies);
}
