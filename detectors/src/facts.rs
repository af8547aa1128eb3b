//! What a transaction is at first sight, in a few bits: worked out once, asked by every rule.
//! A rule says which facts it needs, and is not asked about transactions that lack one.
//! It promises that a transaction has a fact or not by what it says of itself: no table is looked into.

use crate::rules::presence;
use crate::transaction::Transaction;

/// A set of facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts(u16);

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
        [
            (Self::FIRST_SIGHT, tx.repeat_of.is_none()),
            (Self::PERSON, presence::shows_person(tx)),
            (Self::SENSITIVE, presence::is_sensitive(tx)),
            (Self::SUCCESS, tx.succeeded()),
            (Self::LOGIN, tx.login.is_some()),
            (Self::MFA, tx.mfa.is_some()),
            (Self::JWT, tx.jwt.is_some()),
            (Self::REUSE, tx.reuse.is_some()),
            (Self::PROVED, tx.proof.mfa_at.is_some()),
        ]
        .into_iter()
        .fold(Self::NONE, |facts, (fact, holds)| if holds { facts.and(fact) } else { facts })
    }
}
