//! What a credential needs: the routes that it was granted, as a proposal of least privilege.
//! It is given the credential.
//! It promises to say when the list is not whole, and to leave out what was only tried.

use super::credential::Credential;
use super::gaps::{Weight, writes};
use heelguard_detectors::identity::Fingerprint;
use heelguard_detectors::time::EventTime;

/// A proposal for one credential.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    /// Whose it is.
    pub fingerprint: Fingerprint,
    /// What it was granted, in the order of hosts, routes and methods.
    pub grants: Vec<Grant<'a>>,
    /// Routes that it called and was never granted.
    pub refused: usize,
    /// How often a route had to make room in its list: more may be needed than is proposed.
    pub forgotten: u64,
}

/// A method of a route that it was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant<'a> {
    /// The method.
    pub method: &'a str,
    /// The host.
    pub host: &'a str,
    /// The route.
    pub route: &'a str,
    /// Successes.
    pub success: u64,
    /// The last call.
    pub last: EventTime,
    /// Whether the method changes something.
    pub writes: bool,
    /// What harm it can do.
    pub weight: Weight,
}

impl<'a> Scope<'a> {
    /// The proposal for a credential, from what it did so far.
    pub fn of(credential: &'a Credential) -> Self {
        let (granted, refused): (Vec<_>, Vec<_>) =
            credential.routes.iter().partition(|lane| lane.name.success > 0);
        let mut grants: Vec<Grant<'_>> = granted
            .into_iter()
            .map(|lane| Grant {
                method: &lane.name.method,
                host: &lane.name.host,
                route: &lane.name.route,
                success: lane.name.success,
                last: lane.last,
                writes: writes(&lane.name.method),
                weight: Weight::of(&lane.name.method, lane.name.labels),
            })
            .collect();
        grants.sort_by_key(|grant| (grant.host, grant.route, grant.method));
        let forgotten = credential.routes.given_up;
        Self { fingerprint: credential.fingerprint, grants, refused: refused.len(), forgotten }
    }
}
