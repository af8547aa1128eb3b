//! Pieces that views share: links, searches, and the way from page to page of a long list.
//! They are given values and add markup.
//! They promise that everything of the wire goes through `Html::wire`.

pub(super) use crate::markup::parts::{
    card, close_table, item, item_of, lasted, micros, number, open_table, open_table_of, severity, share,
    shown_time, sized, time,
};

use crate::web::ask::Pairs;
use crate::web::html::{Html, grouped};
use heelguard_detectors::identity::Fingerprint;
use heelguard_detectors::time::EventTime;

/// Letters of a search.
pub(super) const SEARCH_CHARS_MAX: usize = 200;

/// Rows of one page of a list.
pub(super) const ROWS: usize = 100;

/// Rows on one page, and which page.
pub(super) struct Leaf<'a, T> {
    pub(super) rows: &'a [T],
    number: usize,
    of: usize,
    all: usize,
}

impl<'a, T> Leaf<'a, T> {
    /// The page that is asked for; the last one where it is beyond it.
    pub(super) fn of(all: &'a [T], asked: &Pairs) -> Self {
        let of = all.len().div_ceil(ROWS).max(1);
        let number = asked.get("page").parse().unwrap_or(1).clamp(1, of);
        let from = (number - 1) * ROWS;
        let rows = all.get(from..(from + ROWS).min(all.len())).unwrap_or_default();
        Self { rows, number, of, all: all.len() }
    }

    /// Links to the pages before and behind, where there is more than one.
    pub(super) fn turn(&self, html: &mut Html, asked: &Pairs) {
        if self.of < 2 {
            return;
        }
        html.raw("<nav class=\"turn\" aria-label=\"Pages of this list\">");
        let link = |html: &mut Html, number: usize, word: &'static str| {
            let query = asked.with("page", &number.to_string());
            html.raw("<a href=\"").text(query).raw("\">").raw(word).raw("</a>");
        };
        if self.number > 1 {
            link(html, self.number - 1, "Previous");
        }
        html.raw("<span>Page ").text(self.number).raw(" of ").text(self.of).raw(", ");
        html.text(grouped(self.all as u64)).raw(" in all</span>");
        if self.number < self.of {
            link(html, self.number + 1, "Next");
        }
        html.raw("</nav>");
    }
}

/// The last cells of a row about something that is used: how often, from when to when.
pub(super) fn end_with_use(html: &mut Html, calls: u64, times: [EventTime; 2]) {
    number(html, calls);
    for at in times {
        html.raw("<td class=\"time\">");
        time(html, at);
        html.raw("</td>");
    }
    html.raw("</tr>");
}

/// The link to a principal's page, by its name in alerts.
pub(super) fn principal(html: &mut Html, key: &str) {
    principal_named(html, key, key);
}

/// The same, shown under another name. Nobody's name is so long that a link cannot hold it.
pub(super) fn principal_named(html: &mut Html, key: &str, shown: &str) {
    const KEY_BYTES_MAX: usize = 600;
    if key.len() > KEY_BYTES_MAX {
        html.jointed(shown);
        return;
    }
    html.raw("<a href=\"/principal?id=").part(key).raw("\">").jointed(shown).raw("</a>");
}

/// The link to an endpoint's page.
pub(super) fn endpoint(html: &mut Html, method: &str, host: &str, route: &str) {
    html.raw("<a href=\"/endpoint?method=").part(method).raw("&amp;host=").part(host);
    html.raw("&amp;route=").part(route).raw("\">").wire(method).raw(" ").jointed(host);
    html.raw("<wbr>").jointed(route).raw("</a>");
}

/// The link to a credential's page.
pub(super) fn fingerprint(html: &mut Html, fingerprint: Fingerprint) {
    let full = fingerprint.to_string();
    html.raw("<a class=\"mono whole\" href=\"/keys/").text(&full).raw("\" title=\"").text(&full).raw("\">");
    html.text(full.get(..8).unwrap_or(&full)).raw("…</a>");
}

/// The first of a view: what to do where there is nothing yet.
pub(super) fn empty(html: &mut Html, what: &'static str, to_do: &'static str) {
    html.raw("<div class=\"empty\"><p><b>").raw(what).raw("</b></p><p>").raw(to_do).raw("</p></div>");
}

/// A form that asks for words, above a list; which list it is and how it is sorted stay.
pub(super) fn search(html: &mut Html, label: &'static str, asked: &Pairs) {
    html.raw("<form class=\"filter\" method=\"get\" role=\"search\">");
    for name in ["show", "sort"] {
        if !asked.get(name).is_empty() {
            html.raw("<input type=\"hidden\" name=\"")
                .raw(name)
                .raw("\" value=\"")
                .text(asked.get(name))
                .raw("\">");
        }
    }
    html.raw("<label>").raw(label);
    html.raw(" <input type=\"search\" name=\"q\" maxlength=\"200\" value=\"").text(asked.get("q"));
    html.raw("\"></label><button>Search</button></form>");
}

/// Ways to sort this list: the names, and what stands behind `sort=`; the first is meant where nothing does.
pub(super) fn tabs(
    html: &mut Html,
    path: &'static str,
    asked: &Pairs,
    ways: &[(&'static str, &'static str)],
) {
    let is_known = ways.iter().any(|(_, value)| *value == asked.get("sort"));
    let from_the_first = Pairs::read(asked.with("page", "").trim_start_matches('?'));
    html.raw("<nav class=\"tabs\" aria-label=\"Order\">");
    for (name, value) in ways {
        let is_here = asked.get("sort") == *value || !is_known && value.is_empty();
        html.raw("<a href=\"").raw(path).text(from_the_first.with("sort", value));
        html.raw(if is_here { "\" aria-current=\"true\">" } else { "\">" }).raw(name).raw("</a>");
    }
    html.raw("</nav>");
}

/// What stands where a search has found nothing; gives whether it does.
pub(super) fn found_none(html: &mut Html, found: usize, asked: &Pairs) -> bool {
    let is_none = found == 0 && !asked.get("q").is_empty();
    if is_none {
        empty(html, "None is like that.", "<a href=\"?\">Show all</a>, or search for less.");
    }
    is_none
}

/// Says that a list was cut and leads to all of it: `way` is an address of this page, `words` its last part.
pub(super) fn cut(html: &mut Html, shown: usize, all: usize, way: &'static str, words: &str) {
    if all > shown {
        html.raw("<p>").text(grouped((all - shown) as u64)).raw(" more are not shown here: <a href=\"");
        html.raw(way).part(words).raw("\">all ").text(grouped(all as u64)).raw("</a>.</p>");
    }
}

/// Whether all words of the search are in one of the texts.
pub(super) fn finds(words: &str, texts: &[&str]) -> bool {
    let text = texts.join("\n").to_lowercase();
    words.to_lowercase().split_whitespace().all(|word| text.contains(word))
}
