//! # Key used from a new network
//!
//! ## What it sees
//!
//! A static key whose home is known, used from an autonomous system or a country that it never came from.
//!
//! ## Why it matters
//!
//! Programs stay where they are. A key that shows up elsewhere was copied: out of a repository, a log, a laptop, or out
//! of the metadata of a machine in the cloud.
//!
//! ## How it decides
//!
//! It learns where each key (API keys, signing keys, secrets of OAuth clients that act for themselves) is accepted from,
//! for seven days and at least 50 calls. From then on the first call from another autonomous system or country is told:
//! medium when it was accepted, high when it came through a hosting network, VPN, relay or Tor to a privileged route, low
//! when it was refused. An accepted network is known from then on; a refused one is told again after seven days.
//! The large clouds count as one network each, so a new country there is a new region. Addresses inside are never new.
//! A key that was accepted from 32 networks has no home, and nothing more is told of it.
//!
//! ## Benign look-alikes
//!
//! A service that moves (rotate its key with the move), build machines in a cloud (one network), apps that carry a key to
//! everybody (no home). An address of which neither system nor country is known does not count.
//!
//! ## Tuning
//!
//! Raise `calls` for keys that are used rarely and from changing places.
//! Facts: `network`, `country`, `class`, `known_networks`, `known_countries`, `calls`, `accepted`.
//!
//! ## References
//!
//! MITRE ATT&CK T1078.004, T1550.001; OWASP API2:2023.

use super::keys;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Several, tables,
};
use crate::identity::{AddressClass, Country, Credential, Fingerprint};
use crate::keyed::Keyed;
use crate::label::Labels;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Client, Transaction};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Networks that a key with a home is accepted from at most.
const NETWORKS_MAX: usize = 32;
/// Refused networks remembered of one key; of more, the first told goes.
const REFUSED_MAX: usize = 8;
/// Known networks that the message names.
const WORDS_MAX: usize = 5;
/// How long a key is remembered without use.
const KEPT: Duration = Duration::from_hours(90 * 24);
const DAY: Duration = Duration::from_hours(24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// How long a key's networks are learnt (7 d: a weekly job has run).
    pub learn_days: u32,
    /// Accepted calls that are learnt from at least (50: a handful say little about where a program lives).
    pub calls: u32,
    /// How soon a network that was refused is told again (7 d: a weekly matter).
    pub again_after_days: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { learn_days: 7, calls: 50, again_after_days: 7 }
    }
}

/// KEY-02.
pub static RULE: Rule = Rule {
    id: "KEY-02",
    name: "key_from_new_network",
    title: "Key used from a new network",
    severity: Severity::Medium,
    scope: Scope::Credential,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Credential,
    order_free: false,
    mitre: &["T1078.004", "T1550.001"],
    owasp: &["API2:2023"],
    response: "ask the key's owner; if it was not them, rotate the key and pin its networks",
};

/// Where each key is at home.
#[derive(Debug)]
pub struct State {
    learn: Duration,
    calls: u32,
    again_after: Duration,
    keys: Keyed<Fingerprint, Key>,
}

#[derive(Debug, Default)]
struct Key {
    first: Option<EventTime>,
    /// Accepted calls.
    calls: u32,
    networks: Vec<Network>,
    /// Networks it was refused from, and when that was told.
    refused: Vec<(Network, EventTime)>,
}

saved!(Key { first, calls, networks, refused });

/// Where an address belongs. Neither is known of addresses inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    /// The autonomous system; of a large cloud its first one.
    asn: Option<u32>,
    country: Option<Country>,
}

saved!(Network { asn, country });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let days = |days: u32| DAY.saturating_mul(days);
        let (learn, again_after) = (days(thresholds.learn_days), days(thresholds.again_after_days));
        Self {
            learn,
            calls: thresholds.calls,
            again_after,
            keys: Keyed::new(limits.keys_per_table_max, KEPT.max(learn).max(again_after)),
        }
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
        let Some(credential) = keys::of(tx).filter(|_| is_accepted || is_refused) else { return };
        let Some(network) = Network::of(&tx.client) else { return };
        let id = &credential.fingerprint;
        // A guess makes no key.
        let key = if is_accepted { Some(self.keys.entry(id, tx.end)) } else { self.keys.get(id, tx.end) };
        let Some(key) = key else { return };
        let has_home = key.has_home(tx.end, self.learn, self.calls);
        let is_known = key.networks.contains(&network);
        let is_new = !is_known && network.is_new_to(&key.networks);
        if is_accepted {
            key.accept(network, is_known, tx.end);
        }
        if !is_new || !has_home || is_refused && !key.refuse(network, tx.end, self.again_after) {
            return;
        }
        let crossing = Crossing {
            about: About::Credential { fingerprint: *id, part: "" },
            severity: severity(tx, is_accepted),
            first: tx.end,
            fresh: 1,
            window: None,
        };
        findings.raise(&crossing, || finding(tx, credential, network, key, is_accepted));
    }

    tables!(keys);
}

impl Network {
    /// `None` for an address outside of which nothing is known.
    fn of(client: &Client) -> Option<Self> {
        let asn = client.asn.map(operator);
        match (client.external, asn, client.country) {
            (false, ..) => Some(Self { asn: None, country: None }),
            (true, None, None) => None,
            (true, asn, country) => Some(Self { asn, country }),
        }
    }

    fn is_new_to(self, known: &[Self]) -> bool {
        let is_new_asn = self.asn.is_some() && known.iter().all(|network| network.asn != self.asn);
        let is_new_country =
            self.country.is_some() && known.iter().all(|network| network.country != self.country);
        is_new_asn || is_new_country
    }

    /// `AS64501 in DE`, as far as known.
    fn words(self) -> String {
        let asn = self.asn.map(|asn| format!("AS{asn}"));
        let country = self.country.map(|country| country.to_string());
        match (asn, country) {
            (Some(asn), Some(country)) => format!("{asn} in {country}"),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => "inside".to_string(),
        }
    }
}

impl Key {
    /// Whether enough was seen to tell where the key lives, and it does live somewhere.
    fn has_home(&self, now: EventTime, learn: Duration, calls: u32) -> bool {
        let is_learnt = self.first.is_some_and(|first| now.since(first) >= learn) && self.calls >= calls;
        is_learnt && self.networks.len() < NETWORKS_MAX
    }

    /// Notes an accepted call.
    fn accept(&mut self, network: Network, is_known: bool, now: EventTime) {
        self.first.get_or_insert(now);
        self.calls = self.calls.saturating_add(1);
        if !is_known && self.networks.len() < NETWORKS_MAX {
            self.networks.push(network);
        }
    }

    /// Notes a refused call; whether its network was not told of late.
    fn refuse(&mut self, network: Network, now: EventTime, again_after: Duration) -> bool {
        self.refused.retain(|(_, told)| now.since(*told) < again_after);
        if self.refused.iter().any(|(told, _)| *told == network) {
            return false;
        }
        if self.refused.len() >= REFUSED_MAX {
            self.refused.remove(0);
        }
        self.refused.push((network, now));
        true
    }
}

/// The first autonomous system of a large cloud for each of its others (public registries).
fn operator(asn: u32) -> u32 {
    match asn {
        14618 | 8987 | 7224 => 16509,                                 // Amazon
        396_982 | 36384 | 394_089 | 396_178 | 19527 | 43515 => 15169, // Google
        8070 | 8069 | 3598 | 35106 => 8075,                           // Microsoft
        54253 | 64102 | 33517 | 20054 | 6142 | 46558 => 31898,        // Oracle
        37963 | 134_963 => 45102,                                     // Alibaba
        209_242 | 132_892 | 202_623 | 14789 | 203_898 | 139_242 | 394_536 | 395_747 => 13335, // Cloudflare
        _ => asn,
    }
}

fn severity(tx: &Transaction, is_accepted: bool) -> Severity {
    let is_privileged = tx.request.as_ref().is_some_and(|request| request.labels.any(Labels::PRIVILEGED));
    let is_hidden = tx.client.class.is_some_and(AddressClass::hides_place);
    match (is_accepted, is_privileged && is_hidden) {
        (false, _) => Severity::Low,
        (true, false) => RULE.severity,
        (true, true) => Severity::High,
    }
}

fn finding(
    tx: &Transaction,
    credential: &Credential,
    network: Network,
    key: &Key,
    is_accepted: bool,
) -> Finding {
    let known = key.networks.iter().filter(|known| **known != network);
    let mut words: Vec<String> = known.clone().map(|known| known.words()).take(WORDS_MAX).collect();
    let others = known.clone().count() - words.len();
    if others > 0 {
        words.push(format!("{others} more"));
    }
    let through = tx.client.class.map(|class| format!(", {class}")).unwrap_or_default();
    let verb = if is_accepted { "accepted" } else { "refused" };
    let before = u64::from(key.calls) - u64::from(is_accepted);
    let message = format!(
        "{} {verb} from {} ({}{through}), which is new to it; {} before, from {}",
        keys::Named(credential, tx),
        network.words(),
        tx.client.ip,
        Several(before, "call"),
        words.join(", "),
    );
    let mut systems: Vec<u32> = known.clone().filter_map(|known| known.asn).collect();
    systems.sort_unstable();
    systems.dedup();
    let mut countries: Vec<Country> = known.filter_map(|known| known.country).collect();
    countries.sort_unstable();
    countries.dedup();
    let as_name = |asn: u32| -> Arc<str> { format!("AS{asn}").into() };
    let mut facts = Vec::new();
    facts.extend(tx.client.asn.map(|asn| ("network", Fact::Text(as_name(asn)))));
    facts.extend(network.country.map(|country| ("country", Fact::Text(country.as_str().into()))));
    facts.extend(tx.client.class.map(|class| ("class", Fact::Text(class.name().into()))));
    facts.extend([
        ("known_networks", Fact::List(systems.into_iter().map(as_name).collect())),
        ("known_countries", Fact::List(countries.iter().map(|country| country.as_str().into()).collect())),
        ("calls", Fact::Count(before)),
        ("accepted", Fact::Flag(is_accepted)),
    ]);
    Finding { credential: Some(credential.clone()), facts, ..Finding::of(tx, message, verb) }
}

#[cfg(test)]
mod tests {
    use crate::story::check;
    use expect_test::expect;

    /// A key at home in one network, learnt.
    const HOME: &str = "10:00:00 203.0.113.1 -> use GET /me 200 user=ann key=k1 asn=64501 country=DE x49
         7d+10:00:00 203.0.113.1 -> use GET /me 200 user=ann key=k1 asn=64501 country=DE";

    #[track_caller]
    fn check_from_home(story: &str, expected: expect_test::Expect) {
        check(&format!("{HOME}\n{story}"), expected);
    }

    #[test]
    fn another_network_or_country_once() {
        check_from_home(
            "8d+10:00:00 198.51.100.7 -> use GET /me 200 user=ann key=k1 asn=64502 country=DE
             8d+10:00:09 198.51.100.7 -> use GET /me 200 user=ann key=k1 asn=64502 country=DE
             8d+11:00:00 203.0.113.9 -> use GET /me 200 user=ann key=k1 asn=64501 country=FR
             30d+11:00:00 203.0.113.9 -> use GET /me 200 user=ann key=k1 asn=64501 country=FR",
            expect![[r#"
                10:00:00.000 KEY-02 key_from_new_network medium 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann accepted from AS64502 in DE (198.51.100.7), which is new to it; 50 calls before, from AS64501 in DE
                11:00:00.000 KEY-02 key_from_new_network medium 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann accepted from AS64501 in FR (203.0.113.9), which is new to it; 52 calls before, from AS64501 in DE, AS64502 in DE
            "#]],
        );
    }

    #[test]
    fn a_tunnel_to_a_privileged_route_and_a_refusal() {
        check_from_home(
            "8d+10:00:00 198.51.100.7 -> use GET /me 401 user=ann key=k1 asn=64502 country=NL class=vpn
             8d+10:00:01 198.51.100.7 -> use GET /me 401 user=ann key=k1 asn=64502 country=NL class=vpn
             9d+10:00:00 198.51.100.7 -> use GET /export 200 user=ann key=k1 asn=64502 country=NL class=vpn labels=export
             9d+10:00:01 198.51.100.8 -> use GET /export 200 user=ann key=k1 asn=64503 country=NL labels=export",
            expect![[r#"
                10:00:00.000 KEY-02 key_from_new_network low 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann refused from AS64502 in NL (198.51.100.7, vpn), which is new to it; 50 calls before, from AS64501 in DE
                10:00:00.000 KEY-01 mfa_bypass_by_key high 4fe70c2b12730bbd30c371687045227c (export): api_key 4fe70c2b of ann did GET /export (export) for the first time, without a second factor
                10:00:00.000 KEY-02 key_from_new_network high 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann accepted from AS64502 in NL (198.51.100.7, vpn), which is new to it; 50 calls before, from AS64501 in DE
                10:00:00.000 KEY-03 key_scope_jump high 4fe70c2b12730bbd30c371687045227c (privileged): api_key 4fe70c2b of ann did something privileged for the first time, accepted: GET /export (export); 50 calls on 1 route before, to read
                10:00:01.000 KEY-02 key_from_new_network medium 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b of ann accepted from AS64503 in NL (198.51.100.8), which is new to it; 51 calls before, from AS64501 in DE, AS64502 in NL
            "#]],
        );
    }

    #[test]
    fn seven_days_and_fifty_calls() {
        let learnt = |calls: u32, time: &str| {
            format!(
                "10:00:00 203.0.113.1 -> use GET /me 200 key=k1 asn=64501 x{calls} every 0s
                 7d+{time} 198.51.100.7 -> use GET /me 200 key=k1 asn=64502"
            )
        };
        check(
            &learnt(50, "10:00:00"),
            expect![[r#"
                10:00:00.000 KEY-02 key_from_new_network medium 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b accepted from AS64502 (198.51.100.7), which is new to it; 50 calls before, from AS64501
            "#]],
        );
        check(&learnt(49, "10:00:00"), expect![[""]]);
        check(&learnt(50, "09:59:59.999999999"), expect![[""]]);
    }

    #[test]
    fn one_cloud_is_one_network_and_a_new_country_a_new_region() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 200 key=k1 asn=16509 country=US class=hosting x50
             8d+10:00:00 203.0.113.2 -> use GET /me 200 key=k1 asn=14618 country=US class=hosting
             8d+11:00:00 203.0.113.3 -> use GET /me 200 key=k1 asn=16509 country=IE class=hosting
             8d+12:00:00 203.0.113.4 -> use GET /me 200 key=k1 asn=8075 country=US class=hosting",
            expect![[r#"
                11:00:00.000 KEY-02 key_from_new_network medium 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b accepted from AS16509 in IE (203.0.113.3, hosting), which is new to it; 51 calls before, from AS16509 in US
                12:00:00.000 KEY-02 key_from_new_network medium 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b accepted from AS8075 in US (203.0.113.4, hosting), which is new to it; 52 calls before, from AS16509 in US, AS16509 in IE
            "#]],
        );
    }

    #[test]
    fn from_inside_to_outside_and_not_the_reverse() {
        check(
            "10:00:00 10.0.0.1 -> use GET /me 200 key=k1 x50
             10:00:00 203.0.113.1 -> use GET /me 200 key=k2 asn=64501 x50
             8d+10:00:00 203.0.113.2 -> use GET /me 200 key=k1 asn=64501 country=DE
             8d+10:00:01 10.0.0.1 -> use GET /me 200 key=k2
             8d+10:00:02 203.0.113.3 -> use GET /me 200 key=k2",
            expect![[r#"
                10:00:00.000 KEY-02 key_from_new_network medium 4fe70c2b12730bbd30c371687045227c: api_key 4fe70c2b accepted from AS64501 in DE (203.0.113.2), which is new to it; 50 calls before, from inside
            "#]],
        );
    }

    #[test]
    fn a_key_without_a_home() {
        check(
            "10:00:00 203.0.113.1 -> use GET /tile 200 key=map asn={64501..64532} x2
             8d+10:00:00 203.0.113.1 -> use GET /tile 200 key=map asn={64601..64699}",
            expect![[r#"
                10:00:02.000 KEY-05 shared_key medium 367e8d65830174192874be741b878a0a: api_key 367e8d65 in use from 3 networks at once (AS64501, AS64502, AS64503) within 2 s (limit 3 in 600 s)
                10:00:02.000 KEY-05 shared_key medium 367e8d65830174192874be741b878a0a: api_key 367e8d65 in use from 3 networks at once (AS64601, AS64602, AS64603) within 2 s (limit 3 in 600 s)
            "#]],
        );
    }

    #[test]
    fn what_is_no_key() {
        check_from_home(
            "10:00:00 203.0.113.1 -> token POST /token 200 user=u1 secret=app asn=64501 x60
             10:00:00 203.0.113.1 -> use GET /me 200 user=eve bearer=t1 key=app asn=64501 x60
             8d+10:00:00 198.51.100.7 -> token POST /token 200 user=u2 secret=app asn=64502
             8d+10:00:01 198.51.100.7 -> use GET /me 200 user=eve bearer=t1 key=app asn=64502
             8d+10:00:02 198.51.100.7 -> use GET /me 500 user=ann key=k1 asn=64502
             8d+10:00:03 198.51.100.7 -> use GET /me - user=ann key=k1 asn=64502
             8d+10:00:04 198.51.100.7 -> token POST /token 400 service=robot key=k1 asn=64502
             8d+10:00:05 198.51.100.7 -> use GET /me 401 key=unknown asn=64502
             8d+10:00:06 198.51.100.7 -> use GET /me 200 user=ann key=k1 asn=64502 repeat",
            expect![[""]],
        );
    }
}
