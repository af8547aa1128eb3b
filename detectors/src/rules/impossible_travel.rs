//! # Impossible travel
//!
//! ## What it sees
//!
//! One account used with success from two places so far apart, in so short a time, that nobody travels like that.
//!
//! ## Why it matters
//!
//! Two people use the account: its owner and somebody with the password, session or token.
//!
//! ## How it decides
//!
//! Between successive requests that succeeded by a person's own login, session or token, from different addresses, it
//! takes the great-circle distance less both places' radii. At least 500 km and more than 900 km/h fire: faster than
//! an airliner. Severity is high, critical when the device differs as well. A pair of places is told once in 12 hours.
//! An address where five accounts were at home within a week is an office or the company's VPN: whoever leaps to it on
//! a device known of the account has entered the VPN and stays where they were, and whoever leaps from it to the place
//! they had before has left it. On a device not known the leap into it is low; so is a leap from it to a new place on
//! the same device, as when a VPN is left for the first time.
//!
//! ## Benign look-alikes
//!
//! The company's VPN (known by the accounts that are at home there), VPN exits, relays, hosting, Tor and satellite networks (passed over where known as such); one device on IPv4 and IPv6 whose addresses are
//! placed differently (the same device within 5 s is ignored); coarse GeoIP (the radius is taken off the distance).
//!
//! ## Tuning
//!
//! Raise `distance_km` where the GeoIP database is coarse. Facts: `km`, `km_per_h`, `from`, `to`, `same_device`.
//!
//! ## References
//!
//! MITRE ATT&CK T1078.004, T1550.001; OWASP API2:2023.

use super::egress::{self, Regulars};
use super::presence;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, Facts, Finding, Findings, Grouping, Maturity, Rule, Sample, Span,
    tables,
};
use crate::few::Few;
use crate::identity::{AddressClass, Country, Fingerprint, Place, Principal};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Comparison, Device, Transaction};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// How long the last place of an account matters: the farthest point on earth is a day away by air.
const PLACE_KEPT: Duration = Duration::from_hours(24);
/// One device at two addresses within this time is a device with two stacks.
const DUAL_STACK: Duration = Duration::from_secs(5);
/// Devices remembered of one account; of more, the one longest unused goes.
const DEVICES_MAX: usize = 4;
/// Pairs of places remembered of one account; of more, the oldest go.
const PAIRS_MAX: usize = 16;
const EARTH_RADIUS_KM: f64 = 6371.0;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// The least distance, less both radii (500 km: beyond the errors of city-level databases).
    pub distance_km: f64,
    /// The speed to exceed (900 km/h: an airliner).
    pub speed_kmh: f64,
    /// How soon the same two places are told again (12 h: once a working day).
    pub again_after_h: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { distance_km: 500.0, speed_kmh: 900.0, again_after_h: 12 }
    }
}

/// GEO-02.
pub static RULE: Rule = Rule {
    id: "GEO-02",
    name: "impossible_travel",
    title: "Impossible travel",
    severity: Severity::High,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Places,
    order_free: false,
    mitre: &["T1078.004", "T1550.001"],
    owasp: &["API2:2023"],
    response: "end the newer session; verify the owner out of band",
};

/// Where each account was last.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    again_after: Duration,
    accounts: Keyed<Principal, Account>,
    /// Who is at home at which address.
    networks: Keyed<IpAddr, Regulars>,
}

#[derive(Debug, Default)]
struct Account {
    last: Option<Stay>,
    /// The last place that was no shared address.
    own: Option<Degree>,
    /// The devices it is used on, the latest last.
    devices: Few<Device>,
    told: Few<(Pair, EventTime)>,
}

saved!(Account { last, own, devices, told });

/// An account at a place.
#[derive(Clone, Debug)]
struct Stay {
    at: EventTime,
    ip: IpAddr,
    place: Place,
    country: Option<Country>,
    device: Option<Device>,
    session: Option<Fingerprint>,
    /// Whether many are at home at the address.
    is_shared: bool,
    sample: Sample,
}

saved!(Stay { at, ip, place, country, device, session, is_shared, sample });

/// A place to the degree.
type Degree = (i16, i16);
/// Two places, in order.
type Pair = [Degree; 2];

/// A way from one stay to the next that is too far for its time.
#[derive(Clone, Debug)]
struct Leap {
    from: Stay,
    km: f64,
    time: Duration,
    same_device: Option<bool>,
    same_session: bool,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let again_after = Duration::from_secs(u64::from(thresholds.again_after_h) * 3600);
        Self {
            accounts: Keyed::new(limits.keys_per_table_max, egress::KEPT.max(again_after)),
            networks: Keyed::new(limits.keys_per_table_max, egress::KEPT),
            again_after,
            thresholds: thresholds.clone(),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::PERSON
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(place) = tx.client.place else { return };
        // A tunnel's end is no place: nobody is there, and nobody leaves from there.
        let is_hidden = tx.client.class.is_some_and(AddressClass::hides_place);
        if is_hidden {
            return;
        }
        let account = self.accounts.entry(findings.principal(tx), tx.end);
        if let Some(last) = &mut account.last
            && last.ip == tx.client.ip
        {
            last.at = tx.end;
            return;
        }
        let regulars = self.networks.entry(&tx.client.network(), tx.end);
        let is_shared = regulars.are_many();
        let stay = Stay {
            at: tx.end,
            ip: tx.client.ip,
            place,
            country: tx.client.country,
            device: tx.device,
            session: presence::session_of(tx),
            is_shared,
            sample: Sample::of(tx),
        };
        let leap = account.last.as_ref().and_then(|from| leap(from, &stay, &self.thresholds));
        let Some(leap) = leap else {
            regulars.meet(&tx.principal);
            account.arrive(stay);
            return;
        };
        let is_other_device = leap.same_device == Some(false);
        let is_known_device = !is_other_device || tx.device.is_some_and(|device| account.knows(device));
        // Into the company's VPN: the place is the one from before.
        if is_shared && is_known_device {
            return;
        }
        let is_back = leap.from.is_shared && account.own == Some(degree(place));
        let same = leap.same_session || leap.same_device == Some(true);
        let left_vpn = leap.from.is_shared && same && !is_other_device;
        let severity = match is_other_device {
            _ if is_shared || left_vpn => Severity::Low,
            true => Severity::Critical,
            false => RULE.severity,
        };
        account.arrive(stay);
        let is_news = account.is_news(pair(leap.from.place, place), tx.end, self.again_after);
        if !is_news || is_back && is_known_device {
            return;
        }
        let crossing = Crossing {
            about: About::Principal(&tx.principal),
            severity,
            first: tx.end,
            fresh: 1,
            window: None,
        };
        findings.raise(&crossing, || finding(tx, place, &leap));
    }

    tables!(accounts, networks);
}

impl Account {
    fn arrive(&mut self, stay: Stay) {
        if !stay.is_shared {
            self.own = Some(degree(stay.place));
        }
        if let Some(device) = stay.device {
            self.devices.retain(|known| !known.same_as(&device));
            if self.devices.len() >= DEVICES_MAX {
                self.devices.remove(0);
            }
            self.devices.push(device);
        }
        self.last = Some(stay);
    }

    fn knows(&self, device: Device) -> bool {
        self.devices.iter().any(|known| known.same_as(&device))
    }

    fn is_news(&mut self, pair: Pair, now: EventTime, again_after: Duration) -> bool {
        self.told.retain(|(_, told)| now.since(*told) < again_after);
        if self.told.iter().any(|(known, _)| *known == pair) {
            return false;
        }
        if self.told.len() >= PAIRS_MAX {
            self.told.remove(0);
        }
        self.told.push((pair, now));
        true
    }
}

fn leap(from: &Stay, to: &Stay, limits: &Thresholds) -> Option<Leap> {
    let km = to_the_metre(distance_km(from.place, to.place) - from.place.radius_km - to.place.radius_km);
    let time = to.at.since(from.at);
    let too_fast = km >= limits.distance_km && km > limits.speed_kmh * time.as_secs_f64() / 3600.0;
    if !too_fast || time > PLACE_KEPT {
        return None;
    }
    let same_device = match (from.device, to.device) {
        (Some(before), Some(now)) => match before.compare(&now) {
            Comparison::Same => Some(true),
            Comparison::Different => Some(false),
            Comparison::Unknown => None,
        },
        _ => None,
    };
    let dual_stack = same_device == Some(true) && time <= DUAL_STACK;
    let same_session = from.session.is_some() && from.session == to.session;
    (!dual_stack).then(|| Leap { from: from.clone(), km, time, same_device, same_session })
}

/// The great-circle distance by the haversine formula.
fn distance_km(from: Place, to: Place) -> f64 {
    let (lat_a, lat_b) = (from.lat.to_radians(), to.lat.to_radians());
    let half = |a: f64, b: f64| ((b - a) / 2.0).sin().powi(2);
    let h = half(lat_a, lat_b) + lat_a.cos() * lat_b.cos() * half(from.lon.to_radians(), to.lon.to_radians());
    2.0 * EARTH_RADIUS_KM * h.clamp(0.0, 1.0).sqrt().asin()
}

/// Places are no finer, and a sine's last digit must not decide what lies at the limit.
fn to_the_metre(km: f64) -> f64 {
    (km * 1e3).round() / 1e3
}

fn degree(place: Place) -> Degree {
    (place.lat.round() as i16, place.lon.round() as i16)
}

fn pair(from: Place, to: Place) -> Pair {
    let mut pair = [degree(from), degree(to)];
    pair.sort_unstable();
    pair
}

fn finding(tx: &Transaction, to: Place, leap: &Leap) -> Finding {
    // Two requests at one moment are as fast as two a second apart: a speed must be a number.
    let hours = leap.time.as_secs_f64().max(1.0) / 3600.0;
    let speed = (leap.km / hours).round();
    let name = |place: Place, country: Option<Country>| match country {
        Some(country) => format!("{country} ({:.1}, {:.1})", place.lat, place.lon),
        None => format!("({:.1}, {:.1})", place.lat, place.lon),
    };
    let (here, there) = (name(leap.from.place, leap.from.country), name(to, tx.client.country));
    let device = if leap.same_device == Some(false) { ", on another device" } else { "" };
    let message = format!(
        "{} moved {:.0} km in {} ({speed:.0} km/h) from {here} to {there}{device}",
        tx.principal.id,
        leap.km,
        Span(leap.time),
    );
    let found = Finding::of(tx, message, "accepted there");
    let mut facts = vec![
        ("km", Fact::Number(leap.km.round())),
        ("km_per_h", Fact::Number(speed)),
        ("from", Fact::Text(here.into())),
        ("to", Fact::Text(there.into())),
    ];
    facts.extend(leap.same_device.map(|same| ("same_device", Fact::Flag(same))));
    Finding {
        facts,
        evidence: [vec![leap.from.sample.evidence("accepted here")], found.evidence].concat(),
        doubts: Doubts::of([&leap.from.sample, &Sample::of(tx)]),
        ..found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::check;
    use expect_test::expect;

    #[test]
    fn paris_to_tokyo_in_half_an_hour() {
        check(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann place=48.86,2.35 device=abcd
             10:30:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 place=35.68,139.69 device=abcd
             10:40:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 place=48.86,2.35 device=abcd
             22:41:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 place=35.68,139.69 device=abcd",
            expect![[r#"
                10:30:00.000 GEO-02 impossible_travel high user:ann: ann moved 9673 km in 1800 s (19345 km/h) from (48.9, 2.4) to (35.7, 139.7)
            "#]],
        );
    }

    #[test]
    fn another_device_is_critical() {
        check(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann place=48.86,2.35 device=abcd
             10:30:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 place=35.68,139.69 device=abxy",
            expect![[r#"
                10:30:00.000 GEO-02 impossible_travel critical user:ann: ann moved 9673 km in 1800 s (19345 km/h) from (48.9, 2.4) to (35.7, 139.7), on another device
                10:30:00.000 DEV-01 new_device info user:ann: ann on the new device d:ea05633d from 203.0.113.7 (other header_order, platform); 1 device known
            "#]],
        );
    }

    #[test]
    fn a_flight_and_a_neighbour_town() {
        check(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann place=48.86,2.35
             21:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 place=35.68,139.69
             10:00:00 198.51.100.4 -> login POST /login 200 user=bob place=48.86,2.35
             10:01:00 203.0.113.7 -> use GET /me 200 user=bob session=s2 place=50.85,4.35",
            expect![""],
        );
    }

    #[test]
    fn a_tunnel_between_is_passed_over() {
        check(
            "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 place=48.86,2.35
             10:10:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 place=35.68,139.69 class=relay
             10:20:00 198.51.100.5 -> use GET /me 200 user=ann session=s1 place=48.86,2.35",
            expect![""],
        );
    }

    /// Five colleagues at home behind the address where the company's VPN leaves.
    const OFFICE: &str =
        "08:00:00 198.51.100.9 -> use GET /me 200 user=c{1..5} session=c{1..5} place=51,10 device=abcd";

    #[test]
    fn the_companys_vpn() {
        let toggled = |device: &str, session: &str| {
            format!(
                "{OFFICE}
                 09:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 place=45,-75 device=abcd
                 09:01:00 198.51.100.9 -> use GET /me 200 user=ann session={session} place=51,10 device={device}
                 09:09:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 place=45,-75 device=abcd"
            )
        };
        check(&toggled("abcd", "s1"), expect![[r#""#]]);
        check(&toggled("abcd", "s2"), expect![[r#""#]]);
        check(
            &toggled("wxyz", "s2"),
            expect![[r#"
            09:01:00.000 GEO-02 impossible_travel low user:ann: ann moved 5960 km in 60 s (357624 km/h) from (45.0, -75.0) to (51.0, 10.0), on another device
            09:01:00.000 DEV-01 new_device info user:ann: ann on the new device d:515d0b1f from 198.51.100.9 (other tls, agent, header_order, platform); 1 device known
        "#]],
        );
    }

    #[test]
    fn who_begins_in_the_vpn_leaves_it_once() {
        check(
            &format!(
                "{OFFICE}
                 09:00:00 198.51.100.9 -> use GET /me 200 user=ann session=s1 place=51,10 device=abcd
                 09:01:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 place=45,-75 device=abcd
                 1d+09:00:00 198.51.100.9 -> use GET /me 200 user=ann session=s2 place=51,10 device=abcd
                 1d+09:01:00 203.0.113.7 -> use GET /me 200 user=ann session=s2 place=45,-75 device=abcd"
            ),
            expect![[r#"
                09:01:00.000 GEO-02 impossible_travel low user:ann: ann moved 5960 km in 60 s (357624 km/h) from (51.0, 10.0) to (45.0, -75.0)
            "#]],
        );
    }

    #[test]
    fn a_stolen_session_of_a_colleague_in_the_office() {
        check(
            &format!(
                "{OFFICE}
                 09:00:00 203.0.113.7 -> use GET /me 200 user=c1 session=c1 place=-23,-46 device=wxyz"
            ),
            expect![[r#"
                09:00:00.000 GEO-02 impossible_travel critical user:c1: c1 moved 9838 km in 3600 s (9838 km/h) from (51.0, 10.0) to (-23.0, -46.0), on another device
                09:00:00.000 DEV-01 new_device info user:c1: c1 on the new device d:515d0b1f from 203.0.113.7 (other tls, agent, header_order, platform); 1 device known
                09:00:00.000 SES-01 session_hijack high user:c1: session of c1 used on d:515d0b1f from 203.0.113.7, 3600 s after 198.51.100.9 on d:8103e7a6, accepted (other address range, tls, agent, header_order, platform)
            "#]],
        );
    }

    #[test]
    fn one_device_with_two_stacks() {
        check(
            "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 place=48.86,2.35 device=abcd
             10:00:05 203.0.113.7 -> use GET /me 200 user=ann session=s1 place=40.71,-74.0 device=abcd
             11:00:00 198.51.100.4 -> use GET /me 200 user=bob session=s1 place=48.86,2.35 device=abcd
             11:00:05.1 203.0.113.7 -> use GET /me 200 user=bob session=s1 place=40.71,-74.0 device=abcd",
            expect![[r#"
                11:00:05.100 GEO-02 impossible_travel high user:bob: bob moved 5797 km in 5.1 s (4091808 km/h) from (48.9, 2.4) to (40.7, -74.0)
            "#]],
        );
    }

    #[test]
    fn a_coarse_place_takes_its_radius_off() {
        check(
            "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 place=39.8,-98.6 radius=2000
             10:00:30 203.0.113.7 -> use GET /me 200 user=ann session=s1 place=40.71,-74.0 radius=20",
            expect![""],
        );
    }

    #[test]
    fn distances_are_right() {
        let place = |lat, lon| Place { lat, lon, radius_km: 0.0 };
        let paris_tokyo = distance_km(place(48.8566, 2.3522), place(35.6762, 139.6503));
        assert!((paris_tokyo - 9_712.0).abs() < 5.0, "{paris_tokyo}");
        assert!((distance_km(place(0.0, 0.0), place(0.0, 180.0)) - 20_015.0).abs() < 1.0);
        assert!(distance_km(place(90.0, 0.0), place(90.0, 77.0)) < 1e-6);
    }
}
