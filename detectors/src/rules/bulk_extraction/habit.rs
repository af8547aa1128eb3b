//! What one reader takes in a busy minute: the 99th percentile of its active minutes over about seven days.
//! It is given reads and learns only from minutes in which nothing fired.
//! It promises that the learned value at most doubles from day to day, so that slow training is slow indeed.

use super::super::octaves;
use crate::saved::saved;
use crate::time::EventTime;

/// Half octaves up to 2^20 records a minute.
const BUCKETS: usize = 40;
/// Days and active minutes before anything is said.
const DAYS_MIN: u32 = 3;
const MINUTES_MIN: u64 = 60;
/// What the first value may be at most; below it the rule's own limit is higher anyway.
const FIRST_MAX: u64 = 1_000;

/// Times of the day that are remembered; of more, the one kept longest ago goes.
const APPOINTMENTS_MAX: usize = 16;
/// How long they are remembered: a job that runs on Sundays is met again on the next one.
const APPOINTMENT_DAYS: u64 = 8;
/// How far from the minute an appointment is kept.
const LATE_MIN: u64 = 30;
const DAY_MIN: u64 = 1_440;

/// A time of the day at which the rule fired.
#[derive(Clone, Copy, Debug)]
struct Appointment {
    /// The last day it was kept, since 1970.
    day: u64,
    minute_of_day: u64,
    /// The most records in a minute.
    peak: u64,
}

saved!(Appointment { day, minute_of_day, peak });

/// One reader's minutes.
#[derive(Debug)]
pub(super) struct Habit {
    minute: u64,
    in_minute: u64,
    /// Whether the rule fired in the present minute.
    fired: bool,
    day: u64,
    days: u32,
    counts: [u16; BUCKETS],
    busy: Option<u64>,
    appointments: Vec<Appointment>,
}

saved!(Habit { minute, in_minute, fired, day, days, counts, busy, appointments });

impl Default for Habit {
    fn default() -> Self {
        let appointments = Vec::new();
        Self {
            minute: 0,
            in_minute: 0,
            fired: false,
            day: 0,
            days: 0,
            counts: [0; BUCKETS],
            busy: None,
            appointments,
        }
    }
}

impl Habit {
    /// Counts a read's records; `fired` says whether they were part of an alert.
    pub(super) fn note(&mut self, at: EventTime, records: u64, fired: bool) {
        let (minute, day) = (at.as_secs() / 60, at.as_secs() / 86_400);
        if minute > self.minute {
            self.end_minute();
            self.minute = minute;
        }
        if day > self.day {
            self.end_day();
            self.day = day;
        }
        self.in_minute = self.in_minute.saturating_add(records);
        self.fired |= fired;
    }

    /// Records in a busy minute, once enough is known.
    pub(super) fn busy_minute(&self) -> Option<u64> {
        self.busy
    }

    /// Whether about so many records in a minute were taken at this time of an earlier day.
    pub(super) fn has_appointment(&self, at: EventTime, records: u64) -> bool {
        let (minute, day) = (at.as_secs() / 60, at.as_secs() / 86_400);
        self.appointments.iter().any(|known| {
            known.day < day
                && known.day + APPOINTMENT_DAYS >= day
                && known.is_at(minute % DAY_MIN)
                && records <= known.peak.saturating_mul(2)
        })
    }

    /// Remembers a minute that fired: one entry for each time of a day.
    fn appoint(&mut self) {
        let (day, minute_of_day) = (self.minute / DAY_MIN, self.minute % DAY_MIN);
        let same = |known: &Appointment| known.day == day && known.is_at(minute_of_day);
        if let Some(known) = self.appointments.iter_mut().find(|known| same(known)) {
            known.peak = known.peak.max(self.in_minute);
            return;
        }
        self.appointments.retain(|known| known.day + APPOINTMENT_DAYS >= day);
        if self.appointments.len() >= APPOINTMENTS_MAX {
            self.appointments.remove(0);
        }
        self.appointments.push(Appointment { day, minute_of_day, peak: self.in_minute });
    }

    fn end_minute(&mut self) {
        if self.fired {
            self.appoint();
        }
        if self.in_minute > 0 && !self.fired {
            let count = &mut self.counts[bucket(self.in_minute)];
            *count = count.saturating_add(1);
        }
        (self.in_minute, self.fired) = (0, false);
    }

    fn end_day(&mut self) {
        self.days = self.days.saturating_add(1);
        if self.days > DAYS_MIN
            && let Some(percentile) = self.percentile()
        {
            let limit = self.busy.map_or(FIRST_MAX, |busy| busy.saturating_mul(2).max(FIRST_MAX));
            self.busy = Some(percentile.min(limit));
        }
        // A seventh is forgotten each day.
        self.counts.iter_mut().for_each(|count| *count -= *count / 7);
    }

    fn percentile(&self) -> Option<u64> {
        let minutes: u64 = self.counts.iter().map(|&count| u64::from(count)).sum();
        if minutes < MINUTES_MIN {
            return None;
        }
        octaves::percentile(&self.counts).map(octaves::upper_edge)
    }
}

impl Appointment {
    fn is_at(&self, minute_of_day: u64) -> bool {
        let apart = self.minute_of_day.abs_diff(minute_of_day);
        apart.min(DAY_MIN - apart) <= LATE_MIN
    }
}

fn bucket(records: u64) -> usize {
    octaves::class(records).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundred active minutes a day of this many records.
    fn day(habit: &mut Habit, day: u64, records: u64) {
        for minute in 0..100 {
            habit.note(EventTime::from_secs(day * 86_400 + minute * 60), records, false);
        }
    }

    #[test]
    fn a_steady_habit_is_learned_after_three_days() {
        let mut habit = Habit::default();
        (1..4).for_each(|d| day(&mut habit, d, 700));
        assert_eq!(habit.busy_minute(), None);
        day(&mut habit, 4, 700);
        assert_eq!(habit.busy_minute(), Some(768));
    }

    #[test]
    fn training_at_most_doubles_it_a_day() {
        let mut habit = Habit::default();
        (1..4).for_each(|d| day(&mut habit, d, 9_000));
        let busy: Vec<u64> = (4..8)
            .map(|d| {
                day(&mut habit, d, 9_000);
                habit.busy_minute().unwrap_or(0)
            })
            .collect();
        assert_eq!(busy, [1_000, 2_000, 4_000, 8_000]);
    }

    #[test]
    fn minutes_that_fired_teach_nothing() {
        let mut habit = Habit::default();
        for d in 1..9 {
            day(&mut habit, d, 500);
            habit.note(EventTime::from_secs(d * 86_400 + 80_000), 1_000_000, true);
        }
        assert_eq!(habit.busy_minute(), Some(512));
    }

    #[test]
    fn the_last_bucket_has_no_end() {
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }
}
