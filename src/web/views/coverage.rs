//! Where a second factor stands before the API and where something walks around it.
//! It is given the run; a route's successes are told by what was proved for them.
//! It promises that what is not known is shown as not known, and counts for nothing.

use super::parts::{
    Leaf, ROWS, close_table, cut, empty, finds, fingerprint, found_none, number, open_table, principal,
    search, share,
};
use super::principal::mostly;
use super::{Sight, gaps};
use crate::ledger::coverage::{Coverage, Covered, of_level, successes};
use crate::ledger::credential::Credential;
use crate::ledger::visited::Visited;
use crate::ledger::{Rows, is_lasting};
use crate::markup::proofs::{legend, proof_bar};
use crate::web::frame::{Page, Place};
use crate::web::html::Html;
use heelguard_detectors::identity::ProofLevel;
use std::cmp::Reverse;
use std::collections::BTreeSet;

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
    match sight.asked.get("show") {
        "gaps" => gaps::list(html.raw(way_back), &coverage.gaps, usize::MAX),
        "around" => around(html.raw(way_back), &rows, usize::MAX),
        "hosts" => hosts(html.raw(way_back), &coverage.hosts, usize::MAX),
        _ => {
            gaps::list(&mut html, &coverage.gaps, GAPS_SHOWN);
            around(&mut html, &rows, AROUND_SHOWN);
            hosts(&mut html, &coverage.hosts, ROWS);
            routes(&mut html, sight, &coverage);
        }
    }
    Page::new(Place::Coverage, "MFA coverage", html)
}

/// The successes of each route; of one with several methods, of each method as well.
fn routes(html: &mut Html, sight: &Sight<'_>, coverage: &Coverage) {
    html.raw("<h2>By route</h2>");
    search(html, "Host or route", sight.asked);
    let is_wanted = |of: &&Covered| finds(sight.asked.get("q"), &[&of.host, &of.route]);
    let mut routes: Vec<&Covered> = coverage.routes.iter().filter(is_wanted).collect();
    if found_none(html, routes.len(), sight.asked) {
        return;
    }
    routes.sort_by_key(|route| (Reverse(route.successes()), &route.host, &route.route));
    let leaf = Leaf::of(&routes, sight.asked);
    let heads = ["Route", "Successes by proof", "#Second factor", "#Static key", "#Unknown", "#Successes"];
    open_table(html, "Successes of each route by proof", &heads);
    for route in leaf.rows {
        row(html, route, "");
        if route.methods.len() > 1 {
            let is_its = |of: &&Covered| of.host == route.host && of.route == route.route;
            let from =
                coverage.endpoints.partition_point(|of| (&of.host, &of.route) < (&route.host, &route.route));
            coverage.endpoints.iter().skip(from).take_while(is_its).for_each(|of| row(html, of, "part"));
        }
    }
    close_table(html);
    leaf.turn(html, sight.asked);
}

/// Keys that walk around: what is granted without a second factor where people have to prove one.
fn around(html: &mut Html, rows: &Rows, shown: usize) {
    let guarded: BTreeSet<(&str, &str, &str)> = rows
        .endpoints
        .iter()
        .filter(|endpoint| of_level(&endpoint.proofs, ProofLevel::Mfa) > 0)
        .map(|endpoint| (&*endpoint.host, &*endpoint.route, &*endpoint.method))
        .collect();
    let is_guarded = |at: &Visited| guarded.contains(&at.names());
    let mut walking: Vec<(&Credential, u64)> = Vec::new();
    for credential in &rows.credentials {
        let without = successes(&credential.proofs)
            - of_level(&credential.proofs, ProofLevel::Mfa)
            - of_level(&credential.proofs, ProofLevel::Unknown);
        let there = credential.routes.iter().filter(|lane| is_guarded(&lane.name)).count() as u64;
        // A session of an account that has no factor walks around nothing: the pictures below count it.
        let walks = credential.around_mfa > 0 || there > 0 && is_lasting(credential.kind);
        if without > 0 && walks {
            walking.push((credential, there));
        }
    }
    html.raw("<h2>Keys and sessions that walk around</h2>");
    if walking.is_empty() {
        html.raw("<p>None: wherever somebody proved a second factor, nothing was granted that is known to have none.</p>");
        return;
    }
    walking.sort_by_key(|(credential, there)| {
        let lasts = is_lasting(credential.kind);
        (
            Reverse(lasts),
            Reverse(credential.around_mfa),
            Reverse(*there),
            Reverse(credential.calls),
            credential.fingerprint,
        )
    });
    let heads =
        ["Credential", "Proof", "Owner", "#Around the owner’s factor", "#Guarded routes", "For example"];
    open_table(
        html,
        "Credentials that are granted without a second factor what others prove one for",
        &heads,
    );
    for (credential, there) in walking.iter().take(shown) {
        html.raw("<tr><td>");
        fingerprint(html, credential.fingerprint);
        html.raw("<br><span class=\"soft\">").text(credential.class).raw("</span></td><td>");
        html.raw(mostly(credential.level())).raw("</td><td>");
        if let Some((kind, id)) = credential.owner() {
            principal(html, &format!("{kind}:{id}"));
        }
        html.raw("</td>");
        number(html, credential.around_mfa);
        number(html, *there);
        html.raw("<td class=\"mono\">");
        if let Some(lane) = credential.routes.by_use().into_iter().find(|lane| is_guarded(&lane.name)) {
            html.wire(&lane.name.method).raw(" ").wire(&lane.name.host).wire(&lane.name.route);
        }
        html.raw("</td></tr>");
    }
    close_table(html);
    cut(html, shown, walking.len(), "/coverage?show=around", "");
}

fn hosts(html: &mut Html, hosts: &[Covered], shown: usize) {
    html.raw("<h2>By host</h2>");
    legend(html);
    let mut hosts: Vec<&Covered> = hosts.iter().collect();
    hosts.sort_by_key(|host| (Reverse(host.successes()), &host.host));
    let heads = ["Host", "Successes by proof", "#Second factor", "#Static key", "#Unknown", "#Successes"];
    open_table(html, "Successes of each host by proof", &heads);
    for host in hosts.iter().take(shown) {
        html.raw("<tr><th scope=\"row\">").wire(&host.host).raw("</th>");
        numbers(html, host);
    }
    close_table(html);
    cut(html, shown, hosts.len(), "/coverage?show=hosts", "");
}

/// A route, or a method of it.
fn row(html: &mut Html, of: &Covered, class: &'static str) {
    html.raw("<tr class=\"").raw(class).raw("\"><th scope=\"row\" class=\"mono\">");
    if of.methods.len() == 1 {
        of.methods.iter().for_each(|method| {
            html.wire(method).raw(" ");
        });
    }
    html.wire(&of.host).wire(&of.route);
    for label in of.labels.iter() {
        html.raw(" <span class=\"label\">").text(label).raw("</span>");
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
        html.raw("<td class=\"number\">").text(share(of.of(level), all)).raw("</td>");
    }
    number(html, all);
    html.raw("</tr>");
}
