//! One credential: over time, whose, from where, for what.
//! It is given the run and the fingerprint in the path.
//! It promises nothing of its value, which the sensor does not have.

use super::Sight;
use super::keys::age;
use super::parts::{card, close_table, end_with_use, item, item_of, lasted, open_table, principal, time};
use super::principal::{lanes, mostly, network};
use super::svg;
use crate::ledger::credential::Credential;
use crate::markup::proofs::{legend, proof_bar};
use crate::web::frame::{Page, Place};
use crate::web::html::Html;
use heelguard_detectors::identity::Fingerprint;

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
    facts(&mut html, sight, &of);
    over_time(&mut html, &of);
    html.raw("<h2>Proofs of its successes</h2>");
    legend(&mut html);
    proof_bar(&mut html, &of.proofs);
    routes(&mut html, &of);
    Some(Page::new(Place::Keys, format!("{} {}", of.class, text.get(..8).unwrap_or(text)), html))
}

fn facts(html: &mut Html, sight: &Sight<'_>, of: &Credential) {
    let now = sight.ledger.overview().span.map(|(_, last)| last).unwrap_or_default();
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
