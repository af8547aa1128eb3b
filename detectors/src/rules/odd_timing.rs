//! # Odd timing
//!
//! ## What it sees
//!
//! A login at an hour that is not the account's, or logins and requests of a person at the pace of a machine.
//!
//! ## Why it matters
//!
//! Thieves work in their own time zone, or let a program work for them. Neither types like the owner.
//!
//! ## How it decides
//!
//! *Hours.* Every hour in which a person's session, token or login was used is learned, in UTC: a habit needs no time
//! zone. A login is judged by what was learned before it. From four weeks and `hours_rare` learned hours on, it is odd
//! when the share of learned hours in its part of the week (the week has 56 spans of three hours; its own and those on
//! either side) is below `rare_permille`, one hour being added for the benefit of the doubt: a share can be called that
//! rare only when that many were seen. Before that, an account that logged in on five days with ten steps (a
//! password and a second factor are a step each) is judged by the hours of the day: an hour at least four away from
//! every learned one is odd, with low confidence. Hours abroad are neither learned nor judged, for the traveller's clock
//! is another one (`new_country` tells of travel); ten logins in a row from one other country move the account there.
//!
//! *Pace.* Logins that were completed, and other accepted requests, are each timed from one to the next as a run: as
//! long as each gap is within half of the mean so far, and at most an hour: each morning at nine is a person's habit. A run is a machine's when it has ten logins, or thirty requests,
//! and its gaps vary by less than 5 % of their mean (standard deviation). Of requests at least half have to go to
//! another path than the one before: a page that refreshes itself and a client that polls are regular by design.
//!
//! Severity is low. An account is told once in 24 hours of each.
//!
//! ## Benign look-alikes
//!
//! Travel and tunnels (see above), night shifts and summer time (an hour told is learned), jobs that run with a
//! person's credentials (give them a service account), players that fetch a film piece by piece (suppress their host's
//! accounts). Services and keys have no habits here.
//!
//! ## Tuning
//!
//! Raise `hours_apart` where people work in shifts. Facts: `kind` (`hour`, `logins`, `requests`); of an hour `hour_utc`,
//! `known_hours`, `learned_hours`, `login_days`; of a pace `mean_gap_s`, `variation_pct`.
//!
//! ## References
//!
//! MITRE ATT&CK T1078, T1110; OWASP API6:2023.

use super::presence;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, Facts, Finding, Findings, Grouping, Maturity, Rule, tables,
};
use crate::hash::Mark;
use crate::identity::{AddressClass, Country, Principal};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{LoginOutcome, Transaction};
use habit::Habit;
use pace::Run;
use serde::{Deserialize, Serialize};
use std::time::Duration;

mod habit;
mod pace;

/// An account that is not used for this long is met anew.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(60 * 24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// A part of the week with a smaller share of the learned hours is odd (5 in 1000: one hour in five weeks of work).
    pub rare_permille: u32,
    /// Learned hours without which no share is judged (200: fewer cannot show a share of 5 in 1000).
    pub hours_rare: u32,
    /// Age of the habit without which no share is judged (28 d: four of each day of the week).
    pub weeks_after_days: u32,
    /// Before that, hours of the day between a login and every learned hour that are odd (4 h: lunch is nearer).
    pub hours_apart: u32,
    /// Days with a login without which hours are not judged (5: a working week).
    pub login_days: u32,
    /// Accepted passwords and second factors without which hours are not judged (10: five logins of two steps).
    pub login_steps: u32,
    /// Completed logins in a run that make a machine's pace (10: nobody logs in ten times by the clock).
    pub logins: u32,
    /// Accepted requests in a run that make a machine's pace (30: a person may read a few pages evenly).
    pub requests: u32,
    /// Variation of a run's gaps that is no longer a machine's (5 %: a job's start varies less, a hand's more).
    pub variation_pct: u32,
    /// How soon an account is told again (24 h: once a day).
    pub again_after_h: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            rare_permille: 5,
            hours_rare: 200,
            weeks_after_days: 28,
            hours_apart: 4,
            login_days: 5,
            login_steps: 10,
            logins: 10,
            requests: 30,
            variation_pct: 5,
            again_after_h: 24,
        }
    }
}

/// TIM-01.
pub static RULE: Rule = Rule {
    id: "TIM-01",
    name: "odd_timing",
    title: "Odd timing",
    severity: Severity::Low,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Principal,
    order_free: false,
    mitre: &["T1078", "T1110"],
    owasp: &["API6:2023"],
    response: "ask the owner; give jobs an account of their own",
};

/// The hours and the pace of each account.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    again_after: Duration,
    accounts: Keyed<Principal, Account>,
}

#[derive(Debug, Default)]
struct Account {
    habit: Habit,
    logins: Run,
    requests: Run,
    /// When an hour was told, and a pace.
    told: [Option<EventTime>; 2],
}

saved!(Account { habit, logins, requests, told });

/// What was odd.
#[derive(Clone, Copy)]
enum Odd {
    /// A login's hour; whether the habit is young.
    Hour {
        young: bool,
    },
    Logins,
    Requests,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        Self {
            again_after: Duration::from_secs(u64::from(thresholds.again_after_h) * 3600),
            accounts: Keyed::new(limits.keys_per_table_max, FORGOTTEN_AFTER),
            thresholds: thresholds.clone(),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::PERSON_OR_PASSWORD
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        if !tx.principal.is_user() {
            return;
        }
        let shows_person = findings.shows_person();
        if !shows_person && !is_password_accepted(tx) {
            return;
        }
        let account = self.accounts.entry(findings.principal(tx), tx.end);
        if !shows_person {
            account.habit.step();
            return;
        }
        let is_login = tx.login.is_some() || presence::proves_factor(tx);
        let is_home = account.habit.is_home(country_of(tx), is_login);
        let hour = if is_home && is_login { account.habit.odd_hour(tx.end, &self.thresholds) } else { None };
        let pace = account.pace(tx, is_login, &self.thresholds);
        for odd in [hour.map(|young| Odd::Hour { young }), pace].into_iter().flatten() {
            if account.is_news(odd, tx.end, self.again_after) {
                raise(tx, account, odd, &self.thresholds, findings);
            }
        }
        if is_home {
            account.habit.learn(tx.end, is_login);
        }
    }

    tables!(accounts);
}

impl Account {
    /// Times what was done, and tells whether a machine did it.
    fn pace(&mut self, tx: &Transaction, is_login: bool, limits: &Thresholds) -> Option<Odd> {
        if is_login {
            self.logins.add(tx.end, None);
            return self.logins.is_machines(limits.logins, limits.variation_pct).then_some(Odd::Logins);
        }
        let path = tx.request.as_ref().map_or("", |request| &*request.path);
        self.requests.add(tx.end, Some(Mark::of([path])));
        self.requests.is_machines(limits.requests, limits.variation_pct).then_some(Odd::Requests)
    }

    /// Whether this was not told within the time, and notes that it is now.
    fn is_news(&mut self, odd: Odd, now: EventTime, again_after: Duration) -> bool {
        let told = &mut self.told[usize::from(!matches!(odd, Odd::Hour { .. }))];
        let is_news = told.is_none_or(|told| now.since(told) >= again_after);
        if is_news {
            *told = Some(now);
        }
        is_news
    }
}

/// Where the person is, unless the network hides it.
fn country_of(tx: &Transaction) -> Option<Country> {
    let is_hidden = tx.client.class.is_some_and(AddressClass::hides_place);
    tx.client.country.filter(|_| !is_hidden)
}

/// The first half of a login with two factors.
pub(crate) fn is_password_accepted(tx: &Transaction) -> bool {
    tx.login.as_ref().is_some_and(|login| login.outcome == LoginOutcome::SecondFactor)
}

fn raise(tx: &Transaction, account: &Account, odd: Odd, limits: &Thresholds, findings: &mut Findings<'_>) {
    let about = About::Principal(&tx.principal);
    let crossing = Crossing { about, severity: RULE.severity, first: tx.end, fresh: 1, window: None };
    findings.raise(&crossing, || match odd {
        Odd::Hour { young } => odd_hour(tx, &account.habit, young, limits),
        Odd::Logins => pace(tx, &account.logins, "logins", limits.logins, limits),
        Odd::Requests => pace(tx, &account.requests, "requests", limits.requests, limits),
    });
}

fn pace(tx: &Transaction, run: &Run, what: &'static str, threshold: u32, limits: &Thresholds) -> Finding {
    let (mean, variation) = (run.mean_gap_s(), run.variation_pct());
    let message = format!(
        "{}: {} {what}, one every {mean:.1} s, varying by {variation:.1} % (a machine's vary by less than {} %)",
        tx.principal.id,
        run.events(),
        limits.variation_pct,
    );
    Finding {
        count: u64::from(run.events()),
        threshold: u64::from(threshold),
        facts: vec![
            ("kind", Fact::Text(what.into())),
            ("mean_gap_s", Fact::Number(mean)),
            ("variation_pct", Fact::Number(variation)),
        ],
        ..Finding::of(tx, message, "the latest of the run")
    }
}

fn odd_hour(tx: &Transaction, habit: &Habit, young: bool, limits: &Thresholds) -> Finding {
    let hour = habit::hour_of_day(tx.end);
    let known = habit.known_hours();
    let message = if young {
        let away = habit.hours_away(tx.end);
        format!(
            "{} logged in at {hour:02} h UTC, {away} h from the nearest of its hours ({known}; limit {} h)",
            tx.principal.id, limits.hours_apart,
        )
    } else {
        format!(
            "{} logged in on a {} at {hour:02} h UTC, where less than {} in 1000 of its {} hours are",
            tx.principal.id,
            habit::day_of_week(tx.end),
            limits.rare_permille,
            habit.learned(),
        )
    };
    let found = Finding::of(tx, message, "login at an odd hour");
    Finding {
        facts: vec![
            ("kind", Fact::Text("hour".into())),
            ("hour_utc", Fact::Count(hour)),
            ("known_hours", Fact::Text(known.into())),
            ("learned_hours", Fact::Count(habit.learned())),
            ("login_days", Fact::Count(u64::from(habit.login_days()))),
        ],
        doubts: Doubts { learning: young, ..found.doubts },
        ..found
    }
}

#[cfg(test)]
mod tests;
