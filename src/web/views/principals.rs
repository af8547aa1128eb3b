//! Who acts: every principal with its alerts, proofs and places, the most alerted first.
//! It is given the run and a search.
//! It promises people and programs before addresses that nobody signed in from.

use super::Sight;
use super::about::keys;
use super::parts::{
    Leaf, close_table, empty, finds, found_none, number, open_table, principal, search, time,
};
use crate::ledger::principal::Principal;
use crate::markup::proofs::{legend, proof_bar};
use crate::web::frame::{Page, Place};
use crate::web::html::{Html, grouped};
use heelguard_detectors::alert::Severity;
use heelguard_detectors::identity::PrincipalKind;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was raised about somebody, in the order in which it matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Raised {
    worst: Severity,
    /// How many are as bad as that.
    worst_count: u64,
    count: u64,
}

/// Who has a row: a principal that is known, or one that is known by its alerts alone, such as the source of attempts on
/// many accounts.
struct Row {
    key: String,
    of: Option<Arc<Principal>>,
    alerts: Option<Raised>,
}

pub(in crate::web) fn page(sight: &Sight<'_>) -> Page {
    let mut html = Html::new();
    html.raw("<h1>Principals</h1>");
    let all = sight.ledger.principals();
    if all.is_empty() {
        let to_do =
            "Each account, program, key and address that sends a request stands here once traffic comes.";
        empty(&mut html, "Nobody has acted yet.", to_do);
        return Page::new(Place::Principals, "Principals", html).watchable(sight.asked);
    }
    search(&mut html, "Name, address or country", sight.asked);
    let mut rows = rows(sight, all);
    rows.retain(|row| row.is_asked_for(sight.asked.get("q")));
    if found_none(&mut html, rows.len(), sight.asked) {
        return Page::new(Place::Principals, "Principals", html).watchable(sight.asked);
    }
    rows.sort_by_cached_key(|row| {
        let of = row.of.as_ref();
        (
            Reverse(row.alerts),
            of.is_none_or(|of| of.kind == PrincipalKind::Anonymous),
            Reverse(of.map_or(0, |of| of.calls)),
            row.key.clone(),
        )
    });
    let leaf = Leaf::of(&rows, sight.asked);
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
    leaf.rows.iter().for_each(|row| row.write(&mut html));
    close_table(&mut html);
    leaf.turn(&mut html, sight.asked);
    Page::new(Place::Principals, "Principals", html).watchable(sight.asked)
}

/// Everybody who acted, and everybody whom an alert speaks of.
fn rows(sight: &Sight<'_>, all: Vec<Arc<Principal>>) -> Vec<Row> {
    let mut raised: BTreeMap<String, Raised> = BTreeMap::new();
    for alert in sight.ledger.alerts() {
        for key in keys(&alert) {
            let none = Raised { worst: alert.severity, worst_count: 0, count: 0 };
            let about = raised.entry(key).or_insert(none);
            if alert.severity > about.worst {
                (about.worst, about.worst_count) = (alert.severity, 0);
            }
            about.worst_count += u64::from(alert.severity == about.worst);
            about.count += 1;
        }
    }
    let mut rows: Vec<Row> = Vec::with_capacity(all.len());
    for of in all {
        let key = of.key();
        rows.push(Row { alerts: raised.remove(&key), key, of: Some(of) });
    }
    rows.extend(raised.into_iter().map(|(key, alerts)| Row { key, of: None, alerts: Some(alerts) }));
    rows
}

impl Row {
    fn is_asked_for(&self, words: &str) -> bool {
        if words.is_empty() {
            return true;
        }
        let Some(of) = &self.of else { return finds(words, &[&self.key]) };
        let addresses: Vec<String> = of.addresses.iter().map(|lane| lane.name.to_string()).collect();
        let countries: Vec<&str> = of.countries.iter().map(|lane| lane.name.as_str()).collect();
        finds(words, &[&self.key, &addresses.join(" "), &countries.join(" ")])
    }

    fn write(&self, html: &mut Html) {
        html.raw("<tr><th scope=\"row\">");
        principal(html, &self.key);
        html.raw("</th><td>");
        if let Some(Raised { worst, worst_count, count }) = self.alerts {
            html.raw("<span class=\"badge ").text(worst).raw("\">").text(grouped(worst_count)).raw(" ");
            html.text(worst).raw("</span>");
            if count > worst_count {
                html.raw(" <span class=\"soft\">of ").text(grouped(count)).raw("</span>");
            }
        }
        html.raw("</td>");
        if let Some(of) = &self.of {
            acts(html, of);
        } else {
            html.raw("<td class=\"soft\" colspan=\"6\">known by its alerts alone: it acted in the names of others, ");
            html.raw("or before this run</td>");
        }
        html.raw("</tr>");
    }
}

/// What a principal did.
fn acts(html: &mut Html, of: &Principal) {
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
    html.raw("</td>");
}
