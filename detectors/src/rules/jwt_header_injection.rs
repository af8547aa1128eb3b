//! # Header injection
//!
//! ## What it sees
//!
//! A JWT whose header leads the server to a key of the sender's choice: a `kid` that walks through a file system or is
//! written for a query or command, a `jku` or `x5u` on a host that is not of the issuer's domain, or a `jwk` in the
//! header itself.
//!
//! ## Why it matters
//!
//! Whoever chooses the key signs any token. A `jku` also makes the server fetch what the sender wants.
//!
//! ## How it decides
//!
//! One token fires. Severity is medium, critical when the server accepted it. Silent are tokens whose signature is
//! right for a known key of their issuer, a `jku` or `x5u` in the issuer's own domain (`elsewhere` is not among the
//! header's traits), `x5c` and `crit` alone, which are lawful everywhere, and proofs of possession and attestations,
//! which bring a `jwk` by design. All tokens of one client at one host are one episode.
//!
//! ## Benign look-alikes
//!
//! Issuers that keep their keys with another company: suppress their clients, or name the keys in
//! `[[identity.jwt.keys]]`. A sender who writes the issuer as well can put both on a domain of its own; whether an
//! issuer is known is not asked here.
//!
//! ## Tuning
//!
//! Nothing to set. Facts: `header` (the traits of the header), `alg`, `accepted`, `variants`.
//!
//! ## References
//!
//! MITRE ATT&CK T1190, T1606; OWASP API2:2023, API7:2023, API10:2023; RFC 7515 section 4.1; RFC 8725 section 3.10.

use super::forgery::{self, Sources, TOGETHER};
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{Detector, Facts, Findings, Grouping, Maturity, Rule, tables};
use crate::identity::{Credential, CredentialKind, Location};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::token::{HeaderTrait, HeaderTraits, Jwt, SignatureCheck};
use crate::transaction::Transaction;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// When it fires: always.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {}

/// JWT-04.
pub static RULE: Rule = Rule {
    id: "JWT-04",
    name: "jwt_header_injection",
    title: "Header injection",
    severity: Severity::Medium,
    scope: Scope::Client,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Client,
    order_free: true,
    mitre: &["T1190", "T1606"],
    owasp: &["API2:2023", "API7:2023", "API10:2023"],
    response: "ignore keys and key addresses in token headers; look kid up in a fixed list",
};

/// Tokens with such headers by host and client.
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
        let Some(fault) = fault(tx, jwt) else { return };
        let severity = if tx.succeeded() { Severity::Critical } else { RULE.severity };
        let traits: Vec<Arc<str>> = jwt.header.iter().map(|header| header.name().into()).collect();
        let (host, variant) = (forgery::host(tx), traits.join(" ").into());
        let attempts = forgery::note(&mut self.sources, tx, host, variant, fault, TOGETHER);
        attempts.raise(tx, severity, TOGETHER, findings, |attempts| {
            let (ip, answer) = (tx.client.ip, forgery::answer(tx));
            let tally = attempts.tally();
            let facts = vec![("header", Fact::List(traits)), ("alg", Fact::Text(jwt.alg.clone()))];
            (format!("JWT {fault} from {ip}, {answer}{tally}"), facts)
        });
    }

    tables!(sources);
}

/// What is wrong with the header, in words; the worst where there is more. `None` for a header that leads nowhere.
fn fault(tx: &Transaction, jwt: &Jwt) -> Option<&'static str> {
    let has = |header| jwt.header.has(header);
    if jwt.header == HeaderTraits::NONE || jwt.check == SignatureCheck::Valid {
        None
    } else if has(HeaderTrait::KidPath) {
        Some("whose kid walks through files")
    } else if has(HeaderTrait::KidQuery) {
        Some("whose kid is written for a query or command")
    } else if has(HeaderTrait::Elsewhere) {
        Some("whose keys lie on a host of another domain")
    } else if has(HeaderTrait::Jwk) && !brings_key_by_design(tx, jwt) {
        Some("that brings its own key")
    } else {
        None
    }
}

/// Proofs of possession (RFC 9449, OpenID4VCI, SD-JWT key binding) and attestations show the key they are about. They
/// travel in bodies and headers of their own: a bearer token that calls itself one would like to be taken for it.
fn brings_key_by_design(tx: &Transaction, jwt: &Jwt) -> bool {
    let is_bearer = |c: &Credential| c.kind == CredentialKind::BearerJwt && c.location == Location::Header;
    if tx.credentials.iter().any(is_bearer) {
        return false;
    }
    let typ = jwt.typ.as_deref().unwrap_or_default().to_ascii_lowercase();
    typ.starts_with("dpop+") || typ.starts_with("kb+") || typ.contains("proof") || typ.contains("attestation")
}

#[cfg(test)]
mod tests {
    use crate::story::check;
    use expect_test::expect;

    #[test]
    fn each_way_to_a_key_of_ones_own() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 401 jwt=HS256 header=kid_path
             10:01:00 203.0.113.2 -> use GET /me 401 jwt=HS256 header=kid_query
             10:02:00 203.0.113.3 -> use GET /me 401 jwt=RS256 header=jku,elsewhere
             10:03:00 203.0.113.4 -> use GET /me 401 jwt=RS256 header=jwk
             10:04:00 203.0.113.5 -> use GET /me 200 user=root jwt=RS256 header=x5u,elsewhere check=key_unknown",
            expect![[r#"
                10:00:00.000 JWT-04 jwt_header_injection medium 203.0.113.1: JWT whose kid walks through files from 203.0.113.1, refused with 401 on GET /me
                10:01:00.000 JWT-04 jwt_header_injection medium 203.0.113.2: JWT whose kid is written for a query or command from 203.0.113.2, refused with 401 on GET /me
                10:02:00.000 JWT-04 jwt_header_injection medium 203.0.113.3: JWT whose keys lie on a host of another domain from 203.0.113.3, refused with 401 on GET /me
                10:03:00.000 JWT-04 jwt_header_injection medium 203.0.113.4: JWT that brings its own key from 203.0.113.4, refused with 401 on GET /me
                10:04:00.000 JWT-04 jwt_header_injection critical 203.0.113.5: JWT whose keys lie on a host of another domain from 203.0.113.5, accepted on GET /me
            "#]],
        );
    }

    #[test]
    fn what_issuers_do() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 200 user=ann jwt=RS256 header=jku
             10:01:00 203.0.113.1 -> use GET /me 200 user=ann jwt=RS256 header=x5c,x5u
             10:02:00 203.0.113.1 -> use GET /me 401 jwt=RS256 header=x5c,crit
             10:03:00 203.0.113.1 -> use GET /me 200 user=ann jwt=RS256 header=kid_query check=valid
             10:04:00 203.0.113.1 -> use GET /me 200 user=ann jwt=ES256 header=jwk typ=dpop+jwt in=json
             10:05:00 203.0.113.1 -> use GET /me 200 user=ann jwt=ES256 header=jwk typ=openid4vci-proof+jwt in=json
             10:06:00 203.0.113.1 -> use GET /me 200 user=ann jwt=RSA-OAEP parts=5 header=nested",
            expect![""],
        );
    }

    #[test]
    fn a_bearer_token_that_calls_itself_a_proof() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 200 user=ann jwt=ES256 header=jwk typ=dpop+jwt",
            expect![[r#"
                10:00:00.000 JWT-04 jwt_header_injection critical 203.0.113.1: JWT that brings its own key from 203.0.113.1, accepted on GET /me
            "#]],
        );
    }

    #[test]
    fn a_scan_is_one_episode_and_acceptance_makes_it_worse() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 401 jwt=HS256 header=kid_path x20 every 100ms
             10:00:05 203.0.113.1 -> use GET /me 401 jwt=HS256 header=kid_query x20 every 100ms
             10:00:10 203.0.113.1 -> use GET /me 200 user=root jwt=HS256 header=kid_query",
            expect![[r#"
                10:00:00.000 JWT-04 jwt_header_injection medium 203.0.113.1: JWT whose kid walks through files from 203.0.113.1, refused with 401 on GET /me
                10:00:00.900 JWT-04 jwt_header_injection medium (update) 203.0.113.1: JWT whose kid walks through files from 203.0.113.1, refused with 401 on GET /me; 10 such tokens in 0.9 s
                10:00:10.000 JWT-04 jwt_header_injection critical (update) 203.0.113.1: JWT whose kid is written for a query or command from 203.0.113.1, accepted on GET /me; 41 such tokens in 10 s
            "#]],
        );
    }
}
