//! # Different country
//!
//! ## What it sees
//!
//! An account used with success from a country that it was not used from in the last 30 days.
//!
//! ## Why it matters
//!
//! A stolen password, session or token is rarely used from where its owner lives.
//!
//! ## How it decides
//!
//! It looks at requests that succeeded by a person's own login, session or token: not by API keys, Basic or client
//! secrets, which programs carry. The first country ever seen of an account is never new. A country becomes known when
//! a second factor succeeds there, or when the account was used there on three different days; until then it is told
//! again, at most once in 24 hours. Severity is medium, low when a second factor was proved there in the last ten
//! minutes; a proof that was given out of sight counts if the account was used nowhere else since. Behind a VPN, relay,
//! hosting network, Tor exit or satellite the country is the tunnel's and not the person's: it is info there, and makes
//! no country known or first. The same holds of an address where five accounts were at home within a week: an office or
//! the company's VPN. Who leaves such an address for another country on the same device in the same session has left a
//! VPN: that is low. Confidence is low until ten logins or 14 days of an account were seen.
//!
//! ## Benign look-alikes
//!
//! Travel (the second factor makes it low), VPN exits (info where the network is known as one) and roaming (suppress
//! the account, or add the countries by use). Unknown countries never count.
//!
//! ## Tuning
//!
//! `known_days` is how long a country stays known without use, `again_after_h` how often an unknown one is told.
//! Facts: `country`, `known_countries`, `mfa_here`, `network` (where it hides the place).
//!
//! ## References
//!
//! MITRE ATT&CK T1078.004; OWASP API2:2023.

use super::egress::{self, Regulars};
use super::presence::{self, Acquaintance};
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, Facts, Finding, Findings, Grouping, Maturity, Rule, tables,
};
use crate::few::Few;
use crate::identity::{AddressClass, Country, Fingerprint, Principal};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::Transaction;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// Countries remembered of one account; of more, the one longest unused goes.
const COUNTRIES_MAX: usize = 32;
/// Different days of use that make a country known.
const DAYS_TO_KNOW: u8 = 3;
/// What an address is called where many are at home.
const SHARED: &str = "shared";
const DAY: Duration = Duration::from_hours(24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// How long a country stays known without use (30 d: a monthly trip stays known).
    pub known_days: u32,
    /// How soon an unknown country is told again (24 h: once a working day).
    pub again_after_h: u32,
    /// A second factor proved there within this time makes it low (600 s: one login).
    pub fresh_mfa_s: u32,
    /// Logins after which an account's habits are trusted (10: two working weeks of one a day).
    pub trusted_logins: u32,
    /// Days after which an account's habits are trusted, however few its logins (14 d: two weeks).
    pub trusted_days: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { known_days: 30, again_after_h: 24, fresh_mfa_s: 600, trusted_logins: 10, trusted_days: 14 }
    }
}

/// GEO-01.
pub static RULE: Rule = Rule {
    id: "GEO-01",
    name: "new_country",
    title: "Different country",
    severity: Severity::Medium,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Places,
    order_free: false,
    mitre: &["T1078.004"],
    owasp: &["API2:2023"],
    response: "ask for additional verification; end the session if the owner does not recognise it",
};

/// Where each account has been.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    known: Duration,
    again_after: Duration,
    fresh_mfa: Duration,
    accounts: Keyed<Principal, Account>,
    /// Who is at home at which address.
    networks: Keyed<IpAddr, Regulars>,
}

#[derive(Debug, Default)]
struct Account {
    visits: Few<Visit>,
    /// Countries of tunnels, and when they were told.
    tunnels: Few<(Country, EventTime)>,
    acquaintance: Acquaintance,
    /// Where it was last.
    network: Option<IpAddr>,
    /// The session it was last in at a shared address.
    shared_session: Option<Fingerprint>,
}

saved!(Account { visits, tunnels, acquaintance, network, shared_session });

/// One account in one country.
#[derive(Debug)]
struct Visit {
    country: Country,
    last: EventTime,
    is_known: bool,
    /// Different days of use, counted up to `DAYS_TO_KNOW`.
    days: u8,
    told_at: Option<EventTime>,
}

saved!(Visit { country, last, is_known, days, told_at });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let known = DAY.saturating_mul(thresholds.known_days);
        Self {
            known,
            again_after: Duration::from_secs(u64::from(thresholds.again_after_h) * 3600),
            fresh_mfa: Duration::from_secs(u64::from(thresholds.fresh_mfa_s)),
            accounts: Keyed::new(limits.keys_per_table_max, known),
            networks: Keyed::new(limits.keys_per_table_max, egress::KEPT),
            thresholds: thresholds.clone(),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::PERSON
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(country) = tx.client.country else { return };
        let (now, again_after, fresh_mfa) = (tx.end, self.again_after, self.fresh_mfa);
        let account = self.accounts.entry(findings.principal(tx), now);
        account.acquaintance.note(tx);
        account.forget(now, self.known);
        let hidden = tx.client.class.filter(|class| class.hides_place()).map(AddressClass::name);
        let shared = || account.is_guest(&mut self.networks, tx, country).then_some(SHARED);
        if let Some(network) = hidden.or_else(shared) {
            // Somebody at the end of a tunnel: worth a word, but no place of theirs.
            if account.is_news_of_tunnel(country, now, again_after) {
                let sight = Sight { country, network: Some(network), mfa_here: presence::proves_factor(tx) };
                raise(tx, Severity::Info, sight, account, &self.thresholds, findings);
            }
            return;
        }
        let elsewhere = account.last_use_outside(country);
        let mfa_here = presence::proves_factor(tx)
            || tx.proof.mfa_at.is_some_and(|proved| {
                now.since(proved) <= fresh_mfa && elsewhere.is_none_or(|last| last < proved)
            });
        let visit = account.visit(country, now, elsewhere.is_none());
        let is_news = !visit.is_known && visit.told_at.is_none_or(|told| now.since(told) >= again_after);
        visit.settle(mfa_here);
        if !is_news {
            return;
        }
        visit.told_at = Some(now);
        let left_vpn = account.shared_session.is_some() && account.shared_session == presence::session_of(tx);
        let severity = if mfa_here || left_vpn { Severity::Low } else { RULE.severity };
        let sight = Sight { country, network: None, mfa_here };
        raise(tx, severity, sight, account, &self.thresholds, findings);
    }

    tables!(accounts, networks);
}

impl Account {
    /// Forgets countries not used for `known`.
    fn forget(&mut self, now: EventTime, known: Duration) {
        self.visits.retain(|visit| now.since(visit.last) <= known);
    }

    /// Whether it came to an address where many are at home, in a country that is not its own. An account whose own
    /// country it is makes the address a shared one.
    fn is_guest(
        &mut self,
        networks: &mut Keyed<IpAddr, Regulars>,
        tx: &Transaction,
        country: Country,
    ) -> bool {
        let network = tx.client.network();
        let is_own = self.visits.iter().any(|visit| visit.country == country && visit.is_known);
        let is_first = self.visits.is_empty();
        if self.network == Some(network) && is_own {
            return false;
        }
        self.network = Some(network);
        let regulars = networks.entry(&network, tx.end);
        if is_own || is_first {
            regulars.meet(&tx.principal);
        }
        if regulars.are_many() {
            self.shared_session = presence::session_of(tx);
        }
        regulars.are_many() && !is_own && !is_first
    }

    /// The last use from another country.
    fn last_use_outside(&self, country: Country) -> Option<EventTime> {
        self.visits.iter().filter(|visit| visit.country != country).map(|visit| visit.last).max()
    }

    /// Whether a tunnel's country is none of the account's own, and was not told of late.
    fn is_news_of_tunnel(&mut self, country: Country, now: EventTime, again_after: Duration) -> bool {
        self.tunnels.retain(|(_, told)| now.since(*told) < again_after);
        let is_own = |visit: &Visit| visit.country == country && visit.is_known;
        let is_told = self.tunnels.iter().any(|(told, _)| *told == country);
        if self.visits.is_empty() || is_told || self.visits.iter().any(is_own) {
            return false;
        }
        if self.tunnels.len() >= COUNTRIES_MAX {
            self.tunnels.remove(0);
        }
        self.tunnels.push((country, now));
        true
    }

    fn visit(&mut self, country: Country, now: EventTime, is_known: bool) -> &mut Visit {
        let place = self.visits.iter().position(|visit| visit.country == country).unwrap_or_else(|| {
            if self.visits.len() >= COUNTRIES_MAX {
                let oldest = self.visits.iter().enumerate().min_by_key(|(_, visit)| visit.last);
                let oldest = oldest.map_or(0, |(place, _)| place);
                self.visits.remove(oldest);
            }
            self.visits.push(Visit { country, last: now, is_known, days: 1, told_at: None });
            self.visits.len() - 1
        });
        let visit = &mut self.visits[place];
        let day = |time: EventTime| time.as_secs() / DAY.as_secs();
        if day(now) != day(visit.last) {
            visit.days = visit.days.saturating_add(1);
        }
        visit.last = now;
        visit
    }
}

impl Visit {
    /// A factor proved here, or use on several days, makes the country the account's own.
    fn settle(&mut self, mfa_here: bool) {
        self.is_known |= mfa_here || self.days >= DAYS_TO_KNOW;
    }
}

/// An account in a country that is not its own.
#[derive(Clone, Copy, Debug)]
struct Sight {
    country: Country,
    /// The network, where it hides the place.
    network: Option<&'static str>,
    mfa_here: bool,
}

fn raise(
    tx: &Transaction,
    severity: Severity,
    sight: Sight,
    account: &Account,
    limits: &Thresholds,
    findings: &mut Findings<'_>,
) {
    let learning = !account.acquaintance.is_trusted(tx.end, limits.trusted_logins, limits.trusted_days);
    let about = About::Principal(&tx.principal);
    let crossing = Crossing { about, severity, first: tx.end, fresh: 1, window: None };
    findings.raise(&crossing, || finding(tx, sight, account, learning));
}

fn finding(tx: &Transaction, sight: Sight, account: &Account, learning: bool) -> Finding {
    let Sight { country, network, mfa_here } = sight;
    let mut known: Vec<&str> = account
        .visits
        .iter()
        .filter(|visit| visit.country != country)
        .map(|visit| visit.country.as_str())
        .collect();
    known.sort_unstable();
    let through = network.map(|network| format!(" ({network})")).unwrap_or_default();
    let how = if mfa_here { "with a second factor" } else { "without a second factor there" };
    let message = format!(
        "{} active in {country} from {}{through}, {how}; seen before in {}",
        tx.principal.id,
        tx.client.ip,
        known.join(", ")
    );
    let found = Finding::of(tx, message, "accepted");
    let mut facts = vec![
        ("country", Fact::Text(country.as_str().into())),
        ("known_countries", Fact::List(known.into_iter().map(Into::into).collect())),
        ("mfa_here", Fact::Flag(mfa_here)),
    ];
    facts.extend(network.map(|network| ("network", Fact::Text(network.into()))));
    Finding { facts, doubts: Doubts { learning, ..found.doubts }, ..found }
}

#[cfg(test)]
mod tests {
    use crate::story::{check, check_confidence};
    use expect_test::expect;

    #[test]
    fn a_login_from_elsewhere() {
        check(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann country=US
             1d+10:00:00 203.0.113.7 -> login POST /login 200 user=ann country=NG
             1d+10:05:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 country=NG
             2d+09:59:59 203.0.113.7 -> use GET /me 200 user=ann session=s1 country=NG",
            expect![[r#"
                10:00:00.000 GEO-01 new_country medium user:ann: ann active in NG from 203.0.113.7, without a second factor there; seen before in US
            "#]],
        );
    }

    /// Five colleagues at home behind the address where the company's VPN leaves.
    const OFFICE: &str = "08:00:00 198.51.100.9 -> use GET /me 200 user=c{1..5} session=c{1..5} country=DE";

    #[test]
    fn the_companys_vpn() {
        check(
            &format!(
                "{OFFICE}
                 09:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 country=CA
                 09:01:00 198.51.100.9 -> use GET /me 200 user=ann session=s1 country=DE
                 09:05:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 country=CA
                 10:00:00 198.51.100.9 -> use GET /me 200 user=bob session=s2 country=DE
                 10:01:00 203.0.113.8 -> use GET /me 200 user=bob session=s2 country=CA
                 11:00:00 203.0.113.9 -> use GET /me 200 user=c1 session=c9 country=BR"
            ),
            expect![[r#"
                09:01:00.000 GEO-01 new_country info user:ann: ann active in DE from 198.51.100.9 (shared), without a second factor there; seen before in CA
                09:01:00.000 GEO-03 concurrent_locations medium user:ann: ann in use from CA and DE at once (1 session, 0 devices within 60 s)
                10:01:00.000 GEO-01 new_country low user:bob: bob active in CA from 203.0.113.8, without a second factor there; seen before in DE
                10:01:00.000 GEO-03 concurrent_locations medium user:bob: bob in use from CA and DE at once (1 session, 0 devices within 60 s)
                11:00:00.000 GEO-01 new_country medium user:c1: c1 active in BR from 203.0.113.9, without a second factor there; seen before in DE
            "#]],
        );
    }

    #[test]
    fn four_are_no_office() {
        check(
            "08:00:00 198.51.100.9 -> use GET /me 200 user=c{1..4} session=c{1..4} country=DE
             09:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 country=CA
             09:01:00 198.51.100.9 -> use GET /me 200 user=ann session=s1 country=DE",
            expect![[r#"
                09:01:00.000 GEO-01 new_country medium user:ann: ann active in DE from 198.51.100.9, without a second factor there; seen before in CA
                09:01:00.000 GEO-03 concurrent_locations medium user:ann: ann in use from CA and DE at once (1 session, 0 devices within 60 s)
            "#]],
        );
    }

    #[test]
    fn another_address_in_the_same_country_or_in_none() {
        check(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann country=DE
             11:00:00 203.0.113.7 -> login POST /login 200 user=ann country=DE
             12:00:00 203.0.113.8 -> login POST /login 200 user=ann",
            expect![""],
        );
    }

    #[test]
    fn a_second_factor_there_makes_it_low_and_the_country_known() {
        check(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann country=DE
             1d+10:00:00 203.0.113.7 -> login POST /login 401 user=ann country=BR outcome=second_factor
             1d+10:00:30 203.0.113.7 -> mfa POST /mfa 200 user=ann country=BR
             9d+10:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 country=BR",
            expect![[r#"
                10:00:30.000 GEO-01 new_country low user:ann: ann active in BR from 203.0.113.7, with a second factor; seen before in DE
            "#]],
        );
    }

    #[test]
    fn a_second_factor_out_of_sight_counts_unless_it_may_have_been_at_home() {
        check(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann country=DE
             12:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 country=BR mfa=1m",
            expect![[r#"
                12:00:00.000 GEO-01 new_country low user:ann: ann active in BR from 203.0.113.7, with a second factor; seen before in DE
            "#]],
        );
        check(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann country=DE
             11:59:00 198.51.100.4 -> mfa POST /mfa 200 user=ann country=DE
             12:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 country=BR mfa=1m",
            expect![[r#"
                12:00:00.000 GEO-01 new_country medium user:ann: ann active in BR from 203.0.113.7, without a second factor there; seen before in DE
                12:00:00.000 GEO-03 concurrent_locations medium user:ann: ann in use from BR and DE at once (1 session, 0 devices within 60 s)
            "#]],
        );
    }

    #[test]
    fn a_tunnel_is_no_place() {
        check(
            "09:00:00 203.0.113.7 -> login POST /login 200 user=ann country=NL class=vpn
             10:00:00 198.51.100.4 -> login POST /login 200 user=ann country=DE
             11:00:00 203.0.113.7 -> mfa POST /mfa 200 user=ann country=NL class=vpn
             12:00:00 203.0.113.7 -> login POST /login 200 user=ann country=NL class=vpn
             13:00:00 203.0.113.8 -> login POST /login 200 user=ann country=DE class=vpn
             14:00:00 203.0.113.9 -> login POST /login 200 user=ann country=NL class=mobile
             1d+10:59:59 203.0.113.7 -> login POST /login 200 user=ann country=NL class=vpn
             1d+11:00:00 203.0.113.7 -> login POST /login 200 user=ann country=NL class=vpn",
            expect![[r#"
                11:00:00.000 GEO-01 new_country info user:ann: ann active in NL from 203.0.113.7 (vpn), with a second factor; seen before in DE
                14:00:00.000 GEO-01 new_country medium user:ann: ann active in NL from 203.0.113.9, without a second factor there; seen before in DE
                11:00:00.000 GEO-01 new_country info user:ann: ann active in NL from 203.0.113.7 (vpn), without a second factor there; seen before in DE
            "#]],
        );
    }

    #[test]
    fn what_proves_no_person_there() {
        check(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann country=DE
             11:00:00 203.0.113.7 -> login POST /login 401 user=ann country=RU
             11:00:10 203.0.113.7 -> login POST /login 200 user=ann country=RU outcome=second_factor
             11:00:20 203.0.113.7 -> use GET /me 401 user=ann session=s1 country=RU
             11:00:30 203.0.113.7 -> use GET /me 200 user=ann key=k1 country=RU
             11:00:50 203.0.113.7 -> use GET /me 200 service=robot bearer=t1 country=RU
             11:00:55 198.51.100.4 -> use GET /me 200 service=robot bearer=t1 country=DE",
            expect![""],
        );
    }

    #[test]
    fn after_a_month_a_country_is_new_again() {
        check(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann country=DE
             10:10:00 203.0.113.7 -> mfa POST /mfa 200 user=ann country=FR
             {1..30}d+10:00:00 198.51.100.4 -> login POST /login 200 user=ann country=DE every 1ns
             30d+10:10:00 203.0.113.7 -> login POST /login 200 user=ann country=FR
             30d+10:20:00 198.51.100.4 -> login POST /login 200 user=ann country=DE
             60d+10:10:00.000000001 203.0.113.7 -> login POST /login 200 user=ann country=FR",
            expect![[r#"
                10:10:00.000 GEO-01 new_country low user:ann: ann active in FR from 203.0.113.7, with a second factor; seen before in DE
                10:10:00.000 GEO-01 new_country medium user:ann: ann active in FR from 203.0.113.7, without a second factor there; seen before in DE
            "#]],
        );
    }

    #[test]
    fn confidence_grows_with_what_is_known() {
        check_confidence(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann country=DE x9 every 1h
             1d+10:00:00 203.0.113.7 -> login POST /login 200 user=ann country=FR",
            expect!["GEO-01 high"],
        );
        check_confidence(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann country=DE x8 every 1h
             1d+10:00:00 203.0.113.7 -> login POST /login 200 user=ann country=FR",
            expect!["GEO-01 low"],
        );
    }
}
