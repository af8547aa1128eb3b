//! What a report cannot say: what the period could not be applied to, and what nobody looked at.
//! It is given the period, how it was applied, and the report.
//! It promises a sentence for each, so that a reader takes no silence for a finding.

use super::model::{Kind, Report};
use super::range::Range;

/// What is said in place of alerts where the source has none.
pub(super) const NO_ALERTS: &str = "Not known here: a sensor’s state does not keep alerts. They are in its alert output, on \
    its page, in the sinks that it sends them to, and in a report of ClickHouse.";
/// The same of what lies open.
pub(super) const OPEN_WITHOUT_ALERTS: &str = "Told from endpoints alone, since a sensor’s state does not keep alerts: \
    credentials in answers, weak TLS, doors without a lock and drift from a description are not among it.";

/// What the period could not be applied to.
pub(super) fn not_cut(range: Range, kind: Kind) -> Vec<&'static str> {
    if range.is_open() {
        return Vec::new();
    }
    let mut not_cut = Vec::new();
    if kind.has_alerts() {
        not_cut.push(
            "Episodes of alerts that reach into the period are told whole, with events before and after it.",
        );
    }
    match kind {
        Kind::Capture => not_cut
            .push("What was lost, cut or encrypted is counted over the whole source, not over the period."),
        Kind::State => not_cut.push(
            "Endpoints, accounts and keys are kept as sums: those that were in use in the period are here with all of \
             their calls, and the number of requests is that of the whole source.",
        ),
        Kind::Clickhouse => {}
    }
    not_cut
}

/// What nobody looked at.
pub(super) fn not_looked_at(report: &Report) -> Vec<String> {
    let mut told: Vec<String> = [
        "Calls that do not cross the mirror: between services of one host, over other interfaces, or before the first \
         packet. A key that was handed out before then may be older than its age here.",
        "What is inside connections that stayed encrypted, and inside QUIC (HTTP/3).",
        "Data: Heelguard reads who calls what with which proof. It does not judge whether a granted request was right.",
        "Whether a second factor could be fooled: a code that was accepted counts as proved.",
    ]
    .map(str::to_owned)
    .to_vec();
    if !report.source.kind.has_alerts() {
        told.push(format!("Alerts. {NO_ALERTS}"));
    }
    if !report.source.kind.has_contents() {
        told.push(
            "What answers hold: the tables have no classes of data, so endpoints are judged without them. A report of \
             the sensor's state has them."
                .to_owned(),
        );
    }
    for (table, count) in &report.seen.left_out.0 {
        told.push(format!(
            "{count} {table} that had to make room for others: there were more than are kept."
        ));
    }
    told
}
