//! The description beside what was seen: what answers otherwise, what nobody declared, what nobody calls.
//! It is given the run and a search.
//! It promises the most pressing first, what differs in words, and what to do where nothing is described.

use super::Sight;
use super::parts::{Leaf, close_table, empty, endpoint, finds, found_none, number, open_table, search, time};
use crate::openapi::{Row, State};
use crate::web::frame::{Page, Place};
use crate::web::html::{Html, grouped};

/// The states, and what to do about each.
const STATES: [(State, &str, &str); 6] = [
    (State::Unsecured, "critical", "Demand the credential that is declared."),
    (State::Undeclared, "high", "Declare it, or switch it off."),
    (State::Deprecated, "medium", "Move its callers, then switch it off."),
    (State::Differs, "medium", "Set right the description, or what the server takes."),
    (State::Seen, "", ""),
    (State::Never, "", "Switch it off if nobody needs it."),
];

pub(in crate::web) fn page(sight: &Sight<'_>) -> Page {
    let mut html = Html::new();
    html.raw("<h1>OpenAPI</h1>");
    if !sight.survey.is_described() {
        let to_do = "Name descriptions of your APIs under <code>[[openapi.specs]]</code>, and what differs from them \
                     stands here. Where there is none, <code>heelguard replay --learn-openapi learned.yaml \
                     capture.pcap</code> writes one of what was called.";
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
    html.raw("<p>What the descriptions of the APIs declare, beside what was called and answered.</p>");
    cards(&mut html, &rows);
    search(&mut html, "Method, host, path, state or parameter", sight.asked);
    let asked = sight.asked.get("q");
    rows.retain(|row| {
        let parameters: Vec<&str> = row.undocumented.iter().map(|name| &**name).collect();
        finds(asked, &[&row.method, &row.host, &row.path, row.state().words(), &parameters.join(" ")])
    });
    if found_none(&mut html, rows.len(), sight.asked) {
        return Page::new(Place::Openapi, "OpenAPI", html);
    }
    let leaf = Leaf::of(&rows, sight.asked);
    let heads = ["Operation", "State", "What differs", "#Calls", "#Answered 2xx", "Last (UTC)"];
    open_table(&mut html, "Declared and seen, the most pressing first", &heads);
    leaf.rows.iter().for_each(|row| line(&mut html, sight, row));
    close_table(&mut html);
    leaf.turn(&mut html, sight.asked);
    if sight.survey.left_out() > 0 {
        html.raw("<p>").text(grouped(sight.survey.left_out()));
        html.raw(" calls are not told here: the table has no room for their operations.</p>");
    }
    Page::new(Place::Openapi, "OpenAPI", html)
}

/// How many operations there are in each state; each leads to its own.
fn cards(html: &mut Html, rows: &[Row]) {
    html.raw("<div class=\"cards\">");
    for (state, class, _) in STATES {
        let count = rows.iter().filter(|row| row.state() == state).count() as u64;
        html.raw("<a class=\"card\" href=\"/openapi?q=").part(state.words()).raw("\"><b class=\"");
        html.raw(if count > 0 { class } else { "" }).raw("\">").text(grouped(count));
        html.raw("</b><span class=\"soft\">").raw(state.words()).raw("</span></a>");
    }
    html.raw("</div>");
}

fn line(html: &mut Html, sight: &Sight<'_>, row: &Row) {
    html.raw("<tr><th scope=\"row\" class=\"mono\">");
    // Where the learned route is the declared one, the endpoint has a page.
    if sight.ledger.endpoint(&row.method, &row.host, &row.path).is_some() {
        endpoint(html, &row.method, &row.host, &row.path);
    } else {
        html.wire(&row.method).raw(" ").wire(&row.host).raw("<wbr>").jointed(&row.path);
    }
    html.raw("</th><td>");
    let state = STATES.iter().find(|(state, ..)| *state == row.state());
    let (_, class, to_do) = state.copied().unwrap_or((State::Seen, "", ""));
    html.raw(if class.is_empty() { "<span class=\"soft\">" } else { "<span class=\"badge long " });
    html.raw(class).raw(if class.is_empty() { "" } else { "\">" });
    html.raw(row.state().words()).raw("</span></td><td>");
    differs(html, row);
    if !to_do.is_empty() {
        html.raw("<span class=\"soft\">").raw(to_do).raw("</span>");
    }
    html.raw("</td>");
    number(html, row.calls);
    number(html, row.successes);
    html.raw("<td class=\"time\">");
    match row.last {
        Some(last) => time(html, last),
        None => {
            html.raw("–");
        }
    }
    html.raw("</td></tr>");
}

/// What was seen against what is declared, a line for each.
fn differs(html: &mut Html, row: &Row) {
    let wanted = row.wanted.as_deref().unwrap_or("a credential");
    if row.unsecured > 0 {
        html.text(grouped(row.unsecured)).raw(" answered without any credential; declared is ").wire(wanted);
        html.raw("<br>");
    }
    if row.other_credential > 0 {
        html.text(grouped(row.other_credential))
            .raw(" answered to another credential; declared is ")
            .wire(wanted);
        html.raw("<br>");
    }
    if !row.undocumented.is_empty() {
        html.raw("undocumented parameters: ");
        for (place, name) in row.undocumented.iter().enumerate() {
            html.raw(if place > 0 { ", " } else { "" })
                .raw("<span class=\"mono\">")
                .wire(name)
                .raw("</span>");
        }
        html.raw("<br>");
    }
}
