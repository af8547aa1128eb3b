//! # Backup codes drained or guessed
//!
//! ## What it sees
//!
//! Three backup codes of one account used within a day, half of its set used up, or five wrong ones within an hour.
//!
//! ## Why it matters
//!
//! Backup codes are for the one day the phone is lost. Who uses several has found the list; who fails with several is
//! looking for it, and behind each accepted code stands a whole login.
//!
//! ## How it decides
//!
//! It counts accepted and wrong backup codes in two sliding windows. Half of the set is told by what the answer says
//! is left, where it says so, else by the codes used since the set was last made, of an assumed ten. New codes start
//! the count anew, and for ten minutes after that nothing counts. Accounts that nobody can name are told apart by
//! their session; an address alone is nobody. Severity is high, and an account is told about again only after a day
//! without another such code.
//!
//! ## Benign look-alikes
//!
//! A person trying the fresh codes out (not counted), or travelling without the phone for days.
//!
//! ## Tuning
//!
//! Set `set_size` to the number of codes your system hands out: what is left is compared with it.
//! Facts: `used` (of the set, as far as was seen), `wrong` (within the window), `left` (where the answer says so).
//!
//! ## References
//!
//! MITRE ATT&CK T1110.001, T1621; OWASP API2:2023; NIST SP 800-63B section 5.1.2.

use super::actor::Actor;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    Crossing, Detector, Doubts, Facts, Finding, Findings, Grouping, Maturity, Rule, Samples, Several, Span,
    client_of, tables,
};
use crate::identity::Factor;
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Mfa, MfaEvent, MfaOutcome, Transaction};
use crate::window::{Limit, Window};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long the use of a set is remembered without an attempt.
const SET_KEPT: Duration = Duration::from_hours(90 * 24);
/// An account is told about once in this time.
const QUIET: Duration = Duration::from_hours(24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Accepted backup codes that fire (3: a lost phone costs one or two).
    pub uses: u32,
    /// The window they are counted in (24 h: a phone is replaced in a day).
    pub uses_window_h: u32,
    /// Codes of a set, where no answer says how many are left (10: systems hand out eight to ten).
    pub set_size: u32,
    /// Share of the set that fires when it is used up (50: the owner should have asked for new ones).
    pub used_share_pct: u32,
    /// Wrong backup codes that fire (5: they are copied from paper, not remembered).
    pub failures: u32,
    /// The window they are counted in (3600 s: one sitting).
    pub failures_window_s: u32,
    /// For how long after new codes were made nothing counts (600 s: people try them out).
    pub tryout_s: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            uses: 3,
            uses_window_h: 24,
            set_size: 10,
            used_share_pct: 50,
            failures: 5,
            failures_window_s: 3600,
            tryout_s: 600,
        }
    }
}

/// MFA-09.
pub static RULE: Rule = Rule {
    id: "MFA-09",
    name: "backup_code_drain",
    title: "Backup codes drained or guessed",
    severity: Severity::High,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Principal,
    order_free: false,
    mitre: &["T1110.001", "T1621"],
    owasp: &["API2:2023"],
    response: "revoke the set of codes; call the owner",
};

/// The backup codes of each account.
#[derive(Debug)]
pub struct State {
    uses: Limit,
    failures: Limit,
    set_size: u64,
    used_share_pct: u64,
    tryout: Duration,
    actors: Keyed<Actor, Codes>,
}

#[derive(Debug, Default)]
struct Codes {
    accepted: Window<()>,
    wrong: Window<()>,
    /// Codes of the set, where they were seen being made.
    made: Option<u64>,
    made_at: Option<EventTime>,
    /// Used up since the set was made, as far as was seen.
    used: u64,
    left: Option<u64>,
    samples: Samples,
}

saved!(Codes { accepted, wrong, made, made_at, used, left, samples });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        Self {
            uses: Limit::new(thresholds.uses, thresholds.uses_window_h.saturating_mul(3600)),
            failures: Limit::new(thresholds.failures, thresholds.failures_window_s),
            set_size: u64::from(thresholds.set_size.max(1)),
            used_share_pct: u64::from(thresholds.used_share_pct),
            tryout: Duration::from_secs(u64::from(thresholds.tryout_s)),
            actors: Keyed::new(limits.keys_per_table_max, SET_KEPT),
        }
    }

    /// Notes a code that was judged; says what is wrong by now, if anything is.
    fn note(&mut self, tx: &Transaction, mfa: Mfa, actor: &Actor) -> Option<Cause> {
        let (uses, failures) = (self.uses, self.failures);
        let accepted = mfa.outcome == MfaOutcome::Success;
        if !accepted && !mfa.is_wrong_guess() {
            return None;
        }
        let codes = self.actors.entry(actor, tx.end);
        if codes.made_at.is_some_and(|made| tx.end.since(made) <= self.tryout) {
            return None;
        }
        if !accepted {
            return codes.refuse(tx, failures).then_some(Cause::Guessed(failures));
        }
        while codes.wrong.pop_outside(tx.end, failures.within).is_some() {}
        let many = codes.accept(tx, mfa, uses, self.set_size);
        let size = codes.size(self.set_size);
        let drained = codes.used.saturating_mul(100) >= size.saturating_mul(self.used_share_pct);
        match (many, drained) {
            (true, _) => Some(Cause::Used(uses)),
            (false, true) => Some(Cause::Drained { size, share_pct: self.used_share_pct }),
            (false, false) => None,
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::MFA
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(mfa) = tx.mfa else { return };
        let is_new_set = mfa.event == MfaEvent::Regeneration && mfa.outcome == MfaOutcome::Success;
        if !is_new_set && mfa.factor != Factor::Backup {
            return;
        }
        let Some(actor) = Actor::known(tx) else { return };
        if is_new_set {
            let made = mfa.codes_left.map(u64::from).filter(|&codes| codes > 0);
            *self.actors.entry(&actor, tx.end) = Codes { made, made_at: Some(tx.end), ..Codes::default() };
            return;
        }
        if mfa.outcome == MfaOutcome::Success && mfa.event != MfaEvent::Attempt {
            return;
        }
        let Some(cause) = self.note(tx, mfa, &actor) else { return };
        let Some(codes) = self.actors.get(&actor, tx.end) else { return };
        let window = match cause {
            Cause::Guessed(_) => &mut codes.wrong,
            Cause::Used(_) | Cause::Drained { .. } => &mut codes.accepted,
        };
        let crossing = Crossing {
            about: actor.about(),
            severity: RULE.severity,
            first: window.first().unwrap_or(tx.end),
            fresh: window.take_fresh(),
            window: Some(QUIET),
        };
        findings.raise(&crossing, || codes.finding(tx, &actor, cause));
    }

    tables!(actors);
}

/// What is told.
#[derive(Clone, Copy, Debug)]
enum Cause {
    Used(Limit),
    Drained { size: u64, share_pct: u64 },
    Guessed(Limit),
}

impl Codes {
    /// Codes of the whole set: as many as were made, else as many as systems hand out, and never fewer than are left.
    fn size(&self, usual: u64) -> u64 {
        self.made.unwrap_or(usual).max(self.left.unwrap_or(0))
    }

    /// Notes an accepted code; what the answer says is left goes before what was counted.
    fn accept(&mut self, tx: &Transaction, mfa: Mfa, limit: Limit, usual: u64) -> bool {
        self.samples.push(tx, "backup code accepted");
        self.left = mfa.codes_left.map(u64::from);
        self.used = match self.left {
            Some(left) => self.size(usual).saturating_sub(left),
            None => self.used.saturating_add(1),
        };
        self.accepted.push(tx.end, (), limit)
    }

    fn refuse(&mut self, tx: &Transaction, limit: Limit) -> bool {
        self.samples.push(tx, "wrong backup code");
        self.wrong.push(tx.end, (), limit)
    }

    fn finding(&self, tx: &Transaction, actor: &Actor, cause: Cause) -> Finding {
        let within = |window: &Window<()>, limit: Limit, what| {
            let (codes, span) = (Several(window.count(), what), Span(window.span()));
            format!("{codes} in {span} for {actor} (limit {} in {} s)", limit.count, limit.within.as_secs())
        };
        let (count, threshold, message) = match cause {
            Cause::Used(limit) => {
                (self.accepted.count(), limit.count, within(&self.accepted, limit, "used backup code"))
            }
            Cause::Guessed(limit) => {
                (self.wrong.count(), limit.count, within(&self.wrong, limit, "wrong backup code"))
            }
            Cause::Drained { size, share_pct } => {
                let used = self.used;
                let message =
                    format!("{used} of {size} backup codes used up for {actor} (limit {share_pct} %)");
                (used, size.saturating_mul(share_pct).div_ceil(100), message)
            }
        };
        let mut facts = vec![("used", Fact::Count(self.used)), ("wrong", Fact::Count(self.wrong.count()))];
        if let Some(left) = self.left {
            facts.push(("left", Fact::Count(left)));
        }
        Finding {
            message,
            count,
            threshold,
            principal: Some(tx.principal.clone()),
            client: Some(client_of(tx)),
            credential: tx.credentials.first().cloned(),
            endpoint: tx.endpoint(),
            evidence: self.samples.evidence(),
            facts,
            // How many there were is assumed where nobody saw them being made.
            doubts: Doubts {
                learning: matches!(cause, Cause::Drained { .. })
                    && self.made.is_none()
                    && self.left.is_some(),
                ..self.samples.doubts()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::story::check_rule;
    use expect_test::expect;

    #[test]
    fn three_codes_in_a_day_to_the_nanosecond() {
        check_rule(
            &RULE,
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=backup x2 every 12h
             1d+10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=backup",
            expect![[r#"
                10:00:00.000 MFA-09 backup_code_drain high user:ann: 3 used backup codes in 86400 s for ann (limit 3 in 86400 s)
            "#]],
        );
        check_rule(
            &RULE,
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=backup x2 every 12h
             1d+10:00:00.000000001 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=backup",
            expect![""],
        );
    }

    #[test]
    fn half_of_the_set_however_slowly() {
        check_rule(
            &RULE,
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=bob factor=backup x4 every 10d",
            expect![""],
        );
        check_rule(
            &RULE,
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=bob factor=backup x5 every 10d",
            expect![[r#"
                10:00:00.000 MFA-09 backup_code_drain high user:bob: 5 of 10 backup codes used up for bob (limit 50 %)
            "#]],
        );
    }

    #[test]
    fn what_the_answer_says_is_left_goes_before_what_was_counted() {
        let used = |words: &str, expected| {
            let line = format!("12:00:00 203.0.113.7 -> mfa POST /mfa 200 user=bob factor=backup {words}");
            check_rule(&RULE, &line, expected);
        };
        used("left=6", expect![""]);
        used(
            "left=5",
            expect![[r#"
            12:00:00.000 MFA-09 backup_code_drain high user:bob: 5 of 10 backup codes used up for bob (limit 50 %)
        "#]],
        );
        // A set of eight that was seen being made, and one of sixteen that was not.
        let made = "10:00:00 203.0.113.7 -> regeneration POST /mfa/codes 200 user=bob factor=backup left=8\n";
        for (left, told) in [(5, 0), (4, 1)] {
            let story =
                format!("{made}12:00:00 203.0.113.7 -> mfa POST /mfa 200 user=bob factor=backup left={left}");
            let alerts = crate::story::tell(&story).unwrap();
            assert_eq!(alerts.matches(RULE.id).count(), told, "{alerts}");
        }
        used("left=15", expect![""]);
    }

    #[test]
    fn five_wrong_codes_in_an_hour_to_the_nanosecond() {
        check_rule(
            &RULE,
            "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=carol factor=backup x4 every 15m
             11:00:00 203.0.113.7 -> mfa POST /mfa 401 user=carol factor=backup",
            expect![[r#"
                11:00:00.000 MFA-09 backup_code_drain high user:carol: 5 wrong backup codes in 3600 s for carol (limit 5 in 3600 s)
            "#]],
        );
        check_rule(
            &RULE,
            "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=carol factor=backup x4 every 15m
             11:00:00.000000001 203.0.113.7 -> mfa POST /mfa 401 user=carol factor=backup",
            expect![""],
        );
    }

    #[test]
    fn new_codes_start_anew_and_may_be_tried_out() {
        check_rule(
            &RULE,
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=dave factor=backup x2 every 1h
             12:00:00 203.0.113.7 -> regeneration POST /mfa/codes 200 user=dave factor=backup
             12:00:00 203.0.113.7 -> mfa POST /mfa 200 user=dave factor=backup x11 every 1m
             12:20:00 203.0.113.7 -> mfa POST /mfa 200 user=dave factor=backup x2 every 1m",
            expect![""],
        );
        check_rule(
            &RULE,
            "12:00:00 203.0.113.7 -> regeneration POST /mfa/codes 200 user=dave factor=backup
             12:10:00.000000001 203.0.113.7 -> mfa POST /mfa 200 user=dave factor=backup x3 every 1m",
            expect![[r#"
                12:12:00.000 MFA-09 backup_code_drain high user:dave: 3 used backup codes in 120 s for dave (limit 3 in 86400 s)
            "#]],
        );
    }

    #[test]
    fn other_factors_faults_strangers_and_second_sights_do_not_count() {
        check_rule(
            &RULE,
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=erin factor=totp x5 every 1m
             10:10:00 203.0.113.7 -> mfa POST /mfa 503 user=erin factor=backup x5 every 1m
             10:20:00 203.0.113.7 -> mfa POST /mfa - user=erin factor=backup x5 every 1m
             10:30:00 203.0.113.7 -> mfa POST /mfa 200 user=erin factor=backup repeat x5 every 1m
             10:40:00 203.0.113.7 -> mfa POST /mfa 401 factor=backup x5 every 1m
             10:50:00 203.0.113.7 -> mfa POST /mfa 423 user=erin factor=backup x5 every 1m
             11:00:00 203.0.113.7 -> removal DELETE /mfa/codes 204 user=erin factor=backup x5 every 1m",
            expect![""],
        );
    }

    #[test]
    fn an_account_is_told_about_again_after_a_quiet_day() {
        check_rule(
            &RULE,
            "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=fay factor=backup x5 every 1m
             22:00:00 203.0.113.7 -> mfa POST /mfa 401 user=fay factor=backup x5 every 1m
             1d+22:04:00 203.0.113.7 -> mfa POST /mfa 401 user=fay factor=backup x5 every 1m",
            expect![[r#"
                10:04:00.000 MFA-09 backup_code_drain high user:fay: 5 wrong backup codes in 240 s for fay (limit 5 in 3600 s)
                22:04:00.000 MFA-09 backup_code_drain high (update) user:fay: 5 wrong backup codes in 240 s for fay (limit 5 in 3600 s); 10 in all since 2026-11-21T10:00:00Z
                22:08:00.000 MFA-09 backup_code_drain high user:fay: 5 wrong backup codes in 240 s for fay (limit 5 in 3600 s)
            "#]],
        );
    }
}
