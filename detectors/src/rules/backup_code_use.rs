//! # Backup code used
//!
//! ## What it sees
//!
//! A backup or recovery code that the server accepted. Each use is an alert of its own.
//!
//! ## Why it matters
//!
//! Backup codes are few, do not change and are kept where people keep things: on paper, in notes, in mail.
//! They are the way round a strong factor, so somebody should know of each use.
//!
//! ## How it decides
//!
//! Every accepted attempt with factor `backup` fires. Severity is low; medium when the country or device is not one
//! the account has logged in with before; high when a burst of wrong codes (that of `mfa_failure_burst`) came in the
//! 24 hours before.
//!
//! ## Benign look-alikes
//!
//! A lost or new phone. The owner can say so; a wrong guess costs one question.
//!
//! ## Tuning
//!
//! None is needed. Silence an account that works with backup codes on purpose by an entry in `[[suppress]]`.
//! Facts: `uses_seen`, `new_device`, `new_country`, `after_failures`.
//!
//! ## References
//!
//! MITRE ATT&CK T1078, T1556.006; OWASP API2:2023.

use super::actor::Actor;
use super::habits::Habits;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, tables};
use crate::identity::Factor;
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{LoginOutcome, MfaEvent, MfaOutcome, Transaction};
use crate::window::{Limit, Window};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long an account's habits are remembered without a login.
const HABIT_KEPT: Duration = Duration::from_hours(30 * 24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Wrong codes that make a burst (3: as in `mfa_failure_burst`).
    pub burst_failures: u32,
    /// The burst's window (300 s: as in `mfa_failure_burst`).
    pub burst_window_s: u32,
    /// How long before the use a burst makes it high (24 h: an attacker comes back within a day).
    pub after_burst_h: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { burst_failures: 3, burst_window_s: 300, after_burst_h: 24 }
    }
}

/// MFA-08.
pub static RULE: Rule = Rule {
    id: "MFA-08",
    name: "backup_code_use",
    title: "Backup code used",
    severity: Severity::Low,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Principal,
    order_free: false,
    mitre: &["T1078", "T1556.006"],
    owasp: &["API2:2023"],
    response: "notify an administrator; ask the owner; issue a new set of codes",
};

/// What each account is used to.
#[derive(Debug)]
pub struct State {
    burst: Limit,
    after_burst: Duration,
    accounts: Keyed<Actor, Account>,
}

#[derive(Debug, Default)]
struct Account {
    habits: Habits,
    failures: Window<()>,
    burst_at: Option<EventTime>,
    uses: u64,
}

saved!(Account { habits, failures, burst_at, uses });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        Self {
            burst: Limit::new(thresholds.burst_failures, thresholds.burst_window_s),
            after_burst: Duration::from_secs(u64::from(thresholds.after_burst_h) * 3600),
            accounts: Keyed::new(limits.keys_per_table_max, HABIT_KEPT),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::STEP
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let logged_in = tx.login.as_ref().is_some_and(|login| login.outcome == LoginOutcome::Success);
        let attempt = tx.mfa.filter(|mfa| mfa.event == MfaEvent::Attempt);
        if !logged_in && attempt.is_none() {
            return;
        }
        let actor = Actor::of(tx);
        let account = self.accounts.entry(&actor, tx.end);
        match attempt {
            Some(mfa) if mfa.outcome == MfaOutcome::FailCode => {
                if account.failures.push(tx.end, (), self.burst) {
                    account.burst_at = Some(tx.end);
                }
                return;
            }
            Some(mfa) if mfa.outcome != MfaOutcome::Success => return,
            Some(mfa) if mfa.factor == Factor::Backup => {
                account.uses += 1;
                let circumstances = account.circumstances(tx, self.after_burst);
                let crossing = Crossing {
                    about: actor.about(),
                    severity: circumstances.severity(),
                    first: tx.end,
                    fresh: 1,
                    window: None,
                };
                findings.raise(&crossing, || finding(tx, &actor, account.uses, circumstances));
            }
            _ => {}
        }
        account.habits.learn(tx);
    }

    tables!(accounts);
}

/// What makes a use worse.
#[derive(Clone, Copy, Debug)]
struct Circumstances {
    new_device: bool,
    new_country: bool,
    after_failures: bool,
}

impl Circumstances {
    fn severity(self) -> Severity {
        match self {
            Self { after_failures: true, .. } => Severity::High,
            Self { new_device: true, .. } | Self { new_country: true, .. } => Severity::Medium,
            _ => Severity::Low,
        }
    }
}

impl Account {
    fn circumstances(&self, tx: &Transaction, after_burst: Duration) -> Circumstances {
        Circumstances {
            new_device: self.habits.is_new_device(tx),
            new_country: self.habits.is_new_country(tx),
            after_failures: self.burst_at.is_some_and(|burst| tx.end.since(burst) <= after_burst),
        }
    }
}

fn finding(tx: &Transaction, actor: &Actor, uses: u64, circumstances: Circumstances) -> Finding {
    let Circumstances { new_device, new_country, after_failures } = circumstances;
    let mut message = format!("backup code used by {actor} from {}", tx.client.ip);
    for (holds, words) in [
        (new_country, ", a country not seen before"),
        (new_device, ", a device not seen before"),
        (after_failures, ", after a burst of wrong codes"),
    ] {
        message.push_str(if holds { words } else { "" });
    }
    Finding {
        facts: vec![
            ("uses_seen", Fact::Count(uses)),
            ("new_device", Fact::Flag(new_device)),
            ("new_country", Fact::Flag(new_country)),
            ("after_failures", Fact::Flag(after_failures)),
        ],
        ..Finding::of(tx, message, "backup code accepted")
    }
}

#[cfg(test)]
mod tests {
    use crate::story::check;
    use expect_test::expect;

    #[test]
    fn each_use_is_told() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=backup country=DE device=abcd x2 every 20s",
            expect![[r#"
                10:00:00.000 MFA-08 backup_code_use low user:ann: backup code used by ann from 203.0.113.7
                10:00:20.000 MFA-08 backup_code_use low user:ann: backup code used by ann from 203.0.113.7
            "#]],
        );
    }

    #[test]
    fn a_wrong_backup_code_and_a_right_totp_are_no_use() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 400 user=ann factor=backup
             10:00:20 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=totp",
            expect![""],
        );
    }

    #[test]
    fn a_strange_device_or_country_makes_it_worse() {
        check(
            "10:00:00 203.0.113.7 -> login POST /login 200 user=ann device=abcd
             11:00:00 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=backup device=abcx
             12:00:00 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=backup device=wxyz",
            expect![[r#"
                11:00:00.000 MFA-08 backup_code_use low user:ann: backup code used by ann from 203.0.113.7
                12:00:00.000 MFA-08 backup_code_use medium user:ann: backup code used by ann from 203.0.113.7, a device not seen before
                12:00:00.000 DEV-01 new_device info user:ann: ann on the new device d:515d0b1f from 203.0.113.7 (other tls, agent, header_order, platform); 1 device known
            "#]],
        );
    }

    #[test]
    fn a_burst_within_a_day_makes_it_high() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=ann x3 every 10s
             1d+10:00:20 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=backup",
            expect![[r#"
                10:00:20.000 MFA-01 mfa_failure_burst medium user:ann: 3 wrong MFA codes in 20 s for ann on POST /mfa (limit 3 in 300 s)
                10:00:20.000 MFA-08 backup_code_use high user:ann: backup code used by ann from 203.0.113.7, after a burst of wrong codes
            "#]],
        );
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=ann x3 every 10s
             1d+10:00:20.000000001 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=backup",
            expect![[r#"
                10:00:20.000 MFA-01 mfa_failure_burst medium user:ann: 3 wrong MFA codes in 20 s for ann on POST /mfa (limit 3 in 300 s)
                10:00:20.000 MFA-08 backup_code_use low user:ann: backup code used by ann from 203.0.113.7
            "#]],
        );
    }
}
