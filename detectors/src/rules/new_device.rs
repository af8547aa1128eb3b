//! # New device
//!
//! ## What it sees
//!
//! An account used with success from a device that is not among those it used in the last 30 days.
//!
//! ## Why it matters
//!
//! Whoever steals a password, session or token rarely steals the phone or browser with it. Most new devices are the
//! owner's own, though: this is what the owner should be told by e-mail, and what explains a graver alert beside it.
//!
//! ## How it decides
//!
//! It looks at requests that succeeded by a person's own login, session or token. A device is known by four traits:
//! TLS handshake, user agent without versions, order of headers, platform; of four known ones three must agree, of
//! three two, of two both. A device is new when it differs from every device known of the account; where too few traits
//! are known it says nothing. The first device ever seen of an account is never new. Severity is info, and medium when
//! the device does something sensitive (password, factor, payment, export, role, key) within ten minutes of its first
//! use; low if a second factor was proved on the device before. A device is told once; confidence is low until ten logins or 14 days of an account were seen.
//!
//! ## Benign look-alikes
//!
//! An update of browser or system (one trait changes at most), a resumed TLS session (the handshake's trait leaves out
//! what resumption adds), a person's second device (info, once).
//!
//! ## Tuning
//!
//! `known_days` is how long a device stays known without use; raise it where people log in once a quarter.
//! Facts: `changed` (against the nearest known device), `known_devices`, `sensitive`.
//!
//! ## References
//!
//! MITRE ATT&CK T1078; OWASP API2:2023.

use super::presence::{self, Acquaintance};
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, Facts, Finding, Findings, Grouping, Maturity, Rule, Several, Span,
    tables,
};
use crate::few::Few;
use crate::identity::Principal;
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Device, Transaction};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Devices remembered of one account; of more, the one longest unused goes.
const DEVICES_MAX: usize = 16;
/// Fewer known traits cannot tell one device from another.
const TRAITS_MIN: usize = 2;
const DAY: Duration = Duration::from_hours(24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// How long a device stays known without use (30 d: a tablet used on weekends stays known).
    pub known_days: u32,
    /// Something sensitive within this time of a new device's first use makes it medium (600 s: thieves are quick).
    pub sensitive_within_s: u32,
    /// Logins after which an account's habits are trusted (10: two working weeks of one a day).
    pub trusted_logins: u32,
    /// Days after which an account's habits are trusted, however few its logins (14 d: two weeks).
    pub trusted_days: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { known_days: 30, sensitive_within_s: 600, trusted_logins: 10, trusted_days: 14 }
    }
}

/// DEV-01.
pub static RULE: Rule = Rule {
    id: "DEV-01",
    name: "new_device",
    title: "New device",
    severity: Severity::Info,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Principal,
    order_free: false,
    mitre: &["T1078"],
    owasp: &["API2:2023"],
    response: "tell the owner by e-mail; end the session if the owner does not recognise it",
};

/// The devices of each account.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    known: Duration,
    sensitive_within: Duration,
    accounts: Keyed<Principal, Account>,
}

#[derive(Debug, Default)]
struct Account {
    devices: Few<Known>,
    acquaintance: Acquaintance,
}

saved!(Account { devices, acquaintance });

/// One device of one account.
#[derive(Clone, Debug)]
struct Known {
    device: Device,
    first: EventTime,
    last: EventTime,
    /// Whether the account had others before it.
    is_new: bool,
}

saved!(Known { device, first, last, is_new });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let known = DAY.saturating_mul(thresholds.known_days);
        Self {
            known,
            sensitive_within: Duration::from_secs(u64::from(thresholds.sensitive_within_s)),
            accounts: Keyed::new(limits.keys_per_table_max, known),
            thresholds: thresholds.clone(),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::PERSON
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(device) = tx.device.filter(tells_devices_apart) else { return };
        let now = tx.end;
        let account = self.accounts.entry(findings.principal(tx), now);
        account.acquaintance.note(tx);
        account.devices.retain(|known| now.since(known.last) <= self.known);
        let Some(place) = account.place_of(device, now) else { return };
        let Some(Known { first, is_new: true, .. }) = account.devices.get(place).cloned() else { return };
        let is_first_use = first == now;
        let is_sensitive = presence::is_sensitive(tx) && now.since(first) <= self.sensitive_within;
        if !is_first_use && !is_sensitive {
            return;
        }
        let Thresholds { trusted_logins, trusted_days, .. } = self.thresholds;
        let learning = !account.acquaintance.is_trusted(now, trusted_logins, trusted_days);
        let crossing = Crossing {
            about: About::Principal(&tx.principal),
            severity: match is_sensitive {
                true if tx.proof.mfa_at.is_some_and(|proved| proved >= first) => Severity::Low,
                true => Severity::Medium,
                false => RULE.severity,
            },
            first,
            fresh: 1,
            window: None,
        };
        findings.raise(&crossing, || finding(tx, account, place, is_sensitive, learning));
    }

    tables!(accounts);
}

impl Account {
    /// Where the device stands in the list, put there now if it is new; nothing if that cannot be told.
    fn place_of(&mut self, device: Device, now: EventTime) -> Option<usize> {
        if let Some(place) = self.devices.iter().position(|known| known.device.same_as(&device)) {
            let known = &mut self.devices[place];
            known.device = renewed(known.device, device);
            known.last = now;
            return Some(place);
        }
        if !self.devices.iter().all(|known| known.device.differs_from(&device)) {
            return None;
        }
        if self.devices.len() >= DEVICES_MAX {
            let oldest = self.devices.iter().enumerate().min_by_key(|(_, known)| known.last);
            let oldest = oldest.map_or(0, |(place, _)| place);
            self.devices.remove(oldest);
        }
        let is_new = !self.devices.is_empty();
        self.devices.push(Known { device, first: now, last: now, is_new });
        Some(self.devices.len() - 1)
    }
}

fn tells_devices_apart(device: &Device) -> bool {
    device.traits.iter().filter(|&&known| known != 0).count() >= TRAITS_MIN
}

/// The device as it shows itself now; a trait that was not seen this time stays as it was.
fn renewed(before: Device, now: Device) -> Device {
    let mut traits = now.traits;
    for (now, before) in traits.iter_mut().zip(before.traits) {
        if *now == 0 {
            *now = before;
        }
    }
    Device { traits }
}

fn finding(tx: &Transaction, account: &Account, place: usize, is_sensitive: bool, learning: bool) -> Finding {
    let mut others = account.devices.to_vec();
    let new = others.remove(place);
    let changes = others.iter().map(|known| known.device.changed(&new.device).collect::<Vec<_>>());
    let parts: Vec<Arc<str>> = changes
        .min_by_key(Vec::len)
        .unwrap_or_default()
        .into_iter()
        .map(|changed| changed.name().into())
        .collect();
    let known = Several(others.len() as u64, "device");
    let message = if is_sensitive {
        let place = tx.endpoint().map(|endpoint| format!(" ({endpoint})")).unwrap_or_default();
        let after = Span(tx.end.since(new.first));
        format!(
            "{} did something sensitive{place} {after} after the first use of the new device {} from {}; {known} known",
            tx.principal.id, new.device, tx.client.ip
        )
    } else {
        format!(
            "{} on the new device {} from {} (other {}); {known} known",
            tx.principal.id,
            new.device,
            tx.client.ip,
            parts.join(", ")
        )
    };
    let found = Finding::of(tx, message, if is_sensitive { "sensitive, accepted" } else { "accepted" });
    Finding {
        facts: vec![
            ("changed", Fact::List(parts)),
            ("known_devices", Fact::Count(others.len() as u64)),
            ("sensitive", Fact::Flag(is_sensitive)),
        ],
        doubts: Doubts { learning, ..found.doubts },
        ..found
    }
}

#[cfg(test)]
mod tests {
    use crate::story::{check, check_confidence};
    use expect_test::expect;

    #[test]
    fn a_login_on_a_second_device_is_told_once() {
        check(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann device=abcd
             11:00:00 203.0.113.7 -> mfa POST /mfa 200 user=ann device=axyd
             11:00:05 203.0.113.7 -> use GET /me 200 user=ann session=s1 device=axyd
             12:00:00 203.0.113.7 -> login POST /login 200 user=ann device=axyd",
            expect![[r#"
                11:00:00.000 DEV-01 new_device info user:ann: ann on the new device d:a140c00f from 203.0.113.7 (other agent, header_order); 1 device known
            "#]],
        );
    }

    #[test]
    fn the_first_device_and_an_update_of_it() {
        check(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann device=abcd
             11:00:00 198.51.100.4 -> login POST /login 200 user=ann device=xbcd
             12:00:00 198.51.100.4 -> login POST /login 200 user=ann device=xycd
             13:00:00 198.51.100.4 -> login POST /login 200 user=ann device=-ycd",
            expect![[""]],
        );
    }

    #[test]
    fn what_is_not_known_of_a_device_is_no_difference() {
        check(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann device=-bcd
             11:00:00 203.0.113.7 -> login POST /login 200 user=ann device=a---
             12:00:00 203.0.113.7 -> login POST /login 200 user=ann device=abx-
             13:00:00 203.0.113.7 -> login POST /login 200 user=ann",
            expect![[""]],
        );
    }

    #[test]
    fn what_proves_no_person_there() {
        check(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann device=abcd
             11:00:00 203.0.113.7 -> login POST /login 401 user=ann device=wxyz
             11:00:10 203.0.113.7 -> login POST /login 200 user=ann device=wxyz outcome=second_factor
             11:00:20 203.0.113.7 -> use GET /me 401 user=ann session=s1 device=wxyz
             11:00:30 203.0.113.7 -> use GET /me 200 user=ann key=k1 device=wxyz
             11:00:40 203.0.113.7 -> use GET /me 200 service=robot bearer=t1 device=wxyz
             11:00:50 203.0.113.7 -> use GET /me 200 service=robot bearer=t1 device=abcd",
            expect![[""]],
        );
    }

    #[test]
    fn something_sensitive_after_a_second_factor_on_the_new_device() {
        check(
            "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 device=abcd
             11:00:00 203.0.113.7 -> mfa POST /mfa 200 user=ann session=s2 device=wxyz
             11:05:00 203.0.113.7 -> sensitive POST /password 200 user=ann session=s2 device=wxyz mfa=5m
             12:00:00 203.0.113.8 -> use GET /me 200 user=ann session=s3 device=efgh
             12:05:00 203.0.113.8 -> sensitive POST /password 200 user=ann session=s3 device=efgh mfa=6m",
            expect![[r#"
                11:00:00.000 DEV-01 new_device info user:ann: ann on the new device d:515d0b1f from 203.0.113.7 (other tls, agent, header_order, platform); 1 device known
                11:05:00.000 DEV-01 new_device low (update) user:ann: ann did something sensitive (POST /password) 300 s after the first use of the new device d:515d0b1f from 203.0.113.7; 1 device known; 2 in all since 2026-11-21T11:00:00Z
                12:00:00.000 DEV-01 new_device info user:ann: ann on the new device d:7465a415 from 203.0.113.8 (other tls, agent, header_order, platform); 2 devices known
                12:05:00.000 DEV-01 new_device medium (update) user:ann: ann did something sensitive (POST /password) 300 s after the first use of the new device d:7465a415 from 203.0.113.8; 2 devices known; 2 in all since 2026-11-21T12:00:00Z
            "#]],
        );
    }

    #[test]
    fn something_sensitive_in_the_first_ten_minutes() {
        check(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann device=abcd
             10:00:30 198.51.100.4 -> sensitive POST /password 200 user=ann session=s1 device=abcd
             11:00:00 203.0.113.7 -> login POST /login 200 user=ann device=wxyz
             11:10:00 203.0.113.7 -> sensitive POST /password 200 user=ann session=s2 device=wxyz",
            expect![[r#"
                11:00:00.000 DEV-01 new_device info user:ann: ann on the new device d:515d0b1f from 203.0.113.7 (other tls, agent, header_order, platform); 1 device known
                11:10:00.000 DEV-01 new_device medium (update) user:ann: ann did something sensitive (POST /password) 600 s after the first use of the new device d:515d0b1f from 203.0.113.7; 1 device known; 2 in all since 2026-11-21T11:00:00Z
            "#]],
        );
        check(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann device=abcd
             11:00:00 203.0.113.7 -> login POST /login 200 user=ann device=wxyz
             11:10:00.000000001 203.0.113.7 -> sensitive POST /password 200 user=ann session=s2 device=wxyz",
            expect![[r#"
                11:00:00.000 DEV-01 new_device info user:ann: ann on the new device d:515d0b1f from 203.0.113.7 (other tls, agent, header_order, platform); 1 device known
            "#]],
        );
    }

    #[test]
    fn after_a_month_without_use_a_device_is_new_again() {
        check(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann device=abcd
             10:10:00 198.51.100.4 -> login POST /login 200 user=ann device=wxyz
             {1..29}d+10:00:00 198.51.100.4 -> login POST /login 200 user=ann device=abcd every 1ns
             30d+10:10:00 198.51.100.4 -> login POST /login 200 user=ann device=wxyz
             30d+10:20:00 198.51.100.4 -> login POST /login 200 user=ann device=abcd
             60d+10:10:00.000000001 198.51.100.4 -> login POST /login 200 user=ann device=wxyz",
            expect![[r#"
                10:10:00.000 DEV-01 new_device info user:ann: ann on the new device d:515d0b1f from 198.51.100.4 (other tls, agent, header_order, platform); 1 device known
                10:10:00.000 DEV-01 new_device info user:ann: ann on the new device d:515d0b1f from 198.51.100.4 (other tls, agent, header_order, platform); 1 device known
            "#]],
        );
    }

    #[test]
    fn confidence_grows_with_what_is_known() {
        check_confidence(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann device=abcd x9 every 1h
             1d+10:00:00 203.0.113.7 -> login POST /login 200 user=ann device=wxyz",
            expect!["DEV-01 high"],
        );
        check_confidence(
            "10:00:00 198.51.100.4 -> login POST /login 200 user=ann device=abcd x8 every 1h
             1d+10:00:00 203.0.113.7 -> login POST /login 200 user=ann device=wxyz",
            expect!["DEV-01 low"],
        );
    }
}
