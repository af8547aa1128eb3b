//! What a run has seen so far, as tables that people look at: endpoints, principals, credentials, alerts.
//! It is given each transaction once, in order, and each state of each alert; whoever shows it reads copies.
//! It promises bounded memory (a limit a table, what was given up counted), no secret, that who invents names pushes out
//! nobody who succeeded, and that a reader never holds it for longer than it takes to copy `ROWS_AT_ONCE` pointers.

pub mod at_once;
pub mod coverage;
pub mod credential;
pub mod days;
pub mod endpoint;
mod episodes;
pub mod gaps;
pub mod lanes;
pub mod lasting;
pub mod passport;
pub mod principal;
pub mod rhythm;
mod save;
pub mod scope;
mod slots;
pub mod spread;
pub mod visited;

#[cfg(test)]
mod tests;

use ahash::RandomState;
use credential::{Credential, Use};
use endpoint::Endpoint;
use episodes::Episodes;
use heelguard_detectors::alert::{Alert, AlertId};
use heelguard_detectors::identity::{Credential as Presented, CredentialKind, Fingerprint, PrincipalKind};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::Transaction;
use principal::Principal;
use save::endpoint_key;
use slots::Slots;
use std::sync::Arc;

#[allow(clippy::disallowed_types, reason = "held for one transaction or a few rows; readers are people")]
type Mutex<T> = std::sync::Mutex<T>;

/// Endpoints known at once.
pub const ENDPOINTS_MAX: usize = 10_000;
/// Principals known at once.
pub const PRINCIPALS_MAX: usize = 20_000;
/// Keys, client secrets and certificates known at once.
pub const KEYS_MAX: usize = 20_000;
/// Sessions and tokens known at once; they have room of their own, since logins make ever new ones.
pub const TOKENS_MAX: usize = 20_000;
/// Alerts known at once, each in its last state.
pub const ALERTS_MAX: usize = 10_000;
/// Rows to which pointers are copied before the data path gets its turn.
const ROWS_AT_ONCE: usize = 256;

/// The tables.
#[derive(Default)]
pub struct Ledger {
    tables: Mutex<Tables>,
}

/// What is behind the lock.
struct Tables {
    hashes: RandomState,
    span: Option<(EventTime, EventTime)>,
    transactions: u64,
    endpoints: Slots<Endpoint>,
    principals: Slots<Principal>,
    keys: Slots<Credential>,
    tokens: Slots<Credential>,
    episodes: Episodes,
}

/// How much of a table is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What is in it.
    pub name: &'static str,
    /// Rows.
    pub used: usize,
    /// Rows at most.
    pub max: usize,
    /// Rows that had to make room.
    pub given_up: u64,
}

/// What the ledger knows of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// The first and the last moment of traffic.
    pub span: Option<(EventTime, EventTime)>,
    /// Transactions, second sights left out.
    pub transactions: u64,
    /// Every table.
    pub rooms: Vec<Room>,
}

/// Copies of all rows: what maps and passports are made of.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Every endpoint.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// Every principal.
    pub principals: Vec<Arc<Principal>>,
    /// Every credential.
    pub credentials: Vec<Arc<Credential>>,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            hashes: RandomState::new(),
            span: None,
            transactions: 0,
            endpoints: Slots::new(ENDPOINTS_MAX),
            principals: Slots::new(PRINCIPALS_MAX),
            keys: Slots::new(KEYS_MAX),
            tokens: Slots::new(TOKENS_MAX),
            episodes: Episodes::default(),
        }
    }
}

impl Ledger {
    /// Takes in one transaction; the second sight of an exchange is passed over.
    pub fn observe(&self, tx: &Transaction) {
        if tx.repeat_of.is_none() {
            self.with(|tables| tables.observe(tx));
        }
    }

    /// Takes in one state of an alert.
    pub fn alert(&self, alert: &Alert) {
        let alert = Arc::new(alert.clone());
        self.with(|tables| tables.episodes.take(alert));
    }

    /// How much there is.
    pub fn overview(&self) -> Overview {
        self.with(|tables| Overview {
            span: tables.span,
            transactions: tables.transactions,
            rooms: vec![
                tables.episodes.room(),
                tables.principals.room("principals"),
                tables.keys.room("keys"),
                tables.tokens.room("sessions and tokens"),
                tables.endpoints.room("endpoints"),
            ],
        })
    }

    /// The last state of every alert, in no order.
    pub fn alerts(&self) -> Vec<Arc<Alert>> {
        self.copied(|tables, rows, _| tables.episodes.copy(rows, ROWS_AT_ONCE))
    }

    /// The last state of one alert.
    pub fn alert_of(&self, id: AlertId) -> Option<Arc<Alert>> {
        self.with(|tables| tables.episodes.get(id))
    }

    /// Every endpoint, in no order.
    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.copied(|tables, rows, from| tables.endpoints.copy(rows, from, ROWS_AT_ONCE))
    }

    /// One endpoint.
    pub fn endpoint(&self, method: &str, host: &str, route: &str) -> Option<Arc<Endpoint>> {
        self.with(|tables| tables.endpoints.find(tables.hashes.hash_one((method, host, route))).cloned())
    }

    /// Every principal, in no order.
    pub fn principals(&self) -> Vec<Arc<Principal>> {
        self.copied(|tables, rows, from| tables.principals.copy(rows, from, ROWS_AT_ONCE))
    }

    /// One principal.
    pub fn principal(&self, kind: PrincipalKind, id: &str) -> Option<Arc<Principal>> {
        self.with(|tables| tables.principals.find(tables.hashes.hash_one((kind, id))).cloned())
    }

    /// Every credential, what lasts before what passes, in no further order.
    pub fn credentials(&self) -> Vec<Arc<Credential>> {
        let mut all = self.copied(|tables, rows, from| tables.keys.copy(rows, from, ROWS_AT_ONCE));
        all.append(&mut self.copied(|tables, rows, from| tables.tokens.copy(rows, from, ROWS_AT_ONCE)));
        all
    }

    /// All of it; rows that change meanwhile are there as they were when they were copied.
    pub fn rows(&self) -> Rows {
        Rows { endpoints: self.endpoints(), principals: self.principals(), credentials: self.credentials() }
    }

    /// One credential.
    pub fn credential(&self, fingerprint: Fingerprint) -> Option<Arc<Credential>> {
        let key = short(fingerprint);
        self.with(|tables| tables.keys.find(key).or_else(|| tables.tokens.find(key)).cloned())
    }

    fn with<T>(&self, look: impl FnOnce(&mut Tables) -> T) -> T {
        look(&mut self.tables.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Pointers to all rows of a table; `copy` adds the next ones and says whether there are more. The room for them
    /// is made while nobody waits.
    fn copied<T>(&self, copy: impl Fn(&Tables, &mut Vec<Arc<T>>, usize) -> bool) -> Vec<Arc<T>> {
        let mut rows = Vec::with_capacity(ROWS_AT_ONCE);
        let mut from = 0;
        while self.with(|tables| copy(tables, &mut rows, from)) {
            from += ROWS_AT_ONCE;
            rows.reserve(ROWS_AT_ONCE);
            std::thread::yield_now();
        }
        rows
    }
}

impl Tables {
    fn observe(&mut self, tx: &Transaction) {
        self.transactions += 1;
        self.span = Some(self.span.map_or((tx.time, tx.end), |(first, last)| (first, last.max(tx.end))));
        let route = tx.request.as_ref().map(|request| {
            let key = endpoint_key(&self.hashes, (&request.method, &request.host, &request.route));
            let endpoint = self.endpoints.entry(key, tx.succeeded(), || Endpoint::new(request, tx.time));
            endpoint.note(tx, request);
            (key, request)
        });
        let credentials = tx.credentials.iter().filter(|credential| is_shown(credential));
        for credential in credentials.clone() {
            let table = if is_lasting(credential.kind) { &mut self.keys } else { &mut self.tokens };
            let key = short(credential.fingerprint);
            let entry = table.entry(key, tx.succeeded(), || Credential::new(credential, tx.time));
            entry.note(&Use { tx, route });
        }
        let principal = &tx.principal;
        let key = self.hashes.hash_one((principal.kind, &*principal.id));
        // Addresses cost nothing: what is served to everybody proves nothing of one.
        let is_proven = tx.succeeded() && principal.kind != PrincipalKind::Anonymous;
        let entry = self.principals.entry(key, is_proven, || Principal::new(principal, tx.time));
        entry.note(tx, route, credentials);
    }
}

/// Whether a credential lasts beyond a login.
pub fn is_lasting(kind: CredentialKind) -> bool {
    use CredentialKind::{ApiKey, Basic, ClientCertificate, ClientSecret, Digest, Hawk, Signature};
    matches!(kind, ApiKey | Basic | ClientCertificate | ClientSecret | Digest | Hawk | Signature)
}

/// A DPoP proof is made anew for each request, so it is nobody's credential to keep a book on.
fn is_shown(credential: &Presented) -> bool {
    credential.kind != CredentialKind::Dpop
}

/// A fingerprint is a keyed hash already.
fn short(fingerprint: Fingerprint) -> u64 {
    u128::from_be_bytes(fingerprint.0) as u64
}
