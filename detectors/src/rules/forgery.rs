//! Tokens that somebody made who is not their issuer: who presents them, how often, and what the server says to it.
//! Shared by the rules about forged tokens, which know what is wrong with a token.
//! It promises one account of a client's attempts at one place, and the same words for the same answer.

use crate::alert::{Fact, Severity};
use crate::detector::{About, Crossing, Finding, Findings, Samples, Span};
use crate::keyed::Keyed;
use crate::saved::saved;
use crate::token::Jwt;
use crate::transaction::{Outcome, Transaction};
use crate::window::{Limit, Window};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Attempts that lie no further apart belong together: a scan, or a client that tries again.
pub(super) const TOGETHER: Limit = Limit { count: 1, within: Duration::from_mins(10) };

/// Attempts by place and by the client's network.
pub(super) type Sources = Keyed<(Arc<str>, IpAddr), Attempts>;

/// The forged tokens that one client presented at one place within a window.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// What was odd about each, in a word or two.
    pub(super) tokens: Window<Arc<str>>,
    samples: Samples,
}

saved!(Attempts { tokens, samples });

/// Notes one forged token: what is odd about it, and what it shows as evidence.
pub(super) fn note<'s>(
    sources: &'s mut Sources,
    tx: &Transaction,
    place: Arc<str>,
    variant: Arc<str>,
    note: &'static str,
    limit: Limit,
) -> &'s mut Attempts {
    let attempts = sources.entry(&(place, tx.client.network()), tx.end);
    if attempts.tokens.last().is_none_or(|last| tx.end.since(last) > limit.within) {
        attempts.samples.clear();
    }
    attempts.samples.push(tx, note);
    attempts.tokens.push(tx.end, variant, limit);
    attempts
}

impl Attempts {
    /// Different kinds of token in the window.
    pub(super) fn variants(&self) -> u64 {
        let mut variants: Vec<&Arc<str>> = self.tokens.iter().collect();
        variants.sort_unstable();
        variants.dedup();
        variants.len() as u64
    }

    /// How many there were, for the end of a sentence; nothing where it was one.
    pub(super) fn tally(&self) -> String {
        match self.tokens.count() {
            0 | 1 => String::new(),
            count => format!("; {count} such tokens in {}", Span(self.tokens.span())),
        }
    }

    /// Raises the last attempt, about the client; `tell` gives the sentence and the rule's own facts.
    pub(super) fn raise(
        &mut self,
        tx: &Transaction,
        severity: Severity,
        limit: Limit,
        findings: &mut Findings<'_>,
        tell: impl FnOnce(&Self) -> (String, Vec<(&'static str, Fact)>),
    ) {
        let crossing = Crossing {
            about: About::Client(tx.client.network()),
            severity,
            first: self.tokens.first().unwrap_or(tx.end),
            fresh: self.tokens.take_fresh(),
            window: Some(limit.within),
        };
        findings.raise(&crossing, || {
            let (message, mut facts) = tell(self);
            facts.push(("accepted", Fact::Flag(tx.succeeded())));
            facts.push(("variants", Fact::Count(self.variants())));
            Finding {
                count: self.tokens.count(),
                evidence: self.samples.evidence(),
                doubts: self.samples.doubts(),
                facts,
                ..Finding::of(tx, message, "")
            }
        });
    }
}

/// Whose token it claims to be: its issuer's, else of the host it was sent to.
pub(super) fn issuer(tx: &Transaction, jwt: &Jwt) -> Arc<str> {
    jwt.iss.clone().filter(|issuer| !issuer.is_empty()).unwrap_or_else(|| host(tx))
}

/// The host it was sent to.
pub(super) fn host(tx: &Transaction) -> Arc<str> {
    tx.request.as_ref().map(|request| request.host.clone()).unwrap_or_default()
}

/// What the server said to it, and where: `refused with 401 on GET /me`.
pub(super) fn answer(tx: &Transaction) -> String {
    let grpc_status = tx.response.as_ref().and_then(|response| response.grpc_status);
    let said = match (tx.outcome, grpc_status, tx.status()) {
        (Outcome::Success, ..) => "accepted".to_owned(),
        (_, _, None) => "no answer seen".to_owned(),
        (Outcome::Denied, Some(status @ 1..), _) => format!("refused with gRPC status {status}"),
        (Outcome::Denied, _, Some(status)) => format!("refused with {status}"),
        (_, _, Some(status)) => format!("answered with {status}"),
    };
    let place = tx.endpoint().map(|endpoint| format!(" on {endpoint}")).unwrap_or_default();
    format!("{said}{place}")
}
