//! The story over time: login → challenge → second factor → session, token, key → use.
//! It is given sightings in order and remembers what each answer handed out, to whom and with what proof.
//! It promises that a later use resolves to that account and proof, or stays what the exchange alone says.

use super::accounts::{AccountId, Accounts, Name};
use super::clues::{Clues, HandleKind, Sighting, TokenSubject};
use super::handles::{Binding, Handles};
use heelguard_detectors::identity::{
    CredentialKind, Factor, Principal, PrincipalKind, PrincipalSource, Proof, ProofLevel,
};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Activity, LoginOutcome, MfaEvent, MfaOutcome, Outcome, Transaction};
use serde::Deserialize;
use std::sync::Arc;

/// Limits of the memory of who is who.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineageConfig {
    /// Sessions, tokens, tickets, codes and keys remembered; the one unused for longest leaves first.
    pub handles_max: usize,
    /// Accounts remembered; the oldest leaves first.
    pub accounts_max: usize,
}

impl Default for LineageConfig {
    fn default() -> Self {
        Self { handles_max: 1_000_000, accounts_max: 500_000 }
    }
}

/// The memory of who is who.
pub struct Lineage {
    accounts: Accounts,
    handles: Handles,
}

/// What the request proves by itself, before the answer changes anything.
struct Caller {
    account: Option<AccountId>,
    source: PrincipalSource,
    binding: Option<Binding>,
}

impl Lineage {
    /// An empty memory.
    pub fn new(config: &LineageConfig) -> Self {
        Self { accounts: Accounts::new(config.accounts_max), handles: Handles::new(config.handles_max) }
    }

    /// Handles and accounts that left for the limits.
    pub fn evicted(&self) -> (u64, u64) {
        (self.handles.evicted, self.accounts.evicted)
    }

    /// Completes principal and proof of a transaction, and remembers what its answer handed out.
    pub fn attribute(&mut self, sighting: Sighting) -> Transaction {
        let Sighting { mut transaction, clues } = sighting;
        let realm = realm(&transaction);
        let mut caller = self.caller(&transaction, &clues, &realm);
        self.learn_names(&transaction, &clues, &realm, &mut caller);
        if let Some(account) = caller.account.and_then(|id| self.accounts.get(id)) {
            transaction.principal =
                Principal { kind: account.kind, id: account.name.clone(), source: caller.source };
        } else if transaction.outcome == Outcome::Denied
            && transaction.principal.source == PrincipalSource::Jwt
        {
            transaction.principal = nobody(&transaction);
        }
        transaction.proof = self.proof(&transaction, &caller);
        self.learn_factor(&transaction, &clues, &caller);
        self.bind_issued(&transaction, &clues, &caller, &realm);
        transaction
    }

    /// Who calls, from what the request carries. At a login the typed name decides, elsewhere the
    /// strongest handle whose history is known, then what the credential itself says.
    fn caller(&mut self, tx: &Transaction, clues: &Clues, realm: &Arc<str>) -> Caller {
        let strongest = clues.presented.first().and_then(|handle| self.handles.get(handle.fingerprint));
        let bound = clues.presented.iter().find_map(|handle| self.handles.get(handle.fingerprint));
        let typed = clues.login_name.as_ref();
        // Who makes an account for somebody else is still who they are.
        let names_caller =
            tx.activity == Activity::Login || tx.activity == Activity::SignUp && bound.is_none();
        if let (true, Some(typed)) = (names_caller, typed) {
            let account = self.accounts.find(&Name::new(realm, typed));
            return Caller { account, source: PrincipalSource::Login, binding: None };
        }
        // A token of unknown history speaks for itself before a weaker handle beside it does.
        if let Some(binding) = strongest.or(bound.filter(|_| clues.presented_subject.is_none())) {
            let by_token = strongest.is_some() && clues.presented_subject.is_some();
            let source = if by_token { PrincipalSource::Jwt } else { PrincipalSource::Lineage };
            return Caller { account: Some(binding.account), source, binding: Some(binding) };
        }
        let named = match (&clues.presented_subject, &clues.client_id, typed) {
            // What a refused token says of its bearer is only a claim.
            (Some(_), _, _) if tx.outcome == Outcome::Denied => None,
            (Some(subject), _, _) => Some((subject_name(subject), PrincipalSource::Jwt)),
            (None, Some(client), _) => Some((Name::new(realm, client), PrincipalSource::Credential)),
            (None, None, Some(name)) => Some((Name::new(realm, name), tx.principal.source)),
            (None, None, None) => None,
        };
        let (account, source) =
            named.map_or((None, tx.principal.source), |(name, source)| (self.accounts.find(&name), source));
        Caller { account, source, binding: None }
    }

    /// Takes the names a successful answer gives: the typed one, the account's own, a token's subject.
    fn learn_names(&mut self, tx: &Transaction, clues: &Clues, realm: &Arc<str>, caller: &mut Caller) {
        if !accepted(tx) {
            return;
        }
        if caller.account.is_none() {
            caller.account = self.account_from_answer(tx, clues, realm);
            if caller.account.is_some() && clues.login_name.is_none() && clues.presented_subject.is_none() {
                caller.source = PrincipalSource::Response;
            }
        }
        let Some(account) = caller.account else { return };
        let is_login = matches!(tx.activity, Activity::Login | Activity::SignUp) && caller.binding.is_none();
        let typed = clues.login_name.iter().filter(|_| is_login).map(|name| Name::new(realm, name));
        if is_login
            && clues.login_name.is_some()
            && let Some(account) = self.accounts.get_mut(account)
        {
            account.proved = true;
        }
        // The answer to a change repeats what the caller wrote; others say whom the server sees.
        let is_change = tx.activity == Activity::Sensitive
            || tx.activity == Activity::Use
                && tx.request.as_ref().is_some_and(|request| !matches!(&*request.method, "GET" | "HEAD"))
            || tx.activity == Activity::SignUp && caller.binding.is_some();
        let answered = clues.answered.primary.iter().chain(&clues.answered.aliases).filter(|_| !is_change);
        let answered = answered.map(|name| Name::new(realm, name));
        let subjects = clues.issued_subject.iter().filter(|s| !s.service).map(subject_name);
        for name in typed.chain(answered).chain(subjects).collect::<Vec<_>>() {
            self.accounts.tie(account, &name);
        }
    }

    /// The account an accepted exchange speaks of when nothing presented was known.
    fn account_from_answer(
        &mut self,
        tx: &Transaction,
        clues: &Clues,
        realm: &Arc<str>,
    ) -> Option<AccountId> {
        let kind = PrincipalKind::User;
        if let Some(primary) = &clues.answered.primary {
            let name = Name::new(realm, primary);
            let taken =
                self.accounts.find(&name).and_then(|id| self.accounts.get(id)).is_some_and(|a| a.proved);
            // A known account belongs to those who typed its name.
            if !(taken && clues.login_name.is_some()) {
                return Some(self.accounts.find_or_make(&name, primary, kind));
            }
        }
        if let Some(typed) = &clues.login_name {
            return Some(self.accounts.find_or_make(&Name::new(realm, typed), typed, kind));
        }
        if let Some(subject) = clues.presented_subject.as_ref().or(clues.issued_subject.as_ref()) {
            let kind = if subject.service { PrincipalKind::Service } else { kind };
            let shown = subject.name.as_ref().unwrap_or(&subject.subject);
            return Some(self.accounts.find_or_make(&subject_name(subject), shown, kind));
        }
        let client = clues.client_id.as_ref().filter(|_| tx.activity == Activity::TokenIssue)?;
        Some(self.accounts.find_or_make(&Name::new(realm, client), client, PrincipalKind::Service))
    }

    /// What the caller brought, seen through what is known of its handle and account.
    fn proof(&self, tx: &Transaction, caller: &Caller) -> Proof {
        let account_has_mfa =
            caller.account.and_then(|id| self.accounts.get(id)).is_some_and(|account| account.has_mfa);
        let mut proof = Proof { account_has_mfa, ..tx.proof.clone() };
        if let Some(binding) = caller.binding {
            proof.level = binding.level;
            proof.factor = binding.factor;
            proof.mfa_at = binding.mfa_at;
        }
        if let Some(factor) = proved_factor(tx) {
            proof = Proof {
                level: ProofLevel::Mfa,
                factor: Some(factor),
                mfa_at: Some(tx.end),
                account_has_mfa: true,
            };
        }
        proof
    }

    /// A factor that succeeded, or was asked for after a right password, belongs to the account.
    fn learn_factor(&mut self, tx: &Transaction, clues: &Clues, caller: &Caller) {
        let asked_for = tx.login.as_ref().is_some_and(|l| l.outcome == LoginOutcome::SecondFactor);
        if (proved_factor(tx).is_some() || asked_for || clues.enrolled_mfa)
            && let Some(account) = caller.account.and_then(|id| self.accounts.get_mut(id))
        {
            account.has_mfa = true;
        }
    }

    /// Binds what the answer hands out to the caller, with the proof it was given for.
    fn bind_issued(&mut self, tx: &Transaction, clues: &Clues, caller: &Caller, realm: &Arc<str>) {
        if !accepted(tx) {
            return;
        }
        let owner = match &clues.key_owner {
            Some(name) => {
                Some(self.accounts.find_or_make(&Name::new(realm, name), name, PrincipalKind::User))
            }
            None => caller.account,
        };
        let Some(owner) = owner else { return };
        let (factor, mfa_at) = (tx.proof.factor, tx.proof.mfa_at);
        for handle in &clues.issued {
            let (account, level) = match handle.kind {
                HandleKind::ApiKey => (owner, ProofLevel::ApiKey),
                _ => (caller.account.unwrap_or(owner), issued_level(tx, clues)),
            };
            let binding = Binding { account, kind: handle.kind, level, factor, mfa_at };
            self.handles.bind(handle.fingerprint, binding);
        }
        self.rebind_presented(tx, clues, caller, factor, mfa_at);
    }

    /// A session that is kept through login or second factor now stands for more than before.
    fn rebind_presented(
        &mut self,
        tx: &Transaction,
        clues: &Clues,
        caller: &Caller,
        factor: Option<Factor>,
        mfa_at: Option<EventTime>,
    ) {
        let Some(account) = caller.account else { return };
        let stepped_up = proved_factor(tx).is_some();
        let keeps_session = tx.login.is_some()
            && caller.binding.is_none()
            && !clues.issued.iter().any(|handle| handle.kind == HandleKind::Session);
        for handle in &clues.presented {
            let known = self.handles.get(handle.fingerprint);
            let (kind, level) = match (known, handle.kind) {
                (Some(known), HandleKind::Session | HandleKind::Challenge) if stepped_up => {
                    (known.kind, ProofLevel::Mfa)
                }
                // A login that hands out no session goes on in the one it came with, whoever had it before.
                (_, HandleKind::Session) if keeps_session => (handle.kind, issued_level(tx, clues)),
                // Only an answer that names the account ties a session whose start was not seen.
                (None, HandleKind::Session) if clues.answered.primary.is_some() => {
                    (handle.kind, if stepped_up { ProofLevel::Mfa } else { ProofLevel::Unknown })
                }
                _ => continue,
            };
            self.handles.bind(handle.fingerprint, Binding { account, kind, level, factor, mfa_at });
        }
    }
}

/// The principal of an exchange that nobody's word can be taken for.
fn nobody(tx: &Transaction) -> Principal {
    Principal {
        kind: PrincipalKind::Anonymous,
        id: tx.client.ip.to_string().into(),
        source: PrincipalSource::Address,
    }
}

/// Where a plain name is unique: the host it was used on.
fn realm(tx: &Transaction) -> Arc<str> {
    tx.request.as_ref().map_or_else(|| Arc::from(""), |request| request.host.clone())
}

/// A subject is unique at its issuer.
fn subject_name(subject: &TokenSubject) -> Name {
    Name::new(&Arc::from(format!("iss:{}", subject.issuer)), &subject.subject)
}

/// Whether the server took the step, so that its answer may be believed. A right password that still
/// needs a second factor counts: what it hands out stands for that account.
fn accepted(tx: &Transaction) -> bool {
    let by_login = tx.login.as_ref().map(|login| login.outcome);
    match by_login {
        Some(LoginOutcome::Success | LoginOutcome::SecondFactor) => true,
        Some(_) => false,
        None => {
            tx.outcome == Outcome::Success && tx.mfa.is_none_or(|mfa| mfa.outcome != MfaOutcome::FailCode)
        }
    }
}

/// The factor this exchange proved, if it did.
fn proved_factor(tx: &Transaction) -> Option<Factor> {
    let mfa = tx.mfa?;
    let proves = matches!(mfa.event, MfaEvent::Attempt | MfaEvent::Confirmation);
    (proves && mfa.outcome == MfaOutcome::Success).then_some(mfa.factor)
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

#[cfg(test)]
mod tests;
