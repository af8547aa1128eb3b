//! The part on alerts: when, of what, and the gravest with what to do.
//! It is given the report.
//! It promises that what the sensor raised about itself is told as that.

use super::{badge, left_out};
use crate::markup::html::Html;
use crate::markup::parts::{close_table, number, open_table, shown_time};
use crate::markup::svg;
use crate::report::limits::NO_ALERTS;
use crate::report::model::{OverTime, Report, Top};
use crate::report::words::span;
use heelguard_detectors::time::EventTime;

/// Severities as classes, in their order.
const CLASSES: [&str; 5] = ["info", "low", "medium", "high", "critical"];

pub(super) fn alerts(html: &mut Html, report: &Report) {
    let alerts = &report.alerts;
    html.raw("<h2 id=\"alerts\">Alerts</h2>");
    if !alerts.is_known {
        html.raw("<p>").raw(NO_ALERTS).raw("</p>");
        return;
    }
    if alerts.of_the_sensor > 0 {
        html.raw("<p>The sensor raised ").text(alerts.of_the_sensor);
        html.raw(" more about its own view, which are not among these.</p>");
    }
    if alerts.episodes == 0 {
        html.raw("<p>None was raised.</p>");
        return;
    }
    html.raw("<ul class=\"legend\" aria-label=\"Alerts by severity\">");
    for (severity, count) in &alerts.by_severity.0 {
        html.raw("<li class=\"").raw(severity).raw("\"><span class=\"swatch\"></span>").text(count).raw(" ");
        html.raw(severity).raw("</li>");
    }
    html.raw("</ul>");
    over_time(html, &alerts.over_time);
    open_table(html, "Alerts by detector", &["Detector", "Worst", "#Alerts", "#Events"]);
    for row in &alerts.by_detector {
        html.raw("<tr><th scope=\"row\">").text(row.title).raw(" <span class=\"soft\">").text(row.rule);
        html.raw("</span></th><td>");
        badge(html, row.severity.0);
        html.raw("</td>");
        number(html, row.episodes);
        number(html, row.events);
        html.raw("</tr>");
    }
    close_table(html);
    html.raw("<h3>The gravest</h3>");
    alerts.top.iter().for_each(|of| top(html, of));
    left_out(html, alerts.top.len(), alerts.episodes);
}

fn over_time(html: &mut Html, of: &OverTime) {
    let Some(from) = &of.from else { return };
    let words = format!("alerts by their first event, in spans of {}", span(of.span_s));
    svg::piles(html, CLASSES, &of.columns, &words);
    let seconds = of.span_s.saturating_mul(of.columns.len() as u64);
    svg::axis(html, (from.0, EventTime::from_secs(from.0.as_secs().saturating_add(seconds))));
    html.raw("<p class=\"soft\">By their first event, in spans of ").text(span(of.span_s)).raw(".</p>");
}

fn top(html: &mut Html, of: &Top) {
    html.raw("<article class=\"alert\"><h4>");
    badge(html, of.severity.0);
    html.raw(" ").text(&of.title).raw(" <span class=\"soft\">").text(&of.rule).raw(" · confidence ");
    html.text(of.confidence.0).raw("</span> ").raw(match of.outcome {
        "succeeded" => "<b class=\"succeeded\">succeeded</b>",
        "refused" => "<span class=\"refused\">refused</span>",
        _ => "<span class=\"soft\">outcome unknown</span>",
    });
    html.raw("</h4><p>").wire_within(&of.message, 600).raw("</p><p class=\"soft\">");
    html.text(shown_time(of.first_seen.0))
        .raw(" to ")
        .text(shown_time(of.last_seen.0))
        .raw("</p><p class=\"todo\">");
    html.raw("<b>Do:</b> ").text(&of.to_do).raw(".</p></article>");
}
