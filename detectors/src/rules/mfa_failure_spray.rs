//! # Failed MFA from one client over many accounts
//!
//! ## What it sees
//!
//! Wrong second-factor codes for several accounts from one client network, few enough an account to stay below the
//! burst. And the reverse: one account whose codes are guessed from many addresses in several countries or networks.
//!
//! ## Why it matters
//!
//! Whoever holds a list of stolen passwords spreads the guesses over accounts, so that no account locks.
//! Each account tried has lost its password already.
//!
//! ## How it decides
//!
//! It counts attempts answered as a wrong code, by client (IPv6 by /64), in a sliding window: enough failures, on
//! enough accounts, and a share of failures no office has. The reverse form counts failures of one principal by
//! address. Severity is high.
//!
//! ## Benign look-alikes
//!
//! An office or a mobile carrier behind one address: there most codes are right, which the share of failures tells.
//! A traveller behind a changing exit address stays within one country and one or two networks.
//!
//! ## Tuning
//!
//! `failing_share_pct` is the guard against shared addresses; raise `failures` for very large ones.
//! Facts: `principals`, `failing_pct`, `accounts_total` (since the client was last quiet; an estimate beyond 512);
//! in the reverse form `addresses`, `countries`, `networks`.
//!
//! ## References
//!
//! MITRE ATT&CK T1110.003, T1110.004; OWASP API2:2023.

use super::actor::Actor;
use super::crowd::Crowd;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Samples, Several, Span,
    client_of, tables,
};
use crate::identity::{Country, Principal, PrincipalKind};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::transaction::{MfaEvent, MfaOutcome, Transaction};
use crate::window::{Limit, Window};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Wrong codes from one client that fire (5: more than one person's slips).
    pub failures: u32,
    /// Accounts they must be spread over (3: a household shares an address, too).
    pub principals: u32,
    /// The window they are counted in (300 s: that of the burst).
    pub window_s: u32,
    /// Share of the client's attempts that must have failed (60: people behind one address mostly succeed).
    pub failing_share_pct: u8,
    /// Reverse form: addresses that guess at one account (5: a phone and two networks make three).
    pub reverse_addresses: u32,
    /// Reverse form: wrong codes in all (10: nobody mistypes ten times).
    pub reverse_failures: u32,
    /// Reverse form: the window (1800 s: rotating exits take their time).
    pub reverse_window_s: u32,
    /// Reverse form: countries the addresses must lie in, or else `reverse_networks` (2: people are in one).
    pub reverse_countries: u32,
    /// Reverse form: autonomous systems the addresses must lie in, or else `reverse_countries` (3: home, work, phone).
    pub reverse_networks: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            failures: 5,
            principals: 3,
            window_s: 300,
            failing_share_pct: 60,
            reverse_addresses: 5,
            reverse_failures: 10,
            reverse_window_s: 1800,
            reverse_countries: 2,
            reverse_networks: 3,
        }
    }
}

/// MFA-02.
pub static RULE: Rule = Rule {
    id: "MFA-02",
    name: "mfa_failure_spray",
    title: "Failed MFA from one client over many accounts",
    severity: Severity::High,
    scope: Scope::Client,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Tenant,
    order_free: true,
    mitre: &["T1110.003", "T1110.004"],
    owasp: &["API2:2023"],
    response: "throttle the source; force a new login of the accounts it touched",
};

/// Attempts by client, and guesses by account.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    window: Duration,
    siege_limit: Limit,
    clients: Keyed<IpAddr, Crowd>,
    accounts: Keyed<Principal, Siege>,
}

/// Guesses at one account.
#[derive(Debug, Default)]
struct Siege {
    guesses: Window<Origin>,
    samples: Samples,
}

saved!(Siege { guesses, samples });

#[derive(Clone, Copy, Debug)]
struct Origin {
    network: IpAddr,
    country: Option<Country>,
    asn: Option<u32>,
}

saved!(Origin { network, country, asn });

/// From how many places the guesses at one account came.
#[derive(Clone, Copy, Debug)]
struct Spread {
    addresses: u64,
    countries: u64,
    networks: u64,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let window = Duration::from_secs(u64::from(thresholds.window_s));
        let siege_limit = Limit::new(thresholds.reverse_failures, thresholds.reverse_window_s);
        let keys = limits.keys_per_table_max;
        Self {
            thresholds: thresholds.clone(),
            window,
            siege_limit,
            clients: Keyed::new(keys, window),
            accounts: Keyed::new(keys, siege_limit.within),
        }
    }

    fn observe_client(&mut self, tx: &Transaction, actor: &Actor, failed: bool, findings: &mut Findings<'_>) {
        let network = tx.client.network();
        let crowd = self.clients.entry(&network, tx.end);
        crowd.note(tx.end, actor.number(), failed, self.window);
        if !failed {
            return;
        }
        crowd.samples.push(tx, "wrong code");
        let limits = &self.thresholds;
        let crossed = crowd.failures() >= u64::from(limits.failures.max(1))
            && crowd.failing_accounts() >= u64::from(limits.principals)
            && crowd.failing_share_reaches(limits.failing_share_pct);
        if !crossed {
            return;
        }
        let crossing = Crossing {
            about: About::Client(network),
            severity: RULE.severity,
            first: crowd.first().unwrap_or(tx.end),
            fresh: crowd.take_fresh(),
            window: Some(self.window),
        };
        findings.raise(&crossing, || spray(tx, crowd, limits));
    }

    fn observe_account(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let siege = self.accounts.entry(&tx.principal, tx.end);
        let origin = Origin { network: tx.client.network(), country: tx.client.country, asn: tx.client.asn };
        if siege.guesses.is_empty() {
            siege.samples.clear();
        }
        siege.samples.push(tx, "wrong code");
        if !siege.guesses.push(tx.end, origin, self.siege_limit) {
            return;
        }
        let limits = &self.thresholds;
        let spread = Spread::of(&siege.guesses);
        let far = spread.countries >= u64::from(limits.reverse_countries)
            || spread.networks >= u64::from(limits.reverse_networks);
        if spread.addresses < u64::from(limits.reverse_addresses) || !far {
            return;
        }
        let crossing = Crossing {
            about: About::Principal(&tx.principal),
            severity: RULE.severity,
            first: siege.guesses.first().unwrap_or(tx.end),
            fresh: siege.guesses.take_fresh(),
            window: Some(self.siege_limit.within),
        };
        findings.raise(&crossing, || surrounded(tx, siege, spread, self.siege_limit));
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::MFA
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(mfa) = tx.mfa else { return };
        let failed = mfa.is_wrong_guess();
        if !failed && (mfa.event, mfa.outcome) != (MfaEvent::Attempt, MfaOutcome::Success) {
            return;
        }
        self.observe_client(tx, &Actor::of(tx), failed, findings);
        if failed && tx.principal.kind != PrincipalKind::Anonymous {
            self.observe_account(tx, findings);
        }
    }

    tables!(clients, accounts);
}

impl Spread {
    fn of(guesses: &Window<Origin>) -> Self {
        fn different<T: Ord>(items: impl Iterator<Item = T>) -> u64 {
            let mut items: Vec<T> = items.collect();
            items.sort_unstable();
            items.dedup();
            items.len() as u64
        }
        Self {
            addresses: different(guesses.iter().map(|origin| origin.network)),
            countries: different(guesses.iter().filter_map(|origin| origin.country)),
            networks: different(guesses.iter().filter_map(|origin| origin.asn)),
        }
    }
}

fn spray(tx: &Transaction, crowd: &Crowd, limits: &Thresholds) -> Finding {
    Finding {
        message: format!(
            "{} over {} in {} from {} (limit {} over {} in {} s)",
            Several(crowd.failures(), "wrong MFA code"),
            Several(crowd.failing_accounts(), "account"),
            Span(crowd.span()),
            tx.client.ip,
            limits.failures,
            limits.principals,
            limits.window_s,
        ),
        count: crowd.failures(),
        threshold: u64::from(limits.failures),
        principal: None,
        client: Some(client_of(tx)),
        credential: None,
        endpoint: tx.endpoint(),
        evidence: crowd.samples.evidence(),
        facts: vec![
            ("principals", Fact::Count(crowd.failing_accounts())),
            ("failing_pct", Fact::Count(crowd.failing_pct())),
            ("accounts_total", Fact::Count(crowd.accounts.count())),
        ],
        doubts: crowd.samples.doubts(),
    }
}

fn surrounded(tx: &Transaction, siege: &Siege, spread: Spread, limit: Limit) -> Finding {
    let Spread { addresses, countries, networks } = spread;
    let places = match (countries, networks) {
        (0, _) => format!("in {}", Several(networks, "autonomous system")),
        (1, _) => "in 1 country".into(),
        _ => format!("in {countries} countries"),
    };
    Finding {
        message: format!(
            "{} for {} from {} {places} in {} (limit {} in {} s)",
            Several(siege.guesses.count(), "wrong MFA code"),
            tx.principal.id,
            Several(addresses, "client network"),
            Span(siege.guesses.span()),
            limit.count,
            limit.within.as_secs(),
        ),
        count: siege.guesses.count(),
        threshold: limit.count,
        principal: Some(tx.principal.clone()),
        client: None,
        credential: None,
        endpoint: tx.endpoint(),
        evidence: siege.samples.evidence(),
        facts: vec![
            ("addresses", Fact::Count(addresses)),
            ("countries", Fact::Count(countries)),
            ("networks", Fact::Count(networks)),
        ],
        doubts: siege.samples.doubts(),
    }
}

#[cfg(test)]
mod tests {
    use crate::story::check;
    use expect_test::expect;

    #[test]
    fn five_wrong_codes_over_five_accounts() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=s{1..5} every 10s",
            expect![[r#"
            10:00:40.000 MFA-02 mfa_failure_spray high 203.0.113.7: 5 wrong MFA codes over 5 accounts in 40 s from 203.0.113.7 (limit 5 over 3 in 300 s)
        "#]],
        );
    }

    #[test]
    fn an_office_where_most_codes_are_right() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 200 user=o{1..4} every 10s
             10:01:00 203.0.113.7 -> mfa POST /mfa 401 user=o{1..5} every 10s",
            expect![""],
        );
    }

    #[test]
    fn two_accounts_or_four_codes_are_too_few() {
        check(
            "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=a{1..2} x2 every 10s
             11:00:00 203.0.113.7 -> mfa POST /mfa 401 user=s{1..4} every 10s",
            expect![""],
        );
    }

    #[test]
    fn one_account_guessed_at_from_five_addresses_in_two_countries() {
        check(
            "10:00:00 198.51.{1..4}.9 -> mfa POST /mfa 401 user=bob country=DE x2 every 170s
             10:25:00 203.0.113.9 -> mfa POST /mfa 401 user=bob country=FR x2 every 170s",
            expect![[r#"
                10:27:50.000 MFA-02 mfa_failure_spray high user:bob: 10 wrong MFA codes for bob from 5 client networks in 2 countries in 1670 s (limit 10 in 1800 s)
            "#]],
        );
    }

    #[test]
    fn one_account_from_five_addresses_of_one_country_and_network() {
        check(
            "10:00:00 198.51.{1..5}.9 -> mfa POST /mfa 401 user=bob country=DE asn=64500 x2 every 170s",
            expect![""],
        );
    }
}
