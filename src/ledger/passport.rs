//! The passport of a credential that lasts: how old, how much in use, shared by how many, followed by which.
//! It is given credentials and the moment of the last traffic.
//! It promises ages that are lower bounds, and a successor only where few other readings are left.
//!
//! One key follows another if all of this holds:
//! - both are of one class and stand in one place (header, parameter), and of one owner; where no owner is known, they
//!   share a network;
//! - the new one's first success comes at most `FOLLOWS_WITHIN` after the old one's last. It may come before it, while a
//!   program is rolled out: by `OVERLAP_MAX`, and a tenth of the time that the old one was in use;
//! - the old one has had no success since for a day longer than it ever paused between two;
//! - at least half of the routes that the old one was granted are granted to the new one.
//!
//! The doubt that is left: a program that was switched off, and another one of the same owner that began to do the same
//! that week, look alike. It is small where the owner is known and every route was taken over (`is_sure`).

pub mod risk;

use super::credential::Credential;
use super::lasting::{Granted, Lasting};
use heelguard_detectors::identity::{Fingerprint, Location, PrincipalKind};
use heelguard_detectors::time::EventTime;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What keys should not outlive (PCI DSS and most policies).
pub const OLD_DAYS: u64 = 90;
const DAY: Duration = Duration::from_hours(24);
const FOLLOWS_WITHIN: Duration = Duration::from_hours(7 * 24);
const OVERLAP_MAX: Duration = DAY;
/// Keys of one owner and class that are looked at for a successor, those that came first.
const LOOKS_MAX: usize = 64;

/// A credential that lasts, and what is known of it at a moment.
#[derive(Clone, Debug)]
pub struct Passport<'a> {
    /// The credential.
    pub of: &'a Credential,
    /// What is kept of it because it lasts.
    pub lasting: &'a Lasting,
    /// Days since it was met first, or handed out in sight; it may be older.
    pub age_days: u64,
    /// Days since its last call.
    pub idle_days: u64,
    /// The one that took its place.
    pub replaced_by: Option<Succession>,
    /// The one whose place it took.
    pub replaces: Option<Succession>,
}

/// One key in the place of another, seen from either of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Succession {
    /// The other one.
    pub other: Fingerprint,
    /// Routes of the old one that the new one took over.
    pub routes: usize,
    /// All routes of the old one.
    pub of: usize,
    /// Whether the owner is known and all routes were taken over.
    pub is_sure: bool,
}

impl Passport<'_> {
    /// Whether it is older than keys should become.
    pub fn is_old(&self) -> bool {
        self.age_days >= OLD_DAYS
    }

    /// Calls that were refused, in per cent of all.
    pub fn refused_pct(&self) -> f64 {
        self.of.denied as f64 * 100.0 / self.of.calls.max(1) as f64
    }

    /// Bytes of requests and of answers, a day of use.
    pub fn bytes_a_day(&self) -> (u64, u64) {
        let days = self.lasting.days.active.max(1);
        (self.lasting.days.sent / days, self.lasting.days.received / days)
    }
}

/// The passport of each credential that lasts, in the order of fingerprints.
pub fn passports(credentials: &[Arc<Credential>], now: EventTime) -> Vec<Passport<'_>> {
    let mut passports: BTreeMap<Fingerprint, Passport<'_>> = credentials
        .iter()
        .filter_map(|of| {
            let lasting = of.lasting.as_deref()?;
            let age_days = now.since(of.first).as_secs() / DAY.as_secs();
            let idle_days = lasting.days.idle(now);
            let passport = Passport { of, lasting, age_days, idle_days, replaced_by: None, replaces: None };
            Some((of.fingerprint, passport))
        })
        .collect();
    for Follows { old, new, routes, of, is_sure, .. } in successions(credentials, now) {
        if let Some(passport) = passports.get_mut(&old) {
            passport.replaced_by = Some(Succession { other: new, routes, of, is_sure });
        }
        if let Some(passport) = passports.get_mut(&new) {
            passport.replaces = Some(Succession { other: old, routes, of, is_sure });
        }
    }
    passports.into_values().collect()
}

/// A key that was granted something, as it is compared with others.
struct Used<'a> {
    of: &'a Credential,
    first: EventTime,
    last: EventTime,
    longest_pause: Duration,
    routes: BTreeSet<(&'a str, &'a str, &'a str)>,
}

/// One key that seems to follow another.
struct Follows {
    old: Fingerprint,
    new: Fingerprint,
    routes: usize,
    of: usize,
    is_sure: bool,
    distance: Duration,
}

/// Class, place and owner: what a key has in common with the one that follows it.
type Post<'a> = (&'a str, Location, &'a str, Option<(PrincipalKind, &'a str)>);

/// Who follows whom; each has one successor and follows one, the most likely.
fn successions(credentials: &[Arc<Credential>], now: EventTime) -> Vec<Follows> {
    let mut posts: BTreeMap<Post<'_>, Vec<Used<'_>>> = BTreeMap::new();
    for credential in credentials {
        if let Some(used) = Used::of(credential) {
            posts.entry(post(credential)).or_default().push(used);
        }
    }
    let mut pairs = Vec::new();
    for (post, mut keys) in posts {
        keys.sort_by_key(|key| (key.first, key.of.fingerprint));
        for old in keys.iter().filter(|key| key.is_silent(now)) {
            let from = keys.partition_point(|key| key.first < old.last.before(old.overlap()));
            let behind = keys.iter().skip(from).take(LOOKS_MAX);
            pairs.extend(behind.filter_map(|new| old.followed_by(new, post.3.is_some())));
        }
    }
    pairs.sort_by_key(|pair| (Reverse(pair.routes), pair.distance, pair.old, pair.new));
    let (mut replaced, mut replacing) = (BTreeSet::new(), BTreeSet::new());
    pairs.retain(|pair| {
        let is_free = !replaced.contains(&pair.old) && !replacing.contains(&pair.new);
        is_free && replaced.insert(pair.old) && replacing.insert(pair.new)
    });
    pairs
}

fn post(of: &Credential) -> Post<'_> {
    let owner = of.somebody().map(|(kind, id)| (*kind, &**id));
    (of.class, of.location, &of.name, owner)
}

impl<'a> Used<'a> {
    fn of(of: &'a Credential) -> Option<Self> {
        let lasting = of.lasting.as_deref()?;
        let Granted { first, last, longest_pause } = lasting.granted?;
        let granted = of.routes.iter().filter(|lane| lane.name.success > 0);
        let routes = granted.map(|lane| lane.name.names()).collect();
        Some(Self { of, first, last, longest_pause, routes })
    }

    /// Whether it is over, as far as one can see.
    fn is_silent(&self, now: EventTime) -> bool {
        now.since(self.last) > self.longest_pause.saturating_add(DAY)
    }

    fn overlap(&self) -> Duration {
        (self.last.since(self.first) / 10).min(OVERLAP_MAX)
    }

    fn followed_by(&self, new: &Self, has_owner: bool) -> Option<Follows> {
        let distance = new.first.since(self.last);
        let shares_network = || {
            let mut networks = self.of.addresses.iter();
            networks.any(|lane| new.of.addresses.iter().any(|other| other.name == lane.name))
        };
        let routes = self.routes.intersection(&new.routes).count();
        let follows = new.first > self.first
            && new.last > self.last
            && new.of.fingerprint != self.of.fingerprint
            && distance <= FOLLOWS_WITHIN
            && routes * 2 >= self.routes.len().max(1)
            && (has_owner || shares_network());
        follows.then_some(Follows {
            old: self.of.fingerprint,
            new: new.of.fingerprint,
            routes,
            of: self.routes.len(),
            is_sure: has_owner && routes == self.routes.len(),
            distance,
        })
    }
}
