//! The hours of one account: which of the day, and how often each part of the week.
//! It is given the moments the account was used at home and answers for a moment that is new.
//! It promises 56 bytes for the week, and that what is long past weighs less and less.

use super::Thresholds;
use crate::identity::Country;
use crate::saved::saved;
use crate::time::EventTime;
use std::fmt::Write;
use std::time::Duration;

const HOUR_S: u64 = 3600;
const HOURS_OF_DAY: u64 = 24;
const HOURS_OF_WEEK: u64 = 168;
/// Hours of one span of the week.
const SPAN_HOURS: u64 = 3;
const SPANS: usize = 56;
/// The first of January 1970 was a Thursday; weeks begin on Monday.
const FIRST_DAY: u64 = 3;
/// Logins in a row from one other country that make it the account's own.
const LOGINS_TO_MOVE: u8 = 10;
const DAY: Duration = Duration::from_hours(24);

#[derive(Debug)]
pub(super) struct Habit {
    since: Option<EventTime>,
    /// The hour learned last, counted from 1970: an hour counts once.
    last_hour: u64,
    /// The hours of the day, a bit each.
    day: u32,
    /// Hours learned in each span of the week.
    week: [u8; SPANS],
    last_login_day: u64,
    login_days: u32,
    steps: u32,
    home: Option<Country>,
    /// Logins in a row from another country.
    abroad: Option<(Country, u8)>,
}

saved!(Habit { since, last_hour, day, week, last_login_day, login_days, steps, home, abroad });

impl Default for Habit {
    fn default() -> Self {
        Self {
            since: None,
            last_hour: 0,
            day: 0,
            week: [0; SPANS],
            last_login_day: 0,
            login_days: 0,
            steps: 0,
            home: None,
            abroad: None,
        }
    }
}

impl Habit {
    /// Notes a step of a login that is not complete yet.
    pub(super) fn step(&mut self) {
        self.steps = self.steps.saturating_add(1);
    }

    /// Whether this is the country the hours were learned in. Who logs in only from another one has moved.
    pub(super) fn is_home(&mut self, country: Option<Country>, is_login: bool) -> bool {
        let Some(country) = country else { return true };
        if *self.home.get_or_insert(country) == country {
            self.abroad = None;
            return true;
        }
        if !is_login {
            return false;
        }
        let before = self.abroad.filter(|(there, _)| *there == country).map_or(0, |(_, logins)| logins);
        if before + 1 < LOGINS_TO_MOVE {
            self.abroad = Some((country, before + 1));
            return false;
        }
        *self = Self { home: Some(country), ..Self::default() };
        true
    }

    /// Whether a login now is odd: `true` by the hours of a young habit, `false` by those of the week.
    pub(super) fn odd_hour(&self, now: EventTime, limits: &Thresholds) -> Option<bool> {
        let age = now.since(self.since?);
        let learned = self.learned();
        if age >= DAY.saturating_mul(limits.weeks_after_days) && learned >= u64::from(limits.hours_rare) {
            let near = self.learned_near(now);
            return ((near + 1) * 1000 < (learned + 1) * u64::from(limits.rare_permille)).then_some(false);
        }
        let is_known = self.login_days >= limits.login_days && self.steps >= limits.login_steps;
        (is_known && self.hours_away(now) >= u64::from(limits.hours_apart)).then_some(true)
    }

    /// Learns the hour of a use, and the day of a login.
    pub(super) fn learn(&mut self, now: EventTime, is_login: bool) {
        if is_login {
            self.step();
            let day = now.as_secs() / DAY.as_secs();
            if self.login_days == 0 || day != self.last_login_day {
                self.login_days = self.login_days.saturating_add(1);
                self.last_login_day = day;
            }
        }
        let hour = now.as_secs() / HOUR_S;
        if self.since.is_some() && hour == self.last_hour {
            return;
        }
        self.since.get_or_insert(now);
        self.last_hour = hour;
        self.day |= 1 << hour_of_day(now);
        let span = span_of_week(now);
        if self.week[span] == u8::MAX {
            self.week.iter_mut().for_each(|hours| *hours /= 2);
        }
        self.week[span] += 1;
    }

    /// Hours learned.
    pub(super) fn learned(&self) -> u64 {
        self.week.iter().map(|&hours| u64::from(hours)).sum()
    }

    /// Days with a login.
    pub(super) fn login_days(&self) -> u32 {
        self.login_days
    }

    /// Hours of the day between now and the nearest learned one.
    pub(super) fn hours_away(&self, now: EventTime) -> u64 {
        let hour = hour_of_day(now);
        let is_learned = |hour: u64| self.day & (1 << (hour % HOURS_OF_DAY)) != 0;
        let half = HOURS_OF_DAY / 2;
        (0..half)
            .find(|away| is_learned(hour + away) || is_learned(hour + HOURS_OF_DAY - away))
            .unwrap_or(half)
    }

    /// The hours of the day, as `08-10, 14 h UTC`.
    pub(super) fn known_hours(&self) -> String {
        let is_learned = |hour: &u32| self.day & (1 << hour) != 0;
        let mut text = String::new();
        let mut hour = 0;
        while let Some(first) = (hour..24).find(is_learned) {
            let last = (first..24).take_while(is_learned).last().unwrap_or(first);
            let comma = if text.is_empty() { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma}{first:02}");
            if last > first {
                let _ = write!(text, "-{last:02}");
            }
            hour = last + 1;
        }
        text
    }

    /// Hours learned in the span of the week around now, and in those on either side.
    fn learned_near(&self, now: EventTime) -> u64 {
        let span = span_of_week(now);
        [span + SPANS - 1, span, span + 1].iter().map(|span| u64::from(self.week[span % SPANS])).sum()
    }
}

/// 0 to 23, UTC.
pub(super) fn hour_of_day(now: EventTime) -> u64 {
    now.as_secs() / HOUR_S % HOURS_OF_DAY
}

/// The day's name, UTC.
pub(super) fn day_of_week(now: EventTime) -> &'static str {
    const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    DAYS[((now.as_secs() / DAY.as_secs() + FIRST_DAY) % 7) as usize]
}

fn span_of_week(now: EventTime) -> usize {
    let hour = (now.as_secs() / HOUR_S + FIRST_DAY * HOURS_OF_DAY) % HOURS_OF_WEEK;
    (hour / SPAN_HOURS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: u64) -> EventTime {
        EventTime::from_secs(hours * HOUR_S)
    }

    #[test]
    fn days_and_spans() {
        assert_eq!((day_of_week(at(0)), span_of_week(at(0))), ("Thursday", 24));
        assert_eq!((day_of_week(at(4 * 24)), span_of_week(at(4 * 24))), ("Monday", 0));
        assert_eq!((day_of_week(at(4 * 24 - 1)), span_of_week(at(4 * 24 - 1))), ("Sunday", 55));
    }

    #[test]
    fn hours_around_the_clock() {
        let mut habit = Habit::default();
        for hour in [8, 9, 9, 10, 22] {
            habit.learn(at(hour), false);
        }
        assert_eq!(habit.known_hours(), "08-10, 22");
        assert_eq!([6, 9, 14, 16, 1, 3].map(|hour| habit.hours_away(at(hour))), [2, 0, 4, 6, 3, 5]);
        assert_eq!(habit.learned(), 4);
        assert_eq!(Habit::default().hours_away(at(5)), 12);
    }

    #[test]
    fn what_is_long_past_weighs_less() {
        let mut habit = Habit::default();
        habit.learn(at(50), false);
        for week in 0..256 {
            habit.learn(at(week * 168), false);
        }
        assert_eq!(habit.learned(), 128, "255 and 1 are halved, one is added");
    }
}
