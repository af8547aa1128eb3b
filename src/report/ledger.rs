//! A report of a ledger: of a capture that was just read, or of the state of a sensor.
//! It is given the ledger, the counters if there are any, and the period.
//! It promises the same report for the same rows, whatever order they come in.

use super::model::{Counts, Period, Report, SCHEMA, Seen, Source, Visibility};
use super::range::Range;
use super::{alerts, coverage, findings, limits, passports};
use crate::ledger::{Ledger, is_lasting};
use crate::sinks::record::{Labels, Shown};
use heelguard_detectors::alert::Alert;
use heelguard_detectors::identity::PrincipalKind;
use std::collections::BTreeSet;

/// What a report of a ledger is made of, beside its rows.
pub struct Told<'a> {
    /// Whose sensor it is.
    pub labels: &'a Labels,
    /// Where the rows come from.
    pub source: Source,
    /// The period that was asked for.
    pub range: Range,
    /// Whether each transaction was looked at whether it is inside, so that the rows are of the period alone.
    pub is_cut: bool,
    /// How well it was seen.
    pub sight: Sight,
}

/// How well it was seen, made from counters by `visibility`.
pub struct Sight(pub(super) Visibility);

/// The report.
pub fn of_ledger(ledger: &Ledger, told: Told<'_>) -> Report {
    let Told { labels, source, range, is_cut, sight: Sight(visibility) } = told;
    let (mut endpoints, mut principals, mut credentials) =
        (ledger.endpoints(), ledger.principals(), ledger.credentials());
    // Rows are sums: of those that were not cut by the transaction, the ones of another time are left out whole.
    endpoints.retain(|row| range.meets(row.first, row.last));
    principals.retain(|row| range.meets(row.first, row.last));
    credentials.retain(|row| range.meets(row.first, row.last));
    endpoints.sort_by(|a, b| (&a.host, &a.route, &a.method).cmp(&(&b.host, &b.route, &b.method)));
    credentials.sort_by_key(|row| row.fingerprint);
    let overview = ledger.overview();
    let now = overview.span.map(|(_, last)| last).unwrap_or_default();
    let of_kind = |kind| principals.iter().filter(|row| row.kind == kind).count() as u64;
    let keys = credentials.iter().filter(|row| is_lasting(row.kind)).count();
    let episodes = ledger.alerts();
    let raised: Vec<&Alert> =
        episodes.iter().map(AsRef::as_ref).filter(|a| range.meets(a.first_seen, a.last_seen)).collect();
    let left_out = overview.rooms.iter().filter(|room| room.given_up > 0);
    let seen = Seen {
        transactions: overview.transactions,
        hosts: endpoints.iter().map(|row| &*row.host).collect::<BTreeSet<&str>>().len() as u64,
        endpoints: endpoints.len() as u64,
        principals: Counts(PrincipalKind::ALL.iter().map(|&kind| (kind.name(), of_kind(kind))).collect()),
        keys: keys as u64,
        tokens: (credentials.len() - keys) as u64,
        left_out: Counts(left_out.map(|room| (room.name, room.given_up)).collect()),
    };
    let mut report = Report {
        schema: SCHEMA,
        tenant: labels.tenant.clone(),
        sensor: labels.sensor.clone(),
        source,
        period: Period {
            from: range.from.map(Shown),
            to: range.to.map(Shown),
            first: overview.span.map(|(first, _)| Shown(first)),
            last: overview.span.map(|(_, last)| Shown(last)),
            not_cut: limits::not_cut(range, is_cut),
        },
        findings: super::model::Findings::default(),
        seen,
        coverage: coverage::coverage(&endpoints, &credentials),
        keys: passports::keys(&credentials, now),
        exposures: alerts::exposures(&raised),
        alerts: alerts::alerts(&raised),
        visibility,
        not_looked_at: Vec::new(),
    };
    report.not_looked_at = limits::not_looked_at(&report);
    report.findings = findings::findings(&report);
    report
}
