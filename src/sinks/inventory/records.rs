//! `heelguard.inventory/1`: the records of what there is, and of what an operator may want to write down.
//! They are given the ledger's rows and borrow from them.
//! They promise keys that are never renamed or removed within `/1`, only added at the end.

use super::SCHEMA;
use super::passport::PassportPart;
use super::table::Seen;
use crate::ledger::coverage::successes;
use crate::ledger::credential::Credential;
use crate::ledger::endpoint::Endpoint;
use crate::ledger::passport::Passport;
use crate::ledger::principal::Principal;
use crate::sinks::record::{Hex, LabelNames, Shown};
use heelguard_detectors::identity::{PrincipalKind, ProofLevel};
use heelguard_detectors::time::EventTime;
use serde::{Serialize, Serializer};
use std::net::IpAddr;

/// What all kinds of record about traffic begin with.
#[derive(Serialize)]
pub(super) struct Head {
    schema: &'static str,
    kind: &'static str,
    first_seen: Shown<EventTime>,
    last_seen: Shown<EventTime>,
    transactions: u64,
    success: u64,
    denied: u64,
}

impl Head {
    fn of(
        kind: &'static str,
        [first, last]: [EventTime; 2],
        [transactions, success, denied]: [u64; 3],
    ) -> Self {
        Self {
            schema: SCHEMA,
            kind,
            first_seen: Shown(first),
            last_seen: Shown(last),
            transactions,
            success,
            denied,
        }
    }

    pub(super) fn new(kind: &'static str, seen: &Seen) -> Self {
        Self::of(kind, [seen.first, seen.last], [seen.transactions, seen.success, seen.denied])
    }
}

#[derive(Serialize)]
pub(super) struct EndpointRecord<'a> {
    #[serde(flatten)]
    head: Head,
    method: &'a str,
    host: &'a str,
    route: &'a str,
    with_credential: u64,
    without_credential: u64,
    labels: LabelNames,
    /// All methods that were used on this route.
    methods: &'a [&'a str],
    proofs: Proofs<'a>,
}

impl<'a> EndpointRecord<'a> {
    pub(super) fn new(of: &'a Endpoint, methods: &'a [&'a str]) -> Self {
        Self {
            head: Head::of("endpoint", [of.first, of.last], [of.calls, successes(&of.proofs), of.denied]),
            method: &of.method,
            host: &of.host,
            route: &of.route,
            with_credential: of.calls - of.without_credential,
            without_credential: of.without_credential,
            labels: LabelNames(of.labels),
            methods,
            proofs: Proofs(&of.proofs),
        }
    }
}

/// Successes by what was proved, every level by its name.
pub(super) struct Proofs<'a>(pub(super) &'a [u64]);

impl Serialize for Proofs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(ProofLevel::ALL.iter().map(|level| level.name()).zip(self.0))
    }
}

/// A label that an operator may want to give.
#[derive(Serialize)]
pub(super) struct SuggestionRecord<'a> {
    pub(super) schema: &'static str,
    pub(super) kind: &'static str,
    pub(super) method: &'a str,
    pub(super) host: &'a str,
    pub(super) route: &'a str,
    pub(super) labels: [&'static str; 1],
    pub(super) sightings: u64,
    pub(super) reason: String,
    pub(super) toml: String,
}

#[derive(Serialize)]
struct PrincipalPart<'a> {
    kind: &'static str,
    id: &'a str,
}

#[derive(Serialize)]
pub(super) struct CredentialRecord<'a> {
    #[serde(flatten)]
    head: Head,
    fingerprint: Hex,
    credential_kind: &'static str,
    class: &'static str,
    location: &'static str,
    name: &'a str,
    principal: PrincipalPart<'a>,
    /// Of a credential that lasts.
    passport: Option<PassportPart<'a>>,
}

impl<'a> CredentialRecord<'a> {
    pub(super) fn new(of: &'a Credential, passport: Option<&Passport<'a>>) -> Self {
        let owner = of.owner().map(|(kind, id)| PrincipalPart { kind: kind.name(), id });
        Self {
            head: Head::of("credential", [of.first, of.last], [of.calls, successes(&of.proofs), of.denied]),
            fingerprint: Hex::of(of.fingerprint),
            credential_kind: of.kind.name(),
            class: of.class,
            location: of.location.name(),
            name: &of.name,
            // Nobody stands behind what was never tied to anybody.
            principal: owner.unwrap_or(PrincipalPart { kind: PrincipalKind::Anonymous.name(), id: "" }),
            passport: passport.map(PassportPart::new),
        }
    }
}

#[derive(Serialize)]
pub(super) struct PrincipalRecord<'a> {
    #[serde(flatten)]
    head: Head,
    principal: PrincipalPart<'a>,
    source: &'static str,
}

impl<'a> PrincipalRecord<'a> {
    pub(super) fn new(of: &'a Principal) -> Self {
        Self {
            head: Head::of("principal", [of.first, of.last], [of.calls, of.success, of.denied]),
            principal: PrincipalPart { kind: of.kind.name(), id: &of.id },
            source: of.source.name(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct ServiceRecord<'a> {
    #[serde(flatten)]
    pub(super) head: Head,
    pub(super) host: &'a str,
    pub(super) ip: IpAddr,
    pub(super) port: u16,
    pub(super) protocol: &'static str,
}
