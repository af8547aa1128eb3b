//! A working day: people log in, look at lists, open records, change some, have lunch and come back.
//! It is given a person and the day's bounds and acts task by task.
//! It promises an ordinary person's habits: one home, one device, a typo now and then, pauses of human length.

use super::message::{Answer, Content, Form};
use super::people::Person;
use super::random::Random;
use super::records::Kind;
use super::script::{Script, empty, get, json, post};
use super::sign_in::{self, Pass, Step, Verdict};
use super::site::API;
use super::timeline::{Actor, Exchange};
use heelguard_detectors::time::EventTime;
use std::collections::VecDeque;
use std::time::Duration;

/// Refreshed tokens are not refreshed again after this.
const WORKING_DAY: Duration = Duration::from_hours(11);

/// A stay at the desk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    pub at: EventTime,
    pub tasks: u64,
}

/// A person at work.
pub(super) struct Worker {
    person: Person,
    random: Random,
    visits: VecDeque<Visit>,
    /// Nothing new is begun after this.
    until: EventTime,
    tasks_left: u64,
    pass: Option<Pass>,
}

impl Worker {
    /// A morning and an afternoon in the person's own time zone, which may lie anywhere in the day.
    pub(super) fn new(person: Person, day: EventTime, mut random: Random) -> (Self, EventTime) {
        let mut around = |local_hour: i64, spread_min: u64| {
            let hour = (local_hour - person.place.utc_offset_h).rem_euclid(24) as u64;
            let spread_s = spread_min * 30;
            let secs = hour * 3_600 + random.below(spread_s + 1) + random.below(spread_s + 1);
            day.after(Duration::from_secs(secs % 86_400))
        };
        let mut starts = [around(7, 150), around(13, 80)];
        starts.sort();
        let visits = starts.map(|at| Visit { at, tasks: random.range(6, 12) });
        Self::with_visits(person, &visits, day, random)
    }

    pub(super) fn with_visits(
        person: Person,
        visits: &[Visit],
        day: EventTime,
        random: Random,
    ) -> (Self, EventTime) {
        let first = visits.first().map_or(day, |visit| visit.at);
        let until = day.after(Duration::from_mins(24 * 60 - 20));
        let visits = visits.iter().copied().collect();
        (Self { person, random, visits, until, tasks_left: 0, pass: None }, first)
    }
}

impl Actor for Worker {
    fn act(&mut self, now: EventTime, out: &mut Vec<Exchange>) -> Option<EventTime> {
        if now > self.until {
            return None;
        }
        if self.tasks_left == 0 {
            self.tasks_left = self.visits.pop_front()?.tasks;
        }
        let mut script = Script { visitor: &self.person.visitor, now, random: &mut self.random, out };
        let pass = pass_for_now(&mut script, &self.person, self.pass.take())?;
        task(&mut script, &pass);
        self.tasks_left -= 1;
        if self.tasks_left > 0 {
            script.wait_ms(9_000, 30_000);
            let pause_s = script.random.log_uniform(4, 300);
            self.pass = Some(pass);
            return Some(script.now.after(Duration::from_secs(pause_s)));
        }
        if script.random.chance(400) {
            script.wait_ms(2_000, 20_000);
            sign_in::sign_out(&mut script, &pass);
        } else {
            self.pass = Some(pass);
        }
        let later = script.now.after(Duration::from_mins(10));
        self.visits.front().map(|visit| visit.at.max(later))
    }
}

/// The pass at hand, a refreshed one, or a new one after logging in, with an ordinary person's typos.
fn pass_for_now(script: &mut Script<'_>, person: &Person, at_hand: Option<Pass>) -> Option<Pass> {
    if let Some(pass) = at_hand {
        if pass.expires_at.since(script.now) > Duration::from_secs(400) {
            return Some(pass);
        }
        // After a working day the front end asks for password and code again.
        let is_todays = script.now.since(pass.since) < WORKING_DAY;
        if let Some(fresh) = is_todays.then(|| sign_in::refresh(script, person, &pass)).flatten() {
            return Some(fresh);
        }
    }
    if script.random.chance(50) {
        sign_in::password(script, person, false);
        script.wait_ms(4_000, 15_000);
    }
    let ticket = match sign_in::password(script, person, true) {
        Step::Refused => return None,
        Step::In(pass) => return Some(pass),
        Step::SecondFactor(ticket) => ticket,
    };
    script.wait_ms(6_000, 24_000);
    if script.random.chance(40) {
        sign_in::code(script, person, &ticket, Verdict::Wrong);
        script.wait_ms(8_000, 20_000);
    }
    sign_in::code(script, person, &ticket, Verdict::Right)
}

/// Logs in and works for a while: what the people of the stories do before their story begins.
pub(super) fn routine(script: &mut Script<'_>, person: &Person, tasks: u64) -> Option<Pass> {
    let pass = sign_in::sign_in(script, person)?;
    for _ in 0..tasks {
        task(script, &pass);
        script.wait_ms(9_000, 60_000);
    }
    Some(pass)
}

/// One thing a person does: a few calls close together, some looking at the result between.
pub(super) fn task(script: &mut Script<'_>, pass: &Pass) {
    let proof = pass.lines.as_str();
    match script.random.below(100) {
        0..30 => overview(script, proof),
        30..62 => look_up_a_customer(script, proof),
        62..80 => handle_an_order(script, proof),
        80..92 => search(script, proof),
        _ => odd_ends(script, proof),
    }
    if script.random.chance(300) {
        let body = format!(r#"{{"event":"view","screen":"s{}"}}"#, script.random.below(40));
        script.call(post(API, "/v1/events", proof, Content::Json(body)), empty(204));
    }
}

fn overview(script: &mut Script<'_>, proof: &str) {
    let me = json(200, r#"{"locale":"en","theme":"dark","features":["orders","search"]}"#);
    script.call(get(API, "/v1/settings", proof), me);
    let messages = script.list(Kind::Messages);
    script.call(get(API, "/v1/notifications?unread=true", proof), messages);
    let orders = script.list(Kind::Orders);
    script.call(get(API, "/v1/orders?status=open&limit=25", proof), orders);
}

fn look_up_a_customer(script: &mut Script<'_>, proof: &str) {
    let page = script.random.log_uniform(1, 40);
    let customers = script.list(Kind::Customers);
    script.call(get(API, format!("/v1/customers?page={page}&limit=50"), proof), customers);
    script.wait_ms(2_000, 12_000);
    let id = script.random.range(1_000, 90_000);
    let one = one_record(script, Kind::Customers);
    script.call(get(API, format!("/v1/customers/{id}"), proof), one);
    let orders = script.list(Kind::Orders);
    script.call(get(API, format!("/v1/customers/{id}/orders?limit=20"), proof), orders);
}

fn handle_an_order(script: &mut Script<'_>, proof: &str) {
    let order = script.random.range(100_000, 900_000);
    if script.random.chance(500) {
        let body = format!(
            r#"{{"customer":{},"lines":[{{"sku":"SKU-{:06}","qty":{}}}],"note":"leave at the door"}}"#,
            script.random.range(1_000, 90_000),
            script.random.below(1_000_000),
            script.random.range(1, 9)
        );
        // What a shop should not send back: a whole card number.
        let payment = r#"{"card":{"number":"4111 1111 1111 1111"},"refund_to":"DE89370400440532013000"}"#;
        let created = json(201, format!(r#"{{"id":{order},"status":"created","payment":{payment}}}"#));
        script.call(post(API, "/v1/orders", proof, Content::Json(body)), created);
    }
    let one = one_record(script, Kind::Orders);
    script.call(get(API, format!("/v1/orders/{order}"), proof), one);
    if script.random.chance(400) {
        script.wait_ms(3_000, 9_000);
        let mut change =
            post(API, format!("/v1/orders/{order}"), proof, Content::Json(r#"{"status":"shipped"}"#.into()));
        change.method = "PATCH";
        script.call(change, json(200, format!(r#"{{"id":{order},"status":"shipped"}}"#)));
    }
}

fn search(script: &mut Script<'_>, proof: &str) {
    let word = script.random.pick(&["shoes", "lamp", "monitor", "coffee", "garden", "bike"]);
    let products = script.list(Kind::Products);
    script.call(get(API, format!("/v1/products?q={word}&limit=20"), proof), products);
    script.wait_ms(1_500, 9_000);
    let one = one_record(script, Kind::Products);
    let id = script.random.below(20_000);
    script.call(get(API, format!("/v1/products/{id}"), proof), one);
}

/// What also happens: not there, not changed, not allowed, not now.
fn odd_ends(script: &mut Script<'_>, proof: &str) {
    let id = script.random.range(1_000, 900_000);
    match script.random.below(5) {
        0 => {
            script.call(get(API, format!("/v1/orders/{id}"), proof), json(404, r#"{"error":"not_found"}"#));
        }
        1 => {
            let proof = format!("{proof}If-None-Match: \"{}\"\r\n", script.random.hex(16));
            script.call(get(API, "/v1/catalogue", proof), empty(304));
        }
        2 => {
            let refused = json(403, r#"{"error":"forbidden","message":"not your region"}"#);
            script.call(get(API, format!("/v1/customers/{id}"), proof), refused);
        }
        3 => {
            let failed = json(503, r#"{"error":"unavailable"}"#);
            let report = script.random.uuid();
            script.call(get(API, format!("/v1/reports/{report}"), proof), failed);
        }
        _ => {
            let mut head = get(API, format!("/v1/products/{id}"), proof);
            head.method = "HEAD";
            let answer = one_record(script, Kind::Products);
            script.call(head, Answer { form: Form::Sized, ..answer });
        }
    }
}

fn one_record(script: &mut Script<'_>, kind: Kind) -> Answer {
    Answer { status: 200, body: Content::Page(kind, 1), form: Form::any(script.random), ..Answer::default() }
}
