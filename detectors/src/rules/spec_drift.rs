//! # Spec drift
//!
//! ## What it sees
//!
//! An API that does other things than its OpenAPI description says: operations that nobody declared, operations that
//! should be gone, parameters of which nothing is said, and answers without the proof that `security` wants.
//!
//! ## Why it matters
//!
//! A description is what an API was reviewed by. What it leaves out was never looked at, and where it says that a
//! credential is wanted everybody believes that one is checked.
//!
//! ## How it decides
//!
//! Only answers of 2xx prove anything; what was refused or not found never counts, and one answer is enough. Each kind is
//! told once for each method and path, and again after 24 hours if it goes on.
//!
//! | kind | what was answered | severity |
//! |---|---|---|
//! | `unsecured` | a call without any credential, where `security` wants one | high; critical where the answer holds personal data or a secret, or the route is privileged or sensitive; low for steps of getting in |
//! | `other_credential` | a call with a credential, but none of the declared ones | low |
//! | `shadow` | an operation that is not declared | medium; high where personal data went to a caller without a credential |
//! | `zombie` | an operation that is declared as `deprecated` | low |
//! | `parameter` | a request with a parameter of which nothing is said | low |
//!
//! Pages, style sheets, scripts, pictures and fonts are no operations; of one host at most 20 undeclared operations are
//! told in 24 hours, the table has them all. What is declared and never called is in the table alone.
//!
//! ## Benign look-alikes
//!
//! Mutual TLS that ends at a proxy (never missed), schemes the description does not explain (any credential counts), what
//! browsers and campaigns add to addresses, HEAD where GET is declared, preflights (OPTIONS).
//!
//! ## Tuning
//!
//! Needs `[openapi]`. Mend the description where the API is right; `--learn-openapi` writes what is missing. Raise
//! `undeclared_per_host` while a description is being written. Facts: `kind`, `declared` (the path), `wanted`, `presented`,
//! `names`, `data`.
//!
//! ## References
//!
//! MITRE ATT&CK T1190; OWASP API9:2023, API8:2023.

use super::keys;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Samples, Several, tables,
};
use crate::hash::StableHasher;
use crate::identity::named;
use crate::keyed::Keyed;
use crate::label::Labels;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::spec::{Comparison, Security, Standing, is_page};
use crate::time::EventTime;
use crate::transaction::{ExposureKind, Request, Transaction};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Names kept of one operation.
const NAMES_MAX: usize = 16;
/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// How soon the same is told again (24 h: a digest once a working day).
    pub again_after_h: u32,
    /// Undeclared operations of one host that are told in that time (20: a person reads no more; the table has them all).
    pub undeclared_per_host: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { again_after_h: 24, undeclared_per_host: 20 }
    }
}

/// POS-05.
pub static RULE: Rule = Rule {
    id: "POS-05",
    name: "spec_drift",
    title: "Spec drift",
    severity: Severity::High,
    scope: Scope::Endpoint,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Services,
    order_free: false,
    mitre: &["T1190"],
    owasp: &["API9:2023", "API8:2023"],
    response: "enforce what the description says, or take the operation away; else mend the description",
};

named! {
    /// How traffic differs from the description.
    Kind {
        /// A credential is wanted, and the answer went to a caller without any.
        Unsecured => "unsecured",
        /// A credential was taken that is not declared.
        OtherCredential => "other_credential",
        /// Nothing is said of the operation.
        Shadow => "shadow",
        /// The operation should be used no more.
        Zombie => "zombie",
        /// A parameter was taken of which nothing is said.
        Parameter => "parameter",
    }
}

/// What was told of each operation.
#[derive(Debug)]
pub struct State {
    again_after: Duration,
    undeclared_per_host: u32,
    /// By a hash of host, method, path and kind.
    operations: Keyed<u128, Operation>,
    hosts: Keyed<Arc<str>, Host>,
}

#[derive(Debug, Default)]
struct Operation {
    told_at: Option<EventTime>,
    /// Answers since it was told.
    answers: u64,
    names: BTreeSet<Arc<str>>,
    samples: Samples,
}

saved!(Operation { told_at, answers, names, samples });

/// Undeclared operations told of a host since a time.
#[derive(Debug, Default)]
struct Host {
    since: Option<EventTime>,
    told: u32,
}

saved!(Host { since, told });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let again_after = Duration::from_secs(u64::from(thresholds.again_after_h) * 3600);
        Self {
            again_after,
            undeclared_per_host: thresholds.undeclared_per_host,
            operations: Keyed::new(limits.keys_per_table_max, again_after.saturating_mul(2)),
            hosts: Keyed::new(limits.keys_per_table_max, again_after.saturating_mul(2)),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::DRIFT.and(Facts::SUCCESS)
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let (Some(request), Some(comparison)) = (&tx.request, &tx.spec) else { return };
        if !matches!(tx.status(), Some(200..=299)) {
            return;
        }
        for kind in kinds(comparison, tx) {
            self.see(kind, tx, request, comparison, findings);
        }
    }

    tables!(operations, hosts);
}

impl State {
    fn see(
        &mut self,
        kind: Kind,
        tx: &Transaction,
        request: &Request,
        comparison: &Comparison,
        findings: &mut Findings<'_>,
    ) {
        let Request { method, host, .. } = request;
        let path = path(request, comparison);
        let parts = [host.as_bytes(), method.as_bytes(), path.as_bytes(), kind.name().as_bytes()];
        let operation = self.operations.entry(&StableHasher::of_parts(&parts), tx.end);
        operation.answers = operation.answers.saturating_add(1);
        operation.samples.push(tx, note(kind));
        if kind == Kind::Parameter {
            let names =
                comparison.undocumented.iter().map(|(place, name)| format!("{name} ({place})").into());
            operation.names.extend(names.take(NAMES_MAX.saturating_sub(operation.names.len())));
        }
        if operation.told_at.is_some_and(|told| tx.end.since(told) < self.again_after) {
            return;
        }
        if kind == Kind::Shadow {
            let host = self.hosts.entry(host, tx.end);
            if !host.has_room(tx.end, self.again_after, self.undeclared_per_host) {
                return;
            }
        }
        operation.told_at = Some(tx.end);
        let about = About::Endpoint { method, host, route: path, part: kind.name() };
        let severity = severity(kind, tx, request);
        let crossing = Crossing { about, severity, first: tx.end, fresh: operation.answers, window: None };
        findings.raise(&crossing, || finding(kind, tx, request, comparison, operation));
        operation.answers = 0;
        operation.samples.clear();
    }
}

impl Host {
    fn has_room(&mut self, now: EventTime, again_after: Duration, limit: u32) -> bool {
        if self.since.is_none_or(|since| now.since(since) >= again_after) {
            *self = Self { since: Some(now), told: 0 };
        }
        self.told = self.told.saturating_add(1);
        self.told <= limit
    }
}

/// How this answer differs.
fn kinds(comparison: &Comparison, tx: &Transaction) -> impl Iterator<Item = Kind> + use<> {
    let is_shadow = comparison.standing.is_undeclared() && !is_page(tx);
    let holds = [
        comparison.security == Security::Missing,
        comparison.security == Security::Other,
        is_shadow,
        comparison.standing == Standing::Deprecated,
        !comparison.undocumented.is_empty(),
    ];
    Kind::ALL.iter().zip(holds).filter(|(_, holds)| *holds).map(|(kind, _)| *kind)
}

/// The declared path; where there is none, the learned route.
fn path<'a>(request: &'a Request, comparison: &'a Comparison) -> &'a str {
    comparison.path.as_deref().unwrap_or(&request.route)
}

fn severity(kind: Kind, tx: &Transaction, request: &Request) -> Severity {
    let is_weighty = holds_data(tx) || request.labels.any(Labels::PRIVILEGED.or(Labels::SENSITIVE));
    match kind {
        Kind::Unsecured if !keys::is_call(tx) => Severity::Low,
        Kind::Unsecured if is_weighty => Severity::Critical,
        Kind::Unsecured => Severity::High,
        Kind::Shadow if is_weighty && tx.credentials.is_empty() => Severity::High,
        Kind::Shadow => Severity::Medium,
        Kind::OtherCredential | Kind::Zombie | Kind::Parameter => Severity::Low,
    }
}

/// Whether the answer holds personal data or a secret.
fn holds_data(tx: &Transaction) -> bool {
    tx.contents.as_ref().is_some_and(|contents| !contents.classes.is_empty())
        || tx.exposed.iter().any(|exposure| exposure.kind == ExposureKind::Response)
}

fn note(kind: Kind) -> &'static str {
    match kind {
        Kind::Unsecured => "answered without the declared credential",
        Kind::OtherCredential => "answered to a credential that is not declared",
        Kind::Shadow => "answered, and not declared",
        Kind::Zombie => "answered, and declared as deprecated",
        Kind::Parameter => "answered with a parameter that is not declared",
    }
}

fn finding(
    kind: Kind,
    tx: &Transaction,
    request: &Request,
    comparison: &Comparison,
    operation: &Operation,
) -> Finding {
    let endpoint = format!("{} {}", request.method, path(request, comparison));
    let wanted = comparison.wanted.as_deref().unwrap_or("a credential");
    let presented: BTreeSet<&str> = tx.credentials.iter().map(|credential| credential.kind.name()).collect();
    let presented = presented.into_iter().collect::<Vec<_>>().join(" and ");
    let names: Vec<Arc<str>> = operation.names.iter().cloned().collect();
    let client = tx.client.ip;
    let mut message = match kind {
        Kind::Unsecured => {
            format!("{endpoint} answers {client} without a credential, where its description wants {wanted}")
        }
        Kind::OtherCredential => {
            let presented = if presented.is_empty() { "another proof" } else { &presented };
            format!("{endpoint} takes {presented}, where its description wants {wanted}")
        }
        Kind::Shadow if comparison.standing == Standing::UndeclaredMethod => {
            format!("{endpoint} is answered, and its path is declared without this method")
        }
        Kind::Shadow => format!("{endpoint} is answered, and no description declares it"),
        Kind::Zombie => format!("{endpoint} is declared as deprecated and is still answered"),
        Kind::Parameter => {
            format!("{endpoint} takes {}, of which its description says nothing", names.join(", "))
        }
    };
    if operation.answers > 1 {
        message.push_str(&format!(" ({} since this was told)", Several(operation.answers, "answer")));
    }
    let classes = tx.contents.iter().flat_map(|contents| &contents.classes);
    let data = classes.map(|class| class.name().into()).collect();
    Finding {
        count: operation.answers,
        evidence: operation.samples.evidence(),
        doubts: operation.samples.doubts(),
        facts: vec![
            ("kind", Fact::Text(kind.name().into())),
            ("declared", Fact::Text(comparison.path.as_deref().unwrap_or_default().into())),
            ("wanted", Fact::Text(comparison.wanted.as_deref().unwrap_or_default().into())),
            ("presented", Fact::Text(presented.as_str().into())),
            ("names", Fact::List(names)),
            ("data", Fact::List(data)),
        ],
        ..Finding::of(tx, message, note(kind))
    }
}

#[cfg(test)]
mod tests;
