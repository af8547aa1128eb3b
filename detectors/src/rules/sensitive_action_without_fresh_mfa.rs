//! # Sensitive action without fresh MFA
//!
//! ## What it sees
//!
//! A password changed, money moved, data exported, a role given or a key made by a person who has a second factor, but
//! has not proved it within the last ten minutes.
//!
//! ## Why it matters
//!
//! A stolen session carries the second factor of its owner's login with it. Asking again right before what hurts most
//! is what stops its thief; one route that forgets to ask is enough.
//!
//! ## How it decides
//!
//! It looks at sensitive routes where a person's session or token was accepted, and whether a second factor is known to
//! have succeeded in it, on the wire or by what the token says, within 600 s. Accounts not known to have a second factor
//! say nothing. A route is judged by its latest sessions, at most 64, once there are 20. If at least 90 % of them had a
//! fresh proof, the route asks for one, and the session that came through without is told about its account: high. If
//! fewer had, the route does not ask: then the route is told, medium, once in 24 hours.
//!
//! ## Benign look-alikes
//!
//! A proof that is asked for elsewhere and not seen (label the route, or mirror that host as well), a transfer that is
//! signed by another means (switch the rule off for that deployment).
//!
//! ## Tuning
//!
//! `fresh_s` is your policy on step-up. What is sensitive is a matter of route labels.
//! Facts: `mfa_age_s` (where one was proved), `fresh_pct`, `sessions`.
//!
//! ## References
//!
//! MITRE ATT&CK T1556, T1098; OWASP API2:2023, API6:2023; RFC 9470.

use super::presence;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Several, tables,
};
use crate::identity::Fingerprint;
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Endpoint, Transaction};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// Sessions by which a route is judged, or as many as must be seen; of more, those longest unused go.
const SESSIONS_MAX: u32 = 64;
/// How long a route is remembered without use.
const ROUTE_KEPT: Duration = Duration::from_hours(30 * 24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// How old a fresh second factor is at most (600 s: long enough to fill in a form).
    pub fresh_s: u32,
    /// Sessions of a route that must be seen first (20: fewer say little about what the route asks for).
    pub sessions: u32,
    /// The share of fresh ones from which on the route is known to ask (90 %: the rest is what is looked for).
    pub asks_pct: u8,
    /// How soon a route is told again (24 h: once a working day).
    pub again_after_h: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { fresh_s: 600, sessions: 20, asks_pct: 90, again_after_h: 24 }
    }
}

/// MFA-11.
pub static RULE: Rule = Rule {
    id: "MFA-11",
    name: "sensitive_action_without_fresh_mfa",
    title: "Sensitive action without fresh MFA",
    severity: Severity::High,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Services,
    order_free: false,
    mitre: &["T1556", "T1098"],
    owasp: &["API2:2023", "API6:2023"],
    response: "require a fresh second factor on this route (step-up, RFC 9470)",
};

/// What each sensitive route asks for.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    fresh: Duration,
    again_after: Duration,
    sessions_max: usize,
    routes: Keyed<Endpoint, Route>,
}

/// The latest sessions on one route, the latest last, and whether each had a fresh proof.
#[derive(Debug, Default)]
struct Route {
    sessions: VecDeque<(Fingerprint, bool)>,
    told_at: Option<EventTime>,
}

saved!(Route { sessions, told_at });

/// How many of a route's sessions had a fresh proof.
#[derive(Clone, Copy, Debug)]
struct Share {
    sessions: u64,
    fresh: u64,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let again_after = Duration::from_secs(u64::from(thresholds.again_after_h) * 3600);
        Self {
            fresh: Duration::from_secs(u64::from(thresholds.fresh_s)),
            again_after,
            sessions_max: SESSIONS_MAX.max(thresholds.sessions) as usize,
            routes: Keyed::new(limits.keys_per_table_max, ROUTE_KEPT.max(again_after)),
            thresholds: thresholds.clone(),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::SENSITIVE.and(Facts::PERSON)
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let could_prove = tx.proof.mfa_at.is_some() || tx.proof.account_has_mfa;
        if !could_prove {
            return;
        }
        let Some((endpoint, session)) = tx.endpoint().zip(presence::session_of(tx)) else { return };
        let is_fresh = tx.proof.mfa_at.is_some_and(|proved| tx.end.since(proved) <= self.fresh);
        let route = self.routes.entry(&endpoint, tx.end);
        let share = route.share();
        let is_known_stale = route.note(session, is_fresh, self.sessions_max) == Some(false);
        if is_fresh || is_known_stale || share.sessions < u64::from(self.thresholds.sessions) {
            return;
        }
        let asks = share.fresh * 100 >= share.sessions * u64::from(self.thresholds.asks_pct);
        let is_told = route.told_at.is_some_and(|told| tx.end.since(told) < self.again_after);
        if !asks && is_told {
            return;
        }
        if !asks {
            route.told_at = Some(tx.end);
        }
        let Endpoint { method, host, route, .. } = &endpoint;
        let (about, severity) = if asks {
            (About::Principal(&tx.principal), RULE.severity)
        } else {
            (About::Endpoint { method, host, route, part: "" }, Severity::Medium)
        };
        let crossing = Crossing { about, severity, first: tx.end, fresh: 1, window: None };
        findings.raise(&crossing, || finding(tx, &endpoint, share, asks));
    }

    tables!(routes);
}

impl Route {
    fn share(&self) -> Share {
        let fresh = self.sessions.iter().filter(|(_, fresh)| *fresh).count();
        Share { sessions: self.sessions.len() as u64, fresh: fresh as u64 }
    }

    /// Notes the session; what was known of it before.
    fn note(&mut self, session: Fingerprint, is_fresh: bool, sessions_max: usize) -> Option<bool> {
        let place = self.sessions.iter().position(|(known, _)| *known == session);
        let before = place.and_then(|place| self.sessions.remove(place)).map(|(_, fresh)| fresh);
        if self.sessions.len() >= sessions_max {
            self.sessions.pop_front();
        }
        self.sessions.push_back((session, is_fresh));
        before
    }
}

fn finding(tx: &Transaction, endpoint: &Endpoint, share: Share, asks: bool) -> Finding {
    let Share { sessions, fresh } = share;
    let pct = fresh * 100 / sessions.max(1);
    let age = tx.proof.mfa_at.map(|proved| tx.end.since(proved).as_secs());
    let last =
        age.map_or("none seen in its session".to_string(), |age| format!("the last one {age} s before"));
    let sessions_seen = Several(sessions, "session");
    let message = if asks {
        format!(
            "{endpoint} accepted from {} without a fresh second factor ({last}); {pct} % of {sessions_seen} had one",
            tx.principal.id
        )
    } else {
        format!("{endpoint} asks for no fresh second factor: {pct} % of {sessions_seen} had one")
    };
    let found = Finding::of(tx, message, "accepted without a fresh second factor");
    let mut facts = vec![("fresh_pct", Fact::Count(pct)), ("sessions", Fact::Count(sessions))];
    facts.extend(age.map(|age| ("mfa_age_s", Fact::Count(age))));
    if asks {
        return Finding { facts, ..found };
    }
    Finding { principal: None, client: None, credential: None, facts, ..found }
}

#[cfg(test)]
mod tests {
    use crate::story::{check, check_confidence};
    use expect_test::expect;

    /// So many sessions with a fresh proof on the route.
    fn asked(sessions: u32) -> String {
        format!(
            "09:00:00 203.0.113.7 -> sensitive POST /transfer 200 user=u{{1..{sessions}}} session=s{{1..{sessions}}} mfa=5m"
        )
    }

    #[test]
    fn past_a_route_that_asks() {
        check(
            &format!(
                "{}
                 10:00:00 203.0.113.8 -> sensitive POST /transfer 200 user=ann session=stolen mfa=2h
                 10:00:09 203.0.113.8 -> sensitive POST /transfer 200 user=ann session=stolen mfa=2h
                 10:01:00 203.0.113.9 -> sensitive POST /transfer 200 user=bob session=b1 has_mfa",
                asked(20)
            ),
            expect![[r#"
                10:00:00.000 MFA-11 sensitive_action_without_fresh_mfa high user:ann: POST /transfer accepted from ann without a fresh second factor (the last one 7200 s before); 100 % of 20 sessions had one
                10:01:00.000 MFA-11 sensitive_action_without_fresh_mfa high user:bob: POST /transfer accepted from bob without a fresh second factor (none seen in its session); 95 % of 21 sessions had one
            "#]],
        );
    }

    #[test]
    fn nineteen_sessions_say_too_little() {
        check(
            &format!(
                "{}\n10:00:00 203.0.113.8 -> sensitive POST /transfer 200 user=ann session=stolen mfa=2h",
                asked(19)
            ),
            expect![[""]],
        );
    }

    #[test]
    fn ten_minutes_to_the_nanosecond() {
        let late = |age: &str| {
            format!(
                "{}\n10:00:00 203.0.113.8 -> sensitive POST /transfer 200 user=ann session=a1 mfa={age}",
                asked(20)
            )
        };
        check(&late("600s"), expect![[""]]);
        check(
            &late("600.000000001s"),
            expect![[r#"
            10:00:00.000 MFA-11 sensitive_action_without_fresh_mfa high user:ann: POST /transfer accepted from ann without a fresh second factor (the last one 600 s before); 100 % of 20 sessions had one
        "#]],
        );
    }

    #[test]
    fn nine_in_ten_are_a_route_that_asks_and_fewer_are_not() {
        // Two of twenty had none: 90 %. The third makes it 18 of 21.
        check(
            &format!(
                "08:00:00 203.0.113.8 -> sensitive POST /transfer 200 user=v{{1..2}} session=v{{1..2}} mfa=2h
                 {}
                 10:00:00 203.0.113.8 -> sensitive POST /transfer 200 user=ann session=a1 mfa=2h
                 10:00:10 203.0.113.8 -> sensitive POST /transfer 200 user=bob session=b1 mfa=2h
                 10:00:20 203.0.113.8 -> sensitive POST /transfer 200 user=eve session=e1 mfa=2h
                 1d+10:00:10 203.0.113.8 -> sensitive POST /transfer 200 user=eve session=e2 mfa=2h",
                asked(18)
            ),
            expect![[r#"
                10:00:00.000 MFA-11 sensitive_action_without_fresh_mfa high user:ann: POST /transfer accepted from ann without a fresh second factor (the last one 7200 s before); 90 % of 20 sessions had one
                10:00:10.000 MFA-11 sensitive_action_without_fresh_mfa medium POST api.example.com /transfer: POST /transfer asks for no fresh second factor: 85 % of 21 sessions had one
                10:00:10.000 MFA-11 sensitive_action_without_fresh_mfa medium POST api.example.com /transfer: POST /transfer asks for no fresh second factor: 78 % of 23 sessions had one
            "#]],
        );
    }

    #[test]
    fn nobody_who_could_have_proved_one() {
        check(
            &format!(
                "{}
                 10:00:00 203.0.113.8 -> sensitive POST /transfer 200 user=ann session=a1
                 10:00:01 203.0.113.8 -> sensitive POST /transfer 401 user=ann session=a1 mfa=2h
                 10:00:02 203.0.113.8 -> sensitive POST /transfer 200 user=ann key=k1 mfa=2h
                 10:00:03 203.0.113.8 -> sensitive POST /transfer 200 service=robot bearer=t1 mfa=2h
                 10:00:04 203.0.113.8 -> use GET /me 200 user=ann session=a1 mfa=2h
                 10:00:05 203.0.113.8 -> sensitive POST /export 200 user=ann session=a1 mfa=2h",
                asked(20)
            ),
            expect![[""]],
        );
    }

    #[test]
    fn what_was_cut_lowers_confidence() {
        check_confidence(
            &format!(
                "{}\n10:00:00 203.0.113.8 -> sensitive POST /transfer 200 user=ann session=stolen mfa=2h gap",
                asked(20)
            ),
            expect!["MFA-11 medium"],
        );
    }
}
