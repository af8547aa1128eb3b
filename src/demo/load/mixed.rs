//! Mixed API traffic: tokens, keys and cookies, lists of all sizes, compressed and chunked ones among them.
//! It is given users and a count and acts as one of many clients, each on a connection of its own.
//! It promises the shares of methods, routes, statuses and codings that a public API showed.

use crate::demo::message::{Answer, Content, Form, Request};
use crate::demo::people::{App, device};
use crate::demo::places::PLACES;
use crate::demo::random::Random;
use crate::demo::records::Kind;
use crate::demo::script::{empty, json};
use crate::demo::timeline::{Actor, Exchange, Lane, Then};
use crate::demo::tokens::{self, Claims};
use heelguard_detectors::time::EventTime;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

const HOST: &str = "api.example.com";

/// Someone with an account: what every request of theirs carries.
pub(super) struct User {
    address: IpAddr,
    id: String,
    lines: Arc<str>,
    proof: String,
    sends_mfa_token: bool,
}

impl User {
    pub(super) fn any(number: u64, start: EventTime, lifetime_s: u64, random: &mut Random) -> Self {
        let place = &PLACES[(number % 10) as usize];
        let address = place.address(random);
        let app = random.pick(&[Some(App::Web), Some(App::Web), Some(App::Mobile), Some(App::Desktop)]);
        let id = random.uuid();
        let email = format!("user{number}@example.com");
        let amr: &[&str] = if random.chance(500) { &["pwd"] } else { &["pwd", "otp"] };
        let issued_at = start.before(Duration::from_secs(random.below(3_000)));
        let claims = Claims {
            subject: &id,
            email: &email,
            client_id: "",
            scope: "openid profile orders:read orders:write tenant:read invoices:read",
            amr,
            issued_at,
            auth_time: issued_at,
            lifetime_s,
        };
        let jwt = tokens::jwt(&claims, random);
        // Writing to a string does not fail, here and below.
        let mut proof = String::new();
        let has_key = random.chance(350);
        if has_key {
            let _ = write!(proof, "X-API-Key: hk_live_{}\r\n", random.hex(32));
        }
        if !has_key || random.chance(600) {
            let _ = write!(proof, "Authorization: Bearer {jwt}\r\n");
        }
        if random.chance(600) {
            let (session, csrf) = (random.token(64), random.hex(32));
            let _ = write!(
                proof,
                "Cookie: session={session}; csrftoken={csrf}; _ga=GA1.2.{}.1794; theme=dark; locale=en-GB\r\n",
                random.below(1_000_000_000)
            );
        }
        let device = device(app.unwrap_or(App::Web), place, random);
        let lines = format!("{device}X-Forwarded-For: {address}\r\nX-Forwarded-Proto: https\r\n").into();
        Self { address, id, lines, proof, sends_mfa_token: random.chance(120) }
    }
}

/// One connection after the other, each for another user.
pub(super) struct Client {
    number: u32,
    users: Arc<[User]>,
    user: usize,
    left: u64,
    on_connection: u64,
    random: Random,
    /// Calls that go out at once, at most, and the chance that says how many.
    together_max: u64,
    together: Random,
}

impl Client {
    pub(super) fn new(number: u32, users: Arc<[User]>, left: u64, random: Random) -> Self {
        let together = Random::new(u64::from(number));
        Self { number, users, user: 0, left, on_connection: 0, random, together_max: 1, together }
    }

    /// The same calls, up to so many of them at once.
    pub(super) fn together(self, together_max: u64) -> Self {
        Self { together_max, ..self }
    }

    /// One that does everything on one connection, for the first user.
    pub(super) fn on_one_connection(users: Arc<[User]>, left: u64, random: Random) -> Self {
        Self { on_connection: left, ..Self::new(0, users, left, random) }
    }
}

impl Actor for Client {
    fn act(&mut self, now: EventTime, out: &mut Vec<Exchange>) -> Option<EventTime> {
        let first = out.len();
        let mut again = self.call(now, out)?;
        for _ in 1..self.together.range(1, self.together_max) {
            if self.on_connection == 0 {
                break;
            }
            again = self.call(now, out)?;
        }
        let [before @ .., _] = out.get_mut(first..)? else { return None };
        for exchange in before {
            exchange.then = Then::Together;
        }
        Some(again)
    }
}

impl Client {
    /// One call, and when the next one is due.
    fn call(&mut self, now: EventTime, out: &mut Vec<Exchange>) -> Option<EventTime> {
        if self.left == 0 {
            return None;
        }
        if self.on_connection == 0 {
            self.on_connection = self.random.pick(&[1, 1, 2, 3, 4, 5, 6, 8, 10, 20]).min(self.left);
            self.user = self.random.below(self.users.len() as u64) as usize;
        }
        let user = self.users.get(self.user)?;
        self.left -= 1;
        self.on_connection -= 1;
        let (mut request, mut answer) = call(user, &mut self.random);
        request.host = HOST;
        request.caller = user.lines.clone();
        request.proof = format!(
            "X-Request-ID: {}\r\ntraceparent: 00-{}-{}-01\r\n{}",
            self.random.uuid(),
            self.random.hex(32),
            self.random.hex(16),
            user.proof
        );
        if user.sends_mfa_token {
            let _ = write!(request.proof, "X-MFA-Token: {}\r\n", self.random.digits(6));
        }
        answer.service_us = self.random.log_uniform(300, 12_000);
        let _ = write!(
            answer.lines,
            "Connection: keep-alive\r\nX-Request-Id: {}\r\nCache-Control: no-store\r\n\
             Strict-Transport-Security: max-age=31536000\r\n",
            self.random.hex(32)
        );
        let then = if self.on_connection == 0 { Then::Close } else { Then::Keep };
        let server = SocketAddr::new(server_for(user.address), 80);
        // Two clients may act for one user at one time; each has its own connection.
        let lane = Lane { client: user.address, server, id: self.number };
        out.push(Exchange { at: now, lane, rtt_us: 900, request, answer, then });
        Some(now.after(Duration::from_micros(self.random.log_uniform(25_000, 120_000))))
    }
}

/// What users call, in the shares that a public API showed.
fn call(user: &User, random: &mut Random) -> (Request, Answer) {
    let number = random.range(1, 20_000);
    let send = |method: &'static str, target: String, body: Content| Request {
        method,
        target,
        body,
        ..Request::default()
    };
    match random.below(1_000) {
        0..700 => (send("GET", route(user, random), Content::Empty), list(random)),
        700..800 => {
            let created = json(201, format!(r#"{{"id":"{}","status":"created"}}"#, random.hex(32)));
            (send("POST", "/api/v1/orders/new".into(), order(random)), created)
        }
        800..860 => (send("POST", route(user, random), order(random)), list(random)),
        860..890 => (send("PUT", format!("/api/v1/orders/{number}"), order(random)), list(random)),
        890..900 => (send("DELETE", format!("/api/v1/events/{number}"), Content::Empty), empty(204)),
        900..920 => {
            let text = format!(
                r#"{{"username":"user{}@example.com","password":"{}"}}"#,
                random.below(100_000),
                random.token(10)
            );
            let request = send("POST", "/api/v1/login".into(), Content::Json(text));
            let answer = if user.sends_mfa_token {
                json(200, r#"{"token_type":"Bearer","expires_in":3600}"#)
            } else {
                json(401, r#"{"error":"mfa_required","message":"second factor needed"}"#)
            };
            (request, answer)
        }
        920..940 => (send("POST", "/api/v1/events".into(), order(random)), empty(204)),
        940..955 => {
            let request = send("GET", format!("/api/v1/missing/{number}"), Content::Empty);
            (request, json(404, r#"{"error":"not_found"}"#))
        }
        955..965 => {
            let request = send("GET", format!("/api/v1/forbidden/{}", random.uuid()), Content::Empty);
            (request, json(403, r#"{"error":"forbidden","message":"scope missing"}"#))
        }
        965..972 => {
            let limited = json(429, r#"{"error":"rate_limited"}"#);
            let answer = Answer { lines: "Retry-After: 30\r\n".into(), ..limited };
            (send("GET", "/api/v1/limited".into(), Content::Empty), answer)
        }
        972..976 => {
            let request = send("GET", format!("/api/v1/broken/{}", number % 99), Content::Empty);
            (request, json(500, r#"{"error":"internal"}"#))
        }
        976..985 => (send("HEAD", format!("/api/v2/products/{number}"), Content::Empty), list(random)),
        _ => (send("GET", "/healthz".into(), Content::Empty), json(200, r#"{"status":"ok"}"#)),
    }
}

fn route(user: &User, random: &mut Random) -> String {
    let (number, page, id) = (random.range(1, 20_000), random.range(1, 40), user.id.as_str());
    let word = random.pick(&["shoes", "laptop", "garden", "coffee", "monitor", "travel", "lamp", "bike"]);
    match random.below(16) {
        0 => format!("/api/v1/users/{number}"),
        1 => format!("/api/v1/users/{number}/orders?page={page}&per_page=50"),
        2 => format!("/api/v1/orders/{number}"),
        3 => format!("/api/v1/orders/{number}/items"),
        4 => format!("/api/v1/accounts/{id}"),
        5 => format!("/api/v1/accounts/{id}/transactions?from=2026-01-04&to=2026-02-11"),
        6 => format!("/api/v2/products/{number}"),
        7 => format!("/api/v2/products?category={word}&sort=price&page={page}"),
        8 => format!("/api/v2/search?q={word}+{word}&limit=20"),
        9 => format!("/api/v2/carts/{id}/items/{number}"),
        10 => format!("/api/v1/devices/{id}/status"),
        11 => format!("/api/v1/tenants/{}/members?role=viewer", number % 200),
        12 => format!("/api/v1/tenants/{}/projects/{number}/builds", number % 200),
        13 => format!("/api/v1/notifications?unread=true&cursor={}", random.token(24)),
        14 => format!("/api/v2/messages/{id}/thread"),
        _ => "/api/v1/profile".into(),
    }
}

/// Log-uniform sizes from 200 bytes to 20 KB, 0.7 % of about 200 KB; three in ten compressed.
fn list(random: &mut Random) -> Answer {
    let bytes =
        if random.chance(7) { random.range(190_000, 220_000) } else { random.log_uniform(200, 20_000) };
    let form = match random.below(10) {
        0 | 1 => Form::GzipChunked,
        2 => Form::GzipSized,
        3 => Form::Chunked,
        _ => Form::Sized,
    };
    Answer { status: 200, body: Content::Sized(Kind::Customers, bytes), form, ..Answer::default() }
}

fn order(random: &mut Random) -> Content {
    let items: Vec<String> = (0..random.pick(&[1, 1, 2, 3, 5, 12u64]))
        .map(|_| {
            format!(
                r#"{{"sku":"SKU-{:06}","qty":{},"price":{}.5}}"#,
                random.below(1_000_000),
                random.range(1, 9),
                random.range(1, 500)
            )
        })
        .collect();
    Content::Json(format!(
        r#"{{"order":{{"customer":"{}","items":[{}],"note":"please call before delivery","coupon":null,"channel":"web"}}}}"#,
        random.uuid(),
        items.join(",")
    ))
}

/// A user's requests go to one of three servers.
fn server_for(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::new(10, 20, 1, 11 + ip.octets()[3] % 3)),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0xFD12, 0x3456, 0x789A, 0x20, 0, 0, 0, 11)),
    }
}
