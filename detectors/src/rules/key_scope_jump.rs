//! # Key scope jump
//!
//! ## What it sees
//!
//! A static key whose use is known, and which now writes where it only read, does something privileged where it never
//! did, or calls many routes that it never called.
//!
//! ## Why it matters
//!
//! A program does the same all its life. Who found its key wants to know what else it opens: the first step outside of
//! what the key was used for is the first thing that a thief does, and often the only one that looks unlike the owner.
//!
//! ## How it decides
//!
//! It learns what each key (API keys, signing keys, secrets of OAuth clients that act for themselves) is accepted for,
//! for seven days and at least 50 calls. From then on three jumps are told: the first privileged call (users, roles,
//! keys, second factors, administration, export), the first call that writes, and more than five new routes within ten
//! minutes. A call that was refused is a jump as well. What a call does is told by its method, of GraphQL by its
//! operation, of gRPC by its name; a POST to a search only reads. Severity is medium, high for a privileged call that
//! was accepted. An accepted jump is known from then on; any other is told again after 24 hours.
//!
//! When three keys make the same jump within an hour (the same call, or new routes of one host), they were given a new
//! program rather than stolen all at once: the third is told for all of them, as info where the calls were accepted, and
//! further ones of that hour are not told.
//!
//! ## Benign look-alikes
//!
//! A release (grouped from the third key on), a program with one key that is given new work (told once for each kind). A
//! key that was accepted on 128 routes has no scope: of it only the first write and the first privileged call are told.
//!
//! ## Tuning
//!
//! Raise `routes` where programs roam, `calls` for keys that are used rarely. What is privileged is a matter of route
//! labels. `administration_by_key` goes on telling what a key does to users, roles, keys and factors.
//! Facts: `jump` (`privileged`, `write` or `routes`), `accepted`, `new_routes`, `known_routes`, `reads_only`, `calls`,
//! `known_since`; of several keys `jump`, `accepted`, `keys`.
//!
//! ## References
//!
//! MITRE ATT&CK T1078.004, T1098, T1087; OWASP API5:2023.

use super::{deed, keys};
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Several, Span, tables,
};
use crate::hash::Mark;
use crate::identity::{Credential, Fingerprint, named};
use crate::keyed::Keyed;
use crate::label::{Label, Labels};
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Request, Transaction};
use crate::window::{Limit, Window};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Routes remembered of one key; a key with more has no scope.
const ROUTES_MAX: usize = 128;
/// New routes that an alert names.
const NAMED_MAX: usize = 8;
/// How long a key is remembered without use.
const KEPT: Duration = Duration::from_hours(90 * 24);
const DAY: Duration = Duration::from_hours(24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// How long a key's use is learnt (7 d: a weekly job has run).
    pub learn_days: u32,
    /// Accepted calls that are learnt from at least (50: a handful say little about what a program does).
    pub calls: u32,
    /// New routes that are still no jump (5: a new feature has as many).
    pub routes: u32,
    /// The time new routes are counted in (600 s: who tries a key out does not take longer).
    pub window_s: u32,
    /// How soon a key is told again for the same jump (24 h: once a working day).
    pub again_after_h: u32,
    /// Keys that make the same jump together, and are told as one (3: no two programs change by chance).
    pub keys: u32,
    /// The time in which keys jump together (3600 s: a release takes as long to reach all machines).
    pub release_s: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            learn_days: 7,
            calls: 50,
            routes: 5,
            window_s: 600,
            again_after_h: 24,
            keys: 3,
            release_s: 3600,
        }
    }
}

/// KEY-03.
pub static RULE: Rule = Rule {
    id: "KEY-03",
    name: "key_scope_jump",
    title: "Key scope jump",
    severity: Severity::Medium,
    scope: Scope::Credential,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Keys,
    order_free: false,
    mitre: &["T1078.004", "T1098", "T1087"],
    owasp: &["API5:2023"],
    response: "ask the key's owner; if it was not them, revoke the key; give it no more rights than it uses",
};

/// What each key is used for.
#[derive(Debug)]
pub struct State {
    learn: Duration,
    calls: u32,
    /// One route more than is allowed.
    spread: Limit,
    again_after: Duration,
    release: Limit,
    keys: Keyed<Fingerprint, Key>,
    /// By jump, its answer and its place.
    releases: Keyed<u64, Release>,
}

#[derive(Debug, Default)]
struct Key {
    first: EventTime,
    /// Accepted calls.
    calls: u32,
    /// Routes it was accepted on, by hash.
    routes: Vec<u32>,
    wrote: bool,
    was_privileged: bool,
    /// Routes that were new to it when it was known.
    new: Window<NewRoute>,
    /// Jumps that were told, whether they were accepted, and when.
    told: Vec<(Jump, bool, EventTime)>,
}

saved!(Key { first, calls, routes, wrote, was_privileged, new, told });

#[derive(Clone, Debug)]
struct NewRoute {
    mark: u32,
    /// `GET /orders`.
    name: Arc<str>,
}

saved!(NewRoute { mark, name });

/// Keys that made one jump of late.
#[derive(Debug, Default)]
struct Release {
    keys: Window<u64>,
    told: Option<EventTime>,
}

saved!(Release { keys, told });

named! {
    /// A step outside of what a key is used for.
    Jump {
        /// Its first privileged call.
        Privileged => "privileged",
        /// Its first call that changes something.
        Write => "write",
        /// Many routes it never called.
        Routes => "routes",
    }
}

/// What one call does.
#[derive(Clone, Copy, Debug)]
struct Deed {
    mark: u32,
    writes: bool,
    is_privileged: bool,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let learn = DAY.saturating_mul(thresholds.learn_days);
        let again_after = Duration::from_secs(u64::from(thresholds.again_after_h) * 3600);
        let spread = Limit::new(thresholds.routes.saturating_add(1), thresholds.window_s);
        let release = Limit::new(thresholds.keys, thresholds.release_s);
        let keys = limits.keys_per_table_max;
        Self {
            learn,
            calls: thresholds.calls,
            spread,
            again_after,
            release,
            keys: Keyed::new(keys, KEPT.max(learn.saturating_mul(2)).max(again_after)),
            releases: Keyed::new(keys, release.within),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::KEY.and(Facts::CALL)
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let is_accepted = keys::is_accepted(tx);
        let answered = |_: &&Credential| is_accepted || keys::is_refused(tx);
        let (Some(credential), Some(request)) = (keys::of(tx).filter(answered), &tx.request) else { return };
        let (id, now) = (&credential.fingerprint, tx.end);
        // A guess makes no key.
        let key = if is_accepted { Some(self.keys.entry(id, now)) } else { self.keys.get(id, now) };
        let Some(key) = key else { return };
        let deed = Deed {
            mark: Mark::of([&*request.method, &*request.host, &*request.route]) as u32,
            writes: deed::writes(tx, request),
            is_privileged: request.labels.any(Labels::PRIVILEGED),
        };
        let is_learnt = key.calls >= self.calls && now.since(key.first) >= self.learn;
        let jump = if is_learnt { key.jump(deed, request, now, self.spread) } else { None };
        let past = Past::of(key);
        if is_accepted {
            key.learn(deed, now);
        }
        let Some(jump) = jump.filter(|&jump| key.is_news(jump, is_accepted, now, self.again_after)) else {
            return;
        };
        let answer = if is_accepted { "accepted" } else { "refused" };
        let of_host =
            Mark::default().and(jump.name().as_bytes()).and(answer.as_bytes()).and(request.host.as_bytes());
        let place = match jump {
            Jump::Routes => of_host,
            Jump::Privileged | Jump::Write => {
                of_host.and(request.method.as_bytes()).and(request.route.as_bytes())
            }
        };
        let release = self.releases.entry(&place.number(), now);
        match release.joins(keys::number(*id), now, self.release) {
            keys::Telling::Nothing => {}
            keys::Telling::Key => {
                let crossing = Crossing {
                    about: About::Credential { fingerprint: *id, part: jump.name() },
                    severity: jump.severity(is_accepted),
                    first: if jump == Jump::Routes { key.new.first().unwrap_or(now) } else { now },
                    fresh: 1,
                    window: None,
                };
                let limit = self.spread;
                findings.raise(&crossing, || of_one(tx, request, credential, jump, (key, past), limit));
            }
            keys::Telling::Crowd => {
                let Request { method, host, route, .. } = request;
                let about = match jump {
                    Jump::Routes => About::Service(host),
                    _ => About::Endpoint { method, host, route, part: jump.name() },
                };
                let severity = if is_accepted { Severity::Info } else { RULE.severity };
                let first = release.keys.first().unwrap_or(now);
                let fresh = release.keys.take_fresh();
                let crossing = Crossing { about, severity, first, fresh, window: Some(self.release.within) };
                findings.raise(&crossing, || of_many(tx, request, jump, release, self.release));
            }
        }
    }

    tables!(keys, releases);
}

impl Key {
    /// How this call leaves what the key is used for, if it does.
    fn jump(&mut self, deed: Deed, request: &Request, now: EventTime, limit: Limit) -> Option<Jump> {
        let is_spread = self.spreads(deed.mark, request, now, limit);
        if deed.is_privileged && !self.was_privileged {
            Some(Jump::Privileged)
        } else if deed.writes && !self.wrote {
            Some(Jump::Write)
        } else {
            is_spread.then_some(Jump::Routes)
        }
    }

    /// Notes a route that is new; whether there are too many of them.
    fn spreads(&mut self, mark: u32, request: &Request, now: EventTime, limit: Limit) -> bool {
        let is_new = !self.routes.contains(&mark) && !self.new.iter().any(|new| new.mark == mark);
        if !is_new || self.routes.len() >= ROUTES_MAX {
            return false;
        }
        let name = format!("{} {}", request.method, request.route).into();
        self.new.push(now, NewRoute { mark, name }, limit)
    }

    /// Notes an accepted call.
    fn learn(&mut self, deed: Deed, now: EventTime) {
        if self.calls == 0 {
            self.first = now;
        }
        self.calls = self.calls.saturating_add(1);
        self.wrote |= deed.writes;
        self.was_privileged |= deed.is_privileged;
        if self.routes.len() < ROUTES_MAX && !self.routes.contains(&deed.mark) {
            self.routes.push(deed.mark);
        }
    }

    /// Whether a jump was not told of late, nor one like it that was accepted; it is told now.
    fn is_news(&mut self, jump: Jump, is_accepted: bool, now: EventTime, again_after: Duration) -> bool {
        self.told.retain(|&(.., told)| now.since(told) < again_after);
        let is_told = self.told.iter().any(|&(known, accepted, _)| known == jump && accepted >= is_accepted);
        if !is_told {
            self.told.push((jump, is_accepted, now));
        }
        !is_told
    }
}

impl Release {
    /// One key more that makes the jump, and how it is told.
    fn joins(&mut self, key: u64, now: EventTime, limit: Limit) -> keys::Telling {
        let is_known = self.keys.iter().any(|known| *known == key);
        let is_release = if is_known { false } else { self.keys.push(now, key, limit) };
        match self.told {
            _ if !is_release => keys::Telling::Key,
            Some(told) if now.since(told) <= limit.within => keys::Telling::Nothing,
            _ => {
                self.told = Some(now);
                keys::Telling::Crowd
            }
        }
    }
}

impl Jump {
    fn severity(self, is_accepted: bool) -> Severity {
        if self == Self::Privileged && is_accepted { Severity::High } else { RULE.severity }
    }
}

/// What a key was used for before it jumped.
#[derive(Clone, Copy, Debug)]
struct Past {
    since: EventTime,
    calls: u32,
    routes: u64,
    wrote: bool,
}

impl Past {
    fn of(key: &Key) -> Self {
        Self { since: key.first, calls: key.calls, routes: key.routes.len() as u64, wrote: key.wrote }
    }
}

fn of_one(
    tx: &Transaction,
    request: &Request,
    credential: &Credential,
    jump: Jump,
    (key, past): (&Key, Past),
    limit: Limit,
) -> Finding {
    let is_accepted = keys::is_accepted(tx);
    let (method, route) = (&request.method, &request.route);
    let named = keys::Named(credential, tx);
    let labels: Vec<&str> = request.labels.iter().map(Label::name).collect();
    let answer = if is_accepted { "accepted" } else { "refused" };
    let (count, threshold, what) = match jump {
        Jump::Privileged => (
            1,
            1,
            format!(
                "did something privileged for the first time, {answer}: {method} {route} ({})",
                labels.join(", ")
            ),
        ),
        Jump::Write => (1, 1, format!("wrote for the first time, {answer}: {method} {route}")),
        Jump::Routes => {
            let (count, span) = (key.new.count(), Span(key.new.span()));
            let routes = Several(count, "route");
            let (most, within) = (limit.count - 1, limit.within.as_secs());
            (
                count,
                limit.count,
                format!(
                    "called {routes} for the first time within {span}, the last {method} {route}, {answer} (limit {most} in {within} s)"
                ),
            )
        }
    };
    let habit = if past.wrote { "" } else { ", to read" };
    let message = format!(
        "{named} {what}; {} on {} before{habit}",
        Several(u64::from(past.calls), "call"),
        Several(past.routes, "route"),
    );
    let named = key.new.iter().take(NAMED_MAX).map(|new| new.name.clone());
    Finding {
        count,
        threshold,
        credential: Some(credential.clone()),
        facts: vec![
            ("jump", Fact::Text(jump.name().into())),
            ("accepted", Fact::Flag(is_accepted)),
            ("new_routes", Fact::List(named.collect())),
            ("known_routes", Fact::Count(past.routes)),
            ("reads_only", Fact::Flag(!past.wrote)),
            ("calls", Fact::Count(u64::from(past.calls))),
            ("known_since", Fact::Text(past.since.to_string().into())),
        ],
        ..Finding::of(tx, message, "the step outside")
    }
}

fn of_many(tx: &Transaction, request: &Request, jump: Jump, release: &Release, limit: Limit) -> Finding {
    let is_accepted = keys::is_accepted(tx);
    let (count, span) = (release.keys.count(), Span(release.keys.span()));
    let Request { method, host, route, .. } = request;
    let what = match jump {
        Jump::Privileged | Jump::Write => format!("do {method} {route}"),
        Jump::Routes => format!("call new routes of {host}"),
    };
    let answer = if is_accepted { "accepted" } else { "refused" };
    let message = format!(
        "{} {what} for the first time within {span}, {answer}: a release, or one hand behind them (limit {} in {} s)",
        Several(count, "key"),
        limit.count,
        limit.within.as_secs(),
    );
    Finding {
        count,
        threshold: limit.count,
        principal: None,
        client: None,
        facts: vec![
            ("jump", Fact::Text(jump.name().into())),
            ("accepted", Fact::Flag(is_accepted)),
            ("keys", Fact::Count(count)),
        ],
        ..Finding::of(tx, message, "the latest of them")
    }
}

#[cfg(test)]
mod tests;
