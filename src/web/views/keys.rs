//! Keys and tokens: whose, how old, from where, for what.
//! It is given the run, a search, and whether sessions and tokens are wanted, too.
//! It promises fingerprints and nothing of a value; an age is that which was seen, so a lower bound.

use super::Sight;
use super::parts::{
    Leaf, close_table, empty, finds, fingerprint, lasted, number, open_table_of, principal, search, time,
};
use crate::ledger::credential::Credential;
use crate::ledger::is_lasting;
use crate::ledger::passport::OLD_DAYS;
use crate::ledger::scope::Scope;
use crate::web::frame::{Page, Place};
use crate::web::html::{Html, grouped};
use heelguard_detectors::time::EventTime;
use std::cmp::Reverse;

pub(in crate::web) fn page(sight: &Sight<'_>) -> Page {
    let mut html = Html::new();
    html.raw("<h1>Keys and tokens</h1>");
    let (keys, tokens): (Vec<_>, Vec<_>) =
        sight.ledger.credentials().into_iter().partition(|credential| is_lasting(credential.kind));
    if keys.is_empty() && tokens.is_empty() {
        let to_do = "A credential stands here, by its fingerprint, once a request has presented it. \
                     <code>heelguard fingerprint</code> says which key a fingerprint is of.";
        empty(&mut html, "No credential was seen yet.", to_do);
        return Page::new(Place::Keys, "Keys and tokens", html).watchable(sight.asked);
    }
    let is_passing = sight.asked.get("show") == "tokens";
    html.raw("<nav class=\"tabs\" aria-label=\"Kinds\">");
    tab(&mut html, "/keys", "Keys that last", keys.len(), !is_passing);
    tab(&mut html, "/keys?show=tokens", "Sessions and tokens", tokens.len(), is_passing);
    html.raw("</nav>");
    search(&mut html, "Fingerprint, owner, class, address or country", sight.asked);
    let mut wanted = if is_passing { tokens } else { keys };
    wanted.retain(|credential| is_asked_for(credential, sight.asked.get("q")));
    wanted.sort_by_key(|c| {
        let grave = (c.known.is_some(), c.around_mfa > 0, c.privileged > 0);
        (Reverse((grave, c.calls)), c.fingerprint)
    });
    if wanted.is_empty() {
        let to_do = "<a href=\"/keys\">Keys that last</a> and <a href=\"/keys?show=tokens\">sessions and tokens</a> \
                     are searched apart; or search for less.";
        let what = if sight.asked.get("q").is_empty() {
            "None of this kind was seen."
        } else {
            "None is like that."
        };
        empty(&mut html, what, to_do);
        return Page::new(Place::Keys, "Keys and tokens", html).watchable(sight.asked);
    }
    if !is_passing {
        html.raw("<p>What each is granted, as a proposal of least privilege: <a href=\"/scope.jsonl\">as JSON Lines</a>, ");
        html.raw("<a href=\"/scope.opa.json\">as data for Open Policy Agent</a>.</p>");
    }
    let now = sight.ledger.overview().span.map(|(_, last)| last).unwrap_or_default();
    let leaf = Leaf::of(&wanted, sight.asked);
    let heads = [
        "Fingerprint",
        "Kind",
        "Owner",
        "#Calls",
        "#Privileged",
        "#Past a factor",
        "Age",
        "Last used (UTC)",
        "From",
        "#Routes",
    ];
    open_table_of(&mut html, "credentials", "Credentials", &heads);
    leaf.rows.iter().for_each(|credential| row(&mut html, credential, now));
    close_table(&mut html);
    leaf.turn(&mut html, sight.asked);
    html.raw("<p class=\"soft\">An age counts from when the sensor first saw the credential, or saw it handed out: ");
    html.raw(
        "it may be older. The end of the bar is 90 days. Privileged: calls granted on routes that administer ",
    );
    html.raw("users, roles, keys or factors, or export. Past a factor: calls granted without the second factor that ");
    html.raw("the owner has. What others know, goes past a factor or is privileged stands first.</p>");
    Page::new(Place::Keys, "Keys and tokens", html).watchable(sight.asked)
}

/// Proposals of least privilege for every key, or for the one that is asked for, written by `write`.
pub(in crate::web) fn scopes(sight: &Sight<'_>, write: impl Fn(&[Scope<'_>]) -> Vec<u8>) -> Vec<u8> {
    let mut keys = sight.ledger.credentials();
    let asked = sight.asked.get("key");
    keys.retain(|key| key.lasting.is_some() && (asked.is_empty() || key.fingerprint.to_string() == asked));
    keys.sort_by_key(|key| key.fingerprint);
    write(&keys.iter().map(|key| Scope::of(key)).collect::<Vec<_>>())
}

fn tab(html: &mut Html, href: &'static str, name: &'static str, count: usize, is_here: bool) {
    html.raw("<a href=\"").raw(href).raw(if is_here { "\" aria-current=\"true\">" } else { "\">" });
    html.raw(name).raw(" <span class=\"soft\">").text(grouped(count as u64)).raw("</span></a>");
}

fn is_asked_for(credential: &Credential, words: &str) -> bool {
    if words.is_empty() {
        return true;
    }
    let owners: Vec<String> = credential.owners.iter().map(|lane| lane.name.1.to_string()).collect();
    let addresses: Vec<String> = credential.addresses.iter().map(|lane| lane.name.to_string()).collect();
    let countries: Vec<&str> = credential.countries.iter().map(|lane| lane.name.as_str()).collect();
    let fingerprint = credential.fingerprint.to_string();
    let texts = [
        fingerprint.as_str(),
        credential.class,
        credential.kind.name(),
        &owners.join(" "),
        &addresses.join(" "),
        &countries.join(" "),
    ];
    finds(words, &texts)
}

fn row(html: &mut Html, of: &Credential, now: EventTime) {
    html.raw("<tr><th scope=\"row\">");
    fingerprint(html, of.fingerprint);
    if let Some(known) = of.known {
        html.raw("<br><span class=\"badge high\">known: ").text(known.why).raw("</span>");
    }
    html.raw("</th><td>").text(of.class).raw("<br><span class=\"soft\">").text(of.location).raw(" ");
    html.wire_within(&of.name, 40).raw("</span></td><td class=\"actor\">");
    match of.owner() {
        Some((kind, id)) => principal(html, &format!("{kind}:{id}")),
        None => {
            html.raw("<span class=\"soft\">nobody known</span>");
        }
    }
    if of.owners.len() > 1 {
        html.raw("<br><span class=\"soft\">and ").text(of.owners.len() - 1).raw(" more</span>");
    }
    html.raw("</td>");
    number(html, of.calls);
    number(html, of.privileged);
    number(html, of.around_mfa);
    html.raw("<td class=\"age\">");
    age(html, now.since(of.first).as_secs());
    html.raw("</td><td class=\"time\">");
    time(html, of.last);
    html.raw("</td><td>");
    for (place, lane) in of.countries.by_use().iter().take(4).enumerate() {
        html.raw(if place > 0 { ", " } else { "" }).text(lane.name);
    }
    let networks = of.addresses.len() as u64 + of.addresses.given_up;
    html.raw(if of.countries.is_empty() { "" } else { "<br>" }).raw("<span class=\"soft\">");
    html.text(grouped(networks)).raw(if networks == 1 { " network" } else { " networks" });
    html.raw("</span></td>");
    number(html, of.routes.len() as u64 + of.routes.given_up);
    html.raw("</tr>");
}

/// An age as a bar against what it should not be.
pub(super) fn age(html: &mut Html, seconds: u64) {
    let share = (seconds as f64 / (OLD_DAYS * 86_400) as f64).min(1.0) * 100.0;
    let is_old = seconds >= OLD_DAYS * 86_400;
    html.text(lasted(seconds)).raw(if is_old { " <b class=\"high\">old</b>" } else { "" });
    html.raw("<svg class=\"age\" aria-hidden=\"true\" width=\"100%\" height=\"5\"><rect class=\"rail\" ");
    html.raw("width=\"100%\" height=\"5\"/><rect height=\"5\" class=\"");
    html.raw(if is_old { "old" } else { "young" }).raw("\" width=\"");
    html.text(format_args!("{share:.2}%")).raw("\"/></svg>");
}
