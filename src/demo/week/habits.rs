//! What people do on which day: desks, commutes, home offices, night shifts, weekends, journeys.
//! It is given a habit and a day and gives the day's stays, in the order of time.
//! It promises journeys that anyone can make: nobody works in two countries within a flight's time.

use super::calendar::Calendar;
use super::networks::Via;
use crate::demo::places::{self, Place};
use crate::demo::random::Random;
use heelguard_detectors::time::EventTime;
use std::time::Duration;

const HOUR_S: u64 = 3_600;

/// What a device is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// A computer on a desk in the office, at home on one day of four.
    Desk,
    /// A computer at home; some enter the company's VPN for a while.
    HomeOffice { vpn: bool, relay: bool },
    /// A phone: commute, lunch, evening, weekend.
    Phone { office: bool },
    /// A computer used at night.
    Night,
    /// A customer, who comes when it suits.
    Customer,
    /// A screen that shows numbers all day.
    Screen,
}

/// A time at one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stay {
    pub at: EventTime,
    pub via: Via,
    pub tasks: u64,
    /// The country one is in.
    pub place: &'static Place,
}

/// A journey to another country and back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trip {
    pub there: &'static Place,
    home: &'static Place,
    /// Leaves, arrives, leaves again, is back.
    legs: [EventTime; 4],
}

impl Trip {
    /// A journey that begins on `day` and lasts two to five nights.
    pub(super) fn new(home: &'static Place, day: u64, calendar: Calendar, random: &mut Random) -> Self {
        let there = other_country(home, random);
        let far = there.utc_offset_h.abs_diff(home.utc_offset_h) > 3;
        let flight = Duration::from_hours(if far { 15 } else { 6 });
        let back = day + random.range(2, 5);
        let leaves = calendar.local(day, home, 9 * HOUR_S);
        let returns = calendar.local(back, there, 10 * HOUR_S);
        let legs = [leaves, leaves.after(flight), returns, returns.after(flight)];
        Self { there, home, legs }
    }

    /// Where one is; `None` on the way.
    fn place(&self, at: EventTime) -> Option<&'static Place> {
        let [leaves, arrives, returns, is_back] = self.legs;
        // Nothing is begun shortly before a journey, so that nothing is under way when it starts.
        let ends_before = |leg: EventTime| at.after(Duration::from_hours(1)) < leg;
        if ends_before(leaves) || at >= is_back {
            Some(self.home)
        } else if at >= arrives && ends_before(returns) {
            Some(self.there)
        } else {
            None
        }
    }
}

fn other_country(home: &Place, random: &mut Random) -> &'static Place {
    const THERE: &[&str] = &["DE", "FR", "NL", "PL", "GB", "ES", "SE", "US", "CA", "JP", "BR", "ZA"];
    loop {
        let place = places::of(random.pick(THERE));
        if place.country != home.country {
            return place;
        }
    }
}

/// The stays of one day.
pub(super) fn plan(
    habit: Habit,
    home: &'static Place,
    trip: Option<&Trip>,
    day: u64,
    calendar: Calendar,
    random: &mut Random,
) -> Vec<Stay> {
    let mut stays = Vec::new();
    for (secs, via, tasks) in wishes(habit, calendar.is_weekend(day), random) {
        // Abroad, people keep the hours of the place they are in.
        let at_home = calendar.local(day, home, secs);
        let place = trip.map_or(Some(home), |trip| trip.place(at_home));
        let Some(place) = place else { continue };
        let away = place.country != home.country;
        let at = if away { calendar.local(day, place, secs) } else { at_home };
        if away && trip.and_then(|trip| trip.place(at)).is_none_or(|there| there.country != place.country) {
            continue;
        }
        // The first morning of distant places lies before the start.
        if at == calendar.start() {
            continue;
        }
        let via = if away && via != Via::Road { Via::Away } else { via };
        stays.push(Stay { at, via, tasks, place });
    }
    stays.sort_by_key(|stay| stay.at);
    stays
}

/// Local seconds of the day, how one is connected, and how much is done.
#[expect(clippy::match_same_arms, reason = "each habit stands by itself")]
fn wishes(habit: Habit, weekend: bool, random: &mut Random) -> Vec<(u64, Via, u64)> {
    let mut around = |hour: u64, spread_min: u64| {
        hour * HOUR_S + random.below(spread_min * 30 + 1) + random.below(spread_min * 30 + 1)
    };
    let (morning, noon, evening) = (around(7, 150), around(12, 100), around(18, 220));
    let mut some = |low, high| random.range(low, high);
    match habit {
        Habit::Desk | Habit::HomeOffice { .. } if weekend => {
            let works = some(1, 100) <= 6;
            works.then_some((evening, Via::Home, 3)).into_iter().collect()
        }
        Habit::Desk => {
            let via = if some(1, 100) <= 25 { Via::Home } else { Via::Office };
            vec![(morning, via, some(5, 10)), (noon + HOUR_S, via, some(5, 10))]
        }
        Habit::HomeOffice { vpn, relay } => {
            let tasks = some(3, 5);
            let mut stays = vec![(morning, Via::Home, tasks), (noon + HOUR_S, Via::Home, some(4, 9))];
            if vpn && some(1, 100) <= 60 {
                // Some enter it before they begin, others when they need it.
                let from = if some(1, 100) <= 30 { morning.saturating_sub(60) } else { morning + 60 };
                stays.push((from, Via::Vpn, some(2, 5)));
                stays.push((morning + 120, Via::Home, some(1, 3)));
            } else if relay && some(1, 100) <= 50 {
                stays.push((morning + 60, Via::Relay, some(2, 4)));
            }
            stays
        }
        Habit::Phone { .. } if weekend => {
            let goes_out = some(1, 100) <= 40;
            let via = if goes_out { Via::Road } else { Via::Home };
            if some(1, 100) <= 35 { vec![(noon, via, some(1, 3))] } else { Vec::new() }
        }
        Habit::Phone { office } => {
            let at_work = if office { Via::Office } else { Via::Home };
            vec![
                (morning.saturating_sub(2_400), Via::Road, some(1, 3)),
                (morning + 900, at_work, 1),
                (noon, Via::Road, some(1, 2)),
                (evening, Via::Home, some(1, 3)),
            ]
        }
        Habit::Night if weekend => Vec::new(),
        Habit::Night => vec![
            (22 * HOUR_S + morning % 900, Via::Office, some(4, 8)),
            (25 * HOUR_S + morning % 1_800, Via::Office, some(4, 8)),
            (28 * HOUR_S + morning % 1_800, Via::Office, some(3, 6)),
        ],
        Habit::Customer => {
            let comes = some(1, 100) <= 45;
            let at = some(8, 21) * HOUR_S + some(0, 3_599);
            let via = if some(1, 100) <= 35 { Via::Road } else { Via::Home };
            if comes { vec![(at, via, some(1, 4))] } else { Vec::new() }
        }
        Habit::Screen if weekend => Vec::new(),
        Habit::Screen => vec![(7 * HOUR_S + morning % 1_800, Via::Office, 1_000)],
    }
}
