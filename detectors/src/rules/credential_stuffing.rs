//! # Credential stuffing
//!
//! ## What it sees
//!
//! One client that tries passwords on many accounts, nearly all in vain. And the distributed form: a login route where
//! suddenly far more logins fail than usual, from very many clients that try once to three times each.
//!
//! ## Why it matters
//!
//! Lists of leaked passwords are tried wherever people may have used the same one. About one in a hundred fits, and
//! that account is lost.
//!
//! ## How it decides
//!
//! It counts password logins by client (IPv6 by /64) in a sliding window: refused ones and throttled ones, because
//! servers throttle exactly these. A right password is a hit, also when a second factor is asked for then.
//! Severity is high, critical from the first hit on. The distributed form compares a route's failing share with its
//! own before, once 200 logins are known.
//!
//! ## Benign look-alikes
//!
//! An office or carrier behind one address: there most logins succeed. A release that makes everybody log in anew
//! brings forgotten passwords, but not on ten accounts in ten minutes from one client.
//!
//! ## Tuning
//!
//! `failing_share_pct` is the guard against shared addresses; raise `failures` for very large ones.
//! Facts: `users`, `failing_pct`, `hits`, `accounts_total` (since the client was last quiet; an estimate beyond 512);
//! in the distributed form `clients`, `failing_pct`, `usual_failing_pct`.
//!
//! ## References
//!
//! MITRE ATT&CK T1110.004, T1110.003; OWASP API2:2023; OWASP Automated Threat OAT-008.

mod outbreak;

use super::crowd::Crowd;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Several, Span, client_of,
    tables,
};
use crate::hash::StableHasher;
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{LoginOutcome, Transaction};
use outbreak::Outbreaks;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Names of accounts that were hit which an alert lists at most.
const HITS_LISTED: usize = 10;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Failed logins of one client that fire (20: beyond one person's tries).
    pub failures: u32,
    /// Accounts they must be spread over (10: beyond a household).
    pub users: u32,
    /// The window they are counted in (600 s: slow enough to pass usual rate limits).
    pub window_s: u32,
    /// Share of the client's logins that must have failed (80: where people log in, most succeed).
    pub failing_share_pct: u8,
    /// Distributed form: clients that failed one to three times each (100: beyond any day's typing errors).
    pub outbreak_clients: u32,
    /// Distributed form: how many times the usual failing share (5: beyond a bad release).
    pub outbreak_times: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            failures: 20,
            users: 10,
            window_s: 600,
            failing_share_pct: 80,
            outbreak_clients: 100,
            outbreak_times: 5,
        }
    }
}

/// ABU-01.
pub static RULE: Rule = Rule {
    id: "ABU-01",
    name: "credential_stuffing",
    title: "Credential stuffing",
    severity: Severity::High,
    scope: Scope::Client,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Tenant,
    order_free: true,
    mitre: &["T1110.004", "T1110.003"],
    owasp: &["API2:2023"],
    response: "block the source; lock accounts that were hit; ask for a second factor",
};

/// Logins by client, and by route.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    window: Duration,
    clients: Keyed<IpAddr, Source>,
    outbreaks: Outbreaks,
}

#[derive(Debug, Default)]
struct Source {
    crowd: Crowd,
    /// Accounts whose password was right, with the time.
    hits: Vec<(EventTime, Arc<str>)>,
}

saved!(Source { crowd, hits });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let window = Duration::from_secs(u64::from(thresholds.window_s));
        let keys = limits.keys_per_table_max;
        Self {
            window,
            clients: Keyed::new(keys, window),
            outbreaks: Outbreaks::new(keys, window),
            thresholds: thresholds.clone(),
        }
    }

    fn observe_client(
        &mut self,
        tx: &Transaction,
        name: &Arc<str>,
        failed: bool,
        findings: &mut Findings<'_>,
    ) {
        let network = tx.client.network();
        let source = self.clients.entry(&network, tx.end);
        let account = StableHasher::of_parts(&[name.as_bytes()]) as u64;
        source.crowd.note(tx.end, account, failed, self.window);
        source.crowd.samples.push(tx, if failed { "login refused" } else { "password accepted" });
        if !failed {
            source.hit(tx.end, name);
        }
        source.hits.retain(|(at, _)| tx.end.since(*at) <= self.window);
        let limits = &self.thresholds;
        let crossed = source.crowd.failures() >= u64::from(limits.failures.max(1))
            && source.crowd.failing_accounts() >= u64::from(limits.users)
            && source.crowd.failing_share_reaches(limits.failing_share_pct);
        if !crossed {
            return;
        }
        let crossing = Crossing {
            about: About::Client(network),
            severity: if source.hits.is_empty() { RULE.severity } else { Severity::Critical },
            first: source.crowd.first().unwrap_or(tx.end),
            fresh: source.crowd.take_fresh(),
            window: Some(self.window),
        };
        findings.raise(&crossing, || finding(tx, source, limits));
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::LOGIN
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(login) = &tx.login else { return };
        let failed = match login.outcome {
            LoginOutcome::Refused | LoginOutcome::Throttled => true,
            LoginOutcome::Success | LoginOutcome::SecondFactor => false,
            LoginOutcome::Error | LoginOutcome::Unknown => return,
        };
        if let Some(name) = &login.name {
            self.observe_client(tx, name, failed, findings);
        }
        self.outbreaks.observe(tx, failed, &self.thresholds, findings);
    }

    tables!(clients, outbreaks);
}

impl Source {
    fn hit(&mut self, at: EventTime, name: &Arc<str>) {
        if self.hits.len() < HITS_LISTED && !self.hits.iter().any(|(_, known)| known == name) {
            self.hits.push((at, name.clone()));
        }
    }
}

fn finding(tx: &Transaction, source: &Source, limits: &Thresholds) -> Finding {
    let crowd = &source.crowd;
    let mut message = format!(
        "{} on {} in {} from {} (limit {} on {} in {} s)",
        Several(crowd.failures(), "failed login"),
        Several(crowd.failing_accounts(), "account"),
        Span(crowd.span()),
        tx.client.ip,
        limits.failures,
        limits.users,
        limits.window_s,
    );
    if let Some((_, name)) = source.hits.last() {
        let hits = Several(source.hits.len() as u64, "account");
        // Writing to a string cannot fail.
        let _ = write!(message, "; {hits} hit, the last {name}");
    }
    Finding {
        count: crowd.failures(),
        threshold: u64::from(limits.failures),
        principal: None,
        client: Some(client_of(tx)),
        credential: None,
        endpoint: tx.endpoint(),
        evidence: crowd.samples.evidence(),
        facts: vec![
            ("users", Fact::Count(crowd.failing_accounts())),
            ("failing_pct", Fact::Count(crowd.failing_pct())),
            ("hits", Fact::List(source.hits.iter().map(|(_, name)| name.clone()).collect())),
            ("accounts_total", Fact::Count(crowd.accounts.count())),
        ],
        doubts: crowd.samples.doubts(),
        message,
    }
}

#[cfg(test)]
mod tests {
    use crate::story::{check, check_rule};
    use expect_test::expect;

    #[test]
    fn many_accounts_from_one_address() {
        check(
            "10:00:00 203.0.113.7 -> login POST /login 401 user=u{1..40} every 500ms",
            expect![[r#"
            10:00:09.500 ABU-01 credential_stuffing high 203.0.113.7: 20 failed logins on 20 accounts in 9.5 s from 203.0.113.7 (limit 20 on 10 in 600 s)
        "#]],
        );
    }

    #[test]
    fn throttled_logins_count_and_a_hit_is_critical() {
        check(
            "10:00:00 203.0.113.7 -> login POST /login 400 user=u{1..10} every 1s
             10:00:10 203.0.113.7 -> login POST /login 429 user=u{11..25} every 1s
             10:00:25 203.0.113.7 -> login POST /login 401 user=lost outcome=second_factor",
            expect![[r#"
                10:00:19.000 ABU-01 credential_stuffing high 203.0.113.7: 20 failed logins on 20 accounts in 19 s from 203.0.113.7 (limit 20 on 10 in 600 s)
                10:00:25.000 ABU-01 credential_stuffing critical (update) 203.0.113.7: 25 failed logins on 25 accounts in 25 s from 203.0.113.7 (limit 20 on 10 in 600 s); 1 account hit, the last lost
            "#]],
        );
    }

    #[test]
    fn one_account_or_few_failures() {
        check(
            "10:00:00 203.0.113.7 -> login POST /login 401 user=ann x40 every 1s
             12:00:00 203.0.113.8 -> login POST /login 401 user=u{1..19} every 1s
             14:00:00 203.0.113.9 -> login POST /login 401 user=u{1..9} x3 every 1s",
            expect![[r#"
                10:00:09.000 ABU-02 password_brute_force medium user:ann: 10 refused passwords in 9 s for ann on POST /login (limit 10 in 600 s)
            "#]],
        );
    }

    #[test]
    fn an_office_on_monday_morning() {
        check(
            "09:00:00 203.0.113.7 -> login POST /login 200 user=o{1..6} every 10s
             09:01:00 203.0.113.7 -> login POST /login 401 user=o{1..23} every 10s",
            expect![""],
        );
    }

    #[test]
    fn the_window_closes() {
        check(
            "10:00:00 203.0.113.7 -> login POST /login 401 user=u{1..20} every 31s
             14:00:00 203.0.113.7 -> login POST /login 401 user=u{1..20} every 31.57s
             18:00:00 203.0.113.7 -> login POST /login 401 user=u{1..20} every 31.58s",
            expect![[r#"
                10:09:49.000 ABU-01 credential_stuffing high 203.0.113.7: 20 failed logins on 20 accounts in 589 s from 203.0.113.7 (limit 20 on 10 in 600 s)
                14:09:59.830 ABU-01 credential_stuffing high 203.0.113.7: 20 failed logins on 20 accounts in 599 s from 203.0.113.7 (limit 20 on 10 in 600 s)
            "#]],
        );
    }

    #[test]
    fn an_outbreak_over_many_clients() {
        check(
            "09:00:00 198.51.100.{1..200} -> login POST /login 200 user=h{1..200} every 4s
             09:30:00 198.51.100.{1..10} -> login POST /login 401 user=h{1..10} every 4s
             10:00:00 203.0.113.{1..102} -> login POST /login 401 user=v{1..102} every 2s",
            expect![[r#"
                10:03:20.000 ABU-01 credential_stuffing high POST api.example.com /login: 101 failed logins from 101 clients that tried one to three times each, in 200 s; 100 % of logins fail, usual are 5 %
            "#]],
        );
    }

    #[test]
    fn a_bad_morning_is_no_outbreak() {
        check(
            "09:00:00 198.51.100.{1..200} -> login POST /login 200 user=h{1..200} every 4s
             09:30:00 198.51.100.{1..50} -> login POST /login 401 user=h{1..50} every 4s
             10:00:00 203.0.113.{1..102} -> login POST /login 401 user=v{1..102} every 2s
             10:00:01 203.0.113.{1..34} -> login POST /login 200 user=v{1..34} every 6s",
            expect![""],
        );
    }

    /// Somebody lets half of all logins fail for a week, silently, for the usual share to rise: the share that fires is
    /// never asked to be more than ninety in a hundred.
    #[test]
    fn a_week_of_failing_logins_hides_no_outbreak() {
        let week: String = (0..7)
            .map(|day| {
                format!(
                    "{day}d+08:00:00 198.51.100.{{1..200}} -> login POST /login 200 user=h{{1..400}} every 90s\n\
                     {day}d+08:00:30 203.0.113.{{1..200}} -> login POST /login 401 user=n{{1..400}} every 90s\n"
                )
            })
            .collect();
        let outbreak = "7d+21:00:00 192.0.2.{1..200} -> login POST /login 401 user=w{1..200} every 500ms
             7d+21:00:00 198.51.100.{1..10} -> login POST /login 200 user=h{1..10} every 9.1s";
        check_rule(
            &super::RULE,
            &(week + outbreak),
            expect![[r#"
            21:00:50.000 ABU-01 credential_stuffing high POST api.example.com /login: 101 failed logins from 101 clients that tried one to three times each, in 50 s; 94 % of logins fail, usual are 50 %
        "#]],
        );
    }
}
