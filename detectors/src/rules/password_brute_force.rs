//! # Brute force on one account
//!
//! ## What it sees
//!
//! Ten refused passwords for one account within ten minutes, with no accepted one in between, from wherever they come.
//! Without a known account the session stands in for it, and without a session the client's network and the route.
//!
//! ## Why it matters
//!
//! People give up, or ask for a new password, after a handful of tries; a program goes through a list.
//! What the server turns away as too many is still somebody who tries, so throttling does not hide the attack.
//!
//! ## How it decides
//!
//! It counts logins that the server answered as a wrong password or turned away as too many; faults, pending device
//! logins and answers that were not seen do not count. The window slides to the nanosecond; an accepted password
//! clears it, with or without a second factor to come. Severity is medium.
//!
//! ## Benign look-alikes
//!
//! A program with a stale password repeats one request word for word: where every try in the window is the same
//! request, severity is info and the fact `one_password` is true.
//!
//! ## Tuning
//!
//! Raise `failures` where many people share an account. Facts: `throttled`, `networks`, `shortest_gap_s`,
//! `one_password`.
//!
//! ## References
//!
//! MITRE ATT&CK T1110.001; OWASP API2:2023; CWE-307.

use super::actor::Actor;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    Crossing, Detector, Doubts, EVIDENCE_MAX, Facts, Finding, Findings, Grouping, Maturity, Rule, Sample,
    Several, Span, client_of, tables,
};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::transaction::{LoginOutcome, Transaction};
use crate::window::{Limit, Window};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Refused passwords of one account that fire (10: people ask for a new password long before).
    pub failures: u32,
    /// The window they are counted in (600 s: slow enough for a person, too short for a day's slips).
    pub window_s: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { failures: 10, window_s: 600 }
    }
}

/// ABU-02.
pub static RULE: Rule = Rule {
    id: "ABU-02",
    name: "password_brute_force",
    title: "Brute force on one account",
    severity: Severity::Medium,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Principal,
    order_free: false,
    mitre: &["T1110.001"],
    owasp: &["API2:2023"],
    response: "make each further try wait longer, by account and not by address; ask the owner for a new password",
};

/// The refused passwords of each account.
#[derive(Debug)]
pub struct State {
    limit: Limit,
    actors: Keyed<Actor, Window<Guess>>,
}

#[derive(Clone, Debug)]
struct Guess {
    sample: Sample,
    network: IpAddr,
    throttled: bool,
    /// Equal for a request that is repeated word for word; none where it is not known.
    mark: Option<u64>,
}

saved!(Guess { sample, network, throttled } fresh { mark });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let limit = Limit::new(thresholds.failures, thresholds.window_s);
        Self { limit, actors: Keyed::new(limits.keys_per_table_max, limit.within) }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::LOGIN
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(login) = &tx.login else { return };
        let throttled = match login.outcome {
            LoginOutcome::Refused => false,
            LoginOutcome::Throttled => true,
            LoginOutcome::Success | LoginOutcome::SecondFactor => {
                if let Some(guesses) = self.actors.get(&Actor::of(tx), tx.end) {
                    guesses.clear();
                }
                return;
            }
            LoginOutcome::Error | LoginOutcome::Unknown => return,
        };
        let actor = Actor::of(tx);
        let mark = tx.request.as_ref().map(|request| request.mark).filter(|mark| *mark != 0);
        let guess = Guess { sample: Sample::of(tx), network: tx.client.network(), throttled, mark };
        let guesses = self.actors.entry(&actor, tx.end);
        if !guesses.push(tx.end, guess, self.limit) {
            return;
        }
        let severity = if is_loop(guesses) { Severity::Info } else { RULE.severity };
        let crossing = Crossing {
            about: actor.about(),
            severity,
            first: guesses.first().unwrap_or(tx.end),
            fresh: guesses.take_fresh(),
            window: Some(self.limit.within),
        };
        findings.raise(&crossing, || finding(tx, &actor, guesses, self.limit));
    }

    tables!(actors);
}

/// Whether every try is the same request: a program that does not notice, and no guessing.
fn is_loop(guesses: &Window<Guess>) -> bool {
    let mut marks = guesses.iter().map(|guess| guess.mark);
    let first = marks.next().flatten();
    first.is_some() && marks.all(|mark| mark == first)
}

fn finding(tx: &Transaction, actor: &Actor, guesses: &Window<Guess>, limit: Limit) -> Finding {
    let place = tx.endpoint().map(|endpoint| format!(" on {endpoint}")).unwrap_or_default();
    let message = format!(
        "{} in {} for {actor}{place} (limit {} in {} s)",
        Several(guesses.count(), "refused password"),
        Span(guesses.span()),
        limit.count,
        limit.within.as_secs(),
    );
    let note = |guess: &Guess| if guess.throttled { "turned away as too many" } else { "wrong password" };
    let latest = guesses.iter().rev().take(EVIDENCE_MAX).rev();
    Finding {
        count: guesses.count(),
        threshold: limit.count,
        principal: Some(tx.principal.clone()),
        client: Some(client_of(tx)),
        credential: tx.credentials.first().cloned(),
        endpoint: tx.endpoint(),
        evidence: latest.map(|guess| guess.sample.evidence(note(guess))).collect(),
        facts: facts(guesses),
        doubts: Doubts::of(guesses.iter().map(|guess| &guess.sample)),
        message,
    }
}

fn facts(guesses: &Window<Guess>) -> Vec<(&'static str, Fact)> {
    let throttled = guesses.iter().filter(|guess| guess.throttled).count();
    let networks: BTreeSet<IpAddr> = guesses.iter().map(|guess| guess.network).collect();
    let mut facts = vec![
        ("throttled", Fact::Count(throttled as u64)),
        ("networks", Fact::Count(networks.len() as u64)),
        ("one_password", Fact::Flag(is_loop(guesses))),
    ];
    let gap = guesses.times().zip(guesses.times().skip(1)).map(|(before, after)| after.since(before)).min();
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
    fn the_tenth_refused_password_within_ten_minutes() {
        check("10:00:00 203.0.113.7 -> login POST /login 401 user=ann x9 every 5s", expect![""]);
        check(
            "10:00:00 203.0.113.7 -> login POST /login 401 user=ann x10 every 5s",
            expect![[r#"
            10:00:45.000 ABU-02 password_brute_force medium user:ann: 10 refused passwords in 45 s for ann on POST /login (limit 10 in 600 s)
        "#]],
        );
    }

    #[test]
    fn the_window_closes_to_the_nanosecond() {
        check(
            "10:00:00 203.0.113.7 -> login POST /login 401 user=edge x9 every 60s
             10:10:00 203.0.113.7 -> login POST /login 401 user=edge",
            expect![[r#"
                10:10:00.000 ABU-02 password_brute_force medium user:edge: 10 refused passwords in 600 s for edge on POST /login (limit 10 in 600 s)
            "#]],
        );
        check(
            "10:00:00 203.0.113.7 -> login POST /login 401 user=edge x9 every 60s
             10:10:00.000000001 203.0.113.7 -> login POST /login 401 user=edge",
            expect![""],
        );
    }

    #[test]
    fn an_accepted_password_clears_the_count_even_if_a_factor_is_to_come() {
        check(
            "10:00:00 203.0.113.7 -> login POST /login 401 user=bob x9 every 5s
             10:01:00 203.0.113.7 -> login POST /login 200 user=bob
             10:02:00 203.0.113.7 -> login POST /login 401 user=bob x9 every 5s
             10:03:00 203.0.113.7 -> login POST /login 401 user=bob outcome=second_factor
             10:04:00 203.0.113.7 -> login POST /login 401 user=bob x9 every 5s",
            expect![""],
        );
    }

    #[test]
    fn what_is_turned_away_counts_and_what_is_unknown_does_not() {
        check(
            "10:00:00 203.0.113.7 -> login POST /login 401 user=carol x5 every 5s
             10:01:00 203.0.113.7 -> login POST /login 429 user=carol x5 every 5s",
            expect![[r#"
                10:01:20.000 ABU-02 password_brute_force medium user:carol: 10 refused passwords in 80 s for carol on POST /login (limit 10 in 600 s)
            "#]],
        );
        check(
            "10:00:00 203.0.113.7 -> login POST /login 503 user=dave x20 every 5s
             10:02:00 203.0.113.7 -> login POST /login - user=dave x20 every 5s
             10:04:00 203.0.113.7 -> login POST /login 401 user=dave repeat x20 every 5s",
            expect![""],
        );
    }

    #[test]
    fn many_addresses_are_one_attack_on_one_account() {
        check(
            "10:00:00 203.0.113.{1..10} -> login POST /login 401 user=erin every 30s",
            expect![[r#"
            10:04:30.000 ABU-02 password_brute_force medium user:erin: 10 refused passwords in 270 s for erin on POST /login (limit 10 in 600 s)
        "#]],
        );
    }

    #[test]
    fn a_program_with_a_stale_password_is_no_attack() {
        check_in_one_run(
            "10:00:00 203.0.113.7 -> login POST /login 401 user=sync mark=7 x12 every 30s",
            expect![[r#"
                10:04:30.000 ABU-02 password_brute_force info user:sync: 10 refused passwords in 270 s for sync on POST /login (limit 10 in 600 s)
            "#]],
        );
        check_in_one_run(
            "10:00:00 203.0.113.7 -> login POST /login 401 user=sync mark=7 x9 every 30s
             10:05:00 203.0.113.7 -> login POST /login 401 user=sync mark=8",
            expect![[r#"
                10:05:00.000 ABU-02 password_brute_force medium user:sync: 10 refused passwords in 300 s for sync on POST /login (limit 10 in 600 s)
            "#]],
        );
    }

    #[test]
    fn after_ten_quiet_minutes_it_is_a_new_episode() {
        check(
            "10:00:00 203.0.113.7 -> login POST /login 401 user=fay x10 every 5s
             10:30:00 203.0.113.7 -> login POST /login 401 user=fay x10 every 5s",
            expect![[r#"
                10:00:45.000 ABU-02 password_brute_force medium user:fay: 10 refused passwords in 45 s for fay on POST /login (limit 10 in 600 s)
                10:30:45.000 ABU-02 password_brute_force medium user:fay: 10 refused passwords in 45 s for fay on POST /login (limit 10 in 600 s)
            "#]],
        );
    }

    #[test]
    fn what_was_cut_lowers_confidence() {
        check_confidence(
            "10:00:00 203.0.113.7 -> login POST /login 401 user=gil x9 every 5s
             10:01:00 203.0.113.7 -> login POST /login 401 user=gil gap",
            expect!["ABU-02 medium"],
        );
    }
}
