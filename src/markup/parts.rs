//! Pieces that pages and reports share: badges, times, tables and numbers.
//! They are given values and add markup.
//! They promise that everything of the wire goes through `Html::wire`.

use super::html::{Html, grouped};
use heelguard_detectors::alert::Severity;
use heelguard_detectors::time::EventTime;
use std::fmt::Display;

/// A severity as a badge.
pub(crate) fn severity(html: &mut Html, severity: Severity) {
    html.raw("<span class=\"badge ").text(severity).raw("\">").text(severity).raw("</span>");
}

/// `2026-11-21 10:03:00`.
pub(crate) fn shown_time(time: EventTime) -> String {
    let full = time.to_string();
    full.get(..19).unwrap_or(&full).replace('T', " ")
}

pub(crate) fn time(html: &mut Html, time: EventTime) {
    html.raw("<time datetime=\"").text(time).raw("\">").text(shown_time(time)).raw("</time>");
}

/// Opens a table that scrolls by itself where there is no room.
pub(crate) fn open_table(html: &mut Html, caption: &'static str, heads: &[&'static str]) {
    open_table_of(html, "", caption, heads);
}

/// The same, for a table that the style sheet knows.
pub(crate) fn open_table_of(
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

pub(crate) fn close_table(html: &mut Html) {
    html.raw("</tbody></table></div>");
}

pub(crate) fn number(html: &mut Html, number: u64) {
    html.raw("<td class=\"number\">").text(grouped(number)).raw("</td>");
}

/// A name and its value in a list of such.
pub(crate) fn item(html: &mut Html, name: &str, value: impl Display) {
    html.raw("<dt>").text(name).raw("</dt><dd>").wire(&value.to_string()).raw("</dd>");
}

/// The same, for a value that is markup.
pub(crate) fn item_of(html: &mut Html, name: &'static str, value: impl FnOnce(&mut Html)) {
    html.raw("<dt>").raw(name).raw("</dt><dd>");
    value(html);
    html.raw("</dd>");
}

/// A number with its name under it.
pub(crate) fn card(html: &mut Html, class: &'static str, count: u64, name: &str) {
    html.raw("<div class=\"card\"><b class=\"").raw(class).raw("\">").text(grouped(count));
    html.raw("</b><span class=\"soft\">").text(name).raw("</span></div>");
}

/// A part in per cent of a whole, with one place; a dash where there is no whole.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let share = part as f64 * 100.0 / whole as f64;
    if part > 0 && share < 0.1 { "< 0.1 %".to_owned() } else { format!("{share:.1} %") }
}

/// A span in its two largest units.
pub(crate) fn lasted(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// Bytes in a unit that keeps the number short.
pub(crate) fn sized(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// How long an answer took.
pub(crate) fn micros(micros: Option<u64>) -> String {
    match micros {
        None => "–".to_owned(),
        Some(micros @ 0..1_000) => format!("{micros} µs"),
        Some(micros @ 1_000..1_000_000) => format!("{:.1} ms", micros as f64 / 1e3),
        Some(micros) => format!("{:.2} s", micros as f64 / 1e6),
    }
}
