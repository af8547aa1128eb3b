//! # Unsigned or stripped signature
//!
//! ## What it sees
//!
//! A JWT presented with `alg` none (in any spelling), with no `alg` at all, or with its signature missing.
//!
//! ## Why it matters
//!
//! A server that takes such a token takes anybody's word for who they are.
//!
//! ## How it decides
//!
//! One token fires. Severity is critical when the server accepted it and low when it refused. Three different variants
//! from one client within a minute are a tampering probe, of medium severity. All tokens of one client on one host are
//! one episode.
//!
//! ## Benign look-alikes
//!
//! Encrypted tokens (JWE) have five parts and are not JWS; they are never looked at here. Public routes answer 200
//! whatever token is sent: check whether the route needs one before calling it a break-in.
//!
//! ## Tuning
//!
//! `probe_variants` and `probe_window_s` say when several tokens are a probe. Facts: `alg`, `signature`, `accepted`,
//! `variants`.
//!
//! ## References
//!
//! MITRE ATT&CK T1606, T1550.001; OWASP API2:2023; RFC 8725 section 3.1; RFC 7519 section 6.

use super::forgery::{self, Sources};
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{Detector, Facts, Findings, Grouping, Maturity, Rule, Span, tables};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::token::{Jwt, Signature};
use crate::transaction::Transaction;
use crate::window::Limit;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Different variants that make a probe (3: a tool tries spellings, a broken client sends one).
    pub probe_variants: u32,
    /// The window they are counted in (60 s: tools do not wait).
    pub probe_window_s: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { probe_variants: 3, probe_window_s: 60 }
    }
}

/// JWT-01.
pub static RULE: Rule = Rule {
    id: "JWT-01",
    name: "unsigned_jwt",
    title: "Unsigned or stripped signature",
    severity: Severity::Critical,
    scope: Scope::Client,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Client,
    order_free: true,
    mitre: &["T1606", "T1550.001"],
    owasp: &["API2:2023"],
    response: "pin the accepted algorithms in the server; if accepted, treat the account as taken over",
};

/// Unsigned tokens by host and client.
#[derive(Debug)]
pub struct State {
    probe: Limit,
    sources: Sources,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let probe = Limit::new(thresholds.probe_variants, thresholds.probe_window_s);
        Self { probe, sources: Keyed::new(limits.keys_per_table_max, probe.within) }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::JWT
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(jwt) = &tx.jwt else { return };
        let Some(fault) = fault(jwt) else { return };
        let accepted = tx.succeeded();
        let note = if accepted { "accepted without a signature" } else { "unsigned token" };
        // A spelling of `alg`, and whether anything is signed, are what tools vary.
        let variant: Arc<str> = format!("{} {}", jwt.alg, jwt.signature).into();
        let attempts = forgery::note(&mut self.sources, tx, forgery::host(tx), variant, note, self.probe);
        let is_probe = attempts.variants() >= self.probe.count;
        let severity = match accepted {
            true => Severity::Critical,
            false if is_probe => Severity::Medium,
            false => Severity::Low,
        };
        attempts.raise(tx, severity, self.probe, findings, |attempts| {
            let (ip, answer) = (tx.client.ip, forgery::answer(tx));
            let message = if is_probe {
                let (variants, span) = (attempts.variants(), Span(attempts.tokens.span()));
                format!(
                    "JWT tampering probe from {ip}: {variants} variants in {span}, the last {fault}, {answer}"
                )
            } else {
                format!("JWT {fault} from {ip}, {answer}")
            };
            let alg: Arc<str> = if jwt.alg.is_empty() { "missing".into() } else { jwt.alg.clone() };
            (message, vec![("alg", Fact::Text(alg)), ("signature", Fact::Text(jwt.signature.name().into()))])
        });
    }

    tables!(sources);
}

/// What is wrong with it, in words; `None` for a token that is signed.
fn fault(jwt: &Jwt) -> Option<&'static str> {
    if jwt.alg.eq_ignore_ascii_case("none") {
        Some("with alg none")
    } else if jwt.alg.is_empty() {
        Some("without alg")
    } else if jwt.signature == Signature::Missing {
        Some("with its signature stripped")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::story::check;
    use expect_test::expect;

    #[test]
    fn none_in_any_spelling_missing_or_stripped() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 401 jwt=none unsigned
             11:00:00 203.0.113.2 -> use GET /me 401 jwt=NoNe
             12:00:00 203.0.113.3 -> use GET /me 401 jwt=
             13:00:00 203.0.113.4 -> use GET /me 401 jwt=RS256 unsigned
             14:00:00 203.0.113.5 -> use GET /me 200 user=ann jwt=none unsigned",
            expect![[r#"
                10:00:00.000 JWT-01 unsigned_jwt low 203.0.113.1: JWT with alg none from 203.0.113.1, refused with 401 on GET /me
                11:00:00.000 JWT-01 unsigned_jwt low 203.0.113.2: JWT with alg none from 203.0.113.2, refused with 401 on GET /me
                12:00:00.000 JWT-01 unsigned_jwt low 203.0.113.3: JWT without alg from 203.0.113.3, refused with 401 on GET /me
                13:00:00.000 JWT-01 unsigned_jwt low 203.0.113.4: JWT with its signature stripped from 203.0.113.4, refused with 401 on GET /me
                14:00:00.000 JWT-01 unsigned_jwt critical 203.0.113.5: JWT with alg none from 203.0.113.5, accepted on GET /me
            "#]],
        );
    }

    #[test]
    fn a_signed_token_is_none_of_it() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 200 user=ann jwt=RS256 country=DE
             10:00:01 203.0.113.1 -> use GET /me 401 user=ann jwt=HS256",
            expect![""],
        );
    }

    #[test]
    fn three_variants_in_a_minute_are_a_probe() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 401 jwt=none unsigned
             10:00:30 203.0.113.1 -> use GET /me 401 jwt=None unsigned
             10:01:00 203.0.113.1 -> use GET /me 401 jwt=NONE unsigned
             10:01:10 203.0.113.1 -> use GET /me 200 user=ann jwt=nOnE unsigned",
            expect![[r#"
                10:00:00.000 JWT-01 unsigned_jwt low 203.0.113.1: JWT with alg none from 203.0.113.1, refused with 401 on GET /me
                10:01:00.000 JWT-01 unsigned_jwt medium (update) 203.0.113.1: JWT tampering probe from 203.0.113.1: 3 variants in 60 s, the last with alg none, refused with 401 on GET /me
                10:01:10.000 JWT-01 unsigned_jwt critical (update) 203.0.113.1: JWT tampering probe from 203.0.113.1: 3 variants in 40 s, the last with alg none, accepted on GET /me; 4 in all since 2026-11-21T10:00:00Z
            "#]],
        );
        check(
            "10:00:00 203.0.113.1 -> use GET /me 401 jwt=none unsigned
             10:00:30 203.0.113.1 -> use GET /me 401 jwt=None unsigned
             10:01:00.000000001 203.0.113.1 -> use GET /me 401 jwt=NONE unsigned",
            expect![[r#"
                10:00:00.000 JWT-01 unsigned_jwt low 203.0.113.1: JWT with alg none from 203.0.113.1, refused with 401 on GET /me
            "#]],
        );
    }
}
