//! The life of what was handed out: when a session began, how it ended, and what was used again that is for one use.
//! The sensor's lineage fills these in, in event order; rules only read them.
//! It promises fingerprints and times, never a session's value.

use crate::identity::{Fingerprint, named};
use crate::saved::saved;
use crate::time::EventTime;

named! {
    /// What ends a session, if the server keeps its promise.
    EndCause {
        /// The user logged out.
        Logout => "logout",
        /// The account's password was changed.
        PasswordChange => "password_change",
        /// A second factor was removed, reset or replaced.
        FactorChange => "factor_change",
        /// The server replaced it by another one: at login, at the second factor, at a refresh.
        Rotation => "rotation",
        /// It was revoked (RFC 7009), or ended by an administrator.
        Revocation => "revocation",
    }
}

/// The session, token or key that a transaction was made with, as far as its history was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Stands for all handles of one login: the first session or token of the chain.
    pub id: Fingerprint,
    /// When it was handed out; when it was first met, if that was not seen.
    pub since: EventTime,
    /// Whether it was seen being handed out.
    pub issued_in_sight: bool,
    /// When a second factor first succeeded in it.
    pub mfa_since: Option<EventTime>,
    /// How often it was refreshed or replaced so far.
    pub renewals: u32,
    /// What should have ended it before this use, and when.
    pub ended: Option<(EndCause, EventTime)>,
    /// At a login or second factor that succeeded: whether the server replaced the session that came with it.
    pub rotated: Option<bool>,
}

saved!(Session { id, since, issued_in_sight, mfa_since, renewals, ended, rotated });

named! {
    /// A thing that is for one use.
    OneTime {
        /// A refresh token that was exchanged for a newer one (RFC 9700 4.14).
        RefreshToken => "refresh_token",
        /// An authorization code (RFC 6749 4.1.2).
        AuthorizationCode => "authorization_code",
        /// A DPoP proof, by its `jti` (RFC 9449 11.1).
        DpopProof => "dpop_proof",
        /// The ticket of a finished second-factor step.
        Ticket => "ticket",
    }
}

/// A thing for one use that was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// What it is.
    pub what: OneTime,
    /// When it was used first.
    pub first: EventTime,
    /// Whether it came from the same client address and device then.
    pub same_client: bool,
}

saved!(Reuse { what, first, same_client });
