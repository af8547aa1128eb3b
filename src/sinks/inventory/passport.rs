//! What is told of a credential that lasts, and of a hole in the cover of second factors.
//! They are given passports and holes, and borrow from them.
//! They promise keys that are never renamed or removed within `/1`, only added at the end.

use super::SCHEMA;
use crate::ledger::gaps::Gap;
use crate::ledger::passport::{Passport, Succession};
use crate::ledger::scope::Scope;
use crate::sinks::record::{Hex, LabelNames, Shown};
use crate::sinks::scope::GrantRecord;
use heelguard_detectors::time::EventTime;
use serde::Serialize;

/// Of a credential that lasts: how old, how much in use, by how many, and what for.
#[derive(Serialize)]
pub(super) struct PassportPart<'a> {
    age_days: u64,
    is_old: bool,
    /// When it was handed out; nothing where that was not seen.
    issued: Option<Shown<EventTime>>,
    days_active: u64,
    days_dormant: u64,
    longest_pause_days: u64,
    idle_days: u64,
    bytes_sent: u64,
    bytes_received: u64,
    networks: u64,
    networks_at_once: u64,
    devices: u64,
    devices_at_once: u64,
    countries: Vec<String>,
    privileged: u64,
    around_mfa: u64,
    replaced_by: Option<SuccessionPart>,
    replaces: Option<SuccessionPart>,
    grants: Vec<GrantRecord<'a>>,
    refused_routes: usize,
    forgotten_routes: u64,
}

#[derive(Serialize)]
struct SuccessionPart {
    fingerprint: Hex,
    routes: usize,
    of: usize,
    is_sure: bool,
}

impl SuccessionPart {
    fn new(of: Succession) -> Self {
        Self { fingerprint: Hex::of(of.other), routes: of.routes, of: of.of, is_sure: of.is_sure }
    }
}

impl<'a> PassportPart<'a> {
    pub(super) fn new(passport: &Passport<'a>) -> Self {
        let Passport { of, lasting, age_days, idle_days, replaced_by, replaces } = *passport;
        let scope = Scope::of(of);
        let mut countries: Vec<String> = of.countries.iter().map(|lane| lane.name.to_string()).collect();
        countries.sort_unstable();
        Self {
            age_days,
            is_old: passport.is_old(),
            issued: lasting.issued.map(Shown),
            days_active: lasting.days.active,
            days_dormant: lasting.days.dormant,
            longest_pause_days: lasting.days.longest_pause,
            idle_days,
            bytes_sent: lasting.days.sent,
            bytes_received: lasting.days.received,
            networks: of.addresses.len() as u64 + of.addresses.given_up,
            networks_at_once: lasting.at_once.networks.count,
            devices: lasting.devices.len() as u64 + lasting.devices.given_up,
            devices_at_once: lasting.at_once.devices.count,
            countries,
            privileged: of.privileged,
            around_mfa: of.around_mfa,
            replaced_by: replaced_by.map(SuccessionPart::new),
            replaces: replaces.map(SuccessionPart::new),
            grants: scope.grants.iter().map(GrantRecord::new).collect(),
            refused_routes: scope.refused,
            forgotten_routes: scope.forgotten,
        }
    }
}

/// Credentials that are named of one hole.
const NAMED: usize = 20;

/// One hole in the cover of second factors.
#[derive(Serialize)]
pub(super) struct GapRecord<'a> {
    schema: &'static str,
    kind: &'static str,
    method: &'a str,
    host: &'a str,
    route: &'a str,
    labels: LabelNames,
    way: &'static str,
    weight: &'static str,
    granted: u64,
    around_mfa: u64,
    callers: u64,
    owners: u64,
    mfa: u64,
    mfa_sessions: u64,
    mfa_accounts: u64,
    /// The credentials that were granted most.
    fingerprints: Vec<Hex>,
    evidence: String,
    advice: &'static str,
}

impl<'a> GapRecord<'a> {
    pub(super) fn new(gap: &'a Gap) -> Self {
        Self {
            schema: SCHEMA,
            kind: "gap",
            method: &gap.endpoint.method,
            host: &gap.endpoint.host,
            route: &gap.endpoint.route,
            labels: LabelNames(gap.endpoint.labels),
            way: gap.way.name(),
            weight: gap.weight.name(),
            granted: gap.granted,
            around_mfa: gap.around,
            callers: gap.callers,
            owners: gap.owners,
            mfa: gap.mfa,
            mfa_sessions: gap.sessions,
            mfa_accounts: gap.accounts,
            fingerprints: gap.by.iter().take(NAMED).map(|by| Hex::of(by.0)).collect(),
            evidence: gap.evidence(),
            advice: gap.advice(),
        }
    }
}
