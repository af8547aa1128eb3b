//! What one exchange tells about who is who: the extractor writes clues, lineage reads them in order.
//! A clue holds names and fingerprints; the one exception is the presented token, sealed, on its way to the desk.
//! It promises to be plain data: everything else that needs raw bytes was done before.

use super::jwt::{IssuedToken, Published, SealedToken};
use heelguard_detectors::identity::Fingerprint;
use heelguard_detectors::saved::{Damaged, Saved, saved};
use heelguard_detectors::session::{EndCause, OneTime};
use heelguard_detectors::transaction::Transaction;
use std::sync::Arc;

/// A transaction as one shard sees it, with what lineage needs to complete it.
#[derive(Debug)]
pub struct Sighting {
    /// Principal and proof are provisional: what this exchange alone says.
    pub transaction: Transaction,
    /// The rest of the story's threads.
    pub clues: Clues,
}

saved!(Sighting { transaction, clues });

#[cfg(test)]
impl Sighting {
    /// Of a transaction that tells all by itself.
    pub(crate) fn plain(transaction: Transaction) -> Self {
        Self { transaction, clues: Clues::default() }
    }
}

/// What kind of thing is handed out and presented again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandleKind {
    /// A session cookie or session header.
    Session,
    /// An access token.
    Access,
    /// A refresh token.
    Refresh,
    /// A ticket for the pending second factor, an interaction id.
    Challenge,
    /// An authorization or device code.
    Code,
    /// A static key.
    ApiKey,
}

/// A thing that was handed out or presented, by fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    /// What it is.
    pub kind: HandleKind,
    /// Keyed hash of its value.
    pub fingerprint: Fingerprint,
}

saved!(Handle { kind, fingerprint });

/// The account a presented or issued JWT speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSubject {
    /// `iss`, empty when missing.
    pub issuer: Arc<str>,
    /// `sub`, or the configured claim.
    pub subject: Arc<str>,
    /// A readable name from the token (`email`, `preferred_username`).
    pub name: Option<Arc<str>>,
    /// The token belongs to a program: `sub` equals `client_id`/`azp`, or the grant was client credentials.
    pub service: bool,
    /// `amr`/`acr` say that a second factor was proved.
    pub says_mfa: bool,
}

saved!(TokenSubject { issuer, subject, name, service, says_mfa });

/// Names one answer gives to one account, never empty strings, `null`, `unknown` and the like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountNames {
    /// Its e-mail address.
    pub email: Option<Arc<str>>,
    /// Its user name.
    pub user_name: Option<Arc<str>>,
    /// Its id, where the answer leaves no doubt that it is the account's and no other object's.
    pub id: Option<Arc<str>>,
}

saved!(AccountNames { email, user_name, id });

impl AccountNames {
    /// The names, the best one first: e-mail, user name, id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        [&self.email, &self.user_name, &self.id].into_iter().flatten()
    }

    /// The best of them.
    pub fn primary(&self) -> Option<&Arc<str>> {
        self.iter().next()
    }
}

/// What ends when the server agrees to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// The session that the request was made with.
    Own,
    /// All sessions of the account, this one too.
    All,
    /// All sessions of the account but this one.
    Others,
    /// The tokens, sessions or keys that the request names.
    Named,
    /// All sessions of the account that the request names: its password was forgotten.
    Account,
}

/// A thing for one use that a request tries to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spend {
    /// What it is.
    pub what: OneTime,
    /// Which one.
    pub fingerprint: Fingerprint,
}

saved!(Spend { what, fingerprint });

/// What one exchange tells lineage.
#[derive(Debug, Default)]
pub struct Clues {
    /// Position of the exchange in its connection, from 0.
    pub ordinal: u32,
    /// The account name in the request: login form, Basic user, sign-up.
    pub login_name: Option<Arc<str>>,
    /// The account as a successful answer names it (own account only, not search results).
    pub answered: AccountNames,
    /// The subject of the presented JWT.
    pub presented_subject: Option<TokenSubject>,
    /// The subject of a JWT in a token answer.
    pub issued_subject: Option<TokenSubject>,
    /// An OAuth client id that authenticated itself, or the name a Basic credential carries at a token endpoint.
    pub client_id: Option<Arc<str>>,
    /// Handles the request was made with, strongest first: header, body, cookie, address; in each of them sessions and
    /// tokens before keys, and what belongs to an unfinished step last.
    pub presented: Vec<Handle>,
    /// Handles the request only speaks of: to be revoked, looked into, or exchanged (RFC 7009, RFC 7662, RFC 8693).
    pub named: Vec<Handle>,
    /// A program exchanges the token of somebody else for one that it may use in their place (RFC 8693).
    pub on_behalf: bool,
    /// Handles in the answer (JSON fields, `Set-Cookie`, `Location` code).
    pub issued: Vec<Handle>,
    /// For whom a key was issued, when the answer says so. What the request asks for is only a wish.
    pub key_owner: AccountNames,
    /// What ends if the server agrees, and why.
    pub ends: Option<(Ends, EndCause)>,
    /// The account whose forgotten password is replaced.
    pub reset_name: Option<Arc<str>>,
    /// What the request tries to use that is for one use.
    pub spends: Option<Spend>,
    /// Mark of a DPoP proof (RFC 9449): its key with its `jti`. A second use of it is a replay.
    pub dpop_jti: Option<u64>,
    /// The answer says that a second factor is enrolled for this account.
    pub enrolled_mfa: bool,
    /// Hash over method, target, body and credentials: equal on both legs of a proxy.
    pub request_hash: u64,
    /// Hash over status and body: equal on both legs of a proxy.
    pub response_hash: u64,
    /// The presented JWS, for the desk.
    pub(crate) token: Option<SealedToken>,
    /// The JWTs that the answer hands out.
    pub(crate) issued_tokens: Vec<IssuedToken>,
    /// What the answer publishes about keys.
    pub(crate) published: Option<Published>,
    /// Whether the proof's key is the one that the presented token is bound to; `None` where one of them says nothing.
    pub dpop_key_fits: Option<bool>,
}

// A presented token never leaves its sensor, nor does what only the desk needs: they are judged before (`Bench`).
saved!(Clues {
    ordinal, login_name, answered, presented_subject, issued_subject, client_id, presented, named, on_behalf, issued,
    key_owner, ends, reset_name, spends, dpop_jti, enrolled_mfa, request_hash, response_hash, dpop_key_fits
} fresh { token, issued_tokens, published });

/// Variants by their places in a list; the lists are part of what is written.
macro_rules! places {
    ($($type:ident: $($variant:ident)*;)*) => {$(
        impl Saved for $type {
            fn save(&self, out: &mut Vec<u8>) {
                out.push(*self as u8);
            }

            fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
                const ALL: &[$type] = &[$($type::$variant),*];
                ALL.get(usize::from(u8::load(from)?)).copied().ok_or(Damaged)
            }
        }
    )*};
}
places! {
    HandleKind: Session Access Refresh Challenge Code ApiKey;
    Ends: Own All Others Named Account;
}
