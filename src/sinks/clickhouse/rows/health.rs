//! `heelguard.stats/1` as a row: counters by their path in the record.
//! It is given a record's JSON.
//! It promises to keep every number and word, also those that a later version adds.

use super::Origin;
use super::block::{Row, push_text};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The record.
#[derive(Deserialize)]
pub(super) struct Health {
    #[serde(default)]
    balanced: bool,
    #[serde(default)]
    services: Vec<Service>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Service {
    host: String,
    port: u16,
    tls: u64,
    http1: u64,
    http2: u64,
    quic: u64,
    unknown: u64,
}

impl Health {
    /// Writes the cells.
    pub(super) fn write(&self, origin: &Origin<'_>, row: &mut Row<'_>) {
        origin.write(row);
        row.flag(self.balanced);
        let (mut counters, mut states) = (Vec::new(), Vec::new());
        for (name, value) in &self.rest {
            flatten(name, value, &mut counters, &mut states);
        }
        row.list(counters, |(path, count), parts| {
            if let [paths, counts] = parts {
                push_text(paths, &path);
                counts.extend(count.to_le_bytes());
            }
        });
        row.texts(states.iter().map(|(path, state)| [path.as_str(), state]));
        row.list(&self.services, |service, parts| {
            if let [hosts, ports, counts @ ..] = parts {
                push_text(hosts, &service.host);
                ports.extend(service.port.to_le_bytes());
                let Service { tls, http1, http2, quic, unknown, .. } = *service;
                for (count, values) in [tls, http1, http2, quic, unknown].into_iter().zip(counts) {
                    values.extend(count.to_le_bytes());
                }
            }
        });
    }
}

/// Takes objects apart. Lists are left out: the one list there is has a column of its own.
fn flatten(path: &str, value: &Value, counters: &mut Vec<(String, f64)>, states: &mut Vec<(String, String)>) {
    match value {
        Value::Object(parts) => {
            for (name, part) in parts {
                flatten(&format!("{path}.{name}"), part, counters, states);
            }
        }
        Value::Number(number) => counters.push((path.to_owned(), number.as_f64().unwrap_or(0.0))),
        Value::Bool(flag) => counters.push((path.to_owned(), f64::from(u8::from(*flag)))),
        Value::String(text) => states.push((path.to_owned(), text.clone())),
        Value::Null | Value::Array(_) => {}
    }
}
