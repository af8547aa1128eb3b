//! Where a second factor stands before the API and where something walks around it.
//! It is given the run; a route's successes are told by what was proved for them.
//! It promises that what is not known is shown as not known, and counts for nothing.

use super::Sight;
use super::parts::{
    Leaf, ROWS, close_table, cut, empty, finds, fingerprint, found_none, number, open_table, principal,
    search, share,
};
use super::principal::mostly;
use crate::ledger::credential::{Credential, Visited};
use crate::ledger::endpoint::{Endpoint, Proofs};
use crate::ledger::is_lasting;
use crate::markup::proofs::{legend, proof_bar};
use crate::web::frame::{Page, Place};
use crate::web::html::Html;
use heelguard_detectors::identity::ProofLevel;
use heelguard_detectors::label::{Label, Labels};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Credentials that are shown walking around; the rest is counted and has a list of its own.
const AROUND_SHOWN: usize = 12;

/// Successes of a route, whatever the method.
struct Covered {
    host: Arc<str>,
    route: Arc<str>,
    labels: Labels,
    proofs: Proofs,
}

pub(in crate::web) fn page(sight: &Sight<'_>) -> Page {
    let mut html = Html::new();
    html.raw("<h1>MFA coverage</h1><p>What stood behind the requests that the server granted.</p>");
    let endpoints = sight.ledger.endpoints();
    let mut routes = by_route(&endpoints);
    if routes.is_empty() {
        let to_do = "A route stands here once the server has granted a request on it.";
        empty(&mut html, "No success was seen yet.", to_do);
        return Page::new(Place::Coverage, "MFA coverage", html);
    }
    match sight.asked.get("show") {
        "around" => {
            html.raw("<p class=\"crumb\"><a href=\"/coverage\">All of MFA coverage</a></p>");
            around(&mut html, sight, &endpoints, usize::MAX);
            return Page::new(Place::Coverage, "MFA coverage", html);
        }
        "hosts" => {
            html.raw("<p class=\"crumb\"><a href=\"/coverage\">All of MFA coverage</a></p><h2>By host</h2>");
            legend(&mut html);
            hosts(&mut html, &routes, usize::MAX);
            return Page::new(Place::Coverage, "MFA coverage", html);
        }
        _ => {}
    }
    around(&mut html, sight, &endpoints, AROUND_SHOWN);
    html.raw("<h2>By host</h2>");
    legend(&mut html);
    hosts(&mut html, &routes, ROWS);
    html.raw("<h2>By route</h2>");
    search(&mut html, "Host or route", sight.asked);
    routes.retain(|route| finds(sight.asked.get("q"), &[&route.host, &route.route]));
    if found_none(&mut html, routes.len(), sight.asked) {
        return Page::new(Place::Coverage, "MFA coverage", html);
    }
    routes.sort_by_key(|route| (Reverse(successes(&route.proofs)), route.host.clone(), route.route.clone()));
    let leaf = Leaf::of(&routes, sight.asked);
    let heads = ["Route", "Successes by proof", "#Second factor", "#Static key", "#Unknown", "#Successes"];
    open_table(&mut html, "Successes of each route by proof", &heads);
    for route in leaf.rows {
        row(&mut html, route);
    }
    close_table(&mut html);
    leaf.turn(&mut html, sight.asked);
    Page::new(Place::Coverage, "MFA coverage", html)
}

/// Routes with successes; those of signing in are no use of anything, and left out.
fn by_route(endpoints: &[Arc<Endpoint>]) -> Vec<Covered> {
    const SIGNING_IN: Labels = Labels::of(&[Label::Login, Label::Mfa, Label::Token, Label::SignUp]);
    let mut routes: BTreeMap<(&str, &str), Covered> = BTreeMap::new();
    let used = endpoints.iter().filter(|e| successes(&e.proofs) > 0 && !e.labels.any(SIGNING_IN));
    for endpoint in used {
        let covered = routes.entry((&endpoint.host, &endpoint.route)).or_insert_with(|| Covered {
            host: Arc::clone(&endpoint.host),
            route: Arc::clone(&endpoint.route),
            labels: Labels::NONE,
            proofs: Proofs::default(),
        });
        covered.labels = covered.labels.or(endpoint.labels);
        add(&mut covered.proofs, &endpoint.proofs);
    }
    routes.into_values().collect()
}

fn add(sum: &mut Proofs, more: &Proofs) {
    sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

fn successes(proofs: &Proofs) -> u64 {
    proofs.iter().sum()
}

fn of_level(proofs: &Proofs, level: ProofLevel) -> u64 {
    proofs.get(level as usize).copied().unwrap_or(0)
}

/// Keys that walk around: what is granted without a second factor where people have to prove one.
fn around(html: &mut Html, sight: &Sight<'_>, endpoints: &[Arc<Endpoint>], shown: usize) {
    let guarded: BTreeSet<(&str, &str, &str)> = endpoints
        .iter()
        .filter(|endpoint| of_level(&endpoint.proofs, ProofLevel::Mfa) > 0)
        .map(|endpoint| (&*endpoint.method, &*endpoint.host, &*endpoint.route))
        .collect();
    let is_guarded = |at: &Visited| guarded.contains(&(&*at.method, &*at.host, &*at.route));
    let mut walking: Vec<(Arc<Credential>, u64)> = Vec::new();
    for credential in sight.ledger.credentials() {
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

fn hosts(html: &mut Html, routes: &[Covered], shown: usize) {
    let mut hosts: BTreeMap<&str, Proofs> = BTreeMap::new();
    for route in routes {
        add(hosts.entry(&route.host).or_default(), &route.proofs);
    }
    let mut hosts: Vec<_> = hosts.into_iter().collect();
    hosts.sort_by_key(|(host, proofs)| (Reverse(successes(proofs)), *host));
    let heads = ["Host", "Successes by proof", "#Second factor", "#Static key", "#Unknown", "#Successes"];
    open_table(html, "Successes of each host by proof", &heads);
    for (host, proofs) in hosts.iter().take(shown) {
        html.raw("<tr><th scope=\"row\">").wire(host).raw("</th>");
        numbers(html, proofs);
    }
    close_table(html);
    cut(html, shown, hosts.len(), "/coverage?show=hosts", "");
}

fn row(html: &mut Html, route: &Covered) {
    html.raw("<tr><th scope=\"row\" class=\"mono\">").wire(&route.host).wire(&route.route);
    for label in route.labels.iter() {
        html.raw(" <span class=\"label\">").text(label).raw("</span>");
    }
    html.raw("</th>");
    numbers(html, &route.proofs);
}

fn numbers(html: &mut Html, proofs: &Proofs) {
    let all = successes(proofs);
    html.raw("<td class=\"picture\">");
    proof_bar(html, proofs);
    html.raw("</td><td class=\"number\">").text(share(of_level(proofs, ProofLevel::Mfa), all));
    html.raw("</td><td class=\"number\">").text(share(of_level(proofs, ProofLevel::ApiKey), all));
    html.raw("</td><td class=\"number\">").text(share(of_level(proofs, ProofLevel::Unknown), all));
    html.raw("</td>");
    number(html, all);
    html.raw("</tr>");
}
