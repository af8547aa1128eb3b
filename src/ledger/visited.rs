//! An endpoint as somebody who calls it is remembered for: its names, and what it granted them.
//! It is given each call there.
//! It promises to tell what a credential was granted for itself from what it was only sent along with.

use super::lanes::Tagged;
use super::save::endpoint_key;
use ahash::RandomState;
use heelguard_detectors::identity::{CredentialKind, ProofLevel};
use heelguard_detectors::label::Labels;
use heelguard_detectors::saved::saved;
use heelguard_detectors::transaction::{Request, Transaction};
use std::sync::Arc;

/// Where a call went: the hash of its endpoint, and its words.
pub type Route<'a> = Option<(u64, &'a Request)>;

/// An endpoint as others remember it.
#[derive(Clone, Debug)]
pub struct Visited {
    pub(super) key: u64,
    /// The method.
    pub method: Arc<str>,
    /// The host.
    pub host: Arc<str>,
    /// The route.
    pub route: Arc<str>,
    /// What it is for.
    pub labels: Labels,
    /// Calls that were granted.
    pub success: u64,
    /// Those with a proven second factor.
    pub mfa: u64,
    /// Those that the caller's credential was granted for itself, and below a second factor.
    pub alone: u64,
    /// Those without a second factor, for an account that has one.
    pub around: u64,
}

saved!(Visited { method, host, route, labels, success, mfa, alone, around } fresh { key });

/// How something is granted that has less behind it than a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// A session or token that was given for a password alone.
    Password,
    /// A password with every request: Basic, Digest.
    Basic,
    /// A static key.
    Key,
    /// Nothing at all.
    Anonymous,
}

impl Way {
    /// Every way, in the order of the list.
    pub const ALL: [Self; 4] = [Self::Password, Self::Basic, Self::Key, Self::Anonymous];

    /// Its name in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Basic => "basic",
            Self::Key => "api_key",
            Self::Anonymous => "anonymous",
        }
    }

    /// The way that a credential of this kind opens by itself.
    pub const fn usual(kind: CredentialKind) -> Option<Self> {
        use CredentialKind::{ApiKey, Basic, BearerJwt, BearerOpaque, Digest, Hawk, Session, Signature};
        match kind {
            ApiKey | Signature | Hawk => Some(Self::Key),
            Basic | Digest => Some(Self::Basic),
            Session | BearerJwt | BearerOpaque => Some(Self::Password),
            _ => None,
        }
    }

    /// How a credential of this kind was granted something at this level; `None` where it was something else's doing,
    /// or is not known, or proves more than who has a copy.
    pub fn of(kind: CredentialKind, tx: &Transaction) -> Option<Self> {
        let way = Self::usual(kind)?;
        let is_its_own = match (way, tx.proof.level) {
            (Self::Key, ProofLevel::ApiKey) | (Self::Password, ProofLevel::Password) => true,
            // Beside a session it only names the program, or is what a proxy in front asks everybody for; by itself it
            // may have been given for a password.
            (Self::Basic | Self::Key, ProofLevel::Password) => {
                let mut ways = tx.credentials.iter().filter_map(|other| Self::usual(other.kind));
                !ways.any(|other| other == Self::Password)
            }
            _ => false,
        };
        is_its_own.then_some(way)
    }
}

impl Tagged for Visited {
    fn tag(&self) -> u8 {
        self.key as u8
    }
}

impl Visited {
    pub(super) fn new((key, request): (u64, &Request)) -> Self {
        let names = [&request.method, &request.host, &request.route].map(Arc::clone);
        Self { key, labels: request.labels, ..Self::named(names) }
    }

    /// One that nothing is known of yet but its method, host and route.
    pub fn named([method, host, route]: [Arc<str>; 3]) -> Self {
        Self { key: 0, method, host, route, labels: Labels::NONE, success: 0, mfa: 0, alone: 0, around: 0 }
    }

    /// Takes in one call; `way` is how the caller's credential was granted it.
    pub(super) fn note(&mut self, tx: &Transaction, request: &Request, way: Option<Way>) {
        self.labels = self.labels.or(request.labels);
        if !tx.succeeded() {
            return;
        }
        let has_factor = tx.proof.level == ProofLevel::Mfa;
        self.success += 1;
        self.mfa += u64::from(has_factor);
        self.alone += u64::from(way.is_some());
        self.around += u64::from(tx.proof.account_has_mfa && !has_factor);
    }

    /// Hashes its names as this process does.
    pub(super) fn rehash(&mut self, hashes: &RandomState) {
        self.key = endpoint_key(hashes, (&self.method, &self.host, &self.route));
    }

    /// Its names, in the order in which endpoints are sorted.
    pub fn names(&self) -> (&str, &str, &str) {
        (&self.host, &self.route, &self.method)
    }
}
