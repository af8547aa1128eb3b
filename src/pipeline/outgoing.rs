//! What leaves the pipeline, counted: transactions by how much of them was seen, the messages in them, and alerts.
//! It is given each of them once, by whoever stands last.
//! It promises the same counts whether transactions are judged here or elsewhere.

use crate::metrics::{AlertCounters, HttpCounters, TransactionCounters};
use heelguard_detectors::alert::{Alert, Status};
use heelguard_detectors::transaction::{Completeness, Transaction};

/// Counters of what left.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// Messages of the transactions.
    pub http: HttpCounters,
    /// Transactions.
    pub transactions: TransactionCounters,
    /// What was told of episodes.
    pub alerts: AlertCounters,
}

impl Outgoing {
    /// Counts a transaction.
    pub fn count(&mut self, transaction: &Transaction) {
        let (request, response) = (transaction.request.is_some(), transaction.response.is_some());
        self.http.requests_out += u64::from(request);
        self.http.responses_out += u64::from(response);
        self.http.pairs += u64::from(request && response);
        let counter = match transaction.completeness {
            Completeness::Whole => &mut self.transactions.whole,
            Completeness::RequestOnly => &mut self.transactions.request_only,
            Completeness::ResponseOnly => &mut self.transactions.response_only,
            Completeness::Gap => &mut self.transactions.gap,
            Completeness::Truncated => &mut self.transactions.truncated,
        };
        *counter += 1;
    }

    /// Counts an alert.
    pub fn count_alert(&mut self, alert: &Alert) {
        match alert.status {
            Status::Open => self.alerts.open += 1,
            Status::Update => self.alerts.update += 1,
            Status::Closed => self.alerts.closed += 1,
        }
    }

    /// How many transactions there were.
    pub fn sum(&self) -> u64 {
        self.transactions.rows().iter().map(|row| row.1).sum()
    }
}
