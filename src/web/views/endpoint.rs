//! One endpoint: its risk with the reasons, what it takes and answers, how fast, with what proof, and its alerts.
//! It is given the run and the method, host and route that were asked for.
//! It promises names and types of what messages hold, and no value.

use super::Sight;
use super::endpoints::{answers, taken};
use super::parts::{
    card, close_table, end_with_use, item, item_of, micros, number, open_table, severity, sized, time,
};
use crate::ledger::endpoint::names::{Name, Names};
use crate::ledger::endpoint::risk::{self, Risk, class_words};
use crate::ledger::endpoint::{Endpoint, FIELDS_MAX, PARAMETERS_MAX};
use crate::ledger::spread::Spread;
use crate::markup::proofs::{legend, proof_bar};
use crate::web::frame::{Page, Place};
use crate::web::html::{Html, grouped};
use std::cmp::Reverse;

/// Alerts that are shown; the list of alerts has all.
const ALERTS_SHOWN: usize = 20;
/// Shares of all answers that are told.
const SHARES: [f64; 4] = [0.5, 0.95, 0.99, 1.0];

pub(in crate::web) fn page(sight: &Sight<'_>) -> Option<Page> {
    let [method, host, route] = ["method", "host", "route"].map(|name| sight.asked.get(name));
    let of = sight.ledger.endpoint(method, host, route)?;
    let risk = risk::of(&of);
    let mut html = Html::new();
    html.raw("<p class=\"crumb\"><a href=\"/endpoints\">Endpoints</a></p><h1 class=\"mono\">");
    html.wire(method).raw(" ").wire(host).wire(route).raw("</h1><div class=\"cards\">");
    card(&mut html, "", u64::from(risk.score), "risk, of 100");
    card(&mut html, "", of.calls, "calls");
    card(&mut html, "", of.without_credential, "without a credential");
    card(&mut html, "", of.from_outside, "from outside");
    html.raw("</div>");
    reasons(&mut html, &risk);
    facts(&mut html, &of);
    html.raw("<h2>Proofs of its successes</h2>");
    legend(&mut html);
    proof_bar(&mut html, &of.proofs);
    spreads(&mut html, &of);
    held(&mut html, &of);
    alerts(&mut html, sight, &of);
    Some(Page::new(Place::Endpoints, format!("{method} {route}"), html))
}

/// The link to an endpoint's page.
pub(super) fn link(html: &mut Html, of: &Endpoint) {
    html.raw("<a href=\"/endpoint?method=").part(&of.method).raw("&amp;host=").part(&of.host);
    html.raw("&amp;route=").part(&of.route).raw("\">").wire(&of.method).raw(" ").wire(&of.host);
    html.wire(&of.route).raw("</a>");
}

fn reasons(html: &mut Html, risk: &Risk) {
    html.raw("<h2>Risk</h2>");
    if risk.reasons.is_empty() {
        html.raw("<p>Nothing that was seen speaks for looking at it first.</p>");
        return;
    }
    open_table(html, "Reasons, the most weighty first", &["#Points", "This endpoint"]);
    for reason in &risk.reasons {
        html.raw("<tr>");
        number(html, u64::from(reason.danger.points()));
        html.raw("<td>").text(&reason.words).raw("</td></tr>");
    }
    close_table(html);
}

fn facts(html: &mut Html, of: &Endpoint) {
    html.raw("<dl>");
    item_of(html, "for", |html| {
        for label in of.labels.iter() {
            html.raw(" <span class=\"label\">").text(label).raw("</span>");
        }
        html.raw(if of.labels.is_empty() { "nothing that its words say" } else { "" });
    });
    item_of(html, "answers", |html| answers(html, of));
    item_of(html, "credentials taken", |html| taken(html, of));
    let data: Vec<String> = of
        .sensitive()
        .map(|(class, count)| {
            format!("{} in {} of {}", class_words(class), grouped(count), grouped(of.looked))
        })
        .collect();
    let data = if data.is_empty() { "none found".to_owned() } else { data.join(", ") };
    item(html, "data in answers looked into", data);
    item_of(html, "seen", |html| {
        time(html, of.first);
        html.raw(" to ");
        time(html, of.last);
    });
    html.raw("</dl>");
}

fn spreads(html: &mut Html, of: &Endpoint) {
    html.raw("<h2>Time and size</h2>");
    open_table(
        html,
        "What half, 95 and 99 of a hundred calls stay within",
        &["", "#p50", "#p95", "#p99", "#Most"],
    );
    let mut row = |name: &'static str, spread: &Spread, shown: fn(Option<u64>) -> String| {
        html.raw("<tr><th scope=\"row\">").raw(name).raw("</th>");
        for share in SHARES {
            html.raw("<td class=\"number\">").text(shown(spread.quantile(share))).raw("</td>");
        }
        html.raw("</tr>");
    };
    let bytes = |bytes: Option<u64>| bytes.map_or("–".to_owned(), sized);
    row("Time to the first byte", &of.latency, micros);
    row("Request’s body", &of.request_bytes, bytes);
    row("Answer’s body", &of.answer_bytes, bytes);
    close_table(html);
}

fn held(html: &mut Html, of: &Endpoint) {
    html.raw("<h2>Parameters</h2>");
    names(html, "What accepted requests hold", &of.parameters, PARAMETERS_MAX);
    html.raw("<h2>Fields of answers</h2>");
    names(html, "What answers in JSON hold", &of.fields, FIELDS_MAX);
    html.raw("<p class=\"soft\">Names and types, never values, of the ").text(grouped(of.looked));
    html.raw(
        " calls whose messages were looked into. <span class=\"mono\">{}</span> stands for keys that are ",
    );
    html.raw("values, <span class=\"mono\">[]</span> for what is in a list.</p>");
}

fn names(html: &mut Html, caption: &'static str, of: &Names, max: usize) {
    if of.is_empty() {
        html.raw("<p>None was seen.</p>");
        return;
    }
    open_table(html, caption, &["Name", "Where", "Types", "#Calls", "First (UTC)", "Last (UTC)"]);
    let mut rows: Vec<&Name> = of.iter().collect();
    rows.sort_by_key(|name| (name.place, Reverse(name.calls), name.name.clone()));
    for name in rows {
        html.raw("<tr><th scope=\"row\" class=\"mono\">").wire(&name.name).raw("</th><td>");
        html.raw(name.place.map_or("answer", |place| place.name())).raw("</td><td>");
        for (place, kind) in name.types().enumerate() {
            html.raw(if place > 0 { ", " } else { "" }).raw(kind.name());
        }
        html.raw("</td>");
        end_with_use(html, name.calls, [name.first, name.last]);
    }
    close_table(html);
    if of.left_out > 0 {
        html.raw("<p>").text(grouped(of.left_out)).raw(" more names were met: there is room for ");
        html.text(max).raw(", and one that was met once makes room for another.</p>");
    }
}

fn alerts(html: &mut Html, sight: &Sight<'_>, of: &Endpoint) {
    html.raw("<h2>Alerts</h2>");
    let mut alerts = sight.ledger.alerts();
    alerts.retain(|alert| {
        alert
            .endpoint
            .as_ref()
            .is_some_and(|at| (&at.method, &at.host, &at.route) == (&of.method, &of.host, &of.route))
    });
    if alerts.is_empty() {
        html.raw("<p>None names this endpoint.</p>");
        return;
    }
    alerts.sort_by_key(|alert| (Reverse(alert.severity), Reverse(alert.last_seen), alert.id));
    html.raw("<ul>");
    for alert in alerts.iter().take(ALERTS_SHOWN) {
        html.raw("<li>");
        severity(html, alert.severity);
        html.raw(" <a href=\"/alerts/").text(alert.id).raw("\">").wire(&alert.message).raw("</a> ");
        time(html, alert.last_seen);
        html.raw("</li>");
    }
    html.raw("</ul>");
    if let Some(more) = alerts.len().checked_sub(ALERTS_SHOWN).filter(|more| *more > 0) {
        html.raw("<p>")
            .text(grouped(more as u64))
            .raw(" more are in <a href=\"/\">the list of alerts</a>.</p>");
    }
}
