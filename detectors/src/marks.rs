//! What several rules ask of one transaction, worked out once: its facts, and the hashes of what it is looked up under.
//! It is given a transaction; rules ask for its principal, client or endpoint as a key of their tables.
//! It promises the hashes of the keys themselves, and that an endpoint is copied only where it is new.

use crate::episode::Findings;
use crate::facts::Facts;
use crate::identity::Principal;
use crate::keyed::{Hashed, Lookup, hash_of};
use crate::transaction::{Endpoint, Request, Transaction};
use std::net::IpAddr;

/// The hashes of one transaction's keys.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    principal: u64,
    /// Of the client as it is counted.
    client: u64,
    /// Zero where the request was not seen.
    endpoint: u64,
    facts: Facts,
}

impl Marks {
    /// Of this transaction.
    pub(crate) fn of(tx: &Transaction, facts: Facts) -> Self {
        Self {
            facts,
            principal: hash_of(&tx.principal),
            client: hash_of(&tx.client.network()),
            endpoint: tx.request.as_ref().map_or(0, |request| At(request).hash()),
        }
    }
}

/// For the transaction that is looked at.
impl Findings<'_> {
    /// Whether it shows a person.
    pub(crate) fn shows_person(&self) -> bool {
        self.marks.facts.has(Facts::PERSON)
    }

    /// Its principal.
    pub(crate) fn principal<'t>(&self, tx: &'t Transaction) -> Hashed<&'t Principal> {
        Hashed::new(&tx.principal, self.marks.principal)
    }

    /// Its client as it is counted.
    pub(crate) fn client<'t>(&self, network: &'t IpAddr) -> Hashed<&'t IpAddr> {
        Hashed::new(network, self.marks.client)
    }

    /// Its endpoint.
    pub(crate) fn endpoint<'t>(&self, request: &'t Request) -> Hashed<At<'t>> {
        Hashed::new(At(request), self.marks.endpoint)
    }
}

/// The endpoint of a request, as a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'t>(&'t Request);

impl Lookup<Endpoint> for At<'_> {
    fn hash(&self) -> u64 {
        // In the order of the key's own fields.
        let Request { method, host, route, .. } = self.0;
        hash_of(&(method, host, route))
    }

    fn is(&self, key: &Endpoint) -> bool {
        let Request { method, host, route, .. } = self.0;
        *route == key.route && *host == key.host && *method == key.method
    }

    fn make(self) -> Endpoint {
        let Request { method, host, route, .. } = self.0;
        Endpoint { method: method.clone(), host: host.clone(), route: route.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::transactions;

    #[test]
    fn a_mark_is_the_hash_of_its_key() {
        let seen = transactions("10:00:00 2001:db8::7 -> use GET /me 200 user=ann key=k1").unwrap();
        for tx in &seen {
            let marks = Marks::of(tx, Facts::of(tx));
            assert_eq!(marks.principal, hash_of(&tx.principal));
            assert_eq!(marks.client, hash_of(&tx.client.network()));
            assert_eq!(Some(marks.endpoint), tx.endpoint().as_ref().map(hash_of));
            assert_eq!(tx.request.as_ref().map(|request| At(request).make()), tx.endpoint());
        }
    }
}
