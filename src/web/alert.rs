//! One episode in full: the story, who and where, the evidence, what to do.
//! It is given the snapshot and the id in the path.
//! It promises every field of the record but those that do not apply.

use super::Snapshot;
use super::html::Html;
use super::overview::{severity, shown_time};
use heelguard_detectors::alert::{Alert, Fact};
use std::fmt::Display;

pub(super) fn page(snapshot: &Snapshot, id: &str) -> Option<(String, Html)> {
    let alert = snapshot.episodes.iter().find(|episode| episode.id.to_string() == id)?;
    let mut html = Html::new();
    html.raw("<p>");
    severity(&mut html, alert.severity);
    html.raw(" <a href=\"/rules/")
        .text(alert.detector)
        .raw("\">")
        .text(alert.rule)
        .raw(" · ")
        .text(alert.title)
        .raw("</a> <span class=\"soft\">")
        .text(alert.status)
        .raw("</span></p><h1>")
        .text(&alert.message)
        .raw("</h1><p class=\"todo\"><b>Do:</b> ")
        .text(alert.response)
        .raw("</p><h2>Who and where</h2>");
    circumstances(&mut html, alert);
    evidence(&mut html, alert);
    facts(&mut html, alert);
    Some((alert.title.to_owned(), html))
}

fn circumstances(html: &mut Html, alert: &Alert) {
    html.raw("<dl>");
    item(html, "subject", format_args!("{} ({})", alert.subject.value, alert.subject.scope));
    if let Some(principal) = &alert.principal {
        item(
            html,
            "principal",
            format_args!("{} {}, known by {}", principal.kind, principal.id, principal.source),
        );
    }
    if let Some(client) = &alert.client {
        let country = client.country.map(|country| format!(" · {country}")).unwrap_or_default();
        let asn = client.asn.map(|asn| format!(" · AS{asn}")).unwrap_or_default();
        let device = client.device.as_deref().map(|device| format!(" · device {device}")).unwrap_or_default();
        item(html, "client", format_args!("{}{country}{asn}{device}", client.ip));
    }
    if let Some(credential) = &alert.credential {
        let (class, location, name) = (credential.class, credential.location, &credential.name);
        item(html, "credential", format_args!("{class} in {location} {name}, {}", credential.fingerprint));
    }
    if let Some(endpoint) = &alert.endpoint {
        item(html, "endpoint", format_args!("{} {}{}", endpoint.method, endpoint.host, endpoint.route));
    }
    item(html, "first seen", shown_time(alert.first_seen));
    item(html, "last seen", shown_time(alert.last_seen));
    item(html, "events", format_args!("{} (fires at {})", alert.count, alert.threshold));
    item(html, "confidence", alert.confidence);
    if alert.visibility.truncated > 0 || alert.visibility.one_way {
        let one_way = if alert.visibility.one_way { ", one direction only" } else { "" };
        item(html, "not seen", format_args!("{} transactions cut{one_way}", alert.visibility.truncated));
    }
    item(html, "id", alert.id);
    html.raw("</dl>");
    if alert.client.as_ref().is_some_and(|client| client.asn.is_some()) {
        // The licence of the built-in table asks for it: see docs/geoip.md.
        html.raw("<p><a href=\"https://db-ip.com\" rel=\"noreferrer\">IP Geolocation by DB-IP</a></p>");
    }
}

fn evidence(html: &mut Html, alert: &Alert) {
    if alert.evidence.is_empty() {
        return;
    }
    html.raw("<h2>Evidence</h2><div class=\"scroll\"><table><thead><tr><th>Time</th><th>Request</th>")
        .raw("<th class=\"number\">Status</th><th>Shows</th></tr></thead><tbody>");
    for evidence in &alert.evidence {
        html.raw("<tr><td class=\"time\">")
            .text(shown_time(evidence.time))
            .raw("</td><td class=\"mono\">")
            .text(&evidence.method)
            .raw(" ")
            .text(&evidence.path)
            .raw("</td><td class=\"number\">")
            .text(evidence.status.map_or_else(|| "—".to_owned(), |status| status.to_string()))
            .raw("</td><td>")
            .text(&evidence.note)
            .raw("</td></tr>");
    }
    html.raw("</tbody></table></div>");
}

fn facts(html: &mut Html, alert: &Alert) {
    html.raw("<h2>Facts</h2><dl>");
    for (name, fact) in &alert.facts {
        match fact {
            Fact::Count(count) => item(html, name, count),
            Fact::Number(number) => item(html, name, format_args!("{number:.2}")),
            Fact::Flag(flag) => item(html, name, flag),
            Fact::Text(text) => item(html, name, text),
            Fact::List(list) => item(html, name, list.join(", ")),
        }
    }
    item(html, "ATT&CK", alert.mitre.join(", "));
    item(html, "OWASP", alert.owasp.join(", "));
    html.raw("</dl>");
}

fn item(html: &mut Html, name: &str, value: impl Display) {
    html.raw("<dt>").text(name).raw("</dt><dd>").text(value).raw("</dd>");
}
