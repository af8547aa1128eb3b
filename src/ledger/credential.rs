//! One credential, by its fingerprint: whose it is, since when, from where and for what it is used.
//! It is given the transactions that present it.
//! It promises no letter of its value: there is none in a transaction.

use super::endpoint::Proofs;
use super::is_lasting;
use super::lanes::{Lanes, Tagged, name_tag};
use super::lasting::Lasting;
use super::rhythm::{Beat, Rhythm};
use super::visited::{Route, Visited, Way};
use heelguard_detectors::identity::{
    Country, Credential as Presented, CredentialKind, Fingerprint, KnownKey, Location, PrincipalKind,
    ProofLevel,
};
use heelguard_detectors::label::Labels;
use heelguard_detectors::saved::saved;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Outcome, Transaction};
use std::net::IpAddr;
use std::sync::Arc;

/// Owners, countries, systems, addresses and routes that are kept of one.
const OWNERS_MAX: usize = 4;
const COUNTRIES_MAX: usize = 8;
const SYSTEMS_MAX: usize = 8;
const ADDRESSES_MAX: usize = 12;
const ROUTES_MAX: usize = 16;
/// Routes of a key: what it needs is proposed from them.
pub const KEY_ROUTES_MAX: usize = 48;

/// One use of a credential.
#[derive(Clone, Copy)]
pub(super) struct Use<'a> {
    pub(super) tx: &'a Transaction,
    pub(super) route: Route<'a>,
}

/// A credential.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// The scheme.
    pub kind: CredentialKind,
    /// What it is by its look.
    pub class: &'static str,
    /// Where it is sent.
    pub location: Location,
    /// The header, cookie, parameter or field.
    pub name: Arc<str>,
    /// Set where others have it, too.
    pub known: Option<KnownKey>,
    /// When it was met first, or handed out in sight.
    pub first: EventTime,
    /// Its last use.
    pub last: EventTime,
    /// All calls.
    pub calls: u64,
    /// Those that were refused.
    pub denied: u64,
    /// Successes by what was proved.
    pub proofs: Proofs,
    /// Successes on routes that administer something, or export.
    pub privileged: u64,
    /// Successes without a second factor, for an account that has one.
    pub around_mfa: u64,
    /// When.
    pub rhythm: Rhythm,
    /// Whose it is.
    pub owners: Lanes<(PrincipalKind, Arc<str>)>,
    /// From which countries.
    pub countries: Lanes<Country>,
    /// From which autonomous systems.
    pub systems: Lanes<u32>,
    /// From which networks.
    pub addresses: Lanes<IpAddr>,
    /// For what.
    pub routes: Lanes<Visited>,
    /// More, where it lasts beyond a login.
    pub lasting: Option<Box<Lasting>>,
}

saved!(Credential {
    fingerprint,
    kind,
    class,
    location,
    name,
    known,
    first,
    last,
    calls,
    denied,
    proofs,
    privileged,
    around_mfa,
    rhythm,
    owners,
    countries,
    systems,
    addresses,
    routes,
    lasting
});

impl Credential {
    /// One that was not used yet.
    pub fn new(presented: &Presented, time: EventTime) -> Self {
        Self {
            fingerprint: presented.fingerprint,
            kind: presented.kind,
            class: presented.class,
            location: presented.location,
            name: Arc::clone(&presented.name),
            known: presented.known,
            first: time,
            last: time,
            calls: 0,
            denied: 0,
            proofs: Proofs::default(),
            privileged: 0,
            around_mfa: 0,
            rhythm: Rhythm::default(),
            owners: Lanes::default(),
            countries: Lanes::default(),
            systems: Lanes::default(),
            addresses: Lanes::default(),
            routes: Lanes::default(),
            lasting: is_lasting(presented.kind).then(Box::default),
        }
    }

    pub(super) fn note(&mut self, of: &Use<'_>) {
        let Use { tx, route } = *of;
        let is_denied = tx.outcome == Outcome::Denied;
        let beat = self.rhythm.note(tx.end, is_denied);
        self.halve(beat);
        let now = (tx.end, beat);
        self.calls += 1;
        self.denied += u64::from(is_denied);
        self.first = self.first.min(tx.time);
        if let (Some(session), [_]) = (&tx.session, tx.credentials.as_slice())
            && session.issued_in_sight
        {
            self.first = self.first.min(session.since);
            if let Some(lasting) = &mut self.lasting {
                lasting.issued = Some(session.since);
            }
        }
        self.last = self.last.max(tx.end);
        if tx.succeeded() {
            if let Some(count) = self.proofs.get_mut(tx.proof.level as usize) {
                *count += 1;
            }
            let is_privileged = tx.request.as_ref().is_some_and(|r| r.labels.any(Labels::PRIVILEGED));
            self.privileged += u64::from(is_privileged);
            let is_around = tx.proof.account_has_mfa && tx.proof.level != ProofLevel::Mfa;
            self.around_mfa += u64::from(is_around);
        }
        let who = &tx.principal;
        if who.kind != PrincipalKind::Anonymous {
            let is_it = |(kind, id): &(PrincipalKind, Arc<str>)| *kind == who.kind && **id == *who.id;
            self.owners.note(OWNERS_MAX, now, name_tag(&who.id), is_it, || (who.kind, Arc::clone(&who.id)));
        }
        if let Some(country) = tx.client.country {
            self.countries.note(COUNTRIES_MAX, now, country.tag(), |known| *known == country, || country);
        }
        if let Some(system) = tx.client.asn {
            self.systems.note(SYSTEMS_MAX, now, system.tag(), |known| *known == system, || system);
        }
        let address = tx.client.network();
        self.addresses.note(ADDRESSES_MAX, now, address.tag(), |known| *known == address, || address);
        if let Some(route) = route {
            let routes_max = if self.lasting.is_some() { KEY_ROUTES_MAX } else { ROUTES_MAX };
            let visited = self.routes.note(
                routes_max,
                now,
                route.0 as u8,
                |known| known.key == route.0,
                || Visited::new(route),
            );
            visited.note(tx, route.1, Way::of(self.kind, tx));
        }
        if let Some(lasting) = &mut self.lasting {
            lasting.note(tx, now);
        }
    }

    fn halve(&mut self, beat: Beat) {
        self.owners.halve(beat);
        self.countries.halve(beat);
        self.systems.halve(beat);
        self.addresses.halve(beat);
        self.routes.halve(beat);
    }

    /// What it takes, its names left out.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let lanes = [self.owners.heap_bytes(), self.countries.heap_bytes(), self.systems.heap_bytes()];
        let more = [self.addresses.heap_bytes(), self.routes.heap_bytes(), self.rhythm.heap_bytes()];
        let lasting = self.lasting.as_ref().map_or(0, |lasting| size_of::<Lasting>() + lasting.heap_bytes());
        size_of::<Self>() + lanes.into_iter().chain(more).sum::<usize>() + lasting
    }

    /// Whose it was last; where nobody is known to own it, itself.
    pub fn owner(&self) -> Option<&(PrincipalKind, Arc<str>)> {
        self.owners.iter().max_by_key(|lane| (is_somebody(lane.name.0), lane.last)).map(|lane| &lane.name)
    }

    /// Its owner, if that is more than the credential itself.
    pub fn somebody(&self) -> Option<&(PrincipalKind, Arc<str>)> {
        self.owner().filter(|(kind, _)| is_somebody(*kind))
    }

    /// What most of its successes proved.
    pub fn level(&self) -> Option<ProofLevel> {
        let (place, count) = self.proofs.iter().enumerate().max_by_key(|(_, count)| **count)?;
        if *count == 0 { None } else { ProofLevel::ALL.get(place).copied() }
    }
}

/// Whether an actor is more than the credential that it came with.
fn is_somebody(kind: PrincipalKind) -> bool {
    !matches!(kind, PrincipalKind::Key | PrincipalKind::Session)
}
