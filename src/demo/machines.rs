//! Programs that call the API all day: a partner's price feed, shipping, the warehouse, probes.
//! It is given a span of time and lets each program act at its own pace.
//! It promises proofs as programs have them: static keys, service tokens, encrypted tokens, or none.

use super::message::{Answer, Content, Form};
use super::places;
use super::random::Random;
use super::records::Kind;
use super::script::{Script, empty, get, json, post};
use super::site::{API, LEGACY, Visitor, WAREHOUSE};
use super::timeline::{Actor, Exchange};
use super::tokens::{self, Claims};
use heelguard_detectors::time::EventTime;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// The shipping service, which takes its tokens with its client secret in `Authorization: Basic`.
pub(super) const SHIPPING: &str = "svc-shipping";
/// How long a service token lives.
const TOKEN_LIFETIME_S: u64 = 3_600;

/// What a program does.
enum Job {
    /// A partner reads prices with a static key.
    PriceFeed { key: String },
    /// Shipping changes orders with a service token, which it renews in time.
    Shipping { secret: String, token: String, renew_at: EventTime },
    /// The warehouse counts its stock with an encrypted token.
    Warehouse { token: String },
    /// A cluster's probe, without any credential.
    Probe,
    /// An uptime check from outside in plain text, without any credential.
    Uptime,
}

/// A program at work.
pub(super) struct Machine {
    job: Job,
    visitor: Visitor,
    random: Random,
    /// Seconds between two rounds, at least and at most.
    every_s: (u64, u64),
    until: EventTime,
}

/// The address of the shipping service.
pub(super) fn shipping_address() -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0xFD12, 0x3456, 0x789A, 0x30, 0, 0, 0, 7))
}

/// The address of the uptime check.
pub(super) fn uptime_address() -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(98, 150, 77, 12))
}

/// The address of the warehouse's program.
pub(super) fn warehouse_address() -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 30, 0, 9))
}

/// All programs, each with the moment it starts; they stop shortly before `end`.
pub(super) fn all(day: EventTime, end: EventTime, random: &mut Random) -> Vec<(Machine, EventTime)> {
    let partner = places::of("US").v4(random);
    let agent =
        |name: &str| format!("User-Agent: {name}\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\n");
    let probe =
        Visitor::internal(IpAddr::V4(Ipv4Addr::new(10, 20, 0, 250)), "User-Agent: kube-probe/1.31\r\n");
    let jobs = [
        (
            Job::PriceFeed { key: tokens::api_key(random) },
            Visitor::proxied(partner, &agent("northwind-prices/2.4")),
            (70, 110),
        ),
        (
            Job::Shipping { secret: random.token(32), token: String::new(), renew_at: EventTime::ZERO },
            Visitor::internal(shipping_address(), &agent("Go-http-client/1.1")),
            (40, 90),
        ),
        (
            Job::Warehouse { token: tokens::jwe(random) },
            Visitor::internal(warehouse_address(), &agent("python-requests/2.32.3")),
            (110, 190),
        ),
        (Job::Probe, probe, (58, 62)),
        (
            Job::Uptime,
            Visitor::outside(uptime_address(), places::of("US"), "User-Agent: uptime/3\r\nAccept: */*\r\n"),
            (290, 310),
        ),
    ];
    let until = end.before(Duration::from_mins(5));
    jobs.into_iter()
        .map(|(job, visitor, every_s)| {
            let at = day.after(Duration::from_millis(random.range(1_000, 60_000)));
            (Machine { job, visitor, random: random.fork(), every_s, until }, at)
        })
        .collect()
}

impl Actor for Machine {
    fn act(&mut self, now: EventTime, out: &mut Vec<Exchange>) -> Option<EventTime> {
        if now > self.until {
            return None;
        }
        let mut script = Script { visitor: &self.visitor, now, random: &mut self.random, out };
        match &mut self.job {
            Job::PriceFeed { key } => {
                let answer = script.list(Kind::Products);
                script.call(get(API, "/v1/prices?since=15m", format!("X-API-Key: {key}\r\n")), answer);
            }
            Job::Shipping { secret, token, renew_at } => {
                if now >= *renew_at {
                    *token = service_token(&mut script, secret);
                    *renew_at = now.after(Duration::from_secs(TOKEN_LIFETIME_S - 120));
                }
                ship(&mut script, token);
            }
            Job::Warehouse { token } => {
                let proof = format!("Authorization: Bearer {token}\r\n");
                let answer = Answer {
                    status: 200,
                    body: Content::Page(Kind::Products, 12),
                    form: Form::any(script.random),
                    ..Answer::default()
                };
                script.call(get(WAREHOUSE, "/v1/stock/levels", proof), answer);
            }
            Job::Probe => script.call(get(API, "/healthz", ""), json(200, r#"{"status":"ok"}"#)),
            Job::Uptime => script.call(get(LEGACY, "/status", ""), json(200, r#"{"status":"up"}"#)),
        }
        let (low, high) = self.every_s;
        script.wait_ms(low * 1_000, high * 1_000);
        Some(script.now)
    }
}

/// OAuth's client credentials grant, with the client's secret in `Basic` (RFC 6749, section 2.3.1).
fn service_token(script: &mut Script<'_>, secret: &str) -> String {
    let claims = Claims {
        subject: SHIPPING,
        email: "",
        client_id: SHIPPING,
        scope: "orders:read orders:write",
        amr: &[],
        issued_at: script.now,
        auth_time: script.now,
        lifetime_s: TOKEN_LIFETIME_S,
    };
    let token = tokens::jwt(&claims, script.random);
    let proof = format!("Authorization: Basic {}\r\n", tokens::basic(SHIPPING, secret));
    let body = Content::Form("grant_type=client_credentials&scope=orders%3Aread+orders%3Awrite".into());
    let text =
        format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{TOKEN_LIFETIME_S}}}"#);
    script.call(post(API, "/oauth/token", proof, body), json(200, text));
    token
}

fn ship(script: &mut Script<'_>, token: &str) {
    let proof = format!("Authorization: Bearer {token}\r\n");
    let order = script.random.range(100_000, 900_000);
    let one = Answer { status: 200, body: Content::Page(Kind::Orders, 1), ..Answer::default() };
    script.call(get(API, format!("/v1/orders/{order}"), proof.as_str()), one);
    if script.random.chance(500) {
        let body =
            format!(r#"{{"order":{order},"carrier":"dhl","weight_g":{}}}"#, script.random.range(90, 9_000));
        script.call(
            post(API, "/v1/shipments", proof, Content::Json(body)),
            json(201, r#"{"status":"queued"}"#),
        );
    } else {
        script.call(post(API, "/v1/events", proof, Content::Json(r#"{"event":"idle"}"#.into())), empty(204));
    }
}
