//! # Credential exposed in transit
//!
//! ## What it sees
//!
//! A token or key in a URL or a `Referer`, a known kind of static key in an answer, and any credential that an
//! external client sends without TLS.
//!
//! ## Why it matters
//!
//! URLs end up in histories, logs and analytics; clear text is read by everybody on the way. A credential seen there
//! must be taken as known to others.
//!
//! ## How it decides
//!
//! One occurrence fires. Out-of-place secrets are told once in 24 hours for each host, route and class, with the
//! principal and client of that request; clear text once in 24 hours for each service, about the service alone,
//! because there it concerns everybody. Severity is medium, high for clear text from outside and for secrets that
//! cross the network that way. A request that comes through a trusted proxy on an internal leg is not external.
//!
//! ## Benign look-alikes
//!
//! Plain HTTP behind a TLS terminator (the leg's own source is internal and does not count), test services
//! (suppress the host).
//!
//! ## Tuning
//!
//! `again_after_h` is how often a standing weakness is told again. Turn off `cleartext` where plain HTTP is known.
//! Facts: `where`, `class`, `name`; for clear text `classes`.
//!
//! ## References
//!
//! MITRE ATT&CK T1552, T1040, T1528; OWASP API2:2023, API3:2023; RFC 6750 section 5.3.

use crate::alert::{Fact, Scope, Severity};
use crate::detector::{About, Crossing, Detector, Finding, Findings, Grouping, Maturity, Rule, tables};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Activity, Completeness, Exposure, ExposureKind, Request, Transaction};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// How soon the same weakness is told again (24 h: once a working day).
    pub again_after_h: u32,
    /// Whether credentials without TLS are told (yes: they are readable on the way).
    pub cleartext: bool,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { again_after_h: 24, cleartext: true }
    }
}

/// KEY-06.
pub static RULE: Rule = Rule {
    id: "KEY-06",
    name: "credential_exposure",
    title: "Credential exposed in transit",
    severity: Severity::Medium,
    scope: Scope::Endpoint,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    // The leg that exposes may be the second one seen.
    sees_repeats: true,
    lane: Lane::Services,
    order_free: true,
    mitre: &["T1552", "T1040", "T1528"],
    owasp: &["API2:2023", "API3:2023"],
    response: "move the credential to a header under TLS 1.3; rotate what was exposed",
};

/// What was told, and when.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    again_after: Duration,
    services: Keyed<Arc<str>, Told>,
    routes: Keyed<Weakness, Told>,
}

#[derive(Debug, Default)]
struct Told(Option<EventTime>);

saved!(Told { 0 });

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Weakness {
    host: Arc<str>,
    route: Arc<str>,
    class: &'static str,
}

saved!(Weakness { host, route, class });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let again_after = Duration::from_secs(u64::from(thresholds.again_after_h) * 3600);
        let keys = limits.keys_per_table_max;
        Self {
            thresholds: thresholds.clone(),
            again_after,
            services: Keyed::new(keys, again_after),
            routes: Keyed::new(keys, again_after),
        }
    }

    fn observe_cleartext(&mut self, tx: &Transaction, request: &Request, findings: &mut Findings<'_>) {
        if request.host.is_empty() && tx.completeness == Completeness::Gap {
            // The host was not seen: of which service this is told cannot be said.
            return;
        }
        let told = self.services.entry_again(&request.host, tx.end);
        if !told.is_news(tx.end, self.again_after) {
            return;
        }
        let crossing = Crossing {
            about: About::Service(&request.host),
            severity: Severity::High,
            first: tx.end,
            fresh: 1,
            window: None,
        };
        findings.raise(&crossing, || cleartext(tx, request));
    }

    fn observe_exposure(
        &mut self,
        tx: &Transaction,
        request: &Request,
        exposure: &Exposure,
        findings: &mut Findings<'_>,
    ) {
        let weakness =
            Weakness { host: request.host.clone(), route: request.route.clone(), class: exposure.class };
        let told = self.routes.entry(&weakness, tx.end);
        if !told.is_news(tx.end, self.again_after) {
            return;
        }
        let about = About::Endpoint {
            method: &request.method,
            host: &request.host,
            route: &request.route,
            part: exposure.class,
        };
        let severity = if is_readable_outside(tx) { Severity::High } else { RULE.severity };
        let crossing = Crossing { about, severity, first: tx.end, fresh: 1, window: None };
        findings.raise(&crossing, || exposed(tx, request, exposure));
    }
}

impl Detector for State {
    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(request) = &tx.request else { return };
        if self.thresholds.cleartext && is_readable_outside(tx) && carries_credential(tx) {
            self.observe_cleartext(tx, request, findings);
        }
        for exposure in &tx.exposed {
            self.observe_exposure(tx, request, exposure, findings);
        }
    }

    tables!(services, routes);
}

impl Told {
    fn is_news(&mut self, now: EventTime, again_after: Duration) -> bool {
        let is_news = self.0.is_none_or(|told| now.since(told) >= again_after);
        if is_news {
            self.0 = Some(now);
        }
        is_news
    }
}

/// Whether this very leg crosses the outside without TLS: behind a terminator the leg's source is the proxy.
pub(super) fn is_readable_outside(tx: &Transaction) -> bool {
    let source = tx.flow.src.ip();
    !tx.flow.tls && tx.client.external && (source == tx.client.ip || !is_internal(source))
}

fn is_internal(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local(),
    }
}

/// A password counts as well: it crosses in the body of a login or a sign-up.
fn carries_credential(tx: &Transaction) -> bool {
    !tx.credentials.is_empty() || tx.login.is_some() || tx.activity == Activity::SignUp
}

fn cleartext(tx: &Transaction, request: &Request) -> Finding {
    let mut classes: Vec<Arc<str>> = Vec::new();
    for class in tx.credentials.iter().map(|credential| credential.class) {
        if !classes.iter().any(|known| **known == *class) {
            classes.push(class.into());
        }
    }
    if classes.is_empty() {
        classes.push("password".into());
    }
    let message = format!(
        "credentials cross the network without TLS on {} (first seen: {})",
        request.host,
        classes.join(", ")
    );
    Finding {
        principal: None,
        client: None,
        credential: None,
        facts: vec![("where", Fact::Text("cleartext".into())), ("classes", Fact::List(classes))],
        ..Finding::of(tx, message, "sent without TLS")
    }
}

fn exposed(tx: &Transaction, request: &Request, exposure: &Exposure) -> Finding {
    let (place, note) = match exposure.kind {
        ExposureKind::Query => ("in the query string", "secret in the query string"),
        ExposureKind::Path => ("in the path", "secret in the path"),
        ExposureKind::Referer => ("in a Referer header", "secret in a Referer header"),
        ExposureKind::Response => ("in an answer", "secret in the answer"),
    };
    let message =
        format!("{} {place} of {} {} on {}", exposure.class, request.method, request.route, request.host);
    let credential = tx.credentials.iter().find(|credential| credential.class == exposure.class).cloned();
    Finding {
        credential,
        facts: vec![
            ("where", Fact::Text(exposure.kind.name().into())),
            ("class", Fact::Text(exposure.class.into())),
            ("name", Fact::Text(exposure.name.clone())),
        ],
        ..Finding::of(tx, message, note)
    }
}

#[cfg(test)]
mod tests {
    use crate::story::check;
    use expect_test::expect;

    #[test]
    fn clear_text_is_told_once_a_service_and_day() {
        check(
            "10:00:00 203.0.113.{1..9} -> use GET /me 200 user=u{1..9} session=s{1..9} plain every 1s
             10:01:00 203.0.113.1 -> login POST /login 200 user=ann plain host=login.example.com
             1d+09:59:59 203.0.113.1 -> use GET /me 200 user=u1 session=s1 plain
             1d+10:00:00 203.0.113.1 -> use GET /me 200 user=u1 session=s1 plain",
            expect![[r#"
                10:00:00.000 KEY-06 credential_exposure high api.example.com: credentials cross the network without TLS on api.example.com (first seen: session_cookie)
                10:01:00.000 KEY-06 credential_exposure high login.example.com: credentials cross the network without TLS on login.example.com (first seen: password)
                10:00:00.000 KEY-06 credential_exposure high api.example.com: credentials cross the network without TLS on api.example.com (first seen: session_cookie)
            "#]],
        );
    }

    #[test]
    fn behind_a_terminator_from_inside_or_without_credential() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 200 user=ann session=s1 plain via=10.0.0.2
             10:00:01 10.0.0.9 -> use GET /me 200 user=ann session=s1 plain
             10:00:02 203.0.113.1 -> use GET /public 200 plain
             10:00:03 203.0.113.1 -> use GET /me 200 user=ann session=s1",
            expect![""],
        );
    }

    #[test]
    fn the_outer_leg_counts_even_as_a_repeat() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 200 user=ann session=s1 plain via=10.0.0.2
             10:00:00.002 203.0.113.1 -> use GET /me 200 user=ann session=s1 plain repeat",
            expect![[r#"
                10:00:00.002 KEY-06 credential_exposure high api.example.com: credentials cross the network without TLS on api.example.com (first seen: session_cookie)
            "#]],
        );
    }

    #[test]
    fn secrets_out_of_place_by_route_and_class() {
        check(
            "10:00:00 203.0.113.1 -> use GET /export 200 user=ann key=k1 exposed=query:api_key:api_key x3 every 1m
             10:10:00 203.0.113.1 -> use GET /export 200 user=ann exposed=query:jwt:access_token
             10:20:00 203.0.113.1 -> use GET /other 200 user=ann exposed=referer:jwt:access_token
             10:30:00 203.0.113.1 -> use GET /config 200 user=ann exposed=response:github_pat:token",
            expect![[r#"
                10:00:00.000 KEY-06 credential_exposure medium GET api.example.com /export (api_key): api_key in the query string of GET /export on api.example.com
                10:10:00.000 KEY-06 credential_exposure medium GET api.example.com /export (jwt): jwt in the query string of GET /export on api.example.com
                10:20:00.000 KEY-06 credential_exposure medium GET api.example.com /other (jwt): jwt in a Referer header of GET /other on api.example.com
                10:30:00.000 KEY-06 credential_exposure medium GET api.example.com /config (github_pat): github_pat in an answer of GET /config on api.example.com
            "#]],
        );
    }
}
