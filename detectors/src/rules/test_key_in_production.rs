//! # Test and production mixed
//!
//! ## What it sees
//!
//! A key for tests that production accepts, a key for production that a host for tests accepts, and one key that is
//! accepted on both.
//!
//! ## Why it matters
//!
//! Keys for tests lie in repositories, tickets and chats, for they open nothing. A key that opens both is as secret as
//! the test environment is. Production's keys on a test host are in the hands of whoever may look there.
//!
//! ## How it decides
//!
//! A key says what it is for where its prefix has a word for it (`sk_test_…`, `access-sandbox-…`, `acme_live_…`). A host
//! says it by its name: `test`, `staging`, `sandbox`, `dev`, `qa`, `uat`, `preview`, `demo` and the like in front of the
//! name that its owner registered; hosts that are addresses, or names inside, say nothing. Static keys that were accepted
//! count (API keys, signing keys, secrets of OAuth clients that act for themselves); of a key without such a word the use
//! on a host of each kind within 30 days. Severity is low; a key is told once in seven days for each. Of many keys of one
//! host ten are told one by one in that time and the rest in one alert about the host.
//!
//! ## Benign look-alikes
//!
//! Products whose test mode is a matter of the key alone, on the same host: suppress the host. A vendor's API that
//! programs of yours call with the vendor's key for tests.
//!
//! ## Tuning
//!
//! `within_days` is how long a use on the one kind of host is held against the other.
//! Facts: `mixed` (`test_key`, `live_key` or `both`), `host`, and for `both` `other_host`; of many keys `mixed`, `host`.
//!
//! ## References
//!
//! MITRE ATT&CK T1552; OWASP API8:2023.

use super::keys::{self, Crowd, Telling};
use super::zone::Zone;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Several, tables,
};
use crate::hash::Mark;
use crate::identity::{Credential, Fingerprint, Stage, named};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Request, Transaction};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// How long after its use on the one kind of host a key may not be used on the other (30 d: a month of releases).
    pub within_days: u32,
    /// How soon a key is told again for the same (7 d: a standing weakness is a weekly matter).
    pub again_after_days: u32,
    /// Keys of a host told one by one for the same (10: more are how the product is made, and one alert says so).
    pub keys: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { within_days: 30, again_after_days: 7, keys: 10 }
    }
}

/// KEY-10.
pub static RULE: Rule = Rule {
    id: "KEY-10",
    name: "test_key_in_production",
    title: "Test and production mixed",
    severity: Severity::Low,
    scope: Scope::Credential,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Keys,
    order_free: false,
    mitre: &["T1552"],
    owasp: &["API8:2023"],
    response: "give each environment credentials of its own, and let each refuse the other's",
};

/// Where each key is accepted.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    within: Duration,
    again_after: Duration,
    keys: Keyed<Fingerprint, Key>,
    /// By host and what is mixed there.
    crowds: Keyed<u64, Crowd>,
}

/// The latest use of a key on a host of each kind, and what was told of it.
#[derive(Debug, Default)]
struct Key {
    production: Option<(Arc<str>, EventTime)>,
    test: Option<(Arc<str>, EventTime)>,
    told: Vec<(Mixed, EventTime)>,
}

saved!(Key { production, test, told });

named! {
    /// What is mixed.
    Mixed {
        /// A key for tests is accepted in production.
        TestKey => "test_key",
        /// A key for production is accepted on a host for tests.
        LiveKey => "live_key",
        /// A key is accepted on both kinds of hosts.
        Both => "both",
    }
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let days = |days: u32| DAY.saturating_mul(days);
        let (within, again_after) = (days(thresholds.within_days), days(thresholds.again_after_days));
        let keys = limits.keys_per_table_max;
        Self {
            within,
            again_after,
            keys: Keyed::new(keys, within.max(again_after)),
            crowds: Keyed::new(keys, again_after),
            thresholds: thresholds.clone(),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::KEY.and(Facts::ACCEPTED)
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let (Some(credential), Some(request)) = (keys::of(tx), &tx.request) else { return };
        let Some(zone) = Zone::of(&request.host) else { return };
        let now = tx.end;
        let key = self.keys.entry(&credential.fingerprint, now);
        let other = key.used(zone, &request.host, now, self.within);
        let mixed = match (credential.stage, zone) {
            (Some(Stage::Test), Zone::Production) => Mixed::TestKey,
            (Some(Stage::Live), Zone::Test) => Mixed::LiveKey,
            _ if other.is_some() => Mixed::Both,
            _ => return,
        };
        if !key.is_news(mixed, now, self.again_after) {
            return;
        }
        let crowd = self.crowds.entry(&Mark::of([&*request.host, mixed.name()]), now);
        let telling = crowd.joins(now, self.again_after, self.thresholds.keys);
        let about = match telling {
            Telling::Key => About::Credential { fingerprint: credential.fingerprint, part: mixed.name() },
            Telling::Crowd => About::Service(&request.host),
            Telling::Nothing => return,
        };
        let crossing = Crossing { about, severity: RULE.severity, first: now, fresh: 1, window: None };
        findings.raise(&crossing, || match telling {
            Telling::Crowd => of_many(tx, request, mixed, self.thresholds.keys),
            _ => of_one(tx, request, credential, mixed, other),
        });
    }

    tables!(keys, crowds);
}

impl Key {
    /// Notes a use; the host of the other kind that it was used on of late.
    fn used(&mut self, zone: Zone, host: &Arc<str>, now: EventTime, within: Duration) -> Option<Arc<str>> {
        let (here, there) = match zone {
            Zone::Production => (&mut self.production, &self.test),
            Zone::Test => (&mut self.test, &self.production),
        };
        match here {
            Some((known, at)) if known == host => *at = now,
            _ => *here = Some((host.clone(), now)),
        }
        let recent = there.as_ref().filter(|(_, at)| now.since(*at) <= within);
        recent.map(|(host, _)| host.clone())
    }

    /// Whether this was not told of late; it is told now.
    fn is_news(&mut self, mixed: Mixed, now: EventTime, again_after: Duration) -> bool {
        self.told.retain(|&(_, told)| now.since(told) < again_after);
        let is_told = self.told.iter().any(|&(told, _)| told == mixed);
        if !is_told {
            self.told.push((mixed, now));
        }
        !is_told
    }
}

fn of_one(
    tx: &Transaction,
    request: &Request,
    credential: &Credential,
    mixed: Mixed,
    other: Option<Arc<str>>,
) -> Finding {
    let (named, host) = (keys::Named(credential, tx), &request.host);
    let message = match (mixed, &other) {
        (Mixed::TestKey, _) => format!("{named}, a key for tests, accepted in production on {host}"),
        (Mixed::LiveKey, _) => format!("{named}, a key for production, accepted on {host}, a host for tests"),
        (Mixed::Both, Some(other)) => {
            format!("{named} accepted on {host} and on {other}, one of them for tests")
        }
        (Mixed::Both, None) => format!("{named} accepted on {host} and on a host of the other kind"),
    };
    let mut facts = vec![("mixed", Fact::Text(mixed.name().into())), ("host", Fact::Text(host.clone()))];
    facts.extend(other.filter(|_| mixed == Mixed::Both).map(|other| ("other_host", Fact::Text(other))));
    Finding { credential: Some(credential.clone()), facts, ..Finding::of(tx, message, "accepted") }
}

fn of_many(tx: &Transaction, request: &Request, mixed: Mixed, keys: u32) -> Finding {
    let host = &request.host;
    let many = Several(u64::from(keys), "key");
    let message = match mixed {
        Mixed::TestKey => format!("more than {many} for tests accepted in production on {host}"),
        Mixed::LiveKey => format!("more than {many} for production accepted on {host}, a host for tests"),
        Mixed::Both => format!("more than {many} accepted on {host} and on hosts of the other kind"),
    };
    Finding {
        count: u64::from(keys) + 1,
        threshold: u64::from(keys) + 1,
        principal: None,
        client: None,
        facts: vec![("mixed", Fact::Text(mixed.name().into())), ("host", Fact::Text(host.clone()))],
        ..Finding::of(tx, message, "accepted")
    }
}

#[cfg(test)]
mod tests {
    use crate::runtime::RuntimeConfig;
    use crate::story::{alerts, check};
    use expect_test::expect;

    #[test]
    fn a_key_for_tests_in_production_and_the_other_way_round() {
        check(
            "10:00:00 203.0.113.7 -> use GET /me 200 key=k1 stage=test x3
             10:01:00 203.0.113.7 -> use GET /me 200 key=k2 stage=live host=api.staging.example.com
             7d+09:59:59.999999999 203.0.113.7 -> use GET /me 200 key=k1 stage=test
             7d+10:00:00 203.0.113.7 -> use GET /me 200 key=k1 stage=test",
            expect![[r#"
                10:00:00.000 KEY-10 test_key_in_production low 4fe70c2b12730bbd30c371687045227c (test_key): api_key 4fe70c2b, a key for tests, accepted in production on api.example.com
                10:01:00.000 KEY-10 test_key_in_production low d9e44538c66f1a60d7528af7b3708f90 (live_key): api_key d9e44538, a key for production, accepted on api.staging.example.com, a host for tests
                10:00:00.000 KEY-10 test_key_in_production low 4fe70c2b12730bbd30c371687045227c (test_key): api_key 4fe70c2b, a key for tests, accepted in production on api.example.com
            "#]],
        );
    }

    #[test]
    fn one_key_for_both() {
        check(
            "10:00:00 203.0.113.7 -> use GET /me 200 user=ann key=k1
             10:01:00 203.0.113.7 -> use GET /me 200 user=ann key=k1 host=qa.example.com
             10:02:00 203.0.113.7 -> use GET /me 200 user=ann key=k1",
            expect![[r#"
                10:01:00.000 KEY-10 test_key_in_production low 4fe70c2b12730bbd30c371687045227c (both): api_key 4fe70c2b of ann accepted on qa.example.com and on api.example.com, one of them for tests
            "#]],
        );
    }

    #[test]
    fn each_where_it_belongs() {
        check(
            "10:00:00 203.0.113.7 -> use GET /me 200 key=k1 stage=live
             10:00:01 203.0.113.7 -> use GET /me 200 key=k2 stage=test host=sandbox.example.com
             10:00:02 203.0.113.7 -> use GET /me 401 key=k3 stage=test
             10:00:03 203.0.113.7 -> use GET /me 200 key=k4 stage=test host=10.0.0.5
             10:00:04 203.0.113.7 -> use GET /me 200 user=ann session=s1 key=k5 stage=test
             10:00:05 203.0.113.7 -> use GET /me 200 key=k6
             10:00:06 203.0.113.7 -> use GET /me 401 key=k6 host=qa.example.com
             40d+10:00:00 203.0.113.7 -> use GET /other 200 key=k7 host=qa.example.com
             71d+10:00:00 203.0.113.7 -> use GET /other 200 key=k7",
            expect![[r#"
                10:00:00.000 KEY-04 stale_key medium bb50366b3b6e03aa955d74108e3fbc06: api_key bb50366b accepted again after 31 days without use (limit 30 d)
            "#]],
        );
    }

    #[test]
    fn a_product_with_a_test_mode_is_told_once() {
        let story = "10:00:00 203.0.113.7 -> use GET /me 200 key=k{1..40} stage=test";
        let told = alerts(story, RuntimeConfig::default()).unwrap();
        let opened: Vec<&str> =
            told.iter().filter(|alert| alert.rev == 1).map(|alert| alert.message.as_str()).collect();
        assert_eq!(opened.len(), 11);
        expect!["more than 10 keys for tests accepted in production on api.example.com"]
            .assert_eq(opened[10]);
    }
}
