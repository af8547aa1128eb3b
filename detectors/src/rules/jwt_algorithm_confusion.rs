//! # Algorithm confusion
//!
//! ## What it sees
//!
//! A JWT signed with a shared secret (HS256 and the like) where its issuer signs with a private key.
//!
//! ## Why it matters
//!
//! The public key is known to everybody. A server that lets the token choose the algorithm takes that key for a
//! shared secret, and whoever has the key writes tokens for any account.
//!
//! ## How it decides
//!
//! It is suspected when at least 20 tokens with this issuer and key id, accepted or handed out, were signed with a
//! private key and none with a shared secret before. It is proved when a public key of the issuer, seen or
//! configured, taken as a secret in one of the usual spellings (PEM, DER), gives exactly this signature. One token
//! fires. Severity is high, critical when it is proved and the server accepted it. All tokens of one client are one
//! episode.
//!
//! ## Benign look-alikes
//!
//! An issuer that moves to another algorithm takes a new key id with it. One that keeps the key id looks like this
//! once, and its tokens are accepted from many clients; they count as its way only while less than 20 others were
//! seen.
//!
//! ## Tuning
//!
//! Nothing to set. Name the issuer's keys in `[[identity.jwt.keys]]` for proof where they cross no wire that is seen.
//! Facts: `proof` (`suspected` or `proved`), `alg`, `accepted`, `variants`.
//!
//! ## References
//!
//! MITRE ATT&CK T1606; OWASP API2:2023; RFC 8725 sections 2.1 and 3.1.

use super::forgery::{self, Sources, TOGETHER};
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{Detector, Facts, Findings, Grouping, Maturity, Rule, tables};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::token::Confusion;
use crate::transaction::Transaction;
use serde::{Deserialize, Serialize};

/// When it fires: always.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {}

/// JWT-03.
pub static RULE: Rule = Rule {
    id: "JWT-03",
    name: "jwt_algorithm_confusion",
    title: "Algorithm confusion",
    severity: Severity::High,
    scope: Scope::Client,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Client,
    order_free: true,
    mitre: &["T1606"],
    owasp: &["API2:2023"],
    response: "pin the algorithm of each key in the server; if accepted, treat the account as taken over",
};

/// Confused tokens by issuer and client.
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
        let Some(jwt) = &tx.jwt else { return };
        let Some(confusion) = jwt.confusion else { return };
        let (severity, proof) = match confusion {
            Confusion::Proved if tx.succeeded() => {
                (Severity::Critical, "the issuer's public key is its secret")
            }
            Confusion::Proved => (Severity::High, "the issuer's public key is its secret"),
            Confusion::Suspected => (Severity::High, "its issuer signs with a private key"),
        };
        let issuer = forgery::issuer(tx, jwt);
        let variant = confusion.name().into();
        let attempts = forgery::note(&mut self.sources, tx, issuer.clone(), variant, proof, TOGETHER);
        attempts.raise(tx, severity, TOGETHER, findings, |attempts| {
            let (ip, alg, answer) = (tx.client.ip, &jwt.alg, forgery::answer(tx));
            let tally = attempts.tally();
            let facts =
                vec![("proof", Fact::Text(confusion.name().into())), ("alg", Fact::Text(alg.clone()))];
            (format!("{alg} token of {issuer} from {ip}, but {proof}, {answer}{tally}"), facts)
        });
    }

    tables!(sources);
}

#[cfg(test)]
mod tests {
    use crate::story::check;
    use expect_test::expect;

    #[test]
    fn suspected_and_proved_refused_and_accepted() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 401 jwt=HS256 iss=idp.example confusion=suspected
             10:20:00 203.0.113.2 -> use GET /me 200 user=ann jwt=HS256 iss=idp.example confusion=suspected
             10:40:00 203.0.113.3 -> use GET /me 401 jwt=HS256 iss=idp.example confusion=proved
             11:00:00 203.0.113.4 -> use GET /me 200 user=ann jwt=HS256 confusion=proved",
            expect![[r#"
                10:00:00.000 JWT-03 jwt_algorithm_confusion high 203.0.113.1: HS256 token of idp.example from 203.0.113.1, but its issuer signs with a private key, refused with 401 on GET /me
                10:20:00.000 JWT-03 jwt_algorithm_confusion high 203.0.113.2: HS256 token of idp.example from 203.0.113.2, but its issuer signs with a private key, accepted on GET /me
                10:40:00.000 JWT-03 jwt_algorithm_confusion high 203.0.113.3: HS256 token of idp.example from 203.0.113.3, but the issuer's public key is its secret, refused with 401 on GET /me
                11:00:00.000 JWT-03 jwt_algorithm_confusion critical 203.0.113.4: HS256 token of api.example.com from 203.0.113.4, but the issuer's public key is its secret, accepted on GET /me
            "#]],
        );
    }

    #[test]
    fn an_issuer_that_shares_a_secret() {
        check("10:00:00 203.0.113.1 -> use GET /me 200 user=ann jwt=HS256 iss=idp.example x30", expect![""]);
    }

    #[test]
    fn the_tokens_of_one_client_are_one_episode_that_gets_worse() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 401 jwt=HS256 iss=idp.example confusion=proved x5
             10:05:00 203.0.113.1 -> use GET /me 200 user=ann jwt=HS256 iss=idp.example confusion=proved",
            expect![[r#"
                10:00:00.000 JWT-03 jwt_algorithm_confusion high 203.0.113.1: HS256 token of idp.example from 203.0.113.1, but the issuer's public key is its secret, refused with 401 on GET /me
                10:05:00.000 JWT-03 jwt_algorithm_confusion critical (update) 203.0.113.1: HS256 token of idp.example from 203.0.113.1, but the issuer's public key is its secret, accepted on GET /me; 6 such tokens in 300 s
            "#]],
        );
    }
}
