//! # TOTP secret or provisioning URI exposed
//!
//! ## What it sees
//!
//! The secret of an authenticator app in an address, in an answer that enrols nobody, in one that crosses the outside
//! without TLS, or in an answer that shows it again.
//!
//! ## Why it matters
//!
//! Whoever has the secret makes the codes of all years to come, and nobody notices. It is to be shown once, to its owner,
//! when the factor is set up; a server that can show it again keeps it in a form that can be read, and stolen.
//!
//! ## How it decides
//!
//! A secret is the `secret` of an `otpauth:` address, or at least 16 letters of base 32 in a field that is called like a
//! secret, seed or one-time password. One occurrence fires: in a query string, where histories and logs keep it; in an
//! answer from outside without TLS; in the answer to a GET on a route that is for no factors, and in an answer with the
//! secrets of several factors, whatever it is for; and where the same secret is shown to another principal, or again more
//! than an hour after it was shown first. Severity is high. A route is told once in 24 hours for each.
//!
//! ## Benign look-alikes
//!
//! The answer that enrols a factor shows it by design, and again while its owner reloads the page. A route for factors
//! that nobody labelled counts as one where the call changes something. Plain HTTP behind a TLS terminator does not count.
//!
//! ## Tuning
//!
//! Label the routes that enrol factors (`factor`) where their paths do not say so. Raise `enrolment_s` where people take
//! their time. Facts: `fault` (`address`, `cleartext`, `elsewhere`, `several` or `again`), `fields`, `secrets`, and for
//! `again` `first_shown`. Neither the secret nor its fingerprint is told.
//!
//! ## References
//!
//! MITRE ATT&CK T1552, T1040; OWASP API2:2023, API3:2023; RFC 6238 section 5.1.

use super::credential_exposure::is_readable_outside;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Several, Span, tables,
};
use crate::hash::Mark;
use crate::identity::{Fingerprint, named};
use crate::keyed::Keyed;
use crate::label::{Label, Labels};
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Activity, Endpoint, ExposureKind, Request, Transaction};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// How long a secret is remembered after it was last shown.
const KEPT: Duration = Duration::from_hours(90 * 24);
/// Routes that are for factors, or for getting in, where enrolment may be forced.
const ENROLS: Labels = Labels::of(&[Label::Factor, Label::Mfa, Label::SignUp, Label::Login]);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// How long an enrolment may show its secret (3600 s: a page that is left open and loaded again).
    pub enrolment_s: u32,
    /// How soon a route is told again for the same (24 h: once a working day).
    pub again_after_h: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { enrolment_s: 3600, again_after_h: 24 }
    }
}

/// MFA-17.
pub static RULE: Rule = Rule {
    id: "MFA-17",
    name: "totp_secret_exposure",
    title: "TOTP secret or provisioning URI exposed",
    severity: Severity::High,
    scope: Scope::Endpoint,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    // The leg that exposes may be the second one seen.
    sees_repeats: true,
    lane: Lane::Tenant,
    order_free: true,
    mitre: &["T1552", "T1040"],
    owasp: &["API2:2023", "API3:2023"],
    response: "enrol the touched factors anew; show a secret once, under TLS, to nobody but its owner",
};

/// What was shown, and what was told.
#[derive(Debug)]
pub struct State {
    enrolment: Duration,
    again_after: Duration,
    secrets: Keyed<Fingerprint, Shown>,
    routes: Keyed<(Endpoint, Fault), Option<EventTime>>,
}

/// When a secret was shown first, and to whom.
#[derive(Debug, Default)]
struct Shown {
    first: EventTime,
    /// The principal, by hash.
    owner: u64,
}

saved!(Shown { first, owner });

named! {
    /// How a secret is laid open.
    Fault {
        /// In the query string.
        Address => "address",
        /// Across the outside without TLS.
        Cleartext => "cleartext",
        /// In an answer that is for something else.
        Elsewhere => "elsewhere",
        /// Several in one answer.
        Several => "several",
        /// Shown before.
        Again => "again",
    }
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let enrolment = Duration::from_secs(u64::from(thresholds.enrolment_s));
        let again_after = Duration::from_secs(u64::from(thresholds.again_after_h) * 3600);
        let keys = limits.keys_per_table_max;
        Self {
            enrolment,
            again_after,
            secrets: Keyed::new(keys, KEPT.max(enrolment.saturating_mul(2))),
            routes: Keyed::new(keys, again_after),
        }
    }

    /// When a secret of the answer was shown first, if it should not be shown once more.
    fn shown_before(&mut self, tx: &Transaction) -> Option<EventTime> {
        let owner = Mark::of([tx.principal.kind.name(), &*tx.principal.id]);
        let mut before = None;
        for secret in shown(tx) {
            let known = self.secrets.entry(&secret, tx.end);
            if known.first == EventTime::ZERO {
                *known = Shown { first: tx.end, owner };
            }
            let is_anothers = tx.principal.is_user() && known.owner != owner;
            if is_anothers || tx.end.since(known.first) > self.enrolment {
                before = before.or(Some(known.first));
            }
        }
        before
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::FACTOR_SECRET
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let (Some(request), Some(endpoint)) = (&tx.request, tx.endpoint()) else { return };
        // The second sight of an exchange shows nothing for the second time, but it may be the one in clear text.
        let is_repeat = tx.repeat_of.is_some();
        let before = if is_repeat { None } else { self.shown_before(tx) };
        for fault in Fault::ALL.iter().copied() {
            let is_there = match fault {
                Fault::Address => tx.factor_secrets.iter().any(|one| one.kind == ExposureKind::Query),
                Fault::Cleartext => is_readable_outside(tx),
                Fault::Elsewhere => shown(tx).next().is_some() && !enrols(tx, request),
                Fault::Several => several(tx),
                Fault::Again => before.is_some(),
            };
            if !is_there || is_repeat && fault != Fault::Cleartext {
                continue;
            }
            let told = self.routes.entry(&(endpoint.clone(), fault), tx.end);
            if told.is_some_and(|told| tx.end.since(told) < self.again_after) {
                continue;
            }
            *told = Some(tx.end);
            let Endpoint { method, host, route } = &endpoint;
            let crossing = Crossing {
                about: About::Endpoint { method, host, route, part: fault.name() },
                severity: RULE.severity,
                first: tx.end,
                fresh: 1,
                window: None,
            };
            findings.raise(&crossing, || finding(tx, &endpoint, fault, before));
        }
    }

    tables!(secrets, routes);
}

/// The secrets in the answer.
fn shown(tx: &Transaction) -> impl Iterator<Item = Fingerprint> {
    let answered = tx.factor_secrets.iter().filter(|one| one.kind == ExposureKind::Response);
    answered.map(|one| one.fingerprint)
}

fn several(tx: &Transaction) -> bool {
    let first = shown(tx).next();
    shown(tx).any(|secret| Some(secret) != first)
}

/// Whether the answer may show a new factor's secret: a step about factors, or a call that changes something on a route
/// of which nobody knows what it is for.
fn enrols(tx: &Transaction, request: &Request) -> bool {
    let is_step = tx.mfa.is_some() || tx.login.is_some() || tx.activity == Activity::SignUp;
    let is_unknown = request.labels.is_empty() && !matches!(&*request.method, "GET" | "HEAD");
    is_step || is_unknown || request.labels.any(ENROLS)
}

fn finding(tx: &Transaction, endpoint: &Endpoint, fault: Fault, before: Option<EventTime>) -> Finding {
    let mut fields: Vec<Arc<str>> = Vec::new();
    for one in &tx.factor_secrets {
        if !fields.contains(&one.name) {
            fields.push(one.name.clone());
        }
    }
    let mut secrets: Vec<Fingerprint> = tx.factor_secrets.iter().map(|one| one.fingerprint).collect();
    secrets.sort_unstable();
    secrets.dedup();
    let count = secrets.len() as u64;
    let since = before.filter(|_| fault == Fault::Again);
    let place = format!("{endpoint} on {}", endpoint.host);
    let what = match (fault, since) {
        (Fault::Address, _) => format!("secret of a second factor in the query string of {place}"),
        (Fault::Cleartext, _) => format!("secret of a second factor sent without TLS by {place}"),
        (Fault::Elsewhere, _) => {
            format!("secret of a second factor in the answer of {place}, which enrols nobody")
        }
        (Fault::Several, _) => {
            format!("secrets of {} in one answer of {place}", Several(count, "second factor"))
        }
        (Fault::Again, Some(first)) => {
            let later = Span(tx.end.since(first));
            format!("secret of a second factor shown again by {place}, {later} after the first time")
        }
        (Fault::Again, None) => format!("secret of a second factor shown again by {place}"),
    };
    let message = format!("{what} ({})", fields.join(", "));
    let mut facts = vec![
        ("fault", Fact::Text(fault.name().into())),
        ("fields", Fact::List(fields)),
        ("secrets", Fact::Count(count)),
    ];
    facts.extend(since.map(|first| ("first_shown", Fact::Text(first.to_string().into()))));
    Finding { facts, ..Finding::of(tx, message, "held the secret of a second factor") }
}

#[cfg(test)]
mod tests {
    use crate::story::check;
    use expect_test::expect;

    #[test]
    fn one_occurrence_out_of_place_fires() {
        check(
            "10:00:00 203.0.113.7 -> use GET /qr 200 user=ann session=s1 totp=query:data:a1 x3
             10:01:00 203.0.113.7 -> use GET /users 200 user=ann session=s1 labels=users totp=response:seed:b1
             10:02:00 203.0.113.7 -> enrolment POST /totp 200 user=bob session=s2 plain totp=response:secret:c1
             10:03:00 203.0.113.7 -> enrolment POST /export 200 user=cat session=s3 totp=response:seed:d1 totp=response:seed:d2",
            expect![[r#"
                10:00:00.000 MFA-17 totp_secret_exposure high GET api.example.com /qr (address): secret of a second factor in the query string of GET /qr on api.example.com (data)
                10:01:00.000 MFA-17 totp_secret_exposure high GET api.example.com /users (elsewhere): secret of a second factor in the answer of GET /users on api.example.com, which enrols nobody (seed)
                10:02:00.000 MFA-17 totp_secret_exposure high POST api.example.com /totp (cleartext): secret of a second factor sent without TLS by POST /totp on api.example.com (secret)
                10:02:00.000 KEY-06 credential_exposure high api.example.com: credentials cross the network without TLS on api.example.com (first seen: session_cookie)
                10:03:00.000 MFA-17 totp_secret_exposure high POST api.example.com /export (several): secrets of 2 second factors in one answer of POST /export on api.example.com (seed)
            "#]],
        );
    }

    #[test]
    fn an_enrolment_shows_its_secret_and_shows_it_again_for_an_hour() {
        check(
            "10:00:00 203.0.113.7 -> enrolment POST /totp 200 user=ann session=s1 totp=response:secret:a1 totp=response:url:a1
             10:30:00 203.0.113.7 -> use GET /totp 200 user=ann session=s1 labels=factor totp=response:secret:a1
             11:00:00 203.0.113.7 -> use GET /totp 200 user=ann session=s1 labels=factor totp=response:secret:a1
             12:00:00 203.0.113.7 -> use POST /setup 200 user=bob session=s2 totp=response:secret:b1
             12:10:00 203.0.113.7 -> login POST /login 200 user=cat totp=response:secret:c1
             12:20:00 203.0.113.7 -> enrolment POST /totp 200 user=dan session=s4 plain via=10.0.0.2 totp=response:secret:d1",
            expect![[""]],
        );
    }

    #[test]
    fn what_was_shown_before_is_told() {
        check(
            "10:00:00 203.0.113.7 -> enrolment POST /totp 200 user=ann session=s1 totp=response:secret:a1
             11:00:00.000000001 203.0.113.7 -> use GET /totp 200 user=ann session=s1 labels=factor totp=response:secret:a1
             12:00:00 203.0.113.7 -> enrolment POST /totp 200 user=bob session=s2 totp=response:secret:b1
             12:00:01 203.0.113.8 -> enrolment POST /totp 200 user=cat session=s3 totp=response:secret:b1",
            expect![[r#"
                11:00:00.000 MFA-17 totp_secret_exposure high GET api.example.com /totp (again): secret of a second factor shown again by GET /totp on api.example.com, 3600 s after the first time (secret)
                12:00:01.000 MFA-17 totp_secret_exposure high POST api.example.com /totp (again): secret of a second factor shown again by POST /totp on api.example.com, 1 s after the first time (secret)
            "#]],
        );
    }

    #[test]
    fn a_second_sight_is_no_second_time_but_may_be_in_clear_text() {
        check(
            "10:00:00 203.0.113.1 -> enrolment POST /totp 200 user=ann session=s1 plain via=10.0.0.2 totp=response:secret:a1
             10:00:00.002 203.0.113.1 -> enrolment POST /totp 200 user=bob session=s1 totp=response:secret:a1 repeat
             10:00:00.003 203.0.113.1 -> enrolment POST /totp 200 user=ann session=s1 plain totp=response:secret:a1 repeat",
            expect![[r#"
                10:00:00.003 MFA-17 totp_secret_exposure high POST api.example.com /totp (cleartext): secret of a second factor sent without TLS by POST /totp on api.example.com (secret)
                10:00:00.003 KEY-06 credential_exposure high api.example.com: credentials cross the network without TLS on api.example.com (first seen: session_cookie)
            "#]],
        );
    }
}
