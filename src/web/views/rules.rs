//! The detectors: a catalogue, and the page of each, rendered from the rule's own text.
//! It is given the catalogue and the run, for how often each has spoken.
//! It promises every rule, those that were silent too.

use super::Sight;
use super::parts::{close_table, number, open_table, severity};
use super::words::markdown;
use crate::web::frame::{Page, Place};
use crate::web::html::Html;
use heelguard_detectors::rules::{Entry, catalogue};

pub(in crate::web) fn catalogue_page(sight: &Sight<'_>) -> Page {
    let alerts = sight.ledger.alerts();
    let mut html = Html::new();
    html.raw("<h1>Detectors</h1>");
    open_table(&mut html, "Detectors", &["Id", "Severity", "What it sees", "About", "Status", "#Alerts"]);
    for Entry { rule, .. } in catalogue() {
        html.raw("<tr><td class=\"mono\">").text(rule.id).raw("</td><td>");
        severity(&mut html, rule.severity);
        html.raw("</td><td><a href=\"/rules/").text(rule.name).raw("\">").text(rule.title);
        html.raw("</a><br><span class=\"soft mono\">").text(rule.name).raw("</span></td><td>");
        html.text(rule.scope).raw("</td><td class=\"soft\">").text(rule.maturity).raw("</td>");
        number(&mut html, alerts.iter().filter(|alert| alert.detector == rule.name).count() as u64);
        html.raw("</tr>");
    }
    close_table(&mut html);
    Page::new(Place::Detectors, "Detectors", html)
}

pub(in crate::web) fn rule_page(name: &str) -> Option<Page> {
    let entry = catalogue().iter().find(|entry| entry.rule.name == name)?;
    let mut html = Html::new();
    html.raw("<p class=\"crumb\"><a href=\"/rules\">Detectors</a></p><p>");
    severity(&mut html, entry.rule.severity);
    html.raw(" <span class=\"mono soft\">").text(entry.rule.id).raw(" · ").text(entry.rule.name);
    html.raw("</span> <a href=\"/?rule=").text(entry.rule.id).raw("\">Its alerts</a></p>");
    markdown(&mut html, &entry.page());
    thresholds(&mut html, entry);
    Some(Page::new(Place::Detectors, entry.rule.title, html))
}

fn thresholds(html: &mut Html, entry: &Entry) {
    html.raw("<h2>Settings</h2><p class=\"mono\">[detectors.").text(entry.rule.name).raw("]</p>");
    open_table(html, "Settings", &["Key", "Default", "Unit", "Why"]);
    for threshold in entry.thresholds() {
        html.raw("<tr><td class=\"mono\">").text(threshold.name).raw("</td><td class=\"mono\">");
        html.text(threshold.default).raw("</td><td class=\"soft\">").text(threshold.unit);
        html.raw("</td><td>").text(threshold.reason).raw("</td></tr>");
    }
    close_table(html);
}
