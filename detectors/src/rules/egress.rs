//! Addresses that many people share: an office, the company's VPN, a campus. Whoever appears there has not travelled.
//! It is given the accounts that are seen at an address where they are at home.
//! It promises that a stranger's address does not become shared by accounts that were never at home near it.

use crate::hash::Mark;
use crate::identity::Principal;
use crate::saved::saved;
use std::time::Duration;

/// Accounts that make an address a shared one: more than a family has.
const ACCOUNTS_MIN: usize = 5;
/// How long an address stays shared without anybody coming anew.
pub(super) const KEPT: Duration = Duration::from_hours(7 * 24);

/// The accounts of one address, as hashes, up to the number that matters.
#[derive(Debug, Default)]
pub(super) struct Regulars {
    accounts: Vec<u64>,
}

saved!(Regulars { accounts });

impl Regulars {
    /// Notes an account that is at home here.
    pub(super) fn meet(&mut self, principal: &Principal) {
        if self.are_many() {
            return;
        }
        let account = Mark::of([&*principal.id]);
        if !self.accounts.contains(&account) {
            self.accounts.push(account);
        }
    }

    /// Whether enough accounts are at home here.
    pub(super) fn are_many(&self) -> bool {
        self.accounts.len() >= ACCOUNTS_MIN
    }
}
