//! The distributed form: very many clients, each trying once to three times, on one login route.
//! It is given every login with a known outcome and compares the route's failing share with its own before.
//! It promises to stay silent until it knows what is usual.

use super::{RULE, Thresholds};
use crate::alert::Fact;
use crate::detector::{About, Crossing, Finding, Findings, Samples, Several, Span};
use crate::hash::StableHasher;
use crate::keyed::Keyed;
use crate::saved::{Damaged, saved};
use crate::shown::Entry;
use crate::time::EventTime;
use crate::transaction::Transaction;
use crate::window::{Tally, Window};
use std::sync::Arc;
use std::time::Duration;

/// Logins of one route that are remembered; of more, the oldest go first.
const LOGINS_MAX: usize = 16_384;
/// Logins that must have left the window before their share is taken as usual.
const USUAL_MIN: u64 = 200;
/// Beyond this many the past counts half: habits change.
const USUAL_MAX: u64 = 100_000;
/// The usual share is taken as at least this: of few failures, five times as many are still few.
const USUAL_FLOOR_PCT: u64 = 5;
/// And the share that fires is never asked to be more than this.
const CEILING_PCT: u64 = 90;
/// A route without logins for this long has no habits any more.
const ROUTE_KEPT: Duration = Duration::from_hours(7 * 24);

/// Logins by host and route.
#[derive(Debug)]
pub(super) struct Outbreaks {
    window: Duration,
    routes: Keyed<(Arc<str>, Arc<str>), Route>,
}

#[derive(Debug, Default)]
struct Route {
    logins: Window<Try>,
    /// Failed logins in the window by client.
    failing: Tally,
    /// Clients that failed once to three times.
    sparing: u64,
    /// Logins that left the window while nothing fired, and those of them that had failed.
    usual: u64,
    usual_failed: u64,
    firing: bool,
    samples: Samples,
}

saved!(Route { logins, failing, sparing, usual, usual_failed, firing, samples });

#[derive(Clone, Copy, Debug)]
struct Try {
    client: u64,
    failed: bool,
}

saved!(Try { client, failed });

impl Outbreaks {
    pub(super) fn new(keys_max: usize, window: Duration) -> Self {
        Self { window, routes: Keyed::new(keys_max, ROUTE_KEPT) }
    }

    pub(super) fn observe(
        &mut self,
        tx: &Transaction,
        failed: bool,
        limits: &Thresholds,
        findings: &mut Findings<'_>,
    ) {
        let Some(request) = &tx.request else { return };
        let route = self.routes.entry(&(request.host.clone(), request.route.clone()), tx.end);
        let client = StableHasher::of_parts(&[tx.client.network().to_string().as_bytes()]) as u64;
        route.note(tx.end, Try { client, failed }, self.window);
        let wanted = (route.usual_pct() * u64::from(limits.outbreak_times)).min(CEILING_PCT);
        route.firing = route.usual >= USUAL_MIN
            && route.sparing > u64::from(limits.outbreak_clients)
            && route.failing_pct() >= wanted;
        if !failed {
            return;
        }
        route.samples.push(tx, "login refused");
        if !route.firing {
            return;
        }
        let crossing = Crossing {
            about: About::Endpoint {
                method: &request.method,
                host: &request.host,
                route: &request.route,
                part: "",
            },
            severity: RULE.severity,
            first: route.logins.first().unwrap_or(tx.end),
            fresh: route.logins.take_fresh(),
            window: Some(self.window),
        };
        findings.raise(&crossing, || finding(tx, route, limits));
    }

    pub(super) fn expire(&mut self, now: EventTime, budget: usize) {
        self.routes.expire(now, budget);
    }

    pub(super) fn evicted(&self) -> u64 {
        self.routes.evicted()
    }

    pub(super) fn len(&self) -> usize {
        self.routes.len()
    }

    pub(super) fn shed(&mut self, keys: usize) {
        self.routes.shed(keys);
    }

    pub(super) fn touched(&self, table: &'static str, at: EventTime) -> Vec<Entry> {
        self.routes.touched(table, at)
    }

    pub(super) fn save(&self, place: u32, out: &mut Vec<u8>, full_at: usize) -> Option<u32> {
        self.routes.save(place, out, full_at)
    }

    pub(super) fn load(&mut self, from: &mut &[u8]) -> Result<(), Damaged> {
        self.routes.load(from)
    }
}

impl Route {
    fn note(&mut self, at: EventTime, new: Try, within: Duration) {
        self.logins.insert(at, new);
        let now = self.logins.last().unwrap_or(at);
        while let Some(gone) =
            self.logins.pop_outside(now, within).or_else(|| self.logins.pop_beyond(LOGINS_MAX))
        {
            self.forget(gone);
        }
        if new.failed {
            match self.failing.of(new.client) {
                0 => self.sparing += 1,
                3 => self.sparing -= 1,
                _ => {}
            }
            self.failing.add(new.client);
        }
    }

    fn forget(&mut self, gone: Try) {
        if gone.failed {
            match self.failing.of(gone.client) {
                1 => self.sparing -= 1,
                4 => self.sparing += 1,
                _ => {}
            }
            self.failing.remove(gone.client);
        }
        if !self.firing {
            self.usual += 1;
            self.usual_failed += u64::from(gone.failed);
            if self.usual >= USUAL_MAX {
                self.usual /= 2;
                self.usual_failed /= 2;
            }
        }
    }

    fn failing_pct(&self) -> u64 {
        self.failing.total() * 100 / self.logins.count().max(1)
    }

    fn usual_pct(&self) -> u64 {
        (self.usual_failed * 100 / self.usual.max(1)).max(USUAL_FLOOR_PCT)
    }
}

fn finding(tx: &Transaction, route: &Route, limits: &Thresholds) -> Finding {
    let message = format!(
        "{} from {} that tried one to three times each, in {}; {} % of logins fail, usual are {} %",
        Several(route.failing.total(), "failed login"),
        Several(route.sparing, "client"),
        Span(route.logins.span()),
        route.failing_pct(),
        route.usual_pct(),
    );
    Finding {
        message,
        count: route.failing.total(),
        threshold: u64::from(limits.outbreak_clients),
        principal: None,
        client: None,
        credential: None,
        endpoint: tx.endpoint(),
        evidence: route.samples.evidence(),
        facts: vec![
            ("clients", Fact::Count(route.sparing)),
            ("failing_pct", Fact::Count(route.failing_pct())),
            ("usual_failing_pct", Fact::Count(route.usual_pct())),
        ],
        doubts: route.samples.doubts(),
    }
}
