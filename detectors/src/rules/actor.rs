//! Who stands behind an attempt, as well as can be told: a principal, else a session, else an address and a route.
//! Before a login completes there may be no name; guesses must not fall into one pot for that.
//! It promises never to key on an anonymous principal.

use crate::detector::About;
use crate::hash::StableHasher;
use crate::identity::{CredentialKind, Fingerprint, Principal, PrincipalKind};
use crate::saved::{Damaged, Saved};
use crate::shown::Shown;
use crate::transaction::Transaction;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The key of windows over attempts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Actor {
    /// Somebody.
    Principal(Principal),
    /// The holder of a session or ticket.
    Session(Fingerprint),
    /// Somebody at an address who uses one route.
    Place(IpAddr, Option<Arc<str>>),
}

impl Saved for Actor {
    fn save(&self, out: &mut Vec<u8>) {
        match self {
            Self::Principal(principal) => {
                out.push(0);
                principal.save(out);
            }
            Self::Session(fingerprint) => {
                out.push(1);
                fingerprint.save(out);
            }
            Self::Place(network, route) => {
                out.push(2);
                network.save(out);
                route.save(out);
            }
        }
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        match u8::load(from)? {
            0 => Principal::load(from).map(Self::Principal),
            1 => Fingerprint::load(from).map(Self::Session),
            2 => Ok(Self::Place(Saved::load(from)?, Saved::load(from)?)),
            _ => Err(Damaged),
        }
    }

    fn shown(&self) -> Shown {
        Shown::word(&self.about())
    }
}

impl Actor {
    /// Who made this attempt.
    pub(super) fn of(tx: &Transaction) -> Self {
        if tx.principal.kind != PrincipalKind::Anonymous {
            return Self::Principal(tx.principal.clone());
        }
        match session_of(tx) {
            Some(session) => Self::Session(session),
            None => {
                Self::Place(tx.client.network(), tx.request.as_ref().map(|request| request.route.clone()))
            }
        }
    }

    /// As `of`, where it is more than an address: several people may be behind one.
    pub(super) fn known(tx: &Transaction) -> Option<Self> {
        match Self::of(tx) {
            Self::Place(..) => None,
            known => Some(known),
        }
    }

    /// What an alert about it is about.
    pub(super) fn about(&self) -> About<'_> {
        match self {
            Self::Principal(principal) => About::Principal(principal),
            Self::Session(fingerprint) => About::Session(*fingerprint),
            Self::Place(network, _) => About::Client(*network),
        }
    }

    /// The same number for the same actor, always.
    pub(super) fn number(&self) -> u64 {
        let hash = match self {
            Self::Principal(p) => StableHasher::of_parts(&[p.kind.name().as_bytes(), p.id.as_bytes()]),
            Self::Session(fingerprint) => StableHasher::of_parts(&[&fingerprint.0]),
            Self::Place(network, _) => StableHasher::of_parts(&[network.to_string().as_bytes()]),
        };
        hash as u64
    }
}

/// The session or ticket that a transaction without a name was made with.
pub(crate) fn session_of(tx: &Transaction) -> Option<Fingerprint> {
    let carries = |kind| tx.credentials.iter().find(|credential| credential.kind == kind);
    let session = [CredentialKind::Session, CredentialKind::MfaToken, CredentialKind::BearerOpaque]
        .into_iter()
        .find_map(carries);
    session.map(|credential| credential.fingerprint)
}

/// For messages: a name, `one session`, or an address.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal(principal) => f.write_str(&principal.id),
            Self::Session(_) => f.write_str("one session"),
            Self::Place(network, _) => write!(f, "{network}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::{self, Lane};
    use crate::story::transactions;

    #[test]
    fn one_actor_is_in_one_place_of_the_lane() {
        let story = "10:00:00 203.0.113.{7..9} -> mfa POST /mfa/{a,b} 401 user=u{1..2} x6
                     10:01:00 203.0.113.{7..9} -> mfa POST /mfa/{a,b} 401 session=s{1..2} x6
                     10:02:00 203.0.113.{7..9} -> mfa POST /mfa/{a,b} 401 x6
                     10:03:00 2001:db8::{7..9} -> mfa POST /mfa/{a,b} 401 x6
                     10:04:00 203.0.113.{7..9} -> use GET /{a,b} 200 key=k{1..2} x6";
        let seen = transactions(story).unwrap();
        for (one, other) in seen.iter().flat_map(|one| seen.iter().map(move |other| (one, other))) {
            let place = |tx| lane::key(Lane::Principal, tx);
            let (actors, places) = ((Actor::of(one), Actor::of(other)), (place(one), place(other)));
            assert!(actors.0 != actors.1 || places.0 == places.1, "{actors:?}");
            // What is told about one actor is told about its subject.
            let subjects = (actors.0.about().subject(), actors.1.about().subject());
            assert_eq!(subjects.0 == subjects.1, places.0 == places.1, "{actors:?}");
        }
    }
}
