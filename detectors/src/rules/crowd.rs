//! Attempts of one source over many accounts: how many failed, on how many accounts, and what share.
//! Shared by the rules about spraying and stuffing.
//! It promises exact counts over the window up to its limit, and a sketch of the accounts since the first attempt.

use crate::detector::Samples;
use crate::distinct::Distinct;
use crate::saved::saved;
use crate::time::EventTime;
use crate::window::{Tally, Window};
use std::time::Duration;

/// Attempts of one source that are remembered; of more, the oldest go first.
const ATTEMPTS_MAX: usize = 4096;

#[derive(Clone, Copy, Debug)]
struct Attempt {
    account: u64,
    failed: bool,
}

saved!(Attempt { account, failed });

/// One source's attempts.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    attempts: Window<Attempt>,
    /// The failed attempts in the window, by account.
    failing: Tally,
    fresh_failures: u64,
    /// Every account tried since the source was last quiet.
    pub(super) accounts: Distinct,
    pub(super) samples: Samples,
}

saved!(Crowd { attempts, failing, fresh_failures, accounts, samples });

impl Crowd {
    /// Notes one attempt and forgets those that left the window.
    pub(super) fn note(&mut self, at: EventTime, account: u64, failed: bool, within: Duration) {
        self.attempts.insert(at, Attempt { account, failed });
        let now = self.attempts.last().unwrap_or(at);
        while let Some(gone) =
            self.attempts.pop_outside(now, within).or_else(|| self.attempts.pop_beyond(ATTEMPTS_MAX))
        {
            if gone.failed {
                self.failing.remove(gone.account);
            }
        }
        if self.attempts.count() == 1 {
            self.accounts = Distinct::default();
            self.samples.clear();
        }
        if failed {
            self.failing.add(account);
            self.fresh_failures = self.fresh_failures.saturating_add(1);
        }
        self.accounts.insert(account);
    }

    /// Failed attempts in the window.
    pub(super) fn failures(&self) -> u64 {
        self.failing.total()
    }

    /// Accounts with failed attempts in the window.
    pub(super) fn failing_accounts(&self) -> u64 {
        self.failing.distinct()
    }

    /// Whether at least this share of the attempts in the window failed.
    pub(super) fn failing_share_reaches(&self, percent: u8) -> bool {
        self.failures() * 100 >= self.attempts.count() * u64::from(percent)
    }

    /// The share of the attempts in the window that failed, in whole per cent.
    pub(super) fn failing_pct(&self) -> u64 {
        self.failures() * 100 / self.attempts.count().max(1)
    }

    /// From the oldest attempt in the window to the newest.
    pub(super) fn span(&self) -> Duration {
        self.attempts.span()
    }

    /// The oldest attempt in the window.
    pub(super) fn first(&self) -> Option<EventTime> {
        self.attempts.first()
    }

    /// Failed attempts since this was last asked.
    pub(super) fn take_fresh(&mut self) -> u64 {
        std::mem::take(&mut self.fresh_failures)
    }
}
