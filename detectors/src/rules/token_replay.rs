//! # Token replay
//!
//! ## What it sees
//!
//! A refresh token, an authorization code or a DPoP proof presented a second time.
//!
//! ## Why it matters
//!
//! These are for one use. A second use means that somebody else has a copy, or that a client does not keep its own.
//!
//! ## How it decides
//!
//! One reuse fires, whatever the server answered: a refusal shows that the server noticed, and the copy is out all the
//! same. Severity is high. All reuse by one client is one episode.
//!
//! ## Benign look-alikes
//!
//! A client that sends a request again after a lost answer: the fact `same_client` tells. Tickets of second-factor
//! steps are not looked at here.
//!
//! ## Tuning
//!
//! `retry_s` forgives the same client's own second try within that time. Facts: `what`, `first_use_s`, `same_client`,
//! `accepted`.
//!
//! ## References
//!
//! MITRE ATT&CK T1528, T1550.001; OWASP API2:2023; RFC 9700 section 4.14; RFC 6749 section 4.1.2; RFC 9449 section 11.1.

use crate::alert::{Fact, Scope, Severity};
use crate::detector::{About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Span};
use crate::runtime::Limits;
use crate::saved::Damaged;
use crate::session::{OneTime, Reuse};
use crate::time::EventTime;
use crate::transaction::Transaction;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// When it fires.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// The same client's second try within this time is forgiven (0 s: none; a thing for one use is for one use).
    pub retry_s: u32,
}

/// JWT-09.
pub static RULE: Rule = Rule {
    id: "JWT-09",
    name: "token_replay",
    title: "Token replay",
    severity: Severity::High,
    scope: Scope::Client,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    mitre: &["T1528", "T1550.001"],
    owasp: &["API2:2023"],
    response: "revoke the whole chain of tokens; rotate, and bind tokens to their client (DPoP, mutual TLS)",
};

/// Nothing is remembered: the transaction says what was used before.
#[derive(Debug)]
pub struct State {
    retry: Duration,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, _: &Limits) -> Self {
        Self { retry: Duration::from_secs(u64::from(thresholds.retry_s)) }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::REUSE
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(reuse) = tx.reuse else { return };
        let ago = tx.end.since(reuse.first);
        let is_retry = reuse.same_client && !self.retry.is_zero() && ago <= self.retry;
        if reuse.what == OneTime::Ticket || is_retry {
            return;
        }
        let crossing = Crossing {
            about: About::Client(tx.client.network()),
            severity: RULE.severity,
            first: tx.end,
            fresh: 1,
            window: None,
        };
        findings.raise(&crossing, || finding(tx, reuse, ago));
    }

    fn advance(&mut self, _: EventTime) {}

    fn evicted(&self) -> u64 {
        0
    }

    fn save(&self, _: &mut Vec<u8>) {}

    fn load(&mut self, _: &mut &[u8]) -> Result<(), Damaged> {
        Ok(())
    }
}

fn finding(tx: &Transaction, reuse: Reuse, ago: Duration) -> Finding {
    let what = match reuse.what {
        OneTime::RefreshToken => "refresh token",
        OneTime::AuthorizationCode => "authorization code",
        OneTime::DpopProof => "DPoP proof",
        OneTime::Ticket => "ticket",
    };
    let by = if reuse.same_client { "the same client" } else { "another client" };
    let answer = if tx.succeeded() { "accepted" } else { "not accepted" };
    let message = format!(
        "{what} used again from {}, {} after its first use by {by}, {answer}",
        tx.client.ip,
        Span(ago)
    );
    Finding {
        facts: vec![
            ("what", Fact::Text(reuse.what.name().into())),
            ("first_use_s", Fact::Count(ago.as_secs())),
            ("same_client", Fact::Flag(reuse.same_client)),
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
    fn what_is_for_one_use_is_used_again() {
        check(
            "10:00:00 203.0.113.1 -> token POST /token 400 reuse=refresh_token:5m:other
             11:00:00 203.0.113.2 -> token POST /token 200 reuse=refresh_token:5m:other
             12:00:00 203.0.113.3 -> token POST /token 400 reuse=authorization_code:2s
             13:00:00 203.0.113.4 -> use GET /me 401 reuse=dpop_proof:1s",
            expect![[r#"
                10:00:00.000 JWT-09 token_replay high 203.0.113.1: refresh token used again from 203.0.113.1, 300 s after its first use by another client, not accepted
                11:00:00.000 JWT-09 token_replay high 203.0.113.2: refresh token used again from 203.0.113.2, 300 s after its first use by another client, accepted
                12:00:00.000 JWT-09 token_replay high 203.0.113.3: authorization code used again from 203.0.113.3, 2 s after its first use by the same client, not accepted
                13:00:00.000 JWT-09 token_replay high 203.0.113.4: DPoP proof used again from 203.0.113.4, 1 s after its first use by the same client, not accepted
            "#]],
        );
    }

    #[test]
    fn a_first_use_a_ticket_and_a_second_sight() {
        check(
            "10:00:00 203.0.113.1 -> token POST /token 200
             10:00:01 203.0.113.1 -> mfa POST /mfa 401 reuse=ticket:5s
             10:00:02 203.0.113.1 -> token POST /token 200 reuse=refresh_token:1s repeat",
            expect![""],
        );
    }
}
