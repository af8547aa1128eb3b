//! What it takes to say that a server accepted a token: the token alone spoke for the caller, and the route is known
//! to turn others away. Shared by the rules about tokens that must not be accepted.
//! It promises that a public route, which looks at no token, accepts none; nor does one that looked at another proof.

use crate::detector::Findings;
use crate::identity::{Credential, CredentialKind, Location};
use crate::keyed::Keyed;
use crate::time::EventTime;
use crate::transaction::{Activity, Endpoint, Outcome, Protocol, Transaction};
use std::time::Duration;

/// When each route last turned somebody away.
pub(super) type Guarded = Keyed<Endpoint, Option<EventTime>>;

/// The token that alone spoke for the caller of a request that the server served.
///
/// A token in a body is what a request is about, not who makes it: it is refreshed, looked into or given back. Where
/// tokens are issued and sessions end, one in a header may be no more than a hint.
pub(super) fn accepted_token(tx: &Transaction) -> Option<&Credential> {
    let token = accepted_alone(tx)?;
    let speaks = matches!(token.location, Location::Header | Location::Metadata);
    (speaks && token.kind == CredentialKind::BearerJwt).then_some(token)
}

/// The credential that stood alone in a request that the server served.
pub(super) fn accepted_alone(tx: &Transaction) -> Option<&Credential> {
    let served = tx.succeeded() && tx.status().is_some_and(|status| (200..300).contains(&status));
    if !served || matches!(tx.activity, Activity::TokenIssue | Activity::Logout | Activity::Login) {
        return None;
    }
    let mut proofs = tx.credentials.iter().filter(|credential| credential.kind != CredentialKind::Dpop);
    proofs.next().filter(|_| proofs.next().is_none())
}

/// Notes the route of a request that was turned away for who made it, not for how often.
pub(super) fn note_refusal(guarded: &mut Guarded, tx: &Transaction, findings: &Findings<'_>) {
    let for_who = tx.protocol == Protocol::Grpc || matches!(tx.status(), Some(401 | 403));
    if tx.outcome == Outcome::Denied
        && for_who
        && let Some(request) = &tx.request
    {
        *guarded.entry(findings.endpoint(request), tx.end) = Some(tx.end);
    }
}

/// Whether the route turned somebody away not longer ago than this.
pub(super) fn is_guarded(
    guarded: &mut Guarded,
    endpoint: &Endpoint,
    now: EventTime,
    within: Duration,
) -> bool {
    let refused = guarded.get(endpoint, now).and_then(|refused| *refused);
    refused.is_some_and(|refused| now.since(refused) <= within)
}
