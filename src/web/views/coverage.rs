//! Where a second factor stands before the API and where something walks around it.
//! It is given the run; a route's successes are told by what was proved for them.
//! It promises that what is not known is shown as not known, and counts for nothing.

use super::parts::{
    Leaf, ROWS, close_table, cut, empty, endpoint, finds, found_none, number, open_table, search, share, tabs,
};
use super::{Sight, gaps};
use crate::ledger::coverage::{Coverage, Covered};
use crate::ledger::gaps::{Gap, Weight};
use crate::markup::proofs::{legend, proof_bar};
use crate::web::frame::{Page, Place};
use crate::web::html::Html;
use heelguard_detectors::identity::ProofLevel;
use heelguard_detectors::label::Labels;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Holes, and credentials, that are shown at first; the rest is counted and has a list of its own.
const GAPS_SHOWN: usize = 20;
const AROUND_SHOWN: usize = 12;

pub(in crate::web) fn page(sight: &Sight<'_>) -> Page {
    let mut html = Html::new();
    html.raw("<h1>MFA coverage</h1><p>What stood behind the requests that the server granted.</p>");
    let rows = sight.ledger.rows();
    let coverage = Coverage::of(&rows);
    if coverage.routes.is_empty() {
        let to_do = "A route stands here once the server has granted a request on it.";
        empty(&mut html, "No success was seen yet.", to_do);
        return Page::new(Place::Coverage, "MFA coverage", html);
    }
    let way_back = "<p class=\"crumb\"><a href=\"/coverage\">All of MFA coverage</a></p>";
    let is_of_routes = ["q", "page", "sort"].iter().any(|name| !sight.asked.get(name).is_empty());
    match sight.asked.get("show") {
        "gaps" => gaps::list(html.raw(way_back), &coverage.gaps, usize::MAX),
        "around" => gaps::around(html.raw(way_back), &rows, &coverage.gaps, usize::MAX),
        "hosts" => hosts(html.raw(way_back), &coverage.hosts, usize::MAX),
        // Who searches or turns a page of the routes wants to see them.
        _ if is_of_routes => routes(html.raw(way_back), sight, &coverage),
        _ => {
            gaps::list(&mut html, &coverage.gaps, GAPS_SHOWN);
            gaps::around(&mut html, &rows, &coverage.gaps, AROUND_SHOWN);
            hosts(&mut html, &coverage.hosts, ROWS);
            routes(&mut html, sight, &coverage);
        }
    }
    Page::new(Place::Coverage, "MFA coverage", html)
}

/// The gravest hole of each endpoint.
type Holes<'a> = BTreeMap<(&'a str, &'a str, &'a str), Weight>;

/// The successes of each route; of one with several methods, of each method as well.
fn routes(html: &mut Html, sight: &Sight<'_>, coverage: &Coverage) {
    html.raw("<h2>By route</h2>");
    search(html, "Host or route", sight.asked);
    let is_wanted = |of: &&Covered| finds(sight.asked.get("q"), &[&of.host, &of.route]);
    let mut routes: Vec<&Covered> = coverage.routes.iter().filter(is_wanted).collect();
    if found_none(html, routes.len(), sight.asked) {
        return;
    }
    tabs(html, "/coverage", sight.asked, &[("Worst first", ""), ("Most granted", "calls")]);
    let mut holes = Holes::new();
    for Gap { endpoint, weight, .. } in &coverage.gaps {
        let at = holes.entry((&endpoint.host, &endpoint.route, &endpoint.method)).or_insert(*weight);
        *at = (*at).max(*weight);
    }
    let is_by_calls = sight.asked.get("sort") == "calls";
    routes.sort_by_key(|of| {
        let worst = (hole(&holes, of), of.labels.any(Labels::PRIVILEGED), of.labels.any(Labels::SENSITIVE));
        (Reverse((!is_by_calls).then_some(worst)), Reverse(of.successes()), &of.host, &of.route)
    });
    legend(html);
    let leaf = Leaf::of(&routes, sight.asked);
    let heads = ["Route", "Successes by proof", "#Second factor", "#Static key", "#Unknown", "#Successes"];
    open_table(html, "Successes of each route by proof", &heads);
    for route in leaf.rows {
        row(html, route, "", &holes);
        if route.methods.len() > 1 {
            let is_its = |of: &&Covered| of.host == route.host && of.route == route.route;
            let from =
                coverage.endpoints.partition_point(|of| (&of.host, &of.route) < (&route.host, &route.route));
            let methods = coverage.endpoints.iter().skip(from).take_while(is_its);
            methods.for_each(|of| row(html, of, "part", &holes));
        }
    }
    close_table(html);
    leaf.turn(html, sight.asked);
}

/// The gravest hole of a route, or of a method of it.
fn hole(holes: &Holes<'_>, of: &Covered) -> Option<Weight> {
    of.methods.iter().filter_map(|method| holes.get(&(&*of.host, &*of.route, &**method)).copied()).max()
}

fn hosts(html: &mut Html, hosts: &[Covered], shown: usize) {
    html.raw("<h2>By host</h2>");
    legend(html);
    let mut hosts: Vec<&Covered> = hosts.iter().collect();
    hosts.sort_by_key(|host| (Reverse(host.successes()), &host.host));
    let heads = ["Host", "Successes by proof", "#Second factor", "#Static key", "#Unknown", "#Successes"];
    open_table(html, "Successes of each host by proof", &heads);
    for host in hosts.iter().take(shown) {
        html.raw("<tr><th scope=\"row\">").jointed(&host.host).raw("</th>");
        numbers(html, host);
    }
    close_table(html);
    cut(html, shown, hosts.len(), "/coverage?show=hosts", "");
}

/// A route, or a method of it.
fn row(html: &mut Html, of: &Covered, class: &'static str, holes: &Holes<'_>) {
    html.raw("<tr class=\"").raw(class).raw("\"><th scope=\"row\" class=\"mono\">");
    match of.methods.iter().next() {
        Some(method) if of.methods.len() == 1 => endpoint(html, method, &of.host, &of.route),
        _ => {
            html.wire(&of.host).raw("<wbr>").jointed(&of.route);
        }
    }
    for label in of.labels.iter() {
        html.raw(" <span class=\"label\">").text(label).raw("</span>");
    }
    if let Some(weight) = hole(holes, of) {
        html.raw(" <span class=\"badge small ").raw(gaps::badge(weight)).raw("\">hole</span>");
    }
    html.raw("</th>");
    numbers(html, of);
}

fn numbers(html: &mut Html, of: &Covered) {
    let all = of.successes();
    html.raw("<td class=\"picture\">");
    proof_bar(html, &of.proofs);
    html.raw("</td>");
    for level in [ProofLevel::Mfa, ProofLevel::ApiKey, ProofLevel::Unknown] {
        let part = of.of(level);
        html.raw(if part > 0 { "<td class=\"number\">" } else { "<td class=\"number soft\">" });
        html.text(share(part, all)).raw("</td>");
    }
    number(html, all);
    html.raw("</tr>");
}
