//! A report of a ledger: of a capture that was just read, or of the state of a sensor.
//! It is given the ledger, the counters if there are any, and the period.
//! It promises the same report for the same rows, whatever order they come in.

use super::model::{Counts, Report, Seen, Source, Visibility};
use super::range::Range;
use super::whole::{Known, whole};
use crate::ledger::{Ledger, is_lasting};
use crate::sinks::record::Labels;
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
    /// How well it was seen.
    pub sight: Sight,
}

/// How well it was seen, made from counters by `visibility`.
pub struct Sight(pub(super) Visibility);

/// The report.
pub fn of_ledger(ledger: &Ledger, told: Told<'_>) -> Report {
    let Told { labels, source, range, sight: Sight(visibility) } = told;
    let mut rows = ledger.rows();
    // Rows are sums: of those that were not cut by the transaction, the ones of another time are left out whole.
    rows.endpoints.retain(|row| range.meets(row.first, row.last));
    rows.principals.retain(|row| range.meets(row.first, row.last));
    rows.credentials.retain(|row| range.meets(row.first, row.last));
    let overview = ledger.overview();
    let of_kind = |kind| rows.principals.iter().filter(|row| row.kind == kind).count() as u64;
    let keys = rows.credentials.iter().filter(|row| is_lasting(row.kind)).count();
    let episodes = ledger.alerts();
    let raised: Vec<&Alert> =
        episodes.iter().map(AsRef::as_ref).filter(|a| range.meets(a.first_seen, a.last_seen)).collect();
    let left_out = overview.rooms.iter().filter(|room| room.given_up > 0);
    let seen = Seen {
        transactions: overview.transactions,
        hosts: rows.endpoints.iter().map(|row| &*row.host).collect::<BTreeSet<&str>>().len() as u64,
        endpoints: rows.endpoints.len() as u64,
        principals: Counts(PrincipalKind::ALL.iter().map(|&kind| (kind.name(), of_kind(kind))).collect()),
        keys: keys as u64,
        tokens: (rows.credentials.len() - keys) as u64,
        left_out: Counts(left_out.map(|room| (room.name, room.given_up)).collect()),
    };
    whole(Known {
        tenant: labels.tenant.clone(),
        sensor: labels.sensor.clone(),
        source,
        range,
        span: overview.span,
        seen,
        rows: &rows,
        raised: &raised,
        visibility,
    })
}
