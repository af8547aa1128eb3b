//! A report as one page: for a browser, for mail, for paper.
//! It is given the report and writes head, parts and appendix; the style sheet stands in it.
//! It promises no script, nothing from elsewhere, and a policy that would refuse both.

mod alerts;
mod coverage;
mod exposures;
mod keys;

use super::model::{Findings, Part, Report, Verdict};
use super::words::{DEFINITIONS, head, verdict_words};
use crate::markup::STYLE;
use crate::markup::html::{Html, grouped};
use crate::markup::parts::{card, close_table, number, open_table, share};
use heelguard_detectors::alert::Severity;
use heelguard_detectors::identity::ProofLevel;

/// The sheet stands in the page; scripts, frames, forms and whatever is elsewhere are refused. One word is in pieces:
/// it is a keyword of the language, too, which has no place in this file.
const POLICY: &str = concat!(
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; form-action 'none'; base-uri 'none'; ",
    "style-src 'un",
    "safe-inline'\">"
);
/// What the report has beside the sheet of all pages.
const OWN_STYLE: &str = include_str!("style.css");
/// Letters of a sentence that has words of traffic in it.
const SENTENCE_CHARS_MAX: usize = 1_200;

/// The whole document.
pub(super) fn page(report: &Report) -> String {
    let mut html = Html::new();
    html.raw("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">")
        .raw(POLICY)
        .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
        .raw("<meta name=\"color-scheme\" content=\"light dark\"><meta name=\"referrer\" content=\"no-referrer\">")
        .raw("<title>API authentication report · Heelguard</title><style>")
        .raw(STYLE)
        .raw(OWN_STYLE)
        .raw("</style></head><body class=\"report\"><header><span class=\"brand\">Heelguard</span></header>")
        .raw("<main><h1>API authentication report</h1><p class=\"soft\">")
        .wire_within(&head(report), SENTENCE_CHARS_MAX)
        .raw("</p>");
    findings(&mut html, report);
    sight(&mut html, report);
    coverage::coverage(&mut html, report);
    keys::keys(&mut html, report);
    exposures::exposures(&mut html, report);
    alerts::alerts(&mut html, report);
    appendix(&mut html, report);
    html.raw("</main><footer><p>Times are UTC, of the packets. Every number here is in the report’s JSON ");
    html.raw("(<code>--format json</code>), or is a share of two that are.</p></footer></body></html>\n");
    html.into_string()
}

fn findings(html: &mut Html, report: &Report) {
    let Findings { care, headline, summary, first } = &report.findings;
    html.raw("<p class=\"lead\">").wire_within(headline, SENTENCE_CHARS_MAX).raw("</p>");
    if let Some(care) = care {
        html.raw("<p class=\"care\">").wire_within(care, SENTENCE_CHARS_MAX);
        html.raw(" <a href=\"#visibility\">What was seen</a></p>");
    }
    html.raw("<h2 class=\"todo-first\">To do first</h2>");
    if first.is_empty() {
        html.raw("<p>Nothing presses.</p>");
    } else {
        html.raw("<ol class=\"actions\">");
    }
    for action in first {
        html.raw("<li><b>").wire_within(&action.what, SENTENCE_CHARS_MAX).raw("</b><br>");
        html.wire_within(&action.why, SENTENCE_CHARS_MAX).raw(" ").raw(link(action.part)).raw("</li>");
    }
    html.raw(if first.is_empty() { "" } else { "</ol>" });
    cards(html, report);
    html.raw("<p class=\"soft\">").wire_within(summary, SENTENCE_CHARS_MAX).raw("</p>");
}

/// The way to the part that tells more.
fn link(part: Part) -> &'static str {
    match part {
        Part::Visibility => "<a href=\"#visibility\">What was seen</a>",
        Part::Coverage => "<a href=\"#coverage\">Second factors</a>",
        Part::Keys => "<a href=\"#keys\">Keys</a>",
        Part::Exposures => "<a href=\"#exposures\">What lies open</a>",
        Part::Alerts => "<a href=\"#alerts\">Alerts</a>",
    }
}

fn cards(html: &mut Html, report: &Report) {
    let alerts = |severity: Severity| report.alerts.by_severity.of(severity.name());
    let coverage = &report.coverage;
    html.raw("<div class=\"cards\">");
    card(html, "", report.seen.principals.of("user"), "accounts");
    html.raw("<div class=\"card\"><b>").text(share(coverage.proofs.of(ProofLevel::Mfa), coverage.successes));
    html.raw("</b><span class=\"soft\">granted behind a second factor</span></div>");
    match (coverage.gaps_in_all, report.keys.around_mfa) {
        (0, 1..) => card(html, "high", report.keys.around_mfa, "keys that get past it"),
        (gaps, _) => card(html, if gaps > 0 { "high" } else { "" }, gaps, "ways around it"),
    }
    card(html, "", report.keys.with_reasons, "keys with a reason for worry");
    card(html, "", report.exposures.open.len() as u64, "things that lie open");
    card(html, "", report.exposures.endpoints_in_all, "endpoints at risk");
    if !report.alerts.is_known {
        html.raw("</div>");
        return;
    }
    card(
        html,
        if alerts(Severity::Critical) > 0 { "critical" } else { "" },
        alerts(Severity::Critical),
        "critical alerts",
    );
    card(html, if alerts(Severity::High) > 0 { "high" } else { "" }, alerts(Severity::High), "high alerts");
    html.raw("</div>");
}

fn sight(html: &mut Html, report: &Report) {
    let (seen, visibility) = (&report.seen, &report.visibility);
    html.raw("<h2 id=\"visibility\">What was seen, and how well</h2>");
    html.raw(match visibility.verdict {
        Verdict::Good => "<p>",
        _ => "<div class=\"blind\"><p>",
    });
    html.raw(verdict_words(visibility.verdict)).raw("</p>");
    if !visibility.limits.is_empty() {
        html.raw("<ul>");
        for limit in &visibility.limits {
            html.raw("<li>").text(&limit.what).raw(". ").raw(limit.to_do).raw("</li>");
        }
        html.raw("</ul>");
    }
    html.raw(if visibility.verdict == Verdict::Good { "" } else { "</div>" });
    html.raw("<div class=\"columns2\"><div>");
    open_table(html, "What was seen", &["Seen", "#Count"]);
    let rows = [("requests", seen.transactions), ("hosts", seen.hosts), ("endpoints", seen.endpoints)];
    let more = [("keys that last", seen.keys), ("sessions and tokens", seen.tokens)];
    let kinds = seen.principals.0.iter().map(|&(kind, count)| (principals(kind), count));
    for (name, count) in rows.into_iter().chain(kinds).chain(more).filter(|(_, count)| *count > 0) {
        html.raw("<tr><th scope=\"row\">").raw(name).raw("</th>");
        number(html, count);
        html.raw("</tr>");
    }
    close_table(html);
    html.raw("</div><div>");
    if !visibility.counters.is_empty() {
        open_table(html, "What was lost", &["Lost", "#Count", "#Share"]);
        for loss in &visibility.counters {
            html.raw("<tr><th scope=\"row\">")
                .raw(loss.unit)
                .raw(" ")
                .raw(loss.place)
                .raw("</th><td class=\"number\">");
            html.text(grouped(loss.lost))
                .raw(" of ")
                .text(grouped(loss.of))
                .raw("</td><td class=\"number\">");
            html.text(share(loss.lost, loss.of)).raw("</td></tr>");
        }
        close_table(html);
    }
    html.raw("</div></div>");
    for sentence in &report.period.not_cut {
        html.raw("<p class=\"soft\">").raw(sentence).raw("</p>");
    }
}

/// Actors of a kind, in words.
fn principals(kind: &str) -> &'static str {
    match kind {
        "user" => "accounts",
        "service" => "programs",
        "key" => "keys nobody is known to own",
        "session" => "sessions nobody is known to own",
        "cert" => "holders of certificates",
        _ => "addresses that nobody signed in from",
    }
}

fn badge(html: &mut Html, severity: Severity) {
    crate::markup::parts::severity(html, severity);
}

/// A risk as a badge, with a colour by how much it is of the most.
fn risk(html: &mut Html, risk: u64, most: u64) {
    let colour = match risk * 100 / most.max(1) {
        0..20 => "low",
        20..50 => "medium",
        50..100 => "high",
        _ => "critical",
    };
    html.raw("<span class=\"badge ").raw(colour).raw("\">risk ").text(risk).raw("</span>");
}

fn appendix(html: &mut Html, report: &Report) {
    html.raw("<h2 id=\"appendix\">What was not looked at</h2><ul>");
    for sentence in &report.not_looked_at {
        html.raw("<li>").text(sentence).raw("</li>");
    }
    html.raw("</ul><h2>Words</h2><dl>");
    for (word, meaning) in DEFINITIONS {
        html.raw("<dt>").raw(word).raw("</dt><dd>").text(meaning).raw("</dd>");
    }
    // The licence of the built-in table asks for it: see docs/geoip.md.
    html.raw("</dl><p class=\"soft\"><a href=\"https://db-ip.com\" rel=\"noreferrer\">IP Geolocation by DB-IP</a></p>");
}

/// Says that a list is a part.
fn left_out(html: &mut Html, shown: usize, all: u64) {
    if all > shown as u64 {
        html.raw("<p class=\"soft\">")
            .text(grouped(all - shown as u64))
            .raw(" more are not listed here.</p>");
    }
}
