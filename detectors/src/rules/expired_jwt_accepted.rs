//! # Expired or not-yet-valid token accepted
//!
//! ## What it sees
//!
//! A route that serves requests whose only proof is a JWT that is over (`exp`), or has not begun (`nbf`).
//!
//! ## Why it matters
//!
//! A token's end is what limits the harm of a stolen one. A server that does not check it accepts every token that
//! ever leaked.
//!
//! ## How it decides
//!
//! A token counts when the server answered 2xx more than 60 s after its end, or before its begin, by the server's own
//! clock: `Date` in the very answer bounds that clock (see `server_clock_drift`), and the bound that favours the
//! server is taken; an answer without `Date` is judged by the capture's clock. The token must have spoken alone, in a
//! header: with a cookie, key or certificate beside it nobody can tell what was accepted, and a token in a body is
//! what the request is about. The route must have turned a caller away (401 or 403) in the 24 hours before. Three
//! different tokens fire, once in 24 hours for each method, host and route. Severity is high, but low while none was
//! more than 300 s out of its time: some libraries allow that much unless they are told otherwise.
//!
//! ## Benign look-alikes
//!
//! Public routes, which look at no token (they never turn anybody away), clocks that differ (the leeway, and the
//! server's own `Date`), refresh and introspection with an old token, an ID token as a hint at logout.
//! Behind a proxy that writes its own `Date` the server's clock may be another.
//!
//! ## Tuning
//!
//! Raise `leeway_s` where servers are configured with more. Facts: `kind` (`expired` or `early`), `overdue_s` (the
//! worst, beyond the token's own end or begin), `by_servers_clock`.
//!
//! ## References
//!
//! MITRE ATT&CK T1550.001; OWASP API2:2023; RFC 7519 sections 4.1.4 and 4.1.5; RFC 8725.

use super::acceptance::{Guarded, accepted_token, is_guarded, note_refusal};
use super::clock::Skew;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Samples, Several, Span,
    tables,
};
use crate::identity::{Fingerprint, named};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::token::Jwt;
use crate::transaction::{Endpoint, Transaction};
use crate::window::{Limit, Window};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Different tokens on one route that fire (3: one may be a race with the clock).
    pub tokens: u32,
    /// The time they are counted in and a refusal is remembered for, and how soon a route is told again (24 h: once a
    /// working day).
    pub again_after_h: u32,
    /// What a server may allow for clocks that differ (60 s: what most libraries are set to).
    pub leeway_s: u32,
    /// Up to this it is low: a leeway that somebody chose too wide, and no check that is missing (300 s: the widest
    /// default there is).
    pub lenient_s: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { tokens: 3, again_after_h: 24, leeway_s: 60, lenient_s: 300 }
    }
}

/// JWT-05.
pub static RULE: Rule = Rule {
    id: "JWT-05",
    name: "expired_jwt_accepted",
    title: "Expired or not-yet-valid token accepted",
    severity: Severity::High,
    scope: Scope::Endpoint,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Endpoint,
    order_free: false,
    mitre: &["T1550.001"],
    owasp: &["API2:2023"],
    response: "check exp and nbf on every request, with a leeway of a minute at most",
};

/// Tokens out of their time, by route.
#[derive(Debug)]
pub struct State {
    leeway_s: i64,
    lenient_s: i64,
    limit: Limit,
    guarded: Guarded,
    routes: Keyed<Endpoint, Route>,
}

#[derive(Debug, Default)]
struct Route {
    tokens: Window<Overdue>,
    told: Option<(EventTime, Severity)>,
    samples: Samples,
}

saved!(Route { tokens, told, samples });

named! {
    /// How a token is out of its time.
    Kind {
        /// It is over.
        Expired => "expired",
        /// It has not begun.
        Early => "early",
    }
}

/// One token out of its time.
#[derive(Clone, Copy, Debug)]
struct Overdue {
    token: Fingerprint,
    kind: Kind,
    /// Seconds beyond its end, or before its begin, at least.
    by_s: i64,
}

saved!(Overdue { token, kind, by_s });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let within_s = thresholds.again_after_h.saturating_mul(3600);
        let limit = Limit::new(thresholds.tokens, within_s);
        Self {
            leeway_s: i64::from(thresholds.leeway_s),
            lenient_s: i64::from(thresholds.lenient_s),
            limit,
            guarded: Keyed::new(limits.keys_per_table_max, limit.within),
            routes: Keyed::new(limits.keys_per_table_max, limit.within),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::JWT_OR_DENIED
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        note_refusal(&mut self.guarded, tx, findings);
        let Some(jwt) = &tx.jwt else { return };
        let Some((kind, by_s)) = overdue(tx, jwt).filter(|&(_, by_s)| by_s > self.leeway_s) else { return };
        let (Some(token), Some(endpoint)) = (accepted_token(tx), tx.endpoint()) else { return };
        if !is_guarded(&mut self.guarded, &endpoint, tx.end, self.limit.within) {
            return;
        }
        let route = self.routes.entry(&endpoint, tx.end);
        let overdue = Overdue { token: token.fingerprint, kind, by_s };
        if !route.note(tx, overdue, self.limit) {
            return;
        }
        let severity = if route.worst_s() > self.lenient_s { RULE.severity } else { Severity::Low };
        let known = |&(at, told): &(EventTime, _)| tx.end.since(at) < self.limit.within && told >= severity;
        if route.told.as_ref().is_some_and(known) {
            return;
        }
        route.told = Some((tx.end, severity));
        let Endpoint { method, host, route: path, .. } = &endpoint;
        let crossing = Crossing {
            about: About::Endpoint { method, host, route: path, part: "" },
            severity,
            first: route.tokens.first().unwrap_or(tx.end),
            fresh: route.tokens.take_fresh(),
            window: Some(self.limit.within),
        };
        findings.raise(&crossing, || finding(tx, &endpoint, route, overdue, self.limit));
    }

    tables!(guarded, routes);
}

impl Route {
    /// Takes a token that was not seen here before, and says whether there are enough to speak of.
    fn note(&mut self, tx: &Transaction, overdue: Overdue, limit: Limit) -> bool {
        if self.tokens.iter().any(|known| known.token == overdue.token) {
            return false;
        }
        self.samples.push(
            tx,
            match overdue.kind {
                Kind::Expired => "accepted after its end",
                Kind::Early => "accepted before its begin",
            },
        );
        self.tokens.push(tx.end, overdue, limit)
    }

    /// How far the worst of them is out of its time.
    fn worst_s(&self) -> i64 {
        self.tokens.iter().map(|token| token.by_s).max().unwrap_or(0)
    }
}

/// How a token is out of its time, and by how many seconds at least, by the server's clock as far as it is known.
fn overdue(tx: &Transaction, jwt: &Jwt) -> Option<(Kind, i64)> {
    const NANOS_PER_S: i64 = 1_000_000_000;
    let skew = Skew::of(tx);
    let ahead_s = skew.map_or(0, |skew| skew.least.div_euclid(NANOS_PER_S));
    let expired = jwt.expires_in_s.map(|in_s| (Kind::Expired, ahead_s.saturating_sub(in_s)));
    if let Some((_, 1..)) = expired {
        return expired;
    }
    let ahead_s = skew.map_or(0, |skew| skew.most.saturating_add(NANOS_PER_S - 1).div_euclid(NANOS_PER_S));
    jwt.valid_in_s.map(|in_s| (Kind::Early, in_s.saturating_sub(ahead_s)))
}

fn finding(tx: &Transaction, endpoint: &Endpoint, route: &Route, last: Overdue, limit: Limit) -> Finding {
    let tokens = Several(route.tokens.count(), "token");
    let span = Span(route.tokens.span());
    let place = format!("{endpoint} at {}", endpoint.host);
    let beyond = Span(Duration::from_secs(last.by_s.unsigned_abs()));
    let told = match last.kind {
        Kind::Expired => format!("the last one {beyond} after its end"),
        Kind::Early => format!("the last one {beyond} before its begin"),
    };
    Finding {
        count: route.tokens.count(),
        threshold: limit.count,
        evidence: route.samples.evidence(),
        doubts: route.samples.doubts(),
        facts: vec![
            ("kind", Fact::Text(last.kind.name().into())),
            ("overdue_s", Fact::Count(route.worst_s().unsigned_abs())),
            ("by_servers_clock", Fact::Flag(Skew::of(tx).is_some())),
        ],
        ..Finding::of(tx, format!("{tokens} out of their time accepted on {place} in {span}, {told}"), "")
    }
}

#[cfg(test)]
mod tests;
