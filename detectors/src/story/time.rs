//! Times, durations and numbers as stories write them.
//! It is given a word's text and gives its value, or says what it should have been.
//! It promises that decimals are exact to the nanosecond.

use crate::time::EventTime;
use std::str::FromStr;
use std::time::Duration;

/// 2026-11-21T00:00:00Z.
const DAY_ONE: EventTime = EventTime::from_secs(1_795_219_200);

/// A time of day and durations, in any order: `2d+09:00:00`, `10:00:00+300s+1ns`.
pub(super) fn moment(text: &str) -> Result<EventTime, String> {
    text.split('+').try_fold(DAY_ONE, |time, part| {
        Ok(time.after(if part.contains(':') { time_of_day(part)? } else { duration(part)? }))
    })
}

fn time_of_day(text: &str) -> Result<Duration, String> {
    let [hours, minutes, seconds] = text.split(':').collect::<Vec<_>>()[..] else {
        return Err(format!("`{text}` is no time of day"));
    };
    let whole = parse::<u64>(hours, "hours")?.saturating_mul(3600);
    let whole = whole.saturating_add(parse::<u64>(minutes, "minutes")?.saturating_mul(60));
    Ok(Duration::from_secs(whole).saturating_add(decimal(seconds, 1_000_000_000)?))
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let nanos = match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return Err(format!("`{text}` is no duration")),
    };
    decimal(number, nanos)
}

/// `1.5` of a unit, exact to the nanosecond.
fn decimal(text: &str, unit_nanos: u64) -> Result<Duration, String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut nanos = parse::<u64>(whole, "number")?.saturating_mul(unit_nanos);
    let mut share = unit_nanos;
    for digit in fraction.chars() {
        share /= 10;
        let digit = digit.to_digit(10).ok_or_else(|| format!("`{text}` is no number"))?;
        nanos = nanos.saturating_add(u64::from(digit) * share);
    }
    Ok(Duration::from_nanos(nanos))
}

pub(super) fn parse<T: FromStr>(text: &str, what: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is no {what}"))
}
