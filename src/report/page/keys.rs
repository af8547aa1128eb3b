//! The part on keys: a passport each, and under it the routes that it needs.
//! It is given the report.
//! It promises fingerprints and nothing of a value.

use super::{left_out, risk};
use crate::markup::html::{Html, grouped};
use crate::markup::parts::shown_time;
use crate::report::findings::{counted, short};
use crate::report::model::{Passport, Report};
use crate::report::passports::is_grave;
use heelguard_detectors::time::EventTime;

/// A sum of reasons from which on a key is as grave as can be.
const RISK_GRAVEST: u64 = 100;
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
    html.text(of.class).raw(" of ").wire(of.owner.as_deref().unwrap_or("nobody known"));
    if of.risk > 0 {
        risk(html.raw(" "), of.risk, RISK_GRAVEST);
    }
    html.raw("</h3>");
    if !of.reasons.is_empty() {
        html.raw("<p><b>").text(of.reasons.join(" · ")).raw("</b></p>");
    }
    html.raw("<p class=\"soft\">in ").text(of.location).raw(" ").wire_within(&of.name, 60).raw(" · ");
    html.text(grouped(of.calls)).raw(" calls, ").text(grouped(of.denied)).raw(" refused, ");
    html.text(grouped(of.privileged)).raw(" privileged · ").raw(if of.issued.is_some() {
        "handed out "
    } else {
        "first seen "
    });
    html.text(day(of.first_seen.0));
    html.raw(", last used ").text(day(of.last_seen.0)).raw(" · from ");
    html.text(counted(of.networks, "network", "networks"));
    if !of.countries.is_empty() {
        html.raw(" (").text(of.countries.join(", ")).raw(")");
    }
    if of.networks_at_once > 1 {
        html.raw(", ").text(of.networks_at_once).raw(" within one hour");
    }
    succession(html, of);
    html.raw("</p>");
    needs(html, of);
    html.raw("</article>");
}

/// The proposal of least privilege.
fn needs(html: &mut Html, of: &Passport) {
    if of.grants.is_empty() {
        html.raw("<p class=\"needs\">It was never granted anything: it can go.</p>");
        return;
    }
    html.raw("<p class=\"needs\">Needs ");
    for (place, grant) in of.grants.iter().take(NEEDS_SHOWN).enumerate() {
        html.raw(if place > 0 { ", " } else { "" }).raw("<code>").wire(&grant.place.method).raw(" ");
        html.wire(&grant.place.host).wire(&grant.place.route).raw("</code>");
        if is_grave(grant.weight) {
            html.raw(" <span class=\"label\">").raw(grant.weight).raw("</span>");
        }
    }
    let more = of.grants.len().saturating_sub(NEEDS_SHOWN) as u64;
    if more > 0 {
        html.raw(" and ").text(grouped(more)).raw(" more");
    }
    html.raw(".");
    if of.forgotten_routes > 0 {
        html.raw(" <b>The list is not whole:</b> more routes than are kept.");
    }
    if of.refused_routes > 0 {
        let tried = counted(of.refused_routes, "other route", "other routes");
        html.raw(" It tried ").text(tried).raw(" and was refused.");
    }
    html.raw("</p>");
}

/// The one before and the one after it.
fn succession(html: &mut Html, of: &Passport) {
    for (words, follower) in [(" · replaced by ", &of.replaced_by), (" · replaces ", &of.replaces)] {
        let Some(follower) = follower else { continue };
        html.raw(words).raw("<span class=\"mono\">").text(short(&follower.fingerprint)).raw("…</span> (");
        html.raw(if follower.is_sure { "" } else { "probably: " });
        html.text(format_args!(
            "{} of {} went over)",
            follower.routes,
            counted(follower.of, "route", "routes")
        ));
    }
}

/// The day of a moment.
fn day(time: EventTime) -> String {
    shown_time(time).chars().take("2026-11-21".len()).collect()
}
