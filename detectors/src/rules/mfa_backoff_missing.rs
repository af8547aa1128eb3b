//! # MFA back-off not enforced
//!
//! ## What it sees
//!
//! A server that judges the next second-factor code right after the third, fourth, fifth or sixth wrong one of an
//! account, without making the sender wait.
//!
//! ## Why it matters
//!
//! A wait that grows with each wrong code costs an honest person half a minute and a guessing program years. It is the
//! milder brother of a lock: nobody can keep an account's owner out by failing in their name.
//!
//! ## How it decides
//!
//! It measures from the answer to a wrong code to the next request whose code is judged: 30 s should lie between them
//! after the third wrong code in a row, then 60 s, 120 s, and 300 s from the sixth on, less a tolerance of 20 %. A
//! series with a shorter gap violates the schedule, once. An answer that says locked or too many attempts makes the
//! sender wait, which is all that is asked for: it ends the series and takes back what was held against it. A right
//! code ends a series too, and so do an answer that was not seen and fifteen quiet minutes. It fires at five violating
//! series on a route within 24 hours, once a day. Severity is medium. Confidence is medium until a code that came too
//! soon was accepted: a server may refuse right and wrong ones alike while it lets its caller wait.
//!
//! How a client treats `Retry-After` is another matter, that of `retry_storm`.
//!
//! ## Benign look-alikes
//!
//! Parallel tabs and impatient clicks: what was sent before the wrong code was answered is not measured, nor is a
//! request repeated word for word. A server that locks after the third code needs no back-off and is never told about.
//!
//! ## Tuning
//!
//! Set the four waits to your own schedule; 0 asks for none.
//! Facts: `series`, `gaps` (for each number of wrong codes: the shortest gap, the wait, how many of how many gaps were
//! too short), `stopped_series` (that the server ended by a lock), `accepted`.
//!
//! ## References
//!
//! MITRE ATT&CK T1110.001; OWASP API4:2023; NIST SP 800-63B section 5.2.2.

use super::actor::Actor;
use super::verdict::{self, Before, Verdict};
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, Facts, Finding, Findings, Grouping, Maturity, Rule, Samples, Several,
    Span, tables,
};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Endpoint, Transaction};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// How long a violation is held against a route, and how long it is told about once.
const DAY: Duration = Duration::from_hours(24);
/// Wrong codes in a row before the first wait.
const FREE: u64 = 3;
/// Waits of the schedule.
const STEPS: usize = 4;
/// Violations remembered of one route at least; of more, the oldest go.
const VIOLATIONS_KEPT: usize = 64;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// The wait after the third wrong code in a row (30 s: as long as a code lives).
    pub after_3_s: u32,
    /// The wait after the fourth (60 s: twice that).
    pub after_4_s: u32,
    /// The wait after the fifth (120 s: twice again).
    pub after_5_s: u32,
    /// The wait after the sixth and each that follows (300 s: people ask for help by now).
    pub after_6_s: u32,
    /// By how much a wait may be cut short (20: clocks, queues and rounding).
    pub tolerance_pct: u32,
    /// Violating series that fire (5: a schedule may be off for a few accounts on purpose).
    pub series: u32,
    /// Quiet time after which wrong codes begin a new series (900 s: servers forget them, too).
    pub series_ends_s: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            after_3_s: 30,
            after_4_s: 60,
            after_5_s: 120,
            after_6_s: 300,
            tolerance_pct: 20,
            series: 5,
            series_ends_s: 900,
        }
    }
}

/// MFA-06.
pub static RULE: Rule = Rule {
    id: "MFA-06",
    name: "mfa_backoff_missing",
    title: "MFA back-off not enforced",
    severity: Severity::Medium,
    scope: Scope::Endpoint,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Endpoint,
    order_free: false,
    mitre: &["T1110.001"],
    owasp: &["API4:2023"],
    response: "make the sender of wrong codes wait, longer each time, on the server's side",
};

/// The wrong codes of each account in a row, and what followed them too soon on each route.
#[derive(Debug)]
pub struct State {
    waits: [Duration; STEPS],
    tolerance_pct: u32,
    violations: usize,
    series_ends: Duration,
    series: Keyed<(Actor, Endpoint), Series>,
    routes: Keyed<Endpoint, Route>,
}

/// Wrong codes of one account in a row.
#[derive(Debug, Default)]
struct Series {
    wrong: u64,
    /// When the latest wrong code was answered.
    answered: EventTime,
    violates: bool,
    before: Before,
}

saved!(Series { wrong, answered, violates, before });

/// What a route did after wrong codes.
#[derive(Debug, Default)]
struct Route {
    steps: [Step; STEPS],
    violations: Vec<Violation>,
    stopped: u64,
    samples: Samples,
    /// When the latest of this was seen.
    seen: EventTime,
    told: Option<EventTime>,
}

saved!(Route { steps, violations, stopped, samples, seen, told });

/// The gaps after so many wrong codes.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    gaps: u64,
    short: u64,
    shortest: Duration,
}

saved!(Step { gaps, short, shortest });

/// One series that went on too soon.
#[derive(Clone, Copy, Debug)]
struct Violation {
    at: EventTime,
    account: u64,
    accepted: bool,
}

saved!(Violation { at, account, accepted });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let Thresholds { after_3_s, after_4_s, after_5_s, after_6_s, .. } = *thresholds;
        let secs = |secs: u32| Duration::from_secs(u64::from(secs));
        let waits = [after_3_s, after_4_s, after_5_s, after_6_s].map(secs);
        let series_ends = secs(thresholds.series_ends_s);
        Self {
            waits,
            tolerance_pct: thresholds.tolerance_pct.min(100),
            violations: thresholds.series.max(1) as usize,
            series_ends,
            series: Keyed::new(limits.keys_per_table_max, series_ends),
            routes: Keyed::new(limits.keys_per_table_max, DAY),
        }
    }

    /// Whether the server should have let its caller wait longer.
    fn is_short(&self, step: usize, gap: Duration) -> bool {
        self.waits.get(step).is_some_and(|wait| gap < *wait * (100 - self.tolerance_pct) / 100)
    }

    /// Notes a gap of the route, and tells about the route if enough series had one that was too short.
    fn observe_gap(&mut self, tx: &Transaction, endpoint: &Endpoint, gap: Gap, findings: &mut Findings<'_>) {
        let kept = self.violations.max(VIOLATIONS_KEPT);
        let route = self.routes.entry(endpoint, tx.end);
        route.forget(tx.end);
        route.note(tx, gap, kept);
        let known = route.told.is_some_and(|told| tx.end.since(told) <= DAY);
        if gap.violation.is_none() || route.violations.len() < self.violations || known {
            return;
        }
        route.told = Some(tx.end);
        let Endpoint { method, host, route: path } = endpoint;
        let crossing = Crossing {
            about: About::Endpoint { method, host, route: path, part: "" },
            severity: RULE.severity,
            first: route.violations.first().map_or(tx.end, |violation| violation.at),
            fresh: route.violations.len() as u64,
            window: Some(DAY),
        };
        let (threshold, waits) = (self.violations as u64, &self.waits);
        findings.raise(&crossing, || Finding { threshold, ..route.finding(endpoint, waits) });
    }
}

/// A gap between a wrong code and the next one that was judged.
#[derive(Clone, Copy, Debug)]
struct Gap {
    step: usize,
    time: Duration,
    short: bool,
    /// Where it is the first of its series that is too short.
    violation: Option<Violation>,
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::MFA
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(verdict) = Verdict::of(tx) else { return };
        let Some(key) = verdict::account(tx) else { return };
        let Some(series) = verdict::series(&mut self.series, verdict, &key, tx.end) else { return };
        if tx.end.since(series.answered) > self.series_ends {
            *series = Series::default();
        }
        let (step, time, violates) = (series.step(), series.gap(tx), series.violates);
        match verdict {
            Verdict::Stopped if violates => {
                *series = Series::default();
                self.routes.entry(&key.1, tx.end).take_back(key.0.number());
                return;
            }
            Verdict::Stopped | Verdict::Unseen => {
                *series = Series::default();
                return;
            }
            Verdict::Wrong | Verdict::Right => {}
        }
        if series.before.comes_again(tx) {
            return;
        }
        let accepted = verdict == Verdict::Right;
        if accepted {
            *series = Series::default();
        } else {
            series.wrong += 1;
            series.answered = tx.end;
        }
        let (Some(step), Some(time)) = (step, time) else { return };
        let short = self.is_short(step, time);
        if short && let Some(series) = self.series.get(&key, tx.end) {
            series.violates = !accepted;
        }
        let violation = Violation { at: tx.end, account: key.0.number(), accepted };
        let violation = (short && !violates).then_some(violation);
        self.observe_gap(tx, &key.1, Gap { step, time, short, violation }, findings);
    }

    tables!(series, routes);
}

impl Series {
    /// The wait that the next code should be given, if one is due.
    fn step(&self) -> Option<usize> {
        let step = usize::try_from(self.wrong.checked_sub(FREE)?).ok()?;
        Some(step.min(STEPS - 1))
    }

    /// From the answer to the wrong code before to this request, unless it was on its way already.
    fn gap(&self, tx: &Transaction) -> Option<Duration> {
        (tx.time >= self.answered).then(|| tx.time.since(self.answered))
    }
}

impl Route {
    fn forget(&mut self, now: EventTime) {
        if now.since(self.seen) > DAY {
            (self.steps, self.stopped, self.samples) = ([Step::default(); STEPS], 0, Samples::default());
        }
        self.seen = now;
        self.violations.retain(|violation| now.since(violation.at) <= DAY);
    }

    fn note(&mut self, tx: &Transaction, gap: Gap, kept: usize) {
        if let Some(step) = self.steps.get_mut(gap.step) {
            step.shortest = if step.gaps == 0 { gap.time } else { step.shortest.min(gap.time) };
            step.gaps += 1;
            step.short += u64::from(gap.short);
        }
        if let Some(violation) = gap.violation {
            if self.violations.len() >= kept {
                self.violations.remove(0);
            }
            self.violations.push(violation);
            self.samples.push(tx, "judged too soon after a wrong code");
        }
    }

    /// The account was made to wait after all.
    fn take_back(&mut self, account: u64) {
        self.stopped += 1;
        if let Some(place) = self.violations.iter().rposition(|violation| violation.account == account) {
            self.violations.remove(place);
        }
    }

    fn finding(&self, endpoint: &Endpoint, waits: &[Duration; STEPS]) -> Finding {
        let short = self.table(waits).filter(|(_, step, _)| step.short > 0);
        let short: Vec<String> = short
            .map(|(wrong, step, wait)| {
                format!("{} after wrong code {wrong} ({} wanted)", Span(step.shortest), Span(*wait))
            })
            .collect();
        let series = self.violations.len() as u64;
        let message = format!(
            "{} of wrong MFA codes on {endpoint} without back-off: the next code judged {}",
            if series == 1 { "1 series".to_owned() } else { format!("{series} series") },
            short.join(", "),
        );
        let accepted = self.violations.iter().any(|violation| violation.accepted);
        Finding {
            message,
            count: series,
            threshold: 0,
            principal: None,
            client: None,
            credential: None,
            endpoint: Some(endpoint.clone()),
            evidence: self.samples.evidence(),
            facts: vec![
                ("series", Fact::Count(series)),
                ("gaps", Fact::List(self.gaps(waits))),
                ("stopped_series", Fact::Count(self.stopped)),
                ("accepted", Fact::Flag(accepted)),
            ],
            doubts: Doubts { inferred: !accepted, ..Doubts::default() },
        }
    }

    /// Wrong codes in a row, the gaps after them, and the wait that should be there.
    fn table<'a>(
        &'a self,
        waits: &'a [Duration; STEPS],
    ) -> impl Iterator<Item = (u64, &'a Step, &'a Duration)> {
        (FREE..).zip(self.steps.iter().zip(waits)).map(|(wrong, (step, wait))| (wrong, step, wait))
    }

    fn gaps(&self, waits: &[Duration; STEPS]) -> Vec<Arc<str>> {
        let seen = self.table(waits).filter(|(_, step, _)| step.gaps > 0);
        seen.map(|(wrong, step, wait)| {
            let Step { gaps, short, shortest } = step;
            let gaps = Several(*gaps, "gap");
            format!("after {wrong}: {} of {}, {short} of {gaps} too short", Span(*shortest), Span(*wait))
                .into()
        })
        .collect()
    }
}

#[cfg(test)]
mod tests;
