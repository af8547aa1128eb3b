//! The part on what lies open: what it is, data in answers, and the endpoints to look at first.
//! It is given the report.
//! It promises each risk with its reasons.

use super::{badge, left_out, risk};
use crate::ledger::endpoint::risk::SCORE_MAX;
use crate::markup::html::{Html, grouped};
use crate::markup::parts::{close_table, number, open_table};
use crate::report::findings::{capital, counted};
use crate::report::limits::OPEN_WITHOUT_ALERTS;
use crate::report::model::{AtRisk, Data, Exposure, Place, Report};

/// Places of one thing that are named on the page; more are in the JSON.
const PLACES_SHOWN: usize = 5;

pub(super) fn exposures(html: &mut Html, report: &Report) {
    let of = &report.exposures;
    html.raw("<h2 id=\"exposures\">What lies open</h2>");
    if !report.alerts.is_known {
        html.raw("<p class=\"soft\">").raw(OPEN_WITHOUT_ALERTS).raw("</p>");
    }
    if of.open.is_empty() && of.endpoints.is_empty() && of.data.is_empty() {
        html.raw("<p>Nothing was found: no credential in an address or an answer, no password with every request.</p>");
        return;
    }
    if !of.open.is_empty() {
        open_table(html, "What lies open", &["What, and what to do", "Severity", "#Requests", "Where"]);
        of.open.iter().for_each(|of| open(html, of));
        close_table(html);
    }
    if !of.endpoints.is_empty() {
        html.raw("<h3>Endpoints to look at first</h3>");
        open_table(html, "Endpoints at risk, with the reasons", &["Endpoint", "Reasons"]);
        of.endpoints.iter().for_each(|of| endpoint(html, of));
        close_table(html);
        left_out(html, of.endpoints.len(), of.endpoints_in_all);
    }
    if !of.data.is_empty() {
        html.raw("<h3>Personal and secret data in answers</h3>");
        let heads = ["What", "#Answers", "#Endpoints", "#Open to anybody", "Where most"];
        open_table(html, "Classes of data in answers that were looked into", &heads);
        of.data.iter().for_each(|of| data(html, of));
        close_table(html);
    }
}

fn open(html: &mut Html, of: &Exposure) {
    html.raw("<tr><th scope=\"row\">").raw(of.title);
    if let Some(rule) = of.rule {
        html.raw(" <span class=\"soft\">").raw(rule).raw("</span>");
    }
    html.raw("<p class=\"advice\">").text(capital(of.to_do)).raw(".</p></th><td>");
    badge(html, of.severity.0);
    html.raw("</td>");
    number(html, of.events);
    html.raw("<td class=\"mono places\">");
    for (place, name) in of.places.iter().take(PLACES_SHOWN).enumerate() {
        html.raw(if place > 0 { "<br>" } else { "" }).wire(name);
    }
    more(html, of.places.len().min(PLACES_SHOWN), of.places_in_all);
    html.raw("</td></tr>");
}

fn endpoint(html: &mut Html, of: &AtRisk) {
    html.raw("<tr><th scope=\"row\" class=\"mono\">");
    place(html, &of.endpoint);
    for label in &of.labels {
        html.raw(" <span class=\"label\">").raw(label).raw("</span>");
    }
    html.raw("<br>");
    risk(html, of.risk, SCORE_MAX.into());
    html.raw(" <span class=\"soft\">").text(counted(of.calls, "call", "calls"));
    html.raw("</span></th><td class=\"words\"><ul>");
    for reason in &of.reasons {
        html.raw("<li>").text(&reason.words).raw("</li>");
    }
    html.raw("</ul></td></tr>");
}

fn data(html: &mut Html, of: &Data) {
    html.raw("<tr><th scope=\"row\">").raw(of.words).raw("</th>");
    for count in [of.answers, of.endpoints, of.open_endpoints] {
        number(html, count);
    }
    html.raw("<td class=\"mono places\">");
    for (number, at) in of.places.iter().take(PLACES_SHOWN).enumerate() {
        html.raw(if number > 0 { "<br>" } else { "" });
        place(html, at);
    }
    more(html, of.places.len().min(PLACES_SHOWN), of.endpoints);
    html.raw("</td></tr>");
}

fn place(html: &mut Html, at: &Place) {
    html.wire(&at.method).raw(" ").wire(&at.host).wire(&at.route);
}

fn more(html: &mut Html, shown: usize, all: u64) {
    if all > shown as u64 {
        html.raw("<br><span class=\"soft\">and ").text(grouped(all - shown as u64)).raw(" more</span>");
    }
}
