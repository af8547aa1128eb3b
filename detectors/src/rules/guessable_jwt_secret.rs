//! # Known or hard-coded secret
//!
//! ## What it sees
//!
//! A JWT whose HMAC signature was made with a secret that stands in a list of published ones.
//!
//! ## Why it matters
//!
//! Whoever knows the secret writes tokens for any account, with any rights.
//!
//! ## How it decides
//!
//! One token fires. Severity is high, critical when the server accepted it. All tokens of one issuer are one episode,
//! told again once in 24 hours while such tokens are seen, and at once when the first is accepted. A token without
//! `iss` counts for the host it was sent to.
//!
//! ## Benign look-alikes
//!
//! Test hosts that use an example's secret on purpose: suppress the issuer or host. A forged token that was refused is
//! an attempt with a published secret and does not prove that the server uses it.
//!
//! ## Tuning
//!
//! `again_after_h` is how often a standing weakness is told again. Facts: `list`, `line`, `secret_sha256`, `alg`,
//! `accepted`.
//!
//! ## References
//!
//! MITRE ATT&CK T1606, T1552.001, T1190; OWASP API2:2023; RFC 8725 section 3.5.

use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, tables,
};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::token::{Jwt, KnownSecret};
use crate::transaction::Transaction;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// How soon the same issuer is told again (24 h: once a working day).
    pub again_after_h: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { again_after_h: 24 }
    }
}

/// JWT-02.
pub static RULE: Rule = Rule {
    id: "JWT-02",
    name: "guessable_jwt_secret",
    title: "Known or hard-coded secret",
    severity: Severity::High,
    scope: Scope::Service,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Services,
    order_free: true,
    mitre: &["T1606", "T1552.001", "T1190"],
    owasp: &["API2:2023"],
    response: "rotate the secret now; sign with RS256, ES256 or EdDSA",
};

/// Issuers whose tokens a published secret signs.
#[derive(Debug)]
pub struct State {
    again_after: Duration,
    issuers: Keyed<Arc<str>, Weakness>,
}

/// What was told of one issuer.
#[derive(Debug, Default)]
struct Weakness {
    told_at: Option<EventTime>,
    /// Tokens since then.
    untold: u64,
}

saved!(Weakness { told_at, untold });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let again_after = Duration::from_secs(u64::from(thresholds.again_after_h) * 3600);
        Self { again_after, issuers: Keyed::new(limits.keys_per_table_max, again_after) }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::JWT
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(jwt) = &tx.jwt else { return };
        let Some(secret) = jwt.known_secret else { return };
        let host = tx.request.as_ref().map(|request| &request.host);
        let named = [jwt.iss.as_ref(), host].into_iter().flatten().find(|name| !name.is_empty());
        let Some(issuer) = named else { return };
        let weakness = self.issuers.entry(issuer, tx.end);
        weakness.untold = weakness.untold.saturating_add(1);
        let is_due = weakness.told_at.is_none_or(|told| tx.end.since(told) >= self.again_after);
        let crossing = Crossing {
            about: About::Service(issuer),
            severity: if tx.succeeded() { Severity::Critical } else { RULE.severity },
            first: tx.end,
            // What is not due still keeps the episode open, and makes it worse when it is.
            fresh: if is_due { weakness.take(tx.end) } else { 0 },
            window: Some(self.again_after),
        };
        findings.raise(&crossing, || finding(tx, jwt, secret, issuer));
    }

    tables!(issuers);
}

impl Weakness {
    fn take(&mut self, now: EventTime) -> u64 {
        self.told_at = Some(now);
        std::mem::take(&mut self.untold)
    }
}

fn finding(tx: &Transaction, jwt: &Jwt, secret: KnownSecret, issuer: &str) -> Finding {
    let list = if secret.builtin { "built-in" } else { "operator's" };
    let line = secret.line;
    let answer = if tx.succeeded() { "accepted" } else { "not accepted" };
    let message = format!(
        "{} token of {issuer} from {} is signed with a published secret (line {line} of the {list} list), {answer}",
        jwt.alg, tx.client.ip
    );
    Finding {
        facts: vec![
            ("list", Fact::Text(list.into())),
            ("line", Fact::Count(u64::from(line))),
            ("secret_sha256", Fact::Text(format!("{:08x}", u32::from_be_bytes(secret.digest)).into())),
            ("alg", Fact::Text(jwt.alg.clone())),
            ("accepted", Fact::Flag(tx.succeeded())),
        ],
        ..Finding::of(tx, message, answer)
    }
}

#[cfg(test)]
mod tests {
    use crate::story::check;
    use expect_test::expect;

    #[test]
    fn one_token_is_enough_and_acceptance_makes_it_worse() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 401 jwt=HS256 iss=idp.example known_secret
             10:00:10 203.0.113.1 -> use GET /me 200 user=ann jwt=HS256 iss=idp.example known_secret",
            expect![[r#"
                10:00:00.000 JWT-02 guessable_jwt_secret high idp.example: HS256 token of idp.example from 203.0.113.1 is signed with a published secret (line 7 of the built-in list), not accepted
                10:00:10.000 JWT-02 guessable_jwt_secret critical (update) idp.example: HS256 token of idp.example from 203.0.113.1 is signed with a published secret (line 7 of the built-in list), accepted
            "#]],
        );
    }

    #[test]
    fn a_secret_nobody_knows() {
        check("10:00:00 203.0.113.1 -> use GET /me 200 user=ann jwt=HS256 iss=idp.example", expect![""]);
    }

    #[test]
    fn a_standing_weakness_is_told_once_a_day() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 200 user=ann jwt=HS256 known_secret
             20:00:00 203.0.113.1 -> use GET /me 200 user=ann jwt=HS256 known_secret
             1d+09:59:59.999999999 203.0.113.1 -> use GET /me 200 user=ann jwt=HS256 known_secret
             1d+10:00:00 203.0.113.1 -> use GET /me 200 user=ann jwt=HS256 known_secret",
            expect![[r#"
                10:00:00.000 JWT-02 guessable_jwt_secret critical api.example.com: HS256 token of api.example.com from 203.0.113.1 is signed with a published secret (line 7 of the built-in list), accepted
                10:00:00.000 JWT-02 guessable_jwt_secret critical (update) api.example.com: HS256 token of api.example.com from 203.0.113.1 is signed with a published secret (line 7 of the built-in list), accepted; 4 in all since 2026-11-21T10:00:00Z
            "#]],
        );
    }
}
