//! The session of a transaction, as records and rules see it: since when, with which second factor, ended by what.
//! It is given the caller and its line.
//! It promises one id from the first handle of a login to the last, and that only what ended before a request was sent
//! counts as ended.

use super::Lineage;
use super::caller::{Caller, With};
use super::handles::{End, Line};
use super::issue::replaces;
use super::proof::proved_factor;
use crate::identity::clues::{Clues, Handle, HandleKind};
use heelguard_detectors::session::{EndCause, OneTime, Session};
use heelguard_detectors::transaction::{LoginOutcome, Transaction};

impl Lineage {
    /// The session the request was made with.
    pub(super) fn session(
        &self,
        tx: &Transaction,
        clues: &Clues,
        caller: &Caller,
        agreed: bool,
    ) -> Option<Session> {
        let with = caller.with?;
        let line = self.handles.line(with.line)?;
        let proves = agreed && proved_factor(tx).is_some();
        Some(Session {
            id: line.id,
            since: line.since,
            issued_in_sight: line.issued_in_sight,
            mfa_since: line.mfa_since.or(tx.proof.mfa_at.filter(|_| proves && with.speaks)),
            renewals: line.renewals,
            ended: self.ended(tx, with, line),
            rotated: rotated(tx, clues, with),
        })
    }

    /// What should have ended the handle before the request was sent; the earliest of several ends.
    fn ended(&self, tx: &Transaction, with: With, line: &Line) -> Option<End> {
        let alone = self.handles.get(with.handle.fingerprint).and_then(|held| held.ended);
        [alone, line.ended, self.cut(line)]
            .into_iter()
            .flatten()
            .filter(|&(_, at)| at <= tx.time)
            .min_by_key(|&(_, at)| at)
    }

    /// What ended all sessions of the account but one, if this is one of them.
    pub(super) fn cut(&self, line: &Line) -> Option<End> {
        let cut = self.accounts.get(line.account?)?.cut?;
        let is_cut = line.begun < cut.at && !line.is_key && cut.kept != Some(line.id);
        is_cut.then_some((cut.cause, cut.at))
    }

    /// The session that came with a login, a second factor or a refresh is replaced by the one handed out.
    pub(super) fn rotate(&mut self, tx: &Transaction, clues: &Clues, caller: &Caller, begins: bool) {
        let steps_up = begins || proved_factor(tx).is_some();
        let session = caller
            .with
            .map(|with| with.handle)
            .filter(|h| h.kind == HandleKind::Session && steps_up)
            .filter(|_| has_new(clues, |h| h.kind == HandleKind::Session));
        let refresh = clues
            .spends
            .filter(|spend| spend.what == OneTime::RefreshToken)
            .filter(|_| has_new(clues, |h| h.kind == HandleKind::Refresh));
        let replaced = [session.map(|handle| handle.fingerprint), refresh.map(|spend| spend.fingerprint)];
        for fingerprint in replaced.into_iter().flatten() {
            if let Some(held) = self.handles.get_mut(fingerprint) {
                held.ended = held.ended.or(Some((EndCause::Rotation, tx.end)));
            }
        }
    }
}

/// At a login or second factor that succeeded: whether the server replaced the session that came with it.
/// A password given again in a running session is no login.
fn rotated(tx: &Transaction, clues: &Clues, with: With) -> Option<bool> {
    let password = tx.login.as_ref().is_some_and(|login| login.outcome == LoginOutcome::Success);
    let logged_in = password && !with.speaks;
    let succeeded = logged_in || proved_factor(tx).is_some();
    let came = clues.presented.iter().any(replaces);
    (succeeded && came).then(|| has_new(clues, replaces))
}

/// Whether the answer hands out one that did not come with the request.
pub(super) fn has_new(clues: &Clues, wanted: impl Fn(&Handle) -> bool) -> bool {
    let came = |issued: &Handle| clues.presented.iter().any(|h| h.fingerprint == issued.fingerprint);
    clues.issued.iter().any(|issued| wanted(issued) && !came(issued))
}
