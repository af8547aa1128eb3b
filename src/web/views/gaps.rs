//! The holes in the cover of second factors, each with its evidence and what to do about it, and who goes through them.
//! It is given the holes in the order of their gravity, and the credentials.
//! It promises that both lists rest on the same holes, and to say where there is none, and what that rests on.

use super::parts::{close_table, cut, endpoint, fingerprint, number, open_table, open_table_of, principal};
use super::principal::mostly;
use crate::ledger::coverage::successes;
use crate::ledger::credential::Credential;
use crate::ledger::gaps::{Gap, Weight};
use crate::ledger::visited::Way;
use crate::ledger::{Rows, is_lasting};
use crate::web::html::{Html, grouped};
use heelguard_detectors::identity::Fingerprint;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Credentials that are named of one hole.
const NAMED: usize = 4;

pub(super) fn list(html: &mut Html, gaps: &[Gap], shown: usize) {
    html.raw("<h2>Where a second factor is walked around</h2>");
    if gaps.is_empty() {
        html.raw("<p>No hole was seen: where somebody proved a second factor, nothing was granted to a static key, a ");
        html.raw("password with every request, nobody at all, or a session that went past its account’s factor; and ");
        html.raw("no account that has one administered or exported anything without it.</p>");
        return;
    }
    table(html, &gaps.iter().take(shown).collect::<Vec<_>>());
    cut(html, shown, gaps.len(), "/coverage?show=gaps", "");
}

/// These holes as a table.
pub(super) fn table(html: &mut Html, gaps: &[&Gap]) {
    let heads = ["Endpoint", "Granted to", "Evidence", "By", "What to do"];
    let caption = "Holes in the cover of second factors, the gravest first";
    open_table_of(html, "stack", caption, &heads);
    for gap in gaps {
        row(html, gap);
    }
    close_table(html);
}

fn row(html: &mut Html, gap: &Gap) {
    let of = &gap.endpoint;
    html.raw("<tr><th scope=\"row\" class=\"mono\">");
    endpoint(html, &of.method, &of.host, &of.route);
    for label in of.labels.iter() {
        html.raw(" <span class=\"label\">").text(label).raw("</span>");
    }
    html.raw("</th><td>");
    way(html, gap);
    html.raw("</td><td>").text(gap.evidence()).raw("</td><td>");
    for (fingerprint_of, count) in gap.by.iter().take(NAMED) {
        fingerprint(html, *fingerprint_of);
        html.raw(" <span class=\"soft\">").text(times(*count)).raw("</span><br>");
    }
    if gap.by.len() > NAMED {
        html.raw("<span class=\"soft\">and ")
            .text(grouped((gap.by.len() - NAMED) as u64))
            .raw(" more</span>");
    }
    if gap.by.is_empty() {
        html.raw("<span class=\"soft\">no credential</span>");
    }
    html.raw("</td><td>").text(gap.advice()).raw("</td></tr>");
}

/// How something is granted there, in the colour of what can be done.
fn way(html: &mut Html, gap: &Gap) {
    html.raw("<span class=\"badge ").raw(badge(gap.weight)).raw("\">").raw(words(gap.way)).raw("</span>");
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{} times", grouped(count)) }
}

/// Who goes through the holes, and what was granted anything without the factor that its account has.
pub(super) fn around(html: &mut Html, rows: &Rows, gaps: &[Gap], shown: usize) {
    // Of each credential its holes, the gravest first.
    let mut holes: BTreeMap<Fingerprint, Vec<&Gap>> = BTreeMap::new();
    for gap in gaps {
        gap.by.iter().for_each(|by| holes.entry(by.0).or_default().push(gap));
    }
    let of_it = |credential: &Credential| holes.get(&credential.fingerprint).map(Vec::as_slice);
    let mut walking: Vec<(&Credential, &[&Gap])> = Vec::new();
    for credential in &rows.credentials {
        let its = of_it(credential).unwrap_or_default();
        if !its.is_empty() || credential.around_mfa > 0 && successes(&credential.proofs) > 0 {
            walking.push((credential, its));
        }
    }
    if walking.is_empty() {
        return;
    }
    walking.sort_by_key(|(credential, holes)| {
        let gravest = holes.first().map(|gap| gap.weight);
        let counts = (credential.around_mfa, holes.len(), credential.calls);
        (Reverse((gravest, is_lasting(credential.kind), counts)), credential.fingerprint)
    });
    html.raw("<h2>Keys and sessions that walk around</h2><p>");
    html.raw(if gaps.is_empty() {
        "They were granted something without the second factor that their account has, but only where nobody proved \
         one and nothing is administered or exported: no hole, and worth knowing."
    } else {
        "Who goes through the holes, and who else was granted something without the second factor that the account has."
    });
    html.raw("</p>");
    let heads = ["Credential", "Proof", "Owner", "#Holes", "#Past the owner’s factor", "For example"];
    open_table(html, "Credentials that are granted something without a second factor", &heads);
    walking.iter().take(shown).for_each(|(credential, holes)| walker(html, credential, holes));
    close_table(html);
    cut(html, shown, walking.len(), "/coverage?show=around", "");
}

fn walker(html: &mut Html, credential: &Credential, holes: &[&Gap]) {
    html.raw("<tr><th scope=\"row\">");
    fingerprint(html, credential.fingerprint);
    html.raw("<br><span class=\"soft\">").text(credential.class).raw("</span></th><td>");
    html.raw(mostly(credential.level())).raw("</td><td class=\"actor\">");
    match credential.owner() {
        Some((kind, id)) => principal(html, &format!("{kind}:{id}")),
        None => {
            html.raw("<span class=\"soft\">nobody known</span>");
        }
    }
    html.raw("</td>");
    number(html, holes.len() as u64);
    number(html, credential.around_mfa);
    html.raw("<td class=\"mono\">");
    let around = || credential.routes.by_use().into_iter().find(|lane| lane.name.around > 0);
    if let Some(gap) = holes.first() {
        endpoint(html, &gap.endpoint.method, &gap.endpoint.host, &gap.endpoint.route);
    } else if let Some(lane) = around() {
        endpoint(html, &lane.name.method, &lane.name.host, &lane.name.route);
    }
    html.raw("</td></tr>");
}

/// The colour of what can be done.
pub(super) const fn badge(weight: Weight) -> &'static str {
    match weight {
        Weight::Privileged => "critical",
        Weight::Sensitive => "high",
        Weight::Personal | Weight::Changes => "medium",
        Weight::Reads => "low",
    }
}

const fn words(way: Way) -> &'static str {
    match way {
        Way::Password => "password only",
        Way::Basic => "Basic",
        Way::Key => "static key",
        Way::Anonymous => "anybody",
    }
}
