//! One endpoint: how it is called, what it takes and answers, how fast, and with what proof.
//! It is given its transactions.
//! It promises counts since it was met first, names and never values, and room for a bounded number of names.

pub mod names;
pub mod risk;

use super::spread::Spread;
use heelguard_detectors::contents::{Contents, DataClass};
use heelguard_detectors::identity::{CredentialKind, ProofLevel};
use heelguard_detectors::label::Labels;
use heelguard_detectors::saved::saved;
use heelguard_detectors::spec::is_page;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{ExposureKind, Outcome, Request, Transaction};
use names::{Met, Names};
use std::sync::Arc;

/// Parameters that are kept of one.
pub const PARAMETERS_MAX: usize = 48;
/// Fields of its answers.
pub const FIELDS_MAX: usize = 64;

/// Answers by their hundreds: none seen, 1xx to 5xx.
pub const STATUS_CLASSES: usize = 6;

/// Successes by what was proved, in the order of `ProofLevel::ALL`.
pub type Proofs = [u64; ProofLevel::ALL.len()];

/// A method, host and route.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The method.
    pub method: Arc<str>,
    /// The host.
    pub host: Arc<str>,
    /// The route.
    pub route: Arc<str>,
    /// What it is for.
    pub labels: Labels,
    /// All calls.
    pub calls: u64,
    /// Those that were refused.
    pub denied: u64,
    /// Answers by their hundreds; the first is "no answer seen".
    pub statuses: [u64; STATUS_CLASSES],
    /// Times to the first byte, in microseconds.
    pub latency: Spread,
    /// Sizes of the requests' bodies, in bytes.
    pub request_bytes: Spread,
    /// Sizes of the answers' bodies.
    pub answer_bytes: Spread,
    /// Calls without any credential.
    pub without_credential: u64,
    /// Calls with a credential in the address: in the query, the path, or before the host.
    pub credential_in_url: u64,
    /// Calls from outside the internal networks.
    pub from_outside: u64,
    /// Those of them in plain HTTP.
    pub plain_from_outside: u64,
    /// Successes of which a description of the API that speaks of the host says nothing.
    pub undeclared: u64,
    /// A bit for each kind of credential that was taken, in the order of `CredentialKind::ALL`.
    taken: u32,
    /// Successes by what was proved.
    pub proofs: Proofs,
    /// Successes without a second factor, for an account that has one.
    pub around_mfa: u64,
    /// Calls whose messages were looked into: for what they hold.
    pub looked: u64,
    /// What requests hold.
    pub parameters: Names,
    /// What answers hold, where they are JSON.
    pub fields: Names,
    /// Answers by the classes of data in them, in the order of `DataClass::ALL`.
    pub classes: [u64; DataClass::ALL.len()],
    /// When it was met first.
    pub first: EventTime,
    /// When it was called last.
    pub last: EventTime,
}

saved!(Endpoint {
    method,
    host,
    route,
    labels,
    calls,
    denied,
    statuses,
    latency,
    request_bytes,
    answer_bytes,
    without_credential,
    credential_in_url,
    from_outside,
    plain_from_outside,
    undeclared,
    taken,
    proofs,
    around_mfa,
    looked,
    parameters,
    fields,
    classes,
    first,
    last,
});

impl Endpoint {
    pub(super) fn new(request: &Request, time: EventTime) -> Self {
        let names = [&request.method, &request.host, &request.route].map(Arc::clone);
        Self { labels: request.labels, ..Self::named(names, time) }
    }

    /// One that nothing is known of yet but its method, host and route.
    pub fn named([method, host, route]: [Arc<str>; 3], time: EventTime) -> Self {
        Self {
            method,
            host,
            route,
            labels: Labels::NONE,
            calls: 0,
            denied: 0,
            statuses: [0; STATUS_CLASSES],
            latency: Spread::default(),
            request_bytes: Spread::default(),
            answer_bytes: Spread::default(),
            without_credential: 0,
            credential_in_url: 0,
            from_outside: 0,
            plain_from_outside: 0,
            undeclared: 0,
            taken: 0,
            proofs: Proofs::default(),
            around_mfa: 0,
            looked: 0,
            parameters: Names::default(),
            fields: Names::default(),
            classes: [0; DataClass::ALL.len()],
            first: time,
            last: time,
        }
    }

    pub(super) fn note(&mut self, tx: &Transaction, request: &Request) {
        self.calls += 1;
        self.denied += u64::from(tx.outcome == Outcome::Denied);
        self.labels = self.labels.or(request.labels);
        let class = usize::from(tx.status().unwrap_or(0) / 100);
        if let Some(count) = self.statuses.get_mut(class) {
            *count += 1;
        }
        if let Some(micros) = tx.ttfb_us {
            self.latency.note(micros);
        }
        self.request_bytes.note(request.bytes);
        if let Some(response) = &tx.response {
            self.answer_bytes.note(response.bytes);
        }
        self.note_access(tx, request);
        if let Some(contents) = &tx.contents {
            self.note_contents(contents, tx.succeeded().then_some(tx.time));
        }
        self.first = self.first.min(tx.time);
        self.last = self.last.max(tx.end);
    }

    fn note_access(&mut self, tx: &Transaction, request: &Request) {
        self.without_credential += u64::from(tx.credentials.is_empty());
        let in_url = |kind| matches!(kind, ExposureKind::Query | ExposureKind::Path);
        self.credential_in_url += u64::from(tx.exposed.iter().any(|exposed| in_url(exposed.kind)));
        self.from_outside += u64::from(tx.client.external);
        self.plain_from_outside += u64::from(tx.client.external && request.scheme == "http");
        if !tx.succeeded() {
            return;
        }
        if let Some(count) = self.proofs.get_mut(tx.proof.level as usize) {
            *count += 1;
        }
        let is_undeclared = tx.spec.as_ref().is_some_and(|spec| spec.standing.is_undeclared());
        self.undeclared += u64::from(is_undeclared && !is_page(tx));
        self.around_mfa += u64::from(tx.proof.account_has_mfa && tx.proof.level != ProofLevel::Mfa);
        tx.credentials.iter().for_each(|credential| self.take(credential.kind));
    }

    /// The server took a credential of this kind.
    pub fn take(&mut self, kind: CredentialKind) {
        self.taken |= 1 << (kind as u32 & 31);
    }

    /// Names are those of calls that were accepted (`accepted_at`): what somebody only tries is no parameter.
    fn note_contents(&mut self, contents: &Contents, accepted_at: Option<EventTime>) {
        self.looked += 1;
        for class in &contents.classes {
            if let Some(count) = self.classes.get_mut(*class as usize) {
                *count += 1;
            }
        }
        let Some(time) = accepted_at else { return };
        for parameter in &contents.parameters {
            let met = Met { place: Some(parameter.place), name: &parameter.name, kind: parameter.kind };
            self.parameters.note(PARAMETERS_MAX, met, time);
        }
        for field in &contents.fields {
            let met = Met { place: None, name: &field.name, kind: field.kind };
            self.fields.note(FIELDS_MAX, met, time);
        }
    }

    /// The kinds of credential that the server took here.
    pub fn taken(&self) -> impl Iterator<Item = CredentialKind> {
        let taken = self.taken;
        CredentialKind::ALL.iter().copied().filter(move |kind| taken >> (*kind as u32 & 31) & 1 == 1)
    }

    /// The classes of data in its answers, each with how many answers held it.
    pub fn sensitive(&self) -> impl Iterator<Item = (DataClass, u64)> {
        DataClass::ALL.iter().copied().zip(self.classes).filter(|(_, answers)| *answers > 0)
    }
}
