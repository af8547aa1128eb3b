//! # Mixed or missing authentication
//!
//! ## What it sees
//!
//! A route that answers callers without any credential, although its other callers, or those next door, must show one.
//!
//! ## Why it matters
//!
//! Authentication is switched on route by route. One that was forgotten, a debug copy or an old version, gives to anybody
//! what the others protect.
//!
//! ## How it decides
//!
//! It counts, for each method and route, successes with a credential and without. Where at least 95 % had one, the third
//! anonymous success fires; the first does where its answer holds records, shows a secret, or the route is labelled
//! sensitive. Such an answer also fires on a route of other habits, by its neighbours: the routes of the host that begin
//! with the same path segment. One of them must have refused an anonymous call, or of at least 30 answers that they gave
//! 95 % must have gone to callers with a credential. That is medium and of low confidence: it may be public on purpose.
//! Severity is high otherwise. A route is told once in 24 hours, and no more once most of its callers are anonymous.
//! Preflights (OPTIONS), logins, second factors and token requests do not count.
//!
//! ## Benign look-alikes
//!
//! Health probes and configuration (no records), public catalogues (told once, by their neighbours), the login's pages.
//!
//! ## Tuning
//!
//! Raise `anonymous` where a cache answers for the server. Suppress routes that are public on purpose, with a reason.
//! Facts: `authenticated`, `anonymous`, `by` (`route` or `neighbours`), `records`.
//!
//! ## References
//!
//! MITRE ATT&CK T1190; OWASP API2:2023, API5:2023.

use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, Facts, Finding, Findings, Grouping, Maturity, Rule, Samples, Several,
    tables,
};
use crate::hash::StableHasher;
use crate::identity::PrincipalKind;
use crate::keyed::Keyed;
use crate::label::Labels;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Activity, Endpoint, ExposureKind, Request, Transaction};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// How long routes and refusals are remembered without use.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Anonymous successes that fire (3: a cache or a probe may account for one or two).
    pub anonymous: u32,
    /// The share of successes with a credential that makes a route a protected one (95 %: the rest is what is looked for).
    pub authenticated_pct: u8,
    /// Answers of its neighbours that must be seen before they speak for a route (30: a few people at work; it is told with low confidence).
    pub neighbour_answers: u32,
    /// How soon a route is told again (24 h: once a working day).
    pub again_after_h: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { anonymous: 3, authenticated_pct: 95, neighbour_answers: 30, again_after_h: 24 }
    }
}

/// POS-03.
pub static RULE: Rule = Rule {
    id: "POS-03",
    name: "mixed_authentication",
    title: "Mixed or missing authentication",
    severity: Severity::High,
    scope: Scope::Endpoint,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Services,
    order_free: false,
    mitre: &["T1190"],
    owasp: &["API2:2023", "API5:2023"],
    response: "require authentication on this route, or declare it public",
};

/// Who is let in where.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    again_after: Duration,
    routes: Keyed<Endpoint, Route>,
    /// By a hash of the host and the first path segment.
    neighbourhoods: Keyed<u128, Neighbourhood>,
}

/// The successes on one route.
#[derive(Debug, Default)]
struct Route {
    answers: Answers,
    told_at: Option<EventTime>,
    samples: Samples,
    /// The key of its neighbourhood, once it was worked out.
    neighbourhood: Option<u128>,
}

saved!(Route { answers, told_at, samples } fresh { neighbourhood });

/// The routes that begin alike: what they answered, and the latest of them that refused an anonymous call.
#[derive(Debug, Default)]
struct Neighbourhood {
    answers: Answers,
    refused: Option<Arc<str>>,
}

saved!(Neighbourhood { answers, refused });

/// Successes of callers with a credential and of callers without.
#[derive(Clone, Copy, Debug, Default)]
struct Answers {
    authenticated: u64,
    anonymous: u64,
}

saved!(Answers { authenticated, anonymous });

/// Why a route should have refused.
#[derive(Clone, Debug)]
enum Because {
    /// Its other callers show a credential.
    Route,
    /// This route next door refuses.
    Refused(Arc<str>),
    /// The callers next door show a credential.
    Neighbours(Answers),
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        Self {
            again_after: Duration::from_secs(u64::from(thresholds.again_after_h) * 3600),
            routes: Keyed::new(limits.keys_per_table_max, KEPT),
            neighbourhoods: Keyed::new(limits.keys_per_table_max, KEPT),
            thresholds: thresholds.clone(),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::CALL
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(request) = tx.request.as_ref().filter(|request| is_call(tx, request)) else { return };
        let is_anonymous = tx.credentials.is_empty() && tx.principal.kind == PrincipalKind::Anonymous;
        let is_refused = is_anonymous && matches!(tx.status(), Some(401 | 403));
        let is_answered = tx.succeeded() && matches!(tx.status(), Some(200..=299));
        if !is_refused && !is_answered {
            return;
        }
        if is_refused {
            self.neighbourhoods.entry(&neighbourhood(request), tx.end).refused = Some(request.route.clone());
            return;
        }
        let route = self.routes.entry(findings.endpoint(request), tx.end);
        route.answers.note(is_anonymous);
        let place = *route.neighbourhood.get_or_insert_with(|| neighbourhood(request));
        let neighbours = self.neighbourhoods.entry_again(&place, tx.end);
        neighbours.answers.note(is_anonymous);
        if !is_anonymous {
            return;
        }
        route.samples.push(tx, "answered without a credential");
        let answers = route.answers;
        let is_told = route.told_at.is_some_and(|told| tx.end.since(told) < self.again_after);
        let is_public = route.told_at.is_some() && answers.anonymous > answers.authenticated;
        if is_told || is_public {
            return;
        }
        let Some(because) = because(answers, neighbours, tx, request, &self.thresholds) else { return };
        route.told_at = Some(tx.end);
        let Request { method, host, route: template, .. } = request;
        let crossing = Crossing {
            about: About::Endpoint { method, host, route: template, part: "" },
            severity: if matches!(because, Because::Route) { RULE.severity } else { Severity::Medium },
            first: tx.end,
            fresh: 1,
            window: None,
        };
        let limit = self.thresholds.anonymous;
        findings.raise(&crossing, || finding(tx, request, route, &because, limit));
    }

    tables!(routes, neighbourhoods);
}

impl Answers {
    fn note(&mut self, is_anonymous: bool) {
        let count = if is_anonymous { &mut self.anonymous } else { &mut self.authenticated };
        *count = count.saturating_add(1);
    }

    fn total(self) -> u64 {
        self.authenticated.saturating_add(self.anonymous)
    }

    fn are_protected(self, authenticated_pct: u8) -> bool {
        self.authenticated.saturating_mul(100) >= self.total().saturating_mul(u64::from(authenticated_pct))
    }
}

/// Why this anonymous success should have been a refusal, if that can be told.
fn because(
    route: Answers,
    neighbours: &Neighbourhood,
    tx: &Transaction,
    request: &Request,
    limits: &Thresholds,
) -> Option<Because> {
    let gives = gives(tx, request);
    if route.are_protected(limits.authenticated_pct) {
        return (gives || route.anonymous >= u64::from(limits.anonymous)).then_some(Because::Route);
    }
    if !gives {
        return None;
    }
    if let Some(refused) = neighbours.refused.as_ref().filter(|refused| **refused != request.route) {
        return Some(Because::Refused(refused.clone()));
    }
    let answers = neighbours.answers;
    let speak = answers.total() >= u64::from(limits.neighbour_answers);
    (speak && answers.are_protected(limits.authenticated_pct)).then_some(Because::Neighbours(answers))
}

/// A call to the API itself: not one that is about getting in, nor a browser's question whether it may call.
fn is_call(tx: &Transaction, request: &Request) -> bool {
    matches!(tx.activity, Activity::Use | Activity::Sensitive | Activity::KeyIssue)
        && tx.login.is_none()
        && tx.mfa.is_none()
        && &*request.method != "OPTIONS"
}

/// Whether the answer is worth having: records, a secret, or what a sensitive route gives.
fn gives(tx: &Transaction, request: &Request) -> bool {
    records(tx) > 0
        || request.labels.any(Labels::SENSITIVE)
        || tx.exposed.iter().any(|exposure| exposure.kind == ExposureKind::Response)
}

fn records(tx: &Transaction) -> u32 {
    tx.response.as_ref().and_then(|response| response.items).unwrap_or(0)
}

/// A hash of the host and the first segment of the path: `api.example.com` and `v1`.
fn neighbourhood(request: &Request) -> u128 {
    StableHasher::of_parts(&[request.host.as_bytes(), first_segment(request).as_bytes()])
}

fn first_segment(request: &Request) -> &str {
    request.route.trim_start_matches('/').split('/').next().unwrap_or_default()
}

fn finding(tx: &Transaction, request: &Request, route: &Route, because: &Because, limit: u32) -> Finding {
    let (client, answers) = (tx.client.ip, route.answers);
    let endpoint = format!("{} {}", request.method, request.route);
    let (message, by) = match because {
        Because::Route => {
            let others = Several(answers.authenticated, "answer");
            let these = Several(answers.anonymous, "answer");
            let message = format!(
                "{endpoint} answers without a credential ({these}, the latest to {client}), beside {others} with one"
            );
            (message, "route")
        }
        Because::Refused(refused) => {
            let message = format!(
                "{endpoint} answers {client} without a credential, where {refused} of the same host refuses"
            );
            (message, "neighbours")
        }
        Because::Neighbours(neighbours) => {
            let message = format!(
                "{endpoint} answers {client} without a credential, where {} of {} under /{} had one",
                neighbours.authenticated,
                Several(neighbours.total(), "answer"),
                tx.request.as_ref().map(first_segment).unwrap_or_default(),
            );
            (message, "neighbours")
        }
    };
    let found = Finding::of(tx, message, "answered without a credential");
    Finding {
        count: answers.anonymous,
        threshold: if matches!(because, Because::Route) && records(tx) == 0 { u64::from(limit) } else { 1 },
        evidence: route.samples.evidence(),
        facts: vec![
            ("authenticated", Fact::Count(answers.authenticated)),
            ("anonymous", Fact::Count(answers.anonymous)),
            ("by", Fact::Text(by.into())),
            ("records", Fact::Count(u64::from(records(tx)))),
        ],
        doubts: Doubts { learning: !matches!(because, Because::Route), ..found.doubts },
        ..found
    }
}

#[cfg(test)]
mod tests {
    use crate::story::{check, check_confidence};
    use expect_test::expect;

    /// So many answers to callers with a credential.
    fn answered(times: u32) -> String {
        format!("09:00:00 198.51.100.4 -> use GET /v1/status 200 user=ann session=s1 x{times}")
    }

    #[test]
    fn the_third_anonymous_answer_of_a_protected_route() {
        let anonymous = "10:00:00 203.0.113.7 -> use GET /v1/status 200 x4
             1d+10:00:02 203.0.113.7 -> use GET /v1/status 200";
        check(
            &format!("{}\n{anonymous}", answered(95)),
            expect![[r#"
            10:00:02.000 POS-03 mixed_authentication high GET api.example.com /v1/status: GET /v1/status answers without a credential (3 answers, the latest to 203.0.113.7), beside 95 answers with one
            10:00:02.000 POS-03 mixed_authentication high GET api.example.com /v1/status: GET /v1/status answers without a credential (5 answers, the latest to 203.0.113.7), beside 95 answers with one
        "#]],
        );
    }

    #[test]
    fn nineteen_in_twenty_are_a_protected_route() {
        let three = "10:00:00 203.0.113.7 -> use GET /v1/status 200 x3";
        check(
            &format!("{}\n{three}", answered(57)),
            expect![[r#"
            10:00:02.000 POS-03 mixed_authentication high GET api.example.com /v1/status: GET /v1/status answers without a credential (3 answers, the latest to 203.0.113.7), beside 57 answers with one
        "#]],
        );
        check(&format!("{}\n{three}", answered(56)), expect![[""]]);
    }

    #[test]
    fn one_answer_with_records_is_enough() {
        check(
            "09:00:00 198.51.100.4 -> use GET /v1/orders 200 user=ann session=s1 items=20 x19
             10:00:00 203.0.113.7 -> use GET /v1/orders 200 items=20",
            expect![[r#"
                10:00:00.000 POS-03 mixed_authentication high GET api.example.com /v1/orders: GET /v1/orders answers without a credential (1 answer, the latest to 203.0.113.7), beside 19 answers with one
            "#]],
        );
        check(
            "09:00:00 198.51.100.4 -> use GET /v1/orders 200 user=ann session=s1 items=20 x18
             10:00:00 203.0.113.7 -> use GET /v1/orders 200 items=20",
            expect![[""]],
        );
    }

    #[test]
    fn a_neighbour_that_refuses() {
        let story = "09:00:00 203.0.113.7 -> use GET /v1/customers 401
             10:00:00 203.0.113.7 -> use GET /v1/partners 200 items=25
             1d+11:00:00 203.0.113.7 -> use GET /v1/partners 200 items=25";
        check(
            story,
            expect![[r#"
            10:00:00.000 POS-03 mixed_authentication medium GET api.example.com /v1/partners: GET /v1/partners answers 203.0.113.7 without a credential, where /v1/customers of the same host refuses
        "#]],
        );
        check_confidence(story, expect!["POS-03 low"]);
    }

    #[test]
    fn neighbours_whose_callers_show_a_credential() {
        let story = |answers: u32| {
            format!(
                "09:00:00 203.0.113.7 -> use GET /v1/customers 200 user=ann session=s1 x{answers}
                 10:00:00 203.0.113.7 -> use GET /v1/partners 200 items=25"
            )
        };
        check(&story(28), expect![[""]]);
        check(
            &story(29),
            expect![[r#"
            10:00:00.000 POS-03 mixed_authentication medium GET api.example.com /v1/partners: GET /v1/partners answers 203.0.113.7 without a credential, where 29 of 30 answers under /v1 had one
        "#]],
        );
    }

    #[test]
    fn what_is_public_or_about_getting_in() {
        check(
            "09:00:00 203.0.113.7 -> use GET /v1/customers 401
             09:01:00 203.0.113.7 -> use GET /v1/health 200 x9
             09:02:00 203.0.113.7 -> use GET /shop/catalogue 200 items=50 x9
             09:03:00 203.0.113.7 -> use OPTIONS /v1/orders 204 items=1
             09:04:00 203.0.113.7 -> login POST /v1/login 200 items=1 user=ann
             09:05:00 203.0.113.7 -> use GET /v1/orders 200 items=9 user=ann session=s1
             09:06:00 203.0.113.7 -> use GET /v1/partners 404 items=9
             09:07:00 203.0.113.7 -> use GET /v1/customers 200 items=9 host=other.example.com",
            expect![[""]],
        );
    }
}
