//! Holes in the cover of second factors, planted into the week, with their innocent twins.
//! It is given people at work, and brings a program of its own.
//! It promises that a static key is granted something on each planted route where people show a second factor, and that
//! nothing else of it is a hole: routes of programs alone, a public route, a health check.

use super::company::Company;
use crate::demo::message::Content;
use crate::demo::places;
use crate::demo::random::Random;
use crate::demo::script::{Script, get, json, post};
use crate::demo::sign_in::Pass;
use crate::demo::site::{API, Visitor};
use crate::demo::timeline::{Actor, Exchange};
use crate::demo::tokens;
use heelguard_detectors::time::EventTime;
use std::sync::Arc;
use std::time::Duration;

/// Routes on which a key walks around.
pub const HOLES: [(&str, &str); 5] = [
    ("GET", "/v1/ledgers"),
    ("POST", "/v1/refunds"),
    ("GET", "/v1/admin/audit"),
    ("POST", "/v1/contracts"),
    ("GET", "/v1/salaries"),
];
/// What only programs call, what everybody may read, and what a load balancer asks.
const OF_PROGRAMS: &str = "/v1/feeds";
const PUBLIC: &str = "/v1/opening-hours";
const HEALTH: &str = "/v1/healthz";

/// Calls routes with holes, or answers to such a call. `proof` are header lines.
fn call(script: &mut Script<'_>, (method, route): (&'static str, &'static str), proof: &str) {
    let request = match method {
        "GET" => get(API, route, proof),
        _ => post(API, route, proof, Content::Json(r#"{"of":"november"}"#.into())),
    };
    script.call(request, json(200, r#"{"state":"fine"}"#));
}

/// A person reads and writes there now and then, with the session at hand; the public route, too.
pub(super) fn visit(script: &mut Script<'_>, pass: &Pass) {
    let place = script.random.below(HOLES.len() as u64 + 1);
    match usize::try_from(place).ok().and_then(|place| HOLES.get(place)) {
        Some(&hole) => call(script, hole, &pass.lines),
        None => call(script, ("GET", PUBLIC), &pass.lines),
    }
}

/// The program with the key, and somebody without any.
pub(super) struct Walker {
    key: String,
    visitor: Visitor,
    stranger: Visitor,
    company: Arc<Company>,
    random: Random,
}

impl Walker {
    pub(super) fn new(company: &Arc<Company>, random: &mut Random) -> (Self, EventTime) {
        let agent = |name: &str| format!("User-Agent: {name}\r\nAccept: application/json\r\n");
        let visitor =
            |name: &str, random: &mut Random| Visitor::proxied(places::of("DE").v4(random), &agent(name));
        let walker = Self {
            key: format!("X-API-Key: {}\r\n", tokens::api_key(random)),
            visitor: visitor("ledger-sync/1.4", random),
            stranger: visitor("curl/8.7.1", random),
            company: company.clone(),
            random: random.fork(),
        };
        (walker, company.calendar.start().after(Duration::from_mins(11)))
    }
}

impl Actor for Walker {
    fn act(&mut self, now: EventTime, out: &mut Vec<Exchange>) -> Option<EventTime> {
        if now.after(Duration::from_mins(20)) >= self.company.calendar.end() {
            return None;
        }
        if !self.company.calendar.is_down(now) {
            let mut script = Script { visitor: &self.visitor, now, random: &mut self.random, out };
            for hole in HOLES {
                call(&mut script, hole, &self.key);
            }
            call(&mut script, ("GET", OF_PROGRAMS), &self.key);
            let now = script.now;
            let mut script = Script { visitor: &self.stranger, now, random: &mut self.random, out };
            for _ in 0..10 {
                call(&mut script, ("GET", PUBLIC), "");
            }
            call(&mut script, ("GET", HEALTH), "");
        }
        Some(now.after(Duration::from_mins(30)))
    }
}
