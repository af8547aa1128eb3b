//! What an accepted exchange teaches about names: the typed one, those of the answer, the subjects of tokens.
//! It is given the caller as known before and completes it.
//! It promises that names meet in one account only where the server showed them of one account, and that an answer which
//! speaks against what is known makes a caller unknown, never somebody else.

use super::Lineage;
use super::accounts::AccountId;
use super::caller::{Caller, acts_for_itself, subject_token, typed_decides};
use super::handles::Word;
use super::names::{self, Name, Sort};
use crate::identity::clues::{Clues, HandleKind, TokenSubject};
use heelguard_detectors::identity::{PrincipalKind, PrincipalSource};
use heelguard_detectors::transaction::{Activity, Transaction};
use std::sync::Arc;

/// Names with the texts to show.
type Given = [(Name, Arc<str>)];

impl Lineage {
    /// Takes the names that a successful answer gives.
    pub(super) fn learn_names(&mut self, tx: &Transaction, clues: &Clues, caller: &mut Caller) {
        let typed = clues.login_name.as_ref();
        let is_login = typed.is_some() && typed_decides(tx, caller);
        let subjects = clues.issued_subject.is_some() || clues.client_id.is_some();
        let answers = clues.answered.primary().is_some() && !is_change(tx, caller);
        if caller.account.is_some() && !is_login && !subjects && !answers {
            return;
        }
        let realm = names::realm(tx);
        let given = if answers { names::answered(&realm, &clues.answered) } else { Vec::new() };
        if let Some(typed) = typed.filter(|_| is_login) {
            self.learn_login(tx, (&realm, typed), &given, caller);
        } else {
            self.learn_answer(tx, clues, &given, caller);
        }
        if caller.account.is_none() {
            self.learn_claim(tx, clues, &realm, caller);
        }
        self.learn_subjects(tx, clues, &realm, caller);
    }

    /// A name was typed, and the password was right.
    fn learn_login(
        &mut self,
        tx: &Transaction,
        (realm, typed): (&Arc<str>, &Arc<str>),
        given: &Given,
        caller: &mut Caller,
    ) {
        let name = Name::of_user(realm, typed);
        let id = given.iter().find(|(name, _)| name.sort == Sort::Id).map(|(id, _)| id);
        let account = match self.accounts.find(&name) {
            Some(known) if self.accounts.agrees(known, id) => {
                // A sign-up that hides whether the account exists is answered alike for a stranger.
                let proved = self.accounts.get(known).is_some_and(|account| account.proved);
                caller.is_stranger = tx.activity == Activity::SignUp && proved;
                known
            }
            // The server says that this name is another account now than the one that had it.
            Some(known) => {
                id.map_or(known, |id| self.accounts.find_or_make(id, typed, PrincipalKind::User, tx.end))
            }
            None => self.account_of_login(tx, &name, typed, given),
        };
        caller.account = Some(account);
        if caller.is_stranger {
            return;
        }
        if let Some(account) = self.accounts.get_mut(account) {
            account.proved = true;
        }
        self.accounts.tie(account, &name);
        self.tie_all(account, given);
    }

    /// The account of a name that was not typed before: known by its id, or new. That the answer shows an e-mail
    /// address that is known is no proof that this is the same account: two can have one.
    fn account_of_login(
        &mut self,
        tx: &Transaction,
        typed: &Name,
        shown: &Arc<str>,
        given: &Given,
    ) -> AccountId {
        let known = given
            .iter()
            .filter(|(name, _)| name.sort == Sort::Id)
            .filter_map(|(id, _)| self.accounts.find(id))
            .find(|&known| self.accounts.agrees(known, given.iter().map(|(name, _)| name).chain([typed])));
        if let Some(known) = known {
            return known;
        }
        let is_new_mail = |name: &Name| name.sort == Sort::Mail && self.accounts.find(name).is_none();
        let better = given.iter().find(|(name, _)| typed.sort != Sort::Mail && is_new_mail(name));
        let (name, shown) = better.map_or((typed, shown), |(name, shown)| (name, shown));
        self.accounts.find_or_make(name, shown, PrincipalKind::User, tx.end)
    }

    fn tie_all(&mut self, account: AccountId, given: &Given) {
        for (name, _) in given {
            self.accounts.tie(account, name);
        }
    }

    /// An answer names the account it speaks to.
    fn learn_answer(&mut self, tx: &Transaction, clues: &Clues, given: &Given, caller: &mut Caller) {
        if given.is_empty() {
            return;
        }
        if let Some(account) = caller.account {
            if !self.is_contradicted(account, given, caller) {
                self.tie_all(account, given);
                return;
            }
            self.disown(caller);
        }
        let Some(account) = self.account_spoken_of(tx, clues, given) else { return };
        self.tie_all(account, given);
        caller.account = Some(account);
        if clues.presented_subject.is_none() && clues.login_name.is_none() {
            caller.source = PrincipalSource::Response;
        }
        // Of several credentials it is not clear which one the server went by.
        let is_sole = tx.credentials.len() == 1
            && clues.presented.iter().all(|handle| {
                handle.kind == HandleKind::Challenge
                    || caller.with.is_some_and(|with| with.handle.fingerprint == handle.fingerprint)
            });
        self.give_line(caller, account, Word::Answered, is_sole);
    }

    /// The account that an answer's names are of: a known one that none of them speaks against, else a new one under
    /// a name that is nobody's yet.
    fn account_spoken_of(&mut self, tx: &Transaction, clues: &Clues, given: &Given) -> Option<AccountId> {
        let all = || given.iter().map(|(name, _)| name);
        let known = all().filter_map(|name| self.accounts.find(name));
        if let Some(known) = known.into_iter().find(|&known| self.accounts.agrees(known, all())) {
            return Some(known);
        }
        let free = |(name, _): &&(Name, Arc<str>)| self.accounts.find(name).is_none();
        // An id is the last thing to show.
        let by_sort = |is_id: bool| given.iter().filter(move |(name, _)| (name.sort == Sort::Id) == is_id);
        let (name, shown) = by_sort(false).chain(by_sort(true)).find(free)?;
        let kind = match &clues.presented_subject {
            Some(subject) if subject.service => PrincipalKind::Service,
            _ => PrincipalKind::User,
        };
        Some(self.accounts.find_or_make(name, shown, kind, tx.end))
    }

    /// Nothing but the credential's own word says who it is; the server took it.
    fn learn_claim(&mut self, tx: &Transaction, clues: &Clues, realm: &Arc<str>, caller: &mut Caller) {
        let now = tx.end;
        let issued = clues.issued_subject.as_ref().filter(|_| !clues.on_behalf);
        if let Some(subject) = clues.presented_subject.as_ref().or(issued) {
            let kind = if subject.service { PrincipalKind::Service } else { PrincipalKind::User };
            let shown = subject.name.as_ref().unwrap_or(&subject.subject);
            let account = self.accounts.find_or_make(&Name::of_subject(realm, subject), shown, kind, now);
            caller.account = Some(account);
            if clues.presented_subject.is_none() {
                caller.source = PrincipalSource::Response;
            }
            let is_this = caller.with.is_some_and(|with| subject_token(tx) == Some(with.handle.fingerprint));
            self.give_line(caller, account, Word::Claimed, is_this && clues.presented_subject.is_some());
        } else if let Some(client) = clues.client_id.as_ref().filter(|_| acts_for_itself(clues)) {
            if tx.activity == Activity::TokenIssue {
                let name = Name::of_client(realm, client);
                let account = self.accounts.find_or_make(&name, client, PrincipalKind::Service, now);
                caller.account = Some(account);
            }
        } else if let Some(user) = &clues.login_name {
            let name = Name::of_user(realm, user);
            caller.account = Some(self.accounts.find_or_make(&name, user, PrincipalKind::User, now));
        }
    }

    /// Ties the subjects of tokens to the account: of the one handed out, where it is certain that it speaks of the
    /// caller, and of the one presented, where an answer named the caller.
    fn learn_subjects(&mut self, tx: &Transaction, clues: &Clues, realm: &Arc<str>, caller: &Caller) {
        let Some(account) = caller.account else { return };
        let answered = clues.answered.primary().is_some();
        let by_grant = caller.with.is_some_and(|with| {
            matches!(with.handle.kind, HandleKind::Refresh | HandleKind::Code | HandleKind::Challenge)
        });
        let about_caller = match tx.activity {
            _ if clues.on_behalf => false,
            Activity::Login | Activity::Mfa => true,
            Activity::SignUp => !caller.is_stranger && typed_decides(tx, caller),
            Activity::TokenIssue => by_grant || !caller.with.is_some_and(|with| with.speaks),
            _ => answered && !is_change(tx, caller),
        };
        let issued = clues.issued_subject.as_ref().filter(|_| about_caller);
        if let Some(subject) = issued {
            self.accounts.tie(account, &Name::of_subject(realm, subject));
            if let Some(client) = clues.client_id.as_ref().filter(|_| subject.service) {
                self.accounts.tie(account, &Name::of_client(realm, client));
            }
        }
        if let Some(subject) = clues.presented_subject.as_ref().filter(|_| answered && !is_change(tx, caller))
        {
            self.accounts.tie(account, &Name::of_subject(realm, subject));
        }
    }

    /// Whether the issued token speaks of somebody else than the caller: then it is not the caller's.
    pub(super) fn speaks_of_another(
        &self,
        tx: &Transaction,
        subject: &TokenSubject,
        account: AccountId,
    ) -> bool {
        !self.accounts.has(account, &Name::of_subject(&names::realm(tx), subject))
    }

    /// Whether the answer speaks against what is known of the caller's account: against one answer, another is enough;
    /// against what was seen being handed out, two names that differ and none that fits.
    fn is_contradicted(&self, account: AccountId, given: &Given, caller: &Caller) -> bool {
        let word = caller.with.and_then(|with| self.handles.line(with.line)).map(|line| line.word);
        let differ = given.iter().filter(|(name, _)| !self.accounts.agrees(account, [name])).count();
        let fits = given.iter().any(|(name, _)| self.accounts.has(account, name));
        match word {
            Some(Word::Answered) => differ > 0 && !fits,
            _ => differ > 1 && !fits,
        }
    }

    /// The handle is not, or not any more, this account's.
    fn disown(&mut self, caller: &mut Caller) {
        if let Some(with) = &mut caller.with {
            with.speaks = false;
            if let Some(line) = self.handles.line_mut(with.line) {
                line.account = None;
                // What names one account and then another is no account's own.
                if line.word == Word::Answered
                    && let Some(held) = self.handles.get_mut(with.handle.fingerprint)
                {
                    held.shared = true;
                }
            }
        }
        caller.account = None;
    }

    /// Gives the line that the caller came with to its account, if it is nobody's yet.
    fn give_line(&mut self, caller: &Caller, account: AccountId, word: Word, is_its: bool) {
        let Some(with) = caller.with.filter(|_| is_its) else { return };
        let shared = self.handles.get(with.handle.fingerprint).is_none_or(|held| held.shared);
        if let Some(line) = self.handles.line_mut(with.line)
            && line.account.is_none()
            && !shared
        {
            (line.account, line.word) = (Some(account), word);
        }
    }
}

/// The answer to a change repeats what the caller wrote; others say whom the server sees.
fn is_change(tx: &Transaction, caller: &Caller) -> bool {
    let writes = tx.request.as_ref().is_some_and(|request| !matches!(&*request.method, "GET" | "HEAD"));
    tx.activity == Activity::Sensitive
        || tx.activity == Activity::Use && writes
        || tx.activity == Activity::SignUp && caller.with.is_some_and(|with| with.speaks)
}
