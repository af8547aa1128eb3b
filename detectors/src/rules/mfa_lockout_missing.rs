//! # MFA lockout not enforced
//!
//! ## What it sees
//!
//! A server that goes on judging second-factor codes of an account that has just sent three wrong ones.
//!
//! ## Why it matters
//!
//! A code has a million values, three of which are valid at a time. Three guesses in five minutes are right with 0.26 %
//! a day; one a second, which nothing stops, with 22.8 %. A lock after a few wrong codes is what makes a second factor
//! one at all, and only the server's answers show whether it is there.
//!
//! ## How it decides
//!
//! Beside the server it keeps the lock that should be there: three wrong codes of an account in any 300 s are let
//! through. What comes beyond that and is judged all the same, as wrong or as right, is an extra attempt. An answer
//! that says locked or too many attempts is the lock at work, and the count begins anew; if the next code is judged
//! because it comes from another network, the lock was the address's and not the account's, and it is extra. A right
//! code ends the count. An answer that was not seen may have been a lock: a code judged 30 s later or more begins anew,
//! one judged sooner was not locked. It fires at extra attempts of two accounts, or at ten in all, within 24 hours, once
//! for a route and day.
//!
//! Severity is high, and critical when one of the extra attempts was accepted: then it is certain that no lock was
//! hidden behind answers that all look alike, and confidence is high; until then it is medium. Severity is medium
//! where the route was seen to lock an account late, after at most twice as many codes as it should.
//!
//! ## Benign look-alikes
//!
//! A server that refuses right codes of a locked account in the same words as wrong ones (medium confidence says so).
//! Requests repeated word for word within ten seconds, denied pushes and failed WebAuthn ceremonies are not counted,
//! nor are programs whose one key checks the codes of many people.
//!
//! ## Tuning
//!
//! Where your policy locks after five wrong codes, set `allowed` to 5.
//! Facts: `extra_attempts`, `accounts`, `examples`, `accepted`, `past_address_lock`, `locks_after` (where a late lock
//! was seen), `most_judged` (of one account in a row), `attempts_per_min` (the fastest), `guess_odds_pct` (of
//! `most_judged`), `even_odds_after_h` (at that rate, until a guess is right with one half).
//!
//! ## References
//!
//! MITRE ATT&CK T1110; OWASP API2:2023, API4:2023; NIST SP 800-63B section 5.2.2; RFC 6238 section 5.2.

use super::actor::Actor;
use super::verdict::{self, Before, Verdict};
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, EVIDENCE_MAX, Facts, Finding, Findings, Grouping, Maturity, Rule,
    Samples, Several, tables,
};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Endpoint, Transaction};
use crate::window::{Limit, Window};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long extra attempts are held against a route, and how long it is told about once.
const DAY: Duration = Duration::from_hours(24);

/// No lock is shorter: whoever is judged sooner after an answer that was not seen was not locked by it.
const LOCK_MIN: Duration = Duration::from_secs(30);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Wrong codes of an account that a lock lets through (3: people mistype once or twice).
    pub allowed: u32,
    /// The window the lock counts them in (300 s: three guesses in it stay hopeless for years).
    pub window_s: u32,
    /// Accounts with extra attempts that fire (2: one may be an exception somebody made).
    pub accounts: u32,
    /// Extra attempts that fire, whoever makes them (10: no lock comes after so many).
    pub extra_attempts: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { allowed: 3, window_s: 300, accounts: 2, extra_attempts: 10 }
    }
}

/// MFA-05.
pub static RULE: Rule = Rule {
    id: "MFA-05",
    name: "mfa_lockout_missing",
    title: "MFA lockout not enforced",
    severity: Severity::High,
    scope: Scope::Endpoint,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Endpoint,
    order_free: false,
    mitre: &["T1110"],
    owasp: &["API2:2023", "API4:2023"],
    response: "lock after three wrong codes in five minutes, by account and not by address",
};

/// The codes of each account, and what was judged too many of them on each route.
#[derive(Debug)]
pub struct State {
    lock: Limit,
    accounts: u64,
    /// Extra attempts in a day.
    extra: Limit,
    series: Keyed<(Actor, Endpoint), Series>,
    routes: Keyed<Endpoint, Route>,
}

/// The codes of one account on one route since its last right one.
#[derive(Debug, Default)]
struct Series {
    /// Wrong codes that the lock lets through; never more than it allows.
    passed: Window<()>,
    since: Option<EventTime>,
    judged: u64,
    /// From where the account was last stopped, until the next code is judged.
    stopped: Option<IpAddr>,
    /// When an answer was last not seen, until the next code is judged.
    unseen: Option<EventTime>,
    before: Before,
}

saved!(Series { passed, since, judged, stopped, unseen, before });

/// What a route let through.
#[derive(Debug, Default)]
struct Route {
    extras: Window<Extra>,
    /// Codes of one account judged in a row, and the fastest of such series, in attempts a second.
    most_judged: u64,
    fastest: f64,
    /// When an account was locked later than it should have been, and after how many codes.
    late_lock: Option<(EventTime, u64)>,
    examples: Vec<Arc<str>>,
    samples: Samples,
    told: Option<(EventTime, Severity)>,
}

saved!(Route { extras, most_judged, fastest, late_lock, examples, samples, told });

/// One attempt that a lock would have stopped.
#[derive(Clone, Copy, Debug)]
struct Extra {
    account: u64,
    accepted: bool,
    past_address_lock: bool,
}

saved!(Extra { account, accepted, past_address_lock });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let lock = Limit::new(thresholds.allowed, thresholds.window_s);
        Self {
            lock,
            accounts: u64::from(thresholds.accounts.max(1)),
            extra: Limit { count: u64::from(thresholds.extra_attempts.max(1)), within: DAY },
            series: Keyed::new(limits.keys_per_table_max, lock.within),
            routes: Keyed::new(limits.keys_per_table_max, DAY),
        }
    }

    /// Notes an extra attempt of the series and tells about its route, if there is news.
    fn observe_extra(
        &mut self,
        tx: &Transaction,
        (actor, endpoint): &(Actor, Endpoint),
        extra: Extra,
        findings: &mut Findings<'_>,
    ) {
        let Some(series) = self.series.get(&(actor.clone(), endpoint.clone()), tx.end) else { return };
        let route = self.routes.entry(endpoint, tx.end);
        let many = route.note(tx, actor, extra, series, self.extra);
        // One more wrong code adds nothing to what was told today; under fire this is the common case.
        if route.is_told(tx.end) && !extra.accepted && !extra.past_address_lock {
            return;
        }
        let accounts = route.accounts();
        if !many && accounts < self.accounts {
            return;
        }
        let severity = route.severity(self.lock, tx.end);
        if !route.is_news(tx.end, severity) {
            return;
        }
        let Endpoint { method, host, route: path } = endpoint;
        let crossing = Crossing {
            about: About::Endpoint { method, host, route: path, part: "" },
            severity,
            first: route.extras.first().unwrap_or(tx.end),
            fresh: route.extras.take_fresh(),
            window: Some(DAY),
        };
        let threshold = if accounts >= self.accounts { self.accounts } else { self.extra.count };
        let lock = self.lock;
        findings.raise(&crossing, || Finding { threshold, ..route.finding(endpoint, lock, tx.end) });
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::MFA
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(verdict) = Verdict::of(tx) else { return };
        let Some(key) = verdict::account(tx) else { return };
        let Some(series) = verdict::series(&mut self.series, verdict, &key, tx.end) else { return };
        let accepted = match verdict {
            Verdict::Wrong => false,
            Verdict::Right => true,
            Verdict::Unseen => {
                series.unseen = Some(tx.end);
                return;
            }
            Verdict::Stopped => {
                let judged = series.stop(tx);
                if judged > self.lock.count {
                    self.routes.entry(&key.1, tx.end).late_lock = Some((tx.end, judged));
                }
                return;
            }
        };
        let past_address_lock = series.stopped.is_some_and(|network| network != tx.client.network());
        if series.judge(tx, self.lock) {
            let extra = Extra { account: key.0.number(), accepted, past_address_lock };
            self.observe_extra(tx, &key, extra, findings);
        }
        if accepted && let Some(series) = self.series.get(&key, tx.end) {
            *series = Series::default();
        }
    }

    tables!(series, routes);
}

impl Series {
    /// Notes a code that the server judged; says whether the lock would have stopped it.
    fn judge(&mut self, tx: &Transaction, lock: Limit) -> bool {
        let now = tx.end;
        if self.before.comes_again(tx) {
            return false;
        }
        if self.stopped.take() == Some(tx.client.network()) {
            // It was locked, and the lock has run out.
            self.passed.clear();
        }
        if self.unseen.take().is_some_and(|at| now.since(at) >= LOCK_MIN) {
            // It may have been locked, and the lock has run out.
            self.passed.clear();
        }
        while self.passed.pop_outside(now, lock.within).is_some() {}
        if self.passed.is_empty() {
            (self.since, self.judged) = (Some(now), 0);
        }
        self.judged += 1;
        if self.passed.count() >= lock.count {
            return true;
        }
        self.passed.insert(now, ());
        false
    }

    /// Notes that the account was stopped; says after how many codes.
    fn stop(&mut self, tx: &Transaction) -> u64 {
        self.stopped = Some(tx.client.network());
        self.judged
    }

    /// Attempts a second, as well as two or more tell.
    fn rate(&self, now: EventTime) -> f64 {
        let span = self.since.map_or(Duration::ZERO, |since| now.since(since)).max(Duration::from_secs(1));
        self.judged.saturating_sub(1) as f64 / span.as_secs_f64()
    }
}

impl Route {
    /// Notes an extra attempt; says whether there are too many, whoever made them.
    fn note(&mut self, tx: &Transaction, actor: &Actor, extra: Extra, series: &Series, limit: Limit) -> bool {
        let many = self.extras.push(tx.end, extra, limit);
        if self.extras.count() == 1 {
            (self.most_judged, self.fastest) = (0, 0.0);
            self.samples.clear();
            self.examples.clear();
        }
        self.most_judged = self.most_judged.max(series.judged);
        self.fastest = self.fastest.max(series.rate(tx.end));
        let note = if extra.accepted { "right code accepted: no lock" } else { "wrong code judged: no lock" };
        self.samples.push(tx, note);
        if self.examples.len() < EVIDENCE_MAX {
            let name: Arc<str> = actor.to_string().into();
            if !self.examples.contains(&name) {
                self.examples.push(name);
            }
        }
        many
    }

    /// Accounts with extra attempts.
    fn accounts(&self) -> u64 {
        self.extras.iter().map(|extra| extra.account).collect::<BTreeSet<_>>().len() as u64
    }

    fn accepted(&self) -> bool {
        self.extras.iter().any(|extra| extra.accepted)
    }

    fn past_address_lock(&self) -> bool {
        self.extras.iter().any(|extra| extra.past_address_lock)
    }

    /// After how many codes an account was locked of late, if that was later than it should have been.
    fn locks_after(&self, now: EventTime) -> Option<u64> {
        self.late_lock.filter(|(at, _)| now.since(*at) <= DAY).map(|(_, judged)| judged)
    }

    fn severity(&self, lock: Limit, now: EventTime) -> Severity {
        let locks_soon = self.locks_after(now).is_some_and(|judged| judged <= 2 * lock.count);
        if locks_soon && !self.past_address_lock() {
            Severity::Medium
        } else if self.accepted() {
            Severity::Critical
        } else {
            RULE.severity
        }
    }

    fn is_told(&self, now: EventTime) -> bool {
        self.told.is_some_and(|(at, _)| now.since(at) <= DAY)
    }

    /// Whether this was not told in the last day, or is worse now.
    fn is_news(&mut self, now: EventTime, severity: Severity) -> bool {
        let known = self.is_told(now) && self.told.is_some_and(|(_, told)| severity <= told);
        if !known {
            self.told = Some((now, severity));
        }
        !known
    }

    fn finding(&self, endpoint: &Endpoint, lock: Limit, now: EventTime) -> Finding {
        let (accepted, past_address_lock) = (self.accepted(), self.past_address_lock());
        let lock_seen = match (past_address_lock, self.locks_after(now)) {
            (true, _) => "a lock held for one address only".to_owned(),
            (false, Some(judged)) => format!("a lock came only after {judged}"),
            (false, None) => "no lock came".to_owned(),
        };
        let message = format!(
            "{} of {} judged on {endpoint} after {} wrong ones in {} s: {lock_seen}{}",
            Several(self.extras.count(), "MFA code"),
            Several(self.accounts(), "account"),
            lock.count,
            lock.within.as_secs(),
            if accepted { ", and a right code was accepted" } else { "" },
        );
        Finding {
            message,
            count: self.extras.count(),
            threshold: 0,
            principal: None,
            client: None,
            credential: None,
            endpoint: Some(endpoint.clone()),
            evidence: self.samples.evidence(),
            facts: self.facts(now),
            // Nothing but an accepted code tells no lock from one that hides behind "wrong code".
            doubts: Doubts { inferred: !accepted, ..Doubts::default() },
        }
    }

    fn facts(&self, now: EventTime) -> Vec<(&'static str, Fact)> {
        let mut facts = vec![
            ("extra_attempts", Fact::Count(self.extras.count())),
            ("accounts", Fact::Count(self.accounts())),
            ("examples", Fact::List(self.examples.clone())),
            ("accepted", Fact::Flag(self.accepted())),
            ("past_address_lock", Fact::Flag(self.past_address_lock())),
        ];
        if let Some(judged) = self.locks_after(now) {
            facts.push(("locks_after", Fact::Count(judged)));
        }
        let per_min = self.fastest * 60.0;
        facts.extend([
            ("most_judged", Fact::Count(self.most_judged)),
            ("attempts_per_min", Fact::Number((per_min * 10.0).round() / 10.0)),
            ("guess_odds_pct", Fact::Number(verdict::guess_odds_pct(self.most_judged))),
            ("even_odds_after_h", Fact::Number(verdict::even_odds_after_h(self.fastest))),
        ]);
        facts
    }
}

#[cfg(test)]
mod tests;
