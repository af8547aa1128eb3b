//! The map of second factors: what was proved for what the server granted, by endpoint, route and host.
//! It is given the ledger's rows.
//! It promises that what is not known is counted by itself, and that the map depends on the rows alone, not their order.

use super::endpoint::{Endpoint, Proofs};
use super::gaps::{Gap, gaps};
use super::{Ledger, Rows};
use heelguard_detectors::identity::ProofLevel;
use heelguard_detectors::label::{Label, Labels};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where one signs in nothing is used yet: such routes are left out of the map.
pub const SIGNING_IN: Labels = Labels::of(&[Label::Login, Label::Mfa, Label::Token, Label::SignUp]);

/// The map, and where it has holes.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Every host, in the order of their names.
    pub hosts: Vec<Covered>,
    /// Every route of each host, whatever the method, in the order of their names.
    pub routes: Vec<Covered>,
    /// Every method of each route, in the order of their names.
    pub endpoints: Vec<Covered>,
    /// Where something is granted with less than others prove, the gravest first.
    pub gaps: Vec<Gap>,
}

/// The successes of a host, of one of its routes, or of a method there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// The host.
    pub host: Arc<str>,
    /// The route; empty where the whole host is meant.
    pub route: Arc<str>,
    /// The methods that something was granted by.
    pub methods: BTreeSet<Arc<str>>,
    /// What the routes are for.
    pub labels: Labels,
    /// Successes by what was proved.
    pub proofs: Proofs,
}

impl Covered {
    /// All successes.
    pub fn successes(&self) -> u64 {
        successes(&self.proofs)
    }

    /// Successes with this proof.
    pub fn of(&self, level: ProofLevel) -> u64 {
        of_level(&self.proofs, level)
    }

    /// The part of all successes, in per cent, that had this proof.
    pub fn percent(&self, level: ProofLevel) -> f64 {
        self.of(level) as f64 * 100.0 / self.successes().max(1) as f64
    }

    fn add(&mut self, endpoint: &Endpoint) {
        self.methods.insert(Arc::clone(&endpoint.method));
        self.labels = self.labels.or(endpoint.labels);
        self.proofs.iter_mut().zip(&endpoint.proofs).for_each(|(sum, more)| *sum += more);
    }
}

impl Coverage {
    /// The map of these rows.
    pub fn of(rows: &Rows) -> Self {
        let used: Vec<&Endpoint> = rows.endpoints.iter().map(Arc::as_ref).filter(|e| is_used(e)).collect();
        let nothing = Arc::<str>::from("");
        Self {
            hosts: summed(&used, |e| (&e.host, &nothing, "")),
            routes: summed(&used, |e| (&e.host, &e.route, "")),
            endpoints: summed(&used, |e| (&e.host, &e.route, &e.method)),
            gaps: gaps(rows),
        }
    }
}

impl Ledger {
    /// The map as it is now.
    pub fn coverage(&self) -> Coverage {
        Coverage::of(&self.rows())
    }
}

/// Whether something was granted here beyond signing in.
pub(super) fn is_used(endpoint: &Endpoint) -> bool {
    successes(&endpoint.proofs) > 0 && !endpoint.labels.any(SIGNING_IN) && &*endpoint.method != "OPTIONS"
}

/// All successes.
pub fn successes(proofs: &Proofs) -> u64 {
    proofs.iter().sum()
}

/// Successes with this proof.
pub fn of_level(proofs: &Proofs, level: ProofLevel) -> u64 {
    proofs.get(level as usize).copied().unwrap_or(0)
}

/// Sums of the endpoints that have the same name.
fn summed<'a>(
    endpoints: &[&'a Endpoint],
    name: impl Fn(&'a Endpoint) -> (&'a Arc<str>, &'a Arc<str>, &'a str),
) -> Vec<Covered> {
    let mut sums: BTreeMap<(&str, &str, &str), Covered> = BTreeMap::new();
    for endpoint in endpoints {
        let (host, route, method) = name(endpoint);
        let sum = sums.entry((host, route, method)).or_insert_with(|| Covered {
            host: Arc::clone(host),
            route: Arc::clone(route),
            methods: BTreeSet::new(),
            labels: Labels::NONE,
            proofs: Proofs::default(),
        });
        sum.add(endpoint);
    }
    sums.into_values().collect()
}
