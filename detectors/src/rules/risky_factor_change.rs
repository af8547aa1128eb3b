//! # Factor changed in a risky context
//!
//! ## What it sees
//!
//! A second factor enrolled, removed or reset, or new backup codes made, within a day of something that happens when
//! an account is taken over: its first sight on a new device or in a new country, a changed password, a burst of wrong
//! codes. And a factor that was removed and not replaced, when the account is used without one twelve hours later.
//!
//! ## Why it matters
//!
//! Who takes an account over changes its second factor, to stay: the owner's password, once changed back, no longer
//! helps. It is the one step of a takeover that leaves the thief with something of their own.
//!
//! ## How it decides
//!
//! It looks at changes the server accepted: `enrolment` and `confirmation` of a factor, `removal`, `reset`,
//! `regeneration` of codes; an enrolment that awaits its code is none yet, and the code that ends one is no other change. Before them it looks for, within 24 hours
//! and at the latest in the change itself, a device or country that differs from all the account has logged in with, a
//! password change, or wrong codes as many as `mfa_failure_burst` counts. The first device and country of an account
//! are never new; where the network hides its place the country counts for nothing. Severity is high; medium when
//! a new device or a new country, one of the two, is all there is and the account proved a factor other than a backup
//! code in the ten minutes before, as its owner does on a new phone; low when all there is is a password change and no
//! factor of the account was seen before, as with a new hire. A removed factor that nobody replaced is told at the first login
//! without one, twelve hours on or later, and is medium: some owners want none. Confidence is low where the novelty
//! rests on fewer than ten logins and fourteen days.
//!
//! ## Benign look-alikes
//!
//! A new phone (medium, where the old one was still at hand). A help desk that resets factors works under its own
//! accounts: suppress those.
//!
//! ## Tuning
//!
//! `within_h` is how long a risky event colours what follows, `replaced_within_h` how long a factor may be missing.
//! Facts: `change`, `factor`, `after` (what came before), `gap_s` (since the latest of that), `fresh_factor`.
//!
//! ## References
//!
//! MITRE ATT&CK T1556.006, T1098.005; OWASP API2:2023.

use super::habits::Habits;
use super::presence::Acquaintance;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, Facts, Finding, Findings, Grouping, Maturity, Rule, Sample, Span,
    tables,
};
use crate::identity::{Factor, Principal};
use crate::keyed::Keyed;
use crate::label::Label;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Activity, LoginOutcome, Mfa, MfaEvent, MfaOutcome, Transaction};
use crate::window::{Limit, Window};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// How long an account's habits are remembered without a login.
const HABIT_KEPT: Duration = Duration::from_hours(30 * 24);
/// A confirmation this soon after an enrolment is part of it.
const ENROLMENT_LASTS: Duration = Duration::from_mins(10);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// How long before a change something risky counts (24 h: thieves settle in within a day).
    pub within_h: u32,
    /// How long a removed factor may be missing (12 h: the new phone is set up by then).
    pub replaced_within_h: u32,
    /// Wrong codes that make a burst (3: as in `mfa_failure_burst`).
    pub burst_failures: u32,
    /// The burst's window (300 s: as in `mfa_failure_burst`).
    pub burst_window_s: u32,
    /// A factor proved within this time before the change makes it medium (600 s: one sitting).
    pub fresh_mfa_s: u32,
    /// Logins after which an account's habits are trusted (10: two working weeks of one a day).
    pub trusted_logins: u32,
    /// Days after which an account's habits are trusted, however few its logins (14 d: two weeks).
    pub trusted_days: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            within_h: 24,
            replaced_within_h: 12,
            burst_failures: 3,
            burst_window_s: 300,
            fresh_mfa_s: 600,
            trusted_logins: 10,
            trusted_days: 14,
        }
    }
}

/// MFA-13.
pub static RULE: Rule = Rule {
    id: "MFA-13",
    name: "risky_factor_change",
    title: "Factor changed in a risky context",
    severity: Severity::High,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Principal,
    order_free: false,
    mitre: &["T1556.006", "T1098.005"],
    owasp: &["API2:2023"],
    response: "freeze factor changes; tell the owner by a contact that was known before",
};

/// What happened to each account of late.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    within: Duration,
    replaced_within: Duration,
    burst: Limit,
    fresh_mfa: Duration,
    accounts: Keyed<Principal, Account>,
}

#[derive(Debug, Default)]
struct Account {
    habits: Habits,
    acquaintance: Acquaintance,
    failures: Window<()>,
    /// When each risky thing last happened.
    device: Option<EventTime>,
    country: Option<EventTime>,
    password: Option<EventTime>,
    burst: Option<EventTime>,
    /// When a factor other than a backup code was last proved.
    proved: Option<EventTime>,
    /// When a factor was last enrolled: the code that confirms it comes soon after.
    enrolled: Option<EventTime>,
    /// Kept apart, for few accounts have one.
    removed: Option<Box<Removed>>,
}

saved!(Account {
    habits,
    acquaintance,
    failures,
    device,
    country,
    password,
    burst,
    proved,
    enrolled,
    removed
});

/// A factor that is gone and was not replaced yet.
#[derive(Clone, Debug)]
struct Removed {
    at: EventTime,
    sample: Sample,
}

saved!(Removed { at, sample });

/// What a transaction means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A login that was accepted to its end, without a second factor.
    Login,
    WrongCode,
    Proof(Factor),
    Change(Mfa),
    PasswordChange,
}

impl Step {
    fn of(tx: &Transaction) -> Option<Self> {
        use MfaEvent::{Attempt, Confirmation, Enrolment, Regeneration, Removal, Reset};
        if let Some(mfa) = tx.mfa {
            return match (mfa.event, mfa.outcome) {
                _ if mfa.is_wrong_guess() => Some(Self::WrongCode),
                (Attempt, MfaOutcome::Success) => Some(Self::Proof(mfa.factor)),
                (Enrolment | Confirmation | Removal | Reset | Regeneration, MfaOutcome::Success) => {
                    Some(Self::Change(mfa))
                }
                _ => None,
            };
        }
        if let Some(login) = &tx.login {
            return (login.outcome == LoginOutcome::Success).then_some(Self::Login);
        }
        let is_password = tx.request.as_ref().is_some_and(|request| request.labels.has(Label::Password));
        let changes = tx.activity == Activity::Sensitive && tx.succeeded() && is_password;
        changes.then_some(Self::PasswordChange)
    }
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let hours = |hours: u32| Duration::from_secs(u64::from(hours) * 3600);
        Self {
            within: hours(thresholds.within_h),
            replaced_within: hours(thresholds.replaced_within_h),
            burst: Limit::new(thresholds.burst_failures, thresholds.burst_window_s),
            fresh_mfa: Duration::from_secs(u64::from(thresholds.fresh_mfa_s)),
            accounts: Keyed::new(limits.keys_per_table_max, HABIT_KEPT),
            thresholds: thresholds.clone(),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::STEP
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(step) = Step::of(tx) else { return };
        if !tx.principal.is_user() {
            return;
        }
        let account = self.accounts.entry(findings.principal(tx), tx.end);
        if step == Step::WrongCode {
            if account.failures.push(tx.end, (), self.burst) {
                account.burst = Some(tx.end);
            }
            return;
        }
        account.meet(tx);
        match step {
            Step::Proof(Factor::Backup) | Step::WrongCode => {}
            Step::Proof(_) => account.proved = Some(tx.end),
            Step::PasswordChange => account.password = Some(tx.end),
            Step::Login => {
                if let Some(removed) = account.missing(tx, self.replaced_within) {
                    raise(tx, Severity::Medium, findings, || unreplaced(tx, &removed));
                }
            }
            Step::Change(mfa) => {
                let context = account.context(tx, self.within, self.fresh_mfa);
                if let Some(context) = context.filter(|_| !account.confirms(tx, mfa)) {
                    let Thresholds { trusted_logins, trusted_days, .. } = self.thresholds;
                    let trusted = account.acquaintance.is_trusted(tx.end, trusted_logins, trusted_days);
                    raise(tx, context.severity(), findings, || context.finding(tx, mfa, trusted));
                }
                account.change(tx, mfa);
            }
        }
    }

    tables!(accounts);
}

impl Account {
    /// Notes where the account shows itself, and whether that is new.
    fn meet(&mut self, tx: &Transaction) {
        if self.habits.is_new_device(tx) {
            self.device = Some(tx.end);
        }
        if self.habits.is_new_country(tx) {
            self.country = Some(tx.end);
        }
        self.habits.learn(tx);
        self.acquaintance.note(tx);
    }

    /// Whether this is but the end of an enrolment that was judged already.
    fn confirms(&self, tx: &Transaction, mfa: Mfa) -> bool {
        let just_enrolled = self.enrolled.is_some_and(|at| tx.end.since(at) <= ENROLMENT_LASTS);
        mfa.event == MfaEvent::Confirmation && just_enrolled
    }

    fn change(&mut self, tx: &Transaction, mfa: Mfa) {
        match mfa.event {
            MfaEvent::Enrolment => (self.removed, self.enrolled) = (None, Some(tx.end)),
            MfaEvent::Confirmation => (self.removed, self.enrolled) = (None, None),
            MfaEvent::Removal | MfaEvent::Reset => {
                self.removed = Some(Box::new(Removed { at: tx.end, sample: Sample::of(tx) }));
            }
            _ => {}
        }
    }

    /// A factor that was removed long ago, of an account that has none now. Told once.
    fn missing(&mut self, tx: &Transaction, within: Duration) -> Option<Box<Removed>> {
        if tx.proof.account_has_mfa {
            self.removed = None;
        }
        self.removed.take_if(|removed| tx.end.since(removed.at) >= within)
    }

    fn context(&self, tx: &Transaction, within: Duration, fresh: Duration) -> Option<Context> {
        let recent = |at: Option<EventTime>, within| at.filter(|at| tx.end.since(*at) <= within);
        let context = Context {
            device: recent(self.device, within),
            country: recent(self.country, within),
            password: recent(self.password, within),
            burst: recent(self.burst, within),
            fresh_factor: recent(self.proved, fresh).is_some(),
            first_factor: tx
                .mfa
                .is_some_and(|mfa| matches!(mfa.event, MfaEvent::Enrolment | MfaEvent::Confirmation))
                && self.proved.is_none()
                && self.enrolled.is_none()
                && self.removed.is_none(),
        };
        context.latest().is_some().then_some(context)
    }
}

/// What came before a change.
#[derive(Clone, Copy, Debug)]
struct Context {
    device: Option<EventTime>,
    country: Option<EventTime>,
    password: Option<EventTime>,
    burst: Option<EventTime>,
    fresh_factor: bool,
    /// No factor of the account was seen before.
    first_factor: bool,
}

impl Context {
    fn latest(&self) -> Option<EventTime> {
        [self.device, self.country, self.password, self.burst].into_iter().flatten().max()
    }

    /// Whether nothing but a new device or country is held against the change.
    fn is_novelty_alone(&self) -> bool {
        self.password.is_none() && self.burst.is_none()
    }

    fn severity(&self) -> Severity {
        let causes = self.causes();
        match causes.as_slice() {
            // A new hire changes the password that was given out, and is made to enrol.
            [("password_change", _)] if self.first_factor => Severity::Low,
            [_] if self.is_novelty_alone() && self.fresh_factor => Severity::Medium,
            _ => RULE.severity,
        }
    }

    fn causes(&self) -> Vec<(&'static str, &'static str)> {
        [
            (self.device, "new_device", "a new device"),
            (self.country, "new_country", "a new country"),
            (self.password, "password_change", "a password change"),
            (self.burst, "wrong_codes", "a burst of wrong codes"),
        ]
        .into_iter()
        .filter_map(|(at, name, words)| at.map(|_| (name, words)))
        .collect()
    }

    fn finding(&self, tx: &Transaction, mfa: Mfa, trusted: bool) -> Finding {
        let causes = self.causes();
        let gap = tx.end.since(self.latest().unwrap_or(tx.end));
        let words: Vec<&str> = causes.iter().map(|(_, words)| *words).collect();
        let since = if gap.is_zero() { "along with".to_owned() } else { format!("{} after", Span(gap)) };
        let message =
            format!("{} of {} by {} {since} {}", mfa.event, what(mfa), tx.principal.id, words.join(", "));
        let names = causes.iter().map(|(name, _)| Arc::from(*name)).collect();
        let finding = Finding::of(tx, message, "factor changed");
        Finding {
            facts: vec![
                ("change", Fact::Text(mfa.event.name().into())),
                ("factor", Fact::Text(mfa.factor.name().into())),
                ("after", Fact::List(names)),
                ("gap_s", Fact::Number(gap.as_millis() as f64 / 1e3)),
                ("fresh_factor", Fact::Flag(self.fresh_factor)),
            ],
            doubts: Doubts { learning: self.is_novelty_alone() && !trusted, ..finding.doubts },
            ..finding
        }
    }
}

/// What was changed, in words.
fn what(mfa: Mfa) -> String {
    match (mfa.event, mfa.factor) {
        (MfaEvent::Regeneration, _) | (_, Factor::Backup) => "backup codes".to_owned(),
        (_, Factor::Unknown) => "a second factor".to_owned(),
        (_, factor) => format!("the factor {factor}"),
    }
}

fn unreplaced(tx: &Transaction, removed: &Removed) -> Finding {
    let gap = tx.end.since(removed.at);
    let message = format!(
        "{} logged in without a second factor {} after one was removed and not replaced",
        tx.principal.id,
        Span(gap)
    );
    let finding = Finding::of(tx, message, "login without a second factor");
    let mut evidence = vec![removed.sample.evidence("factor removed")];
    evidence.extend(finding.evidence);
    Finding {
        evidence,
        facts: vec![
            ("change", Fact::Text("removal".into())),
            ("after", Fact::List(Vec::new())),
            ("gap_s", Fact::Number(gap.as_millis() as f64 / 1e3)),
        ],
        ..finding
    }
}

fn raise(tx: &Transaction, severity: Severity, findings: &mut Findings<'_>, tell: impl FnOnce() -> Finding) {
    let about = About::Principal(&tx.principal);
    findings.raise(&Crossing { about, severity, first: tx.end, fresh: 1, window: None }, tell);
}

#[cfg(test)]
mod tests;
