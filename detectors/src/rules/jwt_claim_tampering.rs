//! # Claim tampering
//!
//! ## What it sees
//!
//! A JWT whose text was changed after it was signed: its signature was seen under another text, or its `jti` was seen
//! with another subject or other scopes.
//!
//! ## Why it matters
//!
//! Somebody tries to be another account, or to have more rights. A server that accepts such a token checks no
//! signature: everybody is everybody there.
//!
//! ## How it decides
//!
//! One token fires. Severity is high, critical when the server accepted it. A token that its issuer handed out, and
//! one whose signature is right for a known key, is never the changed one. Two tokens that were both accepted may
//! share a `jti`, and a short or counted `jti` tells nothing. All tokens of one client are one episode.
//!
//! ## Benign look-alikes
//!
//! Tokens that several issuers sign with one `jti` (they are told apart by issuer), a refresh token with the `jti` of
//! its access token. When only the changed token comes first and the true one later, the true one looks changed
//! unless it was handed out in sight or its key is known.
//!
//! ## Tuning
//!
//! Nothing to set. Name the issuer's keys in `[[identity.jwt.keys]]` so that true tokens are known to be true.
//! Facts: `alg`, `iss`, `accepted`, `variants`.
//!
//! ## References
//!
//! MITRE ATT&CK T1606; OWASP API2:2023, API5:2023; RFC 7515 section 5.2; RFC 8725 section 3.3.

use super::forgery::{self, Sources, TOGETHER};
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{Detector, Facts, Findings, Grouping, Maturity, Rule, tables};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::transaction::Transaction;
use serde::{Deserialize, Serialize};

/// When it fires: always.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {}

/// JWT-08.
pub static RULE: Rule = Rule {
    id: "JWT-08",
    name: "jwt_claim_tampering",
    title: "Claim tampering",
    severity: Severity::High,
    scope: Scope::Client,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Client,
    order_free: true,
    mitre: &["T1606"],
    owasp: &["API2:2023", "API5:2023"],
    response: "check the signature before any claim is read; if accepted, treat every account as open",
};

/// Changed tokens by issuer and client.
#[derive(Debug)]
pub struct State {
    sources: Sources,
}

impl State {
    pub(super) fn new(_: &Thresholds, limits: &Limits) -> Self {
        Self { sources: Keyed::new(limits.keys_per_table_max, TOGETHER.within) }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::JWT
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(jwt) = tx.jwt.as_ref().filter(|jwt| jwt.tampered) else { return };
        let severity = if tx.succeeded() { Severity::Critical } else { RULE.severity };
        let issuer = forgery::issuer(tx, jwt);
        let note = "changed after it was signed";
        let attempts = forgery::note(&mut self.sources, tx, issuer.clone(), jwt.alg.clone(), note, TOGETHER);
        attempts.raise(tx, severity, TOGETHER, findings, |attempts| {
            let (ip, answer) = (tx.client.ip, forgery::answer(tx));
            let tally = attempts.tally();
            let facts = vec![("alg", Fact::Text(jwt.alg.clone())), ("iss", Fact::Text(issuer.clone()))];
            (format!("token of {issuer} from {ip} was changed after it was signed, {answer}{tally}"), facts)
        });
    }

    tables!(sources);
}

#[cfg(test)]
mod tests {
    use crate::story::check;
    use expect_test::expect;

    #[test]
    fn one_token_is_enough_and_acceptance_makes_it_worse() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 401 jwt=RS256 iss=idp.example tampered
             10:00:10 203.0.113.1 -> use GET /me 200 user=root jwt=RS256 iss=idp.example tampered
             10:30:00 203.0.113.2 -> use GET /me - jwt=RS256 tampered",
            expect![[r#"
                10:00:00.000 JWT-08 jwt_claim_tampering high 203.0.113.1: token of idp.example from 203.0.113.1 was changed after it was signed, refused with 401 on GET /me
                10:00:10.000 JWT-08 jwt_claim_tampering critical (update) 203.0.113.1: token of idp.example from 203.0.113.1 was changed after it was signed, accepted on GET /me; 2 such tokens in 10 s
                10:30:00.000 JWT-08 jwt_claim_tampering high 203.0.113.2: token of api.example.com from 203.0.113.2 was changed after it was signed, no answer seen on GET /me
            "#]],
        );
    }

    #[test]
    fn a_token_as_it_was_signed() {
        check("10:00:00 203.0.113.1 -> use GET /me 200 user=ann jwt=RS256 iss=idp.example x5", expect![""]);
    }

    #[test]
    fn attempts_that_go_on_are_one_episode() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 401 jwt=RS256 iss=idp.example tampered x7 every 59s",
            expect![[r#"
                10:00:00.000 JWT-08 jwt_claim_tampering high 203.0.113.1: token of idp.example from 203.0.113.1 was changed after it was signed, refused with 401 on GET /me
                10:05:54.000 JWT-08 jwt_claim_tampering high (update) 203.0.113.1: token of idp.example from 203.0.113.1 was changed after it was signed, refused with 401 on GET /me; 7 such tokens in 354 s
            "#]],
        );
    }
}
