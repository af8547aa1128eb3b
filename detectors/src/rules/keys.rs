//! Static credentials that programs call with: which of a transaction's credentials it is, and what messages call it.
//! Shared by the rules about API keys.
//! It promises that a key beside somebody's session or token is no key here: it only names the program.

use crate::identity::{Credential, CredentialKind, Location, PrincipalKind, ProofLevel};
use crate::transaction::{Activity, Outcome, Transaction};
use std::fmt;

/// The static key or secret that a program called with.
///
/// An OAuth client's secret counts where the client acts for itself: with a person's grant it may be an app's, which
/// every copy of the app carries. A signature in a URL is made to be handed on.
pub(super) fn of(tx: &Transaction) -> Option<&Credential> {
    find(tx, |credential| match credential.kind {
        CredentialKind::ApiKey | CredentialKind::Hawk => true,
        CredentialKind::Signature => credential.location != Location::Query,
        CredentialKind::ClientSecret => !tx.principal.is_user(),
        _ => false,
    })
}

/// The same, or a password that goes with every request (Basic, Digest): a key by another name.
pub(super) fn or_password_of(tx: &Transaction) -> Option<&Credential> {
    let is_password = |c: &Credential| matches!(c.kind, CredentialKind::Basic | CredentialKind::Digest);
    of(tx).or_else(|| find(tx, is_password))
}

/// Whether the server did what was asked: a redirect says nothing about a key.
pub(super) fn is_accepted(tx: &Transaction) -> bool {
    tx.succeeded() && (tx.status().is_none() || matches!(tx.status(), Some(200..=299)))
}

/// Whether the server turned the caller away.
pub(super) fn is_refused(tx: &Transaction) -> bool {
    tx.outcome == Outcome::Denied
}

/// A call to the API itself, not a step of getting in.
pub(super) fn is_call(tx: &Transaction) -> bool {
    matches!(tx.activity, Activity::Use | Activity::Sensitive | Activity::KeyIssue)
}

fn find(tx: &Transaction, is_key: impl Fn(&Credential) -> bool) -> Option<&Credential> {
    let key = tx.credentials.iter().find(|credential| is_key(credential))?;
    let somebodys = |credential: &Credential| {
        matches!(
            credential.kind,
            CredentialKind::Session | CredentialKind::BearerJwt | CredentialKind::BearerOpaque
        )
    };
    // Rubbish beside the key must not hide it: where the key itself stands for a person, it is what was believed.
    let is_believed = tx.proof.level == ProofLevel::ApiKey && tx.principal.is_user();
    (is_believed || !tx.credentials.iter().any(somebodys)).then_some(key)
}

/// `api_key 5b0e4f7a of ann@example.com`; without the owner where none is known.
pub(super) struct Named<'a>(pub(super) &'a Credential, pub(super) &'a Transaction);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(key, tx) = self;
        let hex = key.fingerprint.to_string();
        write!(f, "{} {}", key.class, hex.get(..8).unwrap_or(&hex))?;
        match tx.principal.kind {
            PrincipalKind::User | PrincipalKind::Service => write!(f, " of {}", tx.principal.id),
            _ => Ok(()),
        }
    }
}
