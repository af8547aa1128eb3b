//! What a server did with a one-time code: judged it, or stopped whoever sent it.
//! Shared by the rules about locks and back-off, which ask whether the server ought to have stopped them.
//! It promises to speak only of codes that can be guessed, of accounts that can be told apart, and of whole exchanges.

use super::actor::Actor;
use crate::identity::{Factor, PrincipalKind};
use crate::keyed::Keyed;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Completeness, Endpoint, MfaEvent, MfaOutcome, Transaction};
use std::time::Duration;

/// A request that comes again word for word within this time is a retry.
const RETRY: Duration = Duration::from_secs(10);
/// Codes of a million that are valid at a time: the last, the present and the next step.
const HIT: f64 = 3e-6;

/// What became of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Looked at, and wrong.
    Wrong,
    /// Looked at, and accepted.
    Right,
    /// Not looked at: the account is locked, or somebody was too fast.
    Stopped,
    /// The answer was not seen, or not whole; it may have been any of these.
    Unseen,
}

impl Verdict {
    /// What the server said to a code, if this transaction carries one.
    pub(super) fn of(tx: &Transaction) -> Option<Self> {
        use MfaEvent::{Attempt, Regeneration, Removal, Reset};
        let mfa = tx.mfa?;
        // A push that was denied and a WebAuthn ceremony that failed are no guesses.
        if matches!(mfa.factor, Factor::Push | Factor::Webauthn) {
            return None;
        }
        // A code lets somebody in or takes a factor away; what confirms a new factor opens nothing.
        if !matches!(mfa.event, Attempt | Removal | Reset | Regeneration) {
            return None;
        }
        match mfa.outcome {
            _ if tx.completeness != Completeness::Whole => Some(Self::Unseen),
            MfaOutcome::FailCode => Some(Self::Wrong),
            // A session may take a factor away without a code: nothing was judged then.
            MfaOutcome::Success if mfa.event != Attempt && mfa.code.is_none() => None,
            MfaOutcome::Success => Some(Self::Right),
            MfaOutcome::Locked | MfaOutcome::Throttled => Some(Self::Stopped),
            MfaOutcome::Unknown => Some(Self::Unseen),
            MfaOutcome::Challenge | MfaOutcome::FailOther | MfaOutcome::Pending => None,
        }
    }
}

/// Whose codes are judged, and where. A program's key may check the codes of many people: it is nobody's account.
pub(super) fn account(tx: &Transaction) -> Option<(Actor, Endpoint)> {
    if matches!(tx.principal.kind, PrincipalKind::Service | PrincipalKind::Key | PrincipalKind::Cert) {
        return None;
    }
    Some((Actor::known(tx)?, tx.endpoint()?))
}

/// The codes of an account so far. Only a wrong one begins a series: whoever has none cannot be stopped.
pub(super) fn series<'a, S: Default>(
    all: &'a mut Keyed<(Actor, Endpoint), S>,
    verdict: Verdict,
    key: &(Actor, Endpoint),
    now: EventTime,
) -> Option<&'a mut S> {
    if verdict == Verdict::Wrong { Some(all.entry(key, now)) } else { all.get(key, now) }
}

/// The request before, to know when it comes again.
#[derive(Debug, Default)]
pub(super) struct Before {
    at: Option<EventTime>,
    mark: u64,
}

saved!(Before { at } fresh { mark });

impl Before {
    /// Whether this is the request before once more, word for word; it is the one before from here on.
    pub(super) fn comes_again(&mut self, tx: &Transaction) -> bool {
        let mark = tx.request.as_ref().map_or(0, |request| request.mark);
        let same = mark != 0 && mark == self.mark;
        let soon = self.at.is_some_and(|at| tx.end.since(at) <= RETRY);
        *self = Self { at: Some(tx.end), mark };
        same && soon
    }
}

/// The odds in per cent that one of so many guesses at a six-digit code is right.
pub(super) fn guess_odds_pct(guesses: u64) -> f64 {
    let odds = 100.0 * (1.0 - (1.0 - HIT).powf(guesses as f64));
    (odds * 1e4).round() / 1e4
}

/// Hours after which one of the guesses is right with a probability of one half, at so many guesses a second.
pub(super) fn even_odds_after_h(guesses_per_s: f64) -> f64 {
    let guesses = 0.5_f64.ln() / (1.0 - HIT).ln();
    let hours = guesses / guesses_per_s / 3600.0;
    (hours * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_odds_are_those_of_the_book() {
        // One guess a second for a day: 22.8 %; ten a second: 92.5 %.
        assert!((guess_odds_pct(86_400) - 22.83).abs() < 0.01);
        assert!((guess_odds_pct(864_000) - 92.51).abs() < 0.01);
        assert!(guess_odds_pct(0).abs() < 1e-9);
    }

    #[test]
    fn even_odds_come_after_two_hundred_thousand_guesses() {
        assert!((even_odds_after_h(1.0) - 64.2).abs() < 1e-9);
        assert!((even_odds_after_h(10.0) - 6.4).abs() < 1e-9);
    }
}
