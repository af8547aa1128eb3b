//! Accounts and the names they go by.
//! It is given names with the realm they were used in, and gives one account for all names the servers tied together.
//! It promises that two names become one account only when a server's own answer said so.

use ahash::RandomState;
use heelguard_detectors::identity::PrincipalKind;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Index of an account; stays valid, and follows merges, until the account is evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct AccountId(u64);

/// What is known of one account.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// The name records show; never changes, so that windows keyed by it do not break.
    pub(super) name: Arc<str>,
    pub(super) kind: PrincipalKind,
    /// A second factor is known to be enrolled.
    pub(super) has_mfa: bool,
    /// Somebody logged in to it under a name of its own: whoever else claims one of its names is somebody else.
    pub(super) proved: bool,
}

/// A name with the realm it is unique in. E-mail addresses are unique everywhere; all other names
/// only where they were used: `alice` of one API is not `alice` of another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name {
    realm: Arc<str>,
    name: Arc<str>,
}

impl Name {
    pub(super) fn new(realm: &Arc<str>, name: &Arc<str>) -> Self {
        let everywhere = name.contains('@');
        let realm = if everywhere { Arc::from("") } else { realm.clone() };
        let name = if name.bytes().any(|b| b.is_ascii_uppercase()) {
            Arc::from(name.to_ascii_lowercase())
        } else {
            name.clone()
        };
        Self { realm, name }
    }
}

enum Slot {
    Known(Account),
    /// Another name of an account that was met first.
    MergedInto(AccountId),
}

/// All accounts, bounded; the one made first goes first.
pub(super) struct Accounts {
    names: HashMap<Name, AccountId, RandomState>,
    slots: HashMap<AccountId, (Slot, Vec<Name>), RandomState>,
    made: VecDeque<AccountId>,
    next: u64,
    accounts_max: usize,
    pub(super) evicted: u64,
}

/// Names kept for one account; more are not tied to it.
const NAMES_PER_ACCOUNT_MAX: usize = 8;
/// Merges followed before giving up; a chain longer than this cannot arise from two-way merges of roots.
const MERGE_DEPTH_MAX: usize = 8;

impl Accounts {
    pub(super) fn new(accounts_max: usize) -> Self {
        Self {
            names: HashMap::default(),
            slots: HashMap::default(),
            made: VecDeque::new(),
            next: 0,
            accounts_max: accounts_max.max(1),
            evicted: 0,
        }
    }

    /// The account a name belongs to, if it is known.
    pub(super) fn find(&self, name: &Name) -> Option<AccountId> {
        self.names.get(name).map(|&id| self.root(id))
    }

    /// The account, unless it was evicted.
    pub(super) fn get(&self, id: AccountId) -> Option<&Account> {
        match self.slots.get(&self.root(id)) {
            Some((Slot::Known(account), _)) => Some(account),
            _ => None,
        }
    }

    pub(super) fn get_mut(&mut self, id: AccountId) -> Option<&mut Account> {
        match self.slots.get_mut(&self.root(id)) {
            Some((Slot::Known(account), _)) => Some(account),
            _ => None,
        }
    }

    /// The account of `name`, made if it is new; `shown` is the name records will use.
    pub(super) fn find_or_make(&mut self, name: &Name, shown: &Arc<str>, kind: PrincipalKind) -> AccountId {
        if let Some(id) = self.find(name) {
            return id;
        }
        self.evict_for_one();
        let id = AccountId(self.next);
        self.next += 1;
        let account = Account { name: shown.clone(), kind, has_mfa: false, proved: false };
        self.slots.insert(id, (Slot::Known(account), vec![name.clone()]));
        self.names.insert(name.clone(), id);
        self.made.push_back(id);
        id
    }

    /// A server said that `name` is this account too. Where both were known, the older one stays; two accounts
    /// that were each logged in to stay two, because an answer may repeat what its caller claims.
    pub(super) fn tie(&mut self, id: AccountId, name: &Name) {
        let id = self.root(id);
        match self.find(name) {
            Some(other) if other == id => {}
            Some(other) if self.is_proved(other) && self.is_proved(id) => {}
            Some(other) => {
                let (keep, merge) = if other.0 < id.0 { (other, id) } else { (id, other) };
                self.merge(keep, merge);
            }
            None => {
                if let Some((_, names)) = self.slots.get_mut(&id)
                    && names.len() < NAMES_PER_ACCOUNT_MAX
                {
                    names.push(name.clone());
                    self.names.insert(name.clone(), id);
                }
            }
        }
    }

    fn is_proved(&self, id: AccountId) -> bool {
        self.get(id).is_some_and(|account| account.proved)
    }

    fn merge(&mut self, keep: AccountId, merge: AccountId) {
        let Some((slot, _)) = self.slots.get_mut(&merge) else { return };
        let Slot::Known(merged) = std::mem::replace(slot, Slot::MergedInto(keep)) else { return };
        if let Some(account) = self.get_mut(keep) {
            account.has_mfa |= merged.has_mfa;
            account.proved |= merged.proved;
        }
    }

    fn root(&self, mut id: AccountId) -> AccountId {
        for _ in 0..MERGE_DEPTH_MAX {
            match self.slots.get(&id) {
                Some((Slot::MergedInto(next), _)) => id = *next,
                _ => break,
            }
        }
        id
    }

    fn evict_for_one(&mut self) {
        while self.slots.len() >= self.accounts_max {
            let Some(oldest) = self.made.pop_front() else { return };
            if let Some((_, names)) = self.slots.remove(&oldest) {
                for name in names {
                    self.names.remove(&name);
                }
                self.evicted += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(realm: &str, name: &str) -> Name {
        Name::new(&Arc::from(realm), &Arc::from(name))
    }

    fn made(accounts: &mut Accounts, realm: &str, text: &str) -> AccountId {
        accounts.find_or_make(&name(realm, text), &Arc::from(text), PrincipalKind::User)
    }

    #[test]
    fn a_user_name_belongs_to_its_realm_an_address_to_everybody() {
        let mut accounts = Accounts::new(10);
        let here = made(&mut accounts, "a.example", "alice");
        let there = made(&mut accounts, "b.example", "alice");
        assert_ne!(here, there);
        let mail = made(&mut accounts, "a.example", "Alice@example.com");
        assert_eq!(accounts.find(&name("b.example", "alice@example.com")), Some(mail));
    }

    #[test]
    fn names_tied_by_an_answer_are_one_account_and_the_older_name_stays() {
        let mut accounts = Accounts::new(10);
        let login = made(&mut accounts, "a.example", "alice");
        let mail = made(&mut accounts, "a.example", "alice@example.com");
        accounts.get_mut(mail).unwrap().has_mfa = true;
        accounts.tie(mail, &name("a.example", "alice"));
        let account = accounts.get(mail).unwrap();
        assert_eq!((&*account.name, account.has_mfa), ("alice", true));
        assert_eq!(accounts.find(&name("x", "alice@example.com")), Some(login));
    }

    #[test]
    fn the_oldest_account_leaves_first_and_is_counted() {
        let mut accounts = Accounts::new(2);
        let first = made(&mut accounts, "a", "one");
        made(&mut accounts, "a", "two");
        made(&mut accounts, "a", "three");
        assert!(accounts.get(first).is_none());
        assert_eq!((accounts.find(&name("a", "one")), accounts.evicted), (None, 1));
    }
}
