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

/// What one endpoint granted.
pub(super) struct Granted {
    pub(super) at: Place,
    pub(super) labels: Labels,
    pub(super) proofs: ByProof,
    /// Credentials that were granted something, by what was proved.
    pub(super) callers: ByProof,
}

/// The map of a ledger's rows.
pub(super) fn coverage(endpoints: &[Arc<Endpoint>], credentials: &[Arc<Credential>]) -> Coverage {
    let used = endpoints.iter().filter(|e| ByProof(e.proofs).sum() > 0 && !e.labels.any(SIGNING_IN));
    let mut callers: BTreeMap<(&str, &str, &str), ByProof> = BTreeMap::new();
    for credential in credentials {
        let Some(level) = credential.level() else { continue };
        for lane in &credential.routes {
            let callers = callers.entry((&lane.name.host, &lane.name.route, &lane.name.method)).or_default();
            if let Some(count) = callers.0.get_mut(level as usize) {
                *count += 1;
            }
        }
    }
    let granted = used.map(|endpoint| Granted {
        at: Place {
            method: endpoint.method.to_string(),
            host: endpoint.host.to_string(),
            route: endpoint.route.to_string(),
        },
        labels: endpoint.labels,
        proofs: ByProof(endpoint.proofs),
        callers: callers
            .get(&(&*endpoint.host, &*endpoint.route, &*endpoint.method))
            .copied()
            .unwrap_or_default(),
    });
    map(&granted.collect::<Vec<_>>())
}

/// The map of what was granted.
pub(super) fn map(granted: &[Granted]) -> Coverage {
    let mut proofs = ByProof::default();
    let mut hosts: BTreeMap<&str, ByProof> = BTreeMap::new();
    for row in granted {
        proofs.add(&row.proofs.0);
        hosts.entry(&row.at.host).or_default().add(&row.proofs.0);
    }
    let hosts_in_all = hosts.len() as u64;
    let row =
        |(host, proofs): (&str, ByProof)| Host { host: host.to_owned(), successes: proofs.sum(), proofs };
    let mut hosts: Vec<Host> = hosts.into_iter().map(row).collect();
    hosts.sort_by_key(|row| Reverse(row.successes));
    hosts.truncate(HOSTS_MAX);
    let mut gaps: Vec<Gap> = granted.iter().flat_map(gaps).collect();
    gaps.sort_by_key(|gap| (Reverse((rank(gap.weight), gap.granted)), gap.endpoint.clone(), gap.way));
    let gaps_in_all = gaps.len() as u64;
    gaps.truncate(GAPS_MAX);
    Coverage { successes: proofs.sum(), proofs, hosts_in_all, hosts, gaps_in_all, gaps }
}

/// The holes of one endpoint: ways in which something was granted there beside a second factor.
fn gaps(of: &Granted) -> impl Iterator<Item = Gap> {
    let mfa = of.proofs.of(ProofLevel::Mfa);
    let is_hole = move |&(level, _): &(ProofLevel, &str)| mfa > 0 && of.proofs.of(level) > 0;
    let gap = move |(level, advice): (ProofLevel, &'static str)| Gap {
        endpoint: of.at.clone(),
        labels: of.labels.iter().map(Label::name).collect(),
        way: level.name(),
        weight: weight(&of.at.method, of.labels),
        granted: of.proofs.of(level),
        callers: of.callers.of(level),
        mfa,
        advice,
    };
    WAYS.into_iter().filter(is_hole).map(gap)
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
