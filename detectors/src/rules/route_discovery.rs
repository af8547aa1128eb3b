//! # Route discovery
//!
//! ## What it sees
//!
//! One client that asks for many routes which are not there, or not for it: word lists, fuzzing, forgotten backups.
//!
//! ## Why it matters
//!
//! Whoever looks for what nobody told them of finds what nobody watches: old versions, admin pages, debug endpoints. It
//! comes before the attack, and is loud.
//!
//! ## How it decides
//!
//! It counts by client, in ten minutes, requests that the server answered with 404 or 405 (not there) or 403 (not for
//! you), and how many different routes they were for; ids in paths do not make another route. More than 500 such
//! requests for more than 250 routes fire. So do 100 requests of any kind, from the first one turned away on, of which
//! more than 60 % found nothing there, if these were for more than 30 different routes. Severity is low, medium when most of these requests came with
//! somebody's name. What counts through the ids of one route is `object_enumeration`.
//!
//! The first form counts only what was turned away, where others count every path: 200 people behind one office address
//! read more than 250 different paths in ten minutes.
//!
//! ## Benign look-alikes
//!
//! Crawlers (they follow links, which lead somewhere), a release that lost a few routes (below 30), one that lost its
//! prefix (every client is told: suppress the rule until it is mended), your own scanner (suppress its address).
//!
//! ## Tuning
//!
//! Lower `requests` and `routes` where only your own programs call. Raise `missing_routes` where clients probe for
//! what may be there. Facts: `form` (`many` or `share`), `refused`, `routes`, `refused_pct`, `named_pct`.
//!
//! ## References
//!
//! MITRE ATT&CK T1595.003; OWASP API9:2023.

use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Samples, Several, Span,
    tables,
};
use crate::hash::Mark;
use crate::identity::PrincipalKind;
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::transaction::{Request, Transaction};
use crate::window::{Tally, Window};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// Requests of one client that are remembered at least; of more, the oldest go first.
const ASKED_MIN: usize = 1024;
/// What the routes of a host are called that are beyond its limit; their paths tell them apart.
const OTHER_ROUTE: &str = "/{other}";

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Requests turned away that must be exceeded (500: about one a second, held for the whole window).
    pub requests: u32,
    /// Different routes among them that must be exceeded (250: half of those requests; no client has so many dead links).
    pub routes: u32,
    /// The window they are counted in (600 s: short word lists are through by then).
    pub window_s: u32,
    /// The share of requests that found nothing there to exceed (60 %: links in programs rarely lead nowhere).
    pub missing_pct: u8,
    /// Requests of any kind that this share takes at least (100: of a few, most may go wrong).
    pub share_requests: u32,
    /// Different routes not there to exceed, for this share (30: a program that lost some routes asks for those few).
    pub missing_routes: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            requests: 500,
            routes: 250,
            window_s: 600,
            missing_pct: 60,
            share_requests: 100,
            missing_routes: 30,
        }
    }
}

/// ABU-04.
pub static RULE: Rule = Rule {
    id: "ABU-04",
    name: "route_discovery",
    title: "Route discovery",
    severity: Severity::Low,
    scope: Scope::Client,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Client,
    order_free: true,
    mitre: &["T1595.003"],
    owasp: &["API9:2023"],
    response: "block the client; look at what it found: its requests that succeeded",
};

/// Who asks for what is not there.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    within: Duration,
    kept: usize,
    clients: Keyed<IpAddr, Explorer>,
}

/// One client's requests, from the first that was turned away on.
#[derive(Debug, Default)]
struct Explorer {
    asked: Window<Asked>,
    /// The routes of those not there, and of all that were turned away.
    missing: Tally,
    refused: Tally,
    /// Of those turned away, the ones with somebody's name.
    named: u32,
    /// Those turned away that no episode has counted yet.
    fresh: u64,
    samples: Samples,
}

saved!(Explorer { asked, missing, refused, named, fresh, samples });

/// One request.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// A hash of host and route; 0 where the server had an answer.
    route: u64,
    is_missing: bool,
    is_named: bool,
}

saved!(Asked { route, is_missing, is_named });

/// How routes are looked for.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// Many requests turned away, for many routes.
    Many,
    /// Most requests find nothing.
    Share,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let within = Duration::from_secs(u64::from(thresholds.window_s));
        let needed = thresholds.requests.max(thresholds.share_requests).saturating_add(1);
        Self {
            within,
            kept: ASKED_MIN.max(needed as usize),
            clients: Keyed::new(limits.keys_per_table_max, within),
            thresholds: thresholds.clone(),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::CALL
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let (Some(request), Some(status)) = (&tx.request, tx.status()) else { return };
        let is_refused = matches!(status, 403..=405);
        let network = tx.client.network();
        let client = findings.client(&network);
        let explorer = if is_refused {
            self.clients.entry(client, tx.end)
        } else {
            // Who is never turned away is not remembered.
            let Some(explorer) = self.clients.get(client, tx.end) else { return };
            explorer
        };
        let asked = Asked {
            route: if is_refused { route_mark(request) } else { 0 },
            is_missing: matches!(status, 404 | 405),
            is_named: tx.principal.kind != PrincipalKind::Anonymous,
        };
        explorer.note(asked, tx, self.within, self.kept);
        if !is_refused {
            return;
        }
        let Some(form) = explorer.form(&self.thresholds) else { return };
        let crossing = Crossing {
            about: About::Client(network),
            severity: if explorer.is_named() { Severity::Medium } else { RULE.severity },
            first: explorer.asked.first().unwrap_or(tx.end),
            fresh: std::mem::take(&mut explorer.fresh),
            window: Some(self.within),
        };
        findings.raise(&crossing, || finding(tx, explorer, form, &self.thresholds));
    }

    tables!(clients);
}

impl Explorer {
    /// Notes one request and forgets those that left the window.
    fn note(&mut self, asked: Asked, tx: &Transaction, within: Duration, kept: usize) {
        while let Some(gone) = self.asked.pop_outside(tx.end, within) {
            self.drop(gone);
        }
        if self.refused.total() == 0 {
            self.samples.clear();
        }
        self.asked.insert(tx.end, asked);
        if asked.route != 0 {
            self.refused.add(asked.route);
            self.fresh = self.fresh.saturating_add(1);
            self.named = self.named.saturating_add(u32::from(asked.is_named));
            self.samples.push(tx, "turned away");
        }
        if asked.is_missing {
            self.missing.add(asked.route);
        }
        if let Some(gone) = self.asked.pop_beyond(kept) {
            self.drop(gone);
        }
    }

    fn drop(&mut self, gone: Asked) {
        if gone.route != 0 {
            self.refused.remove(gone.route);
            self.named = self.named.saturating_sub(u32::from(gone.is_named));
        }
        if gone.is_missing {
            self.missing.remove(gone.route);
        }
    }

    fn form(&self, limits: &Thresholds) -> Option<Form> {
        let exceeds = |count: u64, limit: u32| count > u64::from(limit);
        if exceeds(self.refused.total(), limits.requests) && exceeds(self.refused.distinct(), limits.routes) {
            return Some(Form::Many);
        }
        let share = self.missing.total() * 100 > self.asked.count() * u64::from(limits.missing_pct);
        (share
            && self.asked.count() >= u64::from(limits.share_requests)
            && exceeds(self.missing.distinct(), limits.missing_routes))
        .then_some(Form::Share)
    }

    /// Whether most of what was turned away came with somebody's name.
    fn is_named(&self) -> bool {
        u64::from(self.named) * 2 > self.refused.total()
    }
}

/// A hash of host and route, never zero.
fn route_mark(request: &Request) -> u64 {
    let route = if &*request.route == OTHER_ROUTE { &request.path } else { &request.route };
    Mark::default().and(request.host.as_bytes()).and(route.as_bytes()).number().max(1)
}

fn finding(tx: &Transaction, explorer: &Explorer, form: Form, limits: &Thresholds) -> Finding {
    let (asked, client) = (explorer.asked.count(), tx.client.ip);
    let span = Span(explorer.asked.span());
    let percent = |part: u64, whole: u64| part * 100 / whole.max(1);
    let (count, routes, threshold) = match form {
        Form::Many => (explorer.refused.total(), explorer.refused.distinct(), limits.requests),
        Form::Share => (explorer.missing.total(), explorer.missing.distinct(), limits.missing_routes),
    };
    let routes_named = Several(routes, "route");
    let message = match form {
        Form::Many => format!(
            "{count} requests of {client} for {routes_named} turned away in {span} (limit {} for {} in {} s)",
            limits.requests, limits.routes, limits.window_s,
        ),
        Form::Share => format!(
            "{count} of {asked} requests of {client} in {span} for {routes_named} that are not there (limit {} % for {} \
             in {} s)",
            limits.missing_pct, limits.missing_routes, limits.window_s,
        ),
    };
    let name = match form {
        Form::Many => "many",
        Form::Share => "share",
    };
    Finding {
        count,
        threshold: u64::from(threshold).saturating_add(1),
        principal: explorer.is_named().then(|| tx.principal.clone()),
        endpoint: None,
        credential: None,
        evidence: explorer.samples.evidence(),
        doubts: explorer.samples.doubts(),
        facts: vec![
            ("form", Fact::Text(name.into())),
            ("refused", Fact::Count(explorer.refused.total())),
            ("routes", Fact::Count(routes)),
            ("refused_pct", Fact::Count(percent(explorer.refused.total(), asked))),
            ("named_pct", Fact::Count(percent(u64::from(explorer.named), explorer.refused.total()))),
        ],
        ..Finding::of(tx, message, "turned away")
    }
}

#[cfg(test)]
mod tests {
    use crate::story::check;
    use expect_test::expect;

    #[test]
    fn a_word_list() {
        check(
            "10:00:00 203.0.113.7 -> use GET /w{1..300} 404 every 100ms",
            expect![[r#"
                10:00:09.900 ABU-04 route_discovery low 203.0.113.7: 100 of 100 requests of 203.0.113.7 in 9.9 s for 100 routes that are not there (limit 60 % for 30 in 600 s)
            "#]],
        );
    }

    #[test]
    fn a_word_list_among_as_much_ordinary_use() {
        check(
            "10:00:00 203.0.113.7 -> use GET /w{1..600} {404,403} every 100ms
             10:00:00.05 203.0.113.7 -> use GET /health 200 x600 every 100ms",
            expect![[r#"
                10:00:50.000 ABU-04 route_discovery low 203.0.113.7: 501 requests of 203.0.113.7 for 501 routes turned away in 50 s (limit 500 for 250 in 600 s)
            "#]],
        );
    }

    #[test]
    fn by_somebody_with_a_name() {
        check(
            "10:00:00 203.0.113.7 -> use GET /w{1..49} 404
             10:01:00 203.0.113.7 -> use GET /x{1..51} 405 user=ann session=s1 every 2s",
            expect![[r#"
                10:02:40.000 ABU-04 route_discovery medium 203.0.113.7: 100 of 100 requests of 203.0.113.7 in 160 s for 100 routes that are not there (limit 60 % for 30 in 600 s)
            "#]],
        );
    }

    #[test]
    fn beyond_the_routes_that_a_host_may_have_paths_tell_them_apart() {
        check(
            "10:00:00 203.0.113.7 -> use GET /w{1..100} 404 route=/{other} every 100ms",
            expect![[r#"
                10:00:05.000 EXF-03 object_enumeration medium 203.0.113.7: 51 objects asked for in 5 s by 203.0.113.7 on GET /{other}, ids 1 to 51: 0 % given, 100 % refused, 98 % in order (limit 50 in 300 s)
                10:00:09.900 ABU-04 route_discovery low 203.0.113.7: 100 of 100 requests of 203.0.113.7 in 9.9 s for 100 routes that are not there (limit 60 % for 30 in 600 s)
            "#]],
        );
    }

    #[test]
    fn ids_of_one_route_a_crawler_and_an_office() {
        check(
            "10:00:00 203.0.113.7 -> use GET /pages/{1..600} 404 route=/pages/{id} every 100ms
             11:00:00 203.0.113.8 -> use GET /page{1..900} 200 every 100ms
             11:00:00.05 203.0.113.8 -> use GET /dead{1..90} 404 every 1s
             12:00:00 203.0.113.9 -> use GET /v2/part{1..30} 404 x9 every 100ms
             13:00:00 203.0.113.10 -> use GET /w{1..99} 404 every 100ms
             14:00:00 203.0.113.{1..9} -> use GET /w{1..600} 404 every 100ms
             15:00:00 203.0.113.20 -> use GET /w{1..600} 401 every 100ms
             16:00:00 203.0.113.21 -> use GET /w{1..600} - every 100ms
             17:00:00 203.0.113.22 -> use GET /w{1..600} 404 repeat every 100ms",
            expect![[r#"
                10:00:05.000 EXF-03 object_enumeration medium 203.0.113.7: 51 objects asked for in 5 s by 203.0.113.7 on GET /pages/{id}, ids 1 to 51: 0 % given, 100 % refused, 98 % in order (limit 50 in 300 s)
                10:00:50.900 EXF-03 object_enumeration medium (update) 203.0.113.7: 510 objects asked for in 50.9 s by 203.0.113.7 on GET /pages/{id}, ids 1 to 510: 0 % given, 100 % refused, 99 % in order (limit 50 in 300 s)
            "#]],
        );
    }

    #[test]
    fn it_ends_and_begins_anew() {
        check(
            "10:00:00 203.0.113.7 -> use GET /w{1..99} 404 every 1s
             10:10:00 203.0.113.7 -> use GET /w0 404
             10:30:00 203.0.113.7 -> use GET /w{1..100} 404 every 1s",
            expect![[r#"
                10:10:00.000 ABU-04 route_discovery low 203.0.113.7: 100 of 100 requests of 203.0.113.7 in 600 s for 100 routes that are not there (limit 60 % for 30 in 600 s)
                10:31:39.000 ABU-04 route_discovery low 203.0.113.7: 100 of 100 requests of 203.0.113.7 in 99 s for 100 routes that are not there (limit 60 % for 30 in 600 s)
            "#]],
        );
    }
}
