//! What there is: endpoints, credentials, principals and services, folded from transactions; and proposals of labels.
//! It is given each transaction once, in order, and gives `heelguard.inventory/1` records at the end.
//! It promises bounded memory (`ENTRIES_MAX` a kind, the rest counted) and an order that depends on names alone.

mod evidence;
mod proposal;
mod recent;
mod records;
mod table;

pub use table::ENTRIES_MAX;

use super::record::LabelNames;
use evidence::Evidence;
use heelguard_detectors::identity::{Credential, Fingerprint, Principal, PrincipalKind, ProofLevel};
use heelguard_detectors::label::Labels;
use heelguard_detectors::saved::{Damaged, Saved, saved};
use heelguard_detectors::transaction::{Endpoint, Transaction};
use proposal::Proposal;
use records::{
    CredentialRecord, EndpointRecord, Head, PrincipalRecord, Proofs, ServiceRecord, SuggestionRecord,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use table::Table;

/// Whoever takes the records.
pub trait Take {
    /// One record, and the names of the thing it is about: two records of one thing have the same.
    fn take(&mut self, names: &[&str], record: &impl Serialize);
}

/// The name of the records' form.
pub const SCHEMA: &str = "heelguard.inventory/1";

/// What an endpoint is for, and what its callers have shown.
#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    labels: Labels,
    with_credential: u64,
    without_credential: u64,
    /// Successes by what was proved, in the order of the list.
    proofs: [u64; ProofLevel::ALL.len()],
}

saved!(Shown { labels, with_credential, without_credential, proofs });

/// The fold.
pub struct Inventory {
    endpoints: Table<Endpoint, Shown>,
    credentials: Table<Fingerprint, (Credential, Principal)>,
    principals: Table<(PrincipalKind, Arc<str>), Principal>,
    services: Table<(Arc<str>, IpAddr, u16), &'static str>,
    evidence: Evidence,
}

impl Default for Inventory {
    fn default() -> Self {
        Self {
            endpoints: Table::new(),
            credentials: Table::new(),
            principals: Table::new(),
            services: Table::new(),
            evidence: Evidence::default(),
        }
    }
}

impl Inventory {
    /// Takes in one transaction; the second sight of an exchange is passed over.
    pub fn observe(&mut self, tx: &Transaction) {
        if tx.repeat_of.is_some() {
            return;
        }
        if let Some(endpoint) = tx.endpoint() {
            self.evidence.observe(tx, &endpoint);
            self.observe_endpoint(tx, endpoint);
        }
        for credential in &tx.credentials {
            let holder = || (credential.clone(), tx.principal.clone());
            if let Some((seen, (_, principal))) =
                self.credentials.entry(credential.fingerprint, tx.time, holder)
            {
                seen.add(tx);
                *principal = tx.principal.clone();
            }
        }
        let who = (tx.principal.kind, tx.principal.id.clone());
        if let Some((seen, _)) = self.principals.entry(who, tx.time, || tx.principal.clone()) {
            seen.add(tx);
        }
        if let Some(request) = &tx.request {
            let service = (request.host.clone(), tx.flow.dst.ip(), tx.flow.dst.port());
            if let Some((seen, protocol)) = self.services.entry(service, tx.time, || tx.protocol.name()) {
                seen.add(tx);
                *protocol = tx.protocol.name();
            }
        }
    }

    fn observe_endpoint(&mut self, tx: &Transaction, endpoint: Endpoint) {
        let Some((seen, shown)) = self.endpoints.entry(endpoint, tx.time, Shown::default) else { return };
        seen.add(tx);
        shown.labels = shown.labels.or(tx.request.as_ref().map_or(Labels::NONE, |request| request.labels));
        let counter = if tx.credentials.is_empty() {
            &mut shown.without_credential
        } else {
            &mut shown.with_credential
        };
        *counter += 1;
        if tx.succeeded()
            && let Some(count) = shown.proofs.get_mut(tx.proof.level as usize)
        {
            *count += 1;
        }
    }

    /// Appends all that was seen, for a run that goes on from here.
    pub fn save(&self, out: &mut Vec<u8>) {
        self.endpoints.save(out);
        self.credentials.save(out);
        self.principals.save(out);
        self.services.save(out);
        self.evidence.save(out);
    }

    /// An inventory that goes on from what was saved, and from nothing else: bytes that are left are damage.
    pub fn load(mut from: &[u8]) -> Result<Self, Damaged> {
        let from = &mut from;
        let inventory = Self {
            endpoints: Saved::load(from)?,
            credentials: Saved::load(from)?,
            principals: Saved::load(from)?,
            services: Saved::load(from)?,
            evidence: Saved::load(from)?,
        };
        if from.is_empty() { Ok(inventory) } else { Err(Damaged) }
    }

    /// Observations of things beyond the limit.
    pub fn left_out(&self) -> u64 {
        self.endpoints.left_out
            + self.credentials.left_out
            + self.principals.left_out
            + self.services.left_out
            + self.evidence.left_out()
    }

    /// Tells all records: endpoints, suggestions, credentials, principals, services, each in the order of its names.
    pub fn write(&self, to: &mut impl Take) {
        self.write_endpoints(to);
        for proposal in self.evidence.proposals() {
            let Endpoint { method, host, route } = proposal.endpoint;
            to.take(&["suggestion", method, host, route, proposal.label()], &suggestion(&proposal));
        }
        for (fingerprint, (seen, (credential, principal))) in self.credentials.iter() {
            let head = Head::new("credential", seen);
            let name = format!("{:032x}", u128::from_be_bytes(fingerprint.0));
            let record = CredentialRecord::new(head, *fingerprint, credential, principal);
            to.take(&["credential", &name], &record);
        }
        for ((kind, id), (seen, principal)) in self.principals.iter() {
            let record = PrincipalRecord::new(Head::new("principal", seen), principal);
            to.take(&["principal", kind.name(), id], &record);
        }
        for ((host, ip, port), (seen, protocol)) in self.services.iter() {
            let head = Head::new("service", seen);
            let record = ServiceRecord { head, host, ip: *ip, port: *port, protocol };
            to.take(&["service", host, &ip.to_string(), &port.to_string()], &record);
        }
    }

    fn write_endpoints(&self, to: &mut impl Take) {
        let mut methods: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for (endpoint, _) in self.endpoints.iter() {
            methods.entry((&endpoint.host, &endpoint.route)).or_default().push(&endpoint.method);
        }
        for (endpoint, (seen, shown)) in self.endpoints.iter() {
            let Endpoint { method, host, route } = endpoint;
            let record = EndpointRecord {
                head: Head::new("endpoint", seen),
                method,
                host,
                route,
                with_credential: shown.with_credential,
                without_credential: shown.without_credential,
                labels: LabelNames(shown.labels),
                methods: methods.get(&(&**host, &**route)).map_or(&[], Vec::as_slice),
                proofs: Proofs(&shown.proofs),
            };
            to.take(&["endpoint", method, host, route], &record);
        }
    }
}

fn suggestion<'a>(proposal: &'a Proposal<'_>) -> SuggestionRecord<'a> {
    SuggestionRecord {
        schema: SCHEMA,
        kind: "suggestion",
        method: &proposal.endpoint.method,
        host: &proposal.endpoint.host,
        route: &proposal.endpoint.route,
        labels: [proposal.label()],
        sightings: proposal.sightings,
        reason: proposal.reason(),
        toml: proposal.toml(),
    }
}

#[cfg(test)]
mod tests;
