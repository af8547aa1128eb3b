//! `heelguard.transaction/1`: one request with its answer, as a line of JSON.
//! It is given a transaction and borrows everything; only numbers are formatted.
//! It promises nulls for what does not apply, so every record has the same keys.

use super::community_id::{Carrier, CommunityId};
use super::request::{ClientPart, GraphqlPart, RequestPart, ResponsePart};
use super::session::{ReusePart, SessionPart};
use super::tls::TlsPart;
use super::token::JwtPart;
use super::{Hex, Shown, Uuid};
use heelguard_detectors::anomaly::AnomalySet;
use heelguard_detectors::identity::{Credential, Principal, Proof};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Device, Exposure, Flow, Login, Mfa, Transaction};
use serde::{Serialize, Serializer};
use std::net::IpAddr;

/// A transaction as it is written.
#[derive(Serialize)]
pub struct TransactionRecord<'a> {
    schema: &'static str,
    id: Uuid,
    time: Shown<EventTime>,
    end: Shown<EventTime>,
    ttfb_us: Option<u64>,
    flow: FlowPart<'a>,
    protocol: &'static str,
    tls: Option<TlsPart<'a>>,
    request: Option<RequestPart<'a>>,
    response: Option<ResponsePart<'a>>,
    client: ClientPart<'a>,
    device: Option<Shown<Device>>,
    principal: PrincipalPart<'a>,
    credentials: Parts<'a, Credential>,
    jwt: Option<JwtPart<'a>>,
    mfa: Option<MfaPart>,
    outcome: &'static str,
    completeness: &'static str,
    anomalies: Anomalies,
    // What follows goes beyond the first version of the schema.
    activity: &'static str,
    proof: ProofPart,
    login: Option<LoginPart<'a>>,
    exposed: Parts<'a, Exposure>,
    graphql: Option<GraphqlPart<'a>>,
    repeat_of: Option<Uuid>,
    session: Option<SessionPart>,
    reuse: Option<ReusePart>,
}

impl<'a> TransactionRecord<'a> {
    /// The name of this form.
    pub const SCHEMA: &'static str = "heelguard.transaction/1";

    /// The record of `transaction`.
    pub fn new(transaction: &'a Transaction) -> Self {
        let tx = transaction;
        Self {
            schema: Self::SCHEMA,
            id: Uuid(tx.id.0),
            time: Shown(tx.time),
            end: Shown(tx.end),
            ttfb_us: tx.ttfb_us,
            flow: FlowPart::new(&tx.flow),
            protocol: tx.protocol.name(),
            tls: tx.tls.as_deref().map(TlsPart::new),
            request: tx.request.as_ref().map(RequestPart::new),
            response: tx.response.as_ref().map(ResponsePart::new),
            client: ClientPart::new(&tx.client),
            device: tx.device.map(Shown),
            principal: PrincipalPart::new(&tx.principal),
            credentials: Parts(&tx.credentials),
            jwt: tx.jwt.as_ref().map(JwtPart::new),
            mfa: tx.mfa.as_ref().map(MfaPart::new),
            outcome: tx.outcome.name(),
            completeness: tx.completeness.name(),
            anomalies: Anomalies(tx.anomalies),
            activity: tx.activity.name(),
            proof: ProofPart::new(&tx.proof),
            login: tx.login.as_ref().map(LoginPart::new),
            exposed: Parts(&tx.exposed),
            graphql: tx.request.as_ref().and_then(|request| request.graphql.as_ref()).map(GraphqlPart::new),
            repeat_of: tx.repeat_of.map(|id| Uuid(id.0)),
            session: tx.session.as_ref().map(SessionPart::new),
            reuse: tx.reuse.as_ref().map(ReusePart::new),
        }
    }
}

#[derive(Serialize)]
pub(super) struct FlowPart<'a> {
    community_id: CommunityId,
    src_ip: IpAddr,
    src_port: u16,
    dst_ip: IpAddr,
    dst_port: u16,
    vlan: &'a [u16],
    tunnel: Option<&'a str>,
    vni: Option<u32>,
}

impl<'a> FlowPart<'a> {
    pub(super) fn new(flow: &'a Flow) -> Self {
        Self::over(Carrier::Tcp, flow)
    }

    pub(super) fn over(carrier: Carrier, flow: &'a Flow) -> Self {
        Self {
            community_id: CommunityId::of(carrier, flow.src, flow.dst),
            src_ip: flow.src.ip(),
            src_port: flow.src.port(),
            dst_ip: flow.dst.ip(),
            dst_port: flow.dst.port(),
            vlan: &flow.vlan,
            tunnel: flow.tunnel,
            vni: flow.vni,
        }
    }
}

/// Who, in alerts and transactions alike.
#[derive(Serialize)]
pub(super) struct PrincipalPart<'a> {
    kind: &'static str,
    id: &'a str,
    source: &'static str,
}

impl<'a> PrincipalPart<'a> {
    pub(super) fn new(principal: &'a Principal) -> Self {
        Self { kind: principal.kind.name(), id: &principal.id, source: principal.source.name() }
    }
}

#[derive(Serialize)]
struct CredentialPart<'a> {
    kind: &'static str,
    class: &'static str,
    location: &'static str,
    name: &'a str,
    fingerprint: Hex,
    /// Only where others have it, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<KnownPart>,
}

#[derive(Serialize)]
struct KnownPart {
    why: &'static str,
    source: &'static str,
    line: u32,
}

impl<'a> From<&'a Credential> for CredentialPart<'a> {
    fn from(credential: &'a Credential) -> Self {
        Self {
            kind: credential.kind.name(),
            class: credential.class,
            location: credential.location.name(),
            name: &credential.name,
            fingerprint: Hex::of(credential.fingerprint),
            known: credential.known.map(|known| KnownPart {
                why: known.why.name(),
                source: known.source,
                line: known.line,
            }),
        }
    }
}

#[derive(Serialize)]
struct ExposurePart<'a> {
    kind: &'static str,
    class: &'static str,
    name: &'a str,
}

impl<'a> From<&'a Exposure> for ExposurePart<'a> {
    fn from(exposure: &'a Exposure) -> Self {
        Self { kind: exposure.kind.name(), class: exposure.class, name: &exposure.name }
    }
}

/// A list whose members are converted while they are written: no list is built.
struct Parts<'a, T>(&'a [T]);

impl Serialize for Parts<'_, Credential> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(CredentialPart::from))
    }
}

impl Serialize for Parts<'_, Exposure> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ExposurePart::from))
    }
}

#[derive(Serialize)]
struct MfaPart {
    event: &'static str,
    factor: &'static str,
    outcome: &'static str,
    ticket: Option<Hex>,
    codes_left: Option<u32>,
}

impl MfaPart {
    fn new(mfa: &Mfa) -> Self {
        Self {
            event: mfa.event.name(),
            factor: mfa.factor.name(),
            outcome: mfa.outcome.name(),
            ticket: mfa.ticket.map(Hex::of),
            codes_left: mfa.codes_left,
        }
    }
}

#[derive(Serialize)]
struct ProofPart {
    level: &'static str,
    factor: Option<&'static str>,
    mfa_at: Option<Shown<EventTime>>,
    account_has_mfa: bool,
}

impl ProofPart {
    fn new(proof: &Proof) -> Self {
        Self {
            level: proof.level.name(),
            factor: proof.factor.map(heelguard_detectors::identity::Factor::name),
            mfa_at: proof.mfa_at.map(Shown),
            account_has_mfa: proof.account_has_mfa,
        }
    }
}

#[derive(Serialize)]
struct LoginPart<'a> {
    name: Option<&'a str>,
    outcome: &'static str,
}

impl<'a> LoginPart<'a> {
    fn new(login: &'a Login) -> Self {
        Self { name: login.name.as_deref(), outcome: login.outcome.name() }
    }
}

pub(super) struct Anomalies(pub(super) AnomalySet);

impl Serialize for Anomalies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(heelguard_detectors::anomaly::Anomaly::name))
    }
}
