//! # MFA prompt bombing
//!
//! ## What it sees
//!
//! Five prompts on one account's phone within ten minutes and none of them accepted: pushes, text messages or calls,
//! whether they were denied or nobody answered.
//!
//! ## Why it matters
//!
//! Only who knows the password can make the phone ring. Attackers let it ring, at night or for hours, until the owner
//! approves to have peace, or calls as "the help desk" and asks for it.
//!
//! ## How it decides
//!
//! It counts prompts the server sent (a challenge by push, text or call, or a push that waits) and denials of which no
//! prompt was seen. Polls of a prompt, a request repeated word for word within ten seconds and clicks of one session
//! less than a second apart are the same prompt. An accepted factor clears the count. Severity is high; an account is
//! told about again only after thirty quiet minutes.
//!
//! ## Benign look-alikes
//!
//! A phone without coverage whose owner asks again and again: the prompts come from the owner's own network.
//!
//! ## Tuning
//!
//! Raise `prompts` where text messages are often late.
//! Facts: `factor`, `denied`, `unanswered`, `started_from`, `answered_from`, `shortest_gap_s`.
//!
//! ## References
//!
//! MITRE ATT&CK T1621; OWASP API2:2023, API6:2023.

use super::actor::Actor;
use super::prompts::{self, End, Prompt, Step};
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    Crossing, Detector, Doubts, EVIDENCE_MAX, Facts, Finding, Findings, Grouping, Maturity, Rule, Several,
    Span, client_of, tables,
};
use crate::identity::Factor;
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::transaction::Transaction;
use crate::window::{Limit, Window};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Prompts of one account that fire (5: a person in a dead spot asks three or four times).
    pub prompts: u32,
    /// The window they are counted in (600 s: as long as a delivered code lives).
    pub window_s: u32,
    /// How long an account must be quiet before it is told about anew (1800 s: bombing comes in waves).
    pub quiet_s: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { prompts: 5, window_s: 600, quiet_s: 1800 }
    }
}

/// MFA-03.
pub static RULE: Rule = Rule {
    id: "MFA-03",
    name: "mfa_prompt_bombing",
    title: "MFA prompt bombing",
    severity: Severity::High,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Principal,
    order_free: false,
    mitre: &["T1621"],
    owasp: &["API2:2023", "API6:2023"],
    response: "suspend the factor; change the password; move to number matching or WebAuthn",
};

/// The prompts of each account since a factor was last accepted.
#[derive(Debug)]
pub struct State {
    limit: Limit,
    quiet: Duration,
    actors: Keyed<Actor, Window<Prompt>>,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let limit = Limit::new(thresholds.prompts, thresholds.window_s);
        let quiet = Duration::from_secs(u64::from(thresholds.quiet_s)).max(limit.within);
        Self { limit, quiet, actors: Keyed::new(limits.keys_per_table_max, limit.within) }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::MFA
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(step) = Step::of(tx) else { return };
        let actor = Actor::of(tx);
        match step {
            Step::Refused(End::WrongCode) => return,
            Step::Accepted => {
                if let Some(prompts) = self.actors.get(&actor, tx.end) {
                    prompts.clear();
                }
                return;
            }
            _ => {}
        }
        let prompts = self.actors.entry(&actor, tx.end);
        if !prompts::note(prompts, tx, step, self.limit) {
            return;
        }
        let crossing = Crossing {
            about: actor.about(),
            severity: RULE.severity,
            first: prompts.first().unwrap_or(tx.end),
            fresh: prompts.take_fresh(),
            window: Some(self.quiet),
        };
        findings.raise(&crossing, || finding(tx, &actor, prompts, self.limit));
    }

    tables!(actors);
}

fn finding(tx: &Transaction, actor: &Actor, prompts: &Window<Prompt>, limit: Limit) -> Finding {
    let message = format!(
        "{} in {} for {actor}, none accepted (limit {} in {} s)",
        Several(prompts.count(), "MFA prompt"),
        Span(prompts.span()),
        limit.count,
        limit.within.as_secs(),
    );
    let latest = prompts.iter().rev().take(EVIDENCE_MAX).rev();
    Finding {
        count: prompts.count(),
        threshold: limit.count,
        principal: Some(tx.principal.clone()),
        client: Some(client_of(tx)),
        credential: tx.credentials.first().cloned(),
        endpoint: tx.endpoint(),
        evidence: latest.map(|prompt| prompt.sample.evidence(prompt.end.note())).collect(),
        facts: facts(prompts),
        doubts: Doubts::of(prompts.iter().map(|prompt| &prompt.sample)),
        message,
    }
}

fn facts(prompts: &Window<Prompt>) -> Vec<(&'static str, Fact)> {
    let ended = |end| Fact::Count(prompts.iter().filter(|prompt| prompt.end == end).count() as u64);
    let factors = Factor::ALL.iter().filter(|factor| prompts.iter().any(|p| p.factor == **factor));
    let started: BTreeSet<_> = prompts.iter().map(|prompt| prompt.network).collect();
    let answered: BTreeSet<_> = prompts.iter().filter_map(|prompt| prompt.answered_from).collect();
    let list = |addresses: BTreeSet<std::net::IpAddr>| {
        let few = addresses.iter().take(EVIDENCE_MAX);
        Fact::List(few.map(|address| Arc::from(address.to_string())).collect())
    };
    let mut facts = vec![
        ("factor", Fact::List(factors.map(|factor| factor.name().into()).collect())),
        ("denied", ended(End::Denied)),
        ("unanswered", ended(End::Open)),
        ("started_from", list(started)),
    ];
    if !answered.is_empty() {
        facts.push(("answered_from", list(answered)));
    }
    let gap = prompts.times().zip(prompts.times().skip(1)).map(|(before, after)| after.since(before)).min();
    if let Some(gap) = gap {
        facts.push(("shortest_gap_s", Fact::Number(gap.as_millis() as f64 / 1e3)));
    }
    facts
}

#[cfg(test)]
mod tests {
    use crate::story::{check, check_confidence, check_in_one_run};
    use expect_test::expect;

    #[test]
    fn the_fifth_prompt_within_ten_minutes() {
        check(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/push 200 user=ann factor=push x4 every 60s",
            expect![""],
        );
        check(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/push 200 user=ann factor=push x5 every 60s",
            expect![[r#"
            10:04:00.000 MFA-03 mfa_prompt_bombing high user:ann: 5 MFA prompts in 240 s for ann, none accepted (limit 5 in 600 s)
        "#]],
        );
    }

    #[test]
    fn the_window_closes_to_the_nanosecond() {
        check(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=edge factor=sms x4 every 60s
             10:10:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=edge factor=sms",
            expect![[r#"
                10:10:00.000 MFA-03 mfa_prompt_bombing high user:edge: 5 MFA prompts in 600 s for edge, none accepted (limit 5 in 600 s)
            "#]],
        );
        check(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=edge factor=sms x4 every 60s
             10:10:00.000000001 203.0.113.7 -> challenge POST /mfa/sms 200 user=edge factor=sms",
            expect![""],
        );
    }

    #[test]
    fn an_accepted_prompt_clears_the_count() {
        check(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/push 200 user=bob factor=push x2 every 30s
             10:01:00 203.0.113.7 -> mfa POST /mfa/push/poll 200 user=bob factor=push
             10:02:00 203.0.113.7 -> challenge POST /mfa/push 200 user=bob factor=push x4 every 30s",
            expect![""],
        );
    }

    #[test]
    fn polls_retries_and_double_clicks_are_the_same_prompt() {
        check(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/push 200 user=carol factor=push ticket=a
             10:00:02 203.0.113.7 -> mfa GET /mfa/push/poll 202 user=carol factor=push ticket=a x40 every 2s
             10:02:00 203.0.113.7 -> mfa GET /mfa/push/poll 202 user=dave factor=push x40 every 2s
             10:04:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=erin factor=sms session=s x5 every 200ms",
            expect![""],
        );
        check_in_one_run(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/push 200 user=fay factor=push mark=7 x5 every 2s",
            expect![""],
        );
    }

    #[test]
    fn each_ticket_is_a_prompt_even_if_only_its_polls_are_seen() {
        check(
            "10:00:00 203.0.113.7 -> mfa GET /poll 202 user=gil factor=push ticket={1..5} every 30s",
            expect![[r#"
            10:02:00.000 MFA-03 mfa_prompt_bombing high user:gil: 5 MFA prompts in 120 s for gil, none accepted (limit 5 in 600 s)
        "#]],
        );
    }

    #[test]
    fn denials_end_prompts_and_stand_for_themselves_where_none_was_seen() {
        check(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/push 200 user=hal factor=push x4 every 60s
             10:00:30 198.51.100.4 -> mfa POST /mfa/push/answer 403 user=hal factor=push x4 every 60s",
            expect![[r#"
                10:02:30.000 MFA-01 mfa_failure_burst medium user:hal: 3 wrong MFA codes in 120 s for hal on POST /mfa/push/answer (limit 3 in 300 s)
            "#]],
        );
        check(
            "10:00:00 198.51.100.4 -> mfa POST /answer 403 user=ida factor=push x5 every 60s",
            expect![[r#"
            10:02:00.000 MFA-01 mfa_failure_burst medium user:ida: 3 wrong MFA codes in 120 s for ida on POST /answer (limit 3 in 300 s)
            10:04:00.000 MFA-03 mfa_prompt_bombing high user:ida: 5 MFA prompts in 240 s for ida, none accepted (limit 5 in 600 s)
        "#]],
        );
    }

    #[test]
    fn what_prompts_nobody_does_not_count() {
        check(
            "10:00:00 203.0.113.7 -> challenge POST /login 401 user=jo factor=totp x9 every 20s
             10:10:00 203.0.113.7 -> challenge POST /mfa/sms 429 user=jo factor=sms outcome=throttled x9 every 20s
             10:20:00 203.0.113.7 -> challenge POST /mfa/sms - user=jo factor=sms outcome=unknown x9 every 20s
             10:30:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=jo factor=sms repeat x9 every 20s",
            expect![""],
        );
    }

    #[test]
    fn it_is_told_again_after_half_an_hour() {
        check(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/push 200 user=kim factor=push x5 every 60s
             10:20:00 203.0.113.7 -> challenge POST /mfa/push 200 user=kim factor=push x5 every 20s
             11:00:00 203.0.113.7 -> challenge POST /mfa/push 200 user=kim factor=push x5 every 60s",
            expect![[r#"
                10:04:00.000 MFA-03 mfa_prompt_bombing high user:kim: 5 MFA prompts in 240 s for kim, none accepted (limit 5 in 600 s)
                10:21:20.000 MFA-03 mfa_prompt_bombing high (update) user:kim: 5 MFA prompts in 80 s for kim, none accepted (limit 5 in 600 s); 10 in all since 2026-11-21T10:00:00Z
                11:04:00.000 MFA-03 mfa_prompt_bombing high user:kim: 5 MFA prompts in 240 s for kim, none accepted (limit 5 in 600 s)
            "#]],
        );
    }

    #[test]
    fn what_was_cut_lowers_confidence() {
        check_confidence(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/push 200 user=leo factor=push gap x5 every 60s",
            expect!["MFA-03 medium"],
        );
    }
}
