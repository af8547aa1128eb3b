//! What all actors share: the calendar, the census, the help desk; and what an account is.
//! It is given by reference to every actor and takes what several of them do to each other.
//! It promises that the help desk acts for one account at a time, with a fresh second factor.

#![expect(clippy::disallowed_types, reason = "one desk for all callers; no traffic waits for it")]

use super::calendar::Calendar;
use super::census::{Census, Happening};
use super::factors::{self, Asked, Factor, Reply};
use crate::demo::message::Content;
use crate::demo::people::{App, Person};
use crate::demo::places;
use crate::demo::random::Random;
use crate::demo::script::{Script, empty, post};
use crate::demo::sign_in::{self, Pass};
use crate::demo::site::API;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// An account of a person.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub person: Person,
    pub factor: Factor,
    /// Whether a first factor will be enrolled at the next sign-in.
    pub joins: bool,
}

impl Account {
    pub(super) fn new(person: Person, factor: Factor, joins: bool) -> Self {
        let mut account = Self { person, factor, joins };
        account.set_factor(factor);
        account
    }

    pub(super) fn set_factor(&mut self, factor: Factor) {
        self.factor = factor;
        self.person.mfa = factor != Factor::Nothing;
        self.person.factors = factor.offered();
    }
}

/// The company.
pub(super) struct Company {
    pub calendar: Calendar,
    pub census: Census,
    /// The head office's one address, where the VPN leaves, too.
    pub head_office: IpAddr,
    /// Whether routes with holes are there.
    pub has_holes: bool,
    help_desk: Mutex<HelpDesk>,
}

/// The colleague who resets factors.
struct HelpDesk {
    person: Person,
    pass: Option<Pass>,
    random: Random,
}

impl Company {
    pub(super) fn new(calendar: Calendar, random: &mut Random) -> Self {
        let head_office = places::of("DE").v4(random);
        let person = Person::new("help.desk", App::Web, true, places::of("DE"), random).at(head_office);
        let help_desk = HelpDesk { person, pass: None, random: random.fork() };
        let help_desk = Mutex::new(help_desk);
        Self { calendar, census: Census::default(), head_office, has_holes: false, help_desk }
    }

    /// Somebody calls the help desk, which resets the caller's factor.
    pub(super) fn help(&self, caller: &mut Script<'_>, account: &Account) {
        caller.wait_ms(120_000, 400_000);
        self.census.count(Happening::HelpDesk);
        let mut desk = self.help_desk.lock().unwrap_or_else(PoisonError::into_inner);
        let HelpDesk { person, pass, random } = &mut *desk;
        let mut script = Script { visitor: &person.visitor, now: caller.now, random, out: caller.out };
        let at_hand = pass.take().filter(|pass| pass.expires_at.since(script.now) > Duration::from_mins(30));
        let Some(inside) = at_hand.or_else(|| sign_in::sign_in(&mut script, person)) else { return };
        script.wait_ms(9_000, 20_000);
        let fresh =
            factors::attempt(&mut script, person, Asked::Inside(&inside), (Factor::App, ""), Reply::Right);
        script.wait_ms(4_000, 12_000);
        let route = format!("/admin/users/{}/mfa/reset", account.person.id);
        script.call(post(API, route, inside.lines.as_str(), Content::Empty), empty(204));
        caller.now = script.now;
        *pass = fresh.or(Some(inside));
    }
}
