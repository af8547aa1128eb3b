//! Native records of every kind, made from one full record.
//! It is given the golden alert and transaction as JSON.
//! It promises each value of every closed list once, and each part that may be null once as null.

use heelguard_detectors::alert::{Confidence, Scope, Severity, Status};
use heelguard_detectors::identity::PrincipalKind;
use heelguard_detectors::rules::catalogue;
use heelguard_detectors::transaction::{Activity, Completeness, Outcome, Protocol};
use serde_json::{Value, json};

/// Every rule in every state, and the sample in every other respect.
pub fn alerts(full: &Value) -> Vec<Value> {
    let mut alerts = Vec::new();
    for entry in catalogue() {
        let rule = entry.rule;
        for (rev, status) in Status::ALL.iter().enumerate() {
            let mut alert = full.clone();
            alert["rule"] = json!(rule.id);
            alert["detector"] = json!(rule.name);
            alert["title"] = json!(rule.title);
            alert["severity"] = json!(rule.severity.name());
            alert["response"] = json!(rule.response);
            alert["mitre"] = json!(rule.mitre);
            alert["owasp"] = json!(rule.owasp);
            alert["status"] = json!(status.name());
            alert["rev"] = json!(rev + 1);
            alerts.push(alert);
        }
    }
    alerts.extend(with(full, "/severity", Severity::ALL.iter().map(|one| json!(one.name()))));
    alerts.extend(with(full, "/confidence", Confidence::ALL.iter().map(|one| json!(one.name()))));
    alerts.extend(with(full, "/subject/scope", Scope::ALL.iter().map(|one| json!(one.name()))));
    alerts.extend(with(full, "/principal/kind", PrincipalKind::ALL.iter().map(|one| json!(one.name()))));
    alerts.extend(without(full));
    alerts.extend(with(full, "/client/ip", [json!("2001:db8::7")]));
    alerts.extend(with(full, "/client/country", [Value::Null]));
    alerts.extend(with(full, "/client/asn", [Value::Null, json!(4_200_000_000_u32)]));
    alerts.extend(with(full, "/client/device", [Value::Null]));
    alerts.extend(with(full, "/evidence/0/status", [Value::Null]));
    alerts.extend(with(full, "/evidence", [json!([])]));
    alerts.extend(with(full, "/mitre", [json!([]), json!(["T9999", "T9999.001"])]));
    alerts.extend(with(full, "/endpoint/host", hosts()));
    alerts.extend(with(full, "/message", hostile()));
    alerts.extend(with(full, "/principal/id", hostile()));
    alerts.extend(every_subset_of_parts(full));
    alerts
}

/// The sample in every respect.
pub fn transactions(full: &Value) -> Vec<Value> {
    let mut transactions = without(full);
    let mut vary = |pointer: &str, values: Vec<Value>| transactions.extend(with(full, pointer, values));
    vary("/protocol", Protocol::ALL.iter().map(|one| json!(one.name())).collect());
    vary("/outcome", Outcome::ALL.iter().map(|one| json!(one.name())).collect());
    vary("/completeness", Completeness::ALL.iter().map(|one| json!(one.name())).collect());
    vary("/activity", Activity::ALL.iter().map(|one| json!(one.name())).collect());
    vary("/principal/kind", PrincipalKind::ALL.iter().map(|one| json!(one.name())).collect());
    let methods = ["GET", "HEAD", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PURGE", ""];
    vary("/request/method", methods.map(Value::from).to_vec());
    vary("/request/host", hosts().to_vec());
    vary("/request/path", hostile().to_vec());
    vary("/flow/src_ip", vec![json!("2001:db8::4"), json!("203.0.113.7")]);
    vary("/flow/vlan", vec![json!([]), json!([1, 2])]);
    vary("/response/status", vec![Value::Null, json!(999)]);
    vary("/response/grpc_status", vec![json!(16)]);
    vary("/client/country", vec![Value::Null]);
    vary("/client/asn", vec![Value::Null]);
    vary("/client/city", vec![json!("Berlin")]);
    vary("/request/user_agent", vec![Value::Null]);
    vary("/request/query_keys", vec![json!([])]);
    vary("/tls", vec![json!({"version": null, "decrypted": true})]);
    transactions
}

/// Every text in a record that is a value.
pub fn texts(record: &Value) -> Vec<&str> {
    match record {
        Value::Object(object) => object.values().flat_map(texts).collect(),
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text],
        _ => Vec::new(),
    }
}

fn with(full: &Value, pointer: &str, values: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let change = |value| {
        let mut record = full.clone();
        *record.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
        record
    };
    values.into_iter().map(change).collect()
}

/// Each part that may be null, as null.
fn without(full: &Value) -> Vec<Value> {
    optional(full).iter().flat_map(|name| with(full, &format!("/{name}"), [Value::Null])).collect()
}

/// Who, from where, with what, at which endpoint: sixteen ways to know some of it.
fn every_subset_of_parts(full: &Value) -> Vec<Value> {
    let parts = ["principal", "client", "credential", "endpoint"];
    let subset = |bits: usize| {
        let mut record = full.clone();
        for (_, part) in parts.iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0) {
            record[*part] = Value::Null;
        }
        record
    };
    (0..16).map(subset).collect()
}

fn optional(full: &Value) -> Vec<&'static str> {
    let all = [
        "window_s",
        "principal",
        "credential",
        "endpoint",
        "ttfb_us",
        "request",
        "response",
        "device",
        "jwt",
        "mfa",
        "login",
        "graphql",
        "repeat_of",
        "session",
        "reuse",
    ];
    let is_alert = full["schema"] == "heelguard.alert/1";
    // A transaction always has a client and a principal; an alert's response is what to do.
    let always = if is_alert { "response" } else { "principal" };
    let here = |name: &&str| full.get(*name).is_some() && *name != always;
    let mut here: Vec<_> = all.into_iter().filter(here).collect();
    if is_alert {
        here.push("client");
    }
    here
}

fn hosts() -> [Value; 5] {
    ["api.example.com:8443", "[2001:db8::1]:80", "203.0.113.9", "", "a:b:c"].map(Value::from)
}

fn hostile() -> [Value; 4] {
    ["", "\"},{\"x\":\"", "a\u{0}b\r\n\u{202e}\u{1b}[31m", "山田 👩‍🚀 {[<&>]}"].map(Value::from)
}
