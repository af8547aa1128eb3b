//! Programs that call the API: copy jobs, services, partners, build machines, a fleet with one key, crawlers.
//! It is given the company and lets each program act at its own pace until the week ends.
//! It promises proofs and paces as programs have them: static keys, service tokens, the same hour every night.

use super::calendar::DAY_S;
use super::census::Happening;
use super::chores::back_off;
use super::company::Company;
use super::networks;
use crate::demo::message::{Answer, Content, Form};
use crate::demo::places;
use crate::demo::random::Random;
use crate::demo::records::Kind;
use crate::demo::script::{Script, empty, get, json, post};
use crate::demo::site::{API, LEGACY, Visitor};
use crate::demo::timeline::{Actor, Exchange};
use crate::demo::tokens::{self, Claims};
use heelguard_detectors::time::EventTime;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

const HOUR_S: u64 = 3_600;

/// What a program does.
enum Job {
    /// Copies a list every hour, and all of it at the same time every night.
    Copy { key: String, list: &'static str, minute: u64, night_hour: u64 },
    /// A service with a token of its own, which it renews in time.
    Service { name: String, secret: String, token: String, renew_at: EventTime },
    /// A partner's program with a static key.
    Partner { key: String },
    /// One key on many hosts of one cloud network.
    Fleet { key: String, hosts: u64 },
    /// A build: another address of the cloud each time.
    Build { key: String },
    /// A search engine reads public pages.
    Crawler,
}

/// A program at work.
pub(super) struct Program {
    job: Job,
    visitor: Visitor,
    company: Arc<Company>,
    random: Random,
}

/// All programs; there are more of them where there are more people.
pub(super) fn all(users: usize, company: &Arc<Company>, random: &mut Random) -> Vec<(Program, EventTime)> {
    let many = |per: usize| (users / per).max(1) as u64;
    let agent =
        |name: &str| format!("User-Agent: {name}\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\n");
    let inside = |last: u64| IpAddr::V4(Ipv4Addr::new(10, 30, 1, last as u8));
    let mut jobs = Vec::new();
    for number in 0..many(500).min(8) {
        let list = ["orders", "customers", "products"][(number % 3) as usize];
        let job = Job::Copy {
            key: tokens::api_key(random),
            list,
            minute: random.below(50),
            night_hour: 1 + number % 4,
        };
        jobs.push((job, Visitor::internal(inside(20 + number), &agent("stock-copy/2.1"))));
    }
    for number in 0..many(300).min(12) {
        let name =
            format!("svc-{}", ["billing", "mail", "search", "stock", "tax", "audit"][(number % 6) as usize]);
        let name = format!("{name}-{number}");
        let job =
            Job::Service { name, secret: random.token(32), token: String::new(), renew_at: EventTime::ZERO };
        jobs.push((job, Visitor::internal(inside(60 + number), &agent("Go-http-client/1.1"))));
    }
    for number in 0..many(200).min(20) {
        let country = ["US", "DE", "NL", "GB"][(number % 4) as usize];
        let name = ["partner-feed/3.2", "python-requests/2.32.3", "axios/1.7.7"][(number % 3) as usize];
        let visitor = Visitor::proxied(places::of(country).v4(random), &agent(name));
        jobs.push((Job::Partner { key: tokens::api_key(random) }, visitor));
    }
    let cloud = networks::cloud(random);
    jobs.push((
        Job::Fleet { key: tokens::api_key(random), hosts: 30 },
        Visitor::proxied(cloud, &agent("acme-sdk-go/1.12")),
    ));
    for _ in 0..many(1_000) {
        jobs.push((
            Job::Build { key: tokens::api_key(random) },
            Visitor::proxied(cloud, &agent("acme-cli/0.9")),
        ));
    }
    let robot = "User-Agent: Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)\r\nAccept: */*\r\n";
    let crawler = IpAddr::V4(Ipv4Addr::new(66, 249, 66, 17));
    jobs.push((Job::Crawler, Visitor::outside(crawler, places::of("US"), robot)));
    company.census.add(Happening::Program, jobs.len() as u64);
    jobs.into_iter()
        .map(|(job, visitor)| {
            let at = company.calendar.start().after(Duration::from_secs(random.below(600)));
            (Program { job, visitor, company: company.clone(), random: random.fork() }, at)
        })
        .collect()
}

impl Actor for Program {
    fn act(&mut self, now: EventTime, out: &mut Vec<Exchange>) -> Option<EventTime> {
        let company = &self.company;
        if now.after(Duration::from_mins(20)) >= company.calendar.end() {
            return None;
        }
        if let Job::Fleet { hosts, .. } = &self.job {
            self.visitor = on_host(&self.visitor, self.random.below(*hosts));
        } else if matches!(self.job, Job::Build { .. }) {
            self.visitor = elsewhere(&self.visitor, networks::cloud(&mut self.random));
        }
        let mut script = Script { visitor: &self.visitor, now, random: &mut self.random, out };
        if company.calendar.is_down(now) && !matches!(self.job, Job::Crawler) {
            wait_out(&mut script, &self.job, company);
            return Some(script.now);
        }
        let pause_s = match &mut self.job {
            Job::Copy { key, list, minute, night_hour } => {
                copy(&mut script, key, list, *night_hour, company);
                let next = (now.as_secs() / HOUR_S + 1) * HOUR_S + *minute * 60;
                return Some(
                    EventTime::from_secs(next).after(Duration::from_millis(script.random.below(900))),
                );
            }
            Job::Service { name, secret, token, renew_at } => {
                if now >= *renew_at {
                    *token = service_token(&mut script, name, secret);
                    *renew_at = now.after(Duration::from_secs(HOUR_S - 120));
                }
                serve(&mut script, token);
                script.random.range(30, 120)
            }
            Job::Partner { key } => {
                let prices = script.list(Kind::Products);
                script.call(get(API, "/v1/prices?since=15m", keyed(key)), prices);
                script.random.range(280, 320)
            }
            Job::Fleet { key, .. } => {
                let body = Content::Json(r#"{"event":"heartbeat","host":"edge"}"#.into());
                script.call(post(API, "/v1/events", keyed(key), body), empty(204));
                script.random.range(20, 60)
            }
            Job::Build { key } => {
                build(&mut script, key, company);
                script.random.range(2 * HOUR_S, 7 * HOUR_S)
            }
            Job::Crawler => {
                crawl(&mut script, company);
                script.random.range(600, 1_800)
            }
        };
        Some(script.now.after(Duration::from_secs(pause_s)))
    }
}

/// What came in the last hour; at its hour of the night everything.
fn copy(script: &mut Script<'_>, key: &str, list: &str, night_hour: u64, company: &Company) {
    let kind = if list == "orders" { Kind::Orders } else { Kind::Products };
    let is_night = script.now.as_secs() % DAY_S / HOUR_S == night_hour;
    let (pages, size, gap_ms) = if is_night {
        company.census.count(Happening::FullSync);
        (120, 500, (250, 700))
    } else {
        company.census.count(Happening::SyncRun);
        (script.random.range(3, 12), 200, (300, 900))
    };
    for page in 1..=pages {
        let answer = Answer {
            status: 200,
            body: Content::Page(kind, size),
            form: if page % 2 == 0 { Form::GzipChunked } else { Form::Sized },
            service_us: script.random.range(9_000, 60_000),
            ..Answer::default()
        };
        script.call(get(API, format!("/v1/{list}?page={page}&limit={size}"), keyed(key)), answer);
        script.wait_ms(gap_ms.0, gap_ms.1);
    }
}

/// A token by client credentials, the secret in `Basic` (RFC 6749, section 2.3.1).
fn service_token(script: &mut Script<'_>, name: &str, secret: &str) -> String {
    let claims = Claims {
        subject: name,
        email: "",
        client_id: name,
        scope: "orders:read events:write",
        amr: &[],
        issued_at: script.now,
        auth_time: script.now,
        lifetime_s: HOUR_S,
    };
    let token = tokens::jwt(&claims, script.random);
    let proof = format!("Authorization: Basic {}\r\n", tokens::basic(name, secret));
    let body = Content::Form("grant_type=client_credentials&scope=orders%3Aread+events%3Awrite".into());
    let text = format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{HOUR_S}}}"#);
    script.call(post(API, "/oauth/token", proof, body), json(200, text));
    token
}

fn serve(script: &mut Script<'_>, token: &str) {
    let proof = format!("Authorization: Bearer {token}\r\n");
    let order = script.random.range(100_000, 900_000);
    let answer = Answer { status: 200, body: Content::Page(Kind::Orders, 1), ..Answer::default() };
    script.call(get(API, format!("/v1/orders/{order}"), proof.as_str()), answer);
    script.call(post(API, "/v1/events", proof, Content::Json(r#"{"event":"seen"}"#.into())), empty(204));
}

/// A build reads its settings and publishes what it built.
fn build(script: &mut Script<'_>, key: &str, company: &Company) {
    company.census.count(Happening::BuildRun);
    script.call(get(API, "/v1/settings", keyed(key)), json(200, r#"{"channel":"beta"}"#));
    for _ in 0..script.random.range(4, 15) {
        script.wait_ms(900, 20_000);
        let body = format!(
            r#"{{"artifact":"{}","bytes":{}}}"#,
            script.random.hex(40),
            script.random.below(9_000_000)
        );
        script.call(
            post(API, "/v1/artifacts", keyed(key), Content::Json(body)),
            json(201, r#"{"status":"stored"}"#),
        );
    }
}

/// Public pages, some of which are gone.
fn crawl(script: &mut Script<'_>, company: &Company) {
    script.call(get(LEGACY, "/robots.txt", ""), empty(404));
    for _ in 0..script.random.range(5, 25) {
        script.wait_ms(2_000, 9_000);
        company.census.count(Happening::Crawl);
        let page = script.random.range(1, 4_000);
        let gone = script.random.chance(120);
        let answer = if gone { json(404, r#"{"error":"not_found"}"#) } else { script.list(Kind::Products) };
        script.call(get(LEGACY, format!("/products/{page}"), ""), answer);
    }
}

/// Programs try again, each pause twice as long, up to a minute.
fn wait_out(script: &mut Script<'_>, job: &Job, company: &Company) {
    let proof = match job {
        Job::Copy { key, .. } | Job::Partner { key } | Job::Fleet { key, .. } | Job::Build { key } => {
            keyed(key)
        }
        Job::Service { token, .. } => format!("Authorization: Bearer {token}\r\n"),
        Job::Crawler => String::new(),
    };
    let mut failure = 0;
    while company.calendar.is_down(script.now) {
        company.census.count(Happening::Outage);
        let answer = Answer { service_us: 700, ..json(503, r#"{"error":"unavailable"}"#) };
        script.call(get(API, "/v1/settings", proof.as_str()), answer);
        back_off(script, failure);
        failure += 1;
    }
}

fn keyed(key: &str) -> String {
    format!("X-API-Key: {key}\r\n")
}

/// The same program on another host of its network.
fn on_host(visitor: &Visitor, number: u64) -> Visitor {
    match visitor.address {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            elsewhere(visitor, IpAddr::V4(Ipv4Addr::new(a, b, c, 1 + number as u8)))
        }
        IpAddr::V6(_) => visitor.clone(),
    }
}

fn elsewhere(visitor: &Visitor, address: IpAddr) -> Visitor {
    let device_lines = visitor.lines.splitn(3, "\r\n").nth(2).unwrap_or_default();
    Visitor::proxied(address, device_lines)
}
