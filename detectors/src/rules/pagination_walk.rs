//! # Pagination walk
//!
//! ## What it sees
//!
//! One caller that goes through a list page after page, farther than others go.
//!
//! ## Why it matters
//!
//! A list gives away everything it holds to whoever is patient. Page by page at a moderate rate stays below every limit
//! on rates, and each request looks like a person's.
//!
//! ## How it decides
//!
//! It follows the page, offset or cursor that one caller asks for on one route. A step is an answered request for a
//! place that lies on from the one before: numbers go one way, by a quarter to four times the usual gap; a cursor was
//! not there just before. Pages that come a little late (parallel requests) or again are no step and no end; another
//! direction, a jump, a cursor that comes again (somebody polls for news) or six hours without a step begin a new walk.
//! From 50 steps on it is told if at most one per cent of the other callers of the route ever went as far, to the
//! resolution of half an octave. Gaps are those of the numbers, not of time: scripts wait at random. A caller whose walk
//! was told is told again when one goes twice as far, or after 30 days without; routes labelled export are passed over.
//! Severity is medium, low where fewer than ten others page: there is nothing to compare with.
//!
//! ## Benign look-alikes
//!
//! Copy jobs (told once, for they are what they look like; routes where they are many are known to be walked), endless
//! scrolling (others scroll as far), feeds that are polled (their cursors come again, or all callers do it).
//! With few other callers confidence is low as well.
//!
//! ## Tuning
//!
//! Raise `steps` where pages are small. Label routes that are made for this as `export`.
//! Facts: `steps`, `span_s`, `records`, `other_callers`, `others_as_far`.
//!
//! ## References
//!
//! MITRE ATT&CK T1119, T1213; OWASP API6:2023.

mod depths;
mod walk;

use super::actor::Actor;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    Crossing, Detector, Doubts, Facts, Finding, Findings, Grouping, Maturity, Rule, Several, Span, tables,
};
use crate::hash::Mark;
use crate::keyed::Keyed;
use crate::label::Label;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::transaction::{Endpoint, Transaction};
use depths::{Depths, Others};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use walk::Walk;

/// How long walks and routes are remembered without a step.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Steps in a row (50: people search or filter long before).
    pub steps: u32,
    /// The share of the route's other callers that may have gone as far (1 %: the 99th percentile).
    pub others_pct: u8,
    /// Other callers that must page on the route for a comparison (10: with fewer, severity and confidence are low).
    pub callers: u32,
    /// A longer pause begins a new walk (6 h: slow walks are meant, too; also how long an alert stays open).
    pub pause_s: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { steps: 50, others_pct: 1, callers: 10, pause_s: 6 * 3600 }
    }
}

/// EXF-02.
pub static RULE: Rule = Rule {
    id: "EXF-02",
    name: "pagination_walk",
    title: "Pagination walk",
    severity: Severity::Medium,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Reading,
    order_free: false,
    mitre: &["T1119", "T1213"],
    owasp: &["API6:2023"],
    response: "limit how deep a list may be read; revoke the credential if its owner does not know of it",
};

/// Who goes how far.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    pause: Duration,
    /// By caller and a mark of method, host and route.
    walks: Keyed<(Actor, u64), Walk>,
    routes: Keyed<Endpoint, Depths>,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let pause = Duration::from_secs(u64::from(thresholds.pause_s));
        Self {
            pause,
            walks: Keyed::new(limits.keys_per_table_max, KEPT.max(pause)),
            routes: Keyed::new(limits.keys_per_table_max, KEPT),
            thresholds: thresholds.clone(),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::POSITION.and(Facts::CALL).and(Facts::SUCCESS)
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(request) = tx.request.as_ref().filter(|request| !request.labels.has(Label::Export)) else {
            return;
        };
        let Some(position) = request.position else { return };
        let route = Mark::of([&*request.method, &*request.host, &*request.route]);
        let key = (Actor::of(tx), route);
        let walk = self.walks.entry(&key, tx.end);
        if !walk.goes_on(position, tx, self.pause) {
            return;
        }
        let is_long = walk.steps() >= self.thresholds.steps;
        let newly_reached = walk.newly_reached();
        if newly_reached.is_empty() && !is_long {
            return;
        }
        let depths = self.routes.entry(findings.endpoint(request), tx.end);
        depths.note(newly_reached);
        let others = depths.others(walk.steps());
        if !is_long || !others.are_rare(self.thresholds.others_pct) || !walk.is_news() {
            return;
        }
        let crossing = Crossing {
            about: key.0.about(),
            severity: if others.all < self.thresholds.callers { Severity::Low } else { RULE.severity },
            first: walk.first(),
            fresh: walk.tell(),
            window: Some(self.pause),
        };
        findings.raise(&crossing, || finding(tx, &key.0, walk, others, &self.thresholds));
    }

    tables!(walks, routes);
}

fn finding(tx: &Transaction, actor: &Actor, walk: &Walk, others: Others, limits: &Thresholds) -> Finding {
    let place = tx.endpoint().map(|endpoint| format!(" through {endpoint}")).unwrap_or_default();
    let (steps, span) = (u64::from(walk.steps()), tx.end.since(walk.first()));
    let message = format!(
        "{}{place} by {actor} in {}, one after the other; {} of {} went as far (limit {} steps, {} %)",
        Several(steps, "step"),
        Span(span),
        others.as_far,
        Several(u64::from(others.all), "other caller"),
        limits.steps,
        limits.others_pct,
    );
    let doubts = walk.samples.doubts();
    Finding {
        count: steps,
        threshold: u64::from(limits.steps),
        evidence: walk.samples.evidence(),
        facts: vec![
            ("steps", Fact::Count(steps)),
            ("span_s", Fact::Number(span.as_secs_f64())),
            ("records", Fact::Count(walk.records())),
            ("other_callers", Fact::Count(u64::from(others.all))),
            ("others_as_far", Fact::Count(u64::from(others.as_far))),
        ],
        doubts: Doubts { learning: others.all < limits.callers, ..doubts },
        ..Finding::of(tx, message, "a step")
    }
}

#[cfg(test)]
mod tests;
