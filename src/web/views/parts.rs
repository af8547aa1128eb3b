//! Pieces that views share: badges, times, links, tables, and the way from page to page of a long list.
//! They are given values and add markup.
//! They promise that everything of the wire goes through `Html::wire`.

use crate::web::ask::Pairs;
use crate::web::html::{Html, grouped};
use heelguard_detectors::alert::Severity;
use heelguard_detectors::identity::{Fingerprint, ProofLevel};
use heelguard_detectors::time::EventTime;
use std::fmt::Display;

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

/// A severity as a badge.
pub(super) fn severity(html: &mut Html, severity: Severity) {
    html.raw("<span class=\"badge ").text(severity).raw("\">").text(severity).raw("</span>");
}

/// `2026-11-21 10:03:00`.
pub(super) fn shown_time(time: EventTime) -> String {
    let full = time.to_string();
    full.get(..19).unwrap_or(&full).replace('T', " ")
}

pub(super) fn time(html: &mut Html, time: EventTime) {
    html.raw("<time datetime=\"").text(time).raw("\">").text(shown_time(time)).raw("</time>");
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
        html.wire(shown);
        return;
    }
    html.raw("<a href=\"/principal?id=").part(key).raw("\">").wire(shown).raw("</a>");
}

/// The link to a credential's page.
pub(super) fn fingerprint(html: &mut Html, fingerprint: Fingerprint) {
    let full = fingerprint.to_string();
    html.raw("<a class=\"mono\" href=\"/keys/").text(&full).raw("\" title=\"").text(&full).raw("\">");
    html.text(full.get(..8).unwrap_or(&full)).raw("…</a>");
}

/// Opens a table that scrolls by itself where there is no room.
pub(super) fn open_table(html: &mut Html, caption: &'static str, heads: &[&'static str]) {
    open_table_of(html, "", caption, heads);
}

/// The same, for a table that the style sheet knows.
pub(super) fn open_table_of(
    html: &mut Html,
    class: &'static str,
    caption: &'static str,
    heads: &[&'static str],
) {
    html.raw("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"").raw(caption);
    html.raw("\"><table class=\"").raw(class).raw("\"><caption>").raw(caption).raw("</caption><thead><tr>");
    for head in heads {
        // A number's head stands where its number stands.
        match head.strip_prefix('#') {
            Some(head) => html.raw("<th scope=\"col\" class=\"number\">").raw(head).raw("</th>"),
            None => html.raw("<th scope=\"col\">").raw(head).raw("</th>"),
        };
    }
    html.raw("</tr></thead><tbody>");
}

pub(super) fn close_table(html: &mut Html) {
    html.raw("</tbody></table></div>");
}

pub(super) fn number(html: &mut Html, number: u64) {
    html.raw("<td class=\"number\">").text(grouped(number)).raw("</td>");
}

/// A name and its value in a list of such.
pub(super) fn item(html: &mut Html, name: &str, value: impl Display) {
    html.raw("<dt>").text(name).raw("</dt><dd>").wire(&value.to_string()).raw("</dd>");
}

/// The same, for a value that is markup.
pub(super) fn item_of(html: &mut Html, name: &'static str, value: impl FnOnce(&mut Html)) {
    html.raw("<dt>").raw(name).raw("</dt><dd>");
    value(html);
    html.raw("</dd>");
}

/// A number with its name under it.
pub(super) fn card(html: &mut Html, class: &'static str, count: u64, name: &str) {
    html.raw("<div class=\"card\"><b class=\"").raw(class).raw("\">").text(grouped(count));
    html.raw("</b><span class=\"soft\">").text(name).raw("</span></div>");
}

/// A part in per cent of a whole, with one place; a dash where there is no whole.
pub(super) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let share = part as f64 * 100.0 / whole as f64;
    if part > 0 && share < 0.1 { "< 0.1 %".to_owned() } else { format!("{share:.1} %") }
}

/// A span in its two largest units.
pub(super) fn lasted(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// Bytes in a unit that keeps the number short.
pub(super) fn sized(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// How long an answer took.
pub(super) fn micros(micros: Option<u64>) -> String {
    match micros {
        None => "–".to_owned(),
        Some(micros @ 0..1_000) => format!("{micros} µs"),
        Some(micros @ 1_000..1_000_000) => format!("{:.1} ms", micros as f64 / 1e3),
        Some(micros) => format!("{:.2} s", micros as f64 / 1e6),
    }
}

/// What a proof level is called where people read it.
pub(super) const fn proof_words(level: ProofLevel) -> &'static str {
    match level {
        ProofLevel::None => "no credential",
        ProofLevel::Unknown => "unknown",
        ProofLevel::Password => "password only",
        ProofLevel::Mfa => "second factor",
        ProofLevel::ApiKey => "static key",
        ProofLevel::ServiceToken => "service token",
        ProofLevel::Certificate => "certificate",
    }
}

/// The class of a proof level in pictures.
pub(super) const fn proof_class(level: ProofLevel) -> &'static str {
    match level {
        ProofLevel::None => "p-none",
        ProofLevel::Unknown => "p-unknown",
        ProofLevel::Password => "p-password",
        ProofLevel::Mfa => "p-mfa",
        ProofLevel::ApiKey => "p-key",
        ProofLevel::ServiceToken => "p-service",
        ProofLevel::Certificate => "p-certificate",
    }
}

/// Proof levels as pictures show them: the strongest proof of a person first, what is not known last.
pub(super) const PROOFS: [ProofLevel; 7] = [
    ProofLevel::Mfa,
    ProofLevel::Certificate,
    ProofLevel::Password,
    ProofLevel::ServiceToken,
    ProofLevel::ApiKey,
    ProofLevel::None,
    ProofLevel::Unknown,
];

/// The first of a view: what to do where there is nothing yet.
pub(super) fn empty(html: &mut Html, what: &'static str, to_do: &'static str) {
    html.raw("<div class=\"empty\"><p><b>").raw(what).raw("</b></p><p>").raw(to_do).raw("</p></div>");
}

/// A form that asks for words, above a list.
pub(super) fn search(html: &mut Html, label: &'static str, asked: &Pairs) {
    html.raw("<form class=\"filter\" method=\"get\" role=\"search\"><label>").raw(label);
    html.raw(" <input type=\"search\" name=\"q\" maxlength=\"200\" value=\"").text(asked.get("q"));
    html.raw("\"></label><button>Search</button></form>");
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
