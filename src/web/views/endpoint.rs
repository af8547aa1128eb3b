//! One endpoint: its risk, what to do, who is granted something there, what it takes and answers, and its alerts.
//! It is given the run and the method, host and route that were asked for.
//! It promises names and types of what messages hold, and no value.

use super::Sight;
use super::endpoints::{answers, answers_told, taken};
use super::gaps;
use super::parts::{
    card, close_table, end_with_use, item, item_of, micros, number, open_table, open_table_of, principal,
    severity, sized, time,
};
use crate::ledger::Rows;
use crate::ledger::endpoint::names::{Name, Names};
use crate::ledger::endpoint::risk::{self, Risk, class_words};
use crate::ledger::endpoint::{Endpoint, FIELDS_MAX, PARAMETERS_MAX};
use crate::ledger::gaps::gaps as gaps_of;
use crate::ledger::principal::Principal;
use crate::ledger::spread::Spread;
use crate::ledger::visited::Visited;
use crate::markup::proofs::proofs_told;
use crate::web::frame::{Page, Place};
use crate::web::html::{Html, grouped};
use std::cmp::Reverse;

/// Alerts that are shown; the list of alerts has all.
const ALERTS_SHOWN: usize = 20;
/// Callers that are shown.
const CALLERS_SHOWN: usize = 10;
/// Shares of all answers that are told.
const SHARES: [f64; 4] = [0.5, 0.95, 0.99, 1.0];

pub(in crate::web) fn page(sight: &Sight<'_>) -> Option<Page> {
    let [method, host, route] = ["method", "host", "route"].map(|name| sight.asked.get(name));
    let of = sight.ledger.endpoint(method, host, route)?;
    let risk = risk::of(&of);
    let mut html = Html::new();
    html.raw("<p class=\"crumb\"><a href=\"/endpoints\">Endpoints</a></p><h1 class=\"mono\">");
    html.wire(method).raw(" ").wire(host).raw("<wbr>").jointed(route).raw("</h1><div class=\"cards\">");
    card(&mut html, "", u64::from(risk.score), "risk, of 100");
    card(&mut html, "", of.calls, "calls");
    card(&mut html, "", of.without_credential, "calls without a credential");
    card(&mut html, "", of.from_outside, "calls from outside");
    html.raw("</div>");
    let rows = sight.ledger.rows();
    reasons(&mut html, &risk);
    holes(&mut html, &rows, &of);
    html.raw("<h2>In short</h2>");
    facts(&mut html, &of);
    html.raw("<h2>Proofs of its successes</h2>");
    proofs_told(&mut html, &of.proofs);
    callers(&mut html, &rows, &of);
    spreads(&mut html, &of);
    held(&mut html, &of);
    alerts(&mut html, sight, &of);
    Some(Page::new(Place::Endpoints, format!("{method} {route}"), html))
}

fn reasons(html: &mut Html, risk: &Risk) {
    html.raw("<h2>Risk</h2>");
    if risk.reasons.is_empty() {
        html.raw("<p>Nothing that was seen speaks for looking at it first.</p>");
        return;
    }
    let heads = ["This endpoint", "What to do", "#Points"];
    open_table_of(html, "stack risk", "What speaks for looking at it, the most weighty first", &heads);
    for reason in &risk.reasons {
        html.raw("<tr><th scope=\"row\">").text(&reason.words).raw("</th><td>").raw(reason.danger.advice());
        html.raw("</td>");
        number(html, u64::from(reason.danger.points()));
        html.raw("</tr>");
    }
    close_table(html);
}

/// Where a second factor is walked around here.
fn holes(html: &mut Html, rows: &Rows, of: &Endpoint) {
    let gaps = gaps_of(rows);
    let is_here = |at: &Endpoint| (&at.method, &at.host, &at.route) == (&of.method, &of.host, &of.route);
    let here: Vec<_> = gaps.iter().filter(|gap| is_here(&gap.endpoint)).collect();
    if !here.is_empty() {
        html.raw("<h2>Where a second factor is walked around here</h2>");
        gaps::table(html, &here);
    }
}

/// Who calls it most: who would notice if something were changed here.
fn callers(html: &mut Html, rows: &Rows, of: &Endpoint) {
    let at = (&*of.host, &*of.route, &*of.method);
    let mut callers: Vec<(&Principal, &Visited, u64)> = Vec::new();
    for principal in &rows.principals {
        let lane = principal.routes.iter().find(|lane| lane.name.names() == at);
        callers.extend(lane.map(|lane| (&**principal, &lane.name, lane.calls)));
    }
    callers
        .sort_by_key(|(who, at, calls)| (Reverse((at.around, at.success, *calls)), who.kind, who.id.clone()));
    html.raw("<h2>Callers</h2>");
    if callers.is_empty() {
        html.raw("<p>Those who called it have made room for others.</p>");
        return;
    }
    let heads = ["Caller", "#Calls", "#Granted", "#With a second factor", "#Without the one it has"];
    open_table(html, "Who went past a second factor, then who was granted most", &heads);
    for (who, at, calls) in callers.iter().take(CALLERS_SHOWN) {
        html.raw("<tr><th scope=\"row\">");
        principal(html, &who.key());
        html.raw("</th>");
        for count in [*calls, at.success, at.mfa, at.around] {
            number(html, count);
        }
        html.raw("</tr>");
    }
    close_table(html);
    if let Some(more) = callers.len().checked_sub(CALLERS_SHOWN).filter(|more| *more > 0) {
        html.raw("<p class=\"soft\">").text(grouped(more as u64)).raw(" more called it.</p>");
    }
}

fn facts(html: &mut Html, of: &Endpoint) {
    html.raw("<dl>");
    item_of(html, "is for", |html| {
        for label in of.labels.iter() {
            html.raw(" <span class=\"label\">").text(label).raw("</span>");
        }
        html.raw(if of.labels.is_empty() {
            "not known: its path says nothing, and <code>[[identity.routes]]</code> may"
        } else {
            ""
        });
    });
    item_of(html, "answers", |html| {
        answers(html, of);
        answers_told(html, of);
    });
    item_of(html, "credentials taken", |html| taken(html, of));
    let data: Vec<String> = of
        .sensitive()
        .map(|(class, count)| {
            format!("{} in {} of {} looked into", class_words(class), grouped(count), grouped(of.looked))
        })
        .collect();
    let data = if data.is_empty() { "none found".to_owned() } else { data.join(", ") };
    item(html, "data in answers", data);
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
        &["", "#Half within", "#95 % within", "#99 % within", "#At most"],
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
    names(html, "What accepted requests hold", &of.parameters, PARAMETERS_MAX, true);
    html.raw("<h2>Fields of answers</h2>");
    names(html, "What answers in JSON hold", &of.fields, FIELDS_MAX, false);
    html.raw("<p class=\"soft\">Names and types, never values, of the ").text(grouped(of.looked));
    html.raw(
        " calls whose messages were looked into. <span class=\"mono\">{}</span> stands for keys that are ",
    );
    html.raw("values, <span class=\"mono\">[]</span> for what is in a list.</p>");
}

/// Names of what messages hold, and where in requests they stand.
fn names(html: &mut Html, caption: &'static str, of: &Names, max: usize, is_of_requests: bool) {
    if of.is_empty() {
        html.raw("<p>None was seen.</p>");
        return;
    }
    let mut heads = vec!["Name", "Types", "#Calls", "First (UTC)", "Last (UTC)"];
    if is_of_requests {
        heads.insert(1, "Where");
    }
    open_table(html, caption, &heads);
    let mut rows: Vec<&Name> = of.iter().collect();
    rows.sort_by_key(|name| (name.place, Reverse(name.calls), name.name.clone()));
    for name in rows {
        html.raw("<tr><th scope=\"row\" class=\"mono\">").wire(&name.name).raw("</th><td>");
        if is_of_requests {
            html.raw(name.place.map_or("", |place| place.name())).raw("</td><td>");
        }
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
