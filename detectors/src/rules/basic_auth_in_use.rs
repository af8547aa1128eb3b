//! # Basic authentication in use
//!
//! ## What it sees
//!
//! `Authorization: Basic` on an API.
//!
//! ## Why it matters
//!
//! Basic sends the password itself with every request, never expires and never asks for a second factor.
//!
//! ## How it decides
//!
//! Any use fires, once a host in seven days, and again at once when something worse is seen. Severity is low when
//! accepted, high when accepted over plain HTTP from outside, medium when it lets an account in that has a second
//! factor enrolled, and info when refused: the password crossed the wire all the same.
//!
//! ## Benign look-alikes
//!
//! A client secret sent as Basic to a token endpoint is OAuth's own way (RFC 6749 section 2.3.1) and is no Basic
//! credential here. Old monitoring probes: suppress the host until they are replaced.
//!
//! ## Tuning
//!
//! `again_after_days` is how often a standing weakness is told again. Facts: `accepted`, `plain_http`,
//! `account_has_mfa`.
//!
//! ## References
//!
//! MITRE ATT&CK T1552, T1040; OWASP API2:2023; RFC 7617 section 4.

use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, tables,
};
use crate::identity::CredentialKind;
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Outcome, Transaction};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// How soon the same host is told again (7 d: a standing weakness is a weekly matter).
    pub again_after_days: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { again_after_days: 7 }
    }
}

/// POS-01.
pub static RULE: Rule = Rule {
    id: "POS-01",
    name: "basic_auth_in_use",
    title: "Basic authentication in use",
    severity: Severity::Low,
    scope: Scope::Service,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    // The leg without TLS may be the second one seen.
    sees_repeats: true,
    lane: Lane::Services,
    order_free: true,
    mitre: &["T1552", "T1040"],
    owasp: &["API2:2023"],
    response: "replace Basic by short-lived tokens; ask for the second factor on every way in",
};

/// What was told about each host.
#[derive(Debug)]
pub struct State {
    again_after: Duration,
    hosts: Keyed<Arc<str>, Told>,
}

#[derive(Debug, Default)]
struct Told(Option<(EventTime, Severity)>);

saved!(Told { 0 });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let again_after = Duration::from_secs(u64::from(thresholds.again_after_days) * 86_400);
        Self { again_after, hosts: Keyed::new(limits.keys_per_table_max, again_after) }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::BASIC
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(request) = &tx.request else { return };
        let is_basic = |kind: CredentialKind| kind == CredentialKind::Basic;
        if !tx.credentials.iter().any(|credential| is_basic(credential.kind)) {
            return;
        }
        let severity = severity(tx);
        let told = self.hosts.entry_again(&request.host, tx.end);
        if !told.is_news(tx.end, severity, self.again_after) {
            return;
        }
        let about = About::Service(&request.host);
        let crossing = Crossing { about, severity, first: tx.end, fresh: 1, window: None };
        findings.raise(&crossing, || finding(tx, &request.host));
    }

    tables!(hosts);
}

impl Told {
    fn is_news(&mut self, now: EventTime, severity: Severity, again_after: Duration) -> bool {
        let is_news = self.0.is_none_or(|(told, worst)| severity > worst || now.since(told) >= again_after);
        if is_news {
            self.0 = Some((now, severity));
        }
        is_news
    }
}

fn severity(tx: &Transaction) -> Severity {
    if tx.outcome != Outcome::Success {
        Severity::Info
    } else if is_plain_from_outside(tx) {
        Severity::High
    } else if tx.proof.account_has_mfa {
        Severity::Medium
    } else {
        Severity::Low
    }
}

fn is_plain_from_outside(tx: &Transaction) -> bool {
    !tx.flow.tls && tx.client.external && tx.flow.src.ip() == tx.client.ip
}

fn finding(tx: &Transaction, host: &str) -> Finding {
    let accepted = tx.succeeded();
    let mut message = format!(
        "Basic authentication {} on {host} for {}",
        if accepted { "accepted" } else { "tried" },
        tx.principal.id
    );
    for (holds, words) in [
        (is_plain_from_outside(tx), ", without TLS from outside"),
        (accepted && tx.proof.account_has_mfa, ", past the account's second factor"),
    ] {
        message.push_str(if holds { words } else { "" });
    }
    let basic = tx.credentials.iter().find(|credential| credential.kind == CredentialKind::Basic);
    Finding {
        credential: basic.cloned(),
        facts: vec![
            ("accepted", Fact::Flag(accepted)),
            ("plain_http", Fact::Flag(!tx.flow.tls)),
            ("account_has_mfa", Fact::Flag(tx.proof.account_has_mfa)),
        ],
        ..Finding::of(tx, message, if accepted { "Basic accepted" } else { "Basic refused" })
    }
}

#[cfg(test)]
mod tests {
    use crate::story::check;
    use expect_test::expect;

    #[test]
    fn once_a_host_and_week_but_worse_at_once() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 401 user=ann basic
             10:00:10 203.0.113.1 -> use GET /me 200 user=ann basic x3 every 1m
             12:00:00 203.0.113.1 -> use GET /me 200 user=bob basic has_mfa
             7d+11:59:59 203.0.113.1 -> use GET /me 200 user=bob basic has_mfa
             7d+12:00:00 203.0.113.1 -> use GET /me 200 user=bob basic has_mfa",
            expect![[r#"
                10:00:00.000 POS-01 basic_auth_in_use info api.example.com: Basic authentication tried on api.example.com for ann
                10:00:10.000 POS-01 basic_auth_in_use low api.example.com: Basic authentication accepted on api.example.com for ann
                12:00:00.000 POS-01 basic_auth_in_use medium api.example.com: Basic authentication accepted on api.example.com for bob, past the account's second factor
                12:00:00.000 POS-01 basic_auth_in_use medium api.example.com: Basic authentication accepted on api.example.com for bob, past the account's second factor
            "#]],
        );
    }

    #[test]
    fn a_client_secret_at_a_token_endpoint_and_a_bearer_token() {
        check(
            "10:00:00 203.0.113.1 -> token POST /token 200 service=spa client_secret
             10:00:10 203.0.113.1 -> use GET /me 200 user=ann bearer=t1",
            expect![""],
        );
    }

    #[test]
    fn plain_http_from_outside_is_high() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 200 user=ann basic has_mfa plain",
            expect![[r#"
                10:00:00.000 KEY-06 credential_exposure high api.example.com: credentials cross the network without TLS on api.example.com (first seen: basic)
                10:00:00.000 POS-01 basic_auth_in_use high api.example.com: Basic authentication accepted on api.example.com for ann, without TLS from outside, past the account's second factor
            "#]],
        );
    }
}
