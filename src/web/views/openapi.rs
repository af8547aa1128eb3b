//! The description beside what was seen: what answers otherwise, what nobody declared, what nobody calls.
//! It is given the run and a search.
//! It promises the most pressing first, and words on what to do where nothing is described.

use super::Sight;
use super::parts::{Leaf, close_table, empty, finds, found_none, number, open_table, search, time};
use crate::openapi::{Row, State};
use crate::web::frame::{Page, Place};
use crate::web::html::Html;

pub(in crate::web) fn page(sight: &Sight<'_>) -> Page {
    let mut html = Html::new();
    html.raw("<h1>OpenAPI</h1>");
    if !sight.survey.is_described() {
        let to_do = "Name descriptions of your APIs under <code>[[openapi.specs]]</code>, and what differs from them \
                     stands here. <code>--learn-openapi</code> writes one of what is called.";
        empty(&mut html, "No description to compare with.", to_do);
        return Page::new(Place::Openapi, "OpenAPI", html);
    }
    let mut rows = sight.survey.rows();
    if rows.is_empty() {
        empty(
            &mut html,
            "The descriptions declare nothing.",
            "<code>heelguard check</code> says what it reads of them.",
        );
        return Page::new(Place::Openapi, "OpenAPI", html);
    }
    search(&mut html, "Method, host, path or state", sight.asked);
    let asked = sight.asked.get("q");
    rows.retain(|row| finds(asked, &[&row.method, &row.host, &row.path, row.state().words()]));
    if found_none(&mut html, rows.len(), sight.asked) {
        return Page::new(Place::Openapi, "OpenAPI", html);
    }
    let leaf = Leaf::of(&rows, sight.asked);
    let heads = ["Operation", "State", "Wanted", "#Calls", "#2xx", "#Without", "Undocumented", "Last (UTC)"];
    open_table(&mut html, "Declared and seen", &heads);
    leaf.rows.iter().for_each(|row| line(&mut html, row));
    close_table(&mut html);
    leaf.turn(&mut html, sight.asked);
    html.raw(
        "<p class=\"soft\">Without: answers of 2xx to callers without a credential, where one is declared. ",
    );
    html.raw("Undocumented: parameters that were taken and of which the description says nothing.</p>");
    Page::new(Place::Openapi, "OpenAPI", html)
}

fn line(html: &mut Html, row: &Row) {
    html.raw("<tr><th scope=\"row\" class=\"mono\">")
        .wire(&row.method)
        .raw(" ")
        .wire(&row.host)
        .wire(&row.path);
    html.raw("</th><td>");
    match row.state() {
        state @ (State::Seen | State::Never) => {
            html.raw("<span class=\"soft\">").text(state.words()).raw("</span>")
        }
        state => html.text(state.words()),
    };
    html.raw("</td><td>").text(row.wanted.as_deref().unwrap_or_default()).raw("</td>");
    number(html, row.calls);
    number(html, row.successes);
    number(html, row.unsecured);
    html.raw("<td>");
    for (place, name) in row.undocumented.iter().enumerate() {
        html.raw(if place > 0 { ", " } else { "" }).wire(name);
    }
    html.raw("</td><td class=\"time\">");
    if let Some(last) = row.last {
        time(html, last);
    }
    html.raw("</td></tr>");
}
