//! The part on what lies open, as Markdown.
//! It is given the report.
//! It promises what the page tells: what it is, data in answers, endpoints with their reasons.

use super::{left_out, place};
use crate::markup::html::grouped;
use crate::markup::markdown::Markdown;
use crate::report::limits::OPEN_WITHOUT_ALERTS;
use crate::report::model::Report;

pub(super) fn exposures(text: &mut Markdown, report: &Report) {
    let of = &report.exposures;
    text.raw("\n## What lies open\n");
    if !report.alerts.is_known {
        text.raw("\n").raw(OPEN_WITHOUT_ALERTS).raw("\n");
    }
    if of.open.is_empty() && of.endpoints.is_empty() && of.data.is_empty() {
        text.raw("\nNothing was found.\n");
        return;
    }
    open(text, report);
    endpoints(text, report);
    data(text, report);
}

fn open(text: &mut Markdown, report: &Report) {
    if report.exposures.open.is_empty() {
        return;
    }
    text.table(&["What", "Severity", "#Requests", "Where", "What to do"]);
    for open in &report.exposures.open {
        text.raw("| ").raw(open.rule.unwrap_or_default()).raw(" ").raw(open.title).raw(" | ");
        text.text(open.severity.0).raw(" | ").text(grouped(open.events)).raw(" | ");
        for (number, place) in open.places.iter().enumerate() {
            text.raw(if number > 0 { ", " } else { "" }).wire(place);
        }
        if open.places_in_all > open.places.len() as u64 {
            text.raw(", and ").text(open.places_in_all - open.places.len() as u64).raw(" more");
        }
        text.raw(" | ").raw(open.to_do).raw(" |\n");
    }
}

fn endpoints(text: &mut Markdown, report: &Report) {
    let of = &report.exposures;
    if of.endpoints.is_empty() {
        return;
    }
    text.raw("\n### Endpoints to look at first\n");
    text.table(&["Endpoint", "#Risk", "Reasons", "#Calls"]);
    for at in &of.endpoints {
        let reasons: Vec<&str> = at.reasons.iter().map(|reason| reason.words.as_str()).collect();
        text.raw("| ");
        place(text, &at.endpoint);
        text.raw(" | ").text(at.risk).raw(" | ").text(reasons.join("; ")).raw(" | ");
        text.text(grouped(at.calls)).raw(" |\n");
    }
    left_out(text, of.endpoints.len(), of.endpoints_in_all);
}

fn data(text: &mut Markdown, report: &Report) {
    if report.exposures.data.is_empty() {
        return;
    }
    text.raw("\n### Personal and secret data in answers\n");
    text.table(&["What", "#Answers", "#Endpoints", "#Open to anybody", "Where most"]);
    for held in &report.exposures.data {
        text.raw("| ").raw(held.words).raw(" | ").text(grouped(held.answers)).raw(" | ");
        text.text(grouped(held.endpoints)).raw(" | ").text(grouped(held.open_endpoints)).raw(" | ");
        for (number, at) in held.places.iter().enumerate() {
            text.raw(if number > 0 { ", " } else { "" });
            place(text, at);
        }
        text.raw(" |\n");
    }
}
