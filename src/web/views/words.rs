//! The pages of detectors as HTML: the small Markdown that they are written in.
//! It is given a rule's own text.
//! It promises heads, paragraphs, lists and `code`; whatever else is in a page is shown as it is written.

use crate::web::html::Html;
use heelguard_detectors::rules::catalogue;

/// What else may look like what a detector sees, from its page.
pub(super) fn benign(html: &mut Html, detector: &str) {
    let Some(entry) = catalogue().iter().find(|entry| entry.rule.name == detector) else { return };
    let page = entry.page();
    let section = page.split("\n## ").find_map(|section| section.strip_prefix("Benign look-alikes\n"));
    markdown(html, section.unwrap_or_default());
    html.raw("<p><a href=\"/rules/").text(detector).raw("\">How it decides, and how to tune it</a></p>");
}

/// Renders the pages' Markdown.
pub(in crate::web) fn markdown(html: &mut Html, text: &str) {
    for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
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
