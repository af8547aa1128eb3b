//! How things end: logout, password change, factor change, revocation.
//! It is given what an accepted request ends, and notes the cause and the time; the handle stays known.
//! It promises that whoever uses it later is still the same person, with a session that should be over.

use super::Lineage;
use super::accounts::{AccountId, Cut};
use super::caller::Caller;
use super::handles::{End, LineId};
use super::names::{self, Name};
use crate::identity::clues::{Clues, Ends, HandleKind};
use heelguard_detectors::transaction::Transaction;

impl Lineage {
    /// Notes what an accepted request ended.
    pub(super) fn end(&mut self, tx: &Transaction, clues: &Clues, caller: &Caller) {
        let Some((what, cause)) = clues.ends else { return };
        let end = (cause, tx.end);
        match what {
            Ends::Own => self.end_presented(clues, caller, end),
            Ends::All => {
                self.end_presented(clues, caller, end);
                self.cut_off(caller.account, end, None);
            }
            Ends::Others => self.cut_off(caller.account, end, caller.with.map(|with| with.line)),
            Ends::Account => {
                let name = clues.reset_name.as_ref().map(|name| Name::of_user(&names::realm(tx), name));
                let account = name.and_then(|name| self.accounts.find(&name));
                self.cut_off(account, end, None);
            }
            Ends::Named => {
                for handle in &clues.named {
                    self.end_handle(handle.fingerprint, end);
                }
            }
        }
    }

    /// Ends the lines of all presented handles that are the caller's: a cookie and the token beside it go together.
    fn end_presented(&mut self, clues: &Clues, caller: &Caller, end: End) {
        let Some(with) = caller.with else { return };
        self.end_line(with.line, end);
        for handle in &clues.presented {
            let Some(id) = self.handles.get(handle.fingerprint).map(|held| held.line) else { continue };
            let account = self.handles.line(id).and_then(|line| line.account);
            if self.accounts.are_same(account, caller.account) {
                self.end_line(id, end);
            }
        }
    }

    /// Ends all sessions of the account that began before, but the kept one. What had ended that one before stays.
    fn cut_off(&mut self, account: Option<AccountId>, (cause, at): End, kept: Option<LineId>) {
        let kept = kept.and_then(|id| {
            let before = self.handles.line(id).and_then(|line| self.cut(line));
            let line = self.handles.line_mut(id)?;
            line.ended = line.ended.or(before);
            Some(line.id)
        });
        if let Some(account) = account.and_then(|id| self.accounts.get_mut(id)) {
            account.cut = Some(Cut { cause, at, kept });
        }
    }

    /// A session that is named ends as a whole; a token or key alone (RFC 7009 2.1).
    fn end_handle(&mut self, fingerprint: heelguard_detectors::identity::Fingerprint, end: End) {
        let Some(held) = self.handles.get_mut(fingerprint) else { return };
        if held.kind == HandleKind::Session {
            let line = held.line;
            self.end_line(line, end);
        } else {
            held.ended = held.ended.or(Some(end));
        }
    }

    fn end_line(&mut self, id: LineId, end: End) {
        if let Some(line) = self.handles.line_mut(id).filter(|line| !line.is_key) {
            line.ended = line.ended.or(Some(end));
        }
    }
}
