//! # Logins batched in one request
//!
//! ## What it sees
//!
//! One GraphQL request that asks for several logins, second-factor checks or tokens at once, by aliases or as a batch.
//!
//! ## Why it matters
//!
//! Rate limits and lockouts count requests. A thousand codes in one request are one request to them, and 0.3 % of all
//! codes to whoever guesses: this is the first scenario of OWASP's API2.
//!
//! ## How it decides
//!
//! It counts the mutations in one request that prove somebody: logins, codes, tokens. Three or more fire.
//! Severity is high where the server worked through the request (a 2xx, whatever it says of each part), low where it
//! refused the request as a whole. Batches of other kinds (lists of calls in JSON, multipart) are not looked into.
//!
//! ## Benign look-alikes
//!
//! A test suite that logs several accounts in at once (suppress its address with a reason). Clients that gather calls
//! in batches do not gather logins: the calls behind one wait for its answer.
//!
//! ## Tuning
//!
//! `operations` where a front end really logs in to several back ends at once.
//! Facts: `auth_operations`, `operation`, `fields`.
//!
//! ## References
//!
//! MITRE ATT&CK T1110; OWASP API2:2023 scenario 1, API4:2023; GraphQL specification of October 2021, section 2.7.

use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, stateless,
};
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::transaction::{Graphql, Transaction};
use serde::{Deserialize, Serialize};

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Logins, codes and tokens in one request that fire (3: two may be a login and its code).
    pub operations: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { operations: 3 }
    }
}

/// ABU-03.
pub static RULE: Rule = Rule {
    id: "ABU-03",
    name: "auth_batching",
    title: "Logins batched in one request",
    severity: Severity::High,
    scope: Scope::Client,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Client,
    order_free: true,
    mitre: &["T1110"],
    owasp: &["API2:2023", "API4:2023"],
    response: "allow one login or code a request; count attempts, not requests",
};

/// Nothing is remembered: one request says it all.
#[derive(Debug)]
pub struct State {
    operations: u32,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, _: &Limits) -> Self {
        Self { operations: thresholds.operations.max(1) }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::GRAPHQL
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(graphql) = tx.request.as_ref().and_then(|request| request.graphql.as_ref()) else { return };
        if graphql.auth_operations < self.operations {
            return;
        }
        let worked_through = tx.status().is_some_and(|status| (200..300).contains(&status));
        let crossing = Crossing {
            about: About::Client(tx.client.network()),
            severity: if worked_through { RULE.severity } else { Severity::Low },
            first: tx.end,
            fresh: u64::from(graphql.auth_operations),
            window: None,
        };
        findings.raise(&crossing, || finding(tx, graphql, self.operations, worked_through));
    }

    stateless!();
}

fn finding(tx: &Transaction, graphql: &Graphql, limit: u32, worked_through: bool) -> Finding {
    let count = graphql.auth_operations;
    let answer = match (worked_through, tx.status()) {
        (true, _) => "the server worked through them",
        (false, Some(_)) => "the server refused the request",
        (false, None) => "no answer was seen",
    };
    let message = format!(
        "{count} logins, codes or tokens asked for in one request from {}, {answer} (limit {limit})",
        tx.client.ip
    );
    let operation = graphql.operation.iter().map(|name| ("operation", Fact::Text(name.clone())));
    let facts = [("auth_operations", Fact::Count(u64::from(count)))]
        .into_iter()
        .chain(operation)
        .chain([("fields", Fact::List(graphql.fields.clone()))]);
    Finding {
        count: u64::from(count),
        threshold: u64::from(limit),
        facts: facts.collect(),
        ..Finding::of(tx, message, "several proofs in one request")
    }
}

#[cfg(test)]
mod tests {
    use crate::story::check;
    use expect_test::expect;

    #[test]
    fn three_codes_in_one_request() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /graphql 401 user=ann auth_operations=3
             11:00:00 203.0.113.8 -> login POST /graphql 200 auth_operations=500
             12:00:00 203.0.113.9 -> login POST /graphql - auth_operations=3",
            expect![[r#"
                10:00:00.000 ABU-03 auth_batching low 203.0.113.7: 3 logins, codes or tokens asked for in one request from 203.0.113.7, the server refused the request (limit 3)
                11:00:00.000 ABU-03 auth_batching high 203.0.113.8: 500 logins, codes or tokens asked for in one request from 203.0.113.8, the server worked through them (limit 3)
                12:00:00.000 ABU-03 auth_batching low 203.0.113.9: 3 logins, codes or tokens asked for in one request from 203.0.113.9, no answer was seen (limit 3)
            "#]],
        );
    }

    #[test]
    fn a_login_and_its_code() {
        check("10:00:00 203.0.113.7 -> login POST /graphql 200 user=ann auth_operations=2 x5", expect![""]);
    }

    #[test]
    fn batches_go_on_and_the_second_sight_does_not_count() {
        check(
            "10:00:00 203.0.113.7 -> login POST /graphql 400 user=ann auth_operations=3 repeat
             10:00:01 203.0.113.7 -> login POST /graphql 400 user=ann auth_operations=4
             10:00:02 203.0.113.7 -> login POST /graphql 200 user=ann auth_operations=40",
            expect![[r#"
                10:00:01.000 ABU-03 auth_batching low 203.0.113.7: 4 logins, codes or tokens asked for in one request from 203.0.113.7, the server refused the request (limit 3)
                10:00:02.000 ABU-03 auth_batching high (update) 203.0.113.7: 40 logins, codes or tokens asked for in one request from 203.0.113.7, the server worked through them (limit 3); 44 in all since 2026-11-21T10:00:01Z
            "#]],
        );
    }
}
