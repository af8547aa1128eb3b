//! One credential: over time, whose, from where, for what.
//! It is given the run and the fingerprint in the path.
//! It promises nothing of its value, which the sensor does not have.

use super::Sight;
use super::keys::age;
use super::parts::{
    card, close_table, end_with_use, fingerprint as fingerprint_link, item, item_of, lasted, number,
    open_table, principal, sized, time,
};
use super::principal::{lanes, mostly, network};
use super::svg;
use crate::ledger::credential::Credential;
use crate::ledger::days::Days;
use crate::ledger::gaps::Weight;
use crate::ledger::lasting::Lasting;
use crate::ledger::passport::{Passport, Succession, passports};
use crate::ledger::scope::Scope;
use crate::markup::proofs::{legend, proof_bar};
use crate::web::frame::{Page, Place};
use crate::web::html::{Html, grouped};
use heelguard_detectors::identity::Fingerprint;
use heelguard_detectors::time::EventTime;

pub(in crate::web) fn page(sight: &Sight<'_>, text: &str) -> Option<Page> {
    let number = u128::from_str_radix(text, 16).ok()?;
    let fingerprint = Fingerprint(number.to_be_bytes());
    // One address for each: 32 digits, small ones.
    let of = sight.ledger.credential(fingerprint).filter(|_| fingerprint.to_string() == text)?;
    let mut html = Html::new();
    html.raw("<p class=\"crumb\"><a href=\"/keys\">Keys and tokens</a></p><h1>").text(of.class);
    html.raw(" <span class=\"mono\">").text(text).raw("</span></h1><div class=\"cards\">");
    card(&mut html, "", of.calls, "calls");
    card(&mut html, "", of.denied, "refused");
    card(&mut html, "", of.privileged, "privileged calls");
    card(&mut html, "", of.around_mfa, "around the owner’s second factor");
    html.raw("</div>");
    let now = sight.ledger.overview().span.map(|(_, last)| last).unwrap_or_default();
    facts(&mut html, &of, now);
    if let Some(lasting) = &of.lasting {
        let credentials = sight.ledger.credentials();
        let all = passports(&credentials, now);
        if let Some(passport) = all.iter().find(|passport| passport.of.fingerprint == fingerprint) {
            in_use(&mut html, passport);
        }
        calendar(&mut html, &lasting.days);
    }
    over_time(&mut html, &of);
    html.raw("<h2>Proofs of its successes</h2>");
    legend(&mut html);
    proof_bar(&mut html, &of.proofs);
    if of.lasting.is_some() {
        scope(&mut html, &of, text);
    }
    routes(&mut html, &of);
    Some(Page::new(Place::Keys, format!("{} {}", of.class, text.get(..8).unwrap_or(text)), html))
}

fn facts(html: &mut Html, of: &Credential, now: EventTime) {
    html.raw("<dl>");
    item(html, "kind", format_args!("{}, {} in {} {}", of.kind, of.class, of.location, of.name));
    if let Some(known) = of.known {
        item(html, "known to others", format_args!("{} ({}, line {})", known.why, known.source, known.line));
    }
    item_of(html, "owners", |html| {
        for (place, lane) in of.owners.by_use().into_iter().enumerate() {
            html.raw(if place > 0 { ", " } else { "" });
            principal(html, &format!("{}:{}", lane.name.0, lane.name.1));
        }
        html.raw(if of.owners.is_empty() { "nobody known" } else { "" });
    });
    item(html, "mostly proves", mostly(of.level()));
    item_of(html, "age, at least", |html| age(html, now.since(of.first).as_secs()));
    item_of(html, "seen", |html| {
        time(html, of.first);
        html.raw(" to ");
        time(html, of.last);
    });
    html.raw(
        "</dl><p class=\"soft\">Which key is it? <code>heelguard fingerprint</code> reads keys and says.</p>",
    );
}

/// What is told of a credential that lasts.
fn in_use(html: &mut Html, of: &Passport<'_>) {
    let Lasting { issued, days, at_once, devices, .. } = of.lasting;
    html.raw("<h2>In use</h2><dl>");
    item_of(html, "handed out", |html| match issued {
        Some(at) => time(html.raw("in sight, "), *at),
        None => {
            html.raw("not in sight: it may be older than it looks");
        }
    });
    let use_of = format_args!(
        "on {} days; on {} between them not, {} in a row at most; last used {} days ago",
        grouped(days.active),
        grouped(days.dormant),
        grouped(days.longest_pause),
        grouped(of.idle_days)
    );
    item(html, "used", use_of);
    let (sent, received) = of.bytes_a_day();
    item(html, "a day of use", format_args!("{} sent, {} received", sized(sent), sized(received)));
    item(html, "refused", format_args!("{:.1} % of its calls", of.refused_pct()));
    let (networks, seen) = (at_once.networks, devices.len() as u64 + devices.given_up);
    let shared = format_args!(
        "{} networks and {} devices within one hour at most; {} devices in all",
        networks.count, at_once.devices.count, seen
    );
    item(html, "shared", shared);
    for (name, succession) in [("replaced by", of.replaced_by), ("replaces", of.replaces)] {
        if let Some(succession) = succession {
            item_of(html, name, |html| succeeded(html, succession));
        }
    }
    html.raw("</dl>");
}

fn succeeded(html: &mut Html, of: Succession) {
    fingerprint_link(html, of.other);
    html.raw(" <span class=\"soft\">").text(if of.is_sure { "" } else { "probably: " });
    html.text(format_args!("{} of {} routes went over", of.routes, of.of)).raw("</span>");
}

fn calendar(html: &mut Html, days: &Days) {
    html.raw("<h2>Day by day</h2><p class=\"soft\">A column is a week from Monday, a square a day (UTC); the darker, ");
    html.raw("the more calls, in red where more than half of them were refused.</p>");
    svg::calendar(html, days);
}

/// What it needs, to be looked over and taken away.
fn scope(html: &mut Html, of: &Credential, text: &str) {
    let scope = Scope::of(of);
    html.raw("<h2>Least privilege</h2><p>What it was granted so far; a proposal of what it needs. ");
    html.raw("<a href=\"/scope.jsonl?key=").text(text).raw("\">As JSON</a>, ");
    html.raw("<a href=\"/scope.opa.json?key=").text(text).raw("\">as data for Open Policy Agent</a>.</p>");
    if scope.forgotten > 0 {
        html.raw("<p><b>The list is not whole:</b> ").text(grouped(scope.forgotten));
        html.raw(" times a route had to make room for another.</p>");
    }
    open_table(html, "What it was granted", &["Route", "Access", "#Granted", "Last (UTC)"]);
    for grant in &scope.grants {
        html.raw("<tr><td class=\"mono\">").wire(grant.method).raw(" ").wire(grant.host).wire(grant.route);
        html.raw("</td><td>").raw(if grant.writes { "writes" } else { "reads" });
        if grant.weight >= Weight::Sensitive {
            html.raw(" <span class=\"badge high\">").raw(grant.weight.name()).raw("</span>");
        }
        html.raw("</td>");
        number(html, grant.success);
        html.raw("<td class=\"time\">");
        time(html, grant.last);
        html.raw("</td></tr>");
    }
    close_table(html);
    if scope.refused > 0 {
        html.raw("<p class=\"soft\">").text(scope.refused).raw(" more were tried and never granted.</p>");
    }
}

fn over_time(html: &mut Html, of: &Credential) {
    html.raw(
        "<h2>Over time</h2><div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Over time\">",
    );
    html.raw("<table class=\"lanes\"><caption>Its use, in spans of ").text(lasted(of.rhythm.span_s()));
    html.raw(
        "</caption><tbody><tr><th scope=\"row\">Calls<br><span class=\"soft\">refused in red</span></th><td>",
    );
    svg::columns(html, &of.rhythm);
    html.raw("</td></tr>");
    lanes(html, &of.rhythm, "Owner", &of.owners, |(kind, id)| format!("{kind}:{id}"));
    lanes(html, &of.rhythm, "Country", &of.countries, ToString::to_string);
    lanes(html, &of.rhythm, "Address", &of.addresses, |address| network(*address));
    lanes(html, &of.rhythm, "System", &of.systems, |system| format!("AS{system}"));
    if let Some(lasting) = &of.lasting {
        lanes(html, &of.rhythm, "Device", &lasting.devices, ToString::to_string);
    }
    html.raw("<tr><th></th><td>");
    svg::axis(html, of.rhythm.bounds());
    html.raw("</td></tr></tbody></table></div>");
}

fn routes(html: &mut Html, of: &Credential) {
    html.raw("<h2>Routes</h2>");
    open_table(html, "Routes it is used on", &["Route", "#Calls", "First (UTC)", "Last (UTC)"]);
    for lane in of.routes.by_use() {
        html.raw("<tr><td class=\"mono\">").wire(&lane.name.method).raw(" ").wire(&lane.name.host);
        html.wire(&lane.name.route).raw("</td>");
        end_with_use(html, lane.calls, [lane.first, lane.last]);
    }
    close_table(html);
}
