//! # Improbable sequence
//!
//! ## What it sees
//!
//! A person's session that goes from route to route in a way that nobody's does.
//!
//! ## Why it matters
//!
//! An app leads people along its own ways. Whoever drives the API by hand or by script with somebody's session skips
//! pages, asks for details of what no list showed, and does in a row what lies far apart. It is a hint for whoever hunts,
//! no proof.
//!
//! ## How it decides
//!
//! For each route of a host it learns which routes people ask for next, within ten minutes. A step is odd when it and
//! all that are no likelier make up less than five per cent of the steps from there; the chance of a single next route
//! would be small wherever a page leads to many. Five odd steps in a row within ten minutes are told, once the host is
//! known for seven days and by 10,000 steps. Steps from a route that was left less than a hundred times say nothing, for
//! or against. On a day on which more than five per cent of a host's people, and more than two, are more than halfway
//! there, the app has changed: nothing is told. Severity is low.
//!
//! ## Benign look-alikes
//!
//! A new release (many are odd at once), a feature that few use, a developer with a browser's console. Programs have
//! habits of their own each and are not looked at.
//!
//! ## Tuning
//!
//! Raise `steps` where people find their own ways. Facts: `steps`, `people`, `odd_people`.
//!
//! ## References
//!
//! OWASP API6:2023.

mod ways;

use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Samples, Several, Span,
    tables,
};
use crate::distinct::Distinct;
use crate::hash::{Mark, StableHasher};
use crate::identity::Principal;
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::Transaction;
use crate::window::{Limit, Window};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use ways::Ways;

const DAY: Duration = Duration::from_hours(24);
/// How long routes and hosts are remembered without a step.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// People who may be odd at any time, however few there are.
const ODD_PEOPLE: u64 = 2;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Odd steps in a row (5: one in twenty is odd by chance, five in a row one in three million).
    pub steps: u32,
    /// The window they lie in; a longer pause is no step (600 s: one task).
    pub window_s: u32,
    /// The share of the least likely steps that is odd (5 %: one in twenty).
    pub odd_pct: u8,
    /// For how long a host must be known (7 days: what is done once a week was done).
    pub known_days: u32,
    /// Steps that must be known of it (10,000: each way often enough to be counted).
    pub known_steps: u32,
    /// The share of a day's people who may be odd (5 %: more is a release).
    pub people_pct: u8,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { steps: 5, window_s: 600, odd_pct: 5, known_days: 7, known_steps: 10_000, people_pct: 5 }
    }
}

/// ABU-06.
pub static RULE: Rule = Rule {
    id: "ABU-06",
    name: "improbable_sequence",
    title: "Improbable sequence",
    severity: Severity::Low,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Reading,
    order_free: false,
    mitre: &[],
    owasp: &["API6:2023"],
    response: "look at what the session did before and after; ask its owner if it fits nothing",
};

/// The ways people take.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    limit: Limit,
    people: Keyed<Principal, Walker>,
    /// By a mark of host and route.
    routes: Keyed<u64, Ways>,
    hosts: Keyed<Arc<str>, Host>,
}

/// One person's latest steps.
#[derive(Debug, Default)]
struct Walker {
    /// A mark of host and route, zero for none.
    at: u64,
    since: EventTime,
    odd: Window<()>,
    samples: Samples,
}

saved!(Walker { at, since, odd, samples });

/// What is known of a host, and today's people.
#[derive(Debug, Default)]
struct Host {
    since: Option<EventTime>,
    steps: u32,
    day: u64,
    people: Distinct,
    odd: Distinct,
}

saved!(Host { since, steps, day, people, odd });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let limit = Limit::new(thresholds.steps, thresholds.window_s);
        let keys = limits.keys_per_table_max;
        Self {
            people: Keyed::new(keys, limit.within),
            routes: Keyed::new(keys, KEPT),
            hosts: Keyed::new(keys, KEPT),
            limit,
            thresholds: thresholds.clone(),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::PERSON.and(Facts::CALL)
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(request) = &tx.request else { return };
        let to = Mark::of([&*request.host, &*request.method, &*request.route]).max(1);
        let walker = self.people.entry(findings.principal(tx), tx.end);
        let from = walker.go(to, tx.end, self.limit.within);
        if from == 0 {
            return;
        }
        let host = self.hosts.entry_again(&request.host, tx.end);
        let person = number_of(&tx.principal);
        host.note(person, tx.end);
        let is_odd = self.routes.entry(&from, tx.end).step(to, self.thresholds.odd_pct);
        match is_odd {
            // Too little is known of where the step began.
            None => return,
            Some(false) => {
                walker.odd.clear();
                walker.samples.clear();
                return;
            }
            Some(true) => walker.samples.push(tx, "an odd step"),
        }
        let is_enough = walker.odd.push(tx.end, (), self.limit);
        // Who is more than halfway there counts: after a release many are, before the first of them is told.
        if walker.odd.count() * 2 > self.limit.count {
            host.odd.insert(person);
        }
        if !is_enough
            || !host.is_known(tx.end, &self.thresholds)
            || host.has_changed(self.thresholds.people_pct)
        {
            return;
        }
        let crossing = Crossing {
            about: About::Principal(&tx.principal),
            severity: RULE.severity,
            first: walker.odd.first().unwrap_or(tx.end),
            fresh: walker.odd.take_fresh(),
            window: Some(self.limit.within),
        };
        findings.raise(&crossing, || finding(tx, walker, host, &self.thresholds));
    }

    tables!(people, routes, hosts);
}

fn number_of(principal: &Principal) -> u64 {
    StableHasher::of_parts(&[principal.kind.name().as_bytes(), principal.id.as_bytes()]) as u64
}

impl Walker {
    /// Goes on to a route; gives the one before, or zero after a pause.
    fn go(&mut self, to: u64, at: EventTime, pause: Duration) -> u64 {
        let is_pause = at.since(self.since) > pause;
        self.since = at.max(self.since);
        let from = std::mem::replace(&mut self.at, to);
        if is_pause { 0 } else { from }
    }
}

impl Host {
    fn note(&mut self, person: u64, now: EventTime) {
        self.since.get_or_insert(now);
        self.steps = self.steps.saturating_add(1);
        let day = now.as_secs() / DAY.as_secs();
        if day > self.day {
            (self.day, self.people, self.odd) = (day, Distinct::default(), Distinct::default());
        }
        self.people.insert(person);
    }

    fn is_known(&self, now: EventTime, limits: &Thresholds) -> bool {
        let known = DAY.saturating_mul(limits.known_days);
        self.steps >= limits.known_steps && self.since.is_some_and(|since| now.since(since) >= known)
    }

    /// Whether so many people are odd today that it is the app.
    fn has_changed(&self, percent: u8) -> bool {
        let odd = self.odd.count();
        odd > ODD_PEOPLE && odd * 100 > self.people.count() * u64::from(percent)
    }
}

fn finding(tx: &Transaction, walker: &Walker, host: &Host, limits: &Thresholds) -> Finding {
    let (people, odd) = (host.people.count(), host.odd.count());
    let message = format!(
        "{} of {} in a row in {}, each among the least likely {} % from where it began; {odd} of {} as odd today (limit {} \
         in {} s)",
        Several(walker.odd.count(), "step"),
        tx.principal.id,
        Span(walker.odd.span()),
        limits.odd_pct,
        Several(people, "account"),
        limits.steps,
        limits.window_s,
    );
    let doubts = walker.samples.doubts();
    Finding {
        count: walker.odd.count(),
        threshold: u64::from(limits.steps),
        evidence: walker.samples.evidence(),
        facts: vec![
            ("steps", Fact::Count(walker.odd.count())),
            ("people", Fact::Count(people)),
            ("odd_people", Fact::Count(odd)),
        ],
        doubts,
        ..Finding::of(tx, message, "an odd step")
    }
}

#[cfg(test)]
mod tests {
    use crate::story::check_rule;
    use expect_test::expect;

    /// Eight days on which somebody goes from the list to an item and back, then somebody's own ways.
    fn after(own: &str) -> String {
        let mut story = String::new();
        for day in 0..8 {
            story += &format!(
                "{day}d+10:00:00 203.0.113.1 -> use GET /{{list,item}} 200 user=usual session=s x1500 every 10s\n"
            );
        }
        story + own
    }

    #[test]
    fn five_steps_that_nobody_takes() {
        check_rule(
            &super::RULE,
            &after("8d+10:00:00 203.0.113.7 -> use GET /list 200 user=ann session=a x6 every 20s"),
            expect![[r#"
                10:01:40.000 ABU-06 improbable_sequence low user:ann: 5 steps of ann in a row in 80 s, each among the least likely 5 % from where it began; 1 of 1 account as odd today (limit 5 in 600 s)
            "#]],
        );
    }

    #[test]
    fn four_or_one_usual_step_between_or_a_pause() {
        check_rule(
            &super::RULE,
            &after(
                "8d+10:00:00 203.0.113.7 -> use GET /list 200 user=ann session=a x5 every 20s
             8d+11:00:00 203.0.113.7 -> use GET /{list,list,list,list,item,item,item,item} 200 user=bob session=b x40 every 20s
             8d+12:00:00 203.0.113.7 -> use GET /list 200 user=cid session=c x9 every 151s
             8d+13:00:00 203.0.113.7 -> use GET /list 200 service=job key=k x9 every 20s
             8d+14:00:00 203.0.113.7 -> use GET /list 403 user=dan session=d x9 every 20s",
            ),
            expect![[""]],
        );
    }

    #[test]
    fn a_release_and_a_sensor_that_is_new() {
        let release = "8d+10:00:00 203.0.113.7 -> use GET /list 200 user=n{1..4} session=n{1..4} x9 every 5s";
        check_rule(&super::RULE, &after(release), expect![[""]]);
        let early = "6d+23:00:00 203.0.113.7 -> use GET /list 200 user=ann session=a x6 every 20s";
        check_rule(&super::RULE, &after(early), expect![[""]]);
    }
}
