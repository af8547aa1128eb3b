//! `heelguard.transaction/1` as a row.
//! It is given a record's JSON and borrows its strings.
//! It promises one cell a column, in the order of the table.

use super::Origin;
use super::block::Row;
use super::values::{Id, Ip, Micros, OrEmpty as _, Text};
use serde::Deserialize;

/// The record, as far as it is kept.
#[derive(Deserialize)]
pub(super) struct Transaction<'a> {
    id: Id,
    time: Micros,
    end: Micros,
    ttfb_us: Option<u64>,
    #[serde(borrow)]
    flow: Flow<'a>,
    protocol: Text<'a>,
    #[serde(default)]
    tls: Option<Tls<'a>>,
    request: Option<Request<'a>>,
    response: Option<Response<'a>>,
    client: Client<'a>,
    device: Option<Text<'a>>,
    principal: Principal<'a>,
    credentials: Vec<Credential<'a>>,
    jwt: Option<Jwt<'a>>,
    mfa: Option<Mfa<'a>>,
    outcome: Text<'a>,
    completeness: Text<'a>,
    anomalies: Vec<Text<'a>>,
    #[serde(default)]
    activity: Text<'a>,
    #[serde(default)]
    proof: Proof<'a>,
    #[serde(default)]
    login: Option<Login<'a>>,
    #[serde(default)]
    exposed: Vec<Exposure<'a>>,
    #[serde(default)]
    graphql: Option<Graphql<'a>>,
    #[serde(default)]
    repeat_of: Option<Id>,
    #[serde(default)]
    session: Option<Session<'a>>,
    #[serde(default)]
    reuse: Option<Reuse<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Flow<'a> {
    #[serde(borrow)]
    community_id: Text<'a>,
    src_ip: Ip,
    src_port: u16,
    dst_ip: Ip,
    dst_port: u16,
    vlan: Vec<u16>,
    tunnel: Option<Text<'a>>,
    vni: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tls<'a> {
    #[serde(borrow)]
    version: Option<Text<'a>>,
    cipher: Option<Text<'a>>,
    sni: Option<Text<'a>>,
    alpn: Option<Text<'a>>,
    ja4: Option<Text<'a>>,
    decrypted: bool,
    client_cert: Option<Text<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Request<'a> {
    #[serde(borrow)]
    method: Text<'a>,
    scheme: Text<'a>,
    host: Text<'a>,
    path: Text<'a>,
    route: Text<'a>,
    query_keys: Vec<Text<'a>>,
    bytes: u64,
    content_type: Option<Text<'a>>,
    user_agent: Option<Text<'a>>,
    agent_kind: Text<'a>,
    labels: Vec<Text<'a>>,
    identity_headers: Vec<IdentityHeader<'a>>,
}

#[derive(Deserialize)]
struct IdentityHeader<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    claim: Text<'a>,
    by_proxy: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Response<'a> {
    status: Option<u16>,
    grpc_status: Option<u32>,
    bytes: u64,
    #[serde(borrow)]
    content_type: Option<Text<'a>>,
    items: Option<u32>,
    retry_after_s: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct Client<'a> {
    ip: Ip,
    #[serde(borrow)]
    country: Option<Text<'a>>,
    city: Option<Text<'a>>,
    lat: Option<f32>,
    lon: Option<f32>,
    asn: Option<u32>,
    #[serde(default)]
    class: Option<Text<'a>>,
    #[serde(default)]
    claimed_ip: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Principal<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    id: Text<'a>,
    source: Text<'a>,
}

#[derive(Deserialize)]
struct Credential<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    class: Text<'a>,
    location: Text<'a>,
    name: Text<'a>,
    fingerprint: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Jwt<'a> {
    #[serde(borrow)]
    alg: Text<'a>,
    kid: Option<Text<'a>>,
    iss: Option<Text<'a>>,
    aud: Vec<Text<'a>>,
    client_id: Option<Text<'a>>,
    scope: Vec<Text<'a>>,
    amr: Vec<Text<'a>>,
    expires_in_s: Option<i64>,
    lifetime_s: Option<i64>,
    check: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Mfa<'a> {
    #[serde(borrow)]
    event: Text<'a>,
    factor: Text<'a>,
    outcome: Text<'a>,
    ticket: Option<Text<'a>>,
    codes_left: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Proof<'a> {
    #[serde(borrow)]
    level: Text<'a>,
    factor: Option<Text<'a>>,
    mfa_at: Option<Micros>,
    account_has_mfa: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Login<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    outcome: Text<'a>,
}

#[derive(Deserialize)]
struct Exposure<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    class: Text<'a>,
    name: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Graphql<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    operation: Option<Text<'a>>,
    fields: Vec<Text<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Session<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    since: Option<Micros>,
    renewals: u32,
    ended: Option<Ended<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ended<'a> {
    #[serde(borrow)]
    cause: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reuse<'a> {
    #[serde(borrow)]
    what: Text<'a>,
    first: Option<Micros>,
    same_client: bool,
}

impl Transaction<'_> {
    /// Writes the cells.
    pub(super) fn write(&self, origin: &Origin<'_>, row: &mut Row<'_>) {
        origin.write(row);
        row.fixed(self.id.cell());
        row.fixed(self.time.cell());
        row.fixed(self.end.cell());
        row.maybe(self.ttfb_us.map(u64::to_le_bytes));
        self.flow.write(row);
        row.text(&self.protocol);
        self.tls.as_ref().unwrap_or(&Tls::default()).write(row);
        self.request.as_ref().unwrap_or(&Request::default()).write(row);
        self.response.as_ref().unwrap_or(&Response::default()).write(row);
        self.client.write(row);
        row.text(self.device.or_empty());
        for text in [&self.principal.kind, &self.principal.id, &self.principal.source] {
            row.text(text);
        }
        row.texts(self.credentials.iter().map(|shown| {
            let Credential { kind, class, location, name, fingerprint } = shown;
            [kind, class, location, name, fingerprint].map(|text| &**text)
        }));
        self.jwt.as_ref().unwrap_or(&Jwt::default()).write(row);
        self.mfa.as_ref().unwrap_or(&Mfa::default()).write(row);
        row.text(&self.outcome);
        row.text(&self.completeness);
        row.texts(self.anomalies.iter().map(|name| [&**name]));
        row.text(&self.activity);
        self.write_proof(row);
        row.texts(self.exposed.iter().map(|part| [&part.kind, &part.class, &part.name].map(|text| &**text)));
        self.write_rest(row);
    }

    fn write_proof(&self, row: &mut Row<'_>) {
        row.text(&self.proof.level);
        row.text(self.proof.factor.or_empty());
        row.maybe(self.proof.mfa_at.map(Micros::cell));
        row.flag(self.proof.account_has_mfa);
        let login = self.login.as_ref();
        row.text(login.and_then(|login| login.name.as_deref()).unwrap_or_default());
        row.text(login.map(|login| &*login.outcome).unwrap_or_default());
    }

    fn write_rest(&self, row: &mut Row<'_>) {
        let graphql = self.graphql.as_ref();
        row.text(graphql.map(|graphql| &*graphql.kind).unwrap_or_default());
        row.text(graphql.and_then(|graphql| graphql.operation.as_deref()).unwrap_or_default());
        row.texts(graphql.iter().flat_map(|graphql| graphql.fields.iter().map(|name| [&**name])));
        row.maybe(self.repeat_of.map(Id::cell));
        let session = self.session.as_ref();
        row.text(session.map(|session| &*session.id).unwrap_or_default());
        row.maybe(session.and_then(|session| session.since).map(Micros::cell));
        row.fixed(session.map_or(0, |session| session.renewals).to_le_bytes());
        row.text(
            session.and_then(|session| session.ended.as_ref()).map(|end| &*end.cause).unwrap_or_default(),
        );
        let reuse = self.reuse.as_ref();
        row.text(reuse.map(|reuse| &*reuse.what).unwrap_or_default());
        row.maybe(reuse.and_then(|reuse| reuse.first).map(Micros::cell));
        row.flag(reuse.is_some_and(|reuse| reuse.same_client));
    }
}

impl Flow<'_> {
    pub(super) fn write(&self, row: &mut Row<'_>) {
        row.text(&self.community_id);
        row.fixed(self.src_ip.0);
        row.fixed(self.src_port.to_le_bytes());
        row.fixed(self.dst_ip.0);
        row.fixed(self.dst_port.to_le_bytes());
        row.list(&self.vlan, |tag, parts| parts.iter_mut().for_each(|part| part.extend(tag.to_le_bytes())));
        row.text(self.tunnel.or_empty());
        row.fixed(self.vni.unwrap_or(0).to_le_bytes());
    }
}

impl Tls<'_> {
    fn write(&self, row: &mut Row<'_>) {
        for text in [&self.version, &self.cipher, &self.sni, &self.alpn, &self.ja4] {
            row.text(text.or_empty());
        }
        row.flag(self.decrypted);
        row.text(self.client_cert.or_empty());
    }
}

impl Request<'_> {
    fn write(&self, row: &mut Row<'_>) {
        for text in [&self.method, &self.scheme, &self.host, &self.path, &self.route] {
            row.text(text);
        }
        row.texts(self.query_keys.iter().map(|name| [&**name]));
        row.fixed(self.bytes.to_le_bytes());
        row.text(self.content_type.or_empty());
        row.text(self.user_agent.or_empty());
        row.text(&self.agent_kind);
        row.texts(self.labels.iter().map(|name| [&**name]));
        row.list(&self.identity_headers, |header, parts| {
            if let [names, claims, by_proxy] = parts {
                super::block::push_text(names, &header.name);
                super::block::push_text(claims, &header.claim);
                by_proxy.push(u8::from(header.by_proxy));
            }
        });
    }
}

impl Response<'_> {
    fn write(&self, row: &mut Row<'_>) {
        row.fixed(self.status.unwrap_or(0).to_le_bytes());
        row.maybe(self.grpc_status.map(u32::to_le_bytes));
        row.fixed(self.bytes.to_le_bytes());
        row.text(self.content_type.or_empty());
        row.maybe(self.items.map(u32::to_le_bytes));
        row.maybe(self.retry_after_s.map(u32::to_le_bytes));
    }
}

impl Client<'_> {
    fn write(&self, row: &mut Row<'_>) {
        self.write_place(row);
        row.text(self.claimed_ip.or_empty());
    }

    /// Where it is.
    pub(super) fn write_place(&self, row: &mut Row<'_>) {
        row.fixed(self.ip.0);
        row.text(self.country.or_empty());
        row.text(self.city.or_empty());
        row.maybe(self.lat.map(f32::to_le_bytes));
        row.maybe(self.lon.map(f32::to_le_bytes));
        row.fixed(self.asn.unwrap_or(0).to_le_bytes());
        row.text(self.class.or_empty());
    }
}

impl Jwt<'_> {
    fn write(&self, row: &mut Row<'_>) {
        row.text(&self.alg);
        row.text(self.kid.or_empty());
        row.text(self.iss.or_empty());
        row.texts(self.aud.iter().map(|name| [&**name]));
        row.text(self.client_id.or_empty());
        row.texts(self.scope.iter().map(|name| [&**name]));
        row.texts(self.amr.iter().map(|name| [&**name]));
        row.maybe(self.expires_in_s.map(i64::to_le_bytes));
        row.maybe(self.lifetime_s.map(i64::to_le_bytes));
        row.text(&self.check);
    }
}

impl Mfa<'_> {
    fn write(&self, row: &mut Row<'_>) {
        for text in [&self.event, &self.factor, &self.outcome] {
            row.text(text);
        }
        row.text(self.ticket.or_empty());
        row.maybe(self.codes_left.map(u32::to_le_bytes));
    }
}
