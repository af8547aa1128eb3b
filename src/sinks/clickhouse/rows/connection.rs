//! `heelguard.tls/1` as a row.
//! It is given a record's JSON and borrows its strings.
//! It promises one cell a column, in the order of the table.

use super::Origin;
use super::block::Row;
use super::transaction::{Client, Flow};
use super::values::{Id, Micros, OrEmpty as _, Text};
use serde::Deserialize;

/// The record, as far as it is kept.
#[derive(Deserialize)]
pub(super) struct Connection<'a> {
    id: Id,
    time: Micros,
    end: Micros,
    #[serde(borrow)]
    flow: Flow<'a>,
    transport: Text<'a>,
    version: Option<Text<'a>>,
    cipher: Option<Text<'a>>,
    sni: Option<Text<'a>>,
    ech: bool,
    alpn: Option<Text<'a>>,
    offered_alpn: Vec<Text<'a>>,
    ja4: Option<Text<'a>>,
    ja4_stable: Option<Text<'a>>,
    resumed: Option<bool>,
    certificate: Option<Certificate<'a>>,
    client_cert_requested: bool,
    client_cert: Option<Certificate<'a>>,
    client: Client<'a>,
    bytes: Bytes,
    completeness: Text<'a>,
    anomalies: Vec<Text<'a>>,
}

/// Either side's; each has its own columns of it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Certificate<'a> {
    #[serde(borrow)]
    subject: Option<Text<'a>>,
    names: Vec<Text<'a>>,
    issuer: Option<Text<'a>>,
    not_before: Option<Micros>,
    not_after: Option<Micros>,
    self_signed: bool,
    sha256: Option<Text<'a>>,
    key_sha256: Option<Text<'a>>,
    fingerprint: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Bytes {
    client: u64,
    server: u64,
}

impl Connection<'_> {
    /// Writes the cells.
    pub(super) fn write(&self, origin: &Origin<'_>, row: &mut Row<'_>) {
        origin.write(row);
        row.fixed(self.id.cell());
        row.fixed(self.time.cell());
        row.fixed(self.end.cell());
        self.flow.write(row);
        row.text(&self.transport);
        for text in [&self.version, &self.cipher, &self.sni] {
            row.text(text.or_empty());
        }
        row.flag(self.ech);
        row.text(self.alpn.or_empty());
        row.texts(self.offered_alpn.iter().map(|name| [&**name]));
        row.text(self.ja4.or_empty());
        row.text(self.ja4_stable.or_empty());
        row.maybe(self.resumed.map(|resumed| [u8::from(resumed)]));
        self.certificate.as_ref().unwrap_or(&Certificate::default()).write_servers(row);
        row.flag(self.client_cert_requested);
        self.client_cert.as_ref().unwrap_or(&Certificate::default()).write_clients(row);
        self.client.write_place(row);
        row.fixed(self.bytes.client.to_le_bytes());
        row.fixed(self.bytes.server.to_le_bytes());
        row.text(&self.completeness);
        row.texts(self.anomalies.iter().map(|name| [&**name]));
    }
}

impl Certificate<'_> {
    fn write_servers(&self, row: &mut Row<'_>) {
        row.text(self.subject.or_empty());
        row.texts(self.names.iter().map(|name| [&**name]));
        row.text(self.issuer.or_empty());
        row.maybe(self.not_before.map(Micros::cell));
        row.maybe(self.not_after.map(Micros::cell));
        row.flag(self.self_signed);
        row.text(self.sha256.or_empty());
        row.text(self.key_sha256.or_empty());
    }

    fn write_clients(&self, row: &mut Row<'_>) {
        for text in [&self.subject, &self.issuer, &self.fingerprint, &self.key_sha256] {
            row.text(text.or_empty());
        }
    }
}
