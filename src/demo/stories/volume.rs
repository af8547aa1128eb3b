//! Stories of numbers: a customer base carried off, a list of stolen passwords, and their innocents.
//! They are given the stage and write attacks and innocents on it.
//! They promise rates far from the thresholds on either side.

use super::{About, Stage};
use crate::demo::message::{Answer, Content, Form};
use crate::demo::people::{App, Person};
use crate::demo::places;
use crate::demo::records::{FIRST_NAMES, Kind, LAST_NAMES};
use crate::demo::script::{Script, get};
use crate::demo::sign_in;
use crate::demo::site::{API, Visitor};
use crate::demo::tokens;
use crate::demo::work;
use std::net::{IpAddr, Ipv4Addr};

/// Pages that the insider takes, of 100 records each.
const PAGES_TAKEN: u64 = 420;
/// Accounts that the list of stolen passwords names.
const ACCOUNTS_TRIED: u64 = 44;

pub(super) fn tell(stage: &mut Stage) {
    insider(stage);
    nightly_sync(stage);
    credential_stuffing(stage);
}

/// An employee's own token takes 42,000 customers in a minute.
fn insider(stage: &mut Stage) {
    let quinn = stage.person("quinn.castro", App::Mobile, true, "GB");
    let at = stage.clock(16, 40);
    let mut script = stage.script(&quinn.visitor, at);
    let Some(pass) = work::routine(&mut script, &quinn, 4) else { return };
    script.wait_ms(60_000, 90_000);
    let from = script.now;
    pages(&mut script, "customers", Kind::Customers, &pass.lines, PAGES_TAKEN, (90, 160));
    let to = script.now;
    stage.attack(
        "bulk_extraction",
        &["pagination_walk", "object_enumeration", "odd_timing"],
        About::person(&quinn),
        (from, to),
        "an employee's token takes 420 pages of 100 customers in a minute",
    );
}

/// The stock is copied every night: the same pages, at a program's patient pace.
fn nightly_sync(stage: &mut Stage) {
    let address = IpAddr::V4(Ipv4Addr::new(10, 30, 0, 21));
    let visitor = Visitor::internal(address, "User-Agent: stock-sync/1.9\r\nAccept: application/json\r\n");
    let proof = format!("X-API-Key: {}\r\n", tokens::api_key(&mut stage.random));
    let from = stage.clock(2, 10);
    let mut script = stage.script(&visitor, from);
    pages(&mut script, "stock", Kind::Products, &proof, 45, (3_500, 7_500));
    let to = script.now;
    stage.innocent(
        "bulk_extraction",
        About::client(address),
        (from, to),
        "a nightly copy of the stock, paced",
    );
    stage.innocent(
        "pagination_walk",
        About::client(address),
        (from, to),
        "a nightly copy of the stock, 45 pages",
    );
}

/// One page after the other; answers are compressed, as programs ask for it.
fn pages(script: &mut Script<'_>, list: &str, kind: Kind, proof: &str, count: u64, gap_ms: (u64, u64)) {
    for page in 1..=count {
        let answer = Answer {
            status: 200,
            service_us: script.random.range(9_000, 25_000),
            body: Content::Page(kind, 100),
            form: if page % 2 == 0 { Form::GzipChunked } else { Form::Sized },
            ..Answer::default()
        };
        script.call(get(API, format!("/v1/{list}?page={page}&limit=100"), proof), answer);
        script.wait_ms(gap_ms.0, gap_ms.1);
    }
}

/// A list of stolen passwords from elsewhere is tried from one address; one of them still works here.
fn credential_stuffing(stage: &mut Stage) {
    let lena = stage.person("lena.ueda", App::Web, false, "SE");
    let home = stage.clock(7, 15);
    work::routine(&mut stage.script(&lena.visitor, home), &lena, 5);
    let thief = lena.from(App::Web, "ZA", &mut stage.random);
    let from = stage.clock(18, 31);
    let mut script = stage.script(&thief.visitor, from);
    for number in 0..ACCOUNTS_TRIED {
        let first = script.random.pick(FIRST_NAMES);
        let last = script.random.pick(LAST_NAMES);
        let email = format!("{first}.{last}{}@mail.example", 100 + number);
        sign_in::password(&mut script, &Person { email, ..thief.clone() }, false);
        script.wait_ms(1_500, 4_500);
        if number == 30 {
            // The one that works is looked at at once.
            let Some(pass) = sign_in::sign_in(&mut script, &thief) else { return };
            work::task(&mut script, &pass);
            script.wait_ms(1_500, 4_500);
        }
    }
    let to = script.now;
    let address = thief.visitor.address;
    stage.attack(
        "credential_stuffing",
        &["new_country", "impossible_travel", "new_device", "concurrent_locations", "session_hijack"],
        About { clients: vec![address], ..About::person(&thief) },
        (from, to),
        "44 stolen passwords are tried from one address, and one of them works",
    );
    let quiet = places::of("ZA").v4(&mut stage.random);
    let forgetful = stage.person("zoe.okafor", App::Web, true, "ZA").at(quiet);
    let from = stage.clock(17, 5);
    let mut script = stage.script(&forgetful.visitor, from);
    for _ in 0..3 {
        sign_in::password(&mut script, &forgetful, false);
        script.wait_ms(8_000, 20_000);
    }
    work::routine(&mut script, &forgetful, 4);
    let to = script.now;
    let about = About::person(&forgetful);
    stage.innocent("credential_stuffing", about, (from, to), "three wrong passwords for one's own account");
}
