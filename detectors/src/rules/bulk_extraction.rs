//! # Bulk extraction
//!
//! ## What it sees
//!
//! One account, or several accounts behind one client, reading far more than a person or a polite program does.
//!
//! ## Why it matters
//!
//! A stolen token is worth what can be taken with it before it ends, so it is used fast and with the largest pages.
//!
//! ## How it decides
//!
//! It looks at reads that succeeded, in four sliding counts of which any one fires:
//! 100 requests a second, held for ten seconds;
//! more than 10,000 records in a minute, or ten times the account's own busy minute (99th percentile) if that is more;
//! 100 pages within one second on one route, a page being ten records or more, or a gRPC list call;
//! 50 calls in a minute with the largest page size ever asked for on that route, if that is 100 or more.
//! Records are counted in whole seconds, so that count may lag by less than a second. Own habits are learned over
//! seven days from minutes in which nothing fired, and the limit they give can at most double from day to day.
//! Severity is high, critical on routes labelled sensitive. Records and largest pages are low where the same reader
//! fired at the same time of an earlier day, give or take half an hour and twice the records: a job that copies
//! everything each night is told as high once. It stays high for as long as a rate of 100 a second is reached.
//!
//! ## Benign look-alikes
//!
//! Synchronisation jobs (their own habit is learned), health probes (their answers hold no records), a page that loads
//! many small things at once (single records, below the rates).
//!
//! ## Tuning
//!
//! Raise `records_per_min` for back offices; large networks behind one address may need more `requests_per_s`.
//! Facts: `form`, `reads`, `records`, `largest_page`, `usual_records_per_min`, `as_on_earlier_days`.
//!
//! ## References
//!
//! MITRE ATT&CK T1530, T1213, T1119; OWASP API4:2023, API6:2023.

mod habit;
mod reader;

use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Span, tables,
};
use crate::identity::{Principal, PrincipalKind};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Activity, Protocol, Request, Transaction};
use reader::{Form, Read, Reader};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long a reader's habits are kept without a read.
const HABIT_KEPT: Duration = Duration::from_hours(7 * 24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Requests a second (100: no person, and no program that honours usual rate limits).
    pub requests_per_s: u32,
    /// How long that rate must hold (10 s: a page that loads many things is done by then).
    pub requests_for_s: u32,
    /// Records in a minute (10,000: a hundred pages of a hundred).
    pub records_per_min: u32,
    /// How many times the reader's own busy minute is too much (10: a busy day is two or three times a usual one).
    pub own_habit_times: u32,
    /// Pages of records within one second on one route (100: the same rate, and each answer is worth taking).
    pub pages_per_s: u32,
    /// Records that make an answer a page (10: fewer is an object with its parts).
    pub page_records_min: u32,
    /// Calls in a minute at the largest page size (50: an app that fetches an export of a few thousand records page by
    /// page makes one call in one to three seconds; at 100 a page, 50 are half of `records_per_min`).
    pub largest_pages_per_min: u32,
    /// The least page size that counts as large (100: usual default sizes are 10 to 50).
    pub largest_page_min: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            requests_per_s: 100,
            requests_for_s: 10,
            records_per_min: 10_000,
            own_habit_times: 10,
            pages_per_s: 100,
            page_records_min: 10,
            largest_pages_per_min: 50,
            largest_page_min: 100,
        }
    }
}

/// EXF-01.
pub static RULE: Rule = Rule {
    id: "EXF-01",
    name: "bulk_extraction",
    title: "Bulk extraction",
    severity: Severity::High,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Reading,
    order_free: false,
    mitre: &["T1530", "T1213", "T1119"],
    owasp: &["API4:2023", "API6:2023"],
    response: "limit the rate and the page size; revoke the credential if its owner does not know of it",
};

/// Who reads how much.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    principals: Keyed<Principal, Reader>,
    clients: Keyed<IpAddr, Shared>,
    /// The largest page size ever asked for on each route, where it is large.
    routes: Keyed<(Arc<str>, Arc<str>), u32>,
}

/// A client; its reads are counted as one reader's once several principals stand behind it.
#[derive(Debug, Default)]
struct Shared {
    first: Option<Principal>,
    has_several: bool,
    /// Most clients have one principal behind them, which is counted by itself.
    reader: Option<Box<Reader>>,
}

saved!(Shared { first, has_several, reader });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let keys = limits.keys_per_table_max;
        Self {
            thresholds: thresholds.clone(),
            principals: Keyed::new(keys, HABIT_KEPT),
            clients: Keyed::new(keys, Duration::from_mins(10)),
            routes: Keyed::new(keys, HABIT_KEPT),
        }
    }

    /// Whether this read asks for the largest page known on its route, and that is a large one.
    fn is_largest_page(&mut self, request: &Request, now: EventTime) -> bool {
        let Some(asked) = request.page_limit.filter(|&asked| asked >= self.thresholds.largest_page_min)
        else {
            return false;
        };
        let largest = self.routes.entry_again(&(request.host.clone(), request.route.clone()), now);
        *largest = asked.max(*largest);
        *largest == asked
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::SUCCESS
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(request) = read_request(tx) else { return };
        let read = Read {
            at: tx.end,
            records: records(tx),
            is_page: is_page(tx, request, self.thresholds.page_records_min),
            is_largest: self.is_largest_page(request, tx.end),
        };
        let is_named = tx.principal.kind != PrincipalKind::Anonymous;
        if is_named {
            let reader = self.principals.entry(findings.principal(tx), tx.end);
            if let Some(form) = reader.note(read, tx, &self.thresholds) {
                raise(tx, About::Principal(&tx.principal), reader, form, &self.thresholds, findings);
                return;
            }
        }
        let network = tx.client.network();
        let shared = self.clients.entry(findings.client(&network), tx.end);
        shared.meet(&tx.principal);
        if is_named && !shared.has_several {
            return;
        }
        let reader = shared.reader.get_or_insert_default();
        if let Some(form) = reader.note(read, tx, &self.thresholds) {
            raise(tx, About::Client(network), reader, form, &self.thresholds, findings);
        }
    }

    tables!(principals, clients, routes);
}

impl Shared {
    fn meet(&mut self, principal: &Principal) {
        let first = self.first.get_or_insert_with(|| principal.clone());
        self.has_several |= first != principal;
    }
}

/// Reads that gave something: what was asked for is in the request.
fn read_request(tx: &Transaction) -> Option<&Request> {
    if !tx.succeeded() || !matches!(tx.activity, Activity::Use | Activity::Sensitive) {
        return None;
    }
    let request = tx.request.as_ref()?;
    let is_read = &*request.method == "GET" || tx.protocol == Protocol::Grpc || records(tx) > 0;
    is_read.then_some(request)
}

fn records(tx: &Transaction) -> u32 {
    tx.response.as_ref().and_then(|response| response.items).unwrap_or(0)
}

fn is_page(tx: &Transaction, request: &Request, records_min: u32) -> bool {
    records(tx) >= records_min
        || request.page_limit.is_some_and(|asked| asked >= records_min)
        || (tx.protocol == Protocol::Grpc && is_grpc_list(&request.path))
}

/// Method names by Google's API Improvement Proposals 132, 136, 231.
fn is_grpc_list(path: &str) -> bool {
    let method = path.rsplit('/').next().unwrap_or_default();
    ["List", "Search", "BatchGet", "Export", "Stream"].iter().any(|verb| method.starts_with(verb))
}

fn raise(
    tx: &Transaction,
    about: About<'_>,
    reader: &mut Reader,
    form: Form,
    limits: &Thresholds,
    findings: &mut Findings<'_>,
) {
    let severity = match tx.activity {
        _ if reader.is_as_on_earlier_days(form, tx.end) => Severity::Low,
        Activity::Sensitive => Severity::Critical,
        _ => RULE.severity,
    };
    let crossing = Crossing {
        about,
        severity,
        first: reader.first(form).unwrap_or(tx.end),
        fresh: reader.take_fresh(form),
        window: Some(form.window(limits)),
    };
    findings.raise(&crossing, || finding(tx, about, reader, form, limits));
}

fn finding(tx: &Transaction, about: About<'_>, reader: &Reader, form: Form, limits: &Thresholds) -> Finding {
    let (count, threshold) = (reader.count(form), reader.threshold(form, limits));
    let who = match about {
        About::Principal(principal) => principal.id.to_string(),
        _ => tx.client.ip.to_string(),
    };
    let place = tx.endpoint().map(|endpoint| format!(" on {endpoint}")).unwrap_or_default();
    let span = Span(tx.end.since(reader.first(form).unwrap_or(tx.end)));
    let page = tx.request.as_ref().and_then(|request| request.page_limit).unwrap_or(0);
    let message = match form {
        Form::Requests => {
            let (rate, held) = (limits.requests_per_s, limits.requests_for_s);
            format!("{count} reads in {span} by {who} (limit {rate} a second for {held} s)")
        }
        Form::Records => format!("{count} records in {span} by {who}{place} (limit {threshold} in 60 s)"),
        Form::Pages => format!("{count} pages in {span} by {who}{place} (limit {threshold} in 1 s)"),
        Form::LargestPages => {
            format!(
                "{count} pages of {page} in {span} by {who}{place} (limit {threshold} in 60 s at the largest size)"
            )
        }
    };
    let found = Finding::of(tx, message, "read");
    let mut facts = vec![
        ("form", Fact::Text(form.name().into())),
        ("reads", Fact::Count(reader.count(Form::Requests))),
        ("records", Fact::Count(reader.count(Form::Records))),
    ];
    if page > 0 {
        facts.push(("largest_page", Fact::Count(u64::from(page))));
    }
    if let Some(usual) = reader.usual_records_per_min() {
        facts.push(("usual_records_per_min", Fact::Count(usual)));
    }
    if reader.is_as_on_earlier_days(form, tx.end) {
        facts.push(("as_on_earlier_days", Fact::Flag(true)));
    }
    let opening = reader.opening().map(|sample| sample.evidence("the first of these reads"));
    Finding {
        count,
        threshold,
        principal: matches!(about, About::Principal(_)).then(|| tx.principal.clone()),
        evidence: opening.into_iter().chain(found.evidence).collect(),
        facts,
        ..found
    }
}

#[cfg(test)]
mod tests;
