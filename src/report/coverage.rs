//! What stood behind what was granted, by host; and where something is granted with less than others prove for it.
//! It is given the ledger's endpoints and credentials.
//! It promises that what is not known is counted by itself and closes no gap.

use super::model::{ByProof, Coverage, Gap, Host, Place};
use crate::ledger::credential::Credential;
use crate::ledger::endpoint::Endpoint;
use heelguard_detectors::identity::ProofLevel;
use heelguard_detectors::label::{Label, Labels};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Hosts and gaps that are listed.
const HOSTS_MAX: usize = 40;
const GAPS_MAX: usize = 25;
/// Where one signs in nothing is used yet.
const SIGNING_IN: Labels = Labels::of(&[Label::Login, Label::Mfa, Label::Token, Label::SignUp]);
/// Ways past a second factor, and what to do about each.
const WAYS: [(ProofLevel, &str); 2] = [
    (
        ProofLevel::ApiKey,
        "Take this route away from static keys, or pin the key to the program that needs it.",
    ),
    (ProofLevel::Password, "Ask for the second factor before this route is granted to any session."),
];

/// The map of these rows.
pub(super) fn coverage(endpoints: &[Arc<Endpoint>], credentials: &[Arc<Credential>]) -> Coverage {
    let used = || endpoints.iter().filter(|e| ByProof(e.proofs).sum() > 0 && !e.labels.any(SIGNING_IN));
    let mut proofs = ByProof::default();
    let mut hosts: BTreeMap<&str, ByProof> = BTreeMap::new();
    for endpoint in used() {
        proofs.add(&endpoint.proofs);
        hosts.entry(&endpoint.host).or_default().add(&endpoint.proofs);
    }
    let hosts_in_all = hosts.len() as u64;
    let row =
        |(host, proofs): (&str, ByProof)| Host { host: host.to_owned(), successes: proofs.sum(), proofs };
    let mut hosts: Vec<Host> = hosts.into_iter().map(row).collect();
    hosts.sort_by_key(|row| Reverse(row.successes));
    hosts.truncate(HOSTS_MAX);
    let mut gaps: Vec<Gap> = used().flat_map(|endpoint| gaps(endpoint, credentials)).collect();
    gaps.sort_by_key(|gap| (Reverse((rank(gap.weight), gap.granted)), gap.endpoint.clone(), gap.way));
    let gaps_in_all = gaps.len() as u64;
    gaps.truncate(GAPS_MAX);
    Coverage { successes: proofs.sum(), proofs, hosts_in_all, hosts, gaps_in_all, gaps }
}

/// The holes of one endpoint: ways in which something was granted there beside a second factor.
fn gaps(endpoint: &Endpoint, credentials: &[Arc<Credential>]) -> Vec<Gap> {
    let proofs = ByProof(endpoint.proofs);
    let mfa = proofs.of(ProofLevel::Mfa);
    let at = Place {
        method: endpoint.method.to_string(),
        host: endpoint.host.to_string(),
        route: endpoint.route.to_string(),
    };
    let goes_there = |credential: &Credential| {
        let is_here = |lane: &crate::ledger::lanes::Lane<crate::ledger::credential::Visited>| {
            lane.name.method == endpoint.method
                && lane.name.host == endpoint.host
                && lane.name.route == endpoint.route
        };
        credential.routes.iter().any(is_here)
    };
    let callers = |level| {
        let by_it = |c: &&Arc<Credential>| c.level() == Some(level) && goes_there(c);
        credentials.iter().filter(by_it).count() as u64
    };
    let is_hole = |&(level, _): &(ProofLevel, &str)| mfa > 0 && proofs.of(level) > 0;
    let gap = |(level, advice): (ProofLevel, &'static str)| Gap {
        endpoint: at.clone(),
        labels: endpoint.labels.iter().map(Label::name).collect(),
        way: level.name(),
        weight: weight(&endpoint.method, endpoint.labels),
        granted: proofs.of(level),
        callers: callers(level),
        mfa,
        advice,
    };
    WAYS.into_iter().filter(is_hole).map(gap).collect()
}

/// How much harm can be done there.
fn weight(method: &str, labels: Labels) -> &'static str {
    if labels.any(Labels::PRIVILEGED) {
        "privileged"
    } else if labels.any(Labels::SENSITIVE) {
        "sensitive"
    } else if matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE") {
        "reads"
    } else {
        "changes"
    }
}

fn rank(weight: &str) -> usize {
    ["reads", "changes", "sensitive", "privileged"].iter().position(|known| *known == weight).unwrap_or(0)
}
