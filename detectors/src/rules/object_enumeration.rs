//! # Object enumeration
//!
//! ## What it sees
//!
//! One account, or several accounts behind one client, asking for many different objects of one kind in a row.
//!
//! ## Why it matters
//!
//! Where an API checks who calls but not what may be seen, counting through the ids takes everybody's data. It is the
//! most common flaw of APIs, and every single request of it looks right.
//!
//! ## How it decides
//!
//! It counts the different objects (the variable parts of a path) that one caller asks for on one route, where the
//! server gave them, or said 403 or 404. More than 50 in five minutes fire if more than 20 % of these requests were
//! refused or found nothing, or if in more than 60 % the number in the id is at most ten away from the one before.
//! Objects that the caller was given before that time are known to it and do not count. Severity is medium, high when
//! more than half of the objects were given. Ids in bodies are not seen.
//!
//! ## Benign look-alikes
//!
//! A back office that works on its usual objects (known), a page that loads what a list showed (few, and all exist),
//! a synchronisation that walks all records (raise `objects`, or suppress its account with a reason).
//!
//! ## Tuning
//!
//! Raise `objects` where programs read object by object; lower it where only people call.
//! Facts: `objects`, `given_pct`, `refused_pct`, `sequential_pct`, `lowest`, `highest` (of the numbers in the ids).
//!
//! ## References
//!
//! MITRE ATT&CK T1213, T1087; OWASP API1:2023.

mod reader;
mod route;

use super::actor::Actor;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Several, Span, tables,
};
use crate::identity::{Principal, PrincipalKind};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::transaction::{Activity, Request, Transaction};
use reader::{Object, Reader};
use route::{On, Route};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// How long it is remembered what a caller was given.
const KNOWN_FOR: Duration = Duration::from_hours(7 * 24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Different objects to exceed (50: more than two screens full of a list, each opened).
    pub objects: u32,
    /// The window they are counted in (300 s: a script that counts is through by then).
    pub window_s: u32,
    /// The share of 403 and 404 to exceed (20 %: links in programs rarely lead nowhere).
    pub refused_pct: u8,
    /// The share of neighbouring numbers to exceed (60 %: people do not open objects in order).
    pub sequential_pct: u8,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { objects: 50, window_s: 300, refused_pct: 20, sequential_pct: 60 }
    }
}

/// EXF-03.
pub static RULE: Rule = Rule {
    id: "EXF-03",
    name: "object_enumeration",
    title: "Object enumeration",
    severity: Severity::Medium,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Reading,
    order_free: false,
    mitre: &["T1213", "T1087"],
    owasp: &["API1:2023"],
    response: "check that the API authorises each object; limit the caller's rate",
};

/// Who asks for which objects.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    within: Duration,
    actors: Keyed<(Actor, Route), Reader>,
    clients: Keyed<(IpAddr, Route), Shared>,
}

/// A client; its requests are counted as one caller's once several principals stand behind it.
#[derive(Debug, Default)]
struct Shared {
    first: Option<Principal>,
    /// From the second principal on; it begins with what the first one asked for.
    reader: Option<Box<Reader>>,
}

saved!(Shared { first, reader });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let within = Duration::from_secs(u64::from(thresholds.window_s));
        let keys = limits.keys_per_table_max;
        Self {
            within,
            actors: Keyed::new(keys, KNOWN_FOR.max(within)),
            clients: Keyed::new(keys, within),
            thresholds: thresholds.clone(),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::CALL
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(request) = tx.request.as_ref().filter(|request| request.route.contains('{')) else { return };
        if !matches!(tx.activity, Activity::Use | Activity::Sensitive) {
            return;
        }
        let Some(given) = answer(tx) else { return };
        let Some(object) = Object::of(&request.path, &request.route, given) else { return };
        let on = On::of(request);
        let actor = Actor::of(tx);
        let reader = self.actors.entry((&actor, on), tx.end);
        reader.note(object, tx, self.within);
        if reader.enumerates(&self.thresholds) {
            raise(tx, request, actor.about(), reader, &self.thresholds, self.within, findings);
            return;
        }
        if tx.principal.kind == PrincipalKind::Anonymous {
            return;
        }
        let network = tx.client.network();
        let shared = self.clients.entry((&network, on), tx.end);
        let first = shared.first.get_or_insert_with(|| tx.principal.clone());
        let reader = match &mut shared.reader {
            Some(reader) => reader,
            None if *first == tx.principal => return,
            // What the first one read elsewhere comes along: it was below the limit, or would have been told.
            none => {
                let before = self.actors.get((&Actor::Principal(first.clone()), on), tx.end);
                none.insert(Box::new(before.cloned().unwrap_or_default()))
            }
        };
        reader.note(object, tx, self.within);
        if reader.enumerates(&self.thresholds) {
            let about = About::Client(network);
            raise(tx, request, about, reader, &self.thresholds, self.within, findings);
        }
    }

    tables!(actors, clients);
}

/// Whether the object was given, or refused for what it is; nothing where the answer says neither.
fn answer(tx: &Transaction) -> Option<bool> {
    match tx.status()? {
        403 | 404 => Some(false),
        _ => tx.succeeded().then_some(true),
    }
}

fn raise(
    tx: &Transaction,
    request: &Request,
    about: About<'_>,
    reader: &mut Reader,
    limits: &Thresholds,
    within: Duration,
    findings: &mut Findings<'_>,
) {
    let crossing = Crossing {
        about,
        severity: if reader.given_pct() > 50 { Severity::High } else { RULE.severity },
        first: reader.first().unwrap_or(tx.end),
        fresh: reader.take_fresh(),
        window: Some(within),
    };
    findings.raise(&crossing, || finding(tx, request, about, reader, limits));
}

fn finding(
    tx: &Transaction,
    request: &Request,
    about: About<'_>,
    reader: &Reader,
    limits: &Thresholds,
) -> Finding {
    let (given, refused, sequential) = (reader.given_pct(), reader.refused_pct(), reader.sequential_pct());
    let who = match about {
        About::Principal(principal) => principal.id.to_string(),
        _ => tx.client.ip.to_string(),
    };
    let numbers = reader.numbers();
    let range = numbers.map(|(lowest, highest)| format!(", ids {lowest} to {highest}")).unwrap_or_default();
    let message = format!(
        "{} asked for in {} by {who} on {} {}{range}: {given} % given, {refused} % refused, {sequential} % in order \
         (limit {} in {} s)",
        Several(reader.objects(), "object"),
        Span(reader.span()),
        request.method,
        request.route,
        limits.objects,
        limits.window_s,
    );
    let mut facts = vec![
        ("objects", Fact::Count(reader.objects())),
        ("given_pct", Fact::Count(given)),
        ("refused_pct", Fact::Count(refused)),
        ("sequential_pct", Fact::Count(sequential)),
    ];
    if let Some((lowest, highest)) = numbers {
        facts.push(("lowest", Fact::Count(lowest)));
        facts.push(("highest", Fact::Count(highest)));
    }
    Finding {
        count: reader.objects(),
        threshold: u64::from(limits.objects).saturating_add(1),
        principal: matches!(about, About::Principal(_)).then(|| tx.principal.clone()),
        evidence: reader.samples.evidence(),
        doubts: reader.samples.doubts(),
        facts,
        ..Finding::of(tx, message, "")
    }
}

#[cfg(test)]
mod tests;
