//! # Simultaneous sessions from different places
//!
//! ## What it sees
//!
//! One account in use from two countries within five minutes, or from three networks on three devices.
//!
//! ## Why it matters
//!
//! One person is in one place. Where both sessions go on, two people use the account: its owner, and somebody with the
//! password, session or token.
//!
//! ## How it decides
//!
//! It looks at requests that succeeded by a person's own login, session or token, and keeps for five minutes from where
//! and on what the account was used last. Two countries fire; so do three autonomous systems whose three devices are
//! known to differ. Networks that hide the place (VPN, relay, hosting, Tor, satellite) do not count, nor does one
//! device that takes one session along from one address to another. An address where five accounts were at home within
//! a week is an office or the company's VPN; it is passed over while the account is also in use from a country of its
//! own (used there on two days from elsewhere), or on the same device: then it is the VPN. Severity is medium; an account is told once in
//! twelve hours, and again sooner only by countries that were not told.
//!
//! ## Benign look-alikes
//!
//! A laptop on a VPN beside a phone (passed over where the network is known as a VPN), roaming across a border (one
//! device, one session), an account that people share (end that, or suppress it with a reason).
//!
//! ## Tuning
//!
//! `window_s` is how long a use counts as going on; `networks` matters only with a database of autonomous systems.
//! Facts: `countries`, `networks`, `devices`, `sessions`.
//!
//! ## References
//!
//! MITRE ATT&CK T1550.004, T1078; OWASP API2:2023.

use super::egress::{self, Regulars};
use super::presence;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, EVIDENCE_MAX, Facts, Finding, Findings, Grouping, Maturity, Rule,
    Sample, Several, Span, tables,
};
use crate::few::Few;
use crate::identity::{AddressClass, Country, Fingerprint, Principal};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Device, Transaction};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Places remembered of one account; of more, the one longest unused goes.
const STAYS_MAX: usize = 16;
/// Countries remembered as told of one account; of more, the first told goes.
const TOLD_MAX: usize = 16;
/// Countries remembered as an account's own; of more, the one longest unused goes.
const HOMES_MAX: usize = 4;
const DAY_S: u64 = 86_400;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// How long a use counts as going on (300 s: a person who works makes a request in that time).
    pub window_s: u32,
    /// Countries at once that fire (2: one person is in one).
    pub countries: u32,
    /// Autonomous systems at once that fire, each on a device of its own (3: phone, home and office are rare at once).
    pub networks: u32,
    /// How soon an account is told again (12 h: once a working day).
    pub again_after_h: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { window_s: 300, countries: 2, networks: 3, again_after_h: 12 }
    }
}

/// GEO-03.
pub static RULE: Rule = Rule {
    id: "GEO-03",
    name: "concurrent_locations",
    title: "Simultaneous sessions from different places",
    severity: Severity::Medium,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Places,
    order_free: false,
    mitre: &["T1550.004", "T1078"],
    owasp: &["API2:2023"],
    response: "show the owner the list of sessions; end those that the owner does not recognise",
};

/// Where each account is in use.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    within: Duration,
    again_after: Duration,
    accounts: Keyed<Principal, Account>,
    /// Who is at home at which address.
    networks: Keyed<IpAddr, Regulars>,
}

#[derive(Debug, Default)]
struct Account {
    /// The uses that go on, the latest last.
    stays: Few<Stay>,
    /// Countries told at once with others, and when.
    told: Few<(Country, EventTime)>,
    /// Countries of use from addresses of its own, the latest last.
    homes: Few<Home>,
}

saved!(Account { stays, told, homes });

/// A country of an account.
#[derive(Clone, Copy, Debug)]
struct Home {
    country: Country,
    /// The last day of use, since 1970.
    day: u64,
    /// Whether it was used on another day before.
    is_settled: bool,
}

saved!(Home { country, day, is_settled });

/// An account in use at one address.
#[derive(Clone, Debug)]
struct Stay {
    network: IpAddr,
    country: Country,
    asn: Option<u32>,
    device: Option<Device>,
    session: Option<Fingerprint>,
    last: EventTime,
    /// Whether many are at home at the address.
    is_shared: bool,
    sample: Sample,
}

saved!(Stay { network, country, asn, device, session, last, is_shared, sample });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let within = Duration::from_secs(u64::from(thresholds.window_s));
        let again_after = Duration::from_secs(u64::from(thresholds.again_after_h) * 3600);
        Self {
            within,
            again_after,
            accounts: Keyed::new(limits.keys_per_table_max, egress::KEPT.max(within).max(again_after)),
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
        let is_hidden = tx.client.class.is_some_and(AddressClass::hides_place);
        if is_hidden {
            return;
        }
        let now = tx.end;
        let account = self.accounts.entry(findings.principal(tx), now);
        if account.stays_on(tx, country) {
            return;
        }
        let mut stay = Stay::of(tx, country);
        stay.is_shared = if let Some(known) = account.stays.iter().find(|other| other.is_same(&stay)) {
            known.is_shared
        } else {
            let regulars = self.networks.entry(&stay.network, now);
            if account.homes.is_empty() || account.is_own(country) {
                regulars.meet(&tx.principal);
            }
            regulars.are_many()
        };
        account.settle(country, stay.is_shared, now);
        if !account.arrive(stay, self.within) {
            return;
        }
        let countries = account.countries();
        let is_apart = countries.len() as u64 >= u64::from(self.thresholds.countries)
            || account.networks() >= u64::from(self.thresholds.networks);
        if !is_apart || !account.is_news(&countries, now, self.again_after) {
            return;
        }
        let crossing = Crossing {
            about: About::Principal(&tx.principal),
            severity: RULE.severity,
            first: now,
            fresh: 1,
            window: Some(self.within),
        };
        findings.raise(&crossing, || finding(tx, account, &countries, &self.thresholds));
    }

    tables!(accounts, networks);
}

impl Stay {
    fn of(tx: &Transaction, country: Country) -> Self {
        Self {
            network: tx.client.network(),
            country,
            asn: tx.client.asn,
            device: tx.device,
            session: presence::session_of(tx),
            last: tx.end,
            is_shared: false,
            sample: Sample::of(tx),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.network == other.network && self.session == other.session
    }

    /// Whether one device took its session along: then the other place was left.
    fn moved_to(&self, other: &Self) -> bool {
        let same_device = self.device.zip(other.device).is_some_and(|(a, b)| a.same_as(&b));
        same_device && self.session.is_some() && self.session == other.session
    }
}

impl Account {
    /// Whether the account is used where it was used last and nowhere else, as is usual; notes that it is again.
    fn stays_on(&mut self, tx: &Transaction, country: Country) -> bool {
        let [only] = &mut *self.stays else { return false };
        if only.network != tx.client.network() || only.session != presence::session_of(tx) {
            return false;
        }
        (only.country, only.asn, only.device, only.last) = (country, tx.client.asn, tx.device, tx.end);
        only.sample.renew(tx);
        let is_shared = only.is_shared;
        self.settle(country, is_shared, tx.end);
        true
    }

    /// Notes where the account is used now, and forgets what no longer goes on; whether that is somewhere else.
    fn arrive(&mut self, stay: Stay, within: Duration) -> bool {
        let now = stay.last;
        self.stays.retain(|other| now.since(other.last) <= within);
        if let Some(place) = self.stays.iter().position(|other| other.is_same(&stay)) {
            self.stays.remove(place);
        } else {
            self.stays.retain(|other| !other.moved_to(&stay));
        }
        if self.stays.len() >= STAYS_MAX {
            self.stays.remove(0);
        }
        self.stays.push(stay);
        self.stays.len() > 1
    }

    /// Where the account is in use; beside a country of its own, the country of a VPN is none.
    fn countries(&self) -> Vec<Country> {
        let own = || self.stays.iter().filter(|stay| !stay.is_shared);
        let is_at_home = own().any(|stay| self.is_own(stay.country));
        let on_same_device = |stay: &Stay| {
            own().any(|other| stay.device.zip(other.device).is_some_and(|(a, b)| a.same_as(&b)))
        };
        let counts = |stay: &&Stay| !(stay.is_shared && (is_at_home || on_same_device(stay)));
        let mut countries: Vec<Country> = self.stays.iter().filter(counts).map(|stay| stay.country).collect();
        countries.sort_unstable();
        countries.dedup();
        countries
    }

    fn is_own(&self, country: Country) -> bool {
        self.homes.iter().any(|home| home.country == country && home.is_settled)
    }

    /// Learns the countries of addresses that are not shared.
    fn settle(&mut self, country: Country, is_shared: bool, now: EventTime) {
        let day = now.as_secs() / DAY_S;
        let known = self.homes.iter().position(|home| home.country == country);
        if is_shared || known.is_some_and(|place| self.homes[place].day == day) {
            return;
        }
        let before = known.map(|place| self.homes.remove(place));
        if self.homes.len() >= HOMES_MAX {
            self.homes.remove(0);
        }
        self.homes.push(Home { country, day, is_settled: before.is_some() });
    }

    /// Autonomous systems in use, each by a device that differs from those counted before.
    fn networks(&self) -> u64 {
        let mut counted: Vec<(u32, Device)> = Vec::new();
        for (asn, device) in self.stays.iter().filter_map(|stay| stay.asn.zip(stay.device)) {
            if counted.iter().all(|(other, known)| *other != asn && known.differs_from(&device)) {
                counted.push((asn, device));
            }
        }
        counted.len() as u64
    }

    /// Whether one of these countries was not told within the time, and notes that they are now.
    fn is_news(&mut self, countries: &[Country], now: EventTime, again_after: Duration) -> bool {
        self.told.retain(|(_, told)| now.since(*told) < again_after);
        let is_told = |country: &Country| self.told.iter().any(|(told, _)| told == country);
        if countries.iter().all(is_told) {
            return false;
        }
        self.told.retain(|(told, _)| !countries.contains(told));
        for &country in countries {
            self.told.push((country, now));
        }
        while self.told.len() > TOLD_MAX {
            self.told.remove(0);
        }
        true
    }
}

fn finding(tx: &Transaction, account: &Account, countries: &[Country], limits: &Thresholds) -> Finding {
    let stays = &account.stays;
    let first = stays.iter().map(|stay| stay.last).min().unwrap_or(tx.end);
    let names: Vec<&str> = countries.iter().map(Country::as_str).collect();
    let mut networks: Vec<u32> = stays.iter().filter_map(|stay| stay.asn).collect();
    networks.sort_unstable();
    networks.dedup();
    let mut sessions: Vec<Fingerprint> = stays.iter().filter_map(|stay| stay.session).collect();
    sessions.sort_unstable();
    sessions.dedup();
    let mut devices: Vec<Device> = Vec::new();
    for device in stays.iter().filter_map(|stay| stay.device) {
        if !devices.iter().any(|known| known.same_as(&device)) {
            devices.push(device);
        }
    }
    let by_country = countries.len() as u64 >= u64::from(limits.countries);
    let (count, threshold, places) = if by_country {
        (countries.len() as u64, limits.countries, names.join(" and "))
    } else {
        let count = account.networks();
        (count, limits.networks, format!("{count} networks in {}", names.join(" and ")))
    };
    let message = format!(
        "{} in use from {} at once ({}, {} within {})",
        tx.principal.id,
        places,
        Several(sessions.len() as u64, "session"),
        Several(devices.len() as u64, "device"),
        Span(tx.end.since(first)),
    );
    let latest = stays.iter().rev().take(EVIDENCE_MAX).rev();
    let here = |stay: &Stay| stay.sample.evidence(format!("accepted from {}", stay.country));
    Finding {
        count,
        threshold: u64::from(threshold),
        evidence: latest.map(here).collect(),
        facts: vec![
            ("countries", Fact::List(names.into_iter().map(Into::into).collect())),
            ("networks", Fact::List(networks.iter().map(|asn| Arc::from(format!("AS{asn}"))).collect())),
            ("devices", Fact::Count(devices.len() as u64)),
            ("sessions", Fact::Count(sessions.len() as u64)),
        ],
        doubts: Doubts::of(stays.iter().map(|stay| &stay.sample)),
        ..Finding::of(tx, message, "accepted")
    }
}

#[cfg(test)]
mod tests;
