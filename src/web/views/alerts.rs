//! The first page: whether the sensor sees, what needs a look, and the list of alerts with its filter.
//! It is given the run and the filter, and shows one page of the list at a time.
//! It promises that what is filtered away is said to be, and that silence is not taken for calm.

use super::Sight;
use super::filter::{self, ORDERS, STATES};
use super::parts::{Leaf, empty, lasted, time};
use super::{blind, episodes};
use crate::web::frame::{Page, Place};
use crate::web::html::{Html, grouped};
use heelguard_detectors::alert::{Alert, Severity};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(in crate::web) fn page(sight: &Sight<'_>) -> Page {
    let all = sight.ledger.alerts();
    let mut html = Html::new();
    html.raw("<h1>Alerts</h1>");
    let reasons = blind::reasons(sight);
    blind::banner(&mut html, &reasons);
    if all.is_empty() {
        nothing(&mut html, sight, reasons.is_empty());
        span(&mut html, sight);
        return Page::new(Place::Alerts, "Alerts", html).watchable(sight.asked);
    }
    first_line(&mut html, sight, &all);
    cards(&mut html, sight, &all);
    span(&mut html, sight);
    form(&mut html, sight, &all);
    let wanted = filter::alerts(sight);
    if wanted.is_empty() {
        let to_do = "<a href=\"/\">Show all alerts</a>, or search for less.";
        empty(&mut html, "No alert is like that.", to_do);
        return Page::new(Place::Alerts, "Alerts", html).watchable(sight.asked);
    }
    let leaf = Leaf::of(&wanted, sight.asked);
    episodes::table(&mut html, sight, "Alerts", leaf.rows);
    leaf.turn(&mut html, sight.asked);
    html.raw("<p class=\"soft\">Take this list away: <a href=\"/alerts.csv");
    html.text(sight.asked.with("page", "")).raw("\">CSV</a> · <a href=\"/alerts.jsonl");
    html.text(sight.asked.with("page", "")).raw("\">JSON Lines</a></p>");
    Page::new(Place::Alerts, "Alerts", html).watchable(sight.asked)
}

fn nothing(html: &mut Html, sight: &Sight<'_>, does_see: bool) {
    let is_quiet = sight.ledger.overview().transactions == 0;
    let (what, to_do) = match (does_see, is_quiet) {
        (false, _) => (
            "Nothing was raised, which says little.",
            "What is told above may have kept the sensor from seeing or telling everything. \
             <a href=\"/sensor\">The sensor</a> says what to do.",
        ),
        (true, true) => (
            "Nothing was raised.",
            "No HTTP request was seen yet. If there should be some, look at <a href=\"/sensor\">the sensor</a>: it \
             says whether packets come and what it cannot read. <code>heelguard doctor</code> looks at the machine.",
        ),
        (true, false) => (
            "Nothing was raised.",
            "Requests come in and no detector objects. <a href=\"/coverage\">MFA coverage</a> and \
             <a href=\"/keys\">keys and tokens</a> show what is in use.",
        ),
    };
    empty(html, what, to_do);
}

/// What to do next, in one sentence.
fn first_line(html: &mut Html, sight: &Sight<'_>, all: &[Arc<Alert>]) {
    let fresh: Vec<&Alert> =
        all.iter().filter(|alert| !sight.notes.cover(alert)).map(std::convert::AsRef::as_ref).collect();
    let of = |level: Severity| fresh.iter().filter(|alert| alert.severity == level).count() as u64;
    let needing: Vec<(Severity, u64)> = Severity::ALL
        .iter()
        .rev()
        .filter(|level| **level > Severity::Info)
        .map(|level| (*level, of(*level)))
        .filter(|(_, count)| *count > 0)
        .collect();
    let sum: u64 = needing.iter().map(|(_, count)| count).sum();
    html.raw("<p class=\"first\">");
    if sum == 0 {
        html.raw("<b>Nothing needs a look.</b> ");
        match of(Severity::Info) {
            0 => html.raw("Somebody has looked at everything that was raised."),
            count => html.text(grouped(count)).raw(" worth knowing."),
        };
    } else {
        html.raw("<b>").text(grouped(sum)).raw(if sum == 1 {
            " needs a look:</b> "
        } else {
            " need a look:</b> "
        });
        for (place, (level, count)) in needing.iter().enumerate() {
            html.raw(if place > 0 { ", " } else { "" }).text(grouped(*count)).raw(" ").text(level);
        }
        html.raw(".");
        let newest = fresh.iter().filter(|a| a.severity > Severity::Info).map(|alert| alert.last_seen).max();
        let last = sight.ledger.overview().span.map(|(_, last)| last);
        if let Some((newest, last)) = newest.zip(last) {
            let seconds = last.since(newest).as_secs();
            html.raw(" Newest ").text(if seconds == 0 {
                "less than a second".to_owned()
            } else {
                lasted(seconds)
            });
            html.raw(" before the last packet.");
        }
    }
    html.raw("</p>");
}

/// How many of each severity nobody has looked at, as ways to them.
fn cards(html: &mut Html, sight: &Sight<'_>, all: &[Arc<Alert>]) {
    html.raw("<div class=\"cards\">");
    for &level in Severity::ALL.iter().rev() {
        let of_level = all.iter().filter(|alert| alert.severity == level);
        let (count, fresh) = of_level.fold((0_u64, 0_u64), |(count, fresh), alert| {
            (count + 1, fresh + u64::from(!sight.notes.cover(alert)))
        });
        if count > 0 {
            html.raw("<a class=\"card\" href=\"/?severity=").text(level).raw("\"><b class=\"").text(level);
            html.raw("\">").text(grouped(fresh)).raw(" of ").text(grouped(count));
            html.raw("</b><span class=\"soft\">").text(level).raw(" to look at</span></a>");
        }
    }
    html.raw("</div>");
}

/// What the list is about.
fn span(html: &mut Html, sight: &Sight<'_>) {
    let overview = sight.ledger.overview();
    if let Some((first, last)) = overview.span {
        html.raw("<p class=\"soft\">").text(sight.source).raw(": ");
        html.text(grouped(overview.transactions)).raw(if overview.transactions == 1 {
            " transaction in "
        } else {
            " transactions in "
        });
        html.text(lasted(last.since(first).as_secs())).raw(", from ");
        time(html, first);
        html.raw(" to ");
        time(html, last);
        html.raw(".</p>");
    }
}

fn form(html: &mut Html, sight: &Sight<'_>, all: &[Arc<Alert>]) {
    let asked = sight.asked;
    html.raw("<form class=\"filter compact\" method=\"get\" action=\"/\" role=\"search\" ")
        .raw(
            "aria-label=\"Filter alerts\"><label>Search <input type=\"search\" name=\"q\" maxlength=\"200\" ",
        )
        .raw("placeholder=\"user, host, address, rule\" value=\"")
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
    let about = asked.get("about");
    if !about.is_empty() {
        html.raw("<input type=\"hidden\" name=\"about\" value=\"").text(about).raw("\">");
    }
    html.raw("<button>Show</button></form>");
    if !about.is_empty() {
        html.raw("<p>Only what is about ").wire(about).raw(". <a href=\"/").text(asked.with("about", ""));
        html.raw("\">About anybody</a></p>");
    }
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
