//! The first page: what needs a look, by severity, and the list of alerts with its filter.
//! It is given the run and the filter, and shows one page of the list at a time.
//! It promises that what is filtered away is said to be.

use super::Sight;
use super::filter::{self, ORDERS, STATES};
use super::parts::{Leaf, card, close_table, empty, lasted, open_table, severity, time};
use crate::web::frame::{Page, Place};
use crate::web::html::{Html, grouped};
use heelguard_detectors::alert::{Alert, Severity, Status};
use std::collections::BTreeMap;

pub(in crate::web) fn page(sight: &Sight<'_>) -> Page {
    let all = sight.ledger.alerts();
    let mut html = Html::new();
    html.raw("<h1>Alerts</h1>");
    summary(&mut html, sight, &all);
    if all.is_empty() {
        let to_do = if sight.ledger.overview().transactions == 0 {
            "No HTTP request was seen yet. If there should be some, look at <a href=\"/sensor\">the sensor</a>: it \
             says whether packets come and what it cannot read. <code>heelguard doctor</code> looks at the machine."
        } else {
            "Requests come in and no detector objects. <a href=\"/coverage\">MFA coverage</a> and \
             <a href=\"/keys\">keys and tokens</a> show what is in use."
        };
        empty(&mut html, "Nothing was raised.", to_do);
        return Page::new(Place::Alerts, "Alerts", html);
    }
    form(&mut html, sight, &all);
    let wanted = filter::alerts(sight);
    if wanted.is_empty() {
        let to_do = "<a href=\"/\">Show all alerts</a>, or search for less.";
        empty(&mut html, "No alert is like that.", to_do);
        return Page::new(Place::Alerts, "Alerts", html);
    }
    let leaf = Leaf::of(&wanted, sight.asked);
    open_table(&mut html, "Alerts", &["Severity", "What happened", "Last seen (UTC)", "#Events", "State"]);
    leaf.rows.iter().for_each(|alert| row(&mut html, sight, alert));
    close_table(&mut html);
    leaf.turn(&mut html, sight.asked);
    Page::new(Place::Alerts, "Alerts", html)
}

/// How much of what, in numbers that lead to their alerts.
fn summary(html: &mut Html, sight: &Sight<'_>, all: &[std::sync::Arc<Alert>]) {
    html.raw("<div class=\"cards\">");
    for &level in Severity::ALL.iter().rev() {
        let of_level = all.iter().filter(|alert| alert.severity == level);
        let (count, new) = of_level.fold((0_u64, 0_u64), |(count, new), alert| {
            (count + 1, new + u64::from(sight.notes.get(alert.id).is_none()))
        });
        if count > 0 {
            html.raw("<a class=\"card\" href=\"/?severity=").text(level).raw("\"><b class=\"").text(level);
            html.raw("\">").text(grouped(count)).raw("</b><span class=\"soft\">").text(level);
            if new < count {
                html.raw(", ").text(grouped(new)).raw(" new");
            }
            html.raw("</span></a>");
        }
    }
    let overview = sight.ledger.overview();
    card(html, "", overview.transactions, "transactions");
    html.raw("</div>");
    if let Some((first, last)) = overview.span {
        html.raw("<p class=\"soft\">").text(sight.source).raw(": ");
        html.text(lasted(last.since(first).as_secs())).raw(", from ");
        time(html, first);
        html.raw(" to ");
        time(html, last);
        html.raw(".</p>");
    }
}

fn form(html: &mut Html, sight: &Sight<'_>, all: &[std::sync::Arc<Alert>]) {
    let asked = sight.asked;
    html.raw(
        "<form class=\"filter\" method=\"get\" action=\"/\" role=\"search\" aria-label=\"Filter alerts\">",
    )
    .raw("<label>Search <input type=\"search\" name=\"q\" maxlength=\"200\" placeholder=\"user, host, ")
    .raw("address, rule\" value=\"")
    .text(asked.get("q"))
    .raw("\"></label>");
    let severities: Vec<_> =
        Severity::ALL.iter().rev().map(|severity| (severity.name(), severity.name())).collect();
    choice(html, "Severity", "severity", "any", &severities, asked.get("severity"));
    let rules: BTreeMap<&str, &str> = all.iter().map(|alert| (alert.rule, alert.title)).collect();
    let rules: Vec<_> = rules.into_iter().collect();
    choice(html, "Rule", "rule", "any", &rules, asked.get("rule"));
    choice(html, "State", "state", "any", &STATES, asked.get("state"));
    choice(html, "Order", "sort", "", &ORDERS, asked.get("sort"));
    html.raw("<button>Show</button><span class=\"take\">Take away: <a href=\"/alerts.csv");
    html.text(asked.with("page", "")).raw("\">CSV</a> · <a href=\"/alerts.jsonl");
    html.text(asked.with("page", "")).raw("\">JSON Lines</a></span></form>");
}

fn choice(
    html: &mut Html,
    label: &'static str,
    name: &'static str,
    any: &'static str,
    options: &[(&str, &str)],
    chosen: &str,
) {
    html.raw("<label>").raw(label).raw(" <select name=\"").raw(name).raw("\">");
    if !any.is_empty() {
        html.raw("<option value=\"\">").raw(any).raw("</option>");
    }
    for (value, words) in options {
        html.raw("<option value=\"").text(value);
        html.raw(if *value == chosen { "\" selected>" } else { "\">" }).text(words).raw("</option>");
    }
    html.raw("</select></label>");
}

pub(super) fn row(html: &mut Html, sight: &Sight<'_>, alert: &Alert) {
    html.raw("<tr><td>");
    severity(html, alert.severity);
    html.raw("</td><td class=\"story\"><a href=\"/alerts/").text(alert.id).raw("\">");
    html.wire_within(&alert.message, 400).raw("</a><br><span class=\"soft\">").text(alert.rule).raw(" ");
    html.text(alert.title).raw(" · ").wire_within(&alert.subject.value, 80);
    html.raw("</span></td><td class=\"time\">");
    time(html, alert.last_seen);
    html.raw("</td><td class=\"number\">").text(grouped(alert.count)).raw("</td><td>");
    html.raw(if alert.status == Status::Closed { "closed" } else { "open" });
    if sight.notes.get(alert.id).is_some() {
        html.raw("<br><span class=\"soft\">acknowledged</span>");
    }
    html.raw("</td></tr>");
}

/// A table of alerts within another page, the newest first.
pub(super) fn table(
    html: &mut Html,
    sight: &Sight<'_>,
    caption: &'static str,
    alerts: &[std::sync::Arc<Alert>],
) {
    open_table(html, caption, &["Severity", "What happened", "Last seen (UTC)", "#Events", "State"]);
    alerts.iter().take(super::parts::ROWS).for_each(|alert| row(html, sight, alert));
    close_table(html);
}
