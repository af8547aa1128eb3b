//! A report as Markdown: for a wiki, a ticket, a review.
//! It is given the report and says what its page says, pictures as numbers.
//! It promises that every word of traffic is escaped.

mod exposures;

use super::findings::{counted, short, way_words};
use super::limits::NO_ALERTS;
use super::model::{ByProof, Findings, Place, Report, Verdict};
use super::words::{DEFINITIONS, head, span, verdict_words};
use crate::markup::html::grouped;
use crate::markup::markdown::Markdown;
use crate::markup::parts::{share, shown_time};
use crate::markup::proofs::PROOFS;

/// Letters of a sentence that has words of traffic in it.
const SENTENCE_CHARS_MAX: usize = 1_200;

/// The whole document.
pub(super) fn markdown(report: &Report) -> String {
    let mut text = Markdown::default();
    text.raw("# API authentication report\n\n");
    text.wire(&head(report)).raw("\n");
    findings(&mut text, report);
    sight(&mut text, report);
    coverage(&mut text, report);
    keys(&mut text, report);
    exposures::exposures(&mut text, report);
    alerts(&mut text, report);
    appendix(&mut text, report);
    text.into_string()
}

fn findings(text: &mut Markdown, report: &Report) {
    let Findings { care, headline, summary, first } = &report.findings;
    text.raw("\n**").wire_within(headline, SENTENCE_CHARS_MAX).raw("**\n");
    for words in
        [care.as_deref(), Some(summary.as_str())].into_iter().flatten().filter(|words| !words.is_empty())
    {
        text.raw("\n").wire_within(words, SENTENCE_CHARS_MAX).raw("\n");
    }
    text.raw("\n## To do first\n\n");
    if first.is_empty() {
        text.raw("Nothing presses.\n");
    }
    for (place, action) in first.iter().enumerate() {
        text.text(place + 1).raw(". **").wire_within(&action.what, SENTENCE_CHARS_MAX).raw("** ");
        text.wire_within(&action.why, SENTENCE_CHARS_MAX).raw("\n");
    }
}

fn sight(text: &mut Markdown, report: &Report) {
    let seen = &report.seen;
    text.raw("\n## What was seen, and how well\n\n").raw(verdict_words(report.visibility.verdict)).raw("\n");
    if report.visibility.verdict != Verdict::Good {
        text.raw("\n");
    }
    for limit in &report.visibility.limits {
        text.raw("- ").text(&limit.what).raw(". ").raw(limit.to_do).raw("\n");
    }
    text.table(&["Seen", "#Count"]);
    let rows = [("requests", seen.transactions), ("hosts", seen.hosts), ("endpoints", seen.endpoints)];
    let more = [("keys that last", seen.keys), ("sessions and tokens", seen.tokens)];
    for (name, count) in rows.into_iter().chain(seen.principals.0.iter().copied()).chain(more) {
        text.raw("| ").text(name).raw(" | ").text(grouped(count)).raw(" |\n");
    }
    if !report.visibility.counters.is_empty() {
        text.table(&["Lost", "#Count", "#Of", "#Share"]);
    }
    for loss in &report.visibility.counters {
        text.raw("| ").raw(loss.place).raw(" | ").text(grouped(loss.lost)).raw(" ").raw(loss.unit).raw(" | ");
        text.text(grouped(loss.of)).raw(" | ").text(share(loss.lost, loss.of)).raw(" |\n");
    }
    for sentence in &report.period.not_cut {
        text.raw("\n").raw(sentence).raw("\n");
    }
}

fn coverage(text: &mut Markdown, report: &Report) {
    let coverage = &report.coverage;
    text.raw("\n## Second factors\n\nWhat stood behind the requests that were granted.\n");
    if coverage.successes == 0 {
        text.raw("\nNo success was seen.\n");
        return;
    }
    text.table(&[
        "Host",
        "#Successes",
        "#second factor",
        "#certificate",
        "#password only",
        "#service token",
        "#static key",
        "#no credential",
        "#unknown",
    ]);
    proofs(text, "all", &coverage.proofs);
    for row in &coverage.hosts {
        proofs(text, &row.host, &row.proofs);
    }
    left_out(text, coverage.hosts.len(), coverage.hosts_in_all);
    text.raw("\n### Ways around the second factor\n");
    if coverage.gaps.is_empty() {
        text.raw("\nNone was found.\n");
        if report.keys.around_mfa > 0 {
            text.raw("\nBut without the second factor of their owners, where nobody else was seen: ");
            text.text(counted(report.keys.around_mfa, "key", "keys")).raw(".\n");
        }
        return;
    }
    text.table(&["Endpoint", "Weight", "Granted to", "Evidence", "What to do"]);
    for gap in &coverage.gaps {
        text.raw("| ");
        place(text, &gap.endpoint);
        text.raw(" | ").raw(gap.weight).raw(" | ").raw(way_words(gap.way)).raw(" | ");
        text.text(&gap.evidence).raw(" | ").raw(gap.advice).raw(" |\n");
    }
    left_out(text, coverage.gaps.len(), coverage.gaps_in_all);
}

fn proofs(text: &mut Markdown, name: &str, proofs: &ByProof) {
    text.raw("| ").wire(name).raw(" | ").text(grouped(proofs.sum())).raw(" |");
    for level in PROOFS {
        text.raw(" ").text(share(proofs.of(level), proofs.sum())).raw(" |");
    }
    text.raw("\n");
}

fn keys(text: &mut Markdown, report: &Report) {
    let keys = &report.keys;
    text.raw("\n## Keys\n\n");
    if keys.in_all == 0 {
        text.raw("No key that lasts was seen.\n");
        return;
    }
    text.text(counted(keys.with_reasons, "key", "keys")).raw(" of ").text(grouped(keys.in_all));
    text.raw(" with a reason for worry.\n");
    text.table(&[
        "Key",
        "Owner",
        "#Risk",
        "Reasons",
        "#Calls",
        "#Privileged",
        "#Age, days",
        "#Idle, days",
        "Needs",
    ]);
    for key in &keys.passports {
        text.raw("| ").raw("`").text(short(&key.fingerprint)).raw("` ").wire(key.class).raw(" in ");
        text.text(key.location).raw(" ").wire(&key.name).raw(" | ");
        text.wire(key.owner.as_deref().unwrap_or("nobody known")).raw(" | ").text(key.risk).raw(" | ");
        text.text(key.reasons.join(", ")).raw(" | ").text(grouped(key.calls)).raw(" | ");
        text.text(grouped(key.privileged))
            .raw(" | ")
            .text(key.age_days)
            .raw(" | ")
            .text(key.idle_days)
            .raw(" | ");
        for (number, grant) in key.grants.iter().enumerate() {
            text.raw(if number > 0 { ", " } else { "" });
            place(text, &grant.place);
        }
        if key.forgotten_routes > 0 {
            text.raw(", and more");
        }
        text.raw(" |\n");
    }
    left_out(text, keys.passports.len(), keys.in_all);
}

fn alerts(text: &mut Markdown, report: &Report) {
    let alerts = &report.alerts;
    text.raw("\n## Alerts\n");
    if !alerts.is_known {
        text.raw("\n").raw(NO_ALERTS).raw("\n");
        return;
    }
    if alerts.of_the_sensor > 0 {
        text.raw("\nThe sensor raised ")
            .text(alerts.of_the_sensor)
            .raw(" more about itself: see its view above.\n");
    }
    if alerts.episodes == 0 {
        text.raw("\nNone was raised.\n");
        return;
    }
    text.table(&["Severity", "#Alerts"]);
    for (name, count) in &alerts.by_severity.0 {
        text.raw("| ").raw(name).raw(" | ").text(grouped(*count)).raw(" |\n");
    }
    if let Some(from) = &alerts.over_time.from {
        text.raw("\nBy their first event, in spans of ").text(span(alerts.over_time.span_s)).raw(" from ");
        text.text(shown_time(from.0)).raw(" UTC:");
        for column in &alerts.over_time.columns {
            text.raw(" ").text(column.iter().sum::<u64>());
        }
        text.raw("\n");
    }
    text.table(&["Detector", "Worst", "#Alerts", "#Events"]);
    for row in &alerts.by_detector {
        text.raw("| ").text(row.rule).raw(" ").text(row.title).raw(" | ").text(row.severity.0).raw(" | ");
        text.text(grouped(row.episodes)).raw(" | ").text(grouped(row.events)).raw(" |\n");
    }
    text.raw("\n### The gravest\n\n");
    for top in &alerts.top {
        text.raw("- **").text(top.severity.0).raw("** ").text(&top.rule).raw(" ").text(&top.title).raw(" (");
        text.raw(top.outcome).raw("): ").wire_within(&top.message, SENTENCE_CHARS_MAX).raw(". ");
        text.text(shown_time(top.first_seen.0))
            .raw(" to ")
            .text(shown_time(top.last_seen.0))
            .raw(". **Do:** ");
        text.text(&top.to_do).raw(".\n");
    }
    left_out(text, alerts.top.len(), alerts.episodes);
}

fn appendix(text: &mut Markdown, report: &Report) {
    text.raw("\n## What was not looked at\n\n");
    for sentence in &report.not_looked_at {
        text.raw("- ").text(sentence).raw("\n");
    }
    text.raw("\n## Words\n\n");
    for (word, meaning) in DEFINITIONS {
        text.raw("- **").raw(word).raw("**: ").raw(meaning).raw("\n");
    }
    text.raw("\n[IP Geolocation by DB-IP](https://db-ip.com)\n");
}

fn place(text: &mut Markdown, at: &Place) {
    text.wire(&at.method).raw(" ").wire(&at.host).wire(&at.route);
}

fn left_out(text: &mut Markdown, shown: usize, all: u64) {
    if all > shown as u64 {
        text.raw("\n").text(grouped(all - shown as u64)).raw(" more are not listed.\n");
    }
}
