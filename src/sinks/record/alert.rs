//! `heelguard.alert/1`: one state of one episode, as a line of JSON.
//! It is given an alert and the sensor's labels and borrows both.
//! It promises nulls for the parts that do not apply, and the detector's facts in the detector's order.

use super::transaction::PrincipalPart;
use super::{Hex, Labels, Shown, Uuid};
use heelguard_detectors::alert::{Alert, AlertClient, Evidence, Fact, Visibility};
use heelguard_detectors::identity::{Country, Credential};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::Endpoint;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use std::net::IpAddr;

/// An alert as it is written.
#[derive(Serialize)]
pub struct AlertRecord<'a> {
    schema: &'static str,
    id: Uuid,
    rev: u32,
    status: &'static str,
    rule: &'static str,
    detector: &'static str,
    title: &'static str,
    severity: &'static str,
    confidence: &'static str,
    message: &'a str,
    time: Shown<EventTime>,
    first_seen: Shown<EventTime>,
    last_seen: Shown<EventTime>,
    count: u64,
    threshold: u64,
    window_s: Option<u64>,
    subject: SubjectPart<'a>,
    principal: Option<PrincipalPart<'a>>,
    client: Option<ClientPart<'a>>,
    credential: Option<CredentialPart>,
    endpoint: Option<EndpointPart<'a>>,
    evidence: EvidenceList<'a>,
    facts: Facts<'a>,
    response: &'static str,
    mitre: &'static [&'static str],
    owasp: &'static [&'static str],
    visibility: VisibilityPart,
    tenant: &'a str,
    sensor: &'a str,
}

impl<'a> AlertRecord<'a> {
    /// The name of this form.
    pub const SCHEMA: &'static str = "heelguard.alert/1";

    /// The record of `alert`.
    pub fn new(alert: &'a Alert, labels: &'a Labels) -> Self {
        Self {
            schema: Self::SCHEMA,
            id: Uuid(alert.id.0),
            rev: alert.rev,
            status: alert.status.name(),
            rule: alert.rule,
            detector: alert.detector,
            title: alert.title,
            severity: alert.severity.name(),
            confidence: alert.confidence.name(),
            message: &alert.message,
            time: Shown(alert.time),
            first_seen: Shown(alert.first_seen),
            last_seen: Shown(alert.last_seen),
            count: alert.count,
            threshold: alert.threshold,
            window_s: alert.window.map(|window| window.as_secs()),
            subject: SubjectPart { scope: alert.subject.scope.name(), value: &alert.subject.value },
            principal: alert.principal.as_ref().map(PrincipalPart::new),
            client: alert.client.as_ref().map(ClientPart::new),
            credential: alert.credential.as_ref().map(CredentialPart::new),
            endpoint: alert.endpoint.as_ref().map(EndpointPart::new),
            evidence: EvidenceList(&alert.evidence),
            facts: Facts(&alert.facts),
            response: alert.response,
            mitre: alert.mitre,
            owasp: alert.owasp,
            visibility: VisibilityPart::new(alert.visibility),
            tenant: &labels.tenant,
            sensor: &labels.sensor,
        }
    }
}

#[derive(Serialize)]
struct SubjectPart<'a> {
    scope: &'static str,
    value: &'a str,
}

#[derive(Serialize)]
struct ClientPart<'a> {
    ip: IpAddr,
    country: Option<&'a str>,
    asn: Option<u32>,
    device: Option<&'a str>,
}

impl<'a> ClientPart<'a> {
    fn new(client: &'a AlertClient) -> Self {
        Self {
            ip: client.ip,
            country: client.country.as_ref().map(Country::as_str),
            asn: client.asn,
            device: client.device.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct CredentialPart {
    kind: &'static str,
    class: &'static str,
    location: &'static str,
    fingerprint: Hex,
}

impl CredentialPart {
    fn new(credential: &Credential) -> Self {
        Self {
            kind: credential.kind.name(),
            class: credential.class,
            location: credential.location.name(),
            fingerprint: Hex(u128::from_be_bytes(credential.fingerprint.0)),
        }
    }
}

#[derive(Serialize)]
struct EndpointPart<'a> {
    method: &'a str,
    host: &'a str,
    route: &'a str,
}

impl<'a> EndpointPart<'a> {
    fn new(endpoint: &'a Endpoint) -> Self {
        Self { method: &endpoint.method, host: &endpoint.host, route: &endpoint.route }
    }
}

#[derive(Serialize)]
struct EvidencePart<'a> {
    transaction: Uuid,
    time: Shown<EventTime>,
    method: &'a str,
    path: &'a str,
    status: Option<u16>,
    note: &'a str,
}

struct EvidenceList<'a>(&'a [Evidence]);

impl Serialize for EvidenceList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|evidence| EvidencePart {
            transaction: Uuid(evidence.transaction.0),
            time: Shown(evidence.time),
            method: &evidence.method,
            path: &evidence.path,
            status: evidence.status,
            note: &evidence.note,
        }))
    }
}

struct Facts<'a>(&'a [(&'static str, Fact)]);

impl Serialize for Facts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, fact) in self.0 {
            match fact {
                Fact::Count(count) => map.serialize_entry(name, count)?,
                Fact::Number(number) => map.serialize_entry(name, number)?,
                Fact::Flag(flag) => map.serialize_entry(name, flag)?,
                Fact::Text(text) => map.serialize_entry(name, text)?,
                Fact::List(list) => map.serialize_entry(name, list)?,
            }
        }
        map.end()
    }
}

#[derive(Serialize)]
struct VisibilityPart {
    loss_pct: f64,
    truncated: u32,
    one_way: bool,
}

impl VisibilityPart {
    fn new(visibility: Visibility) -> Self {
        Self { loss_pct: visibility.loss_pct, truncated: visibility.truncated, one_way: visibility.one_way }
    }
}
