//! One endpoint: how it is called, what it answers, how fast, and with what proof.
//! It is given its transactions.
//! It promises counts since it was met first.

use super::latency::Latency;
use heelguard_detectors::identity::{CredentialKind, ProofLevel};
use heelguard_detectors::label::Labels;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Request, Transaction};
use std::sync::Arc;

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
    /// Answers by their hundreds; the first is "no answer seen".
    pub statuses: [u64; STATUS_CLASSES],
    /// Times to the first byte.
    pub latency: Latency,
    /// Calls without any credential.
    pub without_credential: u64,
    /// A bit for each kind of credential that was taken, in the order of `CredentialKind::ALL`.
    taken: u32,
    /// Successes by what was proved.
    pub proofs: Proofs,
    /// When it was met first.
    pub first: EventTime,
    /// When it was called last.
    pub last: EventTime,
}

impl Endpoint {
    pub(super) fn new(request: &Request, time: EventTime) -> Self {
        Self {
            method: Arc::clone(&request.method),
            host: Arc::clone(&request.host),
            route: Arc::clone(&request.route),
            labels: request.labels,
            calls: 0,
            statuses: [0; STATUS_CLASSES],
            latency: Latency::default(),
            without_credential: 0,
            taken: 0,
            proofs: Proofs::default(),
            first: time,
            last: time,
        }
    }

    pub(super) fn note(&mut self, tx: &Transaction, request: &Request) {
        self.calls += 1;
        self.labels = self.labels.or(request.labels);
        let class = usize::from(tx.status().unwrap_or(0) / 100);
        if let Some(count) = self.statuses.get_mut(class) {
            *count += 1;
        }
        if let Some(micros) = tx.ttfb_us {
            self.latency.note(micros);
        }
        self.without_credential += u64::from(tx.credentials.is_empty());
        if tx.succeeded() {
            if let Some(count) = self.proofs.get_mut(tx.proof.level as usize) {
                *count += 1;
            }
            for credential in &tx.credentials {
                self.taken |= 1 << (credential.kind as u32 & 31);
            }
        }
        self.first = self.first.min(tx.time);
        self.last = self.last.max(tx.end);
    }

    /// The kinds of credential that the server took here.
    pub fn taken(&self) -> impl Iterator<Item = CredentialKind> {
        let taken = self.taken;
        CredentialKind::ALL.iter().copied().filter(move |kind| taken >> (*kind as u32 & 31) & 1 == 1)
    }
}
