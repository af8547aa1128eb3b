//! The stories of the day: each attack with its nearest innocent, written out and labelled.
//! They are given the day and a source of chance and give exchanges and labels.
//! They promise accounts and addresses of their own, so that the crowd cannot blur a story.

mod exposure;
mod second_factor;
mod takeover;
mod travel;
mod volume;

use super::labels::Label;
use super::people::{App, Person};
use super::places;
use super::random::Random;
use super::script::Script;
use super::site::Visitor;
use super::timeline::Exchange;
use heelguard_detectors::time::EventTime;
use std::net::IpAddr;
use std::time::Duration;

/// Where stories are written.
pub(super) struct Stage {
    day: EventTime,
    random: Random,
    pub exchanges: Vec<Exchange>,
    pub labels: Vec<Label>,
}

/// Writes all stories of the day.
pub(super) fn tell(day: EventTime, random: Random) -> Stage {
    let mut stage = Stage { day, random, exchanges: Vec::new(), labels: Vec::new() };
    second_factor::tell(&mut stage);
    travel::tell(&mut stage);
    volume::tell(&mut stage);
    exposure::tell(&mut stage);
    takeover::tell(&mut stage);
    stage
}

/// What a label is about.
#[derive(Default)]
struct About {
    principals: Vec<String>,
    clients: Vec<IpAddr>,
    endpoint: Option<(&'static str, &'static str)>,
}

impl About {
    fn person(person: &Person) -> Self {
        let principals = vec![person.email.clone(), person.id.clone()];
        Self { principals, clients: vec![person.visitor.address], endpoint: None }
    }

    fn client(address: IpAddr) -> Self {
        Self { clients: vec![address], ..Self::default() }
    }

    fn account(name: &str, address: IpAddr) -> Self {
        Self { principals: vec![name.to_owned()], clients: vec![address], endpoint: None }
    }

    fn on(self, host: &'static str, route: &'static str) -> Self {
        Self { endpoint: Some((host, route)), ..self }
    }
}

impl Stage {
    /// Everyone of the crowd's office logs in from one address: many accounts, some typing errors.
    pub(super) fn office_opens(&mut self, address: IpAddr, span: (EventTime, EventTime)) {
        let note = "an office behind one address logs in at eight";
        self.innocent("credential_stuffing", About::client(address), span, note);
        self.innocent("mfa_failure_spray", About::client(address), span, note);
    }

    /// A time of the day, UTC.
    fn clock(&self, hour: u64, minute: u64) -> EventTime {
        self.day.after(Duration::from_secs(hour * 3_600 + minute * 60))
    }

    /// A person of the stories, at home in `country`.
    fn person(&mut self, name: &str, app: App, mfa: bool, country: &str) -> Person {
        let person = Person::new(name, app, mfa, places::of(country), &mut self.random);
        let address = places::of(country).v4(&mut self.random);
        person.at(address)
    }

    fn script<'a>(&'a mut self, visitor: &'a Visitor, at: EventTime) -> Script<'a> {
        Script { visitor, now: at, random: &mut self.random, out: &mut self.exchanges }
    }

    /// An attack: `detector` is due between the two moments, and the others may speak up too.
    fn attack(
        &mut self,
        detector: &'static str,
        also: &'static [&'static str],
        about: About,
        (from, to): (EventTime, EventTime),
        note: &'static str,
    ) {
        self.label(detector, also, false, about, (from, to), note);
    }

    /// An innocent: `detector` should say nothing.
    fn innocent(
        &mut self,
        detector: &'static str,
        about: About,
        (from, to): (EventTime, EventTime),
        note: &'static str,
    ) {
        self.label(detector, &[], true, about, (from, to), note);
    }

    fn label(
        &mut self,
        detector: &'static str,
        also: &'static [&'static str],
        benign: bool,
        about: About,
        (from, to): (EventTime, EventTime),
        note: &'static str,
    ) {
        let About { principals, clients, endpoint } = about;
        self.labels.push(Label { detector, also, benign, principals, clients, endpoint, from, to, note });
    }
}
