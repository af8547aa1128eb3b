//! A report from what one source knows: each part from the same rows, then what they come down to.
//! It is given rows, episodes and how well it was seen, whatever source they are from.
//! It promises that no source counts in a way of its own, and that what it does not know is said.

use super::model::{Findings, Period, Report, SCHEMA, Seen, Source, Visibility};
use super::range::Range;
use super::{alerts, coverage, exposures, findings, limits, passports};
use crate::ledger::Rows;
use crate::sinks::record::Shown;
use heelguard_detectors::alert::Alert;
use heelguard_detectors::time::EventTime;

/// What a source knows.
pub(super) struct Known<'a> {
    pub(super) tenant: String,
    pub(super) sensor: String,
    pub(super) source: Source,
    pub(super) range: Range,
    /// The first and the last moment of traffic.
    pub(super) span: Option<(EventTime, EventTime)>,
    pub(super) seen: Seen,
    pub(super) rows: &'a Rows,
    pub(super) raised: &'a [&'a Alert],
    pub(super) visibility: Visibility,
}

/// The report.
pub(super) fn whole(of: Known<'_>) -> Report {
    let Known { tenant, sensor, source, range, span, seen, rows, raised, visibility } = of;
    let now = span.map(|(_, last)| last).unwrap_or_default();
    let kind = source.kind;
    let mut report = Report {
        schema: SCHEMA,
        tenant,
        sensor,
        source,
        period: Period {
            from: range.from.map(Shown),
            to: range.to.map(Shown),
            first: span.map(|(first, _)| Shown(first)),
            last: span.map(|(_, last)| Shown(last)),
            not_cut: limits::not_cut(range, kind),
        },
        findings: Findings::default(),
        seen,
        coverage: coverage::coverage(rows),
        keys: passports::keys(&rows.credentials, now),
        exposures: exposures::exposures(rows, raised),
        alerts: alerts::alerts(raised, kind.has_alerts()),
        visibility,
        not_looked_at: Vec::new(),
    };
    report.not_looked_at = limits::not_looked_at(&report);
    report.findings = findings::findings(&report);
    report
}
