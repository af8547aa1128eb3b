//! Who acts: every principal with its alerts, proofs and places, the most alerted first.
//! It is given the run and a search.
//! It promises people and programs before addresses that nobody signed in from.

use super::Sight;
use super::parts::{Leaf, PROOFS, close_table, empty, finds, number, open_table, principal, proof_class};
use super::parts::{proof_words, search, time};
use super::svg;
use crate::ledger::principal::Principal;
use crate::web::frame::{Page, Place};
use crate::web::html::{Html, grouped};
use heelguard_detectors::alert::{Alert, Severity};
use heelguard_detectors::identity::PrincipalKind;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(in crate::web) fn page(sight: &Sight<'_>) -> Page {
    let mut html = Html::new();
    html.raw("<h1>Principals</h1>");
    let mut all = sight.ledger.principals();
    if all.is_empty() {
        let to_do =
            "Each account, program, key and address that sends a request stands here once traffic comes.";
        empty(&mut html, "Nobody has acted yet.", to_do);
        return Page::new(Place::Principals, "Principals", html);
    }
    search(&mut html, "Name, address or country", sight.asked);
    let raised = raised(&sight.ledger.alerts());
    all.retain(|principal| is_asked_for(principal, sight.asked.get("q")));
    all.sort_by_cached_key(|principal| {
        let alerts = raised.get(&principal.key()).copied();
        (
            Reverse(alerts),
            principal.kind == PrincipalKind::Anonymous,
            Reverse(principal.calls),
            principal.key(),
        )
    });
    let leaf = Leaf::of(&all, sight.asked);
    let heads = [
        "Principal",
        "Alerts",
        "#Calls",
        "#Refused",
        "Successes by proof",
        "From",
        "#Devices",
        "Last seen (UTC)",
    ];
    legend(&mut html);
    open_table(&mut html, "Principals", &heads);
    for principal in leaf.rows {
        row(&mut html, principal, raised.get(&principal.key()).copied());
    }
    close_table(&mut html);
    leaf.turn(&mut html, sight.asked);
    Page::new(Place::Principals, "Principals", html)
}

/// What the colours of proofs mean.
pub(super) fn legend(html: &mut Html) {
    html.raw("<ul class=\"legend\" aria-label=\"Colours of proofs\">");
    for level in PROOFS {
        html.raw("<li><span class=\"swatch ").raw(proof_class(level)).raw("\"></span>");
        html.raw(proof_words(level)).raw("</li>");
    }
    html.raw("</ul>");
}

/// The parts of a bar of proofs.
pub(super) fn proof_bar(html: &mut Html, proofs: &crate::ledger::endpoint::Proofs) {
    let parts = PROOFS.map(|level| {
        (proof_class(level), proof_words(level), proofs.get(level as usize).copied().unwrap_or(0))
    });
    if parts.iter().any(|part| part.2 > 0) {
        svg::bar(html, &parts);
    } else {
        html.raw("<span class=\"soft\">none</span>");
    }
}

/// The worst severity and the number of alerts about each subject or principal.
fn raised(alerts: &[Arc<Alert>]) -> BTreeMap<String, (Severity, u64)> {
    let mut raised: BTreeMap<String, (Severity, u64)> = BTreeMap::new();
    for alert in alerts {
        let subject = alert.subject.value.to_string();
        let who = alert.principal.as_ref().map(heelguard_detectors::identity::Principal::key);
        let who = who.filter(|who| *who != subject);
        for name in [Some(subject), who].into_iter().flatten() {
            let (worst, count) = raised.entry(name).or_insert((alert.severity, 0));
            *worst = (*worst).max(alert.severity);
            *count += 1;
        }
    }
    raised
}

fn is_asked_for(principal: &Principal, words: &str) -> bool {
    if words.is_empty() {
        return true;
    }
    let key = principal.key();
    let addresses: Vec<String> = principal.addresses.iter().map(|lane| lane.name.to_string()).collect();
    let countries: Vec<&str> = principal.countries.iter().map(|lane| lane.name.as_str()).collect();
    finds(words, &[&key, &addresses.join(" "), &countries.join(" ")])
}

fn row(html: &mut Html, of: &Principal, alerts: Option<(Severity, u64)>) {
    html.raw("<tr><th scope=\"row\">");
    principal(html, &of.key());
    html.raw("</th><td>");
    if let Some((worst, count)) = alerts {
        html.raw("<span class=\"badge ").text(worst).raw("\">").text(grouped(count)).raw(" ");
        html.text(worst).raw("</span>");
    }
    html.raw("</td>");
    number(html, of.calls);
    number(html, of.denied);
    html.raw("<td class=\"picture\">");
    proof_bar(html, &of.proofs);
    html.raw("</td><td>");
    let countries = of.countries.by_use();
    for (place, lane) in countries.iter().take(4).enumerate() {
        html.raw(if place > 0 { ", " } else { "" }).text(lane.name);
    }
    if countries.is_empty() {
        html.raw("<span class=\"soft\">unknown</span>");
    }
    html.raw("</td>");
    number(html, of.devices.len() as u64 + of.devices.given_up);
    html.raw("<td class=\"time\">");
    time(html, of.last);
    html.raw("</td></tr>");
}
