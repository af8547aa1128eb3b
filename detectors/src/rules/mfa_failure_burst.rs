//! # Burst of failed MFA codes
//!
//! ## What it sees
//!
//! Several wrong second-factor codes for one account within five minutes, with no right one in between.
//! Without a known account the session stands in for it, and without a session the client's network and the route.
//!
//! ## Why it matters
//!
//! Somebody who fails at the second factor has passed the first: the password is known to them.
//! A code has a million values, three of which are valid at a time, so guessing pays off where nobody stops it:
//! one guess a second succeeds with 22.8 % a day. The fact `guess_odds_pct` gives the odds of the guesses so far.
//!
//! ## How it decides
//!
//! It counts attempts that the server answered as a wrong code (`fail_code`), be it to get in or to remove a factor:
//! not challenges, locks, expired sessions or faults, and not the code that confirms a new factor. The window slides, so failures at 0, 150 and 300.000 s count together; a right code clears it.
//! Severity is medium, high from ten failures on, critical for accounts listed as privileged.
//!
//! ## Benign look-alikes
//!
//! A phone whose clock is off (the failures come with each login, days apart), fat fingers (a right code clears the
//! count), load tests (suppress their account or address with a reason).
//!
//! ## Tuning
//!
//! Raise `failures` where codes are typed on poor keypads; list administrators in `privileged_ids`.
//! Facts: `factor`, `distinct_codes` (where codes were visible), `guess_odds_pct`, `shortest_gap_s`.
//!
//! ## References
//!
//! MITRE ATT&CK T1110.001, T1621; OWASP API2:2023; RFC 6238 section 5.2.

use super::actor::Actor;
use super::verdict::guess_odds_pct;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    Crossing, Detector, Doubts, EVIDENCE_MAX, Facts, Finding, Findings, Grouping, Maturity, Rule, Sample,
    Several, Span, client_of, tables,
};
use crate::identity::Factor;
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::transaction::{MfaEvent, MfaOutcome, Transaction};
use crate::window::{Limit, Window};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Wrong codes of one account that fire (3: people mistype once or twice).
    pub failures: u32,
    /// The window they are counted in (300 s: how long people keep trying before they ask for help).
    pub window_s: u32,
    /// Wrong codes from which on it is of high severity (10: nobody mistypes ten times).
    pub high_failures: u32,
    /// Accounts for which it is critical (none: names differ everywhere).
    pub privileged_ids: Vec<String>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { failures: 3, window_s: 300, high_failures: 10, privileged_ids: Vec::new() }
    }
}

/// MFA-01.
pub static RULE: Rule = Rule {
    id: "MFA-01",
    name: "mfa_failure_burst",
    title: "Burst of failed MFA codes",
    severity: Severity::Medium,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Principal,
    order_free: false,
    mitre: &["T1621", "T1110.001"],
    owasp: &["API2:2023"],
    response: "temporary account lock; check whether the password is known to someone else",
};

/// The wrong codes of each account.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    limit: Limit,
    actors: Keyed<Actor, Window<Guess>>,
}

#[derive(Clone, Debug)]
struct Guess {
    sample: Sample,
    factor: Factor,
    code: Option<u64>,
}

saved!(Guess { sample, factor } fresh { code });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let limit = Limit::new(thresholds.failures, thresholds.window_s);
        Self {
            limit,
            actors: Keyed::new(limits.keys_per_table_max, limit.within),
            thresholds: thresholds.clone(),
        }
    }

    fn severity(&self, actor: &Actor, failures: u64) -> Severity {
        let privileged = |id: &str| self.thresholds.privileged_ids.iter().any(|listed| listed == id);
        match actor {
            Actor::Principal(principal) if privileged(&principal.id) => Severity::Critical,
            _ if failures >= u64::from(self.thresholds.high_failures) => Severity::High,
            _ => Severity::Medium,
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::MFA
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(mfa) = tx.mfa else { return };
        let proves = (mfa.event, mfa.outcome) == (MfaEvent::Attempt, MfaOutcome::Success);
        if !proves && !mfa.is_wrong_guess() {
            return;
        }
        let actor = Actor::of(tx);
        if proves {
            if let Some(guesses) = self.actors.get(&actor, tx.end) {
                guesses.clear();
            }
            return;
        }
        let guesses = self.actors.entry(&actor, tx.end);
        let guess = Guess { sample: Sample::of(tx), factor: mfa.factor, code: mfa.code };
        if !guesses.push(tx.end, guess, self.limit) {
            return;
        }
        let (fresh, count) = (guesses.take_fresh(), guesses.count());
        let first = guesses.first().unwrap_or(tx.end);
        let severity = self.severity(&actor, count);
        let crossing =
            Crossing { about: actor.about(), severity, first, fresh, window: Some(self.limit.within) };
        let limit = self.limit;
        if let Some(guesses) = self.actors.get(&actor, tx.end) {
            findings.raise(&crossing, || finding(tx, &actor, guesses, limit));
        }
    }

    tables!(actors);
}

fn finding(tx: &Transaction, actor: &Actor, guesses: &Window<Guess>, limit: Limit) -> Finding {
    let place = tx.endpoint().map(|endpoint| format!(" on {endpoint}")).unwrap_or_default();
    let message = format!(
        "{} in {} for {actor}{place} (limit {} in {} s)",
        Several(guesses.count(), "wrong MFA code"),
        Span(guesses.span()),
        limit.count,
        limit.within.as_secs(),
    );
    let latest = guesses.iter().rev().take(EVIDENCE_MAX).rev();
    Finding {
        count: guesses.count(),
        threshold: limit.count,
        principal: Some(tx.principal.clone()),
        client: Some(client_of(tx)),
        credential: tx.credentials.first().cloned(),
        endpoint: tx.endpoint(),
        evidence: latest.map(|guess| guess.sample.evidence(format!("wrong {} code", guess.factor))).collect(),
        facts: facts(guesses),
        doubts: Doubts::of(guesses.iter().map(|guess| &guess.sample)),
        message,
    }
}

fn facts(guesses: &Window<Guess>) -> Vec<(&'static str, Fact)> {
    let factors: Vec<Arc<str>> = Factor::ALL
        .iter()
        .filter(|factor| guesses.iter().any(|guess| guess.factor == **factor))
        .map(|factor| factor.name().into())
        .collect();
    let mut facts = match factors.as_slice() {
        [factor] => vec![("factor", Fact::Text(factor.clone()))],
        _ => vec![("factor", Fact::List(factors))],
    };
    let mut codes: Vec<u64> = guesses.iter().filter_map(|guess| guess.code).collect();
    codes.sort_unstable();
    codes.dedup();
    if !codes.is_empty() {
        facts.push(("distinct_codes", Fact::Count(codes.len() as u64)));
    }
    facts.push(("guess_odds_pct", Fact::Number(guess_odds_pct(guesses.count()))));
    let gap = guesses.times().zip(guesses.times().skip(1)).map(|(before, after)| after.since(before)).min();
    if let Some(gap) = gap {
        facts.push(("shortest_gap_s", Fact::Number(gap.as_millis() as f64 / 1e3)));
    }
    facts
}

#[cfg(test)]
mod tests {
    use crate::story::check;
    use expect_test::expect;

    #[test]
    fn the_third_wrong_code_within_five_minutes() {
        check(
            "10:00:01.003 203.0.113.7 -> mfa POST /mfa/verify 401 user=alice@example.com factor=totp code={1..2} every 60s
             10:03:00.120 203.0.113.7 -> mfa POST /mfa/verify 401 user=alice@example.com factor=totp code=3",
            expect![[r#"
                10:03:00.120 MFA-01 mfa_failure_burst medium user:alice@example.com: 3 wrong MFA codes in 179 s for alice@example.com on POST /mfa/verify (limit 3 in 300 s)
            "#]],
        );
    }

    #[test]
    fn two_wrong_codes_then_the_right_one() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=alice x2 every 20s
             10:00:40 203.0.113.7 -> mfa POST /mfa/verify 200 user=alice
             10:01:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=alice x2 every 20s",
            expect![""],
        );
    }

    #[test]
    fn the_window_closes_to_the_nanosecond() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=edge x2 every 150s
             10:05:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=edge",
            expect![[r#"
                10:05:00.000 MFA-01 mfa_failure_burst medium user:edge: 3 wrong MFA codes in 300 s for edge on POST /mfa/verify (limit 3 in 300 s)
            "#]],
        );
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=edge x2 every 150s
             10:05:00.000000001 203.0.113.7 -> mfa POST /mfa/verify 401 user=edge",
            expect![""],
        );
    }

    #[test]
    fn what_is_no_wrong_code_never_counts() {
        check(
            "10:00:00 203.0.113.7 -> challenge POST /login 401 user=bob x5 every 1s
             10:01:00 203.0.113.7 -> mfa POST /mfa/verify 423 user=bob x5 every 1s
             10:02:00 203.0.113.7 -> mfa POST /mfa/verify 429 user=bob x5 every 1s
             10:03:00 203.0.113.7 -> mfa POST /mfa/verify 503 user=bob x5 every 1s
             10:03:10 203.0.113.7 -> mfa POST /mfa/verify 401 user=bob outcome=fail_other x5 every 1s
             10:03:20 203.0.113.7 -> mfa POST /mfa/verify - user=bob x5 every 1s
             10:03:30 203.0.113.7 -> enrolment POST /mfa/enrol 400 user=bob x5 every 1s",
            expect![""],
        );
    }

    #[test]
    fn ten_are_of_high_severity_and_told_once_more() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=carol factor=sms x12 every 5s",
            expect![[r#"
                10:00:10.000 MFA-01 mfa_failure_burst medium user:carol: 3 wrong MFA codes in 10 s for carol on POST /mfa/verify (limit 3 in 300 s)
                10:00:45.000 MFA-01 mfa_failure_burst high (update) user:carol: 10 wrong MFA codes in 45 s for carol on POST /mfa/verify (limit 3 in 300 s)
            "#]],
        );
    }

    #[test]
    fn wrong_codes_that_should_remove_the_factor_count_and_its_removal_clears_nothing() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=frank
             10:00:05 203.0.113.7 -> removal POST /mfa/disable 400 user=frank outcome=fail_code
             10:00:10 203.0.113.7 -> removal DELETE /mfa/sms 204 user=frank
             10:00:15 203.0.113.7 -> removal POST /mfa/disable 400 user=frank outcome=fail_code",
            expect![[r#"
                10:00:15.000 MFA-01 mfa_failure_burst medium user:frank: 3 wrong MFA codes in 15 s for frank on POST /mfa/disable (limit 3 in 300 s)
            "#]],
        );
    }

    #[test]
    fn the_second_sight_of_an_attempt_does_not_count() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=dave x2 every 5s
             10:00:00.001 203.0.113.7 -> mfa POST /mfa/verify 401 user=dave repeat x2 every 5s",
            expect![""],
        );
    }

    #[test]
    fn nobody_known_is_told_apart_by_session_then_by_address() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 session=s{1..4} every 1s
             10:01:00 203.0.113.7 -> mfa POST /mfa/verify 401 session=s9 x3 every 1s
             10:02:00 203.0.113.8 -> mfa POST /mfa/verify 401 x3 every 1s",
            expect![[r#"
                10:01:00.000 MFA-02 mfa_failure_spray high 203.0.113.7: 5 wrong MFA codes over 5 accounts in 60 s from 203.0.113.7 (limit 5 over 3 in 300 s)
                10:01:02.000 MFA-01 mfa_failure_burst medium a2e779d5339a9e88fb0b0124239e29bd: 3 wrong MFA codes in 2 s for one session on POST /mfa/verify (limit 3 in 300 s)
                10:02:02.000 MFA-01 mfa_failure_burst medium 203.0.113.8: 3 wrong MFA codes in 2 s for 203.0.113.8 on POST /mfa/verify (limit 3 in 300 s)
            "#]],
        );
    }

    #[test]
    fn what_was_cut_or_inferred_lowers_confidence() {
        crate::story::check_confidence(
            "10:00:00 203.0.113.7 -> mfa POST /mfa/verify 401 user=eve by_status x2 every 5s
             10:00:10 203.0.113.7 -> mfa POST /mfa/verify 401 user=eve by_status gap",
            expect!["MFA-01 low"],
        );
    }
}
