//! # Slow drip
//!
//! ## What it sees
//!
//! An account that takes far more in a day than it used to, and than others of its kind do.
//!
//! ## Why it matters
//!
//! Limits are by the second and by the minute. Who takes everything in a week, at night, a page a minute, passes below
//! all of them.
//!
//! ## How it decides
//!
//! It adds up, by account and day (UTC), the bytes and the records of answers. A day is told when either is more than
//! eight times the account's own median day of the last 14 on which it read anything, and more than three times the
//! largest of 100 days of accounts of its kind (people, programs, keys) but one. Where many export now and then, one
//! export is so no drip. Who takes more every day moves its own median: where no remembered day was below the one before,
//! the first of them counts in place of the median. Seven own days and 50 days of its kind must be known, and 10 MB or
//! 1,000 records be taken. A day counts for eight times the median at most when it is learned; the same volume is told
//! once in 14 days, and again when it doubles. Severity is medium.
//!
//! ## Benign look-alikes
//!
//! The month's end (told once; raise `own_times` where it comes as a flood), a program that was given more to do (the
//! same), a colleague who stands in for two.
//!
//! ## Tuning
//!
//! Lower `least_mb` and `least_records` where single records are precious.
//! Facts: `measure` (`bytes` or `records`), `taken`, `own_median`, `others`, `rising`.
//!
//! ## References
//!
//! MITRE ATT&CK T1530, T1567, T1020; OWASP API4:2023.

mod days;
mod peers;

use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Several, tables,
};
use crate::identity::{Principal, PrincipalKind};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::Transaction;
use days::{DAY, Days, Habit, Volume};
use peers::Peers;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long an account is remembered without a read.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// Days for which a volume that was told is known.
const TOLD_DAYS: u64 = 14;
const MEGABYTE: u64 = 1_000_000;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Times the account's own median day to exceed (8: a busy day is two or three usual ones, a month's end five).
    pub own_times: u32,
    /// Times 99 in 100 days of its kind to exceed (3: the busiest of a hundred is no thief).
    pub others_times: u32,
    /// Own days that must be known (7 days: a week has a weekend).
    pub days_of_own: u32,
    /// Days of accounts of its kind that must be known (50 days: ten accounts for two weeks, for older days count less).
    pub days_of_others: u32,
    /// Megabytes that are worth a word (10: less is a few pictures).
    pub least_mb: u32,
    /// Records that are worth a word (1,000: ten large pages).
    pub least_records: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            own_times: 8,
            others_times: 3,
            days_of_own: 7,
            days_of_others: 50,
            least_mb: 10,
            least_records: 1_000,
        }
    }
}

/// EXF-04.
pub static RULE: Rule = Rule {
    id: "EXF-04",
    name: "slow_drip",
    title: "Slow drip",
    severity: Severity::Medium,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Reading,
    order_free: false,
    mitre: &["T1530", "T1567", "T1020"],
    owasp: &["API4:2023"],
    response: "ask the account's owner; limit what a day may give; look at where it was read from",
};

/// Who takes how much a day.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    accounts: Keyed<Principal, Account>,
    /// By kind of account.
    kinds: Keyed<u8, Peers>,
}

/// One account.
#[derive(Debug, Default)]
struct Account {
    /// The present day since 1970, and what it gave.
    day: u64,
    taken: Volume,
    reads: u64,
    fresh: u64,
    began: EventTime,
    days: Days,
    /// The day of the latest alert, and what was taken then.
    told: Option<(u64, Volume)>,
}

saved!(Account { day, taken, reads, fresh, began, days, told });

/// A day that is too much.
#[derive(Clone, Copy, Debug)]
struct Excess {
    measure: Measure,
    taken: u64,
    habit: Habit,
    others: u64,
}

/// What is measured of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    Bytes,
    Records,
}

impl Measure {
    const ALL: [Self; 2] = [Self::Bytes, Self::Records];

    fn of(self, volume: Volume) -> u64 {
        match self {
            Self::Bytes => volume.bytes,
            Self::Records => volume.records,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Records => "records",
        }
    }

    fn least(self, limits: &Thresholds) -> u64 {
        match self {
            Self::Bytes => u64::from(limits.least_mb) * MEGABYTE,
            Self::Records => u64::from(limits.least_records),
        }
    }
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        Self {
            thresholds: thresholds.clone(),
            accounts: Keyed::new(limits.keys_per_table_max, KEPT),
            kinds: Keyed::new(PrincipalKind::ALL.len() * 2, KEPT),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::SUCCESS.and(Facts::CALL)
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(volume) = volume_of(tx).filter(|_| tx.principal.kind != PrincipalKind::Anonymous) else {
            return;
        };
        let account = self.accounts.entry(findings.principal(tx), tx.end);
        let (day, kind) = (tx.end.as_secs() / DAY.as_secs(), tx.principal.kind as u8);
        if day > account.day {
            if let Some(ended) = account.end_day(self.thresholds.own_times) {
                self.kinds.entry(&kind, tx.end).note(ended, day);
            }
            (account.day, account.began) = (day, tx.end);
        }
        account.take(volume);
        let Some(excess) =
            account.excess(&self.thresholds, || self.kinds.get(&kind, tx.end).map(|peers| *peers))
        else {
            return;
        };
        account.told = Some((account.day, account.taken));
        let crossing = Crossing {
            about: About::Principal(&tx.principal),
            severity: RULE.severity,
            first: account.began,
            fresh: std::mem::take(&mut account.fresh),
            window: Some(DAY),
        };
        findings.raise(&crossing, || finding(tx, account, excess, &self.thresholds));
    }

    tables!(accounts, kinds);
}

/// What an answer gave; nothing where it was not seen.
fn volume_of(tx: &Transaction) -> Option<Volume> {
    let response = tx.response.as_ref()?;
    let volume = Volume { bytes: response.bytes, records: u64::from(response.items.unwrap_or(0)) };
    (volume != Volume::default()).then_some(volume)
}

impl Account {
    fn take(&mut self, volume: Volume) {
        self.taken = self.taken.plus(volume);
        self.reads = self.reads.saturating_add(1);
        self.fresh = self.fresh.saturating_add(1);
    }

    /// Learns the day that is over, and gives it as it was learnt.
    fn end_day(&mut self, own_times: u32) -> Option<Volume> {
        let taken = std::mem::take(&mut self.taken);
        (self.reads, self.fresh) = (0, 0);
        (taken != Volume::default()).then(|| self.days.learn(taken, own_times))
    }

    /// What is too much of this day so far, and news.
    fn excess(&self, limits: &Thresholds, peers: impl FnOnce() -> Option<Peers>) -> Option<Excess> {
        let over = |measure: Measure| {
            let taken = measure.of(self.taken);
            if taken < measure.least(limits) || !self.is_news(measure) {
                return None;
            }
            let habit = self.days.habit(|volume| measure.of(volume), limits.days_of_own)?;
            (taken > habit.usual.saturating_mul(u64::from(limits.own_times)))
                .then_some((measure, taken, habit))
        };
        let over: Vec<_> = Measure::ALL.into_iter().filter_map(over).collect();
        if over.is_empty() {
            return None;
        }
        let peers = peers()?;
        over.into_iter().find_map(|(measure, taken, habit)| {
            let others = peers.largest_but_one(measure, limits.days_of_others)?;
            (taken > others.saturating_mul(u64::from(limits.others_times))).then_some(Excess {
                measure,
                taken,
                habit,
                others,
            })
        })
    }

    /// Whether so much was not told lately; what was told on this day goes on.
    fn is_news(&self, measure: Measure) -> bool {
        self.told.is_none_or(|(day, told)| {
            day == self.day
                || self.day - day >= TOLD_DAYS
                || measure.of(self.taken) > measure.of(told).saturating_mul(2)
        })
    }
}

fn finding(tx: &Transaction, account: &Account, excess: Excess, limits: &Thresholds) -> Finding {
    let Excess { measure, taken, habit, others } = excess;
    let (name, who) = (measure.name(), &tx.principal.id);
    let usual = if habit.is_rising { "its first day, rising since, had" } else { "its median day has" };
    let message = format!(
        "{taken} {name} on one day by {who} in {}: {usual} {}, 99 in 100 days of its kind no more than {others} (limit {} \
         and {} times)",
        Several(account.reads, "read"),
        habit.usual,
        limits.own_times,
        limits.others_times,
    );
    Finding {
        count: taken,
        threshold: habit.usual.saturating_mul(u64::from(limits.own_times)).saturating_add(1),
        endpoint: None,
        facts: vec![
            ("measure", Fact::Text(name.into())),
            ("taken", Fact::Count(taken)),
            ("own_median", Fact::Count(habit.usual)),
            ("others", Fact::Count(others)),
            ("rising", Fact::Flag(habit.is_rising)),
        ],
        ..Finding::of(tx, message, "the latest of these reads")
    }
}

#[cfg(test)]
mod tests;
