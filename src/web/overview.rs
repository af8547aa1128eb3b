//! The first page: how much was seen, and the episodes, the newest first.
//! It is given the snapshot and renders numbers and one table.
//! It promises to stay readable: of very many episodes the newest are shown and the rest counted.

use super::Snapshot;
use super::html::Html;
use heelguard_detectors::alert::{Alert, Severity};
use heelguard_detectors::time::EventTime;

/// Rows of the table.
const EPISODES_SHOWN: usize = 500;

pub(super) fn page(snapshot: &Snapshot) -> Html {
    let counters = &snapshot.counters;
    let transactions: u64 = counters.transactions.rows().iter().map(|row| row.1).sum();
    let tls: u64 = snapshot.services.iter().map(|service| service.tls).sum();
    let mut html = Html::new();
    html.raw("<h1>").text(&snapshot.source).raw("</h1><div class=\"cards\">");
    card(&mut html, "", counters.packets.read, "packets");
    card(&mut html, "", transactions, "transactions");
    for &severity in Severity::ALL.iter().rev() {
        let count = snapshot.episodes.iter().filter(|episode| episode.severity == severity).count() as u64;
        if count > 0 {
            card(&mut html, severity.name(), count, severity.name());
        }
    }
    if tls > 0 {
        card(&mut html, "", tls, "TLS connections not read");
    }
    html.raw("</div><h2>Alerts</h2>");
    if snapshot.episodes.is_empty() {
        html.raw("<p>Nothing was raised.</p>");
        return html;
    }
    html.raw("<div class=\"scroll\"><table><thead><tr><th>Time</th><th>Severity</th><th>Detector</th>")
        .raw("<th>What happened</th><th class=\"number\">Events</th></tr></thead><tbody>");
    snapshot.episodes.iter().take(EPISODES_SHOWN).for_each(|episode| row(&mut html, episode));
    html.raw("</tbody></table></div>");
    let rest = snapshot.episodes.len().saturating_sub(EPISODES_SHOWN);
    if rest > 0 {
        html.raw("<p class=\"soft\">").text(rest).raw(" older alerts are not shown.</p>");
    }
    html
}

fn card(html: &mut Html, class: &'static str, number: u64, name: &str) {
    html.raw("<div class=\"card\"><b class=\"")
        .raw(class)
        .raw("\">")
        .text(grouped(number))
        .raw("</b><span class=\"soft\">")
        .text(name);
    html.raw("</span></div>");
}

fn row(html: &mut Html, episode: &Alert) {
    html.raw("<tr><td class=\"time\">").text(shown_time(episode.first_seen)).raw("</td><td>");
    severity(html, episode.severity);
    html.raw("</td><td><a href=\"/rules/")
        .text(episode.detector)
        .raw("\">")
        .text(episode.title)
        .raw("</a><br><span class=\"soft mono\">")
        .text(&episode.subject.value)
        .raw("</span></td><td><a href=\"/alerts/")
        .text(episode.id)
        .raw("\">")
        .text(&episode.message)
        .raw("</a></td><td class=\"number\">")
        .text(grouped(episode.count))
        .raw("</td></tr>");
}

/// A severity as a badge.
pub(super) fn severity(html: &mut Html, severity: Severity) {
    html.raw("<span class=\"severity ").text(severity).raw("\">").text(severity).raw("</span>");
}

/// `2026-11-21 10:03:00`.
pub(super) fn shown_time(time: EventTime) -> String {
    let full = time.to_string();
    full.get(..19).unwrap_or(&full).replace('T', " ")
}

/// A number in groups of three: `12 345`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}
