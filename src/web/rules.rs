//! The detectors: a catalogue, and the page of each, rendered from the rule's own text.
//! It is given the catalogue and the small Markdown the pages are written in.
//! It promises heads, paragraphs, lists and `code`; whatever else is in a page is shown as it is written.

use super::html::Html;
use super::overview::severity;
use heelguard_detectors::rules::{Entry, catalogue};

pub(super) fn catalogue_page() -> Html {
    let mut html = Html::new();
    html.raw("<h1>Detectors</h1><div class=\"scroll\"><table><thead><tr><th>Id</th><th>Severity</th>")
        .raw("<th>What it sees</th><th>About</th><th>Status</th></tr></thead><tbody>");
    for Entry { rule, .. } in catalogue() {
        html.raw("<tr><td class=\"mono\">").text(rule.id).raw("</td><td>");
        severity(&mut html, rule.severity);
        html.raw("</td><td><a href=\"/rules/")
            .text(rule.name)
            .raw("\">")
            .text(rule.title)
            .raw("</a><br><span class=\"soft mono\">")
            .text(rule.name)
            .raw("</span></td><td>")
            .text(rule.scope)
            .raw("</td><td class=\"soft\">")
            .text(rule.maturity)
            .raw("</td></tr>");
    }
    html.raw("</tbody></table></div>");
    html
}

pub(super) fn rule_page(name: &str) -> Option<(String, Html)> {
    let entry = catalogue().iter().find(|entry| entry.rule.name == name)?;
    let mut html = Html::new();
    html.raw("<p>");
    severity(&mut html, entry.rule.severity);
    html.raw(" <span class=\"mono soft\">")
        .text(entry.rule.id)
        .raw(" · ")
        .text(entry.rule.name)
        .raw("</span></p>");
    markdown(&mut html, &entry.page());
    thresholds(&mut html, entry);
    Some((entry.rule.title.to_owned(), html))
}

fn thresholds(html: &mut Html, entry: &Entry) {
    html.raw("<h2>Settings</h2><p class=\"mono\">[detectors.").text(entry.rule.name).raw("]</p>");
    html.raw(
        "<div class=\"scroll\"><table><thead><tr><th>Key</th><th>Default</th><th>Unit</th><th>Why</th></tr>",
    );
    html.raw("</thead><tbody>");
    for threshold in entry.thresholds() {
        html.raw("<tr><td class=\"mono\">")
            .text(threshold.name)
            .raw("</td><td class=\"mono\">")
            .text(threshold.default)
            .raw("</td><td class=\"soft\">")
            .text(threshold.unit)
            .raw("</td><td>")
            .text(threshold.reason)
            .raw("</td></tr>");
    }
    html.raw("</tbody></table></div>");
}

/// Renders blocks: a run of lines without an empty one between them.
pub(super) fn markdown(html: &mut Html, page: &str) {
    for block in page.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        if let Some(title) = block.strip_prefix("# ") {
            html.raw("<h1>");
            inline(html, title);
            html.raw("</h1>");
        } else if let Some(head) = block.strip_prefix("## ") {
            html.raw("<h2>");
            inline(html, head);
            html.raw("</h2>");
        } else if let Some(items) = block.strip_prefix("- ") {
            html.raw("<ul>");
            for item in items.split("\n- ") {
                html.raw("<li>");
                inline(html, item);
                html.raw("</li>");
            }
            html.raw("</ul>");
        } else {
            html.raw("<p>");
            inline(html, block);
            html.raw("</p>");
        }
    }
}

/// Words between back quotes are code; an unpaired back quote is a back quote. Line ends are blanks.
fn inline(html: &mut Html, words: &str) {
    let words = words.replace('\n', " ");
    let mut rest = words.as_str();
    while let Some((before, code, after)) = rest
        .split_once('`')
        .and_then(|(before, after)| after.split_once('`').map(|(code, after)| (before, code, after)))
    {
        html.text(before).raw("<code>").text(code).raw("</code>");
        rest = after;
    }
    html.text(rest);
}
