//! A device in the hands of its owner, for the whole week: it is carried about, signs in, works, is renewed.
//! It is given an account, a habit and the company, and acts task by task.
//! It promises that a device is in one place at a time, and that its session goes with it.

use super::census::Happening;
use super::chores::{self, Role};
use super::company::{Account, Company};
use super::entry;
use super::factors::Factor;
use super::habits::{self, Habit, Stay, Trip};
use super::networks::{Networks, Via};
use crate::demo::people::{self, App};
use crate::demo::random::Random;
use crate::demo::script::Script;
use crate::demo::sign_in::{self, Pass};
use crate::demo::timeline::{Actor, Exchange};
use heelguard_detectors::time::EventTime;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A device and its owner.
pub(super) struct Seat {
    pub account: Account,
    pub habit: Habit,
    pub role: Role,
    pub trip: Option<Trip>,
    pub networks: Networks,
    /// The day on which browser or app become newer.
    pub update_day: Option<u64>,
    /// The day on which another device takes this one's place.
    pub renewal_day: Option<u64>,
    pub company: Arc<Company>,
    pub random: Random,
    state: State,
}

/// Where the device is in its week.
#[derive(Default)]
struct State {
    /// The next day to plan.
    day: u64,
    stays: VecDeque<Stay>,
    stay: Option<Stay>,
    tasks_left: u64,
    pass: Option<Pass>,
    address: Option<IpAddr>,
    /// Whether the month was exported today.
    exported: bool,
}

/// A seat before its week.
pub(super) struct Setup {
    pub account: Account,
    pub habit: Habit,
    pub role: Role,
    pub trip: Option<Trip>,
    pub networks: Networks,
}

impl Seat {
    pub(super) fn new(setup: Setup, company: Arc<Company>, mut random: Random) -> Self {
        let Setup { account, habit, role, trip, networks } = setup;
        let days = company.calendar.days();
        let update_day = random.chance(600).then(|| random.below(days));
        let renewal_day = random.chance(15).then(|| random.below(days));
        let state = State::default();
        Self { account, habit, role, trip, networks, update_day, renewal_day, company, random, state }
    }

    /// The stay that is due; else when the next one is, or `None` after the last.
    fn due(&mut self, now: EventTime) -> Result<Stay, Option<EventTime>> {
        loop {
            if let Some(stay) = self.state.stay.filter(|_| self.state.tasks_left > 0) {
                return Ok(stay);
            }
            match self.state.stays.front().copied() {
                Some(stay) if stay.at > now => return Err(Some(stay.at)),
                Some(stay) => {
                    self.state.stays.pop_front();
                    self.arrive(stay);
                }
                None if self.state.day >= self.company.calendar.days() => return Err(None),
                None => self.plan_day(),
            }
        }
    }

    fn plan_day(&mut self) {
        let day = self.state.day;
        self.state.day += 1;
        self.state.exported = false;
        let home = self.account.person.place;
        let calendar = self.company.calendar;
        self.networks.renew(home, &mut self.random);
        if self.update_day == Some(day) {
            self.update();
        }
        if self.renewal_day == Some(day) {
            self.replace();
        }
        let stays = habits::plan(self.habit, home, self.trip.as_ref(), day, calendar, &mut self.random);
        self.state.stays.extend(stays);
    }

    /// Somewhere else: in another country people sign in anew, as the server demands.
    fn arrive(&mut self, stay: Stay) {
        let census = &self.company.census;
        if let Some(before) = self.state.stay {
            if before.place.country != stay.place.country {
                census.count(Happening::Arrival);
                self.state.pass = None;
            }
            match (before.via, stay.via) {
                (Via::Vpn, other) | (other, Via::Vpn) if other != Via::Vpn => census.count(Happening::Vpn),
                _ => {}
            }
            if before.via != stay.via {
                self.networks.leave();
            }
        }
        if stay.via == Via::Relay {
            census.count(Happening::Relay);
        }
        (self.state.stay, self.state.tasks_left) = (Some(stay), stay.tasks);
    }

    /// Browser and app are newer than yesterday.
    fn update(&mut self) {
        self.company.census.count(Happening::Update);
        let visitor = &mut self.account.person.visitor;
        let newer = visitor
            .lines
            .replace("Chrome/141", "Chrome/142")
            .replace("Edg/141", "Edg/142")
            .replace("rv:143.0", "rv:144.0")
            .replace("Firefox/143", "Firefox/144")
            .replace("Version/18.1", "Version/18.2")
            .replace("AcmeGo/7.2", "AcmeGo/7.3")
            .replace("AcmeGo/7.1", "AcmeGo/7.3")
            .replace("iOS 18.1", "iOS 18.2")
            .replace("AcmeDesk/4.", "AcmeDesk/5.");
        visitor.lines = newer.into();
    }

    /// Another device takes the place of this one.
    fn replace(&mut self) {
        self.company.census.count(Happening::NewDevice);
        let person = &mut self.account.person;
        let lines = people::device(person.app, person.place, &mut self.random);
        person.visitor = crate::demo::site::Visitor::proxied(person.visitor.address, &lines);
        self.state.pass = None;
    }

    /// Takes the address that the network gives now.
    fn connect(&mut self, stay: Stay) {
        let address = self.networks.address(stay.via, stay.place, &mut self.random);
        if self.state.address != Some(address) {
            if self.state.address.is_some() && self.state.pass.is_some() {
                self.company.census.count(Happening::AddressChange);
            }
            self.state.address = Some(address);
            self.account.person = self.account.person.at(address);
        }
    }
}

impl Actor for Seat {
    fn act(&mut self, now: EventTime, out: &mut Vec<Exchange>) -> Option<EventTime> {
        let company = self.company.clone();
        if now >= company.calendar.end() {
            return None;
        }
        let stay = match self.due(now) {
            Ok(stay) => stay,
            Err(next) => return next,
        };
        self.connect(stay);
        let Self { account, role, random, state, .. } = self;
        // The script borrows the visitor as it is now; the account may change its factor meanwhile.
        let visitor = account.person.visitor.clone();
        let mut script = Script { visitor: &visitor, now, random, out };
        if company.calendar.is_down(now) {
            chores::meet_outage(&mut script, state.pass.as_ref(), &company);
            return Some(script.now.after(Duration::from_secs(script.random.range(30, 150))));
        }
        let Some(pass) = pass_for_now(&mut script, account, state.pass.take(), &company) else {
            return Some(script.now.after(Duration::from_mins(20)));
        };
        if self.habit == Habit::Screen {
            state.tasks_left -= 1;
            chores::poll(&mut script, &pass, &company);
            state.pass = Some(pass);
            let jitter = Duration::from_millis(script.random.range(0, 250));
            return Some(now.after(Duration::from_secs(30) + jitter));
        }
        let pass = chores::do_one(&mut script, account, *role, &mut state.exported, pass, &company);
        state.tasks_left -= 1;
        if state.tasks_left > 0 {
            state.pass = Some(pass);
            script.wait_ms(6_000, 20_000);
            let pause_s = script.random.log_uniform(4, 300);
            return Some(script.now.after(Duration::from_secs(pause_s)));
        }
        if account.person.app != App::Mobile && script.random.chance(200) {
            script.wait_ms(2_000, 20_000);
            company.census.count(Happening::SignOut);
            sign_in::sign_out(&mut script, &pass);
        } else {
            state.pass = Some(pass);
        }
        Some(script.now.after(Duration::from_secs(30)))
    }
}

/// The pass at hand, a refreshed one, or a new one.
fn pass_for_now(
    script: &mut Script<'_>,
    account: &mut Account,
    at_hand: Option<Pass>,
    company: &Company,
) -> Option<Pass> {
    if let Some(pass) = at_hand {
        if pass.expires_at.since(script.now) > Duration::from_secs(400) {
            return Some(pass);
        }
        if let Some(fresh) = sign_in::refresh(script, &account.person, &pass) {
            company.census.count(Happening::Refresh);
            return Some(fresh);
        }
    }
    let pass = entry::enter(script, account, company);
    debug_assert!(pass.is_none() || account.factor != Factor::Nothing || !account.joins);
    pass
}
