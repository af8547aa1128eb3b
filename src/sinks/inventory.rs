//! What there is, as records: the ledger's endpoints, credentials and principals, services, and proposals of labels.
//! It is given each transaction once, in order, hands it on to the ledger, and gives `heelguard.inventory/1` records at
//! the end.
//! It promises bounded memory (the ledger's limits, `ENTRIES_MAX` services, the rest counted) and an order that depends
//! on names alone.

mod evidence;
mod passport;
mod proposal;
mod recent;
mod records;
mod table;

pub use table::ENTRIES_MAX;

use crate::ledger::Ledger;
use crate::ledger::endpoint::Endpoint as Row;
use crate::ledger::gaps::gaps;
use crate::ledger::passport::passports;
use evidence::Evidence;
use heelguard_detectors::saved::{Damaged, Saved};
use heelguard_detectors::transaction::{Endpoint, Transaction};
use passport::GapRecord;
use proposal::Proposal;
use records::{CredentialRecord, EndpointRecord, Head, PrincipalRecord, ServiceRecord, SuggestionRecord};
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

/// The fold: the ledger, and beside it what only records tell.
#[derive(Default)]
pub struct Inventory {
    ledger: Arc<Ledger>,
    services: Table<(Arc<str>, IpAddr, u16), &'static str>,
    evidence: Evidence,
}

/// The parts that are kept beside the ledger's.
const SERVICES: &str = "inventory.services";
const EVIDENCE: &str = "inventory.evidence";

impl Inventory {
    /// An inventory over a ledger that somebody looks at.
    pub fn over(ledger: Arc<Ledger>) -> Self {
        Self { ledger, ..Self::default() }
    }

    /// Takes in one transaction; the second sight of an exchange is passed over.
    pub fn observe(&mut self, tx: &Transaction) {
        if tx.repeat_of.is_some() {
            return;
        }
        self.ledger.observe(tx);
        if let Some(endpoint) = tx.endpoint() {
            self.evidence.observe(tx, &endpoint);
        }
        if let Some(request) = &tx.request {
            let service = (request.host.clone(), tx.flow.dst.ip(), tx.flow.dst.port());
            if let Some((seen, protocol)) = self.services.entry(service, tx.time, || tx.protocol.name()) {
                seen.add(tx);
                *protocol = tx.protocol.name();
            }
        }
    }

    /// The names of the parts in which it can be saved, for a run that goes on from here.
    pub fn parts(&self) -> Vec<String> {
        let own = [SERVICES, EVIDENCE].map(str::to_owned);
        own.into_iter().chain(self.ledger.parts()).collect()
    }

    /// The bytes of one of them.
    pub fn save(&self, part: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        match part {
            SERVICES => self.services.save(&mut out),
            EVIDENCE => self.evidence.save(&mut out),
            part => return self.ledger.save(part),
        }
        Some(out)
    }

    /// Goes on from what was saved, and from nothing else: bytes that are left are damage, and then it is empty.
    pub fn load(&mut self, part: &str, from: &[u8]) -> Result<(), Damaged> {
        let mut rest = from;
        let loaded = match part {
            SERVICES => Saved::load(&mut rest).map(|services| self.services = services),
            EVIDENCE => Saved::load(&mut rest).map(|evidence| self.evidence = evidence),
            part => {
                rest = &[];
                self.ledger.load(part, from)
            }
        };
        if loaded.is_err() || !rest.is_empty() {
            self.ledger.forget();
            *self = Self::over(Arc::clone(&self.ledger));
            return Err(Damaged);
        }
        Ok(())
    }

    /// What had no room: things that the ledger gave up, and sightings beyond the other limits.
    pub fn left_out(&self) -> u64 {
        let rooms = self.ledger.overview().rooms;
        let given_up = rooms.iter().filter(|room| room.name != "alerts").map(|room| room.given_up);
        given_up.sum::<u64>() + self.services.left_out + self.evidence.left_out()
    }

    /// Tells all records: endpoints, suggestions, credentials, principals, services, each in the order of its names, then
    /// the gaps in the cover of second factors, the gravest first.
    pub fn write(&self, to: &mut impl Take) {
        let mut rows = self.ledger.rows();
        rows.endpoints.sort_by(|a, b| names(a).cmp(&names(b)));
        rows.credentials.sort_by_key(|credential| credential.fingerprint);
        rows.principals.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
        write_endpoints(&rows.endpoints, to);
        for proposal in self.evidence.proposals() {
            let Endpoint { method, host, route } = proposal.endpoint;
            to.take(&["suggestion", method, host, route, proposal.label()], &suggestion(&proposal));
        }
        let now = self.ledger.overview().span.map(|(_, last)| last).unwrap_or_default();
        let passports = passports(&rows.credentials, now);
        for credential in &rows.credentials {
            let place = passports.binary_search_by_key(&credential.fingerprint, |it| it.of.fingerprint).ok();
            let passport = place.and_then(|place| passports.get(place));
            let record = CredentialRecord::new(credential, passport);
            to.take(&["credential", &credential.fingerprint.to_string()], &record);
        }
        for principal in &rows.principals {
            to.take(&["principal", principal.kind.name(), &principal.id], &PrincipalRecord::new(principal));
        }
        for ((host, ip, port), (seen, protocol)) in self.services.iter() {
            let head = Head::new("service", seen);
            let record = ServiceRecord { head, host, ip: *ip, port: *port, protocol };
            to.take(&["service", host, &ip.to_string(), &port.to_string()], &record);
        }
        for gap in &gaps(&rows) {
            let Row { method, host, route, .. } = &*gap.endpoint;
            to.take(&["gap", gap.way.name(), method, host, route], &GapRecord::new(gap));
        }
    }
}

/// The names of an endpoint, in the order in which records are sorted.
fn names(endpoint: &Row) -> (&str, &str, &str) {
    (&endpoint.method, &endpoint.host, &endpoint.route)
}

fn write_endpoints(endpoints: &[Arc<Row>], to: &mut impl Take) {
    let mut methods: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for endpoint in endpoints {
        methods.entry((&endpoint.host, &endpoint.route)).or_default().push(&endpoint.method);
    }
    for endpoint in endpoints {
        let methods = methods.get(&(&*endpoint.host, &*endpoint.route)).map_or(&[][..], Vec::as_slice);
        let record = EndpointRecord::new(endpoint, methods);
        to.take(&["endpoint", &endpoint.method, &endpoint.host, &endpoint.route], &record);
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
