//! # Stale or dormant key
//!
//! ## What it sees
//!
//! A static key that is still in use after 90 days, and one that is used again after 30 days of silence.
//!
//! ## Why it matters
//!
//! The longer a key lives, the more copies of it there are, and the fewer people know them. A key nobody missed for a
//! month and that works again today is either a forgotten job or somebody who found it.
//!
//! ## How it decides
//!
//! It remembers when each key (API keys, signing keys, secrets of OAuth clients that act for themselves) was first and
//! last accepted. A key older than 90 days is info, older than 180 days low; it is told on use, once in 30 days, and at
//! once when it has become worse. Of many such keys of one host ten of a severity are told one by one in 30 days and the
//! rest in one alert about the host. A key that is accepted after 30 days or more without is medium, each time, by itself.
//! An age is a lower bound: it counts from when this sensor first saw the key accepted.
//!
//! ## Benign look-alikes
//!
//! A job that runs once in a quarter (suppress its key with a reason). A sensor that was blind for a month sees every key
//! come back: suppress the rule for that day.
//!
//! ## Tuning
//!
//! `old_days` and `very_old_days` are your policy on rotation, `dormant_days` on unused keys.
//! Facts: `age_days` (a lower bound), `idle_days`, `first_seen`, `last_seen`; of many keys none.
//!
//! ## References
//!
//! MITRE ATT&CK T1078.004; OWASP API2:2023, API8:2023.

use super::keys::{self, Crowd, Telling};
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Several, tables,
};
use crate::hash::StableHasher;
use crate::identity::{Credential, Fingerprint};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::Transaction;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a key is remembered without use: over a year, for jobs that run once in one.
const KEPT: Duration = Duration::from_hours(400 * 24);
const DAY: Duration = Duration::from_hours(24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// The age beyond which a key should have been replaced (90 d: the usual rotation).
    pub old_days: u32,
    /// The age beyond which it was plainly forgotten (180 d: two rotations missed).
    pub very_old_days: u32,
    /// Silence from which on a key should have been revoked (30 d: a monthly job has run).
    pub dormant_days: u32,
    /// How soon an old key is told again (30 d: once a month).
    pub again_after_days: u32,
    /// Old keys of a host told one by one (10: more are a matter of policy, and one alert says so).
    pub keys: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { old_days: 90, very_old_days: 180, dormant_days: 30, again_after_days: 30, keys: 10 }
    }
}

/// KEY-04.
pub static RULE: Rule = Rule {
    id: "KEY-04",
    name: "stale_key",
    title: "Stale or dormant key",
    severity: Severity::Info,
    scope: Scope::Credential,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Keys,
    order_free: false,
    mitre: &["T1078.004"],
    owasp: &["API2:2023", "API8:2023"],
    response: "replace old keys, revoke unused ones; find out who woke a key that was dormant",
};

/// When each key was in use.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    old: Duration,
    very_old: Duration,
    dormant: Duration,
    again_after: Duration,
    keys: Keyed<Fingerprint, Key>,
    /// By host and severity.
    crowds: Keyed<u64, Crowd>,
}

/// One key's life; times that never were are zero, for there may be a million of these.
#[derive(Clone, Copy, Debug, Default)]
struct Key {
    first: EventTime,
    last: EventTime,
    told: EventTime,
}

saved!(Key { first, last, told });

/// What is wrong with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Old,
    VeryOld,
    Dormant,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let days = |days: u32| DAY.saturating_mul(days);
        let again_after = days(thresholds.again_after_days);
        let (very_old, dormant) = (days(thresholds.very_old_days), days(thresholds.dormant_days));
        let keys = limits.keys_per_table_max;
        Self {
            old: days(thresholds.old_days),
            very_old,
            dormant,
            again_after,
            keys: Keyed::new(keys, KEPT.max(dormant.saturating_mul(2))),
            crowds: Keyed::new(keys, again_after),
            thresholds: thresholds.clone(),
        }
    }

    /// What is to be told of a key that is in use now.
    fn fault(&self, key: Key, now: EventTime) -> Option<Fault> {
        if now.since(key.last) >= self.dormant {
            return Some(Fault::Dormant);
        }
        let by_age = |at: EventTime| match at.since(key.first) {
            age if age > self.very_old => Some(Fault::VeryOld),
            age if age > self.old => Some(Fault::Old),
            _ => None,
        };
        let fault = by_age(now)?;
        let is_worse = by_age(key.told) != Some(fault);
        (is_worse || now.since(key.told) >= self.again_after).then_some(fault)
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::KEY.and(Facts::ACCEPTED)
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        if tx.credentials.is_empty() || !keys::is_accepted(tx) {
            return;
        }
        let Some(credential) = keys::of(tx) else { return };
        let now = tx.end;
        let key = self.keys.entry(&credential.fingerprint, now);
        if key.first == EventTime::ZERO {
            (key.first, key.last) = (now, now);
        }
        let before = *key;
        key.last = now.max(before.last);
        let Some(fault) = self.fault(before, now) else { return };
        if let Some(key) = self.keys.get(&credential.fingerprint, now) {
            key.told = now;
        }
        let Some(request) = &tx.request else { return };
        let severity = fault.severity();
        let telling = match fault {
            Fault::Dormant => Telling::Key,
            Fault::Old | Fault::VeryOld => {
                let place = StableHasher::of_parts(&[request.host.as_bytes(), severity.name().as_bytes()]);
                let crowd = self.crowds.entry(&(place as u64), now);
                crowd.joins(now, self.again_after, self.thresholds.keys)
            }
        };
        let about = match telling {
            Telling::Key => About::Credential { fingerprint: credential.fingerprint, part: "" },
            Telling::Crowd => About::Service(&request.host),
            Telling::Nothing => return,
        };
        let crossing = Crossing { about, severity, first: now, fresh: 1, window: None };
        findings.raise(&crossing, || match telling {
            Telling::Crowd => of_many(tx, &request.host, fault, &self.thresholds),
            _ => of_one(tx, credential, before, fault, &self.thresholds),
        });
    }

    tables!(keys, crowds);
}

impl Fault {
    fn severity(self) -> Severity {
        match self {
            Self::Old => RULE.severity,
            Self::VeryOld => Severity::Low,
            Self::Dormant => Severity::Medium,
        }
    }

    fn limit(self, limits: &Thresholds) -> u32 {
        match self {
            Self::Old => limits.old_days,
            Self::VeryOld => limits.very_old_days,
            Self::Dormant => limits.dormant_days,
        }
    }
}

fn of_one(tx: &Transaction, credential: &Credential, key: Key, fault: Fault, limits: &Thresholds) -> Finding {
    let days = |span: Duration| span.as_secs() / DAY.as_secs();
    let (age, idle) = (days(tx.end.since(key.first)), days(tx.end.since(key.last)));
    let limit = fault.limit(limits);
    let named = keys::Named(credential, tx);
    let (count, message) = match fault {
        Fault::Dormant => {
            (idle, format!("{named} accepted again after {idle} days without use (limit {limit} d)"))
        }
        Fault::Old | Fault::VeryOld => {
            (age, format!("{named} still in use, at least {age} days old (limit {limit} d)"))
        }
    };
    let found = Finding::of(tx, message, "accepted");
    Finding {
        count,
        threshold: u64::from(limit),
        credential: Some(credential.clone()),
        facts: vec![
            ("age_days", Fact::Count(age)),
            ("idle_days", Fact::Count(idle)),
            ("first_seen", Fact::Text(key.first.to_string().into())),
            ("last_seen", Fact::Text(key.last.to_string().into())),
        ],
        ..found
    }
}

fn of_many(tx: &Transaction, host: &str, fault: Fault, limits: &Thresholds) -> Finding {
    let keys = u64::from(limits.keys);
    let message =
        format!("more than {} of {host} in use for over {} days", Several(keys, "key"), fault.limit(limits));
    let found = Finding::of(tx, message, "accepted");
    Finding { count: keys + 1, threshold: keys + 1, principal: None, client: None, ..found }
}

#[cfg(test)]
mod tests {
    use crate::story::{alerts, check};
    use expect_test::expect;

    /// A key used every 29 days, then at a time of its own.
    fn kept_in_use(until_day: u32, time: &str) -> String {
        let mut story = String::new();
        for day in (0..until_day).step_by(29) {
            story += &format!("{day}d+10:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1\n");
        }
        story + &format!("{until_day}d+{time} 203.0.113.7 -> use GET /me 200 user=ann key=k1")
    }

    #[test]
    fn ninety_days_to_the_nanosecond() {
        check(&kept_in_use(90, "10:00:00"), expect![[""]]);
        check(
            &kept_in_use(90, "10:00:00.000000001"),
            expect![[r#"
            10:00:00.000 KEY-04 stale_key info 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann still in use, at least 90 days old (limit 90 d)
        "#]],
        );
    }

    #[test]
    fn half_a_year_and_once_a_month() {
        check(
            &format!(
                "{}
                 {}
                 {}",
                kept_in_use(91, "10:00:00"),
                "120d+09:59:59.999999999 203.0.113.7 -> use GET /me 200 user=ann key=k1
                 121d+10:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1",
                "150d+10:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1
                 175d+10:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1
                 180d+10:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1
                 180d+10:00:00.000000001 203.0.113.7 -> use GET /me 200 user=ann key=k1
                 181d+10:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1"
            ),
            expect![[r#"
                10:00:00.000 KEY-04 stale_key info 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann still in use, at least 91 days old (limit 90 d)
                10:00:00.000 KEY-04 stale_key info 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann still in use, at least 121 days old (limit 90 d)
                10:00:00.000 KEY-04 stale_key info 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann still in use, at least 175 days old (limit 90 d)
                10:00:00.000 KEY-04 stale_key low 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann still in use, at least 180 days old (limit 180 d)
            "#]],
        );
    }

    #[test]
    fn a_month_of_silence() {
        check(
            "10:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1
             29d+10:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1
             58d+09:59:59.999999999 203.0.113.7 -> use GET /me 200 user=ann key=k1
             88d+09:59:59.999999999 203.0.113.7 -> use GET /me 200 user=ann key=k1
             91d+10:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1
             391d+10:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1",
            expect![[r#"
                09:59:59.999 KEY-04 stale_key medium 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann accepted again after 30 days without use (limit 30 d)
                10:00:00.000 KEY-04 stale_key info 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann still in use, at least 91 days old (limit 90 d)
                10:00:00.000 KEY-04 stale_key medium 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann accepted again after 300 days without use (limit 30 d)
            "#]],
        );
    }

    #[test]
    fn all_keys_grow_old_on_one_day() {
        let mut story = String::new();
        for day in [0, 25, 50, 75, 95] {
            story += &format!("{day}d+10:00:00 203.0.113.7 -> use GET /me 200 key=k{{1..40}}\n");
        }
        let told = alerts(&story, crate::runtime::RuntimeConfig::default()).unwrap();
        let opened: Vec<&str> =
            told.iter().filter(|alert| alert.rev == 1).map(|alert| alert.message.as_str()).collect();
        assert_eq!(opened.len(), 11);
        expect!["more than 10 keys of api.example.com in use for over 90 days"].assert_eq(opened[10]);
    }

    #[test]
    fn what_is_no_use_of_a_key() {
        check(
            "10:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1
             31d+10:00:00 203.0.113.7 -> use GET /me 401 user=ann key=k1
             31d+10:00:01 203.0.113.7 -> use GET /me - user=ann key=k1
             31d+10:00:02 203.0.113.7 -> use GET /me 200 user=ann session=s1 key=k1
             31d+10:00:03 203.0.113.7 -> use GET /me 200 user=ann key=k1 repeat
             31d+10:00:04 203.0.113.7 -> use GET /me 200 user=ann key=k2
             10:00:00 203.0.113.7 -> use GET /me 200 user=bob session=s2
             91d+10:00:00 203.0.113.7 -> use GET /me 200 user=bob session=s2",
            expect![[""]],
        );
    }
}
