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
//! sensitive. Such an answer also fires on a route of unknown habits, if the host refused an anonymous call to another
//! route that begins with the same path segment: medium and of low confidence, for it may be public on purpose.
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
    About, Crossing, Detector, Doubts, Finding, Findings, Grouping, Maturity, Rule, Samples, Several, tables,
};
use crate::identity::PrincipalKind;
use crate::keyed::Keyed;
use crate::label::Labels;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Activity, Endpoint, ExposureKind, Outcome, Request, Transaction};
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
    /// How soon a route is told again (24 h: once a working day).
    pub again_after_h: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { anonymous: 3, authenticated_pct: 95, again_after_h: 24 }
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
    /// Routes by host and first path segment, where an anonymous call was refused.
    refusals: Keyed<(Arc<str>, Arc<str>), Refusal>,
}

/// The successes on one route.
#[derive(Debug, Default)]
struct Route {
    authenticated: u64,
    anonymous: u64,
    told_at: Option<EventTime>,
    samples: Samples,
}

saved!(Route { authenticated, anonymous, told_at, samples });

/// The latest route that refused an anonymous call.
#[derive(Debug, Default)]
struct Refusal(Option<Arc<str>>);

saved!(Refusal { 0 });

/// Why a route should have refused.
#[derive(Clone, Debug)]
enum Because {
    /// Its other callers show a credential.
    Route,
    /// A route next door refuses.
    Neighbour(Arc<str>),
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        Self {
            again_after: Duration::from_secs(u64::from(thresholds.again_after_h) * 3600),
            routes: Keyed::new(limits.keys_per_table_max, KEPT),
            refusals: Keyed::new(limits.keys_per_table_max, KEPT),
            thresholds: thresholds.clone(),
        }
    }

    /// Why this anonymous success should have been a refusal, if that can be told.
    fn because(
        &mut self,
        request: &Request,
        route_is_protected: bool,
        anonymous: u64,
        gives: bool,
        now: EventTime,
    ) -> Option<Because> {
        if route_is_protected {
            return (gives || anonymous >= u64::from(self.thresholds.anonymous)).then_some(Because::Route);
        }
        if !gives {
            return None;
        }
        let refusal = self.refusals.get(&neighbourhood(request), now)?;
        refusal.0.clone().filter(|refused| *refused != request.route).map(Because::Neighbour)
    }
}

impl Detector for State {
    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(request) = tx.request.as_ref().filter(|request| is_call(tx, request)) else { return };
        let is_anonymous = tx.credentials.is_empty() && tx.principal.kind == PrincipalKind::Anonymous;
        if tx.outcome == Outcome::Denied && is_anonymous && matches!(tx.status(), Some(401 | 403)) {
            let refusal = self.refusals.entry(&neighbourhood(request), tx.end);
            refusal.0 = Some(request.route.clone());
            return;
        }
        let is_answered = tx.succeeded() && matches!(tx.status(), Some(200..=299));
        let Some(endpoint) = tx.endpoint().filter(|_| is_answered) else { return };
        let route = self.routes.entry(&endpoint, tx.end);
        if !is_anonymous {
            route.authenticated = route.authenticated.saturating_add(1);
            return;
        }
        route.anonymous = route.anonymous.saturating_add(1);
        route.samples.push(tx, "answered without a credential");
        let is_told = route.told_at.is_some_and(|told| tx.end.since(told) < self.again_after);
        let is_public = route.told_at.is_some() && route.anonymous > route.authenticated;
        if is_told || is_public {
            return;
        }
        let (is_protected, anonymous) =
            (route.is_protected(self.thresholds.authenticated_pct), route.anonymous);
        let Some(because) = self.because(request, is_protected, anonymous, gives(tx, request), tx.end) else {
            return;
        };
        let Some(route) = self.routes.get(&endpoint, tx.end) else { return };
        route.told_at = Some(tx.end);
        let Endpoint { method, host, route: template } = &endpoint;
        let crossing = Crossing {
            about: About::Endpoint { method, host, route: template, part: "" },
            severity: if matches!(because, Because::Route) { RULE.severity } else { Severity::Medium },
            first: tx.end,
            fresh: 1,
            window: None,
        };
        let anonymous = self.thresholds.anonymous;
        findings.raise(&crossing, || finding(tx, &endpoint, route, &because, anonymous));
    }

    tables!(routes, refusals);
}

impl Route {
    fn is_protected(&self, authenticated_pct: u8) -> bool {
        let all = self.authenticated.saturating_add(self.anonymous);
        self.authenticated.saturating_mul(100) >= all.saturating_mul(u64::from(authenticated_pct))
    }
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

/// The host and the first segment of the path: `api.example.com` and `v1`.
fn neighbourhood(request: &Request) -> (Arc<str>, Arc<str>) {
    let first = request.route.trim_start_matches('/').split('/').next().unwrap_or_default();
    (request.host.clone(), first.into())
}

fn finding(tx: &Transaction, endpoint: &Endpoint, route: &Route, because: &Because, limit: u32) -> Finding {
    let client = tx.client.ip;
    let (message, by) = match because {
        Because::Route => {
            let others = Several(route.authenticated, "answer");
            let these = Several(route.anonymous, "answer");
            let message = format!(
                "{endpoint} answers without a credential ({these}, the latest to {client}), beside {others} with one"
            );
            (message, "route")
        }
        Because::Neighbour(refused) => {
            let message = format!(
                "{endpoint} answers {client} without a credential, where {refused} of the same host refuses"
            );
            (message, "neighbours")
        }
    };
    let found = Finding::of(tx, message, "answered without a credential");
    Finding {
        count: route.anonymous,
        threshold: if matches!(because, Because::Route) && records(tx) == 0 { u64::from(limit) } else { 1 },
        evidence: route.samples.evidence(),
        facts: vec![
            ("authenticated", Fact::Count(route.authenticated)),
            ("anonymous", Fact::Count(route.anonymous)),
            ("by", Fact::Text(by.into())),
            ("records", Fact::Count(u64::from(records(tx)))),
        ],
        doubts: Doubts { learning: matches!(because, Because::Neighbour(_)), ..found.doubts },
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
