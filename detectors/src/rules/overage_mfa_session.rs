//! # Over-age MFA session
//!
//! ## What it sees
//!
//! A session that is still accepted long after its second factor was last proved.
//!
//! ## Why it matters
//!
//! A second factor says who sits there now. The older the proof, the likelier the session is in other hands: a laptop
//! left open, a stolen cookie, a token in a log. Whoever steals such a session never meets the second factor.
//!
//! ## How it decides
//!
//! For each request that succeeded in a person's session or token it takes the time since a second factor last
//! succeeded for it, as seen on the wire or as the token itself says. From 12 hours on it is info, from 24 hours
//! on medium; a fresh proof starts anew. Each step is told once a session. Where more than 5 % of a host's sessions
//! with a second factor reach 12 hours, of at least 20, the host is told instead, once a week: then it is a setting, and
//! another word for every phone that stays signed in would say nothing new. The host is told as medium first, and as
//! low in the weeks after.
//!
//! ## Benign look-alikes
//!
//! Programs (keys, client credentials and certificates are left out), dashboards on a wall (suppress their account).
//!
//! ## Tuning
//!
//! `info_h` and `medium_h` are the limits of your policy on the age of a second factor.
//! Facts: `age_s`, `factor`; of a host `sessions`, `overage`, `overage_pct`.
//!
//! ## References
//!
//! MITRE ATT&CK T1550.004; OWASP API2:2023; NIST SP 800-63B section 4.2.3 (12 hours).

use super::presence;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, tables,
};
use crate::identity::Fingerprint;
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::Transaction;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// How long a session is remembered without use; hosts are told again, and halve what they counted, after as long.
const WEEK: Duration = Duration::from_hours(7 * 24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// The age of the second factor that is worth a word (12 h: a working day and its breaks).
    pub info_h: u32,
    /// The age that is too much (24 h: every day begins with a fresh proof).
    pub medium_h: u32,
    /// The share of a host's sessions to exceed before the host is told (5 %: fewer are forgotten ones).
    pub host_pct: u8,
    /// Sessions of a host that must be seen first (20: of fewer, one is 5 %).
    pub host_sessions: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { info_h: 12, medium_h: 24, host_pct: 5, host_sessions: 20 }
    }
}

/// MFA-12.
pub static RULE: Rule = Rule {
    id: "MFA-12",
    name: "overage_mfa_session",
    title: "Over-age MFA session",
    severity: Severity::Medium,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Sessions,
    order_free: false,
    mitre: &["T1550.004"],
    owasp: &["API2:2023"],
    response: "shorten how long a session lives without a fresh second factor",
};

/// How old the sessions are.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    info: Duration,
    medium: Duration,
    sessions: Keyed<Fingerprint, Standing>,
    hosts: Keyed<Arc<str>, Host>,
}

/// What was told of a session.
#[derive(Debug, Default)]
struct Standing {
    /// The proof whose age was told.
    proved: Option<EventTime>,
    /// How far its age was told: not, as info, as medium.
    told: u8,
    /// Whether its host knows of it, and whether as too old.
    is_counted: bool,
    is_counted_old: bool,
}

saved!(Standing { proved, told, is_counted, is_counted_old });

/// The sessions with a second factor of one host; both counts are halved every week.
#[derive(Debug, Default)]
struct Host {
    halved_at: Option<EventTime>,
    told_at: Option<EventTime>,
    sessions: u64,
    overage: u64,
}

saved!(Host { halved_at, told_at, sessions, overage });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let hours = |hours: u32| Duration::from_secs(u64::from(hours) * 3600);
        Self {
            info: hours(thresholds.info_h),
            medium: hours(thresholds.medium_h),
            sessions: Keyed::new(limits.keys_per_table_max, WEEK),
            hosts: Keyed::new(limits.keys_per_table_max, WEEK.saturating_mul(2)),
            thresholds: thresholds.clone(),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::PROVED.and(Facts::PERSON)
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(proved) = tx.proof.mfa_at else { return };
        let Some(session) = presence::session_of(tx) else { return };
        let age = tx.end.since(proved);
        let level = u8::from(age >= self.info) + u8::from(age >= self.medium);
        let standing = self.sessions.entry(&session, tx.end);
        if standing.proved != Some(proved) {
            (standing.proved, standing.told) = (Some(proved), 0);
        }
        let news = standing.news(level > 0);
        let is_step = level > standing.told;
        standing.told = standing.told.max(level);
        let host = tx.request.as_ref().map(|request| &request.host).filter(|_| is_step || news.is_some());
        let host = host.map(|name| (name, self.hosts.entry(name, tx.end)));
        let is_setting = host.as_ref().is_some_and(|(_, host)| host.is_told(tx.end));
        if is_step && !is_setting {
            let crossing = Crossing {
                about: About::Principal(&tx.principal),
                severity: if level > 1 { RULE.severity } else { Severity::Info },
                first: tx.end,
                fresh: 1,
                window: None,
            };
            let limit = if level > 1 { self.medium } else { self.info };
            findings.raise(&crossing, || finding(tx, age, limit));
        }
        if let Some(news) = news
            && let Some((name, host)) = host
        {
            host.note(news, tx.end);
            if host.is_over(&self.thresholds, tx.end) {
                let severity = if host.told_at.is_some() { Severity::Low } else { RULE.severity };
                host.told_at = Some(tx.end);
                let about = About::Service(name);
                let crossing = Crossing { about, severity, first: tx.end, fresh: 1, window: None };
                findings.raise(&crossing, || posture(tx, name, host, &self.thresholds));
            }
        }
    }

    tables!(sessions, hosts);
}

/// What a host learns of one of its sessions.
#[derive(Clone, Copy, Debug)]
struct News {
    is_new: bool,
    is_newly_old: bool,
}

impl Standing {
    fn news(&mut self, is_old: bool) -> Option<News> {
        let news = News { is_new: !self.is_counted, is_newly_old: is_old && !self.is_counted_old };
        self.is_counted = true;
        self.is_counted_old |= is_old;
        (news.is_new || news.is_newly_old).then_some(news)
    }
}

impl Host {
    fn note(&mut self, news: News, now: EventTime) {
        if now.since(*self.halved_at.get_or_insert(now)) >= WEEK {
            self.halved_at = Some(now);
            (self.sessions, self.overage) = (self.sessions / 2, self.overage / 2);
        }
        self.sessions = self.sessions.saturating_add(u64::from(news.is_new));
        self.overage = self.overage.saturating_add(u64::from(news.is_newly_old));
    }

    fn is_over(&self, limits: &Thresholds, now: EventTime) -> bool {
        self.sessions >= u64::from(limits.host_sessions)
            && self.overage * 100 > self.sessions * u64::from(limits.host_pct)
            && !self.is_told(now)
    }

    /// Whether it is known that long sessions are this host's setting.
    fn is_told(&self, now: EventTime) -> bool {
        self.told_at.is_some_and(|told| now.since(told) < WEEK)
    }
}

fn finding(tx: &Transaction, age: Duration, limit: Duration) -> Finding {
    let hours = |span: Duration| span.as_secs() / 3600;
    let message = format!(
        "a session of {} is accepted {} h after its last second factor (limit {} h)",
        tx.principal.id,
        hours(age),
        hours(limit)
    );
    let mut facts = vec![("age_s", Fact::Count(age.as_secs()))];
    facts.extend(tx.proof.factor.map(|factor| ("factor", Fact::Text(factor.name().into()))));
    Finding {
        count: hours(age),
        threshold: hours(limit),
        facts,
        ..Finding::of(tx, message, "accepted without a fresh second factor")
    }
}

fn posture(tx: &Transaction, name: &str, host: &Host, limits: &Thresholds) -> Finding {
    let Host { sessions, overage, .. } = *host;
    let pct = overage * 100 / sessions.max(1);
    let message = format!(
        "{overage} of {sessions} sessions on {name} are accepted {} h and more after their second factor (limit {} %)",
        limits.info_h, limits.host_pct
    );
    Finding {
        count: overage,
        threshold: sessions * u64::from(limits.host_pct) / 100 + 1,
        principal: None,
        client: None,
        credential: None,
        endpoint: None,
        facts: vec![
            ("sessions", Fact::Count(sessions)),
            ("overage", Fact::Count(overage)),
            ("overage_pct", Fact::Count(pct)),
        ],
        ..Finding::of(tx, message, "one of these sessions")
    }
}

#[cfg(test)]
mod tests {
    use crate::story::{check, check_confidence};
    use expect_test::expect;

    #[test]
    fn twelve_hours_are_worth_a_word_and_a_day_is_too_much() {
        check(
            "10:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 mfa=5m
             21:54:59.999 203.0.113.7 -> use GET /me 200 user=ann session=s1 mfa=43199.999s
             21:55:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 mfa=12h
             22:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 mfa=43500s
             1d+09:54:59.999 203.0.113.7 -> use GET /me 200 user=ann session=s1 mfa=86399.999s
             1d+09:55:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 mfa=24h
             1d+10:55:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 mfa=25h",
            expect![[r#"
                21:55:00.000 MFA-12 overage_mfa_session info user:ann: a session of ann is accepted 12 h after its last second factor (limit 12 h)
                09:55:00.000 MFA-12 overage_mfa_session medium user:ann: a session of ann is accepted 24 h after its last second factor (limit 24 h)
            "#]],
        );
    }

    #[test]
    fn a_fresh_proof_starts_anew() {
        check(
            "10:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 mfa=13h
             11:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 mfa=1m
             23:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 mfa=43260s",
            expect![[r#"
                10:00:00.000 MFA-12 overage_mfa_session info user:ann: a session of ann is accepted 13 h after its last second factor (limit 12 h)
                23:00:00.000 MFA-12 overage_mfa_session info user:ann: a session of ann is accepted 12 h after its last second factor (limit 12 h)
            "#]],
        );
    }

    #[test]
    fn programs_refusals_and_sessions_without_a_second_factor() {
        check(
            "10:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1 mfa=25h
             10:00:01 203.0.113.7 -> use GET /me 200 service=robot bearer=t1 mfa=25h
             10:00:02 203.0.113.7 -> use GET /me 401 user=ann session=s1 mfa=25h
             10:00:03 203.0.113.7 -> use GET /me 200 user=ann session=s1
             10:00:04 203.0.113.7 -> use GET /me - user=ann session=s1 mfa=25h
             10:00:05 203.0.113.7 -> mfa POST /mfa 200 user=ann session=s1 mfa=25h",
            expect![[""]],
        );
    }

    #[test]
    fn a_host_where_it_is_a_setting() {
        check(
            "10:00:00 203.0.113.7 -> use GET /me 200 user=u{1..19} session=s{1..19} mfa=1h
             10:01:00 203.0.113.7 -> use GET /me 200 user=old1 session=o1 mfa=12h
             10:02:00 203.0.113.7 -> use GET /me 200 user=old2 session=o2 mfa=12h
             10:03:00 203.0.113.7 -> use GET /me 200 user=old3 session=o3 mfa=12h
             10:04:00 203.0.113.7 -> use GET /me 200 user=old4 session=o4 mfa=24h
             10:05:00 203.0.113.7 -> use GET /me 200 user=old5 session=o5 mfa=24h host=other.example.com",
            expect![[r#"
                10:01:00.000 MFA-12 overage_mfa_session info user:old1: a session of old1 is accepted 12 h after its last second factor (limit 12 h)
                10:02:00.000 MFA-12 overage_mfa_session info user:old2: a session of old2 is accepted 12 h after its last second factor (limit 12 h)
                10:02:00.000 MFA-12 overage_mfa_session medium api.example.com: 2 of 21 sessions on api.example.com are accepted 12 h and more after their second factor (limit 5 %)
                10:05:00.000 MFA-12 overage_mfa_session medium user:old5: a session of old5 is accepted 24 h after its last second factor (limit 24 h)
            "#]],
        );
    }

    #[test]
    fn what_was_cut_lowers_confidence() {
        check_confidence(
            "10:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 mfa=13h gap",
            expect!["MFA-12 medium"],
        );
    }
}
