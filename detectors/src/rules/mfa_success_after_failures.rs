//! # MFA success after failures
//!
//! ## What it sees
//!
//! A second factor that is accepted within ten minutes of three that were wrong, denied or left without an answer.
//!
//! ## Why it matters
//!
//! It is how guessing and fatigue end when they work: the owner gives in, reads the code out, or a guess hits.
//! From this moment on somebody else may hold the session.
//!
//! ## How it decides
//!
//! It counts wrong codes, denied prompts and prompts nobody answered before the accepted one, each once; the accepted
//! prompt itself is none of them. The count starts anew after each acceptance. Severity is high, and critical when
//! the acceptance came from another device or network operator than every failure.
//!
//! ## Benign look-alikes
//!
//! A person who types the right code at last: three or four wrong ones, or text messages that were sent again because
//! they came late, from the same device are low. A prompt that is merely approved never is.
//!
//! ## Tuning
//!
//! Raise `failures` where codes are typed on poor keypads.
//! Facts: `factor`, `wrong_codes`, `denied`, `unanswered`, `elsewhere`, `since_last_failure_s`.
//!
//! ## References
//!
//! MITRE ATT&CK T1621, T1078.004; OWASP API2:2023.

use super::actor::Actor;
use super::prompts::{self, End, Prompt, Step};
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    Crossing, Detector, Doubts, EVIDENCE_MAX, Facts, Finding, Findings, Grouping, Maturity, Rule, Sample,
    Several, Span, client_of, tables,
};
use crate::identity::Factor;
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::transaction::{Comparison, Transaction};
use crate::window::{Limit, Window};
use serde::{Deserialize, Serialize};

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Failures before the acceptance that fire (3: people mistype once or twice).
    pub failures: u32,
    /// How long before the acceptance they count (600 s: as long as a delivered code lives).
    pub window_s: u32,
    /// Wrong or resent codes from the same device up to which it is low (4: a clock that is off, a late message).
    pub clumsy_failures: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { failures: 3, window_s: 600, clumsy_failures: 4 }
    }
}

/// MFA-04.
pub static RULE: Rule = Rule {
    id: "MFA-04",
    name: "mfa_success_after_failures",
    title: "MFA success after failures",
    severity: Severity::High,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Principal,
    order_free: false,
    mitre: &["T1621", "T1078.004"],
    owasp: &["API2:2023"],
    response: "end the account's sessions; verify the owner by another channel",
};

/// The failures of each account since a factor was last accepted.
#[derive(Debug)]
pub struct State {
    limit: Limit,
    clumsy: u64,
    actors: Keyed<Actor, Window<Prompt>>,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let limit = Limit::new(thresholds.failures, thresholds.window_s);
        let clumsy = u64::from(thresholds.clumsy_failures);
        Self { limit, clumsy, actors: Keyed::new(limits.keys_per_table_max, limit.within) }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::MFA
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(step) = Step::of(tx) else { return };
        let actor = Actor::of(tx);
        if step != Step::Accepted {
            prompts::note(self.actors.entry(&actor, tx.end), tx, step, self.limit);
            return;
        }
        let Some(prompts) = self.actors.get(&actor, tx.end) else { return };
        let failures = Failures::before(tx, prompts, self.limit);
        if let Some(first) = failures.0.first().filter(|_| failures.count() >= self.limit.count) {
            let crossing = Crossing {
                about: actor.about(),
                severity: failures.severity(tx, self.clumsy),
                first: first.at,
                fresh: 1,
                window: None,
            };
            findings.raise(&crossing, || failures.finding(tx, &actor, self.limit));
        }
        prompts.clear();
    }

    tables!(actors);
}

/// What failed before an acceptance, oldest first.
struct Failures<'a>(Vec<&'a Prompt>);

impl<'a> Failures<'a> {
    /// An open prompt of the same factor that comes last is the one that was accepted.
    fn before(tx: &Transaction, prompts: &'a Window<Prompt>, limit: Limit) -> Self {
        let factor = tx.mfa.map_or(Factor::Unknown, |mfa| mfa.factor);
        let mut failed: Vec<&Prompt> =
            prompts.iter().filter(|prompt| tx.end.since(prompt.at) <= limit.within).collect();
        failed.pop_if(|last| last.end == End::Open && last.factor == factor);
        Self(failed)
    }

    fn count(&self) -> u64 {
        self.0.len() as u64
    }

    fn severity(&self, tx: &Transaction, clumsy: u64) -> Severity {
        let is_typed = |factor: Factor| {
            matches!(factor, Factor::Totp | Factor::Hotp | Factor::Sms | Factor::Email | Factor::Voice)
        };
        let typed = tx.mfa.is_some_and(|mfa| {
            let same = |f: &&Prompt| f.end != End::Denied && f.factor == mfa.factor;
            is_typed(mfa.factor) && self.0.iter().all(same)
        });
        if self.elsewhere(tx) {
            Severity::Critical
        } else if typed && self.count() <= clumsy && self.0.iter().all(|f| is_same_place(tx, f)) {
            Severity::Low
        } else {
            Severity::High
        }
    }

    /// Whether every failure came from another device or network operator.
    fn elsewhere(&self, tx: &Transaction) -> bool {
        self.0.iter().all(|failure| {
            let operators = tx.client.asn.zip(failure.asn);
            operators.is_some_and(|(one, other)| one != other)
                || compare(tx, failure) == Comparison::Different
        })
    }

    fn of(&self, end: End) -> u64 {
        self.0.iter().filter(|failure| failure.end == end).count() as u64
    }

    fn finding(&self, tx: &Transaction, actor: &Actor, limit: Limit) -> Finding {
        let factor = tx.mfa.map_or(Factor::Unknown, |mfa| mfa.factor);
        let first = self.0.first().map_or(tx.end, |failure| failure.at);
        let last = self.0.last().map_or(tx.end, |failure| failure.at);
        let place = if self.elsewhere(tx) { ", from elsewhere" } else { "" };
        let message = format!(
            "{factor} accepted for {actor} after {} in {}{place} (limit {} in {} s)",
            Several(self.count(), "failed or unanswered attempt"),
            Span(tx.end.since(first)),
            limit.count,
            limit.within.as_secs(),
        );
        let accepted = Sample::of(tx);
        let earlier = self.0.iter().skip(self.0.len().saturating_sub(EVIDENCE_MAX - 1));
        let mut evidence: Vec<_> =
            earlier.map(|failure| failure.sample.evidence(failure.end.note())).collect();
        evidence.push(accepted.evidence("accepted"));
        Finding {
            message,
            count: self.count(),
            threshold: limit.count,
            principal: Some(tx.principal.clone()),
            client: Some(client_of(tx)),
            credential: tx.credentials.first().cloned(),
            endpoint: tx.endpoint(),
            evidence,
            facts: vec![
                ("factor", Fact::Text(factor.name().into())),
                ("wrong_codes", Fact::Count(self.of(End::WrongCode))),
                ("denied", Fact::Count(self.of(End::Denied))),
                ("unanswered", Fact::Count(self.of(End::Open))),
                ("elsewhere", Fact::Flag(self.elsewhere(tx))),
                ("since_last_failure_s", Fact::Number(tx.end.since(last).as_millis() as f64 / 1e3)),
            ],
            doubts: Doubts::of(self.0.iter().map(|failure| &failure.sample).chain([&accepted])),
        }
    }
}

fn compare(tx: &Transaction, failure: &Prompt) -> Comparison {
    tx.device.zip(failure.device).map_or(Comparison::Unknown, |(one, other)| one.compare(&other))
}

/// The same device; where devices are not known, the same address.
fn is_same_place(tx: &Transaction, failure: &Prompt) -> bool {
    match compare(tx, failure) {
        Comparison::Same => true,
        Comparison::Different => false,
        Comparison::Unknown => tx.client.network() == failure.network,
    }
}

#[cfg(test)]
mod tests {
    use crate::story::{check, check_confidence};
    use expect_test::expect;

    #[test]
    fn a_push_is_accepted_after_three_that_were_not() {
        check(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/push 200 user=ann factor=push x4 every 60s
             10:03:20 203.0.113.7 -> mfa POST /mfa/push/poll 200 user=ann factor=push",
            expect![[r#"
                10:03:20.000 MFA-04 mfa_success_after_failures high user:ann: push accepted for ann after 3 failed or unanswered attempts in 200 s (limit 3 in 600 s)
            "#]],
        );
        check(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/push 200 user=ann factor=push x3 every 60s
             10:02:20 203.0.113.7 -> mfa POST /mfa/push/poll 200 user=ann factor=push",
            expect![""],
        );
    }

    #[test]
    fn a_person_finds_the_right_code_at_last() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=bob factor=totp device=abcd x4 every 20s
             10:02:00 203.0.113.7 -> mfa POST /mfa 200 user=bob factor=totp device=abcd",
            expect![[r#"
                10:00:40.000 MFA-01 mfa_failure_burst medium user:bob: 3 wrong MFA codes in 40 s for bob on POST /mfa (limit 3 in 300 s)
                10:02:00.000 MFA-04 mfa_success_after_failures low user:bob: totp accepted for bob after 4 failed or unanswered attempts in 120 s (limit 3 in 600 s)
            "#]],
        );
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=bob factor=totp device=abcd x5 every 20s
             10:02:00 203.0.113.7 -> mfa POST /mfa 200 user=bob factor=totp device=abcd",
            expect![[r#"
                10:00:40.000 MFA-01 mfa_failure_burst medium user:bob: 3 wrong MFA codes in 40 s for bob on POST /mfa (limit 3 in 300 s)
                10:02:00.000 MFA-04 mfa_success_after_failures high user:bob: totp accepted for bob after 5 failed or unanswered attempts in 120 s (limit 3 in 600 s)
            "#]],
        );
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=bob factor=totp device=abcd x2 every 20s
             10:02:00 203.0.113.7 -> mfa POST /mfa 200 user=bob factor=totp device=abcd",
            expect![""],
        );
    }

    #[test]
    fn another_device_or_operator_makes_it_critical() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=carol factor=sms device=abcd x3 every 20s
             10:02:00 203.0.113.7 -> mfa POST /mfa 200 user=carol factor=sms device=wxyz",
            expect![[r#"
                10:00:40.000 MFA-01 mfa_failure_burst medium user:carol: 3 wrong MFA codes in 40 s for carol on POST /mfa (limit 3 in 300 s)
                10:02:00.000 MFA-04 mfa_success_after_failures critical user:carol: sms accepted for carol after 3 failed or unanswered attempts in 120 s, from elsewhere (limit 3 in 600 s)
            "#]],
        );
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=dave factor=sms asn=64500 x3 every 20s
             10:02:00 198.51.100.4 -> mfa POST /mfa 200 user=dave factor=sms asn=64501",
            expect![[r#"
                10:00:40.000 MFA-01 mfa_failure_burst medium user:dave: 3 wrong MFA codes in 40 s for dave on POST /mfa (limit 3 in 300 s)
                10:02:00.000 MFA-04 mfa_success_after_failures critical user:dave: sms accepted for dave after 3 failed or unanswered attempts in 120 s, from elsewhere (limit 3 in 600 s)
            "#]],
        );
    }

    /// The login offers a prompt, the page asks for it by the login's ticket and polls it by its own: one prompt.
    #[test]
    fn a_prompt_that_is_offered_asked_for_and_polled_is_one() {
        let missed = |minute: u32, ticket: &str| {
            format!(
                "10:0{minute}:01 203.0.113.7 -> challenge POST /mfa/push 200 user=ann factor=push ticket=login
                 10:0{minute}:04 203.0.113.7 -> mfa POST /mfa/verify 202 user=ann factor=push ticket={ticket} x3 every 3s\n"
            )
        };
        let offer = "10:00:00 203.0.113.7 -> offer POST /login 200 user=ann factor=push ticket=login\n";
        let accepted = |minute: u32, ticket: &str| {
            format!(
                "10:0{minute}:20 203.0.113.7 -> mfa POST /mfa/verify 200 user=ann factor=push ticket={ticket}"
            )
        };
        check(
            &format!("{offer}{}{}{}{}", missed(0, "p1"), missed(1, "p2"), missed(2, "p3"), accepted(2, "p3")),
            expect![[r#""#]],
        );
    }

    #[test]
    fn text_messages_that_come_late() {
        check(
            "10:00:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=ann factor=sms ticket=t1 device=abcd
             10:01:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=ann factor=sms ticket=t2 device=abcd
             10:02:00 203.0.113.7 -> challenge POST /mfa/sms 200 user=ann factor=sms ticket=t3 device=abcd
             10:02:20 203.0.113.7 -> mfa POST /mfa 401 user=ann factor=sms ticket=t3 device=abcd
             10:02:40 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=sms ticket=t3 device=abcd",
            expect![[r#"
                10:02:40.000 MFA-04 mfa_success_after_failures low user:ann: sms accepted for ann after 3 failed or unanswered attempts in 160 s (limit 3 in 600 s)
            "#]],
        );
    }

    #[test]
    fn the_window_closes_to_the_nanosecond() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=edge factor=sms device=abcd x3 every 200s
             10:10:00 203.0.113.7 -> mfa POST /mfa 200 user=edge factor=sms",
            expect![[r#"
                10:10:00.000 MFA-04 mfa_success_after_failures low user:edge: sms accepted for edge after 3 failed or unanswered attempts in 600 s (limit 3 in 600 s)
            "#]],
        );
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=edge factor=sms x3 every 200s
             10:10:00.000000001 203.0.113.7 -> mfa POST /mfa 200 user=edge factor=sms",
            expect![""],
        );
    }

    #[test]
    fn each_acceptance_starts_the_count_anew_and_each_is_told() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=fay factor=sms x2 every 20s
             10:01:00 203.0.113.7 -> mfa POST /mfa 200 user=fay factor=sms
             10:02:00 203.0.113.7 -> mfa POST /mfa 401 user=fay factor=sms x2 every 20s
             10:03:00 203.0.113.7 -> mfa POST /mfa 200 user=fay factor=sms",
            expect![""],
        );
        check(
            "10:00:00 203.0.113.7 -> mfa POST /answer 403 user=gil factor=push x3 every 150s
             10:06:00 203.0.113.7 -> mfa POST /answer 200 user=gil factor=push
             10:07:00 203.0.113.7 -> mfa POST /answer 403 user=gil factor=push x3 every 150s
             10:13:00 203.0.113.7 -> mfa POST /answer 200 user=gil factor=push",
            expect![[r#"
                10:05:00.000 MFA-01 mfa_failure_burst medium user:gil: 3 wrong MFA codes in 300 s for gil on POST /answer (limit 3 in 300 s)
                10:06:00.000 MFA-04 mfa_success_after_failures high user:gil: push accepted for gil after 3 failed or unanswered attempts in 360 s (limit 3 in 600 s)
                10:12:00.000 MFA-01 mfa_failure_burst medium (update) user:gil: 3 wrong MFA codes in 300 s for gil on POST /answer (limit 3 in 300 s); 6 in all since 2026-11-21T10:00:00Z
                10:13:00.000 MFA-04 mfa_success_after_failures high user:gil: push accepted for gil after 3 failed or unanswered attempts in 360 s (limit 3 in 600 s)
            "#]],
        );
    }

    #[test]
    fn a_text_and_its_wrong_code_are_one_failure() {
        check(
            "10:00:00 203.0.113.7 -> challenge POST /sms 200 user=hal factor=sms x3 every 60s
             10:00:30 203.0.113.7 -> mfa POST /mfa 401 user=hal factor=sms x2 every 60s
             10:02:30 203.0.113.7 -> mfa POST /mfa 200 user=hal factor=sms",
            expect![""],
        );
    }

    #[test]
    fn faults_locks_and_second_sights_are_no_failures() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 503 user=ida x5 every 10s
             10:01:00 203.0.113.7 -> mfa POST /mfa 423 user=ida x5 every 10s
             10:02:00 203.0.113.7 -> mfa POST /mfa - user=ida x5 every 10s
             10:03:00 203.0.113.7 -> mfa POST /mfa 401 user=ida repeat x5 every 10s
             10:04:00 203.0.113.7 -> mfa POST /mfa 200 user=ida",
            expect![""],
        );
    }

    #[test]
    fn what_was_inferred_lowers_confidence() {
        check_confidence(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=jo factor=push by_status x3 every 150s
             10:06:00 203.0.113.7 -> mfa POST /mfa 200 user=jo factor=push gap",
            expect![[r#"
                MFA-01 medium
                MFA-04 low"#]],
        );
    }
}
