//! # One-time code replay
//!
//! ## What it sees
//!
//! A one-time code that was accepted and comes again for the same account: accepted a second time within ten minutes,
//! or sent from another network within ninety seconds, whatever the server answers.
//!
//! ## Why it matters
//!
//! A code must be accepted once (RFC 6238 section 5.2). A server that takes it twice hands every code that was seen or
//! phished to whoever is quick. The same code from two networks means that somebody read it along: a phishing relay.
//!
//! ## How it decides
//!
//! Codes are compared by marks under a key that lives ten minutes and are never written; after a restart earlier codes
//! are forgotten. A request repeated word for word from the same network within ten seconds is a retry. Severity is
//! high when the second was accepted, medium when it was refused.
//!
//! ## Benign look-alikes
//!
//! Retries of an app (they are told apart), a person whose phone changes networks between two tries.
//!
//! ## Tuning
//!
//! Shorten `refused_within_s` where clients change networks often.
//! Facts: `accepted`, `factor`, `gap_s`, `first_client`, `other_client`.
//!
//! ## References
//!
//! MITRE ATT&CK T1111, T1557; OWASP API2:2023; RFC 6238 section 5.2.

use super::actor::Actor;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    Crossing, Detector, Doubts, Facts, Finding, Findings, Grouping, Maturity, Rule, Sample, Span, client_of,
    tables,
};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Mfa, MfaEvent, MfaOutcome, Transaction};
use crate::window::Window;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// Accepted codes remembered of one account; of more, the oldest go.
const CODES_MAX: usize = 32;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// How long after its acceptance a code must not be accepted again (600 s: the life of a delivered code).
    pub accepted_within_s: u32,
    /// How long after it a refused reuse from another network fires (90 s: the life of a TOTP code).
    pub refused_within_s: u32,
    /// The same request from the same network within this time is a retry (10 s: clients that time out).
    pub retry_s: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { accepted_within_s: 600, refused_within_s: 90, retry_s: 10 }
    }
}

/// MFA-07.
pub static RULE: Rule = Rule {
    id: "MFA-07",
    name: "one_time_code_replay",
    title: "One-time code replay",
    severity: Severity::High,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Principal,
    order_free: false,
    mitre: &["T1111", "T1557"],
    owasp: &["API2:2023"],
    response: "mark codes as used on the server; with two clients treat it as a phishing relay and end the sessions",
};

/// The accepted codes of each account.
#[derive(Debug)]
pub struct State {
    accepted_within: Duration,
    refused_within: Duration,
    retry: Duration,
    actors: Keyed<Actor, Window<Use>>,
}

/// An accepted code; after a restart the code is not known any more.
#[derive(Clone, Debug)]
struct Use {
    sample: Sample,
    at: EventTime,
    client: IpAddr,
    network: IpAddr,
    code: Option<u64>,
    mark: u64,
}

saved!(Use { sample, at, client, network } fresh { code, mark });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let seconds = |s: u32| Duration::from_secs(u64::from(s));
        let accepted_within = seconds(thresholds.accepted_within_s);
        let refused_within = seconds(thresholds.refused_within_s);
        Self {
            accepted_within,
            refused_within,
            retry: seconds(thresholds.retry_s),
            actors: Keyed::new(limits.keys_per_table_max, accepted_within.max(refused_within)),
        }
    }

    /// Whether this use of an accepted code is one too many.
    fn is_replay(&self, first: &Use, again: &Use, accepted: bool) -> bool {
        let gap = again.at.since(first.at);
        let same_place = first.network == again.network;
        let retried = same_place && first.mark != 0 && first.mark == again.mark && gap <= self.retry;
        let too_late = if accepted { gap > self.accepted_within } else { gap > self.refused_within };
        !retried && !too_late && (accepted || !same_place)
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::MFA
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(mfa) = tx.mfa.filter(|mfa| mfa.event == MfaEvent::Attempt) else { return };
        let Some(code) = mfa.code else { return };
        let actor = Actor::of(tx);
        let accepted = mfa.outcome == MfaOutcome::Success;
        let again = Use {
            sample: Sample::of(tx),
            at: tx.end,
            client: tx.client.ip,
            network: tx.client.network(),
            code: Some(code),
            mark: tx.request.as_ref().map_or(0, |request| request.mark),
        };
        let first = self.actors.get(&actor, tx.end).and_then(|uses| {
            let same = |first: &&Use| first.code.is_some_and(|first| Mfa::same_code(first, code));
            uses.iter().rev().find(same).cloned()
        });
        if let Some(first) = first.filter(|first| self.is_replay(first, &again, accepted)) {
            let severity = if accepted { Severity::High } else { Severity::Medium };
            let crossing =
                Crossing { about: actor.about(), severity, first: first.at, fresh: 1, window: None };
            findings.raise(&crossing, || finding(tx, mfa, &actor, &first, accepted));
        }
        if accepted {
            let uses = self.actors.entry(&actor, tx.end);
            uses.insert(tx.end, again);
            let kept = self.accepted_within.max(self.refused_within);
            while uses.pop_outside(tx.end, kept).or_else(|| uses.pop_beyond(CODES_MAX)).is_some() {}
        }
    }

    tables!(actors);
}

fn finding(tx: &Transaction, mfa: Mfa, actor: &Actor, first: &Use, accepted: bool) -> Finding {
    let gap = tx.end.since(first.at);
    let same = first.network == tx.client.network();
    let message = format!(
        "one {} code for {actor} {} after {}{}",
        mfa.factor,
        if accepted { "accepted twice, again" } else { "sent again and not accepted," },
        Span(gap),
        if same {
            String::new()
        } else {
            format!(", first from {}, then from {}", first.client, tx.client.ip)
        },
    );
    let sample = Sample::of(tx);
    Finding {
        message,
        count: 2,
        threshold: 2,
        principal: Some(tx.principal.clone()),
        client: Some(client_of(tx)),
        credential: tx.credentials.first().cloned(),
        endpoint: tx.endpoint(),
        doubts: Doubts::of([&first.sample, &sample]),
        evidence: vec![
            first.sample.evidence("code accepted"),
            sample.evidence(if accepted { "same code accepted" } else { "same code not accepted" }),
        ],
        facts: vec![
            ("accepted", Fact::Flag(accepted)),
            ("factor", Fact::Text(mfa.factor.name().into())),
            ("gap_s", Fact::Number(gap.as_millis() as f64 / 1e3)),
            ("first_client", Fact::Text(first.client.to_string().into())),
            ("other_client", Fact::Flag(!same)),
        ],
    }
}

#[cfg(test)]
mod tests {
    use crate::story::{check, check_confidence, check_in_one_run};
    use expect_test::expect;

    #[test]
    fn a_code_is_accepted_twice() {
        check_in_one_run(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=ann code=7
             10:00:20 203.0.113.7 -> mfa POST /mfa 200 user=ann code=7",
            expect![[r#"
                10:00:20.000 MFA-07 one_time_code_replay high user:ann: one totp code for ann accepted twice, again after 20 s
            "#]],
        );
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=ann code=7
             10:00:20 203.0.113.7 -> mfa POST /mfa 200 user=ann code=8
             10:00:20 203.0.113.8 -> mfa POST /mfa 200 user=bob code=7",
            expect![""],
        );
    }

    #[test]
    fn ten_minutes_to_the_nanosecond_for_the_accepted() {
        check_in_one_run(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=edge factor=sms code=7
             10:10:00 203.0.113.7 -> mfa POST /mfa 200 user=edge factor=sms code=7",
            expect![[r#"
                10:10:00.000 MFA-07 one_time_code_replay high user:edge: one sms code for edge accepted twice, again after 600 s
            "#]],
        );
        check_in_one_run(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=edge factor=sms code=7
             10:10:00.000000001 203.0.113.7 -> mfa POST /mfa 200 user=edge factor=sms code=7",
            expect![""],
        );
    }

    #[test]
    fn ninety_seconds_to_the_nanosecond_for_another_client() {
        check_in_one_run(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=carol code=7
             10:01:30 198.51.100.4 -> mfa POST /mfa 400 user=carol code=7",
            expect![[r#"
                10:01:30.000 MFA-07 one_time_code_replay medium user:carol: one totp code for carol sent again and not accepted, after 90 s, first from 203.0.113.7, then from 198.51.100.4
            "#]],
        );
        check_in_one_run(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=carol code=7
             10:01:30.000000001 198.51.100.4 -> mfa POST /mfa 400 user=carol code=7",
            expect![""],
        );
    }

    #[test]
    fn refused_from_the_same_place_or_wrong_before_is_no_replay() {
        check_in_one_run(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=dave code=7
             10:00:05 203.0.113.7 -> mfa POST /mfa 400 user=dave code=7
             10:10:00 203.0.113.7 -> mfa POST /mfa 400 user=erin code=9
             10:10:05 198.51.100.4 -> mfa POST /mfa 200 user=erin code=9",
            expect![""],
        );
    }

    #[test]
    fn a_retry_is_the_same_request_from_the_same_place_within_ten_seconds() {
        check_in_one_run(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=fay code=7 mark=1
             10:00:10 203.0.113.7 -> mfa POST /mfa 200 user=fay code=7 mark=1",
            expect![""],
        );
        check_in_one_run(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=fay code=7 mark=1
             10:00:10.000000001 203.0.113.7 -> mfa POST /mfa 200 user=fay code=7 mark=1",
            expect![[r#"
                10:00:10.000 MFA-07 one_time_code_replay high user:fay: one totp code for fay accepted twice, again after 10 s
            "#]],
        );
        check_in_one_run(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=fay code=7 mark=1
             10:00:05 198.51.100.4 -> mfa POST /mfa 200 user=fay code=7 mark=1",
            expect![[r#"
                10:00:05.000 MFA-07 one_time_code_replay high user:fay: one totp code for fay accepted twice, again after 5 s, first from 203.0.113.7, then from 198.51.100.4
            "#]],
        );
    }

    #[test]
    fn a_second_sight_is_no_second_use() {
        check_in_one_run(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=gil code=7
             10:00:00.001 10.0.0.2 -> mfa POST /mfa 200 user=gil code=7 repeat",
            expect![""],
        );
    }

    #[test]
    fn an_answer_that_was_not_seen_lowers_confidence() {
        check_confidence(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=hal code=7
             10:00:05 198.51.100.4 -> mfa POST /mfa - user=hal code=7",
            expect!["MFA-07 medium"],
        );
    }
}
