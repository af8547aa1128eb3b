//! Keys that last, the riskiest first: whose, how old, from where, for what, and what they need at least.
//! It is given the ledger's credentials and the last moment of the traffic.
//! It promises fingerprints and nothing of a value, and the passports and proposals that the page shows.

use super::model::{Follower, Grant, Keys, Passport, Place};
use crate::ledger::credential::Credential;
use crate::ledger::gaps::Weight;
use crate::ledger::passport::{Passport as Kept, Succession, passports};
use crate::ledger::scope::{Grant as Granted, Scope};
use crate::sinks::record::Shown;
use heelguard_detectors::time::EventTime;
use std::cmp::Reverse;
use std::sync::Arc;

/// Keys that are told in full.
const PASSPORTS_MAX: usize = 25;

/// The keys among these.
pub(super) fn keys(credentials: &[Arc<Credential>], now: EventTime) -> Keys {
    let mut keys: Vec<Passport> = passports(credentials, now).iter().map(passport).collect();
    keys.sort_by_key(|of| (Reverse((of.risk, of.calls)), of.fingerprint.clone()));
    let with_reasons = keys.iter().filter(|of| of.risk > 0).count() as u64;
    let around_mfa = keys.iter().filter(|of| of.around_mfa > 0).count() as u64;
    let in_all = keys.len() as u64;
    keys.truncate(PASSPORTS_MAX);
    Keys { in_all, with_reasons, around_mfa, passports: keys }
}

fn passport(of: &Kept<'_>) -> Passport {
    let Kept { of: key, lasting, .. } = *of;
    let risk = of.risk();
    let scope = Scope::of(key);
    let mut countries: Vec<String> = key.countries.iter().map(|lane| lane.name.to_string()).collect();
    countries.sort_unstable();
    Passport {
        fingerprint: key.fingerprint.to_string(),
        kind: key.kind.name(),
        class: key.class,
        location: key.location.name(),
        name: key.name.to_string(),
        owner: key.somebody().map(|(kind, id)| format!("{kind}:{id}")),
        owners: key.owners.len() as u64 + key.owners.given_up,
        first_seen: Shown(key.first),
        last_seen: Shown(key.last),
        issued: lasting.issued.map(Shown),
        age_days: of.age_days,
        is_old: of.is_old(),
        idle_days: of.idle_days,
        calls: key.calls,
        denied: key.denied,
        privileged: key.privileged,
        around_mfa: key.around_mfa,
        networks: of.networks(),
        networks_at_once: lasting.at_once.networks.count,
        devices: lasting.devices.len() as u64 + lasting.devices.given_up,
        devices_at_once: lasting.at_once.devices.count,
        countries,
        replaced_by: of.replaced_by.map(follower),
        replaces: of.replaces.map(follower),
        risk: risk.score,
        reasons: risk.reasons,
        grants: grants(&scope),
        refused_routes: scope.refused as u64,
        forgotten_routes: scope.forgotten,
    }
}

fn follower(of: Succession) -> Follower {
    Follower {
        fingerprint: of.other.to_string(),
        routes: of.routes as u64,
        of: of.of as u64,
        is_sure: of.is_sure,
    }
}

/// What can do most harm first, then what was used most.
fn grants(scope: &Scope<'_>) -> Vec<Grant> {
    let mut grants: Vec<&Granted<'_>> = scope.grants.iter().collect();
    grants.sort_by_key(|grant| Reverse((grant.weight, grant.success)));
    let told = |of: &Granted<'_>| Grant {
        place: Place { method: of.method.into(), host: of.host.into(), route: of.route.into() },
        success: of.success,
        last_seen: Shown(of.last),
        writes: of.writes,
        weight: of.weight.name(),
    };
    grants.into_iter().map(told).collect()
}

/// Whether a route of this weight is one that a key should rarely have.
pub(super) fn is_grave(weight: &str) -> bool {
    [Weight::Privileged, Weight::Sensitive].iter().any(|grave| grave.name() == weight)
}
