//! Stories of what is used past the second factor: a key, a stolen session, a key in many hands, a server without a lock.
//! They are given the stage and write attacks and innocents on it.
//! They promise that each attack succeeds at the server: what is told is what it let through.

use super::{About, Stage};
use crate::demo::machines;
use crate::demo::message::{Answer, Content, Form};
use crate::demo::people::App;
use crate::demo::places;
use crate::demo::records::Kind;
use crate::demo::script::{Script, get, json, post};
use crate::demo::site::{API, REPORTS, Visitor};
use crate::demo::tokens;
use crate::demo::work;
use std::time::Duration;

pub(super) fn tell(stage: &mut Stage) {
    key_past_the_second_factor(stage);
    stolen_session(stage);
    key_in_many_hands(stage);
    no_lock(stage);
}

/// An administrator with a second factor makes a key. At night somebody uses it, and nobody asks for a code.
fn key_past_the_second_factor(stage: &mut Stage) {
    let petra = stage.person("petra.lindqvist", App::Web, true, "SE");
    let morning = stage.clock(8, 40);
    let mut script = stage.script(&petra.visitor, morning);
    let Some(pass) = work::routine(&mut script, &petra, 5) else { return };
    let key = tokens::api_key(script.random);
    let made = json(201, format!(r#"{{"id":418,"name":"nightly export","api_key":"{key}"}}"#));
    let wish = Content::Json(r#"{"name":"nightly export"}"#.into());
    script.call(post(API, "/v1/admin/api-keys", pass.lines.as_str(), wish), made);
    let place = places::of("US");
    let address = place.v4(&mut stage.random);
    let visitor = Visitor::proxied(address, "User-Agent: curl/8.9.1\r\nAccept: */*\r\n");
    let from = stage.clock(23, 10);
    let mut script = stage.script(&visitor, from);
    let proof = format!("X-API-Key: {key}\r\n");
    for page in 1..=4 {
        let answer = page_of(&mut script, Kind::Customers, 40);
        script.call(get(API, format!("/v1/admin/users?page={page}"), proof.as_str()), answer);
        script.wait_ms(2_000, 5_000);
    }
    // What sessions with a second factor read all day.
    for page in 1..=3 {
        let answer = page_of(&mut script, Kind::Customers, 50);
        script.call(get(API, format!("/v1/customers?page={page}&limit=50"), proof.as_str()), answer);
        script.wait_ms(2_000, 5_000);
    }
    let raised = json(200, r#"{"id":77,"roles":["admin"]}"#);
    let role = Content::Json(r#"{"roles":["admin"]}"#.into());
    script.call(post(API, "/v1/admin/users/77/roles", proof.as_str(), role), raised);
    let to = script.now;
    stage.attack(
        "mfa_bypass_by_key",
        &["key_from_new_network", "administration_by_key", "sensitive_action_without_fresh_mfa"],
        About { clients: vec![address], ..About::person(&petra) },
        (from, to),
        "a key of an administrator with a second factor does what nobody may do without one",
    );
    let day = (stage.clock(0, 0), stage.clock(23, 59));
    let shipping = About::account(machines::SHIPPING, machines::shipping_address());
    stage.innocent("mfa_bypass_by_key", shipping, day, "a service with short-lived tokens of its own");
}

/// A session is copied out of a browser and goes on in a script on the other side of the world.
fn stolen_session(stage: &mut Stage) {
    let marta = stage.person("marta.silva", App::Web, true, "ES");
    let at = stage.clock(16, 20);
    let mut script = stage.script(&marta.visitor, at);
    let Some(pass) = work::routine(&mut script, &marta, 6) else { return };
    let address = places::of("ZA").v4(&mut stage.random);
    let thief = Visitor::proxied(address, "Accept-Encoding: gzip\r\nUser-Agent: python-requests/2.32.3\r\n");
    let from = stage.clock(17, 5);
    let mut script = stage.script(&thief, from);
    for _ in 0..4 {
        let answer = page_of(&mut script, Kind::Customers, 20);
        script.call(get(API, "/v1/customers?limit=20", pass.lines.as_str()), answer);
        script.wait_ms(3_000, 8_000);
    }
    let to = script.now;
    stage.attack(
        "session_hijack",
        &["new_country", "new_device", "impossible_travel", "concurrent_locations"],
        About { clients: vec![address], ..About::person(&marta) },
        (from, to),
        "a browser's session goes on in a script in another country",
    );
}

/// A partner's key is in three programs on three networks within minutes.
fn key_in_many_hands(stage: &mut Stage) {
    let key = tokens::api_key(&mut stage.random);
    let from = stage.clock(19, 15);
    let mut clients = Vec::new();
    for (round, (country, agent)) in
        [("NL", "okhttp/4.12.0"), ("CA", "Go-http-client/1.1"), ("JP", "axios/1.7.9")].into_iter().enumerate()
    {
        let address = places::of(country).v4(&mut stage.random);
        let visitor = Visitor::proxied(address, &format!("User-Agent: {agent}\r\nAccept: */*\r\n"));
        let mut script = stage.script(&visitor, from.after(Duration::from_secs(100 * round as u64)));
        for _ in 0..3 {
            let answer = script.list(Kind::Products);
            script.call(get(API, "/v1/prices?since=1d", format!("X-API-Key: {key}\r\n")), answer);
            script.wait_ms(2_000, 9_000);
        }
        clients.push(address);
    }
    let to = from.after(Duration::from_mins(5));
    let about = About { clients, ..About::default() };
    stage.attack("shared_key", &[], about, (from, to), "one key in three programs on three networks");
}

/// The reporting server takes any number of codes: a stranger tries six on each of two accounts.
fn no_lock(stage: &mut Stage) {
    let address = places::of("BR").v4(&mut stage.random);
    let visitor = Visitor::proxied(
        address,
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0\r\nAccept: */*\r\n",
    );
    let from = stage.clock(22, 2);
    let mut script = stage.script(&visitor, from);
    for name in ["greta.wolf", "emil.haas"] {
        let ticket = script.random.token(40);
        let login = format!(r#"{{"email":"{name}@acme.example","password":"{}"}}"#, script.random.token(12));
        let asks = format!(r#"{{"error":"mfa_required","mfa_token":"{ticket}"}}"#);
        script.call(post(REPORTS, "/auth/login", "", Content::Json(login)), json(401, asks));
        for _ in 0..6 {
            script.wait_ms(6_000, 14_000);
            let code = script.random.digits(6);
            let body = Content::Json(format!(r#"{{"mfa_token":"{ticket}","code":"{code}"}}"#));
            let wrong = json(401, r#"{"error":"invalid_code","message":"The code is not correct"}"#);
            script.call(post(REPORTS, "/mfa/verify", "", body), wrong);
        }
    }
    let to = script.now;
    stage.attack(
        "mfa_lockout_missing",
        &["mfa_failure_burst", "mfa_failure_spray", "mfa_backoff_missing"],
        About::client(address).on(REPORTS, "/mfa/verify"),
        (from, to),
        "the reporting server judges six codes of one account in a row",
    );
    let day = (stage.clock(0, 0), stage.clock(23, 59));
    let careful = About::default().on(API, "/mfa/verify");
    stage.innocent("mfa_lockout_missing", careful, day, "the main API locks after three wrong codes");
}

fn page_of(script: &mut Script<'_>, kind: Kind, count: u64) -> Answer {
    let form = Form::any(script.random);
    Answer { status: 200, body: Content::Page(kind, count), form, ..Answer::default() }
}
