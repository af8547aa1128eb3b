//! # Bad signature accepted
//!
//! ## What it sees
//!
//! A host that serves requests whose only proof is a JWT with a signature that is wrong for its issuer's known key.
//! It needs the issuer's public keys, seen when somebody fetches them or configured.
//!
//! ## Why it matters
//!
//! A server that does not check signatures takes anybody's word for who they are.
//!
//! ## How it decides
//!
//! A token counts when the server answered 2xx, its key id names a known key (or there is but one key), and the
//! signature is not of that key. The token must have spoken alone, in a header, on a route that turned a caller away
//! (401 or 403) in the 24 hours before. Three different tokens fire at once if the known key is still in use: a token
//! with a right signature was issued no earlier than one of the wrong ones. Otherwise the key may have been replaced
//! out of sight, and they fire when ten minutes have passed since the first and no new key made them right. It is
//! told once in 24 hours for each host and issuer, always critical.
//!
//! ## Benign look-alikes
//!
//! Key rotation: a new key has a new id and is unknown here, a key that is no longer published is good for ten
//! minutes more, and a key set that is seen again judges its tokens anew. Public routes look at no token.
//!
//! ## Tuning
//!
//! Name keys in `[[identity.jwt.keys]]` where they cross no wire that is seen. Facts: `iss`, `kid`, `alg`,
//! `known_key_in_use`.
//!
//! ## References
//!
//! MITRE ATT&CK T1606, T1550.001; OWASP API2:2023; RFC 7515 section 5.2; RFC 8725 section 3.3.

use super::acceptance::{Guarded, accepted_token, is_guarded, note_refusal};
use super::forgery;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Samples, Several, Span,
    tables,
};
use crate::identity::Fingerprint;
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::token::{Jwt, SignatureCheck};
use crate::transaction::Transaction;
use crate::window::{Limit, Window};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Different tokens that fire (3: one may have been damaged on the way).
    pub tokens: u32,
    /// How long a key may have been replaced out of sight (600 s: how often key sets are fetched).
    pub grace_s: u32,
    /// The time tokens and refusals are remembered for, and how soon a host is told again (24 h: once a working day).
    pub again_after_h: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { tokens: 3, grace_s: 600, again_after_h: 24 }
    }
}

/// JWT-07.
pub static RULE: Rule = Rule {
    id: "JWT-07",
    name: "bad_jwt_signature_accepted",
    title: "Bad signature accepted",
    severity: Severity::Critical,
    scope: Scope::Service,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Services,
    order_free: false,
    mitre: &["T1606", "T1550.001"],
    owasp: &["API2:2023"],
    response: "check signatures before any claim is read; treat what these tokens did as done by a stranger",
};

/// Tokens with wrong signatures by host, issuer and key.
#[derive(Debug)]
pub struct State {
    limit: Limit,
    grace: Duration,
    guarded: Guarded,
    signers: Keyed<Signer, Signed>,
}

/// Who seems to sign, with which key, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Signer {
    host: Arc<str>,
    issuer: Arc<str>,
    kid: Option<Arc<str>>,
}

saved!(Signer { host, issuer, kid });

/// The tokens of one signer that a host accepted.
#[derive(Debug, Default)]
struct Signed {
    /// The newest issue of a token with a right signature.
    right_issued: Option<EventTime>,
    wrong: Window<Wrong>,
    told: Option<EventTime>,
    samples: Samples,
}

saved!(Signed { right_issued, wrong, told, samples });

/// A token with a wrong signature.
#[derive(Clone, Copy, Debug)]
struct Wrong {
    token: Fingerprint,
    issued: Option<EventTime>,
}

saved!(Wrong { token, issued });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let limit = Limit::new(thresholds.tokens, thresholds.again_after_h.saturating_mul(3600));
        let keys = limits.keys_per_table_max;
        Self {
            limit,
            grace: Duration::from_secs(u64::from(thresholds.grace_s)),
            guarded: Keyed::new(keys, limit.within),
            signers: Keyed::new(keys, limit.within),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::JWT_OR_DENIED
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        note_refusal(&mut self.guarded, tx, findings);
        let Some(jwt) = &tx.jwt else { return };
        if !matches!(jwt.check, SignatureCheck::Valid | SignatureCheck::Invalid) {
            return;
        }
        let (Some(token), Some(endpoint)) = (accepted_token(tx), tx.endpoint()) else { return };
        let issuer = forgery::issuer(tx, jwt);
        let signer = Signer { host: endpoint.host.clone(), issuer, kid: jwt.kid.clone() };
        if jwt.check == SignatureCheck::Valid {
            let record = self.signers.entry(&signer, tx.end);
            record.right_issued = record.right_issued.max(issued(tx, jwt));
            return;
        }
        if !is_guarded(&mut self.guarded, &endpoint, tx.end, self.limit.within) {
            return;
        }
        let record = self.signers.entry(&signer, tx.end);
        let enough = record.note(tx, Wrong { token: token.fingerprint, issued: issued(tx, jwt) }, self.limit);
        let is_old = |told: EventTime| tx.end.since(told) >= self.limit.within;
        let waited = record.wrong.first().is_some_and(|first| tx.end.since(first) >= self.grace);
        let certain = record.is_key_in_use() || waited;
        if !enough || !certain || !record.told.is_none_or(is_old) {
            return;
        }
        record.told = Some(tx.end);
        let crossing = Crossing {
            about: About::Service(&signer.host),
            severity: RULE.severity,
            first: record.wrong.first().unwrap_or(tx.end),
            fresh: record.wrong.take_fresh(),
            window: Some(self.limit.within),
        };
        findings.raise(&crossing, || finding(tx, jwt, &signer, record, self.limit));
    }

    tables!(guarded, signers);
}

impl Signed {
    /// Takes a token, once, and says whether there are enough.
    fn note(&mut self, tx: &Transaction, wrong: Wrong, limit: Limit) -> bool {
        if self.wrong.iter().any(|known| known.token == wrong.token) {
            return self.wrong.count() >= limit.count;
        }
        self.samples.push(tx, "accepted with a wrong signature");
        self.wrong.push(tx.end, wrong, limit)
    }

    /// Whether the known key signed a token that is no older than one of the wrong ones.
    fn is_key_in_use(&self) -> bool {
        let Some(right) = self.right_issued else { return false };
        self.wrong.iter().any(|wrong| wrong.issued.is_some_and(|issued| issued <= right))
    }
}

/// When a token says that it was issued.
fn issued(tx: &Transaction, jwt: &Jwt) -> Option<EventTime> {
    let ago = u64::try_from(jwt.issued_ago_s?).ok()?;
    Some(EventTime::from_secs(tx.time.as_secs().saturating_sub(ago)))
}

fn finding(tx: &Transaction, jwt: &Jwt, signer: &Signer, record: &Signed, limit: Limit) -> Finding {
    let (tokens, span) = (Several(record.wrong.count(), "token"), Span(record.wrong.span()));
    let Signer { host, issuer, kid } = signer;
    let kid = kid.clone().unwrap_or_default();
    let message = format!("{tokens} of {issuer} with wrong signatures accepted by {host} in {span}");
    Finding {
        count: record.wrong.count(),
        threshold: limit.count,
        evidence: record.samples.evidence(),
        doubts: record.samples.doubts(),
        facts: vec![
            ("iss", Fact::Text(issuer.clone())),
            ("kid", Fact::Text(kid)),
            ("alg", Fact::Text(jwt.alg.clone())),
            ("known_key_in_use", Fact::Flag(record.is_key_in_use())),
        ],
        ..Finding::of(tx, message, "")
    }
}

#[cfg(test)]
mod tests {
    use crate::story::check;
    use expect_test::expect;

    #[test]
    fn three_tokens_while_the_known_key_signs_others() {
        check(
            "10:00:00 203.0.113.9 -> use GET /me 401
             10:00:01 203.0.113.9 -> use GET /me 200 user=ann jwt=RS256 kid=k1 iss=idp token=t0 iat=-5m check=valid
             10:00:10 203.0.113.1 -> use GET /me 200 user=u{1..3} jwt=RS256 kid=k1 iss=idp token=t{1..3} iat=-1h check=invalid",
            expect![[r#"
                10:00:12.000 JWT-07 bad_jwt_signature_accepted critical api.example.com: 3 tokens of idp with wrong signatures accepted by api.example.com in 2 s
            "#]],
        );
    }

    #[test]
    fn a_key_that_may_have_been_replaced_gets_ten_minutes() {
        check(
            "10:00:00 203.0.113.9 -> use GET /me 401
             10:00:01 203.0.113.9 -> use GET /me 200 user=ann jwt=RS256 iss=idp token=t0 iat=-5m check=valid
             10:00:10 203.0.113.1 -> use GET /me 200 user=u{1..9} jwt=RS256 iss=idp token=t{1..9} iat=-1s check=invalid
             10:10:09.999999999 203.0.113.1 -> use GET /me 200 user=u1 jwt=RS256 iss=idp token=t1 check=invalid
             10:11:00 203.0.113.1 -> use GET /me 200 user=u{1..3} jwt=RS256 iss=idp token=t{1..3} check=valid",
            expect![""],
        );
        check(
            "10:00:00 203.0.113.9 -> use GET /me 401
             10:00:10 203.0.113.1 -> use GET /me 200 user=u{1..3} jwt=RS256 iss=idp token=t{1..3} check=invalid
             10:10:10 203.0.113.1 -> use GET /me 200 user=u1 jwt=RS256 iss=idp token=t1 check=invalid",
            expect![[r#"
                10:10:10.000 JWT-07 bad_jwt_signature_accepted critical api.example.com: 3 tokens of idp with wrong signatures accepted by api.example.com in 2 s
            "#]],
        );
    }

    #[test]
    fn refused_unknown_keys_public_routes_and_two_proofs() {
        check(
            "10:00:00 203.0.113.9 -> use GET /me 401
             10:00:01 203.0.113.9 -> use GET /me 200 user=ann jwt=RS256 kid=k1 iss=idp token=t0 iat=-5m check=valid
             10:00:10 203.0.113.1 -> use GET /me 401 jwt=RS256 kid=k1 iss=idp token=t{1..9} iat=-1h check=invalid
             10:01:10 203.0.113.1 -> use GET /me 200 user=ann jwt=RS256 kid=k2 iss=idp token=t{1..9} check=key_unknown
             10:02:10 203.0.113.1 -> use GET /news 200 jwt=RS256 kid=k1 iss=idp token=t{1..9} iat=-1h check=invalid
             10:03:10 203.0.113.1 -> use GET /me 200 user=ann jwt=RS256 kid=k1 iss=idp token=t{1..9} iat=-1h check=invalid session=s1
             10:04:10 203.0.113.1 -> use GET /me 200 user=ann jwt=RS256 kid=k1 iss=idp token=t1 iat=-1h check=invalid x9",
            expect![""],
        );
    }
}
