//! The part on keys: a passport each, and under it the routes that it needs.
//! It is given the report.
//! It promises fingerprints and nothing of a value.

use super::left_out;
use crate::markup::html::{Html, grouped};
use crate::markup::parts::shown_time;
use crate::report::findings::{counted, short};
use crate::report::model::{Passport, Report};
use heelguard_detectors::time::EventTime;

/// Routes that are named on the page; the rest is in the JSON.
const NEEDS_SHOWN: usize = 8;

pub(super) fn keys(html: &mut Html, report: &Report) {
    let keys = &report.keys;
    html.raw("<h2 id=\"keys\">Keys</h2>");
    if keys.in_all == 0 {
        html.raw("<p>No key that lasts was seen.</p>");
        return;
    }
    html.raw("<p>Keys, client secrets and certificates, the riskiest first: ")
        .text(grouped(keys.with_reasons));
    html.raw(" of ")
        .text(grouped(keys.in_all))
        .raw(" with a reason for worry. What a key was granted is all that it ");
    html.raw("needs, as far as was seen: the rest of its rights can go.</p>");
    keys.passports.iter().for_each(|of| passport(html, of));
    left_out(html, keys.passports.len(), keys.in_all);
}

fn passport(html: &mut Html, of: &Passport) {
    html.raw("<article class=\"passport\"><h3><span class=\"mono\">")
        .text(short(&of.fingerprint))
        .raw("…</span> ");
    html.text(&of.class).raw(" of ").wire(of.owner.as_deref().unwrap_or("nobody known"));
    if of.risk > 0 {
        html.raw(" <span class=\"badge ").raw(weight(of.risk)).raw("\">risk ").text(of.risk).raw("</span>");
    }
    html.raw("</h3>");
    if !of.reasons.is_empty() {
        html.raw("<p><b>").text(of.reasons.join(" · ")).raw("</b></p>");
    }
    html.raw("<p class=\"soft\">in ").text(&of.location).raw(" ").wire_within(&of.name, 60).raw(" · ");
    html.text(grouped(of.calls)).raw(" calls, ").text(grouped(of.denied)).raw(" refused, ");
    html.text(grouped(of.privileged)).raw(" privileged · first seen ").text(day(of.first_seen.0));
    html.raw(", last used ").text(day(of.last_seen.0)).raw(" · from ");
    html.text(counted(of.networks, "network", "networks"));
    if !of.countries.is_empty() {
        html.raw(" (").text(of.countries.join(", ")).raw(")");
    }
    html.raw("</p>");
    needs(html, of);
    html.raw("</article>");
}

fn needs(html: &mut Html, of: &Passport) {
    if of.needs.is_empty() {
        return;
    }
    html.raw("<p class=\"needs\">Needs ");
    for (place, need) in of.needs.iter().take(NEEDS_SHOWN).enumerate() {
        html.raw(if place > 0 { ", " } else { "" }).raw("<code>").wire(&need.place.method).raw(" ");
        html.wire(&need.place.host).wire(&need.place.route).raw("</code>");
    }
    let more = of.needs.len().saturating_sub(NEEDS_SHOWN) as u64 + of.needs_left_out;
    if more > 0 {
        html.raw(" and ").text(grouped(more)).raw(" more");
    }
    html.raw("</p>");
}

/// The day of a moment.
fn day(time: EventTime) -> String {
    shown_time(time).chars().take("2026-11-21".len()).collect()
}

/// A sum of reasons as a colour.
fn weight(risk: u64) -> &'static str {
    match risk {
        0..20 => "low",
        20..50 => "medium",
        50..100 => "high",
        _ => "critical",
    }
}
