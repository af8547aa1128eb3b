//! One episode in full: what happened, whether it succeeded, what to do, who and from where, the evidence, what was not
//! seen, what else it may be. It is given the run and the id in the path.
//! It promises every field of the record but those that do not apply, and a way on from each name in it.

use super::Sight;
use super::about;
use super::episodes::{going, looked_at, today};
use super::outcome::Success;
use super::parts::{
    close_table, fingerprint, item, item_of, lasted, open_table, principal, severity, shown_time, time,
};
use super::svg::{self, Tick};
use super::words::benign;
use crate::web::frame::{Page, Place};
use crate::web::html::{Html, grouped};
use crate::web::notes::{Extent, NOTE_CHARS_MAX};
use heelguard_detectors::alert::{Alert, AlertId, Fact};

/// The page, and `token` for its form.
pub(in crate::web) fn page(sight: &Sight<'_>, id: &str, token: &str) -> Option<Page> {
    let alert = sight.ledger.alert_of(parse(id)?)?;
    let mut html = Html::new();
    html.raw("<p class=\"crumb\"><a href=\"/\">Alerts</a></p><p>");
    severity(&mut html, alert.severity);
    html.raw(" <a href=\"/rules/").text(alert.detector).raw("\">").text(alert.rule).raw(" ");
    html.text(alert.title).raw("</a> <span class=\"soft\">confidence ").text(alert.confidence);
    html.raw("</span> · ");
    going(&mut html, &alert, &today(sight));
    html.raw(" · ");
    looked_at(&mut html, sight, &alert);
    html.raw("</p><h1 class=\"message\">").wire_within(&alert.message, 600);
    html.raw("</h1><div class=\"columns2 first\"><section><p>Did it succeed? ");
    Success::of(&alert).sentence(&mut html);
    html.raw("</p><p class=\"todo\"><b>Do:</b> ").text(alert.response).raw("</p></section><section>");
    acknowledge(&mut html, sight, &alert, token);
    html.raw("</section></div><div class=\"columns2\"><section><h2>Who and from where</h2>");
    circumstances(&mut html, sight, &alert);
    html.raw("</section><section><h2>Facts</h2>");
    facts(&mut html, &alert);
    html.raw("</section></div>");
    evidence(&mut html, &alert);
    unseen(&mut html, &alert);
    html.raw("<h2>What else it may be</h2>");
    benign(&mut html, alert.detector);
    Some(Page::new(Place::Alerts, alert.title, html))
}

/// The number behind a UUID.
pub(in crate::web) fn parse(id: &str) -> Option<AlertId> {
    let digits: String = id.chars().filter(|c| *c != '-').collect();
    let number = u128::from_str_radix(&digits, 16).ok().map(AlertId)?;
    // One name for each alert: no sign, no blank, no other place of the hyphens.
    (number.to_string() == id).then_some(number)
}

fn circumstances(html: &mut Html, sight: &Sight<'_>, alert: &Alert) {
    html.raw("<dl>");
    item_of(html, "subject", |html| {
        about::subject(html, alert);
        html.raw(" <span class=\"soft\">").text(alert.subject.scope).raw("</span>");
    });
    if let Some(who) = &alert.principal {
        item_of(html, "account", |html| {
            principal(html, &who.key());
            html.raw(" <span class=\"soft\">known by ").text(who.source).raw("</span>");
        });
    }
    if let Some(client) = &alert.client {
        let country = client.country.map(|country| format!(" · {country}")).unwrap_or_default();
        let asn = client.asn.map(|asn| format!(" · AS{asn}")).unwrap_or_default();
        let device = client.device.as_deref().map(|device| format!(" · device {device}")).unwrap_or_default();
        item_of(html, "address", |html| {
            about::address(html, sight, client.ip);
            html.wire(&format!("{country}{asn}{device}"));
        });
    }
    if let Some(credential) = &alert.credential {
        item_of(html, "credential", |html| {
            html.text(credential.class).raw(" in ").text(credential.location).raw(" ");
            html.wire(&credential.name).raw(" ");
            fingerprint(html, credential.fingerprint);
        });
    }
    if let Some(endpoint) = &alert.endpoint {
        item_of(html, "endpoint", |html| {
            let words = format!("{} {} {}", endpoint.method, endpoint.host, endpoint.route);
            about::search(html, "/endpoints?q=", &words, &words);
        });
    }
    item(html, "first seen", shown_time(alert.first_seen));
    item(html, "last seen", shown_time(alert.last_seen));
    item(html, "events", format_args!("{} (fires at {})", grouped(alert.count), grouped(alert.threshold)));
    if let Some(window) = alert.window {
        item(html, "window", lasted(window.as_secs()));
    }
    item_of(html, "id", |html| {
        html.raw("<a class=\"mono\" href=\"/alerts/").text(alert.id).raw("\">").text(alert.id).raw("</a>");
    });
    html.raw("</dl>");
    if alert.client.as_ref().is_some_and(|client| client.asn.is_some() || client.country.is_some()) {
        // The licence of the built-in table asks for it: see docs/geoip.md.
        html.raw("<p class=\"soft\"><a href=\"https://db-ip.com\" rel=\"noreferrer\">IP Geolocation by DB-IP</a></p>");
    }
}

fn evidence(html: &mut Html, alert: &Alert) {
    html.raw("<h2>Evidence</h2>");
    let moments = alert.evidence.iter().map(|evidence| evidence.time);
    let from = moments.clone().chain([alert.first_seen]).min().unwrap_or_default();
    let to = moments.chain([alert.last_seen]).max().unwrap_or_default();
    if from < to {
        let ticks: Vec<Tick> = alert
            .evidence
            .iter()
            .map(|evidence| Tick {
                time: evidence.time,
                class: class_of(evidence.status),
                words: format!("{} {}", shown_time(evidence.time), evidence.note),
            })
            .collect();
        svg::strip(html, (from, to), "of its transactions", &ticks);
        svg::axis(html, (from, to));
    }
    if alert.evidence.is_empty() {
        html.raw("<p>No single transaction carries it: it is about what many add up to.</p>");
        return;
    }
    let heads = ["Time (UTC)", "Request", "#Status", "Shows", "Transaction"];
    open_table(html, "Transactions that carry the alert", &heads);
    for evidence in &alert.evidence {
        html.raw("<tr><td class=\"time\">");
        time(html, evidence.time);
        html.raw("</td><td class=\"mono\">").wire(&evidence.method).raw(" ").wire(&evidence.path);
        html.raw("</td><td class=\"number\"><span class=\"status ").raw(class_of(evidence.status)).raw("\">");
        html.text(evidence.status.map_or_else(|| "–".to_owned(), |status| status.to_string()));
        html.raw("</span></td><td>").wire(&evidence.note).raw("</td><td class=\"mono soft\">");
        let id = evidence.transaction.to_string();
        html.raw("<span title=\"").text(&id).raw("\">").text(id.get(..8).unwrap_or(&id));
        html.raw("…</span></td></tr>");
    }
    close_table(html);
    let shown = alert.evidence.len() as u64;
    if alert.count > shown {
        html.raw("<p class=\"soft\">").text(shown).raw(" of ").text(grouped(alert.count));
        html.raw(" events are kept as evidence.</p>");
    }
}

/// What an answer says about its request, as a colour.
fn class_of(status: Option<u16>) -> &'static str {
    match status {
        Some(200..400) => "good",
        Some(400..500) => "refused",
        Some(_) => "broken",
        None => "unseen",
    }
}

fn facts(html: &mut Html, alert: &Alert) {
    html.raw("<dl>");
    for (name, fact) in &alert.facts {
        match fact {
            Fact::Count(count) => item(html, name, grouped(*count)),
            Fact::Number(number) => item(html, name, measured(*number)),
            Fact::Flag(flag) => item(html, name, if *flag { "yes" } else { "no" }),
            Fact::Text(text) => item(html, name, text),
            Fact::List(list) => item(html, name, list.join(", ")),
        }
    }
    item(html, "ATT&CK", alert.mitre.join(", "));
    item(html, "OWASP", alert.owasp.join(", "));
    html.raw("</dl>");
}

/// A measure to two places, or to two digits where it is smaller: a small chance is not no chance.
fn measured(number: f64) -> String {
    let size = number.abs();
    if size > 0.0 && size < 1e-6 {
        return format!("{number:.1e}");
    }
    let places = if size > 0.0 && size < 0.1 { 1 - size.log10().floor() as i32 } else { 2 };
    let text = format!("{number:.*}", usize::try_from(places).unwrap_or(2));
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What could not be seen, in words; that everything was is worth a sentence, too.
fn unseen(html: &mut Html, alert: &Alert) {
    let visibility = &alert.visibility;
    html.raw("<h2>What could not be seen</h2>");
    if visibility.loss_pct <= 0.0 && visibility.truncated == 0 && !visibility.one_way {
        html.raw(
            "<p>Nothing is known to be missing: no bytes were lost meanwhile and no transaction was cut.</p>",
        );
        return;
    }
    html.raw("<ul>");
    if visibility.loss_pct > 0.0 {
        html.raw("<li>").text(format_args!("{:.2} %", visibility.loss_pct));
        html.raw(" of the bytes were lost while it formed: there may be more events than were counted.</li>");
    }
    if visibility.truncated > 0 {
        html.raw("<li>")
            .text(visibility.truncated)
            .raw(" transactions were cut: their end is not known.</li>");
    }
    if visibility.one_way {
        html.raw("<li>One direction only was seen: what the server answered is inferred.</li>");
    }
    html.raw("</ul>");
}

fn acknowledge(html: &mut Html, sight: &Sight<'_>, alert: &Alert, token: &str) {
    html.raw("<h2 id=\"acknowledge\">Acknowledge</h2>");
    let note = sight.notes.get(alert.id);
    if let Some(note) = &note {
        html.raw("<p>Acknowledged on ").text(&note.when).raw(" UTC");
        if !note.words.is_empty() {
            html.raw(": “").wire_within(&note.words, NOTE_CHARS_MAX).raw("”");
        }
        html.raw(".</p>");
    }
    html.raw("<form class=\"note\" method=\"post\" action=\"/alerts/").text(alert.id).raw("/acknowledge\">");
    html.raw("<input type=\"hidden\" name=\"token\" value=\"").text(token).raw("\">");
    // What whoever sends it has seen; the episode may grow meanwhile.
    let Extent { severity, count } = Extent::of(alert);
    html.raw("<input type=\"hidden\" name=\"severity\" value=\"").text(severity).raw("\">");
    html.raw("<input type=\"hidden\" name=\"count\" value=\"").text(count).raw("\">");
    html.raw("<label>Note, if you like <input name=\"note\" maxlength=\"500\" autocomplete=\"off\" value=\"");
    html.text(note.as_ref().map_or("", |note| note.words.as_str())).raw("\"></label>");
    html.raw(if note.is_some() {
        "<button>Acknowledge as it is now</button><button name=\"take_back\" value=\"1\">Take back</button></form>"
    } else {
        "<button>Acknowledge</button></form>"
    });
    html.raw("<p class=\"soft\">").raw(sight.notes.where_kept()).raw("</p>");
}
