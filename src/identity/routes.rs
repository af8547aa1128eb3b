//! Routes as they are learned from answers: words that only name things become `{slug}`, and lists have an end.
//! It is given each request's template in event order, with the answer's status, and gives the route to write down.
//! It promises bounded memory, the same routes for the same order whatever the shards, and one look-up without
//! allocation for a route that is known.
//!
//! Only what a server answered with 2xx teaches anything: whoever tries ten thousand paths changes no template, and
//! has a quarter of the room for paths that were never there.

mod host;
mod state;

pub use state::RoutesError;

use crate::metrics::RouteCounters;
use ahash::RandomState;
use heelguard_detectors::transaction::Transaction;
use host::Host;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Routes beyond the limit of their host.
pub(super) const OTHER_ROUTE: &str = "/{other}";
/// Hosts beyond the limit share what is learned under this name.
const OTHER_HOST: &str = "{other}";
/// Routes of all hosts together.
const ROUTES_MAX: usize = 50_000;
/// A longer route is not learned.
const ROUTE_BYTES_MAX: usize = 256;
/// What has never been answered with 2xx may fill one part in this many of each limit.
const UNPROVEN_SHARE: usize = 4;

/// Limits of what is learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutesConfig {
    /// Hosts whose routes are learned; all further hosts share one list.
    pub hosts_max: usize,
    /// Routes of one host; further ones are written `/{other}`.
    pub routes_per_host_max: usize,
    /// Different words at one place of a host's paths; with one more, the place is a parameter.
    pub words_per_place_max: usize,
}

impl Default for RoutesConfig {
    fn default() -> Self {
        Self { hosts_max: 1_000, routes_per_host_max: 2_000, words_per_place_max: 64 }
    }
}

/// What was learned of all hosts.
pub struct Routes {
    config: RoutesConfig,
    hosts: BTreeMap<Arc<str>, Host>,
    /// Every route of every host, by a hash of both; only looked up.
    known: HashMap<u64, Known, RandomState>,
    hasher: RandomState,
    /// Hosts that never answered with 2xx.
    unproven_hosts: usize,
    kept: usize,
    counters: RouteCounters,
    /// The route being made.
    draft: String,
}

struct Known {
    host: Arc<str>,
    route: Arc<str>,
    proven: bool,
}

impl Routes {
    /// Nothing learned yet.
    pub fn new(config: RoutesConfig) -> Self {
        Self {
            config,
            hosts: BTreeMap::new(),
            known: HashMap::default(),
            hasher: RandomState::new(),
            unproven_hosts: 0,
            kept: 0,
            counters: RouteCounters::default(),
            draft: String::new(),
        }
    }

    /// Learns by other limits from here on; what is beyond them already stays.
    pub fn reconfigure(&mut self, config: RoutesConfig) {
        self.config = config;
    }

    /// Learns from one transaction and gives its request the route as it is known now.
    pub fn settle(&mut self, transaction: &mut Transaction) {
        let accepted = transaction.status().is_some_and(|status| (200..300).contains(&status));
        if let Some(request) = &mut transaction.request
            && let Some(route) = self.renamed(&request.host, &request.route, accepted)
        {
            request.route = route;
        }
    }

    /// The route to write for a template, where it is another text.
    fn renamed(&mut self, host: &Arc<str>, template: &Arc<str>, accepted: bool) -> Option<Arc<str>> {
        if self.find(host, template).is_some_and(|known| known.proven || !accepted) {
            return None;
        }
        let listed = self.hosts.contains_key(host) || self.has_room_for_host(accepted);
        self.counters.other_hosts += u64::from(!listed);
        let route = if listed {
            self.learn(host, template, accepted)
        } else {
            self.learn(&Arc::from(OTHER_HOST), template, accepted)
        };
        self.counters.other += u64::from(route.is_none());
        Some(route.unwrap_or_else(|| OTHER_ROUTE.into()))
    }

    /// What was learned, and what was beyond a limit.
    pub fn counters(&self) -> RouteCounters {
        RouteCounters {
            hosts: self.hosts.len() as u64,
            routes: self.kept as u64,
            slugs: self.hosts.values().map(|host| host.slugs() as u64).sum(),
            ..self.counters.clone()
        }
    }

    /// The route of a template, learned if it is new; `None` when there is no room for it.
    fn learn(&mut self, host: &Arc<str>, template: &Arc<str>, accepted: bool) -> Option<Arc<str>> {
        let mut draft = std::mem::take(&mut self.draft);
        draft.clear();
        match self.hosts.get(host) {
            Some(learned) => learned.route_of(template, self.config.words_per_place_max, &mut draft),
            None => draft.push_str(template),
        }
        let route = match self.find(host, &draft) {
            Some(known) if known.proven || !accepted => Some(known.route.clone()),
            Some(known) => {
                let route = known.route.clone();
                Some(self.prove(host, route))
            }
            None if self.has_room_for_route(host, &draft, accepted) => {
                let route = if *draft == **template { template.clone() } else { draft.as_str().into() };
                Some(self.add(host, route, accepted))
            }
            None => None,
        };
        self.draft = draft;
        route
    }

    fn find(&self, host: &str, route: &str) -> Option<&Known> {
        let known = self.known.get(&self.hasher.hash_one((host, route)))?;
        (*known.host == *host && *known.route == *route).then_some(known)
    }

    fn has_room_for_host(&self, accepted: bool) -> bool {
        let hosts_max = self.config.hosts_max;
        self.hosts.len() < hosts_max && (accepted || self.unproven_hosts < hosts_max / UNPROVEN_SHARE)
    }

    fn has_room_for_route(&self, host: &str, route: &str, accepted: bool) -> bool {
        let (kept, unproven) = self.hosts.get(host).map_or((0, 0), Host::sizes);
        let routes_max = self.config.routes_per_host_max;
        route.len() <= ROUTE_BYTES_MAX
            && self.kept < ROUTES_MAX
            && kept < routes_max
            && (accepted || unproven < routes_max.div_ceil(UNPROVEN_SHARE))
    }

    /// Takes in a new route.
    fn add(&mut self, name: &Arc<str>, route: Arc<str>, accepted: bool) -> Arc<str> {
        self.unproven_hosts += usize::from(!self.hosts.contains_key(name));
        self.hosts.entry(name.clone()).or_default().add(route.clone());
        self.kept += 1;
        let hash = self.hasher.hash_one((&**name, &*route));
        self.known.insert(hash, Known { host: name.clone(), route: route.clone(), proven: false });
        if accepted { self.prove(name, route) } else { route }
    }

    /// The server answered this route with 2xx: its words count from here on.
    fn prove(&mut self, name: &Arc<str>, route: Arc<str>) -> Arc<str> {
        let words_max = self.config.words_per_place_max;
        let Some(host) = self.hosts.get_mut(name) else { return route };
        self.unproven_hosts -= usize::from(!host.is_proven());
        let Some(full) = host.prove(&route, words_max) else {
            if let Some(known) = self.known.get_mut(&self.hasher.hash_one((&**name, &*route))) {
                known.proven = true;
            }
            return route;
        };
        self.forget(name);
        if let Some(host) = self.hosts.get_mut(name) {
            host.open(full, words_max);
        }
        self.remember(name);
        let mut draft = String::new();
        if let Some(host) = self.hosts.get(name) {
            host.route_of(&route, words_max, &mut draft);
        }
        self.find(name, &draft).map_or(route, |known| known.route.clone())
    }

    /// Takes a host's routes out of the look-up.
    fn forget(&mut self, name: &str) {
        let Some(host) = self.hosts.get(name) else { return };
        for (route, _) in host.routes() {
            self.known.remove(&self.hasher.hash_one((name, &**route)));
            self.kept -= 1;
        }
    }

    /// Puts a host's routes into the look-up.
    fn remember(&mut self, name: &Arc<str>) {
        let Some(host) = self.hosts.get(name) else { return };
        for (route, proven) in host.routes() {
            let known = Known { host: name.clone(), route: route.clone(), proven };
            self.known.insert(self.hasher.hash_one((&**name, &**route)), known);
            self.kept += 1;
        }
    }
}

#[cfg(test)]
mod tests;
