//! What there is: endpoints, credentials, principals and services, folded from transactions.
//! It is given each transaction once, in order, and gives `heelguard.inventory/1` records at the end.
//! It promises bounded memory (`ENTRIES_MAX` a kind, the rest counted) and an order that depends on names alone.

use super::jsonl::Jsonl;
use super::record::{Hex, Shown};
use heelguard_detectors::identity::{Credential, Fingerprint, Principal, PrincipalKind};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Endpoint, Outcome, Transaction};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Entries of each kind; later ones are counted and left out.
pub const ENTRIES_MAX: usize = 50_000;

/// The name of the records' form.
pub const SCHEMA: &str = "heelguard.inventory/1";

/// How often a thing was seen, and when.
#[derive(Clone, Copy, Debug)]
struct Seen {
    transactions: u64,
    success: u64,
    denied: u64,
    first: EventTime,
    last: EventTime,
}

impl Seen {
    fn first_at(time: EventTime) -> Self {
        Self { transactions: 0, success: 0, denied: 0, first: time, last: time }
    }

    fn add(&mut self, tx: &Transaction) {
        self.transactions += 1;
        self.success += u64::from(tx.outcome == Outcome::Success);
        self.denied += u64::from(tx.outcome == Outcome::Denied);
        self.first = self.first.min(tx.time);
        self.last = self.last.max(tx.end);
    }
}

/// What an endpoint's callers have shown.
#[derive(Clone, Copy, Debug, Default)]
struct Proofs {
    with_credential: u64,
    without_credential: u64,
}

/// One kind of thing, bounded.
struct Table<K, V> {
    entries: BTreeMap<K, (Seen, V)>,
    left_out: u64,
}

impl<K: Ord, V> Table<K, V> {
    fn new() -> Self {
        Self { entries: BTreeMap::new(), left_out: 0 }
    }

    /// The entry of `key`, made when there is room.
    fn entry(&mut self, key: K, time: EventTime, value: impl FnOnce() -> V) -> Option<&mut (Seen, V)> {
        if self.entries.len() >= ENTRIES_MAX && !self.entries.contains_key(&key) {
            self.left_out += 1;
            return None;
        }
        Some(self.entries.entry(key).or_insert_with(|| (Seen::first_at(time), value())))
    }
}

/// The fold.
pub struct Inventory {
    endpoints: Table<Endpoint, Proofs>,
    credentials: Table<Fingerprint, (Credential, Principal)>,
    principals: Table<(PrincipalKind, Arc<str>), Principal>,
    services: Table<(Arc<str>, IpAddr, u16), &'static str>,
}

impl Default for Inventory {
    fn default() -> Self {
        Self {
            endpoints: Table::new(),
            credentials: Table::new(),
            principals: Table::new(),
            services: Table::new(),
        }
    }
}

impl Inventory {
    /// Takes in one transaction; the second sight of an exchange is passed over.
    pub fn observe(&mut self, tx: &Transaction) {
        if tx.repeat_of.is_some() {
            return;
        }
        if let Some(endpoint) = tx.endpoint()
            && let Some((seen, proofs)) = self.endpoints.entry(endpoint, tx.time, Proofs::default)
        {
            seen.add(tx);
            let counter = if tx.credentials.is_empty() {
                &mut proofs.without_credential
            } else {
                &mut proofs.with_credential
            };
            *counter += 1;
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

    /// Observations of things beyond the limit.
    pub fn left_out(&self) -> u64 {
        self.endpoints.left_out
            + self.credentials.left_out
            + self.principals.left_out
            + self.services.left_out
    }

    /// Writes all records: endpoints, credentials, principals, services, each in the order of its names.
    pub fn write(&self, sink: &mut Jsonl) {
        for (endpoint, (seen, proofs)) in &self.endpoints.entries {
            sink.write(&EndpointRecord {
                head: Head::new("endpoint", seen),
                method: &endpoint.method,
                host: &endpoint.host,
                route: &endpoint.route,
                with_credential: proofs.with_credential,
                without_credential: proofs.without_credential,
            });
        }
        for (fingerprint, (seen, (credential, principal))) in &self.credentials.entries {
            sink.write(&CredentialRecord {
                head: Head::new("credential", seen),
                fingerprint: Hex(u128::from_be_bytes(fingerprint.0)),
                credential_kind: credential.kind.name(),
                class: credential.class,
                location: credential.location.name(),
                name: &credential.name,
                principal: PrincipalPart { kind: principal.kind.name(), id: &principal.id },
            });
        }
        for (seen, principal) in self.principals.entries.values() {
            sink.write(&PrincipalRecord {
                head: Head::new("principal", seen),
                principal: PrincipalPart { kind: principal.kind.name(), id: &principal.id },
                source: principal.source.name(),
            });
        }
        for ((host, ip, port), (seen, protocol)) in &self.services.entries {
            sink.write(&ServiceRecord {
                head: Head::new("service", seen),
                host,
                ip: *ip,
                port: *port,
                protocol,
            });
        }
    }
}

/// What all kinds of record begin with.
#[derive(Serialize)]
struct Head {
    schema: &'static str,
    kind: &'static str,
    first_seen: Shown<EventTime>,
    last_seen: Shown<EventTime>,
    transactions: u64,
    success: u64,
    denied: u64,
}

impl Head {
    fn new(kind: &'static str, seen: &Seen) -> Self {
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
struct EndpointRecord<'a> {
    #[serde(flatten)]
    head: Head,
    method: &'a str,
    host: &'a str,
    route: &'a str,
    with_credential: u64,
    without_credential: u64,
}

#[derive(Serialize)]
struct PrincipalPart<'a> {
    kind: &'static str,
    id: &'a str,
}

#[derive(Serialize)]
struct CredentialRecord<'a> {
    #[serde(flatten)]
    head: Head,
    fingerprint: Hex,
    credential_kind: &'static str,
    class: &'static str,
    location: &'static str,
    name: &'a str,
    principal: PrincipalPart<'a>,
}

#[derive(Serialize)]
struct PrincipalRecord<'a> {
    #[serde(flatten)]
    head: Head,
    principal: PrincipalPart<'a>,
    source: &'static str,
}

#[derive(Serialize)]
struct ServiceRecord<'a> {
    #[serde(flatten)]
    head: Head,
    host: &'a str,
    ip: IpAddr,
    port: u16,
    protocol: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::record::samples;
    use expect_test::expect;
    use std::io::{self, Write};
    use std::sync::mpsc;

    /// Sends what is written to the test.
    struct Pipe(mpsc::Sender<Vec<u8>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map(|()| bytes.len()).map_err(io::Error::other)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(inventory: &Inventory) -> String {
        let (pipe, end) = mpsc::channel();
        let mut sink = Jsonl::new("inventory".to_owned(), Box::new(Pipe(pipe)));
        inventory.write(&mut sink);
        assert!(sink.finish().1.is_ok());
        String::from_utf8(end.iter().flatten().collect()).unwrap()
    }

    #[test]
    fn one_request_makes_one_entry_of_each_kind() {
        let mut inventory = Inventory::default();
        inventory.observe(&Transaction { repeat_of: None, ..samples::transaction() });
        expect![[r#"
            {"schema":"heelguard.inventory/1","kind":"endpoint","first_seen":"2026-11-21T10:00:00.000000Z","last_seen":"2026-11-21T10:00:00.003250Z","transactions":1,"success":0,"denied":1,"method":"POST","host":"api.example.com","route":"/v1/users/{id}","with_credential":1,"without_credential":0}
            {"schema":"heelguard.inventory/1","kind":"credential","first_seen":"2026-11-21T10:00:00.000000Z","last_seen":"2026-11-21T10:00:00.003250Z","transactions":1,"success":0,"denied":1,"fingerprint":"a1b200000000000000000000000000ff","credential_kind":"bearer_jwt","class":"jwt","location":"header","name":"authorization","principal":{"kind":"user","id":"alice@example.com"}}
            {"schema":"heelguard.inventory/1","kind":"principal","first_seen":"2026-11-21T10:00:00.000000Z","last_seen":"2026-11-21T10:00:00.003250Z","transactions":1,"success":0,"denied":1,"principal":{"kind":"user","id":"alice@example.com"},"source":"jwt"}
            {"schema":"heelguard.inventory/1","kind":"service","first_seen":"2026-11-21T10:00:00.000000Z","last_seen":"2026-11-21T10:00:00.003250Z","transactions":1,"success":0,"denied":1,"host":"api.example.com","ip":"10.0.0.5","port":8080,"protocol":"http/1.1"}
        "#]].assert_eq(&written(&inventory));
    }

    #[test]
    fn the_second_sight_of_an_exchange_is_not_counted() {
        let mut inventory = Inventory::default();
        inventory.observe(&samples::transaction());
        assert_eq!(written(&inventory), "");
    }

    #[test]
    fn the_order_of_entries_does_not_depend_on_arrival() {
        let named = |id: &str| {
            let mut tx = Transaction { repeat_of: None, ..samples::transaction() };
            tx.principal.id = id.into();
            tx
        };
        let inventory = |names: [&str; 3]| {
            let mut inventory = Inventory::default();
            for name in names {
                inventory.observe(&Transaction { credentials: Vec::new(), ..named(name) });
            }
            written(&inventory)
        };
        assert_eq!(inventory(["a", "b", "c"]), inventory(["c", "a", "b"]));
    }

    #[test]
    fn a_flood_of_names_is_bounded_and_counted() {
        let mut table: Table<u32, ()> = Table::new();
        for key in 0..ENTRIES_MAX as u32 + 7 {
            table.entry(key, EventTime::ZERO, || ());
        }
        assert!(table.entry(0, EventTime::ZERO, || ()).is_some(), "known entries go on being counted");
        assert_eq!((table.entries.len(), table.left_out), (ENTRIES_MAX, 7));
    }
}
