//! What a report cannot say: what the period could not be applied to, and what nobody looked at.
//! It is given the period, how it was applied, and the report.
//! It promises a sentence for each, so that a reader takes no silence for a finding.

use super::model::Report;
use super::range::Range;

/// What the period could not be applied to.
pub(super) fn not_cut(range: Range, is_cut: bool) -> Vec<&'static str> {
    if range.is_open() {
        return Vec::new();
    }
    let mut not_cut = vec![
        "Episodes of alerts that reach into the period are told whole, with events before and after it.",
    ];
    if is_cut {
        not_cut
            .push("What was lost, cut or encrypted is counted over the whole source, not over the period.");
    } else {
        not_cut.push(
            "Endpoints, accounts and keys are kept as sums: those that were in use in the period are here with all of \
             their calls, and the number of requests is that of the whole source.",
        );
    }
    not_cut
}

/// The same of a database, which cuts all but episodes.
pub(super) fn not_cut_of_a_database(range: Range) -> Vec<&'static str> {
    not_cut(range, true).into_iter().take(1).collect()
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
    for (table, count) in &report.seen.left_out.0 {
        told.push(format!(
            "{count} {table} that had to make room for others: there were more than are kept."
        ));
    }
    told
}
