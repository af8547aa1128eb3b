//! A load test that was announced: one address, accounts of its own, far more requests than anybody makes.
//! It is given the company and runs once, on an evening, as fast as it was told to.
//! It promises one address and one name prefix, which the operator lists under `[[suppress]]`.

use super::census::Happening;
use super::company::Company;
use crate::demo::people::{App, Person};
use crate::demo::places;
use crate::demo::random::Random;
use crate::demo::records::Kind;
use crate::demo::script::{Script, get};
use crate::demo::sign_in::{self, Pass, Step};
use crate::demo::site::{API, Visitor};
use crate::demo::timeline::{Actor, Exchange};
use heelguard_detectors::suppress::Suppression;
use heelguard_detectors::time::EventTime;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

/// Where it comes from: a host of a cloud.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(13, 68, 140, 9));
/// Accounts it uses at once.
const ACCOUNTS: u64 = 20;
/// How long it lasts.
const SECONDS: u64 = 120;

/// One of the test's accounts at work.
pub(super) struct LoadTest {
    person: Person,
    visitor: Visitor,
    pass: Option<Pass>,
    /// Between two requests.
    gap_us: u64,
    until: EventTime,
    company: Arc<Company>,
    random: Random,
}

/// All accounts; `per_second` requests come from all of them together.
pub(super) fn all(
    per_second: u64,
    company: &Arc<Company>,
    random: &mut Random,
) -> Vec<(LoadTest, EventTime)> {
    let from = company.calendar.at(company.calendar.days().saturating_sub(4), 20, 0);
    let lines = "User-Agent: k6/0.54.0 (https://k6.io/)\r\nAccept: */*\r\n";
    (0..ACCOUNTS)
        .map(|number| {
            let name = format!("loadtest-{number}");
            let mut visitor = Visitor::proxied(ADDRESS, lines);
            visitor.program = number as u32;
            let person = Person::new(&name, App::Desktop, false, places::of("US"), random);
            let test = LoadTest {
                person: Person { visitor: visitor.clone(), ..person },
                visitor,
                pass: None,
                gap_us: 1_000_000 * ACCOUNTS / per_second.max(1),
                until: from.after(Duration::from_secs(SECONDS)),
                company: company.clone(),
                random: random.fork(),
            };
            (test, from.after(Duration::from_millis(100 * number)))
        })
        .collect()
}

/// What the operator writes down before the test.
pub(super) fn suppressions() -> Vec<Suppression> {
    [ADDRESS.to_string(), "user:loadtest-*".to_owned()]
        .map(|subject| Suppression {
            rule: None,
            subject: Some(subject),
            until: None,
            reason: "announced load test".to_owned(),
        })
        .into()
}

impl Actor for LoadTest {
    fn act(&mut self, now: EventTime, out: &mut Vec<Exchange>) -> Option<EventTime> {
        if now >= self.until {
            return None;
        }
        let mut script = Script { visitor: &self.visitor, now, random: &mut self.random, out };
        self.company.census.count(Happening::LoadTest);
        let Some(pass) = &self.pass else {
            if let Step::In(pass) = sign_in::password(&mut script, &self.person, true) {
                self.pass = Some(pass);
            }
            return Some(script.now);
        };
        let products = script.list(Kind::Products);
        let page = script.random.range(1, 40);
        script.call(get(API, format!("/v1/products?page={page}&limit=20"), pass.lines.as_str()), products);
        Some(now.after(Duration::from_micros(self.gap_us)))
    }
}
