//! One credential: what to do about it, whose it is, over time, from where, for what.
//! It is given the run and the fingerprint in the path.
//! It promises nothing of its value, which the sensor does not have.

use super::Sight;
use super::keys::age;
use super::parts::{
    card, close_table, end_with_use, endpoint, fingerprint as fingerprint_link, item, item_of, lasted,
    number, open_table, principal, sized, time,
};
use super::principal::{lanes, mostly, network};
use super::svg;
use crate::ledger::credential::Credential;
use crate::ledger::days::Days;
use crate::ledger::gaps::Weight;
use crate::ledger::lasting::Lasting;
use crate::ledger::passport::{Passport, Succession, passports};
use crate::ledger::scope::Scope;
use crate::markup::proofs::proofs_told;
use crate::web::frame::{Page, Place};
use crate::web::html::{Html, grouped};
use heelguard_detectors::identity::{Fingerprint, Location};
use heelguard_detectors::time::EventTime;

/// Days without a call from which on it is asked whether anybody needs it.
const IDLE_DAYS: u64 = 30;

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
    card(&mut html, "", of.privileged, "privileged calls granted");
    let is_around = if of.around_mfa > 0 { "high" } else { "" };
    card(&mut html, is_around, of.around_mfa, "calls around the owner’s second factor");
    html.raw("</div>");
    let now = sight.ledger.overview().span.map(|(_, last)| last).unwrap_or_default();
    let credentials = if of.lasting.is_some() { sight.ledger.credentials() } else { Vec::new() };
    let all = passports(&credentials, now);
    let passport = all.iter().find(|passport| passport.of.fingerprint == fingerprint);
    to_do(&mut html, &of, passport);
    facts(&mut html, &of, now);
    if let Some(passport) = passport {
        in_use(&mut html, passport);
        calendar(&mut html, &passport.lasting.days);
    }
    over_time(&mut html, &of);
    html.raw("<h2>Proofs of its successes</h2>");
    proofs_told(&mut html, &of.proofs);
    if of.lasting.is_some() {
        scope(&mut html, &of, text);
    }
    routes(&mut html, &of);
    Some(Page::new(Place::Keys, format!("{} {}", of.class, text.get(..8).unwrap_or(text)), html))
}

/// What speaks against leaving it as it is, and what to do; the most pressing first.
fn to_do(html: &mut Html, of: &Credential, passport: Option<&Passport<'_>>) {
    let networks = passport.map_or(0, |passport| passport.lasting.at_once.networks.count);
    let lasts = passport.is_some();
    let steps = [
        (of.known.is_some(), "<b>Others have it.</b> Revoke it now, and look at what it was granted since."),
        (
            of.around_mfa > 0,
            "<b>It goes around its owner’s second factor.</b> Take away what the owner has to prove one for, or \
             replace it by an account of the program’s own.",
        ),
        (
            matches!(of.location, Location::Query | Location::Path),
            "<b>It is carried in the address,</b> where logs and proxies keep it. Send it in a header, and replace it.",
        ),
        (
            lasts && networks > 1,
            "<b>It is used from several networks within one hour.</b> Give each program a key of its own, so that one \
             can be revoked alone.",
        ),
        (
            passport.is_some_and(Passport::is_old),
            "<b>It is older than 90 days.</b> Replace it, and let the next one expire.",
        ),
        (
            passport.is_some_and(|passport| passport.replaced_by.is_some()),
            "<b>Another key took its place.</b> Revoke this one if it still works.",
        ),
        (
            passport.is_some_and(|passport| passport.idle_days >= IDLE_DAYS),
            "<b>It was not used for 30 days or more.</b> Revoke it if nobody needs it.",
        ),
    ];
    html.raw("<h2>What to do</h2>");
    if !steps.iter().any(|(is_so, _)| *is_so) {
        html.raw(if lasts {
            "<p>Nothing presses. Compare what it may do with <a href=\"#scope\">what it was granted</a>.</p>"
        } else {
            "<p>Nothing presses.</p>"
        });
        return;
    }
    html.raw("<ul>");
    for (_, words) in steps.into_iter().filter(|(is_so, _)| *is_so) {
        html.raw("<li>").raw(words).raw("</li>");
    }
    html.raw("</ul>");
}

fn facts(html: &mut Html, of: &Credential, now: EventTime) {
    html.raw("<h2>In short</h2><dl>");
    let kind = if of.kind.name() == of.class { String::new() } else { format!("{}, ", of.kind) };
    item(html, "kind", format_args!("{kind}{} in {} {}", of.class, of.location, of.name));
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
    let mut use_of = format!("on {}", counted(days.active, "day"));
    if days.dormant > 0 {
        let pause = counted(days.longest_pause, "day");
        use_of
            .push_str(&format!("; not on {} between them, for {pause} at a stretch", grouped(days.dormant)));
    }
    let last = match of.idle_days {
        0 => "; last used on the last day of this run".to_owned(),
        idle => format!("; last used {} ago", counted(idle, "day")),
    };
    item(html, "used", use_of + &last);
    let (sent, received) = of.bytes_a_day();
    item(
        html,
        "on such a day",
        format_args!("{} sent and {} received in bodies", sized(sent), sized(received)),
    );
    item(html, "refused", format_args!("{:.1} % of its calls", of.refused_pct()));
    let (networks, seen) = (at_once.networks, devices.len() as u64 + devices.given_up);
    let shared = format_args!(
        "within one hour from {} and {} at most; {} in all",
        counted(networks.count, "network"),
        counted(at_once.devices.count, "device"),
        counted(seen, "device")
    );
    item(html, "used at once", shared);
    for (name, succession) in [("replaced by", of.replaced_by), ("replaces", of.replaces)] {
        if let Some(succession) = succession {
            item_of(html, name, |html| succeeded(html, succession));
        }
    }
    html.raw("</dl>");
}

/// `1 day`, `12 days`.
fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
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
    html.raw(
        "<h2 id=\"scope\">Least privilege</h2><p>What it was granted so far; a proposal of what it needs. ",
    );
    html.raw("<a href=\"/scope.jsonl?key=").text(text).raw("\">As JSON</a>, ");
    html.raw("<a href=\"/scope.opa.json?key=").text(text).raw("\">as data for Open Policy Agent</a>.</p>");
    if scope.forgotten > 0 {
        html.raw("<p><b>The list is not whole:</b> ").text(grouped(scope.forgotten));
        html.raw(" times a route had to make room for another.</p>");
    }
    open_table(html, "What it was granted", &["Route", "Access", "#Granted", "Last (UTC)"]);
    for grant in &scope.grants {
        html.raw("<tr><th scope=\"row\" class=\"mono\">");
        endpoint(html, grant.method, grant.host, grant.route);
        html.raw("</th><td>").raw(if grant.writes { "writes" } else { "reads" });
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
        html.raw("<p class=\"soft\">").text(grouped(scope.refused as u64));
        html.raw(" more were tried and never granted.</p>");
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
        html.raw("<tr><th scope=\"row\" class=\"mono\">");
        endpoint(html, &lane.name.method, &lane.name.host, &lane.name.route);
        html.raw("</th>");
        end_with_use(html, lane.calls, [lane.first, lane.last]);
    }
    close_table(html);
}
