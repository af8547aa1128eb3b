//! Static credentials that programs call with: which of a transaction's credentials it is, and what messages call it.
//! Shared by the rules about API keys.
//! It promises that a key beside somebody's session or token is no key here: it only names the program.

use crate::identity::{Credential, CredentialKind, Fingerprint, Location, PrincipalKind, ProofLevel};
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Activity, Outcome, Transaction};
use std::fmt;
use std::time::Duration;

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
pub(crate) fn or_password_of(tx: &Transaction) -> Option<&Credential> {
    let is_password = |c: &Credential| matches!(c.kind, CredentialKind::Basic | CredentialKind::Digest);
    of(tx).or_else(|| find(tx, is_password))
}

/// The same number for the same fingerprint: half of it, enough where nothing but a count hangs on it.
pub(super) fn number(fingerprint: Fingerprint) -> u64 {
    u64::from_be_bytes(fingerprint.0.first_chunk().copied().unwrap_or_default())
}

/// Whether the server did what was asked: a redirect says nothing about a key.
pub(crate) fn is_accepted(tx: &Transaction) -> bool {
    tx.succeeded() && (tx.status().is_none() || matches!(tx.status(), Some(200..=299)))
}

/// Whether the server turned the key away. Locks and limits say nothing about it, nor does a bad request: RFC 6749
/// section 5.2 wants 401 where a client's secret is wrong, and 400 where the grant beside it is.
pub(super) fn is_refused(tx: &Transaction) -> bool {
    tx.outcome == Outcome::Denied && !matches!(tx.status(), Some(400 | 423 | 429))
}

/// A call to the API itself, not a step of getting in.
pub(crate) fn is_call(tx: &Transaction) -> bool {
    matches!(tx.activity, Activity::Use | Activity::Sensitive | Activity::KeyIssue)
}

/// Whether the transaction carries somebody's session or token. A cookie counts if it was seen being handed out or
/// is known to be somebody's: any other may have been put there to hide the key.
pub(super) fn carries_somebodys(tx: &Transaction) -> bool {
    let cookies_count = tx.principal.is_user() || tx.session.is_some_and(|session| session.issued_in_sight);
    tx.credentials.iter().any(|credential| match credential.kind {
        CredentialKind::BearerJwt | CredentialKind::BearerOpaque => true,
        CredentialKind::Session => cookies_count || credential.location != Location::Cookie,
        _ => false,
    })
}

fn find(tx: &Transaction, is_key: impl Fn(&Credential) -> bool) -> Option<&Credential> {
    let key = tx.credentials.iter().find(|credential| is_key(credential))?;
    // Rubbish beside the key must not hide it: where the key itself stands for a person, it is what was believed.
    let is_believed = tx.proof.level == ProofLevel::ApiKey && tx.principal.is_user();
    (is_believed || !carries_somebodys(tx)).then_some(key)
}

/// Keys told for the same since a moment: many that do the same are told one by one, then together, then no more.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    since: EventTime,
    keys: u32,
}

saved!(Crowd { since, keys });

/// How the next key of a crowd is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Telling {
    /// By itself.
    Key,
    /// As one of many, in an alert about all of them.
    Crowd,
    /// Not at all: the alert about all of them was told.
    Nothing,
}

impl Crowd {
    /// One key more; the count begins anew after a time.
    pub(super) fn joins(&mut self, now: EventTime, again_after: Duration, one_by_one: u32) -> Telling {
        if now.since(self.since) >= again_after {
            *self = Self { since: now, keys: 0 };
        }
        self.keys = self.keys.saturating_add(1);
        match self.keys.checked_sub(one_by_one) {
            None | Some(0) => Telling::Key,
            Some(1) => Telling::Crowd,
            Some(_) => Telling::Nothing,
        }
    }
}

/// Whether an acceptance was this credential's doing: a key beside a session or token only names the program.
pub(super) fn is_believed(tx: &Transaction, credential: &Credential) -> bool {
    let is_key = matches!(
        credential.kind,
        CredentialKind::ApiKey | CredentialKind::Hawk | CredentialKind::Signature | CredentialKind::Basic
    );
    !is_key || or_password_of(tx).is_some()
}

/// Whether a static key says by its form what it is: only such a one is known when it stands in an answer.
pub(crate) fn says_what_it_is(credential: &Credential) -> bool {
    let is_static = matches!(credential.kind, CredentialKind::ApiKey | CredentialKind::ClientSecret);
    is_static && !matches!(credential.class, "api_key" | "client_secret" | "opaque")
}

/// `api_key 5b0e4f7a of ann@example.com`; without the owner where none is known.
pub(super) struct Named<'a>(pub(super) &'a Credential, pub(super) &'a Transaction);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(key, tx) = self;
        let hex = key.fingerprint.to_string();
        write!(f, "{} {}", key.class, hex.get(..8).unwrap_or(&hex))?;
        match tx.principal.kind {
            PrincipalKind::User | PrincipalKind::Service if is_believed(tx, key) => {
                write!(f, " of {}", tx.principal.id)
            }
            _ => Ok(()),
        }
    }
}
