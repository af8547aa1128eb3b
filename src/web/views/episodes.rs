//! Alerts as rows: what happened, to whom, whether it got in, and whether somebody has looked.
//! It is given the run and alerts in their order.
//! It promises that "over" is said of traffic and "looked at" of people, and that neither is taken for the other.

use super::Sight;
use super::about::who;
use super::outcome::Success;
use super::parts::{ROWS, close_table, cut, open_table_of, severity, shown_time, time};
use crate::web::html::{Html, grouped};
use heelguard_detectors::alert::{Alert, Status};
use std::sync::Arc;

/// A table of these alerts, all of them.
pub(super) fn table(html: &mut Html, sight: &Sight<'_>, caption: &'static str, alerts: &[Arc<Alert>]) {
    let heads = ["Severity", "What happened", "Who", "Got in?", "Last seen (UTC)", "#Events", "State"];
    open_table_of(html, "episodes", caption, &heads);
    let day = today(sight);
    for alert in alerts {
        row(html, sight, alert, &day);
    }
    close_table(html);
}

/// A table within another page: the first of them, and the way to all.
pub(super) fn table_within(
    html: &mut Html,
    sight: &Sight<'_>,
    caption: &'static str,
    alerts: &[Arc<Alert>],
    (way, words): (&'static str, &str),
) {
    table(html, sight, caption, alerts.get(..ROWS).unwrap_or(alerts));
    cut(html, ROWS, alerts.len(), way, words);
}

fn row(html: &mut Html, sight: &Sight<'_>, alert: &Alert, day: &str) {
    html.raw("<tr><td>");
    severity(html, alert.severity);
    html.raw("</td><td class=\"story\"><a href=\"/alerts/").text(alert.id).raw("\">");
    html.wire_within(&alert.message, 400).raw("</a><br><span class=\"soft\">").text(alert.rule).raw(" ");
    html.text(alert.title).raw("</span></td><td class=\"actor\">");
    who(html, alert);
    html.raw("</td><td>");
    Success::of(alert).word(html, alert.severity);
    html.raw("</td><td class=\"time\">");
    time(html, alert.last_seen);
    html.raw("</td><td class=\"number\">").text(grouped(alert.count)).raw("</td><td class=\"state\">");
    going(html, alert, day);
    html.raw("<br>");
    looked_at(html, sight, alert);
    html.raw("</td></tr>");
}

/// The day of the last traffic, on which an hour is enough to name a time.
pub(super) fn today(sight: &Sight<'_>) -> String {
    let last = sight.ledger.overview().span.map(|(_, last)| shown_time(last)).unwrap_or_default();
    last.get(..10).unwrap_or_default().to_owned()
}

/// Whether the traffic goes on.
pub(super) fn going(html: &mut Html, alert: &Alert, day: &str) {
    if alert.status != Status::Closed {
        html.raw("<b>going on</b>");
        return;
    }
    let full = shown_time(alert.last_seen);
    let since = if full.get(..10) == Some(day) { full.get(11..16) } else { full.get(..16) };
    html.raw("over since ").text(since.unwrap_or(&full));
}

/// Whether somebody has looked, and at how much of it.
pub(super) fn looked_at(html: &mut Html, sight: &Sight<'_>, alert: &Alert) {
    let Some(note) = sight.notes.get(alert.id) else {
        html.raw("<b class=\"fresh\">nobody has looked</b>");
        return;
    };
    html.raw(if note.covers(alert) { "<span class=\"soft\">" } else { "<b>" });
    match note.of {
        None => {
            html.raw("acknowledged, but it is not known at how many events");
        }
        Some(of) => {
            html.raw("acknowledged at ").text(grouped(of.count));
            html.raw(if of.count == 1 { " event" } else { " events" });
            if of.severity < alert.severity {
                html.raw(" when it was ").text(of.severity);
            }
            if of.count < alert.count {
                html.raw(", ").text(grouped(alert.count - of.count)).raw(" since");
            }
        }
    }
    html.raw(if note.covers(alert) { "</span>" } else { "</b>" });
}
