//! Who calls, as far as it was known before the answer: by the name typed, by the history of what is presented,
//! by what the credential itself says.
//! It is given the transaction and its clues. It promises that a handle speaks for the account it was handed to
//! and for nobody else, and that what a refused token says of its bearer is only a claim.

use super::Lineage;
use super::accounts::AccountId;
use super::handles::{Line, LineId, Proved, Word};
use super::issue::replaces;
use super::names::{self, Name};
use super::sessions::has_new;
use crate::identity::clues::{Clues, Handle, HandleKind};
use heelguard_detectors::identity::{CredentialKind, Fingerprint, PrincipalSource};
use heelguard_detectors::transaction::{Activity, LoginOutcome, Outcome, Transaction};

/// What the request proves by itself, before the answer changes anything.
pub(super) struct Caller {
    pub(super) account: Option<AccountId>,
    pub(super) source: PrincipalSource,
    /// The handle it was made with; its line is held until the caller is done with.
    pub(super) with: Option<With>,
    /// The name typed at a sign-up is an account's already: whoever typed it need not be that account.
    pub(super) is_stranger: bool,
}

/// A presented handle of known or met history.
#[derive(Clone, Copy)]
pub(super) struct With {
    pub(super) handle: Handle,
    pub(super) line: LineId,
    pub(super) proved: Proved,
    /// Its history is what names the caller.
    pub(super) speaks: bool,
}

/// Whether the typed name says who acts: where a password is checked, where a program has somebody's second factor
/// checked, and where an account is made, unless somebody known makes it for another.
pub(super) fn typed_decides(tx: &Transaction, caller: &Caller) -> bool {
    let known = caller.with.is_some_and(|with| with.speaks);
    let by_program = || is_program(tx.credentials.iter().map(|c| c.kind));
    tx.login.is_some() || tx.mfa.is_some() && by_program() || tx.activity == Activity::SignUp && !known
}

/// Whether a program calls in its own name: with a key or a client's secret, and nobody's session or token beside it.
pub(in crate::identity) fn is_program(kinds: impl Iterator<Item = CredentialKind>) -> bool {
    use CredentialKind::{ApiKey, BearerJwt, BearerOpaque, ClientSecret, Hawk, Session, Signature};
    let (mut own, mut somebodys) = (false, false);
    for kind in kinds {
        own |= matches!(kind, ApiKey | ClientSecret | Hawk | Signature);
        somebodys |= matches!(kind, BearerJwt | BearerOpaque | Session);
    }
    own && !somebodys
}

impl Lineage {
    /// Who calls.
    pub(super) fn caller(&mut self, tx: &Transaction, clues: &Clues) -> Caller {
        let (account, with) = self.by_handle(tx, clues);
        let mut caller = Caller { account, source: PrincipalSource::Lineage, with, is_stranger: false };
        if let Some(typed) = clues.login_name.as_ref().filter(|_| typed_decides(tx, &caller)) {
            caller.account = self.accounts.find(&Name::of_user(&names::realm(tx), typed));
            caller.source = PrincipalSource::Login;
            let goes_on = self.goes_on(tx, clues, &caller);
            caller.with = with.map(|with| With { speaks: goes_on, ..with });
        } else if let Some(with) = with.filter(|with| with.speaks) {
            let is_token = self.handles.line(with.line).is_some_and(|line| line.word == Word::Claimed)
                || clues.presented_subject.is_some() && clues.presented.first() == Some(&with.handle);
            if is_token {
                caller.source = PrincipalSource::Jwt;
            }
        } else {
            self.by_name(tx, clues, &mut caller);
        }
        if let Some(id) = caller.account {
            caller.account = self.accounts.touch(id, tx.end);
        }
        if let Some(with) = caller.with {
            self.handles.hold(with.line);
        }
        caller
    }

    /// The strongest presented handle with an account, else the strongest that is known at all.
    fn by_handle(&mut self, tx: &Transaction, clues: &Clues) -> (Option<AccountId>, Option<With>) {
        let mut met = None;
        for (index, &handle) in clues.presented.iter().enumerate() {
            let Some(held) = self.handles.find(handle.fingerprint, tx.end) else { continue };
            if held.shared {
                continue;
            }
            let with = With { handle, line: held.line, proved: held.proved, speaks: true };
            // A token of unknown history speaks for itself before a weaker handle beside it does.
            let behind_token = clues.presented_subject.is_some()
                && index > 0
                && !matches!(handle.kind, HandleKind::Access | HandleKind::Refresh);
            let account = self.account_of(with, tx).filter(|_| !behind_token);
            if account.is_some() {
                return (account, Some(with));
            }
            let is_session = !matches!(handle.kind, HandleKind::Challenge | HandleKind::Code);
            if met.is_none() && is_session {
                met = Some(With { speaks: false, ..with });
            }
        }
        (None, met)
    }

    /// The account of a line, unless it rests on the word of a token that was refused just now.
    fn account_of(&mut self, with: With, tx: &Transaction) -> Option<AccountId> {
        let line = self.handles.line_mut(with.line)?;
        let is_claim = line.word == Word::Claimed && line.id == with.handle.fingerprint;
        if is_claim && tx.outcome == Outcome::Denied {
            return None;
        }
        // Merged accounts go by another id; one that was forgotten is nobody.
        line.account = line.account.and_then(|account| self.accounts.touch(account, tx.end));
        line.account
    }

    /// Whether a password given again is for the session that the same account has: nothing new is handed out for it.
    fn goes_on(&self, tx: &Transaction, clues: &Clues, caller: &Caller) -> bool {
        let Some(line) = caller.with.and_then(|with| self.handles.line(with.line)) else { return false };
        let succeeded = tx.login.as_ref().is_some_and(|login| login.outcome == LoginOutcome::Success);
        succeeded
            && !has_new(clues, replaces)
            && line.ended.is_none()
            && self.accounts.are_same(line.account, caller.account)
    }

    /// What the credential itself says: a token's subject, an OAuth client, a user of Basic.
    fn by_name(&self, tx: &Transaction, clues: &Clues, caller: &mut Caller) {
        let realm = || names::realm(tx);
        let named = match (&clues.presented_subject, &clues.client_id, &clues.login_name) {
            (Some(_), _, _) if tx.outcome == Outcome::Denied => None,
            (Some(subject), _, _) => Some((Name::of_subject(&realm(), subject), PrincipalSource::Jwt)),
            (None, Some(client), _) if acts_for_itself(clues) => {
                Some((Name::of_client(&realm(), client), PrincipalSource::Credential))
            }
            (None, None, Some(name)) => Some((Name::of_user(&realm(), name), tx.principal.source)),
            _ => None,
        };
        caller.source = tx.principal.source;
        if let Some((name, source)) = named {
            (caller.account, caller.source) = (self.accounts.find(&name), source);
        }
    }

    /// Remembers a handle whose start was not seen, so that its line has a beginning.
    pub(super) fn meet(&mut self, tx: &Transaction, clues: &Clues, caller: &mut Caller, agreed: bool) {
        if caller.with.is_some() || tx.outcome == Outcome::Denied {
            return;
        }
        let is_spent = |fingerprint| agreed && clues.spends.is_some_and(|s| s.fingerprint == fingerprint);
        let lasts = |handle: &Handle| {
            !matches!(handle.kind, HandleKind::Challenge | HandleKind::Code) || is_spent(handle.fingerprint)
        };
        let Some(&handle) = clues.presented.iter().find(|handle| lasts(handle)) else { return };
        if self.handles.get(handle.fingerprint).is_some() {
            return;
        }
        let line = self.handles.begin(Line {
            is_key: handle.kind == HandleKind::ApiKey,
            ..Line::new(handle.fingerprint, tx.time)
        });
        self.handles.bind(handle.fingerprint, handle.kind, line, Proved::UNKNOWN, tx.end);
        caller.with = Some(With { handle, line, proved: Proved::UNKNOWN, speaks: false });
    }
}

/// Whether an OAuth client calls in its own name: not with what somebody gave it.
pub(super) fn acts_for_itself(clues: &Clues) -> bool {
    if clues.on_behalf {
        return true;
    }
    let by_grant = |handle: &Handle| matches!(handle.kind, HandleKind::Refresh | HandleKind::Code);
    let for_person = clues.issued_subject.as_ref().is_some_and(|subject| !subject.service);
    !for_person && !clues.presented.iter().any(by_grant)
}

/// The presented token whose subject the clues tell, where there is no doubt which it is.
pub(super) fn subject_token(tx: &Transaction) -> Option<Fingerprint> {
    let mut tokens = tx.credentials.iter().filter(|c| c.kind == CredentialKind::BearerJwt);
    let token = tokens.next()?.fingerprint;
    tokens.all(|other| other.fingerprint == token).then_some(token)
}
