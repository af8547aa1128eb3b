//! `heelguard.alert/1` as a row.
//! It is given a record's JSON and borrows its strings.
//! It promises one cell a column, in the order of the table; tenant and sensor are the record's own.

use super::Origin;
use super::block::{Row, push_text};
use super::values::{Id, Ip, Micros, OrEmpty as _, Text};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The record.
#[derive(Deserialize)]
pub(super) struct Alert<'a> {
    id: Id,
    rev: u32,
    status: Status,
    #[serde(borrow)]
    rule: Text<'a>,
    detector: Text<'a>,
    title: Text<'a>,
    severity: Severity,
    confidence: Confidence,
    message: Text<'a>,
    time: Micros,
    first_seen: Micros,
    last_seen: Micros,
    count: u64,
    threshold: u64,
    window_s: Option<u64>,
    subject: Subject<'a>,
    principal: Option<Principal<'a>>,
    client: Option<Client<'a>>,
    credential: Option<Credential<'a>>,
    endpoint: Option<Endpoint<'a>>,
    evidence: Vec<Evidence<'a>>,
    facts: Map<String, Value>,
    response: Text<'a>,
    mitre: Vec<Text<'a>>,
    owasp: Vec<Text<'a>>,
    visibility: Visibility,
    tenant: Text<'a>,
    sensor: Text<'a>,
}

/// Numbers as in the table.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
enum Status {
    Open = 1,
    Update = 2,
    Closed = 3,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
enum Severity {
    Info = 1,
    Low = 2,
    Medium = 3,
    High = 4,
    Critical = 5,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
enum Confidence {
    Low = 1,
    Medium = 2,
    High = 3,
}

#[derive(Deserialize)]
struct Subject<'a> {
    #[serde(borrow)]
    scope: Text<'a>,
    value: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Principal<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    id: Text<'a>,
    source: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Client<'a> {
    ip: Ip,
    #[serde(borrow)]
    country: Option<Text<'a>>,
    asn: Option<u32>,
    device: Option<Text<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Credential<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    class: Text<'a>,
    location: Text<'a>,
    fingerprint: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Endpoint<'a> {
    #[serde(borrow)]
    method: Text<'a>,
    host: Text<'a>,
    route: Text<'a>,
}

#[derive(Deserialize)]
struct Evidence<'a> {
    transaction: Id,
    time: Micros,
    #[serde(borrow)]
    method: Text<'a>,
    path: Text<'a>,
    status: Option<u16>,
    note: Text<'a>,
}

#[derive(Deserialize)]
struct Visibility {
    loss_pct: f64,
    truncated: u32,
    one_way: bool,
}

impl Alert<'_> {
    /// Writes the cells.
    pub(super) fn write(&self, origin: &Origin<'_>, row: &mut Row<'_>) {
        Origin { tenant: &self.tenant, sensor: &self.sensor, ..*origin }.write(row);
        row.fixed(self.id.cell());
        row.fixed(self.rev.to_le_bytes());
        row.fixed([self.status as u8]);
        for text in [&self.rule, &self.detector, &self.title] {
            row.text(text);
        }
        row.fixed([self.severity as u8]);
        row.fixed([self.confidence as u8]);
        row.text(&self.message);
        for time in [self.time, self.first_seen, self.last_seen] {
            row.fixed(time.cell());
        }
        row.fixed(self.count.to_le_bytes());
        row.fixed(self.threshold.to_le_bytes());
        row.maybe(self.window_s.map(u64::to_le_bytes));
        row.text(&self.subject.scope);
        row.text(&self.subject.value);
        self.write_who(row);
        self.write_evidence(row);
        row.list(&self.facts, |(name, fact), parts| {
            if let [names, values] = parts {
                push_text(names, name);
                match fact {
                    Value::String(text) => push_text(values, text),
                    other => push_text(values, &other.to_string()),
                }
            }
        });
        row.text(&self.response);
        row.texts(self.mitre.iter().map(|name| [&**name]));
        row.texts(self.owasp.iter().map(|name| [&**name]));
        row.fixed(self.visibility.loss_pct.to_le_bytes());
        row.fixed(self.visibility.truncated.to_le_bytes());
        row.flag(self.visibility.one_way);
    }

    fn write_who(&self, row: &mut Row<'_>) {
        let (none, nowhere) = (Principal::default(), Client::default());
        let (unshown, anywhere) = (Credential::default(), Endpoint::default());
        let principal = self.principal.as_ref().unwrap_or(&none);
        let client = self.client.as_ref().unwrap_or(&nowhere);
        let credential = self.credential.as_ref().unwrap_or(&unshown);
        let endpoint = self.endpoint.as_ref().unwrap_or(&anywhere);
        for text in [&principal.kind, &principal.id, &principal.source] {
            row.text(text);
        }
        row.fixed(client.ip.0);
        row.text(client.country.or_empty());
        row.fixed(client.asn.unwrap_or(0).to_le_bytes());
        row.text(client.device.or_empty());
        for text in [&credential.kind, &credential.class, &credential.location, &credential.fingerprint] {
            row.text(text);
        }
        for text in [&endpoint.method, &endpoint.host, &endpoint.route] {
            row.text(text);
        }
    }

    fn write_evidence(&self, row: &mut Row<'_>) {
        row.list(&self.evidence, |piece, parts| {
            if let [transactions, times, methods, paths, statuses, notes] = parts {
                transactions.extend(piece.transaction.cell());
                times.extend(piece.time.cell());
                push_text(methods, &piece.method);
                push_text(paths, &piece.path);
                statuses.extend(piece.status.unwrap_or(0).to_le_bytes());
                push_text(notes, &piece.note);
            }
        });
    }
}
