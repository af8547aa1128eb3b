//! Endpoints: how they are called, what they answer, how fast, and what was proved.
//! It is given the run and a search.
//! It promises latencies to within 7 %, and counts since each was met first.

use super::Sight;
use super::parts::{Leaf, close_table, empty, finds, found_none, micros, number, open_table, search, time};
use super::svg;
use crate::ledger::endpoint::Endpoint;
use crate::web::frame::{Page, Place};
use crate::web::html::Html;
use std::cmp::Reverse;

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
    let mut all = sight.ledger.endpoints();
    if all.is_empty() {
        let to_do = "Each method, host and route stands here once it was called. \
                     <a href=\"/sensor\">The sensor</a> says whether HTTP can be read at all.";
        empty(&mut html, "No endpoint was called yet.", to_do);
        return Page::new(Place::Endpoints, "Endpoints", html);
    }
    search(&mut html, "Method, host, route or label", sight.asked);
    all.retain(|endpoint| is_asked_for(endpoint, sight.asked.get("q")));
    if found_none(&mut html, all.len(), sight.asked) {
        return Page::new(Place::Endpoints, "Endpoints", html);
    }
    all.sort_by_key(|e| (Reverse(e.calls), e.host.clone(), e.route.clone(), e.method.clone()));
    html.raw("<ul class=\"legend\" aria-label=\"Colours of answers\">");
    for (class, name) in ANSWERS {
        html.raw("<li><span class=\"swatch ").raw(class).raw("\"></span>").raw(name).raw("</li>");
    }
    html.raw("</ul>");
    let leaf = Leaf::of(&all, sight.asked);
    let heads = [
        "Endpoint",
        "#Calls",
        "Answers",
        "#p50",
        "#p95",
        "#p99",
        "Credentials taken",
        "#Without",
        "Last (UTC)",
    ];
    open_table(&mut html, "Endpoints", &heads);
    leaf.rows.iter().for_each(|endpoint| row(&mut html, endpoint));
    close_table(&mut html);
    leaf.turn(&mut html, sight.asked);
    html.raw(
        "<p class=\"soft\">p50, p95 and p99: half, 95 and 99 of a hundred answers began within this time ",
    );
    html.raw("after their request. Without: calls that presented no credential.</p>");
    Page::new(Place::Endpoints, "Endpoints", html)
}

fn is_asked_for(endpoint: &Endpoint, words: &str) -> bool {
    if words.is_empty() {
        return true;
    }
    let labels: Vec<&str> = endpoint.labels.iter().map(heelguard_detectors::label::Label::name).collect();
    finds(words, &[&endpoint.method, &endpoint.host, &endpoint.route, &labels.join(" ")])
}

fn row(html: &mut Html, of: &Endpoint) {
    html.raw("<tr><th scope=\"row\" class=\"mono\">").wire(&of.method).raw(" ").wire(&of.host);
    html.wire(&of.route);
    for label in of.labels.iter() {
        html.raw(" <span class=\"label\">").text(label).raw("</span>");
    }
    html.raw("</th>");
    number(html, of.calls);
    html.raw("<td class=\"picture\">");
    let mut parts = ANSWERS.map(|(class, name)| (class, name, 0));
    parts.iter_mut().zip(of.statuses).for_each(|(part, count)| part.2 = count);
    // What went well stands first.
    parts.rotate_left(2);
    svg::bar(html, &parts);
    html.raw("</td>");
    for share in [0.5, 0.95, 0.99] {
        html.raw("<td class=\"number\">").text(micros(of.latency.quantile(share))).raw("</td>");
    }
    html.raw("<td>");
    let mut is_any = false;
    for kind in of.taken() {
        html.raw(if is_any { ", " } else { "" }).text(kind.name().replace('_', " "));
        is_any = true;
    }
    html.raw(if is_any { "</td>" } else { "<span class=\"soft\">none</span></td>" });
    number(html, of.without_credential);
    html.raw("<td class=\"time\">");
    time(html, of.last);
    html.raw("</td></tr>");
}
