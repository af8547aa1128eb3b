//! Accounts and the names they go by.
//! It is given names and gives one account for all names that servers tied together.
//! It promises that two names become one account only when a server's own answer said so and nothing speaks against it,
//! and a bounded table: see `order` for who goes first.

use super::names::{Name, Sort};
use super::order::{Order, Tenure};
use super::slab::Slab;
use ahash::RandomState;
use heelguard_detectors::identity::{Factor, Fingerprint, PrincipalKind};
use heelguard_detectors::session::EndCause;
use heelguard_detectors::time::EventTime;
use std::collections::HashMap;
use std::sync::Arc;

/// Names kept for one account; more are not tied to it.
const NAMES_MAX: usize = 8;
/// Merges followed before giving up. A longer chain cannot arise: only accounts that were never merged are merged.
const MERGE_DEPTH_MAX: usize = 8;

/// An account: valid, and following merges, until it is evicted; then it is nobody, and never somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AccountId {
    pub(super) place: u32,
    /// Counts accounts from the first on: no two have the same.
    pub(super) serial: u64,
}

impl AccountId {
    /// The id of an account that was forgotten.
    pub(super) fn of_nobody(serial: u64) -> Self {
        Self { place: u32::MAX, serial }
    }
}

/// What is known of one account.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// The name records show; never changes, so that windows keyed by it do not break.
    pub(super) name: Arc<str>,
    pub(super) kind: PrincipalKind,
    pub(super) factors: Factors,
    /// Somebody logged in to it under a name of its own: whoever else claims one of its names is somebody else.
    pub(super) proved: bool,
    /// What ended its sessions of before.
    pub(super) cut: Option<Cut>,
}

/// An end of all sessions but one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) cause: EndCause,
    pub(super) at: EventTime,
    /// The session it was made from, which goes on.
    pub(super) kept: Option<Fingerprint>,
}

/// The second factors an account is known to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Factors(pub(super) u16);

impl Factors {
    fn bit(factor: Factor) -> u16 {
        1 << factor as u16
    }

    pub(super) fn add(&mut self, factor: Factor) {
        self.0 |= Self::bit(factor);
    }

    /// One factor is gone. An unnamed one was that one; backup codes alone are no factor.
    pub(super) fn remove(&mut self, factor: Factor) {
        let unnamed = Self::bit(Factor::Unknown);
        self.0 &= !unnamed;
        match factor {
            Factor::Unknown if self.enrolled().0.count_ones() <= 1 => self.0 = 0,
            Factor::Unknown => {}
            named => self.0 &= !Self::bit(named),
        }
    }

    pub(super) fn any(self) -> bool {
        self.enrolled().0 != 0
    }

    fn enrolled(self) -> Self {
        Self(self.0 & !Self::bit(Factor::Backup))
    }
}

pub(super) enum Slot {
    Known {
        account: Account,
        names: Vec<Name>,
    },
    /// Another name of an account that was met first.
    MergedInto(AccountId),
}

/// All accounts, bounded.
pub(super) struct Accounts {
    by_name: HashMap<Name, AccountId, RandomState>,
    pub(super) slots: Slab<(u64, Slot)>,
    pub(super) order: Order,
    pub(super) next: u64,
    pub(super) evicted: u64,
    /// Names that were not tied because their account has enough.
    pub(super) names_refused: u64,
}

impl Accounts {
    pub(super) fn new(accounts_max: usize) -> Self {
        Self {
            by_name: HashMap::default(),
            slots: Slab::new(),
            order: Order::new(accounts_max),
            next: 0,
            evicted: 0,
            names_refused: 0,
        }
    }

    /// Memory taken, names included.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let index = self.by_name.capacity() * (size_of::<(Name, AccountId)>() + 1);
        let shared = |text: &str| 2 * size_of::<usize>() + text.len();
        let names = self.order.iter().filter_map(|(place, _)| match self.slots.get(place)? {
            (_, Slot::Known { account, names }) => Some(
                shared(&account.name)
                    + names.capacity() * size_of::<Name>()
                    + names.iter().map(|name| shared(&name.text)).sum::<usize>(),
            ),
            _ => None,
        });
        index + self.slots.bytes() + self.order.bytes() + names.sum::<usize>()
    }

    /// The account a name belongs to, if it is known.
    pub(super) fn find(&self, name: &Name) -> Option<AccountId> {
        self.by_name.get(name).and_then(|&id| self.root(id))
    }

    /// The account, unless it was evicted.
    pub(super) fn get(&self, id: AccountId) -> Option<&Account> {
        match self.slot(self.root(id)?)? {
            Slot::Known { account, .. } => Some(account),
            Slot::MergedInto(_) => None,
        }
    }

    pub(super) fn get_mut(&mut self, id: AccountId) -> Option<&mut Account> {
        let id = self.root(id)?;
        match self.slots.get_mut(id.place)? {
            (serial, Slot::Known { account, .. }) if *serial == id.serial => Some(account),
            _ => None,
        }
    }

    /// Whether two ids are of one account that is known.
    pub(super) fn are_same(&self, one: Option<AccountId>, other: Option<AccountId>) -> bool {
        let [one, other] = [one, other].map(|id| id.and_then(|id| self.root(id)));
        one.is_some() && one == other
    }

    /// The account under the id it goes by now, marked as used; `None` when it was evicted.
    pub(super) fn touch(&mut self, id: AccountId, now: EventTime) -> Option<AccountId> {
        let id = self.root(id)?;
        self.order.touch(id.place, now);
        Some(id)
    }

    /// Since when the account is known.
    pub(super) fn first(&self, id: AccountId) -> Option<EventTime> {
        self.order.first(self.root(id)?.place)
    }

    /// The account of `name`, made if it is new; `shown` is the name records will use.
    pub(super) fn find_or_make(
        &mut self,
        name: &Name,
        shown: &Arc<str>,
        kind: PrincipalKind,
        now: EventTime,
    ) -> AccountId {
        if let Some(id) = self.find(name) {
            return id;
        }
        let account =
            Account { name: shown.clone(), kind, factors: Factors::default(), proved: false, cut: None };
        let serial = self.next;
        self.next += 1;
        let slot = Slot::Known { account, names: vec![name.clone()] };
        self.put_back(serial, slot, Tenure { first: now, known: false })
    }

    /// Puts an account into its place in the order; from a checkpoint they come in that order.
    pub(super) fn put_back(&mut self, serial: u64, slot: Slot, tenure: Tenure) -> AccountId {
        self.make_room(tenure.known);
        let place = self.slots.add((serial, slot));
        let id = AccountId { place, serial };
        if let Some((_, Slot::Known { names, .. })) = self.slots.get(place) {
            for name in names {
                self.by_name.insert(name.clone(), id);
            }
        }
        self.order.enter(place, tenure);
        id
    }

    /// Whether the account goes by this name.
    pub(super) fn has(&self, id: AccountId, name: &Name) -> bool {
        self.names(id).contains(name)
    }

    /// Whether no name of the account speaks against one of these being its too.
    pub(super) fn agrees<'n>(&self, id: AccountId, names: impl IntoIterator<Item = &'n Name>) -> bool {
        let own = self.names(id);
        names.into_iter().all(|name| own.contains(name) || !own.iter().any(|mine| mine.rivals(name)))
    }

    /// A server said that `name` is this account too. If it is another's, the two become one when nothing speaks
    /// against it; the older one stays.
    pub(super) fn tie(&mut self, id: AccountId, name: &Name) {
        let Some(id) = self.root(id) else { return };
        match self.find(name) {
            Some(other) if other == id => {}
            Some(other) if self.are_one(id, other, name) => {
                let (keep, merge) = if other.serial < id.serial { (other, id) } else { (id, other) };
                self.merge(keep, merge);
            }
            // An issuer may call one person differently for each of its clients.
            None if name.sort == Sort::Subject || self.agrees(id, [name]) => self.add_name(id, name),
            Some(_) | None => {}
        }
    }

    /// Whether two accounts are one because a server gave both this name. Two that were each logged in to stay two:
    /// an answer may repeat what its caller claims. An e-mail address alone can be anybody's, so it ties nothing to an
    /// account that was logged in to.
    fn are_one(&self, one: AccountId, other: AccountId, by: &Name) -> bool {
        let [first, second] = [one, other].map(|id| self.get(id).is_some_and(|account| account.proved));
        let sure_enough = by.sort != Sort::Mail || !first && !second;
        !(first && second) && sure_enough && self.agrees(one, self.names(other))
    }

    fn merge(&mut self, keep: AccountId, merge: AccountId) {
        let Some((_, slot)) = self.slots.get_mut(merge.place) else { return };
        let Slot::Known { account: merged, names } = std::mem::replace(slot, Slot::MergedInto(keep)) else {
            return;
        };
        if let Some(account) = self.get_mut(keep) {
            account.factors.0 |= merged.factors.0;
            account.proved |= merged.proved;
            account.cut = later(account.cut, merged.cut);
        }
        for name in names {
            self.by_name.remove(&name);
            self.add_name(keep, &name);
        }
    }

    fn add_name(&mut self, id: AccountId, name: &Name) {
        let Some((_, Slot::Known { names, .. })) = self.slots.get_mut(id.place) else { return };
        if names.len() >= NAMES_MAX {
            self.names_refused += 1;
            return;
        }
        names.push(name.clone());
        self.by_name.insert(name.clone(), id);
    }

    fn names(&self, id: AccountId) -> &[Name] {
        match self.root(id).and_then(|id| self.slot(id)) {
            Some(Slot::Known { names, .. }) => names,
            _ => &[],
        }
    }

    fn slot(&self, id: AccountId) -> Option<&Slot> {
        self.slots.get(id.place).filter(|(serial, _)| *serial == id.serial).map(|(_, slot)| slot)
    }

    fn root(&self, mut id: AccountId) -> Option<AccountId> {
        for _ in 0..MERGE_DEPTH_MAX {
            match self.slot(id)? {
                Slot::MergedInto(next) => id = *next,
                Slot::Known { .. } => return Some(id),
            }
        }
        None
    }

    fn make_room(&mut self, known_enters: bool) {
        let Some(victim) = self.order.victim(known_enters) else { return };
        self.order.leave(victim);
        if let Some((_, Slot::Known { names, .. })) = self.slots.take(victim) {
            for name in names {
                self.by_name.remove(&name);
            }
        }
        self.evicted += 1;
    }
}

/// The later of two cuts.
fn later(one: Option<Cut>, two: Option<Cut>) -> Option<Cut> {
    match (one, two) {
        (Some(one), Some(two)) if two.at > one.at => Some(two),
        (one, two) => one.or(two),
    }
}
