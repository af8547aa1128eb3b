//! # Key guessing, dead or revived key
//!
//! ## What it sees
//!
//! One client that is refused with ten different keys or client secrets in five minutes. Beside it, a key that is refused
//! more than 100 times in an hour, and one that was refused for a day and works again.
//!
//! ## Why it matters
//!
//! A program has one key. Whoever tries many has a list: of guesses, or of keys that leaked somewhere and may still work.
//! A dead key that is tried all day is a client that nobody looks after, and a revoked key that works again is one that
//! its thief was waiting for.
//!
//! ## How it decides
//!
//! A refusal is a denial with any status but 400, 423 and 429: those speak of the request, or of the pace. Keys that were
//! ever accepted are no guesses, so a customer's missing rights do not count. Guessing is high and about the client (IPv6
//! by /64). A dead key is info and about the key: that many refusals, and no acceptance between them. Revival is high:
//! refusals that lie 24 hours or more apart, with no acceptance between them, then an acceptance of a key that had been
//! accepted before and was not handed out anew. A 403 does not count there: it speaks of rights as often as of the key.
//!
//! ## Benign look-alikes
//!
//! A program with a stale key repeats that one key: it is told as dead, never as guessing. An account that was locked for
//! not paying and is open again revives its keys: ask the owner.
//!
//! ## Tuning
//!
//! Raise `keys` for gateways that bring many customers' keys from one address.
//! Facts: `about` (`guessing`, `dead`, `revived`); of guessing `keys`, `keys_total` (since the client was last quiet; an
//! estimate beyond 512); of a dead key `refusals`; of a revived one `refused_from`, `refused_to`.
//!
//! ## References
//!
//! MITRE ATT&CK T1110, T1078.004; OWASP API2:2023, API4:2023; RFC 6749 section 5.2.

use super::crowd::Crowd;
use super::keys;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Several, Span, client_of,
    tables,
};
use crate::identity::{Credential, Fingerprint};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::Transaction;
use crate::window::{Limit, Window};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// The status that speaks of a caller's rights, as often as of its key.
const FORBIDDEN: u16 = 403;
/// How long a key is remembered without use.
const KEY_KEPT: Duration = Duration::from_hours(90 * 24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Different refused keys of one client that fire (10: a program has one, and a few after a rotation gone wrong).
    pub keys: u32,
    /// The window they are counted in (300 s: a list is gone through without pause).
    pub window_s: u32,
    /// Refusals of one key in an hour that are still borne (100: a retry every 36 s).
    pub dead_per_hour: u32,
    /// The time between refusals after which an acceptance is a revival (24 h: longer than a deployment gone wrong).
    pub revived_after_h: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { keys: 10, window_s: 300, dead_per_hour: 100, revived_after_h: 24 }
    }
}

/// KEY-07.
pub static RULE: Rule = Rule {
    id: "KEY-07",
    name: "key_guessing",
    title: "Key guessing, dead or revived key",
    severity: Severity::High,
    scope: Scope::Client,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Keys,
    order_free: false,
    mitre: &["T1110", "T1078.004"],
    owasp: &["API2:2023", "API4:2023"],
    response: "block the client that guesses; find the one that carries a dead key; ask who revived a key, and why",
};

/// Refused keys by client, and the life of each key.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    window: Duration,
    dead: Limit,
    revived_after: Duration,
    clients: Keyed<IpAddr, Crowd>,
    keys: Keyed<Fingerprint, Key>,
}

#[derive(Debug, Default)]
struct Key {
    was_accepted: bool,
    /// The first and the latest refusal since it was last accepted, those for want of rights left out.
    refused: Option<(EventTime, EventTime)>,
    /// The refusals of the last hour, since it was last accepted.
    refusals: Window<()>,
}

saved!(Key { was_accepted, refused, refusals });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let window = Duration::from_secs(u64::from(thresholds.window_s));
        let revived_after = Duration::from_secs(u64::from(thresholds.revived_after_h) * 3600);
        let keys = limits.keys_per_table_max;
        Self {
            window,
            dead: Limit::new(thresholds.dead_per_hour.saturating_add(1), 3600),
            revived_after,
            clients: Keyed::new(keys, window),
            keys: Keyed::new(keys, KEY_KEPT.max(revived_after.saturating_mul(2))),
            thresholds: thresholds.clone(),
        }
    }

    fn observe_refusal(&mut self, tx: &Transaction, credential: &Credential, findings: &mut Findings<'_>) {
        let now = tx.end;
        let key = self.keys.entry(&credential.fingerprint, now);
        if tx.status() != Some(FORBIDDEN) {
            key.refused = Some((key.refused.map_or(now, |(first, _)| first), now));
        }
        if key.refusals.push(now, (), self.dead) {
            let crossing = Crossing {
                about: About::Credential { fingerprint: credential.fingerprint, part: "dead" },
                severity: Severity::Info,
                first: key.refusals.first().unwrap_or(now),
                fresh: key.refusals.take_fresh(),
                window: Some(self.dead.within),
            };
            findings.raise(&crossing, || dead(tx, credential, &key.refusals, self.dead));
        }
        if !key.was_accepted {
            self.observe_guess(tx, credential, findings);
        }
    }

    fn observe_guess(&mut self, tx: &Transaction, credential: &Credential, findings: &mut Findings<'_>) {
        let network = tx.client.network();
        let crowd = self.clients.entry(findings.client(&network), tx.end);
        crowd.note(tx.end, keys::number(credential.fingerprint), true, self.window);
        crowd.samples.push(tx, "key refused");
        // Whoever calls for many customers has the dead keys of some among the good ones of the others.
        let refused = crowd.failing_accounts();
        if refused < u64::from(self.thresholds.keys) || refused * 2 < crowd.accounts.count() {
            return;
        }
        let crossing = Crossing {
            about: About::Client(network),
            severity: RULE.severity,
            first: crowd.first().unwrap_or(tx.end),
            fresh: crowd.take_fresh(),
            window: Some(self.window),
        };
        findings.raise(&crossing, || guessing(tx, crowd, &self.thresholds));
    }

    fn observe_acceptance(&mut self, tx: &Transaction, credential: &Credential, findings: &mut Findings<'_>) {
        if let Some(crowd) = self.clients.get(findings.client(&tx.client.network()), tx.end) {
            crowd.note(tx.end, keys::number(credential.fingerprint), false, self.window);
        }
        let key = self.keys.entry(&credential.fingerprint, tx.end);
        let was_accepted = std::mem::replace(&mut key.was_accepted, true);
        key.refusals.clear();
        let Some((first, last)) = key.refused.take() else { return };
        let is_anew = tx.session.is_some_and(|session| session.issued_in_sight && session.since >= first);
        if !was_accepted || is_anew || last.since(first) < self.revived_after {
            return;
        }
        let crossing = Crossing {
            about: About::Credential { fingerprint: credential.fingerprint, part: "revived" },
            severity: RULE.severity,
            first: tx.end,
            fresh: 1,
            window: None,
        };
        findings.raise(&crossing, || revived(tx, credential, first, last));
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::KEY
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        if tx.credentials.is_empty() {
            return;
        }
        let (is_accepted, is_refused) = (keys::is_accepted(tx), keys::is_refused(tx));
        if !is_accepted && !is_refused {
            return;
        }
        match keys::of(tx) {
            Some(key) if is_refused => self.observe_refusal(tx, key, findings),
            Some(key) => self.observe_acceptance(tx, key, findings),
            None => {}
        }
    }

    tables!(clients, keys);
}

fn guessing(tx: &Transaction, crowd: &Crowd, limits: &Thresholds) -> Finding {
    let keys = crowd.failing_accounts();
    let place = tx.endpoint().map(|endpoint| format!(" on {endpoint}")).unwrap_or_default();
    Finding {
        message: format!(
            "{} refused in {} from {}{place} (limit {} in {} s)",
            Several(keys, "different key"),
            Span(crowd.span()),
            tx.client.ip,
            limits.keys,
            limits.window_s,
        ),
        count: keys,
        threshold: u64::from(limits.keys),
        principal: None,
        client: Some(client_of(tx)),
        credential: None,
        endpoint: tx.endpoint(),
        evidence: crowd.samples.evidence(),
        facts: vec![
            ("about", Fact::Text("guessing".into())),
            ("keys", Fact::Count(keys)),
            ("keys_total", Fact::Count(crowd.accounts.count())),
        ],
        doubts: crowd.samples.doubts(),
    }
}

fn dead(tx: &Transaction, credential: &Credential, refusals: &Window<()>, limit: Limit) -> Finding {
    let message = format!(
        "{} refused {} in {}, the latest from {} (limit {} in 3600 s)",
        keys::Named(credential, tx),
        Several(refusals.count(), "time"),
        Span(refusals.span()),
        tx.client.ip,
        limit.count - 1,
    );
    let facts = vec![("about", Fact::Text("dead".into())), ("refusals", Fact::Count(refusals.count()))];
    Finding {
        count: refusals.count(),
        threshold: limit.count,
        credential: Some(credential.clone()),
        facts,
        ..Finding::of(tx, message, "key refused")
    }
}

fn revived(tx: &Transaction, credential: &Credential, first: EventTime, last: EventTime) -> Finding {
    let hours = last.since(first).as_secs() / 3600;
    let message = format!(
        "{} accepted again from {} after {} of refusals",
        keys::Named(credential, tx),
        tx.client.ip,
        Several(hours, "hour"),
    );
    Finding {
        credential: Some(credential.clone()),
        facts: vec![
            ("about", Fact::Text("revived".into())),
            ("refused_from", Fact::Text(first.to_string().into())),
            ("refused_to", Fact::Text(last.to_string().into())),
        ],
        ..Finding::of(tx, message, "accepted again")
    }
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::story::{check, check_confidence, check_rule};
    use expect_test::expect;

    #[test]
    fn a_few_dead_keys_among_those_of_many_customers() {
        check_rule(
            &RULE,
            "09:59:00 203.0.113.7 -> use GET /v1/me 401 key=d0
             10:00:00 203.0.113.7 -> use GET /v1/me 200 key=k{1..40} every 1s
             10:01:00 203.0.113.7 -> use GET /v1/me 401 key=d{1..12} every 1s",
            expect![""],
        );
    }

    #[test]
    fn ten_keys_of_one_client() {
        check(
            "10:00:00 203.0.113.7 -> use GET /v1/me 401 key=k{1..9}
             11:00:00 203.0.113.8 -> use GET /v1/me 403 key=k{1..12}
             12:00:00 2001:db8::{1..10} -> token POST /token 401 secret=s{1..10}",
            expect![[r#"
                11:00:09.000 KEY-07 key_guessing high 203.0.113.8: 10 different keys refused in 9 s from 203.0.113.8 on GET /v1/me (limit 10 in 300 s)
                12:00:09.000 KEY-07 key_guessing high 2001:db8::/64: 10 different keys refused in 9 s from 2001:db8::10 on POST /token (limit 10 in 300 s)
            "#]],
        );
    }

    #[test]
    fn five_minutes_to_the_nanosecond() {
        let tenth = |time: &str| {
            format!(
                "10:00:00 203.0.113.7 -> use GET /v1/me 401 key=k{{1..9}}
                 {time} 203.0.113.7 -> use GET /v1/me 401 key=k10"
            )
        };
        check(
            &tenth("10:05:00"),
            expect![[r#"
            10:05:00.000 KEY-07 key_guessing high 203.0.113.7: 10 different keys refused in 300 s from 203.0.113.7 on GET /v1/me (limit 10 in 300 s)
        "#]],
        );
        check(&tenth("10:05:00.000000001"), expect![[""]]);
    }

    #[test]
    fn a_dead_key_is_told_as_such() {
        check(
            "10:00:00 203.0.113.7 -> use GET /v1/me 401 user=ann key=k1 x101 every 36s",
            expect![[r#"
            11:00:00.000 KEY-07 key_guessing info 4fe70c2b12730bbd30c371687045227c (dead): api_key 4fe70c2b of ann refused 101 times in 3600 s, the latest from 203.0.113.7 (limit 100 in 3600 s)
        "#]],
        );
        check(
            "10:00:00 203.0.113.7 -> use GET /v1/me 401 user=ann key=k1 x101 every 36.000000001s",
            expect![[""]],
        );
        check(
            "10:00:00 203.0.113.7 -> use GET /v1/me 401 user=ann key=k1 x100
             10:10:00 203.0.113.7 -> use GET /v1/me 200 user=ann key=k1
             10:20:00 203.0.113.7 -> use GET /v1/me 401 user=ann key=k1 x100",
            expect![[""]],
        );
    }

    #[test]
    fn a_key_that_was_refused_for_a_day_and_works_again() {
        let revived = |time: &str| {
            format!(
                "09:00:00 203.0.113.7 -> use GET /v1/me 200 user=ann key=k1
                 10:00:00 203.0.113.7 -> use GET /v1/me 401 user=ann key=k1
                 1d+{time} 203.0.113.7 -> use GET /v1/me 401 user=ann key=k1
                 2d+10:00:00 198.51.100.4 -> use GET /v1/me 200 user=ann key=k1
                 2d+10:00:01 198.51.100.4 -> use GET /v1/me 200 user=ann key=k1"
            )
        };
        check(
            &revived("10:00:00"),
            expect![[r#"
            10:00:00.000 KEY-07 key_guessing high 4fe70c2b12730bbd30c371687045227c (revived): api_key 4fe70c2b of ann accepted again from 198.51.100.4 after 24 hours of refusals
        "#]],
        );
        check(&revived("09:59:59.999999999"), expect![[""]]);
    }

    #[test]
    fn a_key_that_was_never_dead_or_was_handed_out_anew() {
        check(
            "{0..9}d+10:00:00 203.0.113.7 -> use GET /v1/me 200 user=ann key=k1 every 0s
             {0..9}d+10:00:05 203.0.113.7 -> use GET /v1/admin 401 user=ann key=k1 every 0s
             10:00:00 203.0.113.7 -> use GET /v1/me 401 user=bob key=k2
             5d+10:00:00 203.0.113.7 -> use GET /v1/me 401 user=bob key=k2
             5d+11:00:00 203.0.113.7 -> use GET /v1/me 200 user=bob key=k2
             09:00:00 203.0.113.7 -> use GET /v1/me 200 user=joe key=k4
             {1..6}d+10:00:00 203.0.113.7 -> use GET /v1/admin 403 user=joe key=k4 every 0s
             7d+10:00:00 203.0.113.7 -> use GET /v1/me 200 user=joe key=k4
             09:00:00 203.0.113.7 -> use GET /v1/me 200 user=eve key=k3
             10:00:00 203.0.113.7 -> use GET /v1/me 401 user=eve key=k3
             5d+10:00:00 203.0.113.7 -> use GET /v1/me 401 user=eve key=k3
             5d+11:00:00 203.0.113.7 -> use GET /v1/me 200 user=eve key=k3 issued",
            expect![[""]],
        );
    }

    #[test]
    fn what_is_no_guess() {
        check(
            "09:00:00 203.0.113.7 -> use GET /v1/me 200 key=k{1..20}
             10:00:00 203.0.113.7 -> use GET /v1/admin 403 key=k{1..20}
             11:00:00 203.0.113.7 -> token POST /token 400 service=robot secret=s{1..20}
             12:00:00 203.0.113.7 -> use GET /v1/me 429 key=a{1..20}
             13:00:00 203.0.113.7 -> use GET /v1/me 500 key=b{1..20}
             14:00:00 203.0.113.7 -> use GET /v1/me - key=c{1..20}
             15:00:00 203.0.113.7 -> use GET /v1/me 401 user=u{1..20} session=s{1..20} key=app
             16:00:00 203.0.113.7 -> use GET /v1/me 401 key=one x20
             17:00:00 203.0.113.7 -> use GET /v1/me 401 key=d{1..20} repeat",
            expect![[""]],
        );
    }

    #[test]
    fn what_was_cut_lowers_confidence() {
        check_confidence(
            "10:00:00 203.0.113.7 -> use GET /v1/me 401 key=k{1..10} gap",
            expect!["KEY-07 medium"],
        );
    }
}
