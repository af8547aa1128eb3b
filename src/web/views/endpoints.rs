//! Endpoints: how they are called, what they answer, how fast, and what was proved.
//! It is given the run and a search.
//! It promises latencies to within 7 %, and counts since each was met first.

use super::Sight;
use super::parts::{
    Leaf, close_table, empty, endpoint, finds, found_none, micros, number, open_table, search, tabs, time,
};
use super::svg;
use crate::ledger::endpoint::Endpoint;
use crate::ledger::endpoint::risk::{self, Risk, class_words};
use crate::web::frame::{Page, Place};
use crate::web::html::{Html, grouped};
use std::cmp::Reverse;
use std::sync::Arc;

/// An endpoint and what speaks for looking at it first.
pub(in crate::web) type Judged = (Arc<Endpoint>, Risk);

/// Classes and names of answers, in the order in which endpoints count them.
const ANSWERS: [(&str, &str); 6] = [
    ("s-none", "no answer seen"),
    ("s-1xx", "1xx"),
    ("s-2xx", "2xx"),
    ("s-3xx", "3xx"),
    ("s-4xx", "4xx"),
    ("s-5xx", "5xx"),
];

pub(in crate::web) fn page(sight: &Sight<'_>) -> Page {
    let mut html = Html::new();
    html.raw("<h1>Endpoints</h1>");
    let all = judged(sight);
    if all.is_empty() && sight.asked.get("q").is_empty() {
        let to_do = "Each method, host and route stands here once it was called. \
                     <a href=\"/sensor\">The sensor</a> says whether HTTP can be read at all.";
        empty(&mut html, "No endpoint was called yet.", to_do);
        return Page::new(Place::Endpoints, "Endpoints", html);
    }
    search(&mut html, "Method, host, route, label, data or reason", sight.asked);
    if found_none(&mut html, all.len(), sight.asked) {
        return Page::new(Place::Endpoints, "Endpoints", html);
    }
    tabs(&mut html, "/endpoints", sight.asked, &[("Most at risk", ""), ("Most called", "calls")]);
    html.raw("<ul class=\"legend\" aria-label=\"Colours of answers\">");
    for (class, name) in ANSWERS {
        html.raw("<li><span class=\"swatch ").raw(class).raw("\"></span>").raw(name).raw("</li>");
    }
    html.raw("</ul>");
    let leaf = Leaf::of(&all, sight.asked);
    let heads = [
        "Endpoint",
        "#Risk",
        "Data in answers",
        "#Calls",
        "Answers",
        "#Time to answer",
        "Credentials taken",
        "Last (UTC)",
    ];
    open_table(&mut html, "Endpoints", &heads);
    leaf.rows.iter().for_each(|endpoint| row(&mut html, endpoint));
    close_table(&mut html);
    leaf.turn(&mut html, sight.asked);
    html.raw("<p class=\"soft\">Risk: from 0 to 100, the sum of the reasons on the endpoint’s page. Data: classes in those ");
    html.raw("answers that were looked into. Time to answer: half of the answers began within the first after their ");
    html.raw("request, 95 of a hundred within the second. ");
    html.raw("<a href=\"/endpoints.csv").text(sight.asked.with("page", "")).raw("\">As CSV</a></p>");
    Page::new(Place::Endpoints, "Endpoints", html)
}

/// The endpoints that are asked for, in the order that is.
pub(in crate::web) fn judged(sight: &Sight<'_>) -> Vec<Judged> {
    let mut all: Vec<Judged> =
        sight.ledger.endpoints().into_iter().map(|row| (Arc::clone(&row), risk::of(&row))).collect();
    all.retain(|judged| is_asked_for(judged, sight.asked.get("q")));
    all.sort_by_key(|(e, _)| (Reverse(e.calls), e.host.clone(), e.route.clone(), e.method.clone()));
    if sight.asked.get("sort") != "calls" {
        all.sort_by_key(|(_, risk)| Reverse(risk.score));
    }
    all
}

fn is_asked_for((endpoint, risk): &Judged, words: &str) -> bool {
    if words.is_empty() {
        return true;
    }
    let labels: Vec<&str> = endpoint.labels.iter().map(heelguard_detectors::label::Label::name).collect();
    let data: Vec<&str> = endpoint.sensitive().map(|(class, _)| class.name()).collect();
    let dangers: Vec<&str> = risk.reasons.iter().map(|reason| reason.danger.name()).collect();
    let [labels, data, dangers] = [labels, data, dangers].map(|words| words.join(" "));
    finds(words, &[&endpoint.method, &endpoint.host, &endpoint.route, &labels, &data, &dangers])
}

fn row(html: &mut Html, (of, risk): &Judged) {
    html.raw("<tr><th scope=\"row\" class=\"mono\">");
    endpoint(html, &of.method, &of.host, &of.route);
    for label in of.labels.iter() {
        html.raw(" <span class=\"label\">").text(label).raw("</span>");
    }
    html.raw("</th>");
    number(html, u64::from(risk.score));
    html.raw("<td>");
    for (place, (class, _)) in of.sensitive().enumerate() {
        html.raw(if place > 0 { ", " } else { "" }).text(class_words(class));
    }
    html.raw("</td>");
    number(html, of.calls);
    html.raw("<td class=\"picture\">");
    answers(html, of);
    html.raw("</td>");
    html.raw("<td class=\"number\">").text(micros(of.latency.quantile(0.5)));
    html.raw("<br><span class=\"soft\">").text(micros(of.latency.quantile(0.95))).raw("</span></td>");
    html.raw("<td>");
    taken(html, of);
    if of.without_credential > 0 {
        html.raw("<br><span class=\"soft\">").text(grouped(of.without_credential)).raw(" without</span>");
    }
    html.raw("</td><td class=\"time\">");
    time(html, of.last);
    html.raw("</td></tr>");
}

/// The picture of its answers.
pub(super) fn answers(html: &mut Html, of: &Endpoint) {
    let mut parts = ANSWERS.map(|(class, name)| (class, name, 0));
    parts.iter_mut().zip(of.statuses).for_each(|(part, count)| part.2 = count);
    // What went well stands first.
    parts.rotate_left(2);
    svg::bar(html, &parts);
}

/// The same in numbers.
pub(super) fn answers_told(html: &mut Html, of: &Endpoint) {
    html.raw("<ul class=\"legend\" aria-label=\"Answers by their status\">");
    for ((class, name), count) in ANSWERS.into_iter().zip(of.statuses).filter(|(_, count)| *count > 0) {
        html.raw("<li><span class=\"swatch ").raw(class).raw("\"></span>").raw(name).raw(" ");
        html.text(grouped(count)).raw("</li>");
    }
    html.raw("</ul>");
}

/// The kinds of credential that it takes.
pub(super) fn taken(html: &mut Html, of: &Endpoint) {
    let mut is_any = false;
    for kind in of.taken() {
        html.raw(if is_any { ", " } else { "" }).text(kind.name().replace('_', " "));
        is_any = true;
    }
    html.raw(if is_any { "" } else { "<span class=\"soft\">none</span>" });
}
