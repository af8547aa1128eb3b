//! What an answer's headers say about time: the server's clock by `Date`, and how long to wait by `Retry-After`.
//! It is given header lines and gives seconds.
//! It promises no time that a cache kept: an answer from a store says when it was stored, not what time it is.

use crate::http::Message;
use heelguard_detectors::time::EventTime;

const MONTHS: &[&str] = &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The headers that matter, as they were sent.
#[derive(Default)]
pub(crate) struct ServerClock<'a> {
    date: Option<&'a [u8]>,
    retry_after: Option<&'a [u8]>,
    stored: bool,
    now_s: i64,
}

impl<'a> ServerClock<'a> {
    /// Looks at each header line once, by its length first.
    pub(crate) fn read(message: &'a Message) -> Self {
        let now_s = seconds(message.first_byte);
        let mut clock = Self { stored: message.status() == 304, now_s, ..Self::default() };
        for (name, value) in message.header_lines() {
            let is = |wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
            match name.len() {
                4 if is(b"date") => clock.date = Some(value),
                11 if is(b"retry-after") => clock.retry_after = Some(value),
                3 if is(b"age") => clock.stored |= value.trim_ascii().iter().any(|&digit| digit != b'0'),
                7 if is(b"x-cache") => clock.stored |= says_hit(value),
                12 if is(b"cache-status") => clock.stored |= says_hit(value),
                14 if is(b"x-cache-status") => clock.stored |= says_hit(value),
                15 if is(b"cf-cache-status") => clock.stored |= says_hit(value),
                _ => {}
            }
        }
        clock
    }

    /// The server's clock in Unix seconds, where the server itself answered.
    pub(crate) fn date_s(&self) -> Option<i64> {
        self.date.filter(|_| !self.stored).and_then(|text| parse(text, self.now_s))
    }

    /// Seconds to wait. A date is taken against the server's own clock, or the sensor's where it tells none.
    pub(crate) fn retry_after_s(&self, now: EventTime) -> Option<u32> {
        let text = self.retry_after?.trim_ascii();
        if !text.is_empty() && text.iter().all(u8::is_ascii_digit) {
            let number = std::str::from_utf8(text).ok()?.parse().unwrap_or(u32::MAX);
            return Some(number);
        }
        let until = parse(text, self.now_s)?;
        let from = self.date.and_then(|date| parse(date, self.now_s)).unwrap_or_else(|| seconds(now));
        Some(u32::try_from(until.saturating_sub(from).max(0)).unwrap_or(u32::MAX))
    }
}

/// `HIT`, `TCP_HIT`, `Hit from cloudfront`, `MISS, HIT`, `EdgeCache; hit; ttl=30` (RFC 9211 2)
fn says_hit(value: &[u8]) -> bool {
    value.windows(3).any(|piece| piece.eq_ignore_ascii_case(b"hit"))
}

fn seconds(time: EventTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// A date of RFC 9110 5.6.7 in Unix seconds, in any of its three forms. A year of two digits that is more than
/// fifty years ahead of `now_s` is one of the century before.
pub(crate) fn parse(text: &[u8], now_s: i64) -> Option<i64> {
    fixed(text).or_else(|| parse_any(text, now_s))
}

/// The form that all servers write, byte by byte: `Sun, 06 Nov 1994 08:49:37 GMT`. What is another is none.
fn fixed(text: &[u8]) -> Option<i64> {
    let [_, _, _, b',', b' ', date @ .., b' ', b'G', b'M', b'T'] = text else { return None };
    let [d1, d2, b' ', m1, m2, m3, b' ', y1, y2, y3, y4, b' ', time @ ..] = date else { return None };
    let [h1, h2, b':', n1, n2, b':', s1, s2] = time else { return None };
    let digits = |digits: &[u8]| {
        digits.iter().try_fold(0i64, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
    };
    let weekday = text.get(..3)?.iter().all(u8::is_ascii_alphabetic);
    let (day, year) = (digits(&[*d1, *d2])?, digits(&[*y1, *y2, *y3, *y4])?);
    let month = MONTHS.iter().position(|name| name.as_bytes() == [*m1, *m2, *m3]).filter(|_| weekday)?;
    let (hour, minute, second) = (digits(&[*h1, *h2])?, digits(&[*n1, *n2])?, digits(&[*s1, *s2])?);
    moment((year, i64::try_from(month).ok()? + 1, day), (hour, minute, second))
}

fn parse_any(text: &[u8], now_s: i64) -> Option<i64> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    let words: Vec<&str> = text.split_ascii_whitespace().take(7).collect();
    let (day, month, year, time) = match words.as_slice() {
        // Sun, 06 Nov 1994 08:49:37 GMT, and Sun Nov  6 08:49:37 1994
        [_, day, month, year, time, "GMT" | "UTC"] | [_, month, day, time, year] => {
            (number(day)?, *month, number(year)?, *time)
        }
        // Sunday, 06-Nov-94 08:49:37 GMT
        [_, date, time, "GMT" | "UTC"] => {
            let mut parts = date.split('-');
            let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
            (number(day)?, month, century(number(year)?, now_s), *time)
        }
        _ => return None,
    };
    let month = i64::try_from(MONTHS.iter().position(|name| *name == month)?).ok()? + 1;
    let mut clock = time.split(':').map(number);
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if clock.next().is_some() {
        return None;
    }
    moment((year, month, day), (hour, minute, second))
}

fn moment((year, month, day): (i64, i64, i64), (hour, minute, second): (i64, i64, i64)) -> Option<i64> {
    let valid = (1..=31).contains(&day) && year <= 9999 && hour < 24 && minute < 60 && second <= 60;
    valid.then(|| days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// One to four digits.
fn number(text: &str) -> Option<i64> {
    let digits = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn century(year: i64, now_s: i64) -> i64 {
    if year >= 100 {
        return year;
    }
    let this_year = 1970 + now_s / 31_556_952;
    let ahead = this_year - this_year % 100 + year;
    if ahead > this_year + 50 { ahead - 100 } else { ahead }
}

/// Days since 1970-01-01 in the Gregorian calendar (Howard Hinnant, `chrono`-compatible date algorithms).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_255_200;

    fn read(text: &str) -> Option<i64> {
        parse(text.as_bytes(), NOW)
    }

    #[test]
    fn the_three_forms_of_a_date_are_one_time() {
        let expected = Some(784_111_777);
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), expected);
        assert_eq!(read("Sunday, 06-Nov-94 08:49:37 GMT"), expected);
        assert_eq!(read("Sun Nov  6 08:49:37 1994"), expected);
        assert_eq!(read("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(read("Thu, 29 Feb 2024 12:00:00 GMT"), Some(1_709_208_000));
        assert_eq!(read("Saturday, 21-Nov-26 10:00:00 GMT"), Some(NOW), "a year of two digits is near");
        for nonsense in [
            "",
            "GMT",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 99 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 99999 08:49:37 GMT",
            "Sun, -6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37:11 GMT",
            "\u{e9}\u{e9}",
        ] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }

    fn clock(lines: &[(&'static str, &'static str)]) -> ServerClock<'static> {
        let mut clock = ServerClock { now_s: NOW, ..ServerClock::default() };
        for &(name, value) in lines {
            match name {
                "date" => clock.date = Some(value.as_bytes()),
                _ => clock.retry_after = Some(value.as_bytes()),
            }
        }
        clock
    }

    #[test]
    fn a_wait_is_told_in_seconds_or_by_its_end() {
        let wait = |lines: &[(&'static str, &'static str)]| {
            clock(lines).retry_after_s(EventTime::from_secs(NOW as u64))
        };
        assert_eq!(wait(&[("retry-after", " 120 ")]), Some(120));
        assert_eq!(wait(&[("retry-after", "99999999999999999999")]), Some(u32::MAX));
        assert_eq!(wait(&[("retry-after", "Sat, 21 Nov 2026 10:00:30 GMT")]), Some(30));
        let slow = ("date", "Sat, 21 Nov 2026 09:59:00 GMT");
        assert_eq!(wait(&[slow, ("retry-after", "Sat, 21 Nov 2026 10:00:30 GMT")]), Some(90));
        assert_eq!(wait(&[("retry-after", "Fri, 20 Nov 2026 10:00:30 GMT")]), Some(0), "it is over");
        assert_eq!(wait(&[("retry-after", "soon")]), None);
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn what_a_cache_kept_is_no_clock() {
        for hit in ["HIT", "TCP_HIT", "Hit from cloudfront", "MISS, HIT", "Edge; hit; ttl=30"] {
            assert!(says_hit(hit.as_bytes()), "{hit}");
        }
        for miss in ["MISS", "BYPASS", "DYNAMIC", "Edge; fwd=miss", ""] {
            assert!(!says_hit(miss.as_bytes()), "{miss}");
        }
    }
}
