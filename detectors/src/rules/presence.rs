//! Which transactions prove that a person was somewhere: those a person's own session, token or login brought about.
//! Shared by the rules about places.
//! It promises that keys, programs, refused requests and half-done logins prove nothing.

use crate::identity::{CredentialKind, Fingerprint, ProofLevel};
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Activity, LoginOutcome, MfaOutcome, Transaction};
use std::time::Duration;

/// How well an account's habits are known: since when it was seen, and how many logins.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Acquaintance {
    first_seen: Option<EventTime>,
    logins: u32,
}

saved!(Acquaintance { first_seen, logins });

impl Acquaintance {
    /// Notes a transaction that shows the person.
    pub(super) fn note(&mut self, tx: &Transaction) {
        self.first_seen.get_or_insert(tx.end);
        if tx.login.is_some() || proves_factor(tx) {
            self.logins = self.logins.saturating_add(1);
        }
    }

    /// Whether enough was seen to tell a habit from a novelty: so many logins, or so many days.
    pub(super) fn is_trusted(&self, now: EventTime, logins: u32, days: u32) -> bool {
        let trusted = Duration::from_hours(24).saturating_mul(days);
        self.logins >= logins || self.first_seen.is_some_and(|first| now.since(first) >= trusted)
    }
}

/// Whether this transaction shows its principal, a person, at the client's place.
pub(crate) fn shows_person(tx: &Transaction) -> bool {
    tx.principal.is_user() && tx.succeeded() && !is_by_program(tx) && (is_entry(tx) || is_use(tx))
}

/// Whether a second factor was proved in this very transaction.
pub(super) fn proves_factor(tx: &Transaction) -> bool {
    tx.mfa.is_some_and(|mfa| mfa.outcome == MfaOutcome::Success)
}

/// The session a request was made in: that of the login it goes back to, else what was presented.
pub(super) fn session_of(tx: &Transaction) -> Option<Fingerprint> {
    let presented = || tx.credentials.iter().find(|credential| is_persons(credential.kind));
    tx.session.map(|session| session.id).or_else(|| presented().map(|credential| credential.fingerprint))
}

/// Whether something was done that a thief would do and an owner does rarely.
pub(crate) fn is_sensitive(tx: &Transaction) -> bool {
    matches!(tx.activity, Activity::Sensitive | Activity::KeyIssue)
}

/// Keys, Basic and client secrets are carried by programs, wherever their owner is.
fn is_by_program(tx: &Transaction) -> bool {
    matches!(tx.proof.level, ProofLevel::ApiKey | ProofLevel::ServiceToken | ProofLevel::Certificate)
        || tx.credentials.iter().any(|credential| {
            matches!(
                credential.kind,
                CredentialKind::ApiKey
                    | CredentialKind::Basic
                    | CredentialKind::ClientSecret
                    | CredentialKind::Signature
            )
        })
}

/// A login or second factor that was accepted to the end.
fn is_entry(tx: &Transaction) -> bool {
    let logged_in = tx.login.as_ref().is_some_and(|login| login.outcome == LoginOutcome::Success);
    logged_in || proves_factor(tx) || tx.activity == Activity::SignUp
}

/// Use of a session or token that was given to the person.
fn is_use(tx: &Transaction) -> bool {
    let half_done = tx.login.is_some() || tx.mfa.is_some();
    !half_done && tx.credentials.iter().any(|credential| is_persons(credential.kind))
}

/// Sessions and tokens, which a person is given at login.
pub(crate) fn is_persons(kind: CredentialKind) -> bool {
    matches!(kind, CredentialKind::Session | CredentialKind::BearerJwt | CredentialKind::BearerOpaque)
}
