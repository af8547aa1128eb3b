//! The holes in the cover of second factors, each with its evidence and what to do about it.
//! It is given the holes in the order of their gravity.
//! It promises to say where there is none, and what that rests on.

use super::parts::{close_table, cut, fingerprint, open_table};
use crate::ledger::gaps::{Gap, Weight};
use crate::ledger::visited::Way;
use crate::web::html::{Html, grouped};

/// Credentials that are named of one hole.
const NAMED: usize = 4;

pub(super) fn list(html: &mut Html, gaps: &[Gap], shown: usize) {
    html.raw("<h2>Where a second factor is walked around</h2>");
    if gaps.is_empty() {
        html.raw("<p>No hole was seen: wherever somebody proved a second factor, nothing was granted to a static key, ");
        html.raw("a password with every request, nobody at all, or a session that went past its account’s factor.</p>");
        return;
    }
    let heads = ["Endpoint", "Granted to", "Evidence", "By", "What to do"];
    open_table(html, "Holes in the cover of second factors, the gravest first", &heads);
    for gap in gaps.iter().take(shown) {
        row(html, gap);
    }
    close_table(html);
    cut(html, shown, gaps.len(), "/coverage?show=gaps", "");
}

fn row(html: &mut Html, gap: &Gap) {
    let of = &gap.endpoint;
    html.raw("<tr><th scope=\"row\" class=\"mono\">")
        .wire(&of.method)
        .raw(" ")
        .wire(&of.host)
        .wire(&of.route);
    for label in of.labels.iter() {
        html.raw(" <span class=\"label\">").text(label).raw("</span>");
    }
    html.raw("</th><td><span class=\"badge ").raw(badge(gap.weight)).raw("\">").raw(words(gap.way));
    html.raw("</span></td><td>").text(gap.evidence()).raw("</td><td>");
    for (fingerprint_of, count) in gap.by.iter().take(NAMED) {
        fingerprint(html, *fingerprint_of);
        html.raw(" <span class=\"soft\">").text(grouped(*count)).raw("</span><br>");
    }
    if gap.by.len() > NAMED {
        html.raw("<span class=\"soft\">and ")
            .text(grouped((gap.by.len() - NAMED) as u64))
            .raw(" more</span>");
    }
    html.raw("</td><td>").text(gap.advice()).raw("</td></tr>");
}

const fn badge(weight: Weight) -> &'static str {
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
