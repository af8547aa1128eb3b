//! What stood behind what was granted, by host; and where something is granted with less than others prove for it.
//! It is given the ledger's rows.
//! It promises the figures of the map that the page shows, cut to what one reads.

use super::model::{ByProof, Coverage, Gap, Host, Place};
use crate::ledger::Rows;
use crate::ledger::coverage::{Coverage as Map, Covered};
use crate::ledger::endpoint::Endpoint;
use crate::ledger::gaps::Gap as Hole;
use heelguard_detectors::label::Label;
use std::cmp::Reverse;

/// Hosts and gaps that are listed.
const HOSTS_MAX: usize = 40;
const GAPS_MAX: usize = 25;
/// Credentials that are named of one gap.
const NAMED_MAX: usize = 4;

/// The map of a ledger's rows.
pub(super) fn coverage(rows: &Rows) -> Coverage {
    let map = Map::of(rows);
    let mut proofs = ByProof::default();
    map.hosts.iter().for_each(|host| proofs.add(&host.proofs));
    let mut hosts: Vec<Host> = map.hosts.iter().map(host).collect();
    hosts.sort_by_key(|row| Reverse(row.successes));
    hosts.truncate(HOSTS_MAX);
    Coverage {
        successes: proofs.sum(),
        proofs,
        hosts_in_all: map.hosts.len() as u64,
        hosts,
        gaps_in_all: map.gaps.len() as u64,
        gaps: map.gaps.iter().take(GAPS_MAX).map(gap).collect(),
    }
}

fn host(of: &Covered) -> Host {
    Host { host: of.host.to_string(), successes: of.successes(), proofs: ByProof(of.proofs) }
}

fn gap(of: &Hole) -> Gap {
    Gap {
        endpoint: Place::of(&of.endpoint),
        labels: labels(&of.endpoint),
        way: of.way.name(),
        weight: of.weight.name(),
        granted: of.granted,
        around_mfa: of.around,
        callers: of.callers,
        owners: of.owners,
        mfa: of.mfa,
        mfa_sessions: of.sessions,
        mfa_accounts: of.accounts,
        fingerprints: of.by.iter().take(NAMED_MAX).map(|(fingerprint, _)| fingerprint.to_string()).collect(),
        evidence: of.evidence(),
        advice: of.advice(),
    }
}

/// What an endpoint is for.
pub(super) fn labels(of: &Endpoint) -> Vec<&'static str> {
    of.labels.iter().map(Label::name).collect()
}
