//! Keys that last, the riskiest first: whose, how old, from where, for what, and what they need at least.
//! It is given the ledger's credentials and the last moment of the traffic.
//! It promises fingerprints and nothing of a value, and for each point of risk its reason in words.

use super::model::{Keys, Need, Passport, Place};
use crate::ledger::credential::Credential;
use crate::ledger::is_lasting;
use crate::sinks::record::Shown;
use heelguard_detectors::identity::{CredentialKind, Location, PrincipalKind};
use heelguard_detectors::time::EventTime;
use std::cmp::Reverse;
use std::sync::Arc;

/// Keys that are told in full.
const PASSPORTS_MAX: usize = 25;
/// What keys should not outlive (PCI DSS and most policies).
const OLD_DAYS: u64 = 90;
/// A key that nobody used for so long can be switched off.
const DORMANT_DAYS: u64 = 30;
/// More networks than a program usually calls from.
const NETWORKS_MAX: u64 = 3;

/// The keys among these.
pub(super) fn keys(credentials: &[Arc<Credential>], now: EventTime) -> Keys {
    let lasting = credentials.iter().filter(|credential| is_lasting(credential.kind));
    ranked(lasting.map(|credential| passport(credential, now)).collect())
}

/// The riskiest first, and no more than are told.
pub(super) fn ranked(mut passports: Vec<Passport>) -> Keys {
    passports.sort_by_key(|of| (Reverse((of.risk, of.calls)), of.fingerprint.clone()));
    let with_reasons = passports.iter().filter(|of| of.risk > 0).count() as u64;
    let in_all = passports.len() as u64;
    passports.truncate(PASSPORTS_MAX);
    Keys { in_all, with_reasons, passports }
}

/// Whole days from one moment to another.
pub(super) fn days(from: EventTime, to: EventTime) -> u64 {
    to.since(from).as_secs() / 86_400
}

fn passport(of: &Credential, now: EventTime) -> Passport {
    let need = |lane: &crate::ledger::lanes::Lane<crate::ledger::visited::Visited>| Need {
        place: Place {
            method: lane.name.method.to_string(),
            host: lane.name.host.to_string(),
            route: lane.name.route.to_string(),
        },
        calls: lane.calls,
    };
    let mut passport = Passport {
        fingerprint: of.fingerprint.to_string(),
        kind: of.kind.to_string(),
        class: of.class.to_owned(),
        location: of.location.to_string(),
        name: of.name.to_string(),
        owner: of.owner().filter(|(kind, _)| is_somebody(*kind)).map(|(kind, id)| format!("{kind}:{id}")),
        owners: of.owners.len() as u64 + of.owners.given_up,
        first_seen: Shown(of.first),
        last_seen: Shown(of.last),
        age_days: days(of.first, now),
        idle_days: days(of.last, now),
        calls: of.calls,
        denied: of.denied,
        privileged: of.privileged,
        around_mfa: of.around_mfa,
        networks: of.addresses.len() as u64 + of.addresses.given_up,
        countries: of.countries.by_use().into_iter().map(|lane| lane.name.to_string()).collect(),
        risk: 0,
        reasons: Vec::new(),
        needs: of.routes.by_use().into_iter().map(need).collect(),
        needs_left_out: of.routes.given_up,
    };
    judge(&mut passport, of.known.map(|known| format!("others have it, too ({})", known.why)));
    passport
}

/// Whether an actor is more than the credential itself.
fn is_somebody(kind: PrincipalKind) -> bool {
    !matches!(kind, PrincipalKind::Key | PrincipalKind::Session)
}

/// Fills in a passport's risk and its reasons.
pub(super) fn judge(passport: &mut Passport, known: Option<String>) {
    for (_, weight, reason) in reasons(passport, known).into_iter().filter(|(applies, ..)| *applies) {
        passport.risk += weight;
        passport.reasons.push(reason);
    }
}

/// What may be wrong with a key, how much each weighs, and how it is said.
fn reasons(of: &Passport, known: Option<String>) -> Vec<(bool, u64, String)> {
    let in_address =
        [Location::Query, Location::Path, Location::Userinfo].iter().any(|at| at.name() == of.location);
    vec![
        (known.is_some(), 100, known.unwrap_or_default()),
        (of.around_mfa > 0, 40, format!("{} calls around its owner’s second factor", of.around_mfa)),
        (of.privileged > 0, 30, format!("{} privileged calls", of.privileged)),
        (in_address, 20, format!("travels in the address ({})", of.location)),
        (of.owners > 1, 20, format!("used for {} accounts", of.owners)),
        (of.kind == CredentialKind::Basic.name(), 10, "a password that comes with every request".to_owned()),
        (of.networks > NETWORKS_MAX, 10, format!("used from {} networks", of.networks)),
        (of.countries.len() > 1, 10, format!("used from {} countries", of.countries.len())),
        (of.age_days > OLD_DAYS, 10, format!("at least {} days old", of.age_days)),
        (of.idle_days > DORMANT_DAYS, 10, format!("unused for {} days", of.idle_days)),
    ]
}
