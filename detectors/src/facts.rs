//! What a transaction is at first sight, in a few bits: worked out once, asked by every rule.
//! A rule says which facts it needs, and is not asked about transactions that lack one.
//! It promises that a transaction has a fact or not by what it says of itself: no table is looked into.

use crate::identity::CredentialKind;
use crate::rules::{keys, odd_timing, presence, retry_storm};
use crate::session::Session;
use crate::transaction::{Activity, Outcome, Transaction};

/// A set of facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts(u32);

impl Facts {
    /// Nothing in particular: a rule that needs this is asked about everything.
    pub const NONE: Self = Self(0);
    /// It is not the second sight of an exchange.
    pub const FIRST_SIGHT: Self = Self(1);
    /// It shows a person by a session, token or login of their own that the server accepted.
    pub const PERSON: Self = Self(1 << 1);
    /// Something was done that a thief would do and an owner does rarely.
    pub const SENSITIVE: Self = Self(1 << 2);
    /// The server said yes.
    pub const SUCCESS: Self = Self(1 << 3);
    /// A password login step.
    pub const LOGIN: Self = Self(1 << 4);
    /// A second-factor step.
    pub const MFA: Self = Self(1 << 5);
    /// A JWT was presented.
    pub const JWT: Self = Self(1 << 6);
    /// A thing for one use was used before.
    pub const REUSE: Self = Self(1 << 7);
    /// A second factor was proved at some time in its session.
    pub const PROVED: Self = Self(1 << 8);

    /// The server did what was asked, as far as a key can have to do with it.
    pub const ACCEPTED: Self = Self(1 << 9);
    /// A call to the API itself, not a step of getting in.
    pub const CALL: Self = Self(1 << 10);
    /// A program called with a static key, or with a password that goes with every request.
    pub const KEY: Self = Self(1 << 11);
    /// A JWT was presented, or somebody was turned away: it shows whether a route looks at its tokens.
    pub const JWT_OR_DENIED: Self = Self(1 << 12);
    /// A JWT was presented, or a thing for one use was used before.
    pub const JWT_OR_REUSE: Self = Self(1 << 13);
    /// A step of a login or of a second factor, or something sensitive.
    pub const STEP: Self = Self(1 << 14);
    /// The server said that it cannot answer now.
    pub const NOT_NOW: Self = Self(1 << 15);
    /// A GraphQL operation.
    pub const GRAPHQL: Self = Self(1 << 16);
    /// A user name and password by HTTP Basic.
    pub const BASIC: Self = Self(1 << 17);
    /// A key that others know, one that says what it is and would be known if it were laid open, or one that was.
    pub const KEY_AT_RISK: Self = Self(1 << 18);
    /// A header says who the caller is, or where.
    pub const CLAIM: Self = Self(1 << 19);
    /// An outside client whose device can be told.
    pub const DEVICE: Self = Self(1 << 20);
    /// A list is asked to go on.
    pub const POSITION: Self = Self(1 << 21);
    /// TLS covers it, and its handshake was seen.
    pub const TLS: Self = Self(1 << 22);
    /// It shows what becomes of sessions: one proved its second factor, logged out or should be over, or somebody was
    /// turned away.
    pub const SESSION_LIFE: Self = Self(1 << 23);
    /// A second factor's secret stood in it.
    pub const FACTOR_SECRET: Self = Self(1 << 24);
    /// A program's key that was accepted, or a second-factor step: what is missed when it falls silent.
    pub const KEY_OR_MFA: Self = Self(1 << 25);
    /// A session or token was presented, or somebody was turned away.
    pub const TOKEN_OR_DENIED: Self = Self(1 << 26);
    /// It differs from the description of the API.
    pub const DRIFT: Self = Self(1 << 27);
    /// It shows a person, or a password that was right.
    pub const PERSON_OR_PASSWORD: Self = Self(1 << 28);
    /// How many there are.
    pub(crate) const COUNT: usize = 29;

    /// Both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of these are among them.
    pub const fn has(self, needed: Self) -> bool {
        self.0 & needed.0 == needed.0
    }

    /// The facts of one transaction.
    pub fn of(tx: &Transaction) -> Self {
        let is_jwt = tx.jwt.is_some();
        let (is_sensitive, shows_person) = (presence::is_sensitive(tx), presence::shows_person(tx));
        let (has_key, is_accepted) = (keys::or_password_of(tx).is_some(), keys::is_accepted(tx));
        let facts = [
            (Self::FIRST_SIGHT, tx.repeat_of.is_none()),
            (Self::PERSON, shows_person),
            (Self::PERSON_OR_PASSWORD, shows_person || odd_timing::is_password_accepted(tx)),
            (Self::SENSITIVE, is_sensitive),
            (Self::SUCCESS, tx.succeeded()),
            (Self::LOGIN, tx.login.is_some()),
            (Self::MFA, tx.mfa.is_some()),
            (Self::JWT, is_jwt),
            (Self::REUSE, tx.reuse.is_some()),
            (Self::PROVED, tx.proof.mfa_at.is_some()),
            (Self::ACCEPTED, is_accepted),
            (Self::CALL, keys::is_call(tx)),
            (Self::KEY, has_key),
            (Self::JWT_OR_DENIED, is_jwt || tx.outcome == Outcome::Denied),
            (Self::TOKEN_OR_DENIED, tx.outcome == Outcome::Denied),
            (Self::JWT_OR_REUSE, is_jwt || tx.reuse.is_some()),
            (Self::STEP, tx.login.is_some() || tx.mfa.is_some() || is_sensitive),
            (Self::NOT_NOW, retry_storm::is_refused(tx)),
            (Self::KEY_OR_MFA, has_key && is_accepted || tx.mfa.is_some()),
            (Self::TLS, tx.tls.is_some()),
            (Self::KEY_AT_RISK, tx.exposed.iter().any(|exposure| exposure.fingerprint.is_some())),
            (Self::FACTOR_SECRET, !tx.factor_secrets.is_empty()),
            (Self::SESSION_LIFE, shows_session_life(tx)),
            (Self::DRIFT, tx.spec.as_ref().is_some_and(|spec| spec.drifts())),
            (Self::DEVICE, tx.device.is_some() && tx.client.external),
        ]
        .into_iter()
        .fold(Self::NONE, Self::add_if);
        let facts = tx.credentials.iter().fold(facts, |facts, credential| {
            [
                (Self::TOKEN_OR_DENIED, presence::is_persons(credential.kind)),
                (Self::BASIC, credential.kind == CredentialKind::Basic),
                (Self::KEY_AT_RISK, credential.known.is_some() || keys::says_what_it_is(credential)),
            ]
            .into_iter()
            .fold(facts, Self::add_if)
        });
        let Some(request) = &tx.request else { return facts };
        let claims = !request.identity_headers.is_empty() || tx.client.claimed_ip.is_some();
        [
            (Self::GRAPHQL, request.graphql.is_some()),
            (Self::CLAIM, claims),
            (Self::POSITION, request.position.is_some()),
        ]
        .into_iter()
        .fold(facts, Self::add_if)
    }

    /// Those that are not among them.
    pub(crate) const fn others(self) -> Self {
        Self(!self.0 & ((1 << Self::COUNT) - 1))
    }

    /// By number, each below `COUNT`.
    pub(crate) fn numbers(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let fact = left.trailing_zeros() as usize;
            left &= left.checked_sub(1)?;
            Some(fact)
        })
    }

    fn add_if(self, (fact, holds): (Self, bool)) -> Self {
        if holds { self.and(fact) } else { self }
    }
}

fn shows_session_life(tx: &Transaction) -> bool {
    let is_told = |session: Session| session.ended.is_some() || session.rotated.is_some();
    tx.outcome == Outcome::Denied || tx.activity == Activity::Logout || tx.session.is_some_and(is_told)
}
