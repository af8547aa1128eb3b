//! `heelguard.inventory/1` as a row: endpoints, credentials, principals and services in one table.
//! It is given a record's JSON and borrows its strings.
//! It promises one cell a column, in the order of the table; what a kind does not have is empty.

use super::Origin;
use super::block::{Row, push_text};
use super::values::{Id, Ip, Micros, OrEmpty as _, Text};
use serde::Deserialize;
use serde_json::Map;

/// A record of any kind.
#[derive(Deserialize)]
pub(super) struct Thing<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    first_seen: Option<Micros>,
    last_seen: Option<Micros>,
    #[serde(default)]
    transactions: u64,
    #[serde(default)]
    success: u64,
    #[serde(default)]
    denied: u64,
    method: Option<Text<'a>>,
    host: Option<Text<'a>>,
    route: Option<Text<'a>>,
    #[serde(default)]
    labels: Vec<Text<'a>>,
    #[serde(default)]
    methods: Vec<Text<'a>>,
    #[serde(default)]
    with_credential: u64,
    #[serde(default)]
    without_credential: u64,
    #[serde(default)]
    proofs: Map<String, serde_json::Value>,
    fingerprint: Option<Text<'a>>,
    credential_kind: Option<Text<'a>>,
    class: Option<Text<'a>>,
    location: Option<Text<'a>>,
    name: Option<Text<'a>>,
    principal: Option<Principal<'a>>,
    source: Option<Text<'a>>,
    ip: Option<Ip>,
    port: Option<u16>,
    protocol: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Principal<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    id: Text<'a>,
}

impl Thing<'_> {
    /// Writes the cells.
    pub(super) fn write(&self, origin: &Origin<'_>, row: &mut Row<'_>) {
        origin.write(row);
        row.text(&self.kind);
        row.fixed(Id(origin.id).cell());
        // A proposal is of no packet time; it has that of its making.
        let made = Micros(origin.raised_ms.saturating_mul(1000));
        row.fixed(self.first_seen.unwrap_or(made).cell());
        row.fixed(self.last_seen.unwrap_or(made).cell());
        for count in [self.transactions, self.success, self.denied] {
            row.fixed(count.to_le_bytes());
        }
        for text in [&self.method, &self.host, &self.route] {
            row.text(text.or_empty());
        }
        row.texts(self.labels.iter().map(|name| [&**name]));
        row.texts(self.methods.iter().map(|name| [&**name]));
        row.fixed(self.with_credential.to_le_bytes());
        row.fixed(self.without_credential.to_le_bytes());
        row.list(&self.proofs, |(name, count), parts| {
            if let [names, counts] = parts {
                push_text(names, name);
                counts.extend(count.as_u64().unwrap_or(0).to_le_bytes());
            }
        });
        for text in [&self.fingerprint, &self.credential_kind, &self.class, &self.location, &self.name] {
            row.text(text.or_empty());
        }
        let principal = self.principal.as_ref();
        row.text(principal.map(|who| &*who.kind).unwrap_or_default());
        row.text(principal.map(|who| &*who.id).unwrap_or_default());
        row.text(self.source.or_empty());
        row.fixed(self.ip.unwrap_or_default().0);
        row.fixed(self.port.unwrap_or(0).to_le_bytes());
        row.text(self.protocol.or_empty());
    }
}
