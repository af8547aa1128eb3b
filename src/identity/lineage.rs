//! The story over time: login → challenge → second factor → session, token, key → use → end.
//! It is given sightings in order and remembers what each answer handed out, to whom and with what proof.
//! It promises that a later use resolves to that account and proof, or stays what the exchange alone says.

mod accounts;
mod caller;
mod ends;
mod handles;
mod issue;
mod learn;
mod names;
mod order;
mod proof;
mod save;
mod sessions;
mod slab;
mod spend;

use super::clues::Sighting;
use super::jwt::{TokenDesk, TokenReference};
use crate::metrics::{EvictionCounters, TokenCounters};
use accounts::Accounts;
pub(super) use caller::is_program;
use handles::Handles;
use heelguard_detectors::identity::{Principal, PrincipalKind, PrincipalSource};
use heelguard_detectors::saved::Damaged;
use heelguard_detectors::transaction::{LoginOutcome, MfaOutcome, Outcome, Transaction};
pub use save::RestoreError;
use serde::Deserialize;
use spend::Proofs;
use std::sync::Arc;

/// Limits of the memory of who is who.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineageConfig {
    /// Sessions, tokens, tickets, codes and keys remembered.
    pub handles_max: usize,
    /// Accounts remembered.
    pub accounts_max: usize,
    /// What is known of tokens beforehand.
    #[serde(skip)]
    pub tokens: Arc<TokenReference>,
    /// Under which key and names this memory is kept (`Settings::state_id`): a checkpoint of another is refused.
    #[serde(skip)]
    pub key: [u8; 8],
}

impl Default for LineageConfig {
    fn default() -> Self {
        Self { handles_max: 350_000, accounts_max: 175_000, tokens: Arc::default(), key: [0; 8] }
    }
}

/// The memory of who is who.
pub struct Lineage {
    accounts: Accounts,
    handles: Handles,
    proofs: Proofs,
    tokens: TokenDesk,
    key: [u8; 8],
}

impl Lineage {
    /// An empty memory.
    pub fn new(config: &LineageConfig) -> Self {
        Self {
            accounts: Accounts::new(config.accounts_max),
            handles: Handles::new(config.handles_max),
            proofs: Proofs::default(),
            tokens: TokenDesk::new(config.tokens.clone()),
            key: config.key,
        }
    }

    /// Knows other tokens beforehand; what was learned stays, and so do the limits of the start.
    pub fn reconfigure(&mut self, config: &LineageConfig) {
        self.tokens.consult(config.tokens.clone());
    }

    /// What left for the limits.
    pub fn evicted(&self) -> EvictionCounters {
        EvictionCounters {
            handles: self.handles.evicted,
            accounts: self.accounts.evicted,
            names: self.accounts.names_refused,
            proofs: self.proofs.evicted,
            ..EvictionCounters::default()
        }
    }

    /// What was learned of tokens and their keys, as bytes; beside the memory, which has a form of its own.
    pub fn save_tokens(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.tokens.save(&mut out);
        out
    }

    /// Takes back what was learned of tokens. After an error this memory is of no use.
    pub fn load_tokens(&mut self, from: &[u8]) -> Result<(), Damaged> {
        self.tokens.load(from)
    }

    /// What was done to find out about tokens.
    pub fn token_counters(&self) -> TokenCounters {
        self.tokens.counters()
    }

    /// Completes principal, proof and session of a transaction, and remembers what its answer handed out and ended.
    pub fn attribute(&mut self, mut sighting: Sighting) -> Transaction {
        self.complete(&mut sighting);
        sighting.transaction
    }

    /// The same, in its place.
    pub fn complete(&mut self, sighting: &mut Sighting) {
        self.tokens.judge(&mut sighting.transaction, &mut sighting.clues);
        self.complete_judged(sighting);
    }

    /// The same for one whose tokens a `Bench` judged before.
    pub fn complete_judged(&mut self, sighting: &mut Sighting) {
        let Sighting { transaction: tx, clues } = sighting;
        let agreed = accepted(tx);
        let mut caller = self.caller(tx, clues);
        self.meet(tx, clues, &mut caller, agreed);
        if agreed {
            self.learn_names(tx, clues, &mut caller);
        }
        if let Some(account) = caller.account.and_then(|id| self.accounts.get(id)) {
            tx.principal = Principal { kind: account.kind, id: account.name.clone(), source: caller.source };
        } else if tx.outcome == Outcome::Denied && tx.principal.source == PrincipalSource::Jwt {
            tx.principal = nobody(tx);
        }
        tx.proof = self.proof(tx, clues, &caller);
        tx.session = self.session(tx, clues, &caller, agreed);
        tx.reuse = self.reuse(tx, clues);
        // The second sight of an exchange teaches nothing that the first did not.
        if agreed && tx.repeat_of.is_none() {
            self.learn_factor(tx, clues, &caller);
            self.hand_out(tx, clues, &caller);
            self.spend(tx, clues);
            self.end(tx, clues, &caller);
        }
        if let Some(with) = caller.with {
            self.handles.let_go(with.line);
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

/// Whether the server took the step, so that its answer may be believed. A right password that still
/// needs a second factor counts: what it hands out stands for that account.
fn accepted(tx: &Transaction) -> bool {
    use MfaOutcome::{FailCode, FailOther, Locked, Throttled};
    let refused = |outcome| matches!(outcome, FailCode | FailOther | Locked | Throttled);
    match tx.login.as_ref().map(|login| login.outcome) {
        Some(LoginOutcome::Success | LoginOutcome::SecondFactor) => true,
        Some(_) => false,
        None => tx.outcome == Outcome::Success && tx.mfa.is_none_or(|mfa| !refused(mfa.outcome)),
    }
}

#[cfg(test)]
mod tests;
