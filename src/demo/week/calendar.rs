//! The days of the week: working days and weekends, local clocks, outages and the release.
//! It is given the first midnight and the number of days, and answers for a moment.
//! It promises that nothing in it depends on chance.

use crate::demo::places::Place;
use heelguard_detectors::time::EventTime;
use std::time::Duration;

pub(super) const DAY_S: u64 = 86_400;
const HOUR_S: u64 = 3_600;

/// The span of the week, from one midnight UTC to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calendar {
    start: EventTime,
    days: u64,
}

/// Spans without service: day (counted back from the last), hour, minute, and how long.
const OUTAGES: &[(u64, u64, u64, u64)] = &[(3, 10, 12, 300), (1, 14, 3, 120)];
/// The day, counted back from the last, and the hour on which a new version of everything is out.
const RELEASE: (u64, u64) = (4, 9);

impl Calendar {
    pub(super) fn new(start: EventTime, days: u64) -> Self {
        Self { start, days: days.max(1) }
    }

    pub(super) fn start(self) -> EventTime {
        self.start
    }

    pub(super) fn days(self) -> u64 {
        self.days
    }

    pub(super) fn end(self) -> EventTime {
        self.start.after(Duration::from_secs(self.days * DAY_S))
    }

    /// The day of a moment, UTC.
    pub(super) fn day_of(self, now: EventTime) -> u64 {
        now.since(self.start).as_secs() / DAY_S
    }

    /// A moment UTC of a day.
    pub(super) fn at(self, day: u64, hour: u64, minute: u64) -> EventTime {
        self.start.after(Duration::from_secs(day * DAY_S + hour * HOUR_S + minute * 60))
    }

    /// A moment of a day as the clocks of a place show it; not before the start.
    pub(super) fn local(self, day: u64, place: &Place, secs: u64) -> EventTime {
        let utc = (day * DAY_S + secs).saturating_add_signed(-place.utc_offset_h * HOUR_S.cast_signed());
        self.start.after(Duration::from_secs(utc))
    }

    /// Saturday or Sunday; 1 January 1970 was a Thursday.
    pub(super) fn is_weekend(self, day: u64) -> bool {
        (self.start.as_secs() / DAY_S + day + 3) % 7 >= 5
    }

    /// The last two working days, when months are closed.
    pub(super) fn is_month_end(self, day: u64) -> bool {
        let working = |day: u64| !self.is_weekend(day);
        working(day) && (day + 1..self.days).filter(|&later| working(later)).count() < 2
    }

    /// Whether the API answers nobody.
    pub(super) fn is_down(self, now: EventTime) -> bool {
        OUTAGES.iter().any(|&(back, hour, minute, secs)| {
            let from = self.at(self.days.saturating_sub(back), hour, minute);
            now >= from && now < from.after(Duration::from_secs(secs))
        })
    }

    /// Whether the new version is out.
    pub(super) fn is_released(self, now: EventTime) -> bool {
        let (back, hour) = RELEASE;
        now >= self.at(self.days.saturating_sub(back), hour, 0)
    }
}
