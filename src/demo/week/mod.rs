//! An ordinary week of the invented company, without a single attack: what a sensor must stay silent about.
//! It is given a seed, a number of people and days, and gives packets in the order of time.
//! It promises the same packets for the same options, memory for what is under way only, and a count of what is in it.
//!
//! Calibration runs it (`cargo bench --bench calibration`); the program itself never does, and the linker leaves it out.

mod calendar;
mod census;
mod chores;
mod company;
mod entry;
mod factors;
mod habits;
mod holes;
mod load_test;
mod networks;
mod programs;
mod seat;

pub use census::Happening;
pub use holes::HOLES;
pub use networks::phone_networks;

use super::machines;
use super::people::{self, App, Person};
use super::places;
use super::random::Random;
use super::site::Visitor;
use super::timeline::{Timeline, Totals};
use crate::capture::Packet;
use calendar::Calendar;
use chores::Role;
use company::{Account, Company};
use factors::Factor;
use habits::{Habit, Trip};
use heelguard_detectors::suppress::Suppression;
use heelguard_detectors::time::EventTime;
use networks::Networks;
use seat::{Seat, Setup};
use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What the week is made of.
#[derive(Clone, Copy, Debug)]
pub struct WeekOptions {
    /// The same seed gives the same week.
    pub seed: u64,
    /// People, employees and customers.
    pub users: usize,
    /// Days in all.
    pub days: u64,
    /// Midnight UTC of the first day.
    pub start: EventTime,
    /// Days at the start in which a sensor gets to know everybody.
    pub learning_days: u64,
}

impl Default for WeekOptions {
    /// 3,000 people from Thursday, 19 November 2026; what follows Sunday is learned traffic, until the month's last day.
    fn default() -> Self {
        Self { seed: 1, users: 3_000, days: 12, start: EventTime::from_secs(1_795_046_400), learning_days: 4 }
    }
}

/// The week.
pub struct Week {
    timeline: Timeline,
    company: Arc<Company>,
    learned_from: EventTime,
}

impl Week {
    /// Sets the stage; packets are made as they are asked for.
    pub fn new(options: WeekOptions) -> Self {
        Self::made(options, false)
    }

    /// The same company, in which a key walks around second factors on `HOLES`.
    pub fn with_holes(options: WeekOptions) -> Self {
        Self::made(options, true)
    }

    fn made(options: WeekOptions, has_holes: bool) -> Self {
        let WeekOptions { seed, users, days, start, learning_days } = options;
        let mut random = Random::new(seed);
        let mut timeline = Timeline::new(random.fork());
        let mut company = Company::new(Calendar::new(start, days), &mut random);
        company.has_holes = has_holes;
        let company = Arc::new(company);
        let offices = Offices::open(users, &company, &mut random);
        for number in 0..users {
            for seat in seats(number, users, &offices, &company, &mut random) {
                timeline.enter(Box::new(seat), start);
            }
        }
        for (program, at) in programs::all(users, &company, &mut random) {
            timeline.enter(Box::new(program), at);
        }
        for (machine, at) in machines::all(start, company.calendar.end(), &mut random) {
            company.census.count(Happening::Program);
            timeline.enter(Box::new(machine), at);
        }
        for (test, at) in load_test::all((users / 20) as u64, &company, &mut random) {
            timeline.enter(Box::new(test), at);
        }
        if has_holes {
            let (walker, at) = holes::Walker::new(&company, &mut random);
            timeline.enter(Box::new(walker), at);
        }
        let learned_from = start.after(Duration::from_hours(24 * learning_days));
        Self { timeline, company, learned_from }
    }

    /// The next packet, in the order of time.
    pub fn next_packet(&mut self) -> Option<Packet<'_>> {
        self.timeline.next_frame().map(super::packet)
    }

    /// What was put on the wire so far.
    pub fn totals(&self) -> &Totals {
        self.timeline.totals()
    }

    /// How often something happened so far.
    pub fn count(&self, what: Happening) -> u64 {
        self.company.census.of(what)
    }

    /// When the sensor has had time to learn.
    pub fn learned_from(&self) -> EventTime {
        self.learned_from
    }

    /// What the operator lists under `[[suppress]]` before the week: the load test.
    pub fn suppressions() -> Vec<Suppression> {
        load_test::suppressions()
    }

    /// Writes all packets that are left as a capture file.
    pub fn write_pcap(&mut self, out: &mut impl Write) -> io::Result<()> {
        super::write_pcap(&mut self.timeline, out)
    }
}

/// The offices, each behind one address, and how many desks are left in each.
struct Offices(Vec<(&'static str, IpAddr, usize)>);

impl Offices {
    fn open(users: usize, company: &Company, random: &mut Random) -> Self {
        let desks = |share: usize, most: usize| (users * share / 100).clamp(6, most);
        let mut offices = vec![("DE", company.head_office, desks(8, 200))];
        for (country, share, most) in [("FR", 3, 60), ("NL", 2, 40), ("PL", 3, 80), ("US", 3, 80)] {
            offices.push((country, places::of(country).v4(random), desks(share, most)));
        }
        Self(offices)
    }

    /// Where the VPN of people in a country leaves: at the office there, else at the head office.
    fn gateway(&self, country: &str) -> Option<IpAddr> {
        let here = self.0.iter().find(|(office, ..)| *office == country).or(self.0.first());
        here.map(|(_, address, _)| *address)
    }

    /// The office with the `number`th desk.
    fn of(&self, number: usize) -> Option<(&'static str, IpAddr)> {
        let mut before = 0;
        self.0.iter().find_map(|&(country, address, desks)| {
            before += desks;
            (number < before).then_some((country, address))
        })
    }
}

/// The devices of one person.
fn seats(
    number: usize,
    users: usize,
    offices: &Offices,
    company: &Arc<Company>,
    random: &mut Random,
) -> Vec<Seat> {
    let census = &company.census;
    census.count(Happening::Person);
    let office = offices.of(number);
    let mut person = Person::any(number, random);
    if let Some((country, _)) = office {
        census.count(Happening::Desk);
        person.place = places::of(country);
    }
    let is_employee = office.is_some() || number < users * 55 / 100;
    let habit = match office {
        // One screen on the wall and one night watch for each fifty desks.
        Some(_) if number % 50 == 7 => Habit::Screen,
        Some(_) if number % 50 == 8 => Habit::Night,
        Some(_) => Habit::Desk,
        None if is_employee => Habit::HomeOffice { vpn: random.chance(250), relay: random.chance(60) },
        None => Habit::Customer,
    };
    person.app = match habit {
        Habit::Customer if random.chance(600) => App::Mobile,
        Habit::Customer | Habit::Screen => App::Web,
        _ if random.chance(250) => App::Desktop,
        _ => App::Web,
    };
    if habit == Habit::Night {
        census.count(Happening::NightShift);
    }
    let role = role(number, is_employee, random);
    if role == Role::Administrator {
        census.count(Happening::Administrator);
    }
    let (factor, joins) = factor(is_employee, habit, random);
    if joins {
        census.count(Happening::Joiner);
    }
    // Who has no factor cannot prove anything on arrival, and stays at home.
    let travels =
        factor != Factor::Nothing && habit != Habit::Screen && habit != Habit::Night && random.chance(30);
    let calendar = company.calendar;
    let trip = travels.then(|| {
        census.count(Happening::Traveller);
        let day = random.below(calendar.days().saturating_sub(2).max(1));
        Trip::new(person.place, day, calendar, random)
    });
    let gateway = offices.gateway(person.place.country);
    let networks = Networks::new(person.place, office.map(|(_, address)| address), gateway, random);
    person.visitor =
        Visitor::proxied(person.visitor.address, &people::device(person.app, person.place, random));
    let mut setups = Vec::new();
    if is_employee && habit != Habit::Screen && !joins && random.chance(500) {
        census.count(Happening::SecondDevice);
        let lines = people::device(App::Mobile, person.place, random);
        let visitor = Visitor::proxied(person.visitor.address, &lines);
        let person = Person { app: App::Mobile, visitor, ..person.clone() };
        let account = Account::new(person, factor, false);
        let habit = Habit::Phone { office: office.is_some() };
        setups.push(Setup { account, habit, role: Role::Clerk, trip, networks: networks.clone() });
    }
    setups.push(Setup { account: Account::new(person, factor, joins), habit, role, trip, networks });
    setups.into_iter().map(|setup| Seat::new(setup, company.clone(), random.fork())).collect()
}

fn role(number: usize, is_employee: bool, random: &mut Random) -> Role {
    match number % 100 {
        _ if !is_employee => Role::Clerk,
        3 => Role::Administrator,
        10..14 => Role::Finance,
        _ if random.chance(150) => Role::Support,
        _ => Role::Clerk,
    }
}

/// Employees have a factor or enrol one in this week; of customers a third do without.
fn factor(is_employee: bool, habit: Habit, random: &mut Random) -> (Factor, bool) {
    if habit == Habit::Screen {
        return (Factor::Nothing, false);
    }
    if !is_employee && random.chance(330) {
        return (Factor::Nothing, false);
    }
    if is_employee && random.chance(25) {
        return (Factor::Nothing, true);
    }
    let factors =
        [Factor::App, Factor::App, Factor::App, Factor::Push, Factor::Push, Factor::Message, Factor::Key];
    (random.pick(&factors), false)
}
