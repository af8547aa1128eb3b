//! Host and route template, for which objects are counted apart.
//! It is part of the keys of two tables, and asked for by a request whose texts it does not copy.
//! It promises one hash of the two texts a request, however many tables are asked.

use crate::keyed::{Lookup, hash_of};
use crate::saved::saved;
use crate::transaction::Request;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Host and route template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    host: Arc<str>,
    template: Arc<str>,
}

saved!(Route { host, template } as |it: &Self| (it.host.clone(), it.template.clone()).shown());

impl Hash for Route {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(hash_of(&(&self.host, &self.template)));
    }
}

/// The route of a request, with its hash.
#[derive(Clone, Copy, Debug)]
pub(super) struct On<'t> {
    request: &'t Request,
    hash: u64,
}

impl<'t> On<'t> {
    pub(super) fn of(request: &'t Request) -> Self {
        Self { request, hash: hash_of(&(&request.host, &request.route)) }
    }
}

/// Somebody on a route.
impl<Who: Clone + Eq + Hash> Lookup<(Who, Route)> for (&Who, On<'_>) {
    fn hash(&self) -> u64 {
        hash_of(&(self.0, self.1.hash))
    }

    fn is(&self, (who, route): &(Who, Route)) -> bool {
        let Request { host, route: template, .. } = self.1.request;
        self.0 == who && route.template == *template && route.host == *host
    }

    fn make(self) -> (Who, Route) {
        let Request { host, route: template, .. } = self.1.request;
        (self.0.clone(), Route { host: host.clone(), template: template.clone() })
    }
}
