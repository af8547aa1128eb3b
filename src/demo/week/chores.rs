//! What is done inside, beyond everyday work: sensitive actions, exports, retries, prefetching, polling.
//! It is given a script, an account and its pass and plays one piece of work.
//! It promises that sensitive actions follow a fresh second factor wherever the account has one.

use super::census::Happening;
use super::company::{Account, Company};
use super::entry;
use super::holes;
use crate::demo::message::{Answer, Content, Form};
use crate::demo::people::App;
use crate::demo::records::Kind;
use crate::demo::script::{Script, empty, get, json, post};
use crate::demo::sign_in::Pass;
use crate::demo::site::API;
use crate::demo::work;
use std::time::Duration;

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Clerk,
    /// Looks up one customer after the other.
    Support,
    /// Pays, and exports the month.
    Finance,
    /// Makes accounts, roles and keys.
    Administrator,
}

/// How old a second factor may be for sensitive actions.
const FRESH: Duration = Duration::from_mins(5);

/// One piece of work; gives the pass as it is afterwards.
pub(super) fn do_one(
    script: &mut Script<'_>,
    account: &Account,
    role: Role,
    exported: &mut bool,
    pass: Pass,
    company: &Company,
) -> Pass {
    if company.calendar.is_released(script.now) {
        let home = script.list(Kind::Messages);
        script.call(get(API, "/v2/home", pass.lines.as_str()), home);
    }
    if company.has_holes {
        holes::visit(script, &pass);
    }
    let closes_month = company.calendar.is_month_end(company.calendar.day_of(script.now));
    match script.random.below(1_000) {
        _ if role == Role::Finance && closes_month && !*exported => {
            *exported = true;
            let pass = freshen(script, account, pass, company);
            export(script, &pass, company);
            return pass;
        }
        0..250 if role == Role::Administrator => {
            let pass = freshen(script, account, pass, company);
            administer(script, &pass);
            return pass;
        }
        0..200 if role == Role::Finance => {
            let pass = freshen(script, account, pass, company);
            let body = format!(
                r#"{{"invoice":{},"amount":"{}.00"}}"#,
                script.random.below(90_000),
                script.random.range(20, 9_000)
            );
            script.call(
                post(API, "/v1/payments", pass.lines.as_str(), Content::Json(body)),
                json(201, r#"{"status":"accepted"}"#),
            );
            return pass;
        }
        250..600 if role == Role::Support => look_up(script, &pass),
        990..993 => {
            let pass = freshen(script, account, pass, company);
            let body = Content::Json(r#"{"current":"********","new":"********"}"#.into());
            script.call(
                post(API, "/v1/account/password", pass.lines.as_str(), body),
                json(200, r#"{"status":"ok"}"#),
            );
            return pass;
        }
        950..990 if account.person.app == App::Mobile => prefetch(script, &pass, company),
        993.. => order_again(script, &pass, company),
        _ => work::task(script, &pass),
    }
    pass
}

/// A second factor now, unless the last one is fresh; accounts without one cannot.
fn freshen(script: &mut Script<'_>, account: &Account, pass: Pass, company: &Company) -> Pass {
    if !account.person.mfa || script.now.since(pass.since) < FRESH {
        return pass;
    }
    let fresh = entry::step_up(script, account, &pass, company);
    script.wait_ms(2_000, 6_000);
    fresh.unwrap_or(pass)
}

/// Accounts, roles and keys.
fn administer(script: &mut Script<'_>, pass: &Pass) {
    let proof = pass.lines.as_str();
    let users = script.list(Kind::Customers);
    script.call(get(API, "/v1/users?limit=50", proof), users);
    script.wait_ms(4_000, 20_000);
    let user = script.random.uuid();
    let (method, target, answer) = match script.random.below(4) {
        0 => ("POST", "/v1/users".to_owned(), json(201, format!(r#"{{"id":"{user}"}}"#))),
        1 => ("PUT", format!("/v1/users/{user}/role"), json(200, r#"{"role":"editor"}"#)),
        2 => {
            let key = crate::demo::tokens::api_key(script.random);
            ("POST", "/v1/api-keys".to_owned(), json(201, format!(r#"{{"id":"{user}","api_key":"{key}"}}"#)))
        }
        _ => ("DELETE", format!("/v1/users/{user}"), empty(204)),
    };
    let body = if method == "DELETE" { Content::Empty } else { Content::Json(r#"{"team":"sales"}"#.into()) };
    let mut request = post(API, target, proof, body);
    request.method = method;
    script.call(request, answer);
}

/// Somebody on the phone with customers: one record after the other, at the pace of talking.
fn look_up(script: &mut Script<'_>, pass: &Pass) {
    let proof = pass.lines.as_str();
    for _ in 0..script.random.range(4, 12) {
        let id = script.random.range(1_000, 90_000);
        let known = !script.random.chance(40);
        let answer = if known { one(Kind::Customers) } else { json(404, r#"{"error":"not_found"}"#) };
        script.call(get(API, format!("/v1/customers/{id}"), proof), answer);
        script.wait_ms(6_000, 25_000);
    }
}

/// The books of a month: asked for, waited for, read to the end in large pages.
fn export(script: &mut Script<'_>, pass: &Pass, company: &Company) {
    company.census.count(Happening::Export);
    let proof = pass.lines.as_str();
    let id = script.random.uuid();
    let asked = Content::Json(r#"{"kind":"invoices","month":"2026-11"}"#.into());
    script.call(
        post(API, "/v1/exports", proof, asked),
        json(202, format!(r#"{{"id":"{id}","status":"queued"}}"#)),
    );
    for _ in 0..script.random.range(2, 8) {
        script.wait_ms(4_900, 5_200);
        script.call(get(API, format!("/v1/exports/{id}"), proof), json(200, r#"{"status":"running"}"#));
    }
    for page in 1..=script.random.range(8, 20) {
        let answer = Answer { body: Content::Page(Kind::Orders, 200), ..one(Kind::Orders) };
        script.call(get(API, format!("/v1/exports/{id}/records?page={page}&limit=200"), proof), answer);
        script.wait_ms(800, 2_500);
    }
}

/// A phone that was off fetches what is new: many records close together, none foreign.
fn prefetch(script: &mut Script<'_>, pass: &Pass, company: &Company) {
    company.census.count(Happening::Prefetch);
    let proof = pass.lines.as_str();
    let orders = script.list(Kind::Orders);
    script.call(get(API, "/v1/orders?status=open&limit=25", proof), orders);
    for _ in 0..script.random.range(15, 40) {
        let order = script.random.range(100_000, 900_000);
        script.call(get(API, format!("/v1/orders/{order}"), proof), one(Kind::Orders));
        script.wait_ms(30, 200);
    }
}

/// An order that the server fails or forgets to answer in time, sent again until it is taken.
fn order_again(script: &mut Script<'_>, pass: &Pass, company: &Company) {
    let proof = format!("{}Idempotency-Key: {}\r\n", pass.lines, script.random.uuid());
    let body = format!(
        r#"{{"customer":{},"lines":[{{"sku":"SKU-{:06}","qty":1}}]}}"#,
        script.random.range(1_000, 90_000),
        script.random.below(1_000_000)
    );
    let failures = script.random.range(1, 3);
    let status = script.random.pick(&[500, 502, 503, 504]);
    for failure in 0..failures {
        let service_us = if status == 504 { 10_000_000 } else { 20_000 };
        let answer = Answer { service_us, ..json(status, r#"{"error":"unavailable"}"#) };
        script.call(post(API, "/v1/orders", proof.as_str(), Content::Json(body.clone())), answer);
        company.census.count(Happening::Retry);
        back_off(script, failure);
    }
    script.call(post(API, "/v1/orders", proof, Content::Json(body)), json(201, r#"{"status":"created"}"#));
}

/// The API is down: the app tries four times, each pause twice as long, and shows an error.
pub(super) fn meet_outage(script: &mut Script<'_>, pass: Option<&Pass>, company: &Company) {
    for failure in 0..4 {
        if !company.calendar.is_down(script.now) {
            return;
        }
        company.census.count(Happening::Outage);
        let proof = pass.map_or("", |pass| pass.lines.as_str());
        let answer = Answer { service_us: 900, ..json(503, r#"{"error":"unavailable"}"#) };
        script.call(get(API, "/v1/settings", proof), answer);
        back_off(script, failure);
    }
}

/// A second, twice as long each time, give or take a half.
pub(super) fn back_off(script: &mut Script<'_>, failure: u64) {
    let pause = 1_000 << failure.min(6);
    script.wait_ms(pause / 2, pause * 3 / 2);
}

/// A screen on the wall asks for its numbers.
pub(super) fn poll(script: &mut Script<'_>, pass: &Pass, company: &Company) {
    company.census.count(Happening::Poll);
    let numbers =
        json(200, format!(r#"{{"open":{},"late":{}}}"#, script.random.below(900), script.random.below(40)));
    script.call(get(API, "/v1/dashboards/7/numbers", pass.lines.as_str()), numbers);
}

fn one(kind: Kind) -> Answer {
    Answer { status: 200, body: Content::Page(kind, 1), form: Form::Sized, ..Answer::default() }
}
