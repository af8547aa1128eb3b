//! One principal: what it did over time, from where, with what, and what was raised about it.
//! It is given the run and the name behind `id=`.
//! It promises that what is kept in part is said to be.

use super::Sight;
use super::about::{alerts_about, search};
use super::episodes;
use super::filter::by_urgency;
use super::parts::{
    card, close_table, empty, end_with_use, endpoint, fingerprint, item, item_of, lasted, open_table,
    shown_time, time,
};
use super::svg::{self, Tick};
use crate::ledger::lanes::Lanes;
use crate::ledger::principal::{Principal, Step};
use crate::ledger::rhythm::Rhythm;
use crate::markup::proofs::{proof_words, proofs_told};
use crate::web::frame::{Page, Place};
use crate::web::html::{Html, grouped};
use heelguard_detectors::alert::{Alert, Severity};
use heelguard_detectors::identity::{PrincipalKind, ProofLevel};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{LoginOutcome, MfaOutcome, Outcome};
use std::fmt::Display;
use std::sync::Arc;

pub(in crate::web) fn page(sight: &Sight<'_>) -> Option<Page> {
    let key = sight.asked.get("id");
    let (kind, id) = key.split_once(':')?;
    let kind = PrincipalKind::parse(kind)?;
    let principal = sight.ledger.principal(kind, id);
    let mut alerts = alerts_about(sight, key);
    by_urgency(sight, &mut alerts);
    if principal.is_none() && alerts.is_empty() {
        return None;
    }
    let mut html = Html::new();
    html.raw("<p class=\"crumb\"><a href=\"/principals\">Principals</a></p><h1>").wire(id).raw("</h1>");
    if let Some(principal) = &principal {
        whole(&mut html, sight, principal, &alerts);
    } else {
        let to_do = "It acted before this run began, or in the names of accounts alone, or had to make room. Its \
                     alerts are kept:";
        empty(&mut html, "Nothing more is known of it.", to_do);
        if kind == PrincipalKind::Anonymous {
            html.raw("<p>");
            search(&mut html, "/principals?q=", id, "Who else came from there");
            html.raw("</p>");
        }
        episodes::table_within(&mut html, sight, "Alerts about it", &alerts, ("/?about=", key));
    }
    Some(Page::new(Place::Principals, id, html))
}

fn whole(html: &mut Html, sight: &Sight<'_>, of: &Principal, alerts: &[Arc<Alert>]) {
    html.raw("<div class=\"cards\">");
    card(html, "", of.calls, "calls");
    card(html, "", of.denied, "refused");
    card(html, "", alerts.len() as u64, "alerts");
    card(html, "", of.steps.len() as u64 + of.earlier_steps, "sign-in steps");
    html.raw("</div><dl>");
    item(html, "kind", format_args!("{}, known by {}", of.kind, of.source));
    item_of(html, "seen", |html| {
        time(html, of.first);
        html.raw(" to ");
        time(html, of.last);
    });
    let factor = if of.has_mfa { "the account has one" } else { "none is known of" };
    item(html, "second factor", factor);
    html.raw("</dl>");
    if !alerts.is_empty() {
        html.raw("<h2>Alerts</h2>");
        episodes::table_within(html, sight, "Alerts about it", alerts, ("/?about=", &of.key()));
    }
    timeline(html, of, alerts);
    html.raw("<h2>Proofs</h2>");
    proofs_told(html, &of.proofs);
    credentials(html, of);
    routes(html, of);
    steps(html, of);
}

fn timeline(html: &mut Html, of: &Principal, alerts: &[Arc<Alert>]) {
    let rhythm = &of.rhythm;
    let bounds = rhythm.bounds();
    html.raw(
        "<h2>Over time</h2><div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Over time\">",
    )
    .raw("<table class=\"lanes\"><caption>What it did, in spans of ")
    .text(lasted(rhythm.span_s()))
    .raw("</caption><tbody><tr><th scope=\"row\">Calls<br><span class=\"soft\">refused in red</span>")
    .raw("</th><td>");
    svg::columns(html, rhythm);
    html.raw("</td></tr>");
    let steps: Vec<Tick> = of.steps.iter().map(|stepped| tick(stepped.time, stepped.step)).collect();
    ticks(html, "Sign-in steps", bounds, "steps of signing in", &steps);
    // The worst is drawn last, over what was raised at the same time.
    let mut raised: Vec<&Arc<Alert>> = alerts.iter().collect();
    raised.sort_by_key(|alert| alert.severity);
    let raised: Vec<Tick> = raised
        .into_iter()
        .map(|alert| Tick {
            time: alert.first_seen.max(bounds.0),
            class: severity_class(alert.severity),
            words: format!("{} {}", shown_time(alert.first_seen), alert.title),
        })
        .collect();
    ticks(html, "Alerts", bounds, "alerts", &raised);
    lanes(html, rhythm, "Country", &of.countries, ToString::to_string);
    lanes(html, rhythm, "Address", &of.addresses, |address| network(*address));
    lanes(html, rhythm, "System", &of.systems, |system| format!("AS{system}"));
    lanes(html, rhythm, "Device", &of.devices, ToString::to_string);
    html.raw("<tr><th></th><td>");
    svg::axis(html, bounds);
    html.raw("</td></tr></tbody></table></div>");
}

fn ticks(
    html: &mut Html,
    head: &'static str,
    bounds: (EventTime, EventTime),
    what: &'static str,
    ticks: &[Tick],
) {
    if ticks.is_empty() {
        return;
    }
    html.raw("<tr><th scope=\"row\">").raw(head).raw("</th><td>");
    svg::strip(html, bounds, what, ticks);
    html.raw("</td></tr>");
}

pub(super) fn lanes<T>(
    html: &mut Html,
    rhythm: &Rhythm,
    what: &'static str,
    lanes: &Lanes<T>,
    name: impl Fn(&T) -> String,
) {
    let mut sorted: Vec<_> = lanes.iter().collect();
    sorted.sort_by_key(|lane| lane.first);
    for lane in sorted {
        html.raw("<tr><th scope=\"row\"><span class=\"soft\">").raw(what).raw("</span> ");
        html.jointed(&name(&lane.name)).raw(" <span class=\"soft\">").text(grouped(lane.calls));
        html.raw("</span></th><td>");
        svg::lane(html, rhythm, lane.spans);
        html.raw("</td></tr>");
    }
    if lanes.given_up > 0 {
        html.raw("<tr><th scope=\"row\"><span class=\"soft\">")
            .raw(what)
            .raw("</span></th><td class=\"soft\">");
        html.text(grouped(lanes.given_up)).raw(" times one that was out of use made room</td></tr>");
    }
}

/// A network as addresses are counted: of IPv6 the first half.
pub(super) fn network(address: std::net::IpAddr) -> String {
    if address.is_ipv6() { format!("{address}/64") } else { address.to_string() }
}

const fn severity_class(severity: Severity) -> &'static str {
    severity.name()
}

/// A step as a mark on a line.
fn tick(time: EventTime, step: Step) -> Tick {
    let class = match step {
        Step::Login(LoginOutcome::Success | LoginOutcome::SecondFactor)
        | Step::Mfa(_, _, MfaOutcome::Success)
        | Step::Other(_, Outcome::Success) => "good",
        Step::Mfa(_, _, MfaOutcome::Challenge | MfaOutcome::Pending) => "asked",
        Step::Login(LoginOutcome::Unknown)
        | Step::Mfa(_, _, MfaOutcome::Unknown)
        | Step::Other(_, Outcome::Unknown) => "unseen",
        Step::Login(LoginOutcome::Error) | Step::Other(_, Outcome::Error) => "broken",
        _ => "refused",
    };
    Tick { time, class, words: format!("{} {}", shown_time(time), words(step)) }
}

fn words(step: Step) -> String {
    let plain = |word: &dyn Display| word.to_string().replace('_', " ");
    match step {
        Step::Login(outcome) => format!("password: {}", plain(&outcome)),
        Step::Mfa(event, factor, outcome) => {
            format!("second factor, {} ({factor}): {}", plain(&event), plain(&outcome))
        }
        Step::Other(activity, outcome) => format!("{}: {}", plain(&activity), plain(&outcome)),
    }
}

fn credentials(html: &mut Html, of: &Principal) {
    html.raw("<h2>Credentials</h2>");
    if of.credentials.is_empty() {
        html.raw("<p>It presented none.</p>");
        return;
    }
    let heads = ["Fingerprint", "Kind", "Class", "#Calls", "First (UTC)", "Last (UTC)"];
    open_table(html, "Credentials it presented", &heads);
    for lane in of.credentials.by_use() {
        html.raw("<tr><td>");
        fingerprint(html, lane.name.fingerprint);
        html.raw("</td><td>").text(lane.name.kind).raw("</td><td>").text(lane.name.class).raw("</td>");
        end_with_use(html, lane.calls, [lane.first, lane.last]);
    }
    close_table(html);
    given_up(html, of.credentials.given_up);
}

fn routes(html: &mut Html, of: &Principal) {
    html.raw("<h2>Routes</h2>");
    if of.routes.is_empty() {
        html.raw("<p>No request of it was seen, answers only.</p>");
        return;
    }
    open_table(html, "Routes it used", &["Route", "#Calls", "First (UTC)", "Last (UTC)"]);
    for lane in of.routes.by_use() {
        html.raw("<tr><th scope=\"row\" class=\"mono\">");
        endpoint(html, &lane.name.method, &lane.name.host, &lane.name.route);
        html.raw("</th>");
        end_with_use(html, lane.calls, [lane.first, lane.last]);
    }
    close_table(html);
    given_up(html, of.routes.given_up);
}

fn given_up(html: &mut Html, times: u64) {
    if times > 0 {
        html.raw("<p class=\"soft\">").text(grouped(times));
        html.raw(" times one that was out of use made room for another.</p>");
    }
}

fn steps(html: &mut Html, of: &Principal) {
    html.raw("<h2>Signing in, step by step</h2>");
    if of.steps.is_empty() {
        html.raw("<p>No sign-in was seen: what it uses was handed out before, or elsewhere.</p>");
        return;
    }
    open_table(html, "The last steps", &["Time (UTC)", "Step", "#Status", "From"]);
    for stepped in of.steps.iter().rev() {
        html.raw("<tr><td class=\"time\">");
        time(html, stepped.time);
        html.raw("</td><td><span class=\"dot ")
            .raw(tick(stepped.time, stepped.step).class)
            .raw("\"></span> ");
        html.text(words(stepped.step)).raw("</td><td class=\"number\">");
        html.text(stepped.status.map_or_else(|| "–".to_owned(), |status| status.to_string()));
        html.raw("</td><td>").text(stepped.ip);
        if let Some(country) = stepped.country {
            html.raw(" <span class=\"soft\">").text(country).raw("</span>");
        }
        html.raw("</td></tr>");
    }
    close_table(html);
    if of.earlier_steps > 0 {
        html.raw("<p class=\"soft\">").text(grouped(of.earlier_steps)).raw(" steps before are not kept.</p>");
    }
}

/// The proof of most successes in words.
pub(super) fn mostly(level: Option<ProofLevel>) -> &'static str {
    level.map_or("never accepted", proof_words)
}
