//! # Key shared
//!
//! ## What it sees
//!
//! One static key in use from three networks, or on three devices, within ten minutes.
//!
//! ## Why it matters
//!
//! A key that several programs carry cannot be taken from one of them, and nobody can say who did what with it. A key
//! that is passed around, or was found by somebody, looks just like this.
//!
//! ## How it decides
//!
//! It looks at requests that a static key (API keys, signing keys, secrets of OAuth clients that act for themselves, Basic
//! and Digest) was accepted for, and remembers for ten minutes from where and on what each was used last. Networks are
//! autonomous systems; an address of none that is known counts by its country, if no other counts for that. Addresses
//! inside count as no network. Devices are told apart by TLS handshake, user agent, order of headers and platform: two of
//! them must differ, so a program on many hosts is one device. Severity is medium; a key is told once in 24 hours.
//!
//! ## Benign look-alikes
//!
//! A fleet of one program in one cloud (one network, one device). A key that a web page or app carries to everybody by
//! design, such as that of a map: suppress it with a reason. A key beside somebody's session or token, the secret of a
//! client that acts for people, and a signature in a URL that is made to be handed on are not looked at.
//!
//! ## Tuning
//!
//! Raise `networks` where programs roam, `devices` where one key is for several programs on purpose.
//! Facts: `networks`, `countries`, `devices`.
//!
//! ## References
//!
//! MITRE ATT&CK T1078.004, T1550.001; OWASP API2:2023.

use super::keys;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, EVIDENCE_MAX, Facts, Finding, Findings, Grouping, Maturity, Rule,
    Sample, Several, Span, tables,
};
use crate::identity::{Country, Credential, Fingerprint};
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

/// Uses remembered of one key, unless more are asked for; of more, the one longest over goes.
const USES_MAX: usize = 16;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Networks at once that fire (3: a program has one, and a second while it moves).
    pub networks: u32,
    /// Devices at once that fire (3: a program has one, and a second while it is renewed).
    pub devices: u32,
    /// How long a use counts as going on (600 s: a program that works calls in that time).
    pub window_s: u32,
    /// How soon a key is told again (24 h: once a working day).
    pub again_after_h: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { networks: 3, devices: 3, window_s: 600, again_after_h: 24 }
    }
}

/// KEY-05.
pub static RULE: Rule = Rule {
    id: "KEY-05",
    name: "shared_key",
    title: "Key shared",
    severity: Severity::Medium,
    scope: Scope::Credential,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Credential,
    order_free: true,
    mitre: &["T1078.004", "T1550.001"],
    owasp: &["API2:2023"],
    response: "give each client a key of its own, pinned to its addresses; revoke this one",
};

/// Where each key is in use.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    within: Duration,
    again_after: Duration,
    uses_max: usize,
    keys: Keyed<Fingerprint, Key>,
}

#[derive(Debug, Default)]
struct Key {
    /// The uses that go on, the latest last.
    uses: Vec<Use>,
    told_at: Option<EventTime>,
}

saved!(Key { uses, told_at });

/// A key in use on one device in one network, as it was last.
#[derive(Clone, Debug)]
struct Use {
    asn: Option<u32>,
    country: Option<Country>,
    device: Option<Device>,
    address: IpAddr,
    last: EventTime,
    sample: Sample,
}

saved!(Use { asn, country, device, address, last, sample });

/// What a key is used from at once.
#[derive(Clone, Copy, Debug)]
struct Spread {
    networks: u64,
    devices: u64,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let within = Duration::from_secs(u64::from(thresholds.window_s));
        let again_after = Duration::from_secs(u64::from(thresholds.again_after_h) * 3600);
        Self {
            within,
            again_after,
            uses_max: (thresholds.networks.max(thresholds.devices) as usize).max(USES_MAX),
            keys: Keyed::new(limits.keys_per_table_max, within.max(again_after)),
            thresholds: thresholds.clone(),
        }
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
        let Some(credential) = keys::or_password_of(tx) else { return };
        let key = self.keys.entry(&credential.fingerprint, tx.end);
        let is_told = key.told_at.is_some_and(|told| tx.end.since(told) < self.again_after);
        if !key.is_elsewhere(tx, self.within, self.uses_max) || is_told {
            return;
        }
        let spread = key.spread();
        let limits = &self.thresholds;
        let is_shared =
            spread.networks >= u64::from(limits.networks) || spread.devices >= u64::from(limits.devices);
        if !is_shared {
            return;
        }
        key.told_at = Some(tx.end);
        let crossing = Crossing {
            about: About::Credential { fingerprint: credential.fingerprint, part: "" },
            severity: RULE.severity,
            first: key.uses.iter().map(|one| one.last).min().unwrap_or(tx.end),
            fresh: 1,
            window: Some(self.within),
        };
        findings.raise(&crossing, || finding(tx, credential, &key.uses, spread, limits));
    }

    tables!(keys);
}

impl Key {
    /// Notes where the key is used now and forgets what no longer goes on; whether it is used elsewhere, too.
    fn is_elsewhere(&mut self, tx: &Transaction, within: Duration, uses_max: usize) -> bool {
        self.uses.retain(|other| tx.end.since(other.last) <= within);
        let known = self.uses.iter().position(|other| other.is_of(tx));
        let current = match known.map(|place| self.uses.remove(place)) {
            Some(known) => known.again(tx),
            None => Use::of(tx),
        };
        if self.uses.len() >= uses_max {
            self.uses.remove(0);
        }
        self.uses.push(current);
        self.uses.len() > 1
    }

    fn spread(&self) -> Spread {
        Spread { networks: networks(&self.uses), devices: devices(&self.uses).len() as u64 }
    }
}

impl Use {
    fn of(tx: &Transaction) -> Self {
        let client = &tx.client;
        Self {
            asn: client.asn,
            country: client.country,
            device: tx.device,
            address: client.ip,
            last: tx.end,
            sample: Sample::of(tx),
        }
    }

    /// Whether it goes on, as far as networks and devices tell: a fleet of one program is one.
    fn is_of(&self, tx: &Transaction) -> bool {
        let Transaction { client, device, .. } = tx;
        let same_network = self.asn == client.asn && (self.asn.is_some() || self.country == client.country);
        same_network && self.device == *device
    }

    fn again(self, tx: &Transaction) -> Self {
        let (mut sample, last) = (self.sample, tx.end.max(self.last));
        sample.renew(tx);
        Self { country: tx.client.country, address: tx.client.ip, last, sample, ..self }
    }
}

/// Autonomous systems, and countries of addresses in none where no other counts for that country.
fn networks(uses: &[Use]) -> u64 {
    let asns = different(uses.iter().filter_map(|one| one.asn));
    let counted = different(uses.iter().filter(|one| one.asn.is_some()).filter_map(|one| one.country));
    let unknown = different(uses.iter().filter(|one| one.asn.is_none()).filter_map(|one| one.country));
    let others = unknown.iter().filter(|country| !counted.contains(country)).count();
    (asns.len() + others) as u64
}

/// Devices of which each is known to differ from all others.
fn devices(uses: &[Use]) -> Vec<Device> {
    let mut devices: Vec<Device> = Vec::new();
    for device in uses.iter().filter_map(|one| one.device) {
        if devices.iter().all(|known| known.differs_from(&device)) {
            devices.push(device);
        }
    }
    devices
}

fn different<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.dedup();
    items
}

fn finding(
    tx: &Transaction,
    credential: &Credential,
    uses: &[Use],
    spread: Spread,
    limits: &Thresholds,
) -> Finding {
    let Spread { networks, devices } = spread;
    let countries = different(uses.iter().filter_map(|one| one.country));
    let asns = different(uses.iter().filter_map(|one| one.asn));
    let first = uses.iter().map(|one| one.last).min().unwrap_or(tx.end);
    let by_network = networks >= u64::from(limits.networks);
    let (count, threshold, what) = if by_network {
        (networks, limits.networks, Several(networks, "network"))
    } else {
        (devices, limits.devices, Several(devices, "device"))
    };
    let asns: Vec<Arc<str>> = asns.iter().map(|asn| format!("AS{asn}").into()).collect();
    let countries: Vec<Arc<str>> = countries.iter().map(|country| country.as_str().into()).collect();
    let named = [&asns, &countries].map(|names| names.join(", "));
    let places: Vec<&str> = named.iter().map(String::as_str).filter(|names| !names.is_empty()).collect();
    let places = if places.is_empty() { String::new() } else { format!(" ({})", places.join("; ")) };
    let message = format!(
        "{} in use {} {what} at once{places} within {} (limit {threshold} in {} s)",
        keys::Named(credential, tx),
        if by_network { "from" } else { "on" },
        Span(tx.end.since(first)),
        limits.window_s,
    );
    let latest = uses.iter().rev().take(EVIDENCE_MAX).rev();
    Finding {
        count,
        threshold: u64::from(threshold),
        credential: Some(credential.clone()),
        evidence: latest.map(|one| one.sample.evidence(format!("accepted from {}", one.address))).collect(),
        facts: vec![
            ("networks", Fact::List(asns)),
            ("countries", Fact::List(countries)),
            ("devices", Fact::Count(devices)),
        ],
        doubts: Doubts::of(uses.iter().map(|one| &one.sample)),
        ..Finding::of(tx, message, "accepted")
    }
}

#[cfg(test)]
mod tests {
    use crate::story::{check, check_confidence};
    use expect_test::expect;

    #[test]
    fn six_countries_in_four_minutes() {
        check(
            "10:00:00 203.0.113.{1..6} -> use GET /me 200 user=ann key=k1 asn=6450{1..6} country=DE every 40s
             1d+10:01:19.999 203.0.113.1 -> use GET /me 200 user=ann key=k1 asn=64501 country=DE
             1d+10:01:19.999 203.0.113.2 -> use GET /me 200 user=ann key=k1 asn=64502 country=FR
             1d+10:01:19.999 203.0.113.3 -> use GET /me 200 user=ann key=k1 asn=64503 country=FR
             1d+10:01:20 203.0.113.3 -> use GET /me 200 user=ann key=k1 asn=64503 country=FR",
            expect![[r#"
                10:01:20.000 KEY-05 shared_key medium 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann in use from 3 networks at once (AS64501, AS64502, AS64503; DE) within 80 s (limit 3 in 600 s)
                10:01:20.000 KEY-05 shared_key medium 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann in use from 3 networks at once (AS64501, AS64502, AS64503; DE, FR) within 0 s (limit 3 in 600 s)
            "#]],
        );
    }

    #[test]
    fn ten_minutes_to_the_nanosecond() {
        let third = |time: &str| {
            format!(
                "10:00:00 203.0.113.1 -> use GET /me 200 key=k1 asn=64501
                 10:05:00 203.0.113.2 -> use GET /me 200 key=k1 asn=64502
                 {time} 203.0.113.3 -> use GET /me 200 key=k1 asn=64503"
            )
        };
        check(
            &third("10:10:00"),
            expect![[r#"
            10:10:00.000 KEY-05 shared_key medium 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b in use from 3 networks at once (AS64501, AS64502, AS64503) within 600 s (limit 3 in 600 s)
        "#]],
        );
        check(&third("10:10:00.000000001"), expect![[""]]);
    }

    #[test]
    fn two_networks_and_a_fleet_in_one() {
        check(
            "10:00:00 203.0.113.{1..2} -> use GET /me 200 key=k1 asn=6450{1..2} x5
             11:00:00 203.0.113.{1..40} -> use GET /me 200 key=k2 asn=64501 country=DE device=abcd
             12:00:00 10.0.0.{1..40} -> use GET /me 200 key=k3 device=abcd
             13:00:00 203.0.113.{1..40} -> use GET /me 200 key=k4",
            expect![[""]],
        );
    }

    #[test]
    fn three_devices_of_which_each_differs() {
        check(
            "10:00:00 10.0.0.1 -> use GET /me 200 key=k1 device=aaaa
             10:01:00 10.0.0.1 -> use GET /me 200 key=k1 device=baaa
             10:02:00 10.0.0.1 -> use GET /me 200 key=k1 device=bbaa
             10:03:00 10.0.0.1 -> use GET /me 200 key=k1 device=ccaa",
            expect![[r#"
                10:03:00.000 KEY-05 shared_key medium 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b in use on 3 devices at once within 180 s (limit 3 in 600 s)
            "#]],
        );
    }

    #[test]
    fn where_no_network_is_known_countries_count() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 200 key=k1 asn=64501 country=US
             10:00:10 203.0.113.2 -> use GET /me 200 key=k1 country=US
             10:00:20 203.0.113.3 -> use GET /me 200 key=k1 country=DE
             10:00:30 203.0.113.4 -> use GET /me 200 key=k1 country=DE
             10:00:40 203.0.113.5 -> use GET /me 200 key=k1 country=FR",
            expect![[r#"
                10:00:40.000 KEY-05 shared_key medium 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b in use from 3 networks at once (AS64501; DE, FR, US) within 40 s (limit 3 in 600 s)
            "#]],
        );
    }

    #[test]
    fn a_clients_secret_and_a_password() {
        check(
            "10:00:00 203.0.113.{1..3} -> token POST /token 200 service=robot secret=s1 asn=6450{1..3}
             11:00:00 203.0.113.{1..3} -> use GET /me 200 user=ann basic asn=6450{1..3}",
            expect![[r#"
                10:00:02.000 KEY-05 shared_key medium 2b818967e2e654b0bc6923b75bfde00d: client_secret 2b818967 of robot in use from 3 networks at once (AS64501, AS64502, AS64503) within 2 s (limit 3 in 600 s)
                11:00:00.000 POS-01 basic_auth_in_use low api.example.com: Basic authentication accepted on api.example.com for ann
                11:00:02.000 KEY-05 shared_key medium 3add0bde5be145601d1756509331823e: basic 3add0bde of ann in use from 3 networks at once (AS64501, AS64502, AS64503) within 2 s (limit 3 in 600 s)
            "#]],
        );
    }

    #[test]
    fn what_is_not_shared() {
        check(
            "10:00:00 203.0.113.{1..9} -> token POST /token 200 user=u{1..9} secret=app asn=6450{1..9}
             11:00:00 203.0.113.{1..9} -> use GET /me 200 user=u{1..9} bearer=t{1..9} key=app asn=6450{1..9}
             12:00:00 203.0.113.{1..9} -> use GET /me 401 key=k1 asn=6450{1..9}
             13:00:00 203.0.113.{1..9} -> use GET /me 200 key=k{1..9} asn=6450{1..9}
             14:00:00 203.0.113.{1..9} -> use GET /me 200 key=k2 asn=6450{1..9} repeat",
            expect![[""]],
        );
    }

    #[test]
    fn what_was_cut_lowers_confidence() {
        check_confidence(
            "10:00:00 203.0.113.{1..3} -> use GET /me 200 key=k1 asn=6450{1..3} gap",
            expect!["KEY-05 medium"],
        );
    }
}
