//! Pictures, drawn in the page: bars, columns, lanes, strips.
//! They are given numbers and classes of the style sheet, and a sentence that says what they show.
//! They promise to fill any width (places are shares of it) and to say in words what they show.

use super::html::Html;
use crate::ledger::days::Days;
use crate::ledger::rhythm::{Rhythm, SPANS};
use heelguard_detectors::time::EventTime;
use std::fmt::Display;

/// How high columns are, in pixels.
const COLUMNS_PX: u32 = 56;
/// The same of piles.
const PILES_PX: u32 = 110;

/// Opens a picture of this height that is described by `words`.
fn open(html: &mut Html, class: &'static str, height: u32, words: impl Display) {
    html.raw("<svg class=\"").raw(class).raw("\" role=\"img\" width=\"100%\" height=\"").text(height);
    html.raw("\" aria-label=\"").text(words).raw("\">");
}

/// One bar of parts beside each other.
pub(crate) fn bar(html: &mut Html, parts: &[(&'static str, &'static str, u64)]) {
    let whole: u64 = parts.iter().map(|part| part.2).sum();
    let share = |count: u64| count as f64 * 100.0 / whole.max(1) as f64;
    let words = parts.iter().filter(|part| part.2 > 0);
    let words: Vec<String> = words.map(|(_, name, count)| format!("{name} {:.0} %", share(*count))).collect();
    open(html, "bar", 16, words.join(", "));
    let mut at = 0.0;
    for &(class, name, count) in parts.iter().filter(|part| part.2 > 0) {
        html.raw("<rect height=\"16\" x=\"").text(format_args!("{at:.3}%")).raw("\" width=\"");
        html.text(format_args!("{:.3}%", share(count))).raw("\" class=\"").raw(class).raw("\"><title>");
        html.raw(name).text(format_args!(" {:.0} %", share(count))).raw("</title></rect>");
        at += share(count);
    }
    html.raw("</svg>");
}

/// Calls over time, refusals on top.
pub(crate) fn columns(html: &mut Html, rhythm: &Rhythm) {
    let spans = rhythm.spans();
    let highest = spans.iter().map(|span| span.calls).max().unwrap_or(0).max(1);
    let words = format!("calls over time, at most {highest} in {} s", rhythm.span_s());
    open(html, "columns", COLUMNS_PX, words);
    let width = 100.0 / spans.len().max(1) as f64;
    let height = |count: u32| (f64::from(count) / f64::from(highest) * f64::from(COLUMNS_PX)).max(1.5);
    for (place, span) in spans.iter().enumerate().filter(|(_, span)| span.calls > 0) {
        column(html, "calls", (place as f64 * width, width), height(span.calls));
        if span.denied > 0 {
            column(html, "denied", (place as f64 * width, width), height(span.denied));
        }
    }
    html.raw("</svg>");
}

fn column(html: &mut Html, class: &'static str, (at, width): (f64, f64), height: f64) {
    html.raw("<rect class=\"").raw(class).raw("\" x=\"").text(format_args!("{at:.3}%")).raw("\" width=\"");
    html.text(format_args!("{:.3}%", (width * 0.86).max(0.4))).raw("\" y=\"");
    html.text(format_args!("{:.1}", f64::from(COLUMNS_PX) - height)).raw("\" height=\"");
    html.text(format_args!("{height:.1}")).raw("\"/>");
}

/// Side of a day in the calendar, and the distance to the next, in pixels.
const DAY_PX: u64 = 11;
const DAY_STEP_PX: u64 = 14;

/// Days as squares, weeks as columns.
pub(crate) fn calendar(html: &mut Html, days: &Days) {
    let busiest = days.iter().map(|(_, day)| day.calls).max().unwrap_or(0).max(1);
    let words = format!("calls on {} days, at most {busiest} on one", days.iter().len());
    html.raw("<svg class=\"calendar\" role=\"img\" width=\"").text(DAY_STEP_PX * 14).raw("\" height=\"");
    html.text(DAY_STEP_PX * 7).raw("\" aria-label=\"").text(words).raw("\">");
    // 1 January 1970 was a Thursday.
    let weekday = |at: EventTime| at.as_secs() / 86_400 + 3;
    let first_week = days.iter().next().map_or(0, |(at, _)| weekday(at) / 7);
    let last_week = days.iter().last().map_or(0, |(at, _)| weekday(at) / 7);
    // Weeks are whole, so that one sees which day it is.
    for cell in 0..(last_week + 1 - first_week) * 7 {
        html.raw("<rect class=\"d0\" width=\"").text(DAY_PX).raw("\" height=\"").text(DAY_PX).raw("\" x=\"");
        html.text(cell / 7 * DAY_STEP_PX).raw("\" y=\"").text(cell % 7 * DAY_STEP_PX).raw("\"/>");
    }
    for (at, day) in days.iter() {
        let (column, line) = (weekday(at) / 7 - first_week, weekday(at) % 7);
        html.raw("<rect width=\"").text(DAY_PX).raw("\" height=\"").text(DAY_PX).raw("\" x=\"");
        html.text(column * DAY_STEP_PX).raw("\" y=\"").text(line * DAY_STEP_PX).raw("\" class=\"");
        html.raw(shade(day.calls, busiest)).raw(if day.denied * 2 > day.calls { " denied" } else { "" });
        html.raw("\"><title>").text(at.to_string().get(..10).unwrap_or_default());
        html.text(format_args!(": {} calls, {} refused", day.calls, day.denied)).raw("</title></rect>");
    }
    html.raw("</svg>");
}

/// A fourth of the busiest day makes a shade.
fn shade(calls: u32, busiest: u32) -> &'static str {
    match u64::from(calls) * 4 / u64::from(busiest.max(1)) {
        _ if calls == 0 => "d0",
        0 => "d1",
        1 => "d2",
        2 => "d3",
        _ => "d4",
    }
}

/// In which spans of a rhythm something was in use.
pub(crate) fn lane(html: &mut Html, rhythm: &Rhythm, mask: u64) {
    let spans = rhythm.spans().len().clamp(1, SPANS);
    open(html, "lane", 14, format_args!("in use in {} of {spans} spans", mask.count_ones()));
    let width = 100.0 / spans as f64;
    let mut place = 0;
    while place < spans {
        let length = (mask >> place).trailing_ones() as usize;
        if length == 0 {
            place += 1;
            continue;
        }
        html.raw("<rect height=\"14\" x=\"").text(format_args!("{:.3}%", place as f64 * width));
        html.raw("\" width=\"").text(format_args!("{:.3}%", length as f64 * width)).raw("\"/>");
        place += length;
    }
    html.raw("</svg>");
}

/// Something that happened, for a strip.
pub(crate) struct Tick {
    pub(crate) time: EventTime,
    /// The class that gives it its colour.
    pub(crate) class: &'static str,
    /// What it was, for whoever points at it.
    pub(crate) words: String,
}

/// Moments on a line from one time to another; those outside are left out.
pub(crate) fn strip(html: &mut Html, (from, to): (EventTime, EventTime), what: &str, ticks: &[Tick]) {
    let inside: Vec<&Tick> = ticks.iter().filter(|tick| tick.time >= from && tick.time <= to).collect();
    open(html, "strip", 28, format_args!("{} {what} over time", inside.len()));
    html.raw("<line x1=\"0\" x2=\"100%\" y1=\"14\" y2=\"14\"/>");
    let whole = to.since(from).as_secs_f64().max(f64::MIN_POSITIVE);
    for tick in inside {
        // The ends keep room for the mark itself.
        let at = 1.0 + tick.time.since(from).as_secs_f64() / whole * 98.0;
        html.raw("<circle r=\"6\" cy=\"14\" class=\"").raw(tick.class).raw("\" cx=\"");
        html.text(format_args!("{at:.3}%")).raw("\"><title>").text(&tick.words).raw("</title></circle>");
    }
    html.raw("</svg>");
}

/// The times under a picture: its two ends and the middle.
pub(crate) fn axis(html: &mut Html, (from, to): (EventTime, EventTime)) {
    let middle = from.after(to.since(from) / 2);
    // Within one day the day is said once.
    let text = |time: EventTime| super::parts::shown_time(time);
    let is_one_day = text(from).get(..10) == text(to).get(..10);
    html.raw("<div class=\"axis soft\" aria-hidden=\"true\">");
    for (place, time) in [from, middle, to].into_iter().enumerate() {
        let full = text(time);
        let shown = if is_one_day && place > 0 { full.get(11..).unwrap_or(&full) } else { &full };
        html.raw("<span>").text(shown).raw("</span>");
    }
    html.raw("</div>");
}

/// Counts over time, each column a pile of parts with a class each, the first at the foot.
pub(crate) fn piles<const N: usize>(
    html: &mut Html,
    classes: [&'static str; N],
    piles: &[[u64; N]],
    words: impl Display,
) {
    let highest = piles.iter().map(|pile| pile.iter().sum::<u64>()).max().unwrap_or(0).max(1);
    open(html, "columns piles", PILES_PX, words);
    let width = 100.0 / piles.len().max(1) as f64;
    for (place, pile) in piles.iter().enumerate() {
        let mut foot = f64::from(PILES_PX);
        for (class, &count) in classes.into_iter().zip(pile).filter(|(_, count)| **count > 0) {
            let height = count as f64 / highest as f64 * f64::from(PILES_PX);
            foot -= height;
            html.raw("<rect class=\"")
                .raw(class)
                .raw("\" x=\"")
                .text(format_args!("{:.3}%", place as f64 * width));
            html.raw("\" width=\"").text(format_args!("{:.3}%", (width * 0.86).max(0.4))).raw("\" y=\"");
            html.text(format_args!("{foot:.1}")).raw("\" height=\"").text(format_args!("{height:.1}"));
            html.raw("\"><title>").text(count).raw(" ").raw(class).raw("</title></rect>");
        }
    }
    html.raw("</svg>");
}
