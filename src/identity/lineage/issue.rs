//! What an accepted exchange hands out, and to whom: new handles join the line of the session they were given for, or
//! begin one at a login.
//! It is given the caller as completed by the answer.
//! It promises that a value handed to two callers speaks for neither, and that a token which speaks of somebody else
//! than the caller is not the caller's.

use super::Lineage;
use super::accounts::AccountId;
use super::caller::{Caller, typed_decides};
use super::handles::{Line, LineId, Proved};
use super::names::{self, Name};
use super::sessions::has_new;
use crate::identity::clues::{Clues, Handle, HandleKind};
use heelguard_detectors::identity::{CredentialKind, Fingerprint, PrincipalKind, ProofLevel};
use heelguard_detectors::transaction::{Activity, Transaction};

impl Lineage {
    /// Remembers what the answer hands out, and which handles go on for more than before.
    pub(super) fn hand_out(&mut self, tx: &Transaction, clues: &Clues, caller: &Caller) {
        let begins = clues.login_name.is_some()
            && typed_decides(tx, caller)
            && !caller.with.is_some_and(|with| with.speaks)
            && !caller.is_stranger;
        if clues.issued.is_empty() && !begins {
            return;
        }
        let proved = if caller.is_stranger {
            Proved::UNKNOWN
        } else {
            Proved { level: issued_level(tx, clues), ..Proved::of(&tx.proof) }
        };
        let keys = clues.issued.iter().filter(|handle| handle.kind == HandleKind::ApiKey);
        for key in keys {
            self.hand_out_key(tx, clues, caller, *key);
        }
        if begins && !has_new(clues, replaces) {
            self.keep(tx, clues, caller, proved);
        }
        let owner = self.owner(tx, clues, caller);
        let rest = || clues.issued.iter().filter(|handle| handle.kind != HandleKind::ApiKey);
        let Some(first) = rest().find(|handle| is_lasting(handle.kind)).or_else(|| rest().next()) else {
            return;
        };
        let line = self.line_for(tx, caller, *first, owner, begins);
        let mut renewed = false;
        for handle in rest() {
            // A ticket that nobody is known to hold says nothing.
            if is_lasting(handle.kind) || owner.is_some() {
                let is_new = self.join(tx, clues, line, *handle, proved);
                renewed |= is_new && caller.with.is_some_and(|with| renews(with.handle.kind, handle.kind));
            }
        }
        if let Some(line) = self.handles.line_mut(line) {
            line.renewals = line.renewals.saturating_add(u32::from(renewed && !begins));
        }
        self.handles.let_go(line);
        self.rotate(tx, clues, caller, begins);
    }

    /// Whose the handed-out tokens and sessions are; `None` where that is not clear.
    fn owner(&self, tx: &Transaction, clues: &Clues, caller: &Caller) -> Option<AccountId> {
        let account = if clues.on_behalf {
            self.spoken_for(clues)?
        } else {
            caller.account.filter(|_| !caller.is_stranger)?
        };
        // Who makes an account for another may be handed the session of that other.
        let for_another = tx.activity == Activity::SignUp && !typed_decides(tx, caller);
        let of_another =
            clues.issued_subject.as_ref().is_some_and(|subject| self.speaks_of_another(tx, subject, account));
        (!for_another && !of_another).then_some(account)
    }

    /// The account whose token a program exchanges. Where a second token says who acts, it is not clear which is whose.
    fn spoken_for(&self, clues: &Clues) -> Option<AccountId> {
        let owner = |handle: &Handle| {
            let held = self.handles.get(handle.fingerprint).filter(|held| !held.shared)?;
            self.handles.line(held.line)?.account
        };
        let mut owners = clues.named.iter().map(owner);
        let first = owners.next()??;
        owners.all(|other| self.accounts.are_same(other, Some(first))).then_some(first)
    }

    /// The line that what is handed out joins, held once.
    fn line_for(
        &mut self,
        tx: &Transaction,
        caller: &Caller,
        first: Handle,
        owner: Option<AccountId>,
        begins: bool,
    ) -> LineId {
        let same_line = |line: &Line, this: &Self| match (line.account, owner) {
            (None, None) => true,
            (line, owner) => this.accounts.are_same(line, owner),
        };
        // A static token that every login hands out again is still the same.
        let known = self.handles.get(first.fingerprint).filter(|held| !held.shared).map(|held| held.line);
        let own = if begins { known } else { caller.with.map(|with| with.line) };
        if let Some(id) = own
            && self.handles.line(id).is_some_and(|line| same_line(line, self))
        {
            self.handles.hold(id);
            if begins && let Some(line) = self.handles.line_mut(id) {
                (line.ended, line.begun) = (None, tx.end);
            }
            return id;
        }
        let line = Line { account: owner, issued_in_sight: true, ..Line::new(first.fingerprint, tx.end) };
        self.handles.begin(line)
    }

    /// Puts one handle into a line; says whether it is new there.
    fn join(
        &mut self,
        tx: &Transaction,
        clues: &Clues,
        line: LineId,
        handle: Handle,
        proved: Proved,
    ) -> bool {
        let is_presented = clues.presented.iter().any(|h| h.fingerprint == handle.fingerprint);
        let account = self.handles.line(line).and_then(|line| line.account);
        if let Some(held) = self.handles.get(handle.fingerprint) {
            let before = self.handles.line(held.line).and_then(|line| line.account);
            let is_others = held.line != line && !is_presented && !self.accounts.are_same(before, account);
            // A key or token that was met before may turn out to be this caller's; a session is new to each.
            if held.shared || is_others && (before.is_some() || held.kind == HandleKind::Session) {
                if let Some(held) = self.handles.get_mut(handle.fingerprint) {
                    held.shared = true;
                }
                return false;
            }
            // A session that is set again as it was stands for what it did, or for more.
            let weaker = held.line == line && proved.level != ProofLevel::Mfa;
            if weaker && held.proved.level != ProofLevel::Unknown {
                return false;
            }
        }
        let is_new = self.handles.get(handle.fingerprint).is_none_or(|held| held.line != line);
        self.handles.bind(handle.fingerprint, handle.kind, line, proved, tx.end);
        self.count_from_account(handle.fingerprint, account);
        is_new
    }

    /// What an account was given is as old as the account: once it is used, no flood of strangers pushes it out. A
    /// guesser at second factors would have each guess forgotten with its ticket otherwise.
    fn count_from_account(&mut self, fingerprint: Fingerprint, account: Option<AccountId>) {
        if let Some(first) = account.and_then(|account| self.accounts.first(account)) {
            self.handles.count_from(fingerprint, first);
        }
    }

    /// A key is a line of its own. It belongs to whom the answer names, else to the caller.
    fn hand_out_key(&mut self, tx: &Transaction, clues: &Clues, caller: &Caller, key: Handle) {
        let owner = if clues.key_owner.primary().is_some() {
            self.key_owner(tx, clues, caller)
        } else {
            caller.account
        };
        let before = self.handles.get(key.fingerprint).map(|held| held.line);
        if let Some(line) = before.and_then(|id| self.handles.line(id))
            && (line.account.is_some() && !self.accounts.are_same(line.account, owner))
        {
            if let Some(held) = self.handles.get_mut(key.fingerprint) {
                held.shared = true;
            }
            return;
        }
        if before.and_then(|id| self.handles.line(id)).is_some_and(|line| line.account.is_some()) {
            return;
        }
        let line = Line {
            account: owner,
            is_key: true,
            issued_in_sight: true,
            ..Line::new(key.fingerprint, tx.end)
        };
        let line = self.handles.begin(line);
        let proved = Proved { level: ProofLevel::ApiKey, ..Proved::of(&tx.proof) };
        self.handles.bind(key.fingerprint, key.kind, line, proved, tx.end);
        self.handles.let_go(line);
    }

    /// The account that an answer says a key was made for. By an id alone it must be known already.
    fn key_owner(&mut self, tx: &Transaction, clues: &Clues, caller: &Caller) -> Option<AccountId> {
        let given = names::answered(&names::realm(tx), &clues.key_owner);
        let all = || given.iter().map(|(name, _): &(Name, _)| name);
        let own = caller.account.filter(|&own| all().any(|name| self.accounts.has(own, name)));
        let mut known = all().filter_map(|name| self.accounts.find(name));
        let known = own.or_else(|| known.find(|&known| self.accounts.agrees(known, all())));
        if known.is_some() {
            return known;
        }
        let named = clues.key_owner.email.is_some() || clues.key_owner.user_name.is_some();
        let (name, shown) = given.iter().find(|(name, _)| named && self.accounts.find(name).is_none())?;
        Some(self.accounts.find_or_make(name, shown, PrincipalKind::User, tx.end))
    }

    /// A login that hands out no session goes on in the one it came with, whoever had it before.
    fn keep(&mut self, tx: &Transaction, clues: &Clues, caller: &Caller, proved: Proved) {
        let session = clues.presented.iter().find(|handle| handle.kind == HandleKind::Session);
        let tickets = clues.presented.iter().filter(|handle| handle.kind == HandleKind::Challenge);
        let kept: Vec<Handle> = session.into_iter().chain(tickets).copied().collect();
        let (Some(first), Some(account)) = (kept.first(), caller.account) else { return };
        let before = self.handles.get(first.fingerprint).and_then(|held| self.handles.line(held.line));
        let is_taken = before.is_some_and(|line| {
            line.account.is_some()
                && line.ended.is_none()
                && !self.accounts.are_same(line.account, Some(account))
        });
        if is_taken && before.is_some_and(|line| line.moved) {
            // One value that goes from hand to hand is no session.
            if let Some(held) = self.handles.get_mut(first.fingerprint) {
                held.shared = true;
            }
            return;
        }
        let line = self.handles.begin(Line {
            account: Some(account),
            begun: tx.end,
            // A ticket begins here; a session was there before.
            issued_in_sight: session.is_none() || before.is_some_and(|line| line.issued_in_sight),
            moved: is_taken,
            ..Line::new(first.fingerprint, before.map_or(tx.time, |line| line.since))
        });
        for handle in kept {
            self.handles.bind(handle.fingerprint, handle.kind, line, proved, tx.end);
            self.count_from_account(handle.fingerprint, Some(account));
        }
        self.handles.let_go(line);
    }
}

/// Whether a new handle of one kind refreshes or replaces the presented one of the other.
fn renews(presented: HandleKind, issued: HandleKind) -> bool {
    use HandleKind::{Access, Refresh, Session};
    matches!((presented, issued), (Session, Session) | (Refresh | Access, Access | Refresh))
}

impl Proved {
    fn of(proof: &heelguard_detectors::identity::Proof) -> Self {
        Self { level: proof.level, factor: proof.factor, mfa_at: proof.mfa_at }
    }
}

/// Whether a handle of this kind is used from here on, and not just for the next step.
pub(super) fn is_lasting(kind: HandleKind) -> bool {
    !matches!(kind, HandleKind::Challenge | HandleKind::Code)
}

/// Whether a handle of this kind takes the place of the session before.
pub(super) fn replaces(handle: &Handle) -> bool {
    matches!(handle.kind, HandleKind::Session | HandleKind::Access)
}

/// The proof level of what this exchange hands out.
fn issued_level(tx: &Transaction, clues: &Clues) -> ProofLevel {
    let says_mfa = clues.issued_subject.as_ref().is_some_and(|subject| subject.says_mfa);
    let service = clues.issued_subject.as_ref().is_some_and(|subject| subject.service);
    let by_secret = tx.credentials.iter().any(|c| c.kind == CredentialKind::ClientSecret);
    match tx.proof.level {
        ProofLevel::Mfa => ProofLevel::Mfa,
        _ if says_mfa => ProofLevel::Mfa,
        _ if service || (by_secret && clues.presented.is_empty()) => ProofLevel::ServiceToken,
        _ if tx.login.is_some() || tx.activity == Activity::SignUp => ProofLevel::Password,
        level => level,
    }
}
