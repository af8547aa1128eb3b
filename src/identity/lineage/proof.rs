//! With what proof a transaction was made: what its handle stands for, what it proves itself, what its tokens claim.
//! It is given the caller and the provisional proof.
//! It promises that a password given again neither raises nor takes a second factor, and that a second factor's token
//! counts from when it was proved, for its own account alone.

use super::Lineage;
use super::caller::Caller;
use super::handles::{LineId, Proved};
use super::issue::replaces;
use crate::identity::clues::{Clues, Ends, HandleKind};
use heelguard_detectors::identity::{CredentialKind, Factor, Proof, ProofLevel};
use heelguard_detectors::session::EndCause;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Activity, LoginOutcome, MfaEvent, MfaOutcome, Outcome, Transaction};
use std::time::Duration;

impl Lineage {
    /// What the caller brought, seen through what is known of its handle and account.
    pub(super) fn proof(&mut self, tx: &Transaction, clues: &Clues, caller: &Caller) -> Proof {
        let account = caller.account.and_then(|id| self.accounts.get(id));
        let account_has_mfa = tx.proof.account_has_mfa || account.is_some_and(|a| a.factors.any());
        let mut proved = Proved { level: tx.proof.level, factor: tx.proof.factor, mfa_at: tx.proof.mfa_at };
        if let Some(with) = caller.with.filter(|with| with.speaks || caller.account.is_none())
            && with.proved.level != ProofLevel::Unknown
        {
            proved = with.proved;
        }
        if proved.level == ProofLevel::Mfa && proved.mfa_at.is_none() {
            proved.mfa_at = claimed_at(tx);
        }
        if let Some(factor) = proved_factor(tx) {
            proved = Proved { level: ProofLevel::Mfa, factor: Some(factor), mfa_at: Some(tx.end) };
            proved = self.by_token(tx, clues, caller).unwrap_or(proved);
        }
        let Proved { level, factor, mfa_at } = proved;
        let has_mfa = account_has_mfa || proved_factor(tx).is_some();
        Proof { level, factor, mfa_at, account_has_mfa: has_mfa }
    }

    /// A second factor's token that rides along in a header proves what it was given for, when it was given: not anew
    /// with every request. `None` where the exchange is a proof of its own, or the token is met for the first time.
    fn by_token(&self, tx: &Transaction, clues: &Clues, caller: &Caller) -> Option<Proved> {
        let token = tx.credentials.iter().find(|c| c.kind == CredentialKind::MfaToken)?;
        let is_handle = clues.presented.iter().any(|handle| handle.fingerprint == token.fingerprint);
        let held = self.handles.get(token.fingerprint).filter(|held| is_handle && !held.shared)?;
        let line = self.handles.line(held.line)?;
        let same = self.accounts.are_same(line.account, caller.account)
            || caller.with.is_some_and(|with| with.line == held.line);
        if same && held.proved.level == ProofLevel::Mfa {
            return Some(held.proved);
        }
        None
    }

    /// A factor that succeeded, or was asked for after a right password, belongs to the account; one that was taken
    /// away does not.
    pub(super) fn learn_factor(&mut self, tx: &Transaction, clues: &Clues, caller: &Caller) {
        let asked_for = tx.login.as_ref().is_some_and(|l| l.outcome == LoginOutcome::SecondFactor);
        let named = tx.mfa.map(|mfa| (mfa.event, mfa.factor));
        if let Some(account) = caller.account.and_then(|id| self.accounts.get_mut(id)) {
            if clues.ends == Some((Ends::Others, EndCause::FactorChange)) {
                match named {
                    Some((MfaEvent::Removal, factor)) => account.factors.remove(factor),
                    _ => account.factors.0 = 0,
                }
            } else if let Some(factor) = proved_factor(tx) {
                account.factors.add(factor);
            } else if asked_for || clues.enrolled_mfa {
                let factor = named.map_or(Factor::Unknown, |(_, factor)| factor);
                // One factor asked for by no name is most likely the one that is known.
                if factor != Factor::Unknown || !account.factors.any() {
                    account.factors.add(factor);
                }
            }
        }
        if let (Some(with), Some(_)) = (caller.with, proved_factor(tx)) {
            // What rides along in a header proves the one request.
            if matches!(tx.activity, Activity::Mfa | Activity::Login | Activity::TokenIssue) {
                self.step_up(tx, clues, with.line);
            }
            self.keep_token(tx, clues, with.line);
        }
    }

    /// The session that a second factor succeeded in now stands for more than before, and so do the handles of it that
    /// nothing new was handed out for.
    fn step_up(&mut self, tx: &Transaction, clues: &Clues, line_id: LineId) {
        if let Some(line) = self.handles.line_mut(line_id) {
            line.mfa_since = line.mfa_since.or(tx.proof.mfa_at);
        }
        let replaced = clues.issued.iter().any(replaces);
        for handle in &clues.presented {
            let upgrades = match handle.kind {
                HandleKind::Session | HandleKind::Challenge => true,
                HandleKind::Access => !replaced,
                _ => false,
            };
            if let Some(held) = self.handles.get_mut(handle.fingerprint)
                && held.line == line_id
                && upgrades
            {
                held.proved = proved_by(tx);
            }
        }
    }

    /// A second factor's token met in a header for the first time belongs to the session it came with.
    fn keep_token(&mut self, tx: &Transaction, clues: &Clues, line: LineId) {
        let token = tx.credentials.iter().find(|c| c.kind == CredentialKind::MfaToken).map(|c| c.fingerprint);
        let unmet = clues.presented.iter().find(|handle| {
            Some(handle.fingerprint) == token && self.handles.get(handle.fingerprint).is_none()
        });
        if let Some(handle) = unmet {
            self.handles.bind(handle.fingerprint, handle.kind, line, proved_by(tx), tx.end);
        }
    }
}

/// What a second factor that succeeded in this exchange lets a handle stand for.
fn proved_by(tx: &Transaction) -> Proved {
    Proved { level: ProofLevel::Mfa, factor: tx.proof.factor, mfa_at: tx.proof.mfa_at }
}

/// The factor this exchange proved, if it did.
pub(super) fn proved_factor(tx: &Transaction) -> Option<Factor> {
    let mfa = tx.mfa?;
    let proves = matches!(mfa.event, MfaEvent::Attempt | MfaEvent::Confirmation);
    (proves && mfa.outcome == MfaOutcome::Success).then_some(mfa.factor)
}

/// When the presented token says that its bearer was last asked for proof (`auth_time`, OpenID Connect Core 2): whole
/// seconds, and the same moment for every use of the token.
fn claimed_at(tx: &Transaction) -> Option<EventTime> {
    let ago = tx.jwt.as_ref().filter(|_| tx.outcome != Outcome::Denied)?.auth_ago_s?;
    let whole = EventTime::from_secs(tx.time.as_secs());
    Some(whole.before(Duration::from_secs(u64::try_from(ago).ok()?)))
}
