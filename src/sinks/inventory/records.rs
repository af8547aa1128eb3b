//! `heelguard.inventory/1`: the records of what there is, and of what an operator may want to write down.
//! They are given the fold's entries and borrow from them.
//! They promise keys that are never renamed or removed within `/1`, only added at the end.

use super::SCHEMA;
use super::table::Seen;
use crate::sinks::record::{Hex, LabelNames, Shown};
use heelguard_detectors::identity::{Credential, Fingerprint, Principal, ProofLevel};
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
    pub(super) fn new(kind: &'static str, seen: &Seen) -> Self {
        Self {
            schema: SCHEMA,
            kind,
            first_seen: Shown(seen.first),
            last_seen: Shown(seen.last),
            transactions: seen.transactions,
            success: seen.success,
            denied: seen.denied,
        }
    }
}

#[derive(Serialize)]
pub(super) struct EndpointRecord<'a> {
    #[serde(flatten)]
    pub(super) head: Head,
    pub(super) method: &'a str,
    pub(super) host: &'a str,
    pub(super) route: &'a str,
    pub(super) with_credential: u64,
    pub(super) without_credential: u64,
    pub(super) labels: LabelNames,
    /// All methods that were used on this route.
    pub(super) methods: &'a [&'a str],
    pub(super) proofs: Proofs<'a>,
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

impl<'a> PrincipalPart<'a> {
    fn new(principal: &'a Principal) -> Self {
        Self { kind: principal.kind.name(), id: &principal.id }
    }
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
}

impl<'a> CredentialRecord<'a> {
    pub(super) fn new(
        head: Head,
        fingerprint: Fingerprint,
        credential: &'a Credential,
        principal: &'a Principal,
    ) -> Self {
        Self {
            head,
            fingerprint: Hex::of(fingerprint),
            credential_kind: credential.kind.name(),
            class: credential.class,
            location: credential.location.name(),
            name: &credential.name,
            principal: PrincipalPart::new(principal),
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
    pub(super) fn new(head: Head, principal: &'a Principal) -> Self {
        Self { head, principal: PrincipalPart::new(principal), source: principal.source.name() }
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
