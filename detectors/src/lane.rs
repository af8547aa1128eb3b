//! Lanes: what the transactions have in common that a rule weighs against each other, so that work can be dealt out.
//! It is given a lane and a transaction, and gives a number by which processes share the lane's work.
//! It promises that whatever a rule of a lane keeps under one key, or tells about one subject, has one number there.

use crate::detector::{Detector, Facts, Rule};
use crate::hash::Mark;
use crate::identity::{PrincipalKind, named};
use crate::roster::Roster;
use crate::rules::{self, actor, keys};
use crate::runtime::{Limits, RuntimeConfig};
use crate::saved::{Damaged, Saved};
use crate::transaction::Transaction;
use std::net::IpAddr;

named! {
    /// What a rule's transactions have in common. A rule is in a lane if two transactions that meet in any of its
    /// tables, or in one of its episodes, always have the same number there.
    Lane {
        /// Who stands behind it: a principal, else a session, else an address. For rules about what one account does
        /// one thing after the other.
        Principal => "principal",
        /// The client as it is counted: an IPv4 address, or the /64 of an IPv6 address. For rules about what one
        /// source sends, whoever it says it is.
        Client => "client",
        /// The static key or password that a program calls with. For rules about where one key is in use.
        Credential => "credential",
        /// Method, host and route. For rules about what a server does at one place.
        Endpoint => "endpoint",
        /// Where people are, all of it in one place: what an account does is weighed against what others do from
        /// the same network.
        Places => "places",
        /// Who reads how much, all of it in one place: what one reads is weighed against what the route gives others.
        Reading => "reading",
        /// Sessions and tokens, all of them in one place: one is looked up by itself, and its host by its name.
        Sessions => "sessions",
        /// Keys, all of them in one place: many at once are told about their service.
        Keys => "keys",
        /// What services let pass, all of it in one place: a route is weighed against its neighbours and its host.
        Services => "services",
        /// All of one tenant's traffic, in the order in which it is attributed. For rules that count over many accounts,
        /// look at connections, or watch the sensor itself.
        Tenant => "tenant",
    }
}

impl Lane {
    /// Whether all of it is in one place, wherever that is.
    pub const fn is_whole(self) -> bool {
        !matches!(self, Self::Principal | Self::Client | Self::Credential | Self::Endpoint)
    }
}

/// A set of lanes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lanes(u16);

impl Lanes {
    /// No lane.
    pub const NONE: Self = Self(0);
    /// Every lane.
    pub const ALL: Self = Self((1 << Lane::ALL.len()) - 1);
    /// Every lane that is dealt out: all but `Tenant`.
    pub const DEALT: Self = Self(Self::ALL.0 & !Self::of(Lane::Tenant).0);
    /// How many sets there are.
    pub(crate) const SETS: usize = 1 << Lane::ALL.len();

    /// This one alone.
    pub const fn of(lane: Lane) -> Self {
        Self(1 << lane as u8)
    }

    /// Without one of them.
    #[must_use]
    pub const fn without(self, lane: Lane) -> Self {
        Self(self.0 & !Self::of(lane).0)
    }

    /// With one more.
    #[must_use]
    pub const fn with(self, lane: Lane) -> Self {
        Self(self.0 | Self::of(lane).0)
    }

    /// Whether it is among them.
    pub const fn has(self, lane: Lane) -> bool {
        self.0 & Self::of(lane).0 != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each, in the order of `Lane`.
    pub fn iter(self) -> impl Iterator<Item = Lane> {
        Lane::ALL.iter().copied().filter(move |lane| self.has(*lane))
    }

    /// The set as a number below `SETS`.
    pub(crate) const fn number(self) -> usize {
        self.0 as usize
    }
}

impl Saved for Lanes {
    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let lanes = u16::load(from)?;
        if lanes > Self::ALL.0 { Err(Damaged) } else { Ok(Self(lanes)) }
    }
}

/// Where a transaction is in a lane: the same number in every process, today and tomorrow. Where there is nothing to go
/// by it is zero: then no rule of the lane keeps anything of it, or all of the lane is in one place.
pub fn key(lane: Lane, tx: &Transaction) -> u64 {
    match lane {
        Lane::Principal => principal(tx),
        Lane::Client => client(tx),
        Lane::Credential => {
            let credential = keys::or_password_of(tx);
            credential.map_or(0, |credential| Mark::default().and(&credential.fingerprint.0).number())
        }
        Lane::Endpoint => {
            let request = tx.request.as_ref();
            request.map_or(0, |request| Mark::of([&*request.method, &*request.host, &*request.route]))
        }
        Lane::Places | Lane::Reading | Lane::Sessions | Lane::Keys | Lane::Services | Lane::Tenant => 0,
    }
}

/// As `Actor::of`, whatever route an actor uses of whom nothing but the address is known.
fn principal(tx: &Transaction) -> u64 {
    if tx.principal.kind != PrincipalKind::Anonymous {
        return Mark::of([tx.principal.kind.name(), &*tx.principal.id]);
    }
    match actor::session_of(tx) {
        Some(session) => Mark::default().and(&session.0).number(),
        None => client(tx),
    }
}

fn client(tx: &Transaction) -> u64 {
    let mark = match tx.client.network() {
        IpAddr::V4(ip) => Mark::default().and(&ip.octets()),
        IpAddr::V6(ip) => Mark::default().and(&ip.octets()),
    };
    mark.number()
}

/// Says which lanes have something to look at in a transaction; it keeps nothing.
#[derive(Clone, Debug)]
pub struct Wanting {
    roster: Roster,
}

impl Wanting {
    /// By the rules that are enabled.
    pub fn new(config: &RuntimeConfig) -> Self {
        // The detectors only say what they need: they get no room.
        let limits = Limits { keys_per_table_max: 1, ..config.limits };
        let instances = rules::instances(&config.rules, &limits).into_iter();
        let needs = instances.map(|instance| (instance.rule, needs(instance.rule, &*instance.detector)));
        Self { roster: Roster::new(needs) }
    }

    /// The lanes with a rule that would be asked about it.
    pub fn lanes(&self, tx: &Transaction) -> Lanes {
        self.roster.lanes(Facts::of(tx))
    }
}

/// What a transaction must show for a rule to be asked.
pub(crate) fn needs(rule: &Rule, detector: &dyn Detector) -> Facts {
    let sights = if rule.sees_repeats { Facts::NONE } else { Facts::FIRST_SIGHT };
    detector.needs().and(sights)
}

#[cfg(test)]
pub(crate) mod stories;
#[cfg(test)]
mod tests;
