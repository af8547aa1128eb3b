//! # Factor switching
//!
//! ## What it sees
//!
//! Three changes from one second factor to another, forwards or back, by one account within fifteen minutes; or one
//! try of a weaker factor by an account that was accepted by WebAuthn ten times in a row.
//!
//! ## Why it matters
//!
//! Owners have a habit. Who tries the code, then the text, then a backup code looks for the factor that gives way; and
//! the way past a factor that cannot be phished is to ask for one that can.
//!
//! ## How it decides
//!
//! It looks at each attempt whose factor is known and that the server judged, accepted or not, and counts where the
//! factor differs from the attempt before it. An accepted weaker factor ends the row of WebAuthn, so people who use
//! both are not told about. Severity is medium; an account is told about again only after a quiet hour.
//!
//! ## Benign look-alikes
//!
//! A lost or dead phone: one or two changes, and the last factor stays.
//!
//! ## Tuning
//!
//! Raise `changes` where the login page tries factors by itself.
//! Facts: `factors` (in order), `changes`, `downgrade`, `webauthn_accepted`.
//!
//! ## References
//!
//! MITRE ATT&CK T1621, T1556.006; OWASP API2:2023.

use super::actor::Actor;
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
use std::time::Duration;

/// How long an account's habit is remembered without an attempt.
const HABIT_KEPT: Duration = Duration::from_hours(30 * 24);
/// Changes told in the order of factors at most.
const ORDER_MAX: usize = 16;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Changes of factor that fire (3: a lost phone makes one or two).
    pub changes: u32,
    /// The window they are counted in (900 s: the length of one stubborn visit).
    pub window_s: u32,
    /// Acceptances by WebAuthn in a row from which on a weaker factor fires (10: a habit).
    pub webauthn_habit: u32,
    /// How long an account must be quiet before it is told about anew (3600 s: one visit, one alert).
    pub quiet_s: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { changes: 3, window_s: 900, webauthn_habit: 10, quiet_s: 3600 }
    }
}

/// MFA-10.
pub static RULE: Rule = Rule {
    id: "MFA-10",
    name: "factor_switching",
    title: "Factor switching",
    severity: Severity::Medium,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Principal,
    order_free: false,
    mitre: &["T1621", "T1556.006"],
    owasp: &["API2:2023"],
    response: "verify the owner by another channel",
};

/// Which factors each account tries.
#[derive(Debug)]
pub struct State {
    limit: Limit,
    habit: u64,
    quiet: Duration,
    actors: Keyed<Actor, Account>,
}

#[derive(Debug, Default)]
struct Account {
    last: Option<Try>,
    changes: Window<Change>,
    /// Acceptances by WebAuthn in a row.
    webauthn: u64,
}

#[derive(Clone, Debug)]
struct Try {
    factor: Factor,
    sample: Sample,
    at: crate::time::EventTime,
}

#[derive(Clone, Debug)]
struct Change {
    from: Try,
    to: Try,
}

saved!(Account { last, changes, webauthn });
saved!(Try { factor, sample, at });
saved!(Change { from, to });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let limit = Limit::new(thresholds.changes, thresholds.window_s);
        Self {
            limit,
            habit: u64::from(thresholds.webauthn_habit.max(1)),
            quiet: Duration::from_secs(u64::from(thresholds.quiet_s)).max(limit.within),
            actors: Keyed::new(limits.keys_per_table_max, HABIT_KEPT.max(limit.within)),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::MFA
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(mfa) = tx.mfa else { return };
        let judged = matches!(
            mfa.outcome,
            MfaOutcome::Success
                | MfaOutcome::FailCode
                | MfaOutcome::Pending
                | MfaOutcome::Locked
                | MfaOutcome::Throttled
        );
        if mfa.event != MfaEvent::Attempt || mfa.factor == Factor::Unknown || !judged {
            return;
        }
        let actor = Actor::of(tx);
        let account = self.actors.entry(&actor, tx.end);
        let switched = account.note(tx, mfa.factor, self.limit);
        let downgraded = mfa.factor != Factor::Webauthn && account.webauthn >= self.habit;
        if switched || downgraded {
            let first = account.changes.first().filter(|_| switched).unwrap_or(tx.end);
            let crossing = Crossing {
                about: actor.about(),
                severity: RULE.severity,
                first,
                fresh: account.changes.take_fresh().max(1),
                window: Some(self.quiet),
            };
            findings.raise(&crossing, || account.finding(tx, mfa.factor, &actor, self.limit, switched));
        }
        if mfa.outcome == MfaOutcome::Success {
            let by_webauthn = mfa.factor == Factor::Webauthn;
            account.webauthn = if by_webauthn { account.webauthn.saturating_add(1) } else { 0 };
        }
    }

    tables!(actors);
}

impl Account {
    /// Notes an attempt; says whether it is a change that reaches the limit.
    fn note(&mut self, tx: &Transaction, factor: Factor, limit: Limit) -> bool {
        let to = Try { factor, sample: Sample::of(tx), at: tx.end };
        let from = self.last.replace(to.clone());
        match from.filter(|from| from.factor != factor && tx.end.since(from.at) <= limit.within) {
            Some(from) => self.changes.push(tx.end, Change { from, to }, limit),
            None => false,
        }
    }

    fn finding(
        &self,
        tx: &Transaction,
        factor: Factor,
        actor: &Actor,
        limit: Limit,
        switched: bool,
    ) -> Finding {
        let downgrade = ("downgrade", Fact::Flag(!switched));
        let accepted = ("webauthn_accepted", Fact::Count(self.webauthn));
        if !switched {
            let message =
                format!("{factor} tried for {actor} after {} by WebAuthn", Several(self.webauthn, "login"));
            let facts = vec![
                ("factors", Fact::List(vec![Factor::Webauthn.name().into(), factor.name().into()])),
                downgrade,
                accepted,
            ];
            return Finding { facts, ..Finding::of(tx, message, "weaker factor tried") };
        }
        let message = format!(
            "{} of factor in {} for {actor} (limit {} in {} s)",
            Several(self.changes.count(), "change"),
            Span(self.changes.span()),
            limit.count,
            limit.within.as_secs(),
        );
        let shown = |most: usize| self.changes.iter().skip(self.changes.iter().len().saturating_sub(most));
        let begun = shown(ORDER_MAX).next().map(|change| change.from.factor.name().into());
        let order = begun.into_iter().chain(shown(ORDER_MAX).map(|change| change.to.factor.name().into()));
        let started = shown(EVIDENCE_MAX - 1).next().map(|change| &change.from);
        let tries = started.into_iter().chain(shown(EVIDENCE_MAX - 1).map(|change| &change.to));
        Finding {
            message,
            count: self.changes.count(),
            threshold: limit.count,
            principal: Some(tx.principal.clone()),
            client: Some(client_of(tx)),
            credential: tx.credentials.first().cloned(),
            endpoint: tx.endpoint(),
            evidence: tries.map(|one| one.sample.evidence(format!("{} tried", one.factor))).collect(),
            facts: vec![
                ("factors", Fact::List(order.collect())),
                ("changes", Fact::Count(self.changes.count())),
                downgrade,
                accepted,
            ],
            doubts: Doubts::of(
                self.changes.iter().flat_map(|change| [&change.from.sample, &change.to.sample]),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::story::{check, check_confidence};
    use expect_test::expect;

    #[test]
    fn the_third_change_within_fifteen_minutes() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=ann factor=totp
             10:01:00 203.0.113.7 -> mfa POST /mfa 401 user=ann factor=sms
             10:02:00 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=totp
             10:03:00 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=totp",
            expect![""],
        );
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=totp
             10:01:00 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=sms
             10:02:00 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=totp
             10:03:00 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=email",
            expect![[r#"
                10:03:00.000 MFA-10 factor_switching medium user:ann: 3 changes of factor in 120 s for ann (limit 3 in 900 s)
            "#]],
        );
    }

    #[test]
    fn the_window_closes_to_the_nanosecond() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=edge factor=totp
             10:01:00 203.0.113.7 -> mfa POST /mfa 200 user=edge factor=sms
             10:02:00 203.0.113.7 -> mfa POST /mfa 200 user=edge factor=totp
             10:16:00 203.0.113.7 -> mfa POST /mfa 200 user=edge factor=sms",
            expect![[r#"
                10:16:00.000 MFA-10 factor_switching medium user:edge: 3 changes of factor in 900 s for edge (limit 3 in 900 s)
            "#]],
        );
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=edge factor=totp
             10:01:00 203.0.113.7 -> mfa POST /mfa 200 user=edge factor=sms
             10:02:00 203.0.113.7 -> mfa POST /mfa 200 user=edge factor=totp
             10:16:00.000000001 203.0.113.7 -> mfa POST /mfa 200 user=edge factor=sms",
            expect![""],
        );
    }

    #[test]
    fn a_weaker_factor_after_ten_logins_by_webauthn() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=bob factor=webauthn x9 every 1d
             10d+10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=bob factor=sms",
            expect![""],
        );
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=bob factor=webauthn x10 every 1d
             10d+10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=bob factor=sms
             10d+12:00:00 203.0.113.7 -> mfa POST /mfa 200 user=bob factor=sms
             10d+14:00:00 203.0.113.7 -> mfa POST /mfa 200 user=bob factor=sms",
            expect![[r#"
                10:00:00.000 MFA-10 factor_switching medium user:bob: sms tried for bob after 10 logins by WebAuthn
                12:00:00.000 MFA-10 factor_switching medium user:bob: sms tried for bob after 10 logins by WebAuthn
            "#]],
        );
    }

    #[test]
    fn what_was_not_judged_or_not_named_is_no_change() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 503 user=carol factor=totp x4 every 20s
             10:00:10 203.0.113.7 -> mfa POST /mfa 503 user=carol factor=sms x4 every 20s
             10:02:00 203.0.113.7 -> mfa POST /mfa 200 user=carol factor=totp x4 every 20s
             10:02:10 203.0.113.7 -> mfa POST /mfa - user=carol factor=sms x4 every 20s
             10:04:10 203.0.113.7 -> mfa POST /mfa 200 user=carol factor=unknown x4 every 20s
             10:06:10 203.0.113.7 -> mfa POST /mfa 200 user=carol factor=push repeat x4 every 20s
             10:08:10 203.0.113.7 -> challenge POST /mfa 200 user=carol factor=push",
            expect![""],
        );
    }

    #[test]
    fn an_hour_must_be_quiet_before_it_is_told_anew() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=dave factor=totp x3 every 2m
             10:01:00 203.0.113.7 -> mfa POST /mfa 200 user=dave factor=sms x3 every 2m
             12:00:00 203.0.113.7 -> mfa POST /mfa 200 user=dave factor=totp x2 every 2m
             12:01:00 203.0.113.7 -> mfa POST /mfa 200 user=dave factor=sms x2 every 2m",
            expect![[r#"
                10:03:00.000 MFA-10 factor_switching medium user:dave: 3 changes of factor in 120 s for dave (limit 3 in 900 s)
                12:03:00.000 MFA-10 factor_switching medium user:dave: 3 changes of factor in 120 s for dave (limit 3 in 900 s)
            "#]],
        );
    }

    #[test]
    fn what_was_cut_lowers_confidence() {
        check_confidence(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=erin factor=totp gap x2 every 2m
             10:01:00 203.0.113.7 -> mfa POST /mfa 200 user=erin factor=sms x2 every 2m",
            expect!["MFA-10 medium"],
        );
    }
}
